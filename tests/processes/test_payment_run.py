"""A run from proposal to paid invoices: two people, one file, exactly the payments that were free of holds."""

from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace
from tests.processes.paid import (
    ACCOUNT,
    ALICE,
    BOB,
    DAY,
    IBANS,
    OURS,
    POLICY,
    RUN,
    A,
    B,
    Paid,
    deliver,
    kinds,
    propose,
    release,
    released,
    report,
    statuses,
    withheld,
    world,
)
from tests.processes.story import Home, Story

from tieout.formats.detect import read
from tieout.kernel.ids import derive
from tieout.kernel.money import Money
from tieout.kernel.problem import Code, Problem
from tieout.model.documents import (
    BankAccount,
    BankStatement,
    CancellationAnswer,
    PaymentRun,
    RemittanceAdvice,
)
from tieout.model.effects import RecordPayment, ReportPayment, SendDocument, SendPaymentFile, effect_id
from tieout.model.facts import (
    BankChangeRequested,
    CancellationAnswered,
    CaseOpened,
    EffectHandled,
    InvoiceClosed,
    InvoicePaid,
    InvoiceReserved,
    LiabilityReopened,
    Outcome,
    PaymentBooked,
    PaymentClaimed,
    PaymentEntryBooked,
    PaymentRejected,
    PaymentReleased,
    PaymentReleaseRequested,
    PaymentRequested,
    PaymentReserved,
    PaymentsHeld,
    PaymentsReleased,
    PaymentStatusReported,
    PaymentWithheld,
    RunCancelled,
    RunCancelRequested,
    RunDelivered,
    RunItem,
    RunProposed,
    RunReady,
    RunReleased,
    RunReleaseRefused,
    StatementAccepted,
    StatementReceived,
)
from tieout.policy.policy import Partner
from tieout.processes import interchange, payment_run, supplier
from tieout.processes.process import Intent

# ── the whole path ─────────────────────────────────────────────────────────────────────────────────────────────────


def test_from_the_proposal_to_the_booked_entry() -> None:
    story = world(A)
    reserved = PaymentReserved(payment=A.payment)
    request = PaymentRequested(
        run_id=RUN,
        invoice_id=A.invoice_id,
        supplier_id=A.supplier_id,
        entity="de",
        debtor_iban=OURS.iban,
        currency="EUR",
        proposed_by=ALICE,
        execute_on=DAY,
    )
    assert propose(story, A) == [
        request,
        reserved,
        InvoiceReserved(payment_id=A.payment_id),
        reserved,
        RunReady(count=1, total=A.amount),
    ]
    assert statuses(story, "invoice") == {A.invoice_id: "reserved"}

    run = PaymentRun(run_id=RUN, entity="de", debtor=OURS, execute_on=DAY, payments=(A.payment,), currency="EUR")
    went = PaymentReleased(payment=A.payment, released_by=BOB)
    assert release(story) == [
        PaymentReleaseRequested(run_id=RUN, supplier_id=A.supplier_id, released_by=BOB),
        went,
        went,
        RunReleased(run=run),
    ]
    assert story.asked(SendPaymentFile) == [
        Intent(
            connector="dresdner",
            payload=SendPaymentFile(run=run),
            key=RUN,
            entity="de",
            deadline=datetime(2026, 5, 12, 12, tzinfo=UTC),
            priority=1,
        )
    ]
    assert story.links == {("bank", A.payment_id): (A.home, A.payment_id), ("bank", RUN): (ACCOUNT, RUN)}
    assert ("in_flight", "de", "2026-05", A.payment_id, "119.00 EUR") in story.standings()

    assert deliver(story, Outcome(status="applied", reference="F-77")) == [RunDelivered(reference="F-77")]
    assert report(story, "ACCP") == [
        PaymentStatusReported(status="ACCP", level="group", original_message_id=RUN),
        PaymentClaimed(status="ACCP"),
    ]
    assert story.asked(RecordPayment) == [
        Intent(
            connector="tryton",
            payload=RecordPayment(payment=A.payment, invoice=A.invoice, paid_on=DAY),
            key=A.payment_id,
            entity="de",
        )
    ]

    proof = BankStatement(
        statement_id="S1",
        iban=OURS.iban,
        currency="EUR",
        opening=Money(20_000, "EUR"),
        closing=Money(8_100, "EUR"),
        opened_on=DAY,
        closed_on=DAY,
        entries=(A.entry(),),
    )
    assert story.tell(StatementReceived(statement=proof, entity="de"), entity="de") == [
        StatementAccepted(statement_id="S1"),
        PaymentEntryBooked(entry=A.entry(), statement_id="S1", told_by="system"),
        PaymentBooked(entry=A.entry(), statement_id="S1"),
        InvoicePaid(payment_id=A.payment_id, booked_on=DAY),
    ]
    assert story.asked(ReportPayment) == [
        Intent(
            connector="ap",
            payload=ReportPayment(invoice_id=A.invoice_id, payment_id=A.payment_id, status="booked", on=DAY),
            key=f"{A.payment_id}/booked",
            entity="de",
            after=effect_id("tryton", "record_payment", A.payment_id),
        )
    ]
    assert story.standings() == set()
    told = story.settle(ReportPayment, f"{A.payment_id}/booked", Outcome(status="applied", reference="x"), "ap")
    assert told == [InvoiceClosed()]
    assert story.cases() == {}
    assert story.rows("payment_run") == {
        RUN: {
            "entity": "de",
            "iban": OURS.iban,
            "currency": "EUR",
            "execute_on": "2026-05-12",
            "status": "delivered",
            "count": 1,
            "total_minor": 11_900,
            "proposed_by": ALICE,
            "released_by": BOB,
            "claim": "ACCP",
            "reason": "",
        }
    }


