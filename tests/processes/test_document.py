"""Documents in quarantine are somebody's case until they can be read; so are refusals by partners."""

import pytest
from tests.processes.story import Story

from tieout.kernel.problem import Code, Problem
from tieout.model.documents import BusinessResponse
from tieout.model.facts import DocumentAnswered, DocumentQuarantined, DocumentRead
from tieout.policy.policy import Policy
from tieout.processes import case, document

MARK = "ab" * 32
WRONG = Problem(Code.TOTALS_DISAGREE, "line 40", "100.00 EUR", "99.00 EUR")
QUARANTINED = DocumentQuarantined(mark=MARK, name="rechnung.xml", channel="mail", format="ubl", problems=(WRONG,))


def story() -> Story:
    return Story(Policy(), (document.PROCESS, case.PROCESS))


def test_a_document_in_quarantine_is_a_case_until_it_is_read() -> None:
    told = story()
    told.tell(QUARANTINED, MARK, f"document/{MARK}")
    assert told.cases() == {f"unreadable_document {MARK}": "open"}
    told.tell(DocumentRead(mark=MARK, format="ubl", facts=1), MARK, f"document/{MARK}", actor="person:ann")
    assert told.cases() == {f"unreadable_document {MARK}": "settled"}


@pytest.mark.parametrize(("status", "asks"), [("AP", False), ("PD", False), ("RE", True), ("UQ", True), ("CA", True)])
def test_only_an_unwelcome_answer_asks_for_somebody(status: str, asks: bool) -> None:
    told = story()
    response = BusinessResponse(response_id="R1", about_kind="810", about_number="INV-7", status=status, sender="ACME")
    told.tell(DocumentAnswered(response=response), MARK, f"document/{MARK}")
    assert bool(told.cases()) == asks
