"""Bacs files that we write: labels, credits, the contra record, and totals that agree."""

from datetime import UTC, date, datetime
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tieout.formats.bacs.layouts import PAYMENT, USER_TRAILER
from tieout.formats.bacs.write import ServiceUser, bacs_text, write
from tieout.formats.lines import Line
from tieout.formats.reading import Findings
from tieout.kernel.money import Money
from tieout.kernel.problem import Code
from tieout.model.documents import BankAccount, Payment, PaymentRun

NOON = datetime(2026, 2, 2, 12, tzinfo=UTC)
OURS = BankAccount(iban="", holder="Acme Ltd", number="31926819", clearing="GBDSC601613")
NUTS = BankAccount(iban="", holder="Nuts & Bolts Ltd", number="55779911", clearing="GBDSC200000")
USER = ServiceUser(number="123456", name="ACME LTD", serial="000001")


def payment(number: int, cents: int = 12_345, **more: Any) -> Payment:
    standard = Payment(
        payment_id=f"PAY-{number}",
        run_id="run-1",
        invoice_id=f"inv-{number}",
        entity="uk",
        supplier_id="sup-1",
        amount=Money(cents, "GBP"),
        creditor=NUTS,
        remittance=f"Invoice {number}",
    )
    return msgspec.structs.replace(standard, **more)


def run(*payments: Payment, **more: Any) -> PaymentRun:
    standard = PaymentRun(
        run_id="run-1",
        entity="uk",
        debtor=OURS,
        execute_on=date(2026, 2, 3),
        payments=payments,
        currency="GBP",
    )
    return msgspec.structs.replace(standard, **more)


def test_a_run_of_two() -> None:
    written = write(run(payment(1), payment(2, 5)), USER, NOON)
    blank = " "
    assert written.body.decode().split("\r\n") == [
        f"VOL1000001{blank:31}123456{blank:32}1",
        f"HDR1A123456S  112345600000100010001{blank:6} 26033 26064{blank}000000{blank:20}",
        f"HDR2F0212000106{blank:35}00{blank:28}",
        f"UHL1 26034999999    000000004 MULTI  001{blank:40}",
        f"20000055779911099601613{'31926819'}{blank:4}00000012345{'ACME LTD':18}{'PAY-1':18}{'NUTS & BOLTS LTD':18} 26034",
        f"20000055779911099601613{'31926819'}{blank:4}00000000005{'ACME LTD':18}{'PAY-2':18}{'NUTS & BOLTS LTD':18} 26034",
        f"60161331926819017601613{'31926819'}{blank:4}00000012350{'RUN-1':18}{'CONTRA':18}{'ACME LTD':18} 26034",
        f"EOF1A123456S  112345600000100010001{blank:6} 26033 26064{blank}000001{blank:20}",
        f"EOF2F0212000106{blank:35}00{blank:28}",
        f"UTL1{12_350:013}{12_350:013}{1:07}{2:07}{blank:36}",
        "",
    ]
    assert (written.problems, written.count, str(written.control_sum)) == ((), 2, "123.50")
    assert written.references == (("PAY-1", "PAY-1"), ("PAY-2", "PAY-2"))


def test_names_are_written_in_the_letters_that_bacs_takes() -> None:
    assert bacs_text("Société Générale d'Écrous & Co", 18) == "SOCIETE GENERALE D"
    assert bacs_text("A&B (UK) Ltd.", 18) == "A & B UK LTD."
    assert bacs_text("株式会社", 18).strip(".") == ""


def account(**more: Any) -> BankAccount:
    return msgspec.structs.replace(NUTS, **more)


@pytest.mark.parametrize(
    ("wrong", "where", "code"),
    [
        (run(), "payments", Code.MISSING_FIELD),
        (run(payment(1), currency="EUR"), "currency", Code.CURRENCY_MISMATCH),
        (run(payment(1, 2_000_000_001)), "payments/PAY-1/amount", Code.BAD_VALUE),
        (run(payment(1), execute_on=date(2026, 2, 1)), "execute_on", Code.BAD_VALUE),
        (run(payment(1), execute_on=date(2026, 3, 20)), "execute_on", Code.BAD_VALUE),
        (run(payment(1), debtor=account(clearing="")), "debtor/clearing", Code.BAD_VALUE),
        (run(payment(1, creditor=account(clearing="GBDSC20000"))), "payments/PAY-1/creditor/clearing", Code.BAD_VALUE),
        (run(payment(1, creditor=account(number="123"))), "payments/PAY-1/creditor/number", Code.NO_BANK_ACCOUNT),
        (run(payment(1, creditor=account(holder="株"))), "payments/PAY-1/creditor/holder", Code.MISSING_FIELD),
    ],
)
def test_what_is_wrong_is_not_written(wrong: PaymentRun, where: str, code: Code) -> None:
    written = write(wrong, USER, NOON)
    assert written.body == b""
    assert (code, where) in [(problem.code, problem.where) for problem in written.problems]


@pytest.mark.parametrize(
    ("field", "value"), [("number", "12345"), ("serial", "000000"), ("serial", "ab"), ("name", "")]
)
def test_a_service_user_that_bacs_does_not_know(field: str, value: str) -> None:
    written = write(run(payment(1)), msgspec.structs.replace(USER, **{field: value}), NOON)
    assert [problem.where for problem in written.problems] == [f"user/{field}"]


@settings(max_examples=50, deadline=None)
@given(st.lists(st.tuples(st.integers(1, 10**8), st.text(max_size=30)), min_size=1, max_size=30))
def test_credits_and_contra_balance_and_read_back(items: list[tuple[int, str]]) -> None:
    payments = [
        payment(number, cents, creditor=account(holder=f"A{name}")) for number, (cents, name) in enumerate(items, 1)
    ]
    written = write(run(*payments), USER, NOON)
    assert written.problems == ()
    lines = written.body.decode("ascii").split("\r\n")[:-1]
    assert [len(line) for line in lines] == [80] * 4 + [106] * (len(items) + 1) + [80] * 3
    findings = Findings()
    records = [PAYMENT.read(Line(line, 0, 1), findings) for line in lines[4:-3]]
    totals = USER_TRAILER.read(Line(lines[-1], 0, 1), findings)
    assert findings.complete
    assert [(record["reference"], int(record["amount"])) for record in records[:-1]] == [
        (payment.payment_id, payment.amount.minor) for payment in payments
    ]
    whole = str(sum(cents for cents, _ in items))
    assert (records[-1]["transaction"], records[-1]["amount"]) == ("17", whole)
    assert totals == {"debit": whole, "credit": whole, "debit_count": "1", "credit_count": str(len(items))}
    assert {record["processed_on"] for record in records} == {"2026-02-03"}
