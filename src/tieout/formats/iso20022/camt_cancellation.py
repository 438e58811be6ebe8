"""Taking a payment back: the request to cancel it (camt.056), which we write, and the bank's answer (camt.029).

An answer speaks of a case, of the whole file, of a block or of single payments; the lowest level that says something
holds. ``ACCR`` on a payment says in other words what ``CNCL`` says of the case: cancelled.
"""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from lxml import etree
from msgspec import Struct
from stdnum import bic as bic_numbers

from tieout.formats import fields
from tieout.formats.codes import load
from tieout.formats.iso20022 import schemas
from tieout.formats.iso20022.charset import latin
from tieout.formats.iso20022.envelope import find_message, note_possible_duplicate
from tieout.formats.iso20022.pain001 import uetr
from tieout.formats.iso20022.pain001_checks import reference_problems
from tieout.formats.payment_files import PaymentFile
from tieout.formats.reading import Context, Findings, quoted
from tieout.formats.source import Source
from tieout.formats.xml import Element, child, children, local, place, text_at, tree
from tieout.kernel.money import EXACT, Money
from tieout.kernel.problem import Code, Problem
from tieout.model.documents import CancellationAnswer, Document

ANSWER = "camt.029"
#: The message element; the first version was called by its number.
ANSWER_ROOTS = ("RsltnOfInvstgtn", "camt.029.001.01")
REQUEST = "camt.056.001.08"
_STATUSES = load("iso_cancellation_status")
_REJECTIONS = load("iso_cancellation_rejection")
_REASONS = load("iso_cancellation_reason")
_NAMESPACE = f"urn:iso:std:iso:20022:tech:xsd:{REQUEST}"
#: Words of one level for what another level calls differently.
_SAME_AS = {"ACCR": "CNCL"}


# ── the answer ─────────────────────────────────────────────────────────────────────────────────────────────────────


def read_camt_029(source: Source, context: Context, findings: Findings) -> Iterator[CancellationAnswer]:
    """Read one resolution of an investigation: an answer for each payment, or one for the case."""
    root = tree(source, context.limits)
    if isinstance(root, Problem):
        findings.refuse(root)
        return
    message = find_message(root, *ANSWER_ROOTS)
    if message is None:
        findings.fault(Code.UNKNOWN_FORMAT, place(root), expected=ANSWER_ROOTS[0], actual=local(root))
        return
    note_possible_duplicate(root, findings)
    yield from _Answer(message, findings).read()


class _Level(Struct, frozen=True):
    """What is known on the way down to a payment."""

    case: str = ""
    message_id: str = ""
    status: str = ""
    reason: str = ""


