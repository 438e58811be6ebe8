"""What cannot be written as it is: texts that would not be read back the same."""

import re

from tieout.formats import fields
from tieout.kernel.problem import Code, Problem

#: Signs that XML 1.0 cannot carry, even escaped.
_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def unfit(text: str, where: str, length_max: int = fields.TEXT_MAX, *, is_required: bool = True) -> Problem | None:
    """Why a text would not be read back as it is."""
    if is_required and not text:
        return Problem(Code.MISSING_FIELD, where, expected="a text")
    if _NOT_XML.search(text):
        return Problem(Code.BAD_VALUE, where, actual=ascii(text)[:80], detail="a control character or half a sign")
    if fields.one_line(text) != text:
        return Problem(Code.BAD_VALUE, where, expected="one line without needless blanks", actual=ascii(text)[:80])
    if len(text) > length_max:
        return Problem(Code.TOO_LARGE, where, limit=f"{length_max} characters", actual=f"{len(text)} characters")
    return None


def prose(text: str, length_max: int = fields.TEXT_MAX) -> str:
    """A description as far as it can be written: on one line, without what XML cannot carry, not too long."""
    return fields.one_line(_NOT_XML.sub("", text))[:length_max].rstrip()
