"""What is bought: one way of writing it, its branches, and which of several counts."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tieout.model.commodity import begins, category, main_category, normal


@pytest.mark.parametrize(
    ("scheme", "code", "text"),
    [
        ("UNSPSC", "43211503", "UNSPSC:43211503"),
        ("unspsc", "43-21-15-03", "UNSPSC:43211503"),
        ("SPSC", " 43 21 15 03 ", "UNSPSC:43211503"),
        ("eCl@ss", "24-01-02-03", "ECLASS:24010203"),
        ("ECLASS", "24010203", "ECLASS:24010203"),
        ("CPV", "30213100-6", "CPV:30213100"),
        ("cpv", "302131006", "CPV:30213100"),
        ("CPV", "302", "CPV:302"),
        ("HS", "8471.30", "HS:847130"),
        ("Own list", "A-7  b", "OWNLIST:A-7 b"),
        ("", "43211503", ""),
        ("UNSPSC", " ", ""),
        ("--", "7", ""),
    ],
)
def test_a_code_is_written_one_way(scheme: str, code: str, text: str) -> None:
    assert category(scheme, code) == text


@given(st.text(max_size=20))
def test_what_is_normal_stays_as_it_is(text: str) -> None:
    assert normal(normal(text)) == normal(text)
    assert begins(text, text) == bool(normal(text))


def test_the_largest_amount_counts_and_of_equal_ones_the_first_by_its_code() -> None:
    assert main_category([]) == ""
    assert main_category([("", 900), ("UNSPSC:43", 1)]) == "UNSPSC:43"
    assert main_category([("UNSPSC:43", 60), ("UNSPSC:72", 100), ("UNSPSC:43", 60)]) == "UNSPSC:43"
    assert main_category([("UNSPSC:72", 100), ("UNSPSC:43", 100)]) == "UNSPSC:43"
    assert main_category([("UNSPSC:43", 90), ("UNSPSC:72", -100)]) == "UNSPSC:72"
    assert main_category([("UNSPSC:43", 200), ("UNSPSC:43", -150), ("UNSPSC:72", 60)]) == "UNSPSC:72"
    assert main_category([("unspsc:43-21", 50), ("UNSPSC:4321", 50), ("UNSPSC:72", 99)]) == "UNSPSC:4321"


@given(st.lists(st.tuples(st.sampled_from(["", "A:1", "A:2", "B:1"]), st.integers(-9, 9)), max_size=8), st.randoms())
def test_the_order_of_lines_changes_nothing(spent: list[tuple[str, int]], random: object) -> None:
    shuffled = list(spent)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert main_category(shuffled) == main_category(spent)
