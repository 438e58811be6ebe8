"""The invoice as a whole: charges beside the goods, tax, totals and the conversion rate."""

from collections.abc import Iterator
from decimal import Decimal

from msgspec import Struct

from tieout.kernel.money import Money
from tieout.kernel.problem import Code, Problem
from tieout.matching.claims import ChargeClaim, Claim, Pairing
from tieout.matching.limits import HUNDREDTH, ONE, WIDE, ZERO, Bound, compared, quotient
from tieout.matching.orders import OrderPosition
from tieout.matching.plan import Plan
from tieout.matching.rules.amount import order_value, to_minor_unit
from tieout.model.documents import Invoice, OrderCharge
from tieout.model.verdict import Check


class Whole(Struct, frozen=True):
    """An invoice with all it bills."""

    invoice: Invoice
    pairing: Pairing

    @property
    def claims(self) -> tuple[Claim, ...]:
        """What it bills of order lines."""
        return self.pairing.claims


def planned_charges_within_limit(whole: Whole, plan: Plan) -> Iterator[Check]:
    """Freight and charges that the order agreed to may exceed it by a limit of their own, all invoices together (SAP
    Help, tolerance key KW). They are matched with the condition of the order, never with the goods."""
    billed: dict[tuple[str, str], tuple[OrderPosition, OrderCharge, list[ChargeClaim]]] = {}
    for one in whole.pairing.charges:
        if one.order and one.charge and one.charge.kind != "allowance":
            key = (one.order.order_id, one.charge.charge_id)
            billed.setdefault(key, (one.order, one.charge, []))[2].append(one)
    for (order_id, charge_id), (order, charge, claims) in billed.items():
        before = max(order.charged_minor.get(charge_id, 0), 0)
        now = sum(one.minor for one in claims)
        if now <= 0:
            continue
        currency = whole.invoice.currency
        actual = Money(before + now, currency).amount
        where, about = "+".join(one.where for one in claims), f"order {order_id} {charge.kind} {charge_id}"
        for bound in plan.of("freight"):
            yield compared(bound, where, about, currency, charge.amount.amount, actual, ONE)


def unplanned_charges_within_ceiling(whole: Whole, plan: Plan) -> Iterator[Check | Problem]:
    """Freight and charges that nobody agreed to have a ceiling of their own, in percent of the goods or as an amount;
    where the policy refuses them, a person decides."""
    lines = [one for one in whole.pairing.charges if one.charge is None and one.minor > 0]
    if not lines:
        return
    currency = whole.invoice.currency
    asked = Money(sum(one.minor for one in lines), currency)
    where = "+".join(one.where for one in lines)
    if plan.unplanned_charges == "refuse":
        passes = "the charge is added to the order, or a person accepts it"
        yield Problem(Code.CHARGE_NOT_AGREED, where, "no charge", str(asked), "zero", "not in the order", passes)
        return
    goods = Money(sum(claim.minor for claim in whole.claims), currency).amount
    for bound in plan.of("unplanned"):
        yield compared(bound, where, "not in the order", currency, ZERO, asked.amount, ONE, goods)


def allowance_given(whole: Whole, plan: Plan) -> Iterator[Problem]:
    """An allowance that the order agreed to has been given when its last line is billed. One that it did not agree to
    makes no room for a higher price: prices are compared without allowances."""
    for order in {claim.order.order_id: claim.order for claim in whole.claims if claim.scaled > ZERO}.values():
        agreed = [charge for charge in order.charges if charge.kind == "allowance"]
        if not agreed or not _completes(order, whole.claims):
            continue
        for charge in agreed:
            now = sum(one.minor for one in whole.pairing.charges if one.order is order and one.charge is charge)
            given = order.charged_minor.get(charge.charge_id, 0) + now
            if given > charge.amount.minor:
                told = str(Money(given, whole.invoice.currency))
                about = f"order {order.order_id} allowance {charge.charge_id}"
                passes = f"an allowance of {charge.amount} in all"
                yield Problem(Code.CHARGE_OVER_AGREED, "allowance", str(charge.amount), told, "", about, passes)


def _completes(order: OrderPosition, claims: tuple[Claim, ...]) -> bool:
    """Whether nothing of the order is left to bill after these claims."""
    now = {claim.order_line_id: claim for claim in claims if claim.order is order}
    for line_id, line in order.lines.items():
        claim = now.get(line_id)
        billed, scale = (claim.after, claim.scale) if claim else (line.billed, ONE)
        if billed < WIDE.multiply(line.ordered, scale):
            return False
    return True


