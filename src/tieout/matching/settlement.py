"""Evaluated receipt settlement: which receipts do we bill ourselves for, and which not, and why?

The conditions are those of SAP's evaluated receipt settlement (SAP Help, Evaluated Receipt Settlement): the supplier
and the order line are marked for it, the line is matched to its receipts, it has a tax code and a firm price, and there
are payment terms. A supplier's invoice on the line takes it out of settlement.

Self-billing needs the supplier's prior agreement and consecutive numbers that identify each invoice (Council Directive
2006/112/EC, articles 224 and 226).
"""

from collections.abc import Iterator
from decimal import Decimal

from msgspec import Struct
from msgspec.structs import replace

from tieout.kernel.money import Money
from tieout.matching.limits import ROUNDING, WIDE, ZERO
from tieout.matching.orders import LinePosition, OrderPosition
from tieout.model.documents import OrderLine, PurchaseOrder, Supplier


class Settlement(Struct, frozen=True):
    """What is open of one receipt (of the whole line, where no receipts are kept), and why it is not settled, if so.
    ``quantity`` is in the order line's unit, ``net`` at the order's price, rounded half up."""

    order_id: str
    order_line_id: str
    receipt_id: str
    quantity: Decimal
    net: Money
    reasons: tuple[str, ...] = ()

    @property
    def settleable(self) -> bool:
        """Whether it can be settled."""
        return not self.reasons


def settleable(supplier: Supplier | None, order: PurchaseOrder, position: OrderPosition) -> tuple[Settlement, ...]:
    """Every receipt of the order that is open, settleable or not. ``position`` is where the order stands now."""
    found: list[Settlement] = []
    for line in order.lines:
        stands = position.lines.get(line.line_id)
        if stands is None:
            continue
        reasons = tuple(_reasons(supplier, order, line, stands))
        found += (_settlement(order, line, *one, reasons) for one in _open(stands))
    return tuple(found)


def _reasons(supplier: Supplier | None, order: PurchaseOrder, line: OrderLine, stands: LinePosition) -> Iterator[str]:
    flagged, terms_days = line.settled_on_receipt, order.payment_terms_days
    stands = replace(
        stands, matched_to_receipt=line.matched_to == "receipt", estimated=line.estimated or stands.estimated
    )
    return unmet(supplier, stands, flagged=flagged, tax_code=line.tax_code, terms_days=terms_days)


def unmet(
    supplier: Supplier | None, stands: LinePosition, *, flagged: bool, tax_code: str, terms_days: int | None
) -> Iterator[str]:
    """What stands in the way of billing ourselves for an order line, each in words. ``flagged``: the order marks the
    line for settlement. Withdrawals from a consignment need no mark and no receipt to be billed by."""
    consignment = stands.kind == "consignment"
    if supplier is None or not supplier.settled_on_receipt:
        yield "the supplier is not marked for settlement on receipt"
    if not flagged and not consignment:
        yield "the order line is not marked for settlement on receipt"
    elif flagged and not stands.settled_on_receipt:
        yield "a supplier's invoice was booked on the order line"
    if not stands.matched_to_receipt and not consignment:
        yield "the order line is not matched to its receipts"
    if not tax_code:
        yield "the order line has no tax code"
    if stands.estimated:
        yield "the price is only estimated"
    if terms_days is None and not (supplier and supplier.payment_terms_days > 0):
        yield "there are no payment terms"
    if stands.retainage_percent:
        yield "a part is retained, which only a supplier's invoice can show"
    if stands.closed:
        yield "the order line is closed"


def _open(stands: LinePosition) -> Iterator[tuple[str, Decimal]]:
    """What was received and not billed, receipt by receipt."""
    if not stands.receipts:
        yield from _if_any("", stands.received, stands.billed)
    for receipt_id, receipt in stands.receipts.items():
        yield from _if_any(receipt_id, receipt.received, receipt.billed)


def _if_any(receipt_id: str, received: Decimal, billed: Decimal) -> Iterator[tuple[str, Decimal]]:
    left = WIDE.subtract(received, max(billed, ZERO))
    if left > ZERO:
        yield receipt_id, left


def _settlement(
    order: PurchaseOrder, line: OrderLine, receipt_id: str, quantity: Decimal, reasons: tuple[str, ...]
) -> Settlement:
    value = ROUNDING.divide(WIDE.multiply(line.unit_price, quantity), line.price_per)
    return Settlement(order.order_id, line.line_id, receipt_id, quantity, Money.rounded(value, order.currency), reasons)
