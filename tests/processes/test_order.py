"""Orders, deliveries and accruals."""

from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from msgspec.structs import replace
from tests.processes.company import (
    ORDER,
    ORDER_SUBJECT,
    SUPPLIER,
    SUPPLIER_ID,
    approve,
    bill,
    eur,
    names,
    receipt,
    receive,
    story,
)
from tests.processes.story import Story

from tieout.kernel.problem import Code
from tieout.model.documents import (
    DespatchAdvice,
    DespatchLine,
    GoodsReceipt,
    JournalLine,
    OrderChange,
    OrderResponse,
    ResponseLine,
)
from tieout.model.effects import CreateOrder, PostInvoice, PostJournal, RecordReceipt, effect_id
from tieout.model.facts import (
    AccrualPosted,
    AccrualProposed,
    AccrualRequested,
    GoodsDespatched,
    GoodsReceived,
    OrderChanged,
    OrderPlaced,
    OrderResponded,
    Outcome,
    SupplierProposed,
)
from tieout.processes.order.state import first_day, last_day, next_period

MAY, JUNE, JULY = "2026-05", "2026-06", "2026-07"


def line(told: Story) -> Any:
    return told.state("order", ORDER_SUBJECT).position.lines["1"]


def request(told: Story, period: str = MAY) -> list[Any]:
    fact = AccrualRequested(entity="de", period=period, order_id="PO-1", supplier_id=SUPPLIER_ID)
    return told.tell(fact, entity="de")


def accrue(told: Story, period: str = MAY) -> AccrualProposed:
    """Propose an accrual and let the ERP take it and its reversal."""
    proposed = request(told, period)[0]
    assert isinstance(proposed, AccrualProposed)
    for journal in (proposed.journal, proposed.reversal):
        told.settle(
            PostJournal, journal.journal_id, Outcome(status="applied", reference=f"J-{journal.journal_id[-4:]}")
        )
    return proposed


def unaccrued(told: Story) -> dict[str, str]:
    return {period: amount for name, _, period, _, amount in told.standings() if name == "unaccrued"}


# ── orders and deliveries ──────────────────────────────────────────────────────────────────────────────────────────


def test_the_erp_gets_the_order_after_the_supplier_and_the_receipt_after_the_order() -> None:
    told = story(supplier=False)
    (order,), (delivery,) = told.asked(CreateOrder), told.asked(RecordReceipt)
    assert (order.key, order.payload) == (f"{ORDER_SUBJECT}/v1", CreateOrder(order=ORDER))
    assert order.after == effect_id("erp", "upsert_supplier", f"{SUPPLIER_ID}/v1")
    assert (delivery.key, delivery.payload) == (f"{ORDER_SUBJECT}/GR-1", RecordReceipt(receipt=receipt()))
    assert delivery.after == effect_id("erp", "create_order", f"{ORDER_SUBJECT}/v1")


def test_a_receipt_before_its_order_counts_when_the_order_comes() -> None:
    told = story(order=False)
    assert told.rows("order") == {}
    told.tell(OrderPlaced(order=ORDER))
    assert line(told).received == 10
    assert told.asked(RecordReceipt)[0].after == effect_id("erp", "create_order", f"{ORDER_SUBJECT}/v1")


def test_a_delivery_counts_once_however_many_systems_tell_of_it() -> None:
    told = story(received="4")
    told.tell(GoodsReceived(receipt=receipt("4")), source="erp")
    assert line(told).received == 4
    assert len(told.asked(RecordReceipt)) == 1


@pytest.mark.parametrize("late", ["receipt", "order", "supplier"])
def test_two_invoices_that_waited_for_the_same_goods_are_looked_at_one_after_the_other(late: str) -> None:
    told = story(supplier=late != "supplier", order=late != "order", received="0" if late == "receipt" else "10")
    first, second = receive(told, bill()), receive(told, bill(number="R-101", issued_on=date(2026, 5, 9)))
    what = {
        "receipt": GoodsReceived(receipt=receipt()),
        "order": OrderPlaced(order=ORDER),
        "supplier": SupplierProposed(supplier=SUPPLIER),
    }
    told.tell(what[late])
    assert [told.state("invoice", one).status for one in (first, second)] == ["matched", "mismatched"]
    assert line(told).billed == 10


