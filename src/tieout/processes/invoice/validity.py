"""Whether an invoice is right in itself, ours, and from a supplier we know."""

from collections.abc import Iterator

from msgspec.structs import replace

from tieout.kernel.problem import Code, Problem
from tieout.matching.invoice_check import invoice_problems
from tieout.model.facts import InvoiceFoundInvalid, InvoiceValidated
from tieout.processes import open_orders
from tieout.processes.invoice.matching import finds_orders, is_searched_for
from tieout.processes.invoice.state import State, has_orders, ready
from tieout.processes.process import Emit, Facts, Output


def validated(state: State, *, search: bool) -> State:
    """It is valid. Without an order there is nothing to match, unless orders are looked for."""
    post_on = state.post_on if state.ours else None
    state = replace(state, status="valid", reason="", searched=search, clear=False, post_on=post_on)
    if search or has_orders(state.invoice):
        return state
    return ready(replace(state, clear=True, post_on=state.invoice.issued_on))


def validate(state: State, facts: Facts) -> Iterator[Output]:
    """Is it right in itself, ours, and from a supplier we know?"""
    invoice = state.invoice
    problems = tuple(invoice_problems(invoice))
    if invoice.entity not in facts.policy.entities:
        problems += (Problem(Code.UNKNOWN_ENTITY, "entity", "an entity of the policy", invoice.entity or "none"),)
    supplier = facts.state("supplier", invoice.supplier_id)
    unknown = supplier is None or supplier.status != "active"
    if unknown:
        actual = f"{invoice.supplier_name} ({invoice.supplier_tax_id})"
        problems += (Problem(Code.UNKNOWN_SUPPLIER, "supplier", "an active supplier", actual),)
    if problems:
        yield Emit(InvoiceFoundInvalid(problems=problems, waits_for_supplier=invoice.supplier_id if unknown else ""))
    else:
        found = finds_orders(invoice, facts)
        waits = is_searched_for(invoice, facts) and not found
        place = open_orders.subject_of(invoice) if waits else ""
        yield Emit(InvoiceValidated(search=found, waits_for_orders=place))


def search_again(state: State, facts: Facts) -> Iterator[Output]:
    """An order has come: does the invoice bill some of it?"""
    if finds_orders(state.invoice, facts):
        yield Emit(InvoiceValidated(search=True, waits_for_orders=open_orders.subject_of(state.invoice)))
