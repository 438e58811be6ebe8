"""All processes. Their order is the order in which they see an event."""

from tieout.processes import (
    case,
    close,
    document,
    effect,
    interchange,
    invoice,
    ledger,
    mail,
    number,
    order,
    payment,
    payment_run,
    policy_release,
    query,
    statement,
    supplier,
)
from tieout.processes.process import Process

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
    interchange.PROCESS,
    document.PROCESS,
    mail.PROCESS,
    ledger.PROCESS,
    effect.PROCESS,
    case.PROCESS,
    query.PROCESS,
    policy_release.PROCESS,
    policy_release.TEXT,
)
