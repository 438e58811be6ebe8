"""Cash discounts in the terms of payment (BT-20), as XRechnung writes them (KoSIT, XRechnung specification, BR-DE-18).

One line for each: ``#SKONTO#TAGE=14#PROZENT=2.25#``, with ``BASISBETRAG=1000.00#`` behind it where the discount is of
another amount than the whole. Days count from the day of issue.
"""

import re
from collections.abc import Iterable, Iterator
from datetime import date, timedelta
from decimal import Decimal

from tieout.kernel.money import Money, multiply
from tieout.model.documents import CashDiscount

_SKONTO = re.compile(
    r"^#SKONTO#TAGE=(\d{1,3})#PROZENT=(\d{1,2}(?:\.\d{1,2})?)#(?:BASISBETRAG=(-?\d{1,16}(?:\.\d{1,2})?)#)?\s*$",
    re.MULTILINE | re.ASCII,
)
_HUNDREDTH = Decimal("0.01")


def cash_discounts(terms: str, issued_on: date, gross: Money) -> Iterator[CashDiscount]:
    """What may be taken off until when, in the order it is written. Other words are prose and say nothing here."""
    for days, percent, base in _SKONTO.findall(terms):
        amount = _share(Decimal(base) if base else gross.amount, Decimal(percent), gross.currency)
        if amount.minor > 0 and (date.max - issued_on).days >= int(days):
            yield CashDiscount(until=issued_on + timedelta(days=int(days)), amount=amount, percent=Decimal(percent))


def skonto(discounts: Iterable[CashDiscount], issued_on: date, gross: Money) -> str:
    """The terms of payment that say these discounts; those that are no share of the whole cannot be said so."""
    lines = (
        f"#SKONTO#TAGE={(discount.until - issued_on).days}#PROZENT={discount.percent:.2f}#\n"
        for discount in discounts
        if discount.percent is not None and discount.amount == _share(gross.amount, discount.percent, gross.currency)
    )
    return "".join(lines)


def _share(of: Decimal, percent: Decimal, currency: str) -> Money:
    return Money.rounded(multiply(multiply(of, percent), _HUNDREDTH), currency)
