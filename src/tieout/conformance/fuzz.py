"""Readers under fire: documents that are almost right, made out of real ones, without end.

Every reader promises never to raise, never to hang, and to stay within its memory, whatever it is given. This takes
documents from folders, breaks them in many ways, and reads each broken one as intake would. The same seed gives the
same documents, so that whatever is found can be found again; what broke a reader is written to a file.
"""

import gc
import resource
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from random import Random
from types import FrameType

from msgspec import Struct

from tieout.formats.detect import UNKNOWN, find
from tieout.formats.reading import Context, Findings, Limits
from tieout.formats.source import Bytes
from tieout.kernel.problem import Problem

#: A reader that takes longer over one document hangs. (Documents here are small.)
SECONDS_MAX = 10
#: So much may the memory of the process grow after it has warmed up.
GROWTH_MAX = 128 * 2**20
#: Larger documents are left out, so that many are tried.
BYTES_MAX = 256 * 1024
WARM_UP = 2_000
#: Processes do not reach each other's seeds.
_APART = 10**9
LIMITS = Limits(bytes_max=8 * 2**20, elements_max=200_000)

_NASTY = (
    *(
        b"\0",
        b"\xff\xfe",
        b"\xef\xbb\xbf",
        b"<!DOCTYPE x [<!ENTITY a 'b'>]>",
        b"&a;",
        b"<![CDATA[",
        b"]]>",
        b"%PDF-1.7\n",
    ),
    *(b"NaN", b"-Infinity", b"1e400", b"9" * 400, b"-0", b"1_000", "\u0663".encode(), "\uff11".encode(), b"0000-00-00"),
    *(
        b"'",
        b"~",
        b"*",
        b"+",
        b":",
        b"?",
        b"|",
        b"\r\n",
        b"\n",
        b"\r",
        b"/",
        b"\t",
        b"'''''",
        b"A" * 5_000,
        b"<a>" * 500,
    ),
)


class Failure(Struct, frozen=True, kw_only=True):
    """A document that broke a reader: how it was made, and what happened."""

    seed: int
    origin: str
    what: str
    body: bytes


class Report(Struct, frozen=True, kw_only=True):
    """What was tried and what was found. ``growth`` is in bytes."""

    documents: int
    by_format: dict[str, int]
    seconds: float
    growth: int
    failures: tuple[Failure, ...]

    @property
    def sound(self) -> bool:
        """No reader raised, hung or grew."""
        return not self.failures and self.growth <= GROWTH_MAX


class Hung(Exception):
    """A reader took too long over one document."""


def gather(folders: Sequence[Path]) -> list[tuple[str, bytes]]:
    """The documents that broken ones are made of: every small file below the folders."""
    files = sorted({path for folder in folders for path in folder.rglob("*") if path.is_file()})
    return [(path.name, path.read_bytes()) for path in files if 0 < path.stat().st_size <= BYTES_MAX]


def fuzz(
    documents: Sequence[tuple[str, bytes]],
    seconds: float,
    first_seed: int = 0,
) -> Report:
    """Break documents and read them for so many seconds. One process; start several with seeds far apart."""
    began = time.monotonic()
    failures: list[Failure] = []
    by_format: dict[str, int] = {}
    seed, warm, grown = first_seed, 0, 0
    while time.monotonic() - began < seconds:
        origin, body = broken(documents, seed)
        name, what = attempt(body)
        by_format[name] = by_format.get(name, 0) + 1
        if what:
            failures.append(Failure(seed=seed, origin=origin, what=what, body=body))
        seed += 1
        if (seed - first_seed) % WARM_UP == 0:
            gc.collect()
            warm = warm or _resident()
            grown = max(grown, _resident() - warm)
    return Report(
        documents=seed - first_seed,
        by_format=dict(sorted(by_format.items())),
        seconds=time.monotonic() - began,
        growth=grown,
        failures=tuple(failures),
    )


def fuzz_many(documents: Sequence[tuple[str, bytes]], seconds: float, processes: int) -> Report:
    """Several processes at once, each with seeds of its own."""
    with ProcessPoolExecutor(processes) as pool:
        runs = [pool.submit(fuzz, documents, seconds, number * _APART) for number in range(processes)]
        reports = [run.result() for run in runs]
    by_format: dict[str, int] = {}
    for report in reports:
        for name, number in report.by_format.items():
            by_format[name] = by_format.get(name, 0) + number
    return Report(
        documents=sum(report.documents for report in reports),
        by_format=dict(sorted(by_format.items())),
        seconds=max(report.seconds for report in reports),
        growth=max(report.growth for report in reports),
        failures=tuple(failure for report in reports for failure in report.failures),
    )


