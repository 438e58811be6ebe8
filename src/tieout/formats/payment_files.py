"""What writers of national payment files share: the result, and a name of a payment that fits their short fields."""

import re
from base64 import b32encode
from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal
from hashlib import blake2b

from tieout.formats.reading import quoted
from tieout.formats.written import Written
from tieout.kernel.problem import Code, Problem
from tieout.model.documents import Payment, PaymentRun

#: How long the names of payments may be: in ACH (individual identification number), and in Bacs (reference).
SHORT_LENGTHS = (15, 18)
_PLAIN = re.compile(r"[A-Z0-9][A-Z0-9.\-]*", re.ASCII)


class PaymentFile(Written, frozen=True):
    """A payment file, or why there is none.

    ``references``: each payment with the name that it has in the file, where that is not its id; the bank answers with
    that name. ``notes`` say what the file leaves out.
    """

    count: int = 0
    control_sum: Decimal = Decimal(0)
    references: tuple[tuple[str, str], ...] = ()
    notes: tuple[Problem, ...] = ()


def short_reference(payment_id: str, length: int) -> str:
    """What a payment is called where only ``length`` capital letters and digits travel: its id if that fits, else
    a name made from it, always the same one (15 signs tell 2**75 payments apart)."""
    if len(payment_id) <= length and _PLAIN.fullmatch(payment_id):
        return payment_id
    return b32encode(blake2b(payment_id.encode(), digest_size=20).digest()).decode()[:length]


def run_problems(run: PaymentRun, created_at: datetime, currency: str, amount_max: int) -> Iterator[Problem]:
    """What makes a run unfit for any national payment file: nothing in it, doubles, other currencies, amounts."""
    if created_at.tzinfo is None:
        yield Problem(Code.BAD_VALUE, "created_at", expected="a moment with a time zone")
    if run.currency != currency:
        yield Problem(Code.CURRENCY_MISMATCH, "currency", expected=currency, actual=run.currency)
    if not run.payments:
        yield Problem(Code.MISSING_FIELD, "payments", expected="at least one payment")
    seen: set[str] = set()
    for payment in run.payments:
        yield from _payment_problems(payment, run, currency, amount_max)
        if payment.payment_id in seen:
            yield Problem(Code.BAD_VALUE, place(payment), detail="the payment is in the run twice")
        seen.add(payment.payment_id)


def place(payment: Payment) -> str:
    """A payment, as problems name it."""
    return f"payments/{quoted(payment.payment_id)}"


def _payment_problems(payment: Payment, run: PaymentRun, currency: str, amount_max: int) -> Iterator[Problem]:
    where = place(payment)
    if payment.run_id != run.run_id:
        yield Problem(Code.BAD_VALUE, f"{where}/run_id", expected=run.run_id, actual=quoted(payment.run_id))
    if payment.entity != run.entity:
        yield Problem(Code.BAD_VALUE, f"{where}/entity", expected=run.entity, actual=quoted(payment.entity))
    amount = payment.amount
    if amount.currency != currency:
        yield Problem(Code.CURRENCY_MISMATCH, f"{where}/amount", expected=currency, actual=amount.currency)
    elif not 0 < amount.minor <= amount_max:
        limit = f"more than zero, at most {amount_max} in minor units"
        yield Problem(Code.BAD_VALUE, f"{where}/amount", limit=limit, actual=str(amount))
