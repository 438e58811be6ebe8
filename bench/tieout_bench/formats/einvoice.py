"""E-invoices: from the bytes to the proved canonical invoice, beside the XML parser alone on the same bytes."""

from datetime import date
from decimal import Decimal

from tieout.formats.einvoice.cii import read_cii
from tieout.formats.einvoice.ubl import read_ubl
from tieout.formats.einvoice.ubl_write import Parties, write_ubl
from tieout.formats.reading import Limits, Reader, gather
from tieout.formats.xml import tree
from tieout.kernel.money import Money
from tieout.model.documents import Invoice, InvoiceKind, InvoiceLine
from tieout.model.identity import supplier_id_of
from tieout_bench.measuring import Figure, cost, seconds

#: Lines of an ordinary invoice, and of a long one (a month of deliveries).
LINES, LINES_LONG = 3, 5_000
#: A round reads an ordinary one so often.
TIMES = 100
_TAX_ID = "DE129273398"
_PARTIES = Parties(buyer_tax_id="DE136695976", buyer_name="Acme", seller_iban="DE89370400440532013000")


def ubl(lines: int) -> bytes:
    """The same UBL invoice every time."""
    net = Money(lines * 1_000, "EUR")
    tax = Money(lines * 190, "EUR")
    return write_ubl(
        Invoice(
            kind=InvoiceKind.INVOICE,
            number="R-1",
            entity="",
            supplier_id=supplier_id_of(_TAX_ID),
            supplier_tax_id=_TAX_ID,
            supplier_name="Schrauben Müller GmbH",
            currency="EUR",
            issued_on=date(2026, 5, 4),
            due_on=date(2026, 6, 3),
            lines=tuple(_line(str(number)) for number in range(1, lines + 1)),
            net=net,
            tax=tax,
            gross=net + tax,
        ),
        _PARTIES,
    )


def _line(line_id: str) -> InvoiceLine:
    return InvoiceLine(
        line_id=line_id,
        quantity=Decimal(50),
        unit="C62",
        unit_price=Decimal("0.20"),
        net=Money(1_000, "EUR"),
        description="Screws M6",
        tax_rate=Decimal(19),
        order_id="PO-77",
        order_line_id=line_id,
    )


def cii(lines: int) -> bytes:
    """The same invoice as CII, with what the reader looks at."""
    line = """<r:IncludedSupplyChainTradeLineItem><r:AssociatedDocumentLineDocument><r:LineID>{0}</r:LineID>
        </r:AssociatedDocumentLineDocument><r:SpecifiedTradeProduct><r:Name>Screws M6</r:Name></r:SpecifiedTradeProduct>
        <r:SpecifiedLineTradeAgreement><r:NetPriceProductTradePrice><r:ChargeAmount>0.20</r:ChargeAmount>
        </r:NetPriceProductTradePrice></r:SpecifiedLineTradeAgreement><r:SpecifiedLineTradeDelivery>
        <r:BilledQuantity unitCode="C62">50</r:BilledQuantity></r:SpecifiedLineTradeDelivery>
        <r:SpecifiedLineTradeSettlement><r:ApplicableTradeTax><r:TypeCode>VAT</r:TypeCode><r:CategoryCode>S</r:CategoryCode>
        <r:RateApplicablePercent>19</r:RateApplicablePercent></r:ApplicableTradeTax>
        <r:SpecifiedTradeSettlementLineMonetarySummation><r:LineTotalAmount>10.00</r:LineTotalAmount>
        </r:SpecifiedTradeSettlementLineMonetarySummation></r:SpecifiedLineTradeSettlement>
        </r:IncludedSupplyChainTradeLineItem>"""
    net, tax = Money(lines * 1_000, "EUR").amount, Money(lines * 190, "EUR").amount
    return f"""<m:CrossIndustryInvoice xmlns:m="urn:un:unece:uncefact:data:standard:CrossIndustryInvoice:100"
        xmlns:r="urn:un:unece:uncefact:data:standard:ReusableAggregateBusinessInformationEntity:100"
        xmlns:u="urn:un:unece:uncefact:data:standard:UnqualifiedDataType:100"><m:ExchangedDocument><r:ID>R-1</r:ID>
        <r:TypeCode>380</r:TypeCode><r:IssueDateTime><u:DateTimeString format="102">20260504</u:DateTimeString>
        </r:IssueDateTime></m:ExchangedDocument><m:SupplyChainTradeTransaction>
        {"".join(line.format(number) for number in range(1, lines + 1))}
        <r:ApplicableHeaderTradeAgreement><r:SellerTradeParty><r:Name>S</r:Name><r:SpecifiedTaxRegistration>
        <r:ID schemeID="VA">{_TAX_ID}</r:ID></r:SpecifiedTaxRegistration></r:SellerTradeParty>
        </r:ApplicableHeaderTradeAgreement><r:ApplicableHeaderTradeSettlement>
        <r:InvoiceCurrencyCode>EUR</r:InvoiceCurrencyCode><r:ApplicableTradeTax>
        <r:CalculatedAmount>{tax}</r:CalculatedAmount><r:TypeCode>VAT</r:TypeCode><r:BasisAmount>{net}</r:BasisAmount>
        <r:CategoryCode>S</r:CategoryCode><r:RateApplicablePercent>19</r:RateApplicablePercent></r:ApplicableTradeTax>
        <r:SpecifiedTradeSettlementHeaderMonetarySummation><r:LineTotalAmount>{net}</r:LineTotalAmount>
        <r:TaxBasisTotalAmount>{net}</r:TaxBasisTotalAmount><r:TaxTotalAmount currencyID="EUR">{tax}</r:TaxTotalAmount>
        <r:GrandTotalAmount>{net + tax}</r:GrandTotalAmount><r:DuePayableAmount>{net + tax}</r:DuePayableAmount>
        </r:SpecifiedTradeSettlementHeaderMonetarySummation></r:ApplicableHeaderTradeSettlement>
        </m:SupplyChainTradeTransaction></m:CrossIndustryInvoice>""".encode()


# ── the sides ──────────────────────────────────────────────────────────────────────────────────────────────────────


def read(reader: Reader, body: bytes) -> None:
    """The whole reader: the invoice made canonical, every total proved."""
    reading = gather(reader, body)
    assert reading.proof.holds, reading.diagnostics


def parse(body: bytes) -> None:
    """The floor: our guarded XML parser, which makes the tree and nothing of it."""
    tree(body, Limits())


# ── what is measured ───────────────────────────────────────────────────────────────────────────────────────────────


def measure() -> tuple[Figure, ...]:
    """Milliseconds for an ordinary invoice in both syntaxes, and for a long one."""
    return (
        _reading("UBL invoice, 3 lines", read_ubl, ubl(LINES), TIMES, below=1),
        _reading("CII invoice, 3 lines", read_cii, cii(LINES), TIMES),
        _reading("UBL invoice, 5,000 lines", read_ubl, ubl(LINES_LONG), 1),
    )


def _reading(name: str, reader: Reader, body: bytes, times: int, below: float = 0) -> Figure:
    ours, floor = seconds(name, lambda: read(reader, body), lambda: parse(body), times=times)
    return cost(name, "ms", 1_000 * ours, "XML parser alone", 1_000 * floor, below=below)
