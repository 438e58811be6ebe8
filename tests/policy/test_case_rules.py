"""The rules by which cases are worked are read strictly: a slip is an error, not a rule less."""

from datetime import date

import msgspec
import pytest

from tieout.model.cases import CaseClass
from tieout.policy.cases import CaseRule, graver, raised, read_rules, settled_by_hand

RULES = """
effective_from = 2026-01-01

[duplicate]
title = "Duplicate invoice"
owner = "accounts payable"
severity = "high"
target_days = 1
remedy = "Compare it with the first invoice."
actions = ["clear_duplicate"]
"""


def test_rules_are_read_from_their_text_by_class_of_case() -> None:
    read = read_rules(RULES)
    assert read.effective_from == date(2026, 1, 1)
    assert read.rules == {
        CaseClass.DUPLICATE: CaseRule(
            title="Duplicate invoice",
            owner="accounts payable",
            severity="high",
            target_days=1,
            remedy="Compare it with the first invoice.",
            actions=("clear_duplicate",),
        )
    }


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        pytest.param("[duplicate]", "[duplikate]", id="a class of case that does not exist"),
        pytest.param('"high"', '"hi"', id="a severity that does not exist"),
        pytest.param("target_days", "target_dayz", id="a key that nobody would read"),
        pytest.param("= 1", '= "1"', id="a number that is a text"),
        pytest.param("2026-01-01", "2026", id="no date"),
    ],
)
def test_a_slip_in_the_rules_is_an_error(right: str, wrong: str) -> None:
    with pytest.raises(msgspec.ValidationError):
        read_rules(RULES.replace(right, wrong))


def test_severities_go_from_medium_to_critical_and_no_further() -> None:
    assert [raised("medium"), raised("high"), raised("critical")] == ["high", "critical", "critical"]
    assert graver("high", "medium") == graver("medium", "high") == "high"
    assert graver("high", "critical") == "critical"


@pytest.mark.parametrize(
    ("case_class", "by_hand"),
    [
        (CaseClass.TIE_OUT_BREAK, True),
        (CaseClass.STATEMENT_GAP, False),
        (CaseClass.DUPLICATE, False),
        (CaseClass.PRICE_VARIANCE, False),
    ],
)
def test_who_may_settle_a_case_by_saying_so(case_class: CaseClass, by_hand: bool) -> None:
    assert settled_by_hand(case_class) is by_hand
