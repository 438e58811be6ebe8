"""What if: the recorded past once more, under another policy, in memory. Nothing is ever sent.

Everything that came from outside is played again in the order it was recorded (see :mod:`tieout.engine.trial`), by the
processes on which the verdict about an invoice depends. The difference is what a change of policy would have done, and
the gate for releasing it. Partitions are shared out to two operating-system processes when there is enough to do.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from multiprocessing import get_context
from multiprocessing.connection import Connection, wait

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from tieout.engine.former import former
from tieout.engine.policies import releases_of
from tieout.engine.scope import dispatch_table
from tieout.engine.stores.open import open_store
from tieout.engine.stores.port import Store
from tieout.engine.stores.rows import FOREVER, EventRow
from tieout.engine.tally import READ, Life, Tally
from tieout.engine.trial import Around, Past, Trial
from tieout.engine.worker import calm_collector
from tieout.kernel.clock import to_micros
from tieout.kernel.errors import TieoutError
from tieout.kernel.money import Money
from tieout.kernel.problem import Problem
from tieout.model.facts import EffectSettled, decode_fact
from tieout.model.verdict import Check
from tieout.policy.policy import Policy
from tieout.processes.process import Process
from tieout.processes.registry import PROCESSES

#: The verdict about an invoice does not depend on what these do, but for the payments that they tell of. Whose hands a
#: document was in was judged when it was recorded, and is not judged again.
_NOT_JUDGING = frozenset(
    ("payment", "payment_run", "statement", "entry", "entity", "close", "interchange", "document", "mail", "ledger")
) | {"effect", "query", "policy", "policy_text", "hands"}
_PAGE = 5_000
#: A log that is shorter than this is played before two processes have started.
_ALONE = 20_000
EXPLAINED_MAX = 5_000
"""So many changed documents are kept with both explanations, those with the most money; all of them are counted."""

MOVED_TO = " > "
"""Between the two places of a move: ``price_variance > matched``."""

JUDGING: tuple[Process, ...] = tuple(process for process in PROCESSES if process.name not in _NOT_JUDGING)
"""The processes that take part in a trial."""


class Told(Struct, frozen=True, omit_defaults=True):
    """What one policy says of an invoice, and why. ``place``: what it passed as, or the classes of its cases."""

    result: str
    problems: tuple[Problem, ...] = ()
    checks: tuple[Check, ...] = ()
    place: str = ""

    @property
    def words(self) -> str:
        """In a line."""
        return "; ".join(map(str, self.problems)) if self.problems else self.result


class Change(Struct, frozen=True):
    """An invoice whose verdict is another under the new policy."""

    invoice_id: str
    number: str
    supplier: str
    entity: str
    amount: Money
    before: Told
    after: Told

    @property
    def move(self) -> str:
        """From where to where it moved, as :attr:`WhatIf.moves` counts it."""
        return f"{self.before.place}{MOVED_TO}{self.after.place}"


class Sum(Struct, frozen=True):
    """A number of documents, and the money in them by currency (minor units)."""

    documents: int = 0
    money: dict[str, int] = {}

    def plus(self, other: "Sum") -> "Sum":
        """Both together."""
        return Sum(self.documents + other.documents, _added(self.money, other.money))


class Side(Struct, frozen=True):
    """The invoices of a span of time under one policy.

    ``touchless``: in the ERP without a human being. ``classes``: those for which a case was opened, by its class.
    ``results``: how the verdict stood in the end. ``discounts_lost``: those that were not in the ERP as long as their
    discount could be taken, and the money that may no longer be taken off.
    """

    held: int = 0
    posted: int = 0
    touchless: int = 0
    classes: dict[str, Sum] = {}
    results: dict[str, Sum] = {}
    discounts_lost: Sum = Sum()

    def plus(self, other: "Side") -> "Side":
        """Both together."""
        return Side(
            self.held + other.held,
            self.posted + other.posted,
            self.touchless + other.touchless,
            _summed(self.classes, other.classes),
            _summed(self.results, other.results),
            self.discounts_lost.plus(other.discounts_lost),
        )


class WhatIf(Struct, frozen=True, kw_only=True):
    """The difference between what happened and what would have happened. ``events`` is how many messages were played,
    ``left_out`` how many would have gone to other partitions, ``set_aside`` how many a process failed on.

    ``undecided``: invoices that would pass without a human being and were held then, so that nobody knows what the
    approvers and the ERP would have said; they count as not touchless, and the rate may be higher by as many.
    ``discounts_open``: what of ``after.discounts_lost`` is lost only if these would not have said it in time.
    ``changes`` are those with the most money, ``changed`` is how many there are in all; ``moves`` counts every one of
    them by where it stood then and where it would stand now.
    """

    policy: str
    start: str = ""
    end: str = ""
    invoices: int = 0
    before: Side = Side()
    after: Side = Side()
    undecided: int = 0
    discounts_open: Sum = Sum()
    changed: int = 0
    passing: dict[str, int] = {}
    stopping: dict[str, int] = {}
    changes: tuple[Change, ...] = ()
    moves: dict[str, Sum] = {}
    effects_captured: int = 0
    left_out: int = 0
    set_aside: int = 0
    events: int = 0

    @property
    def touchless_before(self) -> float:
        """Touchless invoices for each 100 that arrived."""
        return _rate(self.before.touchless, self.invoices)

    @property
    def touchless_after(self) -> float:
        """The same under the new policy, at least: see ``undecided``."""
        return _rate(self.after.touchless, self.invoices)

    @property
    def touchless_after_max(self) -> float:
        """The same if everything nobody was asked about then had gone through."""
        return _rate(self.after.touchless + self.undecided, self.invoices)

    def plus(self, other: "WhatIf") -> "WhatIf":
        """The same trial of other partitions added."""
        return replace(
            self,
            invoices=self.invoices + other.invoices,
            before=self.before.plus(other.before),
            after=self.after.plus(other.after),
            undecided=self.undecided + other.undecided,
            discounts_open=self.discounts_open.plus(other.discounts_open),
            changed=self.changed + other.changed,
            passing=_added(self.passing, other.passing),
            stopping=_added(self.stopping, other.stopping),
            changes=_largest((*self.changes, *other.changes)),
            moves=_summed(self.moves, other.moves),
            effects_captured=self.effects_captured + other.effects_captured,
            left_out=self.left_out + other.left_out,
            set_aside=self.set_aside + other.set_aside,
            events=self.events + other.events,
        )


class Cancelled(TieoutError):
    """A trial was called off before its end."""


class Span(Struct, frozen=True):
    """The time that is played again (microseconds; invoices that arrive in it are compared), how far each partition's
    log is read, and the ``last`` moment that was recorded in it."""

    heads: dict[int, int]
    begin: int = 0
    end: int = FOREVER
    last: int = 0


class _Task(Struct, frozen=True):
    """What is to be played, for whoever takes a share of it. ``same_search``: duplicates were searched for by the rules
    of this policy. ``nothing`` is the answer before anything was played."""

    policy: Policy
    partitions: int
    span: Span
    same_search: bool
    nothing: WhatIf


def span_of(store: Store, start: datetime | None = None, end: datetime | None = None) -> Span:
    """The whole log as it is now, or what was recorded from ``start`` and before ``end``."""
    heads = {number: head.position for number, head in store.log_heads().items()}
    newest = (store.read_log(number, position - 1, 1) for number, position in heads.items())
    last = max((row.recorded_at for rows in newest for row in rows), default=0)
    until = to_micros(end) if end else FOREVER
    return Span(heads, to_micros(start) if start else 0, until, min(last, until))


def what_if(
    store: Store,
    policy: Policy,
    *,
    partitions: int,
    now: Policy | None = None,
    start: datetime | None = None,
    end: datetime | None = None,
    processes: int = 2,
    on_progress: Callable[[int], None] = lambda events: None,
    cancelled: Callable[[], bool] = lambda: False,
) -> WhatIf:
    """Play the recorded log again under ``policy``. Raises :class:`Cancelled` soon after ``cancelled`` says so.

    ``now`` is the policy of today, if it is known: the past was searched for duplicates by its rules. ``on_progress``
    is told how many events of the log have been gone through since it was last told.
    """
    span = span_of(store, start, end)
    nothing = WhatIf(
        policy=policy.version, start=start.isoformat() if start else "", end=end.isoformat() if end else ""
    )
    same_search = now is None or now.duplicates == policy.duplicates
    task = _Task(policy, partitions, span, same_search, nothing)
    events = sum(span.heads.values())
    in_memory = store.url.rstrip("/").endswith((":", ":memory:"))
    if processes < 2 or in_memory or events < _ALONE or len(span.heads) < 2:
        return _alone(store, task, sorted(span.heads), on_progress, cancelled)
    return _together(store.url, task, _shares(span.heads, processes), on_progress, cancelled)


# ── dividing the work ──────────────────────────────────────────────────────────────────────────────────────────────


def _shares(heads: Mapping[int, int], count: int) -> list[list[int]]:
    """Partitions in shares of about equal length: the longest first, each to whoever has least."""
    shares: list[tuple[list[int], list[int]]] = [([], [0]) for _ in range(count)]
    for number in sorted(heads, key=lambda one: (-heads[one], one)):
        share, length = min(shares, key=lambda one: one[1][0])
        share.append(number)
        length[0] += heads[number]
    return [share for share, _ in shares if share]


def _alone(
    store: Store,
    task: _Task,
    share: Sequence[int],
    on_progress: Callable[[int], None],
    cancelled: Callable[[], bool],
) -> WhatIf:
    span, found, dispatch = task.span, task.nothing, dispatch_table(JUDGING)
    around = Around(former(store, JUDGING), releases_of(store).authors, task.same_search)
    for number in share:
        past = past_of(store, number, span, JUDGING)
        trial = Trial(past, dispatch, task.policy, task.partitions, around)
        for done in trial.run():
            on_progress(done)
            if cancelled():
                raise Cancelled("the trial was called off; nothing of it is kept")
        on_progress(span.heads[number] - len(past.rows))
        found = found.plus(_compared(trial, task))
    return found


def _together(
    url: str,
    task: _Task,
    shares: list[list[int]],
    on_progress: Callable[[int], None],
    cancelled: Callable[[], bool],
) -> WhatIf:
    context = get_context("spawn")
    workers, ends = [], []
    encoded = msgspec.json.encode(task)
    for share in shares:
        ours, theirs = context.Pipe(duplex=False)
        worker = context.Process(target=_work, args=(url, encoded, share, theirs))
        worker.start()
        theirs.close()
        workers.append(worker)
        ends.append(ours)
    try:
        return _collected(ends, task.nothing, on_progress, cancelled)
    finally:
        for worker in workers:
            worker.terminate()
            worker.join()


def _collected(
    ends: list[Connection], nothing: WhatIf, on_progress: Callable[[int], None], cancelled: Callable[[], bool]
) -> WhatIf:
    found, open_ends = nothing, list(ends)
    while open_ends:
        for end in wait(open_ends, timeout=0.5):
            assert isinstance(end, Connection)
            try:
                told = end.recv()
            except EOFError:
                raise TieoutError("a process of the trial ended before its time; is there enough memory?") from None
            if isinstance(told, int):
                on_progress(told)
            elif isinstance(told, str):
                raise TieoutError(f"the trial failed: {told}")
            else:
                found = found.plus(msgspec.json.decode(told, type=WhatIf))
                open_ends.remove(end)
        if cancelled():
            raise Cancelled("the trial was called off; nothing of it is kept")
    return found


def _work(url: str, encoded: bytes, share: list[int], told: Connection) -> None:
    """One process's share."""
    calm_collector()
    try:
        task = msgspec.json.decode(encoded, type=_Task)
        found = _alone(open_store(url), task, share, told.send, lambda: False)
        told.send(msgspec.json.encode(found))
    except (KeyboardInterrupt, BrokenPipeError):
        return
    except Exception as error:
        told.send(f"{type(error).__name__}: {error}")


