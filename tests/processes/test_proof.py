"""Who paid does not reconcile: what proves a payment, by who told it (duties PP-RC and PX-RC)."""

from datetime import timedelta

import pytest
from msgspec.structs import replace
from tests.processes.paid import (  # fmt: skip
    ACCOUNT,
    ALICE,
    BOB,
    DAY,
    OURS,
    POLICY,
    PROCESSES,
    A,
    B,
    Paid,
    deliver,
    propose,
    release,
    statuses,
)
from tests.processes.story import START, Story

from tieout.kernel.money import Money
from tieout.kernel.problem import Code, Problem
from tieout.model.cases import Case, CaseClass
from tieout.model.documents import BankStatement, StatementEntry
from tieout.model.facts import (
    CaseOpened,
    CaseSettled,
    DutiesCompensated,
    EntriesNotified,
    Fact,
    GapAccepted,
    InvoicePaid,
    LiabilityReopened,
    Outcome,
    PaymentBooked,
    PaymentEntryBooked,
    PaymentProofDecided,
    PaymentProofHeld,
    PaymentProofTaken,
    StatementAccepted,
    StatementReceived,
    SupplierProposed,
)
from tieout.policy.controls import Control
from tieout.policy.duties import Identity
from tieout.policy.policy import Policy
from tieout.processes import hands, invoice
from tieout.processes.case import case_id

CARL, BANK = "person:carl", "system:dresdner"
CONCEALS = "Whoever releases payments could conceal one in the reconciliation."
WHY = f"bob did release payment on this document before and cannot load statement: {CONCEALS}"


def paid(*ones: Paid, policy: Policy = POLICY) -> Story:
    """Payments that Alice proposed and Bob released, and whose file the bank has."""
    story = Story(policy, (*PROCESSES, hands.PROCESS))
    for one in ones:
        story.tell(SupplierProposed(supplier=one.supplier))
        story.homes[one.home].states["invoice", one.invoice_id] = invoice.State(
            one.invoice, "ap", 0, 0, status="posted"
        )
    propose(story, *ones)
    release(story)
    deliver(story, Outcome(status="applied", reference="F-1"))
    return story


def statement(*entries: StatementEntry, number: int = 1, opening: int = 100_000) -> BankStatement:
    opens = Money(opening, "EUR")
    return BankStatement(
        statement_id=f"S{number}",
        iban=OURS.iban,
        currency="EUR",
        opening=opens,
        closing=opens + sum((entry.amount for entry in entries), Money.zero("EUR")),
        opened_on=DAY + timedelta(days=number),
        closed_on=DAY + timedelta(days=number),
        entries=entries,
    )


def load(story: Story, actor: str, one: BankStatement) -> list[Fact]:
    return story.tell(StatementReceived(statement=one, entity="de"), home=ACCOUNT, actor=actor, source="document")


def look(story: Story, actor: str, *, confirmed: bool, one: Paid = A) -> list[Fact]:
    decided = PaymentProofDecided(confirmed=confirmed, reason="seen in the bank's portal")
    return story.tell(decided, one.payment_id, one.home, actor=actor, source="person")


def waiting(story: Story, one: Paid = A) -> int:
    return len(story.state("payment", one.payment_id).unproved)


def entry_told(teller: str, *, again: bool = False) -> PaymentEntryBooked:
    return PaymentEntryBooked(entry=A.entry(), statement_id="S1", told_by=teller, again=again)


PROOF = f"proof_unconfirmed {A.payment_id}"
SETTLED = CaseSettled(resolution="carl told the same")
BOOKED = [
    PaymentBooked(entry=A.entry(), statement_id="S1"),
    PaymentProofTaken(entry=A.entry(), told_by=CARL),
    SETTLED,
    InvoicePaid(payment_id=A.payment_id, booked_on=DAY),
]


def test_a_statement_loaded_by_who_released_the_payment_proves_nothing_and_is_kept() -> None:
    story = paid(A)
    problem = Problem(
        Code.SAME_PERSON,
        "E1",
        "the bank's own channel, or another person",
        "bob",
        detail=f"-119.00 EUR booked on {DAY} proves nothing yet: {WHY}",
    )
    assert load(story, BOB, statement(A.entry())) == [
        StatementAccepted(statement_id="S1"),
        entry_told(BOB),
        PaymentProofHeld(entry=A.entry(), statement_id="S1", told_by=BOB, reasons=(WHY,)),
        CaseOpened(
            case=Case(
                case_class=CaseClass.PROOF_UNCONFIRMED,
                document=A.payment_id,
                entity="de",
                reason=str(problem),
                problems=(problem,),
                amount=A.amount,
                supplier_id=A.supplier_id,
            )
        ),
    ]
    assert statuses(story, "payment") == {A.payment_id: "released"}
    assert {name for name, *_ in story.standings()} >= {"in_flight"}


