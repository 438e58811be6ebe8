"""One payment: what the bank claims, what it books, what comes back, and that the order of telling does not matter."""

from collections.abc import Iterable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace
from tests.processes.paid import (
    ALICE,
    BOB,
    DAY,
    OURS,
    RUN,
    TAX_IDS,
    A,
    Paid,
    kinds,
    propose,
    release,
    released,
    statuses,
    world,
)
from tests.processes.story import Story

from tieout.formats.payment_files import short_reference
from tieout.kernel.ids import derive
from tieout.kernel.money import Money
from tieout.kernel.problem import Code, Problem
from tieout.model.documents import (
    Address,
    BankAccount,
    CancellationAnswer,
    ChangeNotice,
    PaymentReturn,
    StatementEntry,
    Supplier,
)
from tieout.model.effects import RecordPayment, RecordReturn, ReportPayment, effect_id
from tieout.model.facts import (
    BankChangeRequested,
    CancellationAnswered,
    CaseOpened,
    CaseSettled,
    ChangeNotified,
    Fact,
    InvoicePaid,
    LiabilityReopened,
    PaymentBooked,
    PaymentClaimed,
    PaymentEntryBooked,
    PaymentRejected,
    PaymentReleaseRequested,
    PaymentReturned,
    PaymentsHeld,
    PaymentStatusNoted,
    PaymentStatusReported,
    ReturnReported,
    RunItem,
    RunProposed,
    RunReady,
)
from tieout.processes.process import Intent

P = A.payment_id
BACK = A.amount.minor


def said(status: str, reason: str = "") -> PaymentStatusReported:
    return PaymentStatusReported(status=status, reason=reason)


def booked(entry: StatementEntry, statement_id: str = "S1") -> PaymentEntryBooked:
    return PaymentEntryBooked(entry=entry, statement_id=statement_id)


def tell(story: Story, *facts: Fact) -> list[Fact]:
    """Tell facts to the payment and return what came of the last one."""
    last: list[Fact] = []
    for fact in facts:
        last = story.tell(fact, P, A.home, entity="de")
    return last


def standing(story: Story) -> tuple[str, str, str]:
    """Where the payment stands, what the bank claims, and where its invoice stands."""
    state = story.state("payment", P)
    return state.status, state.claim, story.state("invoice", A.invoice_id).status


DEBIT = A.entry(bank_reference="B1")
CREDIT = A.entry(BACK, "E9", return_reason="AM04")
SUSPECT = A.entry(BACK, "E9", return_reason="AC04")


@pytest.mark.parametrize(
    ("told", "where"),
    [
        pytest.param([said("ACTC")], ("claimed", "ACTC", "reserved"), id="claimed"),
        pytest.param([said("ACSC"), said("ACCP")], ("claimed", "ACSC", "reserved"), id="out of order"),
        pytest.param([said("ACCC")], ("claimed", "ACCC", "reserved"), id="a status is never proof"),
        pytest.param([said("RJCT", "AC04")], ("rejected", "RJCT", "posted"), id="rejected"),
        pytest.param([said("ACSP"), said("RJCT")], ("rejected", "RJCT", "posted"), id="claimed, then rejected"),
        pytest.param([said("RJCT"), said("ACSC")], ("rejected", "RJCT", "posted"), id="a rejection is final"),
        pytest.param([said("ABCD")], ("released", "", "reserved"), id="an unknown code moves nothing"),
        pytest.param([said("PART")], ("released", "", "reserved"), id="some of them says nothing of this one"),
        pytest.param([booked(DEBIT)], ("booked", "", "paid"), id="booked without a status"),
        pytest.param([booked(DEBIT), said("ACSC")], ("booked", "ACSC", "paid"), id="a status after the entry"),
        pytest.param([booked(DEBIT), said("RJCT")], ("booked", "RJCT", "paid"), id="the entry outranks a rejection"),
        pytest.param([said("RJCT"), booked(DEBIT)], ("booked", "RJCT", "paid"), id="whichever comes first"),
        pytest.param([booked(DEBIT), booked(CREDIT)], ("returned", "", "posted"), id="returned"),
        pytest.param([booked(CREDIT), booked(DEBIT)], ("returned", "", "posted"), id="the return is heard of first"),
        pytest.param([booked(A.entry(-1))], ("released", "", "reserved"), id="another amount proves nothing"),
    ],
)
def test_where_it_stands(told: list[Fact], where: tuple[str, str, str]) -> None:
    story = released(A)
    tell(story, *told)
    assert standing(story) == where


