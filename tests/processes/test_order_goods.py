"""What counts as received of an order: units, kinds of receipts, inspections, services, returns, closed lines."""

from datetime import UTC, date, datetime
from decimal import Decimal
from itertools import permutations
from typing import Any

import pytest
from msgspec.structs import replace
from tests.processes.company import (
    ORDER,
    ORDER_SUBJECT,
    SUPPLIER_ID,
    bill,
    eur,
    receipt,
    receive,
    refold,
    states_of,
    story,
)
from tests.processes.story import Story

from tieout.matching.orders import ReceiptPosition
from tieout.model.documents import (
    InvoiceKind,
    OrderChange,
    OrderCharge,
    OrderLine,
    PurchaseOrder,
    ReceiptLine,
    UnitFactor,
)
from tieout.model.effects import RecordReceipt
from tieout.model.facts import (
    CreditDue,
    GoodsReceived,
    MatchFailed,
    OrderChanged,
    OrderLineClosed,
    OrderLineReopened,
    OrderPlaced,
)
from tieout.policy.duties import PERSON

BOX = UnitFactor(unit="BX", factor=Decimal(12))


def ordered(**changes: Any) -> PurchaseOrder:
    """The order with its only line varied."""
    return replace(ORDER, lines=(replace(ORDER.lines[0], **changes),))


def company(**changes: Any) -> Story:
    told = story(order=False, received="0")
    told.tell(OrderPlaced(order=ordered(**changes)), entity="de")
    return told


def came(quantity: str = "10", receipt_id: str = "GR-1", on: date = date(2026, 5, 2), **changes: Any) -> GoodsReceived:
    line = ReceiptLine(
        order_line_id="1", quantity=Decimal(quantity), unit=changes.pop("unit", ""), amount=changes.pop("amount", None)
    )
    return GoodsReceived(receipt=replace(receipt(receipt_id=receipt_id, on=on), lines=(line,), **changes))


def line(told: Story) -> Any:
    return told.state("order", ORDER_SUBJECT).position.lines["1"]


def status(told: Story, invoice_id: str) -> str:
    return str(told.state("invoice", invoice_id).status)


def say(told: Story, fact: Any, actor: str = PERSON + "paula") -> None:
    told.tell(fact, entity="de", actor=actor)


# ── what matching sees ─────────────────────────────────────────────────────────────────────────────────────────────


def test_matching_sees_every_condition_of_the_line_and_of_the_order() -> None:
    conditions = OrderLine(
        line_id="1",
        item="bolt",
        quantity=Decimal(1000),
        unit="EA",
        unit_price=Decimal(5),
        description="bolts M8",
        tax_rate=Decimal(19),
        price_per=Decimal(100),
        units=(BOX,),
        kind="blanket",
        limit=eur("500.00"),
        valid_from=date(2026, 1, 1),
        valid_until=date(2026, 12, 31),
        acceptance_required=True,
        matched_to="receipt",
        estimated=True,
        tax_code="V19",
        settled_on_receipt=True,
        closed=True,
        retainage_percent=Decimal(10),
    )
    freight = OrderCharge(charge_id="F", kind="freight", amount=eur("20.00"))
    told = story(order=False, received="0")
    told.tell(
        OrderPlaced(order=replace(ORDER, lines=(conditions,), charges=(freight,), conversion_rate=Decimal("1.1")))
    )
    known = told.state("order", ORDER_SUBJECT).position
    assert (known.charges, known.conversion_rate) == ((freight,), Decimal("1.1"))
    seen = known.lines["1"]
    for name in (
        "unit",
        "unit_price",
        "price_per",
        "units",
        "kind",
        "valid_from",
        "valid_until",
        "item",
        "description",
    ):
        assert getattr(seen, name) == getattr(conditions, name), name
    assert (seen.limit_minor, seen.matched_to_receipt, seen.acceptance_required) == (50000, True, True)
    assert (seen.estimated, seen.settled_on_receipt, seen.closed, seen.retainage_percent) == (True, True, True, 10)
    assert seen.tax_rate == 19


def test_prices_are_for_their_price_unit() -> None:
    told = company(quantity=Decimal(1000), unit_price=Decimal("5.55"), price_per=Decimal(100))
    told.tell(came("333"))
    row = told.rows("order")[ORDER_SUBJECT]
    assert (row["ordered_minor"], row["received_minor"], row["unaccrued_minor"]) == (5550, 1848, 1848)


# ── units ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_receipt_in_boxes_counts_in_pieces_and_so_the_erp_records_it() -> None:
    told = company(quantity=Decimal(24), units=(BOX,))
    told.tell(came("2", unit="BX"))
    assert line(told).received == 24
    (asked,) = told.asked(RecordReceipt)
    assert isinstance(asked.payload, RecordReceipt)
    assert asked.payload.receipt.lines == (ReceiptLine(order_line_id="1", quantity=Decimal(24), unit="EA"),)


