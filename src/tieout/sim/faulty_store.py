"""A store whose process may die between any two statements, or right after a commit it never learns of.

The database itself is honest, as a real one is: what is committed stays, what is not is rolled back.
"""

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from tieout.engine.stores.port import FencedError
from tieout.engine.stores.rows import UNRESOLVED, EventRow, InboxRow, Settlement
from tieout.engine.stores.sqlite import SqliteStore, SqliteUnit
from tieout.sim.faults import Crash, Faults
from tieout.sim.marks import Marks


class CrashingConnection(sqlite3.Connection):
    """A connection on which every statement may be the last of this process."""

    faults: Faults | None = None
    marks: Marks | None = None

    def execute(self, sql: str, parameters: Any = (), /) -> sqlite3.Cursor:
        if sql == "ROLLBACK":
            return super().execute(sql, parameters)
        if self._dies("crash before a statement"):
            if sql == "COMMIT":
                super().execute("ROLLBACK")  # what the database does when the process at the other end is gone
            raise Crash(sql)
        cursor = super().execute(sql, parameters)
        if sql == "COMMIT" and self._dies("crash after a commit"):
            raise Crash(sql)
        return cursor

    def executemany(self, sql: str, parameters: Iterable[Any], /) -> sqlite3.Cursor:
        if self._dies("crash before a statement"):
            raise Crash(sql)
        return super().executemany(sql, parameters)

    def _dies(self, kind: str) -> bool:
        if self.faults is None or self.marks is None or not self.faults.strikes(kind):
            return False
        if kind == "crash after a commit":
            self.marks.reach("crash after a commit")
        elif self.in_transaction:
            self.marks.reach("crash inside a unit of work")
        return True


class WatchedUnit(SqliteUnit):
    """A unit of work that notes when it comes through a hard place."""

    def __init__(self, connection: sqlite3.Connection, marks: Marks) -> None:
        super().__init__(connection)
        self._marks = marks

    def append(self, events: Sequence[EventRow]) -> None:
        try:
            super().append(events)
        except FencedError:
            self._marks.reach("stale worker fenced")
            raise

    def defer_inbox(self, rows: Sequence[InboxRow]) -> None:
        if any(row.partition == UNRESOLVED for row in rows):
            self._marks.reach("link waited for")
        super().defer_inbox(rows)


class FaultyStore(SqliteStore):
    """An in-memory store with a :class:`CrashingConnection`, made from an image in a tenth of a millisecond."""

    def __init__(self, image: bytes, faults: Faults, marks: Marks) -> None:
        super().__init__(":memory:", image=image)
        self._marks = marks
        connection = self.connection
        assert isinstance(connection, CrashingConnection)
        connection.faults, connection.marks = faults, marks

    def _open(self) -> sqlite3.Connection:
        return sqlite3.connect(
            ":memory:", isolation_level=None, check_same_thread=False, cached_statements=512, factory=CrashingConnection
        )

    @contextmanager
    def unit(self) -> Iterator[SqliteUnit]:
        with self._transaction() as sql:
            yield WatchedUnit(sql, self._marks)

    def settle(self, settlements: Sequence[Settlement], messages: Sequence[InboxRow]) -> int:
        counted = super().settle(settlements, messages)
        if counted < len(settlements):
            self._marks.reach("late answer of a stale sender dropped")
        return counted

    def lapse_effects(self, now: int) -> int:
        lapsed = super().lapse_effects(now)
        if lapsed:
            self._marks.reach("lapsed lease found out")
        return lapsed
