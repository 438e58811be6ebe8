"""The assertions of an expert: each is shown by a test that is really there."""

import ast
import tomllib
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SHOWN: dict[str, dict[str, list[str]]] = tomllib.loads(
    (ROOT / "tests" / "house" / "assertions.toml").read_text(encoding="utf-8")
)

#: The fields in which nothing may be missing.
ASKED = {
    "match": {
        "zero-tolerance exactness",
        "blank is not zero",
        "and is not or",
        "cumulative partials",
        "over-receipt",
        "credit memo capacity",
        "unit conversion",
        "price unit",
        "settlement on receipt is blocked by an estimated price",
        "settlement on receipt and an invoice are a duplicate",
        "consignment on withdrawal",
        "unplanned freight",
        "tax excluded",
        "currency mismatch",
    },
    "duplicates": {
        "transposed digits",
        "leading zeros",
        "cross-entity",
        "credit and re-invoice are not flagged",
        "recurring rent is not flagged",
    },
    "control": {
        "creator releases own",
        "replay by approver denied",
        "policy loosened then used",
        "segregation of duties of service accounts",
        "evidence hash break detected",
    },
}


@cache
def named_in(path: Path) -> frozenset[str]:
    """The tests of a module, by name."""
    body = ast.parse(path.read_text(encoding="utf-8")).body
    return frozenset(one.name for one in body if isinstance(one, ast.FunctionDef) and one.name.startswith("test_"))


@pytest.mark.parametrize("field", ASKED)
def test_every_assertion_of_the_field_is_on_the_list(field: str) -> None:
    assert set(SHOWN[field]) == ASKED[field]


@pytest.mark.parametrize("assertion", [f"{field}: {one}" for field, asked in SHOWN.items() for one in asked])
def test_the_tests_that_show_it_are_there(assertion: str) -> None:
    field, name = assertion.split(": ", 1)
    shown = [node.split("::") for node in SHOWN[field][name]]
    assert shown != []
    assert [node for node in shown if not (ROOT / node[0]).is_file() or node[1] not in named_in(ROOT / node[0])] == []
