"""AS2 between two partners: what is sent arrives, what is confirmed is true, and what is not is refused in RFC words."""

import base64
import itertools
import re
import subprocess
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from email import message_from_bytes, policy
from pathlib import Path
from typing import Any

import httpx2
import pytest
from asn1crypto.cms import ContentInfo
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
)
from cryptography.hazmat.primitives.serialization.pkcs12 import serialize_key_and_certificates
from hypothesis import given, settings
from hypothesis import strategies as st
from structlog.testing import capture_logs
from tests.connectors.as2_kit import EDI, NOW, A, B, Intake, Side, effect, identity, pair
from tests.connectors.as2_kit import settings as settings_of

from tieout.conformance.connector import ConnectorConformance, Misbehaviour
from tieout.connectors import connect as connect_kind
from tieout.connectors.as2 import As2, Keys, Reply, cms, mdn
from tieout.connectors.as2.cms import Identity
from tieout.connectors.as2.ledger import Sent
from tieout.connectors.as2.mdn import Receipt
from tieout.connectors.as2.message import Wrapping, build, signed
from tieout.connectors.as2.mime import Entity, entity, join, read_entity, split
from tieout.connectors.as2.refusal import SENTENCES
from tieout.kernel.errors import ConfigError
from tieout.ports import Absent, Applied, Connector, Effect, Refused, Retry, Unknown

PLAIN = {"require_signature": False, "require_encryption": False}
LOOSE = {"sign": "", "encrypt": "", "receipt_signed": False}
ASKED = {
    "disposition-notification-to": "a@example.com",
    "disposition-notification-options": "signed-receipt-protocol=required, pkcs7-signature; "
    "signed-receipt-micalg=required, sha-256",
}


def headers_of(**more: str) -> dict[str, str]:
    names = {"as2-version": "1.2", "as2-from": mdn.quoted_name(A), "as2-to": mdn.quoted_name(B), "message-id": "<1@a>"}
    return names | ASKED | {name.replace("_", "-"): value for name, value in more.items()}


def wrapped(body: bytes = EDI, **more: Any) -> tuple[dict[str, str], bytes]:
    """A message of A's for B, as it goes over the wire."""
    asked = {"identity": identity("a"), "digest": "sha256", "recipient": identity("b").certificate} | more
    wrapping = Wrapping(**{"cipher": "aes256_cbc", "compress": ""} | asked)
    built = build("orders.edi", "application/edifact", body, wrapping, NOW)
    return headers_of() | {name.lower(): value for name, value in built.headers.items()}, built.body


def said(reply: Reply, signer: Identity | None = None) -> Receipt:
    """The receipt in an answer, read without our own reader of multiparts; its signature is checked if it has one."""
    whole = Entity({"content-type": reply.headers["Content-Type"]}, reply.body, reply.body)
    if whole.media_type == "multipart/signed":
        report, signature = split(whole)
        cms.verify(
            report, read_entity(signature).content(), [(signer or identity("b")).certificate], NOW, weak_allowed=True
        )
        whole = read_entity(report)
    head = f"Content-Type: {whole.headers['content-type']}\r\n\r\n".encode()
    parts = list(message_from_bytes(head + whole.body, policy=policy.default).walk())
    assert [part.get_content_type() for part in parts if not part.is_multipart()] == ["text/plain", "text/plain"]
    assert "message/disposition-notification" in [part.get_content_type() for part in parts]
    return mdn.read(whole)


def disposition(reply: Reply) -> str:
    receipt = said(reply)
    return f"{receipt.type}/{receipt.modifier}" if receipt.modifier else receipt.type


# ── what is sent arrives ───────────────────────────────────────────────────────────────────────────────────────────

_COMBINATIONS = [
    *itertools.product(
        ("", "sha256"),
        ("", "aes128_cbc", "aes256_cbc"),
        ("", "before_signing", "after_signing"),
        (True, False),
    ),
    ("sha384", "aes192_cbc", "", True),
    ("sha512", "aes256_cbc", "before_signing", True),
    ("sha1", "tripledes_3key", "after_signing", True),
]


@pytest.mark.parametrize(("sign", "cipher", "compress", "signed_receipt"), _COMBINATIONS)
def test_a_document_arrives_and_is_confirmed(sign: str, cipher: str, compress: str, signed_receipt: bool) -> None:
    old = {"allow_sha1": sign == "sha1", "allow_3des": cipher == "tripledes_3key"}
    how = {"sign": sign, "encrypt": cipher, "compress": compress, "receipt_signed": signed_receipt}
    a, b = pair(how | old, {"require_signature": bool(sign), "require_encryption": bool(cipher)} | old)
    (result,) = a.connector.apply([effect()])
    (_, headers, body), answer = a.wire.calls[0], a.wire.answers[0]
    assert result == Applied(reference=headers["message-id"])
    assert (b.desk.contents, b.desk.names, b.desk.media_types) == ([EDI], ["orders.edi"], ["application/edifact"])
    assert answer.headers["content-type"].startswith("multipart/signed" if signed_receipt else "multipart/report")
    assert (EDI in body) == (not cipher and not compress)
    assert any(evidence.endswith(body) for evidence in b.desk.kept.values()), "the message as it came is kept"
    assert any(evidence.endswith(answer.content) for evidence in a.desk.kept.values()), "and so is the receipt"


@pytest.mark.parametrize(
    "body",
    [b"", b"\r\n", b"one\ntwo\r\nthree\r", b"--=_\r\n--", bytes(range(256)) * 300],
    ids=lambda body: str(len(body)),
)
@pytest.mark.parametrize("compress", ["", "before_signing", "after_signing"])
def test_every_byte_arrives_as_it_was(body: bytes, compress: str) -> None:
    a, b = pair({"compress": compress})
    assert isinstance(a.connector.apply([effect(body)])[0], Applied)
    assert b.desk.contents == [body]


@given(st.binary(max_size=400), st.text(min_size=1, max_size=30))
@settings(max_examples=30, deadline=None)
def test_what_is_built_is_opened_again(body: bytes, name: str) -> None:
    a, b = pair()
    (result,) = a.connector.apply([effect(body, name=name)])
    if isinstance(result, Applied):
        assert b.desk.contents == [body]
        assert b.desk.names[0] == " ".join(b.desk.names[0].split(" ")), b.desk.names
    else:
        assert isinstance(result, Refused)
        assert b.desk.names == []


def test_a_name_in_another_alphabet_arrives() -> None:
    a, b = pair()
    a.connector.apply([effect(name="Gutschrift für Müller „A“.xml")])
    assert b.desk.names == ["Gutschrift für Müller „A“.xml"]


@pytest.mark.parametrize(
    ("disposed", "name"),
    [
        ('attachment; filename="../../etc/passwd"', "passwd"),
        ('attachment; filename="C:\\\\temp\\\\a.edi"', "a.edi"),
        ('attachment; filename=".hidden"', "hidden"),
        ("attachment; filename*=utf-8''a%00b%0a.xml", "ab.xml"),
        ("attachment", "1@a"),
        ("", "1@a"),
    ],
)
def test_the_name_is_the_senders_without_its_folders(disposed: str, name: str) -> None:
    _, b = pair(receiver=PLAIN)
    headers = headers_of(content_type="application/edifact", content_disposition=disposed)
    assert disposition(b.connector.receive(headers, EDI)) == "processed"
    assert b.desk.names == [name]


