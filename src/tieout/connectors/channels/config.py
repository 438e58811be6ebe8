"""The settings that all channels share."""

from collections.abc import Mapping
from typing import Any, Literal, TypeVar

import msgspec
from msgspec import Struct

from tieout.kernel.errors import ConfigError

UNFINISHED = ("*.part", "*.filepart", "*.tmp", "*.temp", "*.crdownload", "*.swp", "*~", ".*")
"""What people's programs call files that they are still writing."""


class ChannelConfig(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One channel. Patterns are as in a shell (``*.xml``) and are compared with a file's path and its last part.

    ``taken_away``: the partner removes what it has read, so that not to find a document proves nothing.
    ``refuses_doubles``: the partner itself refuses a document that it has seen (by its control number).
    """

    only: tuple[str, ...] = ("*",)
    ignore: tuple[str, ...] = ()
    bytes_max: int = 1 << 30
    files_per_pull: int = 500
    taken_away: bool = True
    refuses_doubles: bool = False
    timeout_seconds: float = 30.0
    landing_seconds: float = 5.0

    def __post_init__(self) -> None:
        if self.bytes_max < 1 or self.files_per_pull < 1:
            raise ValueError("bytes_max and files_per_pull must be at least 1")
        if self.timeout_seconds <= 0 or self.landing_seconds < 0:
            raise ValueError("timeout_seconds must be more than 0, landing_seconds not less")


class PlacesConfig(ChannelConfig, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A channel of named places: where documents come from, where they go, and where the partner puts what it took
    (``archive``; empty when it shows none). What becomes of a file that was taken is said by ``after``."""

    inbox: str = ""
    outbox: str = ""
    archive: str = ""
    done: str = ""
    after: Literal["move", "delete", "keep"] = "move"

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.inbox and not self.outbox:
            raise ValueError("give an inbox (where documents come from), an outbox (where they go), or both")
        if self.inbox.rstrip("/") == self.outbox.rstrip("/"):
            raise ValueError("inbox and outbox must differ, or what is sent would come back")

    @property
    def done_folder(self) -> str:
        """Where files go that were taken."""
        return self.done or f"{self.inbox.rstrip('/')}/done"


class WatchedConfig(PlacesConfig, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Folders in which files lie while others still write them.

    A file counts as finished when it has not changed for ``settle_seconds``; or, with ``marker`` (such as ``.done``),
    when a file of its name with that ending lies beside it. ``unfinished`` are names that are never looked at.
    """

    settle_seconds: float = 5.0
    marker: str = ""
    unfinished: tuple[str, ...] = UNFINISHED
    unfinished_suffix: str = ".part"
    subfolders: bool = True

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.settle_seconds < 0:
            raise ValueError("settle_seconds cannot be negative")
        if not self.unfinished_suffix or "/" in self.unfinished_suffix:
            raise ValueError("unfinished_suffix must be an ending such as .part: the partner would take half a file")


C = TypeVar("C", bound=ChannelConfig)


def read_settings(kind: str, settings: Mapping[str, Any], config: type[C]) -> C:
    """The configuration from a table of settings. Raises ``ConfigError`` that names what is wrong."""
    try:
        return msgspec.convert(settings, config)
    except msgspec.ValidationError as error:
        raise ConfigError(f"{kind}: {error}") from error
