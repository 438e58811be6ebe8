"""Real documents of other people: FatturaPA and notifications of SdI, hybrid PDFs, and what capture tools write.

They are not in this repository. ``EXPECTED.csv`` beside the samples is a second opinion by independent small readers.
"""

import csv
import os
from collections import Counter
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from tieout.formats.containers import unpack
from tieout.formats.detect import read
from tieout.formats.reading import Context, Reading
from tieout.formats.source import Bytes
from tieout.formats.xml import local, tree
from tieout.kernel.problem import Code
from tieout.model.documents import Invoice

SAMPLES = Path(__file__).parents[2] / os.environ.get("TIEOUT_SAMPLES", "../shared/samples")
pytestmark = pytest.mark.skipif(
    not (SAMPLES / "EXPECTED.csv").exists(), reason="no sample documents here (TIEOUT_SAMPLES)"
)

#: What the sums of these files do not prove, by the first control that fails. All of them are refused by SdI, too,
#: except for the last kind, which SdI does not check.
WRONG = {
    "ZUGFeRD__corpus/IT01234567890_FPR02.xml": "SdI 00419, 00422: taxable at 22 %",
    "ZUGFeRD__corpus/IT01234567890_FPR03.xml": "SdI 00419, 00422: taxable at 22 %",
    "italia__fatturapa-testsdi/IT01234567890_FPR03.xml": "SdI 00419, 00422: taxable at 22 %",
    "invopop__gobl.fatturapa/invoice-fund-contribution-mixed-retention.xml": "SdI 00419, 00422: taxable at 22 %",
    "invopop__gobl.fatturapa/invoice-simple-with-credits.xml": "SdI 00423: total of a line = price after discounts × quantity",
    "invopop__gobl.fatturapa/invoice-simple-rounding.xml": "total of the document (2.1.1.9)",
}
#: What is payable where it is less than the gross amount.
WITHHELD = {
    "invoice-fund-contribution-mixed-retention.xml": "332.80 EUR",
    "invoice-fund-contribution-mixed-retention~1.xml": "520.00 EUR",
    "invoice-irpef-no-flag.xml": "220.00 EUR",
    "invoice-irpef.xml": "374.00 EUR",
}


def files(pattern: str) -> list[Path]:
    return sorted(SAMPLES.glob(pattern))


@cache
def expected() -> dict[str, str]:
    with (SAMPLES / "EXPECTED.csv").open(encoding="utf-8", newline="") as table:
        return {row[0]: row[1] for row in csv.reader(table)}


@cache
def reading_of(path: Path) -> Reading[Any]:
    return read(path.read_bytes())


def fatture() -> list[Path]:
    return [path for path in files("einvoice/fatturapa/*/*.xml") if reading_of(path).format == "fatturapa"]


def test_every_fattura_is_read_but_the_one_without_a_seller() -> None:
    found = fatture()
    assert len(found) == 39
    without = [path.name for path in found if not reading_of(path).records]
    assert without == ["missing_CedentePrestatore.xml"]
    assert sum(len(reading_of(path).records) for path in found) == 41


def test_exactly_those_that_add_up_are_proved() -> None:
    wrong = {}
    for path in fatture():
        failed = [claim.name for claim in reading_of(path).proof.claims if not claim.holds]
        if failed:
            wrong["/".join(path.parts[-2:])] = failed[0]
        elif path.name != "missing_CedentePrestatore.xml":
            assert reading_of(path).proof.holds, (path, reading_of(path).diagnostics)
    assert wrong == WRONG


def test_what_is_payable_is_what_the_payment_asks_for() -> None:
    """The second opinion here is the file itself: the sum of its instalments."""
    withheld = {}
    for path in fatture():
        for invoice in reading_of(path).records:
            assert isinstance(invoice, Invoice)
            if invoice.withheld:
                withheld[path.name] = str(invoice.withheld)
    assert withheld == WITHHELD
    differ = [
        path.name
        for path in fatture()
        if any("asked for" in problem.detail for problem in reading_of(path).diagnostics)
    ]
    # Two contradict themselves, two ask for advances only, and of the last the total is a cent off.
    assert sorted(differ) == [
        "invoice-fund-contribution-mixed-retention.xml",
        "invoice-hotel-private.xml",
        "invoice-hotel-private~1.xml",
        "invoice-irpef.xml",
        "invoice-simple-rounding.xml",
    ]


def test_notifications_of_sdi() -> None:
    found = [path for path in files("einvoice/fatturapa/*/*.xml") if reading_of(path).format == "sdi-notification"]
    kinds = Counter(f"{type(record).__name__} {record.status}" for path in found for record in reading_of(path).records)
    assert len(found) == 9
    assert kinds == {
        "Acknowledgment accepted": 1,
        "Acknowledgment noted": 3,
        "Acknowledgment rejected": 2,
        "BusinessResponse AP": 2,
    }
    assert all(reading_of(path).proof.holds for path in found)


def test_the_second_opinion_names_the_same_roots() -> None:
    for path in files("einvoice/fatturapa/*/*.xml"):
        root = tree(path.read_bytes(), Context().limits)
        assert expected()[str(path.relative_to(SAMPLES))] == f"root={local(root)}"  # type: ignore[arg-type]


def test_the_attachment_of_every_hybrid_pdf_is_found() -> None:
    found = files("einvoice/*/*/*.pdf")
    assert len(found) == 40
    for path in found:
        contents = unpack(Bytes(path.read_bytes()), Context())
        assert contents.complete, path
        named = expected().get(str(path.relative_to(SAMPLES)), "").partition(";")[0].removeprefix("embedded=")
        names = [part.name for part in contents.parts]
        assert names == [] if named == "none" else not named or named in names, (path, names)


def test_plain_pdfs_are_handed_to_capture() -> None:
    plain = [
        path.name
        for path in files("einvoice/pdf-plain/*/*.pdf")
        if any("hand it to the AP platform" in problem.detail for problem in reading_of(path).diagnostics)
    ]
    assert len(plain) == 6
    assert "AzureInterior.pdf" not in plain


def test_the_original_in_every_hybrid_pdf_is_read_as_itself() -> None:
    for path in files("einvoice/zugferd/*/*.pdf"):
        (part,) = [part for part in unpack(Bytes(path.read_bytes()), Context()).parts if part.name.endswith(".xml")]
        alone, within = read(part.source), reading_of(path)
        assert within.format == "pdf"
        assert within.records == alone.records
        assert within.proof == alone.proof
        assert all(record.document == Bytes(path.read_bytes()).mark for record in within.records)


def test_results_of_template_tools_are_refused_clearly() -> None:
    found = files("einvoice/pdf-plain/*/*.json")
    assert len(found) == 12
    for path in found:
        (problem,) = reading_of(path).diagnostics
        assert (problem.code, problem.expected) == (
            Code.UNKNOWN_FORMAT,
            "the schema tieout.ocr-result/1 (docs/ocr-result.md)",
        )
