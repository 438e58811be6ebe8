"""Memory of one process that has many open invoices on its hands: ``python -m tieout_bench.memory N``."""

import subprocess
import sys

from tieout_bench.loop import BATCH, Loop
from tieout_bench.measuring import MEGABYTE, peak_megabytes, tell
from tieout_bench.stores import opened, sqlite
from tieout_bench.workload import invoice, masters

_TOLD_EVERY = 10_000


def peak_mebibytes(invoices: int) -> float:
    """The peak resident memory of a process that takes in and handles so many invoices, all still unpaid."""
    command = [sys.executable, "-m", "tieout_bench.memory", str(invoices)]
    return float(subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout)


def main() -> None:
    """Handle them a batch at a time and print the peak, in MiB."""
    invoices = int(sys.argv[1])
    with sqlite() as url:
        loop = Loop(opened(url))
        batch = []
        for message in masters(invoices):
            batch.append(message)
            if len(batch) == BATCH:
                loop.offer(batch)
                loop.run()
                batch = []
        loop.offer(batch)
        for start in range(0, invoices, BATCH):
            loop.offer([invoice(number) for number in range(start, min(invoices, start + BATCH))])
            loop.run()
            if not (start + BATCH) % _TOLD_EVERY:
                tell(f"memory: {start + BATCH:,} of {invoices:,} invoices")
    print(peak_megabytes() * MEGABYTE / 2**20)


if __name__ == "__main__":
    main()
