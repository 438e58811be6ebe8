"""What makes a payment run unfit to be written under a profile."""

import re
from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal

from stdnum import bic as bic_numbers
from stdnum import iban as iban_numbers
from stdnum.us import rtn

from tieout.formats.iso20022.charset import latin
from tieout.formats.iso20022.profiles import CLEARING, CODE_LENGTH, Profile, service_of
from tieout.formats.iso20022.references import creditor_reference, is_qr_iban
from tieout.formats.reading import quoted
from tieout.kernel.money import Money, total
from tieout.kernel.problem import Code, Problem
from tieout.model.documents import BankAccount, Payment, PaymentRun

#: References travel back to us unchanged only in these signs. ``_`` is ours; banks in ISO 20022 take it.
_REFERENCE = re.compile(r"(?!/)(?!.*//)[A-Za-z0-9/\-?:().,'+_]{1,35}(?<!/)", re.ASCII)
_COUNTRY = re.compile(r"[A-Z]{2}", re.ASCII)
_KINDS = ("checking", "savings")


def run_problems(run: PaymentRun, created_at: datetime, profile: Profile) -> Iterator[Problem]:
    """Everything that is wrong with a run; nothing when it can be written."""
    if created_at.tzinfo is None:
        yield Problem(Code.BAD_VALUE, "created_at", expected="a moment with a time zone")
    if not run.payments:
        yield Problem(Code.MISSING_FIELD, "payments", expected="at least one payment")
    yield from reference_problems("run_id", run.run_id)
    yield from _account_problems("debtor", run.debtor, profile)
    seen: set[str] = set()
    for payment in run.payments:
        where = f"payments/{quoted(payment.payment_id)}"
        yield from _payment_problems(where, payment, run, profile)
        if payment.payment_id in seen:
            yield Problem(Code.BAD_VALUE, where, detail="the payment is in the run twice")
        seen.add(payment.payment_id)


def run_notes(run: PaymentRun) -> Iterator[Problem]:
    """What is left out of a file: an address without town and country, which banks refuse since November 2026."""
    for payment in run.payments:
        address = payment.creditor_address
        said = any((address.street, address.postal_code, address.town, address.country))
        if said and not (latin(address.town, 35) and address.country):
            detail = "an address without town and country is left out; banks refuse it"
            where = f"payments/{quoted(payment.payment_id)}/creditor_address"
            yield Problem(Code.UNSUPPORTED_CONTENT, where, expected="town and country", detail=detail)


def reference_problems(where: str, text: str) -> Iterator[Problem]:
    """A reference that a bank would not send back unchanged."""
    if not _REFERENCE.fullmatch(text):
        expected = "1 to 35 letters, digits and plain signs, no slash at either end"
        yield Problem(Code.BAD_VALUE, where, expected=expected, actual=quoted(text))


def _payment_problems(where: str, payment: Payment, run: PaymentRun, profile: Profile) -> Iterator[Problem]:
    yield from reference_problems(f"{where}/payment_id", payment.payment_id)
    yield from _account_problems(f"{where}/creditor", payment.creditor, profile)
    if profile.account_kind and not payment.creditor.iban and payment.creditor.kind not in _KINDS:
        expected, actual = " or ".join(_KINDS), quoted(payment.creditor.kind)
        yield Problem(Code.MISSING_FIELD, f"{where}/creditor/kind", expected=expected, actual=actual)
    if payment.run_id != run.run_id:
        yield Problem(Code.BAD_VALUE, f"{where}/run_id", expected=run.run_id, actual=quoted(payment.run_id))
    if payment.entity != run.entity:
        yield Problem(Code.BAD_VALUE, f"{where}/entity", expected=run.entity, actual=quoted(payment.entity))
    amount = payment.amount
    if amount.currency != run.currency:
        yield Problem(Code.CURRENCY_MISMATCH, f"{where}/amount", expected=run.currency, actual=amount.currency)
    elif amount.minor <= 0:
        yield Problem(Code.BAD_VALUE, f"{where}/amount", expected="more than zero", actual=str(amount))
    else:
        yield from _service_problems(where, payment, run, profile)
    country = payment.creditor_address.country
    if country and not _COUNTRY.fullmatch(country):
        yield Problem(Code.BAD_VALUE, f"{where}/creditor_address/country", expected="ISO 3166", actual=quoted(country))
    account = payment.creditor.iban
    if profile.qr_iban and is_qr_iban(account) and creditor_reference(payment.remittance, account) is None:
        expected, actual = "a QR reference, which this account needs", quoted(payment.remittance)
        yield Problem(Code.BAD_VALUE, f"{where}/remittance", expected=expected, actual=actual)


