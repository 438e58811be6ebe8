"""Talks to NATS JetStream. Knows no business.

A message is acknowledged only after its document was taken, so a crash brings it again. While documents are read, the
server is told that we are still at it. Each document of ours has a subject of its own, on which the server accepts one
message and no second.
"""

import asyncio
import ssl
import threading
from base64 import b32encode
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager, suppress
from email.header import decode_header
from hashlib import sha256
from pathlib import Path
from typing import Any, TypeVar

import nats
import nats.js.errors
import structlog
from msgspec import Struct
from nats.aio.client import Client, RawCredentials
from nats.aio.msg import Msg
from nats.js.api import AckPolicy, ConsumerConfig, ConsumerInfo

from tieout.connectors.channels import AnswerLostError, Arrival, InTray, OutTray, Placed, Spool
from tieout.connectors.channels.trays import ChannelClient, plain_name
from tieout.connectors.nats_stream.config import NatsConfig
from tieout.kernel.clock import to_micros
from tieout.kernel.errors import ConfigError, PermanentError, TieoutError, TransientError
from tieout.ports import Taken

T = TypeVar("T")

LOG = structlog.get_logger("tieout.connectors.nats_stream")

_WRONG_LAST_SEQUENCE = 10071
"""The server's own code: another message was on this subject already."""
_DENIED = (nats.errors.AuthorizationError, nats.errors.InvalidUserCredentialsError)
_FOREVER = -1
_HEADER_MAX = 200


class Secrets(Struct, frozen=True):
    """The secrets behind the references of the configuration. They appear in nothing that is shown."""

    password: str = ""
    token: str = ""
    credentials: str = ""

    def __repr__(self) -> str:
        return "Secrets(…)"


class NatsClient(ChannelClient):
    """One account at one cluster. The event loop of the library runs in a thread; each visit is a connection."""

    def __init__(self, config: NatsConfig, secrets: Secrets, base: Path) -> None:
        self._config = config
        self._secrets = secrets
        self._base = base
        self._loop: asyncio.AbstractEventLoop | None = None
        self._lock = threading.Lock()

    def close(self) -> None:
        """End the thread."""
        with self._lock:
            if self._loop is not None:
                self._loop.call_soon_threadsafe(self._loop.stop)
                self._loop = None

    @contextmanager
    def receiving(self) -> Iterator[InTray]:
        """Connect to the consumer, which is made if it is not there."""
        with self._connected() as visit:
            tray = NatsInTray(self._config, visit)
            try:
                tray.bind()
                yield tray
            finally:
                tray.end()

    @contextmanager
    def sending(self) -> Iterator[OutTray]:
        """Connect."""
        with self._connected() as visit:
            yield NatsOutTray(self._config, visit)

    @contextmanager
    def _connected(self) -> Iterator["Visit"]:
        loop = self._running()
        timeout = self._config.timeout_seconds
        with _said(self._config):
            client = _wait(loop, self._connect(), timeout + 1)
        try:
            yield Visit(self._config, loop, client)
        finally:
            with suppress(Exception):  # whatever was to be said has been said
                _wait(loop, client.close(), 5.0)

    def _running(self) -> asyncio.AbstractEventLoop:
        with self._lock:
            if self._loop is None:
                self._loop = asyncio.new_event_loop()
                threading.Thread(target=self._loop.run_forever, name="nats", daemon=True).start()
            return self._loop

    async def _connect(self) -> Client:
        config, secrets = self._config, self._secrets
        async with asyncio.timeout(config.timeout_seconds):
            return await nats.connect(
                list(config.servers),
                allow_reconnect=False,
                max_reconnect_attempts=1,
                reconnect_time_wait=0,
                connect_timeout=max(1, int(config.timeout_seconds)),
                error_cb=_told,
                tls=self._tls(),
                user=config.user or None,
                password=secrets.password or None,
                token=secrets.token or None,
                user_credentials=RawCredentials(secrets.credentials) if secrets.credentials else None,
            )

    def _tls(self) -> ssl.SSLContext | None:
        config = self._config
        if not (config.ca_file or config.certificate_file or any(each.startswith("tls") for each in config.servers)):
            return None
        context = ssl.create_default_context(cafile=str(self._base / config.ca_file) if config.ca_file else None)
        if config.certificate_file:
            context.load_cert_chain(self._base / config.certificate_file, self._base / config.key_file)
        return context


