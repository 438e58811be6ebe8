"""Orders and receipts as tables: one row for each line, rows of one document beside or apart from each other.

The columns are a contract (:data:`ORDERS`, :data:`RECEIPTS`), named in the first row in any order; names are compared
without regard to case and blanks. Numbers are plain (``1234.50``; with a declared decimal comma ``1234,50``), days are
ISO 8601. A bad row takes its document with it, never another one; the proof then says that rows are missing.
"""

import csv
import io
from collections.abc import Callable, Iterator, Sequence
from datetime import date
from decimal import Decimal
from typing import Any, TypeVar

from msgspec import Struct

from tieout.formats import fields
from tieout.formats.format import Format, Head
from tieout.formats.reading import COMMA, Context, CsvShape, Findings, quoted
from tieout.formats.source import Source
from tieout.formats.xml import recode
from tieout.kernel.problem import Code, Problem
from tieout.model.documents import GoodsReceipt, OrderLine, PurchaseOrder, ReceiptLine
from tieout.model.identity import supplier_id_of

DELIMITERS = ",;\t"
_BOMS = ((b"\xef\xbb\xbf", "utf-8"), (b"\xff\xfe", "utf-16-le"), (b"\xfe\xff", "utf-16-be"))
_TRUE, _FALSE = {"true", "yes", "1"}, {"false", "no", "0"}

D = TypeVar("D", PurchaseOrder, GoodsReceipt)


class Contract(Struct, frozen=True):
    """The columns of a table: the first names the document, ``head`` is the same in all its rows, ``line`` is not."""

    format: str
    key: str
    head: tuple[str, ...]
    line: tuple[str, ...]
    optional: frozenset[str]

    @property
    def columns(self) -> tuple[str, ...]:
        """All columns, in the order we write them."""
        return (self.key, *self.head, *self.line)

    @property
    def required(self) -> frozenset[str]:
        """Columns that must be there."""
        return frozenset(self.columns) - self.optional


#: A supplier is named by ``supplier_id`` or by ``supplier_tax_id``, from which the id is derived.
_SUPPLIER = ("supplier_id", "supplier_tax_id")
ORDERS = Contract(
    "csv-orders",
    "order_id",
    ("entity", *_SUPPLIER, "currency", "ordered_on"),
    ("line_id", "item", "quantity", "unit", "unit_price", "description", "tax_rate", "receipt_required"),
    frozenset((*_SUPPLIER, "description", "tax_rate", "receipt_required")),
)
RECEIPTS = Contract(
    "csv-receipts",
    "receipt_id",
    ("order_id", "entity", *_SUPPLIER, "received_on"),
    ("order_line_id", "quantity"),
    frozenset(_SUPPLIER),
)


class _Row(Struct, frozen=True):
    """One row by column name, with its number in the file as an editor shows it."""

    number: int
    cells: dict[str, str]
    is_whole: bool = True

    def where(self, column: str) -> str:
        return f"row {self.number}, {column}"


def read_orders(source: Source, context: Context, findings: Findings) -> Iterator[PurchaseOrder]:
    """Read a table of purchase orders."""
    return _read(source, ORDERS, context, findings, _order)


def read_receipts(source: Source, context: Context, findings: Findings) -> Iterator[GoodsReceipt]:
    """Read a table of deliveries."""
    return _read(source, RECEIPTS, context, findings, _receipt)


# ── tables ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def text_of(body: bytes, shape: CsvShape) -> str | Problem:
    """The table as text; a byte order mark says more than a declaration."""
    bom, encoding = next(((bom, name) for bom, name in _BOMS if body.startswith(bom)), (b"", shape.encoding))
    try:
        text = recode(body, encoding, len(bom))
    except LookupError:
        return Problem(Code.UNREADABLE, "encoding", actual=quoted(encoding), detail="no such encoding")
    if isinstance(text, Problem):
        return text
    return text.decode()


