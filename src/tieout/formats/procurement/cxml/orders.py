"""cXML ``OrderRequest``: a new order, or (types ``update`` and ``delete``) the change of one.

* ``Total`` is that of the items, without tax and shipping; networks write it with them, too, so either is proved.
* An item may be made of parts: the price stands at the whole (``groupLevel``) or at the parts (``itemLevel``), and what
  has no price of its own is not a line.
* A limit order (``BlanketItemDetail``) is for at most so much money and not for goods, so it needs no receipt.
"""

from collections.abc import Iterator
from decimal import Decimal
from itertools import product

from tieout.formats.einvoice.node import Node
from tieout.formats.procurement.cxml.paper import Paper, classified, item_number, words
from tieout.formats.procurement.prices import added, fitting, line_amount, per_unit
from tieout.kernel.money import Money, multiply, total
from tieout.kernel.problem import Code
from tieout.model.documents import OrderChange, OrderLine, PurchaseOrder

NEW, UPDATE, DELETE = "new", "update", "delete"


def read_order(paper: Paper) -> Iterator[PurchaseOrder | OrderChange]:
    """Read one ``OrderRequest``."""
    findings = paper.findings
    header = paper.group(paper.body, "OrderRequestHeader")
    order_id, ordered_on = paper.must(header, "orderID"), paper.must_day(header, "orderDate")
    kind = header.attribute("type") or NEW
    if kind not in (NEW, UPDATE, DELETE):
        findings.fault(Code.BAD_VALUE, header.where, expected="new, update or delete", actual=kind)
    buyer, seller = paper.buyer(paper.credentials("From")), paper.seller(paper.credentials("To"))
    lines = () if kind == DELETE else tuple(_lines(paper, header))
    if ordered_on is None or seller is None or not findings.complete:
        return
    if kind == NEW:
        yield PurchaseOrder(
            order_id=order_id,
            entity=buyer,
            supplier_id=seller.supplier_id,
            currency=paper.currency,
            ordered_on=ordered_on,
            lines=lines,
        )
        return
    if kind == UPDATE:
        detail = "an update has the whole order anew; lines that it leaves out fall away and are not named"
        findings.note(Code.UNSUPPORTED_CONTENT, header.where, actual=kind, detail=detail)
    version = paper.attribute(header, "orderVersion")
    yield OrderChange(
        change_id=f"{order_id}/{version}" if version and kind == UPDATE else paper.payload_id,
        order_id=order_id,
        entity=buyer,
        supplier_id=seller.supplier_id,
        changed_on=ordered_on,
        lines=lines,
        cancelled=kind == DELETE,
    )


# ── lines ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def _lines(paper: Paper, header: Node) -> Iterator[OrderLine]:
    """The lines that have a price of their own, and the total proved."""
    items = list(paper.body.all("ItemOut"))
    prices = (item.group(name).get("UnitPrice") for item in items for name in ("ItemDetail", "BlanketItemDetail"))
    if not items:
        paper.findings.fault(Code.MISSING_FIELD, paper.body.where, expected="at least one line (ItemOut)")
        return
    if not paper.check_currency(header.get("Total"), *prices):
        return
    seen: set[str] = set()
    amounts: list[tuple[Decimal, Decimal]] = []
    for position, item in _priced(paper, items):
        line = _line(paper, item, position)
        if line is None:
            continue
        if line.line_id in seen:
            paper.findings.fault(Code.BAD_VALUE, item.where, actual=line.line_id, detail="line number used twice")
        seen.add(line.line_id)
        amounts.append((line.quantity, line.unit_price))
        yield line
    _prove(paper, header, amounts)


