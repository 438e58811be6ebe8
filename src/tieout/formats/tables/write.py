"""Writing tables that are read back as the same documents."""

import csv
import io
from collections.abc import Iterator, Sequence
from datetime import date
from decimal import Decimal
from typing import Any

from tieout.formats.reading import COMMA, CsvShape
from tieout.formats.tables.contract import Column, Contract
from tieout.formats.tables.invoices import INVOICES
from tieout.formats.tables.orders import ORDERS, RECEIPTS
from tieout.kernel.money import Money
from tieout.model.documents import GoodsReceipt, Invoice, PurchaseOrder


def write_orders(orders: Sequence[PurchaseOrder], shape: CsvShape = COMMA) -> bytes:
    """The table that is read back as the same orders."""
    return _write(ORDERS, orders, shape)


def write_receipts(receipts: Sequence[GoodsReceipt], shape: CsvShape = COMMA) -> bytes:
    """The table that is read back as the same receipts."""
    return _write(RECEIPTS, receipts, shape)


def write_invoices(invoices: Sequence[Invoice], shape: CsvShape = COMMA) -> bytes:
    """The table that is read back as the same invoices, but for the mark of their original."""
    return _write(INVOICES, invoices, shape)


def _write(contract: Contract, documents: Sequence[Any], shape: CsvShape) -> bytes:
    columns = [column for column in contract.columns if _is_ours(column, documents)]
    out = io.StringIO(newline="")
    writer = csv.writer(out, delimiter=shape.delimiter or ",", lineterminator="\r\n")
    writer.writerow(column.name for column in columns)
    for cells in _cells(columns, documents, shape):
        writer.writerow(cells)
    return out.getvalue().encode(shape.encoding)


def _is_ours(column: Column, documents: Sequence[Any]) -> bool:
    """Whether our documents have such a field; some columns are only for what others write."""
    return column.is_line or all(hasattr(document, column.attribute or column.name) for document in documents)


def _cells(columns: Sequence[Column], documents: Sequence[Any], shape: CsvShape) -> Iterator[list[str]]:
    for document in documents:
        for line in document.lines:
            holders = ((line if column.is_line else document, column.attribute or column.name) for column in columns)
            yield [_cell(getattr(holder, name), shape) for holder, name in holders]


def _cell(value: object, shape: CsvShape) -> str:
    match value:
        case None:
            return ""
        case Money():
            return f"{value.amount:f}".replace(".", shape.decimal)
        case Decimal():
            return f"{value:f}".replace(".", shape.decimal)
        case bool():
            return "true" if value else "false"
        case date():
            return value.isoformat()
        case _:
            return str(value)
