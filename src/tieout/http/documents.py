"""Documents come in as raw bytes: kept first, read second."""

from typing import Annotated, Literal

from litestar import Response, post
from litestar.handlers import HTTPRouteHandler
from litestar.params import QueryParameter
from msgspec import Struct

from tieout.engine.intake import Full
from tieout.engine.stores.port import Receipt
from tieout.http.bodies import body_of, bytes_body
from tieout.http.callers import Req, caller_of, require
from tieout.http.door import Door
from tieout.http.events import full
from tieout.http.problems import Trouble
from tieout.kernel.problem import Problem


class DocumentEvent(Struct, frozen=True, kw_only=True):
    """One fact a document told."""

    receipt: Literal["accepted", "conflict"]
    duplicate: bool
    key: str
    subject: str


class DocumentTaken(Struct, frozen=True, kw_only=True):
    """What became of a document. ``quarantined``: it is kept, and nothing of it goes further."""

    hash: str
    status: Literal["accepted", "quarantined", "duplicate"]
    format: str
    problems: tuple[Problem, ...]
    events: tuple[DocumentEvent, ...]


def routes(door: Door) -> list[HTTPRouteHandler]:
    """POST /v1/documents."""

    @post(
        "/documents",
        operation_id="offerDocument",
        summary="Hand in a document (an invoice, a bank statement, a bank's answer …) as it is",
        tags=["documents"],
        status_code=202,
        operation_class=bytes_body(),
    )
    async def offer_document(
        request: Req,
        name: Annotated[str, QueryParameter(max_length=255)] = "",
        channel: Annotated[str, QueryParameter(max_length=64, pattern=r"^[a-z0-9._-]*$")] = "api",
    ) -> Response[DocumentTaken]:
        """The format is found out from the bytes. Names and channels may also come in the headers `X-Document-Name`
        and `X-Document-Channel`. 422 when nothing could be made of it: it is kept in quarantine."""
        caller = caller_of(request)
        require(caller, "enter_invoice" if not caller.may("load_statement") else "load_statement")
        body = await body_of(request, (), door.limits.document_bytes_max)
        if not body:
            raise Trouble("bad_value", "the body is empty; send the document's bytes")
        called = name or request.headers.get("x-document-name", "")[:255] or "document"
        through = request.headers.get("x-document-channel", "")[:64] or channel or "api"
        media_type = request.headers.get("content-type", "application/octet-stream").split(";")[0].strip().lower()
        try:
            answer = await door.write(
                door.intake.document, body, name=called, media_type=media_type[:100], channel=through
            )
        except Full as error:
            raise full(error) from None
        taken = DocumentTaken(
            hash=answer.hash,
            status="quarantined"
            if answer.status == "quarantined"
            else "duplicate"
            if answer.status == "duplicate"
            else "accepted",
            format=answer.format,
            problems=answer.problems,
            events=tuple(
                DocumentEvent(
                    receipt="conflict" if one.receipt is Receipt.CONFLICT else "accepted",
                    duplicate=one.receipt is Receipt.DUPLICATE,
                    key=one.key,
                    subject=one.subject,
                )
                for one in answer.answers
            ),
        )
        return Response(taken, status_code=422 if taken.status == "quarantined" else 202)

    return [offer_document]
