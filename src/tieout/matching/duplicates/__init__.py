"""Duplicate invoices: what is compared (the fingerprint), where to look, how alike two are, and what explains it."""

from tieout.matching.duplicates.candidates import candidates, compare
from tieout.matching.duplicates.explained import taught_by
from tieout.matching.duplicates.fingerprint import Fingerprint, Status, fingerprint_of
from tieout.matching.duplicates.index import Index, Look, keys_of, looks, related
from tieout.matching.duplicates.numbers import Likeness, likeness, normal_number
from tieout.model.duplicates import Candidate, Criterion, Lookalike
from tieout.policy.duplicates import DuplicateRules

__all__ = [
    "Candidate",
    "Criterion",
    "DuplicateRules",
    "Fingerprint",
    "Index",
    "Likeness",
    "Look",
    "Lookalike",
    "Status",
    "candidates",
    "compare",
    "fingerprint_of",
    "keys_of",
    "likeness",
    "looks",
    "normal_number",
    "related",
    "taught_by",
]
