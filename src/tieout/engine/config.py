"""The configuration of one company: where its database is, which systems it works with, and where its policy stands.

Read from TOML; every setting may be overridden by the environment (``TIEOUT_DATABASE`` …). Secrets are never in the
file: a setting that needs one holds a reference, ``env:NAME`` or ``file:PATH``.
"""

import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import msgspec
from msgspec import Struct

from tieout.kernel.errors import ConfigError

DEFAULT_FILE = "tieout.toml"
PREFIX = "TIEOUT_"


class TieOut(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Two control totals that should agree, each as ``[connector role or "tieout", name of the total]``.

    ``as_of``: compared as they were at the end of the period, or as they are now.
    """

    name: str
    left: tuple[str, str]
    right: tuple[str, str]
    as_of: Literal["period_end", "now"] = "period_end"


class Config(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """All settings of the product itself; those of connectors are tables of their own."""

    company: str = "company"
    database: str = "sqlite:///tieout.db"
    originals: str = "originals"
    spool: str = "spool"
    policy: str = "policy.toml"
    seal_key: str = "file:seal.key"
    partitions: int = 64
    inbox_capacity: int = 200_000
    batch: int = 500
    senders: int = 4
    pull_seconds: float = 5.0
    compare_seconds: float = 30.0
    checkpoint_seconds: float = 300.0
    host: str = "127.0.0.1"
    port: int = 8700
    connectors: dict[str, dict[str, Any]] = {}
    tie_outs: tuple[TieOut, ...] = ()


#: What each setting means, for ``tieout config explain``.
MEANINGS = {
    "company": "the name shown on pages",
    "database": "sqlite:///FILE for one machine, postgresql://… for many workers",
    "originals": "where documents are kept as they came: a folder, or s3://bucket/prefix and the like",
    "spool": "a folder for documents while they are on their way in",
    "policy": "the file, or the folder of files, with entities, tolerances and rules",
    "seal_key": "the Ed25519 key that signs checkpoints of the log (env:NAME or file:PATH; made by `tieout init`)",
    "partitions": "into how many serial lanes of work suppliers and accounts are spread; fixed when the log begins",
    "inbox_capacity": "how many messages may wait in one lane before callers are asked to come again",
    "batch": "how many messages one transaction handles at most",
    "senders": "how many threads of a worker send effects",
    "pull_seconds": "how often systems are asked for changes",
    "compare_seconds": "how often control totals are compared",
    "checkpoint_seconds": "how often a signed checkpoint is written",
    "host": "where the pages and the API listen",
    "port": "on which port the pages and the API listen",
    "connectors": "one table for each system: `kind` and what that kind needs",
    "tie_outs": "pairs of control totals that should agree",
}


class Settings(Struct, frozen=True):
    """A configuration with the folder that its relative paths are relative to, and where each value came from."""

    config: Config
    folder: Path
    origins: Mapping[str, str]

    def path(self, name: str) -> Path:
        """A path of the configuration, made absolute."""
        return self.folder / name

    @property
    def database(self) -> str:
        """The database's URL; a relative SQLite file lies in the configuration's folder."""
        url = self.config.database
        prefix = "sqlite:///"
        return f"{prefix}{self.folder / url.removeprefix(prefix)}" if url.startswith(prefix) else url

    @property
    def originals(self) -> str:
        """The URL of the object store for originals."""
        where = self.config.originals
        return where if "://" in where else self.path(where).absolute().as_uri()


def load(file: Path, environment: Mapping[str, str] = os.environ) -> Settings:
    """Read a configuration. Raises ``ConfigError`` that names the file, the setting and what to do."""
    if not file.is_file():
        raise ConfigError(f"there is no configuration {file}; `tieout init` writes one, `--config` names another")
    try:
        table = tomllib.loads(file.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{file} is not valid TOML: {error}") from error
    origins = dict.fromkeys(table, str(file))
    for field in msgspec.structs.fields(Config):
        name = PREFIX + field.name.upper()
        if name in environment and field.name not in ("connectors", "tie_outs"):
            try:
                table[field.name] = msgspec.convert(environment[name], field.type, strict=False)
            except msgspec.ValidationError as error:
                raise ConfigError(f"the environment variable {name}: {error}; set it right, or unset it") from error
            origins[field.name] = name
    try:
        config = msgspec.convert(table, Config, strict=False)
    except msgspec.ValidationError as error:
        raise ConfigError(f"{file}: {error}; `tieout config explain` lists every setting") from error
    return Settings(config, file.absolute().parent, origins)
