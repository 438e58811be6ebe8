"""Is an invoice right in itself? Sums, tax, currencies and dates, exactly; nothing else is looked at."""

from collections.abc import Iterator
from decimal import Decimal

from tieout.kernel.money import EXACT, Money, multiply, priced
from tieout.kernel.problem import Code, Problem
from tieout.model.documents import Invoice

_HUNDREDTH = Decimal("0.01")


def invoice_problems(invoice: Invoice) -> Iterator[Problem]:
    """Everything that is wrong with the invoice as it stands on paper."""
    if not invoice.lines:
        yield Problem(Code.MISSING_FIELD, "lines", "at least one line", "none")
        return
    currencies = {line.net.currency for line in invoice.lines} | {
        invoice.net.currency,
        invoice.tax.currency,
        invoice.gross.currency,
    }
    if currencies != {invoice.currency}:
        yield Problem(Code.CURRENCY_MISMATCH, "amounts", invoice.currency, ", ".join(sorted(currencies)))
        return
    yield from _sums(invoice)
    yield from _tax(invoice)
    yield from _lines(invoice)
    if invoice.gross.minor < 0:
        yield Problem(Code.BAD_VALUE, "gross", "zero or more; a credit note has a kind of its own", str(invoice.gross))
    if invoice.due_on < invoice.issued_on:
        yield Problem(Code.BAD_VALUE, "due_on", f"{invoice.issued_on} or later", f"{invoice.due_on}")


def _sums(invoice: Invoice) -> Iterator[Problem]:
    net = sum(line.net.minor for line in invoice.lines)
    if net != invoice.net.minor:
        told = str(Money(net, invoice.currency))
        yield Problem(Code.TOTALS_DISAGREE, "net", told, str(invoice.net), detail="the sum of the lines")
    gross = invoice.net.minor + invoice.tax.minor
    if gross != invoice.gross.minor:
        told = str(Money(gross, invoice.currency))
        yield Problem(Code.TOTALS_DISAGREE, "gross", told, str(invoice.gross), detail="net and tax together")


def _tax(invoice: Invoice) -> Iterator[Problem]:
    """Tax follows from the lines' rates. It may be rounded line by line or per rate, so each taxed line allows one
    minor unit; without a taxed line it is exactly nothing."""
    by_rate: dict[Decimal, int] = {}
    for line in invoice.lines:
        by_rate[line.tax_rate] = by_rate.get(line.tax_rate, 0) + line.net.minor
    expected = Decimal(0)
    for rate, minor in by_rate.items():
        expected = EXACT.add(expected, multiply(multiply(Decimal(minor), rate), _HUNDREDTH))
    allowed = sum(1 for line in invoice.lines if line.tax_rate)
    if abs(EXACT.subtract(Decimal(invoice.tax.minor), expected)) > allowed:
        told = Money(int(expected.to_integral_value()), invoice.currency)
        limit = str(Money(allowed, invoice.currency))
        yield Problem(Code.TOTALS_DISAGREE, "tax", str(told), str(invoice.tax), limit, "the lines' rates")


def _lines(invoice: Invoice) -> Iterator[Problem]:
    """A line cannot ask for more than quantity times price, by its price unit; it may ask for less (a discount)."""
    for line in invoice.lines:
        most = priced(line.quantity, line.unit_price, line.price_per, invoice.currency)
        if line.net.minor > most.minor + 1:
            yield Problem(
                Code.TOTALS_DISAGREE, f"line {line.line_id}", str(most), str(line.net), detail="quantity times price"
            )
