"""Events come in: one at a time or many, each exactly once.

The body goes to a cached decoder as it came. A batch is answered item by item; nothing of it is taken when the inbox
has no room for all of it.
"""

from collections.abc import Iterator, Sequence
from typing import Any, Literal

import msgspec
from litestar import Response, post
from litestar.handlers import HTTPRouteHandler
from msgspec import Struct
from sqlalchemy import Connection

from tieout.engine.intake import Answer, Full
from tieout.engine.queries.cases import case_by_id
from tieout.engine.queries.hands import ruling_on_message, surroundings
from tieout.engine.stores.port import Receipt
from tieout.http.bodies import body_of, json_body
from tieout.http.callers import Caller, Req, caller_of
from tieout.http.door import Door
from tieout.http.facts import CloudEvent, fault, read_event, to_message
from tieout.http.problems import Fault, Trouble
from tieout.model.cases import CaseClass
from tieout.model.events import Message
from tieout.model.facts import CaseAssigned, CaseSettled
from tieout.policy.cases import CASE_RULES, settled_by_hand
from tieout.processes.address import address

ONE = ("application/json", "application/cloudevents+json")
MANY = ("application/json", "application/cloudevents-batch+json", "application/x-ndjson", "application/ndjson")
_ARRAY = msgspec.json.Decoder(list[msgspec.Raw])


class Taken(Struct, frozen=True, kw_only=True):
    """What became of one event. ``duplicate``: the same event was taken before; nothing was done again.

    ``subject`` is our id of what it is about; it is empty when another system's id must first be resolved.
    """

    source: str
    id: str
    receipt: Literal["accepted"]
    duplicate: bool
    subject: str
    trace: str


