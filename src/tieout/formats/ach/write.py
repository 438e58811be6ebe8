"""The ACH file of a payment run: credits to suppliers and people in the United States, valid or not written at all.

One run gives one file with one batch of one class: ``CCD`` (a company, with one addendum), ``CTX`` (a company, with the
remittance data of all invoices) or ``PPD`` (a person). Each entry carries a short reference to its payment, which a
return or a notification of change brings back. Trace numbers count from 1 within the file.
"""

import re
from collections.abc import Iterator
from datetime import datetime
from typing import Final

from msgspec import Struct

from tieout.formats.ach.entries import CURRENCY
from tieout.formats.ach.layouts import (
    BATCH_CONTROL,
    BATCH_HEADER,
    BLOCK,
    CORPORATE_ENTRY,
    ENTRY,
    FILE_CONTROL,
    FILE_HEADER,
    PADDING,
    PAYMENT_ADDENDUM,
)
from tieout.formats.ach.read import ADDENDA_MAX
from tieout.formats.ach.remittance import many_addenda, one_addendum
from tieout.formats.ach.routing import routing_of, routing_problems
from tieout.formats.iso20022.charset import latin
from tieout.formats.payment_files import SHORT_LENGTHS, PaymentFile, place, run_problems, short_reference
from tieout.formats.reading import quoted
from tieout.kernel.money import Money, total
from tieout.kernel.problem import Code, Problem
from tieout.model.documents import BankAccount, Payment, PaymentRun

#: How long the identification of an entry is.
REFERENCE_LENGTH: Final = SHORT_LENGTHS[0]
CORPORATE, TRADE, PERSONAL = "CCD", "CTX", "PPD"
_CREDITS_ONLY = "220"
#: What a payment does on each kind of account.
_TRANSACTIONS = {"checking": "22", "savings": "32"}
#: Ten digits for the amount of an entry, twelve for totals.
_AMOUNT_MAX, _TOTAL_MAX = 10**10 - 1, 10**12 - 1
#: Same Day ACH takes no more than a million dollars in one entry (since 2022-03-18).
_SAME_DAY_MAX = Money(100_000_000, CURRENCY)
_SAME_DAY = ("1300", "1700", "1800")
_ACCOUNT = re.compile(r"[A-Za-z0-9-]{1,17}", re.ASCII)
_MODIFIER = re.compile(r"[A-Z0-9]", re.ASCII)


class Originator(Struct, frozen=True, kw_only=True):
    """How our bank knows us, as its set-up letter says.

    ``destination`` is the routing number of our bank, ``origin`` what it gave us to name ourselves (ten signs, often a
    1 and the tax number), ``company_id`` what the batch names. ``modifier`` tells the files of one day apart: ``A`` to
    ``Z``, then digits. ``same_day`` is the settlement wished for on the same day (``1300``, ``1700`` or ``1800``, New
    York), or empty.
    """

    destination: str
    destination_name: str
    origin: str
    origin_name: str
    company_id: str
    company_name: str
    sec: str = CORPORATE
    description: str = "VENDOR PAY"
    modifier: str = "A"
    same_day: str = ""
    reference: str = ""


def write(run: PaymentRun, originator: Originator, created_at: datetime) -> PaymentFile:
    """Write the file of a payment run, or say what is wrong with it. The same input gives the same bytes."""
    problems = tuple(_problems(run, originator, created_at))
    if problems:
        return PaymentFile(problems=problems)
    references = {payment.payment_id: short_reference(payment.payment_id, REFERENCE_LENGTH) for payment in run.payments}
    problems = tuple(_remittance_problems(run, originator, references))
    if problems:
        return PaymentFile(problems=problems)
    records = list(_records(run, originator, created_at, references))
    records += [PADDING] * (-len(records) % BLOCK)
    body = "".join(f"{record}\n" for record in records).encode("ascii")
    control_sum = total((payment.amount for payment in run.payments), CURRENCY).amount
    return PaymentFile(body, (), len(run.payments), control_sum, tuple(references.items()))


