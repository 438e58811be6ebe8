"""What a European invoice says, whatever it is written in: the semantic model of EN 16931-1.

Readers of UBL, CII, Factur-X and others fill it in; the rules and the canonical invoice look only at this. Every
field names its business term (``BT-n``) or group (``BG-n``). A text that is not there is empty; a number, day or group
that is not there is ``None``, since "nothing" and "0.00" are different answers to several rules.

Amounts are plain decimals in ``currency`` (BT-5), with the digits they were written with. ``where`` says where a group
stands in the document, for problems: ``InvoiceLine, line 40``.
"""

from datetime import date
from decimal import Decimal
from typing import dataclass_transform

import msgspec
from msgspec import Struct

from tieout.formats.exchange_rate import Quote

#: The standard whose rules of presence and form are applied; others (FatturaPA, a scan) have their own.
EN_16931 = "EN 16931"


@dataclass_transform(frozen_default=True, kw_only_default=True, field_specifiers=(msgspec.field,))
class Group(Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """Root of all groups of business terms."""


class Identifier(Group):
    """An identifier and the scheme it belongs to (an ISO 6523 or EAS code, ``SEPA``, …), which may be empty."""

    value: str
    scheme: str = ""
    version: str = ""
    "of the scheme, where it has several (BT-158-2)"


class PostalAddress(Group):
    """BG-5, BG-8, BG-12 or BG-15. The numbers are those of the seller's address."""

    street: str = ""
    "BT-35"
    street_more: str = ""
    "BT-36, and BT-162 after a comma"
    town: str = ""
    "BT-37"
    postal_code: str = ""
    "BT-38"
    subdivision: str = ""
    "BT-39"
    country: str = ""
    "BT-40, an ISO 3166-1 code of two letters"


class Contact(Group):
    """BG-6 or BG-9. The numbers are those of the seller's contact."""

    name: str = ""
    "BT-41"
    phone: str = ""
    "BT-42"
    email: str = ""
    "BT-43"


class Party(Group):
    """BG-4 seller, BG-7 buyer, BG-10 payee or BG-11 tax representative. The numbers are those of the seller."""

    name: str = ""
    "BT-27, the legal name"
    trading_name: str = ""
    "BT-28"
    identifiers: tuple[Identifier, ...] = ()
    "BT-29"
    legal_id: Identifier | None = None
    "BT-30, the legal registration"
    vat_id: str = ""
    "BT-31"
    tax_id: str = ""
    "BT-32, another tax registration"
    legal_note: str = ""
    "BT-33"
    endpoint: Identifier | None = None
    "BT-34, the electronic address"
    address: PostalAddress | None = None
    "BG-5"
    contact: Contact | None = None
    "BG-6"
    where: str = ""


class Period(Group):
    """BG-14 of the invoice, or BG-26 of a line."""

    start: date | None = None
    "BT-73 or BT-134"
    end: date | None = None
    "BT-74 or BT-135"
    where: str = ""


class Delivery(Group):
    """BG-13."""

    name: str = ""
    "BT-70"
    location: Identifier | None = None
    "BT-71"
    delivered_on: date | None = None
    "BT-72, the actual delivery"
    address: PostalAddress | None = None
    "BG-15"
    where: str = ""


class CreditTransfer(Group):
    """BG-17, an account to pay into."""

    account: str = ""
    "BT-84, an IBAN or another account number"
    holder: str = ""
    "BT-85"
    bic: str = ""
    "BT-86"


class Payment(Group):
    """BG-16, one way to pay."""

    means_code: str = ""
    "BT-81, UNTDID 4461"
    means: str = ""
    "BT-82"
    remittance: str = ""
    "BT-83, what to write into the payment"
    transfers: tuple[CreditTransfer, ...] = ()
    "BG-17"
    card_number: str = ""
    "BT-87"
    mandate: str = ""
    "BT-89, of a direct debit"
    creditor_id: str = ""
    "BT-90"
    debited_account: str = ""
    "BT-91"
    where: str = ""


class Reference(Group):
    """BG-3, a preceding invoice; or BG-24, a supporting document (its name only)."""

    number: str = ""
    "BT-25 or BT-122"
    issued_on: date | None = None
    "BT-26"
    name: str = ""
    "BT-123, or the file name of BT-125"
    where: str = ""


class Tax(Group):
    """A VAT category with its rate and why no VAT is charged."""

    category: str = ""
    "BT-95, 102, 118 or 151, UNTDID 5305"
    rate: Decimal | None = None
    "BT-96, 103, 119 or 152, a percentage"
    exemption: str = ""
    "BT-120"
    exemption_code: str = ""
    "BT-121"


class AllowanceCharge(Group):
    """BG-20 or BG-21 of the invoice, BG-27 or BG-28 of a line. The numbers are those of BG-20."""

    is_charge: bool
    amount: Decimal | None = None
    "BT-92"
    base: Decimal | None = None
    "BT-93"
    percent: Decimal | None = None
    "BT-94"
    tax: Tax | None = None
    "BT-95 and 96"
    reason: str = ""
    "BT-97"
    reason_code: str = ""
    "BT-98"
    where: str = ""


class Totals(Group):
    """BG-22."""

    lines: Decimal | None = None
    "BT-106, the sum of line net amounts"
    allowances: Decimal | None = None
    "BT-107"
    charges: Decimal | None = None
    "BT-108"
    net: Decimal | None = None
    "BT-109, without VAT"
    tax: Decimal | None = None
    "BT-110, VAT in the invoice currency"
    tax_other: Decimal | None = None
    "BT-111, the same in the accounting currency (BT-6)"
    gross: Decimal | None = None
    "BT-112, with VAT"
    prepaid: Decimal | None = None
    "BT-113"
    rounding: Decimal | None = None
    "BT-114"
    payable: Decimal | None = None
    "BT-115, what is due"
    where: str = ""


class TaxPart(Group):
    """BG-23, one VAT category of the breakdown."""

    taxable: Decimal | None = None
    "BT-116"
    amount: Decimal | None = None
    "BT-117"
    tax: Tax = Tax()
    "BT-118 to 121"
    where: str = ""


class Line(Group):
    """BG-25, with BG-26 to BG-32."""

    line_id: str = ""
    "BT-126"
    note: str = ""
    "BT-127"
    quantity: Decimal | None = None
    "BT-129"
    unit: str = ""
    "BT-130, UN/ECE Recommendation 20 or 21"
    net: Decimal | None = None
    "BT-131"
    order_id: str = ""
    "the order of this line, where the syntax has a place for it (EN 16931 has none)"
    order_line_id: str = ""
    "BT-132"
    receipt_id: str = ""
    "the delivery this line bills, where the syntax has a place for it (EN 16931 has none)"
    accounting: str = ""
    "BT-133"
    period: Period | None = None
    "BG-26"
    allowances_charges: tuple[AllowanceCharge, ...] = ()
    "BG-27 and BG-28"
    price: Decimal | None = None
    "BT-146, the net price"
    price_discount: Decimal | None = None
    "BT-147"
    price_gross: Decimal | None = None
    "BT-148"
    base_quantity: Decimal | None = None
    "BT-149, what the price is for"
    base_unit: str = ""
    "BT-150"
    tax: Tax | None = None
    "BT-151 and 152"
    name: str = ""
    "BT-153"
    description: str = ""
    "BT-154"
    seller_item: str = ""
    "BT-155"
    buyer_item: str = ""
    "BT-156"
    standard_item: Identifier | None = None
    "BT-157"
    classifications: tuple[Identifier, ...] = ()
    "BT-158"
    origin: str = ""
    "BT-159"
    attributes: tuple[tuple[str, str], ...] = ()
    "BG-32: BT-160 and BT-161"
    where: str = ""


class SemanticInvoice(Group):
    """One invoice or credit note."""

    number: str = ""
    "BT-1"
    issued_on: date | None = None
    "BT-2"
    type_code: str = ""
    "BT-3, UNTDID 1001"
    is_credit_note: bool = False
    "whether the kind of document itself says credit note (the root of UBL), beside BT-3"
    currency: str = ""
    "BT-5"
    tax_currency: str = ""
    "BT-6"
    tax_point: date | None = None
    "BT-7"
    tax_point_code: str = ""
    "BT-8"
    due_on: date | None = None
    "BT-9"
    buyer_reference: str = ""
    "BT-10"
    project: str = ""
    "BT-11"
    contract: str = ""
    "BT-12"
    order: str = ""
    "BT-13, the purchase order"
    sales_order: str = ""
    "BT-14"
    receiving_advice: str = ""
    "BT-15"
    despatch_advice: str = ""
    "BT-16"
    tender: str = ""
    "BT-17"
    accounting: str = ""
    "BT-19"
    payment_terms: str = ""
    "BT-20"
    notes: tuple[str, ...] = ()
    "BG-1"
    process: str = ""
    "BT-23"
    profile: str = ""
    "BT-24, the specification it follows"
    preceding: tuple[Reference, ...] = ()
    "BG-3"
    seller: Party = Party()
    "BG-4"
    buyer: Party = Party()
    "BG-7"
    payee: Party | None = None
    "BG-10"
    tax_representative: Party | None = None
    "BG-11"
    delivery: Delivery | None = None
    "BG-13"
    period: Period | None = None
    "BG-14"
    payments: tuple[Payment, ...] = ()
    "BG-16"
    allowances_charges: tuple[AllowanceCharge, ...] = ()
    "BG-20 and BG-21"
    totals: Totals = Totals()
    "BG-22"
    taxes: tuple[TaxPart, ...] = ()
    "BG-23"
    attachments: tuple[Reference, ...] = ()
    "BG-24"
    lines: tuple[Line, ...] = ()
    "BG-25"
    rates: tuple[Quote, ...] = ()
    "exchange rates, the best first, where the syntax has a place for them (EN 16931 has none)"
    standard: str = EN_16931
    "whose rules apply: those of EN 16931 on presence and form are left out for other standards"
    where: str = ""