def test_an_unknown_unit_counts_nothing_until_the_order_knows_it() -> None:
    told = company(quantity=Decimal(24))
    told.tell(came("2", unit="BX"))
    invoice_id = receive(told, bill("24"))
    assert (line(told).received, told.asked(RecordReceipt), status(told, invoice_id)) == (0, [], "mismatched")
    assert told.cases()[f"receipt_mismatch {ORDER_SUBJECT}"] == "open"
    told.tell(came("2", unit="BX"), source="erp")  # told again: still once
    told.tell(OrderPlaced(order=ordered(quantity=Decimal(24), units=(BOX,))), entity="de")
    assert (line(told).received, line(told).billed, status(told, invoice_id)) == (24, 24, "matched")
    assert len(told.asked(RecordReceipt)) == 1
    assert told.cases()[f"receipt_mismatch {ORDER_SUBJECT}"] == "settled"
    assert refold(told) == states_of(told)


# ── kinds of receipts ──────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(("kind", "receipts", "received"), [
    pytest.param("goods", ["receipt", "delivery", "withdrawal"], 10, id="goods count when they come"),
    pytest.param("consignment", ["receipt", "delivery", "withdrawal"], 10, id="consignments when withdrawn"),
    pytest.param("drop_shipment", ["receipt", "delivery", "withdrawal"], 10, id="drop shipments when delivered"),
])  # fmt: skip
def test_one_kind_of_receipt_counts_for_each_kind_of_line(kind: str, receipts: list[str], received: int) -> None:
    told = company(kind=kind)
    for number, one in enumerate(receipts):
        told.tell(came("10", f"GR-{number}", kind=one))
    counted = {"goods": "receipt", "consignment": "withdrawal", "drop_shipment": "delivery"}[kind]
    assert line(told).received == received
    recorded = [one.payload.receipt.kind for one in told.asked(RecordReceipt)]  # type: ignore[attr-defined]
    assert recorded == [counted], "the ERP records what counts and nothing else"


def test_an_inspection_says_how_much_is_accepted() -> None:
    told = company(acceptance_required=True)
    told.tell(came("10"))
    told.tell(came("7", "IN-1", kind="inspection"))
    assert (line(told).received, line(told).accepted) == (10, 7)
    assert len(told.asked(RecordReceipt)) == 1


def test_a_service_is_accepted_by_its_amount_and_accrued_so() -> None:
    told = company(kind="service", limit=eur("500.00"), quantity=Decimal(1), unit_price=Decimal(500))
    told.tell(came("0", "SE-1", amount=eur("120.00")))
    told.tell(came("0.5", "SE-2", date(2026, 6, 2)))
    assert (line(told).received, line(told).received_minor) == (0, 37000)
    assert told.asked(RecordReceipt) == []
    standing = {period: amount for name, _, period, _, amount in told.standings() if name == "unaccrued"}
    assert standing == {"2026-05": "120.00 EUR", "2026-06": "370.00 EUR"}
    row = told.rows("order")[ORDER_SUBJECT]
    assert (row["ordered_minor"], row["received_minor"]) == (50000, 37000)


def test_what_came_with_each_receipt_is_kept_for_lines_that_are_billed_by_receipt() -> None:
    told = company(matched_to="receipt")
    told.tell(came("6"))
    told.tell(came("4", "GR-2"))
    told.tell(came("-1", "RT-1", kind="return", returns="GR-1"))
    came_on = date(2026, 5, 2)
    assert line(told).receipts == {
        "GR-1": ReceiptPosition(Decimal(5), received_on=came_on),
        "GR-2": ReceiptPosition(Decimal(4), received_on=came_on),
    }
    assert line(told).received == 9


def test_receipts_are_billed_oldest_first_in_whichever_order_we_hear_of_them() -> None:
    goods = (
        came("1", "GR-2", unit="BX"),  # of a unit that only the change of the order knows
        came("3", "GR-1", date(2026, 5, 3)),
        came("2", "GR-3"),
        came("4", "GR-0", date(2026, 6, 1)),
    )
    boxes = ordered(matched_to="receipt", quantity=Decimal(30), units=(BOX,))
    change = OrderChanged(change=OrderChange("CH-1", "PO-1", "de", SUPPLIER_ID, None, lines=boxes.lines))
    for papers in permutations((*goods, change)):
        told = company(matched_to="receipt", quantity=Decimal(30))
        for paper in papers:
            told.tell(paper)
        assert list(line(told).receipts) == ["GR-2", "GR-3", "GR-1", "GR-0"]
        invoice_id = receive(told, bill("16"))
        billed = [(one.receipt_id, one.quantity) for one in told.state("invoice", invoice_id).allocations]
        assert billed == [("GR-2", 12), ("GR-3", 2), ("GR-1", 2)]


