"""Payment files are valid or not written; what the bank answers comes back as facts about our runs and payments."""

from datetime import UTC, date, datetime
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree

from tieout.formats.iso20022 import pain001
from tieout.formats.iso20022.charset import latin
from tieout.formats.iso20022.pain002 import read_pain_002, to_facts
from tieout.formats.reading import Context, gather
from tieout.formats.xml import local
from tieout.kernel.ids import derive, fingerprint
from tieout.kernel.money import Money
from tieout.kernel.problem import Code, Problem
from tieout.model.documents import Address, BankAccount, Payment, PaymentRun
from tieout.model.events import Ref
from tieout.model.facts import PaymentStatusReported, RunStatusReported

DATA = Path(__file__).parent / "data"
STATUS = (DATA / "status.xml").read_bytes()
NOON = datetime(2026, 5, 5, 12, tzinfo=UTC)
FRENCH = BankAccount(iban="FR14 2004 1010 0505 0001 3M02 606", holder="Société Générale d'Écrous")
BRITISH = BankAccount(iban="GB29NWBK60161331926819", holder="Nuts & Bolts Ltd", bic="NWBKGB2L")
BRAZILIAN = BankAccount(iban="BR1800360305000010009795493C1", holder="Parafusos Ltda")


def payment(number: int, creditor: BankAccount, currency: str = "EUR", **more: object) -> Payment:
    standard = Payment(
        payment_id=f"pay-{number}",
        run_id="run-1",
        invoice_id=f"inv-{number}",
        entity="de",
        supplier_id="sup-1",
        amount=Money(12_345, currency),
        creditor=creditor,
        remittance="R-2026-0815",
    )
    return msgspec.structs.replace(standard, **more)


def run(*payments: Payment, **more: object) -> PaymentRun:
    standard = PaymentRun(
        run_id="run-1",
        entity="de",
        debtor=BankAccount(iban="DE89370400440532013000", holder="Acme Größe GmbH", bic="COBADEFFXXX"),
        execute_on=date(2026, 5, 6),
        payments=payments,
        currency="EUR",
    )
    return msgspec.structs.replace(standard, **more)


def texts(body: bytes, *names: str) -> list[str]:
    return [element.text or "" for element in etree.fromstring(body).iter() if local(element) in names]


def test_a_run_of_one_level_says_it_once() -> None:
    written = pain001.write(run(payment(1, FRENCH), payment(2, BRITISH)), NOON)
    assert written.problems == ()
    assert pain001.validate(written.body) == ()
    assert (written.count, str(written.control_sum)) == (2, "246.90")
    assert texts(written.body, "MsgId", "PmtInfId", "NbOfTxs", "CtrlSum", "Cd", "ChrgBr") == [
        *("run-1", "2", "246.90", "run-1", "2", "246.90", "SEPA", "SLEV")
    ]
    assert texts(written.body, "EndToEndId", "InstdAmt", "Nm") == [
        *("Acme Grosse GmbH", "Acme Grosse GmbH"),
        *("pay-1", "123.45", "Societe Generale d'Ecrous", "pay-2", "123.45", "Nuts + Bolts Ltd"),
    ]


def test_a_mixed_run_says_it_per_payment() -> None:
    written = pain001.write(run(payment(1, FRENCH), payment(2, BRAZILIAN)), NOON)
    assert written.problems == ()
    assert texts(written.body, "Cd", "ChrgBr") == ["SEPA", "SLEV", "NURG", "SHAR"]


def test_pounds_are_no_sepa() -> None:
    written = pain001.write(run(payment(1, BRITISH, "GBP"), currency="GBP"), NOON)
    assert written.problems == ()
    assert texts(written.body, "Cd", "ChrgBr", "Ccy") == ["NURG", "GBP", "SHAR"]


def test_an_address_has_town_and_country_or_is_left_out() -> None:
    whole = Address(street="1 rue de l'Écrou", postal_code="75001", town="Paris", country="FR")
    without_town = Address(street="somewhere", country="FR")
    written = pain001.write(
        run(payment(1, FRENCH, creditor_address=whole), payment(2, FRENCH, creditor_address=without_town)), NOON
    )
    assert texts(written.body, "StrtNm", "PstCd", "TwnNm", "Ctry") == ["1 rue de l'Ecrou", "75001", "Paris", "FR"]


