"""Invoices: where each of them stands."""

from typing import Any

from litestar import Response, get
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromQuery

from tieout.engine.queries.liabilities import InvoiceFilter, invoices_by_status, list_invoices
from tieout.http.callers import Req, caller_of
from tieout.web.pages.cases import entities_of
from tieout.web.pictures import stages
from tieout.web.site import Site

_UNPOSTED = (
    "received",
    "admitted",
    "valid",
    "invalid",
    "matched",
    "held",
    "mismatched",
    "rejected",
    "posting",
    "posting_unknown",
    "posting_failed",
)


def routes(site: Site) -> list[HTTPRouteHandler]:
    """GET /invoices."""

    @get("/invoices", include_in_schema=False)
    async def show(
        request: Req,
        status: FromQuery[str] = "",
        stage: FromQuery[str] = "",
        entity: FromQuery[str] = "",
        number: FromQuery[str] = "",
        after: FromQuery[str] = "",
    ) -> Response[Any]:
        caller = caller_of(request)
        counts = await site.door.read_once(invoices_by_status, caller.person.reach)
        statuses = {one.name.lower(): one.statuses for one in stages(counts)}.get(stage, ())
        if stage == "unposted":
            statuses = _UNPOSTED
        wanted = InvoiceFilter(
            status=status, statuses=statuses, entity=entity, number=number.strip(), after=after, limit=50
        )
        found = await site.door.read(list_invoices, wanted, caller.person.reach)
        return site.render(
            request,
            "invoices.html",
            found=found,
            wanted=wanted,
            stage=stage,
            counts=counts,
            stages=stages(counts),
            entities=entities_of(site, caller),
        )

    return [show]
