"""The simulator: a company in a box, with everything going wrong that can go wrong, one seed at a time.

The whole system runs in one process on an in-memory database and a virtual clock. Answers are lost before and after
their effect, processes die between any two statements, messages come twice and in any order, workers are stale, clocks
jump. An auditor then checks each layer's own promise, and reach marks prove that every recovery path was taken.

The same seed is the same run, on every machine: a failing one is replayed by its number.
"""

import os
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from time import monotonic

from msgspec import Struct
from structlog.testing import capture_logs

from tieout.sim.auditor import audit, read_events
from tieout.sim.marks import MARKS
from tieout.sim.play import NotQuiet, Play
from tieout.sim.reached import note_reached

_CHUNK = 10
_PARALLEL_FROM = 40


class Failure(Struct, frozen=True):
    """A promise that was broken: by which seed, what was found, and how to see it again."""

    seed: int
    what: str
    replay: str


class Run(Struct, frozen=True):
    """What one seed gave."""

    seed: int
    steps: int
    events: int
    faults: dict[str, int]
    marks: dict[str, int]
    findings: tuple[str, ...]


class Report(Struct, frozen=True, kw_only=True):
    """What all seeds together gave. ``faults`` and ``marks`` count how often each struck and was reached."""

    seeds: int
    steps: int
    events: int
    seconds: float
    faults: dict[str, int]
    marks: dict[str, int]
    failures: tuple[Failure, ...]

    @property
    def passed(self) -> bool:
        """Was every promise kept?"""
        return not self.failures

    @property
    def not_reached(self) -> tuple[str, ...]:
        """The hard places that no seed came to: a few hundred seeds reach them all."""
        return tuple(name for name in MARKS if not self.marks.get(name))


def simulate(
    seeds: Sequence[int], on_progress: Callable[[int], None] = lambda seeds: None, *, processes: int | None = None
) -> Report:
    """Play these seeds (such as ``range(200)``) and report. ``on_progress`` is told how many more are done.

    Many seeds are spread over ``processes`` (by default one for each core).
    """
    started = monotonic()
    steps = events = 0
    faults: Counter[str] = Counter()
    marks: Counter[str] = Counter()
    failures: list[Failure] = []
    for run in _runs(seeds, processes or os.cpu_count() or 1):
        steps, events = steps + run.steps, events + run.events
        faults.update(run.faults)
        marks.update(run.marks)
        failures += [Failure(run.seed, what, f"tieout sim --seed {run.seed}") for what in run.findings]
        on_progress(1)
    return Report(
        seeds=len(seeds),
        steps=steps,
        events=events,
        seconds=round(monotonic() - started, 1),
        faults=dict(sorted(faults.items())),
        marks={name: marks[name] for name in MARKS},
        failures=tuple(failures),
    )


def play(seed: int, tell: Callable[[str], None] | None = None) -> Run:
    """Play one seed. ``tell`` gets a line for every step: this is what ``tieout sim --seed`` prints."""
    one = Play(seed, tell)
    findings: list[str] = []
    with capture_logs():
        try:
            one.run()
        except NotQuiet as error:
            findings.append(str(error))
        except Exception as error:
            findings.append(f"the engine raised {type(error).__name__}: {error}")
            if tell is not None:
                raise
        events = list(read_events(one))
        if not findings:
            findings += audit(one, events)
    note_reached(events, one.marks)
    return Run(seed, one.steps, len(events), dict(one.faults.struck), dict(one.marks.counts), tuple(findings))


def _runs(seeds: Sequence[int], processes: int) -> Iterator[Run]:
    if processes == 1 or len(seeds) < _PARALLEL_FROM:
        yield from map(play, seeds)
        return
    with ProcessPoolExecutor(processes) as pool:
        yield from pool.map(play, seeds, chunksize=_CHUNK)
