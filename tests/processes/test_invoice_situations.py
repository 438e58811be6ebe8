"""Every situation of matching as a story: what stops the invoice, which case it is, and which event lets it go."""

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
    SUPPLIER_ID,
    approve,
    bill,
    eur,
    post,
    posting,
    receipt,
    receive,
    refold,
    states_of,
    story,
)
from tests.processes.story import Story

from tieout.kernel.money import Money
from tieout.kernel.problem import Code
from tieout.model.documents import (
    Invoice,
    InvoiceKind,
    InvoiceLine,
    OrderCharge,
    PurchaseOrder,
    ReceiptLine,
    UnitFactor,
)
from tieout.model.facts import (
    CaseOpened,
    DuplicateCleared,
    Fact,
    GoodsReceived,
    InvoiceCancelled,
    InvoiceMatched,
    InvoicePaid,
    LiabilityReopened,
    OrderLineClosed,
    OrderLineReopened,
    OrderPlaced,
    VarianceAccepted,
)
from tieout.model.verdict import Allocation
from tieout.policy.duties import PERSON
from tieout.policy.tolerances import Limit, Tolerances
from tieout.processes import prepayment
from tieout.processes.invoice import payable

LINE = ORDER.lines[0]


def ordered(**changes: Any) -> PurchaseOrder:
    charges = changes.pop("charges", ())
    currency = changes.pop("currency", "EUR")
    return replace(ORDER, lines=(replace(LINE, **changes),), charges=charges, currency=currency)


def came(quantity: str = "10", receipt_id: str = "GR-1", **changes: Any) -> GoodsReceived:
    line = ReceiptLine(
        order_line_id="1", quantity=Decimal(quantity), unit=changes.pop("unit", ""), amount=changes.pop("amount", None)
    )
    return GoodsReceived(receipt=replace(receipt(receipt_id=receipt_id), lines=(line,), **changes))


def company(order: PurchaseOrder | None = None, *facts: Fact, tolerances: Tolerances | None = None) -> Story:
    policy = replace(POLICY, tolerances={"default": tolerances}) if tolerances else POLICY
    told = story(order=False, received="0", policy=policy)
    if order:
        told.tell(OrderPlaced(order=order), entity="de")
    for fact in facts:
        told.tell(fact, entity="de")
    return told


def with_lines(document: Invoice, *more: InvoiceLine) -> Invoice:
    """The document with further lines, its totals anew."""
    lines = (*document.lines, *more)
    net = sum((line.net for line in lines), eur("0.00"))
    tax = sum((Money.rounded(line.net.amount * line.tax_rate / 100, "EUR") for line in lines), eur("0.00"))
    return replace(document, lines=lines, net=net, tax=tax, gross=net + tax)


def extra(kind: Any, amount: str, **changes: Any) -> InvoiceLine:
    price = Decimal(amount)
    line = InvoiceLine(
        line_id="9", quantity=Decimal(1), unit="C62", unit_price=price, net=eur(amount), kind=kind, tax_rate=Decimal(19)
    )
    return replace(line, **changes)


def value_bill(amount: str, **changes: Any) -> Invoice:
    return bill("1", amount, **changes)


def status(told: Story, invoice_id: str) -> str:
    return str(told.state("invoice", invoice_id).status)


def line_of(told: Story, line_id: str = "1") -> Any:
    return told.state("order", ORDER_SUBJECT).position.lines[line_id]


FREIGHT = OrderCharge(charge_id="F", kind="freight", amount=eur("20.00"))
SERVICE: dict[str, Any] = {
    "kind": "service",
    "limit": eur("500.00"),
    "quantity": Decimal(1),
    "unit_price": Decimal(500),
}
BLANKET: dict[str, Any] = {"kind": "blanket", "limit": eur("100.00"), "receipt_required": False}
INSPECTED: dict[str, Any] = {"acceptance_required": True}
IN_BOXES = replace(LINE, quantity=Decimal(24), units=(UnitFactor(unit="BX", factor=Decimal(12)),))
CLOSED = OrderLineClosed(entity="de", order_id="PO-1", supplier_id=SUPPLIER_ID, line_id="1", reason="done")
REOPENED = OrderLineReopened(entity="de", order_id="PO-1", supplier_id=SUPPLIER_ID, line_id="1", reason="owed")


