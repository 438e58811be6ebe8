"""Writes on other systems: what is on its way, what is lost, and sending a dead letter again."""

from typing import Any

from litestar import Response, get, post
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath, FromQuery
from sqlalchemy import Connection

from tieout.engine.queries.database import Reach
from tieout.engine.queries.effects import (
    OPEN,
    REDELIVERABLE,
    EffectCount,
    EffectFilter,
    EffectList,
    count_open,
    list_effects,
)
from tieout.http.callers import Req, caller_of
from tieout.http.problems import Trouble
from tieout.web.site import Site, back_to

_ACTS = ("redeliver", "hold", "release", "cancel")


def routes(site: Site) -> list[HTTPRouteHandler]:
    """GET /effects, POST /effects/{id}/{what}."""
    door = site.door

    @get("/effects", include_in_schema=False)
    async def show(
        request: Req,
        status: FromQuery[str] = "person",
        connector: FromQuery[str] = "",
        after: FromQuery[str] = "",
    ) -> Response[Any]:
        caller = caller_of(request)
        wanted = EffectFilter(
            status="" if status == "all" else status, connector=connector, after=after if "/" in after else "", limit=50
        )
        counts, found = await door.read(_found, wanted, caller.person.reach)
        return site.render(
            request,
            "effects.html",
            found=found,
            counts=counts,
            wanted=wanted,
            status=status,
            statuses=OPEN,
            connectors=sorted({one.connector for one in counts}),
            redeliverable=REDELIVERABLE,
        )

    @post("/effects/{effect_id:str}/{what:str}", include_in_schema=False)
    async def act(request: Req, effect_id: FromPath[str], what: FromPath[str]) -> Response[Any]:
        caller, fields = await site.form(request, "redeliver")
        if what not in _ACTS:
            raise Trouble("not_found", f"there is no action {what!r}")
        await door.write(site.work.handle_effect, caller, effect_id, what, fields.get("reason", ""))
        return back_to("/effects", "redelivered" if what == "redeliver" else "recorded")

    return [show, act]


def _found(sql: Connection, wanted: EffectFilter, reach: Reach) -> tuple[tuple[EffectCount, ...], EffectList]:
    return count_open(sql, reach), list_effects(sql, wanted, reach)
