"""Commands for the official rules of e-invoices, which whoever wants them brings in."""

import sys
from pathlib import Path

import click
import msgspec

from tieout.cli.output import JSON, print_json, print_table
from tieout.engine.schematron import Broken, Rules
from tieout.kernel.errors import ConfigError
from tieout.kernel.problem import Problem

#: Where the rules are kept, beside the configuration.
FOLDER = "rules"
_FILES = click.Path(exists=True, dir_okay=False, path_type=Path)


def rules_of(config: Path) -> Rules:
    """The rules of the company with this configuration."""
    return Rules(config.parent / FOLDER)


@click.group()
def rules() -> None:
    """Run the official rules of EN 16931, Peppol, XRechnung and others on documents.

    tieout has its own rules for what may be acted on. These tell a supplier what is wrong in the words of the standard.
    They are not shipped: take the compiled Schematron (a file ``….xslt``) from its publisher and add it.
    """


@rules.command()
@click.argument("files", nargs=-1, required=True, type=_FILES)
@click.pass_obj
def add(config: Path, files: tuple[Path, ...]) -> None:
    """Keep compiled Schematron (XSLT), each file as a set of rules of its name."""
    kept = rules_of(config)
    for file in files:
        added = kept.add(file)
        click.echo(f"{added.name}: {added.rules} rules, sha256 {added.mark[:12]}")


@rules.command("list")
@JSON
@click.pass_obj
def list_rules(config: Path, as_json: bool) -> None:
    """List the sets of rules."""
    sets = rules_of(config).sets()
    if as_json:
        print_json([msgspec.to_builtins(each) for each in sets])
    else:
        print_table("Rules", ("name", "rules#", "sha256"), [(each.name, each.rules, each.mark[:12]) for each in sets])


@rules.command()
@click.argument("file", type=_FILES)
@JSON
@click.pass_obj
def check(config: Path, file: Path, as_json: bool) -> None:
    """Check a document against every set of rules. The exit code is 1 if one of them is broken, warnings aside."""
    kept = rules_of(config)
    if not kept.sets():
        raise ConfigError("there are no rules yet; add compiled Schematron with `tieout rules add FILE`")
    checked = kept.run(file.read_bytes())
    if isinstance(checked, Problem):
        if as_json:
            print_json([msgspec.to_builtins(checked)])
        else:
            click.echo(str(checked))
        sys.exit(1)
    if as_json:
        print_json([msgspec.to_builtins(each) for each in checked])
    else:
        for each in checked:
            verdict = "passes" if each.passes else "is broken"
            title = f"{each.name}: {verdict if each.applies else 'has no rule for this document'}"
            print_table(title, ("rule", "flag", "where", "what"), [_row(broken) for broken in each.broken])
    sys.exit(0 if all(each.passes for each in checked) else 1)


def _row(broken: Broken) -> tuple[str, str, str, str]:
    return broken.rule_id, broken.flag, broken.problem.where, broken.problem.detail or str(broken.problem)
