"""Duties that must not meet in one hand, on paper and on the document."""

import pytest

from tieout.model.cases import CaseClass
from tieout.model.effects import PAYLOADS
from tieout.policy.cases import CASE_RULES
from tieout.policy.dependencies import DEPENDENCIES, dependencies_of
from tieout.policy.duties import (
    ACTIONS,
    CONFLICTS,
    DUTIES,
    conflict_between,
    conflicts_among,
    duty_for,
    is_person,
    may,
)


def test_the_data_names_only_duties_that_exist() -> None:
    assert set(ACTIONS.values()) <= set(DUTIES)
    assert {duty for conflict in CONFLICTS for duty in conflict.duties} <= {*DUTIES, "*"}
    assert all(conflict.why.endswith(".") for conflict in CONFLICTS)


@pytest.mark.parametrize(
    ("one", "other", "level"),
    [
        ("VM", "IE", "hard"), ("VM", "PP", "hard"), ("VM", "PX", "hard"), ("VM", "VB", "hard"), ("IE", "IA", "hard"),
        ("PO", "PA", "hard"), ("PP", "PX", "hard"), ("PO", "GR", "hard"), ("GR", "IE", "hard"), ("GR", "IA", "hard"),
        ("PO", "IE", "hard"), ("PX", "RC", "hard"), ("PP", "RC", "hard"), ("PE", "JE", "high"), ("CF", "IA", "hard"),
        ("CF", "PX", "hard"), ("RP", "IA", "hard"), ("RP", "PX", "hard"), ("AD", "PX", "hard"), ("AD", "CF", "hard"),
        ("PP", "IE", None), ("PX", "PX", None), ("AD", "RD", None), ("RD", "PX", None),
    ],
)  # fmt: skip
def test_conflicts_hold_both_ways(one: str, other: str, level: str | None) -> None:
    for found in (conflict_between(one, other), conflict_between(other, one)):
        assert (found.level if found else None) == level


def test_a_service_account_carries_the_sum_of_its_users_duties() -> None:
    assert conflicts_among(["VM"]) == ()
    assert [conflict.duties for conflict in conflicts_among(["VM", "PX", "RD"])] == [("VM", "PX")]


def test_an_action_takes_its_duty_and_nobody_may_do_what_is_not_listed() -> None:
    assert may(["PX"], "release_payment")
    assert not may(["PP"], "release_payment")
    assert not may(DUTIES, "print_money")
    assert duty_for("accept_variance") == "IA"


@pytest.mark.parametrize(
    ("actor", "person"), [("person:anna", True), ("person:", False), ("system", False), ("key:ap", False), ("", False)]
)
def test_people_are_told_from_machines(actor: str, person: bool) -> None:
    assert is_person(actor) is person


def test_every_class_of_case_has_a_rule_and_offers_only_known_actions() -> None:
    assert list(CASE_RULES) == list(CaseClass)
    assert {action for rule in CASE_RULES.values() for action in rule.actions} <= set(ACTIONS)
    assert all(rule.remedy.endswith(".") and rule.actions for rule in CASE_RULES.values())


def test_dependencies_name_operations_and_stop_money_when_bank_details_are_stuck() -> None:
    named = {name for rules in DEPENDENCIES.values() for rule in rules for name in (rule.operation, rule.on)}
    assert named <= set(PAYLOADS)
    first = dependencies_of("send_payment_file")[0]
    assert (first.on, first.kind) == ("upsert_supplier", "hard_stop")
    assert all(rule.kind == "degrade" for rule in dependencies_of("post_invoice"))
    assert all((rule.minutes > 0) == (rule.kind == "tolerate") for rules in DEPENDENCIES.values() for rule in rules)
    assert dependencies_of("create_order") == ()
