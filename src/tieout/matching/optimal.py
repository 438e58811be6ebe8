"""The best way to give rows to columns that have room for them: exact, and the same on every machine.

Each row goes to one column or to none; a pair is worth points, and the sum of points is the greatest there can be. A
column takes one row whatever its size, if it may, and several only where together they fit into its room.

Without room it is the assignment problem, which the Hungarian method solves in O(rows² × columns) with whole numbers
(Kuhn 1955, Munkres 1957). Room is added by branch and bound: a column that is overfull has to lose one of its rows,
so each of them is forbidden in turn. Both are bounded, and :class:`TooMany` says that the bound was met.
"""

from collections.abc import Collection, Mapping, Sequence
from fractions import Fraction

from msgspec import Struct

NOWHERE = -1
#: Rows times places in columns; a table of this size takes about a second at the very worst.
CELLS_MAX = 20_000
#: Tables that are solved until it is clear which rows fit together.
BRANCHES_MAX = 200

Pair = tuple[int, int]


class TooMany(Exception):
    """There are more possibilities than are looked at."""


class Table(Struct, frozen=True):
    """``points`` of each pair that is possible at all, all more than nothing, and how much of the column the row takes
    (``sizes``; nothing: all of it, and nobody else fits). ``rooms`` say what the columns have left; a column that is
    not ``free`` is in use already and takes only what fits."""

    rows: int
    points: Mapping[Pair, int]
    sizes: Mapping[Pair, Fraction | None]
    rooms: Sequence[Fraction]
    free: Sequence[bool]

    def fits(self, column: int, rows: Sequence[int]) -> bool:
        """Whether the column takes these rows together."""
        if not rows or (len(rows) == 1 and self.free[column]):
            return True
        taken = Fraction(0)
        for row in rows:
            size = self.sizes[row, column]
            if size is None:
                return False
            taken += size
        return taken <= self.rooms[column]

    def places(self, column: int) -> int:
        """How many rows the column could take at the most: the smallest ones, as far as its room goes."""
        sizes = sorted(size for (_, of), size in self.sizes.items() if of == column and size is not None)
        taken, count = Fraction(0), 0
        for size in sizes:
            taken += size
            if taken > self.rooms[column]:
                break
            count += 1
        return max(count, int(self.free[column]))


class Found(Struct, frozen=True):
    """The greatest sum of points, and the column of each row (``NOWHERE``: none)."""

    points: int
    columns: tuple[int, ...]


def best(table: Table, forbidden: Collection[Pair] = ()) -> Found | None:
    """The best way there is; of several the one that gives the first row the first column, and so on.

    ``forbidden`` pairs are not used; ``(row, NOWHERE)`` forbids to leave a row out. Nothing when there is no way at
    all. Raises :class:`TooMany`.
    """
    places = [column for column in range(len(table.rooms)) for _ in range(table.places(column))]
    if table.rows * (len(places) + table.rows) > CELLS_MAX:
        raise TooMany
    worths = _worths(table)
    chosen: tuple[int, tuple[int, ...]] | None = None
    branches = [frozenset(forbidden)]
    for _ in range(BRANCHES_MAX):
        if not branches:
            break
        without = branches.pop()
        columns = _relaxed(table.rows, places, worths, without)
        if columns is None:
            continue
        worth = sum(worths[row, column] for row, column in enumerate(columns))
        if chosen is not None and worth <= chosen[0]:
            continue
        overfull = _overfull(table, columns)
        if overfull:
            branches += [without | {pair} for pair in overfull]
        else:
            chosen = worth, columns
    if branches:
        raise TooMany
    if chosen is None:
        return None
    return Found(sum(table.points.get(pair, 0) for pair in enumerate(chosen[1])), chosen[1])


def _worths(table: Table) -> dict[Pair, int]:
    """Points first; between equals the first column for the first row, then for the second …: one number that is
    greater than all that come after it together."""
    base = len(table.rooms) + 1
    scale = base**table.rows
    worths: dict[Pair, int] = {}
    for row in range(table.rows):
        weight = base ** (table.rows - 1 - row)
        worths[row, NOWHERE] = -weight * (base - 1)
        for column in range(len(table.rooms)):
            points = table.points.get((row, column))
            if points is not None:
                worths[row, column] = points * scale - weight * column
    return worths


def _overfull(table: Table, columns: Sequence[int]) -> list[Pair]:
    """The pairs of the first column that has more than it takes."""
    rows_of: dict[int, list[int]] = {}
    for row, column in enumerate(columns):
        if column != NOWHERE:
            rows_of.setdefault(column, []).append(row)
    for column, rows in rows_of.items():
        if not table.fits(column, rows):
            return [(row, column) for row in rows]
    return []


def _relaxed(
    rows: int, places: Sequence[int], worths: Mapping[Pair, int], forbidden: Collection[Pair]
) -> tuple[int, ...] | None:
    """The best way when sizes do not matter. Each row also has a place of its own that means nowhere."""
    never = 1 + 2 * rows * max(map(abs, worths.values()), default=0)
    costs: list[list[int]] = []
    for row in range(rows):
        of_column = {
            column: -worths[row, column]
            for column in {*places, NOWHERE}
            if (row, column) in worths and (row, column) not in forbidden
        }
        nowhere = [never] * rows
        nowhere[row] = of_column.get(NOWHERE, never)
        costs.append([of_column.get(column, never) for column in places] + nowhere)
    picked = _hungarian(costs)
    if any(costs[row][place] == never for row, place in enumerate(picked)):
        return None
    return tuple(places[place] if place < len(places) else NOWHERE for place in picked)


def _hungarian(costs: Sequence[Sequence[int]]) -> list[int]:
    """The place of each row such that the sum of costs is the least. There are at least as many places as rows.

    ``of_row`` and ``of_place`` are the prices (dual variables) that keep every reduced cost at or above zero.
    """
    rows, places = len(costs), len(costs[0]) if costs else 0
    of_row, of_place = [0] * rows, [0] * places
    taken: list[int | None] = [None] * places
    for row in range(rows):
        _seat(row, costs, of_row, of_place, taken)
    picked = [0] * rows
    for place, owner in enumerate(taken):
        if owner is not None:
            picked[owner] = place
    return picked


def _seat(
    row: int, costs: Sequence[Sequence[int]], of_row: list[int], of_place: list[int], taken: list[int | None]
) -> None:
    """Give one more row a place, by the cheapest chain of rows that move on (a shortest augmenting path)."""
    least: list[int | None] = [None] * len(of_place)
    before: list[int] = [-1] * len(of_place)
    seen: list[int] = []
    waiting = set(range(len(of_place)))
    owner, place = row, -1
    while True:
        cost, price = costs[owner], of_row[owner]
        step: int | None = None
        following = -1
        for other in waiting:
            reduced = cost[other] - price - of_place[other]
            known = least[other]
            if known is None or reduced < known:
                least[other] = known = reduced
                before[other] = place
            if step is None or known < step:
                step, following = known, other
        assert step is not None
        of_row[row] += step
        for other in seen:
            moved = taken[other]
            assert moved is not None
            of_row[moved] += step
            of_place[other] -= step
        for other in waiting:
            least[other] -= step  # type: ignore[operator]  # every one has been reached
        place = following
        waiting.remove(place)
        seen.append(place)
        mover = taken[place]
        if mover is None:
            break
        owner = mover
    while place != -1:
        earlier = before[place]
        taken[place] = row if earlier == -1 else taken[earlier]
        place = earlier
