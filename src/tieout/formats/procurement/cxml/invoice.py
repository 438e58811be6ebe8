"""cXML ``InvoiceDetailRequest``: invoices and credit memos, with lines or with one sum for each order.

* ``net`` is ``NetAmount`` without ``Tax``, ``gross`` is ``NetAmount``; a deposit is ``prepaid``, so that ``DueAmount``
  is what is left to pay.
* Handling, shipping, charges, allowances and the discount of the summary become lines of their own (``charge/1``,
  ``allowance/1``), so that the lines always sum to ``net``. What stands at a line of them is in the summary, too.
* A credit memo has amounts below zero, as networks demand; all signs are turned, since ours are as on paper.
* A copy for information, and a document that takes back another one, wait for a person.
"""

from collections.abc import Iterator
from datetime import date, timedelta
from decimal import Decimal

from msgspec import Struct, structs

from tieout.formats.einvoice.below_zero import turned
from tieout.formats.einvoice.canonical import ALLOWANCE, CHARGE, SUMMARY
from tieout.formats.einvoice.node import Node
from tieout.formats.procurement.cxml.orders import tax_rate
from tieout.formats.procurement.cxml.paper import Paper, classified, item_number, ranked, words
from tieout.formats.procurement.parties import Name
from tieout.formats.procurement.prices import check_line, line_amount
from tieout.kernel.money import Money, total
from tieout.kernel.problem import Code
from tieout.model.documents import Invoice, InvoiceKind, InvoiceLine

#: ``purpose`` of the header.
_KINDS = {
    "standard": InvoiceKind.INVOICE,
    "debitMemo": InvoiceKind.INVOICE,
    "lineLevelDebitMemo": InvoiceKind.INVOICE,
    "creditMemo": InvoiceKind.CREDIT_NOTE,
    "lineLevelCreditMemo": InvoiceKind.CREDIT_NOTE,
}
#: Roles of the parties of an invoice: the supplier, the best first, and the buyer.
_SUPPLIER_ROLES = ("issuerofinvoice", "from", "suppliercorporate", "remitto", "supplieraccount")
_BUYER_ROLES = ("billto", "soldto", "buyercorporate", "buyer", "buyeraccount")
#: Extrinsics that say who the parties are, by whom they name.
_SUPPLIER_EXTRINSICS = ("supplierVatID", "supplierTaxID", "supplierCommercialIdentifier")
_BUYER_EXTRINSICS = ("buyerVatID", "buyerTaxID", "buyerCommercialIdentifier")
_DAYS_MAX = 3_650


class _Sums(Struct, frozen=True):
    """The summary of an invoice. ``charges`` and ``allowances`` hold what has no line of its own, by its name."""

    subtotal: Money
    tax: Money
    net: Money
    charges: tuple[tuple[str, Money], ...]
    allowances: tuple[tuple[str, Money], ...]
    deposit: Money


def read_invoice(paper: Paper, document: str) -> Iterator[Invoice]:
    """Read one ``InvoiceDetailRequest``."""
    findings = paper.findings
    header = paper.group(paper.body, "InvoiceDetailRequestHeader")
    summary = paper.group(paper.body, "InvoiceDetailSummary")
    if paper.is_withdrawn(header):
        return
    if header.attribute("isInformationOnly") == "yes":
        detail = "a copy for information, which must not be paid; a person has to see to it"
        findings.fault(Code.UNSUPPORTED_CONTENT, header.where, detail=detail)
    kind = _kind(paper, header)
    number, issued_on = paper.must(header, "invoiceID"), paper.must_day(header, "invoiceDate")
    if not paper.check_currency(*(summary.get(name) for name in ("NetAmount", "DueAmount", "SubtotalAmount"))):
        return
    rate = tax_rate(paper, summary.get("Tax"))
    lines = _lines(paper, rate)
    sums = _sums(paper, summary)
    names = _names(header, _SUPPLIER_ROLES, _SUPPLIER_EXTRINSICS) + paper.credentials("From")
    seller = paper.seller(names)
    if sums is None or seller is None or issued_on is None or not findings.complete:
        return
    _prove(paper, summary, sums, lines)
    invoice = Invoice(
        kind=kind,
        number=number,
        entity=paper.buyer(_names(header, _BUYER_ROLES, _BUYER_EXTRINSICS) + paper.credentials("To")),
        supplier_id=seller.supplier_id,
        supplier_tax_id=seller.tax_id,
        supplier_name=_supplier_name(paper, header, seller.tax_id),
        currency=paper.currency,
        issued_on=issued_on,
        due_on=_due_on(paper, header, issued_on),
        lines=(*lines, *_extra_lines(sums, rate)),
        net=sums.net - sums.tax,
        tax=sums.tax,
        gross=sums.net,
        credits_number=header.group("InvoiceIDInfo").attribute("invoiceID"),
        document=document,
        prepaid=sums.deposit if sums.deposit else None,
    )
    yield _signed(invoice, summary.where, paper)


