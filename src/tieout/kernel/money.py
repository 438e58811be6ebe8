"""Exact money: whole minor units with a currency. Floats and silent rounding cannot get in.

On the wire an amount is ``{"minor": 1234, "currency": "EUR"}`` (12.34 EUR). Minor digits are those of ISO 4217
(JPY 0, EUR 2, KWD 3). Sums and products run in our own decimal context, in which a lost digit is an error.
"""

from collections.abc import Iterable
from decimal import ROUND_HALF_UP, Context, Decimal, DivisionByZero, Inexact, InvalidOperation, Overflow
from typing import Self

from msgspec import Struct

#: 60 digits, and ``Inexact`` trapped: arithmetic is exact or it fails loudly.
EXACT = Context(prec=60, traps=[Inexact, InvalidOperation, DivisionByZero, Overflow])
#: For the one step of an amount's life that may round: from quantity × price to minor units.
_ROUNDING = Context(prec=60, rounding=ROUND_HALF_UP, traps=[InvalidOperation, Overflow])

#: Currencies whose minor unit is not a hundredth (ISO 4217, list one).
_DIGITS = {
    **dict.fromkeys(
        ("BIF", "CLP", "DJF", "GNF", "ISK", "JPY", "KMF", "KRW", "PYG", "RWF", "UGX", "UYI", "VND", "VUV"), 0
    ),
    **dict.fromkeys(("XAF", "XOF", "XPF"), 0),
    **dict.fromkeys(("BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"), 3),
    **dict.fromkeys(("CLF", "UYW"), 4),
}


def minor_digits(currency: str) -> int:
    """How many decimal places the currency has (ISO 4217)."""
    return _DIGITS.get(currency, 2)


def is_currency(text: str) -> bool:
    """Whether it has the form of an ISO 4217 code."""
    return len(text) == 3 and text.isascii() and text.isalpha() and text.isupper()


class Money(Struct, frozen=True, order=False, gc=False):
    """An exact amount in one currency."""

    minor: int
    currency: str

    def __post_init__(self) -> None:
        if len(self.currency) != 3 or not (self.currency.isascii() and self.currency.isupper()):
            raise ValueError(f"{self.currency!r} is not an ISO 4217 currency code such as EUR")

    @classmethod
    def of(cls, amount: Decimal, currency: str) -> Self:
        """An amount given in major units. Raises ``ValueError`` when it has more decimals than the currency."""
        scaled = amount.scaleb(minor_digits(currency), EXACT)
        if scaled != scaled.to_integral_value():
            raise ValueError(f"{amount} {currency} has more than {minor_digits(currency)} decimals")
        return cls(int(scaled), currency)

    @classmethod
    def rounded(cls, amount: Decimal, currency: str) -> Self:
        """An amount in major units, rounded half up to the minor unit: the one place where money is rounded."""
        return cls(int(amount.scaleb(minor_digits(currency), _ROUNDING).to_integral_value(ROUND_HALF_UP)), currency)

    @classmethod
    def zero(cls, currency: str) -> Self:
        """Nothing, in the given currency."""
        return cls(0, currency)

    @property
    def amount(self) -> Decimal:
        """The amount in major units, with the currency's own number of decimals."""
        return Decimal(self.minor).scaleb(-minor_digits(self.currency), EXACT)

    def _same(self, other: "Money") -> None:
        if self.currency != other.currency:
            raise ValueError(f"cannot combine {self.currency} with {other.currency}; convert one of them first")

    def __add__(self, other: "Money") -> "Money":
        self._same(other)
        return Money(self.minor + other.minor, self.currency)

    def __sub__(self, other: "Money") -> "Money":
        self._same(other)
        return Money(self.minor - other.minor, self.currency)

    def __neg__(self) -> "Money":
        return Money(-self.minor, self.currency)

    def __abs__(self) -> "Money":
        return Money(abs(self.minor), self.currency)

    def __lt__(self, other: "Money") -> bool:
        self._same(other)
        return self.minor < other.minor

    def __le__(self, other: "Money") -> bool:
        self._same(other)
        return self.minor <= other.minor

    def __bool__(self) -> bool:
        return self.minor != 0

    def __str__(self) -> str:
        return f"{self.amount:,} {self.currency}"


def total(amounts: Iterable[Money], currency: str) -> Money:
    """The exact sum of amounts in one currency (zero of that currency for none)."""
    return sum(amounts, Money.zero(currency))


def multiply(left: Decimal, right: Decimal) -> Decimal:
    """An exact product. Raises ``decimal.Inexact`` rather than lose a digit."""
    return EXACT.multiply(left, right)


def priced(quantity: Decimal, unit_price: Decimal, price_per: Decimal, currency: str) -> Money:
    """Quantity times price, ``unit_price`` being for ``price_per`` units, rounded half up to the minor unit."""
    worth = multiply(quantity, unit_price)
    if price_per == 1:
        return Money.rounded(worth, currency)
    numerator, denominator = worth.scaleb(minor_digits(currency), EXACT).as_integer_ratio()
    per, of = price_per.as_integer_ratio()
    numerator, denominator = numerator * of, denominator * per
    minor = (2 * abs(numerator) + denominator) // (2 * denominator)
    return Money(minor if numerator >= 0 else -minor, currency)
