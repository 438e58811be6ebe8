"""810: what is billed, and that what is added to it leads to the total."""

from datetime import date
from decimal import Decimal

import pytest
from tests.formats.x12.kit import CONTEXT, a_group, a_set, envelope, file_of, file_with, only, read, records, said

from tieout.formats.reading import Context
from tieout.kernel.money import Money
from tieout.model.documents import CashDiscount, Invoice, InvoiceKind, InvoiceLine
from tieout.model.identity import supplier_id_of

HEAD = """
BIG*20260527*INV-9001*20260501*PO-77***DI
CUR*SE*USD
N1*SE*Acme Parts Inc*1*123456789
N1*BT*Northwind*92*1500
ITD*01*3*2**10**30
"""
ITEMS = """
IT1*1*16*CA*12.34**BP*CHIPS*PL*10
PID*F****Crunchy chips
IT1*2*10*EA*1.5**BP*DIP
TDS*21244
CTT*2
"""


def usd(text: str) -> Money:
    return Money.of(Decimal(text), "USD")


def invoice(body: str) -> Invoice:
    found = only(file_with("810", body))
    assert isinstance(found, Invoice)
    return found


def test_an_invoice_with_two_lines() -> None:
    reading = read(file_with("810", HEAD + ITEMS))
    assert reading.proof.holds
    assert records(reading) == [
        Invoice(
            kind=InvoiceKind.INVOICE,
            number="INV-9001",
            entity="us",
            supplier_id=supplier_id_of("12-3456789"),
            supplier_tax_id="12-3456789",
            supplier_name="Acme Parts Inc",
            currency="USD",
            issued_on=date(2026, 5, 27),
            due_on=date(2026, 6, 26),
            lines=(
                InvoiceLine(
                    line_id="1",
                    quantity=Decimal(16),
                    unit="XCS",
                    unit_price=Decimal("12.34"),
                    net=usd("197.44"),
                    description="Crunchy chips",
                    order_id="PO-77",
                    order_line_id="10",
                    item="CHIPS",
                ),
                InvoiceLine(
                    line_id="2",
                    quantity=Decimal(10),
                    unit="EA",
                    unit_price=Decimal("1.5"),
                    net=usd("15.00"),
                    order_id="PO-77",
                    order_line_id="2",
                    item="DIP",
                ),
            ),
            net=usd("212.44"),
            tax=usd("0"),
            gross=usd("212.44"),
            document=records(reading)[0].document,
            discounts=(CashDiscount(until=date(2026, 6, 6), amount=usd("4.25"), percent=Decimal(2)),),
        )
    ]
    assert [claim.name for claim in reading.proof.claims if claim.where.startswith("810")] == [
        "SE01: segments in the set",
        "SE02: control number",
        "TDS01: lines, allowances, charges and taxes",
        "CTT01: number of lines",
    ]


LINE = "IT1*1*2*EA*100**BP*A\n"


