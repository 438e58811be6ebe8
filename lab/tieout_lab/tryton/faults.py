"""A network between us and the ERP that fails on command.

The proxy stands in front of a Tryton server. ``POST /_faults`` sets the faults (JSON, see :class:`Faults`; what is
not named goes back to harmless), ``GET /_faults`` tells them and counts what happened.
"""

import http.client
import json
import threading
import time
from collections import Counter
from fnmatch import fnmatchcase
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

import msgspec

_SWITCHBOARD = "/_faults"
_HEADERS_NOT_PASSED_ON = frozenset({"connection", "keep-alive", "transfer-encoding", "content-length", "host"})
_TIMEOUT_SECONDS = 120.0


class Faults(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What goes wrong. Counts with ``next`` run down; ``every`` stays until it is set anew.

    ``only_methods`` are patterns of RPC methods such as ``model.account.invoice.*``; none means every call.
    """

    drop_answer_next: int = 0  #: the ERP does the work, the answer is cut
    drop_answer_every: int = 0  #: … for every n-th call
    drop_answer_once_each: bool = False  #: … for the first call of every method from now
    nonsense_every: int = 0  #: the ERP does the work of every n-th call, and something else answers
    lose_request_next: int = 0  #: the call never reaches the ERP, and nobody says so
    unavailable_next: int = 0  #: 503, and the ERP does not see the call
    unavailable_for_seconds: float = 0.0  #: … as long as this
    delay_ms: int = 0
    only_methods: tuple[str, ...] = ()


class FaultProxy:
    """The proxy, on a free port of this machine."""

    def __init__(self, target: str) -> None:
        address = urlsplit(target)
        assert address.hostname is not None
        self.target = (address.hostname, address.port or 80)
        self._lock = threading.Lock()
        self._faults = Faults()
        self._unavailable_until = 0.0
        self._calls: Counter[str] = Counter()
        self._counts: Counter[str] = Counter()
        self._server = _Server(self)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()

    @property
    def url(self) -> str:
        """The address to give to the connector instead of the ERP's."""
        return f"http://127.0.0.1:{self._server.server_port}"

    @property
    def counts(self) -> dict[str, int]:
        """How many calls were forwarded, and how many suffered which fault, since the start."""
        with self._lock:
            return dict(self._counts)

    def set(self, faults: Faults) -> None:
        """Turn the switches."""
        with self._lock:
            self._faults = faults
            self._unavailable_until = time.monotonic() + faults.unavailable_for_seconds
            self._calls.clear()

    def state(self) -> dict[str, Any]:
        """What ``GET /_faults`` answers."""
        with self._lock:
            return {"faults": msgspec.to_builtins(self._faults), "counts": dict(self._counts)}

    def fate_of(self, method: str) -> tuple[str, int]:
        """What happens to this call (``pass`` or the name of a fault), and its delay."""
        with self._lock:
            faults = self._faults
            patterns = faults.only_methods
            if patterns and not any(fnmatchcase(method, pattern) for pattern in patterns):
                fate, delay_ms = "pass", 0
            else:
                self._calls[method] += 1
                fate, delay_ms = self._next_fate(first=self._calls[method] == 1), faults.delay_ms
            self._counts[fate] += 1
            return fate, delay_ms

    def _next_fate(self, *, first: bool) -> str:
        faults = self._faults
        if time.monotonic() < self._unavailable_until:
            return "unavailable"
        for fate in ("unavailable", "lose_request", "drop_answer"):
            left = getattr(faults, f"{fate}_next")
            if left:
                self._faults = msgspec.structs.replace(faults, **{f"{fate}_next": left - 1})
                return fate
        if faults.drop_answer_once_each and first:
            return "drop_answer"
        if faults.nonsense_every and self._calls.total() % faults.nonsense_every == 0:
            return "nonsense"
        if faults.drop_answer_every and self._calls.total() % faults.drop_answer_every == 0:
            return "drop_answer"
        return "pass"


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, proxy: FaultProxy) -> None:
        self.proxy = proxy
        super().__init__(("127.0.0.1", 0), _Handler)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A caller that hangs up is no news here."""


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    protocol_version = "HTTP/1.1"
    timeout = _TIMEOUT_SECONDS

    def do_GET(self) -> None:
        if self.path == _SWITCHBOARD:
            self._answer(200, json.dumps(self.server.proxy.state()).encode())
        else:
            self._answer(404, b"{}")

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if self.path == _SWITCHBOARD:
            self._turn_switches(body)
            return
        fate, delay_ms = self.server.proxy.fate_of(_method_of(body))
        time.sleep(delay_ms / 1000)
        match fate:
            case "unavailable":
                self._answer(503, b"{}")
            case "lose_request":
                self._hang_up()
            case "nonsense":
                self._forward(body)
                self._answer(200, b"<html>Have you tried our new portal?</html>", [("Content-Type", "text/html")])
            case "drop_answer":
                self._forward(body)
                self._hang_up()
            case _:
                status, headers, answer = self._forward(body)
                self._answer(status, answer, headers)

    def _turn_switches(self, body: bytes) -> None:
        try:
            faults = msgspec.json.decode(body or b"{}", type=Faults)
        except msgspec.ValidationError as error:
            self._answer(400, json.dumps({"error": str(error)}).encode())
        else:
            self.server.proxy.set(faults)
            self._answer(200, json.dumps(self.server.proxy.state()).encode())

    def _forward(self, body: bytes) -> tuple[int, list[tuple[str, str]], bytes]:
        connection = http.client.HTTPConnection(*self.server.proxy.target, timeout=_TIMEOUT_SECONDS)
        try:
            headers = {k: v for k, v in self.headers.items() if k.lower() not in _HEADERS_NOT_PASSED_ON}
            connection.request("POST", self.path, body, headers)
            response = connection.getresponse()
            return response.status, response.getheaders(), response.read()
        except OSError:  # The ERP itself is away; a proxy says so.
            return 502, [], b"{}"
        finally:
            connection.close()

    def _answer(self, status: int, body: bytes, headers: list[tuple[str, str]] | None = None) -> None:
        self.send_response(status)
        for name, value in headers or [("Content-Type", "application/json")]:
            if name.lower() not in _HEADERS_NOT_PASSED_ON | {"server", "date"}:
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _hang_up(self) -> None:
        """End the connection without a word."""
        self.close_connection = True

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing; the counts do."""


def _method_of(body: bytes) -> str:
    try:
        return str(json.loads(body)["method"])
    except (ValueError, KeyError, TypeError):
        return ""
