"""Amounts: lines in money. Services and blanket orders are matched by amount only; goods also by amount where asked."""

from collections.abc import Iterator
from decimal import ROUND_DOWN, ROUND_HALF_EVEN, ROUND_HALF_UP, ROUND_UP, Decimal

from tieout.kernel.money import Money, minor_digits
from tieout.kernel.problem import Code, Problem
from tieout.matching.claims import Claim
from tieout.matching.limits import HUNDREDTH, ONE, ROUNDING, WIDE, ZERO, Bound, compared, quotient
from tieout.matching.plan import Plan
from tieout.model.verdict import Check

_MODES = {"half_up": ROUND_HALF_UP, "half_even": ROUND_HALF_EVEN, "up": ROUND_UP, "down": ROUND_DOWN}
_CENT = {digits: ONE.scaleb(-digits) for digits in range(5)}


def to_minor_unit(amount: Decimal, currency: str, mode: str) -> Decimal:
    """An amount rounded to the minor unit of its currency."""
    return amount.quantize(_CENT[minor_digits(currency)], _MODES[mode], ROUNDING)


def order_value(claim: Claim, quantity: Decimal, scale: Decimal, bound: Bound) -> tuple[Decimal, Decimal]:
    """What a quantity costs at the order's price, with the scale it is exact in; rounded where the dialect rounds."""
    value = WIDE.multiply(claim.position.unit_price, quantity)
    scale = WIDE.multiply(scale, claim.position.price_per)
    if bound.rounding == "none":
        return value, scale
    return to_minor_unit(ROUNDING.divide(value, scale), claim.invoice.currency, bound.rounding_mode), ONE


def amount_within_limit(claim: Claim, plan: Plan) -> Iterator[Check]:
    """The net amount may differ from the order value of the billed quantity by the agreed limits, over and under."""
    for bound in plan.of("amount") + plan.of("amount_under"):
        if claim.scaled > ZERO:
            expected, scale = order_value(claim, claim.scaled, claim.scale, bound)
            yield _money(claim, bound, expected, claim.major(claim.minor), scale)


def schedule_within_limit(claim: Claim, plan: Plan) -> Iterator[Check]:
    """All amounts billed on an order line together may exceed what the line was ordered for by the agreed limit."""
    for bound in plan.of("schedule_amount"):
        if claim.scaled > ZERO:
            expected, scale = order_value(claim, claim.position.ordered, ONE, bound)
            yield _money(claim, bound, expected, claim.major(claim.minor_before + claim.minor), scale)


def item_amount_within_ceiling(claim: Claim, plan: Plan) -> Iterator[Check]:
    """A single line may not be dearer than the ceiling, however well it matches (SAP Help, tolerance key AP)."""
    for bound in plan.of("item_amount"):
        if claim.minor > 0:
            yield _money(claim, bound, ZERO, claim.major(claim.minor), ONE)


def service_within_ordered(claim: Claim, plan: Plan) -> Iterator[Check]:
    """Everything billed of a service may exceed the amount it was ordered for by the agreed limit."""
    position = claim.position
    if claim.minor <= 0 or position.kind != "service":
        return
    for bound in plan.of("amount_ordered"):
        if position.limit_minor is None:
            expected, scale = order_value(claim, position.ordered, ONE, bound)
        else:
            expected, scale = claim.major(position.limit_minor), ONE
        yield _money(claim, bound, expected, claim.major(claim.minor_before + claim.minor), scale)


def service_within_accepted(claim: Claim, plan: Plan) -> Iterator[Check]:
    """Everything billed of a service may exceed the amount that was accepted by the agreed limit."""
    position = claim.position
    if claim.minor > 0 and position.kind == "service" and position.receipt_required:
        for bound in plan.of("amount_received"):
            billed = claim.major(claim.minor_before + claim.minor)
            yield _money(claim, bound, claim.major(position.received_minor), billed, ONE)


