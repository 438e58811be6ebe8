"""What the AP platform tells us: camelCase, decimal texts, ids such as ``ap-000123`` and ``sup-000007``.

Texts stay texts here; :mod:`tieout.connectors.ap_platform.translate` reads them. Unknown fields are ignored.
"""

from typing import Any, dataclass_transform

import msgspec
from msgspec import Struct


@dataclass_transform(frozen_default=True, kw_only_default=True, field_specifiers=(msgspec.field,))
class Wire(Struct, frozen=True, kw_only=True, rename="camel"):
    """Root of all shapes."""


class Amount(Wire):
    """An amount."""

    amount: str
    currency: str


class Account(Wire):
    """A supplier's bank account."""

    iban: str
    holder: str = ""
    bic: str = ""
    currency: str = ""


class Supplier(Wire):
    """A supplier record. ``reference`` is our id once we have taken it over."""

    id: str
    name: str
    revision: int
    changed_by: str
    reference: str = ""
    tax_id: str = ""
    street: str = ""
    postal_code: str = ""
    town: str = ""
    country: str = ""
    email: str = ""
    payment_terms_days: int = 30
    bank_accounts: tuple[Account, ...] = ()


class Party(Wire):
    """The supplier as printed on the document; ``reference`` is our id when the platform recognised it."""

    name: str = ""
    tax_id: str = ""
    reference: str = ""


class Line(Wire):
    """One invoice line."""

    line_number: str
    quantity: str
    unit: str
    unit_price: str
    net: Amount
    description: str = ""
    tax_rate: str = "0"
    po_number: str = ""
    po_line: str = ""


class Approval(Wire):
    """Where approval stands. ``rule`` is set when no person but a rule decided."""

    state: str = "not_started"
    by: str = ""
    comment: str = ""
    rule: str = ""
    decided_at: str = ""


class Invoice(Wire):
    """An invoice as the platform holds it."""

    id: str
    revision: int
    entity: str
    invoice_number: str
    supplier: Party
    invoice_date: str
    due_date: str
    lines: tuple[Line, ...]
    net: Amount
    tax: Amount
    gross: Amount
    document_type: str = "INVOICE"
    credited_invoice_number: str = ""
    file_sha256: str = ""
    approval: Approval = Approval()


class Change(Wire):
    """One event of the feed, or the body of a webhook."""

    type: str
    timestamp: str
    data: dict[str, Any]
