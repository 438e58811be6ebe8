"""Real documents of other people: what can be proved is proved, what cannot says why. They are not in this repository.

``EXPECTED.csv`` beside the samples is a second opinion by independent small readers.
"""

import csv
import os
import re
from functools import cache
from pathlib import Path

import pytest

from tieout.formats.detect import read
from tieout.kernel.problem import Code

SAMPLES = Path(__file__).parents[2] / os.environ.get("TIEOUT_SAMPLES", "../shared/samples")
pytestmark = pytest.mark.skipif(
    not (SAMPLES / "EXPECTED.csv").exists(), reason="no sample documents here (TIEOUT_SAMPLES)"
)

UBL = [
    "einvoice/en16931-ubl/**/*.[xX][mM][lL]",
    "einvoice/peppol-bis/**/*.xml",
    "einvoice/xrechnung/**/*_ubl.xml",
]


def files(*patterns: str) -> list[Path]:
    return sorted(path for pattern in patterns for path in SAMPLES.glob(pattern))


@cache
def expected() -> dict[str, str]:
    with (SAMPLES / "EXPECTED.csv").open(encoding="utf-8", newline="") as table:
        return {row[0]: row[1] for row in csv.reader(table)}


def test_every_invoice_of_the_standards_bodies_is_read_and_adds_up() -> None:
    found = files(*UBL)
    assert len(found) >= 48
    for path in found:
        reading = read(path.read_bytes())
        assert reading.records, path
        assert all(claim.holds for claim in reading.proof.claims), path


def test_only_prepaid_and_rounded_invoices_wait_for_a_person() -> None:
    held = [path for path in files(*UBL) if not read(path.read_bytes()).proof.holds]
    reasons = {
        problem.where.partition(",")[0].rpartition("/")[2]
        for path in held
        for problem in read(path.read_bytes()).diagnostics
        if problem.code is Code.UNSUPPORTED_CONTENT and "is due" in problem.detail
    }
    assert len(held) == 8
    assert reasons == {"PrepaidAmount"}


def test_exactly_the_statements_that_balance_are_proved() -> None:
    proved = declared = 0
    for path in files("iso20022/*/*.xml"):
        match = re.search(r"balance=(\d+) tie", expected().get(str(path.relative_to(SAMPLES)), ""))
        if match:
            claims = [
                claim for claim in read(path.read_bytes()).proof.claims if claim.name.startswith("opening balance")
            ]
            assert sum(claim.holds for claim in claims) == int(match[1]), path
            proved, declared = proved + sum(claim.holds for claim in claims), declared + int(match[1])
    assert proved == declared >= 122


def test_every_notification_and_report_is_read() -> None:
    for path in files("iso20022/*/*.xml"):
        reading = read(path.read_bytes())
        if reading.format in ("camt.052", "camt.054", "pain.002"):
            assert reading.proof.holds, (path, reading.diagnostics)


def test_no_sample_of_any_kind_crashes_or_is_mistaken() -> None:
    for path in (path for path in files("*/**/*") if path.is_file() and "schemas" not in path.parts):
        reading = read(path.read_bytes())
        if reading.format == "unknown":
            assert [problem.code for problem in reading.diagnostics] == [Code.UNKNOWN_FORMAT], path
        else:
            assert path.parts[len(SAMPLES.parts)] in ("einvoice", "iso20022"), path
