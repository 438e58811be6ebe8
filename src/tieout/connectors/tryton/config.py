"""What a user must say to connect a Tryton database. Everything else is found by code or name."""

from collections.abc import Mapping
from typing import Any

import msgspec
from msgspec import Struct

from tieout.kernel.errors import ConfigError

#: Units as invoices and orders name them (UN/ECE recommendation 20) → the symbols of Tryton's units.
UNITS = {
    "C62": "u",
    "EA": "u",
    "H87": "u",
    "PCE": "u",
    "ST": "u",
    "KGM": "kg",
    "KG": "kg",
    "GRM": "g",
    "HUR": "h",
    "H": "h",
    "DAY": "d",
    "MTR": "m",
    "M": "m",
    "LTR": "l",
    "L": "l",
}


class TrytonConfig(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One Tryton database and the legal entities in it.

    ``password`` is a reference, ``env:NAME`` or ``file:PATH``. ``companies`` maps our entities to the names of
    Tryton's companies. ``accounts`` maps the account names that journal entries use, and ``bank_suspense`` (where
    statement entries go that explain no payment of ours), to account codes; ``GB01/expense`` is for one entity only.
    ``items`` names the item that orders of a unit take when the ERP does not know theirs; ``units`` adds to
    :data:`UNITS`.
    """

    url: str
    database: str
    user: str
    password: str
    companies: dict[str, str]
    accounts: dict[str, str] = {}
    items: dict[str, str] = {}
    units: dict[str, str] = {}
    general_journal: str = "MISC"
    #: Questions of the ERP that may be answered with yes. "Is this not the same invoice?" is never among them.
    allowed_warnings: tuple[str, ...] = ("invoice_taxes", "check_move_quantity", "cancel")
    batch_size: int = 50
    #: So many times a statement waits for payments that the ERP is still to hear of; then it is booked without them.
    statement_patience: int = 4
    #: How long a call may go on in the ERP after its answer was lost.
    landing_seconds: float = 10.0
    timeout_seconds: float = 60.0

    def __post_init__(self) -> None:
        if not self.url.startswith(("http://", "https://")):
            raise ValueError(f"url must be an http or https address, not {self.url!r}")
        if not self.companies:
            raise ValueError("companies must name at least one legal entity")
        if not 1 <= self.batch_size <= 200:
            raise ValueError("batch_size must lie between 1 and 200; 50 is a good one")


def read_config(name: str, settings: Mapping[str, Any]) -> TrytonConfig:
    """The configuration from a table of settings. Raises ``ConfigError`` that names what is wrong."""
    try:
        return msgspec.convert(settings, TrytonConfig)
    except msgspec.ValidationError as error:
        raise ConfigError(f"[connectors.{name}] {error}") from error
