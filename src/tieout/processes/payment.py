"""One payment of one invoice: from the proposal of a run to the booked entry that alone proves it, and back.

::

    requested ─► reserved ─► released ─► claimed ─► booked ─► returned
        │            │           └──────────┴─► rejected        ▲
        └► withheld ◄┘           (a credit that names it) ──────┘

What the bank *claims* (``claim``, the highest status it ever reported) is kept apart from what is *booked*: a status
never makes a payment booked, and a booked entry outranks every status, so statuses and entries may come in any order.
Holds are looked at twice, in the supplier's own partition: when the payment is reserved, and a last time when it is
released, so a bank change that comes in between stops exactly this payment.

Nobody proves their own payment: an entry that was told by whoever proposed or released it (a statement loaded by hand)
is kept as ``unproved`` and counts when the bank's own channel, or somebody else, tells the same.

An invoice that could not be paid is a case about the *invoice*, settled by itself when a payment takes it; a bank
that contradicts itself or us is a case about the payment.

The ERP is told (``record_payment``: liability to clearing account) when the bank accepts the payment or books it,
whichever comes first, under the same key.
"""

from collections.abc import Iterator
from datetime import date, datetime

from msgspec import Struct
from msgspec.structs import replace

from tieout.formats.outgoing import advice_of
from tieout.formats.payment_files import SHORT_LENGTHS, short_reference
from tieout.kernel.clock import period_of, to_micros
from tieout.kernel.money import Money
from tieout.kernel.problem import Code, Problem
from tieout.model.cases import Case, CaseClass
from tieout.model.documents import (
    CancellationAnswer,
    ChangeNotice,
    Invoice,
    Payment,
    PaymentReturn,
    RemittanceLine,
    StatementEntry,
    Supplier,
)
from tieout.model.effects import RecordPayment, RecordReturn, ReportPayment, effect_id
from tieout.model.events import Event
from tieout.model.facts import (
    BankChangeRequested,
    CancellationAnswered,
    ChangeNotified,
    DutiesCompensated,
    InvoicePaid,
    InvoiceReserved,
    LiabilityReopened,
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
    PaymentsHeld,
    PaymentStatusNoted,
    PaymentStatusReported,
    PaymentWithheld,
    ReturnReported,
    SendRequested,
    account_home,
    partner_home,
)
from tieout.model.identity import supplier_id_of
from tieout.policy.controls import Ruling
from tieout.policy.duties import is_person, shown
from tieout.policy.policy import EntityPolicy, Policy
from tieout.policy.status_ladder import Rung, advance, makes_suspect, rung
from tieout.processes import hands
from tieout.processes import invoice as invoices
from tieout.processes import supplier as suppliers
from tieout.processes.case import case_id, is_open, open_case, settle_case
from tieout.processes.process import Emit, Facts, Intent, Link, Output, Process, Row, Send, Standing, by_subject

#: The bank may have it and no booked entry has spoken yet.
IN_FLIGHT = ("released", "claimed")
#: It never went to the bank.
AT_HOME = ("requested", "reserved", "withheld")
#: Cases about an invoice that was not paid: they are settled when a payment takes it, or was booked after all.
_MENDED = (CaseClass.PAYMENT_WITHHELD, CaseClass.PAYMENT_REJECTED, CaseClass.PAYMENT_RETURNED)
#: So many odd statuses are kept with a payment; all of them are in the log.
NOTES_MAX = 16


class Unproved(Struct, frozen=True, omit_defaults=True):
    """A booked entry that was told by whoever proposed or released the payment. ``rejected``: a person found no such
    entry with the bank; it counts when the bank's own channel tells it all the same."""

    entry: StatementEntry
    statement_id: str
    told_by: str
    rejected: bool = False


class State(Struct, frozen=True, omit_defaults=True):
    """Where a payment stands. ``recorded``: the ERP was asked to record it. The entry is the one that proved it."""

    status: str
    run_id: str
    invoice_id: str
    supplier_id: str
    entity: str
    debtor_iban: str
    execute_on: date
    changed_at: datetime
    payment: Payment | None = None
    claim: str = ""
    notes: tuple[str, ...] = ()
    recorded: bool = False
    booked_on: date | None = None
    entry_id: str = ""
    statement_id: str = ""
    bank_reference: str = ""
    reason: str = ""
    unproved: tuple[Unproved, ...] = ()


