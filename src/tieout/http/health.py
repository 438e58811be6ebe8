"""Is it alive, is it ready, and how does it do: for the machines that look after it.

The business numbers of /metrics are read from the database when they are asked for, so any one server tells them for
the whole company; no invoice, supplier or person is ever a label. What channels have taken in is counted by the process
that pulls them, and told by it.
"""

from collections.abc import Iterator
from datetime import datetime

from litestar import Response, get
from litestar.handlers import HTTPRouteHandler
from msgspec import Struct
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from sqlalchemy import Connection

from tieout.connectors.channels.metrics import CHANNELS
from tieout.engine.queries import cases, close, dialects, effects, liabilities, payments, records
from tieout.http.door import Door
from tieout.http.problems import Trouble
from tieout.kernel.money import minor_digits

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_LANES = {0: "control", 5: "normal", 9: "bulk"}


class Health(Struct, frozen=True, kw_only=True):
    """Alive, or ready."""

    status: str


class Reading(Collector):
    """Reads the business numbers from one snapshot of the database."""

    def __init__(self, sql: Connection, now: datetime) -> None:
        self._sql = sql
        self._now = now

    def collect(self) -> Iterator[Metric]:
        yield from self._inbox()
        yield from self._effects()
        yield from self._cases()
        yield from self._money()
        yield from self._close()
        yield from self._dialects()

    def _age(self, moment: datetime | None) -> float:
        return max(0.0, (self._now - moment).total_seconds()) if moment else 0.0

    def _inbox(self) -> Iterator[Metric]:
        found = records.inbox(self._sql)
        depth = GaugeMetricFamily("tieout_inbox_messages", "Messages that wait to be handled", labels=["lane"])
        for lane in sorted({*_LANES, *found.lanes}):
            depth.add_metric([_LANES.get(lane, str(lane))], found.lanes.get(lane, 0))
        yield depth
        yield GaugeMetricFamily(
            "tieout_inbox_oldest_age_seconds", "Age of the oldest message that waits", value=self._age(found.oldest_at)
        )
        yield GaugeMetricFamily("tieout_inbox_timers", "Timers and messages that wait for a link", value=found.timed)
        yield GaugeMetricFamily(
            "tieout_inbox_quarantined_messages", "Messages that were set aside", value=found.quarantined
        )

    def _effects(self) -> Iterator[Metric]:
        number = GaugeMetricFamily(
            "tieout_effects", "Writes that have not come to an end", labels=["connector", "status"]
        )
        age = GaugeMetricFamily(
            "tieout_effects_oldest_age_seconds",
            "How long the oldest write stands in its status",
            labels=["connector", "status"],
        )
        for one in effects.count_open(self._sql, None):
            number.add_metric([one.connector, one.status], one.count)
            age.add_metric([one.connector, one.status], self._age(one.oldest_at))
        yield number
        yield age

    def _cases(self) -> Iterator[Metric]:
        number = GaugeMetricFamily("tieout_cases_open", "Cases that somebody must work", labels=["class", "severity"])
        age = GaugeMetricFamily(
            "tieout_cases_oldest_age_seconds", "Age of the oldest open case", labels=["class", "severity"]
        )
        for one in cases.open_by_class(self._sql, None):
            number.add_metric([one.case_class, one.severity], one.count)
            age.add_metric([one.case_class, one.severity], self._age(one.oldest_at))
        yield number
        yield age
        late = GaugeMetricFamily(
            "tieout_cases_overdue", "Open cases that should have been worked by now", labels=["class", "severity"]
        )
        for (name, severity), count in cases.overdue_by_class(self._sql, None, self._now).items():
            late.add_metric([name, severity], count)
        yield late
        yield from self._case_ages()

    def _case_ages(self) -> Iterator[Metric]:
        share = GaugeMetricFamily(
            "tieout_cases_age_seconds",
            "Half of the open cases (0.5), or nine in ten (0.9), are at most so old; the class is empty for all",
            labels=["class", "quantile"],
        )
        for one in cases.ages(self._sql, None, self._now):
            share.add_metric([one.case_class, "0.5"], one.p50_seconds)
            share.add_metric([one.case_class, "0.9"], one.p90_seconds)
        yield share
        number = GaugeMetricFamily("tieout_cases_by_age", "Open cases by age in days", labels=["class", "bucket"])
        sums: dict[tuple[str, str], int] = {}
        for row in cases.aging(self._sql, cases.CaseFilter(), None, self._now):
            key = (row.case_class, row.bucket)
            sums[key] = sums.get(key, 0) + row.count
        for (name, bucket), count in sorted(sums.items()):
            number.add_metric([name, bucket], count)
        yield number

    def _money(self) -> Iterator[Metric]:
        standing = GaugeMetricFamily("tieout_standing_items", "Items of a control total", labels=["name", "currency"])
        amount = GaugeMetricFamily(
            "tieout_standing_amount", "Sum of a control total in major units", labels=["name", "currency"]
        )
        for name in ("payable", "unposted", "in_flight"):
            for one in liabilities.totals_of(self._sql, name, None):
                currency = one.amount.currency
                standing.add_metric([name, currency], one.count)
                amount.add_metric([name, currency], one.amount.minor / 10 ** minor_digits(currency))
        yield standing
        yield amount
        flying = GaugeMetricFamily("tieout_payments", "Payments by status", labels=["entity", "status"])
        sums: dict[tuple[str, str], int] = {}
        for flight in payments.flights(self._sql, None):
            key = (flight.entity, flight.status)
            sums[key] = sums.get(key, 0) + flight.count
        for (entity, status), count in sums.items():
            flying.add_metric([entity, status], count)
        yield flying
        invoices = GaugeMetricFamily("tieout_invoices", "Invoices by status", labels=["status"])
        for status, count in sorted(liabilities.invoices_by_status(self._sql, None).items()):
            invoices.add_metric([status], count)
        yield invoices

    def _close(self) -> Iterator[Metric]:
        ready = GaugeMetricFamily(
            "tieout_period_ready", "1 when the period is ready to close", labels=["entity", "period"]
        )
        blockers = GaugeMetricFamily(
            "tieout_period_blockers", "What keeps a period open", labels=["entity", "period", "name"]
        )
        for period in close.readiness(self._sql, None):
            ready.add_metric([period.entity, period.period], int(period.status == "ready"))
            for name, count in period.blockers.items():
                blockers.add_metric([period.entity, period.period, name], count)
        yield ready
        yield blockers

    def _dialects(self) -> Iterator[Metric]:
        predictions = CounterMetricFamily(
            "tieout_dialect_predictions", "Holds of ERPs, by whether they were foreseen", labels=["dialect", "outcome"]
        )
        sums: dict[tuple[str, str], int] = {}
        for one in dialects.dialect_accuracy(self._sql, None):
            for outcome in dialects.OUTCOMES:
                key = (one.dialect, outcome)
                sums[key] = sums.get(key, 0) + getattr(one, outcome)
        for (dialect, outcome), count in sorted(sums.items()):
            predictions.add_metric([dialect, outcome], count)
        yield predictions


def handlers(door: Door) -> list[HTTPRouteHandler]:
    """GET /healthz, /readyz and /metrics: no account is needed, so keep them off public networks."""

    @get("/healthz", operation_id="healthz", summary="The process is alive", tags=["operation"])
    async def healthz() -> Health:
        return Health(status="alive")

    @get("/readyz", operation_id="readyz", summary="The database answers", tags=["operation"])
    async def readyz() -> Health:
        try:
            await door.read(records.inbox)
        except Exception:
            raise Trouble("busy", "the database does not answer", headers={"Retry-After": "2"}) from None
        return Health(status="ready")

    @get("/metrics", operation_id="metrics", summary="Prometheus metrics", tags=["operation"], media_type="text/plain")
    async def metrics() -> Response[bytes]:
        found = await door.read(_exposition, door.now())
        return Response(found + generate_latest(CHANNELS), headers={"content-type": CONTENT_TYPE})

    return [healthz, readyz, metrics]


def _exposition(sql: Connection, now: datetime) -> bytes:
    registry = CollectorRegistry(auto_describe=False)
    registry.register(Reading(sql, now))
    return generate_latest(registry)
