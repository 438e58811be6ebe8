"""The life of anything, across systems: events, writes, links, payments, originals and cases, by any of its ids.

An invoice's life runs through several correlations: its own, and that of every payment run that took it. Of a run's
many events only those about this invoice and its payments belong to it.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from heapq import heapify, heappop, heappush
from typing import Any, Literal

import msgspec
from msgspec import Struct
from sqlalchemy import ColumnElement, Connection, Row, and_, or_, select

from tieout.engine.queries.cases import CaseItem, case_by_id, cases_of
from tieout.engine.queries.database import Reach, within
from tieout.engine.queries.effects import EffectItem, effects_by_id, open_effects_of
from tieout.engine.queries.find import Hit, Kind, find
from tieout.engine.queries.liabilities import INVOICE, InvoiceItem, invoices_by_id
from tieout.engine.queries.payments import PaymentItem, payment_by_id, payments_of_invoices
from tieout.engine.queries.records import DocumentItem, documents_by_hash
from tieout.engine.queries.whereabouts import correlation_of_case
from tieout.engine.queries.words import plain, say
from tieout.engine.schema import EVENT, LINK
from tieout.kernel.clock import from_micros
from tieout.model import facts as f
from tieout.policy.duties import is_person
from tieout.policy.policy import Policy

STEPS_MAX = 400
_DATA_MAX = 65_536

Lane = Literal["people", "procurement", "ap", "tieout", "erp", "bank", "close"]
LANES: tuple[Lane, ...] = ("people", "procurement", "ap", "tieout", "erp", "bank", "close")

_LANE_OF_FACT: dict[str, Lane] = {
    "order.placed": "procurement",
    "order.goods_received": "procurement",
    "invoice.received": "ap",
    "invoice.approval_decided": "ap",
    "payment.status_reported": "bank",
    "payment_run.status_reported": "bank",
    "payment.entry_booked": "bank",
    "statement.received": "bank",
    "statement.notified": "bank",
    "period.task_changed": "close",
}
_NOISE = ("period.standing_changed", "period.evaluation_due", "period.source_observed")


class Step(Struct, frozen=True, kw_only=True):
    """One event in words. ``lane`` is where it comes from; ``recorded_at`` is when we heard of it."""

    event_id: str
    type: str
    headline: str
    detail: str
    subject: str
    entity: str
    lane: Lane
    system: str
    actor: str
    at: datetime
    recorded_at: datetime
    policy: str
    correlation: str
    causation: str
    effect_id: str = ""
    operation: str = ""
    outcome: str = ""


class LinkItem(Struct, frozen=True, kw_only=True):
    """What another system calls it."""

    system: str
    external_id: str
    subject: str


class Write(Struct, frozen=True, kw_only=True):
    """A write on another system, and in which lane of the picture it ends."""

    lane: Lane
    effect: EffectItem


class Trace(Struct, frozen=True, kw_only=True):
    """Everything about one thing. ``others`` are further things that the same id may mean."""

    query: str
    kind: Kind
    subject: str
    title: str
    entity: str
    status: str
    through: str
    correlations: tuple[str, ...]
    invoice: InvoiceItem | None
    payments: tuple[PaymentItem, ...]
    steps: tuple[Step, ...]
    writes: tuple[Write, ...]
    links: tuple[LinkItem, ...]
    documents: tuple[DocumentItem, ...]
    cases: tuple[CaseItem, ...]
    others: tuple[Hit, ...]
    cut: bool


class Scope(Struct, frozen=True, kw_only=True):
    """Which events belong to a thing: all of ``whole`` correlations; of ``shared`` ones those about ``subjects``."""

    whole: tuple[str, ...]
    subjects: tuple[str, ...]
    shared: tuple[str, ...] = ()


def lanes_of(policy: Policy) -> dict[str, Lane]:
    """Which lane each configured system belongs to."""
    lanes: dict[str, Lane] = {}
    for entity in policy.entities.values():
        lanes |= {entity.ap: "ap", entity.erp: "erp", entity.bank: "bank", entity.close: "close"}
    return lanes


def trace(sql: Connection, text: str, reach: Reach, lanes: Mapping[str, Lane]) -> Trace | None:
    """The life of whatever this text names, or ``None`` when nothing is known under it."""
    hits = find(sql, text, reach)
    return follow(sql, text, hits[0], hits[1:], reach, lanes) if hits else None


def follow(
    sql: Connection, text: str, hit: Hit, others: tuple[Hit, ...], reach: Reach, lanes: Mapping[str, Lane]
) -> Trace:
    """The life of one thing that was found."""
    hit = _whose_life(sql, hit, reach)
    invoice = invoices_by_id(sql, (hit.subject,), reach).get(hit.subject) if hit.kind == "invoice" else None
    payments = payments_of_invoices(sql, (hit.subject,), reach) if invoice else ()
    scope = _scope(sql, hit, payments)
    steps, cut = _steps(sql, hit.kind, scope, reach, lanes)
    writes = _writes(sql, scope, steps, reach, lanes)
    steps = in_order(steps, {write.effect.effect_id: write.effect.causation for write in writes})
    hashes = tuple({invoice.document} - {""}) if invoice else (hit.subject,) if hit.kind == "document" else ()
    return Trace(
        query=text,
        kind=hit.kind,
        subject=hit.subject,
        title=hit.title,
        entity=hit.entity,
        status=hit.status,
        through=hit.through,
        correlations=(*scope.whole, *scope.shared),
        invoice=invoice,
        payments=payments,
        steps=steps,
        writes=writes,
        links=_links(sql, scope, reach),
        documents=documents_by_hash(sql, hashes) if hashes else (),
        cases=cases_of(sql, scope.subjects, reach),
        others=others,
        cut=cut,
    )


def _whose_life(sql: Connection, hit: Hit, reach: Reach) -> Hit:
    """Payments, cases, writes and originals are part of a document's life: that is what is shown."""
    through = hit.through or f"{hit.kind} {hit.subject}"
    target = ""
    match hit.kind:
        case "payment":
            payment = payment_by_id(sql, hit.subject, reach)
            target = payment.invoice_id if payment else ""
        case "effect":
            target = next((effect.subject for effect in effects_by_id(sql, (hit.subject,), reach)), "")
        case "document":
            row = sql.execute(
                select(INVOICE.c.subject).where(INVOICE.c.document == hit.subject, within(reach, INVOICE.c.entity))
            ).first()
            target = row.subject if row else ""
        case "case":
            case = case_by_id(sql, hit.subject, reach)
            target = case.document if case else ""
        case _:
            return hit
    if not target or target == hit.subject:
        return hit
    found = find(sql, target, reach, limit=1)
    if not found:
        return hit
    follows = found[0] if found[0].kind not in ("payment", "effect") else _whose_life(sql, found[0], reach)
    return msgspec.structs.replace(follows, through=through)


