"""856 and 861: what is on its way, and what came in. Each order has a document of its own, as we keep them."""

from collections.abc import Iterator
from datetime import date
from decimal import Decimal

from tieout.formats.codes import load
from tieout.formats.segments import Segment
from tieout.formats.x12.message import Message, pairs, value
from tieout.formats.x12.orders import product
from tieout.formats.x12.tree import Node
from tieout.kernel.money import EXACT
from tieout.kernel.problem import Code
from tieout.model.documents import DespatchAdvice, DespatchLine, GoodsReceipt, ReceiptLine

CONDITIONS = load("x12_receiving_conditions")
_GOOD = "07"
_CANCELLATION = "01"
#: Levels of an 856 (element 735) of which something depends.
_ORDER, _ITEM = "O", "I"
#: The triples of ``RCD06`` and behind: quantity, unit and condition of what is in question.
_IN_QUESTION = range(6, 21, 3)
_SHIPPED, _EXPECTED, _RECEIVED = ("011",), ("017", "067", "002"), ("050", "009")


def _own_document(message: Message, begin: Segment, index: int) -> None:
    """A cancellation must not be read as another delivery."""
    if value(begin, index) == _CANCELLATION:
        detail = "a cancellation; a person has to take this one in"
        where = message.where(begin, index)
        message.findings.fault(Code.UNSUPPORTED_CONTENT, where, actual=_CANCELLATION, detail=detail)


# ── 856 ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def read_despatch(message: Message) -> Iterator[DespatchAdvice]:
    """Read one 856: shipment, orders, packages and items, each an ``HL`` below another."""
    bsn = message.begin("BSN")
    _own_document(message, bsn, 1)
    nodes = list(message.root.under("HL"))
    above = _hierarchy(message, nodes)
    entity, seller = message.entity(message.header.receivers), message.supplier(message.header.senders)
    lines: dict[str, list[DespatchLine]] = {}
    for node in nodes:
        order, line = _despatched(message, node, above, lines)
        if line is not None:
            lines.setdefault(order, []).append(line)
    message.prove_lines(len(nodes), [value(sn1, 2) for node in nodes if (sn1 := node.find("SN1"))])
    if not lines:
        message.findings.fault(Code.MISSING_FIELD, message.where(None), expected="items (HL*I with SN1)")
    despatch_id = message.must(bsn, 2)
    shipped_on = _first_day(message, nodes, *_SHIPPED) or message.day(bsn, 3)
    expected_on = _first_day(message, nodes, *_EXPECTED)
    carrier = next((text for node in nodes if (text := message.reference(node, "CN", "BM", "2I"))), "")
    if seller is None or not message.findings.complete:
        return
    for order in lines:
        yield DespatchAdvice(
            despatch_id=despatch_id,
            order_id=order,
            entity=entity,
            supplier_id=seller.supplier_id,
            despatched_on=shipped_on,
            lines=tuple(lines[order]),
            expected_on=expected_on,
            carrier_reference=carrier,
        )


def _hierarchy(message: Message, nodes: list[Node]) -> dict[str, Node]:
    """The levels by their numbers: each has one of its own, and stands below one that came before."""
    found: dict[str, Node] = {}
    for node in nodes:
        number, parent = value(node.segment, 1), value(node.segment, 2)
        if number in found:
            detail = "level number used twice"
            message.findings.fault(Code.BAD_VALUE, message.where(node.segment, 1), actual=number, detail=detail)
        if parent and parent not in found:
            detail = "below a level that did not come before"
            message.findings.fault(Code.BAD_VALUE, message.where(node.segment, 2), actual=parent, detail=detail)
        found.setdefault(number, node)
    return found


def _first_day(message: Message, nodes: list[Node], *qualifiers: str) -> date | None:
    """The first day of this kind, in the head or at any level."""
    found = (message.dated(node, *qualifiers) for node in (message.root, *nodes))
    return next((day for day in found if day is not None), None)


