"""The PostgreSQL store: for many workers on many machines. Needs the extra ``tieout[postgres]``.

All SQL is here and written by hand. A batch travels as one array per column (``unnest``), the log by COPY, so that a
unit of work on 500 messages costs about 15 statements.

Isolation is READ COMMITTED: each statement sees what is committed when it begins. What makes that safe:

- The primary key of the log is the fence. Of two workers on one partition the second waits for the first at
  :meth:`PostgresUnit.append` and then gets a :class:`FencedError`. The fence holds only if a state that was decided
  on is not older than the position that is appended at, so ``take`` looks at the heads before anybody reads a state.
- :meth:`PostgresStore.accept` looks into the log *after* it has inserted. An insert succeeds only when no unit of
  work holds the same message, so the second statement sees whatever a unit made of it.
- Rows that many workers write are locked in the order of their keys. Where that cannot be said of everything (a unit
  is many statements), a deadlock that PostgreSQL resolves is a :class:`FencedError` like any other collision.
"""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from typing import Any, TypeVar, get_type_hints

import psycopg
from msgspec import Struct
from msgspec.structs import astuple
from psycopg.errors import DeadlockDetected, SerializationFailure, UniqueViolation
from psycopg.pq import TransactionStatus

from tieout.engine.stores.port import LOOK_MAX, FencedError, Receipt
from tieout.engine.stores.rows import (
    UNRESOLVED,
    DocumentRow,
    EffectRow,
    EventRow,
    FingerprintRow,
    Head,
    InboxRow,
    LikenessRow,
    LinkRow,
    LookRow,
    Settlement,
    StandingRow,
    StateRow,
    TotalRow,
)
from tieout.engine.stores.text import plain, refuse_unstorable
from tieout.kernel.setdigest import MODULUS
from tieout.model.views import VIEWS

_ATTEMPTS_MAX = 3
_Connection = psycopg.Connection[tuple[Any, ...]]
_T = TypeVar("_T")

_ARRAYS = {int: "bigint[]", bytes: "bytea[]", str: "text[]"}
_VIEW_ARRAYS = {"text": "text[]", "int": "bigint[]", "day": "text[]", "time": "bigint[]"}


def _columns(row: type[Struct], *leave_out: str) -> str:
    return ", ".join(f'"{name}"' for name in row.__struct_fields__ if name not in leave_out)


def _unnest(row: type[Struct], *leave_out: str) -> str:
    """Rows of this type from one array parameter per column: the order of the arrays is the order of the rows."""
    kinds = get_type_hints(row)
    arrays = (f"%b::{_ARRAYS[kinds[name]]}" for name in row.__struct_fields__ if name not in leave_out)
    return f"unnest({', '.join(arrays)}) AS new ({_columns(row, *leave_out)})"


def _turned(rows: Collection[tuple[Any, ...]]) -> list[list[Any]]:
    """One list per column."""
    return [list(column) for column in zip(*rows, strict=True)]


# Everything the engine asks for has an index, and a batch is small. A plan by index is right even when the statistics
# of a table that fills and empties all day are stale, which is when the planner would like to sort or hash all of it.
# A lost machine must not keep its row locks, and an acknowledged message must be on disk.
_SESSION = """
    SELECT set_config(name, value, false) FROM (VALUES
        ('enable_seqscan', 'off'), ('enable_bitmapscan', 'off'), ('enable_hashjoin', 'off'),
        ('enable_mergejoin', 'off'), ('jit', 'off'),
        ('idle_in_transaction_session_timeout', '60s')) AS wanted (name, value)
    UNION ALL
    SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') = 'off'
"""

_INBOX = _columns(InboxRow)
_INBOX_NEW = _columns(InboxRow, "id")
_EVENT = _columns(EventRow)
_EFFECT = ", ".join(
    "(SELECT payload FROM effect_payload WHERE effect_payload.id = effect.id)" if name == "payload" else f'"{name}"'
    for name in EffectRow.__struct_fields__
)
_EFFECT_BUT_STATUS = _columns(EffectRow, "status", "payload")
_LINK = _columns(LinkRow)

