"""A company's books for looking at pages: three entities, a month of work through the real engine, much left to do.

Everything comes about as in life: messages through intake, units of work, effects delivered to the simulated systems.
Only the odd answers (a locked period, a target that loses its voice) are asked for by name.
"""

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import msgspec
from tests.web import situations

from tieout.engine.actions import Actions
from tieout.engine.config import TieOut
from tieout.engine.delivery import Delivery
from tieout.engine.dependencies import Dependencies
from tieout.engine.documents import document_reader
from tieout.engine.intake import Intake
from tieout.engine.originals import Originals
from tieout.engine.policies import Ruling
from tieout.engine.policy_desk import PolicyDesk
from tieout.engine.schedule import Schedule
from tieout.engine.stores.open import open_store, prepare
from tieout.engine.unit_of_work import UnitOfWork
from tieout.kernel.clock import VirtualClock
from tieout.kernel.ids import derive
from tieout.kernel.money import Money
from tieout.kernel.problem import Code, Problem
from tieout.model.documents import (
    Address,
    BankAccount,
    CloseTask,
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
    Fact,
    GoodsReceived,
    InvoiceReceived,
    OrderPlaced,
    PaymentsHeld,
    PeriodOpened,
    RunItem,
    RunProposed,
    RunReleaseRequested,
    SupplierProposed,
    TaskChanged,
)
from tieout.policy.dependencies import DEPENDENCIES
from tieout.policy.load import load
from tieout.ports import Effect, Manifest, Operation, Refused, Result, Scope, Unknown
from tieout.processes.address import supplier_id_of
from tieout.processes.registry import PROCESSES
from tieout.sim.company import iban
from tieout.sim.systems import ApPlatform, Bank, CloseTool, Erp, chance
from tieout.sim.target import Surroundings

PARTITIONS = 8
PERIOD = "2026-05"
ENTITIES = {
    "DE01": ("Nordlicht Maschinenbau GmbH", "EUR", "DE", iban(50010517, 4711)),
    "US01": ("Northlight Machinery Inc.", "USD", "US", iban(50010517, 4712)),
    "JP01": ("Northlight Japan KK", "JPY", "JP", iban(50010517, 4713)),
}
#: The tolerance set of each: the ERPs of America and Japan read theirs in their own way.
DIALECTS = {"DE01": "default", "US01": "fusion", "JP01": "sap"}
POLICY_TEXT = """\
# Nordlicht: who we are and what we tolerate.
signal_age_minutes_max = 600

[tolerances.default.price]
kind = "value"
percent = 2

[tolerances.fusion]
dialect = "oracle_fusion"
price = { kind = "value", percent = 3 }
quantity_ordered = { kind = "zero" }
quantity_received = { kind = "zero" }

[tolerances.sap]
dialect = "sap"
price = { kind = "value", percent = 3 }
quantity_value = { kind = "value", amount = 50000 }

[[controls]]
name = "small warehouse"
duties = ["PO", "GR"]
person = "gerd"
measure = "the controller compares his receipts with the delivery notes"
reviewer = "cora"
valid_from = 2026-01-01
valid_until = 2026-06-15
review_days = 200
""" + "".join(
    f"""
[entities.{entity}]
name = "{name}"
currency = "{currency}"
country = "{country}"
iban = "{own}"
bank = "bank-{entity[:2].lower()}"
tolerances = "{DIALECTS[entity]}"
"""
    for entity, (name, currency, country, own) in ENTITIES.items()
)
POLICY = load(POLICY_TEXT).policy
SUPPLIERS = (
    "Adler Werkzeuge AG",
    "Bergmann Logistik GmbH",
    "Castellan Steel Ltd",
    "Delgado & Hijos SL",
    "Ebbe Software ApS",
    "Farrow Industrial Supply",
    "Grünwald Energie AG",
    "Hoshino Precision KK",
    "Ionia Packaging SA",
    "Jansen Techniek BV",
    "Kowalski Transport",
    situations.SUPPLIER,
    situations.FILTERS,
    "Lumen Office Partners",
)


