"""Who is away, since and until when, and who stands in: said by the person or by a manager, never by a machine.

::

    AbsenceStated ──► away, for those days ──► over by itself
                        │ AbsenceTakenBack
                        ▼
                      taken back

All absences stand in one state, so that two that do not go together cannot slip in side by side. Cases stay with
whoever they were given to; who works them on a day is read off the absences of that day (:func:`away`), so nothing has
to be moved when an absence begins, ends or is taken back. Whoever stands in acts in their own name, with their own
duties.
"""

from collections.abc import Iterable, Iterator
from datetime import date, timedelta

from msgspec import Struct
from msgspec.structs import replace

from tieout.kernel.clock import from_micros, to_micros
from tieout.model.events import Event
from tieout.model.facts import AbsenceRefused, AbsenceStated, AbsenceTakenBack, absence_home
from tieout.policy.duties import is_person, shown
from tieout.policy.routing import Substitute, is_away, substitute
from tieout.processes.process import Emit, Facts, Output, Process, by_subject

SUBJECT = absence_home()
"""All absences stand in one state."""
REMEMBERED = timedelta(days=400)
"""So long after its end an absence is still listed; the log has it for ever."""


class Absence(Struct, frozen=True, omit_defaults=True):
    """One absence: from ``since`` to ``until``, both included. Moments (``_at``) are in microseconds."""

    absence_id: str
    person: str
    by: str
    since: date
    until: date
    reason: str
    said_by: str
    said_at: int
    taken_back_by: str = ""
    taken_back_at: int = 0
    taken_back_why: str = ""

    def covers(self, day: date) -> bool:
        """Whether the person is away on a day."""
        return not self.taken_back_by and self.since <= day <= self.until

    @property
    def substitute(self) -> Substitute:
        """The same as the policy would say it."""
        return Substitute(person=self.person, by=self.by, since=self.since, until=self.until)


class State(Struct, frozen=True, omit_defaults=True):
    """Every absence that is still listed, in the order in which they were said."""

    absences: tuple[Absence, ...] = ()

    def find(self, absence_id: str) -> Absence | None:
        """One absence, if it is listed."""
        return next((one for one in self.absences if one.absence_id == absence_id), None)


def away(state: State | None, policy: Iterable[Substitute]) -> tuple[Substitute, ...]:
    """Who is away and who stands in, the strongest word first: what people said themselves, then the policy's."""
    said = state.absences if state else ()
    return (*(one.substitute for one in said if not one.taken_back_by), *policy)


def objection(state: State | None, data: AbsenceStated, today: date, policy: Iterable[Substitute] = ()) -> str:
    """Why an absence cannot be, in words; empty when it can. One that is already listed is no other."""
    others = [one for one in state.absences if one.absence_id != data.absence_id] if state else []
    if not data.person or not data.by or data.person == data.by:
        return f"{data.person or 'nobody'} cannot stand in for themselves: name somebody else"
    if data.until < data.since:
        return f"{data.until} is before {data.since}"
    if data.until < today:
        return f"{data.until} is over; an absence is said for days to come"
    for one in others:
        if one.person == data.person and not one.taken_back_by and one.since <= data.until and data.since <= one.until:
            told = f"{one.person} is already away from {one.since} to {one.until}, and {one.by} stands in"
            return f"{told}: take that back first (`tieout cases away back {one.absence_id}`)"
    mine = Substitute(person=data.person, by=data.by, since=data.since, until=data.until)
    return _nobody_left(mine, away(State(tuple(others)), policy))


def _nobody_left(mine: Substitute, others: tuple[Substitute, ...]) -> str:
    """Whether there is a day on which all who would stand in one for the other are away: a circle, or an absence
    without end."""
    everybody = (mine, *others)
    turns = (day for one in others for day in (one.since, one.until + timedelta(days=1)))
    for day in sorted({mine.since, *(day for day in turns if mine.since <= day <= mine.until)}):
        last, _ = substitute(mine.person, everybody, day)
        if is_away(last, everybody, day):
            return f"on {day} {last} would stand in for {mine.person} and is away too: name somebody who is there"
    return ""


def evolve(state: State | None, event: Event) -> State | None:
    """Who is away after an event. What cannot be, and what no person says, changes nothing."""
    state, at = state or State(), event.recorded_at
    if not is_person(event.actor):
        return state
    kept = tuple(one for one in state.absences if one.until >= at.date() - REMEMBERED)
    match event.data:
        case AbsenceStated() as data if not state.find(data.absence_id) and not objection(state, data, at.date()):
            one = Absence(
                absence_id=data.absence_id,
                person=data.person,
                by=data.by,
                since=data.since,
                until=data.until,
                reason=data.reason,
                said_by=event.actor,
                said_at=to_micros(at),
            )
            return State((*kept, one))
        case AbsenceTakenBack(absence_id=absence_id, reason=reason):
            return State(tuple(_taken_back(one, absence_id, reason, event) for one in kept))
        case _:
            return state


def _taken_back(one: Absence, absence_id: str, reason: str, event: Event) -> Absence:
    if one.absence_id != absence_id or one.taken_back_by:
        return one
    at = to_micros(event.recorded_at)
    return replace(one, taken_back_by=event.actor, taken_back_at=at, taken_back_why=reason)


def decide(state: State | None, event: Event, facts: Facts) -> Iterator[Output]:
    """An absence asks nothing of the world; one that cannot be is told to be none."""
    match event.data:
        case AbsenceStated() as data if state is None or not state.find(data.absence_id):
            why = objection(state, data, facts.now.date())
            yield Emit(AbsenceRefused(absence_id=data.absence_id, reason=why or "no machine says who is away"))
        case _:
            return


def told(one: Absence) -> str:
    """An absence in words."""
    word = f"{one.person} is away from {one.since} to {one.until}, and {one.by} stands in"
    if not one.taken_back_by:
        return word
    return f"{word}; taken back by {shown(one.taken_back_by)} on {from_micros(one.taken_back_at):%Y-%m-%d}"


PROCESS = Process(
    name="absence",
    state=State,
    routes=dict.fromkeys((AbsenceStated, AbsenceTakenBack), by_subject),
    evolve=evolve,
    decide=decide,
)
