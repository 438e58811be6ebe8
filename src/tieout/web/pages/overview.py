"""The first page: money, what needs a person, and whether the periods are ready."""

from typing import Any

from litestar import Response, get
from litestar.handlers import HTTPRouteHandler

from tieout.engine.queries.effects import NEEDS_A_PERSON
from tieout.engine.queries.overview import overview
from tieout.http.callers import Req, caller_of
from tieout.web.pictures import stages
from tieout.web.site import Site


def routes(site: Site) -> list[HTTPRouteHandler]:
    """GET /."""

    @get("/", include_in_schema=False)
    async def show(request: Req) -> Response[Any]:
        caller = caller_of(request)
        found = await site.door.read_once(overview, site.door.now().date(), caller.person.reach)
        lost = [one for one in found.effects if one.status in (*NEEDS_A_PERSON, "unknown")]
        return site.render(
            request,
            "overview.html",
            found=found,
            stages=stages(found.invoices),
            lost=lost,
            waiting=sum(one.count for one in found.effects if one.status in ("ready", "parked", "leased", "probing")),
            open_cases=sum(one.count for one in found.cases),
            not_ready=sum(period.status != "ready" for period in found.periods),
        )

    return [show]
