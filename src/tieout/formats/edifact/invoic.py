"""``INVOIC``: invoices and credit notes.

How a message becomes an :class:`~tieout.model.documents.Invoice` (qualifiers of ``MOA``, 5025; business terms of
EN 16931 by CEN/TS 16931-3-4):

* ``gross`` is 388 (BT-112), in EANCOM 77, elsewhere 86, 39, 128 or 9; ``tax`` 176 (BT-110), else 124; ``net`` 389
  (BT-109), else 125, else the sum of the lines. The amount due is 9 (BT-115).
* Allowances and charges of the header become lines of their own (``allowance/1``, ``charge/1``), as in UBL; those of a
  line are in its net amount (203) already. Sub-lines are parts of their line and not counted again.
* Amounts of credit notes are positive, as everywhere in EDIFACT. A negative one would say the contrary of its type,
  and is refused.
* A rate of exchange (``CUX``, 5402) from the invoice's currency into our own is ``conversion_rate``.
* What changes the amount to pay without being in ``gross`` is kept beside it: prepaid (113), rounding (366).
"""

from collections.abc import Iterator
from datetime import date
from decimal import Decimal

from msgspec import Struct

from tieout.formats import fields
from tieout.formats.codes import load
from tieout.formats.edifact.lines import classified, description, item, order_line
from tieout.formats.edifact.message import Message, part
from tieout.formats.edifact.parties import entity, supplier
from tieout.formats.edifact.terms import day_by_terms
from tieout.formats.edifact.tree import Node
from tieout.formats.einvoice.canonical import PURPOSES, kind_of_charge
from tieout.formats.segments import Segment
from tieout.kernel.money import EXACT, Money, multiply, priced, total
from tieout.kernel.problem import Code
from tieout.model.documents import Invoice, InvoiceKind, InvoiceLine

ALLOWANCE, CHARGE = "allowance/", "charge/"
INVOICE_TYPES, CREDIT_TYPES = load("edifact_invoice_types"), load("edifact_credit_note_types")
FUNCTIONS = load("edifact_message_functions")
#: Documents that look like invoices and ask for no money: pro forma, and information for accounting.
_NO_DEMAND = ("325", "751")
#: Message functions (1225) that take back an earlier message instead of billing.
_WITHDRAWALS = ("1", "3")
#: Allowance or charge (5463).
_ALLOWANCES, _CHARGES, _NEITHER = ("A", "F", "G", "H"), ("C", "K", "L", "M"), ("N",)
#: Settlements (4471) that happen outside of the invoice: billed back, paid by cheque, credited, borne by the vendor.
_ELSEWHERE = ("1", "3", "4", "5")
#: Quantities (6063), the best first: invoiced, returned, despatched, delivered, discrete.
_QUANTITIES = ("47", "61", "12", "46", "1", "21")
_NET = ("203", "66", "38")
_TAXES = ("VAT", "GST")
#: Sums with tax in some dialects, without it in others: the one that adds up is taken.
_GROSS_SOMEWHERE = ("86", "39", "128")
#: Ways of writing "piece", between which nothing is converted.
_PIECES = frozenset(("", "PCE", "C62", "H87", "EA", "NAR", "NMP", "PC"))


def read_invoic(message: Message) -> Iterator[Invoice]:
    """Read one ``INVOIC``."""
    invoice = _Invoic(message).read()
    if invoice is not None:
        yield invoice


class _Totals(Struct, frozen=True):
    """The sums of the summary; ``None`` where the message does not declare one."""

    lines: Money | None
    net: Money | None
    tax: Money | None
    gross: Money | None
    due: Money | None
    prepaid: Money | None
    rounding: Money | None


