"""Invoices whose lines do not say which order line they bill: found, asked about, or looked for among open orders."""

from decimal import Decimal
from typing import Any

import pytest
from msgspec.structs import replace
from tests.processes.company import (
    ORDER,
    POLICY,
    PROCESSES,
    SUPPLIER,
    SUPPLIER_ID,
    approve,
    bill,
    names,
    receipt,
    receive,
    refold,
    states_of,
)
from tests.processes.story import Story

from tieout.kernel.problem import Code
from tieout.model.documents import GoodsReceipt, Invoice, OrderLine, PurchaseOrder, ReceiptLine
from tieout.model.effects import PostInvoice, SubmitInvoice, UpsertSupplier
from tieout.model.facts import (
    ApprovalDecided,
    GoodsReceived,
    InvoiceReceived,
    InvoiceValidated,
    LinesAssigned,
    MatchFailed,
    OrderPlaced,
    Outcome,
    RecheckRequested,
    SupplierProposed,
    VarianceAccepted,
)
from tieout.model.verdict import Allocation, AssignedLine, LineAssignment
from tieout.policy.matching import MatchingRules
from tieout.processes import open_orders
from tieout.processes.address import order_subject
from tieout.processes.open_orders import REMEMBERED_MAX

D = Decimal
ANNA = "person:anna"
SEARCHING = replace(POLICY, matching=MatchingRules(search_orders=True))
NOT_ASSIGNING = replace(POLICY, matching=MatchingRules(assign_lines=False))


def order_of(order_id: str = "PO-1", **prices: str) -> PurchaseOrder:
    """Ten bolts on each line, at these prices."""
    lines = tuple(
        OrderLine(line_id=line_id, item="bolt", quantity=D(10), unit="EA", unit_price=D(price))
        for line_id, price in prices.items()
    )
    return replace(ORDER, order_id=order_id, lines=lines)


def company(*orders: PurchaseOrder, policy: Any = POLICY) -> Story:
    """The supplier is known to both systems, and all that was ordered has come."""
    told = Story(policy, (*PROCESSES, open_orders.PROCESS))
    told.tell(SupplierProposed(supplier=SUPPLIER))
    for system in policy.supplier_systems:
        told.settle(UpsertSupplier, f"{SUPPLIER_ID}/v1", Outcome(status="applied", reference="S1"), system)
    for order in orders:
        told.tell(OrderPlaced(order=order), entity="de")
        lines = tuple(ReceiptLine(order_line_id=line.line_id, quantity=line.quantity) for line in order.lines)
        came = GoodsReceipt(
            receipt_id=f"GR-{order.order_id}",
            order_id=order.order_id,
            entity="de",
            supplier_id=SUPPLIER_ID,
            received_on=order.ordered_on,
            lines=lines,
        )
        told.tell(GoodsReceived(receipt=came), entity="de")
    return told


def nameless(price: str = "10", order_id: str = "PO-1", number: str = "R-100") -> Invoice:
    """An invoice for ten bolts that names no order line."""
    document = bill(price=price, number=number, order_id=order_id, order_line_id="")
    return replace(document, lines=tuple(replace(line, item="bolt") for line in document.lines))


def named(document: Invoice, order_line_id: str, order_id: str = "PO-1") -> Invoice:
    lines = tuple(replace(line, order_id=order_id, order_line_id=order_line_id) for line in document.lines)
    return replace(document, lines=lines)


def status(told: Story, invoice_id: str) -> str:
    return str(told.state("invoice", invoice_id).status)


def choose(told: Story, invoice_id: str, order_line_id: str, actor: str = ANNA) -> list[str]:
    fact = LinesAssigned(assignments=(LineAssignment("1", "PO-1", order_line_id),), reason="asked the warehouse")
    return names(told.tell(fact, invoice_id, entity="de", actor=actor))


# ── the order is named, its line is not ────────────────────────────────────────────────────────────────────────────


def test_the_line_that_fits_is_billed_and_the_erp_is_told_which() -> None:
    told = company(order_of(L1="10", L2="12"))
    invoice_id = receive(told, nameless())
    approve(told, invoice_id)
    verdict = next(event.data.verdict for event in told.events if names([event.data]) == ["InvoiceMatched"])
    (found,) = verdict.assigned
    assert isinstance(found, AssignedLine)
    assert (found.line_id, found.choice.order_line_id, found.choice.points, found.rule) == ("1", "L1", 100, "")
    assert verdict.allocations == (Allocation("PO-1", "L1", D(10), nameless().net),)
    (posted,) = told.asked(PostInvoice)
    assert posted.payload.invoice == named(nameless(), "L1")
    assert refold(told) == states_of(told)


