"""Cases: what somebody must look at."""

from datetime import datetime
from typing import Any, Literal

import msgspec
from msgspec import Struct
from sqlalchemy import ColumnElement, Connection, Row, and_, case, func, select

from tieout.engine.queries.database import Reach, within
from tieout.engine.schema import VIEW_TABLES
from tieout.kernel.clock import from_micros
from tieout.kernel.money import Money
from tieout.kernel.problem import Problem

CASE = VIEW_TABLES["case"]
SUPPLIER = VIEW_TABLES["supplier"]

Sort = Literal["oldest", "newest", "largest", "severity"]
SEVERITIES = ("critical", "high", "medium")
PAGE_MAX = 200
_OFFSET_MAX = 100_000
_PROBLEMS = msgspec.json.Decoder(tuple[Problem, ...])


class CaseItem(Struct, frozen=True, kw_only=True):
    """One case as lists and its page show it. ``partition`` is where what is said about it is handled."""

    case_id: str
    case_class: str
    severity: str
    owner_role: str
    entity: str
    document: str
    supplier_id: str
    supplier_name: str
    reason: str
    problems: tuple[Problem, ...]
    remedy: str
    actions: tuple[str, ...]
    status: str
    assignee: str
    resolution: str
    amount: Money | None
    opened_at: datetime
    settled_at: datetime | None
    partition: int


class CaseFilter(Struct, frozen=True, kw_only=True):
    """Which cases, in which order. Empty texts ask for all."""

    status: str = "open"
    case_class: str = ""
    severity: str = ""
    entity: str = ""
    assignee: str = ""
    document: str = ""
    sort: Sort = "severity"
    offset: int = 0
    limit: int = 50


class CaseList(Struct, frozen=True, kw_only=True):
    """A page of cases and how many there are in all."""

    items: tuple[CaseItem, ...]
    total: int
    offset: int
    limit: int


class CaseCount(Struct, frozen=True, kw_only=True):
    """How many open cases of a class there are, and since when the oldest waits."""

    case_class: str
    severity: str
    count: int
    oldest_at: datetime


_COLUMNS = (*CASE.c, SUPPLIER.c.name.label("supplier_name"))
_FROM = CASE.outerjoin(SUPPLIER, SUPPLIER.c.subject == CASE.c.supplier_id)
_RANK = case({name: rank for rank, name in enumerate(SEVERITIES)}, value=CASE.c.severity, else_=len(SEVERITIES))
_ORDERS: dict[Sort, tuple[ColumnElement[Any], ...]] = {
    "oldest": (CASE.c.opened_at, CASE.c.subject),
    "newest": (CASE.c.opened_at.desc(), CASE.c.subject),
    "largest": (func.abs(CASE.c.amount_minor).desc(), CASE.c.subject),
    "severity": (_RANK, CASE.c.opened_at, CASE.c.subject),
}


def list_cases(sql: Connection, wanted: CaseFilter, reach: Reach) -> CaseList:
    """A page of cases."""
    condition = _condition(wanted, reach)
    limit = max(1, min(wanted.limit, PAGE_MAX))
    offset = max(0, min(wanted.offset, _OFFSET_MAX))
    total = sql.execute(select(func.count()).select_from(CASE).where(condition)).scalar_one()
    rows = sql.execute(
        select(*_COLUMNS)
        .select_from(_FROM)
        .where(condition)
        .order_by(*_ORDERS[wanted.sort])
        .limit(limit)
        .offset(offset)
    )
    return CaseList(items=tuple(_item(row) for row in rows), total=total, offset=offset, limit=limit)


def _condition(wanted: CaseFilter, reach: Reach) -> ColumnElement[bool]:
    parts = [within(reach, CASE.c.entity, shared=True)]
    for column, value in (
        (CASE.c.status, wanted.status),
        (CASE.c.case_class, wanted.case_class),
        (CASE.c.severity, wanted.severity),
        (CASE.c.entity, wanted.entity),
        (CASE.c.document, wanted.document),
    ):
        if value:
            parts.append(column == value)
    if wanted.assignee:
        parts.append(CASE.c.assignee == ("" if wanted.assignee == "nobody" else wanted.assignee))
    return and_(*parts)


def case_by_id(sql: Connection, case_id: str, reach: Reach) -> CaseItem | None:
    """One case, if it is there and inside the reach."""
    row = sql.execute(
        select(*_COLUMNS).select_from(_FROM).where(CASE.c.subject == case_id, within(reach, CASE.c.entity, shared=True))
    ).first()
    return _item(row) if row else None


def cases_of(sql: Connection, documents: tuple[str, ...], reach: Reach) -> tuple[CaseItem, ...]:
    """All cases about some documents, open ones first."""
    rows = sql.execute(
        select(*_COLUMNS)
        .select_from(_FROM)
        .where(CASE.c.document.in_(documents), within(reach, CASE.c.entity, shared=True))
        .order_by(CASE.c.status, CASE.c.opened_at)
        .limit(PAGE_MAX)
    )
    return tuple(_item(row) for row in rows)


def open_by_class(sql: Connection, reach: Reach) -> tuple[CaseCount, ...]:
    """Open cases by class, the gravest first."""
    rows = sql.execute(
        select(CASE.c.case_class, CASE.c.severity, func.count(), func.min(CASE.c.opened_at))
        .where(CASE.c.status == "open", within(reach, CASE.c.entity, shared=True))
        .group_by(CASE.c.case_class, CASE.c.severity)
    )
    counts = [
        CaseCount(case_class=name, severity=severity, count=number, oldest_at=from_micros(oldest))
        for name, severity, number, oldest in rows
    ]
    counts.sort(key=lambda one: (severity_rank(one.severity), -one.count, one.case_class))
    return tuple(counts)


def severity_rank(severity: str) -> int:
    """0 for the gravest."""
    return SEVERITIES.index(severity) if severity in SEVERITIES else len(SEVERITIES)


def _item(row: Row[Any]) -> CaseItem:
    return CaseItem(
        case_id=row.subject,
        case_class=row.case_class,
        severity=row.severity,
        owner_role=row.owner_role,
        entity=row.entity,
        document=row.document,
        supplier_id=row.supplier_id,
        supplier_name=row.supplier_name or "",
        reason=row.reason,
        problems=_PROBLEMS.decode(row.problems) if row.problems else (),
        remedy=row.remedy,
        actions=tuple(filter(None, (name.strip() for name in row.actions.split(",")))),
        status=row.status,
        assignee=row.assignee,
        resolution=row.resolution,
        amount=Money(row.amount_minor, row.currency) if row.currency else None,
        opened_at=from_micros(row.opened_at),
        settled_at=from_micros(row.settled_at) if row.settled_at else None,
        partition=row.partition,
    )
