"""A story: facts told one after the other to the processes, exactly as the engine would tell them, in memory.

Each home (a partition) has its own states, as in the engine: a process cannot see what another home knows. Messages
that processes send to other homes are delivered before ``tell`` returns. Every state goes through JSON at each step,
so a state that the database could not keep fails at once.
"""

from collections import deque
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec

from tieout.kernel.ids import derive
from tieout.matching.duplicates import Fingerprint, Index, related
from tieout.model.effects import Payload, effect_id
from tieout.model.events import Event
from tieout.model.facts import (
    CaseOpened,
    CaseRouted,
    EffectSettled,
    Fact,
    InvoiceReceived,
    Outcome,
    decode_fact,
    encode_fact,
)
from tieout.policy.policy import Policy
from tieout.processes.address import address
from tieout.processes.process import Emit, Governance, Intent, Link, Output, Process, Send, Timer

START = datetime(2026, 5, 4, 8, tzinfo=UTC)


class Home:
    """The surroundings of a decision in one partition: the ``Facts`` that processes see."""

    def __init__(self, policy: Policy, now: datetime, known: Index | None = None) -> None:
        self.policy, self.now, self.known = policy, now, Index() if known is None else known
        self.governance = Governance()
        self.committed: dict[str, Fingerprint] = {}
        self.states: dict[tuple[str, str], Any] = {}

    def state(self, process: str, subject: str) -> Any:
        return self.states.get((process, subject))

    def similar(self, one: Fingerprint) -> tuple[Fingerprint, ...]:
        mine = self.committed.get(one.invoice_id)
        return (*((mine,) if mine else ()), *related(one, self.known, self.policy.duplicates))


