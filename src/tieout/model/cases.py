"""A case is an exception that somebody must work: what happened, to which document, and what can be done."""

from datetime import datetime
from enum import StrEnum

from msgspec import Struct

from tieout.kernel.money import Money
from tieout.kernel.problem import Problem


class CaseClass(StrEnum):
    """The classes of exceptions. Each has an owner role, a severity, a remedy and actions in ``policy/cases.toml``."""

    DUPLICATE = "duplicate"
    SUSPECTED_DUPLICATE = "suspected_duplicate"
    UNKNOWN_SUPPLIER = "unknown_supplier"
    INVALID_INVOICE = "invalid_invoice"
    PRICE_VARIANCE = "price_variance"
    QUANTITY_VARIANCE = "quantity_variance"
    MISSING_RECEIPT = "missing_receipt"
    ORDER_MISMATCH = "order_mismatch"
    PARTLY_PAYABLE = "partly_payable"
    PREPAYMENT_OPEN = "prepayment_open"
    MISSING_ACCEPTANCE = "missing_acceptance"
    NO_ORDER = "no_order"
    CURRENCY = "currency"
    TAX_VARIANCE = "tax_variance"
    FREIGHT = "freight"
    CLOSED_LINE = "closed_line"
    RETAINAGE = "retainage"
    SELF_BILLING_CONFLICT = "self_billing_conflict"
    RECEIPT_MISMATCH = "receipt_mismatch"
    MISSING_CREDIT = "missing_credit"
    UNSETTLED_RECEIPT = "unsettled_receipt"
    REJECTED_APPROVAL = "rejected_approval"
    APPROVAL_OVERDUE = "approval_overdue"
    CUT_OFF = "cut_off"
    CODING = "coding"
    POSTING_FAILED = "posting_failed"
    POSTING_DIFFERS = "posting_differs"
    OUTCOME_UNKNOWN = "outcome_unknown"
    BANK_CHANGE = "bank_change"
    PAYMENT_WITHHELD = "payment_withheld"
    PAYMENT_REJECTED = "payment_rejected"
    PAYMENT_RETURNED = "payment_returned"
    PAYMENT_DIFFERS = "payment_differs"
    PROOF_UNCONFIRMED = "proof_unconfirmed"
    STATEMENT_GAP = "statement_gap"
    UNMATCHED_ENTRY = "unmatched_entry"
    TIE_OUT_BREAK = "tie_out_break"
    QUARANTINE = "quarantine"
    SYNC_FAILED = "sync_failed"
    UNREADABLE_DOCUMENT = "unreadable_document"
    INTERCHANGE_REFUSED = "interchange_refused"
    ACKNOWLEDGMENT_OVERDUE = "acknowledgment_overdue"
    DOCUMENT_REFUSED = "document_refused"
    ORDER_RESPONSE = "order_response"
    CANCELLATION_REFUSED = "cancellation_refused"
    DUTIES_CONFLICT = "duties_conflict"


class Case(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What is asked of a person. The document it is about is ``document``, an id that ``tieout trace`` understands.

    ``deadline`` is when money is lost or late if nobody acts, and ``deadline_name`` what that day is ("payment day").
    For routing: ``category`` is what kind of document it is about ("prepayment", "credit_note"), ``spend_category``
    what the document mostly buys, by its code in a classification (``UNSPSC:43211503``).
    """

    case_class: CaseClass
    document: str
    entity: str = ""
    reason: str
    problems: tuple[Problem, ...] = ()
    amount: Money | None = None
    supplier_id: str = ""
    deadline: datetime | None = None
    deadline_name: str = ""
    category: str = ""
    spend_category: str = ""
