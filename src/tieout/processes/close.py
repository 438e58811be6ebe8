"""Is the period of an entity ready to close? It is computed from what is known, not typed.

::

    PeriodOpened ─► not ready ◄──────────────► ready
                        (whenever what blocks it changes; also by time alone, since signals grow stale)

A period is ready when, all at once: every required source was heard of lately; nothing that blocks stands in it *or in
an earlier period* of the entity (items without a period count as earlier: they belong to all); every pair of systems
that was compared agrees; and every task is done. A late event makes a period that was ready not ready again.

Two small processes share the entity's partition. ``entity`` (subject: the entity) knows what concerns all periods:
when each source was heard of, which periods are open, and the blocking items of every period. ``close`` (subject:
``entity/period``) knows a period's tasks and tie-outs and its last verdict. So an event costs the same however many
periods there are; only when a count turns zero or not zero are the later open periods looked at too.

The verdict is told (:class:`PeriodReady`, :class:`PeriodNotReady`, and the close tool) when what blocks changes by
*name*; counts alone change with every batch and are kept in the state for the pages.
"""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Literal

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from tieout.kernel.clock import EPOCH, to_micros
from tieout.kernel.money import Money
from tieout.kernel.problem import Code, Problem
from tieout.model.cases import Case, CaseClass
from tieout.model.documents import CloseTask, Total
from tieout.model.effects import ReportReadiness
from tieout.model.events import Event
from tieout.model.facts import (
    EvaluationDue,
    PeriodNotReady,
    PeriodOpened,
    PeriodReady,
    SourceObserved,
    StandingChanged,
    TaskChanged,
    TotalsCompared,
)
from tieout.model.standings import STANDINGS
from tieout.policy.policy import Policy
from tieout.processes.case import open_case, settle_case
from tieout.processes.payment import systems_of
from tieout.processes.process import Emit, Facts, Intent, Output, Process, Row, Timer, by_subject

Counts = Mapping[str, int]
BLOCKING = frozenset(name for name, kind in STANDINGS.items() if kind.blocks_close)


class Signal(Struct, frozen=True, omit_defaults=True):
    """When a source was last heard of, and when before that."""

    observed_at: datetime
    before: datetime | None = None


class Entity(Struct, frozen=True, omit_defaults=True):
    """What concerns all periods of an entity. ``standing`` holds what is not zero, by period and name."""

    signals: dict[str, Signal] = {}
    open_periods: tuple[str, ...] = ()
    standing: dict[str, dict[str, int]] = {}


class TieOut(Struct, frozen=True, omit_defaults=True):
    """Two systems' totals of the same thing. ``turned`` says what the last comparison changed."""

    agrees: bool
    left: Total
    right: Total
    turned: Literal["", "broke", "mended"] = ""


class Task(Struct, frozen=True, omit_defaults=True):
    """A step of the close, as the close tool last reported it."""

    name: str
    done: bool


class Period(Struct, frozen=True, omit_defaults=True):
    """A period and its last verdict. ``revision`` counts the verdicts; ``signals`` are those the last one rested on."""

    entity: str
    period: str
    is_open: bool = False
    required_sources: tuple[str, ...] = ()
    tasks: dict[str, Task] = {}
    tie_outs: dict[str, TieOut] = {}
    ready: bool = False
    blockers: dict[str, int] = {}
    signals: dict[str, datetime] = {}
    revision: int = 0
    evaluated_at: datetime | None = None


class Readiness(Struct, frozen=True):
    """The verdict on a period: ready when nothing blocks it; otherwise what blocks it, by name, and how often."""

    blockers: dict[str, int]

    @property
    def ready(self) -> bool:
        """Whether nothing blocks it."""
        return not self.blockers


def readiness(period: Period, entity: Entity, now: datetime, policy: Policy) -> Readiness:
    """Judge a period by what is known now. Pages ask this too, so they show no verdict that has grown stale."""
    return Readiness(dict(_blockers(period, entity, now, policy)))


