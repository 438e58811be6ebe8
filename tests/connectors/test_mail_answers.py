"""Who gets an answer to a mail, what it says, and how it goes out: each once, through a real mail server."""

import asyncio
import socket
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from tieout.conformance.channel import Desk
from tieout.conformance.connector import ConnectorConformance, Misbehaviour
from tieout.connectors.mail import AnswersConfig, MailAnswers
from tieout.connectors.mail.answer import message_id_of, said, words_of, worst, write_answer
from tieout.connectors.mail.config import Language
from tieout.connectors.mail.letter import letter_of, mail_name
from tieout.connectors.mail.senders import SenderRules
from tieout.connectors.mail_smtp import SmtpConfig, SmtpInbox
from tieout.kernel.clock import VirtualClock
from tieout.kernel.errors import ConfigError
from tieout.kernel.problem import Code, Problem
from tieout.model.effects import Letter, SendMailAnswer, UnreadPart, effect_id
from tieout.ports import Applied, Effect, Refused, Retry, Unknown

NOW = datetime(2026, 9, 15, 8, 0, tzinfo=UTC)
MARK = "ab" * 32
PASSWORD = "correct-horse-battery"
LANGUAGES: tuple[Language, ...] = ("en", "de", "fr", "it")
LETTER = Letter(reply_to="ann@supplier.example", subject="Invoice 4711", message_id="<m1@supplier.example>")
UNREAD = (
    UnreadPart("invoice.xml", (Problem(Code.TOTALS_DISAGREE, "line 40", "100.00 EUR", "99.00 EUR", detail="net"),)),
    UnreadPart("scan.tif", (Problem(Code.UNKNOWN_FORMAT, "byte 0", detail="it begins with II*"),)),
)
PAYLOAD = SendMailAnswer(mark=MARK, letter=LETTER, unread=UNREAD, taken=("good.xml",))


def config(**settings: Any) -> AnswersConfig:
    given = {"address": "invoices@acme.example", "company": "Acme", "server": "127.0.0.1", "security": "none"}
    return AnswersConfig(**{**given, **settings})


# ── who gets one ───────────────────────────────────────────────────────────────────────────────────────────────────

HUMAN = (
    b"Return-Path: <ann@supplier.example>\r\nFrom: Ann <Ann@Supplier.example>\r\nTo: invoices@acme.example\r\n"
    b"Subject: =?utf-8?q?Rechnung_f=C3=BCr?= 4711\r\nMessage-ID: <m1@supplier.example>\r\n"
    b"References: <a@x> <b@x>\r\n\r\nHello\r\n"
)


def test_what_a_person_wrote_can_be_answered() -> None:
    assert letter_of(HUMAN) == Letter(
        reply_to="ann@supplier.example",
        subject="Rechnung für 4711",
        message_id="<m1@supplier.example>",
        references=("<a@x>", "<b@x>"),
    )


@pytest.mark.parametrize(
    "header",
    [
        b"Return-Path: <>",
        b"Return-Path: < >",
        b"Auto-Submitted: auto-replied",
        b"Auto-Submitted: auto-generated; type=x",
        b"auto-submitted: AUTO-NOTIFIED",
        b"Precedence: bulk",
        b"Precedence: List",
        b"List-Id: <invoices.lists.example>",
        b"X-Mailing-List: a",
        b"X-Auto-Response-Suppress: DR, OOF, AutoReply",
        b"X-Auto-Response-Suppress: All",
        b"X-Autoreply: yes",
        b"X-Failed-Recipients: a@b.example",
        b"X-Ricevuta: avvenuta-consegna",
        b"Content-Type: multipart/report; report-type=delivery-status; boundary=x",
    ],
)
def test_machines_and_lists_are_never_answered(header: bytes) -> None:
    assert letter_of(header + b"\r\n" + HUMAN.partition(b"\r\n")[2]).automatic


