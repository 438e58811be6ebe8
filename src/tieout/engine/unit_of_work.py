"""The unit of work: a batch of messages, one database transaction.

In it: events are appended to the log, states evolve, processes decide, and effects, links, messages to other
partitions, control totals and views are written, and the inbox rows dropped. All or nothing.

A message whose handling raises is a bug of ours or a poison message: it alone is set aside (*quarantined*, with its
error), a case is opened, and only messages of the same subject wait behind it.
"""

from collections import OrderedDict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any

import msgspec
import structlog

from tieout.engine.chain import GENESIS
from tieout.engine.fingerprints import Fingerprints
from tieout.engine.policies import Policies
from tieout.engine.scope import (
    ABSENT,
    Key,
    LaneOf,
    Scope,
    Setting,
    dispatch_table,
    encode_state,
    refused_key,
    routing_event,
)
from tieout.engine.standings import Standings
from tieout.engine.stores.port import FencedError, Store, Unit
from tieout.engine.stores.rows import UNRESOLVED, EventRow, Head, InboxRow, LinkRow, StateRow
from tieout.engine.stores.text import plain
from tieout.kernel.clock import Clock, to_micros
from tieout.kernel.ids import derive
from tieout.matching.duplicates import Fingerprint
from tieout.model.cases import Case, CaseClass
from tieout.model.events import Event
from tieout.model.facts import (
    CaseOpened,
    CaseSettled,
    Fact,
    MessageQuarantined,
    control_home,
    decode_fact,
    encode_fact,
)
from tieout.policy.duties import real_actors
from tieout.policy.policy import Policy
from tieout.processes.control import reviewed
from tieout.processes.process import Governance, Process, Row, governance_of

LOG = structlog.get_logger("tieout.work")

#: How long a message waits for the id it names to become known: 0.2 s, 0.4 s … at most an hour; about a day in all.
_LINK_WAIT_MAX = 3_600_000_000
_LINK_ATTEMPTS_MAX = 34
_CACHE_STATES = 20_000


class Cache:
    """What the last units of work left behind, so that the next need not read it again.

    It may be stale: then an event's position is taken, the unit rolls back (:class:`FencedError`) and the cache is
    forgotten. Correctness never rests on it.
    """

    def __init__(self, size: int = _CACHE_STATES) -> None:
        self._size = size
        self.heads: dict[int, Head] = {}
        self.states: OrderedDict[Key, Any] = OrderedDict()

    def forget(self) -> None:
        self.heads.clear()
        self.states.clear()

    def keep(self, heads: dict[int, Head], states: dict[Key, Any]) -> None:
        self.heads.update(heads)
        kept = self.states
        for key, value in states.items():
            kept[key] = value
            kept.move_to_end(key)
        while len(kept) > self._size:
            kept.popitem(last=False)


