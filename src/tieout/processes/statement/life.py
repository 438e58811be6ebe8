"""The whole life of an account's statements: where the chain stands after an event, and what is asked of the world."""

from collections.abc import Iterator

from msgspec.structs import replace

from tieout.model.events import Event
from tieout.model.facts import (
    EntriesNotified,
    EntryExplained,
    EntryUnmatched,
    GapAccepted,
    StatementAccepted,
    StatementOverruled,
    StatementReceived,
)
from tieout.processes.process import Facts, Output, Process, by_subject
from tieout.processes.statement.accepting import accepted, go_on, take_turn
from tieout.processes.statement.entries import to_payments
from tieout.processes.statement.overruling import overruled
from tieout.processes.statement.receiving import hear, kept
from tieout.processes.statement.state import State
from tieout.processes.statement.view import show, stands


def evolve(state: State | None, event: Event) -> State | None:
    """Where the account stands after an event."""
    match event.data:
        case StatementReceived(statement=statement, entity=entity):
            return kept(state or State(entity, statement.currency), event, statement)
        case StatementOverruled(statement=statement) if state:
            return overruled(state, event, statement)
        case StatementAccepted(statement_id=statement_id) if state:
            return accepted(state, statement_id)
        case GapAccepted(statement_id=statement_id) if state:
            found = next((one for one in state.waiting if one.statement_id == statement_id), None)
            return replace(state, closing=found.opening, closed_on=found.opened_on) if found else state
        case EntryUnmatched() if state:
            return replace(state, unmatched=state.unmatched + 1)
        case EntryExplained() if state:
            return replace(state, unmatched=state.unmatched - 1)
        case _:
            return state


def decide(state: State | None, event: Event, facts: Facts) -> Iterator[Output]:
    """What to ask of the world after an event. A repeated statement asks for nothing."""
    match event.data:
        case StatementReceived(statement=statement) if state:
            yield from hear(state, event, statement, facts)
        case StatementOverruled(statement=statement) if state:
            yield from take_turn(state, statement, facts)
        case GapAccepted() if state:
            yield from go_on(state, event.subject, facts)
        case EntriesNotified(entries=entries, entity=entity):
            yield from to_payments(entries, "", entity, event.actor)
        case _:
            return


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
