"""AS2 messages (RFC 4130; compressed: RFC 5402): a document is wrapped for a partner, and taken out of its wraps.

::

    document → [compressed] → [signed] → [compressed] → [encrypted] → HTTP

What a receipt confirms is a digest (the MIC) of a part of the message; which part is decided here.
"""

from base64 import encodebytes
from collections.abc import Sequence
from datetime import datetime

from cryptography import x509
from msgspec import Struct

from tieout.connectors.as2 import cms
from tieout.connectors.as2.cms import Identity
from tieout.connectors.as2.mime import (
    Entity,
    MalformedError,
    attachment,
    entity,
    file_name,
    join,
    network_lines,
    read_entity,
    split,
)
from tieout.connectors.as2.refusal import Modifier, RefusedMessage

MICALG = {"sha1": "sha-1", "sha256": "sha-256", "sha384": "sha-384", "sha512": "sha-512"}
"""Digests as MIME names them (RFC 5751, section 3.4.3.2)."""

#: Compressed, signed, encrypted: each at most once, and the document.
_LAYERS_MAX = 5
_PKCS7 = ("application/pkcs7-mime", "application/x-pkcs7-mime")
_SIGNATURES = ("application/pkcs7-signature", "application/x-pkcs7-signature")
#: Told from each other by an attacker who changes what is encrypted, these would tell what is in it.
_TELLTALE: tuple[Modifier, ...] = (
    *("unsupported format", "decompression-failed", "insufficient-message-security", "unexpected-processing-error"),
)
RECEIPTS = ("multipart/report", "message/disposition-notification")
"""What a receipt is. It need not be encrypted, as it says nothing about a document but its digest."""


class Wrapping(Struct, frozen=True):
    """How documents are wrapped for a partner. Empty texts and ``None``: not at all."""

    identity: Identity | None
    digest: str
    recipient: x509.Certificate | None
    cipher: str
    compress: str


class Built(Struct, frozen=True):
    """A message ready to be sent. ``confirmed`` are the bytes whose digest the receipt must state."""

    headers: dict[str, str]
    body: bytes
    confirmed: bytes


class Rules(Struct, frozen=True):
    """What a partner's messages, and its receipts, must be and may be."""

    own: Sequence[Identity]
    pinned: Sequence[x509.Certificate]
    signature_required: bool
    encryption_required: bool
    receipts_signed: bool
    sha1_allowed: bool
    tripledes_allowed: bool
    document_bytes_max: int


class Opened(Struct, frozen=True):
    """A message out of its wraps. ``digest`` is the one that it was signed with; empty text when it was not signed."""

    document: Entity
    content: bytes
    confirmed: bytes
    digest: str

    @property
    def is_receipt(self) -> bool:
        """A receipt, and not a document."""
        return self.document.media_type in RECEIPTS

    @property
    def media_type(self) -> str:
        """What the sender says that it is."""
        return self.document.media_type or "application/octet-stream"

    @property
    def name(self) -> str:
        """The file's name, if the sender gives one."""
        return file_name(self.document)


# ── wrapping ───────────────────────────────────────────────────────────────────────────────────────────────────────


def build(name: str, media_type: str, content: bytes, wrapping: Wrapping, now: datetime) -> Built:
    """Wrap a document."""
    plain = whole = entity(
        {
            "Content-Type": media_type,
            "Content-Transfer-Encoding": "binary",
            "Content-Disposition": attachment(name),
        },
        content,
    )
    confirmed = plain.raw if wrapping.compress or wrapping.cipher else content
    if wrapping.compress == "before_signing":
        whole = _compressed(whole)
    if wrapping.identity:
        confirmed = whole.raw
        whole = signed(whole, wrapping.identity, wrapping.digest, now)
    if wrapping.compress == "after_signing":
        whole = _compressed(whole)
    if wrapping.recipient:
        body = cms.encrypt(whole.raw, wrapping.recipient, wrapping.cipher)
        whole = _pkcs7("enveloped-data", "smime.p7m", body)
    return Built(_http_headers(whole), whole.body, confirmed)


def signed(part: Entity, identity: Identity, digest: str, now: datetime) -> Entity:
    """An entity together with our signature of it (RFC 1847). The signature is text: some products read no other."""
    signature = entity(
        {
            "Content-Type": 'application/pkcs7-signature; name="smime.p7s"',
            "Content-Transfer-Encoding": "base64",
            "Content-Disposition": attachment("smime.p7s"),
        },
        network_lines(encodebytes(cms.sign(part.raw, identity, digest, now))),
    )
    parameters = {"protocol": "application/pkcs7-signature", "micalg": MICALG[digest]}
    return join("signed", parameters, [part.raw, signature.raw])


def _compressed(whole: Entity) -> Entity:
    return _pkcs7("compressed-data", "smime.p7z", cms.compress(whole.raw))