def test_what_fits_two_lines_waits_for_a_person() -> None:
    told = company(order_of(L1="9", L2="11"))
    facts = told.tell(InvoiceReceived(invoice=nameless(), channel="email", system_id="7"), entity="de")
    failed = facts[2]
    assert isinstance(failed, MatchFailed)
    (problem,) = failed.verdict.problems
    assert (problem.code, problem.where) == (Code.AMBIGUOUS_ORDER_LINE, "1")
    (line,) = failed.verdict.ambiguous
    assert [str(one) for one in line.alternatives] == ["order PO-1 line L1", "order PO-1 line L2"]
    assert failed.waits_for == (order_subject("de", "PO-1", SUPPLIER_ID),)
    invoice_id = told.links["ap", "7"][1]
    assert told.cases() == {f"order_mismatch {invoice_id}": "open"}


def test_a_person_chooses_and_it_is_matched_at_once() -> None:
    told = company(order_of(L1="9", L2="11"))
    invoice_id = receive(told, nameless())
    assert "InvoiceMatched" in choose(told, invoice_id, "L2")
    assert told.cases() == {f"order_mismatch {invoice_id}": "settled"}
    assert told.state("invoice", invoice_id).invoice == named(nameless(), "L2")
    assert refold(told) == states_of(told)


def test_a_wrong_choice_fails_by_its_own_problem() -> None:
    told = company(order_of(L1="9", L2="11"))
    invoice_id = receive(told, nameless())
    assert "InvoiceMatched" not in choose(told, invoice_id, "L1")
    assert told.cases() == {f"order_mismatch {invoice_id}": "settled", f"price_variance {invoice_id}": "open"}
    assert "InvoiceMatched" in choose(told, invoice_id, "L2")


@pytest.mark.parametrize("actor", ["system", "system:ap"])
def test_a_machine_does_not_choose(actor: str) -> None:
    told = company(order_of(L1="9", L2="11"))
    invoice_id = receive(told, nameless())
    choose(told, invoice_id, "L2", actor)
    assert status(told, invoice_id) == "mismatched"


def test_a_choice_that_comes_too_late_changes_nothing() -> None:
    told = company(order_of(L1="10", L2="12"))
    invoice_id = receive(told, nameless())
    assert choose(told, invoice_id, "L2") == []
    assert told.state("invoice", invoice_id).invoice == named(nameless(), "L1")


def test_when_another_invoice_takes_one_of_two_lines_the_other_is_certain() -> None:
    told = company(order_of(L1="9", L2="11"))
    invoice_id = receive(told, nameless())
    receive(told, named(nameless("9", number="R-101"), "L1"))
    (billed,) = told.state("invoice", invoice_id).allocations
    assert (status(told, invoice_id), billed.order_line_id) == ("matched", "L2")


def test_accepting_the_variance_bills_nothing_of_what_is_not_certain() -> None:
    told = company(order_of(L1="9", L2="11"))
    invoice_id = receive(told, nameless())
    told.tell(VarianceAccepted(reason="small"), invoice_id, entity="de", actor=ANNA)
    state = told.state("invoice", invoice_id)
    assert (state.status, state.allocations, state.accepted_by) == ("matched", (), ANNA)


def test_policy_can_leave_lines_as_they_are() -> None:
    told = company(order_of(L1="10", L2="12"), policy=NOT_ASSIGNING)
    invoice_id = receive(told, nameless())
    assert status(told, invoice_id) == "mismatched"
    assert "unknown order line" in told.state("invoice", invoice_id).reason


# ── no order is named ──────────────────────────────────────────────────────────────────────────────────────────────


def test_without_an_order_it_goes_to_approval_unless_policy_has_orders_searched() -> None:
    told = company(order_of(L1="10"))
    invoice_id = receive(told, nameless(order_id=""))
    state = told.state("invoice", invoice_id)
    assert (state.status, state.clear, state.allocations) == ("valid", True, ())


def test_the_open_orders_of_the_supplier_are_searched() -> None:
    told = company(order_of("PO-1", L1="12"), order_of("PO-2", L1="10"), policy=SEARCHING)
    document = nameless(order_id="")
    facts = told.tell(InvoiceReceived(invoice=document, channel="email", system_id="7"), entity="de")
    assert facts[1] == InvoiceValidated(search=True)
    state = told.state("invoice", told.links["ap", "7"][1])
    assert (state.status, state.invoice) == ("matched", named(document, "L1", "PO-2"))
    assert told.state("order", order_subject("de", "PO-2", SUPPLIER_ID)).position.lines["L1"].billed == D(10)
    assert refold(told) == states_of(told)


