"""850, 855, 860 and 865: orders, their changes and the answers."""

from datetime import date
from decimal import Decimal

import pytest
from tests.formats.x12.kit import envelope, file_with, only, read, records, said

from tieout.model.documents import OrderChange, OrderLine, OrderResponse, PurchaseOrder, ResponseLine
from tieout.model.identity import supplier_id_of

ACME = supplier_id_of("12-3456789")
OURS = {"sender": "NORTHWIND", "receiver": "ACMEPARTS"}

ORDER = """
BEG*00*SA*PO-77**20260501
CUR*BY*USD
N1*ST*Store 7*92*0007
N3*1 Main Street
PO1*10*600*EA*0.31**BP*SCR-M6*VN*9981
PID*F****Screws, M6
TXI*ST**8
PO1*20*2.5*LB*4.2**VN*NUT
CTT*2*602.5
"""


def test_an_order_of_ours() -> None:
    assert only(file_with("850", ORDER, **OURS)) == PurchaseOrder(
        order_id="PO-77",
        entity="us",
        supplier_id=ACME,
        currency="USD",
        ordered_on=date(2026, 5, 1),
        lines=(
            OrderLine(
                line_id="10",
                item="SCR-M6",
                quantity=Decimal(600),
                unit="EA",
                unit_price=Decimal("0.31"),
                description="Screws, M6",
                tax_rate=Decimal(8),
            ),
            OrderLine(line_id="20", item="NUT", quantity=Decimal("2.5"), unit="LBR", unit_price=Decimal("4.2")),
        ),
    )


def test_a_price_left_to_the_catalogue_is_nothing_yet() -> None:
    reading = read(file_with("850", ORDER.replace("EA*0.31*", "EA**"), **OURS))
    assert [line.unit_price for line in records(reading)[0].lines] == [0, Decimal("4.2")]
    assert any("the price of an order line (PO104) is missing" in text for text in said(reading))


@pytest.mark.parametrize("hashed", ["602.5", "625", "602.50"])
def test_the_hash_total_with_and_without_decimal_points(hashed: str) -> None:
    assert only(file_with("850", ORDER.replace("*602.5", f"*{hashed}"), **OURS))


@pytest.mark.parametrize(
    ("was", "wrong"),
    [
        ("BEG*00", "BEG*01"),
        ("*PO-77*", "**"),
        ("*20260501", "*20261301"),
        ("PO1*20*", "PO1*10*"),
        ("PO1*20*2.5*", "PO1*20*two*"),
        ("PO1*20*2.5*", "PO1*20**"),
        ("CTT*2*602.5", "CTT*2*603"),
        ("CTT*2*", f"CTT*{'9' * 5000}*"),
        ("*4.2*", "*NaN*"),
        ("TXI*ST**8", "TXI*ST**eight"),
    ],
)
def test_an_order_that_is_almost_right_gives_nothing(was: str, wrong: str) -> None:
    assert was in ORDER
    reading = read(file_with("850", ORDER.replace(was, wrong, 1), **OURS))
    assert (records(reading), reading.proof.set_aside) == ([], 1)
    assert envelope(reading).parts[0].problems


def test_a_segment_that_the_set_does_not_have_is_told() -> None:
    reading = read(file_with("850", ORDER.replace("CTT*2", "ZA*QS*5\nCTT*2"), **OURS))
    assert len(records(reading)) == 1
    assert any("left out" in text and "ZA" in text for text in said(reading))


ANSWER = """
BAK*06*AC*PO-77*20260501****R-1*20260502
PO1*10*600*EA*0.31**BP*SCR-M6
ACK*IA*600*EA*067*20260520
PO1*20*100*EA*0.42
ACK*IQ*80*EA*067*20260601
PO1*30*5*EA*1
ACK*IR
CTT*3
"""