class UnitOfWork:
    """Handles batches of messages. Give each worker thread its own."""

    def __init__(
        self,
        store: Store,
        processes: tuple[Process, ...],
        policy: Policies,
        clock: Clock,
        *,
        partitions: int,
        lane_of: LaneOf,
    ) -> None:
        self._store = store
        self._processes = {process.name: process for process in processes}
        self._decoders = {process.name: msgspec.json.Decoder(process.state) for process in processes}
        self._dispatch = dispatch_table(processes)
        self._policies = policy
        self._ruling: tuple[Policy | None, str] = None, ""
        self._clock = clock
        self._partitions = partitions
        self._lane_of = lane_of
        self._cache = Cache()

    def forget(self) -> None:
        """Forget what is cached: to be called when partitions are taken over from another worker."""
        self._cache.forget()

    def run(self, limit: int, partitions: Sequence[int] | None = None) -> int:
        """Handle up to ``limit`` messages in one transaction and say how many were taken.

        When another worker was faster (a position in the log is taken) nothing has happened and 0 is returned; the
        next call looks again. When the batch cannot be *written* (an amount that no database can hold), its messages
        are handled one by one until the one that cannot is found and set aside.
        """
        try:
            return self._together(limit, partitions)
        except FencedError as error:
            LOG.info("fenced", reason=str(error)[:200])
            return 0
        except Exception:
            LOG.exception("batch_failed")
            return self._one_by_one(limit, partitions)

    def _together(self, limit: int, partitions: Sequence[int] | None) -> int:
        with self._batch(limit, partitions) as (batch, rows):
            if rows:
                batch.handle(rows)
                batch.write()
        return len(rows)

    def _one_by_one(self, limit: int, partitions: Sequence[int] | None) -> int:
        """Each message in a transaction of its own, up to the one that fails: that one is set aside.

        When setting aside fails as well, it was not the message but the database, and the error goes on its way.
        """
        for count in range(limit):
            tried: list[InboxRow] = []
            try:
                with self._batch(1, partitions) as (batch, rows):
                    tried += rows
                    batch.handle(rows)
                    batch.write()
            except FencedError:
                return count
            except Exception as error:
                if not tried:
                    raise
                self._set_aside(tried[0], error, partitions)
                return count + 1
            if not rows:
                return count
        return limit

    def _set_aside(self, failed: InboxRow, error: Exception, partitions: Sequence[int] | None) -> None:
        with self._batch(1, partitions) as (batch, rows):
            if [row.id for row in rows] == [failed.id]:
                batch.set_aside(rows[0], error)
                batch.write()

    @contextmanager
    def _batch(self, limit: int, partitions: Sequence[int] | None) -> "Iterator[tuple[Batch, list[InboxRow]]]":
        """A transaction with the next messages in it. What it leaves behind is cached when it has committed."""
        try:
            with self._store.unit() as unit:
                now = self._clock.now()
                rows = unit.take(partitions, limit, to_micros(now))
                policy, version = self._in_force(now)
                setting = Setting(
                    self._dispatch,
                    policy,
                    version,
                    self._partitions,
                    self._lane_of,
                    now,
                    to_micros(now),
                    self._governance(unit, policy, now),
                )
                batch = Batch(unit, setting, self._processes, self._decoders, self._cache)
                yield batch, rows
        except BaseException:
            self._cache.forget()
            raise
        self._cache.keep(batch.heads, batch.before | batch.states)

    def _in_force(self, now: datetime) -> tuple[Policy, str]:
        """The policy in force at the moment this unit of work records, and its version."""
        policy = self._policies.at(now)
        if self._ruling[0] is not policy:
            self._ruling = policy, policy.version
        return policy, self._ruling[1]

    def _governance(self, unit: Unit, policy: Policy, now: datetime) -> Governance:
        """Who stands behind the policy now; the reviews of its controls are read anew with every batch."""
        authorship = self._policies.authorship_at(now)
        if not policy.controls:
            return governance_of(authorship)
        found = unit.states([("control", control_home(one.name)) for one in policy.controls])
        states: dict[str, Any] = {key[1]: self._decoders["control"].decode(data) for key, data in found.items()}
        return governance_of(authorship, reviewed(policy.controls, states))