# ── what makes a run unfit ─────────────────────────────────────────────────────────────────────────────────────────


def _problems(run: PaymentRun, originator: Originator, created_at: datetime) -> Iterator[Problem]:
    yield from run_problems(run, created_at, CURRENCY, _AMOUNT_MAX)
    yield from _originator_problems(originator)
    for payment in run.payments:
        yield from _account_problems(f"{place(payment)}/creditor", payment.creditor)
    amounts = [payment.amount for payment in run.payments if payment.amount.currency == CURRENCY]
    whole = total(amounts, CURRENCY)
    if whole.minor > _TOTAL_MAX:
        yield Problem(Code.TOO_LARGE, "payments", limit=str(Money(_TOTAL_MAX, CURRENCY)), actual=str(whole))
    if originator.same_day:
        yield from _same_day_problems(run, amounts, created_at)


def _originator_problems(originator: Originator) -> Iterator[Problem]:
    yield from routing_problems("originator/destination", originator.destination)
    if originator.sec not in (CORPORATE, TRADE, PERSONAL):
        expected = f"{CORPORATE}, {TRADE} or {PERSONAL}"
        yield Problem(Code.BAD_VALUE, "originator/sec", expected=expected, actual=quoted(originator.sec))
    if originator.same_day and originator.same_day not in _SAME_DAY:
        expected = "1300, 1700 or 1800"
        yield Problem(Code.BAD_VALUE, "originator/same_day", expected=expected, actual=quoted(originator.same_day))
    if not _MODIFIER.fullmatch(originator.modifier):
        expected = "one capital letter or digit"
        yield Problem(Code.BAD_VALUE, "originator/modifier", expected=expected, actual=quoted(originator.modifier))
    lengths = (("origin", 10), ("company_id", 10), ("company_name", 16), ("description", 10))
    for name, length in lengths:
        value: str = getattr(originator, name)
        if not value.strip() or len(value) > length or not (value.isascii() and value.isprintable()):
            expected = f"1 to {length} signs of ASCII"
            yield Problem(Code.BAD_VALUE, f"originator/{name}", expected=expected, actual=quoted(value))


def _account_problems(where: str, account: BankAccount) -> Iterator[Problem]:
    yield from routing_problems(f"{where}/clearing", routing_of(account))
    if not _ACCOUNT.fullmatch(account.number):
        expected = "1 to 17 letters, digits and dashes"
        yield Problem(Code.NO_BANK_ACCOUNT, f"{where}/number", expected=expected, actual=quoted(account.number))
    if account.kind not in _TRANSACTIONS:
        yield Problem(Code.MISSING_FIELD, f"{where}/kind", expected="checking or savings", actual=quoted(account.kind))
    if not latin(account.holder, 22).strip("."):
        yield Problem(Code.MISSING_FIELD, f"{where}/holder", expected="a name in Latin letters")


def _same_day_problems(run: PaymentRun, amounts: list[Money], created_at: datetime) -> Iterator[Problem]:
    if run.execute_on != created_at.date():
        expected = f"{created_at.date()}, the day of the file, for settlement on the same day"
        yield Problem(Code.BAD_VALUE, "execute_on", expected=expected, actual=run.execute_on.isoformat())
    for amount in amounts:
        if amount > _SAME_DAY_MAX:
            yield Problem(Code.BAD_VALUE, "payments", limit=f"{_SAME_DAY_MAX} on the same day", actual=str(amount))


