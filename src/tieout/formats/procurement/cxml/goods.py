"""cXML ``ShipNoticeRequest`` and ``ReceiptRequest``: what is on its way and what came in, one document of ours per
order."""

from collections.abc import Iterator

from tieout.formats.einvoice.node import Node
from tieout.formats.procurement.cxml.paper import Paper, item_number
from tieout.kernel.problem import Code
from tieout.model.documents import DespatchAdvice, DespatchLine, GoodsReceipt, ReceiptLine

RECEIVED, RETURNED = "received", "returned"


def read_ship_notice(paper: Paper) -> Iterator[DespatchAdvice]:
    """Read one ``ShipNoticeRequest``."""
    body = paper.body
    header = paper.group(body, "ShipNoticeHeader")
    if paper.is_withdrawn(header):
        return
    shipment_id = paper.must(header, "shipmentID")
    noticed_on, shipped_on = paper.must_day(header, "noticeDate"), paper.day(header, "shipmentDate")
    expected_on = paper.day(header, "deliveryDate")
    carrier = next((text for each in body.all("ShipControl") for text in each.texts("ShipmentIdentifier")), "")
    buyer, seller = paper.buyer(paper.credentials("To")), paper.seller(paper.credentials("From"))
    orders: dict[str, list[DespatchLine]] = {}
    for portion in body.all("ShipNoticePortion"):
        order_id = paper.must_order_id(portion)
        lines = [line for item in portion.all("ShipNoticeItem") if (line := _shipped(paper, item))]
        orders.setdefault(order_id, []).extend(lines)
        if "ShipNoticeItem" not in portion:
            detail = "no items are named, which means all that was ordered"
            paper.findings.note(Code.UNSUPPORTED_CONTENT, portion.where, actual=order_id, detail=detail)
    if not orders:
        paper.findings.fault(Code.MISSING_FIELD, body.where, expected="at least one order (ShipNoticePortion)")
    if noticed_on is None or seller is None or not paper.findings.complete:
        return
    for order_id, lines in orders.items():
        yield DespatchAdvice(
            despatch_id=_of_order(shipment_id, order_id, len(orders)),
            order_id=order_id,
            entity=buyer,
            supplier_id=seller.supplier_id,
            despatched_on=shipped_on or noticed_on,
            lines=tuple(lines),
            expected_on=expected_on,
            carrier_reference=carrier,
        )


def _shipped(paper: Paper, item: Node) -> DespatchLine | None:
    """One item on its way; parts of a whole are announced with the whole."""
    line_id, quantity = paper.must(item, "lineNumber"), paper.number(item, "quantity")
    if item.attribute("parentLineNumber"):
        detail = "a part of another line is not kept"
        paper.findings.note(Code.UNSUPPORTED_CONTENT, item.where, actual=line_id, detail=detail)
        return None
    if quantity is None:
        return None
    return DespatchLine(
        order_line_id=line_id, quantity=quantity, unit=item.text("UnitOfMeasure"), item=item_number(item)
    )


def read_receipt(paper: Paper) -> Iterator[GoodsReceipt]:
    """Read one ``ReceiptRequest``: what the buyer took in; goods sent back count below zero."""
    body = paper.body
    header = paper.group(body, "ReceiptRequestHeader")
    if paper.is_withdrawn(header):
        return
    receipt_id, received_on = paper.must(header, "receiptID"), paper.must_day(header, "receiptDate")
    buyer, seller = paper.buyer(paper.credentials("From")), paper.seller(paper.credentials("To"))
    orders: dict[str, list[ReceiptLine]] = {}
    for order in body.all("ReceiptOrder"):
        order_id = paper.must_order_id(paper.group(order, "ReceiptOrderInfo"))
        lines = [line for item in order.all("ReceiptItem") if (line := _received(paper, item))]
        orders.setdefault(order_id, []).extend(lines)
    if not any(orders.values()):
        paper.findings.fault(Code.MISSING_FIELD, body.where, expected="at least one line (ReceiptItem)")
    if received_on is None or seller is None or not paper.findings.complete:
        return
    for order_id, lines in orders.items():
        yield GoodsReceipt(
            receipt_id=_of_order(receipt_id, order_id, len(orders)),
            order_id=order_id,
            entity=buyer,
            supplier_id=seller.supplier_id,
            received_on=received_on,
            lines=tuple(lines),
        )


def _received(paper: Paper, item: Node) -> ReceiptLine | None:
    kind = item.attribute("type") or RECEIVED
    if kind not in (RECEIVED, RETURNED):
        paper.findings.fault(Code.BAD_VALUE, item.where, expected=f"{RECEIVED} or {RETURNED}", actual=kind)
    reference = paper.group(item, "ReceiptItemReference")
    line_id, quantity = paper.must(reference, "lineNumber"), paper.number(item, "quantity")
    if quantity is None:
        return None
    return ReceiptLine(order_line_id=line_id, quantity=-quantity if kind == RETURNED else quantity)


def _of_order(number: str, order_id: str, count: int) -> str:
    """The number of the document, made one of its own for each order where it speaks of several."""
    return number if count == 1 else f"{number}/{order_id}"
