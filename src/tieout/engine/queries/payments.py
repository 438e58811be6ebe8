"""Payment runs, payments on their way, and our own bank accounts."""

from datetime import date, datetime
from typing import Any

from msgspec import Struct
from sqlalchemy import Connection, Row, func, select

from tieout.engine.queries.database import Reach, within
from tieout.engine.queries.liabilities import day
from tieout.engine.schema import VIEW_TABLES
from tieout.kernel.clock import from_micros
from tieout.kernel.money import Money

PAYMENT = VIEW_TABLES["payment"]
RUN = VIEW_TABLES["payment_run"]
ACCOUNT = VIEW_TABLES["account"]
SUPPLIER = VIEW_TABLES["supplier"]
INVOICE = VIEW_TABLES["invoice"]
PAGE_MAX = 500

WAITING = ("collecting", "ready", "releasing")
"""Runs that have not gone out."""
IN_FLIGHT = ("released", "claimed")
"""Payments that have gone out and that no booked statement entry proves."""


class RunItem(Struct, frozen=True, kw_only=True):
    """A payment run."""

    run_id: str
    entity: str
    iban: str
    execute_on: date | None
    status: str
    count: int
    total: Money
    proposed_by: str
    released_by: str
    claim: str
    reason: str


class PaymentItem(Struct, frozen=True, kw_only=True):
    """One payment, with what a reader needs of its invoice and supplier."""

    payment_id: str
    run_id: str
    invoice_id: str
    invoice_number: str
    entity: str
    supplier_id: str
    supplier_name: str
    amount: Money | None
    status: str
    claim: str
    execute_on: date | None
    booked_on: date | None
    reason: str
    changed_at: datetime


class Flight(Struct, frozen=True, kw_only=True):
    """Payments of one status, entity and currency."""

    entity: str
    status: str
    count: int
    amount: Money
    oldest_at: datetime


class AccountItem(Struct, frozen=True, kw_only=True):
    """One of our own bank accounts, as its last accepted statement left it."""

    iban: str
    entity: str
    statement_id: str
    closing: Money
    closed_on: date | None
    gaps: int
    unmatched: int


def list_runs(sql: Connection, reach: Reach, statuses: tuple[str, ...] = (), limit: int = 100) -> tuple[RunItem, ...]:
    """Payment runs, the next to be executed last."""
    query = select(RUN).where(within(reach, RUN.c.entity))
    if statuses:
        query = query.where(RUN.c.status.in_(statuses))
    rows = sql.execute(query.order_by(RUN.c.execute_on.desc(), RUN.c.subject).limit(min(limit, PAGE_MAX)))
    return tuple(map(_run, rows))


def run_by_id(sql: Connection, run_id: str, reach: Reach) -> RunItem | None:
    """One payment run, if it is there and inside the reach."""
    row = sql.execute(select(RUN).where(RUN.c.subject == run_id, within(reach, RUN.c.entity))).first()
    return _run(row) if row else None


_PAYMENT = select(
    PAYMENT, SUPPLIER.c.name.label("supplier_name"), INVOICE.c.number.label("invoice_number")
).select_from(
    PAYMENT.outerjoin(SUPPLIER, SUPPLIER.c.subject == PAYMENT.c.supplier_id).outerjoin(
        INVOICE, INVOICE.c.subject == PAYMENT.c.invoice_id
    )
)


def payments_of_run(sql: Connection, run_id: str, reach: Reach, limit: int = 200) -> tuple[PaymentItem, ...]:
    """The payments of a run, the largest first."""
    rows = sql.execute(
        _PAYMENT.where(PAYMENT.c.run_id == run_id, within(reach, PAYMENT.c.entity))
        .order_by(PAYMENT.c.amount_minor.desc(), PAYMENT.c.subject)
        .limit(min(limit, PAGE_MAX))
    )
    return tuple(map(_payment, rows))


