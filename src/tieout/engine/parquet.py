"""Journal entries and statement entries as Parquet files, for people who look at millions of them with other tools.

Amounts are exact decimals with the currency beside them, never floats. Rows are taken in batches, kept in a database
file beside the target while it grows, and written out at the end; the target appears when it is whole, or not at all.
So memory does not grow with the number of rows. This needs DuckDB (``pip install 'tieout[bulk]'``).
"""

import tempfile
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any, Generic, TypeVar

from msgspec import Struct

from tieout.kernel.errors import ConfigError
from tieout.model.documents import BankStatement, JournalEntry

BATCH = 10_000
#: Four decimals are the most that a currency has; 38 digits the most that Parquet has.
AMOUNT = "DECIMAL(38, 4)"
_MEMORY = "256MB"

D = TypeVar("D")
Row = tuple[Any, ...]


class Table(Struct, Generic[D], frozen=True):
    """The columns of a file with their types in SQL, and the rows that a document has."""

    columns: tuple[tuple[str, str], ...]
    rows: Callable[[D], Iterator[Row]]


def _journal_rows(entry: JournalEntry) -> Iterator[Row]:
    head = (entry.journal_id, entry.entity, entry.posted_on.isoformat(), entry.text, entry.reverses)
    for number, line in enumerate(entry.lines, 1):
        money = (f"{line.amount.amount:f}", line.amount.currency)
        yield (*head, number, line.account, *money, line.text, line.cost_centre, line.tax_code)


def _statement_rows(statement: BankStatement) -> Iterator[Row]:
    for number, entry in enumerate(statement.entries, 1):
        yield (
            statement.statement_id,
            statement.iban,
            number,
            entry.entry_id,
            f"{entry.amount.amount:f}",
            entry.amount.currency,
            entry.booked_on.isoformat(),
            entry.value_on.isoformat() if entry.value_on else None,
            entry.status,
            entry.end_to_end_id,
            entry.bank_reference,
            entry.counterparty,
            entry.counterparty_iban,
            entry.remittance,
            entry.return_reason,
            entry.type_code,
        )


def _texts(*names: str) -> tuple[tuple[str, str], ...]:
    return tuple((name, "VARCHAR") for name in names)


#: One row for each side of an entry; debits are positive.
JOURNALS = Table[JournalEntry](
    (
        *_texts("journal_id", "entity"),
        ("posted_on", "DATE"),
        *_texts("journal_text", "reverses"),
        ("line", "INTEGER"),
        *_texts("account"),
        ("amount", AMOUNT),
        *_texts("currency", "text", "cost_centre", "tax_code"),
    ),
    _journal_rows,
)
#: One row for each line of a bank statement; money out is negative.
STATEMENTS = Table[BankStatement](
    (
        *_texts("statement_id", "iban"),
        ("line", "INTEGER"),
        *_texts("entry_id"),
        ("amount", AMOUNT),
        *_texts("currency"),
        ("booked_on", "DATE"),
        ("value_on", "DATE"),
        *_texts("status", "end_to_end_id", "bank_reference", "counterparty", "counterparty_iban"),
        *_texts("remittance", "return_reason", "type_code"),
    ),
    _statement_rows,
)


def write_parquet(table: Table[D], documents: Iterable[D], target: Path) -> int:
    """Write all rows of the documents, in their order, and say how many there are. An older file gives way."""
    duckdb = _duckdb()
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=f".{target.name}-") as folder:
        whole = Path(folder, "whole.parquet")
        with duckdb.connect(str(Path(folder, "rows.duckdb"))) as connection:
            connection.execute(f"SET memory_limit = '{_MEMORY}'")
            connection.execute("SET threads = 1")
            columns = ", ".join(f'"{name}" {kind}' for name, kind in table.columns)
            connection.execute(f"CREATE TABLE rows ({columns})")
            count = _insert(connection, table, (row for document in documents for row in table.rows(document)))
            connection.execute(f"COPY rows TO '{_quoted(whole)}' (FORMAT parquet, COMPRESSION zstd)")
        whole.replace(target)
    return count


def _insert(connection: Any, table: Table[D], rows: Iterator[Row]) -> int:
    """Batch by batch, each column as one list of texts, which the database turns into exact values of its type."""
    values = ", ".join(f"CAST(unnest(?::VARCHAR[]) AS {kind})" for _, kind in table.columns)
    count = 0
    while batch := list(islice(rows, BATCH)):
        columns = [[None if cell is None else str(cell) for cell in column] for column in zip(*batch, strict=True)]
        connection.execute(f"INSERT INTO rows SELECT {values}", columns)
        count += len(batch)
    return count


def _quoted(path: Path) -> str:
    return str(path).replace("'", "''")


def _duckdb() -> Any:
    try:
        import duckdb  # an extra that most installations do without
    except ImportError as error:
        message = "Parquet files need DuckDB, which is not installed. Run `pip install 'tieout[bulk]'` and try again."
        raise ConfigError(message) from error
    return duckdb
