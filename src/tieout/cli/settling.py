"""Billing ourselves for what was received, or only saying what would be billed and why the rest would not."""

import getpass
from collections.abc import Sequence
from datetime import date, datetime
from pathlib import Path

import click

from tieout.cli.company import Company
from tieout.cli.output import JSON, print_json, print_table
from tieout.engine.queries.database import Database
from tieout.engine.queries.settlements import SettlementItem, settlement_items
from tieout.kernel.errors import ConfigError
from tieout.kernel.ids import derive
from tieout.model.events import Message
from tieout.model.facts import SettlementRequested


@click.command()
@click.option("--entity", default="", help="Only this legal entity.")
@click.option(
    "--through",
    type=click.DateTime(["%Y-%m-%d"]),
    help="Withdrawals from consignments until the end of this day's month (default: today).",
)
@click.option(
    "--test",
    "test_mode",
    is_flag=True,
    help="Change nothing: list what is settleable and when, and why the rest is not.",
)
@click.option("--as", "person", default=getpass.getuser, help="Who does it (default: your login name).")
@JSON
@click.pass_obj
def settle_receipts(
    config: Path, entity: str, through: datetime | None, test_mode: bool, person: str, as_json: bool
) -> None:
    """Bill ourselves for goods that are settled on receipt, and for withdrawals from consignments.

    Both happen by themselves in the rhythm that the policy names for an entity (`settlement`): at once, for each week
    or for each month. This does it now. What is billed once is not billed again, whichever way.

    \b
    tieout settle-receipts --entity DE01 --test                          what is billed when, and why the rest not
    tieout settle-receipts --entity DE01 --through 2026-05-31            ask for it; `tieout trace` finds the invoices
    """
    company = Company.at(config)
    if entity and entity not in company.policy.entities:
        known = ", ".join(sorted(company.policy.entities)) or "none"
        raise ConfigError(f"there is no entity {entity!r} in the policy; it has {known}")
    _ = company.store  # brings the schema up to date
    day = through.date() if through else company.clock.now().date()
    with Database(company.settings.database).read() as sql:
        found = tuple(settlement_items(sql, company.policy, None, entity, day))
    if not test_mode:
        _request(company, found, day, person)
    if as_json:
        print_json(found)
        return
    done = "Settleable" if test_mode else "Settlement asked for"
    _print(done, [item for item in found if not item.reasons])
    _print("Not settleable", [item for item in found if item.reasons])


def _request(company: Company, found: Sequence[SettlementItem], day: date, person: str) -> None:
    """One message for each order."""
    at = company.clock.now().isoformat()
    orders = dict.fromkeys((one.entity, one.order_id, one.supplier_id) for one in found if not one.reasons)
    company.intake.offer(
        [
            Message(
                source="person",
                key=derive("settle", *order, at),
                data=SettlementRequested(entity=order[0], order_id=order[1], supplier_id=order[2], through=day),
                entity=order[0],
                actor=f"person:{person}",
            )
            for order in orders
        ]
    )


def _print(title: str, items: Sequence[SettlementItem]) -> None:
    print_table(
        title,
        ("entity", "supplier", "order", "line", "receipt", "quantity#", "amount#", "by itself", "why not"),
        [
            (
                one.entity,
                one.supplier_name or one.supplier_id,
                one.order_id,
                one.line_id,
                one.receipt_id,
                f"{one.quantity} {one.unit}",
                one.amount,
                _when(one),
                "; ".join(one.reasons),
            )
            for one in items
        ],
    )


_RHYTHMS = {"at_once": "at once", "weekly": "each week", "month_end": "each month", "by_hand": "only when asked for"}


def _when(item: SettlementItem) -> str:
    if item.due_on:
        return f"on {item.due_on}, for what came until {item.due_through}"
    return "" if item.reasons else _RHYTHMS[item.rhythm]