def _service_problems(where: str, payment: Payment, run: PaymentRun, profile: Profile) -> Iterator[Problem]:
    accounts = (run.debtor, payment.creditor)
    service = service_of(profile, payment.amount.currency, accounts, len(payment.invoices))
    if service is None:
        expected, actual = f"a payment for {profile.title}", f"{payment.amount} to {payment.creditor.account_id[:2]}…"
        yield Problem(Code.BAD_VALUE, where, expected=expected, actual=actual)
    elif service.amount_max is not None and payment.amount.amount > service.amount_max:
        limit = Money.of(Decimal(service.amount_max), payment.amount.currency)
        yield Problem(Code.BAD_VALUE, f"{where}/amount", limit=str(limit), actual=str(payment.amount))
    elif service.invoices_min:
        paid = [line.paid for line in payment.invoices]
        if {money.currency for money in paid} != {payment.amount.currency}:
            expected = f"invoices in {payment.amount.currency}"
            yield Problem(Code.CURRENCY_MISMATCH, f"{where}/invoices", expected=expected)
        elif (summed := total(paid, payment.amount.currency)) != payment.amount:
            detail = "what is paid of the invoices does not sum to the payment"
            expected, actual = str(payment.amount), str(summed)
            yield Problem(Code.TOTALS_DISAGREE, f"{where}/invoices", expected=expected, actual=actual, detail=detail)


def _account_problems(where: str, account: BankAccount, profile: Profile) -> Iterator[Problem]:
    clearing = CLEARING.get(account.clearing[:CODE_LENGTH])
    if account.iban or not account.clearing:
        if "iban" not in profile.accounts:
            expected = f"an account number and {' or '.join(CLEARING[code].title for code in profile.accounts)}"
            yield Problem(Code.MISSING_FIELD, f"{where}/clearing", expected=expected)
        elif not iban_numbers.is_valid(account.iban):
            yield Problem(Code.BAD_IBAN, f"{where}/iban", actual=quoted(account.iban))
    elif clearing is None or account.clearing[:CODE_LENGTH] not in profile.accounts:
        expected, actual = " or ".join(profile.accounts), quoted(account.clearing)
        yield Problem(Code.BAD_VALUE, f"{where}/clearing", expected=expected, actual=actual)
    else:
        member = account.clearing[CODE_LENGTH:]
        is_member = re.fullmatch(clearing.member, member) and (not clearing.check_digit or rtn.is_valid(member))
        if not is_member:
            yield Problem(
                Code.BAD_VALUE, f"{where}/clearing", expected=f"a valid {clearing.title}", actual=quoted(member)
            )
        if not re.fullmatch(clearing.number, account.number):
            expected, actual = f"an account number ({clearing.number})", f"{len(account.number)} signs"
            yield Problem(Code.BAD_VALUE, f"{where}/number", expected=expected, actual=actual)
    if account.bic and not bic_numbers.is_valid(account.bic):
        yield Problem(Code.BAD_VALUE, f"{where}/bic", expected="a BIC of 8 or 11 signs", actual=quoted(account.bic))
    if not latin(account.holder, 70).strip("."):
        yield Problem(Code.MISSING_FIELD, f"{where}/holder", expected="a name in Latin letters")