# ── reading the past ───────────────────────────────────────────────────────────────────────────────────────────────


def past_of(store: Store, number: int, span: Span, processes: tuple[Process, ...]) -> Past:
    """One partition's log as far as these processes hear it."""
    types = tuple(sorted({fact.type for process in processes for fact in process.routes} | READ))
    rows = list(_rows(store, number, span, types))
    return Past(number, rows, span.begin, _asked_before(store, rows, span.begin))


def _rows(store: Store, number: int, span: Span, types: tuple[str, ...]) -> Iterator[EventRow]:
    after, head = 0, span.heads[number]
    while page := store.read_log(number, after, _PAGE, types):
        for row in page:
            if row.position > head or row.recorded_at >= span.end:
                return
            yield row
        after = page[-1].position


def _asked_before(store: Store, rows: Sequence[EventRow], begin: int) -> frozenset[str]:
    """The writes that were answered in the span and had been asked for before it began."""
    if not begin:
        return frozenset()
    settled = (decode_fact(row.type, row.data) for row in rows if row.type == EffectSettled.type)
    ids = list(dict.fromkeys(fact.effect_id for fact in settled if isinstance(fact, EffectSettled)))
    pages = (store.effects(ids[at : at + 500]) for at in range(0, len(ids), 500))
    return frozenset(effect.id for page in pages for effect in page if effect.created_at < begin)


