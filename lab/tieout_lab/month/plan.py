"""What happens in the rehearsal month: suppliers, orders, receipts and invoices, each with a story. Data, no doing.

Two entities (DE01 in euro, GB01 in pounds), 30 suppliers, about 200 invoices and credit notes. The documents are of the
month before ``today``, which is being closed; payments go out today. The same seed and day give the same month.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date, timedelta
from decimal import ROUND_DOWN, Decimal
from enum import StrEnum
from itertools import pairwise
from random import Random

from msgspec.structs import replace as replace_struct
from stdnum import iban as iban_numbers
from stdnum.iso7064 import mod_11_10

from tieout.kernel.clock import period_of
from tieout.kernel.money import Money, multiply, total
from tieout.model.documents import (
    Address,
    BankAccount,
    GoodsReceipt,
    Invoice,
    InvoiceKind,
    InvoiceLine,
    OrderLine,
    PurchaseOrder,
    ReceiptLine,
    Supplier,
)
from tieout.model.identity import supplier_id_of


class Story(StrEnum):
    """What is special about an invoice, and thereby what is expected of it."""

    CLEAN = "clean"
    SERVICE = "service billed in three parts, matched two-way"
    SMALL_VARIANCE = "price variance within tolerance"
    PRICE_ACCEPTED = "price variance, accepted by a person"
    PRICE_DISPUTED = "price variance, still disputed"
    QUANTITY_ACCEPTED = "more billed than ordered, accepted by a person"
    PARTIAL = "partial delivery"
    LOOK_ALIKE = "two equal deliveries billed on one day, cleared by a person"
    BEFORE_RECEIPT = "invoice before its receipt"
    CREDIT_NOTE = "credit note"
    DUPLICATE = "duplicate through another channel"
    UNKNOWN_SUPPLIER = "unknown supplier"
    NO_ORDER = "rent, without an order"


class Channel(StrEnum):
    """How an invoice arrives."""

    AP = "AP platform capture"
    PORTAL = "UBL over HTTP"
    FOLDER = "UBL file"


@dataclass(frozen=True, slots=True)
class PlannedInvoice:
    """An invoice with its story. ``wave`` 2 arrives after the others."""

    invoice: Invoice
    channel: Channel
    story: Story
    wave: int = 1


@dataclass(frozen=True, slots=True)
class PlannedReceipt:
    """A delivery; a late one is keyed in only after the invoices have come."""

    receipt: GoodsReceipt
    late: bool = False


@dataclass(frozen=True, slots=True)
class Month:
    """The whole month: the period that is closed, the day of the payments, and the documents."""

    first_day: date
    pay_on: date
    suppliers: tuple[Supplier, ...]
    orders: tuple[PurchaseOrder, ...]
    receipts: tuple[PlannedReceipt, ...]
    invoices: tuple[PlannedInvoice, ...]
    bank_change: Supplier
    rejected_by_bank: Supplier
    returned_by_bank: Supplier

    @property
    def period(self) -> str:
        """The accounting period, as ``2026-05``."""
        return period_of(self.first_day)


_NAMES = (
    "Alster Papier", "Brandt Werkzeuge", "Cordes Metallbau", "Deichmann Elektro", "Elbe Logistik", "Falk Kunststoffe",
    "Gerber Farben", "Hansa Büromöbel", "Iserlohner Draht", "Jansen Druckluft", "Krüger Verpackung", "Lindner Optik",
    "Moritz Messtechnik", "Nordlicht IT", "Ostsee Catering", "Petersen Hydraulik", "Quandt Filter", "Reimers Dichtung",
    "Sievers Gebäudedienste", "Thiele Antriebe", "Ashdown Paper", "Bramley Tools", "Crosby Metals", "Denham Electrical",
    "Eastgate Logistics", "Farrow Plastics", "Greenhill Paints", "Harcourt Interiors", "Ironbridge Wire",
    "Jarrow Compressors",
)  # fmt: skip
_EURO_SUPPLIERS = 20
_STORIES = (
    *[Story.SMALL_VARIANCE] * 8, *[Story.PRICE_ACCEPTED] * 4, *[Story.QUANTITY_ACCEPTED] * 4, *[Story.PARTIAL] * 10,
    *[Story.BEFORE_RECEIPT] * 8, *[Story.PRICE_DISPUTED] * 2, Story.LOOK_ALIKE,
)  # fmt: skip
#: Ordered in lots that can be cut: a service into parts that all differ, two alike into halves.
_LOTS = {Story.SERVICE: 12, Story.LOOK_ALIKE: 2}
_CLEAN = 78
_SERVICES = 20


def plan(today: date, seed: int = 2026) -> Month:
    """Draw up the month before this day."""
    first_day = (today.replace(day=1) - timedelta(days=1)).replace(day=1)
    return _Drawing(Random(seed), first_day).month(today)


class _Drawing:
    """Draws one month; everything random comes from one source."""

    def __init__(self, random: Random, first_day: date) -> None:
        self._random = random
        self._first_day = first_day
        self._orders: list[PurchaseOrder] = []
        self._receipts: list[PlannedReceipt] = []
        self._invoices: list[PlannedInvoice] = []
        self._numbers: dict[str, int] = {}
        self._suppliers = [self._supplier(number, name) for number, name in enumerate(_NAMES)]

    def month(self, today: date) -> Month:
        stories = [*_STORIES, *[Story.CLEAN] * _CLEAN, *[Story.SERVICE] * _SERVICES]
        self._random.shuffle(stories)
        for number, story in enumerate(stories):
            # what stays disputed belongs to the first entity, so that the second one can be ready at the end
            supplier = self._suppliers[0 if story is Story.PRICE_DISPUTED else number % len(self._suppliers)]
            self._with_order(supplier, story)
        self._credit_notes(6)
        self._rents(6)
        self._duplicates(8)
        self._unknown_suppliers(2)
        for number in (3, 7, 24):
            self._received_not_invoiced(self._suppliers[number])
        return Month(
            self._first_day,
            today,
            tuple(self._suppliers),
            tuple(self._orders),
            tuple(self._receipts),
            tuple(self._invoices),
            bank_change=self._suppliers[4],
            rejected_by_bank=self._suppliers[9],
            returned_by_bank=self._suppliers[22],
        )

    # ── suppliers ───────────────────────────────────────────────────────────────────────────────────────────────

    def _supplier(self, number: int, name: str) -> Supplier:
        euro = number < _EURO_SUPPLIERS
        tax_id = _german_vat(number) if euro else _british_vat(number)
        legal_name = f"{name} {'GmbH' if euro else 'Ltd'}"
        address = (
            Address(
                street=f"Industriestraße {number + 1}", postal_code=f"{20000 + number}", town="Hamburg", country="DE"
            )
            if euro
            else Address(street=f"{number + 1} Dock Road", postal_code=f"L{number} 1AA", town="Liverpool", country="GB")
        )
        return Supplier(
            supplier_id=supplier_id_of(tax_id),
            name=legal_name,
            tax_id=tax_id,
            address=address,
            bank_account=BankAccount(
                iban=_iban(number, euro=euro), holder=legal_name, currency="EUR" if euro else "GBP"
            ),
            email=f"billing@{name.split()[0].lower()}.example",
        )

    def _entity(self, supplier: Supplier) -> tuple[str, str, Decimal]:
        """Whom a supplier delivers to: entity, currency, VAT rate."""
        return ("DE01", "EUR", Decimal(19)) if supplier.tax_id.startswith("DE") else ("GB01", "GBP", Decimal(20))

    def _number(self, kind: str, start: int = 1) -> int:
        self._numbers[kind] = self._numbers.get(kind, start - 1) + 1
        return self._numbers[kind]

    # ── documents ───────────────────────────────────────────────────────────────────────────────────────────────

    def _with_order(self, supplier: Supplier, story: Story) -> None:
        order = self._order(supplier, receipt_required=story is not Story.SERVICE, lot=_LOTS.get(story, 1))
        self._orders.append(order)
        if story is Story.SERVICE:
            for quantities in _parts(order, Decimal("0.2"), Decimal("0.5")):
                self._bill(supplier, order, quantities, story)
            return
        if story is Story.PARTIAL:
            for quantities in _parts(order, Decimal("0.4")):
                self._receive(order, quantities)
                self._bill(supplier, order, quantities, story)
            return
        if story is Story.LOOK_ALIKE:
            self._two_alike(supplier, order)
            return
        full = {line.line_id: line.quantity for line in order.lines}
        self._receive(order, full, late=story is Story.BEFORE_RECEIPT)
        self._bill(supplier, order, full, story)

    def _two_alike(self, supplier: Supplier, order: PurchaseOrder) -> None:
        """The same quantity is delivered twice and billed on one day: only its number tells the second invoice from the
        first."""
        for quantities in _parts(order, Decimal("0.5")):
            self._receive(order, quantities)
            self._bill(supplier, order, quantities, Story.LOOK_ALIKE, day=17)

    def _order(self, supplier: Supplier, *, receipt_required: bool = True, lot: int = 1) -> PurchaseOrder:
        """Quantities are whole lots."""
        entity, currency, rate = self._entity(supplier)
        lines = tuple(
            OrderLine(
                line_id=str(number * 10),
                item=f"ART-{self._random.randint(1000, 9999)}",
                quantity=Decimal(-(-self._random.randint(4, 120) // lot) * lot),
                unit="C62",
                unit_price=Decimal(self._random.randint(250, 48_000)) / 100,
                description=self._random.choice(("Profile", "Cartons", "Filters", "Paint", "Cables", "Paper", "Seals")),
                tax_rate=rate,
                receipt_required=receipt_required,
            )
            for number in range(1, self._random.randint(2, 4))
        )
        return PurchaseOrder(
            order_id=f"45{self._number('order'):08d}",
            entity=entity,
            supplier_id=supplier.supplier_id,
            currency=currency,
            ordered_on=self._first_day + timedelta(days=self._random.randint(0, 7)),
            lines=lines,
        )

    def _receive(self, order: PurchaseOrder, quantities: dict[str, Decimal], *, late: bool = False) -> None:
        lines = tuple(ReceiptLine(order_line_id=line, quantity=quantity) for line, quantity in quantities.items())
        receipt = GoodsReceipt(
            receipt_id=f"GR-{self._number('receipt'):06d}",
            order_id=order.order_id,
            entity=order.entity,
            supplier_id=order.supplier_id,
            received_on=order.ordered_on + timedelta(days=self._random.randint(3, 9)),
            lines=lines,
        )
        self._receipts.append(PlannedReceipt(receipt, late))

    def _bill(
        self, supplier: Supplier, order: PurchaseOrder, quantities: dict[str, Decimal], story: Story, day: int = 0
    ) -> None:
        lines = []
        for number, line in enumerate(order.lines):
            price, quantity = line.unit_price, quantities[line.line_id]
            if number == 0:
                price, quantity = _with_variance(story, price, quantity)
            lines.append(_line(str(number + 1), line, price, quantity, order))
        self._send(supplier, order.entity, order.currency, tuple(lines), story, day)

    def _send(
        self, supplier: Supplier, entity: str, currency: str, lines: tuple[InvoiceLine, ...], story: Story, day: int = 0
    ) -> PlannedInvoice:
        """``day``: on which day of the month it is issued, counted from 0; by chance unless it is given."""
        issued = self._first_day + timedelta(days=day or self._random.randint(11, 24))
        invoice = _invoice(
            supplier, entity, currency, lines, f"{issued:%y}-{self._number(supplier.tax_id, 1000):05d}", issued
        )
        channel = self._random.choice((Channel.AP, Channel.AP, Channel.PORTAL, Channel.FOLDER))
        planned = PlannedInvoice(invoice, channel, story)
        self._invoices.append(planned)
        return planned

    def _credit_notes(self, count: int) -> None:
        """Part of what was billed is credited; the goods stay."""
        credited = [one for one in self._invoices if one.story is Story.CLEAN][:count]
        for one in credited:
            first = one.invoice.lines[0]
            quantity = max(Decimal(1), (first.quantity / 4).to_integral_value())
            net = Money.rounded(multiply(quantity, first.unit_price), one.invoice.currency)
            line = InvoiceLine(
                line_id="1",
                quantity=quantity,
                unit=first.unit,
                unit_price=first.unit_price,
                net=net,
                description=f"Credit: {first.description}",
                tax_rate=first.tax_rate,
                order_id=first.order_id,
                order_line_id=first.order_line_id,
            )
            supplier = self._by_id(one.invoice.supplier_id)
            note = _invoice(
                supplier,
                one.invoice.entity,
                one.invoice.currency,
                (line,),
                f"CN-{one.invoice.number}",
                one.invoice.issued_on + timedelta(days=2),
                kind=InvoiceKind.CREDIT_NOTE,
                credits_number=one.invoice.number,
            )
            self._invoices.append(PlannedInvoice(note, Channel.PORTAL, Story.CREDIT_NOTE, wave=2))

    def _rents(self, count: int) -> None:
        for number in range(count):
            supplier = self._suppliers[18 if number % 2 else 27]
            entity, currency, rate = self._entity(supplier)
            price = Decimal(1850 + 25 * number)
            line = InvoiceLine(
                line_id="1",
                quantity=Decimal(1),
                unit="C62",
                unit_price=price,
                net=Money.of(price, currency),
                description="Rent",
                tax_rate=rate,
            )
            self._send(supplier, entity, currency, (line,), Story.NO_ORDER)

    def _duplicates(self, count: int) -> None:
        """The same paper comes in again through another channel, its number written a little differently."""
        others = {Channel.AP: Channel.PORTAL, Channel.PORTAL: Channel.AP, Channel.FOLDER: Channel.AP}
        for one in [one for one in self._invoices if one.story is Story.CLEAN][-count:]:
            again = replace_invoice(one.invoice, number=one.invoice.number.replace("-", " "))
            self._invoices.append(PlannedInvoice(again, others[one.channel], Story.DUPLICATE, wave=2))

    def _unknown_suppliers(self, count: int) -> None:
        for number in range(count):
            stranger = self._supplier(15 + number, f"Unbekannt {number + 1}")
            tax_id = _german_vat(900 + number)
            stranger = Supplier(
                supplier_id=supplier_id_of(tax_id), name=stranger.name, tax_id=tax_id, address=stranger.address
            )
            price = Decimal(480 + number)
            line = InvoiceLine(
                line_id="1",
                quantity=Decimal(1),
                unit="C62",
                unit_price=price,
                net=Money.of(price, "EUR"),
                description="Consulting",
                tax_rate=Decimal(19),
            )
            planned = self._send(stranger, "DE01", "EUR", (line,), Story.UNKNOWN_SUPPLIER)
            self._invoices[-1] = replace(planned, channel=Channel.PORTAL)

    def _received_not_invoiced(self, supplier: Supplier) -> None:
        order = self._order(supplier)
        self._orders.append(order)
        self._receive(order, {line.line_id: line.quantity for line in order.lines})

    def _by_id(self, supplier_id: str) -> Supplier:
        return next(supplier for supplier in self._suppliers if supplier.supplier_id == supplier_id)


def _parts(order: PurchaseOrder, *cuts: Decimal) -> list[dict[str, Decimal]]:
    """The quantities of an order, cut at these shares of each line into parts of whole pieces."""
    ends = [
        {line.line_id: (line.quantity * cut).to_integral_value(ROUND_DOWN) for line in order.lines}
        for cut in (Decimal(0), *cuts, Decimal(1))
    ]
    return [{line: end[line] - start[line] for line in end} for start, end in pairwise(ends)]


def _with_variance(story: Story, price: Decimal, quantity: Decimal) -> tuple[Decimal, Decimal]:
    match story:
        case Story.SMALL_VARIANCE:
            return (price * Decimal("1.01")).quantize(Decimal("0.01")), quantity
        case Story.PRICE_ACCEPTED | Story.PRICE_DISPUTED:
            return (price * Decimal("1.08")).quantize(Decimal("0.01")), quantity
        case Story.QUANTITY_ACCEPTED:
            return price, quantity + 1
        case _:
            return price, quantity


def _line(line_id: str, line: OrderLine, price: Decimal, quantity: Decimal, order: PurchaseOrder) -> InvoiceLine:
    return InvoiceLine(
        line_id=line_id,
        quantity=quantity,
        unit=line.unit,
        unit_price=price,
        net=Money.rounded(multiply(quantity, price), order.currency),
        description=line.description,
        tax_rate=line.tax_rate,
        order_id=order.order_id,
        order_line_id=line.line_id,
    )


def _invoice(
    supplier: Supplier,
    entity: str,
    currency: str,
    lines: tuple[InvoiceLine, ...],
    number: str,
    issued: date,
    *,
    kind: InvoiceKind = InvoiceKind.INVOICE,
    credits_number: str = "",
) -> Invoice:
    net = total((line.net for line in lines), currency)
    rate = lines[0].tax_rate
    tax = Money.rounded(multiply(net.amount, rate) / 100, currency)
    return Invoice(
        kind=kind,
        number=number,
        entity=entity,
        supplier_id=supplier.supplier_id,
        supplier_tax_id=supplier.tax_id,
        supplier_name=supplier.name,
        currency=currency,
        issued_on=issued,
        due_on=issued + timedelta(days=30),
        lines=lines,
        net=net,
        tax=tax,
        gross=net + tax,
        credits_number=credits_number,
    )


def replace_invoice(invoice: Invoice, **changes: str) -> Invoice:
    """The same invoice with some fields changed."""
    return replace_struct(invoice, **changes)


NEVER_POSTED = frozenset({Story.DUPLICATE, Story.UNKNOWN_SUPPLIER, Story.PRICE_DISPUTED})
"""Stories whose invoices are not in the ERP at the end."""


def expected_posts(month: Month) -> Iterator[PlannedInvoice]:
    """The invoices that must be in the ERP at the end, each exactly once."""
    return (one for one in month.invoices if one.story not in NEVER_POSTED)


def _german_vat(number: int) -> str:
    digits = f"{81000000 + number * 1237}"
    return f"DE{digits}{mod_11_10.calc_check_digit(digits)}"


def _british_vat(number: int) -> str:
    digits = f"{9800000 + number * 1117:07d}"
    weighted = sum(int(digit) * weight for digit, weight in zip(digits, range(8, 1, -1), strict=True))
    return f"GB{digits}{97 - weighted % 97:02d}"


def _iban(number: int, *, euro: bool) -> str:
    account = f"37040044{532013100 + number * 7:010d}" if euro else f"NWBK601613{31926900 + number * 7:08d}"
    country = "DE" if euro else "GB"
    return f"{country}{iban_numbers.calc_check_digits(f'{country}00{account}')}{account}"


def spare_iban() -> str:
    """An account that no supplier has yet, in euro."""
    return _iban(4711, euro=True)
