"""Fourteen hundred real documents of other people: each is taken for what it is, or refused in words. They are not in
this repository. What each family makes of its own stands in the files beside this one.
"""

import os
from pathlib import Path

import pytest

from tieout.formats.detect import read
from tieout.kernel.problem import Code

SAMPLES = (Path(__file__).parents[2] / os.environ.get("TIEOUT_SAMPLES", "../shared/samples")).resolve()
pytestmark = pytest.mark.skipif(
    not (SAMPLES / "EXPECTED.csv").exists(), reason="no sample documents here (TIEOUT_SAMPLES)"
)
#: What documents of each folder may be taken for; ``unknown`` is what has no reader, or is broken at its beginning.
FORMATS = {
    "ach": {"ach", "unknown"},
    "aeb43": {"aeb43"},
    "bai2": {"bai2", "unknown"},
    "cfonb": {"cfonb120", "cfonb240"},
    "dedupe": {"unknown"},
    "edifact": {"edifact", "unknown"},
    "einvoice": {
        *("cii", "fatturapa", "fatturapa-simplified", "ocr-result", "pdf", "sdi-notification"),
        *("ubl-credit-note", "ubl-invoice", "zugferd-1", "unknown"),
    },
    "iso20022": {"camt.029", "camt.052", "camt.053", "camt.054", "iso-20022", "pain.002", "unknown"},
    "procurement": {
        *("cxml", "ubl-application-response", "ubl-despatch-advice", "ubl-order", "ubl-order-cancellation"),
        *("ubl-order-change", "ubl-order-response", "ubl-other", "ubl-receipt-advice"),
    },
    "saft": {"saf-t"},
    "screening": {"unknown"},
    "swift-mt": {"swift-mt", "unknown"},
    "x12": {"x12"},
    "x937-icl": {"x9.37", "unknown"},
}


@pytest.mark.parametrize("folder", FORMATS)
def test_no_sample_crashes_a_reader_or_is_mistaken_for_something_else(folder: str) -> None:
    found = set()
    for path in sorted(path for path in (SAMPLES / folder).rglob("*") if path.is_file()):
        reading = read(path.read_bytes())
        found.add(reading.format)
        assert reading.format in FORMATS[folder], path
        assert reading.proof.holds or reading.diagnostics, (path, "refused without a word")
        if reading.format == "unknown":
            assert [problem.code for problem in reading.diagnostics] == [Code.UNKNOWN_FORMAT], path
    assert found
