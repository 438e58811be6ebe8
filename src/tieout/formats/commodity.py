"""Which of the classifications on a line is its category, whatever the document is written in."""

import re
from collections.abc import Iterable

from tieout.formats.codes import load
from tieout.formats.fields import TEXT_MAX
from tieout.model.commodity import category, scheme_name

SCHEMES = load("commodity_schemes")
#: The codes (UNTDID 7143) by which we write our schemes.
CODES = {name: code for code, name in SCHEMES.codes.items()}
#: What Peppol's ordering has for a UNSPSC code: ``MP`` with a version of UNSPSC, such as 20.0601.
_PEPPOL, _UNSPSC_VERSION = "MP", re.compile(r"[0-9]{1,2}\.[0-9]{4}", re.ASCII)
_RANKS = {name: rank for rank, name in enumerate(SCHEMES.codes.values())}
#: A kind of item number (UNTDID 7143) is two or three capital letters; the name of a scheme is longer, but for these.
_KIND, _NAMES = re.compile(r"[A-Z]{2,3}", re.ASCII), frozenset(("CPV", "HS", "CN", "HTS", "FSC", "ATC", "CND"))


def category_of(classifications: Iterable[tuple[str, str, str]]) -> str:
    """The best category of a line, each given as scheme, code and version of the scheme. A scheme is named by its code
    of UNTDID 7143, or in words (``UNSPSC``, ``eCl@ss``); the numbers of items are none. Nothing where there is none."""
    found = [
        text
        for scheme, code, version in classifications
        if (text := category(_scheme(scheme, version), code[:TEXT_MAX]))
    ]
    return min(found, key=lambda text: _RANKS.get(text.partition(":")[0], len(_RANKS)), default="")


def _scheme(scheme: str, version: str) -> str:
    """Our name of a scheme; nothing where it is the kind of an item number, or mutually agreed (``ZZZ``)."""
    if scheme in SCHEMES:
        return SCHEMES.meaning(scheme)
    if scheme == _PEPPOL and _UNSPSC_VERSION.fullmatch(version):
        return "UNSPSC"
    return "" if _KIND.fullmatch(scheme) and scheme not in _NAMES else scheme_name(scheme)
