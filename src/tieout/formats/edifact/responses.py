"""``CONTRL`` and ``APERAK``: what a partner's software, and its business, say about what we sent."""

from collections.abc import Iterator

from tieout.formats.codes import load
from tieout.formats.edifact.message import Message, part
from tieout.formats.edifact.tree import Node
from tieout.formats.segments import Segment
from tieout.kernel.problem import Code, Problem
from tieout.model.documents import Acknowledgment, BusinessResponse

SYNTAX_ERRORS = load("edifact_syntax_errors")
#: Actions (0083): this level and all below is rejected; acknowledged unless told otherwise below; received, no more.
REJECTED, ACKNOWLEDGED, RECEIVED = "4", "7", "8"
#: Message functions (1225) and document types (1001) of ``APERAK``, as statuses of UNCL 4343.
_RESPONSES = {"27": "RE", "29": "AP", "34": "CA", "6": "AP", "12": "RE", "11": "AB"}
_RESPONSE_TYPES = {"312": "AP", "313": "RE", "315": "RE"}
#: References of ``APERAK`` to what it is about (1153): document, interchange, message, invoice, order, despatch advice.
_ABOUT = ("ACW", "ACE", "AGO", "DM", "IV", "ON", "AAK", "ABO", "AAN")


def read_contrl(message: Message) -> Iterator[Acknowledgment]:
    """Read one ``CONTRL``: one record for the interchange, and one for each group and message that it names."""
    uci = message.root.first("UCI")
    if uci is None:
        where = message.where(message.root.segment)
        message.findings.fault(Code.MISSING_FIELD, where, expected="what it answers (UCI)")
        return
    interchange = message.must(uci, 1, "the reference of the interchange (UCI, 0020)")
    whole = _status(message, uci, 4)
    below = list(_levels(message, interchange))
    if not message.findings.complete:
        return
    refused = [one for one in below if one.status == "rejected"]
    if whole == "accepted" and refused:
        whole = "partly"
    yield Acknowledgment(
        kind=message.header.kind,
        sender=message.header.sender,
        receiver=message.header.receiver,
        status=whole,
        interchange=interchange,
        problems=_problems(message, uci, 5, message.root),
    )
    yield from below


def _levels(message: Message, interchange: str) -> Iterator[Acknowledgment]:
    """The groups (``UCF``) and messages (``UCM``) that are named."""
    for node in message.root.under("UCM"):
        yield _of_message(message, node, interchange, "")
    for node in message.root.under("UCF"):
        group = message.text(node.segment, 1)
        yield Acknowledgment(
            kind=message.header.kind,
            sender=message.header.sender,
            receiver=message.header.receiver,
            status=_status(message, node.segment, 4),
            interchange=interchange,
            group=group,
            problems=_problems(message, node.segment, 5, node),
        )
        for inner in node.under("UCM"):
            yield _of_message(message, inner, interchange, group)


def _of_message(message: Message, node: Node, interchange: str, group: str) -> Acknowledgment:
    return Acknowledgment(
        kind=message.header.kind,
        sender=message.header.sender,
        receiver=message.header.receiver,
        status=_status(message, node.segment, 3),
        interchange=interchange,
        group=group,
        control=message.must(node.segment, 1, "the reference of a message (UCM, 0062)"),
        message_kind=message.text(node.segment, 2),
        problems=_problems(message, node.segment, 4, node),
    )


def _status(message: Message, segment: Segment, element: int) -> str:
    """The action (0083) of a level."""
    action = part(segment, element)
    if action not in (REJECTED, ACKNOWLEDGED, RECEIVED):
        expected = "an action (0083): 4 rejected, 7 acknowledged, 8 received"
        message.findings.fault(Code.BAD_VALUE, message.where(segment), expected=expected, actual=action)
    return "rejected" if action == REJECTED else "accepted"


def _problems(message: Message, segment: Segment, element: int, node: Node) -> tuple[Problem, ...]:
    """The syntax errors (0085) of a level: its own, and those of its segments (``UCS``) and elements (``UCD``)."""
    found = [_problem(segment, element, part(segment, element + 1))]
    for inner in node.under("UCS"):
        place = f"segment {part(inner.segment, 1)}"
        found.append(_problem(inner.segment, 2, place))
        found += [_problem(ucd, 1, f"{place}, element {part(ucd, 2)}") for ucd in inner.every("UCD")]
    for problem in found:
        if problem and not SYNTAX_ERRORS.meaning(problem.actual):
            where = message.where(segment)
            message.findings.note(Code.UNKNOWN_CODE, where, actual=problem.actual, detail="syntax error (0085)")
    return tuple(problem for problem in found if problem)


def _problem(segment: Segment, element: int, place: str) -> Problem | None:
    """One syntax error as a problem of ours: the code and what it means."""
    code = part(segment, element)
    return Problem(Code.EFFECT_REFUSED, place, actual=code, detail=SYNTAX_ERRORS.meaning(code)) if code else None


def read_aperak(message: Message) -> Iterator[BusinessResponse]:
    """Read one ``APERAK``. It says by its function or type whether the document was taken; by errors why not."""
    root, findings = message.root, message.findings
    bgm = root.first("BGM")
    number = message.number_of_document()
    about = next((group.segment for one in _ABOUT for group in root.under("RFF", one)), None)
    about = about or next((group.segment for group in root.under("RFF")), None)
    document = next((group.segment for group in root.under("DOC")), None)
    about_number = message.text(document, 2) or message.text(about, 1, 2)
    errors = tuple(root.under("ERC"))
    kind, function = part(bgm, 1), part(bgm, 3)
    status = _RESPONSE_TYPES.get(kind, "") or _RESPONSES.get(kind, "") or _RESPONSES.get(function, "")
    where = message.where(bgm or root.segment)
    if not status:
        status = "RE" if errors else "AP"
        why = "there are error codes (ERC)" if errors else "there are no error codes (ERC)"
        findings.assume("whether the document was taken (BGM)", f"{status}, since {why}", where)
    if not about_number:
        findings.fault(Code.MISSING_FIELD, where, expected="what it is about (RFF or DOC)")
    responded_on = message.day_in(root, "137")
    texts = [text for node in (root, *errors) for segment in node.every("FTX") if (text := message.text(segment, 4))]
    if not findings.complete:
        return
    yield BusinessResponse(
        response_id=number,
        about_kind=part(document, 1) or part(about, 1),
        about_number=about_number,
        status=status,
        sender=message.header.sender,
        receiver=message.header.receiver,
        responded_on=responded_on,
        reasons=tuple(code for node in errors if (code := message.text(node.segment, 1))),
        note=" ".join(texts),
    )