@pytest.mark.parametrize(
    ("detail", "summary", "cents", "nets", "tax"),
    [
        pytest.param(LINE, "", "20000", ["200"], "0", id="nothing added"),
        pytest.param(LINE + "SAC*A*C310***1000\nSAC*C*G830***300\n", "", "19300", ["193"], "0", id="on the line"),
        pytest.param(LINE, "SAC*A*I260***1000\nSAC*C*D240***300", "19300", ["200", "-10", "3"], "0", id="at the end"),
        pytest.param(LINE + "SAC*C*G830***300\n", "SAC*C*G830***300", "20300", ["203"], "0", id="end repeats"),
        pytest.param(LINE, "SAC*A*C310***1000", "20000", ["200"], "0", id="discount for prompt payment"),
        pytest.param(LINE, "SAC*N*C310***1000", "20000", ["200"], "0", id="only told"),
        pytest.param(LINE, "TXI*ST*16*8", "21600", ["200"], "16", id="tax at the end"),
        pytest.param(LINE + "TXI*ST*16*8\n", "", "21600", ["200"], "16", id="tax on the line"),
        pytest.param(LINE + "TXI*ST*16*8\n", "TXI*ST*16*8", "21600", ["200"], "16", id="tax repeated"),
        pytest.param(LINE, "SAC*C*H850***1600\nTXI*ST*16*8", "21600", ["200"], "16", id="tax said twice"),
        pytest.param(LINE, "SAC*C*H850***1600", "21600", ["200"], "16", id="tax as a charge"),
        pytest.param(LINE, "TXI*ST*16*8****O", "20000", ["200"], "0", id="tax only told"),
        pytest.param(
            LINE + "SAC*C*D240***500\n", "TXI*ST*16.4*8\nSAC*C*D500***250", "22390", ["205", "2.5"], "16.4", id="all"
        ),
    ],
)
def test_what_is_added_leads_to_the_total(detail: str, summary: str, cents: str, nets: list[str], tax: str) -> None:
    found = invoice(f"{HEAD}{detail}TDS*{cents}\n{summary}")
    assert [line.net for line in found.lines] == [usd(net) for net in nets]
    assert (found.tax, found.gross) == (usd(tax), Money(int(cents), "USD"))
    assert found.net + found.tax == found.gross


def test_taxes_say_the_rate_of_lines() -> None:
    found = invoice(f"{HEAD}{LINE}TDS*22000\nTXI*ST*16*8\nTXI*CT*4*2")
    assert [line.tax_rate for line in found.lines] == [Decimal(10)]


@pytest.mark.parametrize(
    ("big07", "sign"), [("CR", ""), ("CR", "-"), ("CN", ""), ("DI", "-")], ids=["CR", "CR negative", "CN", "negative"]
)
def test_credits_are_positive_however_their_sender_signs_them(big07: str, sign: str) -> None:
    head = HEAD.replace("***DI", f"***{big07}")
    found = invoice(f"{head}REF*OI*INV-8000\nIT1*1*{sign}2*EA*100**BP*A\nTDS*{sign}20000")
    assert (found.kind, found.gross, found.net) == (InvoiceKind.CREDIT_NOTE, usd("200"), usd("200"))
    assert [(line.quantity, line.net) for line in found.lines] == [(Decimal(2), usd("200"))]
    assert (found.credits_number, found.payable) == ("INV-8000", usd("-200"))


@pytest.mark.parametrize(("basis", "cents"), [("", "1000000"), ("PE", "1000000"), ("HP", "10000"), ("TP", "1000")])
def test_a_price_may_be_for_several(basis: str, cents: str) -> None:
    found = invoice(f"{HEAD}IT1*1*1000*EA*10*{basis}*BP*A\nTDS*{cents}")
    assert found.gross == Money(int(cents), "USD")


def test_a_price_may_stand_in_ctp() -> None:
    assert invoice(f"{HEAD}IT1*1*10*EA***BP*A\nCTP**RES*2.5\nTDS*2500").gross == usd("25")


@pytest.mark.parametrize(
    ("itd", "due"),
    [
        ("ITD*01*3*2**10*20260630", date(2026, 6, 30)),
        ("ITD*01*3*2**10**30", date(2026, 6, 26)),
        ("ITD*01*3*2**10\nITD*05*3*****45\nITD*05*3*****60", date(2026, 7, 26)),
        ("", date(2026, 5, 27)),
    ],
)
def test_the_due_date(itd: str, due: date) -> None:
    assert invoice(HEAD.replace("ITD*01*3*2**10**30", itd) + ITEMS).due_on == due


