"""What follows from the log alone: the states of all processes, and every table that is made of states."""

from collections.abc import Iterable, Mapping
from typing import Any

from msgspec import Struct

from tieout.engine.fingerprints import fingerprint_row
from tieout.engine.scope import dispatch_table, encode_state
from tieout.engine.stores.rows import EventRow, FingerprintRow, StandingRow, StateRow, TotalRow
from tieout.kernel.clock import from_micros
from tieout.kernel.setdigest import MODULUS, item_digest
from tieout.model.events import Event
from tieout.model.facts import decode_fact
from tieout.model.views import VIEWS
from tieout.processes.process import Process


class Derived(Struct, frozen=True):
    """The rows that one partition's log leads to; ``views`` by the name of the view."""

    states: tuple[StateRow, ...]
    views: Mapping[str, tuple[Mapping[str, Any], ...]]
    fingerprints: tuple[FingerprintRow, ...]
    standings: tuple[StandingRow, ...]


class _Folded(Struct, frozen=True, gc=False):
    """A state, and the position and time (microseconds) of the last event in it."""

    state: Any
    position: int
    at: int


def derive(partition: int, log: Iterable[EventRow], processes: tuple[Process, ...]) -> Derived:
    """Fold the log of one partition."""
    by_name = {process.name: process for process in processes}
    folded = [(by_name[name], subject, one) for (name, subject), one in _fold(log, processes).items()]
    views: dict[str, list[Mapping[str, Any]]] = {name: [] for name in VIEWS}
    for process, subject, one in folded:
        if process.show and (row := process.show(subject, one.state)) is not None:
            views[process.view].append({"subject": subject, "partition": partition, **row})
    return Derived(
        tuple(
            StateRow(to.name, subject, partition, one.position, encode_state(one.state)) for to, subject, one in folded
        ),
        {name: tuple(rows) for name, rows in views.items()},
        tuple(
            fingerprint_row(found, partition)
            for process, subject, one in folded
            if process.prints and (found := process.prints(subject, None, one.state))
        ),
        tuple(row for process, subject, one in folded for row in _standings(process, subject, one, partition)),
    )


def totals(standings: Iterable[StandingRow]) -> tuple[TotalRow, ...]:
    """The control totals of all that stands, in all partitions."""
    found: dict[tuple[str, str, str, str], TotalRow] = {}
    for row in standings:
        key = (row.name, row.entity, row.period, row.currency)
        total = found.setdefault(key, TotalRow(*key, 0, 0, 0))
        total.count += 1
        total.sum_minor += row.amount_minor
        total.digest = (total.digest + item_digest(row.item, row.amount_minor)) % MODULUS
    return tuple(found.values())


def to_event(row: EventRow) -> Event:
    """The event as processes see it."""
    return Event(
        f"{row.partition}.{row.position}",
        row.subject,
        decode_fact(row.type, row.data),
        row.entity,
        row.correlation,
        row.causation,
        row.actor,
        from_micros(row.occurred_at),
        from_micros(row.recorded_at),
        row.policy,
        row.source or "",
        row.key or "",
    )


def _fold(log: Iterable[EventRow], processes: tuple[Process, ...]) -> dict[tuple[str, str], _Folded]:
    dispatch = dispatch_table(processes)
    folded: dict[tuple[str, str], _Folded] = {}
    for row in log:
        event = to_event(row)
        for process, route in dispatch.get(type(event.data), ()):
            for subject in route(event):
                before = folded.get((process.name, subject))
                state = process.evolve(before.state if before else None, event)
                folded[process.name, subject] = _Folded(state, row.position, row.recorded_at)
    return {key: one for key, one in folded.items() if one.state is not None}


def _standings(process: Process, subject: str, one: _Folded, partition: int) -> Iterable[StandingRow]:
    for standing in process.stands(subject, one.state) if process.stands else ():
        yield StandingRow(
            standing.name,
            standing.entity,
            standing.period,
            standing.item,
            standing.amount.currency,
            standing.amount.minor,
            partition,
            one.at,
        )