# ── comparing ──────────────────────────────────────────────────────────────────────────────────────────────────────


def _compared(trial: Trial, task: _Task) -> WhatIf:
    before, after, last = trial.before, trial.after, task.span.last
    pairs = [(one, before.lives[one], after.lives[one]) for one in before.lives if one in after.lives]
    changes = [_change(*pair) for pair in pairs if _differs(pair[1], pair[2])]
    undecided = [new for _, old, new in pairs if _undecided(old, new)]
    return replace(
        task.nothing,
        invoices=len(before.lives),
        before=_side(before, last),
        after=_side(after, last),
        undecided=len(undecided),
        discounts_open=_counted((one, one.discount_lost(last) - one.discount_lost(one.passed_at)) for one in undecided),
        changed=len(changes),
        passing=_money(new.amount for _, old, new in pairs if _passes(new) and not _passes(old)),
        stopping=_money(new.amount for _, old, new in pairs if _passes(old) and not _passes(new)),
        changes=_largest(changes),
        moves=_moves(changes),
        effects_captured=len(trial.effects),
        left_out=trial.left_out,
        set_aside=trial.set_aside,
        events=trial.played,
    )


def _passes(life: Life) -> bool:
    """Whether it came through without anybody deciding on a variance."""
    return life.status in ("matched", "valid")


