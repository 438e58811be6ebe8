"""A trial: one partition's past once more under another policy, in memory, by the very same processes.

Nothing is stored, hashed or sent. What came from outside is played in the order it was recorded; what processes send to
themselves comes back where it came back then, and what would be new comes right after the moment that led to it. A
write on another system is answered as it was answered then, and left open where it was not asked then. What processes
that take no part said (an invoice is paid, a supplier is held) is heard from the past. So under the policy of then
everything happens again exactly as it did.

What people did counts as it counted then. Whether their duties allowed it was judged when it was recorded, under the
policy of that moment and its authors, and the log holds the answer: the fact, or ``DutiesRefused`` in its place. It is
not judged again, least of all because of who wrote the policy that is tried.
"""

from bisect import bisect_right
from collections import defaultdict, deque
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from heapq import heappop, heappush
from typing import Any

from msgspec import Struct

from tieout.engine.former import Former, Version
from tieout.engine.scope import DERIVED_MAX, Dispatch
from tieout.engine.stores.rows import EventRow
from tieout.engine.tally import READ, Tally, is_touch
from tieout.kernel.clock import from_micros, to_micros
from tieout.kernel.ids import partition_of
from tieout.matching.duplicates import Fingerprint, Index
from tieout.matching.duplicates.index import looks
from tieout.model.effects import effect_id
from tieout.model.events import Event
from tieout.model.facts import (
    CaseOpened,
    CaseSettled,
    DuplicateStopped,
    DuplicateSuspected,
    EffectSettled,
    Fact,
    InvoiceAdmitted,
    InvoiceReceived,
    PostingDue,
    decode_fact,
)
from tieout.policy.duties import Act
from tieout.policy.policy import Policy
from tieout.processes.process import Emit, Governance, Intent, Process, Send, Timer

Key = tuple[str, str]
_SENT, _TIMER = "tieout", "timer"
#: What a comparison with other invoices leads to.
_COMPARED = frozenset(one.type for one in (InvoiceAdmitted, DuplicateStopped, DuplicateSuspected))

#: Cases of processes that take no part are not compared.
_OF_CASES = frozenset(one.type for one in (CaseOpened, CaseSettled))

UNIT_MAX = 60_000_000
"""No unit of work takes longer than that (microseconds), from reading the clock until it is committed."""


class Past(Struct, frozen=True):
    """One partition's log as far as the processes of a trial hear it. ``begin`` and ``asked_before`` say where the
    trial begins, and which writes had been asked for by then."""

    partition: int
    rows: Sequence[EventRow]
    begin: int
    asked_before: frozenset[str] = frozenset()


class Around(Struct, frozen=True):
    """What a trial has to know from elsewhere: other partitions' invoices as they looked at any moment, who had written
    the policy, and whether duplicates were searched for by the rules that are tried."""

    others: Former = Former()
    authors: Callable[[datetime], tuple[Act, ...]] = lambda moment: ()
    same_search: bool = True


class Pending(Struct, frozen=True):
    """A fact that a trial has yet to hear."""

    data: Fact
    subject: str
    entity: str
    correlation: str
    actor: str
    occurred_at: datetime
    source: str = ""


