"""An order line that is changed to another unit: what was counted before stays right, whatever is told first."""

from decimal import Decimal
from itertools import permutations
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace
from tests.processes.company import (
    ORDER,
    ORDER_SUBJECT,
    SUPPLIER_ID,
    bill,
    receipt,
    receive,
    refold,
    states_of,
    story,
)
from tests.processes.story import Story

from tieout.kernel.money import priced
from tieout.matching.orders import LinePosition
from tieout.model.documents import Invoice, OrderChange, OrderLine, PurchaseOrder, ReceiptLine, UnitFactor
from tieout.model.effects import CreateOrder, RecordReceipt
from tieout.model.facts import GoodsReceived, InvoiceCancelled, OrderChanged, OrderPlaced
from tieout.policy.duties import PERSON
from tieout.processes.order.units import restated

LINE = ORDER.lines[0]
TWELVE, TWELFTH = Decimal(12), UnitFactor(unit="EA", factor=Decimal(1), per=Decimal(12))
BOXES = replace(LINE, quantity=Decimal(5), unit="BX", unit_price=Decimal(120), units=(TWELFTH,))
"""Sixty pieces at 10.00, said as five boxes of twelve."""
KILOGRAMS = replace(LINE, quantity=Decimal(40), unit="KGM", unit_price=Decimal(5))
CASE = f"receipt_mismatch {ORDER_SUBJECT}"


def placed(line: OrderLine) -> OrderPlaced:
    return OrderPlaced(order=order(line))


def order(line: OrderLine) -> PurchaseOrder:
    return replace(ORDER, lines=(line,))


def changed(line: OrderLine, change_id: str = "CH-1", **more: Any) -> OrderChanged:
    change = OrderChange(
        change_id=change_id, order_id="PO-1", entity="de", supplier_id=SUPPLIER_ID, changed_on=None, lines=(line,)
    )
    return OrderChanged(change=replace(change, **more))


def came(quantity: str, unit: str, receipt_id: str = "GR-1") -> GoodsReceived:
    line = ReceiptLine(order_line_id="1", quantity=Decimal(quantity), unit=unit)
    return GoodsReceived(receipt=replace(receipt(receipt_id=receipt_id), lines=(line,)))


def boxes(quantity: str, number: str = "R-1") -> Invoice:
    document = bill(quantity, "120", number)
    return replace(document, lines=tuple(replace(one, unit="BX") for one in document.lines))


def company(first: OrderLine = LINE, *facts: Any) -> Story:
    told = story(order=False, received="0")
    for fact in (placed(first), *facts):
        told.tell(fact, entity="de")
    return told


def line(told: Story) -> LinePosition:
    found: LinePosition = told.state("order", ORDER_SUBJECT).position.lines["1"]
    return found


@pytest.mark.parametrize("first", [LINE, replace(LINE, units=(UnitFactor(unit="BX", factor=TWELVE),))])
@pytest.mark.parametrize("change", [changed, lambda line: placed(line)])
def test_a_change_of_the_unit_keeps_what_was_counted(first: OrderLine, change: Any) -> None:
    later = BOXES if first is LINE else replace(BOXES, units=())
    for papers in permutations((came("10", "EA"), came("2", "BX", "GR-2"), bill("10"), boxes("2"), change(later))):
        told = company(first)
        invoices = []
        for paper in papers:
            if isinstance(paper, Invoice):
                invoices.append(receive(told, paper))
            else:
                told.tell(paper, entity="de")
        stands = line(told)
        assert (stands.unit, stands.ordered, stands.received, stands.billed) == ("EA", 60, 34, 34)
        assert (stands.unit_price, stands.price_per, stands.renamed_unit) == (120, 12, "BX")
        assert {told.state("invoice", one).status for one in invoices} == {"matched"}
        assert set(told.cases().values()) <= {"settled"}
        assert told.rows("order")[ORDER_SUBJECT]["ordered_minor"] == 60000
        assert refold(told) == states_of(told)


def test_what_was_billed_before_is_not_billed_when_the_invoice_is_cancelled() -> None:
    told = company(LINE, came("10", "EA"))
    invoice_id = receive(told, bill("10"))
    told.tell(changed(BOXES))
    told.tell(InvoiceCancelled(reason="sent by mistake"), invoice_id, entity="de", actor=PERSON + "bea")
    assert (line(told).received, line(told).billed, line(told).billed_minor) == (10, 0, 0)


def test_the_erp_keeps_counting_in_the_unit_it_knows() -> None:
    told = company(LINE, came("10", "EA"), placed(BOXES), came("2", "BX", "GR-2"))
    first, second = told.asked(CreateOrder)
    assert first.payload.order.lines[0].unit == second.payload.order.lines[0].unit == "EA"
    assert second.payload.order.lines[0].quantity == 60
    counted = [(one.quantity, one.unit) for asked in told.asked(RecordReceipt) for one in asked.payload.receipt.lines]
    assert counted == [(10, "EA"), (24, "EA")]


