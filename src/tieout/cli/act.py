"""Commands that change something. Each asks for a reason, which is kept with who did it."""

import getpass
from pathlib import Path

import click

from tieout.cli.company import Company
from tieout.kernel.ids import derive
from tieout.model.events import Lane, Message
from tieout.model.facts import Fact, PaymentsHeld, PaymentsReleased

_REASON = click.option("--reason", required=True, help="Why; kept with the action and shown to auditors.")
_PERSON = click.option("--as", "person", default=getpass.getuser, help="Who does it (default: your login name).")


@click.command()
@click.argument("identifier")
@_REASON
@_PERSON
@click.pass_obj
def hold(config: Path, identifier: str, reason: str, person: str) -> None:
    """Hold an effect (eff-…), or all payments to a supplier (sup-…), until it is released.

    \b
    tieout hold sup-5k2m… --reason "call-back failed"
    """
    company = Company.at(config)
    if identifier.startswith("sup-"):
        _tell(company, PaymentsHeld(supplier_id=identifier, reason=reason), identifier, person)
    else:
        company.actions.hold(identifier, f"person:{person}", reason)
    click.echo(f"held {identifier}")


@click.command()
@click.argument("identifier")
@_REASON
@_PERSON
@click.pass_obj
def release(config: Path, identifier: str, reason: str, person: str) -> None:
    """Release a held effect (eff-…) or payments to a supplier (sup-…). Not by the one who held them."""
    company = Company.at(config)
    if identifier.startswith("sup-"):
        _tell(company, PaymentsReleased(supplier_id=identifier, reason=reason), identifier, person)
    else:
        company.actions.release(identifier, f"person:{person}", reason)
    click.echo(f"released {identifier}")


@click.command()
@click.argument("effect_id")
@_REASON
@_PERSON
@click.pass_obj
def redeliver(config: Path, effect_id: str, reason: str, person: str) -> None:
    """Send a dead letter, or an undecided, refused or held effect again, under the same key.

    The key protects against doubling where the target supports one; where it does not, look there first.
    """
    Company.at(config).actions.redeliver(effect_id, f"person:{person}", reason)
    click.echo(f"{effect_id} goes out again")


@click.command()
@click.argument("message", type=int)
@_REASON
@_PERSON
@click.pass_obj
def requeue(config: Path, message: int, reason: str, person: str) -> None:
    """Handle a quarantined message again, for instance after a mapping was mended. `tieout status` lists them."""
    Company.at(config).actions.requeue(message, f"person:{person}", reason)
    click.echo(f"message {message} is handled again")


def _tell(company: Company, fact: Fact, subject: str, person: str) -> None:
    at = company.clock.now().isoformat()
    company.intake.offer(
        [
            Message(
                source="person",
                key=derive("act", subject, type(fact).type, at),
                data=fact,
                subject=subject,
                actor=f"person:{person}",
                lane=Lane.CONTROL,
            )
        ]
    )
