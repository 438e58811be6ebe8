"""Envelopes: every interchange is answered under our own numbers, and no answer of a partner is forgotten."""

from datetime import date, timedelta
from decimal import Decimal

import pytest
from msgspec.structs import replace
from tests.processes.story import START, Story

from tieout.formats.detect import read
from tieout.kernel.money import Money
from tieout.kernel.problem import Code, Problem
from tieout.model.documents import (
    Acknowledgment,
    EnvelopeGroup,
    EnvelopePart,
    Interchange,
    OrderLine,
    PurchaseOrder,
    RemittanceAdvice,
    RemittanceLine,
)
from tieout.model.effects import SendDocument
from tieout.model.facts import (
    InterchangeAcknowledged,
    InterchangeReceived,
    InterchangeSent,
    Outcome,
    SendRequested,
)
from tieout.policy.policy import Partner, Policy
from tieout.processes import case, interchange

ACME = Partner(
    name="Acme Corp", ids=("ACME",), qualifier="ZZ", our_id="TIEOUT", our_qualifier="ZZ", connector="as2", tax_id="US1"
)
POLICY = Policy(partners={"acme": ACME})
PART = EnvelopePart(kind="810", control="0001", group="7")
GROUP = EnvelopeGroup(kind="IN", control="7", version="004010", declared=1, counted=1)
X12 = Interchange(
    standard="x12",
    sender="ACME",
    receiver="TIEOUT",
    control="000000905",
    prepared_on=date(2026, 5, 4),
    groups=(GROUP,),
    parts=(PART,),
    sender_qualifier="ZZ",
    receiver_qualifier="ZZ",
)
EDIFACT = Interchange(
    standard="edifact",
    sender="ACME",
    receiver="TIEOUT",
    control="77",
    parts=(EnvelopePart(kind="INVOIC", control="1", version="D:96A:UN"),),
)
MARK = "ab" * 32
WRONG = Problem(Code.TOTALS_DISAGREE, "byte 9", "3", "4")


def story(policy: Policy = POLICY) -> Story:
    return Story(policy, (interchange.PROCESS, case.PROCESS))


def received(one: Interchange) -> InterchangeReceived:
    return InterchangeReceived(interchange=one, channel="as2", document=MARK)


def sent(told: Story) -> list[SendDocument]:
    return [intent.payload for intent in told.asked(SendDocument) if isinstance(intent.payload, SendDocument)]


@pytest.mark.parametrize(
    ("one", "kind", "name"),
    [
        pytest.param(X12, "997", "997-000000001.x12", id="X12"),
        pytest.param(EDIFACT, "CONTRL", "contrl-000000001.edi", id="EDIFACT"),
    ],
)
def test_an_interchange_is_acknowledged_to_its_sender(one: Interchange, kind: str, name: str) -> None:
    told = story()
    told.tell(received(one))
    (answer,) = sent(told)
    assert answer.name == name
    answers = [record for record in read(answer.body).records if isinstance(record, Acknowledgment)]
    assert {(each.kind, each.sender, each.receiver, each.status) for each in answers} == {
        (kind, "TIEOUT", "ACME", "accepted")
    }
    assert told.cases() == {}


def test_our_control_numbers_go_up_one_by_one() -> None:
    told = story()
    for number in (905, 906):
        told.tell(received(replace(X12, control=f"{number:09d}")))
    assert [answer.name for answer in sent(told)] == ["997-000000001.x12", "997-000000002.x12"]
    assert [intent.key for intent in told.asked(SendDocument)] == ["ACME/1", "ACME/2"]


def test_what_was_refused_is_answered_so_and_is_somebodys_case() -> None:
    told = story()
    refused = EnvelopePart(kind="810", control="0001", group="7", accepted=False, problems=(WRONG,))
    told.tell(received(replace(X12, parts=(refused,))))
    (answer,) = sent(told)
    answers = [record for record in read(answer.body).records if isinstance(record, Acknowledgment)]
    assert "rejected" in {each.status for each in answers}
    assert told.cases() == {f"interchange_refused {MARK}": "open"}


