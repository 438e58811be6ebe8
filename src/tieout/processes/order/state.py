"""Where an order stands: what matching sees of it, and the tables by period that it is made of."""

from datetime import date, timedelta
from decimal import Decimal

from msgspec import Struct

from tieout.kernel.clock import period_of
from tieout.kernel.money import EXACT, priced
from tieout.matching.orders import LinePosition, OrderPosition
from tieout.model.commodity import main_category
from tieout.model.documents import GoodsReceipt
from tieout.model.verdict import Allocation
from tieout.processes.address import order_subject

ZERO = Decimal(0)
WAITING_MAX = 500
#: So many despatch advices are remembered with an order.
ANNOUNCED_MAX = 50

Quantities = dict[str, Decimal]  # order line id → quantity in the unit of the order line
ByPeriod = dict[str, Quantities]
Amounts = dict[str, int]  # order line id → net amount in minor units of the order's currency
AmountsByPeriod = dict[str, Amounts]


class Accrual(Struct, frozen=True, omit_defaults=True):
    """An accrual on its way: its journal, its reversal, and which received quantities and amounts it covers."""

    journal_id: str
    reversal_id: str
    period: str
    covered: Quantities
    covered_minor: Amounts = {}


class GoodsReturn(Struct, frozen=True):
    """Goods that went back to the supplier, who owes a credit note for what was billed of them; or a receipt that was
    ``taken_back``: what it said had come had not."""

    receipt_id: str
    returned_on: date
    lines: Quantities
    taken_back: bool = False


class LineTax(Struct, frozen=True):
    """The tax that was agreed for an order line: a percentage and the buyer's code for it."""

    rate: Decimal
    code: str


class Held(Struct, frozen=True, omit_defaults=True, gc=False):
    """What an invoice on hold bills of the order, and the day it is posted on. ``credited`` is what credit notes gave
    back of it meanwhile: quantities by order line, and by line and receipt; amounts by order line."""

    allocations: tuple[Allocation, ...]
    post_on: date
    credited: Quantities = {}
    credited_minor: Amounts = {}


class State(Struct, frozen=True, omit_defaults=True, gc=False):
    """Where an order stands. ``position`` is what matching sees; the period tables are what it is made of.

    ``uncounted`` are receipts of lines or units that the order does not know (yet), as they came; ``counted`` those
    the last event counted, in the units of the order; ``misfit``: a case was ever opened about one. ``by_hand`` are
    lines for which the supplier sent an invoice of its own: we do not bill ourselves for them any more. ``settled`` is
    how much we billed ourselves for, by line and receipt. ``fallen`` are lines that fell away, with the day: what came
    until then is all that is ordered of them. ``held`` are the invoices that are billed on hold, the earliest first.
    ``run``: it was ever settled by the calendar. ``refused``: by line, the unit it was to be changed to and is not,
    since goods were counted and nobody says how the units convert.
    """

    position: OrderPosition | None = None
    entity: str = ""
    ordered_on: date | None = None
    version: int = 0
    received: ByPeriod = {}
    billed: ByPeriod = {}
    received_minor: AmountsByPeriod = {}
    billed_minor: AmountsByPeriod = {}
    receipts: tuple[str, ...] = ()
    uncounted: tuple[GoodsReceipt, ...] = ()
    counted: tuple[GoodsReceipt, ...] = ()
    misfit: bool = False
    returns: tuple[GoodsReturn, ...] = ()
    changes: tuple[str, ...] = ()
    announced: tuple[str, ...] = ()
    repeated: bool = False
    waiting: tuple[str, ...] = ()
    credits_waiting: tuple[str, ...] = ()
    accruals: int = 0
    accruing: Accrual | None = None
    accrued_through: str = ""
    covered: Quantities = {}
    covered_minor: Amounts = {}
    reversal_id: str = ""
    terms_days: int | None = None
    taxes: dict[str, LineTax] = {}
    by_hand: tuple[str, ...] = ()
    settled: Quantities = {}
    fallen: dict[str, date] = {}
    held: dict[str, Held] = {}
    run: bool = False
    refused: dict[str, str] = {}


def position(state: State | None) -> OrderPosition | None:
    """What matching may know of the order; nothing before it is placed."""
    return state.position if state else None


def spend_category(state: State) -> str:
    """What an order mostly buys, which is what a case about it is routed by: of its lines' categories the one with the
    largest value at the prices of the order, as for an invoice; a line with a limit is worth its limit."""
    known = state.position
    return (
        main_category((line.category, _worth(line, known.currency)) for line in known.lines.values()) if known else ""
    )


def _worth(line: LinePosition, currency: str) -> int:
    if line.limit_minor is not None:
        return line.limit_minor
    return priced(line.ordered, line.unit_price, line.price_per, currency).minor


def subject_of(state: State) -> str:
    """The subject of an order that is placed."""
    assert state.position is not None
    return order_subject(state.entity, state.position.order_id, state.position.supplier_id)


def posting_day(state: State | None, issued_on: date) -> date:
    """The day an invoice of this order is posted on: the day it was issued, unless the goods are accrued for that month
    already, or the accrual is on its way; then the day the accrual is reversed."""
    through = accrued_until(state) if state else ""
    return issued_on if period_of(issued_on) > through else first_day(next_period(through))


def accrued_until(state: State) -> str:
    """The last period that was accrued, or for which an accrual is on its way; empty before the first."""
    return max(state.accrued_through, state.accruing.period if state.accruing else "")


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
    """The table with quantities added in a period."""
    if not came:
        return table
    row = dict(table.get(period, {}))
    for line_id, quantity in came.items():
        row[line_id] = EXACT.add(row.get(line_id, ZERO), quantity)
    return {**table, period: row}


def added_minor(table: AmountsByPeriod, period: str, came: Amounts) -> AmountsByPeriod:
    """The table with amounts added in a period."""
    if not came:
        return table
    row = dict(table.get(period, {}))
    for line_id, minor in came.items():
        row[line_id] = row.get(line_id, 0) + minor
    return {**table, period: row}


def as_of(table: ByPeriod, period: str = "9999-12") -> Quantities:
    """The cumulative quantities at the end of a period."""
    found: Quantities = {}
    for name, row in table.items():
        if name <= period:
            for line_id, quantity in row.items():
                found[line_id] = EXACT.add(found.get(line_id, ZERO), quantity)
    return found


def minor_as_of(table: AmountsByPeriod, period: str = "9999-12") -> Amounts:
    """The cumulative amounts at the end of a period."""
    found: Amounts = {}
    for name, row in table.items():
        if name <= period:
            for line_id, minor in row.items():
                found[line_id] = found.get(line_id, 0) + minor
    return found
