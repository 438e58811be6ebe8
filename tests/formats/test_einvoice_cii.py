"""Cross industry invoices: what CII says is what UBL says, in every dialect; profiles without lines."""

import re
from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from pathlib import Path

import msgspec
import pytest

from tieout.conformance.formats import ReaderConformance
from tieout.formats.detect import detect
from tieout.formats.einvoice.cii import read_cii
from tieout.formats.einvoice.ubl import read_ubl
from tieout.formats.reading import Context, gather
from tieout.formats.source import Bytes
from tieout.kernel.ids import fingerprint
from tieout.kernel.money import Money
from tieout.kernel.problem import Code, Problem
from tieout.model.documents import Invoice, InvoiceKind, InvoiceLine
from tieout.model.identity import supplier_id_of

DATA = Path(__file__).parent / "data"
US = Context(entities_by_tax_id={"de 136.695.976": "acme-de", "787 878 784 00035": "acme-fr"})
CII, ZUGFERD_1, BASIC_WL, MINIMUM = (
    (DATA / "einvoice" / f"{name}.xml").read_bytes() for name in ("cii", "zugferd-1", "basic-wl", "minimum")
)


def eur(text: str) -> Money:
    return Money.of(Decimal(text), "EUR")


def without_document(invoice: Invoice) -> Invoice:
    return msgspec.structs.replace(invoice, document="")


def test_cii_says_what_ubl_says() -> None:
    ubl = gather(read_ubl, (DATA / "invoice.xml").read_bytes(), US)
    cii = gather(read_cii, CII, US)
    assert cii.diagnostics == ()
    assert cii.proof.holds
    assert [claim.name for claim in cii.proof.claims] == [claim.name for claim in ubl.proof.claims]
    (said,) = ubl.records  # which has no numbers of items and no account
    first = msgspec.structs.replace(said.lines[0], item="4012345001235")
    said = msgspec.structs.replace(said, lines=(first, *said.lines[1:]), payee_account="DE02120300000000202051")
    assert [without_document(each) for each in cii.records] == [without_document(said)]
    assert cii.records[0].document == fingerprint(CII)


def test_zugferd_1_says_the_same_in_other_words() -> None:
    reading = gather(read_cii, ZUGFERD_1, US)
    (expected,) = gather(read_cii, CII, US).records
    assert reading.proof.holds
    assert [without_document(each) for each in reading.records] == [without_document(expected)]
    assert [problem.detail for problem in reading.diagnostics] == [
        "a line that counts in no total (a text or an item without an amount) is left out"
    ]


@pytest.mark.parametrize(
    ("body", "format"), [(CII, "cii"), (ZUGFERD_1, "zugferd-1"), (BASIC_WL, "cii"), (MINIMUM, "cii")]
)
def test_each_is_recognised(body: bytes, format: str) -> None:
    assert detect(body) == format


def test_the_evidence_is_the_mark_of_what_it_was_taken_out_of() -> None:
    (invoice,) = gather(read_cii, Bytes(CII, "the mark of a PDF"), US).records
    assert invoice.document == "the mark of a PDF"


def test_basic_wl_has_one_line_for_each_vat_rate() -> None:
    reading = gather(read_cii, BASIC_WL, US)
    (invoice,) = reading.records
    assert reading.proof.holds
    assert [(line.line_id, line.net, line.tax_rate, line.order_id) for line in invoice.lines] == [
        ("summary/1", eur("200.00"), Decimal(19), "PO-77"),
        ("summary/2", eur("27.20"), Decimal(7), "PO-77"),
        ("allowance/1", eur("-10.00"), Decimal(19), ""),
        ("charge/1", eur("25.00"), Decimal(19), ""),
    ]
    assert [(problem.code, problem.detail) for problem in reading.diagnostics] == [
        (
            Code.UNSUPPORTED_CONTENT,
            "Factur-X BASIC WL has no lines; one per VAT rate stands for them, and no order can be matched by line",
        )
    ]


def test_vat_bases_that_are_not_the_total_are_not_acted_on() -> None:
    reading = gather(read_cii, BASIC_WL.replace(b"<ram:BasisAmount>27.20", b"<ram:BasisAmount>27.30"), US)
    assert [claim.name for claim in reading.proof.claims if not claim.holds] == ["sum of the VAT bases (BT-116)"]


