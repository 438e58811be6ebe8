"""How payment files are written for each kind of bank and country, as dated data (see ``profiles.toml``)."""

import tomllib
from datetime import date
from decimal import Decimal
from importlib.resources import files
from typing import Literal

import msgspec
from msgspec import Struct

from tieout.model.documents import BankAccount


class Area(Struct, frozen=True, forbid_unknown_fields=True):
    """Countries whose accounts a service joins."""

    countries: frozenset[str]


class Clearing(Struct, frozen=True, forbid_unknown_fields=True):
    """A clearing system: what the numbers of its members and of accounts at them look like."""

    title: str
    member: str
    number: str
    check_digit: bool = False


class Service(Struct, frozen=True, forbid_unknown_fields=True):
    """One kind of payment. The fields are explained at the head of the data file."""

    level: str = ""
    instrument: str = ""
    bearer: str = ""
    currencies: tuple[str, ...] = ()
    area: str = ""
    amount_max: Decimal | None = None
    invoices_min: int = 0


class Profile(Struct, frozen=True, forbid_unknown_fields=True):
    """What a file for one kind of bank has to look like. The fields are explained at the head of the data file."""

    title: str
    versions: tuple[str, ...]
    services: tuple[str, ...]
    accounts: tuple[str, ...] = ("iban",)
    charset: Literal["latin", "swiss"] = "latin"
    name_max: int = 70
    remittance_max: int = 140
    account_kind: bool = False
    uetr: bool = True
    qr_iban: bool = False


class _File(Struct, frozen=True, forbid_unknown_fields=True):
    effective_from: date
    source: str
    areas: dict[str, Area]
    clearing: dict[str, Clearing]
    services: dict[str, Service]
    profiles: dict[str, Profile]


_DATA = msgspec.convert(tomllib.loads(files(__package__).joinpath("profiles.toml").read_text("utf-8")), _File)
EFFECTIVE_FROM = _DATA.effective_from
PROFILES = _DATA.profiles
"""Every profile by its name."""
CLEARING = _DATA.clearing
"""Clearing systems by their ISO 20022 code."""
CODE_LENGTH = 5
"""A clearing system's code comes before the member's number in :attr:`BankAccount.clearing`."""


def service_of(
    profile: Profile, currency: str, accounts: tuple[BankAccount, BankAccount], invoices: int
) -> Service | None:
    """The first service of a profile that takes a payment between two accounts."""
    for service in (_DATA.services[name] for name in profile.services):
        in_currency = not service.currencies or currency in service.currencies
        in_area = not service.area or all(_is_in(account, service.area) for account in accounts)
        if in_currency and in_area and invoices >= service.invoices_min:
            return service
    return None


def _is_in(account: BankAccount, area: str) -> bool:
    return account.iban.replace(" ", "")[:2].upper() in _DATA.areas[area].countries
