"""Prepayments: money before goods. They are not matched as goods; they are set off against the invoice that follows."""

from collections.abc import Iterator, Mapping
from decimal import Decimal

from tieout.kernel.money import Money
from tieout.kernel.problem import Code, Problem
from tieout.matching.limits import WIDE, ZERO, quotient
from tieout.matching.orders import LinePosition, OrderPosition
from tieout.model.documents import Invoice
from tieout.model.verdict import Allocation


def prepayment_within_order(invoice: Invoice, orders: Mapping[str, OrderPosition]) -> Iterator[Problem]:
    """A prepayment names orders of ours with this supplier; all of them together ask for no more than the orders are
    worth, with the charges that were agreed."""
    worth, asked = ZERO, 0
    named = dict.fromkeys(line.order_id for line in invoice.lines if line.order_id)
    for order_id in named:
        order = orders.get(order_id)
        if order is None:
            yield Problem(Code.UNKNOWN_ORDER, "order", "an order of ours", order_id)
            continue
        if order.supplier_id != invoice.supplier_id:
            yield Problem(Code.WRONG_SUPPLIER, "order", order.supplier_id, invoice.supplier_id)
        if order.currency != invoice.currency:
            yield Problem(Code.CURRENCY_MISMATCH, "order", order.currency, invoice.currency)
            continue
        for position in order.lines.values():
            worth = WIDE.add(worth, _worth(position, order.currency))
        beside = sum(charge.amount.minor for charge in order.charges) - max(order.prepaid_minor, 0)
        worth = WIDE.add(worth, Money(beside, order.currency).amount)
        asked += sum(line.net.minor for line in invoice.lines if line.order_id == order_id)
    most = Money(max(Money.rounded(worth, invoice.currency).minor, 0), invoice.currency)
    if invoice.sign > 0 and asked > most.minor:
        told = str(Money(asked, invoice.currency))
        about = ", ".join(f"order {order_id}" for order_id in named)
        yield Problem(Code.AMOUNT_OVER_ORDERED, "net", f"at most {most}", told, "", about, f"{most} or less")


def prepayment_taken_off(
    invoice: Invoice, orders: Mapping[str, OrderPosition], allocations: tuple[Allocation, ...], unused: Money
) -> Iterator[Problem]:
    """Who was paid in advance takes it off before the order is billed in full, or is paid twice. An invoice that takes
    nothing off is looked at when less is left of its orders than was paid for them and is ``unused`` (Oracle Payables
    tells whoever enters such an invoice that prepayments are available)."""
    if invoice.sign < 0 or invoice.prepaid or invoice.purpose == "prepayment":
        return
    billed = dict.fromkeys(one.order_id for one in allocations)
    paid = {one: orders[one] for one in billed if one in orders and orders[one].prepaid_minor > 0}
    advance = min(unused.minor, sum(order.prepaid_minor for order in paid.values()))
    left = sum(_left(order, allocations).minor for order in paid.values())
    if advance > left:
        about = ", ".join(f"order {order_id}" for order_id in paid)
        rest = Money(left, invoice.currency)
        detail = (
            f"{unused} was paid in advance and is not set off; {rest} of {about} is left to bill after this invoice"
        )
        passes = "an invoice that takes it off, the prepayment paid back, or a person accepts that this is paid in full"
        yield Problem(Code.PREPAYMENT_OPEN, "prepaid", f"{unused} taken off", "nothing", "", detail, passes)


def _left(order: OrderPosition, allocations: tuple[Allocation, ...]) -> Money:
    """What is left of an order to bill, beside what these allocations do: net, without charges."""
    left = ZERO
    for line_id, position in order.lines.items():
        mine = [one for one in allocations if one.order_id == order.order_id and one.order_line_id == line_id]
        if position.closed:
            continue
        if position.by_amount or position.limit_minor is not None:
            billed = Money(position.billed_minor + sum(one.net.minor for one in mine), order.currency).amount
            left = WIDE.add(left, max(WIDE.subtract(_worth(position, order.currency), billed), ZERO))
            continue
        quantity = WIDE.subtract(position.ordered, max(position.billed, ZERO))
        for one in mine:
            quantity = WIDE.subtract(quantity, one.quantity)
        worth = quotient(WIDE.multiply(quantity, position.unit_price), position.price_per)
        left = WIDE.add(left, max(worth, ZERO))
    return Money.rounded(left, order.currency)


def asked_in_advance(invoice: Invoice, orders: Mapping[str, OrderPosition]) -> Iterator[Allocation]:
    """What a prepayment asks for on each of its orders. It bills nothing of them."""
    asked: dict[str, int] = {}
    for line in invoice.lines:
        order = orders.get(line.order_id)
        if order and order.currency == invoice.currency:
            asked[line.order_id] = asked.get(line.order_id, 0) + invoice.sign * line.net.minor
    for order_id, minor in asked.items():
        yield Allocation(order_id, "", ZERO, Money(minor, invoice.currency), prepaid=True)


def _worth(position: LinePosition, currency: str) -> Decimal:
    """What an order line comes to, in major units."""
    if position.limit_minor is not None:
        return Money(position.limit_minor, currency).amount
    return quotient(WIDE.multiply(position.ordered, position.unit_price), position.price_per)