def _blockers(period: Period, entity: Entity, now: datetime, policy: Policy) -> Iterator[tuple[str, int]]:
    for source in sorted(period.required_sources):
        if _is_stale(entity.signals.get(source), now, policy):
            yield f"stale.{source}", 1
    for name, count in sorted(entity.standing.get(period.period, {}).items()):
        yield name, count
    for name, count in sorted(_earlier(entity, period.period).items()):
        yield f"earlier.{name}", count
    for pair, tie_out in sorted(period.tie_outs.items()):
        if not tie_out.agrees:
            yield f"tie_out.{pair}", 1
    if undone := sum(not task.done for task in period.tasks.values()):
        yield "tasks", undone


def _is_stale(signal: Signal | None, now: datetime, policy: Policy) -> bool:
    return signal is None or now - signal.observed_at > timedelta(minutes=policy.signal_age_minutes_max)


def _earlier(entity: Entity, period: str) -> Counts:
    """What stands in the periods before this one, and in none."""
    sums: dict[str, int] = {}
    for before, counts in entity.standing.items():
        if before < period:
            for name, count in counts.items():
                sums[name] = sums.get(name, 0) + count
    return sums


# ── the entity: what concerns all its periods ──────────────────────────────────────────────────────────────────────


def evolve_entity(state: Entity | None, event: Event) -> Entity:
    """What is known of the entity after an event."""
    state = state or Entity()
    match event.data:
        case SourceObserved(system=system, observed_at=observed_at):
            before = state.signals.get(system)
            if before and observed_at <= before.observed_at:
                return state
            signal = Signal(observed_at, before.observed_at if before else None)
            return replace(state, signals={**state.signals, system: signal})
        case PeriodOpened(period=period):
            return replace(state, open_periods=tuple(sorted({*state.open_periods, period})))
        case StandingChanged(period=period, changes=changes):
            counts = _summed(state.standing.get(period, {}), changes)
            others = {known: counted for known, counted in state.standing.items() if known != period}
            return replace(state, standing={**others, period: counts} if counts else others)
        case _:
            return state


def _summed(counts: Counts, changes: Counts) -> dict[str, int]:
    """The counts after a change; what is zero is left out, and what does not block is not counted here."""
    names = sorted((counts.keys() | changes.keys()) & BLOCKING)
    sums = {name: counts.get(name, 0) + changes.get(name, 0) for name in names}
    return {name: count for name, count in sums.items() if count}


def decide_entity(state: Entity, event: Event, facts: Facts) -> Iterator[Output]:
    """Have periods looked at again that this event may turn; its own period looks by itself."""
    match event.data:
        case SourceObserved(entity=entity, system=system):
            if _was_stale(state.signals[system], facts):
                yield from _look_at(entity, state.open_periods)
        case StandingChanged(entity=entity, period=period, changes=changes):
            if _turned(state.standing.get(period, {}), changes):
                yield from _look_at(entity, (later for later in state.open_periods if later > period))
        case _:
            return


def _was_stale(signal: Signal, facts: Facts) -> bool:
    before = Signal(signal.before) if signal.before else None
    return _is_stale(before, facts.now, facts.policy)


def _turned(counts: Counts, changes: Counts) -> bool:
    """Whether a count became zero, or stopped being zero."""
    return any((counts.get(name, 0) == 0) != (counts.get(name, 0) == change) for name, change in changes.items())


def _look_at(entity: str, periods: Iterator[str] | tuple[str, ...]) -> Iterator[Emit]:
    for period in periods:
        yield Emit(EvaluationDue(entity=entity, period=period), f"{entity}/{period}")


# ── the period ─────────────────────────────────────────────────────────────────────────────────────────────────────


