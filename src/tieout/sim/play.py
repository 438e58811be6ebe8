"""One seed, one company month: the whole system in one process, on a virtual clock, with everything going wrong.

Two crews share the work, as two worker processes would: each has its own caches and leases, and either may die at any
statement and come back as a new one. When the month is over the faults end, and the system has to become quiet by
itself (with people doing their jobs). Then the auditor looks.
"""

from collections.abc import Callable
from datetime import timedelta
from functools import cache, partial
from random import Random
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from msgspec import Struct

from tieout.engine.actions import Actions
from tieout.engine.delivery import LEASE_SECONDS, Delivery
from tieout.engine.dependencies import STOPPED, Dependencies
from tieout.engine.intake import Answer, Intake
from tieout.engine.intake import Delivery as Reading
from tieout.engine.originals import Originals
from tieout.engine.policies import Ruling
from tieout.engine.policy_desk import PolicyDesk
from tieout.engine.schedule import Schedule
from tieout.engine.stores.open import memory_store
from tieout.engine.stores.port import Receipt
from tieout.engine.unit_of_work import UnitOfWork
from tieout.formats.source import Source
from tieout.kernel.clock import VirtualClock, from_micros, to_micros
from tieout.kernel.errors import TieoutError, TransientError
from tieout.kernel.money import Money
from tieout.model.events import Event, Message
from tieout.model.facts import ApprovalDecided, ApprovalDue, CaseDue, EvaluationDue
from tieout.policy.dependencies import DEPENDENCIES
from tieout.ports import Connector
from tieout.processes.process import Facts, Output, Process, by_subject
from tieout.processes.registry import PROCESSES
from tieout.sim.company import CURRENCY, ENTITY, MORNING, OUR_IBAN, SAP, Company, Day, loaded
from tieout.sim.faults import Crash, Faults
from tieout.sim.faulty_store import FaultyStore
from tieout.sim.marks import Marks
from tieout.sim.people import People
from tieout.sim.systems import ApPlatform, Bank, CloseTool, Erp, chance
from tieout.sim.target import LATE_SECONDS, Surroundings

PARTITIONS = 4
#: Timers that remind somebody of something; nothing is under way while only they wait.
_REMINDERS = frozenset({EvaluationDue.type, CaseDue.type, ApprovalDue.type})
STEPS_MAX = 5_000
"""A run that is not quiet after so many steps never will be."""
_SEAL_KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))


class NotQuiet(AssertionError):
    """The system did not come to rest although nothing went wrong any more."""


class Nothing(Struct, frozen=True):
    """The state of a process that has none."""


@cache
def _empty_image() -> bytes:
    return memory_store().connection.serialize()


class Crew:
    """What one worker process is made of. A dead one is replaced by a new one, which knows only the database."""

    def __init__(self, play: "Play", owner: str) -> None:
        self.owner = owner
        policies = Ruling(play.store, lambda: loaded(play.company.policy))
        dependencies = Dependencies(play.store, DEPENDENCIES)
        self.delivery = Delivery(play.store, play.connectors, play.clock, owner=owner, dependencies=dependencies)
        self.work = UnitOfWork(
            play.store,
            play.processes,
            policies,
            play.clock,
            partitions=PARTITIONS,
            lane_of=self.delivery.lane_of,
        )
        self.intake = Intake(play.store, _NO_ORIGINALS, play.clock, partitions=PARTITIONS, read_document=_no_documents)
        self.schedule = Schedule(play.store, self.intake, play.connectors, policies, play.clock, dependencies)
        self.actions = Actions(play.store, self.intake, play.clock)
        self.desk = PolicyDesk(play.store, self.intake, policies, play.clock, partitions=PARTITIONS)


