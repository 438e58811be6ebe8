"""Tolerance limits: how far an invoice may differ from its order and receipts. Blank is not zero."""

from decimal import Decimal
from typing import Literal

import msgspec
from msgspec import Struct

LimitKind = Literal["off", "zero", "value", "unlimited"]
Combine = Literal["all", "any", "each"]
Base = Literal["order", "receipt", "invoice"]
Absolute = Literal["difference", "invoice"]
Charges = Literal["refuse", "spread", "account"]
OnVariance = Literal["wait", "post_on_hold"]


class Limit(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """A tolerance limit. Blank is not zero: ``off`` means the check is not made, ``zero`` that no variance is
    allowed, ``value`` that the given percent and/or amount are, ``unlimited`` that any is.

    What is not said follows the dialect. ``combine``: a percent and an amount must ``all`` hold (the most restrictive
    counts, Ariba's *And*), it is enough that ``any`` does (Ariba's *Or*, "the greater of"), or ``each`` is a check with
    a hold of its own (Oracle). ``base``: what the percent is of, the value of the order, the receipt or the invoice.
    ``absolute``: the amount limits the ``difference``, or what the ``invoice`` says.
    """

    kind: LimitKind = "zero"
    percent: Decimal | None = None
    amount: Decimal | None = None
    combine: Combine | None = None
    base: Base | None = None
    absolute: Absolute | None = None


class Tolerances(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """The limits of one tolerance set, by the name of the check. Over and under are separate checks. A limit that is
    not given is what ``dialect`` makes of a blank one. ``unplanned_charges``: what becomes of freight and charges that
    were not agreed: a person decides (``refuse``), they are ``spread`` over the goods by value, or booked on an
    ``account`` of their own. ``on_variance``: an invoice that is outside a limit has to ``wait``, or it goes on to
    approval and is posted on hold (``post_on_hold``): the ERP owes it, and nothing pays it before the hold is released.
    """

    dialect: str = "generic"
    price: Limit | None = None
    price_under: Limit | None = None
    price_estimated: Limit | None = None
    quantity_ordered: Limit | None = None
    quantity_received: Limit | None = None
    quantity_accepted: Limit | None = None
    quantity_value: Limit | None = None
    quantity_unreceived: Limit | None = None
    amount: Limit | None = None
    amount_under: Limit | None = None
    item_amount: Limit | None = None
    amount_ordered: Limit | None = None
    amount_received: Limit | None = None
    schedule_amount: Limit | None = None
    schedule_total: Limit | None = None
    total: Limit | None = None
    total_under: Limit | None = None
    blanket_value: Limit | None = None
    blanket_time: Limit | None = None
    date_value: Limit | None = None
    freight: Limit | None = None
    unplanned: Limit | None = None
    tax: Limit | None = None
    tax_under: Limit | None = None
    conversion_rate: Limit | None = None
    unplanned_charges: Charges | None = None
    on_variance: OnVariance = "wait"


#: What a tolerance set says that is no limit.
_NO_LIMITS = frozenset({"dialect", "unplanned_charges", "on_variance"})
CHECKS = tuple(field.name for field in msgspec.structs.fields(Tolerances) if field.name not in _NO_LIMITS)
"""The names of all checks that take a limit."""
