"""What messages say, in the dialects of EANCOM, EN 16931 and the car industry; and almost valid ones."""

from collections.abc import Iterator, Mapping
from datetime import date
from decimal import Decimal

import pytest
from tests.formats.edifact.interchange import OURS, changed, data, interchange, message, read, without

from tieout.conformance.formats import NOT_NUMBERS, Broken, ReaderConformance
from tieout.formats.edifact import read_edifact
from tieout.formats.edifact.syntax import DEFAULT, day_of, plain_number
from tieout.formats.reading import Context, Reading
from tieout.kernel.ids import fingerprint
from tieout.kernel.money import Money
from tieout.kernel.problem import Code, Problem
from tieout.model.documents import (
    Acknowledgment,
    BusinessResponse,
    DespatchAdvice,
    DespatchLine,
    GoodsReceipt,
    Interchange,
    Invoice,
    InvoiceKind,
    InvoiceLine,
    OrderLine,
    OrderResponse,
    PurchaseOrder,
    ReceiptLine,
    RemittanceAdvice,
    RemittanceLine,
    ResponseLine,
)
from tieout.model.identity import supplier_id_of

SUPPLIER = supplier_id_of("DE129273398")


def eur(text: str) -> Money:
    return Money.of(Decimal(text), "EUR")


def records(body: bytes) -> tuple[object, ...]:
    """What a document says, beside its envelope; it has to hold."""
    reading = read(body)
    assert reading.proof.holds, reading.diagnostics
    assert reading.proof.set_aside == 0, reading.diagnostics
    return reading.records[:-1]


def reasons(body: bytes) -> tuple[Problem, ...]:
    """Why the one message of a document was refused."""
    reading = read(body)
    envelope = reading.records[-1]
    assert isinstance(envelope, Interchange)
    assert len(reading.records) == 1
    return envelope.parts[0].problems


def told(reading: Reading[object]) -> list[tuple[Code, str]]:
    return [(problem.code, problem.detail) for problem in reading.diagnostics]


def line(line_id: str, quantity: str, unit: str, price: str, net: str, **more: object) -> InvoiceLine:
    return InvoiceLine(
        line_id=line_id, quantity=Decimal(quantity), unit=unit, unit_price=Decimal(price), net=eur(net), **more
    )  # type: ignore[arg-type]


# ── invoices ───────────────────────────────────────────────────────────────────────────────────────────────────────


def test_an_eancom_invoice_with_allowances_sub_lines_and_terms() -> None:
    body = data("invoic-eancom")
    assert records(body) == (
        Invoice(
            kind=InvoiceKind.INVOICE,
            number="R-2026-0815",
            entity="acme-de",
            supplier_id=SUPPLIER,
            supplier_tax_id="DE129273398",
            supplier_name="Schrauben Müller GmbH Werk Köln",
            currency="EUR",
            issued_on=date(2026, 5, 4),
            due_on=date(2026, 6, 3),
            lines=(
                line(
                    "1",
                    "1000",
                    "PCE",
                    "0.3",
                    "300",
                    description="Sechskantschraube M8 verzinkt",
                    tax_rate=Decimal(19),
                    order_id="PO-77",
                    order_line_id="10",
                    item="4012345100013",
                ),
                line(
                    "2",
                    "8",
                    "PCE",
                    "42.5",
                    "320",
                    description="Gewindetabellen",
                    tax_rate=Decimal(7),
                    order_id="PO-77",
                    order_line_id="20",
                    item="4012345100020",
                ),
                line(
                    "allowance/1",
                    "1",
                    "",
                    "-62",
                    "-62",
                    description="Treuerabatt",
                    tax_rate=Decimal(19),
                    kind="allowance",
                ),
                line("charge/1", "1", "", "12.5", "12.5", description="Fracht", tax_rate=Decimal(19), kind="freight"),
            ),
            net=eur("570.50"),
            tax=eur("70.10"),
            gross=eur("640.60"),
            document=fingerprint(body),
        ),
    )
    assert told(read(body)) == [
        (
            Code.UNSUPPORTED_CONTENT,
            "sub-lines explain their line and are not read; the line's own amount stands for them",
        )
    ]