@pytest.mark.parametrize("sender", ["MAILER-DAEMON@mx.example", "no-reply@x.example", "bounces+a=b@x.example"])
def test_nobody_is_not_answered_unless_somebody_else_is_named(sender: str) -> None:
    mail = f"From: {sender}\r\nSubject: a\r\n\r\n".encode()
    assert letter_of(mail).automatic
    assert letter_of(b"Reply-To: ann@x.example\r\n" + mail) == Letter(reply_to="ann@x.example", subject="a")


@pytest.mark.parametrize(
    "header",
    [b"Auto-Submitted: no", b"Precedence: first-class", b"X-Auto-Response-Suppress: RN, NRN", b"X-Mailer: SAP"],
)
def test_what_looks_like_a_machine_and_is_none_is_answered(header: bytes) -> None:
    assert not letter_of(header + b"\r\n" + HUMAN).automatic


@pytest.mark.parametrize(
    "sender",
    [
        b"From: a@b.example, c@d.example",
        b"From: a@b.example\r\nFrom: c@d.example",
        b"From: Ann",
        b"From: =?utf-8?q?a=40b=2Eexample=0D=0ABcc=3A_x?=",
        b"From: a@b.example\\r\\nBcc: x@y.example",
        b"From: <a b@c.example>",
        b"Subject: nobody",
        "From: ann@m\u00fcller.example".encode(),
    ],
)
def test_without_one_plain_address_nobody_is_answered(sender: bytes) -> None:
    assert letter_of(sender + b"\r\nMessage-ID: <a@b>\r\n\r\n").reply_to == ""


@pytest.mark.parametrize("subject", [b"=?x?q?y?=", b"=?utf-8?b?////?=", b"\xff\xfe\x00", b"a" * 200_000, b"=?" * 2000])
def test_hostile_headers_are_read_as_what_they_are(subject: bytes) -> None:
    found = letter_of(b"From: a@b.example\r\nSubject: " + subject + b"\r\n\r\n")
    assert len(found.subject) <= 120
    assert found.subject.isprintable()
    found.subject.encode()
    assert mail_name(found.subject).endswith(".eml")


@given(st.binary(max_size=300), st.sampled_from([b"From: ", b"Subject: ", b"Message-ID: <", b"References: <", b""]))
def test_no_headers_make_it_fail(body: bytes, header: bytes) -> None:
    found = letter_of(header + body + b"\r\n\r\n")
    message = write_answer(SendMailAnswer(mark=MARK, letter=found, unread=UNREAD), MARK, config(), NOW)
    assert set(message_from_bytes(message.as_bytes()).keys()) <= HEADERS


def test_rules_of_senders() -> None:
    rules = SenderRules(only=("*@supplier.example", "bob@other.example"), never=("spam@*",))
    assert [rules.admit(each) for each in ("Ann@Supplier.Example", "bob@other.example", "")] == [True] * 3
    assert [rules.admit(each) for each in ("spam@supplier.example", "eve@other.example")] == [False] * 2
    assert not SenderRules(never=("",)).admit("")


# ── what it says ───────────────────────────────────────────────────────────────────────────────────────────────────

HEADERS = {
    *("From", "To", "Subject", "Date", "Message-ID", "In-Reply-To", "References", "Auto-Submitted"),
    *("X-Auto-Response-Suppress", "Content-Language", "Content-Type", "Content-Transfer-Encoding", "MIME-Version"),
}


def written(payload: SendMailAnswer = PAYLOAD, **settings: Any) -> EmailMessage:
    body = write_answer(payload, MARK, config(**settings), NOW).as_bytes()
    message = message_from_bytes(body, policy=policy.default)
    assert isinstance(message, EmailMessage)
    return message


def text_of(payload: SendMailAnswer = PAYLOAD, **settings: Any) -> str:
    return str(written(payload, **settings).get_content()).replace("\r\n", "\n")


