"""Talks to the procurement system over HTTP; knows no business.

How sure we are after a failure is told by the errors of :mod:`tieout.connectors.http`.

Its habit: it answers 200 to its own refusals too, and says so in the body (``"ok": false``).
"""

from typing import Any

import httpx2
import msgspec

from tieout.connectors.http import AnswerLostError, Habits, RefusalError, given, json_of, open_client
from tieout.kernel.errors import TransientError


def _words(said: Any) -> tuple[str, str]:
    return (str(said.get("error_code", "")), str(said.get("error_text", ""))) if isinstance(said, dict) else ("", "")


_HABITS = Habits(
    name="the procurement system",
    noun="system",
    access="the api_key of the procurement system and what it may do",
    words=_words,
)


class ProcurementClient:
    """One address and key. Threads may share it."""

    def __init__(
        self, url: str, api_key: str, *, timeout_seconds: float, transport: httpx2.BaseTransport | None = None
    ) -> None:
        self._http = open_client(
            f"{url.rstrip('/')}/v1",
            headers={"X-Api-Key": api_key},
            timeout_seconds=timeout_seconds,
            transport=transport,
        )

    def close(self) -> None:
        """Hang up."""
        self._http.close()

    def read(self, path: str, **params: object) -> Any:
        """Ask. A question changes nothing, so whatever goes wrong with it is worth trying again."""
        try:
            return _json(self._send("GET", path, params=given(params)))
        except AnswerLostError as error:
            raise TransientError(str(error)) from error

    def write(self, method: str, path: str, body: object) -> Any:
        """Tell the system something, and return what it holds then."""
        headers = {"Content-Type": "application/json"}
        return _json(self._send(method, path, content=msgspec.json.encode(body), headers=headers))

    def _send(self, method: str, path: str, **more: Any) -> httpx2.Response:
        answer = _HABITS.send(self._http, method, path, **more)
        if answer.is_success:
            return answer
        raise _HABITS.error_of(answer, f"{method} {path}")


def _json(answer: httpx2.Response) -> Any:
    """The body. A good status with a bad body is a refusal."""
    said = json_of(answer)
    if isinstance(said, dict) and said.get("ok") is False:
        raise RefusalError(*_words(said))
    return said