def test_the_erp_is_asked_once_at_acceptance_or_at_booking() -> None:
    early, late = released(A), released(A)
    tell(early, said("ACTC"))
    assert early.asked(RecordPayment) == []
    tell(early, said("ACSP"), booked(DEBIT))
    tell(late, booked(DEBIT))
    expected = Intent(
        connector="tryton",
        payload=RecordPayment(payment=A.payment, invoice=A.invoice, paid_on=DAY),
        key=P,
        entity="de",
    )
    assert early.asked(RecordPayment) == late.asked(RecordPayment) == [expected]


def test_a_rejection_opens_the_liability_again_and_takes_back_what_the_erp_was_told() -> None:
    story = released(A)
    tell(story, said("ACCP"))
    facts = tell(story, said("RJCT", "AC04"))
    problem = Problem(Code.PAYMENT_REJECTED, P, actual="RJCT", detail="AC04")
    assert facts[:2] == [
        PaymentRejected(status="RJCT", reason="AC04"),
        LiabilityReopened(payment_id=P, reason="RJCT AC04"),
    ]
    assert isinstance(facts[2], CaseOpened)
    assert (facts[2].case.problems, facts[2].case.amount) == ((problem,), A.amount)
    assert len(facts) == 3
    assert story.asked(RecordReturn) == [
        Intent(
            connector="tryton",
            payload=RecordReturn(payment=A.payment, returned_on=story.now.date(), reason="AC04"),
            key=P,
            entity="de",
            after=effect_id("tryton", "record_payment", P),
        )
    ]
    assert tell(story, said("RJCT", "AC04")) == []


def test_a_rejection_before_the_erp_was_told_asks_nothing_of_it() -> None:
    story = released(A)
    tell(story, said("RCVD"), said("RJCT"))
    assert (story.asked(RecordPayment), story.asked(RecordReturn)) == ([], [])


def test_a_blocked_payment_holds_its_supplier() -> None:
    story = released(A)
    reason = "blocked: neither posted nor returned"
    held = PaymentsHeld(supplier_id=A.supplier_id, reason=f"payment {P}: {reason}")
    assert held in tell(story, said("BLCK"))
    assert standing(story) == ("rejected", "BLCK", "posted")


@pytest.mark.parametrize("status", ["ABCD", "PEND", "acsc"])
def test_an_unknown_code_is_kept_flagged_and_told_once(status: str) -> None:
    story = released(A)
    facts = tell(story, said(status, "?"))
    assert facts[0] == PaymentStatusNoted(status=status, reason="?")
    assert isinstance(facts[1], CaseOpened)
    assert facts[1].case.problems == (Problem(Code.UNKNOWN_CODE, P, "a status of ISO 20022", status, detail="?"),)
    assert story.state("payment", P).notes == (status,)
    assert tell(story, said(status, "?")) == []


@pytest.mark.parametrize(
    ("status", "flagged"),
    [
        pytest.param("RVNM", True, id="the payee's name does not match"),
        pytest.param("RVMC", True, id="it matches closely"),
        pytest.param("RVNA", False, id="it cannot be verified"),
        pytest.param("RVNC", False, id="its verification is not complete"),
        pytest.param("PRES", False, id="a request to pay was presented"),
        pytest.param("ACWC", True, id="accepted with a change"),
    ],
)
def test_verification_of_payee_and_changes_are_noted_beside_the_claim(status: str, flagged: bool) -> None:
    story = released(A)
    facts = tell(story, said(status))
    assert facts[0] == PaymentStatusNoted(status=status)
    assert (CaseOpened in kinds(facts)) is flagged
    assert story.state("payment", P).claim == ("ACWC" if status == "ACWC" else "")


def test_a_booked_entry_pays_the_invoice_and_is_told_to_both_systems() -> None:
    story = released(A)
    assert tell(story, booked(DEBIT)) == [
        PaymentBooked(entry=DEBIT, statement_id="S1"),
        InvoicePaid(payment_id=P, booked_on=DAY),
    ]
    assert [intent.key for intent in story.asked(RecordPayment)] == [P]
    assert [intent.key for intent in story.asked(ReportPayment)] == [f"{P}/booked"]
    assert story.standings() == set()


