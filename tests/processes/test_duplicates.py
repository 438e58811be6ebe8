"""The first document that carries a number claims it; what looks like another waits until a person has compared them."""

from datetime import date, timedelta
from decimal import Decimal

import pytest
from msgspec.structs import replace
from tests.processes.company import (
    IBAN,
    POLICY,
    SUPPLIER,
    SUPPLIER_ID,
    approve,
    bill,
    eur,
    names,
    receive,
    refold,
    states_of,
    story,
    without_order,
)
from tests.processes.story import Story

from tieout.kernel.problem import Code, Problem
from tieout.matching.duplicates import normal_number
from tieout.matching.duplicates.fingerprint import account_digest
from tieout.model.cases import CaseClass
from tieout.model.documents import Invoice, InvoiceKind
from tieout.model.duplicates import Lookalike
from tieout.model.effects import PostInvoice
from tieout.model.facts import (
    ApprovalDecided,
    CaseOpened,
    ComparisonDue,
    DuplicateCleared,
    DuplicateOverruled,
    DuplicateSuspected,
    InvoiceAdmitted,
    InvoiceCancelled,
    PostingDue,
    SupplierProposed,
)
from tieout.policy.duplicates import DuplicateRules
from tieout.processes.case import case_id

BEA = "person:bea"


@pytest.mark.parametrize(
    ("number", "normal"),
    [
        ("12A", "12A"),
        (" 12 a ", "12A"),
        ("0012-A", "12A"),
        ("00-12–a", "12A"),
        ("12\u00a0A", "12A"),
        ("2024/01", "2024/01"),
        ("000", "0"),
        ("", ""),
    ],
)
def test_spaces_hyphens_leading_zeros_and_case_do_not_tell_numbers_apart(number: str, normal: str) -> None:
    assert normal_number(number) == normal


def test_a_second_invoice_with_the_same_number_is_stopped_and_says_where_the_first_is() -> None:
    told = story()
    first, second = receive(told, bill(), "ap-1"), receive(told, bill(number="r 100"), "ap-2")
    opened = [event.data for event in told.events if isinstance(event.data, CaseOpened)]
    assert [told.state("invoice", one).status for one in (first, second)] == ["matched", "duplicate"]
    assert len(opened) == 1
    assert opened[0].case.document == second
    assert opened[0].case.amount == eur("119.00")
    assert opened[0].case.problems == (
        Problem(Code.DUPLICATE_INVOICE, "number", "a number other than R-100", "r 100", detail=first),
    )
    assert first in opened[0].case.reason
    assert "came by email on 2026-05-04" in opened[0].case.reason
    assert IBAN not in opened[0].case.reason
    assert told.asked(PostInvoice) == []


def test_a_cleared_duplicate_goes_on_and_its_case_is_settled() -> None:
    told = story()
    receive(told, without_order(), "ap-1")
    second = receive(told, without_order(), "ap-2")
    facts = told.tell(DuplicateCleared(reason="two deliveries, one number"), second, actor="person:bea")
    assert names(facts) == ["InvoiceAdmitted", "CaseSettled", "InvoiceValidated"]
    assert told.state("case", case_id(CaseClass.DUPLICATE, second)).status == "settled"
    assert told.tell(DuplicateCleared(reason="again"), second) == []


def test_the_number_of_a_cancelled_invoice_stays_claimed() -> None:
    told = story()
    first = receive(told, bill(), "ap-1")
    told.tell(InvoiceCancelled(reason="wrong addressee"), first)
    assert told.state("invoice", receive(told, bill(), "ap-2")).status == "duplicate"


def test_a_third_document_is_compared_with_the_first() -> None:
    told = story()
    first, *others = (receive(told, bill(), f"ap-{n}") for n in range(3))
    assert [told.state("invoice", one).reason for one in others] == [f"carries the same number as {first}"] * 2


# ── what looks like another ────────────────────────────────────────────────────────────────────────────────────────


def pair(told: Story | None = None) -> tuple[Story, str, str]:
    """An invoice, and one whose number has two digits swapped."""
    told = told or story()
    return told, receive(told, without_order(number="R-1012")), receive(told, without_order(number="R-1021"))


