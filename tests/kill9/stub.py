"""A counting ERP over HTTP, as careless as they come: no idempotency key, and every n-th answer is lost after the work
is done. What is sent twice is booked twice, and counted. It can be searched by our reference."""

import json
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit


class Books:
    """What the stub holds: how often each reference was booked, and who is waiting for an answer right now."""

    def __init__(self, *, drop_every: int, work_seconds: float) -> None:
        self.lock = threading.Lock()
        self.booked: Counter[str] = Counter()
        self.waiting: Counter[str] = Counter()
        self.answers = 0
        self.dropped = 0
        self.drop_every = drop_every
        self.work_seconds = work_seconds

    def book(self, reference: str) -> bool:
        """Do the work; whether its answer will get through."""
        with self.lock:
            self.booked[reference] += 1
            self.answers += 1
            lost = self.answers % self.drop_every == 0
            self.dropped += lost
            return not lost


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    books: Books

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        worker = self.headers["X-Worker"]
        with self.books.lock:
            self.books.waiting[worker] += 1
        try:
            time.sleep(self.books.work_seconds)
            if self.books.book(body["reference"]):
                self._answer(200, {"number": body["reference"][-12:]})
            else:
                self.close_connection = True  # the work is done, and nobody will hear of it
        finally:
            with self.books.lock:
                self.books.waiting[worker] -= 1

    def do_GET(self) -> None:
        reference = parse_qs(urlsplit(self.path).query)["reference"][0]
        with self.books.lock:
            found = self.books.booked[reference]
        self._answer(200 if found else 404, {"number": reference[-12:]})

    def _answer(self, status: int, body: dict[str, Any]) -> None:
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, format: str, *arguments: Any) -> None:
        pass


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        pass  # a client that was killed hangs up without a word


@contextmanager
def serving(books: Books) -> Iterator[str]:
    """Run the stub in threads of this process; gives its address."""
    server = _Server(("127.0.0.1", 0), type("Handler", (_Handler,), {"books": books}))
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield f"127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
