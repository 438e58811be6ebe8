"""Settlement days against the published rules, written down here once more and independently."""

from calendar import MONDAY, SATURDAY, SUNDAY, THURSDAY
from datetime import date, timedelta

import pytest

from tieout.policy.calendars import (
    Calendar,
    add_settlement_days,
    execution_day,
    is_settlement_day,
    next_settlement_day,
)

YEARS = range(2022, 2036)
#: Easter Sundays, from the tables of the church.
EASTER = {2022: (4, 17), 2023: (4, 9), 2024: (3, 31), 2025: (4, 20), 2026: (4, 5), 2027: (3, 28), 2028: (4, 16)}


def nth(year: int, month: int, weekday: int, count: int) -> date:
    """The count-th such weekday of a month, or the last for -1."""
    days = [date(year, month, 1) + timedelta(days=number) for number in range(31)]
    return [day for day in days if day.month == month and day.weekday() == weekday][count - (count > 0)]


def fed_holidays(year: int) -> set[date]:
    """Federal Reserve Bank holidays: Sunday moves to Monday, Saturday to nowhere."""
    fixed = [date(year, month, day) for month, day in ((1, 1), (6, 19), (7, 4), (11, 11), (12, 25))]
    moved = {day + timedelta(days=day.weekday() == SUNDAY) for day in fixed}
    return moved | {
        nth(year, 1, MONDAY, 3),
        nth(year, 2, MONDAY, 3),
        nth(year, 5, MONDAY, -1),
        nth(year, 9, MONDAY, 1),
        nth(year, 10, MONDAY, 2),
        nth(year, 11, THURSDAY, 4),
    }


def days_of(year: int) -> list[date]:
    return [day for number in range(366) if (day := date(year, 1, 1) + timedelta(days=number)).year == year]


@pytest.mark.parametrize("year", YEARS)
def test_the_federal_reserve_by_its_published_rule(year: int) -> None:
    closed = fed_holidays(year)
    expected = [day for day in days_of(year) if day.weekday() < SATURDAY and day not in closed]
    assert [day for day in days_of(year) if is_settlement_day(Calendar.FED, day)] == expected


@pytest.mark.parametrize("year", EASTER)
def test_target_by_its_published_rule(year: int) -> None:
    easter = date(year, *EASTER[year])
    closed = {date(year, month, day) for month, day in ((1, 1), (5, 1), (12, 25), (12, 26))}
    closed |= {easter - timedelta(days=2), easter + timedelta(days=1)}
    expected = [day for day in days_of(year) if day.weekday() < SATURDAY and day not in closed]
    assert [day for day in days_of(year) if is_settlement_day(Calendar.TARGET, day)] == expected


@pytest.mark.parametrize(
    "day",
    [
        pytest.param(date(2026, 7, 3), id="4 July 2026 is a Saturday"),
        pytest.param(date(2021, 12, 31), id="1 January 2022 is a Saturday"),
        pytest.param(date(2027, 6, 18), id="19 June 2027 is a Saturday"),
        pytest.param(date(2027, 12, 24), id="25 December 2027 is a Saturday"),
    ],
)
def test_the_friday_before_a_holiday_on_saturday_is_a_business_day(day: date) -> None:
    assert is_settlement_day(Calendar.FED, day)


@pytest.mark.parametrize("day", [date(2027, 7, 5), date(2022, 12, 26), date(2023, 1, 2), date(2022, 6, 20)])
def test_the_monday_after_a_holiday_on_sunday_is_none(day: date) -> None:
    assert not is_settlement_day(Calendar.FED, day)


@pytest.mark.parametrize(
    ("calendar", "day", "expected"),
    [
        (Calendar.FED, date(2026, 7, 3), date(2026, 7, 3)),
        (Calendar.FED, date(2026, 7, 4), date(2026, 7, 6)),
        (Calendar.FED, date(2026, 12, 25), date(2026, 12, 28)),
        (Calendar.TARGET, date(2026, 4, 3), date(2026, 4, 7)),
        (Calendar.TARGET, date(2026, 12, 31), date(2026, 12, 31)),
    ],
)
def test_the_next_settlement_day(calendar: Calendar, day: date, expected: date) -> None:
    assert next_settlement_day(calendar, day) == expected


@pytest.mark.parametrize(
    ("calendar", "day", "count", "expected"),
    [
        (Calendar.FED, date(2026, 7, 2), 1, date(2026, 7, 3)),
        (Calendar.FED, date(2026, 7, 2), 2, date(2026, 7, 6)),
        (Calendar.FED, date(2026, 7, 4), 0, date(2026, 7, 6)),
        (Calendar.FED, date(2026, 7, 4), 1, date(2026, 7, 6)),
        (Calendar.FED, date(2026, 7, 6), -2, date(2026, 7, 2)),
        (Calendar.TARGET, date(2026, 4, 2), 1, date(2026, 4, 7)),
        (Calendar.TARGET, date(2026, 12, 24), 1, date(2026, 12, 28)),
    ],
)
def test_so_many_settlement_days_on(calendar: Calendar, day: date, count: int, expected: date) -> None:
    assert add_settlement_days(calendar, day, count) == expected


@pytest.mark.parametrize(
    ("currency", "expected"),
    [("EUR", date(2026, 5, 4)), ("USD", date(2026, 5, 1)), ("JPY", date(2026, 5, 1))],
    ids=["closed on 1 May, then a weekend", "open on 1 May", "no calendar of ours"],
)
def test_a_payment_is_executed_when_banks_of_its_currency_settle(currency: str, expected: date) -> None:
    assert execution_day(currency, date(2026, 5, 1)) == expected
