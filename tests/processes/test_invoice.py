"""The life of an invoice, told as stories."""

from datetime import UTC, date, datetime
from decimal import Decimal
from types import SimpleNamespace

import pytest
from msgspec.structs import replace
from tests.processes.company import (
    ORDER,
    ORDER_SUBJECT,
    POLICY,
    SUPPLIER,
    SUPPLIER_ID,
    approve,
    bill,
    eur,
    names,
    post,
    posting,
    receipt,
    receive,
    story,
    without_order,
)

from tieout.kernel.problem import Code, Problem
from tieout.model.documents import InvoiceKind
from tieout.model.effects import PostInvoice, ReportPosting, SubmitInvoice, UpsertSupplier, effect_id
from tieout.model.facts import (
    CaseOpened,
    EffectHandled,
    EffectSettled,
    GoodsReceived,
    InvoiceCancelled,
    InvoiceFoundInvalid,
    InvoiceMatched,
    InvoicePaid,
    InvoiceReceived,
    InvoiceReserved,
    LiabilityReopened,
    MatchFailed,
    OrderPlaced,
    Outcome,
    RecheckRequested,
    SupplierProposed,
    VarianceAccepted,
)
from tieout.model.verdict import Allocation, Check, Verdict
from tieout.processes.invoice import Due, payable

ANNA, BEA = "person:anna", "person:bea"


def posted() -> tuple:  # type: ignore[type-arg]
    told = story()
    invoice_id = receive(told, bill())
    approve(told, invoice_id)
    post(told, invoice_id, posting(bill()))
    return told, invoice_id


# ── the good way ───────────────────────────────────────────────────────────────────────────────────────────────────


def test_an_invoice_with_order_and_receipt_needs_nobody_until_its_approval() -> None:
    told = story()
    facts = told.tell(InvoiceReceived(invoice=bill(), channel="email", system_id="7"), entity="de")
    assert names(facts) == ["InvoiceAdmitted", "InvoiceValidated", "InvoiceMatched"]
    about = "order PO-1 line 1"
    checks = (
        Check("price", "1", about, Decimal(10), Decimal(10), "EUR/EA", True, Decimal(10)),
        Check("quantity_ordered", "1", about, Decimal(10), Decimal(10), "EA", True, Decimal(10)),
        Check("quantity_received", "1", about, Decimal(10), Decimal(10), "EA", True, Decimal(10)),
    )
    allocation = Allocation("PO-1", "1", Decimal(10), eur("100.00"))
    verdict = Verdict(True, (), (allocation,), POLICY.version, dialect="generic", checks=checks)
    assert facts[2] == InvoiceMatched(verdict=verdict, orders=(ORDER_SUBJECT,), post_on=date(2026, 5, 3))
    (submitted,) = told.asked(SubmitInvoice)
    invoice_id = told.links["ap", "7"][1]
    assert (submitted.connector, submitted.key, submitted.payload) == (
        "ap",
        invoice_id,
        SubmitInvoice(invoice_id=invoice_id, invoice=bill(), verdict=verdict),
    )


def test_an_approved_invoice_is_posted_and_the_ap_platform_is_told_what_the_erp_holds() -> None:
    told, invoice_id = posted()
    (intent,), (report,) = told.asked(PostInvoice), told.asked(ReportPosting)
    assert intent.payload == PostInvoice(invoice_id=invoice_id, invoice=bill(), post_on=date(2026, 5, 3))
    assert (intent.connector, intent.key, intent.after) == ("erp", invoice_id, "")
    assert intent.deadline == datetime(2026, 6, 2, 12, tzinfo=UTC)
    assert report.payload == ReportPosting(invoice_id=invoice_id, posting=posting(bill()))
    assert report.after == effect_id("ap", "submit_invoice", invoice_id)
    assert told.links["erp", "erp-2026/001"][1] == invoice_id
    assert told.standings() == {("payable", "de", "2026-05", invoice_id, "119.00 EUR")}
    row = told.rows("invoice")[invoice_id]
    assert (row["status"], row["erp_number"], row["payable_minor"], row["reason"]) == ("posted", "2026/001", 11900, "")


def test_unposted_until_the_erp_holds_it() -> None:
    told = story()
    invoice_id = receive(told, bill())
    assert told.standings() == {("unposted", "de", "2026-05", invoice_id, "119.00 EUR")}