def test_a_credit_note_without_una_with_commas_of_a_supplier_known_by_its_gln() -> None:
    body = data("invoic-credit")
    assert records(body) == (
        Invoice(
            kind=InvoiceKind.CREDIT_NOTE,
            number="G-19",
            entity="acme-de",
            supplier_id=supplier_id_of("FR40303265045"),
            supplier_tax_id="FR40303265045",
            supplier_name="Papier SARL",
            currency="EUR",
            issued_on=date(2026, 5, 10),
            due_on=date(2026, 5, 10),
            lines=(line("1", "10", "C62", "10.25", "102.5", tax_rate=Decimal(20), item="4056789100011"),),
            net=eur("102.50"),
            tax=eur("20.50"),
            gross=eur("123"),
            credits_number="R-2026-0815",
            document=fingerprint(body),
        ),
    )
    assert read(body).diagnostics == ()


def test_an_invoice_of_en_16931() -> None:
    body = data("invoic-en16931")
    (invoice,) = records(body)
    assert isinstance(invoice, Invoice)
    assert (invoice.net, invoice.tax, invoice.gross) == (eur("146.84"), eur("31.67"), eur("178.51"))
    assert invoice.due_on == date(2026, 6, 3)
    assert invoice.lines == (
        line(
            "1",
            "16000",
            "KWH",
            "0.0088",
            "140.80",
            description="Transport",
            tax_rate=Decimal(21),
            order_id="PO-80",
            order_line_id="1",
            item="166022",
        ),
        line("2", "-1", "H87", "3.96", "-3.96", description="Retour", order_id="PO-80"),
        line("charge/1", "1", "", "10", "10", description="Freight", tax_rate=Decimal(21), kind="charge"),
    )
    claims = {claim.name for claim in read(body).proof.claims if claim.holds}
    assert claims >= {
        "sum of the lines (MOA 79)",
        "allowances or charges (MOA 259)",
        "total without tax (MOA 389 or 125)",
        "sum of tax by category (MOA 124)",
        "total with tax (MOA 388, 77 or 86)",
        "amount due (MOA 9)",
    }


CAR = (
    *("BGM+380+77001+9", "DTM+137:202605040000:102", "NAD+BT+ACME CARS LTD::91", "RFF+VA:DE123456789"),
    *("NAD+SU+2002993::92", "RFF+VA:DE129273398", "CUX+2:EUR", "PAT+1", "DTM+140:20260531:102"),
    *("LIN+++090346642:IN", "QTY+12:54:PCE", "MOA+203:1960.29", "PRI+AAA:3630.1724::NTP:100:C62"),
    *("RFF+SI:165480", "DTM+11:20260428:102", "RFF+ON:X18V00003", "TAX+7+VAT+++:::0", "NAD+ST+023::92"),
    *("UNS+S", "MOA+77:1960.29", "TAX+7+VAT"),
)


def test_an_invoice_of_the_car_industry() -> None:
    reading = read(interchange(message("INVOIC:D:97A:UN", *CAR)))
    assert reading.proof.holds
    invoice = reading.records[0]
    assert isinstance(invoice, Invoice)
    assert invoice.lines == (line("1", "54", "PCE", "36.301724", "1960.29", order_id="X18V00003", item="090346642"),)
    assert (invoice.entity, invoice.net, invoice.tax, invoice.gross) == (
        "acme-de",
        eur("1960.29"),
        eur("0"),
        eur("1960.29"),
    )
    assert told(reading) == [
        (Code.BAD_VALUE, "a time in a date of format 102"),
        (Code.ASSUMED_VALUE, "a line number (LIN, 1082) is missing; taken as its position"),
        (
            Code.ASSUMED_VALUE,
            "the tax total (MOA+176 or 124) is missing; taken as 0.00 EUR, by the rates of the lines",
        ),
    ]


MACHINES = (
    *("BGM+380+342459+9", "DTM+3:20260131:102", "RFF+ON:521052", "NAD+BY+4098765000003::16++ENGINE PLANT"),
    *("NAD+SE+005435656::16++GENERAL WIDGET COMPANY", "CUX+1:USD", "PAT+1++5:3:M:1"),
    *("LIN+1++157870:IN", "IMD+F++:::WIDGET", "QTY+47:1020:EA", "ALI+US", "MOA+203:1202,58", "PRI+INV:1,179"),
    *("UNS+S", "MOA+39:1727,58", "ALC+C+ABG", "MOA+8:525"),
)


