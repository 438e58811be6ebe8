"""What a legal entity's ledgers report: journal entries, counted and summed by currency.

The entries themselves stand in the log; the sums are what is compared with the ledger's own control totals.
"""

from collections.abc import Iterator

from msgspec import Struct

from tieout.model.documents import JournalEntry
from tieout.model.events import Event
from tieout.model.facts import JournalRecorded
from tieout.processes.process import Facts, Output, Process, by_subject


class State(Struct, frozen=True, omit_defaults=True):
    """How many entries were reported, and the sum of their debits in minor units by currency."""

    entries: int = 0
    debits: dict[str, int] = {}


def evolve(state: State | None, event: Event) -> State | None:
    """Count one more entry."""
    if not isinstance(event.data, JournalRecorded):
        return state
    state = state or State()
    debits = dict(state.debits)
    for currency, minor in _debits(event.data.journal):
        debits[currency] = debits.get(currency, 0) + minor
    return State(state.entries + 1, debits)


def _debits(journal: JournalEntry) -> Iterator[tuple[str, int]]:
    return ((line.amount.currency, line.amount.minor) for line in journal.lines if line.amount.minor > 0)


def decide(state: State | None, event: Event, facts: Facts) -> Iterator[Output]:
    """A report asks for nothing."""
    yield from ()


PROCESS = Process(name="ledger", state=State, routes={JournalRecorded: by_subject}, evolve=evolve, decide=decide)
