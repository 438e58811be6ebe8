"""What a user must say to have mails answered."""

import re
from typing import Literal

from msgspec import Struct

from tieout.kernel.errors import ConfigError

NAMED = "mail"
"""How the name of every mail channel begins: anybody can write to it, and the policy knows that by the name."""

#: Languages in which an answer can be written; each is a file in ``templates``.
Language = Literal["en", "de", "fr", "it"]
Security = Literal["starttls", "tls", "none"]
_ADDRESS = re.compile(r"[^@\s<>\"]{1,64}@[A-Za-z0-9.-]{1,255}")


class AnswersConfig(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How answers go out: from whom, and through which mail server. ``password`` is a reference (``env:NAME``).

    ``contact``: whom a sender may ask, such as ``accounts payable, ap@acme.example``. ``sent_folder`` (IMAP channels
    only): where the mail server itself keeps what it sends, which is how a lost answer is found again. ``bounces_to``:
    who gets what cannot be delivered, where the mail server does not send without; it must not be a mail channel.
    """

    address: str
    company: str
    server: str
    port: int = 587
    security: Security = "starttls"
    user: str = ""
    password: str = ""
    ca_file: str = ""
    language: Language = "en"
    contact: str = ""
    bounces_to: str = ""
    sent_folder: str = ""
    timeout_seconds: float = 30.0
    landing_seconds: float = 60.0

    def __post_init__(self) -> None:
        if not _ADDRESS.fullmatch(self.address):
            raise ValueError("address must be a plain mail address, such as invoices@acme.example")
        if not self.company.strip() or not self.company.isprintable() or not self.contact.isprintable():
            raise ValueError("company must be the name under which you answer; company and contact are each one line")
        if self.bounces_to and not _ADDRESS.fullmatch(self.bounces_to):
            raise ValueError("bounces_to must be a plain mail address, or empty")
        if self.bounces_to.casefold() == self.address.casefold():
            raise ValueError("bounces_to must not be the address that answers, or bounces would come in as mail")
        if bool(self.user) != bool(self.password):
            raise ValueError("give user together with password (a reference such as env:MAIL_PASSWORD), or neither")
        if self.password and self.security == "none":
            raise ValueError("a password is not sent without TLS; set security to starttls or tls")
        if self.timeout_seconds <= 0 or self.landing_seconds < 0:
            raise ValueError("timeout_seconds must be more than 0, landing_seconds not less")

    @property
    def domain(self) -> str:
        """What stands behind the @."""
        return self.address.rpartition("@")[2]


def check_name(system: str) -> None:
    """Raise ``ConfigError`` for a mail channel that would be taken for one that only known partners reach."""
    if not system.startswith(NAMED):
        raise ConfigError(f"[connectors.{system}] is a mail channel, so its name must begin with {NAMED!r}")