def test_a_document_of_four_megabytes_and_many_pieces() -> None:
    a, b = pair({"compress": "before_signing"})
    body = b"".join(b"LIN+%d++4000862141404:EN'\n" % number for number in range(150_000))
    assert isinstance(a.connector.apply([effect(body)])[0], Applied)
    assert b.desk.contents == [body]


# ── the digest of the receipt ──────────────────────────────────────────────────────────────────────────────────────


def test_of_a_signed_message_what_was_signed_is_confirmed_and_by_the_digest_of_its_signature() -> None:
    """RFC 4130, 7.3.1 and 7.4.3: whatever digest the sender prefers for the receipt."""
    headers, body = wrapped(digest="sha512", recipient=None, cipher="")
    _, b = pair(receiver={"require_encryption": False})
    receipt = said(b.connector.receive(headers, body))
    part = body.split(b"\r\n--=_")[0].partition(b"\r\n")[2]
    assert (receipt.digest, receipt.mic) == ("sha512", cms.digest_of(part, "sha512"))


@pytest.mark.parametrize(
    ("micalg", "sha1", "digest"),
    [("sha-384, sha-256", False, "sha384"), ("sha1, sha256", False, "sha256"), ("md5, sha1", True, "sha1")],
)
def test_of_a_plain_message_the_content_alone_is_confirmed(micalg: str, sha1: bool, digest: str) -> None:
    _, b = pair(receiver=PLAIN | {"allow_sha1": sha1})
    options = f"signed-receipt-protocol=optional, pkcs7-signature; signed-receipt-micalg=optional, {micalg}"
    headers = headers_of(content_type="application/edifact", disposition_notification_options=options)
    receipt = said(b.connector.receive(headers, EDI))
    assert (receipt.digest, receipt.mic) == (digest, cms.digest_of(EDI, digest))


@pytest.mark.parametrize("sha1", [True, False])
def test_without_a_wish_the_digest_is_what_the_rfc_says_where_that_is_allowed(sha1: bool) -> None:
    _, b = pair(receiver=PLAIN | {"allow_sha1": sha1})
    headers = headers_of(content_type="application/edifact", disposition_notification_options="")
    assert said(b.connector.receive(headers, EDI)).digest == ("sha1" if sha1 else "sha256")


def test_of_an_encrypted_message_the_headers_count_and_its_lines_are_the_networks() -> None:
    """RFC 4130, 7.3.1: the decrypted part is made canonical; the body of a binary one has no lines."""
    _, b = pair(receiver=PLAIN)
    for encoding, inside, confirmed in (
        ("7bit", b"a\nb\n", b"Content-Type: text/plain\r\nContent-Transfer-Encoding: 7bit\r\n\r\na\r\nb\r\n"),
        ("binary", b"a\nb\n", b"Content-Type: text/plain\r\nContent-Transfer-Encoding: binary\r\n\r\na\nb\n"),
    ):
        part = f"Content-Type: text/plain\nContent-Transfer-Encoding: {encoding}\n\n".encode() + inside
        body = cms.encrypt(part, identity("b").certificate, "aes128_cbc")
        headers = headers_of(
            content_type="application/pkcs7-mime; smime-type=enveloped-data", message_id=f"<{encoding}>"
        )
        assert said(b.connector.receive(headers, body)).mic == cms.digest_of(confirmed, "sha256")


def test_of_a_compressed_message_the_unpacked_part_with_its_headers_is_confirmed() -> None:
    """RFC 5402, section 4.3."""
    _, b = pair(receiver=PLAIN)
    part = b"Content-Type: text/plain\r\n\r\nhello"
    headers = headers_of(content_type="application/pkcs7-mime; smime-type=compressed-data")
    assert said(b.connector.receive(headers, cms.compress(part))).mic == cms.digest_of(part, "sha256")


@pytest.mark.parametrize(
    ("encoding", "content"),
    [
        ("base64", base64.encodebytes(EDI).replace(b"\n", b"\r\n")),
        ("quoted-printable", b"UNB+UNOC:3+A+B+260915:0800+1'=0AUNZ+0+1'=0A"),
        ("8bit", EDI),
    ],
)
def test_transfer_encodings_are_taken_off_and_the_signature_is_over_the_encoded_part(
    encoding: str, content: bytes
) -> None:
    _, b = pair(receiver={"require_encryption": False})
    part = entity({"Content-Type": "application/edifact", "Content-Transfer-Encoding": encoding}, content)
    whole = signed(part, identity("a"), "sha256", NOW)
    receipt = said(b.connector.receive(headers_of(content_type=whole.headers["content-type"]), whole.body))
    assert (receipt.type, receipt.mic) == ("processed", cms.digest_of(part.raw, "sha256"))
    assert b.desk.contents == [EDI]


def test_what_was_signed_with_other_line_ends_is_taken_as_it_was_signed() -> None:
    """Some programs sign lines as on the network and send them as on their disk (RFC 5751, 3.1.1)."""
    _, b = pair(receiver={"require_encryption": False})
    on_the_network = b"Content-Type: text/plain\r\nContent-Transfer-Encoding: 7bit\r\n\r\none\r\ntwo\r\n"
    on_the_disk = on_the_network.replace(b"\r\n", b"\n")
    signature = entity(
        {"Content-Type": "application/pkcs7-signature"}, cms.sign(on_the_network, identity("a"), "sha256", NOW)
    )
    whole = join(
        "signed", {"protocol": "application/pkcs7-signature", "micalg": "sha-256"}, [on_the_disk, signature.raw]
    )
    receipt = said(b.connector.receive(headers_of(content_type=whole.headers["content-type"]), whole.body))
    assert (receipt.type, receipt.mic) == ("processed", cms.digest_of(on_the_network, "sha256"))
    assert b.desk.contents == [b"one\r\ntwo\r\n"], "what was signed counts, and not what came"


def test_the_line_ends_of_a_binary_document_may_not_be_changed() -> None:
    _, b = pair(receiver={"require_encryption": False})
    headers, body = wrapped(b"one\r\ntwo\r\n", recipient=None, cipher="")
    changed = body.replace(b"one\r\ntwo", b"one\ntwo")
    assert disposition(b.connector.receive(headers, changed)) == "processed/error: integrity-check-failed"


# ── refusals ───────────────────────────────────────────────────────────────────────────────────────────────────────


def flipped(body: bytes, at: int) -> bytes:
    return body[:at] + bytes([body[at] ^ 1]) + body[at + 1 :]


def _unsigned() -> tuple[dict[str, str], bytes]:
    return wrapped(identity=None, digest="", recipient=None, cipher="")


def _changed_content() -> tuple[dict[str, str], bytes]:
    headers, body = wrapped(recipient=None, cipher="")
    return headers, body.replace(b"UNOC:3", b"UNOC:4")


