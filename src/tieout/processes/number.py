"""An invoice number of a supplier in an entity: the first document that carries it claims it, for ever.

::

    (free) ──InvoiceReceived──► claimed     the first: InvoiceAdmitted
    claimed ──InvoiceReceived──► claimed    a later one: DuplicateStopped, and a case with the amount at risk

The number of a cancelled invoice stays claimed. A person may clear a stopped duplicate; the invoice goes on then, and
the number stays with the first.
"""

import re
from collections.abc import Iterator
from datetime import datetime

from msgspec import Struct

from tieout.kernel.money import Money
from tieout.kernel.problem import Code, Problem
from tieout.model.cases import Case, CaseClass
from tieout.model.documents import Invoice
from tieout.model.events import Event
from tieout.model.facts import DuplicateStopped, InvoiceAdmitted, InvoiceReceived
from tieout.processes.case import open_case
from tieout.processes.process import Emit, Facts, Output, Process

#: White space, and everything that looks like a hyphen (U+2010 to U+2015 are hyphens and dashes).
_NOISE = re.compile(r"[\s\-\u2010-\u2015]+")


def normal_number(number: str) -> str:
    """An invoice number without spaces, hyphens, leading zeros and case: ``00 12-a`` and ``12A`` are the same."""
    return _NOISE.sub("", number).upper().lstrip("0") or "0"


def number_key(invoice: Invoice) -> str:
    """What must be unique: the number, of this supplier, in this entity."""
    return f"{invoice.entity}|{invoice.supplier_id}|{normal_number(invoice.number)}"


class State(Struct, frozen=True):
    """Who has claimed the number, and where that one came from."""

    invoice_id: str
    number: str
    gross: Money
    channel: str
    received_at: datetime


def _route(event: Event) -> tuple[str, ...]:
    return (number_key(event.data.invoice),) if isinstance(event.data, InvoiceReceived) else ()


def evolve(state: State | None, event: Event) -> State | None:
    """The first one claims; nobody takes it away."""
    data = event.data
    if state is not None or not isinstance(data, InvoiceReceived):
        return state
    return State(event.subject, data.invoice.number, data.invoice.gross, data.channel, event.recorded_at)


def decide(state: State | None, event: Event, facts: Facts) -> Iterator[Output]:
    """Admit the first, stop the others."""
    if state is None or not isinstance(event.data, InvoiceReceived):
        return
    if state.invoice_id == event.subject:
        yield Emit(InvoiceAdmitted())
        return
    yield Emit(DuplicateStopped(first_invoice_id=state.invoice_id))
    yield open_case(_duplicate_case(state, event.subject, event.data))


def _duplicate_case(first: State, invoice_id: str, second: InvoiceReceived) -> Case:
    invoice = second.invoice
    same = "the same amount" if invoice.gross == first.gross else f"{first.gross}"
    reason = (
        f"Invoice {invoice.number} of {invoice.supplier_name} ({invoice.gross}) came by {second.channel}; "
        f"{first.number} came by {first.channel} on {first.received_at:%Y-%m-%d} for {same} as {first.invoice_id}."
    )
    problem = Problem(
        Code.DUPLICATE_INVOICE, "number", f"a number other than {first.number}", invoice.number, detail=first.invoice_id
    )
    return Case(
        case_class=CaseClass.DUPLICATE,
        document=invoice_id,
        entity=invoice.entity,
        reason=reason,
        problems=(problem,),
        amount=invoice.gross,
        supplier_id=invoice.supplier_id,
        category=invoice.purpose or invoice.kind.value,
    )


PROCESS = Process(name="number", state=State, routes={InvoiceReceived: _route}, evolve=evolve, decide=decide)
