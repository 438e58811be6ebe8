"""What the engine asks of a store. Every method of :class:`Store` is one database transaction; a :class:`Unit` is one.

Two stores implement it with hand-written SQL, and ``tieout.conformance.store`` is run against both.
"""

from collections.abc import Collection, Mapping, Sequence
from contextlib import AbstractContextManager
from enum import StrEnum
from typing import Any, Protocol

from tieout.engine.stores.rows import (
    DocumentRow,
    EffectRow,
    EventRow,
    FingerprintRow,
    Head,
    InboxRow,
    LinkRow,
    LookRow,
    Settlement,
    StandingRow,
    StateRow,
    TotalRow,
)

LOOK_MAX = 200
"""So many fingerprints are compared for each key. A supplier with more invoices of one amount in one season is compared
with the latest; one with the same number is always found, since it has a key of its own."""


class Receipt(StrEnum):
    """The answer to a message offered to the inbox."""

    ACCEPTED = "accepted"
    DUPLICATE = "duplicate"  #: the same key with the same body: answered as before, nothing done
    CONFLICT = "conflict"  #: the same key with another body: refused


class FencedError(Exception):
    """Another worker has written this partition since we last looked. Roll back, forget what is cached, look again."""


class Unit(Protocol):
    """A unit of work: everything in it commits together or not at all."""

    def take(self, partitions: Sequence[int] | None, limit: int, now: int) -> list[InboxRow]:
        """Messages to handle: due timers first, then by lane and age; never of a subject that is quarantined.

        ``partitions`` limits it to those (plus unresolved ones); ``None`` means all.
        """
        ...

    def heads(self, partitions: Collection[int]) -> dict[int, Head]:
        """The last position and hash of each partition that has events."""
        ...

    def logged(self, keys: Sequence[tuple[str, str]]) -> set[tuple[str, str]]:
        """Which of these (source, key) pairs are in the log already."""
        ...

    def states(self, keys: Collection[tuple[str, str]]) -> dict[tuple[str, str], bytes]:
        """The states of these (process, subject) pairs, as far as they exist."""
        ...

    def resolve(self, refs: Collection[tuple[str, str]]) -> dict[tuple[str, str], LinkRow]:
        """What these (system, id) pairs mean, as far as it is known."""
        ...

    def similar(self, looks: Sequence[LookRow]) -> dict[str, list[bytes]]:
        """The fingerprints that each asker asked for, each once; of those under one key the latest ``LOOK_MAX``."""
        ...

    def append(self, events: Sequence[EventRow]) -> None:
        """Append to the log. Raises :class:`FencedError` when a position is taken."""
        ...

    def put_states(self, rows: Sequence[StateRow]) -> None: ...
    def drop_states(self, keys: Sequence[tuple[str, str]]) -> None: ...

    def put_effects(self, rows: Sequence[EffectRow]) -> None:
        """Add effects that are not there yet; one with an ``after`` that is not applied is parked."""
        ...

    def put_links(self, rows: Sequence[LinkRow]) -> None: ...

    def put_inbox(self, rows: Sequence[InboxRow]) -> None:
        """Add messages of our own (to other partitions, timers); one that is there already stays as it is."""
        ...

    def drop_inbox(self, ids: Sequence[int]) -> None: ...

    def defer_inbox(self, rows: Sequence[InboxRow]) -> None:
        """Write back partition, subject, correlation, due time, attempts, status and error of these messages."""
        ...

    def put_views(self, view: str, rows: Sequence[Mapping[str, Any]]) -> None: ...
    def drop_views(self, view: str, subjects: Sequence[str]) -> None: ...

    def put_fingerprints(self, rows: Sequence[FingerprintRow]) -> None:
        """Write fingerprints, or again with other data; the day of one never changes."""
        ...

    def change_standings(self, added: Sequence[StandingRow], removed: Sequence[StandingRow]) -> None:
        """Write items that stand (again: with another amount) and take away those that stand no more."""
        ...

    def change_totals(self, changes: Sequence[TotalRow]) -> None:
        """Add these changes to the control totals."""
        ...


