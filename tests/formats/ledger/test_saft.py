"""Audit files: entries and every sum of them, accounts that lead from opening to closing, and what is refused."""

from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from os import environ
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree
from msgspec.structs import replace

from tieout.conformance.formats import ReaderConformance
from tieout.formats.detect import read
from tieout.formats.ledger.saft import read_saft
from tieout.formats.ledger.saft_write import Account, Company, Ledger, TaxCode, write_saft
from tieout.formats.reading import Context, Findings, Reading
from tieout.kernel.money import Money
from tieout.kernel.problem import Code
from tieout.model.documents import JournalEntry, JournalLine

DATA = Path(__file__).parents[1] / "data" / "ledger"
XSD = (
    Path(__file__).parents[3]
    / environ.get("TIEOUT_SAMPLES", "../shared/samples")
    / "schemas/saft/SAF-T_Financial_1.3/Norwegian_SAF-T_Financial_Schema_v_1.30.xsd"
)
CONTEXT = Context(entities_by_tax_id={"NO 123 456 785 MVA": "elsewhere", "123456785": "fjord"})


def data() -> str:
    return (DATA / "saft.xml").read_text(encoding="utf-8")


def of(text: str, context: Context = CONTEXT) -> Reading[Any]:
    return read(text.encode(), context=context)


def nok(amount: str) -> Money:
    return Money.of(Decimal(amount), "NOK")


ENTRIES = (
    JournalEntry(
        journal_id="AP/1042",
        entity="fjord",
        posted_on=date(2026, 3, 31),
        text="Rent of March",
        lines=(
            JournalLine(account="6300", amount=nok("1000.00"), text="Rent", cost_centre="10", tax_code="1"),
            JournalLine(account="2710", amount=nok("250.00"), text="Input tax"),
            JournalLine(account="1920", amount=nok("-1250.00"), text="Halls AS"),
        ),
    ),
    JournalEntry(
        journal_id="7",
        entity="fjord",
        posted_on=date(2026, 3, 31),
        text="Back and forth",
        lines=(JournalLine(account="1920", amount=nok("100.00")), JournalLine(account="1920", amount=nok("-100.00"))),
        reverses="6",
    ),
)


def test_each_transaction_is_an_entry_and_every_sum_is_proved() -> None:
    reading = of(data())
    assert (reading.format, reading.records) == ("saf-t", ENTRIES)
    assert [(claim.name, claim.declared) for claim in reading.proof.claims] == [
        ("the lines of an entry sum to zero", "0.00 NOK"),
        ("the lines of an entry sum to zero", "0.00 NOK"),
        ("TotalDebit = sum of the lines", "1,350.00 NOK"),
        ("TotalCredit = sum of the lines", "1,350.00 NOK"),
        ("NumberOfEntries = transactions", "2"),
        ("opening balance + movements = closing balance", "3,750.00 NOK"),
        ("opening balance + movements = closing balance", "1,000.00 NOK"),
        ("opening balance + movements = closing balance", "150.00 NOK"),
    ]
    assert reading.proof.holds


def test_what_is_not_taken_over_is_told() -> None:
    assert [(problem.code, problem.actual) for problem in of(data()).diagnostics] == [
        (Code.UNSUPPORTED_CONTENT, "analysis P"),
        (Code.UNSUPPORTED_CONTENT, "1 suppliers, 0 customers"),
        (Code.UNSUPPORTED_CONTENT, "EUR at Transaction 1042, line 64, Line at line 71"),
        (Code.ASSUMED_VALUE, ""),
    ]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        pytest.param("TotalDebit>1350.00", "TotalDebit>1350.01", id="total of debits"),
        pytest.param("TotalCredit>1350.00", "TotalCredit>1350.01", id="total of credits"),
        pytest.param("NumberOfEntries>2", "NumberOfEntries>3", id="number of entries"),
        pytest.param("ClosingDebitBalance>3750.00", "ClosingDebitBalance>3750.01", id="a closing balance"),
        pytest.param("OpeningCreditBalance>100.00", "OpeningDebitBalance>100.00", id="an opening balance"),
        pytest.param("Amount>1250.00", "Amount>1250.01", id="an entry"),
        pytest.param("Amount>1250.00", "Amount>1.250,00", id="an amount"),
        pytest.param("CreditAmount>", "SomeAmount>", id="no side"),
        pytest.param("2026-03-31</n1:GLPostingDate", "31.03.2026</n1:GLPostingDate", id="a day"),
        pytest.param("AccountID>2710", "AccountID>1920", id="an account twice"),
        pytest.param("n1:Transaction>", "n1:Voucher>", id="no transactions"),
        pytest.param("<n1:NumberOfEntries>2</n1:NumberOfEntries>", "", id="no number of entries"),
        pytest.param("DefaultCurrencyCode>NOK", "DefaultCurrencyCode>kr", id="no currency"),
        pytest.param("n1:Header>", "n1:Head>", id="no header"),
    ],
)  # fmt: skip
def test_almost_valid_files_do_not_hold(old: str, new: str) -> None:
    assert old in data()
    text = data().replace(old, new).replace("100.00</n1:OpeningCredit", "100.00</n1:OpeningDebit" if "Opening" in new else "100.00</n1:OpeningCredit")  # fmt: skip
    reading = of(text)
    assert not reading.proof.holds
    assert reading.diagnostics


