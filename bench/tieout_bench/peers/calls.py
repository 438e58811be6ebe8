"""Calls to the stub, one kept connection for each thread. Both sides use this, so neither has the quicker client."""

import json
import threading
from http.client import HTTPConnection
from typing import Any

POSTINGS = "/erp/invoices"
STATUSES = "/events"


class Stub:
    """The counting ERP and receiver of status events on this machine."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._mine = threading.local()

    def post(self, path: str, key: str, body: bytes) -> Any:
        """Tell it something under a key and return its answer."""
        return self._call("POST", path, body, {"X-Key": key, "Content-Type": "application/json"})

    def counts(self) -> dict[str, int]:
        """How many postings and statuses arrived, and of how many keys."""
        counts: dict[str, int] = self._call("GET", "/counts", b"", {})
        return counts

    def _call(self, method: str, path: str, body: bytes, headers: dict[str, str]) -> Any:
        connection = getattr(self._mine, "connection", None)
        if connection is None:
            connection = self._mine.connection = HTTPConnection("127.0.0.1", self._port, timeout=15)
        connection.request(method, path, body, headers)
        answer = connection.getresponse()
        told = answer.read()
        if answer.status >= 300:
            raise OSError(f"the stub answered {answer.status}")
        return json.loads(told)
