"""cXML: orders, confirmations, ship notices, receipts, invoices and statuses; and the password in its header."""

from datetime import UTC, date, datetime
from decimal import Decimal
from os import environ
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree
from msgspec import structs

from tieout.conformance.formats import ReaderConformance
from tieout.formats.detect import detect, read
from tieout.formats.procurement.cxml import read_cxml
from tieout.formats.procurement.cxml.write import write_response
from tieout.formats.reading import Context, Reading
from tieout.formats.source import Bytes
from tieout.kernel.money import Money
from tieout.kernel.problem import Code
from tieout.model.documents import (
    BusinessResponse,
    DespatchAdvice,
    DespatchLine,
    GoodsReceipt,
    Invoice,
    InvoiceKind,
    InvoiceLine,
    OrderChange,
    OrderLine,
    OrderResponse,
    PurchaseOrder,
    ReceiptLine,
    ResponseLine,
)
from tieout.model.identity import supplier_id_of

DATA = Path(__file__).parents[1] / "data" / "procurement"
SAMPLES = Path(__file__).parents[3] / environ.get("TIEOUT_SAMPLES", "../shared/samples")
CONTEXT = Context(entities_by_tax_id={"AN01-BUYER": "nordwind"}, suppliers_by_id={"an02-seller": "NL001234567B01"})
SELLER = supplier_id_of("NL001234567B01")
KINDS = ("order", "confirmation", "ship-notice", "receipt", "invoice")
SECRET = "abracadabra"


def data(kind: str) -> str:
    return (DATA / f"cxml-{kind}.xml").read_text(encoding="utf-8")


def of(text: str) -> Reading[Any]:
    return read(text.encode(), context=CONTEXT)


def changed(kind: str, *swaps: tuple[str, str]) -> Reading[Any]:
    """A document with some of its text exchanged, which must be there."""
    text = data(kind)
    for old, new in swaps:
        assert old in text, old
        text = text.replace(old, new)
    return of(text)


def usd(amount: str) -> Money:
    return Money.of(Decimal(amount), "USD")


# ── orders ─────────────────────────────────────────────────────────────────────────────────────────────────────────

LINES = (
    OrderLine(
        line_id="1",
        item="SP-1",
        quantity=Decimal(10),
        unit="EA",
        unit_price=Decimal(50),
        description="Filter",
        category="UNSPSC:40161500",
    ),
    OrderLine(
        line_id="2",
        item="SRV",
        quantity=Decimal(1),
        unit="EA",
        unit_price=Decimal(550),
        description="Service up to a limit",
        receipt_required=False,
    ),
)


def test_an_order_with_a_limit_line_and_a_total_with_shipping() -> None:
    reading = of(data("order"))
    assert reading.records == (
        PurchaseOrder(
            order_id="PO-9",
            entity="nordwind",
            supplier_id=SELLER,
            currency="USD",
            ordered_on=date(2026, 3, 2),
            lines=LINES,
        ),
    )
    assert reading.proof.holds
    assert [problem.detail for problem in reading.diagnostics] == [
        "an amount in a second currency is not kept",
        "a limit order: the price is what may be spent at most",
    ]


@pytest.mark.parametrize("total", ["1050.00", "1065.00"])
def test_the_total_is_that_of_the_items_with_or_without_shipping(total: str) -> None:
    assert changed("order", ("1065.00", total)).proof.holds
    assert not changed("order", ("1065.00", f"{Decimal(total) + Decimal('0.01')}")).proof.holds


def test_an_update_is_the_order_anew_and_a_delete_its_end() -> None:
    common: dict[str, Any] = {
        "order_id": "PO-9",
        "entity": "nordwind",
        "supplier_id": SELLER,
        "changed_on": date(2026, 3, 2),
    }
    update = changed("order", ('type="new"', 'type="update"'))
    assert update.records == (OrderChange(change_id="PO-9/1", lines=LINES, **common),)
    deleted = changed("order", ('type="new"', 'type="delete"'))
    assert deleted.records == (OrderChange(change_id="order-1@nordwind.example", cancelled=True, **common),)
    assert not changed("order", ('type="new"', 'type="perhaps"')).proof.holds


