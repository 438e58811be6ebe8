"""Talks to the AP platform over HTTP; knows no business.

How sure we are after a failure is told by the errors of :mod:`tieout.connectors.http`.
"""

from typing import Any

import httpx2
import msgspec

from tieout.connectors.http import AnswerLostError, Habits, given, json_of, open_client
from tieout.kernel.errors import TransientError


def _words(said: Any) -> tuple[str, str]:
    try:
        return str(said["error"]["code"]), str(said["error"]["message"])
    except (KeyError, TypeError):
        return "", ""


_HABITS = Habits(
    name="the AP platform",
    noun="platform",
    access="the api_key of the AP platform and what it may do",
    words=_words,
    refusals=frozenset(range(300, 500)) - {408},
)


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
        self._http = open_client(
            f"{url.rstrip('/')}/v1",
            headers={"Authorization": f"Bearer {api_key}", "X-User": user},
            timeout_seconds=timeout_seconds,
            transport=transport,
        )

    def close(self) -> None:
        """Hang up."""
        self._http.close()

    def read(self, path: str, **params: object) -> Any:
        """Ask. A question changes nothing, so whatever goes wrong with it is worth trying again."""
        try:
            return json_of(self._send("GET", path, params=given(params)))
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
        return json_of(self._send(method, path, content=msgspec.json.encode(body), headers=headers))

    def _send(self, method: str, path: str, **more: Any) -> httpx2.Response:
        answer = _HABITS.send(self._http, method, path, **more)
        if answer.is_success:
            return answer
        raise _HABITS.error_of(answer, f"{method} {path}")
