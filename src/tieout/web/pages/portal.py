"""The page of a supplier: hand in documents, see where invoices stand, answer what we ask."""

from typing import Any

from litestar import Response, get, post
from litestar.datastructures import UploadFile
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath

from tieout.engine.queries.portal import channel_of, portal_of, question_of
from tieout.http.callers import Caller, Req, caller_of, check_form
from tieout.http.problems import Trouble
from tieout.web.pages.documents import FILES_MAX, take_file
from tieout.web.site import Site, back_to

ANSWER_MAX = 2_000


def routes(site: Site) -> list[HTTPRouteHandler]:
    """GET /portal, POST /portal/documents, POST /portal/answers/{case}."""
    door = site.door

    @get("/portal", include_in_schema=False)
    async def show(request: Req) -> Response[Any]:
        caller = _supplier(request)
        found = await door.read(portal_of, caller.person.supplier_id)
        return site.render(request, "portal.html", found=found)

    @post("/portal/documents", include_in_schema=False, request_max_body_size=door.limits.document_bytes_max)
    async def hand_in(request: Req) -> Response[Any]:
        caller = _supplier(request)
        form = await request.form()
        check_form(caller, str(form.get("form_token", "")))
        files = [value for name, value in form.multi_items() if name == "files" and isinstance(value, UploadFile)]
        if not files or len(files) > FILES_MAX:
            raise Trouble("bad_value", f"choose 1 to {FILES_MAX} files")
        channel = channel_of(caller.person.supplier_id)
        taken = [(file.filename, await take_file(site, caller, file, channel)) for file in files if file.filename]
        return site.render(request, "portal_taken.html", taken=taken)

    @post("/portal/answers/{case_id:str}", include_in_schema=False)
    async def answer(request: Req, case_id: FromPath[str]) -> Response[Any]:
        caller, fields = await site.form(request)
        _supplier(request)
        text = fields.get("answer", "").strip()
        if not text or len(text) > ANSWER_MAX:
            raise Trouble("bad_value", f"say it in at most {ANSWER_MAX:,} characters")
        asked = await door.read(question_of, caller.person.supplier_id, case_id)
        if asked is None:
            raise Trouble("not_found", "there is no such open question")
        await door.write(site.work.answer, caller, case_id, text, asked.asked_at.isoformat())
        return back_to("/portal", "answered")

    return [show, hand_in, answer]


def _supplier(request: Req) -> Caller:
    """The caller, who must be a supplier's. Raises :class:`Trouble`."""
    caller = caller_of(request)
    if not caller.person.supplier_id:
        raise Trouble("not_found", "this page is for suppliers")
    return caller
