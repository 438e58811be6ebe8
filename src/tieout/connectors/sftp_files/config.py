"""What a user must say to exchange files with a partner by SFTP."""

from collections.abc import Mapping
from typing import Any

from tieout.connectors.channels import WatchedConfig, read_settings
from tieout.connectors.sftp import is_host_key


class SftpConfig(WatchedConfig, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One partner's server, or ours at which partners leave files.

    ``host_key`` pins the server: its public key as ``known_hosts`` has it, or its ``SHA256:`` fingerprint; several
    lines while keys are changed. Any other is refused. ``password`` and ``private_key`` are references (``env:NAME``,
    ``file:PATH``); one is enough.
    """

    host: str
    user: str
    host_key: str
    port: int = 22
    password: str = ""
    private_key: str = ""

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.password and not self.private_key:
            raise ValueError("give a password or a private_key (as a reference such as file:partner.key)")
        if not is_host_key(self.host_key):
            raise ValueError("host_key must be the server's public key ('ssh-ed25519 AAAA…') or 'SHA256:…' fingerprint")


def read_config(settings: Mapping[str, Any]) -> SftpConfig:
    """The configuration from a table of settings. Raises ``ConfigError`` that names what is wrong."""
    return read_settings("sftp_files", settings, SftpConfig)
