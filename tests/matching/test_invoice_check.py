"""An invoice must be right in itself, to the last minor unit that can be derived."""

from decimal import Decimal

import pytest
from msgspec.structs import replace
from tests.processes.company import bill, eur

from tieout.kernel.problem import Code, Problem
from tieout.matching.invoice_check import invoice_problems
from tieout.model.documents import Invoice


def with_tax(tax: str, lines: int = 1) -> Invoice:
    document = bill()
    parts = tuple(replace(document.lines[0], line_id=str(n)) for n in range(lines))
    net = eur(str(100 * lines) + ".00")
    return replace(document, lines=parts, net=net, tax=eur(tax), gross=net + eur(tax))


def test_a_right_invoice_has_no_problems() -> None:
    assert list(invoice_problems(bill())) == []


@pytest.mark.parametrize(
    ("document", "problem"),
    [
        (with_tax("19.01"), None),
        (with_tax("19.02"), Problem(Code.TOTALS_DISAGREE, "tax", "19.00 EUR", "19.02 EUR", "0.01 EUR", "the lines' rates")),
        (with_tax("57.03", 3), None),
        (with_tax("57.04", 3), Problem(Code.TOTALS_DISAGREE, "tax", "57.00 EUR", "57.04 EUR", "0.03 EUR", "the lines' rates")),
        (with_tax("0.00"), Problem(Code.TOTALS_DISAGREE, "tax", "19.00 EUR", "0.00 EUR", "0.01 EUR", "the lines' rates")),
    ],
)  # fmt: skip
def test_tax_follows_from_the_rates_within_a_minor_unit_per_line(document: Invoice, problem: Problem | None) -> None:
    assert list(invoice_problems(document)) == ([problem] if problem else [])


def test_untaxed_lines_carry_exactly_no_tax() -> None:
    untaxed = replace(bill(), lines=(replace(bill().lines[0], tax_rate=Decimal(0)),))
    assert [problem.where for problem in invoice_problems(untaxed)] == ["tax"]


@pytest.mark.parametrize(("net", "found"), [("100.00", False), ("100.01", False), ("100.02", True), ("90.00", False)])
def test_a_line_cannot_ask_for_more_than_quantity_times_price(net: str, found: bool) -> None:
    document = bill()
    lines = (replace(document.lines[0], net=eur(net)),)
    wheres = [problem.where for problem in invoice_problems(replace(document, lines=lines))]
    assert ("line 1" in wheres) is found


@pytest.mark.parametrize(("net", "found"), [("3.34", False), ("3.35", True)])
def test_a_price_may_be_for_several_units(net: str, found: bool) -> None:
    """10 at 1.00 for 3 are 3.33, and a minor unit is left to rounding."""
    document = bill()
    lines = (replace(document.lines[0], unit_price=Decimal(1), price_per=Decimal(3), net=eur(net)),)
    wheres = [problem.where for problem in invoice_problems(replace(document, lines=lines))]
    assert ("line 1" in wheres) is found


def test_everything_wrong_is_said_at_once() -> None:
    document = bill(gross=eur("-1.00"), net=eur("99.00"))
    assert [problem.where for problem in invoice_problems(document)] == ["net", "gross", "gross"]
