"""Whether a set has the segments and elements that its layout demands (the errors that ``AK3`` and ``AK4`` report)."""

import re
from collections.abc import Callable, Iterable, Sequence

from msgspec import Struct

from tieout.formats.segments import Segment
from tieout.formats.x12.message import Message, value
from tieout.formats.x12.syntax import day_of
from tieout.formats.x12.tables import Element, elements, first_of
from tieout.formats.x12.tree import Node
from tieout.kernel.problem import Code
from tieout.kernel.text import parse_decimal

_TAG = re.compile(r"[A-Z][A-Z0-9]{1,2}", re.ASCII)
_INTEGER = re.compile(r"-?[0-9]+", re.ASCII)


class _Kind(Struct, frozen=True):
    """What an element of this kind must look like."""

    fits: Callable[[str], object]
    expected: str


_KINDS = {
    "DT": _Kind(day_of, "a day such as 20260531"),
    "N": _Kind(_INTEGER.fullmatch, "an integer"),
    "R": _Kind(lambda text: parse_decimal(text) is not None, "a number such as 12.50"),
}


def check(message: Message, segments: Sequence[Segment], strangers: Iterable[Segment]) -> None:
    """Tell what is missing, too much or malformed."""
    first = first_of(message.header.kind)
    if tag_after_st(segments) != first:
        where = message.where(segments[1] if len(segments) > 1 else None)
        message.findings.fault(Code.MISSING_FIELD, where, expected=first, detail=f"{first} follows ST")
    for segment in strangers:
        _stranger(message, segment)
    for node in message.root.walk():
        if node.loop is not None:
            _needed(message, node)
    for segment in segments[1:]:
        for index, element in enumerate(elements(segment.tag), start=1):
            _element(message, segment, index, element)


def tag_after_st(segments: Sequence[Segment]) -> str:
    """The tag behind ``ST``."""
    return segments[1].tag if len(segments) > 1 else ""


def _stranger(message: Message, segment: Segment) -> None:
    """A segment without a place in the set: a tag that cannot be one refuses the set, another is told."""
    where = message.where(segment)
    if not _TAG.fullmatch(segment.tag):
        message.findings.fault(Code.BAD_VALUE, where, expected="a segment", actual=segment.tag)
    else:
        detail = "a segment that this set does not have here; it is left out"
        message.findings.note(Code.UNSUPPORTED_CONTENT, where, actual=segment.tag, detail=detail)


def _needed(message: Message, node: Node) -> None:
    """Mandatory segments, and those of them that may stand only once."""
    loop = node.loop
    assert loop is not None
    found = [inner.segment for inner in node.inside]
    tags = [segment.tag for segment in found]
    told = {first_of(message.header.kind)} if node is message.root else set()
    for tag in sorted(loop.needed - set(tags) - told):
        message.findings.fault(Code.MISSING_FIELD, message.where(node.segment), expected=tag, detail="a segment")
    for tag in sorted(loop.once):
        if tags.count(tag) > 1:
            twice = [segment for segment in found if segment.tag == tag][1]
            detail = "a segment that may stand only once"
            message.findings.fault(Code.BAD_VALUE, message.where(twice), actual=tag, detail=detail)


def _element(message: Message, segment: Segment, index: int, element: Element) -> None:
    """One element by its kind."""
    text, findings = value(segment, index), message.findings
    if not text:
        if element.is_mandatory:
            where = message.where(segment, index)
            findings.fault(Code.MISSING_FIELD, where, expected="an element that is mandatory")
        return
    limit = element.length_max
    if limit and len(text) > limit and len(text.lstrip("-").replace(".", "")) > limit:
        findings.fault(Code.TOO_LARGE, message.where(segment, index), actual=text, limit=f"{limit} characters")
    kind = _KINDS.get(element.kind)
    if kind and not kind.fits(text):
        findings.fault(Code.BAD_VALUE, message.where(segment, index), expected=kind.expected, actual=text)
