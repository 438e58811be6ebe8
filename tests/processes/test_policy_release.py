"""Releases of the policy: drafted, tried on the past, approved by another person, rolled back in one step."""

from datetime import UTC, datetime, timedelta

import pytest
from msgspec.structs import replace
from tests.processes.story import Story

from tieout.kernel.clock import to_micros
from tieout.model.facts import (
    Fact,
    PolicyAdopted,
    PolicyApprovalRequested,
    PolicyApproved,
    PolicyDrafted,
    PolicyRefused,
    PolicyRollbackRequested,
    PolicyRolledBack,
    PolicyTried,
)
from tieout.policy.book import LEAD, Entry
from tieout.policy.duties import Act, Identity
from tieout.policy.policy import Policy
from tieout.processes import policy_release
from tieout.processes.policy_release import SUBJECT, Release, State, Trial

NOW = datetime(2026, 5, 12, 9, tzinfo=UTC)
ADOPTED = PolicyAdopted(text="old", release="aaa")
DRAFTED = PolicyDrafted(text="new", release="bbb", note="fewer holds")
TRIED = PolicyTried(
    release="bbb",
    invoices=9,
    changed=2,
    held_before=3,
    held_after=1,
    touchless_before=4,
    touchless_after=6,
    result="{}",
)
APPROVE = PolicyApprovalRequested(release="bbb")
POLICY = Policy(identities=(Identity(person="cora", system="tieout", name="robot"),))


def story(*facts: tuple[Fact, str]) -> Story:
    told = Story(POLICY, (policy_release.PROCESS, policy_release.TEXT), NOW)
    for fact, actor in ((ADOPTED, "system:policy"), *facts):
        told.tell(fact, actor=actor)
    return told


def test_from_the_draft_to_the_rollback() -> None:
    told = story((DRAFTED, "person:cora"), (TRIED, "person:cora"))
    since = NOW + LEAD
    assert told.tell(APPROVE, actor="person:paul") == [PolicyApproved(release="bbb", effective_from=since)]
    release = Release(
        "bbb",
        1,
        "person:cora",
        to_micros(NOW),
        note="fewer holds",
        trial=Trial("person:cora", to_micros(NOW), "3", 9, 2, 3, 1, 4, 6),
        approved_by="person:paul",
        approved_at=to_micros(NOW),
        effective_from=to_micros(since),
    )
    state: State = told.state("policy", SUBJECT)
    assert state.releases["bbb"] == release
    assert (state.in_force(NOW), state.in_force(since)) == ("aaa", "bbb")
    assert told.state("policy_text", "bbb").text == "new"
    told.now = NOW + timedelta(hours=1)
    back = PolicyRollbackRequested(release="bbb", reason="too many pass")
    assert told.tell(back, actor="person:paul") == [
        PolicyRolledBack(release="bbb", to="aaa", effective_from=told.now + LEAD, reason="too many pass")
    ]
    state = told.state("policy", SUBJECT)
    assert state.book == (
        Entry("aaa", 0),
        Entry("bbb", to_micros(since), "aaa"),
        Entry("aaa", to_micros(told.now + LEAD)),
    )
    assert state.releases["bbb"] == replace(
        release, rolled_back_by="person:paul", rolled_back_at=to_micros(told.now), rolled_back_why="too many pass"
    )


def test_the_drafter_or_the_approver_says_when_it_takes_effect() -> None:
    later, sooner = NOW + timedelta(days=3), NOW + timedelta(days=1)
    draft = replace(DRAFTED, effective_from=later)
    told = story((draft, "person:cora"), (TRIED, "person:cora"))
    assert told.tell(APPROVE, actor="person:paul") == [PolicyApproved(release="bbb", effective_from=later)]
    told = story((draft, "person:cora"), (TRIED, "person:cora"))
    wish = replace(APPROVE, effective_from=sooner)
    assert told.tell(wish, actor="person:paul") == [PolicyApproved(release="bbb", effective_from=sooner)]
    told = story((draft, "person:cora"), (TRIED, "person:cora"))
    past = replace(APPROVE, effective_from=NOW - timedelta(days=1))
    assert told.tell(past, actor="person:paul") == [PolicyApproved(release="bbb", effective_from=NOW + LEAD)]


