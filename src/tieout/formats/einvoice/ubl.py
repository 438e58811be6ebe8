"""UBL 2.0 to 2.3 invoices and credit notes into the semantic model (EN 16931-3-2; Peppol BIS Billing, XRechnung).

Countries outside the EU write UBL, too. What they write differently and is read: a credit note as an ``Invoice`` of
type 381, taxes of another name than VAT, several orders on the lines.
"""

from collections.abc import Callable, Iterator
from datetime import date
from decimal import Decimal

from tieout.formats.einvoice import rules
from tieout.formats.einvoice.canonical import CREDIT_CODES, to_invoice
from tieout.formats.einvoice.node import Node, amount_of
from tieout.formats.einvoice.semantic import (
    AllowanceCharge,
    Contact,
    CreditTransfer,
    Delivery,
    Identifier,
    Line,
    Party,
    Payment,
    Period,
    PostalAddress,
    Reference,
    SemanticInvoice,
    Tax,
    TaxPart,
    Totals,
)
from tieout.formats.einvoice.ubl_rate import quotes
from tieout.formats.format import Format, Head
from tieout.formats.reading import Context, Findings
from tieout.formats.source import Source
from tieout.formats.xml import Element, local, namespace, place, tree
from tieout.kernel.problem import Code, Problem
from tieout.model.documents import Invoice

INVOICE, CREDIT_NOTE = "ubl-invoice", "ubl-credit-note"
NAMESPACES = {
    "urn:oasis:names:specification:ubl:schema:xsd:Invoice-2": INVOICE,
    "urn:oasis:names:specification:ubl:schema:xsd:CreditNote-2": CREDIT_NOTE,
}
#: What an ``AdditionalDocumentReference`` of this type (UNTDID 1001) is: the object invoiced (BT-18), no attachment.
_INVOICED_OBJECT = "130"


def read_ubl(source: Source, context: Context, findings: Findings) -> Iterator[Invoice]:
    """Read one UBL ``Invoice`` or ``CreditNote``."""
    root = tree(source.whole(), context.limits)
    if isinstance(root, Problem):
        findings.refuse(root)
        return
    name = NAMESPACES.get(namespace(root), "")
    if not name:
        actual = f"{local(root)} in {namespace(root) or 'no namespace'}"
        findings.fault(Code.UNKNOWN_FORMAT, place(root), expected="a UBL 2.1 Invoice or CreditNote", actual=actual)
        return
    semantic = semantic_of(root, findings)
    if name == INVOICE and semantic.type_code in CREDIT_CODES:
        detail = "a credit note's code in an Invoice (BR-CL-01): read as a credit note"
        findings.note(Code.BAD_VALUE, place(root), actual=semantic.type_code, detail=detail)
    invoice = to_invoice(semantic, source, context, findings)
    if invoice is not None:
        rules.remark(semantic, findings)
        yield invoice


def semantic_of(root: Element, findings: Findings) -> SemanticInvoice:
    """What an ``Invoice`` or ``CreditNote`` says, in the words of EN 16931."""
    node = Node(root, findings)
    is_credit = namespace(root).endswith(":CreditNote-2")
    currency = node.text("DocumentCurrencyCode")
    period = node.get("InvoicePeriod")
    totals, taxes = _totals(node, currency)
    return SemanticInvoice(
        number=node.text("ID"),
        issued_on=node.day("IssueDate"),
        type_code=node.text("CreditNoteTypeCode" if is_credit else "InvoiceTypeCode"),
        is_credit_note=is_credit,
        currency=currency,
        tax_currency=node.text("TaxCurrencyCode"),
        tax_point=node.day("TaxPointDate"),
        tax_point_code=period.text("DescriptionCode") if period else "",
        due_on=_due_day(node),
        buyer_reference=node.text("BuyerReference"),
        project=node.text("ProjectReference", "ID"),
        contract=node.text("ContractDocumentReference", "ID"),
        order=node.text("OrderReference", "ID"),
        sales_order=node.text("OrderReference", "SalesOrderID"),
        receiving_advice=node.text("ReceiptDocumentReference", "ID"),
        despatch_advice=node.text("DespatchDocumentReference", "ID"),
        tender=node.text("OriginatorDocumentReference", "ID"),
        accounting=node.text("AccountingCost"),
        payment_terms="\n".join(note for terms in node.all("PaymentTerms") for note in terms.texts("Note")),
        notes=tuple(node.texts("Note")),
        process=node.text("ProfileID"),
        profile=node.text("CustomizationID"),
        preceding=tuple(_preceding(each) for each in node.all("BillingReference")),
        seller=_party(node.get("AccountingSupplierParty", "Party")) or Party(),
        buyer=_party(node.get("AccountingCustomerParty", "Party")) or Party(),
        payee=_party(node.get("PayeeParty")),
        tax_representative=_party(node.get("TaxRepresentativeParty")),
        delivery=_delivery(node.get("Delivery")),
        period=_period(period),
        payments=tuple(_payment(each) for each in node.all("PaymentMeans")),
        allowances_charges=tuple(_allowance_charge(each, currency) for each in node.all("AllowanceCharge")),
        totals=totals,
        taxes=taxes,
        attachments=tuple(_attachment(each) for each in node.all("AdditionalDocumentReference") if _attaches(each)),
        lines=tuple(_line(each, currency) for each in node.all("CreditNoteLine" if is_credit else "InvoiceLine")),
        rates=tuple(quotes(node)),
        where=node.where,
    )


