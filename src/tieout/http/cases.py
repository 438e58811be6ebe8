"""Cases over the API: the queue and its ages, the queue as a file, several decided at once, and files added to one."""

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Annotated, Any

from litestar import get, post
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath, FromQuery, QueryParameter
from litestar.response import Stream
from msgspec import Struct
from sqlalchemy import Connection

from tieout.engine.case_export import export_cases
from tieout.engine.exports import MEDIA_TYPES, Format
from tieout.engine.queries import cases
from tieout.engine.queries.absences import away
from tieout.engine.queries.database import Reach
from tieout.engine.queries.trace import Attachment, attachments_of
from tieout.formats.source import CHUNK
from tieout.http.bodies import body_of, bytes_body, decoded, json_body
from tieout.http.bulk import Result, act_on_all
from tieout.http.callers import Caller, Req, caller_of, require
from tieout.http.documents import media_type_of, original_of
from tieout.http.door import Door
from tieout.http.problems import Trouble
from tieout.http.work import ATTACHMENT_BYTES_MAX, NAME_MAX, Work, case_of

Limit = Annotated[int, QueryParameter(ge=1, le=500)]
Offset = Annotated[int, QueryParameter(ge=0, le=100_000)]
Text = Annotated[str, QueryParameter(max_length=200)]
_JSON = ("application/json",)
_BODY_MAX = 1024 * 1024


