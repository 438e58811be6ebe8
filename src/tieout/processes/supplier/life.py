"""The whole life of a supplier: where it stands after an event, and what is asked of the world then."""

from collections.abc import Iterator

from msgspec.structs import replace

from tieout.model.effects import UpsertSupplier
from tieout.model.events import Event
from tieout.model.facts import (
    BankAccountChanged,
    BankChangeConfirmed,
    BankChangeRejected,
    BankChangeRequested,
    EffectSettled,
    InvoiceFoundInvalid,
    PaymentsHeld,
    PaymentsReleased,
    SupplierActivated,
    SupplierProposed,
    SupplierRefused,
)
from tieout.processes.case import open_case
from tieout.processes.process import Facts, Output, Process, by_subject
from tieout.processes.supplier.bank_change import (
    ask,
    carry_out,
    confirm,
    confirmed_by,
    let_go,
    release,
    requested,
    turn_down,
)
from tieout.processes.supplier.copies import propagated, settled
from tieout.processes.supplier.holding import lifted
from tieout.processes.supplier.record import judge, refusal, take_up
from tieout.processes.supplier.state import WAITING_MAX, Hold, State
from tieout.processes.supplier.view import show


def evolve(state: State | None, event: Event) -> State | None:
    """Where the supplier stands after an event."""
    state = state or State()
    match event.data:
        case SupplierProposed(supplier=supplier):
            return state if state.status == "active" else replace(state, status="proposed", name=supplier.name)
        case SupplierRefused():
            return state if state.status == "active" else replace(state, status="refused")
        case SupplierActivated(supplier=supplier, systems=systems):
            state = propagated(state, supplier, systems)
            return replace(state, status="active", waiting=(), rechecking=state.waiting)
        case BankAccountChanged(change_id=change_id, supplier=supplier, systems=systems):
            return replace(propagated(state, supplier, systems), change=None, syncing=change_id)
        case BankChangeRequested():
            return replace(state, change=requested(state.change, event.data, event.actor))
        case BankChangeConfirmed(change_id=change_id) if state.change and state.change.change_id == change_id:
            return replace(state, change=confirmed_by(state.change, event.actor))
        case BankChangeRejected(change_id=change_id) if state.change and state.change.change_id == change_id:
            return replace(state, change=replace(state.change, rejected=True))
        case PaymentsHeld(change_id="", reason=reason) if state.hold is None:
            return replace(state, hold=Hold(reason, event.actor))
        case PaymentsReleased(change_id="") if state.hold:
            return replace(state, hold=lifted(state.hold, event.actor))
        case PaymentsReleased(change_id=change_id) if change_id:
            return let_go(state, change_id)
        case EffectSettled():
            return settled(state, event.data)
        case InvoiceFoundInvalid() if state.status != "active" and event.subject not in state.waiting:
            return replace(state, waiting=(*state.waiting, event.subject)[:WAITING_MAX])
        case _:
            return state


def decide(state: State | None, event: Event, facts: Facts) -> Iterator[Output]:
    """What to ask of the world now."""
    if state is None:
        return
    match event.data:
        case SupplierProposed(supplier=supplier):
            yield from judge(state, supplier, facts.policy)
        case SupplierRefused(problems=problems):
            yield open_case(refusal(state, event, problems))
        case SupplierActivated(supplier=supplier):
            yield from take_up(state, supplier, facts)
        case BankChangeRequested(supplier_id=supplier_id) if state.change:
            yield from ask(state, state.change, supplier_id, facts.policy)
        case BankChangeConfirmed(change_id=change_id) if state.change and state.change.change_id == change_id:
            yield from confirm(state, state.change, event.data.supplier_id, facts.policy)
        case BankAccountChanged(supplier=supplier, change_id=change_id):
            yield from carry_out(state, supplier, change_id)
        case BankChangeRejected(change_id=change_id) if state.change and state.change.change_id == change_id:
            yield from turn_down(event.data, event.actor)
        case EffectSettled():
            yield from release(state, event.subject)


def _route_effect(event: Event) -> tuple[str, ...]:
    data = event.data
    return (event.subject,) if isinstance(data, EffectSettled) and data.operation == UpsertSupplier.operation else ()


def _route_waiting(event: Event) -> tuple[str, ...]:
    data = event.data
    return (data.waits_for_supplier,) if isinstance(data, InvoiceFoundInvalid) and data.waits_for_supplier else ()


PROCESS = Process(
    name="supplier",
    state=State,
    routes={
        SupplierProposed: by_subject,
        SupplierActivated: by_subject,
        SupplierRefused: by_subject,
        BankChangeRequested: by_subject,
        BankChangeConfirmed: by_subject,
        BankChangeRejected: by_subject,
        BankAccountChanged: by_subject,
        PaymentsHeld: by_subject,
        PaymentsReleased: by_subject,
        EffectSettled: _route_effect,
        InvoiceFoundInvalid: _route_waiting,
    },
    evolve=evolve,
    decide=decide,
    view="supplier",
    show=show,
)
