"""The life of one invoice: from its arrival to the day it is paid and every system has been told.

::

    received ─admitted─► admitted ─► valid ─► matched ─approved─► posting ─► posted ─► reserved ─► paid ─► closed
        │                   │          │         ▲   └denied─► rejected        ▲ ▲        │          │
        ▼                   ▼          ▼         │             │  ▲            │ └────────┴──────────┘
    duplicate, suspect   invalid   mismatched ───┘             ▼  │            │      liability reopened
     (cleared: admitted)  (recheck)  (recheck, accepted)    approved anew   posting_unknown, posting_failed

An invoice without an order has nothing to match and waits as ``valid`` for its approval. An approval that comes before
the match is remembered. ``cancelled`` can be reached until posting begins, and again when the ERP has refused it.
Nothing counts as posted before it was read back from the ERP, nor as paid before the bank booked it. It is compared
with all other invoices when it arrives and once more when it is about to be posted; what looks like one of them waits
as ``suspect`` for a person, from either place (``admission`` says more).
"""

from collections.abc import Iterator
from datetime import UTC, date, datetime, time

from msgspec import Struct
from msgspec.structs import replace

from tieout.kernel.clock import period_of, to_micros
from tieout.kernel.money import Money
from tieout.kernel.problem import Code, Problem
from tieout.matching.assignment import assign, chosen, filled
from tieout.matching.duplicates import Fingerprint, Status, fingerprint_of
from tieout.matching.invoice_check import invoice_problems
from tieout.matching.orders import OrderPosition
from tieout.matching.three_way import allocate, match
from tieout.model.cases import Case, CaseClass
from tieout.model.documents import Invoice, Posting
from tieout.model.duplicates import Candidate
from tieout.model.effects import PostInvoice, ReportPayment, ReportPosting, SubmitInvoice, effect_id
from tieout.model.events import Event
from tieout.model.facts import (
    ApprovalDecided,
    ApprovalDue,
    ComparisonDue,
    DuplicateCleared,
    DuplicateOverruled,
    DuplicateStopped,
    DuplicateSuspected,
    EffectHandled,
    EffectSettled,
    HoldsCompared,
    HoldsReported,
    InvoiceAdmitted,
    InvoiceCancelled,
    InvoiceClosed,
    InvoiceFoundInvalid,
    InvoiceMatched,
    InvoicePaid,
    InvoicePosted,
    InvoiceReceived,
    InvoiceReserved,
    InvoiceValidated,
    LiabilityReopened,
    LinesAssigned,
    MatchFailed,
    MatchReleased,
    Outcome,
    PostingDue,
    PostingFailed,
    PrepaymentPaid,
    PrepaymentSetOff,
    RecheckRequested,
    VarianceAccepted,
    supplier_home,
)
from tieout.model.verdict import Allocation, Verdict
from tieout.policy.calendars import add_business_hours
from tieout.policy.duties import PERSON, is_person, same_actor
from tieout.policy.matching import MatchingRules
from tieout.policy.policy import EntityPolicy
from tieout.processes import admission
from tieout.processes import order as orders
from tieout.processes import prepayment as prepayments
from tieout.processes import supplier as suppliers
from tieout.processes.address import order_subject
from tieout.processes.case import is_open, open_case, settle_case
from tieout.processes.open_orders import open_orders
from tieout.processes.process import (
    Emit,
    Facts,
    Intent,
    Link,
    Output,
    Process,
    Row,
    Send,
    Standing,
    States,
    Timer,
    by_subject,
)

#: Work is ordered by financial deadline; an invoice should be in the ERP at noon UTC of the day it is due.
CUT_OFF = time(12, tzinfo=UTC)
#: Until here nobody but us knows of it.
_STOPPED = frozenset({"duplicate", "suspect"})
_OPEN = frozenset({"received", "admitted", "invalid", "valid", "mismatched", "matched", "rejected"}) | _STOPPED
_CANCELLABLE = _OPEN | {"posting_failed"}
_POSTING = frozenset({"posting", "posting_unknown", "posting_failed"})
#: What it takes to post an invoice that is clear.
_SOUGHT = (ApprovalDecided, PostingDue)
_UNPOSTED = _CANCELLABLE | _POSTING | {"cancelled"}
_OWED = frozenset({"posted", "reserved"})
#: Which class of case a finding of matching belongs to; what is not named is a mismatch with the order.
_CLASS_OF = {
    Code.PRICE_OVER_LIMIT: CaseClass.PRICE_VARIANCE,
    Code.PRICE_UNDER_LIMIT: CaseClass.PRICE_VARIANCE,
    Code.AMOUNT_OVER_LIMIT: CaseClass.PRICE_VARIANCE,
    Code.AMOUNT_UNDER_LIMIT: CaseClass.PRICE_VARIANCE,
    Code.TOTAL_OVER_LIMIT: CaseClass.PRICE_VARIANCE,
    Code.QUANTITY_OVER_ORDERED: CaseClass.QUANTITY_VARIANCE,
    Code.AMOUNT_OVER_ORDERED: CaseClass.QUANTITY_VARIANCE,
    Code.CREDIT_OVER_BILLED: CaseClass.QUANTITY_VARIANCE,
    Code.QUANTITY_OVER_RECEIVED: CaseClass.MISSING_RECEIPT,
    Code.UNKNOWN_RECEIPT: CaseClass.MISSING_RECEIPT,
    Code.QUANTITY_OVER_ACCEPTED: CaseClass.MISSING_ACCEPTANCE,
    Code.AMOUNT_OVER_RECEIVED: CaseClass.MISSING_ACCEPTANCE,
    Code.UNKNOWN_ORDER: CaseClass.NO_ORDER,
    Code.CURRENCY_MISMATCH: CaseClass.CURRENCY,
    Code.RATE_OVER_LIMIT: CaseClass.CURRENCY,
    Code.TAX_DIFFERS: CaseClass.TAX_VARIANCE,
    Code.CHARGE_OVER_AGREED: CaseClass.FREIGHT,
    Code.CHARGE_NOT_AGREED: CaseClass.FREIGHT,
    Code.LINE_CLOSED: CaseClass.CLOSED_LINE,
    Code.RETAINAGE_DIFFERS: CaseClass.RETAINAGE,
    Code.SETTLED_ON_RECEIPT: CaseClass.SELF_BILLING_CONFLICT,
    Code.CONSIGNMENT_BILLED: CaseClass.SELF_BILLING_CONFLICT,
    Code.PARTLY_PAYABLE: CaseClass.PARTLY_PAYABLE,
}
_ALIKE = (CaseClass.DUPLICATE, CaseClass.SUSPECTED_DUPLICATE)
_INVALID = (CaseClass.UNKNOWN_SUPPLIER, CaseClass.INVALID_INVOICE)
_MISMATCH = tuple(dict.fromkeys((*_CLASS_OF.values(), CaseClass.ORDER_MISMATCH)))
#: What no receipt, order change or other document mends, only a person.
_UNMENDABLE = frozenset({Code.PARTLY_PAYABLE, Code.WRONG_SUPPLIER})
#: Who decides on an invoice that we wrote ourselves: whoever approved the order and received the goods.
_SETTLEMENT = "settlement on receipt"
#: The source of messages that processes send; nobody outside can use it.
_OURSELVES = "tieout"
_OPERATIONS = frozenset(payload.operation for payload in (SubmitInvoice, PostInvoice, ReportPosting, ReportPayment))


