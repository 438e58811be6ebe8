"""The policy a company runs on: entities, tolerances, bank-change rules, close predicates. Data with a version.

``policy.version`` is derived from the content and from that of the dialects it names, so any change of a rule is
visible on every event decided under it.
"""

from collections.abc import Iterator
from datetime import datetime
from typing import Literal

import msgspec
from msgspec import Struct

from tieout.kernel.ids import fingerprint
from tieout.policy.authorship import Authorship
from tieout.policy.controls import Control
from tieout.policy.dialect import DIGESTS
from tieout.policy.duplicates import DuplicateRules
from tieout.policy.duties import Identity
from tieout.policy.matching import MatchingRules
from tieout.policy.routing import Desk, Escalation, Routing, Substitute, Urgency
from tieout.policy.settling import SettlementRules
from tieout.policy.tolerances import Tolerances


class EntityPolicy(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One legal entity: its currency, its own bank account and the systems it works with (connector names).

    ``tax_ids``: how documents name it: VAT numbers, registrations, network addresses, EDI ids. ``accounts``: further
    bank accounts of its own whose statements come, as the banks number them. ``region``: what it does not say itself
    it takes from there, then from the group. ``tolerances``: the name of a set, or limits of its own. ``matching``: how
    far lines are looked for; without it as the policy says for everybody. ``settlement``: when it bills itself for what
    came.
    """

    name: str
    currency: str
    region: str = ""
    country: str = ""
    tax_ids: tuple[str, ...] = ()
    iban: str = ""
    bic: str = ""
    accounts: tuple[str, ...] = ()
    erp: str = "erp"
    ap: str = "ap"
    bank: str = "bank"
    close: str = "close"
    procurement: str = "procurement"
    tolerances: Tolerances | str = "default"
    matching: MatchingRules | None = None
    settlement: SettlementRules = SettlementRules()

    @property
    def systems(self) -> frozenset[str]:
        """The names of all connectors this entity works with."""
        return frozenset((self.erp, self.ap, self.bank, self.close, self.procurement))


class Partner(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A partner in EDI: the ids it goes by, the supplier it is, and how it is answered.

    ``qualifier`` says what kind of id the first of them is, ``our_id`` and ``our_qualifier`` by what id it knows us
    (X12 element I05, EDIFACT 0007). ``connector``: the channel its acknowledgments and documents go out by; without one
    none are sent.
    ``remittance``: it is told which invoices a payment settles, by this message, when the bank accepts the payment.
    ``acknowledged_within_hours``: when what we send it should be acknowledged; later is a case.
    """

    name: str
    ids: tuple[str, ...] = ()
    tax_id: str = ""
    qualifier: str = ""
    our_id: str = ""
    our_qualifier: str = ""
    connector: str = ""
    remittance: Literal["", "820", "REMADV"] = ""
    acknowledged_within_hours: int = 24


#: What suppliers and anybody else may hand in: a bank statement that comes by mail proves nothing about a bank.
_OPEN_TO_ALL = ("e-invoices", "procurement", "EDI", "archives")
#: Channels that anybody can reach, by the beginning of their names.
_ANYBODY = ("mail", "portal")


class Channel(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What may come in by one channel. ``families`` of formats are named as `tieout formats` lists them; empty: all.
    A channel whose name begins with ``mail`` or ``portal`` takes no bank files and ledgers unless it says so here.

    ``answers_per_day``: so many mails of one sender are answered in a day when something in them could not be taken in;
    0: none. ``capture_to``: the channel by which PDFs without a structured invoice go on to be captured.
    """

    families: tuple[str, ...] = ()
    answers_per_day: int = 0
    capture_to: str = ""


class Policy(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """All rules together. ``effective_from`` dates the release."""

    entities: dict[str, EntityPolicy] = {}
    partners: dict[str, Partner] = {}
    channels: dict[str, Channel] = {}
    tolerances: dict[str, Tolerances] = msgspec.field(default_factory=lambda: {"default": Tolerances()})
    matching: MatchingRules = MatchingRules()
    duplicates: DuplicateRules = DuplicateRules()
    bank_change_confirmations: int = 2
    signal_age_minutes_max: int = 60
    credit_expected_days: int = 14
    close_window_days: int = 5
    accrual_account: str = "accrued_liabilities"
    expense_account: str = "expense"
    routing: tuple[Routing, ...] = ()
    substitutes: tuple[Substitute, ...] = ()
    escalation: tuple[Escalation, ...] = ()
    urgency: Urgency = Urgency()
    approval_days: int = 5
    identities: tuple[Identity, ...] = ()
    controls: tuple[Control, ...] = ()
    effective_from: str = ""

    @property
    def version(self) -> str:
        """A short fingerprint of the whole content, and of what decides in the dialects that are named in it."""
        dialects = sorted({one.dialect for one in self._limits()} & DIGESTS.keys())
        content = msgspec.json.encode(self, order="deterministic")
        return fingerprint(content + "".join(DIGESTS[name] for name in dialects).encode())[:12]

    def _limits(self) -> Iterator[Tolerances]:
        """Every tolerance set, and those that entities have of their own."""
        yield from self.tolerances.values()
        yield from (one.tolerances for one in self.entities.values() if isinstance(one.tolerances, Tolerances))

    def tolerances_of(self, entity: str) -> Tolerances:
        """The tolerance set an entity uses. Raises ``KeyError`` when the policy names one it does not define."""
        settings = self.entities.get(entity)
        named = settings.tolerances if settings else "default"
        return self.tolerances[named] if isinstance(named, str) else named

    def matching_of(self, entity: str) -> MatchingRules:
        """How far matching looks for the order lines of an entity's invoices."""
        settings = self.entities.get(entity)
        return (settings.matching if settings else None) or self.matching

    def settlement_of(self, entity: str) -> SettlementRules:
        """When an entity bills itself for what came."""
        settings = self.entities.get(entity)
        return settings.settlement if settings else SettlementRules()

    def at(self, moment: datetime) -> "Policy":
        """The policy in force at a moment: a policy alone always is."""
        return self

    def authorship_at(self, moment: datetime) -> Authorship:
        """Who stands behind it: of a policy alone nobody is known."""
        return Authorship()

    @property
    def desk(self) -> Desk:
        """The rules that say who works which case by when."""
        return Desk(
            routing=self.routing,
            substitutes=self.substitutes,
            escalation=self.escalation,
            urgency=self.urgency,
            countries={name: entity.country for name, entity in self.entities.items()},
        )

    def channel(self, name: str) -> Channel:
        """The rules of a channel, or of the channels it is one of (``portal.<supplier>``)."""
        return self.channels.get(name) or self.channels.get(name.partition(".")[0]) or Channel()

    def admits(self, channel: str, family: str) -> bool:
        """Whether documents of this family may come by this channel."""
        settings = self.channel(channel)
        if settings.families:
            return family in settings.families
        return family in _OPEN_TO_ALL or not channel.startswith(_ANYBODY)

    @property
    def supplier_systems(self) -> tuple[str, ...]:
        """Every system that keeps supplier records: the ERPs and AP platforms of all entities."""
        return tuple(sorted({name for entity in self.entities.values() for name in (entity.erp, entity.ap)}))
