"""Taking a payment back: what we ask, and what the bank answers."""

from collections.abc import Mapping
from datetime import UTC, datetime

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tieout.conformance.formats import ReaderConformance
from tieout.formats.codes import load
from tieout.formats.detect import read
from tieout.formats.iso20022.camt_cancellation import (
    CancellationRequest,
    CancelledPayment,
    read_camt_029,
    read_camt_056,
    write_camt_056,
)
from tieout.formats.payment_files import PaymentFile
from tieout.formats.reading import Context, gather
from tieout.kernel.money import Money
from tieout.kernel.problem import Code
from tieout.model.documents import CancellationAnswer

NOON = datetime(2026, 5, 5, 12, tzinfo=UTC)


def answered(status: str, details: str) -> bytes:
    return f"""<?xml version="1.0" encoding="UTF-8"?>
<Document xmlns="urn:iso:std:iso:20022:tech:xsd:camt.029.001.09"><RsltnOfInvstgtn>
  <Assgnmt><Id>A-1</Id><CreDtTm>2026-05-06T09:00:00Z</CreDtTm></Assgnmt>
  <RslvdCase><Id>case-1</Id></RslvdCase>
  <Sts><Conf>{status}</Conf></Sts>
  {details}
</RsltnOfInvstgtn></Document>""".encode()


REFUSED = """<CxlDtls><TxInfAndSts>
    <OrgnlGrpInf><OrgnlMsgId>run-1</OrgnlMsgId><OrgnlMsgNmId>pain.001.001.09</OrgnlMsgNmId></OrgnlGrpInf>
    <OrgnlEndToEndId>pay-1</OrgnlEndToEndId><TxCxlSts>RJCR</TxCxlSts>
    <CxlStsRsnInf><Rsn><Cd>AC04</Cd></Rsn><AddtlInf>closed</AddtlInf></CxlStsRsnInf>
  </TxInfAndSts></CxlDtls>"""
GROUP = """<CxlDtls><OrgnlGrpInfAndSts><OrgnlMsgId>run-1</OrgnlMsgId><GrpCxlSts>PACR</GrpCxlSts></OrgnlGrpInfAndSts>
  <OrgnlPmtInfAndSts><OrgnlPmtInfId>run-1</OrgnlPmtInfId><PmtInfCxlSts>PDCR</PmtInfCxlSts>
    <TxInfAndSts><OrgnlEndToEndId>pay-1</OrgnlEndToEndId><TxCxlSts>ACCR</TxCxlSts></TxInfAndSts>
    <TxInfAndSts><RslvdCase><Id>case-2</Id></RslvdCase><OrgnlInstrId>pay-2</OrgnlInstrId></TxInfAndSts>
  </OrgnlPmtInfAndSts></CxlDtls>"""


def answer(payment_ref: str, status: str, **more: str) -> CancellationAnswer:
    standard = CancellationAnswer(
        answer_id="A-1", case_reference="case-1", original_message_id="run-1", payment_ref=payment_ref, status=status
    )
    return msgspec.structs.replace(standard, **more)


@pytest.mark.parametrize(
    ("body", "answers"),
    [
        pytest.param(answered("RJCR", REFUSED), (answer("pay-1", "RJCR", reason="AC04: closed"),), id="one refused"),
        pytest.param(answered("CNCL", REFUSED.replace("<TxCxlSts>RJCR</TxCxlSts>", "")), (answer("pay-1", "CNCL", reason="AC04: closed"),), id="the case speaks for its payment"),
        pytest.param(answered("PECR", GROUP), (answer("pay-1", "CNCL"), answer("pay-2", "PDCR", case_reference="case-2")), id="the lowest level holds"),
    ],
)  # fmt: skip
def test_answers(body: bytes, answers: tuple[CancellationAnswer, ...]) -> None:
    reading = read(body)
    assert (reading.format, reading.proof.holds, reading.records, reading.diagnostics) == (
        "camt.029",
        True,
        answers,
        (),
    )


def test_an_answer_without_payments_is_about_the_case() -> None:
    for details, message in (
        ("", ""),
        ("<CxlDtls><OrgnlGrpInfAndSts><OrgnlMsgId>run-1</OrgnlMsgId></OrgnlGrpInfAndSts></CxlDtls>", "run-1"),
    ):
        reading = gather(read_camt_029, answered("CNCL", details))
        assert reading.records == (answer("", "CNCL", original_message_id=message),)
        assert [problem.code for problem in reading.diagnostics] == [Code.MISSING_FIELD]
        assert reading.proof.holds


