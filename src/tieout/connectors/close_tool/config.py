"""What a user must say to connect a close tool."""

from collections.abc import Mapping
from typing import Any

import msgspec
from msgspec import Struct, field

from tieout.kernel.errors import ConfigError

#: What must not block a period for a checkpoint to be proven, as patterns over the names of blockers.
CHECKPOINTS: dict[str, tuple[str, ...]] = {
    "invoices_posted": ("*unposted", "*unsynced", "*unknown_effect", "stale.ap*", "stale.erp*"),
    "bank_tied_out": ("*statement_gap", "*unmatched_entry", "stale.bank*", "tie_out.*bank*", "tie_out.*cash*"),
    "ap_tied_out": ("tie_out.*", "stale.ap*", "stale.erp*"),
}


class CloseConfig(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One close tool.

    ``client_secret`` is a reference (``env:NAME``, ``file:PATH``). ``required_sources`` are the systems that must have
    been heard of lately for a period to be ready. ``checkpoints`` maps the tool's checkpoints to patterns over the
    names of blockers: a checkpoint is proven when nothing that blocks the period matches.
    """

    url: str
    client_id: str
    client_secret: str
    required_sources: tuple[str, ...] = ()
    checkpoints: dict[str, tuple[str, ...]] = field(default_factory=CHECKPOINTS.copy)
    entities: dict[str, str] = {}
    page_size: int = 200
    timeout_seconds: float = 20.0
    #: How long a call may go on in the tool after its answer was lost.
    landing_seconds: float = 5.0

    def __post_init__(self) -> None:
        if not self.url.startswith(("http://", "https://")):
            raise ValueError(f"url must be an http or https address, not {self.url!r}")
        if not 1 <= self.page_size <= 500:
            raise ValueError("page_size must lie between 1 and 500")
        if len(set(self.entities.values())) != len(self.entities):
            raise ValueError("entities must map each name of the tool to an entity of its own")

    def entity_here(self, theirs: str) -> str:
        """Our name of an entity of theirs."""
        return self.entities.get(theirs, theirs)

    def entity_there(self, ours: str) -> str:
        """Their name of an entity of ours."""
        return next((theirs for theirs, name in self.entities.items() if name == ours), ours)


def read_config(settings: Mapping[str, Any]) -> CloseConfig:
    """The configuration from a table of settings. Raises ``ConfigError`` that names what is wrong."""
    try:
        return msgspec.convert(settings, CloseConfig)
    except msgspec.ValidationError as error:
        raise ConfigError(f"close_tool: {error}") from error
