"""Duties that must not meet in one hand, on paper and on the document."""

from itertools import combinations, product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tieout.model.cases import CaseClass
from tieout.model.effects import PAYLOADS
from tieout.policy.cases import CASE_RULES
from tieout.policy.dependencies import DEPENDENCIES, dependencies_of
from tieout.policy.duties import (
    ACTIONS,
    CONFLICTS,
    DUTIES,
    Act,
    Identity,
    conflict_between,
    conflicts_among,
    conflicts_on_document,
    duty_for,
    is_person,
    may,
    real_actors,
    same_actor,
    shown,
)


def test_the_data_names_only_duties_that_exist() -> None:
    assert set(ACTIONS.values()) <= set(DUTIES)
    assert {duty for conflict in CONFLICTS for duty in conflict.duties} <= {*DUTIES, "*"}
    assert all(conflict.why.endswith(".") for conflict in CONFLICTS)


#: The whole table, written down a second time: pair → level, and whether a control may let it through on one document.
TABLE = {
    "VM-IE": ("hard", True), "VM-PP": ("hard", True), "VM-PX": ("hard", True), "VM-VB": ("hard", False),
    "IE-IA": ("hard", False), "PO-PA": ("hard", False), "PP-PX": ("hard", False), "JE-JA": ("hard", False),
    "PO-GR": ("hard", True), "GR-IE": ("hard", True), "GR-IA": ("hard", True), "PO-IE": ("hard", True),
    "PX-RC": ("hard", True), "PP-RC": ("hard", True), "PE-JE": ("high", True), "CF-IA": ("hard", True),
    "CF-PX": ("hard", True), "RP-IA": ("hard", True), "RP-PX": ("hard", True), "CF-CA": ("hard", False),
    "CA-IA": ("hard", True), "CA-PX": ("hard", True), "IE-IM": ("hard", False), "GR-IM": ("hard", True),
    "CA-IM": ("hard", True), "CF-IM": ("hard", True), "RP-IM": ("hard", True), "AD-*": ("hard", True),
}  # fmt: skip


def test_the_table_of_conflicts() -> None:
    assert len({frozenset(one.duties) for one in CONFLICTS}) == len(CONFLICTS), "a pair stands there twice"
    assert {one.name: (one.level, one.compensable) for one in CONFLICTS} == TABLE


@pytest.mark.parametrize(("one", "other"), [*combinations(DUTIES, 2), *((duty, duty) for duty in DUTIES)])
def test_conflicts_hold_both_ways_and_nowhere_else(one: str, other: str) -> None:
    named = {frozenset(pair.split("-")): pair for pair in TABLE}
    anything = "AD-*" if "AD" in (one, other) and one != other and "RD" not in (one, other) else None
    for found in (conflict_between(one, other), conflict_between(other, one)):
        assert (found.name if found else None) == named.get(frozenset((one, other)), anything)


def test_a_service_account_carries_the_sum_of_its_users_duties() -> None:
    assert conflicts_among(["VM"]) == ()
    assert [conflict.duties for conflict in conflicts_among(["VM", "PX", "RD"])] == [("VM", "PX")]


def test_an_action_takes_its_duty_and_nobody_may_do_what_is_not_listed() -> None:
    assert may(["PX"], "release_payment")
    assert not may(["PP"], "release_payment")
    assert not may(DUTIES, "print_money")
    assert duty_for("accept_variance") == "IA"


IDENTITIES = (
    Identity(person="Anna", system="ap", name="a.lopez"),
    Identity(person="anna", system="erp", name="user/7"),
    Identity(person="anna", system="tieout", name="svc"),
    Identity(person="bob", system="tieout", name="svc"),
    Identity(person="anna", system="feed"),
)
#: Every way in which anna acts: the actor as the log names it, and the system that told of it.
ANNA = [
    pytest.param("person:anna", "", id="herself, or a key of hers"),
    pytest.param("person:ANNA", "person", id="in other letters"),
    pytest.param("anna", "ap", id="an approver of the same name elsewhere"),
    pytest.param("person:a.lopez", "ap", id="an approver under another name"),
    pytest.param("A.Lopez", "AP", id="the same without person:"),
    pytest.param("erp:user/7", "erp", id="a user of the ERP"),
    pytest.param("procurement:anna", "procurement", id="a name nobody explains"),
    pytest.param("person:svc", "", id="an account several people use"),
    pytest.param("person:svc", "import", id="the same account, told by a program of its own"),
    pytest.param("svc", "", id="the same account, named by somebody"),
    pytest.param("system:feed", "feed", id="a connection she uses"),
]
_BY_DUTY = {duty: action for action, duty in ACTIONS.items()}
_PAIRS = [one.duties for one in CONFLICTS if set(one.duties) <= set(_BY_DUTY)]


@pytest.mark.parametrize(("actor", "system"), ANNA)
@pytest.mark.parametrize(("one", "other"), _PAIRS)
def test_no_pair_goes_through_whatever_name_it_is_done_under(actor: str, system: str, one: str, other: str) -> None:
    for first, second in ((one, other), (other, one)):
        done, doing = _BY_DUTY[first], _BY_DUTY[second]
        before, mine = Act(done, actor, system), Act(done, "person:anna")
        after = conflicts_on_document("person:anna", doing, [before], IDENTITIES)
        again = conflicts_on_document(actor, doing, [mine], IDENTITIES, system)
        wanted = conflict_between(one, other)
        assert [(clash.conflict, clash.person, clash.action, clash.before) for clash in after] == [
            (wanted, "person:anna", doing, before)
        ]
        assert [(clash.conflict, clash.person, clash.action, clash.before) for clash in again] == [
            (wanted, "person:anna", doing, mine)
        ]
        assert conflicts_on_document("person:carl", doing, [before], IDENTITIES) == ()