def test_a_unit_that_is_changed_before_anything_moved_is_simply_another() -> None:
    told = company(LINE, changed(KILOGRAMS), came("40", "KGM"))
    assert (line(told).unit, line(told).received, line(told).renamed_unit) == ("KGM", 40, "")
    assert told.cases() == {}


@pytest.mark.parametrize("goods_first", [True, False])
def test_a_change_that_nobody_converts_is_a_case_until_the_order_says_how(goods_first: bool) -> None:
    goods, change = came("10", "EA"), changed(KILOGRAMS)
    told = company(LINE, *((goods, change) if goods_first else (change, goods)))
    assert told.cases() == {CASE: "open"}
    assert (line(told).unit, line(told).received) == (("EA", 10) if goods_first else ("KGM", 0))
    two_kilograms = UnitFactor(unit="EA", factor=Decimal(2))
    told.tell(changed(replace(KILOGRAMS, units=(two_kilograms,)), "CH-2"))
    assert told.cases() == {CASE: "settled"}
    assert told.state("invoice", receive(told, bill("10"))).status == "matched"
    stands = line(told)
    worth = priced(stands.ordered, stands.unit_price, stands.price_per, "EUR")
    assert (stands.received, stands.billed, str(worth)) == (
        (10, 10, "200.00 EUR") if goods_first else (20, 20, "200.00 EUR")
    )
    assert refold(told) == states_of(told)


def test_what_is_refused_changes_nothing_and_says_so() -> None:
    told = company(LINE, came("10", "EA"))
    before, asked = line(told), len(told.asked(CreateOrder))
    told.tell(placed(replace(KILOGRAMS, tax_rate=Decimal(7), tax_code="V7")), entity="de")
    assert line(told) == before
    assert told.state("order", ORDER_SUBJECT).taxes["1"].code == ""
    assert len(told.asked(CreateOrder)) == asked
    (opened,) = [event.data.case for event in told.events if type(event.data).__name__ == "CaseOpened"]
    assert opened.reason == (
        "The unit of order PO-1 line 1 cannot be changed from EA to KGM: goods were counted in EA, and the order does "
        "not say exactly how the two convert. The line stays as it was."
    )
    told.tell(placed(replace(LINE, quantity=Decimal(11))), entity="de")
    assert (line(told).ordered, told.cases()) == (11, {CASE: "settled"})
    assert len(told.asked(CreateOrder)) == asked + 1


@pytest.mark.parametrize("more", [{"deleted": ("1",), "lines": ()}, {"cancelled": True, "lines": ()}])
def test_a_line_that_falls_away_needs_no_unit(more: Any) -> None:
    told = company(LINE, came("10", "EA"), changed(KILOGRAMS), changed(LINE, "CH-2", **more))
    assert told.cases() == {CASE: "settled"}


def test_a_receipt_without_a_unit_waits_once_the_unit_was_changed() -> None:
    told = company(LINE, came("10", ""), changed(BOXES), came("2", "", "GR-2"))
    assert line(told).received == 10
    assert told.cases() == {CASE: "open"}


def test_a_quantity_that_is_no_decimal_of_the_unit_is_refused() -> None:
    told = company(BOXES, came("2", "BX"), changed(replace(LINE, quantity=Decimal(31))))
    assert (line(told).unit, told.cases()) == ("BX", {CASE: "open"})
    told.tell(changed(replace(LINE, quantity=Decimal(30)), "CH-2"))
    assert (line(told).ordered, line(told).received, told.cases()) == (Decimal("2.5"), 2, {CASE: "settled"})


@given(
    st.integers(1, 500),
    st.decimals("0.01", "99", places=2),
    st.sampled_from([Decimal(1), Decimal(100)]),
    st.integers(1, 50),
    st.sampled_from([Decimal(1), Decimal(4), Decimal("2.5")]),
)
def test_a_line_in_another_unit_is_worth_the_same(
    quantity: int, price: Decimal, price_per: Decimal, factor: int, per: Decimal
) -> None:
    told = replace(LINE, unit="BX", quantity=Decimal(quantity), unit_price=price, price_per=price_per)
    before = LinePosition(Decimal(1), "EA", Decimal(1), units=(UnitFactor(unit="BX", factor=Decimal(factor), per=per),))
    counted = restated(told, before)
    assert counted is not None
    assert counted.quantity * per == quantity * factor
    assert priced(counted.quantity, counted.unit_price, counted.price_per, "EUR") == priced(
        told.quantity, price, price_per, "EUR"
    )
