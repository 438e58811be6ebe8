"""Two- and three-way matching of an invoice with its orders and receipts, over cumulative quantities.

Lines that bill the same order line are judged together, with all that was billed before: one received unit never
justifies two billed units, in whichever order partial invoices come. Order lines without ``receipt_required`` are
matched two-way. Tax is no part of it. All rules run; each names what it expected, what it saw and the limit.
"""

from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal

from msgspec import Struct

from tieout.kernel.money import EXACT, Money, multiply
from tieout.kernel.problem import Code, Problem
from tieout.matching.limits import exceeds, limit_text
from tieout.matching.orders import LinePosition, OrderPosition
from tieout.model.documents import Invoice, InvoiceLine
from tieout.model.verdict import Allocation, Verdict
from tieout.policy.tolerances import Tolerances

ZERO = Decimal(0)


class Claim(Struct, frozen=True):
    """All lines of one document that bill the same order line. Quantity and net are negative on a credit note."""

    order_id: str
    order_line_id: str
    position: LinePosition
    lines: tuple[InvoiceLine, ...]
    quantity: Decimal
    net: Money

    @property
    def where(self) -> str:
        """The invoice lines it stands on."""
        return "+".join(line.line_id for line in self.lines)

    @property
    def billed_after(self) -> Decimal:
        """Everything billed on the order line, this document included."""
        return EXACT.add(self.billed_before, self.quantity)

    @property
    def billed_before(self) -> Decimal:
        """Never below nothing: crediting more than was billed opens no room above what was received."""
        return max(self.position.billed, ZERO)


Rule = Callable[[Claim, Tolerances], Iterator[Problem]]


# ── rules ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def price_within_limit(claim: Claim, tolerances: Tolerances) -> Iterator[Problem]:
    """The invoice's unit price may exceed the order's by the agreed limit. Credit notes give money back."""
    if claim.quantity < 0:
        return
    limit, expected = tolerances.price, claim.position.unit_price
    for line in claim.lines:
        if exceeds(limit, expected, line.unit_price):
            unit = f"{claim.net.currency}/{claim.position.unit}"
            yield Problem(
                Code.PRICE_OVER_LIMIT,
                line.line_id,
                f"{expected} {unit}",
                f"{line.unit_price} {unit}",
                limit_text(limit, unit),
                f"order {claim.order_id} line {claim.order_line_id}",
            )


def quantity_within_ordered(claim: Claim, tolerances: Tolerances) -> Iterator[Problem]:
    """Everything billed so far and now may exceed what was ordered by the agreed limit."""
    limit, ordered = tolerances.quantity_ordered, claim.position.ordered
    if claim.quantity > 0 and exceeds(limit, ordered, claim.billed_after):
        yield _quantity_problem(Code.QUANTITY_OVER_ORDERED, claim, ordered, limit_text(limit, claim.position.unit))


def quantity_within_received(claim: Claim, tolerances: Tolerances) -> Iterator[Problem]:
    """Everything billed so far and now may exceed what was received by the agreed limit."""
    limit, received = tolerances.quantity_received, claim.position.received
    if not claim.position.receipt_required:
        return
    if claim.quantity > 0 and exceeds(limit, received, claim.billed_after):
        yield _quantity_problem(Code.QUANTITY_OVER_RECEIVED, claim, received, limit_text(limit, claim.position.unit))


def amount_within_limit(claim: Claim, tolerances: Tolerances) -> Iterator[Problem]:
    """The net amount may exceed the order value of the billed quantity by the agreed limit."""
    limit = tolerances.amount
    expected = multiply(claim.position.unit_price, claim.quantity)
    if claim.quantity > 0 and exceeds(limit, expected, claim.net.amount):
        currency = claim.net.currency
        yield Problem(
            Code.AMOUNT_OVER_LIMIT,
            claim.where,
            f"{expected.normalize(EXACT):f} {currency}",
            str(claim.net),
            limit_text(limit, currency),
            f"order {claim.order_id} line {claim.order_line_id}",
        )


def credit_within_billed(claim: Claim, tolerances: Tolerances) -> Iterator[Problem]:
    """A credit note cannot give back more than was billed."""
    if claim.quantity < 0 and claim.billed_after < 0:
        unit = claim.position.unit
        yield Problem(
            Code.CREDIT_OVER_BILLED,
            claim.where,
            f"at most {claim.billed_before} {unit}",
            f"{-claim.quantity} {unit}",
            detail=f"order {claim.order_id} line {claim.order_line_id}",
        )


RULES: tuple[Rule, ...] = (
    price_within_limit,
    quantity_within_ordered,
    quantity_within_received,
    amount_within_limit,
    credit_within_billed,
)
"""The rules in the order we want their findings read."""


