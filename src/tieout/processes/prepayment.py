"""What a supplier was paid in advance by an entity, and which invoices have set it off: one account for each currency.

::

    PrepaymentPaid (invoice) ──► open +      nothing, when its payment came back
                    └─► invoices that waited for it are looked at again
    PrepaymentSetOff (invoice) ──► open −    nothing, when the invoice was cancelled
                    └─► as well: one that forgot to take it off waits until nothing is open

Both are kept by their invoice, so what is told twice counts once.
"""

from collections.abc import Iterator

from msgspec import Struct
from msgspec.structs import replace

from tieout.kernel.money import Money
from tieout.model.documents import Invoice
from tieout.model.events import Event
from tieout.model.facts import (
    MatchFailed,
    PrepaymentPaid,
    PrepaymentSetOff,
    RecheckRequested,
    supplier_home,
)
from tieout.processes.process import Facts, Output, Process, Send, by_subject

WAITING_MAX = 500


class State(Struct, frozen=True, omit_defaults=True):
    """What was paid and what was set off, in minor units by invoice; and invoices that wait for a payment."""

    supplier_id: str = ""
    paid: dict[str, int] = {}
    set_off: dict[str, int] = {}
    waiting: tuple[str, ...] = ()


def account_of(invoice: Invoice) -> str:
    """The account that an invoice is set off against."""
    return f"prepaid/{invoice.entity}/{invoice.supplier_id}/{invoice.currency}"


def covers(state: State | None, amount: Money) -> bool:
    """Whether so much was paid in advance and not set off yet."""
    return 0 < amount.minor <= unused(state, amount.currency).minor


def unused(state: State | None, currency: str) -> Money:
    """What was paid in advance and not set off yet."""
    return Money(sum(state.paid.values()) - sum(state.set_off.values()) if state else 0, currency)


def evolve(state: State | None, event: Event) -> State | None:
    """What is open after an event."""
    state = state or State()
    match event.data:
        case PrepaymentPaid(invoice_id=invoice_id, supplier_id=supplier_id, amount=amount):
            return replace(state, supplier_id=supplier_id, paid=state.paid | {invoice_id: amount.minor})
        case PrepaymentSetOff(invoice_id=invoice_id, supplier_id=supplier_id, amount=amount):
            waiting = tuple(one for one in state.waiting if one != invoice_id)
            set_off = state.set_off | {invoice_id: amount.minor}
            return replace(state, supplier_id=supplier_id, set_off=set_off, waiting=waiting)
        case MatchFailed():
            waiting = (*(one for one in state.waiting if one != event.subject), event.subject)
            return replace(state, waiting=waiting[-WAITING_MAX:])
        case _:
            return state


def decide(state: State | None, event: Event, facts: Facts) -> Iterator[Output]:
    """There is more to set off now, or less that an invoice forgot: look at waiting invoices again, each in a message
    of its own."""
    match event.data:
        case PrepaymentPaid() | PrepaymentSetOff() if state is not None:
            home = supplier_home(state.supplier_id)
            for invoice_id in state.waiting:
                recheck = RecheckRequested(reason="what is open of prepayments has changed")
                yield Send(recheck, invoice_id, home, correlation=invoice_id)
        case _:
            return


def _route_waiting(event: Event) -> tuple[str, ...]:
    data = event.data
    return (data.waits_for_prepayment,) if isinstance(data, MatchFailed) and data.waits_for_prepayment else ()


PROCESS = Process(
    name="prepayment",
    state=State,
    routes={PrepaymentPaid: by_subject, PrepaymentSetOff: by_subject, MatchFailed: _route_waiting},
    evolve=evolve,
    decide=decide,
)