# Ids are given out in the order of the rows; keys are locked in their own order.
_PUT_INBOX = f"""
    INSERT INTO inbox ("id", {_INBOX_NEW})
    SELECT "id", {_INBOX_NEW} FROM (
        SELECT nextval('inbox_id_seq') AS "id", {_INBOX_NEW} FROM {_unnest(InboxRow, "id")}
    ) AS numbered
    ORDER BY source, key, "id"
    ON CONFLICT (source, key) DO NOTHING
"""
_ACCEPT = f"{_PUT_INBOX} RETURNING id"
_WITHDRAW_LOGGED = """
    DELETE FROM inbox USING event
    WHERE inbox.id = ANY(%b) AND event.source = inbox.source AND event.key = inbox.key AND event.key IS NOT NULL
    RETURNING inbox.id
"""
_KNOWN = """
    SELECT source, key, held.fingerprint, held.id
    FROM unnest(%b::text[], %b::text[]) AS asked (source, key)
    CROSS JOIN LATERAL (
        SELECT id, fingerprint FROM inbox WHERE inbox.source = asked.source AND inbox.key = asked.key
        UNION ALL
        SELECT 0, fingerprint FROM event
        WHERE event.source = asked.source AND event.key = asked.key AND event.key IS NOT NULL
    ) AS held
"""
_NOT_BLOCKED = """
    NOT EXISTS (SELECT FROM inbox q WHERE q.status = 'quarantined' AND q.subject = inbox.subject AND q.subject <> '')
"""
_HERE = """AND "partition" = ANY(%(here)s::int[])"""


def _take(which: str, order: str, here: str = "") -> str:
    return f"""
        SELECT {_INBOX} FROM inbox WHERE status = 'ready' AND {which} {here} AND {_NOT_BLOCKED}
        ORDER BY {order} LIMIT %(limit)s
    """