def systems_of(policy: Policy, entity: str) -> EntityPolicy:
    """The systems a legal entity works with; the usual names for an entity that the policy does not know."""
    return policy.entities.get(entity) or EntityPolicy(name=entity, currency="")


# ── where it stands ────────────────────────────────────────────────────────────────────────────────────────────────


def evolve(state: State | None, event: Event) -> State | None:
    """Where the payment stands after an event."""
    if state is None:
        return _requested(event, event.data) if isinstance(event.data, PaymentRequested) else None
    after = _evolved(state, event)
    return state if after is state else replace(after, changed_at=event.recorded_at)


def _requested(event: Event, data: PaymentRequested) -> State:
    return State(
        "requested",
        data.run_id,
        data.invoice_id,
        data.supplier_id,
        data.entity,
        data.debtor_iban,
        data.execute_on,
        event.recorded_at,
    )


def _evolved(state: State, event: Event) -> State:
    match event.data:
        case PaymentReserved(payment=payment):
            return replace(state, status="reserved", payment=payment)
        case PaymentWithheld(problems=problems, run_id=run_id) if run_id == state.run_id:
            return replace(state, status="withheld", reason=_text(problems))
        case PaymentReleased():
            return replace(state, status="released")
        case PaymentClaimed(status=claim):
            status = "claimed" if state.status == "released" else state.status
            recorded = state.recorded or rung(claim).accepts
            return replace(state, status=status, claim=advance(state.claim, claim), recorded=recorded)
        case PaymentStatusNoted(status=note):
            return replace(state, notes=tuple(sorted({*state.notes, note}))[:NOTES_MAX])
        case PaymentRejected(status=claim, reason=reason):
            return replace(state, status="rejected", claim=advance(state.claim, claim), reason=reason)
        case PaymentBooked(entry=entry, statement_id=statement_id):
            booked = replace(state, status="booked", recorded=True, booked_on=entry.booked_on, reason="")
            return _proved(booked, entry, statement_id)
        case PaymentReturned(reason=reason):
            return replace(state, status="returned", recorded=True, reason=reason)
        case PaymentEntryBooked(entry=entry, statement_id=statement_id) if _is_first_statement(state, event.data):
            return _proved(state, entry, statement_id)
        case PaymentProofHeld() as data:
            kept = Unproved(data.entry, data.statement_id, data.told_by)
            waits = f"an entry told by {shown(data.told_by)} waits for somebody else's confirmation"
            return replace(state, unproved=(*state.unproved, kept)[-NOTES_MAX:], reason=waits)
        case PaymentProofTaken(entry=entry):
            left = tuple(one for one in state.unproved if one.entry.amount != entry.amount)
            return replace(state, unproved=left)
        case PaymentProofDecided(confirmed=False, reason=reason) if state.unproved and is_person(event.actor):
            rejected = tuple(replace(one, rejected=True) for one in state.unproved)
            return replace(state, unproved=rejected, reason=f"{shown(event.actor)} found no such entry: {reason}")
        case _:
            return state


def _proved(state: State, entry: StatementEntry, statement_id: str) -> State:
    reference = entry.bank_reference or state.bank_reference
    return replace(state, entry_id=entry.entry_id, statement_id=statement_id, bank_reference=reference)


def _is_first_statement(state: State, data: PaymentEntryBooked) -> bool:
    """A notification (camt.054) said it was booked; now the statement (camt.053) says so too."""
    told = state.status == "booked" and not state.statement_id
    return told and bool(data.statement_id) and state.payment is not None and data.entry.amount == -state.payment.amount


def _text(problems: tuple[Problem, ...]) -> str:
    return "; ".join(str(problem) for problem in problems)


# ── what to do ─────────────────────────────────────────────────────────────────────────────────────────────────────


