"""How suppliers number their invoices: each has a style of its own and a counter that other customers move on too."""

from collections.abc import Callable
from random import Random

Style = Callable[[int, int], str]
"""Counter and month → the number as it is printed."""

STYLES: tuple[Style, ...] = (
    lambda counter, month: f"{counter}",
    lambda counter, month: f"{counter:06d}",
    lambda counter, month: f"{counter:08d}",
    lambda counter, month: f"R{counter}",
    lambda counter, month: f"RE-2026-{counter:05d}",
    lambda counter, month: f"2026/{counter:04d}",
    lambda counter, month: f"INV{counter:07d}",
    lambda counter, month: f"26{month:02d}{counter:04d}",
    lambda counter, month: f"F-{counter:05d}/26",
    lambda counter, month: f"{counter:04d}-26",
    lambda counter, month: f"AB {counter // 1000:02d}.{counter % 1000:03d}",
    lambda counter, month: f"SI/26-27/{counter}",
    lambda counter, month: f"K10442-{counter}",
    lambda counter, month: f"{month:02d}-{counter:05d}-EU",
)


class Series:
    """The numbers of one supplier, in the order of its invoices."""

    def __init__(self, chance: Random) -> None:
        self._chance = chance
        self._style = chance.choice(STYLES)
        self._counter = chance.choice((chance.randrange(1, 300), chance.randrange(1_000, 90_000)))
        #: How many invoices it writes to others between two of ours; of some suppliers we are the only customer.
        self._others = chance.choice((0, 0, 1, 3, 10, 40, 250))

    def next(self, month: int) -> str:
        """The next number that we get to see."""
        self._counter += 1 + (self._chance.randrange(2 * self._others + 1) if self._others else 0)
        return self._style(self._counter, month)