def last_case(told: Story) -> CaseOpened:
    return next(event.data for event in reversed(told.events) if isinstance(event.data, CaseOpened))


def test_what_looks_like_another_waits_and_says_why() -> None:
    told, first, second = pair()
    state = told.state("invoice", second)
    words = "two characters of the number changed places, the same supplier, the same amount, the same date"
    assert told.state("invoice", first).status == "valid"
    assert (state.status, state.reason) == ("suspect", f"looks like {first}: {words}")
    assert [one.invoice_id for one in state.candidates] == [first]
    case = last_case(told).case
    assert (case.case_class, case.document, case.amount) == (CaseClass.SUSPECTED_DUPLICATE, second, eur("119.00"))
    assert case.reason == (
        f"Invoice R-1021 of Schrauben AG (119.00 EUR) looks like R-1012 ({first}): {words} (100 of 100)."
    )
    assert case.problems == (
        Problem(
            Code.SUSPECTED_DUPLICATE,
            "three_of_four",
            "a claim other than R-1012",
            f"{words} (100 of 100)",
            detail=first,
        ),
    )
    assert told.rows("invoice")[second]["status"] == "suspect"
    assert ("unposted", "de", "2026-05", second, "119.00 EUR") in told.standings()


def test_what_looks_like_several_names_the_best_first() -> None:
    told, first, second = pair()
    third = receive(told, without_order(number="R-1O12"))
    assert [one.invoice_id for one in told.state("invoice", third).candidates] == [first, second]
    assert last_case(told).case.reason.endswith(", and 1 more.")


def test_what_is_compared_and_explained_is_on_the_record() -> None:
    told = story()
    first = receive(told, without_order(number="R-100"))
    credit = without_order(number="C-1", kind=InvoiceKind.CREDIT_NOTE, credits_number="R-100")
    receive(told, credit)
    again = receive(told, without_order(number="R-100A"))
    (admitted,) = (e.data for e in told.events if e.subject == again and isinstance(e.data, InvoiceAdmitted))
    assert (admitted.compared, [one.invoice_id for one in admitted.explained]) == (2, [first])
    assert (admitted.account, told.state("invoice", again).account) == (account_digest(IBAN), account_digest(IBAN))
    assert told.state("invoice", again).compared == 2


def test_a_cleared_one_goes_on_and_is_never_asked_about_again() -> None:
    told, first, second = pair()
    facts = told.tell(DuplicateCleared(reason="two deliveries"), second, actor=BEA)
    assert names(facts) == ["InvoiceAdmitted", "CaseSettled", "InvoiceValidated"]
    state = told.state("invoice", second)
    assert (state.status, state.candidates, state.apart) == ("valid", (), (first,))
    approve(told, second)
    approve(told, first)
    assert [intent.key for intent in told.asked(PostInvoice)] == [second, first]
    assert refold(told) == states_of(told)


def test_nobody_clears_what_they_entered_and_no_machine_clears_anything() -> None:
    told = story()
    receive(told, without_order(number="R-1012"))
    second = receive(told, without_order(number="R-1021"), actor="person:Bea")
    assert names(told.tell(DuplicateCleared(reason="mine"), second, actor=BEA)) == ["CaseOpened"]
    assert last_case(told).case.problems[0].code is Code.SAME_PERSON
    told.tell(DuplicateOverruled(reason="mine"), second, actor=BEA)
    told.tell(DuplicateCleared(reason="by itself"), second, actor="system")
    assert last_case(told).case.reason.endswith("system is not a person and cannot accept a variance")
    assert told.state("invoice", second).status == "suspect"


@pytest.mark.parametrize(
    ("limits", "cleared"),
    [
        ({}, True),
        ({"USD": Decimal(1)}, True),
        ({"EUR": Decimal(119)}, True),
        ({"EUR": Decimal("118.99")}, False),
        ({"EUR": Decimal(0)}, False),
    ],
)
def test_above_the_limit_it_takes_a_manager(limits: dict[str, Decimal], cleared: bool) -> None:
    policy = replace(POLICY, duplicates=DuplicateRules(override_above=limits))
    told, _, second = pair(story(policy=policy))
    told.tell(DuplicateCleared(reason="two deliveries"), second, actor=BEA)
    assert told.state("invoice", second).status == ("valid" if cleared else "suspect")
    if not cleared:
        problem = last_case(told).case.problems[0]
        limit = f"at most {limits['EUR']} EUR"
        assert problem == Problem(Code.OVERRIDE_LIMIT, "gross", limit, "119.00 EUR")
        told.tell(DuplicateOverruled(reason="I saw both"), second, actor=BEA)
        assert told.state("invoice", second).status == "valid"