class State(Struct, frozen=True, omit_defaults=True):
    """Where an invoice stands, and what has to be known to go on. ``flagged`` are the classes of case that were ever
    opened about it, so that an invoice without trouble need not look for any.

    ``ours``: we wrote it for what we received. ``predicted``: the holds that an ERP of this ``dialect`` should place,
    ``holds`` those it told of. ``account`` (a digest) and ``parent`` are the supplier's when the invoice was compared
    with others; ``compared`` is with how many. ``candidates`` are those it was stopped for last, ``apart`` those that a
    person has told from it.
    """

    invoice: Invoice
    channel: str
    received_at: int
    changed_at: int
    status: str = "received"
    reason: str = ""
    entered_by: str = ""
    clear: bool = False
    approval: str = ""
    decided_by: str = ""
    accepted_by: str = ""
    allocations: tuple[Allocation, ...] = ()
    post_on: date | None = None
    submitted: bool = False
    posting: Posting | None = None
    differs: bool = False
    cancelled: bool = False
    payment_id: str = ""
    flagged: tuple[CaseClass, ...] = ()
    ours: bool = False
    searched: bool = False
    dialect: str = ""
    predicted: tuple[str, ...] = ()
    holds: tuple[str, ...] | None = None
    account: str = ""
    parent: str = ""
    compared: int = 0
    candidates: tuple[Candidate, ...] = ()
    apart: tuple[str, ...] = ()


class Due(Struct, frozen=True):
    """What may be paid of an invoice, by when, and what the supplier should read on the bank statement."""

    amount: Money
    due_on: date
    remittance: str


def payable(state: State | None) -> Due | None:
    """What may be paid now: posted in the ERP as it should be, not taken by another payment, more than nothing, and not
    collected by the supplier itself."""
    if state is None or state.status != "posted" or state.differs or state.invoice.collected:
        return None
    invoice = state.invoice
    return Due(invoice.payable, invoice.due_on, invoice.number) if invoice.payable.minor > 0 else None


# ── evolve ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def evolve(state: State | None, event: Event) -> State | None:
    """Where the invoice stands after an event. Late and repeated events leave it where it is."""
    data = event.data
    if state is None:
        return _received(data, event) if isinstance(data, InvoiceReceived) else None
    after = _evolved(state, event)
    return state if after is state else replace(after, changed_at=to_micros(event.recorded_at))


def _received(data: InvoiceReceived, event: Event) -> State:
    moment = to_micros(event.recorded_at)
    ours = data.invoice.purpose == "self_billed" and event.source == _OURSELVES
    return State(data.invoice, data.channel, moment, moment, entered_by=event.actor, ours=ours)


def _evolved(state: State, event: Event) -> State:
    match event.data:
        case InvoiceAdmitted() if state.status == "received" or state.status in _STOPPED:
            return _admitted(state, event.data)
        case InvoiceValidated(search=search) if state.status in ("admitted", "invalid"):
            return _validated(state, search=search)
        case LinesAssigned(assignments=choices) if _unmatched(state) and is_person(event.actor):
            return replace(state, invoice=chosen(state.invoice, choices))
        case InvoiceMatched():
            return _matched(state, event.data)
        case ApprovalDecided():
            return _decided(state, event.data)
        case EffectSettled(operation=PostInvoice.operation, outcome=outcome) if state.status in _POSTING:
            return _answered(state, outcome)
        case EffectSettled(operation=SubmitInvoice.operation, outcome=outcome) if outcome.status == "applied":
            return replace(state, submitted=True)
        case InvoicePosted(posting=posting):
            return _posted(state, posting)
        case HoldsReported(holds=holds):
            return replace(state, holds=holds)
        case InvoiceReserved(payment_id=payment_id) if state.status == "posted":
            return replace(state, status="reserved", payment_id=payment_id, reason="")
        case InvoicePaid(payment_id=payment_id) if state.status in _OWED:
            return replace(state, status="paid", payment_id=payment_id, reason="")
        case LiabilityReopened(payment_id=payment_id, reason=reason) if payment_id == state.payment_id:
            return replace(state, status="posted", payment_id="", reason=reason)
        case InvoiceClosed() if state.status == "paid":
            return replace(state, status="closed")
        case _:
            return _stopped(state, event)


