"""What one EDI partner and we say to each other about envelopes: acknowledgments both ways, none forgotten.

::

    InterchangeReceived ─► 997 / CONTRL goes back by the partner's channel; refused parts are a case
    SendRequested ─► the document goes out ─applied─► InterchangeSent ─► awaited ─► InterchangeAcknowledged
                                                             └─ AcknowledgmentDue: still awaited? a case

Our own control numbers are counted here, one after the other for each partner, so the same log gives the same numbers.
An interchange that holds nothing but acknowledgments is not acknowledged (X12.5, ISO 9735).
"""

from collections.abc import Iterator
from datetime import timedelta

from msgspec import Struct
from msgspec.structs import replace

from tieout.formats import edi
from tieout.kernel.problem import Code, Problem
from tieout.model.cases import Case, CaseClass
from tieout.model.documents import Acknowledgment, Interchange
from tieout.model.effects import SendDocument
from tieout.model.events import Event
from tieout.model.facts import (
    AcknowledgmentDue,
    ControlNumberUsed,
    EffectSettled,
    InterchangeAcknowledged,
    InterchangeReceived,
    InterchangeSent,
    SendRequested,
)
from tieout.policy.policy import Partner, Policy
from tieout.processes.case import is_open, open_case, settle_case
from tieout.processes.process import Emit, Facts, Intent, Output, Process, Timer, by_subject

#: So many sent interchanges may wait for their acknowledgment; older ones have their cases by then.
AWAITED_MAX = 1_000


class State(Struct, frozen=True, omit_defaults=True):
    """The last control number we used with a partner, what goes out under which number, and what is awaited."""

    last: int = 0
    sending: dict[str, str] = {}
    awaited: dict[str, str] = {}


def evolve(state: State | None, event: Event) -> State | None:
    """Where we stand with a partner after an event."""
    state = state or State()
    match event.data:
        case InterchangeReceived(interchange=interchange) if _is_answered(interchange):
            return replace(state, last=state.last + 1)
        case SendRequested(about=about):
            control = str(state.last + 1)
            return replace(state, last=state.last + 1, sending={**state.sending, control: about})
        case InterchangeSent(control=control, about=about):
            sending = {key: value for key, value in state.sending.items() if key != control}
            awaited = dict([*state.awaited.items(), (control, about)][-AWAITED_MAX:])
            return replace(state, sending=sending, awaited=awaited)
        case InterchangeAcknowledged(acknowledgment=told):
            number = _number(told)
            return replace(state, awaited={key: value for key, value in state.awaited.items() if key != number})
        case _:
            return state


def _number(told: Acknowledgment) -> str:
    """The control number of ours that is acknowledged. Our group carries the number of its interchange."""
    return (told.interchange or told.group).lstrip("0")


def _is_answered(interchange: Interchange) -> bool:
    """Everything is, but not an answer."""
    return bool(interchange.problems) or any(part.kind not in edi.ACKNOWLEDGMENTS for part in interchange.parts)


def partner_of(policy: Policy, known: str) -> Partner | None:
    """The partner with this interchange id."""
    return next((partner for partner in policy.partners.values() if known in partner.ids), None)


# ── what to do ─────────────────────────────────────────────────────────────────────────────────────────────────────


def decide(state: State | None, event: Event, facts: Facts) -> Iterator[Output]:
    """Acknowledge what came, send what is asked for, and call somebody when an acknowledgment fails to come."""
    if state is None:
        return
    match event.data:
        case InterchangeReceived(interchange=interchange, document=mark):
            yield from _acknowledge(state, interchange, mark, facts)
        case SendRequested():
            yield from _send(state, event.subject, event.data, facts)
        case EffectSettled(operation=SendDocument.operation, outcome=outcome, key=key) if outcome.status == "applied":
            yield from _sent(state, event.subject, key, facts)
        case InterchangeAcknowledged(acknowledgment=told):
            yield from _acknowledged(event.subject, told, facts)
        case AcknowledgmentDue(control=control) if control in state.awaited:
            yield open_case(_overdue(event.subject, control, state.awaited[control]))
        case _:
            return


