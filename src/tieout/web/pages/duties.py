"""Duties: who holds which, what does not go together in one hand, and the controls that make up for it."""

from typing import Any

from litestar import Response, get, post
from litestar.handlers import HTTPRouteHandler
from msgspec.structs import replace

from tieout.engine.holdings import Holdings, holdings
from tieout.engine.queries.database import Reach
from tieout.http.callers import Caller, Req, caller_of
from tieout.policy.duties import DUTIES, same_actor
from tieout.policy.holdings import Holder
from tieout.web.site import Site, back_to


def routes(site: Site) -> list[HTTPRouteHandler]:
    """GET /duties, POST /duties/reviews."""
    door = site.door

    @get("/duties", include_in_schema=False)
    async def show(request: Req) -> Response[Any]:
        caller = caller_of(request)
        now = within(await door.read(holdings, door.people, door.policy(), door.now()), caller.person.reach)
        held = {duty for one in now.holders for duty in one.duties}
        return site.render(
            request,
            "duties.html",
            now_held=now,
            duties=DUTIES,
            unheld=[name for name in DUTIES if name not in held] if caller.person.reach is None else [],
            reviews=reviewed_by(caller, now),
        )

    @post("/duties/reviews", include_in_schema=False)
    async def review(request: Req) -> Response[Any]:
        caller, fields = await site.form(request, "review_control")
        name, remark, nonce = (fields.get(one, "") for one in ("control", "reason", "nonce"))
        await door.write(site.work.review_control, caller, name, remark, nonce)
        return back_to("/duties", "reviewed")

    return [show, review]


def reviewed_by(caller: Caller, now: Holdings) -> frozenset[str]:
    """The names of the controls that the caller reviews."""
    name = caller.person.name
    return frozenset(one.control.name for one in now.controls if same_actor(one.control.reviewer, name))


def within(now: Holdings, reach: Reach) -> Holdings:
    """What somebody sees who sees certain legal entities only: those who act there, and the controls of those."""
    if reach is None:
        return now
    seen = {one.name for one in now.holders if _acts_in(one, reach)}
    return replace(
        now,
        holders=tuple(one for one in now.holders if one.name in seen),
        findings=tuple(one for one in now.findings if one.holder in seen),
        controls=tuple(
            one for one in now.controls if not one.control.entities or set(one.control.entities) & set(reach)
        ),
    )


def _acts_in(holder: Holder, reach: tuple[str, ...]) -> bool:
    return not holder.entities or bool(set(holder.entities) & set(reach))