class HalfMute(Erp):
    """An ERP that answers some writes oddly: by the key of the effect, the results that are given one after another."""

    def __init__(self, surroundings: Surroundings) -> None:
        super().__init__(surroundings, chance(7))
        self.odd: dict[str, list[Result]] = {}
        self._ask = lambda question, document: 1.0
        self._entities: dict[str, str] = {}

    def _one(self, effect: Effect) -> Result:
        waiting = self.odd.get(effect.key)
        self._entities[effect.key] = effect.entity
        return waiting.pop(0) if waiting else super()._one(effect)

    def _items(self, scope: Scope) -> dict[str, int]:
        return {item: minor for item, minor in super()._items(scope).items() if self._entities[item] == scope.entity}


class Analytics(CloseTool):
    """A close tool that can neither be asked nor recognises a repetition: lost answers need a person."""

    def __init__(self, surroundings: Surroundings) -> None:
        super().__init__(surroundings)
        self._manifest = Manifest(system="close", title="Close tool", operations=(Operation(name="report_readiness"),))
        self.mute: set[str] = set()

    def _one(self, effect: Effect) -> Result:
        if effect.entity in self.mute:
            return Unknown(reason="the connection broke before the answer came")
        return super()._one(effect)


class OwnBank(Bank):
    """A bank with a calm day: nothing is rejected, returned or late unless it is asked for by payment or statement."""

    def __init__(self, name: str, surroundings: Surroundings, entity: str) -> None:
        self.strange: set[tuple[str, str]] = set()
        _, currency, _, own = ENTITIES[entity]
        opening = Money(2_500_000_00 if currency != "JPY" else 90_000_000, currency)
        super().__init__(
            surroundings,
            lambda question, document: 0.0 if (question, document) in self.strange else 0.99,
            iban=own,
            entity=entity,
            opening=opening,
        )
        self._name = name

    def _tell(self, *messages: Message) -> None:
        super()._tell(
            *(msgspec.structs.replace(message, source=self._name, actor=f"system:{self._name}") for message in messages)
        )


