"""A question that one of us asks a supplier about a case, and the supplier's answer.

::

    CaseAsked ──► asked ──CaseAnswered──► answered
                   ▲                          │ CaseAsked
                   └──────────────────────────┘

There is one question at a time for each case. The answer is a fact on the case's own trail; nothing follows from it by
itself, since what a supplier says is a claim.
"""

from collections.abc import Iterator

from msgspec import Struct
from msgspec.structs import replace

from tieout.kernel.clock import to_micros
from tieout.model.events import Event
from tieout.model.facts import CaseAnswered, CaseAsked
from tieout.processes.process import Facts, Output, Process, Row, by_subject


class State(Struct, frozen=True, omit_defaults=True):
    """The present question, and its answer once there is one."""

    supplier_id: str
    document: str
    question: str
    asked_by: str
    asked_at: int
    answer: str = ""
    answered_at: int = 0


def evolve(state: State | None, event: Event) -> State | None:
    """Where the question stands after an event. An answer to nothing is no answer."""
    match event.data:
        case CaseAsked(supplier_id=supplier_id, document=document, question=question):
            return State(supplier_id, document, question, event.actor, to_micros(event.recorded_at))
        case CaseAnswered(answer=answer) if state and not state.answer:
            return replace(state, answer=answer, answered_at=to_micros(event.recorded_at))
        case _:
            return state


def decide(state: State | None, event: Event, facts: Facts) -> Iterator[Output]:
    """Nothing follows by itself."""
    return iter(())


def show(subject: str, state: State) -> Row:
    """The row of the questions of a supplier."""
    return {
        "supplier_id": state.supplier_id,
        "document": state.document,
        "question": state.question,
        "asked_by": state.asked_by,
        "asked_at": state.asked_at,
        "answer": state.answer,
        "answered_at": state.answered_at,
    }


PROCESS = Process(
    name="query",
    state=State,
    routes={CaseAsked: by_subject, CaseAnswered: by_subject},
    evolve=evolve,
    decide=decide,
    view="query",
    show=show,
)