def _priced(paper: Paper, items: list[Node]) -> Iterator[tuple[int, Node]]:
    """Without the parts of what is priced as a whole, and without wholes whose parts are priced; with the position."""
    by_number = {item.attribute("lineNumber"): item for item in items if item.attribute("itemType") == "composite"}
    for position, item in enumerate(items, 1):
        whole = by_number.get(item.attribute("parentLineNumber"))
        is_part = whole is not None and whole.attribute("compositeItemType") != "itemLevel"
        is_whole = item.attribute("itemType") == "composite" and item.attribute("compositeItemType") == "itemLevel"
        if not (is_part or is_whole):
            yield position, item
            continue
        detail = "a part of another line, which has the price" if is_part else "its parts have the prices"
        paper.findings.note(
            Code.UNSUPPORTED_CONTENT, item.where, actual=item.attribute("lineNumber"), detail=f"not a line: {detail}"
        )


def _line(paper: Paper, item: Node, position: int) -> OrderLine | None:
    """One ``ItemOut``. It may have no number, and then others refer to it by its position."""
    line_id = paper.attribute(item, "lineNumber")
    if not line_id:
        line_id = str(position)
        paper.findings.assume("a line number (lineNumber)", "its position", item.where)
    quantity = paper.number(item, "quantity")
    if quantity is None:
        return None
    limit = item.get("BlanketItemDetail")
    detail = limit if limit is not None else paper.group(item, "ItemDetail")
    price = paper.unit_price(detail)
    if "UnitPrice" not in detail:
        limited = _limit(paper, detail, quantity)
        price = None if limited is None else (limited, Decimal(1))
    if price is None:
        return None
    return OrderLine(
        line_id=line_id,
        item=item_number(item),
        quantity=quantity,
        unit=detail.text("UnitOfMeasure"),
        unit_price=price[0],
        price_per=price[1],
        description=words(detail, "Description"),
        tax_rate=tax_rate(paper, item.get("Tax")),
        receipt_required=limit is None,
        category=classified(detail),
    )


def _limit(paper: Paper, detail: Node, quantity: Decimal) -> Decimal | None:
    """The price of a line without one: that which makes up its limit, else nothing."""
    limit = paper.amount(detail.get("MaxAmount"))
    if limit is not None and quantity > 0:
        text = "a limit order: the price is what may be spent at most"
        paper.findings.note(Code.ASSUMED_VALUE, detail.where, actual=f"{limit} {paper.currency}", detail=text)
        return per_unit(limit, quantity, detail.where, paper.findings)
    paper.findings.assume("a price (UnitPrice)", "0", detail.where)
    return Decimal(0)


def tax_rate(paper: Paper, tax: Node | None) -> Decimal:
    """The rate of a tax; several taxes on one line (of a state and a county) add up."""
    rates = [
        rate
        for detail in (tax.all("TaxDetail") if tax is not None else ())
        if detail.attribute("percentageRate") and (rate := paper.number(detail, "percentageRate")) is not None
    ]
    return fitting(added(rates), tax.where, paper.findings) if tax is not None else Decimal(0)


# ── the total ──────────────────────────────────────────────────────────────────────────────────────────────────────


def _prove(paper: Paper, header: Node, amounts: list[tuple[Decimal, Decimal]]) -> None:
    """``Total``: that of the items, each rounded or not; shipping and tax may be in it."""
    holder = header.get("Total")
    if holder is None or not paper.findings.complete:
        return
    declared = paper.money(holder)
    if "Modifications" in holder:
        detail = "reductions and additions to the total of an order are not taken over"
        paper.findings.note(Code.UNSUPPORTED_CONTENT, holder.where, detail=detail)
        return
    zero = Money.zero(paper.currency)
    extras = [money for name in ("Shipping", "Tax") if (money := paper.money(header.get(name)))]
    if declared is None or not paper.findings.complete:
        return
    exact = added([multiply(quantity, price) for quantity, price in amounts])
    items = total((line_amount(quantity, price, paper.currency) for quantity, price in amounts), paper.currency)
    sums = [items, Money.rounded(exact, paper.currency)]
    more = [total(chosen, paper.currency) for chosen in product(*((zero, extra) for extra in extras))]
    holds = any(declared == one + other for one, other in product(sums, more))
    paper.findings.claim(
        "Total = sum of the items", holder.where, str(declared), str(declared if holds else items), holds
    )
