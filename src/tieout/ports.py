"""Ports: what the engine asks of a connector. (What it asks of a store stands in ``engine/stores/port.py``.)

A connector is plain synchronous code that answers four verbs; concurrency, retries, leases and rate limits are the
engine's. Its manifest is a promise on which the engine builds the safe way to write, and the conformance kit
(:mod:`tieout.conformance.connector`) collects on it.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Literal, Protocol, runtime_checkable

from msgspec import Struct

from tieout.formats.source import Source
from tieout.kernel.problem import Problem
from tieout.model.documents import Posting, Total
from tieout.model.effects import Payload
from tieout.model.events import Message


class Operation(Struct, frozen=True, kw_only=True):
    """What a target promises about one kind of write.

    ``native_key``: it takes an idempotency key, so the same call may be repeated. ``unique_number``: it refuses a
    second document with the same number, so a duplicate refusal after an unknown outcome means applied. ``lookup``:
    it can be searched by our reference, ``landing_seconds`` after the call at the latest. With none of the three a
    person has to decide what became of a lost answer.
    """

    name: str
    native_key: bool = False
    unique_number: bool = False
    lookup: bool = False
    landing_seconds: float = 0.0
    batch_size: int = 1
    lane: Literal["operation", "entity", "target"] = "operation"


class Manifest(Struct, frozen=True, kw_only=True):
    """Who a connector talks to and what that system promises. ``lane``: writes that share a lane go one at a time
    (per operation, per legal entity, or for the whole target)."""

    system: str
    title: str
    operations: tuple[Operation, ...] = ()
    pulls: bool = False
    totals: tuple[str, ...] = ()
    calls_per_second: float = 50.0
    timeout_seconds: float = 30.0
    retry_seconds: tuple[float, ...] = (1.0, 2.0, 5.0, 15.0, 60.0, 300.0)
    breaker_failures: int = 5
    breaker_seconds: float = 30.0

    def operation(self, name: str) -> Operation | None:
        """The promise about one operation, or ``None`` when the target cannot do it."""
        return next((operation for operation in self.operations if operation.name == name), None)


class Effect(Struct, frozen=True, kw_only=True, gc=False):
    """An intended write as a connector gets it. ``key`` is the business key; ``attempt`` counts from 1."""

    effect_id: str
    operation: str
    key: str
    entity: str
    subject: str
    correlation: str
    payload: Payload
    attempt: int = 1


class Applied(Struct, frozen=True, kw_only=True, tag=True, gc=False):
    """It landed, and this is what was *read back* from the target. ``links`` are further ids (system → id)."""

    reference: str
    posting: Posting | None = None
    links: dict[str, str] = {}


class Refused(Struct, frozen=True, kw_only=True, tag=True):
    """The target said no and holds nothing. Repeating the same write would be refused again."""

    problems: tuple[Problem, ...]


class Retry(Struct, frozen=True, kw_only=True, tag=True):
    """Certain not to have landed, and worth trying again (429, 503, refused connection, lock)."""

    reason: str
    after_seconds: float | None = None


class Unknown(Struct, frozen=True, kw_only=True, tag=True):
    """Nobody can say yet whether it landed: a time-out, a dropped answer, a crash in the middle."""

    reason: str


Result = Applied | Refused | Retry | Unknown


class Absent(Struct, frozen=True, kw_only=True, tag=True):
    """A probe's answer: the target was asked and does not hold it, so it is safe to write it."""


Finding = Applied | Absent | Unknown


class Page(Struct, frozen=True, kw_only=True):
    """What a pull brought. ``cursor`` is stored only after the messages are; the same cursor gives the same page.

    ``observed_at``: up to this moment the source has told everything (a watermark); ``None`` when it cannot say.
    """

    messages: tuple[Message, ...]
    cursor: str
    more: bool = False
    observed_at: datetime | None = None


class Scope(Struct, frozen=True, kw_only=True):
    """Of what a control total is asked: a name from the manifest's ``totals`` for an entity, period and currency."""

    name: str
    entity: str
    period: str = ""
    currency: str = ""


class Taken(Struct, frozen=True, kw_only=True):
    """What became of a document that was handed in. Its original is kept whatever the status is.

    ``partly``: parts of it were refused by themselves. ``unpacked``: it held ``parts``, which were taken one by one.
    """

    mark: str
    status: Literal["accepted", "partly", "unpacked", "quarantined", "duplicate"]
    format: str = ""
    problems: tuple[Problem, ...] = ()
    parts: tuple["Taken", ...] = ()


class Documents(Protocol):
    """The way in for documents. Given to connectors that fetch files."""

    def take(self, document: Source | bytes, *, name: str, media_type: str, channel: str) -> Taken:
        """Keep a document as it came, read it, and hand on what it says; or quarantine it with the reason.

        The same bytes again change nothing. Raises ``Full`` (a ``TieoutError``) when the inbox has no room: leave the
        document where it is and come back.
        """
        ...

    def keep(self, body: bytes, *, name: str, media_type: str, channel: str) -> str:
        """Keep bytes as they came and return their SHA-256."""
        ...

    def original(self, mark: str) -> Source:
        """A document as it came. Raises ``PermanentError`` when we do not have it."""
        ...


class Connector(Protocol):
    """The four verbs. ``apply`` answers item by item in the order asked; one bad row never hides the good ones.

    ``apply`` and ``probe`` must not raise for anything the target does; whatever is not certain is ``Unknown``. They
    may raise ``ConfigError`` (the lane stops and an operator is called) and ``TransientError`` (nothing was sent).
    """

    @property
    def manifest(self) -> Manifest:
        """The promise."""
        ...

    def pull(self, cursor: str) -> Page:
        """What changed in the target after the cursor (empty text: from the beginning)."""
        ...

    def apply(self, effects: Sequence[Effect]) -> Sequence[Result]:
        """Make the target hold these. All effects are of one operation; at most the manifest's batch size."""
        ...

    def probe(self, effect: Effect) -> Finding:
        """Did this effect land? Asked only after the landing window."""
        ...

    def totals(self, scope: Scope) -> Total:
        """What the target holds, counted by the target."""
        ...


@runtime_checkable
class Listener(Protocol):
    """A connector that others call, beside what it does when it is asked. A worker tells it to listen again and again
    (of several on a machine one has the port, and another takes it over when that ends), and in the end to stop."""

    def listen(self) -> None:
        """Listen, if it does not already. Raises ``ConfigError`` when that cannot be done now."""
        ...

    def close(self) -> None:
        """Finish what is under way, and listen no more."""
        ...
