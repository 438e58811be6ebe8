"""Canonical business documents. Frozen; amounts exact; every id a text. JSON Schema comes out of these types.

Amounts of credit notes are positive, as on paper; ``Invoice.sign`` says which way they count.
"""

from datetime import date, datetime
from decimal import Context, Decimal, Rounded
from enum import StrEnum
from typing import Literal, dataclass_transform

import msgspec
from msgspec import Struct

from tieout.kernel.money import Money
from tieout.kernel.problem import Problem

#: A number of more digits does not go through it unrounded.
_at_most_28_digits = Context(prec=28, traps=[Rounded]).plus


def _exact(name: str, value: Decimal) -> None:
    """Refuse what is no plain number. Every line that is read passes here several times, so it must be quick."""
    try:
        if _at_most_28_digits(value).is_finite() and -28 <= value.adjusted() <= 28:
            return
    except Rounded:
        pass
    raise ValueError(f"{name} must be a plain decimal number of at most 28 digits, not {value}")


def _some(name: str, value: Decimal) -> None:
    """An exact number above zero, since something is divided by it."""
    _exact(name, value)
    if value <= 0:
        raise ValueError(f"{name} must be more than zero, not {value}")


@dataclass_transform(frozen_default=True, kw_only_default=True, field_specifiers=(msgspec.field,))
class Document(Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """Root of all canonical documents."""


class Address(Document):
    """A postal address. Town and country are mandatory in payments since November 2026 (CBPR+ structured address)."""

    street: str = ""
    postal_code: str = ""
    town: str = ""
    country: str = ""


class BankAccount(Document):
    """Where somebody is paid: an IBAN, or where there are none a ``number`` at a bank named by its ``clearing`` code.

    ``clearing`` is an ISO 20022 clearing system code with the member's number, such as ``USABA021000021`` (ABA routing
    number) or ``GBDSC200415`` (sort code). ``kind``: ``checking`` or ``savings``, which US payments must say.
    """

    iban: str
    holder: str
    bic: str = ""
    currency: str = ""
    number: str = ""
    clearing: str = ""
    kind: str = ""

    @property
    def account_id(self) -> str:
        """The name of the account: its IBAN, or its bank and number."""
        return self.iban or f"{self.clearing}/{self.number}"


class Supplier(Document):
    """A supplier as the whole group knows it. ``supplier_id`` is derived from the tax registration."""

    supplier_id: str
    name: str
    tax_id: str
    address: Address = Address()
    bank_account: BankAccount | None = None
    payment_terms_days: int = 30
    email: str = ""
    parent_id: str = ""
    settled_on_receipt: bool = False


class UnitFactor(Document):
    """What ``per`` of a ``unit`` (UN/ECE Recommendation 20 code) come to in the unit of the order line: a box of 12 is
    12; where boxes are ordered, 12 pieces are 1."""

    unit: str
    factor: Decimal
    per: Decimal = Decimal(1)

    def __post_init__(self) -> None:
        _exact("factor", self.factor)
        _exact("per", self.per)


class OrderCharge(Document):
    """Delivery costs or another condition that was agreed with the order: a charge, or an allowance below nothing."""

    charge_id: str
    kind: Literal["freight", "charge", "allowance"]
    amount: Money
    description: str = ""


LineKind = Literal["goods", "service", "blanket", "consignment", "drop_shipment"]


class OrderLine(Document):
    """One line of a purchase order. ``unit_price`` is in major units of the order's currency, per ``price_per`` units
    (the price unit: 5.00 per 100). ``units``: others that may be billed or delivered, with the order's own factors.

    ``kind``: a ``service`` is ordered by its amount (``limit``) and accepted, not counted; a ``blanket`` line may be
    billed up to ``limit`` from ``valid_from`` until ``valid_until``; goods in ``consignment`` are owed when they are
    withdrawn; a ``drop_shipment`` is received by proof of delivery. Without ``receipt_required`` it is matched with the
    order alone (two-way), with ``acceptance_required`` also with what passed inspection (four-way). ``matched_to``
    ``receipt``: an invoice line bills the receipt it names, or the oldest that are open. ``deliver_on``: the day that
    was agreed. ``estimated``: the price is not agreed yet. ``settled_on_receipt``: we bill ourselves for what came
    (evaluated receipt settlement). ``closed``: nothing more is billed. ``retainage_percent`` is withheld until the
    work is accepted. ``category``: what is bought, by its code in a classification (``UNSPSC:43211503``).
    """

    line_id: str
    item: str
    quantity: Decimal
    unit: str
    unit_price: Decimal
    description: str = ""
    tax_rate: Decimal = Decimal(0)
    receipt_required: bool = True
    price_per: Decimal = Decimal(1)
    units: tuple[UnitFactor, ...] = ()
    kind: LineKind = "goods"
    limit: Money | None = None
    valid_from: date | None = None
    valid_until: date | None = None
    acceptance_required: bool = False
    matched_to: Literal["order", "receipt"] = "order"
    estimated: bool = False
    tax_code: str = ""
    settled_on_receipt: bool = False
    closed: bool = False
    retainage_percent: Decimal = Decimal(0)
    deliver_on: date | None = None
    category: str = ""

    def __post_init__(self) -> None:
        _exact("quantity", self.quantity)
        _exact("unit_price", self.unit_price)
        _exact("tax_rate", self.tax_rate)
        _exact("retainage_percent", self.retainage_percent)
        _some("price_per", self.price_per)


class PurchaseOrder(Document):
    """What was ordered. ``order_id`` is the number both sides print on paper. ``charges`` are conditions of the whole
    order. The rate that was planned: ``conversion_rate`` units of the currency ``converted_to`` (the entity's own where
    it is empty) for ``conversion_per`` units of the order's currency."""

    order_id: str
    entity: str
    supplier_id: str
    currency: str
    ordered_on: date
    lines: tuple[OrderLine, ...]
    charges: tuple[OrderCharge, ...] = ()
    payment_terms_days: int | None = None
    conversion_rate: Decimal | None = None
    conversion_per: Decimal = Decimal(1)
    converted_to: str = ""

    def __post_init__(self) -> None:
        _exact("conversion_rate", self.conversion_rate or Decimal(0))
        _some("conversion_per", self.conversion_per)


class ReceiptLine(Document):
    """Goods that came through the door against one order line; negative for goods sent back. ``unit`` is the order
    line's when it is empty. A service has an ``amount`` instead of a quantity."""

    order_line_id: str
    quantity: Decimal
    unit: str = ""
    amount: Money | None = None

    def __post_init__(self) -> None:
        _exact("quantity", self.quantity)


ReceiptKind = Literal["receipt", "inspection", "withdrawal", "delivery", "return"]


class GoodsReceipt(Document):
    """A delivery. Quantities are of this delivery, not cumulative.

    ``kind``: an ``inspection`` says how much of what came is accepted, a ``withdrawal`` how much was taken from a
    consignment, a ``delivery`` proves that a drop shipment reached the customer. A ``return`` (its quantities are
    negative) expects a credit note; ``returns`` is the receipt whose goods go back.
    """

    receipt_id: str
    order_id: str
    entity: str
    supplier_id: str
    received_on: date
    lines: tuple[ReceiptLine, ...]
    kind: ReceiptKind = "receipt"
    returns: str = ""


class ResponseLine(Document):
    """What the supplier answers to one order line: ``accepted``, ``changed`` (then what it offers) or ``rejected``."""

    order_line_id: str
    status: str
    quantity: Decimal | None = None
    unit: str = ""
    unit_price: Decimal | None = None
    promised_on: date | None = None
    note: str = ""

    def __post_init__(self) -> None:
        _exact("quantity", self.quantity or Decimal(0))
        _exact("unit_price", self.unit_price or Decimal(0))


class OrderResponse(Document):
    """The supplier's answer to an order (X12 855 and 865, ORDRSP, UBL order response, cXML confirmation).

    ``status`` of the whole: ``accepted``, ``changed``, ``rejected`` or ``received`` (read, not yet decided).
    """

    response_id: str
    order_id: str
    entity: str
    supplier_id: str
    responded_on: date | None
    status: str
    lines: tuple[ResponseLine, ...] = ()
    note: str = ""


class OrderChange(Document):
    """The buyer's change of an order (X12 860). ``lines`` are new or stand as they are from now on; ``deleted`` are
    the ids of lines that fall away. ``cancelled``: the whole order does."""

    change_id: str
    order_id: str
    entity: str
    supplier_id: str
    changed_on: date | None
    lines: tuple[OrderLine, ...] = ()
    deleted: tuple[str, ...] = ()
    cancelled: bool = False


class DespatchLine(Document):
    """Goods on their way against one order line."""

    order_line_id: str
    quantity: Decimal
    unit: str = ""
    item: str = ""

    def __post_init__(self) -> None:
        _exact("quantity", self.quantity)


class DespatchAdvice(Document):
    """The supplier says that goods of one order have left (X12 856, DESADV, UBL despatch advice, cXML ship notice).

    It announces; only a receipt opens capacity for billing.
    """

    despatch_id: str
    order_id: str
    entity: str
    supplier_id: str
    despatched_on: date | None
    lines: tuple[DespatchLine, ...]
    expected_on: date | None = None
    carrier_reference: str = ""


class InvoiceKind(StrEnum):
    """What a supplier's document asks for."""

    INVOICE = "invoice"
    CREDIT_NOTE = "credit_note"


class InvoiceLine(Document):
    """One line of a supplier invoice. ``tax_rate`` is a percentage (19 for 19 %). ``unit_price`` is for ``price_per``
    units. ``kind`` says what the line asks money for; ``retainage`` is withheld by agreement and below nothing.
    ``receipt_id`` is the receipt (delivery note) it bills, where it names one. ``category``: what is bought, by its
    code in a classification (``UNSPSC:43211503``)."""

    line_id: str
    quantity: Decimal
    unit: str
    unit_price: Decimal
    net: Money
    description: str = ""
    tax_rate: Decimal = Decimal(0)
    order_id: str = ""
    order_line_id: str = ""
    item: str = ""
    price_per: Decimal = Decimal(1)
    kind: Literal["item", "freight", "charge", "allowance", "retainage"] = "item"
    receipt_id: str = ""
    category: str = ""

    def __post_init__(self) -> None:
        _exact("quantity", self.quantity)
        _exact("unit_price", self.unit_price)
        _exact("tax_rate", self.tax_rate)
        _some("price_per", self.price_per)


class CashDiscount(Document):
    """What may be taken off when the invoice is paid by a day; of ``percent``, where the document says it so."""

    until: date
    amount: Money
    percent: Decimal | None = None


class Invoice(Document):
    """A supplier invoice or credit note as the supplier sent it.

    ``supplier_id`` is derived from ``supplier_tax_id``; ``document`` is the SHA-256 of the original bytes. A part of
    ``gross`` may be ``prepaid`` already (EN 16931 BT-113) or ``withheld`` by us for the state (Italian ritenuta, split
    payment); ``rounding`` (BT-114) is added. What is left is to be paid. All have the sign they have on paper.
    ``collected``: the supplier gets the money without our doing, by direct debit or card (BT-81).

    ``purpose``: a ``prepayment`` asks for money before goods and is set off later; ``value_only`` changes the value of
    what was billed before, not its quantity (a subsequent debit or credit); ``retainage_release`` asks for what was
    withheld; ``self_billed`` was written by us for the supplier. ``payee_account`` is where the document asks to be
    paid (BT-84): an IBAN or another account number.

    Where the document states a rate into our own currency: ``conversion_rate`` units of the currency ``converted_to``
    (the entity's own where it is empty) for ``conversion_per`` units of the invoice's currency. A rate that is quoted
    the other way round, 1 EUR for 1.1 USD, so stays exact.
    """

    kind: InvoiceKind
    number: str
    entity: str
    supplier_id: str
    supplier_tax_id: str
    supplier_name: str
    currency: str
    issued_on: date
    due_on: date
    lines: tuple[InvoiceLine, ...]
    net: Money
    tax: Money
    gross: Money
    credits_number: str = ""
    document: str = ""
    prepaid: Money | None = None
    withheld: Money | None = None
    rounding: Money | None = None
    collected: bool = False
    purpose: Literal["", "prepayment", "value_only", "retainage_release", "self_billed"] = ""
    payee_account: str = ""
    conversion_rate: Decimal | None = None
    discounts: tuple[CashDiscount, ...] = ()
    conversion_per: Decimal = Decimal(1)
    converted_to: str = ""

    def __post_init__(self) -> None:
        _exact("conversion_rate", self.conversion_rate or Decimal(0))
        _some("conversion_per", self.conversion_per)

    @property
    def sign(self) -> int:
        """+1 when it raises what we owe, -1 when it lowers it."""
        return -1 if self.kind is InvoiceKind.CREDIT_NOTE else 1

    @property
    def payable(self) -> Money:
        """What it adds to the liability: the gross amount less what is prepaid or withheld; negative for a credit
        note."""
        minor = self.gross.minor
        minor -= self.prepaid.minor if self.prepaid else 0
        minor -= self.withheld.minor if self.withheld else 0
        minor += self.rounding.minor if self.rounding else 0
        return Money(self.sign * minor, self.gross.currency)


class RemittanceLine(Document):
    """What a payment settles of one document: ``paid`` of ``gross``, less ``deducted`` (a discount, a deduction).

    Amounts of credit notes that were taken off are negative."""

    number: str
    paid: Money
    gross: Money | None = None
    deducted: Money | None = None
    issued_on: date | None = None


class RemittanceAdvice(Document):
    """Which documents a payment settles (X12 820, REMADV). Its lines sum to its amount.

    ``payer`` and ``payee`` are names or ids as the document has them.
    """

    advice_id: str
    payer: str
    payee: str
    paid_on: date | None
    amount: Money
    reference: str = ""
    lines: tuple[RemittanceLine, ...] = ()


class Posting(Document):
    """What the ERP *holds* after a posting, read back from it: never what we sent. ``holds``: the ERP's own names of
    the holds it placed, empty when it placed none; nothing where the ERP does not tell."""

    number: str
    posted_on: date
    period: str
    gross: Money
    tax: Money | None = None
    holds: tuple[str, ...] | None = None


class Payment(Document):
    """One payment of one invoice. ``payment_id`` is also its EndToEndId at the bank."""

    payment_id: str
    run_id: str
    invoice_id: str
    entity: str
    supplier_id: str
    amount: Money
    creditor: BankAccount
    remittance: str
    creditor_address: Address = Address()
    invoices: tuple[RemittanceLine, ...] = ()


class PaymentRun(Document):
    """A batch of payments of one entity from one bank account on one day."""

    run_id: str
    entity: str
    debtor: BankAccount
    execute_on: date
    payments: tuple[Payment, ...]
    currency: str


class StatementEntry(Document):
    """One line of a bank statement. ``amount`` is signed: money out is negative."""

    entry_id: str
    amount: Money
    booked_on: date
    value_on: date | None = None
    status: str = "BOOK"
    end_to_end_id: str = ""
    bank_reference: str = ""
    counterparty: str = ""
    counterparty_iban: str = ""
    remittance: str = ""
    return_reason: str = ""
    type_code: str = ""


class BankStatement(Document):
    """A booked account statement (camt.053, MT940, BAI2, CFONB 120, AEB 43): opening + entries = closing, or it is not
    accepted.

    ``iban`` is the account as the bank names it: an IBAN, or another number where there is none. A very long statement
    comes in pages, each of which opens with what the one before it closed with. The ``type_code`` of an entry is the
    bank's own word for what it is, with its code list in front: ``ISO PMNT/RCDT/ESCT``, ``BAI 475``, ``GVC 116``.
    """

    statement_id: str
    iban: str
    currency: str
    opening: Money
    closing: Money
    opened_on: date
    closed_on: date
    entries: tuple[StatementEntry, ...]


class PaymentReturn(Document):
    """A bank sent a payment back and says why (an ACH return, a pacs.004). ``payment_ref`` is what we wrote into the
    payment for ourselves, ``original_trace`` what the network called it."""

    return_id: str
    payment_ref: str
    amount: Money
    reason_code: str
    reason: str = ""
    returned_on: date | None = None
    original_trace: str = ""
    counterparty: str = ""


class ChangeNotice(Document):
    """A bank says that a payee's details were wrong or will be (an ACH notification of change). It starts a bank
    change that people confirm; it never changes anything by itself. ``account`` has what the bank says it should be."""

    notice_id: str
    payment_ref: str
    change_code: str
    account: BankAccount
    meaning: str = ""
    original_trace: str = ""


class CancellationAnswer(Document):
    """A bank's answer to our request to cancel a payment (camt.029). ``status`` is its ISO code: ``CNCL`` cancelled,
    ``RJCR`` refused, ``PDCR`` pending, or what the bank wrote."""

    answer_id: str
    case_reference: str
    original_message_id: str
    payment_ref: str
    status: str
    reason: str = ""


class EnvelopePart(Document):
    """One message of an interchange (an X12 transaction set, an EDIFACT message) and whether we took it.

    ``kind`` is its type (``810``, ``INVOIC``), ``version`` the rest of its name (``D:96A:UN``). Not ``accepted``: it
    was refused by itself, and ``problems`` say why.
    """

    kind: str
    control: str
    version: str = ""
    group: str = ""
    accepted: bool = True
    problems: tuple[Problem, ...] = ()
    offset: int = 0


class EnvelopeGroup(Document):
    """One functional group of an interchange: X12 ``GS`` to ``GE``, or EDIFACT ``UNG`` to ``UNE``."""

    kind: str
    control: str
    version: str = ""
    declared: int = 0
    counted: int = 0
    sender: str = ""
    receiver: str = ""
    problems: tuple[Problem, ...] = ()


class Interchange(Document):
    """The envelope of an EDI file: who sent it to whom under which control number, and what was in it.

    ``standard`` is ``x12`` or ``edifact``. ``problems`` refuse the whole interchange. An acknowledgment (997, 999,
    CONTRL) goes back for each one, unless it holds nothing but acknowledgments.
    """

    standard: str
    sender: str
    receiver: str
    control: str
    prepared_on: date | None = None
    version: str = ""
    test: bool = False
    wants_acknowledgment: bool = False
    groups: tuple[EnvelopeGroup, ...] = ()
    parts: tuple[EnvelopePart, ...] = ()
    problems: tuple[Problem, ...] = ()
    sender_qualifier: str = ""
    receiver_qualifier: str = ""

    @property
    def accepted(self) -> bool:
        """Whether anything of it was taken."""
        return not self.problems and any(part.accepted for part in self.parts)


class Acknowledgment(Document):
    """A partner's answer to something we sent: 997, 999, TA1, CONTRL, a Peppol message level response.

    ``status``: ``accepted``, ``noted`` (accepted, with errors), ``partly`` or ``rejected``. Empty control numbers mean
    the whole level above: only ``interchange`` set speaks of the interchange.
    """

    kind: str
    sender: str
    receiver: str
    status: str
    interchange: str = ""
    group: str = ""
    control: str = ""
    message_kind: str = ""
    problems: tuple[Problem, ...] = ()


class BusinessResponse(Document):
    """What a partner's business thinks of a document we sent, or what we tell a supplier about theirs (X12 824, Peppol
    invoice message response, a cXML status). ``status`` is a UNCL 4343 code: ``AB`` received, ``IP`` in process, ``UQ``
    under query, ``CA`` conditionally accepted, ``RE`` rejected, ``AP`` accepted, ``PD`` paid."""

    response_id: str
    about_kind: str
    about_number: str
    status: str
    sender: str = ""
    receiver: str = ""
    responded_on: date | None = None
    reasons: tuple[str, ...] = ()
    note: str = ""


class JournalLine(Document):
    """One side of a journal entry: positive debits, negative credits, against a named account."""

    account: str
    amount: Money
    text: str = ""
    cost_centre: str = ""
    tax_code: str = ""


class JournalEntry(Document):
    """A journal entry for the general ledger; its lines sum to zero."""

    journal_id: str
    entity: str
    posted_on: date
    text: str
    lines: tuple[JournalLine, ...]
    reverses: str = ""


class CloseTask(Document):
    """A step of the period close that a person or a system must finish."""

    task_id: str
    entity: str
    period: str
    name: str
    done: bool
    owner: str = ""


class Total(Document):
    """A control total: how many items, what sum, and an order-independent hash of the set of items.

    Two systems agree on a scope exactly when count, sum and set-hash agree. The balance of an account has no items to
    count (``is_balance``); it is compared by its sum.
    """

    count: int
    sum_minor: int
    currency: str
    set_hash: int = 0
    is_balance: bool = False
    as_of: datetime | None = None
