"""What others are told of a payment: the ERP and the AP platform when it is booked or came back, and its supplier."""

from collections.abc import Iterator
from datetime import date

from tieout.formats.outgoing import advice_of
from tieout.model.documents import Invoice
from tieout.model.effects import RecordPayment, RecordReturn, ReportPayment, effect_id
from tieout.model.facts import SendRequested, partner_home
from tieout.model.identity import supplier_id_of
from tieout.policy.policy import EntityPolicy, Policy
from tieout.processes.payment.state import State, details
from tieout.processes.process import Facts, Intent, Output, Send


def systems_of(policy: Policy, entity: str) -> EntityPolicy:
    """The systems a legal entity works with; the usual names for an entity that the policy does not know."""
    return policy.entities.get(entity) or EntityPolicy(name=entity, currency="")


def _systems(state: State, facts: Facts) -> EntityPolicy:
    return systems_of(facts.policy, state.entity)


def record(state: State, payment_id: str, paid_on: date, facts: Facts) -> Intent:
    """Liability to clearing account, in the ERP; under one key, whether the bank accepts or books it first."""
    payload = RecordPayment(payment=details(state), invoice=_invoice(state, facts), paid_on=paid_on)
    return Intent(connector=_systems(state, facts).erp, payload=payload, key=payment_id, entity=state.entity)


def unrecord(state: State, payment_id: str, on: date, reason: str, facts: Facts) -> Intent:
    """Back from the clearing account to the liability, once the ERP holds the payment."""
    erp = _systems(state, facts).erp
    payload = RecordReturn(payment=details(state), returned_on=on, reason=reason)
    after = effect_id(erp, RecordPayment.operation, payment_id)
    return Intent(connector=erp, payload=payload, key=payment_id, entity=state.entity, after=after)


def report(state: State, payment_id: str, status: str, on: date, facts: Facts) -> Intent:
    """Tell the AP platform that it is booked, once the ERP holds it; that it came back, once it knows it as booked."""
    settings = _systems(state, facts)
    payload = ReportPayment(invoice_id=state.invoice_id, payment_id=payment_id, status=status, on=on)
    if status == "booked":
        after = effect_id(settings.erp, RecordPayment.operation, payment_id)
    else:
        told = state.status == "booked"
        after = effect_id(settings.ap, ReportPayment.operation, f"{payment_id}/booked") if told else ""
    return Intent(
        connector=settings.ap, payload=payload, key=f"{payment_id}/{status}", entity=state.entity, after=after
    )


def advise(state: State, paid_on: date, facts: Facts) -> Iterator[Output]:
    """Tell a supplier in EDI which invoices are paid, once the bank has accepted the payment, if it wants to know."""
    partner = next(
        (
            partner
            for partner in facts.policy.partners.values()
            if partner.remittance and partner.ids and supplier_id_of(partner.tax_id) == state.supplier_id
        ),
        None,
    )
    if partner is None or state.payment is None:
        return
    advice = advice_of(state.payment, _systems(state, facts).name, paid_on)
    wanted = SendRequested(
        partner=partner.ids[0],
        kind=partner.remittance,
        about=state.payment.payment_id,
        entity=state.entity,
        advice=advice,
    )
    yield Send(wanted, subject=partner.ids[0], home=partner_home(partner.ids[0]), entity=state.entity)


def _invoice(state: State, facts: Facts) -> Invoice:
    invoice = facts.state("invoice", state.invoice_id)
    assert invoice is not None, f"invoice {state.invoice_id} was reserved in this partition and must still be here"
    document: Invoice = invoice.invoice
    return document