# ── reserving ──────────────────────────────────────────────────────────────────────────────────────────────────────


def test_what_cannot_be_paid_falls_out_and_the_rest_goes_on() -> None:
    story = world(A, B)
    story.tell(PaymentsHeld(supplier_id=B.supplier_id, reason="dispute"), actor="person:carol")
    propose(story, A, B)
    problem = Problem(Code.NOT_PAYABLE, B.supplier_id, "a supplier without a hold", "held by person:carol: dispute")
    facts = [event.data for event in story.events]
    assert facts.count(withheld(B, problem)) == 2  # in the supplier's partition, and told to the run
    assert facts[-1] == RunReady(count=1, total=A.amount)
    assert story.cases() == {f"payment_withheld {B.invoice_id}": "open"}
    assert statuses(story, "payment") == {A.payment_id: "reserved", B.payment_id: "withheld"}
    assert statuses(story, "invoice") == {A.invoice_id: "reserved", B.invoice_id: "posted"}


def test_a_run_of_which_nothing_is_left_is_cancelled() -> None:
    story = world(A)
    story.tell(PaymentsHeld(supplier_id=A.supplier_id, reason="dispute"), actor="person:carol")
    assert propose(story, A)[-1] == RunCancelled(reason="nothing is left to pay: every payment was withheld")
    assert statuses(story, "payment_run") == {RUN: "cancelled"}


def test_a_run_without_items_is_cancelled() -> None:
    assert propose(world()) == [RunCancelled(reason="there is nothing to pay")]


