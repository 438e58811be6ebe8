"""The bank's own word against a file that a person had loaded under the same number: the bank's counts."""

from collections.abc import Iterator

from msgspec.structs import replace

from tieout.kernel.problem import Code, Problem
from tieout.model.documents import BankStatement
from tieout.model.events import Event
from tieout.model.facts import StatementOverruled
from tieout.policy.duties import is_person, shown
from tieout.processes.process import Emit, Output
from tieout.processes.statement.cases import gap_case
from tieout.processes.statement.chain import contradictions
from tieout.processes.statement.state import Known, State, mark_of, told_before


def overrules(state: State, teller: str, statement: BankStatement) -> bool:
    """Whether the bank's own channel tells otherwise than a person did under the same number."""
    held = told_before(state, statement.statement_id)
    if held is None or held.mark == mark_of(statement) or contradictions(state, statement):
        return False
    return is_person(held.told_by) and not is_person(teller)


def overrule(state: State, statement: BankStatement) -> Iterator[Output]:
    """A person told otherwise than the bank: the bank's word counts, and people look at what rests on the other."""
    named, held = statement.statement_id, told_before(state, statement.statement_id)
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
    yield gap_case(state, f"{statement.iban}/{named}", (problem,))


def overruled(state: State, event: Event, statement: BankStatement) -> State:
    """The bank's own waits for its turn, which comes at once where it fits; what people told otherwise is set aside."""
    named, aside = statement.statement_id, _set_aside(state, statement)
    state = _back_to(state, state.known[len(aside) :]) if aside else state
    held = told_before(state, named)
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
