"""Real ACH files and check image files of other people. They are not in this repository.

``EXPECTED.csv`` beside the samples is a second opinion by independent small readers.
"""

import csv
import os
import re
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from tieout.formats.detect import read
from tieout.formats.reading import Reading
from tieout.kernel.problem import Code
from tieout.model.documents import BusinessResponse, ChangeNotice, PaymentReturn

SAMPLES = Path(__file__).parents[2] / os.environ.get("TIEOUT_SAMPLES", "../shared/samples")
pytestmark = pytest.mark.skipif(
    not (SAMPLES / "EXPECTED.csv").exists(), reason="no sample documents here (TIEOUT_SAMPLES)"
)

#: Files for which we know better than the second opinion.
DISAGREEMENTS = {
    "adv-read.ach": "it ties: accounting advices have totals of 20 digits, which the second opinion reads as 12",
    "adv-read~1.ach": "the same",
    "moov-ids.ach": "the hash of the file is 9999999999, that of its batches 144488931; the second opinion skips it",
    "pos-invalidEntryDetail.ach": "a control character (0x1a) stands in the entry",
}
#: Not recognised: the first record is shifted by one.
SHIFTED = "ppd-debit-fixedLengthInvalid.ach"


@cache
def expected() -> dict[str, dict[str, str]]:
    with (SAMPLES / "EXPECTED.csv").open(encoding="utf-8", newline="") as table:
        rows = {row[0]: row[1] for row in csv.reader(table)}
    return {
        path.rpartition("/")[2]: dict(re.findall(r"(\w+)=([^;]*)", observed))
        for path, observed in rows.items()
        if path.startswith("ach/")
    }


@cache
def readings() -> dict[str, Reading[Any]]:
    return {path.name: read(path.read_bytes()) for path in sorted(SAMPLES.glob("ach/*/*.ach"))}


def test_every_file_is_recognised_but_one_that_is_shifted() -> None:
    assert len(readings()) == 69
    assert [name for name, reading in readings().items() if reading.format != "ach"] == [SHIFTED]
    assert readings()[SHIFTED].format == "unknown"


def test_what_is_proved_is_what_ties() -> None:
    refused = {name for name, reading in readings().items() if not reading.proof.holds}
    off = {name for name, seen in expected().items() if seen.get("controls") != "tie"}
    assert refused ^ off == set(DISAGREEMENTS)
    assert refused == {
        "invalid-two-micro-deposits.ach",
        "moov-ids.ach",
        "pos-invalidEntryDetail.ach",
        "shr-credit.ach",
        SHIFTED,
    }


def test_returns_and_changes_are_counted_alike() -> None:
    for name, reading in readings().items():
        if name != SHIFTED:
            kinds = [type(record) for record in reading.records]
            seen = expected()[name]
            assert kinds.count(PaymentReturn) == int(seen["returns"]), name
            assert kinds.count(ChangeNotice) == int(seen["noc"]), name
    answers = [record for reading in readings().values() for record in reading.records]
    assert [sum(isinstance(record, kind) for record in answers) for kind in (PaymentReturn, ChangeNotice)] == [6, 3]
    assert sum(isinstance(record, BusinessResponse) for record in answers) == 8


def test_every_file_that_answers_nothing_says_so() -> None:
    for name, reading in readings().items():
        if not reading.records and name != SHIFTED and reading.proof.holds:
            assert any("an origination file" in problem.detail for problem in reading.diagnostics), name


def test_check_images_are_known_and_refused() -> None:
    found = [read(path.read_bytes()) for path in sorted(SAMPLES.glob("x937-icl/*/*.x937"))]
    assert [(reading.format, reading.proof.holds) for reading in found] == [("x9.37", False)] * 2
    assert {problem.code for reading in found for problem in reading.diagnostics} == {Code.UNSUPPORTED_CONTENT}
