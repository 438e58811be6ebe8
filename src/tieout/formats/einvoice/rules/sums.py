"""The sums of EN 16931 (BR-CO-10 to BR-CO-17): a document that breaks one of them disagrees with itself."""

from collections.abc import Iterator
from decimal import Decimal

from tieout.formats.einvoice.rules.rule import ONE, ZERO, Rule, Verdict, Weight, add, compare, negated, rounded, shown
from tieout.formats.einvoice.semantic import SemanticInvoice
from tieout.kernel.money import EXACT, multiply


def line_total(invoice: SemanticInvoice) -> Iterator[Verdict]:
    """BR-CO-10."""
    computed = rounded(add(line.net for line in invoice.lines), invoice.currency)
    yield compare(invoice.totals.where, invoice.totals.lines, computed, invoice.currency)


def allowance_total(invoice: SemanticInvoice) -> Iterator[Verdict]:
    """BR-CO-11."""
    yield _of_parts(invoice, invoice.totals.allowances, is_charge=False)


def charge_total(invoice: SemanticInvoice) -> Iterator[Verdict]:
    """BR-CO-12."""
    yield _of_parts(invoice, invoice.totals.charges, is_charge=True)


def _of_parts(invoice: SemanticInvoice, declared: Decimal | None, *, is_charge: bool) -> Verdict:
    """No total is right exactly where there are no parts."""
    parts = [part.amount for part in invoice.allowances_charges if part.is_charge is is_charge]
    if declared is None and not parts:
        return Verdict(invoice.totals.where, True, shown(ZERO, invoice.currency), shown(ZERO, invoice.currency))
    return compare(invoice.totals.where, declared, rounded(add(parts), invoice.currency), invoice.currency)


def net_total(invoice: SemanticInvoice) -> Iterator[Verdict]:
    """BR-CO-13."""
    totals = invoice.totals
    computed = None
    if totals.lines is not None:
        parts = (totals.lines, totals.charges, negated(totals.allowances))
        computed = rounded(add(parts), invoice.currency)
    yield compare(totals.where, totals.net, computed, invoice.currency)


def tax_total(invoice: SemanticInvoice) -> Iterator[Verdict]:
    """BR-CO-14. A total without a breakdown has nothing to be compared with."""
    if invoice.taxes:
        computed = rounded(add(part.amount for part in invoice.taxes), invoice.currency)
        yield compare(invoice.totals.where, invoice.totals.tax, computed, invoice.currency)


def gross_total(invoice: SemanticInvoice) -> Iterator[Verdict]:
    """BR-CO-15. An invoice without a currency (BT-5) has no VAT total in it."""
    totals = invoice.totals
    if not invoice.currency:
        return
    computed = None
    if totals.net is not None and totals.tax is not None:
        computed = rounded(EXACT.add(totals.net, totals.tax), invoice.currency)
    yield compare(totals.where, totals.gross, computed, invoice.currency)


def due_total(invoice: SemanticInvoice) -> Iterator[Verdict]:
    """BR-CO-16."""
    totals = invoice.totals
    computed = None
    if totals.gross is not None:
        computed = rounded(add((totals.gross, negated(totals.prepaid), totals.rounding)), invoice.currency)
    yield compare(totals.where, totals.payable, computed, invoice.currency)


def tax_of_each_category(invoice: SemanticInvoice) -> Iterator[Verdict]:
    """BR-CO-17. The official rule lets the VAT be off by less than one unit of the currency; so does this one."""
    for part in invoice.taxes:
        if part.amount is None:
            continue
        rate = part.tax.rate or ZERO
        computed = tax_at(part.taxable or ZERO, rate, invoice.currency)
        slack = EXACT.subtract(part.amount, computed).copy_abs()
        declared = shown(part.amount, invoice.currency)
        yield Verdict(part.where, slack < ONE, declared, shown(computed, invoice.currency))


def tax_at(base: Decimal, rate: Decimal, currency: str) -> Decimal:
    """VAT on a base, rounded away from zero at the half (the rule takes the absolute value)."""
    computed = rounded(multiply(base, EXACT.scaleb(rate, -2)).copy_abs(), currency)
    return computed.copy_sign(base) if computed else computed


RULES = (
    Rule("BR-CO-10", "sum of line net amounts (BT-106)", line_total, Weight.SUM),
    Rule("BR-CO-11", "sum of allowances (BT-107)", allowance_total, Weight.SUM),
    Rule("BR-CO-12", "sum of charges (BT-108)", charge_total, Weight.SUM),
    Rule("BR-CO-13", "total without VAT (BT-109)", net_total, Weight.SUM),
    Rule("BR-CO-14", "VAT total (BT-110)", tax_total, Weight.SUM),
    Rule("BR-CO-15", "total with VAT (BT-112)", gross_total, Weight.SUM),
    Rule("BR-CO-16", "amount due (BT-115)", due_total, Weight.SUM),
    Rule("BR-CO-17", "VAT of one category (BT-117)", tax_of_each_category, Weight.SUM),
)
