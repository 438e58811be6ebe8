"""The payment file: pain.001.001.09, valid against its schema or not written at all.

One run gives one message with one block (``PmtInf``), so what the bank says about the block it says about the run:
``MsgId`` = ``PmtInfId`` = ``run_id``, and ``EndToEndId`` = ``InstrId`` = ``payment_id``. Payments are to be booked one
by one (``BtchBookg`` false), so that the statement proves each of them.

Euros between SEPA accounts go with the service level ``SEPA`` and shared charges as the scheme wants it (``SLEV``);
everything else goes as a non-urgent transfer (``NURG``) with shared charges (``SHAR``). The levels stand on the block
when all payments agree, else on each payment. The same run and creation time give the same bytes.
"""

import re
from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal
from typing import Any

from lxml import etree
from msgspec import Struct
from stdnum import bic as bic_numbers
from stdnum import iban as iban_numbers

from tieout.formats.iso20022.charset import latin
from tieout.formats.iso20022.schemas import pain_001
from tieout.formats.reading import Limits, quoted
from tieout.formats.xml import Element, tree
from tieout.kernel.money import Money, total
from tieout.kernel.problem import Code, Problem
from tieout.model.documents import Address, BankAccount, Payment, PaymentRun

NAMESPACE = "urn:iso:std:iso:20022:tech:xsd:pain.001.001.09"
MEDIA_TYPE = "application/xml"

#: Countries and territories of the SEPA schemes, by the country code of their IBANs (EPC409-09).
SEPA = frozenset(
    (
        *("AD", "AL", "AT", "BE", "BG", "CH", "CY", "CZ", "DE", "DK", "EE", "ES", "FI", "FR", "GB", "GI", "GR", "HR"),
        *("HU", "IE", "IS", "IT", "LI", "LT", "LU", "LV", "MC", "MD", "ME", "MK", "MT", "NL", "NO", "PL", "PT", "RO"),
        *("RS", "SE", "SI", "SK", "SM", "VA"),
    )
)
#: The most that one SEPA credit transfer can carry.
SEPA_MAX = Money(99_999_999_999, "EUR")
#: References travel back to us unchanged only in these signs. ``_`` is ours; banks in ISO 20022 take it.
_REFERENCE = re.compile(r"(?!/)(?!.*//)[A-Za-z0-9/\-?:().,'+_]{1,35}(?<!/)", re.ASCII)
_COUNTRY = re.compile(r"[A-Z]{2}", re.ASCII)


class Written(Struct, frozen=True):
    """A payment file, or why there is none. ``body`` is empty exactly when there are problems."""

    body: bytes = b""
    problems: tuple[Problem, ...] = ()
    count: int = 0
    control_sum: Decimal = Decimal(0)


def write(run: PaymentRun, created_at: datetime) -> Written:
    """Write the file of a payment run, or say what is wrong with the run. Never writes an invalid file."""
    problems = tuple(_problems(run, created_at))
    if problems:
        return Written(problems=problems)
    control_sum = total((payment.amount for payment in run.payments), run.currency).amount
    body = etree.tostring(_document(run, created_at, control_sum), xml_declaration=True, encoding="UTF-8")
    problems = validate(body)
    if problems:
        return Written(problems=problems)
    return Written(body, (), len(run.payments), control_sum)


def validate(body: bytes) -> tuple[Problem, ...]:
    """What the schema of pain.001.001.09 has to say about a file; nothing when it is valid."""
    root = tree(body, Limits())
    if isinstance(root, Problem):
        return (root,)
    schema = pain_001()
    if schema.validate(root):
        return ()
    log: Any = schema.error_log  # a sequence of entries, which its type stub does not know
    return tuple(Problem(Code.BAD_VALUE, f"line {entry.line}", detail=str(entry.message)) for entry in log)


# ── what makes a run unfit ─────────────────────────────────────────────────────────────────────────────────────────


