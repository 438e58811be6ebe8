"""``tieout run``: play the month, print the counts, and (on a terminal) serve the pages."""

import argparse
import os
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from tieout_lab.month.audit import Audit, audit
from tieout_lab.month.plan import plan
from tieout_lab.month.play import Play
from tieout_lab.month.stage import PASSWORD, PEOPLE, Stage

_ACTS = 10


def main() -> None:
    """Play, count, print. Exit code 0 only if the counts hold."""
    arguments = _arguments()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # leaves the stage, and with it stops what it started
    tryton = _tryton_python(arguments.tryton)
    console = Console(stderr=arguments.json, highlight=False)
    # Payments go out tomorrow: a rehearsal that runs over midnight must not pay on a day that is over.
    month = plan(datetime.now(UTC).date() + timedelta(days=1))
    started = time.monotonic()
    columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), disable=not sys.stderr.isatty()) as bar:
        task = bar.add_task("setting the stage", total=_ACTS)

        def tell(text: str) -> None:
            bar.update(task, description=text)
            if bar.disable:
                print(f"[{time.monotonic() - started:5.1f} s] {text}", file=sys.stderr, flush=True)

        def next_act(text: str) -> None:
            bar.advance(task)
            tell(text)

        with Stage(arguments.folder, first_day=month.first_day, tryton_python=tryton, on_progress=tell) as stage:
            play = Play(stage, month, next_act)
            play.run()
            next_act("counting in the ERP and at the bank")
            counted = audit(
                play, stage, month, log_sound=_proved(stage, "verify"), rebuild_equal=_proved(stage, "rebuild")
            )
            bar.stop()
            _print(counted, console, time.monotonic() - started, as_json=arguments.json)
            if counted.holds and arguments.serve and not arguments.json:
                _serve(stage, console)
    sys.exit(0 if counted.holds else 1)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="tieout run",
        description="Plays a company month from orders to close: two legal entities, 30 suppliers, about 200 invoices, "
        "a real ERP (Tryton), an AP platform, procurement, a bank and a close tool, with faults injected on the way. "
        "At the end it counts in the ERP and at the bank themselves whether anything was lost or doubled.",
    )
    parser.add_argument("--folder", type=Path, default=Path("var/month"), help="where everything is kept (begun anew)")
    parser.add_argument("--tryton", type=Path, help="the Python of Tryton's environment (default: .venv-tryton)")
    parser.add_argument("--json", action="store_true", help="print the counts as JSON")
    parser.add_argument(
        "--no-serve", dest="serve", action="store_false", default=sys.stdout.isatty() and sys.stdin.isatty(),
        help="end after the counts, even on a terminal",
    )  # fmt: skip
    return parser.parse_args()


def _tryton_python(given: Path | None) -> Path:
    named = given or Path(os.environ.get("TIEOUT_TRYTON", ".venv-tryton/bin/python"))
    if not named.exists():
        sys.exit(
            f"tieout run: there is no Tryton at {named}. `make demo` sets it up; or make an environment from"
            " requirements/tryton.txt and name its python with --tryton."
        )
    return named.absolute()


def _proved(stage: Stage, command: str) -> bool:
    arguments = [sys.executable, "-m", "tieout", "--config", str(stage.config), command]
    return subprocess.run(arguments, stdout=subprocess.DEVNULL, check=False).returncode == 0


def _print(counted: Audit, console: Console, seconds: float, *, as_json: bool) -> None:
    if as_json:
        sys.stdout.write(msgspec.json.format(msgspec.json.encode(counted), indent=2).decode() + "\n")
        return
    table = Table(title=f"The month, after {seconds:.0f} seconds", title_justify="left", box=None, pad_edge=False)
    table.add_column("")
    table.add_column("count", justify="right")
    table.add_column("")
    for name, value, remark in _rows(counted):
        table.add_row(name, value, remark)
    console.print(table)
    for one in counted.periods:
        blockers = ", ".join(f"{name} {count}" for name, count in one.blockers.items())
        console.print(
            f"period {one.period} of {one.entity}: {one.status.replace('_', ' ')}"
            + (f" ({blockers})" if blockers else "")
        )
    console.print("everything holds" if counted.holds else "[bold red]something does not hold[/]")


def _rows(counted: Audit) -> list[tuple[str, str, str]]:
    return [
        ("documents in", str(counted.documents_in), f"{counted.known_to_tieout} known to tieout"),
        ("posted, counted in the ERP", str(counted.posted_in_erp), f"{counted.expected_in_erp} expected"),
        (
            "paid, counted at the bank",
            str(counted.payments_at_bank),
            f"{counted.payments_booked} confirmed by statements",
        ),
        ("rejected by the bank", str(counted.payments_rejected), "liability open again"),
        ("returned", str(counted.payments_returned), "liability open again"),
        ("duplicates stopped on arrival", str(counted.duplicates_stopped), ""),
        ("look-alikes cleared by a person", str(counted.look_alikes_cleared), ""),
        ("posted twice in the ERP", str(len(counted.posted_twice)), ", ".join(counted.posted_twice)),
        ("missing in the ERP", str(len(counted.missing_in_erp)), ", ".join(counted.missing_in_erp)),
        ("paid twice at the bank", str(len(counted.paid_twice)), ", ".join(counted.paid_twice)),
        ("payments lost", str(len(counted.payments_lost)), ", ".join(counted.payments_lost)),
        ("tie-out breaks", str(counted.tie_out_breaks), ""),
        ("cases open", str(sum(counted.cases_open.values())), _counts(counted.cases_open)),
        ("faults that struck", str(sum(counted.faults.values())), _counts(counted.faults)),
        ("writes that took more than one attempt", str(counted.retried), ""),
        (
            "releases of one's own run refused",
            str(len(counted.refusals)),
            counted.refusals[0] if counted.refusals else "",
        ),
        ("log proved, tables rebuilt", "yes" if counted.log_sound and counted.rebuild_equal else "NO", ""),
    ]


def _counts(counts: dict[str, int]) -> str:
    return ", ".join(f"{name.replace('_', ' ')} {count}" for name, count in sorted(counts.items()))


def _serve(stage: Stage, console: Console) -> None:
    console.print(f"\nThe pages are at [bold]{stage.url}[/]; sign in with the password [bold]{PASSWORD}[/] as:")
    for name, (shown, duties) in PEOPLE.items():
        console.print(f"  {name:8} {shown} ({', '.join(duties)})")
    console.print("Press Enter to end.")
    try:
        input()
    except (EOFError, KeyboardInterrupt):
        return


if __name__ == "__main__":
    main()
