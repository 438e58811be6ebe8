"""What orders, their changes, deliveries and matched invoices do to the quantities of an order."""

from datetime import date

from msgspec.structs import replace

from tieout.kernel.clock import period_of
from tieout.kernel.money import EXACT
from tieout.matching.orders import LinePosition, OrderPosition
from tieout.model.documents import (
    GoodsReceipt,
    OrderChange,
    OrderLine,
    PurchaseOrder,
)
from tieout.model.verdict import Allocation
from tieout.processes.order.state import ZERO, Quantities, State, added, as_of


def placed(state: State, order: PurchaseOrder) -> State:
    received, billed = as_of(state.received), as_of(state.billed)
    lines = {line.line_id: _line(line, received, billed) for line in order.lines}
    placed = OrderPosition(order.order_id, order.supplier_id, order.currency, lines)
    if placed == state.position:
        return replace(state, repeated=True)
    return replace(
        state,
        position=placed,
        entity=order.entity,
        ordered_on=order.ordered_on,
        version=state.version + 1,
        repeated=False,
    )


def changed(state: State, before: OrderPosition, change: OrderChange) -> State:
    """Lines as they stand from now on. What was received and billed stays; a line that falls away orders nothing more
    than was received of it."""
    if change.change_id in state.changes:
        return replace(state, repeated=True)
    received, billed = as_of(state.received), as_of(state.billed)
    lines = dict(before.lines) | {line.line_id: _line(line, received, billed) for line in change.lines}
    for line_id in lines if change.cancelled else change.deleted:
        if line := lines.get(line_id):
            lines[line_id] = replace(line, ordered=line.received)
    return replace(
        state,
        position=replace(before, lines=lines),
        changes=(*state.changes, change.change_id),
        repeated=False,
    )


def _line(line: OrderLine, received: Quantities, billed: Quantities) -> LinePosition:
    return LinePosition(
        line.quantity,
        line.unit,
        line.unit_price,
        line.receipt_required,
        received.get(line.line_id, ZERO),
        billed.get(line.line_id, ZERO),
    )


def received(state: State, receipt: GoodsReceipt) -> State:
    """Count a delivery once, however many systems tell of it."""
    if receipt.receipt_id in state.receipts:
        return replace(state, repeated=True)
    came: Quantities = {}
    for line in receipt.lines:
        came[line.order_line_id] = EXACT.add(came.get(line.order_line_id, ZERO), line.quantity)
    return replace(
        state,
        entity=receipt.entity,
        position=_moved(state.position, came, received=True),
        received=added(state.received, period_of(receipt.received_on), came),
        receipts=(*state.receipts, receipt.receipt_id),
        repeated=False,
    )


def billed(state: State, allocations: tuple[Allocation, ...], post_on: date, sign: int) -> State:
    if state.position is None:
        return state
    came: Quantities = {}
    for allocation in allocations:
        if allocation.order_id == state.position.order_id:
            line = allocation.order_line_id
            quantity = allocation.quantity if sign > 0 else -allocation.quantity
            came[line] = EXACT.add(came.get(line, ZERO), quantity)
    return replace(
        state,
        position=_moved(state.position, came, received=False),
        billed=added(state.billed, period_of(post_on), came),
    )


def _moved(before: OrderPosition | None, came: Quantities, *, received: bool) -> OrderPosition | None:
    if before is None:
        return None
    lines = dict(before.lines)
    for line_id, quantity in came.items():
        if line := lines.get(line_id):
            lines[line_id] = (
                replace(line, received=EXACT.add(line.received, quantity))
                if received
                else replace(line, billed=EXACT.add(line.billed, quantity))
            )
    return replace(before, lines=lines)
