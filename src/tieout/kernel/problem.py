"""Problems are about the user's data: values with a stable code, collected, stored and shown, never raised.

What each code means, who can mend it and how stands in ``problems.toml`` beside this module; a test holds the two
lists equal, and the documentation page is generated from it.
"""

from enum import StrEnum

from msgspec import Struct


class Code(StrEnum):
    """Stable names of everything that can be wrong with data. They are never renamed or reused."""

    # reading outside documents
    UNREADABLE = "unreadable"
    UNKNOWN_FORMAT = "unknown_format"
    FORBIDDEN_XML = "forbidden_xml"
    WRONG_CHANNEL = "wrong_channel"
    TEST_DOCUMENT = "test_document"
    TOO_LARGE = "too_large"
    MISSING_FIELD = "missing_field"
    BAD_VALUE = "bad_value"
    TOTALS_DISAGREE = "totals_disagree"
    UNKNOWN_CODE = "unknown_code"
    ASSUMED_VALUE = "assumed_value"
    UNSUPPORTED_CONTENT = "unsupported_content"
    # idempotency and links
    KEY_REUSED = "key_reused"
    LINK_UNKNOWN = "link_unknown"
    HANDLER_FAILED = "handler_failed"
    # suppliers
    UNKNOWN_SUPPLIER = "unknown_supplier"
    BAD_IBAN = "bad_iban"
    BAD_TAX_ID = "bad_tax_id"
    BANK_CHANGE_OPEN = "bank_change_open"
    # invoices
    UNKNOWN_ENTITY = "unknown_entity"
    DUPLICATE_INVOICE = "duplicate_invoice"
    SUSPECTED_DUPLICATE = "suspected_duplicate"
    OVERRIDE_LIMIT = "override_limit"
    UNKNOWN_ORDER = "unknown_order"
    UNKNOWN_ORDER_LINE = "unknown_order_line"
    AMBIGUOUS_ORDER_LINE = "ambiguous_order_line"
    WRONG_SUPPLIER = "wrong_supplier"
    CURRENCY_MISMATCH = "currency_mismatch"
    UNIT_MISMATCH = "unit_mismatch"
    PRICE_OVER_LIMIT = "price_over_limit"
    QUANTITY_OVER_ORDERED = "quantity_over_ordered"
    QUANTITY_OVER_RECEIVED = "quantity_over_received"
    AMOUNT_OVER_LIMIT = "amount_over_limit"
    CREDIT_OVER_BILLED = "credit_over_billed"
    CREDIT_UNDER_PRICE = "credit_under_price"
    PRICE_UNDER_LIMIT = "price_under_limit"
    AMOUNT_UNDER_LIMIT = "amount_under_limit"
    QUANTITY_OVER_ACCEPTED = "quantity_over_accepted"
    AMOUNT_OVER_ORDERED = "amount_over_ordered"
    AMOUNT_OVER_RECEIVED = "amount_over_received"
    TOTAL_OVER_LIMIT = "total_over_limit"
    OUTSIDE_VALIDITY = "outside_validity"
    BILLED_EARLY = "billed_early"
    CHARGE_OVER_AGREED = "charge_over_agreed"
    CHARGE_NOT_AGREED = "charge_not_agreed"
    TAX_DIFFERS = "tax_differs"
    RATE_OVER_LIMIT = "rate_over_limit"
    LINE_CLOSED = "line_closed"
    SETTLED_ON_RECEIPT = "settled_on_receipt"
    CONSIGNMENT_BILLED = "consignment_billed"
    UNKNOWN_RECEIPT = "unknown_receipt"
    RETAINAGE_DIFFERS = "retainage_differs"
    NOTHING_BILLED = "nothing_billed"
    PARTLY_PAYABLE = "partly_payable"
    PREPAYMENT_OPEN = "prepayment_open"
    HOLD_NOT_RELEASABLE = "hold_not_releasable"
    ALREADY_POSTED = "already_posted"
    NOT_APPROVED = "not_approved"
    # effects
    POSTING_REFUSED = "posting_refused"
    PERIOD_NOT_OPEN = "period_not_open"
    CODING_REFUSED = "coding_refused"
    POSTING_DIFFERS = "posting_differs"
    OUTCOME_UNKNOWN = "outcome_unknown"
    EFFECT_REFUSED = "effect_refused"
    # payments and banks
    SAME_PERSON = "same_person"
    DUTY_MISSING = "duty_missing"
    NOT_PAYABLE = "not_payable"
    NO_BANK_ACCOUNT = "no_bank_account"
    PAYMENT_REJECTED = "payment_rejected"
    PAYMENT_RETURNED = "payment_returned"
    PAYMENT_DIFFERS = "payment_differs"
    STATEMENT_GAP = "statement_gap"
    STATEMENT_DISAGREES = "statement_disagrees"
    ENTRY_UNMATCHED = "entry_unmatched"
    # tie-out and close
    TIE_OUT_BREAK = "tie_out_break"
    STALE_SIGNAL = "stale_signal"


class Problem(Struct, frozen=True, omit_defaults=True, gc=False):
    """One thing that is wrong, with what was expected and what was seen, because an auditor will ask.

    ``where`` points into the document (a line id, a field, an XPath or a byte offset). ``expected``, ``actual`` and
    ``limit`` are texts with their units, such as ``"10 EA"`` or ``"102.00 EUR"``. ``passes``: what would make it pass.
    """

    code: Code
    where: str = ""
    expected: str = ""
    actual: str = ""
    limit: str = ""
    detail: str = ""
    passes: str = ""

    def __str__(self) -> str:
        parts = [self.code.value.replace("_", " ")]
        parts += [f"at {self.where}"] if self.where else []
        parts += [f"expected {self.expected}"] if self.expected else []
        parts += [f"got {self.actual}"] if self.actual else []
        parts += [f"limit {self.limit}"] if self.limit else []
        return ", ".join(parts) + (f": {self.detail}" if self.detail else "")
