"""Real EDIFACT of other people: read, or refused for a reason that is theirs. They are not in this repository.

``EXPECTED.csv`` has no second opinion on EDIFACT; the XML form of the EN 16931 examples is one.
"""

import os
from decimal import Decimal
from pathlib import Path

import pytest
from lxml import etree

from tieout.formats.detect import detect, read
from tieout.formats.edifact import READERS
from tieout.formats.edifact import invoic as invoices
from tieout.formats.edifact.message import Header, Message, Names
from tieout.formats.edifact.syntax import Opening, opening
from tieout.formats.edifact.tree import build, rules
from tieout.formats.reading import Context, Findings, Reading
from tieout.formats.segments import Segment, tokens
from tieout.formats.source import Bytes
from tieout.model.documents import DespatchAdvice, Interchange, Invoice, InvoiceKind, PurchaseOrder

SAMPLES = Path(__file__).parents[2] / os.environ.get("TIEOUT_SAMPLES", "../shared/samples") / "edifact"
pytestmark = pytest.mark.skipif(not SAMPLES.exists(), reason="no sample documents here (TIEOUT_SAMPLES)")

EN_16931 = "ConnectingEurope__eInvoicing-EN16931"
UNREAD = "messages of this type are not read"
COUNT = "UNT: segments in the message"
CLOSED = "the interchange is cut off or not closed"
REFERENCE = "UNZ: reference of the interchange"

#: What of each sample is read: records beside the envelope, messages put aside, whether the document holds; and why not.
VERDICTS: dict[str, tuple[int, int, bool, set[str]]] = {
    # UNT says 171 segments in each of these two, copied from another example.
    "EDIFACT_EXAMPLE0.TXT": (0, 1, True, {COUNT}),
    "EDIFACT_EXAMPLE0a.TXT": (0, 1, True, {COUNT}),
    # UNZ repeats the number of the invoice, not the reference of UNB.
    **{f"EDIFACT_EXAMPLE{number}.TXT": (1, 0, False, {REFERENCE}) for number in (1, 2, 3, 4, 5, 6, 7, 9)},
    # UNOW is UTF-8, and there is a Windows apostrophe in it.
    "EDIFACT_EXAMPLE8.TXT": (0, 1, False, {"utf-8"}),
    "aperak.edi": (0, 1, True, {COUNT}),
    "aperak~1.edi": (0, 1, True, {COUNT}),
    "aperak_rejected.edi": (0, 1, True, {COUNT}),
    "aperak_rejected~1.edi": (0, 1, True, {COUNT}),
    # A laboratory's own format in an interchange envelope, without messages.
    "hl7.lab": (0, 0, False, {"a segment outside of any message", CLOSED}),
    "huge_file2.edi": (0, 1, False, {COUNT, CLOSED}),
    "invoice1.edi": (1, 0, True, set()),
    "invoice_with_colon_at_end.edi": (1, 0, True, set()),
    "order.edi": (1, 0, False, {CLOSED}),
    # A price without a currency, and no UNZ.
    "order2.edi": (0, 1, False, {"CUX+2", CLOSED}),
    # Date and time of UNB are two elements here, so that the time stands where the reference belongs.
    "patient1.edi": (0, 1, False, {UNREAD, REFERENCE}),
    "patient2.edi": (0, 1, False, {UNREAD, REFERENCE}),
    "patient3.edi": (0, 1, False, {"the data ends inside a segment"}),
    # Lines of a transport program before the UNA.
    "sage_coala.ped": (0, 0, False, {"UNA or UNB"}),
    # UNZ repeats element 0026 (application reference) of UNB.
    "wikipedia_de.edi": (1, 0, False, {REFERENCE}),
    "wikipedia_en.edi": (0, 1, True, {UNREAD}),
    "D95BBAPLIE.edi": (0, 1, True, {UNREAD}),
    "D95BCOARRI.edi": (0, 2, True, {UNREAD}),
    "D96ADESADV.edi": (2, 0, True, set()),
    "example.edi": (0, 1, True, {UNREAD}),
    "exampleMulti.edi": (0, 2, True, {UNREAD}),
    "example_multiline.edi": (0, 1, True, {UNREAD, COUNT}),
    "example_order_error.edi": (1, 0, True, set()),
    "example_order_ok.edi": (1, 0, True, set()),
    "example_release_character.edi": (0, 1, True, {UNREAD, COUNT}),
    # Latin-1 by its UNB, UTF-8 by its letters: a name is spoilt, nothing else.
    "example_utf8.edi": (2, 0, True, set()),
    "example_wrapped.edi": (0, 1, True, {UNREAD}),
}