def test_an_invoice_with_a_charge_in_its_summary_and_terms_in_months() -> None:
    body = interchange(message("INVOIC:D:01B:UN", *MACHINES), una="UNA:+,? '")
    (invoice,) = records(body)
    assert isinstance(invoice, Invoice)
    assert (str(invoice.net), str(invoice.gross), invoice.due_on) == ("1,727.58 USD", "1,727.58 USD", date(2026, 2, 28))
    assert [(line.line_id, str(line.net)) for line in invoice.lines] == [
        ("1", "1,202.58 USD"),
        ("charge/1", "525.00 USD"),
    ]


@pytest.mark.parametrize(
    ("terms", "due_on"),
    [
        ("PAT+1++5:3:D:30", date(2026, 3, 2)),
        ("PAT+1++5::D:14", date(2026, 2, 14)),
        ("PAT+1++5:3:W:2", date(2026, 2, 14)),
        ("PAT+3++5:3:M:13", date(2027, 2, 28)),
        ("PAT+22++5:3:D:10", date(2026, 1, 31)),
        ("PAT+1++66:3:D:30", date(2026, 1, 31)),
        ("PAT+1++5:3:Y:1", date(2026, 1, 31)),
        ("PYT+1++5+3+D+30", date(2026, 3, 2)),
    ],
)
def test_terms_of_payment(terms: str, due_on: date) -> None:
    segments = [terms if segment.startswith("PAT") else segment for segment in MACHINES]
    (invoice,) = records(interchange(message("INVOIC:D:01B:UN", *segments), una="UNA:+,? '"))
    assert isinstance(invoice, Invoice)
    assert invoice.due_on == due_on


@pytest.mark.parametrize(
    ("sums", "holds"),
    [
        (("MOA+86:100", "TAX+7+VAT+++:::20", "MOA+124:20", "MOA+9:120"), True),
        (("MOA+79:100", "MOA+86:120", "MOA+124:20"), True),
        (("MOA+128:120", "MOA+369:20"), True),
        (("MOA+77:100", "MOA+124:20", "MOA+9:120"), False),
        (("MOA+86:100", "MOA+124:20"), False),
        (("MOA+125:100", "MOA+124:20"), False),
    ],
)
def test_the_total_with_tax_is_the_sum_that_adds_up(sums: tuple[str, ...], holds: bool) -> None:
    line = ("LIN+1++A:EN", "QTY+47:1", "MOA+203:100", "PRI+AAA:100", "TAX+7+VAT+++:::20", "UNS+S")
    head = ("BGM+380+R-1+9", "DTM+137:20260504:102", "NAD+SU+1::9", "NAD+BY+4098765000003::9", "CUX+2:EUR:4")
    reading = read(interchange(message("INVOIC:D:96A:UN", *head, *line, *sums)))
    assert (len(reading.records), reading.proof.set_aside) == ((2, 0) if holds else (1, 1))
    if holds:
        assert isinstance(reading.records[0], Invoice)
        assert reading.records[0].gross == eur("120")


