"""Saying on the page of the queue that somebody is away, and taking it back."""

from datetime import date
from typing import Any

from litestar import Response, post
from litestar.handlers import HTTPRouteHandler
from litestar.response import Redirect

from tieout.http.callers import Req
from tieout.http.problems import Fault, Trouble
from tieout.http.work import Away
from tieout.web.site import Site, back_to


def routes(site: Site) -> list[HTTPRouteHandler]:
    """POST /absences, POST /absences/back."""
    door = site.door

    @post("/absences", include_in_schema=False)
    async def say_away(request: Req) -> Redirect:
        caller, fields = await site.form(request)
        wish = Away(
            person=fields.get("person", "") or caller.person.name,
            by=fields.get("by", ""),
            since=_day(fields, "since"),
            until=_day(fields, "until"),
            reason=fields.get("reason", ""),
        )
        said = await door.write(site.work.say_away, caller, wish, fields.get("nonce", ""))
        return back_to("/cases", "away-some" if said.barred else "away")

    @post("/absences/back", include_in_schema=False)
    async def take_back(request: Req) -> Response[Any]:
        caller, fields = await site.form(request)
        await door.write(site.work.take_back, caller, fields.get("absence_id", ""), fields.get("reason", ""))
        return back_to("/cases", "back")

    return [say_away, take_back]


def _day(fields: dict[str, str], name: str) -> date:
    try:
        return date.fromisoformat(fields.get(name, ""))
    except ValueError:
        raise Trouble("bad_value", "choose both days", errors=(Fault(where=f"/{name}", detail="a day"),)) from None
