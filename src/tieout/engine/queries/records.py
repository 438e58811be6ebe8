"""Suppliers, originals, and messages that were set aside."""

from datetime import datetime
from typing import Any

import msgspec
from msgspec import Struct
from sqlalchemy import Connection, Row, func, select, text, tuple_

from tieout.engine.queries.database import Reach, within
from tieout.engine.schema import DOCUMENT, INBOX, VIEW_TABLES
from tieout.kernel.clock import from_micros
from tieout.kernel.problem import Problem

SUPPLIER = VIEW_TABLES["supplier"]
PAGE_MAX = 200
_PROBLEMS = msgspec.json.Decoder(tuple[Problem, ...])
_QUARANTINED = text("inbox.status = 'quarantined'")
_WAITING = text("inbox.status = 'ready' AND inbox.due_at = 0")
_TIMED = text("inbox.status = 'ready' AND inbox.due_at > 0")


class SupplierItem(Struct, frozen=True, kw_only=True):
    """A supplier; its account number is masked."""

    supplier_id: str
    name: str
    tax_id: str
    country: str
    status: str
    hold_reason: str
    iban_masked: str
    change_id: str
    systems: str


class SupplierList(Struct, frozen=True, kw_only=True):
    """A page of suppliers. ``next`` is empty on the last one."""

    items: tuple[SupplierItem, ...]
    next: str


class DocumentItem(Struct, frozen=True, kw_only=True):
    """An original as it came."""

    hash: str
    name: str
    media_type: str
    channel: str
    size: int
    received_at: datetime
    status: str
    format: str
    problems: tuple[Problem, ...]
    events: int


class DocumentList(Struct, frozen=True, kw_only=True):
    """A page of originals, the latest first. ``next`` is empty on the last one."""

    items: tuple[DocumentItem, ...]
    next: str


class SetAside(Struct, frozen=True, kw_only=True):
    """A message that could not be handled. It is kept whole; only messages of the same subject wait behind it."""

    inbox_id: int
    source: str
    key: str
    type: str
    subject: str
    entity: str
    error: str
    attempts: int
    accepted_at: datetime
    waiting_behind: int


class Inbox(Struct, frozen=True, kw_only=True):
    """What waits to be handled: by lane, the oldest, what waits for a time or a link, and what was set aside."""

    lanes: dict[int, int]
    oldest_at: datetime | None
    timed: int
    quarantined: int


def list_suppliers(
    sql: Connection, *, name: str = "", only: str = "", after: str = "", limit: int = 50
) -> SupplierList:
    """A page of suppliers by name. ``only``: ``held``, ``changing`` (a bank change is open), or a status."""
    limit = max(1, min(limit, PAGE_MAX))
    query = select(SUPPLIER)
    if only == "held":
        query = query.where(SUPPLIER.c.hold_reason != "")
    elif only == "changing":
        query = query.where(SUPPLIER.c.change_id != "")
    elif only:
        query = query.where(SUPPLIER.c.status == only)
    if name:
        pattern = "%" + name.lower().replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_") + "%"
        query = query.where(func.lower(SUPPLIER.c.name).like(pattern, escape="\\"))
    if after:
        last_name, _, subject = after.rpartition("/")
        query = query.where(tuple_(SUPPLIER.c.name, SUPPLIER.c.subject) > (last_name, subject))
    rows = sql.execute(query.order_by(SUPPLIER.c.name, SUPPLIER.c.subject).limit(limit + 1)).all()
    items = tuple(map(_supplier, rows[:limit]))
    return SupplierList(items=items, next=f"{items[-1].name}/{items[-1].supplier_id}" if len(rows) > limit else "")


def supplier_by_id(sql: Connection, supplier_id: str) -> SupplierItem | None:
    """One supplier."""
    row = sql.execute(select(SUPPLIER).where(SUPPLIER.c.subject == supplier_id)).first()
    return _supplier(row) if row else None


def suppliers_on_hold(sql: Connection) -> tuple[int, int]:
    """How many suppliers payments are held for, and how many bank changes are open."""
    held, changing = sql.execute(
        select(
            func.count().filter(SUPPLIER.c.hold_reason != ""), func.count().filter(SUPPLIER.c.change_id != "")
        ).select_from(SUPPLIER)
    ).one()
    return held, changing


