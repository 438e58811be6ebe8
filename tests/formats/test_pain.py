"""Payment files are valid or not written; what the bank answers comes back as facts about our runs and payments."""

from datetime import UTC, date, datetime
from pathlib import Path
from uuid import UUID

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree

from tieout.formats.detect import read
from tieout.formats.iso20022 import pain001
from tieout.formats.iso20022.charset import latin, swiss
from tieout.formats.iso20022.pain002 import read_pain_002, to_facts
from tieout.formats.payment_files import PaymentFile
from tieout.formats.reading import Context, gather
from tieout.formats.xml import local
from tieout.kernel.ids import derive, fingerprint
from tieout.kernel.money import Money
from tieout.kernel.problem import Code, Problem
from tieout.model.documents import Address, BankAccount, Payment, PaymentRun, RemittanceLine
from tieout.model.events import Ref
from tieout.model.facts import PaymentStatusReported, RunStatusReported

DATA = Path(__file__).parent / "data"
STATUS = (DATA / "status.xml").read_bytes()
wild = st.text(max_size=200)
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
    assert pain001.write(wrong, NOON) == PaymentFile(problems=(problem,))


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


@pytest.mark.parametrize(
    ("name", "mark"),
    [
        ("pain.001.001.03", "6bb5c6f24250ab807f31f6164142bafd6d43bad8d162a926e258ff4c11e128af"),
        ("pain.001.001.09", "de038b373e47b0077b1832ddd81f4b2f1eb25d35721f62da1e38b7f5a09fda24"),
        ("pain.001.001.11", "568345c4e2aea91293ecdc3b72fc5141feb321c4c5b98aab6ae9737eaff88d13"),
        ("camt.056.001.08", "16691301a355a7b2429d3da1217f2ae646e4ed207618d00832d170b1e2b39e6d"),
    ],
)
def test_the_schemas_are_shipped_as_they_were_published(name: str, mark: str) -> None:
    body = (Path(pain001.__file__).parent / f"schemas/{name}.xsd").read_bytes()
    assert fingerprint(body) == mark


# ── profiles ───────────────────────────────────────────────────────────────────────────────────────────────────────

AMERICAN = BankAccount(iban="", holder="Nuts Inc", number="123456789", clearing="USABA021000021", kind="checking")
OURS_US = BankAccount(iban="", holder="Acme Inc", number="987654321", clearing="USABA026009593", kind="checking")
LONDON = BankAccount(iban="", holder="Nuts & Bolts Ltd", number="31926819", clearing="GBDSC601613")
OURS_UK = BankAccount(iban="", holder="Acme Ltd", number="31926820", clearing="GBDSC200415")
QR = BankAccount(iban="CH4431999123000889012", holder="Schräubchen & Söhne AG")
SWISS = BankAccount(iban="CH9300762011623852957", holder="Zürich Nägel AG")
OURS_CH = BankAccount(iban="CH9300762011623852957", holder="Acme Schweiz AG", bic="UBSWCHZH80A")
QR_REFERENCE = "210000000003139471430009017"
VERSIONS = ("03", "09", "11")


def us(*payments: Payment) -> PaymentRun:
    return run(*payments, currency="USD", debtor=OURS_US)


def uk(*payments: Payment) -> PaymentRun:
    return run(*payments, currency="GBP", debtor=OURS_UK)


