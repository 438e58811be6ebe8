"""What proves a payment: a booked entry that names it, told by somebody who neither proposed nor released it."""

from collections.abc import Iterator

from msgspec.structs import replace

from tieout.kernel.problem import Code, Problem
from tieout.model.cases import CaseClass
from tieout.model.documents import StatementEntry
from tieout.model.events import Event
from tieout.model.facts import (
    InvoicePaid,
    PaymentBooked,
    PaymentEntryBooked,
    PaymentProofDecided,
    PaymentProofHeld,
    PaymentProofTaken,
)
from tieout.policy.controls import Ruling
from tieout.policy.duties import shown
from tieout.processes.case import settle_case
from tieout.processes.payment.cases import case_about, difference, mend
from tieout.processes.payment.duties import compensated, ruling_for
from tieout.processes.payment.returns import take_back
from tieout.processes.payment.state import AT_HOME, IN_FLIGHT, NOTES_MAX, State, Unproved
from tieout.processes.payment.telling import advise, record, report
from tieout.processes.process import Emit, Facts, Output


def booked(state: State, data: PaymentBooked) -> State:
    """The bank has paid, and this entry is the proof."""
    paid = replace(state, status="booked", recorded=True, booked_on=data.entry.booked_on, reason="")
    return proved(paid, data.entry, data.statement_id)


def proved(state: State, entry: StatementEntry, statement_id: str) -> State:
    """By which entry of which statement; the bank's reference tells a repetition from a second debit."""
    reference = entry.bank_reference or state.bank_reference
    return replace(state, entry_id=entry.entry_id, statement_id=statement_id, bank_reference=reference)


def is_better_proof(state: State, data: PaymentEntryBooked) -> bool:
    """The same debit told with more weight: by the statement (camt.053) after a notification (camt.054), or by the
    bank's own statement in place of a person's file."""
    if state.status != "booked" or state.payment is None or data.entry.amount != -state.payment.amount:
        return False
    first = bool(data.statement_id) and not state.statement_id
    return first or (data.instead and data.statement_id == state.statement_id)


def held(state: State, data: PaymentProofHeld) -> State:
    """What somebody told of their own payment is kept; it proves nothing yet."""
    kept = Unproved(data.entry, data.statement_id, data.told_by)
    waits = f"an entry told by {shown(data.told_by)} waits for somebody else's confirmation"
    return replace(state, unproved=(*state.unproved, kept)[-NOTES_MAX:], reason=waits)


def taken(state: State, entry: StatementEntry) -> State:
    """Somebody else told the same amount: nothing of it waits any more."""
    return replace(state, unproved=tuple(one for one in state.unproved if one.entry.amount != entry.amount))


def not_found(state: State, actor: str, reason: str) -> State:
    """Somebody else looked and the bank has no such entry. It is kept, for the bank may still tell it."""
    marked = tuple(replace(one, rejected=True) for one in state.unproved)
    return replace(state, unproved=marked, reason=f"{shown(actor)} found no such entry: {reason}")


def prove(state: State, payment_id: str, data: PaymentEntryBooked, teller: str, facts: Facts) -> Iterator[Output]:
    """A booked entry names this payment: money out proves it, money back undoes it, another amount proves nothing.

    Nobody proves what they paid (separation of payment and reconciliation): their word waits for somebody else's.
    """
    entry, payment = data.entry, state.payment
    if payment is None or state.status in AT_HOME:
        yield difference(
            state, payment_id, f"the bank booked {entry.amount} for a payment that was not released", entry
        )
    elif entry.amount not in (payment.amount, -payment.amount):
        yield difference(state, payment_id, "the bank booked another amount", entry)
    elif not _is_known(state, data):
        ruling = ruling_for("load_statement", teller, payment_id, facts, state.entity)
        if ruling.refused:
            yield from _hold_proof(state, payment_id, data, teller, ruling)
            return
        yield from compensated("load_statement", ruling)
        is_debit = entry.amount == -payment.amount
        yield from (_book if is_debit else take_back)(state, payment_id, data, facts)
        yield from _take_proof(state, payment_id, entry, teller)
    elif entry.amount == -payment.amount:
        yield from _take_proof(state, payment_id, entry, teller)


