"""How a counterpart system is run: as a process (``python -m tieout_lab.ap``), or in a thread of a test.

A process prints one JSON line (its *card*: address, secrets) once it listens, and serves until SIGTERM, SIGINT or, with
``--stop-with-stdin``, until whoever started it goes away. After ``kill -9`` it goes on from its own store, on the same
port if that is free.
"""

import argparse
import asyncio
import json
import os
import secrets
import signal
import socket
import sys
import threading
from collections.abc import Callable, Coroutine, Iterator, Mapping, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self, cast

import msgspec
import uvicorn
from litestar import Litestar, Request, Response
from litestar.exceptions import HTTPException
from litestar.openapi.config import OpenAPIConfig
from litestar.openapi.plugins import JsonRenderPlugin
from litestar.types import ControllerRouterHandler
from msgspec import Struct
from uvicorn.protocols.http.h11_impl import H11Protocol

from tieout_lab.faults import FaultMiddleware, Switchboard, fault_routes

HOST = "127.0.0.1"
BODY_MAX = 20_000_000

#: A background job of a server: runs until it is cancelled.
Job = Callable[[], Coroutine[Any, Any, None]]


class Card(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How to reach a running server. ``secrets`` has the values, ``secret_files`` the files that hold them."""

    name: str
    title: str
    url: str
    pid: int
    folder: str
    secrets: dict[str, str] = {}
    secret_files: dict[str, str] = {}
    more: dict[str, str] = {}


class Refusal(Exception):
    """A server says no: an HTTP status, a stable code and a sentence."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status, self.code, self.message = status, code, message


class Service:
    """A counterpart system, built and ready to listen. ``more`` goes onto its card (the bank: SFTP address and key)."""

    def __init__(
        self,
        *,
        name: str,
        title: str,
        folder: Path,
        app: Litestar,
        jobs: Sequence[Job] = (),
        secrets: Mapping[str, str] | None = None,
        more: Mapping[str, str] | None = None,
        close: Callable[[], None] = lambda: None,
    ) -> None:
        self.name, self.title, self.folder, self.app = name, title, folder, app
        self.jobs = list(jobs)
        self.secrets = dict(secrets or {})
        self.more = dict(more or {})
        self.close = close

    def card(self, port: int) -> Card:
        """What to tell those who want to talk to it."""
        return Card(
            name=self.name,
            title=self.title,
            url=f"http://{HOST}:{port}",
            pid=os.getpid(),
            folder=str(self.folder),
            secrets=self.secrets,
            secret_files={key: str(self.folder / "secrets" / key) for key in self.secrets},
            more=self.more,
        )


#: Builds a service in a folder. Called in the thread in which it will run.
Builder = Callable[[Path], Service]
#: Gives an error (status, code, message) a product's own shape: the status it answers with, and the body.
ErrorShape = Callable[[int, str, str], tuple[int, Any]]


def secret(folder: Path, name: str, make: Callable[[], str] = lambda: secrets.token_urlsafe(24)) -> str:
    """A secret of this server: made once, kept in a file only its owner can read."""
    path = folder / "secrets" / name
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        path.touch(mode=0o600)
        path.write_text(make())
    return path.read_text()


def bind(folder: Path, slot: str, port: int = 0) -> socket.socket:
    """Listen on a port: the one asked for, else the one used last time if it is free, else any."""
    memory = folder / "ports.json"
    ports: dict[str, int] = json.loads(memory.read_text()) if memory.exists() else {}
    for candidate in [port] if port else [ports.get(slot, 0), 0]:
        # With its protocol named, asyncio switches Nagle's algorithm off; without, every answer waits 40 ms.
        listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((HOST, candidate))
        except OSError:
            listener.close()
            continue
        listener.listen(200)
        listener.setblocking(False)
        ports[slot] = listener.getsockname()[1]
        memory.parent.mkdir(parents=True, exist_ok=True)
        memory.write_text(json.dumps(ports))
        return listener
    raise SystemExit(f"port {port} is taken; choose another with --port, or 0 for any free one")


def make_app(
    title: str, handlers: Sequence[ControllerRouterHandler], switchboard: Switchboard, shape: ErrorShape
) -> Litestar:
    """The HTTP side of a server: its handlers, the switchboard in front of them, and errors in its own shape."""

    def answer(status: int, code: str, message: str) -> Response[Any]:
        status, body = shape(status, code, message)
        return Response(body, status_code=status)

    def refused(_request: Request[Any, Any, Any], error: Refusal) -> Response[Any]:
        return answer(error.status, error.code, error.message)

    def http_error(_request: Request[Any, Any, Any], error: HTTPException) -> Response[Any]:
        code = {400: "bad_request", 401: "unauthorized", 404: "not_found", 405: "method_not_allowed"}
        extra = f" {json.dumps(error.extra)}" if error.extra else ""
        return answer(error.status_code, code.get(error.status_code, "error"), f"{error.detail}{extra}")

    app = Litestar(
        route_handlers=[*handlers, fault_routes(switchboard)],
        middleware=[FaultMiddleware(switchboard)],
        exception_handlers={Refusal: refused, HTTPException: http_error},
        openapi_config=OpenAPIConfig(title=title, version="1", path="/docs", render_plugins=[JsonRenderPlugin()]),
        request_max_body_size=BODY_MAX,
        logging_config=None,
        debug=False,
    )
    named = (handler.name for route in app.routes for handler in getattr(route, "route_handlers", []))
    switchboard.operations = sorted({*switchboard.operations, *(name for name in named if name and "." in name)})
    return app


class _Protocol(H11Protocol):
    """HTTP/1.1 whose connection the switchboard can cut: the caller sees it close with no answer at all."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        inner = self.app

        async def app(scope: Any, receive: Any, send: Any) -> None:
            def cut() -> None:
                self.transport.abort()

            scope["extensions"] = {"tieout_lab.cut": cut}
            await inner(scope, receive, send)

        self.app = app


class _Server(uvicorn.Server):
    """uvicorn that leaves signals to us, so that it also runs in a thread, and stops at once when told to."""

    def __init__(self, config: uvicorn.Config, stop: asyncio.Event) -> None:
        super().__init__(config)
        self._stop = stop

    async def main_loop(self) -> None:
        await self._stop.wait()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


async def serve(service: Service, listener: socket.socket, stop: asyncio.Event) -> None:
    """Serve until told to stop. A background job that fails takes the server down with it, loudly."""
    config = uvicorn.Config(
        cast(Any, service.app),
        http=_Protocol,
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        date_header=False,
        timeout_graceful_shutdown=1,
    )
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(job()) for job in service.jobs]
        try:
            await _Server(config, stop).serve(sockets=[listener])
        finally:
            for task in tasks:
                task.cancel()


def main(name: str, builder: Builder, *, description: str, example: str, argv: Sequence[str] | None = None) -> None:
    """The command line of a server."""
    parser = argparse.ArgumentParser(
        prog=f"python -m tieout_lab.{name}",
        description=description,
        epilog=example,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--folder", type=Path, required=True, help="where it keeps its store, files and secrets")
    parser.add_argument("--port", type=int, default=0, help="HTTP port on 127.0.0.1 (default 0: last time's, or any)")
    parser.add_argument("--stop-with-stdin", action="store_true", help="stop when standard input ends")
    arguments = parser.parse_args(argv)
    folder = arguments.folder.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    listener = bind(folder, "http", arguments.port)
    service = builder(folder)

    async def run() -> None:
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stop.set)
        if arguments.stop_with_stdin:
            loop.add_reader(sys.stdin.fileno(), _stop_at_end_of_input, stop)
        print(msgspec.json.encode(service.card(listener.getsockname()[1])).decode(), flush=True)
        await serve(service, listener, stop)

    try:
        asyncio.run(run())
    finally:
        service.close()


def _stop_at_end_of_input(stop: asyncio.Event) -> None:
    if not os.read(sys.stdin.fileno(), 4096):
        stop.set()


class Hosted:
    """A server in a thread of this process: for tests. ``with Hosted(build, folder) as server: server.card.url``."""

    def __init__(self, builder: Builder, folder: Path) -> None:
        self._builder, self._folder = builder, folder.resolve()
        self._thread: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop: asyncio.Event | None = None
        self.card: Card

    def start(self) -> Card:
        """Start, and return once it listens."""
        card: Future[Card] = Future()
        self._thread = threading.Thread(target=self._run, args=(card,), name=f"lab {self._folder.name}", daemon=True)
        self._thread.start()
        self.card = card.result(timeout=60)
        return self.card

    def ask_to_stop(self) -> None:
        """Without waiting for it."""
        if self._thread is not None and self._thread.is_alive():
            assert self._loop is not None
            assert self._stop is not None
            self._loop.call_soon_threadsafe(self._stop.set)

    def stop(self) -> None:
        """Stop, and return once everything is closed."""
        if self._thread is None:
            return
        self.ask_to_stop()
        self._thread.join(timeout=10)
        assert not self._thread.is_alive(), f"the server in {self._folder} did not stop"
        self._thread = None

    def _run(self, card: Future[Card]) -> None:
        async def run() -> None:
            self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
            listener = bind(self._folder, "http")
            service = self._builder(self._folder)
            try:
                card.set_result(service.card(listener.getsockname()[1]))
                await serve(service, listener, self._stop)
            finally:
                service.close()

        try:
            asyncio.run(run())
        except BaseException as error:
            if not card.done():
                card.set_exception(error)
            raise

    def __enter__(self) -> Self:
        self._folder.mkdir(parents=True, exist_ok=True)
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
