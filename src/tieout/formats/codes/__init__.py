"""Code lists of the standards, as dated data: one TOML file for each list, with meanings in our own words.

A file says since when it holds and where it comes from, then what each code means::

    effective_from = "2025-11-24"
    source = "ISO 20022 external code sets, fourth quarter of 2025"

    [codes]
    RJCT = "rejected"

A reader never refuses a code because it is not listed: it hands the code on and tells that it is unknown.
"""

import tomllib
from collections.abc import Mapping
from datetime import date
from functools import cache
from importlib.resources import files

import msgspec
from msgspec import Struct


class CodeList(Struct, frozen=True, kw_only=True):
    """One list: ``code in codes`` says whether a code is known, :meth:`meaning` what it says."""

    name: str
    effective_from: date
    source: str
    codes: Mapping[str, str]

    def meaning(self, code: str) -> str:
        """What the code means, for people; empty when it is not in the list."""
        return self.codes.get(code, "")

    def __contains__(self, code: object) -> bool:
        return code in self.codes


class _File(Struct, frozen=True, forbid_unknown_fields=True):
    effective_from: date
    source: str
    codes: dict[str, str]


@cache
def load(name: str) -> CodeList:
    """The list in the file ``<name>.toml`` beside this module, read once."""
    text = files(__name__).joinpath(f"{name}.toml").read_text("utf-8")
    read = msgspec.convert(tomllib.loads(text), _File)
    return CodeList(name=name, effective_from=read.effective_from, source=read.source, codes=read.codes)
