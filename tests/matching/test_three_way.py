"""Matching over cumulative quantities: every check, its evidence, and what must hold whatever comes."""

from dataclasses import dataclass, field
from decimal import Decimal
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace
from tests.matching.paper import invoice

from tieout.kernel.money import EXACT, Money
from tieout.kernel.problem import Code, Problem
from tieout.matching.orders import LinePosition, OrderPosition
from tieout.matching.three_way import allocate, match
from tieout.model.documents import Invoice, InvoiceKind, InvoiceLine
from tieout.model.verdict import Allocation, Check, Verdict
from tieout.policy.tolerances import Limit, Tolerances

D = Decimal
EXACTLY = Tolerances()
TEN = LinePosition(D(10), "EA", D(10), True, D(10), D(0))


def order(position: LinePosition = TEN, **changes: str) -> OrderPosition:
    return replace(OrderPosition("PO-1", "sup_1", "EUR", {"1": position}), **changes)


def line(quantity: str = "10", price: str = "10", line_id: str = "1", **changes: str) -> InvoiceLine:
    net = Money.rounded(EXACT.multiply(D(quantity), D(price)), "EUR")
    whole = InvoiceLine(
        line_id=line_id,
        quantity=D(quantity),
        unit="EA",
        unit_price=D(price),
        net=net,
        order_id="PO-1",
        order_line_id="1",
    )
    return replace(whole, **changes)


def judge(document: Invoice, position: OrderPosition | None = None, tolerances: Tolerances = EXACTLY) -> Verdict:
    orders = {"PO-1": position or order()}
    return match(document, orders, tolerances, "v1")


def problems(
    *lines: InvoiceLine, position: LinePosition = TEN, tolerances: Tolerances = EXACTLY
) -> tuple[Problem, ...]:
    return judge(invoice(*lines), order(position), tolerances).problems


# ── what passes ────────────────────────────────────────────────────────────────────────────────────────────────────


def test_what_agrees_is_allocated() -> None:
    allocation = Allocation("PO-1", "1", D(10), Money(10000, "EUR"))
    assert judge(invoice(line())) == Verdict(
        True,
        (),
        (allocation,),
        "v1",
        dialect="generic",
        checks=(
            Check("price", "1", "order PO-1 line 1", D(10), D(10), "EUR/EA", True, D(10)),
            Check("quantity_ordered", "1", "order PO-1 line 1", D(10), D(10), "EA", True, D(10)),
            Check("quantity_received", "1", "order PO-1 line 1", D(10), D(10), "EA", True, D(10)),
        ),
    )


def test_less_than_agreed_passes() -> None:
    assert judge(invoice(line("3", "9.99"))).matched


def test_a_line_that_needs_no_receipt_is_matched_two_way() -> None:
    service = LinePosition(D(10), "HUR", D(10), receipt_required=False)
    assert judge(invoice(line(unit="HUR")), order(service)).matched


def test_two_lines_on_one_order_line_are_one_allocation() -> None:
    verdict = judge(invoice(line("4"), line("6", line_id="2")))
    assert verdict.allocations == (Allocation("PO-1", "1", D(10), Money(10000, "EUR")),)


# ── what fails, with its evidence ──────────────────────────────────────────────────────────────────────────────────


def test_every_failing_check_is_reported() -> None:
    assert problems(line("12", "11")) == (
        Problem(Code.PRICE_OVER_LIMIT, "1", "10 EUR/EA", "11 EUR/EA", "zero", "order PO-1 line 1", "10 EUR/EA or less"),
        Problem(Code.QUANTITY_OVER_ORDERED, "1", "10 EA", "12 EA", "zero", "order PO-1 line 1", "10 EA or less"),
        Problem(Code.QUANTITY_OVER_RECEIVED, "1", "10 EA", "12 EA", "zero", "order PO-1 line 1", "10 EA or less"),
    )


