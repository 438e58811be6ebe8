"""What somebody who has run MIRO or Payables for years would try: documents in the wrong order, and out of proportion."""

from datetime import date
from decimal import Decimal
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

from tieout.kernel.money import Money
from tieout.matching.orders import LinePosition
from tieout.model.documents import Invoice, InvoiceKind, InvoiceLine, OrderChange, OrderCharge, ReceiptLine, UnitFactor
from tieout.model.effects import PostJournal
from tieout.model.facts import (
    AccrualProposed,
    AccrualRequested,
    GoodsReceived,
    InvoiceCancelled,
    OrderChanged,
    OrderPlaced,
    Outcome,
    VarianceAccepted,
)

CREDIT = InvoiceKind.CREDIT_NOTE


def company(**changes: Any) -> Story:
    """The company with its order, the only line of which is varied; nothing has come yet."""
    told = story(order=False, received="0")
    told.tell(OrderPlaced(order=replace(ORDER, lines=(replace(ORDER.lines[0], **changes),))), entity="de")
    return told


def came(quantity: str, receipt_id: str = "GR-1", on: date = date(2026, 5, 2), **changes: Any) -> GoodsReceived:
    amount, unit = changes.pop("amount", None), changes.pop("unit", "")
    line = ReceiptLine(order_line_id="1", quantity=Decimal(quantity), unit=unit, amount=amount)
    return GoodsReceived(receipt=replace(receipt(receipt_id=receipt_id, on=on), lines=(line,), **changes))


def line(told: Story) -> LinePosition:
    found: LinePosition = told.state("order", ORDER_SUBJECT).position.lines["1"]
    return found


def status(told: Story, invoice_id: str) -> str:
    return str(told.state("invoice", invoice_id).status)


def beside(document: Invoice, kind: Any, amount: str) -> Invoice:
    """The document with one more line without tax, of this kind."""
    more = InvoiceLine(
        line_id="2",
        quantity=Decimal(1),
        unit="EA",
        unit_price=Decimal(amount),
        net=eur(amount),
        order_id="PO-1",
        order_line_id="1",
        kind=kind,
    )
    return replace(
        document, lines=(*document.lines, more), net=document.net + more.net, gross=document.gross + more.net
    )


def gone(on: date | None) -> OrderChanged:
    """The whole order falls away."""
    change = OrderChange(
        change_id="CH-1", order_id="PO-1", entity="de", supplier_id=SUPPLIER_ID, changed_on=on, cancelled=True
    )
    return OrderChanged(change=change)


def accrue(told: Story, period: str = "2026-05") -> list[AccrualProposed]:
    request = AccrualRequested(entity="de", period=period, order_id="PO-1", supplier_id=SUPPLIER_ID)
    return [fact for fact in told.tell(request, entity="de") if isinstance(fact, AccrualProposed)]


def settle(told: Story, proposed: AccrualProposed) -> None:
    """The ERP holds an accrual and its reversal."""
    for journal in (proposed.journal, proposed.reversal):
        told.settle(PostJournal, journal.journal_id, Outcome(status="applied", reference=journal.journal_id))


def unaccrued(told: Story) -> dict[str, str]:
    return {period: amount for name, _, period, _, amount in told.standings() if name == "unaccrued"}


def cancel(told: Story, invoice_id: str) -> None:
    told.tell(InvoiceCancelled(reason="sent by mistake"), invoice_id, entity="de", actor="person:bea")


# ── documents that come too early ──────────────────────────────────────────────────────────────────────────────────


def test_a_change_of_the_value_that_comes_before_its_invoice_is_matched_after_it() -> None:
    told = story()
    early = receive(told, bill("1", "20", number="C-1", kind=CREDIT, purpose="value_only"))
    assert status(told, early) == "mismatched"
    receive(told, bill())
    assert status(told, early) == "matched"
    assert (line(told).billed, line(told).billed_minor) == (10, 8000)
    assert refold(told) == states_of(told)


def test_a_credit_for_a_service_makes_room_for_the_invoice_that_waited() -> None:
    told = company(kind="service", limit=eur("100.00"), receipt_required=False)
    receive(told, bill("1", "90"))
    waits = receive(told, bill("1", "30", number="R-101"))
    assert status(told, waits) == "mismatched"
    receive(told, bill("1", "40", number="C-1", kind=CREDIT))
    assert status(told, waits) == "matched"
    assert line(told).billed_minor == 8000


def test_a_credit_note_that_is_cancelled_makes_room_for_the_one_that_waited() -> None:
    told = story()
    receive(told, bill())
    wrong = receive(told, bill("6", number="C-1", kind=CREDIT))
    waits = receive(told, bill("5", number="C-2", kind=CREDIT))
    assert (status(told, wrong), status(told, waits)) == ("matched", "mismatched")
    cancel(told, wrong)
    assert status(told, waits) == "matched"
    assert line(told).billed == 5


