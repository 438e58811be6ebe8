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

from collections.abc import Iterator, Mapping
from datetime import date, timedelta
from decimal import Decimal

from msgspec import Struct
from msgspec.structs import replace

from tieout.kernel.clock import period_of
from tieout.kernel.ids import derive
from tieout.kernel.money import EXACT, Money, multiply, total
from tieout.kernel.problem import Code, Problem
from tieout.matching.orders import LinePosition, OrderPosition
from tieout.model.cases import Case, CaseClass
from tieout.model.documents import (
    GoodsReceipt,
    JournalEntry,
    JournalLine,
    OrderChange,
    OrderLine,
    OrderResponse,
    PurchaseOrder,
)
from tieout.model.effects import CreateOrder, PostJournal, RecordReceipt, effect_id
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
    RecheckRequested,
    supplier_home,
)
from tieout.model.verdict import Allocation
from tieout.processes.case import is_open, open_case, settle_case
from tieout.processes.process import Emit, Facts, Intent, Output, Process, Row, Send, Standing, by_subject
from tieout.processes.supplier import upsert_id

ZERO = Decimal(0)
WAITING_MAX = 500
#: So many despatch advices are remembered with an order.
ANNOUNCED_MAX = 50

Quantities = dict[str, Decimal]  # order line id → quantity
ByPeriod = dict[str, Quantities]


class Accrual(Struct, frozen=True):
    """An accrual on its way: its journal, its reversal, and which received quantities it covers."""

    journal_id: str
    reversal_id: str
    period: str
    covered: Quantities


class State(Struct, frozen=True, omit_defaults=True):
    """Where an order stands. ``position`` is what matching sees; the period tables are what it is made of."""

    position: OrderPosition | None = None
    entity: str = ""
    ordered_on: date | None = None
    version: int = 0
    received: ByPeriod = {}
    billed: ByPeriod = {}
    receipts: tuple[str, ...] = ()
    changes: tuple[str, ...] = ()
    announced: tuple[str, ...] = ()
    repeated: bool = False
    waiting: tuple[str, ...] = ()
    credits_waiting: tuple[str, ...] = ()
    accruals: int = 0
    accruing: Accrual | None = None
    accrued_through: str = ""
    covered: Quantities = {}
    reversal_id: str = ""


# ── what other processes ask ───────────────────────────────────────────────────────────────────────────────────────


def position(state: State | None) -> OrderPosition | None:
    """What matching may know of the order; nothing before it is placed."""
    return state.position if state else None


def posting_day(state: State | None, issued_on: date) -> date:
    """The day an invoice of this order is posted on: the day it was issued, unless the goods were accrued for that
    period already; then the day the accrual is reversed."""
    if state is None or not state.accrued_through or period_of(issued_on) > state.accrued_through:
        return issued_on
    return first_day(next_period(state.accrued_through))


def first_day(period: str) -> date:
    """The first day of a period."""
    return date(int(period[:4]), int(period[5:]), 1)


def last_day(period: str) -> date:
    """The last day of a period."""
    return first_day(next_period(period)) - timedelta(days=1)


def next_period(period: str) -> str:
    """The period after this one."""
    year, month = int(period[:4]), int(period[5:])
    return f"{year + month // 12:04d}-{month % 12 + 1:02d}"


# ── evolve ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def evolve(state: State | None, event: Event) -> State | None:
    """Where the order stands after an event."""
    match event.data:
        case OrderPlaced(order=order):
            return _placed(state or State(), order)
        case OrderChanged(change=change) if state and state.position:
            return _changed(state, state.position, change)
        case GoodsReceived(receipt=receipt):
            return _received(state or State(), receipt)
        case GoodsDespatched(advice=advice):
            state = state or State()
            announced = (*(one for one in state.announced if one != advice.despatch_id), advice.despatch_id)
            return replace(state, announced=announced[-ANNOUNCED_MAX:])
        case InvoiceMatched(verdict=verdict, post_on=post_on) if state:
            state = _without(state, event.subject)
            return _billed(state, verdict.allocations, post_on or event.occurred_at.date(), 1)
        case MatchReleased(allocations=allocations, post_on=post_on) if state:
            return _billed(state, allocations, post_on, -1)
        case MatchFailed():
            return _wait(state or State(), event.subject, event.data)
        case AccrualProposed(journal=journal, reversal=reversal) if state:
            period = period_of(journal.posted_on)
            accruing = Accrual(journal.journal_id, reversal.journal_id, period, _as_of(state.received, period))
            return replace(state, accruing=accruing, accruals=state.accruals + 1)
        case EffectSettled(key=key, outcome=outcome) if state and state.accruing and outcome.status == "refused":
            return replace(state, accruing=None) if key == state.accruing.journal_id else state
        case AccrualPosted(journal_id=journal_id) if state:
            return _accrued(state, journal_id)
        case _:
            return state


