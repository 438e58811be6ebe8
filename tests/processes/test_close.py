"""Readiness is computed: what blocks a period, who says so, and what makes it turn."""

from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.processes.story import Story

from tieout.kernel.money import Money
from tieout.kernel.problem import Code, Problem
from tieout.model.cases import Case, CaseClass
from tieout.model.documents import CloseTask, Total
from tieout.model.effects import ReportReadiness
from tieout.model.facts import (
    CaseOpened,
    CaseSettled,
    EvaluationDue,
    Fact,
    PeriodNotReady,
    PeriodOpened,
    PeriodReady,
    SourceObserved,
    StandingChanged,
    TaskChanged,
    TotalsCompared,
    close_home,
)
from tieout.policy.policy import EntityPolicy, Policy
from tieout.processes import case, close
from tieout.processes.close import Entity, Period, Readiness, Signal, Task, TieOut, readiness
from tieout.processes.process import Intent

NOW = datetime(2026, 6, 2, 8, 10, tzinfo=UTC)
POLICY = Policy(entities={"de": EntityPolicy(name="Acme GmbH", currency="EUR", close="blackline")})
FRESH = NOW - timedelta(minutes=5)
OPENED = PeriodOpened(entity="de", period="2026-05", required_sources=("bank", "erp"))
MAY = "de/2026-05"


def heard(system: str, at: datetime = FRESH) -> SourceObserved:
    return SourceObserved(entity="de", system=system, observed_at=at)


def changed(period: str, **changes: int) -> StandingChanged:
    return StandingChanged(entity="de", period=period, changes=changes)


def task(done: bool, task_id: str = "T1") -> TaskChanged:
    return TaskChanged(task=CloseTask(task_id=task_id, entity="de", period="2026-05", name="Depreciation", done=done))


def totals(count: int, minor: int, set_hash: int = 0) -> Total:
    return Total(count=count, sum_minor=minor, currency="EUR", set_hash=set_hash)


def compared(left: Total, right: Total, pair: str = "ap_erp") -> TotalsCompared:
    return TotalsCompared(entity="de", period="2026-05", pair=pair, left=left, right=right)


def tell(story: Story, *facts: Fact) -> list[Fact]:
    """Tell facts and return what came of the last one."""
    last: list[Fact] = []
    for fact in facts:
        subject = "de/2026-05" if isinstance(fact, StandingChanged | EvaluationDue) else ""
        last = story.tell(fact, subject, close_home("de") if subject else "", entity="de")
    return last


def story(*facts: Fact) -> Story:
    story = Story(POLICY, (close.ENTITY, close.PROCESS, case.PROCESS), NOW)
    tell(story, *facts)
    return story


def status(told: Story, subject: str = MAY) -> str:
    return str(told.rows("period")[subject]["status"])


READY = (OPENED, heard("bank"), heard("erp"))
ENTITY = Entity(signals={"bank": Signal(FRESH), "erp": Signal(FRESH)})
PERIOD = Period("de", "2026-05", is_open=True, required_sources=("bank", "erp"))
AGREE, BREAK = TieOut(True, totals(1, 5), totals(1, 5)), TieOut(False, totals(1, 5), totals(1, 6))


@pytest.mark.parametrize(
    ("period", "entity", "blockers"),
    [
        pytest.param(PERIOD, ENTITY, {}, id="nothing blocks it"),
        pytest.param(PERIOD, Entity(), {"stale.bank": 1, "stale.erp": 1}, id="never heard of its sources"),
        pytest.param(
            PERIOD,
            Entity(signals={"bank": Signal(NOW - timedelta(minutes=60)), "erp": Signal(NOW - timedelta(minutes=61))}),
            {"stale.erp": 1},
            id="an hour old is fresh, a minute more is stale",
        ),
        pytest.param(
            PERIOD,
            msgspec.structs.replace(ENTITY, standing={"2026-05": {"unposted": 3, "unmatched_entry": 1}}),
            {"unmatched_entry": 1, "unposted": 3},
            id="what stands in the period",
        ),
        pytest.param(
            PERIOD,
            msgspec.structs.replace(
                ENTITY,
                standing={
                    "": {"unsynced": 1},
                    "2026-03": {"unposted": 1},
                    "2026-04": {"unposted": 2},
                    "2026-06": {"unposted": 9},
                },
            ),
            {"earlier.unposted": 3, "earlier.unsynced": 1},
            id="what stands in earlier periods or in none, not what stands in later ones",
        ),
        pytest.param(
            msgspec.structs.replace(PERIOD, tie_outs={"ap_erp": AGREE, "erp_bank": BREAK}),
            ENTITY,
            {"tie_out.erp_bank": 1},
            id="a pair that does not agree",
        ),
        pytest.param(
            msgspec.structs.replace(
                PERIOD, tasks={"T1": Task("a", True), "T2": Task("b", False), "T3": Task("c", False)}
            ),
            ENTITY,
            {"tasks": 2},
            id="tasks that are not done",
        ),
    ],
)
def test_what_blocks_a_period(period: Period, entity: Entity, blockers: dict[str, int]) -> None:
    assert readiness(period, entity, NOW, POLICY) == Readiness(blockers)


