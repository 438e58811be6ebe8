"""The payment file: pain.001 in versions 3, 9 and 11, valid against its schema or not written at all.

One run gives one message with one block (``PmtInf``), so what the bank says about the block it says about the run:
``MsgId`` = ``PmtInfId`` = ``run_id``, and ``EndToEndId`` = ``InstrId`` = ``payment_id``. Payments are to be booked one
by one (``BtchBookg`` false), so that the statement proves each of them.

What else a bank wants is a *profile* (``profiles.toml``): service levels, who bears charges, letters, kinds of account.
Where it stands depends on the run: on the block when all payments go the same way, else on each payment. Addresses are
structured, with town and country, or left out. The same run and creation time give the same bytes; also the UETR of a
payment comes from its id, so that a file written twice names the payment by the same one.
"""

from datetime import datetime
from decimal import Decimal
from hashlib import sha256
from typing import Any

from lxml import etree
from stdnum import bic as bic_numbers
from stdnum import iban as iban_numbers

from tieout.formats.iso20022 import schemas
from tieout.formats.iso20022.charset import latin, swiss
from tieout.formats.iso20022.pain001_checks import run_notes, run_problems
from tieout.formats.iso20022.profiles import CODE_LENGTH, PROFILES, Profile, Service, service_of
from tieout.formats.iso20022.references import creditor_reference
from tieout.formats.payment_files import PaymentFile
from tieout.formats.reading import quoted
from tieout.formats.xml import Element
from tieout.kernel.money import total
from tieout.kernel.problem import Code, Problem
from tieout.model.documents import Address, BankAccount, Payment, PaymentRun, RemittanceLine

MEDIA_TYPE = "application/xml"
_MESSAGE = "pain.001.001"
_CHARSETS = {"latin": latin, "swiss": swiss}
#: ISO external cash account types.
_ACCOUNT_KINDS = {"checking": "CACC", "savings": "SVGS"}
#: Versions whose payments have a UETR.
_WITH_UETR = ("09", "11")
#: The first version calls a BIC so and gives the day directly.
_OLD = "03"


def write(run: PaymentRun, created_at: datetime, *, profile: str = "standard", version: str = "") -> PaymentFile:
    """Write the file of a payment run, or say what is wrong with the run. Never writes an invalid file.

    ``profile`` is one of :data:`PROFILES`; ``version`` is ``03``, ``09`` or ``11``, by default the profile's first.
    """
    found = PROFILES.get(profile)
    if found is None:
        return PaymentFile(problems=(_unknown("profile", tuple(PROFILES), profile),))
    version = version or found.versions[0]
    if version not in found.versions:
        return PaymentFile(problems=(_unknown("version", found.versions, version),))
    problems = tuple(run_problems(run, created_at, found))
    if problems:
        return PaymentFile(problems=problems)
    control_sum = total((payment.amount for payment in run.payments), run.currency).amount
    root = _Message(run, found, version).document(created_at, control_sum)
    body = etree.tostring(root, xml_declaration=True, encoding="UTF-8")
    problems = validate(body, version)
    if problems:
        return PaymentFile(problems=problems)
    return PaymentFile(body, (), len(run.payments), control_sum, notes=tuple(run_notes(run)))


def validate(body: bytes, version: str = "09") -> tuple[Problem, ...]:
    """What the schema of pain.001 has to say about a file; nothing when it is valid."""
    return schemas.validate(body, f"{_MESSAGE}.{version}")


def uetr(payment_id: str) -> str:
    """The unique end-to-end transaction reference of a payment: a version 4 UUID made out of the payment's id."""
    digits = sha256(f"uetr/{payment_id}".encode()).hexdigest()[:32]
    variant = "89ab"[int(digits[16], 16) % 4]
    return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-{variant}{digits[17:20]}-{digits[20:]}"


def _unknown(where: str, known: tuple[str, ...], actual: str) -> Problem:
    return Problem(Code.BAD_VALUE, where, expected=", ".join(known), actual=quoted(actual))


