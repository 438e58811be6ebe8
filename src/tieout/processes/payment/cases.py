"""What is asked of people: about the invoice when it could not be paid, about the payment when the bank contradicts."""

from collections.abc import Iterator

from tieout.kernel.problem import Code, Problem
from tieout.model.cases import Case, CaseClass
from tieout.model.documents import StatementEntry
from tieout.processes.case import is_open, open_case, settle_case
from tieout.processes.payment.state import MENDED, State, text_of
from tieout.processes.process import Emit, Facts, Output


def case_about(state: State, payment_id: str, case_class: CaseClass, *problems: Problem) -> Emit:
    """A case about the invoice where a later payment can mend it, about the payment otherwise."""
    mended = case_class in MENDED
    case = Case(
        case_class=case_class,
        document=state.invoice_id if mended else payment_id,
        entity=state.entity,
        reason=f"payment {payment_id}: {text_of(problems)}" if mended else text_of(problems),
        problems=problems,
        amount=state.payment.amount if state.payment else None,
        supplier_id=state.supplier_id,
    )
    return open_case(case)


def difference(state: State, payment_id: str, detail: str, entry: StatementEntry | None = None) -> Emit:
    """The bank contradicts itself or us, and somebody has to look."""
    expected = str(-state.payment.amount) if entry and state.payment else ""
    where, actual = (entry.entry_id, str(entry.amount)) if entry else (payment_id, "")
    problem = Problem(Code.PAYMENT_DIFFERS, where, expected, actual, detail=detail)
    return case_about(state, payment_id, CaseClass.PAYMENT_DIFFERS, problem)


def mend(state: State, resolution: str, facts: Facts) -> Iterator[Output]:
    """A payment takes the invoice or was booked: the cases about not paying it are settled."""
    for one in MENDED:
        if is_open(facts, one, state.invoice_id):
            yield settle_case(one, state.invoice_id, resolution)
