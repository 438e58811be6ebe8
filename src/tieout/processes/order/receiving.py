"""What deliveries do to an order. Which of them count as received depends on what was ordered:

==============  =======================================================
goods           what came, less what went back
consignment     what was withdrawn: before that it is the supplier's own
drop shipment   what was proved delivered to the customer
service         what was accepted, by its amount
blanket         the same
==============  =======================================================

An inspection says how much of it is accepted. A receipt counts as a whole, in the units of the order; one of a line or
a unit that the order does not know waits until the order says more.
"""

from collections.abc import Iterator
from decimal import Decimal

from msgspec.structs import replace

from tieout.kernel.clock import period_of
from tieout.kernel.money import EXACT, priced
from tieout.kernel.problem import Code, Problem
from tieout.matching.orders import LinePosition, OrderPosition, ReceiptPosition, oldest_first
from tieout.matching.units import converted, ratio
from tieout.model.documents import GoodsReceipt, ReceiptLine
from tieout.processes.order.state import ZERO, Amounts, GoodsReturn, Quantities, State, added, added_minor

RECEIVED_BY = {
    "goods": ("receipt", "return"),
    "service": ("receipt", "return"),
    "blanket": ("receipt", "return"),
    "consignment": ("withdrawal",),
    "drop_shipment": ("delivery", "return"),
}


def received(state: State, receipt: GoodsReceipt) -> State:
    """Count a delivery once, however many systems tell of it."""
    if receipt.receipt_id in state.receipts:
        return replace(state, repeated=True)
    known = replace(state, entity=receipt.entity, receipts=(*state.receipts, receipt.receipt_id))
    return _counted(known, receipt)


def count_waiting(state: State) -> State:
    """Count the receipts that waited, now that the order says more."""
    waiting = state.uncounted
    state = replace(state, uncounted=())
    for receipt in waiting:
        state = _counted(state, receipt)
    return state


def receipt_problems(known: OrderPosition | None, receipt: GoodsReceipt) -> Iterator[Problem]:
    """What keeps a receipt from being counted; nothing before the order is known."""
    for line in receipt.lines if known else ():
        assert known is not None
        where = f"receipt {receipt.receipt_id}"
        ordered = known.lines.get(line.order_line_id)
        if ordered is None:
            yield Problem(Code.UNKNOWN_ORDER_LINE, where, f"a line of order {known.order_id}", line.order_line_id)
        elif _in_unit_of(ordered, line) is None:
            units = ", ".join((ordered.unit, *(one.unit for one in ordered.units)))
            told = f"order {known.order_id} line {line.order_line_id}"
            yield Problem(Code.UNIT_MISMATCH, where, units, line.unit or "no unit", detail=told)
        elif line.amount and line.amount.currency != known.currency:
            yield Problem(Code.CURRENCY_MISMATCH, where, known.currency, line.amount.currency)


def _counted(state: State, receipt: GoodsReceipt) -> State:
    """The order with a receipt counted, or kept until it can be."""
    known = state.position
    if known is None or any(receipt_problems(known, receipt)):
        return replace(state, uncounted=(*state.uncounted, receipt), misfit=state.misfit or known is not None)
    receipt = replace(receipt, lines=tuple(_in_order_units(receipt, line, known) for line in receipt.lines))
    lines, came, worth = dict(known.lines), Quantities(), Amounts()
    for line in receipt.lines:
        line_id = line.order_line_id
        before = lines[line_id]
        lines[line_id] = _received(before, receipt, line)
        if (quantity := EXACT.subtract(lines[line_id].received, before.received)) != 0:
            came[line_id] = EXACT.add(came.get(line_id, ZERO), quantity)
        if minor := lines[line_id].received_minor - before.received_minor:
            worth[line_id] = worth.get(line_id, 0) + minor
    for line_id in {**came, **worth}:
        day = state.fallen.get(line_id)
        if day is not None and receipt.received_on <= day:
            ordered = EXACT.add(lines[line_id].ordered, came.get(line_id, ZERO))
            limit = lines[line_id].limit_minor
            limit = None if limit is None else limit + worth.get(line_id, 0)
            lines[line_id] = replace(lines[line_id], ordered=ordered, limit_minor=limit)
    period = period_of(receipt.received_on)
    return replace(
        state,
        position=replace(known, lines=lines),
        received=added(state.received, period, came),
        received_minor=added_minor(state.received_minor, period, worth),
        counted=(*state.counted, receipt),
        returns=_returns(state.returns, receipt, came),
    )