END_OF_MONTH = datetime(2026, 5, 31, 9, tzinfo=UTC)
STATED = replace(APPROVE, effective_from=END_OF_MONTH, rollback="back to the old limits", rollback_to="aaa")


@pytest.mark.parametrize(
    ("facts", "request_", "actor", "told"),
    [
        pytest.param([], APPROVE, "person:paul", "there is no release bbb", id="no such release"),
        pytest.param([DRAFTED, TRIED], APPROVE, "key:robot", "key:robot is not a person", id="a machine"),
        pytest.param([DRAFTED, TRIED], APPROVE, "person:Cora", "person:Cora drafted release bbb", id="the drafter"),
        pytest.param([DRAFTED], APPROVE, "person:paul", "release bbb was not tried on the past", id="never tried"),
        pytest.param(
            [DRAFTED, TRIED, DRAFTED], APPROVE, "person:paul", "release bbb was not tried", id="drafted anew since"
        ),
        pytest.param(
            [DRAFTED, TRIED], PolicyApprovalRequested(release="aaa"), "person:paul", "release aaa is the newest", id="in force"
        ),
        pytest.param(
            [DRAFTED, TRIED],
            replace(APPROVE, effective_from=END_OF_MONTH),
            "person:paul",
            "release bbb would take effect on 2026-05-31, in a close window (2026-05 ends on 2026-05-31); choose a later",
            id="in a close window",
        ),
        pytest.param(
            [DRAFTED, TRIED],
            replace(STATED, rollback_to="zzz"),
            "person:paul",
            "release bbb would take effect on 2026-05-31",
            id="rolled back to nothing",
        ),
        pytest.param(
            [DRAFTED, TRIED],
            replace(STATED, rollback_to="bbb"),
            "person:paul",
            "release bbb would take effect on 2026-05-31",
            id="rolled back to itself",
        ),
        pytest.param(
            [replace(DRAFTED, release="ccc"), DRAFTED, TRIED],
            replace(STATED, rollback_to="ccc"),
            "person:paul",
            "release bbb would take effect on 2026-05-31",
            id="rolled back to what was never approved",
        ),
        pytest.param(
            [DRAFTED, TRIED], APPROVE, "person:robot", "person:robot drafted release bbb, as person:cora,", id="the drafter's other account"
        ),
        pytest.param(
            [DRAFTED, replace(TRIED, invoices=0, start="2027-01-01")],
            APPROVE,
            "person:paul",
            "the trial of release bbb found no invoice in its dates",
            id="tried on nothing",
        ),
        pytest.param(
            [DRAFTED, TRIED],
            replace(STATED, rollback=" "),
            "person:paul",
            "release bbb would take effect on 2026-05-31",
            id="rolled back without a word",
        ),
    ],
)  # fmt: skip
def test_what_is_not_approved(facts: list[Fact], request_: Fact, actor: str, told: str) -> None:
    tale = story(*((fact, "person:cora") for fact in facts))
    before = tale.state("policy", SUBJECT)
    (refused,) = tale.tell(request_, actor=actor)
    assert isinstance(refused, PolicyRefused)
    assert refused.reason.startswith(told)
    assert tale.state("policy", SUBJECT) == before


def test_in_a_close_window_the_rollback_is_stated_in_words_and_release() -> None:
    told = story((DRAFTED, "person:cora"), (TRIED, "person:cora"))
    assert told.tell(STATED, actor="person:paul") == [
        PolicyApproved(release="bbb", effective_from=END_OF_MONTH, rollback="back to the old limits (to aaa)")
    ]


@pytest.mark.parametrize(
    ("release", "actor", "reason", "told"),
    [
        ("bbb", "key:robot", "why", "key:robot is not a person"),
        ("aaa", "person:paul", "why", "bbb is the newest release, not aaa"),
        ("bbb", "person:paul", " ", "say why"),
    ],
)
def test_what_is_not_rolled_back(release: str, actor: str, reason: str, told: str) -> None:
    tale = story((DRAFTED, "person:cora"), (TRIED, "person:cora"), (APPROVE, "person:paul"))
    (refused,) = tale.tell(PolicyRollbackRequested(release=release, reason=reason), actor=actor)
    assert isinstance(refused, PolicyRefused)
    assert refused.reason.startswith(told)


