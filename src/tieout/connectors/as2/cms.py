"""The cryptography of AS2 (CMS: RFC 5652, 3274): sign, verify, encrypt, decrypt, compress, decompress.

The structures are written and read with ``asn1crypto``; every calculation on keys is the library's. (The builders of
``cryptography`` take neither the time of signing nor AES-192 or 3DES, which old partners still need.)
"""

import os
import zlib
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import datetime
from typing import Any

from asn1crypto import cms, parser
from asn1crypto import x509 as asn1_x509
from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.decrepit.ciphers.algorithms import TripleDES
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.ciphers import BlockCipherAlgorithm, Cipher, CipherAlgorithm
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CBC
from cryptography.hazmat.primitives.padding import PKCS7
from cryptography.hazmat.primitives.serialization import Encoding
from msgspec import Struct

from tieout.connectors.as2.refusal import Modifier, RefusedMessage
from tieout.formats.containers.ber import definite

SIGNERS_MAX = 5
RECIPIENTS_MAX = 50
_OCTET_STRING = 0x04

HASHES: dict[str, type[hashes.HashAlgorithm]] = {
    "sha1": hashes.SHA1,
    "sha256": hashes.SHA256,
    "sha384": hashes.SHA384,
    "sha512": hashes.SHA512,
}
"""Digests by the names that CMS uses. SHA-1 is used only where a partner's profile allows it."""

WEAK = ("sha1", "tripledes_3key")


class BlockCipher(Struct, frozen=True):
    """A cipher in CBC mode: how it is made from a key, and how long its key and its blocks are."""

    make: Callable[[bytes], CipherAlgorithm]
    key_bytes: int
    block_bytes: int


CIPHERS: dict[str, BlockCipher] = {
    "aes128_cbc": BlockCipher(AES, 16, 16),
    "aes192_cbc": BlockCipher(AES, 24, 16),
    "aes256_cbc": BlockCipher(AES, 32, 16),
    "tripledes_3key": BlockCipher(TripleDES, 24, 8),
}
"""What content is encrypted with. 3DES only where a partner's profile allows it."""

#: What a malformed structure makes the reader raise.
_MALFORMED = (ValueError, TypeError, KeyError, AttributeError, OverflowError, IndexError)


class Identity(Struct, frozen=True):
    """A key of ours and its certificate."""

    key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey
    certificate: x509.Certificate

    def __repr__(self) -> str:
        return f"Identity({self.certificate.subject.rfc4514_string()}, …)"


def digest_of(content: bytes, name: str) -> bytes:
    """The digest of some bytes."""
    calculation = hashes.Hash(HASHES[name]())
    calculation.update(content)
    return calculation.finalize()


def is_valid(certificate: x509.Certificate, now: datetime) -> bool:
    """Whether a certificate's dates cover this moment."""
    return certificate.not_valid_before_utc <= now <= certificate.not_valid_after_utc


# ── signing (RFC 5652, section 5) ──────────────────────────────────────────────────────────────────────────────────


def sign(content: bytes, identity: Identity, digest: str, now: datetime) -> bytes:
    """A detached signature of the content, with our certificate in it."""
    certificate = _certificate(identity.certificate)
    attributes = cms.CMSAttributes(
        [
            {"type": "content_type", "values": ["data"]},
            {"type": "signing_time", "values": [cms.Time(name="utc_time", value=now.replace(microsecond=0))]},
            {"type": "message_digest", "values": [digest_of(content, digest)]},
        ]
    )
    ordered = attributes.dump(force=True)
    if isinstance(identity.key, rsa.RSAPrivateKey):
        signature, kind = identity.key.sign(ordered, padding.PKCS1v15(), HASHES[digest]()), "rsassa_pkcs1v15"
    else:
        signature, kind = identity.key.sign(ordered, ec.ECDSA(HASHES[digest]())), f"{digest}_ecdsa"
    signer = cms.SignerInfo(
        {
            "version": "v1",
            "sid": {"issuer_and_serial_number": _name_of(certificate)},
            "digest_algorithm": {"algorithm": digest},
            "signed_attrs": attributes,
            "signature_algorithm": {"algorithm": kind},
            "signature": signature,
        }
    )
    signed = cms.SignedData(
        {
            "version": "v1",
            "digest_algorithms": [{"algorithm": digest}],
            "encap_content_info": {"content_type": "data"},
            "certificates": [certificate],
            "signer_infos": [signer],
        }
    )
    return _written("signed_data", signed)


