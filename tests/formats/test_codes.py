"""Code lists are dated data: each says since when it holds and where it comes from."""

from datetime import date
from importlib.resources import files

import pytest

from tieout.formats.codes import load

NAMES = sorted(
    file.name.removesuffix(".toml") for file in files("tieout.formats.codes").iterdir() if file.name.endswith(".toml")
)


@pytest.mark.parametrize("name", NAMES)
def test_every_list_is_dated_sourced_and_says_what_its_codes_mean(name: str) -> None:
    codes = load(name)
    assert codes.name == name
    assert date(1970, 1, 1) < codes.effective_from <= date(2030, 1, 1)
    assert len(codes.source) > 5
    assert codes.codes
    assert all(code and meaning.strip() == meaning and meaning for code, meaning in codes.codes.items())


def test_a_list_knows_its_codes() -> None:
    codes = load("iso_status")
    assert ("RJCT" in codes, "XXXX" in codes) == (True, False)
    assert (codes.meaning("RJCT"), codes.meaning("XXXX")) == ("rejected", "")


@pytest.mark.parametrize(
    ("name", "some"),
    [
        ("iso_status", {"RCVD", "ACTC", "PATC", "ACCP", "ACFC", "ACFW", "ACWC", "PDNG", "ACSP", "ACPD", "ACSC", "ACWP", "ACCC", "RJCT", "CANC", "BLCK", "PART", "RVNC"}),
        ("iso_status_reason", {"AC01", "AC04", "AM04", "DT06", "DU01", "FF01", "NARR", "TM01"}),
        ("iso_return_reason", {"AC01", "AC04", "AC06", "AM05", "BE01", "FOCR", "MD06", "MS03", "NARR", "RR04"}),
        ("iso_entry_status", {"BOOK", "PDNG", "INFO", "FUTR"}),
        ("iso_cancellation_status", {"CNCL", "RJCR", "PDCR", "ACCR", "PACR"}),
        ("iso_cancellation_reason", {"DUPL", "CUST", "FRAD", "TECH", "AM09"}),
        ("iso_cancellation_rejection", {"AC04", "AM04", "ARDT", "CUST", "LEGL", "NOAS", "NOOR"}),
        ("iso_transaction", {"PMNT", "PMNT/RCDT", "/ESCT"}),
    ],
)  # fmt: skip
def test_the_codes_that_banks_send_every_day_are_known(name: str, some: set[str]) -> None:
    assert some <= load(name).codes.keys()


def test_a_list_cannot_be_changed_or_be_missing() -> None:
    with pytest.raises(AttributeError):
        load("iso_status").source = "me"  # type: ignore[misc]
    with pytest.raises(FileNotFoundError):
        load("no_such_list")
