"""How much an invoice line looks like an order line: points for named reasons, all of them told.

==============  ======  ===================================================================================
reason          points  given when
==============  ======  ===================================================================================
item number         40  both name the same item (spaces, hyphens, dots, slashes and case do not matter)
description      0..30  thirty times the share of words that both have (Dice: twice the common words ÷ all words)
price               25  the unit prices are equal, price units and units of measure taken into account, exactly
quantity            15  it bills exactly what is open on the order line; 8 when it bills less
receipt              5  what it bills has been received and not billed yet, or needs no receipt
net amount          10  it asks for exactly the order's value of what is open, rounded to the minor unit
unit                 5  the unit is the order line's; 3 when the order line says how to convert it
==============  ======  ===================================================================================

A pair with less than ``ENOUGH`` points is no candidate; nor is one in which both sides have words or numbers for the
goods and none of them agree: that a price and a quantity are equal is then chance. Item numbers that differ count
nothing against a pair, because suppliers print their own. Of credit notes, open is what was billed.
"""

import re
from collections.abc import Iterator
from decimal import Decimal
from fractions import Fraction

from tieout.kernel.money import EXACT, minor_digits
from tieout.matching.orders import LinePosition
from tieout.matching.units import ratio
from tieout.model.documents import Invoice, InvoiceLine
from tieout.model.verdict import Component

ENOUGH = 45
ITEM, DESCRIPTION, PRICE, QUANTITY, RECEIPT, NET, UNIT = 40, 30, 25, 15, 5, 10, 5
WITHIN, CONVERTED = 8, 3
ZERO = Fraction(0)

_WORDS = re.compile(r"[^\W_]+")
_BETWEEN = re.compile(r"[\s\-./_]")


def likeness(invoice: Invoice, line: InvoiceLine, position: LinePosition, currency: str) -> tuple[Component, ...]:
    """Every reason why the line could bill this order line; none when they cannot belong together."""
    if _strangers(line, position):
        return ()
    return tuple(_components(invoice, line, position, currency))


def worth_of(components: tuple[Component, ...]) -> int:
    """All reasons together."""
    return sum(component.points for component in components)


def words(text: str) -> frozenset[str]:
    """The words of a description that can be compared: letters and digits, without case."""
    return frozenset(_WORDS.findall(text.casefold()))


def in_order_unit(line: InvoiceLine, position: LinePosition) -> Fraction | None:
    """What one unit of the invoice line comes to in the order line's unit; nothing when nobody can say."""
    found = ratio(line.unit, position.unit, position.units)
    return None if found is None else Fraction(found[0]) / Fraction(found[1])


def by_amount(position: LinePosition) -> bool:
    """Services and blanket lines are billed by amount, not by quantity."""
    return position.by_amount and position.limit_minor is not None


def size(line: InvoiceLine, position: LinePosition) -> Fraction | None:
    """How much of the order line it takes: in its unit, or in minor units of one billed by amount."""
    if by_amount(position):
        return Fraction(max(line.net.minor, 0))
    factor = in_order_unit(line, position)
    return None if factor is None else max(Fraction(line.quantity) * factor, ZERO)


def room(invoice: Invoice, position: LinePosition) -> Fraction:
    """How much of the order line is open: to be billed, or of a credit note to be given back."""
    if position.limit_minor is not None and by_amount(position):
        ordered, billed = Fraction(position.limit_minor), Fraction(position.billed_minor)
    else:
        ordered, billed = Fraction(position.ordered), Fraction(position.billed)
    return max(billed if invoice.sign < 0 else ordered - billed, ZERO)


# ── reasons ────────────────────────────────────────────────────────────────────────────────────────────────────────


def _strangers(line: InvoiceLine, position: LinePosition) -> bool:
    """Both say what the goods are, and nothing of it agrees."""
    ours = words(f"{position.item} {position.description}")
    theirs = words(f"{line.item} {line.description}")
    return bool(ours) and bool(theirs) and not ours & theirs and not _same_item(line, position)


def _same_item(line: InvoiceLine, position: LinePosition) -> bool:
    return bool(line.item) and _plain(line.item) == _plain(position.item)


def _plain(item: str) -> str:
    return _BETWEEN.sub("", item).casefold()


def _components(invoice: Invoice, line: InvoiceLine, position: LinePosition, currency: str) -> Iterator[Component]:
    if _same_item(line, position):
        yield Component("item number", ITEM, line.item)
    yield from _description(line, position)
    factor = in_order_unit(line, position)
    if factor is not None:
        if currency == invoice.currency and _same_price(line, position, factor):
            yield Component("price", PRICE, f"{line.unit_price} {currency}")
        seen = f"{line.unit}" if line.unit == position.unit else f"1 {line.unit} is {_shown(factor)} {position.unit}"
        yield Component("unit", UNIT if line.unit == position.unit else CONVERTED, seen)
    yield from _extent(invoice, line, position)
    if currency == invoice.currency and line.net.minor == _open_value(invoice, position, currency):
        yield Component("net amount", NET, str(line.net))


def _description(line: InvoiceLine, position: LinePosition) -> Iterator[Component]:
    ours, theirs = words(position.description), words(line.description)
    common = ours & theirs
    earned = DESCRIPTION * 2 * len(common) // (len(ours) + len(theirs)) if common else 0
    if earned:
        yield Component("description", earned, " ".join(sorted(common)))


def _same_price(line: InvoiceLine, position: LinePosition, factor: Fraction) -> bool:
    theirs = Fraction(line.unit_price) / Fraction(line.price_per)
    return theirs == Fraction(position.unit_price) / Fraction(position.price_per) * factor


def _extent(invoice: Invoice, line: InvoiceLine, position: LinePosition) -> Iterator[Component]:
    """How what it bills compares with what is open and with what came."""
    taken, left = size(line, position), room(invoice, position)
    if taken is None or left == ZERO:
        return
    unit = "minor units" if by_amount(position) else position.unit
    if taken == left:
        yield Component("quantity", QUANTITY, f"all {_shown(left)} {unit} that are open")
    elif taken < left:
        yield Component("quantity", WITHIN, f"{_shown(taken)} of {_shown(left)} {unit} that are open")
    if invoice.sign < 0:
        return
    if not position.receipt_required:
        yield Component("receipt", RECEIPT, "none is needed")
    elif taken <= _received(position):
        yield Component("receipt", RECEIPT, "received and not billed")


def _received(position: LinePosition) -> Fraction:
    if by_amount(position):
        return Fraction(position.received_minor - position.billed_minor)
    return Fraction(position.received) - Fraction(position.billed)


def _open_value(invoice: Invoice, position: LinePosition, currency: str) -> int | None:
    """The order's value of what is open, in minor units, rounded half up."""
    left = room(invoice, position)
    if left == ZERO:
        return None
    if by_amount(position):
        return int(left)
    minor_units = int(10 ** minor_digits(currency))
    whole = left * Fraction(position.unit_price) / Fraction(position.price_per) * minor_units
    return (2 * whole.numerator + whole.denominator) // (2 * whole.denominator)


def _shown(quantity: Fraction) -> str:
    """As a decimal where it is one, otherwise as a fraction."""
    try:
        return f"{EXACT.divide(Decimal(quantity.numerator), Decimal(quantity.denominator)):f}"
    except ArithmeticError:
        return str(quantity)
