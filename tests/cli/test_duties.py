"""The report for auditors, and the controls that make up for duties in one hand."""

from datetime import date, timedelta

import pytest
from tests.cli.conftest import Tieout
from tests.docs import samples

from tieout.model.events import Lane, Message
from tieout.model.facts import VarianceAccepted, supplier_home

TODAY = date.today()
CONTROL = f"""
[[identities]]
person = "anna"
system = "ap"
[[identities]]
person = "bernd"
system = "ap"
[[controls]]
name = "small site"
duties = ["GR", "IE"]
person = "anna"
measure = "the site manager compares delivery notes"
reviewer = "rita"
valid_from = {TODAY - timedelta(days=200)}
valid_until = {TODAY + timedelta(days=100)}
review_days = 30
"""


def with_controls(small: Tieout) -> None:
    file = small.folder / "policy.toml"
    file.write_text(file.read_text(encoding="utf-8") + CONTROL, encoding="utf-8")


def hire(small: Tieout, name: str, *duties: str) -> None:
    small.company().people.add_person(name, name, "correct horse battery", duties, accept_conflicts=True)


def test_nobody_with_conflicting_duties_is_a_good_report(empty: Tieout) -> None:
    answer = empty("duties", "report")
    assert answer.code == 0
    assert empty.ask("duties", "report") == []
    assert empty.ask("duties", "controls") == []


def test_an_uncovered_hard_conflict_fails_until_its_control_has_been_reviewed(empty: Tieout) -> None:
    hire(empty, "anna", "GR", "IE")
    assert empty("duties", "report").code == 1
    with_controls(empty)
    overdue = empty("duties", "report", "--json")
    assert overdue.code == 1
    assert [(one["holder"], one["kind"], one["compensated"], one["control"]) for one in overdue.json] == [
        ("anna", "person", False, "small site (review overdue)"),
        ("ap", "connection", False, ""),
    ]
    assert "NOT COVERED" in empty("duties", "report").out
    (control,) = empty.ask("duties", "controls")
    assert (control["name"], control["standing"], control["days_left"] < 0) == ("small site", "review overdue", True)
    refused = empty("duties", "review", "small site", "--as", "anna", "--reason", "fine")
    assert (refused.code, refused.err) == (1, "tieout: the control 'small site' is reviewed by rita, not by anna\n")
    assert empty("duties", "review", "small site", "--as", "rita", "--reason", "12 receipts compared").code == 0
    empty.work()
    (control,) = empty.ask("duties", "controls")
    assert (control["standing"], control["days_left"]) == ("in force", 30)
    assert "30 (soon)" in empty("duties", "controls").out
    report = empty("duties", "report", "--json").json
    assert [(one["holder"], one["compensated"], one["control"]) for one in report] == [
        ("anna", True, "small site (in force)"),
        ("ap", False, ""),
    ]


def test_a_control_that_does_not_exist(empty: Tieout) -> None:
    answer = empty("duties", "review", "no such", "--as", "rita", "--reason", "fine")
    assert (answer.code, answer.err) == (1, "tieout: there is no control 'no such' in the policy; there are: none\n")


def test_a_key_is_refused_like_an_account_and_covered_like_one(empty: Tieout) -> None:
    hire(empty, "anna", "GR", "IE")
    refused = empty("person", "key", "anna", "--duties", "GR,IE")
    assert refused.code == 1
    assert "GR with IE: Whoever confirms receipts could invoice goods that never came." in refused.err
    with_controls(empty)
    assert empty("person", "key", "anna", "--duties", "GR,IE").code == 1
    empty("duties", "review", "small site", "--as", "rita", "--reason", "12 receipts compared")
    empty.work()
    assert empty("person", "key", "anna", "--duties", "GR,IE").code == 0


@pytest.mark.parametrize("command", ["hold", "redeliver"])
def test_who_accepted_a_variance_does_not_move_its_writes_by_the_command_line(small: Tieout, command: str) -> None:
    effect = small.ask("effects", "--status", "ready", "--connector", "ap")["items"][0]
    home = supplier_home(samples.SUPPLIER.supplier_id)
    accepted = VarianceAccepted(reason="agreed")
    message = Message(
        source="person", key="a", data=accepted, home=home, subject=effect["subject"], actor="person:anna", lane=Lane.CONTROL
    )  # fmt: skip
    small.company().intake.offer([message])
    small.work()
    answer = small(command, effect["effect_id"], "--as", "anna", "--reason", "again")
    assert answer.code == 1
    assert "anna did accept variance on this document before and cannot" in answer.err