def decide(state: State | None, event: Event, facts: Facts) -> Iterator[Output]:
    """What to ask of the world after an event. Late and repeated events ask for nothing."""
    if state is None:
        return
    match event.data:
        case PaymentRequested():
            yield from _reserve(state, event.subject, event.data, facts)
        case PaymentReleaseRequested():
            yield from _release(state, event.subject, event.data, facts)
        case PaymentCancelRequested(reason=reason) if state.status == "reserved":
            called_off = Problem(Code.NOT_PAYABLE, event.subject, detail=f"the run was called off: {reason}")
            yield from _withhold(state, event.subject, (called_off,))
        case PaymentStatusReported():
            yield from _hear(state, event.subject, event.data, facts)
        case ReturnReported(returned=returned):
            yield from _sent_back(state, event.subject, returned)
        case ChangeNotified(notice=notice):
            yield from _change(state, notice)
        case CancellationAnswered(answer=answer):
            yield from _cancelled(state, event.subject, answer, facts)
        case PaymentEntryBooked() as data if not data.again or _waits(state, data.entry):
            yield from _prove(state, event.subject, data, data.told_by or event.actor, facts)
        case PaymentProofDecided() if state.unproved and is_person(event.actor):
            yield from _decide_proof(state, event, event.data)
        case _:
            return


def _reserve(state: State, payment_id: str, data: PaymentRequested, facts: Facts) -> Iterator[Output]:
    """Take the invoice for the run, or say why it cannot be paid."""
    home = account_home(data.debtor_iban)
    if data.run_id != state.run_id:
        taken = Problem(Code.NOT_PAYABLE, payment_id, actual=f"this payment id belongs to run {state.run_id}")
        withheld = PaymentWithheld(payment_id=payment_id, run_id=data.run_id, problems=(taken,))
        yield Send(withheld, subject=data.run_id, home=home, entity=data.entity)
        return
    if state.status != "requested":
        return
    payment, problems = _compose(payment_id, data, facts)
    ruling = _duties("propose_payment", data.proposed_by, payment_id, facts, data.entity)
    problems += _forbidden(ruling, payment_id)
    if payment is None or problems:
        yield from _withhold(state, payment_id, problems)
        yield _withheld_case(state, payment_id, problems)
    else:
        reserved = PaymentReserved(payment=payment)
        yield Emit(reserved)
        yield from _compensated("propose_payment", ruling)
        yield Emit(InvoiceReserved(payment_id=payment_id), data.invoice_id)
        yield Send(reserved, subject=data.run_id, home=home, entity=data.entity)
        yield from _mend(state, f"payment {payment_id} pays it", facts)


def _compose(payment_id: str, data: PaymentRequested, facts: Facts) -> tuple[Payment | None, tuple[Problem, ...]]:
    """The complete payment, or everything that speaks against it."""
    due = invoices.payable(facts.state("invoice", data.invoice_id))
    problems = tuple(_obstacles(data.supplier_id, facts))
    if due is None or due.amount.minor <= 0:
        expected = "a posted and approved invoice that is open"
        actual = invoices.obstacle(facts.state("invoice", data.invoice_id))
        problems = (Problem(Code.NOT_PAYABLE, data.invoice_id, expected, actual), *problems)
    elif due.amount.currency != data.currency:
        problems = (Problem(Code.CURRENCY_MISMATCH, data.invoice_id, data.currency, due.amount.currency), *problems)
    supplier = _supplier(data.supplier_id, facts)
    if due is None or supplier is None or supplier.bank_account is None or problems:
        return None, problems
    payment = Payment(
        payment_id=payment_id,
        run_id=data.run_id,
        invoice_id=data.invoice_id,
        entity=data.entity,
        supplier_id=data.supplier_id,
        amount=due.amount,
        creditor=supplier.bank_account,
        remittance=due.remittance,
        creditor_address=supplier.address,
        invoices=(RemittanceLine(number=due.remittance, paid=due.amount, gross=due.amount),),
    )
    return payment, ()


def _obstacles(supplier_id: str, facts: Facts) -> Iterator[Problem]:
    """What about the supplier speaks against paying it now."""
    state = facts.state("supplier", supplier_id)
    if reason := suppliers.held(state):
        changing = state is not None and (state.change or state.syncing)
        code = Code.BANK_CHANGE_OPEN if changing else Code.NOT_PAYABLE
        yield Problem(code, supplier_id, "a supplier without a hold", reason)
    supplier = _supplier(supplier_id, facts)
    if supplier is None or supplier.bank_account is None:
        yield Problem(Code.NO_BANK_ACCOUNT, supplier_id)


def _supplier(supplier_id: str, facts: Facts) -> Supplier | None:
    state: suppliers.State | None = facts.state("supplier", supplier_id)
    return state.supplier if state else None