def _stopped(state: State, event: Event) -> State:
    """What keeps an invoice from going on."""
    match event.data:
        case DuplicateStopped(first_invoice_id=first) if state.status == "received":
            reason = f"carries the same number as {first}"
            return _flagged(_stop(state, event.data, "duplicate", reason), CaseClass.DUPLICATE)
        case DuplicateSuspected(candidates=candidates) if state.status in ("received", "posting", "suspect"):
            reason = f"looks like {candidates[0].invoice_id}: {candidates[0].reason}"
            return _flagged(_stop(state, event.data, "suspect", reason), CaseClass.SUSPECTED_DUPLICATE)
        case InvoiceFoundInvalid(problems=problems) if state.status in ("admitted", "invalid"):
            return _flagged(replace(state, status="invalid", reason=_text(problems)), *_classes(problems, _INVALID))
        case MatchFailed(verdict=verdict) if not state.clear and state.status in ("valid", "mismatched", "rejected"):
            status = "rejected" if state.status == "rejected" else "mismatched"
            failed = replace(state, status=status, reason=_text(verdict.problems))
            failed = replace(failed, dialect=verdict.dialect, predicted=verdict.holds)
            return _flagged(failed, *_classes(verdict.problems, _MISMATCH))
        case VarianceAccepted() if state.differs and not _objection(state, event.actor):
            return replace(state, differs=False, reason="")
        case VarianceAccepted() if reason := _objection(state, event.actor):
            return replace(state, reason=reason)
        case PostingFailed(problems=problems) if state.status in _POSTING:
            failed = replace(state, status="posting_failed", reason=_text(problems))
            return _flagged(failed, CaseClass.POSTING_FAILED)
        case EffectHandled(operation=PostInvoice.operation, action="cancelled") if state.status in _POSTING:
            return replace(state, status="posting_failed", reason=f"{event.actor} called the posting off")
        case EffectHandled(operation=PostInvoice.operation, action="redelivered") if state.status == "posting_failed":
            return replace(state, status="posting", reason=f"sent again by {event.actor}")
        case ApprovalDue() if _undecided(state):
            return _flagged(state, CaseClass.APPROVAL_OVERDUE)
        case InvoiceCancelled(reason=reason) if state.status in _CANCELLABLE:
            return replace(state, status="cancelled", reason=reason, cancelled=True)
        case MatchReleased() if state.status == "cancelled":
            return replace(state, allocations=())
        case _:
            return state


def _stop(state: State, data: DuplicateStopped | DuplicateSuspected, status: str, reason: str) -> State:
    """It waits for a person to compare it with these."""
    return replace(
        state,
        status=status,
        reason=reason,
        candidates=data.candidates,
        account=data.account,
        parent=data.parent,
    )


def _admitted(state: State, data: InvoiceAdmitted) -> State:
    """It goes on where it was stopped: at the beginning, or on its way to the ERP."""
    admitted = replace(
        state,
        status="admitted",
        reason="",
        candidates=(),
        account=data.account or state.account,
        parent=data.parent or state.parent,
        compared=data.compared or state.compared,
        apart=tuple(dict.fromkeys((*state.apart, *data.apart))),
    )
    if not state.clear:
        return admitted
    if state.approval == "denied":
        return replace(admitted, status="rejected", reason=f"{state.decided_by} refused it")
    return _ready(replace(admitted, status="matched" if _has_orders(state.invoice) else "valid"))


def _validated(state: State, *, search: bool) -> State:
    state = replace(state, status="valid", reason="", searched=search)
    if search or _has_orders(state.invoice):
        return state
    return _ready(replace(state, clear=True, post_on=state.invoice.issued_on))


def _matched(state: State, data: InvoiceMatched) -> State:
    if state.clear or state.status not in ("valid", "mismatched", "rejected"):
        return state
    if state.ours and not state.approval:
        state = replace(state, approval="approved", decided_by=_SETTLEMENT)
    return _ready(
        replace(
            state,
            invoice=filled(state.invoice, data.verdict.assigned),
            status="rejected" if state.approval == "denied" else "matched",
            reason="" if state.approval != "denied" else state.reason,
            clear=True,
            allocations=data.verdict.allocations,
            post_on=data.post_on or state.invoice.issued_on,
            accepted_by=data.accepted_by,
            dialect=data.verdict.dialect,
            predicted=data.verdict.holds,
        )
    )


def _ready(state: State) -> State:
    """What is clear and approved goes to the ERP."""
    if state.status in _STOPPED or not state.clear or state.approval != "approved":
        return state
    return replace(state, status="posting", reason="")


def _decided(state: State, data: ApprovalDecided) -> State:
    """Decisions count until posting begins. Nobody approves what they entered."""
    if state.status not in _OPEN or state.status == "duplicate":
        return state
    if data.approved and _entered_by(state, data.approver):
        return _denied(state, data.approver, f"{data.approver} entered this invoice and cannot approve it")
    if not data.approved:
        return _denied(state, data.approver, f"{data.approver} refused it: {data.reason or 'no reason given'}")
    status = ("matched" if state.clear else "mismatched") if state.status == "rejected" else state.status
    approved = replace(state, status=status, approval="approved", decided_by=data.approver)
    return _ready(approved)