def test_the_same_run_gives_the_same_bytes() -> None:
    assert pain001.write(run(payment(1, FRENCH)), NOON) == pain001.write(run(payment(1, FRENCH)), NOON)


@pytest.mark.parametrize(
    ("wrong", "problem"),
    [
        pytest.param(run(), Problem(Code.MISSING_FIELD, "payments", expected="at least one payment"), id="nothing to pay"),
        pytest.param(run(payment(1, FRENCH), payment(1, FRENCH)), Problem(Code.BAD_VALUE, "payments/pay-1", detail="the payment is in the run twice"), id="paid twice"),
        pytest.param(run(payment(1, FRENCH, "USD")), Problem(Code.CURRENCY_MISMATCH, "payments/pay-1/amount", expected="EUR", actual="USD"), id="another currency"),
        pytest.param(run(payment(1, FRENCH, amount=Money(0, "EUR"))), Problem(Code.BAD_VALUE, "payments/pay-1/amount", expected="more than zero", actual="0.00 EUR"), id="nothing"),
        pytest.param(run(payment(1, FRENCH, amount=Money(10**11, "EUR"))), Problem(Code.BAD_VALUE, "payments/pay-1/amount", limit="999,999,999.99 EUR", actual="1,000,000,000.00 EUR"), id="more than SEPA takes"),
        pytest.param(run(payment(1, msgspec.structs.replace(FRENCH, iban="FR1420041010050500013M02607"))), Problem(Code.BAD_IBAN, "payments/pay-1/creditor/iban", actual="FR1420041010050500013M02607"), id="a wrong digit"),
        pytest.param(run(payment(1, msgspec.structs.replace(FRENCH, holder="漢字"))), Problem(Code.MISSING_FIELD, "payments/pay-1/creditor/holder", expected="a name in Latin letters"), id="no letters"),
        pytest.param(run(payment(1, FRENCH, run_id="run-2")), Problem(Code.BAD_VALUE, "payments/pay-1/run_id", expected="run-1", actual="run-2"), id="another run"),
        pytest.param(run(payment(1, FRENCH, entity="fr")), Problem(Code.BAD_VALUE, "payments/pay-1/entity", expected="de", actual="fr"), id="another company"),
        pytest.param(run(payment(1, FRENCH, run_id="/r"), run_id="/r"), Problem(Code.BAD_VALUE, "run_id", expected="1 to 35 letters, digits and plain signs, no slash at either end", actual="/r"), id="a slash in front"),
    ],
)  # fmt: skip
def test_a_wrong_run_gives_problems_and_no_file(wrong: PaymentRun, problem: Problem) -> None:
    assert pain001.write(wrong, NOON) == pain001.Written(problems=(problem,))


def test_a_moment_without_a_zone_is_no_creation_time() -> None:
    assert [problem.where for problem in pain001.write(run(payment(1, FRENCH)), datetime(2026, 5, 5)).problems] == [
        "created_at"
    ]


def test_validation_points_at_the_line() -> None:
    written = pain001.write(run(payment(1, FRENCH)), NOON)
    (problem,) = pain001.validate(
        written.body.replace(b"<PmtMtd>TRF</PmtMtd>", b"<PmtMtd>XXX</PmtMtd>").replace(b"TRF", b"XXX")
    )[:1]
    assert (problem.code, problem.where) == (Code.BAD_VALUE, "line 2")
    assert "PmtMtd" in problem.detail
    assert pain001.validate(b"<x/>")[0].code is Code.BAD_VALUE
    assert pain001.validate(b"<!DOCTYPE x><x/>")[0].code is Code.FORBIDDEN_XML


def test_the_schema_is_shipped_as_it_was_published() -> None:
    body = (Path(pain001.__file__).parent / "schemas/pain.001.001.09.xsd").read_bytes()
    assert fingerprint(body) == "de038b373e47b0077b1832ddd81f4b2f1eb25d35721f62da1e38b7f5a09fda24"


