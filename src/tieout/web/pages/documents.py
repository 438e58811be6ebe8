"""Originals: every document as it came, and what was made of it."""

from typing import Any

from litestar import Response, get
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromQuery

from tieout.engine.queries.records import list_documents
from tieout.http.callers import Req, caller_of
from tieout.web.site import Site


def routes(site: Site) -> list[HTTPRouteHandler]:
    """GET /documents."""

    @get("/documents", include_in_schema=False)
    async def show(request: Req, status: FromQuery[str] = "", after: FromQuery[str] = "") -> Response[Any]:
        caller_of(request)
        after = after if after.partition("/")[0].isdecimal() else ""
        found = await site.door.read(list_documents, status=status, after=after, limit=50)
        return site.render(request, "documents.html", found=found, status=status)

    return [show]
