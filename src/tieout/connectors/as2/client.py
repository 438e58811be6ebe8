"""Talks to the partner's server over HTTP: hands over a message or a receipt. Knows no business.

Nothing is followed to another address, answers are read up to a limit, and nothing is unpacked on the way.
"""

import ssl
from pathlib import Path

import httpx2
from msgspec import Struct

from tieout.connectors.as2.mdn import Wire
from tieout.connectors.http import AnswerLostError, BusyError, RefusalError, UnreachableError, retry_after
from tieout.kernel.errors import ConfigError, TieoutError

ANSWER_MAX = 4 << 20
"""No receipt has more bytes."""

_HEADERS = {"Accept-Encoding": "identity", "User-Agent": "tieout"}
#: These say that the answer is late or that the other side is at odds with itself, and not that it refuses.
_UNSURE = (408, 409, 425)


class Answer(Struct, frozen=True):
    """What the partner's server answered. ``headers`` are in lower case."""

    status: int
    headers: dict[str, str]
    body: bytes
    after_seconds: float | None


class As2Client:
    """Connections to one partner. Threads may share them."""

    def __init__(
        self, *, timeout_seconds: float, ca_file: Path | None, transport: httpx2.BaseTransport | None = None
    ) -> None:
        self._http = httpx2.Client(
            timeout=timeout_seconds,
            headers=_HEADERS,
            verify=_trust(ca_file) if transport is None else False,
            follow_redirects=False,
            limits=httpx2.Limits(max_keepalive_connections=0),
            transport=transport,
        )

    def post(self, url: str, wire: Wire) -> Answer:
        """Hand it over and return whatever is answered, good or bad. Raises :class:`UnreachableError` (certainly
        nothing was handed over) and :class:`AnswerLostError`."""
        try:
            with self._http.stream("POST", url, content=wire.body, headers=wire.headers) as answer:
                body = bytearray()
                for chunk in answer.iter_raw():
                    body += chunk
                    if len(body) > ANSWER_MAX:
                        raise AnswerLostError(f"the answer has more than {ANSWER_MAX} bytes")
                headers = {name.lower(): value for name, value in answer.headers.items()}
                return Answer(answer.status_code, headers, bytes(body), retry_after(answer))
        except (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.PoolTimeout) as error:
            raise UnreachableError(f"the partner cannot be reached: {error}") from error
        except (httpx2.HTTPError, httpx2.InvalidURL) as error:
            raise AnswerLostError(f"{type(error).__name__}: {error}") from error

    def close(self) -> None:
        """Hang up."""
        self._http.close()


def _trust(ca_file: Path | None) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=ca_file)
    except OSError as error:
        raise ConfigError(f"ca_file {ca_file} is not a PEM file of certificates: {error}") from error


def error_of(answer: Answer) -> TieoutError | None:
    """How sure we are after an answer without a receipt in it; ``None`` when the message was taken over."""
    status = answer.status
    if 200 <= status < 300:
        return None
    if status in (429, 503):
        return BusyError(f"the partner is busy (HTTP {status})", answer.after_seconds)
    if status in (401, 403):
        return ConfigError(f"the partner lets us not in (HTTP {status}); check the url and what was agreed")
    if 300 <= status < 400 or status in (404, 405):
        return ConfigError(f"nobody takes AS2 messages at this address (HTTP {status}); check the url")
    if 400 <= status < 500 and status not in _UNSURE:
        return RefusalError(f"HTTP {status}", "the partner's server does not take the message")
    return AnswerLostError(f"HTTP {status} does not say whether the message was taken")