def _problems(run: PaymentRun, created_at: datetime) -> Iterator[Problem]:
    if created_at.tzinfo is None:
        yield Problem(Code.BAD_VALUE, "created_at", expected="a moment with a time zone")
    if not run.payments:
        yield Problem(Code.MISSING_FIELD, "payments", expected="at least one payment")
    yield from _reference_problems("run_id", run.run_id)
    yield from _account_problems("debtor", run.debtor)
    seen: set[str] = set()
    for payment in run.payments:
        where = f"payments/{quoted(payment.payment_id)}"
        yield from _payment_problems(where, payment, run)
        if payment.payment_id in seen:
            yield Problem(Code.BAD_VALUE, where, detail="the payment is in the run twice")
        seen.add(payment.payment_id)


def _payment_problems(where: str, payment: Payment, run: PaymentRun) -> Iterator[Problem]:
    yield from _reference_problems(f"{where}/payment_id", payment.payment_id)
    yield from _account_problems(f"{where}/creditor", payment.creditor)
    if payment.run_id != run.run_id:
        yield Problem(Code.BAD_VALUE, f"{where}/run_id", expected=run.run_id, actual=quoted(payment.run_id))
    if payment.entity != run.entity:
        yield Problem(Code.BAD_VALUE, f"{where}/entity", expected=run.entity, actual=quoted(payment.entity))
    amount = payment.amount
    if amount.currency != run.currency:
        yield Problem(Code.CURRENCY_MISMATCH, f"{where}/amount", expected=run.currency, actual=amount.currency)
    elif amount.minor <= 0:
        yield Problem(Code.BAD_VALUE, f"{where}/amount", expected="more than zero", actual=str(amount))
    elif _is_sepa(payment, run) and amount > SEPA_MAX:
        yield Problem(Code.BAD_VALUE, f"{where}/amount", limit=str(SEPA_MAX), actual=str(amount))
    country = payment.creditor_address.country
    if country and not _COUNTRY.fullmatch(country):
        yield Problem(Code.BAD_VALUE, f"{where}/creditor_address/country", expected="ISO 3166", actual=quoted(country))


def _reference_problems(where: str, text: str) -> Iterator[Problem]:
    if not _REFERENCE.fullmatch(text):
        expected = "1 to 35 letters, digits and plain signs, no slash at either end"
        yield Problem(Code.BAD_VALUE, where, expected=expected, actual=quoted(text))


def _account_problems(where: str, account: BankAccount) -> Iterator[Problem]:
    if not iban_numbers.is_valid(account.iban):
        yield Problem(Code.BAD_IBAN, f"{where}/iban", actual=quoted(account.iban))
    if account.bic and not bic_numbers.is_valid(account.bic):
        yield Problem(Code.BAD_VALUE, f"{where}/bic", expected="a BIC of 8 or 11 signs", actual=quoted(account.bic))
    if not latin(account.holder, 70).strip("."):
        yield Problem(Code.MISSING_FIELD, f"{where}/holder", expected="a name in Latin letters")


# ── the document ───────────────────────────────────────────────────────────────────────────────────────────────────


def _add(parent: Element, name: str, text: str | None = None) -> Element:
    element = etree.SubElement(parent, f"{{{NAMESPACE}}}{name}")
    element.text = text
    return element


def _path(parent: Element, names: str, text: str) -> None:
    """Nested elements with a text at the bottom, such as ``Id/IBAN``."""
    for name in names.split("/"):
        parent = _add(parent, name)
    parent.text = text


def _document(run: PaymentRun, created_at: datetime, control_sum: Decimal) -> Element:
    default: Any = {None: NAMESPACE}  # the default namespace; its type stub knows prefixes only
    root = etree.Element(f"{{{NAMESPACE}}}Document", nsmap=default)
    message = _add(root, "CstmrCdtTrfInitn")
    header = _add(message, "GrpHdr")
    _add(header, "MsgId", run.run_id)
    _add(header, "CreDtTm", created_at.isoformat(timespec="seconds"))
    _control(header, run, control_sum)
    _path(header, "InitgPty/Nm", latin(run.debtor.holder, 70))
    _block(_add(message, "PmtInf"), run, control_sum)
    return root


