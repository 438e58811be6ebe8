"""The unit of work: all or nothing, poison stays alone, names are waited for, stale workers are fenced."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
from tests.engine.kit import BOOK, Engine, comment

from tieout.engine.rebuild import rebuild
from tieout.engine.seal import verify
from tieout.engine.stores.open import memory_store
from tieout.engine.stores.port import Receipt
from tieout.engine.stores.sqlite import SqliteStore
from tieout.model.events import Ref
from tieout.processes import case


class Died(BaseException):
    """The process ended here."""


# ── all or nothing ──────────────────────────────────────────────────────────────────────────────────────────────


class Mortal(SqliteStore):
    """A store whose process dies at the n-th statement."""

    def __init__(self) -> None:
        super().__init__(":memory:", image=memory_store().connection.serialize())
        self.statements = 0
        self.dies_at = -1

    @contextmanager
    def unit(self) -> Iterator[Any]:
        with super().unit() as unit:
            yield _Counted(unit, self)


class _Counted:
    def __init__(self, unit: Any, store: Mortal) -> None:
        self._unit, self._store = unit, store

    def __getattr__(self, name: str) -> Any:
        def call(*arguments: Any) -> Any:
            self._store.statements += 1
            if self._store.statements == self._store.dies_at:
                raise Died(name)
            return getattr(self._unit, name)(*arguments)

        return call


def everything(engine: Engine) -> dict[str, list[dict[str, Any]]]:
    names = ("inbox", "event", "state", "effect", "link", "total", "standing", "view_case")
    return {name: engine.store.read_table(name, None) for name in names}


def test_a_crash_at_any_statement_leaves_nothing_behind() -> None:
    script = "owe 5; post K1; send b hello; link ap-1; wake 60 up; emit more"
    store = Mortal()
    engine = Engine(store=store)
    engine.say("a", script, key="1")
    before = everything(engine)
    for statement in range(1, 100):
        store.statements, store.dies_at = 0, statement
        try:
            engine.work.run(10)
        except Died:
            assert everything(engine) == before, f"something was left after dying at statement {statement}"
        else:
            break
    assert statement > 8
    store.dies_at = -1
    assert engine.said("a") == (script, "more")
    assert engine.effect("K1").status == "ready"
    engine.settle_down()
    assert engine.said("b") == ("hello",)


def test_an_event_that_leaves_a_state_as_it_was_writes_only_itself() -> None:
    engine = Engine()
    engine.say("a", "owe 5")
    engine.settle_down()
    before = everything(engine)
    engine.say("a", "look")
    engine.settle_down()
    after = everything(engine)
    assert len(after.pop("event")) == len(before.pop("event")) + 1
    assert after == before
    assert rebuild(engine.store, (BOOK, case.PROCESS)).differences == ()


def test_a_message_is_handled_once_however_often_it_comes() -> None:
    engine = Engine()
    assert engine.say("a", "hello", key="1").receipt is Receipt.ACCEPTED
    assert engine.say("a", "hello", key="1").receipt is Receipt.DUPLICATE
    engine.settle_down()
    assert engine.say("a", "hello", key="1").receipt is Receipt.DUPLICATE
    assert engine.say("a", "other", key="1").receipt is Receipt.CONFLICT
    engine.settle_down()
    assert engine.said("a") == ("hello",)


def test_what_processes_tell_each_other_is_delivered_once_and_in_order() -> None:
    engine = Engine()
    engine.say("a", "send b 1; send b 2; send b 3")
    engine.say("a", "send b 4")
    engine.settle_down()
    assert engine.said("b") == ("1", "2", "3", "4")
    assert engine.inbox() == []


def test_a_timer_comes_back_when_it_is_due() -> None:
    engine = Engine()
    engine.say("a", "wake 60 up")
    engine.settle_down()
    engine.later(59)
    assert engine.said("a") == ("wake 60 up",)
    engine.later(1)
    assert engine.said("a") == ("wake 60 up", "up")


def test_a_state_that_is_gone_is_gone_from_the_table() -> None:
    engine = Engine()
    engine.say("a", "owe 5")
    engine.settle_down()
    engine.say("a", "forget")
    engine.settle_down()
    assert engine.book("a") is None
    assert engine.store.read_table("standing", None) == []
    assert rebuild(engine.store, engine.processes).differences == ()


# ── poison ──────────────────────────────────────────────────────────────────────────────────────────────────────


def test_poison_is_set_aside_with_a_case_and_blocks_only_its_subject() -> None:
    engine = Engine()
    for subject, text in (("a", "first"), ("a", "owe 7; break"), ("a", "after"), ("b", "hello")):
        engine.say(subject, text)
    engine.settle_down()
    assert (engine.said("a"), engine.said("b")) == (("first",), ("hello",))
    poison, waiting = engine.inbox()
    assert (poison.status, poison.error, waiting.status) == ("quarantined", "RuntimeError: a bug", "ready")
    (found,) = engine.store.read_table("view_case", None)
    assert (found["case_class"], found["document"], found["status"]) == ("quarantine", "a", "open")
    assert engine.store.read_table("standing", None) == [], "nothing of the broken message remains"


def test_a_requeued_message_goes_first_and_what_waited_follows() -> None:
    mended = False

    def decide(state: Any, event: Any, facts: Any) -> Any:
        if getattr(event.data, "text", "") == "poison" and not mended:
            raise RuntimeError("a bug")
        return iter(())

    engine = Engine(
        processes=(BOOK, BOOK.__class__(**{**_fields(BOOK), "name": "wire", "decide": decide}), case.PROCESS)
    )
    for text in ("before", "poison", "after"):
        engine.say("a", text)
    engine.settle_down()
    assert engine.said("a") == ("before",)
    mended = True
    (before,) = engine.store.read_table("view_case", None)
    engine.actions.requeue(engine.inbox()[0].id, "person:carl", "mended")
    engine.settle_down()
    assert engine.said("a") == ("before", "poison", "after")
    (after,) = engine.store.read_table("view_case", None)
    assert (before["status"], after["status"]) == ("open", "settled")
    assert after["resolution"] == "case.commented from test was handled after all"
    assert rebuild(engine.store, engine.processes).differences == ()


def _fields(process: Any) -> dict[str, Any]:
    return {name: getattr(process, name) for name in process.__struct_fields__}


def test_a_process_that_answers_itself_for_ever_is_poison() -> None:
    engine = Engine()
    engine.say("a", "loop")
    engine.say("b", "hello")
    engine.settle_down()
    assert engine.inbox()[0].error.startswith("RuntimeError: one message led to more than 10000 events")
    assert engine.said("b") == ("hello",)


def test_what_no_database_can_hold_is_poison_too() -> None:
    """An amount beyond 64 bits passes the pure half and fails only when it is written, with the whole batch."""
    engine = Engine()
    for subject, text in (("a", "1"), ("b", f"owe {10**25}"), ("b", "2"), ("c", "3")):
        engine.say(subject, text)
    engine.settle_down()
    assert (engine.said("a"), engine.said("b"), engine.said("c")) == (("1",), (), ("3",))
    poison, waiting = engine.inbox()
    assert (poison.subject, poison.status, waiting.status) == ("b", "quarantined", "ready")
    assert "OverflowError" in poison.error


def test_a_database_that_is_down_quarantines_nothing() -> None:
    class Down(Mortal):
        @contextmanager
        def unit(self) -> Iterator[Any]:
            with SqliteStore.unit(self) as unit:
                unit.put_states = _fail  # type: ignore[method-assign]
                yield unit

    store = Down()
    engine = Engine(store=store)
    engine.say("a", "hello")
    with pytest.raises(OSError, match="disk"):
        engine.work.run(10)
    assert [row.status for row in engine.inbox()] == ["ready"]
    assert engine.log() == []


def _fail(rows: Sequence[Any]) -> None:
    raise OSError("disk full")


def test_an_unknown_type_of_message_is_kept_whole() -> None:
    engine = Engine()
    engine.say("a", "hello")
    engine.store.connection.execute("UPDATE inbox SET type = 'case.invented_tomorrow'")  # type: ignore[attr-defined]
    engine.settle_down()
    (row,) = engine.inbox()
    assert (row.status, row.data) == ("quarantined", b'{"text":"hello"}')


# ── names of other systems ──────────────────────────────────────────────────────────────────────────────────────


def test_a_message_waits_for_the_id_it_names() -> None:
    engine = Engine()
    engine.offer(comment("1", "approved", ref=Ref("ap", "ap-1")), comment("2", "again", ref=Ref("ap", "ap-1")))
    engine.settle_down()
    assert {row.attempts for row in engine.inbox()} == {1}
    engine.say("a", "link ap-1")
    engine.settle_down()
    assert engine.said("a") == ("link ap-1",)
    engine.later(3)
    assert engine.said("a") == ("link ap-1", "approved", "again")
    assert engine.inbox() == []


def test_an_id_that_never_becomes_known_is_quarantined_alone() -> None:
    engine = Engine()
    engine.offer(comment("1", "approved", ref=Ref("ap", "ap-1")), comment("2", "other", ref=Ref("ap", "ap-2")))
    for _ in range(40):
        engine.later(3600)
    assert {row.status for row in engine.inbox()} == {"quarantined"}
    assert "still not known" in engine.inbox()[0].error
    engine.say("a", "link ap-2")
    engine.settle_down()
    engine.actions.requeue(engine.inbox()[1].id, "person:carl", "it is loaded now")
    engine.settle_down()
    assert engine.said("a") == ("link ap-2", "other")


# ── stale workers ───────────────────────────────────────────────────────────────────────────────────────────────


def test_a_worker_with_an_old_cache_is_fenced_and_looks_again() -> None:
    one = Engine()
    two = one.beside("worker-2")
    one.say("a", "1")
    assert one.work.run(10) == 1
    one.say("a", "2")
    assert two.work.run(10) == 1  # worker 1 does not know of it
    one.say("a", "3")
    assert one.work.run(10) == 0
    assert one.said("a") == ("1", "2")
    assert one.work.run(10) == 1
    assert one.said("a") == ("1", "2", "3")
    assert verify(one.store).sound
    assert rebuild(one.store, one.processes).differences == ()


def test_a_worker_takes_only_from_its_own_partitions() -> None:
    engine = Engine()
    for number in range(20):
        engine.say(f"s{number}", "hello")
    taken = [engine.work.run(100, [number]) for number in range(4)]
    assert sum(taken) == 20
    assert all(taken)


def test_decisions_go_before_documents_and_documents_before_bulk() -> None:
    engine = Engine()
    engine.offer(comment("1", "bulk", lane=9), comment("2", "normal", lane=5), comment("3", "decision", lane=0))
    engine.settle_down()
    assert engine.said("a") == ("decision", "normal", "bulk")


def test_time_that_runs_backwards_does_no_harm() -> None:
    engine = Engine()
    engine.say("a", "1")
    engine.settle_down()
    engine.clock.move(timedelta(hours=-1))
    engine.say("a", "2")
    engine.settle_down()
    assert engine.said("a") == ("1", "2")
    assert verify(engine.store).sound