def test_an_approval_before_the_match_is_remembered() -> None:
    told = story(received="0")
    invoice_id = receive(told, bill())
    approve(told, invoice_id)
    assert told.asked(PostInvoice) == []
    told.tell(GoodsReceived(receipt=receipt()))
    assert told.state("invoice", invoice_id).status == "posting"
    assert len(told.asked(PostInvoice)) == 1


def test_an_invoice_without_an_order_goes_to_approval_directly() -> None:
    told = story()
    invoice_id = receive(told, without_order())
    (submitted,) = told.asked(SubmitInvoice)
    assert submitted.payload.verdict == Verdict(False, (), (), POLICY.version)
    assert told.state("invoice", invoice_id).status == "valid"
    approve(told, invoice_id)
    assert told.state("invoice", invoice_id).status == "posting"


def test_posting_waits_for_the_supplier_to_be_in_the_erp() -> None:
    told = story(supplier=False)
    told.tell(SupplierProposed(supplier=SUPPLIER))
    approve(told, receive(told, bill()))
    (intent,) = told.asked(PostInvoice)
    assert intent.after == effect_id("erp", "upsert_supplier", f"{SUPPLIER_ID}/v1")


def test_repeated_decisions_ask_for_nothing_new() -> None:
    told, invoice_id = posted()
    before = len(told.intents)
    approve(told, invoice_id)
    post(told, invoice_id, posting(bill()))
    told.tell(RecheckRequested(reason="why not"), invoice_id)
    assert len(told.intents) == before
    assert told.state("invoice", invoice_id).status == "posted"


# ── what stops it ──────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("document", "problem"),
    [
        (bill(net=eur("99.00")), Problem(Code.TOTALS_DISAGREE, "net", "100.00 EUR", "99.00 EUR", detail="the sum of the lines")),
        (bill(gross=eur("120.00")), Problem(Code.TOTALS_DISAGREE, "gross", "119.00 EUR", "120.00 EUR", detail="net and tax together")),
        (bill(due_on=date(2026, 5, 2)), Problem(Code.BAD_VALUE, "due_on", "2026-05-03 or later", "2026-05-02")),
        (bill(lines=()), Problem(Code.MISSING_FIELD, "lines", "at least one line", "none")),
        (bill(currency="USD"), Problem(Code.CURRENCY_MISMATCH, "amounts", "USD", "EUR")),
        (bill(entity="xx"), Problem(Code.UNKNOWN_ENTITY, "entity", "an entity of the policy", "xx")),
    ],
)  # fmt: skip
def test_what_cannot_be_right_goes_no_further(document, problem) -> None:  # type: ignore[no-untyped-def]
    told = story()
    invoice_id = receive(told, document)
    state = told.state("invoice", invoice_id)
    found = next(e.data for e in told.events if isinstance(e.data, InvoiceFoundInvalid))
    assert problem in found.problems
    assert found.waits_for_supplier == ""
    assert (state.status, told.cases()) == ("invalid", {f"invalid_invoice {invoice_id}": "open"})
    assert told.asked(SubmitInvoice) == []


def test_an_invoice_of_an_unknown_supplier_is_looked_at_again_when_the_supplier_is_active() -> None:
    told = story(supplier=False)
    invoice_id = receive(told, bill())
    assert told.state("invoice", invoice_id).status == "invalid"
    assert told.cases() == {f"unknown_supplier {invoice_id}": "open"}
    assert "supplier" not in told.rows("supplier")
    told.tell(SupplierProposed(supplier=SUPPLIER))
    assert told.state("invoice", invoice_id).status == "matched"
    assert told.cases() == {f"unknown_supplier {invoice_id}": "settled"}


def test_an_invoice_before_its_receipt_waits_and_the_receipt_lets_it_go_at_once() -> None:
    told = story(received="4")
    invoice_id = receive(told, bill())
    failed = next(e.data for e in told.events if isinstance(e.data, MatchFailed))
    assert failed.verdict.problems == (
        Problem(Code.QUANTITY_OVER_RECEIVED, "1", "4 EA", "10 EA", "zero", "order PO-1 line 1", "4 EA or less"),
    )
    assert failed.waits_for == (ORDER_SUBJECT,)
    assert told.cases() == {f"missing_receipt {invoice_id}": "open"}
    facts = told.tell(GoodsReceived(receipt=receipt("6", "GR-2")))
    assert names(facts) == ["RecheckRequested", "InvoiceMatched", "CaseSettled"]
    assert told.tell(GoodsReceived(receipt=receipt("1", "GR-3"))) == []


