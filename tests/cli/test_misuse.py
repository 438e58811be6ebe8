"""The commonest slips of matching, cases and policy on the command line: what, which document, and what to do next."""

import pytest
from tests.cli.conftest import Tieout


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        pytest.param(("verdict", "NOTHING-1"), "'NOTHING-1' is no invoice that is known", id="an id of nothing"),
        pytest.param(("cases", "--entity", "XX"), "there is no entity 'XX' in the policy; it has ", id="an entity"),
        pytest.param(
            ("cases", "--csv", "no/such/folder/cases.csv"),
            "no/such/folder/cases.csv cannot be written: No such file or directory; name another file",
            id="a folder that is not there",
        ),
        pytest.param(
            ("replay", "--what-if", "{folder}/policy.toml", "--from", "2026-06-02", "--to", "2026-06-01"),
            "--from 2026-06-02 is after --to 2026-06-01; no day lies between them",
            id="days the wrong way round",
        ),
        pytest.param(
            ("replay", "--what-if", "{folder}/slip.toml"),
            '{folder}/slip.toml: line 1: toleranses = 1: there is no such key; did you mean "tolerances"?',
            id="a key that is not there, in the file that was named",
        ),
        pytest.param(
            ("policy", "draft", "{folder}/slip.toml", "--as", "cora"),
            '{folder}/slip.toml: line 1: toleranses = 1: there is no such key; did you mean "tolerances"?',
            id="the same in a draft",
        ),
    ],
)
def test_a_slip_is_told_with_what_to_do_next(small: Tieout, arguments: tuple[str, ...], told: str) -> None:
    (small.folder / "slip.toml").write_text("toleranses = 1\n", encoding="utf-8")
    answer = small(*(one.format(folder=small.folder) for one in arguments))
    assert (answer.code, answer.out) == (1, "")
    assert answer.err.startswith("tieout: " + told.format(folder=small.folder))


def test_what_is_known_and_no_invoice_is_named(small: Tieout) -> None:
    answer = small("verdict", "PO-1001")
    assert answer.err == ("tieout: 'PO-1001' names no invoice but Order PO-1001; `tieout trace PO-1001` follows it\n")