_TAKE_DUE = _take("due_at > 0 AND due_at <= %(now)s", "due_at, id")
_TAKE_DUE_HERE = _take("due_at > 0 AND due_at <= %(now)s", "due_at, id", _HERE)
_TAKE = _take("due_at = 0", "lane, id")
_TAKE_HERE = _take("due_at = 0", "lane, id", _HERE)
_DEFER = """
    UPDATE inbox SET "partition" = new."partition", subject = new.subject, correlation = new.correlation,
        entity = new.entity, due_at = new.due_at, attempts = new.attempts, status = new.status, error = new.error
    FROM unnest(%b::bigint[], %b::text[], %b::text[], %b::text[], %b::bigint[], %b::bigint[], %b::text[], %b::text[],
        %b::bigint[]) AS new ("partition", subject, correlation, entity, due_at, attempts, status, error, id)
    WHERE inbox.id = new.id
"""
_HEADS = """
    SELECT asked."partition", head.position, head.hash
    FROM unnest(%b::int[]) AS asked ("partition")
    CROSS JOIN LATERAL (
        SELECT position, hash FROM event WHERE event."partition" = asked."partition" ORDER BY position DESC LIMIT 1
    ) AS head
"""
_LOGGED = """
    SELECT source, key FROM unnest(%b::text[], %b::text[]) AS asked (source, key)
    JOIN event USING (source, key) WHERE event.key IS NOT NULL
"""
_STATES = """
    SELECT process, subject, data FROM unnest(%b::text[], %b::text[]) AS asked (process, subject)
    JOIN state USING (process, subject)
"""
_RESOLVE = f"""
    SELECT {_LINK} FROM unnest(%b::text[], %b::text[]) AS asked (system, external_id)
    JOIN link USING (system, external_id)
"""
_APPEND = f"COPY event ({_EVENT}) FROM STDIN (FORMAT BINARY)"
_EVENT_TYPES = {int: "int8", bytes: "bytea"}
_EVENT_TYPES_NARROW = {"partition": "int4", "version": "int2"}
_APPEND_TYPES = [
    _EVENT_TYPES_NARROW.get(name) or _EVENT_TYPES.get(kind, "text") for name, kind in get_type_hints(EventRow).items()
]
_PUT_STATE = f"""
    INSERT INTO state ({_columns(StateRow)}) SELECT * FROM {_unnest(StateRow)}
    ON CONFLICT (process, subject) DO UPDATE SET position = excluded.position, data = excluded.data
"""
_DROP_STATE = """
    DELETE FROM state USING unnest(%b::text[], %b::text[]) AS gone (process, subject)
    WHERE state.process = gone.process AND state.subject = gone.subject
"""
# A predecessor that becomes applied at this very moment is not seen; ``free_parked`` sweeps for that.
_PUT_EFFECT = f"""
    WITH new AS MATERIALIZED (SELECT * FROM {_unnest(EffectRow)}), written AS (
        INSERT INTO effect_payload (id, payload) SELECT id, payload FROM new ON CONFLICT (id) DO NOTHING
    )
    INSERT INTO effect ({_EFFECT_BUT_STATUS}, status)
    SELECT {_EFFECT_BUT_STATUS}, CASE WHEN status = 'ready' AND "after" <> '' AND NOT EXISTS (
        SELECT FROM effect applied WHERE applied.id = new."after" AND applied.status = 'applied'
    ) THEN 'parked' ELSE status END
    FROM new
    ON CONFLICT (id) DO NOTHING
"""
_FREE = """UPDATE effect SET status = 'ready' WHERE status = 'parked' AND "after" = ANY(%b)"""
_PUT_LINK = f"""
    INSERT INTO link ({_LINK}) SELECT * FROM {_unnest(LinkRow)}
    ON CONFLICT (system, external_id) DO NOTHING
"""
_SIMILAR = f"""
    SELECT DISTINCT asked.asker, found.subject, fingerprint.data
    FROM unnest(%b::text[], %b::bigint[], %b::bigint[], %b::bigint[]) AS asked (asker, key, first, last)
    CROSS JOIN LATERAL (
        SELECT subject FROM likeness WHERE likeness.key = asked.key AND day BETWEEN asked.first AND asked.last
        ORDER BY day DESC LIMIT {LOOK_MAX}
    ) AS found
    JOIN fingerprint ON fingerprint.subject = found.subject
"""
_PUT_FINGERPRINT = """
    INSERT INTO fingerprint (subject, "partition", data)
    SELECT * FROM unnest(%b::text[], %b::int[], %b::bytea[]) AS new (subject, "partition", data)
    ON CONFLICT (subject) DO UPDATE SET data = excluded.data
"""
_PUT_LIKENESS = f"""
    INSERT INTO likeness (key, day, subject, "partition")
    SELECT key, day, subject, "partition" FROM {_unnest(LikenessRow)} ORDER BY key, day, subject
    ON CONFLICT DO NOTHING
"""
_DROP_LIKENESS = """
    DELETE FROM likeness USING unnest(%b::bigint[], %b::int[], %b::text[]) AS gone (key, day, subject)
    WHERE likeness.key = gone.key AND likeness.day = gone.day AND likeness.subject = gone.subject
"""
_PUT_STANDING = f"""
    INSERT INTO standing ({_columns(StandingRow)}) SELECT * FROM {_unnest(StandingRow)}
    ON CONFLICT (name, entity, period, item) DO UPDATE
    SET currency = excluded.currency, amount_minor = excluded.amount_minor
"""
_DROP_STANDING = """
    DELETE FROM standing
    USING unnest(%b::text[], %b::text[], %b::text[], %b::text[]) AS gone (name, entity, period, item)
    WHERE standing.name = gone.name AND standing.entity = gone.entity AND standing.period = gone.period
        AND standing.item = gone.item
"""
_ADD_TOTAL = f"""
    INSERT INTO total ({_columns(TotalRow)}) SELECT * FROM {_unnest(TotalRow)}
    ON CONFLICT (name, entity, period, currency) DO UPDATE
    SET count = total.count + excluded.count, sum_minor = total.sum_minor + excluded.sum_minor,
        digest = (total.digest + excluded.digest) %% {MODULUS}
"""
# A lane has few values, the table has many rows: hop from one value to the next.
_LANES = """
    WITH RECURSIVE hop AS (
        (SELECT lane FROM effect WHERE status = 'ready' ORDER BY lane LIMIT 1)
        UNION ALL
        SELECT (SELECT lane FROM effect WHERE status = 'ready' AND lane > hop.lane ORDER BY lane LIMIT 1)
        FROM hop WHERE hop.lane IS NOT NULL
    )
    SELECT lane FROM hop WHERE EXISTS (
        SELECT FROM effect WHERE status = 'ready' AND effect.lane = hop.lane AND not_before <= %s
    )
"""
_LEASE_EFFECTS = f"""
    WITH first AS MATERIALIZED (
        SELECT operation FROM effect WHERE status = 'ready' AND lane = %(lane)s AND not_before <= %(now)s
        ORDER BY deadline, priority, created_at LIMIT 1 FOR UPDATE SKIP LOCKED
    ), next AS MATERIALIZED (
        SELECT id FROM effect WHERE status = 'ready' AND lane = %(lane)s AND not_before <= %(now)s
            AND operation = (SELECT operation FROM first)
        ORDER BY deadline, priority, created_at LIMIT %(limit)s FOR UPDATE SKIP LOCKED
    )
    UPDATE effect SET status = 'leased', owner = %(owner)s, lease_until = %(until)s, attempts = attempts + 1,
        changed_at = %(now)s
    WHERE id IN (SELECT id FROM next) RETURNING {_EFFECT}
"""
_LEASE_PROBES = f"""
    WITH next AS MATERIALIZED (
        SELECT id FROM effect WHERE status = 'unknown' AND not_before <= %(now)s
        ORDER BY not_before LIMIT %(limit)s FOR UPDATE SKIP LOCKED
    )
    UPDATE effect SET status = 'probing', owner = %(owner)s, lease_until = %(until)s
    WHERE id IN (SELECT id FROM next) RETURNING {_EFFECT}
"""
_SETTLE = f"""
    UPDATE effect SET status = new.status, not_before = new.not_before, probes = new.probes, outcome = new.outcome,
        error = new.error, changed_at = new.changed_at, owner = '', lease_until = 0
    FROM {_unnest(Settlement)}
    WHERE effect.id = new.id AND effect.owner = new.owner AND effect.attempts = new.attempt
        AND effect.status IN ('leased', 'probing')
    RETURNING effect.id
"""
# Rows that somebody settles or changes at this moment are left alone; the next sweep looks again.
_LAPSE = """
    WITH lapsed AS MATERIALIZED (
        SELECT id FROM effect WHERE status IN ('leased', 'probing') AND lease_until <= %(now)s FOR UPDATE SKIP LOCKED
    )
    UPDATE effect SET status = 'unknown', owner = '', not_before = %(now)s, changed_at = %(now)s,
        error = 'the worker that was sending this stopped before it had an answer'
    WHERE id IN (SELECT id FROM lapsed)
"""
_FREE_PARKED = """
    WITH freed AS MATERIALIZED (
        SELECT parked.id FROM effect parked JOIN effect applied ON applied.id = parked."after"
        WHERE parked.status = 'parked' AND applied.status = 'applied' FOR UPDATE OF parked SKIP LOCKED
    )
    UPDATE effect SET status = 'ready' WHERE id IN (SELECT id FROM freed)
"""
# The condition is, word for word, that of the index ``effect_troubled``.
_TROUBLED = f"""
    SELECT {_EFFECT} FROM effect
    WHERE operation = %s
        AND (status IN ('unknown', 'probing', 'undecided', 'dead') OR (status = 'ready' AND attempts > 0))
    ORDER BY created_at LIMIT %s
"""
_HELD = f"SELECT {_EFFECT} FROM effect WHERE status = 'held' AND starts_with(error, %s) LIMIT %s"
_CHANGE_EFFECT = """
    UPDATE effect SET status = %s, not_before = 0, probes = 0, error = %s, changed_at = %s, owner = '',
        outcome = COALESCE(%s::bytea, outcome)
    WHERE id = %s AND status = ANY(%s)
"""
_CLAIM = """
    INSERT INTO lease (name, owner, until) SELECT name, %(owner)s, %(until)s FROM unnest(%(names)s::text[]) AS name
    ON CONFLICT (name) DO UPDATE SET owner = excluded.owner, until = excluded.until
    WHERE lease.owner = excluded.owner OR lease.until <= %(now)s
    RETURNING name
"""
_PUT_CURSOR = """
    INSERT INTO cursor (name, value, changed_at) VALUES (%s, %s, %s)
    ON CONFLICT (name) DO UPDATE SET value = excluded.value, changed_at = excluded.changed_at
"""
_PUT_DOCUMENT = f"""
    INSERT INTO document ({_columns(DocumentRow)}) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s)
    ON CONFLICT (hash) DO UPDATE
    SET status = excluded.status, format = excluded.format, problems = excluded.problems, events = excluded.events
"""
_PARTITIONS = """
    WITH RECURSIVE hop AS (
        (SELECT "partition" FROM event ORDER BY "partition" LIMIT 1)
        UNION ALL
        SELECT (SELECT "partition" FROM event WHERE "partition" > hop."partition" ORDER BY "partition" LIMIT 1)
        FROM hop WHERE hop."partition" IS NOT NULL
    )
    SELECT "partition" FROM hop WHERE "partition" IS NOT NULL
"""