def evolve(state: Period | None, event: Event) -> Period | None:
    """Where the period stands after an event. What is known of it before it is opened is kept."""
    match event.data:
        case PeriodOpened(entity=entity, period=period, required_sources=required):
            return replace(state or Period(entity, period), is_open=True, required_sources=required)
        case TaskChanged(task=task):
            return _with_task(state or Period(task.entity, task.period), task)
        case TotalsCompared() as data:
            return _with_totals(state or Period(data.entity, data.period), data)
        case StandingChanged(changes=changes) if state:
            counts = {name: count + changes.get(name, 0) for name, count in state.blockers.items()}
            return replace(state, blockers=counts)
        case PeriodReady(signals=signals) if state:
            return _judged(state, event, {}, signals)
        case PeriodNotReady(blockers=blockers, signals=signals) if state:
            return _judged(state, event, blockers, signals)
        case _:
            return state


def _with_task(state: Period, task: CloseTask) -> Period:
    return replace(state, tasks={**state.tasks, task.task_id: Task(task.name, task.done)})


def _with_totals(state: Period, data: TotalsCompared) -> Period:
    agrees = _agree(data.left, data.right)
    before = state.tie_outs.get(data.pair)
    turned: Literal["", "broke", "mended"] = ""
    if agrees:
        turned = "mended" if before and not before.agrees else ""
    elif before is None or before.agrees or _differs(before, data):
        turned = "broke"
    return replace(state, tie_outs={**state.tie_outs, data.pair: TieOut(agrees, data.left, data.right, turned)})


def _agree(left: Total, right: Total) -> bool:
    """Equal count, sum and set. A system that gives no digest of its set is not held to it, and a balance of an
    account, which has no items to count, is compared by its sum alone."""
    if left.is_balance or right.is_balance:
        return (left.sum_minor, left.currency) == (right.sum_minor, right.currency)
    same_set = left.set_hash == right.set_hash or not (left.set_hash and right.set_hash)
    return same_set and _plain(left) == _plain(right)


def _plain(total: Total) -> tuple[int, int, str]:
    return total.count, total.sum_minor, total.currency


def _differs(before: TieOut, data: TotalsCompared) -> bool:
    """Whether a break is another one than before, so that its case has to say something new."""
    now = (_plain(data.left), data.left.set_hash, _plain(data.right), data.right.set_hash)
    return now != (_plain(before.left), before.left.set_hash, _plain(before.right), before.right.set_hash)


def _judged(state: Period, event: Event, blockers: dict[str, int], signals: dict[str, datetime]) -> Period:
    return replace(
        state,
        ready=not blockers,
        blockers=blockers,
        signals=signals,
        revision=state.revision + 1,
        evaluated_at=event.recorded_at,
    )


def decide(state: Period | None, event: Event, facts: Facts) -> Iterator[Output]:
    """What to ask of the world after an event."""
    if state is None:
        return
    match event.data:
        case PeriodReady() | PeriodNotReady():
            yield _report(state, facts)
            return
        case TotalsCompared(pair=pair):
            yield from _tie_out(state, pair)
        case PeriodOpened() | EvaluationDue() if state.is_open:
            yield _next_look(state, facts)
    if state.is_open:
        yield from _judge(state, facts)


def _judge(state: Period, facts: Facts) -> Iterator[Output]:
    """Say so when the verdict is another one than the last."""
    entity: Entity = facts.state("entity", state.entity) or Entity()
    verdict = readiness(state, entity, facts.now, facts.policy)
    signals = {name: entity.signals[name].observed_at for name in state.required_sources if name in entity.signals}
    subject = f"{state.entity}/{state.period}"
    if verdict.ready and (not state.ready or state.revision == 0):
        yield Emit(PeriodReady(signals=signals), subject)
    elif verdict.blockers.keys() != state.blockers.keys():
        yield Emit(PeriodNotReady(blockers=verdict.blockers, signals=signals), subject)


def _report(state: Period, facts: Facts) -> Intent:
    blockers = tuple(f"{name}: {count}" for name, count in state.blockers.items())
    return Intent(
        connector=systems_of(facts.policy, state.entity).close,
        payload=ReportReadiness(entity=state.entity, period=state.period, ready=state.ready, blockers=blockers),
        key=f"{state.entity}/{state.period}/{state.revision}",
        entity=state.entity,
    )


