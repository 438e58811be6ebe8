"""Commands that only look."""

import sys
from pathlib import Path

import click
from rich.text import Text

from tieout.cli.company import Company
from tieout.cli.output import CONSOLE, JSON, print_json, print_table
from tieout.engine.queries import cases as case_queries
from tieout.engine.queries import close, liabilities, payments, records
from tieout.engine.queries import effects as effect_queries
from tieout.engine.queries import trace as tracing
from tieout.engine.queries.database import Database
from tieout.engine.queries.words import effect_status

_STATUSES = (*effect_queries.OPEN, "applied", "cancelled", "compensated", "person")


def _database(config: Path) -> tuple[Company, Database]:
    company = Company.at(config)
    _ = company.store  # brings the schema up to date
    return company, Database(company.settings.database)


@click.command()
@JSON
@click.pass_obj
def status(config: Path, as_json: bool) -> None:
    """How things stand: what waits, what needs a person, what is owed and in flight, which periods are ready."""
    _, database = _database(config)
    with database.read() as sql:
        inbox = records.inbox(sql)
        writes = effect_queries.count_open(sql, None)
        open_cases = case_queries.open_by_class(sql, None)
        owed = liabilities.totals_of(sql, "payable", None)
        flights = payments.flights(sql, None)
        periods = close.readiness(sql, None)
        aside = records.list_set_aside(sql, None)
    if as_json:
        print_json(
            {
                "inbox": inbox,
                "effects": writes,
                "cases": open_cases,
                "payable": owed,
                "in_flight": flights,
                "readiness": periods,
                "quarantine": aside,
            }
        )
        return
    CONSOLE.print(
        f"inbox: {sum(inbox.lanes.values()):,} waiting, {inbox.timed:,} timed, {inbox.quarantined:,} in quarantine"
    )
    print_table("Owed (posted and not paid)", ("amount#", "invoices#"), [(one.amount, one.count) for one in owed])
    print_table(
        "Open writes",
        ("system", "status", "count#"),
        [(one.connector, effect_status(one.status), one.count) for one in writes],
    )
    print_table(
        "Open cases",
        ("class", "severity", "count#", "oldest"),
        [(one.case_class, one.severity, one.count, f"{one.oldest_at:%Y-%m-%d %H:%M}") for one in open_cases],
    )
    print_table(
        "Periods",
        ("entity", "period", "status", "blockers"),
        [
            (one.entity, one.period, one.status, ", ".join(f"{name} {count}" for name, count in one.blockers.items()))
            for one in periods
        ],
    )
    print_table(
        "Quarantine",
        ("message#", "type", "subject", "error"),
        [(one.inbox_id, one.type, one.subject, one.error) for one in aside],
    )


@click.command()
@click.argument("identifier")
@JSON
@click.pass_obj
def trace(config: Path, identifier: str, as_json: bool) -> None:
    """Follow a document through all systems. IDENTIFIER is any id it has anywhere, or the supplier's invoice number."""
    company, database = _database(config)
    with database.read() as sql:
        found = tracing.trace(sql, identifier, None, tracing.lanes_of(company.policy))
    if found is None:
        click.echo(
            f"tieout: nothing is known under {identifier!r}; try the supplier's number or an id of the ERP", err=True
        )
        sys.exit(1)
    if as_json:
        print_json(found)
        return
    CONSOLE.print(Text.assemble((found.title, "bold"), f"  {found.status}  {found.subject}"))
    for link in found.links:
        CONSOLE.print(f"  {link.system}: {link.external_id}")
    print_table(
        "What happened",
        ("when", "where", "what", "detail", "who"),
        [(f"{one.at:%Y-%m-%d %H:%M:%S}", one.lane, one.headline, one.detail, one.actor) for one in found.steps],
    )
    print_table(
        "Writes on other systems",
        ("system", "what", "status", "attempts#", "reference", "error"),
        [
            (
                one.effect.connector,
                one.effect.name,
                one.effect.status_words,
                one.effect.attempts,
                one.effect.reference,
                one.effect.error,
            )
            for one in found.writes
        ],
    )
    for case in found.cases:
        CONSOLE.print(f"case {case.case_id} ({case.status}): {case.reason}")


@click.command()
@click.option(
    "--status",
    type=click.Choice(("received", "accepted", "partly", "unpacked", "quarantined")),
    default=None,
    help="Only these (default: all).",
)
@click.option("--limit", default=50, show_default=True)
@JSON
@click.pass_obj
def documents(config: Path, status: str | None, limit: int, as_json: bool) -> None:
    """List documents as they came, the latest first, with what is wrong with them.

    \b
    tieout documents --status quarantined
    tieout retry HASH --reason "its account is in the policy now"
    """
    _, database = _database(config)
    with database.read() as sql:
        found = records.list_documents(sql, status=status or "", limit=limit)
    if as_json:
        print_json(found)
        return
    print_table(
        f"Documents ({len(found.items)}{' of more' if found.next else ''})",
        ("hash", "name", "channel", "format", "status", "facts#", "problems"),
        [
            (
                one.hash,
                one.name,
                one.channel,
                one.format,
                one.status,
                one.events,
                "; ".join(map(str, one.problems[:3])),
            )
            for one in found.items
        ],
    )


@click.command()
@click.option(
    "--status",
    "wanted_status",
    type=click.Choice(_STATUSES),
    metavar="STATUS",
    help="ready, unknown, undecided, dead, held … (default: all open).",
)
@click.option("--connector", default="", help="Only writes on this system.")
@click.option("--limit", default=50, show_default=True)
@JSON
@click.pass_obj
def effects(config: Path, wanted_status: str | None, connector: str, limit: int, as_json: bool) -> None:
    """List writes on other systems that have not come to an end, with what is known of each."""
    _, database = _database(config)
    wanted = effect_queries.EffectFilter(status=wanted_status or "", connector=connector, limit=limit)
    with database.read() as sql:
        found = effect_queries.list_effects(sql, wanted, None)
    if as_json:
        print_json(found)
        return
    print_table(
        "Writes",
        ("effect", "system", "what", "for", "status", "attempts#", "error"),
        [
            (one.effect_id, one.connector, one.name, one.key, one.status_words, one.attempts, one.error)
            for one in found.items
        ],
    )
