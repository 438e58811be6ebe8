"""Write a canonical invoice or credit note as UBL 2.1, valid against its schema and summing by EN 16931.

Made for the lab and for round trips: what :mod:`tieout.formats.einvoice.ubl` reads from it is the invoice again. It is
no e-invoicing product; what the canonical invoice does not know (addresses, payment means) comes from :class:`Parties`.
"""

import re
from collections.abc import Iterable, Iterator
from decimal import Decimal
from typing import Any

from lxml import etree
from msgspec import Struct

from tieout.formats.commodity import CODES, category_of
from tieout.formats.einvoice.canonical import ALLOWANCE, CHARGE
from tieout.formats.einvoice.skonto import skonto
from tieout.formats.einvoice.ubl import CREDIT_NOTE, INVOICE, NAMESPACES
from tieout.formats.einvoice.ubl_rate import unwritable as rate_problems
from tieout.formats.einvoice.ubl_rate import write_rate
from tieout.formats.exchange_rate import Conversion
from tieout.formats.xml import Element
from tieout.kernel.money import EXACT, Money, multiply, total
from tieout.kernel.problem import Code, Problem
from tieout.model.documents import Invoice, InvoiceKind, InvoiceLine, OrderLine, PurchaseOrder

CAC = "urn:oasis:names:specification:ubl:schema:xsd:CommonAggregateComponents-2"
CBC = "urn:oasis:names:specification:ubl:schema:xsd:CommonBasicComponents-2"
CUSTOMIZATION = "urn:cen.eu:en16931:2017#compliant#urn:fdc:peppol.eu:2017:poacc:billing:3.0"
PROFILE = "urn:fdc:peppol.eu:2017:poacc:billing:01:1.0"
_ROOTS = {kind: namespace for namespace, kind in NAMESPACES.items()}
_INVOICE_TYPES = {"": "380", "prepayment": "386", "self_billed": "389"}
_CREDIT_TYPES = {"": "381", "self_billed": "261"}
#: Signs that XML 1.0 cannot carry, even escaped.
NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


class Parties(Struct, frozen=True, kw_only=True):
    """What an invoice on paper says about its parties beyond the canonical invoice."""

    buyer_tax_id: str
    buyer_name: str
    buyer_country: str = "DE"
    seller_country: str = "DE"
    seller_iban: str = ""
    note: str = ""


def write_ubl(invoice: Invoice, parties: Parties) -> bytes:
    """The document in UTF-8. The same invoice gives the same bytes."""
    is_credit = invoice.kind is InvoiceKind.CREDIT_NOTE
    name, namespace = ("CreditNote", _ROOTS[CREDIT_NOTE]) if is_credit else ("Invoice", _ROOTS[INVOICE])
    spaces: Any = {None: namespace, "cac": CAC, "cbc": CBC}
    root = etree.Element(f"{{{namespace}}}{name}", nsmap=spaces)
    _header(root, invoice, parties, is_credit=is_credit)
    _party(root, "AccountingSupplierParty", invoice.supplier_tax_id, invoice.supplier_name, parties.seller_country)
    _party(root, "AccountingCustomerParty", parties.buyer_tax_id, parties.buyer_name, parties.buyer_country)
    _payment(root, invoice, parties, is_credit=is_credit)
    if terms := skonto(invoice.discounts, invoice.issued_on, invoice.gross):
        _basic(_aggregate(root, "PaymentTerms"), "Note", terms)
    lines = [line for line in invoice.lines if not line.line_id.startswith((ALLOWANCE, CHARGE))]
    extras = [line for line in invoice.lines if line.line_id.startswith((ALLOWANCE, CHARGE))]
    rate = conversion_of(invoice)
    if is_credit:
        write_rate(root, invoice.currency, rate)
    for extra in extras:
        _allowance_or_charge(root, extra)
    if not is_credit:
        write_rate(root, invoice.currency, rate)
    _tax(root, invoice)
    _totals(root, invoice, lines, extras)
    for line in lines:
        _line(root, line, is_credit=is_credit)
    return etree.tostring(root, xml_declaration=True, encoding="UTF-8", pretty_print=True)


def unwritable(invoice: Invoice) -> tuple[Problem, ...]:
    """What of an invoice UBL has no place for, so that it would be read back as another one."""
    return (*rate_problems(conversion_of(invoice)), *category_problems(invoice.lines))


