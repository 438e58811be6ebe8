"""What a user must say to receive mail."""

from collections.abc import Mapping
from typing import Any

import msgspec
from msgspec import Struct

from tieout.connectors.mail.config import AnswersConfig
from tieout.connectors.mail.senders import SenderRules
from tieout.kernel.errors import ConfigError


class SmtpConfig(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A server for incoming mail. ``recipients`` are addresses or patterns (``invoices+*@acme.example``): mail to
    anybody else is refused, and nothing is ever passed on.

    ``per_minute``: so many mails in all; ``per_minute_of_one``: so many from one address of the network.
    """

    recipients: tuple[str, ...]
    host: str = "127.0.0.1"
    port: int = 2525
    name: str = ""
    senders: SenderRules = SenderRules()
    answers: AnswersConfig | None = None
    certificate_file: str = ""
    key_file: str = ""
    require_tls: bool = False
    bytes_max: int = 64 << 20
    connections_max: int = 50
    mails_per_connection: int = 100
    recipients_per_mail: int = 100
    per_minute: int = 600
    per_minute_of_one: int = 120
    timeout_seconds: float = 60.0
    data_seconds: float = 600.0

    def __post_init__(self) -> None:
        if not self.recipients or not all("@" in each for each in self.recipients):
            raise ValueError("recipients must be addresses (or patterns with an @) whose mail is taken")
        if any(each.rpartition("@")[2].strip("*.?") == "" for each in self.recipients):
            raise ValueError("a recipient must name its domain: a server that takes mail for any is an open relay")
        if bool(self.certificate_file) != bool(self.key_file):
            raise ValueError("give certificate_file together with key_file, or neither")
        if self.require_tls and not self.certificate_file:
            raise ValueError("require_tls needs a certificate_file and a key_file")
        if not 0 <= self.port <= 65535:
            raise ValueError("port must be between 0 (any free one) and 65535")
        limits = (self.bytes_max, self.connections_max, self.mails_per_connection, self.recipients_per_mail)
        if min(*limits, self.per_minute, self.per_minute_of_one) < 1:
            raise ValueError("limits must be at least 1")
        if min(self.timeout_seconds, self.data_seconds) <= 0:
            raise ValueError("timeout_seconds and data_seconds must be more than 0")
        if self.answers is not None and self.answers.sent_folder:
            raise ValueError("sent_folder is for IMAP channels; here nothing can be looked up")


def read_config(settings: Mapping[str, Any]) -> SmtpConfig:
    """The configuration from a table of settings. Raises ``ConfigError`` that names what is wrong."""
    try:
        return msgspec.convert(settings, SmtpConfig)
    except msgspec.ValidationError as error:
        raise ConfigError(f"mail_smtp: {error}") from error