@pytest.mark.parametrize(
    ("context", "currency"),
    [(CONTEXT, "USD"), (Context(entities_by_tax_id={"NORTHWIND": "us"}, currencies={"us": "CAD"}), "CAD")],
)
def test_a_currency_that_is_not_named_is_ours(context: Context, currency: str) -> None:
    reading = read(file_with("810", HEAD.replace("CUR*SE*USD\n", "") + ITEMS), context)
    assert [record.currency for record in records(reading)] == [currency]
    assert any("the currency (CUR) is missing" in text for text in said(reading))


@pytest.mark.parametrize(
    ("n1", "context", "tax_id"),
    [
        ("N1*SE*Acme*FI*99-0000001", CONTEXT, "99-0000001"),
        ("N1*SE*Acme*92*V7\nREF*TJ*99-0000002", CONTEXT, "99-0000002"),
        ("N1*SE*Acme*92*V7", Context(suppliers_by_id={"V7": "99-3"}), "99-3"),
        ("N1*SE*Acme*9*1234567890001", Context(suppliers_by_id={"123456789": "99-4"}), "99-4"),
        ("N1*RE*Bank*92*B9", CONTEXT, "12-3456789"),
        ("N1*SE*Acme*92*V7", Context(), "V7"),
        ("N1*ST*Store", Context(), "ACMEPARTS"),
    ],
)
def test_the_supplier_by_the_best_name_there_is(n1: str, context: Context, tax_id: str) -> None:
    body = HEAD.replace("N1*SE*Acme Parts Inc*1*123456789", n1) + ITEMS
    assert [record.supplier_tax_id for record in records(read(file_with("810", body), context))] == [tax_id]


@pytest.mark.parametrize(
    ("was", "wrong", "reason"),
    [
        ("TDS*21244", "TDS*21245", "totals disagree"),
        ("TDS*21244", "TDS*212.44", "bad value"),
        ("TDS*21244\n", "", "missing field"),
        ("CTT*2", "CTT*3", "totals disagree"),
        ("CTT*2", "CTT*2*27", "totals disagree"),
        ("IT1*2*10*EA", "IT1*2*11*EA", "totals disagree"),
        ("IT1*2*10*EA", "IT1*1*10*EA", "bad value"),
        ("IT1*2*10*EA", "IT1*2*1e1*EA", "bad value"),
        ("IT1*2*10*EA", "IT1*2**EA", "missing field"),
        ("EA*1.5", "EA*", "missing field"),
        ("BIG*20260527", "BIG*20260230", "bad value"),
        ("*INV-9001*", "**", "missing field"),
        ("BIG*", "BEG*", "missing field"),
        ("CUR*SE*USD", "CUR*SE*usd", "bad value"),
        ("CUR*SE*USD", "CUR*SE*USD\nIT1*9*1*EA*0\nCUR*SE*EUR", "currency mismatch"),
        ("***DI", "***DI*01", "unsupported content"),
        ("PID*F", "P!D*F", "bad value"),
        ("TDS*21244", "TDS*21244\nTDS*21244", "bad value"),
        ("ITD*01*3*2**10**30", "ITD*01*3*2**10**x", "bad value"),
    ],
)
def test_an_invoice_that_is_almost_right_gives_nothing(was: str, wrong: str, reason: str) -> None:
    body = HEAD + ITEMS
    assert was in body
    reading = read(file_with("810", body.replace(was, wrong, 1)))
    assert records(reading) == []
    assert reading.proof.set_aside == 1
    (part,) = envelope(reading).parts
    assert not part.accepted
    assert str(part.problems[0]).startswith(reason), part.problems
    assert all("byte" in problem.where for problem in part.problems)


def test_the_other_sets_stand_when_one_is_refused() -> None:
    good, bad = a_set("810", HEAD + ITEMS), a_set("810", HEAD + ITEMS.replace("21244", "1"), "0002")
    reading = read(file_of(a_group("810", bad, good)))
    assert [record.number for record in records(reading)] == ["INV-9001"]
    assert [part.accepted for part in envelope(reading).parts] == [False, True]
    assert (reading.proof.holds, reading.proof.set_aside) == (True, 1)
