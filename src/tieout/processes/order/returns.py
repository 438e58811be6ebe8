"""Goods that went back, or had never come: a credit note is owed for what was billed of them, and asked for in time."""

from collections.abc import Iterator
from datetime import UTC, datetime, time, timedelta

from tieout.kernel.money import EXACT
from tieout.model.cases import Case, CaseClass
from tieout.model.facts import CreditDue
from tieout.processes.case import is_open, open_case, settle_case
from tieout.processes.order.accrual import value_of
from tieout.processes.order.state import ZERO, Quantities, State, spend_category
from tieout.processes.process import Facts, Output, Timer


def credit_owed(state: State) -> Quantities:
    """What was billed above what was received, as far as goods went back: the quantities of a missing credit note."""
    sent: Quantities = {}
    for one in state.returns:
        for line_id, quantity in one.lines.items():
            sent[line_id] = EXACT.add(sent.get(line_id, ZERO), quantity)
    found: Quantities = {}
    for line_id, quantity in sent.items():
        line = state.position.lines.get(line_id) if state.position else None
        if line and (owed := min(quantity, EXACT.subtract(line.billed, line.received))) > 0:
            found[line_id] = owed
    return found


def expect_credit(state: State, subject: str, facts: Facts) -> Iterator[Output]:
    """Each return has a day by which its credit note should have come."""
    counted = {receipt.receipt_id for receipt in state.counted}
    for one in state.returns:
        if one.receipt_id in counted:
            day = one.returned_on + timedelta(days=facts.policy.credit_expected_days)
            due_at = datetime.combine(day, time(6), tzinfo=UTC)
            yield Timer(CreditDue(receipt_id=one.receipt_id), due_at, f"credit/{subject}/{one.receipt_id}", subject)


def miss_credit(state: State, subject: str, receipt_id: str) -> Iterator[Output]:
    """The day has come: is there something that no credit note covers?"""
    owed, known = credit_owed(state), state.position
    sent = next((one for one in state.returns if one.receipt_id == receipt_id), None)
    if not owed or known is None or sent is None:
        return
    lines = ", ".join(f"{quantity} {known.lines[one].unit} of line {one}" for one, quantity in sorted(owed.items()))
    how = "has not come after all by" if sent.taken_back else "went back to the supplier with"
    told = f"{how} {receipt_id} of {sent.returned_on}, was billed, and is not credited"
    case = Case(
        case_class=CaseClass.MISSING_CREDIT,
        document=subject,
        entity=state.entity,
        supplier_id=known.supplier_id,
        reason=f"Order {known.order_id}: {lines} {told}.",
        amount=value_of(state, owed),
        spend_category=spend_category(state),
    )
    yield open_case(case)


def settle_credit(state: State, subject: str, facts: Facts) -> Iterator[Output]:
    """A credit note covers it, or goods came instead."""
    if state.returns and is_open(facts, CaseClass.MISSING_CREDIT, subject) and not credit_owed(state):
        yield settle_case(CaseClass.MISSING_CREDIT, subject, "nothing is billed any more of what went back")
