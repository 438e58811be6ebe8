"""An invoice must be right in itself, to the last minor unit that can be derived."""

from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace
from tests.processes.company import bill, eur

from tieout.kernel.money import Money
from tieout.kernel.problem import Code, Problem
from tieout.matching.invoice_check import invoice_problems
from tieout.model.documents import Invoice, InvoiceLine

DISAGREE = Code.TOTALS_DISAGREE


def line(net: str, rate: str = "19", line_id: str = "1") -> InvoiceLine:
    """One piece at the price it is billed for."""
    return replace(
        bill().lines[0],
        line_id=line_id,
        quantity=Decimal(1),
        unit_price=Decimal(net),
        net=eur(net),
        tax_rate=Decimal(rate),
    )


def of(*lines: InvoiceLine, tax: str) -> Invoice:
    """An invoice whose sums are right; the tax is what it says."""
    net = eur(str(sum(one.net.amount for one in lines)))
    return bill(lines=lines, net=net, tax=eur(tax), gross=net + eur(tax))


def test_a_right_invoice_has_no_problems() -> None:
    assert list(invoice_problems(bill())) == []


@pytest.mark.parametrize(
    ("changes", "problems"),
    [
        pytest.param(
            {"lines": ()}, [Problem(Code.MISSING_FIELD, "lines", "at least one line", "none")], id="no line to look at"
        ),
        pytest.param(
            {"net": eur("99.00")},
            [
                Problem(DISAGREE, "net", "100.00 EUR", "99.00 EUR", detail="the sum of the lines"),
                Problem(DISAGREE, "gross", "118.00 EUR", "119.00 EUR", detail="net and tax together"),
            ],
            id="a net amount that is not the sum",
        ),
        pytest.param(
            {"gross": eur("119.01")},
            [Problem(DISAGREE, "gross", "119.00 EUR", "119.01 EUR", detail="net and tax together")],
            id="a gross amount one cent over",
        ),
        pytest.param(
            {"due_on": date(2026, 5, 2)},
            [Problem(Code.BAD_VALUE, "due_on", "2026-05-03 or later", "2026-05-02")],
            id="due before it was issued",
        ),
        pytest.param({"due_on": date(2026, 5, 3)}, [], id="due at once"),
        pytest.param(
            {"gross": eur("-1.00"), "net": eur("99.00"), "due_on": date(2026, 5, 2)},
            [
                Problem(DISAGREE, "net", "100.00 EUR", "99.00 EUR", detail="the sum of the lines"),
                Problem(DISAGREE, "gross", "118.00 EUR", "-1.00 EUR", detail="net and tax together"),
                Problem(Code.BAD_VALUE, "gross", "zero or more; a credit note has a kind of its own", "-1.00 EUR"),
                Problem(Code.BAD_VALUE, "due_on", "2026-05-03 or later", "2026-05-02"),
            ],
            id="everything that is wrong is said at once",
        ),
    ],
)
def test_sums_and_dates(changes: dict[str, object], problems: list[Problem]) -> None:
    assert list(invoice_problems(replace(bill(), **changes))) == problems


@pytest.mark.parametrize("field", ["net", "tax", "gross"])
def test_every_amount_is_in_the_invoice_s_currency(field: str) -> None:
    mixed = replace(bill(), **{field: Money(100, "USD")})
    assert list(invoice_problems(mixed)) == [Problem(Code.CURRENCY_MISMATCH, "amounts", "EUR", "EUR, USD")]


def test_a_line_in_another_currency_is_noticed_and_nothing_is_summed() -> None:
    mixed = bill(lines=(line("100"), replace(line("1", line_id="2"), net=Money(100, "USD"))))
    assert list(invoice_problems(mixed)) == [Problem(Code.CURRENCY_MISMATCH, "amounts", "EUR", "EUR, USD")]


def test_amounts_that_agree_with_each_other_but_not_with_the_invoice() -> None:
    assert list(invoice_problems(bill(currency="USD"))) == [Problem(Code.CURRENCY_MISMATCH, "amounts", "USD", "EUR")]


def test_nothing_is_asked_for_and_nothing_is_wrong() -> None:
    assert list(invoice_problems(of(line("0"), tax="0"))) == []


def bad_tax(expected: str, actual: str, limit: str) -> Problem:
    return Problem(DISAGREE, "tax", expected, actual, limit, "the lines' rates")


HUNDRED = line("100.00")


