"""``DESADV`` and ``RECADV``: goods on their way, and what the receiver took in. One record for each order named.

A despatch is a tree of packages (``CPS``); its lines count wherever in the tree they stand. A receipt opens capacity
for billing, so only what was accepted counts: quantity 194, else 48 less what was refused (195, 196).
"""

from collections.abc import Iterator
from decimal import Decimal

from tieout.formats.edifact.lines import item, order_line
from tieout.formats.edifact.message import Message, part
from tieout.formats.edifact.parties import entity, supplier
from tieout.formats.edifact.tree import Node
from tieout.formats.segments import Segment
from tieout.kernel.money import EXACT
from tieout.kernel.problem import Code
from tieout.model.documents import DespatchAdvice, DespatchLine, GoodsReceipt, ReceiptLine

#: References to an order (1153): of the buyer; of the customer behind it.
_ORDERS = ("ON", "CO")
#: Quantities of a despatch (6063), the best first: despatched, delivered, discrete.
_DESPATCHED = ("12", "46", "1")
_ACCEPTED, _RECEIVED = "194", ("48", "46", "12")
#: Received and not accepted: to go back, to be destroyed.
_REFUSED = ("195", "196")
#: Days (2005), the best first: of despatch; of arrival as expected; of receipt.
_DESPATCH_DAYS, _ARRIVAL_DAYS = ("11", "110"), ("17", "132", "358", "69", "2")
_RECEIPT_DAYS = ("50", "310", "35", "137")


def read_desadv(message: Message) -> Iterator[DespatchAdvice]:
    """Read one ``DESADV``."""
    findings, root = message.findings, message.root
    number = message.number_of_document()
    despatched_on = message.day_in(root, *_DESPATCH_DAYS)
    expected_on = message.day_in(root, *_ARRIVAL_DAYS)
    buyer = entity(message, message.header.receiver)
    seller = supplier(message, message.header.sender)
    _check_packages(message)
    header_order = _header_order(message)
    orders: dict[str, list[DespatchLine]] = {}
    for node in _lines(message):
        found = node.first("QTY", *_DESPATCHED)
        if found is None:
            expected = "the quantity despatched (QTY+12)"
            findings.fault(Code.MISSING_FIELD, message.where(node.segment), expected=expected)
            continue
        quantity, unit = message.number(found, 1, 2), message.unit(part(found, 1, 3), found)
        if quantity is not None:
            line = DespatchLine(
                order_line_id=_line_of_order(message, node), quantity=quantity, unit=unit, item=item(message, node)
            )
            orders.setdefault(_order(message, node, header_order), []).append(line)
    if seller is None or not findings.complete:
        return
    for order_id, lines in orders.items():
        yield DespatchAdvice(
            despatch_id=_of_order(number, order_id, len(orders)),
            order_id=order_id,
            entity=buyer,
            supplier_id=seller.supplier_id,
            despatched_on=despatched_on,
            lines=tuple(lines),
            expected_on=expected_on,
            carrier_reference=_carrier_reference(message),
        )


def read_recadv(message: Message) -> Iterator[GoodsReceipt]:
    """Read one ``RECADV``."""
    number = message.number_of_document()
    received_on = message.required_day("the day of receipt (DTM+50)", *_RECEIPT_DAYS)
    # It goes from the buyer to the supplier, or from a warehouse to the buyer: either side may be ours.
    buyer = entity(message, message.header.sender, message.header.receiver)
    seller = supplier(message, message.header.receiver)
    header_order = _header_order(message)
    orders: dict[str, list[ReceiptLine]] = {}
    for node in _lines(message):
        quantity = _accepted(message, node)
        if quantity is not None:
            line = ReceiptLine(order_line_id=_line_of_order(message, node), quantity=quantity)
            orders.setdefault(_order(message, node, header_order), []).append(line)
    if received_on is None or seller is None or not message.findings.complete:
        return
    for order_id, lines in orders.items():
        yield GoodsReceipt(
            receipt_id=_of_order(number, order_id, len(orders)),
            order_id=order_id,
            entity=buyer,
            supplier_id=seller.supplier_id,
            received_on=received_on,
            lines=tuple(lines),
        )