def test_what_waits_for_goods_and_for_an_agreement_is_told_when_the_goods_come() -> None:
    told = company(retainage_percent=Decimal(5))
    waits = receive(told, bill())
    assert told.cases() == {f"missing_receipt {waits}": "open", f"retainage {waits}": "open"}
    told.tell(came("10"))
    assert told.cases() == {f"missing_receipt {waits}": "settled", f"retainage {waits}": "open"}


# ── what is given back ─────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(("quantity", "price", "given", "least"), [
    pytest.param("2", "1", "2.00 EUR", "20.00 EUR", id="goods that go back are credited too low"),
    pytest.param("10", "1", "10.00 EUR", "100.00 EUR", id="a rebate that is written as if all goods went back"),
])  # fmt: skip
def test_what_is_given_back_is_given_back_at_its_price(quantity: str, price: str, given: str, least: str) -> None:
    told = story()
    receive(told, bill())
    short = receive(told, bill(quantity, price, number="C-1", kind=CREDIT))
    assert status(told, short) == "mismatched"
    assert line(told).billed == 10
    state = told.state("invoice", short)
    assert least in state.reason
    assert given in state.reason


# ── lines that are ordered by their amount ─────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("kind", ["service", "blanket"])
def test_a_cancelled_service_or_blanket_line_is_billed_no_further_than_it_was_accepted(kind: str) -> None:
    told = company(kind=kind, limit=eur("1000.00"))
    told.tell(came("0", "SE-1", amount=eur("300.00")))
    told.tell(gone(date(2026, 5, 3)))
    late = came("0", "SE-2", date(2026, 5, 3), amount=eur("50.00"))
    told.tell(late)
    assert line(told).limit_minor == 35000
    waits = receive(told, bill("1", "350.01"))
    assert status(told, waits) == "mismatched"
    assert status(told, receive(told, bill("1", "350", number="R-101"))) == "matched"


def test_a_cancelled_service_without_a_limit_is_billed_as_far_as_it_was_accepted() -> None:
    told = company(kind="service")
    told.tell(came("3"))
    told.tell(gone(date(2026, 5, 3)))
    assert status(told, receive(told, bill("4"))) == "mismatched"
    assert status(told, receive(told, bill("3", number="R-101"))) == "matched"


def test_what_is_billed_of_a_blanket_line_leaves_what_was_received() -> None:
    told = company(kind="blanket", limit=eur("1000.00"))
    told.tell(came("3"))
    assert told.rows("order")[ORDER_SUBJECT]["unaccrued_minor"] == 3000
    receive(told, bill("3"))
    row = told.rows("order")[ORDER_SUBJECT]
    assert [row[f"{name}_minor"] for name in ("ordered", "received", "billed", "unaccrued")] == [100000, 3000, 3000, 0]
    assert {one for one in told.standings() if one[0] == "unaccrued"} == set()


@pytest.mark.parametrize("kind", ["service", "blanket"])
def test_a_service_has_changes_of_its_value_too(kind: str) -> None:
    told = company(kind=kind, limit=eur("100.00"), receipt_required=False)
    receive(told, bill("1", "90"))
    credit = receive(told, bill("1", "20", number="C-1", kind=CREDIT, purpose="value_only"))
    debit = receive(told, bill("1", "30", number="D-1", purpose="value_only"))
    assert (status(told, credit), status(told, debit)) == ("matched", "matched")
    assert line(told).billed_minor == 10000
    assert status(told, receive(told, bill("1", "0.01", number="D-2", purpose="value_only"))) == "mismatched"


# ── goods that go back, and receipts that are taken back ───────────────────────────────────────────────────────────


@pytest.mark.parametrize("kind", ["return", "receipt"])
def test_goods_that_went_back_are_not_billed_by_the_receipt_they_came_with(kind: Any) -> None:
    told = company(matched_to="receipt")
    told.tell(came("6"))
    told.tell(came("4", "GR-2"))
    told.tell(came("-5", "RT-1", kind=kind))  # it does not say what they came with
    assert sum(one.received for one in line(told).receipts.values()) == line(told).received == 5
    assert status(told, receive(told, bill("6"))) == "mismatched"
    assert status(told, receive(told, bill("5", number="R-101"))) == "matched"
    assert {one.billed - one.received for one in line(told).receipts.values()} == {0}


def test_goods_that_went_back_first_lower_receipts_that_are_not_billed() -> None:
    told = company(matched_to="receipt")
    told.tell(came("4"))
    told.tell(came("6", "GR-2"))
    receive(told, replace(bill("6"), lines=(replace(bill("6").lines[0], receipt_id="GR-2"),)))
    told.tell(came("-5", "RT-1", kind="return"))
    assert {key: (one.received, one.billed) for key, one in line(told).receipts.items()} == {
        "GR-1": (0, 0),
        "GR-2": (5, 6),
    }