def _received(line: LinePosition, receipt: GoodsReceipt, told: ReceiptLine) -> LinePosition:
    if receipt.kind == "inspection":
        return replace(line, accepted=EXACT.add(line.accepted, told.quantity))
    if receipt.kind not in RECEIVED_BY[line.kind]:
        return line
    if told.amount is not None:
        return replace(line, received_minor=line.received_minor + told.amount.minor)
    return replace(line, received=EXACT.add(line.received, told.quantity), receipts=_by_receipt(line, receipt, told))


def _by_receipt(line: LinePosition, receipt: GoodsReceipt, told: ReceiptLine) -> dict[str, ReceiptPosition]:
    """What came with each receipt, of a line that is billed by receipt. Goods that go back lower the one they came
    with; where that is not said, or was less, others."""
    if not line.matched_to_receipt:
        return line.receipts
    receipts, receipt_id, quantity = dict(line.receipts), receipt.returns or receipt.receipt_id, told.quantity
    if quantity < 0 and (receipt_id in receipts or not receipt.returns):
        quantity = _taken_back(receipts, receipt_id, quantity)
    if quantity or receipt_id in receipts:
        before = receipts.get(receipt_id, ReceiptPosition(ZERO))
        receipts[receipt_id] = replace(before, received=EXACT.add(before.received, quantity))
    if receipt_id in receipts and receipt_id == receipt.receipt_id:
        receipts[receipt_id] = replace(receipts[receipt_id], received_on=receipt.received_on)
    return oldest_first(receipts)


def _taken_back(receipts: dict[str, ReceiptPosition], first: str, quantity: Decimal) -> Decimal:
    """Lower the receipt that is named, then what is not billed of the others, then the rest of them, oldest first; and
    say how much is left (below nothing) when nothing more can be lowered."""
    named, others = [one for one in receipts if one == first], [one for one in receipts if one != first]
    for only_unbilled, receipt_ids in ((False, named), (True, others), (False, others)):
        for receipt_id in receipt_ids:
            one = receipts[receipt_id]
            part = min(-quantity, EXACT.subtract(one.received, max(one.billed, ZERO) if only_unbilled else ZERO))
            if part > 0:
                receipts[receipt_id] = replace(one, received=EXACT.subtract(one.received, part))
                quantity = EXACT.add(quantity, part)
    return quantity


def _in_order_units(receipt: GoodsReceipt, line: ReceiptLine, known: OrderPosition) -> ReceiptLine:
    """The line in the unit of the order; goods that go back below nothing; what is ordered by its amount by that."""
    ordered = known.lines[line.order_line_id]
    unit, quantity, amount = line.unit, line.quantity, line.amount
    if unit not in ("", ordered.unit):
        unit, quantity = ordered.unit, _in_unit_of(ordered, line) or ZERO
    if ordered.by_amount and amount is None:
        amount = priced(quantity, ordered.unit_price, ordered.price_per, known.currency)
    if receipt.kind == "return":
        quantity = quantity.copy_abs().copy_negate()
        amount = -abs(amount) if amount else None
    return replace(line, quantity=quantity, unit=unit, amount=amount)


def _in_unit_of(ordered: LinePosition, line: ReceiptLine) -> Decimal | None:
    """The quantity in the unit of the order line; nothing when neither the order nor the standard converts it, when it
    is no decimal (five pieces of a dozen), or when it names none and the order's was changed: it may mean either. What
    is accepted by its amount is not counted."""
    if ordered.renamed_unit and not line.unit and not ordered.by_amount:
        return None
    if line.unit in ("", ordered.unit) or (line.amount is not None and ordered.by_amount):
        return line.quantity
    factor = ratio(line.unit, ordered.unit, ordered.units)
    return None if factor is None else converted(line.quantity, factor)


def _returns(before: tuple[GoodsReturn, ...], receipt: GoodsReceipt, came: Quantities) -> tuple[GoodsReturn, ...]:
    """Goods that go back to the supplier, and receipts that are taken back; what is not withdrawn after all is ours to
    credit."""
    sent = {line_id: quantity.copy_negate() for line_id, quantity in came.items() if quantity < 0}
    if not sent or receipt.kind == "withdrawal":
        return before
    taken_back = receipt.kind != "return"
    return (*before, GoodsReturn(receipt.receipt_id, receipt.received_on, sent, taken_back))
