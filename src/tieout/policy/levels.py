"""Inheritance of a policy: what an entity does not say it takes from its region, then from the group.

Tables are merged key by key; a limit is taken as a whole, since half a limit of one level and half of another would
say what nobody wrote. What stands at the top for everybody is the outermost level. The name of a legal entity and its
own accounts are never inherited.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from msgspec import Struct

from tieout.policy.files import Fault, Table
from tieout.policy.policy import EntityPolicy
from tieout.policy.shape import fields_of, missing_faults, shown, struct_in, table_faults
from tieout.policy.tolerances import Limit

POLICY = "policy"
"""The level of what the policy says at its top, for everybody."""
GROUP = "group"
DEFAULT = "default"
"""The level of what nobody says: the default of the key, or of the dialect."""

OWN = frozenset({"name", "region", "tax_ids", "iban", "bic", "accounts"})
"""What belongs to one legal entity alone."""

#: Tables that stand at the top too, for every entity that says nothing else.
FOR_ALL = ("matching",)
#: Taken whole from the level nearest to the entity.
_WHOLE: tuple[type[Struct], ...] = (Limit,)

Origins = dict[str, str]
"""The level that says each key (``policy``, ``group``, ``region emea``, ``entity DE01``, ``set strict``), by its
dotted name."""


class Inherited(Struct, frozen=True):
    """One entity's table as it follows from all levels, and where each of its keys comes from."""

    table: Table
    origins: Origins


def level_faults(tables: Table) -> Iterator[Fault]:
    """What is wrong in the levels themselves, before anything is inherited."""
    regions, entities = _tables(tables, "regions"), _tables(tables, "entities")
    for place, level in ((GROUP, tables.get(GROUP, {})), *((f"regions.{name}", one) for name, one in regions.items())):
        yield from table_faults(EntityPolicy, level, place)
        for key in OWN & level.keys() if isinstance(level, Mapping) else ():
            told = "belongs to one legal entity and cannot be inherited; say it in [entities.<name>]"
            yield Fault(key=f"{place}.{key}", value=shown(level[key]), expected=told)
    for name, entity in entities.items():
        yield from table_faults(EntityPolicy, entity, f"entities.{name}")
        region = entity.get("region", "") if isinstance(entity, Mapping) else ""
        if region and region not in regions:
            known = ", ".join(sorted(regions)) or "none"
            told = f"there is no table [regions.{region}]; regions of this policy: {known}"
            yield Fault(key=f"entities.{name}.region", value=shown(region), expected=told)


def inherited(tables: Table) -> dict[str, Inherited]:
    """Every entity with what it takes from its region and the group."""
    return {name: _entity(name, entity, tables) for name, entity in _tables(tables, "entities").items()}


def inheritance_faults(found: Mapping[str, Inherited]) -> Iterator[Fault]:
    """What no level says and an entity must have."""
    for name, one in found.items():
        for fault in missing_faults(EntityPolicy, one.table, f"entities.{name}"):
            told = f"{fault.expected}, here or in its region or the group"
            own = fault.key.rpartition(".")[2] in OWN
            yield fault if own else Fault(key=fault.key, expected=told)


def _tables(tables: Table, name: str) -> Table:
    found = tables.get(name, {})
    return found if isinstance(found, dict) else {}


def _entity(name: str, entity: Table, tables: Table) -> Inherited:
    for_all = {key: tables[key] for key in FOR_ALL if key in tables}
    levels: list[tuple[str, Table]] = [(POLICY, for_all), (GROUP, tables.get(GROUP, {}))]
    if region := entity.get("region", ""):
        levels.append((f"region {region}", _tables(tables, "regions")[region]))
    levels.append((f"entity {name}", entity))
    origins: Origins = {}
    return Inherited(_merged(EntityPolicy, levels, "", origins, tables), origins)


def _merged(kind: type[Struct], levels: list[tuple[str, Table]], place: str, origins: Origins, named: Table) -> Table:
    merged: Table = {}
    for key, field in fields_of(kind).items():
        said = [(level, table[key]) for level, table in levels if key in table]
        if not said:
            continue
        where = f"{place}.{key}" if place else key
        inner = struct_in(field.type)
        if inner is None or inner in _WHOLE or not isinstance(said[-1][1], dict):
            origins[where], merged[key] = said[-1]
        else:
            merged[key] = _merged(inner, list(_from_tables(said, _tables(named, key))), where, origins, named)
    return merged


def _from_tables(said: list[tuple[str, Any]], sets: Table) -> Iterator[tuple[str, Table]]:
    """Levels that are tables. One that names a set begins anew with it; before the first table stands ``default``."""
    names = [number for number, (_, value) in enumerate(said) if not isinstance(value, dict)]
    name = said[names[-1]][1] if names else DEFAULT
    if isinstance(base := sets.get(name), dict):
        yield f"set {name}", base
    yield from said[names[-1] + 1 if names else 0 :]
