"""Check image files (X9.37, X9.100-187): pictures of checks, which banks exchange. We say what they are, and stop."""

import re
from collections.abc import Iterator
from typing import Any

from tieout.formats.format import Head
from tieout.formats.reading import Context, Findings
from tieout.formats.source import Source
from tieout.kernel.problem import Code

#: The file header: record type 01, standard level, test or production, two routing numbers, date and time, resend. Each
#: record may have its length before it, and be written in EBCDIC.
_HEADER = re.compile(r"(?:\0\0\0P)?01[0-9]{2}[TP][0-9]{18}[0-9]{8}[0-9]{4}[YN]")
_EBCDIC_LENGTH = b"\0\0\0P\xf0\xf1"
_EBCDIC_FIRST = (b"\xf0\xf1\xf0", _EBCDIC_LENGTH)


def is_cash_letter(head: Head) -> bool:
    """Whether it begins with the file header of a cash letter."""
    start = head.body[:64]
    if start.startswith(_EBCDIC_FIRST):
        start = start.replace(_EBCDIC_LENGTH, b"\xf0\xf1").decode("cp037").encode("latin-1")
    return _HEADER.match(start.decode("latin-1")) is not None


def refuse(source: Source, context: Context, findings: Findings) -> Iterator[Any]:
    """Say what it is. Nothing of it is read."""
    findings.fault(Code.UNSUPPORTED_CONTENT, "byte 0", detail="a check image file (X9.37), not read")
    return iter(())
