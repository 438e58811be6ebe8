"""The situations of a procure-to-pay month beyond goods at a price: receipts by name, allowances, retainage and others."""

from datetime import date
from typing import Any

import pytest
from msgspec.structs import replace
from tests.matching.paper import CREDIT, LINE, D, beside, eur, failed, invoice, judge, line, order, position, value

from tieout.kernel.problem import Code, Problem
from tieout.matching.orders import LinePosition, ReceiptPosition
from tieout.matching.settlement import unmet
from tieout.matching.three_way import allocate
from tieout.model.documents import OrderCharge, Supplier
from tieout.model.verdict import Allocation, Check
from tieout.policy.tolerances import Limit, Tolerances

FREE = Tolerances(unplanned_charges="account", unplanned=Limit(kind="unlimited"))

# ── matched to receipts ────────────────────────────────────────────────────────────────────────────────────────────

BY_RECEIPT = position(
    matched_to_receipt=True,
    billed=D(10),
    receipts={"GR-1": ReceiptPosition(D(60), D(10)), "GR-2": ReceiptPosition(D(40))},
)


def test_a_named_receipt_is_billed_and_no_other() -> None:
    verdict = judge(invoice(line("40", receipt_id="GR-2")), order(BY_RECEIPT))
    assert verdict.allocations == (Allocation("PO-1", "1", D(40), eur("400.00"), "GR-2"),)
    over = judge(invoice(line("40.5", receipt_id="GR-2")), order(BY_RECEIPT))
    assert failed(over) == [("quantity_received", "40", "40.5", "40")]
    assert over.problems[0].detail == "order PO-1 line 1 receipt GR-2, 10 EA billed before"
    assert over.waits_for_receipt


def test_what_was_billed_of_a_receipt_counts() -> None:
    assert judge(invoice(line("50", receipt_id="GR-1")), order(BY_RECEIPT)).matched
    over = judge(invoice(line("50.001", receipt_id="GR-1")), order(BY_RECEIPT))
    assert failed(over) == [("quantity_received", "60", "60.001", "60")]


def test_an_unknown_receipt_waits_for_it() -> None:
    verdict = judge(invoice(line("40", receipt_id="GR-9")), order(BY_RECEIPT))
    assert verdict.problems == (
        Problem(
            Code.UNKNOWN_RECEIPT,
            "1",
            "a receipt of order PO-1 line 1",
            "GR-9",
            passes="the receipt is recorded",
        ),
    )
    assert verdict.waits_for_receipt
    both = judge(invoice(line("1", receipt_id="GR-9"), line("41", receipt_id="GR-2", line_id="2")), order(BY_RECEIPT))
    assert [problem.code for problem in both.problems] == [Code.UNKNOWN_RECEIPT, Code.QUANTITY_OVER_RECEIVED]
    nothing_came = judge(invoice(line("40")), order(replace(BY_RECEIPT, receipts={})))
    assert [problem.actual for problem in nothing_came.problems] == ["none"]


def test_without_a_name_the_oldest_open_receipts_are_billed() -> None:
    verdict = judge(invoice(line("70", "9.99")), order(BY_RECEIPT))
    assert verdict.allocations == (
        Allocation("PO-1", "1", D(50), eur("499.50"), "GR-1"),
        Allocation("PO-1", "1", D(20), eur("199.80"), "GR-2"),
    )


def test_minor_units_that_do_not_divide_stay_with_the_last_receipt() -> None:
    thirds = replace(BY_RECEIPT, receipts={name: ReceiptPosition(D(1)) for name in ("A", "B", "C")}, billed=D(0))
    verdict = judge(invoice(line("3", "10", net="20.00")), order(thirds))
    assert [(one.receipt_id, one.net) for one in verdict.allocations] == [
        ("A", eur("6.66")),
        ("B", eur("6.66")),
        ("C", eur("6.68")),
    ]


def test_lines_that_name_and_lines_that_do_not_never_use_a_receipt_twice() -> None:
    document = invoice(line("40", receipt_id="GR-2"), line("50", line_id="2"))
    verdict = judge(document, order(BY_RECEIPT))
    assert verdict.allocations == (
        Allocation("PO-1", "1", D(40), eur("400.00"), "GR-2"),
        Allocation("PO-1", "1", D(50), eur("500.00"), "GR-1"),
    )
    over = judge(invoice(line("40", receipt_id="GR-2"), line("50.5", line_id="2")), order(BY_RECEIPT))
    assert ("quantity_received", "40", "40.5", "40") in failed(over)


