"""An invoice and its orders: it is matched as they stand now, or a person accepts what does not agree."""

from collections.abc import Iterator
from datetime import date

from msgspec.structs import replace

from tieout.kernel.money import Money
from tieout.kernel.problem import Code
from tieout.matching.assignment import assign, filled
from tieout.matching.orders import OrderPosition
from tieout.matching.three_way import allocate, match
from tieout.model.cases import CaseClass
from tieout.model.documents import Invoice
from tieout.model.events import Event
from tieout.model.facts import InvoiceMatched, MatchFailed, MatchReleased, VarianceAccepted
from tieout.model.verdict import Allocation, Verdict
from tieout.policy.matching import MatchingRules
from tieout.policy.settling import books_are_open
from tieout.processes import order as orders
from tieout.processes import prepayment as prepayments
from tieout.processes.address import order_subject
from tieout.processes.invoice.cases import MISMATCH, classes_of, same_person, say_again, settle_cases
from tieout.processes.invoice.holding import GIVEN_BACK, holds_on, put_on_hold, released, unreleasable
from tieout.processes.invoice.prepaid import forgotten, is_covered, taken_off
from tieout.processes.invoice.state import (
    State,
    disagrees,
    flagged,
    has_orders,
    objection_to,
    ready,
    text_of,
    unmatched,
)
from tieout.processes.open_orders import open_orders
from tieout.processes.process import Emit, Facts, Output

#: What no receipt, order change or other document mends, only a person.
_UNMENDABLE = frozenset({Code.PARTLY_PAYABLE, Code.WRONG_SUPPLIER})
#: Who decides on an invoice that we wrote ourselves: whoever approved the order and received the goods.
_SETTLEMENT = "settlement on receipt"