class Books:
    """The company, its systems and its people, on one database file."""

    def __init__(self, url: str, originals: Path, *, start: datetime = datetime(2026, 5, 14, 8, tzinfo=UTC)) -> None:
        self.url = url
        prepare(self.url)
        self.clock = VirtualClock(start)
        self.store = open_store(self.url)
        around = Surroundings.calm(self.clock)
        self.erp, self.ap, self.close = HalfMute(around), ApPlatform(around, chance(11)), Analytics(around)
        self.banks = {entity: OwnBank(settings.bank, around, entity) for entity, settings in POLICY.entities.items()}
        self.connectors = {
            "erp": self.erp,
            "ap": self.ap,
            "close": self.close,
            **{POLICY.entities[entity].bank: bank for entity, bank in self.banks.items()},
        }
        dependencies = Dependencies(self.store, DEPENDENCIES)
        self.delivery = Delivery(self.store, self.connectors, self.clock, owner="books", dependencies=dependencies)
        self.originals = Originals.at(originals.absolute().as_uri())
        self.intake = Intake(
            self.store,
            self.originals,
            self.clock,
            partitions=PARTITIONS,
            read_document=document_reader(POLICY),
        )
        self.schedule = Schedule(self.store, self.intake, self.connectors, POLICY, self.clock, dependencies)
        self.actions = Actions(self.store, self.intake, self.clock)
        self.policies = Ruling(self.store, lambda: load(POLICY_TEXT))
        self.desk = PolicyDesk(self.store, self.intake, self.policies, self.clock, partitions=PARTITIONS)
        self.work = UnitOfWork(
            self.store, PROCESSES, self.policies, self.clock, partitions=PARTITIONS, lane_of=self.delivery.lane_of
        )
        self.suppliers: dict[str, Supplier] = {}

    # ── what happens ────────────────────────────────────────────────────────────────────────────────────────────

    def say(self, source: str, key: str, data: Fact, actor: str = "") -> str:
        """Somebody tells a fact; returns our id of what it is about."""
        message = Message(source=source, key=key, data=data, actor=actor or f"system:{source}")
        return self.intake.offer([message])[0].subject

    def rest(self, *, pulls: bool = True) -> None:
        """Everything that can be done is done."""
        busy = True
        while busy:
            busy = bool(self.work.run(500))
            busy |= bool(self.delivery.probe())
            for lane in self.delivery.lanes():
                busy |= bool(self.delivery.send(lane))
            if pulls and not busy:
                busy = self._pull()
            self.schedule.tidy()

    def _pull(self) -> bool:
        pulled = 0
        for name, connector in self.connectors.items():
            if name != "erp" and int(self.store.cursor(name) or 0) < len(connector.feed):
                pulled += self.schedule.pull(name)
        return pulled > 0

    def pass_time(self, **by: float) -> None:
        self.clock.move(timedelta(**by))
        self.rest()

    def end_of_day(self) -> None:
        for bank in self.banks.values():
            bank.end_day()
        for name in self.connectors:
            if name != "erp":
                self.schedule.pull(name)
        self.rest()

    def compare(self) -> None:
        for entity in POLICY.entities:
            self.schedule.compare(
                entity, PERIOD, [TieOut(name="tieout-erp", left=("tieout", "payable"), right=("erp", "payable"))]
            )
        self.rest()

    # ── suppliers, orders, invoices ─────────────────────────────────────────────────────────────────────────────

    def supplier(self, name: str) -> Supplier:
        number = SUPPLIERS.index(name)
        tax_id = f"US{31415926 + number * 271828}{number}"
        supplier = Supplier(
            supplier_id=supplier_id_of(tax_id),
            name=name,
            tax_id=tax_id,
            address=Address(street="Hafenstraße 12", postal_code="20457", town="Hamburg", country="DE"),
            bank_account=BankAccount(iban=iban(37040044, 1000 + number), holder=name),
        )
        self.suppliers[name] = supplier
        self.say("procurement", f"supplier/{supplier.supplier_id}", SupplierProposed(supplier=supplier))
        return supplier

    def order(self, name: str, entity: str, order_id: str, *lines: tuple[str, int, str]) -> PurchaseOrder:
        order = PurchaseOrder(
            order_id=order_id,
            entity=entity,
            supplier_id=self.suppliers[name].supplier_id,
            currency=ENTITIES[entity][1],
            ordered_on=self.clock.now().date(),
            lines=tuple(
                OrderLine(
                    line_id=str(number),
                    item=f"item-{number}",
                    description=text,
                    quantity=Decimal(quantity),
                    unit="EA",
                    unit_price=Decimal(price),
                )
                for number, (text, quantity, price) in enumerate(lines, 1)
            ),
        )
        self.say("procurement", f"order/{order_id}", OrderPlaced(order=order))
        return order

    def receipt(self, order: PurchaseOrder) -> None:
        receipt = GoodsReceipt(
            receipt_id=f"GR-{order.order_id}",
            order_id=order.order_id,
            entity=order.entity,
            supplier_id=order.supplier_id,
            received_on=self.clock.now().date(),
            lines=tuple(ReceiptLine(order_line_id=line.line_id, quantity=line.quantity) for line in order.lines),
        )
        self.say("warehouse", f"receipt/{receipt.receipt_id}", GoodsReceived(receipt=receipt))

    def invoice(
        self,
        name: str,
        number: str,
        order: PurchaseOrder,
        *,
        markup: str = "0",
        channel: str = "mail",
        due_days: int = 14,
    ) -> str:
        """An invoice of an order, scanned by the AP platform (channel ``ap``) or by another channel."""
        lines = tuple(self._line(line, order, Decimal(markup)) for line in order.lines)
        return self.bill(name, number, order.entity, lines, channel=channel, due_days=due_days)

    @staticmethod
    def _line(line: OrderLine, order: PurchaseOrder, markup: Decimal) -> InvoiceLine:
        price = (line.unit_price * (100 + markup) / 100).quantize(Decimal("0.01"))
        return InvoiceLine(
            line_id=line.line_id,
            description=line.description,
            quantity=line.quantity,
            unit=line.unit,
            unit_price=price,
            net=Money.rounded(price * line.quantity, order.currency),
            tax_rate=Decimal(19) if order.entity == "DE01" else Decimal(0),
            order_id=order.order_id,
            order_line_id=line.line_id,
        )

    def bill(
        self,
        name: str,
        number: str,
        entity: str,
        lines: Sequence[InvoiceLine],
        *,
        channel: str,
        due_days: int = 14,
    ) -> str:
        supplier, currency, today = self.suppliers[name], ENTITIES[entity][1], self.clock.now().date()
        net = sum(line.net.minor for line in lines)
        tax = sum(Money.rounded(line.net.amount * line.tax_rate / 100, currency).minor for line in lines)
        invoice = Invoice(
            kind=InvoiceKind.INVOICE,
            number=number,
            entity=entity,
            supplier_id=supplier.supplier_id,
            supplier_tax_id=supplier.tax_id,
            supplier_name=supplier.name,
            currency=currency,
            issued_on=today,
            due_on=today + timedelta(days=due_days),
            lines=tuple(lines),
            net=Money(net, currency),
            tax=Money(tax, currency),
            gross=Money(net + tax, currency),
            document=self.intake.keep(
                number.encode(), name=f"{number}.pdf", media_type="application/pdf", channel=channel
            ),
        )
        if channel == "ap":
            key = f"scan-{number}"
            data = InvoiceReceived(invoice=invoice, channel="ap", system_id=key)
            return self.say("ap", key, data)
        return self.say(channel, f"{number}/{supplier.supplier_id}", InvoiceReceived(invoice=invoice, channel=channel))

    # ── people ──────────────────────────────────────────────────────────────────────────────────────────────────

    def propose(self, person: str, entity: str, invoice_ids: Sequence[str], execute_on: date | None = None) -> str:
        name, currency, _, own = ENTITIES[entity]
        run_id = derive("run", entity, *invoice_ids)
        rows = {row["subject"]: row for row in self.store.read_table("view_invoice", None)}
        fact = RunProposed(
            run_id=run_id,
            entity=entity,
            debtor=BankAccount(iban=own, holder=name),
            currency=currency,
            execute_on=execute_on or self.clock.now().date(),
            items=tuple(RunItem(derive("pay", run_id, one), one, rows[one]["supplier_id"]) for one in invoice_ids),
        )
        self.say("person", f"propose/{run_id}", fact, person)
        return run_id

    def release(self, person: str, run_id: str, entity: str) -> None:
        self.intake.offer(
            [
                Message(
                    source="person",
                    key=f"release/{run_id}/{person}",
                    data=RunReleaseRequested(run_id=run_id),
                    home=f"account/{ENTITIES[entity][3]}",
                    subject=run_id,
                    entity=entity,
                    actor=person,
                )
            ]
        )

    def posted(self, entity: str) -> list[str]:
        rows = sorted(self.store.read_table("view_invoice", None), key=lambda row: str(row["number"]))
        return [
            row["subject"]
            for row in rows
            if row["entity"] == entity and row["status"] == "posted" and row["payable_minor"] > 0
        ]


