"""The work of the comparison, the same for both sides and free of either's types.

2,000 orders of three lines, fully received; invoice ``n`` bills order ``n mod 2,000``. Of 100 invoices 90 agree with
order and receipt, 5 carry a price 10 % too high (2 % is allowed), 5 bill more than was received.
"""

import json
from functools import cache
from random import Random
from typing import NamedTuple

ORDERS = 2_000
SUPPLIERS = 211
RECEIVED = 100_000
"""Of each line: more than all good invoices of a run bill together, for a side that adds up what was billed."""
PRICE_TOLERANCE = 0.02
TAX_PERCENT = 19
_LINES = 3


class OrderLine(NamedTuple):
    """One line of an order; the price is in cents a piece."""

    number: str
    item: str
    quantity: int
    price: int


class Order(NamedTuple):
    """An order, received in full. The supplier is a number."""

    number: str
    supplier: int
    lines: tuple[OrderLine, ...]


class InvoiceLine(NamedTuple):
    """One line of an invoice."""

    order_line: OrderLine
    quantity: int
    price: int

    @property
    def net(self) -> int:
        """In cents."""
        return self.quantity * self.price


class Invoice(NamedTuple):
    """An invoice for an order."""

    number: str
    order: Order
    lines: tuple[InvoiceLine, ...]

    @property
    def net(self) -> int:
        """In cents."""
        return sum(line.net for line in self.lines)

    @property
    def tax(self) -> int:
        """In cents, rounded half up."""
        return (self.net * TAX_PERCENT + 50) // 100


@cache
def order(number: int) -> Order:
    """Order ``number``, the same in every run."""
    chance = Random(number)
    lines = tuple(
        OrderLine(str(10 * (place + 1)), f"ITEM-{chance.randint(1, 9999):05d}", RECEIVED, chance.randint(100, 90_000))
        for place in range(_LINES)
    )
    return Order(f"PO{number:06d}", number % SUPPLIERS, lines)


def is_good(number: int) -> bool:
    """Whether the invoice agrees with its order and receipt."""
    return _fate(number) >= 10


def _fate(number: int) -> int:
    """0 to 99, each as often as the others, in no visible order."""
    return number * 2654435761 % 100


def invoice(number: int) -> Invoice:
    """Invoice ``number``, the same in every run."""
    fate, billed = _fate(number), order(number % ORDERS)
    lines = []
    for place, line in enumerate(billed.lines):
        quantity, price = 1 + number % 7, line.price
        if fate < 5 and place == 0:
            price += price // 10 + 1
        elif 5 <= fate < 10 and place == 1:
            quantity = RECEIVED + 5
        lines.append(InvoiceLine(line, quantity, price))
    return Invoice(f"INV-{number:08d}", billed, tuple(lines))


def event(number: int) -> bytes:
    """The invoice as the peer is told of it: about 1 KB of JSON with an id of its own."""
    found = invoice(number)
    lines = [
        {
            "order_line": line.order_line.number,
            "item": line.order_line.item,
            "description": "Item as agreed in the framework contract, delivered",
            "quantity": line.quantity,
            "unit": "C62",
            "unit_price_cents": line.price,
            "net_cents": line.net,
            "tax_percent": TAX_PERCENT,
            "gl_account": "400100",
            "cost_center": f"CC-{1000 + number % 40}",
        }
        for line in found.lines
    ]
    told = {
        "event_id": found.number,
        "type": "invoice.received",
        "source": "ap-capture",
        "occurred_at": "2026-05-04T10:00:00Z",
        "invoice": {
            "number": found.number,
            "entity": "DE01",
            "supplier": found.order.supplier,
            "order": found.order.number,
            "currency": "EUR",
            "issued_on": "2026-05-04",
            "due_on": "2026-06-03",
            "lines": lines,
            "net_cents": found.net,
            "tax_cents": found.tax,
            "gross_cents": found.net + found.tax,
        },
    }
    return json.dumps(told, separators=(",", ":")).encode()