def _scope(sql: Connection, hit: Hit, payments: tuple[PaymentItem, ...]) -> Scope:
    ids = tuple(dict.fromkeys((hit.subject, *(payment.payment_id for payment in payments))))
    rows = sql.execute(select(LINK.c.subject, LINK.c.correlation).where(LINK.c.subject.in_(ids))).all()
    whole = {hit.subject, *(row.correlation for row in rows if row.subject == hit.subject)}
    shared = {payment.run_id for payment in payments} | {row.correlation for row in rows}
    if hit.kind in ("supplier", "period", "account", "payment_run"):
        return Scope(whole=(), shared=tuple(sorted(whole)), subjects=ids)
    return Scope(whole=tuple(sorted(whole)), shared=tuple(sorted(shared - whole - {""})), subjects=ids)


# ── events ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def _steps(
    sql: Connection, kind: Kind, scope: Scope, reach: Reach, lanes: Mapping[str, Lane]
) -> tuple[tuple[Step, ...], bool]:
    conditions: list[ColumnElement[bool]] = []
    if scope.whole:
        conditions.append(EVENT.c.correlation.in_(scope.whole))
    if scope.shared:
        told = or_(EVENT.c.type.like("payment\\_run.%", escape="\\"), EVENT.c.type.like("effect.%"))
        runs = and_(EVENT.c.subject.in_(scope.shared), told)
        about: ColumnElement[bool] = EVENT.c.subject.in_(scope.subjects)
        if kind == "payment_run":
            about = runs
        elif kind == "invoice":
            about = or_(about, runs)
        conditions.append(and_(EVENT.c.correlation.in_(scope.shared), about))
    rows: list[Row[Any]] = []
    for condition in conditions:
        query = (
            select(EVENT)
            .where(condition, EVENT.c.type.not_in(_NOISE), within(reach, EVENT.c.entity, shared=True))
            .order_by(EVENT.c.recorded_at.desc(), EVENT.c.partition.desc(), EVENT.c.position.desc())
            .limit(STEPS_MAX + 1)
        )
        rows += sql.execute(query)
    cut = len(rows) > STEPS_MAX
    rows.sort(key=lambda row: (row.recorded_at, row.partition, row.position))
    return tuple(_step(row, lanes) for row in rows[-STEPS_MAX:]), cut