def _placed(state: State, order: PurchaseOrder) -> State:
    received, billed = _as_of(state.received), _as_of(state.billed)
    lines = {line.line_id: _line(line, received, billed) for line in order.lines}
    placed = OrderPosition(order.order_id, order.supplier_id, order.currency, lines)
    if placed == state.position:
        return replace(state, repeated=True)
    return replace(
        state,
        position=placed,
        entity=order.entity,
        ordered_on=order.ordered_on,
        version=state.version + 1,
        repeated=False,
    )


def _changed(state: State, before: OrderPosition, change: OrderChange) -> State:
    """Lines as they stand from now on. What was received and billed stays; a line that falls away orders nothing more
    than was received of it."""
    if change.change_id in state.changes:
        return replace(state, repeated=True)
    received, billed = _as_of(state.received), _as_of(state.billed)
    lines = dict(before.lines) | {line.line_id: _line(line, received, billed) for line in change.lines}
    for line_id in lines if change.cancelled else change.deleted:
        if line := lines.get(line_id):
            lines[line_id] = replace(line, ordered=line.received)
    return replace(
        state,
        position=replace(before, lines=lines),
        changes=(*state.changes, change.change_id),
        repeated=False,
    )


def _line(line: OrderLine, received: Quantities, billed: Quantities) -> LinePosition:
    return LinePosition(
        line.quantity,
        line.unit,
        line.unit_price,
        line.receipt_required,
        received.get(line.line_id, ZERO),
        billed.get(line.line_id, ZERO),
    )


def _received(state: State, receipt: GoodsReceipt) -> State:
    """Count a delivery once, however many systems tell of it."""
    if receipt.receipt_id in state.receipts:
        return replace(state, repeated=True)
    came: Quantities = {}
    for line in receipt.lines:
        came[line.order_line_id] = EXACT.add(came.get(line.order_line_id, ZERO), line.quantity)
    return replace(
        state,
        entity=receipt.entity,
        position=_moved(state.position, came, received=True),
        received=_added(state.received, period_of(receipt.received_on), came),
        receipts=(*state.receipts, receipt.receipt_id),
        repeated=False,
    )


def _billed(state: State, allocations: tuple[Allocation, ...], post_on: date, sign: int) -> State:
    if state.position is None:
        return state
    came: Quantities = {}
    for allocation in allocations:
        if allocation.order_id == state.position.order_id:
            line = allocation.order_line_id
            quantity = allocation.quantity if sign > 0 else -allocation.quantity
            came[line] = EXACT.add(came.get(line, ZERO), quantity)
    return replace(
        state,
        position=_moved(state.position, came, received=False),
        billed=_added(state.billed, period_of(post_on), came),
    )


def _moved(before: OrderPosition | None, came: Quantities, *, received: bool) -> OrderPosition | None:
    if before is None:
        return None
    lines = dict(before.lines)
    for line_id, quantity in came.items():
        if line := lines.get(line_id):
            lines[line_id] = (
                replace(line, received=EXACT.add(line.received, quantity))
                if received
                else replace(line, billed=EXACT.add(line.billed, quantity))
            )
    return replace(before, lines=lines)


def _added(table: ByPeriod, period: str, came: Quantities) -> ByPeriod:
    row = dict(table.get(period, {}))
    for line_id, quantity in came.items():
        row[line_id] = EXACT.add(row.get(line_id, ZERO), quantity)
    return {**table, period: row}


def _as_of(table: ByPeriod, period: str = "9999-12") -> Quantities:
    """The cumulative quantities at the end of a period."""
    found: Quantities = {}
    for name, row in table.items():
        if name <= period:
            for line_id, quantity in row.items():
                found[line_id] = EXACT.add(found.get(line_id, ZERO), quantity)
    return found


def _wait(state: State, invoice_id: str, data: MatchFailed) -> State:
    """A credit note that gives back too much waits for its invoice; everything else for goods or the order."""
    state = _without(state, invoice_id)
    if any(problem.code is Code.CREDIT_OVER_BILLED for problem in data.verdict.problems):
        return replace(state, credits_waiting=(*state.credits_waiting, invoice_id)[:WAITING_MAX])
    return replace(state, waiting=(*state.waiting, invoice_id)[:WAITING_MAX])


def _without(state: State, invoice_id: str) -> State:
    if invoice_id in state.waiting:
        return replace(state, waiting=tuple(one for one in state.waiting if one != invoice_id))
    if invoice_id in state.credits_waiting:
        return replace(state, credits_waiting=tuple(one for one in state.credits_waiting if one != invoice_id))
    return state