def _denied(state: State, by: str, reason: str) -> State:
    status = "rejected" if state.status in ("valid", "mismatched", "matched") else state.status
    denied = replace(state, status=status, approval="denied", decided_by=by, reason=reason)
    return _flagged(denied, CaseClass.REJECTED_APPROVAL)


def _entered_by(state: State, actor: str) -> bool:
    """Whether this person entered the invoice. Approvers of other systems come without ``person:``."""
    entered = state.entered_by
    return is_person(entered) and (same_actor(actor, entered) or same_actor(PERSON + actor, entered))


def _objection(state: State, actor: str) -> str:
    """Why somebody may not accept what is wrong with the invoice; empty when they may."""
    if not is_person(actor):
        return f"{actor} is not a person and cannot accept a variance"
    return f"{actor} entered this invoice and cannot accept its variance" if _entered_by(state, actor) else ""


def _answered(state: State, outcome: Outcome) -> State:
    """A posting whose outcome nobody knows is neither posted nor failed."""
    if outcome.status in ("unknown", "undecided"):
        return replace(state, status="posting_unknown", reason="the ERP's answer was lost; it is looked for there")
    if outcome.status == "applied" and outcome.posting is None:
        return replace(state, status="posting_unknown", reason="the ERP did not say what it holds")
    return state


def _posted(state: State, posting: Posting) -> State:
    """The ERP's word counts, whatever we thought before."""
    problems = _differences(state, posting)
    status = "posted" if state.status in _UNPOSTED else state.status
    holds = state.holds if posting.holds is None else posting.holds
    state = replace(state, status=status, posting=posting, holds=holds, differs=bool(problems), reason=_text(problems))
    return _flagged(state, CaseClass.POSTING_DIFFERS) if problems else state


def _differences(state: State, posting: Posting) -> tuple[Problem, ...]:
    """What the ERP holds otherwise than it should. ERPs move dates silently, and an answer of 200 proves nothing."""
    invoice = state.invoice
    pairs = [("gross", str(invoice.gross), str(posting.gross))]
    if posting.tax is not None:
        pairs.append(("tax", str(invoice.tax), str(posting.tax)))
    pairs.append(("period", period_of(state.post_on or invoice.issued_on), posting.period))
    if state.cancelled:
        pairs.append(("status", "cancelled", "posted"))
    return tuple(
        Problem(Code.POSTING_DIFFERS, where, expected, actual)
        for where, expected, actual in pairs
        if expected != actual
    )


def _flagged(state: State, *classes: CaseClass) -> State:
    """Remember which cases are opened now."""
    new = tuple(one for one in classes if one not in state.flagged)
    return replace(state, flagged=(*state.flagged, *new)) if new else state


def _has_orders(invoice: Invoice) -> bool:
    return any(line.order_id for line in invoice.lines)


def _text(problems: tuple[Problem, ...]) -> str:
    return "; ".join(map(str, problems))


# ── decide ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def decide(state: State | None, event: Event, facts: Facts) -> Iterator[Output]:
    """What to ask of the world after an event. Late and repeated events ask for nothing."""
    if state is None:
        yield from _close(event, facts)
        return
    match event.data:
        case InvoiceReceived(system_id=system_id):
            if system_id:
                yield Link(event.source or state.channel, system_id)
            if state.status == "received":
                yield from admission.first_look(_compared_as(event.subject, state, facts), state.invoice, facts)
        case DuplicateCleared() | DuplicateOverruled() if state.status in _STOPPED:
            yield from _clear(state, event, event.data, facts)
        case InvoiceAdmitted():
            yield from _go_on(state, event, facts)
        case ComparisonDue(reason=reason) if state.status == "suspect":
            yield from _compare_again(state, event, facts, reason)
        case PostingDue() if state.status == "posting":
            yield from _post(state, event, facts)
        case InvoiceFoundInvalid(problems=problems) if state.status == "invalid":
            yield from _open(state, event, facts, problems, _INVALID)
        case InvoiceValidated() if state.status in ("valid", "posting"):
            yield from _settle(state, event, facts, _INVALID, "it is valid now")
            if state.clear:
                yield from _submit(state, event, Verdict(False, (), (), event.policy), facts)
            else:
                yield _judge(state, event, facts)
        case RecheckRequested() if state.status == "invalid":
            yield from _validate(state, facts)
        case RecheckRequested() | LinesAssigned() if _unmatched(state):
            yield _judge(state, event, facts)
        case MatchFailed(verdict=verdict) if _unmatched(state):
            yield from _open(state, event, facts, verdict.problems, _MISMATCH)
        case InvoiceMatched(verdict=verdict, accepted_by=accepted_by):
            yield from _set_off(state, event, facts)
            told = f"accepted by {accepted_by}" if accepted_by else "it matches now"
            yield from _settle(state, event, facts, _MISMATCH, told)
            yield from _submit(state, event, verdict, facts)
        case VarianceAccepted():
            yield from _accept(state, event, facts)
        case ApprovalDecided():
            yield from _heed(state, event, facts)
        case ApprovalDue() if _undecided(state):
            yield from _remind(state, event, facts)
        case InvoiceCancelled(reason=reason) if state.status == "cancelled":
            yield from _settle(state, event, facts, state.flagged, f"cancelled: {reason}")
            yield from admission.tell_suspects(_compared_as(event.subject, state, facts), facts, "was cancelled")
            if state.allocations:
                yield Emit(_match_released(state))
            if state.clear and state.invoice.prepaid:
                yield _taken_off(state, event, Money.zero(state.invoice.currency))
        case EffectSettled():
            yield from _hear(state, event.data)
        case InvoicePaid() if state.status == "paid" and state.invoice.purpose == "prepayment":
            yield _paid_in_advance(state, event, state.invoice.payable)
        case LiabilityReopened() if state.status == "posted" and state.invoice.purpose == "prepayment":
            yield _paid_in_advance(state, event, Money.zero(state.invoice.currency))
        case PostingFailed(problems=problems) if state.status == "posting_failed":
            yield from _open(state, event, facts, problems, (CaseClass.POSTING_FAILED,))
        case InvoicePosted(posting=posting):
            yield from _compare_holds(state, told=posting.holds is not None)
            yield from _report(state, event, posting, facts)
        case HoldsReported():
            yield from _compare_holds(state, told=True)
        case _:
            return