class BatchItem(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What became of one event of a batch, by its place in the batch (from 0)."""

    index: int
    receipt: Literal["accepted", "conflict", "refused"]
    source: str = ""
    id: str = ""
    duplicate: bool = False
    subject: str = ""
    code: str = ""
    detail: str = ""
    errors: tuple[Fault, ...] = ()


class BatchTaken(Struct, frozen=True, kw_only=True):
    """What became of a batch. Items that are not ``accepted`` were not taken; all others were, durably."""

    accepted: int
    duplicates: int
    conflicts: int
    refused: int
    items: tuple[BatchItem, ...]


def full(error: Full) -> Trouble:
    """The answer when the inbox has no room."""
    return Trouble("inbox_full", str(error), headers={"Retry-After": str(error.retry_after_seconds)})


def routes(door: Door) -> list[HTTPRouteHandler]:
    """POST /v1/events and /v1/events:batch."""

    @post(
        "/events",
        operation_id="offerEvent",
        summary="Tell one fact (a CloudEvent in structured JSON form)",
        tags=["events"],
        status_code=202,
        operation_class=json_body(CloudEvent, *ONE),
    )
    async def offer_event(request: Req) -> Taken:
        """The same event again is answered the same, with `duplicate`; the same `source` and `id` with other data is
        a conflict (409). 429 means that nothing was taken."""
        caller = caller_of(request)
        event = read_event(await body_of(request, ONE, door.limits.body_bytes_max))
        message = await _addressed(door, event, caller)
        try:
            answer = await door.offer(message)
        except Full as error:
            raise full(error) from None
        if answer.receipt is Receipt.CONFLICT:
            raise Trouble("key_reused", f"{answer.source} {answer.key} was told before with other data")
        return Taken(
            source=answer.source,
            id=answer.key,
            receipt="accepted",
            duplicate=answer.receipt is Receipt.DUPLICATE,
            subject=answer.subject,
            trace=f"/v1/trace/{answer.subject or event.refid}",
        )

    @post(
        "/events:batch",
        operation_id="offerEvents",
        summary="Tell many facts (a JSON array, or one CloudEvent a line)",
        tags=["events"],
        status_code=202,
        operation_class=json_body(list[CloudEvent], *MANY),
    )
    async def offer_events(request: Req) -> Response[BatchTaken]:
        """Every item has its own answer. 202 when all were taken, 207 when at least one was not."""
        caller = caller_of(request)
        body = await body_of(request, MANY, door.limits.body_bytes_max)
        raws = _split(body, request.content_type[0])
        if len(raws) > door.limits.batch_max:
            raise Trouble("too_large", f"a batch has at most {door.limits.batch_max:,} events, not {len(raws):,}")
        taken = await _batch(door, raws, caller)
        return Response(taken, status_code=202 if taken.accepted == len(raws) else 207)

    return [offer_event, offer_events]


async def _addressed(door: Door, event: CloudEvent, caller: Caller) -> Message:
    try:
        return to_message(None, event, caller, door.partitions)
    except LookupError:
        return await door.read(_judged, event, caller, door)


def _judged(sql: Connection, event: CloudEvent, caller: Caller, door: Door) -> Message:
    """The message of an event. A decision about a document that exists is refused at once when the caller's hands have
    been in it; what opens a document is judged when it is handled, with all that has come in before it."""
    message = to_message(sql, event, caller, door.partitions)
    if isinstance(message.data, CaseSettled):
        _refuse_hiding(sql, message.subject, caller)
    elif isinstance(message.data, CaseAssigned) and message.data.assignee:
        refuse_ghost(door, message.data.assignee)
    if message.subject and address(message.data) is None:
        around = surroundings(sql, door.policy(), door.now(), door.authorship())
        if refused := ruling_on_message(around, message).refused:
            raise Trouble("same_person", " ".join(refused))
    return message


def refuse_ghost(door: Door, name: str) -> None:
    """Raise :class:`Trouble` (422) unless there is somebody of ours who can work the case."""
    person = door.people.person(name.removeprefix("person:"))
    if person is None or not person.active or person.supplier_id:
        raise Trouble(
            "bad_value", f"there is no account {name!r}", errors=(Fault(where="/data/assignee", detail="a person"),)
        )


def _refuse_hiding(sql: Connection, case_id: str, caller: Caller) -> None:
    """Raise :class:`Trouble` (409) for a case that ends only when what it is about is decided: settling it would take
    it out of sight, and leave the document where it is."""
    case = case_by_id(sql, case_id, caller.person.reach)
    if case is not None and not settled_by_hand(CaseClass(case.case_class)):
        rule = CASE_RULES[CaseClass(case.case_class)]
        does = ", ".join(rule.actions)
        raise Trouble(
            "wrong_state", f"a case of this class is not told to be settled; it offers {does}, and ends {rule.settles}"
        )


async def _offer(door: Door, messages: Sequence[Message]) -> list[Answer]:
    try:
        return await door.write(door.intake.offer, messages)
    except Full as error:
        raise full(error) from None


def _split(body: bytes, content_type: str) -> list[msgspec.Raw]:
    """The items of a batch, not yet read."""
    if content_type.endswith("ndjson"):
        return [msgspec.Raw(line) for line in body.splitlines() if line.strip()]
    try:
        return _ARRAY.decode(body)
    except msgspec.ValidationError as error:
        raise Trouble("bad_value", "a batch is a JSON array of events", errors=(fault(error),)) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Trouble("bad_json", str(error)) from None


async def _batch(door: Door, raws: Sequence[msgspec.Raw], caller: Caller) -> BatchTaken:
    read = await door.read(_read_all, raws, caller, door)
    messages = [(index, item) for index, item in enumerate(read) if isinstance(item, Message)]
    answers = await _offer(door, [message for _, message in messages])
    items = {index: item for index, item in enumerate(read) if isinstance(item, BatchItem)}
    items |= {index: _answered(index, answer) for (index, _), answer in zip(messages, answers, strict=True)}
    ordered = tuple(items[index] for index in range(len(read)))
    return BatchTaken(
        accepted=sum(item.receipt == "accepted" for item in ordered),
        duplicates=sum(item.duplicate for item in ordered),
        conflicts=sum(item.receipt == "conflict" for item in ordered),
        refused=sum(item.receipt == "refused" for item in ordered),
        items=ordered,
    )


def _read_all(sql: Connection, raws: Sequence[msgspec.Raw], caller: Caller, door: Door) -> list[Message | BatchItem]:
    return list(_each(sql, raws, caller, door))


def _each(sql: Connection, raws: Sequence[msgspec.Raw], caller: Caller, door: Door) -> Iterator[Message | BatchItem]:
    for index, raw in enumerate(raws):
        event = None
        try:
            event = read_event(raw)
            yield _judged(sql, event, caller, door)
        except Trouble as trouble:
            yield BatchItem(
                index=index,
                receipt="refused",
                source=event.source if event else "",
                id=event.id if event else "",
                code=trouble.code,
                detail=trouble.detail,
                errors=trouble.errors,
            )


def _answered(index: int, answer: Answer) -> BatchItem:
    conflict = answer.receipt is Receipt.CONFLICT
    return BatchItem(
        index=index,
        receipt="conflict" if conflict else "accepted",
        source=answer.source,
        id=answer.key,
        duplicate=answer.receipt is Receipt.DUPLICATE,
        subject=answer.subject,
        code="key_reused" if conflict else "",
        detail="told before with other data" if conflict else "",
    )


__all__: Sequence[Any] = ["BatchTaken", "Taken", "full", "routes"]
