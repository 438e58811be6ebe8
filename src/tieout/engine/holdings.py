"""Who holds which duties now, which of them do not go together, and where each compensating control stands."""

from collections.abc import Mapping
from datetime import date, datetime

from msgspec import Struct
from sqlalchemy import Connection

from tieout.engine.people import People
from tieout.engine.queries.hands import reviews
from tieout.policy.controls import SOON_DAYS, Control, Standing, days_left, review_due, standing
from tieout.policy.holdings import Finding, Holder, findings, holders
from tieout.policy.policy import Policy


class ControlStanding(Struct, frozen=True, kw_only=True):
    """A compensating control, and for how many more days it is in force when nobody does anything; below zero when it
    is not any more."""

    control: Control
    standing: Standing
    days_left: int
    review_by: date

    @property
    def is_soon(self) -> bool:
        """Whether it runs out, or must be reviewed, within a month."""
        return 0 <= self.days_left <= SOON_DAYS


class Holdings(Struct, frozen=True, kw_only=True):
    """Everybody who can act, what does not go together, and what makes up for it: what runs out first stands first."""

    holders: tuple[Holder, ...]
    findings: tuple[Finding, ...]
    controls: tuple[ControlStanding, ...]


def holdings(sql: Connection, people: People, policy: Policy, now: datetime) -> Holdings:
    """Duties as accounts, keys, connections and the policy have them at a moment."""
    today, reviewed = now.date(), reviews(sql, policy.controls)
    everybody = holders(_accounts(people, now), policy.identities)
    return Holdings(
        holders=everybody,
        findings=findings(everybody, policy.controls, reviewed, today),
        controls=tuple(sorted(_controls(policy, reviewed, today), key=lambda one: (one.days_left, one.control.name))),
    )


def _controls(policy: Policy, reviewed: Mapping[str, date], today: date) -> list[ControlStanding]:
    return [
        ControlStanding(
            control=one,
            standing=standing(one, reviewed, today),
            days_left=days_left(one, reviewed, today),
            review_by=review_due(one, reviewed),
        )
        for one in policy.controls
    ]


def _accounts(people: People, now: datetime) -> list[Holder]:
    """The open accounts and the keys that still work; people at suppliers hold no duties here."""
    ours = {one.name: one for one in people.everybody() if one.active and not one.supplier_id}
    found = [Holder(name=one.name, kind="person", duties=one.duties, entities=one.entities) for one in ours.values()]
    keys = people.keys()
    for key in keys:
        owner = ours.get(key.owner)
        if owner is not None and key.expires_at > now:
            held = tuple(sorted(set(key.scopes) & set(owner.duties)))
            title = f"key {key.key_id} of {key.owner}"
            found.append(Holder(name=title, kind="key", duties=held, users=(key.owner,), entities=owner.entities))
    return found
