"""A system at the other end: honest in what it holds, unreliable in how it answers.

Each of the world's systems says what it does with one write (``_take``); everything that can go wrong on the way
there and back happens here, so all of them suffer the same faults.
"""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from random import Random

from msgspec import Struct

from tieout.kernel.clock import Clock
from tieout.kernel.errors import TransientError
from tieout.kernel.setdigest import add_digest
from tieout.model.documents import Total
from tieout.model.events import Message
from tieout.ports import (
    Absent,
    Applied,
    Connector,
    Effect,
    Finding,
    Manifest,
    Page,
    Refused,
    Result,
    Retry,
    Scope,
    Unknown,
)
from tieout.sim.faults import Crash, Faults
from tieout.sim.marks import Marks

LATE_SECONDS = 4.0
"""The longest a write takes to land after its answer was lost; manifests with look-up promise a little more."""


class Surroundings:
    """What all systems of one world share. ``meanwhile``: what other workers do while a call stalls (for long,
    or only past its lease); ``say`` takes a line for the trace."""

    def __init__(self, clock: Clock, faults: Faults, marks: Marks) -> None:
        self.clock = clock
        self.faults = faults
        self.marks = marks
        self.meanwhile: Callable[[bool], None] = lambda for_long: None
        self.say: Callable[[str], None] = lambda line: None

    @classmethod
    def calm(cls, clock: Clock) -> "Surroundings":
        """A world in which nothing goes wrong: for demonstrations, and for tests of other things."""
        faults = Faults(Random(0))
        faults.on = False
        return cls(clock, faults, Marks())


class Document(Struct, frozen=True):
    """What a target holds for one write that landed."""

    effect: Effect
    answer: Applied
    landed_at: datetime


