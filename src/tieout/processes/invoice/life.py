"""The whole life of an invoice: what it becomes after an event, and what is asked of the world then."""

from collections.abc import Iterator

from msgspec.structs import replace

from tieout.kernel.clock import to_micros
from tieout.kernel.money import Money
from tieout.matching.assignment import chosen
from tieout.model.cases import CaseClass
from tieout.model.effects import PostInvoice, ReportPayment, ReportPosting, SubmitInvoice
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
    PostingDue,
    PostingFailed,
    RecheckRequested,
    VarianceAccepted,
)
from tieout.model.verdict import Verdict
from tieout.policy.duties import is_person
from tieout.processes.invoice.admission import admitted, clear, compare_again, first_look, stop, tell_suspects
from tieout.processes.invoice.approval import decided, heed, remind, submit
from tieout.processes.invoice.cases import ALIKE, INVALID, MISMATCH, REFUSED, classes_of, open_cases, settle_cases
from tieout.processes.invoice.fingerprints import compared_as, prints, seeks
from tieout.processes.invoice.holding import stay, taken_back
from tieout.processes.invoice.matching import accept, failed, judge, match_released, matched, order_subjects
from tieout.processes.invoice.posting import answered, close, compare_holds, hear, post, posted, report
from tieout.processes.invoice.prepaid import paid_in_advance, set_off, taken_off
from tieout.processes.invoice.state import (
    CANCELLABLE,
    OWED,
    POSTING,
    STOPPED,
    State,
    disagrees,
    flagged,
    held_for,
    objection_to,
    received,
    text_of,
    undecided,
)
from tieout.processes.invoice.validity import search_again, validate, validated
from tieout.processes.invoice.view import show, stands
from tieout.processes.process import Emit, Facts, Link, Output, Process, by_subject

_OPERATIONS = frozenset(payload.operation for payload in (SubmitInvoice, PostInvoice, ReportPosting, ReportPayment))


def evolve(state: State | None, event: Event) -> State | None:
    """Where the invoice stands after an event. Late and repeated events leave it where it is."""
    data = event.data
    if state is None:
        return received(data, event) if isinstance(data, InvoiceReceived) else None
    after = _evolved(state, event)
    if after is state:
        return state
    passes = after.status == "posting" and state.status not in POSTING
    passed_under = event.policy if passes else after.passed_under
    return replace(after, changed_at=to_micros(event.recorded_at), passed_under=passed_under)


def _evolved(state: State, event: Event) -> State:
    match event.data:
        case InvoiceAdmitted() if state.status == "received" or state.status in STOPPED:
            return admitted(state, event.data)
        case InvoiceValidated(search=search) if state.status in ("admitted", "invalid"):
            return validated(state, search=search)
        case InvoiceValidated(search=True) if state.searchable:
            return replace(validated(state, search=True), handed=True)
        case LinesAssigned(assignments=choices) if disagrees(state) and is_person(event.actor):
            return replace(state, invoice=chosen(state.invoice, choices))
        case InvoiceMatched():
            return matched(state, event.data)
        case ApprovalDecided():
            return decided(state, event.data)
        case EffectSettled(operation=PostInvoice.operation, outcome=outcome) if state.status in POSTING:
            return answered(state, outcome)
        case EffectSettled(operation=SubmitInvoice.operation, outcome=outcome) if outcome.status == "applied":
            return replace(state, submitted=True)
        case InvoicePosted(posting=posting):
            return posted(state, posting)
        case HoldsReported(holds=holds):
            return replace(state, holds=holds)
        case InvoiceReserved(payment_id=payment_id) if state.status == "posted":
            return replace(state, status="reserved", payment_id=payment_id, reason="")
        case InvoicePaid(payment_id=payment_id) if state.status in OWED:
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
            return flagged(stop(state, event.data, "duplicate", reason), CaseClass.DUPLICATE)
        case DuplicateSuspected(candidates=candidates) if state.status in ("received", "posting", "suspect"):
            reason = f"looks like {candidates[0].invoice_id}: {candidates[0].reason}"
            return flagged(stop(state, event.data, "suspect", reason), CaseClass.SUSPECTED_DUPLICATE)
        case InvoiceFoundInvalid(problems=problems) if state.status in ("admitted", "invalid"):
            return flagged(replace(state, status="invalid", reason=text_of(problems)), *classes_of(problems, INVALID))
        case MatchFailed():
            return failed(state, event.data)
        case VarianceAccepted(about=about) if (
            state.differs and about != "match" and not objection_to(state, event.actor)
        ):
            return replace(state, differs=False, reason=held_for(state) if state.hold else "")
        case VarianceAccepted() if reason := objection_to(state, event.actor):
            return replace(state, reason=reason)
        case PostingFailed(problems=problems) if state.status in POSTING:
            refused = replace(state, status="posting_failed", reason=text_of(problems))
            return flagged(refused, *classes_of(problems, REFUSED))
        case EffectHandled(operation=PostInvoice.operation, action="cancelled") if state.status in POSTING:
            return replace(state, status="posting_failed", reason=f"{event.actor} called the posting off")
        case EffectHandled(operation=PostInvoice.operation, action="redelivered") if state.status == "posting_failed":
            return replace(state, status="posting", reason=f"sent again by {event.actor}")
        case ApprovalDue() if undecided(state):
            return flagged(state, CaseClass.APPROVAL_OVERDUE)
        case InvoiceCancelled(reason=reason) if state.status in CANCELLABLE:
            return replace(state, status="cancelled", reason=reason, cancelled=True, hold=())
        case MatchReleased() if state.status == "cancelled":
            return replace(state, allocations=())
        case MatchReleased():
            return taken_back(state)
        case _:
            return state