def test_a_credit_note_gives_back_of_the_receipt_that_was_billed() -> None:
    billed = replace(
        BY_RECEIPT, billed=D(30), receipts={"GR-1": ReceiptPosition(D(60)), "GR-2": ReceiptPosition(D(40), D(30))}
    )
    verdict = judge(invoice(line("30"), kind=CREDIT), order(billed))
    assert verdict.allocations == (Allocation("PO-1", "1", D(-30), eur("-300.00"), "GR-2"),)
    wrong = judge(invoice(line("30", receipt_id="GR-1"), kind=CREDIT), order(billed))
    assert wrong.problems == (
        Problem(
            Code.CREDIT_OVER_BILLED,
            "1",
            "at most 0 EA",
            "30 EA",
            detail="order PO-1 line 1 receipt GR-1",
            passes="0 EA or less",
        ),
    )


BILLED = position(ordered=D(200), billed=D(10), billed_minor=10000)
"""10 EA were billed at 10.00 EUR."""


@pytest.mark.parametrize(("lines", "kind", "least", "given"), [
    pytest.param([line("2", "9.98")], CREDIT, "20.00 EUR", "19.96 EUR", id="a credit note too low"),
    pytest.param([line("12"), line("-2", "9", line_id="2")], None, "20.00 EUR", "18.00 EUR", id="a line that takes back"),
    pytest.param([line("-2", "-10")], None, "20.00 EUR", "-20.00 EUR", id="a line that takes back and asks for more"),
    pytest.param([line("1", "5", unit="DZN")], CREDIT, "120.00 EUR", "5.00 EUR", id="in another unit"),
    pytest.param([line("200", "3", price_per=D(100))], CREDIT, "2000.00 EUR", "6.00 EUR", id="per hundred"),
    pytest.param([line("10", "1")], CREDIT, "100.00 EUR", "10.00 EUR", id="a rebate written as if all went back"),
])  # fmt: skip
def test_what_takes_quantity_back_gives_back_its_price(lines: list[Any], kind: Any, least: str, given: str) -> None:
    document = invoice(*lines, **({"kind": kind} if kind else {}))
    (problem,) = (one for one in judge(document, order(BILLED)).problems if one.code is Code.CREDIT_UNDER_PRICE)
    assert (problem.expected, problem.actual) == (f"at least {least}".replace("2000", "2,000"), given)


@pytest.mark.parametrize(("stands", "quantity", "price"), [
    pytest.param(BILLED, "2", "9.995", id="a rounded cent"),
    pytest.param(position(billed=D(10), billed_minor=8000), "2", "8", id="it was billed for less"),
    pytest.param(position(unit_price=D(12), billed=D(10), billed_minor=11000), "5", "10", id="the order was cheaper then"),
    pytest.param(position(billed=D(10), billed_minor=12000), "10", "12", id="a dearer price was accepted"),
    pytest.param(position(unit_price=D(0), billed=D(10)), "10", "0", id="free of charge"),
])  # fmt: skip
def test_what_was_billed_for_less_is_given_back_for_less(stands: LinePosition, quantity: str, price: str) -> None:
    assert judge(invoice(line(quantity, price), kind=CREDIT), order(stands)).problems == ()


def test_what_stays_billed_is_within_the_limit_of_the_price() -> None:
    low = invoice(line("2", "9"), kind=CREDIT)
    assert judge(low, order(BILLED), tolerances=Tolerances(price=value("3"))).matched
    assert not judge(low, order(BILLED), tolerances=Tolerances(price=value("2"))).matched
    assert judge(low, order(BILLED), tolerances=Tolerances(price=Limit(kind="off"))).matched


def test_what_a_credit_note_bills_again_is_billed_at_its_price() -> None:
    document = invoice(line("10"), line("-8", "15", line_id="2"), line("5", line_id="3"), kind=CREDIT)
    assert failed(judge(document, order(BILLED))) == [("price", "10", "15", "10")]


def test_a_line_that_takes_back_is_no_price_that_is_too_high() -> None:
    assert judge(invoice(line("12"), line("-2", "50", line_id="2")), order(BILLED)).problems == ()


def test_a_credit_note_gives_back_no_more_money_than_was_billed() -> None:
    (problem,) = judge(invoice(line("2", "60"), kind=CREDIT), order(BILLED)).problems
    assert problem == Problem(
        Code.CREDIT_OVER_BILLED,
        "1",
        "at most 100.00 EUR",
        "120.00 EUR",
        detail="order PO-1 line 1",
        passes="100.00 EUR or less",
    )


def test_a_credit_note_over_several_receipts_gives_back_each_its_part_to_the_minor_unit() -> None:
    billed = {name: ReceiptPosition(D(9), D(one)) for name, one in (("A", 1), ("B", 0), ("C", 2), ("D", 5))}
    stands = order(replace(BY_RECEIPT, billed=D(8), receipts=billed))
    verdict = judge(invoice(line("6", "10", net="40.00"), kind=CREDIT), stands)
    assert verdict.allocations == (
        Allocation("PO-1", "1", D(-1), eur("-6.66"), "A"),
        Allocation("PO-1", "1", D(-2), eur("-13.33"), "C"),
        Allocation("PO-1", "1", D(-3), eur("-20.01"), "D"),
    )


