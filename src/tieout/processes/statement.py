"""The statements of one of our own bank accounts: an unbroken chain in which every entry finds its payment or a person.

::

    StatementReceived ─► right in itself? ─► waiting ─► continues the last one? ─► accepted: entries to payments,
                             │ no                          │ no                            statement to the ERP
                             └─► refused, gap case         └─► gap case; kept (at most 31) until the missing one
                                                               arrives or a person accepts the gap

The first statement of an account is taken as it is. A statement continues the last accepted one when it opens with
the balance that one closed with, and not before that day. Balances cannot tell that a statement is missing which
opens and closes with the same balance (a day without movement, a pooled account that is swept to zero). When such a
one comes late it is *inserted* where it belongs, and its entries are taken like any other's.

A person may load a statement when the bank's own channel is silent. What the bank then tells otherwise under the same
number *overrules* it: the bank's takes its place, or, when the balances differ, that file leaves the chain together
with what files of people were built on it. A case says so either way. A person overrules nobody and the bank does not
overrule itself: the first stands, and the other is a case.

Every booked entry that carries one of our payment ids (``pay-…``) goes to that payment. Any other is *unmatched*: a
second small process, ``entry``, has one state for each, under the id of its case, until the case is settled.

``book_statement`` is asked of the ERP for every accepted statement in order, each after the one before it. Its
payments may still be on their way there: the connector answers ``Retry`` until the ERP knows a payment that an entry
names, so nothing here has to list up to thousands of effects to wait for.
"""

from collections.abc import Iterable, Iterator
from datetime import date, timedelta
from itertools import pairwise

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from tieout.kernel.clock import period_of
from tieout.kernel.ids import fingerprint
from tieout.kernel.money import Money, total
from tieout.kernel.problem import Code, Problem
from tieout.model.cases import Case, CaseClass
from tieout.model.documents import BankStatement, StatementEntry
from tieout.model.effects import BookStatement, effect_id
from tieout.model.events import Event, Ref
from tieout.model.facts import (
    CaseSettled,
    EntriesNotified,
    EntryExplained,
    EntryUnmatched,
    GapAccepted,
    PaymentEntryBooked,
    StatementAccepted,
    StatementGapFound,
    StatementOverruled,
    StatementReceived,
)
from tieout.policy.duties import is_person, same_actor, shown
from tieout.processes.case import case_id, is_open, open_case, settle_case
from tieout.processes.payment import systems_of
from tieout.processes.process import Emit, Facts, Intent, Output, Process, Row, Send, Standing, by_subject

#: So many statements may wait for a missing one: a month of days.
WAITING_MAX = 31
#: So many accepted statements are remembered, to know a repetition from a statement that we never saw.
KNOWN_MAX = 93
#: So many unmatched entries of one statement are worked one by one.
UNMATCHED_MAX = 100
OURS = "pay-"
BOOKED = "BOOK"


class Known(Struct, frozen=True, array_like=True):
    """An accepted statement: its content's fingerprint, how it ended, and who told it."""

    statement_id: str
    mark: str
    closed_on: date
    closing: Money
    told_by: str = ""


class State(Struct, frozen=True, omit_defaults=True):
    """Where an account stands: the end of the chain, what waits behind a gap, and what was refused (id → its day).

    ``known`` are the last accepted ones, the newest first.
    ``moved_by`` is the event that last brought a new statement: a repetition is told by it. ``told_by`` says who told
    those that wait (id → actor); ``retold_by`` is the event that last told an accepted one by somebody else.
    ``overruled`` are files of people that the bank contradicted, until its own are accepted in their place.
    """

    entity: str
    currency: str
    statement_id: str = ""
    closing: Money | None = None
    closed_on: date | None = None
    known: tuple[Known, ...] = ()
    waiting: tuple[BankStatement, ...] = ()
    refused: dict[str, date] = {}
    unmatched: int = 0
    moved_by: str = ""
    told_by: dict[str, str] = {}
    retold_by: str = ""
    overruled: tuple[Known, ...] = ()


# ── where it stands ────────────────────────────────────────────────────────────────────────────────────────────────


