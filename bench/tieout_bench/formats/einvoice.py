"""Reading e-invoices: milliseconds from the bytes to the proved canonical invoice, beside the XML parser alone."""

from collections.abc import Callable
from datetime import date
from decimal import Decimal
from statistics import median
from time import perf_counter

from tieout.formats.einvoice.cii import read_cii
from tieout.formats.einvoice.ubl import read_ubl
from tieout.formats.einvoice.ubl_write import Parties, write_ubl
from tieout.formats.reading import Limits, Reader, gather
from tieout.formats.xml import tree
from tieout.kernel.money import Money
from tieout.model.documents import Invoice, InvoiceKind, InvoiceLine
from tieout.model.identity import supplier_id_of

#: An ordinary invoice, and a long one (a month of deliveries).
LINES, LINES_LONG = 3, 5_000
ROUNDS, ROUNDS_LONG = 300, 3
_TAX_ID = "DE129273398"
_PARTIES = Parties(buyer_tax_id="DE136695976", buyer_name="Acme", seller_iban="DE89370400440532013000")


def invoice(lines: int) -> bytes:
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


def cross_industry(lines: int) -> bytes:
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


def measure() -> dict[str, float]:
    """Medians: milliseconds for an ordinary invoice, microseconds per line for a long one."""
    ubl, cii, long = invoice(LINES), cross_industry(LINES), invoice(LINES_LONG)
    for reader, body in ((read_ubl, ubl), (read_cii, cii), (read_ubl, long)):
        reading = gather(reader, body)
        assert reading.proof.holds, reading.diagnostics
    return {
        "e-invoice UBL, 3 lines (ms)": 1_000 * _median(lambda: gather(read_ubl, ubl), ROUNDS),
        "e-invoice CII, 3 lines (ms)": 1_000 * _median(lambda: gather(read_cii, cii), ROUNDS),
        "e-invoice UBL, 5,000 lines (µs a line)": 1e6 * _long(read_ubl, long) / LINES_LONG,
        "e-invoice UBL, 3 lines, XML parser alone (ms)": 1_000 * _median(lambda: tree(ubl, Limits()), ROUNDS),
    }


def _long(reader: Reader, body: bytes) -> float:
    return _median(lambda: gather(reader, body), ROUNDS_LONG)


def _median(work: Callable[[], object], rounds: int) -> float:
    times = []
    for _ in range(rounds):
        started = perf_counter()
        work()
        times.append(perf_counter() - started)
    return median(times)
