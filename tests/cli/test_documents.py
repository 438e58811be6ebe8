"""Looking at documents, and turning them into others, from the command line."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from tieout.cli import group

DATA = Path(__file__).parents[1] / "formats" / "data"


def tieout(*words: str) -> Result:
    return CliRunner().invoke(group, ["--config", "/nowhere/tieout.toml", *words])


def test_inspect_says_what_a_file_is_and_what_would_come_of_it() -> None:
    answer = tieout("inspect", str(DATA / "orders.csv"))
    assert answer.exit_code == 0, answer.output
    assert "Purchase orders as a table (csv-orders)" in answer.output
    assert "it would be taken: 2 facts would be handed on" in answer.output


def test_inspect_shows_what_is_wrong_at_its_place(tmp_path: Path) -> None:
    wrong = tmp_path / "wrong.csv"
    wrong.write_bytes((DATA / "orders.csv").read_bytes().replace(b"2026-04-20", b"soon"))
    answer = tieout("inspect", "--lines", str(wrong))
    assert answer.exit_code == 1
    place = answer.output.index("soon", answer.output.index("order_id"))
    assert "^ bad value" in answer.output[place:]
    found = json.loads(tieout("inspect", "--json", str(wrong)).output)
    assert (found[0]["outcome"], found[0]["proved"]) == ("quarantined", False)


def test_every_format_is_listed() -> None:
    names = {one["name"] for one in json.loads(tieout("formats", "--json").output)}
    assert {"ubl-invoice", "cii", "x12", "edifact", "camt.053", "swift-mt", "bai2", "ach", "saf-t", "cxml"} <= names


def test_a_document_becomes_canonical_json_and_a_document_again(tmp_path: Path) -> None:
    canonical, again = tmp_path / "orders.json", tmp_path / "orders.csv"
    assert tieout("convert", str(DATA / "orders.csv"), "-o", str(canonical)).exit_code == 0
    assert tieout("convert", str(canonical), "--to", "csv-orders", "-o", str(again)).exit_code == 0
    first, second = (json.loads(tieout("convert", str(file)).output) for file in (DATA / "orders.csv", again))
    assert first == second


def test_settings_of_a_writer_come_from_a_file(tmp_path: Path) -> None:
    settings, single = tmp_path / "partner.toml", tmp_path / "order.csv"
    settings.write_text('sender = "ACME"\nreceiver = "PARTNER"\ncontrol = "7"\n', encoding="utf-8")
    lines = (DATA / "orders.csv").read_text(encoding="utf-8").splitlines(keepends=True)
    single.write_text(lines[0] + lines[-1], encoding="utf-8")
    words = ("convert", str(single), "--to", "x12-850", "--with", str(settings), "--at", "2026-05-12 09:30:00")
    answer = tieout(*words)
    assert answer.exit_code == 0, answer.output
    assert answer.output.startswith("ISA*00*          *00*          *ZZ*ACME")
    assert answer.output == tieout(*words).output


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--to", "clay-tablet"), "cannot be written; `tieout convert` lists what can"),
        (("--to", "pain.001"), "cannot be written as pain.001: missing field, at records, expected a PaymentRun"),
        (("--to", "parquet"), "a Parquet file needs a name"),
    ],
)
def test_what_cannot_be_converted_says_why(words: tuple[str, ...], said: str) -> None:
    answer = tieout("convert", str(DATA / "orders.csv"), *words)
    assert answer.exit_code != 0
    assert said in f"{answer.output} {answer.exception}"
    assert "x12-997" in tieout("convert").output


def test_a_document_that_does_not_prove_itself_is_not_converted(tmp_path: Path) -> None:
    wrong = tmp_path / "wrong.xml"
    wrong.write_bytes(b"<Invoice/>")
    answer = tieout("convert", str(wrong))
    assert "does not prove itself" in str(answer.exception)
