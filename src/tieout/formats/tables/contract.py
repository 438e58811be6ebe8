"""The contract of a table: which columns it has, which of them must be there, and what makes rows one document.

Columns are named in the header in any order; names are compared without regard to case and blanks. One row is one line
of a document; what belongs to the whole document stands in each of its rows and must be the same in all of them. Rows
of one document lie beside or apart from each other. A bad row takes its document with it, never another one; the proof
then says that rows are missing.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from msgspec import Struct

from tieout.formats.reading import CsvShape, Findings
from tieout.kernel.problem import Code


class Column(Struct, frozen=True):
    """One column. ``attribute``: what our document calls it, where that is another name."""

    name: str
    is_line: bool = False
    is_required: bool = True
    attribute: str = ""


class Row(Struct, frozen=True):
    """One row by column name, with its number as an editor or a spreadsheet shows it."""

    number: int
    cells: dict[str, str]
    is_whole: bool = True
    sheet: str = ""

    def where(self, column: str) -> str:
        """Where a cell is, for people."""
        return f"{self.sheet and f'sheet {self.sheet}, '}row {self.number}, {column}"

    def text(self, column: str) -> str:
        """What stands in a column; empty when there is no such column."""
        return self.cells.get(column, "")


Build = Callable[[list[Row], "Told", Findings], Any]


class Told(Struct, frozen=True):
    """What a table does not say about itself: how numbers are written, who our entities are (by their normalised tax
    registrations), and the mark of the original."""

    shape: CsvShape
    entities: Mapping[str, str]
    document: str


class Contract(Struct, frozen=True):
    """The columns of a kind of table, and who makes a document of its rows.

    ``key``: columns that tell one document from another. ``one_of``: columns of which one at least must be there.
    """

    format: str
    title: str
    family: str
    key: tuple[str, ...]
    columns: tuple[Column, ...]
    build: Build
    one_of: tuple[tuple[str, ...], ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """The names of all columns, in the order we write them."""
        return tuple(column.name for column in self.columns)

    @property
    def head(self) -> tuple[str, ...]:
        """The columns that are the same in all rows of a document."""
        return tuple(column.name for column in self.columns if not column.is_line)


def check_header(columns: Sequence[str], contract: Contract, where: str, findings: Findings) -> bool:
    """The contract: every required column once, one of each group, and no surprises that go unsaid."""
    missing = sorted(column.name for column in contract.columns if column.is_required and column.name not in columns)
    missing += [" or ".join(group) for group in contract.one_of if not set(group) & set(columns)]
    if missing:
        findings.fault(Code.MISSING_FIELD, where, expected=", ".join(missing), actual=", ".join(columns))
    twice = sorted({name for name in columns if name and columns.count(name) > 1})
    if twice:
        findings.fault(Code.BAD_VALUE, where, actual=", ".join(twice), detail="a column stands there twice")
    strange = [name for name in columns if name and name not in contract.names]
    if strange:
        actual = ", ".join(strange)
        findings.note(Code.UNSUPPORTED_CONTENT, where, actual=actual, detail="unknown columns are not read")
    return not (missing or twice)


def documents(rows: list[Row], contract: Contract, told: Told, findings: Findings) -> Iterator[Any]:
    """The documents of a table, in the order of their first rows, and the proof that every row went into one."""
    if not rows:
        # A file that was cut off after its header looks just like this.
        findings.fault(Code.MISSING_FIELD, "row 2", expected="at least one row below the header")
    used = 0
    for group in _groups(rows, contract):
        record = _document(group, contract, told, findings)
        if record:
            used += len(record.lines)
            yield record
    findings.claim("rows of the table = lines of the documents", "table", str(len(rows)), str(used), len(rows) == used)


def _groups(rows: list[Row], contract: Contract) -> list[list[Row]]:
    groups: dict[tuple[str, ...], list[Row]] = {}
    for row in rows:
        groups.setdefault(tuple(row.text(name) for name in contract.key), []).append(row)
    return list(groups.values())


def _document(group: list[Row], contract: Contract, told: Told, findings: Findings) -> Any:
    """One document, or nothing if anything is wrong with any of its rows."""
    own = Findings()
    first = group[0]
    if not first.text(contract.key[0]):
        own.fault(Code.MISSING_FIELD, first.where(contract.key[0]))
    for row in group:
        for column in contract.head:
            if row.text(column) != first.text(column):
                expected = f"{first.text(column)} as in row {first.number}"
                own.fault(Code.BAD_VALUE, row.where(column), expected=expected, actual=row.text(column))
    is_whole = own.complete and all(row.is_whole for row in group)
    record = contract.build(group, told, own) if is_whole else None
    findings.adopt(own)
    return record if own.complete else None
