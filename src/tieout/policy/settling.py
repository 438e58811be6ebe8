"""On which days do we bill ourselves for what came, and in which period does that count?

A week or a month is settled on the first business day after it has ended, in the country of the entity; a week ends
with its month at the latest, so that what is settled belongs to one period. The books of a month that is over are open
as long as it is being closed (``close_window_days``); what is settled later counts on its own day.
"""

from datetime import date, timedelta
from typing import Literal

from msgspec import Struct

from tieout.policy.calendars import is_business_day

Rhythm = Literal["at_once", "weekly", "month_end", "by_hand"]
Kind = Literal["receipts", "consignments"]
KINDS: tuple[Kind, ...] = ("receipts", "consignments")

_DAY = timedelta(days=1)
_SUNDAY = 6


class SettlementRules(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """When an entity bills itself for ``receipts`` of order lines that are settled on receipt, and for what is
    withdrawn from ``consignments``: as soon as we know of it, for each week, for each month, or only when a person asks
    for it."""

    receipts: Rhythm = "at_once"
    consignments: Rhythm = "month_end"

    def of(self, kind: Kind) -> Rhythm:
        """The rhythm of one kind."""
        return self.receipts if kind == "receipts" else self.consignments

    @property
    def at_once(self) -> tuple[Kind, ...]:
        """What is settled as soon as we know of it."""
        return tuple(kind for kind in KINDS if self.of(kind) == "at_once")

    def due(self, through: date) -> tuple[Kind, ...]:
        """What is settled when a week or a month has ended on ``through``; also what could not be settled at once."""
        ended = ("at_once", "weekly", "month_end") if is_month_end(through) else ("at_once", "weekly")
        return tuple(kind for kind in KINDS if self.of(kind) in ended)


class Run(Struct, frozen=True):
    """A settlement to come: for everything until ``through``, on ``due_on``."""

    through: date
    due_on: date


def next_run(rules: SettlementRules, today: date, country: str) -> Run:
    """The next settlement of an entity that may concern anything of it."""
    weekly = "weekly" in (rules.receipts, rules.consignments)
    through = min(_week_end(today), month_end(today)) if weekly else month_end(today)
    due_on = through + _DAY
    while not is_business_day(country, due_on):
        due_on += _DAY
    return Run(through, due_on)


def ended(through: date, today: date) -> date:
    """Until when a run settles that comes today: where it comes late, until the end of the last month that is over."""
    return max(through, today.replace(day=1) - _DAY)


def books_are_open(day: date, today: date, close_window_days: int) -> bool:
    """Whether something may still be booked on ``day``: its month is not over, or is the last one and being closed."""
    ended = month_end(day)
    return today <= ended or (today <= month_end(ended + _DAY) and today.day <= close_window_days)


def month_end(day: date) -> date:
    """The last day of the month of a day."""
    return (day.replace(day=28) + timedelta(days=4)).replace(day=1) - _DAY


def is_month_end(day: date) -> bool:
    """Whether a day is the last of its month."""
    return day == month_end(day)


def _week_end(day: date) -> date:
    return day + timedelta(days=_SUNDAY - day.weekday())
