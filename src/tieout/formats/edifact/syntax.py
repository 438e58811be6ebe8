"""The signs and letters of an interchange: service string advice (``UNA``), syntax level (``UNB`` S001), numbers and
dates (ISO 9735; data elements 2379 and 2380)."""

import re
from datetime import date

from msgspec import Struct

from tieout.formats.codes import load
from tieout.formats.segments import Syntax
from tieout.formats.source import Source
from tieout.kernel.problem import Code, Problem
from tieout.kernel.text import parse_day

#: What an interchange is divided by when it has no ``UNA``. ``*`` divides repetitions from syntax version 4 on.
DEFAULT = Syntax("+", "'", ":", "", "?", ".")
#: A service string advice is its tag and six signs: component, element, decimal mark, release, repetition, segment.
UNA_LENGTH = 9
#: How far into the file its first segment may end.
_HEAD_MAX = 1024
_SERVICE = ("UNA", "UNB", "UIB")
_BLANKS = b" \t\r\n"
_BOM = b"\xef\xbb\xbf"
#: Two-digit years of ``DTM`` and ``UNB``: EDIFACT is younger than 1987, and nothing in it lies far ahead.
_CENTURY_FROM = 70


#: Syntax level (data element 0001) to encoding.
ENCODINGS = load("edifact_syntax_levels")
#: Date format (data element 2379) to picture.
PICTURES = load("edifact_date_formats")


class Opening(Struct, frozen=True):
    """How an interchange is to be divided, and where its ``UNB`` begins.

    ``level``: syntax level and version as in S001, such as ``UNOC:3``. ``advice``: its ``UNA``, if it has one.
    ``both_marks``: a number may have a comma or a point (ISO 9735 lets the sender choose where no ``UNA`` says so, and
    always from version 4 on).
    """

    syntax: Syntax
    encoding: str
    level: str
    advice: str
    start: int
    both_marks: bool


def opening(source: Source, at: int) -> Opening | Problem:
    """Read the ``UNA`` and the first letters of the ``UNB`` at a byte."""
    head, start = _piece(source, at)
    where = f"byte {start}"
    tag = head[:3].decode("latin-1")
    if tag not in _SERVICE:
        return Problem(Code.UNKNOWN_FORMAT, where, "UNA or UNB", head[:20].decode("latin-1"))
    advice_found, syntax = "", DEFAULT
    if tag == "UNA":
        advised = _advised(head[3:UNA_LENGTH].decode("latin-1"))
        if advised is None:
            actual = head[:UNA_LENGTH].decode("latin-1")
            return Problem(Code.BAD_VALUE, where, "six different signs after UNA", actual, detail="UNA")
        advice_found, rest = head[:UNA_LENGTH].decode("ascii"), head[UNA_LENGTH:]
        syntax, start = advised, start + UNA_LENGTH + len(rest) - len(rest.lstrip(_BLANKS))
        head = rest.lstrip(_BLANKS)
        tag = head[:3].decode("latin-1")
    if tag == "UIB":
        detail = "an interactive interchange (UIB to UIZ) is a conversation, no document; it is not read"
        return Problem(Code.UNSUPPORTED_CONTENT, f"UIB, byte {start}", detail=detail)
    if tag != "UNB":
        return Problem(Code.UNKNOWN_FORMAT, f"byte {start}", "UNB", head[:20].decode("latin-1"))
    return _opened(head.decode("latin-1"), syntax, start, advice_found)


def _opened(head: str, syntax: Syntax, start: int, advice_found: str) -> Opening | Problem:
    """What S001 says of the syntax level and its version."""
    sign = re.escape(syntax.component or ":")
    match = re.match(rf"UNB{re.escape(syntax.element)}(\w{{4}})(?:{sign}(\d))?", head, re.ASCII)
    level, version = (match[1], match[2] or "1") if match else ("", "")
    if not level:
        return Problem(Code.BAD_VALUE, f"UNB, byte {start}", "a syntax identifier such as UNOC:3", head[:20])
    if level == "UNOX":
        detail = "UNOX switches between character sets (ISO 2022), which is not read"
        return Problem(Code.UNSUPPORTED_CONTENT, f"UNB, byte {start}", actual=level, detail=detail)
    is_later = version >= "4"
    signs = {sign: getattr(syntax, sign) for sign in Syntax.__struct_fields__}
    signs["repetition"] = (syntax.repetition if advice_found else "*") if is_later else ""
    encoding = ENCODINGS.meaning(level) or "iso-8859-1"
    both_marks = is_later or not advice_found
    return Opening(Syntax(**signs), encoding, f"{level}:{version}", advice_found, start, both_marks)


def _advised(signs: str) -> Syntax | None:
    """The six signs of a service string advice; a blank stands for a sign that is not used."""
    if len(signs) < 6 or not signs.isascii():
        return None
    component, element, decimal, release, repetition, segment = tuple(signs)
    used = [sign for sign in (component, element, release, repetition, segment) if sign != " "]
    if any(sign.isalnum() for sign in signs) or len(used) != len(set(used)) or " " in (component, element, segment):
        return None
    return Syntax(element, segment, component, repetition.strip(), release.strip(), decimal)


def advice(syntax: Syntax) -> str:
    """The service string advice that says this."""
    signs = (syntax.component, syntax.element, syntax.decimal, syntax.release, syntax.repetition, syntax.segment)
    return "UNA" + "".join(sign or " " for sign in signs)


def _piece(source: Source, at: int) -> tuple[bytes, int]:
    """Some bytes from a place on, behind a byte order mark and blanks, and where they begin."""
    passed, found = 0, b""
    for chunk in source.chunks():
        found += chunk[max(0, at - passed) :]
        passed += len(chunk)
        if len(found) >= _HEAD_MAX:
            break
    found = found[:_HEAD_MAX]
    stripped = found.removeprefix(_BOM) if at == 0 else found
    stripped = stripped.lstrip(_BLANKS)
    return stripped, at + len(found) - len(stripped)


def plain_number(text: str, syntax: Syntax, *, both_marks: bool) -> str:
    """A number with a point, as the strict parser wants it; unchanged when it is not clear what the sender means.

    EDIFACT has no sign between thousands (ISO 9735, 10.2), so a comma or point is the decimal mark. Under a ``UNA``
    that names the other one, three digits behind it may be a careless sender's thousands, and are refused.
    """
    if "," not in text:
        mark = "."
    elif "." in text or text.count(",") > 1:
        return text
    else:
        mark = ","
    whole, _, decimals = text.partition(mark)
    if not both_marks and mark != syntax.decimal and len(decimals.rstrip()) == 3:
        return f"{whole}{mark}{decimals} ({syntax.decimal} is the decimal mark)"
    return text.replace(",", ".")


def day_of(text: str, picture: str) -> date | None:
    """The day of a date written by one of :data:`PICTURES`; of a period, its first day."""
    text = text.strip()
    if len(text) != len(picture) or any(mark == "-" != sign for sign, mark in zip(text, picture, strict=True)):
        return None

    def part(letter: str) -> str:
        return "".join(sign for sign, mark in zip(text, picture.partition("-")[0], strict=False) if mark == letter)

    year = part("Y")
    if len(year) == 2 and year.isdecimal():
        year = ("19" if int(year) >= _CENTURY_FROM else "20") + year
    return parse_day(f"{year}-{part('M')}-{part('D')}")
