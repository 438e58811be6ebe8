"""Originals: hand some in, and see of each what came, what is wrong with it at its place, and what came of it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any

from litestar import Response, get, post
from litestar.datastructures import UploadFile
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath, FromQuery
from litestar.response import Stream

from tieout.engine.inspection import Inspection, inspect
from tieout.engine.queries.records import list_documents
from tieout.engine.sources import FileSource
from tieout.formats.display import Line, lines_of, unplaced
from tieout.formats.source import CHUNK, Source
from tieout.http.callers import Caller, Req, caller_of, check_form, require
from tieout.http.documents import DocumentTaken, check_duties, life_of, may_hand_in, original_of, take
from tieout.http.problems import Trouble
from tieout.web.site import Site, back_to

#: A larger document is not shown; it can be fetched.
SHOWN_BYTES_MAX = 8 * 1024 * 1024
#: So many files may be handed in with one form.
FILES_MAX = 200


def routes(site: Site) -> list[HTTPRouteHandler]:
    """GET and POST /documents, GET /documents/{hash} with its original, POST /documents/{hash}/retry."""
    door = site.door

    @get("/documents", include_in_schema=False)
    async def listed(request: Req, status: FromQuery[str] = "", after: FromQuery[str] = "") -> Response[Any]:
        caller = caller_of(request)
        after = after if after.partition("/")[0].isdecimal() else ""
        found = await door.read(list_documents, status=status, after=after, limit=50)
        return site.render(request, "documents.html", found=found, status=status, may_hand_in=_may_hand_in(caller))

    @post("/documents", include_in_schema=False, request_max_body_size=door.limits.upload_bytes_max)
    async def hand_in(request: Req) -> Response[Any]:
        caller = caller_of(request)
        form = await request.form()
        check_form(caller, str(form.get("form_token", "")))
        may_hand_in(caller)
        files = [value for name, value in form.multi_items() if name == "files" and isinstance(value, UploadFile)]
        if not files or len(files) > FILES_MAX:
            raise Trouble("bad_value", f"choose 1 to {FILES_MAX} files")
        for file in files:  # all of them first: a form is refused as a whole, before anything of it is taken
            async with spooled(site, file) as source:
                await check_duties(door, caller, source, "pages")
        taken = [(file.filename, await take_file(site, caller, file, "pages")) for file in files if file.filename]
        return site.render(request, "handed_in.html", taken=taken)

    @get("/documents/{mark:str}", include_in_schema=False)
    async def show(request: Req, mark: FromPath[str]) -> Response[Any]:
        caller = caller_of(request)
        life = await life_of(door, caller, mark)
        found: Inspection | None = None
        lines: tuple[Line, ...] = ()
        if caller.may("view_original") and life.document.size <= SHOWN_BYTES_MAX:
            found, lines = await door.slowly(_looked_at, site, mark)
        said = found.problems if found else life.document.problems
        return site.render(
            request, "document.html", life=life, found=found, lines=lines, beside=unplaced(said), problems=said
        )

    @get("/documents/{mark:str}/original", include_in_schema=False)
    async def original(request: Req, mark: FromPath[str]) -> Stream:
        caller = caller_of(request)
        require(caller, "view_original")
        life = await life_of(door, caller, mark)
        return original_of(await door.write(door.intake.original, mark), life.document.name)

    @post("/documents/{mark:str}/retry", include_in_schema=False)
    async def retry(request: Req, mark: FromPath[str]) -> Response[Any]:
        caller, fields = await site.form(request, "retry_document")
        await life_of(door, caller, mark)
        await door.write(site.work.retry_document, caller, mark, fields.get("reason", ""))
        return back_to(f"/documents/{mark}", "read")

    return [listed, hand_in, show, original, retry]


def _may_hand_in(caller: Caller) -> bool:
    return caller.may("enter_invoice") or caller.may("load_statement")


@asynccontextmanager
async def spooled(site: Site, file: UploadFile) -> AsyncIterator[Source]:
    """One file of a form, on disk while it is looked at."""
    await file.seek(0)
    with NamedTemporaryFile(dir=site.door.spool, prefix="form-") as on_disk:
        while chunk := await file.read(CHUNK):
            await asyncio.to_thread(on_disk.write, chunk)
        on_disk.flush()
        yield FileSource(Path(on_disk.name))


async def take_file(site: Site, caller: Caller, file: UploadFile, channel: str) -> DocumentTaken:
    """One file of a form. What is wrong with it is its own answer, and never keeps the others out."""
    async with spooled(site, file) as source:
        return await take(site.door, caller, source, file.filename[:255], file.content_type[:100], channel)


def _looked_at(site: Site, mark: str) -> tuple[Inspection, tuple[Line, ...]]:
    """The document read anew, and its lines; a picture or a PDF has none."""
    source = site.door.intake.original(mark)
    found = inspect(source, site.door.policy())
    body = source.whole()
    return found, lines_of(body, found.problems) if _is_text(body) else ()


def _is_text(body: bytes) -> bool:
    """Whether a document is text that people can read, in whatever encoding."""
    head = body[:4096]
    return head.startswith((b"\xff\xfe", b"\xfe\xff")) or (b"\0" not in head and not head.startswith(b"%PDF"))
