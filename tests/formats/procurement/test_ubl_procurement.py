"""Orders, answers and advices in UBL: what each says in our words, and what is refused."""

from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tieout.conformance.formats import ReaderConformance
from tieout.formats.detect import detect, read
from tieout.formats.procurement.ubl import read_ubl
from tieout.formats.reading import Context, Reading
from tieout.kernel.problem import Code
from tieout.model.documents import (
    DespatchAdvice,
    DespatchLine,
    GoodsReceipt,
    OrderChange,
    OrderLine,
    OrderResponse,
    PurchaseOrder,
    ReceiptLine,
    ResponseLine,
)
from tieout.model.identity import supplier_id_of

DATA = Path(__file__).parents[1] / "data" / "procurement"
SELLER = supplier_id_of("NL001234567B01")
CONTEXT = Context(entities_by_tax_id={"DE 111111125": "nordwind"})


def data(name: str) -> str:
    return (DATA / name).read_text(encoding="utf-8")


def of(text: str, context: Context = CONTEXT) -> Reading[Any]:
    return read(text.encode(), context=context)


def changed(name: str, *swaps: tuple[str, str]) -> Reading[Any]:
    """A document with some of its text exchanged, which must be there."""
    text = data(name)
    for old, new in swaps:
        assert old in text, old
        text = text.replace(old, new)
    return of(text)


def said(reading: Reading[Any]) -> list[tuple[Code, str]]:
    return [(problem.code, problem.detail or problem.expected) for problem in reading.diagnostics]


ORDER = PurchaseOrder(
    order_id="PO-4711",
    entity="nordwind",
    supplier_id=SELLER,
    currency="EUR",
    ordered_on=date(2026, 3, 2),
    lines=(
        OrderLine(
            line_id="10",
            item="TULP-8",
            quantity=Decimal(300),
            unit="C62",
            unit_price=Decimal("1.25"),
            description="Bolt M8",
            tax_rate=Decimal(19),
        ),
        OrderLine(
            line_id="20",
            item="",
            quantity=Decimal("1.5"),
            unit="HUR",
            unit_price=Decimal(45),
            description="Fitting, on site",
        ),
    ),
)


# ── orders ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_an_order_is_read_with_its_prices_per_unit_and_its_totals_proved() -> None:
    reading = of(data("order.xml"))
    assert reading.records == (ORDER,)
    assert said(reading) == [(Code.UNSUPPORTED_CONTENT, "an allowance or charge on the whole order is not taken over")]
    assert [(claim.name.partition(" ")[0], claim.declared) for claim in reading.proof.claims] == [
        ("LineExtensionAmount", "442.50 EUR"),
        ("ChargeTotalAmount", "25.00 EUR"),
        ("TaxExclusiveAmount", "467.50 EUR"),
        ("TaxInclusiveAmount", "556.33 EUR"),
        ("PayableAmount", "556.33 EUR"),
    ]
    assert reading.proof.holds


@pytest.mark.parametrize(
    ("name", "amount"),
    [
        ("LineExtensionAmount", "442.50"),
        ("TaxExclusiveAmount", "467.50"),
        ("TaxInclusiveAmount", "556.33"),
        ("ChargeTotalAmount", "25.00"),
        ("PayableAmount", "556.33"),
    ],
)
def test_a_total_that_is_a_cent_off_does_not_hold(name: str, amount: str) -> None:
    wrong = f"{Decimal(amount) + Decimal('0.01')}"
    reading = changed("order.xml", (f'{name} currencyID="EUR">{amount}', f'{name} currencyID="EUR">{wrong}'))
    assert not reading.proof.holds
    assert Code.TOTALS_DISAGREE in {problem.code for problem in reading.diagnostics}


def test_allowances_are_taken_off_the_total() -> None:
    allowance = (
        "<cac:AllowanceCharge><cbc:ChargeIndicator>false</cbc:ChargeIndicator>"
        '<cbc:Amount currencyID="EUR">10.00</cbc:Amount></cac:AllowanceCharge>'
    )
    declared = '<cbc:AllowanceTotalAmount currencyID="EUR">10.00</cbc:AllowanceTotalAmount>'
    swaps = [("  <cac:TaxTotal>", f"{allowance}<cac:TaxTotal>"), ("467.50", "457.50"), ("556.33", "546.33")]
    reading = changed("order.xml", *swaps, ("<cbc:ChargeTotalAmount", f"{declared}<cbc:ChargeTotalAmount"))
    assert reading.proof.holds, reading.proof.claims
    wrong = declared.replace("10.00", "10.01")
    assert not changed("order.xml", *swaps, ("<cbc:ChargeTotalAmount", f"{wrong}<cbc:ChargeTotalAmount")).proof.holds


def test_an_order_without_prices_waits_for_a_person_by_its_price_of_zero() -> None:
    price = '<cac:Price><cbc:PriceAmount currencyID="EUR">45.00</cbc:PriceAmount></cac:Price>'
    reading = changed("order.xml", (price, ""))
    assert reading.records[0].lines[1].unit_price == 0
    assert (Code.ASSUMED_VALUE, "a price (PriceAmount) is missing; taken as 0") in said(reading)