def test_an_acknowledgment_is_not_acknowledged_and_a_stranger_is_not_written_to() -> None:
    told, nobody = story(), story(Policy())
    told.tell(received(replace(X12, parts=(EnvelopePart(kind="997", control="0001"),))))
    nobody.tell(received(X12))
    assert sent(told) == sent(nobody) == []


ADVICE = RemittanceAdvice(
    advice_id="pay-1",
    payer="Acme GmbH",
    payee="ACME",
    paid_on=date(2026, 5, 12),
    amount=Money(11_900, "USD"),
    reference="pay-1",
    lines=(RemittanceLine(number="R-1", paid=Money(11_900, "USD"), gross=Money(11_900, "USD")),),
)
ORDER = PurchaseOrder(
    order_id="PO-1",
    entity="us",
    supplier_id="sup_1",
    currency="USD",
    ordered_on=date(2026, 5, 1),
    lines=(OrderLine(line_id="1", item="bolt", quantity=Decimal(10), unit="C62", unit_price=Decimal("1.25")),),
)
WANTED = {
    "820": SendRequested(partner="ACME", kind="820", about="pay-1", advice=ADVICE),
    "REMADV": SendRequested(partner="ACME", kind="REMADV", about="pay-1", advice=ADVICE),
    "850": SendRequested(partner="ACME", kind="850", about="PO-1", order=ORDER),
}


@pytest.mark.parametrize("kind", WANTED)
def test_what_is_sent_is_awaited_until_it_is_acknowledged(kind: str) -> None:
    told = story()
    told.tell(WANTED[kind])
    (document,) = sent(told)
    assert read(document.body).proof.holds
    facts = told.settle(SendDocument, "ACME/1", Outcome(status="applied", reference="x"), "as2")
    assert facts == [
        InterchangeSent(partner="ACME", control="1", about=WANTED[kind].about, due_at=START + timedelta(hours=24))
    ]
    assert told.state("interchange", "ACME").awaited == {"1": WANTED[kind].about}
    told.tell(acknowledged("accepted"))
    assert told.state("interchange", "ACME").awaited == {}
    told.fire("acknowledgment/ACME/1")
    assert told.cases() == {}


def acknowledged(status: str) -> InterchangeAcknowledged:
    answer = Acknowledgment(kind="997", sender="ACME", receiver="TIEOUT", status=status, group="000000001")
    return InterchangeAcknowledged(acknowledgment=answer)


def test_an_answer_that_fails_to_come_is_a_case_until_it_comes() -> None:
    told = story()
    told.tell(WANTED["820"])
    told.settle(SendDocument, "ACME/1", Outcome(status="applied", reference="x"), "as2")
    told.fire("acknowledgment/ACME/1")
    assert told.cases() == {"acknowledgment_overdue ACME/1": "open"}
    told.tell(acknowledged("accepted"))
    assert told.cases() == {"acknowledgment_overdue ACME/1": "settled"}


def test_what_a_partner_refuses_is_a_case() -> None:
    told = story()
    told.tell(WANTED["820"])
    told.settle(SendDocument, "ACME/1", Outcome(status="applied", reference="x"), "as2")
    told.tell(acknowledged("rejected"))
    assert told.cases() == {"document_refused ACME/1": "open"}


@pytest.mark.parametrize(
    "wanted",
    [
        pytest.param(SendRequested(partner="ACME", kind="820", about="x"), id="nothing to send"),
        pytest.param(SendRequested(partner="ACME", kind="997", about="x"), id="no such kind"),
        pytest.param(SendRequested(partner="NOBODY", kind="820", about="x", advice=ADVICE), id="no such partner"),
    ],
)
def test_what_cannot_be_sent_is_a_case(wanted: SendRequested) -> None:
    told = story()
    told.tell(wanted)
    assert sent(told) == []
    assert told.cases() == {f"document_refused {wanted.partner}/x": "open"}
