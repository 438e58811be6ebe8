"""Orders, receipts and invoices as tables, in text (CSV) or in a workbook (XLSX): one engine, one contract for each.

Numbers in text are plain (``1234.50``; with a declared decimal comma ``1234,50``), days are ISO 8601. The page
``docs/tables.md`` lists the columns.
"""

import csv
from collections.abc import Callable, Iterator
from typing import Any

from tieout.formats.containers import is_office
from tieout.formats.format import Format, Head
from tieout.formats.reading import Context, CsvShape, Findings, Reader
from tieout.formats.source import Source
from tieout.formats.tables.contract import Contract, Row, Told, check_header, documents
from tieout.formats.tables.csv_table import column_name, header_of, rows_of, text_of
from tieout.formats.tables.invoices import INVOICES
from tieout.formats.tables.orders import ORDERS, RECEIPTS
from tieout.formats.tables.workbook import Cells, Sheet, Workbook, open_workbook
from tieout.formats.tables.write import write_invoices, write_orders, write_receipts
from tieout.kernel.problem import Code, Problem
from tieout.model.identity import normal_tax_id

__all__ = ["CONTRACTS", "FORMATS", "read_invoices", "read_orders", "read_receipts", "read_workbook"]
__all__ += ["write_invoices", "write_orders", "write_receipts"]

#: The first whose key stands in the header is meant: receipts and invoices name orders too.
CONTRACTS = (RECEIPTS, INVOICES, ORDERS)
_KNOWN = frozenset(name for contract in CONTRACTS for name in contract.names)
WORKBOOK = "xlsx"
#: How workbooks of before 2007 begin, and those that are encrypted with a password (MS-CFB, section 2.2).
_COMPOUND = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
#: A title and a few remarks may stand above the header.
_ROWS_ABOVE_MAX = 20


def _reader(contract: Contract) -> Reader:
    """The reader of one kind of table in text."""

    def read(source: Source, context: Context, findings: Findings) -> Iterator[Any]:
        text = text_of(source.whole(), context.csv)
        if isinstance(text, Problem):
            findings.refuse(text)
            return
        rows = rows_of(text, contract, _KNOWN, context, findings)
        if rows is not None:
            yield from documents(rows, contract, _told(source, context), findings)

    return read


read_orders, read_receipts, read_invoices = (_reader(contract) for contract in (ORDERS, RECEIPTS, INVOICES))


def _told(source: Source, context: Context) -> Told:
    entities = {normal_tax_id(key): entity for key, entity in context.entities_by_tax_id.items()}
    return Told(context.csv, entities, source.mark)


# ── workbooks ──────────────────────────────────────────────────────────────────────────────────────────────────────


def read_workbook(source: Source, context: Context, findings: Findings) -> Iterator[Any]:
    """Read the first sheet of a workbook that has the columns of a table we know."""
    if source.whole().startswith(_COMPOUND):
        detail = "a workbook of before 2007 (.xls), or one with a password; save it as .xlsx without one"
        findings.fault(Code.UNREADABLE, "byte 0", expected="an .xlsx workbook", detail=detail)
        return
    workbook = open_workbook(source, context, findings)
    if workbook is None:
        return
    for sheet in workbook.sheets:
        found = _table(workbook, sheet, context, findings)
        if found is not None:
            contract, rows = found
            yield from documents(rows, contract, _told(source, context), findings)
            return
        if not findings.complete:
            return
    names = ", ".join(sheet.name for sheet in workbook.sheets)
    expected = "a sheet with the columns of orders, receipts or invoices"
    findings.fault(Code.UNKNOWN_FORMAT, "row 1", expected=expected, actual=names)


def _table(workbook: Workbook, sheet: Sheet, context: Context, findings: Findings) -> tuple[Contract, list[Row]] | None:
    """The contract and the rows of a sheet, if it has the key columns of one."""
    contract: Contract | None = None
    columns: dict[int, str] = {}
    rows: list[Row] = []
    told = _SheetNotes(sheet)
    for cells in workbook.rows(sheet, findings):
        if contract is not None:
            if (len(rows) + 1) * len(columns) > context.limits.elements_max:
                limit = f"{context.limits.elements_max} cells"
                findings.fault(Code.TOO_LARGE, f"sheet {sheet.name}, row {cells.number}", limit=limit)
                break
            told.look_at(cells, columns)
            if cells.texts.keys() & columns.keys() or cells.wrong.keys() & columns.keys():
                rows.append(_row(cells, columns, sheet, findings))
        elif cells.number > _ROWS_ABOVE_MAX:
            return None
        else:
            columns = {index: column_name(text) for index, text in cells.texts.items()}
            contract = _contract(tuple(columns.values()))
            where = f"sheet {sheet.name}, row {cells.number}"
            if contract and not check_header(tuple(columns.values()), contract, where, findings):
                return None
    told.tell(findings)
    return (contract, rows) if contract is not None else None


class _SheetNotes:
    """What is worth knowing about a sheet as a whole, told once."""

    def __init__(self, sheet: Sheet) -> None:
        self._sheet = sheet
        self._hidden: list[int] = []
        self._beside: list[int] = []

    def look_at(self, cells: Cells, columns: dict[int, str]) -> None:
        if cells.is_hidden:
            self._hidden.append(cells.number)
        if cells.texts.keys() - columns.keys():
            self._beside.append(cells.number)

    def tell(self, findings: Findings) -> None:
        for rows, detail in (
            (self._hidden, "hidden rows are read like all others"),
            (self._beside, "cells beside the table, under no header, are not read"),
        ):
            if rows:
                where = f"sheet {self._sheet.name}, row {rows[0]}"
                findings.note(Code.UNSUPPORTED_CONTENT, where, actual=f"{len(rows)} rows", detail=detail)


def _row(cells: Cells, columns: dict[int, str], sheet: Sheet, findings: Findings) -> Row:
    wrong = [problem for column, problem in cells.wrong.items() if column in columns]
    for problem in wrong:
        findings.refuse(problem)
    texts = {name: cells.texts.get(index, "") for index, name in columns.items()}
    return Row(cells.number, texts, not wrong, sheet.name)


# ── recognising ────────────────────────────────────────────────────────────────────────────────────────────────────


def _contract(columns: tuple[str, ...]) -> Contract | None:
    """The contract whose key stands among the columns."""
    if len(columns) < 2:
        return None
    return next((contract for contract in CONTRACTS if contract.key[0] in columns), None)


def _is(contract: Contract) -> Callable[[Head], bool]:
    return lambda head: not head.is_xml and _contract(_columns(head)) is contract


def _columns(head: Head) -> tuple[str, ...]:
    try:
        return header_of(head.lines, CsvShape(), _KNOWN)[1] if head.lines else ()
    except (csv.Error, TypeError):
        return ()


def _is_workbook(head: Head) -> bool:
    return is_office(head) or head.body.startswith(_COMPOUND)


_XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
FORMATS = (
    *(
        Format(contract.format, contract.title, "text/csv", contract.family, reader, _is(contract))
        for contract, reader in ((RECEIPTS, read_receipts), (INVOICES, read_invoices), (ORDERS, read_orders))
    ),
    Format(WORKBOOK, "Orders, receipts or invoices in a workbook", _XLSX, "procurement", read_workbook, _is_workbook),
)