def _changed_signature() -> tuple[dict[str, str], bytes]:
    headers, body = wrapped(recipient=None, cipher="")
    before, name, rest = body.rpartition(b'filename="smime.p7s"\r\n\r\n')
    text, mark, after = rest.partition(b"\r\n--=_")
    signature = base64.b64decode(text)
    return headers, before + name + base64.encodebytes(flipped(signature, len(signature) - 5)) + mark + after


def _changed_headers() -> tuple[dict[str, str], bytes]:
    headers, body = wrapped(recipient=None, cipher="")
    return headers, body.replace(b"orders.edi", b"others.edi")


def _bomb() -> tuple[dict[str, str], bytes]:
    part = b"Content-Type: text/plain\r\n\r\n" + b"0" * 3_000_000
    return headers_of(content_type="application/pkcs7-mime; smime-type=compressed-data"), cms.compress(part)


def _bomb_in_a_bomb() -> tuple[dict[str, str], bytes]:
    headers, bomb = _bomb()
    inside = f"Content-Type: {headers['content-type']}\r\n\r\n".encode() + bomb
    return headers, cms.compress(inside)


def _sealed(inside: bytes) -> tuple[dict[str, str], bytes]:
    body = cms.encrypt(inside, identity("b").certificate, "aes128_cbc")
    return headers_of(content_type="application/pkcs7-mime; smime-type=enveloped-data"), body


def _signed_by(whom: Identity) -> Callable[[], tuple[dict[str, str], bytes]]:
    return lambda: wrapped(identity=whom)


_OPEN = {"require_encryption": False, "document_bytes_max": 1_000_000}

_REFUSED: list[Any] = [
    pytest.param(_unsigned, _OPEN, "processed/error: insufficient-message-security", id="not signed"),
    pytest.param(
        lambda: wrapped(recipient=None, cipher=""),
        {},
        "processed/error: insufficient-message-security",
        id="not encrypted",
    ),
    pytest.param(_changed_content, _OPEN, "processed/error: integrity-check-failed", id="content changed"),
    pytest.param(_changed_headers, _OPEN, "processed/error: integrity-check-failed", id="signed headers changed"),
    pytest.param(_changed_signature, _OPEN, "processed/error: authentication-failed", id="signature changed"),
    pytest.param(_signed_by(identity("stranger")), {}, "processed/error: authentication-failed", id="a stranger"),
    pytest.param(
        _signed_by(Identity(identity("stranger").key, identity("a").certificate)),
        {},
        "processed/error: authentication-failed",
        id="another key under the partner's certificate",
    ),
    pytest.param(_signed_by(identity("b")), {}, "processed/error: authentication-failed", id="our own signature"),
    pytest.param(lambda: wrapped(digest="sha1"), {}, "processed/error: decryption-failed", id="SHA-1, inside"),
    pytest.param(
        lambda: wrapped(digest="sha1", recipient=None, cipher=""),
        _OPEN,
        "processed/error: insufficient-message-security",
        id="SHA-1",
    ),
    pytest.param(
        lambda: wrapped(cipher="tripledes_3key"), {}, "processed/error: insufficient-message-security", id="3DES"
    ),
    pytest.param(
        lambda: wrapped(recipient=identity("stranger").certificate),
        {},
        "processed/error: decryption-failed",
        id="encrypted for somebody else",
    ),
    pytest.param(_bomb, _OPEN | PLAIN, "processed/error: decompression-failed", id="a bomb"),
    pytest.param(_bomb_in_a_bomb, _OPEN | PLAIN, "failed/failure: unsupported format", id="a bomb in a bomb"),
    pytest.param(lambda: _sealed(b"no headers"), {}, "processed/error: decryption-failed", id="rubbish inside"),
    pytest.param(lambda: (headers_of(), EDI), PLAIN, "failed/failure: unsupported format", id="no content type"),
    pytest.param(
        lambda: (headers_of(content_type="application/pkcs7-mime"), b"\x30\x82"),
        {},
        "failed/failure: unsupported format",
        id="not CMS",
    ),
    pytest.param(
        lambda: (headers_of(content_type="multipart/signed; boundary=x"), b"--x"),
        {},
        "failed/failure: unsupported format",
        id="half a message",
    ),
    pytest.param(
        lambda: (headers_of(content_type="text/plain", content_transfer_encoding="uuencode"), b"x"),
        PLAIN,
        "failed/failure: unsupported format",
        id="an encoding that nobody knows",
    ),
    pytest.param(
        lambda: (headers_of(as2_from="Somebody", content_type="text/plain"), EDI),
        PLAIN,
        "processed/error: unknown-trading-partner",
        id="a stranger's name",
    ),
    pytest.param(
        lambda: (headers_of(as2_to="Somebody", content_type="text/plain"), EDI),
        PLAIN,
        "processed/error: unknown-trading-partner",
        id="for somebody else",
    ),
    pytest.param(
        lambda: (headers_of(as2_from=A.lower(), content_type="text/plain"), EDI),
        PLAIN,
        "processed/error: unknown-trading-partner",
        id="names are compared exactly",
    ),
    pytest.param(
        lambda: (
            wrapped()[0]
            | {
                "disposition-notification-options": "signed-receipt-protocol=required, pgp-signature; signed-receipt-micalg=required, sha1"
            },
            b"",
        ),
        {},
        "failed/failure: unsupported format",
        id="a receipt signed by PGP",
    ),
    pytest.param(
        lambda: (
            wrapped()[0]
            | {
                "disposition-notification-options": "signed-receipt-protocol=required, pkcs7-signature; signed-receipt-micalg=required, md5, sha1"
            },
            b"",
        ),
        {},
        "failed/failure: unsupported mic-algorithms",
        id="a receipt by MD5",
    ),
]


@pytest.mark.parametrize(("message", "profile", "expected"), _REFUSED)
def test_what_is_not_as_agreed_is_refused_in_the_words_of_the_rfc(
    message: Callable[[], tuple[dict[str, str], bytes]], profile: dict[str, Any], expected: str
) -> None:
    _, b = pair(receiver=profile)
    reply = b.connector.receive(*message())
    assert (reply.status, disposition(reply)) == (200, expected)
    assert (b.desk.names, b.desk.kept) == ([], {}), "nothing is taken, and strangers fill no disk"
    receipt = said(reply)
    assert (receipt.mic, receipt.message_id) == (b"", "<1@a>")
    assert receipt.text in SENTENCES.values(), "the partner is told nothing about how we work"


@pytest.mark.parametrize("missing", ["as2-from", "as2-to", "message-id"])
def test_without_the_headers_of_as2_it_is_no_message(missing: str) -> None:
    _, b = pair()
    headers, body = wrapped()
    reply = b.connector.receive({name: value for name, value in headers.items() if name != missing}, body)
    assert (reply.status, missing in reply.body.decode(), b.desk.names) == (400, True, [])


@pytest.mark.parametrize("message_id", ["<ä@b>", "x" * 999, "a\x7fb"])
def test_a_message_id_that_is_none(message_id: str) -> None:
    _, b = pair()
    headers, body = wrapped()
    assert b.connector.receive(headers | {"message-id": message_id}, body).status == 400


