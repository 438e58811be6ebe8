"""Documents as messages, against a real NATS server with JetStream that ends with the tests."""

import asyncio
import shutil
import socket
import ssl
import subprocess
import sys
import threading
from collections.abc import Coroutine, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from email.header import decode_header
from ipaddress import ip_address
from pathlib import Path
from typing import Any, TypeVar
from uuid import uuid4

import nats
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from nats.js.api import AckPolicy, ConsumerConfig, RetentionPolicy, StreamConfig
from structlog.testing import capture_logs
from tests.lab.kit import eventually

from tieout.conformance.channel import ChannelConformance, Desk
from tieout.conformance.connector import ConnectorConformance, Misbehaviour
from tieout.connectors.nats_stream import NatsConfig, Secrets, connect, open_stream
from tieout.kernel.clock import VirtualClock
from tieout.kernel.errors import ConfigError, TransientError
from tieout.model.effects import SendDocument, effect_id
from tieout.ports import Absent, Applied, Connector, Documents, Effect, Refused, Retry, Unknown

T = TypeVar("T")
PASSWORD = "correct-horse-battery"


def binary() -> str:
    beside = Path(sys.executable).with_name("nats-server")
    return str(beside) if beside.is_file() else shutil.which("nats-server") or "nats-server"


class Server:
    """nats-server on a free port, and a client of the partner's."""

    def __init__(self, folder: Path, more: str = "", tls: ssl.SSLContext | None = None) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = int(free.getsockname()[1])
        config = folder / "nats.conf"
        config.write_text(
            f'listen: "127.0.0.1:{self.port}"\njetstream {{ store_dir: "{folder}" }}\nmax_payload: 100000\n'
            f'authorization {{ users: [{{ user: "acme", password: "{PASSWORD}" }}] }}\n{more}\n'
        )
        self.process = subprocess.Popen([binary(), "-c", str(config)], stderr=subprocess.DEVNULL)
        self.url = f"nats://127.0.0.1:{self.port}"
        self._loop = asyncio.new_event_loop()
        threading.Thread(target=self._loop.run_forever, daemon=True).start()
        eventually(self._answers, seconds=20)
        self.client = self.do(nats.connect(self.url, user="acme", password=PASSWORD, tls=tls))
        self.js = self.client.jetstream()

    def _answers(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    def do(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(10)

    def end(self) -> None:
        self.do(self.client.close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self.process.terminate()
        self.process.wait(10)


def certificate(folder: Path) -> None:
    """A certificate for 127.0.0.1 that vouches for itself: ``c.pem`` and ``k.pem``."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "test")])
    address = x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))])
    signed = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(datetime.now(UTC) - timedelta(days=1))
        .not_valid_after(datetime.now(UTC) + timedelta(days=1))
        .add_extension(address, critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    (folder / "c.pem").write_bytes(signed.public_bytes(serialization.Encoding.PEM))
    (folder / "k.pem").write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )


def context_of(folder: Path) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=str(folder / "c.pem"))
    context.load_cert_chain(folder / "c.pem", folder / "k.pem")
    return context


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    server = Server(tmp_path_factory.mktemp("nats"))
    yield server
    server.end()


class Place:
    """Streams of their own for each test."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.name = f"t{uuid4().hex[:10]}"
        self.clock = VirtualClock(datetime.now(UTC))
        self.opened: list[Any] = []
        for suffix in ("in", "out"):
            config = StreamConfig(name=f"{self.name}-{suffix}", subjects=[f"{self.name}.{suffix}.>"])
            server.do(server.js.add_stream(config))

    def settings(self, **more: Any) -> dict[str, Any]:
        return {
            "servers": [self.server.url],
            "stream": f"{self.name}-in",
            "subject": f"{self.name}.in.>",
            "durable": "tieout",
            "publish_to": f"{self.name}.out",
            "user": "acme",
            "password": "env:UNUSED",
            "poll_seconds": 0.05,
            "timeout_seconds": 3.0,
            **more,
        }

    def open(self, documents: Documents, password: str = PASSWORD, **more: Any) -> Any:
        settings = self.settings(**more)
        config = NatsConfig(**{**settings, "servers": tuple(settings["servers"])})
        self.opened.append(open_stream("stream", config, Secrets(password), documents, self.clock))
        return self.opened[-1]

    def put(self, name: str, body: bytes, **headers: str) -> None:
        said = {"File-Name": name, "Content-Type": "application/xml", **headers}
        self.server.do(self.server.js.publish(f"{self.name}.in.x", body, headers=said))

    def consumer(self) -> Any:
        return self.server.do(self.server.js.consumer_info(f"{self.name}-in", "tieout"))

    def sent(self) -> dict[str, bytes]:
        info = self.server.do(self.server.js.stream_info(f"{self.name}-out"))
        found = [
            self.server.do(self.server.js.get_msg(f"{self.name}-out", seq))
            for seq in range(info.state.first_seq, info.state.last_seq + 1)
            if info.state.messages
        ]
        names = [name_of(message) for message in found]
        assert len(set(names)) == len(names), "a name went out twice"
        return {name: message.data or b"" for name, message in zip(names, found, strict=True)}


def name_of(message: Any) -> str:
    """The partner's library may be another one; what is on the wire is UTF-8."""
    raw = message.headers["File-Name"]
    if isinstance(raw, str):
        return raw
    return b"".join(part if isinstance(part, bytes) else part.encode() for part, _ in decode_header(raw)).decode()


@pytest.fixture
def place(server: Server) -> Iterator[Place]:
    place = Place(server)
    yield place
    for connector in place.opened:
        connector.close()


class TestConformance(ChannelConformance):
    large = False  # a message is never large

    @pytest.fixture(autouse=True)
    def _place(self, place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
        """What is given back comes again at once: the server's clock cannot be moved."""
        from tieout.connectors.nats_stream.client import NatsInTray

        really = NatsInTray._give_back
        monkeypatch.setattr(NatsInTray, "_give_back", lambda self, place, _seconds: really(self, place, 0))
        self.place = place

    def make(self, documents: Documents, **settings: Any) -> Connector:
        return self.place.open(documents, **settings)

    def put(self, name: str, body: bytes) -> None:
        self.place.put(name, body)

    def waiting(self) -> set[str]:
        info = self.place.consumer()
        if not info.num_pending + info.num_ack_pending:
            return set()
        first = info.ack_floor.stream_seq + 1
        stream = f"{self.place.name}-in"
        last = self.place.server.do(self.place.server.js.stream_info(stream)).state.last_seq
        found = [self.place.server.do(self.place.server.js.get_msg(stream, seq)) for seq in range(first, last + 1)]
        return {name_of(message) for message in found[: info.num_pending + info.num_ack_pending]}

    def sent(self) -> dict[str, bytes]:
        return self.place.sent()

    def wait(self, seconds: float) -> None:
        self.place.clock.move(timedelta(seconds=seconds))


class TestReceiving:
    def test_a_name_in_another_alphabet(self, place: Place) -> None:
        desk = Desk()
        place.put("Gutschrift für Müller.xml", b"<a/>")
        place.open(desk).pull("")
        assert desk.names == ["Gutschrift für Müller.xml"]

    def test_headers_say_what_it_is_called(self, place: Place) -> None:
        seen: list[tuple[str, str]] = []

        class Watching(Desk):
            def take(self, document: Any, *, name: str, media_type: str, channel: str) -> Any:
                seen.append((name, media_type))
                return super().take(document, name=name, media_type=media_type, channel=channel)

        place.put("Rechnung.xml", b"<a/>")
        place.server.do(place.server.js.publish(f"{place.name}.in.y", b"<b/>"))
        place.open(Watching()).pull("")
        assert seen == [("Rechnung.xml", "application/xml"), (f"{place.name}-in-2", "application/octet-stream")]

    def test_a_redelivery_is_a_duplicate(self, place: Place) -> None:
        """The answer to the acknowledgement is lost: the server hands the message out again."""
        from tieout.connectors.nats_stream import client

        async def lost(*_: Any) -> None:
            raise nats.errors.TimeoutError

        desk = Desk()
        place.put("a.xml", b"<a/>")
        connector = place.open(desk, ack_wait_seconds=1)
        with pytest.MonkeyPatch.context() as patched:
            patched.setattr(client, "_acknowledge", lost)
            page = connector.pull("")
        assert page.observed_at is None
        eventually(lambda: connector.pull("").observed_at, seconds=10)
        assert (desk.contents, desk.names) == ([b"<a/>"], ["a.xml", "a.xml"])

    def test_while_a_long_document_is_read_nobody_else_gets_it(self, place: Place) -> None:
        place.put("a.xml", b"<a/>")
        other: list[Any] = []

        class Slow(Desk):
            def take(self, *args: Any, **kwargs: Any) -> Any:
                desk = Desk()
                rival = place.open(desk, ack_wait_seconds=1)
                until = datetime.now(UTC) + timedelta(seconds=2.5)
                while datetime.now(UTC) < until:
                    rival.pull("")
                other.extend(desk.names)
                return super().take(*args, **kwargs)

        place.open(Slow(), ack_wait_seconds=1).pull("")
        assert other == []

    def test_what_is_left_in_hand_goes_back(self, place: Place) -> None:
        """A visit that ends before its time gives back what it has, and does not wait until the server notices."""
        place.put("a.xml", b"<a/>")
        connector = place.open(Desk())
        with connector._client.receiving() as tray:
            assert [arrival.name for arrival in tray.listing()] == ["a.xml"]
        desk = Desk()
        other = place.open(desk)
        eventually(lambda: other.pull("") and desk.names, seconds=10)  # long before the server would notice
        assert desk.names == ["a.xml"]

    @pytest.mark.parametrize(
        "config",
        [ConsumerConfig(max_deliver=3, ack_policy=AckPolicy.EXPLICIT), ConsumerConfig(ack_policy=AckPolicy.NONE)],
    )
    def test_a_consumer_that_would_lose_documents_is_refused(self, place: Place, config: ConsumerConfig) -> None:
        config.durable_name = "tieout"
        place.server.do(place.server.js.add_consumer(f"{place.name}-in", config))
        with pytest.raises(ConfigError, match="max_deliver"):
            place.open(Desk()).pull("")

    def test_what_is_ignored_does_not_come_again(self, place: Place) -> None:
        connector = place.open(Desk(), ignore=("*.txt",))
        for number in range(20):  # the server is asked what is left at once after the last of them
            place.put(f"readme-{number}.txt", b"hello")
            page = connector.pull("")
            info = place.consumer()
            assert (page.observed_at is None, info.num_pending, info.num_ack_pending) == (False, 0, 0)

    def test_what_waits_behind_is_counted(self, place: Place) -> None:
        for number in range(5):
            place.put(f"{number}.xml", b"%d" % number)
        page = place.open(Desk(), files_per_pull=2).pull("")
        assert (page.more, page.observed_at) == (True, None)
        assert place.consumer().num_pending == 3


class TestSending:
    def test_each_document_has_a_subject_of_its_own_and_an_id(self, place: Place) -> None:
        connector = place.open(Desk())
        assert connector.apply([effect_of("a.xml")]) == [Applied(reference=f"{place.name}-out/1")]
        message = place.server.do(place.server.js.get_msg(f"{place.name}-out", 1))
        assert message.subject.startswith(f"{place.name}.out.")
        assert len(message.headers["Nats-Msg-Id"]) == 64
        assert message.headers["Content-Type"] == "application/xml"

    def test_two_who_publish_at_the_same_moment_leave_one(self, place: Place) -> None:
        with place.open(Desk())._client.sending() as tray:
            assert tray.place("a.xml", b"<answer/>", "application/xml").same
            assert tray.place("a.xml", b"<answer/>", "application/xml").same
            assert not tray.place("a.xml", b"<other/>", "application/xml").same
        assert place.sent() == {"a.xml": b"<answer/>"}

    def test_one_that_is_too_large_for_the_server_is_refused(self, place: Place) -> None:
        (result,) = place.open(Desk()).apply([effect_of("a.xml", b"x" * 200_000)])
        assert isinstance(result, Refused)
        assert "larger than the server takes" in str(result.problems[0])

    def test_a_lost_answer_is_unknown_and_then_found(self, place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
        from nats.js import JetStreamContext

        really = JetStreamContext.publish

        async def lost(*args: Any, **kwargs: Any) -> Any:
            await really(*args, **kwargs)
            raise nats.errors.TimeoutError

        connector = place.open(Desk(), taken_away=False)
        with monkeypatch.context() as patched:
            patched.setattr(JetStreamContext, "publish", lost)
            (result,) = connector.apply([effect_of("a.xml")])
        assert isinstance(result, Unknown)
        assert connector.probe(effect_of("a.xml")) == Applied(reference=f"{place.name}-out/1")
        assert connector.probe(effect_of("b.xml")) == Absent()

    def test_where_readers_take_messages_away_nothing_is_promised_but_nothing_doubles_for_a_while(
        self, place: Place
    ) -> None:
        server, stream = place.server, f"{place.name}-work"
        server.do(
            server.js.add_stream(
                StreamConfig(name=stream, subjects=[f"{place.name}.work.>"], retention=RetentionPolicy.WORK_QUEUE)
            )
        )
        connector = place.open(Desk(), publish_to=f"{place.name}.work")
        assert connector.manifest.operation("send_document").lookup is False
        connector.apply([effect_of("a.xml")])
        reader = server.do(server.js.pull_subscribe(f"{place.name}.work.>", durable="partner", stream=stream))
        (message,) = server.do(reader.fetch(1))
        server.do(message.ack_sync())
        (again,) = connector.apply([effect_of("a.xml")])
        assert again == Applied(reference=f"{stream}/1")
        assert server.do(server.js.stream_info(stream)).state.messages == 0


class TestAccess:
    def test_a_wrong_password_is_a_matter_of_configuration(self, place: Place) -> None:
        with capture_logs() as logs, pytest.raises(ConfigError, match="access denied"):
            place.open(Desk(), password="guess").pull("")
        assert "guess" not in repr(logs)

    def test_tls_with_certificates_on_both_sides(self, tmp_path: Path) -> None:
        certificate(tmp_path)
        files = {"cert_file": "c.pem", "key_file": "k.pem", "ca_file": "c.pem"}
        tls = "".join(f'{name}: "{tmp_path / file}"\n' for name, file in files.items())
        secured = Server(tmp_path, f"tls {{ {tls} verify: true }}", tls=context_of(tmp_path))
        try:
            place = Place(secured)
            place.put("a.xml", b"<a/>")
            desk = Desk()
            address = [f"tls://127.0.0.1:{secured.port}"]
            ours = {"ca_file": str(tmp_path / "c.pem"), "certificate_file": str(tmp_path / "c.pem")}
            place.open(desk, servers=address, key_file=str(tmp_path / "k.pem"), **ours).pull("")
            assert desk.names == ["a.xml"]
            with pytest.raises(ConfigError, match="secured connection"):
                place.open(Desk(), servers=address).pull("")
        finally:
            secured.end()

    def test_nobody_there_is_worth_trying_again(self, place: Place) -> None:
        connector = place.open(Desk(), servers=["nats://127.0.0.1:1"])
        with pytest.raises(TransientError):
            connector.pull("")
        (result,) = connector.apply([effect_of("a.xml")])
        assert isinstance(result, Retry)

    def test_a_stream_that_is_not_there_calls_an_operator(self, place: Place) -> None:
        with pytest.raises(ConfigError, match="no stream"):
            place.open(Desk(), stream="nowhere").pull("")
        with pytest.raises(ConfigError, match="no stream"):
            place.open(Desk(), publish_to="nowhere").apply([effect_of("a.xml")])

    @pytest.mark.parametrize(
        ("wrong", "words"),
        [
            ({"servers": []}, "servers"),
            ({"servers": ["nats://me:secret@host"]}, "password"),
            ({"durable": ""}, "durable"),
            ({"publish_to": "out.>"}, "plain subject"),
            ({"stream": "", "publish_to": ""}, "publish_to"),
            ({"password": "env:NOT_THERE"}, "NOT_THERE"),
            ({"key_file": "k"}, "certificate_file"),
        ],
    )
    def test_what_is_wrong_is_named(self, place: Place, wrong: dict[str, Any], words: str) -> None:
        with pytest.raises(ConfigError, match=words):
            connect("stream", {**place.settings(), **wrong}, Path(), Desk())

    def test_out_of_a_table_of_the_configuration(self, place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("STREAM_PASSWORD", PASSWORD)
        desk = Desk()
        place.put("a.xml", b"<a/>")
        connector = connect("post", place.settings(password="env:STREAM_PASSWORD"), Path(), desk)
        assert connector.pull("").observed_at is not None
        assert desk.names == ["a.xml"]
        connector.close()


def effect_of(name: str, body: bytes = b"<answer/>") -> Effect:
    return Effect(
        effect_id=effect_id("stream", "send_document", name),
        operation="send_document",
        key=name,
        entity="DE01",
        subject=name,
        correlation=name,
        payload=SendDocument(name=name, media_type="application/xml", body=body),
    )


class TestConnectorConformance(ConnectorConformance):
    secrets = (PASSWORD,)

    @pytest.fixture(autouse=True)
    def _place(self, place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
        self.place, self._round, self._patching = place, 0, monkeypatch

    def make(self) -> Connector:
        self._round += 1
        return self.place.open(Desk(), taken_away=False)

    def effects(self, operation: str, count: int) -> Sequence[Effect]:
        return [effect_of(f"{self._round}-{number}.xml") for number in range(count)]

    def refused(self, operation: str) -> Effect:
        return effect_of("no/name.xml")

    @contextmanager
    def misbehaving(self, connector: Connector, how: Misbehaviour) -> Iterator[None]:
        """At the library's own calls: what the network does to them is what they raise."""
        from nats.aio.client import Client
        from nats.js import JetStreamContext

        really = JetStreamContext.publish

        async def publish(*args: Any, **kwargs: Any) -> Any:
            if how == "answer lost after the work":
                await really(*args, **kwargs)
            if how == "nonsense":
                raise ValueError("not JSON")
            raise nats.errors.TimeoutError

        async def refused(*_: Any, **__: Any) -> Any:
            raise ConnectionRefusedError

        with self._patching.context() as patched:
            if how == "unavailable":
                patched.setattr(Client, "connect", refused)
            else:
                patched.setattr(JetStreamContext, "publish", publish)
            yield

    def held(self, connector: Connector, effect: Effect) -> int:
        return int(effect.key in self.place.sent())