def test_a_run_has_a_size(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(payment_run, "PAYMENTS_MAX", 1)
    story = world(A, B)
    assert propose(story, A, B) == [
        RunCancelled(reason="a run has at most 1 payments, not 2; propose it as several runs")
    ]
    assert statuses(story, "invoice") == {A.invoice_id: "posted", B.invoice_id: "posted"}


def test_an_invoice_is_taken_by_one_run_only() -> None:
    story = world(A)
    propose(story, A)
    second = RunItem(derive("pay", "run_2", A.invoice_id), A.invoice_id, A.supplier_id)
    other = RunProposed(run_id="run_2", entity="de", debtor=OURS, currency="EUR", execute_on=DAY, items=(second,))
    facts = story.tell(other, entity="de", actor=ALICE)
    taken = f"{A.invoice.number} is in payment {A.payment_id}"
    problem = Problem(Code.NOT_PAYABLE, A.invoice_id, "a posted and approved invoice that is open", taken)
    assert PaymentWithheld(payment_id=second.payment_id, run_id="run_2", problems=(problem,)) in facts
    assert statuses(story, "payment_run") == {RUN: "ready", "run_2": "cancelled"}
    assert story.cases() == {f"payment_withheld {A.invoice_id}": "open"}
    release(story)
    story.tell(PaymentEntryBooked(entry=A.entry(), statement_id="S1"), A.payment_id, A.home, entity="de")
    assert story.cases() == {f"payment_withheld {A.invoice_id}": "settled"}


def test_a_payment_id_belongs_to_one_run() -> None:
    story = world(A)
    propose(story, A)
    before = story.state("payment", A.payment_id)
    other = RunProposed(run_id="run_2", entity="de", debtor=OURS, currency="EUR", execute_on=DAY, items=(A.item,))
    story.tell(other, entity="de", actor=ALICE)
    assert story.state("payment", A.payment_id) == before
    assert statuses(story, "payment_run") == {RUN: "ready", "run_2": "cancelled"}


def test_an_invoice_in_another_currency_is_withheld() -> None:
    dollars = Paid(2, 700, "USD")
    story = world(dollars)
    assert withheld(dollars, Problem(Code.CURRENCY_MISMATCH, dollars.invoice_id, "EUR", "USD")) in propose(
        story, dollars
    )


def test_the_same_proposal_again_asks_for_nothing() -> None:
    story = world(A)
    propose(story, A)
    assert propose(story, A) == []
    assert propose(story, A, actor=BOB) == []
    assert story.state("payment_run", RUN).proposed_by == ALICE


def test_an_answer_counts_once() -> None:
    story = world(A, B)
    story.tell(PaymentsHeld(supplier_id=B.supplier_id, reason="dispute"), actor="person:carol")
    propose(story, A, B)
    before = story.state("payment_run", RUN)
    for answer in (PaymentReserved(payment=A.payment), PaymentReserved(payment=B.payment), withheld(B)):
        assert story.tell(answer, RUN, ACCOUNT, entity="de") == []
    assert story.state("payment_run", RUN) == before


def test_an_answer_told_twice_does_not_stand_for_another() -> None:
    state = payment_run.State(
        "collecting",
        "de",
        OURS,
        "EUR",
        DAY,
        ALICE,
        "1",
        {one.payment_id: payment_run.Item(one.supplier_id, one.invoice_id) for one in (A, B)},
        2,
        2,
        Money.zero("EUR"),
    )
    story = world()
    story.homes[ACCOUNT] = Home(POLICY, story.now)
    story.homes[ACCOUNT].states["payment_run", RUN] = state
    for _ in range(2):
        assert story.tell(PaymentReserved(payment=A.payment), RUN, ACCOUNT, entity="de") == []
    assert story.state("payment_run", RUN).waiting == 1


# ── releasing ──────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("actor", "problems"),
    [
        pytest.param(
            ALICE, (Problem(Code.SAME_PERSON, RUN, f"a person other than {ALICE}", ALICE),), id="its proposer"
        ),
        pytest.param(
            "person:Alice",
            (Problem(Code.SAME_PERSON, RUN, f"a person other than {ALICE}", "person:Alice"),),
            id="its proposer, spelled otherwise",
        ),
        pytest.param("system", (Problem(Code.DUTY_MISSING, RUN, "a person", "system"),), id="no person"),
        pytest.param("key:erp", (Problem(Code.DUTY_MISSING, RUN, "a person", "key:erp"),), id="a service account"),
    ],
)
def test_who_may_not_release_a_run(actor: str, problems: tuple[Problem, ...]) -> None:
    story = world(A)
    propose(story, A)
    before = story.state("payment_run", RUN)
    assert release(story, actor) == [RunReleaseRefused(problems=problems)]
    assert story.state("payment_run", RUN) == before
    assert story.asked(SendPaymentFile) == []


def test_a_run_is_released_once() -> None:
    story = released(A)
    problem = Problem(Code.NOT_PAYABLE, RUN, "a run that is ready", "released")
    assert release(story, "person:carol") == [RunReleaseRefused(problems=(problem,))]
    assert len(story.asked(SendPaymentFile)) == 1


