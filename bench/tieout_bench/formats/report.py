"""All figures of the readers, and the table of them."""

from msgspec import Struct
from rich.console import Console
from rich.table import Table

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
    table = Table(title=title, title_justify="left", box=None)
    for name in ("figure", "measured", "beside", "its figure", "ratio", "target", ""):
        table.add_column(name, justify="right" if name in ("measured", "its figure", "ratio") else "left", no_wrap=True)
    for figure in report.figures:
        met = {None: "", True: "met", False: "missed"}[figure.is_met]
        value, other = (_number(number, figure.unit) for number in (figure.value, figure.beside_value))
        table.add_row(figure.name, value, figure.beside, other, f"{figure.ratio:.2f}", figure.target, met)
    Console(highlight=False, width=120).print(table)  # in a file, too, where it would be 80


def _number(number: float, unit: str) -> str:
    return f"{number:,.{2 if number < 10 else 0}f} {unit}"
