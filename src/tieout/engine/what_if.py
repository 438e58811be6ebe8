"""What if: the recorded past once more, under another policy, in memory. Nothing is ever sent.

Everything that came from outside is played again in the order it was recorded; what the processes ask of other systems
is answered from what those systems answered then, and left open where they were not asked then. The difference is
what a change of policy would have done, and the gate for releasing it.
"""

from collections.abc import Callable, Iterator
from datetime import timedelta
from heapq import merge
from itertools import groupby, islice

from msgspec import Struct

from tieout.engine.seal import read_partition
from tieout.engine.stores.port import Store
from tieout.engine.stores.rows import FOREVER, EffectRow, EventRow, InboxRow, Settlement
from tieout.engine.unit_of_work import UnitOfWork
from tieout.kernel.clock import VirtualClock, from_micros, to_micros
from tieout.kernel.money import Money
from tieout.model.events import Lane
from tieout.model.facts import (
    CheckpointSigned,
    EffectSettled,
    InvoiceMatched,
    InvoiceReceived,
    MatchFailed,
    TotalsCompared,
    decode_fact,
)
from tieout.policy.policy import Policy
from tieout.processes.process import Process

_OURS = ("tieout", "timer", "delivery", "seal", "schedule")
"""Sources whose messages follow from others and are not played again."""

OWNER = "what-if"
_BATCH = 500
_LAST_WAIT = timedelta(hours=1)
"""As long as a message waits at most for the id that it names."""

_NOT_PLAYED = (CheckpointSigned.type, TotalsCompared.type)


class Verdicts(Struct, frozen=True):
    """What matching said of every invoice in the end, and what was at stake."""

    passed: dict[str, bool]
    amounts: dict[str, Money]
    words: dict[str, str]

    @property
    def holds(self) -> int:
        """How many invoices failed matching."""
        return sum(not passed for passed in self.passed.values())


class Change(Struct, frozen=True):
    """An invoice whose verdict is another under the new policy."""

    invoice_id: str
    amount: Money
    before: str
    after: str


class WhatIf(Struct, frozen=True):
    """The difference between what happened and what would have happened."""

    invoices: int
    holds_before: int
    holds_after: int
    changes: tuple[Change, ...]
    effects_captured: int

    def at_risk(self) -> dict[str, Money]:
        """The money in invoices that would pass now and did not before, by currency."""
        sums: dict[str, Money] = {}
        for change in self.changes:
            if change.after == "matched":
                currency = change.amount.currency
                sums[currency] = sums.get(currency, Money.zero(currency)) + change.amount
        return sums


def what_if(
    store: Store,
    trial: Store,
    processes: tuple[Process, ...],
    policy: Policy,
    *,
    partitions: int,
    on_progress: Callable[[int], None] = lambda events: None,
) -> WhatIf:
    """Play the recorded log of ``store`` again into the empty ``trial`` store under ``policy``."""
    before = _verdicts(store)
    clock = VirtualClock(from_micros(0))
    work = UnitOfWork(
        trial, processes, policy, clock, partitions=partitions, lane_of=lambda connector, operation, entity: connector
    )
    outcomes = _outcomes(store)
    for batch in _moments(_inputs(store)):
        trial.accept(batch)
        clock.move(max(timedelta(0), from_micros(batch[-1].accepted_at) - clock.now()))
        _run_until_quiet(trial, work, outcomes, to_micros(clock.now()))
        on_progress(len(batch))
    clock.move(_LAST_WAIT)
    _run_until_quiet(trial, work, outcomes, to_micros(clock.now()))
    after = _verdicts(trial)
    effects = trial.read_table("effect", None)
    return WhatIf(len(before.passed), before.holds, after.holds, tuple(_changes(before, after)), len(effects))


def _run_until_quiet(trial: Store, work: UnitOfWork, outcomes: dict[str, list[InboxRow]], now: int) -> None:
    while work.run(_BATCH) or _answer(trial, outcomes, now):
        pass


def _answer(trial: Store, outcomes: dict[str, list[InboxRow]], now: int) -> int:
    """Answer what is asked of other systems as they answered then. The lease of what they were not asked then, or never
    answered, never ends. Returns how many were asked."""
    asked = 0
    for lane in trial.lanes(now):
        while rows := trial.lease_effects(lane, OWNER, FOREVER, _BATCH, now):
            asked += len(rows)
            known = [row for row in rows if row.id in outcomes]
            answers = [answer for row in known for answer in outcomes[row.id]]
            trial.settle([_as_then(row, outcomes[row.id][-1], now) for row in known], answers)
    return asked


def _as_then(row: EffectRow, answer: InboxRow, now: int) -> Settlement:
    fact = decode_fact(answer.type, answer.data)
    assert isinstance(fact, EffectSettled)
    return Settlement(row.id, OWNER, row.attempts, fact.outcome.status, FOREVER, 0, b"", "", now)


def _inputs(store: Store) -> Iterator[InboxRow]:
    """Everything that came from outside, in the order it was recorded."""
    logs = (read_partition(store, partition) for partition in sorted(store.log_heads()))
    for row in merge(*logs, key=lambda event: event.recorded_at):
        if row.key is not None and row.source not in _OURS and row.type not in _NOT_PLAYED:
            yield _again(row)


def _outcomes(store: Store) -> dict[str, list[InboxRow]]:
    """What became of each effect then, by effect id."""
    found: dict[str, list[InboxRow]] = {}
    for partition in store.log_heads():
        for row in read_partition(store, partition):
            if row.type == EffectSettled.type and row.key is not None:
                fact = decode_fact(row.type, row.data)
                assert isinstance(fact, EffectSettled)
                found.setdefault(fact.effect_id, []).append(_again(row))
    return found


def _again(row: EventRow) -> InboxRow:
    return InboxRow(
        0,
        row.source or "",
        row.key or "",
        row.fingerprint or "",
        row.partition,
        "",
        "",
        row.subject,
        row.type,
        row.entity,
        row.data,
        row.correlation,
        row.causation,
        row.actor,
        row.occurred_at,
        row.recorded_at,
        Lane.NORMAL,
    )


def _moments(rows: Iterator[InboxRow]) -> Iterator[list[InboxRow]]:
    """What was recorded at the same moment, together: what followed from it has to come before the next."""
    for _, together in groupby(rows, key=lambda row: row.accepted_at):
        while batch := list(islice(together, _BATCH)):
            yield batch


def _verdicts(store: Store) -> Verdicts:
    passed: dict[str, bool] = {}
    amounts: dict[str, Money] = {}
    words: dict[str, str] = {}
    for partition in store.log_heads():
        for row in read_partition(store, partition):
            if row.type not in (InvoiceReceived.type, InvoiceMatched.type, MatchFailed.type):
                continue
            match decode_fact(row.type, row.data):
                case InvoiceReceived(invoice=invoice):
                    amounts[row.subject] = invoice.gross
                case InvoiceMatched():
                    passed[row.subject], words[row.subject] = True, "matched"
                case MatchFailed(verdict=verdict):
                    passed[row.subject] = False
                    words[row.subject] = "; ".join(str(problem) for problem in verdict.problems)
    return Verdicts(passed, amounts, words)


def _changes(before: Verdicts, after: Verdicts) -> Iterator[Change]:
    for invoice_id, passed in before.passed.items():
        now = after.passed.get(invoice_id, passed)
        if now != passed:
            yield Change(
                invoice_id, after.amounts[invoice_id], before.words[invoice_id], after.words.get(invoice_id, "")
            )
