"""Live pages: one look a second at the head of the log, told to every browser that listens.

Nothing but "something changed" goes over the stream; the browser then asks for its page again, which costs nothing
when the page is still the same (ETag).
"""

import asyncio
from collections.abc import AsyncIterator

import structlog
from litestar import get
from litestar.handlers import HTTPRouteHandler
from litestar.response import ServerSentEvent, ServerSentEventMessage

from tieout.http.callers import Req, caller_of
from tieout.http.door import Door

LOG = structlog.get_logger("tieout.live")

EVERY_SECONDS = 1.0
STREAM_SECONDS = 300.0
"""A stream ends after so long and the browser opens a new one: so a server can be stopped, and sessions end."""
_BEAT_SECONDS = 15.0


class Pulse:
    """Watches the log for all streams of this process. It looks only while somebody listens."""

    def __init__(self, door: Door) -> None:
        self._door = door
        self._token = ""
        self._changed = asyncio.Event()
        self._listeners = 0
        self._watching: asyncio.Task[None] | None = None
        self._stopped = False
        self._loop: asyncio.AbstractEventLoop | None = None

    async def changes(self) -> AsyncIterator[str]:
        """The token of the log now and whenever it changes; an empty text as a sign of life."""
        loop = self._loop = asyncio.get_running_loop()
        ends = loop.time() + STREAM_SECONDS
        self._listeners += 1
        if self._watching is None or self._watching.done():
            self._watching = loop.create_task(self._watch())
        try:
            while not self._stopped and loop.time() < ends:
                changed, last = self._changed, self._token
                yield last
                try:
                    await asyncio.wait_for(changed.wait(), _BEAT_SECONDS)
                except TimeoutError:
                    yield ""
        finally:
            self._listeners -= 1

    async def _watch(self) -> None:
        while self._listeners and not self._stopped:
            try:
                token = await self._door.write(self._door.token)
            except Exception as error:
                LOG.warning("live_look_failed", error=str(error))
                token = self._token
            if token != self._token:
                self._token = token
                self._changed.set()
                self._changed = asyncio.Event()
            await asyncio.sleep(EVERY_SECONDS)

    async def stop(self) -> None:
        """End all streams."""
        self._stopped = True
        self._changed.set()
        if self._watching:
            self._watching.cancel()

    def end(self) -> None:
        """End all streams, from any thread: to be called when a server is told to stop, before it waits for them."""
        self._stopped = True
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._changed.set)


def live_route(pulse: Pulse) -> HTTPRouteHandler:
    """GET /live: server-sent events."""

    @get("/live", include_in_schema=False)
    async def live(request: Req) -> ServerSentEvent:
        caller_of(request)

        async def told() -> AsyncIterator[ServerSentEventMessage]:
            yield ServerSentEventMessage(retry=3000, comment="tieout")
            last = None
            async for token in pulse.changes():
                if token == "":
                    yield ServerSentEventMessage(comment="alive")
                elif token != last:
                    last = token
                    yield ServerSentEventMessage(event="change", data=token)

        return ServerSentEvent(told(), headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"})

    return live
