"""From the semantic model to the canonical :class:`~tieout.model.documents.Invoice`.

* ``net`` is the total without VAT (BT-109), ``tax`` the VAT total in the invoice currency (BT-110), ``gross`` BT-112.
* Allowances and charges on the document (BG-20, BG-21) become lines of their own, named ``allowance/1``, ``charge/1``
  and so on, of quantity 1 without a unit, so that the lines always sum to ``net``. Those of a line are in its net
  amount already (BT-131).
* ``unit_price`` is the item net price by its base quantity (BT-146 / BT-149); where that has no end, the price stays as
  it is and ``price_per`` is the base quantity.
* An allowance or charge is ``freight`` by its reason code (BT-105, UNTDID 7161). A prepayment invoice (386) and one
  that the buyer wrote (389) say so in ``purpose``. The receiving advice (BT-15), else the despatch advice (BT-16), is
  the receipt of every line that names none.
* The category of a line is the best of its classifications (BT-158), UNSPSC first (see
  :mod:`tieout.formats.commodity`).
* What changes the amount to pay without being in ``gross`` is ``prepaid`` (BT-113) and ``rounding`` (BT-114).
* Invoice or credit note is what BT-3 says (UNTDID 1001). A credit note's code in an ``Invoice`` of UBL is how several
  countries write credit notes, so it is one, and told; an invoice's code in a ``CreditNote`` is refused.
* An invoice below zero lowers what we owe, so it is taken in as a credit note with all signs turned, and told. A credit
  note below zero is refused: some senders mean a credit by it, others a debit, and only a person can ask them.
* A corrected invoice (384) stands for itself and names what it corrects in ``credits_number``, which is told: the
  corrected invoice must not be paid too. A proforma invoice (325) asks for no payment and is refused.
* EN 16931 has no exchange rate. Where the syntax has one and it leads into our own currency, it is
  ``conversion_rate`` (see :mod:`tieout.formats.exchange_rate`).
* Factur-X MINIMUM and BASIC WL have no lines. They are taken in with one line per VAT rate, ``summary/1`` and so on, so
  that they can be approved and paid, but never matched with an order by lines; that is told.
"""

from collections.abc import Iterator
from datetime import date
from decimal import ROUND_HALF_UP, Decimal, Inexact
from decimal import Context as DecimalContext
from typing import Literal

from msgspec import structs

from tieout.formats import fields
from tieout.formats.commodity import category_of
from tieout.formats.einvoice import rules
from tieout.formats.einvoice.below_zero import turned
from tieout.formats.einvoice.semantic import EN_16931, AllowanceCharge, Line, Party, SemanticInvoice, Tax
from tieout.formats.einvoice.skonto import cash_discounts
from tieout.formats.exchange_rate import conversion, own_currency
from tieout.formats.price_unit import for_units
from tieout.formats.reading import Context, Findings
from tieout.formats.source import Source
from tieout.kernel.money import EXACT, Money, is_currency, minor_digits, multiply, priced, total
from tieout.kernel.problem import Code
from tieout.model.documents import Invoice, InvoiceKind, InvoiceLine
from tieout.model.identity import normal_tax_id, supplier_id_of

ALLOWANCE, CHARGE, SUMMARY = "allowance/", "charge/", "summary/"
RESERVED = (ALLOWANCE, CHARGE)

#: Document type codes (BT-3, UNTDID 1001) of BR-CL-01, by the kind of document they stand for. 751 is what Factur-X
#: MINIMUM is where it is no invoice in the eyes of the tax office.
INVOICE_CODES = frozenset(
    (
        *("71", "80", "82", "84", "102", "130", "202", "203", "204", "211", "218", "219", "295", "325", "326", "331"),
        *("380", "382", "383", "384", "385", "386", "387", "388", "389", "390", "393", "394", "395", "456", "457"),
        *("527", "553", "575", "623", "633", "751", "780", "817", "870", "875", "876", "877", "935"),
    )
)
CREDIT_CODES = frozenset(["81", "83", "261", "262", "296", "308", "381", "396", "420", "458", "502", "503", "532"])
CORRECTED, PROFORMA = "384", "325"
PURPOSES: dict[str, Literal["prepayment", "self_billed"]] = {
    **dict.fromkeys(("386", "500"), "prepayment"),
    **dict.fromkeys(("389", "261", "527"), "self_billed"),
}
"""Document type codes (UNTDID 1001) that say what the document is for: prepayment, self-billed."""
FREIGHT_CODES = frozenset(("FC", "DL"))
"""Reasons of charges (UNTDID 7161) that are delivery costs: freight service, delivery."""

