"""The same invoices through the whole loop on SQLite: accepted, read, deduplicated, matched, approved, posted."""

import gc
import time
from collections.abc import Callable
from statistics import median

from msgspec import Struct

from tieout_bench.loop import Loop
from tieout_bench.matching.workload import LINES, agreeing, invoices, masters
from tieout_bench.measuring import ROUNDS, Figure, tell
from tieout_bench.recorder import Recorder, write_again
from tieout_bench.stores import opened, sqlite

LINES_PER_SECOND_MIN = 5_000
#: The floor keeps every row in memory to write it again, so it is measured on a part of the work.
_FLOOR_PART = 4
FLOOR = "the same rows written, no engine"


class Run(Struct, frozen=True):
    """Seconds until everything was matched, by the clock and of the processor, and until what matched was posted."""

    matched: float
    matched_processor: float
    posted: float


def measure(count: int) -> list[Figure]:
    """Lines a second until matched and until posted, beside the floor of a part of the work."""
    runs = []
    for number in range(ROUNDS):
        tell(f"whole loop, round {number + 1} of {ROUNDS}")
        with sqlite() as url:
            runs.append(_run(Loop(opened(url)), count))
    part = count // _FLOOR_PART
    tell(f"floor of {part:,} invoices")
    ours, floor = _beside_floor(part)
    figures = []
    for name, of in _TIMES.items():
        value = count * LINES / median(map(of, runs))
        figures.append(_figure(name, value, part * LINES / of(floor), of(floor) / of(ours)))
    return figures


_TIMES: dict[str, Callable[[Run], float]] = {
    "loop until matched": lambda run: run.matched,
    "the same, of processor time": lambda run: run.matched_processor,
    "loop until posted": lambda run: run.posted,
}


def _figure(name: str, value: float, floor: float, ratio: float) -> Figure:
    asked = name == "loop until matched"
    return Figure(
        name=name,
        unit="lines/s",
        value=value,
        beside=FLOOR,
        beside_value=floor,
        ratio=ratio,
        target=f"≥ {LINES_PER_SECOND_MIN:,} lines/s" if asked else "",
        is_met=value >= LINES_PER_SECOND_MIN if asked else None,
    )


def _run(loop: Loop, count: int) -> Run:
    loop.offer(list(masters(count)))
    loop.run()
    messages = invoices(range(count))

    def match() -> None:
        loop.offer(messages)
        loop.work()

    expected = agreeing(count)
    run = _timed(match, lambda: loop.finish(lambda: _posted(loop) >= expected))
    posted = _posted(loop)
    if posted != expected:
        raise AssertionError(f"{posted:,} invoices were posted, {expected:,} agree: what happened to the others?")
    return run


def _posted(loop: Loop) -> int:
    return loop.erp.documents["post_invoice"]


def _timed(match: Callable[[], object], post: Callable[[], object]) -> Run:
    gc.collect()
    started, processor = time.perf_counter(), time.process_time()
    match()
    matched, used = time.perf_counter() - started, time.process_time() - processor
    post()
    return Run(matched, used, time.perf_counter() - started)


def _beside_floor(count: int) -> tuple[Run, Run]:
    """The engine, and the same rows written without it, each on a fresh database."""
    with sqlite() as url:
        ours = _run(Loop(opened(url)), count)
    with sqlite() as url:
        recorder = Recorder(opened(url))
        loop = Loop(recorder)
        loop.offer(list(masters(count)))
        loop.run()
        before = len(recorder.transactions)
        loop.offer(invoices(range(count)))
        loop.work()
        matched = len(recorder.transactions)
        loop.finish(lambda: _posted(loop) >= agreeing(count))
    with sqlite() as url:
        store = opened(url)
        write_again(store, recorder.transactions[:before])
        until_matched, after = recorder.transactions[before:matched], recorder.transactions[matched:]
        return ours, _timed(lambda: write_again(store, until_matched), lambda: write_again(store, after))