wild = st.text(max_size=200)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(wild, wild, wild, wild, wild, st.integers(-5, 10**13), wild), min_size=1, max_size=3), wild)
def test_whatever_is_in_the_run_the_file_is_valid_or_absent(
    rows: list[tuple[str, str, str, str, str, int, str]], name: str
) -> None:
    payments = [
        payment(
            number,
            BankAccount(iban=FRENCH.iban, holder=holder),
            payment_id=derive("pay", str(number)),
            amount=Money(minor, "EUR"),
            remittance=remittance,
            creditor_address=Address(street=street, postal_code=code, town=town, country=country[:2]),
        )
        for number, (holder, remittance, street, code, town, minor, country) in enumerate(rows)
    ]
    written = pain001.write(run(*payments, debtor=BankAccount(iban="DE89370400440532013000", holder=name)), NOON)
    assert bool(written.body) != bool(written.problems)
    if written.body:
        assert pain001.validate(written.body) == ()


@given(wild)
def test_latin_is_latin_and_stays_so(text: str) -> None:
    once = latin(text, 140)
    assert set(once) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789/-?:().,'+ ")
    assert latin(once, 140) == once
    assert len(once) <= 140


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("Łódź & Søn", "Lodz + Son"),
        ("Οδός Ερμού", "Odos Ermoy"),
        ("Жуков", "ZHukov"),
        ("straße_1", "strasse-1"),
        ("a\n b", "a b"),
    ],
)
def test_letters_that_have_a_likeness(text: str, plain: str) -> None:
    assert latin(text, 70) == plain


# ── what the bank answers ──────────────────────────────────────────────────────────────────────────────────────────


def test_a_report_becomes_facts_about_the_run_and_its_payments() -> None:
    reading = gather(read_pain_002, STATUS, Context())
    assert reading.proof.holds
    (report,) = reading.records
    run_id = "run-2026-05-05"
    assert to_facts(report) == (
        (run_id, RunStatusReported(run_id=run_id, status="PART")),
        (Ref("bank", "pay-1"), PaymentStatusReported(status="ACSP", original_message_id=run_id)),
        (
            Ref("bank", "pay-2"),
            PaymentStatusReported(status="RJCT", reason="AC04: Account closed", original_message_id=run_id),
        ),
        (Ref("bank", "pay-3"), PaymentStatusReported(status="XTRA", original_message_id=run_id)),
    )
    assert [(problem.code, problem.actual) for problem in reading.diagnostics] == [(Code.UNKNOWN_CODE, "XTRA")]


def test_a_rejected_block_is_a_rejected_run() -> None:
    body = STATUS.replace(b"<GrpSts>PART</GrpSts>", b"").replace(
        b"</OrgnlPmtInfId>", b"</OrgnlPmtInfId><PmtInfSts>RJCT</PmtInfSts>"
    )
    (report,) = gather(read_pain_002, body, Context()).records
    assert to_facts(report)[0] == ("run-2026-05-05", RunStatusReported(run_id="run-2026-05-05", status="RJCT"))


def test_a_payment_without_a_status_has_that_of_its_block() -> None:
    body = STATUS.replace(b"<TxSts>XTRA</TxSts>", b"").replace(
        b"</OrgnlPmtInfId>", b"</OrgnlPmtInfId><PmtInfSts>ACTC</PmtInfSts>"
    )
    reading = gather(read_pain_002, body, Context())
    assert reading.proof.holds
    assert reading.records[0].transactions[-1].status.status == "ACTC"


def test_a_rejection_that_is_counted_and_not_named_breaks_the_proof() -> None:
    reading = gather(read_pain_002, STATUS.replace(b"<DtldNbOfTxs>1", b"<DtldNbOfTxs>2"), Context())
    assert not reading.proof.holds
    assert [
        (problem.expected, problem.actual) for problem in reading.diagnostics if problem.code is Code.TOTALS_DISAGREE
    ] == [("1", "2")]
