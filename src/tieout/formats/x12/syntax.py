"""The signs that divide an interchange: X12 has them stand in the ``ISA`` itself, whose length is fixed (X12.5)."""

import re
from codecs import getincrementaldecoder
from datetime import date

from msgspec import Struct

from tieout.formats.segments import Segment, Syntax
from tieout.formats.source import Source
from tieout.kernel.problem import Code, Problem
from tieout.kernel.text import parse_day

#: The lengths of the sixteen elements of ``ISA``; with tag, separators and terminator 106 characters.
ISA_WIDTHS = (2, 10, 2, 10, 2, 15, 2, 15, 6, 4, 1, 5, 9, 1, 1, 1)
#: From this version on ``ISA11`` is the sign between repetitions; before, it named the standard.
_REPETITION_SINCE = "00402"
#: How far into the file the first segment may end.
_HEAD_MAX = 1024
_BOM = b"\xef\xbb\xbf"
_BLANKS = b" \t\r\n"
#: Two-digit years: X12 is younger than this, and nothing in it lies far ahead.
_CENTURY_FROM = 70


class Opening(Struct, frozen=True):
    """How an interchange is to be divided, and the byte at which its ``ISA`` begins."""

    syntax: Syntax
    encoding: str
    start: int


def opening(source: Source, at: int) -> Opening | Problem:
    """Take the signs out of the ``ISA`` that begins at a byte, behind blanks and a byte order mark."""
    head, start = _piece(source, at)
    where = f"ISA, byte {start}"
    text, encoding = _decoded(head)
    if not text.startswith("ISA") or len(text) < 4:
        return Problem(Code.UNKNOWN_FORMAT, f"byte {start}", "ISA", text[:20])
    pieces = text.split(text[3:4], 16)
    if len(pieces) < 17 or len(pieces[16]) < 2:
        return Problem(Code.UNREADABLE, where, "ISA with 16 elements and a terminator", text[:110])
    element, component, terminator = text[3], pieces[16][0], pieces[16][1]
    if terminator == "\r" and pieces[16][2:3] == "\n":
        terminator = "\n"
    signs = (element, component, terminator)
    if len(set(signs)) < len(signs) or any(sign.isalnum() or sign == " " for sign in signs):
        actual = " ".join(map(repr, signs))
        return Problem(Code.BAD_VALUE, where, "three different separators that are no letters or digits", actual)
    return Opening(syntax_of(element, terminator, component, pieces[11], pieces[12]), encoding, start)


def syntax_of(element: str, terminator: str, component: str, repetition: str, version: str) -> Syntax:
    """The signs, with that of ``ISA11`` where the version (``ISA12``) has repetitions."""
    has_repetition = version >= _REPETITION_SINCE and len(repetition) == 1 and not repetition.isalnum()
    return Syntax(element, terminator, component, repetition if has_repetition and repetition != component else "")


def is_same(segment: Segment) -> bool:
    """Whether a further ``ISA`` has the signs by which it was divided."""
    if segment.tag != "ISA" or len(segment.elements) != len(ISA_WIDTHS):
        return False
    own, elements = segment.syntax, segment.elements
    return syntax_of(own.element, own.segment, elements[15], elements[10], elements[11]) == own


def _piece(source: Source, at: int) -> tuple[bytes, int]:
    """Some bytes from a place on, behind a byte order mark and blanks, and where they begin."""
    passed, found = 0, b""
    for chunk in source.chunks():
        found += chunk[max(0, at - passed) :]
        passed += len(chunk)
        if len(found) >= _HEAD_MAX:
            break
    found = found[:_HEAD_MAX]
    stripped = (found.removeprefix(_BOM) if at == 0 else found).lstrip(_BLANKS)
    return stripped, at + len(found) - len(stripped)


def _decoded(head: bytes) -> tuple[str, str]:
    """The beginning as text, and the encodings to read the rest in: UTF-8 where it fits, else Latin-1."""
    try:
        return getincrementaldecoder("utf-8")().decode(head), "utf-8 latin-1"
    except UnicodeDecodeError:
        return head.decode("latin-1"), "latin-1"


def day_of(text: str) -> date | None:
    """A date of eight digits, or of six as versions before 004010 and ``ISA09`` have it."""
    if not re.fullmatch(r"[0-9]{6}(?:[0-9]{2})?", text, re.ASCII):
        return None
    if len(text) == 6:
        text = ("19" if int(text[:2]) >= _CENTURY_FROM else "20") + text
    return parse_day(f"{text[:4]}-{text[4:6]}-{text[6:]}")