def test_the_first_release_stays() -> None:
    (refused,) = story().tell(PolicyRollbackRequested(release="aaa", reason="why"), actor="person:paul")
    assert refused == PolicyRefused(release="aaa", reason="there is no release before aaa")


def test_a_draft_can_be_written_anew_until_it_is_approved() -> None:
    other = replace(DRAFTED, note="said better")
    told = story((DRAFTED, "person:cora"), (other, "person:dora"))
    assert told.state("policy", SUBJECT).releases["bbb"] == Release(
        "bbb", 1, "person:dora", to_micros(NOW), note="said better", drafted_before=("person:cora",)
    )
    approved = story((DRAFTED, "person:cora"), (TRIED, "person:cora"), (APPROVE, "person:paul"))
    before = approved.state("policy", SUBJECT)
    approved.tell(other, actor="person:dora")
    assert approved.state("policy", SUBJECT) == before


def test_drafting_the_same_again_does_not_make_it_somebody_elses() -> None:
    told = story((DRAFTED, "person:cora"), (DRAFTED, "person:dora"), (TRIED, "person:dora"))
    (refused,) = told.tell(APPROVE, actor="person:cora")
    assert isinstance(refused, PolicyRefused)
    told.tell(APPROVE, actor="person:paul")
    state: State = told.state("policy", SUBJECT)
    assert state.authors(NOW + LEAD) == (
        Act("draft_policy", "person:cora"),
        Act("draft_policy", "person:dora"),
        Act("approve_policy", "person:paul"),
    )


def test_whoever_brings_an_older_release_back_stands_behind_it() -> None:
    told = story((DRAFTED, "person:cora"), (TRIED, "person:cora"), (APPROVE, "person:paul"))
    told.now = NOW + timedelta(hours=1)
    told.tell(PolicyRollbackRequested(release="bbb", reason="why"), actor="person:rita")
    state: State = told.state("policy", SUBJECT)
    assert state.authors(told.now) == (Act("draft_policy", "person:cora"), Act("approve_policy", "person:paul"))
    assert state.authors(told.now + LEAD) == (
        Act("draft_policy", "system:policy"),
        Act("approve_policy", "system:policy"),
        Act("roll_back_policy", "person:rita"),
    )


def test_whoever_calls_a_coming_release_off_stands_behind_what_stays() -> None:
    later = replace(APPROVE, effective_from=NOW + timedelta(days=3))
    told = story((DRAFTED, "person:cora"), (TRIED, "person:cora"), (later, "person:paul"))
    told.tell(PolicyRollbackRequested(release="bbb", reason="why"), actor="person:rita")
    assert Act("roll_back_policy", "person:rita") in told.state("policy", SUBJECT).authors(NOW)


@pytest.mark.parametrize("then", ["approved", "rolled back"])
def test_a_trial_is_of_the_policy_it_was_compared_with(then: str) -> None:
    """Two drafts at once: the second was tried against what the first has replaced since."""
    other = [replace(fact, release="ccc") for fact in (DRAFTED, TRIED)]
    told = story((DRAFTED, "person:cora"), (TRIED, "person:cora"), *((fact, "person:cora") for fact in other))
    told.now = NOW + timedelta(hours=1)
    told.tell(APPROVE, actor="person:paul")
    if then == "rolled back":
        told.now += timedelta(hours=1)
        told.tell(PolicyRollbackRequested(release="bbb", reason="why"), actor="person:paul")
    approve = PolicyApprovalRequested(release="ccc")
    assert told.tell(approve, actor="person:paul") == [
        PolicyRefused(
            release="ccc",
            reason=f"release bbb was {then} after ccc was tried; run `tieout policy try ccc` once more",
        )
    ]
    told.now += timedelta(hours=1)
    told.tell(other[1], actor="person:cora")
    assert [type(fact) for fact in told.tell(approve, actor="person:paul")] == [PolicyApproved]
