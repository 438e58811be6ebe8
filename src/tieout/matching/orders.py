"""What matching knows of an order: each line with what was received and billed so far, all deliveries together."""

from datetime import date
from decimal import Decimal

from msgspec import Struct

from tieout.model.documents import LineKind, OrderCharge, UnitFactor


class ReceiptPosition(Struct, frozen=True, omit_defaults=True, gc=False):
    """What came with one receipt of an order line and how much of that has been billed, in the order line's unit.
    ``credited``: as on its line. ``received_on``: nothing while it is billed, or sent back, before it came."""

    received: Decimal
    billed: Decimal = Decimal(0)
    credited: Decimal = Decimal(0)
    received_on: date | None = None


class LinePosition(Struct, frozen=True, omit_defaults=True, gc=False):
    """Where one order line stands. ``unit_price`` is in major units of the order's currency, per ``price_per`` units.

    Quantities are in the order line's unit. ``received`` is what may be owed for: goods that came less those sent back,
    for a consignment what was withdrawn, for a drop shipment what was proved delivered. ``accepted`` passed inspection.
    ``*_minor`` are net amounts in minor units of the order's currency: of a service, ``received_minor`` was accepted.
    ``receipts``, oldest first, are kept for lines that are matched to their receipts. ``settled_on_receipt``: we bill
    ourselves; it falls away when a supplier's invoice is accepted. ``tax_rate`` is a percentage, nothing when the order
    does not say; ``deliver_on`` the day that was agreed. ``retained_minor`` is withheld so far. ``category`` is what is
    bought, by its code in a classification. ``credited`` is what a credit note gave back of the very invoice that is
    looked at, so that what is billed beside it may be below nothing. ``renamed_unit`` is what the order
    names now, where it is another than ``unit``, which stays the one that is counted in.
    """

    ordered: Decimal
    unit: str
    unit_price: Decimal
    receipt_required: bool = True
    received: Decimal = Decimal(0)
    billed: Decimal = Decimal(0)
    item: str = ""
    description: str = ""
    price_per: Decimal = Decimal(1)
    units: tuple[UnitFactor, ...] = ()
    kind: LineKind = "goods"
    limit_minor: int | None = None
    valid_from: date | None = None
    valid_until: date | None = None
    acceptance_required: bool = False
    matched_to_receipt: bool = False
    accepted: Decimal = Decimal(0)
    received_minor: int = 0
    billed_minor: int = 0
    receipts: dict[str, ReceiptPosition] = {}
    estimated: bool = False
    settled_on_receipt: bool = False
    closed: bool = False
    retainage_percent: Decimal = Decimal(0)
    retained_minor: int = 0
    tax_rate: Decimal | None = None
    deliver_on: date | None = None
    category: str = ""
    credited: Decimal = Decimal(0)
    credited_minor: int = 0
    renamed_unit: str = ""

    @property
    def by_amount(self) -> bool:
        """Whether it is ordered, accepted and billed by its amount; then no quantities and no prices are compared."""
        return self.kind in ("service", "blanket")


class OrderPosition(Struct, frozen=True, omit_defaults=True, gc=False):
    """Where an order stands. ``charges`` are the delivery costs and other conditions that were agreed with it, and
    ``charged_minor`` what was billed of each so far, by its id. ``prepaid_minor`` was asked for in advance. Its planned
    rate: ``conversion_rate`` units of ``converted_to`` (empty: the entity's own currency) for ``conversion_per`` of its
    currency's."""

    order_id: str
    supplier_id: str
    currency: str
    lines: dict[str, LinePosition]
    charges: tuple[OrderCharge, ...] = ()
    charged_minor: dict[str, int] = {}
    conversion_rate: Decimal | None = None
    conversion_per: Decimal = Decimal(1)
    converted_to: str = ""
    prepaid_minor: int = 0


def oldest_first(receipts: dict[str, ReceiptPosition]) -> dict[str, ReceiptPosition]:
    """By the day they came and their number, in whichever order we heard of them; those that have not come yet last."""
    return dict(sorted(receipts.items(), key=lambda one: (one[1].received_on or date.max, one[0])))
