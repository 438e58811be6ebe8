"""An order and an invoice in a foreign currency, from the files they come in to the case that a rate gives."""

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from msgspec.structs import replace
from tests.processes.company import PROCESSES, SUPPLIER, SUPPLIER_ID, TAX_ID
from tests.processes.story import Story

from tieout.engine.documents import document_reader
from tieout.formats.einvoice.ubl_write import Parties, write_ubl
from tieout.formats.outgoing import Envelope
from tieout.formats.procurement.ubl.write import Party, write_order
from tieout.formats.source import Bytes
from tieout.formats.tables import write_invoices, write_orders
from tieout.formats.x12.write import write_850
from tieout.kernel.money import Money
from tieout.kernel.problem import Code
from tieout.model.documents import (
    GoodsReceipt,
    Invoice,
    InvoiceKind,
    InvoiceLine,
    OrderLine,
    PurchaseOrder,
    ReceiptLine,
)
from tieout.model.effects import UpsertSupplier
from tieout.model.facts import (
    CaseOpened,
    GoodsReceived,
    InvoiceMatched,
    InvoiceReceived,
    MatchFailed,
    OrderPlaced,
    Outcome,
    SupplierProposed,
)
from tieout.policy.policy import EntityPolicy, Partner, Policy
from tieout.policy.tolerances import Limit, Tolerances

D = Decimal
OURS = "DE111111125"
POLICY = Policy(
    entities={"de": EntityPolicy(name="Muster GmbH", currency="EUR", country="DE", tax_ids=(OURS, "MUSTER"))},
    partners={"schrauben": Partner(name="Schrauben AG", ids=("SCHRAUBEN",), tax_id=TAX_ID)},
    tolerances={"default": Tolerances(dialect="oracle_fusion", conversion_rate=Limit(kind="value", amount=D(10)))},
)
ORDER = PurchaseOrder(
    order_id="PO-1",
    entity="de",
    supplier_id=SUPPLIER_ID,
    currency="USD",
    ordered_on=date(2026, 4, 20),
    lines=(OrderLine(line_id="1", item="bolt", quantity=D(10), unit="EA", unit_price=D(100)),),
    conversion_rate=D("0.9"),
    converted_to="EUR",
)


def usd(amount: str) -> Money:
    return Money.of(D(amount), "USD")


INVOICE = Invoice(
    kind=InvoiceKind.INVOICE,
    number="R-100",
    entity="de",
    supplier_id=SUPPLIER_ID,
    supplier_tax_id=TAX_ID,
    supplier_name="Schrauben AG",
    currency="USD",
    issued_on=date(2026, 5, 3),
    due_on=date(2026, 6, 2),
    lines=(
        InvoiceLine(
            line_id="1",
            quantity=D(10),
            unit="EA",
            unit_price=D(100),
            net=usd("1000"),
            order_id="PO-1",
            order_line_id="1",
        ),
    ),
    net=usd("1000"),
    tax=usd("0"),
    gross=usd("1000"),
    converted_to="EUR",
)
MADE = Envelope(sender="MUSTER", receiver="SCHRAUBEN", control="1", prepared_at=datetime(2026, 5, 3, tzinfo=UTC))
X12_INVOICE = """ISA*00*          *00*          *ZZ*SCHRAUBEN      *ZZ*MUSTER         *260503*1015*U*00401*000000101*0*P*>~
GS*IN*SCHRAUBEN*MUSTER*20260503*1015*7*X*004010~ST*810*0001~BIG*20260503*R-100**PO-1~CUR*SE*USD*{rate}*BY*EUR~
N1*SE*Schrauben AG~ITD*01*3*****30~IT1*1*10*EA*100**PL*1~TDS*100000~SE*8*0001~GE*1*7~IEA*1*000000101~"""
EDIFACT_INVOICE = """UNA:+.? 'UNB+UNOC:3+SCHRAUBEN+MUSTER+260503:1030+77'UNH+1+INVOIC:D:96A:UN'BGM+380+R-100+9'
DTM+137:20260503:102'NAD+SU+++Schrauben AG'RFF+VA:DE136695976'NAD+BY+MUSTER::9'CUX+2:USD:4+3:EUR:11+{rate}'PAT+1'
DTM+13:20260602:102'LIN+1'QTY+47:10:EA'MOA+203:1000'PRI+AAA:100'RFF+ON:PO-1:1'UNS+S'MOA+77:1000'MOA+124:0'
UNT+18+1'UNZ+1+77'"""


