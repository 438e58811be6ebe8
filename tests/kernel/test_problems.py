"""Every problem code is explained in plain words, and the page says the same."""

from pathlib import Path

import pytest

from tieout.kernel.problem import Code, Problem
from tieout.policy.problems import EXPLANATIONS, explain, page

PAGE = Path(__file__).parents[2] / "docs" / "problems.md"


def test_the_two_lists_are_equal_and_in_the_same_order() -> None:
    assert list(EXPLANATIONS) == list(Code)


@pytest.mark.parametrize("code", list(Code))
def test_each_explanation_is_made_of_sentences(code: Code) -> None:
    told = explain(code)
    assert told.meaning.endswith(".")
    assert told.remedy.endswith(".")
    assert told.owner == told.owner.lower()


def test_the_page_is_what_the_data_says() -> None:
    expected = page()
    assert PAGE.read_text(encoding="utf-8") == expected, "write tieout.policy.problems.page() to docs/problems.md again"


def test_a_problem_says_what_was_expected_and_what_was_seen() -> None:
    problem = Problem(Code.PRICE_OVER_LIMIT, "3", "10 EUR/EA", "11 EUR/EA", "2 %", "order PO-1")
    assert str(problem) == "price over limit, at 3, expected 10 EUR/EA, got 11 EUR/EA, limit 2 %: order PO-1"
