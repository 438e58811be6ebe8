"""What goes over the wire of the AP platform: camelCase, decimal texts, ids such as ``ap-000123`` and ``sup-000007``.

The names are this product's own; they are not tieout's.
"""

from typing import Annotated, Literal

from msgspec import Meta, field

from tieout_lab.wire import CurrencyCode, Day, DecimalText, Name, Natural
from tieout_lab.wire import Wire as AnyWire

Channel = Literal["mail", "scan", "portal", "edi", "api"]


class Wire(AnyWire, rename="camel"):
    """Root of all bodies of this product."""


class Money(Wire):
    """An amount."""

    amount: DecimalText
    currency: CurrencyCode


class Account(Wire):
    """A supplier's bank account."""

    iban: str
    holder: str = ""
    bic: str = ""
    currency: str = ""


class PutSupplier(Wire):
    """The supplier record a caller wants us to hold."""

    name: Name
    tax_id: str = ""
    street: str = ""
    postal_code: str = ""
    town: str = ""
    country: str = ""
    email: str = ""
    payment_terms_days: int = 30
    bank_accounts: tuple[Account, ...] = ()
    blocked: bool = False


class Supplier(PutSupplier, kw_only=True):
    """A supplier as we hold it. ``reference`` is the caller's own id; ``changedBy`` who touched it last."""

    id: str
    reference: str
    revision: int
    changed_by: str
    changed_at: str


class Party(Wire):
    """The supplier as printed on the document. ``id`` and ``reference`` are there when we recognised it."""

    name: str
    tax_id: str = ""
    iban: str = ""
    id: str = ""
    reference: str = ""


class Line(Wire):
    """One invoice line."""

    line_number: str
    quantity: DecimalText
    unit: str
    unit_price: DecimalText
    net: Money
    description: str = ""
    tax_rate: DecimalText = "0"
    po_number: str = ""
    po_line: str = ""


class Document(Wire, kw_only=True):
    """An invoice as it stands on paper."""

    entity: Name
    document_type: Literal["INVOICE", "CREDIT_NOTE"] = "INVOICE"
    invoice_number: Name
    supplier: Party
    invoice_date: Day
    due_date: Day
    lines: tuple[Line, ...]
    net: Money
    tax: Money
    gross: Money
    credited_invoice_number: str = ""


class File(Wire):
    """The original, as it came in."""

    file_name: str
    media_type: str
    content: bytes


class Capture(Document):
    """What the mail room or the OCR engine read."""

    channel: Channel = "mail"
    confidence: DecimalText = "1"
    low_confidence_fields: tuple[str, ...] = ()
    file: File | None = None


class Submission(Document, kw_only=True):
    """An invoice that arrived elsewhere and is to be approved here. ``reference`` is the caller's own id."""

    reference: Name
    channel: Channel = "api"
    file: File | None = None


class Discrepancy(Wire):
    """One thing that matching found."""

    code: str
    where: str = ""
    expected: str = ""
    actual: str = ""
    text: str = ""


class MatchReport(Wire):
    """What an outside matching engine says. ``reference`` is the caller's id of the invoice, ``reportId`` of this;
    ``holds``: it will be posted on hold for these, and approving it does not release them."""

    report_id: Name
    verdict: Literal["matched", "discrepant"]
    reference: str = ""
    discrepancies: tuple[Discrepancy, ...] = ()
    policy: str = ""
    holds: tuple[str, ...] = ()
    as_of: str = ""


class PostingReport(Wire):
    """What the ledger holds. ``asOf`` orders reports: one older than what we hold is refused."""

    report_id: Name
    status: Literal["posted", "failed", "reversed"]
    document_number: str = ""
    posting_date: str = ""
    period: str = ""
    gross: Money | None = None
    message: str = ""
    as_of: str = ""


class PaymentReport(Wire):
    """Where the payment stands."""

    report_id: Name
    status: Literal["scheduled", "sent", "paid", "returned", "rejected"]
    payment_reference: str = ""
    paid_on: str = ""
    message: str = ""
    as_of: str = ""


class Decision(Wire):
    """What an approver decided."""

    decision: Literal["approve", "reject"]
    by: Name
    comment: str = ""


class Approval(Wire):
    """Where approval stands. ``rule`` is set when no person but a rule decided."""

    state: Literal["not_started", "waiting", "approved", "rejected"] = "not_started"
    by: str = ""
    comment: str = ""
    rule: str = ""
    decided_at: str = ""


State = Literal["captured", "in_approval", "approved", "rejected", "posted", "paid"]


class Invoice(Document, kw_only=True):
    """An invoice as we hold it."""

    id: str
    channel: Channel
    state: State
    revision: int
    created_at: str
    changed_at: str
    reference: str = ""
    confidence: DecimalText = "1"
    low_confidence_fields: tuple[str, ...] = ()
    file_name: str = ""
    file_sha256: str = ""
    match: MatchReport | None = None
    approval: Approval = Approval()
    posting: PostingReport | None = None
    payment: PaymentReport | None = None


class InvoicePage(Wire, omit_defaults=False):
    """A page of invoices in the order of their ids. ``next`` is where to go on after; empty at the end."""

    items: list[Invoice]
    next: str = ""


class SupplierPage(Wire):
    """Suppliers found."""

    items: list[Supplier]


class Total(Wire):
    """How many invoices of an entity and currency are in a state, and their gross sum (credit notes count negative)."""

    entity: str
    currency: str
    state: State
    count: int
    sum_minor: int


class Totals(Wire):
    """All totals at one moment."""

    items: list[Total]
    as_of: str


class ApprovalRule(Wire):
    """Matched invoices below the limit of their currency are approved by the rule, so long after they matched.

    ``approver`` is the name the decision carries. No limit for a currency: people decide.
    """

    limits: dict[str, DecimalText] = field(default_factory=dict)
    delay_ms: Natural = 0
    approver: Name = "rule: low value"


class RegisterEndpoint(Wire):
    """Where to send webhooks."""

    url: Annotated[str, Meta(pattern=r"^https?://")]


class ErrorDetail(Wire):
    """What went wrong."""

    code: str
    message: str


class ErrorBody(Wire):
    """An error."""

    error: ErrorDetail