class Bulk(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The same action for several cases, with one reason (or one assignee)."""

    case_ids: tuple[str, ...]
    action: str
    reason: str = ""
    assignee: str = ""


class Results(Struct, frozen=True, kw_only=True):
    """What became of each, in the order that was asked."""

    done: int
    refused: int
    items: tuple[Result, ...]


class AgingTable(Struct, frozen=True, kw_only=True):
    """Open cases by class, age and currency, and how old half of them, and nine in ten, are at most."""

    items: tuple[cases.Aging, ...]
    ages: tuple[cases.Ages, ...]


class Attachments(Struct, frozen=True, kw_only=True):
    """The files of a case."""

    items: tuple[Attachment, ...]


class Added(Struct, frozen=True, kw_only=True):
    """What was done, in words."""

    done: str


def routes(door: Door) -> list[HTTPRouteHandler]:
    """Routes under /v1/cases; a single decision is taken by :mod:`tieout.http.deciding`."""
    work = Work(door)

    @get("/cases", operation_id="listCases", summary="Cases", tags=["cases"])
    async def get_cases(
        request: Req,
        status: FromQuery[str] = "open",
        case_class: FromQuery[str] = "",
        severity: FromQuery[str] = "",
        entity: FromQuery[str] = "",
        owner_role: FromQuery[str] = "",
        assignee: FromQuery[str] = "",
        supplier_id: FromQuery[str] = "",
        document: FromQuery[str] = "",
        spend_category: FromQuery[str] = "",
        bucket: FromQuery[str] = "",
        overdue: FromQuery[bool] = False,
        text: Text = "",
        sort: FromQuery[cases.Sort] = "severity",
        offset: Offset = 0,
        limit: Limit = 50,
    ) -> cases.CaseList:
        """`bucket` is an age in days: `0-2`, `3-7`, `8-30`, `over-30`. `overdue`: only those past their target time.

        `assignee`: with the cases of those whom this person stands in for today (`stand_in`), or `nobody`.
        `spend_category` is the beginning of what is mostly bought: `UNSPSC:43`."""
        caller = caller_of(request)
        wanted = cases.CaseFilter(
            status=status,
            case_class=case_class,
            severity=severity,
            entity=entity,
            owner_role=owner_role,
            assignee=assignee,
            supplier_id=supplier_id,
            document=document,
            spend_category=spend_category,
            bucket=bucket,
            overdue=overdue,
            text=text,
            sort=sort,
            offset=offset,
            limit=limit,
            away=await door.read(away, door.policy()),
        )
        return await door.read(cases.list_cases, wanted, caller.person.reach, door.now())

    @get("/cases/aging", operation_id="getCaseAging", summary="How old open cases are", tags=["cases"])
    async def get_aging(request: Req, entity: FromQuery[str] = "") -> AgingTable:
        return await door.read(_aging, cases.CaseFilter(entity=entity), caller_of(request).person.reach, door.now())

    @get(
        "/cases/export/{format:str}",
        operation_id="exportCases",
        summary="The queue as a file for spreadsheets (`csv` or `xlsx`)",
        tags=["cases"],
        media_type="application/octet-stream",
    )
    async def get_export(
        request: Req,
        format: FromPath[str],
        status: FromQuery[str] = "open",
        case_class: FromQuery[str] = "",
        severity: FromQuery[str] = "",
        entity: FromQuery[str] = "",
        owner_role: FromQuery[str] = "",
        assignee: FromQuery[str] = "",
        spend_category: FromQuery[str] = "",
        bucket: FromQuery[str] = "",
        overdue: FromQuery[bool] = False,
        text: Text = "",
    ) -> Stream:
        """All cases of the filter, however many. Amounts are exact; texts that look like formulas are quoted."""
        wanted = cases.CaseFilter(
            status=status,
            case_class=case_class,
            severity=severity,
            entity=entity,
            owner_role=owner_role,
            assignee=assignee,
            spend_category=spend_category,
            bucket=bucket,
            overdue=overdue,
            text=text,
            away=await door.read(away, door.policy()),
        )
        return await exported(door, caller_of(request), wanted, format)

    @post(
        "/cases/bulk",
        operation_id="actOnCases",
        summary="Do the same with several cases; each has its own answer",
        tags=["cases"],
        status_code=200,
        operation_class=json_body(Bulk, *_JSON),
    )
    async def act_on_cases(request: Req) -> Results:
        """At most 200. Duties and segregation of duties are checked for each case by itself: one that is refused keeps
        no other from being done. With an `Idempotency-Key` header each is recorded once however often it is sent."""
        caller = caller_of(request)
        asked = decoded(await body_of(request, _JSON, _BODY_MAX), Bulk)
        given = {"reason": asked.reason, "assignee": asked.assignee}
        nonce = request.headers.get("idempotency-key", "")[:200]
        items = await door.write(act_on_all, work, caller, asked.case_ids, asked.action, given, nonce)
        done = sum(item.done for item in items)
        return Results(done=done, refused=len(items) - done, items=items)

    @get("/cases/{case_id:str}", operation_id="getCase", summary="One case", tags=["cases"])
    async def get_case(request: Req, case_id: FromPath[str]) -> cases.CaseItem:
        found = await door.read(case_of, case_id, caller_of(request).person.reach)
        return cases.stood_in_for(found, await door.read(away, door.policy()), door.now())

    @get(
        "/cases/{case_id:str}/attachments",
        operation_id="listAttachments",
        summary="The files that were added to a case",
        tags=["cases"],
    )
    async def get_attachments(request: Req, case_id: FromPath[str]) -> Attachments:
        return Attachments(items=await door.read(files_of, case_id, caller_of(request).person.reach))

    @post(
        "/cases/{case_id:str}/attachments",
        operation_id="attachToCase",
        summary="Add a file to a case",
        tags=["cases"],
        status_code=202,
        operation_class=bytes_body(),
    )
    async def attach(
        request: Req, case_id: FromPath[str], name: Annotated[str, QueryParameter(max_length=NAME_MAX)] = "file"
    ) -> Added:
        """The body is the file, of at most 10 MB. It is kept as it came and never read as a document."""
        caller = caller_of(request)
        body = await body_of(request, (), ATTACHMENT_BYTES_MAX)
        return Added(done=await door.write(work.attach, caller, case_id, body, name, media_type_of(request)))

    @get(
        "/cases/{case_id:str}/attachments/{mark:str}",
        operation_id="fetchAttachment",
        summary="A file of a case, byte for byte",
        tags=["cases"],
        media_type="application/octet-stream",
    )
    async def fetch_attachment(request: Req, case_id: FromPath[str], mark: FromPath[str]) -> Stream:
        """Always as a download. `mark` is the SHA-256 that the list of attachments names."""
        return await attachment(door, caller_of(request), case_id, mark)

    return [get_cases, get_aging, get_export, act_on_cases, get_case, get_attachments, attach, fetch_attachment]


def files_of(sql: Connection, case_id: str, reach: Reach) -> tuple[Attachment, ...]:
    """The files of a case. Raises :class:`Trouble` (404) when there is no such case."""
    return attachments_of(sql, case_of(sql, case_id, reach), reach)


def _aging(sql: Connection, wanted: cases.CaseFilter, reach: Reach, now: datetime) -> AgingTable:
    return AgingTable(items=cases.aging(sql, wanted, reach, now), ages=cases.ages(sql, reach, now))


async def attachment(door: Door, caller: Caller, case_id: str, mark: str) -> Stream:
    """A file of a case as a download: only of a case that the caller may see, and only one that was added to it."""
    require(caller, "view_original")
    found = await door.read(files_of, case_id, caller.person.reach)
    file = next((one for one in found if one.hash == mark), None)
    if file is None:
        raise Trouble("not_found", f"case {case_id!r} has no file {mark!r}")
    return original_of(await door.write(door.intake.original, mark), file.name)


async def exported(door: Door, caller: Caller, wanted: cases.CaseFilter, format: str) -> Stream:
    """The queue as a download. It is written to a file of its own first, from one snapshot of the database."""
    require(caller, "read")
    kind: Format | None = next((one for one in MEDIA_TYPES if one == format), None)
    if kind is None:
        raise Trouble("not_found", f"there is no format {format!r}; there are {', '.join(MEDIA_TYPES)}")
    now = door.now()
    with NamedTemporaryFile(dir=door.spool, prefix="export-") as file:
        await door.read(export_cases, wanted, caller.person.reach, now, kind, Path(file.name))
        made = open(file.name, "rb")  # noqa: SIM115 - it lasts as long as it is being sent; its name is gone by then
    name = f"cases-{now:%Y-%m-%d}.{kind}"
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return Stream(_chunks(made), media_type=MEDIA_TYPES[kind], headers=headers)


def _chunks(file: Any) -> Iterator[bytes]:
    with file:
        while chunk := file.read(CHUNK):
            yield chunk