def _release(state: State, payment_id: str, data: PaymentReleaseRequested, facts: Facts) -> Iterator[Output]:
    """The last look before the money leaves: holds, and whether the account is still the one we reserved for."""
    payment = state.payment
    if payment is None or state.status != "reserved" or data.run_id != state.run_id:
        return
    ruling = _duties("release_payment", data.released_by, payment_id, facts, state.entity)
    problems = tuple(_obstacles(state.supplier_id, facts)) + tuple(_changed_account(payment, facts))
    problems += _forbidden(ruling, payment_id)
    if problems:
        yield from _withhold(state, payment_id, problems)
        yield _withheld_case(state, payment_id, problems)
    else:
        released = PaymentReleased(payment=payment, released_by=data.released_by)
        yield Emit(released)
        yield from _compensated("release_payment", ruling)
        yield from _names_at_the_bank(payment)
        yield Send(released, subject=state.run_id, home=account_home(state.debtor_iban), entity=state.entity)


def _names_at_the_bank(payment: Payment) -> Iterator[Link]:
    """What the bank will call it: its id, or in files with short fields a name made from it."""
    names = [payment.payment_id]
    if not payment.creditor.iban:
        names += [short_reference(payment.payment_id, length) for length in SHORT_LENGTHS]
    yield from (Link("bank", name) for name in dict.fromkeys(names))


def _duties(action: str, actor: str, payment_id: str, facts: Facts, entity: str) -> Ruling:
    """Whether whoever proposes or releases the run may do so for this payment (its supplier and invoice count too), and
    whether whoever told of an entry may prove it."""
    return hands.ruling_on(action, actor, hands.stands_on(facts.state, payment_id, action), facts, entity)


def _forbidden(ruling: Ruling, payment_id: str) -> tuple[Problem, ...]:
    return tuple(Problem(Code.SAME_PERSON, payment_id, "another person", detail=reason) for reason in ruling.refused)


def _compensated(action: str, ruling: Ruling) -> Iterator[Output]:
    if ruling.under:
        yield Emit(DutiesCompensated(action=action, controls=ruling.under))


def _changed_account(payment: Payment, facts: Facts) -> Iterator[Problem]:
    supplier = _supplier(payment.supplier_id, facts)
    if supplier is not None and supplier.bank_account not in (None, payment.creditor):
        detail = "the supplier's account changed after the payment was reserved"
        yield Problem(Code.BANK_CHANGE_OPEN, payment.supplier_id, detail=detail)


def _withhold(state: State, payment_id: str, problems: tuple[Problem, ...]) -> Iterator[Output]:
    """Keep it back, tell the run, and give the invoice back if it was taken."""
    withheld = PaymentWithheld(payment_id=payment_id, run_id=state.run_id, problems=problems)
    yield Emit(withheld)
    if state.payment is not None:
        yield Emit(LiabilityReopened(payment_id=payment_id, reason=_text(problems)), state.invoice_id)
    yield Send(withheld, subject=state.run_id, home=account_home(state.debtor_iban), entity=state.entity)


# ── what the bank says ─────────────────────────────────────────────────────────────────────────────────────────────


def _hear(state: State, payment_id: str, data: PaymentStatusReported, facts: Facts) -> Iterator[Output]:
    """A status raises the claim, ends the payment, or is noted; what was heard before changes nothing."""
    step = rung(data.status)
    if state.status in AT_HOME:
        yield _differs(state, payment_id, f"the bank reports {data.status} for a payment that was not released")
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


def _sent_back(state: State, payment_id: str, returned: PaymentReturn) -> Iterator[Output]:
    """The bank says that it sent the money back. The entry on the statement opens the liability again; until then the
    word of it is a case, so that nobody pays a second time to an account that is wrong."""
    told = f"{returned.reason_code} {returned.reason}".strip()
    if returned.reason_code in state.notes:
        return
    yield Emit(PaymentStatusNoted(status=returned.reason_code, reason=told))
    if state.status in AT_HOME:
        yield _differs(state, payment_id, f"the bank returns a payment that was not released: {told}")
    elif state.status != "returned":
        problem = Problem(Code.PAYMENT_RETURNED, payment_id, str(_amount(state)), str(returned.amount), detail=told)
        yield _case(state, payment_id, CaseClass.PAYMENT_RETURNED, problem)


