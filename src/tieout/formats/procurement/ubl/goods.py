"""UBL ``DespatchAdvice`` and ``ReceiptAdvice``: what is on its way and what came in, one document of ours per order."""

from collections.abc import Iterator
from datetime import date
from decimal import Decimal

from tieout.formats.einvoice.node import Node
from tieout.formats.procurement.prices import fitting
from tieout.formats.procurement.ubl.orders import BUYER, SELLER
from tieout.formats.procurement.ubl.paper import Paper, item_number, last_day, reference
from tieout.kernel.money import EXACT
from tieout.kernel.problem import Code
from tieout.model.documents import DespatchAdvice, DespatchLine, GoodsReceipt, ReceiptLine

#: Who stands for the buyer and the supplier where a document of goods names only who delivers to whom.
_RECEIVER, _SENDER = (*BUYER, "DeliveryCustomerParty"), (*SELLER, "DespatchSupplierParty")
#: When the goods come, the best first.
_ARRIVALS = (
    ("Shipment", "Delivery", "EstimatedDeliveryPeriod"),
    ("Shipment", "Delivery", "PromisedDeliveryPeriod"),
    ("Shipment", "Delivery", "RequestedDeliveryPeriod"),
)
#: By what the carrier knows the consignment, the best first.
_CARRIER = (
    ("Shipment", "Delivery", "TrackingID"),
    ("Shipment", "Consignment", "CarrierAssignedID"),
    ("Shipment", "Consignment", "ID"),
)
#: What a receiver tells of a line beside what it took in.
_DIFFERENCES = {"ShortQuantity": "less came than was despatched", "OversupplyQuantity": "more came than was ordered"}


def read_despatch_advice(paper: Paper) -> Iterator[DespatchAdvice]:
    """Read one ``DespatchAdvice``."""
    root, findings = paper.root, paper.findings
    number, issued_on = paper.must(root, "ID"), paper.must_day(root, "IssueDate")
    despatched_on = root.day("Shipment", "Delivery", "Despatch", "ActualDespatchDate")
    arrivals = (last_day(root, *path) for path in _ARRIVALS)
    expected_on = next((day for day in arrivals if day), None)
    carrier = next((text for path in _CARRIER if (text := reference(root, *path))), "")
    buyer, seller = paper.buyer(*_RECEIVER), paper.seller(*_SENDER)
    orders: dict[str, list[DespatchLine]] = {}
    for line in _lines(paper, "DespatchLine"):
        order_id, line_id = _order(paper, line), _order_line(paper, line)
        quantity = paper.must_number(line, "DeliveredQuantity")
        if outstanding := line.text("OutstandingQuantity") or line.text("BackorderQuantity"):
            detail = "is still outstanding of the line"
            findings.note(Code.UNSUPPORTED_CONTENT, line.where, actual=outstanding, detail=detail)
        if quantity is not None:
            read = DespatchLine(
                order_line_id=line_id,
                quantity=quantity,
                unit=paper.unit(line, "DeliveredQuantity"),
                item=item_number(line.group("Item")),
            )
            orders.setdefault(order_id, []).append(read)
    if issued_on is None or seller is None or not findings.complete:
        return
    for order_id, lines in orders.items():
        yield DespatchAdvice(
            despatch_id=_of_order(number, order_id, len(orders)),
            order_id=order_id,
            entity=buyer,
            supplier_id=seller.supplier_id,
            despatched_on=despatched_on or issued_on,
            lines=tuple(lines),
            expected_on=expected_on,
            carrier_reference=carrier,
        )


def read_receipt_advice(paper: Paper) -> Iterator[GoodsReceipt]:
    """Read one ``ReceiptAdvice``."""
    root = paper.root
    number, issued_on = paper.must(root, "ID"), paper.must_day(root, "IssueDate")
    arrived_on = root.day("Shipment", "Delivery", "ActualDeliveryDate")
    buyer, seller = paper.buyer(*_RECEIVER), paper.seller(*_SENDER)
    orders: dict[str, list[ReceiptLine]] = {}
    days: dict[str, date] = {}
    for line in _lines(paper, "ReceiptLine"):
        order_id, line_id, quantity = _order(paper, line), _order_line(paper, line), _received(paper, line)
        received_on = line.day("ReceivedDate")
        if quantity is not None:
            orders.setdefault(order_id, []).append(ReceiptLine(order_line_id=line_id, quantity=quantity))
        if received_on is not None:
            days[order_id] = max(received_on, days.get(order_id, received_on))
    if issued_on is None or seller is None or not paper.findings.complete:
        return
    if arrived_on is None and orders.keys() - days.keys():
        paper.findings.assume("the day of receipt (ReceivedDate)", "the day of issue", root.where)
    for order_id, lines in orders.items():
        yield GoodsReceipt(
            receipt_id=_of_order(number, order_id, len(orders)),
            order_id=order_id,
            entity=buyer,
            supplier_id=seller.supplier_id,
            received_on=days.get(order_id) or arrived_on or issued_on,
            lines=tuple(lines),
        )


def _lines(paper: Paper, name: str) -> Iterator[Node]:
    lines = list(paper.root.all(name))
    if not lines:
        paper.findings.fault(Code.MISSING_FIELD, paper.root.where, expected=f"at least one line ({name})")
    yield from lines


def _order(paper: Paper, line: Node) -> str:
    """The order a line belongs to: its own reference, or that of the whole document."""
    found = reference(line, "OrderLineReference", "OrderReference", "ID") or reference(
        paper.root, "OrderReference", "ID"
    )
    if not found:
        expected = "the number of the order (OrderReference)"
        paper.findings.fault(Code.MISSING_FIELD, line.where, expected=expected)
    return found


def _order_line(paper: Paper, line: Node) -> str:
    """The order line of a line; its own number where it names none."""
    if found := reference(line, "OrderLineReference", "LineID"):
        return found
    paper.findings.assume("the line of the order (OrderLineReference)", "the line's own number", line.where)
    return paper.must(line, "ID")


def _received(paper: Paper, line: Node) -> Decimal | None:
    """What was taken in for good: what was received less what of it was rejected. Both, and differences, are told."""
    received = paper.must_number(line, "ReceivedQuantity")
    rejected = line.number("RejectedQuantity") or Decimal(0)
    for name, meaning in _DIFFERENCES.items():
        quantity = line.number(name)
        if quantity:
            paper.findings.note(Code.UNSUPPORTED_CONTENT, line.where, actual=f"{name} {quantity}", detail=meaning)
    if received is None:
        return None
    if rejected < 0 or rejected > received:
        expected = f"at most the {received} received"
        paper.findings.fault(Code.BAD_VALUE, line.where, expected=expected, actual=f"RejectedQuantity {rejected}")
        return None
    if rejected:
        reason = line.text("RejectReason") or line.text("RejectReasonCode") or "for no reason given"
        detail = f"received and rejected ({reason}); it does not count as received"
        paper.findings.note(Code.UNSUPPORTED_CONTENT, line.where, actual=str(rejected), detail=detail)
    return fitting(EXACT.subtract(received, rejected), line.where, paper.findings)


def _of_order(number: str, order_id: str, count: int) -> str:
    """The number of the document, made one of its own for each order where it speaks of several."""
    return number if count == 1 else f"{number}/{order_id}"
