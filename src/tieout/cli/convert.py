"""The command that turns documents into canonical JSON, and that into the formats we write."""

import sys
import tomllib
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import msgspec

from tieout.cli.company import read_policy
from tieout.cli.output import print_table
from tieout.engine.clock import SystemClock
from tieout.kernel.errors import ConfigError
from tieout.kernel.problem import Problem

if TYPE_CHECKING:
    from tieout.formats.convert import Writer


@click.command()
@click.argument("file", required=False, type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--to", "target", default="json", show_default=True, help="A format of the list, json, or parquet.")
@click.option("--with", "settings", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="A TOML file.")
@click.option(
    "--output", "-o", type=click.Path(dir_okay=False, path_type=Path), help="Where to (default: the terminal)."
)
@click.option("--at", type=click.DateTime(), help="The moment that stands in the document, UTC (default: now).")
@click.pass_obj
def convert(
    config: Path, file: Path | None, target: str, settings: Path | None, output: Path | None, at: datetime | None
) -> None:
    """Convert a document into canonical JSON, and canonical JSON (or a document) into the formats we write.

    Without a FILE it lists what can be written, and which settings each takes from a file (--with).

    \b
    tieout convert invoice.xml -o invoice.json
    tieout convert run.json --to pain.001 --with bank.toml -o run.xml
    tieout convert statement.sta --to parquet -o entries.parquet
    """
    from tieout.formats import convert as kit

    if file is None:
        _list_writers()
        return
    if target not in ("json", "parquet", *kit.WRITERS):
        raise click.BadParameter(f"{target!r} cannot be written; `tieout convert` lists what can", param_hint="--to")
    records = _records(file, config)
    if target == "parquet":
        _to_parquet(records, output)
        return
    if target == "json":
        body = kit.to_json(records)
    else:
        table = tomllib.loads(settings.read_text(encoding="utf-8")) if settings else {}
        moment = at.replace(tzinfo=UTC) if at else SystemClock().now()
        written = kit.convert(records, target, table, moment)
        if written.problems:
            raise ConfigError(
                f"{file.name} cannot be written as {target}: " + "; ".join(map(str, written.problems[:5]))
            )
        body = written.body
    if output:
        output.write_bytes(body)
    else:
        sys.stdout.buffer.write(body)


def _list_writers() -> None:
    from tieout.formats.convert import WRITERS

    rows = [
        (
            one.family,
            one.name,
            one.title,
            one.takes.__name__,
            ", ".join(_fields(one)),
        )
        for one in WRITERS.values()
    ]
    print_table("Formats that can be written", ("family", "format", "title", "from", "settings"), rows)


def _fields(writer: "Writer") -> list[str]:
    """The settings of a writer; those that may be left out in round brackets."""
    fields = msgspec.structs.fields(writer.settings)
    return [one.name if one.required else f"({one.name})" for one in fields]


def _records(file: Path, config: Path) -> tuple[Any, ...]:
    """What a document says, or canonical JSON holds. Raises ``ConfigError`` with what is wrong."""
    from tieout.engine.config import load
    from tieout.engine.documents import context_of
    from tieout.formats.convert import from_json
    from tieout.formats.detect import read
    from tieout.policy.policy import Policy

    body = file.read_bytes()
    if body.lstrip()[:1] == b"{" and b'"tieout"' in body[:200]:
        found = from_json(body)
        if isinstance(found, Problem):
            raise ConfigError(f"{file.name}: {found}")
        return found
    settings = load(config) if config.is_file() else None
    policy = read_policy(settings.path(settings.config.policy)) if settings else Policy()
    reading = read(body, context=context_of(policy))
    if not reading.proof.holds:
        told = "; ".join(map(str, reading.diagnostics[:5]))
        raise ConfigError(f"{file.name} does not prove itself ({reading.format}): {told}")
    return reading.records


def _to_parquet(records: tuple[Any, ...], output: Path | None) -> None:
    from tieout.engine.parquet import JOURNALS, STATEMENTS, write_parquet
    from tieout.model.documents import BankStatement, JournalEntry

    if output is None:
        raise click.UsageError("a Parquet file needs a name: --output FILE")
    statements = [record for record in records if isinstance(record, BankStatement)]
    journals = [record for record in records if isinstance(record, JournalEntry)]
    if not (statements or journals):
        raise ConfigError("only bank statements and journal entries become Parquet, and there are none")
    rows = write_parquet(STATEMENTS, statements, output) if statements else write_parquet(JOURNALS, journals, output)
    click.echo(f"{rows:,} rows written to {output}")
