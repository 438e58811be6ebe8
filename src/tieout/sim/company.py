"""A small company's month out of a seed: what suppliers, buyers, the warehouse and thieves send, day by day.

Nothing here knows what tieout will make of it. Amounts add up on paper; what is wrong is wrong as it is in life: a
price above the order, goods that come after the invoice, the same invoice by another channel, a supplier nobody knows.
"""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from functools import cache
from random import Random

from msgspec import Struct
from msgspec.structs import replace

from tieout.engine.intake import invoice_id
from tieout.kernel.money import Money, multiply
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
from tieout.model.events import Message
from tieout.model.facts import (
    BankChangeRequested,
    GoodsReceived,
    InvoiceReceived,
    OrderPlaced,
    PeriodOpened,
    SupplierProposed,
)
from tieout.policy.load import load
from tieout.processes.address import supplier_id_of

ENTITY = "DE01"
CURRENCY = "EUR"
PERIOD = "2026-05"
MORNING = datetime(2026, 5, 4, 8, tzinfo=UTC)
DAYS = (0, 7, 14, 21)
"""The days on which something happens, counted from the first."""


def iban(bank: int, number: int) -> str:
    """A German account number with right check digits."""
    bban = f"{bank:08d}{number:010d}"
    return f"DE{98 - int(bban + '131400') % 97:02d}{bban}"


OUR_IBAN = iban(50010517, 1)
_TEXT = f"""
signal_age_minutes_max = 600

[entities.{ENTITY}]
name = "Muster GmbH"
currency = "{CURRENCY}"
country = "DE"
iban = "{OUR_IBAN}"

[tolerances.default]
"""
OURS = _TEXT + 'price = {kind = "value", percent = 2}\n'
"""The policy of most companies."""
LATER = _TEXT + 'price = {kind = "value", percent = 4}\n'
"""What some release in the middle of the month."""
SAP = (
    OURS
    + """dialect = "sap"
quantity_value = {kind = "zero"}
quantity_unreceived = {kind = "zero"}
on_variance = "post_on_hold"
"""
)
"""The policy of a company whose ERP is SAP, tells which holds it has placed, and books what is on hold."""
loaded = cache(load)
"""The policy that a text is, read once."""


class Day(Struct):
    """What arrives on one day: directly, and by way of the AP platform (invoices it scanned, under its own ids)."""

    at: datetime
    messages: list[Message]
    scanned: list[Message]


