"""What an entity bills itself for in the name of a supplier: one series of numbers for each two of them, without gaps.

::

    SelfBillDrafted (order) ──► the next number ──► InvoiceReceived, which then lives as any invoice does

Numbers are given where everything about the supplier is handled in order, so none is skipped and none is given twice.
A cancelled invoice keeps its number.
"""

from collections.abc import Iterator

from msgspec import Struct
from msgspec.structs import replace

from tieout.kernel.ids import derive
from tieout.model.events import Event
from tieout.model.facts import InvoiceReceived, SelfBillDrafted, supplier_home
from tieout.processes.process import Facts, Output, Process, Send, by_subject

#: The channel of invoices that we wrote ourselves.
CHANNEL = "self-billing"


class State(Struct, frozen=True):
    """The last number that was given."""

    last: int = 0


def evolve(state: State | None, event: Event) -> State | None:
    """Each draft takes the next number."""
    return State(state.last + 1 if state else 1) if isinstance(event.data, SelfBillDrafted) else state


def decide(state: State | None, event: Event, facts: Facts) -> Iterator[Output]:
    """The draft is an invoice now."""
    if state is None or not isinstance(event.data, SelfBillDrafted):
        return
    draft = event.data.invoice
    invoice = replace(draft, number=f"SB-{draft.entity}-{state.last:06d}")
    invoice_id, home = derive("inv", event.subject, str(state.last)), supplier_home(draft.supplier_id)
    received = InvoiceReceived(invoice=invoice, channel=CHANNEL, post_on=event.data.post_on)
    yield Send(received, invoice_id, home, entity=draft.entity, correlation=invoice_id)


PROCESS = Process(name="settlement", state=State, routes={SelfBillDrafted: by_subject}, evolve=evolve, decide=decide)
