"""Lists as files for spreadsheets: CSV and XLSX, row after row, however long the list is.

Amounts are exact and stand beside their currency. A spreadsheet runs a text that begins like a formula, so such a text
is quoted (OWASP, "CSV injection"): what a supplier writes on an invoice is never run on the desk of whoever opens it.
"""

import csv
import re
from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, Literal

from xlsxwriter import Workbook

Format = Literal["csv", "xlsx"]
MEDIA_TYPES: dict[Format, str] = {
    "csv": "text/csv; charset=utf-8",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}
#: What a spreadsheet may take for a formula, or for the beginning of one after it has dropped a blank.
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")
#: The same in the middle of a text, where a spreadsheet that parts cells by semicolons would begin a new one.
_NEXT_CELL = re.compile(r"(;[ \t\"]*)([=+\-@])")
#: What XML 1.0 cannot hold.
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")
#: A spreadsheet computes with binary numbers of about 15 digits; longer amounts are texts there.
_DIGITS_MAX = 15
_CELL_MAX = 32_767
#: So many rows a worksheet can have; its first has the names of the columns.
ROWS_MAX = 1_048_575

Cell = str | int | Decimal | datetime | date | None


def write(format: Format, file: Path, title: str, columns: Sequence[str], rows: Iterable[Sequence[Cell]]) -> int:
    """Write a list to a file and say how many rows it has. An XLSX file ends at ``ROWS_MAX`` rows."""
    return write_csv(file, columns, rows) if format == "csv" else write_xlsx(file, title, columns, rows)


def write_csv(file: Path, columns: Sequence[str], rows: Iterable[Sequence[Cell]]) -> int:
    """UTF-8 with a mark by which spreadsheets know it (RFC 4180 otherwise)."""
    count = 0
    with file.open("w", encoding="utf-8-sig", newline="") as out:
        writer = csv.writer(out, lineterminator="\r\n")
        writer.writerow(columns)
        for row in rows:
            writer.writerow([_text(cell) for cell in row])
            count += 1
    return count


def _text(cell: Cell) -> str:
    match cell:
        case None:
            return ""
        case str():
            begun = f"'{cell}" if cell.lstrip(" ").startswith(_FORMULA) else cell
            return _NEXT_CELL.sub(r"\1'\2", begun)
        case Decimal():
            return f"{cell:f}"
        case datetime():
            return f"{cell.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
        case date():
            return cell.isoformat()
        case int():
            return str(cell)


def write_xlsx(file: Path, title: str, columns: Sequence[str], rows: Iterable[Sequence[Cell]]) -> int:
    """One worksheet. Texts are texts there, whatever they begin with; days and times are real ones (UTC)."""
    count = 0
    with Workbook(str(file), {"constant_memory": True, "strings_to_formulas": False, "strings_to_urls": False}) as book:
        sheet = _Sheet(book, title)
        sheet.head(columns)
        for row in rows:
            if count == ROWS_MAX:
                break
            count += 1
            for column, cell in enumerate(row):
                sheet.put(count, column, cell)
    return count


class _Sheet:
    """One worksheet and the formats its cells have used so far."""

    def __init__(self, book: Workbook, title: str) -> None:
        self._book = book
        self._sheet = book.add_worksheet(title[:31])
        self._formats: dict[str, Any] = {}

    def head(self, columns: Sequence[str]) -> None:
        """The names of the columns, which stay in sight."""
        self._sheet.freeze_panes(1, 0)
        self._sheet.write_row(0, 0, columns, self._book.add_format({"bold": True}))

    def put(self, row: int, column: int, cell: Cell) -> None:
        """Write one cell."""
        match cell:
            case None | "":
                return
            case str():
                self._sheet.write_string(row, column, _CONTROL.sub("\ufffd", cell)[:_CELL_MAX])
            case Decimal() | int():
                self._number(row, column, Decimal(cell))
            case datetime():
                moment = cell.astimezone(UTC).replace(tzinfo=None)
                self._sheet.write_datetime(row, column, moment, self._format("yyyy-mm-dd hh:mm"))
            case date():
                self._sheet.write_datetime(row, column, cell, self._format("yyyy-mm-dd"))

    def _number(self, row: int, column: int, number: Decimal) -> None:
        _, digits, exponent = number.as_tuple()
        if len(digits) > _DIGITS_MAX:
            self._sheet.write_string(row, column, f"{number:f}")
            return
        places = max(0, -int(exponent))
        self._sheet.write_number(row, column, number, self._format("0" + ("." + "0" * places if places else "")))

    def _format(self, pattern: str) -> Any:
        if pattern not in self._formats:
            self._formats[pattern] = self._book.add_format({"num_format": pattern})
        return self._formats[pattern]
