"""820, 824, 997 and 999: what a payment settles, and what partners say about what we sent."""

from datetime import date
from decimal import Decimal

import pytest
from tests.formats.x12.kit import envelope, file_with, only, read, records, said

from tieout.kernel.money import Money
from tieout.kernel.problem import Code, Problem
from tieout.model.documents import Acknowledgment, BusinessResponse, RemittanceAdvice, RemittanceLine

PAID = """
BPR*I*298.5*C*ACH************20260601
TRN*1*PAY-8
CUR*PR*USD
N1*PR*Mart Inc*UL*1238742000008
N1*PE*Northwind
ENT*1
RMR*IV*26801**180*200*5
DTM*003*20260504
ADX*-15*59*CM*C-1
RMR*IV*26927*PO*118.5*118.5
"""


def usd(text: str) -> Money:
    return Money.of(Decimal(text), "USD")


FIRST = RemittanceLine(
    number="26801", paid=usd("180"), gross=usd("200"), deducted=usd("20"), issued_on=date(2026, 5, 4)
)
SECOND = RemittanceLine(number="26927", paid=usd("118.5"), gross=usd("118.5"))


def test_what_a_payment_settles() -> None:
    assert only(file_with("820", PAID)) == RemittanceAdvice(
        advice_id="PAY-8",
        payer="Mart Inc",
        payee="Northwind",
        paid_on=date(2026, 6, 1),
        amount=usd("298.5"),
        reference="PAY-8",
        lines=(FIRST, SECOND),
    )


def test_an_adjustment_counts_by_itself_when_the_payment_says_so() -> None:
    reading = read(file_with("820", PAID.replace("*298.5*", "*283.5*")))
    assert reading.proof.set_aside == 0
    credit = RemittanceLine(number="C-1", paid=usd("-15"))
    assert records(reading)[0].lines == (FIRST, SECOND, credit)
    apart = (
        PAID.replace("ADX*-15*59*CM*C-1\n", "").replace("ENT*1\n", "ENT*1\nADX*-15*59\n").replace("298.5", "283.5", 1)
    )
    assert [line.number for line in only(file_with("820", apart)).lines] == ["26801", "26927", "adjustment 59"]


@pytest.mark.parametrize(
    ("was", "wrong"),
    [
        ("*298.5*", "*298.51*"),
        ("*298.5*", "**"),
        ("*180*", "*181*"),
        ("RMR*IV*26927", "RMR*IV*"),
        ("*118.5*118.5", ""),
        ("*20260601", "*20260631"),
        ("CUR*PR*USD", "CUR*PR*US"),
        ("*-15*", "*minus*"),
    ],
)
def test_an_advice_that_is_almost_right_gives_nothing(was: str, wrong: str) -> None:
    assert was in PAID
    reading = read(file_with("820", PAID.replace(was, wrong, 1)))
    assert (records(reading), reading.proof.set_aside) == ([], 1)


def test_what_the_business_of_a_partner_says() -> None:
    body = """
    BGN*00*ADV-1*20260528
    OTI*TR*IV*INV-9******810
    TED*024*Unknown order
    NTE*GEN*Order PO-1 is closed
    OTI*TA*IV*INV-10
    """
    reading = read(file_with("824", body))
    common = {"sender": "ACMEPARTS", "receiver": "NORTHWIND", "responded_on": date(2026, 5, 28)}
    assert records(reading) == [
        BusinessResponse(
            response_id="ADV-1/1",
            about_kind="IV",
            about_number="INV-9",
            status="RE",
            reasons=("Unknown order",),
            note="Order PO-1 is closed",
            **common,  # type: ignore[arg-type]
        ),
        BusinessResponse(response_id="ADV-1/2", about_kind="IV", about_number="INV-10", status="AP", **common),  # type: ignore[arg-type]
    ]


@pytest.mark.parametrize("kind", ["997", "999"])
def test_what_the_software_of_a_partner_says(kind: str) -> None:
    segment, element, ending = ("AK3", "AK4", "AK5") if kind == "997" else ("IK3", "IK4", "IK5")
    body = f"""
    AK1*PO*7
    AK2*850*0001
    {ending}*A
    AK2*850*0002
    {segment}*BEG*2**8
    {element}*5*373*8*2026
    {ending}*R*5
    AK9*P*2*2*1
    """
    common = {"kind": kind, "sender": "ACMEPARTS", "receiver": "NORTHWIND", "group": "7"}
    problems = (
        Problem(Code.EFFECT_REFUSED, detail="set error 5: a segment is wrong"),
        Problem(Code.EFFECT_REFUSED, "BEG (segment 2)", detail="segment error 8: an element of the segment is wrong"),
        Problem(
            Code.EFFECT_REFUSED, "BEG (segment 2), element 5", actual="2026", detail="element error 8: a wrong date"
        ),
    )
    assert records(read(file_with(kind, body))) == [
        Acknowledgment(status="accepted", control="0001", message_kind="850", **common),  # type: ignore[arg-type]
        Acknowledgment(status="rejected", control="0002", message_kind="850", problems=problems, **common),  # type: ignore[arg-type]
        Acknowledgment(status="partly", message_kind="PO", **common),  # type: ignore[arg-type]
    ]


def test_a_group_with_a_rejected_set_is_not_accepted() -> None:
    reading = read(file_with("997", "AK1*PO*7\nAK2*850*0001\nAK5*R*1\nAK9*A*1*1*1"))
    assert [record.status for record in records(reading)] == ["rejected", "partly"]
    assert any("not all of its sets" in text for text in said(reading))


@pytest.mark.parametrize(
    "body",
    [
        "",
        "AK1*PO*7",
        "AK9*A*1*1*1",
        "AK1*PO*seven\nAK9*A*1*1*1*1*1*1*1",
        "AK1*PO*7\nAK9*Z*1*1*1",
        "AK1*PO*7\nAK2*850*0001\nAK9*A*1*1*1",
        "AK1*PO*7\nAK2*850*0001\nAK5*A\nAK5*R\nAK9*A*1*1*1",
        "AK1*PO*7\nAK9*A*1*1",
        "AK1*POX*7\nAK9*A*1*1*1",
        "AK1*PO*7\nAK9*A*1*1*1\nAK9*R*1*1*1",
    ],
)
def test_an_acknowledgment_that_is_almost_right_gives_nothing(body: str) -> None:
    reading = read(file_with("997", body))
    assert (records(reading), reading.proof.set_aside) == ([], 1), body
    assert envelope(reading).parts[0].problems