def test_who_asks_for_no_receipt_gets_none() -> None:
    _, b = pair()
    headers, body = wrapped()
    quiet = {name: value for name, value in headers.items() if not name.startswith("disposition")}
    assert b.connector.receive(quiet, body) == Reply(200)
    assert b.desk.contents == [EDI]
    assert b.connector.receive(quiet | {"message-id": "<2@a>"}, flipped(body, 900)).status == 403


def test_no_answer_tells_right_padding_from_wrong_inside_of_what_is_encrypted() -> None:
    """Whoever changes an encrypted message block by block must learn nothing from our answers (RFC 3218 and EFAIL)."""
    _, b = pair()
    headers, body = wrapped()
    answers = set()
    enveloped = ContentInfo.load(body)["content"]
    encrypted = enveloped["encrypted_content_info"]["encrypted_content"].native
    at = body.index(encrypted)
    for number in range(256):  # the byte before the last block: every padding there can be, one of them right
        changed = body[: at + len(encrypted) - 17] + bytes([number]) + body[at + len(encrypted) - 16 :]
        if changed != body:
            answers.add(disposition(b.connector.receive(headers, changed)))
    assert answers == {"processed/error: decryption-failed"}
    assert b.desk.names == []


def test_a_wrapped_key_that_is_wrong_looks_like_content_that_is_wrong() -> None:
    _, b = pair()
    headers, body = wrapped()
    key = ContentInfo.load(body)["content"]["recipient_infos"][0].chosen["encrypted_key"].native
    for at in (0, 100, 255):
        changed = body.replace(key, flipped(key, at))
        assert disposition(b.connector.receive(headers, changed)) == "processed/error: decryption-failed"


def test_nothing_may_follow_what_was_signed() -> None:
    _, b = pair(receiver={"require_encryption": False})
    headers, body = wrapped(recipient=None, cipher="")
    assert disposition(b.connector.receive(headers, body + b"and more")) == "failed/failure: unsupported format"
    assert disposition(b.connector.receive(headers, body + b"\r\n")) == "processed"


@given(st.data())
@settings(max_examples=80, deadline=None)
def test_whatever_comes_is_answered(data: st.DataObject) -> None:
    _, b = pair(receiver={"require_encryption": False})
    headers, body = data.draw(
        st.sampled_from([wrapped(), wrapped(recipient=None, cipher=""), wrapped(compress="after_signing")])
    )
    at = data.draw(st.integers(0, len(body) - 1))
    cut = data.draw(st.sampled_from([0, 1, 2, 7, len(body)]))
    put = data.draw(st.binary(max_size=8))
    changed = body[:at] + put + body[at + cut :]
    with capture_logs() as logs:
        reply = b.connector.receive(headers, changed)
    assert reply.status == 200
    assert [line for line in logs if line["log_level"] == "error"] == [], (
        "every refusal has a reason; none is a mistake"
    )
    assert b.desk.contents in ([], [EDI]), "what is taken is what was signed"


# ── the same message again ─────────────────────────────────────────────────────────────────────────────────────────


def test_the_same_message_again_gets_the_same_receipt_and_is_taken_once() -> None:
    _, b = pair()
    headers, body = wrapped()
    first = b.connector.receive(headers, body)
    b.clock.move(timedelta(hours=5))
    assert b.open().receive(headers, body) == first
    encrypted_anew = wrapped()[1]
    assert encrypted_anew != body
    assert b.connector.receive(headers, encrypted_anew) == first
    assert b.desk.names == ["orders.edi"]


def test_the_same_document_wrapped_in_another_way_gets_a_receipt_for_that() -> None:
    _, b = pair()
    headers, body = wrapped()
    first = said(b.connector.receive(headers, body))
    second = said(b.connector.receive(headers, wrapped(digest="sha512")[1]))
    assert (first.digest, second.digest, b.desk.names) == ("sha256", "sha512", ["orders.edi"])
    quiet = {name: value for name, value in headers.items() if not name.startswith("disposition")}
    assert b.connector.receive(quiet, body) == Reply(200)


def test_a_name_with_other_signs_is_a_stranger() -> None:
    _, b = pair()
    assert disposition(b.connector.receive(wrapped()[0] | {"as2-from": "M\xfcller"}, b"")).endswith("trading-partner")


def test_another_document_under_the_same_message_id_is_refused() -> None:
    _, b = pair()
    headers, body = wrapped()
    b.connector.receive(headers, body)
    assert (
        disposition(b.connector.receive(headers, wrapped(b"other")[1]))
        == "processed/error: unexpected-processing-error"
    )
    assert b.desk.contents == [EDI]


def test_a_message_that_is_replayed_under_another_id_says_nothing_twice() -> None:
    _, b = pair()
    headers, body = wrapped()
    b.connector.receive(headers, body)
    assert disposition(b.connector.receive(headers | {"message-id": "<2@a>"}, body)) == "processed"
    assert b.desk.contents == [EDI]


def test_what_was_refused_may_come_again_once_the_cause_is_mended() -> None:
    _, b = pair()
    headers, body = wrapped(identity=identity("new a"))
    assert disposition(b.connector.receive(headers, body)) == "processed/error: authentication-failed"
    b.keys = Keys(b.keys.own, (*b.keys.partner, identity("new a").certificate))
    assert disposition(b.open().receive(headers, body)) == "processed"


def test_without_room_the_partner_is_asked_to_come_again_and_nothing_is_remembered() -> None:
    _, b = pair()
    b.desk.room = 0
    headers, body = wrapped()
    reply = b.connector.receive(headers, body)
    assert (reply.status, reply.headers["Retry-After"]) == (503, "5")
    b.desk.room = None
    assert disposition(b.connector.receive(headers, body)) == "processed"


def test_a_mistake_of_ours_is_told_without_particulars() -> None:
    _, b = pair()
    b.desk.broken = {"orders.edi"}
    reply = b.connector.receive(*wrapped())
    assert disposition(reply) == "processed/error: unexpected-processing-error"
    assert b"mistake of ours" not in reply.body


def test_a_document_in_quarantine_was_received_all_the_same() -> None:
    """A receipt is about the transport; what the content is worth is said by an answer of its own (997, CONTRL …)."""
    _, b = pair()
    b.desk.refused = {"orders.edi"}
    assert disposition(b.connector.receive(*wrapped())) == "processed"


# ── keys change ────────────────────────────────────────────────────────────────────────────────────────────────────


def test_old_and_new_keys_overlap() -> None:
    old, new = identity("b", days=(-400, 10)), identity("b new", days=(-1, 400))
    a, b = pair()
    for pinned, own, good in (
        ([old], [old, new], True),  # the partner does not know the new one yet
        ([new], [old, new], True),  # it does
        ([new], [old], False),
    ):
        b.keys = Keys(tuple(own), b.keys.partner)
        a.keys = Keys(a.keys.own, (*(each.certificate for each in pinned), old.certificate, new.certificate))
        a.wire.listener = b.open()
        (result,) = a.open().apply([effect(key=f"{len(own)}{pinned[0] is new}")])
        assert isinstance(result, Applied if good else Refused), result