def in_order(steps: Sequence[Step], causes: Mapping[str, str]) -> tuple[Step, ...]:
    """Steps in the order in which they can have happened: by time, but never before what caused them.

    The clock cannot tell that by itself: everything of one unit of work is recorded at the same moment, in whatever
    partitions it lies, and the clocks of two workers differ. ``causes`` says which event led to a write.
    """
    here = {step.event_id: step for step in steps}
    waits_for: dict[str, set[str]] = {}
    last: dict[str, str] = {}
    for step in sorted(steps, key=_position):
        partition = step.event_id.partition(".")[0]
        before = {last.get(partition, ""), step.causation, causes.get(step.effect_id, "")}
        waits_for[step.event_id] = {one for one in before if one in here and one != step.event_id}
        last[partition] = step.event_id
    follows: dict[str, list[str]] = {}
    for event_id, before in waits_for.items():
        for one in before:
            follows.setdefault(one, []).append(event_id)
    ready = [(step.recorded_at, *_position(step)) for step in steps if not waits_for[step.event_id]]
    heapify(ready)
    ordered: list[Step] = []
    while ready:
        _, partition_number, position = heappop(ready)
        done = f"{partition_number}.{position}"
        ordered.append(here[done])
        for event_id in follows.get(done, ()):
            waits_for[event_id].discard(done)
            if not waits_for[event_id]:
                heappush(ready, (here[event_id].recorded_at, *_position(here[event_id])))
    return tuple(ordered) if len(ordered) == len(steps) else tuple(steps)


def _position(step: Step) -> tuple[int, int]:
    partition, _, position = step.event_id.partition(".")
    return int(partition), int(position)


def _step(row: Row[Any], lanes: Mapping[str, Lane]) -> Step:
    fact = _fact(row)
    words = say(fact) if fact else plain(row.type)
    settled = fact if isinstance(fact, f.EffectSettled) else None
    return Step(
        event_id=f"{row.partition}.{row.position}",
        type=row.type,
        headline=words.headline,
        detail=words.detail,
        subject=row.subject,
        entity=row.entity,
        lane=_lane(row, settled, lanes),
        system=settled.connector if settled else row.source or "tieout",
        actor=row.actor,
        at=from_micros(row.occurred_at),
        recorded_at=from_micros(row.recorded_at),
        policy=row.policy,
        correlation=row.correlation,
        causation=row.causation,
        effect_id=settled.effect_id if settled else "",
        operation=settled.operation if settled else "",
        outcome=settled.outcome.status if settled else "",
    )


def _fact(row: Row[Any]) -> f.Fact | None:
    """The fact, unless it is very large (a whole payment run) or of a shape that is no longer known."""
    if len(row.data) > _DATA_MAX:
        return None
    try:
        return f.decode_fact(row.type, row.data)
    except (KeyError, msgspec.MsgspecError, ValueError):
        return None