@pytest.mark.parametrize(("before", "document", "case", "then"), [
    pytest.param([], bill(), "no_order", [OrderPlaced(order=ORDER), came()], id="an order that comes late"),
    pytest.param([OrderPlaced(order=ORDER), came("6")], bill(), "missing_receipt", [came("4", "GR-2")],
                 id="a partial receipt"),
    pytest.param([OrderPlaced(order=ordered(**INSPECTED)), came()], bill(), "missing_acceptance",
                 [came("10", "IN-1", kind="inspection")], id="goods that are not inspected yet"),
    pytest.param([OrderPlaced(order=ordered(**SERVICE))], value_bill("120"), "missing_acceptance",
                 [came("0", "SE-1", amount=eur("120.00"))], id="a service that is not accepted yet"),
    pytest.param([OrderPlaced(order=ordered(kind="drop_shipment")), came()], bill(), "missing_receipt",
                 [came("10", "POD-1", kind="delivery")], id="a drop shipment without proof of delivery"),
    pytest.param([OrderPlaced(order=ordered(**BLANKET))], value_bill("120"), "quantity_variance",
                 [OrderPlaced(order=ordered(**(BLANKET | {"limit": eur("200.00")})))], id="a blanket order at its limit"),
    pytest.param([OrderPlaced(order=ordered()), came(), CLOSED], bill(), "closed_line", [REOPENED], id="a closed line"),
    pytest.param([OrderPlaced(order=ordered(currency="USD")), came()], bill(), "currency",
                 [OrderPlaced(order=ORDER)], id="another currency"),
    pytest.param([OrderPlaced(order=ordered()), came("24")], bill("2", "120", lines=(
                     replace(bill("2", "120").lines[0], unit="BX"),)), "order_mismatch",
                 [OrderPlaced(order=replace(ORDER, lines=(IN_BOXES,)))], id="a unit the order does not know"),
    pytest.param([OrderPlaced(order=ordered()), came()], with_lines(bill(), extra("freight", "20")), "freight",
                 [OrderPlaced(order=ordered(charges=(FREIGHT,)))], id="freight that was not agreed"),
    pytest.param([OrderPlaced(order=ordered(charges=(FREIGHT,))), came()], with_lines(bill(), extra("freight", "25")),
                 "freight", [OrderPlaced(order=ordered(charges=(replace(FREIGHT, amount=eur("25.00")),)))],
                 id="freight above what was agreed"),
    pytest.param([OrderPlaced(order=ordered()), came()], bill(price="11"), "price_variance",
                 [OrderPlaced(order=ordered(unit_price=Decimal(11)))], id="a price that was agreed later"),
    pytest.param([OrderPlaced(order=ordered(retainage_percent=Decimal(10))), came()], bill(), "retainage",
                 [OrderPlaced(order=ORDER)], id="retainage that the invoice does not show"),
])  # fmt: skip
def test_what_stops_it_is_a_case_until_an_event_mends_it(
    before: list[Fact], document: Invoice, case: str, then: list[Fact]
) -> None:
    told = company(None, *before)
    invoice_id = receive(told, document)
    assert status(told, invoice_id) == "mismatched"
    assert told.cases() == {f"{case} {invoice_id}": "open"}
    for fact in then:
        told.tell(fact, entity="de", actor="person:paula")
    assert status(told, invoice_id) == "matched"
    assert set(told.cases().values()) == {"settled"}
    assert refold(told) == states_of(told)


