"""Prices per unit and the amounts of lines, exact wherever they can be."""

from collections.abc import Iterable
from decimal import ROUND_HALF_UP, Context, Decimal, Inexact, InvalidOperation

from tieout.formats import fields
from tieout.formats.price_unit import for_units
from tieout.formats.reading import Findings
from tieout.kernel.money import Money, priced
from tieout.kernel.problem import Code
from tieout.kernel.text import DIGITS_MAX

#: A price per unit without end is kept to so many decimals.
_PRICE_DIGITS = Decimal("1e-10")
#: Quantity × price is rounded once by the sender, perhaps also the price: two minor units are no difference.
SLACK_MINOR = 2
#: Beyond these a product would leave the exact decimals, and is no price or quantity of this world.
_FACTOR_MAX = Decimal(10) ** 12
#: Room for any sum of products of two numbers of 28 digits.
_WIDE = Context(prec=200, traps=[Inexact, InvalidOperation])


def per_unit(price: Decimal, base: Decimal, where: str, findings: Findings, factor: Decimal = Decimal(1)) -> Decimal:
    """The price of one unit of what is ordered: that of ``base`` units, each of which is ``factor`` of the ordered."""
    if base <= 0 or factor <= 0 or base > _FACTOR_MAX or factor > _FACTOR_MAX:
        expected = "more than zero, for how many units the price is"
        findings.fault(Code.BAD_VALUE, where, expected=expected, actual=f"{factor} / {base}")
        return price
    context = Context(prec=60, traps=[])
    quotient = context.divide(context.multiply(price, factor), base)
    if context.flags[Inexact] or not _fits(quotient):
        quotient = quotient.quantize(_PRICE_DIGITS, ROUND_HALF_UP, context=context)
        detail = "the price per unit has no end; it is kept to ten decimals"
        findings.note(Code.ASSUMED_VALUE, where, actual=f"{price} × {factor} / {base}", detail=detail)
    return fitting(fields.plain(fitting(quotient, where, findings)), where, findings)


def exact_price(
    price: Decimal, base: Decimal, where: str, findings: Findings, factor: Decimal = Decimal(1)
) -> tuple[Decimal, Decimal]:
    """The same, exact: where the price of one unit has no end, that of ``base`` units with them."""
    if base <= 0 or factor <= 0 or base > _FACTOR_MAX or factor > _FACTOR_MAX:
        return per_unit(price, base, where, findings, factor), Decimal(1)
    whole = Context(prec=60, traps=[Inexact]).multiply(price, factor)
    unit_price, units = for_units(whole, base)
    return fitting(unit_price, where, findings), units


def _fits(number: Decimal) -> bool:
    return number.is_finite() and len(number.as_tuple().digits) <= DIGITS_MAX and abs(number.adjusted()) <= DIGITS_MAX


def fitting(number: Decimal, where: str, findings: Findings) -> Decimal:
    """A computed number, which our documents must be able to hold."""
    if _fits(number):
        return number
    findings.fault(Code.BAD_VALUE, where, limit=f"{DIGITS_MAX} digits", actual=str(number))
    return Decimal(0)


def line_amount(quantity: Decimal, price: Decimal, currency: str, price_per: Decimal = Decimal(1)) -> Money:
    """Quantity by price for so many units, rounded once."""
    return priced(quantity, price, price_per, currency)


def added(numbers: Iterable[Decimal]) -> Decimal:
    """The exact sum of plain numbers, or of products of two."""
    found = Decimal(0)
    for number in numbers:
        found = _WIDE.add(found, number)
    return found


def check_line(computed: Money, declared: Money, where: str, findings: Findings) -> None:
    """Quantity by price, with what is added to the line and taken off, should give its amount; it is only told."""
    if abs((computed - declared).minor) > SLACK_MINOR:
        detail = "quantity × price, with the allowances and charges of the line, is not its amount"
        findings.note(Code.TOTALS_DISAGREE, where, expected=str(computed), actual=str(declared), detail=detail)