def _due_day(node: Node) -> date | None:
    """BT-9; a credit note has it with the means of payment, where some put an invoice's, too."""
    if "DueDate" in node:
        return node.day("DueDate")
    return node.day("PaymentMeans", "PaymentDueDate")


# ── parties ────────────────────────────────────────────────────────────────────────────────────────────────────────


def _party(node: Node | None) -> Party | None:
    """BG-4, BG-7, BG-10 or BG-11."""
    if node is None:
        return None
    legal = node.get("PartyLegalEntity")
    vat_id, tax_id = _tax_registrations(node)
    contact = node.get("Contact")
    return Party(
        name=legal.text("RegistrationName") if legal else "",
        trading_name=node.text("PartyName", "Name"),
        identifiers=tuple(_identifiers(node)),
        legal_id=_identifier(legal, "CompanyID"),
        vat_id=vat_id,
        tax_id=tax_id,
        legal_note=legal.text("CompanyLegalForm") if legal else "",
        endpoint=_identifier(node, "EndpointID"),
        address=_address(node.get("PostalAddress")),
        contact=Contact(
            name=contact.text("Name"), phone=contact.text("Telephone"), email=contact.text("ElectronicMail")
        )
        if contact
        else None,
        where=node.where,
    )


def _tax_registrations(party: Node) -> tuple[str, str]:
    """BT-31 and BT-32. Outside the EU the tax has another name (GST, SST), and its number stands for BT-32."""
    vat_id = tax_id = ""
    for scheme in party.all("PartyTaxScheme"):
        number = scheme.text("CompanyID")
        if scheme.text("TaxScheme", "ID").upper() == "VAT":
            vat_id = vat_id or number
        else:
            tax_id = tax_id or number
    return vat_id, tax_id


def _identifiers(party: Node) -> Iterator[Identifier]:
    """BT-29."""
    for each in party.all("PartyIdentification"):
        if found := _identifier(each, "ID"):
            yield found


def _identifier(node: Node | None, *path: str) -> Identifier | None:
    """An identifier with its scheme; nothing when there is none."""
    value = node.text(*path) if node else ""
    return Identifier(value=value, scheme=node.attribute("schemeID", *path)) if node and value else None


def _address(node: Node | None) -> PostalAddress | None:
    """BG-5, BG-8, BG-12 or BG-15."""
    if node is None:
        return None
    more = (node.text("AdditionalStreetName"), node.text("AddressLine", "Line"))
    return PostalAddress(
        street=node.text("StreetName"),
        street_more=", ".join(filter(None, more)),
        town=node.text("CityName"),
        postal_code=node.text("PostalZone"),
        subdivision=node.text("CountrySubentity"),
        country=node.text("Country", "IdentificationCode"),
    )


def _delivery(node: Node | None) -> Delivery | None:
    """BG-13."""
    if node is None:
        return None
    return Delivery(
        name=node.text("DeliveryParty", "PartyName", "Name"),
        location=_identifier(node, "DeliveryLocation", "ID"),
        delivered_on=node.day("ActualDeliveryDate"),
        address=_address(node.get("DeliveryLocation", "Address")),
        where=node.where,
    )


# ── references and payment ─────────────────────────────────────────────────────────────────────────────────────────


def _preceding(node: Node) -> Reference:
    """BG-3; a credit note may be credited, too."""
    name = "CreditNoteDocumentReference" if "CreditNoteDocumentReference" in node else "InvoiceDocumentReference"
    return Reference(number=node.text(name, "ID"), issued_on=node.day(name, "IssueDate"), where=node.where)


