"""Our documents in Tryton's words and back. Pure: no call is made here.

Quantities are floats in Tryton; they become so here, at the last moment. Amounts and prices stay decimals.
"""

import re
from collections.abc import Iterable, Sequence
from datetime import date
from decimal import ROUND_HALF_EVEN, Decimal

from msgspec import Struct, structs
from stdnum import get_cc_module

from tieout.connectors.tryton.client import Values
from tieout.connectors.tryton.directory import Company, Item, Party, Unit
from tieout.kernel.money import Money, multiply
from tieout.kernel.problem import Code, Problem
from tieout.model.documents import (
    Address,
    BankStatement,
    Invoice,
    InvoiceLine,
    JournalEntry,
    JournalLine,
    OrderLine,
    Payment,
    Posting,
    StatementEntry,
    Supplier,
)
from tieout.model.identity import normal_tax_id

#: Unit prices of more decimals are refused (Tryton's ``price_decimal``).
PRICE_DECIMALS = 4
#: Countries whose VAT numbers Tryton knows as ``<country>_vat`` and checks the digits of.
_VAT_COUNTRIES = re.compile(
    "AT|BE|BG|CH|CY|CZ|DE|DK|EE|ES|FI|FR|GB|GR|HR|HU|IE|IT|LT|LU|LV|MT|NL|NO|PL|PT|RO|SE|SI|SK", re.ASCII
)
_ROUNDING = "Rounding difference"


# ── suppliers ──────────────────────────────────────────────────────────────────────────────────────────────────────


def tax_identifier(tax_id: str) -> Values:
    """A tax registration as a party identifier: typed where Tryton can check it, plain otherwise.

    The types of the countries are used, not ``eu_vat``: that one makes every posting ask a service of the European
    Commission, and whether a supplier's number is valid has been established before it comes here.
    """
    number = normal_tax_id(tax_id)
    country = number[:2]
    if _VAT_COUNTRIES.fullmatch(country):
        checker = get_cc_module(country.lower(), "vat")
        if checker is not None and checker.is_valid(number):
            return {"type": f"{country.lower()}_vat", "code": number}
    return {"type": None, "code": number}


def supplier_mark(supplier_id: str) -> Values:
    """The identifier we leave on a party, and find it by."""
    return {"type": None, "code": supplier_id}


def address_values(address: Address, country: int | None) -> Values:
    """A postal address."""
    return {
        "street_unstructured": address.street or None,
        "postal_code": address.postal_code or None,
        "city": address.town or None,
        "country": country,
    }


def new_party(supplier: Supplier, country: int | None) -> Values:
    """A supplier that the ERP does not hold yet."""
    return {
        "name": supplier.name,
        "addresses": [("create", [address_values(supplier.address, country)])],
        "identifiers": [("create", [tax_identifier(supplier.tax_id), supplier_mark(supplier.supplier_id)])],
    }


# ── prices ─────────────────────────────────────────────────────────────────────────────────────────────────────────


class PricedLine(Struct, frozen=True):
    """A line as the ERP will compute it: quantity × price, and what is then missing from the billed net amount."""

    quantity: Decimal
    unit_price: Decimal
    difference: Money


def price_line(quantity: Decimal, unit_price: Decimal, net: Money) -> PricedLine:
    """Find a price of four decimals at which the ERP's own multiplication gives the billed net amount.

    Prices per hundred, discounts and the supplier's own rounding make quantity × price differ from the net amount
    on paper. The billed price is kept if it gives the net amount, else the effective price if that does, else the
    billed price with the difference on a line of its own.
    """
    billed = _to_price(unit_price)
    for price in (billed, _to_price(net.amount / quantity)) if quantity else ():
        if _erp_amount(quantity, price, net.currency) == net:
            return PricedLine(quantity, price, Money.zero(net.currency))
    return PricedLine(quantity, billed, net - _erp_amount(quantity, billed, net.currency))


def _to_price(value: Decimal) -> Decimal:
    return value.quantize(Decimal(1).scaleb(-PRICE_DECIMALS), ROUND_HALF_EVEN)


def _erp_amount(quantity: Decimal, price: Decimal, currency: str) -> Money:
    """What Tryton makes of a line: it rounds half to even."""
    product = multiply(quantity, price)
    cent = Money(1, currency).amount
    return Money.of(product.quantize(cent, ROUND_HALF_EVEN), currency)


