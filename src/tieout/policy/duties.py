"""Duties, which of them must not meet in one hand, and which duty an action takes. The data: ``duties.toml``.

Roles are checked when duties are granted (:func:`conflicts_among`). What counts more is who *acted on this document*:
:func:`conflicts_on_document` asks that at the moment somebody acts, for people and machines alike, whatever system
they act in: an :class:`Identity` says who stands behind a name there.
"""

import tomllib
import unicodedata
from collections.abc import Iterable, Iterator
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
#: How the name of a connector begins that tells something nobody is named for.
SYSTEM = "system:"
#: What tieout itself is called in an :class:`Identity`.
OURS = "tieout"


class Conflict(Struct, frozen=True, forbid_unknown_fields=True):
    """Two duties that must not be in one hand, and why. ``*`` stands for every other duty.

    Not ``compensable``: whatever control there is, nobody does both on one and the same document.
    """

    duties: tuple[str, str]
    level: Literal["hard", "high"]
    why: str
    compensable: bool = True

    @property
    def name(self) -> str:
        """The pair as people write it, such as ``GR-IE``."""
        return "-".join(self.duties)


class Identity(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """This person uses this name in that system. No ``name``: the connection's own user, whatever it tells.

    A name that several people use, or a machine, carries the sum of what all of them do. ``tieout`` is a system too:
    an account there that several people use.
    """

    person: str
    system: str
    name: str = ""


class Act(Struct, frozen=True, omit_defaults=True, array_like=True, gc=False):
    """Somebody did something: the action, the actor as the log names it, and the system that told of it."""

    action: str
    actor: str
    system: str = ""


class Clash(Struct, frozen=True):
    """An actor is about to do what does not go with what the same ``person`` did ``before`` on this document."""

    conflict: Conflict
    person: str
    action: str
    before: Act

    def __str__(self) -> str:
        done, now = self.before.action.replace("_", " "), self.action.replace("_", " ")
        return f"{shown(self.person)} did {done} on this document before and cannot {now}: {self.conflict.why}"


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


# ── actors ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def is_person(actor: str) -> bool:
    """Whether an actor is a human being who signed in (``person:anna``), not a machine (``system``, ``key:…``)."""
    return actor.startswith(PERSON) and len(actor) > len(PERSON)


def same_actor(one: str, other: str) -> bool:
    """Whether two actors are one: names of people are not told apart by their case, or by how a system writes them."""
    return _plain(one) == _plain(other)


def _plain(name: str) -> str:
    """A name without what the eye does not see: case, blanks around it, wide letters, signs of no width."""
    if name.isascii():
        return name.casefold().strip()
    shaped = unicodedata.normalize("NFKC", name).casefold()
    return "".join(sign for sign in shaped if unicodedata.category(sign) != "Cf").strip()


def shown(actor: str) -> str:
    """An actor for people to read: a person by the name alone."""
    return actor.removeprefix(PERSON)


def real_actors(actor: str, identities: Iterable[Identity] = (), system: str = "") -> frozenset[str]:
    """The people behind an actor, as ``person:<name>`` in small letters; nobody behind tieout itself.

    ``system`` is the one that told of the act; the identities say what a name means there. A name that no identity
    explains is taken for the person of that name, and a person named by a system counts under that name as well: both
    err on the side of refusing. A connector that names nobody stands for those who use it.
    """
    places, name = _places(actor, system)
    behind = {
        PERSON + _plain(one.person)
        for one in identities
        if one.system.casefold() in places and same_actor(one.name, name)
    }
    if name and (not behind or is_person(actor)):
        behind.add(PERSON + _plain(name))
    return frozenset(behind)


def same_people(one: str, other: str, identities: Iterable[Identity] = ()) -> bool:
    """Whether the same human being may be behind two actors, such as a person and an account that several share."""
    identities = tuple(identities)
    return not real_actors(one, identities).isdisjoint(real_actors(other, identities))


def _places(actor: str, system: str) -> tuple[tuple[str, ...], str]:
    """The systems in which an actor's name may be used, in small letters, and the name. None for tieout itself."""
    if actor.startswith(SYSTEM):
        return (actor.removeprefix(SYSTEM).casefold(),), ""
    if actor in ("", "system", PERSON):
        return (), ""
    place, colon, name = actor.partition(":")
    if not colon:
        return ((system or OURS).casefold(),), actor
    return ((system.casefold(), OURS), name) if place == "person" else ((place.casefold(),), name)


# ── duties and conflicts ───────────────────────────────────────────────────────────────────────────────────────────


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


def conflicts_on_document(
    actor: str, action: str, acted: Iterable[Act], identities: Iterable[Identity] = (), system: str = ""
) -> tuple[Clash, ...]:
    """What an actor would run into by doing this, given who did what on the document and on what it stands on.

    Everybody behind the actor counts, and everybody behind those who acted. tieout itself acts for nobody.
    """
    identities = tuple(identities)
    behind = real_actors(actor, identities, system)
    return tuple(_clashes(behind, action, acted, identities)) if behind else ()


def _clashes(
    behind: frozenset[str], action: str, acted: Iterable[Act], identities: tuple[Identity, ...]
) -> Iterator[Clash]:
    for before in acted:
        conflict = conflict_between(duty_for(before.action), duty_for(action))
        if conflict is not None:
            for person in sorted(behind & real_actors(before.actor, identities, before.system)):
                yield Clash(conflict, person, action, before)
