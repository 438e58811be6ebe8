"""A mailbox of a real mail server: Dovecot on a free port, which ends with the tests."""

import base64
import grp
import imaplib
import os
import pwd
import shutil
import socket
import ssl
import subprocess
import tempfile
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any, ClassVar
from uuid import uuid4

import pytest
from structlog.testing import capture_logs
from tests.connectors.test_channel_nats import certificate
from tests.connectors.test_channel_smtp import mail
from tests.connectors.test_mail_answers import Relay, effect
from tests.lab.kit import eventually

from tieout.conformance.channel import ChannelConformance, Desk
from tieout.conformance.connector import ConnectorConformance, Misbehaviour
from tieout.connectors.mail import AnswersConfig, SenderRules
from tieout.connectors.mail.imap import Account, Session
from tieout.connectors.mail_imap import ImapChannel, ImapConfig, Secrets, connect, open_mailbox
from tieout.connectors.mail_imap.client import ImapClient
from tieout.formats.source import Bytes, Source
from tieout.kernel.clock import VirtualClock
from tieout.kernel.errors import ConfigError, TransientError
from tieout.ports import Connector, Documents, Effect, Taken, Unknown

PASSWORD = "correct-horse-battery"
DOVECOT = shutil.which("dovecot") or shutil.which("dovecot", path="/usr/sbin:/usr/local/sbin")

_CONFIG = """\
base_dir = {base}/run
state_dir = {base}/state
log_path = {base}/log
protocols = imap
listen = 127.0.0.1
ssl = required
ssl_cert = <{base}/c.pem
ssl_key = <{base}/k.pem
mail_location = maildir:{base}/mail/%u
mail_max_userip_connections = 100
first_valid_uid = 1
{users}
passdb {{
  driver = static
  args = password={password}
}}
userdb {{
  driver = static
  args = uid={user} gid={group} home={base}/mail/%u
}}
service imap-login {{
  chroot =
  inet_listener imap {{
    port = 0
  }}
  inet_listener imaps {{
    port = {port}
    ssl = yes
  }}
}}
service anvil {{
  chroot =
}}
service stats {{
  chroot =
}}
"""


class Server:
    """Dovecot. Every user has the same password and a mailbox of its own."""

    def __init__(self) -> None:
        assert DOVECOT is not None
        self.base = Path(tempfile.mkdtemp(prefix="dovecot-"))
        self.base.chmod(0o755)
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = int(free.getsockname()[1])
        certificate(self.base)
        (self.base / "mail").mkdir()
        user, group = pwd.getpwuid(os.getuid()).pw_name, grp.getgrgid(os.getgid()).gr_name
        users = f"default_internal_user = {user}\ndefault_internal_group = {group}\ndefault_login_user = {user}\n"
        if os.getuid() == 0:  # as root it changes to its own users, and to nobody for the mail
            user, group, users = "nobody", "nogroup", ""
            shutil.chown(self.base / "mail", user, group)
        config = self.base / "dovecot.conf"
        config.write_text(
            _CONFIG.format(base=self.base, users=users, user=user, group=group, port=self.port, password=PASSWORD)
        )
        self.process = subprocess.Popen([DOVECOT, "-F", "-c", str(config)], stderr=subprocess.DEVNULL)
        eventually(self._listens, seconds=20)

    def _listens(self) -> bool:
        assert self.process.poll() is None, (self.base / "log").read_text()
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    def end(self) -> None:
        self.process.terminate()
        self.process.wait(20)
        shutil.rmtree(self.base, ignore_errors=True)


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    if DOVECOT is None:
        pytest.skip("Dovecot is not installed (Debian: dovecot-imapd)")
    server = Server()
    yield server
    server.end()


