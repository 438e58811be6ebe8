"""Money is exact: nothing is rounded in silence, currencies do not mix, sums undo."""

from decimal import Decimal, Inexact

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tieout.kernel.money import EXACT, Money, minor_digits, multiply, total

currencies = st.sampled_from(["EUR", "JPY", "KWD", "CLF"])
minors = st.integers(-(10**15), 10**15)


@pytest.mark.parametrize(
    ("amount", "currency", "minor"),
    [
        ("12.34", "EUR", 1234),
        ("12", "JPY", 12),
        ("12.345", "KWD", 12345),
        ("-0.01", "EUR", -1),
        ("1.0000", "CLF", 10000),
    ],
)
def test_an_amount_has_the_decimals_of_its_currency(amount: str, currency: str, minor: int) -> None:
    money = Money.of(Decimal(amount), currency)
    assert money == Money(minor, currency)
    assert money.amount == Decimal(amount)


@pytest.mark.parametrize(("amount", "currency"), [("1.001", "EUR"), ("0.5", "JPY"), ("1.0001", "KWD")])
def test_a_lost_digit_is_an_error(amount: str, currency: str) -> None:
    with pytest.raises(ValueError, match="more than"):
        Money.of(Decimal(amount), currency)


@pytest.mark.parametrize(
    ("amount", "minor"), [("0.005", 1), ("0.0049", 0), ("-0.005", -1), ("2.675", 268), ("1E-40", 0)]
)
def test_rounding_is_half_up_and_asked_for(amount: str, minor: int) -> None:
    assert Money.rounded(Decimal(amount), "EUR") == Money(minor, "EUR")


def test_currencies_do_not_mix() -> None:
    one, other = Money(1, "EUR"), Money(1, "USD")
    for combine in (lambda: one + other, lambda: one - other, lambda: one < other, lambda: one <= other):
        with pytest.raises(ValueError, match="cannot combine EUR with USD"):
            combine()


@pytest.mark.parametrize("currency", ["eur", "EU", "EURO", "ÉUR", ""])
def test_a_currency_is_a_code(currency: str) -> None:
    with pytest.raises(ValueError, match="ISO 4217"):
        Money(1, currency)


def test_it_is_shown_with_its_currency() -> None:
    assert str(Money(-123456789, "EUR")) == "-1,234,567.89 EUR"
    assert str(Money(5, "JPY")) == "5 JPY"


@given(minors, minors, currencies)
def test_sums_undo(one: int, other: int, currency: str) -> None:
    a, b = Money(one, currency), Money(other, currency)
    assert a + b - b == a
    assert Money.zero(currency) - (-a) == a
    assert total([a, b, -a, -b], currency) == Money.zero(currency)
    assert (a < b) == (a.amount < b.amount)


@given(minors, currencies)
def test_what_is_written_is_read_back(minor: int, currency: str) -> None:
    money = Money(minor, currency)
    assert msgspec.json.decode(msgspec.json.encode(money), type=Money) == money
    assert Money.of(money.amount, currency) == money == Money.rounded(money.amount, currency)
    assert money.amount.as_tuple().exponent == -minor_digits(currency)


def test_products_are_exact_or_fail_loudly() -> None:
    assert multiply(Decimal("0.1"), Decimal("0.2")) == Decimal("0.02")
    with pytest.raises(Inexact):
        multiply(Decimal(10) ** 27 + 1, multiply(Decimal(10) ** 20 + 1, Decimal(10) ** 20 + 1))
    assert EXACT.prec == 60