def evolve(state: State | None, event: Event) -> State | None:
    """Where the account stands after an event."""
    match event.data:
        case StatementReceived(statement=statement, entity=entity):
            return _kept(state or State(entity, statement.currency), event, statement)
        case StatementOverruled(statement=statement) if state:
            return _overruled(state, event, statement)
        case StatementAccepted(statement_id=statement_id) if state:
            return _accepted(state, statement_id)
        case GapAccepted(statement_id=statement_id) if state:
            found = next((one for one in state.waiting if one.statement_id == statement_id), None)
            return replace(state, closing=found.opening, closed_on=found.opened_on) if found else state
        case EntryUnmatched() if state:
            return replace(state, unmatched=state.unmatched + 1)
        case EntryExplained() if state:
            return replace(state, unmatched=state.unmatched - 1)
        case _:
            return state


def _kept(state: State, event: Event, statement: BankStatement) -> State:
    """Keep a new statement until its place in the chain is known; one that contradicts itself is only noted."""
    named, full = statement.statement_id, len(state.waiting) >= WAITING_MAX
    if held := _held(state, named):
        return _retold(state, event, statement) if held == _mark(statement) else state
    if _is_past(state, statement) and not _slot(state, statement):
        return state
    if not _contradictions(state, statement):
        told_by = {**state.told_by, named: event.actor}
        waiting = (*state.waiting, statement)
        return state if full else replace(state, waiting=waiting, told_by=told_by, moved_by=event.event_id)
    if named in state.refused or len(state.refused) >= WAITING_MAX:
        return state
    return replace(state, refused={**state.refused, named: statement.closed_on}, moved_by=event.event_id)


def _retold(state: State, event: Event, statement: BankStatement) -> State:
    """The same statement told by somebody else. The word of a machine is not replaced by that of a person."""
    named, teller = statement.statement_id, event.actor

    def counts(before: str) -> bool:
        return bool(before) and not same_actor(before, teller) and (is_person(before) or not is_person(teller))

    if named in state.told_by:
        told_by = {**state.told_by, named: teller} if counts(state.told_by[named]) else state.told_by
        return replace(state, told_by=told_by)
    known = tuple(
        replace(one, told_by=teller) if one.statement_id == named and counts(one.told_by) else one
        for one in state.known
    )
    return state if known == state.known else replace(state, known=known, retold_by=event.event_id)


def _overrules(state: State, teller: str, statement: BankStatement) -> bool:
    """Whether the bank's own channel tells otherwise than a person did under the same number."""
    held = _told(state, statement.statement_id)
    if held is None or held.mark == _mark(statement) or _contradictions(state, statement):
        return False
    return is_person(held.told_by) and not is_person(teller)


def _told(state: State, statement_id: str) -> Known | None:
    """What we hold under this id, accepted or waiting, and who told it."""
    for known in state.known:
        if known.statement_id == statement_id:
            return known
    for one in state.waiting:
        if one.statement_id == statement_id:
            return _known(one, state.told_by.get(statement_id, ""))
    return None


def _known(statement: BankStatement, teller: str) -> Known:
    return Known(statement.statement_id, _mark(statement), statement.closed_on, statement.closing, teller)


def _overruled(state: State, event: Event, statement: BankStatement) -> State:
    """The bank's own waits for its turn, which comes at once where it fits; what people told otherwise is set aside."""
    named, aside = statement.statement_id, _set_aside(state, statement)
    state = _back_to(state, state.known[len(aside) :]) if aside else state
    held = _told(state, named)
    return replace(
        state,
        waiting=(*(one for one in state.waiting if one.statement_id != named), statement),
        told_by={**state.told_by, named: event.actor},
        overruled=(*state.overruled, *(aside or filter(None, [held]))),
    )


def _back_to(state: State, known: tuple[Known, ...]) -> State:
    """The chain as it was when the first of these was the last accepted one."""
    if not known:
        return replace(state, known=(), statement_id="", closing=None, closed_on=None)
    last = known[0]
    return replace(state, known=known, statement_id=last.statement_id, closing=last.closing, closed_on=last.closed_on)


def _set_aside(state: State, statement: BankStatement) -> tuple[Known, ...]:
    """What leaves the chain when the bank's own has other balances than the file it overrules: that file, and what
    people built on it. Nothing does when the bank itself has gone on from there."""
    named = statement.statement_id
    place = next((place for place, one in enumerate(state.known) if one.statement_id == named), None)
    if place is None:
        return ()
    built, before = state.known[: place + 1], state.known[place + 1 :]
    stays = _fits(statement, built[-1], before) or not all(is_person(one.told_by) for one in built)
    return () if stays else built