def _undecided(before: Life, after: Life) -> bool:
    """It was stopped then and would pass by itself now, and nobody knows what would have become of it."""
    return not _passes(before) and not before.posted and _passes(after) and not after.posted and not after.touches


def _differs(before: Life, after: Life) -> bool:
    """Another result, or other reasons for it. A limit that only moved is no other verdict."""
    if before.result != after.result:
        return True
    return [problem.code for problem in before.problems] != [problem.code for problem in after.problems]


def _change(invoice_id: str, before: Life, after: Life) -> Change:
    return Change(invoice_id, after.number, after.supplier, after.entity, after.amount, _told(before), _told(after))


def _told(life: Life) -> Told:
    return Told(life.result, life.problems, life.verdict.checks if life.verdict else (), _place(life))


def _place(life: Life) -> str:
    """What it passed as; else the classes of its cases, all of them, or its status where it has none."""
    classes = "+".join(sorted(one.value for one in life.classes))
    return life.result if _passes(life) or not classes else classes


def _moves(changes: Iterable[Change]) -> dict[str, Sum]:
    moves: dict[str, Sum] = {}
    for one in changes:
        moves = _with(moves, one.move, Sum(1, {one.amount.currency: one.amount.minor}))
    return moves


def _counted(lost: Iterable[tuple[Life, int]]) -> Sum:
    """Invoices and the minor units that each has lost, where it has."""
    found = [(life, minor) for life, minor in lost if minor]
    return Sum(len(found), _money(Money(minor, life.amount.currency) for life, minor in found))


def _side(tally: Tally, last: int) -> Side:
    classes: dict[str, Sum] = {}
    results: dict[str, Sum] = {}
    for life in tally.lives.values():
        one = Sum(1, {life.amount.currency: life.amount.minor})
        results = _with(results, life.result, one)
        for case_class in life.classes:
            classes = _with(classes, case_class.value, one)
    lives = tally.lives.values()
    return Side(
        sum(life.held for life in lives),
        sum(life.posted for life in lives),
        sum(life.touchless for life in lives),
        classes,
        results,
        _counted((life, life.discount_lost(life.payable_at or last)) for life in lives if life.discounts),
    )


def _with(sums: dict[str, Sum], name: str, one: Sum) -> dict[str, Sum]:
    sums[name] = sums[name].plus(one) if name in sums else one
    return sums


def _largest(changes: Iterable[Change]) -> tuple[Change, ...]:
    ordered = sorted(changes, key=lambda one: (-abs(one.amount.minor), one.invoice_id))
    return tuple(ordered[:EXPLAINED_MAX])


def _money(amounts: Iterable[Money]) -> dict[str, int]:
    sums: dict[str, int] = {}
    for amount in amounts:
        sums[amount.currency] = sums.get(amount.currency, 0) + amount.minor
    return sums


def _added(left: Mapping[str, int], right: Mapping[str, int]) -> dict[str, int]:
    return {key: left.get(key, 0) + right.get(key, 0) for key in sorted({*left, *right})}


def _summed(left: Mapping[str, Sum], right: Mapping[str, Sum]) -> dict[str, Sum]:
    return {key: left.get(key, Sum()).plus(right.get(key, Sum())) for key in sorted({*left, *right})}


def _rate(part: int, whole: int) -> float:
    return 100 * part / whole if whole else 0.0
