"""UBL ``OrderResponse`` and ``OrderResponseSimple``: what the supplier says to an order, or to a change of it.

Peppol's order agreement is an ``OrderResponse`` without a code: the seller confirms what was agreed.
"""

from collections.abc import Iterator

from tieout.formats.einvoice.node import Node
from tieout.formats.procurement.prices import per_unit
from tieout.formats.procurement.ubl.orders import BUYER, SELLER
from tieout.formats.procurement.ubl.paper import Paper, description, item_number, last_day, reference
from tieout.kernel.problem import Code
from tieout.model.documents import OrderResponse, ResponseLine

#: ``OrderResponseCode``: UNCL 4343 (Peppol: AB, RE, AP, CA), and UNTDID 1225, which older profiles of the Nordic
#: countries have (27, 29, 30).
_WHOLE = {
    **dict.fromkeys(("AP", "AD", "29", "44"), "accepted"),
    **dict.fromkeys(("CA", "AC", "AI", "30", "4", "28"), "changed"),
    **dict.fromkeys(("RE", "27"), "rejected"),
    **dict.fromkeys(("AB", "AJ", "12"), "received"),
}
#: ``LineStatusCode``: UNTDID 1229 (Peppol: 1, 3, 5, 7, 42), and the words of UBL 2.0.
_LINES = {
    **dict.fromkeys(("5", "4", "11", "42", "NoStatus"), "accepted"),
    **dict.fromkeys(("1", "3", "6", "9", "12", "Added", "Revised", "Disputed"), "changed"),
    **dict.fromkeys(("2", "7", "10", "Cancelled"), "rejected"),
}
_DELIVERED = "42"
_AGREEMENT = "order_agreement"
_NOTE_MAX = 1_000


def read_order_response(paper: Paper) -> Iterator[OrderResponse]:
    """Read one ``OrderResponse``."""
    root = paper.root
    if not paper.currency and any(item.get("LineItem", "Price") for item in root.all("OrderLine")):
        paper.check_currency(*root.all("OrderLine"))
    is_agreement = _AGREEMENT in root.text("CustomizationID")
    code = root.text("OrderResponseCode")
    whole = _WHOLE.get(code, "accepted" if is_agreement and not code else "")
    if code and not whole:
        paper.findings.note(Code.UNKNOWN_CODE, root.where, actual=code, detail="an answer (OrderResponseCode)")
    lines = tuple(
        line for holder in root.all("OrderLine") if (line := _line(paper, holder, whole, is_agreement=is_agreement))
    )
    if not whole:
        whole = _summed_up(lines)
        paper.findings.assume("the answer to the whole order (OrderResponseCode)", whole, root.where)
    yield from _response(paper, whole, lines, " ".join(root.texts("Note")))


def read_order_response_simple(paper: Paper) -> Iterator[OrderResponse]:
    """Read one ``OrderResponseSimple``: yes or no to the whole order."""
    is_accepted = paper.flag(paper.root, "AcceptedIndicator")
    if is_accepted is None:
        paper.findings.fault(Code.MISSING_FIELD, f"{paper.root.where}: AcceptedIndicator", expected="true or false")
    texts = [text for name in ("RejectionNote", "Note") for text in paper.root.texts(name)]
    yield from _response(paper, "accepted" if is_accepted else "rejected", (), " ".join(texts))


def _response(paper: Paper, status: str, lines: tuple[ResponseLine, ...], note: str) -> Iterator[OrderResponse]:
    root = paper.root
    response_id, responded_on = paper.must(root, "ID"), paper.must_day(root, "IssueDate")
    order_id = paper.must(root, "OrderReference", "ID")
    buyer, seller = paper.buyer(*BUYER), paper.seller(*SELLER)
    if responded_on is None or seller is None or not paper.findings.complete:
        return
    yield OrderResponse(
        response_id=response_id,
        order_id=order_id,
        entity=buyer,
        supplier_id=seller.supplier_id,
        responded_on=responded_on,
        status=status,
        lines=lines,
        note=_short(note),
    )


def _summed_up(lines: tuple[ResponseLine, ...]) -> str:
    """What the lines say of the whole, where it says nothing itself."""
    said = {line.status for line in lines}
    if not said:
        return "received"
    return said.pop() if len(said) == 1 else "changed"


def _line(paper: Paper, holder: Node, whole: str, *, is_agreement: bool) -> ResponseLine | None:
    """The answer to one line; one that says nothing itself goes with the whole."""
    item = holder.get("LineItem")
    if item is None:
        paper.findings.fault(Code.MISSING_FIELD, holder.where, expected="LineItem")
        return None
    line_id = reference(holder, "OrderLineReference", "LineID")
    if not line_id:
        line_id = paper.must(item, "ID")
        if not is_agreement:
            paper.findings.assume("the line of the order (OrderLineReference)", "the line's own number", item.where)
    offered = next((found for name in _OFFERS for found in holder.all(name)), None)
    status = _status(paper, item, whole, is_other=offered is not None)
    price = paper.unit_price(item)
    promised = last_day(item, "Delivery", "PromisedDeliveryPeriod")
    if promised is None and status != "rejected":
        promised = last_day(paper.root, "Delivery", "PromisedDeliveryPeriod")
    return ResponseLine(
        order_line_id=line_id,
        status=status,
        quantity=item.number("Quantity"),
        unit=paper.unit(item, "Quantity"),
        unit_price=per_unit(*price, item.where, paper.findings) if price else None,
        promised_on=promised,
        note=_short(" ".join(_notes(item, offered))),
    )


_OFFERS = ("SellerSubstitutedLineItem", "SellerProposedSubstituteLineItem")


def _status(paper: Paper, item: Node, whole: str, *, is_other: bool) -> str:
    code = item.text("LineStatusCode")
    if code in _LINES:
        return _LINES[code]
    if code:
        paper.findings.note(Code.UNKNOWN_CODE, item.where, actual=code, detail="an answer (LineStatusCode)")
    if is_other:
        return "changed"
    status = "rejected" if whole == "rejected" else "accepted"
    if whole not in ("accepted", "rejected"):
        paper.findings.assume("the answer to a line (LineStatusCode)", status, item.where)
    return status


def _notes(item: Node, offered: Node | None) -> Iterator[str]:
    """What people should know of the answer to a line."""
    yield from item.texts("Note")
    if item.text("LineStatusCode") == _DELIVERED:
        yield "Delivered already."
    if back := item.text("MaximumBackorderQuantity"):
        yield f"On back order: {back}."
    if offered is not None:
        article = offered.group("Item")
        yield f"Offered instead: {' '.join(text for text in (item_number(article), description(article)) if text)}."


def _short(text: str) -> str:
    return " ".join(text.split())[:_NOTE_MAX]
