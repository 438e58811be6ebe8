"""810, the invoice and credit memo.

* ``gross`` is ``TDS01`` (implied decimals), before a discount for prompt payment; ``net`` is what the lines sum to.
* ``net`` of a line is quantity by price with the line's own allowances and charges; those at the end become lines of
  their own, named ``allowance/1``, ``charge/1`` and so on.
* Amounts of a credit memo are positive, as on paper, however the sender signs them.
"""

from collections.abc import Iterator, Sequence
from decimal import Decimal
from functools import reduce

from msgspec import Struct

from tieout.formats import fields
from tieout.formats.commodity import category_of
from tieout.formats.x12.amounts import READINGS, Extras, Reading, extras, is_counted, tax_of
from tieout.formats.x12.message import Message, pairs, value
from tieout.formats.x12.terms import discounts, due_on
from tieout.formats.x12.tree import Node
from tieout.kernel.money import EXACT, Money, multiply, total
from tieout.kernel.problem import Code
from tieout.kernel.text import parse_decimal
from tieout.model.documents import Invoice, InvoiceKind, InvoiceLine

#: ``BIG07`` of credits (element 640): credit memo, credit invoice. And of documents that change what was billed before.
_CREDITS = ("CR", "CN", "CD")
#: ``BIG08``: a cancellation takes an invoice back, and must not be read as another one.
_CANCELLATION = "01"
#: References to the invoice that is credited: original invoice, seller's invoice, related document.
_CREDITED = ("OI", "IV", "DO")
#: Price basis codes (element 639) that are a price for several: for ten, a hundred, a thousand.
_PER = {"PN": 1, "HP": 2, "TP": 3}
#: Product numbers (element 235), the best first: the buyer's, the vendor's, the maker's, and those on the package.
PRODUCTS = ("BP", "IN", "PI", "SK", "VP", "VN", "VC", "VA", "MG", "MF", "UP", "UK", "UA", "EN", "UI", "IB")
_NO_CHARGE = "NC"
#: ``PID02`` and ``PID03`` of a UNSPSC code, and ``PID07`` where it is said once more.
UNSPSC, _SPSC = ("MAC", "UN"), "SPSC"
#: ``SAC02`` codes (element 1300) of delivery costs: freight, shipping, shipping and handling.
_FREIGHT = ("D240", "G821", "G830")


class _Line(Struct, frozen=True):
    """``IT1`` as it stands, before it is known where extras count."""

    node: Node
    quantity: Decimal
    price: Decimal
    goods: Money
    extras: Extras


def read_invoice(message: Message) -> Iterator[Invoice]:
    """Read one 810."""
    big, tds = message.begin("BIG"), message.begin("TDS")
    if value(big, 8) == _CANCELLATION:
        detail = "the cancellation of an invoice; a person has to take this one in"
        message.findings.fault(Code.UNSUPPORTED_CONTENT, message.where(big, 8), actual=_CANCELLATION, detail=detail)
    entity, seller = message.entity(message.header.receivers), message.supplier(message.header.senders)
    currency = message.currency(entity)
    lines = [line for node in message.root.under("IT1") if (line := _line(message, node, currency)) is not None]
    end = extras(message, message.root, currency)
    gross, issued_on = message.cents(tds, 1, currency), message.must_day(big, 1)
    number = message.must(big, 2)
    if gross is None or issued_on is None or seller is None or not message.findings.complete:
        return
    tax = tax_of((line.extras for line in lines), end, currency)
    reading = _reading(message, lines, end, gross - tax)
    written = _written(message, lines, end, reading)
    net = total((line.net for line in written), currency)
    name = "TDS01: lines, allowances, charges and taxes"
    message.findings.claim(name, message.where(tds, 1), str(gross), str(net + tax), gross == net + tax)
    _prove_counts(message, lines)
    is_negative = gross.minor < 0
    is_credit = value(big, 7) in _CREDITS or is_negative
    if is_negative and value(big, 7) not in _CREDITS:
        detail = "an invoice with a negative total; read as a credit note"
        message.findings.note(Code.UNSUPPORTED_CONTENT, message.where(tds, 1), actual=str(gross), detail=detail)
    rate = message.conversion(currency, entity)
    yield Invoice(
        kind=InvoiceKind.CREDIT_NOTE if is_credit else InvoiceKind.INVOICE,
        number=number,
        entity=entity,
        supplier_id=seller.supplier_id,
        supplier_tax_id=seller.tax_id,
        supplier_name=seller.name,
        currency=currency,
        issued_on=issued_on,
        due_on=due_on(message, issued_on),
        lines=tuple(_turned(line) for line in written) if is_negative else written,
        net=-net if is_negative else net,
        tax=-tax if is_negative else tax,
        gross=abs(gross),
        credits_number=message.reference(message.root, *_CREDITED) if is_credit else "",
        document=message.header.mark,
        discounts=() if is_credit else tuple(discounts(message, issued_on, gross)),
        conversion_rate=rate.rate,
        conversion_per=rate.per,
        converted_to=rate.to,
    )