def test_a_bank_change_between_proposal_and_release_stops_exactly_this_payment() -> None:
    story = world(A, B)
    propose(story, A, B)
    change = BankChangeRequested(
        change_id="chg_1", supplier_id=B.supplier_id, account=BankAccount(iban=IBANS[2], holder="Supplier 1")
    )
    story.tell(change, actor="person:mallory")
    facts = release(story)
    problem = Problem(
        Code.BANK_CHANGE_OPEN, B.supplier_id, "a supplier without a hold", "bank change chg_1 is not confirmed"
    )
    assert withheld(B, problem) in facts
    assert LiabilityReopened(payment_id=B.payment_id, reason=str(problem)) in facts
    run = PaymentRun(run_id=RUN, entity="de", debtor=OURS, execute_on=DAY, payments=(A.payment,), currency="EUR")
    assert facts[-1] == RunReleased(run=run)
    assert statuses(story, "payment") == {A.payment_id: "released", B.payment_id: "withheld"}
    assert statuses(story, "invoice") == {A.invoice_id: "reserved", B.invoice_id: "posted"}
    assert story.cases()[f"payment_withheld {B.invoice_id}"] == "open"


def test_an_account_that_was_changed_meanwhile_is_not_paid() -> None:
    story = world(A)
    propose(story, A)
    home = story.homes[A.home]
    known = home.states["supplier", A.supplier_id]
    moved = BankAccount(iban=IBANS[2], holder="Supplier 0")
    home.states["supplier", A.supplier_id] = _with_account(known, moved)
    facts = release(story)
    problem = Problem(
        Code.BANK_CHANGE_OPEN, A.supplier_id, detail="the supplier's account changed after the payment was reserved"
    )
    assert withheld(A, problem) in facts
    assert facts[-1] == RunCancelled(reason="nothing is left to pay: every payment was withheld")
    assert story.asked(SendPaymentFile) == []


def _with_account(state: supplier.State, account: BankAccount) -> supplier.State:
    assert state.supplier is not None
    return replace(state, supplier=replace(state.supplier, bank_account=account))


def test_a_run_that_is_called_off_gives_its_invoices_back() -> None:
    story = world(A, B)
    propose(story, A, B)
    cancel = RunCancelRequested(run_id=RUN, reason="wrong day")
    facts = story.tell(cancel, RUN, ACCOUNT, entity="de", actor=ALICE)
    assert facts[0] == RunCancelled(reason="wrong day")
    assert statuses(story, "payment_run") == {RUN: "cancelled"}
    assert statuses(story, "invoice") == {A.invoice_id: "posted", B.invoice_id: "posted"}
    assert story.cases() == {}
    assert kinds(release(story)) == [RunReleaseRefused]


def test_a_run_that_was_released_cannot_be_called_off() -> None:
    story = released(A)
    cancel = RunCancelRequested(run_id=RUN, reason="too late")
    assert story.tell(cancel, RUN, ACCOUNT, entity="de", actor=ALICE) == []
    assert statuses(story, "payment_run") == {RUN: "released"}


# ── the file and what the bank says of it ──────────────────────────────────────────────────────────────────────────


def test_a_file_that_the_bank_refused_opens_every_liability_again() -> None:
    story = released(A, B)
    refusal = Problem(Code.EFFECT_REFUSED, detail="schema")
    facts = deliver(story, Outcome(status="refused", problems=(refusal,)))
    assert facts[0] == RunCancelled(reason="file refused by the bank's server: effect refused: schema")
    assert statuses(story, "payment") == {A.payment_id: "rejected", B.payment_id: "rejected"}
    assert statuses(story, "invoice") == {A.invoice_id: "posted", B.invoice_id: "posted"}
    assert story.asked(RecordPayment) == []


def test_a_file_whose_outcome_is_unknown_stays_visible_until_it_is_known() -> None:
    story = released(A)
    assert deliver(story, Outcome(status="unknown")) == []
    row = story.rows("payment_run")[RUN]
    assert (row["status"], row["reason"]) == ("released", "nobody knows yet whether the bank has the file: unknown")
    assert deliver(story, Outcome(status="applied", reference="F", cleared=True)) == [RunDelivered(reference="F")]
    row = story.rows("payment_run")[RUN]
    assert (row["status"], row["reason"]) == ("delivered", "")
    assert deliver(story, Outcome(status="refused")) == []


