"""The desk at which releases of the policy are drafted, tried on the past, approved and rolled back.

What a person wants is checked here, so that a refusal comes at once, and goes into the log as a fact with the person as
its actor; the process checks again when it is recorded (:mod:`tieout.processes.policy_release`).
"""

from collections.abc import Callable
from datetime import datetime

import msgspec
from msgspec.structs import replace

from tieout.engine.intake import Intake
from tieout.engine.policies import Ruling
from tieout.engine.stores.port import Store
from tieout.engine.what_if import WhatIf, what_if
from tieout.kernel.clock import Clock, to_micros
from tieout.kernel.errors import PermanentError
from tieout.model.events import Lane, Message
from tieout.model.facts import (
    Fact,
    PolicyAdopted,
    PolicyApprovalRequested,
    PolicyDrafted,
    PolicyRollbackRequested,
    PolicyTried,
    decode_fact,
)
from tieout.policy.load import load
from tieout.processes.policy_release import Release, approval_objection, effective, rollback_objection, states_rollback

SOURCE = "person"
KEPT_MAX = 200
"""So many changed documents are kept in the log with the figures of a trial, those with the most money."""


class PolicyDesk:
    """What people may do to the policy. ``by`` is an actor (``person:anna``); times are UTC."""

    def __init__(
        self,
        store: Store,
        intake: Intake,
        policies: Ruling,
        clock: Clock,
        *,
        partitions: int,
    ) -> None:
        self._store, self._intake, self._clock = store, intake, clock
        self.policies = policies
        self._partitions = partitions

    def draft(self, text: str, by: str, *, effective_from: datetime | None = None, note: str = "") -> str:
        """Propose a policy; returns its release. Raises :class:`tieout.policy.load.PolicyError` when it is none, and
        ``PermanentError`` when it says what is in force already."""
        release, now = load(text).policy.version, self._clock.now()
        if release == self.policies.at(now).version:
            raise PermanentError(f"this says what release {release} says, which is in force; change something first")
        if not self.policies.releases().releases:
            self._adopt()
        self._say(PolicyDrafted(text=text, release=release, effective_from=effective_from, note=note), by)
        return release

    def _adopt(self) -> None:
        """What was in force before there were releases is the first of them."""
        ruling = self.policies.loaded_at(self._clock.now())
        adopted = PolicyAdopted(text=ruling.text, release=ruling.policy.version)
        self._say(adopted, "system:policy", key="policy/adopted")

    def attempt(
        self,
        release: str,
        by: str,
        *,
        start: datetime | None = None,
        end: datetime | None = None,
        on_progress: Callable[[int], None] = lambda events: None,
        cancelled: Callable[[], bool] = lambda: False,
    ) -> WhatIf:
        """Play the past again under a draft, and keep what came of it with the draft."""
        found = what_if(
            self._store,
            self.policies.release(release).policy,
            partitions=self._partitions,
            now=self.policies.at(self._clock.now()),
            start=start,
            end=end,
            on_progress=on_progress,
            cancelled=cancelled,
        )
        kept = replace(found, changes=found.changes[:KEPT_MAX])
        self._say(
            PolicyTried(
                release=release,
                invoices=found.invoices,
                changed=found.changed,
                held_before=found.before.held,
                held_after=found.after.held,
                touchless_before=found.before.touchless,
                touchless_after=found.after.touchless,
                start=found.start,
                end=found.end,
                result=msgspec.json.encode(kept).decode(),
            ),
            by,
        )
        return found

    def events(self) -> int:
        """How many events the log holds, for telling how far a trial is."""
        return sum(head.position for head in self._store.log_heads().values())

    def result(self, release: Release) -> WhatIf | None:
        """What the last trial of a release found, as it was kept in the log."""
        if release.trial is None:
            return None
        partition, _, position = release.trial.event.partition(".")
        for row in self._store.read_log(int(partition), int(position) - 1, 1):
            fact = decode_fact(row.type, row.data)
            if isinstance(fact, PolicyTried) and fact.result:
                return msgspec.json.decode(fact.result, type=WhatIf)
        return None

    def approve(
        self,
        release: str,
        by: str,
        *,
        effective_from: datetime | None = None,
        rollback: str = "",
        rollback_to: str = "",
    ) -> None:
        """Let a draft take effect. Raises ``PermanentError`` when the person may not."""
        asked = PolicyApprovalRequested(
            release=release, effective_from=effective_from, rollback=rollback, rollback_to=rollback_to
        )
        now = self._clock.now()
        state = self.policies.releases()
        _refuse(approval_objection(state, asked, by, now, self.policies.at(now)))
        if not states_rollback(state, asked):
            _refuse(self._closing_objection(effective(state.releases[release], asked, now), now, release))
        self._say(asked, by)

    def _closing_objection(self, since: datetime, now: datetime, release: str) -> str:
        """A period that is over and not ready yet is being closed, however many days of this month that takes."""
        this_month = f"{now:%Y-%m}"
        if f"{since:%Y-%m}" != this_month:
            return ""
        open_periods = sorted(
            f"{row['entity']} {row['period']}"
            for row in self._store.read_table("view_period", None)
            if row["period"] < this_month and row["status"] != "ready"
        )
        if not open_periods:
            return ""
        told = f"release {release} would take effect on {since:%Y-%m-%d}, while {', '.join(open_periods[:5])}"
        return (
            f"{told} {'is' if len(open_periods) == 1 else 'are'} being closed; choose a later day, or state how it"
            " would be rolled back and to which release"
        )

    def roll_back(self, release: str, by: str, reason: str) -> None:
        """Take the newest release back, at once. Raises ``PermanentError`` when that cannot be."""
        asked = PolicyRollbackRequested(release=release, reason=reason)
        _refuse(rollback_objection(self.policies.releases(), asked, by))
        self._say(asked, by)

    def _say(self, fact: Fact, by: str, key: str = "") -> None:
        key = key or f"{fact.type}/{by}/{to_micros(self._clock.now())}"
        self._intake.offer([Message(source=SOURCE, key=key, data=fact, actor=by, lane=Lane.CONTROL)])


def _refuse(objection: str) -> None:
    if objection:
        raise PermanentError(objection)
