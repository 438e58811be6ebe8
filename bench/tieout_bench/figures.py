"""Figures as a table: one line for each, beside its floor or peer."""

from collections.abc import Iterable

from rich.console import Console
from rich.table import Table

from tieout_bench.measuring import Figure


def table(title: str, figures: Iterable[Figure]) -> None:
    """Print them, as wide in a file as on a screen."""
    found = Table(title=title, title_justify="left", box=None)
    for name in ("figure", "measured", "beside", "its figure", "ratio", "target", ""):
        found.add_column(name, justify="right" if name in ("measured", "its figure", "ratio") else "left", no_wrap=True)
    for figure in figures:
        met = {None: "", True: "met", False: "missed"}[figure.is_met]
        value, other = (_number(number, figure.unit) for number in (figure.value, figure.beside_value))
        found.add_row(figure.name, value, figure.beside, other, f"{figure.ratio:.2f}", figure.target, met)
    Console(highlight=False, width=140).print(found)


def _number(number: float, unit: str) -> str:
    return f"{number:,.{2 if number < 10 else 0}f} {unit}"
