"""Read a policy from TOML. Strict: an unknown key, a limit that says nothing, a name that leads nowhere are errors
that name the key. Numbers with a decimal point are exact decimals."""

import tomllib
from collections.abc import Iterator
from decimal import Decimal

import msgspec

from tieout.kernel.errors import ConfigError
from tieout.kernel.money import Money
from tieout.policy import routing
from tieout.policy.controls import control_complaints
from tieout.policy.dialect import DIALECTS
from tieout.policy.duplicates import DuplicateRules
from tieout.policy.identifiers import iban_problems
from tieout.policy.policy import Policy
from tieout.policy.tolerances import CHECKS, Limit

_NEXT = "Correct it and load the policy again."


def load_policy(text: str) -> Policy:
    """The policy in a TOML text. Raises ``ConfigError`` with the place of everything that is wrong."""
    try:
        tables = tomllib.loads(text, parse_float=Decimal)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"the policy is not TOML: {error}. {_NEXT}") from None
    except ArithmeticError:
        raise ConfigError(f"the policy holds a number that is not a plain decimal. {_NEXT}") from None
    try:
        policy = msgspec.convert(tables, Policy)
    except msgspec.ValidationError as error:
        raise ConfigError(f"policy: {_readable(str(error))}. {_NEXT}") from None
    if complaints := list(_complaints(policy)):
        raise ConfigError(f"policy: {'; '.join(complaints)}. {_NEXT}")
    return policy


def _readable(message: str) -> str:
    """``… - at `$.entities.ACME`` as ``entities.ACME: …``."""
    told, _, place = message.partition(" - at `")
    place = place.rstrip("`").removeprefix("$").removeprefix(".").replace("[...]", ".*")
    return f"{place}: {told}" if place else told


def _complaints(policy: Policy) -> Iterator[str]:
    """What the types cannot say."""
    if "default" not in policy.tolerances:
        yield 'tolerances: the set named "default" is missing'
    for name, tolerances in policy.tolerances.items():
        if tolerances.dialect not in DIALECTS:
            known = ", ".join(DIALECTS)
            yield f'tolerances.{name}.dialect: there is no dialect "{tolerances.dialect}"; there are {known}'
        for key in CHECKS:
            if limit := getattr(tolerances, key):
                yield from _limit_complaints(f"tolerances.{name}.{key}", limit)
    for name, entity in policy.entities.items():
        if entity.tolerances not in policy.tolerances:
            yield f'entities.{name}.tolerances: there is no set named "{entity.tolerances}"'
        if not _is_currency(entity.currency):
            yield f'entities.{name}.currency: "{entity.currency}" is not an ISO 4217 code such as EUR'
        if entity.iban and tuple(iban_problems(entity.iban)):
            yield f'entities.{name}.iban: "{entity.iban}" is not a valid IBAN'
    yield from _duplicate_complaints(policy.duplicates)
    yield from control_complaints(policy.controls, policy.entities)
    if policy.bank_change_confirmations < 1:
        yield "bank_change_confirmations: at least 1 person must confirm a bank change"
    if policy.signal_age_minutes_max < 1:
        yield "signal_age_minutes_max: must be at least 1"
    if policy.approval_days < 0:
        yield "approval_days: must be zero or more"
    yield from routing.complaints(policy.desk)


def _limit_complaints(place: str, limit: Limit) -> Iterator[str]:
    given = [value for value in (limit.percent, limit.amount) if value is not None]
    if limit.kind == "value" and not given:
        yield f'{place}: kind "value" needs a percent, an amount, or both; for no variance say kind "zero"'
    if limit.kind != "value" and given:
        yield f'{place}: kind "{limit.kind}" takes neither percent nor amount; say kind "value"'
    if any(not value.is_finite() or value < 0 for value in given):
        yield f"{place}: percent and amount must be plain numbers of zero or more"


def _duplicate_complaints(rules: DuplicateRules) -> Iterator[str]:
    """What would make the search for duplicates blind or endless."""
    if "exact" not in rules.layers:
        yield 'duplicates.layers: "exact" must be among them; the same number is always stopped'
    if not 1 <= rules.window_days <= 366:
        yield "duplicates.window_days: must be from 1 to 366"
    if not (rules.amount_percent.is_finite() and 0 <= rules.amount_percent <= 10):
        yield "duplicates.amount_percent: must be from 0 to 10"
    if not 0 <= rules.edit_distance <= 3:
        yield "duplicates.edit_distance: must be from 0 to 3"
    if not 50 <= rules.suspect_score <= 100:
        yield "duplicates.suspect_score: must be from 50 to 100"
    if rules.lookalike_days < 1:
        yield "duplicates.lookalike_days: must be at least 1"
    for currency, amount in rules.override_above.items():
        if not _is_currency(currency):
            yield f'duplicates.override_above: "{currency}" is not an ISO 4217 code such as EUR'
        if not amount.is_finite() or amount < 0:
            yield f"duplicates.override_above.{currency}: must be a plain amount of zero or more"


def _is_currency(text: str) -> bool:
    try:
        Money.zero(text)
    except ValueError:
        return False
    return True
