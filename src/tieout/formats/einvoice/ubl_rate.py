"""Exchange rates of UBL invoices and orders (UBL 2.1, ExchangeRate), read and written.

``TaxExchangeRate`` leads from the document's currency to that of VAT accounting (BT-6), which is what a company keeps
its books in: it is the rate we look for. Countries put the same rate elsewhere (Colombia ``PaymentExchangeRate``,
Turkey ``PricingExchangeRate``), so these count, too, where they lead from the document's currency to our own.
"""

from collections.abc import Iterator
from decimal import Decimal

from lxml import etree

from tieout.formats.einvoice.node import Node
from tieout.formats.exchange_rate import Conversion, Quote
from tieout.formats.xml import Element
from tieout.kernel.problem import Code, Problem

TAX_RATE = "TaxExchangeRate"
#: The rates of a document, the best first.
_RATES = (TAX_RATE, "PaymentExchangeRate", "PricingExchangeRate", "PaymentAlternativeExchangeRate")
_MULTIPLIES, _DIVIDES = ("", "multiply", "*"), ("divide", "/")
_CAC = "urn:oasis:names:specification:ubl:schema:xsd:CommonAggregateComponents-2"
_CBC = "urn:oasis:names:specification:ubl:schema:xsd:CommonBasicComponents-2"


def quotes(root: Node) -> Iterator[Quote]:
    """The rates that a document states. ``MathematicOperatorCode`` says whether the source is multiplied or divided."""
    for name in _RATES:
        for each in root.all(name):
            operator = each.text("MathematicOperatorCode").lower()
            if operator not in _MULTIPLIES + _DIVIDES:
                expected, detail = "multiply or divide", "the rate is not kept"
                root.findings.note(Code.UNKNOWN_CODE, each.where, expected=expected, actual=operator, detail=detail)
            elif "CalculationRate" in each:
                yield Quote(
                    source=each.text("SourceCurrencyCode"),
                    target=each.text("TargetCurrencyCode"),
                    rate=each.raw("CalculationRate"),
                    source_units=each.raw("SourceCurrencyBaseRate"),
                    target_units=each.raw("TargetCurrencyBaseRate"),
                    divides=operator in _DIVIDES,
                    where=each.where,
                )


def unwritable(rate: Conversion) -> Iterator[Problem]:
    """Why a rate would not be read back: it leads nobody knows where, or neither side of it is one unit."""
    if rate.rate is None:
        return
    if not rate.to:
        yield Problem(Code.MISSING_FIELD, "converted_to", "the currency that the rate leads to")
    if rate.rate <= 0 or (rate.per != 1 and rate.rate != 1):
        actual = f"{rate.rate} for {rate.per}"
        yield Problem(Code.BAD_VALUE, "conversion_rate", "a rate above zero, for one unit of either currency", actual)


def write_rate(root: Element, currency: str, rate: Conversion) -> None:
    """The rate as ``TaxExchangeRate``: what one unit of the document's currency comes to, or is divided by."""
    if rate.rate is None:
        return
    group = etree.SubElement(root, f"{{{_CAC}}}{TAX_RATE}")
    divides = rate.per != 1
    number: Decimal = rate.per if divides else rate.rate
    for name, text in (
        ("SourceCurrencyCode", currency),
        ("TargetCurrencyCode", rate.to),
        ("CalculationRate", f"{number:f}"),
        ("MathematicOperatorCode", "divide" if divides else "multiply"),
    ):
        etree.SubElement(group, f"{{{_CBC}}}{name}").text = text