def test_a_signature_by_a_certificate_that_has_run_out_is_refused_and_none_is_used() -> None:
    ended, coming = identity("a", days=(-400, -1)), identity("a", days=(1, 400))
    for whom in (ended, coming):
        _, b = pair()
        b.keys = Keys(b.keys.own, (whom.certificate,))
        assert disposition(b.open().receive(*wrapped(identity=whom))) == "processed/error: authentication-failed"
    for keys in (Keys((ended,), (identity("b").certificate,)), Keys((identity("a"),), (ended.certificate,))):
        a, _ = pair()
        a.keys = keys
        with pytest.raises(ConfigError, match="valid today"):
            a.open().apply([effect()])


def test_our_first_valid_key_signs() -> None:
    a, _ = pair()
    a.keys = Keys((identity("a", days=(1, 400)), identity("a")), a.keys.partner)
    assert isinstance(a.open().apply([effect()])[0], Applied)


def test_keys_on_elliptic_curves_sign() -> None:
    a, b = pair()
    curve = identity("curve", kind="ec")
    a.keys, b.keys = Keys((curve,), a.keys.partner), Keys(b.keys.own, (curve.certificate,))
    a.wire.listener = b.open()
    assert isinstance(a.open().apply([effect()])[0], Applied)


# ── what the partner's answer means ────────────────────────────────────────────────────────────────────────────────


def receipt_of(a: Side, **changes: Any) -> Callable[[httpx2.Request, Callable[[], httpx2.Response]], httpx2.Response]:
    """The partner answers with another receipt than it should."""

    def answer(request: httpx2.Request, bring: Callable[[], httpx2.Response]) -> httpx2.Response:
        good = said(Reply(200, {"Content-Type": bring().headers["content-type"]}, a.wire.answers[-1].content))
        signer = changes.get("signer", identity("b"))
        other = Receipt(
            changes.get("message_id", good.message_id), changes.get("type", good.type), changes.get("modifier", ""),
            changes.get("mic", good.mic), good.digest, changes.get("text", ""),
        )  # fmt: skip
        wire = mdn.write(other, B, A, signer, "sha256" if signer else "", NOW)
        return httpx2.Response(changes.get("status", 200), headers=wire.headers, content=wire.body)

    return answer


@pytest.mark.parametrize(
    ("changes", "kind", "why"),
    [
        ({"mic": b"0" * 32}, Unknown, "does not confirm"),
        ({"mic": b""}, Unknown, "does not confirm"),
        ({"message_id": "<other@b>"}, Unknown, "for another message"),
        ({"signer": identity("stranger")}, Unknown, "not pinned"),
        ({"signer": None}, Unknown, "not signed"),
        ({"type": "processed", "modifier": "warning: duplicate-document"}, Applied, ""),
        ({"type": "processed", "modifier": "error: decryption-failed", "mic": b""}, Refused, "decryption-failed"),
        ({"type": "failed", "modifier": "failure: unsupported format", "text": "Nein danke"}, Refused, "Nein danke"),
        ({"type": "processed", "modifier": "error: duplicate-document", "mic": b""}, Refused, "duplicate"),
        ({"type": "displayed"}, Refused, "displayed"),
        ({"status": 500}, Applied, ""),
    ],
)
def test_only_what_a_receipt_confirms_is_applied(changes: dict[str, Any], kind: type, why: str) -> None:
    a, _ = pair()
    a.wire.go_wrong = receipt_of(a, **changes)
    (result,) = a.connector.apply([effect()])
    assert isinstance(result, kind), result
    assert why in str(result)


def test_asked_again_a_partner_that_says_it_has_it_has_it() -> None:
    a, _ = pair()
    a.wire.go_wrong = receipt_of(a, modifier="error: duplicate-document", mic=b"")
    assert isinstance(a.connector.apply([effect(attempt=2)])[0], Applied)


@pytest.mark.parametrize(
    ("status", "kind"),
    [(200, Unknown), (204, Unknown), (400, Refused), (408, Unknown), (413, Refused), (429, Retry), (500, Unknown), (502, Unknown), (503, Retry)],
)  # fmt: skip
def test_without_a_receipt_the_status_says_how_sure_we_are(status: int, kind: type) -> None:
    a, _ = pair()
    a.wire.go_wrong = lambda request, bring: httpx2.Response(status, headers={"retry-after": "7"}, content=b"<html>")
    (result,) = a.connector.apply([effect()])
    assert isinstance(result, kind), result
    if isinstance(result, Retry):
        assert result.after_seconds == 7


@pytest.mark.parametrize("status", [301, 307, 401, 403, 404, 405])
def test_a_wrong_address_calls_an_operator_and_is_not_followed(status: int) -> None:
    a, _ = pair()
    a.wire.go_wrong = lambda request, bring: httpx2.Response(status, headers={"location": "http://169.254.169.254/"})
    with pytest.raises(ConfigError, match="url"):
        a.connector.apply([effect()])
    assert len(a.wire.calls) == 1


def test_an_answer_without_an_end_is_not_read_to_the_end() -> None:
    a, _ = pair()

    def endless() -> Iterator[bytes]:
        while True:
            yield b"x" * 65_536

    a.wire.go_wrong = lambda request, bring: httpx2.Response(200, content=endless())
    assert "more than" in str(a.connector.apply([effect()])[0])


def test_a_message_that_was_confirmed_is_never_sent_again() -> None:
    a, _ = pair()
    first = a.connector.apply([effect()])
    assert a.open().apply([effect(attempt=2)]) == first
    assert len(a.wire.calls) == 1


def test_the_message_id_is_the_business_keys() -> None:
    a, _ = pair()
    a.wire.go_wrong = lambda request, bring: httpx2.Response(500)
    for attempt in (1, 2):
        a.connector.apply([effect(attempt=attempt)])
    a.connector.apply([effect(key="other")])
    ids = [headers["message-id"] for _, headers, _ in a.wire.calls]
    assert (ids[0] == ids[1], ids[0] == ids[2]) == (True, False)


@given(st.data())
@settings(max_examples=50, deadline=None)
def test_no_answer_makes_us_believe_or_fall(data: st.DataObject) -> None:
    a, _ = pair()

    def garbled(request: httpx2.Request, bring: Callable[[], httpx2.Response]) -> httpx2.Response:
        good = bring()
        at = data.draw(st.integers(0, len(good.content) - 1))
        put = data.draw(st.binary(max_size=4))
        body = good.content[:at] + put + good.content[at + data.draw(st.integers(1, 30)) :]
        return httpx2.Response(200, headers={"content-type": good.headers["content-type"]}, content=body)

    a.wire.go_wrong = garbled
    (result,) = a.connector.apply([effect()])
    assert isinstance(result, Unknown | Applied), result