class Visit:
    """One connection, used from a plain thread."""

    def __init__(self, config: NatsConfig, loop: asyncio.AbstractEventLoop, client: Client) -> None:
        self._config = config
        self._loop = loop
        self.client = client
        self.stream = client.jetstream(timeout=config.timeout_seconds)
        self.manager = client.jsm(timeout=config.timeout_seconds)

    def do(self, work: Coroutine[Any, Any, T], *, late: TieoutError | None = None) -> T:
        """Do a piece of work, within the time-out. ``late`` is what it means when not even the library came back."""
        with _said(self._config):
            try:
                return _wait(self._loop, work, self._config.timeout_seconds + 1)
            except TimeoutError as error:
                raise late or error from error

    def start(self, work: Coroutine[Any, Any, None]) -> Any:
        """Have something go on beside what we do."""
        return asyncio.run_coroutine_threadsafe(work, self._loop)


class NatsInTray(InTray):
    """What the consumer hands out. Messages are in hand from when they are listed until they are taken or left."""

    def __init__(self, config: NatsConfig, visit: Visit) -> None:
        self._config = config
        self._visit = visit
        self._hand: dict[str, Msg] = {}
        self._left = 0
        self._beating: Any = None
        self._subscription: Any = None

    def bind(self) -> None:
        """Take up the consumer. One that gives up on messages, or takes them as read, would lose documents."""
        config = self._config
        consumer = ConsumerConfig(ack_policy=AckPolicy.EXPLICIT, ack_wait=config.ack_wait_seconds, max_deliver=_FOREVER)
        js = self._visit.stream
        self._subscription = self._visit.do(
            js.pull_subscribe(config.subject, durable=config.durable, stream=config.stream, config=consumer)
        )
        found = self._info().config
        if found.ack_policy != AckPolicy.EXPLICIT or (found.max_deliver or _FOREVER) != _FOREVER:
            raise ConfigError(
                f"the consumer {config.durable} of {config.stream} must have ack policy explicit and no max_deliver "
                f"(it has {found.ack_policy}, {found.max_deliver}), or documents could be left behind; change it, or "
                "name another `durable`"
            )
        self._beating = self._visit.start(self._beat((found.ack_wait or config.ack_wait_seconds) / 3))

    def _info(self) -> ConsumerInfo:
        config = self._config
        info: ConsumerInfo = self._visit.do(self._visit.manager.consumer_info(config.stream, config.durable))
        return info

    async def _beat(self, seconds: float) -> None:
        """Say that we are still at it, so that nobody else gets what we have in hand."""
        while True:
            await asyncio.sleep(seconds)
            for message in list(self._hand.values()):
                with suppress(Exception):
                    await message.in_progress()

    def end(self) -> None:
        """Give back what is still in hand."""
        if self._beating is not None:
            self._beating.cancel()
        with suppress(Exception):
            for place in list(self._hand):
                self._give_back(place, 1.0)

    def listing(self) -> Iterator[Arrival]:
        """The next messages. They are given to nobody else while we have them."""
        for message in self._visit.do(self._fetch()):
            place = str(message.metadata.sequence.stream)
            self._hand[place] = message
            yield self._arrival(place, message)

    async def _fetch(self) -> list[Msg]:
        try:
            found: list[Msg] = await self._subscription.fetch(
                max(2, self._config.files_per_pull), timeout=self._config.poll_seconds
            )
        except (nats.errors.TimeoutError, TimeoutError):
            return []
        return found

    def _arrival(self, place: str, message: Msg) -> Arrival:
        headers = message.headers or {}
        name = plain_name(_text(headers.get(self._config.name_header, "")))[:_HEADER_MAX]
        return Arrival(
            name=name or f"{self._config.stream}-{place}",
            place=place,
            size=len(message.data),
            modified=to_micros(message.metadata.timestamp),
            version=place,
            media_type=plain_name(_text(headers.get(self._config.type_header, "")))[:_HEADER_MAX],
            finished=True,
            tries=message.metadata.num_delivered - 1,
        )

    def fetch(self, arrival: Arrival, spool: Spool) -> bool:
        """It is in hand."""
        if arrival.place not in self._hand:
            return False
        spool.add(self._hand[arrival.place].data)
        return True

    def put_away(self, arrival: Arrival, taken: Taken) -> None:
        """Acknowledge it, and have the server say that it heard us."""
        message = self._hand.pop(arrival.place, None)
        if message is not None:
            self._visit.do(_acknowledge(message, self._config.timeout_seconds))

    def ignore(self, arrival: Arrival) -> None:
        """The server need not hand it out again; it says that it heard us, so that it does not count as waiting."""
        message = self._hand.pop(arrival.place, None)
        if message is not None:
            self._visit.do(_end(self._visit.client, message, self._config.timeout_seconds))

    def leave(self, arrival: Arrival, seconds: float) -> None:
        """Give it back, to be handed out again after a while."""
        self._left += 1
        self._give_back(arrival.place, seconds)

    def _give_back(self, place: str, seconds: float) -> None:
        message = self._hand.pop(place, None)
        if message is not None:
            self._visit.do(message.nak(seconds))

    def behind(self) -> int:
        """What the consumer has not handed out yet, or handed out to nobody who took it."""
        info = self._info()
        return (info.num_pending or 0) + max(0, (info.num_ack_pending or 0) - self._left)


