"""Every accepted statement is booked in the ERP, each after the one before it."""

from tieout.model.documents import BankStatement
from tieout.model.effects import BookStatement, effect_id
from tieout.processes.payment import systems_of
from tieout.processes.process import Facts, Intent
from tieout.processes.statement.state import State


def book(state: State, statement: BankStatement, last: str, facts: Facts) -> Intent:
    """Ask the ERP to book an accepted statement, once it has booked the last one before it."""
    erp = systems_of(facts.policy, state.entity).erp
    return Intent(
        connector=erp,
        payload=BookStatement(entity=state.entity, statement=statement),
        key=f"{statement.iban}/{statement.statement_id}",
        entity=state.entity,
        after=effect_id(erp, BookStatement.operation, f"{statement.iban}/{last}") if last else "",
    )
