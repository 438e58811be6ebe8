"""One worker's loop without threads: what `tieout worker` does, as fast as one thread can."""

import time
from collections.abc import Callable, Sequence

from tieout.engine.clock import SystemClock
from tieout.engine.delivery import Delivery
from tieout.engine.dependencies import Dependencies
from tieout.engine.intake import Delivery as Nothing
from tieout.engine.intake import Intake
from tieout.engine.originals import Originals
from tieout.engine.stores.port import Store
from tieout.engine.unit_of_work import UnitOfWork
from tieout.engine.worker import calm_collector
from tieout.model.events import Lane, Message
from tieout.processes.registry import PROCESSES
from tieout_bench.targets import ERP_OPERATIONS, Instant, InstantApprover
from tieout_bench.workload import policy

PARTITIONS = 64
BATCH = 1000


class Loop:
    """Intake, unit of work and delivery on one store."""

    def __init__(self, store: Store, owner: str = "bench", partitions: Sequence[int] | None = None) -> None:
        calm_collector()
        self.store = store
        self._partitions = partitions
        self._mine: Callable[[str], bool] = lambda lane: True
        clock = SystemClock()
        self.intake = Intake(
            store,
            Originals(None),
            clock,
            partitions=PARTITIONS,
            read_document=lambda source, name, channel: Nothing("", (), (), False),
            capacity=10_000_000,
        )
        self.erp = Instant("erp", ERP_OPERATIONS)
        connectors = {
            "erp": self.erp,
            "ap": InstantApprover(self.intake.offer),
            "close": Instant("close", ("report_readiness",)),
        }
        self.delivery = Delivery(
            store, dict(connectors), clock, owner=owner, dependencies=Dependencies(store, {}), lease_seconds=60
        )
        self._work = UnitOfWork(store, PROCESSES, policy(), clock, partitions=PARTITIONS, lane_of=self.delivery.lane_of)

    def offer(self, messages: Sequence[Message]) -> None:
        """Accept in batches."""
        for start in range(0, len(messages), BATCH):
            self.intake.offer(messages[start : start + BATCH])

    def step(self) -> int:
        """One batch of messages and one of effects in each lane; 0 when there was nothing to do."""
        done = self._work.run(BATCH, self._partitions)
        for lane in filter(self._mine, self.delivery.lanes()):
            done += self.delivery.send(lane)
        return done

    def work(self) -> None:
        """Units of work until the inbox is empty; nothing is sent."""
        while self._work.run(BATCH, self._partitions):
            pass

    def only_lanes(self, mine: Callable[[str], bool]) -> None:
        """Send only in these lanes; others are another worker's."""
        self._mine = mine

    def drained(self) -> bool:
        """Nothing waits for anybody."""
        return not self.delivery.lanes() and not any(self.store.depth(lane) for lane in Lane)

    def run(self) -> None:
        """Until quiet."""
        while self.step():
            pass

    def finish(self, is_done: Callable[[], bool]) -> None:
        """Until that is so; an approval that came before its link was known waits for its moment. Five seconds in which
        nothing happens are the end, too."""
        heard = time.monotonic()
        while not is_done() and time.monotonic() < heard + 5:
            if self.step():
                heard = time.monotonic()
            else:
                time.sleep(0.005)

    def events(self) -> int:
        """How many events the log holds."""
        return sum(head.position for head in self.store.log_heads().values())