def broken(documents: Sequence[tuple[str, bytes]], seed: int) -> tuple[str, bytes]:
    """The broken document of a seed: one of the documents after a few changes."""
    chance = Random(seed)
    name, body = chance.choice(documents)
    for _ in range(chance.choice((1, 1, 2, 3, 8))):
        body = chance.choice(_CHANGES)(body, chance, documents) or b"?"
    return name, body[: BYTES_MAX * 4]


def attempt(body: bytes) -> tuple[str, str]:
    """Read a document to the end. The format it was taken for, and what went wrong (nothing, as it should be)."""
    source, context, findings = Bytes(body), Context(limits=LIMITS), Findings()
    name = UNKNOWN
    try:
        with _alarm():
            found = find(source, "", context)
            if isinstance(found, Problem):
                return name, ""
            name = found.name
            for _ in found.reader(source, context, findings):
                pass
            silent = not findings.proof.holds and not findings.diagnostics()
            return name, "it refuses the document and does not say why" if silent else ""
    except Hung:
        return name, f"it took more than {SECONDS_MAX} seconds"
    except Exception as error:
        return name, f"{type(error).__name__}: {error}"


@contextmanager
def _alarm() -> Iterator[None]:
    def ring(number: int, frame: FrameType | None) -> None:
        raise Hung

    before = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, SECONDS_MAX)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def _resident() -> int:
    """The memory of this process now, in bytes."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * resource.getpagesize()


# ── ways to break a document ───────────────────────────────────────────────────────────────────────────────────────

Documents = Sequence[tuple[str, bytes]]
Change = Callable[[bytes, Random, Documents], bytes]


def _span(body: bytes, chance: Random, most: int = 64) -> tuple[int, int]:
    start = chance.randrange(len(body))
    return start, min(len(body), start + chance.randrange(1, most))


def _cut_off(body: bytes, chance: Random, documents: Documents) -> bytes:
    return body[: chance.randrange(len(body))]


def _drop(body: bytes, chance: Random, documents: Documents) -> bytes:
    start, end = _span(body, chance)
    return body[:start] + body[end:]


def _repeat(body: bytes, chance: Random, documents: Documents) -> bytes:
    start, end = _span(body, chance, 400)
    return body[:end] + body[start:end] * chance.choice((1, 1, 3, 50)) + body[end:]


def _flip(body: bytes, chance: Random, documents: Documents) -> bytes:
    changed = bytearray(body)
    for _ in range(chance.choice((1, 4, 32))):
        changed[chance.randrange(len(changed))] = chance.randrange(256)
    return bytes(changed)


def _insert(body: bytes, chance: Random, documents: Documents) -> bytes:
    at = chance.randrange(len(body) + 1)
    return body[:at] + chance.choice(_NASTY) + body[at:]


def _digit(body: bytes, chance: Random, documents: Documents) -> bytes:
    """Another digit, or none, in a number: totals and counts that no longer agree."""
    places = [at for at, sign in enumerate(body) if 48 <= sign <= 57]
    if not places:
        return body
    at = chance.choice(places)
    return body[:at] + chance.choice((b"0", b"9", b"", b"-", b"x", b"99999")) + body[at + 1 :]


def _swap(body: bytes, chance: Random, documents: Documents) -> bytes:
    """Lines in another order."""
    end = chance.choice((b"\n", b"'", b"~", b">"))
    parts = body.split(end)
    one, other = chance.randrange(len(parts)), chance.randrange(len(parts))
    parts[one], parts[other] = parts[other], parts[one]
    return end.join(parts)


def _splice(body: bytes, chance: Random, documents: Documents) -> bytes:
    """The beginning of one document and the end of another."""
    other = chance.choice(documents)[1]
    return body[: chance.randrange(len(body))] + other[chance.randrange(len(other)) :]


_CHANGES: tuple[Change, ...] = (_cut_off, _drop, _repeat, _flip, _insert, _insert, _digit, _digit, _swap, _splice)
