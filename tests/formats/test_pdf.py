"""PDF and signed files as documents: the structured original inside is read, everything else is refused with a reason."""

import hashlib
import io
import time
import zlib
from pathlib import Path

import pytest
from pypdf import PdfWriter
from pypdf.generic import DictionaryObject, NameObject, TextStringObject
from tests.formats.test_containers import archive, signed

from tieout.conformance.formats import ATTACKS
from tieout.formats.containers import Contents, unpack
from tieout.formats.containers.pdf_file import STREAM_MAX
from tieout.formats.detect import detect, read
from tieout.formats.reading import Context, Reading
from tieout.formats.source import Bytes
from tieout.kernel.problem import Code, Problem

INVOICE = (Path(__file__).parent / "data" / "invoice.xml").read_bytes()
PLAIN = "a plain PDF: hand it to the AP platform for capture"


def written(writer: PdfWriter) -> bytes:
    out = io.BytesIO()
    writer.write(out)
    return out.getvalue()


def pdf(*attachments: tuple[str, bytes], role: str = "Alternative") -> bytes:
    """A page with files attached, as Factur-X has them."""
    writer = PdfWriter()
    writer.add_blank_page(100, 100)
    for name, body in attachments:
        attached = writer.add_attachment(name, body)
        attached.associated_file_relationship = NameObject(f"/{role}")
    return written(writer)


def opened(body: bytes) -> Contents:
    return unpack(Bytes(body), Context())


def reasons(reading: Reading[object]) -> str:
    assert not reading.proof.holds
    assert reading.records == ()
    return "; ".join(str(problem) for problem in reading.diagnostics)


def test_attachments_with_their_relationship() -> None:
    contents = opened(pdf(("factur-x.xml", INVOICE), ("terms.pdf", pdf()), role="Data"))
    assert [(part.name, part.role, part.source.size) for part in contents.parts] == [
        ("factur-x.xml", "Data", len(INVOICE)),
        ("terms.pdf", "Data", len(pdf())),
    ]


@pytest.mark.parametrize("name", ["factur-x.xml", "ZUGFeRD-invoice.xml", "xrechnung.xml", "UBL-Invoice-2.1.xml"])
def test_the_structured_original_is_the_invoice_and_the_pdf_is_the_evidence(name: str) -> None:
    body = pdf(("delivery.pdf", pdf()), (name, INVOICE))
    reading = read(body)
    assert reading.format == "pdf"
    (invoice,) = reading.records
    (alone,) = read(INVOICE).records
    assert invoice.number == alone.number
    assert invoice.gross == alone.gross
    assert invoice.document == hashlib.sha256(body).hexdigest()
    assert reading.proof == read(INVOICE).proof


def test_a_picture_of_an_invoice_is_not_guessed_at() -> None:
    assert read(pdf()).diagnostics == (
        Problem(Code.UNKNOWN_FORMAT, "byte 0", expected="an invoice attached as XML", detail=PLAIN),
    )
    assert PLAIN in reasons(read(pdf(("terms.txt", b"hello"), ("data.xml", b"<other/>"))))
    assert PLAIN in reasons(read(pdf(("copy.xml", INVOICE), role="Supplement")))


def test_two_originals_that_differ() -> None:
    other = INVOICE.replace(b"<cbc:ID>", b"<cbc:ID>X", 1)
    assert "more than one structured invoice" in reasons(read(pdf(("factur-x.xml", INVOICE), ("xrechnung.xml", other))))
    assert read(pdf(("factur-x.xml", INVOICE), ("xrechnung.xml", INVOICE))).proof.holds


def test_a_named_original_that_is_none() -> None:
    assert "factur-x.xml, byte 0" in reasons(read(pdf(("factur-x.xml", b"not XML at all"))))
    assert "inside is a zip container" in reasons(read(pdf(("factur-x.xml", archive({"a.xml": INVOICE})))))


@pytest.mark.parametrize(("doctype", "reference"), ATTACKS.values(), ids=ATTACKS)
def test_attacks_in_the_attached_xml(doctype: str, reference: str) -> None:
    text = INVOICE.decode()
    head, _, rest = text.partition("?>")
    body = f"{head}?>{doctype}{rest}".encode()
    said = reasons(read(pdf(("factur-x.xml", body))))
    assert "forbidden xml" in said or "begins with no element" in said, reference


