"""Received-not-invoiced goods: what stands at the end of a period, its accrual and the reversal."""

from collections.abc import Iterator, Mapping
from decimal import Decimal

from msgspec.structs import replace

from tieout.kernel.ids import derive
from tieout.kernel.money import EXACT, Money, priced, total
from tieout.model.documents import (
    JournalEntry,
    JournalLine,
)
from tieout.model.effects import PostJournal, effect_id
from tieout.model.facts import (
    AccrualProposed,
)
from tieout.processes.order.state import (
    ZERO,
    Amounts,
    Quantities,
    State,
    as_of,
    first_day,
    last_day,
    minor_as_of,
    next_period,
)
from tieout.processes.process import Emit, Facts, Intent, Output, Standing


def open_at(state: State, period: str) -> Quantities:
    """Received-not-invoiced quantities at the end of a period that no accrual covers."""
    if state.position is None or period < state.accrued_through:
        return {}
    received, billed = as_of(state.received, period), as_of(state.billed, period)
    covered = state.covered if period == state.accrued_through else {}
    found: Quantities = {}
    for line_id, came in received.items():
        line = state.position.lines.get(line_id)
        if line is None or not line.receipt_required:
            continue
        gone = billed.get(line_id, ZERO)
        quantity = EXACT.subtract(came, max(gone, covered.get(line_id, ZERO)))
        if quantity > 0:
            found[line_id] = quantity
    return found


def amounts_open_at(state: State, period: str) -> Amounts:
    """Net amounts of services that were accepted and not invoiced at the end of a period, and no accrual covers."""
    if state.position is None or period < state.accrued_through:
        return {}
    received, billed = minor_as_of(state.received_minor, period), minor_as_of(state.billed_minor, period)
    covered = state.covered_minor if period == state.accrued_through else {}
    found: Amounts = {}
    for line_id, came in received.items():
        line = state.position.lines.get(line_id)
        if line and line.receipt_required:
            minor = came - max(billed.get(line_id, 0), covered.get(line_id, 0))
            if minor > 0:
                found[line_id] = minor
    return found


def unaccrued(state: State, period: str) -> Money:
    """What was received and not invoiced at the end of a period, and no accrual covers."""
    assert state.position is not None
    services = sum(amounts_open_at(state, period).values())
    return value_of(state, open_at(state, period)) + Money(services, state.position.currency)


def value_of(state: State, quantities: Mapping[str, Decimal]) -> Money:
    """Order price times quantity, each line rounded to the minor unit."""
    assert state.position is not None
    currency, lines = state.position.currency, state.position.lines
    worth = (
        priced(quantity, lines[line].unit_price, lines[line].price_per, currency)
        for line, quantity in quantities.items()
    )
    return total(worth, currency)


def accrue(state: State, subject: str, period: str, facts: Facts) -> Iterator[Output]:
    """Propose the accrual of one period with its reversal. One at a time; what is covered is not accrued again."""
    if state.position is None or state.accruing:
        return
    amount = unaccrued(state, period)
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
    for period in periods(state):
        if amount := unaccrued(state, period):
            yield Standing("unaccrued", state.entity, period, subject, amount)


def periods(state: State) -> list[str]:
    """Periods in which goods came in, and after an accrual the one it was reversed in."""
    periods = set(state.received) | set(state.received_minor)
    if state.accrued_through:
        periods.add(next_period(state.accrued_through))
        periods.add(state.accrued_through)
    return sorted(periods)


def uncovered(state: State, period: str, came: Quantities, worth: Amounts) -> State:
    """The order when something is not billed after all: the accrual of its period took it as billed, so no journal
    covers it. ``came`` and ``worth`` are below nothing."""
    if period <= state.accrued_through:
        covered, covered_minor = _less(state.covered, came), _less_minor(state.covered_minor, worth)
        state = replace(state, covered=covered, covered_minor=covered_minor)
    if state.accruing and period <= state.accruing.period:
        covered, covered_minor = _less(state.accruing.covered, came), _less_minor(state.accruing.covered_minor, worth)
        state = replace(state, accruing=replace(state.accruing, covered=covered, covered_minor=covered_minor))
    return state


def _less(covered: Quantities, came: Quantities) -> Quantities:
    return {line_id: EXACT.add(before, came.get(line_id, ZERO)) for line_id, before in covered.items()}


def _less_minor(covered: Amounts, worth: Amounts) -> Amounts:
    return {line_id: before + worth.get(line_id, 0) for line_id, before in covered.items()}


def accrued(state: State, journal_id: str) -> State:
    if state.accruing and state.accruing.journal_id == journal_id:
        accrual = state.accruing
        return replace(
            state,
            accruing=None,
            accrued_through=accrual.period,
            covered=accrual.covered,
            covered_minor=accrual.covered_minor,
            reversal_id=accrual.reversal_id,
        )
    return replace(state, reversal_id="") if journal_id == state.reversal_id else state
