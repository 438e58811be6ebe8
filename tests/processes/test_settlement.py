"""Evaluated receipt settlement: we bill ourselves for what came, with numbers of the supplier's own series."""

from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from msgspec.structs import replace
from tests.processes.company import (
    ORDER,
    ORDER_SUBJECT,
    POLICY,
    PROCESSES,
    SUPPLIER,
    SUPPLIER_ID,
    bill,
    eur,
    post,
    posting,
    receipt,
    receive,
    refold,
    states_of,
)
from tests.processes.story import Story

from tieout.matching.orders import LinePosition
from tieout.matching.settlement import unmet
from tieout.model.documents import Invoice, InvoiceKind, PurchaseOrder, ReceiptLine
from tieout.model.effects import PostInvoice, SubmitInvoice
from tieout.model.facts import (
    GoodsReceived,
    InvoiceReceived,
    OrderPlaced,
    SettlementRequested,
    SupplierProposed,
    VarianceAccepted,
)
from tieout.processes import settlement

SETTLED = replace(SUPPLIER, settled_on_receipt=True, payment_terms_days=14)
FLAGGED: dict[str, Any] = {
    "settled_on_receipt": True,
    "matched_to": "receipt",
    "tax_code": "V19",
    "tax_rate": Decimal(19),
}


def ordered(order_id: str = "PO-1", **changes: Any) -> PurchaseOrder:
    line = replace(ORDER.lines[0], **(FLAGGED | changes))
    return replace(ORDER, order_id=order_id, lines=(line,))


def company(**changes: Any) -> Story:
    told = Story(POLICY, (*PROCESSES, settlement.PROCESS))
    told.tell(SupplierProposed(supplier=SETTLED))
    told.tell(OrderPlaced(order=ordered(**changes)), entity="de")
    return told


def came(quantity: str = "10", receipt_id: str = "GR-1", order_id: str = "PO-1", **changes: Any) -> GoodsReceived:
    line = ReceiptLine(order_line_id="1", quantity=Decimal(quantity))
    return GoodsReceived(receipt=replace(receipt(receipt_id=receipt_id), order_id=order_id, lines=(line,), **changes))


def written(told: Story) -> dict[str, Invoice]:
    """What we billed ourselves, by its id."""
    found = {event.subject: event.data for event in told.events if isinstance(event.data, InvoiceReceived)}
    return {key: data.invoice for key, data in found.items() if data.channel == settlement.CHANNEL}


def test_goods_that_come_are_billed_approved_and_posted_by_us() -> None:
    told = company()
    told.tell(came("4"), entity="de")
    ((invoice_id, invoice),) = written(told).items()
    assert (invoice.number, invoice.purpose, invoice.kind) == ("SB-de-000001", "self_billed", InvoiceKind.INVOICE)
    assert (invoice.net, invoice.tax, invoice.gross) == (eur("40.00"), eur("7.60"), eur("47.60"))
    assert (invoice.issued_on, invoice.due_on) == (date(2026, 5, 4), date(2026, 5, 18))
    (line,) = invoice.lines
    assert (line.quantity, line.receipt_id, line.order_id, line.order_line_id) == (4, "GR-1", "PO-1", "1")
    state = told.state("invoice", invoice_id)
    assert (state.status, state.approval, state.decided_by) == ("posting", "approved", "settlement on receipt")
    assert [intent.key for intent in told.asked(PostInvoice)] == [invoice_id]
    assert [intent.key for intent in told.asked(SubmitInvoice)] == [invoice_id]
    post(told, invoice_id, posting(invoice))
    assert told.state("invoice", invoice_id).status == "posted"
    assert told.cases() == {}
    assert refold(told) == states_of(told)


def test_numbers_run_on_without_gaps_over_all_orders_of_a_supplier_in_an_entity() -> None:
    told = company()
    told.tell(OrderPlaced(order=ordered("PO-2")), entity="de")
    for number, order_id in enumerate(("PO-1", "PO-2", "PO-1"), 1):
        told.tell(came("1", f"GR-{number}", order_id), entity="de")
        told.tell(came("1", f"GR-{number}", order_id), entity="de")
    assert [one.number for one in written(told).values()] == ["SB-de-000001", "SB-de-000002", "SB-de-000003"]


def test_goods_that_go_back_are_credited_by_us() -> None:
    told = company()
    told.tell(came("10"), entity="de")
    told.tell(came("-3", "RT-1", kind="return", returns="GR-1"), entity="de")
    first, second = written(told).values()
    assert (first.kind, second.kind) == (InvoiceKind.INVOICE, InvoiceKind.CREDIT_NOTE)
    assert (second.number, second.net, second.lines[0].quantity) == ("SB-de-000002", eur("30.00"), 3)
    line = told.state("order", ORDER_SUBJECT).position.lines["1"]
    assert (line.received, line.billed) == (7, 7)