def _kind(paper: Paper, header: Node) -> InvoiceKind:
    purpose = header.attribute("purpose") or "standard"
    if purpose not in _KINDS:
        paper.findings.fault(Code.BAD_VALUE, header.where, expected=", ".join(_KINDS), actual=purpose)
    return _KINDS.get(purpose, InvoiceKind.INVOICE)


def _signed(invoice: Invoice, where: str, paper: Paper) -> Invoice:
    """Credits as on paper: above zero. The price keeps its sign where the quantity has it."""
    if invoice.kind is not InvoiceKind.CREDIT_NOTE or invoice.gross.minor >= 0:
        return turned(invoice, where, paper.findings)
    return structs.replace(
        invoice,
        lines=tuple(_turned_line(line) for line in invoice.lines),
        net=-invoice.net,
        tax=-invoice.tax,
        gross=-invoice.gross,
        prepaid=-invoice.prepaid if invoice.prepaid else None,
    )


def _turned_line(line: InvoiceLine) -> InvoiceLine:
    if line.unit_price < 0:
        return structs.replace(line, unit_price=-line.unit_price, net=-line.net)
    return structs.replace(line, quantity=-line.quantity, net=-line.net)


# ── parties and days ───────────────────────────────────────────────────────────────────────────────────────────────


def _contacts(header: Node, roles: tuple[str, ...]) -> list[tuple[Node, Node]]:
    """The parties in one of these roles, each with its contact, the best role first."""
    found = [
        (roles.index(role), partner, contact)
        for partner in header.all("InvoicePartner")
        for contact in partner.all("Contact")
        if (role := contact.attribute("role").lower()) in roles
    ]
    found.sort(key=lambda each: each[0])
    return [(partner, contact) for _, partner, contact in found]


def _names(header: Node, roles: tuple[str, ...], extrinsics: tuple[str, ...]) -> list[Name]:
    """The names of one side: extrinsics of the header, references of its parties, and their addresses."""
    said = [
        (each.attribute("name"), (each.element.text or "").strip())
        for each in header.all("Extrinsic")
        if each.attribute("name") in extrinsics
    ]
    for partner, contact in _contacts(header, roles):
        references = (*partner.all("IdReference"), *contact.all("IdReference"))
        said += [(each.attribute("domain"), each.attribute("identifier")) for each in references]
        said.append(("address", contact.attribute("addressID")))
    return ranked(iter(said))


def _supplier_name(paper: Paper, header: Node, tax_id: str) -> str:
    """The name of the supplier; its registration where it has none."""
    names = (contact.text("Name") for _, contact in _contacts(header, _SUPPLIER_ROLES))
    if name := next((name for name in names if name), ""):
        return name
    paper.findings.assume("the supplier's name (InvoicePartner)", "its registration", header.where)
    return tax_id


def _due_on(paper: Paper, header: Node, issued_on: date) -> date:
    """The longest of the terms; shorter ones are for a discount."""
    days = []
    for name in ("InvoiceDetailPaymentTerm", "PaymentTerm"):
        for term in header.all(name):
            text = term.attribute("payInNumberOfDays")
            if text.isascii() and text.isdigit() and len(text) <= len(str(_DAYS_MAX)):
                days.append(int(text))
            elif text:
                paper.findings.fault(Code.BAD_VALUE, term.where, expected="a number of days", actual=text)
    last = max(days, default=None)
    if last is None or last > _DAYS_MAX or issued_on.year > date.max.year - 11:
        paper.findings.assume("the due date (PaymentTerm)", "the day of issue", header.where)
        return issued_on
    return issued_on + timedelta(days=last)


# ── lines ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def _lines(paper: Paper, rate: Decimal) -> list[InvoiceLine]:
    """All lines of all orders; numbers that are used again get the order in front."""
    found: list[InvoiceLine] = []
    seen: set[str] = set()
    for line, where in _all_lines(paper, rate):
        if line.line_id in seen:
            line_id = f"{line.order_id}/{line.line_id}"
            if line_id in seen:
                paper.findings.fault(Code.BAD_VALUE, where, actual=line.line_id, detail="line number used twice")
            detail = f"line number used again; this one is called {line_id}"
            paper.findings.note(Code.ASSUMED_VALUE, where, actual=line.line_id, detail=detail)
            line = structs.replace(line, line_id=line_id)
        seen.add(line.line_id)
        found.append(line)
    if not found and paper.findings.complete:
        paper.findings.fault(Code.MISSING_FIELD, paper.body.where, expected="at least one line (InvoiceDetailItem)")
    return found


