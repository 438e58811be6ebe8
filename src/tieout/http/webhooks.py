"""Webhooks: other systems call us. The raw body is kept, its signature verified, a connector reads what it means."""

from typing import Literal

from litestar import post
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath
from msgspec import Struct
from standardwebhooks import Webhook as Verifier
from standardwebhooks import WebhookVerificationError

from tieout.engine.intake import Full
from tieout.engine.stores.port import Receipt
from tieout.http.bodies import body_of, bytes_body
from tieout.http.callers import SIGNED, Req
from tieout.http.door import Door, Webhook
from tieout.http.events import full
from tieout.http.problems import Trouble

_REQUIRED = ("webhook-id", "webhook-timestamp", "webhook-signature")


class WebhookTaken(Struct, frozen=True, kw_only=True):
    """What became of a call."""

    receipt: Literal["accepted"]
    events: int
    duplicates: int
    hash: str


def routes(door: Door) -> list[HTTPRouteHandler]:
    """POST /v1/webhooks/{system}."""

    @post(
        "/webhooks/{system:str}",
        operation_id="receiveWebhook",
        summary="A configured system tells us something (standardwebhooks signature)",
        tags=["webhooks"],
        status_code=202,
        opt={SIGNED: True},
        operation_class=bytes_body("application/json"),
    )
    async def receive(request: Req, system: FromPath[str]) -> WebhookTaken:
        """Answered 202 once everything the call says is durable; the same call again does nothing."""
        webhook = door.webhooks.get(system)
        if webhook is None:
            raise Trouble("not_found", f"no webhook is configured for {system!r}")
        body = await body_of(request, (), door.limits.body_bytes_max)
        headers = {name.lower(): value for name, value in request.headers.items()}
        _verify(webhook, headers, body)
        return await door.write(_take, door, system, webhook, headers, body)

    return [receive]


def _verify(webhook: Webhook, headers: dict[str, str], body: bytes) -> None:
    missing = [name for name in _REQUIRED if not headers.get(name)]
    if missing:
        raise Trouble("signature_not_valid", f"the headers {', '.join(missing)} are missing")
    try:
        Verifier(webhook.secret).verify(body, headers)
    except WebhookVerificationError as error:
        raise Trouble("signature_not_valid", str(error)) from None
    except ValueError:
        raise Trouble("bad_json", "the body is signed and is not JSON in UTF-8") from None


def _take(door: Door, system: str, webhook: Webhook, headers: dict[str, str], body: bytes) -> WebhookTaken:
    mark = door.intake.keep(body, name=headers["webhook-id"], media_type="application/json", channel=system)
    try:
        messages = webhook.reader(system, headers, body)
    except ValueError as error:
        raise Trouble(
            "bad_value", f"{system} said something that cannot be read ({error}); it is kept as {mark}"
        ) from None
    try:
        answers = door.intake.offer(messages)
    except Full as error:
        raise full(error) from None
    conflict = next((one for one in answers if one.receipt is Receipt.CONFLICT), None)
    if conflict:
        raise Trouble("key_reused", f"{conflict.source} {conflict.key} was told before with other data")
    duplicates = sum(one.receipt is Receipt.DUPLICATE for one in answers)
    return WebhookTaken(receipt="accepted", events=len(answers), duplicates=duplicates, hash=mark)
