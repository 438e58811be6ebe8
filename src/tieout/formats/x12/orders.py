"""850, 855, 860 and 865: the purchase order, its change, and what the supplier answers to each."""

from collections.abc import Iterator
from decimal import Decimal
from functools import reduce

from tieout.formats.codes import load
from tieout.formats.fields import plain
from tieout.formats.segments import Segment
from tieout.formats.x12.invoice import PRODUCTS, classified, description, unit_price
from tieout.formats.x12.message import Message, pairs, value
from tieout.formats.x12.tree import Node
from tieout.kernel.money import EXACT
from tieout.kernel.problem import Code
from tieout.model.documents import OrderChange, OrderLine, OrderResponse, PurchaseOrder, ResponseLine

#: Line statuses (element 668) and answers to the whole order (587), by what they say.
LINE_STATUS = load("x12_line_status")
ANSWERS = load("x12_order_answers")
#: Purposes (element 353): cancellation; and those of a first order: original, reissue, replacement, copy and so on.
_CANCELLATION, _CONFIRMATION = "01", "06"
#: What happens to a line (element 670): deleted, or left as it is.
_DELETED, _UNCHANGED = ("DI",), ("NC",)
ACCEPTED, CHANGED, REJECTED = "accepted", "changed", "rejected"


def read_order(message: Message) -> Iterator[PurchaseOrder]:
    """Read one 850: an order of ours, as it went to the supplier."""
    beg = message.begin("BEG")
    if value(beg, 1) == _CANCELLATION:
        detail = "the cancellation of an order; an 860 cancels one that is known"
        message.findings.fault(Code.UNSUPPORTED_CONTENT, message.where(beg, 1), actual=_CANCELLATION, detail=detail)
    entity, seller = message.entity(message.header.senders), message.supplier(message.header.receivers)
    order_id, ordered_on = message.must(beg, 3), message.must_day(beg, 5)
    currency = message.currency(entity)
    nodes = list(message.root.under("PO1"))
    lines = [line for number, node in enumerate(nodes, start=1) if (line := _order_line(message, node, number))]
    _unique(message, nodes)
    if not nodes:
        message.findings.fault(Code.MISSING_FIELD, message.where(None), expected="PO1", detail="an order has lines")
    message.prove_lines(len(nodes), [value(node.segment, 2) for node in nodes])
    for node in message.root.under("SAC"):
        message.not_taken_over(node.segment, "allowances and charges of an order are not taken over")
    if ordered_on is None or seller is None or not message.findings.complete:
        return
    rate = message.conversion(currency, entity)
    yield PurchaseOrder(
        order_id=order_id,
        entity=entity,
        supplier_id=seller.supplier_id,
        currency=currency,
        ordered_on=ordered_on,
        lines=tuple(lines),
        conversion_rate=rate.rate,
        conversion_per=rate.per,
        converted_to=rate.to,
    )


def product(segment: Segment, start: int) -> str:
    """The item by the best of the product numbers."""
    found = pairs(segment, start)
    best = next((found[code] for code in PRODUCTS if found.get(code)), "")
    return best or next((text for text in found.values() if text), "")


def _unique(message: Message, nodes: list[Node]) -> None:
    """Each line has a number of its own."""
    seen: set[str] = set()
    for node in nodes:
        number = value(node.segment, 1)
        if number and number in seen:
            where = message.where(node.segment, 1)
            message.findings.fault(Code.BAD_VALUE, where, actual=number, detail="line number used twice")
        seen.add(number)


def _order_line(message: Message, node: Node, number: int) -> OrderLine | None:
    """``PO1``. An order may leave the price to the catalogue; then there is nothing yet that a bill may be for."""
    po1 = node.segment
    quantity = message.number(po1, 2)
    has_price = value(po1, 4) or value(po1, 5) or any(value(inner.segment, 3) for inner in node.under("CTP"))
    if not has_price:
        message.findings.assume("the price of an order line (PO104)", "0", message.where(po1, 4))
    price = unit_price(message, node, 4) if has_price else Decimal(0)
    if quantity is None or price is None:
        return None
    return OrderLine(
        line_id=message.text(po1, 1) or str(number),
        item=product(po1, 6) or description(message, node),
        quantity=quantity,
        unit=message.unit(po1, 3),
        unit_price=price,
        description=description(message, node),
        tax_rate=_tax_rate(message, node),
        category=classified(message, node),
    )


def _tax_rate(message: Message, node: Node) -> Decimal:
    """The percentages (``TXI03``) of a line together."""
    taxes = [inner.segment for inner in node.under("TXI") if value(inner.segment, 3)]
    rates = [rate for txi in taxes if (rate := message.number(txi, 3)) is not None]
    return plain(reduce(EXACT.add, rates, Decimal(0)))


# ── changes ────────────────────────────────────────────────────────────────────────────────────────────────────────


