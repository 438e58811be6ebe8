"""The queue of cases with its ages, deciding several at once, and the page on which one is worked."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, get_args

from litestar import Response, get, post
from litestar.datastructures import UploadFile
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath
from litestar.response import Stream
from msgspec import Struct
from sqlalchemy import Connection

from tieout.engine.exports import Format
from tieout.engine.people import Person
from tieout.engine.queries import cases
from tieout.engine.queries.absences import absences, away
from tieout.engine.queries.duplicates import SideBySide, side_by_side
from tieout.engine.queries.records import supplier_by_id
from tieout.engine.queries.trace import Attachment, Step, Trace, attachments_of, events_of_case, lanes_of, trace
from tieout.http.bulk import CASES_MAX, act_on_all, acts_together
from tieout.http.callers import Caller, Req, caller_of, check_form
from tieout.http.cases import attachment, exported
from tieout.http.problems import Trouble
from tieout.http.work import ATTACHMENT_BYTES_MAX, Act, case_of, effects_of_case, offered_acts
from tieout.model.cases import CaseClass
from tieout.policy.cases import CASE_RULES, CaseRule
from tieout.policy.duties import DUTIES, duty_for
from tieout.policy.policy import Policy
from tieout.policy.routing import Substitute
from tieout.processes.absence import Absence
from tieout.web.site import Site, back_to
from tieout.web.words import case_title

_SAID = {"assign_case": "assigned", "comment_case": "remarked", "ask_supplier": "asked"}
#: The filters of the queue, as they stand in the address.
FILTERS = (
    *("status", "case_class", "severity", "entity", "owner_role", "assignee", "supplier_id", "spend_category"),
    *("bucket", "text"),
)
#: The classes in which two invoices are compared.
_DUPLICATES = (CaseClass.DUPLICATE, CaseClass.SUSPECTED_DUPLICATE)
_FORM_BYTES = 1024 * 1024


class Queue(Struct, frozen=True, kw_only=True):
    """What the page of the queue shows."""

    found: cases.CaseList
    aging: tuple[cases.Aging, ...]
    ages: tuple[cases.Ages, ...]
    roles: tuple[str, ...]
    absences: tuple[Absence, ...]
    by_policy: tuple[Substitute, ...]


class Worked(Struct, frozen=True, kw_only=True):
    """What the page of one case shows."""

    case: cases.CaseItem
    life: Trace | None
    history: tuple[Step, ...]
    files: tuple[Attachment, ...]
    writes: Any
    beside: SideBySide | None
    change_id: str


def routes(site: Site) -> list[HTTPRouteHandler]:
    """GET /cases, /cases.csv, /cases.xlsx, /cases/{id}; POST /cases/bulk, /cases/{id}/{action}; attachments."""
    door = site.door

    @get("/cases", include_in_schema=False)
    async def show_list(request: Req) -> Response[Any]:
        caller = caller_of(request)
        query = dict(request.query_params.items())
        wanted = wanted_of(query, caller, await door.read(away, door.policy()))
        queue = await door.read(_queue, wanted, caller, door.policy(), door.now())
        return site.render(
            request,
            "cases.html",
            queue=queue,
            found=queue.found,
            chosen=_chosen(query),
            classes=sorted((one.value for one in CaseClass), key=case_title),
            entities=entities_of(site, caller),
            acts=[act for act in acts_together() if caller.may(act.name)],
            people=await _active(site),
            for_others=caller.may("state_absence_of_others"),
        )

    @get("/cases.csv", include_in_schema=False)
    async def as_csv(request: Req) -> Stream:
        return await _exported(site, request, "csv")

    @get("/cases.xlsx", include_in_schema=False)
    async def as_xlsx(request: Req) -> Stream:
        return await _exported(site, request, "xlsx")

    @post("/cases/bulk", include_in_schema=False)
    async def act_on_several(request: Req) -> Response[Any]:
        caller = caller_of(request)
        form = await request.form()
        check_form(caller, str(form.get("form_token", "")))
        chosen = [str(value) for name, value in form.multi_items() if name == "case_id"]
        given = {name: str(form.get(name, "")) for name in ("reason", "assignee")}
        action, nonce = str(form.get("action", "")), str(form.get("nonce", ""))
        results = await door.write(act_on_all, site.work, caller, chosen, action, given, nonce)
        named = await door.read(_named, tuple(result.case_id for result in results), caller)
        return site.render(
            request, "cases_done.html", results=results, named=named, back=_queue_address(str(form.get("back", "")))
        )

    @get("/cases/{case_id:str}", include_in_schema=False)
    async def show(request: Req, case_id: FromPath[str]) -> Response[Any]:
        caller = caller_of(request)
        worked = await door.read(_worked, site, case_id, caller)
        acts = [(act, may, duty_for(act.name)) for act, may in offered_acts(worked.case, caller)]
        people = await _active(site)
        cannot = _by_duty(acts)
        return site.render(
            request,
            "case.html",
            case=worked.case,
            rule=_rule(worked.case.case_class),
            life=worked.life,
            history=worked.history,
            files={file.event_id: file for file in worked.files},
            file_bytes_max=ATTACHMENT_BYTES_MAX,
            writes=worked.writes,
            change_id=worked.change_id,
            beside=worked.beside,
            acts=acts,
            cannot=cannot,
            able={duty: _able(people, duty, worked.case.entity) for duty in cannot},
            duties=DUTIES,
            people=people,
        )

    @post(
        "/cases/{case_id:str}/attachments",
        include_in_schema=False,
        request_max_body_size=ATTACHMENT_BYTES_MAX + _FORM_BYTES,
    )
    async def attach(request: Req, case_id: FromPath[str]) -> Response[Any]:
        caller = caller_of(request)
        form = await request.form()
        check_form(caller, str(form.get("form_token", "")))
        file = form.get("file")
        if not isinstance(file, UploadFile) or not file.filename:
            raise Trouble("bad_value", "choose a file")
        body = await file.read(ATTACHMENT_BYTES_MAX + 1)
        await door.write(site.work.attach, caller, case_id, body, file.filename, file.content_type)
        return back_to(f"/cases/{case_id}", "attached")

    @get("/cases/{case_id:str}/attachments/{mark:str}", include_in_schema=False)
    async def fetch(request: Req, case_id: FromPath[str], mark: FromPath[str]) -> Stream:
        return await attachment(door, caller_of(request), case_id, mark)

    @post("/cases/{case_id:str}/{action:str}", include_in_schema=False)
    async def act(request: Req, case_id: FromPath[str], action: FromPath[str]) -> Response[Any]:
        caller, fields = await site.form(request)
        nonce = fields.pop("nonce", "")
        if chosen := [value for name, value in fields.items() if name.startswith("choice-")]:
            fields["lines"] = "; ".join(chosen)  # one choice for each line, as the workbench asks for them
        await door.write(site.work.act, caller, case_id, action, fields, nonce)
        return back_to(f"/cases/{case_id}", _SAID.get(action, "recorded"))

    return [show_list, as_csv, as_xlsx, act_on_several, show, attach, fetch, act]


def _chosen(query: Mapping[str, str]) -> dict[str, str]:
    """What the filter form shows: what the address asks for, and what is asked for when it says nothing."""
    given = {name: query.get(name, "") for name in (*FILTERS, "overdue", "sort", "offset")}
    return given | {"status": given["status"] or "open"}


def entities_of(site: Site, caller: Caller) -> tuple[str, ...]:
    """The entities a caller may choose from."""
    return caller.person.entities or tuple(sorted(site.door.policy().entities))


def wanted_of(query: Mapping[str, str], caller: Caller, away: tuple[Substitute, ...]) -> cases.CaseFilter:
    """The filter that an address asks for. ``me`` is the caller, and whoever the caller stands in for today."""
    given = {name: query.get(name, "") for name in FILTERS}
    mine = given["assignee"] == "me"
    given["status"] = {"": "open", "all": ""}.get(given["status"], given["status"])
    given["assignee"] = caller.person.name if mine else given["assignee"]
    offset = query.get("offset", "")
    return cases.CaseFilter(
        **given,  # type: ignore[arg-type]
        away=away,
        overdue=query.get("overdue", "") == "yes",
        sort=next((name for name in get_args(cases.Sort) if name == query.get("sort", "")), "severity"),
        offset=int(offset) if offset.isdecimal() and len(offset) < 7 else 0,
    )


async def _exported(site: Site, request: Req, kind: Format) -> Stream:
    caller, door = caller_of(request), site.door
    wanted = wanted_of(dict(request.query_params.items()), caller, await door.read(away, door.policy()))
    return await exported(door, caller, wanted, kind)


def _queue(sql: Connection, wanted: cases.CaseFilter, caller: Caller, policy: Policy, now: datetime) -> Queue:
    reach, today = caller.person.reach, now.date()
    return Queue(
        found=cases.list_cases(sql, wanted, reach, now),
        aging=cases.aging(sql, wanted, reach, now),
        ages=cases.ages(sql, reach, now),
        roles=cases.owner_roles(sql, reach),
        absences=absences(sql, today),
        by_policy=tuple(one for one in policy.substitutes if today <= one.until),
    )


def _worked(sql: Connection, site: Site, case_id: str, caller: Caller) -> Worked:
    reach = caller.person.reach
    case = case_of(sql, case_id, reach)
    supplier = supplier_by_id(sql, case.supplier_id) if case.supplier_id else None
    return Worked(
        case=cases.stood_in_for(case, away(sql, site.door.policy()), site.door.now()),
        life=trace(sql, case.document, reach, lanes_of(site.door.policy())),
        history=events_of_case(sql, case, reach),
        files=attachments_of(sql, case, reach),
        writes=effects_of_case(sql, case, caller),
        beside=side_by_side(sql, case.document, reach) if case.case_class in _DUPLICATES else None,
        change_id=supplier.change_id if supplier else "",
    )


def _named(sql: Connection, case_ids: tuple[str, ...], caller: Caller) -> dict[str, cases.CaseItem]:
    """The cases that a form named, as far as they are there."""
    found = (cases.case_by_id(sql, case_id, caller.person.reach) for case_id in case_ids[:CASES_MAX])
    return {case.case_id: case for case in found if case}


def _rule(case_class: str) -> CaseRule:
    return CASE_RULES[CaseClass(case_class)]


async def _active(site: Site) -> list[Person]:
    """Who may be given a case: everybody of ours with an open account."""
    everybody = await site.door.write(site.door.people.everybody)
    return [person for person in everybody if person.active and not person.supplier_id]


def _by_duty(acts: Iterable[tuple[Act, bool, str]]) -> dict[str, list[str]]:
    """What the caller may not do, by the duty that it takes."""
    found: dict[str, list[str]] = {}
    for act, may, duty in acts:
        if not may:
            found.setdefault(duty, []).append(act.label)
    return found


def _able(people: Iterable[Person], duty: str, entity: str) -> list[str]:
    """Who has a duty for an entity."""
    able = [one for one in people if duty in one.duties and (not entity or one.reach is None or entity in one.reach)]
    return [one.display_name for one in able]


def _queue_address(given: str) -> str:
    """Back to the queue as it was filtered; never to another place."""
    return given if given == "/cases" or given.startswith("/cases?") else "/cases"
