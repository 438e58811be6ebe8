"""cXML ``ConfirmationRequest`` and ``StatusUpdateRequest``: what the supplier says to an order, and what somebody makes
of a document that was sent."""

from collections.abc import Iterator

from tieout.formats.codes import load
from tieout.formats.einvoice.node import Node
from tieout.formats.procurement.cxml.paper import Paper, words
from tieout.formats.procurement.prices import added, fitting, per_unit
from tieout.kernel.problem import Code
from tieout.model.documents import BusinessResponse, OrderResponse, ResponseLine

STATUS = load("cxml_status")
#: ``ConfirmationHeader type``. Details of all or some lines say by those lines what became of the whole.
_WHOLE = {
    "accept": "accepted",
    "except": "changed",
    "backordered": "changed",
    "replace": "changed",
    "reject": "rejected",
    "allDetail": "",
    "detail": "",
}
#: ``ConfirmationStatus type``.
_LINES = {
    "accept": "accepted",
    "allDetail": "changed",
    "detail": "changed",
    "backordered": "changed",
    "reject": "rejected",
    "unknown": "",
}
#: ``InvoiceStatus type`` and ``DocumentStatus type`` as statuses of UNCL 4343.
_BUSINESS = {
    "processing": "IP",
    "received": "AB",
    "reconciled": "AP",
    "approved": "AP",
    "accepted": "AP",
    "rejected": "RE",
    "failed": "RE",
    "canceled": "RE",
    "paying": "AP",
    "paid": "PD",
}
_NOTE_MAX = 1_000


def read_confirmation(paper: Paper) -> Iterator[OrderResponse]:
    """Read one ``ConfirmationRequest``."""
    findings, body = paper.findings, paper.body
    header = paper.group(body, "ConfirmationHeader")
    if paper.is_withdrawn(header):
        return
    kind = header.attribute("type")
    if kind not in _WHOLE:
        findings.fault(
            Code.BAD_VALUE, header.where, expected=", ".join(_WHOLE), actual=kind, detail="the answer (type)"
        )
    whole = _WHOLE.get(kind, "")
    responded_on, order_id = paper.must_day(header, "noticeDate"), paper.must_order_id(body)
    buyer, seller = paper.buyer(paper.credentials("To")), paper.seller(paper.credentials("From"))
    lines = tuple(line for item in body.all("ConfirmationItem") if (line := _line(paper, item, whole)))
    if responded_on is None or seller is None or not findings.complete:
        return
    yield OrderResponse(
        response_id=paper.attribute(header, "confirmID") or paper.payload_id,
        order_id=order_id,
        entity=buyer,
        supplier_id=seller.supplier_id,
        responded_on=responded_on,
        status=whole or _summed_up(lines),
        lines=lines,
        note=" ".join(header.texts("Comments"))[:_NOTE_MAX],
    )


def _summed_up(lines: tuple[ResponseLine, ...]) -> str:
    """What the lines say of the whole, where it says nothing itself."""
    said = {line.status for line in lines}
    if not said:
        return "received"
    return said.pop() if len(said) == 1 else "changed"


def _line(paper: Paper, item: Node, whole: str) -> ResponseLine | None:
    """The answer to one line. It may be in parts: so many now, so many later, so many not at all."""
    line_id = paper.must(item, "lineNumber")
    parts = [(part, _status(paper, part, whole)) for part in item.all("ConfirmationStatus")]
    if not parts:
        paper.findings.fault(Code.MISSING_FIELD, item.where, expected="ConfirmationStatus")
        return None
    statuses = {status for _, status in parts}
    offered = [part for part, status in parts if status != "rejected"]
    asked = [paper.number(part, "quantity") for part, _ in parts]
    quantities = [number for part in offered if (number := paper.number(part, "quantity")) is not None]
    if None in asked or not paper.findings.complete:
        return None
    days = [day for part in offered for name in ("deliveryDate", "shipmentDate") if (day := paper.day(part, name))]
    price = None
    for part in offered:
        holder = part if "UnitPrice" in part else part.group("ItemIn", "ItemDetail")
        if "UnitPrice" in holder and paper.check_currency(holder.get("UnitPrice")):
            told = paper.unit_price(holder)
            price = per_unit(*told, holder.where, paper.findings) if told else None
    return ResponseLine(
        order_line_id=line_id,
        status=statuses.pop() if len(statuses) == 1 else "changed",
        quantity=fitting(added(quantities), item.where, paper.findings) if offered else None,
        unit=item.text("UnitOfMeasure"),
        unit_price=price,
        promised_on=max(days, default=None),
        note=" ".join(_notes(item, parts))[:_NOTE_MAX],
    )


def _status(paper: Paper, part: Node, whole: str) -> str:
    """What one part of a line gets; one that is not known yet goes with the whole."""
    kind = part.attribute("type")
    if kind not in _LINES:
        paper.findings.note(Code.UNKNOWN_CODE, part.where, actual=kind, detail="an answer to a line (type)")
    status = _LINES.get(kind, "") or ("rejected" if whole == "rejected" else "accepted")
    if not _LINES.get(kind):
        paper.findings.assume("the answer to a line (ConfirmationStatus)", status, part.where)
    return status


def _notes(item: Node, parts: list[tuple[Node, str]]) -> Iterator[str]:
    """What people should know of the answer to a line."""
    for part, _ in parts:
        if len(parts) > 1 or part.attribute("type") == "backordered":
            yield f"{part.attribute('quantity')} {part.attribute('type')}."
        yield from part.texts("Comments")
        if offered := words(part.group("ItemIn", "ItemDetail"), "Description"):
            yield f"Offered: {offered}."
    yield from item.texts("Comments")


def read_status_update(paper: Paper) -> Iterator[BusinessResponse]:
    """Read one ``StatusUpdateRequest``: the status of a document that was sent, mostly of an invoice."""
    body, findings = paper.body, paper.findings
    status = paper.group(body, "Status")
    code = paper.must(status, "code")
    if code and code not in STATUS:
        findings.note(Code.UNKNOWN_CODE, status.where, actual=code, detail="a status (code)")
    if not (code.isascii() and code.isdigit() and len(code) == 3):
        findings.fault(Code.BAD_VALUE, status.where, expected="a status of three digits", actual=code)
    told = next((node for name in ("InvoiceStatus", "DocumentStatus") for node in body.all(name)), None)
    kind = told.attribute("type") if told is not None else ""
    if kind and kind not in _BUSINESS:
        findings.note(Code.UNKNOWN_CODE, body.where, actual=kind, detail="a status of the business (type)")
    about = (told.group("InvoiceIDInfo").attribute("invoiceID") if told is not None else "") or body.group(
        "DocumentReference"
    ).attribute("payloadID")
    if not about:
        findings.fault(Code.MISSING_FIELD, body.where, expected="what the status is of (DocumentReference payloadID)")
    if not findings.complete:
        return
    texts = [status.attribute("text"), (status.element.text or "").strip()]
    if told is not None:
        texts += told.texts("Comments")
    yield BusinessResponse(
        response_id=paper.payload_id,
        about_kind="cXML",
        about_number=about,
        status="RE" if code[0] in "45" else _BUSINESS.get(kind, "AB"),
        sender=_first(paper, "From"),
        receiver=_first(paper, "To"),
        reasons=tuple(text[:_NOTE_MAX] for text in texts if text),
        note=f"cXML status {code}",
    )


def _first(paper: Paper, side: str) -> str:
    """The best name of a side."""
    return next((name.text for name in paper.credentials(side)), "")
