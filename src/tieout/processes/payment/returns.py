"""Money that comes back: the bank's word of it is a case, its entry opens the liability again."""

from collections.abc import Iterator

from tieout.kernel.money import Money
from tieout.kernel.problem import Code, Problem
from tieout.model.cases import CaseClass
from tieout.model.documents import PaymentReturn
from tieout.model.facts import (
    LiabilityReopened,
    PaymentEntryBooked,
    PaymentReturned,
    PaymentsHeld,
    PaymentStatusNoted,
)
from tieout.policy.status_ladder import makes_suspect
from tieout.processes.payment.cases import case_about, difference
from tieout.processes.payment.state import AT_HOME, State
from tieout.processes.payment.telling import record, report, unrecord
from tieout.processes.process import Emit, Facts, Output


def hear_return(state: State, payment_id: str, returned: PaymentReturn) -> Iterator[Output]:
    """The bank says that it sent the money back. The entry on the statement opens the liability again; until then the
    word of it is a case, so that nobody pays a second time to an account that is wrong."""
    told = f"{returned.reason_code} {returned.reason}".strip()
    if returned.reason_code in state.notes:
        return
    yield Emit(PaymentStatusNoted(status=returned.reason_code, reason=told))
    if state.status in AT_HOME:
        yield difference(state, payment_id, f"the bank returns a payment that was not released: {told}")
    elif state.status != "returned":
        problem = Problem(Code.PAYMENT_RETURNED, payment_id, str(_amount(state)), str(returned.amount), detail=told)
        yield case_about(state, payment_id, CaseClass.PAYMENT_RETURNED, problem)


def _amount(state: State) -> Money | str:
    return state.payment.amount if state.payment else "a payment"


def take_back(state: State, payment_id: str, data: PaymentEntryBooked, facts: Facts) -> Iterator[Output]:
    """The money came back. Statements list entries in any order, so this may be heard before the debit."""
    entry = data.entry
    reason = entry.return_reason or "no reason given"
    yield Emit(PaymentReturned(entry=entry, reason=reason))
    if state.status != "rejected":
        yield Emit(LiabilityReopened(payment_id=payment_id, reason=f"returned: {reason}"), state.invoice_id)
    if makes_suspect(entry.return_reason):
        held = PaymentsHeld(supplier_id=state.supplier_id, reason=f"payment {payment_id} came back: {reason}")
        yield Emit(held, state.supplier_id)
    problem = Problem(Code.PAYMENT_RETURNED, payment_id, actual=str(entry.amount), detail=reason)
    yield case_about(state, payment_id, CaseClass.PAYMENT_RETURNED, problem)
    if not state.recorded:
        yield record(state, payment_id, entry.booked_on, facts)
    yield unrecord(state, payment_id, entry.booked_on, reason, facts)
    yield report(state, payment_id, "returned", entry.booked_on, facts)