def verify(
    content: bytes, signature: bytes, pinned: Sequence[x509.Certificate], now: datetime, *, weak_allowed: bool
) -> str:
    """Check that somebody who was agreed signed this content, and return the digest that it was signed with.

    Raises :class:`RefusedMessage`. Certificates inside of the signature are not looked at: only pinned ones count.
    """
    signed = _read(signature, "signed_data", "authentication-failed")
    try:
        signers = list(signed["signer_infos"])[: SIGNERS_MAX + 1]
        if not 0 < len(signers) <= SIGNERS_MAX:
            raise RefusedMessage("authentication-failed", f"{len(signers)} signatures instead of one")
        known = [(signer, found) for signer in signers if (found := _named(signer["sid"], pinned))]
        if not known:
            raise RefusedMessage("authentication-failed", f"signed by {_who(signers[0]['sid'])}, which is not pinned")
        signer, certificate = known[0]
        if not is_valid(certificate, now):
            raise RefusedMessage("authentication-failed", f"the pinned certificate {_subject(certificate)} is expired")
        return _verify(content, signer, certificate, weak_allowed)
    except _MALFORMED as error:
        raise RefusedMessage("authentication-failed", f"the signature is malformed: {error}") from error


def _verify(content: bytes, signer: cms.SignerInfo, certificate: x509.Certificate, weak_allowed: bool) -> str:
    digest: str = signer["digest_algorithm"]["algorithm"].native
    _check_strength(digest, HASHES, weak_allowed)
    message, attributes = content, signer["signed_attrs"]
    if attributes:
        _check_attributes(attributes, digest_of(content, digest))
        message = cms.CMSAttributes(list(attributes)).dump(force=True)
    try:
        _check_signature(certificate, signer, digest, message, weak_allowed)
    except InvalidSignature:
        modifier: Modifier = "authentication-failed" if attributes else "integrity-check-failed"
        raise RefusedMessage(modifier, f"the signature is not that of {_subject(certificate)}") from None
    except UnsupportedAlgorithm as error:
        raise RefusedMessage("authentication-failed", f"the key or signature cannot be used: {error}") from error
    return digest


def _check_attributes(attributes: cms.CMSAttributes, digest: bytes) -> None:
    """The signed attributes must name this content and its kind, each once (RFC 5652, section 11)."""
    for name, expected in (("message_digest", digest), ("content_type", "data")):
        values = [value.native for each in attributes if each["type"].native == name for value in each["values"]]
        if len(values) != 1:
            raise RefusedMessage("authentication-failed", f"the signed attribute {name} is there {len(values)} times")
        if values[0] != expected:
            raise RefusedMessage("integrity-check-failed", f"the signed {name} is not that of the content")


def _check_signature(
    certificate: x509.Certificate, signer: cms.SignerInfo, digest: str, message: bytes, weak_allowed: bool
) -> None:
    """Raises ``InvalidSignature`` unless the signature is that of the certificate's key over these bytes."""
    algorithm, signature = signer["signature_algorithm"], signer["signature"].native
    name = algorithm["algorithm"].native
    named = name.partition("_")[0]
    hashed = named if named.startswith("sha") else digest
    key = certificate.public_key()
    if name == "rsassa_pss":
        hashed = algorithm["parameters"]["hash_algorithm"]["algorithm"].native
    _check_strength(hashed, HASHES, weak_allowed)
    match key:
        case rsa.RSAPublicKey() if name == "rsassa_pss":
            length = algorithm["parameters"]["salt_length"].native
            masked = algorithm["parameters"]["mask_gen_algorithm"]["parameters"]["algorithm"].native
            _check_strength(masked, HASHES, weak_allowed)
            pss = padding.PSS(padding.MGF1(HASHES[masked]()), length)
            key.verify(signature, message, pss, HASHES[hashed]())
        case rsa.RSAPublicKey():
            key.verify(signature, message, padding.PKCS1v15(), HASHES[hashed]())
        case ec.EllipticCurvePublicKey():
            key.verify(signature, message, ec.ECDSA(HASHES[hashed]()))
        case _:
            raise UnsupportedAlgorithm(type(key).__name__)


def _check_strength(name: str, known: dict[str, Any], weak_allowed: bool) -> None:
    if name not in known or (name in WEAK and not weak_allowed):
        raise RefusedMessage("insufficient-message-security", f"the algorithm {name} is not allowed")


# ── encrypting (RFC 5652, section 6) ───────────────────────────────────────────────────────────────────────────────


