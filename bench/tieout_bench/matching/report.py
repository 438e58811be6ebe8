"""``tieout bench match``: all figures of matching, and the table of them."""

from msgspec import Struct

from tieout_bench.figures import table
from tieout_bench.matching import memory, pure, whole
from tieout_bench.matching.workload import LINES
from tieout_bench.measuring import ROUNDS, Figure


class Report(Struct, frozen=True, kw_only=True):
    """What was measured: so many invoices of ten lines."""

    rounds: int
    invoices: int
    lines: int
    figures: tuple[Figure, ...]


def measure(invoices: int) -> Report:
    """The rules alone, the whole loop, and memory."""
    figures = (*pure.measure(invoices), *whole.measure(invoices), *memory.measure(invoices))
    return Report(rounds=ROUNDS, invoices=invoices, lines=invoices * LINES, figures=figures)


def show(report: Report) -> None:
    """One line for each figure."""
    table(
        f"{report.lines:,} invoice lines on {report.invoices:,} invoices, medians of {report.rounds} rounds",
        report.figures,
    )