def test_a_line_that_takes_back_stands_on_the_last_receipt() -> None:
    document = invoice(line("50"), line("-2", net="-20.00", line_id="2"), line("0", net="1.00", line_id="3"))
    verdict = judge(document, order(BY_RECEIPT))
    assert verdict.allocations == (
        Allocation("PO-1", "1", D(50), eur("500.00"), "GR-1"),
        Allocation("PO-1", "1", D(-2), eur("-19.00"), "GR-2"),
    )


def test_a_percentage_of_the_receipt_is_of_all_that_was_received() -> None:
    wide = Tolerances(quantity_received=value("10", base="receipt"), quantity_ordered=Limit(kind="off"))
    assert judge(invoice(line("50", receipt_id="GR-2")), order(BY_RECEIPT), tolerances=wide).matched
    over = judge(invoice(line("50.1", receipt_id="GR-2")), order(BY_RECEIPT), tolerances=wide)
    assert failed(over) == [("quantity_received", "40", "50.1", "50")]


# ── the order line itself ──────────────────────────────────────────────────────────────────────────────────────────


def test_four_way_matching_wants_an_inspection() -> None:
    inspected = order(position(acceptance_required=True, accepted=D(90)))
    assert judge(invoice(line("90")), inspected).matched
    verdict = judge(invoice(line("90.1")), inspected)
    assert failed(verdict) == [("quantity_accepted", "90", "90.1", "90")]
    assert (verdict.problems[0].code, verdict.waits_for_receipt) == (Code.QUANTITY_OVER_ACCEPTED, True)


def test_nothing_more_is_billed_on_a_closed_line() -> None:
    closed = order(position(closed=True, billed=D(50)))
    verdict = judge(invoice(line("50")), closed, tolerances=Tolerances(dialect="oracle_fusion"))
    assert verdict.problems == (
        Problem(
            Code.LINE_CLOSED,
            "1",
            "an open order line",
            "closed",
            detail="order PO-1 line 1",
            passes="the order line is reopened",
        ),
    )
    assert verdict.holds == ("FINAL MATCHING",)
    assert judge(invoice(line("50"), kind=CREDIT), closed).matched


def test_a_drop_shipment_is_received_by_proof_of_delivery() -> None:
    verdict = judge(invoice(line("10")), order(position(kind="drop_shipment", received=D(0))))
    assert verdict.problems[0].detail == "order PO-1 line 1, received by proof of delivery"
    assert judge(invoice(line("10")), order(position(kind="drop_shipment", received=D(10)))).matched


def test_an_estimated_price_without_a_limit_of_its_own_is_compared_like_any_other() -> None:
    estimated = order(position(estimated=True))
    assert failed(judge(invoice(line(price="10.01")), estimated)) == [("price", "10", "10.01", "10")]
    wide = Tolerances(price_estimated=value("5"))
    assert judge(invoice(line(price="10.01")), estimated, tolerances=wide).matched
    assert failed(judge(invoice(line(price="10.01")), tolerances=wide)) == [("price", "10", "10.01", "10")]


# ── services and blanket orders ────────────────────────────────────────────────────────────────────────────────────


def test_a_service_is_matched_by_amount_whatever_its_unit_and_price() -> None:
    service = order(position(kind="service", limit_minor=100000, received_minor=60000))
    document = invoice(line("3", "200", unit="HUR"))
    assert judge(document, service).allocations == (Allocation("PO-1", "1", D(0), eur("600.00")),)
    verdict = judge(invoice(line("3", "200", unit="HUR", net="600.01")), service)
    assert failed(verdict) == [("amount_received", "600", "600.01", "600")]
    assert (verdict.problems[0].code, verdict.waits_for_receipt) == (Code.AMOUNT_OVER_RECEIVED, True)


def test_a_credit_note_for_a_service_gives_back_what_was_billed() -> None:
    service = order(position(kind="service", limit_minor=100000, received_minor=60000, billed_minor=30000))
    assert judge(invoice(line(net="300.00"), kind=CREDIT), service).matched
    verdict = judge(invoice(line(net="300.01"), kind=CREDIT), service)
    assert verdict.problems == (
        Problem(
            Code.CREDIT_OVER_BILLED,
            "1",
            "at most 300.00 EUR",
            "300.01 EUR",
            detail="order PO-1 line 1",
            passes="300.00 EUR or less",
        ),
    )


