"""The policy from the command line: what holds and why, and the way of a release from its draft to its rollback."""

from pathlib import Path

import pytest
from structlog.testing import capture_logs
from tests.cli.conftest import Tieout

from tieout.policy.dialect import DIGESTS
from tieout.policy.load import load_policy

OLD = """
[group]
currency = "EUR"
[regions.emea]
country = "DE"
[entities.DE01]
name = "Northwind Handels GmbH"
region = "emea"
tax_ids = ["DE136695976"]
tolerances.price = { kind = "value", percent = 2 }
[tolerances.default]
"""
NEW = OLD.replace("percent = 2", "percent = 10")
OLD_VERSION, NEW_VERSION = load_policy(OLD).version, load_policy(NEW).version


@pytest.fixture
def office(small: Tieout) -> Tieout:
    """A company whose policy has levels, and a draft of another one beside it."""
    (small.folder / "policy.toml").write_text(OLD, encoding="utf-8")
    (small.folder / "looser.toml").write_text(NEW, encoding="utf-8")
    return small


def test_what_a_setting_is_and_which_level_says_so(office: Tieout) -> None:
    found = office.ask("policy", "explain", "--entity", "DE01", "--key", "tolerances.price")
    assert found == {
        "release": OLD_VERSION,
        "version": OLD_VERSION,
        "file": str(office.folder / "policy.toml"),
        "entity": "DE01",
        "settings": [{"key": "tolerances.price", "value": "value: percent 2", "level": "entity DE01"}],
        "warnings": [],
    }
    levels = {one["key"]: one["level"] for one in office.ask("policy", "explain", "--entity", "DE01")["settings"]}
    wanted = ("name", "country", "currency", "erp", "tolerances.freight", "close_window_days")
    assert [levels[key] for key in wanted] == ["entity DE01", "region emea", "group", "default", "dialect", "default"]
    out = office("policy", "explain", "--entity", "DE01").out
    assert "What holds for DE01" in out
    assert "(no releases yet)" in out


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("--entity", "XX"), f"there is no entity 'XX' in policy {OLD_VERSION}; it has DE01"),
        (("--key", "colour"), "there is no setting 'colour'"),
        (("--document", "nothing"), "nothing is known under 'nothing'"),
    ],
)
def test_what_cannot_be_explained(office: Tieout, arguments: tuple[str, ...], told: str) -> None:
    answer = office("policy", "explain", *arguments)
    assert answer.code == 1
    assert told in answer.err


def test_from_the_draft_to_the_rollback(office: Tieout) -> None:
    looser = str(office.folder / "looser.toml")
    assert "no releases yet" in office("policy", "list").out
    assert "percent = 2" in office("policy", "show").out
    differences = office.ask("policy", "diff", str(office.folder / "policy.toml"), looser)
    assert differences == [
        {"key": "entities.DE01.tolerances.price", "before": "value: percent 2", "after": "value: percent 10"}
    ]
    answer = office("policy", "draft", looser, "--as", "cora", "--note", "fewer holds")
    assert answer.out == f"drafted release {NEW_VERSION}\nnext: tieout policy try {NEW_VERSION}\n"
    assert "was not tried on the past" in office("policy", "approve", NEW_VERSION, "--as", "paul").err
    tried = office.ask("policy", "try", NEW_VERSION, "--as", "cora")
    assert (tried["invoices"], tried["before"]["held"], tried["after"]["held"], tried["changed"]) == (2, 1, 0, 1)
    assert "person:cora drafted" in office("policy", "approve", NEW_VERSION, "--as", "cora").err
    late = ("--effective", "2099-01-01")
    refused = office("policy", "approve", NEW_VERSION, "--as", "paul", *late).err
    assert "in a close window (2098-12 is being closed until 2099-01-05)" in refused
    stated = ("--rollback", "the old limits", "--rollback-to", OLD_VERSION)
    answer = office("policy", "approve", NEW_VERSION, "--as", "paul", *late, *stated)
    assert answer.out == f"release {NEW_VERSION} takes effect at 2099-01-01 00:00:00 UTC\n", answer.err
    listed = office.ask("policy", "list")
    assert listed["in_force"] == OLD_VERSION
    assert [(one["number"], one["release"]) for one in listed["releases"]] == [(0, OLD_VERSION), (1, NEW_VERSION)]
    assert listed["releases"][1]["rollback"] == f"the old limits (to {OLD_VERSION})"
    assert "coming" in office("policy", "list").out
    then = office.ask("policy", "explain", "--entity", "DE01", "--key", "tolerances.price", "--date", "2099-01-01")
    assert (then["release"], then["approved_by"], then["settings"][0]["value"]) == (
        NEW_VERSION,
        "person:paul",
        "value: percent 10",
    )
    assert office("policy", "show", NEW_VERSION).out.strip() == NEW.strip()
    back = office("policy", "rollback", NEW_VERSION, "--as", "paul", "--reason", "not now")
    assert back.out == f"release {OLD_VERSION} stays in force\n"
    assert office.ask("rebuild")["differences"] == []