def test_goods_sent_back_count_against_what_was_received() -> None:
    told = story()
    told.tell(GoodsReceived(receipt=receipt("-3", "RT-1")))
    assert line(told).received == 7


def test_a_changed_order_goes_to_the_erp_again_after_its_first_version() -> None:
    told = story()
    told.tell(OrderPlaced(order=ORDER))
    changed = replace(ORDER, lines=(replace(ORDER.lines[0], quantity=Decimal(12)),))
    told.tell(OrderPlaced(order=changed))
    assert [one.key[-2:] for one in told.asked(CreateOrder)] == ["v1", "v2"]
    assert told.asked(CreateOrder)[1].after == effect_id("erp", "create_order", f"{ORDER_SUBJECT}/v1")
    assert (line(told).ordered, line(told).received) == (12, 10)


def test_an_order_of_an_unknown_entity_goes_nowhere_and_says_so() -> None:
    told = story(order=False, received="0")
    told.tell(OrderPlaced(order=replace(ORDER, entity="xx")))
    ((case, status),) = told.cases().items()
    assert (case.split()[0], status) == ("order_mismatch", "open")
    assert told.asked(CreateOrder) == []


def test_what_another_supplier_says_about_an_order_number_leaves_the_order_alone() -> None:
    told = story()
    receive(told, bill(supplier_id="sup_other"))
    assert line(told).billed == 0
    assert told.state("order", ORDER_SUBJECT).waiting == ()


def test_the_row_shows_ordered_received_and_billed_values() -> None:
    told = story(received="6")
    receive(told, bill("4"))
    row = told.rows("order")[ORDER_SUBJECT]
    assert [row[f"{name}_minor"] for name in ("ordered", "received", "billed", "unaccrued")] == [
        10000,
        6000,
        4000,
        2000,
    ]


# ── accruals ───────────────────────────────────────────────────────────────────────────────────────────────────────


def test_received_not_invoiced_stands_at_the_end_of_its_period() -> None:
    told = story(received="6")
    told.tell(GoodsReceived(receipt=receipt("4", "GR-2", date(2026, 6, 1))))
    assert unaccrued(told) == {MAY: "60.00 EUR", JUNE: "100.00 EUR"}
    receive(told, bill("6"))
    assert unaccrued(told) == {JUNE: "40.00 EUR"}


def test_an_accrual_and_its_reversal_balance_and_the_reversal_waits() -> None:
    told = story()
    proposed = accrue(told)
    journal, reversal = proposed.journal, proposed.reversal
    assert journal.lines == (
        JournalLine(account="expense", amount=eur("100.00")),
        JournalLine(account="accrued_liabilities", amount=eur("-100.00")),
    )
    assert reversal.lines == tuple(replace(one, amount=-one.amount) for one in journal.lines)
    assert (journal.posted_on, reversal.posted_on) == (date(2026, 5, 31), date(2026, 6, 1))
    assert reversal.reverses == journal.journal_id
    first, second = told.asked(PostJournal)
    assert (first.after, second.after) == ("", effect_id("erp", "post_journal", journal.journal_id))
    posted = [event.data for event in told.events if isinstance(event.data, AccrualPosted)]
    assert [one.journal_id for one in posted] == [journal.journal_id, reversal.journal_id]


def test_it_stands_until_the_erp_holds_the_accrual_then_again_in_the_period_of_the_reversal() -> None:
    told = story()
    proposed = request(told)[0]
    assert unaccrued(told) == {MAY: "100.00 EUR"}
    told.settle(PostJournal, proposed.journal.journal_id, Outcome(status="applied", reference="J1"))
    assert unaccrued(told) == {JUNE: "100.00 EUR"}