def encrypt(content: bytes, certificate: x509.Certificate, cipher: str) -> bytes:
    """The content for the holder of this certificate. Raises ``ValueError`` when its key is not an RSA key."""
    public = certificate.public_key()
    if not isinstance(public, rsa.RSAPublicKey):
        raise ValueError(f"{_subject(certificate)} has no RSA key, so nothing can be encrypted for it")
    with_it = CIPHERS[cipher]
    key, start = os.urandom(with_it.key_bytes), os.urandom(with_it.block_bytes)
    padder = PKCS7(with_it.block_bytes * 8).padder()
    encryptor = Cipher(with_it.make(key), CBC(start)).encryptor()
    encrypted = b"".join(
        (encryptor.update(padder.update(content)), encryptor.update(padder.finalize()), encryptor.finalize())
    )
    recipient = cms.KeyTransRecipientInfo(
        {
            "version": "v0",
            "rid": {"issuer_and_serial_number": _name_of(_certificate(certificate))},
            "key_encryption_algorithm": {"algorithm": "rsaes_pkcs1v15"},
            "encrypted_key": public.encrypt(key, padding.PKCS1v15()),
        }
    )
    enveloped = cms.EnvelopedData(
        {
            "version": "v0",
            "recipient_infos": [cms.RecipientInfo(name="ktri", value=recipient)],
            "encrypted_content_info": {
                "content_type": "data",
                "content_encryption_algorithm": {"algorithm": cipher, "parameters": start},
                "encrypted_content": encrypted,
            },
        }
    )
    return _written("enveloped_data", enveloped)


def decrypt(body: bytes, identities: Sequence[Identity], *, weak_allowed: bool) -> bytes:
    """The content that was encrypted for one of our certificates. Raises :class:`RefusedMessage`."""
    enveloped = _read(body, "enveloped_data", "decryption-failed")
    try:
        info = enveloped["encrypted_content_info"]
        name: str = info["content_encryption_algorithm"]["algorithm"].native
        _check_strength(name, CIPHERS, weak_allowed)
        cipher = CIPHERS[name]
        start, encrypted = info["content_encryption_algorithm"]["parameters"].native, _octets(info)
        key = _unwrapped(enveloped, identities, cipher.key_bytes)
        return _decrypted(cipher, key, start, encrypted)
    except _MALFORMED as error:
        raise RefusedMessage("decryption-failed", f"it cannot be decrypted: {error}") from error


def _octets(info: cms.EncryptedContentInfo) -> bytes:
    """What is encrypted: the third value, whole or in fragments (X.690, 8.7.3; the library takes them only as they
    were before :func:`~tieout.formats.containers.ber.definite`)."""
    rest: bytes = parser.parse(info.dump())[4]
    for _ in ("content_type", "content_encryption_algorithm"):
        _, _, _, head, content, tail = parser.parse(rest)
        rest = rest[len(head) + len(content) + len(tail) :]
    _, is_built, _, _, octets, _ = parser.parse(rest)
    if not is_built:
        return bytes(octets)
    parts, at = [], 0
    while at < len(octets):
        if octets[at] != _OCTET_STRING:
            raise ValueError("a fragment that is no octet string")
        count = octets[at + 1] & 0x7F if octets[at + 1] & 0x80 else 0
        start = at + 2 + count
        length = int.from_bytes(octets[at + 2 : start], "big") if count else octets[at + 1]
        parts.append(octets[start : start + length])
        at = start + length
    return b"".join(parts)


def _decrypted(cipher: BlockCipher, key: bytes, start: bytes, encrypted: bytes) -> bytes:
    algorithm = cipher.make(key)
    assert isinstance(algorithm, BlockCipherAlgorithm)
    decryptor = Cipher(algorithm, CBC(start)).decryptor()
    unpadder = PKCS7(algorithm.block_size).unpadder()
    content = unpadder.update(decryptor.update(encrypted) + decryptor.finalize())
    return content + unpadder.finalize()


def _unwrapped(enveloped: cms.EnvelopedData, identities: Sequence[Identity], key_bytes: int) -> bytes:
    """The key of the content. Whatever is wrong with a wrapped key, a random one takes its place: nobody outside can
    tell a wrong key from wrong content (RFC 3218, section 2.3.2)."""
    for recipient in list(enveloped["recipient_infos"])[:RECIPIENTS_MAX]:
        if recipient.name != "ktri":
            continue
        for identity in identities:
            if not _named(recipient.chosen["rid"], (identity.certificate,)):
                continue
            key = os.urandom(key_bytes)
            with suppress(*_MALFORMED, UnsupportedAlgorithm):
                unwrapped = _unwrap(recipient.chosen, identity)
                key = unwrapped if len(unwrapped) == key_bytes else key
            return key
    raise RefusedMessage("decryption-failed", "it is encrypted for none of our certificates")