def test_an_invoice_before_its_order_is_matched_when_the_order_comes() -> None:
    told = story(order=False)
    invoice_id = receive(told, bill())
    assert told.cases() == {f"no_order {invoice_id}": "open"}
    told.tell(OrderPlaced(order=ORDER))
    assert told.state("invoice", invoice_id).status == "matched"


def test_price_and_quantity_are_reported_together_each_with_a_case() -> None:
    told = story()
    invoice_id = receive(told, bill("11", "10.002"))
    codes = [
        problem.code
        for problem in next(e.data for e in told.events if isinstance(e.data, MatchFailed)).verdict.problems
    ]
    assert codes == [Code.PRICE_OVER_LIMIT, Code.QUANTITY_OVER_ORDERED, Code.QUANTITY_OVER_RECEIVED]
    assert set(told.cases()) == {
        f"{one} {invoice_id}" for one in ("price_variance", "quantity_variance", "missing_receipt")
    }


def test_cases_follow_what_is_wrong_now() -> None:
    told = story(received="0")
    invoice_id = receive(told, bill("10", "11"))
    told.tell(GoodsReceived(receipt=receipt()))
    assert told.cases() == {f"price_variance {invoice_id}": "open", f"missing_receipt {invoice_id}": "settled"}


def test_a_person_accepts_a_variance_and_what_it_bills_counts() -> None:
    told = story()
    invoice_id = receive(told, bill("10", "11"))
    approve(told, invoice_id)
    facts = told.tell(VarianceAccepted(reason="agreed by phone"), invoice_id, actor=BEA)
    matched = facts[0]
    assert isinstance(matched, InvoiceMatched)
    assert matched.accepted_by == BEA
    assert [problem.code for problem in matched.verdict.problems] == [Code.PRICE_OVER_LIMIT]
    assert told.state("order", ORDER_SUBJECT).position.lines["1"].billed == 10
    assert told.cases() == {f"price_variance {invoice_id}": "settled"}
    assert len(told.asked(PostInvoice)) == 1


@pytest.mark.parametrize("actor", [ANNA, "system", "person:ANNA"])
def test_nobody_accepts_the_variance_of_an_invoice_they_entered(actor: str) -> None:
    told = story()
    invoice_id = receive(told, bill("10", "11"), actor=ANNA)
    told.tell(VarianceAccepted(reason="let me"), invoice_id, actor=actor)
    assert told.state("invoice", invoice_id).status == "mismatched"
    assert "cannot accept" in told.rows("invoice")[invoice_id]["reason"]


def test_nobody_approves_an_invoice_they_entered() -> None:
    told = story()
    invoice_id = receive(told, bill(), actor=ANNA)
    approve(told, invoice_id, approver="anna")
    assert told.state("invoice", invoice_id).status == "rejected"
    assert told.asked(PostInvoice) == []


def test_a_denial_stops_it_and_a_new_approval_lets_it_go() -> None:
    told = story()
    invoice_id = receive(told, bill())
    approve(told, invoice_id, approved=False, reason="not ours")
    assert told.state("invoice", invoice_id).reason == "anna refused it: not ours"
    assert told.cases() == {f"rejected_approval {invoice_id}": "open"}
    approve(told, invoice_id)
    assert told.cases() == {f"rejected_approval {invoice_id}": "settled"}
    assert len(told.asked(PostInvoice)) == 1


def test_a_denial_before_the_match_is_not_forgotten_by_the_match() -> None:
    told = story(received="0")
    invoice_id = receive(told, bill())
    approve(told, invoice_id, approved=False)
    told.tell(GoodsReceived(receipt=receipt()))
    assert told.state("invoice", invoice_id).status == "rejected"
    assert told.asked(PostInvoice) == []
    approve(told, invoice_id)
    assert len(told.asked(PostInvoice)) == 1


