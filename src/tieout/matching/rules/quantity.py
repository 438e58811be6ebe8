"""Quantities: everything billed so far and now, against everything ordered, received and accepted.

Two-, three- and four-way matching as Oracle's Payables help defines them: billed is no more than ordered; where a
receipt is required, than received; where an inspection is, than accepted. Cumulative quantities make the order in
which invoices and receipts come irrelevant: one received unit never justifies two billed units.
"""

from collections.abc import Iterator
from decimal import Decimal

from tieout.kernel.problem import Code, Problem
from tieout.matching.claims import Claim
from tieout.matching.limits import ONE, WIDE, ZERO, Bound, compared
from tieout.matching.orders import ReceiptPosition
from tieout.matching.plan import Plan
from tieout.model.verdict import Check


def quantity_within_ordered(claim: Claim, plan: Plan) -> Iterator[Check]:
    """Everything billed so far and now may exceed what was ordered by the agreed limit."""
    return _within(claim, plan.of("quantity_ordered"), claim.position.ordered)


def quantity_within_received(claim: Claim, plan: Plan) -> Iterator[Check | Problem]:
    """Everything billed so far and now may exceed what was received by the agreed limit: in all, or of the receipt."""
    if not claim.position.receipt_required:
        return iter(())
    if claim.parts:
        return _within_receipts(claim, plan.of("quantity_received"))
    return _within(claim, plan.of("quantity_received"), claim.position.received)


def quantity_within_accepted(claim: Claim, plan: Plan) -> Iterator[Check]:
    """Everything billed so far and now may exceed what passed inspection by the agreed limit."""
    bounds = plan.of("quantity_accepted") if claim.position.acceptance_required else ()
    return _within(claim, bounds, claim.position.accepted)


def _within(claim: Claim, bounds: tuple[Bound, ...], expected: Decimal) -> Iterator[Check]:
    if not bounds or claim.scaled <= ZERO:
        return
    position, scale, after = claim.position, claim.scale, claim.after
    if scale is not ONE:
        expected = WIDE.multiply(expected, scale)
    for bound in bounds:
        base = _base(claim, bound)
        yield compared(bound, claim.where, claim.about, position.unit, expected, after, scale, base)


def _base(claim: Claim, bound: Bound) -> Decimal | None:
    """What a percentage is of where the limit says so: the quantity ordered, or the quantity received."""
    if bound.base is None or bound.base == "invoice":
        return None
    value = claim.position.ordered if bound.base == "order" else claim.position.received
    return WIDE.multiply(value, claim.scale)


def _within_receipts(claim: Claim, bounds: tuple[Bound, ...]) -> Iterator[Check | Problem]:
    """Receipt by receipt: what is billed of it may exceed what came with it by the agreed limit. Where not everything
    billed or sent back could be told by receipt, also all of them together."""
    if claim.scaled <= ZERO:
        return
    for part in claim.parts:
        receipt = claim.position.receipts.get(part.receipt_id)
        if receipt is None:
            named = part.receipt_id or "none"
            passes = "the receipt is recorded"
            ours = f"a receipt of {claim.about}"
            yield Problem(Code.UNKNOWN_RECEIPT, claim.where, ours, named, passes=passes)
            continue
        about = f"{claim.about} receipt {part.receipt_id}"
        expected, after = _billed_of(receipt, part.scaled, claim.scale)
        for bound in bounds:
            base = _base(claim, bound)
            yield compared(bound, claim.where, about, claim.position.unit, expected, after, claim.scale, base)
    rooms = (WIDE.subtract(one.received, max(one.billed, ZERO)) for one in claim.position.receipts.values())
    if sum(room for room in rooms if room > ZERO) > WIDE.subtract(claim.position.received, claim.before):
        yield from _within(claim, bounds, claim.position.received)


def _billed_of(receipt: ReceiptPosition, scaled: Decimal, scale: Decimal) -> tuple[Decimal, Decimal]:
    """What came with a receipt, and all that is billed of it, in ``scale`` parts of the unit."""
    before = WIDE.multiply(max(receipt.billed, receipt.credited.copy_negate()), scale)
    return WIDE.multiply(receipt.received, scale), WIDE.add(before, scaled)


def quantity_value_within_limit(claim: Claim, plan: Plan) -> Iterator[Check]:
    """The excess quantity at the order's price: cheap goods may differ by many pieces, dear ones by few.

    With goods expected and none received yet, all that is billed is excess (SAP Help, Set Tolerance Limits, keys DQ
    and DW)."""
    position = claim.position
    if claim.scaled <= ZERO:
        return
    nothing_came = position.receipt_required and position.received <= ZERO
    bounds = plan.of("quantity_unreceived" if nothing_came else "quantity_value")
    if not bounds:
        return
    price, scale = position.unit_price, WIDE.multiply(claim.scale, position.price_per)
    came = position.received if position.receipt_required else position.ordered
    room = ZERO if nothing_came else max(WIDE.subtract(came, claim.before), ZERO)
    billed = claim.after if nothing_came else claim.scaled
    expected = WIDE.multiply(WIDE.multiply(room, claim.scale), price)
    actual = WIDE.multiply(billed, price)
    for bound in bounds:
        yield compared(bound, claim.where, claim.about, claim.invoice.currency, expected, actual, scale)


def credit_within_billed(claim: Claim, plan: Plan) -> Iterator[Problem]:
    """A credit note cannot give back more than was billed, in all or of the receipt it names."""
    if claim.scaled >= ZERO:
        return
    unit, asked = claim.position.unit, -claim.quantity
    if claim.after < ZERO:
        yield _over_billed(claim, claim.before, asked, unit, claim.about)
        return
    for part in claim.parts:
        receipt = claim.position.receipts.get(part.receipt_id)
        billed = max(receipt.billed, ZERO) if receipt else ZERO
        if WIDE.add(WIDE.multiply(billed, claim.scale), part.scaled) < ZERO:
            about = f"{claim.about} receipt {part.receipt_id or 'none'}"
            yield _over_billed(claim, billed, WIDE.minus(part.scaled) if claim.scale is ONE else asked, unit, about)


def _over_billed(claim: Claim, most: Decimal, asked: Decimal, unit: str, about: str) -> Problem:
    return Problem(
        Code.CREDIT_OVER_BILLED,
        claim.where,
        f"at most {most:f} {unit}",
        f"{asked:f} {unit}",
        detail=about,
        passes=f"{most:f} {unit} or less",
    )