@cache
def _put_view(view: str, names: tuple[str, ...]) -> str:
    arrays = {"subject": "text[]", "partition": "bigint[]"}
    arrays |= {name: _VIEW_ARRAYS[kind] for name, kind in VIEWS[view].columns.items()}
    columns = ", ".join(f'"{name}"' for name in names)
    updates = ", ".join(f'"{name}" = excluded."{name}"' for name in names if name != "subject")
    values = ", ".join(f"%b::{arrays[name]}" for name in names)
    return f"""
        INSERT INTO view_{view} ({columns}) SELECT * FROM unnest({values})
        ON CONFLICT (subject) DO UPDATE SET {updates}
    """


class PostgresUnit:
    """One transaction on one connection."""

    def __init__(self, connection: _Connection) -> None:
        self._sql = connection
        self._heads: dict[int, Head | None] = {}

    def _put(self, query: str, rows: Collection[Struct]) -> None:
        if rows:
            self._sql.execute(query, _turned([astuple(row) for row in rows]))

    def take(self, partitions: Sequence[int] | None, limit: int, now: int) -> list[InboxRow]:
        due, ready = (_TAKE_DUE, _TAKE) if partitions is None else (_TAKE_DUE_HERE, _TAKE_HERE)
        asked = {"here": [UNRESOLVED, *(partitions or ())], "now": now, "limit": limit}
        rows = self._sql.execute(due, asked, binary=True).fetchall()
        if len(rows) < limit:
            asked["limit"] = limit - len(rows)
            rows += self._sql.execute(ready, asked, binary=True).fetchall()
        taken = [InboxRow(*row) for row in rows]
        self._look_at_heads({row.partition for row in taken})
        return taken

    def _look_at_heads(self, partitions: Collection[int]) -> None:
        if new := [number for number in partitions if number not in self._heads]:
            self._heads.update(dict.fromkeys(new))
            rows = self._sql.execute(_HEADS, (new,), binary=True).fetchall()
            self._heads.update((number, Head(position, digest)) for number, position, digest in rows)

    def heads(self, partitions: Collection[int]) -> dict[int, Head]:
        self._look_at_heads(partitions)
        return {number: head for number in partitions if (head := self._heads[number])}

    def logged(self, keys: Sequence[tuple[str, str]]) -> set[tuple[str, str]]:
        if not keys:
            return set()
        return {(source, key) for source, key in self._sql.execute(_LOGGED, _turned(keys)).fetchall()}

    def states(self, keys: Collection[tuple[str, str]]) -> dict[tuple[str, str], bytes]:
        if not keys:
            return {}
        rows = self._sql.execute(_STATES, _turned(keys), binary=True).fetchall()
        return {(process, subject): data for process, subject, data in rows}

    def resolve(self, refs: Collection[tuple[str, str]]) -> dict[tuple[str, str], LinkRow]:
        if not refs:
            return {}
        links = (LinkRow(*row) for row in self._sql.execute(_RESOLVE, _turned(refs)).fetchall())
        return {(link.system, link.external_id): link for link in links}

    def similar(self, looks: Sequence[LookRow]) -> dict[str, list[bytes]]:
        found: dict[str, list[bytes]] = {look.asker: [] for look in looks}
        if looks:
            rows = self._sql.execute(_SIMILAR, _turned([astuple(look) for look in looks]), binary=True).fetchall()
            for asker, _, data in rows:
                found[asker].append(data)
        return found

    def append(self, events: Sequence[EventRow]) -> None:
        if not events:
            return
        try:
            with self._sql.cursor() as cursor, cursor.copy(_APPEND) as copy:
                copy.set_types(_APPEND_TYPES)
                for event in events:
                    copy.write_row(astuple(event))
        except UniqueViolation as error:
            raise FencedError(str(error)) from error
        self._heads.update((event.partition, Head(event.position, event.hash)) for event in events)

    def put_states(self, rows: Sequence[StateRow]) -> None:
        self._put(_PUT_STATE, {(row.process, row.subject): row for row in rows}.values())

    def drop_states(self, keys: Sequence[tuple[str, str]]) -> None:
        if keys:
            self._sql.execute(_DROP_STATE, _turned(keys))

    def put_effects(self, rows: Sequence[EffectRow]) -> None:
        self._put(_PUT_EFFECT, rows)

    def put_links(self, rows: Sequence[LinkRow]) -> None:
        self._put(_PUT_LINK, rows)

    def put_inbox(self, rows: Sequence[InboxRow]) -> None:
        if rows:
            self._sql.execute(_PUT_INBOX, _turned([astuple(row)[1:] for row in rows]))

    def drop_inbox(self, ids: Sequence[int]) -> None:
        if ids:
            self._sql.execute("DELETE FROM inbox WHERE id = ANY(%b)", (list(ids),))

    def defer_inbox(self, rows: Sequence[InboxRow]) -> None:
        if rows:
            self._sql.execute(_DEFER, _turned([_deferred(row) for row in rows]))

    def put_views(self, view: str, rows: Sequence[Mapping[str, Any]]) -> None:
        if not rows:
            return
        names = tuple(rows[0])
        last = {row["subject"]: row for row in rows}.values()
        self._sql.execute(_put_view(view, names), [[row[name] for row in last] for name in names])

    def drop_views(self, view: str, subjects: Sequence[str]) -> None:
        if subjects:
            self._sql.execute(f"DELETE FROM view_{view} WHERE subject = ANY(%b)", (list(subjects),))

    def put_fingerprints(self, rows: Sequence[FingerprintRow]) -> None:
        if rows:
            self._sql.execute(_PUT_FINGERPRINT, _turned([(row.subject, row.partition, row.data) for row in rows]))
            if gone := [(key, row.day, row.subject) for row in rows for key in row.gone]:
                self._sql.execute(_DROP_LIKENESS, _turned(gone))
            self._put(_PUT_LIKENESS, [LikenessRow(key, r.day, r.subject, r.partition) for r in rows for key in r.keys])

    def change_standings(self, added: Sequence[StandingRow], removed: Sequence[StandingRow]) -> None:
        if removed:
            self._sql.execute(_DROP_STANDING, _turned([_standing_key(row) for row in removed]))
        self._put(_PUT_STANDING, {_standing_key(row): row for row in added}.values())

    def change_totals(self, changes: Sequence[TotalRow]) -> None:
        """Every worker meets the others at these rows, so they are locked in one order. Best called last in a unit."""
        summed: dict[tuple[str, str, str, str], TotalRow] = {}
        for row in changes:
            key = (row.name, row.entity, row.period, row.currency)
            total = summed.setdefault(key, TotalRow(*key, 0, 0, 0))
            total.count += row.count
            total.sum_minor += row.sum_minor
            total.digest = (total.digest + row.digest) % MODULUS
        self._put(_ADD_TOTAL, [summed[key] for key in sorted(summed)])


