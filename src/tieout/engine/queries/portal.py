"""What a supplier may know: its own invoices, what it handed in, and what it is asked. Nothing else, of nobody else."""

from datetime import date, datetime

from msgspec import Struct
from sqlalchemy import Connection, select

from tieout.engine.queries.records import DocumentItem, document_item
from tieout.engine.schema import DOCUMENT, VIEW_TABLES
from tieout.kernel.clock import from_micros
from tieout.kernel.money import Money

INVOICE, QUERY, PAYMENT = VIEW_TABLES["invoice"], VIEW_TABLES["query"], VIEW_TABLES["payment"]
ROWS_MAX = 200

#: Where an invoice stands, in words that say what a supplier wants to know and nothing about our insides.
_STATUS = {
    "received": "received",
    "admitted": "received",
    "valid": "in review",
    "invalid": "in review",
    "mismatched": "in review",
    "duplicate": "in review",
    "suspect": "in review",
    "matched": "in approval",
    "held": "in approval",
    "rejected": "not approved",
    "posting": "approved",
    "posting_unknown": "approved",
    "posting_failed": "approved",
    "posted": "approved, to be paid",
    "posted_on_hold": "approved, payment on hold",
    "reserved": "payment under way",
    "paid": "paid",
    "closed": "paid",
    "cancelled": "not accepted",
}


class OwnInvoice(Struct, frozen=True, kw_only=True):
    """An invoice as its supplier sees it."""

    number: str
    entity: str
    issued_on: date
    due_on: date
    amount: Money
    status: str
    paid_on: date | None


class Question(Struct, frozen=True, kw_only=True):
    """What we ask a supplier about one of its documents, and what it answered."""

    case_id: str
    document: str
    question: str
    asked_at: datetime
    answer: str
    answered_at: datetime | None


class Portal(Struct, frozen=True, kw_only=True):
    """Everything on a supplier's page."""

    invoices: tuple[OwnInvoice, ...]
    documents: tuple[DocumentItem, ...]
    questions: tuple[Question, ...]


def channel_of(supplier_id: str) -> str:
    """The channel of what this supplier hands in; it says on every document whose account it came from."""
    return f"portal.{supplier_id}"


def portal_of(sql: Connection, supplier_id: str) -> Portal:
    """The page of one supplier, the latest first."""
    invoices = sql.execute(
        select(INVOICE, PAYMENT.c.booked_on)
        .outerjoin(PAYMENT, PAYMENT.c.subject == INVOICE.c.payment_id)
        .where(INVOICE.c.supplier_id == supplier_id)
        .order_by(INVOICE.c.received_at.desc())
        .limit(ROWS_MAX)
    ).all()
    documents = sql.execute(
        select(DOCUMENT)
        .where(DOCUMENT.c.channel == channel_of(supplier_id))
        .order_by(DOCUMENT.c.received_at.desc())
        .limit(ROWS_MAX)
    ).all()
    questions = sql.execute(
        select(QUERY).where(QUERY.c.supplier_id == supplier_id).order_by(QUERY.c.asked_at.desc()).limit(ROWS_MAX)
    ).all()
    return Portal(
        invoices=tuple(
            OwnInvoice(
                number=row.number,
                entity=row.entity,
                issued_on=date.fromisoformat(row.issued_on),
                due_on=date.fromisoformat(row.due_on),
                amount=Money(row.payable_minor, row.currency),
                status=_STATUS.get(row.status, "in review"),
                paid_on=date.fromisoformat(row.booked_on)
                if row.booked_on and row.status in ("paid", "closed")
                else None,
            )
            for row in invoices
        ),
        documents=tuple(map(document_item, documents)),
        questions=tuple(
            Question(
                case_id=row.subject,
                document=row.document,
                question=row.question,
                asked_at=from_micros(row.asked_at),
                answer=row.answer,
                answered_at=from_micros(row.answered_at) if row.answered_at else None,
            )
            for row in questions
        ),
    )


def question_of(sql: Connection, supplier_id: str, case_id: str) -> Question | None:
    """One open question to this supplier."""
    found = portal_of(sql, supplier_id).questions
    return next((one for one in found if one.case_id == case_id and not one.answer), None)
