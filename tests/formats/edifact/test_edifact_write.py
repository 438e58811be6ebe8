"""What goes out: acknowledgments and remittance advices, written and read back equal, or not written at all."""

from datetime import date, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.formats.edifact.interchange import changed, data, read

from tieout.formats.edifact.write import write_contrl, write_remadv
from tieout.formats.outgoing import Envelope, advice_of
from tieout.formats.written import Written
from tieout.kernel.money import Money
from tieout.kernel.problem import Code
from tieout.model.documents import (
    Acknowledgment,
    BankAccount,
    Interchange,
    Payment,
    PaymentRun,
    RemittanceAdvice,
    RemittanceLine,
)

ENVELOPE = Envelope(
    sender="4098765000003",
    receiver="4012345000009",
    control="900",
    prepared_at=datetime(2026, 6, 2, 12, 5),
    sender_qualifier="14",
    receiver_qualifier="14",
)


def eur(text: str) -> Money:
    return Money.of(Decimal(text), "EUR")


def envelope_of(body: bytes) -> Interchange:
    last = read(body).records[-1]
    assert isinstance(last, Interchange)
    return last


def answers(written: Written) -> list[Acknowledgment]:
    """An acknowledgment that was written, as its receiver reads it."""
    assert written.problems == ()
    reading = read(written.body)
    assert reading.proof.holds, reading.diagnostics
    assert reading.diagnostics == ()
    return [record for record in reading.records if isinstance(record, Acknowledgment)]


# ── acknowledgments ────────────────────────────────────────────────────────────────────────────────────────────────


def test_an_interchange_that_was_taken_is_acknowledged_as_a_whole() -> None:
    written = write_contrl(envelope_of(data("invoic-eancom")), ENVELOPE)
    assert written.body.decode("latin-1") == (
        "UNA:+.? 'UNB+UNOC:3+4098765000003:14+4012345000009:14+260602:1205+900'"
        "UNH+1+CONTRL:D:3:UN'UCI+77+4012345000009:14+4098765000003:14+7'UNT+3+1'UNZ+1+900'"
    )
    assert [(found.status, found.interchange) for found in answers(written)] == [("accepted", "77")]


@pytest.mark.parametrize(
    ("valid", "wrong", "said"),
    [
        ("UNT+63+1", "UNT+62+1", "UCM+1+INVOIC:D:01B:UN:EAN010+4+29+UNT'"),
        ("UNT+63+1", "UNT+63+2", "UCM+1+INVOIC:D:01B:UN:EAN010+4+28+UNT'"),
        ("INVOIC:D:01B", "IFTMIN:D:01B", "UCM+1+IFTMIN:D:01B:UN:EAN010+4+17+UNH'"),
        ("BGM+380+R-2026-0815", "BGM+380+", "UCM+1+INVOIC:D:01B:UN:EAN010+4'UCS+2+13'"),
        ("DTM+137:20260504", "DTM+137:soon", "UCM+1+INVOIC:D:01B:UN:EAN010+4'UCS+3+12'"),
        ("MOA+77:640.60", "MOA+77:604.60", "UCM+1+INVOIC:D:01B:UN:EAN010+4'UCS+50+18'"),
    ],
)
def test_a_refused_message_is_named_with_its_reason(valid: str, wrong: str, said: str) -> None:
    written = write_contrl(envelope_of(changed(data("invoic-eancom"), valid, wrong)), ENVELOPE)
    assert f"UCI+77+4012345000009:14+4098765000003:14+7'{said}UNT" in written.body.decode("latin-1")
    whole, part = answers(written)
    assert (whole.status, part.status, part.control) == ("partly", "rejected", "1")


@pytest.mark.parametrize(
    ("valid", "wrong", "said"),
    [
        ("UNZ+1+77", "UNZ+2+77", "4+29+UNZ'"),
        ("UNZ+1+77", "UNZ+1+78", "4+28+UNZ'"),
        ("UNZ+1+77'", "", "4+13+UNB'"),
        ("UNZ+1+77'", "UNZ+1+77", "4+21'"),
    ],
)
def test_a_refused_interchange_is_rejected(valid: str, wrong: str, said: str) -> None:
    written = write_contrl(envelope_of(changed(data("invoic-eancom"), valid, wrong)), ENVELOPE)
    assert f"UCI+77+4012345000009:14+4098765000003:14+{said}UNT" in written.body.decode("latin-1")
    assert [found.status for found in answers(written)] == ["rejected"]


