"""What clients over HTTP have in common: telling how *sure* we are after a failure.

* :class:`~tieout.kernel.errors.TransientError`: certainly nothing was done (connection refused, 429, 503); again.
* :class:`RefusalError`: certainly nothing was done, and the same call would be refused again.
* :class:`AnswerLostError`: the request left us and no whole answer came back; it may have been done.
"""

from collections.abc import Callable, Container, Mapping
from typing import Any

import httpx2
import msgspec
from msgspec import Struct

from tieout.kernel.errors import ConfigError, PermanentError, TieoutError, TransientError

Values = dict[str, Any]

#: Answers that prove that the call was not carried out, and that it may be made again.
_NOT_DONE = frozenset({429, 503})
#: Idle connections are closed before the other side does so: a request on a dying one is an answer lost for nothing.
_KEEP_ALIVE_SECONDS = 2.0
_MESSAGE_LENGTH_MAX = 500


class UnreachableError(TransientError):
    """Nobody answers at the address. Whatever else was to be sent now would fare no better."""


class BusyError(TransientError):
    """The system asks us to come again, perhaps saying when."""

    def __init__(self, message: str, after_seconds: float | None) -> None:
        super().__init__(message)
        self.after_seconds = after_seconds


class AnswerLostError(TieoutError):
    """The request was sent and no whole answer came back. It may have been carried out; look before repeating."""


class RefusalError(PermanentError):
    """The system said no and did nothing. ``code`` is its own name for why."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(f"{code}: {message}"[:_MESSAGE_LENGTH_MAX])
        self.code = code


class Habits(Struct, frozen=True, kw_only=True):
    """How one product answers: what we call it, what a stranger to it should check, and how it words a refusal.

    ``words`` finds code and text of a refusal in a body; two empty texts when they are not the product's own.
    ``refusals`` are the statuses that come with such words and prove that nothing was done.
    """

    name: str
    noun: str
    access: str
    words: Callable[[Any], tuple[str, str]]
    refusals: Container[int] = range(400, 500)

    def send(self, http: httpx2.Client, method: str, path: str, **more: Any) -> httpx2.Response:
        """Call, and return whatever is answered, be it good or bad."""
        what = f"{method} {path}"
        try:
            return http.request(method, path, **more)
        except (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.PoolTimeout) as error:
            raise UnreachableError(f"{what}: {self.name} cannot be reached: {error}") from error
        except httpx2.HTTPError as error:
            raise AnswerLostError(f"{what}: {type(error).__name__}: {error}") from error

    def error_of(self, answer: httpx2.Response, what: str) -> TieoutError:
        """By the body where it has one: gateways in front of a product answer with other words than the product."""
        status = answer.status_code
        if status in _NOT_DONE:
            return BusyError(f"{what}: busy (HTTP {status})", retry_after(answer))
        if status in (401, 403):
            return ConfigError(f"{what}: HTTP {status}; check {self.access}")
        if status in self.refusals:
            code, text = self._words_in(answer.content)
            if code:
                return RefusalError(code, text)
            return ConfigError(f"{what}: HTTP {status} without the {self.noun}'s own words; check the url")
        return AnswerLostError(f"{what}: HTTP {status} does not say whether it was done")

    def _words_in(self, body: bytes) -> tuple[str, str]:
        try:
            return self.words(msgspec.json.decode(body))
        except (msgspec.DecodeError, UnicodeDecodeError):
            return "", ""


def open_client(
    url: str,
    *,
    timeout_seconds: float,
    headers: Mapping[str, str] | None = None,
    transport: httpx2.BaseTransport | None = None,
) -> httpx2.Client:
    """Connections to one address. Threads may share them."""
    return httpx2.Client(
        base_url=url,
        headers=headers,
        timeout=timeout_seconds,
        limits=httpx2.Limits(keepalive_expiry=_KEEP_ALIVE_SECONDS),
        transport=transport,
    )


def given(params: Mapping[str, object]) -> dict[str, str]:
    """The parameters of a question that say something."""
    return {name: str(value) for name, value in params.items() if value not in (None, "")}


def json_of(answer: httpx2.Response, kind: Any = Any) -> Any:
    """The body. Half an answer is no answer."""
    try:
        return msgspec.json.decode(answer.content, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise AnswerLostError(f"{answer.request.method} {answer.request.url.path}: not JSON: {error}") from error


def retry_after(answer: httpx2.Response) -> float | None:
    """In how many seconds the system wants us again, if it says."""
    text = answer.headers.get("retry-after", "")
    return float(text) if text.isascii() and text.isdigit() else None