@pytest.mark.parametrize(
    ("actor", "system", "behind"),
    [
        ("person:carl", "", ["carl"]),
        ("person:svc", "", ["anna", "bob", "svc"]),
        ("svc", "", ["anna", "bob"]),
        ("svc", "ap", ["svc"]),
        ("person:a.lopez", "ap", ["a.lopez", "anna"]),
        ("person:a.lopez", "other", ["a.lopez"]),
        ("erp:user/7", "", ["anna"]),
        ("erp:user/8", "", ["user/8"]),
        ("system:feed", "", ["anna"]),
        ("system:other", "other", []),
        ("system", "feed", []),
        ("", "feed", []),
        ("person:", "feed", []),
    ],
)
def test_who_is_behind_an_actor(actor: str, system: str, behind: list[str]) -> None:
    assert sorted(real_actors(actor, IDENTITIES, system)) == [f"person:{name}" for name in behind]


def test_everybody_behind_an_account_runs_into_what_they_did_and_reads_why() -> None:
    acted = [
        Act("propose_payment", "person:anna"), Act("redeliver", "person:bob"), Act("enter_invoice", "person:anna"),
        Act("read", "person:anna"), Act("release_payment", "person:anna"), Act("propose_payment", "system"),
    ]  # fmt: skip
    found = conflicts_on_document("person:svc", "release_payment", acted, IDENTITIES)
    assert list(map(str, found)) == [
        "anna did propose payment on this document before and cannot release payment: "
        "Nobody releases a payment they proposed.",
        "bob did redeliver on this document before and cannot release payment: "
        "A replay could send again what the same person released.",
    ]
    assert conflicts_on_document("system", "release_payment", acted, IDENTITIES) == ()
    assert conflicts_on_document("system:feed", "release_payment", acted) == ()


@given(st.lists(st.tuples(st.sampled_from(["person:anna", "person:bob", "person:svc", "erp:user/7", "anna"]),
                          st.sampled_from(sorted(ACTIONS))), max_size=12))  # fmt: skip
def test_nothing_that_is_allowed_leaves_two_conflicting_duties_in_one_hand(tries: list[tuple[str, str]]) -> None:
    acted: list[Act] = []
    for actor, action in tries:
        if not conflicts_on_document(actor, action, acted, IDENTITIES):
            acted.append(Act(action, actor))
    for person in ("person:anna", "person:bob", "person:svc"):
        held = {ACTIONS[act.action] for act in acted if person in real_actors(act.actor, IDENTITIES)}
        assert all(conflict_between(one, other) is None for one, other in product(held, held))


def test_names_of_actors() -> None:
    assert same_actor("person:Anna", "PERSON:anna")
    assert not same_actor("person:anna", "person:ann")
    assert shown("person:anna") == "anna"
    assert shown("erp:user/7") == "erp:user/7"


@pytest.mark.parametrize(
    ("actor", "person"), [("person:anna", True), ("person:", False), ("system", False), ("key:ap", False), ("", False)]
)
def test_people_are_told_from_machines(actor: str, person: bool) -> None:
    assert is_person(actor) is person


def test_every_class_of_case_has_a_rule_and_offers_only_known_actions() -> None:
    assert list(CASE_RULES) == list(CaseClass)
    assert {action for rule in CASE_RULES.values() for action in rule.actions} <= set(ACTIONS)
    assert all(rule.remedy.endswith(".") and rule.actions for rule in CASE_RULES.values())


@pytest.mark.parametrize("name", CASE_RULES)
def test_every_class_of_case_says_what_to_do_by_when_and_how_it_ends(name: CaseClass) -> None:
    rule = CASE_RULES[name]
    assert 3 <= len(rule.playbook) <= 6
    assert all(step.endswith(".") and len(step) < 160 for step in rule.playbook)
    assert rule.settles.startswith("when ")
    assert 0 < rule.target <= 5 * 24


def test_the_playbook_offers_a_way_to_settle_what_does_not_settle_by_itself() -> None:
    by_hand = {name for name, rule in CASE_RULES.items() if rule.settles == "when a person settles it"}
    assert [name for name in by_hand if not {"settle_case", "settle_bank_case"} & set(CASE_RULES[name].actions)] == []


def test_dependencies_name_operations_and_stop_money_when_bank_details_are_stuck() -> None:
    named = {name for rules in DEPENDENCIES.values() for rule in rules for name in (rule.operation, rule.on)}
    assert named <= set(PAYLOADS)
    first = dependencies_of("send_payment_file")[0]
    assert (first.on, first.kind) == ("upsert_supplier", "hard_stop")
    assert all(rule.kind == "degrade" for rule in dependencies_of("post_invoice"))
    assert all((rule.minutes > 0) == (rule.kind == "tolerate") for rules in DEPENDENCIES.values() for rule in rules)
    assert dependencies_of("create_order") == ()


@pytest.mark.parametrize("name", ["Anna", " anna ", "ANNA", "\uff41nna", "an\u200bna", "a\u00adnna"])
def test_a_name_that_looks_the_same_is_the_same_person(name: str) -> None:
    assert real_actors(f"person:{name}", (), "ap") == real_actors(name, (), "ap") == {"person:anna"}
    assert same_actor(name, "anna")
    assert real_actors(name, (Identity(person="carl", system="ap", name="anna"),), "ap") >= {"person:carl"}