# ── orders ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def order_line_values(line: OrderLine, item: Item | None, tax: int | None) -> Values:
    """One line of a purchase order. Our line id goes into the note, where receipts and invoices find it."""
    values: Values = {
        "type": "line",
        "quantity": float(line.quantity),
        "unit_price": _to_price(line.unit_price / line.price_per),
        "description": line.description or line.item,
        "note": line.line_id,
        "taxes": [("add", [tax])] if tax else [],
    }
    if item is not None:
        values |= {"product": item.record_id, "unit": item.unit.record_id}
    return values


def fits_unit(quantity: Decimal, unit: Unit) -> bool:
    """Whether the ERP takes this quantity in this unit (pieces have no decimals)."""
    exponent = quantity.normalize().as_tuple().exponent
    return isinstance(exponent, int) and -exponent <= unit.digits


# ── invoices ───────────────────────────────────────────────────────────────────────────────────────────────────────


class LineTarget(Struct, frozen=True):
    """Where an invoice line goes: account, tax, and the order line it bills, if any."""

    account: int
    tax: int | None
    order_line: int | None = None
    product: int | None = None
    unit: int | None = None


def invoice_values(
    invoice: Invoice,
    invoice_id: str,
    post_on: date,
    company: Company,
    party: Party,
    currency: int,
    lines: Sequence[Values],
) -> Values:
    """A supplier invoice or credit note, ready to be posted. Our id goes into the description.

    The due date is the supplier's; no payment term of the ERP gets to compute another one.
    """
    return {
        "type": "in",
        "company": company.record_id,
        "party": party.record_id,
        "invoice_address": party.address,
        "currency": currency,
        "account": company.payable_account,
        "journal": company.expense_journal,
        "invoice_date": invoice.issued_on,
        "accounting_date": post_on,
        "payment_term_date": invoice.due_on,
        "reference": invoice.number,
        "description": invoice_id,
        "lines": [("create", list(lines))],
    }


def invoice_line_values(
    line: InvoiceLine, target: LineTarget, company: Company, currency: int, sign: int
) -> list[Values]:
    """One billed line, and a second one where the supplier's rounding needs it."""
    priced = price_line(line.quantity, line.unit_price / line.price_per, line.net)
    common = {
        "type": "line",
        "company": company.record_id,
        "currency": currency,
        "account": target.account,
        "taxes": [("add", [target.tax])] if target.tax else [],
    }
    main = {
        **common,
        "quantity": float(priced.quantity * sign),
        "unit_price": priced.unit_price,
        "description": line.description or f"Line {line.line_id}",
    }
    if target.order_line is not None:
        main["origin"] = f"purchase.line,{target.order_line}"
    if target.product is not None and target.unit is not None:
        main |= {"product": target.product, "unit": target.unit}
    if not priced.difference:
        return [main]
    rounding = {
        **common,
        "quantity": float(sign),
        "unit_price": _to_price(priced.difference.amount),
        "description": f"{_ROUNDING}, line {line.line_id}",
    }
    return [main, rounding]


def tax_corrections(billed: Money, sign: int, rows: Sequence[Values]) -> list[tuple[int, Values]]:
    """What to change in the ERP's tax lines so that they add up to the tax on paper.

    The ERP computes taxes its own way; what counts is the supplier's document. The difference, mostly a cent, goes
    to the tax with the largest base.
    """
    difference = billed.amount * sign - sum((row["amount"] for row in rows), Decimal(0))
    if not difference or not rows:
        return []
    largest = max(rows, key=lambda row: (abs(row["base"]), row["id"]))
    return [(largest["id"], {"amount": largest["amount"] + difference})]


def draft_problems(invoice: Invoice, row: Values) -> tuple[Problem, ...]:
    """Where a draft in the ERP differs from the document, before it is posted."""
    sign = invoice.sign
    pairs = (("net", invoice.net, "untaxed_amount"), ("gross", invoice.gross, "total_amount"))
    return tuple(
        Problem(
            Code.POSTING_DIFFERS,
            where=where,
            expected=str(ours),
            actual=f"{row[field] * sign} {ours.currency}",
            detail="the ERP computes another amount; it was not posted",
        )
        for where, ours, field in pairs
        if row[field] != ours.amount * sign
    )


