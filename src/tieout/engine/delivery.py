"""Delivery: intended writes go out, and what became of each comes back as a message. The hardest question of this
field is "did my write land?"; a time-out is not a failure, it is *unknown*.

::

    ready → leased → applied | refused | unknown | ready (certain not to have landed: later again, up to a dead letter)
    unknown → probing → applied | ready (proved absent) | unknown (ask later) | undecided (a person finds out)

Which way is safe after an unknown outcome follows from the target's manifest: a native idempotency key or a unique
number → the same write again; look-up by our reference → probe after the landing window; none → a person.
A lease that ends without an outcome is unknown as well, never ready.
"""

from collections.abc import Sequence
from datetime import timedelta

import msgspec
import structlog
from msgspec import Struct

from tieout.engine.breaker import Breaker
from tieout.engine.dependencies import Dependencies
from tieout.engine.stores.port import Store
from tieout.engine.stores.rows import EffectRow, InboxRow, Settlement
from tieout.kernel.clock import Clock, to_micros
from tieout.kernel.errors import ConfigError, PermanentError, TransientError
from tieout.kernel.ids import derive, fingerprint
from tieout.kernel.problem import Code, Problem
from tieout.model.effects import PAYLOADS
from tieout.model.events import Lane
from tieout.model.facts import EffectSettled, Outcome, encode_fact
from tieout.ports import Absent, Applied, Connector, Effect, Finding, Operation, Refused, Result, Retry, Unknown

LOG = structlog.get_logger("tieout.delivery")

_DECODERS = {name: msgspec.json.Decoder(payload) for name, payload in PAYLOADS.items()}
_NO_PROMISE = Operation(name="")
_PROBES_MAX = 20
LEASE_SECONDS = 5.0
"""How long a lease lasts unless it is renewed; workers renew theirs every second or so."""
_SECOND = 1_000_000


class Conclusion(Struct, frozen=True, gc=False):
    """The next status of an effect, when it may be looked at again, and what is to be told (``None``: nothing).

    ``since`` is set when nothing has happened but waiting: since when the effect has been where it is.
    """

    status: str
    not_before: int = 0
    outcome: Outcome | None = None
    error: str = ""
    since: int = 0


def lane_of(connector: str, operation: Operation, entity: str) -> str:
    """The lane an effect is sent in; writes of one lane go one batch at a time, in order."""
    match operation.lane:
        case "entity":
            return f"{connector}/{entity}"
        case "target":
            return connector
        case "operation":
            return f"{connector}/{operation.name}"


