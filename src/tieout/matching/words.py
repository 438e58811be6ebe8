"""A failed check as a problem: what was expected and seen, the limit, and what would make it pass, in words."""

from decimal import Decimal

from tieout.kernel.money import Money, minor_digits
from tieout.kernel.problem import Problem
from tieout.matching.claims import Claim
from tieout.matching.limits import WIDE
from tieout.matching.plan import CODES
from tieout.model.verdict import Check


def problem(check: Check, claim: Claim | None = None) -> Problem:
    """The problem that a failed check is. ``claim`` says what was billed before."""
    detail = check.about
    if claim and claim.before and check.unit == claim.position.unit:
        detail += f", {claim.before:f} {claim.position.unit} billed before"
    return Problem(
        CODES[check.rule],
        check.where,
        with_unit(check.expected, check.unit),
        with_unit(check.actual, check.unit),
        check.allowed,
        detail,
        passes(check),
    )


def passes(check: Check) -> str:
    """What would make the check pass."""
    if check.limit is None:
        return ""
    direction = "or more" if check.rule.endswith("_under") else "or less"
    return f"{with_unit(check.limit, check.unit)} {direction}"


def with_unit(value: Decimal, unit: str) -> str:
    """A value as people write it: amounts with the decimals of their currency, where they have no more than those."""
    if is_currency(unit):
        scaled = value.scaleb(minor_digits(unit), WIDE)
        if scaled == scaled.to_integral_value():
            return str(Money(int(scaled), unit))
        value = value.normalize(WIDE)
    return f"{value:f} {unit}"


def is_currency(unit: str) -> bool:
    """Whether it is written like a currency. Units of measure of three letters are told apart by their use."""
    return len(unit) == 3 and unit.isalpha() and unit.isupper()
