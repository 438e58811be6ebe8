"""Units of measure: exact, within one dimension, the order's own factors first."""

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.matching.paper import D, eur, failed, invoice, judge, line, order, position

from tieout.matching.claims import added_up, counted
from tieout.matching.units import _DIMENSIONS, SAME, converted, ratio, standard_ratio
from tieout.model.documents import UnitFactor

ALL = [(dimension, unit) for dimension, units in _DIMENSIONS.items() for unit in units]


def factor(unit: str, into: str) -> Fraction | None:
    found = ratio(unit, into)
    return None if found is None else Fraction(found[0]) / Fraction(found[1])


@pytest.mark.parametrize(
    ("unit", "into", "expected"),
    [
        ("TNE", "KGM", "1000"),
        ("KGM", "GRM", "1000"),
        ("LBR", "KGM", "0.45359237"),
        ("ONZ", "GRM", "28.349523125"),
        ("STN", "LBR", "2000"),
        ("LTN", "LBR", "2240"),
        ("DTN", "KGM", "100"),
        ("GRM", "MGM", "1000"),
        ("MTR", "CMT", "100"),
        ("KMT", "MTR", "1000"),
        ("DMT", "MMT", "100"),
        ("FOT", "INH", "12"),
        ("YRD", "FOT", "3"),
        ("SMI", "YRD", "1760"),
        ("INH", "MMT", "25.4"),
        ("MTK", "CMK", "10000"),
        ("MTK", "DMK", "100"),
        ("CMK", "MMK", "100"),
        ("HAR", "MTK", "10000"),
        ("FTK", "INK", "144"),
        ("YDK", "FTK", "9"),
        ("MTQ", "LTR", "1000"),
        ("LTR", "DMQ", "1"),
        ("HLT", "LTR", "100"),
        ("LTR", "CLT", "100"),
        ("CMQ", "MLT", "1"),
        ("GLL", "QTL", "4"),
        ("QTL", "PTL", "2"),
        ("PTL", "OZA", "16"),
        ("BLL", "GLL", "42"),
        ("GLI", "LTR", "4.54609"),
        ("HUR", "MIN", "60"),
        ("MIN", "SEC", "60"),
        ("GWH", "MWH", "1000"),
        ("MWH", "KWH", "1000"),
        ("KWH", "WHR", "1000"),
        ("DZN", "EA", "12"),
        ("GRO", "DZN", "12"),
        ("CEN", "C62", "100"),
        ("MIL", "H87", "1000"),
        ("PR", "EA", "2"),
    ],
)
def test_a_standard_conversion(unit: str, into: str, expected: str) -> None:
    assert factor(unit, into) == Fraction(expected)
    assert factor(into, unit) == 1 / Fraction(expected)


@given(st.sampled_from(ALL), st.sampled_from(ALL), st.sampled_from(ALL))
def test_conversions_agree_with_each_other_and_never_leave_their_dimension(
    one: tuple[str, str], other: tuple[str, str], third: tuple[str, str]
) -> None:
    there, on, through = factor(one[1], other[1]), factor(other[1], third[1]), factor(one[1], third[1])
    assert (there is None) is (one[0] != other[0])
    if there is not None and on is not None:
        assert there * on == through


def test_the_order_s_own_factor_counts_first() -> None:
    own = (UnitFactor(unit="CEN", factor=D(90)), UnitFactor(unit="KGM", factor=D(4)))
    assert ratio("CEN", "EA", own) == (D(90), D(1))
    assert ratio("EA", "EA", own) is SAME
    grams = ratio("GRM", "EA", own)
    assert grams is not None
    assert Fraction(grams[0]) / Fraction(grams[1]) == Fraction(4, 1000)
    assert ratio("LTR", "EA", own) is None
    assert ratio("DAY", "HUR") is None
    assert standard_ratio("XBX", "EA") is None
    assert standard_ratio("EA", "XBX") is None


def test_lines_in_several_units_are_added_exactly() -> None:
    dozens = order(position(unit="DZN", ordered=D(3), received=D(3), unit_price=D(12)))
    document = invoice(
        line("1", "12", unit="DZN"),
        line("7", "1", line_id="2"),
        line("2.5", "2", unit="PR", line_id="3"),
        line("1", "12", unit="DZN", line_id="4"),
    )
    verdict = judge(document, dozens)
    assert [(one.quantity, one.net) for one in verdict.allocations] == [(D(3), eur("36.00"))]
    over = judge(invoice(*document.lines, line("1", "1", line_id="5")), dozens)
    assert [one[0] for one in failed(over)] == ["quantity_ordered", "quantity_received"]
    assert over.problems[0].actual == "about 3.083333 DZN"


def test_a_share_that_is_no_decimal_is_counted_down() -> None:
    dozens = order(position(unit="DZN", ordered=D(3), received=D(3), unit_price=D(12)))
    (one,) = judge(invoice(line("1", "1")), dozens).allocations
    assert one.quantity == D("0.083333333333333333")
    assert Fraction(one.quantity) * 12 < 1


def test_a_price_in_another_unit_is_compared_in_the_order_s() -> None:
    tonnes = order(position(unit="TNE", unit_price=D(450), price_per=D(1)))
    assert judge(invoice(line("1000", "45", unit="KGM", price_per=D(100), net="450.00")), tonnes).matched
    dearer = judge(invoice(line("1000", "45.001", unit="KGM", price_per=D(100), net="450.01")), tonnes)
    assert failed(dearer) == [("price", "450", "450.01", "450")]
    assert Decimal(450) == dearer.checks[0].expected


@pytest.mark.parametrize(
    ("quantity", "parts", "expected"),
    [
        ("7", ("1", "1"), "7"),
        ("2.5", ("12", "1"), "30"),
        ("18", ("1", "12"), "1.5"),
        ("1", ("1", "12"), None),
        ("1", ("1", "3"), None),
        ("-24", ("1", "12"), "-2"),
    ],
)
def test_a_quantity_in_another_unit_is_exact_or_none(
    quantity: str, parts: tuple[str, str], expected: str | None
) -> None:
    assert converted(D(quantity), (D(parts[0]), D(parts[1]))) == (None if expected is None else D(expected))


@given(st.integers(1, 400), st.integers(1, 400))
def test_shares_that_were_counted_down_add_up_to_the_whole(whole: int, shares: int) -> None:
    share = counted(Decimal(whole), Decimal(shares))
    assert added_up(share * shares) == whole
    assert added_up(-share * shares) == -whole


@pytest.mark.parametrize("quantity", ["0.333333333333333333", "1", "2E-12", "1.000000000000002"])
def test_what_is_no_drift_stays_as_it_is(quantity: str) -> None:
    assert str(added_up(D(quantity))) == quantity