def test_crediting_more_than_was_billed_opens_no_room_for_a_service() -> None:
    service = order(position(kind="service", limit_minor=100000, received_minor=60000, billed_minor=-500))
    assert failed(judge(invoice(line(net="600.01")), service)) == [("amount_received", "600", "600.01", "600")]


@pytest.mark.parametrize(
    ("kind", "rules"),
    [("service", ["amount_ordered", "amount_received"]), ("blanket", ["blanket_value", "blanket_time"])],
)
def test_a_service_and_a_blanket_line_are_checked_from_the_first_cent_on(kind: str, rules: list[str]) -> None:
    stands = order(position(kind=kind, limit_minor=0, received_minor=0, valid_until=date(2026, 4, 30)))
    limits = Tolerances(**{name: Limit(kind="zero") for name in rules})
    assert [one[0] for one in failed(judge(invoice(line(net="0.01")), stands, tolerances=limits))] == rules
    assert judge(invoice(line(net="0.00")), stands, tolerances=limits).checks == ()
    assert judge(invoice(line(net="0.01"), kind=CREDIT), stands, tolerances=limits).checks == ()


def test_a_blanket_line_is_billed_from_its_first_day_to_its_last() -> None:
    limits = Tolerances(blanket_time=Limit(kind="zero"))
    for days, outside in (((1, 1), ""), ((2, 9), "1"), ((None, 1), ""), ((1, None), ""), ((None, None), "")):
        first, last = (date(2026, 5, day) if day else None for day in days)
        stands = order(position(kind="blanket", valid_from=first, valid_until=last))
        found = failed(judge(invoice(line()), stands, tolerances=limits))
        assert found == ([("blanket_time", "0", outside, "0")] if outside else [])


def test_a_blanket_line_without_a_limit_has_none() -> None:
    assert judge(invoice(line(net="99999.00")), order(position(kind="blanket"))).matched


# ── value only, prepayments, retainage ─────────────────────────────────────────────────────────────────────────────


def test_a_debit_of_the_value_only_moves_the_average_price_and_no_quantity() -> None:
    billed = order(position(billed=D(100), billed_minor=100000))
    tolerances = Tolerances(price=value("2"))
    verdict = judge(invoice(line("1", "20"), purpose="value_only"), billed, tolerances=tolerances)
    assert verdict.allocations == (Allocation("PO-1", "1", D(0), eur("20.00")),)
    over = judge(invoice(line("1", "20.01"), purpose="value_only"), billed, tolerances=tolerances)
    assert failed(over) == [("price", "10", "10.2001", "10.2")]
    hundred = order(position(billed=D(100), billed_minor=100000, unit_price=D(1000), price_per=D(100)))
    over = judge(invoice(line("1", "20.01"), purpose="value_only"), hundred, tolerances=tolerances)
    assert failed(over) == [("price", "1000", "1020.01", "1020")]


def test_a_credit_of_the_value_only_gives_back_no_more_than_was_billed() -> None:
    billed = order(position(billed=D(100), billed_minor=100000))
    credit = invoice(line("1", "1000"), purpose="value_only", kind=CREDIT)
    assert judge(credit, billed).allocations == (Allocation("PO-1", "1", D(0), eur("-1000.00")),)
    over = judge(invoice(line("1", "1000.01"), purpose="value_only", kind=CREDIT), billed)
    assert over.problems == (
        Problem(Code.CREDIT_OVER_BILLED, "1", "at most 1000.00 EUR", "1000.01 EUR", detail="order PO-1 line 1"),
    )


def test_a_change_of_the_value_is_compared_however_small_it_and_the_order_line_are() -> None:
    """One piece at 10.00 was billed; a cent more is over a limit of zero, and says where."""
    one = order(position(ordered=D(1), received=D(1), billed=D(1), billed_minor=1000))
    over = judge(invoice(line("1", "0.01"), purpose="value_only"), one)
    unit_price = Check("price", "1", "order PO-1 line 1", D(10), D("10.01"), "EUR/EA", False, D(10), "", "zero")
    assert over.checks == (unit_price,)
    assert judge(invoice(line("1", "0"), purpose="value_only"), one).checks == ()


def test_a_value_only_document_needs_an_invoice_before_it() -> None:
    verdict = judge(invoice(line("1", "20"), purpose="value_only"))
    assert verdict.problems == (
        Problem(Code.NOTHING_BILLED, "1", "an invoice before it", "none", detail="order PO-1 line 1"),
    )


