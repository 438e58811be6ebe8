"""After a migration, everything that follows from the log is made anew, by the code that reads it from now on.

So a revision changes tables only, and has nothing to say about how older events are understood today. It takes about as
long as ``tieout rebuild``, which finds no difference afterwards.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import sqlalchemy as sa
from msgspec.structs import asdict

from tieout.engine.derived import Derived, derive, totals
from tieout.engine.schema import EVENT, FINGERPRINT, LIKENESS, STANDING, STATE, TOTAL, VIEW_TABLES
from tieout.engine.stores.rows import EventRow, StandingRow
from tieout.processes.registry import PROCESSES

_BATCH = 5_000
_ITEM = (STANDING.c.name, STANDING.c.entity, STANDING.c.period, STANDING.c.item)


def refill(connection: sa.Connection) -> None:
    """Empty every derived table and fill it from the log, one partition at a time, in the caller's transaction."""
    if connection.dialect.name == "postgresql":
        connection.execute(sa.text("LOCK TABLE event IN EXCLUSIVE MODE"))  # a worker of the older version waits
    since = {tuple(row[:4]): row[4] for row in connection.execute(sa.select(*_ITEM, STANDING.c.since))}
    for table in (STATE, FINGERPRINT, LIKENESS, STANDING, TOTAL, *VIEW_TABLES.values()):
        connection.execute(sa.delete(table))
    standings: list[StandingRow] = []
    for partition in connection.scalars(sa.select(EVENT.c.partition).distinct().order_by(EVENT.c.partition)).all():
        found = derive(partition, _log(connection, partition), PROCESSES)
        for row in found.standings:
            row.since = since.get((row.name, row.entity, row.period, row.item), row.since)
        standings += found.standings
        _write(connection, found)
    _insert(connection, TOTAL, map(asdict, totals(standings)))


def _log(connection: sa.Connection, partition: int) -> Iterator[EventRow]:
    """The events of a partition in order, some thousand at a time."""
    columns = [EVENT.c[name] for name in EventRow.__struct_fields__]
    here = sa.select(*columns).where(EVENT.c.partition == partition).order_by(EVENT.c.position).limit(_BATCH)
    after = 0
    while page := connection.execute(here.where(EVENT.c.position > after)).all():
        yield from (EventRow(*row) for row in page)
        after = page[-1].position


def _write(connection: sa.Connection, found: Derived) -> None:
    _insert(connection, STATE, map(asdict, found.states))
    for view, rows in found.views.items():
        _insert(connection, VIEW_TABLES[view], rows)
    _insert(
        connection,
        FINGERPRINT,
        ({"subject": row.subject, "partition": row.partition, "data": row.data} for row in found.fingerprints),
    )
    _insert(
        connection,
        LIKENESS,
        (
            {"key": key, "day": row.day, "subject": row.subject, "partition": row.partition}
            for row in found.fingerprints
            for key in row.keys
        ),
    )
    _insert(connection, STANDING, map(asdict, found.standings))


def _insert(connection: sa.Connection, table: sa.Table, rows: Iterable[Mapping[str, Any]]) -> None:
    if every := list(rows):
        connection.execute(sa.insert(table), every)