def _attaches(node: Node) -> bool:
    return node.text("DocumentTypeCode") != _INVOICED_OBJECT


def _attachment(node: Node) -> Reference:
    """BG-24, by name only."""
    file_name = node.attribute("filename", "Attachment", "EmbeddedDocumentBinaryObject")
    name = file_name or node.text("DocumentDescription")
    return Reference(number=node.text("ID"), name=name, where=node.where)


def _period(node: Node | None) -> Period | None:
    """BG-14 or BG-26."""
    return Period(start=node.day("StartDate"), end=node.day("EndDate"), where=node.where) if node else None


def _payment(node: Node) -> Payment:
    """BG-16."""
    accounts = (
        CreditTransfer(
            account=account.text("ID"),
            holder=account.text("Name"),
            bic=account.text("FinancialInstitutionBranch", "ID"),
        )
        for account in node.all("PayeeFinancialAccount")
    )
    return Payment(
        means_code=node.text("PaymentMeansCode"),
        means=node.attribute("name", "PaymentMeansCode"),
        remittance=node.text("PaymentID"),
        transfers=tuple(accounts),
        card_number=node.text("CardAccount", "PrimaryAccountNumberID"),
        mandate=node.text("PaymentMandate", "ID"),
        debited_account=node.text("PaymentMandate", "PayerFinancialAccount", "ID"),
        where=node.where,
    )


# ── amounts ────────────────────────────────────────────────────────────────────────────────────────────────────────


def _allowance_charge(node: Node, currency: str) -> AllowanceCharge:
    """BG-20, 21, 27 or 28."""
    indicator = node.raw("ChargeIndicator")
    if indicator not in ("true", "false", "1", "0"):
        node.findings.fault(Code.BAD_VALUE, node.where, expected="true or false", actual=indicator)
    return AllowanceCharge(
        is_charge=indicator in ("true", "1"),
        amount=node.amount(currency, "Amount"),
        base=node.amount(currency, "BaseAmount"),
        percent=node.number("MultiplierFactorNumeric"),
        tax=_tax(node.get("TaxCategory")),
        reason=node.text("AllowanceChargeReason"),
        reason_code=node.text("AllowanceChargeReasonCode"),
        where=node.where,
    )


def _tax(node: Node | None) -> Tax | None:
    """A VAT category; one without a rate, or with an empty one, has none."""
    if node is None:
        return None
    return Tax(
        category=node.text("ID"),
        rate=node.number("Percent") if node.raw("Percent") else None,
        exemption=node.text("TaxExemptionReason"),
        exemption_code=node.text("TaxExemptionReasonCode"),
    )


def _totals(node: Node, currency: str) -> tuple[Totals, tuple[TaxPart, ...]]:
    """BG-22 and BG-23."""
    tax, tax_other, taxes = _tax_total(node, currency)
    group = node.get("LegalMonetaryTotal")
    if group is None:
        return Totals(tax=tax, tax_other=tax_other, where=node.where), taxes
    totals = Totals(
        lines=group.amount(currency, "LineExtensionAmount"),
        allowances=group.amount(currency, "AllowanceTotalAmount"),
        charges=group.amount(currency, "ChargeTotalAmount"),
        net=group.amount(currency, "TaxExclusiveAmount"),
        tax=tax,
        tax_other=tax_other,
        gross=group.amount(currency, "TaxInclusiveAmount"),
        prepaid=group.amount(currency, "PrepaidAmount"),
        rounding=group.amount(currency, "PayableRoundingAmount"),
        payable=group.amount(currency, "PayableAmount"),
        where=group.where,
    )
    return totals, taxes


def _tax_total(node: Node, currency: str) -> tuple[Decimal | None, Decimal | None, tuple[TaxPart, ...]]:
    """BT-110, BT-111 and the breakdown: a total per currency, of which the one in ours has the parts.

    Where both currencies are the same, some countries state the same total twice, once without parts.
    """
    own: set[Decimal | None] = set()
    other: Decimal | None = None
    parts: list[TaxPart] = []
    for group in node.all("TaxTotal"):
        amount = group.leaf("TaxAmount")
        named = amount.get("currencyID", currency) if amount is not None else currency
        if named == currency or not currency:
            own.add(amount_of(amount, currency, node.findings) if amount is not None else None)
            parts += [_tax_part(part, currency) for part in group.all("TaxSubtotal")]
        elif amount is not None:
            other = amount_of(amount, named, node.findings)
    if len(own) > 1:
        detail = "two VAT totals in one currency (BR-53)"
        node.findings.fault(Code.BAD_VALUE, node.where, detail=detail)
    return own.pop() if len(own) == 1 else None, other, tuple(parts)


