"""A statement is told: it is new, it is told again, it contradicts what is held, or it comes too late."""

from collections.abc import Iterator

from msgspec.structs import replace

from tieout.kernel.problem import Code, Problem
from tieout.model.documents import BankStatement
from tieout.model.events import Event
from tieout.policy.duties import is_person, same_actor
from tieout.processes.process import Facts, Output
from tieout.processes.statement.accepting import take_turn
from tieout.processes.statement.cases import gap
from tieout.processes.statement.chain import contradictions, is_past, slot_of
from tieout.processes.statement.entries import to_payments
from tieout.processes.statement.overruling import overrule, overrules
from tieout.processes.statement.state import WAITING_MAX, State, held_mark, mark_of


def kept(state: State, event: Event, statement: BankStatement) -> State:
    """Keep a new statement until its place in the chain is known; one that contradicts itself is only noted."""
    named, full = statement.statement_id, len(state.waiting) >= WAITING_MAX
    if held := held_mark(state, named):
        return _retold(state, event, statement) if held == mark_of(statement) else state
    if is_past(state, statement) and not slot_of(state, statement):
        return state
    if not contradictions(state, statement):
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


def hear(state: State, event: Event, statement: BankStatement, facts: Facts) -> Iterator[Output]:
    """A new statement takes its turn; any other is a repetition, overrules what we hold, or is a case."""
    named = statement.statement_id
    if state.moved_by == event.event_id and (problems := contradictions(state, statement)):
        yield from gap(state, statement, statement.iban, problems)
    elif state.moved_by == event.event_id:
        yield from take_turn(state, statement, facts)
    elif state.retold_by == event.event_id:
        yield from to_payments(statement.entries, named, state.entity, event.actor, again=True)
    elif overrules(state, event.actor, statement):
        yield from overrule(state, statement)
    elif held := held_mark(state, named):
        if held != mark_of(statement):
            detail = "another content was received under the same id before; nothing was taken from this one"
            problem = Problem(Code.STATEMENT_DISAGREES, named, detail=detail)
            yield from gap(state, statement, f"{statement.iban}/{named}", (problem,))
    elif is_past(state, statement):
        detail = "it was not known, and later ones were accepted already; nothing was taken from it"
        problem = Problem(
            Code.STATEMENT_GAP, named, f"later than {state.closed_on}", str(statement.closed_on), detail=detail
        )
        yield from gap(state, statement, f"{statement.iban}/{named}", (problem,))
    elif named not in state.refused:
        detail = f"{WAITING_MAX} statements wait already; load the missing one, then this one again"
        yield from gap(state, statement, statement.iban, (Problem(Code.STATEMENT_GAP, named, detail=detail),))
