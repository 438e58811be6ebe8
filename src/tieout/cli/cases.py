"""The queue of cases from the command line: list it, export it, see one, and decide.

Whoever decides here does so under an account, whose duties and earlier acts count as they do on the pages.
"""

import getpass
from contextlib import closing
from pathlib import Path
from typing import Any, get_args

import click
import msgspec

from tieout.cli.absences import away
from tieout.cli.company import Company
from tieout.cli.door import door_of
from tieout.cli.output import CONSOLE, JSON, print_json, print_table
from tieout.engine.queries import cases as queries
from tieout.engine.queries import trace as tracing
from tieout.engine.queries.absences import away as away_of
from tieout.engine.queries.database import Database
from tieout.http.bulk import TOGETHER, act_on_all
from tieout.http.callers import Caller
from tieout.http.work import Work
from tieout.kernel.errors import ConfigError, PermanentError
from tieout.model.cases import CaseClass
from tieout.policy.cases import CASE_RULES, SEVERITIES
from tieout.policy.routing import explain
from tieout.processes.case import State

_FILE = click.Path(dir_okay=False, writable=True, path_type=Path)
_PERSON = click.option(
    "--as", "person", default=getpass.getuser, help="The account that decides (default: your login name)."
)


@click.group(invoke_without_command=True)
@click.option(
    "--class",
    "case_class",
    type=click.Choice([one.value for one in CaseClass]),
    metavar="CLASS",
    help="Only this class, such as price_variance.",
)
@click.option("--severity", type=click.Choice(SEVERITIES), help="Only those.")
@click.option("--entity", default="", help="Only this legal entity.")
@click.option("--owner", default="", help="Only those of this role, such as purchasing.")
@click.option("--assignee", default="", help="Only those this person works, also for somebody away; `nobody`: of none.")
@click.option("--spend", default="", help="Only those about what is bought, by the beginning of its code: UNSPSC:43.")
@click.option("--age", type=click.Choice(list(queries.BUCKETS)), help="Only those opened so many days ago.")
@click.option("--overdue", is_flag=True, help="Only those that should have been worked by now.")
@click.option("--text", default="", help="Only those with this text in reason, document or supplier.")
@click.option("--all", "everything", is_flag=True, help="Settled ones too.")
@click.option("--sort", type=click.Choice(get_args(queries.Sort)), default="severity", show_default=True)
@click.option(
    "--limit", type=click.IntRange(1, queries.PAGE_MAX), default=50, show_default=True, help="At most so many."
)
@click.option("--csv", "csv_file", type=_FILE, help="Write all of them to this file instead.")
@click.option("--xlsx", "xlsx_file", type=_FILE, help="Write all of them to this workbook instead.")
@JSON
@click.pass_context
def cases(
    ctx: click.Context,
    case_class: str | None,
    severity: str | None,
    entity: str,
    owner: str,
    assignee: str,
    spend: str,
    age: str | None,
    overdue: bool,
    text: str,
    everything: bool,
    sort: queries.Sort,
    limit: int,
    csv_file: Path | None,
    xlsx_file: Path | None,
    as_json: bool,
) -> None:
    """List exceptions that people must work, the gravest first, with the reason and the remedy.

    \b
    tieout cases --overdue --owner purchasing
    tieout cases --age over-30 --xlsx old.xlsx
    """
    if ctx.invoked_subcommand:
        return
    company, database = _database(ctx.obj)
    if entity and entity not in company.policy.entities:
        known = ", ".join(sorted(company.policy.entities)) or "none"
        raise ConfigError(f"there is no entity {entity!r} in the policy; it has {known}")
    with database.read() as sql:
        who_is_away = away_of(sql, company.policy)
    wanted = queries.CaseFilter(
        status="" if everything else "open",
        case_class=case_class or "",
        severity=severity or "",
        entity=entity,
        owner_role=owner,
        assignee=assignee,
        spend_category=spend,
        bucket=age or "",
        overdue=overdue,
        text=text,
        sort=sort,
        limit=limit,
        away=who_is_away,
    )
    if csv_file or xlsx_file:
        _export(company, database, wanted, csv_file, xlsx_file)
        return
    with database.read() as sql:
        found = queries.list_cases(sql, wanted, None, company.clock.now())
    if as_json:
        print_json(found)
        return
    print_table(
        f"Cases ({len(found.items)} of {found.total})",
        ("case", "class", "severity", "owner", "with", "entity", "amount#", "reason", "actions"),
        [
            (
                one.case_id,
                one.case_class,
                one.severity,
                one.owner_role,
                _with(one),
                one.entity,
                one.amount,
                one.reason,
                ", ".join(one.actions),
            )
            for one in found.items
        ],
    )


def _with(case: queries.CaseItem) -> str:
    return f"{case.stand_in} for {case.assignee}, who is away" if case.stand_in else case.assignee


