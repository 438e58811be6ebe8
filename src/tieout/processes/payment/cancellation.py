"""The bank's answer to a cancellation, and its notice that the account of the supplier has changed."""

from collections.abc import Iterator

from msgspec.structs import replace

from tieout.kernel.problem import Code, Problem
from tieout.model.cases import CaseClass
from tieout.model.documents import CancellationAnswer, ChangeNotice
from tieout.model.facts import BankChangeRequested, PaymentStatusNoted, PaymentStatusReported
from tieout.processes.payment.cases import case_about
from tieout.processes.payment.claims import hear
from tieout.processes.payment.state import State
from tieout.processes.process import Emit, Facts, Output


def hear_cancellation(state: State, payment_id: str, answer: CancellationAnswer, facts: Facts) -> Iterator[Output]:
    """The bank cancelled it, which ends it like a rejection; or did not, which somebody has to know."""
    match answer.status:
        case "CNCL":
            told = PaymentStatusReported(status="CANC", reason=answer.reason or "cancelled at our request")
            yield from hear(state, payment_id, told, facts)
        case "RJCR":
            problem = Problem(Code.EFFECT_REFUSED, payment_id, "CNCL", answer.status, detail=answer.reason)
            yield case_about(state, payment_id, CaseClass.CANCELLATION_REFUSED, problem)
        case status if status not in state.notes:
            yield Emit(PaymentStatusNoted(status=status, reason=answer.reason))


def ask_for_change(state: State, notice: ChangeNotice) -> Iterator[Output]:
    """A notification of change changes nothing by itself: it asks for a bank change, which people confirm."""
    before = state.payment.creditor if state.payment else None
    account = notice.account
    if before is not None:
        account = replace(
            before,
            iban=account.iban or before.iban,
            number=account.number or before.number,
            clearing=account.clearing or before.clearing,
            kind=account.kind or before.kind,
            holder=account.holder or before.holder,
        )
    requested = BankChangeRequested(
        change_id=notice.notice_id,
        supplier_id=state.supplier_id,
        account=account,
        channel=f"notification of change {notice.change_code}",
    )
    yield Emit(requested, state.supplier_id)
