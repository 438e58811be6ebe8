"""Control totals, kept up to date by the difference that each batch makes."""

from collections.abc import Callable, Iterable
from typing import Any

from tieout.engine.scope import Setting
from tieout.engine.stores.port import Unit
from tieout.engine.stores.rows import EventRow, InboxRow, StandingRow, TotalRow
from tieout.kernel.ids import fingerprint, partition_of
from tieout.kernel.setdigest import MODULUS, item_digest
from tieout.model.events import Lane
from tieout.model.facts import StandingChanged, close_home, encode_fact
from tieout.model.standings import STANDINGS
from tieout.processes.process import Standing


class Standings:
    """Collects what came to stand and what stands no more in one batch."""

    def __init__(self, setting: Setting) -> None:
        self._setting = setting
        self._added: list[StandingRow] = []
        self._removed: list[StandingRow] = []
        self._totals: dict[tuple[str, str, str, str], TotalRow] = {}
        self._blocking: dict[tuple[str, str], dict[str, int]] = {}

    def change(
        self,
        stands: Callable[[str, Any], Iterable[Standing]],
        subject: str,
        partition: int,
        before: Any,
        after: Any,
    ) -> None:
        """Compare where a process stood with where it stands now."""
        old = tuple(stands(subject, before)) if before is not None else ()
        new = tuple(stands(subject, after)) if after is not None else ()
        if old == new:
            return
        for standing in frozenset(old).difference(new):
            self._removed.append(self._row(standing, partition))
            self._add(standing, -1)
        for standing in frozenset(new).difference(old):
            self._added.append(self._row(standing, partition))
            self._add(standing, 1)

    def _row(self, standing: Standing, partition: int) -> StandingRow:
        return StandingRow(
            standing.name,
            standing.entity,
            standing.period,
            standing.item,
            standing.amount.currency,
            standing.amount.minor,
            partition,
            self._setting.micros,
        )

    def _add(self, standing: Standing, sign: int) -> None:
        minor = standing.amount.minor
        key = (standing.name, standing.entity, standing.period, standing.amount.currency)
        total = self._totals.get(key)
        if total is None:
            total = self._totals[key] = TotalRow(*key, 0, 0, 0)
        total.count += sign
        total.sum_minor += sign * minor
        total.digest = (total.digest + sign * item_digest(standing.item, minor)) % MODULUS
        if STANDINGS[standing.name].blocks_close:
            changes = self._blocking.setdefault((standing.entity, standing.period), {})
            changes[standing.name] = changes.get(standing.name, 0) + sign

    def notices(self, last: EventRow | None) -> list[InboxRow]:
        """Tell the close of each entity and period whose blocking counts changed: one message for the whole batch."""
        if last is None:
            return []
        cause = f"{last.partition}.{last.position}"
        rows = []
        for (entity, period), changes in self._blocking.items():
            counted = {name: count for name, count in changes.items() if count}
            if counted:
                fact = StandingChanged(entity=entity, period=period, changes=counted)
                rows.append(self._notice(fact, f"{cause}/standing/{entity}/{period}", cause))
        return rows

    def _notice(self, fact: StandingChanged, key: str, cause: str) -> InboxRow:
        data = encode_fact(fact)
        subject = f"{fact.entity}/{fact.period}"
        return InboxRow(
            0,
            "tieout",
            key,
            fingerprint(data),
            partition_of(close_home(fact.entity), self._setting.partitions),
            "",
            "",
            subject,
            fact.type,
            fact.entity,
            data,
            subject,
            cause,
            "system:work",
            self._setting.micros,
            self._setting.micros,
            Lane.CONTROL,
        )

    def write(self, unit: Unit) -> None:
        """Write the differences. Last in the transaction, since totals are rows that workers share."""
        if self._added or self._removed:
            unit.change_standings(self._added, self._removed)
        changes = [row for row in self._totals.values() if row.count or row.sum_minor or row.digest]
        if changes:
            changes.sort(key=lambda row: (row.name, row.entity, row.period, row.currency))
            unit.change_totals(changes)