def _pkcs7(kind: str, name: str, body: bytes) -> Entity:
    return entity(
        {
            "Content-Type": f'application/pkcs7-mime; smime-type={kind}; name="{name}"',
            "Content-Transfer-Encoding": "binary",
            "Content-Disposition": attachment(name),
        },
        body,
    )


def _http_headers(whole: Entity) -> dict[str, str]:
    """The headers of the outermost entity become those of HTTP, where bodies are binary anyway."""
    return {
        name.title(): value for name, value in whole.headers.items() if name in ("content-type", "content-disposition")
    }


# ── opening ────────────────────────────────────────────────────────────────────────────────────────────────────────


class _Opening(Struct):
    """How far the opening of a message has come."""

    whole: Entity
    confirmed: bytes | None = None
    digest: str = ""
    is_encrypted: bool = False
    is_compressed: bool = False


def open_message(outermost: Entity, rules: Rules, now: datetime) -> Opened:
    """Take a document out of its wraps and see that they are what was agreed. Raises :class:`RefusedMessage`."""
    opening = _Opening(outermost)
    try:
        for _ in range(_LAYERS_MAX):
            if not _unwrapped(opening, rules, now):
                return _opened(opening, outermost, rules)
        raise RefusedMessage("unsupported format", "more layers than a message has")
    except MalformedError as error:
        refused = RefusedMessage("unsupported format", str(error))
    except RefusedMessage as error:
        refused = error
    if opening.is_encrypted and refused.modifier in _TELLTALE:
        raise RefusedMessage("decryption-failed", f"inside of what was encrypted: {refused.why}")
    raise refused


def _unwrapped(opening: _Opening, rules: Rules, now: datetime) -> bool:
    """Take off one layer. ``False``: this is the document."""
    whole = opening.whole
    if whole.media_type == "multipart/signed":
        _take_signature_off(opening, rules, now)
    elif whole.media_type in _PKCS7:
        body = whole.content()
        kind = cms.kind_of(body)
        if kind == "enveloped_data" and not opening.is_encrypted and not opening.digest and not opening.is_compressed:
            inside = cms.decrypt(body, rules.own, weak_allowed=rules.tripledes_allowed)
            opening.is_encrypted = True
        elif kind == "compressed_data" and not opening.is_compressed:
            inside = cms.decompress(body, rules.document_bytes_max)
            opening.is_compressed = True
        else:
            raise RefusedMessage("unsupported format", f"{kind or 'something that is not CMS'} in this place")
        opening.whole = read_entity(inside)
    else:
        return False
    return True


def _take_signature_off(opening: _Opening, rules: Rules, now: datetime) -> None:
    """The content is what was signed, to the byte; or with the line ends that the sender signed (RFC 5751, 3.1.1)."""
    if opening.digest:
        raise RefusedMessage("unsupported format", "a signature around a signature")
    if opening.whole.parameter("protocol").lower() not in _SIGNATURES:
        raise RefusedMessage("unsupported format", "a signature of a kind that AS2 does not use")
    parts = split(opening.whole)
    if len(parts) != 2:
        raise RefusedMessage("unsupported format", f"a signed message of {len(parts)} parts")
    signature = read_entity(parts[1]).content()
    as_it_came = read_entity(parts[0])
    try:
        opening.digest = cms.verify(as_it_came.raw, signature, rules.pinned, now, weak_allowed=rules.sha1_allowed)
    except RefusedMessage as refused:
        canonical = as_it_came.canonical()
        if refused.modifier != "integrity-check-failed" or canonical == as_it_came.raw:
            raise
        opening.digest = cms.verify(canonical, signature, rules.pinned, now, weak_allowed=rules.sha1_allowed)
        as_it_came = read_entity(canonical)
    opening.whole, opening.confirmed = as_it_came, as_it_came.raw


def _opened(opening: _Opening, outermost: Entity, rules: Rules) -> Opened:
    document = opening.whole
    is_receipt = document.media_type in RECEIPTS
    if not opening.digest and (rules.receipts_signed if is_receipt else rules.signature_required):
        raise RefusedMessage("insufficient-message-security", "it is not signed")
    if not opening.is_encrypted and rules.encryption_required and not is_receipt:
        raise RefusedMessage("insufficient-message-security", "it is not encrypted")
    if not document.media_type:
        raise RefusedMessage("unsupported format", "it does not say what it is")
    content = document.content()
    if len(content) > rules.document_bytes_max:
        raise RefusedMessage("unexpected-processing-error", f"more than {rules.document_bytes_max} bytes")
    return Opened(document, content, _confirmed(opening, outermost, content), opening.digest)


def _confirmed(opening: _Opening, outermost: Entity, content: bytes) -> bytes:
    """What the receipt's digest is made over (RFC 4130, 7.3.1; RFC 5402, 4): of a signed message what was signed; of
    one that is only encrypted or compressed the document with its headers; of a plain one the content alone."""
    if opening.confirmed is not None:
        return opening.confirmed
    return content if opening.whole is outermost else opening.whole.canonical()
