"""Signed files (CMS SignedData, RFC 5652; CAdES; ``.p7m``): the content is taken out, the signature is verified.

Verified is what the file itself can prove: the digest of the content is the one that was signed, and the signature is
that of the certificate inside. Whether the certificate can be trusted (its chain, whether it was revoked) depends on
lists and on the day, so it is not judged here, and that is said with every file.
"""

import base64
import re
from collections.abc import Iterator
from typing import Any

from asn1crypto import algos, cms, tsp, x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.types import PublicKeyTypes
from cryptography.hazmat.primitives.serialization import load_der_public_key
from msgspec import Struct

from tieout.formats.containers.ber import MalformedError, definite
from tieout.formats.containers.contents import DEPTH_MAX, Budget, Part, tell
from tieout.formats.reading import Findings, quoted
from tieout.formats.source import Bytes, Source
from tieout.kernel.problem import Code, Problem

#: SdI takes files of 5 MB (technical rules, section 2.2); nobody signs an invoice of more than this.
SIGNED_MAX = 64 * 2**20
SIGNERS_MAX = 20
SIGNED_DATA = "1.2.840.113549.1.7.2"
#: The other kinds of RFC 5652 and RFC 5544, which hold no document that can be read without a key or a service.
OTHERS = {
    "1.2.840.113549.1.7.1": "plain data without a signature",
    "1.2.840.113549.1.7.3": "encrypted for somebody (EnvelopedData), and cannot be opened without that person's key",
    "1.2.840.113549.1.7.5": "a digest without a signature (DigestedData)",
    "1.2.840.113549.1.7.6": "encrypted (EncryptedData)",
    "1.2.840.113549.1.9.16.1.2": "authenticated with a shared key (AuthenticatedData)",
    "1.2.840.113549.1.9.16.1.23": "encrypted for somebody (AuthEnvelopedData)",
    "1.2.840.113549.1.9.16.1.31": "a file with a time stamp around it (TimeStampedData)",
}
#: How the object identifiers above are encoded, up to their last numbers.
_CMS = (bytes.fromhex("06092a864886f70d0107"), bytes.fromhex("060b2a864886f70d01091001"))
_HASHES: dict[str, type[hashes.HashAlgorithm]] = {
    "sha1": hashes.SHA1,
    "sha224": hashes.SHA224,
    "sha256": hashes.SHA256,
    "sha384": hashes.SHA384,
    "sha512": hashes.SHA512,
}
_PEM = re.compile(rb"-----BEGIN (?:PKCS7|CMS|PKCS #7 SIGNED DATA)-----(.*?)-----END [^-]{1,40}-----", re.DOTALL)
_BASE64 = re.compile(rb"[A-Za-z0-9+/=\s]+")


class Verdict(Struct, frozen=True):
    """What a signature proves, or why it proves nothing."""

    problem: Problem | None = None
    note: str = ""
    is_weak: bool = False
    is_outside: bool = False


def is_signed(beginning: bytes) -> bool:
    """Whether a document that begins like this is CMS: binary, PEM, or bare base64."""
    if beginning.lstrip()[:16].startswith((b"-----BEGIN PKCS", b"-----BEGIN CMS-")):
        return True
    if beginning[:1] == b"\x30":
        return any(0 < beginning.find(mark) <= 12 for mark in _CMS)
    text = b"".join(beginning[:96].split())[:40]
    if not text.startswith(b"M") or not _BASE64.fullmatch(text):
        return False
    return len(text) == 40 and any(0 < base64.b64decode(text).find(mark) <= 12 for mark in _CMS)


def open_signed(source: Source, budget: Budget, findings: Findings) -> Iterator[Part]:
    """Take out the content, through every signature around it, if each of them holds."""
    if source.size > SIGNED_MAX:
        findings.fault(Code.TOO_LARGE, "byte 0", actual=f"{source.size} bytes", limit=f"{SIGNED_MAX} bytes")
        return
    body = source.whole()
    for level in range(DEPTH_MAX):
        where = "signature" if level == 0 else f"signature {level + 1} layers in"
        content = _opened(body, where, findings)
        if content is None:
            return
        if problem := budget.spend(len(content)):
            tell(findings, problem, where)
            return
        body = content
        if not is_signed(body[:128]):
            yield Part("content", "", Bytes(body, source.mark))
            return
    findings.fault(Code.TOO_LARGE, "signature", limit=f"{DEPTH_MAX} signatures around each other")


