"""Duplicate invoices: what is compared (the fingerprint), where to look, how alike two are, and what explains it."""

from tieout.matching.duplicates.candidates import Candidate, Ruling, candidates, compare
from tieout.matching.duplicates.explained import Lookalike, lookalike_of
from tieout.matching.duplicates.fingerprint import Fingerprint, Status, fingerprint_of
from tieout.matching.duplicates.index import Index, Look, credit_key, keys_of, looks, related
from tieout.matching.duplicates.numbers import Likeness, likeness, normal_number
from tieout.matching.duplicates.score import Criterion
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
    "Ruling",
    "Status",
    "candidates",
    "compare",
    "credit_key",
    "fingerprint_of",
    "keys_of",
    "likeness",
    "lookalike_of",
    "looks",
    "normal_number",
    "related",
]
