"""Connectors: one folder for each outside system. They talk and translate; they know no business and no concurrency."""

from importlib import import_module
from pathlib import Path
from typing import Any

from tieout.kernel.errors import ConfigError
from tieout.ports import Connector, Documents

KINDS = {
    "tryton": "tieout.connectors.tryton",
    "ap_platform": "tieout.connectors.ap_platform",
    "procurement": "tieout.connectors.procurement",
    "bank_sftp": "tieout.connectors.bank_sftp",
    "close_tool": "tieout.connectors.close_tool",
    "folder": "tieout.connectors.folder",
    "sftp_files": "tieout.connectors.sftp_files",
    "s3_bucket": "tieout.connectors.s3_bucket",
    "mail_smtp": "tieout.connectors.mail_smtp",
    "mail_imap": "tieout.connectors.mail_imap",
    "nats_stream": "tieout.connectors.nats_stream",
    "as2": "tieout.connectors.as2",
}
"""What ``kind`` may be in the configuration: each module has a ``connect`` function."""


def connect(name: str, settings: dict[str, Any], folder: Path, documents: Documents) -> Connector:
    """The connector that a table of the configuration asks for.

    ``folder`` is what relative paths and secrets are relative to; ``documents`` is where fetched files are kept.
    Raises ``ConfigError`` that names the table and what is wrong in it.
    """
    kind = str(settings.pop("kind", ""))
    if kind not in KINDS:
        raise ConfigError(f"[connectors.{name}] has kind {kind!r}; it must be one of {', '.join(KINDS)}")
    connector: Connector = import_module(KINDS[kind]).connect(name, settings, folder, documents)
    return connector