def test_a_price_for_a_box_of_ten_is_one_for_each() -> None:
    reading = changed(
        "order", ('quantity="1" conversionFactor="1"', 'quantity="5" conversionFactor="0.1"'), ("1065.00", "560.00")
    )
    assert reading.records[0].lines[0].unit_price == 1
    for wrong in ('quantity="0" conversionFactor="1"', 'quantity="1" conversionFactor="x"'):
        assert not changed("order", ('quantity="1" conversionFactor="1"', wrong)).proof.holds


@pytest.mark.parametrize(("level", "kept"), [("groupLevel", ["1"]), ("itemLevel", ["2"])])
def test_only_what_has_the_price_is_a_line(level: str, kept: list[str]) -> None:
    whole = f'lineNumber="1" itemType="composite" compositeItemType="{level}"'
    reading = changed(
        "order",
        ('lineNumber="1"', whole),
        ('lineNumber="2"', 'lineNumber="2" itemType="item" parentLineNumber="1"'),
        ("1065.00", "500.00" if level == "groupLevel" else "550.00"),
    )
    assert [line.line_id for line in reading.records[0].lines] == kept
    assert reading.proof.holds


def test_lines_without_numbers_go_by_their_position() -> None:
    reading = changed("order", (' lineNumber="1"', ""), (' lineNumber="2"', ""))
    assert [line.line_id for line in reading.records[0].lines] == ["1", "2"]
    assert "a line number (lineNumber) is missing" in reading.diagnostics[-1].detail


def test_a_test_document_is_not_acted_on() -> None:
    reading = changed("order", ("production", "test"))
    assert (reading.proof.holds, reading.diagnostics[0].code) == (False, Code.TEST_DOCUMENT)


# ── answers ────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_confirmation_in_parts() -> None:
    assert of(data("confirmation")).records == (
        OrderResponse(
            response_id="C-7",
            order_id="PO-9",
            entity="nordwind",
            supplier_id=SELLER,
            responded_on=date(2026, 3, 3),
            status="changed",
            lines=(
                ResponseLine(
                    order_line_id="1",
                    status="changed",
                    quantity=Decimal(9),
                    unit="EA",
                    unit_price=Decimal(51),
                    promised_on=date(2026, 4, 2),
                    note="6 detail. 3 backordered. 1 reject.",
                ),
                ResponseLine(order_line_id="2", status="accepted", quantity=Decimal(1), unit="EA"),
            ),
            note="Part of it later",
        ),
    )


@pytest.mark.parametrize(
    ("kind", "status"),
    [("accept", "accepted"), ("except", "changed"), ("reject", "rejected"), ("allDetail", "changed")],
)
def test_the_answer_to_the_whole_order(kind: str, status: str) -> None:
    reading = changed("confirmation", ('type="detail" noticeDate', f'type="{kind}" noticeDate'))
    assert reading.records[0].status == status


def test_a_confirmation_that_is_taken_back_waits_for_a_person() -> None:
    for kind in ("confirmation", "ship-notice", "receipt", "invoice"):
        reading = changed(kind, ('operation="new"', 'operation="delete"'))
        assert (reading.records, reading.proof.complete) == ((), False), kind


def test_a_status_update_is_what_somebody_makes_of_our_document() -> None:
    text = data("receipt")
    start, end = text.index("<ReceiptRequest>"), text.index("</ReceiptRequest>") + len("</ReceiptRequest>")
    update = (
        '<StatusUpdateRequest><DocumentReference payloadID="inv-1@us"/><Status code="200" text="OK"/>'
        '<InvoiceStatus type="rejected"><InvoiceIDInfo invoiceID="INV-1"/><Comments>No order</Comments></InvoiceStatus>'
        "</StatusUpdateRequest>"
    )
    assert of(text[:start] + update + text[end:]).records == (
        BusinessResponse(
            response_id="receipt-1@nordwind.example",
            about_kind="cXML",
            about_number="INV-1",
            status="RE",
            sender="AN01-BUYER",
            receiver="AN02-SELLER",
            reasons=("OK", "No order"),
            note="cXML status 200",
        ),
    )


