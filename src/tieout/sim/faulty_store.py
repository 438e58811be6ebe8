"""A store whose process may die between any two statements, or right after a commit it never learns of.

The database itself is honest, as a real one is: what is committed stays, what is not is rolled back.
"""

import sqlite3
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from msgspec import Struct

from tieout.engine.stores.port import FencedError
from tieout.engine.stores.rows import UNRESOLVED, EventRow, FingerprintRow, InboxRow, LookRow, Settlement
from tieout.engine.stores.sqlite import SqliteStore, SqliteUnit
from tieout.sim.faults import Crash, Faults
from tieout.sim.marks import Marks

_AT_ONCE = 8
"""So many units of work may have been under way at one moment."""


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


class Done(Struct):
    """What a unit of work that has committed did: in which partitions, which messages waited when it began, and the
    fingerprints it wrote, each with what stood there before (nothing for a new one)."""

    partitions: set[int]
    waiting: set[tuple[str, str]]
    prints: dict[bytes, bytes | None]


class WatchedUnit(SqliteUnit):
    """A unit of work that notes when it comes through a hard place.

    It may have begun at the same moment as those before it: then it compares invoices with what stood before they
    committed. That can only be so as long as they worked in other partitions, and had not led to what this one handles.
    """

    def __init__(self, connection: sqlite3.Connection, marks: Marks, faults: Faults, before: Sequence[Done]) -> None:
        super().__init__(connection)
        self._marks, self._faults, self._before = marks, faults, before
        self._taken: set[tuple[str, str]] = set()
        self._unseen: dict[bytes, bytes | None] | None = None
        self.done = Done(set(), set(), {})

    def take(self, partitions: Sequence[int] | None, limit: int, now: int) -> list[InboxRow]:
        waiting = sqlite3.Connection.execute(self._sql, "SELECT source, key FROM inbox WHERE status = 'ready'")
        self.done.waiting = set(waiting.fetchall())
        rows = super().take(partitions, limit, now)
        self.done.partitions |= {row.partition for row in rows}
        self._taken = {(row.source, row.key) for row in rows}
        return rows

    def similar(self, looks: Sequence[LookRow]) -> dict[str, list[bytes]]:
        found = super().similar(looks)
        if self._unseen is None:
            self._unseen = self._at_one_moment() if self._faults.strikes("look before a commit") else {}
        if not self._unseen:
            return found
        then = {asker: [old for one in rows if (old := self._then(one)) is not None] for asker, rows in found.items()}
        if then != found:
            self._marks.reach("looked before another committed")
        return then

    def _at_one_moment(self) -> dict[bytes, bytes | None]:
        unseen: dict[bytes, bytes | None] = {}
        for one in reversed(self._before):
            if UNRESOLVED in self.done.partitions or one.partitions & self.done.partitions:
                break
            if not self._taken <= one.waiting:
                break
            unseen |= one.prints
        return unseen

    def _then(self, data: bytes) -> bytes | None:
        one: bytes | None = data
        while one is not None and one in (self._unseen or {}):
            one = (self._unseen or {})[one]
        return one

    def put_fingerprints(self, rows: Sequence[FingerprintRow]) -> None:
        for row in rows:
            found = sqlite3.Connection.execute(
                self._sql, "SELECT data FROM fingerprint WHERE subject = ?", (row.subject,)
            ).fetchone()
            if found is None or found[0] != row.data:
                self.done.prints[row.data] = found[0] if found else None
        super().put_fingerprints(rows)

    def append(self, events: Sequence[EventRow]) -> None:
        self.done.partitions |= {event.partition for event in events}
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
        self._marks, self._faults = marks, faults
        self._done: deque[Done] = deque(maxlen=_AT_ONCE)
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
            unit = WatchedUnit(sql, self._marks, self._faults, tuple(self._done))
            yield unit
        self._done.append(unit.done)

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
