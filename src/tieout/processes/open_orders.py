"""The latest orders of a supplier in an entity, so that an invoice that names no order can be looked for among them.

::

    OrderPlaced ──► remembered; the oldest of more than a hundred is forgotten

What is open on them is for the orders themselves to say.
"""

from collections.abc import Mapping
from typing import Any

from msgspec import Struct

from tieout.matching.orders import OrderPosition
from tieout.model.documents import Invoice
from tieout.model.events import Event
from tieout.model.facts import OrderPlaced
from tieout.processes import order
from tieout.processes.address import order_subject
from tieout.processes.process import Facts, Process, States

REMEMBERED_MAX = 100


class State(Struct, frozen=True):
    """Order ids, the latest last."""

    orders: tuple[str, ...] = ()


def open_orders(invoice: Invoice, facts: States) -> Mapping[str, OrderPosition]:
    """Where the latest orders of the invoice's supplier in its entity stand, by order id."""
    state = facts.state(PROCESS.name, _subject(invoice.entity, invoice.supplier_id))
    found: dict[str, OrderPosition] = {}
    for order_id in state.orders if state else ():
        subject = order_subject(invoice.entity, order_id, invoice.supplier_id)
        position = order.position(facts.state(order.PROCESS.name, subject))
        if position is not None:
            found[order_id] = position
    return found


def evolve(state: State | None, event: Event) -> State | None:
    """Remember an order; one that is placed again is still the same."""
    if not isinstance(event.data, OrderPlaced):
        return state
    state, order_id = state or State(), event.data.order.order_id
    if order_id in state.orders:
        return state
    return State((*state.orders, order_id)[-REMEMBERED_MAX:])


def _subject(entity: str, supplier_id: str) -> str:
    return f"{entity}/{supplier_id}"


def _route(event: Event) -> tuple[str, ...]:
    if not isinstance(event.data, OrderPlaced):
        return ()
    placed = event.data.order
    return (_subject(placed.entity, placed.supplier_id),)


def _nothing(state: Any, event: Event, facts: Facts) -> Any:
    return iter(())


PROCESS = Process(name="open_orders", state=State, routes={OrderPlaced: _route}, evolve=evolve, decide=_nothing)
