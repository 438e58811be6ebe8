"""Rates of exchange: which of them lead into our own currency, in which direction, and from which document."""

from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.formats.edifact import interchange as edifact
from tests.formats.x12 import kit as x12

from tieout.formats.detect import read
from tieout.formats.exchange_rate import NONE, Conversion, Quote, conversion
from tieout.formats.reading import Context, Findings
from tieout.kernel.problem import Code
from tieout.kernel.text import parse_decimal
from tieout.model.documents import Invoice, PurchaseOrder

D = Decimal
DATA = Path(__file__).parent / "data"
BUYER, UNKNOWN = "DE136695976", "DE999999999"


def us(currency: str) -> Context:
    """Our company, whose books are in this currency; nothing is known of it where it is empty."""
    names = {"de136695976": "acme", "de811193231": "acme", "4098765000003": "acme", "northwind": "acme"}
    return Context(
        entities_by_tax_id=names,
        suppliers_by_id={"4056789000007": "FR40303265045", "ACMEPARTS": "12-3456789"},
        currencies={"acme": currency} if currency else {},
    )


def quote(source: str, target: str, rate: str, *units: str, divides: bool = False) -> Quote:
    source_units, target_units = (*units, "", "")[:2]
    return Quote(
        source=source,
        target=target,
        rate=rate,
        where="here",
        source_units=source_units,
        target_units=target_units,
        divides=divides,
    )


def told(*quotes: Quote, currency: str = "USD", own: str = "EUR") -> tuple[Conversion, list[Code]]:
    findings = Findings()
    found = conversion(quotes, currency, own, findings)
    assert findings.complete, "no rate refuses a document"
    return found, [problem.code for problem in findings.diagnostics()]


@pytest.mark.parametrize(
    ("quotes", "found"),
    [
        pytest.param([quote("USD", "EUR", "0.92")], Conversion(D("0.92"), D(1), "EUR"), id="for one of theirs"),
        pytest.param([quote("EUR", "USD", "1.25")], Conversion(D("0.8"), D(1), "EUR"), id="turned, with an end"),
        pytest.param([quote("EUR", "USD", "1.10")], Conversion(D(1), D("1.1"), "EUR"), id="turned, without an end"),
        pytest.param([quote("USD", "EUR", "1.1", divides=True)], Conversion(D(1), D("1.1"), "EUR"), id="a divisor"),
        pytest.param([quote("EUR", "USD", "0.92", divides=True)], Conversion(D("0.92"), D(1), "EUR"), id="turned twice"),
        pytest.param([quote("USD", "EUR", "92", "100")], Conversion(D("0.92"), D(1), "EUR"), id="for a hundred"),
        pytest.param([quote("USD", "EUR", "0.0092", "", "100")], Conversion(D("0.92"), D(1), "EUR"), id="in hundreds"),
        pytest.param([quote("EUR", "USD", "110", "100")], Conversion(D(1), D("1.1"), "EUR"), id="a hundred of ours"),
        pytest.param(
            [quote("USD", "GBP", "0.8"), quote("USD", "EUR", "0.92")],
            Conversion(D("0.92"), D(1), "EUR"),
            id="the one that leads to ours",
        ),
        pytest.param(
            [quote("USD", "EUR", "0.92"), quote("EUR", "USD", "1", "0.92")],
            Conversion(D("0.92"), D(1), "EUR"),
            id="another that is none",
        ),
    ],
)  # fmt: skip
def test_a_rate_says_what_becomes_of_what(quotes: list[Quote], found: Conversion) -> None:
    assert told(*quotes)[0] == found


