"""SWIFT MT messages as they reach companies: with or without their blocks, several in a file, with what banks add.

A message is a run of tagged fields (``:20:``, ``:61:`` …), each of which may go on in further lines. It begins with a
header block, with ``:20:``, or, where a bank leaves that out, with the account of the next statement; so one account's
lines can never end up under another's. It ends with ``-``, or where the next one begins.
"""

import re
from collections.abc import Iterator

from msgspec import Struct, field

from tieout.formats.lines import lines
from tieout.formats.reading import Context
from tieout.formats.source import Source
from tieout.kernel.problem import Code, Problem

#: No field has more lines than this. The standard allows six; banks write more.
LINES_MAX = 1_000

#: Tags of the messages we know. Other text that looks like one (``:12:11``, a wrapped time) goes on with its field.
_TAGS = {
    *("13", "13D", "20", "21", "25", "25P", "28", "28C", "28D", "32A", "34F", "60F", "60M", "61", "62F", "62M", "64"),
    *("65", "72", "86", "90C", "90D", "NS", "50", "50A", "50F", "50K", "50H", "52A", "52D", "56A", "56D"),
}
#: Fields of free text: what follows and is no known tag belongs to them.
_TEXTS = {"61", "86", "NS", "72", "50", "50A", "50F", "50K", "52A", "52D"}
#: Once one of these was there, a lone dash can only be the end of the message.
_ENOUGH = {"62F", "62M", "64", "65", "90C", "90D", "13D", "34F", "32A"}
_TAG = re.compile(r":([0-9]{2}[A-Z]?|NS):(.*)", re.DOTALL)
_BLOCKS = re.compile(r"\{1:")
_KIND = re.compile(r"\{2:[IO]([0-9]{3})")
_TEXT_BLOCK = re.compile(r"\{4:(.*)", re.DOTALL)
#: A line that names the kind of message, as Dutch banks put it in front of each: ``940``, ``940 00``, ``:940:``.
_KIND_LINE = re.compile(r":?(9[0145][0-2])(?::| [0-9]{2})?\s*")
_END = re.compile(r"-(\}.*|X*)\s*", re.DOTALL)
#: What networks put around messages.
_FRAMES = b"\x01\x02\x03"


class Tag(Struct):
    """A field of a message. ``text`` is its first line; ``kind`` that of its message where something says so."""

    name: str
    text: str
    number: int
    kind: str
    begins: bool
    more: list[str] = field(default_factory=list)

    @property
    def where(self) -> str:
        """The place, as people and pages find it."""
        return f":{self.name}:, line {self.number}"

    @property
    def lines(self) -> list[str]:
        """All lines of the field."""
        return [self.text, *self.more]


def tags(source: Source, context: Context) -> Iterator[Tag | Problem]:
    """The fields of all messages in order. ``begins`` says that a field is the first of a message."""
    kind, begins, is_over, has_enough = "", True, False, False
    tag: Tag | None = None
    for line in lines(source, context.limits, encoding="", dropped=_FRAMES):
        if isinstance(line, Problem):
            yield line
            return
        text = line.text
        if _BLOCKS.search(text):
            found = _KIND.search(text)
            kind, begins, is_over, has_enough = found[1] if found else "", True, False, False
            block = _TEXT_BLOCK.search(text)
            text = block[1] if block else ""
            if not text.strip():
                continue
        elif (is_over or tag is None) and (found := _KIND_LINE.fullmatch(text)):
            kind, begins = found[1], True
            continue
        match = _TAG.match(text)
        if match and (match[1] in _TAGS or tag is None or tag.name not in _TEXTS):
            name = match[1]
            if name == "20" or (name in ("25", "25P") and has_enough):
                kind = kind if begins else ""
                begins, has_enough = True, False
            if tag is not None:
                yield tag
            tag = Tag(name, match[2], line.number, kind, begins)
            begins, is_over = False, False
            has_enough = has_enough or name in _ENOUGH
        elif _END.fullmatch(text) and (has_enough or tag is None or tag.name not in _TEXTS):
            is_over = True
        elif tag is not None and not is_over:
            tag.more.append(text)
            if len(tag.more) > LINES_MAX:
                yield Problem(Code.TOO_LARGE, tag.where, limit=f"{LINES_MAX} lines in one field")
                return
    if tag is not None:
        yield tag
