"""Read a policy from TOML. Strict: an unknown key, a limit that says nothing, a name that leads nowhere are errors
that name the file, the line, the key, its value and what was expected. Numbers with a point are exact decimals."""

from collections.abc import Iterator

import msgspec
from msgspec import Struct

from tieout.kernel.errors import ConfigError
from tieout.kernel.money import is_currency
from tieout.policy import routing
from tieout.policy.controls import control_complaints
from tieout.policy.dialect import DIALECTS
from tieout.policy.duplicates import duplicate_complaints
from tieout.policy.files import Fault, Table, written
from tieout.policy.identifiers import iban_problems
from tieout.policy.levels import GROUP, Origins, inheritance_faults, inherited, level_faults
from tieout.policy.policy import EntityPolicy, Policy
from tieout.policy.shape import shown, table_faults
from tieout.policy.tolerances import Limit, Tolerances

_WINDOW_MAX = 25
_NEXT = "Correct it and load the policy again."


class PolicyError(ConfigError):
    """A text that is no policy, with everything that is wrong in it."""

    def __init__(self, faults: tuple[Fault, ...]) -> None:
        told = "; ".join(map(str, faults))
        super().__init__(f"policy: {told}{'' if told.endswith('?') else '.'} {_NEXT}")
        self.faults = faults


class Loaded(Struct, frozen=True):
    """A policy with its text, the tables as they were written, and the level that each key of an entity comes from."""

    policy: Policy
    text: str
    tables: Table
    origins: dict[str, Origins]


def load_policy(text: str) -> Policy:
    """The policy in a TOML text. Raises :class:`PolicyError` with the place of everything that is wrong."""
    return load(text).policy


def load(text: str) -> Loaded:
    """The policy in a TOML text, with where each setting comes from. Raises :class:`PolicyError`."""
    said = written(text)
    faults = said.faults or tuple(_shape_faults(said.tables))
    if faults:
        raise PolicyError(tuple(fault if fault.file else said.located(fault) for fault in faults))
    entities = inherited(said.tables)
    faults = tuple(inheritance_faults(entities))
    if not faults:
        tables = {key: value for key, value in said.tables.items() if key not in (GROUP, "regions")}
        policy = msgspec.convert({**tables, "entities": {name: one.table for name, one in entities.items()}}, Policy)
        faults = tuple(_complaints(policy))
    if faults:
        raise PolicyError(tuple(map(said.located, faults)))
    return Loaded(policy, text, said.tables, {name: one.origins for name, one in entities.items()})


def _shape_faults(tables: dict[str, object]) -> Iterator[Fault]:
    plain = {key: value for key, value in tables.items() if key not in (GROUP, "regions", "entities")}
    yield from table_faults(Policy, plain, "", more=(GROUP, "regions"))
    for name in ("regions", "entities"):
        if not isinstance(tables.get(name, {}), dict):
            yield Fault(key=name, value=shown(tables[name]), expected=f"must be tables, [{name}.<name>]")
    yield from level_faults(tables)


# ── what the types cannot say ──────────────────────────────────────────────────────────────────────────────────────


def _complaints(policy: Policy) -> Iterator[Fault]:
    if "default" not in policy.tolerances:
        yield Fault(key="tolerances", expected='the set named "default" is missing')
    for name, entity in policy.entities.items():
        yield from _entity_complaints(f"entities.{name}", entity, policy)
    yield from _limit_complaints("", policy)
    for complaint in (
        *duplicate_complaints(policy.duplicates),
        *control_complaints(policy.controls, policy.entities, policy.identities),
        *routing.complaints(policy.desk),
    ):
        key, _, told = complaint.partition(": ")
        yield Fault(key=key, expected=told)
    if policy.bank_change_confirmations < 1:
        told = "at least 1 person must confirm a bank change"
        yield Fault(key="bank_change_confirmations", value=str(policy.bank_change_confirmations), expected=told)
    if not 0 <= policy.close_window_days <= _WINDOW_MAX:
        told = f"must be from 0 to {_WINDOW_MAX} days"
        yield Fault(key="close_window_days", value=str(policy.close_window_days), expected=told)
    if policy.signal_age_minutes_max < 1:
        told = "must be at least 1 minute"
        yield Fault(key="signal_age_minutes_max", value=str(policy.signal_age_minutes_max), expected=told)
    if policy.approval_days < 0:
        yield Fault(key="approval_days", value=str(policy.approval_days), expected="must be zero or more")


def _entity_complaints(place: str, entity: EntityPolicy, policy: Policy) -> Iterator[Fault]:
    if isinstance(entity.tolerances, str) and entity.tolerances not in policy.tolerances:
        told = f"there is no set of that name; sets of this policy: {', '.join(sorted(policy.tolerances))}"
        yield Fault(key=f"{place}.tolerances", value=shown(entity.tolerances), expected=told)
    if not is_currency(entity.currency):
        told = "is not an ISO 4217 code such as EUR"
        yield Fault(key=f"{place}.currency", value=shown(entity.currency), expected=told)
    if entity.iban and tuple(iban_problems(entity.iban)):
        yield Fault(key=f"{place}.iban", value=shown(entity.iban), expected="is not a valid IBAN; check its digits")


def _limit_complaints(place: str, value: object) -> Iterator[Fault]:
    """Every limit anywhere in the policy, and the dialect that reads it."""
    if isinstance(value, Limit):
        yield from _one_limit(place, value)
    elif isinstance(value, Struct):
        if isinstance(value, Tolerances) and value.dialect not in DIALECTS:
            told = f"there is no such dialect; there are {', '.join(DIALECTS)}"
            yield Fault(key=f"{place}.dialect", value=shown(value.dialect), expected=told)
        for field in msgspec.structs.fields(value):
            name = f"{place}.{field.name}" if place else field.name
            yield from _limit_complaints(name, getattr(value, field.name))
    elif isinstance(value, dict):
        for key, one in value.items():
            yield from _limit_complaints(f"{place}.{key}", one)


def _one_limit(place: str, limit: Limit) -> Iterator[Fault]:
    given = [value for value in (limit.percent, limit.amount) if value is not None]
    if limit.kind == "value" and not given:
        told = 'kind "value" needs a percent, an amount, or both; for no variance say kind "zero"'
        yield Fault(key=place, expected=told)
    if limit.kind != "value" and given:
        yield Fault(key=place, expected=f'kind "{limit.kind}" takes neither percent nor amount; say kind "value"')
    if any(not value.is_finite() or value < 0 for value in given):
        yield Fault(key=place, expected="percent and amount must be plain numbers of zero or more")
