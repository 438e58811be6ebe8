"""Who is calling: a person with a session, or a key of theirs. And whether the call came from our own pages."""

from hashlib import sha256
from hmac import compare_digest
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import structlog
from litestar import Request
from litestar.datastructures import MutableScopeHeaders
from litestar.enums import ScopeType
from litestar.middleware import ASGIMiddleware
from litestar.types import ASGIApp, Message, Receive, Scope, Send
from msgspec import Struct

from tieout.engine.people import Person
from tieout.http.door import Door
from tieout.http.problems import Trouble
from tieout.policy.duties import DUTIES, duty_for, may

SAFE_METHODS = ("GET", "HEAD", "OPTIONS")
SIGNED = "signed"
"""Routes with this option are called by systems that sign what they send; there is no person."""
_CORRELATION_MAX = 64


class Caller(Struct, frozen=True, kw_only=True):
    """Somebody who is known. ``form_token`` must come back with every form of a session."""

    person: Person
    by_key: bool
    form_token: str = ""

    def may(self, action: str) -> bool:
        """Whether this caller has the duty that an action takes."""
        return may(self.person.duties, action)


Req = Request[Caller | None, Any, Any]


def cookie_name(secure: bool) -> str:
    """The session cookie; over https the browser itself keeps other sites and paths from setting it."""
    return "__Host-tieout" if secure else "tieout"


def form_token(session_token: str) -> str:
    """The token that forms of a session carry; it tells nothing about the session's own token."""
    return sha256(b"tieout form\x00" + session_token.encode()).hexdigest()[:32]


def caller_of(request: Req) -> Caller:
    """The caller. Raises :class:`Trouble` (401) when nobody is signed in."""
    caller = request.scope.get("user")
    if not isinstance(caller, Caller):
        raise Trouble("not_signed_in", "this needs an account")
    return caller


def require(caller: Caller, action: str) -> None:
    """Raise :class:`Trouble` (403) with the duty's name unless the caller has it."""
    if not caller.may(action):
        duty = duty_for(action)
        raise Trouble(
            "duty_missing",
            f"{action.replace('_', ' ')} takes the duty {duty} ({DUTIES[duty]}), "
            f"which {caller.person.display_name}{' with this key' if caller.by_key else ''} does not have",
        )


class Callers(ASGIMiddleware):
    """Finds out who calls, before any handler runs. Sets ``user`` and the correlation; refuses calls across sites."""

    scopes = (ScopeType.HTTP,)

    def __init__(self, door: Door) -> None:
        self._door = door

    async def handle(self, scope: Scope, receive: Receive, send: Send, next_app: ASGIApp) -> None:
        request: Req = Request(scope)
        correlation = _correlation(request)
        scope["state"]["correlation"] = correlation
        scope["user"] = None
        structlog.contextvars.clear_contextvars()
        structlog.contextvars.bind_contextvars(correlation=correlation)

        async def answered(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableScopeHeaders.from_message(message)["X-Correlation-ID"] = correlation
            await send(message)

        if not scope["route_handler"].opt.get(SIGNED):
            if request.method not in SAFE_METHODS and "authorization" not in request.headers:
                refuse_other_sites(request)
            caller = await self._caller(request)
            refuse_suppliers(caller, request.url.path)
            scope["user"] = caller
        await next_app(scope, receive, answered)

    async def _caller(self, request: Req) -> Caller | None:
        authorization = request.headers.get("authorization", "")
        if authorization:
            scheme, _, key = authorization.partition(" ")
            owner = None
            if scheme.lower() == "bearer":
                people, key = self._door.people, key.strip()
                owner = people.remembered(key) or await self._door.write(people.key_owner, key)
            if owner is None:
                raise Trouble("key_not_valid", "the key in `Authorization` is unknown, expired or revoked")
            return Caller(person=owner, by_key=True)
        token = request.cookies.get(cookie_name(is_secure(request)), "")
        if not token:
            return None
        session = await self._door.write(self._door.people.session, token)
        if session is None:
            return None
        return Caller(person=session.person, by_key=False, form_token=form_token(token))


def is_secure(request: Req) -> bool:
    """Whether the browser speaks https with us (a trusted proxy's word counts: the server sets the scheme)."""
    return request.scope["scheme"] == "https"


def refuse_other_sites(request: Req) -> None:
    """Raise :class:`Trouble` (403) unless the browser says that one of our own pages sends this."""
    site = request.headers.get("sec-fetch-site")
    if site is not None:
        ours = site in ("same-origin", "none")
    else:
        origin = request.headers.get("origin", "")
        ours = bool(origin) and urlsplit(origin).netloc.lower() == request.headers.get("host", "").lower()
    if not ours:
        raise Trouble("cross_site", "a write without an API key must come from one of this server's own pages")


#: Where somebody at a supplier may go; every other page is about us, and is not there for them.
_FOR_SUPPLIERS = ("/portal", "/static", "/sign-in", "/sign-out", "/healthz")


def refuse_suppliers(caller: Caller | None, path: str) -> None:
    """Raise :class:`Trouble` (404) when somebody at a supplier asks for anything but the supplier's own page."""
    if caller is None or not caller.person.supplier_id:
        return
    if not any(path == allowed or path.startswith(f"{allowed}/") for allowed in _FOR_SUPPLIERS):
        raise Trouble("not_found", "there is no such page; yours is /portal")


def check_form(caller: Caller, token: str) -> None:
    """Raise :class:`Trouble` (403) unless a form carries its session's token."""
    if not compare_digest(caller.form_token.encode(), token.encode()):
        raise Trouble("form_expired", "the form belongs to another session")


def _correlation(request: Req) -> str:
    given = request.headers.get("x-correlation-id", "")
    if 0 < len(given) <= _CORRELATION_MAX and given.isascii() and given.replace("-", "").replace("_", "").isalnum():
        return given
    return uuid4().hex
