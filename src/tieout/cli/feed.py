"""Commands that bring documents in by hand."""

import sys
from pathlib import Path

import click
import msgspec

from tieout.cli.company import Company
from tieout.cli.output import JSON, print_json, print_table, progress


@click.command()
@click.argument("files", nargs=-1, required=True, type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--channel", default="cli", show_default=True, help="How they came: portal, mail, edi …")
@JSON
@click.pass_obj
def receive(config: Path, files: tuple[Path, ...], channel: str, as_json: bool) -> None:
    """Take in documents: UBL invoices and credit notes, CSV orders and receipts, pain.002, camt.053 and camt.054.

    The bytes are kept as they came. What cannot be read, or whose sums do not hold, is quarantined with the reason;
    then the exit code is 1. The same bytes again change nothing.
    """
    company = Company.at(config)
    answers = []
    with progress("documents", len(files)) as advance:
        for file in files:
            answer = company.intake.document(
                file.read_bytes(), name=file.name, media_type="application/octet-stream", channel=channel
            )
            answers.append((file.name, answer))
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
