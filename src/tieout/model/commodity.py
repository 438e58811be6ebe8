"""What is bought, by its code in a classification, as one text: ``UNSPSC:43211503`` (notebook computers).

The scheme stands in front, since the same digits mean other things elsewhere. Schemes whose codes are a tree of digits
are kept as digits only, however they were printed: eCl@ss ``24-01-02-03``, HS ``8471.30``; of a CPV code the check
digit is left away (Regulation (EC) No 213/2008: ``30213100-6``), so that all codes of a branch begin alike.
"""

import re
from collections.abc import Iterable

#: Schemes whose codes are a tree of digits, the most general first.
_TREES = frozenset(("UNSPSC", "ECLASS", "CPV", "HS", "HTS", "CN", "TARIC"))
#: How the same scheme is written elsewhere.
_ALIASES = {"SPSC": "UNSPSC", "UNUNSPSC": "UNSPSC", "HSCODE": "HS", "HARMONIZEDSYSTEM": "HS", "HARMONISEDSYSTEM": "HS"}
_NO_LETTER, _BETWEEN_DIGITS = re.compile(r"[^A-Z0-9]"), re.compile(r"[\s.-]")
_CPV_CHECKED = re.compile(r"([0-9]{8})-?[0-9]", re.ASCII)


def scheme_name(scheme: str) -> str:
    """A scheme as we write it: ``ECLASS`` for ``eCl@ss``."""
    name = _NO_LETTER.sub("", scheme.upper().replace("@", "A"))
    return _ALIASES.get(name, name)


def category(scheme: str, code: str) -> str:
    """A code with its scheme; nothing where either is missing, since a code alone does not say what it is."""
    name, text = scheme_name(scheme), " ".join(code.split())
    if name in _TREES:
        checked = _CPV_CHECKED.fullmatch(text) if name == "CPV" else None
        text = checked[1] if checked else _BETWEEN_DIGITS.sub("", text)
    return f"{name}:{text}" if name and text else ""


def normal(text: str) -> str:
    """A category that somebody wrote, or the beginning of one, as we compare it: ``UNSPSC:43`` for ``unspsc: 43``, and
    ``UNSPSC:`` for every code of the scheme. Nothing where it names no scheme."""
    scheme, colon, code = text.partition(":")
    name = scheme_name(scheme) if colon else ""
    return category(name, code) or (f"{name}:" if name else "")


def begins(text: str, beginning: str) -> bool:
    """Whether a category is in a branch of its scheme: the one that the beginning of a code names."""
    wanted = normal(beginning)
    return bool(wanted) and normal(text).startswith(wanted)


def main_category(spent: Iterable[tuple[str, int]]) -> str:
    """Of amounts by category the category with the largest sum (its sign does not matter); among equal ones the first
    by its code. What has no category counts for none."""
    sums: dict[str, int] = {}
    for said, minor in spent:
        if name := normal(said):
            sums[name] = sums.get(name, 0) + minor
    return min(sums, key=lambda name: (-abs(sums[name]), name), default="")
