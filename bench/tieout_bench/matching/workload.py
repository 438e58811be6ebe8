"""20,000 invoices of ten lines against their orders and receipts, with two of a hundred invoices for each variance.

An order has ten lines of twenty pieces. They come in two deliveries and are billed by two invoices, so the second is
judged by what the first one billed. A variance stands on one line of the second invoice of its order. No two invoices
of a supplier come to about the same: what looks like another invoice would wait for a person.
"""

from collections.abc import Iterator, Sequence
from datetime import date
from decimal import Decimal
from functools import cache

from tieout.kernel.money import Money, multiply, total
from tieout.matching.orders import LinePosition, OrderPosition
from tieout.model.documents import (
    GoodsReceipt,
    Invoice,
    InvoiceKind,
    InvoiceLine,
    OrderLine,
    PurchaseOrder,
    ReceiptLine,
)
from tieout.model.events import Lane, Message
from tieout.model.facts import GoodsReceived, InvoiceReceived, OrderPlaced, SupplierProposed
from tieout_bench.workload import ENTITY, SUPPLIERS, supplier, supplier_of

LINES = 10
INVOICES_PER_ORDER = 2
VARIANCES = ("price", "over received", "over ordered", "unit", "unknown line")
#: One order of so many has each variance on one of its two invoices: two invoices of a hundred.
_EVERY = 25
_DAY = date(2026, 5, 4)
_ORDERED = Decimal(20)
#: What the two invoices of an order bill of each line.
_BILLED = (Decimal(8), Decimal(12))
_PRICES = tuple(Decimal(place * place + 3).scaleb(-2) * 25 for place in range(1, LINES + 1))
#: The next order of a supplier is dearer by so much. No power of it comes near the ratio of the two invoices.
_DEARER = Decimal("1.05")
_CENT = Decimal("0.01")
_RATE = Decimal(19)


def variance(order: int) -> str:
    """What is wrong with the second invoice of an order; empty when nothing is."""
    place = order % _EVERY
    return VARIANCES[place] if place < len(VARIANCES) else ""


def odd_line(order: int) -> int:
    """The place of the line it is wrong on."""
    return order // _EVERY % LINES


