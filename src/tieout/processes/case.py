"""A case: an exception that somebody must work, from the moment a process opens it until it is settled.

::

    CaseOpened ──► open ──CaseRouted──► open, with an owner and a due time ──CaseSettled──► settled
                    ▲                        │ CaseDue: CaseEscalated             │ CaseOpened (opened again)
                    │                        ▼                                    │
                    └────────────────────────┴────────────────────────────────────┘

There is one case for each class and document, so opening it again refreshes it. Who works it and by when follows from
the policy and is recorded; a person may give it to another at any time, and that stands until it escalates. Remarks,
attachments, questions and answers stay in the log.
"""

from collections.abc import Iterator
from datetime import datetime

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from tieout.kernel.clock import from_micros, to_micros
from tieout.kernel.ids import derive
from tieout.model.cases import Case, CaseClass
from tieout.model.events import Event
from tieout.model.facts import CaseAssigned, CaseDue, CaseEscalated, CaseOpened, CaseRouted, CaseSettled
from tieout.policy.cases import CASE_RULES, SEVERITIES, Severity, graver
from tieout.policy.routing import Routed, escalate, route
from tieout.processes.process import Emit, Facts, Output, Process, Row, Timer, by_subject


def case_id(case_class: CaseClass, document: str) -> str:
    """The id of the case of this class about this document."""
    return derive("case", case_class, document)


def open_case(case: Case) -> Emit:
    """Open a case, or refresh it."""
    return Emit(CaseOpened(case=case), case_id(case.case_class, case.document))


def settle_case(case_class: CaseClass, document: str, resolution: str) -> Emit:
    """Settle the case of this class about this document."""
    return Emit(CaseSettled(resolution=resolution), case_id(case_class, document))


def is_open(facts: Facts, case_class: CaseClass, document: str) -> bool:
    """Whether such a case is open now (in this partition)."""
    state = facts.state("case", case_id(case_class, document))
    return isinstance(state, State) and state.status == "open"


class State(Struct, frozen=True, omit_defaults=True, gc=False):
    """Where a case stands. ``opened_count`` above 1 says that settling it did not help.

    Cases of logs that are older than routing have no ``owner``; they show what their class says. ``level`` counts
    escalations, the next of which is at ``next_at`` (0: none). ``taken``: a person said who works it.
    """

    case: Case
    opened_at: int
    status: str = "open"
    opened_count: int = 1
    assignee: str = ""
    resolution: str = ""
    settled_at: int = 0
    owner: str = ""
    severity: str = ""
    due_at: int = 0
    next_at: int = 0
    level: int = 0
    rule: str = ""
    taken: bool = False


# ── evolve ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def evolve(state: State | None, event: Event) -> State | None:
    """Where the case stands after an event."""
    if isinstance(event.data, CaseOpened):
        return _opened(state, event.data.case, to_micros(event.recorded_at))
    if state is None:
        return None
    match event.data:
        case CaseSettled(resolution=resolution) if state.status == "open":
            settled_at = to_micros(event.recorded_at)
            return replace(state, status="settled", resolution=resolution, settled_at=settled_at, next_at=0)
        case CaseAssigned(assignee=assignee):
            return replace(state, assignee=assignee, taken=True)
        case CaseRouted():
            return _routed(state, event.data)
        case CaseEscalated():
            return _escalated(state, event.data)
        case _:
            return state


def _opened(state: State | None, case: Case, at: int) -> State:
    """A new case, the same once more, or one that was settled too soon: whoever took it has it again."""
    if state is None:
        return State(case, at)
    if state.status == "open":
        return replace(state, case=case)
    count, assignee = state.opened_count + 1, state.assignee if state.taken else ""
    return State(case, at, opened_count=count, assignee=assignee, taken=state.taken)


def _routed(state: State, data: CaseRouted) -> State:
    due_at = to_micros(data.due_at)
    return replace(
        state,
        owner=data.owner,
        assignee=state.assignee if state.taken else data.assignee,
        severity=data.severity,
        due_at=due_at,
        next_at=due_at if state.level == 0 else state.next_at,
        rule=data.rule,
    )