class Trial:
    """What the processes see (the ``Facts`` port), and what they say. Whatever else ``Facts`` may offer to a decision
    has to be offered here as well, out of what was played so far."""

    def __init__(self, past: Past, dispatch: Dispatch, policy: Policy, partitions: int, around: Around) -> None:
        self.policy = policy
        self._at(0)
        self._around, self._own = around, Index()
        self._kept_at: dict[str, int] = {}
        self._here = {row.subject for row in past.rows if row.type == InvoiceReceived.type}
        self.before, self.after = Tally(), Tally()
        self.effects: set[str] = set()
        self.left_out = self.set_aside = self.played = 0
        self._past, self._dispatch, self._partitions = past, dispatch, partitions
        self._processes = {process.name: process for targets in dispatch.values() for process, _ in targets}
        self._version = policy.version
        self._states: dict[Key, Any] = {}
        self._undo: list[tuple[Key, Any]] = []
        self._places = _Places(past)
        self._root = 0
        self._arriving: dict[int, Pending] = {}
        self._soon: deque[Pending] = deque()
        self._answers: defaultdict[str, list[Pending]] = defaultdict(list)
        self._timers: dict[str, Pending] = {}
        self._due: list[tuple[int, str]] = []
        self._homes: dict[str, int] = {}

    #: When the message that is played was recorded (UTC).
    now: datetime

    def state(self, process: str, subject: str) -> Any:
        """The state of a process in this partition, as the trial has it."""
        return self._states.get((process, subject))

    @property
    def governance(self) -> Governance:
        """Who stood behind the policy of that moment."""
        return Governance(self._around.authors(self.now))

    def similar(self, one: Fingerprint) -> tuple[Fingerprint, ...]:
        """What is like this one: of this partition as the trial has it, of others as it was seen then."""
        places = looks(one, self.policy.duplicates)
        found = self._own.under(places)
        if one.invoice_id in found and not self._is_committed(one.invoice_id):
            del found[one.invoice_id]
        seeing = _Seeing(one, self._micros, one.invoice_id in self._kept_at, self._around.same_search)
        named = self._places.named(self._root, one.invoice_id)
        for name, versions in self._around.others.under(places):
            if name not in self._here and (other := seeing.of(versions, named=name in named)):
                found[name] = other
        return tuple(found.values())

    def _is_committed(self, name: str) -> bool:
        """Whether everybody saw what is kept of an invoice. Within one unit of work nobody does yet, and it asks again
        in a later one."""
        if self._kept_at[name] < self._micros:
            return True
        return not self._places.comes(self._root, PostingDue.type, name)

    # ── the past, once more ─────────────────────────────────────────────────────────────────────────────────────

    def run(self) -> Iterator[int]:
        """Play everything. Yields how many events have been gone through, now and then."""
        done, moment = 0, -1
        for row in self._past.rows:
            if row.recorded_at < self._past.begin:
                self._fold(row)
            else:
                if row.recorded_at != moment:
                    self._catch_up(row.recorded_at)
                    moment = row.recorded_at
                self._hear(row)
            done += 1
            if done % 1000 == 0:
                yield 1000
        self._catch_up(moment + 1)
        yield done % 1000

    def _fold(self, row: EventRow) -> None:
        """What happened before the trial begins stays as it was."""
        data = decode_fact(row.type, row.data)
        self._at(row.recorded_at)
        event = _event(row, data, self.now, row.policy)
        for process, route in self._dispatch.get(type(data), ()):
            for subject in route(event):
                key = (process.name, subject)
                before = self._states.get(key)
                self._states[key] = process.evolve(before, event)
                self._print(process, subject, before)

    def _hear(self, row: EventRow) -> None:
        if row.key is None:
            if row.type not in _OF_CASES and self._places.foreign(row):
                self._play(_pending(row, decode_fact(row.type, row.data)), self._places.root(row.position))
            if row.type in READ and not (row.type == CaseOpened.type and self._places.foreign(row)):
                self.before.note(row.subject, decode_fact(row.type, row.data), row.recorded_at)
            return
        data = decode_fact(row.type, row.data)
        self.before.note(row.subject, data, row.recorded_at)
        if is_touch(row.actor, data):
            self._touched(row.subject)
        pending = _pending(row, data)
        if row.source == _SENT and not self._places.foreign(row):
            arrived = self._arriving.pop(row.position, None)
            if arrived is not None:
                self._play(arrived, row.position, _SENT, row.key)
        elif row.source == _TIMER and row.key in self._timers:
            self._play(self._timers.pop(row.key), row.position)
        elif isinstance(data, EffectSettled) and not self._asked(data.effect_id):
            self._answers[data.effect_id].append(pending)
        elif row.source != _TIMER or self._past.begin:
            self._play(pending, row.position, row.source or "", row.key)

    def _asked(self, name: str) -> bool:
        return name in self.effects or name in self._past.asked_before

    def _touched(self, subject: str) -> None:
        """What people did about a case counts in the trial only if the trial has a case too."""
        document = self.before.document_of(subject)
        if not document:
            return
        needed = bool(self.before.lives[document].open_classes)
        self.before.touch(document)
        if document in self.after.lives and (not needed or self.after.lives[document].open_classes):
            self.after.touch(document)

    def _catch_up(self, micros: int) -> None:
        """What a trial does otherwise than the past follows at once, before the next moment of the past."""
        while self._due and self._due[0][0] <= micros:
            _, key = heappop(self._due)
            self._soon.append(self._timers.pop(key))
        while self._soon:
            pending = self._soon.popleft()
            self._play(pending, 0, pending.source)
        self._at(micros)

    def _at(self, micros: int) -> None:
        """It is now."""
        self._micros = micros
        self.now = from_micros(micros)

    # ── one message ─────────────────────────────────────────────────────────────────────────────────────────────

    def _play(self, pending: Pending, position: int, source: str = "", key: str = "") -> None:
        """A message and all that follows from it in this partition; nothing of it if a process fails."""
        self._root = position
        self._undo.clear()
        self.played += 1
        queue = deque([self._new(pending, source, key)])
        heard: list[Event] = []
        try:
            while queue:
                if len(heard) > DERIVED_MAX:
                    raise RuntimeError(f"one message led to more than {DERIVED_MAX} events; a process answers itself")
                event = queue.popleft()
                heard.append(event)
                self._apply(event, queue)
        except Exception:
            self.set_aside += 1
            for state_key, state in reversed(self._undo):
                self._states[state_key] = state
            return
        for event in heard:
            self.after.note(event.subject, event.data, self._micros)
        for (name, subject), before in self._undo:
            self._print(self._processes[name], subject, before)

    def _print(self, process: Process, subject: str, before: Any) -> None:
        """Keep the fingerprint of an invoice that is another one now."""
        if process.prints and (one := process.prints(subject, before, self._states[process.name, subject])):
            self._own.add(one)
            self._kept_at[subject] = self._micros

    def _apply(self, event: Event, queue: deque[Event]) -> None:
        reached: list[tuple[Process, str]] = []
        states, undo = self._states, self._undo
        for process, route in self._dispatch.get(type(event.data), ()):
            for subject in route(event):
                key = (process.name, subject)
                before = states.get(key)
                undo.append((key, before))
                states[key] = process.evolve(before, event)
                reached.append((process, subject))
        for process, subject in reached:
            for output in process.decide(states[process.name, subject], event, self):
                match output:
                    case Emit():
                        queue.append(self._derived(output, event))
                    case Intent():
                        self._ask(output)
                    case Send():
                        self._send(output, event)
                    case Timer():
                        self._remind(output, event)

    def _remind(self, timer: Timer, event: Event) -> None:
        """A timer comes back where it did in the past, or at its time when it did not ring then."""
        if timer.key in self._timers:
            return
        self._timers[timer.key] = _of_timer(timer, event)
        if not self._places.has_timer(timer.key):
            heappush(self._due, (to_micros(timer.due_at), timer.key))

    def _new(self, pending: Pending, source: str, key: str) -> Event:
        return Event(
            f"{self._past.partition}.{self._root}",
            pending.subject,
            pending.data,
            pending.entity,
            pending.correlation,
            "",
            pending.actor,
            pending.occurred_at,
            self.now,
            self._version,
            source,
            key,
        )

    def _derived(self, emit: Emit, event: Event) -> Event:
        return Event(
            event.event_id,
            emit.subject or event.subject,
            emit.data,
            event.entity,
            event.correlation,
            event.event_id,
            event.actor,
            event.occurred_at,
            self.now,
            self._version,
        )

    def _ask(self, intent: Intent) -> None:
        name = effect_id(intent.connector, intent.payload.operation, intent.key)
        if name not in self.effects:
            self.effects.add(name)
            self._soon.extend(self._answers.pop(name, ()))

    def _send(self, send: Send, event: Event) -> None:
        """A message of this partition to itself comes back where it did then; others are left out and counted."""
        home = send.home
        if home not in self._homes:
            self._homes[home] = partition_of(home, self._partitions) if home else -1
        if self._homes[home] != self._past.partition:
            self.left_out += 1
            return
        correlation = send.correlation or event.correlation
        entity = send.entity or event.entity
        pending = Pending(send.data, send.subject, entity, correlation, event.actor, event.occurred_at, _SENT)
        position = self._places.next(self._root, type(send.data).type, send.subject)
        if position:
            self._arriving[position] = pending
        else:
            self._soon.append(pending)


