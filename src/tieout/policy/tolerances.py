"""Tolerance limits: how far an invoice may differ from its order and receipts. Blank is not zero."""

from decimal import Decimal
from typing import Literal

from msgspec import Struct

LimitKind = Literal["off", "zero", "value", "unlimited"]


class Limit(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A tolerance limit. Blank is not zero: ``off`` means the check is not made, ``zero`` that no variance is
    allowed, ``value`` that the given percent and/or amount are (both must hold), ``unlimited`` that any is."""

    kind: LimitKind = "zero"
    percent: Decimal | None = None
    amount: Decimal | None = None


class Tolerances(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The limits of one tolerance set. All are one-sided: only over-billing fails."""

    dialect: str = "generic"
    price: Limit = Limit()
    quantity_ordered: Limit = Limit()
    quantity_received: Limit = Limit()
    amount: Limit = Limit(kind="off")
