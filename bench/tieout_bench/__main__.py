"""``tieout bench``: measures on this machine and prints medians and ratios."""

import argparse
import sys
from collections.abc import Callable
from functools import partial
from statistics import median
from typing import TypeVar

import msgspec
from msgspec import Struct
from rich.console import Console
from rich.table import Table

from tieout_bench import dbos, duplicates_index, latency, memory, stores, throughput, what_if
from tieout_bench.duplicates import report as duplicates
from tieout_bench.formats import report as formats
from tieout_bench.latency import Latency
from tieout_bench.matching import report as matching
from tieout_bench.measuring import tell
from tieout_bench.throughput import Fresh, Throughput

R = TypeVar("R")


class Line(Struct, frozen=True, kw_only=True):
    """One line of the report: medians over the rounds."""

    store: str
    workers: int
    invoices_per_second: float
    events_per_second: float
    ratio_to_floor: float | None


class Report(Struct, frozen=True, kw_only=True):
    """What was measured."""

    rounds: int
    invoices: int
    throughput: tuple[Line, ...]
    latency: Latency
    peak_mebibytes_at: dict[str, float]
    dbos: dbos.Comparison | None


def main() -> None:
    """Parse, measure, print."""
    parser = argparse.ArgumentParser(
        prog="tieout bench", description="Benchmarks; always beside a floor or a peer measured in the same run."
    )
    commands = parser.add_subparsers(dest="command", required=True)
    pipeline = commands.add_parser(
        "pipeline", help="invoices through the whole loop: accept, unit of work, effect, outcome"
    )
    pipeline.add_argument("--invoices", type=int, default=5_000)
    pipeline.add_argument("--rounds", type=int, default=3)
    pipeline.add_argument("--open-invoices", type=int, default=50_000, help="for the memory figure; 0 leaves it out")
    pipeline.add_argument("--no-postgres", action="store_true", help="measure SQLite alone, without the peer")
    pipeline.add_argument("--postgres", default="", help="a server's URL (default: one of our own)")
    pipeline.add_argument("--json", action="store_true", help="print the figures as JSON, for a machine")
    readers = commands.add_parser("formats", help="readers of outside documents: speed, and memory of a large file")
    readers.add_argument("--megabytes", type=int, default=100, metavar="N", help="of a large file: 1 to 100")
    readers.add_argument("--json", action="store_true", help="print the figures as JSON, for a machine")
    rules = commands.add_parser("match", help="invoice lines against orders and receipts: rules alone, and the loop")
    rules.add_argument("--invoices", type=int, default=20_000, help="of ten lines each")
    rules.add_argument("--json", action="store_true", help="print the figures as JSON, for a machine")
    twice = commands.add_parser("duplicates", help="how many duplicate invoices are found, and how many honest flagged")
    twice.add_argument("--invoices", type=int, default=100_000, help="of one year")
    twice.add_argument("--percent", type=float, default=2.0, help="how many of a hundred are duplicates")
    twice.add_argument("--seed", type=int, default=1, help="of the first year")
    twice.add_argument("--json", action="store_true", help="print the figures as JSON, for a machine")
    compared = commands.add_parser(
        "duplicates-index", help="comparing one invoice with all that ever came: time, and the floor of bare look-ups"
    )
    compared.add_argument("--invoices", type=int, default=100_000)
    compared.add_argument("--checks", type=int, default=2_000)
    compared.add_argument("--no-postgres", action="store_true", help="measure SQLite alone")
    compared.add_argument("--postgres", default="", help="a server's URL (default: one of our own)")
    compared.add_argument("--json", action="store_true", help="print the figures as JSON, for a machine")
    past = commands.add_parser("what-if", help="the recorded past once more under another policy")
    past.add_argument("--invoices", type=int, default=100_000)
    past.add_argument("--json", action="store_true", help="print the figures as JSON, for a machine")
    arguments = parser.parse_args()
    if arguments.command == "formats":
        if not 1 <= arguments.megabytes <= 100:
            parser.error(f"--megabytes is from 1 to 100, not {arguments.megabytes}")
        _answer(formats.measure(arguments.megabytes), formats.show, arguments)
    elif arguments.command == "match":
        _answer(matching.measure(arguments.invoices), matching.show, arguments)
    elif arguments.command == "duplicates":
        if arguments.invoices < 1_000 or not 0 < arguments.percent < 50:
            parser.error("a year has at least 1000 invoices, and more than 0 and less than 50 % of them are duplicates")
        _answer(duplicates.measure(arguments.invoices, arguments.percent, arguments.seed), duplicates.show, arguments)
    elif arguments.command == "duplicates-index":
        measured = duplicates_index.measure(
            arguments.invoices, arguments.checks, arguments.postgres, postgres=not arguments.no_postgres
        )
        _answer(measured, duplicates_index.show, arguments)
    elif arguments.command == "what-if":
        _answer(what_if.measure(arguments.invoices), what_if.show, arguments)
    else:
        _answer(_pipeline(arguments), _print, arguments)