class Batch:
    """The messages of one unit of work, and what is to be written for them."""

    def __init__(
        self,
        unit: Unit,
        setting: Setting,
        processes: dict[str, Process],
        decoders: dict[str, msgspec.json.Decoder[Any]],
        cache: Cache,
    ) -> None:
        self._unit = unit
        self._setting = setting
        self._processes = processes
        self._decoders = decoders
        self._cache = cache
        self._fingerprints = Fingerprints(unit, setting.policy.duplicates)
        self.heads: dict[int, Head] = {}
        self.states: dict[Key, Any] = {}
        self.before: dict[Key, Any] = {}
        self._stood: dict[Key, tuple[int, int]] = {}
        self._events: list[EventRow] = []
        self._scopes: list[Scope] = []
        self._done: list[int] = []
        self._later: list[InboxRow] = []
        self._blocked: set[str] = set()

    # ── reading ─────────────────────────────────────────────────────────────────────────────────────────────────

    def load(self, key: Key) -> Any:
        """A state as it stands in this batch, from the cache or from the store."""
        state = self.states.get(key, ABSENT)
        if state is not ABSENT:
            return state
        state = self.before.get(key, ABSENT)
        if state is ABSENT:
            state = self._cache.states.get(key, ABSENT)
            if state is ABSENT:
                self._fetch((key,))
                return self.before[key]
            self.before[key] = state
        return state

    def state(self, process: str, subject: str) -> Any:
        """A state as it stands in this batch (what a process may see before its decision)."""
        return self.load((process, subject))

    def _fetch(self, keys: Sequence[Key]) -> None:
        found = self._unit.states(keys)
        for key in keys:
            data = found.get(key)
            self.before[key] = None if data is None else self._decoders[key[0]].decode(data)

    def _read_heads(self, partitions: set[int]) -> None:
        """Where the logs stand, before any state is read: then a state is never older than the place in the log that
        the fence guards, even where each statement sees a newer database than the one before it."""
        known = {number: self._cache.heads[number] for number in partitions if number in self._cache.heads}
        found = self._unit.heads(partitions - known.keys()) if len(known) < len(partitions) else {}
        self.heads.update({number: Head(0, GENESIS) for number in partitions} | known | found)

    def _head(self, partition: int) -> Head:
        if partition not in self.heads:
            self._read_heads({partition})
        return self.heads[partition]

    # ── handling ────────────────────────────────────────────────────────────────────────────────────────────────

    def handle(self, rows: Sequence[InboxRow]) -> None:
        """Handle messages in order, each in a scope of its own."""
        rows = self._address(rows)
        self._read_heads({row.partition for row in rows})
        refused = {(row.source, row.key): (row.source, refused_key(row)) for row in rows if self._is_of_people(row)}
        repeated = self._unit.logged([*((row.source, row.key) for row in rows), *refused.values()])
        ready: list[tuple[InboxRow, Fact]] = []
        for row in rows:
            key = (row.source, row.key)
            if key in repeated or refused.get(key) in repeated:
                self._done.append(row.id)
                continue
            try:
                ready.append((row, decode_fact(row.type, row.data)))
            except (KeyError, msgspec.MsgspecError, ValueError) as error:
                self.set_aside(row, error)
        self._prefetch(ready)
        for row, fact in ready:
            if row.subject not in self._blocked:
                self._handle_one(row, fact)

    def _is_of_people(self, row: InboxRow) -> bool:
        """Whether anybody's duties could forbid this message."""
        return bool(real_actors(row.actor, self._setting.policy.identities, row.source))

    def _prefetch(self, ready: Sequence[tuple[InboxRow, Fact]]) -> None:
        """Read the states that the messages themselves concern in one go, rather than one by one."""
        wanted: dict[Key, None] = {}
        seekers: list[tuple[Process, Event]] = []
        for row, fact in ready:
            targets = self._setting.dispatch.get(type(fact), ())
            event = routing_event(self._setting, row, fact) if targets else None
            for process, route in targets:
                for subject in route(event):  # type: ignore[arg-type]
                    wanted[process.name, subject] = None
                if process.reads is not None:
                    wanted.update(dict.fromkeys(process.reads(event)))  # type: ignore[arg-type]
                if process.seeks is not None:
                    seekers.append((process, event))  # type: ignore[arg-type]
        missing = [key for key in wanted if key not in self._cache.states]
        if missing:
            self._fetch(missing)
        self._fingerprints.ask(self._sought(seekers))

    def _sought(self, seekers: Sequence[tuple[Process, Event]]) -> Iterator[Fingerprint]:
        """The fingerprints whose like the decisions to come will ask for, as far as can be told now."""
        for process, event in seekers:
            for subject in process.routes[type(event.data)](event):
                if process.seeks and (one := process.seeks(event, self.load((process.name, subject)), self)):
                    yield one

    def _handle_one(self, row: InboxRow, fact: Fact) -> None:
        scope = Scope(self._setting, row.partition, self._head(row.partition), self.load, self._fingerprints.similar)
        try:
            scope.handle(row, fact)
            if row.error:
                self._settle_quarantine(scope, row)
        except FencedError:
            raise
        except Exception as error:
            LOG.exception("quarantined", source=row.source, key=row.key, type=row.type, subject=row.subject)
            self.set_aside(row, error)
            return
        self._take_in(scope)
        self._done.append(row.id)

    @staticmethod
    def _settle_quarantine(scope: Scope, row: InboxRow) -> None:
        """A message that was set aside has been handled after all: nobody needs to look at it any more."""
        subject = derive("case", CaseClass.QUARANTINE, row.subject)
        state = scope.state("case", subject)
        if state is None or state.status != "open":
            return
        fact = CaseSettled(resolution=f"{row.type} from {row.source} was handled after all")
        _note(scope, row, fact, subject)
        scope.settle()

    def _take_in(self, scope: Scope) -> None:
        for key in scope.changed:
            self._stood[key] = (scope.partition, scope.head.position)
            process = self._processes[key[0]]
            if process.prints and (one := process.prints(key[1], self.load(key), scope.states[key])):
                self._fingerprints.keep(one, scope.partition, process.prints(key[1], None, self.load(key)))
        self.states.update(scope.states)
        self.heads[scope.partition] = scope.head
        self._events += scope.events
        self._scopes.append(scope)

    def _address(self, rows: Sequence[InboxRow]) -> list[InboxRow]:
        """Find out what messages mean that name a document by another system's id; let the others wait."""
        unknown = [row for row in rows if row.partition == UNRESOLVED]
        if not unknown:
            return list(rows)
        links = self._unit.resolve({(row.ref_system, row.ref_id) for row in unknown})
        here = []
        for row in rows:
            if row.partition != UNRESOLVED:
                here.append(row)
            elif link := links.get((row.ref_system, row.ref_id)):
                self._later.append(_addressed(row, link))
            else:
                self._wait_for_link(row)
        return here

    def _wait_for_link(self, row: InboxRow) -> None:
        row.attempts += 1
        if row.attempts > _LINK_ATTEMPTS_MAX:
            row.error = (
                f"{row.ref_system} id {row.ref_id!r} is still not known; load the document it names, then requeue"
            )
            row.status = "quarantined"
            row.subject = row.subject or _unnamed(row)
        else:
            row.due_at = self._setting.micros + min(100_000 << min(row.attempts, 16), _LINK_WAIT_MAX)
        self._later.append(row)

    def set_aside(self, row: InboxRow, error: Exception) -> None:
        """Quarantine a message and say so in the log, with a case for somebody to work."""
        text = plain(f"{type(error).__name__}: {error}")[:2000]
        row.status, row.error, row.attempts = "quarantined", text, row.attempts + 1
        self._later.append(row)
        self._blocked.add(row.subject)
        scope = Scope(self._setting, row.partition, self._head(row.partition), self.load, self._fingerprints.similar)
        notice = MessageQuarantined(inbox_id=row.id, source=row.source, key=row.key, type_name=row.type, error=text)
        case = Case(
            case_class=CaseClass.QUARANTINE,
            document=row.subject,
            entity=row.entity,
            reason=f"{row.type} from {row.source} could not be handled: {text}",
        )
        for fact, subject in ((notice, row.subject), (CaseOpened(case=case), _case_id(case))):
            _note(scope, row, fact, subject)
        scope.settle()
        self._take_in(scope)

    # ── writing ─────────────────────────────────────────────────────────────────────────────────────────────────

    def write(self) -> None:
        """Write everything, table by table, each in one go."""
        unit = self._unit
        unit.append(self._events)
        self._fingerprints.write()
        standings = Standings(self._setting)
        self._write_states(standings)
        if effects := [effect for scope in self._scopes for effect in scope.effects]:
            unit.put_effects(effects)
        if links := [link for scope in self._scopes for link in scope.links]:
            unit.put_links(links)
        messages = [message for scope in self._scopes for message in scope.messages]
        messages += standings.notices(self._events[-1] if self._events else None)
        if messages:
            unit.put_inbox(messages)
        if self._done:
            unit.drop_inbox(self._done)
        if self._later:
            unit.defer_inbox(self._later)
        standings.write(unit)

    def _write_states(self, standings: Standings) -> None:
        rows: list[StateRow] = []
        gone: list[Key] = []
        views: dict[str, list[Row]] = {}
        hidden: dict[str, list[str]] = {}
        for key, (partition, position) in self._stood.items():
            name, subject = key
            process, state = self._processes[name], self.states[key]
            if state is None:
                gone.append(key)
                if process.view:
                    hidden.setdefault(process.view, []).append(subject)
            else:
                rows.append(StateRow(name, subject, partition, position, encode_state(state)))
                if process.show and (row := process.show(subject, state)) is not None:
                    views.setdefault(process.view, []).append({"subject": subject, "partition": partition, **row})
            if process.stands:
                standings.change(process.stands, subject, partition, self.before[key], state)
        if rows:
            self._unit.put_states(rows)
        if gone:
            self._unit.drop_states(gone)
        for view, shown in views.items():
            self._unit.put_views(view, shown)
        for view, subjects in hidden.items():
            self._unit.drop_views(view, subjects)


def _unnamed(row: InboxRow) -> str:
    """What a message is said to be about as long as nobody knows what its reference means."""
    return f"{row.ref_system}/{row.ref_id}"


def _addressed(row: InboxRow, link: LinkRow) -> InboxRow:
    """The message with its real address; it is handled where its document lives, by whoever works there."""
    row.partition = link.partition
    if row.subject in ("", _unnamed(row)):
        row.subject = link.subject
    row.correlation = row.correlation or link.correlation
    row.entity = row.entity or link.entity
    row.due_at = 0
    return row


def _note(scope: Scope, row: InboxRow, fact: Fact, subject: str) -> None:
    """Say in the log what was done with a message itself."""
    scope.append(
        fact,
        encode_fact(fact),
        subject=subject,
        entity=row.entity,
        correlation=row.correlation or row.subject,
        causation="",
        actor="system:work",
        occurred_at=scope.micros,
    )


def _case_id(case: Case) -> str:
    return derive("case", case.case_class, case.document)
