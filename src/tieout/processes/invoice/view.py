"""What people see of an invoice: its row in the list, and what it counts for in the control totals."""

from collections.abc import Iterator

from tieout.kernel.clock import period_of
from tieout.processes.invoice.state import OWED, UNPOSTED, State
from tieout.processes.process import Row, Standing


def show(subject: str, state: State) -> Row:
    """The row of the invoice list."""
    invoice, due = state.invoice, state.invoice.payable
    return {
        "entity": invoice.entity,
        "supplier_id": invoice.supplier_id,
        "supplier_name": invoice.supplier_name,
        "number": invoice.number,
        "kind": invoice.kind.value,
        "status": state.status,
        "reason": state.reason,
        "currency": due.currency,
        "payable_minor": due.minor,
        "issued_on": invoice.issued_on.isoformat(),
        "due_on": invoice.due_on.isoformat(),
        "period": period_of(state.post_on or invoice.issued_on),
        "channel": state.channel,
        "erp_number": state.posting.number if state.posting else "",
        "payment_id": state.payment_id,
        "document": invoice.document,
        "received_at": state.received_at,
        "changed_at": state.changed_at,
    }


def stands(subject: str, state: State) -> Iterator[Standing]:
    """Unposted until the ERP holds it or it falls out; then payable until a booked payment settles it, and as long as
    it is on hold among these as well."""
    invoice = state.invoice
    if state.status in OWED:
        period = state.posting.period if state.posting else period_of(invoice.issued_on)
        yield Standing("payable", invoice.entity, period, subject, invoice.payable)
        if state.status == "posted_on_hold":
            yield Standing("on_hold", invoice.entity, period, subject, invoice.payable)
    elif state.status in UNPOSTED and state.status not in ("duplicate", "cancelled"):
        period = period_of(state.post_on or invoice.issued_on)
        yield Standing("unposted", invoice.entity, period, subject, invoice.payable)