def test_a_file_that_was_given_up_blocks_the_period_until_it_is_there() -> None:
    story = released(A)
    assert kinds(deliver(story, Outcome(status="dead"))) == [CaseOpened]
    assert ("unsynced", "de", "2026-05", RUN, "119.00 EUR") in story.standings()
    deliver(story, Outcome(status="applied", reference="F", cleared=True))
    assert story.cases() == {f"sync_failed {RUN}": "settled"}
    assert {name for name, *_ in story.standings()} == {"in_flight", "payable"}


def test_a_file_that_a_person_called_off_opens_every_liability_again() -> None:
    story = released(A)
    deliver(story, Outcome(status="dead"))
    name = effect_id("dresdner", "send_payment_file", RUN)
    off = EffectHandled(
        effect_id=name, connector="dresdner", operation="send_payment_file", action="cancelled", reason="bank is down"
    )
    facts = story.tell(off, RUN, ACCOUNT, entity="de", actor=BOB)
    assert facts[0] == RunCancelled(reason="person:bob called the file off: bank is down")
    assert statuses(story, "invoice") == {A.invoice_id: "posted"}
    assert story.cases()[f"sync_failed {RUN}"] == "settled"


@pytest.mark.parametrize(
    ("reported", "payments", "claims"),
    [
        pytest.param(["ACCP"], "claimed", "ACCP", id="a positive status without details covers all"),
        pytest.param(["ACCP", "ACTC"], "claimed", "ACCP", id="out of order"),
        pytest.param(["RJCT"], "rejected", "RJCT", id="a rejection covers all"),
        pytest.param(["ACSP", "RJCT"], "rejected", "RJCT", id="a rejection after a positive status"),
        pytest.param(["RJCT", "ACSP"], "rejected", "RJCT", id="a positive status after a rejection"),
        pytest.param(["PART"], "released", "", id="some of them: nothing about any one"),
        pytest.param(["ACCP", "PART"], "claimed", "ACCP", id="some of them keeps what was said"),
        pytest.param(["ACCT"], "released", "", id="an unknown code moves nothing"),
    ],
)
def test_group_status(reported: list[str], payments: str, claims: str) -> None:
    story = released(A, B)
    for status in reported:
        report(story, status)
    rows = story.rows("payment").values()
    assert [(row["status"], row["claim"]) for row in rows] == [(payments, claims)] * 2


def test_a_group_status_that_is_unknown_is_a_case() -> None:
    story = released(A)
    problem = Problem(Code.UNKNOWN_CODE, RUN, "a group status of ISO 20022", "ACCT", detail="odd")
    (opened,) = report(story, "ACCT", "odd")
    assert isinstance(opened, CaseOpened)
    assert opened.case.problems == (problem,)


def test_the_same_group_status_again_is_not_handed_on() -> None:
    story = released(A)
    report(story, "ACCP")
    assert report(story, "ACCP") == []


def test_some_of_them_is_handed_to_nobody() -> None:
    story = released(A)
    assert report(story, "PART") == []
    assert story.rows("payment_run")[RUN]["claim"] == "PART"


def test_a_group_level_positive_never_overrides_a_transaction_level_reject() -> None:
    story = released(A, B)
    rejected = PaymentStatusReported(status="RJCT", reason="AC04")
    assert PaymentRejected(status="RJCT", reason="AC04") in story.tell(rejected, A.payment_id, A.home, entity="de")
    report(story, "ACSP")
    assert statuses(story, "payment") == {A.payment_id: "rejected", B.payment_id: "claimed"}


def test_a_group_level_reject_covers_a_payment_that_was_under_way() -> None:
    story = released(A, B)
    story.tell(PaymentStatusReported(status="ACSP"), A.payment_id, A.home, entity="de")
    assert statuses(story, "payment") == {A.payment_id: "claimed", B.payment_id: "released"}
    report(story, "RJCT")
    assert statuses(story, "payment") == {A.payment_id: "rejected", B.payment_id: "rejected"}
    assert statuses(story, "invoice") == {A.invoice_id: "posted", B.invoice_id: "posted"}


# ── what must always hold ──────────────────────────────────────────────────────────────────────────────────────────