def test_lines_counted_as_entries_are_told() -> None:
    reading = of(data().replace("NumberOfEntries>2", "NumberOfEntries>5"))
    assert reading.proof.holds
    assert "the lines were counted, not the transactions as the standard has it" in [
        problem.detail for problem in reading.diagnostics
    ]


def test_an_account_outside_of_the_chart_is_told() -> None:
    text = data().replace(
        "<n1:AccountID>6300</n1:AccountID>\n          <n1:Analysis>", "<n1:AccountID>6301</n1:AccountID><n1:Analysis>"
    )
    reading = of(text)
    assert (Code.UNKNOWN_CODE, "6301") in [(problem.code, problem.actual) for problem in reading.diagnostics]
    assert not reading.proof.holds


def test_a_company_that_is_not_one_of_us_is_told() -> None:
    reading = of(data(), Context())
    assert reading.records[0].entity == ""
    assert reading.diagnostics[0].code is Code.UNKNOWN_ENTITY


@pytest.mark.parametrize(
    ("space", "words"),
    [
        ("urn:OECD:StandardAuditFile-Tax:PT_1.04_01", "Portugal"),
        ("mfp:anaf:dgti:d406:declaratie:v1", "Romania"),
        ("urn:OECD:StandardAuditFile-Tax:AT_1.01", "Austria"),
        ("https://www.vmi.lt/cms/saf-t", "Lithuania"),
        ("urn:nobody", ""),
    ],
)
def test_files_of_other_countries_are_named_and_refused(space: str, words: str) -> None:
    reading = of(data().replace("urn:StandardAuditFile-Taxation-Financial:NO", space))
    (problem,) = reading.diagnostics
    assert (reading.format, reading.records, problem.code) == ("saf-t", (), Code.UNKNOWN_FORMAT)
    assert words in problem.detail
    assert not reading.proof.holds


def test_files_that_are_built_alike_are_read() -> None:
    for space in ("urn:StandardAuditFile-Taxation-Financial:DK", "urn:OECD:StandardAuditFile-Taxation/2.00"):
        assert of(data().replace("urn:StandardAuditFile-Taxation-Financial:NO", space)).records == ENTRIES
    assert of(data().replace("n1:", "").replace(":n1", "")).records == ENTRIES


def test_master_data_alone_proves_nothing_and_loses_nothing() -> None:
    start, end = data().index("<n1:GeneralLedgerEntries>"), data().index("</n1:AuditFile>")
    reading = of(data()[:start] + data()[end:])
    assert (reading.records, reading.proof.claims, reading.proof.holds) == ((), (), True)
    assert "prove nothing" in reading.diagnostics[-1].detail


def test_entries_come_while_the_file_is_read() -> None:
    head, rest = data().split("<n1:Journal>", 1)
    journal = f"<n1:Journal>{rest[: rest.index('</n1:Journal>')]}"
    transaction = journal[journal.index("<n1:Transaction>") :]

    class Endless:
        size, mark = 1, "m"

        def chunks(self) -> Iterator[bytes]:
            yield f"{head}{journal}".encode()
            while True:
                yield transaction.encode()

        def whole(self) -> bytes:
            raise AssertionError("it has no end")

    entries = read_saft(Endless(), CONTEXT, Findings())
    assert {next(entries) for _ in range(200)} == {ENTRIES[0]}


class TestSaft(ReaderConformance):
    reader = staticmethod(read_saft)
    numbers = ("NumberOfEntries", "TotalDebit", "TotalCredit", "Amount")
    days = ("TransactionDate",)
    texts = ("AccountID", "TransactionID", "DefaultCurrencyCode")
    cuts = 20

    def documents(self) -> dict[str, bytes]:
        return {"audit file": data().encode()}


# ── writing ────────────────────────────────────────────────────────────────────────────────────────────────────────

COMPANY = Company(
    entity="fjord",
    registration_number="123456785",
    name="Fjord Verk AS",
    contact_first_name="Kari",
    contact_last_name="Nordmann",
)
ACCOUNTS = ("1920", "2710", "6300")
TAXES = (TaxCode(code="1", standard_code="1", rate=Decimal(25), name="Input tax, full rate"),)