def blanket_within_value(claim: Claim, plan: Plan) -> Iterator[Check]:
    """Everything billed on a blanket line may exceed its limit by the agreed one (SAP Help, tolerance key LA)."""
    position = claim.position
    if claim.minor > 0 and position.kind == "blanket" and position.limit_minor is not None:
        for bound in plan.of("blanket_value"):
            billed = claim.major(claim.minor_before + claim.minor)
            yield _money(claim, bound, claim.major(position.limit_minor), billed, ONE)


def blanket_within_time(claim: Claim, plan: Plan) -> Iterator[Check]:
    """A blanket line may be billed from its first to its last day, and so many days outside (SAP Help, key LD)."""
    position, day = claim.position, claim.invoice.issued_on
    if claim.minor <= 0 or position.kind != "blanket":
        return
    early = (position.valid_from - day).days if position.valid_from else 0
    late = (day - position.valid_until).days if position.valid_until else 0
    for bound in plan.of("blanket_time"):
        outside = Decimal(max(early, late, 0))
        yield compared(bound, claim.where, claim.about, "days", ZERO, outside)


def value_of_early_days_within_limit(claim: Claim, plan: Plan) -> Iterator[Check]:
    """An invoice before the agreed delivery: its value times the days it is early (SAP Help, tolerance key ST)."""
    agreed, bounds = claim.position.deliver_on, plan.of("date_value")
    if agreed is None or claim.minor <= 0:
        return
    days = max((agreed - claim.invoice.issued_on).days, 0)
    for bound in bounds:
        value = WIDE.multiply(claim.major(claim.minor), Decimal(days))
        yield compared(bound, claim.where, claim.about, f"{claim.invoice.currency} × days", ZERO, value)


def credit_within_value(claim: Claim, plan: Plan) -> Iterator[Problem]:
    """A credit note cannot give back more money than was billed, except goods at their price in the order."""
    if claim.minor >= 0 or (claim.kind == "goods" and claim.scaled >= ZERO):
        return
    most = claim.minor_before
    if claim.kind == "goods":
        value = WIDE.multiply(claim.position.unit_price, WIDE.abs(claim.scaled))
        worth = quotient(value, WIDE.multiply(claim.scale, claim.position.price_per))
        most = max(most, Money.rounded(worth, claim.invoice.currency).minor + len(claim.lines))
    if -claim.minor > most:
        allowed, asked = Money(most, claim.invoice.currency), Money(-claim.minor, claim.invoice.currency)
        yield Problem(
            Code.CREDIT_OVER_BILLED,
            claim.where,
            f"at most {allowed}",
            str(asked),
            detail=claim.about,
            passes=f"{allowed} or less",
        )


def retainage_as_agreed(claim: Claim, plan: Plan) -> Iterator[Problem]:
    """What is withheld is the agreed share of the line, to the minor unit (half up)."""
    share = claim.position.retainage_percent
    if not share and not claim.retained:
        return
    currency = claim.invoice.currency
    agreed = Money.rounded(WIDE.multiply(WIDE.multiply(claim.major(claim.minor), share), HUNDREDTH), currency)
    if claim.retained != agreed.minor:
        actual = Money(claim.retained, currency)
        yield Problem(
            Code.RETAINAGE_DIFFERS,
            claim.where,
            f"{agreed} withheld",
            f"{actual} withheld",
            f"{share} %",
            claim.about,
            f"a retainage of exactly {agreed}",
        )


def release_within_retained(claim: Claim, plan: Plan) -> Iterator[Problem]:
    """No more is released than was withheld."""
    if claim.minor > claim.position.retained_minor:
        currency = claim.invoice.currency
        most = Money(claim.position.retained_minor, currency)
        yield Problem(
            Code.RETAINAGE_DIFFERS,
            claim.where,
            f"at most {most}",
            str(claim.net),
            detail=f"{claim.about}: withheld so far",
            passes=f"{most} or less",
        )


def _money(claim: Claim, bound: Bound, expected: Decimal, actual: Decimal, scale: Decimal) -> Check:
    if scale is not ONE:
        actual = WIDE.multiply(actual, scale)
    return compared(bound, claim.where, claim.about, claim.invoice.currency, expected, actual, scale)