def test_what_went_back_before_anybody_told_what_came_is_not_billed() -> None:
    told = company(matched_to="receipt")
    told.tell(came("-5", "RT-1", kind="return"))
    told.tell(came("10"))
    assert status(told, receive(told, bill("6"))) == "mismatched"
    assert status(told, receive(told, bill("5", number="R-101"))) == "matched"


@pytest.mark.parametrize("named", ["GR-1", ""])
def test_what_was_accepted_before_its_receipt_is_not_billed_by_it_again(named: str) -> None:
    told = company(matched_to="receipt")
    early = receive(told, replace(bill("4"), lines=(replace(bill("4").lines[0], receipt_id=named),)))
    told.tell(VarianceAccepted(reason="urgent"), early, entity="de", actor="person:bea")
    told.tell(came("4"))
    assert status(told, receive(told, bill("3", number="R-101"))) == "mismatched"
    told.tell(came("3", "GR-2"))
    assert line(told).billed == 7


def test_a_receipt_that_is_taken_back_after_it_was_billed_is_asked_about() -> None:
    told = story()
    receive(told, bill())
    told.tell(came("-10", "GR-1/X", date(2026, 5, 10)))
    told.fire(f"credit/{ORDER_SUBJECT}/GR-1/X")
    assert told.cases() == {f"missing_credit {ORDER_SUBJECT}": "open"}
    told.tell(came("10", "GR-2", date(2026, 5, 26)))
    assert told.cases() == {f"missing_credit {ORDER_SUBJECT}": "settled"}


def test_a_receipt_that_is_entered_anew_is_no_case() -> None:
    told = story()
    receive(told, bill())
    told.tell(came("-10", "GR-1/X", date(2026, 5, 10)))
    told.tell(came("10", "GR-2", date(2026, 5, 10)))
    told.fire(f"credit/{ORDER_SUBJECT}/GR-1/X")
    assert told.cases() == {}


# ── units ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def in_unit(document: Invoice, unit: str) -> Invoice:
    return replace(document, lines=tuple(replace(one, unit=unit) for one in document.lines))


def test_goods_are_received_in_any_unit_that_can_be_billed() -> None:
    told = company(quantity=Decimal(24))
    told.tell(came("2", unit="DZN"))
    assert line(told).received == 24
    assert status(told, receive(told, in_unit(bill("2", "120"), "DZN"))) == "matched"
    assert line(told).billed == 24


def test_pieces_of_a_dozen_are_received_when_they_are_a_decimal() -> None:
    told = company(quantity=Decimal(2), unit="DZN")
    told.tell(came("18", unit="EA"))
    assert line(told).received == Decimal("1.5")
    told.tell(came("1", "GR-2", unit="EA"))
    assert told.cases() == {f"receipt_mismatch {ORDER_SUBJECT}": "open"}
    assert line(told).received == Decimal("1.5")


def test_what_was_billed_by_the_piece_is_credited_by_the_dozen() -> None:
    told = company(quantity=Decimal(1), unit="DZN", unit_price=Decimal(120))
    told.tell(came("1"))
    for pieces in ("1", "4", "7"):
        assert status(told, receive(told, in_unit(bill(pieces, number=f"R-{pieces}"), "EA"))) == "matched"
    assert line(told).billed == 1
    assert status(told, receive(told, in_unit(bill("1", "120", number="C-1", kind=CREDIT), "DZN"))) == "matched"
    assert line(told).billed == 0


def test_pieces_are_billed_on_an_order_for_boxes() -> None:
    told = company(
        quantity=Decimal(2),
        unit="BX",
        unit_price=Decimal(12),
        units=(UnitFactor(unit="EA", factor=Decimal(1), per=Decimal(12)),),
    )
    told.tell(came("24", unit="EA"))
    assert line(told).received == 2
    assert status(told, receive(told, in_unit(bill("7", "1.001"), "EA"))) == "mismatched"
    assert status(told, receive(told, in_unit(bill("7", "1", number="R-101"), "EA"))) == "matched"
    assert status(told, receive(told, in_unit(bill("18", "1", number="R-102"), "EA"))) == "mismatched"
    assert status(told, receive(told, in_unit(bill("17", "1", number="R-103"), "EA"))) == "matched"
    assert line(told).billed == 2


@pytest.mark.parametrize("factor", [{"factor": Decimal(0)}, {"factor": Decimal(12), "per": Decimal(-1)}])
def test_a_factor_of_nothing_converts_nothing(factor: Any) -> None:
    told = company(units=(UnitFactor(unit="BX", **factor),))
    told.tell(came("10"))
    assert "unit" in told.state("invoice", receive(told, in_unit(bill("1"), "BX"))).reason


