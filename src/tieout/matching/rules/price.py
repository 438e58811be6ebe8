"""Prices: what one unit costs, in the order's own price unit. Compared by cross-multiplication, so nothing is rounded.

Tax, freight and allowances are no part of a price. What is given back has a rule of its own: a price that is too low
would let the same goods be billed again for more.
"""

from collections.abc import Iterator
from decimal import Decimal

from tieout.kernel.money import Money
from tieout.kernel.problem import Code, Problem
from tieout.matching.claims import Claim
from tieout.matching.limits import ONE, WIDE, ZERO, Bound, compared, quotient
from tieout.matching.plan import Plan
from tieout.matching.units import SAME, Ratio
from tieout.model.documents import InvoiceKind, InvoiceLine
from tieout.model.verdict import Check


def price_within_limit(claim: Claim, plan: Plan) -> Iterator[Check]:
    """The invoice's unit price may exceed the order's by the agreed limit; an estimated one has its own."""
    return _prices(claim, _bounds(claim, plan))


def price_not_below_limit(claim: Claim, plan: Plan) -> Iterator[Check]:
    """The invoice's unit price may be below the order's by the agreed limit."""
    return _prices(claim, plan.of("price_under"))


def _bounds(claim: Claim, plan: Plan) -> tuple[Bound, ...]:
    estimated = claim.position.estimated and "price_estimated" in plan.bounds
    return plan.of("price_estimated" if estimated else "price")


def _prices(claim: Claim, bounds: tuple[Bound, ...]) -> Iterator[Check]:
    if not bounds:
        return
    position, unit = claim.position, price_unit(claim)
    bills = claim.invoice.kind is not InvoiceKind.CREDIT_NOTE
    for line, factor in zip(claim.lines, claim.ratios, strict=True):
        if (line.quantity >= ZERO) is not bills:
            continue  # it gives back
        expected, actual, scale = position.unit_price, line.unit_price, ONE
        if factor is not SAME or line.price_per != position.price_per:
            scale = WIDE.multiply(line.price_per, factor[0])
            expected = WIDE.multiply(expected, scale)
            actual = WIDE.multiply(WIDE.multiply(actual, factor[1]), position.price_per)
        for bound in bounds:
            yield compared(bound, line.line_id, claim.about, unit, expected, actual, scale)


def given_back_at_price(claim: Claim, plan: Plan) -> Iterator[Problem]:
    """What takes quantity back gives back its price in the order, or so much that all that stays billed is within the
    price limit. Each line may be rounded by one minor unit."""
    if len(claim.lines) == 1 and claim.scaled >= ZERO:
        return
    sign = claim.invoice.sign
    back = [
        (line, factor)
        for line, factor in zip(claim.lines, claim.ratios, strict=True)
        if (line.quantity < ZERO if sign > 0 else line.quantity > ZERO)
    ]
    if not back:
        return
    needed = _worth(claim, back)
    given = Money(-sign * sum(line.net.minor for line, _ in back), claim.invoice.currency)
    if given.minor + len(back) >= needed.minor or _stays_within(claim, _bounds(claim, plan), len(back)):
        return
    yield Problem(
        Code.CREDIT_UNDER_PRICE,
        claim.where,
        f"at least {needed}",
        str(given),
        detail=f"{claim.about}, what the quantity given back costs in the order",
        passes=f"{needed} or more, or without a quantity where only the price changes",
    )


def _worth(claim: Claim, back: list[tuple[InvoiceLine, Ratio]]) -> Money:
    """What the quantity of these lines costs at the order's price, to the minor unit."""
    position, worth = claim.position, ZERO
    for line, (numerator, denominator) in back:
        value = WIDE.multiply(WIDE.multiply(WIDE.abs(line.quantity), numerator), position.unit_price)
        worth = WIDE.add(worth, quotient(value, WIDE.multiply(denominator, position.price_per)))
    return Money.rounded(worth, claim.invoice.currency)


def _stays_within(claim: Claim, bounds: tuple[Bound, ...], rounded: int) -> bool:
    """Whether all that stays billed is within the price limit, on average; so many lines may be rounded."""
    expected = WIDE.multiply(claim.position.unit_price, claim.after)
    minor = claim.minor_before + claim.minor - rounded
    actual = WIDE.multiply(WIDE.multiply(claim.major(minor), claim.position.price_per), claim.scale)
    ends = (bound.last(expected, expected, claim.after) for bound in bounds)
    return all(last is None or actual <= last for last in ends)


def value_within_price(claim: Claim, plan: Plan) -> Iterator[Check | Problem]:
    """A later debit or credit of the value only: the average price of what was billed stays within the price limit,
    and no more is given back than was billed (SAP Help, tolerance key PP: subsequent debits and credits)."""
    position, billed = claim.position, claim.position.billed
    if billed <= 0:
        yield Problem(Code.NOTHING_BILLED, claim.where, "an invoice before it", "none", detail=claim.about)
        return
    after = position.billed_minor + claim.minor
    if after < 0:
        most, asked = claim.major(position.billed_minor), claim.major(-claim.minor)
        currency = claim.invoice.currency
        yield Problem(
            Code.CREDIT_OVER_BILLED,
            claim.where,
            f"at most {most} {currency}",
            f"{asked} {currency}",
            detail=claim.about,
        )
    if claim.minor > 0:
        expected = WIDE.multiply(position.unit_price, billed)
        actual = WIDE.multiply(claim.major(after), position.price_per)
        for bound in plan.of("price"):
            yield compared(bound, claim.where, claim.about, price_unit(claim), expected, actual, billed)


def price_unit(claim: Claim) -> str:
    """What a price is in: ``EUR/EA``, or ``EUR/100 EA``."""
    position = claim.position
    per: Decimal = position.price_per
    unit = position.unit if per == ONE else f"{per:f} {position.unit}"
    return f"{claim.invoice.currency}/{unit}"
