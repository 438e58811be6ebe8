"""Hard stops: a write waits while something it depends on is down, and says so.

Which operation depends on which, and how strictly, is policy data (``policy/dependencies.toml``): ``hard_stop`` waits
at once (a payment file while supplier bank details cannot be propagated), ``tolerate`` after so many minutes,
``degrade`` never.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from tieout.engine.stores.port import Store
from tieout.engine.stores.rows import EffectRow
from tieout.kernel.clock import from_micros, to_micros
from tieout.policy.dependencies import Dependency

STOPPED = "stopped: "
"""How the reason of a hold begins that ends by itself; holds of people begin otherwise."""


class Dependencies:
    """Watches over what effects depend on."""

    def __init__(self, store: Store, rules: Mapping[str, Sequence[Dependency]]) -> None:
        self._store = store
        self._rules = rules

    def reason_to_hold(self, row: EffectRow, now: datetime) -> str:
        """Why this effect may not be sent now; empty when it may."""
        for rule in self._rules.get(row.operation, ()):
            if rule.kind == "degrade":
                continue
            troubled = self._store.troubled(rule.on, 1)
            if troubled and self._too_long(troubled[0], rule, now):
                first = troubled[0]
                return f"{STOPPED}{rule.on} at {first.connector} is {first.status} for {first.key}: {first.error}"
        return ""

    @staticmethod
    def _too_long(troubled: EffectRow, rule: Dependency, now: datetime) -> bool:
        patience = timedelta(minutes=rule.minutes if rule.kind == "tolerate" else 0)
        return from_micros(troubled.created_at) + patience <= now

    def release(self, now: datetime) -> int:
        """Let go of what waited for something that is well again. Returns how many."""
        released = 0
        for row in self._store.held(STOPPED, 500):
            if not self.reason_to_hold(row, now):
                released += self._store.change_effect(row.id, ("held",), "ready", to_micros(now), "")
        return released
