"""Commands of the rehearsal and the benchmarks: programs of their own, since the product does not lean on them."""

import os
import sys
from importlib.util import find_spec

import click

from tieout.kernel.errors import ConfigError


def _hand_over(module: str, arguments: tuple[str, ...]) -> None:
    if find_spec(module.split(".", maxsplit=1)[0]) is None:
        raise ConfigError(f"{module} is not installed here; `pip install tieout[lab]`, or work in a checkout")
    os.execv(sys.executable, [sys.executable, "-m", module, *arguments])


_THROUGH = {"ignore_unknown_options": True, "help_option_names": []}


@click.command(context_settings=_THROUGH)
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def lab(arguments: tuple[str, ...]) -> None:
    """The rehearsal systems: `tieout lab up` starts them, `tieout lab --help` tells more."""
    _hand_over("tieout_lab", arguments)


@click.command(context_settings=_THROUGH)
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def run(arguments: tuple[str, ...]) -> None:
    """A company month, end to end, with faults; `tieout run --help` tells more."""
    _hand_over("tieout_lab.month", arguments)


@click.command(context_settings=_THROUGH)
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def bench(arguments: tuple[str, ...]) -> None:
    """Benchmarks: `tieout bench pipeline` measures the whole loop, `tieout bench formats` the readers of documents,
    `tieout bench duplicates-index` how long it takes to compare an invoice with all that ever came,
    `tieout bench what-if` a long past under another policy."""
    _hand_over("tieout_bench", arguments)
