"""Delimited segments: what X12 and EDIFACT files are made of, read in pieces, with the byte at which each begins.

A segment is a tag and elements, ended by a terminator; an element may have components, and repetitions. In EDIFACT a
release character takes the meaning from the sign behind it. Line breaks are no data in either standard: they may
follow a terminator, and some senders wrap the whole file at 80 columns; all are left out. A break that *is* the
terminator stays one, with or without a carriage return.

The usual file is split at C speed. What is unusual (released signs, wrapped lines, letters beyond ASCII) is looked for
block by block, so that one such block does not make the others slow.
"""

import codecs
from collections.abc import Iterator

from msgspec import Struct

from tieout.formats.reading import Limits, quoted
from tieout.formats.source import Source
from tieout.kernel.problem import Code, Problem

#: No segment of a business document comes near this.
SEGMENT_MAX = 2**20
#: How much is split at once: many segments, and still small.
_BLOCK = 128 * 1024
_BREAKS = b"\r\n"
#: What may stand between segments, and what DOS leaves at the end of a file.
_BLANKS = " \t\r\n"
_LEFT_OVER = b" \t\r\n\0\x1a"
#: Breaks and blanks that a file ended by line feeds has in odd places.
_ODD_LINES = (b"\n\n", b"\n\r", b"\n ", b"\n\t", b"\r\r")


class Syntax(Struct, frozen=True):
    """The signs that divide a file, one character each; empty where the file has none."""

    element: str
    segment: str
    component: str = ""
    repetition: str = ""
    release: str = ""
    decimal: str = "."


class Segment(Struct, frozen=True, gc=False):
    """One segment. ``elements[0]`` is the first after the tag, raw: ``get``, ``parts`` and ``repeats`` resolve release
    characters. ``number`` counts from 1; ``offset`` is the byte at which the tag begins."""

    tag: str
    elements: list[str]
    number: int
    offset: int
    syntax: Syntax

    def get(self, index: int) -> str:
        """An element by its number in the standard (``BEG03`` is ``get(3)``); empty when it is absent."""
        if index > len(self.elements):
            return ""
        text = self.elements[index - 1]
        release = self.syntax.release
        return resolved(text, release) if release and release in text else text

    def parts(self, index: int) -> tuple[str, ...]:
        """The components of a composite element; nothing when it is absent."""
        return self._divided(index, self.syntax.component)

    def repeats(self, index: int) -> tuple[str, ...]:
        """The repetitions of an element; nothing when it is absent."""
        return self._divided(index, self.syntax.repetition)

    def _divided(self, index: int, sign: str) -> tuple[str, ...]:
        if index > len(self.elements) or not (text := self.elements[index - 1]):
            return ()
        release = self.syntax.release
        if not release or release not in text:
            return tuple(text.split(sign)) if sign else (text,)
        return tuple(resolved(part, release) for part in divided(text, sign, release))

    @property
    def where(self) -> str:
        """The place of the segment, for people and pages."""
        return f"{self.tag or 'empty segment'} (segment {self.number}), byte {self.offset}"


def resolved(text: str, release: str) -> str:
    """The text as it was meant: of each release character and the sign behind it, the sign."""
    meant = text.split(release * 2)  # Released release characters; what is left of them releases something else.
    return release.join(piece.replace(release, "") for piece in meant)


def divided(text: str, sign: str, release: str) -> list[str]:
    """The pieces between unreleased signs, raw."""
    return _rejoined(text.split(sign), sign, release) if sign else [text]


def _rejoined(pieces: list[str], sign: str, release: str) -> list[str]:
    """Pieces of a split, those put together again that were divided at a released sign: one with an odd number of
    release characters before it."""
    whole: list[str] = []
    held: list[str] = []
    for piece in pieces:
        held.append(piece)
        if (len(piece) - len(piece.rstrip(release))) % 2 == 0:
            whole.append(sign.join(held))
            held = []
    return [*whole, sign.join(held)] if held else whole


