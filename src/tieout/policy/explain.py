"""Why does this setting have this value? Each setting of an entity, with the level of the policy that says it."""

from collections.abc import Iterator
from typing import Any

import msgspec
from msgspec import Struct

from tieout.policy.levels import DEFAULT
from tieout.policy.load import Loaded
from tieout.policy.policy import Policy
from tieout.policy.shape import fields_of
from tieout.policy.tolerances import Limit, Tolerances


class Setting(Struct, frozen=True):
    """One setting, its value as it would be written, and the level it comes from (``group``, ``region emea``,
    ``entity DE01``, ``set strict``, ``policy`` for what holds everywhere, ``default`` for what nobody said)."""

    key: str
    value: str
    level: str


class Difference(Struct, frozen=True):
    """A key that two policies say otherwise; nothing where one does not say it."""

    key: str
    before: str
    after: str


def settings(loaded: Loaded, entity: str = "") -> tuple[Setting, ...]:
    """What holds everywhere, and what holds for one entity. Raises ``KeyError`` for an entity it does not know."""
    everywhere = _everywhere(loaded)
    return (*_of_entity(loaded, entity), *everywhere) if entity else tuple(everywhere)


def _everywhere(loaded: Loaded) -> Iterator[Setting]:
    tables = ("entities", "partners", "channels", "tolerances")
    for name in fields_of(Policy):
        if name not in tables:
            level = "policy" if name in loaded.tables else DEFAULT
            for key, value in flat(getattr(loaded.policy, name), name):
                yield Setting(key, value, level)


def _of_entity(loaded: Loaded, entity: str) -> Iterator[Setting]:
    settled, origins = loaded.policy.entities[entity], loaded.origins[entity]
    for name in fields_of(type(settled)):
        value = getattr(settled, name)
        if name == "tolerances":
            yield from _tolerances(loaded, entity, value, origins)
            continue
        for key, text in flat(value, name):
            yield Setting(key, text, _nearest(origins, key))


def _tolerances(loaded: Loaded, entity: str, value: Tolerances | str, origins: dict[str, str]) -> Iterator[Setting]:
    """Limits one by one, also where the entity only names a set."""
    if isinstance(value, str):
        said = loaded.tables.get("tolerances", {}).get(value, {})
        origins = {f"tolerances.{key}": f"set {value}" for key in said}
    for key, text in flat(loaded.policy.tolerances_of(entity), "tolerances"):
        yield Setting(key, text, _nearest(origins, key))


def _nearest(origins: dict[str, str], key: str) -> str:
    """The level that says the key, or a table that it stands in."""
    while key:
        if key in origins:
            return origins[key]
        key = key.rpartition(".")[0]
    return DEFAULT


def differences(before: Policy, after: Policy) -> tuple[Difference, ...]:
    """Every key in which two policies differ, by name. Of entities the tolerances are compared limit by limit."""
    left, right = dict(_whole(before)), dict(_whole(after))
    keys = sorted(key for key in left.keys() | right.keys() if left.get(key, "") != right.get(key, ""))
    return tuple(Difference(key, left.get(key, ""), right.get(key, "")) for key in keys)


def _whole(policy: Policy) -> Iterator[tuple[str, str]]:
    for name in fields_of(Policy):
        if name == "entities":
            for entity, settled in policy.entities.items():
                resolved = msgspec.structs.replace(settled, tolerances=policy.tolerances_of(entity))
                yield from flat(resolved, f"entities.{entity}")
        elif name != "tolerances":
            yield from flat(getattr(policy, name), name)
    yield from flat(policy.tolerances, "tolerances")


def flat(value: Any, place: str) -> Iterator[tuple[str, str]]:
    """A value as dotted keys with what would be written behind them. A limit is one value."""
    if isinstance(value, Limit):
        yield place, limit_words(value)
    elif isinstance(value, Struct):
        for name in fields_of(type(value)):
            yield from flat(getattr(value, name), f"{place}.{name}")
    elif isinstance(value, dict):
        for key, one in value.items():
            yield from flat(one, f"{place}.{key}")
    elif isinstance(value, tuple) and any(isinstance(one, Struct) for one in value):
        for number, one in enumerate(value, start=1):
            yield from flat(one, f"{place}.{number}")
    else:
        yield place, _written(value)


def _written(value: Any) -> str:
    if isinstance(value, tuple | list | frozenset):
        return ", ".join(map(_written, value))
    return str(value).lower() if isinstance(value, bool) else "" if value is None else str(value)


def limit_words(limit: Limit) -> str:
    """A limit in a few words: its kind, and what else it says."""
    said = [
        f"{field.name} {_written(getattr(limit, field.name))}"
        for field in msgspec.structs.fields(limit)
        if field.name != "kind" and getattr(limit, field.name) != field.default
    ]
    return ": ".join(part for part in (limit.kind, ", ".join(said)) if part)
