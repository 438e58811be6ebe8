"""What an invoice takes off as paid in advance, and an invoice that asks for an advance."""

from collections.abc import Callable, Iterator, Mapping

from tieout.kernel.money import Money
from tieout.kernel.problem import Problem
from tieout.matching.orders import OrderPosition
from tieout.matching.rules.prepayment import prepayment_taken_off
from tieout.model.events import Event
from tieout.model.facts import PrepaymentPaid, PrepaymentSetOff
from tieout.model.verdict import Allocation
from tieout.processes import prepayment as prepayments
from tieout.processes.invoice.state import State
from tieout.processes.process import Emit, Facts, Output


def is_covered(state: State, facts: Facts) -> bool:
    """Whether so much as it takes off was paid in advance, and is still open."""
    invoice = state.invoice
    if invoice.prepaid is None or invoice.sign < 0:
        return False
    return prepayments.covers(facts.state("prepayment", prepayments.account_of(invoice)), invoice.prepaid)


def forgotten(
    state: State, known: Mapping[str, OrderPosition], billed: Callable[[], tuple[Allocation, ...]], facts: Facts
) -> tuple[Problem, ...]:
    """What was paid in advance for the orders it bills, and it does not take off. Most orders have no prepayment, so
    that what it bills is only worked out for those."""
    if state.invoice.prepaid or not any(order.prepaid_minor > 0 for order in known.values()):
        return ()
    account = facts.state("prepayment", prepayments.account_of(state.invoice))
    unused = prepayments.unused(account, state.invoice.currency)
    return tuple(prepayment_taken_off(state.invoice, known, billed(), unused)) if unused.minor > 0 else ()


def set_off(state: State, event: Event, facts: Facts) -> Iterator[Output]:
    """What was paid in advance is taken off once."""
    if state.invoice.prepaid and is_covered(state, facts):
        yield taken_off(state, event, state.invoice.prepaid)


def taken_off(state: State, event: Event, amount: Money) -> Emit:
    """It takes this much off what the supplier was paid in advance; nothing when it is cancelled."""
    invoice = state.invoice
    taken = PrepaymentSetOff(invoice_id=event.subject, supplier_id=invoice.supplier_id, amount=amount)
    return Emit(taken, prepayments.account_of(invoice))


def paid_in_advance(state: State, event: Event, amount: Money) -> Emit:
    """This much of what it asks for in advance is paid; nothing when the payment came back."""
    invoice = state.invoice
    paid = PrepaymentPaid(invoice_id=event.subject, supplier_id=invoice.supplier_id, amount=amount)
    return Emit(paid, prepayments.account_of(invoice))