def _amount(state: State) -> Money | str:
    return state.payment.amount if state.payment else "a payment"


def _change(state: State, notice: ChangeNotice) -> Iterator[Output]:
    """A notification of change changes nothing by itself: it asks for a bank change, which people confirm."""
    before = state.payment.creditor if state.payment else None
    account = notice.account
    if before is not None:
        account = replace(
            before,
            iban=account.iban or before.iban,
            number=account.number or before.number,
            clearing=account.clearing or before.clearing,
            kind=account.kind or before.kind,
            holder=account.holder or before.holder,
        )
    requested = BankChangeRequested(
        change_id=notice.notice_id,
        supplier_id=state.supplier_id,
        account=account,
        channel=f"notification of change {notice.change_code}",
    )
    yield Emit(requested, state.supplier_id)


def _cancelled(state: State, payment_id: str, answer: CancellationAnswer, facts: Facts) -> Iterator[Output]:
    """The bank cancelled it, which ends it like a rejection; or did not, which somebody has to know."""
    match answer.status:
        case "CNCL":
            told = PaymentStatusReported(status="CANC", reason=answer.reason or "cancelled at our request")
            yield from _hear(state, payment_id, told, facts)
        case "RJCR":
            problem = Problem(Code.EFFECT_REFUSED, payment_id, "CNCL", answer.status, detail=answer.reason)
            yield _case(state, payment_id, CaseClass.CANCELLATION_REFUSED, problem)
        case status if status not in state.notes:
            yield Emit(PaymentStatusNoted(status=status, reason=answer.reason))


def _raise(state: State, payment_id: str, data: PaymentStatusReported, facts: Facts) -> Iterator[Output]:
    """A higher claim. When it contradicts what is booked, the entry stays right and somebody looks at it."""
    step = rung(data.status)
    yield Emit(PaymentClaimed(status=data.status))
    if step.accepts and not state.recorded and state.status in IN_FLIGHT:
        yield _record(state, payment_id, state.execute_on, facts)
        yield from _advise(state, state.execute_on, facts)
    if step.kind == "end" and state.status == "booked":
        yield _differs(state, payment_id, f"the bank reports {data.status} {data.reason} for a payment that it booked")


def _reject(state: State, payment_id: str, data: PaymentStatusReported, facts: Facts) -> Iterator[Output]:
    reason = data.reason or rung(data.status).meaning
    yield Emit(PaymentRejected(status=data.status, reason=reason))
    yield Emit(LiabilityReopened(payment_id=payment_id, reason=f"{data.status} {reason}"), state.invoice_id)
    problem = Problem(Code.PAYMENT_REJECTED, payment_id, actual=data.status, detail=reason)
    yield _case(state, payment_id, CaseClass.PAYMENT_REJECTED, problem)
    if state.recorded:
        yield _unrecord(state, payment_id, facts.now.date(), reason, facts)
    if rung(data.status).freezes:
        held = PaymentsHeld(supplier_id=state.supplier_id, reason=f"payment {payment_id}: {reason}")
        yield Emit(held, state.supplier_id)


def _prove(state: State, payment_id: str, data: PaymentEntryBooked, teller: str, facts: Facts) -> Iterator[Output]:
    """A booked entry names this payment: money out proves it, money back undoes it, another amount proves nothing.

    Nobody proves what they paid (separation of payment and reconciliation): their word waits for somebody else's.
    """
    entry, payment = data.entry, state.payment
    if payment is None or state.status in AT_HOME:
        yield _differs(state, payment_id, f"the bank booked {entry.amount} for a payment that was not released", entry)
    elif entry.amount not in (payment.amount, -payment.amount):
        yield _differs(state, payment_id, "the bank booked another amount", entry)
    elif not _is_known(state, data):
        ruling = _duties("load_statement", teller, payment_id, facts, state.entity)
        if ruling.refused:
            yield from _hold_proof(state, payment_id, data, teller, ruling)
            return
        yield from _compensated("load_statement", ruling)
        is_debit = entry.amount == -payment.amount
        yield from (_debited if is_debit else _credited)(state, payment_id, data, facts)
        yield from _take_proof(state, payment_id, entry, teller)
    elif entry.amount == -payment.amount:
        yield from _take_proof(state, payment_id, entry, teller)