@pytest.mark.parametrize(
    ("teller", "status"), [(BOB, "released"), (ALICE, "released"), ("person:BOB", "released"), (CARL, "booked"), (BANK, "booked")]
)  # fmt: skip
def test_only_the_payments_of_whoever_loads_a_statement_wait(teller: str, status: str) -> None:
    story = paid(A)
    load(story, teller, statement(A.entry()))
    assert statuses(story, "payment") == {A.payment_id: status}
    assert story.cases() == ({PROOF: "open"} if status == "released" else {})


def test_the_account_of_a_machine_or_a_connection_that_the_releaser_uses_is_the_releaser() -> None:
    known = (
        Identity(person="bob", system="tieout", name="robot"),
        Identity(person="bob", system="folder"),
    )
    for teller in ("person:robot", "system:folder"):
        story = paid(A, policy=replace(POLICY, identities=known))
        load(story, teller, statement(A.entry()))
        assert statuses(story, "payment") == {A.payment_id: "released"}


@pytest.mark.parametrize("teller", [CARL, BANK])
def test_the_same_statement_told_by_somebody_else_proves_it(teller: str) -> None:
    story = paid(A)
    load(story, BOB, statement(A.entry()))
    load(story, BOB, statement(A.entry()))
    assert waiting(story) == 1
    told = load(story, teller, statement(A.entry()))
    assert told[0] == entry_told(teller, again=True)
    assert statuses(story, "payment") == {A.payment_id: "booked"}
    assert (waiting(story), story.cases()) == (0, {PROOF: "settled"})
    assert load(story, teller, statement(A.entry())) == []


def test_somebody_else_confirms_it_and_nothing_is_lost() -> None:
    story = paid(A)
    load(story, BOB, statement(A.entry()))
    facts = look(story, CARL, confirmed=True)
    assert facts[0] == entry_told(CARL, again=True)
    assert sorted(map(str, facts[1:])) == sorted(map(str, BOOKED))
    assert statuses(story, "payment") == {A.payment_id: "booked"}
    assert (
        story.state("invoice", A.invoice_id).status == "closed" or story.state("invoice", A.invoice_id).status == "paid"
    )
    assert look(story, CARL, confirmed=True) == []


@pytest.mark.parametrize("actor", ["system:dresdner", "system"])
def test_a_machine_confirms_nothing(actor: str) -> None:
    story = paid(A)
    load(story, BOB, statement(A.entry()))
    assert look(story, actor, confirmed=True) == []
    assert statuses(story, "payment") == {A.payment_id: "released"}


def test_a_rejected_entry_proves_nothing_until_the_bank_itself_tells_it() -> None:
    story = paid(A)
    load(story, BOB, statement(A.entry()))
    assert look(story, CARL, confirmed=False) == [CaseSettled(resolution="rejected by carl: seen in the bank's portal")]
    assert statuses(story, "payment") == {A.payment_id: "released"}
    load(story, BANK, statement(A.entry()))
    assert statuses(story, "payment") == {A.payment_id: "booked"}


def test_a_notification_by_hand_proves_nothing_either_and_the_statement_of_the_bank_does() -> None:
    story = paid(A)
    notified = EntriesNotified(iban=OURS.iban, entity="de", entries=(A.entry(),))
    story.tell(notified, home=ACCOUNT, actor=BOB, source="document")
    assert (statuses(story, "payment"), waiting(story)) == ({A.payment_id: "released"}, 1)
    load(story, BANK, statement(A.entry(entry_id="other id")))
    assert (statuses(story, "payment"), waiting(story)) == ({A.payment_id: "booked"}, 0)
    assert story.cases() == {PROOF: "settled"}


def test_a_statement_that_waited_behind_a_gap_is_told_by_who_loaded_it() -> None:
    """Bob's own statement comes first, and counts only when the bank brings the one before it."""
    story = paid(A)
    load(story, BANK, statement(number=1))
    load(story, BOB, statement(A.entry(), number=3, opening=90_000))
    between = StatementEntry(entry_id="X", amount=Money(-10_000, "EUR"), booked_on=DAY)
    load(story, BANK, statement(between, number=2))
    assert (statuses(story, "payment"), waiting(story)) == ({A.payment_id: "released"}, 1)


def test_a_gap_that_somebody_accepts_does_not_make_the_statement_theirs() -> None:
    story = paid(A)
    load(story, BANK, statement(number=1))
    load(story, BOB, statement(A.entry(), number=3, opening=90_000))
    told = GapAccepted(iban=OURS.iban, statement_id="S3", reason="never came")
    story.tell(told, OURS.iban, ACCOUNT, actor=CARL, source="person")
    assert (statuses(story, "payment"), waiting(story)) == ({A.payment_id: "released"}, 1)