def test_minimum_has_one_line_and_what_is_due_tells_what_is_prepaid() -> None:
    reading = gather(read_cii, MINIMUM, US)
    assert reading.proof.holds
    assert reading.records == (
        Invoice(
            kind=InvoiceKind.INVOICE,
            number="F20260042",
            entity="acme-fr",
            supplier_id=supplier_id_of("FR11999999998"),
            supplier_tax_id="FR11999999998",
            supplier_name="Au bon moulin",
            currency="EUR",
            issued_on=date(2026, 5, 4),
            due_on=date(2026, 5, 4),
            lines=(
                InvoiceLine(
                    line_id="summary/1",
                    quantity=Decimal(1),
                    unit="",
                    unit_price=Decimal(100),
                    net=eur("100.00"),
                    description="MINIMUM, 5.5 % VAT",
                    tax_rate=Decimal("5.5"),
                    order_id="PO-99",
                ),
            ),
            net=eur("100.00"),
            tax=eur("5.50"),
            gross=eur("105.50"),
            document=fingerprint(MINIMUM),
            prepaid=eur("40.00"),
        ),
    )
    assert [problem.code for problem in reading.diagnostics] == [
        Code.UNSUPPORTED_CONTENT,
        *[Code.ASSUMED_VALUE] * 3,  # the VAT rate, what is prepaid, the due date
    ]


def test_minimum_that_does_not_add_up_is_not_acted_on() -> None:
    reading = gather(read_cii, MINIMUM.replace(b">105.50<", b">106.50<"), US)
    assert [claim.name for claim in reading.proof.claims if not claim.holds] == ["BR-CO-15: total with VAT (BT-112)"]


def test_a_full_invoice_without_lines_is_refused() -> None:
    body = BASIC_WL.replace(b"urn:factur-x.eu:1p0:basicwl", b"urn:cen.eu:en16931:2017")
    reading = gather(read_cii, body, US)
    assert reading.records == ()
    assert [(problem.code, problem.expected) for problem in reading.diagnostics] == [
        (Code.MISSING_FIELD, "at least one line (BR-16)")
    ]


@pytest.mark.parametrize("code", ["381", "261", "396"])
def test_the_type_alone_says_that_it_is_a_credit_note(code: str) -> None:
    (note,) = gather(read_cii, CII.replace(b">380<", f">{code}<".encode()), US).records
    assert (note.kind, note.payable) == (InvoiceKind.CREDIT_NOTE, eur("-284.95"))


@pytest.mark.parametrize(
    ("valid", "wrong", "code"),
    [
        ("<ram:TypeCode>380</ram:TypeCode>", "", Code.MISSING_FIELD),
        (">20260504<", ">20260532<", Code.BAD_VALUE),
        (">20260504<", ">260504<", Code.BAD_VALUE),
        ('currencyID="EUR">42.75', 'currencyID="EUR">42.76', Code.TOTALS_DISAGREE),
        ("<ram:LineTotalAmount>200.00", '<ram:LineTotalAmount currencyID="USD">200.00', Code.CURRENCY_MISMATCH),
        ("<udt:Indicator>true<", "<udt:Indicator>yes<", Code.BAD_VALUE),
        (">DE 129 273 398<", "><", None),  # the tax number (FC) stands in
        ("CrossIndustryInvoice:100", "CrossIndustryInvoice:one", Code.UNKNOWN_FORMAT),
    ],
)
def test_what_could_move_wrong_money_is_refused(valid: str, wrong: str, code: Code | None) -> None:
    assert valid.encode() in CII
    count = -1 if "CrossIndustryInvoice" in valid else 1
    reading = gather(read_cii, CII.replace(valid.encode(), wrong.encode(), count), US)
    assert reading.proof.holds == (code is None)
    assert code is None or code in [problem.code for problem in reading.diagnostics]