def _turned(line: InvoiceLine) -> InvoiceLine:
    """A line of a credit that its sender wrote with minus signs."""
    kept = {name: getattr(line, name) for name in line.__struct_fields__}
    return InvoiceLine(**{**kept, "quantity": -line.quantity, "net": -line.net})


# ── lines ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def _line(message: Message, node: Node, currency: str) -> _Line | None:
    """``IT1``: how many, and at what price."""
    it1 = node.segment
    quantity, price = message.number(it1, 2), unit_price(message, node, 4)
    own = extras(message, node, currency)
    if quantity is None or price is None:
        return None
    return _Line(node, quantity, price, Money.rounded(multiply(quantity, price), currency), own)


def unit_price(message: Message, node: Node, index: int) -> Decimal | None:
    """The price of one unit: of the line, by its basis (element 639), or of its ``CTP``; nothing when there is none."""
    segment, at = node.segment, index
    if not value(segment, index):
        ctp = next((inner.segment for inner in node.under("CTP") if value(inner.segment, 3)), None)
        if ctp is None:
            if value(segment, index + 1) == _NO_CHARGE:
                return Decimal(0)
            message.findings.fault(Code.MISSING_FIELD, message.where(segment, index), expected="a unit price")
            return None
        segment, at = ctp, 3
    price = message.number(segment, at)
    power = _PER.get(value(node.segment, index + 1), 0)
    return None if price is None else fields.plain(price.scaleb(-power, EXACT))


def _reading(message: Message, lines: Sequence[_Line], end: Extras, net: Money) -> Reading:
    """Where the extras count, by what the total says; the plain reading when none leads to it."""
    found = next((one for one in READINGS if _net(lines, end, one, net.currency) == net), READINGS[0])
    if found.why:
        where = message.where(message.begin("TDS"), 1)
        message.findings.note(Code.UNSUPPORTED_CONTENT, where, detail=found.why)
    return found


def _net(lines: Sequence[_Line], end: Extras, reading: Reading, currency: str) -> Money:
    """What the lines come to under a reading, without tax."""
    on_lines = [extra for line in lines for extra in line.extras.charges if reading.on_lines]
    counted = [*on_lines, *(end.charges if reading.at_end else ())]
    parts = [*(line.goods for line in lines), *(extra.amount for extra in counted if is_counted(extra, reading))]
    return total(parts, currency)


def _written(message: Message, lines: Sequence[_Line], end: Extras, reading: Reading) -> tuple[InvoiceLine, ...]:
    """The lines of the invoice, then what was added and taken off at the end."""
    order = message.text(message.begin("BIG"), 4)
    written = [_invoice_line(message, line, number, order, end, reading) for number, line in enumerate(lines, start=1)]
    ids = [line.line_id for line in written]
    if len(set(ids)) < len(ids):
        twice = next(line for at, line in enumerate(lines) if ids[at] in ids[:at])
        detail = "line number used twice"
        message.findings.fault(Code.BAD_VALUE, message.where(twice.node.segment, 1), detail=detail)
    numbers = {"allowance": 0, "charge": 0}
    for extra in (extra for extra in end.charges if reading.at_end and is_counted(extra, reading)):
        kind = "allowance" if extra.amount.minor < 0 else "charge"
        numbers[kind] += 1
        line = InvoiceLine(
            line_id=f"{kind}/{numbers[kind]}",
            quantity=Decimal(1),
            unit="",
            unit_price=fields.plain(extra.amount.amount),
            net=extra.amount,
            description=extra.text or extra.code,
            kind="allowance" if kind == "allowance" else "freight" if extra.code in _FREIGHT else "charge",
        )
        written.append(line)
    return tuple(written)


