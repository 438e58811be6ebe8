"""Documents come in as raw bytes: kept first, read second. What became of each can be asked for ever after."""

import re
from typing import Annotated, Any, Literal

from litestar import Response, get, post
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath, QueryParameter
from litestar.response import Stream
from msgspec import Struct

from tieout.engine.documents import document_reader
from tieout.engine.inspection import Inspection, inspect
from tieout.engine.intake import DocumentAnswer, DocumentReader, Full, entity_of
from tieout.engine.queries.document import DocumentLife, document_life
from tieout.engine.stores.port import Receipt
from tieout.formats.source import Source
from tieout.http.bodies import bytes_body, decoded, document_of, json_body
from tieout.http.callers import Caller, Req, caller_of, require
from tieout.http.door import Door
from tieout.http.events import full
from tieout.http.facts import ACTION_OF, refuse_other_entities
from tieout.http.problems import Trouble
from tieout.http.work import Work
from tieout.kernel.problem import Problem

Status = Literal["accepted", "partly", "unpacked", "quarantined", "duplicate"]
Mark = FromPath[str]


class DocumentEvent(Struct, frozen=True, kw_only=True):
    """One fact a document told."""

    receipt: Literal["accepted", "conflict"]
    duplicate: bool
    key: str
    subject: str


class DocumentTaken(Struct, frozen=True, kw_only=True):
    """What became of a document. ``quarantined``: it is kept, and nothing of it goes further. ``partly``: parts of it
    were refused by themselves. ``unpacked``: it held documents, which are its ``parts``."""

    hash: str
    status: Status
    format: str
    problems: tuple[Problem, ...]
    events: tuple[DocumentEvent, ...]
    parts: tuple["DocumentTaken", ...] = ()


