"""An invoice that does not agree with its orders is posted on hold where the policy says so, and paid when released."""

from datetime import date
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from msgspec.structs import replace
from tests.processes.company import (
    ORDER,
    ORDER_SUBJECT,
    POLICY,
    approve,
    bill,
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
from tieout.matching.assignment import LineAssignment
from tieout.model.documents import InvoiceKind, OrderChange, ReceiptLine
from tieout.model.effects import PostInvoice, SubmitInvoice
from tieout.model.facts import (
    ApprovalDecided,
    CaseOpened,
    DuplicateCleared,
    GoodsReceived,
    HoldsCompared,
    InvoiceCancelled,
    InvoiceMatched,
    LinesAssigned,
    MatchFailed,
    MatchReleased,
    OrderChanged,
    OrderLineClosed,
    OrderPlaced,
    Outcome,
    VarianceAccepted,
)
from tieout.policy import dialect as dialects
from tieout.policy.dialect import Hold
from tieout.policy.policy import Policy
from tieout.policy.tolerances import Limit, Tolerances
from tieout.processes.invoice import obstacle, payable

ZERO = Limit(kind="zero")
ON_HOLD = Tolerances(
    dialect="oracle_fusion",
    price=ZERO,
    quantity_ordered=ZERO,
    quantity_received=ZERO,
    on_variance="post_on_hold",
)
HOLDING = replace(POLICY, tolerances={"default": ON_HOLD})
WAITING = replace(POLICY, tolerances={"default": replace(ON_HOLD, on_variance="wait")})
BEA = "person:bea"


def state(told: Story, invoice_id: str) -> Any:
    return told.state("invoice", invoice_id)


def status(told: Story, invoice_id: str) -> str:
    return str(state(told, invoice_id).status)


def billed(told: Story) -> Decimal:
    return told.state("order", ORDER_SUBJECT).position.lines["1"].billed


def came(told: Story, quantity: str, receipt_id: str = "GR-2") -> None:
    told.tell(GoodsReceived(receipt=receipt(quantity, receipt_id)), entity="de", source="warehouse")


def held(told: Story, *, quantity: str = "10", price: str = "10", number: str = "R-100") -> str:
    """An invoice that came before its goods and was approved and posted on hold."""
    document = bill(quantity, price, number)
    invoice_id = receive(told, document)
    approve(told, invoice_id)
    post(told, invoice_id, posting(document, f"2026/{number}"))
    return invoice_id


def last(told: Story, kind: type[Any], invoice_id: str) -> Any:
    return [event.data for event in told.events if isinstance(event.data, kind) and event.subject == invoice_id][-1]


# ── on its way ─────────────────────────────────────────────────────────────────────────────────────────────────────


def test_without_the_policy_it_waits_as_ever() -> None:
    told = story(received="0", policy=WAITING)
    invoice_id = receive(told, bill())
    approve(told, invoice_id)
    assert (status(told, invoice_id), billed(told), told.asked(PostInvoice)) == ("mismatched", 0, [])


def test_the_approvers_see_the_verdict_and_its_holds() -> None:
    told = story(received="0", policy=HOLDING)
    invoice_id = receive(told, bill(price="11"))
    (asked,) = told.asked(SubmitInvoice)
    assert isinstance(asked.payload, SubmitInvoice)
    verdict = asked.payload.verdict
    assert (verdict.matched, verdict.holds, asked.payload.hold) == (False, ("PRICE", "QTY REC"), ("PRICE", "QTY REC"))
    assert [problem.code for problem in verdict.problems] == [Code.PRICE_OVER_LIMIT, Code.QUANTITY_OVER_RECEIVED]
    assert status(told, invoice_id) == "held"
    assert state(told, invoice_id).reason.startswith("on hold: PRICE, QTY REC: price over limit, ")
    assert told.asked(PostInvoice) == [], "nothing goes to the ERP without an approval"


def test_it_is_posted_with_its_holds_and_says_so() -> None:
    told = story(received="0", policy=HOLDING)
    invoice_id = held(told)
    (asked,) = told.asked(PostInvoice)
    assert isinstance(asked.payload, PostInvoice)
    assert asked.payload.hold == ("QTY REC",)
    row = told.rows("invoice")[invoice_id]
    assert (row["status"], row["reason"], row["erp_number"]) == ("posted_on_hold", "on hold: QTY REC", "2026/R-100")
    assert payable(state(told, invoice_id)) is None
    assert obstacle(state(told, invoice_id)) == "R-100 is posted on hold: QTY REC"
    assert told.cases() == {f"missing_receipt {invoice_id}": "open"}
    assert billed(told) == 10


def test_it_is_owed_and_stands_as_on_hold_without_keeping_the_period_open() -> None:
    told = story(received="0", policy=HOLDING)
    invoice_id = receive(told, bill())
    assert told.standings() == {("unposted", "de", "2026-05", invoice_id, "119.00 EUR")}
    approve(told, invoice_id)
    post(told, invoice_id, posting(bill()))
    assert told.standings() == {
        ("payable", "de", "2026-05", invoice_id, "119.00 EUR"),
        ("on_hold", "de", "2026-05", invoice_id, "119.00 EUR"),
    }
    came(told, "10")
    assert told.standings() == {("payable", "de", "2026-05", invoice_id, "119.00 EUR")}, "nothing to accrue either"


def test_an_approval_that_came_first_is_remembered() -> None:
    told = story(order=False, received="0", policy=HOLDING)
    invoice_id = receive(told, bill())
    approve(told, invoice_id)
    assert status(told, invoice_id) == "mismatched", "an unknown order is no variance"
    told.tell(OrderPlaced(order=ORDER), entity="de")
    assert (status(told, invoice_id), state(told, invoice_id).hold) == ("posting", ("QTY REC",))
    assert last(told, MatchFailed, invoice_id).goes_on


def test_a_refused_approval_keeps_it_out_of_the_erp_and_it_can_be_cancelled() -> None:
    told = story(received="0", policy=HOLDING)
    invoice_id = receive(told, bill())
    approve(told, invoice_id, approved=False, reason="not ours")
    assert (status(told, invoice_id), billed(told)) == ("rejected", 10)
    told.tell(InvoiceCancelled(reason="not ours"), invoice_id, entity="de", actor=BEA)
    assert (status(told, invoice_id), billed(told), told.asked(PostInvoice)) == ("cancelled", 0, [])
    assert told.cases() == {f"missing_receipt {invoice_id}": "settled", f"rejected_approval {invoice_id}": "settled"}
    assert refold(told) == states_of(told)


def test_refused_first_and_approved_then_it_goes_on_on_hold() -> None:
    told = story(received="0", policy=HOLDING)
    invoice_id = receive(told, bill())
    approve(told, invoice_id, approved=False)
    approve(told, invoice_id, approver="cora")
    assert (status(told, invoice_id), state(told, invoice_id).hold) == ("posting", ("QTY REC",))


@pytest.mark.parametrize(("document", "found"), [
    pytest.param(bill(currency="USD"), Code.CURRENCY_MISMATCH, id="another currency is no variance"),
    pytest.param(bill(order_id="PO-9"), Code.UNKNOWN_ORDER, id="an order nobody knows"),
    pytest.param(bill(order_line_id="7"), Code.UNKNOWN_ORDER_LINE, id="a line nobody knows"),
    pytest.param(bill(prepaid=Money.of(Decimal(9), "EUR")), Code.PARTLY_PAYABLE, id="only a part is to be paid"),
    pytest.param(bill(kind=InvoiceKind.CREDIT_NOTE), Code.CREDIT_OVER_BILLED, id="a credit note asks for no money"),
])  # fmt: skip
def test_what_is_no_variance_of_an_invoice_waits(document: Any, found: Code) -> None:
    if document.currency == "USD":
        dollars = {name: Money(getattr(document, name).minor, "USD") for name in ("net", "tax", "gross")}
        lines = (replace(document.lines[0], net=dollars["net"]),)
        document = replace(document, lines=lines, **dollars)
    told = story(received="0", policy=HOLDING)
    invoice_id = receive(told, document)
    failed = last(told, MatchFailed, invoice_id)
    assert found in {problem.code for problem in failed.verdict.problems}
    assert (failed.on_hold, status(told, invoice_id), billed(told)) == ((), "mismatched", 0)


def test_a_closed_line_waits_unless_the_dialect_lists_its_hold(monkeypatch: pytest.MonkeyPatch) -> None:
    told = story(policy=HOLDING)
    told.tell(OrderLineClosed(order_id="PO-1", line_id="1", entity="de", supplier_id=ORDER.supplier_id, reason="done"),
              entity="de", actor=BEA)  # fmt: skip
    first = receive(told, bill("4", number="R-1"))
    assert status(told, first) == "mismatched"
    oracle = dialects.DIALECTS["oracle_fusion"]
    monkeypatch.setitem(dialects.DIALECTS, "oracle_fusion", replace(oracle, holds={"FINAL MATCHING": Hold()}))
    assert (status(told, second := receive(told, bill("3", number="R-2"))), state(told, second).hold) == (
        "held",
        ("FINAL MATCHING",),
    )


def test_a_hold_that_forbids_accounting_keeps_it_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    oracle = dialects.DIALECTS["oracle_fusion"]
    strict = replace(oracle, holds={"QTY REC": Hold(accounting_allowed=False)})
    monkeypatch.setitem(dialects.DIALECTS, "oracle_fusion", strict)
    told = story(received="0", policy=HOLDING)
    assert status(told, receive(told, bill())) == "mismatched"


def test_where_the_erp_has_no_names_the_checks_name_the_hold() -> None:
    policy = replace(POLICY, tolerances={"default": Tolerances(on_variance="post_on_hold")})
    told = story(received="0", policy=policy)
    assert state(told, receive(told, bill())).hold == ("quantity received",)


def test_one_that_looks_like_another_waits_for_a_person_and_then_goes_on_on_hold() -> None:
    told = story(received="0", policy=HOLDING)
    first = receive(told, bill("5", number="R-100"))
    second = receive(told, bill("5", number="R-100"), "ap-again")
    assert (status(told, first), status(told, second)) == ("held", "duplicate")
    told.tell(DuplicateCleared(reason="a second delivery"), second, entity="de", actor=BEA)
    assert (status(told, second), state(told, second).hold) == ("held", ("QTY REC",))


# ── nothing is billed twice ────────────────────────────────────────────────────────────────────────────────────────


def test_what_is_billed_on_hold_is_billed_by_no_other_invoice() -> None:
    told = story(policy=HOLDING)
    first = held(told, price="11")
    second = receive(told, bill(number="R-101"))
    assert (state(told, first).hold, state(told, second).hold) == (("PRICE",), ("QTY ORD", "QTY REC"))
    told.tell(VarianceAccepted(reason="the new price list"), first, entity="de", actor=BEA)
    assert (status(told, first), status(told, second)) == ("posted", "held")
    assert billed(told) == 20, "both are in the books, or on their way there"


def test_two_on_hold_do_not_hold_each_other() -> None:
    told = story(received="0", policy=HOLDING)
    first, second = held(told, quantity="6"), held(told, quantity="7", number="X-7")
    assert state(told, second).hold == ("QTY ORD", "QTY REC")
    came(told, "10")
    assert (status(told, first), status(told, second)) == ("posted", "posted_on_hold")
    assert payable(state(told, second)) is None, "the rest that is over-billed never lifts by itself"
    assert refold(told) == states_of(told)


def test_an_earlier_one_that_is_cancelled_makes_room() -> None:
    told = story(received="10", policy=HOLDING)
    first = receive(told, bill("6", "11"))
    second = held(told, quantity="6", number="R-101")
    assert state(told, second).hold == ("QTY ORD", "QTY REC")
    told.tell(InvoiceCancelled(reason="wrong price"), first, entity="de", actor=BEA)
    assert (status(told, second), billed(told)) == ("posted", 6)
    assert refold(told) == states_of(told)


# ── released ───────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_late_receipt_releases_it() -> None:
    told = story(received="4", policy=HOLDING)
    invoice_id = held(told)
    came(told, "5")
    assert status(told, invoice_id) == "posted_on_hold"
    came(told, "1", "GR-3")
    matched = last(told, InvoiceMatched, invoice_id)
    assert (matched.released, matched.accepted_by, matched.orders) == (("QTY REC",), "", (ORDER_SUBJECT,))
    assert (status(told, invoice_id), state(told, invoice_id).reason) == ("posted", "")
    due = payable(state(told, invoice_id))
    assert due is not None
    assert str(due.amount) == "119.00 EUR"
    assert told.cases() == {f"missing_receipt {invoice_id}": "settled"}
    assert billed(told) == 10
    assert len(told.asked(PostInvoice)) == 1
    assert refold(told) == states_of(told)


def test_a_corrected_order_releases_it() -> None:
    told = story(policy=HOLDING)
    invoice_id = held(told, price="11")
    line = replace(ORDER.lines[0], unit_price=Decimal(11))
    told.tell(OrderChanged(change=OrderChange(
        change_id="C-1", changed_on=date(2026, 5, 4), order_id="PO-1", entity="de", supplier_id=ORDER.supplier_id, lines=(line,))), entity="de")  # fmt: skip
    assert status(told, invoice_id) == "posted"


def test_a_credit_note_releases_what_was_billed_too_much() -> None:
    told = story(received="8", policy=HOLDING)
    invoice_id = held(told)
    credit = receive(told, bill("2", number="C-1", kind=InvoiceKind.CREDIT_NOTE))
    assert (status(told, credit), status(told, invoice_id), billed(told)) == ("matched", "posted", 8)
    assert refold(told) == states_of(told)


def test_what_a_credit_note_gave_back_altogether_is_never_paid() -> None:
    told = story(received="0", policy=HOLDING)
    invoice_id = held(told)
    receive(told, bill(number="C-1", kind=InvoiceKind.CREDIT_NOTE))
    assert (status(told, invoice_id), state(told, invoice_id).reason) == (
        "posted_on_hold",
        "on hold: given back by credit notes",
    )
    assert told.cases() == {f"missing_receipt {invoice_id}": "settled"}
    told.tell(VarianceAccepted(reason="let it go"), invoice_id, entity="de", actor=BEA)
    assert payable(state(told, invoice_id)) is None
    came(told, "9")
    assert status(told, invoice_id) == "posted_on_hold"
    came(told, "1", "GR-3")
    assert (status(told, invoice_id), billed(told)) == ("posted", 0), "the goods came after all, and were credited"
    assert refold(told) == states_of(told)


def test_a_service_that_a_credit_note_gave_back_is_never_paid() -> None:
    told = story(order=False, received="0", policy=replace(
        POLICY, tolerances={"default": replace(ON_HOLD, amount_received=ZERO)}))  # fmt: skip
    line = replace(ORDER.lines[0], kind="service", quantity=Decimal(1), unit_price=Decimal(500))
    told.tell(OrderPlaced(order=replace(ORDER, lines=(line,))), entity="de")
    invoice_id = held(told, quantity="1", price="400")
    receive(told, bill("1", "400", number="C-1", kind=InvoiceKind.CREDIT_NOTE))
    assert state(told, invoice_id).hold == ("given back by credit notes",)


def test_given_back_before_it_is_approved_it_says_so() -> None:
    told = story(received="0", policy=HOLDING)
    invoice_id = receive(told, bill())
    receive(told, bill(number="C-1", kind=InvoiceKind.CREDIT_NOTE))
    assert (status(told, invoice_id), state(told, invoice_id).reason) == ("held", "on hold: given back by credit notes")
    told.tell(InvoiceCancelled(reason="it was credited"), invoice_id, entity="de", actor=BEA)
    assert status(told, invoice_id) == "cancelled"
    assert refold(told) == states_of(told)


def test_a_credit_note_waits_for_the_invoice_that_it_credits_also_when_that_is_on_hold() -> None:
    told = story(received="0", policy=HOLDING)
    credit = receive(told, bill("10", number="C-1", kind=InvoiceKind.CREDIT_NOTE))
    assert status(told, credit) == "mismatched"
    receive(told, bill())
    assert (status(told, credit), billed(told)) == ("matched", 0)


def test_a_person_releases_it_but_not_whoever_entered_it() -> None:
    told = story(received="0", policy=HOLDING)
    document = bill()
    invoice_id = receive(told, document, actor=BEA)
    approve(told, invoice_id, approver="cora")
    post(told, invoice_id, posting(document))
    told.tell(VarianceAccepted(reason="they are at the gate"), invoice_id, entity="de", actor=BEA)
    assert status(told, invoice_id) == "posted_on_hold"
    told.tell(VarianceAccepted(reason="they are at the gate"), invoice_id, entity="de", actor="person:cora")
    assert (status(told, invoice_id), state(told, invoice_id).accepted_by) == ("posted", "person:cora")
    assert last(told, InvoiceMatched, invoice_id).released == ("QTY REC",)
    assert set(told.cases().values()) == {"settled"}
    came(told, "10")
    assert billed(told) == 10


def test_in_the_erp_it_is_not_cancelled_and_the_case_says_what_takes_it_back() -> None:
    told = story(received="0", policy=HOLDING)
    invoice_id = held(told)
    told.tell(InvoiceCancelled(reason="never ordered"), invoice_id, entity="de", actor=BEA)
    assert (status(told, invoice_id), billed(told)) == ("posted_on_hold", 10)
    opened = [event.data.case for event in told.events if isinstance(event.data, CaseOpened)][-1]
    assert [problem.code for problem in opened.problems] == [Code.ALREADY_POSTED]
    assert "it is in the ERP as 2026/R-100, on hold; a credit note takes it back" in opened.reason


def test_a_hold_that_may_not_be_released_by_hand_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    oracle = dialects.DIALECTS["oracle_fusion"]
    fixed = replace(oracle, holds={"QTY REC": Hold(release_allowed=False)})
    monkeypatch.setitem(dialects.DIALECTS, "oracle_fusion", fixed)
    told = story(received="0", policy=HOLDING)
    invoice_id = held(told)
    told.tell(VarianceAccepted(reason="let it go"), invoice_id, entity="de", actor=BEA)
    assert status(told, invoice_id) == "posted_on_hold"
    opened = [event.data.case for event in told.events if isinstance(event.data, CaseOpened)][-1]
    assert [problem.code for problem in opened.problems] == [Code.HOLD_NOT_RELEASABLE]
    assert "QTY REC may not be released by hand; what it waits for releases it" in opened.reason
    came(told, "10")
    assert status(told, invoice_id) == "posted"


def test_it_is_released_before_the_erp_has_answered() -> None:
    told = story(received="0", policy=HOLDING)
    invoice_id = receive(told, bill())
    approve(told, invoice_id)
    came(told, "10")
    assert (status(told, invoice_id), state(told, invoice_id).hold) == ("posting", ())
    post(told, invoice_id, posting(bill()))
    assert payable(state(told, invoice_id)) is not None


def test_it_is_released_before_it_is_approved_and_the_approvers_are_told() -> None:
    told = story(received="0", policy=HOLDING)
    invoice_id = receive(told, bill())
    came(told, "10")
    assert status(told, invoice_id) == "matched"
    first, second = (one.payload for one in told.asked(SubmitInvoice))
    assert isinstance(first, SubmitInvoice)
    assert isinstance(second, SubmitInvoice)
    assert (first.verdict.matched, first.hold, second.verdict.matched, second.hold) == (False, ("QTY REC",), True, ())
    approve(told, invoice_id)
    (asked,) = told.asked(PostInvoice)
    assert isinstance(asked.payload, PostInvoice)
    assert asked.payload.hold == ()


def test_a_person_chooses_another_line_and_that_releases_it() -> None:
    other = replace(ORDER.lines[0], line_id="2")
    told = story(order=False, received="0", policy=HOLDING)
    told.tell(OrderPlaced(order=replace(ORDER, lines=(*ORDER.lines, other))), entity="de")
    invoice_id = held(told)
    two = replace(receipt(), lines=(replace(receipt().lines[0], order_line_id="2"),))
    told.tell(GoodsReceived(receipt=two), entity="de")
    assert status(told, invoice_id) == "posted_on_hold"
    chosen = LinesAssigned(assignments=(LineAssignment("1", "PO-1", "2"),), reason="they meant line 2")
    told.tell(chosen, invoice_id, entity="de", actor=BEA)
    lines = told.state("order", ORDER_SUBJECT).position.lines
    assert (status(told, invoice_id), lines["1"].billed, lines["2"].billed) == ("posted", 0, 10)
    assert refold(told) == states_of(told)


# ── what else can happen ───────────────────────────────────────────────────────────────────────────────────────────


def test_what_holds_it_may_change() -> None:
    told = story(received="0", policy=HOLDING)
    invoice_id = held(told)
    line = replace(ORDER.lines[0], unit_price=Decimal(9))
    told.tell(OrderPlaced(order=replace(ORDER, lines=(line,))), entity="de")
    assert state(told, invoice_id).hold == ("PRICE", "QTY REC")
    came(told, "10")
    assert (state(told, invoice_id).hold, billed(told)) == (("PRICE",), 10)
    assert told.cases() == {f"missing_receipt {invoice_id}": "settled", f"price_variance {invoice_id}": "open"}
    assert not last(told, MatchFailed, invoice_id).goes_on
    assert len(told.asked(SubmitInvoice)) == len(told.asked(PostInvoice)) == 1


def test_one_that_can_no_longer_go_on_waits_and_bills_nothing() -> None:
    told = story(received="0", policy=HOLDING)
    invoice_id = receive(told, bill())
    told.tell(OrderLineClosed(order_id="PO-1", line_id="1", entity="de", supplier_id=ORDER.supplier_id, reason="done"),
              entity="de", actor=BEA)  # fmt: skip
    assert (status(told, invoice_id), state(told, invoice_id).hold, billed(told)) == ("mismatched", (), 0)
    assert last(told, MatchReleased, invoice_id).orders == (ORDER_SUBJECT,)
    approve(told, invoice_id)
    assert (status(told, invoice_id), told.asked(PostInvoice)) == ("mismatched", [])
    assert refold(told) == states_of(told)


def test_in_the_erp_it_stays_on_hold_whatever_else_is_found() -> None:
    told = story(received="0", policy=HOLDING)
    invoice_id = held(told)
    told.tell(OrderLineClosed(order_id="PO-1", line_id="1", entity="de", supplier_id=ORDER.supplier_id, reason="done"),
              entity="de", actor=BEA)  # fmt: skip
    assert (status(told, invoice_id), billed(told)) == ("posted_on_hold", 10)
    assert state(told, invoice_id).hold == ("QTY REC", "FINAL MATCHING")


def test_what_began_on_hold_is_not_given_up_under_another_policy() -> None:
    told = story(received="0", policy=HOLDING)
    invoice_id = receive(told, bill())
    told.policy = WAITING
    came(told, "4")
    assert (status(told, invoice_id), billed(told)) == ("held", 10)


def test_another_policy_lets_go_on_what_waited() -> None:
    told = story(received="0", policy=WAITING)
    invoice_id = receive(told, bill())
    told.policy = HOLDING
    came(told, "4")
    assert (status(told, invoice_id), billed(told)) == ("held", 10)


def test_a_difference_in_the_erp_and_a_hold_are_accepted_apart() -> None:
    told = story(received="0", policy=HOLDING)
    invoice_id = receive(told, bill())
    approve(told, invoice_id)
    post(told, invoice_id, posting(bill(), gross=Money.of(Decimal("120.00"), "EUR")))
    assert status(told, invoice_id) == "posted_on_hold"
    told.tell(VarianceAccepted(reason="mended there", about="posting"), invoice_id, entity="de", actor=BEA)
    assert (status(told, invoice_id), state(told, invoice_id).reason) == ("posted_on_hold", "on hold: QTY REC")
    assert told.cases() == {f"missing_receipt {invoice_id}": "open", f"posting_differs {invoice_id}": "settled"}
    told.tell(VarianceAccepted(reason="they came", about="match"), invoice_id, entity="de", actor=BEA)
    assert payable(state(told, invoice_id)) is not None


def test_released_it_is_still_not_paid_while_the_erp_holds_something_else() -> None:
    told = story(received="0", policy=HOLDING)
    invoice_id = receive(told, bill())
    approve(told, invoice_id)
    post(told, invoice_id, posting(bill(), gross=Money.of(Decimal("120.00"), "EUR")))
    came(told, "10")
    assert (status(told, invoice_id), payable(state(told, invoice_id))) == ("posted", None)
    assert told.cases() == {f"missing_receipt {invoice_id}": "settled", f"posting_differs {invoice_id}": "open"}
    told.tell(VarianceAccepted(reason="mended there"), invoice_id, entity="de", actor=BEA)
    assert payable(state(told, invoice_id)) is not None


def test_the_holds_that_the_erp_tells_of_are_compared_with_those_it_was_posted_with() -> None:
    told = story(received="0", policy=HOLDING)
    invoice_id = receive(told, bill())
    approve(told, invoice_id)
    post(told, invoice_id, posting(bill(), holds=("QTY REC",)))
    compared = last(told, HoldsCompared, invoice_id)
    assert (compared.predicted, compared.actual) == (("QTY REC",), ("QTY REC",))


def test_a_posting_that_is_refused_can_be_cancelled_and_gives_back_what_it_billed() -> None:
    told = story(received="0", policy=HOLDING)
    invoice_id = receive(told, bill())
    approve(told, invoice_id)
    told.settle(PostInvoice, invoice_id, Outcome(status="refused"))
    assert (status(told, invoice_id), billed(told)) == ("posting_failed", 10)
    told.tell(InvoiceCancelled(reason="no"), invoice_id, entity="de", actor=BEA)
    assert (status(told, invoice_id), billed(told)) == ("cancelled", 0)
    came(told, "10")
    assert (status(told, invoice_id), billed(told)) == ("cancelled", 0)
    assert refold(told) == states_of(told)


def test_an_invoice_of_an_accrued_period_keeps_the_day_on_which_it_went_on() -> None:
    told = story(received="4", policy=HOLDING)
    invoice_id = receive(told, bill(issued_on=date(2026, 5, 3)))
    order = told.state("order", ORDER_SUBJECT)
    assert order.billed == {"2026-05": {"1": Decimal(10)}}
    came(told, "6")
    order = told.state("order", ORDER_SUBJECT)
    assert (status(told, invoice_id), order.billed, order.held) == ("matched", {"2026-05": {"1": Decimal(10)}}, {})


def test_a_late_word_of_the_approvers_changes_nothing() -> None:
    told = story(received="0", policy=HOLDING)
    invoice_id = held(told)
    told.tell(ApprovalDecided(approved=False, approver="cora"), invoice_id, entity="de")
    assert status(told, invoice_id) == "posted_on_hold"


def test_what_a_policy_does_not_say_changes_no_version() -> None:
    plain = Policy(tolerances={"default": Tolerances(price=ZERO)})
    assert b"on_variance" not in msgspec.json.encode(plain)
    assert plain.version != Policy(tolerances={"default": Tolerances(price=ZERO, on_variance="post_on_hold")}).version


def test_a_credit_note_of_another_invoice_opens_no_room() -> None:
    told = story(policy=HOLDING)
    receive(told, bill("4", number="A-1"))
    credit = receive(told, bill("4", number="C-1", kind=InvoiceKind.CREDIT_NOTE))
    invoice_id = held(told, quantity="12", number="X-7")
    assert (status(told, credit), state(told, invoice_id).hold, billed(told)) == ("matched", ("QTY ORD", "QTY REC"), 12)
    came(told, "1")
    assert status(told, invoice_id) == "posted_on_hold", "12 against 11: what was credited was billed by another"


def test_of_two_on_hold_a_credit_note_gives_back_of_the_earlier_one() -> None:
    told = story(received="0", policy=HOLDING)
    first, second = held(told, quantity="6"), held(told, quantity="4", number="X-7")
    receive(told, bill("2", number="C-1", kind=InvoiceKind.CREDIT_NOTE))
    kept = told.state("order", ORDER_SUBJECT).held
    assert (kept[first].credited, kept[first].credited_minor, kept[second].credited) == ({"1": 2}, {"1": 2000}, {})
    came(told, "4")
    assert (status(told, first), status(told, second)) == ("posted", "posted_on_hold")
    came(told, "4", "GR-3")
    assert (status(told, second), billed(told)) == ("posted", 8)
    assert refold(told) == states_of(told)


def test_a_credit_note_by_receipt_gives_back_of_that_receipt() -> None:
    told = story(order=False, received="0", policy=HOLDING)
    line = replace(ORDER.lines[0], matched_to="receipt")
    told.tell(OrderPlaced(order=replace(ORDER, lines=(line,))), entity="de")
    came(told, "8", "GR-1")
    invoice_id = held(told)
    receive(told, bill("2", number="C-1", kind=InvoiceKind.CREDIT_NOTE))
    assert told.state("order", ORDER_SUBJECT).held == {}
    assert (status(told, invoice_id), billed(told)) == ("posted", 8)


def test_a_service_on_hold_is_released_by_what_is_accepted_and_by_what_is_credited() -> None:
    told = story(order=False, received="0", policy=replace(
        POLICY, tolerances={"default": replace(ON_HOLD, amount_received=ZERO)}))  # fmt: skip
    line = replace(ORDER.lines[0], kind="service", quantity=Decimal(1), unit_price=Decimal(500))
    told.tell(OrderPlaced(order=replace(ORDER, lines=(line,))), entity="de")
    invoice_id = held(told, quantity="1", price="400")
    assert state(told, invoice_id).hold == ("AMT REC",)
    receive(told, bill("1", "100", number="C-1", kind=InvoiceKind.CREDIT_NOTE))
    accepted = ReceiptLine(order_line_id="1", quantity=Decimal(0), amount=Money.of(Decimal(300), "EUR"))
    told.tell(GoodsReceived(receipt=replace(receipt(), lines=(accepted,))), entity="de")
    assert (status(told, invoice_id), told.state("order", ORDER_SUBJECT).position.lines["1"].billed_minor) == (
        "posted",
        30000,
    )
