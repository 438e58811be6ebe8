"""Commands that change something. Each asks for a reason, which is kept with who did it.

Which duties somebody holds is not asked for here: whoever may run these commands can read and write the database
itself. What they did before on the same document is.
"""

import getpass
from pathlib import Path

import click

from tieout.cli.company import Company
from tieout.engine.queries.hands import ruling_at_door, surroundings
from tieout.engine.queries.records import set_aside_by_id, supplier_by_id
from tieout.engine.queries.whereabouts import home_in
from tieout.engine.stores.rows import UNRESOLVED
from tieout.kernel.errors import PermanentError
from tieout.kernel.ids import derive
from tieout.model.events import Lane, Message
from tieout.model.facts import PaymentsHeld, PaymentsReleased


def _said(ctx: click.Context, option: click.Parameter, text: str) -> str:
    if not text.strip():
        raise click.BadParameter("say why; an empty reason helps nobody")
    return text


REASON = click.option(
    "--reason", required=True, callback=_said, help="Why; kept with the action and shown to auditors."
)
PERSON = click.option("--as", "person", default=getpass.getuser, help="Who does it (default: your login name).")


@click.command()
@click.argument("identifier")
@REASON
@PERSON
@click.pass_obj
def hold(config: Path, identifier: str, reason: str, person: str) -> None:
    """Hold an effect (eff-…), or all payments to a supplier (sup-…), until it is released.

    \b
    tieout hold sup-5k2m… --reason "call-back failed"
    """
    company = Company.at(config)
    if identifier.startswith("sup-"):
        _tell(company, PaymentsHeld(supplier_id=identifier, reason=reason), person)
    else:
        _refuse_conflict(company, "handle_effect", identifier, person)
        company.actions.hold(identifier, f"person:{person}", reason)
    click.echo(f"held {identifier}")


@click.command()
@click.argument("identifier")
@REASON
@PERSON
@click.pass_obj
def release(config: Path, identifier: str, reason: str, person: str) -> None:
    """Release a held effect (eff-…) or payments to a supplier (sup-…).

    Another person than the one who held them must do so.
    """
    company = Company.at(config)
    if identifier.startswith("sup-"):
        _tell(company, PaymentsReleased(supplier_id=identifier, reason=reason), person)
        click.echo(f"{identifier} is to be released; `tieout trace {identifier}` shows whether that was accepted")
    else:
        _refuse_conflict(company, "handle_effect", identifier, person)
        company.actions.release(identifier, f"person:{person}", reason)
        click.echo(f"released {identifier}")


@click.command()
@click.argument("effect_id")
@REASON
@PERSON
@click.pass_obj
def redeliver(config: Path, effect_id: str, reason: str, person: str) -> None:
    """Send a dead letter, or an undecided, refused or held effect again, under the same key.

    The key protects against doubling where the target supports one; where it does not, look there first.
    """
    company = Company.at(config)
    _refuse_conflict(company, "redeliver", effect_id, person)
    company.actions.redeliver(effect_id, f"person:{person}", reason)
    click.echo(f"{effect_id} goes out again")


@click.command()
@click.argument("effect_id")
@click.option("--reference", required=True, help="The target's own number of what you found there.")
@REASON
@PERSON
@click.pass_obj
def settle(config: Path, effect_id: str, reference: str, reason: str, person: str) -> None:
    """Say that an undecided effect was carried out: you looked into the target and found it there.

    Nothing is sent. The posting of an invoice must be read back instead: redeliver it.
    """
    company = Company.at(config)
    _refuse_conflict(company, "decide_outcome", effect_id, person)
    company.actions.settle_as_applied(effect_id, f"person:{person}", reference, reason)
    click.echo(f"{effect_id} is applied as {reference}")


@click.command()
@click.argument("mark", metavar="HASH")
@REASON
@PERSON
@click.pass_obj
def retry(config: Path, mark: str, reason: str, person: str) -> None:
    """Read a document again, now that its cause is mended. `tieout documents --status quarantined` lists them.

    The exit code is 1 when it still cannot be taken; then nothing has changed.
    """
    answer = Company.at(config).intake.retry(mark, f"person:{person}", reason)
    if answer.status == "quarantined":
        raise PermanentError(f"it still cannot be taken: {'; '.join(map(str, answer.problems[:3]))}")
    click.echo(f"{answer.status} as {answer.format}: {len(answer.answers)} facts")


@click.command()
@click.argument("message", type=int)
@REASON
@PERSON
@click.pass_obj
def requeue(config: Path, message: int, reason: str, person: str) -> None:
    """Handle a quarantined message again, for instance after a mapping was mended. `tieout status` lists them."""
    company = Company.at(config)
    with company.database.read() as sql:
        row = set_aside_by_id(sql, message, None)
    if row is not None:
        _refuse_on(company, "requeue_message", (row.subject, row.correlation), row.entity, person)
    known = row is not None and row.partition != UNRESOLVED
    home = home_in(row.partition, company.settings.config.partitions) if known else ""
    document = row.subject if known else ""
    company.actions.requeue(message, f"person:{person}", reason, home=home, document=document)
    click.echo(f"message {message} is handled again")


def _refuse_conflict(company: Company, action: str, effect_id: str, person: str) -> None:
    """Raise ``PermanentError`` when the person did what does not go with this on the document of the effect."""
    rows = company.store.effects([effect_id])
    for row in rows:
        _refuse_on(company, action, (row.subject, row.correlation), row.entity, person)


def _refuse_on(company: Company, action: str, documents: tuple[str, ...], entity: str, person: str) -> None:
    now = company.clock.now()
    with company.database.read() as sql:
        around = surroundings(sql, company.policy, now, company.policies.authorship_at(now))
        for document in dict.fromkeys(filter(None, documents)):
            ruling = ruling_at_door(around, f"person:{person}", action, document, entity)
            if ruling.refused:
                raise PermanentError(" ".join(ruling.refused))


def _tell(company: Company, fact: PaymentsHeld | PaymentsReleased, person: str) -> None:
    with company.database.read() as sql:
        if supplier_by_id(sql, fact.supplier_id) is None:
            raise PermanentError(f"there is no supplier {fact.supplier_id}; `tieout trace` finds one by any of its ids")
    at = company.clock.now().isoformat()
    company.intake.offer(
        [
            Message(
                source="person",
                key=derive("act", fact.supplier_id, fact.type, at),
                data=fact,
                subject=fact.supplier_id,
                actor=f"person:{person}",
                lane=Lane.CONTROL,
            )
        ]
    )
