"""Whole checks and whole problems: evidence is compared word by word, because an auditor will read it."""

from datetime import date

import pytest
from msgspec.structs import replace
from tests.matching.paper import CREDIT, D, beside, eur, invoice, judge, line, order, position, value

from tieout.kernel.problem import Code, Problem
from tieout.matching.explain import sentence
from tieout.matching.orders import OrderPosition, ReceiptPosition
from tieout.model.documents import Invoice, OrderCharge
from tieout.model.verdict import Check
from tieout.policy.tolerances import Limit, Tolerances

ABOUT = "order PO-1 line 1"
ZERO = Limit(kind="zero")
NONE = {name: Limit(kind="off") for name in ("price", "quantity_ordered", "quantity_received")}
AGREED = (OrderCharge(charge_id="K1", kind="freight", amount=eur("50.00")),)
RATED = invoice(line(), conversion_rate=D("1.2"))
TAXED = invoice(line(tax_rate=D(19)), tax=eur("200.00"))


def only(**limits: Limit) -> Tolerances:
    return Tolerances(dialect="sap", unplanned_charges="account", **limits)


@pytest.mark.parametrize(
    ("document", "stands", "tolerances", "check", "said"),
    [
        pytest.param(
            invoice(line(price="11")),
            order(),
            only(price=value("2", "0.50")),
            Check("price", "1", ABOUT, D(10), D(11), "EUR/EA", False, D("10.20"), "P", "2 % and 0.50 EUR/EA"),
            "Line 1: unit price 11 EUR/EA, in the order 10 EUR/EA (order PO-1 line 1)",
            id="price",
        ),
        pytest.param(
            invoice(line(price="9")),
            order(),
            only(price_under=value("2", "0.50", combine="any")),
            Check("price_under", "1", ABOUT, D(10), D(9), "EUR/EA", False, D("9.50"), "P", "2 % or 0.50 EUR/EA"),
            "Line 1: unit price 9 EUR/EA, in the order 10 EUR/EA (order PO-1 line 1)",
            id="price_under",
        ),
        pytest.param(
            invoice(line(price="11")),
            order(position(estimated=True)),
            only(price_estimated=value("5")),
            Check("price_estimated", "1", ABOUT, D(10), D(11), "EUR/EA", False, D("10.50"), "P", "5 %"),
            "Line 1: unit price 11 EUR/EA, estimated in the order at 10 EUR/EA (order PO-1 line 1)",
            id="price_estimated",
        ),
        pytest.param(
            invoice(line("101")),
            order(),
            only(quantity_ordered=ZERO),
            Check("quantity_ordered", "1", ABOUT, D(100), D(101), "EA", False, D(100), "", "zero"),
            "Line 1: billed in all 101 EA, ordered 100 EA (order PO-1 line 1)",
            id="quantity_ordered",
        ),
        pytest.param(
            invoice(line("101")),
            order(position(matched_to_receipt=True, receipts={"GR": ReceiptPosition(D(99), D(3))})),
            only(quantity_received=value(None, "1")),
            Check("quantity_received", "1", f"{ABOUT} receipt GR", D(99), D(104), "EA", False, D(100), "", "1 EA"),
            "Line 1: billed in all 104 EA, received 99 EA (order PO-1 line 1 receipt GR)",
            id="quantity_received",
        ),
        pytest.param(
            invoice(line("8.5", unit="KGM")),
            order(position(unit="KGM", acceptance_required=True, accepted=D(7))),
            only(),
            Check("quantity_accepted", "1", ABOUT, D(7), D("8.5"), "KGM", False, D(7), "C", "zero"),
            "Line 1: billed in all 8.5 KGM, passed inspection 7 KGM (order PO-1 line 1)",
            id="quantity_accepted",
        ),
        pytest.param(
            invoice(line("101")),
            order(),
            only(quantity_value=value(None, "5")),
            Check("quantity_value", "1", ABOUT, D(1000), D(1010), "EUR", False, D(1005), "M", "5 EUR"),
            "Line 1: billed now for 1,010.00 EUR at the order's price, open for 1,000.00 EUR (order PO-1 line 1)",
            id="quantity_value",
        ),
        pytest.param(
            invoice(line("1")),
            order(position(received=D(0))),
            only(quantity_unreceived=value(None, "5")),
            Check("quantity_unreceived", "1", ABOUT, D(0), D(10), "EUR", False, D(5), "M", "5 EUR"),
            "Line 1: billed for 10.00 EUR at the order's price, and nothing was received (order PO-1 line 1)",
            id="quantity_unreceived",
        ),
        pytest.param(
            invoice(line(net="1001.00")),
            order(),
            only(amount=ZERO),
            Check("amount", "1", ABOUT, D(1000), D("1001.00"), "EUR", False, D(1000), "", "zero"),
            "Line 1: net amount 1,001.00 EUR, at the order's price 1,000.00 EUR (order PO-1 line 1)",
            id="amount",
        ),
        pytest.param(
            invoice(line(net="999.00")),
            order(),
            only(amount_under=ZERO),
            Check("amount_under", "1", ABOUT, D(1000), D("999.00"), "EUR", False, D(1000), "", "zero"),
            "Line 1: net amount 999.00 EUR, at the order's price 1,000.00 EUR (order PO-1 line 1)",
            id="amount_under",
        ),
        pytest.param(
            invoice(line()),
            order(),
            only(item_amount=value(None, "999")),
            Check("item_amount", "1", ABOUT, D(0), D("1000.00"), "EUR", False, D(999), "S", "999 EUR"),
            "Line 1: net amount of the line 1,000.00 EUR (order PO-1 line 1)",
            id="item_amount",
        ),
        pytest.param(
            invoice(line()),
            order(position(kind="service", limit_minor=90000, receipt_required=False)),
            only(amount_ordered=ZERO),
            Check("amount_ordered", "1", ABOUT, D("900.00"), D("1000.00"), "EUR", False, D("900.00"), "", "zero"),
            "Line 1: billed in all 1,000.00 EUR, ordered for 900.00 EUR (order PO-1 line 1)",
            id="amount_ordered",
        ),
        pytest.param(
            invoice(line()),
            order(position(kind="service", received_minor=90000)),
            only(amount_received=ZERO),
            Check("amount_received", "1", ABOUT, D("900.00"), D("1000.00"), "EUR", False, D("900.00"), "", "zero"),
            "Line 1: billed in all 1,000.00 EUR, accepted for 900.00 EUR (order PO-1 line 1)",
            id="amount_received",
        ),
        pytest.param(
            invoice(line()),
            order(position(billed_minor=5)),
            only(schedule_amount=ZERO),
            Check("schedule_amount", "1", ABOUT, D(1000), D("1000.05"), "EUR", False, D(1000), "", "zero"),
            "Line 1: billed on the order line in all 1,000.05 EUR, ordered for 1,000.00 EUR (order PO-1 line 1)",
            id="schedule_amount",
        ),
        pytest.param(
            invoice(line()),
            order(position(billed_minor=5)),
            only(schedule_total=ZERO),
            Check("schedule_total", "net", "order PO-1", D(1000), D("1000.05"), "EUR", False, D(1000), "", "zero"),
            "The invoice: billed on the order lines in all 1,000.05 EUR, ordered for 1,000.00 EUR (order PO-1)",
            id="schedule_total",
        ),
        pytest.param(
            invoice(line(net="1000.05")),
            order(),
            only(total=ZERO),
            Check("total", "net", "order PO-1", D(1000), D("1000.05"), "EUR", False, D(1000), "", "zero"),
            "The invoice: net of the invoice 1,000.05 EUR, at the orders' prices 1,000.00 EUR (order PO-1)",
            id="total",
        ),
        pytest.param(
            invoice(line(net="999.95")),
            order(),
            only(total_under=ZERO),
            Check("total_under", "net", "order PO-1", D(1000), D("999.95"), "EUR", False, D(1000), "", "zero"),
            "The invoice: net of the invoice 999.95 EUR, at the orders' prices 1,000.00 EUR (order PO-1)",
            id="total_under",
        ),
        pytest.param(
            invoice(line()),
            order(position(kind="blanket", limit_minor=90000)),
            only(blanket_value=ZERO),
            Check("blanket_value", "1", ABOUT, D("900.00"), D("1000.00"), "EUR", False, D("900.00"), "P", "zero"),
            "Line 1: billed in all 1,000.00 EUR, limit of the blanket order 900.00 EUR (order PO-1 line 1)",
            id="blanket_value",
        ),
        pytest.param(
            invoice(line()),
            order(position(kind="blanket", valid_until=date(2026, 4, 28))),
            only(blanket_time=value(None, "2")),
            Check("blanket_time", "1", ABOUT, D(0), D(3), "days", False, D(2), "T", "2 days"),
            "Line 1: 3 days outside the validity of the blanket order (order PO-1 line 1)",
            id="blanket_time",
        ),
        pytest.param(
            invoice(line()),
            order(position(deliver_on=date(2026, 5, 3))),
            only(date_value=ZERO),
            Check("date_value", "1", ABOUT, D(0), D("2000.00"), "EUR × days", False, D(0), "T", "zero"),
            "Line 1: billed before the agreed delivery, amount times days 2000.00 EUR × days (order PO-1 line 1)",
            id="date_value",
        ),
        pytest.param(
            invoice(line(), beside("freight", "51.00")),
            order(charges=AGREED),
            only(freight=value("1")),
            Check(
                "freight", "F", "order PO-1 freight K1", D("50.00"), D("51.00"), "EUR", False, D("50.50"), "P", "1 %"
            ),
            "Line F: charge billed in all 51.00 EUR, agreed 50.00 EUR (order PO-1 freight K1)",
            id="freight",
        ),
        pytest.param(
            invoice(line(), beside("freight", "51.00"), beside("charge", "1.00", "G")),
            order(),
            only(unplanned=value("1")),
            Check("unplanned", "F+G", "not in the order", D(0), D("52.00"), "EUR", False, D("10.00"), "", "1 %"),
            "Line F+G: charges of 52.00 EUR that were not agreed (not in the order)",
            id="unplanned",
        ),
        pytest.param(
            TAXED,
            order(),
            only(tax=ZERO),
            Check("tax", "tax", "order PO-1", D("190.00"), D("200.00"), "EUR", False, D("190.00"), "", "zero"),
            "Tax: tax 200.00 EUR, by the rates 190.00 EUR (order PO-1)",
            id="tax",
        ),
        pytest.param(
            replace(TAXED, tax=eur("1.00")),
            order(),
            only(tax_under=ZERO),
            Check("tax_under", "tax", "order PO-1", D("190.00"), D("1.00"), "EUR", False, D("190.00"), "", "zero"),
            "Tax: tax 1.00 EUR, by the rates 190.00 EUR (order PO-1)",
            id="tax_under",
        ),
        pytest.param(
            RATED,
            order(conversion_rate=D("1.1")),
            only(conversion_rate=value(None, "5")),
            Check(
                "conversion_rate",
                "conversion_rate",
                "order PO-1 at 1.1",
                D(1100),
                D(1200),
                "in own currency",
                False,
                D(1105),
                "",
                "5 in own currency",
            ),
            "Conversion rate: worth 1200.000 in own currency at the invoice's rate,"
            " 1100.000 in own currency at the order's (order PO-1 at 1.1)",
            id="conversion_rate",
        ),
        pytest.param(
            replace(RATED, conversion_rate=D(1), conversion_per=D("0.8")),
            order(conversion_rate=D(1), conversion_per=D("0.9")),
            only(conversion_rate=value(None, "138.88")),
            Check(
                "conversion_rate",
                "conversion_rate",
                "order PO-1 at 1 for 0.9",
                D("1111.111111111111111111111111"),
                D(1250),
                "in own currency",
                False,
                D("1249.991111111111111111111111"),
                "",
                "138.88 in own currency",
            ),
            "Conversion rate: worth 1250.0 in own currency at the invoice's rate,"
            " about 1111.111111 in own currency at the order's (order PO-1 at 1 for 0.9)",
            id="rates the other way round",
        ),
    ],
)
def test_a_check_with_its_evidence(
    document: Invoice, stands: OrderPosition, tolerances: Tolerances, check: Check, said: str
) -> None:
    verdict = judge(document, stands, tolerances=tolerances)
    assert [one for one in verdict.checks if not one.passed] == [check]
    assert sentence(next(one for one in verdict.checks if not one.passed)) == said


