"""One worker process, to be killed: ``python -m tests.kill9.worker DATABASE STUB OWNER``. SIGTERM ends it in order."""

import http.client
import json
import signal
import sys
from collections.abc import Mapping, Sequence

from tieout.engine.clock import SystemClock
from tieout.engine.delivery import Delivery
from tieout.engine.dependencies import Dependencies
from tieout.engine.intake import Delivery as Reading
from tieout.engine.intake import Intake
from tieout.engine.originals import Originals
from tieout.engine.schedule import Schedule
from tieout.engine.stores.open import open_store
from tieout.engine.stores.port import Store
from tieout.engine.unit_of_work import UnitOfWork
from tieout.engine.worker import Pace, Worker
from tieout.formats.source import Source
from tieout.kernel.clock import period_of
from tieout.model.documents import Posting, Total
from tieout.model.effects import PostInvoice
from tieout.policy.policy import EntityPolicy, Policy
from tieout.ports import Absent, Applied, Connector, Effect, Finding, Manifest, Operation, Page, Result, Scope, Unknown
from tieout.processes.registry import PROCESSES

PARTITIONS = 16
POLICY = Policy(entities={"DE01": EntityPolicy(name="Muster GmbH", currency="EUR")})
OPERATIONS = ("upsert_supplier", "submit_invoice", "post_invoice", "report_posting")


class StubConnector:
    """Talks to the counting stub. A connection that breaks is an unknown outcome, whenever it breaks."""

    def __init__(self, name: str, address: str, owner: str) -> None:
        self._name, self._address, self._owner = name, address, owner
        operations = tuple(Operation(name=one, lookup=True, landing_seconds=1.0) for one in OPERATIONS)
        self.manifest = Manifest(system=name, title=name, operations=operations)

    def apply(self, effects: Sequence[Effect]) -> Sequence[Result]:
        return [self._one(effect) for effect in effects]

    def _one(self, effect: Effect) -> Result:
        body = json.dumps({"reference": self._reference(effect)}).encode()
        try:
            status, answer = self._call("POST", "/", body)
        except (OSError, http.client.HTTPException) as error:
            return Unknown(reason=repr(error))
        return self._applied(effect, answer["number"]) if status == 200 else Unknown(reason=str(status))

    def probe(self, effect: Effect) -> Finding:
        try:
            status, answer = self._call("GET", f"/?reference={self._reference(effect)}")
        except (OSError, http.client.HTTPException) as error:
            return Unknown(reason=repr(error))
        return self._applied(effect, answer["number"]) if status == 200 else Absent()

    def pull(self, cursor: str) -> Page:
        return Page(messages=(), cursor=cursor)

    def totals(self, scope: Scope) -> Total:
        return Total(count=0, sum_minor=0, currency=scope.currency)

    def _reference(self, effect: Effect) -> str:
        return f"{self._name}.{effect.operation}.{effect.key}".replace("/", ".")

    def _applied(self, effect: Effect, number: str) -> Applied:
        payload = effect.payload
        if not isinstance(payload, PostInvoice):
            return Applied(reference=number)
        posting = Posting(
            number=number, posted_on=payload.post_on, period=period_of(payload.post_on), gross=payload.invoice.gross
        )
        return Applied(reference=number, posting=posting)

    def _call(self, method: str, path: str, body: bytes | None = None) -> tuple[int, dict[str, str]]:
        connection = http.client.HTTPConnection(self._address, timeout=5)
        try:
            connection.request(method, path, body, {"X-Worker": self._owner})
            answer = connection.getresponse()
            return answer.status, json.loads(answer.read())
        finally:
            connection.close()


def intake_of(store: Store) -> Intake:
    """The way in, for the worker and for the test."""
    return Intake(store, Originals(None), SystemClock(), partitions=PARTITIONS, read_document=_no_documents)


def _no_documents(source: Source, name: str, channel: str) -> Reading:
    raise AssertionError("this test has no documents")


def main(database: str, stub: str, owner: str) -> None:
    """Work until told to stop, or killed."""
    store, clock = open_store(database), SystemClock()
    connectors: Mapping[str, Connector] = {name: StubConnector(name, stub, owner) for name in ("erp", "ap")}
    dependencies = Dependencies(store, {})
    delivery = Delivery(store, dict(connectors), clock, owner=owner, dependencies=dependencies)
    work = UnitOfWork(store, PROCESSES, POLICY, clock, partitions=PARTITIONS, lane_of=delivery.lane_of)
    schedule = Schedule(store, intake_of(store), connectors, POLICY, clock, dependencies)
    worker = Worker(
        store,
        work,
        delivery,
        schedule,
        clock,
        owner=owner,
        partitions=PARTITIONS,
        pulls={},
        duties={},
        pace=Pace(batch=20, tidy=0.5, senders=3),
    )
    signal.signal(signal.SIGTERM, lambda number, frame: worker.stop())
    worker.run()


if __name__ == "__main__":
    main(*sys.argv[1:])