def test_scripts_are_told_and_never_run() -> None:
    writer = PdfWriter()
    writer.add_blank_page(100, 100)
    writer.add_attachment("factur-x.xml", INVOICE)
    script = DictionaryObject({NameObject("/S"): NameObject("/JavaScript"), NameObject("/JS"): TextStringObject("x()")})
    writer.root_object["/Names"][NameObject("/JavaScript")] = script
    launch = DictionaryObject({NameObject("/S"): NameObject("/Launch"), NameObject("/F"): TextStringObject("cmd.exe")})
    writer.root_object[NameObject("/OpenAction")] = launch
    reading = read(written(writer))
    assert reading.proof.holds
    assert reading.diagnostics[0] == Problem(
        Code.UNSUPPORTED_CONTENT,
        "PDF catalog, byte 0",
        actual="Launch on opening, JavaScript",
        detail="the PDF has actions that would run in a viewer; nothing of it is run here",
    )


def packed(layers: int, size: int) -> bytes:
    body = b"\0" * size
    for _ in range(layers):
        body = zlib.compress(body, 9)
    filters = b"[" + b"/FlateDecode " * layers + b"]"
    return raw_pdf(b"<</Type/EmbeddedFile/Filter %b/Length %d>>\nstream\n%b\nendstream" % (filters, len(body), body))


def raw_pdf(embedded: bytes, tree: bytes = b"<</Names[(factur-x.xml) 5 0 R]>>") -> bytes:
    """A PDF written by hand: what is embedded is object 6, the tree of names object 4."""
    objects = [
        b"<</Type/Catalog/Pages 2 0 R/Names<</EmbeddedFiles 4 0 R>>>>",
        b"<</Type/Pages/Kids[3 0 R 2 0 R]/Count 99999999>>",
        b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 9 9]>>",
        tree,
        b"<</Type/Filespec/F(factur-x.xml)/UF(factur-x.xml)/EF<</F 6 0 R>>>>",
        embedded,
    ]
    body, places = b"%PDF-1.7\n", []
    for number, content in enumerate(objects, 1):
        places.append(len(body))
        body += b"%d 0 obj\n%b\nendobj\n" % (number, content)
    table = b"".join(b"%010d 00000 n \n" % place for place in places)
    end = b"trailer\n<</Size %d/Root 1 0 R>>\nstartxref\n%d\n%%%%EOF\n" % (len(objects) + 1, len(body))
    return body + b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1) + table + end


PLAIN_STREAM = b"<</Type/EmbeddedFile/Length %d>>\nstream\n%b\nendstream" % (len(INVOICE), INVOICE)
ENCRYPTED = raw_pdf(PLAIN_STREAM).replace(
    b"/Root 1 0 R",
    b"/Root 1 0 R/Encrypt<</Filter/Standard/V 1/R 2/P -1/O(%b)/U(%b)>>/ID[(a)(a)]" % (b"o" * 32, b"u" * 32),
)
TRICKS = {
    "bomb": (packed(1, STREAM_MAX + 1), "a bomb"),
    "bomb in layers": (packed(2, 3 * STREAM_MAX), "a bomb"),
    "tree that bites its tail": (raw_pdf(PLAIN_STREAM, b"<</Kids[4 0 R 4 0 R]>>"), "loops"),
    "tree of itself": (raw_pdf(PLAIN_STREAM, b"<</Kids[<</Kids[4 0 R]>>]>>"), "loops"),
    "encrypted": (ENCRYPTED, "needs a password"),
    "no trailer": (raw_pdf(PLAIN_STREAM)[:-60], "damaged"),
    "no objects": (b"%PDF-1.7\n%%EOF", "damaged"),
    "only a mark": (b"%PDF-", "damaged"),
    "brackets": (b"%PDF-1.7\n" + b"[" * 100_000 + b"\nstartxref\n9\n%%EOF", "damaged"),
    "deep catalog": (
        raw_pdf(PLAIN_STREAM).replace(b"<</Type/Catalog", b"<</X " + b"[" * 5_000 + b"]" * 5_000 + b"/Type/Catalog"),
        "damaged",
    ),
    "stream that refers to itself": (raw_pdf(b"<</Type/EmbeddedFile/Length 6 0 R>>\nstream\nx\nendstream"), ""),
    "embedded in itself": (raw_pdf(b"6 0 R"), ""),
    "tree that is a number": (raw_pdf(PLAIN_STREAM, b"7"), PLAIN),
    "wrong filter": (raw_pdf(PLAIN_STREAM.replace(b"/Length", b"/Filter/Nothing/Length")), "damaged"),
    "too large": (b"%PDF-1.7\n" + b"\0" * (64 * 2**20), "limit 67108864 bytes"),
}