# ── goods ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_ship_notice_gives_one_document_for_each_order() -> None:
    common: dict[str, Any] = {
        "entity": "nordwind",
        "supplier_id": SELLER,
        "despatched_on": date(2026, 3, 19),
        "expected_on": date(2026, 3, 20),
        "carrier_reference": "8202 8261",
    }
    first = DespatchLine(order_line_id="1", quantity=Decimal(6), unit="EA", item="SP-1")
    second = DespatchLine(order_line_id="3", quantity=Decimal(2), unit="BX")
    assert of(data("ship-notice")).records == (
        DespatchAdvice(despatch_id="S-5/PO-9", order_id="PO-9", lines=(first,), **common),
        DespatchAdvice(despatch_id="S-5/PO-10", order_id="PO-10", lines=(second,), **common),
    )


def test_goods_sent_back_count_below_zero() -> None:
    assert of(data("receipt")).records == (
        GoodsReceipt(
            receipt_id="GR-1",
            order_id="PO-9",
            entity="nordwind",
            supplier_id=SELLER,
            received_on=date(2026, 3, 21),
            lines=(
                ReceiptLine(order_line_id="1", quantity=Decimal(6)),
                ReceiptLine(order_line_id="1", quantity=Decimal(-1)),
            ),
        ),
    )


# ── invoices ───────────────────────────────────────────────────────────────────────────────────────────────────────


def invoice(**changes: Any) -> Invoice:
    body = data("invoice").encode()
    found: dict[str, Any] = {
        "kind": InvoiceKind.INVOICE,
        "number": "INV-77",
        "entity": "nordwind",
        "supplier_id": SELLER,
        "supplier_tax_id": "NL001234567B01",
        "supplier_name": "Tulp Onderdelen B.V.",
        "currency": "USD",
        "issued_on": date(2026, 3, 25),
        "due_on": date(2026, 4, 24),
        "lines": (
            InvoiceLine(
                line_id="1",
                quantity=Decimal(6),
                unit="EA",
                unit_price=Decimal(51),
                net=usd("306.00"),
                description="Filter",
                tax_rate=Decimal(10),
                order_id="PO-9",
                order_line_id="1",
                item="SP-1",
            ),
            InvoiceLine(
                line_id="2",
                quantity=Decimal(1),
                unit="",
                unit_price=Decimal(100),
                net=usd("100.00"),
                description="Inspection",
                order_id="PO-9",
                order_line_id="2",
            ),
            structs.replace(whole("charge/1", "15.00", "shipping"), kind="freight"),
            structs.replace(whole("allowance/1", "-20.30", "discount"), kind="allowance"),
        ),
        "net": usd("400.70"),
        "tax": usd("30.60"),
        "gross": usd("431.30"),
        "prepaid": usd("31.30"),
        "document": Bytes(body).mark,
    }
    return Invoice(**{**found, **changes})


def whole(line_id: str, amount: str, description: str) -> InvoiceLine:
    return InvoiceLine(
        line_id=line_id,
        quantity=Decimal(1),
        unit="",
        unit_price=Decimal(amount),
        net=usd(amount),
        description=description,
    )


def test_an_invoice_with_goods_service_shipping_discount_and_deposit() -> None:
    reading = of(data("invoice"))
    assert reading.records == (invoice(),)
    assert reading.diagnostics == ()
    assert [claim.name.partition(" ")[0] for claim in reading.proof.claims] == [
        "NetAmount",
        "SubtotalAmount",
        "GrossAmount",
        "DueAmount",
        "Tax",
    ]
    assert str(reading.records[0].payable) == "400.00 USD"


@pytest.mark.parametrize("amount", ["406.00", "30.60", "15.00", "451.60", "20.30", "431.30", "31.30", "400.00"])
def test_no_amount_of_the_summary_can_be_changed_by_a_cent(amount: str) -> None:
    head, summary = data("invoice").split("<InvoiceDetailSummary>")
    wrong = summary.replace(f">{amount}<", f">{Decimal(amount) + Decimal('0.01')}<")
    assert wrong != summary
    assert not of(f"{head}<InvoiceDetailSummary>{wrong}").proof.holds