def _quantity_problem(code: Code, claim: Claim, expected: Decimal, limit: str) -> Problem:
    unit, before = claim.position.unit, claim.billed_before
    detail = f"order {claim.order_id} line {claim.order_line_id}"
    if before:
        detail += f", {before} {unit} billed before"
    return Problem(code, claim.where, f"{expected} {unit}", f"{claim.billed_after} {unit}", limit, detail)


def payable_in_full(invoice: Invoice) -> Iterator[Problem]:
    """What is prepaid or withheld has to be set off in the ledger by a person before the rest is paid; what the
    supplier collects itself is never paid by transfer."""
    for what, amount in (("prepaid", invoice.prepaid), ("withheld", invoice.withheld)):
        if amount:
            detail = f"{amount} is {what}"
            yield Problem(Code.PARTLY_PAYABLE, what, str(invoice.gross), str(abs(invoice.payable)), detail=detail)
    if invoice.collected:
        nothing, detail = str(Money.zero(invoice.currency)), "the supplier collects it by direct debit or card"
        yield Problem(Code.PARTLY_PAYABLE, "collected", str(invoice.gross), nothing, detail=detail)


# ── pairing ────────────────────────────────────────────────────────────────────────────────────────────────────────


def pair(invoice: Invoice, orders: Mapping[str, OrderPosition]) -> tuple[tuple[Claim, ...], tuple[Problem, ...]]:
    """Find the order line that each invoice line bills. What cannot be paired is a problem and makes no claim."""
    problems: list[Problem] = []
    lines: dict[tuple[str, str], list[InvoiceLine]] = {}
    for line in invoice.lines:
        found = tuple(_pairing_problems(invoice, line, orders))
        problems += found
        if not found:
            lines.setdefault((line.order_id, line.order_line_id), []).append(line)
    return tuple(_claim(invoice, key, group, orders) for key, group in lines.items()), tuple(problems)


def _pairing_problems(invoice: Invoice, line: InvoiceLine, orders: Mapping[str, OrderPosition]) -> Iterator[Problem]:
    order = orders.get(line.order_id)
    if order is None:
        if line.order_id:
            yield Problem(Code.UNKNOWN_ORDER, line.line_id, "an order of ours", line.order_id)
        else:
            detail = "other lines of the invoice do"
            yield Problem(Code.UNKNOWN_ORDER_LINE, line.line_id, "an order line", "none", detail=detail)
        return
    if order.supplier_id != invoice.supplier_id:
        yield Problem(Code.WRONG_SUPPLIER, line.line_id, order.supplier_id, invoice.supplier_id)
    if order.currency != invoice.currency:
        yield Problem(Code.CURRENCY_MISMATCH, line.line_id, order.currency, invoice.currency)
    position = order.lines.get(line.order_line_id)
    if position is None:
        known = f"a line of order {line.order_id}"
        yield Problem(Code.UNKNOWN_ORDER_LINE, line.line_id, known, line.order_line_id or "none")
    elif position.unit != line.unit:
        yield Problem(Code.UNIT_MISMATCH, line.line_id, position.unit, line.unit)


def _claim(
    invoice: Invoice, key: tuple[str, str], lines: list[InvoiceLine], orders: Mapping[str, OrderPosition]
) -> Claim:
    order_id, order_line_id = key
    quantity, minor, sign = ZERO, 0, invoice.sign
    for line in lines:
        quantity = EXACT.add(quantity, line.quantity)
        minor += line.net.minor
    if sign < 0:
        quantity = -quantity
    position = orders[order_id].lines[order_line_id]
    return Claim(order_id, order_line_id, position, tuple(lines), quantity, Money(sign * minor, invoice.currency))


def allocate(invoice: Invoice, orders: Mapping[str, OrderPosition]) -> tuple[Allocation, ...]:
    """What the invoice bills of its orders, as far as its lines can be paired, whether or not it is within limits."""
    return _allocations(pair(invoice, orders)[0])


def _allocations(claims: tuple[Claim, ...]) -> tuple[Allocation, ...]:
    return tuple(Allocation(claim.order_id, claim.order_line_id, claim.quantity, claim.net) for claim in claims)


def match(
    invoice: Invoice, orders: Mapping[str, OrderPosition], tolerances: Tolerances, policy_version: str
) -> Verdict:
    """Compare an invoice with its orders and receipts. ``orders`` holds those that are known, by order id."""
    claims, problems = pair(invoice, orders)
    problems += tuple(payable_in_full(invoice))
    problems += tuple(problem for claim in claims for rule in RULES for problem in rule(claim, tolerances))
    if not problems:
        return Verdict(True, (), _allocations(claims), policy_version)
    waits = any(problem.code is Code.QUANTITY_OVER_RECEIVED for problem in problems)
    return Verdict(False, problems, (), policy_version, waits)
