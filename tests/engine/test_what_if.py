"""What-if on parts of the past and in several processes: the answer is the same, and the past before stays as it was."""

from collections.abc import Iterator
from datetime import timedelta

import pytest
from msgspec.structs import replace
from structlog.testing import capture_logs
from tests.web.books import PARTITIONS, POLICY, Books
from tests.web.fixtures import books, month_played

from tieout.engine import what_if as module
from tieout.engine.what_if import Cancelled, what_if
from tieout.policy.matching import MatchingRules
from tieout.policy.tolerances import Limit, Tolerances
from tieout.sim.company import DAYS, MORNING, loaded
from tieout.sim.play import PARTITIONS as SIM_PARTITIONS
from tieout.sim.play import Play

__all__ = ["books", "month_played"]

LAX = replace(POLICY, tolerances={"default": Tolerances(price=Limit(kind="unlimited"))})


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    with capture_logs():
        yield


def test_two_processes_say_what_one_says(books: Books, monkeypatch: pytest.MonkeyPatch) -> None:
    one = what_if(books.store, LAX, partitions=PARTITIONS, processes=1)
    assert one.changed > 0
    monkeypatch.setattr(module, "_ALONE", 0)
    told: list[int] = []
    two = what_if(books.store, LAX, partitions=PARTITIONS, processes=2, on_progress=told.append)
    assert two == one
    assert sum(move.documents for move in one.moves.values()) == one.changed
    assert {change.move for change in one.changes} == set(one.moves)
    assert sum(told) == sum(head.position for head in books.store.log_heads().values())


def test_a_trial_can_be_called_off(books: Books, monkeypatch: pytest.MonkeyPatch) -> None:
    for alone in (10**9, 0):
        monkeypatch.setattr(module, "_ALONE", alone)
        with pytest.raises(Cancelled):
            what_if(books.store, LAX, partitions=PARTITIONS, cancelled=lambda: True)


@pytest.mark.slow
def test_from_any_day_on_the_same_policy_changes_nothing() -> None:
    for seed in range(14):
        month = Play(seed)
        month.run()
        for day in (*DAYS, 2, 10):
            start = MORNING + timedelta(days=day)
            found = what_if(month.store, loaded(month.company.policy).policy, partitions=SIM_PARTITIONS, start=start)
            assert (found.changed, found.changes) == (0, ()), f"seed {seed}, day {day}"
            assert found.after == found.before, f"seed {seed}, day {day}"


def test_only_what_arrives_in_the_span_is_compared(books: Books) -> None:
    whole = what_if(books.store, LAX, partitions=PARTITIONS)
    middle = books.clock.now() - timedelta(days=10)
    first = what_if(books.store, LAX, partitions=PARTITIONS, end=middle)
    second = what_if(books.store, LAX, partitions=PARTITIONS, start=middle)
    assert 0 < first.invoices < whole.invoices
    assert first.invoices + second.invoices == whole.invoices


def test_how_far_lines_are_looked_for_is_tried_entity_by_entity(books: Books) -> None:
    """One invoice of DE01 names no order line; what another entity says of that changes nothing."""
    by_hand = MatchingRules(assign_lines=False)
    found = {}
    for name, one in POLICY.entities.items():
        changed = replace(POLICY, entities=POLICY.entities | {name: replace(one, matching=by_hand)})
        found[name] = what_if(books.store, changed, partitions=PARTITIONS).changed
    assert found == {"DE01": 1, "US01": 0, "JP01": 0}
    assert what_if(books.store, replace(POLICY, matching=by_hand), partitions=PARTITIONS).changed == 1
