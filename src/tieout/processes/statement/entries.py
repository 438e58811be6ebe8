"""The booked entries of a statement that carry one of our payment ids go to those payments."""

from collections.abc import Iterable, Iterator

from tieout.kernel.money import Money
from tieout.model.documents import StatementEntry
from tieout.model.events import Ref
from tieout.model.facts import PaymentEntryBooked
from tieout.processes.process import Send
from tieout.processes.statement.state import BOOKED

#: So each payment id of ours begins; the bank tells it back as the end-to-end id.
OURS = "pay-"


def is_ours(entry: StatementEntry) -> bool:
    """Whether an entry carries one of our payment ids."""
    return entry.end_to_end_id.startswith(OURS)


def to_payments(
    entries: Iterable[StatementEntry],
    statement_id: str,
    entity: str,
    teller: str,
    *,
    again: bool = False,
    instead: bool = False,
) -> Iterator[Send]:
    """Hand booked entries to the payments that they name; a payment knows an entry that it has already seen.

    Told ``instead`` of a person's file, the first of its kind is the one that the file may have told; a second is new.
    """
    seen: set[tuple[str, Money]] = set()
    for entry in entries:
        if entry.status == BOOKED and is_ours(entry):
            kind = (entry.end_to_end_id, entry.amount)
            data = PaymentEntryBooked(
                entry=entry,
                statement_id=statement_id,
                told_by=teller,
                again=again,
                instead=instead and kind not in seen,
            )
            seen.add(kind)
            yield Send(data, ref=Ref("bank", entry.end_to_end_id), entity=entity)