def test_a_credit_memo_has_amounts_below_zero_and_ours_above() -> None:
    text = data("invoice").replace('purpose="standard"', 'purpose="creditMemo"')
    head, rest = text.split("<InvoiceDetailOrder>")
    for old, new in (
        ('<Money currency="USD">', '<Money currency="USD">-'),
        (">-51.00<", ">51.00<"),
        (">-0.00<", ">0.00<"),
        ('quantity="6"', 'quantity="-6"'),
    ):
        rest = rest.replace(old, new)
    reading = of(f"{head}<InvoiceDetailOrder>{rest}")
    (credit,) = reading.records
    assert reading.proof.holds, reading.diagnostics
    assert (credit.kind, credit.gross, credit.tax, credit.prepaid) == (
        InvoiceKind.CREDIT_NOTE,
        usd("431.30"),
        usd("30.60"),
        usd("31.30"),
    )
    assert [(line.quantity, line.unit_price, line.net) for line in credit.lines] == [
        (Decimal(6), Decimal(51), usd("306.00")),
        (Decimal(1), Decimal(100), usd("100.00")),
        (Decimal(1), Decimal(15), usd("15.00")),
        (Decimal(-1), Decimal("20.30"), usd("-20.30")),
    ]


def test_an_invoice_without_lines_has_one_for_each_order() -> None:
    text = data("invoice").replace(' isTaxInLine="yes"', "")
    start, end = text.index("<InvoiceDetailItem "), text.index("</InvoiceDetailOrder>")
    summary = (
        '<InvoiceDetailOrderSummary invoiceLineNumber="1"><SubtotalAmount><Money currency="USD">406.00</Money>'
        "</SubtotalAmount></InvoiceDetailOrderSummary>"
    )
    text = (text[:start] + summary + text[end:]).replace("InvoiceDetailOrder>", "InvoiceDetailHeaderOrder>")
    reading = of(text)
    assert reading.proof.holds, reading.diagnostics
    assert [(line.line_id, line.net, line.order_id) for line in reading.records[0].lines[:1]] == [
        ("summary/1", usd("406.00"), "PO-9")
    ]


def test_a_copy_for_information_must_not_be_paid() -> None:
    reading = changed("invoice", ('purpose="standard"', 'purpose="standard" isInformationOnly="yes"'))
    assert (reading.records, reading.proof.complete) == ((), False)


def test_amounts_in_two_currencies_or_of_too_many_decimals_are_refused() -> None:
    for new in ('"EUR">306.00', '"USD">306.001'):
        reading = changed("invoice", ('"USD">306.00', new))
        assert (reading.records, reading.proof.complete) == ((), False)


# ── the envelope ───────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("kind", KINDS)
def test_the_password_reaches_no_record_and_no_problem(kind: str) -> None:
    for text in (data(kind), data(kind).replace("AN0", "XX0"), data(kind).replace(f'payloadID="{kind}', 'payloadID="')):
        assert SECRET not in repr(of(text))


@pytest.mark.parametrize(
    "broken", ["&abracadabra;", "a<abracadabra c", "<abracadabra", "abra]]>cadabra", "&abracadabra"]
)
def test_a_password_that_breaks_the_document_is_not_quoted(broken: str) -> None:
    reading = changed("order", (SECRET, broken))
    assert not reading.proof.holds
    assert "cadabra" not in repr(reading)