def test_a_prepayment_is_not_matched_as_goods() -> None:
    nothing_came = order(position(received=D(0)), position(kind="service", limit_minor=5000, unit_price=D(1)))
    whole = invoice(line("1", "1050", order_line_id=""), purpose="prepayment")
    verdict = judge(whole, nothing_came)
    in_advance = (Allocation("PO-1", "", D(0), eur("1050.00"), prepaid=True),)
    assert (verdict.matched, verdict.allocations, verdict.checks) == (True, in_advance, ())
    assert allocate(whole, {"PO-1": nothing_came}) == in_advance
    over = judge(invoice(line("1", "1050.01"), purpose="prepayment"), nothing_came)
    assert over.problems == (
        Problem(
            Code.AMOUNT_OVER_ORDERED,
            "net",
            "at most 1,050.00 EUR",
            "1,050.01 EUR",
            "",
            "order PO-1",
            "1,050.00 EUR or less",
        ),
    )


def test_a_prepayment_names_our_own_order_with_this_supplier_in_its_currency() -> None:
    document = invoice(line("1", "5"), line("1", "5", order_id="PO-9", line_id="2"), purpose="prepayment")
    verdict = judge(document, order(supplier_id="sup_2", currency="USD"))
    assert verdict.problems == (
        Problem(Code.WRONG_SUPPLIER, "order", "sup_2", "sup_1"),
        Problem(Code.CURRENCY_MISMATCH, "order", "USD", "EUR"),
        Problem(Code.UNKNOWN_ORDER, "order", "an order of ours", "PO-9"),
    )


def test_a_prepayment_for_several_orders_asks_for_no_more_than_all_of_them_are_worth() -> None:
    """1,000.00 for PO-1, and a third of 100 pieces at 20.00 for three on PO-2: 666.67."""
    thirds = replace(order(position(unit_price=D(20), price_per=D(3))), order_id="PO-2")
    lines = (line("1", "1000"), line("1", "666.67", order_id="PO-2", line_id="2"))
    document = invoice(*lines, purpose="prepayment")
    assert judge(document, order(), thirds).matched
    more = invoice(*lines, line("1", "0.01", line_id="3"), purpose="prepayment")
    over = Problem(
        Code.AMOUNT_OVER_ORDERED,
        "net",
        "at most 1,666.67 EUR",
        "1,666.68 EUR",
        "",
        "order PO-1, order PO-2",
        "1,666.67 EUR or less",
    )
    assert judge(more, order(), thirds).problems == (over,)
    assert judge(replace(more, kind=CREDIT), order(), thirds).matched
    dollars = replace(thirds, order_id="PO-0", currency="USD")
    foreign = line("1", "5", order_id="PO-0", line_id="0")
    unknown = replace(foreign, order_id="PO-9")
    assert judge(invoice(foreign, unknown, *more.lines, purpose="prepayment"), dollars, order(), thirds).problems == (
        Problem(Code.CURRENCY_MISMATCH, "order", "USD", "EUR"),
        Problem(Code.UNKNOWN_ORDER, "order", "an order of ours", "PO-9"),
        replace(over, detail="order PO-0, order PO-9, order PO-1, order PO-2"),
    )


RETAINING = position(retainage_percent=D(10))


@pytest.mark.parametrize("withheld", ["-99.99", "-100.01", "-100.00"])
def test_what_is_withheld_is_the_agreed_share(withheld: str) -> None:
    document = invoice(line(), beside("retainage", withheld))
    verdict = judge(document, order(RETAINING))
    if withheld == "-100.00":
        kept = Allocation("PO-1", "1", D(100), eur("1000.00"), retained=eur("100.00"))
        assert verdict.allocations == (kept,)
    else:
        assert verdict.problems == (
            Problem(
                Code.RETAINAGE_DIFFERS,
                "1",
                "100.00 EUR withheld",
                f"{withheld[1:]} EUR withheld",
                "10 %",
                "order PO-1 line 1",
                "a retainage of exactly 100.00 EUR",
            ),
        )


def test_retainage_that_nobody_agreed_to_or_that_is_missing_is_a_problem() -> None:
    assert [p.actual for p in judge(invoice(line()), order(RETAINING)).problems] == ["0.00 EUR withheld"]
    unasked = judge(invoice(line(), beside("retainage", "-5", order_line_id="1")))
    assert [(p.expected, p.actual) for p in unasked.problems] == [("0.00 EUR withheld", "5.00 EUR withheld")]


def test_a_credit_note_gives_back_its_share_of_what_was_withheld() -> None:
    billed = order(replace(RETAINING, billed=D(100), billed_minor=100000, retained_minor=10000))
    verdict = judge(invoice(line("50"), beside("retainage", "-50"), kind=CREDIT), billed)
    assert verdict.allocations == (Allocation("PO-1", "1", D(-50), eur("-500.00"), retained=eur("-50.00")),)


def test_retainage_belongs_to_one_order_line() -> None:
    two = order(RETAINING, RETAINING)
    document = invoice(line("10"), line("10", line_id="2", order_line_id="2"), beside("retainage", "-20"))
    assert (
        Problem(Code.UNKNOWN_ORDER_LINE, "F", "the order line it is withheld of", "none")
        in judge(document, two).problems
    )


