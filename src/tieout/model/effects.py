"""Intended writes on outside systems. An operation's payload is a frozen value; its key comes from the business.

Asking twice with the same (connector, operation, key) acts once.
"""

from datetime import date
from typing import ClassVar, dataclass_transform

import msgspec
from msgspec import Struct

from tieout.kernel.ids import derive
from tieout.kernel.problem import Problem
from tieout.model.documents import (
    BankStatement,
    GoodsReceipt,
    Invoice,
    JournalEntry,
    Payment,
    PaymentRun,
    Posting,
    PurchaseOrder,
    Supplier,
)
from tieout.model.verdict import Verdict


@dataclass_transform(frozen_default=True, kw_only_default=True, field_specifiers=(msgspec.field,))
class Payload(Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """Root of all effect payloads. ``operation`` is the name a connector's manifest lists."""

    operation: ClassVar[str] = ""


class UpsertSupplier(Payload):
    """Make the target hold this supplier with exactly these details."""

    operation: ClassVar[str] = "upsert_supplier"
    supplier: Supplier


class CreateOrder(Payload):
    """Make the ERP hold this purchase order."""

    operation: ClassVar[str] = "create_order"
    order: PurchaseOrder


class RecordReceipt(Payload):
    """Make the ERP hold this delivery."""

    operation: ClassVar[str] = "record_receipt"
    receipt: GoodsReceipt


class PostInvoice(Payload):
    """Post a supplier invoice or credit note to the ledger. The outcome is what the ERP holds: :class:`Posting`.

    ``hold``: post it with a payment block for these holds, by the names of the ERP's dialect (SAP: payment block R). A
    target that has none posts it as any other, and the block is ours alone: nothing is paid that is on hold here.
    """

    operation: ClassVar[str] = "post_invoice"
    invoice_id: str
    invoice: Invoice
    post_on: date
    hold: tuple[str, ...] = ()


class SubmitInvoice(Payload):
    """Hand an invoice with its match verdict to the AP platform, which routes it to approvers. ``hold``: it does not
    agree, and will be posted on hold for this; approving it does not release the hold."""

    operation: ClassVar[str] = "submit_invoice"
    invoice_id: str
    invoice: Invoice
    verdict: Verdict
    hold: tuple[str, ...] = ()


class ReportPosting(Payload):
    """Tell the AP platform what the ERP holds."""

    operation: ClassVar[str] = "report_posting"
    invoice_id: str
    posting: Posting


class ReportPayment(Payload):
    """Tell the AP platform that an invoice is paid (``booked``), or that its payment came back (``returned``)."""

    operation: ClassVar[str] = "report_payment"
    invoice_id: str
    payment_id: str
    status: str
    on: date


class RecordPayment(Payload):
    """Tell the ERP that an invoice is being paid: the liability moves to the payment clearing account."""

    operation: ClassVar[str] = "record_payment"
    payment: Payment
    invoice: Invoice
    paid_on: date


class RecordReturn(Payload):
    """Tell the ERP that a payment came back or was rejected: the liability is open again."""

    operation: ClassVar[str] = "record_return"
    payment: Payment
    returned_on: date
    reason: str


class BookStatement(Payload):
    """Book a bank statement in the ERP: payments leave the clearing account, the ERP's cash equals the bank's."""

    operation: ClassVar[str] = "book_statement"
    entity: str
    statement: BankStatement


class SendPaymentFile(Payload):
    """Hand a released payment run to the bank as one ISO 20022 pain.001.001.09 file."""

    operation: ClassVar[str] = "send_payment_file"
    run: PaymentRun


class PostJournal(Payload):
    """Post a journal entry (an accrual, its reversal) to the general ledger."""

    operation: ClassVar[str] = "post_journal"
    journal: JournalEntry


class ReportReadiness(Payload):
    """Tell the close tool whether a period is ready, and what blocks it."""

    operation: ClassVar[str] = "report_readiness"
    entity: str
    period: str
    ready: bool
    blockers: tuple[str, ...]


class SendDocument(Payload):
    """Hand a finished document (an acknowledgment, an answer, an order) to a partner's channel, under this name.

    ``original``: it is one that came in, and its bytes are kept under this SHA-256; ``body`` is empty then.
    """

    operation: ClassVar[str] = "send_document"
    name: str
    media_type: str
    body: bytes
    original: str = ""


class Letter(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What the headers of a mail say about answering it. ``reply_to`` is empty when nobody could get an answer;
    ``automatic`` says why nobody should get one (a bounce, a mailing list: RFC 3834, section 2)."""

    reply_to: str = ""
    subject: str = ""
    message_id: str = ""
    references: tuple[str, ...] = ()
    automatic: str = ""


class UnreadPart(Struct, frozen=True, omit_defaults=True):
    """One document of a mail that could not be taken in, and why."""

    name: str
    problems: tuple[Problem, ...] = ()


class SendMailAnswer(Payload):
    """Tell whoever sent a mail what in it could not be taken in, and what to do.

    ``mark`` is the SHA-256 of the mail.
    """

    operation: ClassVar[str] = "send_mail_answer"
    mark: str
    letter: Letter
    unread: tuple[UnreadPart, ...]
    taken: tuple[str, ...] = ()


PAYLOADS: dict[str, type[Payload]] = {cls.operation: cls for cls in Payload.__subclasses__()}
"""Every operation by name."""


def effect_id(connector: str, operation: str, key: str) -> str:
    """The id of an effect, derived from its business key."""
    return derive("eff", connector, operation, key)