def matched(state: State, data: InvoiceMatched) -> State:
    """It agrees with its orders, or a person has accepted how it does not: the verdict is kept for the posting."""
    if state.hold:
        return released(state, data)
    if state.clear or state.status not in ("valid", "mismatched", "rejected"):
        return state
    if state.ours and not state.approval:
        state = replace(state, approval="approved", decided_by=_SETTLEMENT)
    return ready(
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


def failed(state: State, data: MatchFailed) -> State:
    """It does not agree with its orders: it waits, or goes on on hold."""
    if not state.hold and (state.clear or state.status not in ("valid", "mismatched", "rejected")):
        return state
    verdict = data.verdict
    state = replace(state, dialect=verdict.dialect, predicted=verdict.holds)
    if data.on_hold:
        state = put_on_hold(state, data)
    elif not state.hold:
        status = "rejected" if state.status == "rejected" else "mismatched"
        state = replace(state, status=status, reason=text_of(verdict.problems))
    return flagged(state, *classes_of(verdict.problems, MISMATCH))


def judge(state: State, event: Event, facts: Facts) -> Iterator[Output]:
    """Match it with its orders as they stand now."""
    invoice = _as_told(state, facts)
    tolerances, rules = facts.policy.tolerances_of(invoice.entity), _rules(state, facts)
    known = _known(state, event.subject, facts)
    verdict = match(invoice, known, tolerances, event.policy, rules)
    on_hold: tuple[str, ...] = (GIVEN_BACK,)
    if verdict.matched and _is_given_back(state, event, facts):
        verdict = replace(verdict, matched=False)
    else:
        verdict = _with_prepayments(state, invoice, known, verdict, facts)
        on_hold = () if verdict.matched else holds_on(state, verdict, tolerances)
    if verdict.matched:
        yield _match_emitted(state, verdict, facts)
        return
    if on_hold:
        verdict = replace(verdict, allocations=allocate(invoice, known, tolerances, rules))
    elif state.hold:
        yield Emit(match_released(state))
        if state.invoice.prepaid:
            yield taken_off(state, event, Money.zero(state.invoice.currency))
    yield _failure_emitted(state, invoice, verdict, on_hold, facts)


def _with_prepayments(
    state: State, invoice: Invoice, known: dict[str, OrderPosition], verdict: Verdict, facts: Facts
) -> Verdict:
    """The verdict, with what it forgets to take off."""
    tolerances, rules = facts.policy.tolerances_of(invoice.entity), _rules(state, facts)
    problems = forgotten(state, known, lambda: allocate(invoice, known, tolerances, rules), facts)
    if not problems:
        return verdict
    return replace(verdict, matched=False, problems=(*verdict.problems, *problems), allocations=())


def _failure_emitted(state: State, invoice: Invoice, verdict: Verdict, on_hold: tuple[str, ...], facts: Facts) -> Emit:
    problems = verdict.problems
    forgets = any(problem.code is Code.PREPAYMENT_OPEN for problem in problems)
    mendable = not problems or any(problem.code not in _UNMENDABLE for problem in problems)
    return Emit(
        MatchFailed(
            verdict=verdict,
            waits_for=_concerned(invoice, verdict) if mendable else (),
            waits_for_prepayment=prepayments.account_of(invoice) if invoice.prepaid or forgets else "",
            on_hold=on_hold,
            orders=_billed_or_held(state, verdict) if on_hold else (),
            post_on=_posting_day(state, verdict, facts) if on_hold else None,
            goes_on=bool(on_hold) and not state.hold,
        )
    )


def _is_given_back(state: State, event: Event, facts: Facts) -> bool:
    """Whether it only agrees because credit notes gave back all that it bills: then nothing of it is to be paid."""
    if not state.hold:
        return False
    billed = _billed(state.invoice, state.allocations)
    if not all(orders.is_given_back(facts.state("order", its), event.subject) for its in billed):
        return False
    invoice, tolerances = _as_told(state, facts), facts.policy.tolerances_of(state.invoice.entity)
    known = _known(state, event.subject, facts, credits_count=False)
    return not match(invoice, known, tolerances, event.policy, _rules(state, facts)).matched


def accept(state: State, event: Event, data: VarianceAccepted, facts: Facts) -> Iterator[Output]:
    """A person takes the responsibility for what matching or posting found; never for their own invoice."""
    if data.about != "posting" and disagrees(state):
        yield from _accept_match(state, event, facts)
    if data.about != "match" and not unmatched(state) and not state.differs:
        yield from settle_cases(state, event, facts, (CaseClass.POSTING_DIFFERS,), f"accepted by {event.actor}")


def _accept_match(state: State, event: Event, facts: Facts) -> Iterator[Output]:
    if objection := objection_to(state, event.actor):
        yield from say_again(state, event, facts, MISMATCH, same_person(event), objection)
        return
    if problem := unreleasable(state):
        told = f"{problem.actual} may not be released by hand; what it waits for releases it"
        yield from say_again(state, event, facts, MISMATCH, problem, told)
        return
    invoice = _as_told(state, facts)
    known, rules = _known(state, event.subject, facts), _rules(state, facts)
    tolerances = facts.policy.tolerances_of(invoice.entity)
    found = match(invoice, known, tolerances, event.policy, rules)
    found = _with_prepayments(state, invoice, known, found, facts)
    billed = allocate(invoice, known, tolerances, rules)
    verdict = replace(found, matched=True, allocations=billed, waits_for_receipt=False)
    yield _match_emitted(state, verdict, facts, event.actor)


def match_released(state: State) -> MatchReleased:
    """What a cancelled invoice gives back to its orders."""
    billed = _billed(state.invoice, state.allocations)
    post_on = state.post_on or state.invoice.issued_on
    return MatchReleased(allocations=state.allocations, orders=billed, post_on=post_on)


def is_searched_for(invoice: Invoice, facts: Facts) -> bool:
    """Whether the orders that it bills are looked for: it names none, and the policy wants it."""
    return facts.policy.matching_of(invoice.entity).search_orders and not has_orders(invoice)


def finds_orders(invoice: Invoice, facts: Facts) -> bool:
    """Whether an invoice that names no order could bill some of its supplier's, if policy has it looked for."""
    if not is_searched_for(invoice, facts):
        return False
    found = assign(invoice, open_orders(invoice, facts), facts.policy.matching_of(invoice.entity))
    return bool(found.assigned or found.ambiguous)


def order_subjects(invoice: Invoice) -> dict[str, str]:
    """The subjects of the orders that the invoice names, by order id."""
    ids = dict.fromkeys(line.order_id for line in invoice.lines if line.order_id)
    return {order_id: order_subject(invoice.entity, order_id, invoice.supplier_id) for order_id in ids}


def _known(state: State, invoice_id: str, facts: Facts, *, credits_count: bool = True) -> dict[str, OrderPosition]:
    """The orders to match it with: those it names, and where it names none those of its supplier."""
    named_orders = order_subjects(state.invoice).items()
    states = ((one, facts.state("order", its)) for one, its in named_orders)
    found = ((one, orders.seen_by(its, invoice_id, credits_count=credits_count)) for one, its in states)
    named = {order_id: position for order_id, position in found if position is not None}
    return {**open_orders(state.invoice, facts), **named} if state.searched else named


def _rules(state: State, facts: Facts) -> MatchingRules:
    """What was begun under one policy is not given up under another."""
    rules = facts.policy.matching_of(state.invoice.entity)
    return replace(rules, search_orders=True) if state.searched else rules


def _concerned(invoice: Invoice, verdict: Verdict) -> tuple[str, ...]:
    """The orders that it names or may bill."""
    choices = [one.choice for one in verdict.assigned]
    choices += [choice for line in verdict.ambiguous for choice in line.alternatives]
    subjects = (order_subject(invoice.entity, choice.order_id, invoice.supplier_id) for choice in choices)
    return tuple(dict.fromkeys((*order_subjects(invoice).values(), *subjects)))


def _as_told(state: State, facts: Facts) -> Invoice:
    """The invoice as matching should take it. One that calls itself self-billed and was not written by us is the
    supplier's. What it takes off as prepaid needs nobody's look when so much was paid in advance and is still open, or
    was taken off when it was put on hold."""
    invoice = state.invoice
    if invoice.purpose == "self_billed" and not state.ours:
        invoice = replace(invoice, purpose="")
    return replace(invoice, prepaid=None) if state.hold or is_covered(state, facts) else invoice


def _match_emitted(state: State, verdict: Verdict, facts: Facts, accepted_by: str = "") -> Emit:
    return Emit(
        InvoiceMatched(
            verdict=verdict,
            orders=_billed_or_held(state, verdict),
            post_on=_posting_day(state, verdict, facts),
            accepted_by=accepted_by,
            self_billed=state.ours,
            released=state.hold,
        )
    )


def _posting_day(state: State, verdict: Verdict, facts: Facts) -> date:
    """The day it is posted on; of one on hold that was settled when it went on. A prepayment is no expense, so no
    accrual has it."""
    if state.hold and state.post_on:
        return state.post_on
    wanted = _booking_day(state, facts)
    if state.invoice.purpose == "prepayment":
        return wanted
    billed = _billed(state.invoice, verdict.allocations)
    days = [orders.posting_day(facts.state("order", subject), wanted) for subject in billed]
    return max(days, default=wanted)


def _billed_or_held(state: State, verdict: Verdict) -> tuple[str, ...]:
    """The orders that it bills, and those that it billed on hold: they have to let go of that."""
    held = state.allocations if state.hold else ()
    return _billed(state.invoice, (*verdict.allocations, *held))


def _booking_day(state: State, facts: Facts) -> date:
    """The day it was issued; what we wrote ourselves for a period that is over counts there while that can be."""
    window = facts.policy.close_window_days
    if state.ours and state.post_on and books_are_open(state.post_on, facts.now.date(), window):
        return state.post_on
    return state.invoice.issued_on


def _billed(invoice: Invoice, allocations: tuple[Allocation, ...]) -> tuple[str, ...]:
    """The subjects of the orders that are billed."""
    ids = dict.fromkeys(allocation.order_id for allocation in allocations)
    return tuple(order_subject(invoice.entity, order_id, invoice.supplier_id) for order_id in ids)
