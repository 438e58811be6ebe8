"""UN/CEFACT Cross Industry Invoice into the semantic model (EN 16931-3-3): CII D16B and D22B as in XRechnung,
Factur-X and ZUGFeRD 2, and the ``CrossIndustryDocument`` of ZUGFeRD 1.0, which says the same in other words.

An XML taken out of a PDF comes here, too; ``source.mark`` is then the mark of the PDF.
"""

import re
from collections.abc import Callable, Iterator
from datetime import date
from decimal import Decimal

from msgspec import Struct

from tieout.formats.einvoice import rules
from tieout.formats.einvoice.canonical import to_invoice, without_lines
from tieout.formats.einvoice.node import Node, amount_of, compact_day
from tieout.formats.einvoice.semantic import (
    EN_16931,
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
from tieout.formats.exchange_rate import Quote
from tieout.formats.format import Format, Head
from tieout.formats.reading import Context, Findings
from tieout.formats.source import Source
from tieout.formats.xml import Element, local, namespace, place, tree
from tieout.kernel.problem import Code, Problem
from tieout.model.documents import Invoice

CII, ZUGFERD_1 = "cii", "zugferd-1"


class Dialect(Struct, frozen=True):
    """How a version names its groups. Everything below them is called the same."""

    root: str
    namespaces: re.Pattern[str]
    standard: str
    context: str
    document: str
    transaction: str
    header: str
    "what the names of the header's three groups begin with"
    line: str
    "and those of a line"
    summation: str
    line_summation: str
    percent: str


D16B = Dialect(
    root="CrossIndustryInvoice",
    namespaces=re.compile(r"urn:un:unece:uncefact:data:standard:CrossIndustryInvoice:[0-9]+"),
    standard=EN_16931,
    context="ExchangedDocumentContext",
    document="ExchangedDocument",
    transaction="SupplyChainTradeTransaction",
    header="ApplicableHeaderTrade",
    line="SpecifiedLineTrade",
    summation="SpecifiedTradeSettlementHeaderMonetarySummation",
    line_summation="SpecifiedTradeSettlementLineMonetarySummation",
    percent="RateApplicablePercent",
)
ZUGFERD = Dialect(
    root="CrossIndustryDocument",
    namespaces=re.compile(r"urn:ferd:.+"),
    standard="ZUGFeRD 1.0",
    context="SpecifiedExchangedDocumentContext",
    document="HeaderExchangedDocument",
    transaction="SpecifiedSupplyChainTradeTransaction",
    header="ApplicableSupplyChainTrade",
    line="SpecifiedSupplyChainTrade",
    summation="SpecifiedTradeSettlementMonetarySummation",
    line_summation="SpecifiedTradeSettlementMonetarySummation",
    percent="ApplicablePercent",
)
DIALECTS = {dialect.root: dialect for dialect in (D16B, ZUGFERD)}

#: Type codes of additional documents (UNTDID 1001) that are no attachments: the tender (BT-17), the object (BT-18).
_TENDER, _INVOICED_OBJECT = "50", "130"
#: Exchange rates, the best first: into the currency of VAT accounting, of the invoice as such, of the payment.
_RATES = (
    "TaxApplicableTradeCurrencyExchange",
    "InvoiceApplicableTradeCurrencyExchange",
    "PaymentApplicableTradeCurrencyExchange",
)
#: Kinds of lines (Factur-X EXTENDED) that repeat or explain what other lines say; they are in no total.
_NOT_COUNTED = {"GROUP", "INFORMATION"}


def read_cii(source: Source, context: Context, findings: Findings) -> Iterator[Invoice]:
    """Read one ``CrossIndustryInvoice``, or one ``CrossIndustryDocument`` of ZUGFeRD 1.0."""
    root = tree(source.whole(), context.limits)
    if isinstance(root, Problem):
        findings.refuse(root)
        return
    dialect = DIALECTS.get(local(root))
    if dialect is None or not dialect.namespaces.fullmatch(namespace(root)):
        actual = f"{local(root)} in {namespace(root) or 'no namespace'}"
        expected = "a CrossIndustryInvoice (CII D16B) or CrossIndustryDocument (ZUGFeRD 1.0)"
        findings.fault(Code.UNKNOWN_FORMAT, place(root), expected=expected, actual=actual)
        return
    semantic = semantic_of(root, findings)
    if not semantic.type_code:
        findings.fault(Code.MISSING_FIELD, semantic.where, expected="the type of the document (BT-3)")
    invoice = to_invoice(semantic, source, context, findings)
    if invoice is not None:
        if semantic.standard == EN_16931 and not without_lines(semantic):
            rules.remark(semantic, findings)
        yield invoice


def semantic_of(root: Element, findings: Findings) -> SemanticInvoice:
    """What a cross industry invoice says, in the words of EN 16931."""
    return _Reader(DIALECTS[local(root)], Node(root, findings)).read()


class _Reader:
    """One invoice being read; only here so that the dialect and the currency need not be passed around."""

    def __init__(self, dialect: Dialect, node: Node) -> None:
        self.dialect = dialect
        self.node = node
        self.document = node.group(dialect.document)
        self.transaction = node.group(dialect.transaction)
        self.agreement = self.transaction.group(f"{dialect.header}Agreement")
        self.delivery = self.transaction.group(f"{dialect.header}Delivery")
        self.settlement = self.transaction.group(f"{dialect.header}Settlement")
        self.currency = self.settlement.text("InvoiceCurrencyCode")

    def read(self) -> SemanticInvoice:
        context = self.node.group(self.dialect.context)
        settlement, agreement = self.settlement, self.agreement
        taxes = list(settlement.all("ApplicableTradeTax"))
        terms = list(settlement.all("SpecifiedTradePaymentTerms"))
        return SemanticInvoice(
            number=self.document.text("ID"),
            issued_on=_day(self.document, "IssueDateTime"),
            type_code=self.document.text("TypeCode"),
            currency=self.currency,
            tax_currency=settlement.text("TaxCurrencyCode"),
            tax_point=next((day for tax in taxes if (day := _day(tax, "TaxPointDate"))), None),
            tax_point_code=next((code for tax in taxes if (code := tax.text("DueDateTypeCode"))), ""),
            due_on=self._due_on(terms),
            buyer_reference=agreement.text("BuyerReference"),
            project=agreement.text("SpecifiedProcuringProject", "ID"),
            contract=_number(agreement, "ContractReferencedDocument"),
            order=_number(agreement, "BuyerOrderReferencedDocument"),
            sales_order=_number(agreement, "SellerOrderReferencedDocument"),
            receiving_advice=_number(self.delivery, "ReceivingAdviceReferencedDocument"),
            despatch_advice=_number(self.delivery, "DespatchAdviceReferencedDocument"),
            tender=next((_number(each) for each in self._documents() if each.text("TypeCode") == _TENDER), ""),
            accounting=settlement.text("ReceivableSpecifiedTradeAccountingAccount", "ID"),
            payment_terms="\n".join(text for each in terms for text in each.texts("Description")),
            notes=tuple(text for note in self.document.all("IncludedNote") for text in note.texts("Content")),
            process=context.text("BusinessProcessSpecifiedDocumentContextParameter", "ID"),
            profile=context.text("GuidelineSpecifiedDocumentContextParameter", "ID"),
            preceding=tuple(self._preceding()),
            seller=_party(agreement.get("SellerTradeParty")) or Party(),
            buyer=_party(agreement.get("BuyerTradeParty")) or Party(),
            payee=_party(settlement.get("PayeeTradeParty")),
            tax_representative=_party(agreement.get("SellerTaxRepresentativeTradeParty")),
            delivery=self._delivery(),
            period=_period(settlement.get("BillingSpecifiedPeriod")),
            payments=tuple(self._payments(terms)),
            allowances_charges=tuple(self._allowances_charges(settlement)),
            totals=self._totals(),
            taxes=tuple(self._tax_part(tax) for tax in taxes),
            attachments=tuple(_attachment(each) for each in self._documents() if _attaches(each)),
            lines=tuple(self._lines()),
            rates=tuple(self._rates()),
            standard=self.dialect.standard,
            where=self.node.where,
        )

    # ── references and payment ─────────────────────────────────────────────────────────────────────────────────────

    def _documents(self) -> Iterator[Node]:
        return self.agreement.all("AdditionalReferencedDocument")

    def _preceding(self) -> Iterator[Reference]:
        """BG-3."""
        for each in self.settlement.all("InvoiceReferencedDocument"):
            yield Reference(number=_number(each), issued_on=_day(each, "FormattedIssueDateTime"), where=each.where)

    def _due_on(self, terms: list[Node]) -> date | None:
        """BT-9; of several (EXTENDED: instalments) the first that falls due."""
        days = sorted(day for each in terms if (day := _day(each, "DueDateDateTime")))
        if len(days) > 1:
            detail = "due in parts; the first day stands for all (BT-9)"
            self.node.findings.note(Code.UNSUPPORTED_CONTENT, terms[0].where, detail=detail)
        return days[0] if days else None

    def _delivery(self) -> Delivery | None:
        """BG-13."""
        ship_to = self.delivery.group("ShipToTradeParty")
        delivered_on = _day(self.delivery.group("ActualDeliverySupplyChainEvent"), "OccurrenceDateTime")
        address = _address(ship_to.get("PostalTradeAddress"))
        location = next(_identifiers(ship_to), None)
        name = ship_to.text("Name")
        if not (delivered_on or address or location or name):
            return None
        where = self.delivery.where
        return Delivery(name=name, location=location, delivered_on=delivered_on, address=address, where=where)

    def _payments(self, terms: list[Node]) -> Iterator[Payment]:
        """BG-16. CII names one account in each group, and the reference and the mandate outside of them."""
        mandate = next((text for each in terms if (text := each.text("DirectDebitMandateID"))), "")
        for means in self.settlement.all("SpecifiedTradeSettlementPaymentMeans"):
            account = means.group("PayeePartyCreditorFinancialAccount")
            number = account.text("IBANID") or account.text("ProprietaryID")
            transfer = CreditTransfer(
                account=number,
                holder=account.text("AccountName"),
                bic=means.text("PayeeSpecifiedCreditorFinancialInstitution", "BICID"),
            )
            yield Payment(
                means_code=means.text("TypeCode"),
                means=means.text("Information"),
                remittance=self.settlement.text("PaymentReference"),
                transfers=(transfer,) if number else (),
                card_number=means.text("ApplicableTradeSettlementFinancialCard", "ID"),
                mandate=mandate,
                creditor_id=self.settlement.text("CreditorReferenceID"),
                debited_account=means.text("PayerPartyDebtorFinancialAccount", "IBANID"),
                where=means.where,
            )

    # ── amounts ────────────────────────────────────────────────────────────────────────────────────────────────────

    def _allowances_charges(self, node: Node) -> Iterator[AllowanceCharge]:
        """BG-20, 21, 27 and 28; freight of its own (EXTENDED) is a charge."""
        for each in node.all("SpecifiedTradeAllowanceCharge"):
            yield AllowanceCharge(
                is_charge=_is_charge(each),
                amount=each.amount(self.currency, "ActualAmount"),
                base=each.amount(self.currency, "BasisAmount"),
                percent=each.number("CalculationPercent"),
                tax=self._tax(each.get("CategoryTradeTax")),
                reason=each.text("Reason"),
                reason_code=each.text("ReasonCode"),
                where=each.where,
            )
        for each in node.all("SpecifiedLogisticsServiceCharge"):
            yield AllowanceCharge(
                is_charge=True,
                amount=each.amount(self.currency, "AppliedAmount"),
                tax=self._tax(each.get("AppliedTradeTax")),
                reason=each.text("Description"),
                where=each.where,
            )

    def _tax(self, node: Node | None) -> Tax | None:
        """A VAT category."""
        if node is None:
            return None
        return Tax(
            category=node.text("CategoryCode"),
            rate=node.number(self.dialect.percent) if node.raw(self.dialect.percent) else None,
            exemption=node.text("ExemptionReason"),
            exemption_code=node.text("ExemptionReasonCode"),
        )

    def _tax_part(self, node: Node) -> TaxPart:
        """BG-23."""
        return TaxPart(
            taxable=node.amount(self.currency, "BasisAmount"),
            amount=node.amount(self.currency, "CalculatedAmount"),
            tax=self._tax(node) or Tax(),
            where=node.where,
        )

    def _totals(self) -> Totals:
        """BG-22."""
        group = self.settlement.get(self.dialect.summation)
        if group is None:
            return Totals(where=self.node.where)
        tax, tax_other = self._tax_totals(group)
        currency = self.currency
        return Totals(
            lines=group.amount(currency, "LineTotalAmount"),
            allowances=group.amount(currency, "AllowanceTotalAmount"),
            charges=group.amount(currency, "ChargeTotalAmount"),
            net=group.amount(currency, "TaxBasisTotalAmount"),
            tax=tax,
            tax_other=tax_other,
            gross=group.amount(currency, "GrandTotalAmount"),
            prepaid=group.amount(currency, "TotalPrepaidAmount"),
            rounding=group.amount(currency, "RoundingAmount"),
            payable=group.amount(currency, "DuePayableAmount"),
            where=group.where,
        )

    def _tax_totals(self, group: Node) -> tuple[Decimal | None, Decimal | None]:
        """BT-110 and BT-111, told apart by the currency; one that names none is in the invoice's."""
        own: set[Decimal | None] = set()
        other: Decimal | None = None
        for element in group.below.get("TaxTotalAmount", ()):
            named = element.get("currencyID") or self.currency
            amount = amount_of(element, named, group.findings)
            if named == self.currency:
                own.add(amount)
            else:
                other = amount
        if len(own) > 1:
            detail = "two VAT totals in one currency (BR-53)"
            group.findings.fault(Code.BAD_VALUE, group.where, detail=detail)
        return own.pop() if len(own) == 1 else None, other

    def _rates(self) -> Iterator[Quote]:
        """The rates of the settlement: a source amount times the ``ConversionRate`` is the target amount."""
        for name in _RATES:
            for each in self.settlement.all(name):
                if "ConversionRate" not in each:
                    continue
                yield Quote(
                    source=each.text("SourceCurrencyCode"),
                    target=each.text("TargetCurrencyCode"),
                    rate=each.raw("ConversionRate"),
                    source_units=each.raw("SourceUnitBasisNumeric"),
                    target_units=each.raw("TargetUnitBaseNumeric"),
                    where=each.where,
                )

    # ── lines ──────────────────────────────────────────────────────────────────────────────────────────────────────

    def _lines(self) -> Iterator[Line]:
        """BG-25, without lines that count in no total."""
        for position, node in enumerate(self.transaction.all("IncludedSupplyChainTradeLineItem"), 1):
            settlement = node.group(f"{self.dialect.line}Settlement")
            about = node.group("AssociatedDocumentLineDocument")
            kind = about.text("LineStatusReasonCode")
            has_amount = settlement.leaf(self.dialect.line_summation, "LineTotalAmount") is not None
            if kind in _NOT_COUNTED or (self.dialect is ZUGFERD and not has_amount):
                detail = f"a line that counts in no total ({kind or 'a text or an item without an amount'}) is left out"
                node.findings.note(Code.UNSUPPORTED_CONTENT, node.where, actual=about.text("LineID"), detail=detail)
                continue
            yield self._line(node, about, settlement, str(position))

    def _line(self, node: Node, about: Node, settlement: Node, position: str) -> Line:
        agreement = node.group(f"{self.dialect.line}Agreement")
        order = agreement.group("BuyerOrderReferencedDocument")
        gross, net = agreement.group("GrossPriceProductTradePrice"), agreement.group("NetPriceProductTradePrice")
        priced = net if "BasisQuantity" in net else gross
        product = node.group("SpecifiedTradeProduct")
        delivery = node.group(f"{self.dialect.line}Delivery")
        line_id = about.text("LineID")
        if not line_id and self.dialect is ZUGFERD:  # where it need not have one
            node.findings.assume("the id of a line (BT-126)", "its position", node.where)
            line_id = position
        return Line(
            line_id=line_id,
            note=" ".join(text for each in about.all("IncludedNote") for text in each.texts("Content")),
            quantity=delivery.number("BilledQuantity"),
            unit=delivery.attribute("unitCode", "BilledQuantity"),
            net=settlement.amount(self.currency, self.dialect.line_summation, "LineTotalAmount"),
            order_id=_number(order),
            order_line_id=order.text("LineID"),
            receipt_id=_number(delivery, "ReceivingAdviceReferencedDocument")
            or _number(delivery, "DespatchAdviceReferencedDocument"),
            accounting=settlement.text("ReceivableSpecifiedTradeAccountingAccount", "ID"),
            period=_period(settlement.get("BillingSpecifiedPeriod")),
            allowances_charges=tuple(self._allowances_charges(settlement)),
            price=net.number("ChargeAmount"),
            price_discount=gross.number("AppliedTradeAllowanceCharge", "ActualAmount"),
            price_gross=gross.number("ChargeAmount"),
            base_quantity=priced.number("BasisQuantity"),
            base_unit=priced.attribute("unitCode", "BasisQuantity"),
            tax=self._tax(settlement.get("ApplicableTradeTax")),
            name=product.text("Name"),
            description=product.text("Description"),
            seller_item=product.text("SellerAssignedID"),
            buyer_item=product.text("BuyerAssignedID"),
            standard_item=_identifier(product, "GlobalID"),
            classifications=tuple(_classifications(product)),
            origin=product.text("OriginTradeCountry", "ID"),
            attributes=tuple(
                (each.text("Description"), each.text("Value"))
                for each in product.all("ApplicableProductCharacteristic")
            ),
            where=node.where,
        )


def _classifications(product: Node) -> Iterator[Identifier]:
    """BT-158."""
    for each in product.all("DesignatedProductClassification"):
        if value := each.text("ClassCode"):
            scheme, version = (each.attribute(name, "ClassCode") for name in ("listID", "listVersionID"))
            yield Identifier(value=value, scheme=scheme, version=version)


def _is_charge(node: Node) -> bool:
    """Whether it adds or takes off."""
    indicator = node.raw("ChargeIndicator", "Indicator")
    if indicator not in ("true", "false", "1", "0"):
        node.findings.fault(Code.BAD_VALUE, node.where, expected="true or false", actual=indicator)
    return indicator in ("true", "1")


def _day(node: Node, name: str) -> date | None:
    """A day in any of the ways CII has for it; what is there must be one."""
    holder = node.get(name)
    if holder is None:
        return None
    for way in ("DateTimeString", "DateString", "DateTime", "Date"):
        if way in holder:
            return holder.day(way, read=compact_day)
    return node.day(name, read=compact_day)


def _number(node: Node, *path: str) -> str:
    """The number of a referenced document: ``IssuerAssignedID``, in ZUGFeRD 1.0 ``ID``."""
    return node.text(*path, "IssuerAssignedID") or node.text(*path, "ID")


def _attaches(node: Node) -> bool:
    return node.text("TypeCode") not in (_TENDER, _INVOICED_OBJECT)


def _attachment(node: Node) -> Reference:
    """BG-24, by name only."""
    name = node.attribute("filename", "AttachmentBinaryObject") or node.text("Name")
    return Reference(number=_number(node), name=name, where=node.where)


def _period(node: Node | None) -> Period | None:
    """BG-14 or BG-26."""
    if node is None:
        return None
    return Period(start=_day(node, "StartDateTime"), end=_day(node, "EndDateTime"), where=node.where)


# ── parties ────────────────────────────────────────────────────────────────────────────────────────────────────────


def _party(node: Node | None) -> Party | None:
    """BG-4, BG-7, BG-10 or BG-11."""
    if node is None:
        return None
    legal, contact = node.group("SpecifiedLegalOrganization"), node.get("DefinedTradeContact")
    registered = {each.attribute("schemeID", "ID"): each.text("ID") for each in node.all("SpecifiedTaxRegistration")}
    return Party(
        name=node.text("Name"),
        trading_name=legal.text("TradingBusinessName"),
        identifiers=tuple(_identifiers(node)),
        legal_id=_identifier(legal, "ID"),
        vat_id=registered.pop("VA", ""),
        tax_id=next(iter(registered.values()), ""),
        legal_note=node.text("Description"),
        endpoint=_identifier(node, "URIUniversalCommunication", "URIID"),
        address=_address(node.get("PostalTradeAddress")),
        contact=_contact(contact) if contact else None,
        where=node.where,
    )


def _contact(node: Node) -> Contact:
    """BG-6 or BG-9."""
    return Contact(
        name=node.text("PersonName") or node.text("DepartmentName"),
        phone=node.text("TelephoneUniversalCommunication", "CompleteNumber"),
        email=node.text("EmailURIUniversalCommunication", "URIID"),
    )


def _identifiers(party: Node) -> Iterator[Identifier]:
    """BT-29, with a scheme (``GlobalID``) and without."""
    for name in ("GlobalID", "ID"):
        for element in party.below.get(name, ()):
            if value := (element.text or "").strip():
                yield Identifier(value=value, scheme=element.get("schemeID") or "")


def _identifier(node: Node, *path: str) -> Identifier | None:
    """An identifier with its scheme; nothing when there is none."""
    value = node.text(*path)
    return Identifier(value=value, scheme=node.attribute("schemeID", *path)) if value else None


def _address(node: Node | None) -> PostalAddress | None:
    """BG-5, BG-8, BG-12 or BG-15."""
    if node is None:
        return None
    return PostalAddress(
        street=node.text("LineOne"),
        street_more=", ".join(filter(None, (node.text("LineTwo"), node.text("LineThree")))),
        town=node.text("CityName"),
        postal_code=node.text("PostcodeCode"),
        subdivision=node.text("CountrySubDivisionName"),
        country=node.text("CountryID"),
    )


def _root(name: str) -> Callable[[Head], bool]:
    return lambda head: head.elements[:1] == (name,)


_TITLES = {
    CII: ("Cross Industry Invoice D16B, D22B (EN 16931, XRechnung, Factur-X, ZUGFeRD 2)", D16B.root),
    ZUGFERD_1: ("ZUGFeRD 1.0 invoice", ZUGFERD.root),
}
FORMATS = tuple(
    Format(name, title, "application/xml", "e-invoices", read_cii, _root(root))
    for name, (title, root) in _TITLES.items()
)
