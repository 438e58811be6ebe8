"""How many characters two invoice numbers differ in, whatever they share at both ends."""

from hypothesis import given
from hypothesis import strategies as st

from tieout.matching.duplicates.numbers import _distance

NUMBERS = st.text("AB01", max_size=9)


def plainly(one: str, other: str) -> int:
    """Optimal string alignment as textbooks have it: a table of all beginnings."""
    table = {(i, j): max(i, j) for i in range(len(one) + 1) for j in range(len(other) + 1) if not i or not j}
    for i in range(1, len(one) + 1):
        for j in range(1, len(other) + 1):
            steps = [table[i - 1, j] + 1, table[i, j - 1] + 1, table[i - 1, j - 1] + (one[i - 1] != other[j - 1])]
            if i > 1 and j > 1 and one[i - 1] == other[j - 2] and one[i - 2] == other[j - 1]:
                steps.append(table[i - 2, j - 2] + 1)
            table[i, j] = min(steps)
    return table[len(one), len(other)]


@given(NUMBERS, NUMBERS, st.integers(0, 3))
def test_the_distance_is_the_textbooks_as_far_as_it_counts(one: str, other: str, most: int) -> None:
    shorter, apart = min(len(one), len(other)), plainly(one, other)
    counts = shorter >= 4 and abs(len(one) - len(other)) <= most and apart <= most and apart * 3 <= shorter
    assert _distance(one, other, most) == (apart if counts else most + 1)
