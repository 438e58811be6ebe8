"""Terms of payment (``ITD``, X12 004010): when an invoice is due, and what may be taken off when it is paid earlier."""

from collections.abc import Iterator
from datetime import date, timedelta
from decimal import Decimal

from tieout.formats.segments import Segment
from tieout.formats.x12.message import Message, value
from tieout.kernel.money import Money, multiply
from tieout.kernel.problem import Code
from tieout.model.documents import CashDiscount

_INVOICE_DAY = ("", "3")
_DAYS_MAX = 3_650
_HUNDREDTH = Decimal("0.01")


def due_on(message: Message, issued_on: date) -> date:
    """``ITD``: the net due date (06) or days (07); of several terms the latest."""
    found = [day for itd in _terms(message) if (day := _day(message, itd, 6, 7, issued_on)) is not None]
    if not found:
        message.findings.assume("the due date (ITD06, ITD07)", "the day of issue", message.where(None))
    return max(found, default=issued_on)


def discounts(message: Message, issued_on: date, gross: Money) -> Iterator[CashDiscount]:
    """``ITD``: a discount amount (08) or percentage (03) until a date (04) or for some days (05)."""
    for itd in _terms(message):
        percent, cents = message.optional_number(itd, 3), message.optional_number(itd, 8)
        until = _day(message, itd, 4, 5, issued_on)
        if until is None:
            continue
        if cents is not None:
            amount = Money.rounded(multiply(cents, _HUNDREDTH), gross.currency)
        else:
            amount = Money.rounded(multiply(multiply(gross.amount, percent or Decimal(0)), _HUNDREDTH), gross.currency)
        if 0 < amount.minor <= gross.minor:
            yield CashDiscount(until=until, amount=amount, percent=percent)


def _terms(message: Message) -> list[Segment]:
    return [node.segment for node in message.root.under("ITD")]


def _day(message: Message, itd: Segment, date_at: int, days_at: int, issued_on: date) -> date | None:
    """A day that stands there as a date or, counted from the day of issue, in days."""
    day, days = message.day(itd, date_at), message.optional_number(itd, days_at)
    if day is not None or days is None:
        return day
    if days != days.to_integral_value() or not 0 <= days <= min(_DAYS_MAX, (date.max - issued_on).days):
        where = message.where(itd, days_at)
        message.findings.fault(Code.BAD_VALUE, where, expected="a number of days", actual=str(days))
        return None
    if value(itd, 2) not in _INVOICE_DAY:
        message.findings.assume("the day the terms count from (ITD02)", "the day of issue", message.where(itd, 2))
    return issued_on + timedelta(days=int(days))
