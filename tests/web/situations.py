"""Orders that are hard to match: billed in boxes, partly accepted, with freight, twice alike, and in another dialect.

Suppliers and orders of their own, so that the rest of the month stays as it is. Nothing of it agrees, so nothing of it
is posted or paid.
"""

from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

from tieout.kernel.money import Money
from tieout.model.documents import (
    GoodsReceipt,
    InvoiceLine,
    OrderCharge,
    OrderLine,
    PurchaseOrder,
    ReceiptLine,
    UnitFactor,
)
from tieout.model.events import Message
from tieout.model.facts import GoodsReceived, HoldsReported, OrderPlaced

if TYPE_CHECKING:
    from tests.web.books import Books

SUPPLIER = "Morgenstern Kugellager GmbH"
FILTERS = "Nordfilter GmbH"


def _eur(minor: int) -> Money:
    return Money(minor, "EUR")


def ordered(books: "Books") -> None:
    """An order with goods, a service and agreed freight; another with two lines that are alike."""
    supplier = books.supplier(SUPPLIER)
    lines = (
        OrderLine(
            line_id="10",
            item="KL-6204",
            description="Ball bearing 6204-2RS",
            quantity=Decimal(1200),
            unit="C62",
            unit_price=Decimal("49.00"),
            price_per=Decimal(100),
            units=(UnitFactor("XBX", Decimal(12)),),
            tax_rate=Decimal(19),
        ),
        OrderLine(
            line_id="20",
            item="FE-LGMT2",
            description="Bearing grease LGMT 2",
            quantity=Decimal(40),
            unit="KGM",
            unit_price=Decimal("18.20"),
            tax_rate=Decimal(19),
        ),
        OrderLine(
            line_id="30",
            item="",
            description="Calibration of the test bench",
            quantity=Decimal(1),
            unit="C62",
            unit_price=Decimal("2400.00"),
            kind="service",
            limit=_eur(2_400_00),
            tax_rate=Decimal(19),
        ),
    )
    _place(books, supplier.supplier_id, "PO-1010", lines, OrderCharge("F1", "freight", _eur(180_00), "Freight"))
    _receive(books, supplier.supplier_id, "PO-1010", "GR-1010-1", ReceiptLine("10", Decimal(60), unit="XBX"))
    _receive(
        books,
        supplier.supplier_id,
        "PO-1010",
        "GR-1010-2",
        ReceiptLine("10", Decimal(40), unit="XBX"),
        ReceiptLine("20", Decimal(36)),
    )
    _receive(books, supplier.supplier_id, "PO-1010", "GR-1010-3", ReceiptLine("30", Decimal(1), amount=_eur(1_800_00)))
    filters = books.supplier(FILTERS)
    alike = [
        OrderLine(
            line_id=line_id,
            item=item,
            description=f"Filter mat {grade}",
            quantity=Decimal(50),
            unit="C62",
            unit_price=Decimal("12.40"),
            tax_rate=Decimal(19),
        )
        for line_id, item, grade in (("1", "FM-G4", "G4"), ("2", "FM-M5", "M5"))
    ]
    _place(books, filters.supplier_id, "PO-1011", tuple(alike))
    received = [ReceiptLine(line.line_id, line.quantity) for line in alike]
    _receive(books, filters.supplier_id, "PO-1011", "GR-1011-1", *received)


def _place(
    books: "Books", supplier_id: str, order_id: str, lines: tuple[OrderLine, ...], *charges: OrderCharge
) -> None:
    order = PurchaseOrder(
        order_id=order_id,
        entity="DE01",
        supplier_id=supplier_id,
        currency="EUR",
        ordered_on=books.clock.now().date(),
        lines=lines,
        charges=charges,
    )
    books.say("procurement", f"order/{order_id}", OrderPlaced(order=order))


def _receive(books: "Books", supplier_id: str, order_id: str, receipt_id: str, *lines: ReceiptLine) -> None:
    receipt = GoodsReceipt(
        receipt_id=receipt_id,
        order_id=order_id,
        entity="DE01",
        supplier_id=supplier_id,
        received_on=books.clock.now().date() + timedelta(days=1),
        lines=lines,
    )
    books.say("warehouse", f"receipt/{receipt_id}", GoodsReceived(receipt=receipt))


def billed(books: "Books") -> None:
    """What was ordered is billed: in boxes, too much grease and freight, an order nobody knows, a line of two alike."""
    lines = (
        _billed("1", "Ball bearing 6204-2RS, box of 12", "100", "XBX", "5.88", 588_00, order_line_id="10"),
        _billed("2", "Bearing grease LGMT 2", "40", "KGM", "18.20", 728_00, order_line_id="20"),
        _billed("3", "Calibration of the test bench", "1", "C62", "1900.00", 1_900_00, order_line_id="30"),
        _billed("4", "Express freight", "1", "C62", "260.00", 260_00, kind="freight"),
        _billed("5", "Shaft seals", "20", "C62", "4.10", 82_00, order_id="PO-9999", order_line_id="10"),
    )
    books.bill(SUPPLIER, "MK-2026-0713", "DE01", lines, channel="mail", due_days=21)
    mats = _billed("1", "Filter mat", "30", "C62", "12.40", 372_00, order_id="PO-1011")
    books.bill(FILTERS, "NF-40288", "DE01", (mats,), channel="portal", due_days=14)
    books.pass_time(minutes=5)
    # The same claim, read from a scan: an O for a 0.
    books.bill(SUPPLIER, "MK-2026-O713", "DE01", lines, channel="ap", due_days=21)


def _billed(
    line_id: str,
    description: str,
    quantity: str,
    unit: str,
    price: str,
    net: int,
    *,
    order_id: str = "PO-1010",
    order_line_id: str = "",
    kind: str = "item",
) -> InvoiceLine:
    return InvoiceLine(
        line_id=line_id,
        description=description,
        quantity=Decimal(quantity),
        unit=unit,
        unit_price=Decimal(price),
        net=_eur(net),
        tax_rate=Decimal(19),
        order_id=order_id,
        order_line_id=order_line_id,
        kind=kind,  # type: ignore[arg-type]
    )


def held(books: "Books") -> None:
    """The ERPs tell which holds they placed: one as foreseen, one that nobody foresaw, two invoices without any."""
    rows = {row["number"]: row for row in books.store.read_table("view_invoice", None)}
    told = {"F-771339": ("QTY REC",), "J-60102": ("PRICE",), "EB-900311": (), "HP260508": ()}
    books.intake.offer(
        [
            Message(
                source="erp",
                key=f"holds/{number}",
                data=HoldsReported(holds=holds),
                home=f"supplier/{rows[number]['supplier_id']}",
                subject=rows[number]["subject"],
                entity=rows[number]["entity"],
                actor="system:erp",
            )
            for number, holds in told.items()
        ]
    )
