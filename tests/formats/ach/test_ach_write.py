"""ACH files that we write: valid or not written, and read back as they were meant."""

from datetime import UTC, date, datetime
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tieout.formats.ach.read import read_ach
from tieout.formats.ach.write import Originator, write
from tieout.formats.payment_files import short_reference
from tieout.formats.reading import Context, gather
from tieout.kernel.ids import derive
from tieout.kernel.money import Money
from tieout.kernel.problem import Code
from tieout.model.documents import BankAccount, Payment, PaymentRun, RemittanceLine
from tieout.model.facts import EntriesNotified

NOON = datetime(2026, 6, 1, 12, 30, tzinfo=UTC)
US = BankAccount(iban="", holder="Acme Inc", number="99", clearing="USABA091000019", kind="checking")
NUTS = BankAccount(iban="", holder="Nuts & Bolts LLC", number="12345678", clearing="USABA021000021", kind="checking")
SAVER = BankAccount(iban="", holder="José Peña", number="744-5678-99", clearing="USABA231380104", kind="savings")
ORIGINATOR = Originator(
    destination="091000019",
    destination_name="First Bank",
    origin="1234567890",
    origin_name="Acme Inc",
    company_id="1234567890",
    company_name="ACME INC",
)


def payment(number: int, creditor: BankAccount, cents: int = 12_345, **more: Any) -> Payment:
    standard = Payment(
        payment_id=f"PAY-{number}",
        run_id="run-1",
        invoice_id=f"inv-{number}",
        entity="us",
        supplier_id="sup-1",
        amount=Money(cents, "USD"),
        creditor=creditor,
        remittance=f"Invoice {number}",
    )
    return msgspec.structs.replace(standard, **more)


def run(*payments: Payment, **more: Any) -> PaymentRun:
    standard = PaymentRun(
        run_id="run-1",
        entity="us",
        debtor=US,
        execute_on=date(2026, 6, 2),
        payments=payments,
        currency="USD",
    )
    return msgspec.structs.replace(standard, **more)


def settled(number: str, cents: int) -> RemittanceLine:
    return RemittanceLine(number=number, paid=Money(cents, "USD"), gross=Money(cents + 100, "USD"))


def test_a_run_of_two_is_ten_records() -> None:
    first = payment(1, NUTS, invoices=(settled("4711", 12_345),))
    written = write(run(first, payment(2, SAVER, 5)), ORIGINATOR, NOON)
    nines = "9" * 94
    assert written.body.decode().splitlines() == [
        "101 09100001912345678902606011230A094101FIRST BANK             ACME INC                       ".replace(
            "FIRST BANK", "First Bank"
        ).replace("ACME INC", "Acme Inc"),
        "5220ACME INC                            1234567890CCDVENDOR PAY260601260602   1091000010000001",
        "62202100002112345678         0000012345PAY-1          Nuts + Bolts LLC        1091000010000001".replace(
            "Nuts + Bolts LLC", "Nuts + Bolts LLC"
        ),
        f"705{'RMR*IV*4711**123.45*124.45' + chr(92):80}00010000001",
        "632231380104744-5678-99      0000000005PAY-2          Jose Pena               1091000010000002",
        f"705{'Invoice 2':80}00010000002",
        "82200000040025238012000000000000000000012350" + "1234567890" + " " * 25 + "091000010000001",
        "9000001000001000000040025238012000000000000000000012350" + " " * 39,
        nines,
        nines,
    ]
    assert (written.problems, written.count, str(written.control_sum)) == ((), 2, "123.50")
    assert written.references == (("PAY-1", "PAY-1"), ("PAY-2", "PAY-2"))


def test_a_trade_payment_carries_all_its_invoices() -> None:
    invoices = tuple(settled(f"R-{number}", 100) for number in range(30))
    written = write(
        run(payment(1, NUTS, 3_000, invoices=invoices)), msgspec.structs.replace(ORIGINATOR, sec="CTX"), NOON
    )
    assert written.problems == ()
    reading = gather(read_ach, written.body, Context(entities_by_iban={"12345678": "them"}))
    assert reading.proof.holds, reading.diagnostics
    (told,) = reading.records
    text = told.entries[0].remittance
    assert text.startswith(
        "ST*820*0001\\BPR*C*30.00*C*ACH*CTX\\TRN*1*PAY-1\\N1*PR*Acme Inc\\N1*PE*Nuts + Bolts LLC\\ENT*1\\"
    )
    assert text.count("RMR*IV*R-") == 30
    assert text.endswith(f"SE*{text.count(chr(92))}*0001\\")


def test_settlement_on_the_same_day_is_asked_for() -> None:
    originator = msgspec.structs.replace(ORIGINATOR, same_day="1700")
    written = write(run(payment(1, NUTS), execute_on=date(2026, 6, 1)), originator, NOON)
    assert "VENDOR PAYSD1700260601   1" in written.body.decode()
    refused = write(run(payment(1, NUTS, 100_000_001)), originator, NOON)
    assert [problem.where for problem in refused.problems] == ["execute_on", "payments"]


def account(**more: Any) -> BankAccount:
    return msgspec.structs.replace(NUTS, **more)


