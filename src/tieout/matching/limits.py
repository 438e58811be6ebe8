"""What a tolerance limit lets pass. Exact: 100.002 against 100 fails a limit of zero.

=========  ==================================================
off        the check is not made
zero       no variance at all
value      up to percent and amount, combined as the policy or the dialect says
unlimited  any variance passes
=========  ==================================================
"""

from decimal import ROUND_DOWN, Context, Decimal, DivisionByZero, Inexact, InvalidOperation, Overflow

from msgspec import Struct

from tieout.kernel.problem import Code
from tieout.model.verdict import Check
from tieout.policy.tolerances import Absolute, Base, Limit

ZERO = Decimal(0)
ONE = Decimal(1)
HUNDREDTH = Decimal("0.01")
#: A price times quantities, factors and percentages: exact, and wide enough for the product of all of them.
WIDE = Context(prec=600, traps=[Inexact, InvalidOperation, DivisionByZero, Overflow])
#: As wide, for the steps that round and say so.
ROUNDING = Context(prec=600, traps=[InvalidOperation, DivisionByZero, Overflow])
#: For what is shown and cannot be written as a decimal, such as a third.
_SHOWN = Context(prec=28, rounding=ROUND_DOWN, traps=[InvalidOperation, DivisionByZero, Overflow])
#: Where a quotient that is no decimal is rounded when it is added to others.
_PLACES = Decimal("1e-28")


class Bound(Struct, frozen=True, kw_only=True):
    """One limit of one check, ready to be compared with. ``percent`` is a share (0.02 for 2 %); without percent and
    amount any value passes. ``under``: it bounds from below. ``words`` are for people."""

    rule: str
    code: Code
    hold: str = ""
    under: bool = False
    percent: Decimal | None = None
    amount: Decimal | None = None
    any: bool = False
    base: Base | None = None
    absolute: Absolute = "difference"
    rounding: str = "none"
    rounding_mode: str = "half_up"
    limit: Limit

    def last(self, expected: Decimal, base: Decimal, scale: Decimal = ONE) -> Decimal | None:
        """The last value that passes; nothing when any does. All three are multiplied by ``scale``."""
        ends: list[Decimal] = []
        if self.percent:
            share = WIDE.multiply(WIDE.abs(base), self.percent)
            ends.append(WIDE.subtract(expected, share) if self.under else WIDE.add(expected, share))
        elif self.percent is not None:
            ends.append(expected)
        if self.amount is not None:
            amount = self.amount if scale is ONE else WIDE.multiply(self.amount, scale)
            if self.absolute == "difference":
                amount = WIDE.subtract(expected, amount) if self.under else WIDE.add(expected, amount)
            ends.append(amount)
        return self.end(ends, expected) if ends else None

    def end(self, ends: list[Decimal], expected: Decimal) -> Decimal:
        """The one of several limits that counts. What agrees always passes, whatever an absolute limit on the
        invoice's value says."""
        loosest, strictest = (min, max) if self.under else (max, min)
        return loosest((loosest if self.any else strictest)(ends), expected)


def compared(
    bound: Bound,
    where: str,
    about: str,
    unit: str,
    expected: Decimal,
    actual: Decimal,
    scale: Decimal = ONE,
    base: Decimal | None = None,
) -> Check:
    """Compare two values, given in ``scale`` parts of ``unit``. ``base`` is what a percentage is of; the expected value
    when nothing else is said, or the actual one where the limit is in percent of the invoice."""
    last = bound.last(expected, expected if base is None else base, scale)
    if bound.base == "invoice" and base is None and bound.percent:
        last, expected, actual, scale = _of_invoice(bound, expected, actual, scale)
    passed = last is None or (actual >= last if bound.under else actual <= last)
    if scale is not ONE:
        expected, actual = shown(expected, scale), shown(actual, scale)
        last = None if last is None else shown(last, scale)
    if passed:
        return Check(bound.rule, where, about, expected, actual, unit, True, last, bound.hold)
    allowed = limit_text(bound.limit, unit, "or" if bound.any else "and")
    return Check(bound.rule, where, about, expected, actual, unit, False, last, bound.hold, allowed)


def _of_invoice(
    bound: Bound, expected: Decimal, actual: Decimal, scale: Decimal
) -> tuple[Decimal | None, Decimal, Decimal, Decimal]:
    """A percentage of the invoice's own value: 10 % of it over 90 is 100. In parts of ``1 ∓ percent``, so exactly."""
    assert bound.percent is not None
    part = WIDE.add(ONE, bound.percent) if bound.under else WIDE.subtract(ONE, bound.percent)
    if part <= ZERO:
        return None, expected, actual, scale
    wider = WIDE.multiply(scale, part)
    ends = [expected]
    expected, actual = WIDE.multiply(expected, part), WIDE.multiply(actual, part)
    if bound.amount is not None:
        amount = WIDE.multiply(bound.amount, wider)
        if bound.absolute == "difference":
            amount = WIDE.subtract(expected, amount) if bound.under else WIDE.add(expected, amount)
        ends.append(amount)
    return bound.end(ends, expected), expected, actual, wider


def shown(value: Decimal, scale: Decimal) -> Decimal:
    """``value`` divided by ``scale``: exact where it can be, otherwise cut off after 28 digits."""
    return _SHOWN.divide(value, scale)


def quotient(value: Decimal, scale: Decimal) -> Decimal:
    """``value`` divided by ``scale``, to be added to others: to 28 places where it is no decimal, which is far below
    any minor unit."""
    return value if scale == ONE else ROUNDING.divide(value, scale).quantize(_PLACES, context=ROUNDING)


def limit_text(limit: Limit, unit: str, joined: str = "and") -> str:
    """The limit in words, such as ``2 % and 0.10 EUR/EA``."""
    if limit.kind != "value":
        return limit.kind
    parts = [f"{limit.percent} %"] if limit.percent is not None else []
    parts += [f"{limit.amount} {unit}"] if limit.amount is not None else []
    return f" {joined} ".join(parts)
