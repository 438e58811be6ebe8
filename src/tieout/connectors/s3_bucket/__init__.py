"""Documents through a bucket: objects under one prefix are taken in, ours are put under another.

How to set it up and what it cannot do: ``README.md``.
"""

from pathlib import Path
from typing import Any

from tieout.connectors.channels import Channel, Habits
from tieout.connectors.s3_bucket.client import Bucket, Keys
from tieout.connectors.s3_bucket.config import BucketConfig, read_config
from tieout.engine.clock import SystemClock
from tieout.engine.secrets import read_secret
from tieout.kernel.clock import Clock
from tieout.ports import Documents

__all__ = ["BucketConfig", "Keys", "connect", "open_bucket"]


def open_bucket(
    name: str, config: BucketConfig, keys: Keys, documents: Documents, clock: Clock, *, base: Path = Path()
) -> Channel:
    """The channel of this bucket; a ``ca_file`` lies in ``base``."""
    habits = Habits(
        title="Bucket (S3)",
        receives=bool(config.inbox),
        sends=bool(config.outbox),
        shows_taken=bool(config.archive),
        keeps=config.after == "keep",
        remember_days=config.remember_days,
    )
    return Channel(config, habits, Bucket(config, keys, base), documents, clock, system=name)


def connect(name: str, settings: dict[str, Any], folder: Path, documents: Documents) -> Channel:
    """The connector out of its table in the configuration. Raises ``ConfigError`` that says what is wrong with it."""
    config = read_config(settings)
    secrets = [read_secret(text, folder) if text else "" for text in (config.secret_access_key, config.session_token)]
    return open_bucket(name, config, Keys(*secrets), documents, SystemClock(), base=folder)
