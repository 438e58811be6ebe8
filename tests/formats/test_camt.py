"""Bank statements: what is proved, what is taken apart, and what real banks leave out."""

import tracemalloc
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tieout.formats.iso20022.camt import read_camt
from tieout.formats.reading import Context, gather
from tieout.kernel.money import Money
from tieout.kernel.problem import Code, Problem
from tieout.model.documents import BankStatement, StatementEntry
from tieout.model.facts import EntriesNotified

DATA = Path(__file__).parent / "data"
STATEMENT = (DATA / "statement.xml").read_bytes()
NOTIFICATION = (DATA / "notification.xml").read_bytes()
OURS = Context(entities_by_iban={"DE89 3704 0044 0532 0130 00": "acme-de"})
MAY_5 = date(2026, 5, 5)


def eur(text: str) -> Money:
    return Money.of(Decimal(text), "EUR")


def entry(entry_id: str, amount: str, on: date = MAY_5, **more: object) -> StatementEntry:
    return StatementEntry(entry_id=entry_id, amount=eur(amount), booked_on=on, **more)  # type: ignore[arg-type]


def changed(valid: str, wrong: str, body: bytes = STATEMENT) -> bytes:
    assert valid.encode() in body
    return body.replace(valid.encode(), wrong.encode(), 1)


def test_a_statement_with_a_batch_a_return_a_fee_and_a_pending_entry() -> None:
    reading = gather(read_camt, STATEMENT, OURS)
    assert reading.proof.holds
    assert reading.records == (
        BankStatement(
            statement_id="118",
            iban="DE89370400440532013000",
            currency="EUR",
            opening=eur("1000"),
            closing=eur("-12.35"),
            opened_on=MAY_5,
            closed_on=MAY_5,
            entries=(
                entry(
                    "118/1.1",
                    "-600",
                    value_on=MAY_5,
                    end_to_end_id="pay-1",
                    bank_reference="BATCH-1",
                    counterparty="Schrauben Müller GmbH",
                    counterparty_iban="DE75512108001245126199",
                    remittance="R-2026-0815",
                ),
                entry(
                    "118/1.2",
                    "-300",
                    value_on=MAY_5,
                    end_to_end_id="pay-2",
                    bank_reference="TX-2",
                    counterparty="Papier AG",
                ),
                entry(
                    "118/2",
                    "300",
                    end_to_end_id="pay-2",
                    bank_reference="2",
                    counterparty="Papier AG",
                    return_reason="AC04",
                ),
                entry("118/3", "-400", bank_reference="3"),
                entry("118/4", "-12.35", bank_reference="4", remittance="Account fees"),
            ),
        ),
        EntriesNotified(
            iban="DE89370400440532013000",
            entity="acme-de",
            entries=(entry("118/5", "-77", date(2026, 5, 6), status="PDNG", bank_reference="5"),),
        ),
    )
    assert reading.diagnostics == (
        Problem(
            Code.TOTALS_DISAGREE,
            "Stmt[1]/Ntry[3]",
            expected="-400.00 EUR",
            actual="-300.00 EUR",
            detail="its 2 transactions do not sum to it; it is kept as one entry",
        ),
    )


def test_a_notification_is_earlier_word() -> None:
    reading = gather(read_camt, NOTIFICATION, OURS)
    assert (reading.diagnostics, reading.proof.holds) == ((), True)
    returned = entry("N-9-1/1", "300", end_to_end_id="pay-2", counterparty="Papier AG", return_reason="AC04")
    assert reading.records == (EntriesNotified(iban="DE89370400440532013000", entity="acme-de", entries=(returned,)),)


def test_a_statement_that_does_not_balance_is_told_with_both_sums() -> None:
    reading = gather(read_camt, changed('"EUR">12.35</Amt><CdtDbtInd>DBIT', '"EUR">12.36</Amt><CdtDbtInd>DBIT'), OURS)
    assert not reading.proof.holds
    assert reading.diagnostics[-1] == Problem(
        Code.TOTALS_DISAGREE,
        "Stmt[1]",
        expected="-12.35 EUR",
        actual="-12.36 EUR",
        detail="opening balance + booked entries = closing balance",
    )


@pytest.mark.parametrize(
    ("body", "code", "where"),
    [
        pytest.param(changed("<CdtDbtInd>DBIT</CdtDbtInd>\n        <Sts><Cd>BOOK</Cd></Sts>\n        <BookgDt><Dt>2026-05-05</Dt></BookgDt>\n        <AddtlNtryInf>", "<AddtlNtryInf>"), Code.MISSING_FIELD, "Stmt[1]/Ntry[4]/CdtDbtInd", id="an entry without direction"),
        pytest.param(changed('"EUR">12.35</Amt>\n', '"EUR">-12.35</Amt>\n'), Code.BAD_VALUE, "Stmt[1]/Ntry[4]/Amt", id="a sign and a direction"),
        pytest.param(changed('"EUR">12.35</Amt>\n', '"USD">12.35</Amt>\n'), Code.CURRENCY_MISMATCH, "Stmt[1]", id="an entry in another currency"),
        pytest.param(changed("CLBD", "CLAV"), Code.MISSING_FIELD, "Stmt[1]/Bal", id="no closing balance"),
        pytest.param(changed("<Id>118</Id>", ""), Code.MISSING_FIELD, "Stmt[1]/Id", id="no statement id"),
        pytest.param(changed("<NbOfNtries>5", "<NbOfNtries>6"), Code.TOTALS_DISAGREE, "Stmt[1]", id="an entry too few"),
        pytest.param(changed("<GrpHdr>", "<Ntry/><GrpHdr>"), Code.BAD_VALUE, "line 4", id="an entry outside of the statement"),
    ],
)  # fmt: skip
def test_what_breaks_the_proof(body: bytes, code: Code, where: str) -> None:
    reading = gather(read_camt, body, OURS)
    assert not reading.proof.holds
    assert (code, where) in [(problem.code, problem.where) for problem in reading.diagnostics]