INVOICE_FIELDS = (
    "state",
    "number",
    "reference",
    "description",
    "total_amount",
    "tax_amount",
    "untaxed_amount",
    "currency.code",
    "move.date",
    "move.number",
    "move.period.start_date",
    "create_date",
)


def invoice_posting(row: Values, sign: int) -> Posting:
    """What the ERP holds of an invoice. Amounts of credit notes are positive, as on paper. Tryton knows no holds on an
    invoice: one that is posted has none."""
    currency = row["currency."]["code"]
    held = posting(
        row["number"],
        row["move."],
        Money.of(row["total_amount"] * sign, currency),
        Money.of(row["tax_amount"] * sign, currency),
    )
    told: Posting = structs.replace(held, holds=())
    return told


def posting(number: str, move: Values, gross: Money, tax: Money | None = None) -> Posting:
    """A posting out of a journal entry of the ERP (``date`` and ``period.start_date``)."""
    return Posting(
        number=number, posted_on=move["date"], period=f"{move['period.']['start_date']:%Y-%m}", gross=gross, tax=tax
    )


# ── journal entries ────────────────────────────────────────────────────────────────────────────────────────────────


def journal_values(
    entry: JournalEntry, company: Company, journal: int, period: int, accounts: Sequence[int], reverses: int | None
) -> Values:
    """A journal entry. Our id goes into the description of the head, the texts into those of the lines."""
    lines = [
        journal_line_values(line, account, entry.text) for line, account in zip(entry.lines, accounts, strict=True)
    ]
    return {
        "company": company.record_id,
        "journal": journal,
        "period": period,
        "date": entry.posted_on,
        "description": entry.journal_id,
        "origin": f"account.move,{reverses}" if reverses else None,
        "lines": [("create", lines)],
    }


def journal_line_values(line: JournalLine, account: int, text: str) -> Values:
    """One side: positive amounts debit, negative ones credit."""
    amount = line.amount.amount
    return {
        "account": account,
        "debit": max(amount, Decimal(0)),
        "credit": max(-amount, Decimal(0)),
        "description": line.text or text,
    }


# ── payments and statements ────────────────────────────────────────────────────────────────────────────────────────


def payment_values(payment: Payment, company: Company, journal: int, party: int, line: int, paid_on: date) -> Values:
    """A payment of one open item. Its reference is its EndToEndId at the bank."""
    return {
        "company": company.record_id,
        "journal": journal,
        "kind": "payable",
        "party": party,
        "amount": payment.amount.amount,
        "line": line,
        "date": paid_on,
        "reference": payment.payment_id,
    }


class EntryTarget(Struct, frozen=True):
    """Where a statement entry goes: an account, and the payment it proves, if any."""

    account: int
    payment: int | None = None
    party: int | None = None


def statement_values(statement: BankStatement, company: Company, journal: int, lines: Iterable[Values]) -> Values:
    """A bank statement with the balances of the bank; the ERP checks them against the lines."""
    return {
        "name": statement_name(statement),
        "company": company.record_id,
        "journal": journal,
        "date": statement.closed_on,
        "start_balance": statement.opening.amount,
        "end_balance": statement.closing.amount,
        "lines": [("create", list(lines))],
    }


def statement_name(statement: BankStatement) -> str:
    """Banks number the statements of each account by themselves, so the account belongs to the name."""
    return f"{statement.iban} {statement.statement_id}"


def statement_line_values(entry: StatementEntry, target: EntryTarget, number: str) -> Values:
    """One line of a statement. ``number`` is what both sides of the clearing account are found by."""
    words = (entry.counterparty, entry.remittance, entry.return_reason, entry.bank_reference)
    values: Values = {
        "number": number,
        "date": entry.booked_on,
        "amount": entry.amount.amount,
        "account": target.account,
        "description": " · ".join(word for word in words if word) or entry.entry_id,
    }
    if target.payment is not None:
        values |= {"related_to": f"account.payment,{target.payment}", "party": target.party}
    return values


def record_reference(model: str, record_id: int) -> str:
    """A record in Tryton's own notation, such as ``account.invoice,17``."""
    return f"{model},{record_id}"
