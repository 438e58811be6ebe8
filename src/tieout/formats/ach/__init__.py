"""US payments: ACH files (Nacha) in and out; check image files (X9.37) are recognised and refused."""

import re

from tieout.formats.ach import cash_letter
from tieout.formats.ach.read import read_ach
from tieout.formats.format import Format, Head

#: Record 1, priority, two parties of ten, date, time and modifier; then the size of records and blocks, and the format.
_HEADER = re.compile(r"\s*1[0-9]{2}.{20}[0-9]{6}.{5}094101")


def is_ach(head: Head) -> bool:
    """Whether it begins with an ACH file header."""
    return _HEADER.match(head.text) is not None


FORMATS = (
    Format("ach", "ACH file (Nacha): returns, changes, acknowledgments", "text/plain", "payments", read_ach, is_ach),
    Format(
        "x9.37",
        "check image file (X9.37), recognised and refused",
        "application/octet-stream",
        "bank",
        cash_letter.refuse,
        cash_letter.is_cash_letter,
    ),
)