def list_documents(sql: Connection, *, status: str = "", after: str = "", limit: int = 50) -> DocumentList:
    """A page of originals."""
    limit = max(1, min(limit, PAGE_MAX))
    query = select(DOCUMENT)
    if status:
        query = query.where(DOCUMENT.c.status == status)
    if after:
        received_at, _, mark = after.partition("/")
        query = query.where(tuple_(DOCUMENT.c.received_at, DOCUMENT.c.hash) < (int(received_at), mark))
    rows = sql.execute(query.order_by(DOCUMENT.c.received_at.desc(), DOCUMENT.c.hash.desc()).limit(limit + 1)).all()
    last = rows[limit - 1] if len(rows) > limit else None
    return DocumentList(
        items=tuple(map(document_item, rows[:limit])),
        next=f"{last.received_at}/{last.hash}" if last is not None else "",
    )


def documents_by_hash(sql: Connection, hashes: tuple[str, ...]) -> tuple[DocumentItem, ...]:
    """These originals, as far as they are there."""
    rows = sql.execute(select(DOCUMENT).where(DOCUMENT.c.hash.in_(hashes)).order_by(DOCUMENT.c.received_at))
    return tuple(map(document_item, rows))


def list_set_aside(sql: Connection, reach: Reach, limit: int = 100) -> tuple[SetAside, ...]:
    """Messages that were set aside, those that came first at the top."""
    rows = sql.execute(
        select(INBOX)
        .where(_QUARANTINED, within(reach, INBOX.c.entity, shared=True))
        .order_by(INBOX.c.id)
        .limit(min(limit, PAGE_MAX))
    ).all()
    subjects = {row.subject for row in rows}
    behind: dict[str, int] = dict(
        sql.execute(
            select(INBOX.c.subject, func.count())
            .where(INBOX.c.status == "ready", INBOX.c.subject.in_(subjects))
            .group_by(INBOX.c.subject)
        ).all()
        if subjects
        else ()
    )
    return tuple(
        SetAside(
            inbox_id=row.id,
            source=row.source,
            key=row.key,
            type=row.type,
            subject=row.subject,
            entity=row.entity,
            error=row.error,
            attempts=row.attempts,
            accepted_at=from_micros(row.accepted_at),
            waiting_behind=behind.get(row.subject, 0),
        )
        for row in rows
    )


def set_aside_by_id(sql: Connection, inbox_id: int, reach: Reach) -> Any:
    """The row of one message that was set aside, if it is there and inside the reach."""
    return sql.execute(
        select(INBOX).where(INBOX.c.id == inbox_id, _QUARANTINED, within(reach, INBOX.c.entity, shared=True))
    ).first()


def inbox(sql: Connection) -> Inbox:
    """What waits to be handled."""
    waiting = select(INBOX.c.lane, func.count()).where(_WAITING).group_by(INBOX.c.lane).order_by(INBOX.c.lane)
    lanes: dict[int, int] = dict(sql.execute(waiting).all())
    firsts = [
        sql.execute(
            select(INBOX.c.accepted_at).where(_WAITING, INBOX.c.lane == lane).order_by(INBOX.c.id).limit(1)
        ).scalar_one_or_none()
        for lane in lanes
    ]
    oldest = min((first for first in firsts if first is not None), default=None)
    return Inbox(
        lanes=lanes,
        oldest_at=from_micros(oldest) if oldest is not None else None,
        timed=sql.execute(select(func.count()).select_from(INBOX).where(_TIMED)).scalar_one(),
        quarantined=sql.execute(select(func.count()).select_from(INBOX).where(_QUARANTINED)).scalar_one(),
    )


def document_item(row: Row[Any]) -> DocumentItem:
    """A row as a value."""
    return DocumentItem(
        hash=row.hash,
        name=row.name,
        media_type=row.media_type,
        channel=row.channel,
        size=row.size,
        received_at=from_micros(row.received_at),
        status=row.status,
        format=row.format,
        problems=_PROBLEMS.decode(row.problems) if row.problems else (),
        events=row.events,
    )


def _supplier(row: Row[Any]) -> SupplierItem:
    return SupplierItem(
        supplier_id=row.subject,
        name=row.name,
        tax_id=row.tax_id,
        country=row.country,
        status=row.status,
        hold_reason=row.hold_reason,
        iban_masked=row.iban_masked,
        change_id=row.change_id,
        systems=row.systems,
    )