def test_no_more_is_released_than_was_withheld() -> None:
    held = order(replace(RETAINING, billed=D(100), billed_minor=100000, retained_minor=10000))
    document = invoice(line("1", "100"), purpose="retainage_release")
    assert judge(document, held).allocations == (Allocation("PO-1", "1", D(0), eur("0.00"), retained=eur("-100.00")),)
    verdict = judge(invoice(line("1", "100.01"), purpose="retainage_release"), held)
    assert verdict.problems == (
        Problem(
            Code.RETAINAGE_DIFFERS,
            "1",
            "at most 100.00 EUR",
            "100.01 EUR",
            detail="order PO-1 line 1: withheld so far",
            passes="100.00 EUR or less",
        ),
    )


# ── what is not paid by transfer ───────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("changes", "where", "left", "told"),
    [
        ({"prepaid": eur("300.00")}, "prepaid", "700.00 EUR", "300.00 EUR is prepaid"),
        ({"withheld": eur("200.00")}, "withheld", "800.00 EUR", "200.00 EUR is withheld"),
        ({"collected": True}, "collected", "0.00 EUR", "the supplier collects it by direct debit or card"),
    ],
)
def test_what_is_not_payable_in_full_is_for_a_person(changes: dict[str, Any], where: str, left: str, told: str) -> None:
    problem = Problem(Code.PARTLY_PAYABLE, where, "1,000.00 EUR", left, detail=told)
    assert judge(invoice(line(), **changes)).problems == (problem,)
    assert judge(invoice(line(), prepaid=eur("0.00"))).matched


# ── charges and allowances ─────────────────────────────────────────────────────────────────────────────────────────


def charge(charge_id: str, amount: str, kind: str = "freight") -> OrderCharge:
    return OrderCharge(charge_id=charge_id, kind=kind, amount=eur(amount))  # type: ignore[arg-type]


def test_charges_fill_the_first_condition_with_room_and_a_named_one_is_named() -> None:
    two = order(charges=(charge("A", "10"), charge("B", "20")))
    document = invoice(line(), beside("freight", "10"), beside("freight", "15", "G"))
    billed = [(one.charge_id, one.net) for one in judge(document, two).allocations if one.charge_id]
    assert billed == [("A", eur("10.00")), ("B", eur("15.00"))]
    named = judge(invoice(line(), beside("freight", "15", order_line_id="B")), two)
    assert [one.charge_id for one in named.allocations] == ["", "B"]
    over = judge(invoice(line(), beside("freight", "20.01")), two)
    assert failed(over) == [("freight", "20", "20.01", "20")]


def test_a_charge_that_names_no_order_belongs_to_the_only_one_that_is_billed() -> None:
    first, second = order(charges=(charge("A", "10"),)), replace(order(charges=(charge("B", "10"),)), order_id="PO-2")
    freight = beside("freight", "10", order_id="")
    alone = judge(invoice(line(), freight), first, second, tolerances=FREE)
    assert [(one.order_id, one.charge_id) for one in alone.allocations] == [("PO-1", ""), ("PO-1", "A")]
    both = invoice(line(), line(order_id="PO-2", line_id="2"), freight)
    assert [one.charge_id for one in judge(both, first, second, tolerances=FREE).allocations] == ["", ""]
    assert [p.code for p in judge(both, first, second).problems] == [Code.CHARGE_NOT_AGREED]
    assert [p.code for p in judge(invoice(freight), first, second).problems] == [Code.CHARGE_NOT_AGREED]


def test_what_was_billed_of_a_condition_leaves_no_room_for_more() -> None:
    """Ten were billed of A before, so the first charge is of B, and the second finds no room there either."""
    two = order(charges=(charge("A", "10"), charge("B", "20")), charged_minor={"A": 1000})
    document = invoice(line(), beside("freight", "15"), beside("freight", "5", "G"), beside("freight", "0.01", "H"))
    verdict = judge(document, two)
    assert failed(verdict) == [("freight", "20", "20.01", "20")]
    assert verdict.problems[0].where == "F+G+H"
    named = judge(invoice(line(), beside("freight", "0.01", order_line_id="A")), two)
    assert failed(named) == [("freight", "10", "10.01", "10")]


def test_two_charges_on_one_condition_count_together() -> None:
    document = invoice(line(), beside("charge", "6"), beside("charge", "6", "G"))
    verdict = judge(document, order(charges=(charge("A", "10", "charge"),)))
    assert failed(verdict) == [("freight", "10", "12", "10")]
    assert verdict.problems[0].where == "F+G"


