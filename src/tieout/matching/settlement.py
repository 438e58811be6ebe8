"""Evaluated receipt settlement: may we bill ourselves for what was received of an order line, and if not, why not?

Six conditions must hold (SAP Help, "Evaluated Receipt Settlement", transaction MRRL): the supplier and the order line
are marked for it, the line is matched to its receipts, it has a tax code and a firm price, and there are payment terms.
A supplier's invoice on the line takes it out of settlement. Withdrawals from a consignment are settled the same way,
for a period; they need no mark on the line and are not billed by receipt.

Self-billing needs the supplier's prior agreement and consecutive numbers that identify each invoice (Council Directive
2006/112/EC, articles 224 and 226; in France and Spain each supplier has its own series).
"""

from collections.abc import Iterator

from tieout.matching.orders import LinePosition
from tieout.model.documents import Supplier


def unmet(
    supplier: Supplier | None, stands: LinePosition, *, flagged: bool, tax_code: str, terms_days: int | None
) -> Iterator[str]:
    """What stands in the way of billing ourselves for an order line, each in words; nothing when we may.

    ``flagged``: the order marks the line for settlement. ``terms_days`` are the order's; without them the supplier's
    count.
    """
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
