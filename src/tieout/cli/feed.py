"""Commands that bring documents in by hand, or look at them before they come in."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click
import msgspec

from tieout.cli.company import Company, read_policy
from tieout.cli.output import CONSOLE, JSON, print_json, print_table, progress

if TYPE_CHECKING:
    from tieout.engine.inspection import Inspection

FILES = click.argument("files", nargs=-1, required=True, type=click.Path(exists=True, dir_okay=False, path_type=Path))


@click.command()
@FILES
@click.option("--channel", default="cli", show_default=True, help="How they came: portal, mail, edi …")
@JSON
@click.pass_obj
def receive(config: Path, files: tuple[Path, ...], channel: str, as_json: bool) -> None:
    """Take in documents of any format that `tieout formats` lists, also in ZIP and gzip archives.

    The bytes are kept as they came. What cannot be read, or whose sums do not hold, is quarantined with the reason;
    then the exit code is 1. The same bytes again change nothing.

    \b
    tieout receive inbox/*.xml
    tieout inspect FILE      says what would become of a file, without taking it in
    """
    from tieout.engine.sources import FileSource

    company = Company.at(config)
    answers = []
    with progress("documents", len(files)) as advance:
        for file in files:
            answer = company.intake.document(
                FileSource(file), name=file.name, media_type="application/octet-stream", channel=channel
            )
            answers.append((file.name, answer))
            answers += [(f"{file.name}, part {number}", part) for number, part in enumerate(answer.parts, start=1)]
            advance()
    if as_json:
        print_json([{"file": name, **msgspec.to_builtins(answer)} for name, answer in answers])
    else:
        print_table(
            "Documents",
            ("file", "format", "status", "messages#", "problems"),
            [
                (name, answer.format, answer.status, len(answer.answers), "; ".join(map(str, answer.problems[:3])))
                for name, answer in answers
            ],
        )
    sys.exit(1 if any(answer.status == "quarantined" for _, answer in answers) else 0)


@click.command()
@FILES
@click.option("--channel", default="cli", show_default=True, help="As if they came by this channel: mail, portal …")
@click.option("--lines", is_flag=True, help="Show the document, with what there is to say about it at its place.")
@JSON
@click.pass_obj
def inspect(config: Path, files: tuple[Path, ...], channel: str, lines: bool, as_json: bool) -> None:
    """Say what files are, whether they prove themselves, and what would come of them. Nothing is taken in.

    Works without a configuration, too: then nobody is known to be us. The exit code is 1 when a file would wait in
    quarantine.

    \b
    tieout inspect statement.xml
    tieout inspect --lines order.edi      the document with its problems in place
    """
    from tieout.engine.config import load
    from tieout.engine.inspection import inspect as look
    from tieout.engine.sources import FileSource
    from tieout.policy.policy import Policy

    settings = load(config) if config.is_file() else None
    policy = read_policy(settings.path(settings.config.policy)) if settings else Policy()
    found = []
    with progress("documents", len(files)) as advance:
        for file in files:
            found.append((file, look(FileSource(file), policy, channel)))
            advance()
    if as_json:
        print_json([{"file": file.name, **msgspec.to_builtins(one)} for file, one in found])
    else:
        for file, one in found:
            _show(file, one, lines)
    sys.exit(1 if any(one.outcome == "quarantined" for _, one in found) else 0)


def _show(file: Path, one: "Inspection", lines: bool) -> None:
    """One document on a terminal: what it is, its proof, what is wrong, what it says."""
    from tieout.formats.display import lines_of

    CONSOLE.print(f"{file.name}: {one.title} ({one.format}), {one.size:,} bytes")
    CONSOLE.print(f"  {one.would}")
    failed = [claim for claim in one.claims if not claim.holds]
    verdict = "proved" if one.proved else "not proved"
    CONSOLE.print(f"  {verdict}: {one.claims_held:,} of its own sums and counts hold, {len(failed)} do not")
    for kind, number in one.record_counts.items():
        CONSOLE.print(f"  {number:,} × {kind}")
    for record in one.records[:10]:
        for words in record.facts:
            CONSOLE.print(f"    {words.headline}" + (f" ({words.detail})" if words.detail else ""))
    for problem in one.problems[:20]:
        CONSOLE.print(f"  ! {problem}")
    if len(one.problems) > 20:
        CONSOLE.print(f"  … and {len(one.problems) - 20} more; --json shows all")
    for name, part in one.parts.items():
        CONSOLE.print(f"  {name}: {part.title} ({part.format}), {part.would}")
    if lines:
        for line in lines_of(file.read_bytes(), one.problems):
            if line.skipped:
                CONSOLE.print(f"        … {line.skipped:,} lines …")
            CONSOLE.print(f"{line.number:>6}  {line.text}")
            for problem in line.problems:
                CONSOLE.print(f"      ^ {problem}")


@click.command()
@JSON
def formats(as_json: bool) -> None:
    """List every kind of document that can be read. (`tieout convert` alone lists what can be written.)"""
    from tieout.formats.detect import FORMATS

    if as_json:
        print_json([{"name": one.name, "family": one.family, "title": one.title} for one in FORMATS.values()])
        return
    rows = sorted((one.family, one.name, one.title) for one in FORMATS.values())
    print_table("Formats that can be read", ("family", "format", "title"), rows)
