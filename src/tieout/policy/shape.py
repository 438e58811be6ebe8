"""Does a policy say only what can be said? Unknown keys and wrong values, each with what was expected.

The types of the policy are the schema. All faults of a text are found at once, not only the first.
"""

from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from types import UnionType
from typing import Any, Literal, Union, get_args, get_origin

import msgspec
from msgspec import Struct

from tieout.policy.files import Fault


def fields_of(kind: type[Struct]) -> dict[str, msgspec.structs.FieldInfo]:
    """The keys that a table of this kind may have."""
    return {field.encode_name: field for field in msgspec.structs.fields(kind)}


def struct_in(kind: Any) -> type[Struct] | None:
    """The kind of table that a value of this type may be, if it may be one."""
    members = get_args(kind) if get_origin(kind) in (Union, UnionType) else (kind,)
    return next((one for one in members if isinstance(one, type) and issubclass(one, Struct)), None)


def table_faults(kind: type[Struct], value: Any, place: str, *, more: tuple[str, ...] = ()) -> Iterator[Fault]:
    """What is wrong in one table. Keys that are missing are no fault here: another level may say them.

    ``more`` are keys that belong to the table and are looked at elsewhere.
    """
    if not isinstance(value, Mapping):
        yield Fault(key=place, value=shown(value), expected=f"must be a table, [{place}]")
        return
    known = fields_of(kind)
    for key, one in value.items():
        where = f"{place}.{key}" if place else key
        if key in known:
            yield from value_faults(known[key].type, one, where)
        elif key not in more:
            nearest = next(iter(get_close_matches(key, [*known, *more], n=1)), "")
            yield Fault(key=where, value=shown(one), expected="there is no such key", nearest=nearest)


def value_faults(kind: Any, value: Any, place: str) -> Iterator[Fault]:
    """What is wrong with one value."""
    table = struct_in(kind)
    inner = get_args(kind)
    if table is not None and (isinstance(value, Mapping) or table is kind):
        yield from table_faults(table, value, place)
        yield from missing_faults(table, value, place)
    elif get_origin(kind) is dict and isinstance(value, Mapping):
        for key, one in value.items():
            yield from value_faults(inner[1], one, f"{place}.{key}")
    elif get_origin(kind) is tuple and struct_in(inner[0]) and isinstance(value, list):
        for number, one in enumerate(value, start=1):
            yield from value_faults(inner[0], one, f"{place}.{number}")
    elif get_origin(kind) is Literal and value not in inner:
        nearest = next(iter(get_close_matches(str(value), [str(one) for one in inner], n=1)), "")
        words = ", ".join(str(one) or '""' for one in inner)
        yield Fault(key=place, value=shown(value), expected=f"must be one of {words}", nearest=nearest)
    else:
        yield from _converted(kind, value, place)


def missing_faults(kind: type[Struct], table: Any, place: str) -> Iterator[Fault]:
    """The keys that a table must say and does not."""
    if isinstance(table, Mapping):
        for name, field in fields_of(kind).items():
            if field.required and name not in table:
                yield Fault(key=f"{place}.{name}", expected="is missing and must be said")


def _converted(kind: Any, value: Any, place: str) -> Iterator[Fault]:
    try:
        msgspec.convert(value, kind)
    except msgspec.ValidationError as error:
        told, _, inside = str(error).partition(" - at `$")
        yield Fault(key=place + inside.rstrip("`"), value=shown(value), expected=_lowered(told))


def _lowered(told: str) -> str:
    return told[:1].lower() + told[1:]


def shown(value: Any) -> str:
    """A value as it stands in a file, shortened."""
    text = f'"{value}"' if isinstance(value, str) else str(value).lower() if isinstance(value, bool) else str(value)
    return text if len(text) <= 60 else text[:57] + "..."
