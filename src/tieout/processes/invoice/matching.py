"""An invoice and its orders: it is matched as they stand now, or a person accepts what does not agree."""

from collections.abc import Iterator

from msgspec.structs import replace

from tieout.kernel.problem import Code
from tieout.matching.assignment import assign, filled
from tieout.matching.orders import OrderPosition
from tieout.matching.three_way import allocate, match
from tieout.model.cases import CaseClass
from tieout.model.documents import Invoice
from tieout.model.events import Event
from tieout.model.facts import InvoiceMatched, MatchFailed, MatchReleased
from tieout.model.verdict import Allocation, Verdict
from tieout.policy.matching import MatchingRules
from tieout.processes import order as orders
from tieout.processes import prepayment as prepayments
from tieout.processes.address import order_subject
from tieout.processes.invoice.cases import MISMATCH, same_person, say_again, settle_cases
from tieout.processes.invoice.prepaid import is_covered
from tieout.processes.invoice.state import State, has_orders, objection_to, ready, unmatched
from tieout.processes.open_orders import open_orders
from tieout.processes.process import Emit, Facts, Output

#: What no receipt, order change or other document mends, only a person.
_UNMENDABLE = frozenset({Code.PARTLY_PAYABLE, Code.WRONG_SUPPLIER})
#: Who decides on an invoice that we wrote ourselves: whoever approved the order and received the goods.
_SETTLEMENT = "settlement on receipt"


def matched(state: State, data: InvoiceMatched) -> State:
    """It agrees with its orders, or a person has accepted how it does not: the verdict is kept for the posting."""
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


def judge(state: State, event: Event, facts: Facts) -> Emit:
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


def accept(state: State, event: Event, facts: Facts) -> Iterator[Output]:
    """A person takes the responsibility for what matching or posting found; never for their own invoice."""
    objection = objection_to(state, event.actor)
    if unmatched(state):
        if objection:
            yield from say_again(state, event, facts, MISMATCH, same_person(event), objection)
            return
        invoice = _as_told(state, facts)
        known, rules = _known(state, facts), _rules(state, facts)
        tolerances = facts.policy.tolerances_of(invoice.entity)
        found = match(invoice, known, tolerances, event.policy, rules)
        billed = allocate(invoice, known, tolerances, rules)
        verdict = replace(found, matched=True, allocations=billed, waits_for_receipt=False)
        yield _match_emitted(state, verdict, facts, event.actor)
    elif not state.differs:
        yield from settle_cases(state, event, facts, (CaseClass.POSTING_DIFFERS,), f"accepted by {event.actor}")


def match_released(state: State) -> MatchReleased:
    """What a cancelled invoice gives back to its orders."""
    billed = _billed(state.invoice, state.allocations)
    post_on = state.post_on or state.invoice.issued_on
    return MatchReleased(allocations=state.allocations, orders=billed, post_on=post_on)


def finds_orders(invoice: Invoice, facts: Facts) -> bool:
    """Whether an invoice that names no order could bill some of its supplier's, if policy has it looked for."""
    rules = facts.policy.matching
    if not rules.search_orders or has_orders(invoice):
        return False
    found = assign(invoice, open_orders(invoice, facts), rules)
    return bool(found.assigned or found.ambiguous)


def order_subjects(invoice: Invoice) -> dict[str, str]:
    """The subjects of the orders that the invoice names, by order id."""
    ids = dict.fromkeys(line.order_id for line in invoice.lines if line.order_id)
    return {order_id: order_subject(invoice.entity, order_id, invoice.supplier_id) for order_id in ids}


def _known(state: State, facts: Facts) -> dict[str, OrderPosition]:
    """The orders to match it with: those it names, and where it names none those of its supplier."""
    found = ((one, orders.position(facts.state("order", its))) for one, its in order_subjects(state.invoice).items())
    named = {order_id: position for order_id, position in found if position is not None}
    return {**open_orders(state.invoice, facts), **named} if state.searched else named


def _rules(state: State, facts: Facts) -> MatchingRules:
    """What was begun under one policy is not given up under another."""
    rules = facts.policy.matching
    return replace(rules, search_orders=True) if state.searched else rules


def _concerned(invoice: Invoice, verdict: Verdict) -> tuple[str, ...]:
    """The orders that it names or may bill."""
    choices = [one.choice for one in verdict.assigned]
    choices += [choice for line in verdict.ambiguous for choice in line.alternatives]
    subjects = (order_subject(invoice.entity, choice.order_id, invoice.supplier_id) for choice in choices)
    return tuple(dict.fromkeys((*order_subjects(invoice).values(), *subjects)))


def _as_told(state: State, facts: Facts) -> Invoice:
    """The invoice as matching should take it. One that calls itself self-billed and was not written by us is the
    supplier's. What it takes off as prepaid needs nobody's look when so much was paid in advance and is still open."""
    invoice = state.invoice
    if invoice.purpose == "self_billed" and not state.ours:
        invoice = replace(invoice, purpose="")
    return replace(invoice, prepaid=None) if is_covered(state, facts) else invoice


def _match_emitted(state: State, verdict: Verdict, facts: Facts, accepted_by: str = "") -> Emit:
    billed = _billed(state.invoice, verdict.allocations)
    day = state.invoice.issued_on
    if state.invoice.purpose != "prepayment":  # which is no expense, so no accrual has it
        day = max((orders.posting_day(facts.state("order", subject), day) for subject in billed), default=day)
    return Emit(
        InvoiceMatched(verdict=verdict, orders=billed, post_on=day, accepted_by=accepted_by, self_billed=state.ours)
    )


def _billed(invoice: Invoice, allocations: tuple[Allocation, ...]) -> tuple[str, ...]:
    """The subjects of the orders that are billed."""
    ids = dict.fromkeys(allocation.order_id for allocation in allocations)
    return tuple(order_subject(invoice.entity, order_id, invoice.supplier_id) for order_id in ids)
