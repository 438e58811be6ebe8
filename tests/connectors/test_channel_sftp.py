"""Files by SFTP against a real server, with a switch for everything that goes wrong on the way."""

import asyncio
import os
import socket
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import asyncssh
import pytest

from tieout.conformance.channel import ChannelConformance, Desk
from tieout.conformance.connector import ConnectorConformance, Misbehaviour
from tieout.connectors.sftp_files import Credentials, SftpConfig, connect, open_sftp
from tieout.kernel.clock import VirtualClock
from tieout.kernel.errors import ConfigError, TransientError
from tieout.model.effects import SendDocument, effect_id
from tieout.ports import Absent, Applied, Connector, Documents, Effect, Page, Retry, Unknown

NOW = datetime(2026, 9, 15, 8, 0, tzinfo=UTC)
PASSWORD = "correct horse battery staple"
OTHER_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl"


class Partner:
    """An SFTP server that ends with the test. ``wrong`` maps a step to what goes wrong at it."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.wrong: dict[str, str] = {}
        self.connections = 0
        self.clock = VirtualClock(NOW)
        self.client_key = asyncssh.generate_private_key("ssh-ed25519")
        self.host_key = asyncssh.generate_private_key("ssh-ed25519")
        for name in ("in", "out", "archive"):
            (root / name).mkdir()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._listener = socket.socket()
        self._listener.bind(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        self._acceptor = asyncio.run_coroutine_threadsafe(self._listen(), self._loop).result(10)

    async def _listen(self) -> Any:
        return await asyncssh.listen(
            sock=self._listener,
            server_factory=lambda: _Login(self),
            server_host_keys=[self.host_key],
            sftp_factory=lambda channel: _Files(channel, self),
        )

    def end(self) -> None:
        self._loop.call_soon_threadsafe(self._acceptor.close)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(5)

    # ── as a client sees it ─────────────────────────────────────────────────────────────────────────────────────

    @property
    def key_line(self) -> str:
        return self.host_key.export_public_key().decode().strip()

    @property
    def credentials(self) -> Credentials:
        return Credentials(private_key=self.client_key.export_private_key().decode())

    def open(self, documents: Documents, credentials: Credentials | None = None, **settings: Any) -> Any:
        config = {
            "host": "127.0.0.1",
            "port": self.port,
            "user": "acme",
            "host_key": self.key_line,
            "private_key": "file:unused",
            "inbox": "in",
            "outbox": "out",
            "archive": "archive",
            "timeout_seconds": 5.0,
            **settings,
        }
        return open_sftp("sftp", SftpConfig(**config), credentials or self.credentials, documents, self.clock)

    # ── as the partner sees it ──────────────────────────────────────────────────────────────────────────────────

    def put(self, name: str, body: bytes) -> Path:
        path = self.root / "in" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(body)
        return path

    def settle(self, seconds: float = 60.0) -> None:
        self.clock.move(timedelta(seconds=seconds))

    def pull_twice(self, connector: Connector, cursor: str = "") -> Page:
        page = connector.pull(cursor)
        self.settle()
        return connector.pull(page.cursor)

    def files(self, folder: str) -> dict[str, bytes]:
        root = self.root / folder
        return {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()}


class _Login(asyncssh.SSHServer):
    def __init__(self, partner: Partner) -> None:
        self._partner = partner

    def connection_made(self, conn: asyncssh.SSHServerConnection) -> None:
        self._partner.connections += 1
        if "connect" in self._partner.wrong:
            conn.abort()

    def begin_auth(self, username: str) -> bool:
        return True

    def password_auth_supported(self) -> bool:
        return True

    def validate_password(self, username: str, password: str) -> bool:
        return password == PASSWORD

    def public_key_auth_supported(self) -> bool:
        return True

    def validate_public_key(self, username: str, key: asyncssh.SSHKey) -> bool:
        return key == self._partner.client_key.convert_to_public()


class _Files(asyncssh.SFTPServer):
    def __init__(self, channel: Any, partner: Partner) -> None:
        super().__init__(channel, chroot=str(partner.root).encode())
        self._partner = partner

    def open(self, path: bytes, pflags: int, attrs: asyncssh.SFTPAttrs) -> Any:
        return self._step("open", path, lambda: super(_Files, self).open(path, pflags, attrs))

    def rename(self, oldpath: bytes, newpath: bytes) -> Any:
        return self._step("rename", oldpath, lambda: super(_Files, self).rename(oldpath, newpath))

    def _step(self, name: str, path: bytes, work: Any) -> Any:
        match self._partner.wrong.get(name) or self._partner.wrong.get(f"{name} {path.decode(errors='replace')}"):
            case "cut before":
                self.connection.abort()
                raise asyncssh.SFTPConnectionLost("cut")
            case "cut after":
                work()
                self.connection.abort()
                raise asyncssh.SFTPConnectionLost("cut")
            case "grows":
                opened = work()
                with (self._partner.root / path.decode()).open("ab") as file:
                    file.write(b"more")
                return opened
            case "denied":
                raise asyncssh.SFTPPermissionDenied("not for you")
            case "failed":
                raise asyncssh.SFTPFailure("no")
            case _:
                return work()


@pytest.fixture
def partner(tmp_path: Path) -> Iterator[Partner]:
    partner = Partner(tmp_path)
    yield partner
    partner.end()


class TestConformance(ChannelConformance):
    @pytest.fixture(autouse=True)
    def _partner(self, partner: Partner) -> None:
        self.partner = partner

    def make(self, documents: Documents, **settings: Any) -> Connector:
        return self.partner.open(documents, **settings)

    def put(self, name: str, body: bytes) -> None:
        self.partner.put(name, body)

    def put_half(self, name: str, body: bytes) -> None:
        self.partner.put(name, body)

    def waiting(self) -> set[str]:
        return {name for name in self.partner.files("in") if not name.startswith("done/")}

    def sent(self) -> dict[str, bytes]:
        return self.partner.files("out")

    def wait(self, seconds: float) -> None:
        self.partner.settle(seconds)


class TestAccess:
    def test_another_host_key_stops_everything(self, partner: Partner) -> None:
        connector = partner.open(Desk(), host_key=OTHER_KEY)
        with pytest.raises(ConfigError, match="pinned host key"):
            connector.pull("")
        with pytest.raises(ConfigError, match="pinned host key"):
            connector.apply([effect_of("a.xml")])

    @pytest.mark.parametrize("how", ["fingerprint", "known_hosts", "two keys"])
    def test_a_host_key_can_be_pinned_in_several_ways(self, partner: Partner, how: str) -> None:
        fingerprint = partner.host_key.get_fingerprint("sha256")
        said = {
            "fingerprint": fingerprint,
            "known_hosts": f"[127.0.0.1]:{partner.port} {partner.key_line}",
            "two keys": f"{OTHER_KEY}\n{partner.key_line}\n",
        }[how]
        partner.put("a.xml", b"<a/>")
        desk = Desk()
        partner.pull_twice(partner.open(desk, host_key=said))
        assert desk.names == ["a.xml"]

    def test_another_fingerprint_is_refused(self, partner: Partner) -> None:
        with pytest.raises(ConfigError, match="pinned host key"):
            partner.open(Desk(), host_key="SHA256:" + "A" * 43).pull("")

    def test_a_wrong_password_is_a_matter_of_configuration(self, partner: Partner) -> None:
        with pytest.raises(ConfigError, match="access denied"):
            partner.open(Desk(), Credentials(password="guess")).pull("")
        assert partner.open(Desk(), Credentials(password=PASSWORD)).pull("").observed_at is not None

    def test_nobody_there_is_worth_trying_again(self, partner: Partner) -> None:
        connector = partner.open(Desk(), port=1)
        with pytest.raises(TransientError):
            connector.pull("")
        (result,) = connector.apply([effect_of("a.xml")])
        assert isinstance(result, Retry)

    def test_a_folder_that_is_not_there_calls_an_operator(self, partner: Partner) -> None:
        with pytest.raises(ConfigError, match="nowhere"):
            partner.open(Desk(), inbox="nowhere").pull("")

    @pytest.mark.parametrize(
        ("wrong", "words"),
        [
            ({"host_key": ""}, "host_key"),
            ({"host_key": "AAAA"}, "host_key"),
            ({"host_key": "@cert-authority * " + OTHER_KEY}, "host_key"),
            ({"private_key": ""}, "password or a private_key"),
            ({"private_key": "file:missing"}, "missing"),
            ({"inbox": ""}, "inbox"),
            ({"hots": "x"}, "hots"),
        ],
    )
    def test_what_is_wrong_is_named(self, wrong: dict[str, Any], words: str, tmp_path: Path) -> None:
        (tmp_path / "k").write_text("key")
        settings = {"host": "h", "user": "u", "host_key": OTHER_KEY, "private_key": "file:k", "inbox": "in"}
        with pytest.raises(ConfigError, match=words):
            connect("sftp", {**settings, **wrong}, tmp_path, Desk())


class TestReceiving:
    def test_one_connection_serves_a_whole_pull(self, partner: Partner) -> None:
        for number in range(20):
            partner.put(f"{number}.xml", b"%d" % number)
        partner.pull_twice(partner.open(Desk()))
        assert partner.connections == 2

    def test_a_connection_that_breaks_in_the_middle_loses_nothing(self, partner: Partner) -> None:
        desk = Desk()
        for name in "abc":
            os.utime(partner.put(f"{name}.xml", name.encode()), (ord(name), ord(name)))
        connector = partner.open(desk)
        partner.wrong = {"open in/b.xml": "cut before"}
        page = partner.pull_twice(connector)
        assert (desk.names, page.observed_at, page.more) == (["a.xml"], None, False)
        partner.wrong = {}
        partner.pull_twice(connector, page.cursor)
        assert sorted(desk.names) == ["a.xml", "b.xml", "c.xml"]

    def test_a_file_that_breaks_every_connection_stops_no_other(self, partner: Partner) -> None:
        desk = Desk()
        for name in "abc":
            os.utime(partner.put(f"{name}.xml", name.encode()), (ord(name), ord(name)))
        partner.wrong = {"open in/a.xml": "cut before"}
        page = partner.pull_twice(partner.open(desk))
        page = partner.pull_twice(partner.open(desk), page.cursor)
        assert desk.names == ["b.xml", "c.xml"]

    @pytest.mark.parametrize("how", ["denied", "failed"])
    def test_a_file_that_may_not_be_read_stops_no_other(self, partner: Partner, how: str) -> None:
        desk = Desk()
        partner.put("a.xml", b"<a/>")
        partner.put("b.xml", b"<b/>")
        partner.wrong = {"open in/a.xml": how}
        page = partner.pull_twice(partner.open(desk))
        assert (desk.names, page.observed_at) == (["b.xml"], None)
        partner.wrong = {}
        partner.pull_twice(partner.open(desk), page.cursor)
        assert desk.names == ["b.xml", "a.xml"]

    @pytest.mark.parametrize("how", ["denied", "failed", "cut before", "cut after"])
    def test_what_cannot_be_put_away_is_not_read_again(self, partner: Partner, how: str) -> None:
        desk = Desk()
        partner.put("a.xml", b"<a/>")
        partner.wrong = {"rename": how}
        page = partner.pull_twice(partner.open(desk))
        page = partner.pull_twice(partner.open(desk), page.cursor)
        assert desk.names == ["a.xml"]
        partner.wrong = {}
        partner.pull_twice(partner.open(desk), page.cursor)
        assert desk.names == ["a.xml"]
        assert partner.files("in") == {"done/a.xml": b"<a/>"}

    def test_a_file_that_changes_while_it_is_read_is_read_again(self, partner: Partner) -> None:
        desk = Desk()
        partner.put("a.xml", b"<a/>")
        partner.wrong = {"open in/a.xml": "grows"}
        page = partner.pull_twice(partner.open(desk))
        assert (desk.names, page.observed_at) == ([], None)
        partner.wrong = {}
        partner.pull_twice(partner.open(desk), page.cursor)
        assert desk.contents == [b"<a/>more"]

    @pytest.mark.parametrize("after", ["move", "delete"])
    def test_what_came_between_reading_and_putting_away_is_not_lost(self, partner: Partner, after: str) -> None:
        path = partner.put("a.xml", b"<a/>")

        class Meanwhile(Desk):
            def take(self, *args: Any, **kwargs: Any) -> Any:
                taken = super().take(*args, **kwargs)
                if len(self.names) == 1:
                    path.write_bytes(b"<new/>")
                return taken

        desk = Meanwhile()
        page = partner.pull_twice(partner.open(desk, after=after))
        partner.pull_twice(partner.open(desk, after=after), page.cursor)
        assert desk.contents == [b"<a/>", b"<new/>"]

    @pytest.mark.parametrize("after", ["delete", "keep"])
    def test_it_can_be_deleted_or_stay(self, partner: Partner, after: str) -> None:
        desk = Desk()
        partner.put("a.xml", b"<a/>")
        page = partner.pull_twice(partner.open(desk, after=after))
        partner.pull_twice(partner.open(desk, after=after), page.cursor)
        assert desk.names == ["a.xml"]
        assert set(partner.files("in")) == ({"a.xml"} if after == "keep" else set())

    def test_another_one_with_the_name_gets_its_hash_into_the_name(self, partner: Partner) -> None:
        for body in (b"<1/>", b"<two/>", b"<two/>"):
            partner.put("a.xml", body)
            partner.pull_twice(partner.open(Desk()))
        assert sorted(partner.files("in/done").values()) == [b"<1/>", b"<two/>"]

    def test_sub_folders_markers_and_links(self, partner: Partner) -> None:
        desk = Desk()
        partner.put("supplier/a.xml", b"<a/>")
        partner.put("supplier/a.xml.done", b"")
        partner.put("b.xml", b"<b/>")
        (partner.root / "in/link.xml").symlink_to("b.xml")
        partner.pull_twice(partner.open(desk, marker=".done"))
        assert desk.names == ["supplier/a.xml"]
        assert {name for name in partner.files("in") if "link" not in name} == {"b.xml", "done/supplier/a.xml"}

    def test_any_name_will_do(self, partner: Partner) -> None:
        desk = Desk()
        for number, name in enumerate((b"caf\xe9.xml", b"new\nline.xml", "Müller.xml".encode())):
            Path(os.fsdecode(os.path.join(os.fsencode(partner.root / "in"), name))).write_bytes(b"%d" % number)
        page = partner.pull_twice(partner.open(desk))
        assert (desk.contents, page.observed_at is None) == ([b"0", b"1", b"2"], False)


class TestLostAnswers:
    def test_the_answer_to_the_rename(self, partner: Partner) -> None:
        connector = partner.open(Desk())
        partner.wrong = {"rename": "cut after"}
        (result,) = connector.apply([effect_of("a.xml")])
        assert isinstance(result, Unknown)
        partner.wrong = {}
        assert connector.probe(effect_of("a.xml")) == Applied(reference="out/a.xml")
        assert partner.files("out") == {"a.xml": b"<answer/>"}

    def test_what_the_partner_took_meanwhile_is_found_in_its_archive(self, partner: Partner) -> None:
        connector = partner.open(Desk())
        partner.wrong = {"rename": "cut after"}
        connector.apply([effect_of("a.xml")])
        partner.wrong = {}
        (partner.root / "out/a.xml").rename(partner.root / "archive/a.xml")
        assert connector.probe(effect_of("a.xml")) == Applied(reference="archive/a.xml")

    def test_without_an_archive_nobody_can_tell(self, partner: Partner) -> None:
        connector = partner.open(Desk(), archive="")
        assert connector.manifest.operation("send_document").lookup is False
        assert isinstance(connector.probe(effect_of("a.xml")), Unknown)
        assert partner.open(Desk(), archive="", taken_away=False).probe(effect_of("a.xml")) == Absent()

    @pytest.mark.parametrize("step", ["open", "rename"])
    def test_a_server_that_says_no_has_nothing(self, partner: Partner, step: str) -> None:
        connector = partner.open(Desk())
        partner.wrong = {step: "failed"}
        (result,) = connector.apply([effect_of("a.xml")])
        assert isinstance(result, Retry)
        partner.wrong = {}
        assert connector.apply([effect_of("a.xml")]) == [Applied(reference="out/a.xml")]
        assert partner.files("out") == {"a.xml": b"<answer/>"}


def effect_of(name: str, body: bytes = b"<answer/>") -> Effect:
    return Effect(
        effect_id=effect_id("sftp", "send_document", name),
        operation="send_document",
        key=name,
        entity="DE01",
        subject=name,
        correlation=name,
        payload=SendDocument(name=name, media_type="application/xml", body=body),
    )


_WRONG: dict[Misbehaviour, dict[str, str]] = {
    "answer lost before the work": {"open": "cut before"},
    "answer lost after the work": {"rename": "cut after"},
    "unavailable": {"connect": "refused"},
    "nonsense": {"open": "failed"},
}


class TestConnectorConformance(ConnectorConformance):
    secrets = (PASSWORD,)

    @pytest.fixture(autouse=True)
    def _partner(self, partner: Partner) -> None:
        self.partner, self._round = partner, 0

    def make(self) -> Connector:
        self._round += 1
        return self.partner.open(Desk(), Credentials(PASSWORD, self.partner.credentials.private_key))

    def effects(self, operation: str, count: int) -> Sequence[Effect]:
        return [effect_of(f"{self._round}-{number}.xml") for number in range(count)]

    def refused(self, operation: str) -> Effect:
        return effect_of("no/name.xml")

    @contextmanager
    def misbehaving(self, connector: Connector, how: Misbehaviour) -> Iterator[None]:
        self.partner.wrong = _WRONG[how]
        try:
            yield
        finally:
            self.partner.wrong = {}

    def held(self, connector: Connector, effect: Effect) -> int:
        return int(effect.key in self.partner.files("out"))