def test_the_answer_in_english() -> None:
    assert text_of(contact="accounts payable, ap@acme.example") == (
        """\
Good day,

Acme has received your mail "Invoice 4711" at invoices@acme.example.

Of the 3 documents in it, 2 could not be taken in:

1. invoice.xml
   * The sums in the document do not agree.
     Place: line 40
     Expected: 100.00 EUR
     Found: 99.00 EUR
     In detail: net

2. scan.tif
   * This kind of file cannot be read here.
     Place: byte 0
     In detail: it begins with II*

These were taken in (1). Please do not send them again:
  - good.xml

Please correct the documents named above and send them again to the same address, in a new mail. Attach each one as a \
file. Structured invoices (XML such as UBL, CII, XRechnung, FatturaPA; PDF with XML inside such as Factur-X, ZUGFeRD) \
are taken in at once.
If you have a question, please turn to accounts payable, ap@acme.example.

Kind regards
Acme

This answer was written by a machine. An answer to it is not read.
Reference: abababababababab
"""
    )


def test_the_answer_in_german() -> None:
    text = text_of(language="de")
    assert text.startswith(
        "Guten Tag,\n\nAcme hat Ihre E-Mail „Invoice 4711“ an invoices@acme.example erhalten.\n\n"
        "Von den 3 Dokumenten darin konnten 2 nicht übernommen werden:\n\n"
        "1. invoice.xml\n   * Die Summen im Dokument stimmen nicht überein.\n     Stelle: line 40\n"
    )


def test_its_headers_say_that_a_machine_wrote_it_and_to_what() -> None:
    found = written(replace(PAYLOAD, letter=replace(LETTER, references=("<a@x>",))))
    assert {name: str(found[name]) for name in HEADERS - {"Content-Type", "Content-Transfer-Encoding"}} == {
        "From": "invoices@acme.example",
        "To": "ann@supplier.example",
        "Subject": "Auto: could not be taken in: Invoice 4711",
        "Date": "Tue, 15 Sep 2026 08:00:00 +0000",
        "Message-ID": message_id_of(MARK, config()),
        "In-Reply-To": "<m1@supplier.example>",
        "References": "<a@x> <m1@supplier.example>",
        "Auto-Submitted": "auto-replied",
        "X-Auto-Response-Suppress": "All",
        "Content-Language": "en",
        "MIME-Version": "1.0",
    }
    assert letter_of(found.as_bytes()).automatic, "two of us would never end"


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_language_says_everything(language: Language) -> None:
    assert set(words_of(language).reasons) == set(words_of("en").reasons)
    text = text_of(language=language, contact="ap@acme.example")
    for value in ("invoice.xml", "scan.tif", "good.xml", "line 40", "ap@acme.example", "Acme", MARK[:16]):
        assert value in text
    assert "{" not in text


def test_without_anything_attached_it_says_so() -> None:
    text = text_of(SendMailAnswer(mark=MARK, letter=LETTER, unread=()))
    assert "No document was attached to it" in text


def test_it_tells_nothing_that_the_mail_did_not_say_itself() -> None:
    """The sender's address may be forged."""
    secret = Problem(Code.WRONG_SUPPLIER, "seller", "sup-secret", "sup-other", detail="belongs to Rival Ltd")
    odd = Problem(Code.DUPLICATE_INVOICE, "invoice", "paid on 2026-01-01", detail="Rival Ltd")
    text = text_of(replace(PAYLOAD, unread=(UnreadPart("a.xml", (secret, odd)),)))
    assert "The document is not from the supplier" in text
    for value in ("secret", "Rival", "2026-01-01", "sup-other"):
        assert value not in text


def test_names_and_subjects_do_no_harm() -> None:
    evil = "a.pdf\r\nBcc: victim@x.example\r\n\r\n\u202eclick https://evil.example/ www.evil.example" + "x" * 500
    letter = replace(LETTER, subject="Hi\r\nBcc: victim@x.example\r\n\r\n<b>buy https://evil.example</b>")
    found = written(replace(PAYLOAD, letter=letter, unread=(UnreadPart(evil, UNREAD[0].problems),), taken=(evil,)))
    assert set(found.keys()) <= HEADERS
    assert "Bcc" not in found
    assert found["To"] == "ann@supplier.example"
    text = found.get_content()
    assert [bad for bad in ("https://", "www.", "\u202e") if bad in text] == []
    assert max(map(len, text.splitlines())) < 400