def _next_look(state: Period, facts: Facts) -> Timer:
    """Look again on a grid of half the age that a signal may have, so that two looks never arm two timers."""
    step = max(timedelta(minutes=facts.policy.signal_age_minutes_max) / 2, timedelta(minutes=1))
    due_at = EPOCH + ((facts.now.astimezone(UTC) - EPOCH) // step + 1) * step
    subject = f"{state.entity}/{state.period}"
    key = f"close/{subject}/{due_at.isoformat()}"
    return Timer(EvaluationDue(entity=state.entity, period=state.period), due_at, key, subject)


def _tie_out(state: Period, pair: str) -> Iterator[Output]:
    tie_out, document = state.tie_outs[pair], f"{state.entity}/{state.period}/{pair}"
    if tie_out.turned == "mended":
        yield settle_case(CaseClass.TIE_OUT_BREAK, document, "the two systems agree again")
    elif tie_out.turned == "broke":
        problem = Problem(Code.TIE_OUT_BREAK, pair, _told(tie_out.left), _told(tie_out.right), detail=_hint(tie_out))
        case = Case(
            case_class=CaseClass.TIE_OUT_BREAK,
            document=document,
            entity=state.entity,
            reason=str(problem),
            problems=(problem,),
            amount=_difference(tie_out),
        )
        yield open_case(case)


def _told(total: Total) -> str:
    return f"{total.count} items, {Money(total.sum_minor, total.currency)}"


def _hint(tie_out: TieOut) -> str:
    same = _plain(tie_out.left) == _plain(tie_out.right)
    return "equal in count and sum, but not the same items" if same else ""


def _difference(tie_out: TieOut) -> Money | None:
    left, right = tie_out.left, tie_out.right
    return Money(left.sum_minor - right.sum_minor, left.currency) if left.currency == right.currency else None


# ── what people see ────────────────────────────────────────────────────────────────────────────────────────────────


def show(subject: str, state: Period) -> Row | None:
    """The row of the list of periods; nothing before the period is opened."""
    if not state.is_open:
        return None
    signals = {name: to_micros(at) if (at := state.signals.get(name)) else None for name in state.required_sources}
    return {
        "entity": state.entity,
        "period": state.period,
        "status": "ready" if state.ready else "not_ready",
        "blockers": _json(state.blockers),
        "signals": _json(signals),
        "tie_outs": _json({pair: _shown(tie_out) for pair, tie_out in state.tie_outs.items()}),
        "tasks": _json(state.tasks),
        "evaluated_at": to_micros(state.evaluated_at) if state.evaluated_at else 0,
    }


def _shown(tie_out: TieOut) -> dict[str, object]:
    return {"agrees": tie_out.agrees, "left": tie_out.left, "right": tie_out.right}


def _json(value: object) -> str:
    return msgspec.json.encode(value, order="deterministic").decode()


def _of_entity(event: Event) -> tuple[str, ...]:
    match event.data:
        case SourceObserved(entity=entity) | PeriodOpened(entity=entity) | StandingChanged(entity=entity):
            return (entity,)
        case _:
            return ()


def _of_period(event: Event) -> tuple[str, ...]:
    match event.data:
        case TaskChanged(task=CloseTask(entity=entity, period=period)):
            return (f"{entity}/{period}",)
        case PeriodOpened() | StandingChanged() | TotalsCompared() | EvaluationDue() as data:
            return (f"{data.entity}/{data.period}",)
        case _:
            return ()


ENTITY = Process(
    name="entity",
    state=Entity,
    routes={SourceObserved: _of_entity, PeriodOpened: _of_entity, StandingChanged: _of_entity},
    evolve=evolve_entity,
    decide=decide_entity,
)
PROCESS = Process(
    name="close",
    state=Period,
    routes={
        PeriodOpened: _of_period,
        TaskChanged: _of_period,
        StandingChanged: _of_period,
        TotalsCompared: _of_period,
        EvaluationDue: _of_period,
        PeriodReady: by_subject,
        PeriodNotReady: by_subject,
    },
    evolve=evolve,
    decide=decide,
    view="period",
    show=show,
)
