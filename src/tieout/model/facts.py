"""Facts: everything that can be said about the business, past tense, each with its own schema version.

A fact is the ``data`` of an event. ``@fact`` gives it its stable name (the CloudEvents ``type``) and version, and
``home`` says in which partition it is handled: everything about one supplier is handled in order, in one place.
Facts *from outside* come through intake; the others are *derived* by the processes named in their docstrings.
"""

from collections.abc import Callable
from datetime import date, datetime
from typing import Any, ClassVar, Literal, TypeVar, dataclass_transform

import msgspec
from msgspec import Struct

from tieout.kernel.money import Money
from tieout.kernel.problem import Problem
from tieout.model.cases import Case
from tieout.model.documents import (
    Acknowledgment,
    BankAccount,
    BankStatement,
    BusinessResponse,
    CancellationAnswer,
    ChangeNotice,
    CloseTask,
    DespatchAdvice,
    GoodsReceipt,
    Interchange,
    Invoice,
    JournalEntry,
    OrderChange,
    OrderResponse,
    Payment,
    PaymentReturn,
    PaymentRun,
    Posting,
    PurchaseOrder,
    RemittanceAdvice,
    StatementEntry,
    Supplier,
    Total,
)
from tieout.model.duplicates import Candidate, Lookalike
from tieout.model.effects import Letter
from tieout.model.verdict import Allocation, LineAssignment, Verdict


