"""Seal, rebuild and what-if: the past can be proved, folded again, and played again under other rules."""

import sqlite3
from datetime import timedelta
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.engine.kit import Engine

from tieout.engine.chain import GENESIS, event_hash
from tieout.engine.rebuild import rebuild
from tieout.engine.seal import read_partition, verify
from tieout.engine.stores.open import memory_store
from tieout.engine.stores.rows import EventRow
from tieout.engine.stores.sqlite import SqliteStore

KEY = Ed25519PrivateKey.from_private_bytes(bytes(32))
PUBLIC = KEY.public_key().public_bytes_raw().hex()


def lived() -> Engine:
    """An engine with some history: events in all partitions, effects, standings, a case, a checkpoint."""
    engine = Engine()
    for number in range(12):
        engine.say(f"s{number}", f"owe {number}; post K{number}; send s0 hello; link ap-{number}")
    engine.say("s3", "break")
    engine.settle_down()
    engine.schedule.seal(KEY)
    engine.settle_down()
    return engine


def sql(engine: Engine) -> sqlite3.Connection:
    assert isinstance(engine.store, SqliteStore)
    return engine.store.connection


# ── seal ────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_an_untouched_log_is_sound() -> None:
    engine = lived()
    found = verify(engine.store, public_key=PUBLIC)
    assert found.sound
    assert (found.checkpoints, found.partitions) == (1, 4)


IMAGE = sql(lived()).serialize()
COLUMNS = [name for name in EventRow.__struct_fields__ if name not in ("partition", "position")]


@settings(max_examples=150, deadline=None)
@given(
    number=st.integers(min_value=0), column=st.sampled_from(COLUMNS), change=st.integers(1, 250), where=st.integers(0)
)
def test_any_changed_byte_of_the_log_is_found(number: int, column: str, change: int, where: int) -> None:
    store = SqliteStore(":memory:", image=IMAGE)
    rows = [row for partition in sorted(store.log_heads()) for row in read_partition(store, partition)]
    row = rows[number % len(rows)]
    before = getattr(row, column)
    place = (row.partition, row.position)
    store.connection.execute(
        f'UPDATE event SET "{column}" = ? WHERE "partition" = ? AND position = ?',
        (_changed(before, change, where), *place),
    )
    assert place in {(one.partition, one.position) for one in verify(store).breaks}


def _changed(value: Any, change: int, where: int) -> Any:
    match value:
        case int():
            return value + change
        case bytes() if value:
            at = where % len(value)
            return value[:at] + bytes([(value[at] + change) % 256]) + value[at + 1 :]
        case str() if value:
            at = where % len(value)
            return value[:at] + chr((ord(value[at]) + change) % 0x300 + 0x20) + value[at:]
        case _:
            return "x"


@pytest.mark.parametrize(
    ("type_name", "value"),
    [
        ("case.commented", "a text where bytes belong"),
        ("checkpoint.signed", "a text where bytes belong"),
        ("checkpoint.signed", b"{"),
        ("checkpoint.signed", b'{"heads":1}'),
        ("checkpoint.signed", b'{"heads":{"x":"y"},"signature":"00","public_key":"00"}'),
        ("checkpoint.signed", '{"heads":{"\u00fc.\u00b2":"y"},"signature":"-","public_key":"-"}'.encode()),
        ("checkpoint.signed", b"\xff"),
    ],
)
def test_content_that_cannot_be_read_is_a_break_and_no_traceback(type_name: str, value: str | bytes) -> None:
    store = SqliteStore(":memory:", image=IMAGE)
    find = "SELECT partition, position FROM event WHERE type = ? ORDER BY partition, position LIMIT 1"
    place = store.connection.execute(find, (type_name,)).fetchone()
    store.connection.execute("UPDATE event SET data = ? WHERE partition = ? AND position = ?", (value, *place))
    assert tuple(place) in {(one.partition, one.position) for one in verify(store, public_key=PUBLIC).breaks}


def test_a_hash_that_is_a_text_is_a_break_and_no_traceback() -> None:
    store = SqliteStore(":memory:", image=IMAGE)
    store.connection.execute("UPDATE event SET hash = 'x' WHERE partition = 1 AND position = 1")
    assert (1, 1) in {(one.partition, one.position) for one in verify(store).breaks}