@pytest.mark.parametrize("name", ["", "a/b", ".hidden", "a\nb", "x" * 201])
def test_a_name_that_no_document_can_have(name: str) -> None:
    a, _ = pair()
    assert isinstance(a.connector.apply([effect(name=name, key="k")])[0], Refused)
    assert isinstance(a.connector.apply([effect(media_type="text/plain\r\nX: y", key="k")])[0], Refused)
    assert a.wire.calls == []


# ── receipts by a call of their own ────────────────────────────────────────────────────────────────────────────────

ASYNC = {"receipt": "async", "receipt_url": "http://nordlicht.example/as2/papier"}
BACK = {"url": "http://nordlicht.example/as2/papier"}


def test_a_receipt_that_comes_later_is_matched_to_what_was_sent() -> None:
    a, b = pair(ASYNC, BACK)
    (result,) = a.connector.apply([effect()])
    assert isinstance(result, Unknown)
    assert "still to come" in result.reason
    ((url, headers, _),) = b.wire.calls
    assert (url, headers["as2-from"], headers["as2-to"]) == (BACK["url"], mdn.quoted_name(B), mdn.quoted_name(A))
    message_id = a.wire.calls[0][1]["message-id"]
    assert a.connector.probe(effect()) == Applied(reference=message_id)
    assert a.connector.apply([effect(attempt=2)]) == [Applied(reference=message_id)]
    assert len(a.wire.calls) == 1
    assert b.ledger.owed() == []


def test_a_refusal_that_comes_later_is_told_when_it_is_sent_again_and_then_forgotten() -> None:
    a, b = pair(ASYNC, BACK | {"allow_sha1": False})
    b.keys = Keys(b.keys.own, (identity("stranger").certificate,))
    a.wire.listener = b.open()
    a.connector.apply([effect()])
    assert a.connector.probe(effect()) == Absent()
    (refused,) = a.connector.apply([effect(attempt=2)])
    assert isinstance(refused, Refused)
    assert refused.problems[0].actual == "processed/error: authentication-failed"
    assert len(a.wire.calls) == 1
    a.connector.apply([effect(attempt=3)])
    assert len(a.wire.calls) == 2, "a person asked for it once more"


def test_no_receipt_yet_is_unknown_and_what_was_never_sent_is_absent() -> None:
    a, _ = pair(ASYNC)
    assert a.connector.probe(effect()) == Absent()
    a.wire.go_wrong = lambda request, bring: httpx2.Response(200)
    a.connector.apply([effect()])
    a.clock.move(timedelta(hours=1))
    assert isinstance(a.connector.probe(effect()), Unknown)


def test_where_the_partner_knows_message_ids_it_is_sent_again_after_a_while() -> None:
    a, _ = pair(ASYNC | {"honours_message_id": True}, BACK)
    a.wire.go_wrong = lambda request, bring: httpx2.Response(200)
    a.connector.apply([effect()])
    assert isinstance(a.connector.probe(effect()), Unknown)
    a.clock.move(timedelta(seconds=61))
    assert a.connector.probe(effect()) == Absent()


def delivered(a: Side, wire: mdn.Wire, **more: str) -> int:
    headers = {name.lower(): value for name, value in wire.headers.items()} | more
    return a.connector.receive(headers, wire.body).status


def test_a_receipt_that_is_not_for_us_or_not_true_changes_nothing() -> None:
    a, _ = pair(ASYNC)
    a.wire.go_wrong = lambda request, bring: httpx2.Response(200)
    a.connector.apply([effect()])
    message_id = a.wire.calls[0][1]["message-id"]
    sent = a.ledger.get("sent", message_id, Sent)
    assert sent is not None
    good = Receipt(message_id, "processed", "", sent.mics["sha256"], "sha256")
    ours = identity("b")
    false: list[tuple[Receipt, Identity | None]] = [
        (Receipt("<unknown@x>", "processed", "", sent.mics["sha256"], "sha256"), ours),
        (Receipt(message_id, "processed", "", b"0" * 32, "sha256"), ours),
        (Receipt(message_id, "processed"), ours),
        (good, None),
        (good, identity("stranger")),
        (Receipt(message_id, "processed", "error: decryption-failed"), identity("stranger")),
    ]
    for receipt, signer in false:
        wire = mdn.write(receipt, B, A, signer, "sha256" if signer else "", NOW)
        assert delivered(a, wire) in (400, 403), receipt
        assert isinstance(a.connector.probe(effect()), Unknown)
    assert delivered(a, mdn.write(good, B, "Somebody", ours, "sha256", NOW)) == 403
    assert delivered(a, mdn.write(good, B, A, ours, "sha256", NOW)) == 200
    bad = mdn.write(Receipt(message_id, "processed", "error: decryption-failed"), B, A, ours, "sha256", NOW)
    assert delivered(a, bad) == 200
    assert isinstance(a.connector.probe(effect()), Applied), "what was confirmed once stays confirmed"


def test_a_receipt_that_cannot_be_delivered_is_tried_again_later_and_given_up_in_the_end() -> None:
    a, b = pair(ASYNC, BACK | {"receipt_hours": 2.0})
    b.wire.go_wrong = lambda request, bring: httpx2.Response(503)
    a.connector.apply([effect()])
    assert len(b.wire.calls) == 1
    b.connector.pull("")
    assert len(b.wire.calls) == 1, "not at once"
    for _ in range(4):
        b.clock.move(timedelta(minutes=3))
        b.open().pull("")
    assert 3 <= len(b.wire.calls) <= 5, "longer and longer"
    b.wire.go_wrong = None
    b.clock.move(timedelta(hours=1))
    b.open().pull("")
    assert isinstance(a.connector.probe(effect()), Applied)
    assert b.ledger.owed() == []
    a.connector.apply([effect(key="lost")])
    b.wire.go_wrong = lambda request, bring: httpx2.Response(404)
    a.connector.apply([effect(key="never")])
    b.clock.move(timedelta(hours=3))
    b.connector.pull("")
    assert b.ledger.owed() == []


@pytest.mark.parametrize(
    ("url", "own", "hosts", "good"),
    [
        ("https://partner.example/as2", "https://partner.example/in", (), True),
        ("https://PARTNER.example:443/other", "https://partner.example/in", (), True),
        ("https://partner.example:8443/as2", "https://partner.example/in", (), False),
        ("https://partner.example:8443/as2", "https://partner.example:8443/in", (), True),
        ("http://partner.example/as2", "https://partner.example/in", (), False),
        ("http://partner.example/as2", "http://partner.example/in", (), True),
        ("https://mdn.example/as2", "https://partner.example/in", ("mdn.example",), True),
        ("https://mdn.example:9/as2", "https://partner.example/in", ("mdn.example:9",), True),
        ("https://mdn.example/as2", "", ("mdn.example",), True),
        ("https://evil.example/as2", "https://partner.example/in", (), False),
        ("https://partner.example.evil.example/", "https://partner.example/in", (), False),
        ("https://partner.example@evil.example/", "https://partner.example/in", (), False),
        ("https://user:pass@partner.example/", "https://partner.example/in", (), False),
        ("https://partner.example#@evil.example/", "https://partner.example/in", (), False),
        ("http://169.254.169.254/latest/meta-data", "https://partner.example/in", (), False),
        ("http://localhost:8080/", "http://partner.example/in", (), False),
        ("ftp://partner.example/", "https://partner.example/in", (), False),
        ("file:///etc/passwd", "https://partner.example/in", (), False),
        ("mailto:as2@partner.example", "https://partner.example/in", (), False),
        ("https://partner.example:99999/", "https://partner.example/in", (), False),
        ("https://[::1/", "https://partner.example/in", (), False),
        ("//partner.example/", "https://partner.example/in", (), False),
    ],
)  # fmt: skip
def test_receipts_are_delivered_to_the_partners_hosts_only(
    url: str, own: str, hosts: tuple[str, ...], good: bool
) -> None:
    assert settings_of(A, B, url=own, receipt_hosts=hosts).may_receive_at(url) is good