def test_much_is_told_in_short() -> None:
    problems = tuple(Problem(Code.BAD_VALUE, f"line {number}") for number in range(200))
    parts = tuple(UnreadPart(f"{number}.xml", problems) for number in range(1000))
    text = text_of(replace(PAYLOAD, unread=parts, taken=tuple(f"t{number}" for number in range(1000))))
    assert len(text) < 20_000
    assert [told for told in ("and 980 more", "and 195 more") if told not in text] == []


def test_notes_are_told_only_where_there_is_nothing_worse() -> None:
    note, fault = Problem(Code.ASSUMED_VALUE, "line 1"), Problem(Code.MISSING_FIELD, "line 2")
    assert worst((note, fault, fault)) == (fault,)
    assert worst((note,)) == (note,)


def test_the_same_key_has_the_same_id_and_another_one_another() -> None:
    assert message_id_of("a", config()) == message_id_of("a", config()) != message_id_of("b", config())


def test_quoting() -> None:
    assert said("  a \n b\x00 ") == "a b\\x00"


@pytest.mark.parametrize(
    "wrong",
    [
        {"address": "Acme <a@b.example>"},
        {"address": "a@b.example\nBcc: x"},
        {"company": " "},
        {"user": "a"},
        {"user": "a", "password": "env:A"},
        {"contact": "a\nb"},
        {"bounces_to": "Invoices@acme.example"},
        {"timeout_seconds": 0},
    ],
)
def test_what_cannot_work_is_refused_at_once(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        config(**wrong)


# ── how it goes out ────────────────────────────────────────────────────────────────────────────────────────────────


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        return int(free.getsockname()[1])


class Relay:
    """A real mail server that takes what it is given, and goes wrong when told to."""

    def __init__(self) -> None:
        self.mails: list[tuple[str | None, list[str], bytes]] = []
        self.replies = {"MAIL": "", "RCPT": "", "DATA": ""}
        self.drops: str = ""
        self.controller = Controller(
            self, hostname="127.0.0.1", port=free_port(), authenticator=self._log_in, auth_require_tls=False, timeout=5
        )
        self.controller.start()
        self.port = self.controller.port

    @staticmethod
    def _log_in(server: Any, session: Any, envelope: Any, mechanism: str, data: Any) -> AuthResult:
        return AuthResult(success=(data.login, data.password) == (b"acme", PASSWORD.encode()))

    async def handle_MAIL(self, server: Any, session: Any, envelope: Any, address: str, options: list[str]) -> str:
        envelope.mail_from = address
        return self.replies["MAIL"] or "250 OK"

    async def handle_RCPT(self, server: Any, session: Any, envelope: Any, address: str, options: list[str]) -> str:
        envelope.rcpt_tos.append(address)
        return self.replies["RCPT"] or "250 OK"

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        if self.drops != "before the work" and not self.replies["DATA"]:
            self.mails.append((envelope.mail_from, envelope.rcpt_tos, envelope.original_content))
        if self.drops:
            server.transport.abort()
            await asyncio.sleep(0)
        return self.replies["DATA"] or "250 OK"

    def end(self) -> None:
        self.controller.stop()


@pytest.fixture
def relay() -> Iterator[Relay]:
    server = Relay()
    yield server
    server.end()


def effect(number: int = 0, payload: SendMailAnswer = PAYLOAD) -> Effect:
    key = f"{number:064d}"
    return Effect(
        effect_id=effect_id("mail", SendMailAnswer.operation, key),
        operation=SendMailAnswer.operation,
        key=key,
        entity="",
        subject=key,
        correlation=key,
        payload=payload,
    )


class TestConformance(ConnectorConformance):
    secrets = (PASSWORD,)

    @pytest.fixture(autouse=True)
    def _relay(self, relay: Relay) -> None:
        self.relay = relay
        self.clock = VirtualClock(NOW)

    def make(self) -> SmtpInbox:
        # the guard against passwords without TLS stands in the configuration; here the wire is this machine's own
        settings = config(port=self.relay.port, timeout_seconds=3)
        answers = MailAnswers(settings, "", self.clock, system="mail")
        return SmtpInbox(SmtpConfig(recipients=("a@b.example",)), Desk(), self.clock, system="mail", answers=answers)

    def effects(self, operation: str, count: int) -> Sequence[Effect]:
        return [effect(number) for number in range(count)]

    def refused(self, operation: str) -> Effect:
        return effect(9, replace(PAYLOAD, letter=replace(LETTER, automatic="it is a bounce")))

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
        reference = message_id_of(effect.key, config()).encode()
        return sum(reference in body for _, _, body in self.relay.mails)


def answers(relay: Relay, **settings: Any) -> MailAnswers:
    return MailAnswers(config(port=relay.port, **settings), PASSWORD, VirtualClock(NOW), system="mail")


def test_it_goes_to_the_sender_alone_and_comes_back_to_nobody(relay: Relay) -> None:
    (result,) = answers(relay).apply([effect()])
    assert result == Applied(reference=message_id_of(effect().key, config()))
    ((sender, to, body),) = relay.mails
    assert (sender, to) == ("<>", ["ann@supplier.example"])
    assert body == write_answer(PAYLOAD, effect().key, config(), NOW).as_bytes()


def test_a_line_with_a_dot_arrives_as_it_was(relay: Relay) -> None:
    payload = replace(PAYLOAD, unread=(UnreadPart("x", (Problem(Code.BAD_VALUE, "." * 99, "." * 99),)),))
    answers(relay).apply([effect(payload=payload)])
    assert relay.mails[0][2] == write_answer(payload, effect().key, config(), NOW).as_bytes()


@pytest.mark.parametrize(
    ("command", "reply", "expected"),
    [
        ("MAIL", "451 later", Retry),
        ("RCPT", "450 greylisted", Retry),
        ("RCPT", "550 nobody", Refused),
        ("DATA", "452 full", Retry),
        ("DATA", "554 spam", Refused),
        ("DATA", "what?", Unknown),
    ],
)
def test_not_now_is_tried_again_and_never_is_refused(relay: Relay, command: str, reply: str, expected: type) -> None:
    relay.replies[command] = reply
    (result,) = answers(relay).apply([effect()])
    assert isinstance(result, expected), result
    assert relay.mails == []


def test_who_is_not_there_has_not_got_it(relay: Relay) -> None:
    (result,) = MailAnswers(config(port=free_port()), "", VirtualClock(NOW), system="mail").apply([effect()])
    assert isinstance(result, Retry)


def test_a_server_that_says_nothing_is_hung_up_on() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        settings = config(port=silent.getsockname()[1], timeout_seconds=0.1)
        (result,) = MailAnswers(settings, "", VirtualClock(NOW), system="mail").apply([effect()])
    assert isinstance(result, Retry)


def test_tls_is_not_given_up_where_the_server_has_none(relay: Relay) -> None:
    with pytest.raises(ConfigError, match="security"):
        answers(relay, security="starttls").apply([effect()])
    assert relay.mails == []


def test_without_a_look_up_only_a_person_can_say(relay: Relay) -> None:
    sending = answers(relay)
    assert (sending.operation.lookup, sending.operation.native_key, sending.operation.unique_number) == (False,) * 3
    assert isinstance(sending.probe(effect()), Unknown)


def test_threads_share_it(relay: Relay) -> None:
    sending, results = answers(relay), []
    threads = [
        threading.Thread(target=lambda number=number: results.extend(sending.apply([effect(number)])))
        for number in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [type(result) for result in results] == [Applied] * 8
    assert len(relay.mails) == 8
