"""Commands about matching."""

from pathlib import Path

import click
from rich.text import Text

from tieout.cli.company import Company
from tieout.cli.output import CONSOLE, JSON, print_json
from tieout.engine.queries import trace as tracing
from tieout.engine.queries.database import Database
from tieout.engine.queries.workbench import Workbench, workbench
from tieout.kernel.errors import ConfigError
from tieout.matching.explain import explain


@click.command()
@click.argument("identifier")
@JSON
@click.pass_obj
def verdict(config: Path, identifier: str, as_json: bool) -> None:
    """Say what matching found on an invoice: every check, what was expected and seen, the limit, and what would
    make it pass. IDENTIFIER is any id it has anywhere, or the supplier's number.

    What failed comes first, with its remedy; then what passed. --json has every time it was looked at, with the numbers
    of each check.

    \b
    tieout verdict INV-2026-0117
    """
    company = Company.at(config)
    _ = company.store  # brings the schema up to date
    with Database(company.settings.database).read() as sql:
        life = tracing.trace(sql, identifier, None, tracing.lanes_of(company.policy))
        bench = workbench(sql, life.subject, None) if life else None
    if bench is None:
        if life:
            raise ConfigError(
                f"{identifier!r} names no invoice but {life.title}; `tieout trace {identifier}` follows it"
            )
        raise ConfigError(f"{identifier!r} is no invoice that is known; `tieout trace` finds things by any id")
    if as_json:
        print_json(bench.looks)
        return
    CONSOLE.print(Text.assemble((f"Invoice {bench.invoice.number}", "bold"), f"  {bench.item.status}"))
    if bench.verdict is None:
        CONSOLE.print(f"It has not been matched: {_why_not(bench)}.")
        return
    for sentence in explain(bench.verdict):
        CONSOLE.print(f"- {sentence}")
    if len(bench.looks) > 1:
        CONSOLE.print(f"It was looked at {len(bench.looks)} times; --json has all verdicts.")


def _why_not(bench: Workbench) -> str:
    """What keeps an invoice from being matched."""
    if reason := bench.item.reason:
        return f"it is {bench.item.status.replace('_', ' ')}, {reason}"
    if not any(line.order_id for line in bench.invoice.lines):
        return "it names no order, and waits for its approval alone"
    return f"it is {bench.item.status.replace('_', ' ')}, and its turn comes"