@pytest.mark.parametrize(
    ("document", "problem"),
    [
        (of(HUNDRED, tax="19.01"), None),
        (of(HUNDRED, tax="18.99"), None),
        (of(HUNDRED, tax="19.02"), bad_tax("19.00 EUR", "19.02 EUR", "0.01 EUR")),
        (of(HUNDRED, tax="18.98"), bad_tax("19.00 EUR", "18.98 EUR", "0.01 EUR")),
        (of(HUNDRED, tax="0.00"), bad_tax("19.00 EUR", "0.00 EUR", "0.01 EUR")),
        pytest.param(of(HUNDRED, HUNDRED, HUNDRED, tax="57.03"), None, id="each taxed line allows a cent"),
        pytest.param(
            of(HUNDRED, HUNDRED, HUNDRED, tax="57.04"), bad_tax("57.00 EUR", "57.04 EUR", "0.03 EUR"), id="no more"
        ),
        pytest.param(of(HUNDRED, line("200.00", "7"), tax="33.00"), None, id="two rates: 19.00 and 14.00"),
        pytest.param(
            of(HUNDRED, line("200.00", "0"), tax="19.02"),
            bad_tax("19.00 EUR", "19.02 EUR", "0.01 EUR"),
            id="an untaxed line allows nothing",
        ),
        pytest.param(
            of(line("100.00", "0"), tax="0.01"), bad_tax("0.00 EUR", "0.01 EUR", "0.00 EUR"), id="untaxed is exact"
        ),
        pytest.param(of(line("100.05"), tax="19.01"), None, id="19.0095 rounds up"),
        pytest.param(of(line("100.05"), tax="19.00"), None, id="or is cut off"),
        pytest.param(
            of(line("100.05"), tax="19.02"), bad_tax("19.01 EUR", "19.02 EUR", "0.01 EUR"), id="1.05 cents too much"
        ),
    ],
)
def test_tax_follows_from_the_rates_within_a_minor_unit_per_line(document: Invoice, problem: Problem | None) -> None:
    assert list(invoice_problems(document)) == ([problem] if problem else [])


@given(st.lists(st.tuples(st.integers(0, 10**9), st.sampled_from((0, 5, 7, 19))), min_size=1, max_size=6))
def test_tax_may_be_rounded_line_by_line_or_in_one_go(amounts: list[tuple[int, int]]) -> None:
    """Half up each time, in whole cents: whichever way the supplier's program goes, the invoice is right."""
    lines = tuple(
        line(str(Decimal(minor).scaleb(-2)), str(rate), str(number)) for number, (minor, rate) in enumerate(amounts)
    )
    by_line = sum((minor * rate + 50) // 100 for minor, rate in amounts)
    by_rate = sum(
        (sum(minor for minor, of_line in amounts if of_line == rate) * rate + 50) // 100 for rate in (0, 5, 7, 19)
    )
    for minor in (by_line, by_rate):
        assert list(invoice_problems(of(*lines, tax=str(Decimal(minor).scaleb(-2))))) == []


@pytest.mark.parametrize(
    ("net", "problem"),
    [
        ("100.00", None),
        pytest.param("100.01", None, id="a cent of rounding"),
        pytest.param(
            "100.02", Problem(DISAGREE, "line 1", "100.00 EUR", "100.02 EUR", detail="quantity times price"), id="more"
        ),
        pytest.param("90.00", None, id="less: a discount"),
    ],
)
def test_a_line_cannot_ask_for_more_than_quantity_times_price(net: str, problem: Problem | None) -> None:
    """Ten pieces at 10.00."""
    asked = replace(bill().lines[0], net=eur(net), tax_rate=Decimal(0))
    assert list(invoice_problems(of(asked, tax="0"))) == ([problem] if problem else [])


@pytest.mark.parametrize(("net", "found"), [("3.34", False), ("3.35", True)])
def test_a_price_may_be_for_several_units(net: str, found: bool) -> None:
    """10 at 1.00 for 3 are 3.33, and a minor unit is left to rounding."""
    document = bill()
    lines = (replace(document.lines[0], unit_price=Decimal(1), price_per=Decimal(3), net=eur(net)),)
    wheres = [problem.where for problem in invoice_problems(replace(document, lines=lines))]
    assert ("line 1" in wheres) is found


def test_a_line_says_which_it_is() -> None:
    first, second = line("5.00", "0"), replace(line("5.00", "0", "freight"), net=eur("7.00"))
    assert list(invoice_problems(of(first, second, tax="0"))) == [
        Problem(DISAGREE, "line freight", "5.00 EUR", "7.00 EUR", detail="quantity times price")
    ]
