"""What matching predicted an ERP would hold, against what it held: one state for each invoice that was compared.

::

    HoldsCompared (invoice) ──► counted; told again, the last word of the ERP counts
"""

from collections.abc import Iterator

from msgspec import Struct

from tieout.model.events import Event
from tieout.model.facts import HoldsCompared
from tieout.processes.process import Facts, Output, Process, Row, by_subject


class State(Struct, frozen=True, omit_defaults=True):
    """The holds of one invoice, as predicted for a dialect and as the ERP placed them."""

    entity: str
    dialect: str
    predicted: tuple[str, ...] = ()
    actual: tuple[str, ...] = ()


def evolve(state: State | None, event: Event) -> State | None:
    """The last word of the ERP counts."""
    data = event.data
    if not isinstance(data, HoldsCompared):
        return state
    return State(event.entity, data.dialect, data.predicted, data.actual)


def decide(state: State | None, event: Event, facts: Facts) -> Iterator[Output]:
    """Nothing is asked of the world."""
    return iter(())


def show(subject: str, state: State) -> Row:
    """Holds by whether they were foreseen; an invoice on which none was predicted and none placed is right too."""
    predicted, actual = set(state.predicted), set(state.actual)
    return {
        "entity": state.entity,
        "dialect": state.dialect,
        "predicted_placed": len(predicted & actual),
        "predicted_not_placed": len(predicted - actual),
        "placed_not_predicted": len(actual - predicted),
        "none_either": int(not predicted and not actual),
    }


PROCESS = Process(
    name="prediction",
    state=State,
    routes={HoldsCompared: by_subject},
    evolve=evolve,
    decide=decide,
    view="prediction",
    show=show,
)
