"""The keys behind the references of the configuration: ours, and the certificates of the partner."""

from base64 import b64decode
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from cryptography.hazmat.primitives.serialization.pkcs12 import load_pkcs12
from msgspec import Struct

from tieout.connectors.as2.cms import Identity, is_valid
from tieout.connectors.as2.config import As2Config, OwnKey
from tieout.engine.secrets import read_secret
from tieout.kernel.errors import ConfigError

_PEM = b"-----BEGIN "


class Keys(Struct, frozen=True):
    """Who we are and who the partner is. The order is the configuration's: the first that is valid is used."""

    own: tuple[Identity, ...]
    partner: tuple[x509.Certificate, ...]

    def signing(self, now: datetime) -> Identity:
        """The key of ours that signs today. Raises ``ConfigError`` when every certificate has expired."""
        found = next((identity for identity in self.own if is_valid(identity.certificate, now)), None)
        if found is None:
            raise ConfigError("none of our AS2 certificates is valid today; make a new key and tell the partner")
        return found

    def receiving(self, now: datetime) -> x509.Certificate:
        """The partner's certificate that is encrypted for today. Raises ``ConfigError`` when all have expired."""
        found = next((certificate for certificate in self.partner if is_valid(certificate, now)), None)
        if found is None:
            raise ConfigError("none of the partner's AS2 certificates is valid today; ask the partner for the new one")
        return found


def load_keys(config: As2Config, folder: Path) -> Keys:
    """Read keys and certificates. Raises ``ConfigError`` that names the reference, never what is in it."""
    own = tuple(_identity(each, folder) for each in config.keys)
    partner = tuple(_certificates(reference, folder)[0] for reference in config.partner_certificates)
    if config.encrypt and not any(isinstance(each.public_key(), rsa.RSAPublicKey) for each in partner):
        raise ConfigError("to encrypt, the partner's certificate must have an RSA key")
    return Keys(own, partner)


def _identity(own: OwnKey, folder: Path) -> Identity:
    body = _bytes(own.key, folder)
    password = read_secret(own.password, folder).encode() if own.password else None
    key: object
    try:
        if _PEM in body:
            key = load_pem_private_key(body, password)
            certificate = _matching(key, _certificates(own.certificate or own.key, folder))
        else:
            packed = load_pkcs12(body, password)
            key, certificate = packed.key, packed.cert.certificate if packed.cert else None
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise ConfigError(f"{own.key} is not a private key (PEM or PKCS #12), or its password is wrong") from error
    if not isinstance(key, rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey) or certificate is None:
        raise ConfigError(f"{own.key} must be an RSA or EC key, together with its certificate")
    if key.public_key() != certificate.public_key():
        raise ConfigError(f"the certificate of {own.key} belongs to another key")
    return Identity(key, certificate)


def _matching(key: object, certificates: Sequence[x509.Certificate]) -> x509.Certificate | None:
    """The certificate of this key among those of a chain."""
    public = key.public_key() if isinstance(key, rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey) else None
    return next((each for each in certificates if each.public_key() == public), next(iter(certificates), None))


def _certificates(reference: str, folder: Path) -> Sequence[x509.Certificate]:
    body = _bytes(reference, folder)
    try:
        return x509.load_pem_x509_certificates(body) if _PEM in body else (x509.load_der_x509_certificate(body),)
    except ValueError as error:
        raise ConfigError(f"{reference} is not a certificate (PEM or DER)") from error


def _bytes(reference: str, folder: Path) -> bytes:
    """A file as it is; out of the environment PEM, or base64 of what is not text."""
    kind, _, name = reference.partition(":")
    if kind == "file" and (folder / name).is_file():
        return (folder / name).read_bytes()
    text = read_secret(reference, folder).encode()
    if _PEM in text:
        return text
    try:
        return b64decode(b"".join(text.split()), validate=True)
    except ValueError as error:
        raise ConfigError(f"{reference} is neither PEM nor base64") from error
