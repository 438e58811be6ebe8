"""Finding anything by any id, and its whole life across systems."""

from pathlib import PurePosixPath
from typing import Any

from litestar import Response, get
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath, FromQuery
from litestar.response import Redirect

from tieout.engine.queries.find import find
from tieout.engine.queries.trace import lanes_of, trace
from tieout.http.callers import Req, caller_of
from tieout.web.pictures import LANES
from tieout.web.site import Site, trace_of


def routes(site: Site) -> list[HTTPRouteHandler]:
    """GET /find and GET /trace/{id}."""
    door = site.door

    @get("/find", include_in_schema=False)
    async def search(request: Req, q: FromQuery[str] = "") -> Response[Any]:
        caller = caller_of(request)
        hits = await door.read(find, q, caller.person.reach)
        if len(hits) == 1:
            # What was typed stays in the address, and the page says by which system's id it was found.
            plain = q.strip() and not {".", "..", ""} & set(q.strip().split("/"))
            return Redirect(trace_of(q.strip() if plain else hits[0].subject), status_code=303)
        return site.render(request, "find.html", hits=hits, text=q)

    @get("/trace/{id:path}", include_in_schema=False)
    async def show(request: Req, id: FromPath[PurePosixPath]) -> Response[Any]:
        caller = caller_of(request)
        text = str(id).removeprefix("/")
        found = await door.read(trace, text, caller.person.reach, lanes_of(door.policy()))
        if found is None:
            return site.render(request, "find.html", status_code=404, hits=(), text=text)
        return site.render(request, "trace.html", life=found, lanes=LANES)

    return [search, show]
