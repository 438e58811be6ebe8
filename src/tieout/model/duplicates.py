"""What the search for duplicates finds: an invoice that may be the same claim, and what a person teaches about it."""

from datetime import date
from typing import Literal

from msgspec import Struct

Layer = Literal["exact", "number_less", "three_of_four", "near", "cross_entity", "cross_supplier"]
LAYERS: tuple[Layer, ...] = ("exact", "number_less", "three_of_four", "near", "cross_entity", "cross_supplier")
Ruling = Literal["block", "suspect", "none"]


class Criterion(Struct, frozen=True, kw_only=True):
    """One thing that was compared: what it says in words, the points it gives, and both values."""

    name: str
    words: str
    points: int
    mine: str
    other: str


class Candidate(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A known invoice that may be the same claim: ``block`` stops, ``suspect`` asks a person, ``none`` does neither.

    ``score`` is of 100. ``explained`` says why a pair that looks alike is not asked about. ``printed`` is the number of
    the known invoice as on paper, ``days`` how many days the two are apart.
    """

    invoice_id: str
    printed: str
    score: int
    layer: Layer
    verdict: Ruling
    criteria: tuple[Criterion, ...]
    days: int = 0
    explained: str = ""

    @property
    def reason(self) -> str:
        """What speaks for it, in words."""
        return ", ".join(one.words for one in self.criteria if one.points > 0 or one.name == "channel")


class Lookalike(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a person has taught: this amount of this supplier comes again in this entity every ``interval_days`` (0: on
    the same day). It counts up to and including ``until``."""

    entity: str
    supplier_id: str
    currency: str
    amount_minor: int
    interval_days: int
    until: date