def test_several_receipts_for_one_invoice_and_several_invoices_for_one_receipt() -> None:
    told = company(ORDER, came("3"), came("3", "GR-2"))
    first, second, third = (receive(told, bill(one, number=f"R-{one}")) for one in ("5", "1", "4"))
    assert [status(told, one) for one in (first, second, third)] == ["matched", "matched", "mismatched"]
    told.tell(came("4", "GR-3"))
    assert status(told, third) == "matched"
    assert (line_of(told).received, line_of(told).billed) == (10, 10)


def test_a_document_that_is_cancelled_gives_its_goods_to_the_one_that_waits() -> None:
    told = company(ORDER, came())
    first, second = receive(told, bill()), receive(told, bill(number="R-2"))
    assert status(told, second) == "suspect"
    told.tell(DuplicateCleared(reason="a second delivery was agreed"), second, entity="de", actor="person:bea")
    assert status(told, second) == "mismatched"
    told.tell(InvoiceCancelled(reason="wrong addressee"), first, entity="de")
    assert status(told, second) == "matched"


def test_planned_freight_is_billed_once_over_all_invoices() -> None:
    told = company(ordered(charges=(FREIGHT,)), came())
    receive(told, with_lines(bill("5", number="R-1"), extra("freight", "12")))
    second = receive(told, with_lines(bill("5", number="R-2"), extra("freight", "9")))
    assert told.state("order", ORDER_SUBJECT).position.charged_minor == {"F": 1200}
    assert told.cases() == {f"freight {second}": "open"}
    told.tell(VarianceAccepted(reason="agreed"), second, entity="de", actor="person:bea")
    assert told.state("order", ORDER_SUBJECT).position.charged_minor == {"F": 2100}
    told.tell(InvoiceCancelled(reason="no"), second, entity="de")
    assert told.state("order", ORDER_SUBJECT).position.charged_minor == {"F": 1200}


def test_a_prepayment_needs_no_goods_and_bills_none() -> None:
    told = company(ORDER)
    document = bill(purpose="prepayment", number="AN-1")
    invoice_id = receive(told, document)
    approve(told, invoice_id)
    post(told, invoice_id, posting(document))
    due = payable(told.state("invoice", invoice_id))
    assert due is not None
    assert due.amount == document.gross
    assert line_of(told).billed == 0
    assert told.cases() == {}


def test_what_was_paid_in_advance_is_set_off_once_and_waited_for() -> None:
    told = company(ORDER, came())
    told.processes = (*PROCESSES, prepayment.PROCESS)
    advance = bill("5", purpose="prepayment", number="AN-1")
    advance_id = receive(told, advance)
    approve(told, advance_id)
    post(told, advance_id, posting(advance))
    final, another = bill(prepaid=advance.gross), bill("1", number="R-2", prepaid=eur("1.00"))
    invoice_id = receive(told, final)
    assert told.cases() == {f"partly_payable {invoice_id}": "open"}, "nothing was paid in advance yet"
    told.tell(InvoicePaid(payment_id="pay-1", booked_on=date(2026, 5, 20)), advance_id, entity="de")
    assert told.cases() == {f"partly_payable {invoice_id}": "settled"}
    assert status(told, invoice_id) == "matched"
    assert final.payable == eur("59.50")
    told.tell(GoodsReceived(receipt=receipt("1", "GR-9")), entity="de")
    other_id = receive(told, another)
    assert told.cases()[f"partly_payable {other_id}"] == "open", "it is set off already"
    told.tell(InvoiceCancelled(reason="wrong"), invoice_id, entity="de")
    assert told.cases()[f"partly_payable {other_id}"] == "settled"
    assert refold(told) == states_of(told)


def test_a_prepayment_that_came_back_is_not_set_off() -> None:
    told = company(ORDER, came())
    told.processes = (*PROCESSES, prepayment.PROCESS)
    advance = bill("5", purpose="prepayment", number="AN-1")
    advance_id = receive(told, advance)
    approve(told, advance_id)
    post(told, advance_id, posting(advance))
    told.tell(InvoicePaid(payment_id="pay-1", booked_on=date(2026, 5, 20)), advance_id, entity="de")
    told.tell(LiabilityReopened(payment_id="pay-1", reason="returned"), advance_id, entity="de")
    invoice_id = receive(told, bill(prepaid=advance.gross))
    assert told.cases() == {f"partly_payable {invoice_id}": "open"}


