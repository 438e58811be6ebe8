"""The counts at the end, taken from the ERP and the bank themselves, and only then compared with what tieout says."""

from collections import Counter
from decimal import Decimal
from typing import Any

import msgspec
from msgspec import Struct
from sqlalchemy import select

from tieout.engine.queries.database import Database
from tieout.engine.schema import VIEW_TABLES
from tieout_lab.month.plan import Month, expected_posts
from tieout_lab.month.play import ENTITIES, Play
from tieout_lab.month.stage import Stage

_CASE, _PERIOD = VIEW_TABLES["case"], VIEW_TABLES["period"]


class Period(Struct, frozen=True, kw_only=True):
    """The readiness of one entity's period."""

    entity: str
    period: str
    status: str
    blockers: dict[str, int]
    ties: dict[str, bool]


class Audit(Struct, frozen=True, kw_only=True):
    """The month in numbers. ``duplicates`` and ``losses`` must be 0; so must ``tie_out_breaks``."""

    documents_in: int
    known_to_tieout: int
    posted_in_erp: int
    expected_in_erp: int
    posted_twice: tuple[str, ...]
    missing_in_erp: tuple[str, ...]
    payments_at_bank: int
    paid_twice: tuple[str, ...]
    payments_booked: int
    payments_returned: int
    payments_rejected: int
    payments_lost: tuple[str, ...]
    bank_arithmetic_holds: bool
    duplicates_stopped: int
    look_alikes_cleared: int
    cases_open: dict[str, int]
    tie_out_breaks: int
    periods: tuple[Period, ...]
    faults: dict[str, int]
    retried: int
    refusals: tuple[str, ...]
    log_sound: bool
    rebuild_equal: bool

    @property
    def holds(self) -> bool:
        """Was nothing lost, nothing doubled, and does everything agree?"""
        return (
            self.documents_in == self.known_to_tieout
            and not self.posted_twice
            and not self.missing_in_erp
            and self.posted_in_erp == self.expected_in_erp
            and not self.paid_twice
            and not self.payments_lost
            and self.bank_arithmetic_holds
            and self.tie_out_breaks == 0
            and self.log_sound
            and self.rebuild_equal
            and any(one.status == "ready" for one in self.periods)
            and bool(self.refusals)
        )


def audit(play: Play, stage: Stage, month: Month, *, log_sound: bool, rebuild_equal: bool) -> Audit:
    """Count everything once more, at the source."""
    held = _held_by_erp(stage)
    expected = {(_digits(one.invoice.supplier_tax_id), one.invoice.number) for one in expected_posts(month)}
    ledger = play.outside.ledger()
    payments = ledger["payments"]
    claimed = set(play.eyes.ids("payment", status="booked")) | set(play.eyes.ids("payment", status="returned"))
    periods = _periods(stage.database, month)
    return Audit(
        documents_in=play.handed_in,
        known_to_tieout=play.eyes.count("invoice"),
        posted_in_erp=sum(held.values()),
        expected_in_erp=len(expected),
        posted_twice=tuple(f"{number} of {tax_id}" for (tax_id, number), count in held.items() if count > 1),
        missing_in_erp=tuple(f"{number} of {tax_id}" for tax_id, number in expected - held.keys()),
        payments_at_bank=sum(one["paid"] for one in payments.values()),
        paid_twice=tuple(ledger["paidTwice"]),
        payments_booked=len(claimed),
        payments_returned=sum(one["returned"] for one in payments.values()),
        payments_rejected=sum(one["rejected"] for one in payments.values()),
        payments_lost=tuple(sorted(claimed ^ {name for name, one in payments.items() if one["paid"]})),
        bank_arithmetic_holds=all(
            Decimal(account["opening"]) + Decimal(account["entriesSum"]) == Decimal(account["balance"])
            for account in ledger["accounts"]
        ),
        duplicates_stopped=play.eyes.by_status("invoice")["duplicate"],
        look_alikes_cleared=play.eyes.count("case", case_class="suspected_duplicate", status="settled"),
        cases_open=dict(_open_cases(stage.database)),
        tie_out_breaks=sum(not agrees for one in periods for agrees in one.ties.values()),
        periods=periods,
        faults=_faults(play, stage),
        retried=play.eyes.unknown_seen(),
        refusals=tuple(play.refusals),
        log_sound=log_sound,
        rebuild_equal=rebuild_equal,
    )


def _faults(play: Play, stage: Stage) -> dict[str, int]:
    """How often which fault struck; what went through untouched is none."""
    of_erp = {f"erp {name}": count for name, count in stage.proxy.counts.items() if name != "pass"}
    return play.outside.struck() | of_erp


def _held_by_erp(stage: Stage) -> Counter[tuple[str, str]]:
    """How often the ERP holds each posted supplier document, by tax id and number; asked past the faulty network."""
    domain = [("type", "=", "in"), ("state", "in", ["posted", "paid"])]
    with stage.erp.client() as client:
        rows = client.search_read("account.invoice", domain, ["reference", "party"])
        codes = _tax_codes(client, {row["party"] for row in rows})
    return Counter((_digits(codes.get(row["party"], "")), row["reference"] or "") for row in rows)


def _digits(tax_id: str) -> str:
    """The digits of a tax registration; the ERP keeps the country apart."""
    return "".join(sign for sign in tax_id if sign.isdigit())


def _tax_codes(client: Any, parties: set[int]) -> dict[int, str]:
    domain = [("party", "in", sorted(parties)), ("type", "like", "%_vat")]
    rows = client.search_read("party.identifier", domain, ["party", "code"])
    return {row["party"]: row["code"] for row in rows}


def _open_cases(database: Database) -> Counter[str]:
    with database.read() as sql:
        rows = sql.execute(select(_CASE.c.case_class).where(_CASE.c.status == "open"))
        return Counter(row[0] for row in rows)


def _periods(database: Database, month: Month) -> tuple[Period, ...]:
    with database.read() as sql:
        rows = sql.execute(select(_PERIOD).where(_PERIOD.c.period == month.period).order_by(_PERIOD.c.entity))
        return tuple(
            Period(
                entity=row.entity,
                period=row.period,
                status=row.status,
                blockers=msgspec.json.decode(row.blockers or "{}"),
                ties={name: tie["agrees"] for name, tie in msgspec.json.decode(row.tie_outs or "{}").items()},
            )
            for row in rows
            if row.entity in ENTITIES
        )