def test_a_stopped_number_above_the_limit_takes_a_manager_too() -> None:
    policy = replace(POLICY, duplicates=DuplicateRules(override_above={"EUR": Decimal(100)}))
    told = story(policy=policy)
    receive(told, without_order(), "ap-1")
    second = receive(told, without_order(), "ap-2")
    told.tell(DuplicateCleared(reason="two deliveries"), second, actor=BEA)
    assert told.state("invoice", second).status == "duplicate"
    told.tell(DuplicateOverruled(reason="two deliveries"), second, actor=BEA)
    assert told.state("invoice", second).status == "valid"
    assert told.tell(DuplicateOverruled(reason="again"), second, actor=BEA) == []


# ── the second look ────────────────────────────────────────────────────────────────────────────────────────────────


def unseen(told: Story, document: Invoice) -> str:
    """It arrives at one moment with the others: none saw the other then, as when two workers handle them."""
    told.known.__init__()  # type: ignore[misc]
    invoice_id = receive(told, document)
    for one in told.committed.values():
        told.known.add(one)
    return invoice_id


def test_what_went_unseen_is_stopped_before_it_is_posted() -> None:
    told = story()
    first = receive(told, without_order(number="R-1012"))
    second = unseen(told, without_order(number="R-1021"))
    approve(told, first)
    assert [type(e.data) for e in told.events if e.subject == first][-1] is DuplicateSuspected
    assert told.state("invoice", first).status == "suspect"
    approve(told, second)
    assert [intent.key for intent in told.asked(PostInvoice)] == [second]
    told.tell(DuplicateCleared(reason="two deliveries"), first, actor=BEA)
    assert [intent.key for intent in told.asked(PostInvoice)] == [second, first]
    assert told.state("invoice", first).status == "posting"
    assert refold(told) == states_of(told)


def test_an_approval_counts_while_a_person_compares() -> None:
    told, _, second = pair()
    told.tell(ApprovalDecided(approved=True, approver="anna"), second, entity="de")
    assert (told.state("invoice", second).status, told.asked(PostInvoice)) == ("suspect", [])
    told.tell(DuplicateCleared(reason="two deliveries"), second, actor=BEA)
    assert [intent.key for intent in told.asked(PostInvoice)] == [second]


def test_a_refusal_counts_while_a_person_compares() -> None:
    told = story()
    first = receive(told, without_order(number="R-1012"))
    second = unseen(told, without_order(number="R-1021"))
    approve(told, first)
    assert told.state("invoice", first).status == "suspect"
    approve(told, first, approved=False, reason="not ours")
    told.tell(DuplicateCleared(reason="two deliveries"), first, actor=BEA)
    assert (told.state("invoice", first).status, told.asked(PostInvoice)) == ("rejected", [])
    approve(told, first)
    told.tell(InvoiceCancelled(reason="not ours"), second)
    assert told.state("invoice", first).status == "posting"


def test_a_stray_look_asks_for_nothing_twice() -> None:
    told = story()
    first = receive(told, without_order())
    told.tell(PostingDue(), first)
    assert told.asked(PostInvoice) == []
    approve(told, first)
    told.tell(PostingDue(), first)
    assert len(told.asked(PostInvoice)) == 1


# ── a suspect goes on by itself ────────────────────────────────────────────────────────────────────────────────────


def test_a_suspect_goes_on_when_what_it_looks_like_is_cancelled() -> None:
    told, first, second = pair()
    facts = told.tell(InvoiceCancelled(reason="wrong addressee"), first, actor=BEA)
    assert names(facts) == ["ComparisonDue", "CaseSettled", "InvoiceAdmitted", "InvoiceValidated"]
    assert told.state("invoice", second).status == "valid"
    case = told.state("case", case_id(CaseClass.SUSPECTED_DUPLICATE, second))
    assert (case.status, case.resolution) == ("settled", "R-1012 was cancelled")
    assert told.tell(ComparisonDue(reason="again"), second) == []
    assert refold(told) == states_of(told)


