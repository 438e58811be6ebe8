"""Evaluated receipt settlement: we bill ourselves for what came, with numbers of the supplier's own series."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
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
    AccrualRequested,
    CaseOpened,
    GoodsReceived,
    InvoiceReceived,
    OrderLineClosed,
    OrderPlaced,
    SelfBillDrafted,
    SettlementRequested,
    SupplierProposed,
    VarianceAccepted,
)
from tieout.policy.settling import SettlementRules, books_are_open
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


# ── by the calendar ────────────────────────────────────────────────────────────────────────────────────────────────

MONTHLY = SettlementRules()
CONSIGNED: dict[str, Any] = {"kind": "consignment", "settled_on_receipt": False, "matched_to": "order"}


def by_calendar(rules: SettlementRules = MONTHLY, **changes: Any) -> Story:
    settings = replace(POLICY.entities["de"], settlement=rules)
    told = Story(replace(POLICY, entities={"de": settings}), (*PROCESSES, settlement.PROCESS))
    told.tell(SupplierProposed(supplier=SETTLED))
    told.tell(OrderPlaced(order=ordered(quantity=Decimal(1000), **changes)), entity="de")
    return told


def withdraw(told: Story, quantity: str, on: date, number: int = 1) -> None:
    told.tell(came(quantity, f"W-{number}", kind="withdrawal", received_on=on), entity="de")


def ring(told: Story, at: datetime) -> None:
    """It is that moment, and whatever is due by then comes, the earliest first."""
    told.now = at
    for key in sorted((one for one in told.timers if one.startswith("settlement/")), key=lambda one: due(told, one)):
        if due(told, key) <= at:
            home, subject, timer = told.timers.pop(key)
            told.tell(timer.data, subject, home, actor="system:timer", source="timer", entity="de")


def due(told: Story, key: str) -> datetime:
    return told.timers[key][2].due_at


def drafted(told: Story) -> list[tuple[str, str, str, str]]:
    """What we billed ourselves for, when, on which day it is booked, and what is told about that."""
    found = [event for event in told.events if isinstance(event.data, SelfBillDrafted)]
    states = [told.state("invoice", invoice_id) for invoice_id in written(told)]
    return [
        (str(event.data.invoice.net), str(event.data.invoice.issued_on), str(state.post_on), event.data.note)
        for event, state in zip(found, states, strict=True)
    ]


def test_a_month_of_withdrawals_is_settled_on_the_first_business_day_after_it_and_counts_in_it() -> None:
    told = by_calendar(**CONSIGNED)
    withdraw(told, "4", date(2026, 5, 4), 1)
    withdraw(told, "3", date(2026, 5, 5), 2)
    withdraw(told, "2", date(2026, 6, 1), 3)
    ring(told, datetime(2026, 6, 1, 5, tzinfo=UTC))
    assert drafted(told) == [], "not before its hour"
    ring(told, datetime(2026, 6, 1, 6, tzinfo=UTC))
    assert drafted(told) == [("70.00 EUR", "2026-06-01", "2026-05-31", "")]
    assert told.standings() >= {("unaccrued", "de", "2026-06", ORDER_SUBJECT, "20.00 EUR")}
    assert not any(name == "unaccrued" and period == "2026-05" for name, _, period, _, _ in told.standings())
    ring(told, datetime(2026, 7, 1, 6, tzinfo=UTC))
    assert drafted(told)[1:] == [("20.00 EUR", "2026-07-01", "2026-06-30", "")]
    assert not any(key.startswith("settlement/") for key in told.timers), "nothing is left to wait for"
    assert refold(told) == states_of(told)


def test_what_is_settled_late_counts_in_the_period_that_is_open_and_says_so() -> None:
    told = by_calendar(**CONSIGNED)
    withdraw(told, "4", date(2026, 5, 4))
    ring(told, datetime(2026, 6, 8, 6, tzinfo=UTC))
    note = "2026-05 is closed, so it counts in 2026-06"
    assert drafted(told) == [("40.00 EUR", "2026-06-08", "2026-06-08", note)]


def test_a_run_that_comes_late_settles_every_month_that_is_over() -> None:
    told = by_calendar(SettlementRules(receipts="weekly"), **CONSIGNED)
    withdraw(told, "4", date(2026, 5, 4))
    ring(told, datetime(2026, 6, 3, 6, tzinfo=UTC))  # it should have been looked at on 11 May
    assert drafted(told) == [("40.00 EUR", "2026-06-03", "2026-05-31", "")]


def test_what_was_accrued_counts_where_the_accrual_is_reversed() -> None:
    told = by_calendar(**CONSIGNED)
    withdraw(told, "4", date(2026, 5, 4))
    request = AccrualRequested(entity="de", order_id="PO-1", supplier_id=SUPPLIER_ID, period="2026-05")
    told.now = datetime(2026, 6, 1, 5, tzinfo=UTC)
    told.tell(request, entity="de")  # on its way, and not yet in the ERP
    ring(told, datetime(2026, 6, 1, 6, tzinfo=UTC))
    note = "2026-05 is accrued, so it counts in 2026-06"
    assert drafted(told) == [("40.00 EUR", "2026-06-01", "2026-06-01", note)]


def test_what_waits_until_its_period_is_closed_is_booked_on_the_day_it_was_issued() -> None:
    told = by_calendar(**CONSIGNED)
    withdraw(told, "1001", date(2026, 5, 4))  # more than is ordered: it waits with a case
    ring(told, datetime(2026, 6, 1, 6, tzinfo=UTC))
    (invoice_id,) = written(told)
    assert told.state("invoice", invoice_id).status == "mismatched"
    told.now = datetime(2026, 6, 9, 6, tzinfo=UTC)
    told.tell(OrderPlaced(order=ordered(quantity=Decimal(2000), **CONSIGNED)), entity="de")
    state = told.state("invoice", invoice_id)
    assert (state.status, state.post_on) == ("posting", date(2026, 6, 1))


def test_receipts_can_be_gathered_for_a_week() -> None:
    told = by_calendar(SettlementRules(receipts="weekly"))
    for number, quantity in enumerate(("4", "3"), 1):
        told.tell(came(quantity, f"GR-{number}"), entity="de")
    assert written(told) == {}
    ring(told, datetime(2026, 5, 11, 6, tzinfo=UTC))
    assert drafted(told) == [("70.00 EUR", "2026-05-11", "2026-05-11", "")]


def test_receipts_of_a_month_count_in_it_unless_some_of_them_came_later() -> None:
    told = by_calendar(SettlementRules(receipts="month_end"))
    told.tell(came("4"), entity="de")
    ring(told, datetime(2026, 6, 1, 6, tzinfo=UTC))
    told.tell(came("3", "GR-2", received_on=date(2026, 6, 2)), entity="de")
    told.now = datetime(2026, 7, 1, 5, tzinfo=UTC)
    told.tell(came("2", "GR-3", received_on=date(2026, 7, 1)), entity="de")
    ring(told, datetime(2026, 7, 1, 6, tzinfo=UTC))
    assert drafted(told) == [
        ("40.00 EUR", "2026-06-01", "2026-05-31", ""),
        ("50.00 EUR", "2026-07-01", "2026-07-01", "not all of it came in 2026-06, so it counts in 2026-07"),
    ]


def test_withdrawals_can_be_settled_at_once() -> None:
    told = by_calendar(SettlementRules(consignments="at_once"), **CONSIGNED)
    withdraw(told, "4", date(2026, 5, 4))
    assert drafted(told) == [("40.00 EUR", "2026-05-04", "2026-05-04", "")]
    assert not told.timers


def test_by_hand_is_by_hand_and_follows_the_policy_when_that_changes() -> None:
    told = by_calendar(SettlementRules(consignments="by_hand"), **CONSIGNED)
    withdraw(told, "4", date(2026, 5, 4))
    ring(told, datetime(2026, 6, 1, 6, tzinfo=UTC))
    assert written(told) == {}
    told.policy = POLICY
    ring(told, datetime(2026, 7, 1, 6, tzinfo=UTC))
    assert drafted(told) == [("40.00 EUR", "2026-07-01", "2026-06-30", "")]


def test_a_supplier_that_agrees_later_is_settled_with_the_next_month() -> None:
    told = by_calendar(**CONSIGNED)
    told.tell(SupplierProposed(supplier=replace(SETTLED, settled_on_receipt=False)))
    withdraw(told, "4", date(2026, 5, 4))
    ring(told, datetime(2026, 6, 1, 6, tzinfo=UTC))
    assert written(told) == {}
    told.tell(SupplierProposed(supplier=SETTLED))
    ring(told, datetime(2026, 7, 1, 6, tzinfo=UTC))
    assert [one.net for one in written(told).values()] == [eur("40.00")]


UNSETTLED = f"unsettled_receipt {ORDER_SUBJECT}"


def test_what_is_owed_and_cannot_be_billed_is_a_case_until_it_can() -> None:
    told = by_calendar(**CONSIGNED)
    told.tell(SupplierProposed(supplier=replace(SETTLED, settled_on_receipt=False)))
    withdraw(told, "4", date(2026, 5, 4))
    assert UNSETTLED not in told.cases()
    ring(told, datetime(2026, 6, 1, 6, tzinfo=UTC))
    (opened,) = [event.data.case for event in told.events if isinstance(event.data, CaseOpened)]
    assert (told.cases()[UNSETTLED], opened.amount, opened.entity) == ("open", eur("40.00"), "de")
    assert opened.reason == (
        "Order PO-1: 4 EA of line 1 came until 2026-05-31, and we cannot bill ourselves: the supplier is not marked for"
        " settlement on receipt."
    )
    told.tell(SupplierProposed(supplier=SETTLED))
    ring(told, datetime(2026, 7, 1, 6, tzinfo=UTC))
    assert told.cases()[UNSETTLED] == "settled"
    assert [one.net for one in written(told).values()] == [eur("40.00")]
    assert refold(told) == states_of(told)


def test_a_line_that_is_not_to_be_billed_by_us_any_more_is_no_case() -> None:
    told = by_calendar(SettlementRules(receipts="month_end"), estimated=True)
    told.tell(came("4"), entity="de")
    ring(told, datetime(2026, 6, 1, 6, tzinfo=UTC))
    assert told.cases() == {UNSETTLED: "open"}
    told.tell(OrderPlaced(order=ordered(settled_on_receipt=False)), entity="de")
    assert told.cases() == {UNSETTLED: "settled"}


@pytest.mark.parametrize("rules", [SettlementRules(consignments="by_hand"), SettlementRules()])
def test_what_is_settled_by_hand_or_closed_is_no_case(rules: SettlementRules) -> None:
    told = by_calendar(rules, **CONSIGNED)
    told.tell(SupplierProposed(supplier=replace(SETTLED, settled_on_receipt=False)))
    withdraw(told, "4", date(2026, 5, 4))
    if rules == SettlementRules():
        ring(told, datetime(2026, 6, 1, 6, tzinfo=UTC))
        assert told.cases() == {UNSETTLED: "open"}
        close = OrderLineClosed(entity="de", order_id="PO-1", supplier_id=SUPPLIER_ID, line_id="1", reason="given up")
        told.tell(close, entity="de", actor="person:bea")
        assert told.cases() == {UNSETTLED: "settled"}
    ring(told, datetime(2026, 7, 1, 6, tzinfo=UTC))
    assert told.cases() == ({} if rules != SettlementRules() else {UNSETTLED: "settled"})


def test_what_stands_in_the_way_in_the_order_is_settled_with_the_run_after_it_has_gone() -> None:
    told = by_calendar(**CONSIGNED, estimated=True)
    withdraw(told, "4", date(2026, 5, 4))
    ring(told, datetime(2026, 6, 1, 6, tzinfo=UTC))
    assert (written(told), told.cases()) == ({}, {UNSETTLED: "open"})
    told.tell(OrderPlaced(order=ordered(**CONSIGNED)), entity="de")
    assert told.cases() == {UNSETTLED: "settled"}
    ring(told, datetime(2026, 7, 1, 6, tzinfo=UTC))
    assert [one.net for one in written(told).values()] == [eur("40.00")]


def test_a_line_that_the_supplier_bills_itself_is_looked_at_no_more() -> None:
    told = by_calendar()
    invoice_id = receive(told, bill())  # before the goods
    told.tell(VarianceAccepted(reason="agreed by telephone"), invoice_id, entity="de", actor="person:bea")
    told.tell(came("10"), entity="de")
    assert not any(key.startswith("settlement/") for key in told.timers)


def test_a_withdrawal_that_is_taken_back_is_credited_once() -> None:
    told = by_calendar(**CONSIGNED)
    withdraw(told, "6", date(2026, 5, 4), 1)
    ring(told, datetime(2026, 6, 1, 6, tzinfo=UTC))
    withdraw(told, "-2", date(2026, 6, 3), 2)
    for through in (date(2026, 5, 31), date(2026, 6, 30), date(2026, 5, 31)):
        ask(told, through)
    assert [(one.kind, one.net) for one in written(told).values()] == [
        (InvoiceKind.INVOICE, eur("60.00")),
        (InvoiceKind.CREDIT_NOTE, eur("20.00")),
    ]


def test_a_month_that_is_over_gets_nothing_of_what_was_taken_back_after_it() -> None:
    told = by_calendar(**CONSIGNED)
    withdraw(told, "6", date(2026, 5, 4), 1)
    ring(told, datetime(2026, 6, 1, 6, tzinfo=UTC))
    withdraw(told, "-2", date(2026, 6, 1), 2)
    told.now = datetime(2026, 6, 2, 6, tzinfo=UTC)
    ask(told, date(2026, 5, 31))
    assert len(written(told)) == 1, "in May all six were withdrawn"
    ring(told, datetime(2026, 7, 1, 6, tzinfo=UTC))
    assert drafted(told)[1:] == [("20.00 EUR", "2026-07-01", "2026-06-30", "")]


def test_receipts_that_went_back_after_the_month_are_credited_on_their_own_day() -> None:
    told = by_calendar(SettlementRules(receipts="month_end"))
    told.tell(came("4"), entity="de")
    ring(told, datetime(2026, 6, 1, 6, tzinfo=UTC))
    told.now = datetime(2026, 7, 1, 5, tzinfo=UTC)
    told.tell(came("-1", "RT-1", kind="return", returns="GR-1", received_on=date(2026, 7, 1)), entity="de")
    ask(told, date(2026, 6, 30))
    note = "not all of it came in 2026-06, so it counts in 2026-07"
    assert drafted(told)[1:] == [("10.00 EUR", "2026-07-01", "2026-07-01", note)]


def ask(told: Story, through: date) -> None:
    """A person asks for the settlement, as `tieout settle-receipts` does."""
    fact = SettlementRequested(entity="de", order_id="PO-1", supplier_id=SUPPLIER_ID, through=through)
    told.tell(fact, entity="de", actor="person:paula", source="person")


RHYTHMS = st.sampled_from(["at_once", "weekly", "month_end", "by_hand"])
STEPS = st.lists(
    st.tuples(
        st.sampled_from(["withdraw", "receive", "take back", "ask", "ring", "ring again", "nothing"]),
        st.integers(0, 25),  # days until then
        st.integers(1, 9),
        st.integers(-40, 40),  # days by which a document is older, or a request looks ahead
    ),
    max_size=12,
)


@given(RHYTHMS, RHYTHMS, STEPS)
@settings(max_examples=60, deadline=None)
def test_whichever_way_every_unit_is_settled_exactly_once(receipts: Any, consignments: Any, steps: list[Any]) -> None:
    lines = (
        replace(ORDER.lines[0], **FLAGGED, line_id="1", quantity=Decimal(1000)),
        replace(ORDER.lines[0], **(FLAGGED | CONSIGNED), line_id="2", quantity=Decimal(1000)),
    )
    rules = SettlementRules(receipts=receipts, consignments=consignments)
    told = by_calendar(rules)
    told.tell(OrderPlaced(order=replace(ORDER, lines=lines)), entity="de")
    rung: list[tuple[str, str, Any]] = []
    for number, (what, days, quantity, shift) in enumerate(steps):
        told.now += timedelta(days=days)
        day = told.now.date() - timedelta(days=abs(shift))
        kind, line_id, sign = {"receive": ("receipt", "1", 1), "take back": ("withdrawal", "2", -1)}.get(
            what, ("withdrawal", "2", 1)
        )
        match what:
            case "withdraw" | "receive" | "take back":
                moved = (ReceiptLine(order_line_id=line_id, quantity=Decimal(sign * quantity)),)
                arrived = replace(receipt(receipt_id=f"D-{number}", on=day), kind=kind, lines=moved)
                told.tell(GoodsReceived(receipt=arrived), entity="de")
            case "ask":
                ask(told, told.now.date() + timedelta(days=shift))
            case "ring":
                rung += [
                    one
                    for key, one in told.timers.items()
                    if key.startswith("settlement/") and one[2].due_at <= told.now
                ]
                ring(told, told.now)
            case "ring again":  # a worker that died after its commit never does; if it did, nothing is billed twice
                for home, subject, timer in rung:
                    told.tell(timer.data, subject, home, actor="system:timer", source="timer", entity="de")
        _check(told, everything=False)
    for _ in range(3):
        told.now += timedelta(days=40)
        ring(told, told.now)
    if "by_hand" in (receipts, consignments):
        ask(told, told.now.date() + timedelta(days=60))
    _check(told, everything=True)
    assert refold(told) == states_of(told)


def _check(told: Story, *, everything: bool) -> None:
    """Billed is never more than what came, in the end exactly what is still here, and nothing in a closed period."""
    came, most, billed = ({"1": Decimal(0), "2": Decimal(0)} for _ in range(3))
    for event in told.events:
        match event.data:
            case GoodsReceived(receipt=document):
                for moved in document.lines:
                    came[moved.order_line_id] += moved.quantity
                    most[moved.order_line_id] = max(most[moved.order_line_id], came[moved.order_line_id])
            case SelfBillDrafted(invoice=invoice, post_on=post_on):
                for line in invoice.lines:
                    billed[line.order_line_id] += invoice.sign * line.quantity
                assert all(billed[one] <= most[one] for one in billed)
                day, window = event.recorded_at.date(), told.policy.close_window_days
                assert books_are_open(post_on or invoice.issued_on, day, window)
    assert not everything or billed == came


def test_a_settlement_that_cannot_be_matched_yet_is_not_written_twice() -> None:
    told = company()
    told.tell(came("10"), entity="de")
    told.tell(came("2", "GR-2"), entity="de")  # above the order: it waits, with a case
    told.tell(came("1", "GR-3"), entity="de")
    assert [one.net for one in written(told).values()] == [eur("100.00"), eur("20.00"), eur("10.00")]