def _escalated(state: State, data: CaseEscalated) -> State:
    return replace(
        state,
        owner=data.owner,
        assignee=data.assignee,
        severity=data.severity,
        level=data.level,
        next_at=to_micros(data.next_at) if data.next_at else 0,
        taken=state.taken and data.assignee == state.assignee,
    )


# ── decide ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def decide(state: State | None, event: Event, facts: Facts) -> Iterator[Output]:
    """Find who works it, and somebody else when it was not worked in time."""
    if state is None or state.status != "open":
        return
    match event.data:
        case CaseOpened():
            yield from _route(state, facts)
        case CaseRouted(due_at=due_at) if state.level == 0:
            yield _timer(state, due_at, event.subject)
        case CaseDue() if state.next_at and to_micros(facts.now) >= state.next_at:
            yield from _escalate(state, event.subject, facts)
        case _:
            return


def _route(state: State, facts: Facts) -> Iterator[Output]:
    """Say who works it by when; of a case that was open already only what has changed. Escalation is not undone."""
    found = route(state.case, facts.policy.desk, from_micros(state.opened_at), facts.now)
    severity = graver(found.severity, severity_of(state)) if state.owner else found.severity
    owner, assignee = (state.owner, state.assignee) if state.level else (found.owner, found.assignee)
    routed = CaseRouted(
        owner=owner, severity=severity, due_at=found.due_at, rule=found.rule, assignee=assignee, why=found.why
    )
    if _routed(state, routed) != state:
        yield Emit(routed)


def _escalate(state: State, subject: str, facts: Facts) -> Iterator[Output]:
    routed = Routed(
        owner=owner_of(state),
        assignee=state.assignee,
        severity=severity_of(state),
        due_at=from_micros(state.due_at),
        rule=state.rule,
        why="",
    )
    step = escalate(state.case, facts.policy.desk, routed, state.level + 1, facts.now)
    yield Emit(
        CaseEscalated(
            level=state.level + 1,
            owner=step.owner,
            severity=step.severity,
            assignee=step.assignee,
            next_at=step.next_at,
            why=step.why,
        )
    )
    if step.next_at:
        yield _timer(state, step.next_at, subject)


def _timer(state: State, at: datetime, subject: str) -> Timer:
    return Timer(CaseDue(), at, f"{subject}/{state.opened_count}/{to_micros(at)}", subject)


def owner_of(state: State) -> str:
    """The role that works it."""
    return state.owner or CASE_RULES[state.case.case_class].owner


def severity_of(state: State) -> Severity:
    """How grave it is."""
    own = CASE_RULES[state.case.case_class].severity
    return next((one for one in SEVERITIES if one == state.severity), own)


# ── what people see ────────────────────────────────────────────────────────────────────────────────────────────────


def show(subject: str, state: State) -> Row:
    """The row of the case list."""
    case, rule = state.case, CASE_RULES[state.case.case_class]
    return {
        "case_class": case.case_class.value,
        "severity": severity_of(state),
        "owner_role": owner_of(state),
        "entity": case.entity,
        "document": case.document,
        "supplier_id": case.supplier_id,
        "spend_category": case.spend_category,
        "reason": case.reason,
        "problems": msgspec.json.encode(case.problems).decode(),
        "remedy": rule.remedy,
        "actions": ",".join(rule.actions),
        "status": state.status,
        "assignee": state.assignee,
        "resolution": state.resolution,
        "currency": case.amount.currency if case.amount else "",
        "amount_minor": case.amount.minor if case.amount else 0,
        "opened_at": state.opened_at,
        "settled_at": state.settled_at,
        "due_at": state.due_at,
        "deadline": case.deadline.date().isoformat() if case.deadline else "",
        "deadline_name": case.deadline_name,
        "level": state.level,
        "rule": state.rule,
        "opened_count": state.opened_count,
    }


PROCESS = Process(
    name="case",
    state=State,
    routes=dict.fromkeys((CaseOpened, CaseSettled, CaseAssigned, CaseRouted, CaseDue, CaseEscalated), by_subject),
    evolve=evolve,
    decide=decide,
    view="case",
    show=show,
)
