"""The close: is a period of an entity ready, and if not, exactly what keeps it from being so."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import msgspec
from msgspec import Struct
from sqlalchemy import Connection, Row, select, tuple_

from tieout.engine.queries.database import Reach, within
from tieout.engine.schema import STANDING, TOTAL, VIEW_TABLES
from tieout.kernel.clock import from_micros
from tieout.kernel.money import Money
from tieout.model.standings import STANDINGS

PERIOD = VIEW_TABLES["period"]
PAGE_MAX = 500


class Standing(Struct, frozen=True, kw_only=True):
    """How many items stand somewhere, what they come to in one currency, and whether they keep the period open."""

    name: str
    title: str
    blocks_close: bool
    entity: str
    period: str
    count: int
    amount: Money


class Readiness(Struct, frozen=True, kw_only=True):
    """One period of one entity. ``blockers``, ``signals``, ``tie_outs`` and ``tasks`` are as the close decided them."""

    entity: str
    period: str
    status: str
    blockers: dict[str, int]
    signals: dict[str, Any]
    tie_outs: dict[str, Any]
    tasks: dict[str, Any]
    standings: tuple[Standing, ...]
    evaluated_at: datetime | None


class Blocker(Struct, frozen=True, kw_only=True):
    """One document that stands somewhere: what ``trace`` takes, its amount, and since when."""

    name: str
    entity: str
    period: str
    item: str
    amount: Money
    since: datetime


class BlockerList(Struct, frozen=True, kw_only=True):
    """A page of documents. ``next`` is empty on the last one."""

    items: tuple[Blocker, ...]
    next: str


def readiness(sql: Connection, reach: Reach, entity: str = "", period: str = "") -> tuple[Readiness, ...]:
    """Every period that is being closed, the latest first, with the control totals that stand in it."""
    query = select(PERIOD).where(within(reach, PERIOD.c.entity))
    if entity:
        query = query.where(PERIOD.c.entity == entity)
    if period:
        query = query.where(PERIOD.c.period == period)
    rows = sql.execute(query.order_by(PERIOD.c.period.desc(), PERIOD.c.entity).limit(PAGE_MAX)).all()
    standing = _standings_of(sql, {(row.entity, row.period) for row in rows})
    return tuple(_readiness(row, standing.get((row.entity, row.period), ())) for row in rows)


def totals(sql: Connection, reach: Reach, entity: str = "", period: str = "", name: str = "") -> tuple[Standing, ...]:
    """Control totals: of every standing, entity, period and currency."""
    query = select(TOTAL).where(within(reach, TOTAL.c.entity))
    for column, value in ((TOTAL.c.entity, entity), (TOTAL.c.period, period), (TOTAL.c.name, name)):
        if value:
            query = query.where(column == value)
    rows = sql.execute(query.order_by(TOTAL.c.entity, TOTAL.c.period, TOTAL.c.name, TOTAL.c.currency))
    return tuple(_standing(row) for row in rows if row._mapping["count"] or row.sum_minor)


def blocking_documents(
    sql: Connection, name: str, entity: str, period: str, reach: Reach, *, after: str = "", limit: int = 50
) -> BlockerList:
    """The exact documents that stand somewhere in a period, out of the same table the totals are kept with."""
    limit = max(1, min(limit, PAGE_MAX))
    rows = sql.execute(
        select(STANDING)
        .where(
            STANDING.c.name == name,
            STANDING.c.entity == entity,
            STANDING.c.period == period,
            STANDING.c.item > after,
            within(reach, STANDING.c.entity),
        )
        .order_by(STANDING.c.item)
        .limit(limit + 1)
    ).all()
    items = tuple(
        Blocker(
            name=row.name,
            entity=row.entity,
            period=row.period,
            item=row.item,
            amount=Money(row.amount_minor, row.currency),
            since=from_micros(row.since),
        )
        for row in rows[:limit]
    )
    return BlockerList(items=items, next=items[-1].item if len(rows) > limit else "")


def blocks(name: str) -> bool:
    """Whether one item of this standing keeps a period from being ready."""
    kind = STANDINGS.get(name)
    return kind is not None and kind.blocks_close


def title(name: str) -> str:
    """A standing in words."""
    kind = STANDINGS.get(name)
    return kind.title if kind else name.replace("_", " ").capitalize()


def _standings_of(sql: Connection, periods: set[tuple[str, str]]) -> Mapping[tuple[str, str], tuple[Standing, ...]]:
    if not periods:
        return {}
    rows = sql.execute(
        select(TOTAL)
        .where(tuple_(TOTAL.c.entity, TOTAL.c.period).in_(sorted(periods)))
        .order_by(TOTAL.c.name, TOTAL.c.currency)
    )
    found: dict[tuple[str, str], tuple[Standing, ...]] = {}
    for row in rows:
        if row._mapping["count"]:
            found[row.entity, row.period] = (*found.get((row.entity, row.period), ()), _standing(row))
    return found


def _standing(row: Row[Any]) -> Standing:
    return Standing(
        name=row.name,
        title=title(row.name),
        blocks_close=blocks(row.name),
        entity=row.entity,
        period=row.period,
        count=row._mapping["count"],
        amount=Money(row.sum_minor, row.currency),
    )


def _readiness(row: Row[Any], standing: tuple[Standing, ...]) -> Readiness:
    return Readiness(
        entity=row.entity,
        period=row.period,
        status=row.status,
        blockers=_object(row.blockers),
        signals=_object(row.signals),
        tie_outs=_object(row.tie_outs),
        tasks=_object(row.tasks),
        standings=standing,
        evaluated_at=from_micros(row.evaluated_at) if row.evaluated_at else None,
    )


def _object(text: str) -> dict[str, Any]:
    value = msgspec.json.decode(text) if text else {}
    return value if isinstance(value, dict) else {}
