"""What goes over the wire of the procurement system: snake_case, order numbers ``4500000001``, receipts ``GR-000001``.

Units are UN/ECE Recommendation 20 codes; prices are per ``price_unit`` units (1, 100, 1000), as buyers negotiate them.
"""

from typing import Literal

from msgspec import Raw

from tieout_lab.wire import CurrencyCode, Day, DecimalText, Name, Natural, Wire


class Vendor(Wire, kw_only=True):
    """A vendor to hold. ``external_ref`` is the caller's own id."""

    name: Name
    tax_id: str = ""
    street: str = ""
    postal_code: str = ""
    town: str = ""
    country: str = ""
    email: str = ""
    terms_days: int = 30
    iban: str = ""
    bic: str = ""
    account_holder: str = ""
    inactive: bool = False


class HeldVendor(Vendor, kw_only=True):
    """A vendor as we hold it."""

    vendor_no: str
    external_ref: str
    version: int
    changed_by: str
    changed_at: str


class VendorRef(Wire, kw_only=True):
    """The vendor of an order: by its number here, or by tax id."""

    vendor_no: str = ""
    tax_id: str = ""
    name: str = ""
    external_ref: str = ""


class OrderLine(Wire, kw_only=True):
    """One order line. ``commodity_code`` says what kind of thing it is, in the words of ``commodity_scheme``."""

    line_no: str
    item: str
    quantity: DecimalText
    unit: str
    price: DecimalText
    price_unit: DecimalText = "1"
    text: str = ""
    tax_rate: DecimalText = "0"
    receipt_required: bool = True
    cost_centre: str = ""
    commodity_scheme: str = ""
    commodity_code: str = ""


class Order(Wire, kw_only=True):
    """An order to place. Without a ``po_number`` it gets the next one. ``exchange_rate``: what one unit of its currency
    comes to in the company's own, where the buyer fixed it (0: nobody did)."""

    company: Name
    vendor: VendorRef
    currency: CurrencyCode
    ordered_on: Day
    lines: tuple[OrderLine, ...]
    po_number: str = ""
    buyer: str = ""
    exchange_rate: DecimalText = "0"
    status: Literal["open", "closed", "cancelled"] = "open"


class HeldOrder(Order, kw_only=True):
    """An order as we hold it."""

    revision: int
    changed_at: str


class ReceiptLine(Wire, kw_only=True):
    """Goods against one order line; negative for goods sent back."""

    po_line: str
    quantity: DecimalText


class Receipt(Wire, kw_only=True):
    """Goods that came in. ``held``: the warehouse has them, but keys them in only when told to (late receipts)."""

    po_number: Name
    received_on: Day
    lines: tuple[ReceiptLine, ...]
    receipt_no: str = ""
    delivery_note: str = ""
    held: bool = False


class HeldReceipt(Receipt, kw_only=True):
    """A receipt as we hold it, with what an outside reader needs to know of its order."""

    company: str
    vendor: VendorRef
    entered_at: str = ""


class Item(Wire, kw_only=True):
    """One change."""

    seq: int
    kind: Literal["vendor", "purchase_order", "goods_receipt"]
    number: str
    changed_at: str
    document: Raw


class Items(Wire, kw_only=True):
    """A page of changes."""

    rows: tuple[Item, ...]
    last_seq: int
    has_more: bool


class Total(Wire, kw_only=True):
    """Count and value of the orders, or of the receipts at order prices, of a company and currency."""

    kind: Literal["purchase_order", "goods_receipt"]
    company: str
    currency: str
    count: int
    value_minor: int


class Totals(Wire, kw_only=True):
    """All totals at one moment."""

    rows: tuple[Total, ...]
    as_of: str


class Released(Wire, kw_only=True):
    """Receipts that were held and are now keyed in."""

    receipt_nos: tuple[str, ...]
    still_held: Natural
