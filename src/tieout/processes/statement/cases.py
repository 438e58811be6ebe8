"""What is asked of people about the chain: a statement is missing, or what came in cannot be taken as it is."""

from collections.abc import Iterator

from tieout.kernel.problem import Code, Problem
from tieout.model.cases import Case, CaseClass
from tieout.model.documents import BankStatement
from tieout.model.facts import StatementGapFound
from tieout.processes.case import open_case
from tieout.processes.process import Emit, Output
from tieout.processes.statement.state import State


def gap(state: State, statement: BankStatement, document: str, problems: tuple[Problem, ...]) -> Iterator[Output]:
    """The account does not go on as it is: note what was found, and ask somebody to look."""
    yield Emit(StatementGapFound(statement_id=statement.statement_id, problems=problems), statement.iban)
    yield gap_case(state, document, problems)


def gap_case(state: State, document: str, problems: tuple[Problem, ...]) -> Emit:
    """The case about an account's chain, or about one statement of it."""
    case = Case(
        case_class=CaseClass.STATEMENT_GAP,
        document=document,
        entity=state.entity,
        reason="; ".join(str(problem) for problem in problems),
        problems=problems,
    )
    return open_case(case)


def missing(state: State, statement: BankStatement) -> Problem:
    """What a statement that does not continue the last accepted one tells: the one between is probably missing."""
    expected = f"{state.closing} or later than {state.closed_on}"
    detail = f"statement {state.statement_id} closed with {state.closing}; a statement is probably missing between them"
    actual = f"{statement.opening} on {statement.opened_on}"
    return Problem(Code.STATEMENT_GAP, statement.statement_id, expected, actual, detail=detail)
