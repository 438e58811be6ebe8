"""Tolerances and their dialect, made ready once: which limits are compared, by the name of the check."""

from functools import lru_cache

from msgspec import Struct
from msgspec.structs import replace

from tieout.kernel.problem import Code
from tieout.matching.limits import HUNDREDTH, ZERO, Bound
from tieout.policy.dialect import DIALECTS, Dialect, DialectCheck
from tieout.policy.tolerances import CHECKS, Charges, Limit, Tolerances

Bounds = dict[str, tuple[Bound, ...]]

CODES = {
    "price": Code.PRICE_OVER_LIMIT,
    "price_under": Code.PRICE_UNDER_LIMIT,
    "price_estimated": Code.PRICE_OVER_LIMIT,
    "quantity_ordered": Code.QUANTITY_OVER_ORDERED,
    "quantity_received": Code.QUANTITY_OVER_RECEIVED,
    "quantity_accepted": Code.QUANTITY_OVER_ACCEPTED,
    "quantity_value": Code.QUANTITY_OVER_RECEIVED,
    "quantity_unreceived": Code.QUANTITY_OVER_RECEIVED,
    "amount": Code.AMOUNT_OVER_LIMIT,
    "amount_under": Code.AMOUNT_UNDER_LIMIT,
    "item_amount": Code.AMOUNT_OVER_LIMIT,
    "amount_ordered": Code.AMOUNT_OVER_ORDERED,
    "amount_received": Code.AMOUNT_OVER_RECEIVED,
    "schedule_amount": Code.AMOUNT_OVER_ORDERED,
    "schedule_total": Code.TOTAL_OVER_LIMIT,
    "total": Code.TOTAL_OVER_LIMIT,
    "total_under": Code.AMOUNT_UNDER_LIMIT,
    "blanket_value": Code.AMOUNT_OVER_ORDERED,
    "blanket_time": Code.OUTSIDE_VALIDITY,
    "date_value": Code.BILLED_EARLY,
    "freight": Code.CHARGE_OVER_AGREED,
    "unplanned": Code.CHARGE_NOT_AGREED,
    "tax": Code.TAX_DIFFERS,
    "tax_under": Code.TAX_DIFFERS,
    "conversion_rate": Code.RATE_OVER_LIMIT,
}
"""What a check finds when it fails."""


class Plan(Struct, frozen=True):
    """What is checked under one tolerance set. ``bounds`` has an entry for each check that is made."""

    dialect: Dialect
    bounds: Bounds
    unplanned_charges: Charges

    def of(self, name: str) -> tuple[Bound, ...]:
        """The limits of one check; none when it is not made."""
        return self.bounds.get(name, ())


@lru_cache(maxsize=256)
def plan_of(tolerances: Tolerances) -> Plan:
    """The plan of a tolerance set. Raises ``KeyError`` when there is no such dialect."""
    dialect = DIALECTS[tolerances.dialect]
    bounds = {name: tuple(_bounds(name, getattr(tolerances, name), dialect)) for name in CHECKS}
    kept = {name: found for name, found in bounds.items() if found}
    return Plan(dialect, kept, tolerances.unplanned_charges or dialect.unplanned_charges)


def _bounds(name: str, given: Limit | None, dialect: Dialect) -> list[Bound]:
    """What one limit of the policy comes to in the dialect: nothing when the check is not made."""
    check = dialect.checks.get(name) or DialectCheck()
    if given is None:
        omitted = dialect.omitted(name)
        return [] if omitted is None else _made(name, omitted, check, dialect)
    if dialect.zero == "never_held":
        given = _without_zeros(given)
    return _made(name, given, check, dialect)


def _without_zeros(limit: Limit) -> Limit:
    """In a dialect where a zero is no tolerance: a zero is never held."""
    percent, amount = limit.percent or None, limit.amount or None
    if limit.kind == "zero" or (limit.kind == "value" and percent is None and amount is None):
        return Limit(kind="off")
    return replace(limit, percent=percent, amount=amount)


def _made(name: str, limit: Limit, check: DialectCheck, dialect: Dialect) -> list[Bound]:
    if limit.kind == "off":
        return []
    percent, amount = limit.percent, limit.amount
    if limit.kind == "zero" or (limit.kind == "value" and percent is None and amount is None):
        percent = ZERO
    bound = Bound(
        rule=name,
        code=CODES[name],
        hold=check.hold,
        under=name.endswith("_under"),
        percent=None if percent is None else percent * HUNDREDTH,
        amount=amount,
        any=(limit.combine or check.combine or dialect.combine) == "any",
        base=limit.base or check.base,
        absolute=limit.absolute or check.absolute,
        rounding=check.rounding,
        rounding_mode=dialect.rounding_mode,
        limit=limit,
    )
    if (limit.combine or check.combine or dialect.combine) != "each" or amount is None:
        return [bound]
    return _apart(bound, check.hold_amount or check.hold)


def _apart(bound: Bound, hold_amount: str) -> list[Bound]:
    """The percentage and the amount as a check each, with a hold each."""
    shared = {field: getattr(bound, field) for field in bound.__struct_fields__}
    only_amount = Limit(kind="value", amount=bound.amount)
    alone = Bound(**shared | {"hold": hold_amount, "percent": None, "limit": only_amount})
    if bound.percent is None:
        return [alone]
    only_percent = Limit(kind="value", percent=bound.limit.percent)
    return [Bound(**shared | {"amount": None, "limit": only_percent}), alone]
