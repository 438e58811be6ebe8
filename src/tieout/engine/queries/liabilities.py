"""Liabilities: what is owed, by when it is due; and invoices in general."""

from collections.abc import Iterable
from datetime import date, datetime, timedelta
from typing import Any

from msgspec import Struct
from sqlalchemy import ColumnElement, Connection, Row, and_, func, or_, select, tuple_

from tieout.engine.queries.database import Reach, within
from tieout.engine.schema import TOTAL, VIEW_TABLES
from tieout.kernel.clock import from_micros
from tieout.kernel.money import Money

INVOICE = VIEW_TABLES["invoice"]
PAGE_MAX = 500

OWED = ("posted", "posted_on_hold", "reserved")
"""Where an invoice stands while it is approved and unpaid (the standing ``payable``)."""
BUCKETS = ("overdue", "this_week", "next_week", "this_month", "later", "undated")
"""When something is due: before today, within 7, 14 and 30 days, later, or nobody knows."""


class Sum(Struct, frozen=True):
    """How many items, and what they come to in one currency."""

    count: int
    amount: Money


class Due(Struct, frozen=True, kw_only=True):
    """What is due in one bucket, of one entity in one currency."""

    entity: str
    currency: str
    bucket: str
    count: int
    amount: Money


class InvoiceItem(Struct, frozen=True, kw_only=True):
    """One invoice as lists show it."""

    invoice_id: str
    entity: str
    supplier_id: str
    supplier_name: str
    number: str
    kind: str
    status: str
    reason: str
    payable: Money
    issued_on: date | None
    due_on: date | None
    period: str
    channel: str
    erp_number: str
    payment_id: str
    document: str
    received_at: datetime
    changed_at: datetime


class InvoiceFilter(Struct, frozen=True, kw_only=True):
    """Which invoices. ``after`` is the ``next`` of the page before; ``payable`` asks for what is owed."""

    status: str = ""
    statuses: tuple[str, ...] = ()
    entity: str = ""
    currency: str = ""
    supplier_id: str = ""
    number: str = ""
    period: str = ""
    payable: bool = False
    due_until: date | None = None
    due_before: date | None = None
    due_from: date | None = None
    after: str = ""
    limit: int = 50


class InvoiceList(Struct, frozen=True, kw_only=True):
    """A page of invoices by due date. ``next`` is empty on the last one."""

    items: tuple[InvoiceItem, ...]
    next: str


def totals_of(sql: Connection, name: str, reach: Reach) -> tuple[Sum, ...]:
    """The control total of a standing in every currency, out of the totals that are kept with every batch."""
    rows = sql.execute(
        select(TOTAL.c.currency, func.sum(TOTAL.c.count), func.sum(TOTAL.c.sum_minor))
        .where(TOTAL.c.name == name, within(reach, TOTAL.c.entity))
        .group_by(TOTAL.c.currency)
        .order_by(TOTAL.c.currency)
    )
    return tuple(Sum(int(number), Money(int(minor), currency)) for currency, number, minor in rows if number)


def payable_by_due(sql: Connection, today: date, reach: Reach) -> tuple[Due, ...]:
    """Approved-but-unpaid by entity, currency and due date."""
    rows = sql.execute(
        select(INVOICE.c.entity, INVOICE.c.currency, INVOICE.c.due_on, func.count(), func.sum(INVOICE.c.payable_minor))
        .where(INVOICE.c.status.in_(OWED), within(reach, INVOICE.c.entity))
        .group_by(INVOICE.c.entity, INVOICE.c.currency, INVOICE.c.due_on)
    )
    found: dict[tuple[str, str, str], tuple[int, int]] = {}
    for entity, currency, due_on, number, minor in rows:
        key = (entity, currency, bucket_of(due_on, today))
        count, amount = found.get(key, (0, 0))
        found[key] = count + number, amount + int(minor)
    keys = sorted(found, key=lambda key: (key[0], key[1], BUCKETS.index(key[2])))
    return tuple(
        Due(
            entity=entity,
            currency=currency,
            bucket=bucket,
            count=found[entity, currency, bucket][0],
            amount=Money(found[entity, currency, bucket][1], currency),
        )
        for entity, currency, bucket in keys
    )


def bucket_of(due_on: str, today: date) -> str:
    """The bucket a due date (ISO 8601 text, or empty) falls into."""
    if not due_on:
        return "undated"
    return next((name for name, start, end in bucket_days(today) if (start or "") <= due_on and due_on < end), "later")


def bucket_days(today: date) -> tuple[tuple[str, str, str], ...]:
    """The dated buckets but the last: name, first day, and the day after the last one."""
    week, fortnight, month = (str(today + timedelta(days=days)) for days in (7, 14, 30))
    return (
        ("overdue", "", str(today)),
        ("this_week", str(today), week),
        ("next_week", week, fortnight),
        ("this_month", fortnight, month),
    )