def test_unknown_words_are_handed_on_and_told() -> None:
    reading = gather(read_camt_029, answered("CNCL", REFUSED.replace("RJCR", "WHAT").replace("AC04", "ZZ99")))
    assert reading.records == (answer("pay-1", "WHAT", reason="ZZ99: closed"),)
    assert [(problem.code, problem.actual) for problem in reading.diagnostics] == [
        (Code.UNKNOWN_CODE, "WHAT"),
        (Code.UNKNOWN_CODE, "ZZ99"),
    ]


def test_the_first_version_says_a_refusal_in_an_element() -> None:
    body = b"""<Document><camt.029.001.01><Assgnmt><Id>A-1</Id></Assgnmt><RslvdCase><Id>case-1</Id></RslvdCase>
      <Sts><RjctdCxl><RsnCd>LEGL</RsnCd></RjctdCxl></Sts><CrrctnTx><AssgnrInstrId>pay-1</AssgnrInstrId></CrrctnTx></camt.029.001.01></Document>"""
    assert read(body).records == (answer("pay-1", "RJCR", original_message_id=""),)


class TestAnswer(ReaderConformance):
    texts = ("Conf", "OrgnlEndToEndId")

    def documents(self) -> Mapping[str, bytes]:
        return {
            "an answer": answered("RJCR", REFUSED.replace("<TxCxlSts>RJCR</TxCxlSts>", "").replace("closed", "für"))
        }

    reader = staticmethod(read_camt_029)


# ── the request ────────────────────────────────────────────────────────────────────────────────────────────────────

REQUEST = CancellationRequest(
    case_id="case-1",
    original_message_id="run-1",
    creator="Acme GmbH",
    assigner_bic="COBADEFFXXX",
    assignee_bic="NWBKGB2L",
    reason="DUPL",
    text="paid twice",
    payments=(
        CancelledPayment(end_to_end_id="pay-1", amount=Money(12_345, "EUR")),
        CancelledPayment(end_to_end_id="pay-2", amount=Money(5, "JPY")),
    ),
)


def test_a_request_is_written_and_read_back() -> None:
    written = write_camt_056(REQUEST, NOON)
    assert (written.problems, written.count) == ((), 2)
    assert read_camt_056(written.body, Context()) == REQUEST
    assert write_camt_056(REQUEST, NOON) == written


def test_a_request_of_others_is_refused_by_name() -> None:
    reading = read(write_camt_056(REQUEST, NOON).body)
    assert [problem.code for problem in reading.diagnostics] == [Code.UNKNOWN_FORMAT]
    assert "camt.056.001.08" in reading.diagnostics[0].detail


@pytest.mark.parametrize(
    ("change", "where"),
    [
        ({"payments": ()}, "payments"),
        ({"reason": "MOOD"}, "reason"),
        ({"case_id": ""}, "case_id"),
        ({"original_message_id": "/x"}, "original_message_id"),
        ({"assignee_bic": "X"}, "assignee_bic"),
        ({"creator": " "}, "creator"),
        ({"payments": (CancelledPayment(end_to_end_id="", amount=Money(1, "EUR")),)}, "payments//end_to_end_id"),
        ({"payments": (CancelledPayment(end_to_end_id="p", amount=Money(0, "EUR")),)}, "payments/p/amount"),
    ],
)
def test_a_wrong_request_gives_problems_and_no_file(change: dict[str, object], where: str) -> None:
    written = write_camt_056(msgspec.structs.replace(REQUEST, **change), NOON)
    assert [problem.where for problem in written.problems] == [where]
    assert written == PaymentFile(problems=written.problems)


plain = st.text("abcXYZ 0129-", min_size=1, max_size=30).map(lambda text: " ".join(text.split()) or "x")
references = st.text("abcXYZ0129-", min_size=1, max_size=35)


@settings(max_examples=50, deadline=None)
@given(references, plain, st.sampled_from(sorted(load("iso_cancellation_reason").codes)), st.lists(st.tuples(references, st.integers(1, 10**12), st.sampled_from(("EUR", "JPY", "KWD"))), min_size=1, max_size=4))  # fmt: skip
def test_what_is_written_is_read_back(case: str, text: str, reason: str, rows: list[tuple[str, int, str]]) -> None:
    payments = tuple(
        CancelledPayment(end_to_end_id=ref, amount=Money(minor, currency)) for ref, minor, currency in rows
    )
    request = msgspec.structs.replace(REQUEST, case_id=case, text=text, reason=reason, payments=payments)
    written = write_camt_056(request, NOON)
    assert written.problems == ()
    assert read_camt_056(written.body, Context()) == request


def test_almost_a_request_is_a_problem() -> None:
    body = write_camt_056(REQUEST, NOON).body
    assert not isinstance(read_camt_056(body.replace(b"123.45", b"123.456"), Context()), CancellationRequest)
    assert not isinstance(read_camt_056(body[:-9], Context()), CancellationRequest)
    assert not isinstance(read_camt_056(b"<x/>", Context()), CancellationRequest)