def ledger(entries: tuple[JournalEntry, ...]) -> Ledger:
    """A ledger in which all accounts open at ten kroner."""
    moved = dict.fromkeys(ACCOUNTS, 0)
    for entry in entries:
        for line in entry.lines:
            moved[line.account] += line.amount.minor
    return Ledger(
        company=COMPANY,
        accounts=tuple(
            Account(
                account_id=account,
                name=f"Account {account}",
                opening=nok("10.00"),
                closing=Money(1000 + moved[account], "NOK"),
                grouping_category="annenDriftskostnad",
                grouping_code=account,
            )
            for account in ACCOUNTS
        ),
        tax_codes=TAXES,
        starts_on=date(2026, 1, 1),
        ends_on=date(2026, 12, 31),
        created_on=date(2027, 1, 5),
    )


words = st.text(st.characters(codec="utf-8", exclude_categories=("C", "Z")), min_size=1, max_size=18)
line = st.builds(
    JournalLine,
    account=st.sampled_from(ACCOUNTS),
    amount=st.builds(Money, st.integers(-(10**12), 10**12), st.just("NOK")),
    text=st.just("") | words,
    cost_centre=st.just("") | words,
    tax_code=st.sampled_from(("", "1")),
)
many = st.lists(
    st.builds(
        JournalEntry,
        journal_id=words | st.builds("{}/{}".format, words, words),
        entity=st.just("fjord"),
        posted_on=st.dates(date(2026, 1, 1), date(2026, 12, 31)),
        text=st.just("") | words,
        lines=st.lists(line, min_size=1, max_size=3).map(
            lambda some: tuple(one for each in some for one in (each, replace(each, amount=-each.amount)))
        ),
        reverses=st.just("") | words,
    ),
    max_size=4,
    unique_by=lambda entry: entry.journal_id,
).map(tuple)


@given(many)
def test_what_we_write_we_read_back_equal(entries: tuple[JournalEntry, ...]) -> None:
    written = write_saft(ledger(entries), entries)
    reading = of(written.body.decode())
    assert (written.problems, reading.records, reading.diagnostics) == ((), entries, ())
    assert reading.proof.holds
    assert len(reading.proof.claims) == len(entries) + 3 + len(ACCOUNTS)


@pytest.mark.parametrize("journal_id", ["GL/5", "/5", "AP/", "A/B/C", "a-journal-of-a-very-long-name/5", "5"])
def test_a_number_is_put_together_as_it_was(journal_id: str) -> None:
    entry = replace(ENTRIES[0], journal_id=journal_id)
    (found,) = of(write_saft(ledger((entry,)), (entry,)).body.decode()).records
    assert found == entry


@pytest.mark.skipif(not XSD.exists(), reason="no schemas here (TIEOUT_SAMPLES)")
def test_what_we_write_is_valid() -> None:
    schema = etree.XMLSchema(etree.parse(XSD))
    schema.assertValid(etree.fromstring(write_saft(ledger(ENTRIES), ENTRIES).body))
    schema.assertValid(etree.fromstring(write_saft(ledger(()), ()).body))


def test_the_tax_is_that_of_the_code() -> None:
    root = etree.fromstring(write_saft(ledger(ENTRIES), ENTRIES).body)
    assert root.xpath("string(//*[local-name()='DebitTaxAmount'])").strip() == "250.00"


FIRST = ENTRIES[0]


@pytest.mark.parametrize(
    ("entries", "code"),
    [
        pytest.param((FIRST, FIRST), Code.BAD_VALUE, id="twice"),
        pytest.param((replace(FIRST, entity="nordwind"),), Code.UNKNOWN_ENTITY, id="another entity"),
        pytest.param((replace(FIRST, posted_on=date(2025, 12, 31)),), Code.BAD_VALUE, id="before the period"),
        pytest.param((replace(FIRST, lines=FIRST.lines[:2]),), Code.TOTALS_DISAGREE, id="out of balance"),
        pytest.param((replace(FIRST, text="x" * 257),), Code.TOO_LARGE, id="too long a text"),
        pytest.param((replace(FIRST, journal_id="a\nb"),), Code.BAD_VALUE, id="two lines"),
        pytest.param(
            (replace(FIRST, lines=(replace(FIRST.lines[0], tax_code="9"), *FIRST.lines[1:])),),
            Code.UNKNOWN_CODE,
            id="a tax code without a rate",
        ),
    ],
)
def test_what_does_not_add_up_is_not_written(entries: tuple[JournalEntry, ...], code: Code) -> None:
    written = write_saft(ledger(entries), entries)
    assert written.body == b""
    assert code in {problem.code for problem in written.problems}


def test_a_balance_that_the_movements_do_not_explain_is_not_written() -> None:
    whole = ledger(ENTRIES)
    first = replace(whole.accounts[0], closing=nok("0.01"))
    written = write_saft(replace(whole, accounts=(first, *whole.accounts[1:])), ENTRIES)
    assert [problem.code for problem in written.problems] == [Code.TOTALS_DISAGREE]
    missing = write_saft(replace(whole, accounts=whole.accounts[1:]), ENTRIES)
    assert [problem.code for problem in missing.problems] == [Code.MISSING_FIELD]
