"""A statement's turn has come: it takes its place in the chain, and its entries and the ERP are told."""

from collections.abc import Iterator

from msgspec.structs import replace

from tieout.model.cases import CaseClass
from tieout.model.documents import BankStatement
from tieout.model.facts import StatementAccepted
from tieout.policy.duties import is_person
from tieout.processes.case import is_open, settle_case
from tieout.processes.process import Emit, Facts, Output
from tieout.processes.statement.booking import book
from tieout.processes.statement.cases import gap, missing
from tieout.processes.statement.chain import continues, continuing, inserted, slot_of, stands_in
from tieout.processes.statement.entries import to_payments
from tieout.processes.statement.state import KNOWN_MAX, State, known_as
from tieout.processes.statement.unmatched import ask_people


def accepted(state: State, statement_id: str) -> State:
    """Where the account stands with one more accepted: at its end, in a slot before it, or in another's place."""
    statement = next(one for one in state.waiting if one.statement_id == statement_id)
    overruled = tuple(one for one in state.overruled if one.statement_id != statement_id)
    waiting = tuple(one for one in state.waiting if one is not statement)
    teller = state.told_by.get(statement_id, "")
    told_by = {named: by for named, by in state.told_by.items() if named != statement_id}
    state = replace(state, told_by=told_by, overruled=overruled)
    entry = known_as(statement, teller)
    if stands_in(state, statement):
        known = tuple(entry if one.statement_id == statement_id else one for one in state.known)
        return replace(state, known=known, waiting=waiting)
    if not continues(statement, state.closing, state.closed_on):
        slot = slot_of(state, statement)
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


def take_turn(state: State, statement: BankStatement, facts: Facts) -> Iterator[Output]:
    """A new statement waits: it is its turn, or one before it is missing."""
    yield from go_on(state, statement.iban, facts)
    if statement not in (*inserted(state), *continuing(state)):
        yield from gap(state, statement, statement.iban, (missing(state, statement),))


def go_on(state: State, iban: str, facts: Facts) -> Iterator[Output]:
    """Accept every waiting statement whose turn has come."""
    late, following = inserted(state), continuing(state)
    last = state.statement_id
    for statement in (*late, *following):
        yield Emit(StatementAccepted(statement_id=statement.statement_id), iban)
        named, teller = statement.statement_id, state.told_by.get(statement.statement_id, "")
        instead = not is_person(teller) and any(one.statement_id == named for one in state.overruled)
        yield from to_payments(statement.entries, named, state.entity, teller, instead=instead)
        yield from ask_people(state, statement, facts)
        yield book(state, statement, last, facts)
        last = statement.statement_id if statement in following else last
    ended_on = following[-1].closed_on if following else state.closed_on
    refused = any(ended_on is None or day > ended_on for day in state.refused.values())
    whole = len(late) + len(following) == len(state.waiting) and not refused
    if whole and is_open(facts, CaseClass.STATEMENT_GAP, iban):
        yield settle_case(CaseClass.STATEMENT_GAP, iban, f"the chain is whole again up to statement {last}")