def orders_for(invoices: int) -> range:
    """The numbers of the orders that so many invoices bill."""
    return range(-(-invoices // INVOICES_PER_ORDER))


@cache
def _line_id(place: int) -> str:
    return f"{10 * (place + 1)}"


def order_id(order: int) -> str:
    return f"PO{order:06d}"


def received(order: int, place: int) -> Decimal:
    """All that came of an order line: too little, or more than was ordered, where that is the variance."""
    if place == odd_line(order):
        return {"over received": Decimal(16), "over ordered": Decimal(24)}.get(variance(order), _ORDERED)
    return _ORDERED


def billed_now(number: int, place: int) -> Decimal:
    """What an invoice bills of an order line."""
    order, part = divmod(number, INVOICES_PER_ORDER)
    more = part == 1 and place == odd_line(order) and variance(order) == "over ordered"
    return _BILLED[part] + 4 if more else _BILLED[part]


@cache
def _prices(generation: int) -> tuple[Decimal, ...]:
    return tuple((price * _DEARER**generation).quantize(_CENT) for price in _PRICES)


def prices(order: int) -> tuple[Decimal, ...]:
    """The unit prices of an order's lines."""
    return _prices(order // SUPPLIERS)


def agreeing(invoices: int) -> int:
    """How many of so many invoices agree with their order and receipts."""
    return sum(number % INVOICES_PER_ORDER == 0 or not variance(number // 2) for number in range(invoices))


def position(number: int) -> OrderPosition:
    """Where the order of an invoice stands before it."""
    order, part = divmod(number, INVOICES_PER_ORDER)
    lines = {
        _line_id(place): LinePosition(
            ordered=_ORDERED,
            unit="C62",
            unit_price=price,
            received=received(order, place),
            billed=_BILLED[0] * part,
            item=f"ITEM-{place}",
        )
        for place, price in enumerate(prices(order))
    }
    return OrderPosition(order_id(order), supplier(supplier_of(order)).supplier_id, "EUR", lines)


def document(number: int) -> Invoice:
    """One invoice."""
    order, part = divmod(number, INVOICES_PER_ORDER)
    lines = [_line(number, place) for place in range(LINES)]
    if part == 1 and variance(order) in ("price", "unit", "unknown line"):
        lines[odd_line(order)] = _odd(lines[odd_line(order)], variance(order))
    net = total((line.net for line in lines), "EUR")
    tax = Money.rounded(multiply(net.amount, _RATE / 100), "EUR")
    known = supplier(supplier_of(order))
    return Invoice(
        kind=InvoiceKind.INVOICE,
        number=f"INV-{number:07d}",
        entity=ENTITY,
        supplier_id=known.supplier_id,
        supplier_tax_id=known.tax_id,
        supplier_name=known.name,
        currency="EUR",
        issued_on=_DAY,
        due_on=date(2026, 6, 3),
        lines=tuple(lines),
        net=net,
        tax=tax,
        gross=net + tax,
    )


def _line(number: int, place: int) -> InvoiceLine:
    quantity, price = billed_now(number, place), prices(number // INVOICES_PER_ORDER)[place]
    return InvoiceLine(
        line_id=_line_id(place),
        quantity=quantity,
        unit="C62",
        unit_price=price,
        net=Money.of(multiply(quantity, price), "EUR"),
        description="Item as agreed in the framework contract",
        tax_rate=_RATE,
        order_id=order_id(number // INVOICES_PER_ORDER),
        order_line_id=_line_id(place),
    )


def _odd(line: InvoiceLine, variance: str) -> InvoiceLine:
    values = {name: getattr(line, name) for name in line.__struct_fields__}
    if variance == "price":
        price = line.unit_price * 2
        values |= {"unit_price": price, "net": Money.of(multiply(line.quantity, price), "EUR")}
    values |= {"unit": "KGM"} if variance == "unit" else {}
    values |= {"order_line_id": "999"} if variance == "unknown line" else {}
    return InvoiceLine(**values)


# ── as messages ────────────────────────────────────────────────────────────────────────────────────────────────────


def masters(invoices: int) -> Iterator[Message]:
    """Suppliers, orders and receipts for so many invoices."""
    for number in range(SUPPLIERS):
        yield _message(f"s{number}", SupplierProposed(supplier=supplier(number)))
    for order in orders_for(invoices):
        yield _message(f"o{order}", OrderPlaced(order=_order(order)))
        for part in range(2):
            yield _message(f"r{order}/{part}", GoodsReceived(receipt=_receipt(order, part)))


def invoices(numbers: Sequence[int]) -> list[Message]:
    """Invoices on their way in."""
    return [
        _message(f"i{number}", InvoiceReceived(invoice=document(number), channel="bench", system_id=f"ap-{number}"))
        for number in numbers
    ]


def _order(order: int) -> PurchaseOrder:
    lines = tuple(
        OrderLine(
            line_id=_line_id(place),
            item=f"ITEM-{place}",
            quantity=_ORDERED,
            unit="C62",
            unit_price=price,
            tax_rate=_RATE,
        )
        for place, price in enumerate(prices(order))
    )
    return PurchaseOrder(
        order_id=order_id(order),
        entity=ENTITY,
        supplier_id=supplier(supplier_of(order)).supplier_id,
        currency="EUR",
        ordered_on=_DAY,
        lines=lines,
    )


def _receipt(order: int, part: int) -> GoodsReceipt:
    lines = tuple(
        ReceiptLine(order_line_id=_line_id(place), quantity=received(order, place) / 2) for place in range(LINES)
    )
    return GoodsReceipt(
        receipt_id=f"GR{order}/{part}",
        order_id=order_id(order),
        entity=ENTITY,
        supplier_id=supplier(supplier_of(order)).supplier_id,
        received_on=_DAY,
        lines=lines,
    )


def _message(key: str, fact: SupplierProposed | OrderPlaced | GoodsReceived | InvoiceReceived) -> Message:
    return Message(source="ap", key=key, data=fact, entity=ENTITY, actor="system:bench", lane=Lane.NORMAL)
