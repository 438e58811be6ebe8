"""The SQLite store: one file, write-ahead log, ``synchronous=FULL``. The default; good for one machine.

All SQL is here and written by hand. Writers queue on the database's own lock (``BEGIN IMMEDIATE``).
"""

import sqlite3
import threading
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from operator import itemgetter
from typing import Any

import msgspec
from msgspec.structs import astuple

from tieout.engine.stores.port import LOOK_MAX, FencedError, Receipt
from tieout.engine.stores.rows import (
    UNRESOLVED,
    DocumentRow,
    EffectRow,
    EventRow,
    FingerprintRow,
    Head,
    InboxRow,
    LinkRow,
    LookRow,
    Settlement,
    StandingRow,
    StateRow,
    TotalRow,
)
from tieout.engine.stores.text import plain, refuse_unstorable
from tieout.kernel.setdigest import MODULUS

_BUSY_SECONDS = 30.0
_TAKEN = (sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY, sqlite3.SQLITE_CONSTRAINT_UNIQUE)


def _marks(count: int) -> str:
    return ",".join("?" * count)


def _json(keys: Sequence[tuple[str, str]]) -> str:
    return msgspec.json.encode(keys).decode()


def _columns(row: type[Any], *leave_out: str) -> str:
    return ", ".join(f'"{name}"' for name in row.__struct_fields__ if name not in leave_out)


_INBOX = _columns(InboxRow)
_INBOX_NEW = _columns(InboxRow, "id")
_INBOX_MARKS = _marks(len(InboxRow.__struct_fields__) - 1)
_EVENT = _columns(EventRow)
_EFFECT_KEPT = _columns(EffectRow, "payload")
_EFFECT = ", ".join(
    "(SELECT payload FROM effect_payload WHERE effect_payload.id = effect.id)" if name == "payload" else f'"{name}"'
    for name in EffectRow.__struct_fields__
)

