"""Tolerance dialects: how each ERP reads limits, and what it calls the holds it places. Data, one file a dialect.

The same figures mean different things: a zero allows nothing in Oracle Fusion and held nothing in Oracle before it; a
blank is no limit there and no check in SAP. So a tolerance set names its dialect.
"""

import tomllib
from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from importlib import resources
from typing import Any, Literal

import msgspec
from msgspec import Struct

from tieout.kernel.ids import fingerprint
from tieout.kernel.problem import Code
from tieout.policy.tolerances import CHECKS, Absolute, Base, Charges, Combine, Limit

Rounding = Literal["none", "line", "document"]
RoundingMode = Literal["half_up", "half_even", "up", "down"]


class DialectCheck(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How the ERP makes one check.

    ``hold`` is its name of the hold, ``hold_amount`` that of the absolute limit where it has one, ``key`` its name
    of the tolerance. ``default`` is the limit it comes with; without one an omitted limit is blank.
    """

    hold: str = ""
    hold_amount: str = ""
    key: str = ""
    combine: Combine | None = None
    base: Base | None = None
    absolute: Absolute = "difference"
    rounding: Rounding = "none"
    default: Limit | None = None


class Hold(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What may be done about a hold in the ERP: book the invoice all the same, and release it by hand."""

    accounting_allowed: bool = True
    release_allowed: bool = True


class Dialect(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How one ERP reads tolerances. ``source`` is the public reference.

    ``blank``: what a limit means that was not given. ``zero``: a zero allows ``none`` or is ``never_held``.
    ``findings``: its names of holds for what has no limit, by our code. ``holds``: those that differ from the usual.
    """

    name: str
    title: str
    effective_from: date
    source: str
    blank: Literal["off", "zero", "unlimited"]
    zero: Literal["none", "never_held"] = "none"
    combine: Combine = "all"
    rounding_mode: RoundingMode = "half_up"
    unplanned_charges: Charges = "refuse"
    checks: dict[str, DialectCheck] = {}
    findings: dict[Code, str] = {}
    holds: dict[str, Hold] = {}

    def hold(self, name: str) -> Hold:
        """What may be done about a hold of this name."""
        return self.holds.get(name) or Hold()

    def omitted(self, name: str) -> Limit | None:
        """What holds for a check whose limit the policy does not give; nothing when the ERP makes no such check."""
        check = self.checks.get(name)
        return None if check is None else check.default or Limit(kind=self.blank)


NAMES = (
    "generic",
    "generic_strict",
    "generic_lenient",
    "oracle_fusion",
    "oracle_ebs",
    "sap",
    "ariba",
    "dynamics365",
    "erpnext",
)


def _tables(name: str) -> dict[str, Any]:
    text = resources.files("tieout.policy").joinpath("dialects", f"{name}.toml").read_text(encoding="utf-8")
    return tomllib.loads(text, parse_float=Decimal)


def _load(name: str, tables: dict[str, Any]) -> Dialect:
    dialect = msgspec.convert({"name": name, **tables}, Dialect)
    if unknown := sorted(set(dialect.checks) - set(CHECKS)):
        raise ValueError(f"dialect {name}: there are no checks named {', '.join(unknown)}")
    return dialect


_TABLES = {name: _tables(name) for name in NAMES}
DIALECTS: dict[str, Dialect] = {name: _load(name, tables) for name, tables in _TABLES.items()}
"""All dialects by name."""

#: What says something about a dialect and decides nothing.
_WORDS = frozenset(("title", "source"))


def content_digest(tables: Mapping[str, Any]) -> str:
    """The digest of all that decides in the file of a dialect: another one when anything may be decided otherwise."""
    deciding = {key: value for key, value in tables.items() if key not in _WORDS}
    return fingerprint(msgspec.json.encode(deciding, order="deterministic"))


DIGESTS: dict[str, str] = {name: content_digest(tables) for name, tables in _TABLES.items()}
"""The digests of all dialects by name. They are part of the version of a policy that uses them."""