def test_nothing_is_accrued_twice() -> None:
    told = story()
    request(told)
    assert request(told) == []  # while it is on its way
    proposed = told.state("order", ORDER_SUBJECT).accruing
    told.settle(PostJournal, proposed.journal_id, Outcome(status="applied", reference="J1"))
    assert request(told) == []  # when it is there
    assert len(told.asked(PostJournal)) == 2


def test_what_is_still_not_invoiced_is_accrued_again_in_the_next_period() -> None:
    told = story()
    first = accrue(told)
    second = accrue(told, JUNE)
    assert first.journal.journal_id != second.journal.journal_id
    assert second.journal.posted_on == date(2026, 6, 30)
    assert unaccrued(told) == {JULY: "100.00 EUR"}


def test_a_late_receipt_of_an_accrued_period_is_accrued_on_top() -> None:
    told = story(received="6")
    accrue(told)
    told.tell(GoodsReceived(receipt=receipt("4", "GR-2", date(2026, 5, 30))))
    assert unaccrued(told) == {MAY: "40.00 EUR", JUNE: "100.00 EUR"}
    assert accrue(told).journal.lines[0].amount == eur("40.00")
    assert unaccrued(told) == {JUNE: "100.00 EUR"}


def test_an_invoice_of_an_accrued_period_is_posted_on_the_day_of_the_reversal() -> None:
    told = story()
    accrue(told)
    approve(told, receive(told, bill()))
    (intent,) = told.asked(PostInvoice)
    assert intent.payload.post_on == date(2026, 6, 1)
    assert unaccrued(told) == {}
    assert {period for name, _, period, *_ in told.standings() if name == "unposted"} == {JUNE}


def test_an_invoice_of_the_next_period_leaves_the_cost_in_the_period_of_the_receipt() -> None:
    told = story()
    receive(told, bill(issued_on=date(2026, 6, 2), due_on=date(2026, 7, 2)))
    assert unaccrued(told) == {MAY: "100.00 EUR"}
    accrue(told)
    assert unaccrued(told) == {}


def test_partial_billing_is_accrued_for_the_rest() -> None:
    told = story()
    receive(told, bill("7"))
    assert accrue(told).journal.lines[0].amount == eur("30.00")


def test_a_refused_accrual_can_be_asked_for_again_under_a_new_key() -> None:
    told = story()
    first = request(told)[0]
    told.settle(PostJournal, first.journal.journal_id, Outcome(status="refused"))
    assert unaccrued(told) == {MAY: "100.00 EUR"}
    second = request(told)[0]
    assert second.journal.journal_id != first.journal.journal_id


def test_services_without_receipts_are_not_accrued_by_receipt() -> None:
    told = story(order=False)
    told.tell(OrderPlaced(order=replace(ORDER, lines=(replace(ORDER.lines[0], receipt_required=False),))))
    assert request(told) == []
    assert unaccrued(told) == {}


@pytest.mark.parametrize(("period", "first", "last", "following"), [
    ("2026-02", date(2026, 2, 1), date(2026, 2, 28), "2026-03"),
    ("2028-02", date(2028, 2, 1), date(2028, 2, 29), "2028-03"),
    ("2026-12", date(2026, 12, 1), date(2026, 12, 31), "2027-01"),
])  # fmt: skip
def test_periods_are_months(period: str, first: date, last: date, following: str) -> None:
    assert (first_day(period), last_day(period), next_period(period)) == (first, last, following)