def _answer(report: R, show: Callable[[R], None], arguments: argparse.Namespace) -> None:
    if arguments.json:
        sys.stdout.write(msgspec.json.format(msgspec.json.encode(report), indent=2).decode() + "\n")
    else:
        show(report)


def _pipeline(arguments: argparse.Namespace) -> Report:
    lines = [_measure("SQLite", stores.sqlite, 1, arguments)]
    comparison = None
    if not arguments.no_postgres:
        with stores.postgres_server(arguments.postgres) as server:
            if server:
                fresh: Fresh = partial(stores.postgres, server)
                lines += [_measure("PostgreSQL", fresh, workers, arguments) for workers in (1, 2)]
                tell("DBOS on the same PostgreSQL, about a minute")
                comparison = dbos.compare(server)
            else:
                tell("no PostgreSQL here: left out (`make test` installs one)")
    tell("latency at 200 invoices a second")
    with stores.sqlite() as url:
        steady = latency.steady(url)
    peaks = {}
    if arguments.open_invoices:
        tell(f"memory at {arguments.open_invoices:,} open invoices")
        peaks[str(arguments.open_invoices)] = memory.peak_mebibytes(arguments.open_invoices)
    return Report(
        rounds=arguments.rounds,
        invoices=arguments.invoices,
        throughput=tuple(lines),
        latency=steady,
        peak_mebibytes_at=peaks,
        dbos=comparison,
    )


def _measure(name: str, fresh: Fresh, workers: int, arguments: argparse.Namespace) -> Line:
    runs: list[Throughput] = []
    for number in range(arguments.rounds):
        tell(f"{name}, {workers} worker{'s' * (workers > 1)}, round {number + 1} of {arguments.rounds}")
        run = throughput.one_worker if workers == 1 else throughput.two_workers
        runs.append(run(name, fresh, arguments.invoices))
    ratios = [run.ratio_to_floor for run in runs if run.ratio_to_floor is not None]
    return Line(
        store=name,
        workers=workers,
        invoices_per_second=median(run.invoices_per_second for run in runs),
        events_per_second=median(run.events_per_second for run in runs),
        ratio_to_floor=median(ratios) if ratios else None,
    )


def _print(report: Report) -> None:
    console = Console(highlight=False)
    table = Table(
        title=f"{report.invoices:,} invoices, medians of {report.rounds} rounds", title_justify="left", box=None
    )
    for name in ("store", "workers", "invoices/s", "events/s", "of the floor"):
        table.add_column(name, justify="left" if name == "store" else "right")
    for line in report.throughput:
        ratio = "" if line.ratio_to_floor is None else f"{line.ratio_to_floor:.2f}"
        table.add_row(
            line.store, str(line.workers), f"{line.invoices_per_second:,.0f}", f"{line.events_per_second:,.0f}", ratio
        )
    console.print(table)
    one = report.latency
    console.print(
        f"at {one.rate}/s: accepted in {one.accept_p50_ms:.1f} ms (p99 {one.accept_p99_ms:.1f}), "
        f"posted in {one.loop_p50_ms:.0f} ms (p99 {one.loop_p99_ms:.0f})"
    )
    for count, peak in report.peak_mebibytes_at.items():
        console.print(f"peak memory with {int(count):,} open invoices: {peak:,.0f} MiB")
    if report.dbos:
        console.print(
            f"the same workload over HTTP: tieout {report.dbos.ours:,.0f} invoices/s, DBOS {report.dbos.theirs:,.0f}: "
            f"{report.dbos.ratio:.0f} times"
        )


main()