class _Seeing(Struct, frozen=True):
    """How an invoice of another partition looked to one that is compared at a moment.

    What changed well before was seen. Of what changed about that moment the time does not tell: two units of work may
    have run side by side, and one may have handled both. But the past says what it found, and so what it saw: what was
    ``named`` was there, and what is like it and was not named was not. That holds if it searched by the same rules as
    now; by other rules the one that came first is seen.
    """

    one: Fingerprint
    moment: int
    last: bool
    same_search: bool

    def of(self, versions: Sequence[Version], *, named: bool) -> Fingerprint | None:
        """As it was seen; nothing when it was not there."""
        if versions[-1].since < self.moment - UNIT_MAX:
            return versions[-1].one
        until = self.moment + UNIT_MAX if named else self.moment
        near = [version for version in versions if version.since <= until]
        if not near or near[-1].since < self.moment - UNIT_MAX:
            return near[-1].one if near else None
        if named:
            return next((version.one for version in reversed(near) if self._may_be_named(version.one)), near[-1].one)
        if self.same_search and near[-1].one.kind == self.one.kind:
            hidden = [version.one for version in near if not self._may_be_named(version.one)]
            return hidden[-1] if hidden else None
        name = near[-1].one.invoice_id
        first = [one for one in near if (one.since, name) < (self.moment, self.one.invoice_id)]
        return first[-1].one if first else None

    def _may_be_named(self, other: Fingerprint) -> bool:
        """What is stopped is passed over by the last look, what is cancelled by any."""
        return other.status == "open" or (other.status == "stopped" and not self.last)


