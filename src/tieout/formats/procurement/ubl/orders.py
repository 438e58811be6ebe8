"""UBL ``Order``, ``OrderChange`` and ``OrderCancellation`` (OASIS UBL 2.0 to 2.3, Peppol BIS ordering).

* The price is per unit (``PriceAmount`` by ``BaseQuantity``). An order without prices is usual where they were agreed
  before: the price is taken as zero, and told, so that an invoice for it waits for a person.
* Allowances and charges of an order have no place in ours. They are told; the totals are proved with them.
* A change has all lines as they stand from now on; those it marks as deleted fall away.
"""

from collections.abc import Iterator
from decimal import Decimal
from itertools import chain

from tieout.formats.commodity import category_of
from tieout.formats.einvoice.node import Node
from tieout.formats.einvoice.ubl import classifications
from tieout.formats.einvoice.ubl_rate import quotes
from tieout.formats.exchange_rate import conversion, own_currency
from tieout.formats.procurement.prices import check_line, line_amount
from tieout.formats.procurement.ubl.paper import Paper, description, item_number, reference
from tieout.kernel.money import Money, total
from tieout.kernel.problem import Code
from tieout.model.documents import OrderChange, OrderLine, PurchaseOrder

BUYER, SELLER = ("BuyerCustomerParty", "AccountingCustomerParty"), ("SellerSupplierParty",)
#: What a change does to a line: Peppol's subset of UNTDID 1229, and the words of UBL 2.0's own list.
_DELETED = frozenset(("2", "7", "Cancelled"))
_STANDS = frozenset(("", "1", "3", "4", "5", "Added", "Disputed", "NoStatus", "Revised"))
#: The name of an item property by which we say that a line needs no receipt.
RECEIPT_REQUIRED = "ReceiptRequired"


def read_order(paper: Paper) -> Iterator[PurchaseOrder]:
    """Read one ``Order``."""
    root, findings = paper.root, paper.findings
    order_id, ordered_on = paper.must(root, "ID"), paper.must_day(root, "IssueDate")
    if paper.flag(root, "CopyIndicator"):
        findings.note(Code.UNSUPPORTED_CONTENT, root.where, detail="this is a copy of an order (CopyIndicator)")
    buyer, seller = paper.buyer(*BUYER), paper.seller(*SELLER)
    lines = [line for _, line in _lines(paper)]
    if ordered_on is None or seller is None or not findings.complete:
        return
    rate = conversion(quotes(root), paper.currency, own_currency(paper.context.currencies, buyer), findings)
    yield PurchaseOrder(
        order_id=order_id,
        entity=buyer,
        supplier_id=seller.supplier_id,
        currency=paper.currency,
        ordered_on=ordered_on,
        lines=tuple(lines),
        conversion_rate=rate.rate,
        conversion_per=rate.per,
        converted_to=rate.to,
    )


def read_order_change(paper: Paper) -> Iterator[OrderChange]:
    """Read one ``OrderChange``."""
    root = paper.root
    change_id, changed_on = paper.must(root, "ID"), paper.must_day(root, "IssueDate")
    order_id = paper.must(root, "OrderReference", "ID")
    buyer, seller = paper.buyer(*BUYER), paper.seller(*SELLER)
    read = list(_lines(paper))
    if changed_on is None or seller is None or not paper.findings.complete:
        return
    yield OrderChange(
        change_id=change_id,
        order_id=order_id,
        entity=buyer,
        supplier_id=seller.supplier_id,
        changed_on=changed_on,
        lines=tuple(line for status, line in read if status not in _DELETED),
        deleted=tuple(line.line_id for status, line in read if status in _DELETED),
    )


def read_order_cancellation(paper: Paper) -> Iterator[OrderChange]:
    """Read one ``OrderCancellation``."""
    root = paper.root
    change_id, changed_on = paper.must(root, "ID"), paper.must_day(root, "IssueDate")
    order_id = paper.must(root, "OrderReference", "ID")
    buyer, seller = paper.buyer(*BUYER), paper.seller(*SELLER)
    if changed_on is None or seller is None or not paper.findings.complete:
        return
    yield OrderChange(
        change_id=change_id,
        order_id=order_id,
        entity=buyer,
        supplier_id=seller.supplier_id,
        changed_on=changed_on,
        cancelled=True,
    )


# ── lines ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def _lines(paper: Paper) -> Iterator[tuple[str, OrderLine]]:
    """All lines, each with what is done to it, and the totals proved."""
    root = paper.root
    holders = list(root.all("OrderLine"))
    if not holders:
        paper.findings.fault(Code.MISSING_FIELD, root.where, expected="at least one line (OrderLine)")
        return
    if not paper.check_currency(root.get("AnticipatedMonetaryTotal"), *holders):
        return
    seen: set[str] = set()
    amounts: list[Money] = []
    for holder in holders:
        item = holder.get("LineItem")
        if item is None:
            paper.findings.fault(Code.MISSING_FIELD, holder.where, expected="LineItem")
            continue
        status = _status(paper, item)
        line = _line(paper, item, holder, is_deleted=status in _DELETED)
        if line is None:
            continue
        if line.line_id in seen:
            paper.findings.fault(Code.BAD_VALUE, item.where, actual=line.line_id, detail="line id used twice")
        seen.add(line.line_id)
        if status not in _DELETED:
            amounts.append(_amount(paper, item, line))
        yield status, line
    paper.note_unread(root, "AllowanceCharge", "an allowance or charge on the whole order is not taken over")
    _prove(paper, amounts)


