"""Journal entries as tables: read one after the other, proved, and written so that they are read back equal."""

from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from tieout.conformance.formats import ReaderConformance
from tieout.formats.detect import detect, read
from tieout.formats.ledger.journal_csv import journal_pieces, read_journals, write_journals
from tieout.formats.reading import Context, CsvShape, Findings, Reading
from tieout.kernel.money import Money
from tieout.kernel.problem import Code
from tieout.model.documents import JournalEntry, JournalLine

DATA = Path(__file__).parents[1] / "data" / "ledger"
HEAD = "journal_id,entity,posted_on,account,debit,credit,currency,text\n"


def data() -> str:
    return (DATA / "journals.csv").read_text(encoding="utf-8")


def of(text: str, **told: Any) -> Reading[Any]:
    return read(text.encode(), context=Context(**told))


def eur(amount: str) -> Money:
    return Money.of(Decimal(amount), "EUR")


ENTRIES = (
    JournalEntry(
        journal_id="AP/1",
        entity="nordwind",
        posted_on=date(2026, 3, 31),
        text="Rent of March",
        lines=(
            JournalLine(account="6300", amount=eur("1000.00"), text="Rent", cost_centre="K-10"),
            JournalLine(account="1576", amount=eur("190.00"), text="Input tax", tax_code="V19"),
            JournalLine(account="3300", amount=eur("-1190.00"), text="Halls, Inc."),
        ),
    ),
    JournalEntry(
        journal_id="GL-2",
        entity="nordwind",
        posted_on=date(2026, 4, 1),
        text="Accrual back",
        lines=(JournalLine(account="3980", amount=eur("250.00")), JournalLine(account="6000", amount=eur("-250.00"))),
        reverses="GL-1",
    ),
)


def test_entries_are_read_and_every_sum_is_proved() -> None:
    reading = of(data())
    assert (reading.format, reading.records, reading.diagnostics) == ("csv-journals", ENTRIES, ())
    assert [(claim.name, claim.declared, claim.computed) for claim in reading.proof.claims] == [
        ("the lines of an entry sum to zero in EUR", "0.00 EUR", "0.00 EUR"),
        ("the lines of an entry sum to zero in EUR", "0.00 EUR", "0.00 EUR"),
        ("debits = credits of the file in EUR", "1,440.00 EUR", "1,440.00 EUR"),
        ("rows of the table = lines of the entries", "5", "5"),
    ]


def test_signed_amounts_and_a_decimal_comma() -> None:
    text = "Journal_ID;entity;posted on;account;Amount;currency\nJ1;DE 1;2026-01-31;1;12,50;EUR\nJ1;DE 1;2026-01-31;2;-12,50;EUR\n"
    reading = of(text, csv=CsvShape(decimal=","), entities_by_tax_id={"DE1": "nordwind"})
    (entry,) = reading.records
    assert (entry.entity, [line.amount for line in entry.lines]) == ("nordwind", [eur("12.50"), eur("-12.50")])
    assert reading.proof.holds


def test_an_entry_of_two_currencies_balances_in_each() -> None:
    rows = "J,e,2026-01-31,1,5,,EUR,\nJ,e,2026-01-31,2,,5,EUR,\nJ,e,2026-01-31,3,7,,USD,\n"
    assert not of(HEAD + rows).proof.holds
    assert of(HEAD + rows + "J,e,2026-01-31,4,,7,USD,\n").proof.holds


@pytest.mark.parametrize(
    ("old", "new"),
    [
        pytest.param("6300;1000.00;", "6300;1000.01;", id="a cent too much"),
        pytest.param("6300;1000.00;", "6300;1000.00;1000.00", id="debit and credit"),
        pytest.param("6300;1000.00;", "6300;;", id="neither"),
        pytest.param("AP/1;nordwind;2026-03-31;Rent of March;1576", "AP/1;nordwind;2026-04-01;Rent of March;1576", id="two days"),
        pytest.param("2026-04-01", "01.04.2026", id="another calendar"),
        pytest.param(";EUR;Rent;", ";euro;Rent;", id="no currency"),
        pytest.param(";3980;", ";;", id="no account"),
        pytest.param("GL-2;nordwind;2026-04-01;Accrual back;6000", "AP/1;nordwind;2026-04-01;Accrual back;6000", id="apart"),
        pytest.param("1000.00", "NaN", id="no number"),
        pytest.param("1000.00", "1000.001", id="a tenth of a cent"),
        pytest.param(";EUR;Rent;K-10;;", ";EUR;Rent;K-10", id="cells missing"),
        pytest.param("debit;credit", "debit;debit", id="a column twice"),
        pytest.param("journal_id;entity", "journal_id;entity_", id="a column missing"),
        pytest.param('"Halls, Inc."', '"Halls, Inc.', id="an open quote"),
        pytest.param("Rent of March", "Rent\0of March", id="a NUL"),
    ],
)  # fmt: skip
def test_almost_valid_tables_do_not_hold(old: str, new: str) -> None:
    assert old in data()
    reading = of(data().replace(old, new))
    assert not reading.proof.holds
    assert all(problem.where for problem in reading.diagnostics)


