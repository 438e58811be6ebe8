"""Any table of a policy is checked by its type: unknown keys, wrong values, missing keys, at any depth."""

from typing import Any, Literal

import pytest
from msgspec import Struct

from tieout.policy.files import Fault, separated, written
from tieout.policy.shape import shown, struct_in, table_faults, value_faults


class Rule(Struct, frozen=True, kw_only=True):
    """One rule of a list."""

    to: str
    kind: Literal["", "money", "days"] = ""


class Routing(Struct, frozen=True, kw_only=True):
    """A table with rules in it."""

    rules: tuple[Rule, ...] = ()
    named: dict[str, Rule] = {}
    one: Rule | None = None
    either: Rule | str = ""
    count: int = 0
    numbers: tuple[int, ...] = ()


@pytest.mark.parametrize(
    ("table", "faults"),
    [
        ({}, []),
        ({"rules": [{"to": "x"}], "named": {"a": {"to": "y", "kind": "days"}}, "one": {"to": "z"}, "either": "w"}, []),
        ({"either": {"to": "x"}, "numbers": [1, 2]}, []),
        (7, [Fault(key="t", value="7", expected="must be a table, [t]")]),
        (
            {"rules": [{"to": "x"}, {"too": "x", "to": 1}]},
            [
                Fault(key="t.rules.2.too", value='"x"', expected="there is no such key", nearest="to"),
                Fault(key="t.rules.2.to", value="1", expected="expected `str`, got `int`"),
            ],
        ),
        ({"rules": [{}]}, [Fault(key="t.rules.1.to", expected="is missing and must be said")]),
        (
            {"named": {"a": {"to": "x", "kind": "mony"}}},
            [Fault(key="t.named.a.kind", value='"mony"', expected='must be one of "", money, days', nearest="money")],
        ),
        (
            {"one": {"to": "x", "zzz": True}},
            [Fault(key="t.one.zzz", value="true", expected="there is no such key")],
        ),
        ({"named": 3}, [Fault(key="t.named", value="3", expected="expected `object`, got `int`")]),
        ({"numbers": [1, "2"]}, [Fault(key="t.numbers[1]", value="[1, '2']", expected="expected `int`, got `str`")]),
        ({"either": 3}, [Fault(key="t.either", value="3", expected="expected `str | object`, got `int`")]),
    ],
)
def test_a_table_is_checked_by_its_type(table: Any, faults: list[Fault]) -> None:
    assert list(table_faults(Routing, table, "t")) == faults


def test_other_keys_may_belong_to_a_table() -> None:
    assert list(table_faults(Rule, {"to": "x", "group": 1}, "", more=("group",))) == []
    (fault,) = table_faults(Rule, {"to": "x", "grop": 1}, "", more=("group",))
    assert fault == Fault(key="grop", value="1", expected="there is no such key", nearest="group")
    assert list(value_faults(Rule, 3, "t")) == [Fault(key="t", value="3", expected="must be a table, [t]")]


def test_the_table_in_a_type() -> None:
    assert [struct_in(kind) for kind in (Rule, Rule | None, Rule | str, str, dict[str, Rule])] == [
        *(Rule, Rule, Rule),
        *(None, None),
    ]


def test_values_are_shown_as_they_are_written_and_shortened() -> None:
    assert [shown(one) for one in ("a", 1, True, ["A"])] == ['"a"', "1", "true", "['A']"]
    assert shown("x" * 58) == '"' + "x" * 58 + '"'
    assert shown("x" * 59) == '"' + "x" * 56 + "..."


@pytest.mark.parametrize(
    ("key", "file", "line"),
    [
        ("a.b", "policy.toml", 2),
        ("a.b.c", "policy.toml", 2),
        ("a.q r.s", "policy.toml", 5),
        ("a.zz", "policy.toml", 1),
        ("x.y.z", "policy.toml", 7),
        ("rules.to", "policy.toml", 9),
        ("nowhere", "", 0),
    ],
)
def test_a_key_is_found_in_its_line(key: str, file: str, line: int) -> None:
    text = "[a] # first\nb = 1\n\n[a.'q r']\n\"s\" = [\n1]\nx.y.z = 2\n[[rules]]\nto = 3\n"
    text = text.replace("x.y.z = 2", "[x]\ny.z = 2").replace('"s" = [\n1]', '"s" = 1')
    found = written(text).located(Fault(key=key, expected="e", value="v", nearest="n"))
    assert found == Fault(key=key, expected="e", value="v", nearest="n", file=file, line=line)


def test_a_fault_in_words() -> None:
    assert str(Fault(key="a.b", expected="is missing")) == "a.b: is missing"
    assert str(Fault(key="a", value="1", expected="no", file="f.toml")) == "f.toml: a = 1: no"
    whole = Fault(key="a", value="1", expected="no", file="f.toml", line=3, nearest="b")
    assert str(whole) == 'f.toml, line 3: a = 1: no; did you mean "b"?'


def test_the_files_of_a_text() -> None:
    assert separated("a = 1\n") == {"policy.toml": "a = 1\n"}
    assert separated("#:file b.toml\nx = 1\n\n#:file entities/E.toml\ny = 2\n") == {
        "b.toml": "x = 1\n",
        "entities/E.toml": "y = 2\n",
    }
