"""The pinned requirements: complete, hashed, and free of any host, so that every mirror serves them."""

import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
GROUPS = PROJECT["dependency-groups"]
FILES = sorted((ROOT / "requirements").glob("*.txt"))

#: ``name==1.2 ; marker --hash=sha256:…``, one requirement with its continuation lines joined.
LINE = re.compile(
    r"(?P<name>[a-z0-9.-]+)==(?P<version>[^\s;]+)(?P<marker> ; .+?)?(?P<hashes>( --hash=sha256:[0-9a-f]{64})*)"
)


def lines(path: Path) -> list[str]:
    """Each requirement on one line."""
    text = re.sub(r"\s*\\\n\s*", " ", path.read_text(encoding="utf-8"))
    return [line.strip() for line in text.splitlines() if line.strip()]


def pins(name: str) -> dict[str, set[str]]:
    """The versions a file names for each distribution; more than one where Python versions differ."""
    found: dict[str, set[str]] = {}
    for line in lines(ROOT / "requirements" / f"{name}.txt"):
        pin = LINE.fullmatch(line)
        assert pin, line
        found.setdefault(canonicalize_name(pin["name"]), set()).add(pin["version"])
    return found


def runtime() -> list[str]:
    """What tieout and all its extras ask for, and what builds it."""
    extras = [entry for extra in PROJECT["project"]["optional-dependencies"].values() for entry in extra]
    asked = [*PROJECT["project"]["dependencies"], *extras, *GROUPS["build"], *PROJECT["build-system"]["requires"]]
    return [entry for entry in asked if Requirement(entry).name != PROJECT["project"]["name"]]


def test_the_files_are_those_that_make_installs() -> None:
    assert [path.name for path in FILES] == ["bench.txt", "mutation.txt", "run.txt", "test.txt", "tryton.txt"]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_no_file_names_a_host_an_index_or_a_path(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    barred = ("://", "file:", "--index-url", "--extra-index-url", "--find-links", "--trusted-host", " @ ", "-e ")
    assert [word for word in barred if word in text] == []


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_every_requirement_is_pinned_and_hashed(path: Path) -> None:
    loose = [line for line in lines(path) if not (pin := LINE.fullmatch(line)) or not pin["hashes"]]
    assert loose == []


@pytest.mark.parametrize(
    ("name", "asked"),
    [
        ("run", runtime()),
        ("test", [*runtime(), *GROUPS["test"]]),
        ("mutation", [*runtime(), *GROUPS["test"], *GROUPS["mutation"]]),
        ("tryton", GROUPS["tryton"]),
        ("bench", GROUPS["bench"]),
    ],
    ids=["run", "test", "mutation", "tryton", "bench"],
)
def test_every_dependency_is_covered_by_a_version_it_accepts(name: str, asked: list[str]) -> None:
    pinned = pins(name)
    uncovered = [
        entry
        for entry in asked
        if not (versions := pinned.get(canonicalize_name(Requirement(entry).name)))
        or not all(Requirement(entry).specifier.contains(version) for version in versions)
    ]
    assert uncovered == [], f"requirements/{name}.txt is behind pyproject.toml; run `make lock`"


def test_the_tests_run_on_the_versions_the_demo_runs_on() -> None:
    for tests in (pins("test"), pins("mutation")):
        assert {name: versions for name, versions in pins("run").items() if tests.get(name) != versions} == {}


def test_the_product_neither_contains_nor_requires_the_gpl_erp() -> None:
    assert [name for name in pins("test") if name.startswith(("trytond", "proteus"))] == []
