"""Talks to the AP platform over HTTP and JSON; knows no business.

What matters to a caller is *how sure* we are after a failure:

* :class:`BusyError`, a ``TransientError``: the platform certainly did nothing (connection refused, 429, 503).
* :class:`RefusalError`: it certainly did nothing, and will not; it said why.
* :class:`AnswerLostError`: the request left us and no good answer came back; it may have been done. Only for calls
  that change something: what only reads may be asked again, and raises ``BusyError``.
"""

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

import httpx2
import msgspec

from tieout.kernel.errors import ConfigError, PermanentError, TieoutError, TransientError

#: Answers that prove that the call was not carried out, and that it may be made again.
_NOT_DONE = frozenset({425, 429, 503})
_MESSAGE_LENGTH_MAX = 500
_WAIT_SECONDS_MAX = 3600.0


class BusyError(TransientError):
    """Certainly nothing was done. ``after_seconds``: when the platform wants to be asked again, if it said so."""

    def __init__(self, reason: str, after_seconds: float | None = None) -> None:
        super().__init__(reason)
        self.after_seconds = after_seconds


class BrokenError(BusyError):
    """What was asked for changes nothing, and the platform could not answer it (500, 502 …)."""


class RefusalError(PermanentError):
    """The platform said no and did nothing. ``code`` is its own stable name of the reason."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(f"{code}: {message}" if code else message)
        self.status, self.code, self.message = status, code, message


class AnswerLostError(TieoutError):
    """The request was sent and may have been carried out. ``silent``: nothing came back within the time-out."""

    def __init__(self, reason: str, *, silent: bool = False) -> None:
        super().__init__(reason)
        self.silent = silent


class Client:
    """One AP platform. Threads may share it."""

    def __init__(
        self, url: str, api_key: str, *, timeout_seconds: float, transport: httpx2.BaseTransport | None = None
    ) -> None:
        self._url = url
        self._http = httpx2.Client(
            base_url=url,
            headers={"Authorization": f"Bearer {api_key}"},
            timeout=timeout_seconds,
            transport=transport,
            # A kept connection that the server has closed looks like a lost answer. Do not keep it.
            limits=httpx2.Limits(keepalive_expiry=2.0),
        )

    def close(self) -> None:
        """Hang up."""
        self._http.close()

    def get(self, *path: str, **params: str | int) -> bytes:
        """Ask for something. Whatever goes wrong on the way may be asked again."""
        try:
            return self._call("GET", _path(path), params=params)
        except AnswerLostError as lost:
            raise BrokenError(str(lost)) from lost

    def put(self, body: object, *path: str) -> bytes:
        """Make the platform hold something; the answer is what it holds."""
        return self._call("PUT", _path(path), content=_encode(body), headers={"Content-Type": "application/json"})

    def post(self, body: object, *path: str, key: str) -> bytes:
        """Hand something over under an idempotency key; the answer is what the platform holds."""
        headers = {"Content-Type": "application/json", "Idempotency-Key": key}
        return self._call("POST", _path(path), content=_encode(body), headers=headers)

    def _call(self, method: str, path: str, **request: Any) -> bytes:
        what = f"{method} {path}"
        try:
            response = self._http.request(method, path, **request)
        except (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.PoolTimeout) as error:
            raise BusyError(f"{what}: {self._url} cannot be reached ({type(error).__name__})") from error
        except (httpx2.UnsupportedProtocol, httpx2.InvalidURL) as error:
            raise ConfigError(f"the address {self._url} is not usable: {error}") from error
        except (httpx2.TransportError, httpx2.DecodingError) as error:
            silent = isinstance(error, httpx2.TimeoutException)
            raise AnswerLostError(f"{what}: no answer ({type(error).__name__})", silent=silent) from error
        if response.is_success:
            return response.content
        raise self._error_of(response, what)

    def _error_of(self, response: httpx2.Response, what: str) -> Exception:
        status = response.status_code
        code, message = _reason(response.content)
        if status in _NOT_DONE:
            return BusyError(f"{what}: {status} {message}".rstrip(), _wait_seconds(response.headers))
        if status in (401, 403):
            return ConfigError(f"{self._url} refuses our API key ({status} {message}); set the secret it expects")
        if status >= 500 or status == 408:
            return AnswerLostError(f"{what}: {status} {message}".rstrip())
        if not code and (status < 400 or status in (404, 405)):
            return ConfigError(f"{what}: {self._url} answers {status}; it is not the address of the AP platform's API")
        return RefusalError(status, code, message or f"{what}: {status}")


def _path(parts: tuple[str, ...]) -> str:
    return "/v1/" + "/".join(quote(part, safe="") for part in parts)


def _encode(body: object) -> bytes:
    """The same body is always the same bytes, as idempotency keys want it."""
    return msgspec.json.encode(body, order="deterministic")


def _reason(body: bytes) -> tuple[str, str]:
    """Code and message of an error body; no code when a gateway answered in its place."""
    try:
        error = msgspec.json.decode(body)["error"]
        return str(error["code"]), str(error["message"])[:_MESSAGE_LENGTH_MAX]
    except (msgspec.DecodeError, KeyError, TypeError, UnicodeDecodeError):
        return "", ""


def _wait_seconds(headers: Mapping[str, str]) -> float | None:
    """Retry-After in seconds; a date in it is left to our own ladder."""
    text = headers.get("retry-after", "").strip()
    return min(float(text), _WAIT_SECONDS_MAX) if text.isascii() and text.isdigit() else None