def test_a_cancelled_invoice_gives_back_what_it_billed() -> None:
    told = story()
    invoice_id = receive(told, bill())
    facts = told.tell(InvoiceCancelled(reason="wrong addressee"), invoice_id, actor=BEA)
    assert names(facts) == ["MatchReleased"]
    assert told.state("order", ORDER_SUBJECT).position.lines["1"].billed == 0
    assert told.tell(InvoiceCancelled(reason="again"), invoice_id) == []
    assert told.standings() == {("unaccrued", "de", "2026-05", ORDER_SUBJECT, "100.00 EUR")}


def test_the_receipt_that_a_cancelled_invoice_gave_back_lets_another_one_go() -> None:
    told = story()
    first, second = receive(told, bill()), receive(told, bill(number="R-101", issued_on=date(2026, 5, 9)))
    assert told.state("invoice", second).status == "mismatched"
    told.tell(InvoiceCancelled(reason="superseded by R-101"), first)
    assert told.state("invoice", second).status == "matched"


def test_a_credit_note_that_comes_before_its_invoice_waits_for_it() -> None:
    told = story()
    credit = receive(told, bill("2", number="C-1", kind=InvoiceKind.CREDIT_NOTE))
    assert told.state("invoice", credit).status == "mismatched"
    receive(told, bill())
    assert told.state("invoice", credit).status == "matched"
    assert told.state("order", ORDER_SUBJECT).position.lines["1"].billed == 8


# ── posting ────────────────────────────────────────────────────────────────────────────────────────────────────────


def posting_story() -> tuple:  # type: ignore[type-arg]
    told = story()
    invoice_id = receive(told, bill())
    approve(told, invoice_id)
    return told, invoice_id


def test_once_posting_has_begun_nobody_can_cancel() -> None:
    told, invoice_id = posting_story()
    told.tell(InvoiceCancelled(reason="oops"), invoice_id)
    assert told.state("invoice", invoice_id).status == "posting"


def test_a_lost_answer_is_neither_posted_nor_failed() -> None:
    told, invoice_id = posting_story()
    told.settle(PostInvoice, invoice_id, Outcome(status="unknown"))
    assert told.rows("invoice")[invoice_id]["status"] == "posting_unknown"
    assert ("unposted", "de", "2026-05", invoice_id, "119.00 EUR") in told.standings()
    assert [name for name, *_ in sorted(told.standings())] == ["unknown_effect", "unposted"]
    told.settle(PostInvoice, invoice_id, Outcome(status="applied", posting=posting(bill()), cleared=True))
    assert told.state("invoice", invoice_id).status == "posted"
    assert [name for name, *_ in told.standings()] == ["payable"]


@pytest.mark.parametrize("status", ["refused", "dead"])
@pytest.mark.parametrize(
    ("code", "case_class"),
    [
        (Code.POSTING_REFUSED, "posting_failed"),
        (Code.PERIOD_NOT_OPEN, "cut_off"),
        (Code.CODING_REFUSED, "coding"),
        (Code.UNKNOWN_SUPPLIER, "posting_failed"),
    ],
)
def test_a_refused_posting_has_one_case_and_sending_it_again_settles_it(
    status: str, code: Code, case_class: str
) -> None:
    told, invoice_id = posting_story()
    problem = Problem(code, detail="what the ERP says")
    told.settle(PostInvoice, invoice_id, Outcome(status=status, problems=(problem,)))
    assert told.state("invoice", invoice_id).reason == str(problem)
    assert told.cases() == {f"{case_class} {invoice_id}": "open"}
    assert told.standings() == {("unposted", "de", "2026-05", invoice_id, "119.00 EUR")}
    effect = effect_id("erp", "post_invoice", invoice_id)
    handled = EffectHandled(
        effect_id=effect, connector="erp", operation="post_invoice", action="redelivered", reason="open now"
    )
    told.tell(handled, invoice_id, actor=BEA)
    assert told.state("invoice", invoice_id).status == "posting"
    post(told, invoice_id, posting(bill()))
    assert told.cases() == {f"{case_class} {invoice_id}": "settled"}


