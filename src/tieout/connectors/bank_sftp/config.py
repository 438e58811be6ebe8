"""What a user must say to connect a bank by SFTP."""

from collections.abc import Mapping
from typing import Any, Literal

import msgspec
from msgspec import Struct

from tieout.kernel.errors import ConfigError


class BankConfig(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One bank.

    ``host_key`` is the bank's public host key as ``known_hosts`` has it, without the host (``ssh-ed25519 AAAA…``); any
    other is refused. ``password`` and ``private_key`` are references (``env:NAME``, ``file:PATH``); one is enough.
    ``accounts`` maps our accounts at this bank to our legal entities. ``status_url`` is the bank's HTTP status API, if
    it has one, with ``status_user`` and ``status_password``. ``payment_format`` is what payment files are written in,
    and ``payment_settings`` what that takes (`tieout convert` lists it). ``ignore`` names files of the bank that are
    never to be read.
    """

    host: str
    user: str
    host_key: str
    accounts: dict[str, str]
    port: int = 22
    password: str = ""
    private_key: str = ""
    outbox: str = "in"
    inbox: str = "out"
    archive: str = "archive"
    status_url: str = ""
    status_user: str = ""
    status_password: str = ""
    payment_format: Literal["pain.001", "ach", "bacs"] = "pain.001"
    payment_settings: dict[str, Any] = {}
    ignore: tuple[str, ...] = ()
    unfinished_suffix: str = ".part"
    #: Files older than this, by the bank's own clock, were read or are no news; the cursor forgets their names.
    remember_days: int = 40
    files_per_pull: int = 20
    timeout_seconds: float = 30.0
    #: How long a rename may go on at the bank after its answer was lost.
    landing_seconds: float = 5.0

    def __post_init__(self) -> None:
        if not self.password and not self.private_key:
            raise ValueError("give a password or a private_key (as a reference such as file:bank.key)")
        if not self.host_key.startswith(("ssh-", "ecdsa-", "sk-")):
            raise ValueError("host_key must be the bank's public host key, such as 'ssh-ed25519 AAAA…'")
        if not self.accounts:
            raise ValueError("accounts must map at least one IBAN to a legal entity")
        if self.status_url and not self.status_url.startswith(("http://", "https://")):
            raise ValueError(f"status_url must be an http or https address, not {self.status_url!r}")
        if not self.unfinished_suffix:
            raise ValueError("unfinished_suffix must not be empty: the bank would take half a file")


def read_config(settings: Mapping[str, Any]) -> BankConfig:
    """The configuration from a table of settings. Raises ``ConfigError`` that names what is wrong."""
    try:
        return msgspec.convert(settings, BankConfig)
    except msgspec.ValidationError as error:
        raise ConfigError(f"bank_sftp: {error}") from error
