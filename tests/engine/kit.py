"""A small engine to tell stories with: a scripted process, a scripted target, an in-memory store, a virtual clock.

The script is the text of a comment. ``say("a", "post K1")`` makes subject ``a`` ask the target for a journal under the
key K1; ``"send b hello"`` tells subject ``b`` in another home; ``"break"`` raises. What was said is the state, but for ``look``.
"""

from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from tieout.engine.actions import Actions
from tieout.engine.delivery import LEASE_SECONDS, Delivery
from tieout.engine.dependencies import Dependencies
from tieout.engine.intake import Answer, Intake
from tieout.engine.intake import Delivery as Reading
from tieout.engine.originals import Originals
from tieout.engine.schedule import Schedule
from tieout.engine.seal import read_partition
from tieout.engine.stores.open import memory_store
from tieout.engine.stores.port import Store
from tieout.engine.stores.rows import EffectRow, InboxRow
from tieout.engine.unit_of_work import UnitOfWork
from tieout.formats.source import Source
from tieout.kernel.clock import VirtualClock
from tieout.kernel.money import Money
from tieout.model.documents import BankAccount, JournalEntry, PaymentRun, Supplier, Total
from tieout.model.effects import Payload, PostJournal, SendPaymentFile, UpsertSupplier
from tieout.model.events import Event, Message, Ref
from tieout.model.facts import CaseCommented, CaseDue, EffectHandled, EffectSettled, Fact
from tieout.policy.dependencies import Dependency
from tieout.policy.policy import Policy
from tieout.ports import Absent, Applied, Effect, Finding, Manifest, Operation, Page, Result, Scope
from tieout.processes import case
from tieout.processes.process import Emit, Facts, Intent, Link, Output, Process, Send, Standing, Timer, by_subject

