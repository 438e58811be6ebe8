"""What Tryton is told about prices, taxes and registrations."""

from decimal import ROUND_HALF_EVEN, Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tieout.connectors.tryton.translate import PricedLine, price_line, tax_corrections, tax_identifier
from tieout.kernel.money import Money


def eur(amount: str) -> Money:
    return Money.of(Decimal(amount), "EUR")


NONE = eur("0")


@pytest.mark.parametrize(
    ("quantity", "price", "net", "wanted"),
    [
        pytest.param("10", "8.1234", "81.23", ("10", "8.1234", NONE), id="as billed"),
        pytest.param("100", "0.123456", "12.35", ("100", "0.1235", NONE), id="six decimals"),
        pytest.param("3", "4", "10.00", ("3", "3.3333", NONE), id="discount: the effective price"),
        pytest.param("7000", "0.15", "1000.01", ("7000", "0.15", eur("-49.99")), id="no price of four decimals fits"),
        pytest.param("0", "5", "5.00", ("0", "5", eur("5.00")), id="a charge without quantity"),
        pytest.param("2", "-4", "-8.00", ("2", "-4", NONE), id="a rebate line"),
    ],
)
def test_price(quantity: str, price: str, net: str, wanted: tuple[str, str, Money]) -> None:
    line = price_line(Decimal(quantity), Decimal(price), eur(net))
    assert line == PricedLine(Decimal(wanted[0]), Decimal(wanted[1]), wanted[2])


@given(
    quantity=st.decimals("0.001", "100000", places=3),
    price=st.decimals("0.0001", "100000", places=6),
    minor=st.integers(-10_000_000, 10_000_000),
)
def test_the_erps_own_arithmetic_always_gives_the_billed_amount(quantity: Decimal, price: Decimal, minor: int) -> None:
    net = Money(minor, "EUR")
    line = price_line(quantity, price, net)
    assert -line.unit_price.as_tuple().exponent <= 4  # type: ignore[operator]
    computed = (line.quantity * line.unit_price).quantize(Decimal("0.01"), ROUND_HALF_EVEN)
    assert eur(str(computed)) + line.difference == net


@pytest.mark.parametrize(
    ("tax_id", "wanted"),
    [
        ("DE 129 273 398", {"type": "de_vat", "code": "DE129273398"}),
        ("GB232128892", {"type": "gb_vat", "code": "GB232128892"}),
        pytest.param("DE129273399", {"type": None, "code": "DE129273399"}, id="wrong check digit"),
        pytest.param("US12-3456789", {"type": None, "code": "US123456789"}, id="no VAT number"),
        pytest.param("201/113/40209", {"type": None, "code": "20111340209"}, id="a national number"),
    ],
)
def test_tax_identifier(tax_id: str, wanted: dict[str, str | None]) -> None:
    assert tax_identifier(tax_id) == wanted


def test_the_difference_of_tax_goes_to_the_largest_base() -> None:
    rows = [
        {"id": 1, "base": Decimal("10.00"), "amount": Decimal("0.70")},
        {"id": 2, "base": Decimal("90.00"), "amount": Decimal("17.10")},
    ]
    assert tax_corrections(eur("17.80"), 1, rows) == []
    assert tax_corrections(eur("17.81"), 1, rows) == [(2, {"amount": Decimal("17.11")})]
    credit = [{"id": 3, "base": Decimal("-90.00"), "amount": Decimal("-17.10")}]
    assert tax_corrections(eur("17.11"), -1, credit) == [(3, {"amount": Decimal("-17.11")})]
    assert tax_corrections(eur("1.00"), 1, []) == []
