"""On which days do banks settle with each other, and on which do people work?

Banks: the Federal Reserve (ACH, Fedwire) and TARGET (SEPA, euro). People: the public holidays of a country (ISO 3166).

The Federal Reserve's rule: a holiday that falls on a Sunday is kept on Monday; one on a Saturday is not moved, and
the Friday before is open. So Friday, 3 July 2026 is a business day. TARGET is closed on 1 January, Good Friday, Easter
Monday, 1 May, 25 and 26 December, and nothing is ever moved.
"""

from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from functools import cache, lru_cache

from holidays import country_holidays, financial_holidays

_SATURDAY = 5
_DAY = timedelta(days=1)


class Calendar(StrEnum):
    """The settlement calendars we know."""

    FED = "FED"
    TARGET = "TARGET"


#: What the package calls them.
_NAMES = {Calendar.FED: "XFED", Calendar.TARGET: "XECB"}


_OF_CURRENCY = {"EUR": Calendar.TARGET, "USD": Calendar.FED}


@cache
def _closed(calendar: Calendar, year: int) -> frozenset[date]:
    """The holidays of one year."""
    return frozenset(financial_holidays(_NAMES[calendar], years=year))


def is_settlement_day(calendar: Calendar, day: date) -> bool:
    """Whether banks settle on that day."""
    return day.weekday() < _SATURDAY and day not in _closed(calendar, day.year)


def next_settlement_day(calendar: Calendar, day: date) -> date:
    """That day if banks settle on it, else the next on which they do."""
    return _settling(calendar, day, _DAY)


def execution_day(currency: str, day: date) -> date:
    """The first day from then on which banks settle in that currency; the day itself where we know no calendar."""
    calendar = _OF_CURRENCY.get(currency)
    return next_settlement_day(calendar, day) if calendar else day


def add_settlement_days(calendar: Calendar, day: date, count: int) -> date:
    """So many settlement days after a day, or before it where ``count`` is negative. Zero is the day itself, or
    the next on which banks settle."""
    if count == 0:
        return next_settlement_day(calendar, day)
    step = _DAY if count > 0 else -_DAY
    for _ in range(abs(count)):
        day = _settling(calendar, day + step, step)
    return day


def _settling(calendar: Calendar, day: date, step: timedelta) -> date:
    while not is_settlement_day(calendar, day):
        day += step
    return day


# ── business days ──────────────────────────────────────────────────────────────────────────────────────────────────


@cache
def is_business_day(country: str, day: date) -> bool:
    """Whether people work in a country on that day. Where we know no calendar, Monday to Friday are business days."""
    try:
        return bool(country_holidays(country, years=day.year).is_working_day(day)) if country else _is_weekday(day)
    except NotImplementedError:
        return _is_weekday(day)


def _is_weekday(day: date) -> bool:
    return day.weekday() < _SATURDAY


@lru_cache(maxsize=1024)
def add_business_hours(country: str, moment: datetime, hours: int) -> datetime:
    """So many hours of business days later, 24 to a day (UTC). What begins on a day off begins with the next business
    day; what would end as a business day does ends then."""
    if not hours:
        return moment
    moment = moment.astimezone(UTC)
    while not is_business_day(country, moment.date()):
        moment = _midnight(moment.date() + _DAY)
    left = timedelta(hours=hours)
    while left > (rest := _midnight(moment.date() + _DAY) - moment):
        left -= rest
        moment = _midnight(moment.date() + _DAY)
        while not is_business_day(country, moment.date()):
            moment += _DAY
    return moment + left


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(tzinfo=UTC))
