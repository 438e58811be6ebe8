"""Rebuild: states, views, standings and totals out of the log alone. They must equal what is there, byte for byte."""

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from msgspec import Struct

from tieout.engine.derived import Derived, derive, totals
from tieout.engine.seal import read_partition
from tieout.engine.stores.port import Store
from tieout.engine.stores.rows import EventRow, StandingRow
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
    differences: list[Difference] = []
    standings: list[StandingRow] = []
    events = states = 0
    heads = store.log_heads()
    for partition in sorted(heads):
        found = derive(partition, _told(read_partition(store, partition), on_progress), processes)
        events += heads[partition].position
        states += len(found.states)
        standings += found.standings
        differences += _compare(store, partition, found)
    differences += _compare_totals(store, standings)
    return Rebuilt(events, states, tuple(differences))


def _told(log: Iterator[EventRow], on_progress: Callable[[int], None]) -> Iterator[EventRow]:
    """The same events; every now and then it is told how many more there were."""
    count = 0
    for row in log:
        yield row
        count += 1
        if count % 1000 == 0:
            on_progress(1000)
    on_progress(count % 1000)


def _compare(store: Store, partition: int, found: Derived) -> Iterator[Difference]:
    """Everything in this partition that is derived from its log."""
    stored = {(row["process"], row["subject"]): row["data"] for row in store.read_table("state", partition)}
    yield from _differences("state", stored, {(row.process, row.subject): row.data for row in found.states})
    for view, rows in found.views.items():
        there = {row["subject"]: row for row in store.read_table(f"view_{view}", partition)}
        yield from _differences(f"view_{view}", there, {row["subject"]: row for row in rows})
    yield from _compare_fingerprints(store, partition, found)
    items = {_item(row): (row["currency"], row["amount_minor"]) for row in store.read_table("standing", partition)}
    rebuilt = {
        (one.name, one.entity, one.period, one.item): (one.currency, one.amount_minor) for one in found.standings
    }
    yield from _differences("standing", items, rebuilt)


def _compare_fingerprints(store: Store, partition: int, found: Derived) -> Iterator[Difference]:
    """What others are compared with, and everything it is found under."""
    stored = {row["subject"]: row["data"] for row in store.read_table("fingerprint", partition)}
    yield from _differences("fingerprint", stored, {row.subject: row.data for row in found.fingerprints})
    likeness = {(row["key"], row["day"], row["subject"]): True for row in store.read_table("likeness", partition)}
    keys = {(key, row.day, row.subject): True for row in found.fingerprints for key in row.keys}
    yield from _differences("likeness", likeness, keys)


def _compare_totals(store: Store, standings: Iterable[StandingRow]) -> Iterator[Difference]:
    stored = {
        (row["name"], row["entity"], row["period"], row["currency"]): (row["count"], row["sum_minor"], row["digest"])
        for row in store.read_table("total", None)
    }
    rebuilt = {
        (row.name, row.entity, row.period, row.currency): (row.count, row.sum_minor, row.digest)
        for row in totals(standings)
    }
    nothing = (0, 0, 0)
    yield from _differences("total", {key: value for key, value in stored.items() if value != nothing}, rebuilt)


def _item(row: dict[str, Any]) -> tuple[str, str, str, str]:
    return row["name"], row["entity"], row["period"], row["item"]


def _differences(table: str, stored: dict[Any, Any], rebuilt: dict[Any, Any]) -> Iterator[Difference]:
    for key in stored.keys() | rebuilt.keys():
        left, right = stored.get(key), rebuilt.get(key)
        if left != right:
            yield Difference(table, str(key), str(left)[:500], str(right)[:500])
