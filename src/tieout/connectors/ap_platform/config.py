"""What a user must say to connect the AP platform."""

from collections.abc import Mapping
from typing import Any

import msgspec
from msgspec import Struct

from tieout.kernel.errors import ConfigError


class ApPlatformConfig(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One AP platform. ``api_key`` and ``webhook_secret`` are references, ``env:NAME`` or ``file:PATH``."""

    url: str
    api_key: str
    webhook_secret: str = ""
    #: How long a call may go on in the platform after its answer was lost.
    landing_seconds: float = 1.0
    timeout_seconds: float = 10.0

    def __post_init__(self) -> None:
        if not self.url.startswith(("http://", "https://")):
            raise ValueError(f"url must be an http or https address, not {self.url!r}")
        if self.landing_seconds < 0:
            raise ValueError(f"landing_seconds must be zero or more, not {self.landing_seconds}")
        if self.timeout_seconds <= 0:
            raise ValueError(f"timeout_seconds must be more than zero, not {self.timeout_seconds}")


def read_config(name: str, settings: Mapping[str, Any]) -> ApPlatformConfig:
    """The configuration from a table of settings. Raises ``ConfigError`` that names what is wrong."""
    try:
        return msgspec.convert(settings, ApPlatformConfig)
    except msgspec.ValidationError as error:
        raise ConfigError(f"[connectors.{name}] {error}") from error
