"""What every store must keep: inherit, say how to make one, and pytest collects on the promises of ``stores/port.py``.

    class TestMyStore(StoreConformance):
        def make(self) -> Store:
            return MyStore(...)  # empty, with all tables

Everything is checked through the port alone. The concurrency tests use threads on one store.
"""

import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from functools import cached_property
from typing import Any, TypeVar

from msgspec.structs import replace

from tieout.engine.stores.port import LOOK_MAX, FencedError, Receipt, Store
from tieout.engine.stores.rows import (
    FOREVER,
    UNRESOLVED,
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
from tieout.kernel.setdigest import MODULUS, add_digest

_T = TypeVar("_T")

NOW = 1_750_000_000_000_000
SECOND = 1_000_000
NASTY = '\\ " \' {a,"b"} NULL \n\t\x7f %s é 発票 🧾'
"""Text that breaks whoever quotes by hand."""


def message(key: str, **changes: Any) -> InboxRow:
    """A message about subject ``inv_1`` in partition 1, unless told otherwise."""
    row = InboxRow(
        id=0,
        source="ap",
        key=key,
        fingerprint=f"print of {key}",
        partition=1,
        ref_system="",
        ref_id="",
        subject="inv_1",
        type="invoice.received",
        entity="100",
        data=b'{"n":1}',
        correlation="inv_1",
        causation="",
        actor="system:ap",
        occurred_at=NOW,
        accepted_at=NOW,
        lane=5,
    )
    return replace(row, **changes)


def event(position: int, key: str | None = None, **changes: Any) -> EventRow:
    """An event at a position of partition 1, with a message's key if it came from one."""
    row = EventRow(
        partition=1,
        position=position,
        type="invoice.received",
        version=1,
        subject="inv_1",
        entity="100",
        data=b'{"n":1}',
        correlation="inv_1",
        causation="",
        actor="system:ap",
        occurred_at=NOW,
        recorded_at=NOW,
        policy="p1",
        source="ap" if key else None,
        key=key,
        fingerprint=f"print of {key}" if key else None,
        hash=b"hash %d" % position,
    )
    return replace(row, **changes)


def effect(name: str, **changes: Any) -> EffectRow:
    """An effect that is ready to be sent in the lane ``erp``."""
    row = EffectRow(
        id=name,
        connector="erp",
        operation="post_invoice",
        key=f"key of {name}",
        lane="erp",
        partition=1,
        subject="inv_1",
        entity="100",
        correlation="inv_1",
        causation="",
        payload=b"{}",
        status="ready",
        priority=5,
        deadline=FOREVER,
        after="",
        not_before=0,
        attempts=0,
        probes=0,
        owner="",
        lease_until=0,
        outcome=b"",
        error="",
        created_at=NOW,
        changed_at=NOW,
    )
    return replace(row, **changes)


def settlement(row: EffectRow, status: str, **changes: Any) -> Settlement:
    """What its present owner concludes about an effect."""
    one = Settlement(
        id=row.id,
        owner=row.owner,
        attempt=row.attempts,
        status=status,
        not_before=0,
        probes=0,
        outcome=b'{"reference":"4711"}',
        error="",
        changed_at=NOW + SECOND,
    )
    return replace(one, **changes)


def names(rows: Sequence[EffectRow]) -> list[str]:
    """The ids of effects, in the order given."""
    return [row.id for row in rows]


@contextmanager
def raises(kind: type[BaseException]) -> Iterator[None]:
    """Insist that the block raises this."""
    try:
        yield
    except kind:
        return
    raise AssertionError(f"{kind.__name__} was not raised")


def at_once(count: int, work: Callable[[int], _T]) -> list[_T]:
    """Do the work in so many threads that all begin at the same moment."""
    barrier = threading.Barrier(count)

    def begin(number: int) -> _T:
        barrier.wait()
        return work(number)

    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(begin, range(count)))