PEOPLE = st.sampled_from([ALICE, "person:ALICE", BOB, "system:timer"])
MOVES = st.one_of(
    st.tuples(st.just("release"), PEOPLE),
    st.tuples(st.sampled_from(["hold", "let go"]), st.sampled_from([0, 1])),
    st.tuples(st.just("cancel"), PEOPLE),
    st.tuples(st.just("propose"), PEOPLE),
    st.tuples(st.just("settle"), st.sampled_from(["applied", "refused", "unknown", "dead"])),
    st.tuples(st.just("report"), st.sampled_from(["ACCP", "RJCT", "PART", "XXXX"])),
)


def _play(story: Story, move: tuple[str, str | int]) -> None:
    match move:
        case ("release", str(actor)):
            release(story, actor)
        case ("hold", int(number)):
            story.tell(PaymentsHeld(supplier_id=(A, B)[number].supplier_id, reason="?"), actor="person:carol")
        case ("let go", int(number)):
            story.tell(PaymentsReleased(supplier_id=(A, B)[number].supplier_id, reason="!"), actor="person:dan")
        case ("cancel", str(actor)):
            story.tell(RunCancelRequested(run_id=RUN, reason="?"), RUN, ACCOUNT, entity="de", actor=actor)
        case ("propose", str(actor)):
            propose(story, A, B, actor=actor)
        case ("settle", str(status)) if story.asked(SendPaymentFile):
            deliver(story, Outcome(status=status))
        case ("report", str(status)):
            report(story, status)


@settings(max_examples=120, deadline=None)
@given(st.lists(MOVES, max_size=10))
def test_whatever_happens_two_people_and_exactly_the_released_payments(moves: list[tuple[str, str | int]]) -> None:
    story = world(A, B)
    propose(story, A, B)
    for move in moves:
        _play(story, move)
    files = story.asked(SendPaymentFile)
    assert len(files) <= 1
    asked = [event for event in story.events if isinstance(event.data, PaymentReleased) and event.subject != RUN]
    if not files:
        assert asked == []
        return
    state = story.state("payment_run", RUN)
    assert (state.proposed_by, state.released_by) == (ALICE, BOB)
    payload = files[0].payload
    assert isinstance(payload, SendPaymentFile)
    in_file = payload.run.payments
    assert list(in_file) == [event.data.payment for event in asked]  # type: ignore[attr-defined]
    assert sum(one.amount.minor for one in in_file) == story.rows("payment_run")[RUN]["total_minor"]
    assert all(one["status"] != "booked" for one in story.rows("payment").values())


def test_a_bank_that_cancels_the_whole_file_cancels_every_payment_of_it() -> None:
    story = released(A, B)
    answer = CancellationAnswer(
        answer_id="RES-1", case_reference="C-1", original_message_id=RUN, payment_ref="", status="CNCL"
    )
    story.tell(CancellationAnswered(answer=answer), RUN, ACCOUNT, entity="de")
    assert statuses(story, "payment") == {A.payment_id: "rejected", B.payment_id: "rejected"}
    assert statuses(story, "invoice") == {A.invoice_id: "posted", B.invoice_id: "posted"}


def test_a_supplier_in_edi_is_told_what_is_paid_once_the_bank_has_accepted_it() -> None:
    partner = Partner(
        name="A", ids=("4012345000009",), tax_id=A.supplier.tax_id, our_id="ACME", connector="as2", remittance="REMADV"
    )
    policy = replace(POLICY, partners={"a": partner})
    story = world(A, B)
    story.policy = policy
    story.processes = (*story.processes, interchange.PROCESS)
    propose(story, A, B)
    release(story)
    deliver(story, Outcome(status="applied", reference="file"))
    assert story.asked(SendDocument) == []
    report(story, "ACSP")
    report(story, "ACSC")
    (intent,) = story.asked(SendDocument)
    payload = intent.payload
    assert isinstance(payload, SendDocument)
    advices = [record for record in read(payload.body).records if isinstance(record, RemittanceAdvice)]
    assert [(advice.advice_id, advice.amount, [line.number for line in advice.lines]) for advice in advices] == [
        (A.payment_id, A.amount, ["R-0"])
    ]