#: ``NA`` is what Peppol has people write where a purchase order number is mandatory and there is none.
_NO_REFERENCE = {"NA", "N/A"}
#: Means of payment (BT-81, UNTDID 4461) by which the supplier gets the money without our doing.
ALREADY_PAID = {
    "48": "paid by card",
    "49": "collected by direct debit",
    "54": "paid by credit card",
    "55": "paid by debit card",
    "59": "collected by SEPA direct debit",
    "97": "cleared between the partners",
}
MINIMUM, BASIC_WL = "MINIMUM", "BASIC WL"
#: Profiles of Factur-X without lines, by the last part of BT-24.
_WITHOUT_LINES = {"minimum": MINIMUM, "basicwl": BASIC_WL}


def to_invoice(semantic: SemanticInvoice, source: Source, context: Context, findings: Findings) -> Invoice | None:
    """The canonical invoice with every sum proved; nothing when it cannot be read whole or must not be acted on."""
    return _Conversion(semantic, context, findings).convert(source.mark)


def without_lines(semantic: SemanticInvoice) -> str:
    """The name of the profile when it is one that has no lines."""
    return _WITHOUT_LINES.get(semantic.profile.rpartition(":")[2].lower(), "")


class _Conversion:
    """One invoice being converted; only here so that the currency and the findings need not be passed around."""

    def __init__(self, semantic: SemanticInvoice, context: Context, findings: Findings) -> None:
        self.semantic = semantic
        self.context = context
        self.findings = findings
        self.currency = semantic.currency

    def convert(self, document: str) -> Invoice | None:
        semantic, findings = self.semantic, self.findings
        if not is_currency(self.currency):
            expected = "an ISO 4217 code (BT-5)"
            findings.fault(Code.BAD_VALUE, semantic.where, expected=expected, actual=self.currency)
            return None
        kind = self._kind()
        if not semantic.number:
            findings.fault(Code.MISSING_FIELD, semantic.where, expected="the number of the invoice (BT-1)")
        if semantic.issued_on is None:
            findings.fault(Code.MISSING_FIELD, semantic.where, expected="the day of issue (BT-2)")
        tax_id, name = self._seller()
        net, tax, gross = self._totals()
        lines = tuple(self._lines())
        if net is None or tax is None or gross is None or semantic.issued_on is None or not findings.complete:
            return None  # What cannot be read whole has no canonical form; the original is kept, with its problems.
        rules.prove(self._completed(), findings)
        if not semantic.lines:
            self._prove_summary(lines, net)
        self._tell_other_currency()
        prepaid, rounding = self._adjustments(gross)
        entity = self._entity()
        own = own_currency(self.context.currencies, entity)
        rate = conversion(semantic.rates, self.currency, own, findings)
        invoice = Invoice(
            kind=kind,
            number=semantic.number,
            entity=entity,
            supplier_id=supplier_id_of(tax_id),
            supplier_tax_id=tax_id,
            supplier_name=name,
            currency=self.currency,
            issued_on=semantic.issued_on,
            due_on=self._due_on(kind, semantic.issued_on),
            lines=lines,
            net=net,
            tax=tax,
            gross=gross,
            credits_number=self._preceding(),
            document=document,
            prepaid=prepaid,
            rounding=rounding,
            discounts=tuple(cash_discounts(semantic.payment_terms, semantic.issued_on, gross)),
            purpose=PURPOSES.get(semantic.type_code, ""),
            payee_account=_payee_account(semantic),
            collected=any(payment.means_code in ALREADY_PAID for payment in semantic.payments),
            conversion_rate=rate.rate,
            conversion_per=rate.per,
            converted_to=rate.to,
        )
        return turned(invoice, semantic.totals.where, findings)

    # ── the document ───────────────────────────────────────────────────────────────────────────────────────────────

    def _kind(self) -> InvoiceKind:
        """BT-3, and what the kind of document says beside it."""
        semantic, code = self.semantic, self.semantic.type_code
        if code == PROFORMA:
            detail = "a proforma invoice asks for no payment and is not taken in (BT-3)"
            self.findings.fault(Code.UNSUPPORTED_CONTENT, semantic.where, actual=code, detail=detail)
        if code in CREDIT_CODES:
            return InvoiceKind.CREDIT_NOTE
        kind = InvoiceKind.CREDIT_NOTE if semantic.is_credit_note else InvoiceKind.INVOICE
        if code not in INVOICE_CODES:
            detail = f"read as {kind.value} (BT-3)"
            self.findings.note(Code.UNKNOWN_CODE, semantic.where, actual=code, detail=detail)
        elif semantic.is_credit_note:
            expected = f"a code for {kind.value} (BT-3)"
            self.findings.fault(Code.BAD_VALUE, semantic.where, expected=expected, actual=code)
        elif code == CORRECTED and semantic.preceding:
            detail = f"it corrects {semantic.preceding[0].number}, which must not be paid as well (BT-3, BG-3)"
            self.findings.note(Code.UNSUPPORTED_CONTENT, semantic.where, actual=code, detail=detail)
        return kind

    def _due_on(self, kind: InvoiceKind, issued_on: date) -> date:
        """BT-9."""
        if self.semantic.due_on is None and kind is InvoiceKind.INVOICE:
            self.findings.assume("the due date (BT-9)", "the day of issue", self.semantic.where)
        return self.semantic.due_on or issued_on

    def _preceding(self) -> str:
        """BT-25, the invoice that is credited or corrected."""
        references = self.semantic.preceding
        if len(references) > 1:
            detail = "more than one preceding invoice (BG-3); only the first is kept"
            self.findings.note(Code.UNSUPPORTED_CONTENT, references[1].where, detail=detail)
        return references[0].number if references else ""

    # ── parties ────────────────────────────────────────────────────────────────────────────────────────────────────

    def _seller(self) -> tuple[str, str]:
        """The seller's VAT number (BT-31), or the next best registration, and its name (BT-27, BT-28)."""
        seller, findings = self.semantic.seller, self.findings
        where = seller.where or self.semantic.where
        name = seller.name or seller.trading_name
        if not name:
            findings.fault(Code.MISSING_FIELD, where, expected="the seller's name (BT-27)")
        self._tell_who_is_paid()
        registrations = list(_registrations(seller))
        if not registrations:
            findings.fault(Code.MISSING_FIELD, where, expected="the seller's VAT number (BT-31)")
            return "", name
        term, tax_id = registrations[0]
        if term == "BT-31":
            return tax_id, name
        known = {normal_tax_id(key): registered for key, registered in self.context.suppliers_by_id.items()}
        for _, text in registrations:
            if registered := known.get(normal_tax_id(text)):
                return registered, name
        findings.assume("the seller's VAT number (BT-31)", f"its registration ({term})", where)
        return tax_id, name

    def _tell_who_is_paid(self) -> None:
        """What could have us pay somebody else, or twice."""
        semantic = self.semantic
        if semantic.payee is not None:
            detail = "a payee who is not the seller (BG-10) is not paid; the supplier's own account is"
            self.findings.note(Code.UNSUPPORTED_CONTENT, semantic.payee.where, detail=detail)
        for payment in semantic.payments:
            if meaning := ALREADY_PAID.get(payment.means_code):
                detail = f"{meaning} (BT-81): it must not be paid by transfer as well"
                self.findings.note(Code.UNSUPPORTED_CONTENT, payment.where, actual=payment.means_code, detail=detail)

    def _entity(self) -> str:
        """Which of our legal entities is the buyer, by any of its identifiers (BT-46 to BT-49)."""
        known = {normal_tax_id(key): entity for key, entity in self.context.entities_by_tax_id.items()}
        seen = [text for _, text in _registrations(self.semantic.buyer)]
        for text in seen:
            if entity := known.get(normal_tax_id(text)):
                return entity
        where = self.semantic.buyer.where or self.semantic.where
        self.findings.note(Code.UNKNOWN_ENTITY, where, expected="a buyer that is one of us", actual=", ".join(seen))
        return ""

    # ── lines ──────────────────────────────────────────────────────────────────────────────────────────────────────

    def _lines(self) -> Iterator[InvoiceLine]:
        semantic = self.semantic
        header_order = _reference(semantic.order)
        seen: dict[str, int] = {}
        for line in semantic.lines:
            converted = self._line(line, header_order)
            if converted is not None:
                seen[line.line_id] = times = seen.get(line.line_id, 0) + 1
                yield self._again(line, converted, times) if times > 1 else converted
        if not semantic.lines:
            yield from self._summary(header_order)
        numbers = {ALLOWANCE: 0, CHARGE: 0}
        for part in semantic.allowances_charges:
            prefix = CHARGE if part.is_charge else ALLOWANCE
            numbers[prefix] += 1
            yield from self._allowance_or_charge(part, f"{prefix}{numbers[prefix]}")

    def _line(self, line: Line, header_order: str) -> InvoiceLine | None:
        """BG-25, one line."""
        line_id = line.line_id
        if not line_id:
            self.findings.fault(Code.MISSING_FIELD, line.where, expected="the id of the line (BT-126)")
        if line_id.startswith(RESERVED):
            self.findings.fault(Code.BAD_VALUE, line.where, actual=line_id, detail="a reserved line id")
        net = self._money(line.net, line.where, "the net amount of the line (BT-131)")
        quantity = self._number(line.quantity, line.where, "the quantity (BT-129)")
        price = self._number(line.price, line.where, "the item net price (BT-146)")
        told = None if price is None else self._unit_price(price, line)
        if quantity is None or net is None or told is None:
            return None
        unit_price, price_per = told
        self._check_line(line, priced(quantity, unit_price, price_per, self.currency), net)
        return InvoiceLine(
            line_id=line_id,
            quantity=quantity,
            unit=line.unit,
            unit_price=unit_price,
            net=net,
            description=line.name,
            tax_rate=_rate(line.tax),
            order_id=_reference(line.order_id) or header_order,
            order_line_id=_reference(line.order_line_id),
            item=_item(line),
            price_per=price_per,
            receipt_id=_reference(line.receipt_id) or self._receipt(),
            category=category_of((each.scheme, each.value, each.version) for each in line.classifications),
        )

    def _receipt(self) -> str:
        """BT-15, else BT-16: what the invoice as a whole bills."""
        return _reference(self.semantic.receiving_advice) or _reference(self.semantic.despatch_advice)

    def _again(self, line: Line, converted: InvoiceLine, times: int) -> InvoiceLine:
        """An id that another line has already (senders number within groups) gets a number of ours."""
        line_id = f"{line.line_id} ({times})"
        detail = f"line id used again; this one is called {line_id}"
        self.findings.note(Code.ASSUMED_VALUE, line.where, actual=line.line_id, detail=detail)
        return structs.replace(converted, line_id=line_id)

    def _unit_price(self, price: Decimal, line: Line) -> tuple[Decimal, Decimal] | None:
        """The price of one unit with 1: BT-146 by BT-149. Where that has no end, both as they stand."""
        base = line.base_quantity
        if base is None:
            return price, Decimal(1)
        if base <= 0:
            self.findings.fault(Code.BAD_VALUE, line.where, expected="more than zero (BT-149)", actual=str(base))
            return None
        return for_units(price, base)

    def _check_line(self, line: Line, computed: Money, net: Money) -> None:
        """Quantity by price and the line's own allowances should give its net amount; EN 16931 does not demand it."""
        for part in line.allowances_charges:
            amount = self._money(part.amount, part.where, "the amount (BT-136, BT-141)")
            if amount is not None:
                computed = computed + amount if part.is_charge else computed - amount
        if abs((computed - net).minor) > 2:
            detail = "quantity × price and the line's allowances do not give its net amount (BT-131)"
            self.findings.note(Code.TOTALS_DISAGREE, line.where, expected=str(computed), actual=str(net), detail=detail)

    def _allowance_or_charge(self, part: AllowanceCharge, line_id: str) -> Iterator[InvoiceLine]:
        """BG-20 or BG-21 as a line of its own."""
        amount = self._money(part.amount, part.where, "the amount (BT-92, BT-99)")
        if amount is not None:
            net = amount if part.is_charge else -amount
            line = _own_line(line_id, net, part.reason, _rate(part.tax))
            yield structs.replace(line, kind=kind_of_charge(part.reason_code, is_charge=part.is_charge))

    def _summary(self, order: str) -> Iterator[InvoiceLine]:
        """The lines of a profile without lines: one for each VAT rate, or one for everything."""
        semantic, profile = self.semantic, without_lines(self.semantic)
        if not profile:
            self.findings.fault(Code.MISSING_FIELD, semantic.where, expected="at least one line (BR-16)")
            return
        detail = (
            f"Factur-X {profile} has no lines; one per VAT rate stands for them, and no order can be matched by line"
        )
        self.findings.note(Code.UNSUPPORTED_CONTENT, semantic.where, detail=detail)
        for number, (base, rate) in enumerate(self._summed(), 1):
            net = self._money(base, semantic.totals.where, "the total without VAT (BT-109)")
            if net is not None:
                line = _own_line(f"{SUMMARY}{number}", net, f"{profile}, {rate} % VAT", rate)
                yield structs.replace(line, order_id=order)

    def _summed(self) -> Iterator[tuple[Decimal | None, Decimal]]:
        """What the lines amounted to at each VAT rate (BT-116, less what the document adds); a rate nobody stated is
        the one that gives the VAT, if there is one with at most one decimal."""
        semantic = self.semantic
        bases = rules.bases_of(semantic)
        for part in semantic.taxes:
            base = bases.get(rules.key_of(part.tax))
            extras = base.extras if base else Decimal(0)
            yield None if part.taxable is None else EXACT.subtract(part.taxable, extras), _rate(part.tax)
        if semantic.taxes:
            return
        net, tax = semantic.totals.net, semantic.totals.tax or Decimal(0)
        rate = Decimal(0)
        if net and tax:
            context = DecimalContext(prec=60, rounding=ROUND_HALF_UP)
            guess = fields.plain(context.divide(tax * 100, net).quantize(Decimal("0.1"), context=context))
            if Money.rounded(multiply(net, EXACT.scaleb(guess, -2)), self.currency).amount == tax:
                rate = guess
                self.findings.assume("the VAT rate (BT-119)", f"{rate} %", semantic.totals.where)
        yield net, rate

    def _prove_summary(self, lines: tuple[InvoiceLine, ...], net: Money) -> None:
        """The lines that stand for others sum to the total, as lines do by BR-CO-10 to 13."""
        computed = total((line.net for line in lines), self.currency)
        where, holds = self.semantic.totals.where, computed == net
        self.findings.claim("sum of the VAT bases (BT-116)", where, str(net), str(computed), holds)

    # ── totals ─────────────────────────────────────────────────────────────────────────────────────────────────────

    def _totals(self) -> tuple[Money | None, Money | None, Money | None]:
        """BT-109, BT-110 and BT-112; the other amounts of BG-22 must be amounts, too."""
        totals, findings = self.semantic.totals, self.findings
        where = totals.where or self.semantic.where
        if self.semantic.standard == EN_16931:
            needed = {"BT-106": totals.lines, "BT-115": totals.payable}
            for term, amount in needed.items():
                if amount is None and not (term == "BT-106" and without_lines(self.semantic)):
                    findings.fault(Code.MISSING_FIELD, where, expected=f"an amount ({term})")
        if totals.tax is None:
            findings.assume("the VAT total (BT-110)", f"0 {self.currency}", where)
        for amount in (
            totals.lines,
            totals.allowances,
            totals.charges,
            totals.prepaid,
            totals.rounding,
            totals.payable,
        ):
            if amount is not None:
                self._money(amount, where, "an amount")
        net = self._money(totals.net, where, "the total without VAT (BT-109)")
        tax = Money.zero(self.currency) if totals.tax is None else self._money(totals.tax, where, "the VAT (BT-110)")
        return net, tax, self._money(totals.gross, where, "the total with VAT (BT-112)")

    def _adjustments(self, gross: Money) -> tuple[Money | None, Money | None]:
        """BT-113 and BT-114; in Factur-X MINIMUM, which has no place for the former, what is due tells it."""
        totals = self.semantic.totals
        where = totals.where or self.semantic.where
        prepaid = self._money(totals.prepaid, where, "what is prepaid (BT-113)") if totals.prepaid else None
        rounding = self._money(totals.rounding, where, "the rounding (BT-114)") if totals.rounding else None
        if self._is_partly_paid_minimum() and totals.payable is not None:
            due = self._money(totals.payable, where, "the amount due (BT-115)")
            prepaid = gross - due if due is not None else None
            self.findings.assume("what is prepaid (BT-113)", str(prepaid), where)
        return prepaid, rounding

    def _is_partly_paid_minimum(self) -> bool:
        totals = self.semantic.totals
        return without_lines(self.semantic) == MINIMUM and totals.payable != totals.gross

    def _tell_other_currency(self) -> None:
        """BT-6 and BT-111."""
        semantic = self.semantic
        if semantic.tax_currency not in ("", self.currency):
            detail = f"VAT is also stated in {semantic.tax_currency} (BT-111); only {self.currency} is kept"
            self.findings.note(Code.UNSUPPORTED_CONTENT, semantic.where, detail=detail)

    def _completed(self) -> SemanticInvoice:
        """The invoice with what was assumed about its totals, for the sums."""
        totals = self.semantic.totals
        if totals.tax is None:
            totals = structs.replace(totals, tax=Decimal(0))
        if self._is_partly_paid_minimum() and totals.gross is not None and totals.payable is not None:
            totals = structs.replace(totals, prepaid=EXACT.subtract(totals.gross, totals.payable))
        return structs.replace(self.semantic, totals=totals)

    # ── values ─────────────────────────────────────────────────────────────────────────────────────────────────────

    def _number(self, value: Decimal | None, where: str, what: str) -> Decimal | None:
        if value is None:
            self.findings.fault(Code.MISSING_FIELD, where, expected=what)
        return value

    def _money(self, value: Decimal | None, where: str, what: str) -> Money | None:
        """An amount in the invoice currency (BT-5); never rounded."""
        if value is None:
            self.findings.fault(Code.MISSING_FIELD, where, expected=what)
            return None
        try:
            money = Money.of(value, self.currency)
        except (ValueError, Inexact):
            expected = f"at most {minor_digits(self.currency)} decimals in {self.currency}"
            self.findings.fault(Code.BAD_VALUE, where, expected=expected, actual=f"{value:f}", detail=what)
            return None
        if abs(money.minor) > fields.MINOR_MAX:
            limit = str(Money(fields.MINOR_MAX, self.currency))
            self.findings.fault(Code.BAD_VALUE, where, limit=limit, actual=f"{value:f}", detail=what)
            return None
        return money