def header_of(line: str, shape: CsvShape) -> tuple[str, tuple[str, ...]]:
    """The delimiter, and the normalised column names it gives; without a declaration the one that gives most names."""
    known = {*ORDERS.columns, *RECEIPTS.columns}
    found = [(shape.delimiter, _split(line, shape.delimiter))] if shape.delimiter else []
    found = found or [(delimiter, _split(line, delimiter)) for delimiter in DELIMITERS]
    return max(found, key=lambda pair: sum(1 for name in pair[1] if name in known))


def _split(line: str, delimiter: str) -> tuple[str, ...]:
    cells = next(iter(csv.reader([line], delimiter=delimiter)), [])
    return tuple(cell.strip().lower().replace(" ", "_") for cell in cells)


def _read(
    source: Source,
    contract: Contract,
    context: Context,
    findings: Findings,
    build: Callable[[list[_Row], CsvShape, Findings], D | None],
) -> Iterator[D]:
    text = text_of(source.whole(), context.csv)
    if isinstance(text, Problem):
        findings.refuse(text)
        return
    rows = _rows(text, contract, context, findings)
    used = 0
    for group in _groups(rows, contract):
        record = _build(group, contract, context, build, findings)
        if record:
            used += len(record.lines)
            yield record
    findings.claim("rows of the table = lines of the documents", "table", str(len(rows)), str(used), len(rows) == used)


def _rows(text: str, contract: Contract, context: Context, findings: Findings) -> list[_Row]:
    """The rows below the header. A row that cannot be read is told and stands for itself, empty."""
    try:
        delimiter, columns = header_of(io.StringIO(text, newline="").readline().rstrip("\r\n"), context.csv)
    except (csv.Error, TypeError) as error:
        findings.fault(Code.UNREADABLE, "row 1", detail=str(error))
        return []
    if not _check_header(columns, contract, findings):
        return []
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    rows: list[_Row] = []
    try:
        next(reader)
        for cells in reader:
            if len(rows) * len(columns) > context.limits.elements_max:
                findings.fault(Code.TOO_LARGE, f"row {reader.line_num}", limit=f"{context.limits.elements_max} cells")
                break
            if any(cell.strip() for cell in cells):
                rows.append(_row(reader.line_num, cells, columns, findings))
    except csv.Error as error:
        findings.fault(Code.UNREADABLE, f"row {reader.line_num}", detail=str(error))
    if not rows:
        # A file that was cut off after its header looks just like this.
        findings.fault(Code.MISSING_FIELD, "row 2", expected="at least one row below the header")
    return rows


def _check_header(columns: Sequence[str], contract: Contract, findings: Findings) -> bool:
    """The contract: every required column once, a supplier column, and no surprises that go unsaid."""
    missing = sorted(contract.required - set(columns))
    if not set(_SUPPLIER) & set(columns):
        missing.append(" or ".join(_SUPPLIER))
    if missing:
        findings.fault(Code.MISSING_FIELD, "row 1", expected=", ".join(missing), actual=", ".join(columns))
    twice = sorted({name for name in columns if name and columns.count(name) > 1})
    if twice:
        findings.fault(Code.BAD_VALUE, "row 1", actual=", ".join(twice), detail="a column stands there twice")
    strange = [name for name in columns if name and name not in contract.columns]
    if strange:
        actual = ", ".join(strange)
        findings.note(Code.UNSUPPORTED_CONTENT, "row 1", actual=actual, detail="unknown columns are not read")
    return not (missing or twice)


def _row(number: int, cells: list[str], columns: Sequence[str], findings: Findings) -> _Row:
    if len(cells) != len(columns):
        expected, actual = f"{len(columns)} cells", f"{len(cells)} cells"
        findings.fault(Code.BAD_VALUE, f"row {number}", expected=expected, actual=actual)
        return _Row(number, {name: cell.strip() for name, cell in zip(columns, cells, strict=False) if name}, False)
    return _Row(number, {name: cell.strip() for name, cell in zip(columns, cells, strict=True) if name})