def _accrued(state: State, journal_id: str) -> State:
    if state.accruing and state.accruing.journal_id == journal_id:
        accrual = state.accruing
        return replace(
            state,
            accruing=None,
            accrued_through=accrual.period,
            covered=accrual.covered,
            reversal_id=accrual.reversal_id,
        )
    return replace(state, reversal_id="") if journal_id == state.reversal_id else state


# ── decide ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def decide(state: State | None, event: Event, facts: Facts) -> Iterator[Output]:
    """What to ask of the world now."""
    if state is None:
        return
    match event.data:
        case OrderPlaced(order=order) if not state.repeated:
            yield from _create(state, event.subject, order, facts)
            waiting = (*state.waiting, *state.credits_waiting)
            yield from _recheck(waiting, f"order {order.order_id} changed", order.supplier_id, order.entity)
        case OrderChanged(change=change) if not state.repeated and state.position:
            waiting = (*state.waiting, *state.credits_waiting)
            yield from _recheck(waiting, f"order {change.order_id} changed", change.supplier_id, change.entity)
        case OrderResponded(response=response):
            yield from _answered(event.subject, response, facts)
        case GoodsReceived(receipt=receipt) if not state.repeated:
            yield from _record(state, event.subject, receipt, facts)
            told = f"goods came in with {receipt.receipt_id}"
            yield from _recheck(state.waiting, told, receipt.supplier_id, receipt.entity)
        case InvoiceMatched(verdict=verdict) if state.position:
            credit = any(allocation.quantity < 0 for allocation in verdict.allocations)
            waiting = state.waiting if credit else state.credits_waiting
            told = f"{event.subject} was matched"
            yield from _recheck(waiting, told, state.position.supplier_id, state.entity)
        case MatchReleased() if state.position:
            told = f"{event.subject} was cancelled"
            yield from _recheck(state.waiting, told, state.position.supplier_id, state.entity)
        case AccrualRequested(period=period):
            yield from _accrue(state, event.subject, period, facts)
        case EffectSettled(outcome=outcome, key=key) if outcome.status == "applied":
            if key == state.reversal_id or (state.accruing and key == state.accruing.journal_id):
                yield Emit(AccrualPosted(journal_id=key, number=outcome.reference))


def _answered(subject: str, response: OrderResponse, facts: Facts) -> Iterator[Output]:
    """The supplier takes the order as it is, or somebody in purchasing has to look at what it offers."""
    differing = [line for line in response.lines if line.status != "accepted"]
    if response.status in ("accepted", "received") and not differing:
        if is_open(facts, CaseClass.ORDER_RESPONSE, subject):
            yield settle_case(CaseClass.ORDER_RESPONSE, subject, f"{response.response_id} accepts the order")
        return
    lines = ", ".join(f"line {line.order_line_id} {line.status}" for line in differing[:10])
    words = "; ".join(part for part in (lines, response.note) if part)
    told = f"the supplier answers order {response.order_id} with {response.status}"
    case = Case(
        case_class=CaseClass.ORDER_RESPONSE,
        document=subject,
        entity=response.entity,
        supplier_id=response.supplier_id,
        reason=f"{told}: {words or 'no reason given'}",
    )
    yield open_case(case)


def _recheck(invoices: tuple[str, ...], reason: str, supplier_id: str, entity: str) -> Iterator[Output]:
    """Look at waiting invoices again, each in a message of its own: what the first one bills must count before the
    second one is looked at. (As derived facts of one message they would all see the same received goods.)"""
    for invoice_id in invoices:
        recheck, home = RecheckRequested(reason=reason), supplier_home(supplier_id)
        yield Send(recheck, invoice_id, home, entity=entity, correlation=invoice_id)


def _create(state: State, subject: str, order: PurchaseOrder, facts: Facts) -> Iterator[Output]:
    settings = facts.policy.entities.get(order.entity)
    if settings is None:
        yield open_case(_unknown_entity(subject, order))
        return
    if is_open(facts, CaseClass.ORDER_MISMATCH, subject):
        yield settle_case(CaseClass.ORDER_MISMATCH, subject, "the entity is in the policy now")
    before = _order_key(subject, state.version - 1)
    supplier = facts.state("supplier", order.supplier_id)
    yield Intent(
        connector=settings.erp,
        payload=CreateOrder(order=order),
        key=_order_key(subject, state.version),
        entity=order.entity,
        after=effect_id(settings.erp, CreateOrder.operation, before)
        if state.version > 1
        else upsert_id(supplier, order.supplier_id, settings.erp),
    )


def _order_key(subject: str, version: int) -> str:
    return f"{subject}/v{version}"


