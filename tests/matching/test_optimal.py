"""The best way to give rows to columns: as good as trying every way, whatever the table."""

from fractions import Fraction
from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tieout.matching import optimal
from tieout.matching.optimal import NOWHERE, Found, Pair, Table, TooMany, best

F = Fraction


def table(points: dict[Pair, int], rooms: list[int], sizes: dict[Pair, int | None] | None = None) -> Table:
    rows = 1 + max((row for row, _ in points), default=-1)
    taken = {pair: None if (one := (sizes or {}).get(pair, 1)) is None else F(one) for pair in points}
    return Table(rows, points, taken, [F(room) for room in rooms], [True] * len(rooms))


def ways(whole: Table, forbidden: frozenset[Pair] = frozenset()) -> list[tuple[int, tuple[int, ...]]]:
    """Every way there is with its points."""
    found = []
    for columns in product(range(-1, len(whole.rooms)), repeat=whole.rows):
        used = [pair for pair in enumerate(columns) if pair[1] != NOWHERE]
        if any(pair not in whole.points for pair in used) or forbidden & set(enumerate(columns)):
            continue
        together = {column: [row for row, of in used if of == column] for _, column in used}
        if all(whole.fits(column, rows) for column, rows in together.items()):
            found.append((sum(whole.points[pair] for pair in used), columns))
    return found


@st.composite
def tables(draw: st.DrawFn) -> Table:
    rows, columns = draw(st.integers(0, 4)), draw(st.integers(0, 3))
    pairs = [(row, column) for row in range(rows) for column in range(columns)]
    points = {pair: worth for pair in pairs if (worth := draw(st.integers(0, 4)))}
    amounts = st.one_of(st.none(), st.integers(0, 4).map(F))
    return Table(
        rows,
        points,
        {pair: draw(amounts) for pair in points},
        [F(draw(st.integers(-1, 6))) for _ in range(columns)],
        [draw(st.booleans()) for _ in range(columns)],
    )


@settings(deadline=None)
@given(tables(), st.frozensets(st.tuples(st.integers(0, 3), st.integers(-1, 2)), max_size=4))
def test_nothing_is_better_than_the_best(whole: Table, forbidden: frozenset[Pair]) -> None:
    every = ways(whole, forbidden)
    found = best(whole, forbidden)
    if not every:
        assert found is None
        return
    most = max(points for points, _ in every)
    last = len(whole.rooms)
    first = min(
        (columns for points, columns in every if points == most),
        key=lambda columns: [last if column == NOWHERE else column for column in columns],
    )
    assert found == Found(most, first)


def test_the_best_of_all_is_not_the_best_of_each() -> None:
    """Greed would give row 0 its 9 points, and leave row 1 with nothing."""
    assert best(table({(0, 0): 9, (0, 1): 8, (1, 0): 7}, [1, 1])) == Found(15, (1, 0))


def test_a_column_takes_one_row_of_any_size() -> None:
    assert best(table({(0, 0): 5}, [1], {(0, 0): 7})) == Found(5, (0,))


def test_a_column_takes_several_rows_only_where_they_fit_together() -> None:
    points = {(0, 0): 5, (1, 0): 4, (2, 0): 3}
    sizes: dict[Pair, int | None] = {(0, 0): 6, (1, 0): 5, (2, 0): 4}
    assert best(table(points, [10], sizes)) == Found(8, (0, NOWHERE, 0))
    assert best(table(points, [9], sizes)) == Found(7, (NOWHERE, 0, 0))
    assert best(table(points, [15], sizes)) == Found(12, (0, 0, 0))


def test_what_cannot_be_measured_takes_a_column_alone() -> None:
    points = {(0, 0): 5, (1, 0): 4}
    assert best(table(points, [10], {(0, 0): None, (1, 0): 1})) == Found(5, (0, NOWHERE))


def test_a_column_in_use_takes_only_what_fits() -> None:
    whole = Table(1, {(0, 0): 5}, {(0, 0): F(3)}, [F(2)], [False])
    assert best(whole) == Found(0, (NOWHERE,))
    assert best(Table(1, {(0, 0): 5}, {(0, 0): F(2)}, [F(2)], [False])) == Found(5, (0,))


def test_to_forbid_everything_leaves_no_way() -> None:
    assert best(table({(0, 0): 5}, [1]), {(0, 0), (0, NOWHERE)}) is None


def test_a_table_that_is_too_large_is_not_begun() -> None:
    side = 101  # rows × (places + rows) would be 20,402
    with pytest.raises(TooMany):
        best(table({(one, one): 1 for one in range(side)}, [1] * side))
    assert best(table({(one, one): 1 for one in range(100)}, [1] * 100)) == Found(100, tuple(range(100)))


def test_too_many_branches_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(optimal, "BRANCHES_MAX", 1)
    overfull: dict[Pair, int | None] = {(0, 0): 2, (1, 0): 2, (2, 0): 6}
    with pytest.raises(TooMany):
        best(table({(0, 0): 1, (1, 0): 1, (2, 0): 3}, [4], overfull))