@pytest.mark.parametrize(
    ("valid", "wrong", "code", "detail"),
    [
        ("BGM+380+", "BGM+325+", Code.UNSUPPORTED_CONTENT, "pro forma invoice: nothing is to be paid on it"),
        ("BGM+380+", "BGM+999+", Code.UNKNOWN_CODE, ""),
        ("BGM+380+", "BGM++", Code.MISSING_FIELD, ""),
        ("BGM+380+R-2026-0815+9", "BGM+380+R-2026-0815+1", Code.UNSUPPORTED_CONTENT, "the message withdraws"),
        ("DTM+137:20260504:102", "DTM+137:20260230:102", Code.BAD_VALUE, ""),
        ("DTM+137:20260504:102", "DTM+137:20260504:999", Code.BAD_VALUE, ""),
        ("CUX+2:EUR:4", "CUX+2:Euro:4", Code.BAD_VALUE, ""),
        ("ALC+A++2+1+DI", "ALC+Z++2+1+DI", Code.BAD_VALUE, ""),
        ("MOA+8:62.00", "MOA+8:61.00", Code.TOTALS_DISAGREE, "total without tax"),
        ("MOA+203:300.00", "MOA+203:300.001", Code.BAD_VALUE, ""),
        ("MOA+203:300.00", "MOA+203:300.00:USD", Code.CURRENCY_MISMATCH, ""),
        ("MOA+77:640.60", "MOA+77:604.60", Code.TOTALS_DISAGREE, "total with tax"),
        ("MOA+79:620.00", "MOA+79:602.00", Code.TOTALS_DISAGREE, "sum of the lines"),
        ("MOA+131:-49.50", "MOA+131:-94.50", Code.TOTALS_DISAGREE, "allowances and charges"),
        ("MOA+124:47.70", "MOA+124:47.07", Code.TOTALS_DISAGREE, "sum of tax by category"),
        ("CNT+2:2", "CNT+2:4", Code.TOTALS_DISAGREE, "CNT 2"),
        ("LIN+2++4012345100020", "LIN+1++4012345100020", Code.BAD_VALUE, "line number used twice"),
        ("PRI+AAA:30.00:CA::100", "PRI+AAA:30.00:CA::0", Code.BAD_VALUE, ""),
        ("PRI+AAA:30.00:CA::100", "PRI+AAA:3,999:CA::100", Code.BAD_VALUE, ""),
        ("CNT+2:2'", "MOA+9:600.60'", Code.TOTALS_DISAGREE, "amount due"),
    ],
)
def test_an_invoice_that_is_almost_right_gives_no_record(valid: str, wrong: str, code: Code, detail: str) -> None:
    found = reasons(changed(data("invoic-eancom"), valid, wrong))
    assert found[0].code is code
    assert found[0].detail.startswith(detail)


def test_what_is_prepaid_and_rounded_is_kept_beside_the_sum() -> None:
    body = changed(data("invoic-eancom"), "CNT+2:2'", "CNT+2:2'MOA+113:40.00'MOA+366:0.02'")
    (invoice,) = records(changed(body, "UNT+63+", "UNT+65+"))
    assert isinstance(invoice, Invoice)
    assert (invoice.gross, invoice.prepaid, invoice.rounding) == (eur("640.60"), eur("40.00"), eur("0.02"))
    assert invoice.payable == eur("600.62")


def test_a_credit_note_of_a_negative_amount_waits_for_a_person() -> None:
    body = data("invoic-credit").replace(b"MOA+77:1", b"MOA+77:-1").replace(b":102,5", b":-102,5")
    body = body.replace(b":20,50", b":-20,50").replace(b"QTY+47:10", b"QTY+47:-10")
    assert [(problem.code, problem.detail[:37]) for problem in reasons(body)] == [
        (Code.BAD_VALUE, "a credit note of a negative amount; i")
    ]


def test_what_is_left_out_is_filled_in_and_told() -> None:
    body = data("invoic-eancom")
    for segment in ("MOA+203:300.00", "PRI+AAA:42.50", "PAT+1++5", "TAX+7+VAT+++:::19+S", "MOA+125:570.50", "MOA+79"):
        assert len(records(without(body, segment))) == 1, segment
    assumed = [detail for _, detail in told(read(without(body, "MOA+203:300.00")))]
    assert "a net amount (MOA+203) is missing; taken as quantity by price" in assumed
    percentage = without(body, "MOA+8:62.00")
    (invoice,) = records(percentage)
    assert isinstance(invoice, Invoice)
    assert invoice.gross == eur("640.60")
    assert "the amount of an allowance or charge is missing; taken as its percentage of its basis (MOA+25)" in [
        detail for _, detail in told(read(percentage))
    ]


def test_an_allowance_that_is_billed_back_is_no_part_of_the_invoice() -> None:
    body = changed(data("invoic-eancom"), "LIN+1++", "ALC+A++1'\nMOA+8:5.00'\nLIN+1++").replace(b"UNT+63", b"UNT+65")
    assert len(records(body)) == 1


