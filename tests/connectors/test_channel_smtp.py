"""Mail that comes to a server of ours, sent by real clients."""

import smtplib
import socket
import ssl
import threading
import tracemalloc
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from structlog.testing import capture_logs
from tests.connectors.test_channel_nats import certificate, context_of
from tests.docs import samples
from tests.lab.kit import eventually

from tieout.cli import group
from tieout.cli.company import Company
from tieout.conformance.channel import Desk
from tieout.connectors.channels.metrics import ERRORS
from tieout.connectors.mail import SenderRules
from tieout.connectors.mail_smtp import SmtpConfig, SmtpInbox, connect
from tieout.connectors.mail_smtp.pace import Pace
from tieout.formats.source import Source
from tieout.kernel.clock import VirtualClock
from tieout.kernel.errors import ConfigError, TransientError
from tieout.kernel.ids import fingerprint
from tieout.ports import Listener, Refused, Taken, Unknown

NOW = datetime(2026, 9, 15, 8, 0, tzinfo=UTC)
OURS = "invoices@acme.example"
THEM = "ann@supplier.example"


class Slow(Desk):
    """A desk that takes its time."""

    def __init__(self) -> None:
        super().__init__()
        self.begun, self.go_on = threading.Event(), threading.Event()

    def take(self, document: Source | bytes, *, name: str, media_type: str, channel: str) -> Taken:
        self.begun.set()
        assert self.go_on.wait(20)
        return super().take(document, name=name, media_type=media_type, channel=channel)


class Place:
    """Our server, and what others do to it."""

    def __init__(self, base: Path) -> None:
        self.base = base
        self.clock = VirtualClock(NOW)
        self.open_ones: list[SmtpInbox] = []

    def open(self, desk: Any, **settings: Any) -> SmtpInbox:
        config = SmtpConfig(**{"recipients": (OURS,), "port": 0, **settings})
        inbox = SmtpInbox(config, desk, self.clock, system="mail", base=self.base)
        self.open_ones.append(inbox)
        inbox.listen()
        return inbox

    @contextmanager
    def client(self, inbox: SmtpInbox, seconds: float = 10) -> Iterator[smtplib.SMTP]:
        with smtplib.SMTP("127.0.0.1", inbox.port, timeout=seconds) as client:
            yield client

    def send(self, inbox: SmtpInbox, body: bytes, sender: str = THEM, to: str = OURS) -> tuple[int, bytes]:
        """Send a mail as an MTA does; returns the last reply."""
        with self.client(inbox) as client:
            client.ehlo()
            for code, text in (client.mail(sender), client.rcpt(to)):
                if code != 250:
                    return code, text
            return client.data(body)


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    found = Place(tmp_path)
    yield found
    for inbox in found.open_ones:
        inbox.close()


def mail(*attachments: tuple[str, bytes], subject: str = "Invoice 4711") -> bytes:
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = THEM, OURS, subject
    message["Message-ID"] = "<m1@supplier.example>"
    message.set_content("Please find attached.")
    for name, body in attachments:
        message.add_attachment(body, maintype="application", subtype="octet-stream", filename=name)
    return message.as_bytes().replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")


def kept(body: bytes, sender: str = THEM) -> bytes:
    return f"Return-Path: <{sender}>\r\n".encode() + body


# ── a mail is kept before it is answered ───────────────────────────────────────────────────────────────────────────


def test_a_mail_is_kept_as_it_came_and_then_answered(place: Place) -> None:
    desk = Desk()
    body = mail(("a.xml", b"<a/>"))
    code, text = place.send(place.open(desk), body)
    assert (code, text) == (250, f"2.0.0 kept as {fingerprint(kept(body))[:16]}".encode())
    assert (desk.contents, desk.names) == ([kept(body)], ["Invoice 4711.eml"])


def test_nothing_is_answered_before_it_is_kept(place: Place) -> None:
    desk = Slow()
    inbox = place.open(desk)
    answered: list[int] = []
    sending = threading.Thread(target=lambda: answered.append(place.send(inbox, mail())[0]))
    sending.start()
    assert desk.begun.wait(10)
    sending.join(0.2)  # time enough for an answer that came too early
    assert (answered, desk.contents) == ([], [])
    desk.go_on.set()
    sending.join(10)
    assert (answered, len(desk.contents)) == ([250], 1)


