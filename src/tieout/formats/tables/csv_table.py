"""Comma-separated text (RFC 4180) as rows: its encoding, its delimiter, its header."""

import csv
import io
import re
from collections.abc import Iterable

from tieout.formats.reading import Context, CsvShape, Findings, quoted
from tieout.formats.tables.contract import Contract, Row, check_header
from tieout.formats.xml import recode
from tieout.kernel.problem import Code, Problem

DELIMITERS = ",;\t|"
_BOMS = ((b"\xef\xbb\xbf", "utf-8"), (b"\xff\xfe", "utf-16-le"), (b"\xfe\xff", "utf-16-be"))
#: A line that spreadsheets write and read before the header, to say which delimiter follows.
_SEPARATOR = re.compile(r"\"?sep=(.)\"?[\r\n]*", re.IGNORECASE)


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


def header_of(lines: Iterable[str], shape: CsvShape, known: frozenset[str]) -> tuple[str, tuple[str, ...], int]:
    """The delimiter, the column names it gives, and the row they are in; without a declaration the one that gives most
    names we know."""
    rows = iter(lines)
    line, row = next(rows, ""), 1
    delimiter = shape.delimiter
    if found := _SEPARATOR.fullmatch(line):
        delimiter, line, row = found[1], next(rows, ""), 2
    line = line.rstrip("\r\n")
    choices = [(sign, _split(line, sign)) for sign in ([delimiter] if delimiter else DELIMITERS)]
    delimiter, names = max(choices, key=lambda choice: sum(1 for name in choice[1] if name in known))
    return delimiter, names, row


def _split(line: str, delimiter: str) -> tuple[str, ...]:
    return tuple(column_name(cell) for cell in next(iter(csv.reader([line], delimiter=delimiter)), []))


def column_name(cell: str) -> str:
    """A column name as it is compared: without regard to case and blanks."""
    return "_".join(cell.strip().lower().split())


def rows_of(
    text: str, contract: Contract, known: frozenset[str], context: Context, findings: Findings
) -> list[Row] | None:
    """The rows below the header, or nothing without the right header. A row that cannot be read is told and stands for
    itself, with what it has."""
    try:
        delimiter, columns, header_row = header_of(io.StringIO(text, newline=""), context.csv, known)
    except (csv.Error, TypeError) as error:
        findings.fault(Code.UNREADABLE, "row 1", detail=str(error))
        return None
    if not check_header(columns, contract, f"row {header_row}", findings):
        return None
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    rows: list[Row] = []
    try:
        for _ in range(header_row):
            next(reader)
        for cells in reader:
            if len(rows) * len(columns) > context.limits.elements_max:
                findings.fault(Code.TOO_LARGE, f"row {reader.line_num}", limit=f"{context.limits.elements_max} cells")
                break
            if any(cell.strip() for cell in cells):
                rows.append(_row(reader.line_num, cells, columns, findings))
    except csv.Error as error:
        findings.fault(Code.UNREADABLE, f"row {reader.line_num}", detail=str(error))
    return rows


def _row(number: int, cells: list[str], columns: tuple[str, ...], findings: Findings) -> Row:
    if len(cells) != len(columns):
        expected, actual = f"{len(columns)} cells", f"{len(cells)} cells"
        findings.fault(Code.BAD_VALUE, f"row {number}", expected=expected, actual=actual)
        return Row(number, {name: cell.strip() for name, cell in zip(columns, cells, strict=False) if name}, False)
    return Row(number, {name: cell.strip() for name, cell in zip(columns, cells, strict=True) if name})
