"""A compensating control: when it was last reviewed, and by whom.

Anybody may say that they reviewed a control; only the word of the reviewer whom the policy names counts for it.
"""

from collections.abc import Iterator, Mapping
from datetime import date

from msgspec import Struct
from msgspec.structs import replace

from tieout.model.events import Event
from tieout.model.facts import ControlReviewed, control_home
from tieout.policy.controls import Control
from tieout.policy.duties import PERSON, is_person
from tieout.processes.process import Facts, Output, Process, by_subject


class State(Struct, frozen=True, omit_defaults=True):
    """The day of each person's last review (``person:rita`` in small letters → day)."""

    reviews: dict[str, date] = {}


def last_review(control: Control, state: State | None) -> date | None:
    """The day on which the reviewer of a control last reviewed it."""
    return state.reviews.get(PERSON + control.reviewer.removeprefix(PERSON).casefold()) if state else None


def reviewed(controls: tuple[Control, ...], states: Mapping[str, State | None]) -> dict[str, date]:
    """When the controls of a policy were last reviewed, by name. ``states`` are those of this process, by subject."""
    found = ((one.name, last_review(one, states.get(control_home(one.name)))) for one in controls)
    return {name: day for name, day in found if day is not None}


def evolve(state: State | None, event: Event) -> State | None:
    """What is known of the reviews after an event."""
    if not isinstance(event.data, ControlReviewed) or not is_person(event.actor):
        return state
    state = state or State()
    return replace(state, reviews={**state.reviews, event.actor.casefold(): event.recorded_at.date()})


def decide(state: State | None, event: Event, facts: Facts) -> Iterator[Output]:
    """A review asks nothing of the world."""
    return iter(())


PROCESS = Process(name="control", state=State, routes={ControlReviewed: by_subject}, evolve=evolve, decide=decide)