def test_the_same_mail_again_is_the_same_document(place: Place) -> None:
    desk = Desk()
    inbox = place.open(desk)
    assert [place.send(inbox, mail())[0] for _ in range(3)] == [250] * 3
    assert len(desk.contents) == 1


def test_without_room_the_sender_comes_again(place: Place) -> None:
    desk = Desk()
    desk.room = 0
    inbox = place.open(desk)
    before = ERRORS.labels("mail", "inbox_full")._value.get()
    assert place.send(inbox, mail()) == (451, b"4.3.1 no room; come again in 5 seconds")
    assert ERRORS.labels("mail", "inbox_full")._value.get() == before + 1
    desk.room = None
    assert place.send(inbox, mail())[0] == 250
    assert desk.contents == [kept(mail())]


@pytest.mark.parametrize(
    "error", [TransientError("no store"), ConfigError("no disk"), OSError("s3"), RuntimeError("?")]
)
def test_when_it_cannot_be_kept_the_sender_comes_again(place: Place, error: Exception) -> None:
    desk = Desk()

    class Down(Desk):
        down = True

        def take(self, document: Source | bytes, *, name: str, media_type: str, channel: str) -> Taken:
            if self.down:
                raise error
            return desk.take(document, name=name, media_type=media_type, channel=channel)

    down = Down()
    inbox = place.open(down)
    with capture_logs() as logs:
        assert place.send(inbox, mail())[0] == 451
    assert [line["event"] for line in logs] == ["mail_not_taken"]
    down.down = False
    assert place.send(inbox, mail())[0] == 250
    assert desk.contents == [kept(mail())]


@pytest.mark.parametrize("moment", ["before it was kept", "after it was kept"])
def test_a_crash_in_the_middle_loses_and_doubles_nothing(place: Place, moment: Any) -> None:
    desk = Desk()
    desk.killed = moment
    inbox = place.open(desk)
    with suppress(smtplib.SMTPException, TimeoutError), place.client(inbox, seconds=0.3) as client:
        client.sendmail(THEM, OURS, mail())
        pytest.fail("it was answered with 250")
    inbox.close()
    desk.killed = ""
    assert place.send(place.open(desk), mail())[0] == 250
    assert desk.contents == [kept(mail())]


def test_a_caller_who_hangs_up_in_the_middle_leaves_nothing(place: Place) -> None:
    desk = Desk()
    inbox = place.open(desk)
    with socket.create_connection(("127.0.0.1", inbox.port)) as raw:
        raw.sendall(f"EHLO x\r\nMAIL FROM:<{THEM}>\r\nRCPT TO:<{OURS}>\r\nDATA\r\nFrom: a\r\n\r\nhalf".encode())
        raw.recv(4096)
    assert place.send(inbox, mail())[0] == 250
    assert desk.contents == [kept(mail())]


def test_a_caller_who_does_not_wait_for_the_answer_is_no_loss(place: Place) -> None:
    desk = Slow()
    inbox = place.open(desk)
    with socket.create_connection(("127.0.0.1", inbox.port)) as raw:
        raw.sendall(f"EHLO x\r\nMAIL FROM:<{THEM}>\r\nRCPT TO:<{OURS}>\r\nDATA\r\n".encode() + mail() + b".\r\n")
        assert desk.begun.wait(10)
    desk.go_on.set()
    eventually(lambda: desk.contents, seconds=10)
    assert desk.contents == [kept(mail())]


# ── for whom, from whom, how much ──────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("to", "code"),
    [
        ("Invoices@ACME.example", 250),
        ("invoices+fr@acme.example", 250),
        ("somebody@acme.example", 550),
        ("invoices@elsewhere.example", 550),
        ("invoices%elsewhere.example@acme.example", 550),
        ("@acme.example:invoices@elsewhere.example", 550),
    ],
)
def test_nothing_is_passed_on_to_anybody_else(place: Place, to: str, code: int) -> None:
    inbox = place.open(Desk(), recipients=(OURS, "invoices+*@acme.example"))
    with place.client(inbox) as client:
        client.ehlo()
        client.mail(THEM)
        assert client.docmd("RCPT", f"TO:<{to}>")[0] == code


def test_senders_are_admitted_by_the_rules_and_bounces_are_mails(place: Place) -> None:
    desk = Desk()
    inbox = place.open(desk, senders=SenderRules(never=("*@spam.example",)))
    assert place.send(inbox, mail(), sender="x@spam.example")[0] == 550
    assert place.send(inbox, mail(), sender="")[0] == 250
    assert desk.contents == [kept(mail(), "")]