class Store(Protocol):
    """Where everything durable lives. Safe to use from several threads and, on PostgreSQL, several machines."""

    @property
    def url(self) -> str:
        """The database's SQLAlchemy URL, for migrations and for the read queries of pages."""
        ...

    def unit(self) -> AbstractContextManager[Unit]:
        """Begin a unit of work; it commits when the block ends and rolls back when the block raises."""
        ...

    def accept(self, rows: Sequence[InboxRow]) -> list[Receipt]:
        """Take messages into the inbox durably, each exactly once per (source, key), in the order given."""
        ...

    def depth(self, lane: int) -> int:
        """How many messages wait in a lane of the inbox (timers not counted)."""
        ...

    # effects

    def lanes(self, now: int) -> list[str]:
        """The delivery lanes in which an effect is ready to be sent now."""
        ...

    def lease_effects(self, lane: str, owner: str, until: int, limit: int, now: int) -> list[EffectRow]:
        """Lease the next effects of a lane, all of one operation: by deadline, then priority, then age."""
        ...

    def lease_probes(self, owner: str, until: int, limit: int, now: int) -> list[EffectRow]:
        """Lease effects whose outcome is unknown and whose landing window is over."""
        ...

    def settle(self, settlements: Sequence[Settlement], messages: Sequence[InboxRow]) -> int:
        """Write outcomes and put the messages that tell of them into the inbox, in one transaction.

        ``messages[i]`` belongs to the settlement whose id is its ``causation``; it is dropped together with a
        settlement that came too late. Applied effects set free the ones parked after them. Returns how many counted.
        """
        ...

    def renew_effects(self, owner: str, until: int) -> int:
        """Extend the leases of all effects this owner is working on. Returns how many."""
        ...

    def lapse_effects(self, now: int) -> int:
        """Effects whose lease ended without an outcome become unknown (not ready!). Returns how many."""
        ...

    def free_parked(self) -> int:
        """Set free parked effects whose predecessor has been applied meanwhile. Returns how many."""
        ...

    def effects(self, ids: Sequence[str]) -> list[EffectRow]: ...

    def troubled(self, operation: str, limit: int) -> list[EffectRow]:
        """Effects of an operation that were tried and are not applied (oldest first): unknown, undecided, dead, or
        ready again after an attempt. Refusals are not trouble of the way but an answer."""
        ...

    def held(self, reason_prefix: str, limit: int) -> list[EffectRow]:
        """Held effects whose reason begins so."""
        ...

    def change_effect(
        self,
        effect_id: str,
        expected: Collection[str],
        status: str,
        now: int,
        error: str,
        messages: Sequence[InboxRow] = (),
        outcome: bytes | None = None,
    ) -> bool:
        """A person's or the policy's hand: change the status (and the outcome, if one is given) if it is one of those
        expected, and put the messages that tell of it into the inbox, in one transaction."""
        ...

    # leases, cursors, documents

    def claim(self, names: Sequence[str], owner: str, until: int, now: int) -> set[str]:
        """Take or renew leases, all in one transaction; returns those that are ours now."""
        ...

    def release(self, names: Sequence[str], owner: str) -> None: ...

    def leases(self, prefix: str, now: int) -> dict[str, str]:
        """Who holds the leases whose names begin so: name → owner, only those that still last."""
        ...

    def cursor(self, name: str) -> str: ...
    def put_cursor(self, name: str, value: str, now: int) -> None: ...
    def put_document(self, row: DocumentRow) -> None: ...
    def document(self, mark: str) -> DocumentRow | None: ...

    def interrupted_documents(self, before: int, limit: int) -> list[str]:
        """Hashes of documents that were received before this moment and never read to the end."""
        ...

    def resolve(self, system: str, external_id: str) -> LinkRow | None: ...

    # the log, read back

    def read_log(self, partition: int, after: int, limit: int, types: Collection[str] = ()) -> list[EventRow]:
        """Events of one partition in order of position; with ``types`` only those."""
        ...

    def read_lives(self, correlations: Collection[str]) -> list[EventRow]:
        """All events of these correlations, in order of partition and position."""
        ...

    def states(self, keys: Collection[tuple[str, str]]) -> dict[tuple[str, str], bytes]:
        """The states of these (process, subject) pairs, as far as they exist, outside of any unit of work."""
        ...

    def log_heads(self) -> dict[int, Head]: ...

    def read_table(self, table: str, partition: int | None) -> list[dict[str, Any]]:
        """All rows of a table (of one partition), for rebuilding and comparing."""
        ...

    def requeue(self, inbox_id: int) -> bool:
        """Make a quarantined message ready again."""
        ...

    def close(self) -> None: ...
