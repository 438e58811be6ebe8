"""Canonical business documents. Frozen; amounts exact; every id a text. JSON Schema comes out of these types.

Amounts of credit notes are positive, as on paper; ``Invoice.sign`` says which way they count.
"""

from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import dataclass_transform

import msgspec
from msgspec import Struct

from tieout.kernel.money import Money


def _exact(name: str, value: Decimal) -> None:
    if not value.is_finite() or len(value.as_tuple().digits) > 28 or abs(value.adjusted()) > 28:
        raise ValueError(f"{name} must be a plain decimal number of at most 28 digits, not {value}")


@dataclass_transform(frozen_default=True, kw_only_default=True, field_specifiers=(msgspec.field,))
class Document(Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """Root of all canonical documents."""


class Address(Document):
    """A postal address. Town and country are mandatory in payments since November 2026 (CBPR+ structured address)."""

    street: str = ""
    postal_code: str = ""
    town: str = ""
    country: str = ""


class BankAccount(Document):
    """Where a supplier is paid."""

    iban: str
    holder: str
    bic: str = ""
    currency: str = ""


class Supplier(Document):
    """A supplier as the whole group knows it. ``supplier_id`` is derived from the tax registration."""

    supplier_id: str
    name: str
    tax_id: str
    address: Address = Address()
    bank_account: BankAccount | None = None
    payment_terms_days: int = 30
    email: str = ""


class OrderLine(Document):
    """One line of a purchase order. ``unit_price`` is in major units of the order's currency, per one ``unit``."""

    line_id: str
    item: str
    quantity: Decimal
    unit: str
    unit_price: Decimal
    description: str = ""
    tax_rate: Decimal = Decimal(0)
    receipt_required: bool = True

    def __post_init__(self) -> None:
        _exact("quantity", self.quantity)
        _exact("unit_price", self.unit_price)
        _exact("tax_rate", self.tax_rate)


class PurchaseOrder(Document):
    """What was ordered. ``order_id`` is the number both sides print on paper."""

    order_id: str
    entity: str
    supplier_id: str
    currency: str
    ordered_on: date
    lines: tuple[OrderLine, ...]


class ReceiptLine(Document):
    """Goods that came through the door against one order line; negative for goods sent back."""

    order_line_id: str
    quantity: Decimal

    def __post_init__(self) -> None:
        _exact("quantity", self.quantity)


class GoodsReceipt(Document):
    """A delivery. Quantities are of this delivery, not cumulative."""

    receipt_id: str
    order_id: str
    entity: str
    supplier_id: str
    received_on: date
    lines: tuple[ReceiptLine, ...]


class InvoiceKind(StrEnum):
    """What a supplier's document asks for."""

    INVOICE = "invoice"
    CREDIT_NOTE = "credit_note"


class InvoiceLine(Document):
    """One line of a supplier invoice. ``tax_rate`` is a percentage (19 for 19 %)."""

    line_id: str
    quantity: Decimal
    unit: str
    unit_price: Decimal
    net: Money
    description: str = ""
    tax_rate: Decimal = Decimal(0)
    order_id: str = ""
    order_line_id: str = ""

    def __post_init__(self) -> None:
        _exact("quantity", self.quantity)
        _exact("unit_price", self.unit_price)
        _exact("tax_rate", self.tax_rate)


class Invoice(Document):
    """A supplier invoice or credit note as the supplier sent it.

    ``supplier_id`` is derived from ``supplier_tax_id``; ``document`` is the SHA-256 of the original bytes.
    """

    kind: InvoiceKind
    number: str
    entity: str
    supplier_id: str
    supplier_tax_id: str
    supplier_name: str
    currency: str
    issued_on: date
    due_on: date
    lines: tuple[InvoiceLine, ...]
    net: Money
    tax: Money
    gross: Money
    credits_number: str = ""
    document: str = ""

    @property
    def sign(self) -> int:
        """+1 when it raises what we owe, -1 when it lowers it."""
        return -1 if self.kind is InvoiceKind.CREDIT_NOTE else 1

    @property
    def payable(self) -> Money:
        """What it adds to the liability: the gross amount, negative for a credit note."""
        return Money(self.sign * self.gross.minor, self.gross.currency)


class Posting(Document):
    """What the ERP *holds* after a posting, read back from it: never what we sent."""

    number: str
    posted_on: date
    period: str
    gross: Money
    tax: Money | None = None


class Payment(Document):
    """One payment of one invoice. ``payment_id`` is also its EndToEndId at the bank."""

    payment_id: str
    run_id: str
    invoice_id: str
    entity: str
    supplier_id: str
    amount: Money
    creditor: BankAccount
    remittance: str
    creditor_address: Address = Address()


class PaymentRun(Document):
    """A batch of payments of one entity from one bank account on one day."""

    run_id: str
    entity: str
    debtor: BankAccount
    execute_on: date
    payments: tuple[Payment, ...]
    currency: str


class StatementEntry(Document):
    """One line of a bank statement. ``amount`` is signed: money out is negative."""

    entry_id: str
    amount: Money
    booked_on: date
    value_on: date | None = None
    status: str = "BOOK"
    end_to_end_id: str = ""
    bank_reference: str = ""
    counterparty: str = ""
    counterparty_iban: str = ""
    remittance: str = ""
    return_reason: str = ""


class BankStatement(Document):
    """A booked account statement (camt.053): opening + entries = closing, or it is not accepted."""

    statement_id: str
    iban: str
    currency: str
    opening: Money
    closing: Money
    opened_on: date
    closed_on: date
    entries: tuple[StatementEntry, ...]


class JournalLine(Document):
    """One side of a journal entry: positive debits, negative credits, against a named account."""

    account: str
    amount: Money
    text: str = ""


class JournalEntry(Document):
    """A journal entry for the general ledger; its lines sum to zero."""

    journal_id: str
    entity: str
    posted_on: date
    text: str
    lines: tuple[JournalLine, ...]
    reverses: str = ""


class CloseTask(Document):
    """A step of the period close that a person or a system must finish."""

    task_id: str
    entity: str
    period: str
    name: str
    done: bool
    owner: str = ""


class Total(Document):
    """A control total: how many items, what sum, and an order-independent hash of the set of items.

    Two systems agree on a scope exactly when count, sum and set-hash agree. The balance of an account has no items to
    count (``is_balance``); it is compared by its sum.
    """

    count: int
    sum_minor: int
    currency: str
    set_hash: int = 0
    is_balance: bool = False
    as_of: datetime | None = None
