"""What people see of a payment: its row in the list, and what it counts for in the control totals."""

from collections.abc import Iterator

from tieout.kernel.clock import period_of, to_micros
from tieout.processes.payment.state import IN_FLIGHT, State
from tieout.processes.process import Row, Standing


def show(subject: str, state: State) -> Row:
    """The row of the payment list."""
    amount = state.payment.amount if state.payment else None
    return {
        "run_id": state.run_id,
        "invoice_id": state.invoice_id,
        "entity": state.entity,
        "supplier_id": state.supplier_id,
        "currency": amount.currency if amount else "",
        "amount_minor": amount.minor if amount else 0,
        "status": state.status,
        "claim": state.claim,
        "execute_on": state.execute_on.isoformat(),
        "booked_on": state.booked_on.isoformat() if state.booked_on else "",
        "reason": state.reason,
        "changed_at": to_micros(state.changed_at),
    }


def stands(subject: str, state: State) -> Iterator[Standing]:
    """In flight: from the release until an entry or a rejection speaks."""
    if state.status in IN_FLIGHT and state.payment is not None:
        yield Standing("in_flight", state.entity, period_of(state.execute_on), subject, state.payment.amount)