class NatsOutTray(OutTray):
    """Where our documents are published."""

    def __init__(self, config: NatsConfig, visit: Visit) -> None:
        self._config = config
        self._visit = visit

    def find(self, name: str, body: bytes) -> Placed | None:
        """The message on this document's own subject."""
        return self._visit.do(self._find(self._subject(name), body))

    def place(self, name: str, body: bytes, media_type: str) -> Placed:
        """Publish it; the server refuses when its subject has a message already, and knows a repetition by its id."""
        return self._visit.do(
            self._publish(name, body, media_type), late=AnswerLostError(f"{name}: published, and nobody answered")
        )

    def _subject(self, name: str) -> str:
        token = b32encode(sha256(name.encode()).digest()[:15]).decode().lower()
        return f"{self._config.publish_to}.{token}"

    async def _find(self, subject: str, body: bytes) -> Placed | None:
        stream = await self._visit.stream.find_stream_name_by_subject(subject)
        try:
            found = await self._visit.manager.get_msg(stream, subject=subject)
        except nats.js.errors.NotFoundError:
            return None
        return Placed(f"{stream}/{found.seq}", (found.data or b"") == body)

    async def _publish(self, name: str, body: bytes, media_type: str) -> Placed:
        subject = self._subject(name)
        headers = {
            "Nats-Msg-Id": sha256(name.encode() + b"\x1f" + body).hexdigest(),
            "Nats-Expected-Last-Subject-Sequence": "0",
            self._config.name_header: name,
            self._config.type_header: media_type,
        }
        try:
            said = await self._visit.stream.publish(subject, body, headers=headers)
        except nats.errors.MaxPayloadError as error:
            raise PermanentError(f"{name} is larger than the server takes ({len(body)} bytes)") from error
        except nats.js.errors.APIError as error:
            found = await self._find(subject, body) if error.err_code == _WRONG_LAST_SEQUENCE else None
            if found is None:
                raise TransientError(f"the server did not store {name}: {error.description}") from error
            return found
        except (nats.errors.Error, OSError, TimeoutError, ValueError, KeyError) as error:
            if isinstance(error, nats.js.errors.NoStreamResponseError):
                raise
            raise AnswerLostError(f"{name}: published, and nobody answered: {type(error).__name__}") from error
        return Placed(f"{said.stream}/{said.seq}")


async def _acknowledge(message: Msg, seconds: float) -> None:
    await message.ack_sync(timeout=seconds)


async def _end(client: Client, message: Msg, seconds: float) -> None:
    await client.request(message.reply, Msg.Ack.Term, timeout=seconds)


async def _told(error: Exception) -> None:
    """The library tells its troubles here; what they mean for us is decided where they are raised."""
    LOG.debug("nats", error=f"{type(error).__name__}: {error}")


def _wait(loop: asyncio.AbstractEventLoop, work: Coroutine[Any, Any, T], seconds: float) -> T:
    task = asyncio.run_coroutine_threadsafe(work, loop)
    try:
        return task.result(seconds)
    except TimeoutError:
        task.cancel()
        raise


@contextmanager
def _said(config: NatsConfig) -> Iterator[None]:
    """What went wrong, in the words of the engine. (Publishing says by itself when an answer was lost.)"""
    where = ", ".join(config.servers)
    try:
        yield
    except nats.js.errors.NotFoundError as error:
        raise ConfigError(f"{where}: no stream or consumer as configured ({error.description})") from error
    except (nats.js.errors.NoStreamResponseError, nats.errors.NoRespondersError) as error:
        raise ConfigError(f"{where}: no stream takes {config.publish_to}.*, or JetStream is off") from error
    except ModuleNotFoundError as error:
        raise ConfigError(
            f"credentials need a library that is not installed; pip install 'tieout[nats]': {error}"
        ) from error
    except (ssl.SSLError, nats.errors.SecureConnRequiredError, nats.errors.SecureConnWantedError) as error:
        raise ConfigError(f"{where}: the secured connection failed: {error}") from error
    except (nats.errors.Error, OSError, TimeoutError, ValueError, KeyError) as error:
        if isinstance(error, _DENIED) or "authorization violation" in str(error).lower():
            raise ConfigError(f"{where}: access denied; check user, token or credentials") from error
        raise TransientError(f"{where}: {type(error).__name__}: {error}") from error


def _text(header: Any) -> str:
    """The library does not decode a header that is not ASCII; everybody writes UTF-8."""
    if isinstance(header, str):
        return header
    parts = (part if isinstance(part, bytes) else part.encode() for part, _ in decode_header(header))
    return b"".join(parts).decode("utf-8", "replace")