class _Message:
    """One message in the making."""

    def __init__(self, run: PaymentRun, profile: Profile, version: str) -> None:
        self.run = run
        self.profile = profile
        self.version = version
        self.namespace = f"urn:iso:std:iso:20022:tech:xsd:{_MESSAGE}.{version}"
        self.letters = _CHARSETS[profile.charset]

    def add(self, parent: Element, names: str, text: str | None = None) -> Element:
        """Nested elements such as ``Id/IBAN``, with a text at the bottom."""
        for name in names.split("/"):
            parent = etree.SubElement(parent, f"{{{self.namespace}}}{name}")
        parent.text = text
        return parent

    def document(self, created_at: datetime, control_sum: Decimal) -> Element:
        """The whole message."""
        default: Any = {None: self.namespace}  # the default namespace; its type stub knows prefixes only
        root = etree.Element(f"{{{self.namespace}}}Document", nsmap=default)
        message = self.add(root, "CstmrCdtTrfInitn")
        header = self.add(message, "GrpHdr")
        self.add(header, "MsgId", self.run.run_id)
        self.add(header, "CreDtTm", created_at.isoformat(timespec="seconds"))
        self._control(header, control_sum)
        self.add(header, "InitgPty/Nm", self._name(self.run.debtor.holder))
        self._block(self.add(message, "PmtInf"), control_sum)
        return root

    def _name(self, name: str) -> str:
        return self.letters(name, self.profile.name_max)

    def _control(self, parent: Element, control_sum: Decimal) -> None:
        self.add(parent, "NbOfTxs", str(len(self.run.payments)))
        self.add(parent, "CtrlSum", f"{control_sum:f}")

    def _block(self, block: Element, control_sum: Decimal) -> None:
        """``PmtInf``: all payments from one account on one day."""
        run = self.run
        services = [self._service(payment) for payment in run.payments]
        shared = services[0] if len(set(services)) == 1 else None
        self.add(block, "PmtInfId", run.run_id)
        self.add(block, "PmtMtd", "TRF")
        self.add(block, "BtchBookg", "false")
        self._control(block, control_sum)
        self._type(block, shared)
        day = "ReqdExctnDt" if self.version == _OLD else "ReqdExctnDt/Dt"
        self.add(block, day, run.execute_on.isoformat())
        self.add(block, "Dbtr/Nm", self._name(run.debtor.holder))
        account = self._account(block, "DbtrAcct", run.debtor)
        self.add(account, "Ccy", run.debtor.currency or run.currency)
        self._agent(block, "DbtrAgt", run.debtor)
        self._bearer(block, shared)
        for payment, service in zip(run.payments, services, strict=True):
            self._transaction(self.add(block, "CdtTrfTxInf"), payment, service, own=service if shared is None else None)

    def _service(self, payment: Payment) -> Service:
        accounts = (self.run.debtor, payment.creditor)
        service = service_of(self.profile, payment.amount.currency, accounts, len(payment.invoices))
        assert service is not None, "checked before"
        return service

    def _type(self, parent: Element, service: Service | None) -> None:
        """``PmtTpInf``."""
        if service is None or not (service.level or service.instrument):
            return
        element = self.add(parent, "PmtTpInf")
        if service.level:
            self.add(element, "SvcLvl/Cd", service.level)
        if service.instrument:
            self.add(element, "LclInstrm/Cd", service.instrument)

    def _bearer(self, parent: Element, service: Service | None) -> None:
        if service is not None and service.bearer:
            self.add(parent, "ChrgBr", service.bearer)

    def _transaction(self, parent: Element, payment: Payment, service: Service, *, own: Service | None) -> None:
        """``CdtTrfTxInf``: one payment, with its ``own`` service where the block has none."""
        identification = self.add(parent, "PmtId")
        self.add(identification, "InstrId", payment.payment_id)
        self.add(identification, "EndToEndId", payment.payment_id)
        if self.profile.uetr and self.version in _WITH_UETR:
            self.add(identification, "UETR", uetr(payment.payment_id))
        self._type(parent, own)
        amount = self.add(parent, "Amt/InstdAmt", f"{payment.amount.amount:f}")
        amount.set("Ccy", payment.amount.currency)
        self._bearer(parent, own)
        if payment.creditor.bic or payment.creditor.clearing:
            self._agent(parent, "CdtrAgt", payment.creditor)
        creditor = self.add(parent, "Cdtr")
        self.add(creditor, "Nm", self._name(payment.creditor.holder))
        self._address(creditor, payment.creditor_address)
        self._account(parent, "CdtrAcct", payment.creditor)
        self._remittance(parent, payment, service)

    def _agent(self, parent: Element, name: str, account: BankAccount) -> None:
        """A bank by its BIC or as a member of a clearing system. The debtor's bank is mandatory in the schema and known
        to itself, so it may go unnamed."""
        bank = self.add(parent, f"{name}/FinInstnId")
        if account.bic:
            self.add(bank, "BIC" if self.version == _OLD else "BICFI", bic_numbers.compact(account.bic))
        if account.clearing and not account.iban:
            member = self.add(bank, "ClrSysMmbId")
            self.add(member, "ClrSysId/Cd", account.clearing[:CODE_LENGTH])
            self.add(member, "MmbId", account.clearing[CODE_LENGTH:])
        elif not account.bic:
            self.add(bank, "Othr/Id", "NOTPROVIDED")

    def _account(self, parent: Element, name: str, account: BankAccount) -> Element:
        element = self.add(parent, name)
        if account.iban:
            self.add(element, "Id/IBAN", iban_numbers.compact(account.iban))
        else:
            self.add(element, "Id/Othr/Id", account.number)
        if account.kind in _ACCOUNT_KINDS:
            self.add(element, "Tp/Cd", _ACCOUNT_KINDS[account.kind])
        return element

    def _address(self, parent: Element, address: Address) -> None:
        """``PstlAdr``: structured, and only with town and country, without which banks refuse it."""
        town = self.letters(address.town, 35)
        if not (town and address.country):
            return
        element = self.add(parent, "PstlAdr")
        street, postal_code = self.letters(address.street, 70), self.letters(address.postal_code, 16)
        for name, text in (("StrtNm", street), ("PstCd", postal_code), ("TwnNm", town)):
            if text:
                self.add(element, name, text)
        self.add(element, "Ctry", address.country)

    # ── remittance ─────────────────────────────────────────────────────────────────────────────────────────────────

    def _remittance(self, parent: Element, payment: Payment, service: Service) -> None:
        """``RmtInf``: the creditor's own reference, or the invoices one by one, or free text."""
        if reference := creditor_reference(payment.remittance, payment.creditor.iban):
            found = self.add(parent, "RmtInf/Strd/CdtrRefInf")
            kind = self.add(found, "Tp")
            if reference.kind == "SCOR":
                self.add(kind, "CdOrPrtry/Cd", reference.kind)
                self.add(kind, "Issr", "ISO")
            else:
                self.add(kind, "CdOrPrtry/Prtry", reference.kind)
            self.add(found, "Ref", reference.text)
        elif service.invoices_min:
            information = self.add(parent, "RmtInf")
            for line in payment.invoices:
                self._invoice(self.add(information, "Strd"), line)
        elif text := self.letters(payment.remittance, self.profile.remittance_max):
            self.add(parent, "RmtInf/Ustrd", text)

    def _invoice(self, document: Element, line: RemittanceLine) -> None:
        """``Strd`` of an invoice or credit note: its number and day, and what is paid of it."""
        is_credit = line.paid.minor < 0
        referred = self.add(document, "RfrdDocInf")
        self.add(referred, "Tp/CdOrPrtry/Cd", "CREN" if is_credit else "CINV")
        self.add(referred, "Nb", self.letters(line.number, 35))
        if line.issued_on:
            self.add(referred, "RltdDt", line.issued_on.isoformat())
        amounts = self.add(document, "RfrdDocAmt")
        if line.gross is not None and not is_credit:
            self.add(amounts, "DuePyblAmt", f"{abs(line.gross).amount:f}").set("Ccy", line.gross.currency)
        paid = self.add(amounts, "CdtNoteAmt" if is_credit else "RmtdAmt", f"{abs(line.paid).amount:f}")
        paid.set("Ccy", line.paid.currency)