def payments_of_invoices(sql: Connection, invoice_ids: tuple[str, ...], reach: Reach) -> tuple[PaymentItem, ...]:
    """Every payment that was ever tried for these invoices."""
    rows = sql.execute(
        _PAYMENT.where(PAYMENT.c.invoice_id.in_(invoice_ids), within(reach, PAYMENT.c.entity))
        .order_by(PAYMENT.c.changed_at)
        .limit(PAGE_MAX)
    )
    return tuple(map(_payment, rows))


def payment_by_id(sql: Connection, payment_id: str, reach: Reach) -> PaymentItem | None:
    """One payment, if it is there and inside the reach."""
    row = sql.execute(_PAYMENT.where(PAYMENT.c.subject == payment_id, within(reach, PAYMENT.c.entity))).first()
    return _payment(row) if row else None


def payments_with_status(
    sql: Connection, statuses: tuple[str, ...], reach: Reach, limit: int = 100
) -> tuple[PaymentItem, ...]:
    """Payments that stand there, those that stand there longest first."""
    rows = sql.execute(
        _PAYMENT.where(PAYMENT.c.status.in_(statuses), within(reach, PAYMENT.c.entity))
        .order_by(PAYMENT.c.changed_at, PAYMENT.c.subject)
        .limit(min(limit, PAGE_MAX))
    )
    return tuple(map(_payment, rows))


def flights(sql: Connection, reach: Reach) -> tuple[Flight, ...]:
    """What is on its way, sent but not yet claimed against claimed but not yet booked, and what came back."""
    rows = sql.execute(
        select(
            PAYMENT.c.entity,
            PAYMENT.c.status,
            PAYMENT.c.currency,
            func.count(),
            func.sum(PAYMENT.c.amount_minor),
            func.min(PAYMENT.c.changed_at),
        )
        .where(PAYMENT.c.status.in_((*IN_FLIGHT, "rejected", "returned", "withheld")), within(reach, PAYMENT.c.entity))
        .group_by(PAYMENT.c.entity, PAYMENT.c.status, PAYMENT.c.currency)
        .order_by(PAYMENT.c.entity, PAYMENT.c.status, PAYMENT.c.currency)
    )
    return tuple(
        Flight(
            entity=entity,
            status=status,
            count=number,
            amount=Money(int(minor), currency),
            oldest_at=from_micros(oldest),
        )
        for entity, status, currency, number, minor, oldest in rows
        if currency
    )


def list_accounts(sql: Connection, reach: Reach) -> tuple[AccountItem, ...]:
    """Our own bank accounts."""
    rows = sql.execute(
        select(ACCOUNT).where(within(reach, ACCOUNT.c.entity)).order_by(ACCOUNT.c.entity).limit(PAGE_MAX)
    )
    return tuple(
        AccountItem(
            iban=row.subject,
            entity=row.entity,
            statement_id=row.statement_id,
            closing=Money(row.closing_minor, row.currency),
            closed_on=day(row.closed_on),
            gaps=row.gaps,
            unmatched=row.unmatched,
        )
        for row in rows
    )


def _run(row: Row[Any]) -> RunItem:
    return RunItem(
        run_id=row.subject,
        entity=row.entity,
        iban=row.iban,
        execute_on=day(row.execute_on),
        status=row.status,
        count=row._mapping["count"],
        total=Money(row.total_minor, row.currency),
        proposed_by=row.proposed_by,
        released_by=row.released_by,
        claim=row.claim,
        reason=row.reason,
    )


def _payment(row: Row[Any]) -> PaymentItem:
    return PaymentItem(
        payment_id=row.subject,
        run_id=row.run_id,
        invoice_id=row.invoice_id,
        invoice_number=row.invoice_number or "",
        entity=row.entity,
        supplier_id=row.supplier_id,
        supplier_name=row.supplier_name or "",
        amount=Money(row.amount_minor, row.currency) if row.currency else None,
        status=row.status,
        claim=row.claim,
        execute_on=day(row.execute_on),
        booked_on=day(row.booked_on),
        reason=row.reason,
        changed_at=from_micros(row.changed_at),
    )
