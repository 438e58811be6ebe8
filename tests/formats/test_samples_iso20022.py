"""Real ISO 20022 messages of banks: what balances is proved, what does not says why. They are not in this repository.

``EXPECTED.csv`` beside the samples is a second opinion by independent small readers.
"""

import csv
import os
import re
from collections import Counter
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from tieout.formats.detect import read
from tieout.formats.reading import Reading
from tieout.kernel.problem import Code
from tieout.model.documents import BankStatement

SAMPLES = Path(__file__).parents[2] / os.environ.get("TIEOUT_SAMPLES", "../shared/samples")
pytestmark = pytest.mark.skipif(
    not (SAMPLES / "EXPECTED.csv").exists(), reason="no sample documents here (TIEOUT_SAMPLES)"
)

#: Where we read more than the second opinion: the bank gives available balances only, and they lead to each other.
MORE_THAN_EXPECTED = {"moov-io__iso20022/statement_1.xml": 1}
#: Statements that cannot be proved, and what is wrong with them. All are made-up examples; no real one is among them.
NOT_PROVED = {
    "genkgo__camt/camt053.v2.all-balance-types.xml": Code.TOTALS_DISAGREE,
    "genkgo__camt/camt053.v2.five.decimals.xml": Code.TOTALS_DISAGREE,
    "genkgo__camt/camt053.v2.minimal.ultimate.xml": Code.CURRENCY_MISMATCH,
    "genkgo__camt/camt053.v2.minimal.xml": Code.CURRENCY_MISMATCH,
    "genkgo__camt/camt053.v2.with-account-name.xml": Code.MISSING_FIELD,
    "genkgo__camt/camt053.v2.with-party-ids.xml": Code.CURRENCY_MISMATCH,
    "genkgo__camt/camt053.v2.wrong.xml": Code.MISSING_FIELD,
    "genkgo__camt/camt053.v3.xml": Code.CURRENCY_MISMATCH,
    "genkgo__camt/camt053.v4.xml": Code.CURRENCY_MISMATCH,
    "genkgo__camt/camt053.v8.xml": Code.CURRENCY_MISMATCH,
    "genkgo__camt/camt53.only-Dt-with-DtTm.xml": Code.MISSING_FIELD,
    "phoughton__pyiso20022/camt053_001_02.xml": Code.TOTALS_DISAGREE,
}
BALANCE = "opening balance"


@cache
def readings() -> dict[str, Reading[Any]]:
    """Every sample, read."""
    found = sorted(path for path in SAMPLES.glob("iso20022/*/*") if path.suffix != ".json")
    return {str(path.relative_to(SAMPLES / "iso20022")): read(path.read_bytes()) for path in found}


@cache
def expected() -> dict[str, str]:
    with (SAMPLES / "EXPECTED.csv").open(encoding="utf-8", newline="") as table:
        return {row[0].removeprefix("iso20022/"): row[1] for row in csv.reader(table) if row[0].startswith("iso20022/")}


def test_so_many_are_read_and_so_many_are_refused() -> None:
    assert Counter((reading.format, reading.proof.holds) for reading in readings().values()) == {
        ("camt.052", True): 51,
        ("camt.053", True): 71,
        ("camt.053", False): 12,
        ("camt.054", True): 67,
        ("pain.002", True): 5,
        ("pain.002", False): 1,
        ("iso-20022", False): 15,
        ("unknown", False): 3,
    }


def test_exactly_the_statements_that_balance_are_proved() -> None:
    tied = 0
    for name, reading in readings().items():
        match = re.search(r"balance=(\d+) tie", expected().get(name, ""))
        if match:
            held = sum(claim.holds for claim in reading.proof.claims if claim.name.startswith(BALANCE))
            assert held == int(match[1]) + MORE_THAN_EXPECTED.get(name, 0), name
            tied += held
    assert tied == 123


def test_the_statements_that_are_not_proved_say_why() -> None:
    refused = {
        name: reading
        for name, reading in readings().items()
        if reading.format == "camt.053" and not reading.proof.holds
    }
    assert refused.keys() == NOT_PROVED.keys()
    for name, reading in refused.items():
        assert NOT_PROVED[name] in {problem.code for problem in reading.diagnostics}, name


def test_every_page_balances_by_itself() -> None:
    for name, reading in readings().items():
        for record in reading.records:
            if reading.proof.holds and isinstance(record, BankStatement):
                moved = sum(entry.amount.minor for entry in record.entries)
                assert record.opening.minor + moved == record.closing.minor, name


def test_as_many_entries_as_the_second_opinion_counts() -> None:
    for name, reading in readings().items():
        match = re.search(r"entries=(\d+); transactions=(\d+)", expected().get(name, ""))
        if match and reading.format.startswith("camt.05") and reading.proof.holds:
            numbers = {
                (place, entry.entry_id.rpartition("/")[2].partition(".")[0])
                for place, record in enumerate(reading.records)
                for entry in record.entries
            }
            assert len(numbers) == int(match[1]), name


def test_what_is_refused_by_name_is_named() -> None:
    for name, reading in readings().items():
        if reading.format == "iso-20022":
            (problem,) = reading.diagnostics
            assert problem.code is Code.UNKNOWN_FORMAT, name
            assert problem.actual in expected().get(name, problem.actual), name
            assert problem.detail.startswith(f"this is {problem.actual}, "), name
