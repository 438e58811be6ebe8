"""The Bacs file of a payment run (Standard 18): credits in pounds to British accounts, valid or not written at all.

Bacs takes three banking days: a file is sent on the first, processed on the second and booked on the third, with both
parties. The day of a run is its *processing day*. The credits are balanced by one debit of our own account (the contra
record, transaction 17), so both totals of the trailer are the same.
"""

import re
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from typing import Final

from msgspec import Struct

from tieout.formats.bacs.layouts import (
    HEADER,
    HEADER_END,
    PAYMENT,
    PER_BLOCK,
    RECORD,
    SIZES,
    SIZES_END,
    USER_HEADER,
    USER_TRAILER,
    VOLUME,
)
from tieout.formats.iso20022.charset import latin
from tieout.formats.payment_files import SHORT_LENGTHS, PaymentFile, place, run_problems, short_reference
from tieout.formats.reading import quoted
from tieout.kernel.money import total
from tieout.kernel.problem import Code, Problem
from tieout.model.documents import BankAccount, Payment, PaymentRun

CURRENCY = "GBP"
#: ISO 20022's clearing system code for British sort codes, before six digits.
PREFIX = "GBDSC"
#: How long a reference is.
REFERENCE_LENGTH: Final = SHORT_LENGTHS[1]
_NAME_LENGTH = 18
_CREDIT, _CONTRA = "99", "17"
#: Bacs takes up to twenty million pounds in one payment; eleven digits are what the record holds.
_AMOUNT_MAX = 20_000_000_00
#: How long the file must be kept; tapes had to say so.
_KEPT = timedelta(days=31)
#: A file may be sent at most thirty days before it is processed.
_AHEAD = timedelta(days=30)
_DIGITS = {length: re.compile(rf"[0-9]{{{length}}}", re.ASCII) for length in (6, 8)}
_NOT_ALLOWED = re.compile(r"[^A-Z0-9.&/\- ]")
_SERIAL = re.compile(r"[A-Z0-9]{6}", re.ASCII)


class ServiceUser(Struct, frozen=True, kw_only=True):
    """How Bacs knows us. ``serial`` tells our files of one day apart and is not all zeros."""

    number: str
    name: str
    serial: str


def bacs_text(text: str, length: int) -> str:
    """A text in the letters that Bacs takes: capitals, digits, full stop, ampersand, slash, dash and blank."""
    kept_ampersands = " & ".join(latin(part, 100) for part in text.split("&"))
    return " ".join(_NOT_ALLOWED.sub(" ", kept_ampersands.upper()).split())[:length].strip()


def write(run: PaymentRun, user: ServiceUser, created_at: datetime) -> PaymentFile:
    """Write the file of a payment run, or say what is wrong with it. The same input gives the same bytes."""
    problems = tuple(_problems(run, user, created_at))
    if problems:
        return PaymentFile(problems=problems)
    references = {payment.payment_id: short_reference(payment.payment_id, REFERENCE_LENGTH) for payment in run.payments}
    body = "".join(f"{record}\r\n" for record in _records(run, user, created_at.date(), references)).encode("ascii")
    control_sum = total((payment.amount for payment in run.payments), CURRENCY).amount
    return PaymentFile(body, (), len(run.payments), control_sum, tuple(references.items()))


# ── what makes a run unfit ─────────────────────────────────────────────────────────────────────────────────────────


def _problems(run: PaymentRun, user: ServiceUser, created_at: datetime) -> Iterator[Problem]:
    yield from run_problems(run, created_at, CURRENCY, _AMOUNT_MAX)
    if not _DIGITS[6].fullmatch(user.number):
        yield Problem(Code.BAD_VALUE, "user/number", expected="six digits", actual=quoted(user.number))
    if not _SERIAL.fullmatch(user.serial) or not user.serial.strip("0"):
        expected = "six capital letters or digits, not all zeros"
        yield Problem(Code.BAD_VALUE, "user/serial", expected=expected, actual=quoted(user.serial))
    if not bacs_text(user.name, _NAME_LENGTH).strip("."):
        yield Problem(Code.MISSING_FIELD, "user/name", expected="a name in the letters that Bacs takes")
    if not created_at.date() <= run.execute_on <= created_at.date() + _AHEAD:
        expected = f"a processing day from {created_at.date()} to {created_at.date() + _AHEAD}"
        yield Problem(Code.BAD_VALUE, "execute_on", expected=expected, actual=run.execute_on.isoformat())
    yield from _account_problems("debtor", run.debtor)
    for payment in run.payments:
        yield from _account_problems(f"{place(payment)}/creditor", payment.creditor)
        if not bacs_text(payment.creditor.holder, _NAME_LENGTH).strip("."):
            where = f"{place(payment)}/creditor/holder"
            yield Problem(Code.MISSING_FIELD, where, expected="a name in the letters that Bacs takes")
    amounts = [payment.amount for payment in run.payments if payment.amount.currency == CURRENCY]
    if total(amounts, CURRENCY).minor >= 10**11:
        yield Problem(Code.TOO_LARGE, "payments", limit="999,999,999.99 GBP, which one contra record holds")