def ch(*payments: Payment, currency: str = "CHF") -> PaymentRun:
    return run(*payments, currency=currency, debtor=OURS_CH)


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize(
    ("profile", "wanted"),
    [
        ("standard", run(payment(1, FRENCH), payment(2, BRAZILIAN))),
        ("sepa", run(payment(1, FRENCH))),
        ("us-ach", us(payment(1, AMERICAN, "USD"))),
        ("us-wire", us(payment(1, AMERICAN, "USD", creditor_address=Address(town="Ohio", country="US")))),
        ("uk", uk(payment(1, LONDON, "GBP"), payment(2, BRITISH, "GBP"))),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_every_profile_is_valid_in_every_version(profile: str, wanted: PaymentRun, version: str) -> None:
    written = pain001.write(wanted, NOON, profile=profile, version=version)
    assert written.problems == ()
    assert pain001.validate(written.body, version) == ()
    assert f"pain.001.001.{version}".encode() in written.body
    assert bool(texts(written.body, "UETR")) == (version != "03")


def test_a_us_payment_names_bank_account_and_kind() -> None:
    written = pain001.write(us(payment(1, AMERICAN, "USD")), NOON, profile="us-ach")
    assert texts(written.body, "MmbId") == ["026009593", "021000021"]
    assert texts(written.body, "Cd") == ["NURG", "CCD", "CACC", "USABA", "USABA", "CACC"]
    assert texts(written.body, "ChrgBr", "IBAN") == []


def test_several_us_invoices_are_listed_one_by_one() -> None:
    invoices = (
        RemittanceLine(number="R-1", paid=Money(20_000, "USD"), gross=Money(20_000, "USD"), issued_on=date(2026, 4, 1)),
        RemittanceLine(number="C-1", paid=Money(-7_655, "USD")),
    )
    written = pain001.write(us(payment(1, AMERICAN, "USD", invoices=invoices)), NOON, profile="us-ach")
    assert written.problems == ()
    assert texts(written.body, "Nb", "RmtdAmt", "CdtNoteAmt", "DuePyblAmt", "RltdDt", "Ustrd") == [
        *("R-1", "2026-04-01", "200.00", "200.00", "C-1", "76.55"),
    ]
    assert "CTX" in texts(written.body, "Cd")
    short = pain001.write(us(payment(1, AMERICAN, "USD", invoices=invoices[:1] * 2)), NOON, profile="us-ach")
    assert [(problem.code, problem.expected, problem.actual) for problem in short.problems] == [
        (Code.TOTALS_DISAGREE, "123.45 USD", "400.00 USD")
    ]


def test_a_sort_code_and_an_iban_are_both_british() -> None:
    written = pain001.write(uk(payment(1, LONDON, "GBP"), payment(2, BRITISH, "GBP")), NOON, profile="uk")
    assert texts(written.body, "MmbId", "BICFI", "IBAN") == ["200415", "601613", "NWBKGB2L", "GB29NWBK60161331926819"]


def test_a_qr_bill_is_paid_with_its_reference_and_its_letters() -> None:
    spaced = "21 00000 00003 13947 14300 09017"
    written = pain001.write(ch(payment(1, QR, "CHF", remittance=spaced)), NOON, profile="ch")
    assert written.problems == ()
    assert texts(written.body, "Prtry", "Ref", "Ustrd", "SvcLvl", "ChrgBr") == ["QRR", QR_REFERENCE]
    assert texts(written.body, "Nm")[-1] == "Schräubchen & Söhne AG"


def test_swiss_euros_are_sepa_and_a_creditor_reference_stays_one() -> None:
    wanted = ch(payment(1, SWISS, "EUR", remittance="RF18 5390 0754 7034"), currency="EUR")
    written = pain001.write(wanted, NOON, profile="ch")
    assert texts(written.body, "Cd", "Issr", "Ref", "ChrgBr") == ["SEPA", "SLEV", "SCOR", "ISO", "RF18539007547034"]


@pytest.mark.parametrize("remittance", ["RF19539007547034", "RF18 5390 0754 7034 and thanks", "R-2026-0815"])
def test_what_is_no_reference_is_text(remittance: str) -> None:
    written = pain001.write(run(payment(1, FRENCH, remittance=remittance)), NOON)
    assert texts(written.body, "Ref", "Ustrd") == [remittance]


@pytest.mark.parametrize(
    ("profile", "wrong", "code", "where"),
    [
        ("ch", ch(payment(1, QR, "CHF", remittance="R-1")), Code.BAD_VALUE, "payments/pay-1/remittance"),
        ("ch", ch(payment(1, QR, "CHF", remittance="210000000003139471430009018")), Code.BAD_VALUE, "payments/pay-1/remittance"),
        ("us-ach", us(payment(1, msgspec.structs.replace(AMERICAN, kind=""), "USD")), Code.MISSING_FIELD, "payments/pay-1/creditor/kind"),
        ("us-ach", us(payment(1, msgspec.structs.replace(AMERICAN, clearing="USABA021000022"), "USD")), Code.BAD_VALUE, "payments/pay-1/creditor/clearing"),
        ("us-wire", us(payment(1, FRENCH, "USD")), Code.MISSING_FIELD, "payments/pay-1/creditor/clearing"),
        ("us-wire", us(payment(1, LONDON, "USD")), Code.BAD_VALUE, "payments/pay-1/creditor/clearing"),
        ("us-wire", us(payment(1, msgspec.structs.replace(AMERICAN, number="x" * 18), "USD")), Code.BAD_VALUE, "payments/pay-1/creditor/number"),
        ("uk", run(payment(1, LONDON), debtor=OURS_UK), Code.BAD_VALUE, "payments/pay-1"),
        ("sepa", run(payment(1, BRAZILIAN)), Code.BAD_VALUE, "payments/pay-1"),
        ("standard", run(payment(1, AMERICAN)), Code.BAD_VALUE, "payments/pay-1/creditor/clearing"),
        ("mars", run(payment(1, FRENCH)), Code.BAD_VALUE, "profile"),
    ],
)  # fmt: skip
def test_what_a_profile_does_not_take(profile: str, wrong: PaymentRun, code: Code, where: str) -> None:
    written = pain001.write(wrong, NOON, profile=profile)
    assert [(problem.code, problem.where) for problem in written.problems] == [(code, where)]
    assert written.body == b""


def test_a_version_that_a_profile_does_not_have() -> None:
    written = pain001.write(ch(payment(1, SWISS, "CHF")), NOON, profile="ch", version="03")
    assert [(problem.where, problem.expected, problem.actual) for problem in written.problems] == [
        ("version", "09", "03")
    ]


def test_an_address_that_is_left_out_is_told() -> None:
    written = pain001.write(run(payment(1, FRENCH, creditor_address=Address(street="somewhere"))), NOON)
    assert [(problem.code, problem.where) for problem in written.notes] == [
        (Code.UNSUPPORTED_CONTENT, "payments/pay-1/creditor_address")
    ]


@given(st.text(max_size=40))
def test_a_uetr_is_a_version_4_uuid_and_always_the_same(payment_id: str) -> None:
    made = UUID(pain001.uetr(payment_id))
    assert (made.version, made.variant) == (4, "specified in RFC 4122")
    assert pain001.uetr(payment_id) == str(made)


@given(wild)
def test_swiss_letters_stay_and_others_become_latin(text: str) -> None:
    once = swiss(text, 140)
    assert swiss(once, 140) == once
    assert len(once) <= 140
    assert all(ord(sign) < 0x220 or sign == "€" for sign in once)


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


def with_levels(group: str = "", block: str = "", extra: str = "") -> bytes:
    """The report with other statuses above the payments, which are executed, rejected and unknown."""
    body = STATUS.replace(b"<GrpSts>PART</GrpSts>", f"<GrpSts>{group}</GrpSts>".encode() if group else b"")
    if block:
        body = body.replace(b"</OrgnlPmtInfId>", f"</OrgnlPmtInfId><PmtInfSts>{block}</PmtInfSts>".encode())
    return body.replace(b"<TxSts>XTRA</TxSts>", f"<TxSts>ACWC</TxSts>{extra}".encode())


@pytest.mark.parametrize(("group", "block"), [("RJCT", ""), ("", "RJCT")])
def test_a_rejection_above_an_accepted_payment_is_told_and_both_are_handed_on(group: str, block: str) -> None:
    reading = gather(read_pain_002, with_levels(group, block), Context())
    assert [
        (problem.code, problem.expected, problem.actual) for problem in reading.diagnostics if problem.expected
    ] == [
        (Code.BAD_VALUE, "RJCT", "ACSP"),
        (Code.BAD_VALUE, "RJCT", "ACWC"),
    ]
    facts = [fact for _, fact in to_facts(reading.records[0])]
    assert [fact.status for fact in facts] == ["RJCT", "ACSP", "RJCT", "ACWC"]  # type: ignore[attr-defined]


def test_an_accepted_change_says_what_the_payment_is_now() -> None:
    reference = '<OrgnlTxRef><Amt><InstdAmt Ccy="EUR">5.00</InstdAmt></Amt><ReqdExctnDt><Dt>2026-05-08</Dt></ReqdExctnDt></OrgnlTxRef>'
    reason = "<StsRsnInf><Rsn><Cd>DT06</Cd></Rsn></StsRsnInf>"
    reading = gather(read_pain_002, with_levels("PART", "", reason + reference), Context())
    changed = reading.records[0].transactions[-1]
    assert changed.status.reason == "DT06: amount 5.00 EUR, execution on 2026-05-08"
    assert [(problem.code, problem.actual) for problem in reading.diagnostics] == [(Code.UNSUPPORTED_CONTENT, "ACWC")]


def test_some_were_rejected_and_nobody_says_which() -> None:
    body = STATUS[: STATUS.index(b"<OrgnlPmtInfAndSts>")] + b"</CstmrPmtStsRpt></Document>"
    counted = gather(read_pain_002, body, Context())
    assert not counted.proof.holds  # one rejection is counted, none is named
    silent = body[: body.index(b"<NbOfTxsPerSts>")] + body[body.index(b"</NbOfTxsPerSts>") + 16 :]
    reading = gather(read_pain_002, silent, Context())
    assert reading.proof.holds
    assert [(problem.code, problem.actual) for problem in reading.diagnostics] == [(Code.MISSING_FIELD, "PART")]


@pytest.mark.parametrize(
    ("counts", "holds"),
    [
        ((("RJCT", "1"), ("ACSP", "2")), True),
        ((("RJCT", "1"), ("ACSP", "3")), False),
        ((("RJCT", "1"), ("ACSP", "0")), False),
        ((("RJCT", "1"), ("ACSP", "x")), False),
        ((("ACSP", "1"),), True),
    ],
)
def test_numbers_per_status(counts: tuple[tuple[str, str], ...], holds: bool) -> None:
    old = "<NbOfTxsPerSts><DtldNbOfTxs>1</DtldNbOfTxs><DtldSts>RJCT</DtldSts></NbOfTxsPerSts>"
    new = "".join(
        f"<NbOfTxsPerSts><DtldNbOfTxs>{n}</DtldNbOfTxs><DtldSts>{code}</DtldSts></NbOfTxsPerSts>" for code, n in counts
    )
    assert gather(read_pain_002, STATUS.replace(old.encode(), new.encode()), Context()).proof.holds is holds


def test_the_first_two_versions_are_read() -> None:
    first = b"""<Document xmlns="urn:swift:xsd:$pain.002.001.01"><pain.002.001.01><GnlInf><PmtInitnStsId>B</PmtInitnStsId></GnlInf>
      <OrgnlGrpRefInfAndSts><GrpId>run-1</GrpId><OrgnlMsgTp>pain.001</OrgnlMsgTp><GrpSts>PART</GrpSts></OrgnlGrpRefInfAndSts>
      <OrgnlPmtInf><OrgnlTxRefInfAndSts><PmtId><EndToEndId>pay-1</EndToEndId></PmtId><TxSts>RJCT</TxSts>
      <StsRsn>AC04</StsRsn><AddtlInf>closed</AddtlInf></OrgnlTxRefInfAndSts></OrgnlPmtInf></pain.002.001.01></Document>"""
    second = b"""<Document xmlns="urn:iso:std:iso:20022:tech:xsd:pain.002.001.02"><pain.002.001.02><GrpHdr><MsgId>B</MsgId></GrpHdr>
      <OrgnlGrpInfAndSts><OrgnlMsgId>run-1</OrgnlMsgId><OrgnlMsgNmId>pain.001</OrgnlMsgNmId><GrpSts>PART</GrpSts></OrgnlGrpInfAndSts>
      <TxInfAndSts><OrgnlPmtInfId>run-1</OrgnlPmtInfId><OrgnlEndToEndId>pay-1</OrgnlEndToEndId><TxSts>RJCT</TxSts><StsRsnInf>
      <StsRsn><Cd>AC04</Cd></StsRsn><AddtlStsRsnInf>closed</AddtlStsRsnInf></StsRsnInf></TxInfAndSts></pain.002.001.02></Document>"""
    for body in (first, second):
        reading = read(body)
        assert (reading.format, reading.proof.holds) == ("pain.002", True)
        assert to_facts(reading.records[0]) == (
            ("run-1", RunStatusReported(run_id="run-1", status="PART")),
            (
                Ref("bank", "pay-1"),
                PaymentStatusReported(status="RJCT", reason="AC04: closed", original_message_id="run-1"),
            ),
        )


@pytest.mark.parametrize(
    ("name", "what"),
    [
        ("pacs.002.001.10", "a payment status report between banks"),
        ("pacs.004.001.09", "a payment return between banks"),
        ("pain.008.001.08", "a direct debit file"),
        ("camt.086.001.03", "a bank services billing statement (TWIST BSB)"),
        ("camt.057.001.06", "a notification to receive money"),
        ("remt.001.001.04", "a remittance advice sent apart from its payment"),
        ("pain.001.001.09", "a payment file, which we write and do not read"),
        ("tsrv.001.001.01", "another ISO 20022 message"),
    ],
)
def test_other_messages_are_refused_by_name(name: str, what: str) -> None:
    header = '<AppHdr xmlns="urn:iso:std:iso:20022:tech:xsd:head.001.001.02"><BizMsgIdr>B</BizMsgIdr></AppHdr>'
    document = f'<Document xmlns="urn:iso:std:iso:20022:tech:xsd:{name}"><X/></Document>'
    for body in (document, f"<BizMsg>{header}{document}</BizMsg>"):
        reading = read(body.encode())
        assert (reading.format, reading.proof.holds, reading.records) == ("iso-20022", False, ())
        assert [problem.detail for problem in reading.diagnostics] == [f"this is {name}, {what}, which cannot be read"]
