"""What people see of an account: its row in the list, and the gap that stands against a period."""

from collections.abc import Iterator
from datetime import timedelta

from tieout.kernel.clock import period_of
from tieout.kernel.money import Money
from tieout.processes.process import Row, Standing
from tieout.processes.statement.state import State


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