@pytest.mark.parametrize(("ours", "theirs", "compared"), [("", "EUR", 1), ("EUR", "", 1), ("EUR", "EUR", 1), ("EUR", "GBP", 0)])  # fmt: skip
def test_rates_into_different_currencies_are_not_compared(ours: str, theirs: str, compared: int) -> None:
    stands = order(conversion_rate=D("1.1"), converted_to=ours)
    verdict = judge(replace(RATED, converted_to=theirs), stands, tolerances=only(conversion_rate=ZERO))
    assert len([check for check in verdict.checks if check.rule == "conversion_rate"]) == compared


def test_a_rate_that_is_quoted_the_other_way_round_is_compared_exactly() -> None:
    stands = order(conversion_rate=D(1), conversion_per=D(3))
    exactly = only(conversion_rate=ZERO)
    same = replace(RATED, conversion_rate=D(10), conversion_per=D(30))
    dearer = replace(RATED, conversion_rate=D(10), conversion_per=D("29.999999999999999999999999"))
    assert judge(same, stands, tolerances=exactly).matched
    assert not judge(dearer, stands, tolerances=exactly).matched


def test_what_passes_under_an_unlimited_limit_is_on_record() -> None:
    verdict = judge(invoice(line(price="11")), tolerances=only(price=Limit(kind="unlimited")))
    assert verdict.checks == (Check("price", "1", ABOUT, D(10), D(11), "EUR/EA", True, None, "P"),)