def test_a_charge_of_another_supplier_s_order_or_in_another_currency_is_not_matched() -> None:
    """The charges after it are matched all the same."""
    document = invoice(beside("freight", "6"), beside("freight", "5", "G", order_id="PO-2"))
    second = replace(order(charges=(charge("A", "4"),)), order_id="PO-2")
    for first, problem in (
        (order(supplier_id="sup_2"), Problem(Code.WRONG_SUPPLIER, "F", "sup_2", "sup_1")),
        (order(currency="USD"), Problem(Code.CURRENCY_MISMATCH, "F", "USD", "EUR")),
    ):
        verdict = judge(document, first, second)
        assert verdict.problems[0] == problem
        assert failed(verdict) == [("freight", "4", "5", "4")]
    unknown = judge(invoice(beside("freight", "6", order_id="PO-9")))
    assert [p.code for p in unknown.problems] == [Code.UNKNOWN_ORDER]


def test_freight_that_was_ordered_as_a_line_is_matched_as_that_line() -> None:
    document = invoice(beside("freight", "10", order_line_id="1"))
    assert judge(document).allocations == (Allocation("PO-1", "1", D(1), eur("10.00")),)


def test_unplanned_charges_are_spread_by_value_to_the_minor_unit() -> None:
    two = order(position(), position(unit_price=D(20)), position(unit_price=D(1)))
    lines = (
        line("1", "10"),
        line("1", "20", line_id="2", order_line_id="2"),
        line("1", "1", line_id="3", order_line_id="3"),
    )
    spread = replace(FREE, unplanned_charges="spread")
    document = invoice(*lines, beside("freight", "1.00"))
    found = judge(document, two, tolerances=spread).allocations
    assert [one.net for one in found] == [eur("10.32"), eur("20.65"), eur("1.03")]
    assert allocate(document, {"PO-1": two}, spread) == found
    assert [one.net for one in allocate(document, {"PO-1": two})] == [eur("10.00"), eur("20.00"), eur("1.00")]


def test_charges_beside_goods_of_no_value_stay_with_the_first_line() -> None:
    free = order(position(unit_price=D(0)), position(unit_price=D(0)))
    lines = (line("1", "0"), line("1", "0", line_id="2", order_line_id="2"))
    document = invoice(*lines, beside("freight", "3.00"))
    found = judge(document, free, tolerances=replace(FREE, unplanned_charges="spread")).allocations
    assert [one.net for one in found] == [eur("3.00"), eur("0.00")]


def test_the_ceiling_of_unplanned_charges_is_in_percent_of_the_goods() -> None:
    two_percent = Tolerances(unplanned_charges="account", unplanned=value("2"))
    assert judge(invoice(line(), beside("charge", "20.00")), tolerances=two_percent).matched
    over = judge(invoice(line(), beside("charge", "20.01")), tolerances=two_percent)
    assert failed(over) == [("unplanned", "0", "20.01", "20")]


def test_an_allowance_that_was_not_agreed_makes_no_room_for_a_higher_price() -> None:
    document = invoice(line(price="10.50"), beside("allowance", "-50.00"))
    assert failed(judge(document)) == [("price", "10", "10.5", "10")]
    assert judge(invoice(line(), beside("allowance", "-50.00"))).matched


def test_an_agreed_allowance_has_been_given_when_the_order_is_billed() -> None:
    agreed = order(charges=(charge("R", "-50", "allowance"),))
    assert judge(invoice(line("99")), agreed).matched
    missing = judge(invoice(line()), agreed)
    assert missing.problems == (
        Problem(
            Code.CHARGE_OVER_AGREED,
            "allowance",
            "-50.00 EUR",
            "0.00 EUR",
            "",
            "order PO-1 allowance R",
            "an allowance of -50.00 EUR in all",
        ),
    )
    given = judge(invoice(line(), beside("allowance", "-50.00")), agreed)
    assert given.allocations[1] == Allocation("PO-1", "", D(0), eur("-50.00"), charge_id="R")
    before = replace(agreed, charged_minor={"R": -3000})
    assert judge(invoice(line(), beside("allowance", "-20.00")), before).matched
    assert not judge(invoice(line(), beside("allowance", "-19.99")), before).matched


def test_an_order_with_another_line_still_open_may_give_its_allowance_later() -> None:
    agreed = order(position(), position(billed=D(99)), charges=(charge("R", "-50", "allowance"),))
    assert judge(invoice(line()), agreed).matched
    done = order(position(), position(billed=D(100)), charges=(charge("R", "-50", "allowance"),))
    assert not judge(invoice(line()), done).matched


