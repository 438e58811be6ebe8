"""Which write depends on which other being healthy, by financial risk. The data stands in ``dependencies.toml``."""

import tomllib
from collections.abc import Mapping, Sequence
from datetime import date
from importlib import resources
from typing import Literal

import msgspec
from msgspec import Struct


class Dependency(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """While writes of the operation ``on`` are in trouble, those of ``operation`` stop, wait or go on."""

    operation: str
    on: str
    kind: Literal["hard_stop", "tolerate", "degrade"]
    minutes: int = 0
    why: str


class _Data(Struct, frozen=True, forbid_unknown_fields=True):
    effective_from: date
    dependencies: tuple[Dependency, ...]


_DATA = msgspec.convert(
    tomllib.loads(resources.files("tieout.policy").joinpath("dependencies.toml").read_text(encoding="utf-8")), _Data
)
DEPENDENCIES: Mapping[str, Sequence[Dependency]] = {
    operation: tuple(one for one in _DATA.dependencies if one.operation == operation)
    for operation in dict.fromkeys(one.operation for one in _DATA.dependencies)
}
"""What each operation depends on; an operation that is not here depends on nothing."""


def dependencies_of(operation: str) -> Sequence[Dependency]:
    """What an operation depends on."""
    return DEPENDENCIES.get(operation, ())
