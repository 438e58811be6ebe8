"""Terms of payment (``PAT``, since D.12B ``PYT``): when an invoice is due that does not name the day."""

import re
from datetime import date, timedelta

from tieout.formats.edifact.message import part
from tieout.formats.edifact.tree import qualifier
from tieout.formats.segments import Segment

#: Terms of payment (2151), in days; their number is short, and the calendar ends.
_DAYS = {"D": 1, "CD": 1, "W": 7}
_SHORT = re.compile(r"[0-9]{1,3}", re.ASCII)
_YEAR_MAX = 9_000


def day_by_terms(segment: Segment, issued_on: date) -> date | None:
    """Terms such as ``PAT+1++5:3:D:30``: so many days, weeks or months after the date of the invoice (2475 = 5)."""
    if segment.tag == "PAT":
        terms = tuple(part(segment, 3, number) for number in range(1, 5))
    else:
        terms = tuple(part(segment, number) for number in range(3, 7))
    reference, relation, kind, count = terms
    is_net = qualifier(segment) in ("1", "3") and reference in ("5", "") and relation in ("3", "")
    if not is_net or not _SHORT.fullmatch(count) or issued_on.year > _YEAR_MAX:
        return None
    if kind == "M":
        return _months_later(issued_on, int(count))
    return issued_on + timedelta(days=int(count) * _DAYS[kind]) if kind in _DAYS else None


def _months_later(day: date, count: int) -> date:
    """The same day of a later month, or the last one of a shorter month."""
    year, month = divmod(day.year * 12 + day.month - 1 + count, 12)
    first_after = date(year + month // 11, (month + 1) % 12 + 1, 1)
    return min(date(year, month + 1, 1) + timedelta(days=day.day - 1), first_after - timedelta(days=1))
