"""The effect protocol: every row of its table, told as a story. Time moves only when the story says so."""

from datetime import timedelta

import pytest
from tests.engine.kit import START, Engine, Target, promises

from tieout.engine.delivery import LEASE_SECONDS, to_effect
from tieout.kernel.errors import ConfigError, PermanentError, TransientError
from tieout.kernel.problem import Code, Problem
from tieout.policy.dependencies import Dependency
from tieout.ports import Absent, Applied, Effect, Refused, Result, Retry, Unknown

NO = Refused(problems=(Problem(Code.POSTING_REFUSED, detail="the period is closed"),))
DOWN = Retry(reason="503")
LOST = Unknown(reason="no answer")

LOOKUP = promises(lookup=True, landing_seconds=5.0)
NATIVE = promises(native_key=True)
UNIQUE = promises(unique_number=True)
NOTHING = promises()


def answers(*results: Result | Exception) -> Target:
    return answering(Target(LOOKUP), *results)


def answering(target: Target, *results: Result | Exception) -> Target:
    """The target gives these answers, and holds nothing of it."""
    for result in results:
        target.answers.append(lambda effect, result=result: _give(result))  # type: ignore[misc]
    return target


def _give(result: Result | Exception) -> Result:
    if isinstance(result, Exception):
        raise result
    return result


def lost_after_landing(target: Target) -> Target:
    """The target does the work and its answer is lost."""

    def land(effect: Effect) -> Result:
        target.land(effect)
        return LOST

    target.answers.append(land)
    return target


def asked(target: Target, text: str = "post K1", **more: object) -> Engine:
    engine = Engine(target, **more)  # type: ignore[arg-type]
    engine.say("a", text)
    engine.settle_down()
    return engine


# ── certain answers ─────────────────────────────────────────────────────────────────────────────────────────────


def test_applied_tells_what_was_read_back() -> None:
    engine = asked(Target(LOOKUP))
    row = engine.effect("K1")
    assert (row.status, row.attempts, row.owner) == ("applied", 1, "")
    assert engine.outcomes("a") == ("applied",)
    assert engine.target.held == ["K1"]


def test_refused_is_not_sent_again() -> None:
    engine = asked(answers(NO))
    engine.later(10_000)
    assert (engine.effect("K1").status, engine.target.batches) == ("refused", [["K1"]])
    assert engine.effect("K1").error == "posting refused: the period is closed"
    assert engine.outcomes("a") == ("refused",)


def test_asking_twice_acts_once() -> None:
    engine = asked(Target(LOOKUP), "post K1; post K1")
    engine.say("b", "post K1")
    engine.settle_down()
    assert engine.target.held == ["K1"]


def test_what_certainly_did_not_land_is_tried_again_on_a_ladder_and_given_up() -> None:
    engine = asked(answers(*[DOWN] * 4))
    waits: list[float] = []
    for _ in range(3):
        row = engine.effect("K1")
        assert row.status == "ready"
        waits.append((row.not_before - row.changed_at) / 1e6)
        engine.later(waits[-1] - 0.01)
        assert engine.effect("K1").attempts == row.attempts, "it waits its time"
        engine.later(0.02)
    assert engine.effect("K1").status == "dead"
    assert engine.outcomes("a") == ("dead",)
    for rung, wait in zip((1.0, 2.0, 5.0), waits, strict=True):
        assert rung <= wait <= rung * 1.5, "jitter spreads by up to half"
    assert len({wait / rung for rung, wait in zip((1.0, 2.0, 5.0), waits, strict=True)}) == 3, "each time differently"


def test_the_target_says_when_to_come_again() -> None:
    engine = asked(answers(*[Retry(reason="429", after_seconds=30.0)] * 6))
    for _ in range(6):
        engine.later(29)
        assert engine.effect("K1").status == "ready"
        engine.later(1)
    assert engine.effect("K1").status == "applied", "a target that asks for patience is never given up"


