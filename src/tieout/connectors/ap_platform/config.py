"""What a user must say to connect an AP platform."""

from collections.abc import Mapping
from typing import Any

import msgspec
from msgspec import Struct

from tieout.kernel.errors import ConfigError


class ApConfig(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One AP platform.

    ``api_key`` and ``webhook_secret`` are references (``env:NAME``, ``file:PATH``). ``entities`` maps its names of
    legal entities to ours, where they differ. ``user`` is the name we change supplier records under.
    """

    url: str
    api_key: str
    webhook_secret: str = ""
    user: str = "tieout"
    entities: dict[str, str] = {}
    page_size: int = 100
    timeout_seconds: float = 10.0
    #: How long a call may go on there after its answer was lost.
    landing_seconds: float = 1.0

    def __post_init__(self) -> None:
        if not self.url.startswith(("http://", "https://")):
            raise ValueError(f"url must be an http or https address, not {self.url!r}")
        if not 1 <= self.page_size <= 500:
            raise ValueError("page_size must lie between 1 and 500")
        if self.timeout_seconds <= 0 or self.landing_seconds < 0:
            raise ValueError("timeout_seconds must be more than zero, landing_seconds zero or more")
        if not (self.user.isascii() and self.user.isprintable() and self.user.strip()):
            raise ValueError("user must be a name in plain letters; it goes into a header")
        if len(set(self.entities.values())) != len(self.entities):
            raise ValueError("entities must map each of their names to an entity of its own")

    def entity_here(self, entity: str) -> str:
        """Our name of one of their entities."""
        return self.entities.get(entity, entity)

    def entity_there(self, entity: str) -> str:
        """Their name of one of our entities."""
        return next((theirs for theirs, ours in self.entities.items() if ours == entity), entity)


def read_config(settings: Mapping[str, Any]) -> ApConfig:
    """The configuration from a table of settings. Raises ``ConfigError`` that names what is wrong."""
    try:
        return msgspec.convert(settings, ApConfig)
    except msgspec.ValidationError as error:
        raise ConfigError(f"ap_platform: {error}") from error