def _fits(statement: BankStatement, held: Known, before: tuple[Known, ...]) -> bool:
    """Whether it opens and closes as the one that it stands in for."""
    closes = (statement.closing, statement.closed_on) == (held.closing, held.closed_on)
    return closes and (not before or statement.opening == before[0].closing)


def _accepted(state: State, statement_id: str) -> State:
    statement = next(one for one in state.waiting if one.statement_id == statement_id)
    overruled = tuple(one for one in state.overruled if one.statement_id != statement_id)
    waiting = tuple(one for one in state.waiting if one is not statement)
    teller = state.told_by.get(statement_id, "")
    told_by = {named: by for named, by in state.told_by.items() if named != statement_id}
    state = replace(state, told_by=told_by, overruled=overruled)
    entry = _known(statement, teller)
    if _stands_in(state, statement):
        known = tuple(entry if one.statement_id == statement_id else one for one in state.known)
        return replace(state, known=known, waiting=waiting)
    if not _continues(statement, state.closing, state.closed_on):
        slot = _slot(state, statement)
        return replace(state, known=(*state.known[:slot], entry, *state.known[slot:])[:KNOWN_MAX], waiting=waiting)
    return replace(
        state,
        statement_id=statement_id,
        closing=statement.closing,
        closed_on=statement.closed_on,
        known=(entry, *state.known)[:KNOWN_MAX],
        waiting=waiting,
        refused={known: day for known, day in state.refused.items() if day > statement.closed_on},
        overruled=tuple(one for one in overruled if one.closed_on >= statement.closed_on),
    )


def _mark(statement: BankStatement) -> str:
    return fingerprint(msgspec.json.encode(statement))[:16]


def _held(state: State, statement_id: str) -> str:
    """The fingerprint of the statement that we hold under this id, accepted or waiting; empty when there is none."""
    held = _told(state, statement_id)
    return held.mark if held else ""


def _is_past(state: State, statement: BankStatement) -> bool:
    """It ends before the last accepted one ended, so it cannot be what is missing."""
    return state.closed_on is not None and statement.closed_on < state.closed_on


def _slot(state: State, statement: BankStatement) -> int:
    """Where in the known ones a late statement belongs that moved the balance by nothing; 0 when nowhere."""
    if statement.opening != statement.closing:
        return 0
    for slot, (later, earlier) in enumerate(pairwise(state.known), 1):
        between = earlier.closed_on <= statement.opened_on and statement.closed_on <= later.closed_on
        if between and earlier.closing == statement.opening:
            return slot
    return 0


def _contradictions(state: State, statement: BankStatement) -> tuple[Problem, ...]:
    """What is wrong with a statement in itself: another currency than the account's, or a sum that is not its own."""
    where = statement.statement_id
    amounts = (statement.opening, *(entry.amount for entry in statement.entries if entry.status == BOOKED))
    currencies = {state.currency, statement.closing.currency, *(amount.currency for amount in amounts)}
    if len(currencies) > 1:
        return (Problem(Code.CURRENCY_MISMATCH, where, state.currency, ", ".join(sorted(currencies))),)
    computed, declared = total(amounts, state.currency), statement.closing
    if computed != declared:
        wrong = "its opening balance and its entries do not give its closing balance"
        return (Problem(Code.STATEMENT_DISAGREES, where, str(computed), str(declared), detail=wrong),)
    return ()


def chain(state: State) -> tuple[BankStatement, ...]:
    """The waiting statements that continue the last accepted one, in the order in which they do."""
    found: list[BankStatement] = []
    closing, closed_on = state.closing, state.closed_on
    new = (one for one in state.waiting if not _stands_in(state, one))
    waiting = sorted(new, key=lambda one: (one.opened_on, one.closed_on, one.statement_id))
    while following := next((one for one in waiting if _continues(one, closing, closed_on)), None):
        found.append(following)
        waiting.remove(following)
        closing, closed_on = following.closing, following.closed_on
    return tuple(found)


def inserted(state: State) -> tuple[BankStatement, ...]:
    """The waiting statements that came late and have their place in the chain: they moved the balance by nothing, or
    stand in for a file that they overruled."""

    def has_place(one: BankStatement) -> bool:
        late = not _continues(one, state.closing, state.closed_on)
        return _stands_in(state, one) or (late and _slot(state, one) > 0)

    return tuple(filter(has_place, state.waiting))


