"""Golden vectors: what each dialect makes of the same figures, and what it would call the holds.

The files in ``golden/`` are data: the limits of a tolerance set, how the order line stands, what the invoice bills, and
the verdict. By default 100 EA at 10.00 EUR are ordered, received and billed.
"""

import tomllib
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest
from tests.matching.paper import failed, invoice, judge, line, order, position

from tieout.matching.orders import LinePosition
from tieout.policy.dialect import DIALECTS, NAMES
from tieout.policy.tolerances import Tolerances

GOLDEN = Path(__file__).parent / "golden"


def cases() -> list[Any]:
    found = []
    for path in sorted(GOLDEN.glob("*.toml")):
        for case in tomllib.loads(path.read_text(encoding="utf-8"), parse_float=Decimal)["case"]:
            found.append(pytest.param(path.stem, case, id=f"{path.stem}: {case['name']}"))
    return found


@pytest.mark.parametrize(("dialect", "case"), cases())
def test_a_golden_vector(dialect: str, case: dict[str, Any]) -> None:
    tolerances = msgspec.convert({"dialect": dialect, **case.get("limits", {})}, Tolerances)
    fields = {name: type_of(name, given) for name, given in case.get("order", {}).items()}
    billed = dict(case.get("invoice", {}))
    tax = msgspec.convert(billed.pop("tax", {"minor": 0, "currency": "EUR"}), type=line().net.__class__)
    tax_rate = Decimal(billed.pop("tax_rate", 0))
    document = invoice(line(**billed, tax_rate=tax_rate), tax=tax)
    verdict = judge(document, order(position(**fields)), tolerances=tolerances)
    assert (failed(verdict), list(verdict.holds), verdict.matched) == (
        [tuple(one) for one in case.get("failed", [])],
        case.get("holds", []),
        not case.get("failed"),
    )


def type_of(name: str, given: Any) -> Any:
    (field,) = (one for one in msgspec.structs.fields(LinePosition) if one.name == name)
    return msgspec.convert(given, field.type)


def test_every_dialect_has_vectors() -> None:
    assert {path.stem for path in GOLDEN.glob("*.toml")} == set(NAMES) == set(DIALECTS)
