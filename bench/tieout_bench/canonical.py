"""The invoices of the comparison in tieout's words: masters as messages, an invoice as a CloudEvent over HTTP."""

from collections.abc import Iterator
from datetime import UTC, date, datetime
from decimal import Decimal

import msgspec

from tieout.kernel.money import Money
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
from tieout.model.events import SPEC_VERSION, TYPE_PREFIX, Message
from tieout.model.facts import Fact, GoodsReceived, InvoiceReceived, OrderPlaced, SupplierProposed
from tieout.model.identity import supplier_id_of
from tieout_bench.peers import invoices
from tieout_bench.workload import ENTITY

SOURCE = "ap-capture"
"""The system that tells of invoices."""
_DAY = date(2026, 5, 4)
_DUE = date(2026, 6, 3)
_UNIT = "C62"
_TAX = Decimal(invoices.TAX_PERCENT)
_TYPE = f"{TYPE_PREFIX}{InvoiceReceived.type}.v{InvoiceReceived.version}"


def masters() -> Iterator[Message]:
    """Suppliers, orders and their receipts."""
    for number in range(invoices.SUPPLIERS):
        yield _message(f"s{number}", SupplierProposed(supplier=_supplier(number)))
    for number in range(invoices.ORDERS):
        order = _order(invoices.order(number))
        lines = tuple(ReceiptLine(order_line_id=line.line_id, quantity=line.quantity) for line in order.lines)
        receipt = GoodsReceipt(
            receipt_id=f"GR{number}",
            order_id=order.order_id,
            entity=ENTITY,
            supplier_id=order.supplier_id,
            received_on=_DAY,
            lines=lines,
        )
        yield _message(f"o{number}", OrderPlaced(order=order))
        yield _message(f"r{number}", GoodsReceived(receipt=receipt))


def event(number: int) -> bytes:
    """The invoice as a CloudEvent."""
    told = {
        "specversion": SPEC_VERSION,
        "id": invoices.invoice(number).number,
        "source": SOURCE,
        "type": _TYPE,
        "time": datetime(2026, 5, 4, 10, tzinfo=UTC),
        "entity": ENTITY,
        "data": InvoiceReceived(invoice=_invoice(invoices.invoice(number)), channel=SOURCE),
    }
    return msgspec.json.encode(told)


def _message(key: str, fact: Fact) -> Message:
    return Message(source="masters", key=key, data=fact, entity=ENTITY, actor="system:bench")


def _supplier(number: int) -> Supplier:
    tax_id = _tax_id(number)
    return Supplier(
        supplier_id=supplier_id_of(tax_id),
        name=f"Supplier {number}",
        tax_id=tax_id,
        bank_account=BankAccount(iban="DE75512108001245126199", holder=f"Supplier {number}"),
    )


def _tax_id(supplier: int) -> str:
    return f"US{100_000_000 + supplier}"


def _order(order: invoices.Order) -> PurchaseOrder:
    lines = tuple(
        OrderLine(
            line_id=line.number,
            item=line.item,
            quantity=Decimal(line.quantity),
            unit=_UNIT,
            unit_price=_price(line.price),
            tax_rate=_TAX,
        )
        for line in order.lines
    )
    return PurchaseOrder(
        order_id=order.number,
        entity=ENTITY,
        supplier_id=supplier_id_of(_tax_id(order.supplier)),
        currency="EUR",
        ordered_on=_DAY,
        lines=lines,
    )


def _invoice(invoice: invoices.Invoice) -> Invoice:
    tax_id = _tax_id(invoice.order.supplier)
    lines = tuple(
        InvoiceLine(
            line_id=line.order_line.number,
            quantity=Decimal(line.quantity),
            unit=_UNIT,
            unit_price=_price(line.price),
            net=Money(line.net, "EUR"),
            description="Item as agreed in the framework contract, delivered",
            tax_rate=_TAX,
            order_id=invoice.order.number,
            order_line_id=line.order_line.number,
        )
        for line in invoice.lines
    )
    return Invoice(
        kind=InvoiceKind.INVOICE,
        number=invoice.number,
        entity=ENTITY,
        supplier_id=supplier_id_of(tax_id),
        supplier_tax_id=tax_id,
        supplier_name=f"Supplier {invoice.order.supplier}",
        currency="EUR",
        issued_on=_DAY,
        due_on=_DUE,
        lines=lines,
        net=Money(invoice.net, "EUR"),
        tax=Money(invoice.tax, "EUR"),
        gross=Money(invoice.net + invoice.tax, "EUR"),
    )


def _price(cents: int) -> Decimal:
    return Decimal(cents).scaleb(-2)