def _stands_in(state: State, statement: BankStatement) -> bool:
    """Whether another content is accepted under its number, which it has overruled."""
    return any(one.statement_id == statement.statement_id for one in state.known)


def _continues(statement: BankStatement, closing: Money | None, closed_on: date | None) -> bool:
    if closing is None or closed_on is None:
        return True
    return statement.opening == closing and statement.opened_on >= closed_on


# ── what to do ─────────────────────────────────────────────────────────────────────────────────────────────────────


def decide(state: State | None, event: Event, facts: Facts) -> Iterator[Output]:
    """What to ask of the world after an event. A repeated statement asks for nothing."""
    match event.data:
        case StatementReceived(statement=statement) if state:
            yield from _received(state, event, statement, facts)
        case StatementOverruled(statement=statement) if state:
            yield from _take_turn(state, statement, facts)
        case GapAccepted() if state:
            yield from _go_on(state, event.subject, facts)
        case EntriesNotified(entries=entries, entity=entity):
            yield from _to_payments(entries, "", entity, event.actor)
        case _:
            return


def _received(state: State, event: Event, statement: BankStatement, facts: Facts) -> Iterator[Output]:
    named = statement.statement_id
    if state.moved_by == event.event_id and (problems := _contradictions(state, statement)):
        yield from _gap(state, statement, statement.iban, problems)
    elif state.moved_by == event.event_id:
        yield from _take_turn(state, statement, facts)
    elif state.retold_by == event.event_id:
        yield from _to_payments(statement.entries, named, state.entity, event.actor, again=True)
    elif _overrules(state, event.actor, statement):
        yield from _overrule(state, statement)
    elif held := _held(state, named):
        if held != _mark(statement):
            detail = "another content was received under the same id before; nothing was taken from this one"
            problem = Problem(Code.STATEMENT_DISAGREES, named, detail=detail)
            yield from _gap(state, statement, f"{statement.iban}/{named}", (problem,))
    elif _is_past(state, statement):
        detail = "it was not known, and later ones were accepted already; nothing was taken from it"
        problem = Problem(
            Code.STATEMENT_GAP, named, f"later than {state.closed_on}", str(statement.closed_on), detail=detail
        )
        yield from _gap(state, statement, f"{statement.iban}/{named}", (problem,))
    elif named not in state.refused:
        detail = f"{WAITING_MAX} statements wait already; load the missing one, then this one again"
        yield from _gap(state, statement, statement.iban, (Problem(Code.STATEMENT_GAP, named, detail=detail),))


def _take_turn(state: State, statement: BankStatement, facts: Facts) -> Iterator[Output]:
    """A new statement waits: it is its turn, or one before it is missing."""
    yield from _go_on(state, statement.iban, facts)
    if statement not in (*inserted(state), *chain(state)):
        yield from _gap(state, statement, statement.iban, (_missing(state, statement),))


def _overrule(state: State, statement: BankStatement) -> Iterator[Output]:
    """A person told otherwise than the bank: the bank's word counts, and people look at what rests on the other."""
    named, held = statement.statement_id, _told(state, statement.statement_id)
    assert held is not None, "only what we hold is overruled"
    others = [one.statement_id for one in _set_aside(state, statement) if one.statement_id != named]
    detail = (
        f"{shown(held.told_by)} had loaded another content under this number. The bank's own counts now. See which "
        "payments and cases rest on the other, and correct what the ERP has booked of it"
    )
    if others:
        detail += f"; set aside with it, until the bank's own come: {', '.join(reversed(others))}"
    problem = Problem(Code.STATEMENT_DISAGREES, named, str(statement.closing), str(held.closing), detail=detail)
    yield Emit(StatementOverruled(statement=statement, loaded_by=held.told_by), statement.iban)
    yield _gap_case(state, f"{statement.iban}/{named}", (problem,))


