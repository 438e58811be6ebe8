"""What one message does, kept apart until it is known to have worked.

A :class:`Scope` collects the events, states and outputs that come of one message. If anything in the pure half raises,
the scope is thrown away and nothing of the message remains; otherwise the batch takes it in.
"""

from collections import deque
from collections.abc import Callable
from datetime import datetime
from typing import Any

import msgspec
from msgspec import Struct

from tieout.engine.chain import event_hash
from tieout.engine.stores.rows import (
    FOREVER,
    UNRESOLVED,
    EffectRow,
    EventRow,
    Head,
    InboxRow,
    LinkRow,
)
from tieout.kernel.clock import from_micros, to_micros
from tieout.kernel.ids import fingerprint, partition_of
from tieout.matching.duplicates import Fingerprint
from tieout.model.effects import effect_id
from tieout.model.events import Event, Lane
from tieout.model.facts import DutiesCompensated, DutiesRefused, Fact, encode_fact
from tieout.policy.controls import Ruling
from tieout.policy.policy import Policy
from tieout.processes.hands import ACTION_OF, judge
from tieout.processes.process import Emit, Governance, Intent, Link, Output, Process, Route, Send, Timer

DERIVED_MAX = 10_000
"""More derived events than this from one message are a loop in a process, not business."""

Key = tuple[str, str]
Dispatch = dict[type[Fact], tuple[tuple[Process, Route], ...]]
LaneOf = Callable[[str, str, str], str]
ABSENT: Any = object()

_PAYLOAD = msgspec.json.Encoder()
#: A state folded from the log again must come out byte for byte, whatever order its mappings were filled in.
encode_state = msgspec.json.Encoder(order="deterministic").encode


def dispatch_table(processes: tuple[Process, ...]) -> Dispatch:
    """Which processes handle a fact, and how each finds its subjects in it."""
    table: dict[type[Fact], list[tuple[Process, Route]]] = {}
    for process in processes:
        for fact_type, route in process.routes.items():
            table.setdefault(fact_type, []).append((process, route))
    return {fact_type: tuple(targets) for fact_type, targets in table.items()}


class Setting(Struct, frozen=True):
    """What is the same for every message of a batch."""

    dispatch: Dispatch
    policy: Policy
    policy_version: str
    partitions: int
    lane_of: LaneOf
    now: datetime
    micros: int
    governance: Governance = Governance()


def refused_key(row: InboxRow) -> str:
    """Under which key a message stands in the log that the duties of its teller forbade."""
    return f"{row.key}/refused/{row.actor}"


def routing_event(setting: Setting, row: InboxRow, data: Fact) -> Event:
    """A message as processes will see it, before it has its place in the log: good for asking whom it concerns."""
    return Event(
        "",
        row.subject,
        data,
        row.entity,
        row.correlation or row.subject,
        row.causation,
        row.actor,
        from_micros(row.occurred_at),
        setting.now,
        setting.policy_version,
        row.source,
        row.key,
    )