@pytest.mark.parametrize(
    ("quotes", "own", "found", "codes"),
    [
        pytest.param([], "EUR", NONE, [], id="no rate"),
        pytest.param([quote("USD", "GBP", "0.8")], "USD", NONE, [], id="an invoice in our own currency needs none"),
        pytest.param([quote("USD", "GBP", "0.8")], "EUR", NONE, [Code.UNSUPPORTED_CONTENT], id="not into ours"),
        pytest.param([quote("GBP", "EUR", "1.1")], "EUR", NONE, [Code.UNSUPPORTED_CONTENT], id="not from theirs"),
        pytest.param([quote("USD", "USD", "1")], "EUR", NONE, [Code.UNSUPPORTED_CONTENT], id="into itself"),
        pytest.param([quote("USD", "GBP", "0.8")], "", Conversion(D("0.8"), D(1), "GBP"), [], id="ours is not known"),
        pytest.param(
            [quote("USD", "GBP", "0.8"), quote("USD", "EUR", "0.92")], "", NONE, [Code.BAD_VALUE], id="which is ours?"
        ),
        pytest.param(
            [quote("USD", "EUR", "0.92"), quote("USD", "EUR", "0.93")],
            "EUR",
            Conversion(D("0.92"), D(1), "EUR"),
            [Code.BAD_VALUE],
            id="two that differ",
        ),
        pytest.param(
            [quote("USD", "EUR", "0.8"), quote("EUR", "USD", "1.25")],
            "EUR",
            Conversion(D("0.8"), D(1), "EUR"),
            [],
            id="two that say the same",
        ),
        *(
            pytest.param([quote("USD", "EUR", rate, *units)], "EUR", NONE, [Code.BAD_VALUE], id=f"{rate} {units}")
            for rate, units in [
                *(("", ()), ("0", ()), ("-0.92", ()), ("0,92", ()), ("NaN", ()), ("1e3", ()), ("1" * 29, ())),
                *(
                    ("0.92", ("3",)),
                    ("0.92", ("0",)),
                    ("0.92", ("0.01",)),
                    ("0.92", ("", "1.16")),
                    ("0.92", ("10000000",)),
                    ("0.92", ("x",)),
                ),
                ("9" * 28, ("", "1000")),
            ]
        ),
        pytest.param([quote("USD", "Euro", "0.92")], "Euro", NONE, [Code.BAD_VALUE], id="no currency"),
    ],
)
def test_what_does_not_say_it_for_certain_is_not_kept(
    quotes: list[Quote], own: str, found: Conversion, codes: list[Code]
) -> None:
    assert told(*quotes, own=own) == (found, codes)


@given(
    st.decimals("1e-10", "1e10", places=10),
    st.sampled_from(["", "1", "10", "100", "1000"]),
    st.booleans(),
    st.booleans(),
)
def test_no_digit_of_a_rate_is_lost(rate: Decimal, units: str, divides: bool, turned: bool) -> None:
    """What a million dollars come to, by the quotation and by what is kept of it, as fractions."""
    source, target = ("EUR", "USD") if turned else ("USD", "EUR")
    found, _ = told(quote(source, target, f"{rate:f}", units, divides=divides))
    assert found.rate is not None
    stated = rate.as_integer_ratio() if not divides else rate.as_integer_ratio()[::-1]
    ours, theirs = stated[0], stated[1] * int(units or 1)
    if turned:
        ours, theirs = theirs, ours
    kept, per = found.rate.as_integer_ratio(), found.per.as_integer_ratio()
    assert kept[0] * per[1] * theirs == ours * kept[1] * per[0]
    assert parse_decimal(f"{found.rate:f}") is not None
    assert parse_decimal(f"{found.per:f}") is not None


def test_a_rate_that_is_not_kept_is_told_with_the_reason() -> None:
    findings = Findings()
    assert conversion([quote("USD", "", "0.8")], "USD", "EUR", findings) == NONE
    assert conversion([quote("USD", "GBP", "0.8")], "USD", "EUR", findings) == NONE
    assert [problem.detail for problem in findings.diagnostics()] == [
        "the rate from USD to no currency is not kept, since it does not lead from USD to EUR",
        "the rate from USD to GBP is not kept, since it does not lead from USD to EUR",
    ]


# ── documents ──────────────────────────────────────────────────────────────────────────────────────────────────────


def rate_of(body: bytes, own: str) -> Conversion:
    reading = read(body, context=us(own))
    assert reading.proof.holds, reading.diagnostics
    record = next(one for one in reading.records if isinstance(one, Invoice | PurchaseOrder))
    return Conversion(record.conversion_rate, record.conversion_per, record.converted_to)