def test_a_refused_message_of_a_group_is_named_in_its_group() -> None:
    body = data("invoic-eancom").decode("latin-1")
    body = body.replace("UNH+1+", "UNG+INVOIC+S:14+R:14+260504:1030+5+UN+D:01B'\nUNH+1+").replace(
        "UNT+63+1'", "UNT+62+1'\nUNE+1+5'"
    )
    written = write_contrl(envelope_of(body.encode("latin-1")), ENVELOPE)
    assert "+7'UCF+5+S+R+7'UCM+1+INVOIC:D:01B:UN:EAN010+4+29+UNT'UNT" in written.body.decode("latin-1")
    assert [(found.status, found.group, found.control) for found in answers(written)] == [
        ("partly", "", ""),
        ("accepted", "5", ""),
        ("rejected", "5", "1"),
    ]


def test_an_interchange_without_a_reference_cannot_be_acknowledged() -> None:
    written = write_contrl(envelope_of(b""), ENVELOPE)
    assert (written.body, [problem.code for problem in written.problems]) == (b"", [Code.MISSING_FIELD])


# ── remittance advices ─────────────────────────────────────────────────────────────────────────────────────────────

ADVICE = RemittanceAdvice(
    advice_id="AV+3'",
    payer="ACME: Deutschland?",
    payee="4012345000009",
    paid_on=date(2026, 6, 3),
    amount=eur("504.79"),
    reference="PAY-1",
    lines=(
        RemittanceLine(
            number="R:1", paid=eur("627.79"), gross=eur("640.60"), deducted=eur("12.81"), issued_on=date(2026, 5, 4)
        ),
        RemittanceLine(number="G-19", paid=eur("-123"), gross=eur("-123")),
    ),
)


def test_a_remittance_advice_is_written_with_its_signs_released() -> None:
    written = write_remadv(ADVICE, ENVELOPE)
    assert written.body.decode("latin-1") == (
        "UNA:+.? 'UNB+UNOC:3+4098765000003:14+4012345000009:14+260602:1205+900'UNH+1+REMADV:D:96A:UN'"
        "BGM+481+AV?+3?'+9'DTM+137:20260602:102'DTM+138:20260603:102'RFF+PQ:PAY-1'"
        "NAD+PR+++ACME?: Deutschland??'NAD+PE+4012345000009::9'CUX+2:EUR:11'"
        "DOC+380+R?:1'MOA+9:640.60'MOA+12:627.79'MOA+52:12.81'DTM+137:20260504:102'"
        "DOC+381+G-19'MOA+9:123.00'MOA+12:123.00'UNS+S'MOA+12:504.79'UNT+19+1'UNZ+1+900'"
    )
    assert read(written.body).records[0] == ADVICE


def test_a_test_is_marked_as_one() -> None:
    body = write_remadv(
        ADVICE, Envelope(sender="S", receiver="R", control="1", prepared_at=ENVELOPE.prepared_at, test=True)
    )
    assert b"UNB+UNOC:3+S+R+260602:1205+1++++++1'" in body.body
    assert envelope_of(body.body).test