@pytest.mark.parametrize(
    "again",
    [
        pytest.param(booked(DEBIT), id="the same entry"),
        pytest.param(booked(A.entry(entry_id="N1"), ""), id="a notification of it"),
        pytest.param(booked(A.entry(entry_id="E7", bank_reference="B1"), "S2"), id="the same reference of the bank"),
    ],
)
def test_a_booked_entry_told_again_changes_nothing(again: PaymentEntryBooked) -> None:
    story = released(A)
    tell(story, booked(DEBIT))
    before = story.state("payment", P)
    assert tell(story, again) == []
    assert story.state("payment", P) == before


def test_the_statement_confirms_what_a_notification_said_and_a_second_debit_is_seen_after_it() -> None:
    story = released(A)
    assert kinds(tell(story, booked(A.entry(entry_id="N1"), ""))) == [PaymentBooked, InvoicePaid]
    assert tell(story, booked(A.entry(entry_id="E1"), "S1")) == []
    assert story.state("payment", P).statement_id == "S1"
    (opened,) = tell(story, booked(A.entry(entry_id="E2"), "S1"))
    assert isinstance(opened, CaseOpened)
    twice = Problem(Code.PAYMENT_DIFFERS, "E2", "-119.00 EUR", "-119.00 EUR", detail="the bank debited it twice")
    assert opened.case.problems == (twice,)
    assert standing(story)[0] == "booked"


def test_another_amount_is_a_case_with_both_amounts() -> None:
    story = released(A)
    (opened,) = tell(story, booked(A.entry(-11_800)))
    assert isinstance(opened, CaseOpened)
    problem = Problem(Code.PAYMENT_DIFFERS, "E1", "-119.00 EUR", "-118.00 EUR", detail="the bank booked another amount")
    assert opened.case.problems == (problem,)
    assert story.asked(RecordPayment) == []


def test_a_booked_entry_after_a_rejection_is_true_and_looked_at() -> None:
    story = released(A)
    tell(story, said("RJCT", "AM04"))
    assert kinds(tell(story, booked(DEBIT))) == [PaymentBooked, InvoicePaid, CaseSettled, CaseOpened]
    assert story.cases() == {f"payment_rejected {A.invoice_id}": "settled", f"payment_differs {P}": "open"}


def test_money_that_comes_back_opens_the_liability_and_the_account_is_suspect() -> None:
    story = released(A)
    tell(story, said("ACSC"), booked(DEBIT))
    facts = tell(story, booked(SUSPECT, "S2"))
    assert facts[:3] == [
        PaymentReturned(entry=SUSPECT, reason="AC04"),
        LiabilityReopened(payment_id=P, reason="returned: AC04"),
        PaymentsHeld(supplier_id=A.supplier_id, reason=f"payment {P} came back: AC04"),
    ]
    assert kinds(facts[3:]) == [CaseOpened]
    assert standing(story) == ("returned", "ACSC", "posted")
    assert story.rows("supplier")[A.supplier_id]["hold_reason"] != ""
    (returned,) = story.asked(RecordReturn)
    assert returned.payload == RecordReturn(payment=A.payment, returned_on=DAY, reason="AC04")
    assert returned.after == effect_id("tryton", "record_payment", P)
    assert [(intent.key, intent.after) for intent in story.asked(ReportPayment)] == [
        (f"{P}/booked", effect_id("tryton", "record_payment", P)),
        (f"{P}/returned", effect_id("ap", "report_payment", f"{P}/booked")),
    ]
    assert tell(story, booked(SUSPECT, "S2")) == []


def test_money_that_comes_back_after_a_rejection_opens_the_liability_once() -> None:
    story = released(A)
    tell(story, said("RJCT", "AM04"))
    assert kinds(tell(story, booked(CREDIT))) == [PaymentReturned, CaseOpened]
    state = story.state("payment", P)
    assert (state.status, state.recorded, state.reason) == ("returned", True, "AM04")
    assert [len(story.asked(payload)) for payload in (RecordPayment, RecordReturn)] == [1, 1]


def test_a_return_for_another_reason_holds_nobody() -> None:
    story = released(A)
    tell(story, booked(DEBIT), booked(CREDIT))
    assert story.rows("supplier")[A.supplier_id]["hold_reason"] == ""
    assert story.cases() == {f"payment_returned {A.invoice_id}": "open"}


