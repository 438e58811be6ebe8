"""Where a fact from outside belongs: the home (partition) that handles it, and the subject it is about.

Facts that name their document only by another system's id cannot be addressed here; they come with a ``Ref``.
"""

from tieout.model.facts import (
    AbsenceStated,
    AbsenceTakenBack,
    AccrualRequested,
    BankChangeConfirmed,
    BankChangeRejected,
    BankChangeRequested,
    ControlNumberUsed,
    ControlReviewed,
    EntriesNotified,
    Fact,
    GapAccepted,
    GoodsDespatched,
    GoodsReceived,
    InterchangeAcknowledged,
    InterchangeReceived,
    InvoiceReceived,
    JournalRecorded,
    OrderChanged,
    OrderLineClosed,
    OrderLineReopened,
    OrderPlaced,
    OrderResponded,
    PaymentsHeld,
    PaymentsReleased,
    PeriodOpened,
    PolicyAdopted,
    PolicyApprovalRequested,
    PolicyDrafted,
    PolicyRollbackRequested,
    PolicyTried,
    RunProposed,
    SendRequested,
    SettlementRequested,
    SourceObserved,
    StatementReceived,
    SupplierProposed,
    TaskChanged,
    TotalsCompared,
    absence_home,
    account_home,
    close_home,
    control_home,
    ledger_home,
    partner_home,
    policy_home,
    supplier_home,
)
from tieout.model.identity import supplier_id_of

__all__ = ["address", "order_subject", "supplier_id_of"]


def order_subject(entity: str, order_id: str, supplier_id: str) -> str:
    """The subject of an order. The supplier is part of it: what one supplier's documents say about an order number
    can never touch the state of another supplier's order, which lives in another partition."""
    return f"{entity}/{order_id}/{supplier_id}"


def address(fact: Fact) -> tuple[str, str] | None:
    """Home and subject of a fact from outside, or ``None`` when only a reference can say.

    The subject of an ``InvoiceReceived`` is left empty: it comes from the source and key of the message.
    """
    match fact:
        case SupplierProposed(supplier=supplier):
            return supplier_home(supplier.supplier_id), supplier.supplier_id
        case (
            BankChangeRequested(supplier_id=supplier_id)
            | BankChangeConfirmed(supplier_id=supplier_id)
            | BankChangeRejected(supplier_id=supplier_id)
            | PaymentsHeld(supplier_id=supplier_id)
            | PaymentsReleased(supplier_id=supplier_id)
        ):
            return supplier_home(supplier_id), supplier_id
        case OrderPlaced(order=document) | GoodsReceived(receipt=document):
            subject = order_subject(document.entity, document.order_id, document.supplier_id)
            return supplier_home(document.supplier_id), subject
        case OrderResponded(response=told) | OrderChanged(change=told) | GoodsDespatched(advice=told):
            return supplier_home(told.supplier_id), order_subject(told.entity, told.order_id, told.supplier_id)
        case ControlNumberUsed(sender=sender):
            return partner_home(sender), sender
        case SendRequested(partner=partner):
            return partner_home(partner), partner
        case InterchangeReceived(interchange=interchange):
            return partner_home(interchange.sender), interchange.sender
        case InterchangeAcknowledged(acknowledgment=acknowledgment):
            return partner_home(acknowledgment.sender), acknowledgment.sender
        case JournalRecorded(journal=journal):
            return ledger_home(journal.entity), journal.entity
        case AccrualRequested() | OrderLineClosed() | OrderLineReopened() | SettlementRequested():
            subject = order_subject(fact.entity, fact.order_id, fact.supplier_id)
            return supplier_home(fact.supplier_id), subject
        case InvoiceReceived(invoice=invoice):
            return supplier_home(invoice.supplier_id), ""
        case RunProposed(run_id=run_id, debtor=debtor):
            return account_home(debtor.account_id), run_id
        case StatementReceived(statement=statement):
            return account_home(statement.iban), statement.iban
        case EntriesNotified(iban=iban) | GapAccepted(iban=iban):
            return account_home(iban), iban
        case TaskChanged(task=task):
            return close_home(task.entity), f"{task.entity}/{task.period}"
        case PeriodOpened(entity=entity, period=period) | TotalsCompared(entity=entity, period=period):
            return close_home(entity), f"{entity}/{period}"
        case ControlReviewed(control=name):
            return control_home(name), control_home(name)
        case AbsenceStated() | AbsenceTakenBack():
            return absence_home(), absence_home()
        case SourceObserved(entity=entity):
            return close_home(entity), entity
        case PolicyAdopted() | PolicyDrafted() | PolicyTried() | PolicyApprovalRequested() | PolicyRollbackRequested():
            return policy_home(), policy_home()
        case _:
            return None