class _Answer:
    """One camt.029 being read."""

    def __init__(self, message: Element, findings: Findings) -> None:
        self.message = message
        self.findings = findings
        self.answer_id = fields.read_text(text_at(message, "Assgnmt", "Id"), place(message), findings)

    def read(self) -> Iterator[CancellationAnswer]:
        """The answers, from the case down to its payments."""
        top = _Level(case=text_at(self.message, "RslvdCase", "Id"), status=self._confirmation())
        if child(self.message, "ModDtls") is not None:
            detail = "the answer to a request to change a payment is not read"
            self.findings.note(Code.UNSUPPORTED_CONTENT, place(self.message), actual="ModDtls", detail=detail)
        answers = [answer for group in children(self.message, "CxlDtls") for answer in self._group(group, top)]
        if not answers:
            corrected = text_at(self.message, "CrrctnTx", "AssgnrInstrId")
            answers = [self._made(self.message, top, corrected)]
        yield from (answer for answer in answers if answer is not None)

    def _confirmation(self) -> str:
        """``Sts``: the outcome of the case. Version 1 had a refusal as an element of its own."""
        status = child(self.message, "Sts")
        if child(status, "RjctdCxl") is not None:
            return "RJCR"
        return self._known(text_at(status, "Conf"), f"{place(self.message)}: Sts/Conf")

    def _group(self, element: Element, above: _Level) -> Iterator[CancellationAnswer | None]:
        """``CxlDtls``: the whole file, its blocks, and its payments."""
        group = child(element, "OrgnlGrpInfAndSts")
        level = self._below(group, above, "GrpCxlSts")
        found = list(self._payments(element, level))
        for block in children(element, "OrgnlPmtInfAndSts"):
            block_level = self._below(block, level, "PmtInfCxlSts")
            listed = list(self._payments(block, block_level))
            found += listed or [self._made(block, block_level, "")]
        yield from found or [self._made(element if group is None else group, level, "")]

    def _payments(self, parent: Element, above: _Level) -> Iterator[CancellationAnswer | None]:
        """``TxInfAndSts``: single payments."""
        for element in children(parent, "TxInfAndSts"):
            names = ("OrgnlEndToEndId", "OrgnlInstrId", "OrgnlTxId")
            reference = next((text for name in names if (text := text_at(element, name))), "")
            if not reference:
                self.findings.fault(Code.MISSING_FIELD, f"{place(element)}: OrgnlEndToEndId", expected="our payment id")
                continue
            yield self._made(element, self._below(element, above, "TxCxlSts"), reference)

    def _below(self, element: Element | None, above: _Level, status: str) -> _Level:
        """What a level says, and what it leaves to the one above it."""
        if element is None:
            return above
        said = self._known(text_at(element, status), f"{place(element)}: {status}")
        message_id = text_at(element, "OrgnlMsgId") or text_at(element, "OrgnlGrpInf", "OrgnlMsgId")
        return _Level(
            case=text_at(element, "RslvdCase", "Id") or above.case,
            message_id=message_id or above.message_id,
            status=said or above.status,
            reason=self._reason(element) or above.reason,
        )

    def _known(self, status: str, where: str) -> str:
        if status and status not in _STATUSES:
            self.findings.note(Code.UNKNOWN_CODE, where, actual=status, detail="handed on as it is")
        return _SAME_AS.get(status, status)[: fields.TEXT_MAX]

    def _reason(self, element: Element) -> str:
        """``CxlStsRsnInf``: the codes, then the words."""
        codes, words = [], []
        for information in children(element, "CxlStsRsnInf"):
            code = text_at(information, "Rsn", "Cd")
            if code and code not in _REJECTIONS:
                where = f"{place(information)}: Rsn"
                self.findings.note(Code.UNKNOWN_CODE, where, actual=code, detail="a reason handed on as it is")
            codes.append(code or text_at(information, "Rsn", "Prtry"))
            words += [text_at(part) for part in children(information, "AddtlInf")]
        parts = (" ".join(code for code in codes if code), fields.one_line(" ".join(word for word in words if word)))
        return ": ".join(part for part in parts if part)[: fields.TEXT_MAX]

    def _made(self, element: Element, level: _Level, reference: str) -> CancellationAnswer | None:
        if not level.status:
            self.findings.fault(Code.MISSING_FIELD, f"{place(element)}: Sts", expected="what became of the request")
            return None
        if not reference:
            detail = "the answer is about the case as a whole and names no payment"
            self.findings.note(Code.MISSING_FIELD, place(element), expected="OrgnlEndToEndId", detail=detail)
        return CancellationAnswer(
            answer_id=self.answer_id,
            case_reference=fields.read_optional(level.case, place(element), self.findings),
            original_message_id=fields.read_optional(level.message_id, place(element), self.findings),
            payment_ref=fields.read_optional(reference, place(element), self.findings),
            status=level.status,
            reason=level.reason,
        )


# ── the request ────────────────────────────────────────────────────────────────────────────────────────────────────


class CancelledPayment(Document):
    """A payment that is to be taken back, by the ids that it went out with."""

    end_to_end_id: str
    amount: Money


class CancellationRequest(Document):
    """What a camt.056 asks: to take back payments of one of our messages.

    ``reason`` is an ISO code such as ``DUPL`` (paid twice), ``CUST`` (at our wish) or ``FRAD``. ``assigner_bic`` and
    ``assignee_bic`` are those of our bank, or of us if we have one, and of the bank that is asked.
    """

    case_id: str
    original_message_id: str
    creator: str
    assigner_bic: str
    assignee_bic: str
    reason: str
    payments: tuple[CancelledPayment, ...]
    text: str = ""
    original_message_name: str = "pain.001.001.09"


def write_camt_056(request: CancellationRequest, created_at: datetime) -> PaymentFile:
    """Write a request to cancel, or say what is wrong with it. Never writes an invalid file."""
    if problems := tuple(_problems(request, created_at)):
        return PaymentFile(problems=problems)
    body = etree.tostring(_document(request, created_at), xml_declaration=True, encoding="UTF-8")
    if problems := schemas.validate(body, REQUEST):
        return PaymentFile(problems=problems)
    control_sum = sum((payment.amount.amount for payment in request.payments), start=EXACT.create_decimal(0))
    return PaymentFile(body, (), len(request.payments), control_sum)


def _problems(request: CancellationRequest, created_at: datetime) -> Iterator[Problem]:
    if created_at.tzinfo is None:
        yield Problem(Code.BAD_VALUE, "created_at", expected="a moment with a time zone")
    if not request.payments:
        yield Problem(Code.MISSING_FIELD, "payments", expected="at least one payment")
    if request.reason not in _REASONS:
        yield Problem(Code.UNKNOWN_CODE, "reason", expected=" ".join(_REASONS.codes), actual=quoted(request.reason))
    for name, text in (("case_id", request.case_id), ("original_message_id", request.original_message_id)):
        yield from reference_problems(name, text)
    for name, bic in (("assigner_bic", request.assigner_bic), ("assignee_bic", request.assignee_bic)):
        if not bic_numbers.is_valid(bic):
            yield Problem(Code.BAD_VALUE, name, expected="a BIC of 8 or 11 signs", actual=quoted(bic))
    if not latin(request.creator, 140).strip("."):
        yield Problem(Code.MISSING_FIELD, "creator", expected="a name in Latin letters")
    for payment in request.payments:
        where = f"payments/{quoted(payment.end_to_end_id)}"
        yield from reference_problems(f"{where}/end_to_end_id", payment.end_to_end_id)
        if payment.amount.minor <= 0:
            yield Problem(Code.BAD_VALUE, f"{where}/amount", expected="more than zero", actual=str(payment.amount))