class Delivery:
    """Sends the effects of one connector lane after another. Stateless but for breakers: everything is in the store."""

    def __init__(
        self,
        store: Store,
        connectors: dict[str, Connector],
        clock: Clock,
        *,
        owner: str,
        dependencies: Dependencies,
        lease_seconds: float = LEASE_SECONDS,
    ) -> None:
        self._store = store
        self._connectors = connectors
        self._clock = clock
        self._owner = owner
        self._lease = timedelta(seconds=lease_seconds)
        self._dependencies = dependencies
        self._breakers: dict[str, Breaker] = {}

    def lane_of(self, connector: str, operation: str, entity: str) -> str:
        """The lane of an effect by its connector's manifest."""
        target = self._connectors.get(connector)
        promise = target.manifest.operation(operation) if target else None
        return lane_of(connector, promise or Operation(name=operation), entity)

    def lanes(self) -> list[str]:
        """The lanes in which something can be sent now."""
        return self._store.lanes(to_micros(self._clock.now()))

    def resting(self, lane: str) -> bool:
        """Has the lane stopped for a while, after a row of failures?"""
        return self._breaker(lane).failing

    # ── sending ─────────────────────────────────────────────────────────────────────────────────────────────────

    def send(self, lane: str) -> int:
        """Send the next batch of a lane and settle it. Returns how many effects were taken."""
        now = self._clock.now()
        micros = to_micros(now)
        breaker = self._breaker(lane)
        if not breaker.allows(now):
            return 0
        rows = self._store.lease_effects(
            lane, self._owner, to_micros(now + self._lease), self._batch_size(lane), micros
        )
        if not rows:
            return 0
        rows = self._hold_back(rows)
        if rows:
            results = self._apply(rows)
            breaker.note(self._clock.now(), any(isinstance(result, Retry | Unknown) for result in results))
            self._settle(rows, [self._conclude(row, result) for row, result in zip(rows, results, strict=True)])
        return max(1, len(rows))

    def _batch_size(self, lane: str) -> int:
        target = self._connectors.get(lane.split("/", 1)[0])
        return max((operation.batch_size for operation in target.manifest.operations), default=1) if target else 1

    def _hold_back(self, rows: Sequence[EffectRow]) -> list[EffectRow]:
        """Keep back what depends on something that is down (a hard stop), with the reason."""
        held: list[tuple[EffectRow, str]] = []
        free: list[tuple[EffectRow, str]] = []
        for row in rows:
            reason = self._dependencies.reason_to_hold(row, self._clock.now())
            (held if reason else free).append((row, reason))
        if held:
            conclusions = [Conclusion("held", error=reason) for _, reason in held]
            self._settle([row for row, _ in held], conclusions)
        return [row for row, _ in free]

    def _apply(self, rows: Sequence[EffectRow]) -> Sequence[Result]:
        connector = self._connectors.get(rows[0].connector)
        if connector is None:
            reason = f"no connector is configured under the name {rows[0].connector!r}; add it to the configuration"
            return [Retry(reason=reason, after_seconds=60.0)] * len(rows)
        size = self._promise(rows[0]).batch_size
        results: list[Result] = []
        for start in range(0, len(rows), size):
            batch = rows[start : start + size]
            if start and not self._still_ours(batch):
                results += [Unknown(reason="the lease ended before it was sent")] * len(batch)
            else:
                results += self._apply_batch(connector, batch)
        return results

    def _still_ours(self, rows: Sequence[EffectRow]) -> bool:
        """A process may be frozen between two batches for longer than its lease; others have gone on then."""
        leased = {(row.id, row.attempts) for row in rows}
        now = self._store.effects([row.id for row in rows])
        return leased == {(row.id, row.attempts) for row in now if row.status == "leased" and row.owner == self._owner}

    def _apply_batch(self, connector: Connector, rows: Sequence[EffectRow]) -> Sequence[Result]:
        try:
            results = connector.apply([to_effect(row) for row in rows])
        except TransientError as error:
            return [Retry(reason=str(error))] * len(rows)
        except ConfigError as error:
            LOG.error("connector_misconfigured", connector=rows[0].connector, error=str(error))
            return [Retry(reason=str(error), after_seconds=60.0)] * len(rows)
        except PermanentError as error:
            problem = Problem(Code.EFFECT_REFUSED, detail=str(error))
            return [Refused(problems=(problem,))] * len(rows)
        except Exception as error:  # a connector's bug says nothing about what the target did
            LOG.exception("connector_failed", connector=rows[0].connector, operation=rows[0].operation)
            return [Unknown(reason=f"{type(error).__name__}: {error}")] * len(rows)
        if len(results) != len(rows):
            return [Unknown(reason=f"the connector answered {len(results)} of {len(rows)} items")] * len(rows)
        return results

    # ── finding out ─────────────────────────────────────────────────────────────────────────────────────────────

    def probe(self, limit: int = 50) -> int:
        """Find out about effects whose outcome is unknown, once their landing window is over."""
        now = self._clock.now()
        rows = self._store.lease_probes(self._owner, to_micros(now + self._lease), limit, to_micros(now))
        if rows:
            self._settle(rows, [self._find_out(row) for row in rows])
        return len(rows)

    def _find_out(self, row: EffectRow) -> Conclusion:
        landed_by = row.changed_at + int(self._promise(row).landing_seconds * _SECOND)
        if to_micros(self._clock.now()) < landed_by:  # it lapsed: an answer may still be on its way into the target
            return Conclusion("unknown", not_before=landed_by, error=row.error, since=row.changed_at)
        return self._conclude_probe(row, self._probe_one(row))

    def _probe_one(self, row: EffectRow) -> Finding:
        promise, connector = self._promise(row), self._connectors.get(row.connector)
        if connector is None:
            return Unknown(reason=f"no connector is configured under the name {row.connector!r}")
        if not promise.lookup:
            # Repeating is safe when the target itself refuses or recognises a second one.
            return Absent() if promise.native_key or promise.unique_number else Unknown(reason="")
        try:
            return connector.probe(to_effect(row))
        except Exception as error:
            LOG.warning("probe_failed", connector=row.connector, key=row.key, error=str(error))
            return Unknown(reason=f"the probe failed: {error}")

    # ── concluding ──────────────────────────────────────────────────────────────────────────────────────────────

    def _conclude(self, row: EffectRow, result: Result) -> Conclusion:
        match result:
            case Applied():
                return Conclusion("applied", outcome=_applied(result, row))
            case Refused():
                return Conclusion(
                    "refused",
                    outcome=Outcome(status="refused", problems=result.problems),
                    error=_words(result.problems),
                )
            case Retry():
                return self._again(row, result)
            case Unknown():
                return self._unknown(row, result.reason)

    def _again(self, row: EffectRow, retry: Retry) -> Conclusion:
        manifest = self._connectors[row.connector].manifest if row.connector in self._connectors else None
        ladder = manifest.retry_seconds if manifest else (60.0,)
        if row.attempts > len(ladder) and retry.after_seconds is None:
            problem = Problem(Code.EFFECT_REFUSED, actual=f"{row.attempts} attempts", detail=retry.reason)
            return Conclusion("dead", outcome=Outcome(status="dead", problems=(problem,)), error=retry.reason)
        wait = retry.after_seconds or _with_jitter(ladder[min(row.attempts, len(ladder)) - 1], row)
        return Conclusion("ready", not_before=self._in(wait), error=retry.reason)

    def _unknown(self, row: EffectRow, reason: str) -> Conclusion:
        promise = self._promise(row)
        if not (promise.lookup or promise.native_key or promise.unique_number):
            return self._undecided(row, reason)
        told = None if row.probes else Outcome(status="unknown", problems=(_unknown_problem(reason),))
        return Conclusion("unknown", not_before=self._in(promise.landing_seconds), outcome=told, error=reason)

    def _undecided(self, row: EffectRow, reason: str) -> Conclusion:
        detail = reason or f"{row.connector} offers no way to look it up; find out there, then redeliver or settle it"
        return Conclusion(
            "undecided", outcome=Outcome(status="undecided", problems=(_unknown_problem(detail),)), error=detail
        )

    def _conclude_probe(self, row: EffectRow, finding: Finding) -> Conclusion:
        match finding:
            case Applied():
                return Conclusion("applied", outcome=_applied(finding, row, cleared=True))
            case Absent():
                return Conclusion("ready", error="proved absent; it is sent again")
            case Unknown():
                if not self._promise(row).lookup or row.probes + 1 >= _PROBES_MAX:
                    return self._undecided(row, finding.reason)
                return Conclusion("unknown", not_before=self._in(min(2.0**row.probes, 600.0)), error=finding.reason)

    def _promise(self, row: EffectRow) -> Operation:
        connector = self._connectors.get(row.connector)
        return (connector.manifest.operation(row.operation) if connector else None) or _NO_PROMISE

    def _in(self, seconds: float) -> int:
        return to_micros(self._clock.now()) + int(seconds * _SECOND)

    # ── settling ────────────────────────────────────────────────────────────────────────────────────────────────

    def _settle(self, rows: Sequence[EffectRow], conclusions: Sequence[Conclusion]) -> None:
        micros = to_micros(self._clock.now())
        settlements, messages = [], []
        for row, end in zip(rows, conclusions, strict=True):
            settlements.append(
                Settlement(
                    row.id,
                    self._owner,
                    row.attempts,
                    end.status,
                    end.not_before,
                    _probes(row, end),
                    msgspec.json.encode(end.outcome) if end.outcome else row.outcome,
                    end.error[:2000],
                    end.since or micros,
                )
            )
            if end.outcome is not None:
                messages.append(settled_message(row, end.outcome, micros))
        self._store.settle(settlements, messages)

    def _breaker(self, lane: str) -> Breaker:
        breaker = self._breakers.get(lane)
        if breaker is None:
            connector = self._connectors.get(lane.split("/", 1)[0])
            manifest = connector.manifest if connector else None
            breaker = self._breakers[lane] = Breaker(
                failures_max=manifest.breaker_failures if manifest else 5,
                open_seconds=manifest.breaker_seconds if manifest else 30.0,
            )
        return breaker


