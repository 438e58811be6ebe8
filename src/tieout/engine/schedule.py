"""The schedule: what has to happen by time alone. Pulling from systems, comparing control totals, signing checkpoints,
and looking after effects that nobody works on."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

import structlog
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from tieout.engine.config import TieOut
from tieout.engine.dependencies import Dependencies
from tieout.engine.intake import Full, Intake
from tieout.engine.policies import Policies
from tieout.engine.seal import checkpoint
from tieout.engine.stores.port import Store
from tieout.kernel.clock import Clock, to_micros
from tieout.kernel.errors import TieoutError
from tieout.kernel.setdigest import MODULUS
from tieout.model.documents import Total
from tieout.model.events import Lane, Message
from tieout.model.facts import SourceObserved, TotalsCompared, close_home
from tieout.policy.policy import Policy
from tieout.ports import Connector, Scope

LOG = structlog.get_logger("tieout.schedule")

OURS = "tieout"
"""The name of our own side in a pair of totals."""


#: A document that was received so long ago and is not read yet will not be read by whoever received it.
_INTERRUPTED = timedelta(minutes=5)


class Schedule:
    """The recurring duties, each a plain method. Who calls them, and how often, is the worker's business."""

    def __init__(
        self,
        store: Store,
        intake: Intake,
        connectors: Mapping[str, Connector],
        policy: Policies,
        clock: Clock,
        dependencies: Dependencies,
    ) -> None:
        self._store = store
        self._intake = intake
        self._connectors = connectors
        self._policies = policy
        self._clock = clock
        self._dependencies = dependencies

    @property
    def _policy(self) -> Policy:
        """The policy in force now."""
        return self._policies.at(self._clock.now())

    # ── pulling ─────────────────────────────────────────────────────────────────────────────────────────────────

    def pull(self, name: str) -> int:
        """Read what changed in one system. The cursor moves only after the messages are safe; returns how many."""
        connector = self._connectors[name]
        pulled = 0
        while True:
            page = connector.pull(self._store.cursor(name))
            try:
                self._intake.offer(page.messages)
            except Full:
                return pulled  # they stay where they are; the next call asks for the same page
            self._store.put_cursor(name, page.cursor, to_micros(self._clock.now()))
            pulled += len(page.messages)
            if not page.more:
                if page.observed_at is not None:
                    self._observed(name, page.observed_at)
                return pulled

    def _observed(self, system: str, at: datetime) -> None:
        """Tell the close of every entity that works with this system how far it has been heard."""
        messages = [
            Message(
                source="schedule",
                key=f"observed/{system}/{entity}/{to_micros(at)}",
                data=SourceObserved(entity=entity, system=system, observed_at=at),
                home=close_home(entity),
                subject=entity,
                entity=entity,
                actor="system:schedule",
                lane=Lane.NORMAL,
            )
            for entity, settings in self._policy.entities.items()
            if system in settings.systems
        ]
        self._intake.offer(messages)

    # ── tie-out ─────────────────────────────────────────────────────────────────────────────────────────────────

    def compare(self, entity: str, period: str, pairs: Sequence[TieOut]) -> int:
        """Ask both sides of each pair for their total and put the comparison into the log. Returns how many."""
        messages = []
        now = self._clock.now()
        currency = self._policy.entities[entity].currency
        for pair in pairs:
            try:
                until = period if pair.as_of == "period_end" else ""
                left = self._total(pair.left, entity, until, currency)
                right = self._total(pair.right, entity, until, currency)
            except TieoutError as error:
                LOG.warning("totals_not_available", pair=pair.name, entity=entity, error=str(error))
                continue
            fact = TotalsCompared(entity=entity, period=period, pair=pair.name, left=left, right=right)
            messages.append(
                Message(
                    source="schedule",
                    key=f"totals/{pair.name}/{entity}/{period}/{to_micros(now)}",
                    data=fact,
                    home=close_home(entity),
                    subject=f"{entity}/{period}",
                    entity=entity,
                    actor="system:schedule",
                )
            )
        self._intake.offer(messages)
        return len(messages)

    def _total(self, side: tuple[str, str], entity: str, period: str, currency: str) -> Total:
        system, name = side
        if system == OURS:
            return self._standing_total(name, entity, currency)
        settings = self._policy.entities[entity]
        connector = self._connectors[getattr(settings, system)]
        return connector.totals(Scope(name=name, entity=entity, period=period, currency=currency))

    def _standing_total(self, name: str, entity: str, currency: str) -> Total:
        rows = [
            row
            for row in self._store.read_table("total", None)
            if (row["name"], row["entity"], row["currency"]) == (name, entity, currency)
        ]
        return Total(
            count=sum(row["count"] for row in rows),
            sum_minor=sum(row["sum_minor"] for row in rows),
            currency=currency,
            set_hash=sum(row["digest"] for row in rows) % MODULUS,
            as_of=self._clock.now(),
        )

    # ── looking after ───────────────────────────────────────────────────────────────────────────────────────────

    def tidy(self) -> int:
        """Effects whose worker died become unknown; parked and held ones go on when what they waited for is there;
        documents whose reading was interrupted are read."""
        now = self._clock.now()
        micros = to_micros(now)
        self._intake.resume(now - _INTERRUPTED)
        return self._store.lapse_effects(micros) + self._store.free_parked() + self._dependencies.release(now)

    def seal(self, key: Ed25519PrivateKey) -> None:
        """Sign a checkpoint over the heads of all partitions."""
        self._intake.offer([checkpoint(self._store, key, self._clock.now().isoformat())])