def _standing_key(row: StandingRow) -> tuple[str, str, str, str]:
    return (row.name, row.entity, row.period, row.item)


def _deferred(row: InboxRow) -> tuple[Any, ...]:
    return (
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


class PostgresStore:
    """A PostgreSQL database. A connection is used by one thread at a time and then by whoever comes next."""

    def __init__(self, url: str) -> None:
        self._server = url.partition("://")[2]
        self._idle: list[_Connection] = []
        self._closed = False

    @property
    def url(self) -> str:
        return f"postgresql+psycopg://{self._server}"

    def _open(self) -> _Connection:
        sql = psycopg.connect(
            f"postgresql://{self._server}",
            autocommit=True,
            fallback_application_name="tieout",
            keepalives_idle=30,
            keepalives_interval=10,
            keepalives_count=3,
        )
        sql.isolation_level = psycopg.IsolationLevel.READ_COMMITTED
        sql.execute(_SESSION)
        return sql

    @contextmanager
    def _connection(self) -> Iterator[_Connection]:
        try:
            sql = self._idle.pop()
        except IndexError:
            sql = self._open()
        try:
            yield sql
        finally:
            self._put_back(sql)

    def _put_back(self, sql: _Connection) -> None:
        if sql.info.transaction_status == TransactionStatus.IDLE and not self._closed:
            self._idle.append(sql)
            return
        sql.close()
        if sql.broken or self._closed:
            self._close_idle()  # the server is gone, and with it the other ends of all of them

    def _close_idle(self) -> None:
        while self._idle:
            self._idle.pop().close()

    @contextmanager
    def _transaction(self) -> Iterator[_Connection]:
        with self._connection() as sql, sql.transaction():
            yield sql
            # PostgreSQL would answer a COMMIT after an error that somebody swallowed with a silent ROLLBACK.
            if sql.info.transaction_status != TransactionStatus.INTRANS:
                raise FencedError("a statement of this unit of work failed; nothing of it is kept")

    def _settled(self, work: Callable[[_Connection], _T]) -> _T:
        """Do this in one transaction, again if it was the one to be stopped in a deadlock."""
        for _ in range(_ATTEMPTS_MAX - 1):
            try:
                with self._transaction() as sql:
                    return work(sql)
            except DeadlockDetected:
                continue
        with self._transaction() as sql:
            return work(sql)

    def _changed(self, query: str, values: Sequence[Any] | Mapping[str, Any]) -> int:
        with self._connection() as sql:
            return sql.execute(query, values).rowcount

    def _rows(self, query: str, values: Sequence[Any] | Mapping[str, Any] = ()) -> list[tuple[Any, ...]]:
        with self._connection() as sql:
            return sql.execute(query, values or None, binary=True).fetchall()

    @contextmanager
    def unit(self) -> Iterator[PostgresUnit]:
        try:
            with self._transaction() as sql:
                yield PostgresUnit(sql)
        except (DeadlockDetected, SerializationFailure) as error:
            raise FencedError(str(error)) from error

    def accept(self, rows: Sequence[InboxRow]) -> list[Receipt]:
        refuse_unstorable(rows)
        return self._settled(lambda sql: _accept(sql, rows)) if rows else []

    def depth(self, lane: int) -> int:
        query = "SELECT count(*) FROM inbox WHERE status = 'ready' AND due_at = 0 AND lane = %s"
        return int(self._rows(query, (lane,))[0][0])

    def lanes(self, now: int) -> list[str]:
        return [row[0] for row in self._rows(_LANES, (now,))]

    def lease_effects(self, lane: str, owner: str, until: int, limit: int, now: int) -> list[EffectRow]:
        asked = {"lane": lane, "owner": owner, "until": until, "limit": limit, "now": now}
        effects = [EffectRow(*row) for row in self._rows(_LEASE_EFFECTS, asked)]
        effects.sort(key=lambda row: (row.deadline, row.priority, row.created_at))
        return effects

    def lease_probes(self, owner: str, until: int, limit: int, now: int) -> list[EffectRow]:
        asked = {"owner": owner, "until": until, "limit": limit, "now": now}
        return [EffectRow(*row) for row in self._rows(_LEASE_PROBES, asked)]

    def settle(self, settlements: Sequence[Settlement], messages: Sequence[InboxRow]) -> int:
        return self._settled(lambda sql: _settle(sql, settlements, messages))

    def renew_effects(self, owner: str, until: int) -> int:
        query = "UPDATE effect SET lease_until = %s WHERE status IN ('leased', 'probing') AND owner = %s"
        return self._changed(query, (until, owner))

    def lapse_effects(self, now: int) -> int:
        return self._changed(_LAPSE, {"now": now})

    def free_parked(self) -> int:
        return self._changed(_FREE_PARKED, ())

    def effects(self, ids: Sequence[str]) -> list[EffectRow]:
        rows = self._rows(f"SELECT {_EFFECT} FROM effect WHERE id = ANY(%s)", (list(ids),))
        return [EffectRow(*row) for row in rows]

    def troubled(self, operation: str, limit: int) -> list[EffectRow]:
        return [EffectRow(*row) for row in self._rows(_TROUBLED, (operation, limit))]

    def held(self, reason_prefix: str, limit: int) -> list[EffectRow]:
        return [EffectRow(*row) for row in self._rows(_HELD, (reason_prefix, limit))]

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
            values = (status, plain(error), now, outcome, effect_id, list(expected))
            done = sql.execute(_CHANGE_EFFECT, values).rowcount == 1
            if done and messages:
                PostgresUnit(sql).put_inbox(messages)
            return done

    def claim(self, names: Sequence[str], owner: str, until: int, now: int) -> set[str]:
        asked = {"names": sorted(set(names)), "owner": owner, "until": until, "now": now}
        return {row[0] for row in self._rows(_CLAIM, asked)}

    def release(self, names: Sequence[str], owner: str) -> None:
        self._changed("DELETE FROM lease WHERE name = ANY(%s) AND owner = %s", (list(names), owner))

    def leases(self, prefix: str, now: int) -> dict[str, str]:
        query = "SELECT name, owner FROM lease WHERE starts_with(name, %s) AND until > %s"
        return dict(self._rows(query, (prefix, now)))

    def cursor(self, name: str) -> str:
        rows = self._rows("SELECT value FROM cursor WHERE name = %s", (name,))
        return str(rows[0][0]) if rows else ""

    def put_cursor(self, name: str, value: str, now: int) -> None:
        self._changed(_PUT_CURSOR, (name, value, now))

    def put_document(self, row: DocumentRow) -> None:
        self._changed(_PUT_DOCUMENT, astuple(row))

    def document(self, mark: str) -> DocumentRow | None:
        rows = self._rows(f"SELECT {_columns(DocumentRow)} FROM document WHERE hash = %s", (mark,))
        return DocumentRow(*rows[0]) if rows else None

    def interrupted_documents(self, before: int, limit: int) -> list[str]:
        rows = self._rows(
            "SELECT hash FROM document WHERE status = 'received' AND received_at < %s ORDER BY received_at LIMIT %s",
            (before, limit),
        )
        return [mark for (mark,) in rows]

    def resolve(self, system: str, external_id: str) -> LinkRow | None:
        with self._connection() as sql:
            return PostgresUnit(sql).resolve([(system, external_id)]).get((system, external_id))

    def read_log(self, partition: int, after: int, limit: int, types: Collection[str] = ()) -> list[EventRow]:
        only, values = ("AND type = ANY(%s)", (list(types),)) if types else ("", ())
        rows = self._rows(
            f'SELECT {_EVENT} FROM event WHERE "partition" = %s AND position > %s {only} ORDER BY position LIMIT %s',
            (partition, after, *values, limit),
        )
        return [EventRow(*row) for row in rows]

    def read_lives(self, correlations: Collection[str]) -> list[EventRow]:
        rows = self._rows(
            f'SELECT {_EVENT} FROM event WHERE correlation = ANY(%s) ORDER BY "partition", position',
            (list(correlations),),
        )
        return [EventRow(*row) for row in rows]

    def states(self, keys: Collection[tuple[str, str]]) -> dict[tuple[str, str], bytes]:
        with self._connection() as sql:
            return PostgresUnit(sql).states(keys)

    def log_heads(self) -> dict[int, Head]:
        with self._connection() as sql:
            return PostgresUnit(sql).heads([row[0] for row in sql.execute(_PARTITIONS).fetchall()])

    def read_table(self, table: str, partition: int | None) -> list[dict[str, Any]]:
        where, values = ("", ()) if partition is None else ('WHERE "partition" = %s', (partition,))
        with self._connection() as sql:
            found = sql.execute(f"SELECT * FROM {table} {where}", values or None, binary=True)
            names = [column.name for column in found.description or ()]
            return [dict(zip(names, row, strict=True)) for row in found.fetchall()]

    def requeue(self, inbox_id: int) -> bool:
        query = "UPDATE inbox SET status = 'ready', due_at = 0, attempts = 0 WHERE id = %s AND status = 'quarantined'"
        return self._changed(query, (inbox_id,)) == 1

    def close(self) -> None:
        self._closed = True
        self._close_idle()


def _accept(sql: _Connection, rows: Sequence[InboxRow]) -> list[Receipt]:
    """Insert first, then take back what the log has already. What is left of our own is what we accepted."""
    new = [row[0] for row in sql.execute(_ACCEPT, _turned([astuple(row)[1:] for row in rows])).fetchall()]
    logged = sql.execute(_WITHDRAW_LOGGED, (new,)).fetchall() if new else []
    if len(new) == len(rows) and not logged:
        return [Receipt.ACCEPTED] * len(rows)
    ours = set(new) - {row[0] for row in logged}
    # Some were there before. That is rare, so only then look at them one by one.
    held: dict[tuple[str, str], str] = {}
    fresh: set[tuple[str, str]] = set()
    for source, key, fingerprint, number in sql.execute(_KNOWN, _turned([(r.source, r.key) for r in rows])).fetchall():
        held[source, key] = fingerprint
        if number in ours:
            fresh.add((source, key))
    return [_receipt(row, held, fresh) for row in rows]


def _receipt(row: InboxRow, held: Mapping[tuple[str, str], str], fresh: set[tuple[str, str]]) -> Receipt:
    key = (row.source, row.key)
    if key in fresh:
        fresh.discard(key)  # the same key again in this batch is a repetition
        return Receipt.ACCEPTED
    # A message that is nowhere any more was there when we came and has been handled meanwhile.
    return Receipt.DUPLICATE if held.get(key, row.fingerprint) == row.fingerprint else Receipt.CONFLICT


def _settle(sql: _Connection, settlements: Sequence[Settlement], messages: Sequence[InboxRow]) -> int:
    if not settlements:
        PostgresUnit(sql).put_inbox(messages)
        return 0
    told = sorted((_settlement(one) for one in settlements), key=lambda values: str(values[0]))
    done = {row[0] for row in sql.execute(_SETTLE, _turned(told)).fetchall()}
    applied = [one.id for one in settlements if one.status == "applied" and one.id in done]
    if applied:
        sql.execute(_FREE, (applied,))
    late = {one.id for one in settlements} - done
    PostgresUnit(sql).put_inbox([row for row in messages if row.causation not in late])
    return len(done)


def _settlement(one: Settlement) -> tuple[Any, ...]:
    return (
        one.id,
        one.owner,
        one.attempt,
        one.status,
        one.not_before,
        one.probes,
        one.outcome,
        plain(one.error),
        one.changed_at,
    )
