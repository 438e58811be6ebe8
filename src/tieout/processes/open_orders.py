"""The latest orders of a supplier in an entity, so that an invoice that names no order can be looked for among them.

::

    OrderPlaced ──► remembered; the oldest of more than a hundred is forgotten
             └─► invoices that wait for an order, and nobody has decided about, are looked at again
    InvoiceValidated (none fits) ──► waits; one that was found its order does not

What is open on them is for the orders themselves to say.
"""

from collections.abc import Iterator, Mapping

from msgspec import Struct
from msgspec.structs import replace

from tieout.matching.orders import OrderPosition
from tieout.model.documents import Invoice, PurchaseOrder
from tieout.model.events import Event
from tieout.model.facts import InvoiceValidated, OrderPlaced, RecheckRequested, supplier_home
from tieout.processes import order
from tieout.processes.address import order_subject
from tieout.processes.process import Facts, Output, Process, Send, States

REMEMBERED_MAX = 100


class State(Struct, frozen=True, omit_defaults=True):
    """Order ids, and invoices for which none of them fits; of both the latest last."""

    orders: tuple[str, ...] = ()
    waiting: tuple[str, ...] = ()


def open_orders(invoice: Invoice, facts: States) -> Mapping[str, OrderPosition]:
    """Where the latest orders of the invoice's supplier in its entity stand, by order id."""
    state = facts.state(PROCESS.name, subject_of(invoice))
    found: dict[str, OrderPosition] = {}
    for order_id in state.orders if state else ():
        subject = order_subject(invoice.entity, order_id, invoice.supplier_id)
        position = order.position(facts.state(order.PROCESS.name, subject))
        if position is not None:
            found[order_id] = position
    return found


def evolve(state: State | None, event: Event) -> State | None:
    """Remember an order, or an invoice that waits for one; an order that is placed again is still the same."""
    state = state or State()
    match event.data:
        case OrderPlaced(order=order) if order.order_id not in state.orders:
            return replace(state, orders=(*state.orders, order.order_id)[-REMEMBERED_MAX:])
        case InvoiceValidated(search=found):
            others = tuple(one for one in state.waiting if one != event.subject)
            return replace(state, waiting=others if found else (*others, event.subject)[-REMEMBERED_MAX:])
        case _:
            return state


def decide(state: State | None, event: Event, facts: Facts) -> Iterator[Output]:
    """An order has come: look again at the invoices that wait for one, each in a message of its own."""
    if state is None or not isinstance(event.data, OrderPlaced):
        return
    placed = event.data.order
    for invoice_id in state.waiting:
        invoice = facts.state("invoice", invoice_id)
        if invoice is not None and invoice.searchable:
            recheck = RecheckRequested(reason=f"order {placed.order_id} was placed")
            yield Send(
                recheck, invoice_id, supplier_home(placed.supplier_id), entity=placed.entity, correlation=invoice_id
            )


def subject_of(document: Invoice | PurchaseOrder) -> str:
    """Where a supplier's orders in an entity are remembered."""
    return f"{document.entity}/{document.supplier_id}"


def _route(event: Event) -> tuple[str, ...]:
    match event.data:
        case OrderPlaced(order=order):
            return (subject_of(order),)
        case InvoiceValidated(waits_for_orders=place) if place:
            return (place,)
        case _:
            return ()


PROCESS = Process(
    name="open_orders",
    state=State,
    routes={OrderPlaced: _route, InvoiceValidated: _route},
    evolve=evolve,
    decide=decide,
)
