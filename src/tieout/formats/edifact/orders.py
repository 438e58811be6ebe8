"""``ORDERS`` and ``ORDRSP``: purchase orders, and what suppliers answer to them.

An order without prices is usual in EDI, since they were agreed before: the price is taken as zero, and told, so that an
invoice for it waits for a person. One without a currency is taken in that of our entity.
"""

from collections.abc import Iterator
from decimal import Decimal

from tieout.formats.codes import load
from tieout.formats.edifact.lines import classified, description, item, order_line
from tieout.formats.edifact.message import Message, part
from tieout.formats.edifact.parties import entity, supplier
from tieout.formats.edifact.tree import Node
from tieout.kernel.problem import Code
from tieout.model.documents import OrderLine, OrderResponse, PurchaseOrder, ResponseLine

FUNCTIONS, ACTIONS = load("edifact_message_functions"), load("edifact_line_actions")
#: Quantities (6063), the best first: ordered, discrete; and in an answer: to be delivered, despatched, ordered.
_ORDERED = ("21", "1", "47")
_PROMISED = ("113", "12", "1", "21")
#: Days of an answer (2005), the best first: promised, confirmed, scheduled, estimated, and the wish if repeated.
_PROMISE_DAYS = ("69", "55", "67", "17", "358", "10", "2")
#: A message that takes back an order instead of placing one (1225).
_WITHDRAWALS = ("1", "3")
#: What the message function (1225) of an answer says of the whole order.
_WHOLE = {
    "29": "accepted",
    "44": "accepted",
    "6": "accepted",
    "4": "changed",
    "28": "changed",
    "30": "changed",
    "34": "changed",
    "45": "changed",
    "27": "rejected",
    "10": "rejected",
    "12": "received",
}
#: What the action (1229) at a line of an answer says of that line.
_LINES = {
    "5": "accepted",
    "4": "accepted",
    "11": "accepted",
    "1": "changed",
    "3": "changed",
    "6": "changed",
    "9": "changed",
    "12": "changed",
    "2": "rejected",
    "7": "rejected",
    "10": "rejected",
}


def read_orders(message: Message) -> Iterator[PurchaseOrder]:
    """Read one ``ORDERS``."""
    findings, root = message.findings, message.root
    bgm = root.first("BGM")
    number = message.number_of_document()
    function = part(bgm, 3)
    if bgm is not None and function in _WITHDRAWALS:
        detail = "the message withdraws an order instead of placing one"
        findings.fault(Code.UNSUPPORTED_CONTENT, message.where(bgm), actual=function, detail=detail)
    elif bgm is not None:
        message.known(function, FUNCTIONS, bgm, "message function (1225)")
    ordered_on = message.required_day("the day of the order (DTM+137)", "137", "4")
    buyer = entity(message, message.header.sender)
    seller = supplier(message, message.header.receiver)
    currency = message.currency_or_ours(buyer, "9", "4")
    nodes = [node for node in root.under("LIN") if part(node.segment, 4, 1) != "1"]
    lines = [line for position, node in enumerate(nodes, 1) if (line := _order_line(message, node, position))]
    if not nodes:
        findings.fault(Code.MISSING_FIELD, message.where(root.segment), expected="at least one line (LIN)")
    _check_numbers(message, nodes, [line.line_id for line in lines])
    _check_currency(message, currency, nodes)
    _prove_counts(message, nodes, tuple(line.quantity for line in lines))
    if ordered_on is None or seller is None or not findings.complete:
        return
    rate = message.conversion(currency, buyer)
    yield PurchaseOrder(
        order_id=number,
        entity=buyer,
        supplier_id=seller.supplier_id,
        currency=currency,
        ordered_on=ordered_on,
        lines=tuple(lines),
        conversion_rate=rate.rate,
        conversion_per=rate.per,
        converted_to=rate.to,
    )


def read_ordrsp(message: Message) -> Iterator[OrderResponse]:
    """Read one ``ORDRSP``."""
    findings, root = message.findings, message.root
    bgm = root.first("BGM")
    number = message.number_of_document()
    order_id = message.reference(root, "ON", "CO")
    if not order_id:
        order_id = next((found for node in root.under("LIN") if (found := message.reference(node, "ON"))), "")
    if not order_id:
        expected = "the number of the order (RFF+ON)"
        findings.fault(Code.MISSING_FIELD, message.where(root.segment), expected=expected)
    responded_on = message.day_in(root, "137")
    buyer = entity(message, message.header.receiver)
    seller = supplier(message, message.header.sender)
    function = part(bgm, 3)
    if bgm is not None:
        message.known(function, FUNCTIONS, bgm, "message function (1225)")
    whole = _WHOLE.get(function, "")
    nodes = [node for node in root.under("LIN") if part(node.segment, 4, 1) != "1"]
    lines = tuple(line for node in nodes if (line := _response_line(message, node, whole)))
    _prove_counts(message, nodes, tuple(line.quantity for line in lines if line.quantity is not None))
    if seller is None or not findings.complete:
        return
    yield OrderResponse(
        response_id=number,
        order_id=order_id,
        entity=buyer,
        supplier_id=seller.supplier_id,
        responded_on=responded_on,
        status=whole or _summed_up(lines),
        lines=lines,
        note=_note(message, root),
    )


