"""Real bank files of other people: which are proved, which are refused and why. They are not in this repository.

``EXPECTED.csv`` beside the samples is a second opinion by independent small readers; it counts closing balances and
statement lines of SWIFT files. Many samples were made unrecognisable by hand and no longer add up: those are refused.
"""

import csv
import os
import re
from collections import Counter
from functools import cache
from pathlib import Path

import pytest

from tieout.formats.detect import read
from tieout.formats.reading import Reading
from tieout.kernel.problem import Code
from tieout.model.documents import BankStatement
from tieout.model.facts import EntriesNotified

SAMPLES = Path(__file__).parents[2] / os.environ.get("TIEOUT_SAMPLES", "../shared/samples")
pytestmark = pytest.mark.skipif(
    not (SAMPLES / "EXPECTED.csv").exists(), reason="no sample documents here (TIEOUT_SAMPLES)"
)

#: Files that are read and proved, with the number of statements, of notifications, and of entries in all of them.
PROVED = {
    "account_trailer_amount_blank_example.bai2": (0, 0, 0),
    "nwb_example.bai2": (1, 0, 5),
    "svb_us_example.bai2": (2, 0, 2),
    "sample1.txt": (0, 2, 17),
    "sample2.txt": (0, 3, 4),
    "complex-test.txt": (8, 0, 5),
    "non-strict-test.txt": (8, 0, 5),
    "simple-test.txt": (1, 0, 0),
    "test-unused-parts.txt": (8, 0, 0),
    "171011_01234945.sta": (1, 0, 3),
    "february_30.sta": (1, 0, 1),
    "generic.sta": (2, 0, 2),
    "long_statement_number.sta": (1, 0, 0),
    "mt940.sta": (3, 0, 16),
    "mt940~1.sta": (1, 0, 3),
    "mt942.sta": (0, 1, 3),
    "rabobank-iban.sta": (2, 0, 4),
    "raphaelm.sta": (3, 0, 9),
    "sepa_mt9401.sta": (26, 0, 97),
    "sns.sta": (2, 0, 2),
    "transaction_details_wrapped.sta": (1, 0, 1),
    "with_binary_character.sta": (2, 0, 4),
    "wrapped_timestamp.sta": (1, 0, 1),
}
_SUMS, _PARTS = frozenset({Code.TOTALS_DISAGREE}), frozenset({Code.MISSING_FIELD})
#: Files that are refused, and the codes that say why: sums that do not agree, or no whole statement.
REFUSED = {
    "citi_example.bai2": _SUMS,
    "sample-parseError.txt": {Code.UNKNOWN_FORMAT},
    "cfonb.240-complex-test.txt": _SUMS,
    "test.n43": {Code.BAD_VALUE, Code.TOTALS_DISAGREE},
    "MT101.fin": {Code.UNSUPPORTED_CONTENT},
    "invalid_statement.sta": {Code.UNKNOWN_FORMAT},
    "sepa_snippet_broken.sta": {Code.BAD_VALUE},
    "amount_formats.sta": {Code.BAD_VALUE},
    **dict.fromkeys(("abnamro.sta", "details_60-63.sta", "ing.sta", "knab.sta", "malformed_details.sta"), _SUMS),
    **dict.fromkeys(("mt942~1.sta", "overly_long_details.sta", "postfinance.sta", "rabobank.sta"), _SUMS),
    **dict.fromkeys(("raiffeisen-cmi.sta", "sepa_snippet.sta", "triodos.sta", "whitespace.sta"), _SUMS),
    "with_newline_in_tnr.sta": _SUMS,
    **dict.fromkeys(("account_balance_credit.sta", "account_balance_debit.sta", "available_balance.sta"), _PARTS),
    **dict.fromkeys(("account_identification_iban.sta", "account_identification_legacy.sta"), _PARTS),
    **dict.fromkeys(("closing_balance.sta", "currency_in_25.sta", "empty_86.sta", "empty_entry_date.sta"), _PARTS),
    **dict.fromkeys(("empty_line.sta", "empty_non_swift.sta", "gv_codes.sta", "missing_crlf_at_end.sta"), _PARTS),
    **dict.fromkeys(("reference.sta", "sparkassen.sta", "statement_details.sta", "statement_line.sta"), _PARTS),
    "statement_number.sta": _PARTS,
}
#: What does not keep a document from being read.
_HARMLESS = {Code.ASSUMED_VALUE, Code.UNKNOWN_CODE}


@cache
def readings() -> dict[str, tuple[Path, Reading]]:
    folders = ("bai2", "swift-mt", "cfonb", "aeb43")
    paths = [path for folder in folders for path in sorted(SAMPLES.glob(f"{folder}/*/*")) if path.suffix != ".yml"]
    return {path.name: (path, read(path.read_bytes())) for path in paths}


def test_every_file_is_either_proved_or_refused() -> None:
    assert {*readings()} == {*PROVED, *REFUSED}
    assert (len(PROVED), len(REFUSED)) == (23, 40)
    assert {name for name, (_, reading) in readings().items() if reading.proof.holds} == {*PROVED}


def test_what_is_proved_has_all_its_entries() -> None:
    for name, counts in PROVED.items():
        records = readings()[name][1].records
        kinds = Counter(type(record) for record in records)
        entries = sum(len(record.entries) for record in records)
        assert (kinds[BankStatement], kinds[EntriesNotified], entries) == counts, name


def test_what_is_refused_says_why() -> None:
    for name, codes in REFUSED.items():
        said = {problem.code for problem in readings()[name][1].diagnostics}
        assert codes <= said, name
        assert said <= {*codes, *_HARMLESS, Code.UNSUPPORTED_CONTENT}, (name, said)


def test_the_second_opinion_counts_the_same_statements_and_lines() -> None:
    with (SAMPLES / "EXPECTED.csv").open(encoding="utf-8", newline="") as table:
        expected = {row[0]: row[1] for row in csv.reader(table)}
    compared = 0
    for path, reading in readings().values():
        match = re.fullmatch(r"statements=(\d+); lines61=(\d+)", expected.get(str(path.relative_to(SAMPLES)), ""))
        if match is None or not reading.records:
            continue
        # An interim report (MT942) has no closing balance, which is what the second opinion counts.
        statements = [record for record in reading.records if isinstance(record, BankStatement)]
        entries = sum(len(record.entries) for record in reading.records)
        assert (len(statements), entries) == (int(match[1]), int(match[2])), path.name
        compared += 1
    assert compared == 28


def test_a_credit_taken_back_lowers_the_balance() -> None:
    """The library that these files come from adds ``RC``; the balances of its own sample say that it is subtracted."""
    entries = [entry for record in readings()["sepa_mt9401.sta"][1].records for entry in record.entries]
    taken_back = [str(entry.amount) for entry in entries if entry.return_reason == "SWIFT NRTI"]
    assert "-204.88 EUR" in taken_back