def to_effect(row: EffectRow) -> Effect:
    """The effect as a connector gets it."""
    return Effect(
        effect_id=row.id,
        operation=row.operation,
        key=row.key,
        entity=row.entity,
        subject=row.subject,
        correlation=row.correlation,
        payload=_DECODERS[row.operation].decode(row.payload),
        attempt=row.attempts,
    )


def _probes(row: EffectRow, end: Conclusion) -> int:
    """How often an unknown effect has been probed in vain."""
    if row.status != "probing" or end.status != "unknown":
        return 0
    return row.probes if end.since else row.probes + 1


def settled_message(row: EffectRow, outcome: Outcome, micros: int) -> InboxRow:
    """The message that tells the process what became of its effect. One for each attempt and status."""
    fact = EffectSettled(
        effect_id=row.id, connector=row.connector, operation=row.operation, key=row.key, outcome=outcome
    )
    data = encode_fact(fact)
    return InboxRow(
        0,
        "delivery",
        f"{row.id}/{row.attempts}/{outcome.status}",
        fingerprint(data),
        row.partition,
        "",
        "",
        row.subject,
        fact.type,
        row.entity,
        data,
        row.correlation,
        row.id,
        f"system:{row.connector}",
        micros,
        micros,
        Lane.CONTROL,
    )


def _applied(result: Applied, row: EffectRow, *, cleared: bool = False) -> Outcome:
    """What was read back. ``cleared`` tells those who were alarmed that the alarm is over."""
    return Outcome(
        status="applied",
        reference=result.reference,
        posting=result.posting,
        links=result.links,
        cleared=cleared or bool(row.outcome),
    )


def _unknown_problem(reason: str) -> Problem:
    return Problem(Code.OUTCOME_UNKNOWN, detail=reason)


def _words(problems: Sequence[Problem]) -> str:
    return "; ".join(str(problem) for problem in problems)


def _with_jitter(seconds: float, row: EffectRow) -> float:
    """Spread retries by up to half, by a number derived from the effect: the same run always waits the same."""
    share = int(derive("jit", row.id, str(row.attempts))[-2:], 36) / (36 * 36)
    return seconds * (1.0 + share / 2)