def _account_problems(where: str, account: BankAccount) -> Iterator[Problem]:
    sort_code = sort_code_of(account)
    if not _DIGITS[6].fullmatch(sort_code):
        actual = quoted(account.clearing)
        yield Problem(
            Code.BAD_VALUE, f"{where}/clearing", expected="GBDSC and a sort code of six digits", actual=actual
        )
    if not _DIGITS[8].fullmatch(account.number):
        expected = "an account number of eight digits"
        yield Problem(Code.NO_BANK_ACCOUNT, f"{where}/number", expected=expected, actual=quoted(account.number))


def sort_code_of(account: BankAccount) -> str:
    """The sort code of an account, or nothing where it has another clearing code."""
    return account.clearing.removeprefix(PREFIX) if account.clearing.startswith(PREFIX) else ""


# ── the file ───────────────────────────────────────────────────────────────────────────────────────────────────────


def _records(run: PaymentRun, user: ServiceUser, created_on: date, references: dict[str, str]) -> Iterator[str]:
    header = {
        "identifier": "A",
        "service_user": user.number,
        "standard": "S",
        "section": "1",
        "owner": user.number,
        "set": user.serial,
        "file_section": "1",
        "file_sequence": "1",
        "created_on": created_on.isoformat(),
        "expires_on": (created_on + _KEPT).isoformat(),
        "block_count": "0",
    }
    sizes = {"format": "F", "block_length": str(RECORD * PER_BLOCK), "record_length": str(RECORD), "buffer_offset": "0"}
    yield VOLUME.write({"serial": user.serial, "service_user": user.number, "level": "1"})
    yield HEADER.write(header)
    yield SIZES.write(sizes)
    yield USER_HEADER.write(
        {
            "processed_on": run.execute_on.isoformat(),
            "receiver": "999999",
            "currency": "0",
            "country": "0",
            "work": "4 MULTI",
            "file": "1",
        }
    )
    for payment in run.payments:
        yield PAYMENT.write(_credit(payment, run, user, references[payment.payment_id]))
    whole = str(sum(payment.amount.minor for payment in run.payments))
    yield PAYMENT.write(_contra(run, user, whole))
    blocks = -(-(len(run.payments) + 1) // PER_BLOCK)
    yield HEADER_END.write(header | {"block_count": str(blocks)})
    yield SIZES_END.write(sizes)
    counts = {"debit_count": "1", "credit_count": str(len(run.payments))}
    yield USER_TRAILER.write({"debit": whole, "credit": whole} | counts)


def _credit(payment: Payment, run: PaymentRun, user: ServiceUser, reference: str) -> dict[str, str]:
    return {
        "sort_code": sort_code_of(payment.creditor),
        "account": payment.creditor.number,
        "account_type": "0",
        "transaction": _CREDIT,
        "own_sort_code": sort_code_of(run.debtor),
        "own_account": run.debtor.number,
        "amount": str(payment.amount.minor),
        "own_name": bacs_text(user.name, _NAME_LENGTH),
        "reference": reference,
        "name": bacs_text(payment.creditor.holder, _NAME_LENGTH),
        "processed_on": run.execute_on.isoformat(),
    }


def _contra(run: PaymentRun, user: ServiceUser, whole: str) -> dict[str, str]:
    """The debit of our own account that balances the credits."""
    return {
        "sort_code": sort_code_of(run.debtor),
        "account": run.debtor.number,
        "account_type": "0",
        "transaction": _CONTRA,
        "own_sort_code": sort_code_of(run.debtor),
        "own_account": run.debtor.number,
        "amount": whole,
        "own_name": bacs_text(run.run_id, _NAME_LENGTH),
        "reference": "CONTRA",
        "name": bacs_text(user.name, _NAME_LENGTH),
        "processed_on": run.execute_on.isoformat(),
    }
