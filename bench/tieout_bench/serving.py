"""tieout as it is run, without its configuration file: the API or a worker as a child of the benchmark.

``python -m tieout_bench.serving api DATABASE_URL``, or ``… worker DATABASE_URL STUB_PORT``.
"""

import os
import sys

import uvicorn

from tieout.cli.logs import log_to_stderr
from tieout.engine.actions import Actions
from tieout.engine.clock import SystemClock
from tieout.engine.delivery import Delivery
from tieout.engine.dependencies import Dependencies
from tieout.engine.intake import Delivery as Nothing
from tieout.engine.intake import Intake
from tieout.engine.originals import Originals
from tieout.engine.people import People
from tieout.engine.queries.database import Database
from tieout.engine.schedule import Schedule
from tieout.engine.stores.port import Store
from tieout.engine.unit_of_work import UnitOfWork
from tieout.engine.worker import Worker
from tieout.http.app import create_app
from tieout.http.door import Door
from tieout.policy.dependencies import DEPENDENCIES
from tieout.ports import Connector
from tieout.processes.registry import PROCESSES
from tieout_bench.loop import PARTITIONS
from tieout_bench.over_http import Approver, Erp
from tieout_bench.peers.calls import Stub
from tieout_bench.peers.children import KEPT_SECONDS, free_socket, ready
from tieout_bench.stores import opened
from tieout_bench.workload import policy


def intake_of(store: Store) -> Intake:
    """The way in, as the product sets it up."""
    return Intake(
        store,
        Originals(None),
        SystemClock(),
        partitions=PARTITIONS,
        read_document=lambda source, name, channel: Nothing("", (), (), False),
    )


def serve_api(url: str) -> None:
    """The API, as ``tieout up --no-worker`` serves it."""
    clock = SystemClock()
    store = opened(url)
    intake, rules = intake_of(store), policy()
    door = Door(
        intake=intake,
        actions=Actions(store, intake, clock),
        database=Database(url),
        people=People(url, clock),
        clock=clock,
        policies=rules,
        partitions=PARTITIONS,
    )
    here = free_socket()
    here.listen(1024)
    ready(here.getsockname()[1])
    config = uvicorn.Config(create_app(door), log_level="warning", access_log=False, timeout_keep_alive=KEPT_SECONDS)
    uvicorn.Server(config).run(sockets=[here])


def work(url: str, stub_port: int) -> None:
    """One ``tieout worker``, with two connectors that call the stub."""
    store, clock, rules, owner = opened(url), SystemClock(), policy(), f"bench-{os.getpid()}"
    intake, stub = intake_of(store), Stub(stub_port)
    connectors: dict[str, Connector] = {"erp": Erp(stub), "ap": Approver(stub, intake.offer)}
    dependencies = Dependencies(store, DEPENDENCIES)
    delivery = Delivery(store, connectors, clock, owner=owner, dependencies=dependencies)
    unit = UnitOfWork(store, PROCESSES, rules, clock, partitions=PARTITIONS, lane_of=delivery.lane_of)
    schedule = Schedule(store, intake, connectors, rules, clock, dependencies)
    worker = Worker(store, unit, delivery, schedule, clock, owner=owner, partitions=PARTITIONS, pulls={}, duties={})
    ready()
    worker.run()


if __name__ == "__main__":
    log_to_stderr()
    if sys.argv[1] == "api":
        serve_api(sys.argv[2])
    else:
        work(sys.argv[2], int(sys.argv[3]))
