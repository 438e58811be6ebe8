"""856 and 861: goods on their way, and goods that came in."""

from datetime import date
from decimal import Decimal

import pytest
from tests.formats.x12.kit import envelope, file_with, only, read, records, said

from tieout.model.documents import DespatchAdvice, DespatchLine, GoodsReceipt, ReceiptLine
from tieout.model.identity import supplier_id_of

ACME = supplier_id_of("12-3456789")

NOTICE = """
BSN*00*SHIP-1*20260518*0930*0001
HL*1**S
TD5*O*2*UPSN
REF*CN*1Z999
DTM*011*20260519
DTM*017*20260522
N1*SF*Acme Parts*92*ACMEPARTS
HL*2*1*O
PRF*PO-77***20260501
HL*3*2*T
HL*4*3*I
LIN*10*BP*SCR-M6
SN1**600*EA
HL*5*3*I
LIN**VN*NUT*PL*20
SN1**12.5*LB
HL*6*1*O
PRF*PO-78
HL*7*6*I
SN1*7*1*EA
CTT*7*613.5
"""


def test_a_notice_becomes_one_for_each_order() -> None:
    reading = read(file_with("856", NOTICE))
    assert reading.proof.holds
    common = {
        "despatch_id": "SHIP-1",
        "entity": "us",
        "supplier_id": ACME,
        "despatched_on": date(2026, 5, 19),
        "expected_on": date(2026, 5, 22),
        "carrier_reference": "1Z999",
    }
    first = (
        DespatchLine(order_line_id="10", quantity=Decimal(600), unit="EA", item="SCR-M6"),
        DespatchLine(order_line_id="20", quantity=Decimal("12.5"), unit="LBR", item="NUT"),
    )
    second = (DespatchLine(order_line_id="7", quantity=Decimal(1), unit="EA"),)
    assert records(reading) == [
        DespatchAdvice(order_id="PO-77", lines=first, **common),  # type: ignore[arg-type]
        DespatchAdvice(order_id="PO-78", lines=second, **common),  # type: ignore[arg-type]
    ]


@pytest.mark.parametrize(
    ("was", "wrong"),
    [
        ("HL*5*3*I", "HL*4*3*I"),
        ("HL*5*3*I", "HL*5*9*I"),
        ("HL*4*3*I", "HL*4*7*I"),
        ("PRF*PO-78\n", ""),
        ("SN1*7*1*EA\n", ""),
        ("SN1*7*1*EA", "SN1*7*one*EA"),
        ("CTT*7*", "CTT*6*"),
        ("*613.5", "*614"),
        ("BSN*00", "BSN*01"),
        ("*SHIP-1*", "**"),
        ("HL*2*1*O", "HL**1*O"),
    ],
)
def test_a_notice_that_is_almost_right_gives_nothing(was: str, wrong: str) -> None:
    assert was in NOTICE
    reading = read(file_with("856", NOTICE.replace(was, wrong, 1)))
    assert (records(reading), reading.proof.set_aside) == ([], 1)
    assert envelope(reading).parts[0].problems


RECEIPT = """
BRA*GR-5*20260524*00*1
PRF*PO-77
DTM*050*20260523
RCD*1*600*EA*10*EA*5*EA*01
LIN*10*BP*SCR-M6
RCD*2*12.5*LB***2*LB*02
LIN*20
PRF*PO-78
CTT*2
"""


def test_a_receipt_becomes_one_for_each_order() -> None:
    reading = read(file_with("861", RECEIPT, sender="NORTHWIND", receiver="ACMEPARTS"))
    assert reading.proof.holds
    common = {"receipt_id": "GR-5", "entity": "us", "supplier_id": ACME, "received_on": date(2026, 5, 23)}
    assert records(reading) == [
        GoodsReceipt(order_id="PO-77", lines=(ReceiptLine(order_line_id="10", quantity=Decimal(590)),), **common),  # type: ignore[arg-type]
        GoodsReceipt(order_id="PO-78", lines=(ReceiptLine(order_line_id="20", quantity=Decimal("12.5")),), **common),  # type: ignore[arg-type]
    ]
    told = "\n".join(said(reading))
    assert "got 10: goods sent back are taken off" in told
    assert "got 5: in question: damaged" in told
    assert "got 2: in question: too few" in told


@pytest.mark.parametrize(
    ("was", "wrong"),
    [
        ("PRF*PO-77\n", ""),
        ("RCD*1*600*", "RCD*1*6OO*"),
        ("RCD*1*600*EA*10*", "RCD*1**EA**"),
        ("*GR-5*", "**"),
        ("*20260524*", "*20260532*"),
        ("CTT*2", "CTT*1"),
        ("*00*1", "*01*1"),
    ],
)
def test_a_receipt_that_is_almost_right_gives_nothing(was: str, wrong: str) -> None:
    assert was in RECEIPT
    reading = read(file_with("861", RECEIPT.replace(was, wrong, 1), sender="NORTHWIND", receiver="ACMEPARTS"))
    assert (records(reading), reading.proof.set_aside) == ([], 1)


def test_one_order_without_levels_between() -> None:
    flat = "BSN*00*S*20260518*0930\nHL*1**O\nPRF*PO-1\nHL*2*1*I\nLIN*1*BP*X\nSN1**3*EA"
    assert only(file_with("856", flat)).despatched_on == date(2026, 5, 18)
