"""The approval of an invoice: it is handed to the approvers, they are reminded, and their word is heard."""

from collections.abc import Iterator

from msgspec.structs import replace

from tieout.kernel.clock import to_micros
from tieout.kernel.problem import Code, Problem
from tieout.model.cases import CaseClass
from tieout.model.effects import SubmitInvoice, effect_id
from tieout.model.events import Event
from tieout.model.facts import ApprovalDecided, ApprovalDue
from tieout.model.verdict import Verdict
from tieout.policy.calendars import add_business_hours
from tieout.processes.invoice.cases import open_cases, settle_cases
from tieout.processes.invoice.posting import post, supplier_at, systems
from tieout.processes.invoice.state import OPEN, State, cleared, entered_by, flagged, ready
from tieout.processes.process import Facts, Intent, Output, Timer


def decided(state: State, data: ApprovalDecided) -> State:
    """Decisions count until posting begins. Nobody approves what they entered."""
    if state.status not in OPEN or state.status == "duplicate":
        return state
    if data.approved and entered_by(state, data.approver):
        return _denied(state, data.approver, f"{data.approver} entered this invoice and cannot approve it")
    if not data.approved:
        return _denied(state, data.approver, f"{data.approver} refused it: {data.reason or 'no reason given'}")
    status = (cleared(state) if state.clear else "mismatched") if state.status == "rejected" else state.status
    approved = replace(state, status=status, approval="approved", decided_by=data.approver)
    return ready(approved)


def _denied(state: State, by: str, reason: str) -> State:
    status = "rejected" if state.status in ("valid", "mismatched", "matched", "held") else state.status
    denied = replace(state, status=status, approval="denied", decided_by=by, reason=reason)
    return flagged(denied, CaseClass.REJECTED_APPROVAL)


def submit(state: State, event: Event, verdict: Verdict, facts: Facts) -> Iterator[Output]:
    """Hand it to the approvers with the verdict (``matched`` is false without problems when there is no order), or tell
    those who have it that it agrees now."""
    settings, invoice = systems(state, facts), state.invoice
    again = state.handed and verdict.matched
    first = "" if state.submitted else effect_id(settings.ap, SubmitInvoice.operation, event.subject)
    yield Intent(
        connector=settings.ap,
        payload=SubmitInvoice(invoice_id=event.subject, invoice=invoice, verdict=verdict, hold=state.hold),
        key=f"{event.subject}/matched" if again else event.subject,
        entity=invoice.entity,
        after=first if again else supplier_at(settings.ap, state, facts),
    )
    if state.status == "posting":
        yield from post(state, event, facts)
    elif (days := facts.policy.approval_days) and not state.approval:
        country = settings.country
        due_at = add_business_hours(country, facts.now, 24 * days)
        yield Timer(ApprovalDue(), due_at, f"{event.subject}/approval/{to_micros(due_at)}", event.subject)


def remind(state: State, event: Event, facts: Facts) -> Iterator[Output]:
    waited = f"{facts.policy.approval_days} business days"
    problem = Problem(Code.NOT_APPROVED, "approval", "a decision", "none", limit=waited)
    yield from open_cases(state, event, facts, (problem,), (CaseClass.APPROVAL_OVERDUE,))


def heed(state: State, event: Event, facts: Facts) -> Iterator[Output]:
    if state.approval:
        yield from settle_cases(state, event, facts, (CaseClass.APPROVAL_OVERDUE,), f"decided by {state.decided_by}")
    if state.approval == "approved":
        yield from settle_cases(state, event, facts, (CaseClass.REJECTED_APPROVAL,), f"approved by {state.decided_by}")
        if state.status == "posting":
            yield from post(state, event, facts)
    elif state.approval == "denied" and state.status in OPEN:
        problem = Problem(Code.NOT_APPROVED, "approval", "an approval", state.reason)
        yield from open_cases(state, event, facts, (problem,), (CaseClass.REJECTED_APPROVAL,))
