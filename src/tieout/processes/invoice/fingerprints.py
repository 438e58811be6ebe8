"""What is kept of an invoice so that others can be compared with it, and what it is compared as itself."""

from tieout.matching.duplicates import Fingerprint, Status, fingerprint_of
from tieout.matching.duplicates.fingerprint import account_digest
from tieout.model.documents import Invoice
from tieout.model.events import Event
from tieout.model.facts import ApprovalDecided, InvoiceReceived, PostingDue
from tieout.processes.invoice.state import STOPPED, State, received
from tieout.processes.process import States

#: What it takes to post an invoice that is clear.
_SOUGHT = (ApprovalDecided, PostingDue)


def payee_of(invoice: Invoice, facts: States) -> tuple[str, str]:
    """Where the supplier is paid (a digest) and the group it belongs to, as the supplier's record says."""
    known = facts.state("supplier", invoice.supplier_id)
    record = known.supplier if known is not None else None
    if record is None:
        return "", ""
    account = record.bank_account.account_id if record.bank_account else ""
    return account_digest(account), record.parent_id


def compared_as(subject: str, state: State, facts: States) -> Fingerprint:
    """The fingerprint of an invoice with what its supplier's record says now."""
    account, parent = payee_of(state.invoice, facts)
    return fingerprint_of(
        subject,
        state.invoice,
        state.received_at,
        channel=state.channel,
        account=account or state.account,
        parent=parent or state.parent,
        apart=state.apart,
    )


def seeks(event: Event, state: State | None, facts: States) -> Fingerprint | None:
    """What will be looked for when a new invoice comes, or one that is clear is about to be posted."""
    if state is None:
        state = received(event.data, event) if isinstance(event.data, InvoiceReceived) else None
        return compared_as(event.subject, state, facts) if state is not None else None
    return compared_as(event.subject, state, facts) if state.clear and isinstance(event.data, _SOUGHT) else None


def prints(subject: str, before: State | None, after: State | None) -> Fingerprint | None:
    """What is kept of an invoice to compare others with, when that has changed."""
    if after is None or (before is not None and _shows(before) == _shows(after)):
        return None
    return fingerprint_of(
        subject,
        after.invoice,
        after.received_at,
        channel=after.channel,
        account=after.account,
        parent=after.parent,
        status=_standing(after),
        apart=after.apart,
    )


def _shows(state: State) -> tuple[object, ...]:
    return state.account, state.parent, state.apart, _standing(state)


def _standing(state: State) -> Status:
    if state.cancelled:
        return "cancelled"
    return "stopped" if state.status in STOPPED else "open"
