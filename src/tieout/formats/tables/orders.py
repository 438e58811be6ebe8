"""Tables of purchase orders and of goods receipts: their columns, and a document out of its rows."""

from typing import get_args

from tieout.formats.reading import Findings
from tieout.formats.tables import cells
from tieout.formats.tables.cells import SUPPLIER
from tieout.formats.tables.contract import Column, Contract, Row, Told
from tieout.kernel.problem import Code
from tieout.model.documents import GoodsReceipt, OrderLine, PurchaseOrder, ReceiptKind, ReceiptLine


def _order(rows: list[Row], told: Told, findings: Findings) -> PurchaseOrder:
    first = rows[0]
    currency = cells.currency(first, findings)
    lines = tuple(_order_line(row, told, findings) for row in rows)
    cells.check_unique([line.line_id for line in lines], rows, "line_id", findings)
    rate = cells.conversion(first, told.shape, findings)
    return PurchaseOrder(
        order_id=cells.text(first, "order_id", findings),
        entity=cells.text(first, "entity", findings),
        supplier_id=cells.supplier(first, findings),
        currency=currency,
        ordered_on=cells.day(first, "ordered_on", findings),
        lines=lines,
        conversion_rate=rate.rate,
        conversion_per=rate.per,
        converted_to=rate.to,
    )


def _order_line(row: Row, told: Told, findings: Findings) -> OrderLine:
    return OrderLine(
        line_id=cells.text(row, "line_id", findings),
        item=cells.text(row, "item", findings),
        quantity=cells.number(row, "quantity", told.shape, findings),
        unit=cells.text(row, "unit", findings),
        unit_price=cells.number(row, "unit_price", told.shape, findings),
        description=cells.optional(row, "description", findings),
        tax_rate=cells.number(row, "tax_rate", told.shape, findings, default="0"),
        receipt_required=cells.flag(row, "receipt_required", findings),
        category=cells.category(row, findings),
    )


def _receipt(rows: list[Row], told: Told, findings: Findings) -> GoodsReceipt:
    first = rows[0]
    lines = tuple(
        ReceiptLine(
            order_line_id=cells.text(row, "order_line_id", findings),
            quantity=cells.number(row, "quantity", told.shape, findings),
            unit=cells.optional(row, "unit", findings),
        )
        for row in rows
    )
    return GoodsReceipt(
        receipt_id=cells.text(first, "receipt_id", findings),
        order_id=cells.text(first, "order_id", findings),
        entity=cells.text(first, "entity", findings),
        supplier_id=cells.supplier(first, findings),
        received_on=cells.day(first, "received_on", findings),
        lines=lines,
        kind=_receipt_kind(first, findings),
        returns=cells.optional(first, "returns", findings),
    )


def _receipt_kind(row: Row, findings: Findings) -> ReceiptKind:
    """Goods that came, unless it says that they were inspected, withdrawn, delivered elsewhere or sent back."""
    said = row.text("kind")
    if said and said not in _RECEIPT_KINDS:
        findings.fault(Code.BAD_VALUE, row.where("kind"), expected=", ".join(_RECEIPT_KINDS), actual=said)
    return _RECEIPT_KINDS.get(said, "receipt")


_RECEIPT_KINDS: dict[str, ReceiptKind] = {kind: kind for kind in get_args(ReceiptKind)}
_SUPPLIER = tuple(Column(name, is_required=False) for name in SUPPLIER)
ORDERS = Contract(
    "csv-orders",
    "Purchase orders as a table",
    "procurement",
    ("order_id",),
    (
        Column("order_id"),
        Column("entity"),
        *_SUPPLIER,
        Column("currency"),
        Column("ordered_on"),
        Column("conversion_rate", is_required=False),
        Column("conversion_per", is_required=False),
        Column("converted_to", is_required=False),
        Column("line_id", is_line=True),
        Column("item", is_line=True),
        Column("quantity", is_line=True),
        Column("unit", is_line=True),
        Column("unit_price", is_line=True),
        Column("description", is_line=True, is_required=False),
        Column("tax_rate", is_line=True, is_required=False),
        Column("receipt_required", is_line=True, is_required=False),
        Column("category", is_line=True, is_required=False),
    ),
    _order,
    (SUPPLIER,),
)
RECEIPTS = Contract(
    "csv-receipts",
    "Goods receipts as a table",
    "procurement",
    ("receipt_id",),
    (
        Column("receipt_id"),
        Column("order_id"),
        Column("entity"),
        *_SUPPLIER,
        Column("received_on"),
        Column("kind", is_required=False),
        Column("returns", is_required=False),
        Column("order_line_id", is_line=True),
        Column("quantity", is_line=True),
        Column("unit", is_line=True, is_required=False),
    ),
    _receipt,
    (SUPPLIER,),
)