def paid_in_advance(*facts: Fact) -> tuple[Story, str]:
    """A company that has paid 59.50 in advance for the first five pieces of its order, and the id of that invoice."""
    told = company(ORDER, *facts)
    told.processes = (*PROCESSES, prepayment.PROCESS)
    advance = bill("5", purpose="prepayment", number="AN-1")
    advance_id = receive(told, advance)
    approve(told, advance_id)
    post(told, advance_id, posting(advance))
    told.tell(InvoicePaid(payment_id="pay-1", booked_on=date(2026, 5, 20)), advance_id, entity="de")
    return told, advance_id


def test_the_last_invoice_of_an_order_that_forgets_the_prepayment_waits() -> None:
    told, _ = paid_in_advance(came())
    first_id = receive(told, bill("5", number="R-1"))
    assert status(told, first_id) == "matched", "as much is left to bill as was paid in advance"
    last_id = receive(told, bill("5", number="R-2"))
    assert status(told, last_id) == "mismatched"
    assert payable(told.state("invoice", last_id)) is None
    assert told.cases() == {f"prepayment_open {last_id}": "open"}
    (case,) = [event.data.case for event in told.events if isinstance(event.data, CaseOpened)]
    assert case.reason == (
        "Invoice R-2 of Schrauben AG: prepayment open, at prepaid, expected 59.50 EUR taken off, got nothing: 59.50 EUR "
        "was paid in advance and is not set off; 0.00 EUR of order PO-1 is left to bill after this invoice"
    )
    assert refold(told) == states_of(told)


def test_a_forgotten_prepayment_is_settled_by_the_invoice_that_takes_it_off() -> None:
    told, _ = paid_in_advance(came())
    forgets_id = receive(told, bill(number="R-1"))
    assert told.cases() == {f"prepayment_open {forgets_id}": "open"}
    right_id = receive(told, bill(number="R-2", prepaid=eur("59.50")))
    told.tell(DuplicateCleared(reason="it replaces R-1"), right_id, entity="de", actor=PERSON + "bea")
    assert status(told, right_id) == "matched"
    cases = told.cases()
    assert cases.pop(f"suspected_duplicate {right_id}") == "settled"
    assert cases.pop(f"prepayment_open {forgets_id}") == "settled"
    assert cases == {f"quantity_variance {forgets_id}": "open", f"missing_receipt {forgets_id}": "open"}
    assert refold(told) == states_of(told)


def test_a_forgotten_prepayment_is_settled_when_its_payment_came_back() -> None:
    told, advance_id = paid_in_advance(came())
    invoice_id = receive(told, bill())
    told.tell(LiabilityReopened(payment_id="pay-1", reason="returned"), advance_id, entity="de")
    assert (status(told, invoice_id), told.cases()) == ("matched", {f"prepayment_open {invoice_id}": "settled"})


def test_a_person_accepts_that_a_prepayment_is_not_taken_off() -> None:
    told, _ = paid_in_advance(came())
    invoice_id = receive(told, bill())
    told.tell(VarianceAccepted(reason="it is for the spare parts"), invoice_id, entity="de", actor=PERSON + "bea")
    assert (status(told, invoice_id), told.cases()) == ("matched", {f"prepayment_open {invoice_id}": "settled"})
    (matched,) = [
        event.data for event in told.events if isinstance(event.data, InvoiceMatched) if event.data.accepted_by
    ]
    assert [problem.code for problem in matched.verdict.problems] == [Code.PREPAYMENT_OPEN]