def _go_on(state: State, iban: str, facts: Facts) -> Iterator[Output]:
    """Accept every waiting statement whose turn has come."""
    late, following = inserted(state), chain(state)
    last = state.statement_id
    for statement in (*late, *following):
        yield Emit(StatementAccepted(statement_id=statement.statement_id), iban)
        named, teller = statement.statement_id, state.told_by.get(statement.statement_id, "")
        instead = not is_person(teller) and any(one.statement_id == named for one in state.overruled)
        yield from _to_payments(statement.entries, named, state.entity, teller, instead=instead)
        yield from _unmatched(state, statement, facts)
        yield _book(state, statement, last, facts)
        last = statement.statement_id if statement in following else last
    ended_on = following[-1].closed_on if following else state.closed_on
    refused = any(ended_on is None or day > ended_on for day in state.refused.values())
    whole = len(late) + len(following) == len(state.waiting) and not refused
    if whole and is_open(facts, CaseClass.STATEMENT_GAP, iban):
        yield settle_case(CaseClass.STATEMENT_GAP, iban, f"the chain is whole again up to statement {last}")


def _missing(state: State, statement: BankStatement) -> Problem:
    expected = f"{state.closing} or later than {state.closed_on}"
    detail = f"statement {state.statement_id} closed with {state.closing}; a statement is probably missing between them"
    actual = f"{statement.opening} on {statement.opened_on}"
    return Problem(Code.STATEMENT_GAP, statement.statement_id, expected, actual, detail=detail)


def _gap(state: State, statement: BankStatement, document: str, problems: tuple[Problem, ...]) -> Iterator[Output]:
    yield Emit(StatementGapFound(statement_id=statement.statement_id, problems=problems), statement.iban)
    yield _gap_case(state, document, problems)


def _gap_case(state: State, document: str, problems: tuple[Problem, ...]) -> Emit:
    case = Case(
        case_class=CaseClass.STATEMENT_GAP,
        document=document,
        entity=state.entity,
        reason="; ".join(str(problem) for problem in problems),
        problems=problems,
    )
    return open_case(case)


def _is_ours(entry: StatementEntry) -> bool:
    return entry.end_to_end_id.startswith(OURS)


def _to_payments(
    entries: Iterable[StatementEntry],
    statement_id: str,
    entity: str,
    teller: str,
    *,
    again: bool = False,
    instead: bool = False,
) -> Iterator[Send]:
    """Hand booked entries to the payments that they name; a payment knows an entry that it has already seen.

    Told ``instead`` of a person's file, the first of its kind is the one that the file may have told; a second is new.
    """
    seen: set[tuple[str, Money]] = set()
    for entry in entries:
        if entry.status == BOOKED and _is_ours(entry):
            kind = (entry.end_to_end_id, entry.amount)
            data = PaymentEntryBooked(
                entry=entry,
                statement_id=statement_id,
                told_by=teller,
                again=again,
                instead=instead and kind not in seen,
            )
            seen.add(kind)
            yield Send(data, ref=Ref("bank", entry.end_to_end_id), entity=entity)


def _unexplained(statement: BankStatement) -> list[StatementEntry]:
    """Booked entries that name no payment of ours; what is more than people can work goes together as one."""
    found = [entry for entry in statement.entries if entry.status == BOOKED and not _is_ours(entry)]
    rest = found[UNMATCHED_MAX:]
    if not rest:
        return found
    together = StatementEntry(
        entry_id="rest",
        amount=total((entry.amount for entry in rest), statement.currency),
        booked_on=statement.closed_on,
        remittance=f"{len(rest):,} more entries of statement {statement.statement_id}",
    )
    return [*found[:UNMATCHED_MAX], together]


def _unseen(statement: BankStatement, facts: Facts) -> Iterator[StatementEntry]:
    """What is not explained and is no case yet: a file that was overruled may have told the same, or another under the
    same id, which keeps its case."""
    for entry in _unexplained(statement):
        document = f"{statement.iban}/{statement.statement_id}/{entry.entry_id}"
        told: EntryState | None = facts.state("entry", case_id(CaseClass.UNMATCHED_ENTRY, document))
        if told is None:
            yield entry
        elif (told.amount, told.booked_on) != (entry.amount, entry.booked_on):
            yield replace(entry, entry_id=f"{entry.entry_id}/bank")