def test_oracle_says_percentage_and_maximum_apart() -> None:
    oracle = Tolerances(dialect="oracle_fusion", quantity_ordered=value("2", "1"), quantity_received=Limit(kind="off"))
    verdict = judge(invoice(line("103")), order(), tolerances=oracle)
    assert [(one.hold, one.allowed, one.limit) for one in verdict.checks if not one.passed] == [
        ("QTY ORD", "2 %", D("102.00")),
        ("MAX QTY ORD", "1 EA", D(101)),
    ]
    assert [problem.passes for problem in verdict.problems] == ["102.00 EA or less", "101 EA or less"]


def test_each_hold_is_named_once_and_findings_come_first() -> None:
    oracle = Tolerances(dialect="oracle_fusion", price=ZERO)
    lines = (line("50", "11"), line("50", "12", line_id="2"))
    assert judge(invoice(*lines), order(position(closed=True)), tolerances=oracle).holds == ("FINAL MATCHING", "PRICE")


@pytest.mark.parametrize(
    ("stands", "problem"),
    [
        (
            position(kind="consignment"),
            Problem(
                Code.CONSIGNMENT_BILLED,
                "1",
                "our own settlement",
                "a supplier's invoice",
                detail="order PO-1 line 1: in consignment, owed when it is withdrawn",
            ),
        ),
        (
            position(settled_on_receipt=True, billed_minor=1, ordered=D(200)),
            Problem(
                Code.SETTLED_ON_RECEIPT,
                "1",
                "no invoice",
                "0 EA settled by us",
                detail="order PO-1 line 1: settled on receipt, so this is probably the same claim",
                passes="it is a claim of its own and a person says so",
            ),
        ),
    ],
)
def test_a_line_that_is_not_to_be_billed(stands: object, problem: Problem) -> None:
    assert judge(invoice(line()), order(stands)).problems == (problem,)  # type: ignore[arg-type]
    assert problem not in judge(invoice(line(), kind=CREDIT), order(stands)).problems  # type: ignore[arg-type]
    assert judge(invoice(line(), purpose="self_billed"), order(stands)).matched  # type: ignore[arg-type]