def test_a_statement_that_waits_becomes_the_banks_when_the_bank_brings_the_same_and_not_the_other_way_round() -> None:
    between = StatementEntry(entry_id="X", amount=Money(-10_000, "EUR"), booked_on=DAY)
    for first, second in [(BOB, BANK), (BANK, BOB)]:
        story = paid(A)
        load(story, BANK, statement(number=1))
        for teller in (first, second):
            load(story, teller, statement(A.entry(), number=3, opening=90_000))
        load(story, BANK, statement(between, number=2))
        assert (statuses(story, "payment"), waiting(story)) == ({A.payment_id: "booked"}, 0)


def test_a_payment_that_a_persons_file_left_out_is_proved_by_the_banks_own_statement_under_the_same_number() -> None:
    story = paid(A)
    load(story, BOB, statement())
    load(story, BANK, statement(A.entry()))
    assert statuses(story, "payment") == {A.payment_id: "booked"}
    assert story.cases() == {f"statement_gap {OURS.iban}/S1": "open"}


def test_the_banks_own_statement_takes_the_place_of_the_file_that_had_proved_a_payment() -> None:
    """It tells the same debit under an id of its own: that is no second debit."""
    story = paid(A)
    load(story, CARL, statement(A.entry(entry_id="line 7")))
    assert story.state("payment", A.payment_id).entry_id == "line 7"
    load(story, BANK, statement(A.entry()))
    assert story.state("payment", A.payment_id).entry_id == "E1"
    assert story.cases() == {f"statement_gap {OURS.iban}/S1": "open"}


@pytest.mark.parametrize("named", ["E1", "E2"])
def test_a_second_debit_on_the_banks_own_statement_is_seen_whatever_the_file_had_told(named: str) -> None:
    story = paid(A)
    load(story, CARL, statement(A.entry(entry_id=named)))
    load(story, BANK, statement(A.entry(), A.entry(entry_id="E2")))
    assert story.cases() == {f"statement_gap {OURS.iban}/S1": "open", f"payment_differs {A.payment_id}": "open"}


def test_money_that_came_back_is_not_told_by_who_sent_it() -> None:
    """An invented return would open the liability for a second payment."""
    story = paid(A)
    load(story, BANK, statement(A.entry()))
    back = A.entry(minor=11_900, entry_id="E2")
    told = load(story, BOB, statement(back, number=2, opening=88_100))
    assert not any(isinstance(fact, LiabilityReopened) for fact in told)
    assert (statuses(story, "payment"), waiting(story)) == ({A.payment_id: "booked"}, 1)
    look(story, CARL, confirmed=True)
    assert statuses(story, "payment") == {A.payment_id: "returned"}


def test_what_the_bank_had_proved_is_not_asked_again_when_the_releaser_loads_the_statement() -> None:
    story = paid(A)
    load(story, BANK, statement(A.entry()))
    load(story, BOB, statement(A.entry()))
    notified = EntriesNotified(iban=OURS.iban, entity="de", entries=(A.entry(),))
    story.tell(notified, home=ACCOUNT, actor=BOB, source="document")
    assert (statuses(story, "payment"), story.cases(), waiting(story)) == ({A.payment_id: "booked"}, {}, 0)


def test_only_the_payments_of_the_loader_wait_and_the_others_of_the_statement_are_proved() -> None:
    story = paid(A, B)
    # Bob once released another payment to B's supplier, and this one was released by somebody else.
    story.homes[B.home].states["hands", B.payment_id] = hands.State()
    load(story, BOB, statement(A.entry(), B.entry(entry_id="E2")))
    assert statuses(story, "payment") == {A.payment_id: "released", B.payment_id: "booked"}


def test_under_a_control_in_force_it_proves_and_the_log_says_so() -> None:
    control = Control(
        name="one-person treasury",
        duties=("PX", "RC"),
        person="bob",
        measure="the auditor compares every statement with the bank's own",
        reviewer="rita",
        valid_from=START.date(),
        valid_until=START.date().replace(year=2027),
        review_days=365,
    )
    story = paid(A, policy=replace(POLICY, controls=(control,)))
    told = load(story, BOB, statement(A.entry()))
    assert DutiesCompensated(action="load_statement", controls=("one-person treasury",)) in told
    assert statuses(story, "payment") == {A.payment_id: "booked"}


def test_whoever_confirms_is_told_by_their_duties_that_they_may_not() -> None:
    """The unit of work judges the confirmation itself; should it come through, it would be held once more."""
    story = paid(A)
    load(story, BOB, statement(A.entry()))
    facts = look(story, BOB, confirmed=True)
    assert facts == [entry_told(BOB, again=True)]
    assert (statuses(story, "payment"), waiting(story)) == ({A.payment_id: "released"}, 1)
    assert story.state("case", case_id(CaseClass.PROOF_UNCONFIRMED, A.payment_id)).status == "open"
