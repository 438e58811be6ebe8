"""The chain of an account: what is right in itself, what continues what, and what has its place though it came late."""

from datetime import date
from itertools import pairwise

from tieout.kernel.money import Money, total
from tieout.kernel.problem import Code, Problem
from tieout.model.documents import BankStatement
from tieout.processes.statement.state import BOOKED, State


def contradictions(state: State, statement: BankStatement) -> tuple[Problem, ...]:
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


def continues(statement: BankStatement, closing: Money | None, closed_on: date | None) -> bool:
    """Whether it opens with the balance that the last one closed with, and not before that day."""
    if closing is None or closed_on is None:
        return True
    return statement.opening == closing and statement.opened_on >= closed_on


def is_past(state: State, statement: BankStatement) -> bool:
    """It ends before the last accepted one ended, so it cannot be what is missing."""
    return state.closed_on is not None and statement.closed_on < state.closed_on


def slot_of(state: State, statement: BankStatement) -> int:
    """Where in the known ones a late statement belongs that moved the balance by nothing; 0 when nowhere."""
    if statement.opening != statement.closing:
        return 0
    for slot, (later, earlier) in enumerate(pairwise(state.known), 1):
        between = earlier.closed_on <= statement.opened_on and statement.closed_on <= later.closed_on
        if between and earlier.closing == statement.opening:
            return slot
    return 0


def stands_in(state: State, statement: BankStatement) -> bool:
    """Whether another content is accepted under its number, which it has overruled."""
    return any(one.statement_id == statement.statement_id for one in state.known)


def continuing(state: State) -> tuple[BankStatement, ...]:
    """The waiting statements that continue the last accepted one, in the order in which they do."""
    found: list[BankStatement] = []
    closing, closed_on = state.closing, state.closed_on
    new = (one for one in state.waiting if not stands_in(state, one))
    waiting = sorted(new, key=lambda one: (one.opened_on, one.closed_on, one.statement_id))
    while following := next((one for one in waiting if continues(one, closing, closed_on)), None):
        found.append(following)
        waiting.remove(following)
        closing, closed_on = following.closing, following.closed_on
    return tuple(found)


def inserted(state: State) -> tuple[BankStatement, ...]:
    """The waiting statements that came late and have their place in the chain: they moved the balance by nothing, or
    stand in for a file that they overruled."""

    def has_place(one: BankStatement) -> bool:
        late = not continues(one, state.closing, state.closed_on)
        return stands_in(state, one) or (late and slot_of(state, one) > 0)

    return tuple(filter(has_place, state.waiting))