def test_what_real_banks_leave_out_is_filled_in_told_and_still_proved() -> None:
    body = NOTIFICATION.replace(b"camt.054.001.04", b"camt.053.001.08").replace(
        b"BkToCstmrDbtCdtNtfctn", b"BkToCstmrStmt"
    )
    balance = (
        b'<Bal><Tp><CdOrPrtry><Cd>%s</Cd></CdOrPrtry></Tp><Amt Ccy="EUR">%s</Amt><Dt><Dt>2026-05-05</Dt></Dt></Bal>'
    )
    body = body.replace(b"Ntfctn>", b"Stmt>").replace(
        b"</Acct>", b"</Acct>" + balance % (b"OPBD", b"1") + balance % (b"CLBD", b"301")
    )
    body = body.replace(b"<Sts>BOOK</Sts>", b"").replace(b"<BookgDt><Dt>2026-05-05</Dt></BookgDt>", b"")
    reading = gather(read_camt, body, OURS)
    assert reading.proof.holds
    (statement,) = reading.records
    assert isinstance(statement, BankStatement)
    assert [(each.status, each.booked_on) for each in statement.entries] == [("BOOK", MAY_5)]
    assert [(problem.code, problem.where, problem.detail) for problem in reading.diagnostics] == [
        (Code.ASSUMED_VALUE, "Stmt[1]/Ntry[1]/Sts", "the status of an entry is missing; taken as BOOK"),
        (Code.ASSUMED_VALUE, "Stmt[1]/Ntry[1]/BookgDt", "the booking date is missing; taken as the day of the closing balance or of the message"),
        (Code.ASSUMED_VALUE, "Stmt[1]/Bal[1]/CdtDbtInd", "the direction of a balance is missing (2 times, first here); taken as CRDT"),
    ]  # fmt: skip


def test_a_cut_file_keeps_what_was_whole_and_holds_nothing() -> None:
    twice = changed(
        "</Stmt>", "</Stmt>" + STATEMENT.decode().partition("</GrpHdr>")[2].partition("</BkToCstmrStmt>")[0]
    )
    assert [type(record).__name__ for record in gather(read_camt, twice, OURS).records] == [
        "BankStatement",
        "EntriesNotified",
    ] * 2
    cut = gather(read_camt, twice[:-100], OURS)
    assert [type(record).__name__ for record in cut.records] == ["BankStatement", "EntriesNotified"]
    assert not cut.proof.holds


def statement_of(amounts: list[int], closing: int) -> bytes:
    """A camt.053.001.02 in cents, in the leanest form a bank may send."""
    entries = "".join(
        f'<Ntry><Amt Ccy="EUR">{Decimal(abs(amount)).scaleb(-2):f}</Amt><CdtDbtInd>{"DBIT" if amount < 0 else "CRDT"}</CdtDbtInd>'
        f"<Sts>BOOK</Sts><BookgDt><Dt>2026-05-05</Dt></BookgDt></Ntry>"
        for amount in amounts
    )
    balances = "".join(
        f'<Bal><Tp><CdOrPrtry><Cd>{code}</Cd></CdOrPrtry></Tp><Amt Ccy="EUR">{Decimal(abs(amount)).scaleb(-2):f}</Amt>'
        f"<CdtDbtInd>{'DBIT' if amount < 0 else 'CRDT'}</CdtDbtInd><Dt><Dt>2026-05-05</Dt></Dt></Bal>"
        for code, amount in (("PRCD", 0), ("CLBD", closing))
    )
    head = "<Id>7</Id><Acct><Id><Othr><Id>4711</Id></Othr></Id></Acct>"
    return f"<Document><BkToCstmrStmt><Stmt>{head}{balances}{entries}</Stmt></BkToCstmrStmt></Document>".encode()


@settings(max_examples=80, deadline=None)
@given(st.lists(st.integers(-(10**9), 10**9), max_size=12), st.integers(-2, 2))
def test_a_statement_is_proved_exactly_when_it_balances(amounts: list[int], error: int) -> None:
    reading = gather(read_camt, statement_of(amounts, sum(amounts) + error), OURS)
    (statement,) = reading.records
    assert isinstance(statement, BankStatement)
    assert reading.proof.holds == (error == 0)
    assert [each.amount.minor for each in statement.entries] == amounts


def test_a_large_statement_needs_little_more_memory_than_its_entries() -> None:
    body = statement_of([-1] * 5_000, -5_000)
    tracemalloc.start()
    reading = gather(read_camt, body, OURS)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert reading.proof.holds
    assert peak < 5_000 * 1_000