def _opened(body: bytes, where: str, findings: Findings) -> bytes | None:
    """The content of one signed file whose signatures hold."""
    try:
        signed = _signed_data(_binary(body))
        if isinstance(signed, Problem):
            tell(findings, signed, where)
            return None
        content = signed["encap_content_info"]["content"].native
        verdicts = [_verify(signed, signer, content) for signer in signed["signer_infos"]]
    except (MalformedError, ValueError, TypeError, KeyError, AttributeError, OverflowError) as error:
        findings.fault(Code.UNREADABLE, where, detail=f"the signed file is malformed: {quoted(str(error))}")
        return None
    for verdict in verdicts:
        _say(verdict, where, findings)
    return content if findings.complete else None


def _say(verdict: Verdict, where: str, findings: Findings) -> None:
    if verdict.problem is not None:
        tell(findings, verdict.problem, where)
        return
    findings.note(Code.UNSUPPORTED_CONTENT, where, detail=verdict.note)
    if verdict.is_outside:
        detail = "the certificate was not valid at the time that the signer states"
        findings.note(Code.BAD_VALUE, where, detail=detail)
    if verdict.is_weak:
        detail = "signed with SHA-1, which has not been enough for signed documents since 2011"
        findings.note(Code.BAD_VALUE, where, detail=detail)


def _binary(body: bytes) -> bytes:
    """The bytes of CMS, from PEM or base64 where they were sent as text."""
    if body[:1] == b"\x30":
        return body
    pem = _PEM.search(body)
    text = b"".join((pem[1] if pem else body).split())
    try:
        return base64.b64decode(text, validate=True)
    except ValueError as error:
        raise MalformedError(f"byte 0: not base64: {error}") from error


def _signed_data(body: bytes) -> cms.SignedData | Problem:
    """The signed data in a file, if there is content in it and somebody who signed."""
    info = cms.ContentInfo.load(definite(body), strict=True)
    kind = info["content_type"].dotted
    if kind != SIGNED_DATA:
        detail = f"this is {OTHERS.get(kind, f'a CMS file of the kind {kind}')}"
        return Problem(Code.UNREADABLE, expected="signed data with its content", detail=detail)
    signed: cms.SignedData = info["content"]
    if not isinstance(signed["encap_content_info"]["content"].native, bytes):
        detail = "a detached signature: the document it belongs to is not inside"
        return Problem(Code.UNREADABLE, expected="signed data with its content", detail=detail)
    count = len(signed["signer_infos"])
    if not 0 < count <= SIGNERS_MAX:
        return Problem(Code.UNREADABLE, expected="a signature", actual=f"{count} signatures", detail="nobody signed it")
    return signed


# ── one signature ──────────────────────────────────────────────────────────────────────────────────────────────────


def _verify(signed: cms.SignedData, signer: cms.SignerInfo, content: bytes) -> Verdict:
    """Whether a signature is of this content and by the certificate inside (RFC 5652, section 5.4 to 5.6)."""
    name = signer["digest_algorithm"]["algorithm"].native
    if name not in _HASHES:
        return _refused(f"the digest algorithm {name} is unknown or no longer trusted", actual=str(name))
    certificate = _certificate(signed, signer["sid"])
    if certificate is None:
        return _refused("the certificate of the signer is not inside, so the signature cannot be verified")
    digest = _digest(content, name)
    attributes = _attributes(signer)
    problem = _wrong_attributes(attributes, digest, signed, certificate)
    if problem:
        return problem
    messages = _signed_bytes(signer) or [content]
    try:
        key = load_der_public_key(certificate.public_key.dump())
        holds = any(_holds(key, signer, name, message) for message in messages)
    except (UnsupportedAlgorithm, ValueError) as error:
        return _refused(f"the key or the signature algorithm cannot be used: {quoted(str(error))}")
    if not holds:
        return _refused("the signature is not that of the certificate: somebody changed the file")
    return _verified(certificate, attributes, is_weak=name == "sha1")


def _refused(detail: str, actual: str = "") -> Verdict:
    return Verdict(Problem(Code.UNREADABLE, actual=actual, detail=detail))


def _verified(certificate: x509.Certificate, attributes: dict[str, Any], is_weak: bool) -> Verdict:
    """Who signed, with what, and what that does not prove."""
    first, last = certificate.not_valid_before, certificate.not_valid_after
    signed_at = attributes.get("signing_time")
    when = f" at {signed_at:%Y-%m-%d}, as the signer states" if signed_at else ""
    who = quoted(certificate.subject.human_friendly)
    note = (
        f"the signature holds: {who}{when}; certificate valid from {first:%Y-%m-%d} to {last:%Y-%m-%d}. "
        "Its chain of trust and revocation are not judged here"
    )
    return Verdict(note=note, is_weak=is_weak, is_outside=bool(signed_at and not first <= signed_at <= last))