def test_a_suspect_with_the_net_total_goes_on_when_what_it_looks_like_is_cancelled() -> None:
    told = story()
    first = receive(told, without_order(number="R-1012"))
    second = receive(told, without_order(number="R-1O12", tax=eur("0.00"), gross=eur("100.00")))
    assert told.state("invoice", second).status == "suspect"
    told.tell(InvoiceCancelled(reason="wrong addressee"), first, actor=BEA)
    assert told.state("invoice", second).status == "invalid"  # it is compared no more, and its tax is missing
    assert refold(told) == states_of(told)


def test_a_suspect_goes_on_when_the_credit_note_comes_after_it() -> None:
    told, _, second = pair()
    before = date(2026, 4, 1)
    receive(told, without_order(number="C-8", kind=InvoiceKind.CREDIT_NOTE, credits_number="R-77", issued_on=before))
    assert told.state("invoice", second).status == "suspect"
    receive(told, without_order(number="C-9", kind=InvoiceKind.CREDIT_NOTE, credits_number="r 1012"))
    assert told.state("invoice", second).status == "valid"
    case = told.state("case", case_id(CaseClass.SUSPECTED_DUPLICATE, second))
    assert (case.status, case.resolution) == ("settled", "R-1012 was taken back by credit note C-9")
    (admitted,) = (e.data for e in told.events if e.subject == second and isinstance(e.data, InvoiceAdmitted))
    assert [one.explained for one in admitted.explained] == ["a credit note has taken one of them back"]


def test_a_suspect_stays_while_another_speaks_against_it_and_says_which() -> None:
    told, first, second = pair()
    third = receive(told, without_order(number="R-1O12"))
    told.tell(InvoiceCancelled(reason="wrong addressee"), first)
    assert [told.state("invoice", one).status for one in (second, third)] == ["valid", "suspect"]
    assert [one.invoice_id for one in told.state("invoice", third).candidates] == [second]
    assert last_case(told).case.reason.count(second) == 1
    told.tell(InvoiceCancelled(reason="a double"), second)
    assert told.state("invoice", third).status == "valid"
    assert refold(told) == states_of(told)


def test_of_two_that_were_stopped_for_each_other_one_decision_is_enough() -> None:
    told = story()
    first = receive(told, without_order(number="R-1012"))
    second = unseen(told, without_order(number="R-1021"))
    seen_open = told.committed[first]
    approve(told, first)
    stopped = told.committed[first]
    told.known.add(seen_open)  # two workers at one moment: each sees the other as it was committed
    approve(told, second)
    told.known.add(stopped)
    assert [told.state("invoice", one).status for one in (first, second)] == ["suspect", "suspect"]
    told.tell(DuplicateCleared(reason="two deliveries"), first, actor=BEA)
    assert [intent.key for intent in told.asked(PostInvoice)] == [first, second]
    case = told.state("case", case_id(CaseClass.SUSPECTED_DUPLICATE, second))
    assert (case.status, case.resolution) == ("settled", "R-1012 was told apart by person:bea")


def test_what_is_stopped_for_another_is_not_let_go_for_a_third() -> None:
    told, first, second = pair()
    third = receive(told, without_order(number="R-1O12"))
    told.tell(DuplicateCleared(reason="two deliveries"), third, actor=BEA)
    assert told.state("invoice", third).apart == (first, second)
    state = told.state("invoice", second)
    assert (state.status, [one.invoice_id for one in state.candidates]) == ("suspect", [first])
    told.tell(InvoiceCancelled(reason="wrong addressee"), first)
    assert told.state("invoice", second).status == "valid"


def test_a_suspect_of_another_amount_is_not_troubled() -> None:
    told, first, second = pair()
    for number in ("R-7712", "R-7721"):
        last = receive(told, without_order(number=number, net=eur("95.00"), tax=eur("17.00"), gross=eur("112.00")))
    assert told.state("invoice", last).status == "suspect"
    told.tell(InvoiceCancelled(reason="wrong addressee"), first)
    assert [event.subject for event in told.events if isinstance(event.data, ComparisonDue)] == [second]