def _status(paper: Paper, item: Node) -> str:
    """What is done to a line (``LineStatusCode``)."""
    status = item.text("LineStatusCode")
    if status not in _DELETED | _STANDS:
        detail = "a line status; the line is read as it stands"
        paper.findings.note(Code.UNKNOWN_CODE, item.where, actual=status, detail=detail)
    return status


def _line(paper: Paper, item: Node, holder: Node, *, is_deleted: bool) -> OrderLine | None:
    """One line; of one that is deleted only the number matters."""
    line_id = paper.must(item, "ID")
    if is_deleted:
        line_id = reference(holder, "OrderLineReference", "LineID") or line_id
    quantity = item.number("Quantity") if is_deleted else paper.must_number(item, "Quantity")
    price = paper.unit_price(item)
    if "Price" not in item and not is_deleted:
        paper.findings.assume("a price (PriceAmount)", "0", item.where)
    rate = _tax_rate(item)
    paper.note_unread(item, "SubLineItem", "lines within a line are not read; the line itself stands for them")
    if quantity is None and not is_deleted:
        return None
    article = item.group("Item")
    return OrderLine(
        line_id=line_id,
        item=item_number(article),
        quantity=quantity if quantity is not None else Decimal(0),
        unit=paper.unit(item, "Quantity"),
        unit_price=price[0] if price is not None else Decimal(0),
        price_per=price[1] if price is not None else Decimal(1),
        description=description(article),
        tax_rate=rate,
        receipt_required=not any(
            each.text("Name") == RECEIPT_REQUIRED and each.text("Value") == "false"
            for each in article.all("AdditionalItemProperty")
        ),
        category=category_of((each.scheme, each.value, each.version) for each in classifications(article)),
    )


def _tax_rate(item: Node) -> Decimal:
    """The rate of the item, or of the tax on the line."""
    rates = (category.number("Percent") for category in item.group("Item").all("ClassifiedTaxCategory"))
    of_line = (part.number("TaxCategory", "Percent") for tax in item.all("TaxTotal") for part in tax.all("TaxSubtotal"))
    return next((rate for rate in chain(rates, of_line) if rate is not None), Decimal(0))


def _amount(paper: Paper, item: Node, line: OrderLine) -> Money:
    """The amount of a line: what it says, else quantity by price with its own allowances and charges."""
    computed = line_amount(line.quantity, line.unit_price, paper.currency)
    own = list(item.all("AllowanceCharge"))
    for each in own:
        amount, is_charge = paper.money(each, "Amount"), paper.flag(each, "ChargeIndicator")
        if amount is not None:
            computed = computed + amount if is_charge else computed - amount
    if own:
        detail = "allowances and charges of the line are not in its price per unit"
        paper.findings.note(Code.UNSUPPORTED_CONTENT, own[0].where, detail=detail)
    declared = paper.money(item, "LineExtensionAmount")
    if declared is None:
        return computed
    if "Price" in item:
        check_line(computed, declared, item.where, paper.findings)
    return declared


# ── totals ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def _prove(paper: Paper, amounts: list[Money]) -> None:
    """``AnticipatedMonetaryTotal``: each sum that is declared is the sum of its parts, as Peppol demands."""
    group = paper.root.get("AnticipatedMonetaryTotal")
    if group is None:
        return
    zero = Money.zero(paper.currency)
    said = {name: paper.money(group, name) for name in _TOTALS}
    lines, net, gross, payable = (said[name] for name in _TOTALS[:4])
    allowances, charges, prepaid, rounding = (said[name] or zero for name in _TOTALS[4:])
    parts = {True: zero, False: zero}
    for each in paper.root.all("AllowanceCharge"):
        is_charge = bool(paper.flag(each, "ChargeIndicator"))
        parts[is_charge] = parts[is_charge] + (paper.money(each, "Amount") or zero)
    taxes = [tax for each in paper.root.all("TaxTotal") if (tax := paper.money(each, "TaxAmount"))]
    if not paper.findings.complete:
        return
    _claim(paper, group, "LineExtensionAmount = sum of the lines", lines, total(amounts, paper.currency))
    _claim(paper, group, "AllowanceTotalAmount = sum of the allowances", said["AllowanceTotalAmount"], parts[False])
    _claim(paper, group, "ChargeTotalAmount = sum of the charges", said["ChargeTotalAmount"], parts[True])
    if lines is not None:
        _claim(paper, group, "TaxExclusiveAmount = lines − allowances + charges", net, lines - allowances + charges)
    if net is not None and taxes:
        _claim(paper, group, "TaxInclusiveAmount = net + taxes", gross, net + taxes[0])
    if gross is not None:
        _claim(paper, group, "PayableAmount = gross − prepaid + rounding", payable, gross - prepaid + rounding)


_TOTALS = (
    *("LineExtensionAmount", "TaxExclusiveAmount", "TaxInclusiveAmount", "PayableAmount"),
    *("AllowanceTotalAmount", "ChargeTotalAmount", "PrepaidAmount", "PayableRoundingAmount"),
)


def _claim(paper: Paper, group: Node, name: str, declared: Money | None, computed: Money) -> None:
    if declared is not None:
        paper.findings.claim(name, group.where, str(declared), str(computed), declared == computed)
