"""What a case of each class means for people: owner, severity, remedy, actions. The data stands in ``cases.toml``."""

import tomllib
from datetime import date
from importlib import resources
from typing import Literal

import msgspec
from msgspec import Struct

from tieout.model.cases import CaseClass

Severity = Literal["medium", "high", "critical"]


class CaseRule(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How one class of case is worked. ``actions`` are named as in ``duties.toml``."""

    title: str
    owner: str
    severity: Severity
    target_days: int
    remedy: str
    actions: tuple[str, ...]


class _Data(Struct, frozen=True):
    effective_from: date
    rules: dict[CaseClass, CaseRule]


def read_rules(text: str) -> _Data:
    """The rules in a TOML text. Raises ``msgspec.ValidationError`` for a class of case or a key that we do not know."""
    rules = tomllib.loads(text)
    effective_from = rules.pop("effective_from")
    return msgspec.convert({"effective_from": effective_from, "rules": rules}, _Data)


_DATA = read_rules(resources.files("tieout.policy").joinpath("cases.toml").read_text(encoding="utf-8"))
EFFECTIVE_FROM: date = _DATA.effective_from
CASE_RULES: dict[CaseClass, CaseRule] = _DATA.rules
"""Every class of case has its rule; a test holds the two lists equal."""