def ubl(name: str, rate: str, more: str = "") -> bytes:
    """The invoice or the order in euro, with a rate between EUR and SEK."""
    body = (DATA / ("procurement/order.xml" if name == "order" else f"{name}.xml")).read_text()
    before = "<cac:AnticipatedMonetaryTotal>" if name == "order" else "<cac:TaxTotal>"
    start = body.index(before)
    return f"{body[:start]}{rate}{more}{body[start:]}".encode()


def exchange(
    name: str, rate: str, operator: str = "", *, source: str = "EUR", target: str = "SEK", base: str = ""
) -> str:
    said = f"<cbc:MathematicOperatorCode>{operator}</cbc:MathematicOperatorCode>" if operator else ""
    units = f"<cbc:SourceCurrencyBaseRate>{base}</cbc:SourceCurrencyBaseRate>" if base else ""
    return (
        f"<cac:{name}><cbc:SourceCurrencyCode>{source}</cbc:SourceCurrencyCode>{units}"
        f"<cbc:TargetCurrencyCode>{target}</cbc:TargetCurrencyCode>"
        f"<cbc:CalculationRate>{rate}</cbc:CalculationRate>{said}</cac:{name}>"
    )


@pytest.mark.parametrize("document", ["invoice", "credit-note", "order"])
@pytest.mark.parametrize(
    ("stated", "found"),
    [
        (exchange("TaxExchangeRate", "11.2030", "Multiply"), Conversion(D("11.203"), D(1), "SEK")),
        (exchange("PaymentExchangeRate", "11.2030"), Conversion(D("11.203"), D(1), "SEK")),
        (exchange("PricingExchangeRate", "0.08", "divide"), Conversion(D("12.5"), D(1), "SEK")),
        (exchange("TaxExchangeRate", "8.9", source="SEK", target="EUR", base="100"), Conversion(D(1), D("0.089"), "SEK")),
        (exchange("PricingExchangeRate", "9") + exchange("TaxExchangeRate", "11"), Conversion(D(11), D(1), "SEK")),
        (exchange("TaxExchangeRate", "11", "MULT"), NONE),
        (exchange("TaxExchangeRate", ""), NONE),
        (exchange("TaxExchangeRate", "1.16", target="USD"), NONE),
    ],
)  # fmt: skip
def test_ubl_states_a_rate_for_vat_payment_or_prices(document: str, stated: str, found: Conversion) -> None:
    assert rate_of(ubl(document, stated), "SEK") == found


def test_the_vat_of_two_currencies_is_no_rate() -> None:
    """BT-110 and BT-111 of EN 16931 are rounded: 20.00 EUR and 200.00 SEK do not say that the rate was 10."""
    body = (DATA / "einvoice" / "everything.xml").read_bytes()
    start, end = body.index(b"<cac:TaxExchangeRate>"), body.index(b"</cac:TaxExchangeRate>")
    assert rate_of(body, "SEK") == Conversion(D(10), D(1), "SEK")
    assert rate_of(body[:start] + body[end + len("</cac:TaxExchangeRate>") :], "SEK") == NONE


@pytest.mark.parametrize(
    ("group", "stated", "found"),
    [
        ("Tax", "EUR::SEK::11.2030", Conversion(D("11.203"), D(1), "SEK")),
        ("Invoice", "EUR::SEK::11.2030", Conversion(D("11.203"), D(1), "SEK")),
        ("Payment", "SEK:100:EUR:1:8.9", Conversion(D(1), D("0.089"), "SEK")),
        ("Tax", "EUR::USD::1.16", NONE),
        ("Tax", "EUR::SEK::", NONE),
    ],
)
def test_cii_states_a_rate_for_vat_invoice_or_payment(group: str, stated: str, found: Conversion) -> None:
    source, source_units, target, target_units, rate = stated.split(":")
    parts = (
        *(("SourceCurrencyCode", source), ("SourceUnitBasisNumeric", source_units), ("TargetCurrencyCode", target)),
        *(("TargetUnitBaseNumeric", target_units), ("ConversionRate", rate)),
    )
    inner = "".join(f"<ram:{name}>{text}</ram:{name}>" for name, text in parts if text)
    name = f"ram:{group}ApplicableTradeCurrencyExchange"
    body = (DATA / "einvoice" / "cii.xml").read_text()
    at = body.index("</ram:InvoiceCurrencyCode>") + len("</ram:InvoiceCurrencyCode>")
    assert rate_of(f"{body[:at]}<{name}>{inner}</{name}>{body[at:]}".encode(), "SEK") == found