def month(books: Books) -> None:
    """Four weeks of May, with everything on its way somewhere."""
    for entity in ENTITIES:
        fact = PeriodOpened(entity=entity, period=PERIOD, required_sources=("ap", POLICY.entities[entity].bank))
        books.say("close", f"open/{entity}", fact)
    for name in SUPPLIERS[:-3]:
        books.supplier(name)
    situations.ordered(books)
    books.rest()
    orders = _orders(books)
    books.rest()
    for order in orders.values():
        if order.order_id not in ("PO-1007", "PO-2006"):
            books.receipt(order)
    books.pass_time(hours=2)
    _first_week(books, orders)
    _second_week(books, orders)
    _third_week(books, orders)
    _open_matters(books, orders)


def _orders(books: Books) -> dict[str, PurchaseOrder]:
    plan = [
        ("Adler Werkzeuge AG", "DE01", "PO-1001", ("Milling head", 4, "1890.00"), ("Chuck set", 6, "214.50")),
        ("Bergmann Logistik GmbH", "DE01", "PO-1002", ("Freight Q2", 1, "12840.00")),
        ("Castellan Steel Ltd", "DE01", "PO-1003", ("Steel plate 10 mm", 120, "86.40")),
        ("Delgado & Hijos SL", "DE01", "PO-1004", ("Castings", 300, "17.95")),
        ("Grünwald Energie AG", "DE01", "PO-1005", ("Electricity May", 1, "38412.77")),
        ("Jansen Techniek BV", "DE01", "PO-1006", ("Servo drive", 8, "1249.00")),
        ("Ionia Packaging SA", "DE01", "PO-1007", ("Crates", 200, "31.20")),
        ("Kowalski Transport", "DE01", "PO-1008", ("Haulage", 14, "420.00")),
        ("Ebbe Software ApS", "DE01", "PO-1009", ("CAM licences", 25, "399.00")),
        ("Farrow Industrial Supply", "US01", "PO-2001", ("Bearings", 500, "12.35")),
        ("Castellan Steel Ltd", "US01", "PO-2002", ("Bar stock", 60, "148.20")),
        ("Ebbe Software ApS", "US01", "PO-2003", ("CAM licences", 10, "455.00")),
        ("Farrow Industrial Supply", "US01", "PO-2004", ("Coolant", 40, "88.00")),
        ("Jansen Techniek BV", "US01", "PO-2005", ("Spindle", 2, "9870.00")),
        ("Farrow Industrial Supply", "US01", "PO-2006", ("Seals", 900, "3.10")),
        ("Hoshino Precision KK", "JP01", "PO-3001", ("Linear guide", 30, "18400")),
        ("Hoshino Precision KK", "JP01", "PO-3002", ("Ball screw", 12, "52000")),
    ]
    return {order_id: books.order(name, entity, order_id, *lines) for name, entity, order_id, *lines in plan}


