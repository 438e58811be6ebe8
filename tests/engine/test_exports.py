"""Lists as files: exact amounts, texts that stay texts, and what comes back is what went in."""

import csv
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openpyxl import load_workbook

from tieout.engine.exports import Cell, write_csv, write_xlsx

NOON = datetime(2026, 5, 8, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("cell", "text"),
    [
        (Decimal("-12.50"), "-12.50"),
        (Decimal("12345678901234567890.12"), "12345678901234567890.12"),
        (Decimal("1E+3"), "1000"),
        (NOON, "2026-05-08T12:00:00Z"),
        (date(2026, 5, 8), "2026-05-08"),
        (None, ""),
        (7, "7"),
        ("plain", "plain"),
        ("=1+1", "'=1+1"),
        (" =1+1", "' =1+1"),
        ("-12.50", "'-12.50"),
        ("a fee;=cmd()", "a fee;'=cmd()"),
        ('a fee; "@SUM(1)', "a fee; \"'@SUM(1)"),
        ("a fee;\t+1", "a fee;\t'+1"),
        ("price 2 - 1; quantity", "price 2 - 1; quantity"),
    ],
)
def test_a_cell_of_csv(tmp_path: Path, cell: Cell, text: str) -> None:
    assert write_csv(tmp_path / "x.csv", ["one", "two"], [[cell, "end"]]) == 1
    body = (tmp_path / "x.csv").read_bytes().decode("utf-8-sig")
    assert list(csv.reader(body.splitlines())) == [["one", "two"], [text, "end"]]


@pytest.mark.parametrize(
    ("cell", "value", "kind"),
    [
        (Decimal("-12.50"), -12.5, "n"),
        (Decimal("0.001"), 0.001, "n"),
        (Decimal("12345678901234567890.12"), "12345678901234567890.12", "s"),
        ("=1+1", "=1+1", "s"),
        ("http://evil.example", "http://evil.example", "s"),
        ("nul\x00", "nul\ufffd", "s"),
        (NOON, datetime(2026, 5, 8, 12), "d"),
        (date(2026, 5, 8), datetime(2026, 5, 8), "d"),
        (7, 7, "n"),
    ],
)
def test_a_cell_of_a_workbook(tmp_path: Path, cell: Cell, value: object, kind: str) -> None:
    assert write_xlsx(tmp_path / "x.xlsx", "A list", ["one"], [[cell]]) == 1
    read = load_workbook(tmp_path / "x.xlsx").active.cell(2, 1)
    assert (read.value, read.data_type) == (value, kind)


@given(st.text(st.characters(codec="utf-8", exclude_characters="\r\n\x00"), max_size=30))
def test_no_text_of_csv_begins_like_a_formula(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    file = tmp_path_factory.getbasetemp() / "formula.csv"
    write_csv(file, ["one", "two"], [[text, "end"]])
    body = file.read_bytes().decode("utf-8-sig")
    cell = next(csv.reader([body.partition("\r\n")[2]]))[0]
    assert not cell.lstrip(" ").startswith(("=", "+", "-", "@", "\t"))
    assert cell.removeprefix("'") == text.removeprefix("'") or cell == text