_ACCEPT = f"""
    INSERT INTO inbox ({_INBOX_NEW}) SELECT {_INBOX_MARKS}
    WHERE NOT EXISTS (SELECT 1 FROM event WHERE source = ? AND key = ?)
    ON CONFLICT (source, key) DO NOTHING
"""
_PUT_INBOX = f"INSERT INTO inbox ({_INBOX_NEW}) VALUES ({_INBOX_MARKS}) ON CONFLICT (source, key) DO NOTHING"
_KNOWN = """
    SELECT fingerprint FROM inbox WHERE source = ?1 AND key = ?2
    UNION ALL SELECT fingerprint FROM event WHERE source = ?1 AND key = ?2 LIMIT 1
"""
_NOT_BLOCKED = """
    NOT EXISTS (SELECT 1 FROM inbox q WHERE q.status = 'quarantined' AND q.subject = inbox.subject AND q.subject <> '')
"""
_APPEND = f"INSERT INTO event ({_EVENT}) VALUES ({_marks(len(EventRow.__struct_fields__))})"
_PUT_STATE = """
    INSERT INTO state (process, subject, "partition", position, data) VALUES (?, ?, ?, ?, ?)
    ON CONFLICT (process, subject) DO UPDATE SET position = excluded.position, data = excluded.data
"""
_EFFECT_VALUES = {
    name: f"?{number}"
    for number, name in enumerate((name for name in EffectRow.__struct_fields__ if name != "payload"), 1)
}
_PAYLOAD = EffectRow.__struct_fields__.index("payload")
_READY_OR_PARKED = """
    CASE WHEN {status} = 'ready' AND {after} <> '' AND NOT EXISTS (
        SELECT 1 FROM effect a WHERE a.id = {after} AND a.status = 'applied'
    ) THEN 'parked' ELSE {status} END
""".format_map(_EFFECT_VALUES)
_PUT_EFFECT = f"""
    INSERT INTO effect ({_EFFECT_KEPT}) VALUES ({", ".join((_EFFECT_VALUES | {"status": _READY_OR_PARKED}).values())})
    ON CONFLICT (id) DO NOTHING
"""
_PUT_PAYLOAD = "INSERT INTO effect_payload (id, payload) VALUES (?, ?) ON CONFLICT (id) DO NOTHING"
# SQLite uses the partial index ``effect_open`` only for a query that says its condition, word for word.
_OPEN = "status NOT IN ('ready', 'applied')"
_FREE = "UPDATE effect SET status = 'ready' WHERE status = 'parked' AND \"after\" = ?"
_PUT_LINK = f"""
    INSERT INTO link ({_columns(LinkRow)}) VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (system, external_id) DO NOTHING
"""
_PUT_FINGERPRINT = """
    INSERT INTO fingerprint (subject, "partition", data) VALUES (?, ?, ?)
    ON CONFLICT (subject) DO UPDATE SET data = excluded.data
"""
_PUT_LIKENESS = """
    INSERT INTO likeness (key, day, subject, "partition") VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING
"""
_UNDER = f"SELECT subject FROM likeness WHERE key = ? AND day BETWEEN ? AND ? ORDER BY day DESC LIMIT {LOOK_MAX}"
_PUT_STANDING = f"""
    INSERT INTO standing ({_columns(StandingRow)}) VALUES (?, ?, ?, ?, ?, ?, ?, ?)
    ON CONFLICT (name, entity, period, item) DO UPDATE
    SET currency = excluded.currency, amount_minor = excluded.amount_minor
"""
_ADD_TOTAL = f"""
    INSERT INTO total ({_columns(TotalRow)}) VALUES (?, ?, ?, ?, ?, ?, ?)
    ON CONFLICT (name, entity, period, currency) DO UPDATE
    SET count = count + excluded.count, sum_minor = sum_minor + excluded.sum_minor,
        digest = (digest + excluded.digest) % {MODULUS}
"""
_SENDABLE = "SELECT 1 FROM effect WHERE status = 'ready' AND lane = ? AND not_before <= ? LIMIT 1"
_SETTLE = """
    UPDATE effect SET status = ?, not_before = ?, probes = ?, outcome = ?, error = ?, changed_at = ?,
        owner = '', lease_until = 0
    WHERE id = ? AND owner = ? AND attempts = ? AND status IN ('leased', 'probing')
"""
_CLAIM = """
    INSERT INTO lease (name, owner, until) VALUES (?1, ?2, ?3)
    ON CONFLICT (name) DO UPDATE SET owner = ?2, until = ?3 WHERE owner = ?2 OR until <= ?4
"""