@pytest.mark.parametrize(
    ("doctype", "is_read"),
    [
        ('<!DOCTYPE cXML SYSTEM "http://xml.cXML.org/schemas/cXML/1.2.014/cXML.dtd">', True),
        ('<!DOCTYPE cXML SYSTEM "https://xml.cxml.org/current/InvoiceDetail.dtd">', True),
        ('<!DOCTYPE cXML SYSTEM "cXML.dtd">', True),
        ("", True),
        ('<!DOCTYPE cXML SYSTEM "http://127.0.0.1:9/cXML.dtd">', False),
        ('<!DOCTYPE cXML SYSTEM "file:///etc/passwd">', False),
        ('<!DOCTYPE cXML SYSTEM "http://xml.cxml.org/schemas/cXML/../../evil.dtd">', False),
        ('<!DOCTYPE cXML SYSTEM "http://xml.cxml.org/current/Quote.dtd/evil.dtd">', False),
        ('<!DOCTYPE cXML SYSTEM "cXML.dtd" [<!ENTITY x "y">]>', False),
    ],
)
def test_only_the_document_types_of_cxml_are_let_in_and_none_is_fetched(doctype: str, is_read: bool) -> None:
    text = data("order")
    start, end = text.index("<!DOCTYPE"), text.index("<cXML ")
    reading = of(text[:start] + doctype + text[end:])
    assert reading.proof.holds is is_read
    if not is_read:
        assert [problem.code for problem in reading.diagnostics] == [Code.FORBIDDEN_XML]


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("<Request><PunchOutSetupRequest/></Request>", "a visit to a supplier's shop"),
        ("<Message><PunchOutOrderMessage/></Message>", "not yet an order"),
        ("<Request><ProfileRequest/></Request>", "what the other side can do"),
        ('<Response><Status code="200" text="OK"/></Response>', "says nothing without the call"),
        ("<Request><NewestRequest/></Request>", ""),
        ("", ""),
    ],
)
def test_other_documents_of_cxml_are_named_and_refused(body: str, words: str) -> None:
    reading = of(f'<cXML payloadID="p" timestamp="t">{body}</cXML>')
    (problem,) = reading.diagnostics
    assert (reading.format, problem.code, reading.proof.holds) == ("cxml", Code.UNKNOWN_FORMAT, False)
    assert words in problem.detail


def test_attributes_that_must_be_there_are_missed() -> None:
    for kind, name in (
        ("order", "orderID"),
        ("order", "orderDate"),
        ("order", "quantity"),
        ("order", "payloadID"),
        ("confirmation", "orderID"),
        ("confirmation", "lineNumber"),
        ("ship-notice", "shipmentID"),
        ("ship-notice", "orderID"),
        ("receipt", "receiptDate"),
        ("invoice", "invoiceID"),
        ("invoice", "invoiceDate"),
        ("invoice", "invoiceLineNumber"),
    ):
        assert not changed(kind, (f" {name}=", f" x{name}=")).proof.holds, (kind, name)


class TestCxml(ReaderConformance):
    reader = staticmethod(read_cxml)
    numbers = ("Money",)
    cuts = 20

    def documents(self) -> dict[str, bytes]:
        """Without the document type: the kit puts its own there."""
        found = {}
        for kind in ("order", "invoice"):
            text = data(kind)
            found[kind] = (text[: text.index("<!DOCTYPE")] + text[text.index("<cXML ") :]).encode()
        return found


# ── the answer we write ────────────────────────────────────────────────────────────────────────────────────────────

AT = datetime(2026, 3, 2, 10, 0, tzinfo=UTC)


@given(st.sampled_from(("200", "201", "400", "550")), st.text(max_size=30))
def test_an_answer_is_one_document_with_its_status(code: str, detail: str) -> None:
    written = write_response(code, "p-1@tieout", AT, detail)
    assert written.problems == ()
    assert detect(written.body) == "cxml"
    root = etree.fromstring(written.body)
    assert root.attrib == {"payloadID": "p-1@tieout", "timestamp": "2026-03-02T10:00:00+00:00"}
    (status,) = root.iter("Status")
    assert status.get("code") == code
    assert written == write_response(code, "p-1@tieout", AT, detail)


DTD = SAMPLES / "schemas/cxml/spec/fixtures/1.2.020-cXML.dtd"


@pytest.mark.skipif(not DTD.exists(), reason="no schemas here (TIEOUT_SAMPLES)")
def test_an_answer_is_valid_cxml() -> None:
    dtd = etree.DTD(DTD.open("rb"))
    body = write_response("201", "p-1@tieout", AT, "taken, and looked at later").body
    assert dtd.validate(etree.fromstring(body)), dtd.error_log
    assert not dtd.validate(etree.fromstring(body.replace(b"Status", b"State")))


def test_an_answer_that_would_not_be_valid_is_not_written() -> None:
    for written in (
        write_response("299", "p", AT),
        write_response("200", "", AT),
        write_response("200", "p", AT.replace(tzinfo=None)),
    ):
        assert written.body == b""
        assert len(written.problems) == 1