def test_an_invoice_whose_payment_came_back_can_be_paid_by_another_run() -> None:
    story = released(A)
    tell(story, booked(DEBIT), booked(CREDIT))
    item = RunItem(derive("pay", "run_2", A.invoice_id), A.invoice_id, A.supplier_id)
    again = RunProposed(run_id="run_2", entity="de", debtor=OURS, currency="EUR", execute_on=DAY, items=(item,))
    assert story.cases() == {f"payment_returned {A.invoice_id}": "open"}
    facts = story.tell(again, entity="de", actor=ALICE)
    assert CaseSettled(resolution=f"payment {item.payment_id} pays it") in facts
    assert facts[-1] == RunReady(count=1, total=A.amount)
    assert story.cases() == {f"payment_returned {A.invoice_id}": "settled"}
    tell(story, said("RJCT"), booked(DEBIT, "S9"))  # late words about the first payment do not touch the second
    assert story.state("invoice", A.invoice_id).payment_id == item.payment_id
    assert statuses(story, "payment") == {P: "returned", item.payment_id: "reserved"}


def test_what_was_never_released_cannot_be_claimed_or_booked() -> None:
    story = world(A)
    propose(story, A)
    assert kinds(tell(story, said("ACSC"))) == [CaseOpened]
    assert kinds(tell(story, booked(DEBIT))) == [CaseOpened]
    assert standing(story) == ("reserved", "", "reserved")


def test_facts_about_a_payment_that_nobody_asked_for_ask_for_nothing() -> None:
    story = world(A)
    assert tell(story, said("ACSC"), booked(DEBIT)) == []
    assert tell(story, PaymentReleaseRequested(run_id=RUN, supplier_id=A.supplier_id, released_by=BOB)) == []
    assert story.state("payment", P) is None


def test_a_supplier_without_an_account_is_not_paid() -> None:
    poor = Paid(2, 700)
    story = world()
    nobody = Supplier(
        supplier_id=poor.supplier_id, name="Poor", tax_id=TAX_IDS[2], address=Address(town="Wien", country="AT")
    )
    poor.supplier = nobody
    story = world(poor)
    facts = propose(story, poor)
    withheld = [fact for fact in facts if isinstance(fact, CaseOpened)]
    assert [one.case.problems for one in withheld] == [(Problem(Code.NO_BANK_ACCOUNT, poor.supplier_id),)]


# ── what must always hold ──────────────────────────────────────────────────────────────────────────────────────────

STATUSES = st.sampled_from(
    ["RCVD", "ACTC", "ACCP", "ACWC", "PDNG", "ACSP", "ACSC", "RJCT", "CANC", "BLCK", "PART", "RVNM", "QQQQ"]
)
ENTRIES = st.sampled_from([booked(DEBIT), booked(A.entry(entry_id="N1"), ""), booked(CREDIT), booked(A.entry(-1))])
WORDS = st.lists(st.one_of(STATUSES.map(said), ENTRIES), max_size=7)


def outcome(words: Iterable[Fact]) -> tuple[object, ...]:
    story = released(A)
    tell(story, *words)
    state = story.state("payment", P)
    return (*standing(story), state.notes, {item for name, *_, item, _ in story.standings() if name == "in_flight"})


@settings(max_examples=120, deadline=None)
@given(WORDS, st.data())
def test_any_order_and_repetition_of_what_the_bank_says_ends_the_same(words: list[Fact], data: st.DataObject) -> None:
    shuffled = data.draw(st.permutations(words))
    again = data.draw(st.lists(st.sampled_from(words), max_size=3)) if words else []
    assert outcome([*shuffled, *again]) == outcome(words)


@settings(max_examples=120, deadline=None)
@given(WORDS)
def test_booked_and_paid_never_without_an_entry_of_that_amount(words: list[Fact]) -> None:
    story = released(A)
    tell(story, *words)
    proofs = [one for one in words if isinstance(one, PaymentEntryBooked) and one.entry.amount == Money(-BACK, "EUR")]
    paid = [event for event in story.events if isinstance(event.data, PaymentBooked | InvoicePaid)]
    assert bool(proofs) or not paid
    assert len(paid) <= 2
    assert len(story.asked(RecordPayment)) <= 1
    assert len(story.asked(RecordReturn)) <= len(story.asked(RecordPayment))


