"""Commands that prove something: the log is whole, the tables follow from it, the engine keeps its promises."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from tieout.cli.company import Company
from tieout.cli.output import CONSOLE, JSON, print_json, print_table, progress

if TYPE_CHECKING:
    from tieout.sim import Report


@click.command()
@click.option("--key", default="", help="The public key (hex) that must have signed every checkpoint.")
@JSON
@click.pass_obj
def verify(config: Path, key: str, as_json: bool) -> None:
    """Recompute every hash of the log and check every signed checkpoint. Exit code 1 when anything was changed."""
    from tieout.engine.seal import verify as verify_log

    found = verify_log(Company.at(config).store, public_key=key)
    if as_json:
        print_json(found)
    else:
        CONSOLE.print(
            f"{found.events:,} events in {found.partitions} partitions, {found.checkpoints} signed checkpoints: "
            + ("every byte is what it was" if found.sound else f"{len(found.breaks)} breaks")
        )
        for one in found.breaks[:50]:
            CONSOLE.print(f"  partition {one.partition}, position {one.position}: {one.what}")
    sys.exit(0 if found.sound else 1)


@click.command()
@JSON
@click.pass_obj
def rebuild(config: Path, as_json: bool) -> None:
    """Fold the whole log again and compare with states, views, standings and totals. Exit code 1 on a difference."""
    from tieout.engine.rebuild import rebuild as fold
    from tieout.processes.registry import PROCESSES

    store = Company.at(config).store
    events = sum(head.position for head in store.log_heads().values())
    with progress("folding the log", events) as advance:
        found = fold(store, PROCESSES, advance)
    if as_json:
        print_json(found)
    else:
        verdict = "all equal" if not found.differences else f"{len(found.differences)} differences"
        CONSOLE.print(f"{found.events:,} events folded to {found.states:,} states: {verdict}")
        for one in found.differences[:20]:
            CONSOLE.print(f"  {one.table} {one.key}\n    stored  {one.stored}\n    rebuilt {one.rebuilt}")
    sys.exit(1 if found.differences else 0)


@click.command()
@click.option("--seeds", default=200, show_default=True, help="How many companies to play.")
@click.option("--seed", type=int, help="Play one company and tell what happens.")
@JSON
def sim(seeds: int, seed: int | None, as_json: bool) -> None:
    """Play whole companies in one process, with faults at every boundary, and audit each promise.

    \b
    tieout sim --seeds 1000        many; ends with 1 and the failing seeds when a promise was broken
    tieout sim --seed 4711         one, with a readable trace
    """
    from tieout.sim import play, simulate

    if seed is not None:
        run = play(seed, None if as_json else click.echo)
        if as_json:
            print_json(run)
        sys.exit(1 if run.findings else 0)
    with progress("companies", seeds) as advance:
        report = simulate(range(seeds), advance)
    if as_json:
        print_json(report)
    else:
        _print_report(report)
    sys.exit(0 if report.passed else 1)


def _print_report(report: "Report") -> None:
    CONSOLE.print(
        f"{report.seeds:,} companies, {report.steps:,} steps, {report.events:,} events in {report.seconds:.0f} s;"
        f" {sum(report.faults.values()):,} faults struck"
    )
    print_table("Reach marks", ("recovery path", "times#"), sorted(report.marks.items()))
    if report.not_reached:
        CONSOLE.print(f"not reached (play more seeds): {', '.join(report.not_reached)}")
    for failure in report.failures[:20]:
        CONSOLE.print(f"seed {failure.seed}: {failure.what}\n  {failure.replay}")
    CONSOLE.print("every promise was kept" if report.passed else f"{len(report.failures)} promises were broken")


@click.command()
@click.argument("folders", nargs=-1, required=True, type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--minutes", default=1.0, show_default=True, help="How long.")
@click.option("--processes", default=2, show_default=True, help="How many at once.")
@click.option("--seed", type=int, help="Read the one broken document of a seed, and tell what happens.")
@click.option("--keep", type=click.Path(file_okay=False, path_type=Path), help="Write what broke a reader here.")
@JSON
def fuzz(
    folders: tuple[Path, ...], minutes: float, processes: int, seed: int | None, keep: Path | None, as_json: bool
) -> None:
    """Break documents in many ways and read them, to see that no reader ever raises, hangs or grows.

    FOLDERS hold documents, such as those your own partners send. Nothing is taken in.

    \b
    tieout fuzz samples --minutes 20
    tieout fuzz samples --seed 4711      the one broken document of a seed
    """
    from tieout.conformance import fuzz as kit

    documents = kit.gather(folders)
    if not documents:
        raise click.BadParameter(f"no file of at most {kit.BYTES_MAX // 1024} KiB in {', '.join(map(str, folders))}")
    if seed is not None:
        origin, body = kit.broken(documents, seed)
        name, what = kit.attempt(body)
        CONSOLE.print(
            f"seed {seed}: made of {origin}, {len(body):,} bytes, taken for {name}: {what or 'as it should be'}"
        )
        if keep:
            _keep(keep, [(seed, body)])
        sys.exit(1 if what else 0)
    report = kit.fuzz_many(documents, minutes * 60, processes)
    if keep:
        _keep(keep, [(failure.seed, failure.body) for failure in report.failures])
    if as_json:
        print_json(report)
    else:
        CONSOLE.print(
            f"{report.documents:,} broken documents in {report.seconds:.0f} s, made of {len(documents):,};"
            f" memory grew by {report.growth / 2**20:.0f} MiB"
        )
        print_table("Taken for", ("format", "documents#"), report.by_format.items())
        for failure in report.failures[:20]:
            CONSOLE.print(f"seed {failure.seed}, made of {failure.origin}: {failure.what}")
        CONSOLE.print("every reader kept its promises" if report.sound else f"{len(report.failures)} failures")
    sys.exit(0 if report.sound else 1)


def _keep(folder: Path, found: list[tuple[int, bytes]]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for seed, body in found:
        (folder / f"seed-{seed}").write_bytes(body)