class Place:
    """One mailbox, and the partner's side of it."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.user = f"u{uuid4().hex[:10]}"
        self.clock = VirtualClock(datetime.now(UTC) + timedelta(hours=1))
        self.opened: list[ImapChannel] = []
        tls = ssl.create_default_context(cafile=str(server.base / "c.pem"))
        self.partner = imaplib.IMAP4_SSL("127.0.0.1", server.port, ssl_context=tls)
        self.partner.login(self.user, PASSWORD)

    def open(self, documents: Documents, **settings: Any) -> ImapChannel:
        given = {"host": "127.0.0.1", "port": self.server.port, "user": self.user, "password": "env:X",
                 "ca_file": "c.pem", "timeout_seconds": 10.0}  # fmt: skip
        config = ImapConfig(**{**given, **settings})
        secrets = Secrets(password=PASSWORD)
        channel = open_mailbox("mail", config, secrets, documents, self.clock, base=self.server.base)
        self.opened.append(channel)
        return channel

    def put(self, body: bytes, folder: str = "INBOX") -> None:
        assert self.partner.append(folder, "", "", body)[0] == "OK"

    def mails(self, folder: str = "INBOX", criteria: str = "UNDELETED") -> list[bytes]:
        """What lies in a folder, seen without the connector."""
        if self.partner.select(folder, readonly=True)[0] != "OK":
            return []
        found = self.partner.uid("SEARCH", criteria)[1][0].split()
        return [self.partner.uid("FETCH", uid.decode(), "(BODY.PEEK[])")[1][0][1] for uid in found]

    def end(self) -> None:
        for channel in self.opened:
            channel.close()
        self.partner.shutdown()


@pytest.fixture
def place(server: Server) -> Iterator[Place]:
    found = Place(server)
    yield found
    found.end()


# ── the kit ────────────────────────────────────────────────────────────────────────────────────────────────────────

HEAD = 200


def wrapped(name: str, body: bytes) -> bytes:
    """A document as the kit knows it, with headers in front that are always as long."""
    return f"From: a@b.example\r\nSubject: {name}\r\nX: ".encode().ljust(HEAD - 4, b"x") + b"\r\n\r\n" + body


class Rest(Source):
    """A mail without its headers."""

    def __init__(self, whole: Source) -> None:
        self._whole = whole
        hashed = sha256()
        for chunk in self.chunks():
            hashed.update(chunk)
        self._mark = hashed.hexdigest()

    @property
    def size(self) -> int:
        return self._whole.size - HEAD

    @property
    def mark(self) -> str:
        return self._mark

    def chunks(self) -> Iterator[bytes]:
        skip = HEAD
        for chunk in self._whole.chunks():
            yield chunk[skip:]
            skip = max(0, skip - len(chunk))

    def whole(self) -> bytes:
        return b"".join(self.chunks())


class Unwrapping(Documents):
    """Shows the kit's desk its documents without the mail around them."""

    def __init__(self, desk: Documents) -> None:
        self._desk = desk

    def keep(self, body: bytes, *, name: str, media_type: str, channel: str) -> str:
        return self._desk.keep(body, name=name, media_type=media_type, channel=channel)

    def original(self, mark: str) -> Source:
        return self._desk.original(mark)

    def take(self, document: Source | bytes, *, name: str, media_type: str, channel: str) -> Taken:
        source = Bytes(document) if isinstance(document, bytes) else document
        return self._desk.take(Rest(source), name=name, media_type=media_type, channel=channel)


