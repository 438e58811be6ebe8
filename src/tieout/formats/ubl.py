"""UBL 2.1 invoices and credit notes, by the rules of EN 16931 (business terms ``BT-n``, rules ``BR-n``).

How a document becomes an :class:`~tieout.model.documents.Invoice`:

* ``net`` is the total without VAT (BT-109), ``tax`` the VAT total in the invoice currency (BT-110), ``gross`` BT-112.
* Allowances and charges on the document (BG-20, BG-21) become lines of their own, named ``allowance/1``, ``charge/1``
  and so on, of quantity 1 without a unit, so that the lines always sum to ``net``. Those of a line are in its net
  amount already (BT-131).
* ``unit_price`` is the item net price by its base quantity (BT-146 / BT-149).
* What would change the amount to pay without being in ``gross`` (prepaid BT-113, rounding BT-114) is refused: paying
  the gross amount would pay too much.
"""

from collections.abc import Callable, Iterator
from datetime import date
from decimal import ROUND_HALF_UP, Decimal, Inexact
from decimal import Context as DecimalContext

from msgspec import Struct

from tieout.formats import fields
from tieout.formats.format import Format, Head
from tieout.formats.reading import Context, Findings
from tieout.formats.source import Source
from tieout.formats.xml import Element, child, children, local, namespace, place, text_at, tree
from tieout.kernel.money import EXACT, Money, multiply, total
from tieout.kernel.problem import Code, Problem
from tieout.model.documents import Invoice, InvoiceKind, InvoiceLine
from tieout.model.identity import normal_tax_id, supplier_id_of

INVOICE, CREDIT_NOTE = "ubl-invoice", "ubl-credit-note"
NAMESPACES = {
    "urn:oasis:names:specification:ubl:schema:xsd:Invoice-2": INVOICE,
    "urn:oasis:names:specification:ubl:schema:xsd:CreditNote-2": CREDIT_NOTE,
}
ALLOWANCE, CHARGE = "allowance/", "charge/"

#: Document type codes (BT-3, UNTDID 1001) of BR-CL-01, by the kind of document they may stand in.
INVOICE_CODES = frozenset(
    (
        *("71", "80", "82", "84", "102", "130", "202", "203", "204", "211", "218", "219", "295", "325", "326", "331"),
        *("380", "382", "383", "384", "385", "386", "387", "388", "389", "390", "393", "394", "395", "456", "457"),
        *("527", "553", "575", "623", "633", "751", "780", "817", "870", "875", "876", "877", "935"),
    )
)
CREDIT_CODES = frozenset(["81", "83", "261", "262", "296", "308", "381", "396", "420", "458", "502", "503", "532"])

#: ``NA`` is what Peppol has people write where a purchase order number is mandatory and there is none.
_NO_REFERENCE = {"NA", "N/A"}
#: EN 16931 allows VAT per category to be one unit off its computed value (BR-CO-17, as its Schematron checks it).
_VAT_SLACK = Decimal(1)
_PRICE_DIGITS = Decimal("1e-10")


def read_ubl(source: Source, context: Context, findings: Findings) -> Iterator[Invoice]:
    """Read one UBL 2.1 ``Invoice`` or ``CreditNote``."""
    root = tree(source.whole(), context.limits)
    if isinstance(root, Problem):
        findings.refuse(root)
        return
    name = NAMESPACES.get(namespace(root), "")
    if not name:
        actual = f"{local(root)} in {namespace(root) or 'no namespace'}"
        findings.fault(Code.UNKNOWN_FORMAT, place(root), expected="a UBL 2.1 Invoice or CreditNote", actual=actual)
        return
    invoice = _Document(root, name, findings, context).read(source.mark)
    if invoice:
        yield invoice


#: The amounts of BG-22, in the order of :class:`_Totals`.
_MANDATORY = ("LineExtensionAmount", "TaxExclusiveAmount", "TaxInclusiveAmount", "PayableAmount")
_OPTIONAL = ("AllowanceTotalAmount", "ChargeTotalAmount", "PrepaidAmount", "PayableRoundingAmount")


class _Totals(Struct, frozen=True):
    """BG-22, document totals (BT-106, 109, 112, 115, 107, 108, 113, 114), and the VAT total (BT-110)."""

    lines: Money
    net: Money
    gross: Money
    payable: Money
    allowances: Money
    charges: Money
    prepaid: Money
    rounding: Money
    tax: Money


def _is_true(text: str) -> bool:
    """An ``xs:boolean``."""
    return text in ("true", "1")