@pytest.mark.parametrize(
    ("error", "status"),
    [
        pytest.param(TransientError("refused connection"), "ready", id="transient: again"),
        pytest.param(ConfigError("no account"), "ready", id="set-up: the lane waits a minute"),
        pytest.param(PermanentError("never"), "refused", id="permanent: refused"),
        pytest.param(KeyError("bug"), "unknown", id="a connector's bug says nothing about the target"),
    ],
)
def test_errors_of_a_connector(error: Exception, status: str) -> None:
    assert asked(answers(error)).effect("K1").status == status


def test_a_connector_that_answers_too_little_leaves_all_unknown() -> None:
    target = Target(promises(lookup=True, landing_seconds=5.0, batch_size=3))
    target.apply = lambda effects: [target.land(effects[0])]  # type: ignore[method-assign]
    engine = asked(target, "post K1; post K2; post K3")
    assert {engine.effect(key).status for key in ("K1", "K2", "K3")} == {"unknown"}


# ── unknown ─────────────────────────────────────────────────────────────────────────────────────────────────────


def test_unknown_is_looked_up_after_the_landing_window_and_found() -> None:
    engine = asked(lost_after_landing(Target(LOOKUP)))
    assert (engine.effect("K1").status, engine.outcomes("a")) == ("unknown", ("unknown",))
    engine.later(4.9)
    assert engine.target.probed == []
    engine.later(0.2)
    assert engine.effect("K1").status == "applied"
    assert engine.target.held == ["K1"]
    assert engine.outcomes("a") == ("unknown", "applied")


def test_unknown_is_proved_absent_and_sent_again() -> None:
    engine = asked(answers(LOST))
    engine.later(5)
    assert (engine.target.probed, engine.target.held) == (["K1"], ["K1"])
    assert engine.effect("K1").attempts == 2
    assert engine.outcomes("a") == ("unknown", "applied")


def test_a_probe_without_an_answer_asks_again_and_ends_with_a_person() -> None:
    engine = asked(answers(LOST))
    engine.target.probes = [LOST, OSError("the probe broke"), *[LOST] * 30]
    for _ in range(60):
        engine.later(600)
    assert engine.effect("K1").status == "undecided"
    assert len(engine.target.probed) == 20
    assert engine.target.batches == [["K1"]], "it was never sent again blindly"
    assert engine.outcomes("a") == ("unknown", "undecided")


def test_a_native_key_makes_repeating_safe() -> None:
    engine = asked(answering(Target(NATIVE), LOST, LOST))
    for _ in range(3):
        engine.later(1)
    assert (engine.effect("K1").status, engine.target.probed) == ("applied", [])
    assert engine.target.batches == [["K1"]] * 3


def test_a_unique_number_makes_repeating_safe() -> None:
    engine = asked(answering(Target(UNIQUE), LOST))
    engine.later(1)
    assert (engine.effect("K1").status, engine.target.probed) == ("applied", [])


def test_without_any_promise_a_person_decides() -> None:
    engine = asked(lost_after_landing(Target(NOTHING)))
    for _ in range(5):
        engine.later(1000)
    assert (engine.effect("K1").status, engine.target.batches) == ("undecided", [["K1"]])
    assert engine.outcomes("a") == ("undecided",)
    engine.actions.redeliver(engine.effect("K1").id, "person:carl", "it is not there, I looked")
    engine.settle_down()
    assert engine.effect("K1").status == "applied"


# ── leases ──────────────────────────────────────────────────────────────────────────────────────────────────────


class Died(BaseException):
    """The worker's process ended."""


def dying(target: Target, *, landed: bool) -> Target:
    def die(effect: Effect) -> Result:
        if landed:
            target.land(effect)
        raise Died

    target.answers.append(die)
    return target


