"""Talks to the AP platform over HTTP; knows no business.

What matters to a caller is *how sure* we are after a failure:

* :class:`~tieout.kernel.errors.TransientError`: certainly nothing was done (connection refused, 429, 503); again.
* :class:`RefusalError`: certainly nothing was done, and the same call would be refused again.
* :class:`AnswerLostError`: the request left us and no whole answer came back; it may have been done.
"""

from typing import Any

import httpx2
import msgspec

from tieout.kernel.errors import ConfigError, PermanentError, TieoutError, TransientError

Values = dict[str, Any]

#: Answers that prove that the call was not carried out, and that it may be made again.
_NOT_DONE = frozenset({429, 503})
#: Idle connections are closed before the platform closes them: a request on a dying one is an answer lost for nothing.
_KEEP_ALIVE_SECONDS = 2.0
_MESSAGE_LENGTH_MAX = 500


class UnreachableError(TransientError):
    """Nobody answers at the address. Whatever else was to be sent now would fare no better."""


class BusyError(TransientError):
    """The platform asks us to come again, perhaps saying when."""

    def __init__(self, message: str, after_seconds: float | None) -> None:
        super().__init__(message)
        self.after_seconds = after_seconds


class AnswerLostError(TieoutError):
    """The request was sent and no whole answer came back. It may have been carried out; look before repeating."""


class RefusalError(PermanentError):
    """The platform said no and did nothing. ``code`` is its own name for why."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(f"{code}: {message}"[:_MESSAGE_LENGTH_MAX])
        self.code = code


class ApClient:
    """One address and key. Threads may share it."""

    def __init__(
        self,
        url: str,
        api_key: str,
        *,
        user: str,
        timeout_seconds: float,
        transport: httpx2.BaseTransport | None = None,
    ) -> None:
        self._http = httpx2.Client(
            base_url=f"{url.rstrip('/')}/v1",
            headers={"Authorization": f"Bearer {api_key}", "X-User": user},
            timeout=timeout_seconds,
            limits=httpx2.Limits(keepalive_expiry=_KEEP_ALIVE_SECONDS),
            transport=transport,
        )

    def close(self) -> None:
        """Hang up."""
        self._http.close()

    def read(self, path: str, **params: object) -> Any:
        """Ask. A question changes nothing, so whatever goes wrong with it is worth trying again."""
        given = {name: str(value) for name, value in params.items() if value not in (None, "")}
        try:
            return _json(self._send("GET", path, params=given))
        except AnswerLostError as error:
            raise TransientError(str(error)) from error

    def read_bytes(self, path: str) -> tuple[str, bytes]:
        """Fetch a file: its media type and its bytes as they are."""
        try:
            answer = self._send("GET", path)
        except AnswerLostError as error:
            raise TransientError(str(error)) from error
        return answer.headers.get("content-type", "application/octet-stream"), answer.content

    def write(self, method: str, path: str, body: object, *, key: str = "") -> Any:
        """Tell the platform something, and return what it holds then. ``key`` is an idempotency key."""
        headers = {"Content-Type": "application/json", **({"Idempotency-Key": key} if key else {})}
        return _json(self._send(method, path, content=msgspec.json.encode(body), headers=headers))

    def _send(self, method: str, path: str, **more: Any) -> httpx2.Response:
        what = f"{method} {path}"
        try:
            answer = self._http.request(method, path, **more)
        except (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.PoolTimeout) as error:
            raise UnreachableError(f"{what}: the AP platform cannot be reached: {error}") from error
        except httpx2.HTTPError as error:
            raise AnswerLostError(f"{what}: {type(error).__name__}: {error}") from error
        if answer.is_success:
            return answer
        raise _error_of(answer, what)


def _json(answer: httpx2.Response) -> Any:
    """The body. Half an answer is no answer."""
    try:
        return msgspec.json.decode(answer.content)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise AnswerLostError(f"{answer.request.method} {answer.request.url.path}: not JSON: {error}") from error


def _error_of(answer: httpx2.Response, what: str) -> TieoutError:
    """By the body where it has one: gateways in front of a product answer with other words than the product."""
    status = answer.status_code
    if status in _NOT_DONE:
        return BusyError(f"{what}: busy (HTTP {status})", _retry_after(answer))
    if status in (401, 403):
        return ConfigError(f"{what}: HTTP {status}; check the api_key of the AP platform and what it may do")
    if status < 500 and status != 408:
        code, text = _words_in(answer.content)
        if code:
            return RefusalError(code, text)
        return ConfigError(f"{what}: HTTP {status} without the platform's own words; check the url")
    return AnswerLostError(f"{what}: HTTP {status} does not say whether it was done")


def _words_in(body: bytes) -> tuple[str, str]:
    try:
        error = msgspec.json.decode(body)["error"]
        return str(error["code"]), str(error["message"])
    except (msgspec.DecodeError, UnicodeDecodeError, KeyError, TypeError):
        return "", ""


def _retry_after(answer: httpx2.Response) -> float | None:
    text = answer.headers.get("retry-after", "")
    return float(text) if text.isascii() and text.isdigit() else None