def test_exactly_the_oldest_open_receipt_is_billed_and_nothing_of_the_next() -> None:
    two = position(matched_to_receipt=True, receipts={"A": ReceiptPosition(D(50)), "B": ReceiptPosition(D(50))})
    assert [one.receipt_id for one in judge(invoice(line("50")), order(two)).allocations] == ["A"]


def test_only_over_billing_of_the_quantity_ever_fails() -> None:
    assert judge(invoice(line("0", net="0.00")), order(position(received=D(0)))).matched


def test_an_estimated_price_is_one_of_the_lines_own() -> None:
    """The limit of estimated prices is not asked of the firm ones on the same invoice."""
    two = order(position(estimated=True), position())
    lines = (line("10", "11"), line("10", "11", line_id="2", order_line_id="2"))
    verdict = judge(invoice(*lines), two, tolerances=only(price=value("20"), price_estimated=value("5")))
    assert [(one.rule, one.where, one.passed) for one in verdict.checks] == [
        ("price_estimated", "1", False),
        ("price", "2", True),
    ]


def test_totals_and_schedules_are_of_goods_that_are_billed_and_of_nothing_else() -> None:
    limits = only(schedule_total=ZERO, schedule_amount=ZERO, total=ZERO, amount=ZERO)
    service = order(position(kind="service", limit_minor=0, billed_minor=0))
    billed = order(position(billed=D(100), billed_minor=999999))
    assert judge(invoice(line(net="2000.00")), service, tolerances=limits).checks == ()
    assert judge(invoice(line(net="2000.00"), kind=CREDIT), billed, tolerances=limits).checks == ()
    both = order(position(), position(kind="service"))
    document = invoice(line(), line(line_id="2", order_line_id="2", net="5000.00"))
    assert [(one.rule, one.actual) for one in judge(document, both, tolerances=limits).checks] == [
        ("amount", D(1000)),
        ("schedule_amount", D(1000)),
        ("schedule_total", D(1000)),
    ]