def test_a_number_that_is_taken_is_not_given_free() -> None:
    told = story()
    first, second = receive(told, without_order(), "ap-1"), receive(told, without_order(), "ap-2")
    told.tell(InvoiceCancelled(reason="wrong addressee"), first)
    assert told.state("invoice", second).status == "duplicate"


def test_a_suspect_of_another_supplier_is_told_where_it_lives() -> None:
    told = story()
    told.tell(SupplierProposed(supplier=replace(SUPPLIER, supplier_id="sup-other", tax_id="DE811907980")))
    first = receive(told, without_order(number="R-1012"))
    second = receive(told, without_order(number="R-1021", supplier_id="sup-other"))
    assert told.state("invoice", second).status == "suspect"
    told.tell(InvoiceCancelled(reason="wrong addressee"), first)
    assert told.state("invoice", second).status != "suspect"
    assert (
        len(
            {
                name
                for name, home in told.homes.items()
                for key in home.states
                if key in {("invoice", first), ("invoice", second)}
            }
        )
        == 2
    )


def test_a_suspect_that_was_about_to_be_posted_is_posted() -> None:
    told = story()
    first = receive(told, without_order(number="R-1012"))
    second = unseen(told, without_order(number="R-1021"))
    approve(told, first)
    assert told.asked(PostInvoice) == []
    told.tell(InvoiceCancelled(reason="a double"), second)
    assert [intent.key for intent in told.asked(PostInvoice)] == [first]


# ── what comes again ───────────────────────────────────────────────────────────────────────────────────────────────


def test_what_a_person_has_taught_is_not_asked_about_until_it_expires() -> None:
    told = story(policy=replace(POLICY, duplicates=DuplicateRules(lookalike_days=30)))
    receive(told, without_order(number="AAA-BT", issued_on=date(2026, 4, 30)))
    second = receive(told, without_order(number="AAA-BU", issued_on=date(2026, 5, 2)))
    facts = told.tell(DuplicateCleared(reason="every other day", recurring=True), second, actor=BEA)
    assert names(facts) == ["InvoiceAdmitted", "LookalikeLearnt", "CaseSettled", "InvoiceValidated"]
    subject = f"de/{SUPPLIER_ID}/EUR/11900"
    taught = Lookalike(
        entity="de",
        supplier_id=SUPPLIER_ID,
        currency="EUR",
        amount_minor=11900,
        interval_days=2,
        until=date(2026, 6, 3),
    )
    assert told.state("lookalike", subject).patterns == (taught,)
    assert told.rows("lookalike") == {
        subject: {
            "entity": "de",
            "supplier_id": SUPPLIER_ID,
            "currency": "EUR",
            "amount_minor": 11900,
            "intervals": "2",
            "until": "2026-06-03",
            "taught_by": BEA,
            "invoice_id": second,
        }
    }
    third = receive(told, without_order(number="AAA-BV", issued_on=date(2026, 5, 4)))
    assert told.state("invoice", third).status == "valid"
    told.now += timedelta(days=31)
    fourth = receive(told, without_order(number="AAA-BW", issued_on=date(2026, 5, 6)))
    assert told.state("invoice", fourth).status == "suspect"
    told.tell(DuplicateCleared(reason="every other day", recurring=True), fourth, actor=BEA)
    assert {one.interval_days for one in told.state("lookalike", subject).patterns} == {2, 4, 6}
    assert len(told.state("lookalike", subject).patterns) == 3
    assert told.rows("lookalike")[subject]["until"] == "2026-07-04"
    assert refold(told) == states_of(told)


def test_what_was_cleared_once_teaches_nothing_by_itself() -> None:
    told, _, second = pair()
    told.tell(DuplicateCleared(reason="two deliveries"), second, actor=BEA)
    assert told.rows("lookalike") == {}


def test_the_group_of_a_supplier_is_part_of_what_is_compared() -> None:
    told = story(supplier=False)
    told.tell(_proposed(parent_id="sup-parent"))
    first = receive(told, without_order())
    assert told.committed[first].parent == "sup-parent"


def _proposed(**changes: str) -> SupplierProposed:
    return SupplierProposed(supplier=replace(SUPPLIER, **changes))