def _registrations(party: Party) -> Iterator[tuple[str, str]]:
    """What may identify a party, the best first: VAT, other tax registration, legal registration, identifiers, network
    address. A SEPA creditor identifier is none: it belongs to a direct debit."""
    if party.vat_id:
        yield "BT-31", party.vat_id
    if party.tax_id:
        yield "BT-32", party.tax_id
    if party.legal_id and party.legal_id.value:
        yield "BT-30", party.legal_id.value
    yield from (("BT-29", each.value) for each in party.identifiers if each.value and each.scheme != "SEPA")
    if party.endpoint and party.endpoint.value:
        yield "BT-34", party.endpoint.value


def _own_line(line_id: str, net: Money, description: str, rate: Decimal) -> InvoiceLine:
    """A line of ours for an amount that has none in the document."""
    return InvoiceLine(
        line_id=line_id,
        quantity=Decimal(1),
        unit="",
        unit_price=fields.plain(net.amount),
        net=net,
        description=description,
        tax_rate=rate,
    )


def kind_of_charge(reason_code: str, *, is_charge: bool) -> Literal["freight", "charge", "allowance"]:
    """What an allowance or charge is for, by its code of UNTDID 7161."""
    if not is_charge:
        return "allowance"
    return "freight" if reason_code in FREIGHT_CODES else "charge"


def _item(line: Line) -> str:
    """The item of a line, as orders name it: GTIN (BT-157), of the seller (BT-155), of the buyer (BT-156)."""
    return (line.standard_item.value if line.standard_item else "") or line.seller_item or line.buyer_item


def _payee_account(semantic: SemanticInvoice) -> str:
    """BT-84, the first account to pay into."""
    accounts = (transfer.account for payment in semantic.payments for transfer in payment.transfers)
    return next((account for account in accounts if account), "")


def _rate(tax: Tax | None) -> Decimal:
    """BT-152, BT-96 or BT-103; no rate is a rate of zero (not subject to VAT, BR-O-05)."""
    return Decimal(0) if tax is None or tax.rate is None else tax.rate


def _reference(text: str) -> str:
    """A reference to an order or a line of one, without the words for "none"."""
    return "" if text.upper() in _NO_REFERENCE else text
