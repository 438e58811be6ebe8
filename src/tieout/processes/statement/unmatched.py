"""The booked entries that nobody can explain yet: each is a case, and a process ``entry`` until that is settled."""

from collections.abc import Iterator
from datetime import date

from msgspec import Struct
from msgspec.structs import replace

from tieout.kernel.clock import period_of
from tieout.kernel.money import Money, total
from tieout.kernel.problem import Code, Problem
from tieout.model.cases import Case, CaseClass
from tieout.model.documents import BankStatement, StatementEntry
from tieout.model.events import Event
from tieout.model.facts import CaseSettled, EntryExplained, EntryUnmatched
from tieout.processes.case import case_id, open_case
from tieout.processes.process import Emit, Facts, Output, Process, Standing, by_subject
from tieout.processes.statement.entries import is_ours
from tieout.processes.statement.state import BOOKED, State

#: So many unmatched entries of one statement are worked one by one.
UNMATCHED_MAX = 100


class EntryState(Struct, frozen=True):
    """A statement entry that explains no payment of ours. ``open`` until its case is settled."""

    iban: str
    entity: str
    statement_id: str
    entry_id: str
    booked_on: date
    amount: Money
    settled_by: str = ""


def ask_people(state: State, statement: BankStatement, facts: Facts) -> Iterator[Output]:
    """Every booked entry that names no payment of ours becomes a case."""
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


def _unexplained(statement: BankStatement) -> list[StatementEntry]:
    """Booked entries that name no payment of ours; what is more than people can work goes together as one."""
    found = [entry for entry in statement.entries if entry.status == BOOKED and not is_ours(entry)]
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


def _evolve(state: EntryState | None, event: Event) -> EntryState | None:
    """Where an unmatched entry stands after an event: it is there until its case is settled."""
    match event.data:
        case EntryUnmatched() as data if state is None:
            entry = data.entry
            return EntryState(data.iban, data.entity, data.statement_id, entry.entry_id, entry.booked_on, entry.amount)
        case CaseSettled() if state and not state.settled_by:
            return replace(state, settled_by=event.event_id)
        case _:
            return state


def _decide(state: EntryState | None, event: Event, facts: Facts) -> Iterator[Output]:
    """Once its case is settled, the account has one unexplained entry less."""
    if state and state.settled_by == event.event_id:
        yield Emit(EntryExplained(statement_id=state.statement_id, entry_id=state.entry_id), state.iban)


def _stands(subject: str, state: EntryState) -> Iterator[Standing]:
    """It stands in the period in which the bank booked it."""
    if not state.settled_by:
        item = f"{state.iban}/{state.statement_id}/{state.entry_id}"
        yield Standing("unmatched_entry", state.entity, period_of(state.booked_on), item, state.amount)


ENTRY = Process(
    name="entry",
    state=EntryState,
    routes={EntryUnmatched: by_subject, CaseSettled: by_subject},
    evolve=_evolve,
    decide=_decide,
    stands=_stands,
)