def test_the_total_takes_agreed_charges_and_no_others() -> None:
    total = replace(FREE, total=Limit(kind="zero"), freight=Limit(kind="off"))
    agreed = order(charges=(charge("A", "10"),))
    assert judge(invoice(line(), beside("freight", "10.00")), agreed, tolerances=total).matched
    over = judge(invoice(line(), beside("freight", "10.01")), agreed, tolerances=total)
    assert failed(over) == [("total", "1010", "1010.01", "1010")]
    before = replace(agreed, charged_minor={"A": 400})
    over = judge(invoice(line(), beside("freight", "6.01")), before, tolerances=total)
    assert failed(over) == [("total", "1006", "1006.01", "1006")]
    full = replace(agreed, charged_minor={"A": 1500})
    assert judge(invoice(line()), full, tolerances=total).matched
    over = judge(invoice(line(), beside("freight", "2.00")), full, tolerances=total)
    assert failed(over) == [("total", "1000", "1002", "1000")]


def test_the_total_takes_an_allowance_as_far_as_it_is_given_and_agreed() -> None:
    total = replace(FREE, total=Limit(kind="zero"), total_under=Limit(kind="zero"))
    agreed = order(LINE, position(), charges=(charge("R", "-50", "allowance"),))
    assert judge(invoice(line(), beside("allowance", "-20")), agreed, tolerances=total).matched
    more = judge(invoice(line(), beside("allowance", "-60")), agreed, tolerances=total)
    assert failed(more) == [("total_under", "950", "940", "950")]


def test_what_is_withheld_does_not_lower_the_total() -> None:
    total = replace(FREE, total_under=Limit(kind="zero"))
    document = invoice(line(), beside("retainage", "-50", order_line_id="1"))
    assert judge(document, order(position(retainage_percent=D(5))), tolerances=total).matched


def test_an_allowance_for_a_line_is_no_quantity_of_it() -> None:
    document = invoice(line(), beside("allowance", "-50", order_line_id="1"))
    agreed = judge(document, order(charges=(charge("R", "-50", "allowance"),)))
    assert agreed.allocations == (
        Allocation("PO-1", "1", D(100), eur("1000.00")),
        Allocation("PO-1", "", D(0), eur("-50.00"), charge_id="R"),
    )


def test_a_credit_for_freight_gives_back_the_condition_that_was_billed() -> None:
    two = order(charges=(charge("A", "10"), charge("B", "10")), charged_minor={"B": 1000})
    credit = judge(invoice(beside("freight", "10"), kind=CREDIT), two)
    assert credit.allocations == (Allocation("PO-1", "", D(0), eur("-10.00"), charge_id="B"),)


# ── settlement on receipt ──────────────────────────────────────────────────────────────────────────────────────────

SETTLED = position(settled_on_receipt=True, matched_to_receipt=True)
AGREES = Supplier(supplier_id="s", name="Acme", tax_id="DE1", settled_on_receipt=True, payment_terms_days=0)
KNOWN: dict[str, Any] = {"supplier": AGREES, "flagged": True, "tax_code": "V1", "terms_days": 0}


@pytest.mark.parametrize(
    ("stands", "changed", "reason"),
    [
        (SETTLED, {"supplier": None}, "the supplier is not marked for settlement on receipt"),
        (SETTLED, {"supplier": replace(AGREES, settled_on_receipt=False)}, "the supplier is not marked for settlement on receipt"),
        (SETTLED, {"flagged": False}, "the order line is not marked for settlement on receipt"),
        (replace(SETTLED, settled_on_receipt=False), {}, "a supplier's invoice was booked on the order line"),
        (replace(SETTLED, matched_to_receipt=False), {}, "the order line is not matched to its receipts"),
        (SETTLED, {"tax_code": ""}, "the order line has no tax code"),
        (replace(SETTLED, estimated=True), {}, "the price is only estimated"),
        (SETTLED, {"terms_days": None}, "there are no payment terms"),
        (replace(SETTLED, retainage_percent=D(5)), {}, "a part is retained, which only a supplier's invoice can show"),
        (replace(SETTLED, closed=True), {}, "the order line is closed"),
    ],
)  # fmt: skip
def test_what_cannot_be_settled_says_why(stands: LinePosition, changed: dict[str, Any], reason: str) -> None:
    assert list(unmet(stands=SETTLED, **KNOWN)) == []
    assert list(unmet(stands=stands, **KNOWN | changed)) == [reason]


@pytest.mark.parametrize("days", [1, 30])
def test_the_suppliers_terms_count_where_the_order_has_none(days: int) -> None:
    terms = {"supplier": replace(AGREES, payment_terms_days=days), "terms_days": None}
    assert list(unmet(stands=SETTLED, **KNOWN | terms)) == []


def test_a_consignment_needs_no_mark_and_is_not_billed_by_receipt() -> None:
    assert list(unmet(stands=position(kind="consignment"), **KNOWN | {"flagged": False})) == []
    assert len(list(unmet(stands=position(), **KNOWN | {"flagged": False}))) == 2
