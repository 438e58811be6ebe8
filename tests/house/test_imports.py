"""The pure half of the house: data in, data out. These tests read its source; they do not run it."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "src" / "tieout"

#: What each pure package may import: a module with all that is in it, or one name out of a module.
EVERYWHERE = {
    "__future__",
    "abc",
    "base64",
    "bisect",
    "collections",
    "contextlib",
    "dataclasses",
    "datetime",
    "decimal",
    "enum",
    "functools",
    "hashlib",
    "heapq",
    "itertools",
    "msgspec",
    "operator",
    "re",
    "string",
    "types",
    "typing",
    "unicodedata",
}
BESIDES = {
    "kernel": {"hmac", "stdnum", "zoneinfo"},
    "model": {"stdnum"},
    "policy": {"difflib", "holidays", "importlib.resources", "stdnum", "tomllib", "zoneinfo"},
    "formats": {
        *("asn1crypto", "codecs", "csv", "cryptography", "email", "importlib.resources", "io", "lxml", "pypdf"),
        *("stdnum", "tomllib", "zlib"),
    },
    "matching": {"fractions", "rapidfuzz"},
    "processes": set[str](),
}
#: Built-ins that reach into the world, or around an import that this test can see.
BARRED_CALLS = {"__import__", "breakpoint", "compile", "eval", "exec", "input", "open", "print"}
#: Packages in which amounts are made and added up: no floats at all.
EXACT = {"kernel", "model"}
CLOCKS = {"date", "datetime", "dt"}


def modules(packages: set[str]) -> list[Path]:
    return sorted(path for package in packages for path in (SOURCE / package).rglob("*.py"))


def named(path: Path) -> str:
    return str(path.relative_to(SOURCE))


def parse(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), str(path))


def imports(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Every imported name with its module in front: ``from a import b`` gives ``a.b``."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from ((node.lineno, f"{'.' * node.level}{node.module or ''}.{alias.name}") for alias in node.names)


def allowed(name: str, package: str) -> bool:
    """Whether the name is on the list, or inside a module that is, or in another pure package."""
    parts = name.split(".")
    if parts[0] == "tieout":
        return len(parts) > 1 and parts[1] in BESIDES
    prefixes = {".".join(parts[: length + 1]) for length in range(len(parts))}
    return bool(prefixes & (EVERYWHERE | BESIDES[package]))


def world_reaching(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Calls that open something or run text as code, and questions to the clock of the machine."""
    for node in ast.walk(tree):
        match node:
            case ast.Call(func=ast.Name(id=name)) if name in BARRED_CALLS:
                yield node.lineno, f"{name}()"
            case ast.Attribute(attr="now" | "utcnow" | "today" as attribute, value=ast.Name(id=name)) if name in CLOCKS:
                yield node.lineno, f"{name}.{attribute}"
            case ast.Attribute(attr="now" | "utcnow" | "today" as attribute, value=ast.Attribute(attr=name)) if (
                name in CLOCKS
            ):
                yield node.lineno, f"{name}.{attribute}"


def floats(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Float literals, and the name ``float`` wherever it makes or promises one.

    ``isinstance(value, float)`` is how a float is refused, and stays.
    """
    refusals = {
        id(part)
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "isinstance"
        for part in ast.walk(node)
    }
    for node in ast.walk(tree):
        match node:
            case ast.Constant(value=float() as value):
                yield node.lineno, f"the literal {value!r}"
            case ast.Name(id="float" | "complex" as name) if id(node) not in refusals:
                yield node.lineno, name
            case ast.Constant(value=str() as text) if text.strip() == "float":
                yield node.lineno, "a quoted float"


def complaints(found: Iterator[tuple[int, str]], path: Path) -> list[str]:
    return [f"{named(path)}:{line}: {what}" for line, what in found]


def test_the_pure_half_exists() -> None:
    assert [package for package in BESIDES if not modules({package})] == []


@pytest.mark.parametrize("path", modules(set(BESIDES)), ids=named)
def test_pure_modules_import_only_what_is_on_the_list(path: Path) -> None:
    package = path.relative_to(SOURCE).parts[0]
    found = ((line, name) for line, name in imports(parse(path)) if not allowed(name, package))
    assert complaints(found, path) == []


@pytest.mark.parametrize("path", modules(set(BESIDES)), ids=named)
def test_pure_modules_ask_no_clock_and_open_nothing(path: Path) -> None:
    assert complaints(world_reaching(parse(path)), path) == []


@pytest.mark.parametrize("path", modules(EXACT), ids=named)
def test_no_floats_where_money_is_made(path: Path) -> None:
    assert complaints(floats(parse(path)), path) == []


@pytest.mark.parametrize(
    ("source", "package", "barred"),
    [
        ("from datetime import datetime", "kernel", []),
        ("import time", "kernel", ["time"]),
        ("from os import path", "model", ["os.path"]),
        ("import random", "matching", ["random"]),
        ("from importlib import resources", "policy", []),
        ("import importlib.resources", "policy", []),
        ("from importlib import metadata", "policy", ["importlib.metadata"]),
        ("import importlib", "policy", ["importlib"]),
        ("from importlib import resources", "model", ["importlib.resources"]),
        ("import lxml.etree", "formats", []),
        ("import lxml.etree", "processes", ["lxml.etree"]),
        ("from tieout.kernel.money import Money", "model", []),
        ("from tieout import policy", "model", []),
        ("from tieout.engine import inbox", "processes", ["tieout.engine.inbox"]),
        ("import tieout", "processes", ["tieout"]),
        ("from . import money", "kernel", ["..money"]),
    ],
)
def test_the_list_lets_through_what_it_should(source: str, package: str, barred: list[str]) -> None:
    assert [name for _, name in imports(ast.parse(source)) if not allowed(name, package)] == barred


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("datetime.now(UTC)", ["datetime.now"]),
        ("datetime.datetime.utcnow()", ["datetime.utcnow"]),
        ("today = date.today", ["date.today"]),
        ("open('x')", ["open()"]),
        ("facts.now", []),
        ("clock.now()", []),
        ("re.compile('x')", []),
    ],
)
def test_the_clock_and_the_file_are_seen(source: str, found: list[str]) -> None:
    assert [what for _, what in world_reaching(ast.parse(source))] == found


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("rate = 0.5", ["the literal 0.5"]),
        ("float(x)", ["float"]),
        ("def f(x: float | None) -> int: ...", ["float"]),
        ("def f(x: 'float') -> int: ...", ["a quoted float"]),
        ("if isinstance(x, float): raise TypeError", []),
        ("amount = Decimal('0.5') + 3", []),
    ],
)
def test_floats_are_seen(source: str, found: list[str]) -> None:
    assert [what for _, what in floats(ast.parse(source))] == found
