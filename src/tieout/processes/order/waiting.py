"""Invoices that wait for an order: for goods, for a change of the order, or for the invoice they credit."""

from collections.abc import Iterator
from decimal import Decimal

from msgspec.structs import replace

from tieout.kernel.problem import Code
from tieout.model.facts import (
    MatchFailed,
    RecheckRequested,
    supplier_home,
)
from tieout.model.verdict import Allocation
from tieout.processes.order.state import WAITING_MAX, State
from tieout.processes.process import Output, Send

#: What another invoice mends.
_FOR_INVOICES = frozenset({Code.CREDIT_OVER_BILLED, Code.NOTHING_BILLED, Code.RETAINAGE_DIFFERS})


def wait(state: State, invoice_id: str, data: MatchFailed) -> State:
    """A credit note that gives back too much, a change of the value of what is not billed yet, or a release of more
    than was retained waits for its invoice; what fits several order lines for goods and for invoices; everything else
    for goods, the order or a credit note, as does what only credit notes hold. Who has several problems waits for all
    of that."""
    state = without(state, invoice_id)
    codes = {problem.code for problem in data.verdict.problems}
    if not codes.isdisjoint((*_FOR_INVOICES, Code.AMBIGUOUS_ORDER_LINE)):
        state = replace(state, credits_waiting=(*state.credits_waiting, invoice_id)[:WAITING_MAX])
    if codes - _FOR_INVOICES or not codes:
        state = replace(state, waiting=(*state.waiting, invoice_id)[:WAITING_MAX])
    return state


def helped_by(state: State, allocations: tuple[Allocation, ...], sign: int) -> tuple[str, ...]:
    """The invoices that these allocations may help when they count (``sign`` 1), or do not count any more (-1): more
    that is billed helps who wants to give back, less helps who wants to bill."""
    changes = [sign * change for one in allocations for change in _changes(one)]
    found: tuple[str, ...] = ()
    if any(change < 0 for change in changes):
        found += state.waiting
    if any(change > 0 for change in changes):
        found += state.credits_waiting
    return found


def _changes(one: Allocation) -> tuple[Decimal | int, ...]:
    return one.quantity, one.net.minor, one.retained.minor if one.retained else 0


def without(state: State, invoice_id: str) -> State:
    if invoice_id in state.waiting:
        state = replace(state, waiting=tuple(one for one in state.waiting if one != invoice_id))
    if invoice_id in state.credits_waiting:
        state = replace(state, credits_waiting=tuple(one for one in state.credits_waiting if one != invoice_id))
    return state


def recheck(invoices: tuple[str, ...], reason: str, supplier_id: str, entity: str) -> Iterator[Output]:
    """Look at waiting invoices again, each in a message of its own: what the first one bills must count before the
    second one is looked at. (As derived facts of one message they would all see the same received goods.)"""
    for invoice_id in dict.fromkeys(invoices):
        recheck, home = RecheckRequested(reason=reason), supplier_home(supplier_id)
        yield Send(recheck, invoice_id, home, entity=entity, correlation=invoice_id)