def _despatched(
    message: Message, node: Node, above: dict[str, Node], lines: dict[str, list[DespatchLine]]
) -> tuple[str, DespatchLine | None]:
    """What one level says of goods: the order they are for, and how many."""
    sn1 = node.find("SN1")
    if sn1 is None:
        if value(node.segment, 3) == _ITEM:
            detail = "an item without a quantity (SN1)"
            message.findings.fault(Code.MISSING_FIELD, message.where(node.segment), expected="SN1", detail=detail)
        return "", None
    quantity, lin = message.number(sn1, 2), node.find("LIN")
    order = _order_above(message, node, above)
    if quantity is None or not order:
        return order, None
    line = (pairs(lin, 2).get("PL", "") if lin else "") or message.text(lin, 1) or message.text(sn1, 1)
    if not line:
        line = str(len(lines.get(order, ())) + 1)
        message.findings.assume("the order line of an item (LIN01)", "its place in the order", message.where(sn1))
    item = product(lin, 2) if lin else ""
    return order, DespatchLine(order_line_id=line, quantity=quantity, unit=message.unit(sn1, 3), item=item)


def _order_above(message: Message, node: Node, above: dict[str, Node]) -> str:
    """``PRF01`` of the level itself or of the nearest one above it that has one."""
    level: Node | None = node
    for _ in range(len(above) + 1):
        if level is None:
            break
        if text := message.text(level.find("PRF"), 1):
            return text
        parent = value(level.segment, 2)
        level = above.get(parent) if parent else None
    message.findings.fault(Code.MISSING_FIELD, message.where(node.segment), expected="the order (PRF) above an item")
    return ""


# ── 861 ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def read_receipt(message: Message) -> Iterator[GoodsReceipt]:
    """Read one 861: a warehouse or a buyer says what came in."""
    bra = message.begin("BRA")
    _own_document(message, bra, 3)
    entity, seller = message.entity(message.header.senders), message.supplier(message.header.receivers)
    receipt_id, received_on = message.must(bra, 1), message.must_day(bra, 2)
    received_on = message.dated(message.root, *_RECEIVED) or received_on
    nodes = list(message.root.under("RCD"))
    message.prove_lines(len(nodes), [value(node.segment, 2) for node in nodes])
    lines: dict[str, list[ReceiptLine]] = {}
    for node in nodes:
        order = _order_of(message, node)
        if order and (line := _received(message, node)) is not None:
            lines.setdefault(order, []).append(line)
    if seller is None or received_on is None or not message.findings.complete:
        return
    for order in lines:
        yield GoodsReceipt(
            receipt_id=receipt_id,
            order_id=order,
            entity=entity,
            supplier_id=seller.supplier_id,
            received_on=received_on,
            lines=tuple(lines[order]),
        )


def _order_of(message: Message, node: Node) -> str:
    """The order of a line, or of the whole."""
    for one in (node, message.root):
        if text := message.text(one.find("PRF"), 1) or message.reference(one, "PO"):
            return text
    message.findings.fault(Code.MISSING_FIELD, message.where(node.segment), expected="the order (PRF01)")
    return ""


def _received(message: Message, node: Node) -> ReceiptLine | None:
    """``RCD``: what came in, less what went straight back. What is in question stays in, and is told."""
    rcd, lin = node.segment, node.find("LIN")
    received = message.optional_number(rcd, 2)
    returned = message.optional_number(rcd, 4) or Decimal(0)
    for index in _IN_QUESTION:
        _in_question(message, rcd, index)
    if received is None and not value(rcd, 4):
        message.findings.fault(Code.MISSING_FIELD, message.where(rcd, 2), expected="a quantity received or returned")
        return None
    if returned:
        detail = "goods sent back are taken off what was received"
        message.findings.note(Code.UNSUPPORTED_CONTENT, message.where(rcd, 4), actual=str(returned), detail=detail)
    line = (pairs(lin, 2).get("PL", "") if lin else "") or message.text(lin, 1) or message.text(rcd, 1)
    if not line:
        message.findings.fault(Code.MISSING_FIELD, message.where(rcd, 1), expected="the order line (LIN01, RCD01)")
        return None
    return ReceiptLine(order_line_id=line, quantity=EXACT.subtract(received or Decimal(0), returned))


def _in_question(message: Message, rcd: Segment, index: int) -> None:
    """A quantity with a condition: damaged, short, rejected and so on."""
    quantity = message.optional_number(rcd, index)
    code = value(rcd, index + 2)
    if quantity is None or code == _GOOD:
        return
    if code not in CONDITIONS:
        message.findings.note(Code.UNKNOWN_CODE, message.where(rcd, index + 2), actual=code, detail="a condition")
    detail = f"in question: {CONDITIONS.meaning(code) or code or 'for no reason given'}"
    message.findings.note(Code.UNSUPPORTED_CONTENT, message.where(rcd, index), actual=str(quantity), detail=detail)