def test_partial_invoices_count_together() -> None:
    billed = replace(TEN, billed=D(8))
    found = problems(line("3"), position=billed)
    assert [problem.code for problem in found] == [Code.QUANTITY_OVER_ORDERED, Code.QUANTITY_OVER_RECEIVED]
    assert (found[0].expected, found[0].actual) == ("10 EA", "11 EA")
    assert found[0].detail == "order PO-1 line 1, 8 EA billed before"


def test_lines_of_one_invoice_count_together() -> None:
    (ordered, received) = problems(line("6"), line("6", line_id="2"))
    assert (ordered.where, received.actual) == ("1+2", "12 EA")


def test_a_hair_above_the_price_fails_at_zero() -> None:
    assert [p.code for p in problems(line("1", "10.0002"))] == [Code.PRICE_OVER_LIMIT]


def test_over_receipt_does_not_let_more_be_billed_than_was_ordered() -> None:
    over = replace(TEN, received=D(15))
    assert [p.code for p in problems(line("12"), position=over)] == [Code.QUANTITY_OVER_ORDERED]


def test_before_the_receipt_it_waits() -> None:
    verdict = judge(invoice(line()), order(replace(TEN, received=D(0))))
    assert (verdict.matched, verdict.waits_for_receipt) == (False, True)
    assert not judge(invoice(line("10", "11"))).waits_for_receipt


def test_limits_are_applied_check_by_check() -> None:
    loose = Tolerances(
        price=Limit(kind="value", percent=D(2), amount=D("0.10")),
        quantity_ordered=Limit(kind="value", percent=D(10)),
        quantity_received=Limit(kind="unlimited"),
        amount=Limit(kind="value", amount=D(5)),
    )
    assert problems(line("11", "10"), position=replace(TEN, ordered=D(20)), tolerances=loose) == ()
    found = problems(line("10", "10.20"), tolerances=loose)
    assert found == (
        Problem(
            Code.PRICE_OVER_LIMIT,
            "1",
            "10 EUR/EA",
            "10.20 EUR/EA",
            "2 % and 0.10 EUR/EA",
            "order PO-1 line 1",
            "10.10 EUR/EA or less",
        ),
    )


def test_the_amount_is_checked_without_tax_when_the_policy_says_so() -> None:
    tolerances = Tolerances(price=Limit(kind="off"), amount=Limit(kind="value", amount=D(5)))
    assert problems(line("10", "10.50"), tolerances=tolerances) == ()
    assert problems(line("10", "10.51"), tolerances=tolerances) == (
        Problem(
            Code.AMOUNT_OVER_LIMIT,
            "1",
            "100.00 EUR",
            "105.10 EUR",
            "5 EUR",
            "order PO-1 line 1",
            "105.00 EUR or less",
        ),
    )


@pytest.mark.parametrize(
    ("document", "problem"),
    [
        (invoice(line(order_id="PO-2")), Problem(Code.UNKNOWN_ORDER, "1", "an order of ours", "PO-2")),
        (invoice(line(order_line_id="9")), Problem(Code.UNKNOWN_ORDER_LINE, "1", "a line of order PO-1", "9")),
        (invoice(line(), line(line_id="2", order_id="")), Problem(Code.UNKNOWN_ORDER_LINE, "2", "an order line", "none", detail="other lines of the invoice do")),
        (invoice(line(), supplier_id="sup_2"), Problem(Code.WRONG_SUPPLIER, "1", "sup_1", "sup_2")),
        (invoice(line(), currency="USD"), Problem(Code.CURRENCY_MISMATCH, "1", "EUR", "USD")),
        (invoice(line(unit="BX")), Problem(Code.UNIT_MISMATCH, "1", "EA", "BX")),
    ],
)  # fmt: skip
def test_what_does_not_belong_together(document: Invoice, problem: Problem) -> None:
    verdict = judge(document)
    assert (verdict.matched, verdict.problems, verdict.allocations) == (False, (problem,), ())


def test_what_can_be_paired_can_be_allocated_when_a_person_accepts_the_rest() -> None:
    document = invoice(line("12"), line(line_id="2", order_line_id="9"))
    assert allocate(document, {"PO-1": order()}) == (Allocation("PO-1", "1", D(12), Money(12000, "EUR")),)