@given(WORDS)
@settings(max_examples=60, deadline=None)
def test_it_stands_in_flight_exactly_while_nothing_final_is_known(words: list[Fact]) -> None:
    story = released(A)
    tell(story, *words)
    flying = {item for name, _, _, item, _ in story.standings() if name == "in_flight"}
    final = story.state("payment", P).status in ("booked", "rejected", "returned")
    assert flying == (set() if final else {P})


def test_every_claim_that_raises_is_told() -> None:
    story = released(A)
    assert tell(story, said("ACTC")) == [PaymentClaimed(status="ACTC")]
    assert tell(story, said("ACTC")) == []
    assert tell(story, said("ACSC")) == [PaymentClaimed(status="ACSC")]
    assert tell(story, said("ACSP")) == []


def test_a_withheld_payment_is_not_released_by_a_late_request() -> None:
    story = world(A)
    propose(story, A)
    tell(story, PaymentReleaseRequested(run_id="run_other", supplier_id=A.supplier_id, released_by=BOB))
    assert standing(story) == ("reserved", "", "reserved")
    release(story)
    assert tell(story, PaymentReleaseRequested(run_id=RUN, supplier_id=A.supplier_id, released_by=BOB)) == []


# ── what banks write about a payment ────────────────────────────────────────────────────────────────────────────────


def sent_back(code: str = "R03") -> ReturnReported:
    returned = PaymentReturn(return_id="T1", payment_ref=P, amount=A.amount, reason_code=code, reason="no account")
    return ReturnReported(returned=returned)


def test_word_of_a_return_is_a_case_and_the_entry_opens_the_liability() -> None:
    story = released(A)
    tell(story, booked(DEBIT), sent_back(), sent_back())
    assert standing(story) == ("booked", "", "paid")
    assert story.cases() == {f"payment_returned {A.invoice_id}": "open"}
    tell(story, booked(SUSPECT))
    assert standing(story) == ("returned", "", "posted")


def test_a_notification_of_change_asks_for_a_bank_change_and_changes_nothing() -> None:
    story = released(A)
    account = BankAccount(iban="", holder="", number="99887766", clearing="USABA021000021")
    notice = ChangeNotice(notice_id="NOC-1", payment_ref=P, change_code="C03", account=account)
    facts = tell(story, ChangeNotified(notice=notice))
    asked = BankChangeRequested(
        change_id="NOC-1",
        supplier_id=A.supplier_id,
        account=replace(A.account, number="99887766", clearing="USABA021000021"),
        channel="notification of change C03",
    )
    assert facts[0] == asked
    supplier = story.state("supplier", A.supplier_id)
    assert (supplier.supplier.bank_account, supplier.change.change_id) == (A.account, "NOC-1")


def answered(status: str) -> CancellationAnswered:
    answer = CancellationAnswer(
        answer_id="RES-1", case_reference="C-1", original_message_id=RUN, payment_ref=P, status=status, reason="LEGL"
    )
    return CancellationAnswered(answer=answer)


@pytest.mark.parametrize(
    ("status", "where", "cases"),
    [
        pytest.param("CNCL", ("rejected", "CANC", "posted"), {"payment_rejected inv_0"}, id="cancelled"),
        pytest.param("RJCR", ("released", "", "reserved"), {f"cancellation_refused {P}"}, id="refused"),
        pytest.param("PDCR", ("released", "", "reserved"), set(), id="pending"),
    ],
)
def test_a_banks_answer_to_a_cancellation(status: str, where: tuple[str, str, str], cases: set[str]) -> None:
    story = released(A)
    tell(story, answered(status))
    assert standing(story) == where
    assert set(story.cases()) == cases


def test_a_payment_without_an_iban_is_known_by_the_short_names_it_has_in_national_files() -> None:
    """ACH takes 15 signs and Bacs 18; what comes back from the bank names it so."""
    account = BankAccount(iban="", holder="Bolts Inc", number="87654321", clearing="USABA011000015", kind="checking")
    story = world(A)
    home = story.homes[A.home]
    supplier = home.states["supplier", A.supplier_id]
    home.states["supplier", A.supplier_id] = replace(supplier, supplier=replace(A.supplier, bank_account=account))
    propose(story, A)
    release(story)
    names = {name for (system, name), (_, subject) in story.links.items() if (system, subject) == ("bank", P)}
    assert names == {P, short_reference(P, 15), short_reference(P, 18)}
