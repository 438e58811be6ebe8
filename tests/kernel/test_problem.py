"""A problem as people read it."""

import pytest

from tieout.kernel.problem import Code, Problem


@pytest.mark.parametrize(
    ("problem", "told"),
    [
        (
            Problem(Code.PRICE_OVER_LIMIT, "3", "10 EUR/EA", "11 EUR/EA", "2 %", "order PO-1"),
            "price over limit, at 3, expected 10 EUR/EA, got 11 EUR/EA, limit 2 %: order PO-1",
        ),
        (Problem(Code.UNKNOWN_ORDER, "line 1", actual="PO-7"), "unknown order, at line 1, got PO-7"),
        (Problem(Code.NOT_APPROVED), "not approved"),
    ],
)
def test_a_problem_says_what_was_expected_and_what_was_seen(problem: Problem, told: str) -> None:
    assert str(problem) == told
