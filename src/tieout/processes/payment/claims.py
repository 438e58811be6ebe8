"""What the bank reports of a payment: statuses climb a ladder; they may end a payment but never prove it."""

from collections.abc import Iterator

from msgspec.structs import replace

from tieout.kernel.problem import Code, Problem
from tieout.model.cases import CaseClass
from tieout.model.facts import (
    LiabilityReopened,
    PaymentClaimed,
    PaymentRejected,
    PaymentsHeld,
    PaymentStatusNoted,
    PaymentStatusReported,
)
from tieout.policy.status_ladder import Rung, advance, rung
from tieout.processes.payment.cases import case_about, difference
from tieout.processes.payment.state import AT_HOME, IN_FLIGHT, NOTES_MAX, State
from tieout.processes.payment.telling import advise, record, unrecord
from tieout.processes.process import Emit, Facts, Output


def claimed(state: State, claim: str) -> State:
    """The claim never falls. With the one that accepts the payment, the ERP was asked to record it."""
    status = "claimed" if state.status == "released" else state.status
    recorded = state.recorded or rung(claim).accepts
    return replace(state, status=status, claim=advance(state.claim, claim), recorded=recorded)


def noted(state: State, note: str) -> State:
    """An odd status is kept beside the claim, each once."""
    return replace(state, notes=tuple(sorted({*state.notes, note}))[:NOTES_MAX])


def rejected(state: State, data: PaymentRejected) -> State:
    """The bank will not carry it out."""
    return replace(state, status="rejected", claim=advance(state.claim, data.status), reason=data.reason)


def hear(state: State, payment_id: str, data: PaymentStatusReported, facts: Facts) -> Iterator[Output]:
    """A status raises the claim, ends the payment, or is noted; what was heard before changes nothing."""
    step = rung(data.status)
    if state.status in AT_HOME:
        yield difference(state, payment_id, f"the bank reports {data.status} for a payment that was not released")
        return
    if (step.flags or step.kind == "side") and data.status not in state.notes:
        yield Emit(PaymentStatusNoted(status=data.status, reason=data.reason))
        if step.flags:
            yield _flagged(state, payment_id, data, step)
    if step.kind in ("claim", "end") and step.rank > rung(state.claim).rank:
        if step.kind == "end" and state.status in IN_FLIGHT:
            yield from _reject(state, payment_id, data, facts)
        else:
            yield from _raise(state, payment_id, data, facts)


def _raise(state: State, payment_id: str, data: PaymentStatusReported, facts: Facts) -> Iterator[Output]:
    """A higher claim. When it contradicts what is booked, the entry stays right and somebody looks at it."""
    step = rung(data.status)
    yield Emit(PaymentClaimed(status=data.status))
    if step.accepts and not state.recorded and state.status in IN_FLIGHT:
        yield record(state, payment_id, state.execute_on, facts)
        yield from advise(state, state.execute_on, facts)
    if step.kind == "end" and state.status == "booked":
        yield difference(
            state, payment_id, f"the bank reports {data.status} {data.reason} for a payment that it booked"
        )


def _reject(state: State, payment_id: str, data: PaymentStatusReported, facts: Facts) -> Iterator[Output]:
    """The bank refuses or has cancelled it: the invoice is owed again, and what the ERP holds of it is taken back."""
    reason = data.reason or rung(data.status).meaning
    yield Emit(PaymentRejected(status=data.status, reason=reason))
    yield Emit(LiabilityReopened(payment_id=payment_id, reason=f"{data.status} {reason}"), state.invoice_id)
    problem = Problem(Code.PAYMENT_REJECTED, payment_id, actual=data.status, detail=reason)
    yield case_about(state, payment_id, CaseClass.PAYMENT_REJECTED, problem)
    if state.recorded:
        yield unrecord(state, payment_id, facts.now.date(), reason, facts)
    if rung(data.status).freezes:
        held = PaymentsHeld(supplier_id=state.supplier_id, reason=f"payment {payment_id}: {reason}")
        yield Emit(held, state.supplier_id)


def _flagged(state: State, payment_id: str, data: PaymentStatusReported, step: Rung) -> Emit:
    """A status that nobody knows, or one that says somebody has to look."""
    if step.kind == "unknown":
        expected = "a status of ISO 20022"
        problem = Problem(Code.UNKNOWN_CODE, payment_id, expected, data.status, detail=data.reason)
        return case_about(state, payment_id, CaseClass.PAYMENT_DIFFERS, problem)
    return difference(state, payment_id, f"{data.status}: {step.meaning} {data.reason}".rstrip())
