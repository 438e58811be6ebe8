"""The posting of an invoice in the ERP: asked for, answered, read back and reported."""

from collections.abc import Iterator
from datetime import datetime

from msgspec.structs import replace

from tieout.kernel.clock import period_of
from tieout.kernel.problem import Code, Problem
from tieout.model.cases import CaseClass
from tieout.model.documents import Posting
from tieout.model.effects import PostInvoice, ReportPayment, ReportPosting, SubmitInvoice, effect_id
from tieout.model.events import Event
from tieout.model.facts import (
    EffectSettled,
    HoldsCompared,
    InvoiceClosed,
    InvoicePosted,
    Outcome,
    PostingDue,
    PostingFailed,
    supplier_home,
)
from tieout.policy.policy import EntityPolicy
from tieout.processes import supplier as suppliers
from tieout.processes.invoice.admission import last_look, suspicion
from tieout.processes.invoice.cases import REFUSED, open_cases, settle_cases
from tieout.processes.invoice.fingerprints import compared_as
from tieout.processes.invoice.state import CUT_OFF, POSTING, UNPOSTED, State, flagged, held_for, text_of
from tieout.processes.process import Emit, Facts, Intent, Link, Output, Send


def answered(state: State, outcome: Outcome) -> State:
    """A posting whose outcome nobody knows is neither posted nor failed."""
    if outcome.status in ("unknown", "undecided"):
        return replace(state, status="posting_unknown", reason="the ERP's answer was lost; it is looked for there")
    if outcome.status == "applied" and outcome.posting is None:
        return replace(state, status="posting_unknown", reason="the ERP did not say what it holds")
    return state


def posted(state: State, posting: Posting) -> State:
    """The ERP's word counts, whatever we thought before."""
    problems = differences(state, posting)
    standing = "posted_on_hold" if state.hold else "posted"
    status = standing if state.status in UNPOSTED else state.status
    reason = text_of(problems) or (held_for(state) if state.hold else "")
    holds = state.holds if posting.holds is None else posting.holds
    state = replace(state, status=status, posting=posting, holds=holds, differs=bool(problems), reason=reason)
    return flagged(state, CaseClass.POSTING_DIFFERS) if problems else state


def differences(state: State, posting: Posting) -> tuple[Problem, ...]:
    """What the ERP holds otherwise than it should. ERPs move dates silently, and an answer of 200 proves nothing."""
    invoice = state.invoice
    pairs = [("gross", str(invoice.gross), str(posting.gross))]
    if posting.tax is not None:
        pairs.append(("tax", str(invoice.tax), str(posting.tax)))
    pairs.append(("period", period_of(state.post_on or invoice.issued_on), posting.period))
    if state.cancelled:
        pairs.append(("status", "cancelled", "posted"))
    return tuple(
        Problem(Code.POSTING_DIFFERS, where, expected, actual)
        for where, expected, actual in pairs
        if expected != actual
    )


def post(state: State, event: Event, facts: Facts) -> Iterator[Output]:
    """Post it, unless by now there is another one that it looks like."""
    mine = compared_as(event.subject, state, facts)
    alike = last_look(mine, facts)
    if alike is None:
        yield Send(PostingDue(), event.subject, supplier_home(state.invoice.supplier_id), entity=state.invoice.entity)
    elif alike:
        yield from suspicion(mine, state.invoice, alike)
    else:
        yield _posting(state, event, facts)


def _posting(state: State, event: Event, facts: Facts) -> Intent:
    settings, invoice = systems(state, facts), state.invoice
    post_on = state.post_on or invoice.issued_on
    return Intent(
        connector=settings.erp,
        payload=PostInvoice(invoice_id=event.subject, invoice=invoice, post_on=post_on, hold=state.hold),
        key=event.subject,
        entity=invoice.entity,
        after=supplier_at(settings.erp, state, facts),
        deadline=datetime.combine(invoice.due_on, CUT_OFF),
    )


def hear(state: State, data: EffectSettled) -> Iterator[Output]:
    """What became of a write. Only what was read back from the ERP makes an invoice posted."""
    outcome = data.outcome
    if outcome.status == "applied":
        if outcome.reference:
            yield Link(data.connector, outcome.reference)
        for system, external_id in outcome.links.items():
            yield Link(system, external_id)
    if data.operation != PostInvoice.operation:
        return
    if outcome.status == "applied" and outcome.posting and state.posting is None:
        yield Emit(InvoicePosted(posting=outcome.posting))
    elif outcome.status in ("refused", "dead") and state.status in POSTING:
        yield Emit(PostingFailed(problems=outcome.problems))


def compare_holds(state: State, *, told: bool) -> Iterator[Output]:
    """Did the ERP place the holds that matching said it would? Where it does not tell, nothing is compared."""
    if told and state.dialect and state.holds is not None:
        yield Emit(HoldsCompared(dialect=state.dialect, predicted=state.predicted, actual=state.holds))


def report(state: State, event: Event, posting: Posting, facts: Facts) -> Iterator[Output]:
    """Tell the AP platform what the ERP holds, and people where that is not what it should be."""
    settings = systems(state, facts)
    yield from settle_cases(state, event, facts, REFUSED, f"posted as {posting.number}")
    yield Intent(
        connector=settings.ap,
        payload=ReportPosting(invoice_id=event.subject, posting=posting),
        key=event.subject,
        entity=state.invoice.entity,
        after="" if state.submitted else effect_id(settings.ap, SubmitInvoice.operation, event.subject),
    )
    if state.differs:
        yield from open_cases(state, event, facts, differences(state, posting), (CaseClass.POSTING_DIFFERS,))


def close(event: Event, facts: Facts) -> Iterator[Output]:
    """The report of a payment is about the payment; when the AP platform holds it, its invoice is done with."""
    data = event.data
    if not isinstance(data, EffectSettled) or data.operation != ReportPayment.operation:
        return
    payment = facts.state("payment", event.subject)
    if data.outcome.status != "applied" or payment is None or not data.key.endswith("/booked"):
        return
    state = facts.state("invoice", payment.invoice_id)
    if state is not None and state.status == "paid" and state.payment_id == event.subject:
        yield Emit(InvoiceClosed(), payment.invoice_id)


def systems(state: State, facts: Facts) -> EntityPolicy:
    entity = state.invoice.entity
    return facts.policy.entities.get(entity) or EntityPolicy(name=entity, currency=state.invoice.currency)


def supplier_at(connector: str, state: State, facts: Facts) -> str:
    supplier_id = state.invoice.supplier_id
    return suppliers.upsert_id(facts.state("supplier", supplier_id), supplier_id, connector)
