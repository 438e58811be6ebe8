"""Memory of matching a quarter, a half and all of the lines, each in a process of its own: does it grow in a line?

``python -m tieout_bench.matching.memory N`` matches N invoices, keeps their verdicts, and prints the peak in MB.
"""

import subprocess
import sys

from tieout.matching.three_way import match
from tieout_bench.matching.pure import cases
from tieout_bench.matching.workload import LINES
from tieout_bench.measuring import Figure, cost, peak_megabytes, tell
from tieout_bench.workload import ENTITY, policy

#: The half may lie so far above the line through the quarter and the whole.
DEVIATION_MAX = 0.05


def measure(invoices: int) -> list[Figure]:
    """The peak at the whole, and the half beside the line through the quarter and the whole."""
    quarter, half, whole = (_peak(part) for part in (invoices // 4, invoices // 2, invoices))
    on_the_line = quarter + (whole - quarter) / 3
    figure = cost(
        f"peak memory at {invoices * LINES // 2:,} lines", "MB", half, "line from a quarter to all", on_the_line
    )
    met = half <= on_the_line * (1 + DEVIATION_MAX)
    target = f"at most {DEVIATION_MAX:.0%} above the line"
    return [
        Figure(
            name=figure.name,
            unit=figure.unit,
            value=half,
            beside=figure.beside,
            beside_value=on_the_line,
            ratio=figure.ratio,
            target=target,
            is_met=met,
        ),
        cost(f"peak memory at {invoices * LINES:,} lines", "MB", whole, "a quarter of them", quarter),
    ]


def _peak(invoices: int) -> float:
    tell(f"memory at {invoices * LINES:,} lines")
    command = [sys.executable, "-m", "tieout_bench.matching.memory", str(invoices)]
    return float(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


def main() -> None:
    """Match them all and print the peak, in MB."""
    tolerances = policy().tolerances_of(ENTITY)
    every = cases(int(sys.argv[1]))
    verdicts = [match(invoice, orders, tolerances, "bench") for invoice, orders in every]
    assert len(verdicts) == len(every)
    print(peak_megabytes())


if __name__ == "__main__":
    main()
