"""Orders and invoices for the tests of matching: a line of 100 EA at 10.00 EUR, all of it received."""

from datetime import date
from decimal import Decimal
from typing import Any

from msgspec.structs import replace

from tieout.kernel.money import EXACT, Money
from tieout.matching.orders import LinePosition, OrderPosition
from tieout.matching.three_way import match
from tieout.model.documents import Invoice, InvoiceKind, InvoiceLine
from tieout.model.verdict import Verdict
from tieout.policy.tolerances import Limit, Tolerances

D = Decimal
LINE = LinePosition(D(100), "EA", D(10), received=D(100))
CREDIT = InvoiceKind.CREDIT_NOTE


def eur(amount: str) -> Money:
    return Money.of(D(amount), "EUR")


def position(**changes: Any) -> LinePosition:
    return replace(LINE, **changes)


def order(*lines: LinePosition, **changes: Any) -> OrderPosition:
    numbered = {str(number): one for number, one in enumerate(lines or (LINE,), 1)}
    return replace(OrderPosition("PO-1", "sup_1", "EUR", numbered), **changes)


def line(quantity: str = "100", price: str = "10", net: str = "", **changes: Any) -> InvoiceLine:
    """A line whose net is quantity times price by the price unit, rounded, unless it is given."""
    per = changes.get("price_per", D(1))
    product = EXACT.multiply(D(quantity), D(price)) / per
    whole = InvoiceLine(
        line_id="1",
        quantity=D(quantity),
        unit="EA",
        unit_price=D(price),
        net=eur(net) if net else Money.rounded(product, "EUR"),
        order_id="PO-1",
        order_line_id="1",
    )
    return replace(whole, **changes)


def beside(kind: str, amount: str, line_id: str = "F", **changes: Any) -> InvoiceLine:
    """Freight, a charge, an allowance or a retainage."""
    return line("1", amount, kind=kind, line_id=line_id, **{"order_line_id": ""} | changes)


def invoice(*lines: InvoiceLine, **changes: Any) -> Invoice:
    """Its net is the sum of its lines; its tax is none unless it is given."""
    net = Money(sum(one.net.minor for one in lines), "EUR")
    tax = changes.pop("tax", eur("0"))
    whole = Invoice(
        kind=InvoiceKind.INVOICE,
        number="R-1",
        entity="de",
        supplier_id="sup_1",
        supplier_tax_id="DE1",
        supplier_name="S",
        currency="EUR",
        issued_on=date(2026, 5, 1),
        due_on=date(2026, 5, 31),
        lines=lines,
        net=net,
        tax=tax,
        gross=net + tax,
    )
    return replace(whole, **changes)


def judge(document: Invoice, *orders: OrderPosition, tolerances: Tolerances | None = None) -> Verdict:
    known = {one.order_id: one for one in orders or (order(),)}
    return match(document, known, tolerances or Tolerances(), "v1")


def value(percent: str | None = None, amount: str | None = None, **how: Any) -> Limit:
    numbers = {name: D(given) for name, given in (("percent", percent), ("amount", amount)) if given is not None}
    return Limit(kind="value", **numbers, **how)


def failed(verdict: Verdict) -> list[tuple[str, str, str, str]]:
    """The rule, the expected and the actual value and the limit of every check that failed."""
    return [
        (one.rule, f"{one.expected.normalize():f}", f"{one.actual.normalize():f}", _plain(one.limit))
        for one in verdict.checks
        if not one.passed
    ]


def _plain(limit: Decimal | None) -> str:
    return "" if limit is None else f"{limit.normalize():f}"
