"""E-invoices of other people: the official unit tests of EN 16931, and the samples of standards bodies and vendors.

They are not in this repository. ``EXPECTED.csv`` beside them is a second opinion by the official Schematron.
"""

import csv
import os
from collections import Counter
from functools import cache
from pathlib import Path

import pytest
from lxml import etree

from tieout.formats.containers import unpack
from tieout.formats.detect import read
from tieout.formats.einvoice import rules, ubl
from tieout.formats.reading import Context, Findings
from tieout.formats.source import Bytes
from tieout.kernel.problem import Code

SAMPLES = Path(__file__).parents[2] / os.environ.get("TIEOUT_SAMPLES", "../shared/samples")
pytestmark = pytest.mark.skipif(
    not (SAMPLES / "EXPECTED.csv").exists(), reason="no sample documents here (TIEOUT_SAMPLES)"
)
_TEST = "{http://difi.no/xsd/vefa/validator/1.0}"

#: Groups of samples: how many, how many of them are read and proved, and why the others are not.
GROUPS: dict[str, tuple[str, int, dict[str, str]]] = {
    "EN 16931, UBL": ("einvoice/en16931-ubl/**/*.[xX][mM][lL]", 19, {}),
    "Peppol BIS": ("einvoice/peppol-bis/**/*.xml", 9, {}),
    "XRechnung": ("einvoice/xrechnung/**/*.xml", 43, {}),
    "gobl.ubl": ("einvoice/gobl-ubl/**/*.xml", 51, {"invoice-proforma.xml": "a proforma invoice asks for no payment"}),
    "EN 16931, CII": ("einvoice/en16931-cii/**/*.xml", 14, {}),
    "ZUGFeRD 2": ("einvoice/zugferd/**/*.xml", 38, {}),
}
#: ZUGFeRD in PDFs: what is attached to these cannot be acted on.
PDF_REASONS = {
    "MustangGnuaccountingBeispielRE-20140519_499.pdf": "a draft of ZUGFeRD that never was a standard",
    "MustangGnuaccountingBeispielRE-20140522_501.pdf": "the same draft",
    "MustangGnuaccountingBeispielRE-20140703_502.pdf": "gross line amounts: BR-CO-10",
    "MustangGnuaccountingBeispielRE-20150613_503.pdf": "gross line amounts: BR-CO-10",
    "MustangGnuaccountingBeispielRE-20151008_504.pdf": "no currency (BT-5)",
}
#: Fatal rules of the official artefact that are about codes and presence; the amounts of these documents hold, so they
#: are read. BR-CO-15 fails there because the VAT total stands twice in the same currency (or is missing), which changes
#: no amount. BR-CO-09: an identifier without a country in front.
FORMAL = {"BR-07", "BR-10", "BR-61", "BR-CO-09", "BR-CO-15", "BR-Z-10"}


def files(pattern: str) -> list[Path]:
    return sorted(SAMPLES.glob(pattern))


@cache
def expected() -> dict[str, str]:
    with (SAMPLES / "EXPECTED.csv").open(encoding="utf-8", newline="") as table:
        return {row[0]: row[1] for row in csv.reader(table)}


def second_opinion(path: Path) -> set[str]:
    """The fatal rules that the official artefact says are broken, without code lists."""
    told = expected().get(str(path.relative_to(SAMPLES)), "")
    found = told.partition("en16931=fatal ")[2].split(";")[0].split()
    return {rule for rule in found if not rule.startswith(("BR-CL-", "CII-DT-"))}


def test_our_rules_answer_the_official_unit_tests_as_the_official_artefact_does() -> None:
    answered: Counter[str] = Counter()
    different = []
    for path in files("einvoice/en16931-unit/**/*.xml"):
        tests = etree.parse(str(path), etree.XMLParser(remove_comments=True)).getroot()
        for number, test in enumerate(tests.iter(f"{_TEST}test")):
            asked, document = test.find(f"{_TEST}assert"), test[-1]
            semantic = ubl.semantic_of(etree.fromstring(etree.tostring(document)), Findings())
            for answer in asked if asked is not None else ():
                rule = rules.RULES.get((answer.text or "").strip())
                outcome = etree.QName(answer).localname
                if rule is None or outcome not in ("success", "error"):
                    continue
                answered[rule.rule_id] += 1
                if rules.holds(rule, semantic) is not (outcome == "success"):
                    different.append((path.name, number, rule.rule_id, outcome))
    assert different == []
    assert (len(answered), answered.total()) == (126, 731)


@pytest.mark.parametrize("group", GROUPS)
def test_exactly_these_are_read_and_proved(group: str) -> None:
    pattern, count, refused = GROUPS[group]
    found = files(pattern)
    assert len(found) == count
    for path in found:
        reading = read(path.read_bytes())
        assert (len(reading.records) == 1 and reading.proof.holds) is (path.name not in refused), path
        if path.name in refused:
            assert any(refused[path.name] in problem.detail for problem in reading.diagnostics)


def test_zugferd_in_pdfs_is_read_in_all_versions() -> None:
    held, count = set(), 0
    for path in files("einvoice/zugferd/**/*.pdf"):
        for part in unpack(Bytes(path.read_bytes()), Context()).parts:
            body = part.source.whole()
            if b"CrossIndustry" not in body and b"rsm:Invoice" not in body:
                continue
            count += 1
            reading = read(body)
            if not (reading.records and reading.proof.holds):
                held.add(path.name)
    assert count == 33
    assert held == set(PDF_REASONS)


def test_where_the_official_artefact_differs_it_is_about_form() -> None:
    for pattern, _, refused in GROUPS.values():
        for path in files(pattern):
            if path.name not in refused:
                assert second_opinion(path) <= FORMAL, path


def test_negative_invoices_become_credit_notes() -> None:
    turned = {
        path.name
        for pattern, _, _ in GROUPS.values()
        for path in files(pattern)
        for problem in read(path.read_bytes()).diagnostics
        if problem.code is Code.ASSUMED_VALUE and "below zero" in problem.detail
    }
    assert turned == {
        "BIS3_Invoice_negativ.XML",
        "EN16931_Rechnungskorrektur.cii.xml",
        "base-negative-inv-correction.xml",
        "testout-ZF2PushCorrection.xml",
    }


def test_the_same_invoice_in_two_syntaxes_is_the_same_invoice() -> None:
    pairs = 0
    for path in files("einvoice/xrechnung/**/*_ubl.xml"):
        other = path.with_name(path.name.replace("_ubl", "_uncefact"))
        if other.exists():
            (one,), (two,) = read(path.read_bytes()).records, read(other.read_bytes()).records
            amounts = ("kind", "number", "currency", "issued_on", "net", "tax", "gross", "prepaid", "rounding")
            assert [getattr(one, name) for name in amounts] == [getattr(two, name) for name in amounts], path
            assert [line.net for line in one.lines] == [line.net for line in two.lines], path
            pairs += 1
    assert pairs == 11


def test_the_answers_of_peppol_are_read() -> None:
    kinds = {
        path.name: [type(record).__name__ for record in read(path.read_bytes()).records]
        for path in files("procurement/peppol/**/*.xml")
        if b"<ApplicationResponse" in path.read_bytes()
    }
    assert kinds == {
        "CatalogueResponse_Example.xml": ["BusinessResponse"],
        "InvoiceResponse_Example.xml": ["BusinessResponse"],
        "MessageLevelResponse_Example.xml": ["Acknowledgment"],
    }
