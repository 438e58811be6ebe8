"""Which order line does each invoice line bill? Pairing by what the lines name, before any rule is asked.

Lines that bill the same order line make one claim, so they are judged together with all that was billed before.
"""

from collections.abc import Iterator, Mapping
from decimal import ROUND_DOWN, ROUND_HALF_EVEN, Context, Decimal, InvalidOperation
from typing import Literal

from msgspec import Struct

from tieout.kernel.money import Money, minor_digits
from tieout.kernel.problem import Code, Problem
from tieout.matching.limits import ONE, WIDE, ZERO
from tieout.matching.orders import LinePosition, OrderPosition
from tieout.matching.units import SAME, Ratio, ratio
from tieout.model.documents import Invoice, InvoiceLine, OrderCharge

Kind = Literal["goods", "amount", "value_only", "retainage_release"]
"""How a claim is judged: by quantity and price, by amount, as a change of value, or as a release of what was kept."""

#: A share of a unit that is no decimal (a twelfth of a dozen) is counted down to this.
_SMALLEST = Decimal("1e-18")
#: What so many of them can miss together, and the decimals that a quantity otherwise has.
_DRIFT, _NEAR = Decimal("1e-15"), Decimal("1e-12")
_COUNTED = Context(prec=60, rounding=ROUND_DOWN, traps=[InvalidOperation])


class Part(Struct, frozen=True, gc=False):
    """What a claim bills of one receipt: a quantity in ``scale`` parts of the unit, and minor units."""

    receipt_id: str
    scaled: Decimal
    minor: int


class Claim(Struct, frozen=True):
    """All lines of one document that bill the same order line. Amounts and quantities are negative on a credit note.

    ``scaled`` is the quantity in ``scale`` parts of the order line's unit, so it is exact in any unit. ``retained`` is
    withheld of it, in minor units. ``parts`` are kept for lines that are matched to their receipts.
    """

    kind: Kind
    invoice: Invoice
    order: OrderPosition
    order_line_id: str
    position: LinePosition
    lines: tuple[InvoiceLine, ...]
    ratios: tuple[Ratio, ...]
    scaled: Decimal
    scale: Decimal
    minor: int
    where: str
    about: str
    retained: int = 0
    parts: tuple[Part, ...] = ()

    @property
    def quantity(self) -> Decimal:
        """The quantity in the order line's unit; a share that is no decimal is counted down."""
        return counted(self.scaled, self.scale)

    @property
    def net(self) -> Money:
        """The net amount of the lines."""
        return Money(self.minor, self.invoice.currency)

    @property
    def before(self) -> Decimal:
        """What was billed before. Below nothing only by what a credit note gave back of this very invoice: crediting
        more than was billed opens no room."""
        position = self.position
        if position.billed >= ZERO:
            return position.billed
        return max(position.billed, position.credited.copy_negate())

    @property
    def after(self) -> Decimal:
        """Everything billed, this document included, in ``scale`` parts of the unit."""
        if self.scale is ONE:
            return WIDE.add(self.before, self.scaled)
        return WIDE.add(WIDE.multiply(self.before, self.scale), self.scaled)

    @property
    def minor_before(self) -> int:
        """The net amount billed before, in minor units; below nothing as the quantity may be."""
        return max(self.position.billed_minor, -self.position.credited_minor)

    def major(self, minor: int) -> Decimal:
        """Minor units of the document's currency in major units."""
        return Decimal(minor).scaleb(-minor_digits(self.invoice.currency), WIDE)


def counted(scaled: Decimal, scale: Decimal) -> Decimal:
    """A quantity without its scale; a share that is no decimal is counted down."""
    if scale is ONE:
        return scaled
    return _COUNTED.divide(scaled, scale).quantize(_SMALLEST, ROUND_DOWN, _COUNTED).normalize(_COUNTED)


def added_up(quantity: Decimal) -> Decimal:
    """A sum of quantities without what was cut off when they were counted down: twelve twelfths are one."""
    near = quantity.quantize(_NEAR, ROUND_HALF_EVEN, _COUNTED)
    drift = _COUNTED.abs(_COUNTED.subtract(near, quantity))
    return near.normalize(_COUNTED) if ZERO < drift <= _DRIFT else quantity


class ChargeClaim(Struct, frozen=True):
    """Lines that bill a condition of an order, or (without one) something that was not agreed. ``minor`` is signed."""

    order: OrderPosition | None
    charge: OrderCharge | None
    where: str
    minor: int


class Pairing(Struct, frozen=True):
    """What an invoice bills, as far as its lines say, and what of them cannot be paired."""

    claims: tuple[Claim, ...]
    charges: tuple[ChargeClaim, ...]
    problems: tuple[Problem, ...]


NOTHING = Pairing((), (), ())
"""What is not matched with order lines, such as a prepayment."""

