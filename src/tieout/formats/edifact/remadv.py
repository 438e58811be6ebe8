"""``REMADV``: which documents a payment settles.

Amounts (5025) of a document: 12 paid, 9 due, 52 or 53 a discount; adjustments of its own (``AJT``) are deductions.
Those of credit notes are positive in the message and are taken off. What is paid of all documents is the amount
remitted (12).
"""

from collections.abc import Iterator

from tieout.formats.edifact.invoic import CREDIT_TYPES
from tieout.formats.edifact.message import Message, part
from tieout.formats.edifact.parties import BUYER, SUPPLIER, party_name
from tieout.formats.edifact.tree import Node
from tieout.kernel.money import Money, total
from tieout.kernel.problem import Code
from tieout.model.documents import RemittanceAdvice, RemittanceLine

_PAID, _DUE, _DISCOUNT = ("12", "11"), ("9", "77", "39", "388"), ("52", "53")
_TOTAL = ("12", "11", "9", "86", "128")
#: Days of payment (2005), the best first: payment, execution, value.
_PAID_DAYS = ("138", "203", "209", "210")
#: References of the payment (1153): payment, customer's payment order, cheque, remittance.
_REFERENCES = ("PQ", "PB", "CK", "RA", "AEK")


def read_remadv(message: Message) -> Iterator[RemittanceAdvice]:
    """Read one ``REMADV``."""
    findings, root = message.findings, message.root
    number = message.number_of_document()
    payer = party_name(message, "PR", "PL", *BUYER) or message.header.sender
    payee = party_name(message, "PE", *SUPPLIER) or message.header.receiver
    paid_on = message.day_in(root, *_PAID_DAYS)
    currency = message.currency("11", "4")
    summary = root.one("UNS")
    if not currency:
        findings.fault(Code.MISSING_FIELD, message.where(root.segment), expected="the currency (CUX+2)")
        return
    if summary is None:
        findings.fault(Code.MISSING_FIELD, message.where(root.segment), expected="the summary (UNS+S)")
        return
    lines = tuple(line for node in root.under("DOC") if (line := _line(message, node, currency)))
    amount = message.amount(summary, currency, *_TOTAL)
    if amount is None or not findings.complete:
        if findings.complete:
            findings.fault(Code.MISSING_FIELD, message.where(summary.segment), expected="the amount paid (MOA+12)")
        return
    if lines:
        computed = total((line.paid for line in lines), currency)
        name = "what is paid of all documents (MOA 12)"
        message.claim(name, summary.segment, str(amount), str(computed), amount == computed)
    yield RemittanceAdvice(
        advice_id=number,
        payer=payer,
        payee=payee,
        paid_on=paid_on,
        amount=amount,
        reference=message.reference(root, *_REFERENCES),
        lines=lines,
    )


def _line(message: Message, node: Node, currency: str) -> RemittanceLine | None:
    """What is paid of one document (``DOC``)."""
    segment = node.segment
    number = message.must(segment, 2, "the number of the document (DOC, 1004)")
    paid = message.amount(node, currency, *_PAID)
    gross = message.amount(node, currency, *_DUE)
    deducted = _deducted(message, node, currency)
    if paid is None and gross is not None:
        message.findings.assume(
            "what is paid of a document (MOA+12)", "what is due less deductions", message.where(segment)
        )
        paid = gross - deducted if deducted is not None else gross
    if paid is None:
        if message.findings.complete:
            expected = "what is paid of the document (MOA+12)"
            message.findings.fault(Code.MISSING_FIELD, message.where(segment), expected=expected)
        return None
    is_credit = part(segment, 1) in CREDIT_TYPES
    return RemittanceLine(
        number=number,
        paid=_signed(paid, is_credit=is_credit),
        gross=None if gross is None else _signed(gross, is_credit=is_credit),
        deducted=None if deducted is None else _signed(deducted, is_credit=is_credit),
        issued_on=message.day_in(node, "137", "171", "3"),
    )


def _signed(amount: Money, *, is_credit: bool) -> Money:
    """Credit notes lower a payment, whichever sign they were written with."""
    return -abs(amount) if is_credit else amount


def _deducted(message: Message, node: Node, currency: str) -> Money | None:
    """Discounts and adjustments of one document."""
    discount = message.amount(node, currency, *_DISCOUNT)
    adjustments = [message.amount(group, currency, "165", "204", "8") for group in node.under("AJT")]
    found = [amount for amount in (discount, *adjustments) if amount is not None]
    return total((abs(amount) for amount in found), currency) if found else None