def test_a_message_that_wants_its_receipt_elsewhere_is_refused_in_the_answer() -> None:
    _, b = pair()
    headers, body = wrapped()
    reply = b.connector.receive(headers | {"receipt-delivery-option": "http://169.254.169.254/"}, body)
    assert (disposition(reply), reply.owed) == ("failed/failure: receipt address not agreed", None)
    assert (b.desk.names, b.wire.calls) == ([], [])


# ── openssl, so that it is not only we who agree with ourselves ────────────────────────────────────────────────────


def openssl(*words: str, stdin: bytes = b"") -> bytes:
    done = subprocess.run(["openssl", *words], input=stdin, capture_output=True, timeout=30)
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout


@pytest.fixture
def files(tmp_path: Path) -> Path:
    """Keys and certificates of both as files."""
    for name in ("a", "b"):
        own = identity(name)
        pem = own.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        (tmp_path / f"{name}.key").write_bytes(pem)
        (tmp_path / f"{name}.crt").write_bytes(own.certificate.public_bytes(Encoding.PEM))
    return tmp_path


AT = str(int(NOW.timestamp()))


def verified(files: Path, whose: str) -> bytes:
    """The part, if openssl says that the signature beside it is of it."""
    return openssl(
        *(
            "cms",
            "-verify",
            "-binary",
            "-inform",
            "DER",
            "-in",
            str(files / "signature"),
            "-content",
            str(files / "part"),
        ),
        *("-CAfile", str(files / f"{whose}.crt"), "-attime", AT, "-purpose", "any"),
    )


@pytest.mark.parametrize("digest", ["sha1", "sha256", "sha384", "sha512"])
def test_openssl_verifies_what_we_sign(files: Path, digest: str) -> None:
    content = b"Content-Type: text/plain\r\n\r\nhello\r\n"
    (files / "part").write_bytes(content)
    (files / "signature").write_bytes(cms.sign(content, identity("a"), digest, NOW))
    assert verified(files, "a") == content


@pytest.mark.parametrize("cipher", sorted(cms.CIPHERS))
def test_openssl_decrypts_what_we_encrypt(files: Path, cipher: str) -> None:
    body = cms.encrypt(EDI, identity("b").certificate, cipher)
    keys = ("-recip", str(files / "b.crt"), "-inkey", str(files / "b.key"))
    assert openssl("cms", "-decrypt", "-binary", "-inform", "DER", *keys, stdin=body) == EDI


@pytest.mark.parametrize("compress", ["before_signing", "after_signing"])
def test_a_whole_message_of_ours_is_opened_with_openssl(files: Path, compress: str) -> None:
    _, body = wrapped(compress=compress)
    keys = ("-recip", str(files / "b.crt"), "-inkey", str(files / "b.key"))
    opened = openssl("cms", "-decrypt", "-binary", "-inform", "DER", *keys, stdin=body)
    if compress == "after_signing":
        opened = unpacked(opened)
    boundary = re.search(rb'boundary="(.*?)"', opened)
    assert boundary is not None
    _, part, signature, _ = opened.split(b"--" + boundary[1])
    part = part[2:-2]
    (files / "part").write_bytes(part)
    (files / "signature").write_bytes(base64.b64decode(signature.partition(b"\r\n\r\n")[2]))
    assert verified(files, "a") == part
    if compress == "before_signing":
        part = unpacked(part)
    assert part.partition(b"\r\n\r\n")[2] == EDI


def unpacked(part: bytes) -> bytes:
    """What openssl's library without zlib cannot do: the packed octets are the last thing in the structure."""
    body = part.partition(b"\r\n\r\n")[2]
    return zlib.decompress(body[body.index(b"\x78\x9c") :])


def test_openssl_verifies_our_receipts(files: Path) -> None:
    _, b = pair()
    reply = b.connector.receive(*wrapped())
    whole = f"MIME-Version: 1.0\r\nContent-Type: {reply.headers['Content-Type']}\r\n\r\n".encode() + reply.body
    trust = ("-CAfile", str(files / "b.crt"), "-attime", AT, "-purpose", "any")
    report = openssl("cms", "-verify", "-inform", "SMIME", "-crlfeol", *trust, stdin=whole)
    assert (
        b"Original-Message-ID: <1@a>\r\nDisposition: automatic-action/MDN-sent-automatically; processed\r\n" in report
    )


_SIGN: list[Any] = [
    pytest.param(("-md", "sha256"), "sha256", id="sha256"),
    pytest.param(("-md", "sha512"), "sha512", id="sha512"),
    pytest.param(("-md", "sha1"), "sha1", id="sha1"),
    pytest.param(("-md", "sha256", "-nocerts"), "sha256", id="without the certificate"),
    pytest.param(("-md", "sha256", "-keyid"), "sha256", id="by the key's identifier"),
    pytest.param(("-md", "sha256", "-noattr"), "sha256", id="without attributes"),
    pytest.param(("-md", "sha384", "-keyopt", "rsa_padding_mode:pss"), "sha384", id="PSS"),
]
_ENCRYPT: list[Any] = [
    pytest.param(("-aes-128-cbc",), id="AES-128"),
    pytest.param(("-aes-192-cbc",), id="AES-192"),
    pytest.param(("-aes-256-cbc", "-stream"), id="AES-256 in pieces"),
    pytest.param(("-des3",), id="3DES"),
    pytest.param(("-aes-256-cbc", "-keyid"), id="by the key's identifier"),
    pytest.param(("-aes-256-cbc", "-keyopt", "rsa_padding_mode:oaep"), id="OAEP"),
    pytest.param(
        ("-aes-256-cbc", "-keyopt", "rsa_padding_mode:oaep", "-keyopt", "rsa_oaep_md:sha256"), id="OAEP by SHA-256"
    ),
]


def signed_by_openssl(files: Path, *options: str, content: bytes = EDI) -> bytes:
    part = b"Content-Type: application/edifact\r\nContent-Transfer-Encoding: binary\r\n\r\n" + content
    keyopt = options[options.index("-keyopt") :] if "-keyopt" in options else ()
    rest = options[: len(options) - len(keyopt)]
    return openssl(
        "cms", "-sign", "-binary", *rest, "-outform", "SMIME", "-crlfeol",
        "-signer", str(files / "a.crt"), "-inkey", str(files / "a.key"), *keyopt, stdin=part,
    )  # fmt: skip


