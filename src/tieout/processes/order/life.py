"""A purchase order: what was ordered, received and billed, which invoices wait for it, and what must be accrued.

::

    OrderPlaced ──► open ◄── GoodsReceived (received +)      a receipt may come before its order
                     ▲ ◄──── OrderChanged: lines as they stand from now on
                     │ ◄──── OrderResponded otherwise than ordered: a case; GoodsDespatched only announces
                     ▲ ◄──── InvoiceMatched (billed +), MatchReleased (billed −), MatchFailed on hold (billed +)
                     │ ◄──── SettlementRequested, SettlementDue: SelfBillDrafted, we bill ourselves for what came
                     │ ◄──── MatchFailed: the invoice waits; the next receipt or order change looks at it again
    AccrualRequested ──► AccrualProposed (journal + reversal) ──EffectSettled──► AccrualPosted

Quantities are kept by period, so that the balance of received-not-invoiced goods can be told for the end of any
period. That balance stands as ``unaccrued`` until it is accrued. The accrual is reversed on the first day of the next
period; what is still not invoiced stands again there, and an invoice of an accrued period is posted there, so nothing
is ever accrued twice.
"""

from collections.abc import Callable, Iterator
from decimal import Decimal

from msgspec.structs import replace

from tieout.kernel.clock import period_of
from tieout.kernel.money import priced
from tieout.matching.orders import LinePosition, OrderPosition
from tieout.model.effects import PostJournal
from tieout.model.events import Event
from tieout.model.facts import (
    AccrualPosted,
    AccrualProposed,
    AccrualRequested,
    CreditDue,
    EffectSettled,
    GoodsDespatched,
    GoodsReceived,
    InvoiceMatched,
    MatchFailed,
    MatchReleased,
    OrderChanged,
    OrderLineClosed,
    OrderLineReopened,
    OrderPlaced,
    OrderResponded,
    SelfBillDrafted,
    SettlementDue,
    SettlementRequested,
)
from tieout.model.verdict import Verdict
from tieout.policy.duties import is_person
from tieout.processes.order.accrual import accrue, accrued, periods, stands, unaccrued
from tieout.processes.order.billing import billed, billed_by_hand
from tieout.processes.order.holding import given_back, held, let_go
from tieout.processes.order.placing import changed, closed, placed
from tieout.processes.order.purchasing import answered, create, misfits, record
from tieout.processes.order.receiving import received
from tieout.processes.order.returns import expect_credit, miss_credit, settle_credit
from tieout.processes.order.settling import settle_asked, settle_at_once, settle_due, settled
from tieout.processes.order.state import ANNOUNCED_MAX, Accrual, State, as_of, minor_as_of, subject_of
from tieout.processes.order.waiting import helped_by, recheck, wait, without
from tieout.processes.process import Emit, Facts, Output, Process, Row, by_subject


def evolve(state: State | None, event: Event) -> State | None:
    """Where the order stands after an event."""
    if state and (state.repeated or state.counted):
        state = replace(state, repeated=False, counted=())
    match event.data:
        case OrderPlaced(order=order):
            return placed(state or State(), order)
        case OrderChanged(change=change) if state and state.position:
            return changed(state, state.position, change)
        case OrderLineClosed(line_id=line_id) if state:
            return closed(state, line_id, closed=True)
        case OrderLineReopened(line_id=line_id) if state:
            return closed(state, line_id, closed=False) if is_person(event.actor) else replace(state, repeated=True)
        case SelfBillDrafted(invoice=invoice) if state:
            return settled(state, invoice)
        case SettlementDue() if state:
            return replace(state, run=True)
        case GoodsReceived(receipt=receipt):
            return received(state or State(), receipt)
        case GoodsDespatched(advice=advice):
            state = state or State()
            announced = (*(one for one in state.announced if one != advice.despatch_id), advice.despatch_id)
            return replace(state, announced=announced[-ANNOUNCED_MAX:])
        case InvoiceMatched(verdict=verdict, post_on=post_on) if state:
            before = let_go(without(state, event.subject), event.subject)
            state = billed(before, verdict.allocations, post_on or event.occurred_at.date(), 1)
            if state.held and _gives_back(verdict):
                state = given_back(before, state)
            return state if event.data.self_billed else billed_by_hand(state, verdict.allocations)
        case MatchReleased(allocations=allocations, post_on=post_on) if state:
            if event.subject in state.held:
                return let_go(without(state, event.subject), event.subject)
            return billed(state, allocations, post_on, -1)
        case MatchFailed():
            state = wait(state or State(), event.subject, event.data)
            return held(state, event.subject, event.data) if event.data.on_hold else state
        case AccrualProposed(journal=journal, reversal=reversal) if state:
            period = period_of(journal.posted_on)
            covered, covered_minor = as_of(state.received, period), minor_as_of(state.received_minor, period)
            accruing = Accrual(journal.journal_id, reversal.journal_id, period, covered, covered_minor)
            return replace(state, accruing=accruing, accruals=state.accruals + 1)
        case EffectSettled(key=key, outcome=outcome) if state and state.accruing and outcome.status == "refused":
            return replace(state, accruing=None) if key == state.accruing.journal_id else state
        case AccrualPosted(journal_id=journal_id) if state:
            return accrued(state, journal_id)
        case _:
            return state


