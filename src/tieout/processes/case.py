"""A case: an exception that somebody must work, from the moment a process opens it until it is settled.

::

    CaseOpened ──► open ──CaseSettled──► settled
                    ▲ CaseAssigned            │ CaseOpened (opened again)
                    └─────────────────────────┘

There is one case for each class and document, so opening it again refreshes it. Remarks stay in the log.
"""

from collections.abc import Iterator

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from tieout.kernel.clock import to_micros
from tieout.kernel.ids import derive
from tieout.model.cases import Case, CaseClass
from tieout.model.events import Event
from tieout.model.facts import CaseAssigned, CaseOpened, CaseSettled
from tieout.policy.cases import CASE_RULES
from tieout.processes.process import Emit, Facts, Output, Process, Row, by_subject


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


class State(Struct, frozen=True, omit_defaults=True):
    """Where a case stands. ``opened_count`` above 1 says that settling it did not help."""

    case: Case
    opened_at: int
    status: str = "open"
    opened_count: int = 1
    assignee: str = ""
    resolution: str = ""
    settled_at: int = 0


def evolve(state: State | None, event: Event) -> State | None:
    """Where the case stands after an event."""
    match event.data:
        case CaseOpened(case=case):
            if state is None:
                return State(case, to_micros(event.recorded_at))
            if state.status == "open":
                return replace(state, case=case)
            count = state.opened_count + 1
            return State(case, to_micros(event.recorded_at), opened_count=count, assignee=state.assignee)
        case CaseSettled(resolution=resolution) if state and state.status == "open":
            settled_at = to_micros(event.recorded_at)
            return replace(state, status="settled", resolution=resolution, settled_at=settled_at)
        case CaseAssigned(assignee=assignee) if state:
            return replace(state, assignee=assignee)
        case _:
            return state


def decide(state: State | None, event: Event, facts: Facts) -> Iterator[Output]:
    """A case asks nothing of the world; it waits for people."""
    return iter(())


def show(subject: str, state: State) -> Row:
    """The row of the case list."""
    case, rule = state.case, CASE_RULES[state.case.case_class]
    return {
        "case_class": case.case_class.value,
        "severity": rule.severity,
        "owner_role": rule.owner,
        "entity": case.entity,
        "document": case.document,
        "supplier_id": case.supplier_id,
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
    }


PROCESS = Process(
    name="case",
    state=State,
    routes={CaseOpened: by_subject, CaseSettled: by_subject, CaseAssigned: by_subject},
    evolve=evolve,
    decide=decide,
    view="case",
    show=show,
)
