"""Who is away, saying so, and taking it back, from the command line."""

import getpass
from contextlib import closing
from datetime import date, datetime
from pathlib import Path

import click

from tieout.cli.company import Company
from tieout.cli.door import door_of
from tieout.cli.output import JSON, print_json, print_table
from tieout.engine.queries.absences import absences
from tieout.engine.queries.database import Database
from tieout.http.callers import Caller
from tieout.http.door import Door
from tieout.http.work import Away, Work
from tieout.kernel.errors import PermanentError
from tieout.policy.duties import shown
from tieout.policy.routing import Substitute
from tieout.processes.absence import Absence

_DAY = click.DateTime(["%Y-%m-%d"])
_PERSON = click.option(
    "--as", "person", default=getpass.getuser, help="The account that says it (default: your login name)."
)
_REASON = click.option("--reason", required=True, help="Why; kept for ever and shown to auditors.")


@click.group(invoke_without_command=True)
@click.option("--all", "everything", is_flag=True, help="Also those that are over or were taken back.")
@JSON
@click.pass_context
def away(ctx: click.Context, everything: bool, as_json: bool) -> None:
    """Who is away, since and until when, and who stands in; saying so, and taking it back.

    Cases stay with whoever they were given to. For those days they show whoever stands in, who acts in their own name
    and with their own duties; afterwards they are the person's own again. What people say here counts before the
    `[[substitutes]]` of the policy.

    \b
    tieout cases away
    tieout cases away say --by ben --since 2026-08-03 --until 2026-08-21 --reason "annual leave"
    tieout cases away back absence-5k2m… --reason "leave moved"
    """
    if ctx.invoked_subcommand:
        return
    company = Company.at(ctx.obj)
    _ = company.store  # brings the schema up to date
    today = company.clock.now().date()
    with Database(company.settings.database).read() as sql:
        found = absences(sql, today, everything=everything)
    by_policy = [one for one in company.policy.substitutes if everything or one.until >= today]
    if as_json:
        print_json({"said": found, "by_policy": by_policy})
        return
    print_table(
        "Away",
        ("absence", "person", "stands in", "since", "until", "reason", "said by", "now"),
        [*(_row(one, today) for one in found), *(_policy_row(one, today) for one in by_policy)],
    )


def _row(one: Absence, today: date) -> tuple[object, ...]:
    now = f"taken back by {shown(one.taken_back_by)}" if one.taken_back_by else "away" if one.covers(today) else ""
    return (one.absence_id, one.person, one.by, one.since, one.until, one.reason, shown(one.said_by), now)


def _policy_row(one: Substitute, today: date) -> tuple[object, ...]:
    now = "away" if one.since <= today <= one.until else ""
    return ("", one.person, one.by, one.since, one.until, "", "the policy", now)


@away.command()
@click.option("--person", "who", default="", help="Who is away (default: whoever says it; for another: a manager).")
@click.option("--by", required=True, help="The account that stands in.")
@click.option("--since", type=_DAY, help="The first day (default: today).")
@click.option("--until", type=_DAY, required=True, help="The last day.")
@_REASON
@_PERSON
@click.pass_obj
def say(config: Path, who: str, by: str, since: datetime | None, until: datetime, reason: str, person: str) -> None:
    """Say that you are away, or as a manager (duty IM) that another is, and who stands in.

    Refused when whoever stands in lacks a duty or a legal entity that the person's cases take, when they are away too
    and nobody would be left, and when the person is away on those days already.

    \b
    tieout cases away say --by ben --since 2026-08-03 --until 2026-08-21 --reason "annual leave" --as anna
    tieout cases away say --person anna --by ben --until 2026-08-21 --reason "not reachable" --as mona
    """
    company = Company.at(config)
    with closing(door_of(company)) as door:
        caller = _caller(door, person)
        wish = Away(
            person=who or caller.person.name,
            by=by,
            since=since.date() if since else company.clock.now().date(),
            until=until.date(),
            reason=reason,
        )
        click.echo(Work(door).say_away(caller, wish).text)


@away.command()
@click.argument("absence_id", metavar="ABSENCE")
@_REASON
@_PERSON
@click.pass_obj
def back(config: Path, absence_id: str, reason: str, person: str) -> None:
    """Take an absence back before it is over: your own, or as a manager (duty IM) another's.

    \b
    tieout cases away back absence-5k2m… --reason "leave moved"      the id as `tieout cases away` lists it
    """
    with closing(door_of(Company.at(config))) as door:
        click.echo(Work(door).take_back(_caller(door, person), absence_id, reason))


def _caller(door: Door, person: str) -> Caller:
    account = door.people.person(person.removeprefix("person:"))
    if account is None or not account.active:
        raise PermanentError(f"there is no open account {person!r}; `tieout person list` has them, --as takes one")
    return Caller(person=account, by_key=False)