def _lane(row: Row[Any], settled: f.EffectSettled | None, lanes: Mapping[str, Lane]) -> Lane:
    if settled:
        return lane_of_system(settled.connector, lanes)
    if row.source in lanes:
        return lanes[row.source]
    if row.key is None or row.source in ("tieout", "timer", "delivery"):
        return "tieout"
    if row.type in _LANE_OF_FACT:
        return _LANE_OF_FACT[row.type]
    return "people" if is_person(row.actor) else "tieout"


def lane_of_system(system: str, lanes: Mapping[str, Lane]) -> Lane:
    """The lane of a system: as configured, or as its name suggests."""
    if system in lanes:
        return lanes[system]
    return next((lane for lane in LANES if lane in system), "erp")


# ── what hangs on it ───────────────────────────────────────────────────────────────────────────────────────────────


def _writes(
    sql: Connection, scope: Scope, steps: Iterable[Step], reach: Reach, lanes: Mapping[str, Lane]
) -> tuple[Write, ...]:
    settled = tuple({step.effect_id for step in steps if step.effect_id})
    found = {effect.effect_id: effect for effect in effects_by_id(sql, settled, reach)} if settled else {}
    for effect in open_effects_of(sql, scope.whole, scope.subjects, reach):
        found[effect.effect_id] = effect
    ordered = sorted(found.values(), key=lambda effect: (effect.created_at, effect.effect_id))
    return tuple(Write(lane=lane_of_system(effect.connector, lanes), effect=effect) for effect in ordered)


def _links(sql: Connection, scope: Scope, reach: Reach) -> tuple[LinkItem, ...]:
    rows = sql.execute(
        select(LINK.c.system, LINK.c.external_id, LINK.c.subject)
        .where(LINK.c.subject.in_(scope.subjects), within(reach, LINK.c.entity, shared=True))
        .order_by(LINK.c.system, LINK.c.external_id)
        .limit(100)
    )
    return tuple(LinkItem(system=row.system, external_id=row.external_id, subject=row.subject) for row in rows)


def events_of_case(sql: Connection, case: CaseItem, reach: Reach) -> tuple[Step, ...]:
    """The history of a case, with what people decided about its document."""
    decided = and_(EVENT.c.subject == case.document, EVENT.c.source == "person")
    rows = sql.execute(
        select(EVENT)
        .where(EVENT.c.correlation.in_(_lives_of(sql, case, reach)), or_(EVENT.c.subject == case.case_id, decided))
        .order_by(EVENT.c.recorded_at, EVENT.c.position)
        .limit(STEPS_MAX)
    )
    return tuple(_step(row, {}) for row in rows)


def _lives_of(sql: Connection, case: CaseItem, reach: Reach) -> set[str]:
    """The correlations under which a case can have events: those of its document, and of what that belongs to."""
    payment = payment_by_id(sql, case.document, reach)
    ids = {case.case_id, case.document, case.supplier_id, *((payment.run_id, payment.invoice_id) if payment else ())}
    linked = sql.execute(select(LINK.c.correlation).where(LINK.c.subject.in_(ids))).scalars()
    return {*ids, *linked, correlation_of_case(sql, case.case_id)} - {""}


class Attachment(Struct, frozen=True, kw_only=True):
    """A file that somebody added to a case. ``hash`` is the SHA-256 of its bytes."""

    event_id: str
    hash: str
    name: str
    media_type: str
    size: int
    actor: str
    at: datetime


def attachments_of(sql: Connection, case: CaseItem, reach: Reach) -> tuple[Attachment, ...]:
    """The files of a case, the oldest first."""
    rows = sql.execute(
        select(EVENT)
        .where(
            EVENT.c.correlation.in_(_lives_of(sql, case, reach)),
            EVENT.c.subject == case.case_id,
            EVENT.c.type == f.CaseAttached.type,
        )
        .order_by(EVENT.c.recorded_at, EVENT.c.position)
    )
    return tuple(_attachment(row) for row in rows)


def _attachment(row: Row[Any]) -> Attachment:
    fact: Any = f.decode_fact(row.type, row.data)
    return Attachment(
        event_id=f"{row.partition}.{row.position}",
        hash=fact.document,
        name=fact.name,
        media_type=fact.media_type,
        size=fact.size,
        actor=row.actor,
        at=from_micros(row.recorded_at),
    )