# ── periods ────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_an_invoice_that_comes_while_its_accrual_is_on_the_way_is_not_an_expense_of_that_period_twice() -> None:
    told = story()
    (proposed,) = accrue(told)
    invoice_id = receive(told, bill())
    assert told.state("invoice", invoice_id).post_on == date(2026, 6, 1)
    settle(told, proposed)
    assert unaccrued(told) == {}


def test_an_invoice_that_comes_while_an_accrual_is_refused_stands_until_it_is_accrued() -> None:
    told = story()
    (proposed,) = accrue(told)
    receive(told, bill())
    told.settle(PostJournal, proposed.journal.journal_id, Outcome(status="refused"))
    assert unaccrued(told) == {"2026-05": "100.00 EUR"}
    (again,) = accrue(told)
    settle(told, again)
    assert unaccrued(told) == {}


def test_an_invoice_that_is_cancelled_after_the_accrual_leaves_its_goods_to_be_accrued() -> None:
    told = story()
    invoice_id = receive(told, bill("4"))
    settle(told, accrue(told)[0])
    assert unaccrued(told) == {"2026-06": "60.00 EUR"}
    cancel(told, invoice_id)
    assert unaccrued(told) == {"2026-05": "40.00 EUR", "2026-06": "100.00 EUR"}
    (more,) = accrue(told)
    assert more.journal.lines[0].amount == eur("40.00")
    settle(told, more)
    assert unaccrued(told) == {"2026-06": "100.00 EUR"}
    assert refold(told) == states_of(told)


def test_a_service_that_is_not_billed_after_all_is_accrued_too() -> None:
    told = company(kind="service", limit=eur("1000.00"))
    told.tell(came("0", "SE-1", amount=eur("300.00")))
    invoice_id = receive(told, bill("1", "100"))
    settle(told, accrue(told)[0])
    cancel(told, invoice_id)
    assert unaccrued(told) == {"2026-05": "100.00 EUR", "2026-06": "300.00 EUR"}


# ── what a person accepts ──────────────────────────────────────────────────────────────────────────────────────────


def test_goods_that_were_accepted_in_another_currency_are_not_billed_again() -> None:
    told = story()
    dollars = bill(currency="USD")
    (one,) = dollars.lines
    amounts = {name: Money(getattr(dollars, name).minor, "USD") for name in ("net", "tax", "gross")}
    dollars = replace(dollars, lines=(replace(one, net=amounts["net"]),), **amounts)
    invoice_id = receive(told, dollars)
    assert told.cases() == {f"currency {invoice_id}": "open"}
    told.tell(VarianceAccepted(reason="agreed"), invoice_id, entity="de", actor="person:bea")
    assert (line(told).billed, line(told).billed_minor) == (10, 0)
    assert status(told, receive(told, bill("9", number="R-101"))) == "mismatched"


# ── money in advance ───────────────────────────────────────────────────────────────────────────────────────────────


def test_prepayments_together_ask_for_no_more_than_the_order_is_worth() -> None:
    told = story(received="0")
    first = receive(told, bill("6", number="AN-1", purpose="prepayment"))
    second = receive(told, bill("5", number="AN-2", purpose="prepayment"))
    assert (status(told, first), status(told, second)) == ("matched", "mismatched")
    assert "at most 40.00 EUR" in told.state("invoice", second).reason
    assert (line(told).billed, line(told).billed_minor) == (0, 0)
    told.tell(OrderPlaced(order=replace(ORDER, payment_terms_days=10)), entity="de")
    assert status(told, second) == "mismatched"
    cancel(told, first)
    assert status(told, second) == "matched"
    assert refold(told) == states_of(told)


def test_a_prepayment_may_ask_for_the_agreed_charges_too() -> None:
    told = story(order=False, received="0")
    freight = OrderCharge(charge_id="F", kind="freight", amount=eur("20.00"))
    told.tell(OrderPlaced(order=replace(ORDER, charges=(freight,))), entity="de")
    assert status(told, receive(told, bill("1", "120.01", number="AN-1", purpose="prepayment"))) == "mismatched"
    assert status(told, receive(told, bill("1", "120", number="AN-2", purpose="prepayment"))) == "matched"


def test_a_prepayment_of_an_accrued_period_stays_in_it() -> None:
    told = story()
    settle(told, accrue(told)[0])
    invoice_id = receive(told, bill("6", number="AN-1", purpose="prepayment"))
    assert told.state("invoice", invoice_id).post_on == date(2026, 5, 3)
    assert unaccrued(told) == {"2026-06": "100.00 EUR"}
