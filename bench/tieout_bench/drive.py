"""A closed loop of invoices over HTTP: so many connections, so many invoices on their way, as fast as it goes."""

import asyncio
import time
from collections.abc import Callable

import uvloop
from msgspec import Struct

_LOOK_SECONDS = 0.1
_DRAIN_SECONDS = 15.0


class Load(Struct, frozen=True, kw_only=True):
    """What is sent where. ``body(number)`` is the body that carries the invoices from ``number`` on."""

    port: int
    path: str
    body: Callable[[int], bytes]
    headers: dict[str, str] = {}
    first: int = 0
    invoices_per_call: int = 1
    connections: int = 32
    on_their_way: int = 400
    warm_seconds: float = 2.0
    seconds: float = 12.0


class Driven(Struct, frozen=True, kw_only=True):
    """What came of it: ``done`` in the measured ``seconds``; of all that were ``sent``, ``missing`` never got done."""

    done: int
    seconds: float
    sent: int
    missing: int


class _Line:
    """One kept connection."""

    def __init__(self, load: Load) -> None:
        self._port = load.port
        told = {"Host": "127.0.0.1", "Content-Type": "application/json", **load.headers}
        lines = "".join(f"{name}: {value}\r\n" for name, value in told.items())
        self._head = f"POST {load.path} HTTP/1.1\r\n{lines}Content-Length: "

    async def open(self) -> None:
        self._in, self._out = await asyncio.open_connection("127.0.0.1", self._port)

    async def post(self, body: bytes) -> int:
        """Send a body and return the status of the answer."""
        self._out.write(f"{self._head}{len(body)}\r\n\r\n".encode() + body)
        head = (await self._in.readuntil(b"\r\n\r\n")).lower()
        length = head.partition(b"\r\ncontent-length:")[2].partition(b"\r\n")[0]
        await self._in.readexactly(int(length or 0))
        return int(head.split(b" ", 2)[1])

    def close(self) -> None:
        self._out.close()


class _Driver:
    def __init__(self, load: Load, count: Callable[[], int]) -> None:
        self._load = load
        self._count = count
        self._sent = 0
        self._done = 0
        self._over = False

    async def run(self) -> Driven:
        async with asyncio.TaskGroup() as tasks:
            looking = tasks.create_task(self._look())
            senders = [tasks.create_task(self._send()) for _ in range(self._load.connections)]
            await asyncio.sleep(self._load.warm_seconds)
            before, started = await self._look_once(), time.perf_counter()
            await asyncio.sleep(self._load.seconds)
            after, ended = await self._look_once(), time.perf_counter()
            self._over = True
            await asyncio.wait(senders)
            await self._drained()
            looking.cancel()
        return Driven(done=after - before, seconds=ended - started, sent=self._sent, missing=self._sent - self._done)

    async def _send(self) -> None:
        load, line = self._load, _Line(self._load)
        await line.open()
        while not self._over:
            if self._sent - self._done > load.on_their_way:
                await asyncio.sleep(0.005)
                continue
            first = load.first + self._sent
            self._sent += load.invoices_per_call
            status = await line.post(load.body(first))
            if status != 202:
                raise RuntimeError(f"an invoice was answered {status} at {load.path}")
        line.close()

    async def _look(self) -> None:
        while True:
            await self._look_once()
            await asyncio.sleep(_LOOK_SECONDS)

    async def _look_once(self) -> int:
        self._done = await asyncio.to_thread(self._count)
        return self._done

    async def _drained(self) -> None:
        end = time.perf_counter() + _DRAIN_SECONDS
        while self._done < self._sent and time.perf_counter() < end:
            await asyncio.sleep(_LOOK_SECONDS)


def drive(load: Load, count: Callable[[], int]) -> Driven:
    """Run the loop; ``count`` says how many invoices are done by now."""
    return uvloop.run(_Driver(load, count).run())
