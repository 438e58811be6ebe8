"""Latency at a steady rate: how long until a message is durable, and how long until its invoice is posted."""

import statistics
import threading
import time

from msgspec import Struct

from tieout_bench.loop import Loop
from tieout_bench.stores import opened
from tieout_bench.workload import invoice, masters


class Latency(Struct, frozen=True, kw_only=True):
    """Milliseconds at a steady rate; acceptance is the durable inbox, ``loop`` is from there to the posted invoice."""

    rate: int
    accept_p50_ms: float
    accept_p99_ms: float
    loop_p50_ms: float
    loop_p99_ms: float


def steady(url: str, *, rate: int = 200, seconds: int = 15) -> Latency:
    """One thread works, another offers one invoice at a time."""
    count = rate * seconds
    loop = Loop(opened(url))
    loop.offer(list(masters(count)))
    loop.run()
    stop = threading.Event()
    posted: dict[str, float] = {}
    loop.erp.on_apply = lambda key: posted.setdefault(key, time.perf_counter())
    worker = threading.Thread(target=_work, args=(loop, stop))
    worker.start()
    accepted, sent = [], {}
    messages = [invoice(number) for number in range(count)]
    started = time.perf_counter()
    for number, message in enumerate(messages):
        wait = started + number / rate - time.perf_counter()
        if wait > 0:
            time.sleep(wait)
        before = time.perf_counter()
        answer = loop.intake.offer([message])[0]
        after = time.perf_counter()
        accepted.append((after - before) * 1000)
        sent[answer.subject] = before
    time.sleep(1.0)
    stop.set()
    worker.join()
    looped = [(posted[key] - sent[key]) * 1000 for key in sent.keys() & posted.keys()]
    return Latency(
        rate=rate,
        accept_p50_ms=statistics.median(accepted),
        accept_p99_ms=_p99(accepted),
        loop_p50_ms=statistics.median(looped),
        loop_p99_ms=_p99(looped),
    )


def _work(loop: Loop, stop: threading.Event) -> None:
    while not stop.is_set():
        if not loop.step():
            time.sleep(0.002)


def _p99(values: list[float]) -> float:
    return sorted(values)[int(len(values) * 0.99)]