class Scope:
    """The consequences of one message in one partition."""

    def __init__(
        self,
        setting: Setting,
        partition: int,
        head: Head,
        load: Callable[[Key], Any],
        similar: Callable[[Fingerprint], tuple[Fingerprint, ...]],
    ) -> None:
        self._setting = setting
        self._load = load
        self._similar = similar
        self.partition = partition
        self.head = head
        self.events: list[EventRow] = []
        self.states: dict[Key, Any] = {}
        self.changed: set[Key] = set()
        self.effects: list[EffectRow] = []
        self.links: list[LinkRow] = []
        self.messages: list[InboxRow] = []
        self._queue: deque[Event] = deque()

    # ── what a decision may see (the Facts port) ────────────────────────────────────────────────────────────────

    @property
    def policy(self) -> Policy:
        return self._setting.policy

    @property
    def now(self) -> datetime:
        return self._setting.now

    @property
    def micros(self) -> int:
        """:attr:`now` as the database keeps it."""
        return self._setting.micros

    @property
    def governance(self) -> Governance:
        return self._setting.governance

    def state(self, process: str, subject: str) -> Any:
        key = (process, subject)
        found = self.states.get(key, ABSENT)
        return self._load(key) if found is ABSENT else found

    def similar(self, one: Fingerprint) -> tuple[Fingerprint, ...]:
        return self._similar(one)

    # ── one message ────────────────────────────────────────────────────────────────────────────────────────────

    def handle(self, row: InboxRow, data: Fact) -> None:
        """Append the message's fact and everything that follows from it in this partition.

        What the duties of whoever tells it forbid on this document is kept as :class:`DutiesRefused` in its place,
        under a key of its own: somebody else may tell the same, such as the same file, and it counts.
        """
        ruling = judge(routing_event(self._setting, row, data), self) if type(data) in ACTION_OF else Ruling()
        encoded, key = row.data, row.key
        if ruling.refused:
            key = refused_key(row)
            said = row.data.decode()
            data = DutiesRefused(action=ACTION_OF[type(data)], told=row.type, said=said, reasons=ruling.refused)
            encoded = encode_fact(data)
        elif ruling.under:
            self._append_told(row, DutiesCompensated(action=ACTION_OF[type(data)], controls=ruling.under))
        self.append(
            data,
            encoded,
            subject=row.subject,
            entity=row.entity,
            correlation=row.correlation or row.subject,
            causation=row.causation,
            actor=row.actor,
            occurred_at=row.occurred_at,
            source=row.source,
            key=key,
            mark=row.fingerprint,
        )
        self.settle()

    def _append_told(self, row: InboxRow, data: Fact) -> None:
        """Put what was found out about a message into the log, just before the message itself."""
        self.append(
            data,
            encode_fact(data),
            subject=row.subject,
            entity=row.entity,
            correlation=row.correlation or row.subject,
            causation=row.causation,
            actor=row.actor,
            occurred_at=row.occurred_at,
        )

    def settle(self) -> None:
        """Let the processes answer until nothing new follows."""
        while self._queue:
            if len(self.events) > DERIVED_MAX:
                raise RuntimeError(f"one message led to more than {DERIVED_MAX} events; a process answers itself")
            self._apply(self._queue.popleft())

    def append(
        self,
        data: Fact,
        encoded: bytes,
        *,
        subject: str,
        entity: str,
        correlation: str,
        causation: str,
        actor: str,
        occurred_at: int,
        source: str | None = None,
        key: str | None = None,
        mark: str | None = None,
    ) -> None:
        """Put a fact at the end of this partition's log and in the queue of what must be answered."""
        setting = self._setting
        position = self.head.position + 1
        kind = type(data)
        row = EventRow(
            self.partition,
            position,
            kind.type,
            kind.version,
            subject,
            entity,
            encoded,
            correlation,
            causation,
            actor,
            occurred_at,
            setting.micros,
            setting.policy_version,
            source,
            key,
            mark,
            b"",
        )
        row.hash = event_hash(self.head.hash, row)
        self.head = Head(position, row.hash)
        self.events.append(row)
        event = Event(
            f"{self.partition}.{position}",
            subject,
            data,
            entity,
            correlation,
            causation,
            actor,
            from_micros(occurred_at),
            setting.now,
            setting.policy_version,
            source or "",
            key or "",
        )
        self._queue.append(event)

    def _apply(self, event: Event) -> None:
        targets = self._setting.dispatch.get(type(event.data), ())
        reached: list[tuple[Process, str]] = []
        for process, route in targets:
            for subject in route(event):
                key = (process.name, subject)
                before = self.state(process.name, subject)
                after = self.states[key] = process.evolve(before, event)
                if after is not before:  # nothing that is kept of a state follows from an event that left it as it was
                    self.changed.add(key)
                reached.append((process, subject))
        sends = 0
        for process, subject in reached:
            for output in process.decide(self.states[process.name, subject], event, self):
                sends += self._put(output, event, sends)

    def _put(self, output: Output, event: Event, sends: int) -> int:
        """Take one output of a decision; returns 1 when it was a message of its own."""
        match output:
            case Emit():
                self.append(
                    output.data,
                    encode_fact(output.data),
                    subject=output.subject or event.subject,
                    entity=event.entity,
                    correlation=event.correlation,
                    causation=event.event_id,
                    actor=event.actor,
                    occurred_at=to_micros(event.occurred_at),
                )
            case Intent():
                self.effects.append(self._effect(output, event))
            case Link():
                self.links.append(
                    LinkRow(
                        output.system,
                        output.external_id,
                        output.subject or event.subject,
                        self.partition,
                        event.correlation,
                        event.entity,
                    )
                )
            case Send():
                self.messages.append(self._message(output, event, f"{event.event_id}/{sends}"))
                return 1
            case Timer():
                self.messages.append(self._timer(output, event))
        return 0

    def _effect(self, intent: Intent, event: Event) -> EffectRow:
        operation = intent.payload.operation
        entity = intent.entity or event.entity
        micros = self._setting.micros
        return EffectRow(
            effect_id(intent.connector, operation, intent.key),
            intent.connector,
            operation,
            intent.key,
            self._setting.lane_of(intent.connector, operation, entity),
            self.partition,
            event.subject,
            entity,
            event.correlation,
            event.event_id,
            _PAYLOAD.encode(intent.payload),
            "ready",
            intent.priority,
            to_micros(intent.deadline) if intent.deadline else FOREVER,
            intent.after,
            0,
            0,
            0,
            "",
            0,
            b"",
            "",
            micros,
            micros,
        )

    def _message(self, send: Send, event: Event, key: str) -> InboxRow:
        data = encode_fact(send.data)
        home = partition_of(send.home, self._setting.partitions) if send.home else UNRESOLVED
        ref = send.ref
        return InboxRow(
            0,
            "tieout",
            key,
            fingerprint(data),
            home,
            ref.system if ref else "",
            ref.external_id if ref else "",
            send.subject,
            type(send.data).type,
            send.entity or event.entity,
            data,
            send.correlation or ("" if ref else event.correlation),
            event.event_id,
            event.actor,
            to_micros(event.occurred_at),
            self._setting.micros,
            Lane.CONTROL,
        )

    def _timer(self, timer: Timer, event: Event) -> InboxRow:
        data = encode_fact(timer.data)
        return InboxRow(
            0,
            "timer",
            timer.key,
            fingerprint(data),
            self.partition,
            "",
            "",
            timer.subject or event.subject,
            type(timer.data).type,
            event.entity,
            data,
            event.correlation,
            event.event_id,
            "system:timer",
            to_micros(timer.due_at),
            self._setting.micros,
            Lane.CONTROL,
            max(1, to_micros(timer.due_at)),
        )
