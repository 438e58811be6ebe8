"""Where an order stands: what matching sees of it, and the tables by period that it is made of."""

from datetime import date, timedelta
from decimal import Decimal

from msgspec import Struct

from tieout.kernel.clock import period_of
from tieout.kernel.money import EXACT
from tieout.matching.orders import OrderPosition

ZERO = Decimal(0)
WAITING_MAX = 500
#: So many despatch advices are remembered with an order.
ANNOUNCED_MAX = 50

Quantities = dict[str, Decimal]  # order line id → quantity
ByPeriod = dict[str, Quantities]


class Accrual(Struct, frozen=True):
    """An accrual on its way: its journal, its reversal, and which received quantities it covers."""

    journal_id: str
    reversal_id: str
    period: str
    covered: Quantities


class State(Struct, frozen=True, omit_defaults=True):
    """Where an order stands. ``position`` is what matching sees; the period tables are what it is made of."""

    position: OrderPosition | None = None
    entity: str = ""
    ordered_on: date | None = None
    version: int = 0
    received: ByPeriod = {}
    billed: ByPeriod = {}
    receipts: tuple[str, ...] = ()
    changes: tuple[str, ...] = ()
    announced: tuple[str, ...] = ()
    repeated: bool = False
    waiting: tuple[str, ...] = ()
    credits_waiting: tuple[str, ...] = ()
    accruals: int = 0
    accruing: Accrual | None = None
    accrued_through: str = ""
    covered: Quantities = {}
    reversal_id: str = ""


def position(state: State | None) -> OrderPosition | None:
    """What matching may know of the order; nothing before it is placed."""
    return state.position if state else None


def posting_day(state: State | None, issued_on: date) -> date:
    """The day an invoice of this order is posted on: the day it was issued, unless the goods were accrued for that
    period already; then the day the accrual is reversed."""
    if state is None or not state.accrued_through or period_of(issued_on) > state.accrued_through:
        return issued_on
    return first_day(next_period(state.accrued_through))


def first_day(period: str) -> date:
    """The first day of a period."""
    return date(int(period[:4]), int(period[5:]), 1)


def last_day(period: str) -> date:
    """The last day of a period."""
    return first_day(next_period(period)) - timedelta(days=1)


def next_period(period: str) -> str:
    """The period after this one."""
    year, month = int(period[:4]), int(period[5:])
    return f"{year + month // 12:04d}-{month % 12 + 1:02d}"


def added(table: ByPeriod, period: str, came: Quantities) -> ByPeriod:
    row = dict(table.get(period, {}))
    for line_id, quantity in came.items():
        row[line_id] = EXACT.add(row.get(line_id, ZERO), quantity)
    return {**table, period: row}


def as_of(table: ByPeriod, period: str = "9999-12") -> Quantities:
    """The cumulative quantities at the end of a period."""
    found: Quantities = {}
    for name, row in table.items():
        if name <= period:
            for line_id, quantity in row.items():
                found[line_id] = EXACT.add(found.get(line_id, ZERO), quantity)
    return found