def _first_week(books: Books, orders: dict[str, PurchaseOrder]) -> None:
    books.invoice("Adler Werkzeuge AG", "AW-26-0417", orders["PO-1001"], channel="ap", due_days=10)
    books.invoice("Bergmann Logistik GmbH", "2026-88120", orders["PO-1002"], due_days=7)
    books.invoice("Farrow Industrial Supply", "F-771204", orders["PO-2001"], channel="edi", due_days=7)
    books.invoice("Hoshino Precision KK", "HP260508", orders["PO-3001"], due_days=30)
    books.pass_time(days=1)
    runs = {entity: books.propose("person:paula", entity, books.posted(entity)) for entity in ("DE01", "US01")}
    books.pass_time(hours=3)
    for entity, run_id in runs.items():
        books.release("person:rolf", run_id, entity)
    books.pass_time(hours=2)
    books.end_of_day()
    books.pass_time(days=5)


def _second_week(books: Books, orders: dict[str, PurchaseOrder]) -> None:
    books.invoice("Castellan Steel Ltd", "CS-10551", orders["PO-1003"], channel="edi", due_days=3)
    books.invoice("Grünwald Energie AG", "GE-5-2026-11", orders["PO-1005"], channel="ap", due_days=14)
    books.invoice("Castellan Steel Ltd", "CS-10552", orders["PO-2002"], channel="edi", due_days=21)
    books.invoice("Ebbe Software ApS", "EB-900311", orders["PO-2003"], channel="portal", due_days=30)
    books.pass_time(hours=4)
    situations.billed(books)
    # The price is 4 % above the order; it takes a person.
    books.invoice("Jansen Techniek BV", "J-60077", orders["PO-1006"], markup="4", due_days=20)
    # Billed but not received.
    books.invoice("Ionia Packaging SA", "ION-3321", orders["PO-1007"], due_days=20)
    books.invoice("Farrow Industrial Supply", "F-771339", orders["PO-2006"], channel="edi", due_days=20)
    books.end_of_day()
    books.pass_time(days=4)