def test_the_supplier_is_named_by_what_is_known_of_it() -> None:
    body = without(data("invoic-eancom"), "RFF+VA:DE129273398")
    reading = read(body)
    invoice = reading.records[0]
    assert isinstance(invoice, Invoice)
    assert (invoice.supplier_tax_id, invoice.supplier_id) == ("4012345000009", supplier_id_of("4012345000009"))
    assert (
        Code.ASSUMED_VALUE,
        "the supplier's VAT number (RFF+VA) is missing; taken as its identifier (NAD)",
    ) in told(reading)
    nobody = read(changed(body, "NAD+SU+4012345000009::9", "NAD+DP+4012345000010::9"))
    invoice = nobody.records[0]
    assert isinstance(invoice, Invoice)
    assert invoice.supplier_tax_id == "4012345000009"
    assert (
        Code.ASSUMED_VALUE,
        "the supplier (NAD+SU) is missing; taken as the partner of the interchange",
    ) in told(nobody)
    stranger = read(data("invoic-eancom"), Context())
    assert [problem.code for problem in stranger.diagnostics] == [Code.UNKNOWN_ENTITY, Code.UNSUPPORTED_CONTENT]


def test_an_invoice_without_a_currency_is_in_ours_or_refused() -> None:
    body = without(data("invoic-eancom"), "CUX+2")
    (invoice,) = records(body)
    assert isinstance(invoice, Invoice)
    assert invoice.currency == "EUR"
    reading = read(body, Context())
    assert (len(reading.records), reading.proof.set_aside) == (1, 1)


# ── procurement ────────────────────────────────────────────────────────────────────────────────────────────────────


def test_an_order() -> None:
    assert records(data("orders")) == (
        PurchaseOrder(
            order_id="PO-77",
            entity="acme-de",
            supplier_id=SUPPLIER,
            currency="EUR",
            ordered_on=date(2026, 4, 20),
            lines=(
                OrderLine(
                    line_id="10",
                    item="4012345100013",
                    quantity=Decimal(1000),
                    unit="PCE",
                    unit_price=Decimal("0.3"),
                    description="Sechskantschraube M8",
                    tax_rate=Decimal(19),
                ),
                OrderLine(
                    line_id="20",
                    item="TAB-1",
                    quantity=Decimal(8),
                    unit="PCE",
                    unit_price=Decimal("42.50"),
                    description="Gewindetabellen",
                ),
            ),
        ),
    )
    assert read(data("orders")).diagnostics == ()


def test_an_order_without_prices_is_taken_at_zero_and_told() -> None:
    body = without(without(data("orders"), "PRI+AAA:30"), "PRI+AAA:42")
    (order,) = records(body)
    assert isinstance(order, PurchaseOrder)
    assert [line.unit_price for line in order.lines] == [Decimal(0), Decimal(0)]
    assert told(read(body)) == [(Code.ASSUMED_VALUE, "a price (PRI) is missing (2 times, first here); taken as 0")]
    assert read(without(body, "CUX+2"), Context()).proof.set_aside == 0
    assert read(without(data("orders"), "CUX+2"), Context()).proof.set_aside == 1


def test_an_order_response() -> None:
    assert records(data("ordrsp")) == (
        OrderResponse(
            response_id="AB-5",
            order_id="PO-77",
            entity="acme-de",
            supplier_id=SUPPLIER,
            responded_on=date(2026, 4, 21),
            status="changed",
            lines=(
                ResponseLine(order_line_id="10", status="accepted", quantity=Decimal(1000), unit="PCE"),
                ResponseLine(
                    order_line_id="20",
                    status="changed",
                    quantity=Decimal(6),
                    unit="PCE",
                    unit_price=Decimal(43),
                    promised_on=date(2026, 5, 9),
                ),
                ResponseLine(order_line_id="30", status="rejected", quantity=Decimal(1)),
            ),
            note="Liefertermin geändert",
        ),
    )


@pytest.mark.parametrize(
    ("function", "whole", "first"),
    [
        ("29", "accepted", "accepted"),
        ("4", "changed", "accepted"),
        ("27", "rejected", "rejected"),
        ("12", "received", "accepted"),
        ("9", "accepted", "accepted"),
    ],
)
def test_an_order_response_for_the_whole_order(function: str, whole: str, first: str) -> None:
    body = changed(data("ordrsp"), "BGM+231+AB-5+4", f"BGM+231+AB-5+{function}")
    body = body.replace(b"LIN+10+5+", b"LIN+10++").replace(b"LIN+20+3", b"LIN+20").replace(b"LIN+30+7", b"LIN+30")
    (response,) = records(body)
    assert isinstance(response, OrderResponse)
    assert (response.status, response.lines[0].status) == (whole, first)


