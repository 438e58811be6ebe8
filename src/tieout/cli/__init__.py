"""The command line. Commands are imported when they are called, so that ``tieout --help`` answers at once."""

import sys
from importlib import import_module
from pathlib import Path

import click

from tieout import __version__
from tieout.engine.config import DEFAULT_FILE
from tieout.kernel.errors import TieoutError

#: Every command, in the order of the help page: name → (module, what it is in one line).
COMMANDS: dict[str, tuple[str, str]] = {
    "init": ("setup", "write a configuration, a policy, keys and a first account into a folder"),
    "config": ("setup", "say what every setting means and where its value comes from"),
    "person": ("setup", "add people and API keys"),
    "duties": ("duties", "say whose duties do not go together, and which controls make up for it"),
    "up": ("serve", "serve pages and API, with one worker inside"),
    "worker": ("serve", "work: handle messages, send effects, keep the schedule (any number on PostgreSQL)"),
    "lab": ("lab", "start the rehearsal systems: AP platform, procurement, bank, close tool, ERP"),
    "run": ("lab", "play a company month from orders to close against the rehearsal systems"),
    "receive": ("feed", "take in documents: invoices, orders, receipts, bank files, EDI"),
    "inspect": ("feed", "say what a file is, whether it proves itself, and what would come of it"),
    "convert": ("convert", "turn documents into canonical JSON, and that into the formats we write"),
    "formats": ("feed", "list every kind of document that can be read"),
    "rules": ("rules", "run the official rules of EN 16931, Peppol, XRechnung … on e-invoices"),
    "status": ("look", "how things stand: backlog, cases, effects, readiness"),
    "trace": ("look", "follow a document through all systems by any id it has anywhere"),
    "verdict": ("matching", "say in sentences what matching found on an invoice, and what would make it pass"),
    "documents": ("look", "list what came in, and what waits in quarantine"),
    "cases": ("cases", "what people must work on: list, export, explain, decide"),
    "duplicates": ("duplicates", "compare an invoice with all that came before, and list learnt look-alikes"),
    "effects": ("look", "list writes on other systems and what became of them"),
    "hold": ("act", "hold an effect, or payments to a supplier"),
    "release": ("act", "let a held effect, or payments to a supplier, go"),
    "redeliver": ("act", "send a dead, undecided, refused or held effect again, same key"),
    "settle": ("act", "say that an undecided effect was found in the target"),
    "settle-receipts": ("settling", "bill ourselves for what was received, or list why not (--test)"),
    "retry": ("act", "read a document in quarantine again"),
    "requeue": ("act", "handle a quarantined message again"),
    "verify": ("prove", "prove that no byte of the log was changed"),
    "rebuild": ("prove", "fold the log again and compare it with every table derived from it"),
    "policy": ("policy", "what the policy says and why; draft, try, approve and roll back its releases"),
    "replay": ("policy", "play the past again under a changed policy, sending nothing, and print the difference"),
    "sim": ("prove", "play many small companies with faults at every boundary, and audit each"),
    "fuzz": ("prove", "read broken documents without end, to see that no reader raises, hangs or grows"),
    "bench": ("lab", "measure the pipeline against a floor measured in the same run"),
}


class Lazy(click.Group):
    """A group that imports a command only when it is wanted."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module = import_module(f"tieout.cli.{COMMANDS[cmd_name][0]}")
        command: click.Command = getattr(module, cmd_name.replace("-", "_"))
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, what) for name, (_, what) in COMMANDS.items()])


@click.command(cls=Lazy, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="tieout")
@click.option(
    "--config",
    type=click.Path(dir_okay=False, path_type=Path),
    default=DEFAULT_FILE,
    envvar="TIEOUT_CONFIG",
    show_default=True,
    help="The configuration file.",
)
@click.pass_context
def group(ctx: click.Context, config: Path) -> None:
    """tieout keeps a company's finance systems in agreement, and proves it.

    \b
    A first look:          tieout run          (a whole month, on rehearsal systems)
    Your own company:      tieout init books   then  tieout --config books/tieout.toml up
    Where is it?           tieout trace INV-2026-0117
    What needs me?         tieout cases
    """
    ctx.obj = config


def main() -> None:
    """Run a command. Errors of ours are told in one line, with exit code 1; wrong usage ends with 2."""
    try:
        group(prog_name="tieout")
    except TieoutError as error:
        click.echo(f"tieout: {error}", err=True)
        sys.exit(1)
