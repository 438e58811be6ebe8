"""The simulator's own systems pass the kit that every real connector has to pass."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from random import Random
from typing import Any
from unittest import SkipTest

import pytest

from tieout.conformance.connector import ConnectorConformance, Misbehaviour
from tieout.kernel.clock import VirtualClock
from tieout.kernel.money import Money
from tieout.kernel.setdigest import add_digest
from tieout.model.documents import (
    BankAccount,
    BankStatement,
    GoodsReceipt,
    Invoice,
    InvoiceKind,
    JournalEntry,
    Payment,
    PaymentRun,
    Posting,
    PurchaseOrder,
    Supplier,
    Total,
)
from tieout.model.effects import (
    BookStatement,
    CreateOrder,
    Payload,
    PostInvoice,
    PostJournal,
    RecordPayment,
    RecordReceipt,
    RecordReturn,
    ReportPayment,
    ReportPosting,
    ReportReadiness,
    SendPaymentFile,
    SubmitInvoice,
    UpsertSupplier,
)
from tieout.model.events import Message
from tieout.model.facts import InvoiceReceived
from tieout.model.verdict import Verdict
from tieout.ports import Connector, Effect, Scope
from tieout.sim.faults import Faults
from tieout.sim.marks import Marks
from tieout.sim.systems import ApPlatform, Bank, CloseTool, Erp
from tieout.sim.target import Surroundings, Target

DAY = date(2026, 5, 4)
EUR = Money(11_900, "EUR")
ACCOUNT = BankAccount(iban="DE00", holder="S")

FAULT: dict[Misbehaviour, str] = {
    "answer lost before the work": "answer lost before the effect",
    "answer lost after the work": "answer lost after the effect",
    "unavailable": "service unavailable",
    "nonsense": "half an answer",
}


class Ordered(Faults):
    """Faults to order."""

    order = ""

    def on_a_write(self) -> str:
        return self.order

    def strikes(self, kind: str) -> bool:
        return kind == "probe unanswered" and bool(self.order)


def invoice(number: str) -> Invoice:
    return Invoice(
        kind=InvoiceKind.INVOICE,
        number=number,
        entity="DE01",
        supplier_id="sup",
        supplier_tax_id="US1",
        supplier_name="S",
        currency="EUR",
        issued_on=DAY,
        due_on=DAY,
        lines=(),
        net=EUR,
        tax=Money(0, "EUR"),
        gross=EUR,
    )


def payment(key: str) -> Payment:
    return Payment(
        payment_id=key,
        run_id="RUN",
        invoice_id=f"inv-{key}",
        entity="DE01",
        supplier_id="sup",
        amount=EUR,
        creditor=ACCOUNT,
        remittance="",
    )


def statement(key: str) -> BankStatement:
    return BankStatement(
        statement_id=key,
        iban="DE00",
        currency="EUR",
        opening=EUR,
        closing=EUR,
        opened_on=DAY,
        closed_on=DAY,
        entries=(),
    )


def payload(operation: str, key: str) -> Payload:
    posting = Posting(number=key, posted_on=DAY, period="2026-05", gross=EUR)
    run = PaymentRun(
        run_id=key, entity="DE01", debtor=ACCOUNT, execute_on=DAY, payments=(payment(f"pay-{key}"),), currency="EUR"
    )
    order = PurchaseOrder(order_id=key, entity="DE01", supplier_id="sup", currency="EUR", ordered_on=DAY, lines=())
    receipt = GoodsReceipt(receipt_id=key, order_id="PO", entity="DE01", supplier_id="sup", received_on=DAY, lines=())
    made: tuple[Payload, ...] = (
        UpsertSupplier(supplier=Supplier(supplier_id=key, name="S", tax_id="US1")),
        CreateOrder(order=order),
        RecordReceipt(receipt=receipt),
        PostInvoice(invoice_id=f"inv-{key}", invoice=invoice(key), post_on=DAY),
        SubmitInvoice(invoice_id=f"inv-{key}", invoice=invoice(key), verdict=Verdict(True, (), (), "")),
        ReportPosting(invoice_id=f"inv-{key}", posting=posting),
        ReportPayment(invoice_id=f"inv-{key}", payment_id=key, status="booked", on=DAY),
        RecordPayment(payment=payment(key), invoice=invoice(key), paid_on=DAY),
        RecordReturn(payment=payment(key), returned_on=DAY, reason=""),
        BookStatement(entity="DE01", statement=statement(key)),
        SendPaymentFile(run=run),
        PostJournal(journal=JournalEntry(journal_id=key, entity="DE01", posted_on=DAY, text="", lines=())),
        ReportReadiness(entity="DE01", period="2026-05", ready=True, blockers=()),
    )
    return next(one for one in made if one.operation == operation)


def effect(operation: str, key: str) -> Effect:
    return Effect(
        effect_id=key,
        operation=operation,
        key=key,
        entity="DE01",
        subject="",
        correlation="",
        payload=payload(operation, key),
    )


class SimConformance(ConnectorConformance):
    """What is the same for all systems of the simulator."""

    clock: VirtualClock
    faults: Ordered

    def around(self) -> Surroundings:
        self.clock = VirtualClock(datetime(2026, 5, 4, 8, tzinfo=UTC))
        self.faults = Ordered(Random(0))
        return Surroundings(self.clock, self.faults, Marks())

    def ask(self, question: str, document: str) -> float:
        return 0.0 if "refused" in document and ("locked" in question or "file is refused" in question) else 0.99

    def effects(self, operation: str, count: int) -> Sequence[Effect]:
        return [effect(operation, f"{operation}-{number}") for number in range(count)]

    def prepare(self, connector: Connector, effects: Sequence[Effect]) -> None:
        for one in effects:
            if one.operation in ("record_payment", "record_return"):
                connector.apply([effect("post_invoice", one.key)])

    @contextmanager
    def misbehaving(self, connector: Connector, how: Misbehaviour) -> Iterator[None]:
        self.faults.order = FAULT[how]
        yield
        self.faults.order = ""

    def held(self, connector: Connector, effect: Effect) -> int:
        assert isinstance(connector, Target)
        return len(connector.documents.get((effect.operation, effect.key), []))

    def wait(self, seconds: float) -> None:
        self.clock.move(timedelta(seconds=seconds))


class TestErp(SimConformance):
    def make(self) -> Connector:
        return Erp(self.around(), self.ask)

    def refused(self, operation: str) -> Effect:
        if operation != "post_invoice":
            raise SkipTest("this ERP refuses nothing but invoices")
        return effect(operation, "refused")

    def totals_of(self, effects: Sequence[Effect]) -> dict[Scope, Total]:
        items = {one.payload.invoice_id: EUR.minor for one in effects if isinstance(one.payload, PostInvoice)}
        items |= {f"inv-{one.key}": 2 * EUR.minor for one in effects if isinstance(one.payload, RecordReturn)}
        digest = 0
        for item, minor in items.items():
            digest = add_digest(digest, item, minor)
        scope = Scope(name="payable", entity="DE01", currency="EUR")
        total = Total(count=len(items), sum_minor=sum(items.values()), currency="EUR", set_hash=digest)
        return {scope: total}


class TestApPlatform(SimConformance):
    def make(self) -> Connector:
        platform = ApPlatform(self.around(), self.ask)
        for number in range(45):
            data = InvoiceReceived(invoice=invoice(f"R-{number}"), channel="ap", system_id=f"scan-{number}")
            platform.scan(Message(source="ap", key=f"scan-{number}", data=data))
            platform.decide(f"scan-{number}")
        return platform


class TestBank(SimConformance):
    def make(self) -> Connector:
        bank = Bank(self.around(), self.ask, iban="DE00", entity="DE01", opening=EUR)
        for _ in range(30):
            bank.end_day()
        return bank

    def refused(self, operation: str) -> Effect:
        return effect(operation, "refused")


class TestCloseTool(SimConformance):
    def make(self) -> Connector:
        return CloseTool(self.around())


BROKEN = [
    pytest.param("write", lambda self, one: self._take(one), "test_the_same_key_acts_once", id="acts twice"),
    pytest.param(
        "apply",
        lambda self, effects: [self._one(one) for one in reversed(effects)],
        "test_results_come_in_order_and_count",
        id="answers in another order",
    ),
    pytest.param(
        "apply",
        lambda self, effects: [self.write(one) for one in effects],
        "test_a_target_that_is_not_there_is_certain_not_to_have_it",
        id="says applied when nobody was there",
    ),
    pytest.param(
        "__repr__", lambda self: "Erp(password=hunter2)", "test_secrets_are_in_nothing", id="shows its password"
    ),
]


@pytest.mark.parametrize(("method", "broken", "check"), BROKEN)
def test_the_kit_notices(method: str, broken: Any, check: str) -> None:
    base = ApPlatform if check == "test_the_same_key_acts_once" else Erp
    bad = type("Bad", (base,), {method: broken})

    class Kit(SimConformance):
        secrets = ("hunter2",)

        def make(self) -> Connector:
            return bad(self.around(), self.ask)  # type: ignore[no-any-return]

    name = next(one for one in dir(Kit) if one.startswith(check))
    with pytest.raises(AssertionError):
        getattr(Kit(), name)()
