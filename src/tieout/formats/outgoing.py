"""What goes out to EDI partners, in whichever standard: the envelope around it, and how it turned out."""

from datetime import datetime

from msgspec import Struct

from tieout.kernel.problem import Problem
from tieout.model.documents import Payment, PaymentRun, RemittanceAdvice


class Envelope(Struct, frozen=True, kw_only=True):
    """From whom to whom an interchange goes, under which control number, and when it was made.

    Qualifiers say what kind of id it is (X12 element I05, such as ``01`` for DUNS; EDIFACT 0007, such as ``14`` for
    GLN). Without one an id is as agreed between the two.
    """

    sender: str
    receiver: str
    control: str
    prepared_at: datetime
    sender_qualifier: str = ""
    receiver_qualifier: str = ""
    test: bool = False


class Written(Struct, frozen=True):
    """An interchange, or why there is none. ``body`` is empty exactly when there are problems."""

    body: bytes = b""
    problems: tuple[Problem, ...] = ()


def advice_of(payment: Payment, run: PaymentRun) -> RemittanceAdvice:
    """What to tell a supplier about one payment of a run."""
    return RemittanceAdvice(
        advice_id=payment.payment_id,
        payer=run.debtor.holder or run.entity,
        payee=payment.creditor.holder,
        paid_on=run.execute_on,
        amount=payment.amount,
        reference=payment.payment_id,
        lines=payment.invoices,
    )