def _all_lines(paper: Paper, rate: Decimal) -> Iterator[tuple[InvoiceLine, str]]:
    for order in paper.body.all("InvoiceDetailOrder"):
        order_id = paper.order_id(order.group("InvoiceDetailOrderInfo"))
        for name in ("InvoiceDetailItem", "InvoiceDetailServiceItem"):
            for item in order.all(name):
                if line := _line(paper, item, f"{name}Reference", order_id, rate):
                    yield line, item.where
    for order in paper.body.all("InvoiceDetailHeaderOrder"):
        order_id = paper.order_id(order.group("InvoiceDetailOrderInfo"))
        summary = paper.group(order, "InvoiceDetailOrderSummary")
        detail = "an invoice without lines: one stands for each order, and none can be matched by line"
        paper.findings.note(Code.UNSUPPORTED_CONTENT, summary.where, actual=order_id, detail=detail)
        if line := _order_line(paper, summary, order_id, rate):
            yield line, summary.where


def _line(paper: Paper, item: Node, reference: str, order_id: str, rate: Decimal) -> InvoiceLine | None:
    """One item of goods or service; a service may have neither quantity nor price."""
    referred = item.group(reference)
    holder = item.get("UnitRate") if "UnitRate" in item else item
    told = paper.unit_price(item)
    if holder is not None and holder is not item:
        rate_of_unit = paper.amount(holder)
        told = None if rate_of_unit is None else (rate_of_unit, Decimal(1))
    price, price_per = told or (None, Decimal(1))
    is_service = "Service" in reference
    quantity = Decimal(1) if is_service and not item.attribute("quantity") else paper.number(item, "quantity")
    net = paper.money(item.get("SubtotalAmount"))
    line_id = paper.must(item, "invoiceLineNumber")
    if quantity is None or not paper.findings.complete:
        return None
    if net is None and price is not None:
        net = line_amount(quantity, price, paper.currency, price_per)
        paper.findings.assume("the amount of a line (SubtotalAmount)", "quantity × price", item.where)
    if price is None and net is not None and is_service:
        price, price_per, quantity = net.amount, Decimal(1), Decimal(1)
    if net is None or price is None:
        missing = "UnitPrice" if price is None else "SubtotalAmount"
        paper.findings.fault(Code.MISSING_FIELD, item.where, expected=missing)
        return None
    check_line(line_amount(quantity, price, paper.currency, price_per), net, item.where, paper.findings)
    return InvoiceLine(
        line_id=line_id,
        quantity=quantity,
        unit=item.text("UnitOfMeasure") or item.group("UnitRate").text("UnitOfMeasure"),
        unit_price=price,
        net=net,
        description=words(referred, "Description"),
        tax_rate=tax_rate(paper, item.get("Tax")) if "Tax" in item else rate,
        order_id=order_id,
        order_line_id=paper.attribute(referred, "lineNumber"),
        item=item_number(referred),
        price_per=price_per,
        category=classified(referred),
    )


def _order_line(paper: Paper, summary: Node, order_id: str, rate: Decimal) -> InvoiceLine | None:
    """What an invoice without lines says of one order."""
    line_id = paper.must(summary, "invoiceLineNumber")
    if "SubtotalAmount" not in summary:
        paper.findings.fault(Code.MISSING_FIELD, summary.where, expected="SubtotalAmount")
    net = paper.money(summary.get("SubtotalAmount"))
    if net is None:
        return None
    rate = tax_rate(paper, summary.get("Tax")) if "Tax" in summary else rate
    return _whole(f"{SUMMARY}{line_id}", net, order_id, rate, order_id)


def _whole(line_id: str, net: Money, description: str, rate: Decimal, order_id: str = "") -> InvoiceLine:
    """A line of quantity 1 without a unit."""
    return InvoiceLine(
        line_id=line_id,
        quantity=Decimal(1),
        unit="",
        unit_price=net.amount,
        net=net,
        description=description,
        tax_rate=rate,
        order_id=order_id,
    )


def _extra_lines(sums: _Sums, rate: Decimal) -> Iterator[InvoiceLine]:
    """What the summary adds and takes off, as lines."""
    for number, (name, money) in enumerate(sums.charges, 1):
        line = _whole(f"{CHARGE}{number}", money, name, rate)
        yield structs.replace(line, kind="freight" if name == _CHARGES["ShippingAmount"] else "charge")
    for number, (name, money) in enumerate(sums.allowances, 1):
        yield structs.replace(_whole(f"{ALLOWANCE}{number}", -money, name, rate), kind="allowance")


# ── sums ───────────────────────────────────────────────────────────────────────────────────────────────────────────

