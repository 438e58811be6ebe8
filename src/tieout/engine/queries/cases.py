"""Cases: what somebody must look at."""

from collections.abc import Iterator
from datetime import date, datetime, timedelta
from typing import Any, Literal

import msgspec
from msgspec import Struct
from msgspec.structs import replace
from sqlalchemy import ColumnElement, Connection, Row, Select, and_, case, false, func, or_, select

from tieout.engine.queries.database import Reach, within
from tieout.engine.schema import STATE, VIEW_TABLES
from tieout.kernel.clock import from_micros, to_micros
from tieout.kernel.money import Money
from tieout.kernel.problem import Problem
from tieout.model.commodity import normal
from tieout.policy.routing import Substitute, stands_in_for, substitute

CASE = VIEW_TABLES["case"]
SUPPLIER = VIEW_TABLES["supplier"]

Sort = Literal["oldest", "newest", "largest", "severity", "due"]
SEVERITIES = ("critical", "high", "medium")
Bucket = Literal["0-2", "3-7", "8-30", "over-30"]
#: Days since a case was opened: name → (at least, less than).
BUCKETS: dict[Bucket, tuple[int, int | None]] = {"0-2": (0, 3), "3-7": (3, 8), "8-30": (8, 31), "over-30": (31, None)}
PAGE_MAX = 200
_OFFSET_MAX = 100_000
_STREAMED = 500
_PROBLEMS = msgspec.json.Decoder(tuple[Problem, ...])


class CaseItem(Struct, frozen=True, kw_only=True):
    """One case as lists and its page show it. ``partition`` is where what is said about it is handled.

    ``stand_in`` works it today for its ``assignee``, who is away. ``due_at``: when it should be worked. ``deadline``:
    the day on which money is lost or late. ``level``: how often it was escalated. ``rule``: the rule of the policy that
    gave it to its owner. ``spend_category``: what its document mostly buys.
    """

    case_id: str
    case_class: str
    severity: str
    owner_role: str
    entity: str
    document: str
    supplier_id: str
    supplier_name: str
    spend_category: str
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
    due_at: datetime | None
    deadline: date | None
    deadline_name: str
    level: int
    rule: str
    opened_count: int
    partition: int
    stand_in: str = ""

    def overdue(self, now: datetime) -> bool:
        """Whether it should have been worked by now."""
        return self.status == "open" and self.due_at is not None and self.due_at < now


class CaseFilter(Struct, frozen=True, kw_only=True):
    """Which cases, in which order. Empty texts ask for all.

    ``assignee``: one person, with those they stand in for today, or ``nobody``; ``assignees``: any of several. ``away``
    says who is away and who stands in. ``text`` is looked for in the reason, the document and the supplier's name.
    ``spend_category`` is the beginning of what is bought: ``UNSPSC:43``.
    """

    status: str = "open"
    case_class: str = ""
    severity: str = ""
    entity: str = ""
    owner_role: str = ""
    assignee: str = ""
    assignees: tuple[str, ...] = ()
    supplier_id: str = ""
    document: str = ""
    spend_category: str = ""
    bucket: str = ""
    overdue: bool = False
    text: str = ""
    sort: Sort = "severity"
    offset: int = 0
    limit: int = 50
    away: tuple[Substitute, ...] = ()


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


class Aging(Struct, frozen=True, kw_only=True):
    """Cases of a class in one bucket of age and one currency (empty: without an amount), and how many are overdue."""

    case_class: str
    bucket: Bucket
    currency: str
    count: int
    amount: Money | None
    overdue: int


class Ages(Struct, frozen=True, kw_only=True):
    """How old the open cases of a class are: half of them are at most ``p50_seconds`` old, nine in ten ``p90_seconds``.
    Without a class: all of them."""

    case_class: str
    count: int
    p50_seconds: float
    p90_seconds: float


_COLUMNS = (*CASE.c, SUPPLIER.c.name.label("supplier_name"))
_FROM = CASE.outerjoin(SUPPLIER, SUPPLIER.c.subject == CASE.c.supplier_id)
_RANK = case({name: rank for rank, name in enumerate(SEVERITIES)}, value=CASE.c.severity, else_=len(SEVERITIES))
_ORDERS: dict[Sort, tuple[ColumnElement[Any], ...]] = {
    "oldest": (CASE.c.opened_at, CASE.c.subject),
    "newest": (CASE.c.opened_at.desc(), CASE.c.subject),
    "largest": (func.abs(CASE.c.amount_minor).desc(), CASE.c.subject),
    "severity": (_RANK, CASE.c.opened_at, CASE.c.subject),
    "due": (CASE.c.due_at == 0, CASE.c.due_at, CASE.c.subject),
}