@pytest.mark.parametrize(
    ("wrong", "where", "code"),
    [
        ({"advice_id": ""}, "advice_id", Code.BAD_VALUE),
        ({"advice_id": "x" * 36}, "advice_id", Code.TOO_LARGE),
        ({"advice_id": "Ł-1"}, "advice_id", Code.BAD_VALUE),
        ({"reference": "a\nb"}, "reference", Code.BAD_VALUE),
        ({"payee": "x" * 36}, "payee", Code.BAD_VALUE),
        ({"payer": ""}, "payer", Code.BAD_VALUE),
        ({"amount": eur("504.78")}, "amount", Code.TOTALS_DISAGREE),
        ({"amount": Money(50479, "USD")}, "lines[0]", Code.CURRENCY_MISMATCH),
        (
            {"lines": (RemittanceLine(number="1", paid=eur("504.79"), gross=eur("-1")),)},
            "lines[0]",
            Code.BAD_VALUE,
        ),
    ],
)
def test_what_cannot_be_written_rightly_is_not_written(wrong: dict[str, object], where: str, code: Code) -> None:
    fields = {name: getattr(ADVICE, name) for name in ADVICE.__struct_fields__}
    written = write_remadv(RemittanceAdvice(**fields | wrong), ENVELOPE)
    assert written.body == b""
    assert (where, code) in [(problem.where, problem.code) for problem in written.problems]


def test_a_name_in_other_letters_is_written_in_ours() -> None:
    fields = {name: getattr(ADVICE, name) for name in ADVICE.__struct_fields__}
    written = write_remadv(RemittanceAdvice(**fields | {"payee": "Śruby Łódź Sp. z o.o."}), ENVELOPE)
    found = read(written.body).records[0]
    assert isinstance(found, RemittanceAdvice)
    assert found.payee == "Sruby Lodz Sp. z o.o."


def test_the_advice_of_a_payment_of_a_run() -> None:
    account = BankAccount(iban="DE89370400440532013000", holder="ACME Deutschland GmbH")
    payment = Payment(
        payment_id="pay-1",
        run_id="run-1",
        invoice_id="inv-1",
        entity="acme-de",
        supplier_id="sup-1",
        amount=eur("504.79"),
        creditor=BankAccount(iban="DE75512108001245126199", holder="Schrauben Müller GmbH"),
        remittance="R:1 G-19",
        invoices=ADVICE.lines,
    )
    run = PaymentRun(
        run_id="run-1",
        entity="acme-de",
        debtor=account,
        execute_on=date(2026, 6, 3),
        payments=(payment,),
        currency="EUR",
    )
    advice = advice_of(payment, run.debtor.holder, run.execute_on)
    assert read(write_remadv(advice, ENVELOPE).body).records[0] == advice
    assert (advice.payer, advice.payee, advice.reference) == (account.holder, "Schrauben Müller GmbH", "pay-1")


LATIN = st.characters(min_codepoint=0x20, max_codepoint=0xFF).filter(lambda sign: sign.isprintable())
TEXTS = st.text(LATIN, min_size=1, max_size=35).map(lambda text: " ".join(text.split())).filter(bool)
AMOUNTS = st.integers(0, 10**11).map(lambda minor: Money(minor, "EUR"))
DAYS = st.none() | st.dates(date(2000, 1, 1), date(2099, 12, 31))


@st.composite
def lines(draw: st.DrawFn) -> RemittanceLine:
    paid, gross, deducted = draw(AMOUNTS), draw(st.none() | AMOUNTS), draw(st.none() | AMOUNTS)
    if draw(st.booleans()):
        paid, gross, deducted = -paid, gross and -gross, deducted and -deducted
    return RemittanceLine(number=draw(TEXTS), paid=paid, gross=gross, deducted=deducted, issued_on=draw(DAYS))


@st.composite
def advices(draw: st.DrawFn) -> RemittanceAdvice:
    settled = tuple(draw(st.lists(lines(), max_size=5)))
    amount = sum((line.paid for line in settled), Money(0, "EUR")) if settled else draw(AMOUNTS)
    return RemittanceAdvice(
        advice_id=draw(TEXTS),
        payer=draw(TEXTS),
        payee=draw(TEXTS),
        paid_on=draw(DAYS),
        amount=amount,
        reference=draw(st.just("") | TEXTS),
        lines=settled,
    )


@given(advices())
def test_what_we_write_we_read_back_equal(advice: RemittanceAdvice) -> None:
    written = write_remadv(advice, ENVELOPE)
    if advice.amount.minor < 0:
        assert [problem.where for problem in written.problems] == ["amount"]
        return
    reading = read(written.body)
    assert reading.proof.holds, reading.diagnostics
    assert reading.records[0] == advice
    assert written == write_remadv(advice, ENVELOPE)
