"""Faults: what goes wrong, decided by a seed. The same seed always breaks the same things at the same moments."""

from collections import Counter
from random import Random


class Crash(BaseException):
    """The process dies here. Not an ``Exception``, so nobody who handles errors can survive it by accident."""


TARGET_FAULTS: dict[str, float] = {
    "answer lost before the effect": 0.030,
    "answer lost after the effect": 0.040,
    "effect landed late": 0.025,
    "service unavailable": 0.040,
    "outage of some minutes": 0.006,
    "crash before the effect": 0.008,
    "crash after the effect": 0.012,
    "connector raised after the effect": 0.008,
    "stalled before the effect": 0.006,
    "stalled after the effect": 0.010,
    "stalled, then not sent": 0.010,
    "half an answer": 0.010,
}
"""How likely each is for one write to a target."""

STORE_FAULTS = {"crash before a statement": 0.0030, "crash after a commit": 0.008, "look before a commit": 0.9}
FEED_FAULTS = {
    "message repeated": 0.10,
    "messages reordered": 0.15,
    "source unavailable": 0.05,
    "crash in a pull": 0.02,
}
PROBE_FAULTS = {"probe unanswered": 0.10}
CLOCK_FAULTS = {"clock jumped back": 0.010, "clock jumped ahead": 0.004}

RATES: dict[str, float] = {**TARGET_FAULTS, **STORE_FAULTS, **FEED_FAULTS, **PROBE_FAULTS, **CLOCK_FAULTS}


class Faults:
    """The dice of one run. ``weather`` makes some runs calm and some stormy; ``on`` ends the storm."""

    def __init__(self, random: Random) -> None:
        self._random = random
        self._weather = random.choice((0.0, 0.3, 1.0, 1.0, 2.5))
        self.on = True
        self.struck: Counter[str] = Counter()

    def strikes(self, kind: str) -> bool:
        """Does this go wrong now?"""
        if not self.on or self._random.random() >= RATES[kind] * self._weather:
            return False
        self.struck[kind] += 1
        return True

    def on_a_write(self) -> str:
        """What goes wrong with one write; empty when nothing does."""
        if not self.on:
            return ""
        drawn = self._random.random()
        for kind, rate in TARGET_FAULTS.items():
            drawn -= rate * self._weather
            if drawn < 0:
                self.struck[kind] += 1
                return kind
        return ""

    def between(self, low: float, high: float) -> float:
        """A moment within a window."""
        return self._random.uniform(low, high)

    def shuffled(self, count: int) -> list[int]:
        """A random order of so many things."""
        order = list(range(count))
        self._random.shuffle(order)
        return order