@pytest.mark.parametrize("text", ["20260504", "202605041200", "20260504120000", "2026-05-04", "2026-05-04T12:00:00Z"])
def test_a_day_in_the_ways_that_senders_write_it(text: str) -> None:
    (invoice,) = gather(read_cii, CII.replace(b">20260504<", f">{text}<".encode()), US).records
    assert invoice.issued_on == date(2026, 5, 4)


def test_freight_of_its_own_is_a_charge() -> None:
    charge = re.compile(
        rb"<ram:SpecifiedTradeAllowanceCharge><ram:ChargeIndicator><udt:Indicator>true.*?TradeAllowanceCharge>"
    )
    freight = b"""<ram:SpecifiedLogisticsServiceCharge><ram:Description>Freight</ram:Description>
        <ram:AppliedAmount>25.00</ram:AppliedAmount><ram:AppliedTradeTax><ram:TypeCode>VAT</ram:TypeCode>
        <ram:CategoryCode>S</ram:CategoryCode><ram:RateApplicablePercent>19</ram:RateApplicablePercent>
        </ram:AppliedTradeTax></ram:SpecifiedLogisticsServiceCharge>"""
    body, count = charge.subn(freight, CII)
    assert count == 1
    reading = gather(read_cii, body, US)
    (expected,) = gather(read_cii, CII, US).records
    assert reading.proof.holds
    assert [without_document(each) for each in reading.records] == [without_document(expected)]


def test_lines_that_only_group_others_are_left_out() -> None:
    first = CII.index(b"    <ram:IncludedSupplyChainTradeLineItem>")
    group = CII[first : CII.index(b"</ram:IncludedSupplyChainTradeLineItem>")].replace(
        b"<ram:LineID>1</ram:LineID>",
        b"<ram:LineID>0</ram:LineID><ram:LineStatusReasonCode>GROUP</ram:LineStatusReasonCode>",
    )
    reading = gather(read_cii, CII[:first] + group + b"</ram:IncludedSupplyChainTradeLineItem>" + CII[first:], US)
    assert reading.proof.holds
    assert [line.line_id for line in reading.records[0].lines] == ["1", "2", "allowance/1", "charge/1"]
    assert [problem.code for problem in reading.diagnostics] == [Code.UNSUPPORTED_CONTENT]


def test_due_in_parts_is_due_on_the_first_day() -> None:
    old = b"</ram:SpecifiedTradePaymentTerms>"
    more = CII[CII.index(b"<ram:SpecifiedTradePaymentTerms>") : CII.index(old)] + old
    body = CII.replace(old, old + more.replace(b"20260603", b"20260520"))
    reading = gather(read_cii, body, US)
    assert reading.records[0].due_on == date(2026, 5, 20)
    assert [problem.code for problem in reading.diagnostics] == [Code.UNSUPPORTED_CONTENT]


def test_another_document_is_named() -> None:
    assert gather(read_cii, b"<SCRDMCCBDACIOMessageStructure xmlns='urn:x'/>", US).diagnostics == (
        Problem(
            Code.UNKNOWN_FORMAT,
            "SCRDMCCBDACIOMessageStructure, line 1",
            expected="a CrossIndustryInvoice (CII D16B) or CrossIndustryDocument (ZUGFeRD 1.0)",
            actual="SCRDMCCBDACIOMessageStructure in urn:x",
        ),
    )


class TestCii(ReaderConformance):
    numbers: tuple[str, ...] = ("BilledQuantity", "LineTotalAmount", "GrandTotalAmount", "TaxBasisTotalAmount")
    days = ("DateTimeString",)
    texts = ("InvoiceCurrencyCode", "TypeCode")
    reader = staticmethod(read_cii)

    def documents(self) -> Mapping[str, bytes]:
        return {"cii": CII}


class TestZugferd1(TestCii):
    numbers = ("BilledQuantity", "GrandTotalAmount", "TaxBasisTotalAmount")

    def documents(self) -> Mapping[str, bytes]:
        return {"zugferd 1": ZUGFERD_1}


class TestWithoutLines(TestCii):
    numbers = ("GrandTotalAmount", "TaxBasisTotalAmount", "DuePayableAmount")

    def documents(self) -> Mapping[str, bytes]:
        return {"minimum": MINIMUM}
