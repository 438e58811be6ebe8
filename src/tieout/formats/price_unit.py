"""Prices for several units at once: 5.00 per 100."""

from decimal import Context, Decimal, Inexact

from tieout.formats import fields
from tieout.kernel.text import DIGITS_MAX

_ONE = Decimal(1)


def for_units(price: Decimal, base: Decimal) -> tuple[Decimal, Decimal]:
    """The price of one unit with 1, where it has an end; otherwise the price as it stands, with the units it is for.
    Exact either way. ``base`` is more than zero."""
    context = Context(prec=60, traps=[])
    quotient = context.divide(price, base)
    if context.flags[Inexact] or len(quotient.as_tuple().digits) > DIGITS_MAX:
        return fields.plain(price), fields.plain(base)
    return fields.plain(quotient), _ONE