def test_goods_that_go_back_are_not_credited_a_second_time_by_the_supplier() -> None:
    told = company()
    told.tell(came("10"), entity="de")
    told.tell(came("-3", "RT-1", kind="return", returns="GR-1"), entity="de")
    invoice_id = receive(told, bill("3", number="C-1", kind=InvoiceKind.CREDIT_NOTE))
    state = told.state("invoice", invoice_id)
    assert (state.status, state.flagged) == ("mismatched", ("self_billing_conflict",))
    assert "no credit note" in state.reason
    line = told.state("order", ORDER_SUBJECT).position.lines["1"]
    assert (line.received, line.billed) == (7, 7)


@pytest.mark.parametrize(("kind", "changes", "reason"), [
    ("goods", {"matched_to_receipt": False}, "the order line is not matched to its receipts"),
    ("goods", {"settled_on_receipt": False}, "a supplier's invoice was booked on the order line"),
    ("goods", {"retainage_percent": Decimal(5)}, "a part is retained, which only a supplier's invoice can show"),
    ("consignment", {"estimated": True}, "the price is only estimated"),
    ("consignment", {"closed": True}, "the order line is closed"),
])  # fmt: skip
def test_each_condition_stands_alone(kind: str, changes: dict[str, Any], reason: str) -> None:
    line = LinePosition(Decimal(10), "EA", Decimal(10), settled_on_receipt=True, matched_to_receipt=True)
    if kind == "consignment":
        line = LinePosition(Decimal(10), "EA", Decimal(10), kind="consignment")
    known: dict[str, Any] = {"flagged": kind == "goods", "tax_code": "V19", "terms_days": None}
    assert list(unmet(SETTLED, line, **known)) == []
    assert list(unmet(SETTLED, replace(line, **changes), **known)) == [reason]


@pytest.mark.parametrize("changes", [{"tax_code": ""}, {"estimated": True}, {"matched_to": "order"}], ids=str)
def test_what_misses_a_condition_is_settled_as_soon_as_the_order_has_it(changes: dict[str, Any]) -> None:
    told = company(**changes)
    told.tell(came("10"), entity="de")
    assert written(told) == {}
    if "matched_to" not in changes:
        told.tell(OrderPlaced(order=ordered()), entity="de")
        assert [one.net for one in written(told).values()] == [eur("100.00")]


def test_an_invoice_that_the_supplier_sends_first_takes_the_line_out_of_settlement() -> None:
    told = company()
    invoice_id = receive(told, bill())  # before the goods
    told.tell(VarianceAccepted(reason="agreed by telephone"), invoice_id, entity="de", actor="person:bea")
    told.tell(came("10"), entity="de")
    assert written(told) == {}
    assert told.state("order", ORDER_SUBJECT).by_hand == ("1",)
    told.tell(OrderPlaced(order=ordered(quantity=Decimal(20))), entity="de")
    told.tell(came("10", "GR-2"), entity="de")
    assert written(told) == {}, "the order does not bring it back"


def test_a_document_that_calls_itself_self_billed_is_not_ours() -> None:
    told = company()
    told.tell(came("10"), entity="de")
    (first,) = written(told)
    invoice_id = receive(told, bill(number="X-1", purpose="self_billed"))
    state = told.state("invoice", invoice_id)
    assert not state.ours
    assert (state.status, state.approval) == ("mismatched", "")
    assert told.state("invoice", first).ours


def test_a_consignment_is_settled_for_what_was_withdrawn_by_the_end_of_a_period() -> None:
    told = company(kind="consignment", settled_on_receipt=False, matched_to="order")
    told.tell(came("10"), entity="de")
    told.tell(came("4", "W-1", kind="withdrawal"), entity="de")
    told.tell(came("2", "W-2", kind="withdrawal", received_on=date(2026, 6, 3)), entity="de")
    assert written(told) == {}, "it is settled by the period, not at once"
    for through in (date(2026, 5, 31), date(2026, 5, 31), date(2026, 6, 30), date(2026, 5, 31)):
        told.tell(
            SettlementRequested(entity="de", order_id="PO-1", supplier_id=SUPPLIER_ID, through=through), entity="de"
        )
    assert [one.net for one in written(told).values()] == [eur("40.00"), eur("20.00")]
    assert told.state("order", ORDER_SUBJECT).position.lines["1"].billed == 6


def test_a_settlement_that_cannot_be_matched_yet_is_not_written_twice() -> None:
    told = company()
    told.tell(came("10"), entity="de")
    told.tell(came("2", "GR-2"), entity="de")  # above the order: it waits, with a case
    told.tell(came("1", "GR-3"), entity="de")
    assert [one.net for one in written(told).values()] == [eur("100.00"), eur("20.00"), eur("10.00")]
