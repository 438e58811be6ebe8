"""Golden vectors of tolerance limits: what each kind lets pass, exactly."""

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace
from tests.matching.paper import invoice, judge, line, order, position

from tieout.matching.limits import compared, limit_text
from tieout.matching.plan import plan_of
from tieout.policy.tolerances import Limit, Tolerances


def value(percent: str | None = None, amount: str | None = None) -> Limit:
    return Limit(
        kind="value",
        percent=None if percent is None else Decimal(percent),
        amount=None if amount is None else Decimal(amount),
    )


def exceeds(limit: Limit, expected: Decimal, actual: Decimal) -> bool:
    """Whether the check of a price fails under this limit."""
    bounds = plan_of(Tolerances(price=limit)).of("price")
    return not all(compared(bound, "1", "", "EUR/EA", expected, actual).passed for bound in bounds)


@pytest.mark.parametrize(
    ("limit", "expected", "actual", "fails"),
    [
        pytest.param(Limit(kind="zero"), "100", "100", False, id="zero lets the same through"),
        pytest.param(Limit(kind="zero"), "100", "100.002", True, id="zero is exact (erpnext 40340)"),
        pytest.param(Limit(kind="zero"), "100", "99", False, id="only over-billing fails"),
        pytest.param(Limit(), "100", "100.01", True, id="a limit that says nothing is zero"),
        pytest.param(Limit(kind="off"), "100", "500", False, id="off makes no check"),
        pytest.param(Limit(kind="unlimited"), "100", "500", False, id="unlimited lets all through"),
        pytest.param(value("2"), "100", "102", False, id="at the percentage"),
        pytest.param(value("2"), "100", "102.000000001", True, id="a hair above the percentage"),
        pytest.param(value(None, "5"), "100", "105", False, id="at the amount"),
        pytest.param(value(None, "5"), "100", "105.01", True, id="a cent above the amount"),
        pytest.param(value("10", "5"), "100", "106", True, id="both must hold: amount"),
        pytest.param(value("2", "5"), "100", "103", True, id="both must hold: percent"),
        pytest.param(value("10", "5"), "100", "105", False, id="both hold"),
        pytest.param(value("0"), "100", "100.01", True, id="0 % is none, not any"),
        pytest.param(value(None, "0"), "100", "100.01", True, id="0 EUR is none, not any"),
        pytest.param(value(), "100", "100.01", True, id="a value without numbers is none"),
        pytest.param(value("50"), "0", "0.01", True, id="a percentage of nothing is nothing"),
    ],
)
def test_a_limit(limit: Limit, expected: str, actual: str, fails: bool) -> None:
    assert exceeds(limit, Decimal(expected), Decimal(actual)) is fails


@pytest.mark.parametrize(
    ("limit", "text"),
    [
        (Limit(kind="zero"), "zero"),
        (Limit(kind="off"), "off"),
        (value("2"), "2 %"),
        (value("2.5", "0.10"), "2.5 % and 0.10 EUR/EA"),
    ],
)
def test_a_limit_in_words(limit: Limit, text: str) -> None:
    assert limit_text(limit, "EUR/EA") == text


@pytest.mark.parametrize(
    ("limit", "last", "passes"),
    [
        pytest.param(value("20"), "8.333333333333333333333333333", "about 8.333333 EUR/EA or more", id="a part of it"),
        pytest.param(value("20", "1"), "9", "9 EUR/EA or more", id="and no more than an amount below"),
        pytest.param(
            value("20", "3"), "8.333333333333333333333333333", "about 8.333333 EUR/EA or more", id="the stricter"
        ),
    ],
)
def test_a_price_below_may_be_limited_in_percent_of_what_is_billed(limit: Limit, last: str, passes: str) -> None:
    """Ten may be a fifth more than what is billed: down to 8.33."""
    under = Tolerances(dialect="sap", price_under=replace(limit, base="invoice"))
    verdict = judge(invoice(line("1", "8")), order(), tolerances=under)
    assert [check.limit for check in verdict.checks] == [Decimal(last)]
    assert [problem.passes for problem in verdict.problems] == [passes]


amounts = st.decimals("0", "1000000", places=4, allow_nan=False)
limits = st.builds(value, st.sampled_from([None, "0", "1", "2.5"]), st.sampled_from([None, "0", "0.01", "10"]))


@given(limits, amounts, amounts, amounts)
def test_more_is_never_better(limit: Limit, expected: Decimal, actual: Decimal, more: Decimal) -> None:
    if exceeds(limit, expected, actual):
        assert exceeds(limit, expected, actual + more)


# ── against a second reading of the rules, in fractions ────────────────────────────────────────────────────────────

small = st.decimals("0", "200", places=2, allow_nan=False)
kinds = st.builds(
    Limit,
    kind=st.just("value"),
    percent=st.none() | st.decimals("0", "120", places=1, allow_nan=False),
    amount=st.none() | small,
    combine=st.sampled_from([None, "all", "any", "each"]),
    base=st.sampled_from([None, "order", "receipt", "invoice"]),
    absolute=st.sampled_from([None, "difference", "invoice"]),
)


def allowed(limit: Limit, order: Fraction, receipt: Fraction, expected: Fraction, actual: Fraction) -> bool:
    """Whether a quantity passes: written a second time, as the page says it."""
    if actual <= expected:
        return True
    base = {None: expected, "order": order, "receipt": receipt, "invoice": actual}[limit.base]
    passes = []
    if limit.percent is not None:
        passes.append(actual - expected <= base * Fraction(limit.percent) / 100)
    if limit.amount is not None:
        passes.append((actual if limit.absolute == "invoice" else actual - expected) <= Fraction(limit.amount))
    return any(passes) if limit.combine == "any" else all(passes) and bool(passes)


@given(kinds, small, small, st.decimals("0.01", "200", places=2, allow_nan=False))
def test_every_combination_reads_as_the_page_says(
    limit: Limit, ordered: Decimal, received: Decimal, billed: Decimal
) -> None:
    stands = order(position(ordered=ordered, received=received))
    for name, expected in (("quantity_ordered", ordered), ("quantity_received", received)):
        tolerances = Tolerances(**{"dialect": "sap", name: limit})
        verdict = judge(invoice(line(str(billed))), stands, tolerances=tolerances)
        numbers = (Fraction(ordered), Fraction(received), Fraction(expected), Fraction(billed))
        assert verdict.matched is allowed(limit, *numbers)
        for check in verdict.checks:
            assert check.passed is (check.limit is None or check.actual <= check.limit)


@given(kinds, small.filter(bool), small)
def test_what_is_allowed_below_mirrors_what_is_allowed_above(limit: Limit, price: Decimal, asked: Decimal) -> None:
    under = replace(limit, base=None, absolute=None)
    stands = order(position(unit_price=price))
    below = judge(invoice(line("1", str(asked))), stands, tolerances=Tolerances(dialect="sap", price_under=under))
    mirrored = judge(
        invoice(line("1", str(2 * price - asked))), stands, tolerances=Tolerances(dialect="sap", price=under)
    )
    assert below.matched is mirrored.matched
