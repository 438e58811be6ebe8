"""All processes. Their order is the order in which they see an event."""

from tieout.processes import (
    case,
    close,
    document,
    effect,
    interchange,
    invoice,
    ledger,
    lookalike,
    mail,
    open_orders,
    order,
    payment,
    payment_run,
    query,
    settlement,
    statement,
    supplier,
)
from tieout.processes.process import Process

PROCESSES: tuple[Process, ...] = (
    supplier.PROCESS,
    order.PROCESS,
    open_orders.PROCESS,
    settlement.PROCESS,
    invoice.PROCESS,
    lookalike.PROCESS,
    payment.PROCESS,
    payment_run.PROCESS,
    statement.PROCESS,
    statement.ENTRY,
    close.ENTITY,
    close.PROCESS,
    interchange.PROCESS,
    document.PROCESS,
    mail.PROCESS,
    ledger.PROCESS,
    effect.PROCESS,
    case.PROCESS,
    query.PROCESS,
)
