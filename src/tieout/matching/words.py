"""A failed check as a problem: what was expected and seen, the limit, and what would make it pass, in words."""

from decimal import ROUND_DOWN, Decimal

from tieout.kernel.money import Money, minor_digits
from tieout.kernel.problem import Problem
from tieout.matching.claims import Claim
from tieout.matching.limits import ROUNDING, WIDE
from tieout.matching.plan import CODES
from tieout.model.verdict import Check

#: Checks whose unit is a unit of measure; KGM is written like a currency.
_COUNTED = frozenset({"quantity_ordered", "quantity_received", "quantity_accepted"})
#: What is counted as received when it is not a delivery to us.
_RECEIVED_BY = {"drop_shipment": "proof of delivery", "consignment": "withdrawals"}
_PLACES = Decimal("1e-6")


def problem(check: Check, claim: Claim | None = None) -> Problem:
    """The problem that a failed check is. ``claim`` says what was billed before."""
    detail = check.about
    if claim and check.rule in _COUNTED:
        if claim.before:
            detail += f", {claim.before:f} {claim.position.unit} billed before"
        if check.rule == "quantity_received" and claim.position.kind in _RECEIVED_BY:
            detail += f", received by {_RECEIVED_BY[claim.position.kind]}"
    expected, actual = told(check, check.expected), told(check, check.actual)
    return Problem(CODES[check.rule], check.where, expected, actual, check.allowed, detail, passes(check))


def passes(check: Check) -> str:
    """What would make the check pass; nothing when everything does."""
    if check.limit is None:
        return ""
    return f"{told(check, check.limit)} or {'more' if check.rule.endswith('_under') else 'less'}"


def told(check: Check, value: Decimal) -> str:
    """A value of a check as people write it: amounts with the decimals of their currency, where they have no more. What
    is no decimal, such as a third, is cut after six places and says so."""
    if check.rule not in _COUNTED and len(check.unit) == 3:
        scaled = value.scaleb(minor_digits(check.unit), WIDE)
        if scaled == scaled.to_integral_value():
            return str(Money(int(scaled), check.unit))
        value = value.normalize(WIDE)
    digits = value.as_tuple()
    if isinstance(digits.exponent, int) and digits.exponent < -12:
        return f"about {value.quantize(_PLACES, ROUND_DOWN, ROUNDING).normalize(WIDE):f} {check.unit}"
    return f"{value:f} {check.unit}"