@settings(max_examples=30, deadline=None)
@given(number=st.integers(min_value=0))
def test_a_missing_event_is_found(number: int) -> None:
    store = SqliteStore(":memory:", image=IMAGE)
    rows = [row for partition in sorted(store.log_heads()) for row in read_partition(store, partition)]
    row = rows[number % len(rows)]
    store.connection.execute('DELETE FROM event WHERE "partition" = ? AND position = ?', (row.partition, row.position))
    last = row.position == max(one.position for one in rows if one.partition == row.partition)
    sealed = row.type != "checkpoint.signed" and row.partition in {one.partition for one in verify(store).breaks}
    assert sealed or last


def test_a_rewritten_chain_is_found_by_its_checkpoint() -> None:
    """Who can write to the database can also compute hashes; only the signed heads are out of their reach."""
    engine = lived()
    partition = next(
        number
        for number in engine.store.log_heads()
        if "case.commented" in {row.type for row in read_partition(engine.store, number)}
    )
    previous = GENESIS
    for row in list(read_partition(engine.store, partition)):
        row.actor = "person:mallory"
        row.hash = previous = event_hash(previous, row)
        sql(engine).execute(
            'UPDATE event SET actor = ?, hash = ? WHERE "partition" = ? AND position = ?',
            (row.actor, row.hash, row.partition, row.position),
        )
    assert "the event is not the one that was sealed" in {one.what for one in verify(engine.store).breaks}


def test_a_checkpoint_signed_by_somebody_else_is_found() -> None:
    engine = lived()
    engine.clock.move(timedelta(hours=1))
    engine.schedule.seal(Ed25519PrivateKey.generate())
    engine.settle_down()
    assert verify(engine.store).sound
    (found,) = verify(engine.store, public_key=PUBLIC).breaks
    assert found.what == "the checkpoint was signed with another key"


@given(st.text(max_size=8), st.text(max_size=8), st.text(max_size=8), st.text(max_size=8))
def test_no_two_events_have_the_same_bytes(a: str, b: str, c: str, d: str) -> None:
    """Moving a letter from one column to the next changes the hash."""
    one, two = _event(a, b), _event(c, d)
    assert (event_hash(GENESIS, one) == event_hash(GENESIS, two)) == ((a, b) == (c, d))


def _event(subject: str, entity: str) -> EventRow:
    return EventRow(0, 1, "t", 1, subject, entity, b"{}", "", "", "", 0, 0, "", None, None, None, b"")


# ── rebuild ─────────────────────────────────────────────────────────────────────────────────────────────────────


def test_tables_equal_a_rebuild() -> None:
    engine = lived()
    found = rebuild(engine.store, engine.processes)
    assert found.differences == ()
    assert found.states == len(engine.store.read_table("state", None))


@pytest.mark.parametrize(
    ("change", "table"),
    [
        ("UPDATE state SET data = '{}' WHERE subject = 's1'", "state"),
        ("DELETE FROM state WHERE subject = 's1'", "state"),
        ("UPDATE view_case SET status = 'settled'", "view_case"),
        ("DELETE FROM view_case", "view_case"),
        ("UPDATE standing SET amount_minor = 1 WHERE item = 's5'", "standing"),
        ("DELETE FROM standing WHERE item = 's5'", "standing"),
        ("UPDATE total SET sum_minor = sum_minor + 1", "total"),
        ("UPDATE total SET digest = 0", "total"),
    ],
)
def test_a_table_that_says_something_else_than_the_log_is_found(change: str, table: str) -> None:
    engine = lived()
    sql(engine).execute(change)
    (found,) = rebuild(engine.store, engine.processes).differences
    assert found.table == table


@settings(max_examples=40, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.sampled_from("abcdef"),
            st.sampled_from(["owe 5", "owe 0", "owe -3", "forget", "hello", "send a x", "break"]),
        ),
        max_size=25,
    ),
    st.integers(1, 7),
)
def test_whatever_happens_in_whatever_batches_a_rebuild_is_equal(told: list[tuple[str, str]], size: int) -> None:
    engine = Engine()
    for number, (subject, text) in enumerate(told):
        engine.say(subject, text, key=str(number))
    while engine.work.run(size):
        pass
    assert rebuild(engine.store, engine.processes).differences == ()
    assert verify(engine.store).sound
    broken = {row.subject for row in engine.inbox() if row.status == "quarantined"}
    assert {row.subject for row in engine.inbox()} == broken, "only what stands behind poison waits"


def test_memory_stores_share_nothing() -> None:
    one, two = memory_store(), memory_store()
    Engine(store=one).say("a", "hello")
    assert len(one.read_table("inbox", None)) == 1
    assert two.read_table("inbox", None) == []