def _is_known(state: State, data: PaymentEntryBooked) -> bool:
    """Whether an entry changes nothing any more."""
    if data.entry.amount.minor > 0:
        return state.status == "returned"
    return state.status == "returned" or (state.status == "booked" and _is_repeated(state, data))


def _is_repeated(state: State, data: PaymentEntryBooked) -> bool:
    """The same debit told again: by a notification, by the same entry, or under the same reference of the bank."""
    same = (data.statement_id, data.entry.entry_id) == (state.statement_id, state.entry_id)
    named = bool(data.entry.bank_reference) and data.entry.bank_reference == state.bank_reference
    return not data.statement_id or same or named


def _book(state: State, payment_id: str, data: PaymentEntryBooked, facts: Facts) -> Iterator[Output]:
    """The money is gone: the invoice is paid. One that the bank had rejected, or that it debits twice, is looked at."""
    entry = data.entry
    if state.status in (*IN_FLIGHT, "rejected"):
        yield Emit(PaymentBooked(entry=entry, statement_id=data.statement_id))
        yield Emit(InvoicePaid(payment_id=payment_id, booked_on=entry.booked_on), state.invoice_id)
        if not state.recorded:
            yield record(state, payment_id, entry.booked_on, facts)
            yield from advise(state, entry.booked_on, facts)
        yield report(state, payment_id, "booked", entry.booked_on, facts)
        yield from mend(state, f"payment {payment_id} was booked", facts)
    if state.status == "rejected":
        yield difference(state, payment_id, f"the bank booked a payment that it had rejected ({state.reason})", entry)
    if state.status == "booked" and not _is_repeated(state, data):
        yield difference(state, payment_id, "the bank debited it twice", entry)


def waits(state: State, entry: StatementEntry) -> bool:
    """Whether this entry was told before, by somebody whose word does not count for it."""
    return any(one.entry == entry for one in state.unproved)


def _hold_proof(
    state: State, payment_id: str, data: PaymentEntryBooked, teller: str, ruling: Ruling
) -> Iterator[Output]:
    """Keep what somebody told of their own payment, and ask somebody else to look."""
    if waits(state, data.entry):
        return
    entry, statement_id = data.entry, data.statement_id
    yield Emit(PaymentProofHeld(entry=entry, statement_id=statement_id, told_by=teller, reasons=ruling.refused))
    told = Problem(
        Code.SAME_PERSON,
        entry.entry_id,
        "the bank's own channel, or another person",
        shown(teller),
        detail=f"{entry.amount} booked on {entry.booked_on} proves nothing yet: {' '.join(ruling.refused)}",
    )
    yield case_about(state, payment_id, CaseClass.PROOF_UNCONFIRMED, told)


def _take_proof(state: State, payment_id: str, entry: StatementEntry, teller: str) -> Iterator[Output]:
    """What waited for somebody else's word has it."""
    same = [one for one in state.unproved if one.entry.amount == entry.amount]
    if not same:
        return
    yield Emit(PaymentProofTaken(entry=entry, told_by=teller))
    if len(same) == len(state.unproved):
        yield settle_case(CaseClass.PROOF_UNCONFIRMED, payment_id, f"{shown(teller)} told the same")


def decide_proof(state: State, event: Event, data: PaymentProofDecided) -> Iterator[Output]:
    """Somebody else looked with the bank: whoever confirms tells the same entries again, in their own name."""
    if not data.confirmed:
        told = f"rejected by {shown(event.actor)}: {data.reason}"
        yield settle_case(CaseClass.PROOF_UNCONFIRMED, event.subject, told)
        return
    for one in state.unproved:
        told_again = PaymentEntryBooked(entry=one.entry, statement_id=one.statement_id, told_by=event.actor, again=True)
        yield Emit(told_again)
