"""A counting ERP and receiver of status events over HTTP/1.1: ``python -m tieout_bench.stub``.

``POST /erp/invoices`` and ``POST /events`` are counted by the header ``X-Key``; it answers at once and never
deduplicates, so what is sent twice is seen twice. ``GET /counts`` tells.
"""

import asyncio
import json
import re
from collections import Counter
from typing import cast

import uvloop

from tieout_bench.peers.calls import POSTINGS, STATUSES
from tieout_bench.peers.children import free_socket, ready

_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_KEY = re.compile(rb"\r\nx-key: *([^\r]*)", re.IGNORECASE)
_POSTINGS, _STATUSES = (f"POST {path} ".encode() for path in (POSTINGS, STATUSES))
_END = b"\r\n\r\n"


class Counts:
    """How often each key was posted, and how often its status was told."""

    def __init__(self) -> None:
        self._calls = 0
        self._postings: Counter[bytes] = Counter()
        self._statuses: Counter[bytes] = Counter()

    def answer(self, head: bytes) -> tuple[int, object]:
        """Status and body of the answer to a request."""
        found = _KEY.search(head)
        key = found[1] if found else b""
        if head.startswith(_POSTINGS):
            self._calls += 1
            self._postings[key] += 1
            return 201, {"document": f"ERP-{self._calls}"}
        if head.startswith(_STATUSES):
            self._statuses[key] += 1
            return 202, {}
        return (200, self.told()) if head.startswith(b"GET /counts ") else (404, {})

    def told(self) -> dict[str, int]:
        """How many calls, and of how many keys."""
        return {
            "postings": self._postings.total(),
            "posted": len(self._postings),
            "statuses": self._statuses.total(),
            "told": len(self._statuses),
        }


class Connection(asyncio.Protocol):
    """One kept connection."""

    def __init__(self, counts: Counts) -> None:
        self._counts = counts
        self._rest = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.WriteTransport, transport)  # uvloop has classes of its own

    def data_received(self, data: bytes) -> None:
        self._rest += data
        while (end := self._rest.find(_END)) >= 0:
            head = self._rest[:end]
            length = _LENGTH.search(head)
            whole = end + len(_END) + (int(length[1]) if length else 0)
            if len(self._rest) < whole:
                return
            self._rest = self._rest[whole:]
            self._answer(*self._counts.answer(head))

    def _answer(self, status: int, content: object) -> None:
        body = json.dumps(content).encode()
        head = b"HTTP/1.1 %d OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
        self._transport.write(head % (status, len(body)) + body)


async def serve() -> None:
    """Answer until the parent ends."""
    counts, here = Counts(), free_socket()
    server = await asyncio.get_running_loop().create_server(lambda: Connection(counts), sock=here, backlog=1024)
    ready(here.getsockname()[1])
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(serve())
