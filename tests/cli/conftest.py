"""The command line as people use it, in this process: a company that has just been set up, and one with some business."""

import json
import shutil
import sqlite3
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.docs import samples

from tieout.cli import main
from tieout.cli.company import Company
from tieout.model.events import Message
from tieout.model.facts import SupplierProposed


class Answer:
    """What a command printed, and how it ended."""

    def __init__(self, code: int, out: str, err: str) -> None:
        self.code, self.out, self.err = code, out, err

    @property
    def json(self) -> Any:
        return json.loads(self.out)


class Tieout:
    """The commands of one company in one folder."""

    def __init__(self, folder: Path, run: Callable[..., Answer]) -> None:
        self.folder = folder
        self._run = run

    @property
    def config(self) -> Path:
        return self.folder / "tieout.toml"

    def __call__(self, *arguments: str, config: Path | None = None) -> Answer:
        return self._run("--config", str(config or self.config), *arguments)

    def ask(self, *arguments: str) -> Any:
        """The JSON of a command that must succeed."""
        answer = self(*arguments, "--json")
        assert answer.code == 0, answer.err
        return answer.json

    def company(self) -> Company:
        return Company.at(self.config)

    def work(self) -> None:
        """What a worker does with the inbox."""
        work_off(self.company())

    def sql(self, statement: str) -> None:
        """Somebody with a hand in the database."""
        connection = sqlite3.connect(self.folder / "tieout.db")
        with connection:
            assert connection.execute(statement).rowcount > 0
        connection.close()


def work_off(company: Company) -> None:
    work = company.unit_of_work()
    while work.run(500):
        pass


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., Answer]:
    """``run("status")`` is ``tieout status``."""

    def command(*arguments: str) -> Answer:
        monkeypatch.setattr(sys, "argv", ["tieout", *arguments])
        code = 0
        capsys.readouterr()
        try:
            main()
        except SystemExit as end:
            code = end.code if isinstance(end.code, int) else 1
        out, err = capsys.readouterr()
        return Answer(code, out, err)

    return command


@pytest.fixture(scope="session")
def new_company(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A company as ``tieout init`` leaves it. Made once and copied."""
    folder = tmp_path_factory.mktemp("new") / "books"
    from click.testing import CliRunner

    from tieout.cli import group

    assert CliRunner().invoke(group, ["init", str(folder)]).exit_code == 0
    return folder


@pytest.fixture(scope="session")
def small_company(new_company: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One supplier, two orders, all received; one invoice matches and one is too dear. No system is connected."""
    folder = tmp_path_factory.mktemp("small") / "books"
    shutil.copytree(new_company, folder)
    company = Company.at(folder / "tieout.toml")
    proposed = SupplierProposed(supplier=samples.SUPPLIER)
    company.intake.offer([Message(source="test", key="supplier", data=proposed, actor="person:mia")])
    for name in ("orders.csv", "receipts.csv", "invoice-26-0117.xml", "invoice-26-0118.xml"):
        body = samples.files()[name]
        answer = company.intake.document(body, name=name, media_type="text/plain", channel="cli")
        assert answer.status == "accepted", answer.problems
        work_off(company)
    company.schedule.seal(company.seal_key)
    work_off(company)
    return folder


@pytest.fixture
def empty(new_company: Path, tmp_path: Path, run: Callable[..., Answer]) -> Tieout:
    return Tieout(Path(shutil.copytree(new_company, tmp_path / "books")), run)


@pytest.fixture
def small(small_company: Path, tmp_path: Path, run: Callable[..., Answer]) -> Tieout:
    return Tieout(Path(shutil.copytree(small_company, tmp_path / "books")), run)
