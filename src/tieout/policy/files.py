"""A policy as its author writes it: one TOML file, or a folder of them, kept as one readable text.

A folder holds files with top-level tables (``group.toml``, ``partners.toml`` …), ``regions/<name>.toml`` and
``entities/<name>.toml``. As one text each file begins with a line ``#:file <path>``; nothing else is changed, so the
text of a release can be read, compared and written back to files for ever.
"""

import re
import tomllib
from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any

from msgspec import Struct

Table = dict[str, Any]

SINGLE = "policy.toml"
"""What a policy that is one file is called in messages."""

_MARK = "#:file "
_FOLDERS = ("regions", "entities")
_KEY = re.compile(r"\s*((?:[A-Za-z0-9_-]+|\"[^\"]*\"|'[^']*')(?:\s*\.\s*(?:[A-Za-z0-9_-]+|\"[^\"]*\"|'[^']*'))*)\s*=")
_HEADER = re.compile(r"\s*(\[{1,2}[^\[\]]+\]{1,2})\s*(?:#.*)?$")


class Fault(Struct, frozen=True, kw_only=True):
    """One thing that is wrong in a policy: where, what stands there, what was expected, and the nearest right word."""

    key: str
    expected: str
    value: str = ""
    file: str = ""
    line: int = 0
    nearest: str = ""

    def __str__(self) -> str:
        place = f"{self.file}, line {self.line}: " if self.line else f"{self.file}: " if self.file else ""
        stands = f"{self.key} = {self.value}" if self.value else self.key
        hint = f'; did you mean "{self.nearest}"?' if self.nearest else ""
        return f"{place}{stands}: {self.expected}{hint}"


def joined(files: Mapping[str, str]) -> str:
    """Files by their path in the policy's folder, as one text."""
    return "".join(f"{_MARK}{name}\n{text.rstrip()}\n\n" for name, text in sorted(files.items(), key=_order))


def _order(item: tuple[str, str]) -> tuple[int, str]:
    folder = item[0].partition("/")[0]
    return (_FOLDERS.index(folder) + 1 if folder in _FOLDERS else 0), item[0]


def separated(text: str) -> dict[str, str]:
    """The files of a policy's text, by path; a text without marks is one file."""
    if not text.startswith(_MARK):
        return {SINGLE: text}
    files: dict[str, list[str]] = {}
    lines: list[str] = []
    for line in text.splitlines():
        if line.startswith(_MARK):
            lines = files.setdefault(line.removeprefix(_MARK).strip(), [])
        else:
            lines.append(line)
    return {name: "\n".join(lines).rstrip() + "\n" for name, lines in files.items()}


class Written(Struct, frozen=True):
    """The tables of all files together, and what is wrong with the files themselves."""

    files: dict[str, str]
    tables: Table
    faults: tuple[Fault, ...]

    def located(self, fault: Fault) -> Fault:
        """The same fault with the file and line it stands at, as far as they can be told."""
        path = tuple(fault.key.split("."))
        best = max(
            (
                (depth, name, line)
                for name, text in self.files.items()
                for depth, line in (_place(text, path, _prefix(name)),)
            ),
            default=(0, "", 0),
        )
        depth, name, line = best
        if not depth:
            return Fault(key=fault.key, expected=fault.expected, value=fault.value, nearest=fault.nearest)
        return Fault(
            key=fault.key, expected=fault.expected, value=fault.value, nearest=fault.nearest, file=name, line=line
        )


def written(text: str) -> Written:
    """Read the tables of a policy's text. What is no TOML, or is said in two files, is a fault."""
    files = separated(text)
    tables: Table = {}
    faults: list[Fault] = []
    for name, content in files.items():
        try:
            read = tomllib.loads(content, parse_float=Decimal)
        except tomllib.TOMLDecodeError as error:
            faults.append(Fault(key="the policy", file=name, expected=f"is not TOML: {error}"))
            continue
        except ArithmeticError:
            faults.append(Fault(key="the policy", file=name, expected="holds a number that is not a plain decimal"))
            continue
        faults += _added(tables, name, read)
    return Written(files, tables, tuple(faults))


def _added(tables: Table, name: str, read: Table) -> Iterator[Fault]:
    prefix = _prefix(name)
    if prefix:
        read = {prefix[0]: {prefix[1]: read}}
    for key, value in read.items():
        there = tables.get(key)
        if key not in tables:
            tables[key] = value
        elif isinstance(there, dict) and isinstance(value, dict) and not there.keys() & value.keys():
            tables[key] = {**there, **value}
        else:
            yield Fault(key=key, file=name, expected="is said in another file of the policy already; say it once")


def _prefix(name: str) -> tuple[str, ...]:
    """The table that a file of the folder stands for: ``entities/DE01.toml`` is ``[entities.DE01]``."""
    folder, _, file = name.rpartition("/")
    return (folder, file.removesuffix(".toml")) if folder in _FOLDERS else ()


def _place(text: str, path: tuple[str, ...], prefix: tuple[str, ...]) -> tuple[int, int]:
    """How much of a path is said in a file, and in which line."""
    if prefix and path[: len(prefix)] != prefix:
        return 0, 0
    best, table = (len(prefix), 1 if prefix else 0), prefix
    for number, line in enumerate(text.splitlines(), start=1):
        if header := _HEADER.match(line):
            table = here = prefix + _names(header[1].strip("[]"))
        elif key := _KEY.match(line):
            here = table + _names(key[1])
        else:
            continue
        shared = _shared(here, path)
        if shared in (len(here), len(path)) and shared > best[0]:
            best = shared, number
    return best


def _names(dotted: str) -> tuple[str, ...]:
    return tuple(part.strip().strip("\"'") for part in re.findall(r"\"[^\"]*\"|'[^']*'|[^.]+", dotted))


def _shared(here: tuple[str, ...], path: tuple[str, ...]) -> int:
    """How many names two paths have in common from the beginning."""
    count = 0
    for one, other in zip(here, path, strict=False):
        if one != other:
            break
        count += 1
    return count