#: What the summary adds to the subtotal, and takes off, and what each is called on our line.
_CHARGES = {"SpecialHandlingAmount": "special handling", "ShippingAmount": "shipping", "TotalCharges": "charges"}
_ALLOWANCES = {"InvoiceDetailDiscount": "discount", "TotalAllowances": "allowances"}


def _sums(paper: Paper, summary: Node) -> _Sums | None:
    """The amounts of the summary; nothing when one that is needed cannot be read."""
    for name in ("SubtotalAmount", "Tax"):
        if name not in summary:
            paper.findings.fault(Code.MISSING_FIELD, summary.where, expected=name)
    subtotal, tax = paper.money(summary.get("SubtotalAmount")), paper.money(summary.get("Tax"))
    charges, allowances = (_named(paper, summary, names) for names in (_CHARGES, _ALLOWANCES))
    if "TotalCharges" not in summary and "TotalAllowances" not in summary:
        _check_modifications(paper, summary)
    deposit = paper.money(summary.get("DepositAmount"))
    if subtotal is None or tax is None or not paper.findings.complete:
        return None
    computed = subtotal + tax
    for _, money in charges:
        computed = computed + money
    for _, money in allowances:
        computed = computed - money
    net = paper.money(summary.get("NetAmount"))
    if "NetAmount" not in summary:
        paper.findings.assume("NetAmount", "the sum of the summary", summary.where)
        net = computed
    if net is None:
        return None
    _claim(paper, summary, "NetAmount = subtotal + tax + charges − allowances", net, computed)
    return _Sums(subtotal, tax, net, charges, allowances, deposit or Money.zero(paper.currency))


def _named(paper: Paper, summary: Node, names: dict[str, str]) -> tuple[tuple[str, Money], ...]:
    found = ((meaning, paper.money(summary.get(name))) for name, meaning in names.items())
    return tuple((meaning, money) for meaning, money in found if money)


def _check_modifications(paper: Paper, summary: Node) -> None:
    """Charges and allowances of the whole that no total of them says: only a person can tell what they come to."""
    for name in ("InvoiceHeaderModifications", "InvoiceDetailSummaryLineItemModifications"):
        if name in summary:
            expected = "TotalCharges or TotalAllowances"
            paper.findings.fault(Code.UNSUPPORTED_CONTENT, summary.where, expected=expected, actual=name)


def _prove(paper: Paper, summary: Node, sums: _Sums, lines: list[InvoiceLine]) -> None:
    """Every sum that is declared is the sum of its parts."""
    computed = total((line.net for line in lines), paper.currency)
    _claim(paper, summary, "SubtotalAmount = sum of the lines", sums.subtotal, computed)
    gross = paper.money(summary.get("GrossAmount"))
    before = sums.subtotal + sums.tax
    for name, money in sums.charges:
        before = before + money if name != _CHARGES["TotalCharges"] else before
    if gross is not None:
        # Networks differ in whether charges and allowances come before or after the gross amount.
        discount = total(
            (money for name, money in sums.allowances if name == _ALLOWANCES["InvoiceDetailDiscount"]), paper.currency
        )
        expected = gross if gross == sums.net + discount else before
        _claim(paper, summary, "GrossAmount = subtotal + tax + handling + shipping", gross, expected)
    due = paper.money(summary.get("DueAmount"))
    if due is not None:
        _claim(paper, summary, "DueAmount = NetAmount − deposit", due, sums.net - sums.deposit)
    _prove_tax(paper, summary, sums)


def _prove_tax(paper: Paper, summary: Node, sums: _Sums) -> None:
    """The tax is the sum of its details; and of the lines, where the lines have it."""
    details = [
        money
        for detail in summary.group("Tax").all("TaxDetail")
        if detail.attribute("isWithholdingTax") != "yes" and (money := paper.money(detail.get("TaxAmount"))) is not None
    ]
    if details:
        _claim(paper, summary, "Tax = sum of its details", sums.tax, total(details, paper.currency))
    header = paper.body.group("InvoiceDetailRequestHeader")
    if header.group("InvoiceDetailLineIndicator").attribute("isTaxInLine") == "yes":
        items = (
            item
            for order in paper.body.all("InvoiceDetailOrder")
            for name in ("InvoiceDetailItem", "InvoiceDetailServiceItem")
            for item in order.all(name)
        )
        taxes = [money for item in items if (money := paper.money(item.get("Tax"))) is not None]
        if taxes:
            _claim(paper, summary, "Tax = sum of the taxes of the lines", sums.tax, total(taxes, paper.currency))


def _claim(paper: Paper, summary: Node, name: str, declared: Money, computed: Money) -> None:
    paper.findings.claim(name, summary.where, str(declared), str(computed), declared == computed)