def _control(parent: Element, run: PaymentRun, control_sum: Decimal) -> None:
    _add(parent, "NbOfTxs", str(len(run.payments)))
    _add(parent, "CtrlSum", f"{control_sum:f}")


def _block(block: Element, run: PaymentRun, control_sum: Decimal) -> None:
    """``PmtInf``: all payments from one account on one day."""
    levels = {_is_sepa(payment, run) for payment in run.payments}
    _add(block, "PmtInfId", run.run_id)
    _add(block, "PmtMtd", "TRF")
    _add(block, "BtchBookg", "false")
    _control(block, run, control_sum)
    if len(levels) == 1:
        _service_level(block, is_sepa=True in levels)
    _path(block, "ReqdExctnDt/Dt", run.execute_on.isoformat())
    _path(block, "Dbtr/Nm", latin(run.debtor.holder, 70))
    account = _account(block, "DbtrAcct", run.debtor)
    _add(account, "Ccy", run.debtor.currency or run.currency)
    _agent(block, "DbtrAgt", run.debtor.bic)
    if len(levels) == 1:
        _add(block, "ChrgBr", "SLEV" if True in levels else "SHAR")
    for payment in run.payments:
        _transaction(_add(block, "CdtTrfTxInf"), payment, run, has_own_level=len(levels) > 1)


def _transaction(parent: Element, payment: Payment, run: PaymentRun, *, has_own_level: bool) -> None:
    """``CdtTrfTxInf``: one payment."""
    identification = _add(parent, "PmtId")
    _add(identification, "InstrId", payment.payment_id)
    _add(identification, "EndToEndId", payment.payment_id)
    is_sepa = _is_sepa(payment, run)
    if has_own_level:
        _service_level(parent, is_sepa=is_sepa)
    amount = _add(_add(parent, "Amt"), "InstdAmt", f"{payment.amount.amount:f}")
    amount.set("Ccy", payment.amount.currency)
    if has_own_level:
        _add(parent, "ChrgBr", "SLEV" if is_sepa else "SHAR")
    if payment.creditor.bic:
        _agent(parent, "CdtrAgt", payment.creditor.bic)
    creditor = _add(parent, "Cdtr")
    _add(creditor, "Nm", latin(payment.creditor.holder, 70))
    _address(creditor, payment.creditor_address)
    _account(parent, "CdtrAcct", payment.creditor)
    remittance = latin(payment.remittance, 140)
    if remittance:
        _path(parent, "RmtInf/Ustrd", remittance)


def _is_sepa(payment: Payment, run: PaymentRun) -> bool:
    accounts = (payment.creditor.iban, run.debtor.iban)
    return run.currency == "EUR" and all(iban_numbers.compact(iban)[:2] in SEPA for iban in accounts)


def _service_level(parent: Element, *, is_sepa: bool) -> None:
    _path(parent, "PmtTpInf/SvcLvl/Cd", "SEPA" if is_sepa else "NURG")


def _agent(parent: Element, name: str, bic: str) -> None:
    """A bank by its BIC. The debtor's bank is mandatory in the schema and known to itself, so it may go unnamed."""
    path, text = ("FinInstnId/BICFI", bic_numbers.compact(bic)) if bic else ("FinInstnId/Othr/Id", "NOTPROVIDED")
    _path(_add(parent, name), path, text)


def _account(parent: Element, name: str, account: BankAccount) -> Element:
    element = _add(parent, name)
    _path(element, "Id/IBAN", iban_numbers.compact(account.iban))
    return element


def _address(parent: Element, address: Address) -> None:
    """``PstlAdr``: structured, and only with town and country, without which banks refuse it since November 2026."""
    town = latin(address.town, 35)
    if not (town and address.country):
        return
    element = _add(parent, "PstlAdr")
    lines = (("StrtNm", latin(address.street, 70)), ("PstCd", latin(address.postal_code, 16)), ("TwnNm", town))
    for name, text in lines:
        if text:
            _add(element, name, text)
    _add(element, "Ctry", address.country)