def test_a_period_turns_ready_when_its_last_source_is_heard_of_and_the_close_tool_is_told() -> None:
    told = story()
    assert tell(told, OPENED) == [PeriodNotReady(blockers={"stale.bank": 1, "stale.erp": 1})]
    assert tell(told, heard("bank")) == [
        EvaluationDue(entity="de", period="2026-05"),
        PeriodNotReady(blockers={"stale.erp": 1}, signals={"bank": FRESH}),
    ]
    assert tell(told, heard("erp")) == [
        EvaluationDue(entity="de", period="2026-05"),
        PeriodReady(signals={"bank": FRESH, "erp": FRESH}),
    ]
    assert told.asked(ReportReadiness)[1:] == [
        Intent(
            connector="blackline",
            payload=ReportReadiness(entity="de", period="2026-05", ready=False, blockers=("stale.erp: 1",)),
            key="de/2026-05/2",
            entity="de",
        ),
        Intent(
            connector="blackline",
            payload=ReportReadiness(entity="de", period="2026-05", ready=True, blockers=()),
            key="de/2026-05/3",
            entity="de",
        ),
    ]


def test_a_stale_source_must_not_be_ready() -> None:
    told = story(*READY)
    assert status(told) == "ready"
    due = list(told.timers)
    assert due == ["close/de/2026-05/2026-06-02T08:30:00+00:00"]
    assert told.fire(due[0]) == []  # 25 minutes old: still fresh; the next look is armed
    told.fire("close/de/2026-05/2026-06-02T09:00:00+00:00")
    assert told.fire("close/de/2026-05/2026-06-02T09:30:00+00:00") == [
        PeriodNotReady(blockers={"stale.bank": 1, "stale.erp": 1}, signals={"bank": FRESH, "erp": FRESH})
    ]
    assert tell(told, heard("bank", told.now), heard("erp", told.now))[-1] == PeriodReady(
        signals={"bank": told.now, "erp": told.now}
    )


def test_two_looks_arm_one_timer() -> None:
    told = story(*READY, EvaluationDue(entity="de", period="2026-05"), EvaluationDue(entity="de", period="2026-05"))
    assert list(told.timers) == ["close/de/2026-05/2026-06-02T08:30:00+00:00"]


def test_a_source_that_is_heard_of_again_while_fresh_writes_nothing_more() -> None:
    told = story(*READY)
    assert tell(told, heard("erp", NOW)) == []
    assert tell(told, heard("erp", FRESH)) == []  # late
    assert told.state("entity", "de").signals["erp"] == Signal(NOW, FRESH)


def test_a_late_event_after_ready_turns_it_back() -> None:
    told = story(*READY)
    assert tell(told, changed("2026-05", unposted=1)) == [
        PeriodNotReady(blockers={"unposted": 1}, signals={"bank": FRESH, "erp": FRESH})
    ]
    assert tell(told, changed("2026-05", unposted=-1)) == [PeriodReady(signals={"bank": FRESH, "erp": FRESH})]


def test_counts_alone_are_shown_but_not_told() -> None:
    told = story(*READY, changed("2026-05", unposted=1))
    assert tell(told, changed("2026-05", unposted=4)) == []
    row = told.rows("period")[MAY]
    assert row == {
        "entity": "de",
        "period": "2026-05",
        "status": "not_ready",
        "blockers": '{"unposted":5}',
        "signals": '{"bank":1780387500000000,"erp":1780387500000000}',
        "tie_outs": "{}",
        "tasks": "{}",
        "evaluated_at": 1780387800000000,
    }


def test_what_stands_before_a_period_is_opened_counts() -> None:
    told = story(changed("2026-05", unposted=2), heard("bank"), heard("erp"))
    assert told.rows("period") == {}
    assert tell(told, OPENED)[-1] == PeriodNotReady(blockers={"unposted": 2}, signals={"bank": FRESH, "erp": FRESH})