def _third_week(books: Books, orders: dict[str, PurchaseOrder]) -> None:
    books.invoice("Kowalski Transport", "KT/05/26/119", orders["PO-1008"], due_days=14)
    books.invoice("Ebbe Software ApS", "EB-900340", orders["PO-1009"], channel="portal", due_days=30)
    books.invoice("Jansen Techniek BV", "J-60102", orders["PO-2005"], channel="ap", due_days=14)
    # The same invoice by another channel.
    books.invoice("Kowalski Transport", "kt/05/26/119", orders["PO-1008"], channel="portal", due_days=14)
    # Nobody knows this supplier.
    books.suppliers["Lumen Office Partners"] = msgspec.structs.replace(
        books.suppliers["Ebbe Software ApS"],
        name="Lumen Office Partners",
        tax_id="US999888777",
        supplier_id=supplier_id_of("US999888777"),
    )
    line = InvoiceLine(
        line_id="1", quantity=Decimal(1), unit="EA", unit_price=Decimal("1240.00"), net=Money(124000, "EUR")
    )
    books.bill("Lumen Office Partners", "LOP-118", "DE01", (line,), channel="mail")
    # The ERP refuses one: its period is locked.
    delgado = books.suppliers["Delgado & Hijos SL"]
    invoice_id = derive("inv", "mail", f"D-20260519/{delgado.supplier_id}")
    locked = Problem(Code.POSTING_REFUSED, "period", "an open period", "2026-05 (locked)", detail="account 160000")
    books.erp.odd[invoice_id] = [Refused(problems=(locked,))]
    books.invoice("Delgado & Hijos SL", "D-20260519", orders["PO-1004"], due_days=14)
    # The answer to one posting is lost; the probe finds it.
    hoshino = books.suppliers["Hoshino Precision KK"]
    books.erp.odd[derive("inv", "mail", f"HP260521/{hoshino.supplier_id}")] = [
        Unknown(reason="no answer within 30 seconds")
    ]
    books.invoice("Hoshino Precision KK", "HP260521", orders["PO-3002"], due_days=30)
    books.pass_time(minutes=5)
    bank = books.banks["US01"]
    run_id = books.propose("person:paula", "US01", books.posted("US01"))
    books.rest()
    (steel,) = [row for row in books.store.read_table("view_invoice", None) if row["number"] == "CS-10552"]
    bank.strange.add(("rejected", steel["payment_id"]))
    books.release("person:rolf", run_id, "US01")
    books.pass_time(hours=1)
    for entity in ENTITIES:
        task = CloseTask(task_id="T1", entity=entity, period=PERIOD, name="Review accruals", done=entity == "JP01")
        books.say("close", f"task/{entity}/1", TaskChanged(task=task))
    bank = books.banks["DE01"]
    bank.strange.add(("a bank fee", "3"))
    books.end_of_day()
    books.pass_time(days=2)


def _open_matters(books: Books, orders: dict[str, PurchaseOrder]) -> None:
    adler = books.suppliers["Adler Werkzeuge AG"]
    account = BankAccount(iban=iban(10000000, 667788), holder=adler.name)
    change = BankChangeRequested(change_id="chg-667788", supplier_id=adler.supplier_id, account=account, channel="mail")
    books.say("mail", "chg-667788", change, "person:vera")
    kowalski = books.suppliers["Kowalski Transport"]
    books.say(
        "person",
        "hold-kowalski",
        PaymentsHeld(supplier_id=kowalski.supplier_id, reason="delivery of 19 May is in dispute"),
        "person:ray",
    )
    books.rest()
    # One run in flight, one to release.
    due = books.posted("DE01")
    first = books.propose("person:paula", "DE01", due[:2])
    books.rest()
    books.release("person:rolf", first, "DE01")
    books.pass_time(minutes=40)
    books.propose("person:paula", "DE01", due[2:])
    books.propose("person:rolf", "JP01", books.posted("JP01"))
    books.pass_time(minutes=10)
    books.erp.payable[next(iter(books.posted("US01")))] -= 25_00  # somebody changed it in the ledger by hand
    books.close.mute.add("US01")
    books.compare()
    situations.held(books)
    for name in books.connectors:
        if name not in ("erp", "bank-jp"):
            books.schedule.pull(name)
    books.pass_time(minutes=1)
    books.intake.document(b"<not really an invoice", name="scan-0093.xml", media_type="application/xml", channel="mail")
    books.pass_time(minutes=20)
