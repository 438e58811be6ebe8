"""Who is away and who stands in, as people say it: what counts, what cannot be, and when it is over."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.processes.company import POLICY, names, refold, states_of
from tests.processes.story import Story

from tieout.model.facts import AbsenceRefused, AbsenceStated, AbsenceTakenBack
from tieout.policy.routing import Substitute, is_away, stands_in_for, substitute
from tieout.processes import absence
from tieout.processes.absence import State, away, objection, told

MAY = date(2026, 5, 1)  # the story begins on 4 May


def stated(person: str = "anna", by: str = "ben", since: int = 8, until: int = 15, number: str = "a1") -> AbsenceStated:
    return AbsenceStated(
        absence_id=number,
        person=person,
        by=by,
        since=date(2026, 5, since),
        until=date(2026, 5, until),
        reason="annual leave",
    )


def story() -> Story:
    return Story(POLICY, (absence.PROCESS,))


def say(story: Story, fact: Any, actor: str = "person:anna") -> list[Any]:
    return story.tell(fact, actor=actor, source="person")


def state(story: Story) -> State:
    return story.state("absence", absence.SUBJECT) or State()


def who(story: Story, person: str, day: int, policy: tuple[Substitute, ...] = ()) -> str:
    return substitute(person, away(state(story), policy), date(2026, 5, day))[0]


def test_it_counts_for_its_days_and_is_over_by_itself() -> None:
    told = story()
    assert say(told, stated()) == []
    assert [who(told, "anna", day) for day in (7, 8, 15, 16)] == ["anna", "ben", "ben", "anna"]
    assert refold(told) == states_of(told)


def test_it_can_be_taken_back_once() -> None:
    story_of = story()
    say(story_of, stated())
    story_of.now = datetime(2026, 5, 9, 8, tzinfo=UTC)
    say(story_of, AbsenceTakenBack(absence_id="a1", reason="leave moved"), "person:mona")
    say(story_of, AbsenceTakenBack(absence_id="a1", reason="again"), "person:otto")
    assert who(story_of, "anna", 10) == "anna"
    (one,) = state(story_of).absences
    assert (one.said_by, one.taken_back_by, one.taken_back_why) == ("person:anna", "person:mona", "leave moved")
    assert (
        told(one) == "anna is away from 2026-05-08 to 2026-05-15, and ben stands in; taken back by mona on 2026-05-09"
    )
    assert say(story_of, stated(number="a2", by="carl")) == []
    assert who(story_of, "anna", 10) == "carl", "afterwards it can be said anew"


def test_what_people_say_counts_before_what_the_policy_says() -> None:
    told = story()
    policy = (Substitute(person="anna", by="dora", since=MAY, until=date(2026, 5, 31)),)
    say(told, stated())
    assert [who(told, "anna", day, policy) for day in (7, 8, 16)] == ["dora", "ben", "dora"]


@pytest.mark.parametrize(("fact", "why"), [
    (stated(by="anna"), "anna cannot stand in for themselves: name somebody else"),
    (stated(since=9, until=8), "2026-05-08 is before 2026-05-09"),
    (stated(since=1, until=3), "2026-05-03 is over; an absence is said for days to come"),
    (stated("ben", "carl", 15, 20), "ben is already away from 2026-05-12 to 2026-05-20, and dora stands in: take that back"
     " first (`tieout cases away back known`)"),
    (stated("dora", "ben", 18, 25), "on 2026-05-18 ben would stand in for dora and is away too: name somebody who is"
     " there"),
    (stated("dora", "ben", 10, 25), "on 2026-05-12 ben would stand in for dora and is away too: name somebody who is"
     " there"),
])  # fmt: skip
def test_what_cannot_be_does_not_count_and_says_why(fact: AbsenceStated, why: str) -> None:
    told = story()
    say(told, stated("ben", "dora", 12, 20, "known"))
    before = state(told)
    assert say(told, fact) == [AbsenceRefused(absence_id="a1", reason=why)]
    assert state(told) == before
    assert refold(told) == states_of(told)


def test_what_the_policy_says_later_in_those_days_counts_too() -> None:
    """On the 13th ben is back by his own word, and away again by the policy's, which names anna."""
    told = story()
    say(told, stated("ben", "carl", 8, 12, "known"))
    policy = (Substitute(person="ben", by="anna", since=MAY, until=date(2026, 5, 31)),)
    why = "on 2026-05-13 ben would stand in for anna and is away too: name somebody who is there"
    assert objection(state(told), stated(since=10, until=20), MAY, policy) == why
    assert objection(state(told), stated(since=10, until=12), MAY, policy) == ""


def test_a_chain_that_ends_with_somebody_who_is_there_can_be() -> None:
    told = story()
    say(told, stated("ben", "carl", 12, 20, "known"))
    assert say(told, stated()) == []
    assert [who(told, "anna", day) for day in (11, 12)] == ["ben", "carl"]


@pytest.mark.parametrize("actor", ["system", "system:hr", "key:1", ""])
def test_no_machine_says_who_is_away(actor: str) -> None:
    told = story()
    assert names(say(told, stated(), actor)) == ["AbsenceRefused"]
    say(told, stated())
    say(told, AbsenceTakenBack(absence_id="a1", reason="x"), actor)
    assert who(told, "anna", 10) == "ben"


def test_said_twice_it_is_one() -> None:
    told = story()
    say(told, stated())
    assert say(told, stated()) == []
    assert len(state(told).absences) == 1


def test_what_is_long_over_is_listed_no_more() -> None:
    told = story()
    say(told, stated())
    told.now += timedelta(days=500)
    later = told.now.date()
    say(told, AbsenceStated(absence_id="b", person="anna", by="ben", since=later, until=later, reason="x"))
    assert [one.absence_id for one in state(told).absences] == ["b"]


PEOPLE = st.sampled_from(["anna", "ben", "carl", "dora"])
SAID = st.lists(st.tuples(PEOPLE, PEOPLE, st.integers(4, 20), st.integers(0, 9), st.booleans()), max_size=12)


@given(SAID)
@settings(max_examples=150, deadline=None)
def test_whatever_is_said_every_case_has_somebody_who_is_there(said: list[tuple[str, str, int, int, bool]]) -> None:
    told = story()
    for number, (person, by, since, days, back) in enumerate(said):
        say(told, stated(person, by, since, since + days, f"a{number}"))
        if back:
            say(told, AbsenceTakenBack(absence_id=f"a{number // 2}", reason="x"))
    found = away(state(told), ())
    for day in (MAY + timedelta(days=number) for number in range(31)):
        works = {person: substitute(person, found, day)[0] for person in ("anna", "ben", "carl", "dora")}
        for person, present in works.items():
            assert (present != person) == is_away(person, found, day)
            assert not is_away(present, found, day)
            assert person in stands_in_for(present, found, day)
    assert refold(told) == states_of(told)