def _order_line(message: Message, node: Node, position: int) -> OrderLine | None:
    """One line of an order."""
    lin = node.segment
    line_id = message.text(lin, 1)
    if not line_id:
        line_id = str(position)
        message.findings.assume("a line number (LIN, 1082)", "its position", message.where(lin))
    found = node.first("QTY", *_ORDERED)
    if found is None:
        expected = "the quantity ordered (QTY+21)"
        message.findings.fault(Code.MISSING_FIELD, message.where(lin), expected=expected)
        return None
    quantity, unit = message.number(found, 1, 2), message.unit(part(found, 1, 3), found)
    priced = message.price(node)
    if not any(True for _ in node.under("PRI")):
        message.findings.assume("a price (PRI)", "0", message.where(lin))
    rate = next((group.segment for group in node.under("TAX", "7") if part(group.segment, 5, 4)), None)
    tax_rate = message.number(rate, 5, 4) if rate else Decimal(0)
    if quantity is None or tax_rate is None:
        return None
    return OrderLine(
        line_id=line_id,
        item=item(message, node),
        quantity=quantity,
        unit=unit,
        unit_price=priced[0] if priced else Decimal(0),
        price_per=priced[2] if priced else Decimal(1),
        description=description(message, node),
        tax_rate=tax_rate,
        category=classified(message, node),
    )


def _check_numbers(message: Message, nodes: list[Node], line_ids: list[str]) -> None:
    """Two lines of one number could not be told apart."""
    seen: set[str] = set()
    for node, line_id in zip(nodes, line_ids, strict=False):
        if line_id in seen:
            where = message.where(node.segment)
            message.findings.fault(Code.BAD_VALUE, where, actual=line_id, detail="line number used twice")
        seen.add(line_id)


def _check_currency(message: Message, currency: str, nodes: list[Node]) -> None:
    """Prices need a currency; an order without prices may leave it to the agreement."""
    if currency or not message.findings.complete:
        return
    where = message.where(message.root.segment)
    if any(True for node in nodes for _ in node.under("PRI")):
        message.findings.fault(Code.MISSING_FIELD, where, expected="the currency (CUX+2), or that of our entity")
    else:
        message.findings.assume("the currency (CUX)", "none, since there are no prices", where)


def _prove_counts(message: Message, nodes: list[Node], quantities: tuple[Decimal, ...]) -> None:
    """Control totals stand in the summary, in some dialects without the ``UNS`` before it."""
    sublines = sum(1 for node in message.root.under("LIN")) - len(nodes)
    for node in (message.root, *message.root.under("UNS")):
        message.prove_counts(node, len(nodes), sublines, quantities)


def _response_line(message: Message, node: Node, whole: str) -> ResponseLine | None:
    """The answer to one line; one that says nothing itself goes with the whole."""
    lin = node.segment
    action = message.known(part(lin, 2), ACTIONS, lin, "action (1229)")
    status = _LINES.get(action, "") or ("rejected" if whole == "rejected" else "accepted")
    if action not in _LINES and not whole:
        message.findings.assume("the answer to a line (LIN, 1229)", status, message.where(lin))
    line_id = order_line(message, node) or message.text(lin, 1)
    if not line_id:
        message.findings.fault(Code.MISSING_FIELD, message.where(lin), expected="the line of the order (LIN or RFF+LI)")
        return None
    found = node.first("QTY", *_PROMISED)
    priced = message.price(node)
    return ResponseLine(
        order_line_id=line_id,
        status=status,
        quantity=message.number(found, 1, 2) if found else None,
        unit=message.unit(part(found, 1, 3), found) if found else "",
        unit_price=message.per_unit(priced[0], priced[2], priced[1]) if priced else None,
        promised_on=message.day_in(node, *_PROMISE_DAYS),
        note=_note(message, node),
    )


def _summed_up(lines: tuple[ResponseLine, ...]) -> str:
    """What the lines say of the whole, where its function does not."""
    said = {line.status for line in lines}
    if not said:
        return "received"
    return said.pop() if len(said) == 1 else "changed"


def _note(message: Message, node: Node) -> str:
    """Free text (``FTX``) for people."""
    texts = (message.text(segment, 4, number) for segment in node.every("FTX") for number in range(1, 6))
    return " ".join(text for text in texts if text)[:_NOTE_MAX]


_NOTE_MAX = 1_000