# ── credit notes ───────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_credit_note_gives_billed_quantity_back() -> None:
    verdict = judge(invoice(line("4"), kind=InvoiceKind.CREDIT_NOTE), order(replace(TEN, billed=D(10))))
    assert verdict.allocations == (Allocation("PO-1", "1", D(-4), Money(-4000, "EUR")),)


def test_a_credit_note_cannot_give_back_more_than_was_billed() -> None:
    verdict = judge(invoice(line("4"), kind=InvoiceKind.CREDIT_NOTE), order(replace(TEN, billed=D(3))))
    assert verdict.problems == (
        Problem(
            Code.CREDIT_OVER_BILLED, "1", "at most 3 EA", "4 EA", detail="order PO-1 line 1", passes="3 EA or less"
        ),
    )


def test_credit_that_was_accepted_above_what_was_billed_opens_no_room_above_what_was_received() -> None:
    over_credited = replace(TEN, ordered=D(100), billed=D(-5))
    assert [p.code for p in problems(line("12"), position=over_credited)] == [Code.QUANTITY_OVER_RECEIVED]


# ── what always holds ──────────────────────────────────────────────────────────────────────────────────────────────


@dataclass
class Book:
    """An order that takes deliveries and documents one after the other, as the order process does."""

    position: LinePosition = field(default_factory=lambda: replace(TEN, ordered=D(50), received=D(0)))

    def receive(self, quantity: Decimal) -> None:
        self.position = replace(self.position, received=self.position.received + quantity)

    def bill(self, quantity: Decimal, kind: InvoiceKind = InvoiceKind.INVOICE) -> bool:
        verdict = judge(invoice(line(str(quantity)), kind=kind), order(self.position))
        for allocation in verdict.allocations:
            self.position = replace(self.position, billed=self.position.billed + allocation.quantity)
        return verdict.matched


quantities = st.decimals("0.001", "20", places=3, allow_nan=False)
steps = st.lists(st.tuples(st.sampled_from(["receive", "bill", "credit"]), quantities), max_size=25)


@given(steps)
def test_one_received_unit_never_justifies_two_billed_units(steps: list[tuple[str, Decimal]]) -> None:
    book = Book()
    for what, quantity in steps:
        match what:
            case "receive":
                book.receive(quantity)
            case "bill":
                book.bill(quantity)
            case _:
                book.bill(quantity, InvoiceKind.CREDIT_NOTE)
        assert 0 <= book.position.billed <= min(book.position.received, book.position.ordered)


@given(st.lists(st.decimals("0.01", "9", places=2, allow_nan=False), min_size=1, max_size=8), st.data())
def test_partial_invoices_within_what_was_received_all_pass_in_any_order(
    parts: list[Decimal], data: st.DataObject
) -> None:
    whole = sum(parts, D(0))
    for arrangement in (parts, data.draw(st.permutations(parts))):
        book = Book(replace(TEN, ordered=whole, received=whole))
        assert [book.bill(part) for part in arrangement] == [True] * len(parts)
        assert book.position.billed == whole
        assert not book.bill(D("0.001"))


@given(st.lists(quantities, min_size=2, max_size=6))
def test_splitting_a_line_changes_nothing(parts: list[Decimal]) -> None:
    whole = sum(parts, D(0))
    lines = [line(str(part), line_id=str(number)) for number, part in enumerate(parts)]
    together, split = judge(invoice(line(str(whole)))), judge(invoice(*lines))
    assert together.matched == split.matched
    assert [a.quantity for a in together.allocations] == [a.quantity for a in split.allocations]


def test_more_tolerance_never_finds_more() -> None:
    document = invoice(line("12", "11"))
    limits = [
        Limit(kind="zero"),
        Limit(kind="value", percent=D(5)),
        Limit(kind="value", percent=D(20)),
        Limit(kind="off"),
    ]
    counts = [
        len(judge(document, tolerances=Tolerances(price=one, quantity_ordered=one, quantity_received=one)).problems)
        for one in limits
    ]
    assert all(more >= less for more, less in pairwise(counts))
    assert (counts[0], counts[-1]) == (3, 0)