_Group = list[tuple[InvoiceLine, Ratio]]


def pair(invoice: Invoice, orders: Mapping[str, OrderPosition], *, accepted: bool = False) -> Pairing:
    """Find the order line or the condition that each invoice line bills. What cannot be paired makes no claim. One in
    another currency that a person has ``accepted`` bills the goods all the same, so that nobody bills them again."""
    problems: list[Problem] = []
    groups: dict[tuple[str, str], _Group] = {}
    retained: list[InvoiceLine] = []
    charged: list[InvoiceLine] = []
    supplier, currency = invoice.supplier_id, invoice.currency
    for line in invoice.lines:
        order = orders.get(line.order_id)
        position = order.lines.get(line.order_line_id) if order else None
        if line.kind == "retainage":
            retained.append(line)
        elif line.kind != "item" and _beside(line, position) and (order is not None or not line.order_id):
            charged.append(line)
        elif (
            order is None
            or position is None
            or order.supplier_id != supplier
            or (order.currency != currency and not accepted)
            or (factor := SAME if position.unit == line.unit else _ratio(line, position)) is None
        ):
            problems += _problems(invoice, line, order, position)
        else:
            groups.setdefault((line.order_id, line.order_line_id), []).append((line, factor))
    kept = _kept(retained, groups, problems)
    claims = tuple(_claim(invoice, orders[key[0]], key[1], group, kept.get(key, 0)) for key, group in groups.items())
    charges = tuple(_charges(invoice, charged, orders, groups, problems)) if charged else ()
    return Pairing(claims, charges, tuple(problems))


def _beside(line: InvoiceLine, position: LinePosition | None) -> bool:
    """Whether a charge or an allowance stands beside the goods. Freight may be ordered as a line of its own; an
    allowance is never a quantity of the line it is for."""
    return position is None or line.kind == "allowance"


def _ratio(line: InvoiceLine, position: LinePosition) -> Ratio | None:
    """How the line's unit converts. What is matched by amount is not counted, so its unit does not matter."""
    return SAME if position.by_amount else ratio(line.unit, position.unit, position.units)


def _problems(
    invoice: Invoice, line: InvoiceLine, order: OrderPosition | None, position: LinePosition | None
) -> Iterator[Problem]:
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
    if position is None:
        known = f"a line of order {line.order_id}"
        yield Problem(Code.UNKNOWN_ORDER_LINE, line.line_id, known, line.order_line_id or "none")
    elif _ratio(line, position) is None:
        yield Problem(Code.UNIT_MISMATCH, line.line_id, position.unit, line.unit)


def _claim(invoice: Invoice, order: OrderPosition, order_line_id: str, group: _Group, retained: int) -> Claim:
    position = order.lines[order_line_id]
    kind: Kind = "goods"
    if invoice.purpose == "retainage_release":
        kind = "retainage_release"
    elif position.by_amount:
        kind = "amount"
    elif invoice.purpose == "value_only":
        kind = "value_only"
    sign = invoice.sign
    lines = tuple(line for line, _ in group)
    ratios = tuple(factor for _, factor in group)
    scale, quantities = _common(group)
    minor = sum(line.net.minor for line in lines)
    total = quantities[0] if len(quantities) == 1 else _sum(quantities)
    if kind != "goods":
        total = ZERO
    where = lines[0].line_id if len(lines) == 1 else "+".join(line.line_id for line in lines)
    parts = _parts(position, lines, quantities, scale, sign) if position.matched_to_receipt and kind == "goods" else ()
    return Claim(
        kind,
        invoice,
        order,
        order_line_id,
        position,
        lines,
        ratios,
        total if sign > 0 else WIDE.minus(total),
        scale,
        minor if sign > 0 else -minor,
        where,
        f"order {order.order_id} line {order_line_id}",
        retained if sign > 0 else -retained,
        parts,
    )


def _common(group: _Group) -> tuple[Decimal, list[Decimal]]:
    """A scale in which all quantities of the group are exact, and the quantities in it."""
    if all(factor is SAME for _, factor in group):
        return ONE, [line.quantity for line, _ in group]
    scale = ONE
    for denominator in dict.fromkeys(factor[1] for _, factor in group):
        scale = WIDE.multiply(scale, denominator)
    counted = []
    for line, (numerator, denominator) in group:
        parts = WIDE.divide(scale, denominator)
        counted.append(WIDE.multiply(WIDE.multiply(line.quantity, numerator), parts))
    return (ONE if scale == ONE else scale), counted


def _sum(values: list[Decimal]) -> Decimal:
    total = ZERO
    for value in values:
        total = WIDE.add(total, value)
    return total


# ── receipts ───────────────────────────────────────────────────────────────────────────────────────────────────────