def decide(state: State | None, event: Event, facts: Facts) -> Iterator[Output]:
    """What to ask of the world now."""
    if state is None:
        return
    match event.data:
        case OrderPlaced(order=order) if not state.repeated:
            yield from create(state, event.subject, order, facts)
            yield from _told(state, event, facts, f"order {order.order_id} changed")
        case OrderChanged(change=change) if not state.repeated and state.position:
            yield from _told(state, event, facts, f"order {change.order_id} changed")
        case OrderLineClosed(line_id=line_id) | OrderLineReopened(line_id=line_id) if not state.repeated:
            done = "closed" if isinstance(event.data, OrderLineClosed) else "opened again"
            yield from _told(state, event, facts, f"line {line_id} was {done} by {event.actor}")
        case OrderResponded(response=response):
            yield from answered(state, event.subject, response, facts)
        case GoodsReceived(receipt=receipt) if not state.repeated:
            yield from _told(state, event, facts, f"goods came in with {receipt.receipt_id}", state.waiting)
        case CreditDue(receipt_id=receipt_id):
            yield from miss_credit(state, event.subject, receipt_id)
        case InvoiceMatched(verdict=verdict) if state.position:
            yield from settle_credit(state, subject_of(state), facts)
            helped, told = helped_by(state, verdict.allocations, 1), f"{event.subject} was matched"
            yield from recheck(helped, told, state.position.supplier_id, state.entity)
        case MatchFailed(verdict=verdict, on_hold=on_hold) if on_hold and not state.repeated and state.position:
            helped = tuple(one for one in helped_by(state, verdict.allocations, 1) if one != event.subject)
            told = f"{event.subject} was put on hold"
            yield from recheck(helped, told, state.position.supplier_id, state.entity)
        case MatchReleased(allocations=allocations) if state.position:
            helped, told = helped_by(state, allocations, -1), f"{event.subject} bills nothing of it any more"
            yield from recheck(helped, told, state.position.supplier_id, state.entity)
        case SettlementRequested(through=through):
            yield from settle_asked(state, event.subject, facts, through)
        case SettlementDue(through=through):
            yield from settle_due(state, event.subject, facts, through)
        case AccrualRequested(period=period):
            yield from accrue(state, event.subject, period, facts)
        case EffectSettled(outcome=outcome, key=key) if outcome.status == "applied":
            if key == state.reversal_id or (state.accruing and key == state.accruing.journal_id):
                yield Emit(AccrualPosted(journal_id=key, number=outcome.reference))


def _gives_back(verdict: Verdict) -> bool:
    """Whether a credit note was matched: it gives back quantities, or amounts of a service."""
    return any(one.quantity < 0 or one.net.minor < 0 for one in verdict.allocations)


def _told(
    state: State, event: Event, facts: Facts, told: str, waiting: tuple[str, ...] | None = None
) -> Iterator[Output]:
    """The order or its goods have changed: record what counts now, and look again at what waited for it."""
    known = state.position
    yield from record(state, event.subject, facts)
    yield from misfits(state, event.subject, facts)
    yield from expect_credit(state, event.subject, facts)
    yield from settle_credit(state, event.subject, facts)
    yield from settle_at_once(state, event.subject, facts)
    if known:
        invoices = (*state.waiting, *state.credits_waiting) if waiting is None else waiting
        yield from recheck(invoices, told, known.supplier_id, state.entity)


def show(subject: str, state: State) -> Row | None:
    """The row of the order list."""
    known, listed = state.position, periods(state)
    if known is None or state.ordered_on is None:
        return None
    return {
        "entity": state.entity,
        "supplier_id": known.supplier_id,
        "currency": known.currency,
        "ordered_on": state.ordered_on.isoformat(),
        "ordered_minor": _worth(known, lambda line: (line.ordered, line.limit_minor or 0)),
        "received_minor": _worth(known, lambda line: (line.received, line.received_minor)),
        "billed_minor": _worth(known, lambda line: (line.billed, line.billed_minor)),
        "unaccrued_minor": unaccrued(state, listed[-1]).minor if listed else 0,
    }


def _worth(known: OrderPosition, measures: Callable[[LinePosition], tuple[Decimal, int]]) -> int:
    """The value of a quantity at order prices, or the amount of what is ordered by it, over all lines; minor units."""
    minor = 0
    for line in known.lines.values():
        quantity, amount = measures(line)
        minor += (
            amount
            if line.by_amount and amount
            else priced(quantity, line.unit_price, line.price_per, known.currency).minor
        )
    return minor


def _route_matched(event: Event) -> tuple[str, ...]:
    return event.data.orders if isinstance(event.data, InvoiceMatched | MatchReleased) else ()


def _route_settled(event: Event) -> tuple[str, ...]:
    return (event.data.order,) if isinstance(event.data, SelfBillDrafted) else ()


def _route_waiting(event: Event) -> tuple[str, ...]:
    data = event.data
    return tuple(dict.fromkeys((*data.waits_for, *data.orders))) if isinstance(data, MatchFailed) else ()


def _route_effect(event: Event) -> tuple[str, ...]:
    data = event.data
    return (event.subject,) if isinstance(data, EffectSettled) and data.operation == PostJournal.operation else ()


PROCESS = Process(
    name="order",
    state=State,
    routes={
        OrderPlaced: by_subject,
        OrderChanged: by_subject,
        OrderResponded: by_subject,
        GoodsDespatched: by_subject,
        GoodsReceived: by_subject,
        InvoiceMatched: _route_matched,
        MatchReleased: _route_matched,
        MatchFailed: _route_waiting,
        OrderLineClosed: by_subject,
        OrderLineReopened: by_subject,
        CreditDue: by_subject,
        SettlementRequested: by_subject,
        SettlementDue: by_subject,
        SelfBillDrafted: _route_settled,
        AccrualRequested: by_subject,
        AccrualProposed: by_subject,
        AccrualPosted: by_subject,
        EffectSettled: _route_effect,
    },
    evolve=evolve,
    decide=decide,
    view="order",
    show=show,
    stands=stands,
)