def _compared_as(subject: str, state: State, facts: States) -> Fingerprint:
    """The fingerprint of an invoice with what its supplier's record says now."""
    account, parent = admission.payee_of(state.invoice, facts)
    return fingerprint_of(
        subject,
        state.invoice,
        state.received_at,
        channel=state.channel,
        account=account or state.account,
        parent=parent or state.parent,
        apart=state.apart,
    )


def _clear(state: State, event: Event, data: DuplicateCleared | DuplicateOverruled, facts: Facts) -> Iterator[Output]:
    """A person says that a stopped invoice is a claim of its own: not the one who entered it, nor beyond the limit."""
    objection = _objection(state, event.actor)
    problem = (
        Problem(Code.SAME_PERSON, "actor", "a person who did not enter it", event.actor)
        if objection
        else admission.limit_problem(state.invoice, data, facts.policy)
    )
    if problem is None:
        mine = _compared_as(event.subject, state, facts)
        yield from admission.clearance(mine, state.candidates, facts, recurring=data.recurring)
        yield from admission.tell_suspects(mine, facts, f"was told apart by {event.actor}")
        return
    for one in _open_now(state, event, facts, _ALIKE):
        yield open_case(_case(state, event, one, (problem,), objection or str(problem)))


def _compare_again(state: State, event: Event, facts: Facts, reason: str) -> Iterator[Output]:
    """Something has changed about what it looks like: when nothing speaks against it any more, it goes on by itself."""
    mine = _compared_as(event.subject, state, facts)
    asked, admitted = admission.look_again(mine, state.candidates, facts)
    if not asked:
        yield from _settle(state, event, facts, _ALIKE, reason)
        yield Emit(admitted)
    elif {one.invoice_id for one in asked} != {one.invoice_id for one in state.candidates}:
        yield from admission.suspicion(mine, state.invoice, asked)


def _go_on(state: State, event: Event, facts: Facts) -> Iterator[Output]:
    """What was admitted, or told apart by a person, takes the next step of its life."""
    yield from _settle(state, event, facts, _ALIKE, "it is a document of its own")
    if state.invoice.credits_number and not state.clear:
        yield from admission.tell_suspects(
            _compared_as(event.subject, state, facts), facts, f"was taken back by credit note {state.invoice.number}"
        )
    if state.status == "admitted":
        yield from _validate(state, facts)
    elif state.status == "posting":
        yield from _post(state, event, facts)


def _unmatched(state: State) -> bool:
    return not state.clear and state.status in ("mismatched", "rejected")


def _validate(state: State, facts: Facts) -> Iterator[Output]:
    """Is it right in itself, ours, and from a supplier we know?"""
    invoice = state.invoice
    problems = tuple(invoice_problems(invoice))
    if invoice.entity not in facts.policy.entities:
        problems += (Problem(Code.UNKNOWN_ENTITY, "entity", "an entity of the policy", invoice.entity or "none"),)
    supplier = facts.state("supplier", invoice.supplier_id)
    unknown = supplier is None or supplier.status != "active"
    if unknown:
        actual = f"{invoice.supplier_name} ({invoice.supplier_tax_id})"
        problems += (Problem(Code.UNKNOWN_SUPPLIER, "supplier", "an active supplier", actual),)
    if problems:
        yield Emit(InvoiceFoundInvalid(problems=problems, waits_for_supplier=invoice.supplier_id if unknown else ""))
    else:
        yield Emit(InvoiceValidated(search=_finds_orders(invoice, facts)))


# ── matching ───────────────────────────────────────────────────────────────────────────────────────────────────────


def _order_subjects(invoice: Invoice) -> dict[str, str]:
    """The subjects of the orders that the invoice names, by order id."""
    ids = dict.fromkeys(line.order_id for line in invoice.lines if line.order_id)
    return {order_id: order_subject(invoice.entity, order_id, invoice.supplier_id) for order_id in ids}


def _known(state: State, facts: Facts) -> dict[str, OrderPosition]:
    """The orders to match it with: those it names, and where it names none those of its supplier."""
    found = ((one, orders.position(facts.state("order", its))) for one, its in _order_subjects(state.invoice).items())
    named = {order_id: position for order_id, position in found if position is not None}
    return {**open_orders(state.invoice, facts), **named} if state.searched else named


def _finds_orders(invoice: Invoice, facts: Facts) -> bool:
    """Whether an invoice that names no order could bill some of its supplier's, if policy has it looked for."""
    rules = facts.policy.matching
    if not rules.search_orders or _has_orders(invoice):
        return False
    found = assign(invoice, open_orders(invoice, facts), rules)
    return bool(found.assigned or found.ambiguous)


