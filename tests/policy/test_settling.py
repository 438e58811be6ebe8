"""On which days an entity bills itself for what came, and until when that still counts in the month it is for."""

from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tieout.policy.calendars import is_business_day
from tieout.policy.load import PolicyError, load
from tieout.policy.settling import Rhythm, Run, SettlementRules, books_are_open, ended, month_end, next_run

MONTHLY, WEEKLY = SettlementRules(), SettlementRules(receipts="weekly")


@pytest.mark.parametrize(("rules", "today", "country", "through", "due_on"), [
    pytest.param(MONTHLY, date(2026, 5, 4), "DE", date(2026, 5, 31), date(2026, 6, 1), id="month, a Monday follows"),
    pytest.param(MONTHLY, date(2026, 5, 31), "DE", date(2026, 5, 31), date(2026, 6, 1), id="on the last day"),
    pytest.param(MONTHLY, date(2026, 12, 1), "DE", date(2026, 12, 31), date(2027, 1, 4), id="New Year and a weekend"),
    pytest.param(MONTHLY, date(2026, 4, 9), "DE", date(2026, 4, 30), date(2026, 5, 4), id="1 May is a holiday there"),
    pytest.param(MONTHLY, date(2026, 4, 9), "US", date(2026, 4, 30), date(2026, 5, 1), id="and here it is not"),
    pytest.param(WEEKLY, date(2026, 5, 4), "DE", date(2026, 5, 10), date(2026, 5, 11), id="a week ends on Sunday"),
    pytest.param(WEEKLY, date(2026, 5, 20), "DE", date(2026, 5, 24), date(2026, 5, 26), id="Whit Monday"),
    pytest.param(WEEKLY, date(2026, 6, 29), "DE", date(2026, 6, 30), date(2026, 7, 1), id="a week ends with its month"),
])  # fmt: skip
def test_the_next_run(rules: SettlementRules, today: date, country: str, through: date, due_on: date) -> None:
    assert next_run(rules, today, country) == Run(through, due_on)


@given(st.dates(date(2020, 1, 1), date(2030, 1, 1)), st.sampled_from(["DE", "US", "JP", ""]), st.booleans())
def test_runs_follow_each_other_without_a_gap(today: date, country: str, weekly: bool) -> None:
    rules = WEEKLY if weekly else MONTHLY
    run = next_run(rules, today, country)
    assert today <= run.through < run.due_on
    assert run.through <= month_end(today)
    assert is_business_day(country, run.due_on)
    later = next_run(rules, run.through + timedelta(days=1), country)
    assert later.through > run.through
    assert next_run(rules, run.due_on, country).through >= later.through


@pytest.mark.parametrize(("today", "days", "is_open"), [
    (date(2026, 5, 31), 5, True),
    (date(2026, 6, 1), 5, True),
    (date(2026, 6, 5), 5, True),
    (date(2026, 6, 6), 5, False),
    (date(2026, 6, 1), 0, False),
    (date(2026, 7, 1), 5, False),
    (date(2027, 6, 1), 5, False),
])  # fmt: skip
def test_until_when_may_still_counts(today: date, days: int, is_open: bool) -> None:
    assert books_are_open(date(2026, 5, 31), today, days) is is_open
    assert books_are_open(date(2026, 5, 2), today, days) is is_open


@pytest.mark.parametrize(("through", "today", "until"), [
    (date(2026, 5, 31), date(2026, 6, 1), date(2026, 5, 31)),
    (date(2026, 5, 10), date(2026, 5, 11), date(2026, 5, 10)),
    (date(2026, 5, 10), date(2026, 6, 3), date(2026, 5, 31)),
    (date(2026, 5, 31), date(2026, 7, 10), date(2026, 6, 30)),
])  # fmt: skip
def test_a_run_that_comes_late_settles_what_is_over_by_then(through: date, today: date, until: date) -> None:
    assert ended(through, today) == until


def test_a_month_that_is_to_come_is_open() -> None:
    assert books_are_open(date(2026, 8, 31), date(2026, 6, 6), 5)


@pytest.mark.parametrize(("receipts", "consignments", "through", "kinds"), [
    ("at_once", "month_end", date(2026, 5, 10), ("receipts",)),
    ("at_once", "month_end", date(2026, 5, 31), ("receipts", "consignments")),
    ("weekly", "by_hand", date(2026, 5, 10), ("receipts",)),
    ("month_end", "weekly", date(2026, 5, 10), ("consignments",)),
    ("by_hand", "by_hand", date(2026, 5, 31), ()),
])  # fmt: skip
def test_what_is_settled_when(receipts: Rhythm, consignments: Rhythm, through: date, kinds: tuple[str, ...]) -> None:
    assert SettlementRules(receipts=receipts, consignments=consignments).due(through) == kinds


TEXT = """
[group]
currency = "EUR"
settlement.consignments = "weekly"
[regions.emea.settlement]
receipts = "month_end"
[entities.DE01]
name = "x"
region = "emea"
settlement.receipts = "by_hand"
[entities.FR01]
name = "y"
region = "emea"
[entities.US01]
name = "z"
"""


@pytest.mark.parametrize(("entity", "expected"), [
    ("DE01", {"receipts": "by_hand", "consignments": "weekly"}),
    ("FR01", {"receipts": "month_end", "consignments": "weekly"}),
    ("US01", {"receipts": "at_once", "consignments": "weekly"}),
])  # fmt: skip
def test_the_rhythm_is_inherited(entity: str, expected: dict[str, Any]) -> None:
    assert load(TEXT).policy.settlement_of(entity) == SettlementRules(**expected)


def test_a_rhythm_that_there_is_not() -> None:
    with pytest.raises(PolicyError, match=r'settlement.consignments = "weekley".*did you mean "weekly"'):
        load(TEXT.replace('consignments = "weekly"', 'consignments = "weekley"'))
