"""What matching knows of an order: each line with what was received and billed so far, all deliveries together."""

from decimal import Decimal

from msgspec import Struct


class LinePosition(Struct, frozen=True, omit_defaults=True):
    """Where one order line stands. ``unit_price`` is in major units of the order's currency."""

    ordered: Decimal
    unit: str
    unit_price: Decimal
    receipt_required: bool = True
    received: Decimal = Decimal(0)
    billed: Decimal = Decimal(0)


class OrderPosition(Struct, frozen=True):
    """Where an order stands."""

    order_id: str
    supplier_id: str
    currency: str
    lines: dict[str, LinePosition]
