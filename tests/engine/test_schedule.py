"""The schedule: pulls move their cursor only after the messages are safe, and totals of both sides are compared."""

import pytest
from tests.engine.kit import PARTITIONS, Engine, Target, comment, promises

from tieout.engine.config import TieOut
from tieout.engine.intake import Intake
from tieout.engine.originals import Originals
from tieout.engine.schedule import Schedule
from tieout.engine.stores.port import Receipt
from tieout.kernel.errors import TransientError
from tieout.policy.policy import EntityPolicy, Policy
from tieout.ports import Page

POLICY = Policy(entities={"DE01": EntityPolicy(name="Muster GmbH", currency="EUR")})


def scheduled(engine: Engine) -> Schedule:
    return Schedule(
        engine.store, engine.intake, {"erp": engine.target}, POLICY, engine.clock, engine.delivery._dependencies
    )


def test_a_pull_goes_on_until_the_feed_ends_and_starts_there_again() -> None:
    target = Target(promises())
    engine = Engine(target)
    pages = {
        "": Page(messages=(comment("1", "a"), comment("2", "b")), cursor="2", more=True),
        "2": Page(messages=(comment("3", "c"),), cursor="3"),
        "3": Page(messages=(), cursor="3"),
    }
    target.pull = lambda cursor: pages[cursor]  # type: ignore[method-assign]
    assert scheduled(engine).pull("erp") == 3
    assert scheduled(engine).pull("erp") == 0
    assert engine.store.cursor("erp") == "3"
    engine.settle_down()
    assert engine.said("a") == ("a", "b", "c")


def test_a_full_inbox_leaves_the_cursor_where_it_was() -> None:
    target = Target(promises())
    target.page = Page(messages=(comment("1", "a"), comment("2", "b")), cursor="2")
    engine = Engine(target, capacity=1)
    assert scheduled(engine).pull("erp") == 0
    assert engine.store.cursor("erp") == ""


def test_a_source_that_breaks_off_loses_nothing() -> None:
    target = Target(promises())
    engine = Engine(target)

    def once(cursor: str) -> Page:
        if cursor:
            raise TransientError("connection reset")
        return Page(messages=(comment("1", "a"),), cursor="1", more=True)

    target.pull = once  # type: ignore[method-assign]
    with pytest.raises(TransientError):
        scheduled(engine).pull("erp")
    assert engine.store.cursor("erp") == "1"
    assert engine.offer(comment("1", "a"))[0].receipt is Receipt.DUPLICATE


def test_how_far_a_source_was_heard_is_told_to_the_close() -> None:
    target = Target(promises())
    engine = Engine(target)
    target.page = Page(messages=(), cursor="1", observed_at=engine.clock.now())
    scheduled(engine).pull("erp")
    scheduled(engine).pull("erp")
    assert [row.type for row in engine.inbox()] == ["period.source_observed"], "the same moment is told once"


def test_totals_of_both_sides_are_put_beside_each_other() -> None:
    engine = Engine()
    engine.say("a", "owe 5; post K1")
    engine.settle_down()
    pairs = [
        TieOut(name="unposted", left=("tieout", "unposted"), right=("erp", "unposted")),
        TieOut(name="x", left=("tieout", "x"), right=("erp", "x")),
    ]
    assert scheduled(engine).compare("DE01", "2026-05", pairs) == 2
    assert [row.subject for row in engine.inbox()] == ["DE01/2026-05"] * 2


def test_a_system_that_cannot_tell_its_total_is_left_out() -> None:
    target = Target(promises())
    engine = Engine(target)

    def down(scope: object) -> object:
        raise TransientError("down")

    target.totals = down  # type: ignore[method-assign,assignment]
    assert (
        scheduled(engine).compare("DE01", "2026-05", [TieOut(name="x", left=("tieout", "x"), right=("erp", "x"))]) == 0
    )


def test_intakes_share_nothing_but_the_store() -> None:
    engine = Engine()
    other = Intake(
        engine.store,
        Originals(None),
        engine.clock,
        partitions=PARTITIONS,
        read_document=lambda *_: None,  # type: ignore[arg-type,return-value]
    )
    engine.offer(comment("1", "a"))
    assert other.offer([comment("1", "a")])[0].receipt is Receipt.DUPLICATE