def _groups(rows: list[_Row], contract: Contract) -> list[list[_Row]]:
    """The rows of each document, documents in the order of their first row."""
    groups: dict[str, list[_Row]] = {}
    for row in rows:
        groups.setdefault(row.cells.get(contract.key, ""), []).append(row)
    return list(groups.values())


def _build(
    group: list[_Row],
    contract: Contract,
    context: Context,
    build: Callable[[list[_Row], CsvShape, Findings], D | None],
    findings: Findings,
) -> D | None:
    """One document, or nothing if anything is wrong with any of its rows."""
    own = Findings()
    first = group[0]
    if not first.cells.get(contract.key):
        own.fault(Code.MISSING_FIELD, first.where(contract.key))
    for row in group:
        for column in contract.head:
            if row.cells.get(column, "") != first.cells.get(column, ""):
                expected = f"{first.cells.get(column, '')} as in row {first.number}"
                own.fault(Code.BAD_VALUE, row.where(column), expected=expected, actual=row.cells.get(column, ""))
    is_whole = own.complete and all(row.is_whole for row in group)
    record = build(group, context.csv, own) if is_whole else None
    findings.adopt(own)
    return record if own.complete else None


# ── documents ──────────────────────────────────────────────────────────────────────────────────────────────────────


def _text(row: _Row, column: str, findings: Findings) -> str:
    return fields.read_text(row.cells.get(column, ""), row.where(column), findings)


def _number(row: _Row, column: str, shape: CsvShape, findings: Findings, default: str = "") -> Decimal:
    text = row.cells.get(column, "") or default
    if shape.decimal == "," and "." in text:
        findings.fault(Code.BAD_VALUE, row.where(column), expected="a decimal comma and no points", actual=text)
        return Decimal(0)
    return fields.read_decimal(text.replace(shape.decimal, "."), row.where(column), findings) or Decimal(0)


def _day(row: _Row, column: str, findings: Findings) -> date:
    return fields.read_day(row.cells.get(column, ""), row.where(column), findings) or date.min


def _flag(row: _Row, column: str, findings: Findings) -> bool:
    text = row.cells.get(column, "").lower()
    if text and text not in _TRUE | _FALSE:
        findings.fault(Code.BAD_VALUE, row.where(column), expected="true or false", actual=text)
    return text not in _FALSE


def _supplier(row: _Row, findings: Findings) -> str:
    """The supplier's id, derived from its tax registration where that is given."""
    supplier_id, tax_id = (row.cells.get(column, "") for column in _SUPPLIER)
    if supplier_id and tax_id and supplier_id != supplier_id_of(tax_id):
        detail = "the tax registration belongs to another supplier id"
        findings.fault(Code.BAD_VALUE, row.where(_SUPPLIER[0]), actual=supplier_id, detail=detail)
    if not (supplier_id or tax_id):
        findings.fault(Code.MISSING_FIELD, row.where(" or ".join(_SUPPLIER)))
    return fields.read_optional(supplier_id, row.where(_SUPPLIER[0]), findings) or supplier_id_of(tax_id)


def _check_ids(ids: list[str], rows: list[_Row], column: str, findings: Findings) -> None:
    seen: set[str] = set()
    for line_id, row in zip(ids, rows, strict=True):
        if line_id in seen:
            findings.fault(Code.BAD_VALUE, row.where(column), actual=line_id, detail="the line is there twice")
        seen.add(line_id)


def _order(rows: list[_Row], shape: CsvShape, findings: Findings) -> PurchaseOrder:
    first = rows[0]
    currency = first.cells.get("currency", "")
    if not fields.is_currency(currency):
        findings.fault(Code.BAD_VALUE, first.where("currency"), expected="an ISO 4217 code", actual=currency)
    lines = tuple(_order_line(row, shape, findings) for row in rows)
    _check_ids([line.line_id for line in lines], rows, "line_id", findings)
    return PurchaseOrder(
        order_id=_text(first, "order_id", findings),
        entity=_text(first, "entity", findings),
        supplier_id=_supplier(first, findings),
        currency=currency,
        ordered_on=_day(first, "ordered_on", findings),
        lines=lines,
    )