def test_what_is_not_an_order_we_can_act_on_is_refused() -> None:
    for old, new in (
        ("<cbc:ID>20</cbc:ID>", "<cbc:ID>10</cbc:ID>"),
        ("<cbc:ID>PO-4711</cbc:ID>", ""),
        ('<cbc:Quantity unitCode="C62">300</cbc:Quantity>', ""),
        ('<cbc:PriceAmount currencyID="EUR">45.00', '<cbc:PriceAmount currencyID="USD">45.00'),
        ('<cbc:BaseQuantity unitCode="C62">100', '<cbc:BaseQuantity unitCode="C62">0'),
        ("<cbc:DocumentCurrencyCode>EUR", "<cbc:DocumentCurrencyCode>Euro"),
        ("NL001234567B01", ""),
    ):
        reading = changed("order.xml", (old, new))
        assert not reading.proof.complete, (old, new)
        assert not reading.records, (old, new)


def test_a_price_for_another_unit_than_is_ordered_is_told() -> None:
    reading = changed("order.xml", ('<cbc:BaseQuantity unitCode="C62">', '<cbc:BaseQuantity unitCode="BX">'))
    assert Code.UNIT_MISMATCH in {problem.code for problem in reading.diagnostics}


def test_a_buyer_is_known_by_any_of_its_names_and_one_who_is_not_is_told() -> None:
    by_network = Context(entities_by_tax_id={"9930:DE111111125": "by network"})
    assert of(data("order.xml"), by_network).records[0].entity == "by network"
    reading = of(data("order.xml"), Context())
    assert reading.records[0].entity == ""
    assert reading.diagnostics[0].code is Code.UNKNOWN_ENTITY


def test_a_supplier_without_a_vat_number_is_known_by_our_name_for_it_or_by_its_own() -> None:
    text = data("order.xml").replace(
        "<cac:PartyTaxScheme><cbc:CompanyID>NL001234567B01</cbc:CompanyID><cac:TaxScheme><cbc:ID>VAT</cbc:ID></cac:TaxScheme></cac:PartyTaxScheme>",
        "",
    )
    ours = Context(suppliers_by_id={"9944:nl001234567b01": "NL 1"})
    assert of(text, ours).records[0].supplier_id == supplier_id_of("NL 1")
    reading = of(text)
    assert reading.records[0].supplier_id == SELLER
    assert "the supplier's VAT number is missing; taken as its network address" in reading.diagnostics[-1].detail


def test_a_change_has_lines_as_they_stand_and_lines_that_fall_away() -> None:
    assert of(data("order-change.xml")).records == (
        OrderChange(
            change_id="CH-1",
            order_id="PO-4711",
            entity="nordwind",
            supplier_id=SELLER,
            changed_on=date(2026, 3, 4),
            lines=(
                OrderLine(
                    line_id="10",
                    item="",
                    quantity=Decimal(200),
                    unit="C62",
                    unit_price=Decimal("1.25"),
                    description="Bolt M8",
                ),
            ),
            deleted=("20",),
        ),
    )


def test_an_unknown_line_status_is_told_and_the_line_read() -> None:
    reading = changed("order-change.xml", ("<cbc:LineStatusCode>3<", "<cbc:LineStatusCode>99<"))
    assert len(reading.records[0].lines) == 1
    assert reading.diagnostics[0].code is Code.UNKNOWN_CODE


def test_a_cancellation_takes_the_whole_order_back() -> None:
    assert of(data("order-cancellation.xml")).records == (
        OrderChange(
            change_id="CX-1",
            order_id="PO-4711",
            entity="nordwind",
            supplier_id=SELLER,
            changed_on=date(2026, 3, 5),
            cancelled=True,
        ),
    )


# ── answers ────────────────────────────────────────────────────────────────────────────────────────────────────────

RESPONSE = OrderResponse(
    response_id="OR-1",
    order_id="PO-4711",
    entity="nordwind",
    supplier_id=SELLER,
    responded_on=date(2026, 3, 3),
    status="changed",
    lines=(
        ResponseLine(
            order_line_id="10",
            status="changed",
            quantity=Decimal(200),
            unit="C62",
            unit_price=Decimal("1.3"),
            promised_on=date(2026, 3, 11),
            note="On back order: 100. Offered instead: TULP-8Z Bolt M8, zinc.",
        ),
        ResponseLine(order_line_id="20", status="rejected"),
    ),
    note="Bolts come in two lots",
)


def test_an_answer_says_what_becomes_of_each_line() -> None:
    reading = of(data("order-response.xml"))
    assert (reading.records, reading.diagnostics) == ((RESPONSE,), ())


@pytest.mark.parametrize(
    ("code", "status"),
    [
        ("AB", "received"),
        ("AP", "accepted"),
        ("RE", "rejected"),
        ("CA", "changed"),
        ("27", "rejected"),
        ("29", "accepted"),
    ],
)
def test_the_answer_to_the_whole_order(code: str, status: str) -> None:
    assert changed("order-response.xml", (">CA<", f">{code}<")).records[0].status == status


