"""What a caller is told when something is wrong: RFC 9457 problem details that say what to do next.

Every code has its status, whether the same call may be repeated (``retry``), whether anything was done (``outcome``),
who can mend it (``owner``) and how (``remedy``).
"""

from collections.abc import Mapping
from typing import Any, Literal
from uuid import uuid4

import msgspec
from litestar import Request, Response
from litestar.exceptions import HTTPException
from msgspec import Struct
from sqlalchemy.exc import OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from tieout.kernel.errors import TieoutError

MEDIA_TYPE = "application/problem+json"
Retry = Literal["never", "safe", "probe_first"]
Outcome = Literal["none", "applied", "unknown"]


class Kind(Struct, frozen=True, kw_only=True):
    """One kind of problem."""

    status: int
    title: str
    remedy: str
    owner: str = "caller"
    retry: Retry = "never"
    outcome: Outcome = "none"


KINDS: dict[str, Kind] = {
    "bad_json": Kind(status=400, title="The body is not valid JSON", remedy="Send one JSON document in UTF-8."),
    "bad_request": Kind(status=400, title="The request cannot be understood", remedy="Mend what `errors` names."),
    "not_signed_in": Kind(
        status=401, title="Nobody is signed in", remedy="Send `Authorization: Bearer <API key>`, or sign in."
    ),
    "key_not_valid": Kind(
        status=401,
        title="The API key is not valid",
        remedy="Use a key that is neither expired nor revoked, of an account that is open.",
    ),
    "signature_not_valid": Kind(
        status=401,
        title="The webhook's signature is not valid",
        owner="integration",
        remedy="Sign the raw body with the shared secret, not more than five minutes ago (standardwebhooks.com).",
    ),
    "duty_missing": Kind(
        status=403,
        title="This takes a duty you do not have",
        owner="administrator",
        remedy="Ask somebody who has the duty, or an administrator to grant it.",
    ),
    "entity_not_yours": Kind(
        status=403,
        title="This is another legal entity's",
        owner="administrator",
        remedy="Use an account or key for that entity.",
    ),
    "same_person": Kind(
        status=403,
        title="This takes another person",
        owner="another person",
        remedy="Somebody who has not acted on this document before must do it.",
    ),
    "cross_site": Kind(
        status=403, title="The request came from another site", remedy="Use the pages of this server, or an API key."
    ),
    "form_expired": Kind(
        status=403, title="The form has expired", retry="safe", remedy="Go back, reload the page and send it again."
    ),
    "not_found": Kind(status=404, title="There is no such thing", remedy="Check the id; `/v1/trace/{id}` takes any."),
    "method_not_allowed": Kind(
        status=405, title="This address does not take that method", remedy="See `/openapi.json` for what it takes."
    ),
    "key_reused": Kind(
        status=409,
        title="This key was used before for another body",
        remedy="Give a new fact a new id; repeat an old one with exactly the same body.",
    ),
    "wrong_state": Kind(
        status=409, title="It is in no state for that", remedy="Read where it stands now, then decide again."
    ),
    "too_large": Kind(status=413, title="The body is too large", remedy="Send it in several parts."),
    "media_type": Kind(
        status=415, title="The content type is not taken here", remedy="Send one of the content types in `errors`."
    ),
    "bad_value": Kind(status=422, title="A value is not valid", remedy="Mend what `errors` names and send it again."),
    "unknown_type": Kind(
        status=422, title="There is no such event type", remedy="`GET /v1/schemas` lists the types and their schemas."
    ),
    "derived_fact": Kind(
        status=422,
        title="tieout concludes this fact itself",
        remedy="Send what was observed; `GET /v1/schemas` says which facts come from outside.",
    ),
    "unaddressed": Kind(
        status=422,
        title="Nothing says what this is about",
        remedy="Give `subject` (our id), or `refsystem` and `refid` (another system's id of the document).",
    ),
    "reserved_source": Kind(
        status=422, title="This source is tieout's own", remedy="Use the name of your system as `source`."
    ),
    "inbox_full": Kind(
        status=429,
        title="There is no room for more at the moment",
        owner="operator",
        retry="safe",
        remedy="Send the same again after the seconds in `Retry-After`. Nothing of this call was taken.",
    ),
    "too_many_uploads": Kind(
        status=429,
        title="Too many uploads are open",
        retry="safe",
        remedy="Finish those that were begun; one that nobody goes on with is removed after a day.",
    ),
    "too_many_attempts": Kind(
        status=429, title="Too many attempts", retry="safe", remedy="Wait for the seconds in `Retry-After`."
    ),
    "failed": Kind(
        status=500,
        title="Something failed here",
        owner="operator",
        retry="probe_first",
        outcome="unknown",
        remedy="The log has the details under this correlation. Look whether it was done before you repeat it.",
    ),
    "busy": Kind(
        status=503,
        title="The database cannot answer now",
        owner="operator",
        retry="safe",
        outcome="unknown",
        remedy="Send the same again after the seconds in `Retry-After`; the same key is never applied twice.",
    ),
    "not_offered": Kind(
        status=501,
        title="This server was started without that part",
        owner="operator",
        remedy="Configure it, then start the server again.",
    ),
}


