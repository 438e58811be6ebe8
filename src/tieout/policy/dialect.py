"""Tolerance dialects: how each ERP reads limits, and what it calls the holds it places. Data, one file a dialect.

The same figures mean different things: a zero allows nothing in Oracle Fusion and held nothing in Oracle before it; a
blank is no limit there and no check in SAP. So a tolerance set names its dialect.
"""

import tomllib
from datetime import date
from decimal import Decimal
from importlib import resources
from typing import Literal

import msgspec
from msgspec import Struct

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


def _load(name: str) -> Dialect:
    text = resources.files("tieout.policy").joinpath("dialects", f"{name}.toml").read_text(encoding="utf-8")
    tables = tomllib.loads(text, parse_float=Decimal)
    dialect = msgspec.convert({"name": name, **tables}, Dialect)
    if unknown := sorted(set(dialect.checks) - set(CHECKS)):
        raise ValueError(f"dialect {name}: there are no checks named {', '.join(unknown)}")
    return dialect


DIALECTS: dict[str, Dialect] = {name: _load(name) for name in NAMES}
"""All dialects by name."""
