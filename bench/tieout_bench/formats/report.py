"""All figures of the readers, and the table of them."""

from msgspec import Struct

from tieout_bench.figures import table
from tieout_bench.formats import ach, camt, edi, einvoice
from tieout_bench.measuring import ROUNDS, Figure


class Report(Struct, frozen=True, kw_only=True):
    """What was measured."""

    rounds: int
    megabytes: int
    figures: tuple[Figure, ...]


def measure(megabytes: int) -> Report:
    """Every format, the large files of about so many megabytes."""
    figures = (*camt.measure(megabytes), *edi.measure(megabytes), *ach.measure(megabytes), *einvoice.measure())
    return Report(rounds=ROUNDS, megabytes=megabytes, figures=figures)


def show(report: Report) -> None:
    """One line for each figure."""
    title = f"large files of {report.megabytes} MB, medians of {report.rounds} rounds, by processor time"
    table(title, report.figures)
