"""How commands answer: a table for people, JSON for programs (``--json``), and progress bars on a terminal."""

import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import click
import msgspec
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

#: What is printed is data and never markup. In a pipe or a file lines are long, so that ids stay in one piece.
CONSOLE = Console(highlight=False, markup=False, emoji=False, width=None if sys.stdout.isatty() else 240)
JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON instead of a table.")


def print_json(value: Any) -> None:
    """One JSON document on standard output."""
    sys.stdout.buffer.write(msgspec.json.format(msgspec.json.encode(value), indent=2) + b"\n")
    sys.stdout.flush()


def print_table(title: str, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """A table; columns whose names end in ``#`` hold numbers and are set to the right."""
    table = Table(title=title, title_justify="left", box=None, pad_edge=False, header_style="bold")
    for name in columns:
        table.add_column(name.removesuffix("#"), justify="right" if name.endswith("#") else "left", overflow="fold")
    count = 0
    for row in rows:
        table.add_row(*("" if value is None else str(value) for value in row))
        count += 1
    if count:
        CONSOLE.print(table)
    else:
        CONSOLE.print(f"{title}: none")


@contextmanager
def progress(what: str, total: int | None = None) -> Iterator[Any]:
    """A progress bar on standard error, only on a terminal. Yields a function that takes the number done."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), disable=not sys.stderr.isatty(), transient=True) as bar:
        task = bar.add_task(what, total=total)
        yield lambda done=1: bar.advance(task, done)
