"""A purchase order: what was ordered, received and billed, which invoices wait for it, and what must be accrued.

::

    OrderPlaced ──► open ◄── GoodsReceived (received +)      a receipt may come before its order
                     ▲ ◄──── OrderChanged: lines as they stand from now on
                     │ ◄──── OrderResponded otherwise than ordered: a case; GoodsDespatched only announces
                     ▲ ◄──── InvoiceMatched (billed +), MatchReleased (billed −)
                     │ ◄──── MatchFailed: the invoice waits; the next receipt or order change looks at it again
    AccrualRequested ──► AccrualProposed (journal + reversal) ──EffectSettled──► AccrualPosted

Quantities are kept by period, so that the balance of received-not-invoiced goods can be told for the end of any
period. That balance stands as ``unaccrued`` until it is accrued. The accrual is reversed on the first day of the next
period; what is still not invoiced stands again there, and an invoice of an accrued period is posted there, so nothing
is ever accrued twice.
"""

from collections.abc import Iterator

from msgspec.structs import replace

from tieout.kernel.clock import period_of
from tieout.model.effects import PostJournal
from tieout.model.events import Event
from tieout.model.facts import (
    AccrualPosted,
    AccrualProposed,
    AccrualRequested,
    EffectSettled,
    GoodsDespatched,
    GoodsReceived,
    InvoiceMatched,
    MatchFailed,
    MatchReleased,
    OrderChanged,
    OrderPlaced,
    OrderResponded,
)
from tieout.processes.order.accrual import accrue, accrued, open_at, periods, stands, value_of
from tieout.processes.order.counting import billed, changed, placed, received
from tieout.processes.order.purchasing import answered, create, record
from tieout.processes.order.state import ANNOUNCED_MAX, Accrual, State, as_of
from tieout.processes.order.waiting import recheck, wait, without
from tieout.processes.process import Emit, Facts, Output, Process, Row, by_subject


def evolve(state: State | None, event: Event) -> State | None:
    """Where the order stands after an event."""
    match event.data:
        case OrderPlaced(order=order):
            return placed(state or State(), order)
        case OrderChanged(change=change) if state and state.position:
            return changed(state, state.position, change)
        case GoodsReceived(receipt=receipt):
            return received(state or State(), receipt)
        case GoodsDespatched(advice=advice):
            state = state or State()
            announced = (*(one for one in state.announced if one != advice.despatch_id), advice.despatch_id)
            return replace(state, announced=announced[-ANNOUNCED_MAX:])
        case InvoiceMatched(verdict=verdict, post_on=post_on) if state:
            state = without(state, event.subject)
            return billed(state, verdict.allocations, post_on or event.occurred_at.date(), 1)
        case MatchReleased(allocations=allocations, post_on=post_on) if state:
            return billed(state, allocations, post_on, -1)
        case MatchFailed():
            return wait(state or State(), event.subject, event.data)
        case AccrualProposed(journal=journal, reversal=reversal) if state:
            period = period_of(journal.posted_on)
            accruing = Accrual(journal.journal_id, reversal.journal_id, period, as_of(state.received, period))
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
            waiting = (*state.waiting, *state.credits_waiting)
            yield from recheck(waiting, f"order {order.order_id} changed", order.supplier_id, order.entity)
        case OrderChanged(change=change) if not state.repeated and state.position:
            waiting = (*state.waiting, *state.credits_waiting)
            yield from recheck(waiting, f"order {change.order_id} changed", change.supplier_id, change.entity)
        case OrderResponded(response=response):
            yield from answered(event.subject, response, facts)
        case GoodsReceived(receipt=receipt) if not state.repeated:
            yield from record(state, event.subject, receipt, facts)
            told = f"goods came in with {receipt.receipt_id}"
            yield from recheck(state.waiting, told, receipt.supplier_id, receipt.entity)
        case InvoiceMatched(verdict=verdict) if state.position:
            credit = any(allocation.quantity < 0 for allocation in verdict.allocations)
            waiting = state.waiting if credit else state.credits_waiting
            told = f"{event.subject} was matched"
            yield from recheck(waiting, told, state.position.supplier_id, state.entity)
        case MatchReleased() if state.position:
            told = f"{event.subject} was cancelled"
            yield from recheck(state.waiting, told, state.position.supplier_id, state.entity)
        case AccrualRequested(period=period):
            yield from accrue(state, event.subject, period, facts)
        case EffectSettled(outcome=outcome, key=key) if outcome.status == "applied":
            if key == state.reversal_id or (state.accruing and key == state.accruing.journal_id):
                yield Emit(AccrualPosted(journal_id=key, number=outcome.reference))


def show(subject: str, state: State) -> Row | None:
    """The row of the order list."""
    known, listed = state.position, periods(state)
    if known is None or state.ordered_on is None:
        return None
    lines = known.lines
    return {
        "entity": state.entity,
        "supplier_id": known.supplier_id,
        "currency": known.currency,
        "ordered_on": state.ordered_on.isoformat(),
        "ordered_minor": value_of(state, {key: line.ordered for key, line in lines.items()}).minor,
        "received_minor": value_of(state, {key: line.received for key, line in lines.items()}).minor,
        "billed_minor": value_of(state, {key: line.billed for key, line in lines.items()}).minor,
        "unaccrued_minor": value_of(state, open_at(state, listed[-1])).minor if listed else 0,
    }


def _route_matched(event: Event) -> tuple[str, ...]:
    return event.data.orders if isinstance(event.data, InvoiceMatched | MatchReleased) else ()


def _route_waiting(event: Event) -> tuple[str, ...]:
    return event.data.waits_for if isinstance(event.data, MatchFailed) else ()


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
