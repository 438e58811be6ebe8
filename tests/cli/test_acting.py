"""Holding, releasing, sending again and handling again: with a reason, with a name, and only where it makes sense."""

import sqlite3
from pathlib import Path

import pytest
from tests.cli.conftest import Tieout
from tests.docs import samples

from tieout.model.events import Message
from tieout.model.facts import CaseCommented

WHY = ("--reason", "call-back failed", "--as", "anna")
OTHER = ("--reason", "it was a mistake", "--as", "bernd")
SUPPLIER = samples.SUPPLIER.supplier_id


def first_effect(small: Tieout) -> str:
    return str(small.ask("effects", "--status", "ready", "--connector", "erp")["items"][0]["effect_id"])


def status_of(small: Tieout, effect_id: str) -> tuple[str, str]:
    for one in small.ask("effects")["items"]:
        if one["effect_id"] == effect_id:
            return one["status"], one["error"]
    raise AssertionError(effect_id)


def test_an_effect_is_held_and_released(small: Tieout) -> None:
    effect = first_effect(small)
    assert small("hold", effect, *WHY).out == f"held {effect}\n"
    assert status_of(small, effect) == ("held", "held by person:anna: call-back failed")
    again = small("hold", effect, *WHY)
    assert again.code == 1
    assert again.err == f"tieout: the effect {effect} is held; only ready, parked ones can be held\n"
    assert "was held by person:anna; another person must let it go" in small("release", effect, *WHY).err
    assert small("release", effect, *OTHER).out == f"released {effect}\n"
    assert status_of(small, effect)[0] == "ready"
    assert small("release", effect, *OTHER).code == 1


def test_a_held_effect_is_redelivered_under_the_same_key(small: Tieout) -> None:
    effect = first_effect(small)
    refused = small("redeliver", effect, *WHY)
    assert refused.code == 1
    assert "is ready; only dead, undecided, refused, held ones can be redelivered" in refused.err
    small("hold", effect, *WHY)
    assert small("redeliver", effect, *OTHER).out == f"{effect} goes out again\n"
    assert status_of(small, effect) == ("ready", "redelivered by person:bernd: it was a mistake")


def test_only_an_undecided_effect_is_settled(small: Tieout) -> None:
    effect = first_effect(small)
    assert small("settle", effect, *WHY).code == 2
    refused = small("settle", effect, "--reference", "ERP-1", *WHY)
    assert (refused.code, "is ready; only undecided ones can be settled" in refused.err) == (1, True)
    with sqlite3.connect(small.config.parent / "tieout.db") as sql:
        sql.execute("UPDATE effect SET status = 'undecided', operation = 'post_journal' WHERE id = ?", (effect,))
    assert small("settle", effect, "--reference", "ERP-1", *WHY).out == f"{effect} is applied as ERP-1\n"
    (row,) = small.company().store.effects([effect])
    assert (row.status, row.error) == ("applied", "settled by person:anna: call-back failed")
    assert b"ERP-1" in row.outcome


def test_who_and_why_are_in_the_log(small: Tieout) -> None:
    effect = first_effect(small)
    small("hold", effect, *WHY)
    small.work()
    step = small.ask("trace", effect)["steps"][-1]
    assert (step["type"], step["actor"]) == ("effect.handled", "person:anna")
    assert "call-back failed" in step["detail"] + step["headline"]


@pytest.mark.parametrize("command", ["hold", "release", "redeliver"])
def test_an_effect_that_does_not_exist(small: Tieout, command: str) -> None:
    answer = small(command, "eff-nothing", *WHY)
    assert (answer.code, answer.err) == (1, "tieout: there is no effect eff-nothing; `tieout effects` lists them\n")


@pytest.mark.parametrize("command", ["hold", "release", "redeliver", "requeue"])
def test_a_reason_must_be_given_and_say_something(small: Tieout, command: str) -> None:
    assert small(command, "1").code == 2
    empty = small(command, "1", "--reason", "  ")
    assert empty.code == 2
    assert "say why" in empty.err


# ── suppliers ──────────────────────────────────────────────────────────────────────────────────────────────────────


def hold_of(small: Tieout) -> str:
    small.work()
    rows = small.company().store.read_table("view_supplier", None)
    return str(rows[0]["hold_reason"])


def test_payments_to_a_supplier_are_held_by_one_and_released_by_another(small: Tieout) -> None:
    assert hold_of(small) == ""
    assert small("hold", SUPPLIER, *WHY).out == f"held {SUPPLIER}\n"
    assert hold_of(small) == "held by person:anna: call-back failed"
    assert small("release", SUPPLIER, "--reason", "mine", "--as", "anna").code == 0
    assert "release by person:anna refused" in hold_of(small)
    assert "`tieout trace" in small("release", SUPPLIER, "--reason", "called back", "--as", "bob").out
    assert hold_of(small) == ""


@pytest.mark.parametrize("command", ["hold", "release"])
def test_a_supplier_that_does_not_exist(small: Tieout, command: str) -> None:
    answer = small(command, "sup-nobody", *WHY)
    assert answer.code == 1
    assert answer.err.startswith("tieout: there is no supplier sup-nobody")
    assert small.ask("status")["inbox"]["lanes"] == {}


# ── quarantine ─────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_quarantined_message_is_handled_again(small: Tieout) -> None:
    company = small.company()
    remark = CaseCommented(text="hello")
    company.intake.offer([Message(source="test", key="1", data=remark, home="x", subject="case-x")])
    small.sql("UPDATE inbox SET status = 'quarantined', error = 'ValueError: [/no]' WHERE due_at = 0")
    (aside,) = small.ask("status")["quarantine"]
    assert "ValueError: [/no]" in small("status").out
    number = str(aside["inbox_id"])
    assert small("requeue", number, *WHY).out == f"message {number} is handled again\n"
    small.work()
    assert small.ask("status")["quarantine"] == []
    assert small("requeue", number, *WHY).code == 1


def test_a_message_that_is_not_in_quarantine(small: Tieout) -> None:
    answer = small("requeue", "4711", *WHY)
    assert answer.code == 1
    assert answer.err == "tieout: message 4711 is not in quarantine; `tieout status` lists what is\n"


# ── documents ──────────────────────────────────────────────────────────────────────────────────────────────────────

STATEMENT = (Path(__file__).parents[1] / "formats" / "data" / "statement.xml").read_bytes()


def test_a_document_in_quarantine_is_read_again_once_its_cause_is_mended(small: Tieout) -> None:
    mark = small.company().intake.take(STATEMENT, name="may.xml", media_type="text/xml", channel="bank").mark
    (listed,) = small.ask("documents", "--status", "quarantined")["items"]
    assert (listed["hash"], listed["name"], listed["problems"][-1]["code"]) == (mark, "may.xml", "unknown_entity")
    assert "may.xml" in small("documents").out
    still = small("retry", mark, *WHY)
    assert (still.code, "it still cannot be taken" in still.err) == (1, True)

    policy = small.folder / "policy.toml"
    text = policy.read_text(encoding="utf-8")
    assert '# iban = "DE89370400440532013000"' in text
    policy.write_text(text.replace("# iban = ", "iban = "), encoding="utf-8")
    assert small("retry", mark, *WHY).out == "accepted as camt.053: 2 facts\n"
    assert small.ask("documents", "--status", "quarantined")["items"] == []
