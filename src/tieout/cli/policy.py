"""Commands about the policy: what it says and why, its releases, and what another one would have done."""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import click

from tieout.cli.company import Company, read_policy
from tieout.cli.output import CONSOLE, JSON, print_json, print_table, progress
from tieout.kernel.money import Money
from tieout.policy.policy import Policy

if TYPE_CHECKING:
    from tieout.engine.what_if import Change, Side, Sum, WhatIf

_DAY = click.DateTime(["%Y-%m-%d"])
_FROM = click.option(
    "--from", "start", type=_DAY, help="The first day (UTC) whose invoices are compared; default: all."
)
_TO = click.option("--to", "end", type=_DAY, help="The last day whose invoices are compared; default: until now.")
_SHOWN = 50


@click.command()
@click.option(
    "--what-if",
    "policy_file",
    type=click.Path(exists=True, path_type=Path),
    required=True,
    help="The changed policy: a file, or a folder of files.",
)
@_FROM
@_TO
@JSON
@click.pass_obj
def replay(config: Path, policy_file: Path, start: datetime | None, end: datetime | None, as_json: bool) -> None:
    """Play the recorded past again under a changed policy. Effects are captured and never sent.

    \b
    cp policy.toml looser.toml; edit it; tieout replay --what-if looser.toml
    tieout replay --what-if looser.toml --from 2026-10-01 --to 2026-10-31 --json
    """
    company = Company.at(config)
    found = play(company, read_policy(policy_file), start, end)
    if as_json:
        print_json(found)
    else:
        show(found, f"policy {company.policy.version} → {found.policy}")


def play(company: Company, policy: Policy, start: datetime | None, end: datetime | None) -> "WhatIf":
    """The past of a span of days under a policy, with a progress bar. Ctrl-C calls it off."""
    from tieout.engine.what_if import span_of, what_if

    events = sum(span_of(company.store).heads.values())
    with progress("playing the past again", events) as advance:
        return what_if(
            company.store,
            policy,
            partitions=company.settings.config.partitions,
            start=start.replace(tzinfo=UTC) if start else None,
            end=end.replace(tzinfo=UTC) + timedelta(days=1) if end else None,
            on_progress=advance,
        )


def show(found: "WhatIf", title: str) -> None:
    """What a trial found, for people."""
    before, after = found.before, found.after
    CONSOLE.print(
        f"{title}: {found.invoices:,} invoices; {before.held:,} held then, {after.held:,} held under the changed"
        f" policy; {found.changed:,} verdicts are others; {found.effects_captured:,} effects captured, none sent"
    )
    CONSOLE.print(
        f"touchless: {found.touchless_before:.1f} % then, {found.touchless_after:.1f} % under the changed policy"
        + (f" (up to {found.touchless_after_max:.1f} %: {_asked_nobody(found)})" if found.undecided else "")
    )
    for what, sums in (("would now pass", found.passing), ("would now be stopped", found.stopping)):
        for amount in _amounts(sums):
            CONSOLE.print(f"  {amount} in invoices that {what}")
    print_table("Cases by class", ("class", "then#", "money then#", "now#", "money now#"), _classes(before, after))
    print_table(
        "Changed verdicts",
        ("invoice", "number", "amount#", "then", "under the changed policy"),
        [_row(change) for change in found.changes[:_SHOWN]],
    )
    if found.changed > _SHOWN:
        CONSOLE.print(f"{found.changed - _SHOWN:,} more; --json has {len(found.changes):,} of them")


def _asked_nobody(found: "WhatIf") -> str:
    return f"of {found.undecided:,} that would pass now nobody was asked then"


def _amounts(sums: Mapping[str, int]) -> list[Money]:
    return [Money(minor, currency) for currency, minor in sums.items()]


def _classes(before: "Side", after: "Side") -> Iterator[tuple[object, ...]]:
    for name in sorted({*before.classes, *after.classes}):
        yield name, *_cells(before.classes.get(name)), *_cells(after.classes.get(name))


def _cells(one: "Sum | None") -> tuple[object, object]:
    return (one.documents, ", ".join(map(str, _amounts(one.money)))) if one else (0, "")


def _row(change: "Change") -> tuple[object, ...]:
    words = (f"{side.result}: {side.words}" if side.problems else side.result for side in (change.before, change.after))
    return change.invoice_id, change.number, change.amount, *words