def _is_known(state: State, data: PaymentEntryBooked) -> bool:
    """Whether an entry changes nothing any more."""
    if data.entry.amount.minor > 0:
        return state.status == "returned"
    return state.status == "returned" or (state.status == "booked" and _is_repeated(state, data))


def _waits(state: State, entry: StatementEntry) -> bool:
    """Whether this entry was told before, by somebody whose word does not count for it."""
    return any(one.entry == entry for one in state.unproved)


def _hold_proof(
    state: State, payment_id: str, data: PaymentEntryBooked, teller: str, ruling: Ruling
) -> Iterator[Output]:
    """Keep what somebody told of their own payment, and ask somebody else to look."""
    if _waits(state, data.entry):
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
    yield _case(state, payment_id, CaseClass.PROOF_UNCONFIRMED, told)


def _take_proof(state: State, payment_id: str, entry: StatementEntry, teller: str) -> Iterator[Output]:
    """What waited for somebody else's word has it."""
    same = [one for one in state.unproved if one.entry.amount == entry.amount]
    if not same:
        return
    yield Emit(PaymentProofTaken(entry=entry, told_by=teller))
    if len(same) == len(state.unproved):
        yield settle_case(CaseClass.PROOF_UNCONFIRMED, payment_id, f"{shown(teller)} told the same")


def _decide_proof(state: State, event: Event, data: PaymentProofDecided) -> Iterator[Output]:
    """Somebody else looked with the bank: whoever confirms tells the same entries again, in their own name."""
    if not data.confirmed:
        told = f"rejected by {shown(event.actor)}: {data.reason}"
        yield settle_case(CaseClass.PROOF_UNCONFIRMED, event.subject, told)
        return
    for one in state.unproved:
        told_again = PaymentEntryBooked(entry=one.entry, statement_id=one.statement_id, told_by=event.actor, again=True)
        yield Emit(told_again)


def _debited(state: State, payment_id: str, data: PaymentEntryBooked, facts: Facts) -> Iterator[Output]:
    entry = data.entry
    if state.status in (*IN_FLIGHT, "rejected"):
        yield Emit(PaymentBooked(entry=entry, statement_id=data.statement_id))
        yield Emit(InvoicePaid(payment_id=payment_id, booked_on=entry.booked_on), state.invoice_id)
        if not state.recorded:
            yield _record(state, payment_id, entry.booked_on, facts)
            yield from _advise(state, entry.booked_on, facts)
        yield _report(state, payment_id, "booked", entry.booked_on, facts)
        yield from _mend(state, f"payment {payment_id} was booked", facts)
    if state.status == "rejected":
        yield _differs(state, payment_id, f"the bank booked a payment that it had rejected ({state.reason})", entry)
    if state.status == "booked" and not _is_repeated(state, data):
        yield _differs(state, payment_id, "the bank debited it twice", entry)


def _is_repeated(state: State, data: PaymentEntryBooked) -> bool:
    """The same debit told again: by a notification, by the same entry, or under the same reference of the bank."""
    same = (data.statement_id, data.entry.entry_id) == (state.statement_id, state.entry_id)
    named = bool(data.entry.bank_reference) and data.entry.bank_reference == state.bank_reference
    return not data.statement_id or same or named


def _credited(state: State, payment_id: str, data: PaymentEntryBooked, facts: Facts) -> Iterator[Output]:
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
    yield _case(state, payment_id, CaseClass.PAYMENT_RETURNED, problem)
    if not state.recorded:
        yield _record(state, payment_id, entry.booked_on, facts)
    yield _unrecord(state, payment_id, entry.booked_on, reason, facts)
    yield _report(state, payment_id, "returned", entry.booked_on, facts)


# ── what is written, and what is asked of people ───────────────────────────────────────────────────────────────────


def _record(state: State, payment_id: str, paid_on: date, facts: Facts) -> Intent:
    payload = RecordPayment(payment=_payment(state), invoice=_invoice(state, facts), paid_on=paid_on)
    return Intent(connector=_systems(state, facts).erp, payload=payload, key=payment_id, entity=state.entity)


