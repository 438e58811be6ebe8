"""Where a dialect rounds, it says so: not at all, line by line, or once for the document, and which way."""

from decimal import Decimal

import pytest
from msgspec.structs import replace
from tests.matching.paper import D, beside, eur, failed, invoice, judge, line, order, position, value

from tieout.kernel.problem import Code
from tieout.matching.claims import pair
from tieout.matching.limits import Bound
from tieout.matching.orders import ReceiptPosition
from tieout.matching.plan import Plan, plan_of
from tieout.matching.rules.amount import to_minor_unit
from tieout.matching.rules.document import Whole, tax_within_limit
from tieout.policy.dialect import DIALECTS
from tieout.policy.tolerances import Limit, Tolerances


@pytest.mark.parametrize(
    ("amount", "currency", "mode", "expected"),
    [
        ("1.005", "EUR", "half_up", "1.01"),
        ("1.004", "EUR", "half_up", "1.00"),
        ("1.005", "EUR", "half_even", "1.00"),
        ("1.015", "EUR", "half_even", "1.02"),
        ("1.001", "EUR", "up", "1.01"),
        ("1.009", "EUR", "down", "1.00"),
        ("0.5", "JPY", "half_up", "1"),
        ("1.0005", "KWD", "half_up", "1.001"),
        ("1.00005", "CLF", "half_up", "1.0001"),
    ],
)
def test_an_amount_is_rounded_to_the_minor_unit(amount: str, currency: str, mode: str, expected: str) -> None:
    rounded = to_minor_unit(D(amount), currency, mode)
    assert (rounded, str(rounded)) == (D(expected), expected)


@pytest.mark.parametrize(
    ("rounding", "mode", "expected"),
    [
        ("none", "half_up", "0.19665"),
        ("line", "half_up", "0.21"),
        ("line", "down", "0.18"),
        ("document", "half_up", "0.20"),
        ("document", "down", "0.19"),
    ],
)
def test_tax_is_rounded_as_the_dialect_says(rounding: str, mode: str, expected: str) -> None:
    """Three lines of 0.35 at 18.7286 %: 0.0655501 each."""
    lines = [line("1", "0.345", net="0.35", tax_rate=D("18.7286"), line_id=str(number)) for number in range(3)]
    document = invoice(*lines, tax=eur("0.50"))
    bound = Bound(
        rule="tax",
        code=Code.TAX_DIFFERS,
        percent=D(0),
        rounding=rounding,
        rounding_mode=mode,
        limit=Limit(kind="zero"),
    )
    plan = Plan(DIALECTS["generic"], {"tax": (bound,)}, "refuse")
    (check,) = tax_within_limit(Whole(document, pair(document, {"PO-1": order()})), plan)
    assert check.expected == (D("0.1966503") if rounding == "none" else D(expected))


def test_each_tax_rate_is_its_own_order_line_s() -> None:
    two = order(position(tax_rate=D(7)), position(tax_rate=D(19)))
    lines = (
        line("10", tax_rate=D(19)),
        line("10", tax_rate=D(19), line_id="2", order_line_id="2"),
        beside("freight", "10", tax_rate=D(19)),
    )
    limits = Tolerances(unplanned_charges="account", unplanned=Limit(kind="off"), tax=Limit(kind="zero"))
    right = invoice(*lines, tax=eur("27.90"))
    assert judge(right, two, tolerances=limits).matched
    wrong = judge(invoice(*lines, tax=eur("27.91")), two, tolerances=limits)
    assert failed(wrong) == [("tax", "27.9", "27.91", "27.9")]


