"""What goes out to EDI partners, in whichever standard: the envelope around it, and the advice of a payment."""

from datetime import date, datetime

from msgspec import Struct

from tieout.model.documents import Payment, RemittanceAdvice


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


def advice_of(payment: Payment, payer: str, paid_on: date) -> RemittanceAdvice:
    """What to tell a supplier about one payment: by whom, when, and which documents it settles."""
    return RemittanceAdvice(
        advice_id=payment.payment_id,
        payer=payer,
        payee=payment.creditor.holder,
        paid_on=paid_on,
        amount=payment.amount,
        reference=payment.payment_id,
        lines=payment.invoices,
    )
