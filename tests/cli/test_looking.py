"""Taking documents in, and looking at what became of them: tables for people, JSON for programs."""

from pathlib import Path

import pytest
from tests.cli.conftest import Tieout
from tests.docs import samples


@pytest.fixture
def post(tmp_path: Path) -> Path:
    """A folder with documents."""
    folder = tmp_path / "post"
    folder.mkdir()
    for name, body in samples.files().items():
        (folder / name).write_bytes(body)
    return folder


def test_documents_come_in_once(empty: Tieout, post: Path) -> None:
    files = [str(post / name) for name in ("orders.csv", "receipts.csv", "invoice-26-0117.xml")]
    taken = empty.ask("receive", "--channel", "portal", *files)
    assert [(one["file"], one["format"], one["status"], len(one["answers"])) for one in taken] == [
        ("orders.csv", "csv-orders", "accepted", 2),
        ("receipts.csv", "csv-receipts", "accepted", 2),
        ("invoice-26-0117.xml", "ubl-invoice", "accepted", 1),
    ]
    again = empty("receive", "--channel", "portal", *files)
    assert again.code == 0
    assert again.out.count("duplicate") == 3
    empty.work()
    assert empty.ask("status")["inbox"]["lanes"] == {}


@pytest.mark.parametrize("name", ["invoice-cut-off.xml", "supplier.json"])
def test_a_broken_document_is_kept_and_goes_no_further(empty: Tieout, post: Path, name: str) -> None:
    good = str(post / "orders.csv")
    answer = empty("receive", str(post / name), good, "--json")
    assert answer.code == 1
    broken, fine = answer.json
    assert (broken["status"], broken["answers"], fine["status"]) == ("quarantined", [], "accepted")
    assert broken["problems"]
    kept = [file.read_bytes() for file in (empty.folder / "originals").rglob("*") if file.is_file()]
    assert (post / name).read_bytes() in kept
    table = empty("receive", str(post / name))
    assert table.code == 1
    assert "quarantined" in table.out
    assert broken["problems"][0]["code"].replace("_", " ") in table.out


def test_an_invoice_of_strangers_is_traced_and_has_a_case(empty: Tieout, post: Path) -> None:
    assert empty("receive", str(post / "invoice-26-0117.xml")).code == 0
    empty.work()
    assert empty.ask("trace", "26-0117")["status"] == "invalid"
    assert [one["case_class"] for one in empty.ask("cases")["items"]] == ["unknown_supplier"]


def test_names_are_data_and_never_markup(empty: Tieout, tmp_path: Path) -> None:
    file = tmp_path / "[red]:smile:[nope].csv"
    file.write_bytes(samples.files()["orders.csv"])
    assert file.name in empty("receive", str(file)).out


# ── nothing has happened yet ───────────────────────────────────────────────────────────────────────────────────────


def test_status_of_nothing(empty: Tieout) -> None:
    assert empty.ask("status") == {
        "inbox": {"lanes": {}, "oldest_at": None, "timed": 0, "quarantined": 0},
        **{name: [] for name in ("effects", "cases", "payable", "in_flight", "readiness", "quarantine")},
    }
    lines = empty("status").out.splitlines()
    assert lines[0] == "inbox: 0 waiting, 0 timed, 0 in quarantine"
    assert all(line.endswith(": none") for line in lines[1:])


def test_lists_of_nothing(empty: Tieout) -> None:
    assert empty("cases").out == "Cases (0 of 0): none\n"
    assert empty("effects").out == "Writes: none\n"
    assert empty.ask("cases")["total"] == 0
    assert empty.ask("effects")["items"] == []


@pytest.mark.parametrize("wanted", ["INV-1", "", "eff-nothing", "a\x00b"])
def test_nothing_is_known(empty: Tieout, wanted: str) -> None:
    answer = empty("trace", wanted)
    assert (answer.code, answer.out) == (1, "")
    assert "nothing is known under" in answer.err


# ── a little business ──────────────────────────────────────────────────────────────────────────────────────────────


def test_status(small: Tieout) -> None:
    status = small.ask("status")
    assert [(one["case_class"], one["count"]) for one in status["cases"]] == [("price_variance", 1)]
    assert {(one["connector"], one["status"], one["count"]) for one in status["effects"]} == {
        ("erp", "ready", 1),
        ("ap", "ready", 1),
        ("erp", "parked", 4),
        ("ap", "parked", 1),
    }
    out = small("status").out
    assert "waits for another write" in out
    assert "price_variance" in out


def test_cases(small: Tieout) -> None:
    (case,) = small.ask("cases", "--class", "price_variance", "--entity", "DE01")["items"]
    assert case["amount"] == {"minor": 318730, "currency": "EUR"}
    assert "expected 62.00 EUR/C62, got 66.96 EUR/C62, limit 2 %" in case["reason"]
    out = small("cases").out
    assert out.startswith("Cases (1 of 1)")
    assert case["case_id"] in out
    assert "3,187.30 EUR" in out
    assert small.ask("cases", "--class", "duplicate")["total"] == 0
    assert "there is no entity 'GB01' in the policy; it has DE01" in small("cases", "--entity", "GB01").err
    assert small.ask("cases", "--all")["total"] == 1


def test_a_class_or_status_that_does_not_exist_is_wrong_usage(small: Tieout) -> None:
    cases, effects = small("cases", "--class", "price"), small("effects", "--status", "lost")
    assert (cases.code, effects.code) == (2, 2)
    assert "'price_variance'" in cases.err
    assert "'undecided'" in effects.err


def test_effects(small: Tieout) -> None:
    ready = small.ask("effects", "--status", "ready")["items"]
    assert {(one["connector"], one["operation"]) for one in ready} == {
        ("ap", "upsert_supplier"),
        ("erp", "upsert_supplier"),
    }
    assert len(small.ask("effects", "--connector", "erp")["items"]) == 5
    assert len(small.ask("effects", "--connector", "erp", "--limit", "2")["items"]) == 2
    out = small("effects").out
    assert ready[0]["effect_id"] in out, "ids stay in one piece, also in a pipe"
    assert "Supplier record" in out


def test_trace(small: Tieout) -> None:
    told = small.ask("trace", "26-0117")
    assert (told["kind"], told["status"], told["title"]) == (
        "invoice",
        "matched",
        "Invoice 26-0117, Alster Papier GmbH",
    )
    assert [step["type"] for step in told["steps"]] == [
        "invoice.received",
        "invoice.admitted",
        "invoice.validated",
        "invoice.matched",
    ]
    assert [write["effect"]["operation"] for write in told["writes"]] == ["submit_invoice"]
    out = small("trace", told["subject"]).out
    assert out.startswith("Invoice 26-0117, Alster Papier GmbH  matched  inv-")
    assert "with order PO-1001" in out


@pytest.mark.parametrize("wanted", ["PO-1002", samples.SUPPLIER.supplier_id])
def test_trace_of_other_things(small: Tieout, wanted: str) -> None:
    assert small("trace", wanted).code == 0


def test_trace_of_the_dear_one_shows_its_case(small: Tieout) -> None:
    assert "(open): Invoice 26-0118 of Alster Papier GmbH: price over limit" in small("trace", "26-0118").out