@pytest.mark.parametrize(
    ("code", "status"), [("1", "changed"), ("5", "accepted"), ("7", "rejected"), ("42", "accepted")]
)
def test_the_answer_to_a_line(code: str, status: str) -> None:
    assert changed("order-response.xml", ("Code>3<", f"Code>{code}<")).records[0].lines[0].status == status


def test_an_answer_with_an_unknown_code_is_summed_up_from_its_lines_and_told() -> None:
    reading = changed("order-response.xml", (">CA<", ">XX<"))
    assert reading.records[0].status == "changed"
    assert [problem.code for problem in reading.diagnostics] == [Code.UNKNOWN_CODE, Code.ASSUMED_VALUE]


@pytest.mark.parametrize(("said_yes", "status"), [("true", "accepted"), ("false", "rejected")])
def test_a_simple_answer_is_yes_or_no(said_yes: str, status: str) -> None:
    text = data("order-cancellation.xml").replace("OrderCancellation", "OrderResponseSimple")
    text = text.replace(
        "<cbc:CancellationNote>No longer needed</cbc:CancellationNote>",
        f"<cbc:AcceptedIndicator>{said_yes}</cbc:AcceptedIndicator><cbc:RejectionNote>Sold out</cbc:RejectionNote>",
    )
    reading = of(text)
    assert (reading.format, reading.records[0].status) == ("ubl-order-response-simple", status)
    assert not of(text.replace(f">{said_yes}<", ">perhaps<")).proof.holds


# ── goods ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_despatch_advice_gives_one_document_for_each_order() -> None:
    reading = of(data("despatch-advice.xml"))
    common: dict[str, Any] = {
        "entity": "nordwind",
        "supplier_id": SELLER,
        "despatched_on": date(2026, 3, 9),
        "expected_on": date(2026, 3, 10),
        "carrier_reference": "3SABC123",
    }
    first = DespatchLine(order_line_id="10", quantity=Decimal(200), unit="C62", item="TULP-8")
    second = DespatchLine(order_line_id="1", quantity=Decimal(5), unit="C62")
    assert reading.records == (
        DespatchAdvice(despatch_id="DA-9/PO-4711", order_id="PO-4711", lines=(first,), **common),
        DespatchAdvice(despatch_id="DA-9/PO-4800", order_id="PO-4800", lines=(second,), **common),
    )
    assert said(reading) == [(Code.UNSUPPORTED_CONTENT, "is still outstanding of the line")]


def test_goods_of_no_order_are_refused() -> None:
    reading = changed("despatch-advice.xml", ("<cac:OrderReference><cbc:ID>PO-4711</cbc:ID></cac:OrderReference>", ""))
    assert not reading.proof.holds
    assert not reading.records


def test_only_what_was_received_and_not_rejected_counts() -> None:
    reading = of(data("receipt-advice.xml"))
    assert reading.records == (
        GoodsReceipt(
            receipt_id="RA-3",
            order_id="PO-4711",
            entity="nordwind",
            supplier_id=SELLER,
            received_on=date(2026, 3, 11),
            lines=(ReceiptLine(order_line_id="10", quantity=Decimal(195)),),
        ),
    )
    assert [(problem.actual, problem.detail) for problem in reading.diagnostics] == [
        ("ShortQuantity 2", "less came than was despatched"),
        ("3", "received and rejected (bent); it does not count as received"),
    ]
    more = changed("receipt-advice.xml", ('RejectedQuantity unitCode="C62">3', 'RejectedQuantity unitCode="C62">199'))
    assert not more.proof.holds


# ── what is not read ───────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("root", "words"),
    [("Catalogue", "a catalogue"), ("RequestForQuotation", "a request for quotation"), ("Tender", "")],
)
def test_other_documents_of_ubl_are_named_and_refused(root: str, words: str) -> None:
    reading = of(f'<{root} xmlns="urn:oasis:names:specification:ubl:schema:xsd:{root}-2"/>')
    (problem,) = reading.diagnostics
    assert (reading.format, problem.code) == ("ubl-other", Code.UNKNOWN_FORMAT)
    assert root in problem.actual
    assert words in problem.detail


def test_an_order_of_somebody_else_is_not_taken_for_ubl() -> None:
    assert detect(b'<Order xmlns="urn:shop"/>') == "unknown"


class TestOrder(ReaderConformance):
    numbers = ("Quantity", "PriceAmount")
    days = ("IssueDate",)
    texts = ("ID",)
    cuts = 20
    reader = staticmethod(read_ubl)

    def documents(self) -> dict[str, bytes]:
        return {"order": data("order.xml").encode()}


class TestGoods(ReaderConformance):
    days = ("IssueDate",)
    cuts = 20
    reader = staticmethod(read_ubl)

    def documents(self) -> dict[str, bytes]:
        return {name: data(f"{name}.xml").encode() for name in ("despatch-advice", "receipt-advice", "order-response")}