def invoices_by_status(sql: Connection, reach: Reach) -> dict[str, int]:
    """How many invoices stand where."""
    query = select(INVOICE.c.status, func.count()).group_by(INVOICE.c.status)
    if reach is not None:
        query = query.where(within(reach, INVOICE.c.entity))
    return dict(sql.execute(query).all())


def list_invoices(sql: Connection, wanted: InvoiceFilter, reach: Reach) -> InvoiceList:
    """A page of invoices, those due first at the top.

    Every status is asked for by itself, because the index holds them that way: by status, then by due date.
    """
    limit = max(1, min(wanted.limit, PAGE_MAX))
    query = select(INVOICE).where(_condition(wanted, reach))
    if wanted.after:
        due_on, _, subject = wanted.after.partition("/")
        query = query.where(INVOICE.c.due_on >= due_on, tuple_(INVOICE.c.due_on, INVOICE.c.subject) > (due_on, subject))
    rows: list[Row[Any]] = []
    for status in _statuses(sql, wanted):
        rows += sql.execute(
            query.where(INVOICE.c.status == status).order_by(INVOICE.c.due_on, INVOICE.c.subject).limit(limit + 1)
        )
    rows.sort(key=lambda row: (row.due_on, row.subject))
    last = rows[limit - 1] if len(rows) > limit else None
    return InvoiceList(
        items=tuple(map(invoice_item, rows[:limit])), next=f"{last.due_on}/{last.subject}" if last is not None else ""
    )


def _statuses(sql: Connection, wanted: InvoiceFilter) -> set[str]:
    """The statuses that a filter lets through."""
    asked = [set(statuses) for statuses in (wanted.statuses, OWED if wanted.payable else ()) if statuses]
    if wanted.status:
        asked.append({wanted.status})
    if asked:
        return set.intersection(*asked)
    return set(sql.execute(select(INVOICE.c.status).distinct()).scalars())


def _condition(wanted: InvoiceFilter, reach: Reach) -> ColumnElement[bool]:
    parts = [within(reach, INVOICE.c.entity)]
    for column, value in (
        (INVOICE.c.entity, wanted.entity),
        (INVOICE.c.currency, wanted.currency),
        (INVOICE.c.supplier_id, wanted.supplier_id),
        (INVOICE.c.number, wanted.number),
        (INVOICE.c.period, wanted.period),
    ):
        if value:
            parts.append(column == value)
    if wanted.due_until is not None:
        parts.append(and_(INVOICE.c.due_on != "", INVOICE.c.due_on <= str(wanted.due_until)))
    if wanted.due_before is not None:
        parts.append(and_(INVOICE.c.due_on != "", INVOICE.c.due_on < str(wanted.due_before)))
    if wanted.due_from is not None:
        parts.append(INVOICE.c.due_on >= str(wanted.due_from))
    return and_(*parts)


def invoices_by_id(sql: Connection, ids: Iterable[str], reach: Reach) -> dict[str, InvoiceItem]:
    """These invoices, as far as they are there and inside the reach."""
    rows = sql.execute(select(INVOICE).where(INVOICE.c.subject.in_(tuple(ids)), within(reach, INVOICE.c.entity)))
    return {row.subject: invoice_item(row) for row in rows}


def invoices_like(sql: Connection, text: str, reach: Reach, limit: int) -> tuple[InvoiceItem, ...]:
    """Invoices whose number is this text, or begins with it."""
    if not text:
        return ()
    following = text[:-1] + chr(ord(text[-1]) + 1)
    rows = sql.execute(
        select(INVOICE)
        .where(
            or_(INVOICE.c.number == text, and_(INVOICE.c.number >= text, INVOICE.c.number < following)),
            within(reach, INVOICE.c.entity),
        )
        .order_by(INVOICE.c.number, INVOICE.c.received_at)
        .limit(limit)
    )
    return tuple(map(invoice_item, rows))


def invoice_item(row: Row[Any]) -> InvoiceItem:
    """A row of the view as a value."""
    return InvoiceItem(
        invoice_id=row.subject,
        entity=row.entity,
        supplier_id=row.supplier_id,
        supplier_name=row.supplier_name,
        number=row.number,
        kind=row.kind,
        status=row.status,
        reason=row.reason,
        payable=Money(row.payable_minor, row.currency),
        issued_on=day(row.issued_on),
        due_on=day(row.due_on),
        period=row.period,
        channel=row.channel,
        erp_number=row.erp_number,
        payment_id=row.payment_id,
        document=row.document,
        received_at=from_micros(row.received_at),
        changed_at=from_micros(row.changed_at),
    )


def day(text: str) -> date | None:
    """A day column; empty text means there is none."""
    return date.fromisoformat(text) if text else None