def category_problems(lines: Iterable[InvoiceLine | OrderLine]) -> Iterator[Problem]:
    """Categories that would be read back as others, or as none."""
    for line in lines:
        scheme, _, code = line.category.partition(":")
        if line.category and category_of([(CODES.get(scheme, scheme), code, "")]) != line.category:
            yield Problem(Code.BAD_VALUE, f"line {line.line_id}, category", "a scheme and a code", line.category)


def write_classification(item: Element, category: str) -> None:
    """BT-158: the category of a line, its scheme by the code of UNTDID 7143 where it has one."""
    if category:
        scheme, _, code = category.partition(":")
        _basic(
            _aggregate(item, "CommodityClassification"),
            "ItemClassificationCode",
            code,
            listID=CODES.get(scheme, scheme),
        )


def conversion_of(document: Invoice | PurchaseOrder) -> Conversion:
    """The rate that a document states."""
    return Conversion(document.conversion_rate, document.conversion_per, document.converted_to)


def _aggregate(parent: Element, name: str) -> Element:
    return etree.SubElement(parent, f"{{{CAC}}}{name}")


def _basic(parent: Element, name: str, text: str, **attributes: str) -> None:
    element = etree.SubElement(parent, f"{{{CBC}}}{name}", attributes)
    element.text = NOT_XML.sub("", text)


def _amount(parent: Element, name: str, money: Money) -> None:
    _basic(parent, name, f"{money.amount:f}", currencyID=money.currency)


def _header(root: Element, invoice: Invoice, parties: Parties, *, is_credit: bool) -> None:
    """BG-1 and BG-2: number, days, type, note, currency, references."""
    _basic(root, "CustomizationID", CUSTOMIZATION)
    _basic(root, "ProfileID", PROFILE)
    _basic(root, "ID", invoice.number)
    _basic(root, "IssueDate", invoice.issued_on.isoformat())
    if not is_credit:
        _basic(root, "DueDate", invoice.due_on.isoformat())
    _basic(root, "CreditNoteTypeCode" if is_credit else "InvoiceTypeCode", _type_code(invoice))
    if parties.note:
        _basic(root, "Note", parties.note)
    _basic(root, "DocumentCurrencyCode", invoice.currency)
    orders = {line.order_id for line in invoice.lines if line.order_id}
    if len(orders) == 1:
        _basic(_aggregate(root, "OrderReference"), "ID", *orders)
    if invoice.credits_number:
        reference = _aggregate(_aggregate(root, "BillingReference"), "InvoiceDocumentReference")
        _basic(reference, "ID", invoice.credits_number)


def _type_code(invoice: Invoice) -> str:
    """BT-3 (UNTDID 1001), with what the document is for where the code list has a word for it."""
    codes = _CREDIT_TYPES if invoice.kind is InvoiceKind.CREDIT_NOTE else _INVOICE_TYPES
    return codes.get(invoice.purpose, codes[""])


def _party(root: Element, role: str, tax_id: str, name: str, country: str) -> None:
    """BG-4 or BG-7, with the VAT number (BT-31, BT-48) and the legal name (BT-27, BT-44)."""
    party = _aggregate(_aggregate(root, role), "Party")
    address = _aggregate(party, "PostalAddress")
    _basic(_aggregate(address, "Country"), "IdentificationCode", country)
    if tax_id:
        scheme = _aggregate(party, "PartyTaxScheme")
        _basic(scheme, "CompanyID", tax_id)
        _basic(_aggregate(scheme, "TaxScheme"), "ID", "VAT")
    _basic(_aggregate(party, "PartyLegalEntity"), "RegistrationName", name)


def _payment(root: Element, invoice: Invoice, parties: Parties, *, is_credit: bool) -> None:
    """BG-16: a credit transfer to an account, if it is known (BR-61); a credit note keeps its due date here."""
    account = invoice.payee_account or parties.seller_iban
    if not (account or is_credit):
        return
    means = _aggregate(root, "PaymentMeans")
    _basic(means, "PaymentMeansCode", "30" if account else "1")
    if is_credit:
        _basic(means, "PaymentDueDate", invoice.due_on.isoformat())
    if account:
        _basic(_aggregate(means, "PayeeFinancialAccount"), "ID", account)


