"""Commands about segregation of duties: who holds what does not go together, and the controls that make up for it."""

import sys
from datetime import date
from pathlib import Path

import click

from tieout.cli.act import PERSON, REASON
from tieout.cli.company import Company
from tieout.cli.output import JSON, print_json, print_table
from tieout.engine.queries.hands import reviews
from tieout.kernel.errors import PermanentError
from tieout.kernel.ids import derive
from tieout.model.events import Lane, Message
from tieout.model.facts import ControlReviewed, control_home
from tieout.policy.controls import SOON_DAYS, Control, days_left, review_due, standing
from tieout.policy.duties import same_actor
from tieout.policy.holdings import Finding, Holder, audit_fails, findings, holders


@click.group()
def duties() -> None:
    """Who holds duties that do not go together, and the controls that make up for it."""


@duties.command()
@JSON
@click.pass_obj
def report(config: Path, as_json: bool) -> None:
    """Every person, key and connection whose duties conflict, with the control that covers it.

    The exit code is 1 when a hard conflict stands without a control in force.
    """
    company = Company.at(config)
    everybody = holders(_accounts(company), company.policy.identities)
    found = findings(everybody, company.policy.controls, _reviewed(company), _today(company))
    if as_json:
        print_json(found)
    else:
        print_table(
            f"Duties that do not go together ({len(everybody)} looked at)",
            ("who", "what it is", "duties", "level", "control", "why"),
            [_row(one) for one in found],
        )
    if audit_fails(found):
        sys.exit(1)


def _row(one: Finding) -> tuple[str, ...]:
    control = one.control or "none"
    return (
        one.holder,
        one.kind,
        one.conflict.name,
        one.conflict.level,
        control if one.compensated else f"NOT COVERED: {control}",
        one.conflict.why,
    )


@duties.command()
@JSON
@click.pass_obj
def controls(config: Path, as_json: bool) -> None:
    """The compensating controls of the policy, where each stands, and for how many more days.

    Those that run out soon, or have run out, come first.
    """
    company = Company.at(config)
    today, reviewed = _today(company), _reviewed(company)
    rows = sorted(
        ((days_left(one, reviewed, today), one) for one in company.policy.controls),
        key=lambda row: (row[0], row[1].name),
    )
    if as_json:
        print_json([_shown(one, left, standing(one, reviewed, today), review_due(one, reviewed)) for left, one in rows])
        return
    print_table(
        "Compensating controls",
        ("control", "duties", "person", "stands", "days left", "until", "review by", "reviewer", "what is done"),
        [
            (
                one.name,
                "-".join(one.duties),
                one.person,
                standing(one, reviewed, today),
                f"{left} (soon)" if 0 <= left <= SOON_DAYS else str(left),
                str(one.valid_until),
                str(review_due(one, reviewed)),
                one.reviewer,
                one.measure,
            )
            for left, one in rows
        ],
    )


def _shown(control: Control, left: int, stands: str, due: date) -> dict[str, object]:
    return {
        "name": control.name,
        "duties": control.duties,
        "person": control.person,
        "entities": control.entities,
        "standing": stands,
        "days_left": left,
        "valid_until": control.valid_until,
        "review_by": due,
        "reviewer": control.reviewer,
        "measure": control.measure,
    }


@duties.command()
@click.argument("name")
@REASON
@PERSON
@click.pass_obj
def review(config: Path, name: str, reason: str, person: str) -> None:
    """Say that you looked at what was done under a control, and what you found. Only its reviewer can.

    \b
    tieout duties review "small site" --as rita --reason "12 receipts compared with delivery notes, none missing"
    """
    company = Company.at(config)
    control = next((one for one in company.policy.controls if one.name == name), None)
    if control is None:
        known = ", ".join(one.name for one in company.policy.controls) or "none"
        raise PermanentError(f"there is no control {name!r} in the policy; there are: {known}")
    if not same_actor(control.reviewer, person):
        raise PermanentError(f"the control {name!r} is reviewed by {control.reviewer}, not by {person}")
    company.intake.offer(
        [
            Message(
                source="person",
                key=derive("act", ControlReviewed.type, name, company.clock.now().isoformat()),
                data=ControlReviewed(control=name, remark=reason),
                home=control_home(name),
                subject=control_home(name),
                actor=f"person:{person}",
                lane=Lane.CONTROL,
            )
        ]
    )
    click.echo(f"{name} is reviewed; `tieout duties controls` shows it as soon as a worker has taken it in")


def _accounts(company: Company) -> list[Holder]:
    """The open accounts and the keys that still work."""
    people = {one.name: one for one in company.people.everybody() if one.active}
    found = [Holder(name=one.name, kind="person", duties=one.duties, entities=one.entities) for one in people.values()]
    now = company.clock.now()
    keys = company.people.keys()
    for key in keys:
        owner = people.get(key.owner)
        if owner is not None and key.expires_at > now:
            held = tuple(sorted(set(key.scopes) & set(owner.duties)))
            title = f"key {key.key_id} of {key.owner}"
            found.append(Holder(name=title, kind="key", duties=held, users=(key.owner,), entities=owner.entities))
    return found


def _reviewed(company: Company) -> dict[str, date]:
    with company.database.read() as sql:
        return reviews(sql, company.policy.controls)


def _today(company: Company) -> date:
    return company.clock.now().date()