class Company:
    """The month of one seed. ``poison`` are invoices whose approval breaks a process until it is mended;
    ``next_policy`` is the text that its people want to release, if any."""

    def __init__(self, random: Random) -> None:
        self._random = random
        self.days = [Day(MORNING + timedelta(days=days), [], []) for days in DAYS]
        self.poison: set[str] = set()
        self.policy = SAP if random.random() < 0.25 else OURS
        self.next_policy = LATER if self.policy == OURS and random.random() < 0.2 else ""
        self._scans = 0
        self.suppliers = [self._supplier(number) for number in range(random.randint(2, 4))]
        twins = self._perhaps_twins()
        self._say(0, "close", "open", PeriodOpened(entity=ENTITY, period=PERIOD, required_sources=("ap", "bank")))
        for number, supplier in enumerate(self.suppliers):
            self._introduce(number, supplier)
            for order in range(random.randint(1, 2)):
                self._order(supplier, f"PO-{number + 1}{order + 1}")
        self._perhaps_change_bank()
        for day in self.days:
            random.shuffle(day.messages)
        if twins:
            self._bill_by_both()

    # ── suppliers ───────────────────────────────────────────────────────────────────────────────────────────────

    def _supplier(self, number: int) -> Supplier:
        tax_id = f"US{self._random.randint(10**7, 10**8 - 1)}{number}"
        return Supplier(
            supplier_id=supplier_id_of(tax_id),
            name=f"Supplier {number + 1} Inc.",
            tax_id=tax_id,
            address=Address(street="Main St 1", postal_code="10001", town="New York", country="US"),
            bank_account=BankAccount(iban=iban(37040044, 100 + number), holder=f"Supplier {number + 1} Inc."),
            settled_on_receipt=self._random.random() < 0.3,
        )

    def _perhaps_twins(self) -> bool:
        """Some company is known twice: two suppliers that are paid to one account."""
        if self._random.random() < 0.5:
            return False
        self.suppliers[-1] = replace(self.suppliers[-1], bank_account=self.suppliers[0].bank_account)
        return True

    def _bill_by_both(self) -> None:
        """Its invoices come under either name, at one moment: last of all on their day."""
        for number in range(4):
            day = self._random.choice((1, 2))
            one = self._without_order(self.suppliers[0], f"T-{number}", day)
            for supplier in (self.suppliers[0], self.suppliers[-1]):
                self._bill(
                    _document(InvoiceKind.INVOICE, supplier, one.number, one.issued_on, one.lines), day, "portal"
                )

    def _introduce(self, number: int, supplier: Supplier) -> None:
        """Most suppliers are known on the first day; some only after their first invoice."""
        day = 1 if number and self._random.random() < 0.25 else 0
        self._say(day, "procurement", f"supplier/{supplier.supplier_id}", SupplierProposed(supplier=supplier))
        if self._random.random() < 0.2:  # told again by another system
            self._say(day, "erp", f"supplier/{supplier.supplier_id}", SupplierProposed(supplier=supplier))

    def _perhaps_change_bank(self) -> None:
        """Somebody wants a supplier to be paid elsewhere."""
        if self._random.random() < 0.5:
            supplier = self._random.choice(self.suppliers)
            account = BankAccount(iban=iban(10000000, self._random.randint(1, 10**6)), holder=supplier.name)
            change_id = f"chg-{account.iban[-6:]}"
            data = BankChangeRequested(
                change_id=change_id, supplier_id=supplier.supplier_id, account=account, channel="mail"
            )
            self._say(self._random.choice((1, 2)), "mail", change_id, data, actor="person:vera")

    # ── orders, receipts, invoices ──────────────────────────────────────────────────────────────────────────────

    def _order(self, supplier: Supplier, order_id: str) -> None:
        lines = tuple(self._order_line(number) for number in range(self._random.randint(1, 2)))
        settled = supplier.settled_on_receipt and self._random.random() < 0.5
        if settled:
            marked = {"settled_on_receipt": True, "matched_to": "receipt", "tax_code": "S"}
            lines = tuple(replace(line, **marked) for line in lines)
        order = PurchaseOrder(
            order_id=order_id,
            entity=ENTITY,
            supplier_id=supplier.supplier_id,
            currency=CURRENCY,
            ordered_on=MORNING.date(),
            lines=lines,
        )
        self._say(0, "procurement", f"order/{order_id}", OrderPlaced(order=order))
        invoiced = self._random.choice((0, 0, 1, 1, 2))
        received = min(3, invoiced + (self._random.choice((1, 2)) if self._random.random() < 0.25 else 0))
        if self._random.random() < 0.95:
            self._receipt(order, received)
        if settled:
            return  # we bill ourselves
        self._invoices(supplier, order, invoiced)

    def _order_line(self, number: int) -> OrderLine:
        return OrderLine(
            line_id=str(number + 1),
            item=f"item-{number + 1}",
            quantity=Decimal(self._random.randint(1, 40)),
            unit="EA",
            unit_price=Decimal(self._random.randint(100, 99_999)).scaleb(-2),
        )

    def _receipt(self, order: PurchaseOrder, day: int) -> None:
        """Deliveries: all at once or in two, the second perhaps much later."""
        if self._random.random() < 0.3:
            halves = [(line.line_id, line.quantity // 2) for line in order.lines if line.quantity > 1]
            rests = [(line.line_id, line.quantity - line.quantity // 2) for line in order.lines]
            self._deliver(order, f"{order.order_id}/GR1", halves, day)
            self._deliver(order, f"{order.order_id}/GR2", rests, min(3, day + self._random.choice((0, 1))))
        else:
            self._deliver(order, f"{order.order_id}/GR1", [(line.line_id, line.quantity) for line in order.lines], day)

    def _deliver(self, order: PurchaseOrder, receipt_id: str, lines: list[tuple[str, Decimal]], day: int) -> None:
        receipt = GoodsReceipt(
            receipt_id=receipt_id,
            order_id=order.order_id,
            entity=ENTITY,
            supplier_id=order.supplier_id,
            received_on=self.days[day].at.date(),
            lines=tuple(ReceiptLine(order_line_id=line, quantity=quantity) for line, quantity in lines),
        )
        self._say(day, "warehouse", f"receipt/{receipt_id}", GoodsReceived(receipt=receipt))

    def _invoices(self, supplier: Supplier, order: PurchaseOrder, day: int) -> None:
        number = f"R-{order.order_id}"
        markup = Decimal(self._random.choice((0, 0, 0, 0, 1, 5)))
        invoice = self._invoice(supplier, order, number, day, markup)
        self._bill(invoice, day, "mail")
        if self._random.random() < 0.2:
            self._bill(invoice, min(3, day + self._random.choice((0, 1))), "portal")  # by another channel too
        if self._random.random() < 0.15:
            self._bill(self._credit(invoice, order), min(3, day + 1), "mail")
        if self._random.random() < 0.15:
            self._bill(self._without_order(supplier, f"X-{order.order_id}", day), day, "mail")

    def _invoice(self, supplier: Supplier, order: PurchaseOrder, number: str, day: int, markup: Decimal) -> Invoice:
        lines = tuple(self._line(line, order.order_id, line.quantity, markup) for line in order.lines)
        return _document(InvoiceKind.INVOICE, supplier, number, self.days[day].at.date(), lines)

    @staticmethod
    def _line(line: OrderLine, order_id: str, quantity: Decimal, markup: Decimal) -> InvoiceLine:
        price = multiply(line.unit_price, (100 + markup) / 100).quantize(Decimal("0.01"))
        return InvoiceLine(
            line_id=line.line_id,
            quantity=quantity,
            unit=line.unit,
            unit_price=price,
            net=Money.rounded(multiply(price, quantity), CURRENCY),
            tax_rate=Decimal(19),
            order_id=order_id,
            order_line_id=line.line_id,
        )

    def _credit(self, invoice: Invoice, order: PurchaseOrder) -> Invoice:
        """Some of it is given back."""
        line = order.lines[0]
        quantity = Decimal(self._random.randint(1, int(line.quantity)))
        lines = (self._line(line, order.order_id, quantity, Decimal(0)),)
        supplier = next(one for one in self.suppliers if one.supplier_id == invoice.supplier_id)
        return _document(InvoiceKind.CREDIT_NOTE, supplier, f"C-{order.order_id}", invoice.issued_on, lines)

    def _without_order(self, supplier: Supplier, number: str, day: int) -> Invoice:
        net = Money(self._random.randint(1_000, 90_000), CURRENCY)
        line = InvoiceLine(line_id="1", quantity=Decimal(1), unit="EA", unit_price=net.amount, net=net)
        return _document(InvoiceKind.INVOICE, supplier, number, self.days[day].at.date(), (line,))

    def _bill(self, invoice: Invoice, day: int, channel: str) -> None:
        """An invoice comes in; a third of them through the AP platform, which scanned it."""
        if channel == "mail" and self._random.random() < 0.3:
            self._scans += 1
            ap_id = f"scan-{self._scans:04d}"
            data = InvoiceReceived(invoice=invoice, channel="ap", system_id=ap_id)
            self.days[day].scanned.append(Message(source="ap", key=ap_id, data=data, actor="system:ap"))
            return
        key = f"{invoice.number}/{invoice.supplier_id}"
        if self._random.random() < 0.10:
            self.poison.add(invoice_id(channel, key))
        self._say(day, channel, key, InvoiceReceived(invoice=invoice, channel=channel))
        if self._random.random() < 0.1:  # sent again, word for word
            self._say(min(3, day + 1), channel, key, InvoiceReceived(invoice=invoice, channel=channel))
        if self._random.random() < 0.04:  # the key used again for something else
            other = _document(invoice.kind, self.suppliers[0], invoice.number + "-B", invoice.issued_on, invoice.lines)
            self._say(min(3, day + 1), channel, key, InvoiceReceived(invoice=other, channel=channel))

    def _say(
        self,
        day: int,
        source: str,
        key: str,
        data: SupplierProposed | OrderPlaced | GoodsReceived | InvoiceReceived | BankChangeRequested | PeriodOpened,
        actor: str = "system:mail",
    ) -> None:
        self.days[day].messages.append(Message(source=source, key=key, data=data, actor=actor))


def _document(
    kind: InvoiceKind, supplier: Supplier, number: str, issued_on: date, lines: tuple[InvoiceLine, ...]
) -> Invoice:
    """An invoice that adds up: tax per line, rounded."""
    net = sum(line.net.minor for line in lines)
    tax = sum(Money.rounded(multiply(line.net.amount, line.tax_rate) / 100, CURRENCY).minor for line in lines)
    return Invoice(
        kind=kind,
        number=number,
        entity=ENTITY,
        supplier_id=supplier.supplier_id,
        supplier_tax_id=supplier.tax_id,
        supplier_name=supplier.name,
        currency=CURRENCY,
        issued_on=issued_on,
        due_on=issued_on + timedelta(days=14),
        lines=lines,
        net=Money(net, CURRENCY),
        tax=Money(tax, CURRENCY),
        gross=Money(net + tax, CURRENCY),
    )