@dataclass_transform(frozen_default=True, kw_only_default=True, field_specifiers=(msgspec.field,))
class Fact(Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """Root of all facts. Unknown fields are ignored on reading, so that newer writers do not break older readers."""

    type: ClassVar[str] = ""
    version: ClassVar[int] = 1


F = TypeVar("F", bound=type[Fact])
FACTS: dict[str, type[Fact]] = {}
"""Every fact by its type name."""


def fact(name: str, version: int = 1) -> Callable[[F], F]:
    """Register a fact under its stable type name."""

    def register(cls: F) -> F:
        cls.type, cls.version = name, version
        FACTS[name] = cls
        return cls

    return register


# ── homes: the keys that partitions are made of ────────────────────────────────────────────────────────────────────


def supplier_home(supplier_id: str) -> str:
    """Everything that concerns one supplier: master record, orders, receipts, invoices, payments."""
    return f"supplier/{supplier_id}"


def account_home(iban: str) -> str:
    """Payment runs and statements of one of our own bank accounts."""
    return f"account/{iban}"


def close_home(entity: str) -> str:
    """The periods of one legal entity."""
    return f"close/{entity}"


def partner_home(partner: str) -> str:
    """What one EDI partner (by its interchange id) and we say to each other about envelopes and answers."""
    return f"partner/{partner}"


def document_home(mark: str) -> str:
    """One document as it came, by the SHA-256 of its bytes."""
    return f"document/{mark}"


def mail_home(sender: str) -> str:
    """Who writes to us by mail, by the address that gets an answer."""
    return f"mail/{sender}"


def control_home(name: str) -> str:
    """One compensating control of the policy, by its name."""
    return f"control/{name}"


def absence_home() -> str:
    """Who of ours is away, and who stands in."""
    return "absences"


def policy_home() -> str:
    """The policy of the whole company and its releases."""
    return "policy"


def ledger_home(entity: str) -> str:
    """The journal entries that one entity's ledgers report."""
    return f"ledger/{entity}"


# ── supplier and bank details ──────────────────────────────────────────────────────────────────────────────────────


@fact("supplier.proposed")
class SupplierProposed(Fact):
    """Outside: a system or a person proposes a supplier."""

    supplier: Supplier


@fact("supplier.activated")
class SupplierActivated(Fact):
    """Derived (supplier): the record is valid and is being propagated to every system (connector names)."""

    supplier: Supplier
    systems: tuple[str, ...] = ()


@fact("supplier.refused")
class SupplierRefused(Fact):
    """Derived (supplier): the record is not valid."""

    problems: tuple[Problem, ...]


@fact("supplier.bank_change_requested")
class BankChangeRequested(Fact):
    """Outside: somebody says that a supplier is to be paid to another account. Payments stop until two confirm it."""

    change_id: str
    supplier_id: str
    account: BankAccount
    channel: str = ""


@fact("supplier.bank_change_confirmed")
class BankChangeConfirmed(Fact):
    """Outside: one person (the event's actor) confirmed a bank change, by a call-back to a number known before."""

    change_id: str
    supplier_id: str
    evidence: str = ""


@fact("supplier.bank_change_rejected")
class BankChangeRejected(Fact):
    """Outside: one person found the change to be wrong. The old account stays."""

    change_id: str
    supplier_id: str
    reason: str


@fact("supplier.bank_account_changed")
class BankAccountChanged(Fact):
    """Derived (supplier): two different people, neither of them the requester, confirmed the change."""

    change_id: str
    supplier: Supplier
    systems: tuple[str, ...] = ()


@fact("supplier.payments_held")
class PaymentsHeld(Fact):
    """Derived (supplier; with the ``change_id`` of a bank change), or outside (a person holds a supplier): no payment
    to it may be released."""

    supplier_id: str
    reason: str
    change_id: str = ""


@fact("supplier.payments_released")
class PaymentsReleased(Fact):
    """Derived (supplier; with the ``change_id`` of a bank change), or outside (a person other than the one who held
    it): payments may go out again."""

    supplier_id: str
    reason: str
    change_id: str = ""


# ── order and receipt ──────────────────────────────────────────────────────────────────────────────────────────────


@fact("order.placed")
class OrderPlaced(Fact):
    """Outside: procurement placed an order."""

    order: PurchaseOrder


@fact("order.goods_received")
class GoodsReceived(Fact):
    """Outside: a delivery came in. Invoices that waited for it are matched again at once."""

    receipt: GoodsReceipt


@fact("order.responded")
class OrderResponded(Fact):
    """Outside: the supplier answered the order. A change or a refusal is a case for purchasing."""

    response: OrderResponse


@fact("order.changed")
class OrderChanged(Fact):
    """Outside: the buyer changed or cancelled the order. Invoices that waited for it are matched again."""

    change: OrderChange


@fact("order.goods_despatched")
class GoodsDespatched(Fact):
    """Outside: the supplier says that goods have left. It announces, and opens no capacity for billing."""

    advice: DespatchAdvice


@fact("order.line_closed")
class OrderLineClosed(Fact):
    """Outside: a person closes an order line; nothing more is billed of it."""

    entity: str
    order_id: str
    supplier_id: str
    line_id: str
    reason: str


@fact("order.line_reopened")
class OrderLineReopened(Fact):
    """Outside: a person with the authority to approve orders opens a closed line again. Invoices that waited for it are
    matched again at once; no document of another system does this."""

    entity: str
    order_id: str
    supplier_id: str
    line_id: str
    reason: str


@fact("order.credit_due")
class CreditDue(Fact):
    """Timer: the supplier should have credited by now what went back with this receipt."""

    receipt_id: str


@fact("order.settlement_requested")
class SettlementRequested(Fact):
    """Outside: bill ourselves for what of an order was received, or withdrawn from a consignment, until this day."""

    entity: str
    order_id: str
    supplier_id: str
    through: date


@fact("order.settlement_due")
class SettlementDue(Fact):
    """Timer: what came of this order until this day is to be billed by us now, in the rhythm of its entity."""

    through: date


@fact("settlement.drafted")
class SelfBillDrafted(Fact):
    """Derived (order): we bill ourselves for what was received of this order (its subject). The invoice has no number
    yet: the settlement of the supplier and entity gives the next one. ``through``: for what came until this day. What
    is for a period that is over is booked on that day (``post_on``), or ``note`` says why it cannot be."""

    order: str
    invoice: Invoice
    through: date | None = None
    post_on: date | None = None
    note: str = ""


# ── invoice ────────────────────────────────────────────────────────────────────────────────────────────────────────


@fact("invoice.received")
class InvoiceReceived(Fact):
    """Outside: a supplier invoice or credit note arrived. ``system_id`` is the id the sending system gave it.
    ``post_on``: the day to book it on, of what we wrote ourselves; nobody else's word counts."""

    invoice: Invoice
    channel: str
    system_id: str = ""
    post_on: date | None = None


@fact("invoice.admitted")
class InvoiceAdmitted(Fact):
    """Derived (invoice): it was compared with everything known and may go on, or a person has told it ``apart`` from
    these invoices. ``account`` (a digest) and ``parent`` are the supplier's at that moment, ``compared`` says with how
    many it was compared, and ``explained`` are those that look alike for a good reason."""

    account: str = ""
    parent: str = ""
    compared: int = 0
    explained: tuple[Candidate, ...] = ()
    apart: tuple[str, ...] = ()


@fact("invoice.duplicate_stopped")
class DuplicateStopped(Fact):
    """Derived (invoice): an invoice with this number is already known; this one goes no further."""

    first_invoice_id: str
    candidates: tuple[Candidate, ...] = ()
    account: str = ""
    parent: str = ""


@fact("invoice.duplicate_suspected")
class DuplicateSuspected(Fact):
    """Derived (invoice): it looks like an invoice that is already known. It waits until a person has compared them,
    and is never refused by itself."""

    candidates: tuple[Candidate, ...]
    account: str = ""
    parent: str = ""


@fact("invoice.duplicate_cleared")
class DuplicateCleared(Fact):
    """Outside: a person decided that a stopped invoice is a claim of its own. ``recurring``: and that the like of it
    will come again."""

    reason: str
    recurring: bool = False


@fact("invoice.duplicate_overruled")
class DuplicateOverruled(Fact):
    """Outside: as cleared, by a manager, which it takes above the limit of the policy."""

    reason: str
    recurring: bool = False


@fact("invoice.lookalike_learnt")
class LookalikeLearnt(Fact):
    """Derived (invoice): a person has taught that this amount of this supplier comes again; until it expires, two that
    fit are not asked about."""

    lookalike: Lookalike
    invoice_id: str


@fact("invoice.posting_due")
class PostingDue(Fact):
    """Derived (invoice): everything that arrived beside it can be seen by now; compare once more, then post it."""


@fact("invoice.comparison_due")
class ComparisonDue(Fact):
    """Derived (invoice): what a suspect looked like was cancelled, taken back by a credit note or told apart; compare
    it again, and let it go on when nothing speaks against it any more."""

    reason: str


@fact("invoice.validated")
class InvoiceValidated(Fact):
    """Derived (invoice): supplier known, sums right, entity and currency right. ``search``: it names no order, and
    among the open orders of its supplier are some that fit. ``waits_for_orders``: none did so far; as long as nobody
    has decided about it, it is looked for again with every order that comes to these."""

    search: bool = False
    waits_for_orders: str = ""


@fact("invoice.found_invalid")
class InvoiceFoundInvalid(Fact):
    """Derived (invoice): it cannot go on as it is, or not before the supplier it waits for is active."""

    problems: tuple[Problem, ...]
    waits_for_supplier: str = ""


@fact("invoice.recheck_requested")
class RecheckRequested(Fact):
    """Derived (order, supplier), or outside (a person): something it waited for has changed; look at it again."""

    reason: str


@fact("invoice.lines_assigned")
class LinesAssigned(Fact):
    """Outside: a person chose the order lines that lines of the invoice bill. It is matched again at once."""

    assignments: tuple[LineAssignment, ...]
    reason: str = ""


@fact("invoice.matched")
class InvoiceMatched(Fact):
    """Derived (invoice): it agrees with its orders and receipts within the limits of the policy, or a person
    (``accepted_by``) accepted the problems in the verdict. ``orders`` are the subjects of the orders it bills, or
    billed on hold, and ``post_on`` is the day it will be posted on, so that orders know in which period it counts.
    ``self_billed``: we wrote it ourselves. ``released``: the holds it was posted with, or was to be, and which are
    released now."""

    verdict: Verdict
    orders: tuple[str, ...] = ()
    post_on: date | None = None
    accepted_by: str = ""
    self_billed: bool = False
    released: tuple[str, ...] = ()


@fact("invoice.match_failed")
class MatchFailed(Fact):
    """Derived (invoice): at least one check failed. Payment is stopped, not the existence of the invoice.

    ``waits_for`` are the subjects of the orders whose next receipt or change may mend it, ``waits_for_prepayment`` the
    account of prepayments whose next payment may. ``on_hold``: it goes on all the same, and is posted with these holds
    (by the ERP's names); until they are released nothing pays it. It counts as billed: what is in the verdict, of these
    ``orders``, on the day ``post_on``. ``goes_on`` the first time, when it is handed to the approvers.
    """

    verdict: Verdict
    waits_for: tuple[str, ...] = ()
    waits_for_prepayment: str = ""
    on_hold: tuple[str, ...] = ()
    orders: tuple[str, ...] = ()
    post_on: date | None = None
    goes_on: bool = False


@fact("invoice.match_released")
class MatchReleased(Fact):
    """Derived (invoice): it was cancelled after it had been matched, or can no longer go on on hold; what it billed may
    be billed again."""

    allocations: tuple[Allocation, ...]
    orders: tuple[str, ...]
    post_on: date


@fact("invoice.variance_accepted")
class VarianceAccepted(Fact):
    """Outside: a person with the duty to do so accepted what matching found (``about`` the match) or what the ERP holds
    otherwise than it should (``about`` the posting), or ``both``."""

    reason: str
    about: Literal["both", "match", "posting"] = "both"


@fact("invoice.approval_decided")
class ApprovalDecided(Fact):
    """Outside: the AP platform's approvers decided. Decisions are typed; a denial is never recorded as an approval."""

    approved: bool
    approver: str
    reason: str = ""
    decided_at: datetime | None = None


@fact("invoice.approval_due")
class ApprovalDue(Fact):
    """Timer: by now the approvers should have decided."""


@fact("invoice.posted")
class InvoicePosted(Fact):
    """Derived (invoice): the ERP holds it, as read back."""

    posting: Posting


@fact("invoice.holds_reported")
class HoldsReported(Fact):
    """Outside: the ERP tells which holds it has placed on an invoice, by its own names; none is an answer too."""

    holds: tuple[str, ...]


@fact("invoice.holds_compared")
class HoldsCompared(Fact):
    """Derived (invoice): the holds that matching predicted for the ERP's dialect, and those that the ERP placed."""

    dialect: str
    predicted: tuple[str, ...] = ()
    actual: tuple[str, ...] = ()


@fact("invoice.posting_failed")
class PostingFailed(Fact):
    """Derived (invoice): the ERP refused it."""

    problems: tuple[Problem, ...]


@fact("invoice.cancelled")
class InvoiceCancelled(Fact):
    """Outside: a person took it out of the process (a confirmed duplicate, a wrong addressee)."""

    reason: str


@fact("invoice.payment_reserved")
class InvoiceReserved(Fact):
    """Derived (payment): a payment run has taken it; no other run can."""

    payment_id: str


@fact("invoice.liability_reopened")
class LiabilityReopened(Fact):
    """Derived (payment): its payment was withheld, rejected or returned; it is open again."""

    payment_id: str
    reason: str


@fact("invoice.paid")
class InvoicePaid(Fact):
    """Derived (payment): the bank booked its payment. Only a booked entry proves it."""

    payment_id: str
    booked_on: date


@fact("prepayment.paid")
class PrepaymentPaid(Fact):
    """Derived (invoice): the supplier was paid so much in advance; nothing, when that payment came back."""

    invoice_id: str
    supplier_id: str
    amount: Money


@fact("prepayment.set_off")
class PrepaymentSetOff(Fact):
    """Derived (invoice): an invoice takes off so much of what was paid in advance; nothing when it was cancelled."""

    invoice_id: str
    supplier_id: str
    amount: Money


@fact("invoice.closed")
class InvoiceClosed(Fact):
    """Derived (invoice): paid, and both the ERP and the AP platform have been told and hold it so."""


# ── payment ────────────────────────────────────────────────────────────────────────────────────────────────────────


class RunItem(Struct, frozen=True):
    """An invoice proposed for payment."""

    payment_id: str
    invoice_id: str
    supplier_id: str


@fact("payment_run.proposed")
class RunProposed(Fact):
    """Outside: a person proposes to pay these invoices from this account on this day."""

    run_id: str
    entity: str
    debtor: BankAccount
    currency: str
    execute_on: date
    items: tuple[RunItem, ...]


@fact("payment.requested")
class PaymentRequested(Fact):
    """Derived (payment_run, sent to the supplier's partition): reserve this invoice for the run."""

    run_id: str
    invoice_id: str
    supplier_id: str
    entity: str
    debtor_iban: str
    currency: str
    proposed_by: str
    execute_on: date


@fact("payment.reserved")
class PaymentReserved(Fact):
    """Derived (payment): the payment is complete and free of holds. Also sent to the run."""

    payment: Payment


@fact("payment.withheld")
class PaymentWithheld(Fact):
    """Derived (payment): it may not go out (a hold, a bank change, not payable). Also sent to the run."""

    payment_id: str
    run_id: str
    problems: tuple[Problem, ...]


@fact("payment_run.ready")
class RunReady(Fact):
    """Derived (payment_run): every payment has answered; the run waits for release by another person."""

    count: int
    total: Money


@fact("payment_run.release_requested")
class RunReleaseRequested(Fact):
    """Outside: a person (the event's actor) releases the run. Refused when it is the proposer."""

    run_id: str


@fact("payment_run.release_refused")
class RunReleaseRefused(Fact):
    """Derived (payment_run): the release was refused, and why."""

    problems: tuple[Problem, ...]


@fact("payment.release_requested")
class PaymentReleaseRequested(Fact):
    """Derived (payment_run, sent to the supplier's partition): the last look before the money leaves."""

    run_id: str
    supplier_id: str
    released_by: str


@fact("payment.released")
class PaymentReleased(Fact):
    """Derived (payment): holds were checked in the supplier's own partition; it goes into the file. Sent to the run."""

    payment: Payment
    released_by: str


@fact("payment_run.released")
class RunReleased(Fact):
    """Derived (payment_run): the file with exactly these payments goes to the bank."""

    run: PaymentRun


@fact("payment_run.cancelled")
class RunCancelled(Fact):
    """Derived (payment_run): nothing was left to pay, a person called it off, or the bank's server refused the file."""

    reason: str


@fact("payment_run.cancel_requested")
class RunCancelRequested(Fact):
    """Outside: a person calls off a run that has not been released. Its invoices are payable again."""

    run_id: str
    reason: str


@fact("payment.cancel_requested")
class PaymentCancelRequested(Fact):
    """Derived (payment_run, sent to the supplier's partition): the run was called off; give the invoice back."""

    run_id: str
    supplier_id: str
    reason: str


@fact("payment_run.delivered")
class RunDelivered(Fact):
    """Derived (payment_run): the bank's server holds the file."""

    reference: str


@fact("payment.status_reported")
class PaymentStatusReported(Fact):
    """Outside: the bank reported a status (pain.002). A positive status is a claim, not proof."""

    status: str
    reason: str = ""
    level: str = "transaction"
    original_message_id: str = ""


@fact("payment_run.status_reported")
class RunStatusReported(Fact):
    """Outside: the bank reported a group status for a whole file (pain.002), handed on to payments it covers."""

    run_id: str
    status: str
    reason: str = ""


@fact("payment.status_noted")
class PaymentStatusNoted(Fact):
    """Derived (payment): the bank said something that is no rung of the status ladder; kept, and never dropped."""

    status: str
    reason: str = ""


@fact("payment.claimed")
class PaymentClaimed(Fact):
    """Derived (payment): the bank accepts it or claims to have executed it."""

    status: str


@fact("payment.rejected")
class PaymentRejected(Fact):
    """Derived (payment): the bank refused it. The liability is open again."""

    status: str
    reason: str


@fact("payment.entry_booked")
class PaymentEntryBooked(Fact):
    """Derived (statement, sent to the supplier's partition): a booked statement entry names this payment.

    ``told_by`` loaded the statement (in older logs it is the event's actor). ``again``: somebody else tells the same
    entry, which counts only where it waits for that. ``instead``: the bank's own statement takes the place of what a
    person had loaded under its number.
    """

    entry: StatementEntry
    statement_id: str
    told_by: str = ""
    again: bool = False
    instead: bool = False


@fact("payment.proof_held")
class PaymentProofHeld(Fact):
    """Derived (payment): a booked entry that was told by whoever proposed or released this very payment. It is kept,
    and proves nothing until the bank's own channel or somebody else tells the same."""

    entry: StatementEntry
    statement_id: str
    told_by: str
    reasons: tuple[str, ...]


@fact("payment.proof_decided")
class PaymentProofDecided(Fact):
    """Outside: a person whose hands the payment has not been in compared the entries that wait with what the bank
    itself shows, and confirms or rejects them."""

    confirmed: bool
    reason: str


@fact("payment.proof_taken")
class PaymentProofTaken(Fact):
    """Derived (payment): an entry that waited counts now: the bank's own channel or somebody else told the same."""

    entry: StatementEntry
    told_by: str


@fact("payment.booked")
class PaymentBooked(Fact):
    """Derived (payment): the money left our account: booked, equal amount. No statement: a notification told first."""

    entry: StatementEntry
    statement_id: str = ""


@fact("payment.returned")
class PaymentReturned(Fact):
    """Derived (payment): the money came back. The liability is open again and the account details are suspect."""

    entry: StatementEntry
    reason: str


@fact("payment.return_reported")
class ReturnReported(Fact):
    """Outside: a bank says that it sent the payment back. Earlier word of what a statement will prove."""

    returned: PaymentReturn


@fact("payment.change_notified")
class ChangeNotified(Fact):
    """Outside: a bank says that the payee's details are wrong. Leads to a bank change that people confirm."""

    notice: ChangeNotice


@fact("payment.cancellation_answered")
class CancellationAnswered(Fact):
    """Outside: a bank's answer to our request to cancel the payment."""

    answer: CancellationAnswer


# ── partners and documents ─────────────────────────────────────────────────────────────────────────────────────────


@fact("interchange.numbered")
class ControlNumberUsed(Fact):
    """Derived (intake): a partner used a control number, of an interchange or of a group in it, for this document. Used
    again for another document, that one is refused."""

    standard: str
    sender: str
    receiver: str
    level: str
    control: str
    document: str


@fact("interchange.received")
class InterchangeReceived(Fact):
    """Derived (intake): an EDI interchange came in, whole or refused. The partner gets an acknowledgment."""

    interchange: Interchange
    channel: str
    document: str = ""


@fact("interchange.acknowledged")
class InterchangeAcknowledged(Fact):
    """Outside: a partner acknowledged something we sent."""

    acknowledgment: Acknowledgment


@fact("interchange.send_requested")
class SendRequested(Fact):
    """Outside (a person), or derived (payment): an EDI partner is to get this document. ``kind``: ``850`` with an
    ``order``; ``820`` or ``REMADV`` with an ``advice``. ``about`` names it for people and makes it unique."""

    partner: str
    kind: str
    about: str
    entity: str = ""
    order: PurchaseOrder | None = None
    advice: RemittanceAdvice | None = None


@fact("interchange.sent")
class InterchangeSent(Fact):
    """Derived (interchange): a partner's system holds what we sent. It is to be acknowledged by then."""

    partner: str
    control: str
    about: str
    due_at: datetime | None = None


@fact("interchange.acknowledgment_due")
class AcknowledgmentDue(Fact):
    """Timer: a partner should have acknowledged by now."""

    partner: str
    control: str


@fact("document.answered")
class DocumentAnswered(Fact):
    """Outside: what a partner's business thinks of a document we sent."""

    response: BusinessResponse


@fact("document.remittance_advised")
class RemittanceAdvised(Fact):
    """Outside: somebody says which documents a payment settles. Kept beside what the statement proves."""

    advice: RemittanceAdvice


@fact("document.handed_in")
class DocumentHandedIn(Fact):
    """Derived (intake): a person handed this document in. Whenever it is read, they are who tells what it states."""

    mark: str
    name: str
    channel: str


@fact("document.quarantined")
class DocumentQuarantined(Fact):
    """Derived (intake): a document could not be read or did not prove itself. Its original is kept."""

    mark: str
    name: str
    channel: str
    format: str = ""
    problems: tuple[Problem, ...] = ()


@fact("document.read")
class DocumentRead(Fact):
    """Derived (intake): a document that was in quarantine was read after all, and why it was tried again; so many facts
    came of it."""

    mark: str
    format: str
    facts: int
    reason: str = ""


class MailPart(Struct, frozen=True, omit_defaults=True):
    """One document of a mail, and what became of it (``quarantined``: it was not taken in)."""

    name: str
    mark: str
    status: str
    problems: tuple[Problem, ...] = ()


@fact("mail.opened")
class MailOpened(Fact):
    """Derived (intake): a mail was opened, and this became of the documents in it. Told anew when that changes."""

    mark: str
    channel: str
    letter: Letter
    parts: tuple[MailPart, ...] = ()


@fact("ledger.journal_recorded")
class JournalRecorded(Fact):
    """Outside: a ledger holds this journal entry (a journal file, SAF-T)."""

    journal: JournalEntry


# ── bank statements ────────────────────────────────────────────────────────────────────────────────────────────────


@fact("statement.received")
class StatementReceived(Fact):
    """Outside: a booked statement (camt.053) whose own arithmetic holds."""

    statement: BankStatement
    entity: str


@fact("statement.accepted")
class StatementAccepted(Fact):
    """Derived (statement): it continues the one before it."""

    statement_id: str


@fact("statement.overruled")
class StatementOverruled(Fact):
    """Derived (statement): the bank's own channel tells otherwise than ``loaded_by`` did under the same number; the
    bank's word counts."""

    statement: BankStatement
    loaded_by: str


@fact("statement.gap_found")
class StatementGapFound(Fact):
    """Derived (statement): its opening balance is not the last closing balance; a statement is probably missing."""

    statement_id: str
    problems: tuple[Problem, ...]


@fact("statement.gap_accepted")
class GapAccepted(Fact):
    """Outside: a person decided to go on from this statement although the one before it is missing."""

    iban: str
    statement_id: str
    reason: str


@fact("statement.entry_unmatched")
class EntryUnmatched(Fact):
    """Derived (statement): an entry explains no payment of ours. The subject is its case, which a person settles."""

    iban: str
    entity: str
    statement_id: str
    entry: StatementEntry


@fact("statement.entry_explained")
class EntryExplained(Fact):
    """Derived (entry): a person settled what an unmatched entry is."""

    statement_id: str
    entry_id: str


@fact("statement.notified")
class EntriesNotified(Fact):
    """Outside: debit and credit notifications (camt.054): earlier word of what the statement will prove."""

    iban: str
    entity: str
    entries: tuple[StatementEntry, ...]


# ── close ──────────────────────────────────────────────────────────────────────────────────────────────────────────


@fact("period.opened")
class PeriodOpened(Fact):
    """Outside: a period of an entity is to be closed; ``required_sources`` must have been heard of lately."""

    entity: str
    period: str
    required_sources: tuple[str, ...] = ()


@fact("period.task_changed")
class TaskChanged(Fact):
    """Outside: the close tool reports a task."""

    task: CloseTask


@fact("period.standing_changed")
class StandingChanged(Fact):
    """Derived (the unit of work): how the number of standing items of an entity and period changed in one batch.

    ``changes`` maps the name of a standing (``unposted``, ``in_flight`` …) to the change of its count.
    """

    entity: str
    period: str
    changes: dict[str, int]


@fact("period.source_observed")
class SourceObserved(Fact):
    """Derived (the schedule): a system was read up to this moment; what it does not say is known not to be."""

    entity: str
    system: str
    observed_at: datetime


@fact("period.totals_compared")
class TotalsCompared(Fact):
    """Derived (the schedule): two systems were asked for the same control total."""

    entity: str
    period: str
    pair: str
    left: Total
    right: Total


@fact("period.evaluation_due")
class EvaluationDue(Fact):
    """Timer: look at a period's readiness again (signals grow stale by time alone)."""

    entity: str
    period: str


@fact("period.ready")
class PeriodReady(Fact):
    """Derived (close): every predicate holds over fresh signals (system → last heard of)."""

    signals: dict[str, datetime] = {}


@fact("period.not_ready")
class PeriodNotReady(Fact):
    """Derived (close): what blocks it, by name and count."""

    blockers: dict[str, int]
    signals: dict[str, datetime] = {}


@fact("accrual.requested")
class AccrualRequested(Fact):
    """Outside: a person or the close calendar asks to accrue what was received and not invoiced by period end."""

    entity: str
    period: str
    order_id: str
    supplier_id: str


@fact("accrual.proposed")
class AccrualProposed(Fact):
    """Derived (order): the journal that accrues the received-not-invoiced lines of one order, with its reversal."""

    journal: JournalEntry
    reversal: JournalEntry


@fact("accrual.posted")
class AccrualPosted(Fact):
    """Derived (order): the ERP holds the accrual (or its reversal)."""

    journal_id: str
    number: str


# ── the policy ─────────────────────────────────────────────────────────────────────────────────────────────────────


@fact("policy.adopted")
class PolicyAdopted(Fact):
    """Outside: what the configuration's file said when the first release was drafted. It is release 0."""

    text: str
    release: str


@fact("policy.drafted")
class PolicyDrafted(Fact):
    """Outside: a person proposes a policy. ``text`` is what they wrote, ``release`` its version (the fingerprint of its
    content, as on every event), ``effective_from`` when it is to take effect; without it as soon as it is approved."""

    text: str
    release: str
    effective_from: datetime | None = None
    note: str = ""


@fact("policy.tried")
class PolicyTried(Fact):
    """Outside: a person played the past again under a draft. ``result`` is the whole comparison (JSON)."""

    release: str
    invoices: int
    changed: int
    held_before: int
    held_after: int
    touchless_before: int
    touchless_after: int
    start: str = ""
    end: str = ""
    result: str = ""


@fact("policy.approval_requested")
class PolicyApprovalRequested(Fact):
    """Outside: a person other than the drafter approves a draft. In a close window it takes how it would be rolled
    back: in words, and to which release."""

    release: str
    effective_from: datetime | None = None
    rollback: str = ""
    rollback_to: str = ""


@fact("policy.approved")
class PolicyApproved(Fact):
    """Derived (policy): the release takes effect at that moment, on every worker."""

    release: str
    effective_from: datetime
    rollback: str = ""


@fact("policy.rollback_requested")
class PolicyRollbackRequested(Fact):
    """Outside: a person takes the newest release back."""

    release: str
    reason: str


@fact("policy.rolled_back")
class PolicyRolledBack(Fact):
    """Derived (policy): the release before (``to``) takes effect again at that moment."""

    release: str
    to: str
    effective_from: datetime
    reason: str


@fact("policy.refused")
class PolicyRefused(Fact):
    """Derived (policy): an approval or a rollback that may not be, and why."""

    release: str
    reason: str


# ── effects, cases and the engine itself ───────────────────────────────────────────────────────────────────────────


class Outcome(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What became of a write, as far as it is known.

    ``status`` is ``applied``, ``refused`` (the target holds nothing), ``unknown`` (being probed), ``undecided`` (only a
    person can find out) or ``dead`` (given up; a dead letter). ``reference`` is the target's own id, ``posting`` what
    was read back, ``links`` other ids the target gave. ``cleared``: it was unknown, undecided or dead before.
    """

    status: str
    reference: str = ""
    posting: Posting | None = None
    problems: tuple[Problem, ...] = ()
    links: dict[str, str] = {}
    cleared: bool = False


@fact("effect.settled")
class EffectSettled(Fact):
    """Derived (delivery): the outcome of an effect. ``key`` is its business key."""

    effect_id: str
    connector: str
    operation: str
    key: str
    outcome: Outcome


@fact("effect.handled")
class EffectHandled(Fact):
    """Outside: a person redelivered, held, released, settled or cancelled an effect, and why."""

    effect_id: str
    connector: str
    operation: str
    action: str
    reason: str


@fact("case.opened")
class CaseOpened(Fact):
    """Derived (any process): somebody must look at this. Opening it again while it is open refreshes it."""

    case: Case


@fact("case.settled")
class CaseSettled(Fact):
    """Derived (any process): what it was about has gone away or has been decided."""

    resolution: str


@fact("case.assigned")
class CaseAssigned(Fact):
    """Outside: a person takes the case or gives it to another."""

    assignee: str


@fact("case.commented")
class CaseCommented(Fact):
    """Outside: a person adds a remark."""

    text: str


@fact("case.routed")
class CaseRouted(Fact):
    """Derived (case): who works the case, how grave it is and when it is due, by which rule of the policy and why."""

    owner: str
    severity: str
    due_at: datetime
    rule: str
    assignee: str = ""
    why: str = ""


@fact("case.due")
class CaseDue(Fact):
    """Timer: the case may not have been worked in time."""


@fact("case.escalated")
class CaseEscalated(Fact):
    """Derived (case): nobody has worked it in time; it is graver now and goes to whoever the policy names."""

    level: int
    owner: str
    severity: str
    assignee: str = ""
    next_at: datetime | None = None
    why: str = ""


@fact("case.attached")
class CaseAttached(Fact):
    """Outside: a person adds a file, which is kept by its hash (SHA-256) as it came. It is never read as a document."""

    document: str
    name: str
    media_type: str = ""
    size: int = 0


@fact("case.asked")
class CaseAsked(Fact):
    """Outside: a person asks the supplier about a case. The supplier sees the question and nothing else of it."""

    supplier_id: str
    document: str
    question: str


@fact("case.answered")
class CaseAnswered(Fact):
    """Outside: the supplier answers on its own page. A claim, from which nothing follows by itself."""

    answer: str


@fact("message.quarantined")
class MessageQuarantined(Fact):
    """Derived (the unit of work): a message failed in our own code. It is kept whole and blocks only its subject."""

    inbox_id: int
    source: str
    key: str
    type_name: str
    error: str


@fact("message.requeued")
class MessageRequeued(Fact):
    """Outside: a person sent a quarantined message on its way again, and why."""

    inbox_id: int
    reason: str


# ── segregation of duties ──────────────────────────────────────────────────────────────────────────────────────────


@fact("duties.refused")
class DutiesRefused(Fact):
    """Derived (the unit of work): the actor told something that their duties forbid on this document. It is kept (the
    fact's name in ``told``, its content in ``said``) and does not count; a case says what to do."""

    action: str
    told: str
    said: str
    reasons: tuple[str, ...]


@fact("duties.compensated")
class DutiesCompensated(Fact):
    """Derived (the unit of work): duties that conflict met in one hand on this document, under these compensating
    controls of the policy."""

    action: str
    controls: tuple[str, ...]


@fact("absence.stated")
class AbsenceStated(Fact):
    """Outside: somebody of ours is away from ``since`` to ``until``, both included, and ``by`` stands in: said by the
    person or a manager. Names are those of accounts. Whoever stands in acts in their own name, with their own duties.
    """

    absence_id: str
    person: str
    by: str
    since: date
    until: date
    reason: str


@fact("absence.taken_back")
class AbsenceTakenBack(Fact):
    """Outside: the person, or a manager, takes an absence back; from now on nobody stands in because of it."""

    absence_id: str
    reason: str


@fact("absence.refused")
class AbsenceRefused(Fact):
    """Derived (absence): what was said cannot be, and does not count: nobody would be left to stand in, the person is
    already away, or the days are over."""

    absence_id: str
    reason: str


@fact("control.reviewed")
class ControlReviewed(Fact):
    """Outside: a person looked at what was done under a compensating control. Only its reviewer's word counts."""

    control: str
    remark: str


@fact("checkpoint.signed")
class CheckpointSigned(Fact):
    """Derived (seal): the heads of all partitions at one moment, signed with the log's Ed25519 key."""

    heads: dict[str, str]
    signature: str
    public_key: str


_DECODERS: dict[str, msgspec.json.Decoder[Any]] = {name: msgspec.json.Decoder(cls) for name, cls in FACTS.items()}
_ENCODER = msgspec.json.Encoder(order="deterministic")


def decode_fact(type_name: str, data: bytes) -> Fact:
    """Read a fact. Raises ``KeyError`` for an unknown type and ``msgspec.ValidationError`` for wrong data."""
    value: Fact = _DECODERS[type_name].decode(data)
    return value


def encode_fact(value: Fact) -> bytes:
    """Write a fact as canonical JSON."""
    return _ENCODER.encode(value)