def _rules(state: State, facts: Facts) -> MatchingRules:
    """What was begun under one policy is not given up under another."""
    rules = facts.policy.matching
    return replace(rules, search_orders=True) if state.searched else rules


def _judge(state: State, event: Event, facts: Facts) -> Emit:
    """Match it with its orders as they stand now."""
    invoice = _as_told(state, facts)
    tolerances = facts.policy.tolerances_of(invoice.entity)
    verdict = match(invoice, _known(state, facts), tolerances, event.policy, _rules(state, facts))
    if verdict.matched:
        return _match_emitted(state, verdict, facts)
    mendable = any(problem.code not in _UNMENDABLE for problem in verdict.problems)
    waits_for = _concerned(invoice, verdict) if mendable else ()
    account = prepayments.account_of(invoice) if invoice.prepaid else ""
    return Emit(MatchFailed(verdict=verdict, waits_for=waits_for, waits_for_prepayment=account))


def _concerned(invoice: Invoice, verdict: Verdict) -> tuple[str, ...]:
    """The orders that it names or may bill."""
    choices = [one.choice for one in verdict.assigned]
    choices += [choice for line in verdict.ambiguous for choice in line.alternatives]
    subjects = (order_subject(invoice.entity, choice.order_id, invoice.supplier_id) for choice in choices)
    return tuple(dict.fromkeys((*_order_subjects(invoice).values(), *subjects)))


def _as_told(state: State, facts: Facts) -> Invoice:
    """The invoice as matching should take it. One that calls itself self-billed and was not written by us is the
    supplier's. What it takes off as prepaid needs nobody's look when so much was paid in advance and is still open."""
    invoice = state.invoice
    if invoice.purpose == "self_billed" and not state.ours:
        invoice = replace(invoice, purpose="")
    return replace(invoice, prepaid=None) if _is_covered(state, facts) else invoice


def _is_covered(state: State, facts: Facts) -> bool:
    invoice = state.invoice
    if invoice.prepaid is None or invoice.sign < 0:
        return False
    return prepayments.covers(facts.state("prepayment", prepayments.account_of(invoice)), invoice.prepaid)


def _set_off(state: State, event: Event, facts: Facts) -> Iterator[Output]:
    """What was paid in advance is taken off once."""
    if state.invoice.prepaid and _is_covered(state, facts):
        yield _taken_off(state, event, state.invoice.prepaid)


def _taken_off(state: State, event: Event, amount: Money) -> Emit:
    invoice = state.invoice
    taken = PrepaymentSetOff(invoice_id=event.subject, supplier_id=invoice.supplier_id, amount=amount)
    return Emit(taken, prepayments.account_of(invoice))


def _paid_in_advance(state: State, event: Event, amount: Money) -> Emit:
    invoice = state.invoice
    paid = PrepaymentPaid(invoice_id=event.subject, supplier_id=invoice.supplier_id, amount=amount)
    return Emit(paid, prepayments.account_of(invoice))


def _match_emitted(state: State, verdict: Verdict, facts: Facts, accepted_by: str = "") -> Emit:
    billed = _billed(state.invoice, verdict.allocations)
    days = [orders.posting_day(facts.state("order", subject), state.invoice.issued_on) for subject in billed]
    post_on = max(days, default=state.invoice.issued_on)
    return Emit(
        InvoiceMatched(verdict=verdict, orders=billed, post_on=post_on, accepted_by=accepted_by, self_billed=state.ours)
    )


def _accept(state: State, event: Event, facts: Facts) -> Iterator[Output]:
    """A person takes the responsibility for what matching or posting found; never for their own invoice."""
    objection = _objection(state, event.actor)
    if _unmatched(state):
        if objection:
            problem = Problem(Code.SAME_PERSON, "actor", "a person who did not enter it", event.actor)
            for one in _open_now(state, event, facts, _MISMATCH):
                yield open_case(_case(state, event, one, (problem,), objection))
            return
        invoice = _as_told(state, facts)
        known, rules = _known(state, facts), _rules(state, facts)
        tolerances = facts.policy.tolerances_of(invoice.entity)
        found = match(invoice, known, tolerances, event.policy, rules)
        billed = allocate(invoice, known, tolerances, rules)
        verdict = replace(found, matched=True, allocations=billed, waits_for_receipt=False)
        yield _match_emitted(state, verdict, facts, event.actor)
    elif not state.differs:
        yield from _settle(state, event, facts, (CaseClass.POSTING_DIFFERS,), f"accepted by {event.actor}")


def _billed(invoice: Invoice, allocations: tuple[Allocation, ...]) -> tuple[str, ...]:
    """The subjects of the orders that are billed."""
    ids = dict.fromkeys(allocation.order_id for allocation in allocations)
    return tuple(order_subject(invoice.entity, order_id, invoice.supplier_id) for order_id in ids)


def _match_released(state: State) -> MatchReleased:
    billed = _billed(state.invoice, state.allocations)
    post_on = state.post_on or state.invoice.issued_on
    return MatchReleased(allocations=state.allocations, orders=billed, post_on=post_on)


# ── approval and posting ───────────────────────────────────────────────────────────────────────────────────────────


def _submit(state: State, event: Event, verdict: Verdict, facts: Facts) -> Iterator[Output]:
    """Hand it to the approvers with the verdict (``matched`` is false without problems when there is no order)."""
    settings, invoice = _systems(state, facts), state.invoice
    yield Intent(
        connector=settings.ap,
        payload=SubmitInvoice(invoice_id=event.subject, invoice=invoice, verdict=verdict),
        key=event.subject,
        entity=invoice.entity,
        after=_supplier_at(settings.ap, state, facts),
    )
    if state.status == "posting":
        yield from _post(state, event, facts)
    elif (days := facts.policy.approval_days) and not state.approval:
        country = settings.country
        due_at = add_business_hours(country, facts.now, 24 * days)
        yield Timer(ApprovalDue(), due_at, f"{event.subject}/approval/{to_micros(due_at)}", event.subject)


