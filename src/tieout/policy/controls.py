"""Compensating controls: where two duties must lie in one hand, what is done about it, until when, and who reviews it.

A control is named, dated, expiring and reviewed. It is in force within its dates as long as its last review is not
overdue; then the conflict it names is let through for the person it names, and every use is recorded. Some conflicts
no control lets through on one and the same document (``compensable`` in ``duties.toml``): nobody approves what they
entered. The shape follows what auditors ask of a compensating control (COSO Internal Control, principles 10 and 16).
"""

from collections.abc import Collection, Iterable, Iterator, Mapping
from datetime import date, timedelta
from types import MappingProxyType
from typing import Literal

from msgspec import Struct

from tieout.policy.duties import (
    PERSON,
    Clash,
    Conflict,
    Identity,
    conflict_between,
    same_actor,
    same_people,
    shown,
)

Standing = Literal["in force", "not begun", "expired", "review overdue"]
#: A control that ends or must be reviewed within so many days is shown as running out.
SOON_DAYS = 30
_DAY = timedelta(days=1)
_DAYS_MAX = 366


class Control(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One compensating control. ``duties``: the pair it is about. ``person``: an account, of a person or a machine.

    ``entities``: where it holds; none means everywhere. ``valid_from`` and ``valid_until``: its first and last day.
    ``measure``: what is done instead of separating the duties. ``reviewer``: another person, who looks at what was done
    under it at least every ``review_days`` days.
    """

    name: str
    duties: tuple[str, str]
    person: str
    measure: str
    reviewer: str
    valid_from: date
    valid_until: date
    review_days: int
    entities: tuple[str, ...] = ()

    def names(self, conflict: Conflict, person: str) -> bool:
        """Whether it was made for this conflict and this person (``person:anna`` or ``anna``)."""
        return same_actor(shown(person), self.person) and conflict_between(*self.duties) == conflict

    def holds_in(self, entity: str) -> bool:
        """Whether it was made for this legal entity; what belongs to no entity only a control for all covers."""
        return not self.entities or entity in self.entities


class Ruling(Struct, frozen=True):
    """What is to become of an act: the clashes that forbid it, each with why, and the controls that let others pass."""

    refused: tuple[str, ...] = ()
    under: tuple[str, ...] = ()


def review_due(control: Control, reviewed: Mapping[str, date]) -> date:
    """The last day by which it must be reviewed again; ``reviewed`` maps its name to the day of the last review.

    A review from before the control began counts for nothing.
    """
    last = max(reviewed.get(control.name, control.valid_from), control.valid_from)
    return last + control.review_days * _DAY


def standing(control: Control, reviewed: Mapping[str, date], today: date) -> Standing:
    """Where a control stands on a day. Its last day and the day a review is due are still in force."""
    if today < control.valid_from:
        return "not begun"
    if today > control.valid_until:
        return "expired"
    return "review overdue" if today > review_due(control, reviewed) else "in force"


def days_left(control: Control, reviewed: Mapping[str, date], today: date) -> int:
    """For how many more days it is in force if nobody does anything; below zero when it is not any more."""
    return (min(control.valid_until, review_due(control, reviewed)) - today).days


def rule(
    clashes: Iterable[Clash],
    controls: Iterable[Control],
    reviewed: Mapping[str, date],
    today: date,
    entity: str = "",
    written_by: Mapping[str, Collection[str]] = MappingProxyType({}),
) -> Ruling:
    """Let pass what a control in force covers, and refuse everything else with words that say why.

    ``written_by``: who drafted or approved each control, by its name. Nobody grants a control to themselves.
    """
    controls = tuple(controls)
    refused: dict[str, None] = {}
    under: dict[str, None] = {}
    for clash in clashes:
        fitting = [one for one in controls if clash.conflict.compensable and _fits(one, clash, entity)]
        own = [one for one in fitting if clash.person in written_by.get(one.name, ())]
        others = [one for one in fitting if one not in own]
        force = next((one for one in others if standing(one, reviewed, today) == "in force"), None)
        if force is not None:
            under[force.name] = None
        else:
            why = (*map(_granted_to_oneself, own), *(_lapsed(one, reviewed, today) for one in others))
            refused[" ".join((str(clash), *why))] = None
    return Ruling(tuple(refused), tuple(under))


def _fits(control: Control, clash: Clash, entity: str) -> bool:
    return control.names(clash.conflict, clash.person) and control.holds_in(entity)


def _granted_to_oneself(control: Control) -> str:
    told = f"The control {control.name!r} was drafted or approved by {control.person}, whom it covers"
    return f"{told}; two other people must write it into the policy."


def _lapsed(control: Control, reviewed: Mapping[str, date], today: date) -> str:
    """Why a control that was made for this does not let it pass, and what to do."""
    match standing(control, reviewed, today):
        case "not begun":
            return f"The control {control.name!r} begins only on {control.valid_from}."
        case "expired":
            until = control.valid_until
            return f"The control {control.name!r} expired on {until}; renew it in the policy or ask another person."
        case _:
            due = review_due(control, reviewed)
            late = f"The control {control.name!r} should have been reviewed by {due}"
            return f"{late}; {control.reviewer} must review it first."


def uncompensated(
    conflicts: Iterable[Conflict],
    person: str,
    controls: Iterable[Control],
    reviewed: Mapping[str, date],
    today: date,
    entities: Iterable[str] = (),
) -> tuple[Conflict, ...]:
    """The conflicts of somebody's duties that no control in force covers, in every entity they work for.

    Duties may lie in one hand under a control even where both on one document never go together.
    """
    force = [one for one in controls if standing(one, reviewed, today) == "in force"]
    return tuple(one for one in conflicts if not _covered(one, person, force, frozenset(entities)))


def _covered(conflict: Conflict, person: str, controls: Iterable[Control], entities: frozenset[str]) -> bool:
    """By one control for everywhere, or by controls for each entity the person works for."""
    fitting = [one for one in controls if one.names(conflict, person)]
    everywhere = any(not one.entities for one in fitting)
    somewhere = {entity for one in fitting for entity in one.entities}
    return everywhere or (bool(entities) and entities <= somewhere)


def control_complaints(
    controls: Iterable[Control], known: Iterable[str], identities: Iterable[Identity] = ()
) -> Iterator[str]:
    """What is wrong with the controls of a policy. ``known``: the names of its entities; ``identities``: who uses which
    account.

    A control lasts a year at most, like the assessment of controls that relies on it (Sarbanes-Oxley Act, section 404).
    """
    identities = tuple(identities)
    entities, names = set(known), set[str]()
    for number, one in enumerate(controls, 1):
        place = f"controls[{number}]"
        if not one.name.strip() or one.name in names:
            yield f"{place}.name: every control needs a name of its own"
        names.add(one.name)
        if conflict_between(*one.duties) is None:
            first, second = one.duties
            yield f'{place}.duties: "{first}" and "{second}" do not conflict; docs/duties.md lists what does'
        if not one.person.strip() or one.person.startswith(PERSON):
            yield f'{place}.person: the name of an account without "{PERSON}"'
        if not one.measure.strip():
            yield f"{place}.measure: say what is done instead of separating the duties"
        if not one.reviewer.strip() or same_actor(shown(one.reviewer), one.person):
            yield f"{place}.reviewer: another person than {one.person!r} must review it"
        elif same_people(PERSON + shown(one.reviewer), PERSON + one.person, identities):
            yield f"{place}.reviewer: {one.reviewer!r} is an account that {one.person!r} uses, or the other way round"
        if one.valid_until < one.valid_from:
            yield f"{place}.valid_until: {one.valid_until} is before valid_from, {one.valid_from}"
        elif (one.valid_until - one.valid_from).days > _DAYS_MAX:
            yield f"{place}.valid_until: at most a year after valid_from, {one.valid_from}; then write it anew"
        if not 1 <= one.review_days <= _DAYS_MAX:
            yield f"{place}.review_days: from 1 to {_DAYS_MAX}"
        for entity in one.entities:
            if entity not in entities:
                yield f'{place}.entities: there is no entity "{entity}"'