def test_a_receipt_line_that_the_order_does_not_have_is_kept_and_counts_for_nothing() -> None:
    told = story(received="0")
    odd: GoodsReceipt = replace(receipt(), lines=(replace(receipt().lines[0], order_line_id="9"),))
    told.tell(GoodsReceived(receipt=odd))
    assert unaccrued(told) == {}
    assert told.state("order", ORDER_SUBJECT).uncounted == (odd,)
    assert told.asked(RecordReceipt) == []
    assert told.cases() == {f"receipt_mismatch {ORDER_SUBJECT}": "open"}
    told.tell(changed(lines=(replace(ORDER.lines[0], line_id="9"),)))
    assert told.state("order", ORDER_SUBJECT).received == {MAY: {"9": Decimal(10)}}
    assert [one.payload for one in told.asked(RecordReceipt)] == [RecordReceipt(receipt=odd)]
    assert told.cases() == {f"receipt_mismatch {ORDER_SUBJECT}": "settled"}


def test_an_unknown_order_is_named() -> None:
    told = story(order=False, received="0")
    invoice_id = receive(told, bill())
    (failed,) = [event.data for event in told.events if type(event.data).__name__ == "MatchFailed"]
    assert [problem.code for problem in failed.verdict.problems] == [Code.UNKNOWN_ORDER]
    assert names([failed]) == ["MatchFailed"]
    assert told.state("order", ORDER_SUBJECT).waiting == (invoice_id,)


# ── what suppliers answer and buyers change ─────────────────────────────────────────────────────────────────────────


def answered(status: str, *lines: ResponseLine, response_id: str = "OR-1") -> OrderResponded:
    response = OrderResponse(
        response_id=response_id,
        order_id="PO-1",
        entity="de",
        supplier_id=SUPPLIER_ID,
        responded_on=date(2026, 4, 21),
        status=status,
        lines=lines,
    )
    return OrderResponded(response=response)


def changed(**values: Any) -> OrderChanged:
    change = OrderChange(
        **{
            "change_id": "CH-1",
            "order_id": "PO-1",
            "entity": "de",
            "supplier_id": SUPPLIER_ID,
            "changed_on": date(2026, 5, 3),
            **values,
        }
    )
    return OrderChanged(change=change)


def test_an_order_that_is_taken_as_it_is_asks_for_nobody() -> None:
    told = story()
    told.tell(answered("accepted", ResponseLine(order_line_id="1", status="accepted")))
    assert told.cases() == {}


def test_another_offer_is_a_case_until_the_supplier_accepts() -> None:
    told = story()
    told.tell(answered("changed", ResponseLine(order_line_id="1", status="rejected", note="sold out")))
    assert told.cases() == {f"order_response {ORDER_SUBJECT}": "open"}
    told.tell(answered("accepted", response_id="OR-2"))
    assert told.cases() == {f"order_response {ORDER_SUBJECT}": "settled"}


def test_a_changed_order_is_matched_again_at_once_and_keeps_what_was_received() -> None:
    told = story(received="12")
    invoice_id = receive(told, bill("12"))
    assert told.state("invoice", invoice_id).status == "mismatched"
    told.tell(changed(lines=(replace(ORDER.lines[0], quantity=Decimal(12)),)))
    assert told.state("invoice", invoice_id).status != "mismatched"
    assert (line(told).ordered, line(told).received, line(told).billed) == (Decimal(12), Decimal(12), Decimal(12))


@pytest.mark.parametrize("change", [changed(deleted=("1",)), changed(cancelled=True)], ids=["line", "order"])
def test_what_is_cancelled_orders_no_more_than_was_received(change: OrderChanged) -> None:
    told = story(received="4")
    told.tell(change)
    told.tell(change)
    assert (line(told).ordered, line(told).received) == (Decimal(4), Decimal(4))


def test_a_despatch_advice_opens_no_capacity() -> None:
    told = story()
    before = line(told)
    advice = DespatchAdvice(
        despatch_id="DN-1",
        order_id="PO-1",
        entity="de",
        supplier_id=SUPPLIER_ID,
        despatched_on=date(2026, 5, 1),
        lines=(DespatchLine(order_line_id="1", quantity=Decimal(10)),),
    )
    told.tell(GoodsDespatched(advice=advice))
    assert line(told) == before
    assert told.state("order", ORDER_SUBJECT).announced == ("DN-1",)
