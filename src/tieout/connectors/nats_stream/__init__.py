"""Documents as messages of NATS JetStream: a durable consumer brings them in, ours are published.

How to set it up and what it cannot do: ``README.md``.
"""

from pathlib import Path
from typing import Any

from tieout.connectors.channels import Channel, Habits
from tieout.connectors.nats_stream.client import NatsClient, Secrets
from tieout.connectors.nats_stream.config import NatsConfig, read_config
from tieout.engine.clock import SystemClock
from tieout.engine.secrets import read_secret
from tieout.kernel.clock import Clock
from tieout.ports import Documents

__all__ = ["NatsConfig", "Secrets", "connect", "open_stream"]


def open_stream(
    name: str, config: NatsConfig, secrets: Secrets, documents: Documents, clock: Clock, *, base: Path = Path()
) -> Channel:
    """The channel of this stream; files of certificates lie in ``base``."""
    habits = Habits(title="Stream (NATS)", receives=bool(config.stream), sends=bool(config.publish_to))
    return Channel(config, habits, NatsClient(config, secrets, base), documents, clock, system=name)


def connect(name: str, settings: dict[str, Any], folder: Path, documents: Documents) -> Channel:
    """The connector out of its table in the configuration. Raises ``ConfigError`` that says what is wrong with it."""
    config = read_config(settings)
    references = (config.password, config.token, config.credentials)
    secrets = [read_secret(text, folder) if text else "" for text in references]
    return open_stream(name, config, Secrets(*secrets), documents, SystemClock(), base=folder)