def test_two_entries_that_balance_only_together_do_not_hold() -> None:
    rows = "J,e,2026-01-31,1,5,,EUR,\nK,e,2026-01-31,2,,5,EUR,\n"
    failed = [claim.where for claim in of(HEAD + rows).proof.claims if not claim.holds]
    assert failed == ["row 2, journal_id", "row 3, journal_id"]


def test_an_entry_that_comes_twice_is_refused_the_second_time() -> None:
    one = "J,e,2026-01-31,1,5,,EUR,\nJ,e,2026-01-31,2,,5,EUR,\n"
    reading = of(HEAD + one + one.replace("J", "K") + one)
    assert [entry.journal_id for entry in reading.records] == ["J", "K"]
    assert not reading.proof.holds
    assert "rows of this entry came before" in reading.diagnostics[0].detail


def test_a_bad_row_takes_its_entry_with_it_and_no_other() -> None:
    reading = of(data().replace("6300;1000.00", "6300;many"))
    assert reading.records == ENTRIES[1:]
    assert [problem.where for problem in reading.diagnostics] == ["row 2, debit", "table"]


def test_no_rows_is_a_file_cut_off() -> None:
    assert not of(HEAD).proof.holds


def test_entries_come_while_the_file_is_read() -> None:
    class Endless:
        size, mark = 1, "m"

        def chunks(self) -> Iterator[bytes]:
            yield HEAD.encode()
            number = 0
            while True:
                number += 1
                yield f"J{number},e,2026-01-31,1,5,,EUR,\nJ{number},e,2026-01-31,2,,5,EUR,\n".encode()

        def whole(self) -> bytes:
            raise AssertionError("it has no end")

    entries = read_journals(Endless(), Context(), Findings())
    assert [next(entries).journal_id for _ in range(500)][-1] == "J500"


def test_tables_of_other_documents_are_not_taken_for_journals() -> None:
    assert detect(b"order_id,entity,line_id,item\n") != "csv-journals"


# ── writing ────────────────────────────────────────────────────────────────────────────────────────────────────────

words = st.text(st.characters(codec="utf-8", exclude_categories=("C", "Z")), min_size=1, max_size=10)
amounts = st.builds(Money, st.integers(-(10**15), 10**15), st.sampled_from(("EUR", "JPY", "KWD")))
lines = st.builds(
    JournalLine,
    account=words,
    amount=amounts,
    text=st.just("") | words,
    cost_centre=st.just("") | words,
    tax_code=st.just("") | words,
)
entries = st.lists(
    st.builds(
        JournalEntry,
        journal_id=words,
        entity=words,
        posted_on=st.dates(),
        text=st.just("") | words,
        lines=st.lists(lines, min_size=1, max_size=4).map(
            lambda some: tuple(one for line in some for one in (line, replace(line, amount=-line.amount)))
        ),
        reverses=st.just("") | words,
    ),
    min_size=1,
    max_size=4,
    unique_by=lambda entry: entry.journal_id,
)
SHAPES = (CsvShape(","), CsvShape(";", ",", "utf-16-le"), CsvShape("\t"))


@given(entries, st.sampled_from(SHAPES))
def test_what_we_write_we_read_back_equal(some: list[JournalEntry], shape: CsvShape) -> None:
    written = write_journals(some, shape)
    reading = read(written.body, "csv-journals", Context(csv=shape))
    assert (written.problems, reading.records, reading.diagnostics) == ((), tuple(some), ())
    assert reading.proof.holds


def test_it_is_written_piece_by_piece() -> None:
    assert (
        b"".join(piece for piece in journal_pieces(ENTRIES) if isinstance(piece, bytes)) == write_journals(ENTRIES).body
    )


@pytest.mark.parametrize(
    ("entry", "code"),
    [
        pytest.param(replace(ENTRIES[0], journal_id=""), Code.MISSING_FIELD, id="no id"),
        pytest.param(replace(ENTRIES[0], text="two\nlines"), Code.BAD_VALUE, id="two lines"),
        pytest.param(replace(ENTRIES[0], lines=()), Code.MISSING_FIELD, id="no lines"),
        pytest.param(ENTRIES[1], Code.BAD_VALUE, id="twice"),
    ],
)
def test_what_would_not_be_read_back_is_not_written(entry: JournalEntry, code: Code) -> None:
    written = write_journals([ENTRIES[1], entry])
    assert (written.body, [problem.code for problem in written.problems]) == (b"", [code])


def test_a_sign_that_the_encoding_has_not_is_a_problem() -> None:
    written = write_journals([replace(ENTRIES[0], text="Δ")], CsvShape(",", ".", "latin-1"))
    assert [problem.code for problem in written.problems] == [Code.BAD_VALUE]


class TestJournals(ReaderConformance):
    reader = staticmethod(read_journals)
    is_xml = False

    def documents(self) -> dict[str, bytes]:
        return {"journals": data().encode()}
