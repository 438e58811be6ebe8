"""Two partners that talk AS2: their keys, their settings, and a wire between them that can be cut."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

import httpx2
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID
from obstore.store import MemoryStore

from tieout.conformance.channel import Desk
from tieout.connectors.as2 import As2, As2Config, Keys, Ledger
from tieout.connectors.as2.cms import Identity
from tieout.connectors.as2.config import OwnKey
from tieout.formats.source import Source
from tieout.kernel.clock import VirtualClock
from tieout.kernel.ids import fingerprint
from tieout.model.effects import SendDocument, effect_id
from tieout.ports import Effect, Taken

NOW = datetime(2026, 9, 15, 8, 0, tzinfo=UTC)
#: Names may have blanks and quotes in them.
A, B = "Nordlicht", 'Papier "Ring" & Co'
EDI = b"UNB+UNOC:3+A+B+260915:0800+1'\nUNZ+0+1'\n"


@cache
def key_of(name: str, kind: str = "rsa") -> rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey:
    """A key, made once for each name."""
    if kind == "ec":
        return ec.generate_private_key(ec.SECP256R1())
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


@cache
def identity(name: str, *, days: tuple[int, int] = (-30, 365), kind: str = "rsa", serial: int = 4711) -> Identity:
    """A key with a certificate of its own that is valid for these days, counted from now."""
    key = key_of(name, kind)
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    built = x509.CertificateBuilder().subject_name(subject).issuer_name(subject).public_key(key.public_key())
    built = built.serial_number(serial).add_extension(
        x509.SubjectKeyIdentifier.from_public_key(key.public_key()), False
    )
    built = built.not_valid_before(NOW + timedelta(days=days[0])).not_valid_after(NOW + timedelta(days=days[1]))
    return Identity(key, built.sign(key, hashes.SHA256()))


def settings(our_name: str, partner_name: str, **more: Any) -> As2Config:
    own = (OwnKey(key="file:unused"),)
    defaults: dict[str, Any] = {"url": "http://partner.example:8080/as2/x"}
    return As2Config(
        our_name=our_name, partner_name=partner_name, keys=own, partner_certificates=("file:u",), **defaults | more
    )


class Intake(Desk):
    """The way in; what is kept as evidence lies beside the documents."""

    def __init__(self) -> None:
        super().__init__()
        self.kept: dict[str, bytes] = {}
        self.media_types: list[str] = []

    def keep(self, body: bytes, *, name: str, media_type: str, channel: str) -> str:
        assert name.isprintable()
        mark = fingerprint(body)
        self.kept[mark] = body
        return mark

    def take(self, document: Source | bytes, *, name: str, media_type: str, channel: str) -> Taken:
        self.media_types.append(media_type)
        return super().take(document, name=name, media_type=media_type, channel=channel)


class Wire(httpx2.BaseTransport):
    """Brings calls to whoever listens, and notes them. ``go_wrong`` may answer, or raise, in their place."""

    def __init__(self) -> None:
        self.listener: As2 | None = None
        self.calls: list[tuple[str, dict[str, str], bytes]] = []
        self.answers: list[httpx2.Response] = []
        self.go_wrong: Callable[[httpx2.Request, Callable[[], httpx2.Response]], httpx2.Response] | None = None

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        headers = {name.lower(): value for name, value in request.headers.items()}
        self.calls.append((str(request.url), headers, request.read()))

        def bring() -> httpx2.Response:
            assert self.listener is not None
            reply = self.listener.receive(headers, request.read())
            answer = httpx2.Response(reply.status, headers=reply.headers, content=reply.body)
            self.answers.append(answer)
            if reply.owed:
                self.listener.hand_over(reply.owed)
            return answer

        answer = self.go_wrong(request, bring) if self.go_wrong else bring()
        if not answer.is_stream_consumed:
            return answer
        headers = [pair for pair in answer.headers.multi_items() if pair[0] != "transfer-encoding"]
        return httpx2.Response(answer.status_code, headers=headers, stream=httpx2.ByteStream(answer.content))


class Side:
    """One partner: connector, inbox, ledger, and the wire on which it calls the other."""

    def __init__(
        self,
        our_name: str,
        partner_name: str,
        own: Sequence[Identity],
        partner: Sequence[Identity],
        clock: VirtualClock,
        **more: Any,
    ) -> None:
        self.desk, self.ledger, self.wire, self.clock = Intake(), Ledger(MemoryStore()), Wire(), clock
        self.keys = Keys(tuple(own), tuple(each.certificate for each in partner))
        self.config = settings(our_name, partner_name, **more)
        self.connector = self.open()

    def open(self) -> As2:
        """The connector; again after a restart."""
        return As2(self.config, self.keys, self.desk, self.ledger, self.clock, system="as2", transport=self.wire)


def pair(sender: dict[str, Any] | None = None, receiver: dict[str, Any] | None = None) -> tuple[Side, Side]:
    """A sends to B; both with keys of their own."""
    clock = VirtualClock(NOW)
    a = Side(A, B, [identity("a")], [identity("b")], clock, **sender or {})
    b = Side(B, A, [identity("b")], [identity("a")], clock, **receiver or {})
    a.wire.listener, b.wire.listener = b.connector, a.connector
    return a, b


def effect(
    body: bytes = EDI,
    *,
    name: str = "orders.edi",
    media_type: str = "application/edifact",
    key: str = "",
    attempt: int = 1,
) -> Effect:
    """A document to be sent."""
    key = key or name
    return Effect(
        effect_id=effect_id("as2", SendDocument.operation, key),
        operation=SendDocument.operation,
        key=key,
        entity="DE01",
        subject=key,
        correlation=key,
        payload=SendDocument(name=name, media_type=media_type, body=body),
        attempt=attempt,
    )