def list_cases(sql: Connection, wanted: CaseFilter, reach: Reach, now: datetime) -> CaseList:
    """A page of cases."""
    condition = _condition(wanted, reach, now)
    limit = max(1, min(wanted.limit, PAGE_MAX))
    offset = max(0, min(wanted.offset, _OFFSET_MAX))
    total = sql.execute(select(func.count()).select_from(_FROM).where(condition)).scalar_one()
    rows = sql.execute(_ordered(wanted, condition).limit(limit).offset(offset))
    items = tuple(stood_in_for(_item(row), wanted.away, now) for row in rows)
    return CaseList(items=items, total=total, offset=offset, limit=limit)


def every_case(sql: Connection, wanted: CaseFilter, reach: Reach, now: datetime) -> Iterator[CaseItem]:
    """All cases of a filter, one after the other, however many; its offset and limit do not count."""
    query = _ordered(wanted, _condition(wanted, reach, now)).execution_options(yield_per=_STREAMED)
    for row in sql.execute(query):
        yield stood_in_for(_item(row), wanted.away, now)


def stood_in_for(case: CaseItem, away: tuple[Substitute, ...], now: datetime) -> CaseItem:
    """The case with who works it today instead of its assignee, where that person is away."""
    if not case.assignee or case.status != "open":
        return case
    present, _ = substitute(case.assignee, away, now.date())
    return case if present == case.assignee else replace(case, stand_in=present)


def _ordered(wanted: CaseFilter, condition: ColumnElement[bool]) -> Select[Any]:
    return select(*_COLUMNS).select_from(_FROM).where(condition).order_by(*_ORDERS[wanted.sort])


def _condition(wanted: CaseFilter, reach: Reach, now: datetime) -> ColumnElement[bool]:
    parts = [within(reach, CASE.c.entity, shared=True)]
    for column, value in (
        (CASE.c.status, wanted.status),
        (CASE.c.case_class, wanted.case_class),
        (CASE.c.severity, wanted.severity),
        (CASE.c.entity, wanted.entity),
        (CASE.c.owner_role, wanted.owner_role),
        (CASE.c.supplier_id, wanted.supplier_id),
        (CASE.c.document, wanted.document),
    ):
        if value:
            parts.append(column == value)
    if wanted.assignee:
        nobody = wanted.assignee == "nobody"
        whose = ("",) if nobody else stands_in_for(wanted.assignee, wanted.away, now.date())
        parts.append(CASE.c.assignee.in_(whose))
    if wanted.assignees:
        parts.append(CASE.c.assignee.in_(wanted.assignees))
    if wanted.spend_category:
        parts.append(_bought(wanted.spend_category))
    if wanted.bucket in BUCKETS:
        parts.append(_in_bucket(*BUCKETS[wanted.bucket], now))
    if wanted.overdue:
        parts.append(_overdue(now))
    if wanted.text:
        looked_in = (CASE.c.reason, CASE.c.document, SUPPLIER.c.name, CASE.c.subject)
        parts.append(or_(*(column.icontains(wanted.text, autoescape=True) for column in looked_in)))
    return and_(*parts)


def _bought(beginning: str) -> ColumnElement[bool]:
    """Its category is in this branch; what names no scheme is in none."""
    wanted = normal(beginning)
    return CASE.c.spend_category.startswith(wanted, autoescape=True) if wanted else false()


def _in_bucket(least: int, below: int | None, now: datetime) -> ColumnElement[bool]:
    """Opened so many days ago."""
    youngest = CASE.c.opened_at <= to_micros(now - timedelta(days=least)) if least else CASE.c.opened_at.is_not(None)
    return youngest if below is None else and_(youngest, CASE.c.opened_at > to_micros(now - timedelta(days=below)))


def _overdue(now: datetime) -> ColumnElement[bool]:
    return and_(CASE.c.status == "open", CASE.c.due_at > 0, CASE.c.due_at < to_micros(now))


def case_by_id(sql: Connection, case_id: str, reach: Reach) -> CaseItem | None:
    """One case, if it is there and inside the reach."""
    row = sql.execute(
        select(*_COLUMNS).select_from(_FROM).where(CASE.c.subject == case_id, within(reach, CASE.c.entity, shared=True))
    ).first()
    return _item(row) if row else None


