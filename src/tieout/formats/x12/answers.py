"""824, 997 and 999: what a partner's business, and its software, say about what we sent."""

from collections.abc import Iterator

from tieout.formats.codes import load
from tieout.formats.fields import TEXT_MAX, one_line
from tieout.formats.segments import Segment
from tieout.formats.x12.message import Message, value
from tieout.formats.x12.tree import Node
from tieout.kernel.problem import Code, Problem
from tieout.model.documents import Acknowledgment, BusinessResponse

ANSWERS = load("x12_application_answers")
ERRORS = load("x12_syntax_errors")
#: What ``AK501`` and ``AK901`` say (element 715): accepted, with errors, in part; refused for its content, its
#: authentication, its signature or its encryption.
STATUSES = {
    "A": "accepted",
    "E": "noted",
    "P": "partly",
    "R": "rejected",
    "M": "rejected",
    "W": "rejected",
    "X": "rejected",
}
_UNDER_QUERY = "UQ"


def read_application_advice(message: Message) -> Iterator[BusinessResponse]:
    """Read one 824: an answer to each document that it names (``OTI``)."""
    bgn = message.begin("BGN")
    reference, responded_on = message.must(bgn, 2), message.day(bgn, 3)
    for number, node in enumerate(message.root.under("OTI"), start=1):
        oti = node.segment
        reasons = [message.text(inner.segment, 2) or value(inner.segment, 1) for inner in node.under("TED")]
        notes = [message.text(note.segment, 2) for inner in node.under("TED") for note in inner.under("NTE")]
        yield BusinessResponse(
            response_id=f"{reference}/{number}",
            about_kind=message.text(oti, 10) or message.text(oti, 2),
            about_number=message.must(oti, 3),
            status=message.coded(oti, 1, ANSWERS, _UNDER_QUERY),
            sender=message.header.sender,
            receiver=message.header.receiver,
            responded_on=responded_on,
            reasons=tuple(reasons),
            note=one_line(" ".join(notes))[:TEXT_MAX],
        )


def read_acknowledgment(message: Message) -> Iterator[Acknowledgment]:
    """Read one 997 or 999: what became of each set of a group of ours that it names, and of the group."""
    ak1, ak9 = message.begin("AK1"), message.begin("AK9")
    group = message.must(ak1, 2)
    told = [_of_set(message, node, group) for node in message.root.under("AK2")]
    whole = _status(message, ak9)
    if whole == "accepted" and any(one.status == "rejected" for one in told):
        detail = "the group is accepted, but not all of its sets are"
        message.findings.note(Code.TOTALS_DISAGREE, message.where(ak9, 1), detail=detail)
        whole = "partly"
    yield from told
    yield Acknowledgment(
        kind=message.header.kind,
        sender=message.header.sender,
        receiver=message.header.receiver,
        status=whole,
        group=group,
        message_kind=message.text(ak1, 1),
        problems=tuple(_errors(message, ak9, 5, "GROUP")),
    )


def _of_set(message: Message, node: Node, group: str) -> Acknowledgment:
    """``AK2`` with what follows it."""
    ending = node.find("AK5") or node.find("IK5")
    assert ending is not None
    problems = [*_errors(message, ending, 2, "SET")]
    for inner in (inner for tag in ("AK3", "IK3") for inner in node.under(tag)):
        problems += _segment_errors(message, inner)
    return Acknowledgment(
        kind=message.header.kind,
        sender=message.header.sender,
        receiver=message.header.receiver,
        status=_status(message, ending),
        group=group,
        control=message.must(node.segment, 2),
        message_kind=message.must(node.segment, 1),
        problems=tuple(problems),
    )


def _segment_errors(message: Message, node: Node) -> Iterator[Problem]:
    """A segment of ours that was found wrong, and its elements. ``where`` is the place in what *we* sent."""
    segment = node.segment
    where = f"{message.text(segment, 1)} (segment {message.text(segment, 2)})"
    if code := value(segment, 4):
        yield _told("SEGMENT", code, where)
    for inner in (inner for tag in ("AK4", "IK4") for inner in node.under(tag)):
        element = inner.segment
        at = ":".join(text for text in element.parts(1) if text)
        yield _told("ELEMENT", value(element, 3), f"{where}, element {at}", message.text(element, 4))


def _errors(message: Message, segment: Segment, start: int, level: str) -> Iterator[Problem]:
    """The reasons that stand at the end of a set or a group."""
    for index in range(start, start + 5):
        if code := message.text(segment, index):
            yield _told(level, code, "")


def _told(level: str, code: str, where: str, actual: str = "") -> Problem:
    """A reason in our words, with the partner's code."""
    meaning = ERRORS.meaning(f"{level}-{code}")
    detail = f"{level.lower()} error {code}: {meaning}" if meaning else f"{level.lower()} error {code}"
    return Problem(Code.EFFECT_REFUSED, where, actual=actual, detail=detail)


def _status(message: Message, segment: Segment) -> str:
    """An unknown answer is none that we may build on."""
    code = value(segment, 1)
    if code not in STATUSES:
        where, expected = message.where(segment, 1), " ".join(STATUSES)
        message.findings.fault(Code.BAD_VALUE, where, expected=expected, actual=code, detail="an unknown answer")
    return STATUSES.get(code, "rejected")
