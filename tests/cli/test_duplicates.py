"""Comparing invoices from the command line: documents that have not come in, and invoices that have."""

from pathlib import Path

import pytest
from tests.cli.conftest import Tieout
from tests.docs import samples

INVOICE = samples.files()["invoice-26-0117.xml"]


@pytest.fixture
def known(empty: Tieout, tmp_path: Path) -> Tieout:
    """A company to which the invoice 26-0117 has come."""
    file = tmp_path / "invoice.xml"
    file.write_bytes(INVOICE)
    assert empty("receive", str(file)).code == 0
    empty.work()
    return empty


def test_a_document_that_has_not_come_in_is_compared(known: Tieout, tmp_path: Path) -> None:
    other = tmp_path / "other.xml"
    other.write_bytes(INVOICE.replace(b"26-0117", b"26-0171"))
    answer = known("duplicates", "check", str(other), "--json")
    assert answer.code == 1
    (found,) = answer.json
    (candidate,) = found["candidates"]
    assert (found["number"], found["compared"]) == ("26-0171", 1)
    assert (candidate["printed"], candidate["layer"], candidate["verdict"]) == ("26-0117", "three_of_four", "suspect")
    table = known("duplicates", "check", str(other))
    assert table.code == 1
    assert "two characters of the number changed places" in table.out
    assert "26-0171" in table.out
    assert known.ask("status")["inbox"]["lanes"] == {}, "nothing came in"


def test_the_same_document_would_be_stopped(known: Tieout, tmp_path: Path) -> None:
    answer = known("duplicates", "check", str(tmp_path / "invoice.xml"), "--json")
    assert (answer.code, answer.json[0]["candidates"][0]["verdict"]) == (1, "block")


def test_a_known_invoice_is_compared_by_any_id_it_has(known: Tieout) -> None:
    (found,) = known.ask("duplicates", "check", "26-0117")
    assert (found["number"], found["compared"], found["candidates"]) == ("26-0117", 0, [])
    assert "compared with 0" in known("duplicates", "check", known.ask("trace", "26-0117")["subject"]).out


def test_what_is_neither_says_so(known: Tieout, tmp_path: Path) -> None:
    assert known("duplicates", "check", "nothing").code == 2
    (tmp_path / "noise.txt").write_bytes(b"noise")
    answer = known("duplicates", "check", str(tmp_path / "noise.txt"))
    assert answer.code == 2
    assert "no kind of document that can be read" in answer.err


def test_look_alikes_are_listed(known: Tieout) -> None:
    assert known.ask("duplicates", "lookalikes") == []
    known.sql(
        "INSERT INTO view_lookalike VALUES"
        " ('de/sup/EUR/11900', 1, 'de', 'sup', 'EUR', 11900, '0, 14', '2027-05-03', 'person:bea', 'inv-1')"
    )
    (row,) = known.ask("duplicates", "lookalikes", "--supplier", "sup")
    assert (row["amount_minor"], row["intervals"], row["until"]) == (11900, "0, 14", "2027-05-03")
    assert known.ask("duplicates", "lookalikes", "--supplier", "other") == []
    assert "119.00 EUR" in known("duplicates", "lookalikes").out
