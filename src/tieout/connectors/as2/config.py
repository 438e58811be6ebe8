"""What a user must say to exchange documents with a partner by AS2."""

from collections.abc import Mapping
from typing import Any, Literal
from urllib.parse import urlsplit

import msgspec
from msgspec import Struct

from tieout.kernel.errors import ConfigError

Cipher = Literal["", "aes128_cbc", "aes192_cbc", "aes256_cbc", "tripledes_3key"]
Digest = Literal["", "sha1", "sha256", "sha384", "sha512"]

_NAME_MAX = 128


class OwnKey(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A key of ours, by reference (``file:PATH``, ``env:NAME``): PEM with its certificate (in the same place or in
    ``certificate``), or PKCS #12. ``password`` is a reference as well."""

    key: str
    certificate: str = ""
    password: str = ""


class As2Config(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One partner.

    ``keys`` are ours: the first whose certificate is valid today signs, all of them decrypt. So is it with
    ``partner_certificates``: the first that is valid today is encrypted for, all that are valid may have signed.
    ``receipt`` says how the partner answers: in the same call, or later by one of its own to ``receipt_url``.
    """

    our_name: str
    partner_name: str
    keys: tuple[OwnKey, ...]
    partner_certificates: tuple[str, ...]
    url: str = ""
    ca_file: str = ""
    # what we send
    sign: Digest = "sha256"
    encrypt: Cipher = "aes256_cbc"
    compress: Literal["", "before_signing", "after_signing"] = ""
    subject: str = ""
    receipt: Literal["sync", "async"] = "sync"
    receipt_url: str = ""
    receipt_signed: bool = True
    honours_message_id: bool = False
    # what we take
    require_signature: bool = True
    require_encryption: bool = True
    allow_sha1: bool = False
    allow_3des: bool = False
    receipt_hosts: tuple[str, ...] = ()
    message_bytes_max: int = 64 << 20
    document_bytes_max: int = 256 << 20
    # how long
    timeout_seconds: float = 60.0
    landing_seconds: float = 60.0
    receipt_hours: float = 48.0
    ledger: str = ""

    def __post_init__(self) -> None:
        for name in ("our_name", "partner_name"):
            _check_name(name, getattr(self, name))
        if self.our_name == self.partner_name:
            raise ValueError("our_name and partner_name must differ")
        if not self.keys or not self.partner_certificates:
            raise ValueError("give at least one of our keys and one of the partner's certificates")
        self._check_strength()
        self._check_addresses()
        if min(self.message_bytes_max, self.document_bytes_max) < 1:
            raise ValueError("message_bytes_max and document_bytes_max must be at least 1")
        if self.timeout_seconds <= 0 or self.landing_seconds < 0 or self.receipt_hours <= 0:
            raise ValueError("timeout_seconds and receipt_hours must be more than 0, landing_seconds not less")

    def _check_strength(self) -> None:
        if self.sign == "sha1" and not self.allow_sha1:
            raise ValueError("sign = 'sha1' needs allow_sha1 = true; SHA-1 proves little since 2017")
        if self.encrypt == "tripledes_3key" and not self.allow_3des:
            raise ValueError("encrypt = 'tripledes_3key' needs allow_3des = true")

    def _check_addresses(self) -> None:
        for name in ("url", "receipt_url"):
            address = getattr(self, name)
            if address and not address.startswith(("https://", "http://")):
                raise ValueError(f"{name} must be an http or https address, not {address!r}")
        if self.receipt == "async" and not self.receipt_url:
            raise ValueError("receipt = 'async' needs receipt_url: our own address, at which the partner delivers it")
        if not self.subject.isascii() or not (self.subject or " ").isprintable():
            raise ValueError("subject must be printable ASCII")

    def may_receive_at(self, address: str) -> bool:
        """Whether a receipt may be delivered to an address that a message names: at the partner's own hosts only,
        and over https unless the partner itself is reached without."""
        try:
            asked = urlsplit(address)
            port = asked.port or _PORTS[asked.scheme]
        except (ValueError, KeyError):
            return False
        own = urlsplit(self.url)
        if asked.username is not None or asked.password is not None or not asked.hostname or asked.fragment:
            return False
        if asked.scheme != "https" and own.scheme == "https":
            return False
        agreed = {(own.hostname or "").lower(): own.port or _PORTS.get(own.scheme, 443)}
        for host in self.receipt_hosts:
            name, _, number = host.lower().partition(":")
            agreed[name] = int(number) if number.isdecimal() else _PORTS[asked.scheme]
        return agreed.get(asked.hostname.lower()) in (port, None) and asked.hostname.lower() in agreed


_PORTS = {"https": 443, "http": 80}


def _check_name(field: str, name: str) -> None:
    """AS2 names are printable ASCII, at most 128 signs (RFC 4130, section 6.2)."""
    if not 0 < len(name) <= _NAME_MAX or not name.isascii() or not name.isprintable() or name != name.strip():
        raise ValueError(f"{field} must be 1 to {_NAME_MAX} printable ASCII signs, not {name!r}")


def read_config(settings: Mapping[str, Any]) -> As2Config:
    """The configuration from a table of settings. Raises ``ConfigError`` that names what is wrong."""
    try:
        return msgspec.convert(settings, As2Config)
    except msgspec.ValidationError as error:
        raise ConfigError(f"as2: {error}") from error