class Play:
    """One run. ``tell`` gets a line for every step, for people who look into a failing seed."""

    def __init__(self, seed: int, tell: Callable[[str], None] | None = None) -> None:
        self.seed = seed
        self.random = Random(f"{seed}/steps")
        self.clock = VirtualClock(MORNING)
        self.marks = Marks()
        self.faults = Faults(Random(f"{seed}/faults"))
        self.store = FaultyStore(_empty_image(), self.faults, self.marks)
        self.company = Company(Random(f"{seed}/company"))
        self._tell = tell
        self._build_world()
        self._mended = False
        self._stalled = False
        self._stopped: set[str] = set()
        self._births = 0
        self._crew_on_duty = 0
        self.steps = 0
        self.pending: list[Message] = []
        self.offered: list[tuple[Message, Answer]] = []
        self.processes = (*PROCESSES, _tripwire(self.company.poison, lambda: self._mended))
        self.crews = [self._crew(), self._crew()]
        self.people = People(
            self.store,
            lambda: self.crews[0].actions,
            lambda: self.crews[0].desk,
            self.clock,
            Random(f"{seed}/people"),
            self.pending.append,
        )

    def _build_world(self) -> None:
        ask = chance(self.seed)
        around = Surroundings(self.clock, self.faults, self.marks)
        around.meanwhile, around.say = self._meanwhile, self.say
        self.erp, self.ap = Erp(around, ask, tells_holds=self.company.policy == SAP), ApPlatform(around, ask)
        self.bank = Bank(around, ask, iban=OUR_IBAN, entity=ENTITY, opening=Money(100_000_000, CURRENCY))
        self.close = CloseTool(around)
        self.connectors: dict[str, Connector] = {
            "erp": self.erp,
            "ap": self.ap,
            "bank": self.bank,
            "close": self.close,
        }

    # ── the month ───────────────────────────────────────────────────────────────────────────────────────────────

    def run(self) -> None:
        """Play the month, then let everything come to rest. Raises :class:`NotQuiet` when it does not."""
        for day in self.company.days:
            self._play_day(day)
        self.faults.on = False
        self._rest()
        self._mend()
        for _ in range(4):
            self.people.come_by()
            self._rest()
            self.people.release_runs()
            self._rest()
            self._end_day()
        self._end_day()  # what the bank sends back, it sends back a day later
        self._end_day()
        self.people.request_accruals()
        self._rest()
        self._look_at_effects()
        self.crews[0].schedule.seal(_SEAL_KEY)
        self._rest()

    def _end_day(self) -> None:
        self.bank.end_day()
        self.bank.tell_the_rest()
        self._rest()

    def _play_day(self, day: Day) -> None:
        self.clock.move(max(timedelta(0), day.at - self.clock.now()))
        self.say(f"── {day.at:%Y-%m-%d} ──")
        self.pending += day.messages
        for message in day.scanned:
            self.ap.scan(message)
        for number in range(40):
            self._step()
            if number in (15, 25, 33):
                self._people_come_by()
        self.bank.end_day()

    def _look_at_effects(self) -> None:
        """Note what waits, and what no longer does."""
        for row in self.store.read_table("effect", None):
            if row["status"] == "parked":
                self.marks.reach("parked behind another effect")
            elif row["status"] == "held" and row["error"].startswith(STOPPED):
                self._stopped.add(row["id"])
                self.marks.reach("hard stop held a payment file")
            elif row["status"] == "applied" and row["id"] in self._stopped:
                self.marks.reach("hard stop let it go")

    def _people_come_by(self) -> None:
        self._survive("people", self._look_at_effects)
        self._survive("people", self.people.come_by)
        self._survive("people", partial(self.people.govern, self.company.next_policy))
        if self.random.random() < 0.08:
            self._survive("people", self.people.hold_a_supplier)

    def _step(self) -> None:
        if self.random.random() < 0.3:
            self._crew_on_duty = 1 - self._crew_on_duty
        crew = self._crew_on_duty
        actions: list[tuple[int, str, Callable[[], object]]] = [
            (5, "offer", self._offer),
            (9, "work", partial(self.crews[crew].work.run, self.random.choice((1, 3, 10, 50)), self._share(crew))),
            (7, "send", partial(self._send, crew)),
            (3, "probe", self.crews[crew].delivery.probe),
            (2, "tidy", self.crews[crew].schedule.tidy),
            (2, "pull", partial(self._pull, crew, self.random.choice(("ap", "bank")))),
        ]
        _, name, do = self.random.choices(actions, [weight for weight, _, _ in actions])[0]
        self._survive(name, do, crew)
        self._let_time_pass()

    def _share(self, crew: int) -> tuple[int, ...] | None:
        """The partitions that a crew works now: its half of them, or all when the other is not there."""
        return self.random.choice((None, tuple(range(crew, PARTITIONS, len(self.crews)))))

    def _let_time_pass(self) -> None:
        if self.faults.strikes("clock jumped back"):
            self.clock.move(-timedelta(seconds=self.random.uniform(1, 90)))
            self.marks.reach("clock jumped back")
        elif self.faults.strikes("clock jumped ahead"):
            self.clock.move(timedelta(seconds=self.random.uniform(3600, 10_000)))
            self.marks.reach("clock jumped ahead")
        else:
            self.clock.move(timedelta(seconds=self.random.choice((0.01, 0.2, 1.0, 3.0, 20.0))))

    # ── steps ───────────────────────────────────────────────────────────────────────────────────────────────────

    def _survive(self, name: str, do: Callable[[], object], crew: int = 0) -> object:
        """Do one step. When the process dies in it, another one takes its place."""
        self.steps += 1
        if self.steps > STEPS_MAX:
            raise NotQuiet(f"not quiet after {STEPS_MAX} steps: {'; '.join(self._restless())}")
        self._stalled = False
        try:
            done = do()
        except Crash as crash:
            self.say(f"{self.crews[crew].owner} {name}: CRASH {str(crash).split()[:3]}")
            self.marks.reach("restarted after a crash")
            self.crews[crew] = self._crew()
            return None
        except TransientError as error:
            self.say(f"{self.crews[crew].owner} {name}: {error}")
            return None
        if done:
            self.say(f"{self.crews[crew].owner} {name}: {done}")
        return done

    def _crew(self) -> Crew:
        self._births += 1
        return Crew(self, f"worker-{self._births}")

    def _offer(self) -> int:
        """The outside sends a few messages, and sends them again until it has an answer."""
        chosen = self.pending[: self.random.randint(1, 6)]
        answers = self.crews[0].intake.offer(chosen)
        self.offered += zip(chosen, answers, strict=True)
        del self.pending[: len(chosen)]
        for answer in answers:
            if answer.receipt is Receipt.DUPLICATE:
                self.marks.reach("repeated message ignored")
            elif answer.receipt is Receipt.CONFLICT:
                self.marks.reach("key reused for another body refused")
        return len(chosen)

    def _send(self, crew: int) -> int:
        delivery = self.crews[crew].delivery
        lanes = delivery.lanes()
        if not lanes:
            return 0
        return self._send_in(crew, self.random.choice(lanes))

    def _send_in(self, crew: int, lane: str) -> int:
        delivery = self.crews[crew].delivery
        sent = delivery.send(lane)
        if delivery.resting(lane):
            self.marks.reach("breaker opened")
        return sent

    def _pull(self, crew: int, name: str) -> int:
        return self.crews[crew].schedule.pull(name)

    def _meanwhile(self, for_long: bool) -> None:
        """A sender stalls past its lease; the other crew goes on and finds its effects without an owner.

        Once in a step: a write that goes out later than lease and landing window together has been given up for
        absent, and nothing but the target itself could then tell it from a second one.
        """
        if self._stalled:
            return
        self._stalled, self.faults.on = True, False
        other = self._crew()
        for seconds in (LEASE_SECONDS + 1, LATE_SECONDS + 2)[: 1 + for_long]:
            self.clock.move(timedelta(seconds=seconds))
            other.schedule.tidy()
            other.delivery.probe()
            for lane in other.delivery.lanes():
                other.delivery.send(lane)
        self.faults.on = True

    # ── coming to rest ──────────────────────────────────────────────────────────────────────────────────────────

    def _rest(self) -> None:
        """Everything that can be done is done, and what waits for a while is waited for."""
        while True:
            while self._busy_round():
                pass
            wait = self._next_moment()
            if wait is None:
                return
            self.clock.move(wait)

    def _busy_round(self) -> bool:
        """One turn of everything; was there anything to do? What is slow and rarely needed comes last."""
        here = self.crews[0]
        done = bool(self.pending) and self._survive("offer", self._offer)
        for name in ("ap", "bank"):
            if int(self.store.cursor(name) or 0) < len(self._feed(name)):
                done = self._survive("pull", partial(self._pull, 0, name)) or done
        done = self._survive("work", partial(here.work.run, 200)) or done
        for lane in here.delivery.lanes():
            done = self._survive("send", partial(self._send_in, 0, lane)) or done
        if not done:
            for target in (self.erp, self.ap, self.bank, self.close):
                target.land()
            done = self._survive("tidy", here.schedule.tidy)
            done = self._survive("probe", here.delivery.probe) or done
        return bool(done)

    def _feed(self, name: str) -> list[Message]:
        """What a system has told so far."""
        return (self.ap if name == "ap" else self.bank).feed

    def _next_moment(self) -> timedelta | None:
        """How long until something that waits can go on; ``None`` when nothing does. Timers of the close go on for
        ever and are not waited for, nor is what is stopped by a dead letter, which waits for people."""
        now = to_micros(self.clock.now())
        moments = [row["due_at"] for row in self._waiting()]
        moments += self._numbers("SELECT not_before FROM effect WHERE status IN ('ready', 'unknown')")
        moments += self._numbers("SELECT lease_until FROM effect WHERE status IN ('leased', 'probing')")
        if self.store.held(STOPPED, 1) and not self._numbers(
            "SELECT 1 FROM effect WHERE status IN ('dead', 'undecided')"
        ):
            moments.append(now)
        if any(target.busy for target in (self.erp, self.ap, self.bank, self.close)):
            moments.append(now)
        if not moments:
            return None
        return max(from_micros(min(moments)) - self.clock.now(), timedelta(0)) + timedelta(seconds=1)

    def _numbers(self, query: str) -> list[int]:
        return [row[0] for row in self.store.connection.execute(query).fetchall()]

    def _restless(self) -> list[str]:
        """What is still under way, for the report."""
        messages = [f"{row['type']} of {row['subject']}" for row in self._waiting()]
        effects = [
            f"{row['operation']} {row['key']} is {row['status']}: {row['error']}"
            for row in self.store.read_table("effect", None)
            if row["status"] in ("ready", "unknown", "leased", "probing", "held")
        ]
        return [*messages[:5], *effects[:5]]

    def _waiting(self) -> list[dict[str, Any]]:
        """Messages that can be handled by time alone. The close's timers go on for ever; reminders and poison wait for
        people."""
        rows = self.store.read_table("inbox", None)
        blocked = {row["subject"] for row in rows if row["status"] == "quarantined"}
        return [row for row in rows if row["subject"] not in blocked and row["type"] not in _REMINDERS]

    def _mend(self) -> None:
        """The bug that the poison hit is mended; what was set aside goes on."""
        quarantined = {row["subject"] for row in self.store.read_table("inbox", None) if row["status"] == "quarantined"}
        waiting = {row["subject"] for row in self.store.read_table("inbox", None) if row["status"] == "ready"}
        if quarantined & waiting:
            self.marks.reach("subject waited behind poison")
        self._mended = True
        self.people.requeue_quarantined()
        self._rest()
        if quarantined:
            self.marks.reach("poison requeued and handled")

    def say(self, line: str) -> None:
        """A line of the trace."""
        if self._tell is not None:
            self._tell(f"{self.clock.now():%d %H:%M:%S} {line}")


def _tripwire(poison: set[str], mended: Callable[[], bool]) -> Process:
    """A process with a bug: it cannot stand the approval of certain invoices until somebody mends it."""

    def decide(state: Nothing | None, event: Event, facts: Facts) -> "list[Output]":
        if event.subject in poison and not mended():
            raise RuntimeError("a bug that nobody thought of")
        return []

    return Process(
        name="tripwire",
        state=Nothing,
        routes={ApprovalDecided: by_subject},
        evolve=lambda state, event: None,
        decide=lambda state, event, facts: iter(decide(state, event, facts)),
    )


def _no_documents(source: Source, name: str, channel: str) -> Reading:
    raise TieoutError("the simulator offers messages, not documents")


_NO_ORIGINALS = Originals(None)