@pytest.mark.parametrize(
    ("wrong", "where", "code"),
    [
        (run(), "payments", Code.MISSING_FIELD),
        (run(payment(1, NUTS), currency="EUR"), "currency", Code.CURRENCY_MISMATCH),
        (run(payment(1, NUTS), payment(1, NUTS)), "payments/PAY-1", Code.BAD_VALUE),
        (run(payment(1, NUTS, 0)), "payments/PAY-1/amount", Code.BAD_VALUE),
        (run(payment(1, NUTS, 10**10)), "payments/PAY-1/amount", Code.BAD_VALUE),
        (run(payment(1, NUTS, amount=Money(1, "EUR"))), "payments/PAY-1/amount", Code.CURRENCY_MISMATCH),
        (run(payment(1, NUTS, run_id="x")), "payments/PAY-1/run_id", Code.BAD_VALUE),
        (run(payment(1, account(clearing="USABA021000022"))), "payments/PAY-1/creditor/clearing", Code.BAD_VALUE),
        (run(payment(1, account(clearing="GBDSC021000"))), "payments/PAY-1/creditor/clearing", Code.BAD_VALUE),
        (run(payment(1, account(number=""))), "payments/PAY-1/creditor/number", Code.NO_BANK_ACCOUNT),
        (run(payment(1, account(number="1" * 18))), "payments/PAY-1/creditor/number", Code.NO_BANK_ACCOUNT),
        (run(payment(1, account(kind=""))), "payments/PAY-1/creditor/kind", Code.MISSING_FIELD),
        (run(payment(1, account(holder="株式会社"))), "payments/PAY-1/creditor/holder", Code.MISSING_FIELD),
        (run(payment(1, NUTS, invoices=(settled("1", 1),))), "payments/PAY-1/invoices", Code.TOTALS_DISAGREE),
    ],
)
def test_what_is_wrong_is_not_written(wrong: PaymentRun, where: str, code: Code) -> None:
    written = write(wrong, ORIGINATOR, NOON)
    assert written.body == b""
    assert (code, where) in [(problem.code, problem.where) for problem in written.problems]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("destination", "091000018"),
        ("origin", ""),
        ("company_id", "12345678901"),
        ("company_name", "SEVENTEEN LETTERS"),
        ("description", "ELEVEN SIGN"),
        ("sec", "WEB"),
        ("modifier", "a"),
        ("same_day", "0900"),
    ],
)
def test_an_originator_that_no_bank_knows_is_not_written(field: str, value: str) -> None:
    originator = msgspec.structs.replace(ORIGINATOR, **{field: value})
    written = write(run(payment(1, NUTS), execute_on=NOON.date()), originator, NOON)
    assert [problem.where for problem in written.problems] == [f"originator/{field}"]


def test_a_time_without_a_zone_is_refused() -> None:
    assert [problem.where for problem in write(run(payment(1, NUTS)), ORIGINATOR, datetime(2026, 6, 1)).problems] == [
        "created_at"
    ]


def test_a_long_payment_id_gets_a_short_name_that_is_always_the_same() -> None:
    payment_id = derive("pay", "run-1", "inv-1")
    assert len(payment_id) > 15
    name = short_reference(payment_id, 15)
    assert name == short_reference(payment_id, 15)
    assert (len(name), name.isalnum(), name.upper()) == (15, True, name)
    written = write(run(payment(1, NUTS, payment_id=payment_id)), ORIGINATOR, NOON)
    assert written.references == ((payment_id, name),)
    assert name.encode() in written.body
    assert short_reference("PAY-1", 15) == "PAY-1"
    assert short_reference("pay-1", 15) != "pay-1"


#: Names of several letters, cents, and remittance of whatever people write.
PAYMENTS = st.lists(
    st.tuples(
        st.integers(1, 10**10 - 1),
        st.text(max_size=200),
        st.sampled_from([NUTS, SAVER]),
        st.lists(st.integers(1, 10**6), max_size=5),
    ),
    min_size=1,
    max_size=12,
)


@settings(max_examples=60, deadline=None)
@given(PAYMENTS, st.sampled_from(["CCD", "CTX", "PPD"]))
def test_what_we_write_we_read_back(items: list[tuple[int, str, BankAccount, list[int]]], sec: str) -> None:
    payments = [
        payment(
            number,
            creditor,
            sum(parts) or cents,
            remittance=remittance,
            invoices=tuple(settled(f"{remittance[:10]}{part}", part) for part in parts),
        )
        for number, (cents, remittance, creditor, parts) in enumerate(items, 1)
    ]
    written = write(run(*payments), msgspec.structs.replace(ORIGINATOR, sec=sec), NOON)
    assert written.problems == ()
    assert written == write(run(*payments), msgspec.structs.replace(ORIGINATOR, sec=sec), NOON)
    assert {len(line) for line in written.body.splitlines()} == {94}
    context = Context(entities_by_iban={NUTS.account_id: "a", SAVER.account_id: "b"})
    reading = gather(read_ach, written.body, context)
    assert reading.proof.holds, reading.diagnostics
    assert reading.diagnostics == ()
    told = [entry for record in reading.records if isinstance(record, EntriesNotified) for entry in record.entries]
    assert sorted((entry.end_to_end_id, entry.amount.minor) for entry in told) == sorted(
        (payment.payment_id, payment.amount.minor) for payment in payments
    )
