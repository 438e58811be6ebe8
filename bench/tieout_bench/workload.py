"""The workload of the pipeline benchmark: suppliers, orders and receipts first, then invoices of about 1 KB.

Nine invoices of ten agree with their order and receipt; one has a price outside the tolerance. Each order line is
ordered and received in a quantity that all its invoices together use up.
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
            price += 5
        quantity = Decimal(3)
        lines.append(
            InvoiceLine(
                line_id=line.line_id,
                quantity=quantity,
                unit=line.unit,
                unit_price=price,
                net=Money.of(multiply(quantity, price), "EUR"),
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
        bank_account=BankAccount(iban="DE75512108001245126199", holder=f"Supplier {number}"),
    )


def _order(number: int) -> PurchaseOrder:
    lines = tuple(
        OrderLine(
            line_id=line_id, item=f"ITEM-{line_id}", quantity=Decimal(3 * INVOICES_PER_ORDER), unit="C62",
            unit_price=price, tax_rate=Decimal(19),
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