def _order_line(row: _Row, shape: CsvShape, findings: Findings) -> OrderLine:
    return OrderLine(
        line_id=_text(row, "line_id", findings),
        item=_text(row, "item", findings),
        quantity=_number(row, "quantity", shape, findings),
        unit=_text(row, "unit", findings),
        unit_price=_number(row, "unit_price", shape, findings),
        description=fields.read_optional(row.cells.get("description", ""), row.where("description"), findings),
        tax_rate=_number(row, "tax_rate", shape, findings, default="0"),
        receipt_required=_flag(row, "receipt_required", findings),
    )


def _receipt(rows: list[_Row], shape: CsvShape, findings: Findings) -> GoodsReceipt:
    first = rows[0]
    lines = tuple(
        ReceiptLine(
            order_line_id=_text(row, "order_line_id", findings), quantity=_number(row, "quantity", shape, findings)
        )
        for row in rows
    )
    return GoodsReceipt(
        receipt_id=_text(first, "receipt_id", findings),
        order_id=_text(first, "order_id", findings),
        entity=_text(first, "entity", findings),
        supplier_id=_supplier(first, findings),
        received_on=_day(first, "received_on", findings),
        lines=lines,
    )


# ── writing ────────────────────────────────────────────────────────────────────────────────────────────────────────


def write_orders(orders: Sequence[PurchaseOrder], shape: CsvShape = COMMA) -> bytes:
    """The table that :func:`read_orders` reads back as the same orders."""
    return _write(ORDERS, orders, shape)


def write_receipts(receipts: Sequence[GoodsReceipt], shape: CsvShape = COMMA) -> bytes:
    """The table that :func:`read_receipts` reads back as the same receipts."""
    return _write(RECEIPTS, receipts, shape)


def _write(contract: Contract, documents: Sequence[D], shape: CsvShape) -> bytes:
    columns = tuple(name for name in contract.columns if name != "supplier_tax_id")
    out = io.StringIO(newline="")
    writer = csv.writer(out, delimiter=shape.delimiter or ",", lineterminator="\r\n")
    writer.writerow(columns)
    for cells in _cells(columns, documents, shape):
        writer.writerow(cells)
    return out.getvalue().encode(shape.encoding)


def _cells(columns: Sequence[str], documents: Sequence[D], shape: CsvShape) -> Iterator[list[str]]:
    for document in documents:
        for line in document.lines:
            yield [_cell(getattr(line, name, None), getattr(document, name, None), shape) for name in columns]


def _cell(of_line: Any, of_document: Any, shape: CsvShape) -> str:
    value = of_document if of_line is None else of_line
    match value:
        case Decimal():
            return f"{value:f}".replace(".", shape.decimal)
        case bool():
            return "true" if value else "false"
        case date():
            return value.isoformat()
        case _:
            return str(value)


# ── recognising ────────────────────────────────────────────────────────────────────────────────────────────────────


def _is(contract: Contract) -> Callable[[Head], bool]:
    """A table goes by its columns: one with receipt numbers is of receipts, which name their orders too."""

    def recognises(head: Head) -> bool:
        columns = _columns(head.lines[0]) if head.lines and not head.is_xml else ()
        keys = [other.key for other in (RECEIPTS, ORDERS) if other.key in columns]
        return len(columns) > 1 and keys[:1] == [contract.key]

    return recognises


def _columns(line: str) -> tuple[str, ...]:
    try:
        return header_of(line, CsvShape())[1]
    except (csv.Error, TypeError):
        return ()


FORMATS = (
    Format(RECEIPTS.format, "Goods receipts as a table", "text/csv", "procurement", read_receipts, _is(RECEIPTS)),
    Format(ORDERS.format, "Purchase orders as a table", "text/csv", "procurement", read_orders, _is(ORDERS)),
)
