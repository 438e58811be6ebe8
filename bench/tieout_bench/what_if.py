"""What-if on a long log: the past once more under another policy, beside the floor: reading and decoding its events.

The log is made by the product itself: suppliers, orders, receipts, invoices, approvals and postings of the pipeline's
workload, of which one invoice in ten is held for its price.
"""

import os
import subprocess
import sys
import time
from decimal import Decimal

from msgspec import Struct
from msgspec.structs import replace
from rich.console import Console

from tieout.engine.stores.port import Store
from tieout.engine.what_if import JUDGING, WhatIf, past_of, span_of, what_if
from tieout.model.facts import decode_fact
from tieout.policy.policy import Policy
from tieout.policy.tolerances import Limit, Tolerances
from tieout_bench.loop import BATCH, PARTITIONS, Loop
from tieout_bench.measuring import tell
from tieout_bench.stores import opened, sqlite
from tieout_bench.workload import invoice, masters, policy


class Report(Struct, frozen=True, kw_only=True):
    """One run. ``floor_seconds``: reading the same events from the log and decoding them, with as many processes.
    ``processor_seconds`` is what the processes of the run used together, however busy the machine was."""

    invoices: int
    events: int
    processes: int
    seconds: float
    processor_seconds: float
    invoices_per_second: float
    floor_seconds: float
    times_the_floor: float
    same_policy_changes: int
    changed: int
    held_before: int
    held_after: int


def measure(invoices: int, url: str = "") -> Report:
    """Make a log of so many invoices (or take the one at ``url``); ask what another price limit would have done."""
    if url:
        return _measured(url, invoices)
    with sqlite() as fresh:
        make(fresh, invoices)
        return _measured(fresh, invoices)


def make(url: str, invoices: int) -> None:
    """The recorded past of so many invoices."""
    tell(f"making a log of {invoices:,} invoices")
    loop = Loop(opened(url))
    loop.offer(list(masters(invoices)))
    loop.run()
    for start in range(0, invoices, BATCH):
        loop.offer([invoice(number) for number in range(start, min(invoices, start + BATCH))])
        loop.run()


def _measured(url: str, invoices: int) -> Report:
    store = opened(url)
    tell("the floor: reading and decoding")
    floor = _floor(url)
    tell("under a policy without a price check")
    started, used = time.perf_counter(), _processor_seconds()
    found = _under(store, _lax())
    seconds, used = time.perf_counter() - started, _processor_seconds() - used
    tell("under the same policy")
    same = _under(store, policy())
    assert found.invoices == invoices, f"{found.invoices} of {invoices} invoices were found in the log"
    return Report(
        invoices=invoices,
        events=sum(span_of(store).heads.values()),
        processes=2,
        seconds=seconds,
        processor_seconds=used,
        invoices_per_second=invoices / seconds,
        floor_seconds=floor,
        times_the_floor=seconds / floor,
        same_policy_changes=same.changed,
        changed=found.changed,
        held_before=found.before.held,
        held_after=found.after.held,
    )


def _processor_seconds() -> float:
    """What this process and those it waited for have used so far."""
    spent = os.times()
    return spent.user + spent.system + spent.children_user + spent.children_system


def _lax() -> Policy:
    return replace(policy(), tolerances={"default": Tolerances(price=Limit(kind="value", percent=Decimal(100)))})


def _under(store: Store, rules: Policy) -> WhatIf:
    return what_if(store, rules, partitions=PARTITIONS)


def _floor(url: str) -> float:
    """Two processes, each with half of the partitions, as in the measured run."""
    command = [sys.executable, "-m", "tieout_bench.what_if", url]
    started = time.perf_counter()
    halves = [subprocess.Popen([*command, str(half)]) for half in range(2)]
    codes = [half.wait() for half in halves]
    assert codes == [0, 0], f"reading the log failed: exit codes {codes}"
    return time.perf_counter() - started


def _read(url: str, half: int) -> None:
    store = opened(url)
    span = span_of(store)
    for number in sorted(span.heads)[half::2]:
        for row in past_of(store, number, span, JUDGING).rows:
            decode_fact(row.type, row.data)


def show(report: Report) -> None:
    """For people."""
    Console(highlight=False).print(
        f"{report.invoices:,} invoices ({report.events:,} events) under another policy in {report.seconds:.1f} s with "
        f"{report.processes} processes ({report.processor_seconds:.1f} s of processor time):"
        f" {report.invoices_per_second:,.0f} invoices/s, {report.times_the_floor:.2f}"
        f" times the floor ({report.floor_seconds:.1f} s for reading and decoding the same events)\n"
        f"held {report.held_before:,} → {report.held_after:,}, {report.changed:,} verdicts changed; under the same "
        f"policy {report.same_policy_changes}"
    )


if __name__ == "__main__":
    _read(sys.argv[1], int(sys.argv[2]))