def _undecided(state: State) -> bool:
    """Whether it was handed to the approvers and none of them has said anything."""
    return state.clear and not state.approval and state.status in ("valid", "matched")


def _remind(state: State, event: Event, facts: Facts) -> Iterator[Output]:
    waited = f"{facts.policy.approval_days} business days"
    problem = Problem(Code.NOT_APPROVED, "approval", "a decision", "none", limit=waited)
    yield from _open(state, event, facts, (problem,), (CaseClass.APPROVAL_OVERDUE,))


def _heed(state: State, event: Event, facts: Facts) -> Iterator[Output]:
    if state.approval:
        yield from _settle(state, event, facts, (CaseClass.APPROVAL_OVERDUE,), f"decided by {state.decided_by}")
    if state.approval == "approved":
        yield from _settle(state, event, facts, (CaseClass.REJECTED_APPROVAL,), f"approved by {state.decided_by}")
        if state.status == "posting":
            yield from _post(state, event, facts)
    elif state.approval == "denied" and state.status in _OPEN:
        problem = Problem(Code.NOT_APPROVED, "approval", "an approval", state.reason)
        yield from _open(state, event, facts, (problem,), (CaseClass.REJECTED_APPROVAL,))


def _post(state: State, event: Event, facts: Facts) -> Iterator[Output]:
    """Post it, unless by now there is another one that it looks like."""
    mine = _compared_as(event.subject, state, facts)
    alike = admission.last_look(mine, facts)
    if alike is None:
        yield Send(PostingDue(), event.subject, supplier_home(state.invoice.supplier_id), entity=state.invoice.entity)
    elif alike:
        yield from admission.suspicion(mine, state.invoice, alike)
    else:
        yield _posting(state, event, facts)


def _posting(state: State, event: Event, facts: Facts) -> Intent:
    settings, invoice = _systems(state, facts), state.invoice
    post_on = state.post_on or invoice.issued_on
    return Intent(
        connector=settings.erp,
        payload=PostInvoice(invoice_id=event.subject, invoice=invoice, post_on=post_on),
        key=event.subject,
        entity=invoice.entity,
        after=_supplier_at(settings.erp, state, facts),
        deadline=datetime.combine(invoice.due_on, CUT_OFF),
    )


def _hear(state: State, data: EffectSettled) -> Iterator[Output]:
    """What became of a write. Only what was read back from the ERP makes an invoice posted."""
    outcome = data.outcome
    if outcome.status == "applied":
        if outcome.reference:
            yield Link(data.connector, outcome.reference)
        for system, external_id in outcome.links.items():
            yield Link(system, external_id)
    if data.operation != PostInvoice.operation:
        return
    if outcome.status == "applied" and outcome.posting and state.posting is None:
        yield Emit(InvoicePosted(posting=outcome.posting))
    elif outcome.status in ("refused", "dead") and state.status in _POSTING:
        yield Emit(PostingFailed(problems=outcome.problems))


def _compare_holds(state: State, *, told: bool) -> Iterator[Output]:
    """Did the ERP place the holds that matching said it would? Where it does not tell, nothing is compared."""
    if told and state.dialect and state.holds is not None:
        yield Emit(HoldsCompared(dialect=state.dialect, predicted=state.predicted, actual=state.holds))


def _report(state: State, event: Event, posting: Posting, facts: Facts) -> Iterator[Output]:
    """Tell the AP platform what the ERP holds, and people where that is not what it should be."""
    settings = _systems(state, facts)
    yield from _settle(state, event, facts, (CaseClass.POSTING_FAILED,), f"posted as {posting.number}")
    yield Intent(
        connector=settings.ap,
        payload=ReportPosting(invoice_id=event.subject, posting=posting),
        key=event.subject,
        entity=state.invoice.entity,
        after="" if state.submitted else effect_id(settings.ap, SubmitInvoice.operation, event.subject),
    )
    if state.differs:
        yield from _open(state, event, facts, _differences(state, posting), (CaseClass.POSTING_DIFFERS,))


def _close(event: Event, facts: Facts) -> Iterator[Output]:
    """The report of a payment is about the payment; when the AP platform holds it, its invoice is done with."""
    data = event.data
    if not isinstance(data, EffectSettled) or data.operation != ReportPayment.operation:
        return
    payment = facts.state("payment", event.subject)
    if data.outcome.status != "applied" or payment is None or not data.key.endswith("/booked"):
        return
    state = facts.state("invoice", payment.invoice_id)
    if state is not None and state.status == "paid" and state.payment_id == event.subject:
        yield Emit(InvoiceClosed(), payment.invoice_id)


def _systems(state: State, facts: Facts) -> EntityPolicy:
    entity = state.invoice.entity
    return facts.policy.entities.get(entity) or EntityPolicy(name=entity, currency=state.invoice.currency)


def _supplier_at(connector: str, state: State, facts: Facts) -> str:
    supplier_id = state.invoice.supplier_id
    return suppliers.upsert_id(facts.state("supplier", supplier_id), supplier_id, connector)


