"""What matched invoices do to an order: quantities, amounts, charges and what is retained, all of it cumulative."""

from datetime import date
from decimal import Decimal

from msgspec.structs import replace

from tieout.kernel.clock import period_of
from tieout.kernel.money import EXACT
from tieout.matching.claims import added_up
from tieout.matching.orders import LinePosition, OrderPosition, ReceiptPosition, oldest_first
from tieout.model.verdict import Allocation
from tieout.processes.order.accrual import uncovered
from tieout.processes.order.state import ZERO, Amounts, Quantities, State, added, added_minor


def billed(state: State, allocations: tuple[Allocation, ...], post_on: date, sign: int) -> State:
    """The order with what an invoice bills of it (``sign`` 1), or does not bill any more (-1)."""
    known = state.position
    if known is None:
        return state
    lines, charged, prepaid = dict(known.lines), dict(known.charged_minor), known.prepaid_minor
    came, worth = Quantities(), Amounts()
    for allocation in allocations:
        line_id, minor = allocation.order_line_id, sign * _minor(known, allocation)
        if allocation.order_id != known.order_id:
            continue
        if allocation.prepaid:
            prepaid += minor
        elif allocation.charge_id:
            charged[allocation.charge_id] = charged.get(allocation.charge_id, 0) + minor
        elif line := lines.get(line_id):
            quantity = allocation.quantity if sign > 0 else allocation.quantity.copy_negate()
            lines[line_id] = _billed(line, allocation, quantity, minor, sign)
            came[line_id] = added_up(EXACT.add(came.get(line_id, ZERO), quantity))
            if line.by_amount:
                worth[line_id] = worth.get(line_id, 0) + minor
    period = period_of(post_on)
    return replace(
        state if sign > 0 else uncovered(state, period, came, worth),
        position=replace(known, lines=lines, charged_minor=charged, prepaid_minor=prepaid),
        billed=added(state.billed, period, came),
        billed_minor=added_minor(state.billed_minor, period, worth),
    )


def billed_by_hand(state: State, allocations: tuple[Allocation, ...]) -> State:
    """The supplier billed these lines itself, so we do not bill ourselves for them any more."""
    known = state.position
    if known is None:
        return state
    found = {one.order_line_id for one in allocations if one.order_id == known.order_id}
    lines = [line_id for line_id in found if line_id in known.lines and known.lines[line_id].settled_on_receipt]
    if not lines:
        return state
    off = {line_id: replace(known.lines[line_id], settled_on_receipt=False) for line_id in lines}
    by_hand = tuple(sorted({*state.by_hand, *lines}))
    return replace(state, position=replace(known, lines=known.lines | off), by_hand=by_hand)


def _billed(line: LinePosition, allocation: Allocation, quantity: Decimal, minor: int, sign: int) -> LinePosition:
    retained = sign * allocation.retained.minor if allocation.retained else 0
    return replace(
        line,
        billed=added_up(EXACT.add(line.billed, quantity)),
        billed_minor=line.billed_minor + minor,
        retained_minor=line.retained_minor + retained,
        receipts=_by_receipt(line, allocation.receipt_id, quantity),
    )


def _by_receipt(line: LinePosition, receipt_id: str, quantity: Decimal) -> dict[str, ReceiptPosition]:
    """What is billed of each receipt; of one that has not come yet it is kept until it does."""
    before = line.receipts.get(receipt_id)
    if before is None and (not receipt_id or not line.matched_to_receipt):
        return line.receipts
    now = before or ReceiptPosition(ZERO)
    now = replace(now, billed=added_up(EXACT.add(now.billed, quantity)))
    receipts = line.receipts | {receipt_id: now}
    return receipts if before else oldest_first(receipts)


def _minor(known: OrderPosition, allocation: Allocation) -> int:
    """The net amount; an invoice in another currency that a person accepted bills nothing in the order's own."""
    return allocation.net.minor if allocation.net.currency == known.currency else 0