@pytest.mark.parametrize("landed", [True, False])
def test_a_lease_that_ends_without_an_outcome_is_unknown_and_not_ready(landed: bool) -> None:
    engine = Engine(dying(Target(LOOKUP), landed=landed))
    engine.say("a", "post K1")
    engine.work.run(10)
    with pytest.raises(Died):
        engine.delivery.send("erp/post_journal")
    other = engine.beside("worker-2")
    other.later(LEASE_SECONDS - 1)
    assert other.effect("K1").status == "leased"
    other.later(1)
    assert other.effect("K1").status == "unknown"
    assert other.target.probed == [], "its answer may still be on its way into the target"
    other.later(5)
    assert (other.target.probed, other.target.held, other.effect("K1").status) == (["K1"], ["K1"], "applied")


def test_a_lapsed_effect_is_probed_however_irregularly_we_look() -> None:
    """Each look before the landing window used to move the window on, so two lookers in turn never came to probe."""
    engine = Engine(dying(Target(LOOKUP), landed=True))
    engine.say("a", "post K1")
    engine.work.run(10)
    with pytest.raises(Died):
        engine.delivery.send("erp/post_journal")
    engine.later(LEASE_SECONDS)
    for _ in range(8):
        engine.later(2.0)
    assert engine.effect("K1").status == "applied"


def test_a_renewed_lease_does_not_lapse() -> None:
    target = Target(LOOKUP)
    engine = Engine(target)

    def slowly() -> None:
        for _ in range(10):
            engine.clock.move(timedelta(seconds=2))
            engine.store.renew_effects("worker-1", int(engine.clock.now().timestamp() * 1e6) + 5_000_000)
            engine.beside("worker-2").schedule.tidy()

    target.before_apply = slowly
    engine.say("a", "post K1")
    engine.settle_down()
    assert engine.effect("K1").status == "applied"


def test_the_late_answer_of_a_stale_sender_counts_for_nothing() -> None:
    """Worker 1 freezes, never sends, and wakes up after worker 2 has proved it absent and sent it."""
    target = answers(DOWN)
    engine = Engine(target)
    other = engine.beside("worker-2")

    def freeze() -> None:
        target.before_apply = lambda: None
        target.answers = []
        other.later(LEASE_SECONDS + 1)
        other.later(6)
        target.answers = [lambda effect: DOWN]

    target.before_apply = freeze
    engine.say("a", "post K1")
    engine.settle_down()
    assert (engine.effect("K1").status, target.held) == ("applied", ["K1"])
    assert engine.outcomes("a") == ("applied",)


def test_a_frozen_sender_looks_again_before_it_sends_on() -> None:
    """It holds three batches; while it was frozen after the first, another worker has sent the rest."""
    target = Target(promises(lookup=True, landing_seconds=5.0))
    target.manifest = _with_batches(target)
    engine = Engine(target)
    other = engine.beside("worker-2")

    def land_and_freeze(effect: Effect) -> Result:
        applied = target.land(effect)
        other.later(LEASE_SECONDS + 1)
        other.later(6)
        return applied

    target.answers.append(land_and_freeze)
    engine.say("a", "post K1; post K2; post K3")
    engine.settle_down()
    engine.later(10)
    assert target.held == ["K1", "K2", "K3"], "nothing was sent twice"


def _with_batches(target: Target) -> object:
    """One operation takes one at a time, another many: a lease then holds several batches."""
    from msgspec.structs import replace

    first, *others = target.manifest.operations
    return replace(target.manifest, operations=(first, *(replace(other, batch_size=3) for other in others)))


# ── order, lanes, dependencies ──────────────────────────────────────────────────────────────────────────────────


def test_the_nearest_deadline_goes_first_then_priority_then_age() -> None:
    engine = asked(Target(LOOKUP), "post late; post-by noon 240; post-by soon 30; post later")
    assert engine.target.held == ["soon", "noon", "late", "later"]


def test_writes_of_one_operation_travel_together_up_to_the_batch_size() -> None:
    engine = asked(Target(promises(native_key=True, batch_size=2)), "post K1; post K2; pay F1; post K3")
    assert sorted(map(sorted, engine.target.batches)) == [["F1"], ["K1", "K2"], ["K3"]]


