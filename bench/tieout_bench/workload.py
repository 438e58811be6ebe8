"""The workload of the pipeline benchmark: suppliers, orders and receipts first, then invoices of about 1 KB.

Nine invoices of ten agree with their order and receipt; one has a price outside the tolerance. Each order line is
ordered and received in a quantity that all its invoices together use up. No two have the same amount: what looks like
another invoice would wait for a person.
"""

from collections.abc import Iterator
from datetime import date
from decimal import Decimal

from tieout.kernel.money import Money, multiply, total
from tieout.model.documents import (
    BankAccount,
    GoodsReceipt,
    Invoice,
    InvoiceKind,
    InvoiceLine,
    OrderLine,
    PurchaseOrder,
    ReceiptLine,
    Supplier,
)
from tieout.model.events import Lane, Message
from tieout.model.facts import GoodsReceived, InvoiceReceived, OrderPlaced, SupplierProposed
from tieout.model.identity import supplier_id_of
from tieout.policy.policy import EntityPolicy, Policy
from tieout.policy.tolerances import Limit, Tolerances

ENTITY = "DE01"
SUPPLIERS = 200
INVOICES_PER_ORDER = 10
_DAY = date(2026, 5, 4)
_LINES = (("10", Decimal("12.50")), ("20", Decimal("7.05")), ("30", Decimal("199.99")))


#: Each order is dearer than the one before it by so much a unit.
_DEARER = Decimal("0.37")


def policy() -> Policy:
    """One entity, two per cent on prices."""
    tolerances = Tolerances(price=Limit(kind="value", percent=Decimal(2)))
    return Policy(
        entities={ENTITY: EntityPolicy(name="Bench GmbH", currency="EUR", iban="DE89370400440532013000")},
        tolerances={"default": tolerances},
    )


def masters(invoices: int) -> Iterator[Message]:
    """Suppliers, orders and receipts for so many invoices."""
    for number in range(SUPPLIERS):
        yield _message(f"s{number}", SupplierProposed(supplier=supplier(number)))
    for number in range(-(-invoices // INVOICES_PER_ORDER)):
        order = _order(number)
        yield _message(f"o{number}", OrderPlaced(order=order))
        lines = tuple(ReceiptLine(order_line_id=line.line_id, quantity=line.quantity) for line in order.lines)
        receipt = GoodsReceipt(
            receipt_id=f"GR{number}",
            order_id=order.order_id,
            entity=ENTITY,
            supplier_id=order.supplier_id,
            received_on=_DAY,
            lines=lines,
        )
        yield _message(f"r{number}", GoodsReceived(receipt=receipt))


def invoice(number: int) -> Message:
    """One invoice, on its way in."""
    order = _order(number // INVOICES_PER_ORDER)
    lines = []
    for place, line in enumerate(order.lines):
        price = line.unit_price
        if place == 0 and number % 10 == 9:
            price *= 2
        quantity = _quantity(number % INVOICES_PER_ORDER)
        lines.append(
            InvoiceLine(
                line_id=line.line_id,
                quantity=quantity,
                unit=line.unit,
                unit_price=price,
                net=Money.rounded(multiply(quantity, price), "EUR"),
                description="Item as agreed in the framework contract, delivered",
                tax_rate=Decimal(19),
                order_id=order.order_id,
                order_line_id=line.line_id,
            )
        )
    net = total((line.net for line in lines), "EUR")
    tax = Money.rounded(net.amount * Decimal("0.19"), "EUR")
    known = supplier(supplier_of(number // INVOICES_PER_ORDER))
    document = Invoice(
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
    return _message(f"i{number}", InvoiceReceived(invoice=document, channel="bench", system_id=f"ap-{number}"))


def _message(key: str, fact: SupplierProposed | OrderPlaced | GoodsReceived | InvoiceReceived) -> Message:
    return Message(source="ap", key=key, data=fact, entity=ENTITY, actor="system:bench", lane=Lane.NORMAL)


def _iban(number: int) -> str:
    """A German account number of this supplier alone, with right check digits (ISO 13616)."""
    account = f"51210800{1_245_126_199 + number:010d}"
    return f"DE{98 - int(f'{account}131400') % 97:02d}{account}"


def _quantity(place: int) -> Decimal:
    """2.1, 2.3 … 3.9: each by itself, and 30 together."""
    return Decimal(21 + 2 * place) / 10


def supplier_of(order: int) -> int:
    """The number of the supplier of an order."""
    return order % SUPPLIERS


def supplier(number: int) -> Supplier:
    """One of the suppliers."""
    tax_id = f"US{100_000_000 + number}"
    return Supplier(
        supplier_id=supplier_id_of(tax_id),
        name=f"Supplier {number}",
        tax_id=tax_id,
        bank_account=BankAccount(iban=_iban(number), holder=f"Supplier {number}"),
    )


def _order(number: int) -> PurchaseOrder:
    lines = tuple(
        OrderLine(
            line_id=line_id, item=f"ITEM-{line_id}", quantity=Decimal(3 * INVOICES_PER_ORDER), unit="C62",
            unit_price=price + number * _DEARER, tax_rate=Decimal(19),
        )
        for line_id, price in _LINES
    )  # fmt: skip
    return PurchaseOrder(
        order_id=f"PO{number:06d}",
        entity=ENTITY,
        supplier_id=supplier_id_of(f"US{100_000_000 + supplier_of(number)}"),
        currency="EUR",
        ordered_on=_DAY,
        lines=lines,
    )
