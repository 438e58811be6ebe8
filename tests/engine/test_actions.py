"""What people do to effects and messages: under the same key, with who and why, and only where it makes sense."""

import itertools

import msgspec
import pytest
from tests.engine.kit import Engine, Target, promises

from tieout.kernel.errors import PermanentError
from tieout.kernel.problem import Code, Problem
from tieout.model.effects import PostInvoice
from tieout.model.facts import Outcome
from tieout.ports import Refused, Unknown

CARL = "person:carl"


def refused(text: str = "post K1") -> Engine:
    target = Target(promises(native_key=True))
    target.answers.append(lambda effect: Refused(problems=(Problem(Code.POSTING_REFUSED),)))
    engine = Engine(target)
    engine.say("a", text)
    engine.settle_down()
    return engine


def test_redeliver_goes_under_the_same_key_and_is_told() -> None:
    engine = refused()
    engine.actions.redeliver(engine.effect("K1").id, CARL, "the period is open again")
    engine.settle_down()
    assert engine.effect("K1").status == "applied"
    assert engine.target.batches == [["K1"], ["K1"]]
    assert engine.outcomes("a") == ("refused", f"redelivered by {CARL}", "applied")
    assert ("effect.handled", "a") in engine.log()


def test_hold_and_release() -> None:
    engine = Engine()
    engine.say("a", "post K1")
    engine.work.run(10)
    engine.actions.hold(engine.effect("K1").id, CARL, "wait for the auditor")
    engine.settle_down()
    engine.later(10_000)
    assert engine.effect("K1").status == "held", "the hold of a person does not end by itself"
    assert engine.effect("K1").error == f"held by {CARL}: wait for the auditor"
    for one, act in itertools.product((CARL, "person:Carl"), (engine.actions.release, engine.actions.redeliver)):
        with pytest.raises(PermanentError, match=f"was held by {one}; another person must let it go"):
            act(engine.effect("K1").id, one, "go")
    engine.actions.release(engine.effect("K1").id, "person:carla", "go")
    engine.settle_down()
    assert engine.target.held == ["K1"]


def test_whoever_held_it_may_still_give_it_up() -> None:
    engine = Engine()
    engine.say("a", "post K1")
    engine.work.run(10)
    engine.actions.hold(engine.effect("K1").id, CARL, "wait")
    engine.actions.cancel(engine.effect("K1").id, CARL, "not needed")
    assert engine.effect("K1").status == "cancelled"


def undecided(text: str) -> Engine:
    target = Target(promises())
    target.answers.append(lambda effect: Unknown(reason="lost"))
    engine = Engine(target)
    engine.say("a", text)
    engine.settle_down()
    return engine


def test_what_a_person_found_in_the_target_is_applied_and_the_process_goes_on() -> None:
    engine = undecided("post K1")
    name = engine.effect("K1").id
    assert engine.effect("K1").status == "undecided"
    engine.actions.settle_as_applied(name, CARL, " ERP-77 ", "found it in the ledger")
    engine.settle_down()
    row = engine.effect("K1")
    assert (row.status, row.error) == ("applied", f"settled by {CARL}: found it in the ledger")
    assert msgspec.json.decode(row.outcome, type=Outcome) == Outcome(status="applied", reference="ERP-77", cleared=True)
    assert engine.outcomes("a") == ("undecided", "applied", f"settled by {CARL}")
    assert engine.target.held == [], "nothing was sent"
    with pytest.raises(PermanentError, match="is applied; only undecided ones can be settled"):
        engine.actions.settle_as_applied(name, CARL, "ERP-78", "again")


def test_settling_needs_a_reference_and_an_undecided_effect() -> None:
    with pytest.raises(PermanentError, match="give the reference"):
        (engine := undecided("post K1")).actions.settle_as_applied(engine.effect("K1").id, CARL, " ", "found it")
    with pytest.raises(PermanentError, match="is refused; only undecided"):
        (engine := refused()).actions.settle_as_applied(engine.effect("K1").id, CARL, "ERP-1", "found it")


def test_an_invoice_is_read_back_and_not_believed() -> None:
    engine = undecided("post K1")
    row = engine.effect("K1")
    sqlite = engine.store.connection  # type: ignore[attr-defined]
    sqlite.execute("UPDATE effect SET operation = ? WHERE id = ?", (PostInvoice.operation, row.id))
    with pytest.raises(PermanentError, match="posts an invoice; redeliver it"):
        engine.actions.settle_as_applied(row.id, CARL, "ERP-1", "found it")


def test_cancel_is_for_good() -> None:
    engine = refused()
    engine.actions.cancel(engine.effect("K1").id, CARL, "not needed any more")
    engine.later(10_000)
    assert engine.effect("K1").status == "cancelled"
    with pytest.raises(PermanentError, match="is cancelled; only"):
        engine.actions.redeliver(engine.effect("K1").id, CARL, "on second thoughts")


def test_two_people_at_once_act_once() -> None:
    engine = refused()
    engine.actions.redeliver(engine.effect("K1").id, CARL, "open again")
    with pytest.raises(PermanentError, match="is ready; only dead, undecided, refused, held ones"):
        engine.actions.redeliver(engine.effect("K1").id, "person:cora", "open again")
    engine.settle_down()
    assert engine.target.held == ["K1"]


def test_what_is_applied_or_under_way_is_left_alone() -> None:
    engine = Engine()
    engine.say("a", "post K1")
    engine.settle_down()
    for act in (engine.actions.redeliver, engine.actions.hold, engine.actions.release, engine.actions.cancel):
        with pytest.raises(PermanentError, match="is applied"):
            act(engine.effect("K1").id, CARL, "because")
    lost = Target(promises(lookup=True, landing_seconds=5.0))
    lost.answers.append(lambda effect: Unknown(reason="lost"))
    waiting = Engine(lost)
    waiting.say("a", "post K1")
    waiting.settle_down()
    with pytest.raises(PermanentError, match="is unknown"):
        waiting.actions.redeliver(waiting.effect("K1").id, CARL, "impatient")


@pytest.mark.parametrize("reason", ["", "  "])
def test_without_a_reason_nothing_happens(reason: str) -> None:
    engine = refused()
    with pytest.raises(PermanentError, match="give a reason"):
        engine.actions.redeliver(engine.effect("K1").id, CARL, reason)
    assert engine.effect("K1").status == "refused"


def test_what_is_not_there_is_said_to_be_missing() -> None:
    engine = Engine()
    with pytest.raises(PermanentError, match="there is no effect"):
        engine.actions.redeliver("eff-none", CARL, "why not")
    with pytest.raises(PermanentError, match="not in quarantine"):
        engine.actions.requeue(77, CARL, "why not")


def test_a_requeue_is_in_the_log_with_who_and_why() -> None:
    engine = Engine()
    engine.say("a", "break")
    engine.settle_down()
    engine.actions.requeue(engine.inbox()[0].id, CARL, "mended")
    engine.settle_down()
    assert [kind for kind, _ in engine.log()].count("message.requeued") == 1
    assert engine.inbox()[0].status == "quarantined", "it breaks again, and is set aside again"
