"""Invoices that a machine read off a picture: our own JSON (``docs/ocr-result.md``), with how sure it is of each field.

Each field is a value with a confidence between 0 and 1. Fields that decide about money (number, supplier, amounts,
quantities, prices, days) must reach :data:`CONFIDENCE_MIN`; otherwise nothing is acted on, and the problems name the
fields, so that a person only looks at these. The sums must hold whatever the confidence.
"""

from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any, TypeVar

import msgspec
from msgspec import Struct

from tieout.formats import fields
from tieout.formats.einvoice.below_zero import turned
from tieout.formats.einvoice.italian import entity_of
from tieout.formats.format import Format, Head
from tieout.formats.reading import Context, Findings
from tieout.formats.source import Source
from tieout.kernel.money import Money, is_currency, multiply, total
from tieout.kernel.problem import Code
from tieout.kernel.text import parse_decimal
from tieout.model.documents import Invoice, InvoiceKind, InvoiceLine
from tieout.model.identity import supplier_id_of

SCHEMA = "tieout.ocr-result/1"
FORMAT = "ocr-result"
#: Below this a field that decides about money must be looked at by a person.
CONFIDENCE_MIN = Decimal("0.90")
#: Quantity × price is rounded once by the sender, perhaps also the price: two minor units are no difference.
_SLACK_MINOR = 2
_SIZE_MAX = 16 * 2**20


class Box(Struct, frozen=True, forbid_unknown_fields=True):
    """Where on the page a field stands, in thousandths of its width and height from the upper left corner."""

    page: int
    left: int = 0
    top: int = 0
    right: int = 1000
    bottom: int = 1000


class Field(Struct, frozen=True, forbid_unknown_fields=True):
    """One field as it was read: ``value`` is normalised text, ``confidence`` a decimal between 0 and 1 as text."""

    value: str
    confidence: str
    box: Box | None = None


class Line(Struct, frozen=True, forbid_unknown_fields=True):
    """One line of the invoice. ``net`` is its amount without tax."""

    net: Field
    line_id: Field | None = None
    quantity: Field | None = None
    unit: Field | None = None
    unit_price: Field | None = None
    description: Field | None = None
    tax_rate: Field | None = None
    order_id: Field | None = None
    order_line_id: Field | None = None


class Result(Struct, frozen=True, forbid_unknown_fields=True):
    """One invoice as it was read off its pages. Days are ISO 8601, numbers plain with a decimal point.

    ``schema`` is always ``tieout.ocr-result/1``. ``kind`` is ``invoice`` or ``credit_note``. ``engine`` names the
    program and its version, ``original`` is the SHA-256 (hex) of the picture or PDF that was read.
    """

    schema: str
    engine: str
    original: str
    number: Field
    supplier_tax_id: Field
    supplier_name: Field
    currency: Field
    issued_on: Field
    net: Field
    tax: Field
    gross: Field
    lines: tuple[Line, ...]
    kind: Field | None = None
    buyer_tax_id: Field | None = None
    due_on: Field | None = None
    credits_number: Field | None = None


def json_schema() -> dict[str, Any]:
    """The JSON Schema of a result, made from the types above."""
    return msgspec.json.schema(Result)


def read_ocr(source: Source, context: Context, findings: Findings) -> Iterator[Invoice]:
    """Read one result."""
    if source.size > _SIZE_MAX:
        findings.fault(Code.TOO_LARGE, "byte 0", actual=f"{source.size} bytes", limit=f"{_SIZE_MAX} bytes")
        return
    try:
        result = msgspec.json.decode(source.whole(), type=Result)
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        _refuse(Head.of(source), str(error), findings)
        return
    if result.schema != SCHEMA:
        findings.fault(Code.UNKNOWN_FORMAT, "schema, byte 0", expected=SCHEMA, actual=result.schema)
        return
    if 1 + len(result.lines) > context.limits.elements_max:
        findings.fault(Code.TOO_LARGE, "lines, byte 0", limit=f"{context.limits.elements_max} elements")
        return
    invoice = _Result(result, context, findings).invoice(source.mark)
    if invoice is not None:
        yield invoice


