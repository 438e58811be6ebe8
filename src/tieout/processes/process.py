"""What a process is: pure functions over frozen values. No clock, no files, no chance.

``route`` says which subjects of the process an event concerns, ``evolve`` where each stands after it, ``decide``
what to ask of the world, ``show`` what pages see of it and ``stands`` what it contributes to control totals. All of it
can be folded again over the log and must give the same result.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import date, datetime
from types import MappingProxyType
from typing import Any, Protocol, TypeVar

from msgspec import Struct

from tieout.kernel.money import Money
from tieout.matching.duplicates.fingerprint import Fingerprint
from tieout.model.effects import Payload
from tieout.model.events import Event, Ref
from tieout.model.facts import Fact
from tieout.policy.authorship import Authorship
from tieout.policy.duties import Act
from tieout.policy.policy import Policy


class Emit(Struct, frozen=True, gc=False):
    """A derived fact. Without a subject it is about the subject of the event that led to it."""

    data: Fact
    subject: str = ""


class Send(Struct, frozen=True, gc=False):
    """A fact for another partition, delivered exactly once through its inbox. Addressed by home or by ref.

    Without a ``correlation`` it belongs to the same life as the event that led to it.
    """

    data: Fact
    subject: str = ""
    home: str = ""
    ref: Ref | None = None
    entity: str = ""
    correlation: str = ""


class Timer(Struct, frozen=True, gc=False):
    """A fact that comes back to this partition at a given time. The same key replaces nothing and acts once."""

    data: Fact
    due_at: datetime
    key: str
    subject: str = ""


class Intent(Struct, frozen=True, kw_only=True, gc=False):
    """An intended write on an outside system. ``key`` comes from the business: asking twice acts once.

    ``after`` is the id of an effect that must have been applied first. ``deadline`` orders the work: the financial
    deadline (bank cut-off, discount date, period end), then ``priority`` (lower first), then age.
    """

    connector: str
    payload: Payload
    key: str
    entity: str = ""
    after: str = ""
    deadline: datetime | None = None
    priority: int = 5


class Link(Struct, frozen=True, gc=False):
    """This outside id means the subject (by default the one the event is about)."""

    system: str
    external_id: str
    subject: str = ""


Output = Emit | Send | Timer | Intent | Link


class Standing(Struct, frozen=True, gc=False):
    """One item that counts in a control total as long as its process stands where it does.

    ``name`` is one of the names in ``policy/standings.toml`` (``unposted``, ``payable``, ``in_flight`` …).
    """

    name: str
    entity: str
    period: str
    item: str
    amount: Money


Row = Mapping[str, Any]


class Governance(Struct, frozen=True):
    """Who stands behind the policy in force (``authors``), and behind each release by its version (``behind``); who
    wrote its compensating controls (``granted``), and the days on which they were last reviewed, by their names."""

    authors: tuple[Act, ...] = ()
    reviewed: Mapping[str, date] = {}
    behind: Mapping[str, tuple[Act, ...]] = {}
    granted: Mapping[str, tuple[Act, ...]] = {}


def governance_of(authorship: Authorship, reviewed: Mapping[str, date] = MappingProxyType({})) -> Governance:
    """The governance of a moment."""
    return Governance(authorship.authors, reviewed, authorship.behind, authorship.granted)


class States(Protocol):
    """Other states of the partition. Only states of the *same* partition may be read; they are consistent because a
    partition is handled serially."""

    def state(self, process: str, subject: str) -> Any:
        """The present state of another process in this partition, or ``None``."""
        ...


class Grounds(States, Protocol):
    """The frozen surroundings of a ruling or a decision: the policy and who stands behind it, the moment it is recorded
    at, other states of the partition."""

    @property
    def policy(self) -> Policy:
        """The policy in force; its version is written on every event."""
        ...

    @property
    def now(self) -> datetime:
        """When this event is being recorded (UTC)."""
        ...

    @property
    def governance(self) -> Governance:
        """Who stands behind the policy in force."""
        ...


class Facts(Grounds, Protocol):
    """All that a decision may see: its grounds, and what is alike anywhere."""

    def similar(self, one: Fingerprint) -> tuple[Fingerprint, ...]:
        """The fingerprints of all partitions that are worth comparing with this one, of documents whose units of work
        are committed (and of others in this one). Its own is among them only when it was committed before, just as
        everybody else sees it."""
        ...


S = TypeVar("S", bound=Struct)
Route = Callable[[Event], tuple[str, ...]]


def by_subject(event: Event) -> tuple[str, ...]:
    """The usual route: the process has one state per subject, and the event names it."""
    return (event.subject,)


class Process(Struct, frozen=True, kw_only=True):
    """One process manager, as data. See the module docstring; ``routes`` also says which facts it handles at all.

    ``prints`` is the fingerprint to keep of a subject, when it is another after than before; ``seeks`` the one that
    the decision about an event will look for others of, so that a batch looks once for all.
    """

    name: str
    state: type[Struct]
    routes: Mapping[type[Fact], Route]
    evolve: Callable[[Any, Event], Any]
    decide: Callable[[Any, Event, Facts], Iterator[Output]]
    reads: Callable[[Event], Iterable[tuple[str, str]]] | None = None
    view: str = ""
    show: Callable[[str, Any], Row | None] | None = None
    stands: Callable[[str, Any], Iterable[Standing]] | None = None
    prints: Callable[[str, Any, Any], Fingerprint | None] | None = None
    seeks: Callable[[Event, Any, "States"], Fingerprint | None] | None = None
