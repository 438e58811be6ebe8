"""The book says which release is in force at any moment; an approval goes on top, a rollback takes the newest off."""

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tieout.kernel.clock import to_micros
from tieout.policy.book import Entry, approved, close_window, in_force, rolled_back

START = datetime(2026, 5, 4, 8, tzinfo=UTC)
HOUR = timedelta(hours=1)


def at(hours: int) -> datetime:
    return START + hours * HOUR


ADOPTED = (Entry("a", 0),)


def test_a_release_is_in_force_from_its_moment_on() -> None:
    book = approved(ADOPTED, "b", at(1))
    assert book == (Entry("a", 0), Entry("b", to_micros(at(1)), "a"))
    assert in_force(book, at(1) - timedelta(microseconds=1)) == "a"
    assert in_force(book, at(1)) == "b"
    assert in_force((), at(1)) == ""


def test_a_release_that_was_to_come_later_is_never_in_force() -> None:
    book = approved(approved(ADOPTED, "b", at(5)), "c", at(3))
    assert book == (Entry("a", 0), Entry("c", to_micros(at(3)), "a"))
    assert [in_force(book, at(hours)) for hours in (2, 3, 6)] == ["a", "c", "c"]


def test_of_two_for_the_same_moment_the_one_approved_last_counts() -> None:
    book = approved(approved(ADOPTED, "b", at(5)), "c", at(5))
    assert book == (Entry("a", 0), Entry("c", to_micros(at(5)), "a"))


def test_a_rollback_brings_back_the_release_before() -> None:
    book = approved(approved(ADOPTED, "b", at(1)), "c", at(2))
    once = rolled_back(book, at(4))
    assert once[-1] == Entry("b", to_micros(at(4)), "a")
    assert [in_force(once, at(hours)) for hours in (0, 1, 2, 3, 4)] == ["a", "b", "c", "c", "b"]
    twice = rolled_back(once, at(5))
    assert twice[-1] == Entry("a", to_micros(at(5)), "")
    assert in_force(twice, at(5)) == "a"


def test_a_rollback_of_what_has_not_taken_effect_lets_it_fall_out() -> None:
    assert rolled_back(approved(ADOPTED, "b", at(3)), at(3)) == ADOPTED
    assert rolled_back(approved(ADOPTED, "b", at(3)), at(2)) == ADOPTED


STEPS = st.lists(st.tuples(st.booleans(), st.integers(1, 9)), max_size=12)


@given(STEPS)
def test_what_was_in_force_in_the_past_never_changes(steps: list[tuple[bool, int]]) -> None:
    """Whatever is approved or rolled back now, the log of yesterday keeps its release."""
    book, now = ADOPTED, START
    for number, (approval, hours) in enumerate(steps):
        moments = [START + timedelta(hours=past) for past in range(-1, int((now - START) / HOUR) + 1)]
        before = [in_force(book, moment) for moment in moments]
        since = now + timedelta(minutes=hours)
        if approval:
            book = approved(book, f"r{number}", since)
        elif book[-1].below:
            book = rolled_back(book, now + timedelta(seconds=10))
        assert [in_force(book, moment) for moment in moments] == before
        assert [entry.since for entry in book] == sorted({entry.since for entry in book})
        now += hours * HOUR


@pytest.mark.parametrize(
    ("day", "days", "told"),
    [
        (date(2026, 5, 30), 5, ""),
        (date(2026, 5, 31), 5, "2026-05 ends on 2026-05-31"),
        (date(2026, 6, 1), 5, "2026-05 is being closed until 2026-06-05"),
        (date(2026, 6, 5), 5, "2026-05 is being closed until 2026-06-05"),
        (date(2026, 6, 6), 5, ""),
        (date(2026, 3, 1), 2, "2026-02 is being closed until 2026-03-02"),
        (date(2026, 1, 2), 2, "2025-12 is being closed until 2026-01-02"),
        (date(2026, 5, 31), 0, ""),
        (date(2026, 6, 1), 0, ""),
    ],
)
def test_the_close_window(day: date, days: int, told: str) -> None:
    assert close_window(day, days) == told