def test_a_posting_that_is_refused_for_another_reason_has_another_case() -> None:
    told, invoice_id = posting_story()
    closed, unknown = Problem(Code.PERIOD_NOT_OPEN), Problem(Code.CODING_REFUSED)
    told.settle(PostInvoice, invoice_id, Outcome(status="refused", problems=(closed,)))
    effect = effect_id("erp", "post_invoice", invoice_id)
    handled = EffectHandled(
        effect_id=effect, connector="erp", operation="post_invoice", action="redelivered", reason="open now"
    )
    told.tell(handled, invoice_id, actor=BEA)
    told.settle(PostInvoice, invoice_id, Outcome(status="refused", problems=(unknown,)))
    assert told.cases() == {f"cut_off {invoice_id}": "settled", f"coding {invoice_id}": "open"}


def test_a_posting_that_was_called_off_lets_the_invoice_be_cancelled() -> None:
    told, invoice_id = posting_story()
    effect = effect_id("erp", "post_invoice", invoice_id)
    told.tell(
        EffectHandled(effect_id=effect, connector="erp", operation="post_invoice", action="cancelled", reason="x"),
        invoice_id,
    )
    told.tell(InvoiceCancelled(reason="not ours"), invoice_id)
    assert told.state("invoice", invoice_id).status == "cancelled"


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"gross": eur("91.00")}, Problem(Code.POSTING_DIFFERS, "gross", "119.00 EUR", "91.00 EUR")),
        ({"tax": eur("7.00")}, Problem(Code.POSTING_DIFFERS, "tax", "19.00 EUR", "7.00 EUR")),
        ({"period": "2026-06"}, Problem(Code.POSTING_DIFFERS, "period", "2026-05", "2026-06")),
    ],
)
def test_what_the_erp_holds_otherwise_is_flagged_and_not_paid_before_a_person_accepts_it(changes, problem) -> None:  # type: ignore[no-untyped-def]
    told, invoice_id = posting_story()
    post(told, invoice_id, posting(bill(), **changes))
    state = told.state("invoice", invoice_id)
    assert (state.status, state.reason, payable(state)) == ("posted", str(problem), None)
    assert told.cases() == {f"posting_differs {invoice_id}": "open"}
    told.tell(VarianceAccepted(reason="corrected in the ERP"), invoice_id, actor=BEA)
    assert payable(told.state("invoice", invoice_id)) == Due(eur("119.00"), date(2026, 6, 2), "R-100")
    assert told.cases() == {f"posting_differs {invoice_id}": "settled"}


def test_an_erp_that_does_not_say_what_it_holds_has_posted_nothing_yet() -> None:
    told, invoice_id = posting_story()
    told.settle(PostInvoice, invoice_id, Outcome(status="applied", reference="9"))
    assert told.rows("invoice")[invoice_id]["reason"] == "the ERP did not say what it holds"
    assert payable(told.state("invoice", invoice_id)) is None


def test_a_posting_that_lands_after_all_outranks_a_cancellation() -> None:
    told, invoice_id = posting_story()
    told.settle(PostInvoice, invoice_id, Outcome(status="dead"))
    told.tell(InvoiceCancelled(reason="given up"), invoice_id)
    post(told, invoice_id, posting(bill()))
    assert told.state("invoice", invoice_id).status == "posted"
    assert told.cases()[f"posting_differs {invoice_id}"] == "open"


# ── payment ────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_posted_invoice_is_payable_until_it_is_reserved_and_again_when_its_payment_fails() -> None:
    told, invoice_id = posted()
    due = Due(eur("119.00"), date(2026, 6, 2), "R-100")
    assert payable(told.state("invoice", invoice_id)) == due
    told.tell(InvoiceReserved(payment_id="pay_1"), invoice_id)
    assert payable(told.state("invoice", invoice_id)) is None
    told.tell(LiabilityReopened(payment_id="pay_2", reason="another one"), invoice_id)
    assert payable(told.state("invoice", invoice_id)) is None
    told.tell(LiabilityReopened(payment_id="pay_1", reason="AC04"), invoice_id)
    assert payable(told.state("invoice", invoice_id)) == due


def test_a_paid_invoice_stands_nowhere_and_a_return_brings_it_back() -> None:
    told, invoice_id = posted()
    told.tell(InvoiceReserved(payment_id="pay_1"), invoice_id)
    assert told.standings() == {("payable", "de", "2026-05", invoice_id, "119.00 EUR")}
    told.tell(InvoicePaid(payment_id="pay_1", booked_on=date(2026, 6, 2)), invoice_id)
    assert told.standings() == set()
    told.tell(LiabilityReopened(payment_id="pay_1", reason="AC04"), invoice_id)
    assert told.standings() == {("payable", "de", "2026-05", invoice_id, "119.00 EUR")}