@pytest.mark.parametrize(
    ("cux", "found"),
    [
        ("CUX+2:EUR:4+3:SEK:11+11.2030", Conversion(D("11.203"), D(1), "SEK")),
        ("CUX+2:EUR:4:1+3:SEK:11:100+0.11203", Conversion(D("11.203"), D(1), "SEK")),
        ("CUX+2:EUR:4+3:USD:11+1.16", NONE),
        ("CUX+2:EUR:4+3:SEK:11", NONE),
        ("CUX+2:EUR:4", NONE),
    ],
)
@pytest.mark.parametrize("name", ["invoic-eancom", "orders"])
def test_edifact_multiplies_the_reference_currency(name: str, cux: str, found: Conversion) -> None:
    """EANCOM, CUX: reference currency multiplied by rate is target currency."""
    body = edifact.data(name)
    start = body.index(b"CUX+2:EUR")
    end = body.index(b"'", start)
    assert rate_of(body[:start] + cux.encode() + body[end:], "SEK") == found


INVOICE = """
BIG*20260527*INV-9001*20260501*PO-77***DI
{cur}
N1*SE*Acme Parts Inc*24*12-3456789
IT1*1*2*EA*100**BP*A
TDS*20000
"""
ORDER = """
BEG*00*SA*PO-77**20260501
{cur}
PO1*10*600*EA*0.31**BP*SCR-M6
CTT*1
"""


@pytest.mark.parametrize(
    ("cur", "found"),
    [
        ("CUR*SE*EUR*11.2030*BY*SEK", Conversion(D("11.203"), D(1), "SEK")),
        ("CUR*SE*EUR*11.2030", Conversion(D("11.203"), D(1), "SEK")),
        ("CUR*SE*EUR*1.16*BY*USD", NONE),
        ("CUR*SE*EUR**BY*SEK", NONE),
    ],
)
@pytest.mark.parametrize("kind", ["810", "850"])
def test_x12_multiplies_the_first_currency(kind: str, cur: str, found: Conversion) -> None:
    """X12, element 280: the factor that converts a value from one currency to another."""
    sides = {"sender": "NORTHWIND", "receiver": "ACMEPARTS"} if kind == "850" else {}
    body = x12.file_with(kind, (ORDER if kind == "850" else INVOICE).format(cur=cur), **sides)
    assert rate_of(body, "SEK") == found


def test_x12_tells_that_the_second_currency_is_taken_to_be_ours() -> None:
    reading = read(x12.file_with("810", INVOICE.format(cur="CUR*SE*EUR*11.2030")), context=us("SEK"))
    assert any("the currency of the exchange rate (CUR05) is missing; taken as SEK" in str(one) for one in reading.diagnostics)  # fmt: skip


@pytest.mark.parametrize(
    ("cells", "found"),
    [
        ("11.2030,,SEK", Conversion(D("11.2030"), D(1), "SEK")),
        ("1,0.0893,", Conversion(D(1), D("0.0893"), "")),
        (",,", NONE),
        (",7,SEK", NONE),
    ],
)
def test_tables_say_it_in_three_columns(cells: str, found: Conversion) -> None:
    names = "conversion_rate,conversion_per,converted_to"
    for body in ((DATA / "orders.csv"), (DATA / "national" / "invoices.csv")):
        head, *rows = body.read_text().splitlines()
        table = "\n".join([f"{names},{head}", *(f"{cells},{row}" for row in rows)])
        assert rate_of(table.encode(), "SEK") == found


@pytest.mark.parametrize("cells", ["0,,SEK", "-1,,SEK", "1,0,SEK", "1,,Euro", "x,,SEK"])
def test_a_wrong_rate_refuses_the_row_of_a_table(cells: str) -> None:
    head, first, *_ = (DATA / "orders.csv").read_text().splitlines()
    table = f"conversion_rate,conversion_per,converted_to,{head}\n{cells},{first}"
    reading = read(table.encode(), context=us("SEK"))
    assert (reading.records, reading.proof.holds) == ((), False)