def _lines(message: Message) -> list[Node]:
    """All lines, in whichever package they are; the counts that are declared of them are proved."""
    nodes = list(message.root.walk("LIN"))
    if not nodes:
        expected = "at least one line (LIN)"
        message.findings.fault(Code.MISSING_FIELD, message.where(message.root.segment), expected=expected)
    for place in (message.root, *message.root.under("UNS")):
        message.prove_counts(place, len(nodes), 0, ())
    return nodes


def _header_order(message: Message) -> str:
    """The order of the whole message, if it is of one."""
    return message.reference(message.root, *_ORDERS)


def _order(message: Message, node: Node, header_order: str) -> str:
    """The order a line belongs to: its own reference, or that of the whole message."""
    found = message.reference(node, *_ORDERS) or header_order
    if not found:
        expected = "the number of the order (RFF+ON)"
        message.findings.fault(Code.MISSING_FIELD, message.where(node.segment), expected=expected)
    return found


def _line_of_order(message: Message, node: Node) -> str:
    """The order line of a line. Many senders number their lines as the order does and do not name it."""
    if found := order_line(message, node):
        return found
    own = message.text(node.segment, 1)
    where = message.where(node.segment)
    if own:
        message.findings.assume("the line of the order (RFF+ON or RFF+LI)", "the line's own number", where)
    else:
        message.findings.fault(Code.MISSING_FIELD, where, expected="the line of the order (RFF+LI)")
    return own


def _of_order(number: str, order_id: str, count: int) -> str:
    """The number of the message, made one of its own for each order where it speaks of several."""
    return number if count == 1 else f"{number}/{order_id}"


def _check_packages(message: Message) -> None:
    """Each level of packing but the top names the one it is in."""
    known: set[str] = set()
    for node in message.root.walk("CPS"):
        parent = part(node.segment, 2)
        if parent and parent not in known:
            detail = "the package it is in (CPS, 7166) has not been named before"
            message.findings.note(Code.BAD_VALUE, message.where(node.segment), actual=parent, detail=detail)
        known.add(part(node.segment, 1))


def _carrier_reference(message: Message) -> str:
    """By what the carrier knows the consignment: its own reference, bill of lading, transport document, voyage."""
    if found := message.reference(message.root, "CN", "BM", "AAS", "AAM"):
        return found
    transport = message.root.one("TDT")
    return message.text(transport.segment, 2) if transport else ""


def _accepted(message: Message, node: Node) -> Decimal | None:
    """What the receiver took in for good; what was refused, or differs from the despatch, is told."""
    refused = [quantity for code in _REFUSED for quantity in _quantities(message, node, code)]
    for segment, quantity in refused:
        detail = "received and not accepted; it does not count as received"
        message.findings.note(Code.UNSUPPORTED_CONTENT, message.where(segment), actual=str(quantity), detail=detail)
    _note_differences(message, node)
    if accepted := _quantities(message, node, _ACCEPTED):
        return message.fitting(_sum(accepted), accepted[0][0])
    for code in _RECEIVED:
        if received := _quantities(message, node, code):
            return message.fitting(EXACT.subtract(_sum(received), _sum(refused)), received[0][0])
    if refused:
        return Decimal(0)
    expected = "the quantity received (QTY+194 or 48)"
    message.findings.fault(Code.MISSING_FIELD, message.where(node.segment), expected=expected)
    return None


def _note_differences(message: Message, node: Node) -> None:
    """Differences that the receiver states (``QVR``) are for people."""
    for segment in node.every("QVR"):
        detail = "the receiver states a difference in quantity (QVR)"
        actual = ":".join(segment.parts(1))
        message.findings.note(Code.UNSUPPORTED_CONTENT, message.where(segment), actual=actual, detail=detail)


def _quantities(message: Message, node: Node, code: str) -> list[tuple[Segment, Decimal]]:
    """The quantities of a line of one kind."""
    found = []
    for segment in node.every("QTY", code):
        message.unit(part(segment, 1, 3), segment)
        quantity = message.number(segment, 1, 2)
        if quantity is not None:
            found.append((segment, quantity))
    return found


def _sum(quantities: list[tuple[Segment, Decimal]]) -> Decimal:
    found = Decimal(0)
    for _, quantity in quantities:
        found = EXACT.add(found, quantity)
    return found