class Target(Connector):
    """The base of the world's systems, and a connector to itself."""

    def __init__(self, manifest: Manifest, surroundings: Surroundings) -> None:
        self._manifest = manifest
        self._around = surroundings
        self._on_its_way: list[tuple[datetime, Effect]] = []
        self._down_until: datetime | None = None
        self._turned_away: set[tuple[str, str]] = set()
        self.documents: dict[tuple[str, str], list[Document]] = {}
        self.feed: list[Message] = []

    @property
    def manifest(self) -> Manifest:
        return self._manifest

    @property
    def busy(self) -> bool:
        """Is something still on its way into it?"""
        return bool(self._on_its_way)

    # ── what each system says for itself ────────────────────────────────────────────────────────────────────────

    def _take(self, effect: Effect) -> Applied | Refused | Retry:
        """Do what the effect asks, or refuse it. Called once for every write that arrives."""
        raise NotImplementedError

    # ── apply ───────────────────────────────────────────────────────────────────────────────────────────────────

    def apply(self, effects: Sequence[Effect]) -> Sequence[Result]:
        self.land()
        if self._is_down():
            raise TransientError(f"{self._manifest.system}: connection refused")
        return [self._sent(effect) for effect in effects]

    def _sent(self, effect: Effect) -> Result:
        key, result = (effect.operation, effect.key), self._one(effect)
        if isinstance(result, Retry):
            self._turned_away.add(key)
        elif isinstance(result, Applied) and key in self._turned_away:
            self._around.marks.reach("retried after a certain failure")
        return result

    def _one(self, effect: Effect) -> Result:
        now = self._around.clock.now()
        if self._is_down():
            return Retry(reason="503: down for maintenance")
        fault = self._around.faults.on_a_write()
        told = f"{self._manifest.system} {effect.operation} {effect.key} (attempt {effect.attempt})"
        self._around.say(f"    {told}: {fault}" if fault else f"    {told}")
        match fault:
            case "answer lost before the effect":
                return Unknown(reason="the connection broke")
            case "answer lost after the effect":
                self.write(effect)
                return Unknown(reason="no answer within the time limit")
            case "effect landed late":
                late = timedelta(seconds=self._around.faults.between(0.5, LATE_SECONDS))
                self._on_its_way.append((now + late, effect))
                return Unknown(reason="no answer within the time limit")
            case "service unavailable":
                return Retry(reason="503: come again later")
            case "outage of some minutes":
                self._down_until = now + timedelta(seconds=self._around.faults.between(30, 600))
                return Retry(reason="connection refused")
            case "crash before the effect":
                raise Crash("while sending")
            case "crash after the effect":
                self.write(effect)
                raise Crash("while waiting for the answer")
            case "connector raised after the effect":
                self.write(effect)
                raise ValueError("unexpected body in the answer")
            case "stalled before the effect":
                self._around.meanwhile(False)
                return self.write(effect)
            case "stalled, then not sent":
                self._around.meanwhile(True)
                self._down_until = self._around.clock.now() + timedelta(seconds=1)  # nor is the rest of its batch
                return Retry(reason="connection refused")
            case "stalled after the effect":
                answer = self.write(effect)
                self._around.meanwhile(False)
                return answer
            case "half an answer":
                self.write(effect)
                return Unknown(reason="the answer ended in the middle")
            case _:
                return self.write(effect)

    def _is_down(self) -> bool:
        return self._down_until is not None and self._around.clock.now() < self._down_until

    def write(self, effect: Effect) -> Applied | Refused | Retry:
        """The write arrives. A target that keeps its promise recognises one that it holds already."""
        promise = self._manifest.operation(effect.operation)
        assert promise is not None, f"{self._manifest.system} was never asked to {effect.operation}"
        held = self.documents.get((effect.operation, effect.key))
        if held and (promise.native_key or promise.unique_number):
            self._around.marks.reach("repeated under the same key")
            return held[0].answer
        answer = self._take(effect)
        if isinstance(answer, Applied):
            document = Document(effect, answer, self._around.clock.now())
            self.documents.setdefault((effect.operation, effect.key), []).append(document)
        elif isinstance(answer, Refused):
            self._around.marks.reach("refused by the target")
        return answer

    def land(self) -> None:
        """Let what was on its way arrive, as far as its time has come."""
        now = self._around.clock.now()
        arrived = [effect for at, effect in self._on_its_way if at <= now]
        self._on_its_way = [(at, effect) for at, effect in self._on_its_way if at > now]
        for effect in arrived:
            self.write(effect)
            self._around.marks.reach("landed late, within its window")

    # ── probe, pull, totals ─────────────────────────────────────────────────────────────────────────────────────

    def probe(self, effect: Effect) -> Finding:
        self.land()
        if self._around.faults.strikes("probe unanswered"):
            return Unknown(reason="no answer to the look-up")
        held = self.documents.get((effect.operation, effect.key))
        self._around.say(f"    {self._manifest.system} holds {effect.operation} {effect.key}: {bool(held)}")
        if held:
            self._around.marks.reach("answer lost, probe found it")
            return held[0].answer
        self._around.marks.reach("answer lost, proved absent, sent again")
        return Absent()

    def pull(self, cursor: str) -> Page:
        faults = self._around.faults
        if faults.strikes("source unavailable"):
            raise TransientError(f"{self._manifest.system}: connection refused")
        self.land()
        start = int(cursor or 0)
        stop = min(start + 20, len(self.feed))
        if faults.strikes("crash in a pull"):
            raise Crash("while pulling")
        return Page(
            messages=tuple(self.feed[start:stop]),
            cursor=str(stop),
            more=stop < len(self.feed),
            observed_at=self._around.clock.now(),
        )

    def _tell(self, *messages: Message) -> None:
        """Put messages into the feed, possibly twice and in any order, as real feeds do."""
        faults, told = self._around.faults, list(messages)
        if len(told) > 1 and faults.strikes("messages reordered"):
            told = [told[number] for number in faults.shuffled(len(told))]
        for message in told:
            self.feed.append(message)
            if faults.strikes("message repeated"):
                self.feed.append(message)

    def totals(self, scope: Scope) -> Total:
        self.land()
        items = self._items(scope)
        digest = 0
        for item, minor in items.items():
            digest = add_digest(digest, item, minor)
        return Total(
            count=len(items),
            sum_minor=sum(items.values()),
            currency=scope.currency,
            set_hash=digest,
            as_of=self._around.clock.now(),
        )

    def _items(self, scope: Scope) -> dict[str, int]:
        """The items of a control total, each with its amount in minor units."""
        return {}