def _refuse(head: Head, why: str, findings: Findings) -> None:
    """Say what is wrong with JSON that is not ours."""
    if SCHEMA in head.text:
        findings.fault(Code.BAD_VALUE, "byte 0", expected=f"the schema {SCHEMA} (docs/ocr-result.md)", detail=why)
        return
    detail = f"the result of an extraction tool without a confidence for each field, or something else: {why}"
    findings.fault(Code.UNKNOWN_FORMAT, "byte 0", expected=f"the schema {SCHEMA} (docs/ocr-result.md)", detail=detail)


V = TypeVar("V")
_Parse = Callable[[str, str, Findings], V]


class _Result:
    """One result being read; only here so that the findings need not be passed around."""

    def __init__(self, result: Result, context: Context, findings: Findings) -> None:
        self.result = result
        self.context = context
        self.findings = findings
        self.currency = result.currency.value

    def invoice(self, document: str) -> Invoice | None:
        result, findings = self.result, self.findings
        if not is_currency(self.currency):
            findings.fault(Code.BAD_VALUE, "currency", expected="an ISO 4217 code", actual=self.currency)
            return None
        self._sure("currency", result.currency)
        kind = self._kind()
        number = self.value("number", result.number, fields.read_text)
        tax_id = self.value("supplier_tax_id", result.supplier_tax_id, fields.read_text)
        name = fields.read_text(result.supplier_name.value, "supplier_name", findings)
        issued_on = self.value("issued_on", result.issued_on, fields.read_day)
        due_on = self.value("due_on", result.due_on, fields.read_day) if result.due_on else issued_on
        if result.due_on is None:
            findings.assume("the due date", "the day of issue", "due_on")
        credited = self.value("credits_number", result.credits_number, fields.read_optional) or ""
        net, tax, gross = (self.money(name, getattr(result, name)) for name in ("net", "tax", "gross"))
        read = [self._line(line, number) for number, line in enumerate(result.lines, 1)]
        lines = [line for line in read if line is not None]
        if not result.lines:
            findings.fault(Code.MISSING_FIELD, "lines", expected="at least one line")
        entity = self._entity()
        self._check_ids(lines)
        if net is None or tax is None or gross is None or issued_on is None or due_on is None or kind is None:
            return None
        if len(lines) < len(read) or not findings.complete:
            return None
        self._claim("sum of the lines = net", "net", net, total((line.net for line in lines), self.currency))
        self._claim("net + tax = gross", "gross", gross, net + tax)
        invoice = Invoice(
            kind=kind,
            number=number or "",
            entity=entity,
            supplier_id=supplier_id_of(tax_id or ""),
            supplier_tax_id=tax_id or "",
            supplier_name=name,
            currency=self.currency,
            issued_on=issued_on,
            due_on=due_on,
            lines=tuple(lines),
            net=net,
            tax=tax,
            gross=gross,
            credits_number=credited,
            document=document,
        )
        return turned(invoice, "gross", findings)

    # ── fields ─────────────────────────────────────────────────────────────────────────────────────────────────────

    def value(self, name: str, found: Field | None, parse: _Parse[V]) -> V | None:
        """A field that decides about money: parsed strictly, and sure enough."""
        if found is None:
            return None
        self._sure(name, found)
        return parse(found.value, _place(name, found), self.findings)

    def money(self, name: str, found: Field) -> Money | None:
        """An amount in the currency of the invoice."""
        self._sure(name, found)
        return fields.read_money(found.value, self.currency, _place(name, found), self.findings)

    def number(self, name: str, found: Field | None, default: Decimal) -> Decimal | None:
        """A number that may be missing."""
        return self.value(name, found, fields.read_decimal) if found is not None else default

    def _sure(self, name: str, found: Field) -> None:
        confidence = parse_decimal(found.confidence)
        if confidence is None or not 0 <= confidence <= 1:
            expected = "a confidence between 0 and 1"
            self.findings.fault(Code.BAD_VALUE, _place(name, found), expected=expected, actual=found.confidence)
        elif confidence < CONFIDENCE_MIN:
            limit, detail = f"a confidence of {CONFIDENCE_MIN}", f"read as {found.value!r}, not surely enough"
            where = _place(name, found)
            self.findings.fault(Code.BAD_VALUE, where, limit=limit, actual=found.confidence, detail=detail)

    def _kind(self) -> InvoiceKind | None:
        """An invoice, unless it was read as a credit note."""
        found = self.result.kind
        if found is None:
            return InvoiceKind.INVOICE
        self._sure("kind", found)
        if found.value in set(InvoiceKind):
            return InvoiceKind(found.value)
        expected = " or ".join(InvoiceKind)
        self.findings.fault(Code.BAD_VALUE, _place("kind", found), expected=expected, actual=found.value)
        return None

    def _entity(self) -> str:
        buyer = self.result.buyer_tax_id
        if buyer is None:
            self.findings.note(Code.UNKNOWN_ENTITY, "buyer_tax_id", expected="a buyer that is one of us")
            return ""
        self._sure("buyer_tax_id", buyer)
        return entity_of([buyer.value], self.context, _place("buyer_tax_id", buyer), self.findings)

    # ── lines and sums ─────────────────────────────────────────────────────────────────────────────────────────────

    def _line(self, line: Line, position: int) -> InvoiceLine | None:
        name = f"lines[{position}]"
        net = self.money(f"{name}.net", line.net)
        if (line.quantity is None) != (line.unit_price is None):
            expected = "a quantity and a unit price, or neither of them"
            self.findings.fault(Code.MISSING_FIELD, _place(name, line.net), expected=expected)
            return None
        quantity = self.number(f"{name}.quantity", line.quantity, Decimal(1))
        price = self.number(f"{name}.unit_price", line.unit_price, fields.plain(net.amount) if net else Decimal(0))
        rate = self.number(f"{name}.tax_rate", line.tax_rate, Decimal(0))
        if net is None or quantity is None or price is None or rate is None:
            return None
        computed = Money.rounded(multiply(quantity, price), self.currency)
        if abs((computed - net).minor) > _SLACK_MINOR:
            where = _place(f"{name}.net", line.net)
            self._claim("quantity × unit price = net of the line", where, net, computed)
        return InvoiceLine(
            line_id=line.line_id.value if line.line_id else str(position),
            quantity=quantity,
            unit=fields.one_line(line.unit.value) if line.unit else "",
            unit_price=price,
            net=net,
            description=fields.one_line(line.description.value)[: fields.TEXT_MAX] if line.description else "",
            tax_rate=rate,
            order_id=self.value(f"{name}.order_id", line.order_id, fields.read_optional) or "",
            order_line_id=self.value(f"{name}.order_line_id", line.order_line_id, fields.read_optional) or "",
        )

    def _check_ids(self, lines: list[InvoiceLine]) -> None:
        seen: set[str] = set()
        for line in lines:
            if line.line_id in seen or not line.line_id:
                detail = "line id used twice, or empty"
                self.findings.fault(Code.BAD_VALUE, "lines", actual=line.line_id, detail=detail)
            seen.add(line.line_id)

    def _claim(self, name: str, where: str, declared: Money, computed: Money) -> None:
        self.findings.claim(name, where, str(declared), str(computed), declared == computed)


def _place(name: str, found: Field) -> str:
    """Where a field stands: its name, and the place on the page."""
    box = found.box
    return f"{name}, page {box.page} at {box.left},{box.top}" if box else name


def _recognises(head: Head) -> bool:
    """Our schema; or what tools that fill in templates write, so that the refusal can say what it lacks."""
    text = head.text.lstrip()
    is_other = '"invoice_number"' in text and ('"amount' in text or '"issuer"' in text)
    return text.startswith(("{", "[")) and ('"tieout.ocr-result' in text or is_other)


FORMATS = (
    Format(FORMAT, "Invoice read off a picture (our JSON)", "application/json", "e-invoices", read_ocr, _recognises),
)