def test_several_order_lines_have_one_total() -> None:
    limits = only(schedule_total=value(None, "5"), total=value(None, "5"))
    two = order(position(billed_minor=300), position(unit_price=D(2), price_per=D(3), billed_minor=100))
    document = invoice(
        line(net="1002.00"), line("50", "2", price_per=D(3), line_id="2", order_line_id="2", net="33.34")
    )
    verdict = judge(document, two, tolerances=limits)
    assert [
        (one.rule, one.where, one.about, f"{one.expected:.4f}", one.actual, one.passed) for one in verdict.checks
    ] == [
        ("total", "net", "order PO-1", "1033.3333", D("1035.34"), True),
        ("schedule_total", "net", "order PO-1", "1066.6667", D("1039.34"), True),
    ]


def test_each_order_has_its_own_conversion_rate() -> None:
    first = order(conversion_rate=D("1.1"))
    second = replace(order(conversion_rate=D("1.2")), order_id="PO-2")
    unknown = replace(order(), order_id="PO-3")
    lines = (
        line(),
        line(order_id="PO-2", line_id="2"),
        line(order_id="PO-3", line_id="3"),
    )
    document = invoice(*lines, conversion_rate=D("1.15"))
    verdict = judge(document, first, second, unknown, tolerances=only(conversion_rate=ZERO))
    assert [(one.about, one.expected, one.actual, one.passed) for one in verdict.checks] == [
        ("order PO-1 at 1.1", D(1100), D(1150), False),
        ("order PO-2 at 1.2", D(1200), D(1150), True),
    ]
    credit = replace(document, kind=CREDIT)
    billed = {"billed": D(100), "billed_minor": 100000}
    assert (
        judge(credit, order(position(**billed), conversion_rate=D(1)), tolerances=only(conversion_rate=ZERO)).checks
        == ()
    )