def test_an_earlier_period_blocks_a_later_one_and_is_looked_at_only_when_it_turns() -> None:
    june = PeriodOpened(entity="de", period="2026-06", required_sources=("erp",))
    told = story(*READY, june)
    assert (status(told), status(told, "de/2026-06")) == ("ready", "ready")
    assert tell(told, changed("2026-05", unposted=1)) == [
        EvaluationDue(entity="de", period="2026-06"),
        PeriodNotReady(blockers={"unposted": 1}, signals={"bank": FRESH, "erp": FRESH}),
        PeriodNotReady(blockers={"earlier.unposted": 1}, signals={"erp": FRESH}),
    ]
    assert (status(told), status(told, "de/2026-06")) == ("not_ready", "not_ready")
    assert tell(told, changed("2026-05", unposted=1)) == []
    tell(told, changed("2026-05", unposted=-2))
    assert (status(told), status(told, "de/2026-06")) == ("ready", "ready")
    tell(told, changed("2026-06", unposted=1))
    assert (status(told), status(told, "de/2026-06")) == ("ready", "not_ready")


def test_tasks_block_until_they_are_done() -> None:
    told = story(*READY)
    assert tell(told, task(False)) == [PeriodNotReady(blockers={"tasks": 1}, signals={"bank": FRESH, "erp": FRESH})]
    assert tell(told, task(False, "T2")) == []
    tell(told, task(True))
    assert status(told) == "not_ready"
    assert tell(told, task(True, "T2")) == [PeriodReady(signals={"bank": FRESH, "erp": FRESH})]


@pytest.mark.parametrize(
    ("left", "right", "agrees"),
    [
        pytest.param(totals(2, 500, 7), totals(2, 500, 7), True, id="count, sum and set"),
        pytest.param(totals(2, 500, 7), totals(2, 500, 0), True, id="one side gives no digest"),
        pytest.param(totals(2, 500, 7), totals(2, 500, 8), False, id="not the same items"),
        pytest.param(totals(2, 500), totals(3, 500), False, id="count"),
        pytest.param(totals(2, 500), totals(2, 501), False, id="sum"),
        pytest.param(totals(2, 500), Total(count=2, sum_minor=500, currency="USD"), False, id="currency"),
    ],
)
def test_when_two_systems_agree(left: Total, right: Total, agrees: bool) -> None:
    told = story(*READY, compared(left, right))
    assert told.state("close", MAY).tie_outs["ap_erp"].agrees is agrees
    assert (status(told) == "ready") is agrees


def test_a_break_is_a_case_until_the_two_agree_again() -> None:
    told = story(*READY)
    problem = Problem(Code.TIE_OUT_BREAK, "ap_erp", "2 items, 5.00 EUR", "1 items, 4.00 EUR")
    opened = Case(
        case_class=CaseClass.TIE_OUT_BREAK,
        document="de/2026-05/ap_erp",
        entity="de",
        reason=str(problem),
        problems=(problem,),
        amount=Money(100, "EUR"),
    )
    not_ready = PeriodNotReady(blockers={"tie_out.ap_erp": 1}, signals={"bank": FRESH, "erp": FRESH})
    assert tell(told, compared(totals(2, 500), totals(1, 400))) == [CaseOpened(case=opened), not_ready]
    assert tell(told, compared(totals(2, 500), totals(1, 400))) == []
    assert [type(fact) for fact in tell(told, compared(totals(3, 500), totals(1, 400)))] == [CaseOpened]
    assert tell(told, compared(totals(3, 500), totals(3, 500))) == [
        CaseSettled(resolution="the two systems agree again"),
        PeriodReady(signals={"bank": FRESH, "erp": FRESH}),
    ]
    assert told.cases() == {"tie_out_break de/2026-05/ap_erp": "settled"}


MOVES = st.one_of(
    st.builds(
        changed, st.sampled_from(["", "2026-04", "2026-05", "2026-06"]), unposted=st.integers(-2, 2).filter(bool)
    ),
    st.builds(heard, st.sampled_from(["bank", "erp"]), st.sampled_from([FRESH, NOW, NOW - timedelta(hours=3)])),
    st.builds(task, st.booleans(), st.sampled_from(["T1", "T2"])),
    st.builds(compared, st.just(totals(1, 1)), st.sampled_from([totals(1, 1), totals(1, 2)])),
    st.just(OPENED),
)


@settings(max_examples=150, deadline=None)
@given(st.lists(MOVES, max_size=12))
def test_what_was_told_last_is_always_what_is_true_now(moves: list[Fact]) -> None:
    told = story(OPENED)
    for fact in moves:
        subject = f"de/{fact.period}" if isinstance(fact, StandingChanged) else ""
        told.tell(fact, subject, close_home("de") if subject else "", entity="de")
        period, entity = told.state("close", MAY), told.state("entity", "de")
        verdict = readiness(period, entity, NOW, POLICY)
        assert (period.ready, set(period.blockers)) == (verdict.ready, set(verdict.blockers))
        last = told.asked(ReportReadiness)[-1]
        assert isinstance(last.payload, ReportReadiness)
        assert last.payload.ready is verdict.ready
