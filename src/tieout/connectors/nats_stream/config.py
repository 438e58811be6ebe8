"""What a user must say to exchange documents through NATS JetStream."""

from collections.abc import Mapping
from typing import Any

from tieout.connectors.channels import ChannelConfig, read_settings


class NatsConfig(ChannelConfig, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Documents that are messages: ``subject`` of ``stream`` is read by the consumer ``durable``; ours are published
    on ``publish_to`` followed by a token of their own.

    ``password``, ``token`` and ``credentials`` (a .creds file) are references (``env:NAME``, ``file:PATH``).
    """

    servers: tuple[str, ...]
    stream: str = ""
    subject: str = ""
    durable: str = ""
    publish_to: str = ""
    ack_wait_seconds: float = 60.0
    poll_seconds: float = 0.5
    name_header: str = "File-Name"
    type_header: str = "Content-Type"
    user: str = ""
    password: str = ""
    token: str = ""
    credentials: str = ""
    ca_file: str = ""
    certificate_file: str = ""
    key_file: str = ""
    files_per_pull: int = 100

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.servers or not all(
            each.startswith(("nats://", "tls://", "ws://", "wss://")) for each in self.servers
        ):
            raise ValueError("servers must be addresses such as nats://host:4222 or tls://host:4222")
        if any("@" in each for each in self.servers):
            raise ValueError("servers must hold no user or password; give `user` and a reference as `password`")
        if not (self.stream or self.publish_to):
            raise ValueError("give a stream (with subject and durable) to read from, publish_to to write to, or both")
        if self.stream and not (self.subject and self.durable):
            raise ValueError("a stream is read by its subject and by a durable consumer; give both names")
        if any(sign in self.publish_to for sign in "*> "):
            raise ValueError("publish_to must be a plain subject: a token for each document is added to it")
        if self.poll_seconds <= 0 or self.ack_wait_seconds < 1:
            raise ValueError("poll_seconds must be more than 0, ack_wait_seconds at least 1")
        if bool(self.certificate_file) != bool(self.key_file):
            raise ValueError("give certificate_file together with key_file, or neither")


def read_config(settings: Mapping[str, Any]) -> NatsConfig:
    """The configuration from a table of settings. Raises ``ConfigError`` that names what is wrong."""
    return read_settings("nats_stream", settings, NatsConfig)
