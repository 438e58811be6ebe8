"""All processes, and which of them handle a fact. Their order is the order in which they see an event."""

from tieout.model.facts import Fact
from tieout.processes import (
    case,
    close,
    effect,
    invoice,
    number,
    order,
    payment,
    payment_run,
    statement,
    supplier,
)
from tieout.processes.process import Process, Route

PROCESSES: tuple[Process, ...] = (
    number.PROCESS,
    supplier.PROCESS,
    order.PROCESS,
    invoice.PROCESS,
    payment.PROCESS,
    payment_run.PROCESS,
    statement.PROCESS,
    statement.ENTRY,
    close.ENTITY,
    close.PROCESS,
    effect.PROCESS,
    case.PROCESS,
)


def _table() -> dict[type[Fact], tuple[tuple[Process, Route], ...]]:
    table: dict[type[Fact], list[tuple[Process, Route]]] = {}
    for process in PROCESSES:
        for fact_type, route in process.routes.items():
            table.setdefault(fact_type, []).append((process, route))
    return {fact_type: tuple(targets) for fact_type, targets in table.items()}


_TARGETS = _table()


def targets(fact_type: type[Fact]) -> tuple[tuple[Process, Route], ...]:
    """The processes that handle a fact, each with the way to find its subjects."""
    return _TARGETS.get(fact_type, ())