def test_an_answer_says_of_each_line_what_becomes_of_it() -> None:
    assert only(file_with("855", ANSWER)) == OrderResponse(
        response_id="R-1",
        order_id="PO-77",
        entity="us",
        supplier_id=ACME,
        responded_on=date(2026, 5, 2),
        status="changed",
        lines=(
            ResponseLine(
                order_line_id="10",
                status="accepted",
                quantity=Decimal(600),
                unit="EA",
                unit_price=Decimal("0.31"),
                promised_on=date(2026, 5, 20),
            ),
            ResponseLine(
                order_line_id="20",
                status="changed",
                quantity=Decimal(80),
                unit="EA",
                unit_price=Decimal("0.42"),
                promised_on=date(2026, 6, 1),
            ),
            ResponseLine(order_line_id="30", status="rejected", unit="EA", unit_price=Decimal(1)),
        ),
    )


@pytest.mark.parametrize(
    ("code", "status"),
    [("AD", "changed"), ("AK", "received"), ("RD", "rejected"), ("AC", "changed"), ("QQ", "received")],
)
def test_the_whole_is_accepted_only_if_all_lines_are(code: str, status: str) -> None:
    reading = read(file_with("855", ANSWER.replace("*AC*", f"*{code}*")))
    assert [record.status for record in records(reading)] == [status]


def test_a_line_with_several_answers_is_changed() -> None:
    body = ANSWER.replace("ACK*IA*600*EA*067*20260520", "ACK*IA*500*EA\nACK*IB*100*EA")
    reading = read(file_with("855", body))
    assert records(reading)[0].lines[0].status == "changed"
    assert any("several answers" in text for text in said(reading))


CHANGE = """
BCH*04*SA*PO-77**3*20260501*****20260505
POC*10*CA*700*0*EA*0.31**BP*SCR-M6
POC*20*DI
POC*40*AI*5*0*EA*9.5**BP*NEW
POC*50*NC
CTT*4
"""


def test_a_change_says_what_stands_from_now_on() -> None:
    line = OrderLine(line_id="10", item="SCR-M6", quantity=Decimal(700), unit="EA", unit_price=Decimal("0.31"))
    new = OrderLine(line_id="40", item="NEW", quantity=Decimal(5), unit="EA", unit_price=Decimal("9.5"))
    assert only(file_with("860", CHANGE, **OURS)) == OrderChange(
        change_id="PO-77/3",
        order_id="PO-77",
        entity="us",
        supplier_id=ACME,
        changed_on=date(2026, 5, 5),
        lines=(line, new),
        deleted=("20",),
    )


def test_a_change_may_cancel_the_order() -> None:
    found = only(file_with("860", "BCH*01*SA*PO-77**4*20260501", **OURS))
    assert (found.cancelled, found.change_id, found.lines) == (True, "PO-77/4", ())


@pytest.mark.parametrize(("was", "wrong"), [("*700*", "**"), ("*0.31*", "**"), ("POC*10", "POC*"), ("CTT*4", "CTT*5")])
def test_a_change_that_leaves_something_open_is_refused(was: str, wrong: str) -> None:
    reading = read(file_with("860", CHANGE.replace(was, wrong, 1), **OURS))
    assert (records(reading), reading.proof.set_aside) == ([], 1)


def test_an_answer_to_a_change() -> None:
    body = """
    BCA*06*AD*PO-77**3*20260501***CA-9*20260506
    POC*10*CA*700*0*EA*0.31
    ACK*IA*700*EA
    POC*20*DI
    """
    assert only(file_with("865", body)) == OrderResponse(
        response_id="CA-9",
        order_id="PO-77",
        entity="us",
        supplier_id=ACME,
        responded_on=date(2026, 5, 6),
        status="changed",
        lines=(
            ResponseLine(
                order_line_id="10",
                status="accepted",
                quantity=Decimal(700),
                unit="EA",
                unit_price=Decimal("0.31"),
            ),
            ResponseLine(order_line_id="20", status="rejected"),
        ),
    )