def _invoice_line(message: Message, line: _Line, number: int, order: str, end: Extras, reading: Reading) -> InvoiceLine:
    it1 = line.node.segment
    products = pairs(it1, 6)
    own = [extra.amount for extra in line.extras.charges if reading.on_lines and is_counted(extra, reading)]
    order_id = products.get("PO", "") or message.reference(line.node, "PO") or order
    return InvoiceLine(
        line_id=message.text(it1, 1) or str(number),
        quantity=line.quantity,
        unit=message.unit(it1, 3),
        unit_price=line.price,
        net=line.goods + total(own, line.goods.currency),
        description=description(message, line.node),
        tax_rate=_rate(message, line, end),
        order_id=order_id,
        order_line_id=_order_line(message, line.node, products, order_id),
        item=next((products[kind] for kind in PRODUCTS if products.get(kind)), ""),
        category=classified(message, line.node),
    )


def _order_line(message: Message, node: Node, products: dict[str, str], order_id: str) -> str:
    """The line of the order: named (``PL``, or a line reference), else by the number that echoes ``PO101``."""
    named = products.get("PL", "") or message.reference(node, "LI", "FJ", "PL")
    if named or not order_id or not value(node.segment, 1):
        return named
    where = message.where(node.segment, 1)
    message.findings.assume("the order line of a line (PL)", "the number of the line itself (IT101)", where)
    return message.text(node.segment, 1)


def _rate(message: Message, line: _Line, end: Extras) -> Decimal:
    """The percentages of a line's taxes together; where it has none, those of the end, which are for all lines."""
    texts = line.extras.rate_texts or ("" if line.extras.tax else end.rate_texts)
    rates = [rate for text in texts if (rate := parse_decimal(text)) is not None]
    return fields.plain(reduce(EXACT.add, rates, Decimal(0)))


def classified(message: Message, node: Node) -> str:
    """What kind of thing a line is about: ``PID`` of a material classification (element 750, ``MAC``) by a list of the
    United Nations (559, ``UN``), which is the UNSPSC."""
    found = (inner.segment for inner in node.under("PID"))
    return category_of(
        ("UNSPSC", message.text(segment, 4), "")
        for segment in found
        if (value(segment, 2), value(segment, 3)) == UNSPSC and value(segment, 7) in ("", _SPSC)
    )


def description(message: Message, node: Node) -> str:
    """``PID05`` of a line, all of it."""
    texts = [message.text(inner.segment, 5) for inner in node.under("PID")]
    return fields.one_line(" ".join(texts))[: fields.TEXT_MAX]


# ── the whole ──────────────────────────────────────────────────────────────────────────────────────────────────────


def _prove_counts(message: Message, lines: Sequence[_Line]) -> None:
    """``CTT``, and what ``ISS`` says was shipped."""
    message.prove_lines(len(lines), [value(line.node.segment, 2) for line in lines])
    iss = message.root.find("ISS")
    units = {value(line.node.segment, 3) for line in lines}
    if iss is None or units != {value(iss, 2)}:
        return
    shipped, billed = message.number(iss, 1), reduce(EXACT.add, (line.quantity for line in lines), Decimal(0))
    if shipped is not None and shipped != billed:
        detail = "units shipped (ISS) and units billed differ"
        where = message.where(iss, 1)
        message.findings.note(Code.TOTALS_DISAGREE, where, expected=str(billed), actual=str(shipped), detail=detail)
