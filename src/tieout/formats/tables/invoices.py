"""Tables of supplier invoices: their columns, and an invoice out of its rows, with its totals proved."""

from decimal import Decimal

from tieout.formats.einvoice.below_zero import turned
from tieout.formats.reading import Findings, quoted
from tieout.formats.tables import cells
from tieout.formats.tables.contract import Column, Contract, Row, Told
from tieout.kernel.money import Money, multiply, total
from tieout.kernel.problem import Code
from tieout.model.documents import Invoice, InvoiceKind, InvoiceLine
from tieout.model.identity import normal_tax_id, supplier_id_of

_BUYER = ("entity", "buyer_tax_id")
#: Quantity × price is rounded once by the sender, perhaps also the price: two minor units are no difference.
_SLACK_MINOR = 2


def _invoice(rows: list[Row], told: Told, findings: Findings) -> Invoice | None:
    first = rows[0]
    currency = cells.currency(first, findings)
    if not findings.complete:
        return None
    lines = [_line(row, currency, told, findings) for row in rows]
    read = [line for line in lines if line is not None]
    net, tax, gross = (cells.money(first, name, currency, told.shape, findings) for name in ("net", "tax", "gross"))
    prepaid, withheld, rounding = (
        cells.money(first, name, currency, told.shape, findings) if first.text(name) else None
        for name in ("prepaid", "withheld", "rounding")
    )
    issued_on = cells.day(first, "issued_on", findings)
    due_on = cells.day(first, "due_on", findings) if first.text("due_on") else issued_on
    if not first.text("due_on"):
        findings.assume("the due date", "the day of issue", first.where("due_on"))
    tax_id = cells.text(first, "supplier_tax_id", findings)
    kind = _kind(first, findings)
    rate = cells.conversion(first, told.shape, findings)
    if net is None or tax is None or gross is None or len(read) < len(lines) or not findings.complete:
        return None
    cells.check_unique([line.line_id for line in read], rows, "line_id", findings)
    where = first.where("net")
    _claim("sum of the lines = net", where, net, total((line.net for line in read), currency), findings)
    _claim("net + tax = gross", first.where("gross"), gross, net + tax, findings)
    invoice = Invoice(
        kind=kind,
        number=cells.text(first, "invoice_number", findings),
        entity=_entity(first, told, findings),
        supplier_id=supplier_id_of(tax_id),
        supplier_tax_id=tax_id,
        supplier_name=cells.text(first, "supplier_name", findings),
        currency=currency,
        issued_on=issued_on,
        due_on=due_on,
        lines=tuple(read),
        net=net,
        tax=tax,
        gross=gross,
        credits_number=cells.optional(first, "credits_number", findings),
        document=told.document,
        prepaid=prepaid,
        withheld=withheld,
        rounding=rounding,
        payee_account=cells.optional(first, "payee_account", findings),
        conversion_rate=rate.rate,
        conversion_per=rate.per,
        converted_to=rate.to,
    )
    return turned(invoice, first.where("gross"), findings)


def _claim(name: str, where: str, declared: Money, computed: Money, findings: Findings) -> None:
    findings.claim(name, where, str(declared), str(computed), declared == computed)


def _kind(row: Row, findings: Findings) -> InvoiceKind:
    """An invoice, unless it says that it is a credit note."""
    said = row.text("kind") or InvoiceKind.INVOICE.value
    if said not in set(InvoiceKind):
        expected = " or ".join(InvoiceKind)
        findings.fault(Code.BAD_VALUE, row.where("kind"), expected=expected, actual=said)
        return InvoiceKind.INVOICE
    return InvoiceKind(said)


def _entity(row: Row, told: Told, findings: Findings) -> str:
    """Which of our legal entities is the buyer: by our own name for it, or by its tax registration."""
    if entity := row.text("entity"):
        return entity
    tax_id = row.text("buyer_tax_id")
    if not tax_id:
        findings.fault(Code.MISSING_FIELD, row.where(" or ".join(_BUYER)))
        return ""
    entity = told.entities.get(normal_tax_id(tax_id), "")
    if not entity:
        expected = "a buyer that is one of us"
        findings.note(Code.UNKNOWN_ENTITY, row.where("buyer_tax_id"), expected=expected, actual=quoted(tax_id))
    return entity


def _line(row: Row, currency: str, told: Told, findings: Findings) -> InvoiceLine | None:
    net = cells.money(row, "line_net", currency, told.shape, findings)
    quantity = cells.number(row, "quantity", told.shape, findings)
    price = cells.number(row, "unit_price", told.shape, findings)
    if net is None:
        return None
    _check_line(row, quantity, price, net, findings)
    return InvoiceLine(
        line_id=cells.text(row, "line_id", findings),
        quantity=quantity,
        unit=cells.optional(row, "unit", findings),
        unit_price=price,
        net=net,
        description=cells.optional(row, "description", findings),
        tax_rate=cells.number(row, "tax_rate", told.shape, findings, default="0"),
        order_id=cells.optional(row, "order_id", findings),
        order_line_id=cells.optional(row, "order_line_id", findings),
        item=cells.optional(row, "item", findings),
        receipt_id=cells.optional(row, "receipt", findings),
        category=cells.category(row, findings),
    )


def _check_line(row: Row, quantity: Decimal, price: Decimal, net: Money, findings: Findings) -> None:
    """Quantity by price should give the amount of the line; discounts may come between, so it is only told."""
    computed = Money.rounded(multiply(quantity, price), net.currency)
    if abs((computed - net).minor) > _SLACK_MINOR:
        detail = "quantity × unit price is not the amount of the line"
        where = row.where("line_net")
        findings.note(Code.TOTALS_DISAGREE, where, expected=str(computed), actual=str(net), detail=detail)


INVOICES = Contract(
    "csv-invoices",
    "Supplier invoices as a table",
    "e-invoices",
    ("invoice_number", "supplier_tax_id", "kind"),
    (
        Column("invoice_number", attribute="number"),
        Column("kind", is_required=False),
        Column("entity", is_required=False),
        Column("buyer_tax_id", is_required=False),
        Column("supplier_tax_id"),
        Column("supplier_name"),
        Column("currency"),
        Column("issued_on"),
        Column("due_on", is_required=False),
        Column("credits_number", is_required=False),
        Column("net"),
        Column("tax"),
        Column("gross"),
        Column("prepaid", is_required=False),
        Column("withheld", is_required=False),
        Column("rounding", is_required=False),
        Column("payee_account", is_required=False),
        Column("conversion_rate", is_required=False),
        Column("conversion_per", is_required=False),
        Column("converted_to", is_required=False),
        Column("line_id", is_line=True),
        Column("quantity", is_line=True),
        Column("unit", is_line=True, is_required=False),
        Column("unit_price", is_line=True),
        Column("line_net", is_line=True, attribute="net"),
        Column("description", is_line=True, is_required=False),
        Column("tax_rate", is_line=True, is_required=False),
        Column("order_id", is_line=True, is_required=False),
        Column("order_line_id", is_line=True, is_required=False),
        Column("item", is_line=True, is_required=False),
        Column("receipt", is_line=True, is_required=False, attribute="receipt_id"),
        Column("category", is_line=True, is_required=False),
    ),
    _invoice,
    (_BUYER,),
)