def test_a_despatch_advice_of_two_orders_in_a_tree_of_packages() -> None:
    common = {
        "entity": "acme-de",
        "supplier_id": SUPPLIER,
        "despatched_on": date(2026, 5, 1),
        "expected_on": date(2026, 5, 2),
        "carrier_reference": "CMR-55",
    }
    first = DespatchLine(order_line_id="10", quantity=Decimal(600), unit="PCE", item="4012345100013")
    second = DespatchLine(order_line_id="20", quantity=Decimal(8), item="4012345100020")
    assert records(data("desadv")) == (
        DespatchAdvice(despatch_id="LS-4711/PO-77", order_id="PO-77", lines=(first,), **common),  # type: ignore[arg-type]
        DespatchAdvice(despatch_id="LS-4711/PO-78", order_id="PO-78", lines=(second,), **common),  # type: ignore[arg-type]
    )
    lost = changed(data("desadv"), "CPS+3+1", "CPS+3+9")
    assert [(problem.code, problem.actual) for problem in read(lost).diagnostics] == [(Code.BAD_VALUE, "9")]
    assert reasons(without(data("desadv"), "QTY+12:600"))[0].code is Code.MISSING_FIELD


def test_a_receipt_counts_what_was_accepted() -> None:
    reading = read(data("recadv"))
    common = {"entity": "acme-de", "supplier_id": SUPPLIER, "received_on": date(2026, 5, 2)}
    assert reading.records[:-1] == (
        GoodsReceipt(
            receipt_id="WE-9/PO-77",
            order_id="PO-77",
            lines=(ReceiptLine(order_line_id="10", quantity=Decimal(590)),),
            **common,  # type: ignore[arg-type]
        ),
        GoodsReceipt(
            receipt_id="WE-9/PO-78",
            order_id="PO-78",
            lines=(ReceiptLine(order_line_id="20", quantity=Decimal(6)),),
            **common,  # type: ignore[arg-type]
        ),
    )
    assert [problem.actual for problem in reading.diagnostics] == ["10", "2", "-2:12"]
    assert reasons(without(without(data("recadv"), "QTY+48:8"), "QTY+196"))[0].code is Code.MISSING_FIELD


# ── payments and answers ───────────────────────────────────────────────────────────────────────────────────────────


def test_a_remittance_advice_with_a_discount_and_a_credit_note() -> None:
    assert records(data("remadv")) == (
        RemittanceAdvice(
            advice_id="AV-3",
            payer="ACME Deutschland GmbH",
            payee="4012345000009",
            paid_on=date(2026, 6, 3),
            amount=eur("504.79"),
            reference="PAY-1",
            lines=(
                RemittanceLine(
                    number="R-2026-0815",
                    paid=eur("627.79"),
                    gross=eur("640.60"),
                    deducted=eur("12.81"),
                    issued_on=date(2026, 5, 4),
                ),
                RemittanceLine(number="G-19", paid=eur("-123"), gross=eur("-123")),
            ),
        ),
    )
    assert reasons(changed(data("remadv"), "MOA+12:504.79", "MOA+12:750.79"))[0].code is Code.TOTALS_DISAGREE
    negative = changed(data("remadv"), "MOA+12:123.00", "MOA+12:-123.00")
    assert len(records(negative)) == 1


def test_an_acknowledgment() -> None:
    def said(status: str, control: str, kind: str, *problems: Problem) -> Acknowledgment:
        return Acknowledgment(
            kind="CONTRL",
            sender="4012345000009",
            receiver="4098765000003",
            status=status,
            interchange="77",
            control=control,
            message_kind=kind,
            problems=problems,
        )

    assert records(data("contrl")) == (
        said("partly", "", ""),
        said("accepted", "1", "REMADV"),
        said(
            "rejected",
            "2",
            "REMADV",
            Problem(Code.EFFECT_REFUSED, "UNT", actual="29", detail="the count at the end is not what came"),
        ),
        said(
            "rejected",
            "3",
            "ORDERS",
            Problem(Code.EFFECT_REFUSED, "segment 7", actual="13", detail="something that must be there is missing"),
            Problem(Code.EFFECT_REFUSED, "segment 7, element 1", actual="12", detail="a value is invalid"),
        ),
    )
    assert reasons(changed(data("contrl"), "UCM+1+REMADV:D:96A:UN+7", "UCM+1+REMADV:D:96A:UN+9"))