def as_call(smime: bytes) -> tuple[dict[str, str], bytes]:
    """What openssl writes for mail, as a call over HTTP."""
    head, empty, body = smime.partition(b"\r\n\r\n")
    if not empty:
        head, _, body = smime.partition(b"\n\n")
    found = message_from_bytes(head)
    return headers_of(
        content_type=re.sub(r"\s+", " ", found["content-type"]),
        content_transfer_encoding=found.get("content-transfer-encoding", "binary"),
    ), body


@pytest.mark.parametrize(("options", "digest"), _SIGN)
def test_we_take_what_openssl_signs(files: Path, options: tuple[str, ...], digest: str) -> None:
    _, b = pair(receiver={"require_encryption": False, "allow_sha1": True})
    receipt = said(b.connector.receive(*as_call(signed_by_openssl(files, *options))))
    assert (receipt.type, receipt.modifier, receipt.digest) == ("processed", "", digest)
    assert b.desk.contents == [EDI]


@pytest.mark.parametrize("options", _ENCRYPT)
@pytest.mark.parametrize("form", ["DER", "SMIME"])
def test_we_take_what_openssl_signs_and_encrypts(files: Path, options: tuple[str, ...], form: str) -> None:
    _, b = pair(receiver={"allow_3des": True, "allow_sha1": True})
    keyopt = options[options.index("-keyopt") :] if "-keyopt" in options else ()
    rest = options[: len(options) - len(keyopt)]
    recipient = ("-recip", str(files / "b.crt"), *keyopt)
    message = openssl(
        *("cms", "-encrypt", "-binary", *rest, "-outform", form, *recipient),
        stdin=signed_by_openssl(files, "-md", "sha256"),
    )
    headers, body = (
        (headers_of(content_type="application/pkcs7-mime; smime-type=enveloped-data"), message)
        if form == "DER"
        else as_call(message)
    )
    assert disposition(b.connector.receive(headers, body)) == "processed"
    assert b.desk.contents == [EDI]


def test_openssl_and_we_see_the_same_changes(files: Path) -> None:
    message = signed_by_openssl(files, "-md", "sha256").replace(b"UNOC:3", b"UNOC:4")
    _, b = pair(receiver={"require_encryption": False})
    assert disposition(b.connector.receive(*as_call(message))) == "processed/error: integrity-check-failed"


# ── settings ───────────────────────────────────────────────────────────────────────────────────────────────────────


def table(**more: Any) -> dict[str, Any]:
    return {
        "our_name": A,
        "partner_name": B,
        "url": "https://partner.example/as2",
        "keys": [{"key": "file:a.key", "certificate": "file:a.crt"}],
        "partner_certificates": ["file:b.crt"],
    } | more


def test_the_connector_out_of_its_table(files: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    own = identity("a")
    packed = serialize_key_and_certificates(b"a", own.key, own.certificate, None, BestAvailableEncryption(b"hunter2"))
    (files / "a.p12").write_bytes(packed)
    (files / "both.pem").write_bytes((files / "a.key").read_bytes() + (files / "a.crt").read_bytes())
    (files / "b.der").write_bytes(identity("b").certificate.public_bytes(Encoding.DER))
    monkeypatch.setenv("P12_PASSWORD", "hunter2")
    monkeypatch.setenv("AS2_P12", base64.b64encode(packed).decode())
    for keys in (
        [{"key": "file:a.key", "certificate": "file:a.crt"}],
        [{"key": "file:both.pem"}],
        [{"key": "file:a.p12", "password": "env:P12_PASSWORD"}],
        [{"key": "env:AS2_P12", "password": "env:P12_PASSWORD"}],
    ):
        settings_table = table(keys=keys, partner_certificates=["file:b.crt", "file:b.der"])
        connector = connect_kind("papier", {"kind": "as2", **settings_table}, files, Intake())
        assert isinstance(connector, As2)
        assert connector.manifest.operation("send_document") is not None
        assert "hunter2" not in repr(connector)
    assert (files / "as2" / "papier").is_dir()


@pytest.mark.parametrize(
    ("more", "says"),
    [
        ({"keys": []}, "at least one"),
        ({"our_name": B}, "must differ"),
        ({"our_name": "Ä"}, "printable ASCII"),
        ({"url": "partner.example"}, "http or https"),
        ({"sign": "sha1"}, "allow_sha1"),
        ({"encrypt": "tripledes_3key"}, "allow_3des"),
        ({"encrypt": "rc2"}, "encrypt"),
        ({"receipt": "async"}, "receipt_url"),
        ({"subject": "a\nb"}, "subject"),
        ({"timeout_seconds": 0}, "timeout_seconds"),
        ({"colour": "blue"}, "colour"),
        ({"keys": [{"key": "file:missing.key"}]}, "missing.key does not exist"),
        ({"keys": [{"key": "file:b.key", "certificate": "file:a.crt"}]}, "another key"),
        ({"keys": [{"key": "file:a.crt"}]}, "not a private key"),
        ({"partner_certificates": ["file:a.key"]}, "not a certificate"),
        ({"ca_file": "missing.pem"}, "missing.pem"),
    ],
)
def test_a_setting_that_is_wrong_says_so(files: Path, more: dict[str, Any], says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        connect_kind("papier", {"kind": "as2", **table(**more)}, files, Intake())


def test_what_is_promised_follows_from_the_settings() -> None:
    def promise(**more: Any) -> tuple[bool, bool]:
        operation = pair(more)[0].connector.manifest.operation("send_document")
        assert operation is not None
        return operation.native_key, operation.lookup

    assert promise() == (False, False), "a lost receipt is a person's"
    assert promise(honours_message_id=True) == (True, False)
    assert promise(**ASYNC) == (False, True)
    assert pair({"url": ""})[0].connector.manifest.operations == ()


# ── the promises ───────────────────────────────────────────────────────────────────────────────────────────────────


class TestPromises(ConnectorConformance):
    """With a partner that recognises Message-IDs, as one of ours does."""

    def make(self) -> Connector:
        self.a, self.b = pair({"honours_message_id": True})
        return self.a.connector

    def effects(self, operation: str, count: int) -> Sequence[Effect]:
        return [effect(b"%d" % number, name=f"{number}.edi") for number in range(count)]

    def refused(self, operation: str) -> Effect:
        return effect(name="a/b")

    def held(self, connector: Connector, effect: Effect) -> int:
        return self.b.desk.names.count(effect.subject)

    @contextmanager
    def misbehaving(self, connector: Connector, how: Misbehaviour) -> Iterator[None]:
        def wrong(request: httpx2.Request, bring: Callable[[], httpx2.Response]) -> httpx2.Response:
            if how == "unavailable":
                raise httpx2.ConnectError("nobody there")
            if how == "answer lost after the work":
                bring()
            if how == "nonsense":
                return httpx2.Response(200, headers={"content-type": "multipart/report"}, content=b"\xff{")
            raise httpx2.ReadTimeout("no answer")

        self.a.wire.go_wrong = wrong
        yield
        self.a.wire.go_wrong = None