def _advise(state: State, paid_on: date, facts: Facts) -> Iterator[Output]:
    """Tell a supplier in EDI which invoices are paid, once the bank has accepted the payment, if it wants to know."""
    partner = next(
        (
            partner
            for partner in facts.policy.partners.values()
            if partner.remittance and partner.ids and supplier_id_of(partner.tax_id) == state.supplier_id
        ),
        None,
    )
    if partner is None or state.payment is None:
        return
    advice = advice_of(state.payment, _systems(state, facts).name, paid_on)
    wanted = SendRequested(
        partner=partner.ids[0],
        kind=partner.remittance,
        about=state.payment.payment_id,
        entity=state.entity,
        advice=advice,
    )
    yield Send(wanted, subject=partner.ids[0], home=partner_home(partner.ids[0]), entity=state.entity)


def _unrecord(state: State, payment_id: str, on: date, reason: str, facts: Facts) -> Intent:
    erp = _systems(state, facts).erp
    payload = RecordReturn(payment=_payment(state), returned_on=on, reason=reason)
    after = effect_id(erp, RecordPayment.operation, payment_id)
    return Intent(connector=erp, payload=payload, key=payment_id, entity=state.entity, after=after)


def _report(state: State, payment_id: str, status: str, on: date, facts: Facts) -> Intent:
    """Tell the AP platform that it is booked, once the ERP holds it; that it came back, once it knows it as booked."""
    settings = _systems(state, facts)
    payload = ReportPayment(invoice_id=state.invoice_id, payment_id=payment_id, status=status, on=on)
    if status == "booked":
        after = effect_id(settings.erp, RecordPayment.operation, payment_id)
    else:
        told = state.status == "booked"
        after = effect_id(settings.ap, ReportPayment.operation, f"{payment_id}/booked") if told else ""
    return Intent(
        connector=settings.ap, payload=payload, key=f"{payment_id}/{status}", entity=state.entity, after=after
    )


def _systems(state: State, facts: Facts) -> EntityPolicy:
    return systems_of(facts.policy, state.entity)


def _payment(state: State) -> Payment:
    assert state.payment is not None, "a payment that was released has its details"
    return state.payment


def _invoice(state: State, facts: Facts) -> Invoice:
    invoice = facts.state("invoice", state.invoice_id)
    assert invoice is not None, f"invoice {state.invoice_id} was reserved in this partition and must still be here"
    document: Invoice = invoice.invoice
    return document


def _mend(state: State, resolution: str, facts: Facts) -> Iterator[Output]:
    for one in _MENDED:
        if is_open(facts, one, state.invoice_id):
            yield settle_case(one, state.invoice_id, resolution)


def _withheld_case(state: State, payment_id: str, problems: tuple[Problem, ...]) -> Emit:
    return _case(state, payment_id, CaseClass.PAYMENT_WITHHELD, *problems)


def _flagged(state: State, payment_id: str, data: PaymentStatusReported, step: Rung) -> Emit:
    if step.kind == "unknown":
        expected = "a status of ISO 20022"
        problem = Problem(Code.UNKNOWN_CODE, payment_id, expected, data.status, detail=data.reason)
        return _case(state, payment_id, CaseClass.PAYMENT_DIFFERS, problem)
    return _differs(state, payment_id, f"{data.status}: {step.meaning} {data.reason}".rstrip())


def _differs(state: State, payment_id: str, detail: str, entry: StatementEntry | None = None) -> Emit:
    expected = str(-state.payment.amount) if entry and state.payment else ""
    where, actual = (entry.entry_id, str(entry.amount)) if entry else (payment_id, "")
    problem = Problem(Code.PAYMENT_DIFFERS, where, expected, actual, detail=detail)
    return _case(state, payment_id, CaseClass.PAYMENT_DIFFERS, problem)


def _case(state: State, payment_id: str, case_class: CaseClass, *problems: Problem) -> Emit:
    mended = case_class in _MENDED
    case = Case(
        case_class=case_class,
        document=state.invoice_id if mended else payment_id,
        entity=state.entity,
        reason=f"payment {payment_id}: {_text(problems)}" if mended else _text(problems),
        problems=problems,
        amount=state.payment.amount if state.payment else None,
        supplier_id=state.supplier_id,
    )
    return open_case(case)


# ── what people see ────────────────────────────────────────────────────────────────────────────────────────────────


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


def _reads(event: Event) -> Iterator[tuple[str, str]]:
    """The states that the decision about a new payment will look at."""
    if isinstance(event.data, PaymentRequested):
        yield "invoice", event.data.invoice_id
        yield "supplier", event.data.supplier_id
        for one in _MENDED:
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