class _Invoic:
    """One invoice being read; only here so that its currency need not be passed around."""

    def __init__(self, message: Message) -> None:
        self.message = message
        self.findings = message.findings
        self.root = message.root
        self.entity = entity(message, message.header.receiver)
        self.currency = message.currency_or_ours(self.entity, "4")
        self.header_rate = self._rate_of(self._tax_group(self.root))

    def read(self) -> Invoice | None:
        """The invoice, or nothing when something of it could not be read."""
        message, findings = self.message, self.findings
        kind = self._kind()
        number = message.number_of_document()
        issued_on = message.required_day("the day of the invoice (DTM+137)", "3", "137")
        seller = supplier(message, message.header.sender)
        summary = self.root.one("UNS")
        if not self.currency:
            self._missing("the currency (CUX+2)")
        if summary is None:
            self._missing("the summary (UNS+S)")
        if kind is None or issued_on is None or seller is None or summary is None or not self.currency:
            return None
        lines, extras = self._lines(summary), list(self._allowances(summary))
        totals = self._totals(summary)
        due_on = self._due_day(issued_on, kind)
        if not findings.complete:
            return None
        net, tax, gross = self._prove(summary, totals, lines, extras)
        if gross is None:
            return None
        self._check_sign(kind, gross)
        self._check_payable(summary, totals, gross)
        self._note_payee()
        rate = self.message.conversion(self.currency, self.entity)
        return Invoice(
            kind=kind,
            number=number,
            entity=self.entity,
            supplier_id=seller.supplier_id,
            supplier_tax_id=seller.tax_id,
            supplier_name=seller.name,
            currency=self.currency,
            issued_on=issued_on,
            due_on=due_on,
            lines=(*lines, *extras),
            net=net,
            tax=tax,
            gross=gross,
            credits_number=self._credited(),
            document=message.header.mark,
            prepaid=totals.prepaid or None,
            rounding=totals.rounding or None,
            purpose=PURPOSES.get(part(self.root.first("BGM"), 1), ""),
            conversion_rate=rate.rate,
            conversion_per=rate.per,
            converted_to=rate.to,
        )

    def _missing(self, expected: str) -> None:
        self.findings.fault(Code.MISSING_FIELD, self.message.where(self.root.segment), expected=expected)

    # ── the header ─────────────────────────────────────────────────────────────────────────────────────────────────

    def _kind(self) -> InvoiceKind | None:
        """The document type (1001) says which way the amounts count; one that does not say it is refused."""
        bgm = self.root.first("BGM")
        code, function = part(bgm, 1), part(bgm, 3)
        where = self.message.where(bgm or self.root.segment)
        if function in _WITHDRAWALS:
            detail = "the message withdraws an earlier one; a person has to take this one in"
            self.findings.fault(Code.UNSUPPORTED_CONTENT, where, actual=function, detail=detail)
        elif bgm is not None:
            self.message.known(function, FUNCTIONS, bgm, "message function (1225)")
        if code in _NO_DEMAND:
            detail = f"{INVOICE_TYPES.meaning(code)}: nothing is to be paid on it"
            self.findings.fault(Code.UNSUPPORTED_CONTENT, where, actual=code, detail=detail)
            return None
        if code in CREDIT_TYPES:
            return InvoiceKind.CREDIT_NOTE
        if code in INVOICE_TYPES:
            return InvoiceKind.INVOICE
        expected = "a document type (1001) of an invoice or a credit note, such as 380 or 381"
        self.findings.fault(Code.UNKNOWN_CODE if code else Code.MISSING_FIELD, where, expected=expected, actual=code)
        return None

    def _due_day(self, issued_on: date, kind: InvoiceKind) -> date:
        """The day on which it is due: as it says, by its terms, or else the day of issue."""
        message = self.message
        terms = [*self.root.under("PAT"), *self.root.under("PYT")]
        for node in (*terms, self.root):
            if found := node.first("DTM", "13", "140", "265"):
                return message.day(found) or issued_on
        for node in terms:
            if day := day_by_terms(node.segment, issued_on):
                return day
        if kind is InvoiceKind.INVOICE:
            where = message.where(self.root.segment)
            self.findings.assume("the due date (DTM+13 under PAT or PYT)", "the day of issue", where)
        return issued_on

    def _credited(self) -> str:
        """The invoice that is credited or corrected (BT-25)."""
        found = [group.segment for one in ("OI", "IV") for group in self.root.under("RFF", one)]
        if len(found) > 1:
            detail = "more than one preceding invoice; only the first is kept"
            self.findings.note(Code.UNSUPPORTED_CONTENT, self.message.where(found[1]), detail=detail)
        return self.message.text(found[0], 1, 2) if found else ""

    def _note_payee(self) -> None:
        """A factor or another payee is not paid by what an invoice says."""
        if payee := self.root.one("NAD", "PE"):
            detail = "a payee (NAD+PE) is not paid; the supplier's own account is"
            self.findings.note(Code.UNSUPPORTED_CONTENT, self.message.where(payee.segment), detail=detail)

    # ── lines ──────────────────────────────────────────────────────────────────────────────────────────────────────

    def _lines(self, summary: Node) -> list[InvoiceLine]:
        """The lines, without the parts that some are explained by."""
        nodes = list(self.root.under("LIN"))
        main = [node for node in nodes if part(node.segment, 4, 1) != "1"]
        order_id = self._order_id()
        lines = [line for number, node in enumerate(main, 1) if (line := self._line(node, number, order_id))]
        if not main:
            self._missing("at least one line (LIN)")
        if len(main) < len(nodes):
            sub = next(node for node in nodes if part(node.segment, 4, 1) == "1")
            detail = "sub-lines explain their line and are not read; the line's own amount stands for them"
            self.findings.note(Code.UNSUPPORTED_CONTENT, self.message.where(sub.segment), detail=detail)
        seen: set[str] = set()
        for line, node in zip(lines, main, strict=False):
            if line.line_id in seen:
                where = self.message.where(node.segment)
                self.findings.fault(Code.BAD_VALUE, where, actual=line.line_id, detail="line number used twice")
            seen.add(line.line_id)
        quantities = tuple(line.quantity for line in lines)
        self.message.prove_counts(summary, len(main), len(nodes) - len(main), quantities)
        return lines

    def _order_id(self) -> str:
        """The order of the whole invoice, in the header or, in some dialects, behind a party."""
        for node in (self.root, *self.root.under("NAD")):
            if found := self.message.reference(node, "ON", "CO"):
                return found
        return ""

    def _line(self, node: Node, position: int, header_order: str) -> InvoiceLine | None:
        """One line: what, how many, at what price, for which order line."""
        message, lin = self.message, node.segment
        line_id = message.text(lin, 1)
        if not line_id:
            line_id = str(position)
            self.findings.assume("a line number (LIN, 1082)", "its position", message.where(lin))
        quantity, unit = self._quantity(node)
        told = message.price(node)
        rate = self._rate_of(self._tax_group(node))
        net = self._net(node, quantity, (told[0], told[2]) if told else None)
        if quantity is None or net is None:
            return None
        if told is None:
            self.findings.assume("a price (PRI)", "the net amount by the quantity", message.where(lin))
        price = told[0] if told else message.per_unit(net.amount, quantity, lin) if quantity else net.amount
        price_per = told[2] if told else Decimal(1)
        if price is None:
            return None
        if told:
            self._check_unit(told[1], unit)
        self._check_line(node, priced(quantity, price, price_per, self.currency), net)
        order = next(node.under("RFF", "ON"), None)
        return InvoiceLine(
            line_id=line_id,
            quantity=quantity,
            unit=unit,
            unit_price=price,
            net=net,
            description=description(message, node),
            tax_rate=rate if rate is not None else self.header_rate or Decimal(0),
            order_id=(message.text(order.segment, 1, 2) if order else "") or header_order,
            order_line_id=order_line(message, node),
            item=item(message, node),
            price_per=price_per,
            category=classified(message, node),
        )

    def _quantity(self, node: Node) -> tuple[Decimal | None, str]:
        """The quantity billed and its unit; a line without one bills one of something."""
        found = node.first("QTY", *_QUANTITIES)
        if found is None:
            self.findings.assume("a quantity (QTY+47)", "1", self.message.where(node.segment))
            return Decimal(1), ""
        unit = self.message.unit(part(found, 1, 3), found)
        return self.message.number(found, 1, 2), unit

    def _net(self, node: Node, quantity: Decimal | None, price: tuple[Decimal, Decimal] | None) -> Money | None:
        """The net amount of a line, or quantity by price where it has none."""
        if node.first("MOA", *_NET):
            return self.message.amount(node, self.currency, *_NET)
        where = self.message.where(node.segment)
        if quantity is None or price is None:
            self.findings.fault(Code.MISSING_FIELD, where, expected="the net amount of the line (MOA+203), or a price")
            return None
        self.findings.assume("a net amount (MOA+203)", "quantity by price", where)
        amount = priced(quantity, *price, self.currency)
        amount += total(self._signed_amounts(node), self.currency)
        if abs(amount.minor) > fields.MINOR_MAX:
            self.findings.fault(Code.BAD_VALUE, where, limit=str(Money(fields.MINOR_MAX, self.currency)))
            return None
        return amount

    def _signed_amounts(self, node: Node) -> Iterator[Money]:
        """The line's own allowances (negative) and charges that state an amount."""
        for group in node.under("ALC"):
            amount = self.message.amount(group, self.currency, "204", "23", "8")
            if amount is not None and part(group.segment, 1) not in _NEITHER:
                yield -amount if part(group.segment, 1) in _ALLOWANCES else amount

    def _check_unit(self, price: Segment, unit: str) -> None:
        """A price per another unit than the quantity's is not converted."""
        own = part(price, 1, 6)
        if own and own != unit and not {own, unit} <= _PIECES:
            detail = "the price is per another unit than the quantity"
            self.findings.note(Code.UNIT_MISMATCH, self.message.where(price), expected=unit, actual=own, detail=detail)

    def _check_line(self, node: Node, computed: Money, net: Money) -> None:
        """Quantity by price and the line's own allowances should give its net amount; nothing demands it."""
        with_own = computed + total(self._signed_amounts(node), self.currency)
        if min(abs((net - computed).minor), abs((net - with_own).minor)) > 2:
            where = self.message.where(node.first("MOA", *_NET) or node.segment)
            detail = "quantity × price and the line's allowances do not give its net amount"
            expected = str(with_own)
            self.findings.note(Code.TOTALS_DISAGREE, where, expected=expected, actual=str(net), detail=detail)

    def _tax_group(self, node: Node) -> Node | None:
        """The VAT of a line or of the whole, before any other tax."""
        groups = sorted(node.under("TAX", "7"), key=lambda group: part(group.segment, 2) not in _TAXES)
        return groups[0] if groups else None

    def _rate_of(self, node: Node | None) -> Decimal | None:
        """The rate of a ``TAX``, in percent; a category without a rate is a rate of zero."""
        if node is None:
            return None
        return self.message.number(node.segment, 5, 4) if part(node.segment, 5, 4) else Decimal(0)

    # ── allowances and charges of the whole ────────────────────────────────────────────────────────────────────────

    def _allowances(self, summary: Node) -> Iterator[InvoiceLine]:
        """Allowances and charges of the header as lines of their own. Those of the summary repeat them in EANCOM; where
        the header has none, the summary is the place they stand at."""
        numbers = {ALLOWANCE: 0, CHARGE: 0}
        for node in [*self.root.under("ALC")] or [*summary.under("ALC")]:
            code, where = part(node.segment, 1), self.message.where(node.segment)
            if code in _NEITHER:
                continue
            if code not in (*_ALLOWANCES, *_CHARGES):
                self.findings.fault(Code.BAD_VALUE, where, expected="A (allowance) or C (charge)", actual=code)
                continue
            if part(node.segment, 3) in _ELSEWHERE:
                detail = "an allowance or charge that is settled outside of this invoice (4471)"
                self.findings.note(Code.UNSUPPORTED_CONTENT, where, actual=part(node.segment, 3), detail=detail)
                continue
            prefix = ALLOWANCE if code in _ALLOWANCES else CHARGE
            numbers[prefix] += 1
            amount = self._allowance_amount(node)
            if amount is not None:
                yield self._extra(node, prefix, numbers[prefix], amount)

    def _allowance_amount(self, node: Node) -> Money | None:
        """What is taken off or added: the amount, or the percentage of a stated basis."""
        amount = self.message.amount(node, self.currency, "204", "23", "8")
        if amount is not None:
            return amount
        percentage, basis = node.first("PCD"), self.message.amount(node, self.currency, "25")
        if percentage is None or basis is None:
            where = self.message.where(node.segment)
            expected = "the amount of the allowance or charge (MOA+204, 23 or 8)"
            self.findings.fault(Code.MISSING_FIELD, where, expected=expected)
            return None
        rate = self.message.number(percentage, 1, 2)
        if rate is None:
            return None
        where = self.message.where(node.segment)
        self.findings.assume("the amount of an allowance or charge", "its percentage of its basis (MOA+25)", where)
        return Money.rounded(multiply(basis.amount, EXACT.scaleb(rate, -2)), self.currency)

    def _extra(self, node: Node, prefix: str, number: int, amount: Money) -> InvoiceLine:
        net = amount if prefix == CHARGE else -amount
        rate = self._rate_of(self._tax_group(node))
        name = self.message.text(node.segment, 5, 4) or self.message.text(node.segment, 2)
        return InvoiceLine(
            line_id=f"{prefix}{number}",
            quantity=Decimal(1),
            unit="",
            unit_price=fields.plain(net.amount),
            net=net,
            description=name,
            tax_rate=rate if rate is not None else self.header_rate or Decimal(0),
            kind=kind_of_charge(part(node.segment, 5, 1), is_charge=prefix == CHARGE),
        )

    # ── totals ─────────────────────────────────────────────────────────────────────────────────────────────────────

    def _totals(self, summary: Node) -> _Totals:
        """The declared sums. Those that stand only per tax category are added up."""

        def amount(*qualifiers: str) -> Money | None:
            return self.message.amount(summary, self.currency, *qualifiers)

        return _Totals(
            lines=amount("79"),
            net=_first(amount("389", "125"), self._per_category(summary, "125")),
            tax=_first(amount("176", "124", "150", "369"), self._per_category(summary, "124", "150", "161")),
            gross=amount("388", "77"),
            due=amount("9"),
            prepaid=amount("113"),
            rounding=amount("366"),
        )

    def _per_category(self, summary: Node, *qualifiers: str) -> Money | None:
        """The sum of an amount over the tax categories of the summary, if any states it."""
        groups = [node for node in summary.under("TAX") if node.first("MOA", *qualifiers)]
        amounts = [self.message.amount(node, self.currency, *qualifiers) for node in groups]
        known = [amount for amount in amounts if amount is not None]
        return total(known, self.currency) if known else None

    def _prove(
        self, summary: Node, totals: _Totals, lines: list[InvoiceLine], extras: list[InvoiceLine]
    ) -> tuple[Money, Money, Money | None]:
        """Compare the declared sums with those of the parts; gives net, tax and gross."""
        own = total((line.net for line in lines), self.currency)
        everything = own + total((line.net for line in extras), self.currency)
        net = totals.net if totals.net is not None else everything
        tax = totals.tax if totals.tax is not None else self._computed_tax((*lines, *extras))
        gross = _first(totals.gross, self._gross_somewhere(summary, totals, net + tax))
        if gross is None:
            self._missing("the total with tax (MOA+388, 77 or 86)")
            return net, tax, None
        if totals.lines is not None:
            self._claim("sum of the lines (MOA 79)", summary, totals.lines, own)
        self._claim("total without tax (MOA 389 or 125)", summary, net, everything)
        self._claim("total with tax (MOA 388, 77 or 86)", summary, gross, net + tax)
        self._claim_categories(summary, tax)
        self._claim_extras(summary, extras)
        return net, tax, gross

    def _gross_somewhere(self, summary: Node, totals: _Totals, computed: Money) -> Money | None:
        """The total with tax where no qualifier says for certain which of the sums it is."""
        declared = [self.message.amount(summary, self.currency, code) for code in _GROSS_SOMEWHERE]
        if totals.due is not None:
            declared.append(totals.due + (totals.prepaid or Money.zero(self.currency)))
        known = [amount for amount in declared if amount is not None]
        return computed if computed in known else known[0] if known else None

    def _computed_tax(self, lines: tuple[InvoiceLine, ...]) -> Money:
        """Where no tax is stated: what the rates of the lines give, rate by rate."""
        by_rate: dict[Decimal, Money] = {}
        for line in lines:
            by_rate[line.tax_rate] = by_rate.get(line.tax_rate, Money.zero(self.currency)) + line.net
        taxes = (
            Money.rounded(multiply(net.amount, EXACT.scaleb(rate, -2)), self.currency) for rate, net in by_rate.items()
        )
        found = total(taxes, self.currency)
        where = self.message.where(self.root.segment)
        self.findings.assume("the tax total (MOA+176 or 124)", f"{found}, by the rates of the lines", where)
        return found

    def _claim_categories(self, summary: Node, tax: Money) -> None:
        """The tax of the categories sums to the tax of the whole."""
        parts = self._per_category(summary, "124", "150", "161")
        if parts is not None:
            self._claim("sum of tax by category (MOA 124)", summary, tax, parts)

    def _claim_extras(self, summary: Node, extras: list[InvoiceLine]) -> None:
        """Allowances (260) and charges (259) of the header, or both together (131), where they are declared."""
        sums = {
            prefix: total((line.net for line in extras if line.line_id.startswith(prefix)), self.currency)
            for prefix in (ALLOWANCE, CHARGE)
        }
        allowances, charges = -sums[ALLOWANCE], sums[CHARGE]
        for code, computed in (("260", allowances), ("259", charges)):
            declared = self.message.amount(summary, self.currency, code)
            if declared is not None:
                self._claim(f"allowances or charges (MOA {code})", summary, declared, computed)
        declared = self.message.amount(summary, self.currency, "131")
        if declared is not None and abs(declared) != abs(charges - allowances):
            self._claim("allowances and charges (MOA 131)", summary, declared, charges - allowances)

    def _claim(self, name: str, summary: Node, declared: Money, computed: Money) -> None:
        self.message.claim(name, summary.segment, str(declared), str(computed), declared == computed)

    def _check_sign(self, kind: InvoiceKind, gross: Money) -> None:
        """A credit note of a negative amount would raise what we owe, or was meant positive: a person has to say."""
        if kind is InvoiceKind.CREDIT_NOTE and gross.minor < 0:
            where = self.message.where(self.root.segment)
            detail = "a credit note of a negative amount; it is not clear whom it favours"
            self.findings.fault(Code.BAD_VALUE, where, actual=str(gross), detail=detail)

    def _check_payable(self, summary: Node, totals: _Totals, gross: Money) -> None:
        """What was prepaid or rounded changes what is to be paid."""
        zero = Money.zero(self.currency)
        prepaid, rounding = totals.prepaid or zero, totals.rounding or zero
        if totals.due is not None:
            self._claim("amount due (MOA 9)", summary, totals.due, gross - prepaid + rounding)


def _first(declared: Money | None, computed: Money | None) -> Money | None:
    """What is declared, also when it is nothing, before what is computed."""
    return declared if declared is not None else computed
