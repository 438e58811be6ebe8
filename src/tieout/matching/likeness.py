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

from msgspec import Struct

from tieout.kernel.money import EXACT, Money, multiply
from tieout.matching.orders import LinePosition
from tieout.model.documents import Invoice, InvoiceLine

ENOUGH = 45
ITEM, DESCRIPTION, PRICE, QUANTITY, RECEIPT, NET, UNIT = 40, 30, 25, 15, 5, 10, 5
WITHIN, CONVERTED = 8, 3
ZERO = Decimal(0)

_WORDS = re.compile(r"[^\W_]+")
_BETWEEN = re.compile(r"[\s\-./_]")


class Component(Struct, frozen=True, omit_defaults=True):
    """One reason for a pair, such as ``price``: its points, and what was seen."""

    name: str
    points: int
    seen: str = ""


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


def in_order_unit(line: InvoiceLine, position: LinePosition) -> Decimal | None:
    """What one unit of the invoice line comes to in the order line's unit; nothing when nobody can say."""
    if line.unit == position.unit:
        return Decimal(1)
    return next((one.factor for one in position.units if one.unit == line.unit), None)


def by_amount(position: LinePosition) -> bool:
    """Services and blanket lines are billed by amount, not by quantity."""
    return position.kind in ("service", "blanket") and position.limit_minor is not None


def size(line: InvoiceLine, position: LinePosition) -> Decimal | None:
    """How much of the order line it takes: in its unit, or in minor units of one billed by amount."""
    if by_amount(position):
        return max(Decimal(line.net.minor), ZERO)
    factor = in_order_unit(line, position)
    return None if factor is None else max(multiply(line.quantity, factor), ZERO)


def room(invoice: Invoice, position: LinePosition) -> Decimal:
    """How much of the order line is open: to be billed, or of a credit note to be given back."""
    if position.limit_minor is not None and by_amount(position):
        billed = Decimal(position.billed_minor)
        return max(billed if invoice.sign < 0 else EXACT.subtract(Decimal(position.limit_minor), billed), ZERO)
    return max(position.billed if invoice.sign < 0 else EXACT.subtract(position.ordered, position.billed), ZERO)


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
        seen = f"{line.unit}" if line.unit == position.unit else f"1 {line.unit} is {factor} {position.unit}"
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


def _same_price(line: InvoiceLine, position: LinePosition, factor: Decimal) -> bool:
    """Compared by multiplying crosswise: nothing is divided, so nothing is rounded."""
    theirs = multiply(line.unit_price, position.price_per)
    ours = multiply(multiply(position.unit_price, line.price_per), factor)
    return theirs == ours


def _extent(invoice: Invoice, line: InvoiceLine, position: LinePosition) -> Iterator[Component]:
    """How what it bills compares with what is open and with what came."""
    taken, left = size(line, position), room(invoice, position)
    if taken is None or left == ZERO:
        return
    unit = "minor units" if by_amount(position) else position.unit
    if taken == left:
        yield Component("quantity", QUANTITY, f"all {left} {unit} that are open")
    elif taken < left:
        yield Component("quantity", WITHIN, f"{taken} of {left} {unit} that are open")
    if invoice.sign < 0:
        return
    if not position.receipt_required:
        yield Component("receipt", RECEIPT, "none is needed")
    elif taken <= _received(position):
        yield Component("receipt", RECEIPT, "received and not billed")


def _received(position: LinePosition) -> Decimal:
    if by_amount(position):
        return Decimal(position.received_minor - position.billed_minor)
    return EXACT.subtract(position.received, position.billed)


def _open_value(invoice: Invoice, position: LinePosition, currency: str) -> int | None:
    """The order's value of what is open, in minor units."""
    left = room(invoice, position)
    if left == ZERO:
        return None
    if by_amount(position):
        return int(left)
    whole = multiply(left, position.unit_price)
    try:
        return Money.rounded(EXACT.divide(whole, position.price_per), currency).minor
    except ArithmeticError:  # a third of a cent: the price unit does not divide it, so no amount is exactly equal
        return None
