"""The whole life of a payment: what it becomes after an event, and what is asked of the world then."""

from collections.abc import Iterator

from msgspec.structs import replace

from tieout.model.events import Event
from tieout.model.facts import (
    CancellationAnswered,
    ChangeNotified,
    PaymentBooked,
    PaymentCancelRequested,
    PaymentClaimed,
    PaymentEntryBooked,
    PaymentProofDecided,
    PaymentProofHeld,
    PaymentProofTaken,
    PaymentRejected,
    PaymentReleased,
    PaymentReleaseRequested,
    PaymentRequested,
    PaymentReserved,
    PaymentReturned,
    PaymentStatusNoted,
    PaymentStatusReported,
    PaymentWithheld,
    ReturnReported,
)
from tieout.policy.duties import is_person
from tieout.processes.case import case_id
from tieout.processes.payment.cancellation import ask_for_change, hear_cancellation
from tieout.processes.payment.claims import claimed, hear, noted, rejected
from tieout.processes.payment.proof import (
    booked,
    decide_proof,
    held,
    is_better_proof,
    not_found,
    prove,
    proved,
    taken,
    waits,
)
from tieout.processes.payment.releasing import call_off, release, requested, reserve
from tieout.processes.payment.returns import hear_return
from tieout.processes.payment.state import MENDED, State, text_of
from tieout.processes.payment.view import show, stands
from tieout.processes.process import Facts, Output, Process, by_subject


def evolve(state: State | None, event: Event) -> State | None:
    """Where the payment stands after an event."""
    if state is None:
        return requested(event, event.data) if isinstance(event.data, PaymentRequested) else None
    after = _evolved(state, event)
    return state if after is state else replace(after, changed_at=event.recorded_at)


def _evolved(state: State, event: Event) -> State:
    match event.data:
        case PaymentReserved(payment=payment):
            return replace(state, status="reserved", payment=payment)
        case PaymentWithheld(problems=problems, run_id=run_id) if run_id == state.run_id:
            return replace(state, status="withheld", reason=text_of(problems))
        case PaymentReleased():
            return replace(state, status="released")
        case PaymentClaimed(status=claim):
            return claimed(state, claim)
        case PaymentStatusNoted(status=note):
            return noted(state, note)
        case PaymentRejected():
            return rejected(state, event.data)
        case PaymentBooked():
            return booked(state, event.data)
        case PaymentReturned(reason=reason):
            return replace(state, status="returned", recorded=True, reason=reason)
        case PaymentEntryBooked(entry=entry, statement_id=statement_id) if is_better_proof(state, event.data):
            return proved(state, entry, statement_id)
        case PaymentProofHeld():
            return held(state, event.data)
        case PaymentProofTaken(entry=entry):
            return taken(state, entry)
        case PaymentProofDecided(confirmed=False, reason=reason) if state.unproved and is_person(event.actor):
            return not_found(state, event.actor, reason)
        case _:
            return state


def decide(state: State | None, event: Event, facts: Facts) -> Iterator[Output]:
    """What to ask of the world after an event. Late and repeated events ask for nothing."""
    if state is None:
        return
    match event.data:
        case PaymentRequested():
            yield from reserve(state, event.subject, event.data, facts)
        case PaymentReleaseRequested():
            yield from release(state, event.subject, event.data, facts)
        case PaymentCancelRequested(reason=reason) if state.status == "reserved":
            yield from call_off(state, event.subject, reason)
        case PaymentStatusReported():
            yield from hear(state, event.subject, event.data, facts)
        case ReturnReported(returned=returned):
            yield from hear_return(state, event.subject, returned)
        case ChangeNotified(notice=notice):
            yield from ask_for_change(state, notice)
        case CancellationAnswered(answer=answer):
            yield from hear_cancellation(state, event.subject, answer, facts)
        case PaymentEntryBooked() as data if not data.again or waits(state, data.entry):
            yield from prove(state, event.subject, data, data.told_by or event.actor, facts)
        case PaymentProofDecided() if state.unproved and is_person(event.actor):
            yield from decide_proof(state, event, event.data)
        case _:
            return


def _reads(event: Event) -> Iterator[tuple[str, str]]:
    """The states that the decision about a new payment will look at."""
    if isinstance(event.data, PaymentRequested):
        yield "invoice", event.data.invoice_id
        yield "supplier", event.data.supplier_id
        for one in MENDED:
            yield "case", case_id(one, event.data.invoice_id)
    elif isinstance(event.data, PaymentReleaseRequested):
        yield "supplier", event.data.supplier_id


def _own(event: Event) -> tuple[str, ...]:
    """Answers are told to the run as well, under its id; those are not about the payment's own subject."""
    match event.data:
        case PaymentReserved(payment=payment) | PaymentReleased(payment=payment):
            own = payment.payment_id
        case PaymentWithheld(payment_id=payment_id):
            own = payment_id
        case _:
            return ()
    return (event.subject,) if event.subject == own else ()


PROCESS = Process(
    name="payment",
    state=State,
    routes={
        PaymentRequested: by_subject,
        PaymentReserved: _own,
        PaymentWithheld: _own,
        PaymentReleaseRequested: by_subject,
        PaymentCancelRequested: by_subject,
        PaymentReleased: _own,
        PaymentStatusReported: by_subject,
        ReturnReported: by_subject,
        ChangeNotified: by_subject,
        CancellationAnswered: by_subject,
        PaymentStatusNoted: by_subject,
        PaymentClaimed: by_subject,
        PaymentRejected: by_subject,
        PaymentEntryBooked: by_subject,
        PaymentProofHeld: by_subject,
        PaymentProofDecided: by_subject,
        PaymentProofTaken: by_subject,
        PaymentBooked: by_subject,
        PaymentReturned: by_subject,
    },
    evolve=evolve,
    decide=decide,
    reads=_reads,
    view="payment",
    show=show,
    stands=stands,
)
