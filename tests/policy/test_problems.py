"""Every problem code is explained in plain words, and the page says the same."""

from pathlib import Path

import pytest

from tieout.kernel.problem import Code
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
