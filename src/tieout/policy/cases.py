"""What a case of each class means for people: owner, severity, playbook, actions. The data stands in ``cases.toml``."""

import tomllib
from datetime import date
from importlib import resources
from typing import Literal

import msgspec
from msgspec import Struct

from tieout.model.cases import CaseClass

Severity = Literal["medium", "high", "critical"]
#: From the least to the gravest.
SEVERITIES: tuple[Severity, ...] = ("medium", "high", "critical")
_DAY_HOURS = 24
SETTLE = "settle_case"


class CaseRule(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How one class of case is worked. ``actions`` are named as in ``duties.toml``; ``playbook`` are the steps in
    order; ``settles`` says how a case ends by itself. It is to be worked within ``target_days`` business days and
    ``target_hours`` hours of business days."""

    title: str
    owner: str
    severity: Severity
    target_days: int
    remedy: str
    actions: tuple[str, ...]
    target_hours: int = 0
    playbook: tuple[str, ...] = ()
    settles: str = ""

    @property
    def target(self) -> int:
        """The target time in hours of business days; a business day has 24 of them."""
        return self.target_days * _DAY_HOURS + self.target_hours


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


def settled_by_hand(case_class: CaseClass) -> bool:
    """Whether a person may say that a case of this class is settled; others end when what they are about is decided."""
    actions = CASE_RULES[case_class].actions
    return not actions or SETTLE in actions


def graver(one: Severity, other: Severity) -> Severity:
    """The graver of two severities."""
    return max(one, other, key=SEVERITIES.index)


def raised(severity: Severity) -> Severity:
    """One step graver; what is critical stays so."""
    return SEVERITIES[min(SEVERITIES.index(severity) + 1, len(SEVERITIES) - 1)]
