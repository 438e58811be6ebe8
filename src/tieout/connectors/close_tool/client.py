"""Talks to the close tool over HTTP; knows no business.

What matters to a caller is *how sure* we are after a failure:

* :class:`~tieout.kernel.errors.TransientError`: certainly nothing was done (connection refused, 429, 503); again.
* :class:`RefusalError`: certainly nothing was done, and the same call would be refused again.
* :class:`AnswerLostError`: the request left us and no whole answer came back; it may have been done.

Access tokens live for minutes. One is fetched ahead of its end, and once more when the tool says that it no longer
counts: a 401 is certain not to have done anything, so the call may be made again with a new one.
"""

import threading
import time
from typing import Any

import httpx2
import msgspec

from tieout.kernel.errors import ConfigError, PermanentError, TieoutError, TransientError

Values = dict[str, Any]

#: Answers that prove that the call was not carried out, and that it may be made again.
_NOT_DONE = frozenset({429, 503})
#: Idle connections are closed before the tool closes them: a request on a dying one is an answer lost for nothing.
_KEEP_ALIVE_SECONDS = 2.0
#: A token is renewed when it has so much of its life left, at most: it must not end between sending and arriving.
_AHEAD_SECONDS = 30.0
_MESSAGE_LENGTH_MAX = 500


class BusyError(TransientError):
    """The tool asks us to come again, perhaps saying when."""

    def __init__(self, message: str, after_seconds: float | None) -> None:
        super().__init__(message)
        self.after_seconds = after_seconds


class AnswerLostError(TieoutError):
    """The request was sent and no whole answer came back. It may have been carried out; look before repeating."""


class RefusalError(PermanentError):
    """The tool said no and did nothing. ``code`` is its own name for why."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(f"{code}: {message}"[:_MESSAGE_LENGTH_MAX])
        self.code = code


class CloseClient:
    """One address and client. Threads may share it."""

    def __init__(
        self,
        url: str,
        client_id: str,
        client_secret: str,
        *,
        timeout_seconds: float,
        transport: httpx2.BaseTransport | None = None,
    ) -> None:
        self._credentials = {
            "grant_type": "client_credentials",
            "client_id": client_id,
            "client_secret": client_secret,
        }
        self._http = httpx2.Client(
            base_url=url.rstrip("/"),
            timeout=timeout_seconds,
            limits=httpx2.Limits(keepalive_expiry=_KEEP_ALIVE_SECONDS),
            transport=transport,
        )
        self._lock = threading.Lock()
        self._token = ""
        self._renew_at = 0.0

    def close(self) -> None:
        """Hang up."""
        self._http.close()

    def read(self, path: str, **params: object) -> Values:
        """Ask. A question changes nothing, so whatever goes wrong with it is worth trying again."""
        given = {name: str(value) for name, value in params.items() if value not in (None, "")}
        try:
            return _json(self._call("GET", path, params=given))
        except AnswerLostError as error:
            raise TransientError(str(error)) from error

    def write(self, path: str, body: object) -> Values:
        """Make the tool hold this, and return what it holds then."""
        headers = {"Content-Type": "application/json"}
        return _json(self._call("PUT", path, content=msgspec.json.encode(body), headers=headers))

    def _call(self, method: str, path: str, **more: Any) -> httpx2.Response:
        headers = more.pop("headers", {})
        for token in (self._valid_token(), None):
            token = token or self._new_token()
            authorised = {**headers, "Authorization": f"Bearer {token}"}
            answer = self._send(method, f"/v1{path}", headers=authorised, **more)
            if answer.is_success:
                return answer
            if answer.status_code != 401:
                break
        raise _error_of(answer, f"{method} {path}")

    def _send(self, method: str, path: str, **more: Any) -> httpx2.Response:
        what = f"{method} {path}"
        try:
            return self._http.request(method, path, **more)
        except (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.PoolTimeout) as error:
            raise TransientError(f"{what}: the close tool cannot be reached: {error}") from error
        except httpx2.HTTPError as error:
            raise AnswerLostError(f"{what}: {type(error).__name__}: {error}") from error

    def _valid_token(self) -> str:
        with self._lock:
            return self._token if time.monotonic() < self._renew_at else ""

    def _new_token(self) -> str:
        """A fresh token. Asking for one changes nothing, so whatever goes wrong is worth trying again."""
        try:
            answer = self._send("POST", "/oauth/token", data=self._credentials)
            if answer.status_code in (400, 401, 403):
                raise ConfigError("the close tool gives us no access token; check client_id and client_secret")
            if not answer.is_success:
                raise BusyError(f"no access token: HTTP {answer.status_code}", _retry_after(answer))
            said = _json(answer)
            token, seconds = str(said["access_token"]), float(said.get("expires_in", 60))
        except (AnswerLostError, KeyError, TypeError, ValueError) as error:
            raise TransientError(f"no access token: {error}") from error
        with self._lock:
            self._token = token
            self._renew_at = time.monotonic() + max(seconds / 2, seconds - _AHEAD_SECONDS)
        return token


def _json(answer: httpx2.Response) -> Values:
    """The body. Half an answer is no answer."""
    try:
        return msgspec.json.decode(answer.content, type=Values)
    except msgspec.DecodeError as error:
        raise AnswerLostError(f"{answer.request.method} {answer.request.url.path}: not JSON: {error}") from error


def _error_of(answer: httpx2.Response, what: str) -> TieoutError:
    """By the body where it has one: gateways in front of a product answer with other words than the product."""
    status = answer.status_code
    if status in _NOT_DONE:
        return BusyError(f"{what}: busy (HTTP {status})", _retry_after(answer))
    if status in (401, 403):
        return ConfigError(f"{what}: HTTP {status}; check what the client of the close tool may do")
    if 400 <= status < 500:
        code, text = _words_in(answer.content)
        if code:
            return RefusalError(code, text)
        return ConfigError(f"{what}: HTTP {status} without the tool's own words; check the url")
    return AnswerLostError(f"{what}: HTTP {status} does not say whether it was done")


def _words_in(body: bytes) -> tuple[str, str]:
    """Code and detail of a problem (RFC 9457)."""
    try:
        said = msgspec.json.decode(body)
    except msgspec.DecodeError:
        return "", ""
    return (str(said.get("code", "")), str(said.get("detail", ""))) if isinstance(said, dict) else ("", "")


def _retry_after(answer: httpx2.Response) -> float | None:
    text = answer.headers.get("retry-after", "")
    return float(text) if text.isascii() and text.isdigit() else None
