"""Rebuild: states, views, standings and totals out of the log alone. They must equal what is there, byte for byte."""

from collections.abc import Callable, Iterator
from typing import Any

from msgspec import Struct

from tieout.engine.fingerprints import fingerprint_row
from tieout.engine.scope import dispatch_table, encode_state
from tieout.engine.seal import read_partition
from tieout.engine.stores.port import Store
from tieout.engine.stores.rows import EventRow
from tieout.kernel.clock import from_micros
from tieout.kernel.setdigest import MODULUS, item_digest
from tieout.model.events import Event
from tieout.model.facts import decode_fact
from tieout.model.views import VIEWS
from tieout.processes.process import Process


class Difference(Struct, frozen=True):
    """Something that the log says otherwise than the table does."""

    table: str
    key: str
    stored: str
    rebuilt: str


class Rebuilt(Struct, frozen=True):
    """How much was folded, and what came out different."""

    events: int
    states: int
    differences: tuple[Difference, ...]


def rebuild(
    store: Store, processes: tuple[Process, ...], on_progress: Callable[[int], None] = lambda events: None
) -> Rebuilt:
    """Fold the whole log, one partition at a time, and compare with every table that was derived from it."""
    by_name = {process.name: process for process in processes}
    dispatch = dispatch_table(processes)
    differences: list[Difference] = []
    totals: dict[tuple[str, str, str, str], list[int]] = {}
    events = states = 0
    for partition in sorted(store.log_heads()):
        folded: dict[tuple[str, str], tuple[Any, int]] = {}
        for row in read_partition(store, partition):
            event = to_event(row)
            for process, route in dispatch.get(type(event.data), ()):
                for subject in route(event):
                    before = folded.get((process.name, subject), (None, 0))[0]
                    folded[process.name, subject] = (process.evolve(before, event), row.position)
            events += 1
            if events % 1000 == 0:
                on_progress(1000)
        kept = {key: value for key, value in folded.items() if value[0] is not None}
        states += len(kept)
        differences += _compare_states(store, partition, kept)
        differences += _compare_views(store, partition, kept, by_name)
        differences += _compare_fingerprints(store, partition, kept, by_name)
        differences += _compare_standings(store, partition, kept, by_name, totals)
    on_progress(events % 1000)
    differences += _compare_totals(store, totals)
    return Rebuilt(events, states, tuple(differences))


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


Folded = dict[tuple[str, str], tuple[Any, int]]


def _compare_states(store: Store, partition: int, folded: Folded) -> Iterator[Difference]:
    stored = {(row["process"], row["subject"]): row["data"] for row in store.read_table("state", partition)}
    rebuilt = {key: encode_state(state) for key, (state, _) in folded.items()}
    yield from _differences("state", stored, rebuilt)


def _compare_views(store: Store, partition: int, folded: Folded, processes: dict[str, Process]) -> Iterator[Difference]:
    rebuilt: dict[str, dict[str, Any]] = {name: {} for name in VIEWS}
    for (name, subject), (state, _) in folded.items():
        process = processes[name]
        if process.show and (row := process.show(subject, state)) is not None:
            rebuilt[process.view][subject] = {"subject": subject, "partition": partition, **row}
    for view, rows in rebuilt.items():
        stored = {row["subject"]: row for row in store.read_table(f"view_{view}", partition)}
        yield from _differences(f"view_{view}", stored, rows)


def _compare_fingerprints(
    store: Store, partition: int, folded: Folded, processes: dict[str, Process]
) -> Iterator[Difference]:
    """What others are compared with, and everything it is found under."""
    rows = [
        fingerprint_row(one, partition)
        for (name, subject), (state, _) in folded.items()
        if (prints := processes[name].prints) and (one := prints(subject, None, state))
    ]
    stored = {row["subject"]: row["data"] for row in store.read_table("fingerprint", partition)}
    yield from _differences("fingerprint", stored, {row.subject: row.data for row in rows})
    found = {(row["key"], row["day"], row["subject"]): True for row in store.read_table("likeness", partition)}
    yield from _differences("likeness", found, {(key, row.day, row.subject): True for row in rows for key in row.keys})


def _compare_standings(
    store: Store,
    partition: int,
    folded: Folded,
    processes: dict[str, Process],
    totals: dict[tuple[str, str, str, str], list[int]],
) -> Iterator[Difference]:
    rebuilt: dict[tuple[str, str, str, str], tuple[str, int]] = {}
    for (name, subject), (state, _) in folded.items():
        process = processes[name]
        for one in process.stands(subject, state) if process.stands else ():
            rebuilt[one.name, one.entity, one.period, one.item] = (one.amount.currency, one.amount.minor)
            total = totals.setdefault((one.name, one.entity, one.period, one.amount.currency), [0, 0, 0])
            total[0] += 1
            total[1] += one.amount.minor
            total[2] = (total[2] + item_digest(one.item, one.amount.minor)) % MODULUS
    stored = {
        (row["name"], row["entity"], row["period"], row["item"]): (row["currency"], row["amount_minor"])
        for row in store.read_table("standing", partition)
    }
    yield from _differences("standing", stored, rebuilt)


def _compare_totals(store: Store, totals: dict[tuple[str, str, str, str], list[int]]) -> Iterator[Difference]:
    stored = {
        (row["name"], row["entity"], row["period"], row["currency"]): [row["count"], row["sum_minor"], row["digest"]]
        for row in store.read_table("total", None)
    }
    nothing = [0, 0, 0]
    yield from _differences(
        "total",
        {key: value for key, value in stored.items() if value != nothing},
        {key: value for key, value in totals.items() if value != nothing},
    )


def _differences(table: str, stored: dict[Any, Any], rebuilt: dict[Any, Any]) -> Iterator[Difference]:
    for key in stored.keys() | rebuilt.keys():
        left, right = stored.get(key), rebuilt.get(key)
        if left != right:
            yield Difference(table, str(key), str(left)[:500], str(right)[:500])