def test_credit_notes_lower_what_is_owed_and_are_not_paid() -> None:
    told = story()
    document = without_order(kind=InvoiceKind.CREDIT_NOTE)
    invoice_id = receive(told, document)
    approve(told, invoice_id)
    post(told, invoice_id, posting(document))
    assert ("payable", "de", "2026-05", invoice_id, "-119.00 EUR") in told.standings()
    assert payable(told.state("invoice", invoice_id)) is None


def test_a_supplier_version_that_is_still_on_its_way_is_waited_for() -> None:
    told = story()
    told.tell(SupplierProposed(supplier=replace(SUPPLIER, email="ap@schrauben.example")))
    approve(told, receive(told, bill()))
    (intent,) = told.asked(PostInvoice)
    assert intent.after == effect_id("erp", UpsertSupplier.operation, f"{SUPPLIER_ID}/v2")


def test_an_invoice_is_closed_when_the_ap_platform_holds_that_it_is_paid() -> None:
    told, invoice_id = posted()
    told.tell(InvoiceReserved(payment_id="pay_1"), invoice_id)
    told.tell(InvoicePaid(payment_id="pay_1", booked_on=date(2026, 6, 2)), invoice_id)
    home = next(iter(told.homes.values()))
    home.states["payment", "pay_1"] = SimpleNamespace(invoice_id=invoice_id)

    def report(status: str, payment_id: str = "pay_1", key: str = "pay_1/booked") -> list[str]:
        outcome = Outcome(status=status)
        settled = EffectSettled(effect_id="e", connector="ap", operation="report_payment", key=key, outcome=outcome)
        return names(told.tell(settled, payment_id, f"supplier/{SUPPLIER_ID}", source="delivery"))

    assert report("refused") == ["CaseOpened"]
    assert report("applied", key="pay_1/returned") == []
    assert report("applied", payment_id="pay_2") == []
    assert report("applied") == ["InvoiceClosed"]
    assert told.state("invoice", invoice_id).status == "closed"
    assert report("applied") == []


# ── when less than the gross amount is to be paid ───────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("what", ["prepaid", "withheld"])
def test_what_is_prepaid_or_withheld_waits_for_a_person_and_then_only_the_rest_is_paid(what: str) -> None:
    """The bill is 119.00 EUR, of which 20.00 EUR are not to be paid any more."""
    told, document = story(), bill(**{what: eur("20")})
    invoice_id = receive(told, document)
    problem = Problem(Code.PARTLY_PAYABLE, what, "119.00 EUR", "99.00 EUR", detail=f"20.00 EUR is {what}")
    assert told.state("invoice", invoice_id).status == "mismatched"
    assert told.cases() == {f"partly_payable {invoice_id}": "open"}
    (case,) = (event.data.case for event in told.events if isinstance(event.data, CaseOpened))
    assert case.problems == (problem,)
    told.tell(VarianceAccepted(reason="set off in the ledger"), invoice_id, actor=BEA, entity="de")
    approve(told, invoice_id)
    post(told, invoice_id, posting(document))
    assert told.cases() == {f"partly_payable {invoice_id}": "settled"}
    assert payable(told.state("invoice", invoice_id)) == Due(eur("99"), document.due_on, "R-100")


def test_rounding_is_paid_without_asking() -> None:
    told, document = story(), bill(rounding=eur("-0.05"))
    invoice_id = receive(told, document)
    approve(told, invoice_id)
    post(told, invoice_id, posting(document))
    assert payable(told.state("invoice", invoice_id)) == Due(eur("118.95"), document.due_on, "R-100")


def test_what_the_supplier_collects_itself_is_never_paid_by_transfer() -> None:
    told, document = story(), bill(collected=True)
    invoice_id = receive(told, document)
    assert told.cases() == {f"partly_payable {invoice_id}": "open"}
    told.tell(VarianceAccepted(reason="the mandate is ours"), invoice_id, actor=BEA, entity="de")
    approve(told, invoice_id)
    post(told, invoice_id, posting(document))
    assert told.state("invoice", invoice_id).status == "posted"
    assert payable(told.state("invoice", invoice_id)) is None