def test_the_limit_is_announced_and_kept(place: Place) -> None:
    desk = Desk()
    inbox = place.open(desk, bytes_max=10_000)
    with place.client(inbox) as client:
        client.ehlo()
        assert client.esmtp_features["size"] == "10000"
        assert client.mail(THEM, ["SIZE=10001"])[0] == 552
        client.rset()
        client.mail(THEM)
        client.rcpt(OURS)
        code, text = client.data(mail(("a.bin", b"x" * 20_000)))
        assert (code, text) == (552, b"5.3.4 the message is larger than 10000 bytes")
        client.mail(THEM)
        client.rcpt(OURS)
        assert client.data(mail())[0] == 250, "the connection goes on"
    assert desk.contents == [kept(mail())]


def test_a_huge_mail_is_never_whole_in_memory(place: Place) -> None:
    seen: list[int] = []

    class Counting(Desk):
        def take(self, document: Source | bytes, *, name: str, media_type: str, channel: str) -> Taken:
            assert not isinstance(document, bytes)
            seen.append(sum(map(len, document.chunks())))
            return Taken(mark=document.mark, status="accepted")

    inbox = place.open(Counting())
    line = b"0123456789abcdef" * 60 + b"\r\n"
    count = (40 << 20) // len(line)
    tracemalloc.start()
    with socket.create_connection(("127.0.0.1", inbox.port)) as raw, raw.makefile("rb") as replies:
        raw.sendall(f"EHLO x\r\nMAIL FROM:<{THEM}>\r\nRCPT TO:<{OURS}>\r\nDATA\r\n".encode())
        while not replies.readline().startswith(b"354"):
            pass
        for _ in range(count):
            raw.sendall(line)
        raw.sendall(b".\r\n")
        assert replies.readline().startswith(b"250")
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert seen == [len(kept(b"")) + count * len(line)]
    assert peak < 8 << 20, f"{peak} bytes were in memory"


def test_mails_and_connections_are_counted(place: Place) -> None:
    inbox = place.open(Desk(), mails_per_connection=2, connections_max=2, recipients_per_mail=1)
    with place.client(inbox) as client:
        client.ehlo()
        for _ in range(2):
            assert client.mail(THEM)[0] == 250
            assert client.rcpt(OURS)[0] == 250
            assert client.rcpt(OURS)[0] == 452
            client.rset()
        assert client.mail(THEM)[0] == 451
        with place.client(inbox):
            with pytest.raises(smtplib.SMTPConnectError, match="too many"), place.client(inbox):
                pass
        eventually(lambda: _answers(place, inbox), seconds=10)


def _answers(place: Place, inbox: SmtpInbox) -> bool:
    with suppress(smtplib.SMTPException), place.client(inbox):
        return True
    return False


def test_mails_of_a_minute_are_counted_in_all_and_by_caller() -> None:
    clock = VirtualClock(NOW)
    pace = Pace(clock, per_minute=3, per_minute_of_one=2)
    assert [pace.allows("a"), pace.allows("a"), pace.allows("a")] == [True, True, False]
    assert [pace.allows("b"), pace.allows("b")] == [True, False]
    clock.move(timedelta(seconds=59))
    assert not pace.allows("a")
    clock.move(timedelta(seconds=1))
    assert pace.allows("a")


def test_too_many_in_a_minute_come_again_later(place: Place) -> None:
    desk = Desk()
    inbox = place.open(desk, per_minute=2)
    bodies = [mail(subject=str(number)) for number in range(3)]
    assert [place.send(inbox, body)[0] for body in bodies] == [250, 250, 451]
    place.clock.move(timedelta(minutes=1))
    assert place.send(inbox, bodies[2])[0] == 250
    assert len(desk.contents) == 3


def test_who_says_nothing_is_hung_up_on(place: Place) -> None:
    inbox = place.open(Desk(), timeout_seconds=0.2, data_seconds=0.2)
    for said in (b"", f"EHLO x\r\nMAIL FROM:<{THEM}>\r\nRCPT TO:<{OURS}>\r\nDATA\r\nFrom: a\r\n".encode()):
        with socket.create_connection(("127.0.0.1", inbox.port), timeout=10) as raw:
            raw.sendall(said)
            while raw.recv(4096):
                pass


