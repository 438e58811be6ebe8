"""Journal entries and statements as Parquet: read back with DuckDB, every amount exact."""

import builtins
from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tieout.engine import parquet
from tieout.engine.parquet import JOURNALS, STATEMENTS, write_parquet
from tieout.kernel.errors import ConfigError
from tieout.kernel.money import Money
from tieout.model.documents import BankStatement, JournalEntry, JournalLine, StatementEntry

duckdb = pytest.importorskip("duckdb", reason="the extra `bulk` is not installed")

DAY = date(2026, 3, 31)
MONEY = (Money(10**17, "JPY"), Money(-1, "EUR"), Money(12_345, "KWD"), Money(0, "USD"), Money(10**17, "CLF"))


def entry(number: int) -> JournalEntry:
    return JournalEntry(
        journal_id=f"J-{number}",
        entity="nordwind",
        posted_on=DAY,
        text='O\'Neill "&" Söhne, 100 %',
        lines=tuple(JournalLine(account="1", amount=money, cost_centre="K") for money in MONEY),
        reverses="J-0",
    )


def rows(path: Path) -> tuple[list[tuple[str, str]], list[Any]]:
    with duckdb.connect() as connection:
        found = connection.execute(f"SELECT * FROM '{path}'")
        return [(column[0], str(column[1])) for column in found.description], found.fetchall()


def test_every_line_is_a_row_and_every_amount_exact(tmp_path: Path) -> None:
    path = tmp_path / "it's.parquet"
    assert write_parquet(JOURNALS, map(entry, range(1, 3)), path) == 10
    columns, found = rows(tmp_path / "it''s.parquet")
    assert [name for name, _ in columns] == [name for name, _ in JOURNALS.columns]
    assert dict(columns)["amount"] == "DECIMAL(38,4)"
    text = 'O\'Neill "&" Söhne, 100 %'
    assert found == [
        (f"J-{number}", "nordwind", DAY, text, "J-0", place, "1", money.amount, money.currency, "", "K", "")
        for number in (1, 2)
        for place, money in enumerate(MONEY, 1)
    ]
    assert all(isinstance(row[7], Decimal) for row in found)
    assert [path.name for path in tmp_path.iterdir()] == ["it's.parquet"]


def test_the_order_is_kept_over_batches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parquet, "BATCH", 7)
    assert write_parquet(JOURNALS, map(entry, range(20)), tmp_path / "j.parquet") == 100
    _, found = rows(tmp_path / "j.parquet")
    assert [(row[0], row[5]) for row in found] == [
        (f"J-{number}", place) for number in range(20) for place in range(1, 6)
    ]


def test_nothing_is_a_file_without_rows(tmp_path: Path) -> None:
    assert write_parquet(JOURNALS, (), tmp_path / "j.parquet") == 0
    assert rows(tmp_path / "j.parquet")[1] == []


def test_entries_of_statements(tmp_path: Path) -> None:
    line = StatementEntry(
        entry_id="e1", amount=Money(-1999, "EUR"), booked_on=DAY, remittance="INV-1", type_code="GVC 116"
    )
    statement = BankStatement(
        statement_id="s1",
        iban="DE1",
        currency="EUR",
        opening=Money(0, "EUR"),
        closing=Money(-1999, "EUR"),
        opened_on=DAY,
        closed_on=DAY,
        entries=(line,),
    )
    assert write_parquet(STATEMENTS, [statement], tmp_path / "s.parquet") == 1
    assert rows(tmp_path / "s.parquet")[1] == [
        ("s1", "DE1", 1, "e1", Decimal("-19.99"), "EUR", DAY, None, "BOOK", "", "", "", "", "INV-1", "", "GVC 116")
    ]


def test_a_file_that_fails_leaves_the_old_one(tmp_path: Path) -> None:
    def broken() -> Iterator[JournalEntry]:
        yield entry(1)
        raise RuntimeError("the line went dead")

    path = tmp_path / "j.parquet"
    write_parquet(JOURNALS, [entry(1)], path)
    before = path.read_bytes()
    with pytest.raises(RuntimeError):
        write_parquet(JOURNALS, broken(), path)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_without_the_extra_it_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def without(name: str, *rest: Any) -> Any:
        if name == "duckdb":
            raise ImportError(name)
        return real(name, *rest)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(ConfigError, match=r"pip install 'tieout\[bulk\]'"):
        write_parquet(JOURNALS, (), tmp_path / "j.parquet")
