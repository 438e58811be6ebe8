"""What is this file? By what it says, not by its name."""

from pathlib import Path

import pytest

from tieout.formats.detect import FORMATS, detect, read
from tieout.kernel.problem import Code

DATA = Path(__file__).parent / "data"
KNOWN = {
    "invoice.xml": "ubl-invoice",
    "credit-note.xml": "ubl-credit-note",
    "status.xml": "pain.002",
    "statement.xml": "camt.053",
    "notification.xml": "camt.054",
    "orders.csv": "csv-orders",
    "receipts.csv": "csv-receipts",
}


@pytest.mark.parametrize(("name", "format_name"), KNOWN.items())
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_known_documents(name: str, format_name: str, encoding: str) -> None:
    text = (DATA / name).read_text(encoding="utf-8").replace(' encoding="UTF-8"', "")
    body = text.encode(encoding)
    assert detect(body) == format_name
    reading = read(body)
    assert (reading.format, reading.proof.holds) == (format_name, True)


@pytest.mark.parametrize(
    ("body", "detail"),
    [
        (b"", "the document is empty"),
        (b"RIFF WAVE", "it begins with RIFF WAVE"),
        (b"<html><p/></html>", "an XML document that begins with html"),
        (b"<CstmrDrctDbtInitn/>", "this is an ISO 20022 direct debit file (pain.008), which cannot be read"),
        (b"<!-- <Invoice> --><a/>", "an XML document that begins with a"),
        (b"order_id\n1", "it begins with order_id 1"),
    ],
)
def test_unknown_documents_say_what_they_look_like(body: bytes, detail: str) -> None:
    reading = read(body, "invoice.xml")
    assert [(problem.code, problem.detail) for problem in reading.diagnostics] == [(Code.UNKNOWN_FORMAT, detail)]
    assert not reading.proof.holds


def test_an_old_or_wrapped_message_is_recognised() -> None:
    assert detect(b"<Document><BkToCstmrAcctRptV01/></Document>") == "camt.052"
    assert detect(b"<Envelope><AppHdr/><ns2:Document><ns2:BkToCstmrStmt/></ns2:Document></Envelope>") == "camt.053"


def test_the_registry_names_its_readers() -> None:
    assert [(name, format.name) for name, format in FORMATS.items()] == [(name, name) for name in FORMATS]
    assert set(KNOWN.values()) <= set(FORMATS)
