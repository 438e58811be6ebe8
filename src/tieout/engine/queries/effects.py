"""Writes on other systems: which wait, which need a person, and what became of them."""

from datetime import datetime
from typing import Any

import msgspec
from msgspec import Struct
from sqlalchemy import ColumnElement, Connection, Row, and_, func, or_, select, text, tuple_

from tieout.engine.queries.database import Reach, within
from tieout.engine.queries.words import effect_status, write_name
from tieout.engine.schema import EFFECT
from tieout.engine.stores.rows import FOREVER
from tieout.kernel.clock import from_micros
from tieout.model.facts import Outcome

PAGE_MAX = 200
NEEDS_A_PERSON = ("undecided", "dead", "refused", "held")
"""Statuses that do not change by themselves."""
OPEN = ("undecided", "dead", "refused", "held", "unknown", "probing", "leased", "parked", "ready")
"""Everything that has not come to an end, and what was refused; the gravest first."""
FINDABLE = (*OPEN, "cancelled", "compensated")
"""What lists can be asked for; of what was applied there is too much, and `trace` has it."""
REDELIVERABLE = ("undecided", "dead", "refused", "held")
_OUTCOME = msgspec.json.Decoder(Outcome)


class EffectItem(Struct, frozen=True, kw_only=True):
    """One intended write and what is known of it."""

    effect_id: str
    connector: str
    operation: str
    name: str
    key: str
    subject: str
    entity: str
    correlation: str
    status: str
    status_words: str
    attempts: int
    probes: int
    error: str
    reference: str
    outcome: Outcome | None
    after: str
    causation: str
    deadline: datetime | None
    not_before: datetime | None
    created_at: datetime
    changed_at: datetime


class EffectFilter(Struct, frozen=True, kw_only=True):
    """Which writes. ``status`` may be empty (all that are open) or ``person`` (those a person must look at)."""

    status: str = "person"
    connector: str = ""
    operation: str = ""
    entity: str = ""
    after: str = ""
    limit: int = 50


class EffectList(Struct, frozen=True, kw_only=True):
    """A page of writes, the latest change first. ``next`` is empty on the last one."""

    items: tuple[EffectItem, ...]
    next: str


class EffectCount(Struct, frozen=True, kw_only=True):
    """How many writes of a connector stand in a status, and since when the oldest does."""

    connector: str
    status: str
    count: int
    oldest_at: datetime


_UNSENT = text("effect.status = 'ready'")
_UNSETTLED = text("effect.status NOT IN ('ready', 'applied')")


def _standing(status: str) -> ColumnElement[bool]:
    """The condition on the status, in the very words of the partial index that serves it."""
    if status == "ready":
        return and_(_UNSENT)
    return and_(_UNSETTLED, EFFECT.c.status == status)


# The payload stands apart and is left out: it can be large and may hold bank details.
_COLUMNS = tuple(column for column in EFFECT.c if column.name not in ("owner", "lease_until", "partition"))


def count_open(sql: Connection, reach: Reach) -> tuple[EffectCount, ...]:
    """Open writes by connector and status."""
    found: list[EffectCount] = []
    for status in OPEN:
        rows = sql.execute(
            select(EFFECT.c.connector, func.count(), func.min(EFFECT.c.changed_at))
            .where(_standing(status), within(reach, EFFECT.c.entity, shared=True))
            .group_by(EFFECT.c.connector)
            .order_by(EFFECT.c.connector)
        )
        found += [
            EffectCount(connector=connector, status=status, count=number, oldest_at=from_micros(oldest))
            for connector, number, oldest in rows
        ]
    return tuple(found)


def list_effects(sql: Connection, wanted: EffectFilter, reach: Reach) -> EffectList:
    """A page of writes."""
    limit = max(1, min(wanted.limit, PAGE_MAX))
    statuses = {"": OPEN, "person": NEEDS_A_PERSON}.get(wanted.status, (wanted.status,))
    if not set(statuses) <= set(FINDABLE):
        return EffectList(items=(), next="")
    rows: list[Row[Any]] = []
    for status in statuses:
        query = select(*_COLUMNS).where(_standing(status), within(reach, EFFECT.c.entity, shared=True))
        for column, value in (
            (EFFECT.c.connector, wanted.connector),
            (EFFECT.c.operation, wanted.operation),
            (EFFECT.c.entity, wanted.entity),
        ):
            if value:
                query = query.where(column == value)
        if wanted.after:
            changed_at, _, effect_id = wanted.after.partition("/")
            query = query.where(tuple_(EFFECT.c.changed_at, EFFECT.c.id) < (int(changed_at), effect_id))
        rows += sql.execute(query.order_by(EFFECT.c.changed_at.desc(), EFFECT.c.id.desc()).limit(limit + 1))
    rows.sort(key=lambda row: (row.changed_at, row.id), reverse=True)
    last = rows[limit - 1] if len(rows) > limit else None
    return EffectList(
        items=tuple(map(effect_item, rows[:limit])), next=f"{last.changed_at}/{last.id}" if last is not None else ""
    )


def effects_by_id(sql: Connection, ids: tuple[str, ...], reach: Reach) -> tuple[EffectItem, ...]:
    """These writes, as far as they are there and inside the reach."""
    rows = sql.execute(select(*_COLUMNS).where(EFFECT.c.id.in_(ids), within(reach, EFFECT.c.entity, shared=True)))
    return tuple(map(effect_item, rows))


def open_effects_of(
    sql: Connection, correlations: tuple[str, ...], subjects: tuple[str, ...], reach: Reach
) -> tuple[EffectItem, ...]:
    """Writes that have not come to an end, of these correlations or subjects. Looks at open ones only."""
    mine = or_(EFFECT.c.correlation.in_(correlations), EFFECT.c.subject.in_(subjects))
    rows: list[Row[Any]] = []
    for status in OPEN:
        rows += sql.execute(
            select(*_COLUMNS)
            .where(_standing(status), mine, within(reach, EFFECT.c.entity, shared=True))
            .limit(PAGE_MAX)
        )
    return tuple(map(effect_item, rows))


def effect_item(row: Row[Any]) -> EffectItem:
    """A row as a value."""
    outcome = _OUTCOME.decode(row.outcome) if row.outcome else None
    return EffectItem(
        effect_id=row.id,
        connector=row.connector,
        operation=row.operation,
        name=write_name(row.operation),
        key=row.key,
        subject=row.subject,
        entity=row.entity,
        correlation=row.correlation,
        status=row.status,
        status_words=effect_status(row.status),
        attempts=row.attempts,
        probes=row.probes,
        error=row.error,
        reference=outcome.reference if outcome else "",
        outcome=outcome,
        after=row.after,
        causation=row.causation,
        deadline=from_micros(row.deadline) if 0 < row.deadline < FOREVER else None,
        not_before=from_micros(row.not_before) if row.not_before else None,
        created_at=from_micros(row.created_at),
        changed_at=from_micros(row.changed_at),
    )
