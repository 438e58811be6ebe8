"""The first document that carries a number claims it; a second one goes no further by itself."""

import pytest
from tests.processes.company import IBAN, bill, eur, names, receive, story, without_order

from tieout.kernel.problem import Code, Problem
from tieout.matching.duplicates import normal_number
from tieout.model.cases import CaseClass
from tieout.model.effects import PostInvoice
from tieout.model.facts import CaseOpened, DuplicateCleared, InvoiceCancelled
from tieout.processes.case import case_id


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