def _export(
    company: Company, database: Database, wanted: queries.CaseFilter, csv_file: Path | None, xlsx_file: Path | None
) -> None:
    from tieout.engine.case_export import export_cases  # late: the writer of workbooks is rarely needed

    with database.read() as sql:
        for file, kind in ((csv_file, "csv"), (xlsx_file, "xlsx")):
            if file:
                try:
                    count = export_cases(sql, wanted, None, company.clock.now(), kind, file)  # type: ignore[arg-type]
                except OSError as error:
                    raise ConfigError(f"{file} cannot be written: {error.strerror}; name another file") from None
                click.echo(f"wrote {count:,} cases to {file}")


@cases.command()
@click.argument("case_id", metavar="CASE")
@JSON
@click.pass_obj
def show(config: Path, case_id: str, as_json: bool) -> None:
    """Show one case: what happened, what to do step by step, and the whole conversation.

    \b
    tieout cases show case-5k2m…       the id as `tieout cases` lists it
    """
    company, database = _database(config)
    with database.read() as sql:
        case = queries.stood_in_for(_case(sql, case_id), away_of(sql, company.policy), company.clock.now())
        history = tracing.events_of_case(sql, case, None)
        files = tracing.attachments_of(sql, case, None)
    if as_json:
        print_json({"case": case, "history": history, "attachments": files})
        return
    rule = CASE_RULES[CaseClass(case.case_class)]
    CONSOLE.print(f"{rule.title}  {case.status}  {case.severity}  {case.amount or ''}")
    CONSOLE.print(case.reason)
    due = f"; due {case.due_at:%Y-%m-%d %H:%M} UTC" if case.due_at else ""
    CONSOLE.print(f"owner: {case.owner_role}; assigned to: {_with(case) or 'nobody'}{due}")
    for number, step in enumerate(rule.playbook, 1):
        CONSOLE.print(f"  {number}. {step}")
    print_table(
        "Conversation",
        ("when", "what", "detail", "who"),
        [(f"{one.recorded_at:%Y-%m-%d %H:%M}", one.headline, one.detail, one.actor) for one in history],
    )
    print_table("Files", ("name", "bytes#", "hash"), [(one.name, one.size, one.hash) for one in files])


@cases.command()
@click.argument("case_id", metavar="CASE")
@JSON
@click.pass_obj
def route(config: Path, case_id: str, as_json: bool) -> None:
    """Explain who works a case: each routing rule of the policy in order, and why it does or does not take it.

    The first rule that takes it decides; the class's own owner stands last. Rules are `[[routing]]` in the policy.

    \b
    tieout cases route case-5k2m…
    """
    company, database = _database(config)
    with database.read() as sql:
        item = _case(sql, case_id)
        held = queries.state_of_case(sql, case_id)
    case = msgspec.json.decode(held, type=State).case
    steps = list(explain(case, company.policy.desk))
    if as_json:
        print_json({"case": case_id, "rule": steps[-1][0], "rules": [{"rule": one, "not": why} for one, why in steps]})
        return
    print_table("Rules", ("rule", "takes it", "why not"), [(name, "" if why else "yes", why) for name, why in steps])
    CONSOLE.print(f"{case_id} is with {item.owner_role}{f', {item.assignee}' if item.assignee else ''}")


@cases.command()
@click.argument("action", type=click.Choice([name.removesuffix("_case") for name in TOGETHER]), metavar="ACTION")
@click.argument("case_ids", nargs=-1, required=True, metavar="CASE...")
@click.option("--reason", default="", help="Why, or the remark; kept with the action and shown to auditors.")
@click.option("--to", "assignee", default="", help="With `assign`: the account that gets them.")
@_PERSON
@JSON
@click.pass_obj
def act(
    config: Path, action: str, case_ids: tuple[str, ...], reason: str, assignee: str, person: str, as_json: bool
) -> None:
    """Do the same with one case or several: assign, comment, settle, accept_variance, cancel_invoice …

    Each is decided by itself, with the duties of the account; the exit code is 1 when one was refused.

    \b
    tieout cases act assign case-5k2m… case-7pq3… --to anna
    tieout cases act accept_variance case-5k2m… --reason "agreed with purchasing"
    """
    company = Company.at(config)
    with closing(door_of(company)) as door:
        account = door.people.person(person.removeprefix("person:"))
        if account is None or not account.active:
            raise PermanentError(f"there is no open account {person!r}; `tieout person list` has them, --as takes one")
        full = action if action in TOGETHER else f"{action}_case"
        given = {"reason": reason, "assignee": assignee}
        results = act_on_all(Work(door), Caller(person=account, by_key=False), case_ids, full, given)
    if as_json:
        print_json(results)
    else:
        print_table(
            "Results",
            ("case", "result", "what was said"),
            [(one.case_id, "done" if one.done else "refused", one.detail) for one in results],
        )
    if not all(one.done for one in results):
        raise SystemExit(1)


cases.add_command(away)


def _database(config: Path) -> tuple[Company, Database]:
    company = Company.at(config)
    _ = company.store  # brings the schema up to date
    return company, Database(company.settings.database)


def _case(sql: Any, case_id: str) -> queries.CaseItem:
    found = queries.case_by_id(sql, case_id, None)
    if found is None:
        raise PermanentError(f"there is no case {case_id!r}; `tieout cases` lists them")
    return found