class TestConformance(ChannelConformance):
    settings: ClassVar[dict[str, Any]] = {}

    @pytest.fixture(autouse=True)
    def _place(self, place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
        """The kit knows documents by their names; here these are the subjects of mails."""
        self.place = place
        monkeypatch.setattr("tieout.connectors.mail_imap.client.mail_name", str)

    def make(self, documents: Documents, **settings: Any) -> Connector:
        if "bytes_max" in settings:
            settings["bytes_max"] += HEAD
        return self.place.open(Unwrapping(documents), **{**self.settings, **settings})

    def put(self, name: str, body: bytes) -> None:
        self.place.put(wrapped(name, body))

    def waiting(self) -> set[str]:
        criteria = "(UNDELETED UNKEYWORD Processed UNKEYWORD Refused)"
        return {body.split(b"\r\n")[1].partition(b": ")[2].decode() for body in self.place.mails(criteria=criteria)}

    def wait(self, seconds: float) -> None:
        self.place.clock.move(timedelta(seconds=seconds))


class TestConformanceWithKeywords(TestConformance):
    settings: ClassVar[dict[str, Any]] = {"after": "flag"}
    large = False


# ── what is taken, and what becomes of it ──────────────────────────────────────────────────────────────────────────


def test_mails_are_moved_by_what_became_of_them_and_stay_unread(place: Place) -> None:
    desk = Desk()
    desk.refused = {"bad.eml"}
    good, bad = mail(("a.xml", b"<a/>"), subject="good"), mail(("b.xml", b"<b"), subject="bad")
    place.put(good)
    place.put(bad)
    assert place.open(desk).pull("").observed_at is not None
    assert (place.mails(), place.mails("Processed"), place.mails("Refused")) == ([], [good], [bad])
    assert place.mails("Processed", "UNSEEN") == [good], "nobody has read it yet"
    assert desk.contents == sorted([good, bad], key=repr)


@pytest.mark.parametrize("can", [("UIDPLUS",), ()], ids=["UIDPLUS", "neither"])
def test_on_servers_that_cannot_move(place: Place, monkeypatch: pytest.MonkeyPatch, can: tuple[str, ...]) -> None:
    """Copied and marked as deleted; removed only where nothing else can be removed with it."""
    monkeypatch.setattr(Session, "_can", lambda self, capability: capability in can)
    desk = Desk()
    desk.refused = {"bad.eml"}
    for subject in ("good", "bad", "kept"):
        place.put(mail(subject=subject))
    place.partner.select("INBOX")
    place.partner.store("3", "+FLAGS", r"(\Deleted)")  # somebody else's, who may change his mind
    channel = place.open(desk)
    channel.pull(channel.pull("").cursor)
    assert (place.mails("Processed"), place.mails("Refused")) == ([mail(subject="good")], [mail(subject="bad")])
    assert sorted(desk.names) == ["bad.eml", "good.eml"]
    assert len(place.mails(criteria="DELETED")) == (1 if can else 3)


def test_keywords_leave_everything_where_it_is(place: Place) -> None:
    desk = Desk()
    desk.refused = {"bad.eml"}
    place.put(mail(subject="good"))
    place.put(mail(subject="bad"))
    channel = place.open(desk, after="flag")
    cursor = channel.pull("").cursor
    channel.pull(cursor)
    assert desk.names == ["bad.eml", "good.eml"]
    assert place.mails(criteria="KEYWORD Refused") == [mail(subject="bad")]
    assert place.mails(criteria="KEYWORD Processed") == [mail(subject="good")]
    assert len(place.mails(criteria="UNSEEN")) == 2


def test_other_folders_than_the_inbox(place: Place) -> None:
    desk = Desk()
    place.partner.create('"Bills for us"')
    place.put(mail(), '"Bills for us"')
    place.open(desk, folder="Bills for us", processed="Bills for us.Done").pull("")
    assert place.mails('"Bills for us.Done"') == [mail()]
    assert desk.contents == [mail()]


def test_when_all_uids_change_everything_is_looked_at_again_and_nothing_taken_twice(place: Place) -> None:
    desk = Desk()
    desk.broken = {"left.eml"}
    place.partner.create("Bills")
    for subject in ("left", "taken"):
        place.put(mail(subject=subject), "Bills")
    channel = place.open(desk, folder="Bills", after="flag")
    cursor = channel.pull("").cursor
    assert desk.names == ["taken.eml"]
    desk.broken = set()
    place.partner.select("INBOX")
    assert place.partner.delete("Bills")[0] == "OK"
    place.partner.create("Bills")
    for subject in ("new", "taken", "left"):  # the new one has the UID that another had, which was to be tried later
        place.put(mail(subject=subject), "Bills")
    assert channel.pull(cursor).observed_at is not None
    assert sorted(desk.names) == ["left.eml", "new.eml", "taken.eml", "taken.eml"]
    assert desk.contents == sorted([mail(subject=each) for each in ("left", "new", "taken")], key=repr)
    assert len(place.mails("Bills", "KEYWORD Processed")) == 3


def test_a_restart_between_taking_and_moving_takes_nothing_twice(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    desk = Desk()
    place.put(mail())

    def crash(self: ImapClient, arrival: Any, taken: Taken) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(ImapClient, "put_away", crash)
        with pytest.raises(KeyboardInterrupt):
            place.open(desk).pull("")
    assert place.mails(criteria="UNSEEN") == [mail()], "it looks as if nobody had been there"
    place.open(desk).pull("")
    assert (desk.contents, place.mails(), place.mails("Processed")) == ([mail()], [], [mail()])


def test_a_mail_that_was_moved_away_while_we_looked_is_no_trouble(place: Place) -> None:
    class Moving(Desk):
        def take(self, document: Source | bytes, *, name: str, media_type: str, channel: str) -> Taken:
            place.partner.select("INBOX")
            place.partner.uid("STORE", "1:*", "+FLAGS", r"(\Deleted)")
            place.partner.expunge()
            return super().take(document, name=name, media_type=media_type, channel=channel)

    desk = Moving()
    for number in ("1", "2"):
        place.put(mail(subject=number))
    channel = place.open(desk)
    page = channel.pull(channel.pull("").cursor)
    assert desk.names == ["1.eml"]
    assert page.observed_at is not None


def test_a_connection_that_broke_is_made_anew(place: Place) -> None:
    desk = Desk()
    channel = place.open(desk)
    cursor = channel.pull("").cursor
    client: Any = channel._client
    for broken in ("between two visits", "again"):
        client._session._imap.sock.shutdown(socket.SHUT_RDWR)
        place.put(mail(subject=broken))
        cursor = channel.pull(cursor).cursor
    assert desk.names == ["between two visits.eml", "again.eml"]


def test_only_admitted_senders_and_others_stay_where_they_are(place: Place) -> None:
    desk = Desk()
    mine, other = mail(subject="mine"), mail(subject="other").replace(b"ann@supplier", b"eve@stranger")
    place.put(mine)
    place.put(other)
    place.open(desk, senders=SenderRules(only=("*@supplier.example",))).pull("")
    assert (desk.contents, place.mails()) == ([mine], [other])


@pytest.mark.parametrize(
    "headers",
    [
        b"Subject: =?utf-8?q?a=0D=0AX=3A_b=00?=\r\n",
        b"Subject: " + b"=?utf-8?b?" * 3000 + b"\r\n",
        b"Subject: \xff\xfe\x80\r\n",
        b"Subject: ../../etc/passwd\r\n",
        b"Subject: " + b"x" * 50_000 + b"\r\n",
        b"Subject:\r\n",
        b"",
        b"From: =?x?y?z?=\r\nSubject: {3}\r\n abc)\r\n",
        b"Content-Type: multipart/mixed; boundary=\"\r\n",
    ],
)  # fmt: skip
def test_hostile_headers_name_no_file_and_break_nothing(place: Place, headers: bytes) -> None:
    desk = Desk()
    body = headers + b"X: y\r\n\r\ntext\r\n"
    place.put(body)
    place.open(desk).pull("")
    assert (desk.contents, place.mails()) == ([body], [])
    (name,) = desk.names
    assert name.endswith(".eml")
    assert "/" not in name
    assert len(name) < 130


def test_as_many_as_there_are(place: Place) -> None:
    desk = Desk()
    place.partner.select("INBOX")
    for number in range(60):
        place.put(mail(subject=str(number)))
    channel = place.open(desk, files_per_pull=25)
    page, pulls = channel.pull(""), 1
    while page.more:
        page, pulls = channel.pull(page.cursor), pulls + 1
    assert (len(desk.contents), pulls, place.mails()) == (60, 3, [])


def test_more_than_one_visit_can_see_are_behind(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tieout.connectors.mail_imap.client.LISTED_MAX", 3)
    desk = Desk()
    for number in range(5):
        place.put(mail(subject=str(number)))
    channel = place.open(desk)
    page = channel.pull("")
    assert (page.observed_at, len(desk.contents)) == (None, 3)
    assert channel.pull(page.cursor).observed_at is not None
    assert len(desk.contents) == 5


def test_a_mail_with_something_that_was_not_taken_goes_where_people_look(place: Place) -> None:
    class Opening(Desk):
        def take(self, document: Source | bytes, *, name: str, media_type: str, channel: str) -> Taken:
            whole = super().take(document, name=name, media_type=media_type, channel=channel)
            parts = (Taken(mark="1", status="accepted"), Taken(mark="2", status="quarantined"))
            return Taken(mark=whole.mark, status="unpacked", parts=parts if name == "bad.eml" else parts[:1])

    for subject in ("good", "bad"):
        place.put(mail(subject=subject))
    place.open(Opening()).pull("")
    assert (place.mails("Processed"), place.mails("Refused")) == ([mail(subject="good")], [mail(subject="bad")])


# ── who we are, and who they are ───────────────────────────────────────────────────────────────────────────────────


def test_a_wrong_password_calls_an_operator_and_is_not_shown(place: Place) -> None:
    config = ImapConfig(host="127.0.0.1", port=place.server.port, user=place.user, password="env:X", ca_file="c.pem")
    secrets = Secrets(password="wr0ng")
    channel = open_mailbox("mail", config, secrets, Desk(), place.clock, base=place.server.base)
    with capture_logs() as logs, pytest.raises(ConfigError, match="refuses the user or the password") as raised:
        channel.pull("")
    assert "wr0ng" not in f"{raised.value}{raised.value.__context__!r}{logs}{secrets}"


def test_a_server_that_is_not_who_it_says_is_refused(place: Place) -> None:
    for settings, told in (({"ca_file": ""}, "certificate"), ({"host": "localhost"}, "certificate")):
        with pytest.raises(ConfigError, match=told):
            place.open(Desk(), **settings).pull("")


def test_a_folder_that_is_not_there_is_named(place: Place) -> None:
    with pytest.raises(ConfigError, match="Nowhere"):
        place.open(Desk(), folder="Nowhere").pull("")


def test_nobody_there_is_for_later(place: Place) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    with pytest.raises(TransientError):
        place.open(Desk(), port=port).pull("")


class Odd:
    """A server that speaks by a script: each step is given a command's tag and line, and gives what to send."""

    def __init__(self, base: Path, step: Callable[[bytes, bytes], Iterator[bytes]]) -> None:
        self._listening = socket.create_server(("127.0.0.1", 0))
        self._tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        self._tls.load_cert_chain(base / "c.pem", base / "k.pem")
        self._step = step
        self.said: list[bytes] = []
        self.port = int(self._listening.getsockname()[1])
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        try:
            while True:
                raw, _ = self._listening.accept()
                with self._tls.wrap_socket(raw, server_side=True) as talking, talking.makefile("rb") as lines:
                    talking.sendall(b"* OK hello\r\n")
                    for line in lines:
                        self.said.append(line)
                        tag = line.split(b" ")[0]
                        for reply in self._step(tag, line):
                            talking.sendall(reply)
        except OSError:
            return

    def session(self, base: Path, **account: Any) -> Session:
        given = Account(**{"host": "127.0.0.1", "port": self.port, "user": "ann", "timeout_seconds": 0.2, **account})
        return Session(given, ssl.create_default_context(cafile=str(base / "c.pem")))

    def end(self) -> None:
        self._listening.close()


@pytest.fixture
def odd(tmp_path: Path) -> Iterator[Callable[[Callable[[bytes, bytes], Iterator[bytes]]], Odd]]:
    certificate(tmp_path)
    made: list[Odd] = []

    def make(step: Callable[[bytes, bytes], Iterator[bytes]]) -> Odd:
        made.append(Odd(tmp_path, step))
        return made[-1]

    yield make
    for one in made:
        one.end()


def capable(tag: bytes, line: bytes) -> Iterator[bytes]:
    """Answers what imaplib asks first."""
    if b"CAPABILITY" in line:
        yield b"* CAPABILITY IMAP4rev1 AUTH=XOAUTH2\r\n" + tag + b" OK done\r\n"


def test_a_token_is_shown_as_xoauth2_wants_it(odd: Any, tmp_path: Path) -> None:
    def step(tag: bytes, line: bytes) -> Iterator[bytes]:
        yield from capable(tag, line)
        if b"AUTHENTICATE" in line:
            tags.append(tag)
            yield b"+ \r\n"
        elif b" " not in line:
            yield tags[-1] + b" OK done\r\n"

    tags: list[bytes] = []
    server = odd(step)
    server.session(tmp_path, token="t0ken").close()
    shown = next(line for line in server.said if b" " not in line)
    assert base64.b64decode(shown) == b"user=ann\x01auth=Bearer t0ken\x01\x01"


def test_a_token_that_has_run_out_calls_an_operator(odd: Any, tmp_path: Path) -> None:
    def step(tag: bytes, line: bytes) -> Iterator[bytes]:
        yield from capable(tag, line)
        if b"AUTHENTICATE" in line:
            tags.append(tag)
            yield b"+ \r\n"
        elif line == b"\r\n":
            yield tags[-1] + b" NO [AUTHENTICATIONFAILED] no\r\n"
        elif b" " not in line:
            yield b"+ eyJzdGF0dXMiOiI0MDEifQ==\r\n"

    tags: list[bytes] = []
    with pytest.raises(ConfigError, match="token") as raised:
        odd(step).session(tmp_path, token="t0ken")
    assert "t0ken" not in f"{raised.value!r}{raised.value.__context__!r}"


@pytest.mark.parametrize("code", [b"[UNAVAILABLE]", b"[LIMIT]", b"[INUSE]"])
def test_a_server_that_is_busy_is_for_later(odd: Any, tmp_path: Path, code: bytes) -> None:
    def step(tag: bytes, line: bytes) -> Iterator[bytes]:
        yield from capable(tag, line)
        if b"LOGIN" in line:
            yield tag + b" NO " + code + b" later\r\n"

    with pytest.raises(TransientError):
        odd(step).session(tmp_path, password="x")


def silent(tag: bytes) -> Iterator[bytes]:
    return iter(())


def drips(tag: bytes) -> Iterator[bytes]:
    pause = threading.Event()
    yield b"* 1 FETCH (UID 1 BODY[]<0> {1000000}\r\n"
    for _ in range(10_000):
        pause.wait(0.05)
        yield b"x"


def nonsense(tag: bytes) -> Iterator[bytes]:
    yield b"!!\r\n\x00\xff\r\n"


def lies(tag: bytes) -> Iterator[bytes]:
    yield b"* 1 FETCH (UID 1 BODY[]<0> {5}\r\n"
    yield b"abc"
    raise OSError


@pytest.mark.parametrize("goes_wrong", [silent, drips, nonsense, lies])
def test_a_server_that_goes_wrong_is_hung_up_on(
    odd: Any, tmp_path: Path, goes_wrong: Callable[[bytes], Iterator[bytes]]
) -> None:
    def step(tag: bytes, line: bytes) -> Iterator[bytes]:
        yield from capable(tag, line)
        if b"LOGIN" in line:
            yield tag + b" OK done\r\n"
        elif b"SELECT" in line:
            yield b"* OK [UIDVALIDITY 7] x\r\n" + tag + b" OK done\r\n"
        elif b"FETCH" in line:
            yield from goes_wrong(tag)

    session = odd(step).session(tmp_path, password="x")
    assert session.select("INBOX") == 7
    with pytest.raises(TransientError):
        session.part(1, 0)


def test_attributes_come_in_any_order_and_flags_in_between(odd: Any, tmp_path: Path) -> None:
    def step(tag: bytes, line: bytes) -> Iterator[bytes]:
        yield from capable(tag, line)
        if b"LOGIN" in line:
            yield tag + b" OK done\r\n"
        elif b"SELECT" in line:
            yield b"* OK [UIDVALIDITY 7] x\r\n" + tag + b" OK [READ-WRITE]\r\n"
        elif b"FETCH" in line:
            yield b"* 2 FETCH (FLAGS (\\Seen))\r\n"
            yield b"* 1 FETCH (BODY[HEADER.FIELDS (SUBJECT)] {15}\r\nSubject: hi\r\n\r\n"
            yield b' RFC822.SIZE 10 UID 5 INTERNALDATE " 1-Jan-2026 10:00:00 +0100")\r\n'
            yield b'* 3 FETCH (UID 6 RFC822.SIZE 11 INTERNALDATE "?" BODY[HEADER.FIELDS (SUBJECT)] {0}\r\n)\r\n'
            yield tag + b" OK done\r\n"

    session = odd(step).session(tmp_path, password="x")
    session.select("INBOX")
    found = list(session.listed([5, 6], ("SUBJECT",)))
    assert [(each.uid, each.size, each.stored_at) for each in found] == [
        (5, 10, datetime(2026, 1, 1, 9, tzinfo=UTC)),
        (6, 11, datetime(1970, 1, 1, tzinfo=UTC)),
    ]


# ── answers ────────────────────────────────────────────────────────────────────────────────────────────────────────


class Keeping(Relay):
    """A mail server that keeps what it sends in a folder of the mailbox, as large providers do."""

    def __init__(self, place: Place) -> None:
        self.place = place
        super().__init__()

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        if self.drops != "before the work" and not self.replies["DATA"]:
            self.place.put(envelope.original_content, "Sent")
        return await super().handle_DATA(server, session, envelope)


class TestAnswers(ConnectorConformance):
    secrets = (PASSWORD,)

    @pytest.fixture(autouse=True)
    def _place(self, place: Place) -> Iterator[None]:
        self.place = place
        place.partner.create("Sent")
        self.relay = Keeping(place)
        yield
        self.relay.end()

    def make(self) -> ImapChannel:
        answers = AnswersConfig(
            address="invoices@acme.example", company="Acme", server="127.0.0.1", port=self.relay.port,
            security="none", sent_folder="Sent", timeout_seconds=3,
        )  # fmt: skip
        return self.place.open(Desk(), answers=answers)

    def effects(self, operation: str, count: int) -> Sequence[Effect]:
        seed = abs(hash(self.place.user)) % 10**8 * 10
        return [effect(seed + number) for number in range(count)]

    def prepare(self, connector: Any, effects: Sequence[Effect]) -> None:
        """The target holds none of these yet."""
        if int(self.place.partner.select("Sent")[1][0]):
            self.place.partner.store("1:*", "+FLAGS", r"(\Deleted)")
            self.place.partner.expunge()

    @contextmanager
    def misbehaving(self, connector: Any, how: Misbehaviour) -> Iterator[None]:
        match how:
            case "answer lost before the work":
                self.relay.drops = "before the work"
            case "answer lost after the work":
                self.relay.drops = "after the work"
            case "unavailable":
                self.relay.replies["MAIL"] = "451 later"
            case "nonsense":
                self.relay.replies["DATA"] = "what?"
        yield
        self.relay.drops, self.relay.replies = "", {"MAIL": "", "RCPT": "", "DATA": ""}

    def held(self, connector: Any, effect: Effect) -> int:
        return len(self.place.mails("Sent"))

    def test_a_server_that_cannot_be_asked_leaves_it_unknown(self) -> None:
        answers = AnswersConfig(
            address="invoices@acme.example", company="Acme", server="127.0.0.1", sent_folder="Nowhere"
        )
        assert isinstance(self.place.open(Desk(), answers=answers).probe(effect()), Unknown)


# ── settings ───────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"password": ""}, "password or a token"),
        ({"token": "env:T"}, "not both"),
        ({"processed": "INBOX"}, "differ"),
        ({"folder": "Über"}, "ASCII"),
        ({"after": "flag", "processed": "to do"}, "keywords"),
        ({"after": "burn"}, "burn"),
        ({"bytes_max": 0}, "bytes_max"),
        ({"password": "env:NO_SUCH"}, "NO_SUCH"),
        ({"ca_file": "none.pem", "password": "file:p"}, "ca_file"),
    ],
)
def test_a_wrong_setting_is_named(tmp_path: Path, wrong: dict[str, Any], told: str) -> None:
    (tmp_path / "p").write_text(PASSWORD)
    with pytest.raises(ConfigError, match=told):
        connect("mail", {"host": "h", "user": "u", "password": "file:p", **wrong}, tmp_path, Desk())


def test_the_name_says_that_anybody_can_write_to_it(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="must begin with 'mail'"):
        connect("invoices", {}, tmp_path, Desk())
