"""Rows of the engine's tables, in column order. Times are microseconds since 1970 (UTC); 0 means "not set"."""

from msgspec import Struct

UNRESOLVED = -1
"""The partition of a message that is addressed by another system's id which is not known yet."""

FOREVER = 1 << 62
"""A deadline that never comes."""


class InboxRow(Struct, gc=False):
    """An accepted message that has not been handled. ``due_at`` > 0: a timer, or a message waiting for its link."""

    id: int
    source: str
    key: str
    fingerprint: str
    partition: int
    ref_system: str
    ref_id: str
    subject: str
    type: str
    entity: str
    data: bytes
    correlation: str
    causation: str
    actor: str
    occurred_at: int
    accepted_at: int
    lane: int
    due_at: int = 0
    attempts: int = 0
    status: str = "ready"
    error: str = ""


class EventRow(Struct, gc=False):
    """An event in the log. ``(partition, position)`` is the key, and thereby the fence against stale workers."""

    partition: int
    position: int
    type: str
    version: int
    subject: str
    entity: str
    data: bytes
    correlation: str
    causation: str
    actor: str
    occurred_at: int
    recorded_at: int
    policy: str
    source: str | None
    key: str | None
    fingerprint: str | None
    hash: bytes


class Head(Struct, frozen=True, gc=False):
    """Where a partition's log stands: its last position and the hash of that event."""

    position: int
    hash: bytes


class StateRow(Struct, gc=False):
    """Where one process stands for one subject, as the message whose events end at ``position`` left it."""

    process: str
    subject: str
    partition: int
    position: int
    data: bytes


class EffectRow(Struct, gc=False):
    """An intended write. ``status``: ready, parked (waits for ``after``), leased, applied, refused, unknown,
    undecided, held, dead, cancelled, compensated."""

    id: str
    connector: str
    operation: str
    key: str
    lane: str
    partition: int
    subject: str
    entity: str
    correlation: str
    causation: str
    payload: bytes
    status: str
    priority: int
    deadline: int
    after: str
    not_before: int
    attempts: int
    probes: int
    owner: str
    lease_until: int
    outcome: bytes
    error: str
    created_at: int
    changed_at: int


class LinkRow(Struct, gc=False):
    """Another system's id for one of our subjects."""

    system: str
    external_id: str
    subject: str
    partition: int
    correlation: str
    entity: str


class FingerprintRow(Struct, gc=False):
    """What is kept of an invoice to compare others with (``data``), and the keys and the day it is found under; under
    the keys that are ``gone`` it was found before (its supplier is paid to another account now)."""

    subject: str
    partition: int
    data: bytes
    day: int
    keys: tuple[int, ...]
    gone: tuple[int, ...] = ()


class LikenessRow(Struct, gc=False):
    """One key that a fingerprint is found under, with its day (since year 1)."""

    key: int
    day: int
    subject: str
    partition: int


class LookRow(Struct, gc=False):
    """A question for fingerprints: all under ``key`` from ``first`` to ``last``, for the document ``asker``."""

    asker: str
    key: int
    first: int
    last: int


class StandingRow(Struct, gc=False):
    """An item that counts in a control total as long as its process stands there."""

    name: str
    entity: str
    period: str
    item: str
    currency: str
    amount_minor: int
    partition: int
    since: int


class TotalRow(Struct, gc=False):
    """A control total, or a change of one."""

    name: str
    entity: str
    period: str
    currency: str
    count: int
    sum_minor: int
    digest: int


class DocumentRow(Struct, gc=False):
    """An original as it came. ``status``: received (not yet read), accepted, partly, unpacked, quarantined."""

    hash: str
    name: str
    media_type: str
    channel: str
    size: int
    received_at: int
    status: str
    format: str
    problems: str
    events: int


class Settlement(Struct, gc=False):
    """What delivery concluded about one effect. Written only if the effect is still at this owner and attempt."""

    id: str
    owner: str
    attempt: int
    status: str
    not_before: int
    probes: int
    outcome: bytes
    error: str
    changed_at: int
