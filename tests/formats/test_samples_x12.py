"""X12 files of other people: what their envelopes prove is read, and what is not says why. They are not in this
repository; ``EXPECTED.csv`` beside them is a second opinion by independent small readers."""

import csv
import os
import re
from collections import Counter
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from tieout.formats.detect import detect
from tieout.formats.reading import Reading, gather
from tieout.formats.x12 import READERS, read_x12
from tieout.model.documents import EnvelopePart, Interchange

SAMPLES = Path(__file__).parents[2] / os.environ.get("TIEOUT_SAMPLES", "../shared/samples")
pytestmark = pytest.mark.skipif(
    not (SAMPLES / "EXPECTED.csv").exists(), reason="no sample documents here (TIEOUT_SAMPLES)"
)

#: Files whose envelope is broken, and where.
BROKEN = {
    "x12.810.mandatory-conditions.edi": ("ISA08", "IEA02"),
    "x12.810a.edi": ("ISA02",),
    "x12.810b.edi": ("ISA02",),
    "x12.810c.edi": ("ISA02",),
    "x12.810d.edi": ("ISA02",),
    "x12.832.edi": ("ISA02",),
    "x12.850.edi": ("IEA02",),
    "x12.850a.edi": ("ISA08", "IEA02"),
    "x12.Issue101.edi": ("ISA08", "IEA02"),
    "invalid997_min.edi": ("GE02",),
}
#: Sets of types that we read, refused by themselves, with the first place and reason.
REFUSED = {
    "empty997.edi": "ST (segment 1), expected AK1",
    "extraDelimiter997.edi": "AK302 (segment 4), got",
    "invalid997.edi": "AK101 (segment 2), got HC NOT",
    "invalid997_min.edi": "AK101 (segment 2), got <NOT",
    "invalid999.edi": "SE01 (segment 18), expected 18, got 16",
    "invoice810_po850_dual.edi": "TDS01 (segment 18), expected 1,851.00 USD, got 2,554.38 USD",
    "simple810.edi": "TDS01 (segment 18), expected 1,851.00 USD, got 2,554.38 USD",
    "x12.810.mandatory-conditions.edi": "SE01 (segment 6), expected 6, got 50",
    "x12.850.issue135.edi": "ST02 (segment 1), got 0001",
    "x12.Issue101.edi": "SE01 (segment 5), expected 5, got 50",
}
#: Where the second opinion counts sets otherwise: its reader finds none where ``ISA`` has not its fixed length, none
#: when an ellipsis is the terminator, and gives up at one file that is in order.
DISAGREE = {
    *("x12.810.mandatory-conditions.edi", "x12.810a.edi", "x12.810b.edi", "x12.810c.edi", "x12.810d.edi"),
    *("x12.850a.edi", "sample837-original.edi", "ts214_ellipses_segterm.edi"),
}


@cache
def readings() -> dict[str, Reading[Any]]:
    return {path.name: gather(read_x12, path.read_bytes()) for path in sorted(SAMPLES.glob("x12/*/*.edi"))}


def envelopes(reading: Reading[Any]) -> list[Interchange]:
    return [record for record in reading.records if isinstance(record, Interchange)]


def parts(reading: Reading[Any]) -> list[EnvelopePart]:
    return [part for envelope in envelopes(reading) for part in envelope.parts]


def expected() -> dict[str, str]:
    with (SAMPLES / "EXPECTED.csv").open(encoding="utf-8", newline="") as table:
        rows = list(csv.reader(table))
    return {Path(row[0]).name: row[1] for row in rows if row[0].startswith("x12/")}


def test_every_sample_is_recognised_and_ends_with_its_envelope() -> None:
    assert len(readings()) == 34
    for path in SAMPLES.glob("x12/*/*.edi"):
        assert detect(path.read_bytes()) == "x12", path
    assert all(isinstance(reading.records[-1], Interchange) for reading in readings().values())


def test_exactly_the_broken_envelopes_are_refused() -> None:
    held = {name: reading for name, reading in readings().items() if not reading.proof.holds}
    assert {name: tuple(dict.fromkeys(_levels(reading))) for name, reading in held.items()} == BROKEN


def _levels(reading: Reading[Any]) -> list[str]:
    problems = [problem for envelope in envelopes(reading) for problem in envelope.problems]
    return [problem.where.partition(",")[0] for problem in problems]


def test_sets_of_other_types_are_put_aside_and_say_so() -> None:
    others = [part for reading in readings().values() for part in parts(reading) if part.kind not in READERS]
    assert Counter(part.kind for part in others) == {"837": 6, "214": 2, "275": 2, "000": 2, "210": 1, "832": 1}
    for part in others:
        assert not part.accepted
        assert any(problem.detail == f"no reader for {part.kind}" for problem in part.problems)


def test_every_set_that_we_know_is_read_or_says_why_not() -> None:
    told: dict[str, str] = {}
    taken: Counter[str] = Counter()
    for name, reading in readings().items():
        for part in (part for part in parts(reading) if part.kind in READERS):
            if part.accepted:
                taken[part.kind] += 1
            else:
                told[name] = str(part.problems[0])
    assert taken == {"997": 5, "810": 6, "850": 4, "855": 2, "820": 1, "999": 1}
    assert told.keys() == REFUSED.keys()
    for name, reason in REFUSED.items():
        place, _, actual = reason.partition(", ")
        assert place in told[name], name
        assert actual in told[name], name


def test_the_second_opinion_counts_the_same_sets() -> None:
    disagree = set()
    for name, reading in readings().items():
        match = re.search(r"n_sets=(\d+); se01=(\w+)", expected()[name])
        assert match, name
        ok = not any(
            "SE01" in problem.where for part in parts(reading) for problem in part.problems if problem.expected
        )
        if (len(parts(reading)), "ok" if ok else "wrong") != (int(match[1]), match[2]):
            disagree.add(name)
    assert disagree == DISAGREE


def test_no_sample_is_forgotten() -> None:
    assert set(expected()) == set(readings())