def _remittance_problems(run: PaymentRun, originator: Originator, references: dict[str, str]) -> Iterator[Problem]:
    if len(set(references.values())) != len(references):
        yield Problem(Code.BAD_VALUE, "payments", detail="two payments have the same reference")
    for payment in run.payments:
        lines = [line.paid for line in payment.invoices]
        if lines and any(line.currency != CURRENCY for line in lines):
            yield Problem(Code.CURRENCY_MISMATCH, f"{place(payment)}/invoices", expected=CURRENCY)
        elif lines and total(lines, CURRENCY) != payment.amount:
            settled = total(lines, CURRENCY)
            where = f"{place(payment)}/invoices"
            yield Problem(Code.TOTALS_DISAGREE, where, expected=str(payment.amount), actual=str(settled))
        count = len(_addenda(payment, run, originator, references[payment.payment_id]))
        if count > ADDENDA_MAX:
            limit = f"{ADDENDA_MAX} addenda"
            yield Problem(Code.TOO_LARGE, f"{place(payment)}/invoices", limit=limit, actual=str(count))


# ── the file ───────────────────────────────────────────────────────────────────────────────────────────────────────


def _records(
    run: PaymentRun, originator: Originator, created_at: datetime, references: dict[str, str]
) -> Iterator[str]:
    odfi = originator.destination[:8]
    batch = {
        "service_class": _CREDITS_ONLY,
        "company": originator.company_name,
        "company_id": originator.company_id,
        "sec": originator.sec,
        "description": originator.description,
        "descriptive_date": f"SD{originator.same_day}" if originator.same_day else f"{created_at:%y%m%d}",
        "effective_on": f"{run.execute_on:%y%m%d}",
        "status": "1",
        "odfi": odfi,
        "batch": "0000001",
    }
    yield _file_header(originator, created_at)
    yield BATCH_HEADER.write(batch)
    entries = [
        record
        for number, payment in enumerate(run.payments, 1)
        for record in _entry(payment, run, originator, references[payment.payment_id], f"{odfi}{number:07}")
    ]
    yield from entries
    totals = {
        "count": str(len(entries)),
        "hash": str(sum(int(routing_of(payment.creditor)[:8]) for payment in run.payments) % 10**10),
        "debit": "0",
        "credit": str(sum(payment.amount.minor for payment in run.payments)),
    }
    yield BATCH_CONTROL.write(batch | totals)
    blocks = -(-(len(entries) + 4) // BLOCK)
    yield FILE_CONTROL.write(totals | {"batches": "1", "blocks": str(blocks)})


def _file_header(originator: Originator, created_at: datetime) -> str:
    return FILE_HEADER.write(
        {
            "priority": "01",
            "destination": originator.destination,
            "origin": originator.origin,
            "created_on": created_at.date().isoformat(),
            "created_at": f"{created_at:%H%M}",
            "modifier": originator.modifier,
            "record_size": "094",
            "blocking": "10",
            "format": "1",
            "destination_name": latin(originator.destination_name, 23),
            "origin_name": latin(originator.origin_name, 23),
            "reference": latin(originator.reference, 8),
        }
    )


def _entry(payment: Payment, run: PaymentRun, originator: Originator, reference: str, trace: str) -> Iterator[str]:
    """One payment with its addenda."""
    addenda = _addenda(payment, run, originator, reference)
    is_trade = originator.sec == TRADE
    values = {
        "transaction": _TRANSACTIONS[payment.creditor.kind],
        "routing": routing_of(payment.creditor),
        "account": payment.creditor.number,
        "amount": str(payment.amount.minor),
        "identification": reference,
        "name": latin(payment.creditor.holder, 16 if is_trade else 22),
        "addenda_count": str(len(addenda)),
        "addenda": "1" if addenda else "0",
        "trace": trace,
    }
    yield (CORPORATE_ENTRY if is_trade else ENTRY).write(values)
    for sequence, information in enumerate(addenda, 1):
        yield PAYMENT_ADDENDUM.write({"information": information, "sequence": str(sequence), "entry": trace[8:]})


def _addenda(payment: Payment, run: PaymentRun, originator: Originator, reference: str) -> tuple[str, ...]:
    if originator.sec == TRADE:
        return many_addenda(payment, run.debtor.holder, reference)
    return one_addendum(payment)