def test_an_application_error() -> None:
    assert records(data("aperak")) == (
        BusinessResponse(
            response_id="AP-1",
            about_kind="ACW",
            about_number="PO-77",
            status="RE",
            sender="4012345000009",
            receiver="4098765000003",
            responded_on=date(2026, 5, 5),
            reasons=("12", "40"),
            note="Artikel ist nicht lieferbar",
        ),
    )


# ── values ─────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("text", "picture", "day"),
    [
        ("20260504", "YYYYMMDD", date(2026, 5, 4)),
        ("260504", "YYMMDD", date(2026, 5, 4)),
        ("991006", "YYMMDD", date(1999, 10, 6)),
        ("040526", "DDMMYY", date(2026, 5, 4)),
        ("202605041230", "YYYYMMDD....", date(2026, 5, 4)),
        ("20260501-20260531", "YYYYMMDD-YYYYMMDD", date(2026, 5, 1)),
        ("20260501+20260531", "YYYYMMDD-YYYYMMDD", None),
        ("20260230", "YYYYMMDD", None),
        ("2026054", "YYYYMMDD", None),
        ("２０２６０５０４", "YYYYMMDD", None),
    ],
)
def test_dates_by_their_pictures(text: str, picture: str, day: date | None) -> None:
    assert day_of(text, picture) == day


@pytest.mark.parametrize(
    ("text", "both", "plain"),
    [
        ("12.50", False, "12.50"),
        ("12,50", False, "12.50"),
        ("1,234", True, "1.234"),
        ("1,234", False, "1,234 (. is the decimal mark)"),
        ("1.234,50", True, "1.234,50"),
        ("1,234,567", True, "1,234,567"),
    ],
)
def test_a_comma_is_a_decimal_mark_unless_it_may_be_meant_otherwise(text: str, both: bool, plain: str) -> None:
    assert plain_number(text, DEFAULT, both_marks=both) == plain


class TestInterchanges(ReaderConformance):
    """Numbers, days and structure broken in many ways: never a record of the broken message, never an exception."""

    is_xml = False
    reader = staticmethod(read_edifact)

    def documents(self) -> Mapping[str, bytes]:
        names = "invoic-eancom invoic-credit invoic-en16931 orders ordrsp desadv recadv remadv contrl aperak"
        return {name: data(name) for name in names.split()}

    def context(self) -> Context:
        return OURS

    def broken(self) -> Iterator[Broken]:
        for name, body in self.documents().items():
            for at in sorted({(len(body) - 3) * number // 60 for number in range(60)}):
                yield Broken(f"{name}: cut at byte {at}", body[:at])
            for valid, wrong in (("UNZ+1+", "UNZ+2+"), ("UNB+UN", "UNB+"), ("UNH+1+", "UNG+1+"), ("UNZ", "UNX")):
                yield Broken(f"{name}: {wrong}", changed(body, valid, wrong))


WRONG_NUMBERS = [text for text in NOT_NUMBERS if text not in ("", "1,234.50")]


@pytest.mark.parametrize(
    ("name", "segment"),
    [
        ("invoic-eancom", "MOA+203:300.00"),
        ("invoic-eancom", "QTY+47:1000"),
        ("invoic-eancom", "PRI+AAA:42.50"),
        ("invoic-eancom", "MOA+77:640.60"),
        ("invoic-eancom", "MOA+8:12.50"),
        ("invoic-en16931", "MOA+389:146.84"),
        ("orders", "QTY+21:1000"),
        ("orders", "PRI+AAA:42.50"),
        ("ordrsp", "QTY+113:6"),
        ("desadv", "QTY+12:600"),
        ("recadv", "QTY+194:590"),
        ("remadv", "MOA+12:627.79"),
        ("remadv", "MOA+12:504.79"),
    ],
)
@pytest.mark.parametrize("wrong", [*WRONG_NUMBERS, "", "1.234,50", "12.50-"])
def test_no_wrong_number_reaches_a_record(name: str, segment: str, wrong: str) -> None:
    head = segment.rpartition(":")[0]
    text = data(name).decode("latin-1").replace(segment, f"{head}:{wrong}", 1)
    found = reasons(text.encode("utf-8") if not wrong.isascii() else text.encode("latin-1"))
    assert found[0].code in (Code.BAD_VALUE, Code.MISSING_FIELD, Code.TOTALS_DISAGREE)
