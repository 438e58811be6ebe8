"""What a user must say to connect a procurement system."""

from collections.abc import Mapping
from typing import Any

import msgspec
from msgspec import Struct

from tieout.kernel.errors import ConfigError


class ProcurementConfig(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One procurement system.

    ``api_key`` is a reference (``env:NAME``, ``file:PATH``). ``companies`` maps its companies to our legal entities,
    where they differ.
    """

    url: str
    api_key: str
    companies: dict[str, str] = {}
    page_size: int = 200
    timeout_seconds: float = 20.0
    #: How long a call may go on in the system after its answer was lost.
    landing_seconds: float = 5.0

    def __post_init__(self) -> None:
        if not self.url.startswith(("http://", "https://")):
            raise ValueError(f"url must be an http or https address, not {self.url!r}")
        if not 1 <= self.page_size <= 200:
            raise ValueError("page_size must lie between 1 and 200")
        if len(set(self.companies.values())) != len(self.companies):
            raise ValueError("companies must map each company to an entity of its own")

    def entity_of(self, company: str) -> str:
        """Our legal entity."""
        return self.companies.get(company, company)

    def company_of(self, entity: str) -> str:
        """Their company."""
        return next((company for company, name in self.companies.items() if name == entity), entity)


def read_config(settings: Mapping[str, Any]) -> ProcurementConfig:
    """The configuration from a table of settings. Raises ``ConfigError`` that names what is wrong."""
    try:
        return msgspec.convert(settings, ProcurementConfig)
    except msgspec.ValidationError as error:
        raise ConfigError(f"procurement: {error}") from error