def order_file(kind: str, order: PurchaseOrder) -> bytes:
    match kind:
        case "ubl":
            return write_order(order, Party(name="Muster", tax_id=OURS), Party(name="S", tax_id=TAX_ID)).body
        case "table":
            return write_orders([order])
        case _:
            return write_850(order, MADE).body


def invoice_file(kind: str, rate: str) -> bytes:
    rated = replace(INVOICE, conversion_rate=D(rate))
    match kind:
        case "ubl":
            return write_ubl(rated, Parties(buyer_tax_id=OURS, buyer_name="Muster GmbH"))
        case "table":
            return write_invoices([rated])
        case "x12":
            return X12_INVOICE.format(rate=rate).replace("\n", "").encode()
        case _:
            return EDIFACT_INVOICE.format(rate=rate).replace("\n", "").encode()


def told(order: bytes, invoice: bytes) -> Story:
    """The supplier is known, the order is placed, its goods came, and the invoice arrives."""
    story = Story(POLICY, PROCESSES)
    story.tell(SupplierProposed(supplier=SUPPLIER))
    for system in POLICY.supplier_systems:
        story.settle(UpsertSupplier, f"{SUPPLIER_ID}/v1", Outcome(status="applied", reference="S1"), system)
    goods = GoodsReceipt(
        receipt_id="GR-1",
        order_id="PO-1",
        entity="de",
        supplier_id=SUPPLIER_ID,
        received_on=date(2026, 5, 2),
        lines=(ReceiptLine(order_line_id="1", quantity=D(10)),),
    )
    reader = document_reader(POLICY)
    for body in (order, invoice):
        delivery = reader(Bytes(body), "file", "folder")
        assert (delivery.proved, delivery.problems) == (True, ()), "every part of the file is taken"
        for message in delivery.messages:
            if isinstance(message.data, OrderPlaced | InvoiceReceived):
                story.tell(message.data, entity=message.entity)
        if body is order:
            story.tell(GoodsReceived(receipt=goods), entity="de")
    return story


@pytest.mark.parametrize("order", ["ubl", "table", "x12"])
@pytest.mark.parametrize("invoice", ["ubl", "table", "x12", "edifact"])
def test_a_rate_within_the_limit_is_matched_and_one_beyond_it_is_a_case(order: str, invoice: str) -> None:
    """1,000 USD were planned at 900 EUR, and may cost 10 EUR more (Oracle: MAX RATE AMOUNT)."""
    placed = order_file(order, ORDER)
    story = told(placed, invoice_file(invoice, "0.9100"))
    (matched,) = (event.data for event in story.events if isinstance(event.data, InvoiceMatched))
    checks = [check for check in matched.verdict.checks if check.rule == "conversion_rate"]
    assert [(one.expected, one.actual, one.limit, one.passed) for one in checks] == [(900, 910, 910, True)]

    story = told(placed, invoice_file(invoice, "0.9101"))
    (failed,) = (event.data for event in story.events if isinstance(event.data, MatchFailed))
    assert [problem.code for problem in failed.verdict.problems] == [Code.RATE_OVER_LIMIT]
    assert failed.verdict.holds == ("MAX RATE AMOUNT",)
    (case,) = (event.data.case for event in story.events if isinstance(event.data, CaseOpened))
    assert case.case_class == "currency"


def test_an_order_in_our_own_currency_is_no_order_for_an_invoice_in_another_whatever_its_rate() -> None:
    """It is not converted: which currency was agreed is a question for a person."""
    ours = replace(ORDER, currency="EUR", conversion_rate=None, converted_to="")
    story = told(order_file("ubl", ours), invoice_file("ubl", "0.9"))
    (failed,) = (event.data for event in story.events if isinstance(event.data, MatchFailed))
    assert [problem.code for problem in failed.verdict.problems] == [Code.CURRENCY_MISMATCH]
    (case,) = (event.data.case for event in story.events if isinstance(event.data, CaseOpened))
    assert case.case_class == "currency"