@pytest.mark.parametrize(
    ("lane", "lanes"),
    [
        ("operation", ["erp/post_journal", "erp/send_payment_file"]),
        ("entity", ["erp/DE01"]),
        ("target", ["erp"]),
    ],
)
def test_lanes(lane: str, lanes: list[str]) -> None:
    engine = Engine(Target(promises(native_key=True, lane=lane)))
    engine.say("a", "post K1; pay F1")
    engine.work.run(10)
    assert engine.delivery.lanes() == lanes


def test_an_effect_waits_for_the_one_before_it() -> None:
    from tieout.model.effects import effect_id

    first = effect_id("erp", "post_journal", "K1")
    engine = asked(answers(DOWN), f"post K2 {first}; post K1")
    assert (engine.effect("K1").status, engine.effect("K2").status) == ("ready", "parked")
    engine.later(2)
    assert engine.target.held == ["K1", "K2"]


STOP = {
    "send_payment_file": (Dependency(operation="send_payment_file", on="upsert_supplier", kind="hard_stop", why=""),)
}


def test_a_hard_stop_holds_a_payment_file_and_lets_it_go() -> None:
    engine = asked(answers(DOWN), "onboard S1", rules=STOP)
    engine.say("a", "pay F1")
    engine.settle_down()
    assert engine.effect("F1").status == "held"
    assert engine.effect("F1").error == "stopped: upsert_supplier at erp is ready for S1: 503"
    engine.later(2)
    engine.later(0)
    assert engine.target.held == ["S1", "F1"]
    assert engine.effect("F1").error == ""


@pytest.mark.parametrize(("minutes", "held"), [(60, False), (0, True)])
def test_what_is_tolerated_for_a_while_is_not_tolerated_for_ever(minutes: int, held: bool) -> None:
    rule = Dependency(operation="post_journal", on="upsert_supplier", kind="tolerate", minutes=minutes, why="")
    engine = asked(answers(Retry(reason="down", after_seconds=9e4)), "onboard S1", rules={"post_journal": (rule,)})
    engine.later(600)
    engine.say("a", "post K1")
    engine.settle_down()
    assert (engine.effect("K1").status == "held") is held


def test_what_only_degrades_never_waits() -> None:
    rule = Dependency(operation="post_journal", on="upsert_supplier", kind="degrade", why="")
    engine = asked(answers(Retry(reason="down", after_seconds=9e4)), "onboard S1", rules={"post_journal": (rule,)})
    engine.say("a", "post K1")
    engine.settle_down()
    assert engine.effect("K1").status == "applied"


def test_a_lane_rests_after_a_row_of_failures_and_then_tries_one() -> None:
    from msgspec.structs import replace

    target = answers(*[Retry(reason="503", after_seconds=0.5)] * 4)
    target.manifest = replace(target.manifest, breaker_failures=3, breaker_seconds=30.0)
    engine = asked(target)
    for _ in range(10):
        engine.later(1)
    assert len(target.batches) == 3
    assert engine.delivery.resting("erp/post_journal")
    engine.later(30)
    assert len(target.batches) == 4, "half open: one batch tries, and fails"
    engine.later(10)
    assert len(target.batches) == 4
    engine.later(30)
    assert engine.effect("K1").status == "applied"
    assert not engine.delivery.resting("erp/post_journal")


def test_without_its_connector_an_effect_waits() -> None:
    engine = Engine(Target(LOOKUP))
    engine.delivery._connectors.clear()
    engine.say("a", "post K1")
    engine.settle_down()
    assert engine.effect("K1").status == "ready"
    assert "no connector is configured" in engine.effect("K1").error


def test_a_connector_gets_back_exactly_what_was_intended() -> None:
    engine = Engine(Target(LOOKUP))
    engine.say("a", "post K1")
    engine.work.run(10)
    effect = to_effect(engine.effect("K1"))
    assert (effect.operation, effect.key, effect.entity, effect.subject) == ("post_journal", "K1", "DE01", "a")
    assert engine.effect("K1").created_at == int(START.timestamp() * 1e6)
    assert isinstance(engine.target.probe(effect), Absent)
    assert isinstance(engine.target.land(effect), Applied)
