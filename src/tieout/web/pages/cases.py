"""The list of cases, and the page on which one is worked."""

from typing import Any, get_args

from litestar import Response, get, post
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath, FromQuery
from sqlalchemy import Connection

from tieout.engine.queries import cases
from tieout.engine.queries.trace import Trace, events_of_case, lanes_of, trace
from tieout.http.callers import Caller, Req, caller_of
from tieout.http.problems import Trouble
from tieout.http.work import effects_of_case, offered_acts
from tieout.model.cases import CaseClass
from tieout.policy.duties import DUTIES, duty_for
from tieout.web.site import Site, back_to
from tieout.web.words import case_title

_SAID = {"assign_case": "assigned", "comment_case": "remarked"}


def routes(site: Site) -> list[HTTPRouteHandler]:
    """GET /cases, GET /cases/{id}, POST /cases/{id}/{action}."""
    door = site.door

    @get("/cases", include_in_schema=False)
    async def show_list(
        request: Req,
        status: FromQuery[str] = "open",
        case_class: FromQuery[str] = "",
        severity: FromQuery[str] = "",
        entity: FromQuery[str] = "",
        assignee: FromQuery[str] = "",
        sort: FromQuery[str] = "severity",
        offset: FromQuery[int] = 0,
    ) -> Response[Any]:
        caller = caller_of(request)
        wanted = cases.CaseFilter(
            status="" if status == "all" else status,
            case_class=case_class,
            severity=severity,
            entity=entity,
            assignee=caller.person.name if assignee == "me" else assignee,
            sort=next((name for name in get_args(cases.Sort) if name == sort), "severity"),
            offset=max(0, offset),
        )
        found = await door.read(cases.list_cases, wanted, caller.person.reach)
        return site.render(
            request,
            "cases.html",
            found=found,
            wanted=wanted,
            status=status,
            assignee=assignee,
            classes=sorted((one.value for one in CaseClass), key=case_title),
            entities=entities_of(site, caller),
        )

    @get("/cases/{case_id:str}", include_in_schema=False)
    async def show(request: Req, case_id: FromPath[str]) -> Response[Any]:
        caller = caller_of(request)
        case, life, history, writes = await door.read(_case, site, case_id, caller)
        acts = offered_acts(case, caller)
        return site.render(
            request,
            "case.html",
            case=case,
            life=life,
            history=history,
            writes=writes,
            acts=[(act, may, duty_for(act.name)) for act, may in acts],
            duties=DUTIES,
            people=[person for person in await door.write(door.people.everybody) if person.active],
        )

    @post("/cases/{case_id:str}/{action:str}", include_in_schema=False)
    async def act(request: Req, case_id: FromPath[str], action: FromPath[str]) -> Response[Any]:
        caller, fields = await site.form(request)
        nonce = fields.pop("nonce", "")
        await door.write(site.work.act, caller, case_id, action, fields, nonce)
        return back_to(f"/cases/{case_id}", _SAID.get(action, "recorded"))

    return [show_list, show, act]


def entities_of(site: Site, caller: Caller) -> tuple[str, ...]:
    """The entities a caller may choose from."""
    return caller.person.entities or tuple(sorted(site.door.policy().entities))


def _case(sql: Connection, site: Site, case_id: str, caller: Caller) -> tuple[Any, Trace | None, Any, Any]:
    case = cases.case_by_id(sql, case_id, caller.person.reach)
    if case is None:
        raise Trouble("not_found", f"there is no case {case_id!r}")
    lanes = lanes_of(site.door.policy())
    life = trace(sql, case.document, caller.person.reach, lanes)
    return case, life, events_of_case(sql, case, caller.person.reach), effects_of_case(sql, case, caller)
