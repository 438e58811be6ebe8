"""Payments ask for themselves whose hands they have been in: their run lives in another partition."""

from msgspec.structs import replace
from tests.processes.paid import (  # fmt: skip
    ALICE,
    BOB,
    POLICY,
    PROCESSES,
    RUN,
    A,
    B,
    Paid,
    propose,
    release,
    statuses,
)
from tests.processes.story import START, Story

from tieout.kernel.problem import Code, Problem
from tieout.model.facts import (
    DutiesCompensated,
    EffectHandled,
    Fact,
    PaymentsHeld,
    PaymentsReleased,
    PaymentWithheld,
    RunReleaseRefused,
    SupplierProposed,
)
from tieout.policy.controls import Control
from tieout.policy.policy import Policy
from tieout.processes import hands, invoice
from tieout.processes.process import Governance

CONTROL = Control(
    name="one-person treasury",
    duties=("VM", "PX"),
    person="bob",
    measure="the auditor looks at every run",
    reviewer="rita",
    valid_from=START.date(),
    valid_until=START.date().replace(year=2027),
    review_days=365,
)


def world(*paid: Paid, policy: Policy = POLICY, by: str = "system:erp") -> Story:
    """Suppliers whom somebody maintains, with posted invoices."""
    story = Story(policy, (*PROCESSES, hands.PROCESS))
    for one in paid:
        story.tell(SupplierProposed(supplier=one.supplier), actor=by if one is paid[0] else "system:erp")
        story.homes[one.home].states["invoice", one.invoice_id] = invoice.State(
            one.invoice, "ap", 0, 0, status="posted"
        )
    story.events.clear()
    return story


def told(story: Story, kind: type[Fact]) -> list[Fact]:
    return [event.data for event in story.events if isinstance(event.data, kind)]


def withheld(one: Paid, who: str, did: str, cannot: str, why: str) -> PaymentWithheld:
    reason = f"{who} did {did} on this document before and cannot {cannot}: {why}"
    problem = Problem(Code.SAME_PERSON, one.payment_id, "another person", detail=reason)
    return PaymentWithheld(payment_id=one.payment_id, run_id=RUN, problems=(problem,))


def test_whoever_maintains_a_supplier_does_not_propose_its_payment() -> None:
    story = world(A, B, by=ALICE)
    propose(story, A, B)
    why = "Whoever maintains suppliers could propose payments to a fictitious one."
    assert told(story, PaymentWithheld)[:1] == [withheld(A, "alice", "propose supplier", "propose payment", why)]
    assert statuses(story, "payment") == {A.payment_id: "withheld", B.payment_id: "reserved"}


def test_whoever_maintains_a_supplier_does_not_release_its_payment() -> None:
    story = world(A, B, by=BOB)
    propose(story, A, B)
    release(story)
    why = "Whoever maintains suppliers could redirect a payment and release it."
    assert told(story, PaymentWithheld)[:1] == [withheld(A, "bob", "propose supplier", "release payment", why)]
    assert statuses(story, "payment") == {A.payment_id: "withheld", B.payment_id: "released"}
    assert story.cases() == {f"payment_withheld {A.invoice_id}": "open"}


def test_under_a_control_it_goes_out_and_the_log_says_under_which() -> None:
    story = world(A, B, by=BOB, policy=replace(POLICY, controls=(CONTROL,)))
    propose(story, A, B)
    release(story)
    assert statuses(story, "payment") == {A.payment_id: "released", B.payment_id: "released"}
    assert told(story, DutiesCompensated) == [
        DutiesCompensated(action="release_payment", controls=("one-person treasury",))
    ]


def test_no_control_lets_a_proposer_release_the_run() -> None:
    own = replace(CONTROL, duties=("PP", "PX"), person="alice")
    story = world(A, policy=replace(POLICY, controls=(own,)))
    propose(story, A)
    release(story, ALICE)
    assert [type(fact) for fact in told(story, RunReleaseRefused)] == [RunReleaseRefused]
    assert statuses(story, "payment") == {A.payment_id: "reserved"}


def test_who_sent_the_invoice_again_does_not_release_its_payment() -> None:
    story = world(A)
    again = EffectHandled(effect_id="e", connector="tryton", operation="post_invoice", action="redelivered", reason="r")
    story.tell(again, A.invoice_id, A.home, actor=BOB, source="person")
    propose(story, A)
    release(story)
    why = "A replay could send again what the same person released."
    assert told(story, PaymentWithheld)[:1] == [withheld(A, "bob", "handle effect", "release payment", why)]


def test_who_wrote_the_policy_does_not_release_a_payment_under_it() -> None:
    story = world(A)
    propose(story, A)
    story.homes[A.home].governance = Governance(authors=(hands.Act("draft_policy", BOB),))
    release(story)
    why = "Whoever loosens a rule could then release a payment under it."
    assert told(story, PaymentWithheld)[:1] == [withheld(A, "bob", "draft policy", "release payment", why)]


def test_holding_and_releasing_are_kept_as_acts_on_the_supplier() -> None:
    story = world(A)
    supplier_id = A.supplier_id
    story.tell(PaymentsHeld(supplier_id=supplier_id, reason="r"), actor=ALICE, source="person")
    story.tell(PaymentsHeld(supplier_id=supplier_id, reason="r"), actor=ALICE, source="person")
    story.tell(PaymentsReleased(supplier_id=supplier_id, reason="r"), actor=BOB, source="person")
    assert story.state("hands", supplier_id).acts == (
        hands.Act("propose_supplier", "system:erp", "ap"),
        hands.Act("hold_payments", ALICE, "person"),
        hands.Act("release_hold", BOB, "person"),
    )


def test_who_loosened_the_policy_that_an_invoice_passed_under_does_not_release_it_after_it_was_rolled_back() -> None:
    """Loosen, wait until it has passed by itself, roll back, and pay."""
    story = world(A, B)
    passed = story.homes[A.home].states["invoice", A.invoice_id]
    story.homes[A.home].states["invoice", A.invoice_id] = replace(passed, passed_under="loose")
    propose(story, A, B)
    for one in (A, B):
        story.homes[one.home].governance = Governance(behind={"loose": (hands.Act("draft_policy", BOB),)})
    release(story)
    why = "Whoever loosens a rule could then release a payment under it."
    assert told(story, PaymentWithheld)[:1] == [withheld(A, "bob", "draft policy", "release payment", why)]
    assert statuses(story, "payment") == {A.payment_id: "withheld", B.payment_id: "released"}
