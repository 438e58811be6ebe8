"""The worker: threads on one store, shared out by leases, ended in order. Only what they did is looked at, not when."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from tests.engine.kit import PARTITIONS, Engine, Target, promises

from tieout.engine.clock import SystemClock
from tieout.engine.delivery import LEASE_SECONDS
from tieout.engine.stores.open import open_store, prepare
from tieout.engine.worker import Pace, Worker
from tieout.kernel.clock import to_micros

FAST = Pace(batch=10, idle=0.005, tidy=0.05, senders=2)


def worker(engine: Engine, owner: str, duties: dict[str, tuple[float, Callable[[], object]]] | None = None) -> Worker:
    return Worker(
        engine.store,
        engine.work,
        engine.delivery,
        engine.schedule,
        engine.clock,
        owner=owner,
        partitions=PARTITIONS,
        pulls={},
        duties=duties or {},
        pace=FAST,
    )


@contextmanager
def running(one: Worker) -> Iterator[threading.Thread]:
    """The worker at work; whatever happens meanwhile, it ends."""
    thread = threading.Thread(target=one.run)
    thread.start()
    try:
        yield thread
    finally:
        one.stop()
        thread.join(10)


def until(condition: Callable[[], object]) -> None:
    """Threads take their own time; a test waits for what they do, at most half a minute."""
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline, "the worker did not come to it"
        time.sleep(0.005)


@pytest.fixture
def engine(tmp_path: object) -> Engine:
    url = f"sqlite:///{tmp_path}/tieout.db"
    prepare(url)
    return Engine(Target(promises(native_key=True)), store=open_store(url), clock=SystemClock())  # type: ignore[arg-type]


def test_a_worker_does_everything_and_ends_in_order(engine: Engine) -> None:
    ran: list[int] = []
    with running(worker(engine, "worker-1", {"count": (0.01, lambda: ran.append(1))})) as thread:
        for number in range(30):
            engine.say(f"s{number}", f"post K{number}")
        until(lambda: len(engine.target.held) == 30 and ran)
        until(lambda: engine.outcomes("s29") == ("applied",))
    assert not thread.is_alive()
    assert sorted(engine.target.held) == sorted(f"K{number}" for number in range(30))
    assert engine.store.leases("", 0) == {}, "a worker that ends gives everything back"


def test_two_workers_share_the_partitions(engine: Engine) -> None:
    other = engine.beside("worker-2")
    first, second = worker(engine, "worker-1"), worker(other, "worker-2")
    first._share_out()
    assert len(first._mine) == PARTITIONS
    second._share_out()
    assert second._mine == [], "what another holds is not taken"
    first._share_out()
    second._share_out()
    assert (len(first._mine), len(second._mine)) == (2, 2)
    assert not set(first._mine) & set(second._mine)


def test_what_a_dead_worker_held_is_taken_over(tmp_path: object) -> None:
    engine = Engine()
    other = engine.beside("worker-2")
    dead, heir = worker(engine, "worker-1"), worker(other, "worker-2")
    dead._share_out()
    heir._share_out()
    engine.die()
    heir._share_out()
    assert len(heir._mine) == PARTITIONS
    held = engine.store.leases("partition/", to_micros(engine.clock.now()))
    assert set(held.values()) == {"worker-2"}


def test_a_worker_that_lost_its_partitions_notices(tmp_path: object) -> None:
    """It slept past its leases; the heir has worked; what it cached is worth nothing."""
    engine = Engine()
    heir_engine = engine.beside("worker-2")
    sleeper, heir = worker(engine, "worker-1"), worker(heir_engine, "worker-2")
    sleeper._share_out()
    engine.say("a", "1")
    sleeper._work_once()
    engine.die()
    heir._share_out()
    engine.say("a", "2")
    heir._work_once()
    engine.say("a", "3")
    sleeper._work_once()
    sleeper._work_once()
    assert engine.said("a") == ("1", "2", "3")


def test_one_at_a_time_in_each_lane(engine: Engine) -> None:
    under_way, most = 0, 0
    lock = threading.Lock()

    def slowly() -> None:
        nonlocal under_way, most
        with lock:
            under_way += 1
            most = max(most, under_way)
        time.sleep(0.002)
        with lock:
            under_way -= 1

    engine.target.before_apply = slowly
    with running(worker(engine, "worker-1")):
        for number in range(15):
            engine.say(f"s{number}", f"post K{number}")
        until(lambda: len(engine.target.held) == 15)
    assert most == 1


def test_a_step_that_fails_is_tried_again(engine: Engine) -> None:
    tries: list[int] = []

    def duty() -> None:
        tries.append(1)
        if len(tries) < 2:
            raise ValueError("not yet")

    with running(worker(engine, "worker-1", {"flaky": (0.01, duty)})):
        until(lambda: len(tries) >= 2)
    assert LEASE_SECONDS > 1


def test_a_turn_that_ends_while_leases_are_renewed_leaves_no_lease_behind() -> None:
    """Otherwise a lane would rest for five seconds although nobody works in it."""
    engine = Engine()
    one = worker(engine, "worker-1")
    claim, renewing, ended = engine.store.claim, threading.Event(), threading.Event()

    def slowly(names: list[str], *arguments: object) -> set[str]:
        if f"worker/{one._owner}" in names:
            renewing.set()
            ended.wait(0.3)
        return claim(names, *arguments)  # type: ignore[arg-type]

    engine.store.claim = slowly  # type: ignore[method-assign,assignment]
    renewal = threading.Thread(target=one._share_out)

    def turn() -> None:
        renewal.start()
        renewing.wait(5)

    one._in_turn("lane/erp", turn)
    ended.set()
    renewal.join(5)
    assert "lane/erp" not in engine.store.leases("lane/", to_micros(engine.clock.now()))
