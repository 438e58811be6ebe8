"""Commands about duplicate invoices."""

import sys
from pathlib import Path

import click
from sqlalchemy import select

from tieout.cli.company import Company
from tieout.cli.output import CONSOLE, JSON, print_json, print_table
from tieout.engine.comparing import Comparison, compare_file, compare_known
from tieout.engine.queries.database import Database
from tieout.engine.queries.find import find
from tieout.engine.schema import VIEW_TABLES
from tieout.engine.sources import FileSource
from tieout.kernel.errors import PermanentError
from tieout.kernel.money import Money


@click.group()
def duplicates() -> None:
    """Compare invoices with all that came before, and list what a person has taught about look-alikes.

    \b
    tieout duplicates check invoice.xml        before it is taken in
    tieout duplicates lookalikes               rents and instalments that people have cleared, until when
    """


@duplicates.command()
@click.argument("what", metavar="FILE|INVOICE")
@JSON
@click.pass_obj
def check(config: Path, what: str, as_json: bool) -> None:
    """Show which known invoices may be the same claim, how sure that is, and why. Nothing is decided or kept.

    FILE is a document that has not come in; INVOICE is any id of one that has, or its number. Each pair has up to 100
    points: `block` is stopped, `suspect` waits until a person has compared them, `none` is only shown. The exit code is
    1 when one would be stopped or asked about, 2 when there is nothing to compare.

    \b
    tieout duplicates check invoice.xml
    tieout duplicates check R-2026-0417
    """
    company = Company.at(config)
    try:
        found = _compared(company, what)
    except PermanentError as error:
        click.echo(f"tieout: {what}: {error}", err=True)
        sys.exit(2)
    if not found:
        click.echo(
            f"tieout: {what!r} is neither a file with an invoice nor a known invoice; `tieout trace` finds ids",
            err=True,
        )
        sys.exit(2)
    if as_json:
        print_json(found)
    else:
        for one in found:
            _show(one)
    sys.exit(1 if any(candidate.verdict != "none" for one in found for candidate in one.candidates) else 0)


def _compared(company: Company, what: str) -> list[Comparison]:
    today = company.clock.now().date()
    if Path(what).is_file():
        return list(compare_file(company.store, company.policy, FileSource(Path(what)), today))
    store = company.store  # brings the schema up to date
    with Database(company.settings.database).read() as sql:
        ids = [hit.subject for hit in find(sql, what, None) if hit.kind == "invoice"]
    found = (compare_known(store, company.policy, one, today) for one in ids)
    return [one for one in found if one is not None]


def _show(one: Comparison) -> None:
    CONSOLE.print(
        f"Invoice {one.number} of {one.supplier}, {one.gross}, dated {one.issued_on}: compared with {one.compared}"
    )
    print_table(
        "May be the same claim",
        ("verdict", "score#", "layer", "invoice", "id", "why"),
        [
            (
                candidate.verdict,
                candidate.score,
                candidate.layer.replace("_", " "),
                candidate.printed,
                candidate.invoice_id,
                f"{candidate.reason}; but {candidate.explained}" if candidate.explained else candidate.reason,
            )
            for candidate in one.candidates
        ],
    )
    for candidate in one.candidates:
        print_table(
            f"Compared with {candidate.printed}",
            ("what", "this one", "the other", "points#", "that is"),
            [(line.name, line.mine, line.other, line.points, line.words) for line in candidate.criteria],
        )


@duplicates.command()
@click.option("--supplier", default="", help="Only those of this supplier (its id).")
@JSON
@click.pass_obj
def lookalikes(config: Path, supplier: str, as_json: bool) -> None:
    """List the amounts that come again, as people have taught, until when each counts, and who taught it.

    People teach it by clearing a case with "the like will come again"; it is forgotten when its day has passed.

    \b
    tieout duplicates lookalikes --supplier sup-x3qe…
    """
    company = Company.at(config)
    _ = company.store  # brings the schema up to date
    table = VIEW_TABLES["lookalike"]
    query = select(table).order_by(table.c.until.desc(), table.c.subject)
    if supplier:
        query = query.where(table.c.supplier_id == supplier)
    with Database(company.settings.database).read() as sql:
        rows = [dict(row._mapping) for row in sql.execute(query)]
    if as_json:
        print_json(rows)
        return
    print_table(
        "Look-alikes",
        ("entity", "supplier", "amount#", "days between", "counts until", "taught by", "on invoice"),
        [
            (
                row["entity"],
                row["supplier_id"],
                Money(row["amount_minor"], row["currency"]),
                row["intervals"],
                row["until"],
                row["taught_by"],
                row["invoice_id"],
            )
            for row in rows
        ],
    )