def _tax_part(node: Node, currency: str) -> TaxPart:
    """BG-23; UBL 2.0 has the rate beside the category."""
    category = node.get("TaxCategory")
    tax = _tax(category) or Tax()
    if tax.rate is None and node.raw("Percent"):
        tax = Tax(
            category=tax.category,
            rate=node.number("Percent"),
            exemption=tax.exemption,
            exemption_code=tax.exemption_code,
        )
    return TaxPart(
        taxable=node.amount(currency, "TaxableAmount"),
        amount=node.amount(currency, "TaxAmount"),
        tax=tax,
        where=node.where,
    )


# ── lines ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def _line(node: Node, currency: str) -> Line:
    """BG-25."""
    quantity = "CreditedQuantity" if "CreditedQuantity" in node else "InvoicedQuantity"
    item, price, order_line = node.group("Item"), node.group("Price"), node.group("OrderLineReference")
    discount = price.group("AllowanceCharge")
    _tell_what_is_left_out(node, item)
    return Line(
        line_id=node.text("ID"),
        note=" ".join(node.texts("Note")),
        quantity=node.number(quantity),
        unit=node.attribute("unitCode", quantity),
        net=node.amount(currency, "LineExtensionAmount"),
        order_id=order_line.text("OrderReference", "ID"),
        order_line_id=order_line.text("LineID"),
        receipt_id=node.text("ReceiptLineReference", "DocumentReference", "ID")
        or node.text("DespatchLineReference", "DocumentReference", "ID"),
        accounting=node.text("AccountingCost"),
        period=_period(node.get("InvoicePeriod")),
        allowances_charges=tuple(_allowance_charge(each, currency) for each in node.all("AllowanceCharge")),
        price=price.number("PriceAmount"),
        price_discount=discount.number("Amount"),
        price_gross=discount.number("BaseAmount"),
        base_quantity=price.number("BaseQuantity"),
        base_unit=price.attribute("unitCode", "BaseQuantity"),
        tax=_tax(item.get("ClassifiedTaxCategory")),
        name=item.text("Name"),
        description=" ".join(item.texts("Description")),
        seller_item=item.text("SellersItemIdentification", "ID"),
        buyer_item=item.text("BuyersItemIdentification", "ID"),
        standard_item=_identifier(item, "StandardItemIdentification", "ID"),
        classifications=tuple(classifications(item)),
        origin=item.text("OriginCountry", "IdentificationCode"),
        attributes=tuple((each.text("Name"), each.text("Value")) for each in item.all("AdditionalItemProperty")),
        where=node.where,
    )


def classifications(item: Node) -> Iterator[Identifier]:
    """BT-158."""
    for each in item.all("CommodityClassification"):
        if value := each.text("ItemClassificationCode"):
            scheme, version = (each.attribute(name, "ItemClassificationCode") for name in ("listID", "listVersionID"))
            yield Identifier(value=value, scheme=scheme, version=version)


def _tell_what_is_left_out(node: Node, item: Node) -> None:
    """What a line says about money that we do not take over: the lines within it (XRechnung's extension), and any tax
    beyond the first (where two taxes are levied at once)."""
    if "SubInvoiceLine" in node or "SubCreditNoteLine" in node:
        detail = "lines within a line are not read; the line's own amount stands for them"
        node.findings.note(Code.UNSUPPORTED_CONTENT, node.where, detail=detail)
    if len(item.below.get("ClassifiedTaxCategory", ())) > 1:
        detail = "more than one tax on a line; only the rate of the first is kept"
        node.findings.note(Code.UNSUPPORTED_CONTENT, node.where, detail=detail)


def _root(name: str, namespace: str) -> Callable[[Head], bool]:
    """By namespace; one without any, or with a wrong one, is recognised too, so that the refusal says what it lacks."""
    others = set(NAMESPACES) - {namespace}
    return lambda head: head.elements[:1] == (name,) and head.namespace not in others


_TITLE = "UBL 2.1 {} (EN 16931, Peppol BIS, XRechnung)"
FORMATS = tuple(
    Format(
        format,
        _TITLE.format("credit note" if format == CREDIT_NOTE else "invoice"),
        "application/xml",
        "e-invoices",
        read_ubl,
        _root("CreditNote" if format == CREDIT_NOTE else "Invoice", namespace),
    )
    for namespace, format in NAMESPACES.items()
)
