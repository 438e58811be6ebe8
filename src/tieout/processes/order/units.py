"""A line is counted in the unit that it was first ordered in, whatever unit a later version of the order names.

So what was received, billed, accrued and put on hold by then stays right, and a receipt means the same whether it is
told before the change or after it. Ordered 10 EA, changed to 5 BX of 12 at 120.00: 60 EA at 120.00 per 12.
"""

from collections.abc import Iterator

from msgspec.structs import replace

from tieout.kernel.money import EXACT
from tieout.kernel.problem import Code, Problem
from tieout.matching.orders import LinePosition, OrderPosition
from tieout.matching.units import Ratio, converted, ratio
from tieout.model.documents import OrderLine, PurchaseOrder, UnitFactor
from tieout.processes.order.state import State


def as_counted(order: PurchaseOrder, known: OrderPosition) -> PurchaseOrder:
    """The order with its lines in the units that they are counted in, as the ERP knows them."""
    return replace(order, lines=tuple(restated(line, known.lines[line.line_id]) or line for line in order.lines))


def restated(line: OrderLine, before: LinePosition) -> OrderLine | None:
    """The line in the unit it is counted in; nothing when nobody says how many of them one of the new unit is, or when
    that is no decimal (31 pieces of a dozen). What is ordered by its amount is not counted."""
    if line.unit == before.unit or before.by_amount or line.kind in ("service", "blanket"):
        return line
    factor = _factor(line, before)
    quantity = converted(line.quantity, factor) if factor else None
    if factor is None or quantity is None:
        return None
    try:
        return replace(
            line,
            quantity=quantity,
            unit=before.unit,
            unit_price=EXACT.multiply(line.unit_price, factor[1]),
            price_per=EXACT.multiply(line.price_per, factor[0]),
            units=tuple(_units(line, before.unit, factor)),
        )
    except (ValueError, ArithmeticError):  # more digits than a document may have
        return None


def refusals(state: State) -> Iterator[Problem]:
    """The changes of a unit that were not taken."""
    known = state.position
    for line_id, unit in state.refused.items() if known else ():
        assert known is not None
        where, detail = f"order {known.order_id} line {line_id}", "goods were counted in the unit before"
        yield Problem(Code.UNIT_MISMATCH, where, known.lines[line_id].unit, unit, detail=detail)


def _factor(line: OrderLine, before: LinePosition) -> Ratio | None:
    """How many of the unit that is counted one of the new unit is: as the order says now, as it said before, or as the
    standard does."""
    for own in line.units:
        if own.unit == before.unit and own.factor > 0 and own.per > 0:
            return own.per, own.factor
    if known := ratio(line.unit, before.unit, before.units):
        return known
    back = ratio(before.unit, line.unit, line.units)
    return (back[1], back[0]) if back else None


def _units(line: OrderLine, counted_in: str, factor: Ratio) -> Iterator[UnitFactor]:
    yield UnitFactor(unit=line.unit, factor=factor[0], per=factor[1])
    for own in line.units:
        if own.unit not in (counted_in, line.unit):
            much, per = EXACT.multiply(own.factor, factor[0]), EXACT.multiply(own.per, factor[1])
            yield UnitFactor(unit=own.unit, factor=much, per=per)