class Fault(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One thing that is wrong, and where: a JSON pointer, a header, or a parameter."""

    where: str
    detail: str
    code: str = ""


class ProblemDetails(Struct, frozen=True, kw_only=True):
    """A problem as RFC 9457 writes it, with what a caller needs to know to go on."""

    type: str
    title: str
    status: int
    detail: str
    instance: str
    code: str
    retry: Retry
    outcome: Outcome
    owner: str
    remedy: str
    correlation: str
    errors: tuple[Fault, ...] = ()


class Trouble(TieoutError):
    """Raised to answer a request with problem details."""

    def __init__(
        self,
        code: str,
        detail: str,
        *,
        errors: tuple[Fault, ...] = (),
        headers: Mapping[str, str] | None = None,
        remedy: str = "",
    ) -> None:
        super().__init__(detail)
        self.kind = KINDS[code]
        self.code = code
        self.detail = detail
        self.errors = errors
        self.headers = dict(headers or {})
        self.remedy = remedy or self.kind.remedy

    @property
    def status(self) -> int:
        return self.kind.status

    def details(self, instance: str, correlation: str) -> ProblemDetails:
        """The problem as it is answered."""
        return ProblemDetails(
            type=f"urn:tieout:problem:{self.code}",
            title=self.kind.title,
            status=self.kind.status,
            detail=self.detail,
            instance=instance,
            code=self.code,
            retry=self.kind.retry,
            outcome=self.kind.outcome,
            owner=self.kind.owner,
            remedy=self.remedy,
            correlation=correlation,
            errors=self.errors,
        )


_BY_STATUS = {
    400: "bad_request",
    401: "not_signed_in",
    403: "duty_missing",
    404: "not_found",
    405: "method_not_allowed",
    413: "too_large",
    415: "media_type",
    422: "bad_value",
    429: "too_many_attempts",
    503: "busy",
}


def as_trouble(error: Exception) -> Trouble:
    """Whatever was raised, as something that can be answered. What nobody foresaw is ``failed``."""
    match error:
        case Trouble():
            return error
        case HTTPException(status_code=status) if status in _BY_STATUS:
            faults = _faults(error.extra) or (Fault(where="request", detail=error.detail),)
            return Trouble(_BY_STATUS[status], error.detail, errors=faults, headers=_headers(error.headers))
        case OperationalError() | PoolTimeout():
            return Trouble("busy", "the database did not answer in time", headers={"Retry-After": "2"})
        case _:
            return Trouble("failed", "an error that was not foreseen; it has been logged")


def _headers(headers: Mapping[str, str] | None) -> Mapping[str, str]:
    return {name: value for name, value in (headers or {}).items() if name.lower() in ("allow", "retry-after")}


def _faults(extra: object) -> tuple[Fault, ...]:
    if not isinstance(extra, list):
        return ()
    return tuple(
        Fault(where=f"{item.get('source', 'body')} {item.get('key', '')}".strip(), detail=str(item.get("message", "")))
        for item in extra
        if isinstance(item, dict)
    )


def answer(request: Request[Any, Any, Any], trouble: Trouble) -> Response[bytes]:
    """The response that tells of a problem."""
    details = trouble.details(request.url.path, correlation_of(request))
    headers = {**trouble.headers, "X-Correlation-ID": details.correlation}
    if trouble.status == 401:
        headers["WWW-Authenticate"] = 'Bearer realm="tieout"'
    return Response(msgspec.json.encode(details), status_code=trouble.status, media_type=MEDIA_TYPE, headers=headers)


def correlation_of(request: Request[Any, Any, Any]) -> str:
    """The id that ties a request, its log lines and its answer together.

    The middleware sets it; a request that matches no route never gets that far and is given one here.
    """
    return str(request.scope["state"].setdefault("correlation", uuid4().hex))