def files() -> list[Path]:
    return sorted(path for path in SAMPLES.glob("*/*") if path.suffix not in (".xml", ".json"))


def sample(name: str) -> bytes:
    return next(path for path in files() if path.name == name).read_bytes()


def by_name(name: str) -> Reading[object]:
    return read(sample(name), "edifact")


def test_every_sample_is_read_or_refused_for_its_own_reason() -> None:
    assert {path.name for path in files()} == set(VERDICTS)
    for name, (count, aside, holds, reasons) in VERDICTS.items():
        reading = by_name(name)
        said = {f"{problem.expected} {problem.detail}" for problem in reading.diagnostics}
        assert (len(reading.records) - 1, reading.proof.set_aside, reading.proof.holds) == (count, aside, holds), name
        assert isinstance(reading.records[-1], Interchange), name
        assert all(any(reason in text for text in said) for reason in reasons), (name, said)


def test_all_but_one_are_recognised_by_their_beginning() -> None:
    assert [path.name for path in files() if detect(path.read_bytes()) != "edifact"] == ["sage_coala.ped"]


def test_the_totals_are_those_of_the_xml_form() -> None:
    compared = 0
    for path in sorted((SAMPLES / EN_16931).glob("*.xml")):
        invoice = invoice_of(path.with_suffix(".TXT").read_bytes())
        declared = totals_of(path)
        found = {"389": invoice.net.amount, "388": invoice.gross.amount}
        if "176" in declared:
            found["176"] = invoice.tax.amount
        assert found == {code: declared[code] for code in found}, path.name
        assert len([line for line in invoice.lines if "/" not in line.line_id]) == declared["lines"], path.name
        compared += 1
    assert compared == 9


def totals_of(path: Path) -> dict[str, Decimal]:
    """The sums of the summary in the XML form (ISO 20625), and the number of lines."""
    root = etree.parse(path).getroot()
    found = {
        moa.findtext(".//D_5025") or "": Decimal(moa.findtext(".//D_5004") or "")
        for group in root
        if group.find("S_MOA") is not None
        for moa in group.findall("S_MOA")
    }
    return {**found, "lines": Decimal(len(root.findall(".//S_LIN")))}


def invoice_of(body: bytes) -> Invoice:
    """The invoice in a message, whatever is wrong with its envelope, its letters or what is due on it."""
    source = Bytes(body)
    opened = opening(source, 0)
    assert isinstance(opened, Opening)
    found = list(tokens(source, opened.syntax, "latin-1", Context().limits, opened.start))
    segments = [token for token in found if isinstance(token, Segment)]
    tags = [segment.tag for segment in segments]
    root, strays = build(rules()["INVOIC"], segments[tags.index("UNH") : tags.index("UNT")])
    assert strays == []
    kept: list[Invoice] = []
    findings = Findings()
    message = Message(
        Header("INVOIC", "D:14B:UN", "1", "S", "R", source.mark), root, opened, Names.of(Context()), findings
    )
    kept.extend(invoices.read_invoic(message))
    assert all(claim.holds for claim in findings.proof.claims)
    return kept[0]


def test_what_the_messages_say() -> None:
    orders = [record for name in VERDICTS for record in by_name(name).records if isinstance(record, PurchaseOrder)]
    assert sorted((order.order_id, len(order.lines)) for order in orders) == [
        ("2019265563", 146),
        ("2019265563", 146),
        ("801715918011", 2),
        ("B10001", 1),
    ]
    despatches = [record for record in by_name("D96ADESADV.edi").records if isinstance(record, DespatchAdvice)]
    assert [(found.order_id, found.lines[0].item) for found in despatches] == [
        ("6877871", "9780738507330"),
        ("6905456", "9781568361871"),
    ]
    credit, _ = by_name("invoice1.edi").records
    assert isinstance(credit, Invoice)
    assert (credit.kind, str(credit.gross), credit.lines[0].order_id) == (
        InvoiceKind.CREDIT_NOTE,
        "1,960.29 EUR",
        "X18V00003",
    )


def test_every_type_of_message_we_read_is_named_when_another_comes() -> None:
    (problem,) = by_name("D95BBAPLIE.edi").diagnostics
    assert (problem.actual, problem.expected) == ("BAPLIE", f"one of {', '.join(sorted(READERS))}")
