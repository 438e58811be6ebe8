"""Talks to the close tool over HTTP; knows no business.

How sure we are after a failure is told by the errors of :mod:`tieout.connectors.http`.

Access tokens live for minutes. One is fetched ahead of its end, and once more when the tool says that it no longer
counts: a 401 is certain not to have done anything, so the call may be made again with a new one.
"""

import threading
import time
from typing import Any

import httpx2
import msgspec

from tieout.connectors.http import (
    AnswerLostError,
    BusyError,
    Habits,
    Values,
    given,
    json_of,
    open_client,
    retry_after,
)
from tieout.kernel.errors import ConfigError, TransientError

#: A token is renewed when it has so much of its life left, at most: it must not end between sending and arriving.
_AHEAD_SECONDS = 30.0


def _words(said: Any) -> tuple[str, str]:
    """Code and detail of a problem (RFC 9457)."""
    return (str(said.get("code", "")), str(said.get("detail", ""))) if isinstance(said, dict) else ("", "")


_HABITS = Habits(
    name="the close tool",
    noun="tool",
    access="what the client of the close tool may do",
    words=_words,
)


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
        self._http = open_client(url.rstrip("/"), timeout_seconds=timeout_seconds, transport=transport)
        self._lock = threading.Lock()
        self._token = ""
        self._renew_at = 0.0

    def close(self) -> None:
        """Hang up."""
        self._http.close()

    def read(self, path: str, **params: object) -> Values:
        """Ask. A question changes nothing, so whatever goes wrong with it is worth trying again."""
        try:
            return _json(self._call("GET", path, params=given(params)))
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
            answer = _HABITS.send(self._http, method, f"/v1{path}", headers=authorised, **more)
            if answer.is_success:
                return answer
            if answer.status_code != 401:
                break
        raise _HABITS.error_of(answer, f"{method} {path}")

    def _valid_token(self) -> str:
        with self._lock:
            return self._token if time.monotonic() < self._renew_at else ""

    def _new_token(self) -> str:
        """A fresh token. Asking for one changes nothing, so whatever goes wrong is worth trying again."""
        try:
            answer = _HABITS.send(self._http, "POST", "/oauth/token", data=self._credentials)
            if answer.status_code in (400, 401, 403):
                raise ConfigError("the close tool gives us no access token; check client_id and client_secret")
            if not answer.is_success:
                raise BusyError(f"no access token: HTTP {answer.status_code}", retry_after(answer))
            said = _json(answer)
            token, seconds = str(said["access_token"]), float(said.get("expires_in", 60))
        except (AnswerLostError, KeyError, TypeError, ValueError) as error:
            raise TransientError(f"no access token: {error}") from error
        with self._lock:
            self._token = token
            self._renew_at = time.monotonic() + max(seconds / 2, seconds - _AHEAD_SECONDS)
        return token


def _json(answer: httpx2.Response) -> Values:
    said: Values = json_of(answer, Values)
    return said