def tokens(
    source: Source, syntax: Syntax, encoding: str, limits: Limits, start: int = 0
) -> Iterator[Segment | Problem]:
    """The segments from a byte on, in order, in constant memory. A problem is the last thing that comes.

    ``encoding`` may name several, separated by blanks: each segment is read in the first that fits. A segment of
    nothing at all is given, with an empty tag, since no standard has one; blank lines are not.
    """
    return _Tokens(syntax, encoding.split(), limits, start).read(source)


def _blocks(source: Source, start: int) -> Iterator[bytes]:
    """The bytes from a place on, in larger pieces than they come in."""
    held: list[bytes] = []
    size = 0
    for chunk in source.chunks():
        if start >= len(chunk):
            start -= len(chunk)
            continue
        held.append(chunk[start:] if start else chunk)
        size += len(chunk)
        start = 0
        if size >= _BLOCK:
            yield b"".join(held)
            held, size = [], 0
    yield b"".join(held)


class _Tokens:
    """A file being divided: how far we are, and how much of the budget is used."""

    def __init__(self, syntax: Syntax, encodings: list[str], limits: Limits, start: int) -> None:
        self.syntax = syntax
        self.encodings = encodings
        self.elements_max = self.elements_left = limits.elements_max
        self.offset = start
        self.number = 0
        self.is_stopped = False
        self.element = syntax.element.encode(encodings[0])
        self.terminator = syntax.segment.encode(encodings[0])
        self.release = syntax.release.encode(encodings[0])
        self.is_latin = codecs.lookup(encodings[0]).name == "iso8859-1"

    def read(self, source: Source) -> Iterator[Segment | Problem]:
        """Divide block by block; the unfinished segment at the end of a block is put before the next."""
        rest = b""
        for block in _blocks(source, self.offset):
            body, rest = self._cut(rest + block)
            if problem := self._spend(body, rest):
                yield problem
                return
            yield from self._divide(body)
            if self.is_stopped:
                return
        yield from self._end(rest)

    def _cut(self, body: bytes) -> tuple[bytes, bytes]:
        """Up to behind the last terminator that surely is one, with its line break; and what is left."""
        terminator, release = self.terminator, self.release
        at = body.rfind(terminator)
        while release and at > 0 and body.endswith(release, 0, at):
            at = body.rfind(terminator, 0, at)  # It may be released; that is seen when the next one is there.
        if at < 0:
            return b"", body
        end = at + len(terminator)
        behind = body[end : end + 2]
        end += len(behind) - len(behind.lstrip(_BREAKS))
        return body[:end], body[end:]

    def _spend(self, body: bytes, rest: bytes) -> Problem | None:
        """The budget of elements, and of a single segment."""
        self.elements_left -= body.count(self.element) + body.count(self.terminator)
        if self.elements_left < 0:
            limit = f"{self.elements_max} elements"
            return Problem(Code.TOO_LARGE, f"byte {self.offset}", actual=f"more than {limit}", limit=limit)
        if len(rest) > SEGMENT_MAX:
            where, limit = f"byte {self.offset + len(body)}", f"{SEGMENT_MAX} bytes in a segment"
            detail = "no segment of a business document is this long; its terminator may be missing"
            return Problem(Code.TOO_LARGE, where, limit=limit, detail=detail)
        return None

    def _end(self, rest: bytes) -> Iterator[Segment | Problem]:
        """What is left at the end of the data should be nothing."""
        at = rest.rfind(self.terminator) + len(self.terminator) if self.terminator in rest else 0
        if at:  # It has a release character before it, which may be released itself.
            yield from self._carefully(rest[:at].decode("latin-1"))
        if self.is_stopped:
            return
        left = rest[at:].strip(_LEFT_OVER)
        if left and self.terminator == b"\n":  # The last line of a text file often has no end.
            yield from self._carefully(left.decode("latin-1") + "\n")
            return
        if left or (at and self._is_released(rest[: at - len(self.terminator)])):
            where = f"byte {self.offset}"
            expected = f"the segment terminator {self.syntax.segment!r}"
            actual = left.decode("latin-1") or "a released one"
            yield Problem(Code.UNREADABLE, where, expected, quoted(actual), detail="the data ends inside a segment")

    def _is_released(self, before: bytes) -> bool:
        return (len(before) - len(before.rstrip(self.release))) % 2 == 1

    def _divide(self, body: bytes) -> Iterator[Segment | Problem]:
        """Divide a block of whole segments, the fast way if nothing in it is unusual."""
        if (self.is_latin or body.isascii()) and not (self.release and self.release in body):
            begun = body.lstrip(_BREAKS)
            if separator := self._separator(begun):
                self.offset += len(body) - len(begun)
                return self._fast(begun.decode("latin-1"), separator)
        return self._carefully(body.decode("latin-1"))

    def _separator(self, body: bytes) -> str:
        """The terminator with the line break that follows it every time; nothing when breaks or blanks stand elsewhere,
        so that each segment needs a closer look."""
        terminator, sign = self.terminator, self.terminator.decode("latin-1")
        feeds, returns = body.count(b"\n"), body.count(b"\r")
        if sign == "\n":
            if any(odd in body for odd in _ODD_LINES):
                return ""
            return "\n" if not returns else "\r\n" if returns == feeds == body.count(b"\r\n") else ""
        if any(before + blank in body for before in (terminator, b"\n") for blank in (b" ", b"\t")):
            return ""
        if not feeds and not returns:
            return sign
        following = sign + ("\r\n" if returns else "\n")
        is_usual = body.count(following.encode("latin-1")) == feeds == body.count(terminator) and returns in (0, feeds)
        return following if is_usual else ""

    def _fast(self, text: str, separator: str) -> Iterator[Segment]:
        """Divide at every separator; nothing remains."""
        syntax, sign, step = self.syntax, self.syntax.element, len(separator)
        number, offset = self.number, self.offset
        pieces = text.split(separator)
        pieces.pop()
        for piece in pieces:
            number += 1
            elements = piece.split(sign)
            yield Segment(elements.pop(0), elements, number, offset, syntax)
            offset += len(piece) + step
        self.number, self.offset = number, offset

    def _carefully(self, text: str) -> Iterator[Segment | Problem]:
        """Divide with regard to blanks, breaks and released signs. The text has one character for each byte."""
        terminator, release = self.terminator.decode("latin-1"), self.release.decode("latin-1")
        pieces = divided(text, terminator, release) if release else text.split(terminator)
        after = pieces.pop()
        for piece in pieces:
            begun = piece.lstrip(_BLANKS)
            offset = self.offset + len(piece) - len(begun)
            self.offset += len(piece) + len(terminator)
            plain = begun.replace("\r", "").replace("\n", "")
            if plain or terminator != "\n":
                yield self._segment(plain, offset)
            if self.is_stopped:
                return
        self.offset += len(after)

    def _segment(self, plain: str, offset: int) -> Segment | Problem:
        """One segment out of its bytes, or why they are no text."""
        self.number += 1
        text = plain if plain.isascii() else self._decoded(plain.encode("latin-1"))
        if text is None:
            self.is_stopped = True
            where, expected = f"byte {offset}", f"text in {' or '.join(self.encodings)}"
            return Problem(Code.UNREADABLE, where, expected, quoted(plain))
        sign, release = self.syntax.element, self.syntax.release
        elements = divided(text, sign, release) if release and release in text else text.split(sign)
        return Segment(elements.pop(0), elements, self.number, offset, self.syntax)

    def _decoded(self, raw: bytes) -> str | None:
        for encoding in self.encodings:
            try:
                return raw.decode(encoding)
            except UnicodeDecodeError:
                continue
        return None
