"""Writes that are not as they should be stay in sight; cases open, settle and open again."""

import msgspec
import pytest
from tests.processes.company import ORDER_SUBJECT, SUPPLIER_ID, names, story

from tieout.kernel.clock import to_micros
from tieout.kernel.problem import Code, Problem
from tieout.model.cases import Case, CaseClass
from tieout.model.effects import CreateOrder, effect_id
from tieout.model.facts import CaseAssigned, CaseOpened, CaseSettled, EffectHandled, Outcome
from tieout.policy.cases import CASE_RULES
from tieout.processes.case import case_id

KEY = f"{ORDER_SUBJECT}/v1"
EFFECT = effect_id("erp", "create_order", KEY)
LOST = Outcome(status="unknown", problems=(Problem(Code.OUTCOME_UNKNOWN, detail="time-out"),))


def of_effect(told, name: str) -> list[tuple[str, ...]]:  # type: ignore[no-untyped-def]
    return [one for one in told.standings() if one[0] == name]


def test_an_ordinary_outcome_leaves_no_trace() -> None:
    told = story()
    told.settle(CreateOrder, KEY, Outcome(status="applied", reference="1"))
    assert told.state("effect", EFFECT) is None


def test_a_lost_answer_stands_without_calling_anybody_until_it_is_found() -> None:
    told = story()
    assert told.settle(CreateOrder, KEY, LOST) == []
    assert of_effect(told, "unknown_effect") == [("unknown_effect", "de", "2026-05", EFFECT, "0.00 XXX")]
    assert told.settle(CreateOrder, KEY, Outcome(status="applied", cleared=True)) == []
    assert told.state("effect", EFFECT) is None
    assert of_effect(told, "unknown_effect") == []


def test_what_only_a_person_can_find_out_calls_one() -> None:
    told = story()
    told.settle(CreateOrder, KEY, LOST)
    told.settle(CreateOrder, KEY, Outcome(status="undecided", problems=LOST.problems))
    assert told.cases() == {f"outcome_unknown {EFFECT}": "open"}
    assert of_effect(told, "unknown_effect")
    told.settle(CreateOrder, KEY, Outcome(status="applied", cleared=True))
    assert told.cases() == {f"outcome_unknown {EFFECT}": "settled"}


@pytest.mark.parametrize("status", ["refused", "dead"])
def test_what_was_refused_or_given_up_is_out_of_step(status: str) -> None:
    told = story()
    told.settle(CreateOrder, KEY, Outcome(status=status, problems=(Problem(Code.EFFECT_REFUSED, detail="no item"),)))
    assert of_effect(told, "unsynced") == [("unsynced", "de", "2026-05", EFFECT, "0.00 XXX")]
    assert told.cases() == {f"sync_failed {EFFECT}": "open"}
    case = told.state("case", case_id(CaseClass.SYNC_FAILED, EFFECT)).case
    assert case.reason == f"create_order {KEY} at erp: {status}. effect refused: no item"


def test_giving_an_effect_up_ends_it() -> None:
    told = story()
    told.settle(CreateOrder, KEY, Outcome(status="dead"))
    handled = EffectHandled(
        effect_id=EFFECT, connector="erp", operation="create_order", action="cancelled", reason="made by hand"
    )
    facts = told.tell(handled, ORDER_SUBJECT, actor="person:ina")
    assert facts == [CaseSettled(resolution="cancelled by person:ina")]
    assert of_effect(told, "unsynced") == []


def opened(reason: str = "look") -> CaseOpened:
    return CaseOpened(
        case=Case(
            case_class=CaseClass.TIE_OUT_BREAK, document="d1", entity="de", reason=reason, supplier_id=SUPPLIER_ID
        )
    )


def test_a_case_is_opened_refreshed_settled_and_opened_again() -> None:
    told, key = story(), case_id(CaseClass.TIE_OUT_BREAK, "d1")
    told.tell(opened(), key, "close/de")
    told.tell(CaseAssigned(assignee="carla"), key)
    told.tell(opened("still"), key)
    state = told.state("case", key)
    assert (state.status, state.case.reason, state.opened_count, state.assignee) == ("open", "still", 1, "carla")
    told.tell(CaseSettled(resolution="agrees again"), key)
    told.tell(CaseSettled(resolution="late"), key)
    assert told.rows("case")[key]["resolution"] == "agrees again"
    told.tell(opened("broken again"), key)
    state = told.state("case", key)
    assert (state.status, state.opened_count, state.assignee, state.resolution) == ("open", 2, "carla", "")


def test_a_case_shows_who_works_it_and_what_can_be_done() -> None:
    told, key = story(), case_id(CaseClass.TIE_OUT_BREAK, "d1")
    told.tell(opened(), key, "close/de")
    row, rule = told.rows("case")[key], CASE_RULES[CaseClass.TIE_OUT_BREAK]
    assert (row["owner_role"], row["severity"], row["remedy"]) == (rule.owner, rule.severity, rule.remedy)
    assert row["actions"] == "settle_case"
    assert row["opened_at"] == to_micros(told.now)
    assert msgspec.json.decode(row["problems"]) == []


def test_settling_what_is_not_there_does_nothing() -> None:
    told, key = story(), case_id(CaseClass.TIE_OUT_BREAK, "d2")
    assert names(told.tell(CaseSettled(resolution="?"), key, "close/de")) == []
    assert told.state("case", key) is None
