"""The four questions of the README, asked of a small company; the answers must be those that are shown."""

import shlex

import pytest
from tests.cli.conftest import Tieout, new_company, run, small, small_company
from tests.docs import pages, samples
from tests.docs.test_first_hour import pattern, squeezed

__all__ = ["new_company", "run", "small", "small_company"]
ASKED = ("verdict", "duplicates", "cases", "replay")
SHOWN = {command: shown for command, shown in pages.console(pages.ROOT / "README.md") if shown}


@pytest.mark.parametrize("command", SHOWN)
def test_an_answer_is_the_one_that_is_shown(small: Tieout, monkeypatch: pytest.MonkeyPatch, command: str) -> None:
    monkeypatch.chdir(small.folder)
    (small.folder / "scan.xml").write_bytes(samples.files()["invoice-26-0117.xml"].replace(b"26-0117", b"26-O117"))
    policy = (small.folder / "policy.toml").read_text(encoding="utf-8")
    (small.folder / "looser.toml").write_text(policy.replace('percent = "2"', 'percent = "10"'), encoding="utf-8")
    printed = squeezed(small(*shlex.split(command)[1:]).out)
    assert pattern(SHOWN[command]).fullmatch(printed), printed


def test_all_four_are_asked() -> None:
    assert tuple(shlex.split(command)[1] for command in SHOWN) == ASKED
