"""Absences over the API: who is away, saying so, and taking it back."""

from datetime import date

from litestar import get, post
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath, FromQuery
from msgspec import Struct

from tieout.engine.queries.absences import absences
from tieout.http.bodies import body_of, decoded, json_body
from tieout.http.callers import Req, caller_of, require
from tieout.http.deciding import JSON, Reason, Recorded
from tieout.http.door import Door
from tieout.http.work import Away, Work
from tieout.processes.absence import Absence

_BODY_MAX = 64 * 1024


class AwayAsked(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Who is away, who stands in, and for which days (both included). Without a person it is the caller."""

    by: str
    since: date
    until: date
    reason: str
    person: str = ""


class Absences(Struct, frozen=True, kw_only=True):
    """Absences of today and of days to come; with `everything` also those that are over or were taken back."""

    items: tuple[Absence, ...]


def routes(door: Door) -> list[HTTPRouteHandler]:
    """Routes under /v1/absences."""
    work = Work(door)

    @get("/absences", operation_id="listAbsences", summary="Who is away, and who stands in", tags=["cases"])
    async def get_absences(request: Req, everything: FromQuery[bool] = False) -> Absences:
        require(caller_of(request), "read")
        today = door.now().date()
        return Absences(items=await door.read(lambda sql: absences(sql, today, everything=everything)))

    @post(
        "/absences",
        operation_id="sayAway",
        summary="Say that somebody is away, and who stands in",
        tags=["cases"],
        status_code=202,
        operation_class=json_body(AwayAsked, *JSON),
    )
    async def say_away(request: Req) -> Recorded:
        """For yourself, or with the duty IM for another. Whoever stands in must hold the duties that the person's cases
        take: nobody inherits a duty. With an `Idempotency-Key` header it is recorded once however often it is sent."""
        caller = caller_of(request)
        asked = decoded(await body_of(request, JSON, _BODY_MAX), AwayAsked)
        wish = Away(
            person=asked.person or caller.person.name,
            by=asked.by,
            since=asked.since,
            until=asked.until,
            reason=asked.reason,
        )
        nonce = request.headers.get("idempotency-key", "")[:200]
        said = await door.write(work.say_away, caller, wish, nonce)
        return Recorded(recorded=True, detail=said.text)

    @post(
        "/absences/{absence_id:str}/take-back",
        operation_id="takeAbsenceBack",
        summary="Take an absence back",
        tags=["cases"],
        status_code=202,
        operation_class=json_body(Reason, *JSON),
    )
    async def take_back(request: Req, absence_id: FromPath[str]) -> Recorded:
        caller = caller_of(request)
        asked = decoded(await body_of(request, JSON, _BODY_MAX), Reason)
        return Recorded(recorded=True, detail=await door.write(work.take_back, caller, absence_id, asked.reason))

    return [get_absences, say_away, take_back]