def state_of_case(sql: Connection, case_id: str) -> bytes:
    """The state of a case that is there, as its process keeps it."""
    query = select(STATE.c.data).where(STATE.c.process == "case", STATE.c.subject == case_id)
    return bytes(sql.execute(query).scalar_one())


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


def owner_roles(sql: Connection, reach: Reach) -> tuple[str, ...]:
    """The roles that work the open cases."""
    rows = sql.execute(
        select(CASE.c.owner_role)
        .where(CASE.c.status == "open", within(reach, CASE.c.entity, shared=True))
        .distinct()
        .order_by(CASE.c.owner_role)
    )
    return tuple(rows.scalars())


# ── age ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def aging(sql: Connection, wanted: CaseFilter, reach: Reach, now: datetime) -> tuple[Aging, ...]:
    """Cases by class, bucket of age and currency. The filter's own bucket does not count, so that all are seen."""
    all_ages = replace(wanted, bucket="")
    bucket = case(
        *((_in_bucket(*bounds, now), name) for name, bounds in BUCKETS.items() if name != "over-30"), else_="over-30"
    ).label("bucket")
    late = func.sum(case((_overdue(now), 1), else_=0))
    size = func.sum(func.abs(CASE.c.amount_minor))
    rows = sql.execute(
        select(CASE.c.case_class, bucket, CASE.c.currency, func.count(), size, late)
        .select_from(_FROM)
        .where(_condition(all_ages, reach, now))
        .group_by(CASE.c.case_class, bucket, CASE.c.currency)
        .order_by(CASE.c.case_class, bucket, CASE.c.currency)
    )
    return tuple(
        Aging(
            case_class=name,
            bucket=found,
            currency=currency,
            count=count,
            amount=Money(int(minor), currency) if currency else None,
            overdue=int(overdue),
        )
        for name, found, currency, count, minor, overdue in rows
    )


def ages(sql: Connection, reach: Reach, now: datetime) -> tuple[Ages, ...]:
    """How old open cases are, all together (the first) and by class."""
    open_ones = and_(CASE.c.status == "open", within(reach, CASE.c.entity, shared=True))
    found: list[Ages] = []
    for by in ((), (CASE.c.case_class,)):
        rank = func.row_number().over(partition_by=by or None, order_by=CASE.c.opened_at.desc()).label("rank")
        count = func.count().over(partition_by=by or None).label("whole")
        ranked = select(CASE.c.case_class, CASE.c.opened_at, rank, count).where(open_ones).subquery()
        # The smallest rank that has at least the share of all below or at it ("nearest rank").
        at = or_(*(_at_share(ranked.c.rank, ranked.c.whole, tenths) for tenths in (5, 9)))
        order = (ranked.c.case_class, ranked.c.rank) if by else (ranked.c.rank,)
        rows = sql.execute(select(ranked).where(at).order_by(*order))
        found += _ages([(row.case_class if by else "", row.whole, row.opened_at) for row in rows], now)
    return tuple(found)


def _at_share(rank: ColumnElement[int], of: ColumnElement[int], tenths: int) -> ColumnElement[bool]:
    return and_(rank * 10 >= of * tenths, (rank - 1) * 10 < of * tenths)


def _ages(rows: list[tuple[str, int, int]], now: datetime) -> Iterator[Ages]:
    """One or two rows for each class: the one at half of them and the one at nine in ten, which may be the same."""
    for name in dict.fromkeys(name for name, _, _ in rows):
        own = [(count, opened_at) for one, count, opened_at in rows if one == name]
        seconds = [max(0.0, (now - from_micros(opened_at)).total_seconds()) for _, opened_at in own]
        yield Ages(case_class=name, count=own[0][0], p50_seconds=seconds[0], p90_seconds=seconds[-1])


def overdue_by_class(sql: Connection, reach: Reach, now: datetime) -> dict[tuple[str, str], int]:
    """How many open cases should have been worked by now, by class and severity."""
    rows = sql.execute(
        select(CASE.c.case_class, CASE.c.severity, func.count())
        .where(_overdue(now), within(reach, CASE.c.entity, shared=True))
        .group_by(CASE.c.case_class, CASE.c.severity)
    )
    return {(name, severity): count for name, severity, count in rows}


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
        spend_category=row.spend_category,
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
        due_at=from_micros(row.due_at) if row.due_at else None,
        deadline=date.fromisoformat(row.deadline) if row.deadline else None,
        deadline_name=row.deadline_name,
        level=row.level,
        rule=row.rule,
        opened_count=row.opened_count,
        partition=row.partition,
    )