@pytest.mark.parametrize(("body", "why"), TRICKS.values(), ids=TRICKS)
def test_pdf_tricks(body: bytes, why: str) -> None:
    started = time.perf_counter()
    assert why in reasons(read(body, "pdf"))
    assert time.perf_counter() - started < 4


def test_a_hand_written_pdf_is_read_however_its_pages_loop() -> None:
    assert read(raw_pdf(PLAIN_STREAM)).proof.holds


def test_every_cut_is_survived() -> None:
    body = pdf(("factur-x.xml", INVOICE))
    for at in range(0, len(body), 61):
        read(body[:at], "pdf")


# ── signed files ───────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_signed_invoice_is_read_and_the_signed_file_is_the_evidence() -> None:
    body = signed(INVOICE)
    reading = read(body)
    assert reading.format == "p7m"
    assert reading.proof.holds
    assert reading.records[0].document == hashlib.sha256(body).hexdigest()
    assert reading.diagnostics[0].detail.startswith("the signature holds")


def test_a_signed_pdf() -> None:
    body = signed(pdf(("factur-x.xml", INVOICE)))
    reading = read(body)
    assert reading.proof.holds
    assert reading.records[0].document == hashlib.sha256(body).hexdigest()


def test_what_was_changed_after_signing_gives_no_record() -> None:
    body = signed(INVOICE)
    assert "somebody changed the content" in reasons(read(body.replace(b"<cbc:ID>", b"<cbc:Id>", 1)))


def test_a_signed_archive_and_signed_rubbish() -> None:
    assert "inside is a zip container" in reasons(read(signed(archive({"a.xml": INVOICE}))))
    assert "content, byte 0" in reasons(read(signed(b"hello")))


def test_a_bank_statement_cannot_come_in_disguise() -> None:
    """A channel that takes invoices from anybody must not take bank files because somebody signed them."""
    statement = (Path(__file__).parent / "data" / "statement.xml").read_bytes()
    assert "taken on their own, from those who may send them" in reasons(read(signed(statement)))
    assert "taken on their own" in reasons(read(pdf(("factur-x.xml", statement))))
    assert PLAIN in reasons(read(pdf(("statement.xml", statement))))


def test_attacks_in_signed_xml() -> None:
    doctype, _ = ATTACKS["billion laughs"]
    assert "forbidden xml" in reasons(read(signed(doctype.encode() + INVOICE.partition(b"?>")[2])))


def test_recognised_by_the_beginning() -> None:
    assert detect(pdf()) == "pdf"
    assert detect(b"\r\n%PDF-1.4") == "pdf"
    assert detect(signed(b"x")) == "p7m"
    assert detect(signed(b"x", encoding="PEM")) == "p7m"
    assert detect(archive({"a": b"x"})) == "unknown"


def test_a_list_of_attachments_that_are_not_there_costs_nothing() -> None:
    """A forgiving parser looks through the whole file for each of them."""
    names = b"<</Names[" + b"".join(b"(a%d) %d 0 R " % (number, number) for number in range(100, 300)) + b"]>>"
    body = raw_pdf(b"x" * 3_500_000, names)
    started = time.perf_counter()
    assert "damaged" in reasons(read(body))
    assert time.perf_counter() - started < 2


def test_a_pdf_whose_table_is_wrong_is_mended() -> None:
    body = raw_pdf(PLAIN_STREAM)
    at = body.rindex(b"startxref\n") + len(b"startxref\n")
    assert read(body[:at] + b"7\n%%EOF\n").proof.holds