@pytest.mark.parametrize(("everywhere", "entity", "status_then"), [
    (False, MatchingRules(search_orders=True), "matched"),
    (True, MatchingRules(search_orders=False), "valid"),
    (True, None, "matched"),
])  # fmt: skip
def test_an_entity_has_its_own_word_on_the_search(everywhere: bool, entity: Any, status_then: str) -> None:
    settings = replace(POLICY.entities["de"], matching=entity)
    policy = replace(POLICY, entities={"de": settings}, matching=MatchingRules(search_orders=everywhere))
    told = company(order_of(L1="10"), policy=policy)
    assert status(told, receive(told, nameless(order_id=""))) == status_then


def test_what_fits_orders_equally_is_asked_about_and_waits_for_all_of_them() -> None:
    told = company(order_of("PO-1", L1="9"), order_of("PO-2", L1="11"), policy=SEARCHING)
    document = nameless(order_id="")
    facts = told.tell(InvoiceReceived(invoice=document, channel="email", system_id="7"), entity="de")
    assert facts[2].waits_for == tuple(order_subject("de", one, SUPPLIER_ID) for one in ("PO-1", "PO-2"))
    invoice_id = told.links["ap", "7"][1]
    told.policy = POLICY  # under which nothing would be searched
    told.tell(RecheckRequested(reason="again"), invoice_id, entity="de")
    assert "ambiguous order line" in told.state("invoice", invoice_id).reason


def test_what_fits_no_order_goes_to_approval_as_it_did() -> None:
    told = company(order_of(L1="77"), policy=SEARCHING)
    document = replace(nameless(order_id=""), lines=(replace(bill().lines[0], order_id="", order_line_id=""),))
    facts = told.tell(InvoiceReceived(invoice=document, channel="email", system_id="7"), entity="de")
    assert facts[1] == InvoiceValidated(waits_for_orders=f"de/{SUPPLIER_ID}")
    assert told.state("invoice", told.links["ap", "7"][1]).status == "valid"


def waiting_for_its_order() -> tuple[Story, str]:
    """An invoice that names no order and came before the one it bills."""
    told = company(order_of("PO-1", L1="77"), policy=SEARCHING)
    document = replace(nameless(order_id=""), lines=(replace(bill().lines[0], order_id="", order_line_id=""),))
    told.tell(InvoiceReceived(invoice=document, channel="email", system_id="7"), entity="de")
    return told, told.links["ap", "7"][1]


def order_comes(told: Story, price: str = "10") -> None:
    told.tell(OrderPlaced(order=order_of("PO-2", L1=price)), entity="de", source="procurement")


def test_an_order_that_comes_later_is_found_too() -> None:
    told, invoice_id = waiting_for_its_order()
    assert (told.state("invoice", invoice_id).status, told.state("open_orders", f"de/{SUPPLIER_ID}").waiting) == (
        "valid",
        (invoice_id,),
    )
    order_comes(told)
    state = told.state("invoice", invoice_id)
    assert (state.status, state.searched) == ("mismatched", True)
    assert "quantity over received" in state.reason
    assert told.state("open_orders", f"de/{SUPPLIER_ID}").waiting == ()
    assert refold(told) == states_of(told)


def test_the_approvers_are_told_when_an_order_is_found_later() -> None:
    told, invoice_id = waiting_for_its_order()
    order_comes(told)
    lines = (ReceiptLine(order_line_id="L1", quantity=D(10)),)
    told.tell(GoodsReceived(receipt=replace(receipt(), order_id="PO-2", lines=lines)), entity="de")
    state = told.state("invoice", invoice_id)
    assert (state.status, state.approval) == ("matched", "")
    verdicts = [one.payload.verdict for one in told.asked(SubmitInvoice) if isinstance(one.payload, SubmitInvoice)]
    assert [verdict.matched for verdict in verdicts] == [False, True]


@pytest.mark.parametrize("approved", [True, False])
def test_what_is_decided_is_left_alone_when_an_order_comes(approved: bool) -> None:
    told, invoice_id = waiting_for_its_order()
    told.tell(ApprovalDecided(approved=approved, approver="cora"), invoice_id, entity="de")
    before = told.state("invoice", invoice_id)
    order_comes(told)
    assert told.state("invoice", invoice_id) == before


def test_an_order_that_does_not_fit_changes_nothing() -> None:
    told, invoice_id = waiting_for_its_order()
    before = told.state("invoice", invoice_id)
    order_comes(told, price="55")
    assert told.state("invoice", invoice_id) == before
    assert told.state("open_orders", f"de/{SUPPLIER_ID}").waiting == (invoice_id,)


def test_so_many_orders_are_remembered_the_latest() -> None:
    orders = [order_of(f"PO-{number}", L1="10") for number in range(REMEMBERED_MAX + 2)]
    told = company(*orders, orders[-1])
    known = told.state("open_orders", f"de/{SUPPLIER_ID}").orders
    assert known == tuple(f"PO-{number}" for number in range(2, REMEMBERED_MAX + 2))