def _allowance_or_charge(root: Element, line: InvoiceLine) -> None:
    """BG-20 or BG-21 from a line of that kind."""
    is_charge = line.line_id.startswith(CHARGE)
    element = _aggregate(root, "AllowanceCharge")
    _basic(element, "ChargeIndicator", "true" if is_charge else "false")
    if line.kind == "freight":
        _basic(element, "AllowanceChargeReasonCode", "FC")
    if line.description:
        _basic(element, "AllowanceChargeReason", line.description)
    _amount(element, "Amount", line.net if is_charge else -line.net)
    _category(element, "TaxCategory", line.tax_rate)


def _category(parent: Element, name: str, rate: Decimal) -> None:
    """A VAT category: standard rate, or zero rated."""
    category = _aggregate(parent, name)
    _basic(category, "ID", "S" if rate else "Z")
    _basic(category, "Percent", f"{rate:f}")
    _basic(_aggregate(category, "TaxScheme"), "ID", "VAT")


def _tax(root: Element, invoice: Invoice) -> None:
    """BG-23. The last category takes what rounding leaves, so that the breakdown sums to the VAT total."""
    group = _aggregate(root, "TaxTotal")
    _amount(group, "TaxAmount", invoice.tax)
    rates = sorted({line.tax_rate for line in invoice.lines})
    left = invoice.tax
    for rate in rates:
        base = total((line.net for line in invoice.lines if line.tax_rate == rate), invoice.currency)
        computed = Money.rounded(multiply(base.amount, EXACT.scaleb(rate, -2)), invoice.currency)
        part = left if rate == rates[-1] else computed
        left = left - part
        element = _aggregate(group, "TaxSubtotal")
        _amount(element, "TaxableAmount", base)
        _amount(element, "TaxAmount", part)
        _category(element, "TaxCategory", rate)


def _totals(root: Element, invoice: Invoice, lines: list[InvoiceLine], extras: list[InvoiceLine]) -> None:
    """BG-22."""
    charges = [line.net for line in extras if line.line_id.startswith(CHARGE)]
    allowances = [-line.net for line in extras if line.line_id.startswith(ALLOWANCE)]
    group = _aggregate(root, "LegalMonetaryTotal")
    _amount(group, "LineExtensionAmount", total((line.net for line in lines), invoice.currency))
    _amount(group, "TaxExclusiveAmount", invoice.net)
    _amount(group, "TaxInclusiveAmount", invoice.gross)
    if allowances:
        _amount(group, "AllowanceTotalAmount", total(allowances, invoice.currency))
    if charges:
        _amount(group, "ChargeTotalAmount", total(charges, invoice.currency))
    if invoice.prepaid is not None:
        _amount(group, "PrepaidAmount", invoice.prepaid)
    if invoice.rounding is not None:
        _amount(group, "PayableRoundingAmount", invoice.rounding)
    withheld = invoice.withheld or Money.zero(invoice.currency)  # EN 16931 has no place for it: its gross is due
    due = Money(invoice.sign * invoice.payable.minor, invoice.currency) + withheld
    _amount(group, "PayableAmount", due)


def _line(root: Element, line: InvoiceLine, *, is_credit: bool) -> None:
    """BG-25."""
    element = _aggregate(root, "CreditNoteLine" if is_credit else "InvoiceLine")
    _basic(element, "ID", line.line_id)
    unit = {"unitCode": line.unit} if line.unit else {}
    _basic(element, "CreditedQuantity" if is_credit else "InvoicedQuantity", f"{line.quantity:f}", **unit)
    _amount(element, "LineExtensionAmount", line.net)
    if line.order_id or line.order_line_id:
        reference = _aggregate(element, "OrderLineReference")
        _basic(reference, "LineID", line.order_line_id or "NA")
        if line.order_id:
            _basic(_aggregate(reference, "OrderReference"), "ID", line.order_id)
    if line.receipt_id:
        reference = _aggregate(element, "ReceiptLineReference")
        _basic(reference, "LineID", "NA")
        _basic(_aggregate(reference, "DocumentReference"), "ID", line.receipt_id)
    item = _aggregate(element, "Item")
    _basic(item, "Name", line.description)
    if line.item:
        _basic(_aggregate(item, "SellersItemIdentification"), "ID", line.item)
    write_classification(item, line.category)
    _category(item, "ClassifiedTaxCategory", line.tax_rate)
    price = _aggregate(element, "Price")
    _basic(price, "PriceAmount", f"{line.unit_price:f}", currencyID=line.net.currency)
    if line.price_per != 1:
        _basic(price, "BaseQuantity", f"{line.price_per:f}", **unit)
