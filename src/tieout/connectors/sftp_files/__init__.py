"""Files by SFTP: a partner's are taken in when they are finished, ours are laid out whole.

How to set it up and what it cannot do: ``README.md``.
"""

from pathlib import Path
from typing import Any

from tieout.connectors.channels import Channel, Habits
from tieout.connectors.sftp import Credentials
from tieout.connectors.sftp_files.client import SftpFiles
from tieout.connectors.sftp_files.config import SftpConfig, read_config
from tieout.engine.clock import SystemClock
from tieout.engine.secrets import read_secret
from tieout.kernel.clock import Clock
from tieout.ports import Documents

__all__ = ["Credentials", "SftpConfig", "connect", "open_sftp"]


def open_sftp(name: str, config: SftpConfig, credentials: Credentials, documents: Documents, clock: Clock) -> Channel:
    """The channel of this server's folders."""
    client = SftpFiles(config, credentials)
    return Channel(config, Habits.watched("Files (SFTP)", config), client, documents, clock, system=name)


def connect(name: str, settings: dict[str, Any], folder: Path, documents: Documents) -> Channel:
    """The connector out of its table in the configuration. Raises ``ConfigError`` that says what is wrong with it."""
    config = read_config(settings)
    secrets = [read_secret(text, folder) if text else "" for text in (config.password, config.private_key)]
    return open_sftp(name, config, Credentials(*secrets), documents, SystemClock())
