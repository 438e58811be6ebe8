"""A document as people can look at it: in lines, with what there is to say about it at its place."""

from collections.abc import Iterable, Iterator, Sequence

from msgspec import Struct

from tieout.formats.reading import spot
from tieout.kernel.problem import Problem

#: A line is broken here, so that a document without line ends can be looked at.
WIDTH = 160
#: So many lines are shown from the beginning, and so many around each place that something is said about.
HEAD_LINES, AROUND = 200, 3
_MARKS = ((b"\xef\xbb\xbf", "utf-8"), (b"\xff\xfe", "utf-16-le"), (b"\xfe\xff", "utf-16-be"))


class Line(Struct, frozen=True):
    """A line as it is shown: its number in the file (of the line it is a part of), the offset of its first byte, and
    what was found in it. ``skipped`` lines before it are not shown."""

    number: int
    offset: int
    text: str
    problems: tuple[Problem, ...] = ()
    skipped: int = 0


def lines_of(body: bytes, problems: Sequence[Problem]) -> tuple[Line, ...]:
    """The document in lines: its beginning, and the surroundings of every problem."""
    broken = list(_broken(body))
    said = _placed(broken, problems)
    wanted = set(range(min(HEAD_LINES, len(broken))))
    for index in said:
        wanted |= set(range(max(0, index - AROUND), min(len(broken), index + AROUND + 1)))
    return tuple(_shown(broken, said, sorted(wanted)))


def unplaced(problems: Iterable[Problem]) -> tuple[Problem, ...]:
    """What is said about the document as a whole."""
    return tuple(problem for problem in problems if spot(problem.where) is None)


def _shown(broken: list[Line], said: dict[int, list[Problem]], wanted: list[int]) -> Iterator[Line]:
    before = -1
    for index in wanted:
        line = broken[index]
        yield Line(line.number, line.offset, line.text, tuple(said.get(index, ())), index - before - 1)
        before = index


def _placed(broken: list[Line], problems: Sequence[Problem]) -> dict[int, list[Problem]]:
    """The index of the line that each problem is about. A row of a table is a line."""
    first: dict[int, int] = {}
    for index, line in enumerate(broken):
        first.setdefault(line.number, index)
    said: dict[int, list[Problem]] = {}
    for problem in problems:
        place = spot(problem.where)
        if place is None or not broken:
            continue
        kind, number = place
        index = _at_byte(broken, number) if kind == "byte" else first.get(number, len(broken) - 1)
        said.setdefault(index, []).append(problem)
    return said


def _at_byte(broken: list[Line], offset: int) -> int:
    low, high = 0, len(broken) - 1
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if broken[middle].offset <= offset else (low, middle - 1)
    return low


def _broken(body: bytes) -> Iterator[Line]:
    """Physical lines, broken further after each segment of an EDI document and where they are too long."""
    mark, encoding = next(((mark, name) for mark, name in _MARKS if body.startswith(mark)), (b"", ""))
    encoding = encoding or _encoding_of(body)
    ends = _segment_end(body)
    newline = "\n".encode(encoding)
    offset = len(mark)
    for number, line in enumerate(body[offset:].split(newline), start=1):
        for piece in _segments(line, ends):
            text = piece.decode(encoding, "replace").rstrip("\r")
            for start in range(0, max(1, len(text)), WIDTH):
                part = text[start : start + WIDTH]
                yield Line(number, offset + len(text[:start].encode(encoding, "replace")), part)
            offset += len(piece)
        offset += len(newline)


def _encoding_of(body: bytes) -> str:
    try:
        body.decode("utf-8")
    except UnicodeDecodeError:
        return "latin-1"
    return "utf-8"


def _segment_end(body: bytes) -> bytes:
    """The segment terminator of an EDI document; nothing for any other."""
    if body[:3] == b"ISA" and len(body) > 105:
        return body[105:106].strip()
    if body[:3] == b"UNA" and len(body) > 8:
        return body[8:9].strip()
    return b"'" if body[:3] == b"UNB" else b""


def _segments(line: bytes, end: bytes) -> Iterator[bytes]:
    if not end:
        yield line
        return
    start = 0
    while (at := line.find(end, start)) >= 0:
        yield line[start : at + 1]
        start = at + 1
    if start < len(line) or not line:
        yield line[start:]