def read_order_change(message: Message) -> Iterator[OrderChange]:
    """Read one 860. ``POC03`` and ``POC06`` are what stands from now on."""
    bch = message.begin("BCH")
    entity, seller = message.entity(message.header.senders), message.supplier(message.header.receivers)
    order_id = message.must(bch, 3)
    change = message.text(bch, 5) or message.text(bch, 4)
    if not change:
        message.findings.assume("the number of the change (BCH05)", "the control number of the set", message.where(bch))
    nodes = list(message.root.under("POC"))
    _unique(message, nodes)
    message.prove_lines(len(nodes), [value(node.segment, 3) for node in nodes])
    lines, deleted = [], []
    for node in nodes:
        what = value(node.segment, 2)
        if what in _DELETED:
            deleted.append(message.must(node.segment, 1, "the number of the line"))
        elif what not in _UNCHANGED and (line := _changed_line(message, node)) is not None:
            lines.append(line)
    if seller is None or not message.findings.complete:
        return
    yield OrderChange(
        change_id=f"{order_id}/{change or message.header.control}",
        order_id=order_id,
        entity=entity,
        supplier_id=seller.supplier_id,
        changed_on=message.day(bch, 11) or message.day(bch, 6),
        lines=tuple(lines),
        deleted=tuple(deleted),
        cancelled=value(bch, 1) == _CANCELLATION,
    )


def _changed_line(message: Message, node: Node) -> OrderLine | None:
    """``POC`` of a line that is new or changed; it must say all of it, since nothing here knows the order."""
    poc = node.segment
    line_id, quantity, price = message.must(poc, 1), message.number(poc, 3), unit_price(message, node, 6)
    if quantity is None or price is None:
        return None
    return OrderLine(
        line_id=line_id,
        item=product(poc, 8) or description(message, node),
        quantity=quantity,
        unit=message.unit(poc, 5),
        unit_price=price,
        description=description(message, node),
        tax_rate=_tax_rate(message, node),
        category=classified(message, node),
    )


# ── answers ────────────────────────────────────────────────────────────────────────────────────────────────────────


def read_order_answer(message: Message) -> Iterator[OrderResponse]:
    """Read one 855: the answer to an order."""
    bak = message.begin("BAK")
    yield from _answer(message, bak, "PO1", response=message.text(bak, 8), day=9)


def read_change_answer(message: Message) -> Iterator[OrderResponse]:
    """Read one 865: the answer to a change, or the supplier's own wish for one."""
    bca = message.begin("BCA")
    yield from _answer(message, bca, "POC", response=message.text(bca, 9) or message.text(bca, 5), day=10)


def _answer(message: Message, begin: Segment, tag: str, *, response: str, day: int) -> Iterator[OrderResponse]:
    """What both have in common: the answer to the whole, and to each line."""
    entity, seller = message.entity(message.header.receivers), message.supplier(message.header.senders)
    order_id = message.must(begin, 3)
    nodes = list(message.root.under(tag))
    lines = [_answered_line(message, node) for node in nodes]
    message.prove_lines(len(nodes), [value(node.segment, 2 if tag == "PO1" else 3) for node in nodes])
    status = message.coded(begin, 2, ANSWERS, "received")
    if not value(begin, 2):
        status = CHANGED if lines else "received"
    if status == ACCEPTED and any(line.status != ACCEPTED for line in lines):
        detail = "the whole is accepted, but not all lines are; read as changed"
        message.findings.note(Code.TOTALS_DISAGREE, message.where(begin, 2), detail=detail)
        status = CHANGED
    responded_on = message.day(begin, day)
    if seller is None or not message.findings.complete:
        return
    yield OrderResponse(
        response_id=response or f"{order_id}/{message.header.control}",
        order_id=order_id,
        entity=entity,
        supplier_id=seller.supplier_id,
        responded_on=responded_on,
        status=status,
        lines=tuple(lines),
    )


def _answered_line(message: Message, node: Node) -> ResponseLine:
    """A line with what its ``ACK`` say; one that is split into several answers has the gravest, and is told."""
    segment = node.segment
    is_change = segment.tag == "POC"
    acks = [inner.segment for inner in node.under("ACK")]
    statuses = [message.coded(ack, 1, LINE_STATUS, CHANGED) for ack in acks]
    status = next((one for one in (REJECTED, CHANGED) if one in statuses), ACCEPTED)
    if len(set(statuses)) > 1:
        message.not_taken_over(acks[1], "several answers to one line; it is read as changed")
        status = CHANGED
    if not acks and is_change and value(segment, 2) in _DELETED:
        status = REJECTED
    ack = next((one for one, said in zip(acks, statuses, strict=True) if said == status), acks[0] if acks else None)
    quantity = message.optional_number(ack, 2) if ack is not None else None
    if quantity is None and status != REJECTED:
        quantity = message.optional_number(segment, 3 if is_change else 2)
    price = (6 if is_change else 4) if value(segment, 6 if is_change else 4) else 0
    unit = message.unit(ack, 3) if ack is not None and value(ack, 3) else message.unit(segment, 5 if is_change else 3)
    return ResponseLine(
        order_line_id=message.must(segment, 1, "the number of the order line"),
        status=status,
        quantity=quantity,
        unit=unit,
        unit_price=unit_price(message, node, price) if price else None,
        promised_on=message.day(ack, 5) or message.dated(node, "067", "017", "068", "010"),
    )