# ── cases ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def _class_of(problem: Problem, question: tuple[CaseClass, ...]) -> CaseClass:
    """The class of case for a problem, among those that belong to the question being asked."""
    if question == _INVALID:
        return CaseClass.UNKNOWN_SUPPLIER if problem.code is Code.UNKNOWN_SUPPLIER else CaseClass.INVALID_INVOICE
    return _CLASS_OF.get(problem.code, CaseClass.ORDER_MISMATCH) if question == _MISMATCH else question[0]


def _classes(problems: tuple[Problem, ...], question: tuple[CaseClass, ...]) -> tuple[CaseClass, ...]:
    return tuple(dict.fromkeys(_class_of(problem, question) for problem in problems))


def _open(
    state: State, event: Event, facts: Facts, problems: tuple[Problem, ...], question: tuple[CaseClass, ...]
) -> Iterator[Output]:
    """Open a case for each class of problem. Other cases about the same question are settled: it has changed."""
    classes = _classes(problems, question)
    others = tuple(one for one in question if one not in classes)
    yield from _settle(state, event, facts, others, "the problem is another one now")
    for one in classes:
        found = tuple(problem for problem in problems if _class_of(problem, question) is one)
        yield open_case(_case(state, event, one, found, _text(found)))


def _open_now(state: State, event: Event, facts: Facts, classes: tuple[CaseClass, ...]) -> Iterator[CaseClass]:
    for one in classes:
        if one in state.flagged and is_open(facts, one, event.subject):
            yield one


def _settle(
    state: State, event: Event, facts: Facts, classes: tuple[CaseClass, ...], resolution: str
) -> Iterator[Output]:
    if state.flagged:
        for one in _open_now(state, event, facts, classes):
            yield settle_case(one, event.subject, resolution)


def _case(state: State, event: Event, one: CaseClass, problems: tuple[Problem, ...], reason: str) -> Case:
    invoice = state.invoice
    deadline, name = _deadline(invoice, event.recorded_at.date())
    return Case(
        case_class=one,
        document=event.subject,
        entity=invoice.entity,
        reason=f"Invoice {invoice.number} of {invoice.supplier_name}: {reason}",
        problems=problems,
        amount=invoice.gross,
        supplier_id=invoice.supplier_id,
        deadline=datetime.combine(deadline, CUT_OFF) if deadline else None,
        deadline_name=name,
        category=invoice.purpose or invoice.kind.value,
    )


def _deadline(invoice: Invoice, today: date) -> tuple[date | None, str]:
    """Until when a case about it should be worked: the next day on which a discount is lost, else the payment day.
    Nothing is lost by a credit note that waits."""
    if invoice.payable.minor <= 0:
        return None, ""
    open_discounts = [discount.until for discount in invoice.discounts if discount.until >= today]
    return (min(open_discounts), "discount day") if open_discounts else (invoice.due_on, "payment day")


# ── what people see ────────────────────────────────────────────────────────────────────────────────────────────────


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
    """Unposted until the ERP holds it or it falls out; then payable until a booked payment settles it."""
    invoice = state.invoice
    if state.status in _OWED:
        period = state.posting.period if state.posting else period_of(invoice.issued_on)
        yield Standing("payable", invoice.entity, period, subject, invoice.payable)
    elif state.status in _UNPOSTED and state.status not in ("duplicate", "cancelled"):
        period = period_of(state.post_on or invoice.issued_on)
        yield Standing("unposted", invoice.entity, period, subject, invoice.payable)


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
    return "stopped" if state.status in _STOPPED else "open"


def seeks(event: Event, state: State | None, facts: States) -> Fingerprint | None:
    """What will be looked for when a new invoice comes, or one that is clear is about to be posted."""
    if state is None:
        state = _received(event.data, event) if isinstance(event.data, InvoiceReceived) else None
        return _compared_as(event.subject, state, facts) if state is not None else None
    return _compared_as(event.subject, state, facts) if state.clear and isinstance(event.data, _SOUGHT) else None


def _route_effect(event: Event) -> tuple[str, ...]:
    data = event.data
    return (event.subject,) if isinstance(data, EffectSettled) and data.operation in _OPERATIONS else ()


def _route_handled(event: Event) -> tuple[str, ...]:
    data = event.data
    return (event.subject,) if isinstance(data, EffectHandled) and data.operation == PostInvoice.operation else ()


def _reads(event: Event) -> Iterator[tuple[str, str]]:
    """The states that the first decisions about a new invoice will look at."""
    if isinstance(event.data, InvoiceReceived):
        invoice = event.data.invoice
        yield "supplier", invoice.supplier_id
        for subject in _order_subjects(invoice).values():
            yield "order", subject


_FACTS = (
    InvoiceReceived,
    InvoiceAdmitted,
    DuplicateStopped,
    DuplicateSuspected,
    DuplicateCleared,
    DuplicateOverruled,
    PostingDue,
    ComparisonDue,
    InvoiceValidated,
    InvoiceFoundInvalid,
    RecheckRequested,
    LinesAssigned,
    InvoiceMatched,
    MatchFailed,
    MatchReleased,
    VarianceAccepted,
    ApprovalDecided,
    ApprovalDue,
    InvoicePosted,
    HoldsReported,
    PostingFailed,
    InvoiceCancelled,
    InvoiceReserved,
    LiabilityReopened,
    InvoicePaid,
    InvoiceClosed,
)

PROCESS = Process(
    name="invoice",
    state=State,
    routes={**dict.fromkeys(_FACTS, by_subject), EffectSettled: _route_effect, EffectHandled: _route_handled},
    evolve=evolve,
    decide=decide,
    reads=_reads,
    view="invoice",
    show=show,
    stands=stands,
    prints=prints,
    seeks=seeks,
)
