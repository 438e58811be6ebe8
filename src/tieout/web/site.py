"""The site: templates, assets, live changes, and the assembly of pages and API into one application."""

from collections.abc import Mapping
from hashlib import blake2b
from importlib.resources import files
from typing import Any
from urllib.parse import quote, urlencode

from jinja2 import Environment, PackageLoader, StrictUndefined
from litestar import Request, Response
from litestar.datastructures import MutableScopeHeaders
from litestar.enums import ScopeType
from litestar.middleware import ASGIMiddleware
from litestar.response import Redirect
from litestar.types import ASGIApp, Message, Receive, Scope, Send

from tieout.http.callers import Caller, Req, caller_of, check_form, require
from tieout.http.door import Door
from tieout.http.problems import Trouble, correlation_of
from tieout.http.work import Work
from tieout.web import ages, extents, moves, pictures, words
from tieout.web.live import Pulse

CSP = (
    "default-src 'self'; base-uri 'none'; object-src 'none'; form-action 'self'; frame-ancestors 'none'; "
    "require-trusted-types-for 'script'; trusted-types tieout"
)
_HEADERS = {
    "Content-Security-Policy": CSP,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}

#: The navigation: path, label, and the group it stands in.
NAVIGATION = (
    ("", (("/", "Overview"),)),
    ("Work", (("/cases", "Cases"), ("/effects", "Effects"), ("/quarantine", "Quarantine"))),
    (
        "Money",
        (
            ("/invoices", "Invoices"),
            ("/matching", "Matching"),
            ("/liabilities", "Liabilities"),
            ("/payments", "Payments"),
        ),
    ),
    (
        "Control",
        (
            ("/close", "Close"),
            ("/suppliers", "Suppliers"),
            ("/documents", "Documents"),
            ("/policy", "Policy"),
            ("/duties", "Duties"),
        ),
    ),
)
_FILTERS = (
    words.age,
    words.ago,
    words.amount,
    words.blocker,
    words.brief,
    words.bucket,
    words.case_bucket,
    words.case_title,
    words.chip,
    words.day,
    words.lines,
    words.linked,
    words.measured,
    words.minor,
    words.moment,
    words.money,
    words.person,
    words.plain,
    words.price,
    words.quantity,
    words.record_kind,
    words.rounded,
    words.short,
    words.size,
    words.status_word,
    words.told,
    words.tone,
    moves.place,
    words.unit,
    words.when,
)


