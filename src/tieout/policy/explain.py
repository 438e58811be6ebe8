"""Why does this setting have this value? Each setting of an entity, with the level of the policy that says it.

Of limits it is told what holds: those that are given, and for the other checks that the dialect makes what it makes of
a limit that is not given.
"""

from collections.abc import Iterable, Iterator
from typing import Any

import msgspec
from msgspec import Struct

from tieout.policy.dialect import DIALECTS
from tieout.policy.levels import DEFAULT, FOR_ALL, POLICY
from tieout.policy.load import Loaded
from tieout.policy.policy import EntityPolicy, Policy
from tieout.policy.shape import fields_of
from tieout.policy.tolerances import CHECKS, Limit, Tolerances

DIALECT = "dialect"
"""The level of a limit that nobody gives and that the dialect knows."""
#: Ours; every other dialect is an ERP's.
_OURS = "generic"


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
    everywhere = _everywhere(loaded, without=FOR_ALL if entity else ())
    return (*_of_entity(loaded, entity), *everywhere) if entity else tuple(everywhere)


def _everywhere(loaded: Loaded, without: tuple[str, ...]) -> Iterator[Setting]:
    tables = ("entities", "partners", "channels", "tolerances")
    for name in fields_of(Policy):
        if name not in (*tables, *without):
            for key, value in flat(getattr(loaded.policy, name), name):
                yield Setting(key, value, POLICY if _is_said(loaded.tables, key) else DEFAULT)


def _is_said(tables: Any, key: str) -> bool:
    """Whether the text says this key, or a list that holds it."""
    for part in key.split("."):
        if not isinstance(tables, dict):
            return True
        if part not in tables:
            return False
        tables = tables[part]
    return True


def _of_entity(loaded: Loaded, entity: str) -> Iterator[Setting]:
    settled, origins = _settled(loaded.policy, entity), loaded.origins[entity]
    for name in fields_of(type(settled)):
        value = getattr(settled, name)
        if name == "tolerances":
            yield from _tolerances(loaded, entity, value, origins)
            continue
        for key, text in flat(value, name):
            yield Setting(key, text, _nearest(origins, key))


def _settled(policy: Policy, entity: str) -> EntityPolicy:
    """An entity with what the policy says for everybody, where the entity itself does not."""
    return msgspec.structs.replace(policy.entities[entity], matching=policy.matching_of(entity))


def _tolerances(loaded: Loaded, entity: str, value: Tolerances | str, origins: dict[str, str]) -> Iterator[Setting]:
    """Limits one by one, also where the entity only names a set."""
    if isinstance(value, str):
        said = loaded.tables.get("tolerances", {}).get(value, {})
        origins = {f"tolerances.{key}": f"set {value}" for key in said}
    held = loaded.policy.tolerances_of(entity)
    given = set(_given(held))
    for name, text in holding(held):
        key = f"tolerances.{name}"
        level = _nearest(origins, key)
        by_dialect = level == DEFAULT and name not in ("dialect", "on_variance") and name not in given
        yield Setting(key, text, DIALECT if by_dialect else level)


def holding(tolerances: Tolerances) -> Iterator[tuple[str, str]]:
    """What holds under a tolerance set, in words: its dialect, the limits that are given, and what the dialect makes of
    those that are not; checks that are neither are left out."""
    dialect = DIALECTS[tolerances.dialect]
    by_dialect = f"(what dialect {dialect.name} makes of a limit that is not given)"
    yield "dialect", dialect.name
    for name in CHECKS:
        given, omitted = getattr(tolerances, name), dialect.omitted(name)
        if given is not None:
            never = given.kind == "zero" and dialect.zero == "never_held"
            yield name, f"zero (never held in dialect {dialect.name})" if never else limit_words(given)
        elif omitted is not None:
            yield name, f"{limit_words(omitted)} {by_dialect}"
    charges = tolerances.unplanned_charges
    yield "unplanned_charges", charges or f"{dialect.unplanned_charges} (of dialect {dialect.name})"
    yield "on_variance", tolerances.on_variance


def _given(tolerances: Tolerances) -> Iterator[str]:
    return (name for name in (*CHECKS, "unplanned_charges") if getattr(tolerances, name) is not None)


def warnings(policy: Policy, entities: Iterable[str]) -> tuple[str, ...]:
    """What is surely not meant for these entities: an ERP's dialect without a limit, so that almost nothing is held."""
    concerned: dict[Tolerances, list[str]] = {}
    for entity in entities:
        concerned.setdefault(policy.tolerances_of(entity), []).append(entity)
    return tuple(_almost_nothing(tolerances, names) for tolerances, names in concerned.items() if _is_bare(tolerances))


def _is_bare(tolerances: Tolerances) -> bool:
    dialect = DIALECTS[tolerances.dialect]
    limited = any(getattr(tolerances, name) is not None for name in CHECKS)
    return not dialect.name.startswith(_OURS) and dialect.blank != "zero" and not limited


def _almost_nothing(tolerances: Tolerances, entities: list[str]) -> str:
    dialect = DIALECTS[tolerances.dialect]
    omitted = {name: dialect.omitted(name) for name in CHECKS}
    held = [name for name, limit in omitted.items() if limit is not None and limit.kind in ("zero", "value")]
    return (
        f"{', '.join(entities)}: the tolerances name the dialect {dialect.name} and give no limit, so that only"
        f" {_listed(held)} {'is' if len(held) == 1 else 'are'} held, as in {dialect.title}. Give the limits that are"
        f" set there, or name the dialect {_OURS}."
    )


def _listed(names: list[str]) -> str:
    return " and ".join(filter(None, (", ".join(names[:-1]), names[-1]))) if names else "nothing"


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
            for entity in policy.entities:
                limits = policy.tolerances_of(entity)
                resolved = msgspec.structs.replace(_settled(policy, entity), tolerances=limits)
                yield from flat(resolved, f"entities.{entity}")
        elif name != "tolerances":
            yield from flat(getattr(policy, name), name)
    yield from flat(policy.tolerances, "tolerances")


def flat(value: Any, place: str) -> Iterator[tuple[str, str]]:
    """A value as dotted keys with what would be written behind them. A limit is one value; tolerances are told as what
    holds."""
    if isinstance(value, Limit):
        yield place, limit_words(value)
    elif isinstance(value, Tolerances):
        for name, text in holding(value):
            yield f"{place}.{name}", text
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
