"""Releases in a real log: every worker switches at the same recorded moment, and nobody has to be restarted."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from tieout.engine.intake import Delivery, Intake
from tieout.engine.originals import Originals
from tieout.engine.policies import Ruling
from tieout.engine.policy_desk import PolicyDesk
from tieout.engine.rebuild import rebuild
from tieout.engine.stores.open import memory_store
from tieout.engine.stores.sqlite import SqliteStore
from tieout.engine.unit_of_work import UnitOfWork
from tieout.kernel.clock import VirtualClock, from_micros
from tieout.kernel.errors import ConfigError, PermanentError
from tieout.model.events import Message
from tieout.model.facts import CaseCommented
from tieout.policy.duties import Act
from tieout.policy.load import PolicyError, load
from tieout.processes.registry import PROCESSES

START = datetime(2026, 5, 12, 9, tzinfo=UTC)
OLD = "[tolerances.default]\n"
NEW = OLD + 'price = { kind = "unlimited" }\n'
NEWER = OLD + 'price = { kind = "off" }\n'
OLD_VERSION, NEW_VERSION = load(OLD).policy.version, load(NEW).policy.version
PARTITIONS = 4


class Office:
    """One log, its desk, and two workers that know of each other only by the log."""

    def __init__(self, store: SqliteStore) -> None:
        self.store, self.clock = store, VirtualClock(START)
        self.intake = Intake(
            store,
            Originals(None),
            self.clock,
            partitions=PARTITIONS,
            read_document=lambda source, name, channel: Delivery("", (), (), False),
        )
        self.file = OLD
        self.desk = PolicyDesk(store, self.intake, self.ruling(), self.clock, partitions=PARTITIONS)
        self.rulings = [self.ruling(), self.ruling()]
        self.workers = [
            UnitOfWork(store, PROCESSES, ruling, self.clock, partitions=PARTITIONS, lane_of=lambda *names: names[0])
            for ruling in self.rulings
        ]
        self._remarks = 0

    def ruling(self) -> Ruling:
        return Ruling(self.store, lambda: load(self.file))

    def work(self, worker: int = 0) -> None:
        """Until quiet. A worker that finds the other was faster looks again."""
        while self.workers[worker].run(100) or self.workers[worker].run(100):
            pass

    def remark(self) -> None:
        """Something happens."""
        self._remarks += 1
        message = Message(source="t", key=str(self._remarks), data=CaseCommented(text="x"), home="h", subject="s")
        self.intake.offer([message])

    def recorded(self) -> list[tuple[float, str]]:
        """When, in seconds from the start, each remark was recorded, and under which version."""
        rows = [row for number in self.store.log_heads() for row in self.store.read_log(number, 0, 1000)]
        return [
            ((from_micros(row.recorded_at) - START).total_seconds(), row.policy)
            for row in rows
            if row.type == CaseCommented.type
        ]

    def approved(self, text: str = NEW, drafter: str = "person:cora", approver: str = "person:paul") -> str:
        release = self.desk.draft(text, drafter)
        self.work()
        self.desk.attempt(release, drafter)
        self.work()
        self.desk.approve(release, approver)
        self.work()
        return release


@pytest.fixture
def office() -> Iterator[Office]:
    store = memory_store()
    yield Office(store)
    store.close()


def test_two_workers_switch_at_the_same_recorded_moment(office: Office) -> None:
    office.remark()
    office.work(1)
    assert office.approved() == NEW_VERSION
    for second in range(1, 13):
        office.clock.move(timedelta(seconds=1))
        for worker in (0, 1):
            office.remark()
            office.work(worker)
        assert second == (office.clock.now() - START).total_seconds()
    recorded = office.recorded()
    assert recorded == [(0.0, OLD_VERSION)] + [
        (float(second), OLD_VERSION if second < 10 else NEW_VERSION) for second in range(1, 13) for _ in (0, 1)
    ]
    assert rebuild(office.store, PROCESSES).differences == ()


def test_a_rollback_is_one_step(office: Office) -> None:
    release = office.approved()
    office.clock.move(timedelta(minutes=1))
    assert office.rulings[1].at(office.clock.now()).version == NEW_VERSION
    office.desk.roll_back(release, "person:paul", "too loose")
    office.work()
    office.clock.move(timedelta(seconds=10))
    assert office.rulings[1].at(office.clock.now()).version == OLD_VERSION
    assert office.desk.draft(NEW, "person:dora") == NEW_VERSION


def test_without_releases_the_file_is_the_policy(office: Office) -> None:
    assert office.rulings[0].at(START).version == OLD_VERSION
    assert office.rulings[0].releases().releases == {}


def test_the_file_is_the_first_release_and_rules_no_more_when_there_is_one(office: Office) -> None:
    office.desk.draft(NEW, "person:cora")
    office.work()
    office.file = NEWER
    fresh = office.ruling()
    assert fresh.at(office.clock.now()).version == OLD_VERSION
    assert fresh.text(OLD_VERSION) == OLD
    assert [one.release for one in fresh.releases().ordered] == [OLD_VERSION, NEW_VERSION]


def test_what_the_desk_refuses(office: Office) -> None:
    with pytest.raises(PolicyError, match="there is no such key"):
        office.desk.draft("colour = 1", "person:cora")
    with pytest.raises(PermanentError, match="change something first"):
        office.desk.draft("# the same\n" + OLD, "person:cora")
    release = office.desk.draft(NEW, "person:cora")
    office.work()
    with pytest.raises(PermanentError, match="was not tried"):
        office.desk.approve(release, "person:paul")
    with pytest.raises(PermanentError, match="there is no release before"):
        office.desk.roll_back(OLD_VERSION, "person:paul", "why")
    with pytest.raises(ConfigError, match="there is no release zzz"):
        office.desk.attempt("zzz", "person:cora")


def people(acts: tuple[Act, ...]) -> set[str]:
    return {act.actor.removeprefix("person:") for act in acts if act.actor.startswith("person:")}


def test_who_loosened_a_limit_stands_behind_it_until_somebody_sets_it_anew(office: Office) -> None:
    """A later release that changes something else does not make the loosened limit its own author's."""
    ruling = office.ruling()
    loose = office.approved()
    office.clock.move(timedelta(minutes=1))
    assert people(ruling.authorship_at(office.clock.now()).authors) == {"cora", "paul"}
    more = office.approved("approval_days = 9\n" + NEW, "person:dora", "person:rita")
    office.clock.move(timedelta(minutes=1))
    assert people(ruling.authorship_at(office.clock.now()).authors) == {"cora", "paul", "dora", "rita"}
    office.approved("approval_days = 9\n" + OLD, "person:dora", "person:rita")
    office.clock.move(timedelta(minutes=1))
    known = ruling.authorship_at(office.clock.now())
    assert people(known.authors) == {"dora", "rita"}
    assert {name: people(acts) for name, acts in known.behind.items() if name in (loose, more)} == {
        loose: {"cora", "paul"},
        more: {"cora", "paul", "dora", "rita"},
    }


def test_who_wrote_a_control_is_known_while_others_change_the_policy(office: Office) -> None:
    control = """
[[controls]]
name = "small site"
duties = ["GR", "IE"]
person = "cora"
measure = "delivery notes are compared"
reviewer = "rita"
valid_from = 2026-05-01
valid_until = 2026-12-31
review_days = 31
"""
    office.approved(OLD + control)
    office.clock.move(timedelta(minutes=1))
    office.approved(NEW + control, "person:dora", "person:rita")
    office.clock.move(timedelta(minutes=1))
    granted = office.ruling().authorship_at(office.clock.now()).granted
    assert {name: people(acts) for name, acts in granted.items()} == {"small site": {"cora", "paul"}}
