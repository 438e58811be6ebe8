"""Invoices through the whole loop, as fast as it goes, and the floor: the same rows written without the engine."""

import gc
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import AbstractContextManager

from msgspec import Struct

from tieout_bench.loop import BATCH, Loop
from tieout_bench.recorder import Recorder, write_again
from tieout_bench.stores import opened
from tieout_bench.workload import invoice, masters

Fresh = Callable[[], AbstractContextManager[str]]


class Throughput(Struct, frozen=True, kw_only=True):
    """One run."""

    store: str
    workers: int
    invoices: int
    events: int
    seconds: float
    floor_seconds: float | None = None

    @property
    def events_per_second(self) -> float:
        return self.events / self.seconds

    @property
    def invoices_per_second(self) -> float:
        return self.invoices / self.seconds

    @property
    def ratio_to_floor(self) -> float | None:
        """1 means: as fast as writing the rows."""
        return self.floor_seconds / self.seconds if self.floor_seconds else None


def one_worker(name: str, fresh: Fresh, invoices: int) -> Throughput:
    """One thread does everything. The floor is measured right after, on a fresh database of the same kind."""
    with fresh() as url:
        events, seconds = _timed(Loop(opened(url)), invoices)
    return Throughput(
        store=name, workers=1, invoices=invoices, events=events, seconds=seconds, floor_seconds=_floor(fresh, invoices)
    )


def _timed(loop: Loop, invoices: int) -> tuple[int, float]:
    loop.offer(list(masters(invoices)))
    loop.run()
    before = loop.events()
    messages = [invoice(number) for number in range(invoices)]
    gc.collect()
    started = time.perf_counter()
    loop.offer(messages)
    loop.run()
    return loop.events() - before, time.perf_counter() - started


def _floor(fresh: Fresh, invoices: int) -> float:
    with fresh() as url:
        recorder = Recorder(opened(url))
        loop = Loop(recorder)
        loop.offer(list(masters(invoices)))
        loop.run()
        masters_done = len(recorder.transactions)
        loop.offer([invoice(number) for number in range(invoices)])
        loop.run()
    with fresh() as url:
        store = opened(url)
        write_again(store, recorder.transactions[:masters_done])
        gc.collect()
        started = time.perf_counter()
        write_again(store, recorder.transactions[masters_done:])
        return time.perf_counter() - started


def two_workers(name: str, fresh: Fresh, invoices: int) -> Throughput:
    """Two processes share the partitions; a third (this one) accepts."""
    with fresh() as url:
        loop = Loop(opened(url))
        loop.offer(list(masters(invoices)))
        loop.run()
        before = loop.events()
        messages = [invoice(number) for number in range(invoices)]
        workers = [_worker(url, number) for number in range(2)]
        for worker in workers:
            assert worker.stdout is not None
            worker.stdout.readline()
        started = time.perf_counter()
        for start in range(0, len(messages), BATCH):
            loop.intake.offer(messages[start : start + BATCH])
        for worker in workers:
            assert worker.stdin is not None
            worker.stdin.close()
        finished = [float(worker.stdout.readline()) for worker in workers if worker.stdout]
        seconds = max(finished) - started
        for worker in workers:
            worker.wait()
        return Throughput(store=name, workers=2, invoices=invoices, events=loop.events() - before, seconds=seconds)


def _worker(url: str, number: int) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "tieout_bench.worker", url, str(number), "2"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
