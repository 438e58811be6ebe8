"""A trial: one partition's past once more under another policy, in memory, by the very same processes.

Nothing is stored, hashed or sent. What came from outside is played in the order it was recorded; what processes send to
themselves comes back where it came back then, and what would be new comes right after the moment that led to it. A
write on another system is answered as it was answered then, and left open where it was not asked then. So under the
policy of then everything happens again exactly as it did.
"""

from bisect import bisect_right
from collections import defaultdict, deque
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

from msgspec import Struct

from tieout.engine.scope import DERIVED_MAX, Dispatch
from tieout.engine.stores.rows import EventRow
from tieout.engine.tally import READ, Tally, is_touch
from tieout.kernel.clock import from_micros, to_micros
from tieout.kernel.ids import partition_of
from tieout.matching.duplicates import Fingerprint, Index
from tieout.matching.duplicates.index import looks
from tieout.model.effects import effect_id
from tieout.model.events import Event
from tieout.model.facts import CaseOpened, EffectSettled, Fact, InvoiceReceived, decode_fact
from tieout.policy.policy import Policy
from tieout.processes.process import Emit, Governance, Intent, Process, Send, Timer

Key = tuple[str, str]
_SENT, _TIMER = "tieout", "timer"


class Past(Struct, frozen=True):
    """One partition's log as far as the processes of a trial hear it. ``begin`` and ``asked_before`` say where the
    trial begins, and which writes had been asked for by then."""

    partition: int
    rows: Sequence[EventRow]
    begin: int
    asked_before: frozenset[str] = frozenset()


class Pending(Struct, frozen=True):
    """A fact that a trial has yet to hear."""

    data: Fact
    subject: str
    entity: str
    correlation: str
    actor: str
    occurred_at: datetime


class Trial:
    """What the processes see (the ``Facts`` port), and what they say. Whatever else ``Facts`` may offer to a decision
    has to be offered here as well, out of what was played so far."""

    def __init__(self, past: Past, dispatch: Dispatch, policy: Policy, partitions: int, known: Index) -> None:
        self.policy, self.now, self.governance = policy, from_micros(0), Governance()
        self._known, self._own = known, Index()
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
        self._timers: dict[str, tuple[int, Pending]] = {}
        self._homes: dict[str, int] = {}

    def state(self, process: str, subject: str) -> Any:
        """The state of a process in this partition, as the trial has it."""
        return self._states.get((process, subject))

    def similar(self, one: Fingerprint) -> tuple[Fingerprint, ...]:
        """What is like this one: of this partition as the trial has it, of others as they are recorded."""
        places, now = looks(one, self.policy.duplicates), to_micros(self.now)
        own, others = self._own.under(places), self._known.under(places)
        for name, other in others.items():
            if name not in self._here and other.received_at < now:
                own.setdefault(name, other)
        return tuple(own.values())

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
        event = _event(row, data, from_micros(row.recorded_at), row.policy)
        for process, route in self._dispatch.get(type(data), ()):
            for subject in route(event):
                key = (process.name, subject)
                before = self._states.get(key)
                self._states[key] = process.evolve(before, event)
                self._print(process, subject, before)

    def _hear(self, row: EventRow) -> None:
        if row.key is None:
            if row.type in READ and not (row.type == CaseOpened.type and self._places.foreign(row)):
                self.before.note(row.subject, decode_fact(row.type, row.data))
            return
        data = decode_fact(row.type, row.data)
        self.before.note(row.subject, data)
        if is_touch(row.actor, data):
            self._touched(row.subject)
        pending = Pending(data, row.subject, row.entity, row.correlation, row.actor, from_micros(row.occurred_at))
        if row.source == _SENT and not self._places.foreign(row):
            arrived = self._arriving.pop(row.position, None)
            if arrived is not None:
                self._play(arrived, row.position)
        elif row.source == _TIMER and row.key in self._timers:
            self._play(self._timers.pop(row.key)[1], row.position)
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
        for key in [key for key, (due, _) in self._timers.items() if due <= micros and not self._places.has_timer(key)]:
            self._soon.append(self._timers.pop(key)[1])
        while self._soon:
            self._play(self._soon.popleft(), 0)
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
            self.after.note(event.subject, event.data)
        for (name, subject), before in self._undo:
            self._print(self._processes[name], subject, before)

    def _print(self, process: Process, subject: str, before: Any) -> None:
        """Keep the fingerprint of an invoice that is another one now."""
        if process.prints and (one := process.prints(subject, before, self._states[process.name, subject])):
            self._own.add(one)

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
                        self._timers.setdefault(output.key, (to_micros(output.due_at), _of_timer(output, event)))

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
        pending = Pending(send.data, send.subject, entity, correlation, event.actor, event.occurred_at)
        position = self._places.next(self._root, type(send.data).type, send.subject)
        if position:
            self._arriving[position] = pending
        else:
            self._soon.append(pending)


class _Places:
    """Where what followed from each message came back in the log."""

    def __init__(self, past: Past) -> None:
        self._partition = past.partition
        self._positions = {row.position for row in past.rows if row.recorded_at >= past.begin}
        self._roots = [row.position for row in past.rows if row.key is not None]
        self._timers = {row.key for row in past.rows if row.source == _TIMER and row.recorded_at >= past.begin}
        self._found: defaultdict[tuple[int, str, str], deque[int]] = defaultdict(deque)
        for row in past.rows:
            if row.source == _SENT and row.recorded_at >= past.begin and not self.foreign(row):
                self._found[self._root_of(row), row.type, row.subject].append(row.position)

    def foreign(self, row: EventRow) -> bool:
        """Whether a fact came from another partition, from a process that takes no part, or from before the trial."""
        partition, position = _cause(row)
        return partition != self._partition or position not in self._positions

    def _root_of(self, row: EventRow) -> int:
        """The message that led to it: everything derived stands right behind its message."""
        return self._roots[bisect_right(self._roots, _cause(row)[1]) - 1]

    def next(self, root: int, kind: str, subject: str) -> int:
        """Where the next message of this kind came back that followed from that one; 0 when it did not."""
        found = self._found.get((root, kind, subject))
        return found.popleft() if found else 0

    def has_timer(self, key: str) -> bool:
        return key in self._timers


def _cause(row: EventRow) -> tuple[int, int]:
    partition, _, position = row.causation.partition(".")
    return (int(partition), int(position)) if position.isdecimal() and partition.isdecimal() else (-1, 0)


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