def _acknowledge(state: State, interchange: Interchange, mark: str, facts: Facts) -> Iterator[Output]:
    """Answer the partner, and call integration when something of it was refused."""
    refused = [part for part in interchange.parts if not part.accepted]
    if interchange.problems or refused:
        yield open_case(_refused(interchange, mark))
    partner = partner_of(facts.policy, interchange.sender)
    if partner is None or not partner.connector or not _is_answered(interchange):
        return
    answer = edi.acknowledge(interchange, state.last, facts.now)
    if answer.problems:
        yield open_case(_unsent(interchange.sender, f"the answer to {interchange.control}", answer.problems))
        return
    yield Intent(
        connector=partner.connector,
        payload=SendDocument(name=answer.name, media_type=answer.media_type, body=answer.body),
        key=f"{interchange.sender}/{state.last}",
    )


def _send(state: State, known: str, data: SendRequested, facts: Facts) -> Iterator[Output]:
    """Write the document under the next control number, or say why it cannot go."""
    partner = partner_of(facts.policy, known)
    if partner is None or not partner.connector:
        why = Problem(Code.MISSING_FIELD, f"partners.{known}", "a connector that documents go out by")
        yield open_case(_unsent(known, data.about, (why,)))
        return
    written = edi.write(data, partner, state.last, facts.now)
    if written.problems:
        yield open_case(_unsent(known, data.about, written.problems))
        return
    yield Intent(
        connector=partner.connector,
        payload=SendDocument(name=written.name, media_type=written.media_type, body=written.body),
        key=f"{known}/{state.last}",
    )


def _sent(state: State, known: str, key: str, facts: Facts) -> Iterator[Output]:
    control = key.rpartition("/")[2]
    partner = partner_of(facts.policy, known)
    if control not in state.sending or partner is None:
        return
    due_at = facts.now + timedelta(hours=partner.acknowledged_within_hours)
    yield Emit(InterchangeSent(partner=known, control=control, about=state.sending[control], due_at=due_at))
    yield Timer(AcknowledgmentDue(partner=known, control=control), due_at, f"acknowledgment/{known}/{control}")


def _acknowledged(known: str, told: Acknowledgment, facts: Facts) -> Iterator[Output]:
    """What was overdue has come; what was refused is a case."""
    document = f"{known}/{_number(told)}"
    if is_open(facts, CaseClass.ACKNOWLEDGMENT_OVERDUE, document):
        yield settle_case(CaseClass.ACKNOWLEDGMENT_OVERDUE, document, f"{told.kind}: {told.status}")
    if told.status in ("rejected", "partly"):
        yield open_case(_rejected(document, told))


# ── cases ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def _refused(interchange: Interchange, mark: str) -> Case:
    refused = [part for part in interchange.parts if not part.accepted]
    problems = interchange.problems or tuple(problem for part in refused for problem in part.problems)
    what = "all of it" if interchange.problems else f"{len(refused)} of {len(interchange.parts)} messages"
    return Case(
        case_class=CaseClass.INTERCHANGE_REFUSED,
        document=mark,
        reason=f"interchange {interchange.control} of {interchange.sender}: {what} was refused",
        problems=problems[:20],
    )


def _rejected(document: str, told: Acknowledgment) -> Case:
    what = f"{told.message_kind or 'interchange'} {told.control or told.group or told.interchange}"
    return Case(
        case_class=CaseClass.DOCUMENT_REFUSED,
        document=document,
        reason=f"{told.sender} answers {what} with {told.kind}: {told.status}",
        problems=told.problems,
    )


def _overdue(known: str, control: str, about: str) -> Case:
    return Case(
        case_class=CaseClass.ACKNOWLEDGMENT_OVERDUE,
        document=f"{known}/{control}",
        reason=f"{known} has not acknowledged interchange {control} ({about})",
    )


def _unsent(known: str, about: str, problems: tuple[Problem, ...]) -> Case:
    return Case(
        case_class=CaseClass.DOCUMENT_REFUSED,
        document=f"{known}/{about}",
        reason=f"{about} was not sent to {known}",
        problems=problems,
    )


def _route_effect(event: Event) -> tuple[str, ...]:
    data = event.data
    return (event.subject,) if isinstance(data, EffectSettled) and data.operation == SendDocument.operation else ()


_FACTS = (
    *(ControlNumberUsed, InterchangeReceived, InterchangeSent, InterchangeAcknowledged),
    *(SendRequested, AcknowledgmentDue),
)

PROCESS = Process(
    name="interchange",
    state=State,
    routes={**dict.fromkeys(_FACTS, by_subject), EffectSettled: _route_effect},
    evolve=evolve,
    decide=decide,
)