class Story:
    """Tell facts, then look at ``events``, ``intents``, ``state``, ``rows`` and ``standings``."""

    def __init__(self, policy: Policy, processes: Sequence[Process], now: datetime = START) -> None:
        self.policy, self.processes, self.now = policy, tuple(processes), now
        self.homes: dict[str, Home] = {}
        self.known, self.committed = Index(), dict[str, Fingerprint]()  # what was told before can be seen by everybody
        self.events: list[Event] = []
        self.intents: dict[str, tuple[str, str, Intent]] = {}  # effect id → home, subject, first asked
        self.links: dict[tuple[str, str], tuple[str, str]] = {}
        self.timers: dict[str, tuple[str, str, Timer]] = {}
        self._sent: deque[tuple[str, str, Fact, str, str, str]] = deque()

    def tell(self, fact: Fact, subject: str = "", home: str = "", *, actor: str = "system", entity: str = "", source: str = "ap") -> list[Fact]:  # fmt: skip
        """Handle one message and all that it sends to other homes; return the facts that came of it, in order.

        To whom a case goes (``CaseRouted``) follows every opened case and is a story of its own; ``events`` has it.
        """
        found = address(fact) or ("", "")
        home, subject = home or found[0], subject or found[1]
        if isinstance(fact, InvoiceReceived) and not subject:
            subject = derive("inv", source, fact.system_id or fact.invoice.number)
        first = len(self.events)
        self._sent.append((home or self._home_of(subject), subject, fact, actor, entity, source))
        while self._sent:
            self._handle(*self._sent.popleft())
        return [event.data for event in self.events[first + 1 :] if not isinstance(event.data, CaseRouted)]

    def settle(self, payload: type[Payload], key: str, outcome: Outcome, connector: str = "erp") -> list[Fact]:
        """Tell the outcome of an effect that was asked for."""
        name = effect_id(connector, payload.operation, key)
        home, subject, intent = self.intents[name]
        fact = EffectSettled(effect_id=name, connector=connector, operation=payload.operation, key=key, outcome=outcome)
        return self.tell(fact, subject, home, entity=intent.entity, source="delivery")

    def fire(self, key: str) -> list[Fact]:
        """Let a timer go off."""
        home, subject, timer = self.timers.pop(key)
        self.now = timer.due_at
        return self.tell(timer.data, subject, home, actor="system:timer", source="timer")

    def state(self, process: str, subject: str) -> Any:
        found = (home.state(process, subject) for home in self.homes.values())
        return next((state for state in found if state is not None), None)

    def asked(self, payload: type[Payload]) -> list[Intent]:
        """What was asked of the outside by one kind of write, in the order it was first asked."""
        return [intent for _, _, intent in self.intents.values() if isinstance(intent.payload, payload)]

    def cases(self) -> dict[str, str]:
        """Case class and document of every case ever opened, with its present status."""
        opened = {event.subject: event.data.case for event in self.events if isinstance(event.data, CaseOpened)}
        return {f"{case.case_class} {case.document}": self.state("case", key).status for key, case in opened.items()}

    def standings(self) -> set[tuple[str, str, str, str, str]]:
        """Name, entity, period, item and amount of all that stands."""
        found = (one for process, subject, state in self._states() for one in (process.stands or _none)(subject, state))
        return {(one.name, one.entity, one.period, one.item, str(one.amount)) for one in found}

    def rows(self, view: str) -> dict[str, Any]:
        """The rows of a read view by subject."""
        shown = {key: one.show(key, state) for one, key, state in self._states() if one.show and one.view == view}
        return {subject: dict(row) for subject, row in shown.items() if row is not None}

    def _states(self) -> list[tuple[Process, str, Any]]:
        named = {process.name: process for process in self.processes}
        return [(named[n], s, v) for home in self.homes.values() for (n, s), v in home.states.items() if v is not None]

    def _home_of(self, subject: str) -> str:
        return next((name for name, home in self.homes.items() for _, known in home.states if known == subject), "?")

    def _handle(self, name: str, subject: str, fact: Fact, actor: str, entity: str, source: str) -> None:
        home = self.homes.setdefault(name, Home(self.policy, self.now, self.known))
        home.policy, home.now = self.policy, self.now
        home.committed = self.committed.copy()
        queue = deque([(fact, subject, source)])
        while queue:
            data, about, origin = queue.popleft()
            event = self._event(data, about, entity, actor, origin)
            self.events.append(event)
            reached = [(p, s) for p in self.processes if type(data) in p.routes for s in p.routes[type(data)](event)]
            for process, key in reached:
                before = home.state(process.name, key)
                after = home.states[process.name, key] = _kept(process, process.evolve(before, event))
                if process.prints and (one := process.prints(key, before, after)):
                    self.known.add(one)
                    self.committed[key] = one
            for process, key in reached:
                for output in process.decide(home.state(process.name, key), event, home):
                    if isinstance(output, Emit):
                        queue.append((output.data, output.subject or about, ""))
                    else:
                        self._put(name, about, output, actor, entity)

    def _put(self, home: str, about: str, output: Output, actor: str, entity: str) -> None:
        match output:
            case Intent():
                intent = msgspec.structs.replace(output, entity=output.entity or entity)
                named = effect_id(intent.connector, intent.payload.operation, intent.key)
                self.intents.setdefault(named, (home, about, intent))
            case Link():
                self.links[output.system, output.external_id] = (home, output.subject or about)
            case Timer():
                self.timers[output.key] = (home, output.subject or about, output)
            case Send():
                found = self.links[output.ref.system, output.ref.external_id] if output.ref else ("", "")
                to, subject = output.home or found[0], output.subject or found[1]
                self._sent.append((to, subject, output.data, actor, output.entity or entity, "tieout"))

    def _event(self, data: Fact, subject: str, entity: str, actor: str, source: str) -> Event:
        data = decode_fact(data.type, encode_fact(data))
        position, policy = str(len(self.events) + 1), self.policy.version
        return Event(position, subject, data, entity, subject, "", actor, self.now, self.now, policy, source)


def _kept(process: Process, state: Any) -> Any:
    return None if state is None else msgspec.json.decode(msgspec.json.encode(state), type=process.state)


def _none(subject: str, state: Any) -> tuple[()]:
    return ()