def _names(data: Fact) -> Iterator[str]:
    """The invoices that a comparison found to be like the one that it is about."""
    match data:
        case InvoiceAdmitted(explained=found) | DuplicateSuspected(candidates=found):
            yield from (one.invoice_id for one in found)
        case DuplicateStopped(candidates=found, first_invoice_id=first):
            yield from (first, *(one.invoice_id for one in found))


class _Places:
    """Where what followed from each message came back in the log."""

    def __init__(self, past: Past) -> None:
        self._partition = past.partition
        self._positions = {row.position for row in past.rows if row.recorded_at >= past.begin}
        self._roots = [row.position for row in past.rows if row.key is not None]
        self._timers = {row.key for row in past.rows if row.source == _TIMER and row.recorded_at >= past.begin}
        self._found: defaultdict[tuple[int, str, str], deque[int]] = defaultdict(deque)
        self._named: dict[tuple[int, str], frozenset[str]] = {}
        for row in past.rows:
            if row.recorded_at < past.begin:
                continue
            if row.source == _SENT and not self.foreign(row):
                self._found[self._root_of(row), row.type, row.subject].append(row.position)
            elif row.type in _COMPARED:
                self._named[self._root_of(row), row.subject] = frozenset(_names(decode_fact(row.type, row.data)))

    def foreign(self, row: EventRow) -> bool:
        """Whether a fact came from another partition, from a process that takes no part, or from before the trial."""
        partition, position = _cause(row)
        return partition != self._partition or position not in self._positions

    def _root_of(self, row: EventRow) -> int:
        """The message that led to it: everything derived stands right behind its message."""
        return self.root(_cause(row)[1])

    def root(self, position: int) -> int:
        """The last message that was heard up to a place in the log."""
        return self._roots[bisect_right(self._roots, position) - 1] if self._roots else 0

    def next(self, root: int, kind: str, subject: str) -> int:
        """Where the next message of this kind came back that followed from that one; 0 when it did not."""
        found = self._found.get((root, kind, subject))
        return found.popleft() if found else 0

    def comes(self, root: int, kind: str, subject: str) -> bool:
        """Whether a message of this kind came back that followed from that one."""
        return bool(self._found.get((root, kind, subject)))

    def named(self, root: int, subject: str) -> frozenset[str]:
        """The invoices that this one was found to be like when that message was handled."""
        return self._named.get((root, subject), frozenset())

    def has_timer(self, key: str) -> bool:
        return key in self._timers


def _cause(row: EventRow) -> tuple[int, int]:
    partition, _, position = row.causation.partition(".")
    return (int(partition), int(position)) if position.isdecimal() and partition.isdecimal() else (-1, 0)


def _pending(row: EventRow, data: Fact) -> Pending:
    return Pending(data, row.subject, row.entity, row.correlation, row.actor, from_micros(row.occurred_at))


def _of_timer(timer: Timer, event: Event) -> Pending:
    subject = timer.subject or event.subject
    return Pending(timer.data, subject, event.entity, event.correlation, "system:timer", timer.due_at)


def _event(row: EventRow, data: Fact, recorded_at: datetime, policy: str) -> Event:
    return Event(
        f"{row.partition}.{row.position}",
        row.subject,
        data,
        row.entity,
        row.correlation,
        row.causation,
        row.actor,
        from_micros(row.occurred_at),
        recorded_at,
        policy,
        row.source or "",
        row.key or "",
    )