# ── closed lines ───────────────────────────────────────────────────────────────────────────────────────────────────

CLOSE = OrderLineClosed(entity="de", order_id="PO-1", supplier_id=SUPPLIER_ID, line_id="1", reason="done")
REOPEN = OrderLineReopened(entity="de", order_id="PO-1", supplier_id=SUPPLIER_ID, line_id="1", reason="more came")


def test_only_a_person_opens_a_closed_line_again() -> None:
    told = company()
    say(told, CLOSE)
    assert line(told).closed
    told.tell(OrderPlaced(order=ordered(quantity=Decimal(12))), entity="de")
    assert (line(told).ordered, line(told).closed) == (12, True)
    say(told, REOPEN, "key:procurement")
    assert line(told).closed
    say(told, REOPEN)
    assert not line(told).closed


def test_what_waits_for_a_line_is_looked_at_again_when_it_is_reopened() -> None:
    told = company()
    say(told, CLOSE)
    invoice_id = receive(told, bill())
    failed = sum(isinstance(event.data, MatchFailed) for event in told.events)
    say(told, REOPEN)
    assert sum(isinstance(event.data, MatchFailed) for event in told.events) == failed + 1
    assert status(told, invoice_id) == "mismatched"  # for want of goods
    told.tell(came())
    assert status(told, invoice_id) == "matched"


def test_goods_that_come_after_an_order_was_cancelled_are_not_ordered() -> None:
    change = OrderChange(
        change_id="CH-1",
        order_id="PO-1",
        entity="de",
        supplier_id=SUPPLIER_ID,
        changed_on=date(2026, 5, 3),
        cancelled=True,
    )
    for facts in ([came("4"), OrderChanged(change=change)], [OrderChanged(change=change), came("4")]):
        told = company()
        for fact in (*facts, came("3", "GR-2", date(2026, 5, 9))):
            told.tell(fact)
        assert (line(told).ordered, line(told).received) == (4, 7)


# ── goods that go back ─────────────────────────────────────────────────────────────────────────────────────────────

CREDIT = f"credit/{ORDER_SUBJECT}/RT-1"
MISSING = f"missing_credit {ORDER_SUBJECT}"


def sent_back(told: Story, quantity: str = "-3") -> None:
    told.tell(came(quantity, "RT-1", date(2026, 5, 10), kind="return", returns="GR-1"))


def test_a_return_lowers_what_was_received_and_expects_a_credit_note() -> None:
    told = story()
    receive(told, bill())
    sent_back(told)
    assert (line(told).received, line(told).billed) == (7, 10)
    assert told.timers[CREDIT][2].due_at == datetime(2026, 5, 24, 6, tzinfo=UTC)
    assert told.timers[CREDIT][2].data == CreditDue(receipt_id="RT-1")
    told.fire(CREDIT)
    assert told.cases() == {MISSING: "open"}
    case = told.state(
        "case", next(event.subject for event in told.events if type(event.data).__name__ == "CaseOpened")
    ).case
    assert case.amount == eur("30.00")
    receive(told, bill("2", number="C-1", kind=InvoiceKind.CREDIT_NOTE))
    assert told.cases() == {MISSING: "open"}, "it covers only a part"
    receive(told, bill("1", number="C-2", kind=InvoiceKind.CREDIT_NOTE))
    assert told.cases() == {MISSING: "settled"}
    assert refold(told) == states_of(told)


def test_a_credit_note_in_time_makes_no_case() -> None:
    told = story()
    receive(told, bill())
    sent_back(told, "3")  # however it is signed
    receive(told, bill("3", number="C-1", kind=InvoiceKind.CREDIT_NOTE))
    told.fire(CREDIT)
    assert told.cases() == {}
    assert line(told).received == 7


def test_goods_that_come_instead_settle_it_too() -> None:
    told = story()
    receive(told, bill())
    sent_back(told)
    told.fire(CREDIT)
    told.tell(came("3", "GR-9", date(2026, 5, 26)))
    assert told.cases() == {MISSING: "settled"}


def test_what_was_sent_back_before_it_was_billed_needs_no_credit_and_cannot_be_billed() -> None:
    told = story()
    sent_back(told)
    invoice_id = receive(told, bill())
    told.fire(CREDIT)
    assert MISSING not in told.cases()
    assert status(told, invoice_id) == "mismatched"
