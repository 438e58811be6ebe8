"""From the proposal of a run to its release. What speaks against paying is looked at both times."""

from collections.abc import Iterator

from tieout.formats.payment_files import SHORT_LENGTHS, short_reference
from tieout.kernel.problem import Code, Problem
from tieout.model.cases import CaseClass
from tieout.model.documents import Payment, RemittanceLine, Supplier
from tieout.model.events import Event
from tieout.model.facts import (
    InvoiceReserved,
    LiabilityReopened,
    PaymentReleased,
    PaymentReleaseRequested,
    PaymentRequested,
    PaymentReserved,
    PaymentWithheld,
    account_home,
)
from tieout.processes import invoice as invoices
from tieout.processes import supplier as suppliers
from tieout.processes.payment.cases import case_about, mend
from tieout.processes.payment.duties import compensated, forbidden, ruling_for
from tieout.processes.payment.state import State, text_of
from tieout.processes.process import Emit, Facts, Link, Output, Send


def requested(event: Event, data: PaymentRequested) -> State:
    """A run proposes it; from here on it belongs to that run."""
    return State(
        "requested",
        data.run_id,
        data.invoice_id,
        data.supplier_id,
        data.entity,
        data.debtor_iban,
        data.execute_on,
        event.recorded_at,
    )


def reserve(state: State, payment_id: str, data: PaymentRequested, facts: Facts) -> Iterator[Output]:
    """Take the invoice for the run, or say why it cannot be paid."""
    home = account_home(data.debtor_iban)
    if data.run_id != state.run_id:
        taken = Problem(Code.NOT_PAYABLE, payment_id, actual=f"this payment id belongs to run {state.run_id}")
        withheld = PaymentWithheld(payment_id=payment_id, run_id=data.run_id, problems=(taken,))
        yield Send(withheld, subject=data.run_id, home=home, entity=data.entity)
        return
    if state.status != "requested":
        return
    payment, problems = _compose(payment_id, data, facts)
    ruling = ruling_for("propose_payment", data.proposed_by, payment_id, facts, data.entity)
    problems += forbidden(ruling, payment_id)
    if payment is None or problems:
        yield from _withhold(state, payment_id, problems)
        yield _withheld_case(state, payment_id, problems)
    else:
        reserved = PaymentReserved(payment=payment)
        yield Emit(reserved)
        yield from compensated("propose_payment", ruling)
        yield Emit(InvoiceReserved(payment_id=payment_id), data.invoice_id)
        yield Send(reserved, subject=data.run_id, home=home, entity=data.entity)
        yield from mend(state, f"payment {payment_id} pays it", facts)


def _compose(payment_id: str, data: PaymentRequested, facts: Facts) -> tuple[Payment | None, tuple[Problem, ...]]:
    """The complete payment, or everything that speaks against it."""
    due = invoices.payable(facts.state("invoice", data.invoice_id))
    problems = tuple(_obstacles(data.supplier_id, facts))
    if due is None or due.amount.minor <= 0:
        expected = "a posted and approved invoice that is open"
        actual = invoices.obstacle(facts.state("invoice", data.invoice_id))
        problems = (Problem(Code.NOT_PAYABLE, data.invoice_id, expected, actual), *problems)
    elif due.amount.currency != data.currency:
        problems = (Problem(Code.CURRENCY_MISMATCH, data.invoice_id, data.currency, due.amount.currency), *problems)
    supplier = _supplier(data.supplier_id, facts)
    if due is None or supplier is None or supplier.bank_account is None or problems:
        return None, problems
    payment = Payment(
        payment_id=payment_id,
        run_id=data.run_id,
        invoice_id=data.invoice_id,
        entity=data.entity,
        supplier_id=data.supplier_id,
        amount=due.amount,
        creditor=supplier.bank_account,
        remittance=due.remittance,
        creditor_address=supplier.address,
        invoices=(RemittanceLine(number=due.remittance, paid=due.amount, gross=due.amount),),
    )
    return payment, ()


def release(state: State, payment_id: str, data: PaymentReleaseRequested, facts: Facts) -> Iterator[Output]:
    """The last look before the money leaves: holds, and whether the account is still the one we reserved for."""
    payment = state.payment
    if payment is None or state.status != "reserved" or data.run_id != state.run_id:
        return
    ruling = ruling_for("release_payment", data.released_by, payment_id, facts, state.entity)
    problems = tuple(_obstacles(state.supplier_id, facts)) + tuple(_changed_account(payment, facts))
    problems += forbidden(ruling, payment_id)
    if problems:
        yield from _withhold(state, payment_id, problems)
        yield _withheld_case(state, payment_id, problems)
    else:
        released = PaymentReleased(payment=payment, released_by=data.released_by)
        yield Emit(released)
        yield from compensated("release_payment", ruling)
        yield from _names_at_the_bank(payment)
        yield Send(released, subject=state.run_id, home=account_home(state.debtor_iban), entity=state.entity)


def _names_at_the_bank(payment: Payment) -> Iterator[Link]:
    """What the bank will call it: its id, or in files with short fields a name made from it."""
    names = [payment.payment_id]
    if not payment.creditor.iban:
        names += [short_reference(payment.payment_id, length) for length in SHORT_LENGTHS]
    yield from (Link("bank", name) for name in dict.fromkeys(names))


def call_off(state: State, payment_id: str, reason: str) -> Iterator[Output]:
    """The run is called off before its release: the payment is kept back and its invoice may be paid again."""
    called_off = Problem(Code.NOT_PAYABLE, payment_id, detail=f"the run was called off: {reason}")
    yield from _withhold(state, payment_id, (called_off,))


def _obstacles(supplier_id: str, facts: Facts) -> Iterator[Problem]:
    """What about the supplier speaks against paying it now."""
    state = facts.state("supplier", supplier_id)
    if reason := suppliers.held(state):
        changing = state is not None and (state.change or state.syncing)
        code = Code.BANK_CHANGE_OPEN if changing else Code.NOT_PAYABLE
        yield Problem(code, supplier_id, "a supplier without a hold", reason)
    supplier = _supplier(supplier_id, facts)
    if supplier is None or supplier.bank_account is None:
        yield Problem(Code.NO_BANK_ACCOUNT, supplier_id)


def _supplier(supplier_id: str, facts: Facts) -> Supplier | None:
    state: suppliers.State | None = facts.state("supplier", supplier_id)
    return state.supplier if state else None


def _changed_account(payment: Payment, facts: Facts) -> Iterator[Problem]:
    """The supplier's account is another one now than the payment would go to."""
    supplier = _supplier(payment.supplier_id, facts)
    if supplier is not None and supplier.bank_account not in (None, payment.creditor):
        detail = "the supplier's account changed after the payment was reserved"
        yield Problem(Code.BANK_CHANGE_OPEN, payment.supplier_id, detail=detail)


def _withhold(state: State, payment_id: str, problems: tuple[Problem, ...]) -> Iterator[Output]:
    """Keep it back, tell the run, and give the invoice back if it was taken."""
    withheld = PaymentWithheld(payment_id=payment_id, run_id=state.run_id, problems=problems)
    yield Emit(withheld)
    if state.payment is not None:
        yield Emit(LiabilityReopened(payment_id=payment_id, reason=text_of(problems)), state.invoice_id)
    yield Send(withheld, subject=state.run_id, home=account_home(state.debtor_iban), entity=state.entity)


def _withheld_case(state: State, payment_id: str, problems: tuple[Problem, ...]) -> Emit:
    return case_about(state, payment_id, CaseClass.PAYMENT_WITHHELD, *problems)
