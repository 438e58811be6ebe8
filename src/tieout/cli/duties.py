"""Commands about segregation of duties: who holds what does not go together, and the controls that make up for it."""

import sys
from pathlib import Path

import click

from tieout.cli.act import PERSON, REASON
from tieout.cli.company import Company
from tieout.cli.output import JSON, print_json, print_table
from tieout.engine.holdings import ControlStanding, Holdings, holdings
from tieout.kernel.errors import PermanentError
from tieout.kernel.ids import derive
from tieout.model.events import Lane, Message
from tieout.model.facts import ControlReviewed, control_home
from tieout.policy.duties import same_actor
from tieout.policy.holdings import Finding, audit_fails


@click.group()
def duties() -> None:
    """Who holds duties that do not go together, and the controls that make up for it.

    \b
    tieout duties report                     who could do what nobody should do alone
    tieout duties controls                   what makes up for it, and for how many more days
    tieout duties review "small site" …      its reviewer says what was found

    What the letters mean (`PO`, `GR`) and which pairs conflict: docs/duties.md. Controls are written in the policy.
    """


@duties.command()
@JSON
@click.pass_obj
def report(config: Path, as_json: bool) -> None:
    """Every person, key and connection whose duties conflict, with the control that covers it.

    A connection carries the sum of what its users may do, a key what its owner may. `NOT COVERED`: no control in force
    makes up for it; take one of the duties away with `tieout person grant`, or write a control into the policy. The
    exit code is 1 when a hard conflict is not covered, so that a nightly job can watch it.

    \b
    tieout duties report --json
    """
    now = _now(Company.at(config))
    found = now.findings
    if as_json:
        print_json(found)
    else:
        print_table(
            f"Duties that do not go together ({len(now.holders)} looked at)",
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

    Those that run out soon, or have run out, come first: renew them in the policy, or have their reviewer say
    `tieout duties review`. A control that has run out covers nothing.
    """
    found = _now(Company.at(config)).controls
    if as_json:
        print_json([_shown(one) for one in found])
        return
    print_table(
        "Compensating controls",
        ("control", "duties", "person", "stands", "days left#", "until", "review by", "reviewer", "what is done"),
        [
            (
                one.control.name,
                "-".join(one.control.duties),
                one.control.person,
                one.standing,
                f"{one.days_left} (soon)" if one.is_soon else one.days_left,
                one.control.valid_until,
                one.review_by,
                one.control.reviewer,
                one.control.measure,
            )
            for one in found
        ],
    )


def _shown(one: ControlStanding) -> dict[str, object]:
    control = one.control
    return {
        "name": control.name,
        "duties": control.duties,
        "person": control.person,
        "entities": control.entities,
        "standing": one.standing,
        "days_left": one.days_left,
        "valid_until": control.valid_until,
        "review_by": one.review_by,
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


def _now(company: Company) -> Holdings:
    with company.database.read() as sql:
        return holdings(sql, company.people, company.policy, company.clock.now())