START = datetime(2026, 5, 4, 8, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
PARTITIONS = 4


class Book(Struct, frozen=True):
    """What was said about a subject, and what came of its effects."""

    said: tuple[str, ...] = ()
    outcomes: tuple[str, ...] = ()
    amount: int = 0


def _evolve(state: Book | None, event: Event) -> Book | None:
    state = state or Book()
    match event.data:
        case CaseCommented(text="forget"):
            return None
        case CaseCommented(text="look"):
            return state
        case CaseCommented(text=text) if text.startswith("owe "):
            return replace(state, said=(*state.said, text), amount=int(text.split("; ")[0][4:]))
        case CaseCommented(text=text):
            return replace(state, said=(*state.said, text))
        case EffectSettled(outcome=outcome):
            return replace(state, outcomes=(*state.outcomes, outcome.status))
        case EffectHandled(action=action):
            return replace(state, outcomes=(*state.outcomes, f"{action} by {event.actor}"))
        case _:
            return state


def _decide(state: Book | None, event: Event, facts: Facts) -> Iterator[Output]:
    if not isinstance(event.data, CaseCommented):
        return
    for line in event.data.text.split("; "):
        match line.split(" "):
            case ["post", key, *after]:
                yield Intent(connector="erp", payload=journal(key), key=key, entity="DE01", after=" ".join(after))
            case ["post-by", key, minutes]:
                deadline = facts.now + int(minutes) * MINUTE
                yield Intent(connector="erp", payload=journal(key), key=key, entity="DE01", deadline=deadline)
            case ["pay", key]:
                yield Intent(connector="erp", payload=file(key), key=key, entity="DE01")
            case ["onboard", key]:
                yield Intent(connector="erp", payload=supplier(key), key=key, entity="DE01")
            case ["emit", *words]:
                yield Emit(CaseCommented(text=" ".join(words)))
            case ["send", subject, *words]:
                yield Send(CaseCommented(text=" ".join(words)), subject=subject, home=subject)
            case ["link", external_id]:
                yield Link("ap", external_id)
            case ["wake", seconds, *words]:
                due = facts.now + timedelta(seconds=int(seconds))
                yield Timer(CaseCommented(text=" ".join(words)), due, f"wake/{event.subject}/{due.isoformat()}")
            case ["break"]:
                raise RuntimeError("a bug")
            case ["loop"]:
                yield Emit(CaseCommented(text="loop"))
            case _:
                pass


def _stands(subject: str, state: Book) -> Iterator[Standing]:
    if state.amount:
        yield Standing("unposted", "DE01", "2026-05", subject, Money(state.amount, "EUR"))


BOOK = Process(
    name="book",
    state=Book,
    routes={CaseCommented: by_subject, EffectSettled: by_subject, EffectHandled: by_subject},
    evolve=_evolve,
    decide=_decide,
    stands=_stands,
)


def journal(key: str) -> PostJournal:
    return PostJournal(
        journal=JournalEntry(journal_id=key, entity="DE01", posted_on=date(2026, 5, 4), text="", lines=())
    )


def file(key: str) -> SendPaymentFile:
    ours = BankAccount(iban="DE00", holder="us")
    run = PaymentRun(run_id=key, entity="DE01", debtor=ours, execute_on=date(2026, 5, 4), payments=(), currency="EUR")
    return SendPaymentFile(run=run)


def supplier(key: str) -> UpsertSupplier:
    return UpsertSupplier(supplier=Supplier(supplier_id=key, name=key, tax_id="US12345"))


def promises(**promise: Any) -> Manifest:
    """A manifest with the same promise for every operation the scripted process asks for."""
    names = (PostJournal.operation, SendPaymentFile.operation, UpsertSupplier.operation)
    operations = tuple(Operation(name=name, **promise) for name in names)
    return Manifest(
        system="erp", title="ERP", operations=operations, retry_seconds=(1.0, 2.0, 5.0), breaker_failures=100
    )


Answering = Callable[[Effect], Result]


class Target:
    """A target that answers as the test says. ``held`` are the keys of what landed, in order, doubles included."""

    def __init__(self, manifest: Manifest) -> None:
        self.manifest = manifest
        self.held: list[str] = []
        self.answers: list[Answering] = []
        self.probes: list[Finding | Exception] = []
        self.probed: list[str] = []
        self.batches: list[list[str]] = []
        self.before_apply: Callable[[], None] = lambda: None
        self.page = Page(messages=(), cursor="")

    def land(self, effect: Effect) -> Applied:
        self.held.append(effect.key)
        return Applied(reference=f"ERP-{effect.key}")

    def apply(self, effects: Sequence[Effect]) -> Sequence[Result]:
        self.batches.append([effect.key for effect in effects])
        self.before_apply()
        return [self.answers.pop(0)(effect) if self.answers else self.land(effect) for effect in effects]

    def probe(self, effect: Effect) -> Finding:
        self.probed.append(effect.key)
        if self.probes:
            found = self.probes.pop(0)
            if isinstance(found, Exception):
                raise found
            return found
        return Applied(reference=f"ERP-{effect.key}") if effect.key in self.held else Absent()

    def pull(self, cursor: str) -> Page:
        return self.page

    def totals(self, scope: Scope) -> Total:
        return Total(count=len(self.held), sum_minor=0, currency=scope.currency)


class Engine:
    """Everything one worker process has, on one store."""

    def __init__(
        self,
        target: Target | None = None,
        *,
        store: Store | None = None,
        clock: VirtualClock | None = None,
        owner: str = "worker-1",
        processes: tuple[Process, ...] = (BOOK, case.PROCESS),
        rules: dict[str, tuple[Dependency, ...]] | None = None,
        capacity: int = 1000,
        read: Callable[[bytes, str, str, str], Reading] | None = None,
        originals: Originals | None = None,
    ) -> None:
        self.target = target or Target(promises(lookup=True, landing_seconds=5.0))
        self.store = store or memory_store()
        self.clock = clock or VirtualClock(START)
        self.processes = processes
        connectors = {"erp": self.target}
        dependencies = Dependencies(self.store, rules or {})
        self.delivery = Delivery(self.store, connectors, self.clock, owner=owner, dependencies=dependencies)
        self.intake = Intake(
            self.store,
            originals or Originals(None),
            self.clock,
            partitions=PARTITIONS,
            read_document=read or _unread,
            capacity=capacity,
        )
        self.work = UnitOfWork(
            self.store, processes, Policy(), self.clock, partitions=PARTITIONS, lane_of=self.delivery.lane_of
        )
        self.schedule = Schedule(self.store, self.intake, connectors, Policy(), self.clock, dependencies)
        self.actions = Actions(self.store, self.intake, self.clock)
        self._said = 0

    def beside(self, owner: str) -> "Engine":
        """Another worker process on the same database, with caches of its own."""
        return Engine(self.target, store=self.store, clock=self.clock, owner=owner, processes=self.processes)

    # ── telling ─────────────────────────────────────────────────────────────────────────────────────────────────

    def say(self, subject: str, text: str, **more: Any) -> Answer:
        """Offer a comment about a subject."""
        self._said += 1
        key = more.pop("key", f"{subject}/{self._said}/{id(self)}")
        where = {} if "ref" in more else {"home": subject, "subject": subject}
        message = Message(source="test", key=key, data=CaseCommented(text=text), entity="DE01", **where, **more)
        return self.intake.offer([message])[0]

    def offer(self, *messages: Message) -> list[Answer]:
        return self.intake.offer(messages)

    def settle_down(self) -> None:
        """Handle messages and send effects until there is nothing to do at this moment."""
        while self.work.run(100) or sum(map(self.delivery.send, self.delivery.lanes())):
            pass

    def later(self, seconds: float) -> None:
        """Let time pass, then look after what waits, probe and go on."""
        self.clock.move(timedelta(seconds=seconds))
        self.schedule.tidy()
        self.delivery.probe()
        self.settle_down()

    def die(self) -> None:
        """This worker's leases run out."""
        self.clock.move(timedelta(seconds=LEASE_SECONDS + 1))

    # ── looking ─────────────────────────────────────────────────────────────────────────────────────────────────

    def book(self, subject: str) -> Book | None:
        """The state of a subject, as the database has it."""
        import msgspec

        rows = {(row["process"], row["subject"]): row["data"] for row in self.store.read_table("state", None)}
        data = rows.get(("book", subject))
        return None if data is None else msgspec.json.decode(data, type=Book)

    def said(self, subject: str) -> tuple[str, ...]:
        book = self.book(subject)
        return book.said if book else ()

    def outcomes(self, subject: str) -> tuple[str, ...]:
        book = self.book(subject)
        return book.outcomes if book else ()

    def effect(self, key: str) -> EffectRow:
        names = [row["id"] for row in self.store.read_table("effect", None) if row["key"] == key]
        return self.store.effects(names)[0]

    def inbox(self) -> list[InboxRow]:
        """What waits; the reminders of open cases, which wait for days, are left out."""
        rows = [InboxRow(**row) for row in self.store.read_table("inbox", None)]
        return [row for row in rows if row.type != CaseDue.type]

    def log(self) -> list[tuple[str, str]]:
        """Type and subject of every event."""
        rows = (row for number in sorted(self.store.log_heads()) for row in read_partition(self.store, number))
        return [(row.type, row.subject) for row in rows]


def comment(key: str, text: str, subject: str = "a", *, ref: Ref | None = None, **more: Any) -> Message:
    """A message with a comment in it."""
    data: Fact = CaseCommented(text=text)
    if ref is not None:
        return Message(source="test", key=key, data=data, ref=ref, **more)
    return Message(source="test", key=key, data=data, home=subject, subject=subject, **more)


def _unread(source: Source, name: str, channel: str) -> Reading:
    raise AssertionError("this story has no documents")


__all__ = ["MINUTE", "PARTITIONS", "START", "Book", "Engine", "Payload", "Target", "comment", "journal", "promises"]
