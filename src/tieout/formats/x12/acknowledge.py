"""What goes back: 997 or 999 for the groups of an interchange as it was read, and ``TA1`` for the interchange itself.

Each group is answered by a set of its own, each set of it by ``AK2`` to ``AK5`` (in a 999, ``IK5``). Which error codes
are told follows from the problems that the reader found: their code, and the place they name.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import date

from msgspec import Struct

from tieout.formats.outgoing import Envelope
from tieout.formats.written import Written
from tieout.formats.x12.write import VERSION_5010, Row, envelope_problems, interchange
from tieout.kernel.problem import Code, Problem
from tieout.model.documents import EnvelopeGroup, EnvelopePart, Interchange

#: A place in a set, as the reader names it: segment, element, number of the segment.
_PLACE = re.compile(r", ([A-Z][A-Z0-9]{1,2})([0-9]{2})? \(segment ([0-9]+)\)", re.ASCII)
_SEGMENT_ID = re.compile(r"[A-Z][A-Z0-9]{1,2}", re.ASCII)
_COPY_MAX, _ERRORS_MAX = 99, 5
_ACCEPTED, _PARTLY, _REJECTED = "A", "P", "R"

#: Errors of a set by the place (``ST`` or ``SE`` with an element) and code of its problems.
_SET_ERRORS: Mapping[tuple[str, Code], str] = {
    ("ST01", Code.UNSUPPORTED_CONTENT): "1",
    ("SE02", Code.TOTALS_DISAGREE): "3",
    ("SE01", Code.TOTALS_DISAGREE): "4",
    ("ST01", Code.BAD_VALUE): "6",
    ("ST02", Code.MISSING_FIELD): "7",
    ("ST02", Code.KEY_REUSED): "23",
}
_NOT_ENDED, _IN_SEGMENTS = "2", "5"
#: Errors of a group by the place of its problems.
_GROUP_ERRORS = {"GS": "3", "GE02": "4", "GE01": "5", "GS06": "6"}
#: Errors of an interchange by the place of the first of its problems; others are in its structure.
_INTERCHANGE_ERRORS = {"IEA02": "001", "ISA13": "018", "IEA01": "021", "ISA": "023"}
_TWICE, _CONTENT, _STRUCTURE, _CUT_OFF = "025", "024", "022", "023"
#: Errors of an element by the code of its problem; wrong values are told apart by what was expected.
_ELEMENT_ERRORS = {Code.MISSING_FIELD: "1", Code.TOO_LARGE: "5"}
_WRONG_DATE, _WRONG_SIGN, _WRONG_VALUE = "8", "6", "7"


class _Words(Struct, frozen=True):
    """The names of the segments, which 999 changed."""

    kind: str
    segment: str
    element: str
    ending: str


_WORDS = {"997": _Words("997", "AK3", "AK4", "AK5"), "999": _Words("999", "IK3", "IK4", "IK5")}


def write_997(received: Interchange, envelope: Envelope) -> Written:
    """Acknowledge an interchange by the functional acknowledgment of version 004010."""
    return _acknowledge(received, envelope, _WORDS["997"])


def write_999(received: Interchange, envelope: Envelope) -> Written:
    """Acknowledge an interchange by the implementation acknowledgment of version 005010."""
    return _acknowledge(received, envelope, _WORDS["999"])


def _acknowledge(received: Interchange, envelope: Envelope, words: _Words) -> Written:
    """One answer for each group, and a ``TA1`` where the interchange is refused or asks for one."""
    problems = [*envelope_problems(envelope)]
    if not (received.control.isascii() and received.control.isdigit() and len(received.control) <= 9):
        detail = "an interchange without a control number (ISA13) cannot be acknowledged"
        problems.append(Problem(Code.MISSING_FIELD, "control", detail=detail))
    sets = [(words.kind, [*_group(group, parts, received, words)]) for group, parts in _groups(received)]
    service = [_ta1(received, envelope)] if received.problems or received.wants_acknowledgment else []
    if not sets and not service:
        service = [_ta1(received, envelope)]
    if words.kind == "997":
        return interchange("FA", sets, envelope, problems, service=service)
    return interchange("FA", sets, envelope, problems, version=VERSION_5010, release="005010X231A1", service=service)


def _groups(received: Interchange) -> Iterator[tuple[EnvelopeGroup, Sequence[EnvelopePart]]]:
    """The groups with their sets, which stand in the order of the file. One whose ``GS`` says nothing cannot be named
    in an answer; the ``TA1`` refuses it with the rest."""
    at = 0
    for group in received.groups:
        parts = received.parts[at : at + group.counted]
        at += group.counted
        if len(group.kind) == 2 and group.control.isascii() and group.control.isdigit() and len(group.control) <= 9:
            yield group, [part for part in parts if part.kind and part.control]


def _ta1(received: Interchange, envelope: Envelope) -> Row:
    """``TA1``: the interchange as a whole. The time of day of what came is not kept, so it is midnight."""
    day: date = received.prepared_on or envelope.prepared_at.date()
    head = ("TA1", received.control.zfill(9), f"{day:%y%m%d}", "0000")
    if not received.problems:
        return (*head, _ACCEPTED, "000")
    return (*head, _REJECTED, _interchange_error(received.problems[0]))


def _interchange_error(problem: Problem) -> str:
    if problem.code is Code.KEY_REUSED:
        return _TWICE
    if problem.code is Code.UNREADABLE:
        return _CUT_OFF
    name = problem.where.partition(",")[0]
    return _INTERCHANGE_ERRORS.get(name, _CONTENT if name.startswith(("GS", "GE")) else _STRUCTURE)


def _group(group: EnvelopeGroup, parts: Sequence[EnvelopePart], received: Interchange, words: _Words) -> Iterator[Row]:
    """``AK1`` to ``AK9``."""
    refused = bool(received.problems or group.problems)
    yield ("AK1", group.kind, group.control, *((group.version[:12],) if words.kind == "999" else ()))
    taken = 0
    for part in parts:
        accepted = part.accepted and not refused
        taken += accepted
        yield ("AK2", part.kind[:3], part.control[:9])
        yield from _segments(part, words)
        yield (words.ending, _ACCEPTED if accepted else _REJECTED, *_set_errors(part))
    status = _ACCEPTED if taken == group.counted and not refused else _PARTLY if taken else _REJECTED
    errors = {_GROUP_ERRORS.get(problem.where.partition(",")[0], "") for problem in group.problems}
    counts = (str(group.declared), str(group.counted), str(taken))
    yield ("AK9", status, *counts, *sorted(errors - {""})[:_ERRORS_MAX])


def _set_errors(part: EnvelopePart) -> list[str]:
    """Why a set is refused, each reason once."""
    return sorted({_set_error(problem) or _IN_SEGMENTS for problem in part.problems}, key=int)[:_ERRORS_MAX]


def _set_error(problem: Problem) -> str:
    """Element 718; nothing when a segment is to blame."""
    if problem.code is Code.MISSING_FIELD and problem.expected == "SE":
        return _NOT_ENDED
    return _SET_ERRORS.get((_name(problem), problem.code), "")


def _name(problem: Problem) -> str:
    """The segment and element that a problem is about, such as ``SE01``."""
    place = _PLACE.search(problem.where)
    return f"{place[1]}{place[2] or ''}" if place else ""


def _segments(part: EnvelopePart, words: _Words) -> Iterator[Row]:
    """The segments that were found wrong, in their order, each with its elements."""
    found: dict[tuple[int, str, str], list[Row]] = {}
    for problem in part.problems:
        place = _PLACE.search(problem.where)
        if place is None or _set_error(problem):
            continue
        tag, error = place[1], _segment_error(problem, place[2] or "")
        if error == "3" and _SEGMENT_ID.fullmatch(problem.expected):
            tag = problem.expected
        elif tag in ("ST", "SE"):
            continue
        elements = found.setdefault((int(place[3]), tag, error), [])
        if place[2]:
            elements.append((words.element, str(int(place[2])), "", _element_error(problem), _copy(problem)))
    for (number, tag, error), elements in sorted(found.items()):
        yield (words.segment, tag, str(number), "", error)
        yield from elements


def _segment_error(problem: Problem, element: str) -> str:
    """Element 720: wrong elements, a missing segment, one too many, one that is unknown."""
    if element:
        return "8"
    if problem.code is Code.MISSING_FIELD:
        return "3" if _SEGMENT_ID.fullmatch(problem.expected) else "8"
    return "5" if problem.detail.endswith("only once") else "1" if problem.expected == "a segment" else "8"


def _element_error(problem: Problem) -> str:
    """Element 723."""
    if problem.code in _ELEMENT_ERRORS:
        return _ELEMENT_ERRORS[problem.code]
    if problem.code is Code.BAD_VALUE and problem.expected.startswith("a day"):
        return _WRONG_DATE
    is_number = problem.expected.startswith(("a number", "an integer", "a plain decimal"))
    return _WRONG_SIGN if problem.code is Code.BAD_VALUE and is_number else _WRONG_VALUE


def _copy(problem: Problem) -> str:
    """The wrong value as it stood, if it can be written and is whole."""
    text = problem.actual
    is_plain = text.isascii() and text.isprintable() and len(text) <= _COPY_MAX
    return text if is_plain and not problem.code.value.startswith("totals") else ""
