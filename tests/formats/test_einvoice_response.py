"""What a business or a network answers: the Peppol invoice response both ways, message level responses."""

from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from tieout.conformance.formats import ReaderConformance
from tieout.formats.codes import load
from tieout.formats.detect import detect
from tieout.formats.einvoice.response import read_response, write_invoice_response
from tieout.formats.reading import gather
from tieout.kernel.problem import Code, Problem
from tieout.model.documents import Acknowledgment, BusinessResponse

DATA = Path(__file__).parent / "data" / "einvoice"
INVOICE_RESPONSE = (DATA / "invoice-response.xml").read_bytes()
MESSAGE_RESPONSE = (DATA / "message-response.xml").read_bytes()
RESPONSE = BusinessResponse(
    response_id="IR-1",
    about_kind="380",
    about_number="R-2026-0815",
    status="UQ",
    sender="0088:5798000012349",
    receiver="9930:DE129273398",
    responded_on=date(2026, 5, 5),
    reasons=("OPStatusReason REF", "OPStatusAction PIN"),
    note="Which order?",
)


def test_an_invoice_response_says_what_is_asked_and_what_to_do() -> None:
    reading = gather(read_response, INVOICE_RESPONSE)
    assert detect(INVOICE_RESPONSE) == "ubl-application-response"
    assert reading.diagnostics == ()
    assert reading.records == (structs.replace(RESPONSE, note="Which order?; BT-13: PO-77"),)


def test_a_message_level_response_says_what_is_wrong_with_which_line() -> None:
    reading = gather(read_response, MESSAGE_RESPONSE)
    assert reading.diagnostics == ()
    assert reading.records == (
        Acknowledgment(
            kind="MLR",
            sender="0088:7300010000001",
            receiver="0088:5798000012349",
            status="rejected",
            interchange="ENV-9",
            message_kind="220",
            problems=(
                Problem(
                    Code.BAD_VALUE, "/Order/cac:OrderLine[3]", detail="BV (a business rule is broken): no such unit"
                ),
            ),
        ),
    )


@pytest.mark.parametrize(
    ("code", "line", "status"), [("AP", False, "accepted"), ("AB", False, "accepted"), ("AP", True, "noted")]
)
def test_an_accepted_message_may_have_faults_that_are_noted(code: str, line: bool, status: str) -> None:
    body = MESSAGE_RESPONSE.replace(b"Response><cbc:ResponseCode>RE", f"Response><cbc:ResponseCode>{code}".encode(), 1)
    if not line:
        start, end = body.index(b"<cac:LineResponse>"), body.index(b"</cac:LineResponse>")
        body = body[:start] + body[end + len(b"</cac:LineResponse>") :]
    assert [record.status for record in gather(read_response, body).records] == [status]


@pytest.mark.parametrize(
    ("valid", "wrong", "code", "holds"),
    [
        (">UQ<", ">ZZ<", Code.UNKNOWN_CODE, True),
        (">REF<", ">XYZ<", Code.UNKNOWN_CODE, True),
        (">UQ<", "><", Code.MISSING_FIELD, False),
        ("<cbc:ID>R-2026-0815</cbc:ID>", "", Code.MISSING_FIELD, False),
        (">2026-05-05<", ">5 May<", Code.BAD_VALUE, False),
        ("ApplicationResponse-2", "ApplicationResponse-3", Code.UNKNOWN_FORMAT, False),
    ],
)
def test_what_is_not_known_is_told(valid: str, wrong: str, code: Code, holds: bool) -> None:
    assert valid.encode() in INVOICE_RESPONSE
    reading = gather(read_response, INVOICE_RESPONSE.replace(valid.encode(), wrong.encode()))
    assert code in [problem.code for problem in reading.diagnostics]
    assert reading.proof.holds is holds


@pytest.mark.parametrize(
    ("changes", "where", "code"),
    [
        ({"status": "OK"}, "status", Code.BAD_VALUE),
        ({"reasons": ()}, "reasons", Code.MISSING_FIELD),
        ({"reasons": ("REF",)}, "reasons", Code.UNKNOWN_CODE),
        ({"reasons": ("OPStatusAction REF",)}, "reasons", Code.UNKNOWN_CODE),
        ({"reasons": ("OPStatusReason OTH",), "note": " "}, "note", Code.MISSING_FIELD),
        ({"responded_on": None}, "responded_on", Code.MISSING_FIELD),
        ({"about_kind": "letter"}, "about_kind", Code.BAD_VALUE),
        ({"receiver": "DE129273398"}, "receiver", Code.BAD_VALUE),
        ({"response_id": "\0"}, "response_id", Code.MISSING_FIELD),
    ],
)
def test_what_would_be_invalid_is_not_written(changes: dict[str, Any], where: str, code: Code) -> None:
    written = write_invoice_response(structs.replace(RESPONSE, **changes), "Acme", "Schrauben Müller")
    assert written.body == b""
    assert (where, code) in [(problem.where, problem.code) for problem in written.problems]


words = st.text(st.characters(codec="utf-8", categories=("L", "N", "P", "S")), min_size=1, max_size=12)
reasons = st.sampled_from(
    [f"OPStatusReason {code}" for code in load("peppol_status_reasons").codes if code != "OTH"]
    + [f"OPStatusAction {code}" for code in load("peppol_status_actions").codes if code != "OTH"]
)


@given(
    st.builds(
        BusinessResponse,
        response_id=words,
        about_kind=st.sampled_from(["380", "381"]),
        about_number=words,
        status=st.sampled_from(sorted(load("peppol_answers").codes)),
        sender=words.map("0088:{}".format),
        receiver=words.map("9930:{}".format),
        responded_on=st.dates(),
        reasons=st.lists(reasons, min_size=1, max_size=3).map(tuple),
        note=st.just("") | words,
    )
)
def test_reading_what_was_written_gives_it_back(response: BusinessResponse) -> None:
    written = write_invoice_response(response, "Acme", "Schrauben Müller")
    assert written.problems == ()
    assert written == write_invoice_response(response, "Acme", "Schrauben Müller")
    reading = gather(read_response, written.body)
    assert reading.diagnostics == ()
    assert reading.records == (response,)


class TestInvoiceResponse(ReaderConformance):
    days = ("IssueDate",)
    texts = ("ResponseCode",)
    reader = staticmethod(read_response)

    def documents(self) -> Mapping[str, bytes]:
        return {"invoice response": INVOICE_RESPONSE}


class TestMessageResponse(ReaderConformance):
    days = ("IssueDate",)
    texts = ("ResponseCode",)
    reader = staticmethod(read_response)

    def documents(self) -> Mapping[str, bytes]:
        return {"message response": MESSAGE_RESPONSE}