class SecurityHeaders(ASGIMiddleware):
    """Headers that every answer carries."""

    scopes = (ScopeType.HTTP,)

    async def handle(self, scope: Scope, receive: Receive, send: Send, next_app: ASGIApp) -> None:
        async def answered(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableScopeHeaders.from_message(message)
                for name, value in _HEADERS.items():
                    headers[name] = value
                if scope["scheme"] == "https":
                    headers["Strict-Transport-Security"] = "max-age=31536000"
                if "cache-control" not in headers:
                    headers["Cache-Control"] = "no-store"
            await send(message)

        await next_app(scope, receive, answered)


class Site:
    """What every page needs."""

    def __init__(self, door: Door) -> None:
        self.door = door
        self.work = Work(door)
        self.pulse = Pulse(door)
        self.assets = {path.name: path.read_bytes() for path in (files("tieout.web") / "static").iterdir()}
        self._marks = {name: blake2b(body, digest_size=6).hexdigest() for name, body in self.assets.items()}
        self._templates = Environment(
            loader=PackageLoader("tieout.web"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._templates.filters |= {filter.__name__: filter for filter in _FILTERS}
        self._templates.globals |= {
            "ages": ages,
            "asset": self.asset,
            "extents": extents,
            "moves": moves,
            "navigation": NAVIGATION,
            "pictures": pictures,
            "trace_of": trace_of,
            "with_query": with_query,
        }

    def asset(self, name: str) -> str:
        """The address of an asset; it changes with the content, so browsers keep it for ever."""
        return f"/static/{self._marks[name]}/{name}"

    def render(self, request: Req, template: str, status_code: int = 200, **context: Any) -> Response[bytes]:
        """A page, or 304 when the browser has exactly this one."""
        caller = request.scope.get("user")
        now = self.door.now()
        body = self._templates.get_template(template).render(
            company=self.door.company,
            entity_name=lambda entity: words.entity_name(self.door.policy(), entity),
            now=now,
            path=request.url.path,
            query=dict(request.query_params.items()),
            said=_SAID.get(str(request.query_params.get("said", "")), ""),
            today=now.date(),
            user=caller if isinstance(caller, Caller) else None,
            **context,
        )
        sent = body.encode()
        mark = f'"{blake2b(sent, digest_size=12).hexdigest()}"'
        if status_code == 200 and request.headers.get("if-none-match") == mark:
            return Response(b"", status_code=304, headers={"ETag": mark})
        return Response(sent, status_code=status_code, media_type="text/html; charset=utf-8", headers={"ETag": mark})

    async def form(self, request: Req, action: str = "") -> tuple[Caller, dict[str, str]]:
        """The caller and the fields of a form that was sent from a page of this session."""
        caller = caller_of(request)
        if action:
            require(caller, action)
        data = await request.form()
        fields = {name: value for name, value in data.items() if isinstance(value, str)}
        check_form(caller, fields.pop("form_token", ""))
        return caller, fields

    def refused(self, request: Request[Any, Any, Any], trouble: Trouble) -> Response[Any] | None:
        """A problem as a page, for people; the API and machines get problem details."""
        path = request.url.path
        if path.startswith("/v1/") or "text/html" not in request.headers.get("accept", ""):
            return None
        if trouble.status == 401:
            back = path if request.method == "GET" and path != "/" else ""
            return Redirect("/sign-in" + (f"?back={quote(back)}" if back else ""), status_code=303)
        return self.render(
            request,
            "problem.html",
            status_code=trouble.status,
            trouble=trouble,
            correlation=correlation_of(request),
            back=_referer(request),
        )


_SAID = {
    "drafted": "The draft has been handed in. Nothing changes before another person has approved it.",
    "trying": "The past is being played again under the draft; the figures show here when it is done.",
    "called-off": "The trial is being called off; nothing of it is kept.",
    "policy-approved": "The approval has been asked for; it shows here in a moment.",
    "policy-rolled-back": "The release is being taken back; the one before is in force again in a few seconds.",
    "assigned": "The case has been assigned.",
    "asked": "The supplier has been asked; the answer will stand here.",
    "attached": "The file has been added.",
    "remarked": "The remark has been added.",
    "recorded": "Recorded. What follows from it shows here in a moment.",
    "proposed": "The run has been proposed. It collects its payments and then waits for another person's release.",
    "released": "The release has been asked for. Holds are looked at a last time before the file goes out.",
    "cancelled": "The run is being called off; its invoices are payable again.",
    "redelivered": "It will be sent again under the same key.",
    "held": "Payments to the supplier are being held.",
    "unheld": "Payments to the supplier are being released.",
    "read": "The document has been read; what came of it shows here in a moment.",
    "reviewed": "Your review has been recorded; the control counts as reviewed in a moment.",
    "away": "Recorded. From the first of those days on, the cases show whoever stands in.",
    "away-some": "Recorded. Some of the open cases cannot be decided by whoever stands in, for what they did on the"
    " document before; give those to somebody else.",
    "back": "Taken back. The cases are the person's own again.",
    "answered": "Thank you. Your answer has been passed on.",
    "requeued": "The message is on its way again.",
}


def back_to(path: str, said: str) -> Redirect:
    """Go to a page and say what was done."""
    return Redirect(with_query(path, said=said), status_code=303)


def _referer(request: Request[Any, Any, Any]) -> str:
    """The page the person came from, if it is one of ours."""
    came = request.headers.get("referer", "")
    own = f"{request.url.scheme}://{request.headers.get('host', '')}/"
    return "/" + came.removeprefix(own) if came.startswith(own) else "/"


def trace_of(subject: str) -> str:
    """The address of the page that follows this id."""
    return f"/trace/{quote(subject, safe='/')}"


def with_query(path: str, query: Mapping[str, str] | None = None, **changes: object) -> str:
    """A path with its query changed; empty values fall out."""
    base, _, _ = path.partition("?")
    merged = {**(query or {}), **{name: str(value) for name, value in changes.items()}}
    kept = {name: value for name, value in merged.items() if value}
    return base + (f"?{urlencode(kept)}" if kept else "")
