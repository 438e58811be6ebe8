"""The documents of ``docs/first-hour``, made by the writers the product has. Written anew by ``python -m tests.docs.samples``."""

from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec

from tieout.formats.einvoice.ubl_write import Parties, write_ubl
from tieout.formats.tables import write_orders, write_receipts
from tieout.kernel.money import Money, multiply
from tieout.model.documents import (
    Address,
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
from tieout.model.identity import supplier_id_of

FOLDER = Path(__file__).parents[2] / "docs" / "first-hour"

TAX_ID = "DE811234565"
SUPPLIER = Supplier(
    supplier_id=supplier_id_of(TAX_ID),
    name="Alster Papier GmbH",
    tax_id=TAX_ID,
    address=Address(street="Industriestraße 1", postal_code="20095", town="Hamburg", country="DE"),
    bank_account=BankAccount(iban="DE02120300000000202051", holder="Alster Papier GmbH", currency="EUR"),
)
US = Parties(buyer_tax_id="DE136695976", buyer_name="Northwind Handels GmbH")


def order(number: str, item: str, quantity: int, price: str, category: str) -> PurchaseOrder:
    """An order of one line, in the usual unit (C62: pieces)."""
    line = OrderLine(
        line_id="1",
        item=item,
        quantity=Decimal(quantity),
        unit="C62",
        unit_price=Decimal(price),
        description=item,
        tax_rate=Decimal(19),
        category=category,
    )
    return PurchaseOrder(
        order_id=number,
        entity="DE01",
        supplier_id=SUPPLIER.supplier_id,
        currency="EUR",
        ordered_on=date(2026, 5, 4),
        lines=(line,),
    )


def receipt(number: str, of: PurchaseOrder) -> GoodsReceipt:
    """Everything that was ordered came in."""
    lines = tuple(ReceiptLine(order_line_id=line.line_id, quantity=line.quantity) for line in of.lines)
    return GoodsReceipt(
        receipt_id=number,
        order_id=of.order_id,
        entity=of.entity,
        supplier_id=of.supplier_id,
        received_on=date(2026, 5, 11),
        lines=lines,
    )


def bill(number: str, of: PurchaseOrder, price: str) -> Invoice:
    """The whole order billed at this price."""
    ordered = of.lines[0]
    net = Money.of(multiply(ordered.quantity, Decimal(price)), "EUR")
    tax = Money.rounded(multiply(net.amount, ordered.tax_rate) / 100, "EUR")
    line = InvoiceLine(
        line_id="1",
        quantity=ordered.quantity,
        unit=ordered.unit,
        unit_price=Decimal(price),
        net=net,
        description=ordered.item,
        tax_rate=ordered.tax_rate,
        order_id=of.order_id,
        order_line_id=ordered.line_id,
    )
    return Invoice(
        kind=InvoiceKind.INVOICE,
        number=number,
        entity=of.entity,
        supplier_id=SUPPLIER.supplier_id,
        supplier_tax_id=TAX_ID,
        supplier_name=SUPPLIER.name,
        currency="EUR",
        issued_on=date(2026, 5, 18),
        due_on=date(2026, 6, 17),
        lines=(line,),
        net=net,
        tax=tax,
        gross=net + tax,
    )


PAPER = order("PO-1001", "Copy paper, A4, box", 100, "24.50", "UNSPSC:14111507")
TONER = order("PO-1002", "Toner, black", 40, "62.00", "UNSPSC:44103103")
AS_ORDERED = bill("26-0117", PAPER, "24.50")
TOO_DEAR = bill("26-0118", TONER, "66.96")


def supplier_event() -> dict[str, Any]:
    """The CloudEvent that proposes the supplier."""
    return {
        "specversion": "1.0",
        "id": f"{TAX_ID}/1",
        "source": "first-hour",
        "type": "org.tieout.supplier.proposed.v1",
        "data": {"supplier": msgspec.to_builtins(SUPPLIER)},
    }


def files() -> dict[str, bytes]:
    """Every document by its name."""
    as_ordered = write_ubl(AS_ORDERED, US)
    event = msgspec.json.format(msgspec.json.encode(supplier_event()), indent=2) + b"\n"
    return {
        "orders.csv": write_orders([PAPER, TONER]),
        "receipts.csv": write_receipts([receipt("GR-1", PAPER), receipt("GR-2", TONER)]),
        "invoice-26-0117.xml": as_ordered,
        "invoice-26-0118.xml": write_ubl(TOO_DEAR, US),
        "invoice-cut-off.xml": as_ordered[: len(as_ordered) // 2],
        "supplier.json": event,
    }


if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    for name, body in files().items():
        (FOLDER / name).write_bytes(body)
        print(f"wrote docs/first-hour/{name}")
