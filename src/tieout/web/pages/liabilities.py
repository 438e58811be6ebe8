"""Liabilities: what is approved and unpaid, by when it is due."""

from datetime import date
from typing import Any

from litestar import Response, get
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromQuery
from msgspec import Struct

from tieout.engine.queries.liabilities import (
    BUCKETS,
    Due,
    InvoiceFilter,
    bucket_days,
    list_invoices,
    payable_by_due,
    totals_of,
)
from tieout.http.callers import Req, caller_of
from tieout.kernel.money import Money
from tieout.web.pages.cases import entities_of
from tieout.web.site import Site


class Line(Struct, frozen=True):
    """One entity and currency: a sum for each bucket, and all of it."""

    entity: str
    currency: str
    buckets: dict[str, Due]
    total: Money
    count: int


def routes(site: Site) -> list[HTTPRouteHandler]:
    """GET /liabilities."""

    @get("/liabilities", include_in_schema=False)
    async def show(
        request: Req,
        entity: FromQuery[str] = "",
        currency: FromQuery[str] = "",
        bucket: FromQuery[str] = "",
        after: FromQuery[str] = "",
    ) -> Response[Any]:
        caller = caller_of(request)
        today = site.door.now().date()
        start, end = _span(bucket, today)
        wanted = InvoiceFilter(
            payable=True, entity=entity, currency=currency, due_from=start, due_before=end, after=after, limit=50
        )
        due = await site.door.read_once(payable_by_due, today, caller.person.reach)
        return site.render(
            request,
            "liabilities.html",
            lines=_lines(due),
            due=due,
            totals=await site.door.read(totals_of, "payable", caller.person.reach),
            buckets=BUCKETS[:5],
            found=await site.door.read(list_invoices, wanted, caller.person.reach),
            wanted=wanted,
            bucket_chosen=bucket,
            entities=entities_of(site, caller),
        )

    return [show]


def _lines(due: tuple[Due, ...]) -> list[Line]:
    lines: dict[tuple[str, str], dict[str, Due]] = {}
    for one in due:
        lines.setdefault((one.entity, one.currency), {})[one.bucket] = one
    return [
        Line(
            entity,
            currency,
            buckets,
            sum((one.amount for one in buckets.values()), Money.zero(currency)),
            sum(one.count for one in buckets.values()),
        )
        for (entity, currency), buckets in sorted(lines.items())
    ]


def _span(bucket: str, today: date) -> tuple[date | None, date | None]:
    """The first day of a bucket, and the day after its last."""
    days = {name: (start, end) for name, start, end in bucket_days(today)}
    if bucket == "later":
        return date.fromisoformat(days["this_month"][1]), None
    start, end = days.get(bucket, ("", ""))
    return (date.fromisoformat(start) if start else None), (date.fromisoformat(end) if end else None)