def decide(state: State | None, event: Event, facts: Facts) -> Iterator[Output]:
    """What to ask of the world after an event. Late and repeated events ask for nothing."""
    if state is None:
        yield from close(event, facts)
        return
    match event.data:
        case InvoiceReceived(system_id=system_id):
            if system_id:
                yield Link(event.source or state.channel, system_id)
            if state.status == "received":
                yield from first_look(compared_as(event.subject, state, facts), state.invoice, facts)
        case DuplicateCleared() | DuplicateOverruled() if state.status in STOPPED:
            yield from clear(state, event, event.data, facts)
        case InvoiceAdmitted():
            yield from _go_on(state, event, facts)
        case ComparisonDue(reason=reason) if state.status == "suspect":
            yield from compare_again(state, event, facts, reason)
        case PostingDue() if state.status == "posting":
            yield from post(state, event, facts)
        case InvoiceFoundInvalid(problems=problems) if state.status == "invalid":
            yield from open_cases(state, event, facts, problems, INVALID)
        case InvoiceValidated() if state.status in ("valid", "posting"):
            yield from settle_cases(state, event, facts, INVALID, "it is valid now")
            if state.clear:
                yield from submit(state, event, Verdict(False, (), (), event.policy), facts)
            else:
                yield from judge(state, event, facts)
        case RecheckRequested() if state.status == "invalid":
            yield from validate(state, facts)
        case RecheckRequested() if state.searchable:
            yield from search_again(state, facts)
        case RecheckRequested() | LinesAssigned() if disagrees(state):
            yield from judge(state, event, facts)
        case MatchFailed(verdict=verdict, goes_on=goes_on) if disagrees(state):
            yield from open_cases(state, event, facts, verdict.problems, MISMATCH)
            if goes_on:
                yield from set_off(state, event, facts)
                yield from submit(state, event, verdict, facts)
        case InvoiceMatched(verdict=verdict, accepted_by=accepted_by, released=released):
            told = f"accepted by {accepted_by}" if accepted_by else "it matches now"
            yield from settle_cases(state, event, facts, MISMATCH, told)
            if not released:
                yield from set_off(state, event, facts)
            if not released or undecided(state):
                yield from submit(state, event, verdict, facts)
        case VarianceAccepted():
            yield from accept(state, event, event.data, facts)
        case ApprovalDecided():
            yield from heed(state, event, facts)
        case ApprovalDue() if undecided(state):
            yield from remind(state, event, facts)
        case InvoiceCancelled(reason=reason) if state.status == "cancelled":
            yield from settle_cases(state, event, facts, state.flagged, f"cancelled: {reason}")
            yield from tell_suspects(compared_as(event.subject, state, facts), facts, "was cancelled")
            if state.allocations:
                yield Emit(match_released(state))
            if state.clear and state.invoice.prepaid:
                yield taken_off(state, event, Money.zero(state.invoice.currency))
        case InvoiceCancelled() if state.status == "posted_on_hold":
            yield from stay(state, event, facts)
        case EffectSettled():
            yield from hear(state, event.data)
        case InvoicePaid() if state.status == "paid" and state.invoice.purpose == "prepayment":
            yield paid_in_advance(state, event, state.invoice.payable)
        case LiabilityReopened() if state.status == "posted" and state.invoice.purpose == "prepayment":
            yield paid_in_advance(state, event, Money.zero(state.invoice.currency))
        case PostingFailed(problems=problems) if state.status == "posting_failed":
            yield from open_cases(state, event, facts, problems, REFUSED)
        case InvoicePosted(posting=posting):
            yield from compare_holds(state, told=posting.holds is not None)
            yield from report(state, event, posting, facts)
        case HoldsReported():
            yield from compare_holds(state, told=True)
        case _:
            return


def _go_on(state: State, event: Event, facts: Facts) -> Iterator[Output]:
    """What was admitted, or told apart by a person, takes the next step of its life."""
    yield from settle_cases(state, event, facts, ALIKE, "it is a document of its own")
    if state.invoice.credits_number and not state.clear:
        told = f"was taken back by credit note {state.invoice.number}"
        yield from tell_suspects(compared_as(event.subject, state, facts), facts, told)
    if state.status == "admitted":
        yield from validate(state, facts)
    elif state.status == "posting":
        yield from post(state, event, facts)


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
        for subject in order_subjects(invoice).values():
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