def _unwrap(recipient: cms.KeyTransRecipientInfo, identity: Identity) -> bytes:
    algorithm, wrapped = recipient["key_encryption_algorithm"], recipient["encrypted_key"].native
    if not isinstance(identity.key, rsa.RSAPrivateKey):
        raise UnsupportedAlgorithm("only RSA keys decrypt")
    if algorithm["algorithm"].native == "rsaes_oaep":
        parameters = algorithm["parameters"]
        mask = parameters["mask_gen_algorithm"]["parameters"]["algorithm"].native
        hashed = parameters["hash_algorithm"]["algorithm"].native
        return identity.key.decrypt(wrapped, padding.OAEP(padding.MGF1(HASHES[mask]()), HASHES[hashed](), None))
    return identity.key.decrypt(wrapped, padding.PKCS1v15())


# ── compressing (RFC 3274, 5402) ───────────────────────────────────────────────────────────────────────────────────


def compress(content: bytes) -> bytes:
    """The content, compressed."""
    compressed = cms.CompressedData(
        {
            "version": "v0",
            "compression_algorithm": {"algorithm": "zlib"},
            "encap_content_info": {"content_type": "data", "content": zlib.compress(content)},
        }
    )
    return _written("compressed_data", compressed)


def decompress(body: bytes, bytes_max: int) -> bytes:
    """The content, decompressed to at most so many bytes. Raises :class:`RefusedMessage`."""
    compressed = _read(body, "compressed_data", "decompression-failed")
    try:
        packed = bytes(compressed["encap_content_info"]["content"])
        if compressed["compression_algorithm"]["algorithm"].native != "zlib":
            raise RefusedMessage("decompression-failed", "it is compressed with something that is not zlib")
        unpacker = zlib.decompressobj()
        content = unpacker.decompress(packed, bytes_max + 1)
    except (*_MALFORMED, zlib.error) as error:
        raise RefusedMessage("decompression-failed", f"it cannot be unpacked: {error}") from error
    if len(content) > bytes_max:
        raise RefusedMessage("decompression-failed", f"unpacked it has more than {bytes_max} bytes")
    if not unpacker.eof or unpacker.unused_data:
        raise RefusedMessage("decompression-failed", "the packed content is cut off, or something follows it")
    return content


# ── structures ─────────────────────────────────────────────────────────────────────────────────────────────────────


def kind_of(body: bytes) -> str:
    """What a CMS structure is: ``enveloped_data``, ``compressed_data`` … or the empty text."""
    try:
        kind = cms.ContentInfo.load(body)["content_type"].native
    except _MALFORMED:
        return ""
    return str(kind)


def _read(body: bytes, kind: str, modifier: Modifier) -> Any:
    """The structure of this kind in its one spelling: large ones are written in pieces of unknown length (BER)."""
    try:
        info = cms.ContentInfo.load(definite(body), strict=True)
        if info["content_type"].native == kind:
            return info["content"]
        found = info["content_type"].native
    except _MALFORMED as error:
        raise RefusedMessage(modifier, f"not {kind}: {error}") from error
    raise RefusedMessage(modifier, f"{found} where {kind} was expected")


def _written(kind: str, content: Any) -> bytes:
    written: bytes = cms.ContentInfo({"content_type": kind, "content": content}).dump()
    return written


def _certificate(certificate: x509.Certificate) -> asn1_x509.Certificate:
    loaded: asn1_x509.Certificate = asn1_x509.Certificate.load(certificate.public_bytes(Encoding.DER))
    return loaded


def _name_of(certificate: asn1_x509.Certificate) -> dict[str, Any]:
    return {"issuer": certificate.issuer, "serial_number": certificate.serial_number}


def _named(identifier: Any, among: Sequence[x509.Certificate]) -> x509.Certificate | None:
    """The certificate that is named by its issuer and number, or by the identifier of its key."""
    for certificate in among:
        own = _certificate(certificate)
        if identifier.name == "subject_key_identifier":
            if own.key_identifier == identifier.native:
                return certificate
            continue
        name = identifier.chosen
        if own.serial_number == name["serial_number"].native and own.issuer == name["issuer"]:
            return certificate
    return None


def _who(identifier: Any) -> str:
    if identifier.name == "subject_key_identifier":
        return f"the key {identifier.native.hex()[:40]}"
    issuer, number = identifier.chosen["issuer"].human_friendly, identifier.chosen["serial_number"].native
    return f"number {number:x} of {issuer[:200]}"


def _subject(certificate: x509.Certificate) -> str:
    return certificate.subject.rfc4514_string()[:200]
