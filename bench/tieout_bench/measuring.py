"""What measurements share: rounds, figures beside a floor or a peer, and a process of its own for one side of a
comparison. Only the standard library: peers import it in their own environment.

Seconds are of processor time. For work that waits for nothing they are those of the clock on a machine that is ours
alone; on a shared one the clock would measure the others.
"""

import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from time import process_time

ROUNDS = 3
MEGABYTE = 1_000_000
_BENCH = Path(__file__).parents[1]


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One figure beside a floor or a peer that did the same work in the same rounds. ``ratio``: how many times as good
    as that; of a floor, 1 is the best there can be."""

    name: str
    unit: str
    value: float
    beside: str
    beside_value: float
    ratio: float
    target: str = ""
    is_met: bool | None = None


def speed(
    name: str,
    size: int,
    ours: float,
    beside: str,
    theirs: float,
    *,
    at_least: float = 0,
    ratio_at_least: float = 0,
) -> Figure:
    """Megabytes a second, from the bytes of a file and the seconds of both sides."""
    value, ratio = size / MEGABYTE / ours, theirs / ours
    wanted = [f"≥ {at_least:g} MB/s"] * (at_least > 0) + [f"ratio ≥ {ratio_at_least:g}"] * (ratio_at_least > 0)
    return Figure(
        name=name,
        unit="MB/s",
        value=value,
        beside=beside,
        beside_value=size / MEGABYTE / theirs,
        ratio=ratio,
        target=", ".join(wanted),
        is_met=value >= at_least and ratio >= ratio_at_least if wanted else None,
    )


def cost(name: str, unit: str, ours: float, beside: str, theirs: float, *, below: float = 0) -> Figure:
    """Milliseconds or memory: the less the better."""
    return Figure(
        name=name,
        unit=unit,
        value=ours,
        beside=beside,
        beside_value=theirs,
        ratio=theirs / ours,
        target=f"< {below:g} {unit}" if below else "",
        is_met=ours < below if below else None,
    )


def tell(text: str) -> None:
    """Say how far we are, beside the report."""
    print(text, file=sys.stderr, flush=True)


def seconds(name: str, *sides: Callable[[], object], times: int = 1) -> list[float]:
    """Median seconds of each side. They take turns, so that what else the machine does falls on all of them.

    ``times``: how often a side does its work in one round, where once is too short; its median counts.
    """
    rounds: list[list[float]] = []
    for number in range(ROUNDS):
        tell(f"{name}, round {number + 1} of {ROUNDS}")
        rounds.append([median(_timed(side) for _ in range(times)) for side in sides])
    return [median(of_side) for of_side in zip(*rounds, strict=True)]


def _timed(side: Callable[[], object]) -> float:
    started = process_time()
    side()
    return process_time() - started


# ── one side, in a process of its own ──────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class Run:
    """What one side found, how long it took, and the peak of its memory, Python itself included."""

    count: int
    seconds: float
    peak_megabytes: float


def alone(module: str, side: str, path: Path, python: Path | str = sys.executable) -> Run:
    """Run one side of a module that ends in :func:`answer`."""
    environment = {**os.environ, "PYTHONPATH": str(_BENCH)}
    command = [str(python), "-m", module, side, str(path)]
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    if done.returncode:
        raise ChildProcessError(f"{module} {side}: {done.stderr.strip()[-1500:]}")
    count, took, peak = done.stdout.split()
    return Run(int(count), float(took), float(peak))


def answer(sides: Mapping[str, Callable[[Path], int]]) -> None:
    """In such a process: run the side that the arguments name, and print what it came to."""
    side, path = sys.argv[1:]
    started = process_time()
    count = sides[side](Path(path))
    print(count, process_time() - started, peak_megabytes())


def peak_megabytes() -> float:
    """The peak memory of this program alone: ``getrusage`` would count the process that started it, too."""
    status = Path("/proc/self/status").read_text(encoding="ascii", errors="replace")
    kibibytes = next(line.split()[1] for line in status.splitlines() if line.startswith("VmHWM"))
    return int(kibibytes) * 1024 / MEGABYTE