class Why(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Why something is done: kept for ever and shown to auditors."""

    reason: str


class Said(Struct, frozen=True, kw_only=True):
    """What was done, in words."""

    done: str


def routes(door: Door) -> list[HTTPRouteHandler]:
    """POST /v1/documents and what can be asked of a document afterwards."""
    work = Work(door)

    @post(
        "/documents",
        operation_id="offerDocument",
        summary="Hand in a document (an invoice, a bank statement, an EDI interchange, a ZIP of many …) as it is",
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
        and `X-Document-Channel`. 422 when nothing could be made of it: it is kept in quarantine. A ZIP archive hands in
        many documents at once; each has its own answer. 403 when it says what you may not say by
        hand. Larger ones go by `/v1/uploads`."""
        caller = caller_of(request)
        may_hand_in(caller)
        called = name or request.headers.get("x-document-name", "")[:255] or "document"
        through = request.headers.get("x-document-channel", "")[:64] or channel or "api"
        async with document_of(request, door.spool, door.limits.document_bytes_max) as source:
            await check_duties(door, caller, source, through)
            taken = await take(door, caller, source, called, media_type_of(request), through)
        return Response(taken, status_code=422 if taken.status == "quarantined" else 202)

    @get(
        "/documents/{mark:str}",
        operation_id="readDocument",
        summary="How a document came, what is wrong with it, and what came of it",
        tags=["documents"],
    )
    async def read_document(request: Req, mark: Mark) -> DocumentLife:
        """`mark` is the SHA-256 of the document as it was received."""
        return await life_of(door, caller_of(request), mark)

    @get(
        "/documents/{mark:str}/original",
        operation_id="fetchOriginal",
        summary="A document as it came, byte for byte",
        tags=["documents"],
        media_type="application/octet-stream",
    )
    async def fetch_original(request: Req, mark: Mark) -> Stream:
        """Always as a download; nothing in it is ever shown as a page of ours."""
        caller = caller_of(request)
        require(caller, "view_original")
        life = await life_of(door, caller, mark)
        source = await door.write(door.intake.original, mark)
        return original_of(source, life.document.name)

    @get(
        "/documents/{mark:str}/inspection",
        operation_id="inspectDocument",
        summary="What a document says, field by field, its proof, and what would come of it if it came now",
        tags=["documents"],
    )
    async def inspect_document(request: Req, mark: Mark) -> Inspection:
        """It is read anew under the policy in force, and nothing is handed on."""
        caller = caller_of(request)
        require(caller, "view_original")
        await life_of(door, caller, mark)
        source = await door.write(door.intake.original, mark)
        return await door.slowly(inspect, source, door.policy())

    @post(
        "/documents/{mark:str}/retry",
        operation_id="retryDocument",
        summary="Read a document in quarantine again, now that its cause is mended",
        tags=["documents"],
        status_code=200,
        operation_class=json_body(Why, "application/json"),
    )
    async def retry_document(request: Req, mark: Mark) -> Said:
        """409 when it still cannot be taken, with the reasons."""
        caller = caller_of(request)
        why = decoded(await request.body(), Why)
        await life_of(door, caller, mark)
        return Said(done=await door.write(work.retry_document, caller, mark, why.reason))

    return [offer_document, read_document, fetch_original, inspect_document, retry_document]


def may_hand_in(caller: Caller) -> None:
    """Raise :class:`Trouble` unless somebody may enter invoices or load statements."""
    require(caller, "enter_invoice" if not caller.may("load_statement") else "load_statement")


async def check_duties(door: Door, caller: Caller, source: Source, channel: str) -> None:
    """Raise :class:`Trouble` unless somebody may say by hand all that a document says, and the documents in it, for the
    entities that it is about."""
    for action, entity in sorted(await door.slowly(_actions, document_reader(door.policy()), source, channel)):
        require(caller, action)
        refuse_other_entities((entity,), caller)


def _actions(read: DocumentReader, source: Source, channel: str) -> set[tuple[str, str]]:
    """What somebody does who hands a document in, and for which entity. One that is refused does nothing."""
    found = read(source, "", channel)
    actions = {action for _, part in found.parts for action in _actions(read, part, channel)}
    if found.proved:
        messages = found.again() if found.again else found.messages
        actions |= {(ACTION_OF[type(one.data)], one.entity or entity_of(one.data)) for one in messages}
    return actions


def media_type_of(request: Req) -> str:
    """What the sender says that it is. It is kept, and never trusted."""
    return request.headers.get("content-type", "application/octet-stream").split(";")[0].strip().lower()[:100]


async def take(door: Door, caller: Caller, source: Source, name: str, media_type: str, channel: str) -> DocumentTaken:
    """Take a document in; whoever hands it in is the actor of all it states. Raises :class:`Trouble` when it is empty,
    or when the inbox is full (429)."""
    if not source.size:
        raise Trouble("bad_value", "the body is empty; send the document's bytes")
    try:
        actor = caller.person.actor
        answer = await door.write(
            door.intake.document, source, name=name, media_type=media_type, channel=channel, actor=actor
        )
    except Full as error:
        raise full(error) from None
    return taken_of(answer)


def taken_of(answer: DocumentAnswer) -> DocumentTaken:
    """What became of a document, as callers see it."""
    return DocumentTaken(
        hash=answer.hash,
        status=answer.status,
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
        parts=tuple(map(taken_of, answer.parts)),
    )


async def life_of(door: Door, caller: Caller, mark: str) -> DocumentLife:
    """A document that this caller may see. Raises :class:`Trouble` (404)."""
    found = await door.read(document_life, mark, caller.person.reach)
    if found is None:
        raise Trouble("not_found", f"there is no document {mark!r}")
    return found


def original_of(source: Source, name: str) -> Stream:
    """The bytes as a download under the name they came by; browsers neither guess what it is nor show it."""
    plain = re.sub(r"[^A-Za-z0-9._ -]", "_", name, flags=re.ASCII) or "document"
    headers: dict[str, Any] = {
        "Content-Disposition": f'attachment; filename="{plain}"',
        "Content-Length": str(source.size),
    }
    return Stream(source.chunks(), media_type="application/octet-stream", headers=headers)