# ── the wire ───────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\r\n",
        b"..two dots\r\n.\r\n..\r\n",
        b"Subject: a\r\n\r\nbare\nline\nfeeds\n.\nand\r.\r\n",
        b"Subject: \xff\xfe\x00\r\n\r\n\x00\x80\r\n",
        b"X: " + b"y" * 100_000 + b"\r\n\r\n" + b"." * 5000 + b"\r\n",
        b"Content-Type: multipart/mixed; boundary=x\r\n\r\n" + b"--x\r\n" * 50_000,
        b"From: a@b.example\r\nSubject: =?utf-8?q?=00=0A?=\r\n\r\n",
    ],
)
def test_whatever_comes_is_kept_as_it_came(place: Place, body: bytes) -> None:
    desk = Desk()
    inbox = place.open(desk)
    with socket.create_connection(("127.0.0.1", inbox.port), timeout=10) as raw, raw.makefile("rb") as replies:
        raw.sendall(f"EHLO x\r\nMAIL FROM:<{THEM}>\r\nRCPT TO:<{OURS}>\r\nDATA\r\n".encode())
        while not replies.readline().startswith(b"354"):
            pass
        stuffed = b"\r\n".join(b"." + line if line.startswith(b".") else line for line in body.split(b"\r\n"))
        raw.sendall(stuffed + b".\r\n")
        assert replies.readline().startswith(b"250")
    assert desk.contents == [kept(body)]


@pytest.mark.parametrize("end", [b"\n.\n", b"\n.\r\n", b"\r\n.\n", b"\r.\r", b"\r\n.\r"])
def test_a_mail_cannot_smuggle_in_another(place: Place, end: bytes) -> None:
    """Only CRLF . CRLF is an end; servers that took others for one let strangers write in others' names."""
    desk = Desk()
    inbox = place.open(desk)
    body = (
        b"Subject: a\r\n\r\none"
        + end
        + b"MAIL FROM:<boss@acme.example>\r\nRCPT TO:<"
        + OURS.encode()
        + b">\r\nDATA\r\n"
    )
    with socket.create_connection(("127.0.0.1", inbox.port), timeout=10) as raw, raw.makefile("rb") as replies:
        raw.sendall(f"EHLO x\r\nMAIL FROM:<{THEM}>\r\nRCPT TO:<{OURS}>\r\nDATA\r\n".encode())
        while not replies.readline().startswith(b"354"):
            pass
        raw.sendall(body + b"\r\n.\r\nQUIT\r\n")
        assert replies.readline().startswith(b"250")
    assert len(desk.contents) == 1
    assert b"boss@acme.example" in desk.contents[0]  # type: ignore[operator]


@pytest.mark.parametrize(
    "sender",
    ["<a@b.example>\\r\\nX: y", "a b@c.example", "a@b.example><", "x" * 400 + "@b.example"],
)
def test_a_sender_cannot_write_headers(place: Place, sender: str) -> None:
    inbox = place.open(Desk())
    with place.client(inbox) as client:
        client.ehlo()
        assert client.docmd("MAIL", f"FROM:<{sender}>")[0] >= 500


def test_commands_out_of_turn_are_refused(place: Place) -> None:
    inbox = place.open(Desk())
    with place.client(inbox) as client:
        assert client.docmd("DATA")[0] == 503
        client.ehlo()
        assert "auth" not in client.esmtp_features
        assert client.docmd("DATA")[0] == 503
        client.mail(THEM)
        assert client.docmd("DATA")[0] == 503
        client.rcpt(OURS)
        assert client.docmd("DATA", "x")[0] == 501
        assert client.verify(OURS)[0] == 252


def test_encrypted_when_it_can_be_and_only_so_when_it_must(place: Place) -> None:
    certificate(place.base)
    desk = Desk()
    inbox = place.open(desk, certificate_file="c.pem", key_file="k.pem", require_tls=True)
    tls = context_of(place.base)
    with place.client(inbox) as client:
        client.ehlo()
        assert client.mail(THEM)[0] == 530
        client.starttls(context=tls)
        client.ehlo()
        assert "auth" not in client.esmtp_features
        client.mail(THEM)
        client.rcpt(OURS)
        assert client.data(mail())[0] == 250
    assert desk.contents == [kept(mail())]
    with place.client(inbox) as client, pytest.raises(ssl.SSLCertVerificationError):
        client.starttls(context=ssl.create_default_context())


