"""Prices: what one unit costs, in the order's own price unit. Compared by cross-multiplication, so nothing is rounded.

Credit notes give money back and are not compared. Tax, freight and allowances are no part of a price.
"""

from collections.abc import Iterator
from decimal import Decimal

from tieout.kernel.problem import Code, Problem
from tieout.matching.claims import Claim
from tieout.matching.limits import ONE, WIDE, ZERO, Bound, compared
from tieout.matching.plan import Plan
from tieout.matching.units import SAME
from tieout.model.verdict import Check


def price_within_limit(claim: Claim, plan: Plan) -> Iterator[Check]:
    """The invoice's unit price may exceed the order's by the agreed limit; an estimated one has its own."""
    bounds = plan.of("price")
    if claim.position.estimated and "price_estimated" in plan.bounds:
        bounds = plan.of("price_estimated")
    return _prices(claim, bounds)


def price_not_below_limit(claim: Claim, plan: Plan) -> Iterator[Check]:
    """The invoice's unit price may be below the order's by the agreed limit."""
    return _prices(claim, plan.of("price_under"))


def _prices(claim: Claim, bounds: tuple[Bound, ...]) -> Iterator[Check]:
    if not bounds or claim.scaled < ZERO:
        return
    position = claim.position
    unit = price_unit(claim)
    for line, factor in zip(claim.lines, claim.ratios, strict=True):
        expected, actual, scale = position.unit_price, line.unit_price, ONE
        if factor is not SAME or line.price_per != position.price_per:
            scale = WIDE.multiply(line.price_per, factor[0])
            expected = WIDE.multiply(expected, scale)
            actual = WIDE.multiply(WIDE.multiply(actual, factor[1]), position.price_per)
        for bound in bounds:
            yield compared(bound, line.line_id, claim.about, unit, expected, actual, scale)


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
