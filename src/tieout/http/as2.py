"""AS2: partners deliver documents and receipts. They sign what they bring; there is no person and no key.

What a message may be and what it is answered is the connector's (:mod:`tieout.connectors.as2`).
"""

from collections.abc import Mapping
from typing import Protocol

from litestar import Response, post
from litestar.background_tasks import BackgroundTask
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath

from tieout.connectors.as2.ledger import Owed
from tieout.connectors.as2.receiving import Reply
from tieout.formats.source import Source
from tieout.http.bodies import bytes_body, document_of
from tieout.http.callers import SIGNED, Req
from tieout.http.door import Door
from tieout.http.problems import Trouble


class Partner(Protocol):
    """Takes what one partner brings (:class:`tieout.connectors.as2.As2`)."""

    message_bytes_max: int

    def receive(self, headers: Mapping[str, str], body: bytes) -> Reply: ...

    def hand_over(self, owed: Owed) -> None: ...


def routes(door: Door, partners: Mapping[str, Partner]) -> list[HTTPRouteHandler]:
    """POST /as2/{name}: one address for each partner, by the name of its connector."""

    @post(
        "/as2/{name:str}",
        operation_id="receiveAs2",
        summary="A partner delivers a document or a receipt by AS2 (RFC 4130)",
        tags=["as2"],
        status_code=200,
        opt={SIGNED: True},
        operation_class=bytes_body(),
        media_type="application/octet-stream",
    )
    async def receive(request: Req, name: FromPath[str]) -> Response[bytes]:
        """Answered with the receipt that was asked for; the same message again gets the same receipt."""
        partner = partners.get(name)
        if partner is None:
            raise Trouble("not_found", "nobody is expected at this address")
        headers = {key.lower(): value for key, value in request.headers.items()}
        bytes_max = min(partner.message_bytes_max, door.limits.document_bytes_max)
        async with document_of(request, door.spool, bytes_max) as source:
            reply = await door.write(_received, partner, headers, source)
        return _response(partner, reply)

    return [receive]


def _received(partner: Partner, headers: Mapping[str, str], source: Source) -> Reply:
    """In a thread of ours: only as many messages are whole in memory as there are such threads."""
    return partner.receive(headers, source.whole())


def _response(partner: Partner, reply: Reply) -> Response[bytes]:
    headers = {name: value for name, value in reply.headers.items() if name.lower() != "content-type"}
    media_type = next((value for name, value in reply.headers.items() if name.lower() == "content-type"), "text/plain")
    later = BackgroundTask(partner.hand_over, reply.owed) if reply.owed else None
    return Response(reply.body, status_code=reply.status, headers=headers, media_type=media_type, background=later)
