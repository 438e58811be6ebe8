"""Legitimate look-alikes: amounts of a supplier that come again, as a person has taught when clearing one.

::

    LookalikeLearnt ──► taught ──(its day passes)──► counts no more
                          ▲ LookalikeLearnt (again: until later)

There is one state for each entity, supplier and amount; it holds the intervals that were taught for it.
"""

from collections.abc import Iterator

from msgspec import Struct

from tieout.kernel.clock import from_micros
from tieout.matching.duplicates.fingerprint import Fingerprint
from tieout.model.duplicates import Lookalike
from tieout.model.events import Event
from tieout.model.facts import LookalikeLearnt
from tieout.processes.process import Facts, Output, Process, Row, by_subject


def subject_of(one: Fingerprint) -> str:
    """Where look-alikes of this invoice are kept."""
    return f"{one.entity}/{one.supplier_id}/{one.currency}/{one.gross_minor}"


def day_of(micros: int) -> str:
    """The day (UTC) of a moment."""
    return f"{from_micros(micros):%Y-%m-%d}"


class State(Struct, frozen=True, omit_defaults=True):
    """What was taught, and by whom and on which invoice the last time."""

    patterns: tuple[Lookalike, ...]
    taught_by: str
    invoice_id: str


def evolve(state: State | None, event: Event) -> State | None:
    """What is known after an event: what is taught again takes the place of what was taught before."""
    data = event.data
    if not isinstance(data, LookalikeLearnt):
        return state
    new = data.lookalike
    kept = tuple(one for one in (state.patterns if state else ()) if one.interval_days != new.interval_days)
    return State((*kept, new), event.actor, data.invoice_id)


def decide(state: State | None, event: Event, facts: Facts) -> Iterator[Output]:
    """Nothing follows; invoices look here when they are compared."""
    return iter(())


def show(subject: str, state: State) -> Row:
    """The row of the list of look-alikes."""
    last = state.patterns[-1]
    return {
        "entity": last.entity,
        "supplier_id": last.supplier_id,
        "currency": last.currency,
        "amount_minor": last.amount_minor,
        "intervals": ", ".join(str(one.interval_days) for one in state.patterns),
        "until": max(one.until for one in state.patterns).isoformat(),
        "taught_by": state.taught_by,
        "invoice_id": state.invoice_id,
    }


PROCESS = Process(
    name="lookalike",
    state=State,
    routes={LookalikeLearnt: by_subject},
    evolve=evolve,
    decide=decide,
    view="lookalike",
    show=show,
)