def test_a_prepayment_for_another_order_is_nobodys_concern() -> None:
    told, _ = paid_in_advance(came())
    told.tell(OrderPlaced(order=replace(ORDER, order_id="PO-2")), entity="de")
    told.tell(GoodsReceived(receipt=replace(receipt(receipt_id="GR-7"), order_id="PO-2")), entity="de")
    assert status(told, receive(told, bill(order_id="PO-2"))) == "matched"


def test_a_change_of_value_bills_no_quantity() -> None:
    told = company(ORDER, came())
    receive(told, bill())
    document = bill("1", "5", number="C-1", kind=InvoiceKind.CREDIT_NOTE, purpose="value_only")
    assert status(told, receive(told, document)) == "matched"
    assert (line_of(told).billed, line_of(told).billed_minor) == (10, 9500)
    assert status(told, receive(told, bill("1", number="R-2"))) == "mismatched", "it opened no capacity"


def test_retainage_is_withheld_and_released_up_to_what_was_retained() -> None:
    told = company(ordered(retainage_percent=Decimal(10)), came())
    document = with_lines(bill(), extra("retainage", "-10", order_id="PO-1", order_line_id="1"))
    too_early = receive(told, bill("1", "10", number="RR-1", purpose="retainage_release"))
    assert told.cases() == {f"retainage {too_early}": "open"}
    invoice_id = receive(told, document)
    assert (document.payable, status(told, invoice_id)) == (eur("107.10"), "matched")
    assert status(told, too_early) == "matched", "looked at again when something was retained"
    assert line_of(told).retained_minor == 0
    assert (line_of(told).billed, line_of(told).billed_minor) == (10, 10000)
    late = receive(told, bill("1", "0.01", number="RR-2", purpose="retainage_release"))
    assert status(told, late) == "mismatched"


def test_an_invoice_for_what_we_settled_ourselves_is_a_conflict_until_a_person_says_so() -> None:
    order = ordered(settled_on_receipt=True, matched_to="receipt", tax_code="V19", tax_rate=Decimal(19))
    told = company(order, came())
    settled = Allocation("PO-1", "1", Decimal(4), eur("40.00"), "GR-1")
    verdict = replace(_any_verdict(), allocations=(settled,))
    told.tell(
        InvoiceMatched(verdict=verdict, orders=(ORDER_SUBJECT,), self_billed=True),
        "inv-ours",
        "supplier/" + SUPPLIER_ID,
    )
    invoice_id = receive(told, bill("6"))
    assert told.cases() == {f"self_billing_conflict {invoice_id}": "open"}
    told.tell(VarianceAccepted(reason="a claim of its own"), invoice_id, entity="de", actor="person:bea")
    assert status(told, invoice_id) == "matched"
    assert line_of(told).settled_on_receipt is False
    assert told.state("order", ORDER_SUBJECT).by_hand == ("1",)


def test_a_consignment_is_not_billed_by_the_supplier() -> None:
    told = company(ordered(kind="consignment"), came("10", kind="withdrawal"))
    invoice_id = receive(told, bill())
    assert told.cases() == {f"self_billing_conflict {invoice_id}": "open"}


def test_tax_is_a_question_of_its_own() -> None:
    told = company(ordered(tax_rate=Decimal(7)), came(), tolerances=Tolerances(tax=Limit()))
    invoice_id = receive(told, bill())
    assert told.cases() == {f"tax_variance {invoice_id}": "open"}


def _any_verdict() -> Any:
    told = company(ORDER, came())
    receive(told, bill())
    return next(event.data.verdict for event in told.events if isinstance(event.data, InvoiceMatched))


def test_lines_are_dated_by_the_order() -> None:
    window: dict[str, Any] = BLANKET | {"valid_from": date(2026, 6, 1), "valid_until": date(2026, 6, 30)}
    told = company(ordered(**window))
    invoice_id = receive(told, value_bill("50"))
    assert status(told, invoice_id) == "mismatched"
    told.tell(OrderPlaced(order=ordered(**(window | {"valid_from": date(2026, 5, 1)}))), entity="de")
    assert status(told, invoice_id) == "matched"
