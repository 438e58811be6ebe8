"""Who holds which duties in all, and which of them do not go together: the report that auditors ask for.

A machine, and an account that several people use, carries the sum of what its users may do; a person carries what the
accounts they use may do as well.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping
from datetime import date
from typing import Literal

from msgspec import Struct

from tieout.policy.controls import Control, standing, uncompensated
from tieout.policy.duties import OURS, READ, Conflict, Identity, conflicts_among

Kind = Literal["person", "shared account", "connection", "key"]


class Holder(Struct, frozen=True, kw_only=True):
    """Somebody or something that can act, with the sum of its duties. No ``entities`` means all of them."""

    name: str
    kind: Kind
    duties: tuple[str, ...]
    users: tuple[str, ...] = ()
    entities: tuple[str, ...] = ()


class Finding(Struct, frozen=True, kw_only=True):
    """Two duties of one holder that do not go together. ``control``: what covers it, or no longer does, and why."""

    holder: str
    kind: Kind
    conflict: Conflict
    compensated: bool
    control: str = ""


def holders(accounts: Iterable[Holder], identities: Iterable[Identity]) -> tuple[Holder, ...]:
    """Everybody who can act: the accounts and keys given, those several people use, and connections to other systems.

    ``accounts`` come with their own duties; a key names its owner as its user.
    """
    accounts, identities = tuple(accounts), tuple(identities)
    known = {one.name.casefold(): one for one in accounts if one.kind != "key"}
    users = _users(identities)
    shared = {name: people for (system, name), people in users.items() if system == OURS and name in known}
    found = [_account(one, known, shared) if one.kind != "key" else one for one in accounts]
    return (*found, *_connections(users, known))


def _users(identities: Iterable[Identity]) -> dict[tuple[str, str], tuple[str, ...]]:
    """System and name there → the people who use it."""
    found: dict[tuple[str, str], dict[str, None]] = {}
    for one in identities:
        found.setdefault((one.system.casefold(), one.name.casefold()), {})[one.person.casefold()] = None
    return {place: tuple(people) for place, people in found.items()}


def _account(account: Holder, known: Mapping[str, Holder], shared: Mapping[str, tuple[str, ...]]) -> Holder:
    name = account.name.casefold()
    users = shared.get(name, ())
    used = [one for one, people in shared.items() if name in people]
    return Holder(
        name=account.name,
        kind="shared account" if users else account.kind,
        duties=_sum((name, *users, *used), known),
        users=users,
        entities=account.entities,
    )


def _connections(users: Mapping[tuple[str, str], tuple[str, ...]], known: Mapping[str, Holder]) -> Iterator[Holder]:
    """The connections' own users, and names in other systems that several people use."""
    for (system, name), people in users.items():
        if system != OURS and (not name or len(people) > 1):
            title = f"{system}:{name}" if name else system
            yield Holder(name=title, kind="connection", duties=_sum(people, known), users=people)


def _sum(names: Iterable[str], known: Mapping[str, Holder]) -> tuple[str, ...]:
    return tuple(sorted({duty for name in names if name in known for duty in known[name].duties} | {READ}))


def findings(
    everybody: Iterable[Holder], controls: Collection[Control], reviewed: Mapping[str, date], today: date
) -> tuple[Finding, ...]:
    """Every conflict of every holder, with the control that covers it or the one that used to."""
    return tuple(
        _finding(holder, conflict, controls, reviewed, today)
        for holder in everybody
        for conflict in dict.fromkeys(conflicts_among(holder.duties))
    )


def _finding(
    holder: Holder, conflict: Conflict, controls: Collection[Control], reviewed: Mapping[str, date], today: date
) -> Finding:
    """A key and an account several people use stand under the controls of their own name, or of all their users."""
    names = (holder.name,) if holder.kind != "key" else holder.users
    entities = holder.entities
    open_for = {name for name in names if uncompensated((conflict,), name, controls, reviewed, today, entities)}
    told = [
        f"{one.name} ({standing(one, reviewed, today)})"
        for one in controls
        if any(one.names(conflict, name) for name in names)
    ]
    return Finding(
        holder=holder.name,
        kind=holder.kind,
        conflict=conflict,
        compensated=not open_for,
        control=", ".join(told),
    )


def audit_fails(found: Iterable[Finding]) -> bool:
    """Whether a hard conflict stands without a control in force."""
    return any(not one.compensated and one.conflict.level == "hard" for one in found)
