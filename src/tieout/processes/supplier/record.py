"""A proposed record: it is refused, or becomes active, and what waited for it is looked at again."""

from collections.abc import Iterator

from msgspec.structs import replace

from tieout.kernel.ids import derive
from tieout.kernel.problem import Problem
from tieout.model.cases import Case, CaseClass
from tieout.model.documents import BankAccount, Supplier
from tieout.model.events import Event
from tieout.model.facts import BankChangeRequested, RecheckRequested, SupplierActivated, SupplierRefused, supplier_home
from tieout.policy.identifiers import normal_iban, supplier_problems
from tieout.policy.policy import Policy
from tieout.processes.case import is_open, settle_case
from tieout.processes.process import Emit, Facts, Output, Send
from tieout.processes.supplier.copies import upserts
from tieout.processes.supplier.state import State


def judge(state: State, proposed: Supplier, policy: Policy) -> Iterator[Output]:
    """Refuse a bad record, take a good one, and never let new bank details slip in with it."""
    problems = tuple(supplier_problems(proposed))
    if problems:
        yield Emit(SupplierRefused(problems=problems))
        return
    known = state.supplier
    record = replace(proposed, bank_account=known.bank_account) if known else proposed
    if record != known:
        yield Emit(SupplierActivated(supplier=record, systems=policy.supplier_systems))
    account = proposed.bank_account
    if known and account and not _same_account(account, known.bank_account):
        change_id = derive("chg", proposed.supplier_id, normal_iban(account.account_id))
        if state.change is None or state.change.change_id != change_id:
            yield Emit(
                BankChangeRequested(
                    change_id=change_id, supplier_id=proposed.supplier_id, account=account, channel="supplier proposal"
                )
            )


def _same_account(one: BankAccount, other: BankAccount | None) -> bool:
    return other is not None and normal_iban(one.account_id) == normal_iban(other.account_id)


def refusal(state: State, event: Event, problems: tuple[Problem, ...]) -> Case:
    """The case about a record that cannot be used."""
    return Case(
        case_class=CaseClass.UNKNOWN_SUPPLIER,
        document=event.subject,
        entity=event.entity,
        reason=f"The record of supplier {state.name or event.subject} cannot be used: " + "; ".join(map(str, problems)),
        problems=problems,
        supplier_id=event.subject,
    )


def take_up(state: State, supplier: Supplier, facts: Facts) -> Iterator[Output]:
    """The supplier is active: every system is to hold it, and the invoices that waited for it are looked at again."""
    yield from upserts(state, supplier)
    if is_open(facts, CaseClass.UNKNOWN_SUPPLIER, supplier.supplier_id):
        yield settle_case(CaseClass.UNKNOWN_SUPPLIER, supplier.supplier_id, "the supplier is active")
    for invoice_id in state.rechecking:
        recheck = RecheckRequested(reason="the supplier is active now")
        yield Send(recheck, invoice_id, supplier_home(supplier.supplier_id), correlation=invoice_id)
