"""Duties, which of them must not meet in one hand, and which duty an action takes. The data: ``duties.toml``.

Roles are checked when duties are granted (:func:`conflicts_among`). What counts more is who *acted on this document*:
:func:`conflict_on_document` asks that at the moment somebody acts, for people and machines alike.
"""

import tomllib
from collections.abc import Iterable, Mapping
from datetime import date
from importlib import resources
from itertools import combinations
from typing import Literal

import msgspec
from msgspec import Struct

#: Reading goes with everything.
READ = "RD"
#: How the name of an actor who is a human being begins.
PERSON = "person:"


class Conflict(Struct, frozen=True, forbid_unknown_fields=True):
    """Two duties that must not be in one hand, and why. ``*`` stands for every other duty."""

    duties: tuple[str, str]
    level: Literal["hard", "high"]
    why: str


class _Data(Struct, frozen=True, forbid_unknown_fields=True):
    effective_from: date
    duties: dict[str, str]
    actions: dict[str, str]
    conflicts: tuple[Conflict, ...]


_DATA = msgspec.convert(
    tomllib.loads(resources.files("tieout.policy").joinpath("duties.toml").read_text(encoding="utf-8")), _Data
)
DUTIES: dict[str, str] = _DATA.duties
ACTIONS: dict[str, str] = _DATA.actions
CONFLICTS: tuple[Conflict, ...] = _DATA.conflicts
_BY_PAIR = {frozenset(conflict.duties): conflict for conflict in CONFLICTS}


def is_person(actor: str) -> bool:
    """Whether an actor is a human being who signed in (``person:anna``), not a machine (``system``, ``key:…``)."""
    return actor.startswith(PERSON) and len(actor) > len(PERSON)


def same_actor(one: str, other: str) -> bool:
    """Whether two actors are one: names of people are not told apart by their case."""
    return one.casefold() == other.casefold()


def duty_for(action: str) -> str:
    """The duty an action takes. Raises ``KeyError`` for an action that is not on the list."""
    return ACTIONS[action]


def may(duties: Iterable[str], action: str) -> bool:
    """Whether somebody with these duties may do this. What is not on the list nobody may do."""
    return ACTIONS.get(action) in set(duties)


def conflict_between(one: str, other: str) -> Conflict | None:
    """The conflict between two duties, if they have one."""
    found = _BY_PAIR.get(frozenset((one, other)))
    if found or one == other or READ in (one, other):
        return found
    return _BY_PAIR.get(frozenset((one, "*"))) or _BY_PAIR.get(frozenset((other, "*")))


def conflicts_among(duties: Iterable[str]) -> tuple[Conflict, ...]:
    """The conflicts somebody with all these duties would carry. A service account carries those of all its users."""
    pairs = combinations(sorted(set(duties)), 2)
    return tuple(conflict for one, other in pairs if (conflict := conflict_between(one, other)))


def conflict_on_document(actor: str, action: str, acted: Mapping[str, str]) -> Conflict | None:
    """The conflict an actor would run into with what they did before on the same document.

    ``acted`` says who did which action (action → actor). tieout itself acts for nobody and has no conflicts.
    """
    if not is_person(actor):
        return None
    found = (conflict_between(duty_for(done), duty_for(action)) for done, by in acted.items() if same_actor(by, actor))
    return next((conflict for conflict in found if conflict), None)