class SqliteUnit:
    """One transaction on one connection."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._sql = connection

    def take(self, partitions: Sequence[int] | None, limit: int, now: int) -> list[InboxRow]:
        here, values = "", tuple[int, ...]()
        if partitions is not None:
            here = f'AND "partition" IN ({_marks(len(partitions) + 1)})'
            values = (UNRESOLVED, *partitions)
        due = self._sql.execute(
            f"SELECT {_INBOX} FROM inbox WHERE status = 'ready' AND due_at > 0 AND due_at <= ? {here}"
            f" AND {_NOT_BLOCKED} ORDER BY due_at LIMIT ?",
            (now, *values, limit),
        ).fetchall()
        rows = self._sql.execute(
            f"SELECT {_INBOX} FROM inbox WHERE status = 'ready' AND due_at = 0 {here}"
            f" AND {_NOT_BLOCKED} ORDER BY lane, id LIMIT ?",
            (*values, limit - len(due)),
        ).fetchall()
        return [InboxRow(*row) for row in (*due, *rows)]

    def heads(self, partitions: Collection[int]) -> dict[int, Head]:
        query = 'SELECT position, hash FROM event WHERE "partition" = ? ORDER BY position DESC LIMIT 1'
        found = ((number, self._sql.execute(query, (number,)).fetchone()) for number in partitions)
        return {number: Head(*row) for number, row in found if row}

    def logged(self, keys: Sequence[tuple[str, str]]) -> set[tuple[str, str]]:
        found = self._sql.execute(
            "SELECT e.source, e.key FROM json_each(?) AS j CROSS JOIN event AS e"
            " ON e.source = j.value ->> 0 AND e.key = j.value ->> 1",
            (_json(keys),),
        )
        return set(found.fetchall())

    def states(self, keys: Collection[tuple[str, str]]) -> dict[tuple[str, str], bytes]:
        found = self._sql.execute(
            "SELECT s.process, s.subject, s.data FROM json_each(?) AS j CROSS JOIN state AS s"
            " ON s.process = j.value ->> 0 AND s.subject = j.value ->> 1",
            (_json(tuple(keys)),),
        )
        return {(process, subject): data for process, subject, data in found.fetchall()}

    def resolve(self, refs: Collection[tuple[str, str]]) -> dict[tuple[str, str], LinkRow]:
        query = f"SELECT {_columns(LinkRow)} FROM link WHERE system = ? AND external_id = ?"
        found = ((ref, self._sql.execute(query, ref).fetchone()) for ref in refs)
        return {ref: LinkRow(*row) for ref, row in found if row}

    def similar(self, looks: Sequence[LookRow]) -> dict[str, list[bytes]]:
        found: dict[str, dict[str, None]] = {}
        for look in looks:
            here = self._sql.execute(_UNDER, (look.key, look.first, look.last)).fetchall()
            found.setdefault(look.asker, {}).update((subject, None) for (subject,) in here)
        subjects = list(dict.fromkeys(subject for some in found.values() for subject in some))
        rows = self._sql.execute(
            "SELECT f.subject, f.data FROM json_each(?) AS j CROSS JOIN fingerprint AS f ON f.subject = j.value",
            (msgspec.json.encode(subjects).decode(),),
        )
        data = dict(rows.fetchall())
        return {asker: [data[subject] for subject in some] for asker, some in found.items()}

    def append(self, events: Sequence[EventRow]) -> None:
        try:
            self._sql.executemany(_APPEND, map(astuple, events))
        except sqlite3.IntegrityError as error:
            if error.sqlite_errorcode not in _TAKEN:
                raise
            raise FencedError(str(error)) from error

    def put_states(self, rows: Sequence[StateRow]) -> None:
        self._sql.executemany(_PUT_STATE, map(astuple, rows))

    def drop_states(self, keys: Sequence[tuple[str, str]]) -> None:
        self._sql.executemany("DELETE FROM state WHERE process = ? AND subject = ?", keys)

    def put_effects(self, rows: Sequence[EffectRow]) -> None:
        self._sql.executemany(_PUT_EFFECT, [(*row[:_PAYLOAD], *row[_PAYLOAD + 1 :]) for row in map(astuple, rows)])
        self._sql.executemany(_PUT_PAYLOAD, [(row.id, row.payload) for row in rows])

    def put_links(self, rows: Sequence[LinkRow]) -> None:
        self._sql.executemany(_PUT_LINK, map(astuple, rows))

    def put_inbox(self, rows: Sequence[InboxRow]) -> None:
        self._sql.executemany(_PUT_INBOX, [astuple(row)[1:] for row in rows])

    def drop_inbox(self, ids: Sequence[int]) -> None:
        self._sql.executemany("DELETE FROM inbox WHERE id = ?", [(number,) for number in ids])

    def defer_inbox(self, rows: Sequence[InboxRow]) -> None:
        self._sql.executemany(
            'UPDATE inbox SET "partition" = ?, subject = ?, correlation = ?, entity = ?, due_at = ?, attempts = ?,'
            " status = ?, error = ? WHERE id = ?",
            [
                (
                    row.partition,
                    row.subject,
                    row.correlation,
                    row.entity,
                    row.due_at,
                    row.attempts,
                    row.status,
                    plain(row.error),
                    row.id,
                )
                for row in rows
            ],
        )

    def put_views(self, view: str, rows: Sequence[Mapping[str, Any]]) -> None:
        if not rows:
            return
        names = tuple(rows[0])
        columns = ", ".join(f'"{name}"' for name in names)
        updates = ", ".join(f'"{name}" = excluded."{name}"' for name in names if name != "subject")
        self._sql.executemany(
            f"INSERT INTO view_{view} ({columns}) VALUES ({_marks(len(names))})"
            f" ON CONFLICT (subject) DO UPDATE SET {updates}",
            map(itemgetter(*names), rows),
        )

    def drop_views(self, view: str, subjects: Sequence[str]) -> None:
        self._sql.executemany(f"DELETE FROM view_{view} WHERE subject = ?", [(subject,) for subject in subjects])

    def put_fingerprints(self, rows: Sequence[FingerprintRow]) -> None:
        self._sql.executemany(_PUT_FINGERPRINT, [(row.subject, row.partition, row.data) for row in rows])
        if gone := [(key, row.day, row.subject) for row in rows for key in row.gone]:
            self._sql.executemany("DELETE FROM likeness WHERE key = ? AND day = ? AND subject = ?", gone)
        self._sql.executemany(
            _PUT_LIKENESS, [(key, row.day, row.subject, row.partition) for row in rows for key in row.keys]
        )

    def change_standings(self, added: Sequence[StandingRow], removed: Sequence[StandingRow]) -> None:
        self._sql.executemany(
            "DELETE FROM standing WHERE name = ? AND entity = ? AND period = ? AND item = ?",
            [(row.name, row.entity, row.period, row.item) for row in removed],
        )
        self._sql.executemany(_PUT_STANDING, map(astuple, added))

    def change_totals(self, changes: Sequence[TotalRow]) -> None:
        self._sql.executemany(_ADD_TOTAL, [(*astuple(row)[:-1], row.digest % MODULUS) for row in changes])


class SqliteStore:
    """A database file, one connection a thread. Or, for tests and simulation, memory: one connection for all.

    ``image`` is a serialized database to begin with in memory.
    """

    def __init__(self, path: str, *, timeout: float = _BUSY_SECONDS, image: bytes | None = None) -> None:
        self._path = path
        self._timeout = timeout
        self._local = threading.local()
        self._memory = path == ":memory:"
        self._shared = self._open() if self._memory else None
        # SQLite's own lock between processes is waited for in steps of up to 100 ms; threads need not wait like that.
        self._one_at_a_time = threading.RLock()
        if image is not None:
            self.connection.deserialize(image)

    @property
    def url(self) -> str:
        return f"sqlite:///{self._path}"

    def _open(self) -> sqlite3.Connection:
        sql = sqlite3.connect(
            self._path,
            timeout=self._timeout,
            isolation_level=None,
            check_same_thread=False,
            cached_statements=256,
        )
        if not self._memory:
            # A mode that is set already is not set again: setting it may fail at once while others are at work.
            if sql.execute("PRAGMA journal_mode").fetchone()[0] != "wal":
                sql.execute("PRAGMA journal_mode=WAL")
            sql.execute("PRAGMA synchronous=FULL")
            sql.execute("PRAGMA wal_autocheckpoint=10000")
        sql.execute("PRAGMA cache_size=-65536")
        return sql

    @property
    def connection(self) -> sqlite3.Connection:
        """This thread's connection."""
        if self._shared is not None:
            return self._shared
        sql: sqlite3.Connection | None = getattr(self._local, "sql", None)
        if sql is None:
            sql = self._local.sql = self._open()
        return sql

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with self._one_at_a_time:
            sql = self.connection
            sql.execute("BEGIN IMMEDIATE")
            try:
                yield sql
                sql.execute("COMMIT")
            except BaseException:
                if sql.in_transaction:  # SQLite has rolled back by itself when the disk is full
                    sql.execute("ROLLBACK")
                raise

    @contextmanager
    def unit(self) -> Iterator[SqliteUnit]:
        with self._transaction() as sql:
            yield SqliteUnit(sql)

    def accept(self, rows: Sequence[InboxRow]) -> list[Receipt]:
        refuse_unstorable(rows)
        with self._transaction() as sql:
            sql.execute("SAVEPOINT offered")
            before = sql.total_changes
            sql.executemany(_ACCEPT, [(*astuple(row)[1:], row.source, row.key) for row in rows])
            if sql.total_changes - before == len(rows):
                return [Receipt.ACCEPTED] * len(rows)
            # Some were there before. That is rare, so only then look at them one by one.
            sql.execute("ROLLBACK TO offered")
            return [self._accept_one(sql, row) for row in rows]

    @staticmethod
    def _accept_one(sql: sqlite3.Connection, row: InboxRow) -> Receipt:
        if sql.execute(_ACCEPT, (*astuple(row)[1:], row.source, row.key)).rowcount == 1:
            return Receipt.ACCEPTED
        held = sql.execute(_KNOWN, (row.source, row.key)).fetchone()[0]
        return Receipt.DUPLICATE if held == row.fingerprint else Receipt.CONFLICT

    def depth(self, lane: int) -> int:
        query = "SELECT count(*) FROM inbox WHERE status = 'ready' AND due_at = 0 AND lane = ?"
        return int(self.connection.execute(query, (lane,)).fetchone()[0])

    def lanes(self, now: int) -> list[str]:
        sql, found, last = self.connection, [], ""
        while row := sql.execute(
            "SELECT lane FROM effect WHERE status = 'ready' AND lane > ? ORDER BY lane LIMIT 1", (last,)
        ).fetchone():
            last = row[0]
            if sql.execute(_SENDABLE, (last, now)).fetchone():
                found.append(last)
        return found

    def lease_effects(self, lane: str, owner: str, until: int, limit: int, now: int) -> list[EffectRow]:
        with self._transaction() as sql:
            first = sql.execute(
                "SELECT operation FROM effect WHERE status = 'ready' AND lane = ? AND not_before <= ?"
                " ORDER BY deadline, priority, created_at LIMIT 1",
                (lane, now),
            ).fetchone()
            if first is None:
                return []
            rows = sql.execute(
                "UPDATE effect SET status = 'leased', owner = ?, lease_until = ?, attempts = attempts + 1,"
                " changed_at = ? WHERE id IN (SELECT id FROM effect WHERE status = 'ready' AND lane = ?"
                " AND not_before <= ? AND operation = ? ORDER BY deadline, priority, created_at LIMIT ?)"
                f" RETURNING {_EFFECT}",
                (owner, until, now, lane, now, first[0], limit),
            ).fetchall()
        effects = [EffectRow(*row) for row in rows]
        effects.sort(key=lambda row: (row.deadline, row.priority, row.created_at))
        return effects

    def lease_probes(self, owner: str, until: int, limit: int, now: int) -> list[EffectRow]:
        with self._transaction() as sql:
            rows = sql.execute(
                "UPDATE effect SET status = 'probing', owner = ?, lease_until = ?"
                f" WHERE id IN (SELECT id FROM effect WHERE status = 'unknown' AND {_OPEN} AND not_before <= ?"
                f" ORDER BY not_before LIMIT ?) RETURNING {_EFFECT}",
                (owner, until, now, limit),
            ).fetchall()
        return [EffectRow(*row) for row in rows]

    def settle(self, settlements: Sequence[Settlement], messages: Sequence[InboxRow]) -> int:
        values = [
            (
                one.status,
                one.not_before,
                one.probes,
                one.outcome,
                plain(one.error),
                one.changed_at,
                one.id,
                one.owner,
                one.attempt,
            )
            for one in settlements
        ]
        with self._transaction() as sql:
            late = self._settle(sql, values)
            applied = [(one.id,) for one in settlements if one.status == "applied" and one.id not in late]
            sql.executemany(_FREE, applied)
            sql.executemany(_PUT_INBOX, [astuple(row)[1:] for row in messages if row.causation not in late])
        return len(settlements) - len(late)

    @staticmethod
    def _settle(sql: sqlite3.Connection, values: Sequence[tuple[Any, ...]]) -> set[str]:
        """Write outcomes; returns the ids of those that came too late, which is rare."""
        sql.execute("SAVEPOINT settling")
        before = sql.total_changes
        sql.executemany(_SETTLE, values)
        if sql.total_changes - before == len(values):
            return set()
        sql.execute("ROLLBACK TO settling")
        return {row[6] for row in values if sql.execute(_SETTLE, row).rowcount == 0}

    def renew_effects(self, owner: str, until: int) -> int:
        with self._transaction() as sql:
            return sql.execute(
                f"UPDATE effect SET lease_until = ? WHERE status IN ('leased', 'probing') AND {_OPEN} AND owner = ?",
                (until, owner),
            ).rowcount

    def lapse_effects(self, now: int) -> int:
        with self._transaction() as sql:
            return sql.execute(
                "UPDATE effect SET status = 'unknown', owner = '', not_before = ?, changed_at = ?,"
                " error = 'the worker that was sending this stopped before it had an answer'"
                f" WHERE status IN ('leased', 'probing') AND {_OPEN} AND lease_until <= ?",
                (now, now, now),
            ).rowcount

    def free_parked(self) -> int:
        with self._transaction() as sql:
            return sql.execute(
                "UPDATE effect SET status = 'ready' WHERE status = 'parked'"
                " AND EXISTS (SELECT 1 FROM effect a WHERE a.id = effect.\"after\" AND a.status = 'applied')"
            ).rowcount

    def effects(self, ids: Sequence[str]) -> list[EffectRow]:
        query = f"SELECT {_EFFECT} FROM effect WHERE id IN ({_marks(len(ids))})"
        return [EffectRow(*row) for row in self.connection.execute(query, tuple(ids)).fetchall()]

    def troubled(self, operation: str, limit: int) -> list[EffectRow]:
        rows = self.connection.execute(
            f"SELECT {_EFFECT} FROM effect WHERE operation = ? AND (status IN"
            " ('unknown', 'probing', 'undecided', 'dead') OR (status = 'ready' AND attempts > 0))"
            " ORDER BY created_at LIMIT ?",
            (operation, limit),
        ).fetchall()
        return [EffectRow(*row) for row in rows]

    def held(self, reason_prefix: str, limit: int) -> list[EffectRow]:
        rows = self.connection.execute(
            f"SELECT {_EFFECT} FROM effect WHERE status = 'held' AND {_OPEN} AND substr(error, 1, ?) = ? LIMIT ?",
            (len(reason_prefix), reason_prefix, limit),
        ).fetchall()
        return [EffectRow(*row) for row in rows]

    def change_effect(
        self,
        effect_id: str,
        expected: Collection[str],
        status: str,
        now: int,
        error: str,
        messages: Sequence[InboxRow] = (),
        outcome: bytes | None = None,
    ) -> bool:
        with self._transaction() as sql:
            done = sql.execute(
                "UPDATE effect SET status = ?, not_before = 0, probes = 0, error = ?, changed_at = ?, owner = '',"
                " outcome = COALESCE(?, outcome)"
                f" WHERE id = ? AND status IN ({_marks(len(expected))})",
                (status, plain(error), now, outcome, effect_id, *expected),
            )
            if done.rowcount == 1:
                sql.executemany(_PUT_INBOX, [astuple(message)[1:] for message in messages])
            return done.rowcount == 1

    def claim(self, names: Sequence[str], owner: str, until: int, now: int) -> set[str]:
        with self._transaction() as sql:
            return {name for name in names if sql.execute(_CLAIM, (name, owner, until, now)).rowcount == 1}

    def release(self, names: Sequence[str], owner: str) -> None:
        with self._transaction() as sql:
            sql.executemany("DELETE FROM lease WHERE name = ? AND owner = ?", [(name, owner) for name in names])

    def leases(self, prefix: str, now: int) -> dict[str, str]:
        query = "SELECT name, owner FROM lease WHERE substr(name, 1, ?) = ? AND until > ?"
        return dict(self.connection.execute(query, (len(prefix), prefix, now)).fetchall())

    def cursor(self, name: str) -> str:
        row = self.connection.execute("SELECT value FROM cursor WHERE name = ?", (name,)).fetchone()
        return row[0] if row else ""

    def put_cursor(self, name: str, value: str, now: int) -> None:
        with self._transaction() as sql:
            sql.execute(
                "INSERT INTO cursor (name, value, changed_at) VALUES (?, ?, ?)"
                " ON CONFLICT (name) DO UPDATE SET value = excluded.value, changed_at = excluded.changed_at",
                (name, value, now),
            )

    def put_document(self, row: DocumentRow) -> None:
        with self._transaction() as sql:
            sql.execute(
                f"INSERT INTO document ({_columns(DocumentRow)}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
                " ON CONFLICT (hash) DO UPDATE SET status = excluded.status, format = excluded.format,"
                " problems = excluded.problems, events = excluded.events",
                astuple(row),
            )

    def document(self, mark: str) -> DocumentRow | None:
        found = self.connection.execute(f"SELECT {_columns(DocumentRow)} FROM document WHERE hash = ?", (mark,))
        row = found.fetchone()
        return DocumentRow(*row) if row else None

    def interrupted_documents(self, before: int, limit: int) -> list[str]:
        found = self.connection.execute(
            "SELECT hash FROM document WHERE status = 'received' AND received_at < ? ORDER BY received_at LIMIT ?",
            (before, limit),
        )
        return [mark for (mark,) in found]

    def resolve(self, system: str, external_id: str) -> LinkRow | None:
        return SqliteUnit(self.connection).resolve([(system, external_id)]).get((system, external_id))

    def read_log(self, partition: int, after: int, limit: int, types: Collection[str] = ()) -> list[EventRow]:
        only = f"AND type IN ({','.join('?' * len(types))})" if types else ""
        rows = self.connection.execute(
            f'SELECT {_EVENT} FROM event WHERE "partition" = ? AND position > ? {only} ORDER BY position LIMIT ?',
            (partition, after, *types, limit),
        ).fetchall()
        return [EventRow(*row) for row in rows]

    def read_lives(self, correlations: Collection[str]) -> list[EventRow]:
        rows = self.connection.execute(
            f"SELECT {_EVENT} FROM event WHERE correlation IN (SELECT value FROM json_each(?))"
            ' ORDER BY +"partition", position',
            (msgspec.json.encode(tuple(correlations)).decode(),),
        ).fetchall()
        return [EventRow(*row) for row in rows]

    def states(self, keys: Collection[tuple[str, str]]) -> dict[tuple[str, str], bytes]:
        return SqliteUnit(self.connection).states(keys)

    def log_heads(self) -> dict[int, Head]:
        numbers = [row[0] for row in self.connection.execute('SELECT DISTINCT "partition" FROM event').fetchall()]
        return SqliteUnit(self.connection).heads(numbers)

    def read_table(self, table: str, partition: int | None) -> list[dict[str, Any]]:
        where, values = ('WHERE "partition" = ?', (partition,)) if partition is not None else ("", ())
        found = self.connection.execute(f"SELECT * FROM {table} {where}", values)
        names = [column[0] for column in found.description]
        return [dict(zip(names, row, strict=True)) for row in found.fetchall()]

    def requeue(self, inbox_id: int) -> bool:
        with self._transaction() as sql:
            done = sql.execute(
                "UPDATE inbox SET status = 'ready', due_at = 0, attempts = 0 WHERE id = ? AND status = 'quarantined'",
                (inbox_id,),
            )
            return done.rowcount == 1

    def close(self) -> None:
        """Close this thread's connection; those of other threads end with their threads."""
        self.connection.close()
        self._local = threading.local()