class _Document:
    """One document being read; only here so that the currency and the findings need not be passed around."""

    def __init__(self, root: Element, name: str, findings: Findings, context: Context) -> None:
        self.root = root
        self.name = name
        self.findings = findings
        self.context = context
        self.is_credit = name == CREDIT_NOTE
        self.kind = InvoiceKind.CREDIT_NOTE if self.is_credit else InvoiceKind.INVOICE
        self.currency = text_at(root, "DocumentCurrencyCode")

    # ── fields ─────────────────────────────────────────────────────────────────────────────────────────────────────

    def where(self, parent: Element, *path: str) -> str:
        found = child(parent, *path)
        return place(found) if found is not None else f"{place(parent)}: {'/'.join(path)}"

    def text(self, parent: Element, *path: str) -> str:
        return fields.read_text(text_at(parent, *path), self.where(parent, *path), self.findings)

    def optional(self, parent: Element | None, *path: str) -> str:
        if parent is None or not (text := text_at(parent, *path)):
            return ""
        return fields.read_optional(text, self.where(parent, *path), self.findings)

    def number(self, parent: Element, *path: str) -> Decimal | None:
        return fields.read_decimal(text_at(parent, *path), self.where(parent, *path), self.findings)

    def money(self, parent: Element, *path: str) -> Money | None:
        """An amount in the invoice currency (BT-5)."""
        found = child(parent, *path)
        where = self.where(parent, *path)
        currency = found.get("currencyID", self.currency) if found is not None else self.currency
        if currency != self.currency:
            self.findings.fault(Code.CURRENCY_MISMATCH, where, expected=self.currency, actual=currency)
            return None
        return fields.read_money(text_at(parent, *path), currency, where, self.findings)

    def money_or_zero(self, parent: Element, *path: str) -> Money | None:
        return self.money(parent, *path) if child(parent, *path) is not None else Money.zero(self.currency)

    # ── the document ───────────────────────────────────────────────────────────────────────────────────────────────

    def read(self, document: str) -> Invoice | None:
        root, findings = self.root, self.findings
        if not fields.is_currency(self.currency):
            where = self.where(root, "DocumentCurrencyCode")
            findings.fault(Code.BAD_VALUE, where, expected="an ISO 4217 code (BT-5)", actual=self.currency)
            return None
        self._check_type_code()
        number = self.text(root, "ID")
        issued_on = fields.read_day(text_at(root, "IssueDate"), self.where(root, "IssueDate"), findings)
        tax_id, name = self._seller()
        lines = tuple(self._lines())
        totals = self._totals()
        if issued_on is None or totals is None or not findings.complete:
            return None  # What cannot be read whole has no canonical form; the original is kept, with its problems.
        self._prove_lines(lines, totals)
        self._check_payable(totals)
        return Invoice(
            kind=self.kind,
            number=number,
            entity=self._entity(),
            supplier_id=supplier_id_of(tax_id),
            supplier_tax_id=tax_id,
            supplier_name=name,
            currency=self.currency,
            issued_on=issued_on,
            due_on=self._due_day() or issued_on,
            lines=lines,
            net=totals.net,
            tax=totals.tax,
            gross=totals.gross,
            credits_number=self._credited(),
            document=document,
        )

    def _check_type_code(self) -> None:
        """BT-3: a code of the other kind would turn the sign of the amount, so it is refused."""
        field = "CreditNoteTypeCode" if self.is_credit else "InvoiceTypeCode"
        code = text_at(self.root, field)
        own, other = (CREDIT_CODES, INVOICE_CODES) if self.is_credit else (INVOICE_CODES, CREDIT_CODES)
        where = self.where(self.root, field)
        if code in other:
            self.findings.fault(Code.BAD_VALUE, where, expected=f"a code for {self.kind.value}", actual=code)
        elif code not in own:
            self.findings.note(Code.UNKNOWN_CODE, where, actual=code, detail=f"read as {self.kind.value} (BT-3)")

    def _due_day(self) -> date | None:
        """BT-9; a credit note has it with the payment means."""
        path = ("PaymentMeans", "PaymentDueDate") if self.is_credit else ("DueDate",)
        text = text_at(self.root, *path) or text_at(self.root, "PaymentMeans", "PaymentDueDate")
        if text:
            return fields.read_day(text, self.where(self.root, *path), self.findings)
        if not self.is_credit:
            self.findings.assume("the due date (BT-9)", "the day of issue", self.where(self.root, *path))
        return None

    def _credited(self) -> str:
        """BT-25, the invoice that is credited or corrected."""
        references = list(children(self.root, "BillingReference"))
        if len(references) > 1:
            detail = "more than one preceding invoice (BG-3); only the first is kept"
            self.findings.note(Code.UNSUPPORTED_CONTENT, place(references[1]), detail=detail)
        return self.optional(references[0], "InvoiceDocumentReference", "ID") if references else ""

    # ── parties ────────────────────────────────────────────────────────────────────────────────────────────────────

    def _seller(self) -> tuple[str, str]:
        """The seller's VAT number (BT-31), or the next best registration, and its name (BT-27, BT-28)."""
        party = child(self.root, "AccountingSupplierParty", "Party")
        if party is None:
            self.findings.fault(Code.MISSING_FIELD, self.where(self.root, "AccountingSupplierParty", "Party"))
            return "", ""
        name = self.optional(party, "PartyLegalEntity", "RegistrationName") or self.text(party, "PartyName", "Name")
        if child(self.root, "PayeeParty") is not None:
            detail = "a payee who is not the seller (BG-10) is not paid; the supplier's own account is"
            self.findings.note(Code.UNSUPPORTED_CONTENT, self.where(self.root, "PayeeParty"), detail=detail)
        registrations = [(term, text) for term, text in self._registrations(party) if text]
        if not registrations:
            where = self.where(party, "PartyTaxScheme", "CompanyID")
            self.findings.fault(Code.MISSING_FIELD, where, expected="the seller's VAT number (BT-31)")
            return "", name
        term, tax_id = registrations[0]
        if term != "BT-31":
            self.findings.assume("the seller's VAT number (BT-31)", f"its registration ({term})", place(party))
        return fields.read_optional(tax_id, place(party), self.findings), name

    def _registrations(self, party: Element) -> Iterator[tuple[str, str]]:
        """What may identify a seller, the best first: VAT, other tax registration, legal registration, identifier."""
        schemes = list(children(party, "PartyTaxScheme"))
        schemes.sort(key=lambda scheme: text_at(scheme, "TaxScheme", "ID") != "VAT")
        for scheme in schemes:
            is_vat = text_at(scheme, "TaxScheme", "ID") == "VAT"
            yield "BT-31" if is_vat else "BT-32", text_at(scheme, "CompanyID")
        yield "BT-30", text_at(party, "PartyLegalEntity", "CompanyID")
        yield "BT-29", text_at(party, "PartyIdentification", "ID")
        yield "BT-34", text_at(party, "EndpointID")

    def _entity(self) -> str:
        """Which of our legal entities is the buyer, by any of its identifiers (BT-46 to BT-49)."""
        party = child(self.root, "AccountingCustomerParty", "Party")
        known = {normal_tax_id(key): entity for key, entity in self.context.entities_by_tax_id.items()}
        seen = [text for _, text in self._registrations(party) if text] if party is not None else []
        for text in seen:
            if entity := known.get(normal_tax_id(text)):
                return entity
        where = self.where(self.root, "AccountingCustomerParty", "Party")
        self.findings.note(Code.UNKNOWN_ENTITY, where, expected="a buyer that is one of us", actual=", ".join(seen))
        return ""

    # ── lines ──────────────────────────────────────────────────────────────────────────────────────────────────────

    def _lines(self) -> Iterator[InvoiceLine]:
        elements = list(children(self.root, "CreditNoteLine" if self.is_credit else "InvoiceLine"))
        if not elements:
            self.findings.fault(Code.MISSING_FIELD, place(self.root), expected="at least one line (BR-16)")
        header_order = self._order_reference(self.root)
        seen: set[str] = set()
        for element in elements:
            line = self._line(element, header_order)
            if line and line.line_id in seen:
                self.findings.fault(Code.BAD_VALUE, place(element), actual=line.line_id, detail="line id used twice")
            if line:
                seen.add(line.line_id)
                yield line
        numbers = {ALLOWANCE: 0, CHARGE: 0}
        for element in children(self.root, "AllowanceCharge"):
            prefix = CHARGE if _is_true(text_at(element, "ChargeIndicator")) else ALLOWANCE
            numbers[prefix] += 1
            yield from self._allowance_or_charge(element, prefix, numbers[prefix])

    def _order_reference(self, parent: Element) -> str:
        """BT-13, the purchase order."""
        text = self.optional(parent, "OrderReference", "ID")
        return "" if text.upper() in _NO_REFERENCE else text

    def _line(self, element: Element, header_order: str) -> InvoiceLine | None:
        """BG-25, one line."""
        quantity_name = "CreditedQuantity" if self.is_credit else "InvoicedQuantity"
        quantity_element = child(element, quantity_name)
        line_id = self.text(element, "ID")
        quantity = self.number(element, quantity_name)
        net = self.money(element, "LineExtensionAmount")
        price = self._unit_price(element)
        rate = self._tax_rate(element, "Item", "ClassifiedTaxCategory")
        if quantity is None or net is None or price is None or rate is None:
            return None
        self._check_line(element, quantity, price, net)
        reference = child(element, "OrderLineReference")
        order_id = self._order_reference(reference) if reference is not None else ""
        line_reference = self.optional(reference, "LineID")
        if line_id.startswith((ALLOWANCE, CHARGE)):
            self.findings.fault(Code.BAD_VALUE, self.where(element, "ID"), actual=line_id, detail="a reserved line id")
        if child(element, "SubInvoiceLine") is not None or child(element, "SubCreditNoteLine") is not None:
            detail = "lines within a line are not read; the line's own amount stands for them"
            self.findings.note(Code.UNSUPPORTED_CONTENT, place(element), detail=detail)
        return InvoiceLine(
            line_id=line_id,
            quantity=quantity,
            unit=fields.one_line(quantity_element.get("unitCode", "") if quantity_element is not None else ""),
            unit_price=price,
            net=net,
            description=self.optional(element, "Item", "Name"),
            tax_rate=rate,
            order_id=order_id or header_order,
            order_line_id="" if line_reference.upper() in _NO_REFERENCE else line_reference,
        )

    def _unit_price(self, element: Element) -> Decimal | None:
        """The price of one unit: BT-146 by BT-149. A quotient without end is rounded, and told."""
        price = self.number(element, "Price", "PriceAmount")
        if price is None or child(element, "Price", "BaseQuantity") is None:
            return price
        where = self.where(element, "Price", "BaseQuantity")
        base = self.number(element, "Price", "BaseQuantity")
        if base is None:
            return None
        if base <= 0:
            self.findings.fault(Code.BAD_VALUE, where, expected="more than zero (BT-149)", actual=str(base))
            return None
        context = DecimalContext(prec=60, traps=[])
        quotient = context.divide(price, base)
        if context.flags[Inexact] or len(quotient.as_tuple().digits) > 28:
            quotient = quotient.quantize(_PRICE_DIGITS, ROUND_HALF_UP, context=context)
            detail = "the price per unit has no end; it is kept to ten decimals"
            self.findings.note(Code.ASSUMED_VALUE, where, actual=f"{price} / {base}", detail=detail)
        return fields.plain(quotient)

    def _check_line(self, element: Element, quantity: Decimal, price: Decimal, net: Money) -> None:
        """Quantity by price and the line's own allowances should give its net amount; EN 16931 does not demand it."""
        computed = Money.rounded(multiply(quantity, price), self.currency)
        for part in children(element, "AllowanceCharge"):
            amount = self.money(part, "Amount")
            if amount is not None:
                computed = computed + amount if _is_true(text_at(part, "ChargeIndicator")) else computed - amount
        if abs((computed - net).minor) > 2:
            detail = "quantity × price and the line's allowances do not give its net amount (BT-131)"
            where = self.where(element, "LineExtensionAmount")
            self.findings.note(Code.TOTALS_DISAGREE, where, expected=str(computed), actual=str(net), detail=detail)

    def _allowance_or_charge(self, element: Element, prefix: str, number: int) -> Iterator[InvoiceLine]:
        """BG-20 or BG-21 as a line of its own."""
        indicator = text_at(element, "ChargeIndicator")
        if indicator not in ("true", "false", "1", "0"):
            where = self.where(element, "ChargeIndicator")
            self.findings.fault(Code.BAD_VALUE, where, expected="true or false", actual=indicator)
        amount = self.money(element, "Amount")
        rate = self._tax_rate(element, "TaxCategory")
        if amount is None or rate is None:
            return
        net = amount if prefix == CHARGE else -amount
        yield InvoiceLine(
            line_id=f"{prefix}{number}",
            quantity=Decimal(1),
            unit="",
            unit_price=fields.plain(net.amount),
            net=net,
            description=self.optional(element, "AllowanceChargeReason"),
            tax_rate=rate,
        )

    def _tax_rate(self, parent: Element, *path: str) -> Decimal | None:
        """BT-152, BT-96 or BT-103; no rate is a rate of zero (not subject to VAT, BR-O-05)."""
        text = text_at(parent, *path, "Percent")
        return self.number(parent, *path, "Percent") if text else Decimal(0)

    # ── totals ─────────────────────────────────────────────────────────────────────────────────────────────────────

    def _totals(self) -> _Totals | None:
        """BG-22, with the sums that EN 16931 demands of it."""
        group = child(self.root, "LegalMonetaryTotal")
        if group is None:
            self.findings.fault(Code.MISSING_FIELD, self.where(self.root, "LegalMonetaryTotal"))
            return None
        read = [self.money(group, name) for name in _MANDATORY] + [
            self.money_or_zero(group, name) for name in _OPTIONAL
        ]
        amounts = [amount for amount in (*read, self._tax()) if amount is not None]
        if len(amounts) <= len(read):
            return None
        totals = _Totals(*amounts)
        where = place(group)
        computed = totals.lines - totals.allowances + totals.charges
        self.claim("BR-CO-13: total without VAT (BT-109)", where, totals.net, computed)
        self.claim("BR-CO-15: total with VAT (BT-112)", where, totals.gross, totals.net + totals.tax)
        computed = totals.gross - totals.prepaid + totals.rounding
        self.claim("BR-CO-16: amount due (BT-115)", where, totals.payable, computed)
        return totals

    def _tax(self) -> Money | None:
        """BT-110, the VAT total in the invoice currency (BT-111 is the same in another one), with its breakdown."""
        groups = [group for group in children(self.root, "TaxTotal") if self._is_in_currency(group)]
        tax_currency = text_at(self.root, "TaxCurrencyCode")
        if tax_currency and tax_currency != self.currency:
            detail = f"VAT is also stated in {tax_currency} (BT-111); only {self.currency} is kept"
            self.findings.note(Code.UNSUPPORTED_CONTENT, self.where(self.root, "TaxCurrencyCode"), detail=detail)
        if not groups:
            self.findings.assume("the VAT total (BT-110)", f"0 {self.currency}", self.where(self.root, "TaxTotal"))
            return Money.zero(self.currency)
        amounts = {self.money(group, "TaxAmount") for group in groups}
        if len(amounts) > 1:
            self.findings.fault(Code.BAD_VALUE, place(groups[1]), detail="two VAT totals in one currency (BR-53)")
        group = max(groups, key=lambda group: child(group, "TaxSubtotal") is not None)
        parts = [self._category_tax(part) for part in children(group, "TaxSubtotal")]
        tax = amounts.pop()
        if tax is not None and parts:
            known = [part for part in parts if part is not None]
            self.claim("BR-CO-14: VAT total (BT-110)", place(group), tax, total(known, self.currency))
        return tax

    def _is_in_currency(self, group: Element) -> bool:
        amount = child(group, "TaxAmount")
        return amount is None or amount.get("currencyID", self.currency) == self.currency

    def _category_tax(self, part: Element) -> Money | None:
        """BG-23, one VAT category: its amount is its base by its rate (BR-CO-17)."""
        base, tax = self.money(part, "TaxableAmount"), self.money(part, "TaxAmount")
        rate = self._tax_rate(part, "TaxCategory")
        if base is None or tax is None or rate is None:
            return None
        computed = Money.rounded(multiply(base.amount, EXACT.scaleb(rate, -2)), self.currency)
        if abs((tax - computed).amount) >= _VAT_SLACK:
            self.claim("BR-CO-17: VAT of one category (BT-117)", place(part), tax, computed)
        return tax

    def _prove_lines(self, lines: tuple[InvoiceLine, ...], totals: _Totals) -> None:
        """The lines sum to what the totals say about them."""
        where = place(self.root)
        parts: dict[str, list[Money]] = {"": [], ALLOWANCE: [], CHARGE: []}
        for line in lines:
            prefix = next((name for name in (ALLOWANCE, CHARGE) if line.line_id.startswith(name)), "")
            parts[prefix].append(line.net)
        sums = {prefix: total(amounts, self.currency) for prefix, amounts in parts.items()}
        self.claim("BR-CO-10: sum of line net amounts (BT-106)", where, totals.lines, sums[""])
        self.claim("BR-CO-11: sum of allowances (BT-107)", where, totals.allowances, -sums[ALLOWANCE])
        self.claim("BR-CO-12: sum of charges (BT-108)", where, totals.charges, sums[CHARGE])

    def _check_payable(self, totals: _Totals) -> None:
        """BT-113 and BT-114 change what is to be paid, and our invoice has no place for them yet."""
        for name, amount in (("PrepaidAmount", totals.prepaid), ("PayableRoundingAmount", totals.rounding)):
            if amount:
                where = self.where(self.root, "LegalMonetaryTotal", name)
                detail = f"{totals.payable} is due, not {totals.gross}; a person has to take this one in"
                self.findings.fault(Code.UNSUPPORTED_CONTENT, where, actual=str(amount), detail=detail)

    def claim(self, name: str, where: str, declared: Money, computed: Money) -> None:
        self.findings.claim(name, where, str(declared), str(computed), declared == computed)


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