def _digest(content: bytes, name: str) -> bytes:
    calculation = hashes.Hash(_HASHES[name]())
    calculation.update(content)
    return calculation.finalize()


def _certificate(signed: cms.SignedData, identifier: cms.SignerIdentifier) -> x509.Certificate | None:
    """The certificate that a signer names by issuer and number, or by the identifier of its key."""
    for choice in signed["certificates"] or ():
        certificate = choice.chosen
        if not isinstance(certificate, x509.Certificate):
            continue
        if identifier.name == "subject_key_identifier":
            if certificate.key_identifier == identifier.native:
                return certificate
        elif certificate.serial_number == identifier.chosen["serial_number"].native:
            issuer: x509.Name = identifier.chosen["issuer"]
            if certificate.issuer == issuer:
                return certificate
    return None


def _attributes(signer: cms.SignerInfo) -> dict[str, Any]:
    """The signed attributes by name, each of which must be there only once with one value."""
    found: dict[str, Any] = {}
    for attribute in signer["signed_attrs"] or ():
        name = attribute["type"].native
        if name in found or len(attribute["values"]) != 1:
            raise MalformedError(f"the signed attribute {name} is there twice")
        value = attribute["values"][0]
        found[name] = value if name.startswith("signing_certificate") else value.native
    return found


def _wrong_attributes(
    attributes: dict[str, Any], digest: bytes, signed: cms.SignedData, certificate: x509.Certificate
) -> Verdict | None:
    """Signed attributes must name this content, its kind and this certificate (RFC 5652 section 11, RFC 5035)."""
    content_type = signed["encap_content_info"]["content_type"].native
    if not attributes:
        is_plain = content_type == "data"
        return None if is_plain else _refused("signed attributes are missing, which this kind of content must have")
    if attributes.get("message_digest") != digest:
        return _refused("the digest of the content is not the one that was signed: somebody changed the content")
    if attributes.get("content_type") != content_type:
        return _refused("the kind of the content is not the one that was signed")
    for name in ("signing_certificate", "signing_certificate_v2"):
        if name in attributes and not _names(attributes[name], certificate):
            return _refused("the certificate inside is not the one that the signer names")
    return None


def _names(attribute: Any, certificate: x509.Certificate) -> bool:
    """Whether an ESS signing-certificate attribute names this certificate by its digest."""
    first = attribute["certs"][0]
    name = first["hash_algorithm"]["algorithm"].native if isinstance(first, tsp.ESSCertIDv2) else "sha1"
    return name in _HASHES and bool(first["cert_hash"].native == _digest(certificate.dump(), name))


def _signed_bytes(signer: cms.SignerInfo) -> list[bytes]:
    """What was signed when there are signed attributes: they, as a set; in the order of DER, or as they were sent."""
    attributes = signer["signed_attrs"]
    if not attributes:
        return []
    sent = attributes.untag().dump()
    ordered = cms.CMSAttributes(list(attributes)).dump(force=True)
    return [sent] if sent == ordered else [sent, ordered]


def _holds(key: PublicKeyTypes, signer: cms.SignerInfo, digest_name: str, message: bytes) -> bool:
    """Whether the signature is that of the key over these bytes."""
    algorithm: algos.SignedDigestAlgorithm = signer["signature_algorithm"]
    signature: bytes = signer["signature"].native
    named = algorithm["algorithm"].native.partition("_")[0]
    digest = _HASHES[named if named in _HASHES else digest_name]()
    try:
        match key:
            case rsa.RSAPublicKey() if algorithm["algorithm"].native == "rsassa_pss":
                parameters = algorithm["parameters"]
                digest = _HASHES[parameters["hash_algorithm"]["algorithm"].native]()
                mask = padding.MGF1(_HASHES[parameters["mask_gen_algorithm"]["parameters"]["algorithm"].native]())
                pss = padding.PSS(mask, parameters["salt_length"].native)
                key.verify(signature, message, pss, digest)
            case rsa.RSAPublicKey():
                key.verify(signature, message, padding.PKCS1v15(), digest)
            case ec.EllipticCurvePublicKey():
                key.verify(signature, message, ec.ECDSA(digest))
            case ed25519.Ed25519PublicKey():
                key.verify(signature, message)
            case _:
                raise UnsupportedAlgorithm(type(key).__name__)
    except InvalidSignature:
        return False
    return True
