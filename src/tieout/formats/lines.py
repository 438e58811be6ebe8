"""Files of lines and of fixed-width records: cut into lines in constant memory, and into fields by tables.

:func:`lines` does what is the same for all of them: line ends, padding, byte order marks, control characters, budgets.
A :class:`Layout` is one kind of record as a table of :class:`Field`; the same table reads and writes. Texts that come
out of it, and go into it, are canonical: blanks stripped, days as ``2026-05-31``, amounts as digits without leading
zeros (decimals are implied). A field that is blank is the empty text.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from datetime import date, timedelta
from typing import Final

from msgspec import Struct

from tieout.formats.reading import Findings, Limits, quoted
from tieout.formats.source import Source
from tieout.kernel.problem import Code, Problem
from tieout.kernel.text import parse_day

#: No line is longer than this, whatever the format.
LINE_MAX = 2**20
#: Two digits from here on are a year of the last century.
PIVOT = 80

_MARK = b"\xef\xbb\xbf"
#: What no line of text holds: control characters other than tab and line ends.
_CONTROL = re.compile(rb"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
#: Where nobody says which encoding it is, the first of these that a line can be; the last one always can.
_EITHER = ("utf-8", "cp1252", "latin-1")
#: Old systems end a file with Control-Z, and some fill the last block with it.
_END_OF_FILE = b"\x1a"


class Line(Struct, frozen=True, gc=False):
    """One line without its end. ``offset`` is that of its first byte (from 0), ``number`` counts from 1."""

    text: str
    offset: int
    number: int

    @property
    def where(self) -> str:
        """The place, as people and pages find it."""
        return f"line {self.number}"


# ── lines ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def lines(
    source: Source, limits: Limits, *, encoding: str = "latin-1", width: int = 0, dropped: bytes = b""
) -> Iterator[Line | Problem]:
    """The lines of a document that are not blank, ended by CRLF, LF or CR, in constant memory.

    ``encoding``: empty for UTF-8 where a line is that, else Windows-1252 or Latin-1. ``width``: each line is a record
    of so many characters; one that was trimmed is padded, and a file without any line ends is cut into records.
    ``dropped``: bytes that networks put between messages. A problem stands for the line it is about;
    ``limits.elements_max`` and :data:`LINE_MAX` end the document. Whoever meets a problem has not got all of it.
    """
    number = offset = 0
    is_latin = encoding == "latin-1"
    for block in _blocks(source, width):
        if isinstance(block, Problem):
            yield block
            return
        is_suspect = block.is_suspect
        for raw in block.lines:
            number += 1
            start = offset
            offset += len(raw)
            if number > limits.elements_max:
                yield Problem(Code.TOO_LARGE, f"line {number}", limit=f"{limits.elements_max} lines")
                return
            if number == 1:
                raw = raw.removeprefix(_MARK)
            if is_suspect:
                raw = raw.translate(None, dropped)
                if found := _CONTROL.search(raw):
                    yield _control(found, start, number)
                    continue
            text = raw.decode("latin-1") if is_latin else _decoded(raw, encoding)
            if text is None:
                yield Problem(Code.UNREADABLE, f"line {number}, byte {start}", detail=f"this is no {encoding}")
                continue
            text = text.rstrip("\r\n")
            if width and len(text) != width:
                text = text.rstrip().ljust(width)
                if len(text) > width:
                    expected = f"a record of {width} characters"
                    yield Problem(Code.BAD_VALUE, f"line {number}", expected=expected, actual=f"{len(text)}")
                    continue
            if not text.isspace() and text:
                yield Line(text, start, number)


class _Block(Struct, frozen=True):
    """Many lines with their ends, and whether there is any control character in them."""

    lines: list[bytes]
    is_suspect: bool


def _blocks(source: Source, width: int) -> Iterator[_Block | Problem]:
    """All lines with their ends, many at a time; the last one may have none."""
    rest = b""
    together: bool | None = None
    for chunk in source.chunks():
        rest += chunk
        if together is None and len(rest.rstrip()) > width:
            together = width > 0 and not re.search(rb"[\r\n]", rest.rstrip())
        cut = len(rest) // width * width if together else _after_last_end(rest)
        if cut:
            whole, rest = rest[:cut], rest[cut:]
            rows = [*_records(whole, width)] if together else whole.splitlines(keepends=True)
            yield _Block(rows, _CONTROL.search(whole) is not None)
        if len(rest) > LINE_MAX:
            yield Problem(Code.TOO_LARGE, expected="line ends", limit=f"{LINE_MAX} bytes in one line")
            return
    rest = rest.rstrip(_END_OF_FILE)
    if rest:
        yield _Block(rest.splitlines(keepends=True), _CONTROL.search(rest) is not None)


def _after_last_end(block: bytes) -> int:
    """Where the last whole line ends. A carriage return in the last place may be half of a CRLF."""
    return max(block.rfind(b"\n"), block.rfind(b"\r", 0, len(block) - 1)) + 1


def _records(block: bytes, width: int) -> Iterator[bytes]:
    return (block[start : start + width] for start in range(0, len(block), width))


def _control(found: re.Match[bytes], start: int, number: int) -> Problem:
    detail = f"a control character (0x{found[0][0]:02x}) in a line of text"
    return Problem(Code.UNREADABLE, f"line {number}, byte {start + found.start()}", detail=detail)


def _decoded(raw: bytes, encoding: str) -> str | None:
    """The text of a line, or nothing if it is not of that encoding."""
    for name in (encoding,) if encoding else _EITHER:
        try:
            return raw.decode(name)
        except UnicodeDecodeError:
            continue
    return None


# ── fields ─────────────────────────────────────────────────────────────────────────────────────────────────────────


class Kind(Struct, frozen=True):
    """What may stand in a field: what it is called, from what stands there to the canonical text, and back.

    ``read`` gives nothing for what is wrong; ``write`` is given the length, and fills it.
    """

    name: str
    read: Callable[[str], str | None]
    write: Callable[[str, int], str]


def century(year: int) -> int:
    """The year that two digits mean."""
    return year + (1900 if year >= PIVOT else 2000)


def _digits(text: str) -> str | None:
    text = text.strip()
    return text if not text or (text.isascii() and text.isdigit()) else None


def _amount(text: str) -> str | None:
    digits = _digits(text)
    return (digits.lstrip("0") or "0") if digits else digits


def _zeros(text: str, length: int) -> str:
    return text.rjust(length, "0")


def _calendar(pattern: str) -> Kind:
    """Days written like ``YYMMDD``: each letter is one digit of the year, month or day. Zeros and blanks are no day."""
    year, month, day = (slice(pattern.index(letter), pattern.rindex(letter) + 1) for letter in "YMD")

    def read(text: str) -> str | None:
        digits = _digits(text)
        if not digits or not digits.strip("0"):
            return "" if digits is not None else None
        if len(digits) != len(pattern):
            return None
        number = int(digits[year])
        years = number if year.stop - year.start == 4 else century(number)
        iso = f"{years:04}-{digits[month]}-{digits[day]}"
        return iso if parse_day(iso) else None

    def write(text: str, length: int) -> str:
        if not text:
            return " " * length
        parts = {"Y": text[2:4] if pattern.count("Y") == 2 else text[:4], "M": text[5:7], "D": text[8:10]}
        return re.sub(r"Y+|M+|D+", lambda found: parts[found[0][0]], pattern)

    return Kind(f"a day ({pattern})", read, write)


def _read_ordinal(text: str) -> str | None:
    """``YYDDD``, the day of the year (a "Julian" day)."""
    digits = _digits(text)
    if not digits or not digits.strip("0"):
        return "" if digits is not None else None
    if len(digits) != 5 or not 1 <= int(digits[2:]) <= 366:
        return None
    year = century(int(digits[:2]))
    day = date(year, 1, 1) + timedelta(days=int(digits[2:]) - 1)
    return day.isoformat() if day.year == year else None


def _write_ordinal(text: str, length: int) -> str:
    day = parse_day(text)
    return (f"{day.year % 100:02}{day.timetuple().tm_yday:03}" if day else "").rjust(length)


TEXT: Final = Kind("a text", str.strip, str.ljust)
RIGHT: Final = Kind("a text", str.strip, str.rjust)
"""A text that stands at the right end of its field."""
DIGITS: Final = Kind("digits", _digits, _zeros)
"""An identifier or a count: digits as they stand, leading zeros and all."""
AMOUNT: Final = Kind("digits of an amount", _amount, _zeros)
YYMMDD, DDMMYY, MMDDYY = _calendar("YYMMDD"), _calendar("DDMMYY"), _calendar("MMDDYY")
YYYYMMDD, DDMMYYYY, MMDDYYYY = _calendar("YYYYMMDD"), _calendar("DDMMYYYY"), _calendar("MMDDYYYY")
YYDDD: Final = Kind("a day of the year (YYDDD)", _read_ordinal, _write_ordinal)


class Field(Struct, frozen=True):
    """One field of a record: where it begins (from 1, as standards count), how long it is, and what may stand there."""

    name: str
    start: int
    length: int
    kind: Kind = TEXT


class Layout(Struct, frozen=True):
    """One kind of record as a table. ``code``: what stands at ``code_at`` (from 1) and says that it is this kind.

    Places that no field covers are blank when written, and not looked at when read.
    """

    name: str
    code: str
    fields: tuple[Field, ...]
    width: int
    code_at: int = 1

    def read(self, line: Line, findings: Findings) -> dict[str, str]:
        """The fields of a record as canonical texts. One that is wrong is told, and then blank."""
        text, values = line.text, {}
        for field in self.fields:
            begin = field.start - 1
            found = text[begin : begin + field.length]
            value = field.kind.read(found)
            if value is None:
                place = self.place(line, field.name)
                findings.fault(Code.BAD_VALUE, place, expected=field.kind.name, actual=found or "nothing")
                value = ""
            values[field.name] = value
        return values

    def place(self, line: Line, name: str) -> str:
        """Where a field stands in the document: the record, the field, and its byte."""
        begin = next((field.start - 1 for field in self.fields if field.name == name), 0)
        return f"{self.name}/{name}, byte {line.offset + begin}"

    def misfits(self, values: Mapping[str, str]) -> Iterator[Problem]:
        """What is wrong with values that are to be written: too long, or not of the kind of their field."""
        for field in self.fields:
            value = values.get(field.name, "")
            written = field.kind.write(value, field.length)
            if len(written) > field.length:
                yield Problem(Code.TOO_LARGE, field.name, limit=f"{field.length} characters", actual=quoted(value))
            elif (back := field.kind.read(written)) is None or back.lstrip("0") != value.lstrip("0"):
                yield Problem(Code.BAD_VALUE, field.name, expected=field.kind.name, actual=quoted(value))

    def write(self, values: Mapping[str, str]) -> str:
        """The record that holds these values. Raises ``ValueError`` for those that :meth:`misfits` tells of."""
        record = [" "] * self.width
        record[self.code_at - 1 : self.code_at - 1 + len(self.code)] = self.code
        for field in self.fields:
            written = field.kind.write(values.get(field.name, ""), field.length)
            if len(written) != field.length:
                raise ValueError(f"{self.name}/{field.name} has {field.length} characters: {written!r}")
            record[field.start - 1 : field.start - 1 + field.length] = written
        return "".join(record)
