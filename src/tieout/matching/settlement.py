"""Evaluated receipt settlement: may we bill ourselves for what was received of an order line, and if not, why not?

Six conditions must hold (SAP Help, "Evaluated Receipt Settlement", transaction MRRL): the supplier and the order item
are flagged for it, the item is billed by receipt, it has a tax code, its price is agreed and not estimated, and there
are terms of payment. An invoice that the supplier sends for the item takes it out of settlement. Withdrawals from a
consignment are settled the same way, for a period; the item needs no flag there and is not billed by receipt.

Self-billing needs the supplier's prior agreement and the supplier's own consecutive numbers (Council Directive
2006/112/EC, articles 224 and 226; in France and Spain each supplier has its own series).
"""

from collections.abc import Iterator

from tieout.matching.orders import LinePosition


def settleable(
    line: LinePosition, *, supplier_agrees: bool, tax_code: str, terms_days: int | None, billed_by_hand: bool
) -> tuple[str, ...]:
    """Every reason why we may not bill ourselves for a line; none when we may."""
    reasons = _reasons(line, supplier_agrees, tax_code, terms_days, billed_by_hand=billed_by_hand)
    return tuple(reasons)


def _reasons(
    line: LinePosition, supplier_agrees: bool, tax_code: str, terms_days: int | None, *, billed_by_hand: bool
) -> Iterator[str]:
    consignment = line.kind == "consignment"
    if not supplier_agrees:
        yield "the supplier has not agreed to be settled on receipt"
    if billed_by_hand:
        yield "the supplier sent an invoice of its own for it"
    elif not line.settled_on_receipt and not consignment:
        yield "the order line is not flagged to be settled on receipt"
    if not line.matched_to_receipt and not consignment:
        yield "the order line is not billed by receipt"
    if not tax_code:
        yield "the order line has no tax code"
    if line.estimated:
        yield "the price is only estimated"
    if terms_days is None:
        yield "there are no terms of payment"
    if line.retainage_percent:
        yield "a part of it is retained, which the supplier's invoice has to show"
    if line.closed:
        yield "the order line is closed"