class StoreConformance:
    """The promises. Subclass it with a name that pytest collects, and implement :meth:`make`."""

    def make(self) -> Store:
        """A store with all tables and no rows. Called once for each test."""
        raise NotImplementedError

    @cached_property
    def store(self) -> Store:
        return self.make()

    def teardown_method(self) -> None:
        if "store" in self.__dict__:
            self.store.close()

    # ── helpers ─────────────────────────────────────────────────────────────────────────────────────────────────

    def take(self, partitions: Sequence[int] | None = None, limit: int = 100, now: int = NOW) -> list[InboxRow]:
        """What a unit of work would be given now (it leaves everything as it is)."""
        with self.store.unit() as unit:
            return unit.take(partitions, limit, now)

    def keys(self, partitions: Sequence[int] | None = None, limit: int = 100, now: int = NOW) -> list[str]:
        return [row.key for row in self.take(partitions, limit, now)]

    def put_effects(self, *rows: EffectRow) -> None:
        with self.store.unit() as unit:
            unit.put_effects(rows)

    def effect(self, name: str) -> EffectRow:
        (row,) = self.store.effects([name])
        return row

    def statuses(self, *effects: str) -> dict[str, str]:
        return {row.id: row.status for row in self.store.effects(effects)}

    def lease(self, *, lane: str = "erp", owner: str = "w1", limit: int = 100, now: int = NOW) -> list[EffectRow]:
        return self.store.lease_effects(lane, owner, now + 30 * SECOND, limit, now)

    def quarantine(self, key: str) -> InboxRow:
        """Set the message with this key aside."""
        (row,) = (row for row in self.take() if row.key == key)
        with self.store.unit() as unit:
            unit.defer_inbox([replace(row, status="quarantined", error="ValueError: no", attempts=1)])
        return row

    def handle(self, row: InboxRow, position: int) -> None:
        """Move a message from the inbox to the log."""
        with self.store.unit() as unit:
            unit.append([event(position, row.key, partition=row.partition, fingerprint=row.fingerprint)])
            unit.drop_inbox([row.id])

    # ── accept ──────────────────────────────────────────────────────────────────────────────────────────────────

    def test_a_message_comes_back_as_it_was_given(self) -> None:
        given = message(
            NASTY, source=NASTY, subject=NASTY, data=bytes(range(256)), actor=NASTY, occurred_at=FOREVER, entity=""
        )
        assert self.store.accept([given]) == [Receipt.ACCEPTED]
        (taken,) = self.take()
        assert taken == replace(given, id=taken.id)
        assert taken.id > 0

    def test_nothing_is_accepted_gladly(self) -> None:
        assert self.store.accept([]) == []

    def test_the_same_key_is_accepted_once(self) -> None:
        assert self.store.accept([message("a"), message("b")]) == [Receipt.ACCEPTED, Receipt.ACCEPTED]
        again = [message("b"), message("c"), message("a", fingerprint="other"), message("a", source="erp")]
        assert self.store.accept(again) == [Receipt.DUPLICATE, Receipt.ACCEPTED, Receipt.CONFLICT, Receipt.ACCEPTED]
        assert [(row.source, row.key, row.fingerprint) for row in self.take()] == [
            ("ap", "a", "print of a"),
            ("ap", "b", "print of b"),
            ("ap", "c", "print of c"),
            ("erp", "a", "print of a"),
        ]

    def test_the_first_of_a_batch_counts(self) -> None:
        batch = [message("b"), message("a"), message("b"), message("a", fingerprint="other"), message("c")]
        assert self.store.accept(batch) == [
            Receipt.ACCEPTED,
            Receipt.ACCEPTED,
            Receipt.DUPLICATE,
            Receipt.CONFLICT,
            Receipt.ACCEPTED,
        ]
        assert self.keys() == ["b", "a", "c"]

    def test_the_key_is_remembered_after_the_message_is_in_the_log(self) -> None:
        self.store.accept([message("a")])
        self.handle(self.take()[0], 1)
        offered = [message("a"), message("new"), message("a", fingerprint="other")]
        assert self.store.accept(offered) == [Receipt.DUPLICATE, Receipt.ACCEPTED, Receipt.CONFLICT]
        assert self.keys() == ["new"]

    def test_a_quarantined_message_is_still_known(self) -> None:
        self.store.accept([message("a")])
        self.quarantine("a")
        assert self.store.accept([message("a"), message("a", fingerprint="other")]) == [
            Receipt.DUPLICATE,
            Receipt.CONFLICT,
        ]

    def test_an_envelope_that_cannot_be_kept_is_refused_whole(self) -> None:
        for bad in (message("a\0b"), message("b", subject="\0"), message("c", entity="\ud800")):
            with raises(ValueError):
                self.store.accept([message("good"), bad])
        assert self.keys() == []

    def test_depth_counts_what_waits_in_a_lane(self) -> None:
        self.store.accept([message("a"), message("b"), message("c", lane=1), message("d", due_at=NOW - 1)])
        assert [self.store.depth(lane) for lane in (1, 5, 9)] == [1, 2, 0]
        self.quarantine("a")
        assert self.store.depth(5) == 1

    # ── take ────────────────────────────────────────────────────────────────────────────────────────────────────

    def test_due_timers_come_first_then_lane_then_age(self) -> None:
        self.store.accept(
            [
                message("old", lane=5),
                message("urgent", lane=1),
                message("young", lane=5),
                message("due later", due_at=NOW),
                message("due", due_at=NOW - 1),
                message("not due", due_at=NOW + 1, lane=0),
            ]
        )
        assert self.keys() == ["due", "due later", "urgent", "old", "young"]
        assert self.keys(limit=3) == ["due", "due later", "urgent"]
        assert self.keys(limit=1) == ["due"]
        assert self.keys(limit=2, now=NOW - 2) == ["urgent", "old"]

    def test_age_is_the_order_in_which_messages_were_offered(self) -> None:
        wanted = [str(number * 7919 % 300) for number in range(300)]
        for start in range(0, 300, 100):
            self.store.accept([message(key) for key in wanted[start : start + 100]])
        assert self.keys(limit=300) == wanted

    def test_only_our_partitions_and_what_has_none_yet(self) -> None:
        self.store.accept(
            [
                message("one", partition=1, subject="s1"),
                message("two", partition=2, subject="s2"),
                message("nowhere", partition=UNRESOLVED, subject="", ref_system="erp", ref_id="4711"),
                message("due two", partition=2, subject="s3", due_at=1),
            ]
        )
        assert self.keys([1]) == ["one", "nowhere"]
        assert self.keys([2]) == ["due two", "two", "nowhere"]
        assert self.keys([]) == ["nowhere"]
        assert self.keys(None) == ["due two", "one", "two", "nowhere"]

    def test_a_quarantined_message_blocks_its_subject_and_no_other(self) -> None:
        self.store.accept(
            [
                message("bad"),
                message("behind it"),
                message("timer of it", due_at=1),
                message("other", subject="inv_2"),
                message("without", subject=""),
                message("without too", subject=""),
            ]
        )
        self.quarantine("bad")
        assert self.keys() == ["other", "without", "without too"]
        self.quarantine("without")
        assert self.keys() == ["other", "without too"]

    def test_requeue_makes_a_quarantined_message_ready_again(self) -> None:
        self.store.accept([message("bad"), message("behind it")])
        bad = self.quarantine("bad")
        assert self.store.requeue(bad.id)
        assert not self.store.requeue(bad.id)
        assert not self.store.requeue(bad.id + 1_000)
        taken = self.take()
        assert [(row.key, row.status, row.attempts) for row in taken] == [
            ("bad", "ready", 0),
            ("behind it", "ready", 0),
        ]

    def test_a_deferred_message_waits_and_keeps_what_was_found_out(self) -> None:
        self.store.accept([message("a", partition=UNRESOLVED, subject="", correlation="", entity="")])
        (row,) = self.take()
        later = replace(
            row,
            partition=7,
            subject="inv_9",
            correlation="doc_9",
            entity="200",
            due_at=NOW + SECOND,
            attempts=2,
            error=f"not known yet \0 {NASTY}",
        )
        with self.store.unit() as unit:
            unit.defer_inbox([later])
        assert self.take() == []
        assert self.take([7], now=NOW + SECOND) == [replace(later, error=f"not known yet ? {NASTY}")]

    def test_our_own_messages_are_put_once(self) -> None:
        with self.store.unit() as unit:
            unit.put_inbox([message("b", source="tieout"), message("a", source="tieout", due_at=NOW)])
            unit.put_inbox([message("b", source="tieout", data=b"other"), message("c", source="tieout")])
            unit.put_inbox([])
        assert [(row.key, row.data) for row in self.take()] == [
            ("a", b'{"n":1}'),
            ("b", b'{"n":1}'),
            ("c", b'{"n":1}'),
        ]

    # ── states, outside of any unit of work ─────────────────────────────────────────────────────────────────────

    def test_states_are_read_without_a_unit_of_work(self) -> None:
        with self.store.unit() as unit:
            unit.put_states([StateRow("policy", "policy", 1, 1, b"{}"), StateRow("policy", NASTY, 1, 1, b"[]")])
        asked = [("policy", "policy"), ("policy", NASTY), ("policy", "nothing"), ("other", "policy")]
        assert self.store.states(asked) == {("policy", "policy"): b"{}", ("policy", NASTY): b"[]"}
        assert self.store.states([]) == {}

    # ── the log ─────────────────────────────────────────────────────────────────────────────────────────────────

    def test_events_come_back_as_they_were_appended(self) -> None:
        first = event(1, NASTY, source=NASTY, data=bytes(range(256)), hash=b"\0" * 32, actor=NASTY, version=32_000)
        second = event(2, recorded_at=FOREVER)
        elsewhere = event(1, partition=2)
        with self.store.unit() as unit:
            unit.append([first, second, elsewhere])
            unit.append([])
        assert self.store.read_log(1, 0, 10) == [first, second]
        assert self.store.read_log(1, 0, 1) == [first]
        assert self.store.read_log(1, 1, 10) == [second]
        assert self.store.read_log(1, 0, 10, (first.type, "no.such.type")) == [first, second]
        assert self.store.read_log(1, 0, 10, ("no.such.type",)) == []
        assert self.store.read_log(3, 0, 10) == []
        heads = {1: Head(2, b"hash 2"), 2: Head(1, b"hash 1")}
        assert self.store.log_heads() == heads
        with self.store.unit() as unit:
            assert unit.heads([1, 2, 3]) == heads
            assert unit.heads([]) == {}
            unit.append([event(3)])
            assert unit.heads([1]) == {1: Head(3, b"hash 3")}

    def test_a_life_is_read_by_its_correlation(self) -> None:
        rows = [
            event(1, correlation=NASTY),
            event(2),
            event(3, correlation=NASTY),
            event(1, partition=2, correlation="b"),
            event(1, partition=0, correlation=NASTY),
        ]
        with self.store.unit() as unit:
            unit.append(rows)
        assert self.store.read_lives([NASTY, "b", "nobody's"]) == [rows[4], rows[0], rows[2], rows[3]]
        assert self.store.read_lives({"inv_1"}) == [rows[1]]
        assert self.store.read_lives([]) == []

    def test_a_position_that_is_taken_fences_and_nothing_is_kept(self) -> None:
        with self.store.unit() as unit:
            unit.append([event(1)])
        with raises(FencedError), self.store.unit() as unit:
            unit.put_states([StateRow("invoice", "inv_1", 1, 1, b"{}")])
            unit.append([event(1, hash=b"another"), event(2)])
        assert self.store.log_heads() == {1: Head(1, b"hash 1")}
        assert self.store.read_table("state", None) == []

    def test_a_message_that_is_in_the_log_fences(self) -> None:
        with self.store.unit() as unit:
            unit.append([event(1, "a")])
        with raises(FencedError), self.store.unit() as unit:
            unit.append([event(1, "a", partition=2)])
        assert self.store.log_heads() == {1: Head(1, b"hash 1")}

    def test_a_fence_that_somebody_swallows_still_commits_nothing_new(self) -> None:
        with self.store.unit() as unit:
            unit.append([event(1)])
        with suppress(FencedError), self.store.unit() as unit, suppress(FencedError):
            unit.append([event(1), event(2)])
        assert self.store.log_heads() == {1: Head(1, b"hash 1")}

    def test_logged_knows_the_keys_in_the_log(self) -> None:
        with self.store.unit() as unit:
            unit.append([event(1, "a"), event(2), event(3, NASTY)])
            asked = [("ap", "a"), ("ap", "b"), ("erp", "a"), ("ap", NASTY)]
            assert unit.logged(asked) == {("ap", "a"), ("ap", NASTY)}
            assert unit.logged([]) == set()

    # ── atomicity ───────────────────────────────────────────────────────────────────────────────────────────────

    def test_a_unit_that_raises_leaves_nothing(self) -> None:
        self.store.accept([message("a")])
        (row,) = self.take()
        with raises(ZeroDivisionError), self.store.unit() as unit:
            unit.append([event(1, "a")])
            unit.put_states([StateRow("invoice", "inv_1", 1, 1, b"{}")])
            unit.put_effects([effect("e")])
            unit.put_links([LinkRow("erp", "4711", "inv_1", 1, "inv_1", "100")])
            unit.put_inbox([message("b")])
            unit.drop_inbox([row.id])
            unit.put_views("period", [self.period_row("100/2026-05")])
            unit.change_standings([StandingRow("unposted", "100", "2026-05", "inv_1", "EUR", 5, 1, NOW)], [])
            unit.change_totals([TotalRow("unposted", "100", "2026-05", "EUR", 1, 5, 7)])
            raise ZeroDivisionError
        assert self.take() == [row]
        assert self.store.log_heads() == {}
        assert self.store.effects(["e"]) == []
        assert self.store.resolve("erp", "4711") is None
        for table in ("state", "effect", "link", "view_period", "standing", "total"):
            assert self.store.read_table(table, None) == []

    def test_a_unit_sees_its_own_writes(self) -> None:
        self.store.accept([message("a")])
        with self.store.unit() as unit:
            (row,) = unit.take(None, 10, NOW)
            unit.put_states([StateRow("invoice", "inv_1", 1, 1, b"1")])
            unit.put_links([LinkRow("erp", "4711", "inv_1", 1, "inv_1", "100")])
            unit.drop_inbox([row.id])
            assert unit.states([("invoice", "inv_1")]) == {("invoice", "inv_1"): b"1"}
            assert list(unit.resolve([("erp", "4711")])) == [("erp", "4711")]
            assert unit.take(None, 10, NOW) == []

    # ── states, links, views ────────────────────────────────────────────────────────────────────────────────────

    def test_states_are_put_changed_and_dropped(self) -> None:
        kept, changed, gone = ("invoice", NASTY), ("invoice", "inv_2"), ("payment", "pay_1")
        with self.store.unit() as unit:
            unit.put_states([StateRow(*key, 1, 1, b"first") for key in (kept, changed, gone)])
        with self.store.unit() as unit:
            unit.put_states([StateRow(*changed, 1, 2, b"second"), StateRow(*changed, 1, 3, b"third")])
            unit.drop_states([gone, ("payment", "never was")])
            unit.put_states([])
            unit.drop_states([])
        with self.store.unit() as unit:
            found = unit.states([kept, changed, gone, ("invoice", "never was")])
            assert found == {kept: b"first", changed: b"third"}
            assert unit.states([]) == {}
        rows = {row["subject"]: row["position"] for row in self.store.read_table("state", 1)}
        assert rows == {NASTY: 1, "inv_2": 3}
        assert self.store.read_table("state", 2) == []

    def test_the_first_link_wins(self) -> None:
        first = LinkRow("erp", NASTY, "inv_1", 1, "doc_1", "100")
        with self.store.unit() as unit:
            unit.put_links([first, replace(first, subject="in the same batch")])
            unit.put_links([replace(first, subject="later"), replace(first, system="bank", subject="pay_1")])
            assert unit.resolve([]) == {}
            assert unit.resolve([("erp", NASTY), ("erp", "other")]) == {("erp", NASTY): first}
        assert self.store.resolve("erp", NASTY) == first
        assert self.store.resolve("bank", NASTY) == replace(first, system="bank", subject="pay_1")
        assert self.store.resolve("tax", NASTY) is None

    @staticmethod
    def period_row(subject: str, **changes: Any) -> dict[str, Any]:
        row = {
            "subject": subject,
            "partition": 1,
            "entity": "100",
            "period": "2026-05",
            "status": "not_ready",
            "blockers": NASTY,
            "signals": "",
            "tie_outs": "",
            "tasks": "",
            "evaluated_at": NOW,
        }
        return row | changes

    def test_views_are_put_changed_and_dropped(self) -> None:
        with self.store.unit() as unit:
            unit.put_views("period", [self.period_row("a"), self.period_row("b", partition=2), self.period_row("c")])
        with self.store.unit() as unit:
            unit.put_views("period", [self.period_row("a", status="ready"), self.period_row("a", status="closed")])
            unit.put_views("period", [])
            unit.drop_views("period", ["c", "never was"])
            unit.drop_views("period", [])
        assert self.store.read_table("view_period", 1) == [self.period_row("a", status="closed")]
        assert self.store.read_table("view_period", 2) == [self.period_row("b", partition=2)]

    # ── fingerprints ────────────────────────────────────────────────────────────────────────────────────────────

    def put_prints(self, *rows: FingerprintRow) -> None:
        with self.store.unit() as unit:
            unit.put_fingerprints(rows)

    def similar(self, *looks: LookRow) -> dict[str, list[bytes]]:
        """What each asker finds, in alphabetical order: which one comes first says nothing."""
        with self.store.unit() as unit:
            return {asker: sorted(found) for asker, found in unit.similar(looks).items()}

    def test_a_fingerprint_is_found_under_each_of_its_keys_on_its_day(self) -> None:
        self.put_prints(
            FingerprintRow("a", 1, b"A", 100, (7, 8)),
            FingerprintRow(NASTY, 1, b"N", 101, (7,)),
            FingerprintRow("c", 2, b"C", 101, (9,)),
        )
        assert self.similar(LookRow("x", 7, 100, 101)) == {"x": [b"A", b"N"]}
        assert self.similar(LookRow("x", 7, 101, 101)) == {"x": [b"N"]}
        assert self.similar(LookRow("x", 7, 0, 99)) == {"x": []}
        assert self.similar(LookRow("x", 8, 0, 999)) == {"x": [b"A"]}
        assert self.similar(LookRow("x", 6, 0, 999)) == {"x": []}
        assert self.similar() == {}

    def test_each_asker_finds_each_fingerprint_once_however_many_keys_they_share(self) -> None:
        self.put_prints(FingerprintRow("a", 1, b"A", 100, (7, 8)), FingerprintRow("b", 1, b"B", 100, (8,)))
        everywhere = [LookRow(asker, key, 0, 999) for asker in ("x", "y") for key in (7, 8)]
        assert self.similar(*everywhere, LookRow("z", 7, 0, 999)) == {
            "x": [b"A", b"B"],
            "y": [b"A", b"B"],
            "z": [b"A"],
        }

    def test_a_fingerprint_that_is_put_again_keeps_its_keys_and_changes_its_data(self) -> None:
        self.put_prints(FingerprintRow("a", 1, b"A", 100, (7, (1 << 63) - 1)))
        self.put_prints(FingerprintRow("a", 1, b"stopped", 100, (7, (1 << 63) - 1)))
        self.put_prints()
        assert self.similar(LookRow("x", (1 << 63) - 1, 0, 999)) == {"x": [b"stopped"]}
        assert self.store.read_table("fingerprint", 1) == [{"subject": "a", "partition": 1, "data": b"stopped"}]
        kept = self.store.read_table("likeness", 1)
        assert sorted((row["key"], row["day"], row["subject"]) for row in kept) == [
            (7, 100, "a"),
            ((1 << 63) - 1, 100, "a"),
        ]
        assert self.store.read_table("fingerprint", 2) == self.store.read_table("likeness", 2) == []

    def test_a_fingerprint_is_found_no_more_under_the_keys_that_are_gone(self) -> None:
        self.put_prints(FingerprintRow("a", 1, b"A", 100, (7, 8)), FingerprintRow("b", 1, b"B", 100, (7, 8)))
        self.put_prints(FingerprintRow("a", 1, b"A2", 100, (7, 9), gone=(8,)))
        assert self.similar(*(LookRow(f"x{key}", key, 0, 999) for key in (7, 8, 9))) == {
            "x7": [b"A2", b"B"],
            "x8": [b"B"],
            "x9": [b"A2"],
        }

    def test_of_very_many_under_one_key_the_latest_are_found(self) -> None:
        self.put_prints(*(FingerprintRow(f"s{day}", 1, b"%04d" % day, day, (7,)) for day in range(1, LOOK_MAX + 11)))
        (found,) = self.similar(LookRow("x", 7, 0, 9999)).values()
        assert found == [b"%04d" % day for day in range(11, LOOK_MAX + 11)]
        (found,) = self.similar(LookRow("x", 7, 0, 20)).values()
        assert found == [b"%04d" % day for day in range(1, 21)]

    def test_of_two_that_put_and_then_look_in_a_later_unit_one_sees_the_other(self) -> None:
        """What the second look at an invoice rests on: both are committed before either looks, or one is seen."""

        def put_and_look(number: int) -> bool:
            mine, other = (b"0", b"1") if number == 0 else (b"1", b"0")
            self.put_prints(FingerprintRow(f"inv_{number}", number, mine, 100, (7,)))
            return other in self.similar(LookRow("x", 7, 0, 999))["x"]

        for _ in range(20):
            with self.store.unit() as unit:
                unit.put_fingerprints([])
            assert any(at_once(2, put_and_look))

    # ── effects ─────────────────────────────────────────────────────────────────────────────────────────────────

    def test_an_effect_is_put_once(self) -> None:
        first = effect("e", payload=bytes(range(256)), key=NASTY, deadline=NOW)
        self.put_effects(first, effect("e", payload=b"in the same batch"))
        self.put_effects(effect("e", payload=b"later"), effect("f"))
        self.put_effects()
        assert self.store.effects(["e"]) == [first]
        assert sorted(names(self.store.effects(["e", "f", "g"]))) == ["e", "f"]
        assert self.store.effects([]) == []

    def test_an_effect_is_parked_until_the_one_before_it_is_applied(self) -> None:
        self.put_effects(effect("second", after="first"), effect("first"), effect("third", after="second"))
        assert self.statuses("first", "second", "third") == {"first": "ready", "second": "parked", "third": "parked"}
        (first,) = self.lease()
        self.store.settle([settlement(first, "applied")], [])
        assert self.statuses("first", "second", "third") == {"first": "applied", "second": "ready", "third": "parked"}
        self.put_effects(effect("fourth", after="first"), effect("held", after="nobody", status="held"))
        assert self.statuses("fourth", "held") == {"fourth": "ready", "held": "held"}

    def test_a_refused_effect_frees_nothing(self) -> None:
        self.put_effects(effect("first"), effect("second", after="first"))
        (first,) = self.lease()
        self.store.settle([settlement(first, "refused")], [])
        assert self.statuses("second") == {"second": "parked"}
        assert self.store.free_parked() == 0

    def test_putting_an_effect_again_does_not_park_it_again(self) -> None:
        self.put_effects(effect("second", after="first"))
        assert self.store.change_effect("second", ["parked"], "ready", NOW, "by hand")
        self.put_effects(effect("second", after="first"))
        assert self.statuses("second") == {"second": "ready"}

    def test_the_sweep_frees_what_was_parked_too_late(self) -> None:
        self.put_effects(effect("second", after="first"), effect("other", after="nobody"))
        self.put_effects(effect("first", status="applied"))
        assert self.statuses("second") == {"second": "parked"}
        assert self.store.free_parked() == 1
        assert self.statuses("second", "other") == {"second": "ready", "other": "parked"}

    def test_lanes_are_those_in_which_something_can_be_sent_now(self) -> None:
        self.put_effects(
            effect("a", lane="erp/100"),
            effect("b", lane="erp/100"),
            effect("c", lane="bank"),
            effect("later", lane="tax", not_before=NOW + 1),
            effect("held", lane="ap", status="held"),
            effect("waits", lane="close", after="nobody"),
        )
        assert sorted(self.store.lanes(NOW)) == ["bank", "erp/100"]
        assert sorted(self.store.lanes(NOW + 1)) == ["bank", "erp/100", "tax"]

    def test_effects_are_leased_by_deadline_then_priority_then_age(self) -> None:
        self.put_effects(
            effect("no deadline", created_at=NOW - 9),
            effect("young", deadline=NOW, created_at=NOW),
            effect("low", deadline=NOW, priority=9, created_at=NOW - 9),
            effect("old", deadline=NOW, created_at=NOW - 1),
            effect("first", deadline=NOW - 1, priority=9),
            effect("later", deadline=0, not_before=NOW + 1),
            effect("elsewhere", deadline=0, lane="bank"),
        )
        assert names(self.lease(limit=3)) == ["first", "old", "young"]
        assert names(self.lease()) == ["low", "no deadline"]
        assert self.lease() == []
        assert names(self.lease(now=NOW + 1)) == ["later"]

    def test_a_lease_is_of_one_operation(self) -> None:
        self.put_effects(
            effect("a", deadline=1),
            effect("b", deadline=2, operation="void_invoice"),
            effect("c", deadline=3),
        )
        assert names(self.lease()) == ["a", "c"]
        assert names(self.lease()) == ["b"]

    def test_a_leased_effect_says_whose_it_is(self) -> None:
        self.put_effects(effect("e"))
        (leased,) = self.lease(owner="w7")
        wanted = effect("e", status="leased", owner="w7", lease_until=NOW + 30 * SECOND, attempts=1)
        assert leased == self.effect("e") == wanted

    def test_a_lease_that_is_renewed_lasts(self) -> None:
        self.put_effects(effect("mine"), effect("its"))
        self.lease(limit=1, owner="w1")
        self.lease(limit=1, owner="w2")
        assert self.store.renew_effects("w1", NOW + 60 * SECOND) == 1
        assert self.store.lapse_effects(NOW + 30 * SECOND) == 1
        assert sorted(self.statuses("mine", "its").values()) == ["leased", "unknown"]

    def test_a_lease_that_ends_without_an_outcome_is_unknown_not_ready(self) -> None:
        self.put_effects(effect("e"))
        self.lease()
        assert self.store.lapse_effects(NOW + 30 * SECOND - 1) == 0
        assert self.store.lapse_effects(NOW + 30 * SECOND) == 1
        row = self.effect("e")
        assert (row.status, row.owner, row.attempts, row.not_before) == ("unknown", "", 1, NOW + 30 * SECOND)
        assert row.error
        assert self.lease(now=NOW + 99 * SECOND) == []

    def test_probes_are_leased_after_the_landing_window(self) -> None:
        self.put_effects(
            effect("later", status="unknown", not_before=NOW + 1, attempts=1),
            effect("second", status="unknown", not_before=NOW, attempts=1),
            effect("first", status="unknown", not_before=NOW - 1, attempts=1),
            effect("ready"),
        )
        (first,) = self.store.lease_probes("w1", NOW + SECOND, 1, NOW)
        assert first == effect(
            "first", status="probing", not_before=NOW - 1, attempts=1, owner="w1", lease_until=NOW + SECOND
        )
        assert names(self.store.lease_probes("w1", NOW + SECOND, 9, NOW)) == ["second"]
        assert self.store.lease_probes("w1", NOW + SECOND, 9, NOW) == []
        assert self.store.settle([settlement(first, "ready", not_before=NOW + 5, probes=1)], []) == 1
        row = self.effect("first")
        assert (row.status, row.not_before, row.probes, row.attempts, row.owner) == ("ready", NOW + 5, 1, 1, "")

    def test_a_probe_that_stops_half_way_is_unknown_again(self) -> None:
        self.put_effects(effect("e", status="unknown", attempts=1))
        self.store.lease_probes("w1", NOW + SECOND, 9, NOW)
        assert self.store.lapse_effects(NOW + SECOND) == 1
        assert self.statuses("e") == {"e": "unknown"}

    def test_an_outcome_is_kept_with_the_message_that_tells_of_it(self) -> None:
        self.put_effects(effect("e"), effect("f", priority=6))
        e, f = self.lease()
        told = [message("about e", causation="e"), message("about f", causation="f")]
        done = settlement(e, "applied", outcome=bytes(range(256)))
        given_up = settlement(f, "dead", error=f"it said \0 {NASTY}", probes=3)
        assert self.store.settle([done, given_up], told) == 2
        assert self.effect("e") == effect(
            "e", status="applied", attempts=1, outcome=bytes(range(256)), changed_at=NOW + SECOND
        )
        row = self.effect("f")
        assert (row.status, row.error, row.probes) == ("dead", f"it said ? {NASTY}", 3)
        assert self.keys() == ["about e", "about f"]

    def test_an_outcome_that_comes_too_late_is_dropped_with_its_message(self) -> None:
        self.put_effects(effect("lapsed"), effect("in time"))
        rows = {row.id: row for row in self.lease(owner="w1")}
        self.store.renew_effects("w1", NOW + 90 * SECOND)
        self.store.change_effect("lapsed", ["leased"], "ready", NOW, "somebody's hand")
        (again,) = self.lease(owner="w1", now=NOW + SECOND)
        told = [message("about lapsed", causation="lapsed"), message("about in time", causation="in time")]
        both = [settlement(rows["lapsed"], "applied"), settlement(rows["in time"], "applied")]
        assert self.store.settle(both, told) == 1
        assert self.statuses("lapsed", "in time") == {"lapsed": "leased", "in time": "applied"}
        assert self.keys() == ["about in time"]
        assert self.store.settle([settlement(again, "applied", owner="w2")], [message("x", causation="lapsed")]) == 0
        assert self.store.settle([settlement(again, "applied")], [message("y", causation="lapsed")]) == 1
        assert self.store.settle([settlement(again, "dead")], [message("z", causation="lapsed")]) == 0
        assert self.statuses("lapsed") == {"lapsed": "applied"}
        assert self.keys() == ["about in time", "y"]

    def test_a_hand_changes_only_what_is_in_an_expected_state(self) -> None:
        self.put_effects(effect("e", status="dead", not_before=NOW, probes=4, owner="w1"))
        told = message("redelivered", source="person")
        assert not self.store.change_effect("e", ["held", "unknown"], "ready", NOW, "no", [told])
        assert not self.store.change_effect("nobody", ["dead"], "ready", NOW, "no", [told])
        assert self.keys() == []
        assert self.store.change_effect("e", ["held", "dead"], "ready", NOW + 3, f"\0{NASTY}", [told])
        assert self.effect("e") == effect("e", error=f"?{NASTY}", changed_at=NOW + 3)
        assert self.keys() == ["redelivered"]
        assert self.store.change_effect("e", ["ready"], "held", NOW, "stopped: bank details")
        both = [message("settled"), message("handled", source="person")]
        assert self.store.change_effect("e", ["held"], "applied", NOW, "found there", both, b"\0outcome")
        assert self.effect("e") == effect(
            "e", status="applied", error="found there", changed_at=NOW, outcome=b"\0outcome"
        )
        assert self.keys() == ["redelivered", "settled", "handled"]

    def test_troubled_effects_are_those_that_were_tried_in_vain(self) -> None:
        sync = {"operation": "sync_bank"}
        self.put_effects(
            effect("unknown", **sync, status="unknown", created_at=4),
            effect("probing", **sync, status="probing", created_at=3),
            effect("undecided", **sync, status="undecided", created_at=2),
            effect("dead", **sync, status="dead", created_at=1),
            effect("again", **sync, attempts=1, created_at=5),
            effect("new", **sync),
            effect("refused", **sync, status="refused", attempts=1),
            effect("applied", **sync, status="applied", attempts=2),
            effect("other", status="dead"),
        )
        assert names(self.store.troubled("sync_bank", 9)) == ["dead", "undecided", "probing", "unknown", "again"]
        assert names(self.store.troubled("sync_bank", 1)) == ["dead"]
        assert self.store.troubled("nothing", 9) == []

    def test_held_effects_are_found_by_the_beginning_of_their_reason(self) -> None:
        self.put_effects(
            effect("a", status="held", error="stopped: sync is down"),
            effect("b", status="held", error="held by anna: stopped: no"),
            effect("c", status="dead", error="stopped: x"),
            effect("d", status="held", error="50% stopped"),
        )
        assert names(self.store.held("stopped: ", 9)) == ["a"]
        assert names(self.store.held("50%", 9)) == ["d"]
        assert names(self.store.held("_", 9)) == []
        assert len(self.store.held("", 2)) == 2

    # ── standings and totals ────────────────────────────────────────────────────────────────────────────────────

    def test_standings_come_change_and_go(self) -> None:
        first = StandingRow("unposted", "100", "2026-05", NASTY, "EUR", 500, 1, NOW)
        second = replace(first, item="inv_2")
        with self.store.unit() as unit:
            unit.change_standings([first, second], [])
        with self.store.unit() as unit:
            changed = replace(first, amount_minor=-700, currency="USD", since=NOW + 1)
            unit.change_standings([replace(first, amount_minor=1), changed], [second, replace(second, item="no")])
            unit.change_standings([], [])
        (row,) = self.store.read_table("standing", None)
        assert row == {
            "name": "unposted",
            "entity": "100",
            "period": "2026-05",
            "item": NASTY,
            "currency": "USD",
            "amount_minor": -700,
            "partition": 1,
            "since": NOW,
        }

    def test_a_standing_that_goes_and_comes_in_one_change_stands(self) -> None:
        row = StandingRow("unposted", "100", "2026-05", "inv_1", "EUR", 500, 1, NOW)
        with self.store.unit() as unit:
            unit.change_standings([row], [])
            unit.change_standings([replace(row, amount_minor=600)], [row])
        assert [row["amount_minor"] for row in self.store.read_table("standing", 1)] == [600]

    def test_totals_add_up_whatever_the_order(self) -> None:
        key = ("unposted", "100", "2026-05", "EUR")
        items = [(f"inv_{number}", 100 * number - 5_000) for number in range(100)]
        with self.store.unit() as unit:
            for item, minor in items[:50]:
                unit.change_totals([TotalRow(*key, 1, minor, add_digest(0, item, minor))])
            unit.change_totals([TotalRow(*key, 1, minor, add_digest(0, item, minor)) for item, minor in items[50:]])
            gone = [TotalRow(*key, -1, -minor, add_digest(0, item, minor, -1)) for item, minor in items[10:]]
            unit.change_totals([*gone, TotalRow("in_flight", *key[1:], 1, 1, MODULUS - 1)])
            unit.change_totals([])
        digest = 0
        for item, minor in items[:10]:
            digest = add_digest(digest, item, minor)
        totals = {row["name"]: row for row in self.store.read_table("total", None)}
        assert set(totals) == {"unposted", "in_flight"}
        assert (totals["unposted"]["count"], totals["unposted"]["digest"]) == (10, digest)
        assert totals["unposted"]["sum_minor"] == sum(minor for _, minor in items[:10])
        assert totals["in_flight"]["digest"] == MODULUS - 1

    def test_a_digest_stays_between_zero_and_the_modulus(self) -> None:
        key = ("unposted", "100", "2026-05", "EUR")
        with self.store.unit() as unit:
            unit.change_totals([TotalRow(*key, 1, FOREVER, MODULUS - 1)])
            unit.change_totals([TotalRow(*key, 1, -FOREVER, MODULUS - 1)])
            unit.change_totals([TotalRow(*key, 1, 0, -5)])
        (row,) = self.store.read_table("total", None)
        assert (row["count"], row["sum_minor"], row["digest"]) == (3, 0, MODULUS - 7)

    # ── leases, cursors, documents ──────────────────────────────────────────────────────────────────────────────

    def test_a_lease_belongs_to_one_owner_while_it_lasts(self) -> None:
        names = ["partition/1", "partition/2"]
        assert self.store.claim(names, "w1", NOW + 10, NOW) == set(names)
        assert self.store.claim([*names, "partition/3"], "w2", NOW + 20, NOW) == {"partition/3"}
        assert self.store.claim(names, "w1", NOW + 30, NOW + 5) == set(names)
        assert self.store.leases("partition/", NOW + 15) == {
            "partition/1": "w1",
            "partition/2": "w1",
            "partition/3": "w2",
        }
        assert self.store.leases("partition/", NOW + 20) == {"partition/1": "w1", "partition/2": "w1"}
        assert self.store.leases("worker/", NOW) == {}
        assert self.store.claim([names[0], names[0]], "w2", NOW + 60, NOW + 29) == set()
        assert self.store.claim([names[0], names[0]], "w2", NOW + 60, NOW + 30) == {names[0]}
        assert self.store.claim([], "w2", NOW, NOW) == set()

    def test_only_the_owner_releases(self) -> None:
        self.store.claim(["a", "b"], "w1", NOW + 10, NOW)
        self.store.release(["a", "b"], "w2")
        assert self.store.claim(["a", "b"], "w2", NOW + 10, NOW) == set()
        self.store.release(["a"], "w1")
        self.store.release([], "w1")
        assert self.store.claim(["a", "b"], "w2", NOW + 10, NOW) == {"a"}

    def test_a_cursor_is_where_it_was_put(self) -> None:
        assert self.store.cursor("erp") == ""
        self.store.put_cursor("erp", NASTY, NOW)
        self.store.put_cursor("bank", "1", NOW)
        self.store.put_cursor("erp", f"{NASTY}2", NOW)
        assert (self.store.cursor("erp"), self.store.cursor("bank")) == (f"{NASTY}2", "1")

    def test_documents_whose_reading_was_interrupted_are_found_the_oldest_first(self) -> None:
        for mark, at, status in (
            ("b", 2, "received"),
            ("a", 1, "received"),
            ("c", 0, "accepted"),
            ("d", 9, "received"),
        ):
            self.store.put_document(DocumentRow(mark, "", "", "sftp", 5, NOW + at, status, "", "", 0))
        assert self.store.interrupted_documents(NOW + 9, 5) == ["a", "b"]
        assert self.store.interrupted_documents(NOW + 9, 1) == ["a"]

    def test_a_document_keeps_how_it_came_and_takes_what_became_of_it(self) -> None:
        came = DocumentRow("abc", NASTY, "text/xml", "sftp", 5, NOW, "received", "", "", 0)
        self.store.put_document(came)
        self.store.put_document(
            replace(came, name="other", status="accepted", format="camt.053", problems="[]", events=3)
        )
        assert self.store.document("abc") == replace(
            came, status="accepted", format="camt.053", problems="[]", events=3
        )
        assert self.store.document("abd") is None
        (row,) = self.store.read_table("document", None)
        assert row == {
            "hash": "abc",
            "name": NASTY,
            "media_type": "text/xml",
            "channel": "sftp",
            "size": 5,
            "received_at": NOW,
            "status": "accepted",
            "format": "camt.053",
            "problems": "[]",
            "events": 3,
        }

    # ── several at once ─────────────────────────────────────────────────────────────────────────────────────────

    def test_threads_that_offer_the_same_keys_get_each_accepted_once(self) -> None:
        keys = [f"k{number:03}" for number in range(200)]

        def offer(number: int) -> list[tuple[str, Receipt]]:
            mine = keys if number % 2 else keys[::-1]
            return list(zip(mine, self.store.accept([message(key) for key in mine]), strict=True))

        answers = [answer for answers in at_once(4, offer) for answer in answers]
        accepted = sorted(key for key, receipt in answers if receipt is Receipt.ACCEPTED)
        assert accepted == keys
        assert sorted(self.keys(limit=1_000)) == keys
        assert {receipt for _, receipt in answers} == {Receipt.ACCEPTED, Receipt.DUPLICATE}

    def test_a_message_offered_while_it_moves_to_the_log_is_not_taken_twice(self) -> None:
        rounds = 60

        def offer_or_handle(number: int) -> int:
            if number == 0:
                return self._move_all(rounds)
            accepted = 0
            for key in range(rounds):
                for _ in range(4):
                    accepted += self.store.accept([message(f"m{key}")]) == [Receipt.ACCEPTED]
            return accepted

        moved, *accepted = at_once(3, offer_or_handle)
        assert moved == sum(accepted) == rounds
        assert self.keys() == []

    def _move_all(self, rounds: int) -> int:
        """Handle messages as they come until so many have been, as a worker that never asks ``logged`` would."""
        moved = 0
        while moved < rounds:
            for row in self.take(limit=5):
                moved += 1
                self.handle(row, moved)
        return moved

    def test_of_two_that_append_at_the_same_position_one_is_fenced(self) -> None:
        both_have_looked = threading.Barrier(2, timeout=0.2)

        def append(number: int) -> str:
            try:
                with self.store.unit() as unit:
                    head = unit.heads([1]).get(1, Head(0, b""))
                    with suppress(threading.BrokenBarrierError):  # one at a time is a way to keep the promise, too
                        both_have_looked.wait()
                    unit.append([event(head.position + 1, hash=b"%d" % number)])
                    unit.put_states([StateRow("invoice", "inv_1", 1, head.position + 1, b"%d" % number)])
            except FencedError:
                return "fenced"
            return "done"

        outcomes = at_once(2, append)
        log = self.store.read_log(1, 0, 10)
        assert [row.position for row in log] == list(range(1, outcomes.count("done") + 1))
        assert "done" in outcomes
        (state,) = self.store.read_table("state", None)
        assert (state["data"], state["position"]) == (log[-1].hash, log[-1].position)

    def test_many_that_append_lose_no_update(self) -> None:
        """Each adds one to a counter, as the engine does it: head, state, append, put. Nothing may be lost."""
        self.store.accept([message("work")])
        key = ("counter", "inv_1")

        def count(_: int) -> int:
            done = 0
            while done < 15:
                with suppress(FencedError):
                    with self.store.unit() as unit:
                        unit.take(None, 10, NOW)
                        value = int(unit.states([key]).get(key, b"0")) + 1
                        position = unit.heads([1]).get(1, Head(0, b"")).position + 1
                        unit.append([event(position)])
                        unit.put_states([StateRow(*key, 1, position, b"%d" % value)])
                    done += 1
            return done

        assert sum(at_once(4, count)) == 60
        (state,) = self.store.read_table("state", None)
        assert (state["data"], state["position"]) == (b"60", 60)

    def test_threads_lease_no_effect_twice(self) -> None:
        self.put_effects(*(effect(f"e{number:03}", deadline=number) for number in range(120)))

        def lease(number: int) -> list[str]:
            got: list[str] = []
            while batch := self.lease(owner=f"w{number}", limit=7):
                assert {row.owner for row in batch} == {f"w{number}"}
                got += names(batch)
            return got

        leased = [name for got in at_once(4, lease) for name in got]
        leased += names(self.lease())  # whoever found every row of its turn locked went home early
        assert sorted(leased) == [f"e{number:03}" for number in range(120)]

    def test_threads_lease_no_probe_twice(self) -> None:
        self.put_effects(*(effect(f"e{number:03}", status="unknown") for number in range(60)))
        leased = at_once(3, lambda number: names(self.store.lease_probes(f"w{number}", NOW + 9, 25, NOW)))
        everything = [name for got in leased for name in got]
        assert len(everything) == len(set(everything))

    def test_an_effect_is_settled_once_whoever_tries(self) -> None:
        self.put_effects(*(effect(f"e{number:03}") for number in range(50)))
        rows = self.lease(limit=50)

        def settle(number: int) -> int:
            mine = rows if number % 2 else rows[::-1]
            told = [message(f"{number} about {row.id}", causation=row.id) for row in mine]
            return self.store.settle([settlement(row, "applied") for row in mine], told)

        assert sum(at_once(4, settle)) == 50
        assert len(self.take(limit=500)) == 50

    def test_totals_that_many_change_add_up(self) -> None:
        keys = [("unposted", str(entity), "2026-05", "EUR") for entity in range(5)]

        def change(number: int) -> None:
            mine = keys if number % 2 else keys[::-1]
            for _ in range(10):
                with self.store.unit() as unit:
                    unit.change_totals([TotalRow(*key, 1, 5, MODULUS // 2) for key in mine])

        at_once(4, change)
        totals = self.store.read_table("total", None)
        assert [(row["count"], row["sum_minor"], row["digest"]) for row in totals] == [(40, 200, 0)] * 5

    def test_a_lease_that_many_want_goes_to_one(self) -> None:
        wanted = [f"partition/{number}" for number in range(16)]

        def claim(number: int) -> list[str]:
            mine = wanted if number % 2 else wanted[::-1]
            return sorted(self.store.claim(mine, f"w{number}", NOW + SECOND, NOW))

        got = [name for names in at_once(4, claim) for name in names]
        assert sorted(got) == sorted(wanted)