def tax_within_limit(whole: Whole, plan: Plan) -> Iterator[Check]:
    """The tax may differ from what the order lines' rates come to (the invoice's, where the order says none) by limits
    of its own. No other check looks at tax."""
    for bound in plan.of("tax") + plan.of("tax_under"):
        expected = _tax(whole, bound)
        yield compared(bound, "tax", _orders(whole), whole.invoice.currency, expected, whole.invoice.tax.amount, ONE)


def _tax(whole: Whole, bound: Bound) -> Decimal:
    currency = whole.invoice.currency
    agreed = {line.line_id: claim.position.tax_rate for claim in whole.claims for line in claim.lines}
    total = ZERO
    for line in whole.invoice.lines:
        rate = agreed.get(line.line_id)
        rate = line.tax_rate if rate is None else rate
        tax = WIDE.multiply(WIDE.multiply(line.net.amount, rate), HUNDREDTH)
        if bound.rounding == "line":
            tax = to_minor_unit(tax, currency, bound.rounding_mode)
        total = WIDE.add(total, tax)
    return to_minor_unit(total, currency, bound.rounding_mode) if bound.rounding == "document" else total


def total_within_limit(whole: Whole, plan: Plan) -> Iterator[Check]:
    """The net of the whole invoice may differ from what its quantities cost at the orders' prices, with the charges
    that were agreed, by the limits of a total. What is withheld of it does not lower it."""
    claims = [claim for claim in whole.claims if claim.kind == "goods"]
    if whole.invoice.sign < 0 or len(claims) != len(whole.claims) or not claims:
        return
    currency = whole.invoice.currency
    for bound in plan.of("total") + plan.of("total_under"):
        expected = ZERO
        for claim in claims:
            value, scale = order_value(claim, claim.scaled, claim.scale, bound)
            expected = WIDE.add(expected, quotient(value, scale))
        for one in whole.pairing.charges:
            expected = WIDE.add(expected, Money(_agreed(one), currency).amount)
        billed = (line.net.minor for line in whole.invoice.lines if line.kind != "retainage")
        yield compared(bound, "net", _orders(whole), currency, expected, Money(sum(billed), currency).amount, ONE)


def _agreed(one: ChargeClaim) -> int:
    """As much of a charge or an allowance as its condition has room for, in minor units; nothing without one."""
    if one.order is None or one.charge is None:
        return 0
    whole = one.charge.amount.minor
    room = whole - one.order.charged_minor.get(one.charge.charge_id, 0)
    return max(0, min(one.minor, room)) if whole > 0 else min(0, max(one.minor, room))


def schedules_within_limit(whole: Whole, plan: Plan) -> Iterator[Check]:
    """All that was billed on the order lines of the invoice may exceed what they were ordered for by one amount."""
    claims = [claim for claim in whole.claims if claim.kind == "goods" and claim.scaled > ZERO]
    if not claims:
        return
    for bound in plan.of("schedule_total"):
        expected, actual = ZERO, ZERO
        for claim in claims:
            value, scale = order_value(claim, claim.position.ordered, ONE, bound)
            expected = WIDE.add(expected, quotient(value, scale))
            actual = WIDE.add(actual, claim.major(claim.minor_before + claim.minor))
        yield compared(bound, "net", _orders(whole), whole.invoice.currency, expected, actual, ONE)


def conversion_rate_within_limit(whole: Whole, plan: Plan) -> Iterator[Check]:
    """What the invoice's conversion rate makes of it in our own currency may exceed what the order's rate does by an
    amount in our own currency (Oracle Financials help, invoice tolerances: conversion rate amount). Rates into two
    different currencies cannot be compared."""
    invoice = whole.invoice
    rate = invoice.conversion_rate
    if rate is None or invoice.sign < 0:
        return
    by_order: dict[str, list[Claim]] = {}
    for claim in whole.claims:
        by_order.setdefault(claim.order.order_id, []).append(claim)
    for order_id, claims in by_order.items():
        order = claims[0].order
        planned, per = order.conversion_rate, order.conversion_per
        if planned is None or invoice.converted_to not in ("", order.converted_to or invoice.converted_to):
            continue
        net = Money(sum(claim.minor for claim in claims), invoice.currency).amount
        expected = WIDE.multiply(WIDE.multiply(net, planned), invoice.conversion_per)
        actual = WIDE.multiply(WIDE.multiply(net, rate), per)
        scale = ONE if per == invoice.conversion_per == ONE else WIDE.multiply(per, invoice.conversion_per)
        about = f"order {order_id} at {planned:f}" + (f" for {per:f}" if per != ONE else "")
        for bound in plan.of("conversion_rate"):
            yield compared(bound, "conversion_rate", about, "in own currency", expected, actual, scale)


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


def _orders(whole: Whole) -> str:
    """The orders that the invoice bills, in words."""
    ids = dict.fromkeys(claim.order.order_id for claim in whole.claims)
    return ", ".join(f"order {order_id}" for order_id in ids)