def _parts(
    position: LinePosition, lines: tuple[InvoiceLine, ...], counted: list[Decimal], scale: Decimal, sign: int
) -> tuple[Part, ...]:
    """What is billed of each receipt: of the one that a line names, or of the oldest that are open (for a credit note,
    that were billed). What no receipt has room for stands on the last of them."""
    taken: dict[str, tuple[Decimal, int]] = {}
    for line, quantity in zip(lines, counted, strict=True):
        for receipt_id, part in _spread(position, line, quantity, scale, sign, taken):
            before = taken.get(receipt_id, (ZERO, 0))
            minor = line.net.minor if part == quantity else _share(line.net.minor, part, quantity)
            taken[receipt_id] = (WIDE.add(before[0], part), before[1] + minor)
    drift = sum(line.net.minor for line in lines) - sum(minor for _, minor in taken.values())
    parts = [Part(one, quantity, minor) for one, (quantity, minor) in taken.items()]
    if drift:
        parts[-1] = Part(parts[-1].receipt_id, parts[-1].scaled, parts[-1].minor + drift)
    if sign > 0:
        return tuple(parts)
    return tuple(Part(one.receipt_id, WIDE.minus(one.scaled), -one.minor) for one in parts)


def _spread(
    position: LinePosition,
    line: InvoiceLine,
    quantity: Decimal,
    scale: Decimal,
    sign: int,
    taken: dict[str, tuple[Decimal, int]],
) -> Iterator[tuple[str, Decimal]]:
    if line.receipt_id or not position.receipts:
        yield line.receipt_id, quantity
        return
    left = quantity
    for receipt_id, receipt in position.receipts.items():
        billed = max(receipt.billed, receipt.credited.copy_negate())
        room = WIDE.multiply(billed if sign < 0 else WIDE.subtract(receipt.received, billed), scale)
        room = WIDE.subtract(room, taken.get(receipt_id, (ZERO, 0))[0])
        if room > ZERO and left > ZERO:
            part = min(room, left)
            left = WIDE.subtract(left, part)
            yield receipt_id, part
    if left > ZERO or quantity <= ZERO:
        yield receipt_id, left


def _share(minor: int, part: Decimal, whole: Decimal) -> int:
    """The part of an amount that goes with a part of its quantity, in whole minor units, rounded down."""
    return int(WIDE.divide_int(WIDE.multiply(Decimal(minor), part), whole))


# ── what is withheld, and what is charged beside the goods ─────────────────────────────────────────────────────────


def _kept(
    lines: list[InvoiceLine], groups: dict[tuple[str, str], _Group], problems: list[Problem]
) -> dict[tuple[str, str], int]:
    """What is withheld of each order line. A line that names none belongs to the only one that is billed."""
    kept: dict[tuple[str, str], int] = {}
    for line in lines:
        key = (line.order_id, line.order_line_id)
        if not line.order_line_id and len(groups) == 1:
            key = next(iter(groups))
        if key in groups:
            kept[key] = kept.get(key, 0) - line.net.minor
        else:
            expected = "the order line it is withheld of"
            problems.append(Problem(Code.UNKNOWN_ORDER_LINE, line.line_id, expected, line.order_line_id or "none"))
    return kept


def _charges(
    invoice: Invoice,
    lines: list[InvoiceLine],
    orders: Mapping[str, OrderPosition],
    groups: dict[tuple[str, str], _Group],
    problems: list[Problem],
) -> Iterator[ChargeClaim]:
    """Match charges with the conditions of their order: the one that is named, or the first of its kind with room."""
    billed = {order_id for order_id, _ in groups}
    used: dict[tuple[str, str], int] = {}
    for line in lines:
        order_id = line.order_id or (next(iter(billed)) if len(billed) == 1 else "")
        order = orders.get(order_id)
        minor = invoice.sign * line.net.minor
        if order and order.supplier_id != invoice.supplier_id:
            problems.append(Problem(Code.WRONG_SUPPLIER, line.line_id, order.supplier_id, invoice.supplier_id))
            continue
        if order and order.currency != invoice.currency:
            problems.append(Problem(Code.CURRENCY_MISMATCH, line.line_id, order.currency, invoice.currency))
            continue
        charge = _condition(line, order, minor, used) if order else None
        if charge and order:
            key = (order.order_id, charge.charge_id)
            used[key] = used.get(key, 0) + minor
        yield ChargeClaim(order, charge, line.line_id, minor)


def _condition(
    line: InvoiceLine, order: OrderPosition, minor: int, used: dict[tuple[str, str], int]
) -> OrderCharge | None:
    named = [one for one in order.charges if one.charge_id == line.order_line_id]
    same = named or [one for one in order.charges if one.kind == line.kind]
    for charge in same:
        before = order.charged_minor.get(charge.charge_id, 0) + used.get((order.order_id, charge.charge_id), 0)
        lowest, highest = sorted((0, charge.amount.minor))
        if lowest <= before + minor <= highest:
            return charge
    return same[-1] if same else None
