"""The nightly CSV exports, with the habits of a European office: semicolons, decimal commas, 31.12.2026, a BOM.

The last row is ``#END;<rows>;<sum of the quantities>``: a file without it is cut short.
"""

import csv
import io
from collections.abc import Iterable, Sequence
from decimal import Decimal

from tieout_lab.procurement.wire import HeldOrder, HeldReceipt

ORDERS = (
    "PO", "REV", "COMPANY", "VENDOR", "VENDOR_TAX_ID", "CURRENCY", "ORDERED", "STATUS", "LINE", "ITEM", "TEXT", "QTY",
    "UNIT", "PRICE", "PRICE_UNIT", "TAX_RATE", "RECEIPT_REQ",
)  # fmt: skip
RECEIPTS = ("RECEIPT", "PO", "LINE", "COMPANY", "VENDOR", "VENDOR_TAX_ID", "RECEIVED", "QTY", "DELIVERY_NOTE")


def orders_csv(orders: Sequence[HeldOrder]) -> bytes:
    """One row per order line."""
    rows = [
        [
            order.po_number, str(order.revision), order.company, order.vendor.vendor_no, order.vendor.tax_id,
            order.currency, _day(order.ordered_on), order.status, line.line_no, line.item, line.text,
            _number(line.quantity), line.unit, _number(line.price), _number(line.price_unit), _number(line.tax_rate),
            "X" if line.receipt_required else "",
        ]
        for order in orders
        for line in order.lines
    ]  # fmt: skip
    return _file(ORDERS, rows, (line.quantity for order in orders for line in order.lines))


def receipts_csv(receipts: Sequence[HeldReceipt]) -> bytes:
    """One row per receipt line."""
    rows = [
        [
            receipt.receipt_no, receipt.po_number, line.po_line, receipt.company, receipt.vendor.vendor_no,
            receipt.vendor.tax_id, _day(receipt.received_on), _number(line.quantity), receipt.delivery_note,
        ]
        for receipt in receipts
        for line in receipt.lines
    ]  # fmt: skip
    return _file(RECEIPTS, rows, (line.quantity for receipt in receipts for line in receipt.lines))


def _file(head: Sequence[str], rows: Sequence[Sequence[str]], quantities: Iterable[str]) -> bytes:
    text = io.StringIO()
    writer = csv.writer(text, delimiter=";", lineterminator="\r\n")
    writer.writerow(head)
    writer.writerows(rows)
    total = sum((Decimal(quantity) for quantity in quantities), Decimal(0))
    writer.writerow(["#END", str(len(rows)), _number(f"{total:f}")])
    return text.getvalue().encode("utf-8-sig")


def _day(iso: str) -> str:
    year, month, day = iso.split("-")
    return f"{day}.{month}.{year}"


def _number(text: str) -> str:
    return text.replace(".", ",")