def test_a_price_that_is_no_decimal_is_compared_in_whole_cents_where_the_dialect_rounds() -> None:
    thirds = order(position(unit_price=D(1), price_per=D(3)))
    strict = Tolerances(dialect="generic_strict", price_under=Limit(kind="off"))
    assert judge(invoice(line("100", "1", price_per=D(3), net="33.33")), thirds, tolerances=strict).matched
    over = judge(invoice(line("100", "1", price_per=D(3), net="33.34")), thirds, tolerances=strict)
    assert failed(over) == [
        ("amount", "33.33", "33.34", "33.33"),
        ("schedule_amount", "33.33", "33.34", "33.33"),
        ("total", "33.33", "33.34", "33.33"),
    ]
    exact = Tolerances(amount=value(None, "0.01"), total=value(None, "0.01"))
    assert judge(invoice(line("100", "1", price_per=D(3), net="33.34")), thirds, tolerances=exact).matched
    beyond = judge(invoice(line("100", "1", price_per=D(3), net="33.35")), thirds, tolerances=exact)
    assert [one[0] for one in failed(beyond)] == ["amount", "total"]


def test_spread_charges_and_retainage_stay_with_the_first_receipt() -> None:
    stands = position(
        matched_to_receipt=True,
        retainage_percent=D(10),
        receipts={"A": ReceiptPosition(D(60)), "B": ReceiptPosition(D(40))},
    )
    spread = Tolerances(unplanned_charges="spread", unplanned=Limit(kind="unlimited"))
    document = invoice(line(), beside("retainage", "-100", "R"), beside("freight", "5"))
    verdict = judge(document, order(stands), tolerances=spread)
    assert [(one.receipt_id, one.quantity, one.net, one.retained) for one in verdict.allocations] == [
        ("A", D(60), eur("605.00"), eur("100.00")),
        ("B", D(40), eur("400.00"), None),
    ]


def test_a_large_invoice_stays_exact() -> None:
    """28 digits times 28 digits times a percentage fit without losing one."""
    huge = Decimal("9" * 28)
    stands = order(position(ordered=huge, received=huge, unit_price=huge))
    bounds = Tolerances(amount=value("2.5"), price=value("2.5"), schedule_amount=value("2.5"))
    document = invoice(line("1", "1"))
    assert judge(document, stands, tolerances=bounds).matched


def test_a_limit_that_says_nothing_of_its_own_takes_the_dialect_s_reading() -> None:
    (bound,) = plan_of(Tolerances(dialect="generic_lenient")).of("amount_ordered")
    assert (bound.any, bound.percent, bound.amount, bound.hold) == (True, D("0.05"), D(25), "")
    (bound,) = plan_of(Tolerances(dialect="sap", item_amount=value(None, "9"))).of("item_amount")
    assert (bound.absolute, bound.hold, bound.under) == ("invoice", "S", False)
    (bound,) = plan_of(Tolerances(dialect="sap", price_under=value("9"))).of("price_under")
    assert (bound.absolute, bound.hold, bound.under) == ("difference", "P", True)
    assert plan_of(Tolerances(dialect="sap")).of("price") == ()
    assert plan_of(Tolerances(dialect="sap", price=Limit(kind="off"))).of("price") == ()
    (bound,) = plan_of(Tolerances(dialect="oracle_fusion")).of("price")
    assert (bound.percent, bound.amount) == (None, None)
    assert plan_of(Tolerances(dialect="oracle_fusion")).unplanned_charges == "account"
    assert plan_of(Tolerances(dialect="sap", unplanned_charges="refuse")).unplanned_charges == "refuse"


def test_where_a_zero_is_never_held_a_limit_is_what_is_left_of_it() -> None:
    """Oracle before Fusion: a zero percentage beside an amount leaves the amount, alone it leaves no check."""
    ebs = Tolerances(dialect="oracle_ebs")
    for nothing in (Limit(kind="zero"), value("0"), value(None, "0"), value("0", "0")):
        assert plan_of(replace(ebs, price=nothing)).of("price") == ()
    for given, left in (
        (value("0", "5", absolute="invoice"), value(None, "5", absolute="invoice")),
        (value("2", "0", base="order", combine="any"), value("2", base="order", combine="any")),
        (Limit(kind="unlimited"), Limit(kind="unlimited")),
    ):
        found = plan_of(replace(ebs, price=given)).of("price")
        assert found == plan_of(replace(ebs, price=left)).of("price")
        assert [one.rule for one in found] == ["price"]
