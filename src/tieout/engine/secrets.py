"""Secrets come by reference, never from the configuration itself."""

import os
from pathlib import Path

from tieout.kernel.errors import ConfigError


def read_secret(reference: str, folder: Path) -> str:
    """The secret behind ``env:NAME`` or ``file:PATH`` (relative to the configuration's folder).

    Raises ``ConfigError`` when it is not there, naming the reference and never the secret.
    """
    kind, _, name = reference.partition(":")
    if kind == "env" and name in os.environ:
        return os.environ[name]
    if kind == "file" and (folder / name).is_file():
        return (folder / name).read_text(encoding="utf-8").strip()
    if kind in ("env", "file"):
        raise ConfigError(f"the secret {reference} does not exist; set it, or correct the reference")
    raise ConfigError(f"{reference!r} must be a reference to a secret, such as env:BANK_PASSWORD or file:bank.password")