def _unknown_entity(subject: str, order: PurchaseOrder) -> Case:
    return Case(
        case_class=CaseClass.ORDER_MISMATCH,
        document=subject,
        entity=order.entity,
        reason=f"Order {order.order_id} is of entity {order.entity!r}, which the policy does not know.",
        problems=(Problem(Code.UNKNOWN_ENTITY, "entity", "an entity of the policy", order.entity),),
        supplier_id=order.supplier_id,
    )


def _record(state: State, subject: str, receipt: GoodsReceipt, facts: Facts) -> Iterator[Output]:
    """The ERP records a delivery after the order. An order that comes later will be its first version."""
    settings = facts.policy.entities.get(receipt.entity)
    if settings is not None:
        yield Intent(
            connector=settings.erp,
            payload=RecordReceipt(receipt=receipt),
            key=f"{subject}/{receipt.receipt_id}",
            entity=receipt.entity,
            after=effect_id(settings.erp, CreateOrder.operation, _order_key(subject, max(1, state.version))),
        )


# ── accruals ───────────────────────────────────────────────────────────────────────────────────────────────────────


def open_at(state: State, period: str) -> Quantities:
    """Received-not-invoiced quantities at the end of a period that no accrual covers."""
    if state.position is None or period < state.accrued_through:
        return {}
    received, billed = _as_of(state.received, period), _as_of(state.billed, period)
    again = period == state.accrued_through
    found: Quantities = {}
    for line_id, line in state.position.lines.items():
        if not line.receipt_required:
            continue
        came, gone = received.get(line_id, ZERO), billed.get(line_id, ZERO)
        quantity = EXACT.subtract(came, gone)
        if again:
            quantity = min(quantity, EXACT.subtract(came, state.covered.get(line_id, ZERO)))
        if quantity > 0:
            found[line_id] = quantity
    return found


def value_of(state: State, quantities: Mapping[str, Decimal]) -> Money:
    """Order price times quantity, each line rounded to the minor unit."""
    assert state.position is not None
    currency, lines = state.position.currency, state.position.lines
    return total(
        (Money.rounded(multiply(lines[line].unit_price, quantity), currency) for line, quantity in quantities.items()),
        currency,
    )


def _accrue(state: State, subject: str, period: str, facts: Facts) -> Iterator[Output]:
    """Propose the accrual of one period with its reversal. One at a time; what is covered is not accrued again."""
    if state.position is None or state.accruing:
        return
    amount = value_of(state, open_at(state, period))
    settings = facts.policy.entities.get(state.entity)
    if not amount or settings is None:
        return
    journal, reversal = _journals(state, subject, period, amount, facts)
    yield Emit(AccrualProposed(journal=journal, reversal=reversal))
    for entry in (journal, reversal):
        yield Intent(
            connector=settings.erp,
            payload=PostJournal(journal=entry),
            key=entry.journal_id,
            entity=state.entity,
            after=effect_id(settings.erp, PostJournal.operation, entry.reverses) if entry.reverses else "",
            priority=3,
        )


def _journals(
    state: State, subject: str, period: str, amount: Money, facts: Facts
) -> tuple[JournalEntry, JournalEntry]:
    assert state.position is not None
    order_id, number = state.position.order_id, str(state.accruals + 1)
    expense, accrued = facts.policy.expense_account, facts.policy.accrual_account
    text = f"Received not invoiced, order {order_id}, {period}"
    journal = JournalEntry(
        journal_id=derive("acr", subject, period, number),
        entity=state.entity,
        posted_on=last_day(period),
        text=text,
        lines=(JournalLine(account=expense, amount=amount), JournalLine(account=accrued, amount=-amount)),
    )
    reversal = JournalEntry(
        journal_id=derive("rev", subject, period, number),
        entity=state.entity,
        posted_on=first_day(next_period(period)),
        text=f"Reversal: {text}",
        lines=(JournalLine(account=expense, amount=-amount), JournalLine(account=accrued, amount=amount)),
        reverses=journal.journal_id,
    )
    return journal, reversal


def stands(subject: str, state: State) -> Iterator[Standing]:
    """The balance of received-not-invoiced goods at the end of each period that has to accrue it."""
    if state.position is None:
        return
    for period in _periods(state):
        if amount := value_of(state, open_at(state, period)):
            yield Standing("unaccrued", state.entity, period, subject, amount)


def _periods(state: State) -> list[str]:
    """Periods in which goods came in, and after an accrual the one it was reversed in."""
    periods = set(state.received)
    if state.accrued_through:
        periods.add(next_period(state.accrued_through))
        periods.add(state.accrued_through)
    return sorted(periods)


# ── what pages see ─────────────────────────────────────────────────────────────────────────────────────────────────


def show(subject: str, state: State) -> Row | None:
    """The row of the order list."""
    known, periods = state.position, _periods(state)
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
        "unaccrued_minor": value_of(state, open_at(state, periods[-1])).minor if periods else 0,
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