# ── its life ───────────────────────────────────────────────────────────────────────────────────────────────────────


def test_to_end_is_to_finish_what_is_under_way(place: Place) -> None:
    desk = Slow()
    inbox = place.open(desk)
    port, answered = inbox.port, []
    sending = threading.Thread(target=lambda: answered.append(place.send(inbox, mail())[0]))
    sending.start()
    assert desk.begun.wait(10)
    ending = threading.Thread(target=inbox.close)
    ending.start()
    eventually(lambda: not _listens(port), seconds=10)
    desk.go_on.set()
    ending.join(20)
    sending.join(20)
    assert (answered, desk.contents) == ([250], [kept(mail())])


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def test_of_two_one_listens_and_the_other_takes_over(place: Place) -> None:
    first = place.open(Desk())
    config = SmtpConfig(recipients=(OURS,), port=first.port)
    desk = Desk()
    second = SmtpInbox(config, desk, place.clock, system="mail")
    assert isinstance(second, Listener)
    place.open_ones.append(second)
    with pytest.raises(ConfigError, match="already in use"):
        second.listen()
    assert second.port == 0
    first.listen()
    first.close()
    first.close()
    second.listen()
    assert place.send(second, mail())[0] == 250


def test_what_it_promises(place: Place) -> None:
    inbox = place.open(Desk())
    assert (inbox.manifest.pulls, inbox.manifest.operations) == (False, ())
    assert inbox.pull("x").messages == ()
    assert [type(each) for each in inbox.apply([None, None])] == [Refused, Refused]  # type: ignore[list-item]
    assert isinstance(inbox.probe(None), Unknown)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"recipients": []}, "recipients"),
        ({"recipients": ["*@*"]}, "relay"),
        ({"recipients": ["acme.example"]}, "recipients"),
        ({"require_tls": True}, "certificate_file"),
        ({"certificate_file": "a"}, "key_file"),
        ({"per_minute": 0}, "limits"),
        ({"port": 70000}, "port"),
        ({"timeout_seconds": 0}, "timeout_seconds"),
        ({"shoe_size": 1}, "shoe_size"),
        ({"answers": {"address": "a@b.example", "company": "A", "server": "s", "sent_folder": "Sent"}}, "sent_folder"),
        ({"answers": {"address": "a@b.example", "company": "A", "server": "s", "user": "u", "password": "env:NO_X"}}, "NO_X"),
    ],
)  # fmt: skip
def test_a_wrong_setting_is_named(tmp_path: Path, wrong: dict[str, Any], told: str) -> None:
    with pytest.raises(ConfigError, match=told):
        connect("mail", {"recipients": [OURS], **wrong}, tmp_path, Desk())


def test_a_certificate_that_is_none_is_named(place: Place) -> None:
    (place.base / "c.pem").write_text("x")
    with pytest.raises(ConfigError, match="certificate_file"):
        place.open(Desk(), certificate_file="c.pem", key_file="c.pem")


# ── with the intake of a company ───────────────────────────────────────────────────────────────────────────────────


def test_what_is_attached_becomes_documents_of_their_own(tmp_path: Path) -> None:
    assert CliRunner().invoke(group, ["init", str(tmp_path / "books")]).exit_code == 0
    company = Company.at(tmp_path / "books" / "tieout.toml")
    good = samples.files()["invoice-26-0117.xml"]
    packed = BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("inside.xml", good)
    body = mail(("broken.xml", b"<Invoice"), ("invoices.zip", packed.getvalue()))
    inbox = SmtpInbox(SmtpConfig(recipients=(OURS,), port=0), company.intake, company.clock, system="mail")
    inbox.listen()
    try:
        assert Place(tmp_path).send(inbox, body)[0] == 250
    finally:
        inbox.close()
    rows = {row.name: row.status for row in map(company.store.document, _marks(body, good)) if row}
    assert rows == {
        "Invoice 4711.eml": "unpacked",
        "Invoice 4711.eml/broken.xml": "quarantined",
        "Invoice 4711.eml/invoices.zip/inside.xml": "accepted",
    }


def _marks(body: bytes, good: bytes) -> tuple[str, str, str]:
    return fingerprint(kept(body)), fingerprint(b"<Invoice"), fingerprint(good)


def test_the_name_says_that_anybody_can_write_to_it(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="must begin with 'mail'"):
        connect("invoices", {}, tmp_path, Desk())