def _unmatched(state: State, statement: BankStatement, facts: Facts) -> Iterator[Output]:
    for entry in _unseen(statement, facts):
        document = f"{statement.iban}/{statement.statement_id}/{entry.entry_id}"
        detail = " ".join(text for text in (entry.counterparty, entry.remittance) if text)
        problem = Problem(Code.ENTRY_UNMATCHED, entry.entry_id, "a payment of ours", str(entry.amount), detail=detail)
        case = Case(
            case_class=CaseClass.UNMATCHED_ENTRY,
            document=document,
            entity=state.entity,
            reason=str(problem),
            problems=(problem,),
            amount=entry.amount,
        )
        fact = EntryUnmatched(
            iban=statement.iban, entity=state.entity, statement_id=statement.statement_id, entry=entry
        )
        yield Emit(fact, case_id(CaseClass.UNMATCHED_ENTRY, document))
        yield open_case(case)


def _book(state: State, statement: BankStatement, last: str, facts: Facts) -> Intent:
    erp = systems_of(facts.policy, state.entity).erp
    return Intent(
        connector=erp,
        payload=BookStatement(entity=state.entity, statement=statement),
        key=f"{statement.iban}/{statement.statement_id}",
        entity=state.entity,
        after=effect_id(erp, BookStatement.operation, f"{statement.iban}/{last}") if last else "",
    )


# ── what people see ────────────────────────────────────────────────────────────────────────────────────────────────


def show(subject: str, state: State) -> Row:
    """The row of the list of accounts."""
    return {
        "entity": state.entity,
        "currency": state.currency,
        "statement_id": state.statement_id,
        "closing_minor": state.closing.minor if state.closing else 0,
        "closed_on": state.closed_on.isoformat() if state.closed_on else "",
        "gaps": len(state.waiting) + len(state.refused),
        "unmatched": state.unmatched,
    }


def stands(subject: str, state: State) -> Iterator[Standing]:
    """A gap stands in the period of the first day of which we know nothing, for the amount that is not explained."""
    days = [*(one.opened_on for one in state.waiting), *state.refused.values()]
    if days:
        unknown_from = state.closed_on + timedelta(days=1) if state.closed_on else min(days)
        amount = state.waiting[0].opening - state.closing if state.waiting and state.closing else None
        amount = amount or Money.zero(state.currency)
        yield Standing("statement_gap", state.entity, period_of(unknown_from), subject, amount)


def _of_account(event: Event) -> tuple[str, ...]:
    """The account that a fact about an entry belongs to, whatever the fact's own subject is."""
    return (event.data.iban,) if isinstance(event.data, EntryUnmatched) else (event.subject,)


PROCESS = Process(
    name="statement",
    state=State,
    routes={
        StatementReceived: by_subject,
        StatementAccepted: by_subject,
        StatementOverruled: by_subject,
        EntriesNotified: by_subject,
        GapAccepted: by_subject,
        EntryUnmatched: _of_account,
        EntryExplained: by_subject,
    },
    evolve=evolve,
    decide=decide,
    view="account",
    show=show,
    stands=stands,
)


# ── entries that nobody can explain yet ────────────────────────────────────────────────────────────────────────────


class EntryState(Struct, frozen=True):
    """A statement entry that explains no payment of ours. ``open`` until its case is settled."""

    iban: str
    entity: str
    statement_id: str
    entry_id: str
    booked_on: date
    amount: Money
    settled_by: str = ""


def evolve_entry(state: EntryState | None, event: Event) -> EntryState | None:
    """Where an unmatched entry stands after an event: it is there until its case is settled."""
    match event.data:
        case EntryUnmatched() as data if state is None:
            entry = data.entry
            return EntryState(data.iban, data.entity, data.statement_id, entry.entry_id, entry.booked_on, entry.amount)
        case CaseSettled() if state and not state.settled_by:
            return replace(state, settled_by=event.event_id)
        case _:
            return state


def decide_entry(state: EntryState | None, event: Event, facts: Facts) -> Iterator[Output]:
    """Once its case is settled, the account has one unexplained entry less."""
    if state and state.settled_by == event.event_id:
        yield Emit(EntryExplained(statement_id=state.statement_id, entry_id=state.entry_id), state.iban)


def stands_entry(subject: str, state: EntryState) -> Iterator[Standing]:
    """It stands in the period in which the bank booked it."""
    if not state.settled_by:
        item = f"{state.iban}/{state.statement_id}/{state.entry_id}"
        yield Standing("unmatched_entry", state.entity, period_of(state.booked_on), item, state.amount)


ENTRY = Process(
    name="entry",
    state=EntryState,
    routes={EntryUnmatched: by_subject, CaseSettled: by_subject},
    evolve=evolve_entry,
    decide=decide_entry,
    stands=stands_entry,
)
