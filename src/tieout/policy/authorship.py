"""Who stands behind a policy: whoever drafted and approved a release, for as long as what they changed stands.

A loosened limit stays its author's when somebody else changes another setting in a later release, and ceases to be
theirs when a later release sets it anew. Whoever stands behind the policy passes no document under it.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import msgspec
from msgspec import Struct

from tieout.policy.duties import Act

Settings = Mapping[str, Any]
_MISSING = object()


class Authorship(Struct, frozen=True):
    """Who stands behind the policy in force (``authors``), behind each release that ever was, by its version
    (``behind``), and behind each compensating control in force, by its name (``granted``)."""

    authors: tuple[Act, ...] = ()
    behind: Mapping[str, tuple[Act, ...]] = {}
    granted: Mapping[str, tuple[Act, ...]] = {}


def settings_of(policy: Struct) -> Settings:
    """Every setting of a policy by its path; what stands in a list goes by its name where it has one."""
    return dict(_flat(msgspec.to_builtins(policy), ""))


def control_setting(name: str) -> str:
    """The path under which a compensating control stands."""
    return f".controls.{name}"


def _flat(value: Any, path: str) -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _flat(inner, f"{path}.{key}")
    elif isinstance(value, list | tuple) and value and all(isinstance(one, dict) and "name" in one for one in value):
        yield from ((f"{path}.{one['name']}", one) for one in value)
    else:
        yield path, value


def origins(steps: Iterable[tuple[str, str]], settings: Callable[[str], Settings]) -> dict[str, dict[str, str]]:
    """Which release each setting of each release comes from. ``steps``: a release and the one it was put on, in the
    order in which they were approved. What a release takes out comes from it as well."""
    found: dict[str, dict[str, str]] = {}
    for release, below in steps:
        if release in found:
            continue
        own, base, before = settings(release), settings(below) if below else {}, found.get(below, {})
        found[release] = {
            path: before[path] if path in before and _same(own, base, path) else release for path in (*own, *before)
        }
    return found


def _same(one: Settings, other: Settings, path: str) -> bool:
    return bool(one.get(path, _MISSING) == other.get(path, _MISSING))
