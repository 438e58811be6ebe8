"""A worker: threads that handle messages, send effects and keep the schedule, until told to stop.

Any number of workers may run on one database. They share the partitions out among themselves by leases of a few
seconds, so when one dies the others take over; a worker that does not know that it lost a partition is fenced by the
log's key. Lanes and pulls have leases too: a lane is worked by one at a time.
"""

import gc
import threading
from collections.abc import Callable, Mapping
from datetime import timedelta
from functools import partial

import structlog
from msgspec import Struct

from tieout.engine.delivery import LEASE_SECONDS, Delivery
from tieout.engine.schedule import Schedule
from tieout.engine.stores.port import Store
from tieout.engine.unit_of_work import UnitOfWork
from tieout.kernel.clock import Clock, to_micros
from tieout.kernel.errors import TieoutError
from tieout.ports import Listener

LOG = structlog.get_logger("tieout.worker")


class Pace(Struct, frozen=True, kw_only=True):
    """How often things happen, in seconds, and how much at once."""

    batch: int = 500
    idle: float = 0.05
    send_idle: float = 0.2
    probe: float = 0.25
    tidy: float = 2.0
    listen: float = 5.0
    senders: int = 4


def calm_collector() -> None:
    """Have Python look for cycles rarely. What a worker makes in great numbers are values that hold no cycles (most
    say so to msgspec with ``gc=False``), and looking through all of them again and again took a third of its time."""
    gc.freeze()
    gc.set_threshold(50_000, 50, 100)


class Worker:
    """One process's share of the work."""

    def __init__(
        self,
        store: Store,
        work: UnitOfWork,
        delivery: Delivery,
        schedule: Schedule,
        clock: Clock,
        *,
        owner: str,
        partitions: int,
        pulls: Mapping[str, float],
        duties: Mapping[str, tuple[float, Callable[[], object]]],
        listeners: Mapping[str, Listener] | None = None,
        pace: Pace | None = None,
    ) -> None:
        self._store = store
        self._work = work
        self._delivery = delivery
        self._schedule = schedule
        self._clock = clock
        self._owner = owner
        self._partitions = partitions
        self._pulls = pulls
        self._duties = duties
        self._listeners = listeners or {}
        self._pace = pace or Pace()
        self._stop = threading.Event()
        self._mine: list[int] = []
        self._busy: set[str] = set()
        self._busy_lock = threading.Lock()

    def run(self) -> None:
        """Work until :meth:`stop`. Every failure is logged and tried again; a worker does not give up."""
        loops: list[tuple[str, Callable[[], float]]] = [("leases", self._share_out), ("work", self._work_once)]
        loops.append(("probe", self._probe_once))
        loops += [(f"send-{number}", self._send_once) for number in range(self._pace.senders)]
        loops += [(f"pull-{name}", self._pulling(name, every)) for name, every in self._pulls.items()]
        loops += [(name, self._duty(name, every, do)) for name, (every, do) in self._duties.items()]
        loops += [(f"listen-{name}", self._listening(each)) for name, each in self._listeners.items()]
        loops.append(("tidy", self._duty("tidy", self._pace.tidy, self._schedule.tidy)))
        self._share_out()
        threads = [threading.Thread(target=self._loop, args=loop, name=loop[0], daemon=True) for loop in loops]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        for listener in self._listeners.values():
            listener.close()
        self._store.release([*self._names(range(self._partitions)), f"worker/{self._owner}"], self._owner)

    def stop(self) -> None:
        """Finish what is under way and end."""
        self._stop.set()

    def _loop(self, name: str, step: Callable[[], float]) -> None:
        while not self._stop.is_set():
            try:
                wait = step()
            except TieoutError as error:
                LOG.warning("step_failed", step=name, error=str(error))
                wait = 1.0
            except Exception:
                LOG.exception("step_failed", step=name)
                wait = 1.0
            if wait:
                self._stop.wait(wait)

    # ── partitions ──────────────────────────────────────────────────────────────────────────────────────────────

    def _share_out(self) -> float:
        """Renew our leases, give up what is more than our share, and take what is free."""
        now = self._clock.now()
        micros, until = to_micros(now), to_micros(now + timedelta(seconds=LEASE_SECONDS))
        with self._busy_lock:  # held until it is written, or a turn that ends meanwhile would leave its lease behind
            self._store.claim([f"worker/{self._owner}", *self._busy], self._owner, until, micros)
        self._store.renew_effects(self._owner, until)
        workers = max(1, len(self._store.leases("worker/", micros)))
        share = -(-self._partitions // workers)
        keep, extra = self._mine[:share], self._mine[share:]
        if extra:
            self._store.release(self._names(extra), self._owner)
        held = self._store.leases("partition/", micros)
        free = [number for number in range(self._partitions) if f"partition/{number}" not in held]
        wanted = keep + free[: share - len(keep)]
        got = self._store.claim(self._names(wanted), self._owner, until, micros)
        mine = [number for number in wanted if f"partition/{number}" in got]
        if set(mine) - set(self._mine):
            self._work.forget()
        self._mine = mine
        return LEASE_SECONDS / 4

    @staticmethod
    def _names(partitions: "range | list[int]") -> list[str]:
        return [f"partition/{number}" for number in partitions]

    def _work_once(self) -> float:
        mine = self._mine
        if not mine:
            return self._pace.idle
        everything = len(mine) == self._partitions
        return 0.0 if self._work.run(self._pace.batch, None if everything else mine) else self._pace.idle

    # ── lanes ───────────────────────────────────────────────────────────────────────────────────────────────────

    def _probe_once(self) -> float:
        return 0.0 if self._delivery.probe() else self._pace.probe

    def _send_once(self) -> float:
        sent = 0
        for lane in self._delivery.lanes():
            sent += bool(self._in_turn(f"lane/{lane}", partial(self._delivery.send, lane)))
        return 0.0 if sent else self._pace.send_idle

    def _pulling(self, name: str, every: float) -> Callable[[], float]:
        def step() -> float:
            self._in_turn(f"pull/{name}", partial(self._schedule.pull, name))
            return every

        return step

    def _listening(self, listener: Listener) -> Callable[[], float]:
        def step() -> float:
            listener.listen()
            return self._pace.listen

        return step

    def _duty(self, name: str, every: float, do: Callable[[], object]) -> Callable[[], float]:
        def step() -> float:
            self._in_turn(f"duty/{name}", do)
            return every

        return step

    def _in_turn(self, name: str, do: Callable[[], object]) -> object:
        """Do something that only one thread of one worker may do at a time; ``None`` when it is not our turn."""
        with self._busy_lock:
            if name in self._busy:
                return None
            self._busy.add(name)
        claimed = False
        try:
            now = self._clock.now()
            until = to_micros(now + timedelta(seconds=LEASE_SECONDS))
            claimed = bool(self._store.claim([name], self._owner, until, to_micros(now)))
            return do() if claimed else None
        finally:
            with self._busy_lock:
                self._busy.discard(name)
                if claimed:
                    self._store.release([name], self._owner)