def _add(parent: Element, names: str, text: str | None = None) -> Element:
    for name in names.split("/"):
        parent = etree.SubElement(parent, f"{{{_NAMESPACE}}}{name}")
    parent.text = text
    return parent


def _document(request: CancellationRequest, created_at: datetime) -> Element:
    default: Any = {None: _NAMESPACE}  # the default namespace; its type stub knows prefixes only
    root = etree.Element(f"{{{_NAMESPACE}}}Document", nsmap=default)
    message = _add(root, "FIToFIPmtCxlReq")
    assignment = _add(message, "Assgnmt")
    _add(assignment, "Id", request.case_id)
    _add(assignment, "Assgnr/Agt/FinInstnId/BICFI", bic_numbers.compact(request.assigner_bic))
    _add(assignment, "Assgne/Agt/FinInstnId/BICFI", bic_numbers.compact(request.assignee_bic))
    _add(assignment, "CreDtTm", created_at.isoformat(timespec="seconds"))
    case = _add(message, "Case")
    _add(case, "Id", request.case_id)
    _add(case, "Cretr/Pty/Nm", latin(request.creator, 140))
    _add(message, "CtrlData/NbOfTxs", str(len(request.payments)))
    underlying = _add(message, "Undrlyg")
    for number, payment in enumerate(request.payments, start=1):
        _payment(_add(underlying, "TxInf"), number, payment, request)
    return root


def _payment(parent: Element, number: int, payment: CancelledPayment, request: CancellationRequest) -> None:
    """``TxInf``: one payment to be taken back."""
    _add(parent, "CxlId", f"{request.case_id[:29]}-{number}")
    group = _add(parent, "OrgnlGrpInf")
    _add(group, "OrgnlMsgId", request.original_message_id)
    _add(group, "OrgnlMsgNmId", request.original_message_name)
    _add(parent, "OrgnlInstrId", payment.end_to_end_id)
    _add(parent, "OrgnlEndToEndId", payment.end_to_end_id)
    _add(parent, "OrgnlUETR", uetr(payment.end_to_end_id))
    amount = _add(parent, "OrgnlIntrBkSttlmAmt", f"{payment.amount.amount:f}")
    amount.set("Ccy", payment.amount.currency)
    reason = _add(parent, "CxlRsnInf")
    _add(reason, "Orgtr/Nm", latin(request.creator, 140))
    _add(reason, "Rsn/Cd", request.reason)
    if text := latin(request.text, 105):
        _add(reason, "AddtlInf", text)


def read_camt_056(body: bytes, context: Context) -> CancellationRequest | Problem:
    """A request of ours, as it was written."""
    root = tree(body, context.limits)
    if isinstance(root, Problem):
        return root
    message = find_message(root, "FIToFIPmtCxlReq")
    payments = list(root.iter(f"{{{_NAMESPACE}}}TxInf"))
    if message is None or not payments:
        return Problem(Code.UNKNOWN_FORMAT, place(root), expected="FIToFIPmtCxlReq with TxInf", actual=local(root))
    findings = Findings()
    head = payments[0]
    amounts = [_amount(element, findings) for element in payments]
    read = [
        CancelledPayment(end_to_end_id=text_at(element, "OrgnlEndToEndId"), amount=amount)
        for element, amount in zip(payments, amounts, strict=True)
        if amount is not None
    ]
    if not findings.complete:
        return findings.diagnostics()[0]
    return CancellationRequest(
        case_id=text_at(message, "Case", "Id"),
        original_message_id=text_at(head, "OrgnlGrpInf", "OrgnlMsgId"),
        original_message_name=text_at(head, "OrgnlGrpInf", "OrgnlMsgNmId"),
        creator=text_at(message, "Case", "Cretr", "Pty", "Nm"),
        assigner_bic=text_at(message, "Assgnmt", "Assgnr", "Agt", "FinInstnId", "BICFI"),
        assignee_bic=text_at(message, "Assgnmt", "Assgne", "Agt", "FinInstnId", "BICFI"),
        reason=text_at(head, "CxlRsnInf", "Rsn", "Cd"),
        text=text_at(head, "CxlRsnInf", "AddtlInf"),
        payments=tuple(read),
    )


def _amount(element: Element, findings: Findings) -> Money | None:
    amount = child(element, "OrgnlIntrBkSttlmAmt")
    currency = amount.get("Ccy", "") if amount is not None else ""
    return fields.read_money(text_at(amount), currency, place(element), findings)
