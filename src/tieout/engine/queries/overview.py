"""The numbers of the first page: money first, then what needs a person, then whether the periods are ready."""

from datetime import date

from msgspec import Struct
from sqlalchemy import Connection

from tieout.engine.queries.cases import CaseCount, open_by_class
from tieout.engine.queries.close import Readiness, readiness
from tieout.engine.queries.database import Reach
from tieout.engine.queries.effects import EffectCount, count_open
from tieout.engine.queries.liabilities import Due, Sum, invoices_by_status, payable_by_due, totals_of
from tieout.engine.queries.payments import Flight, RunItem, flights, list_runs
from tieout.engine.queries.records import Inbox, inbox, suppliers_on_hold


class Overview(Struct, frozen=True, kw_only=True):
    """Where the company stands at one moment."""

    liabilities: tuple[Sum, ...]
    unposted: tuple[Sum, ...]
    in_flight: tuple[Sum, ...]
    due: tuple[Due, ...]
    flights: tuple[Flight, ...]
    runs_to_release: tuple[RunItem, ...]
    cases: tuple[CaseCount, ...]
    effects: tuple[EffectCount, ...]
    invoices: dict[str, int]
    periods: tuple[Readiness, ...]
    inbox: Inbox
    suppliers_held: int
    bank_changes: int


def overview(sql: Connection, today: date, reach: Reach) -> Overview:
    """All numbers, out of one snapshot."""
    held, changing = suppliers_on_hold(sql)
    return Overview(
        liabilities=totals_of(sql, "payable", reach),
        unposted=totals_of(sql, "unposted", reach),
        in_flight=totals_of(sql, "in_flight", reach),
        due=payable_by_due(sql, today, reach),
        flights=flights(sql, reach),
        runs_to_release=list_runs(sql, reach, ("ready",)),
        cases=open_by_class(sql, reach),
        effects=count_open(sql, reach),
        invoices=invoices_by_status(sql, reach),
        periods=readiness(sql, reach),
        inbox=inbox(sql),
        suppliers_held=held,
        bank_changes=changing,
    )
