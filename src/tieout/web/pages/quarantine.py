"""Messages that could not be handled: kept whole, and sent on their way again once the cause is mended."""

from typing import Any

from litestar import Response, get, post
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath

from tieout.engine.queries.records import list_documents, list_set_aside
from tieout.http.callers import Req, caller_of
from tieout.web.site import Site, back_to


def routes(site: Site) -> list[HTTPRouteHandler]:
    """GET /quarantine, POST /quarantine/{inbox id}/requeue."""
    door = site.door

    @get("/quarantine", include_in_schema=False)
    async def show(request: Req) -> Response[Any]:
        caller = caller_of(request)
        messages = await door.read(list_set_aside, caller.person.reach, 200)
        documents = await door.read(list_documents, status="quarantined", limit=50)
        return site.render(request, "quarantine.html", messages=messages, documents=documents)

    @post("/quarantine/{inbox_id:int}/requeue", include_in_schema=False)
    async def requeue(request: Req, inbox_id: FromPath[int]) -> Response[Any]:
        caller, fields = await site.form(request, "requeue_message")
        await door.write(site.work.requeue, caller, inbox_id, fields.get("reason", ""))
        return back_to("/quarantine", "requeued")

    return [show, requeue]
