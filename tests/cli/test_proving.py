"""Proving that the log is whole, that the tables follow from it, and what another policy would have done."""

from pathlib import Path

import pytest
from tests.cli.conftest import Tieout


def test_a_sound_log(small: Tieout) -> None:
    found = small.ask("verify")
    assert found["breaks"] == []
    assert found["checkpoints"] == 1
    assert "every byte is what it was" in small("verify").out


def test_an_empty_log_is_sound(empty: Tieout) -> None:
    assert empty("verify").code == 0
    assert empty("rebuild").code == 0


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (
            "UPDATE event SET data = CAST(replace(CAST(data AS TEXT), '24.50', '24.51') AS BLOB)"
            " WHERE type = 'order.placed'",
            "order.placed",
        ),
        ("UPDATE event SET actor = 'person:eve' WHERE type = 'invoice.matched'", "invoice.matched"),
        ("DELETE FROM event WHERE type = 'invoice.matched'", "are missing"),
    ],
)
def test_a_byte_that_was_changed_is_found(small: Tieout, change: str, told: str) -> None:
    small.sql(change)
    answer = small("verify")
    assert answer.code == 1
    assert "breaks" in answer.out
    assert told in answer.out
    assert small("verify", "--json").code == 1


def test_checkpoints_must_be_signed_with_our_key(small: Tieout) -> None:
    ours = small.company().seal_key.public_key().public_bytes_raw().hex()
    assert small("verify", "--key", ours).code == 0
    other = small("verify", "--key", "00" * 32)
    assert other.code == 1
    assert "signed with another key" in other.out


def test_the_tables_follow_from_the_log(small: Tieout) -> None:
    answer = small("rebuild")
    assert answer.code == 0
    assert answer.out.rstrip().endswith("all equal")
    small.sql("UPDATE view_case SET reason = 'nothing [/] to see'")
    wrong = small("rebuild")
    assert wrong.code == 1
    assert "1 differences" in wrong.out
    assert "view_case" in wrong.out
    assert "nothing [/] to see" in wrong.out


def test_a_looser_policy_would_have_let_the_dear_one_through(small: Tieout, tmp_path: Path) -> None:
    before = small.ask("status")
    looser = tmp_path / "looser.toml"
    text = (small.folder / "policy.toml").read_text(encoding="utf-8")
    looser.write_text(text.replace('percent = "2"', 'percent = "10"'), encoding="utf-8")
    found = small.ask("replay", "--what-if", str(looser))
    assert (found["invoices"], found["before"]["held"], found["after"]["held"]) == (2, 1, 0)
    (change,) = found["changes"]
    assert change["amount"] == {"minor": 318730, "currency": "EUR"}
    assert (change["before"]["result"], change["after"]["result"]) == ("held", "matched")
    assert all(check["passed"] for check in change["after"]["checks"])
    assert found["passing"] == {"EUR": 318730}
    out = small("replay", "--what-if", str(looser)).out
    assert "3,187.30 EUR in invoices that would now pass" in out
    assert "none sent" in out
    assert small.ask("status") == before, "nothing was done by asking"


def test_the_same_policy_changes_nothing(small: Tieout) -> None:
    found = small.ask("replay", "--what-if", str(small.folder / "policy.toml"))
    assert (found["before"], found["changes"]) == (found["after"], [])


def test_a_policy_that_cannot_be_read(small: Tieout, tmp_path: Path) -> None:
    wrong = tmp_path / "wrong.toml"
    wrong.write_text('[tolerances.default.price]\nkind = "value"', encoding="utf-8")
    answer = small("replay", "--what-if", str(wrong))
    assert answer.code == 1
    assert answer.err.startswith(f"tieout: {wrong}: line 1: tolerances.default.price")


def test_simulated_companies(empty: Tieout) -> None:
    answer = empty("sim", "--seeds", "3", "--json")
    assert answer.code == 0, answer.out
    assert answer.json["seeds"] == 3