def test_a_release_keeps_its_name_when_a_dialect_changes(office: Tieout, monkeypatch: pytest.MonkeyPatch) -> None:
    """An upgrade may bring another dialect: what is decided then has another version, under the same release."""
    office("policy", "draft", str(office.folder / "looser.toml"), "--as", "cora")
    monkeypatch.setitem(DIGESTS, "generic", "another")
    assert office.ask("policy", "list")["in_force"] == OLD_VERSION
    found = office.ask("policy", "explain", "--entity", "DE01")
    assert (found["release"], found["approved_by"]) == (OLD_VERSION, "system:policy")
    assert found["version"] == load_policy(OLD).version != OLD_VERSION
    assert f"policy {found['version']} (release {OLD_VERSION}), the first release" in office("policy", "explain").out
    assert "in force" in office("policy", "list").out


def test_under_which_version_a_document_was_decided(office: Tieout) -> None:
    office("policy", "draft", str(office.folder / "looser.toml"), "--as", "cora")
    (held,) = office.ask("replay", "--what-if", str(office.folder / "looser.toml"))["changes"]
    found = office.ask("policy", "explain", "--document", held["invoice_id"])
    assert found["subject"] == held["invoice_id"]
    assert found["entity"] == "DE01"
    (decided,) = found["decisions"]
    assert any("price over limit" in line for line in decided["decisions"])
    assert "price over limit" in office("policy", "explain", "--document", held["invoice_id"]).out


def test_a_draft_with_faults_is_refused_with_their_places(office: Tieout) -> None:
    wrong = office.folder / "wrong"
    (wrong / "entities").mkdir(parents=True)
    (wrong / "group.toml").write_text('[group]\ncurrency = "EUR"\n', encoding="utf-8")
    (wrong / "entities" / "DE01.toml").write_text('name = "x"\ncurency = "EUR"\n', encoding="utf-8")
    answer = office("policy", "draft", str(wrong), "--as", "cora")
    assert answer.code == 1
    assert answer.err == (
        f'tieout: {wrong}: entities/DE01.toml, line 2: entities.DE01.curency = "EUR": there is no such key;'
        ' did you mean "currency"? Correct it and load the policy again.\n'
    )
    assert "no releases yet" in office("policy", "list").out


def test_a_folder_may_be_the_policy(office: Tieout, tmp_path: Path) -> None:
    folder = office.folder / "policy"
    (folder / "entities").mkdir(parents=True)
    (folder / "group.toml").write_text('[group]\ncurrency = "EUR"\n', encoding="utf-8")
    (folder / "entities" / "DE01.toml").write_text('name = "x"\n', encoding="utf-8")
    config = office.config.read_text(encoding="utf-8")
    office.config.write_text(config.replace('policy = "policy.toml"', 'policy = "policy"'), encoding="utf-8")
    found = office.ask("policy", "explain", "--entity", "DE01", "--key", "currency")
    assert found["settings"] == [{"key": "currency", "value": "EUR", "level": "group"}]


def test_a_file_that_says_something_else_than_the_release_is_told_of(office: Tieout) -> None:
    def told() -> list[tuple[object, object, object]]:
        with capture_logs() as logs:
            office.company().tell_policy()
        return [(line["event"], line["in_force"], line["says"]) for line in logs]

    file = office.folder / "policy.toml"
    file.write_text(NEW, encoding="utf-8")
    assert told() == []
    office("policy", "draft", str(office.folder / "looser.toml"), "--as", "cora")
    file.write_text(OLD, encoding="utf-8")
    office("policy", "draft", str(office.folder / "looser.toml"), "--as", "cora")
    assert told() == []
    file.write_text(NEW, encoding="utf-8")
    assert told() == [("policy_file_differs", OLD_VERSION, NEW_VERSION)]
    file.write_text("colour = 1", encoding="utf-8")
    ((_, in_force, says),) = told()
    assert in_force == OLD_VERSION
    assert "there is no such key" in str(says)
    file.unlink()
    assert told() == []
