"""The connector against a real Tryton: a month of business, and every answer lost once on the way."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime
from decimal import Decimal
from itertools import count
from pathlib import Path
from typing import Any
from unittest import SkipTest

import pytest
from msgspec.structs import replace

from tieout.conformance.connector import ConnectorConformance, Misbehaviour
from tieout.connectors.tryton import TrytonConfig, TrytonConnector
from tieout.connectors.tryton.client import TrytonClient
from tieout.kernel.clock import VirtualClock
from tieout.kernel.errors import PermanentError
from tieout.kernel.ids import derive
from tieout.kernel.money import Money
from tieout.kernel.problem import Code
from tieout.kernel.setdigest import add_digest
from tieout.model.documents import (
    Address,
    BankAccount,
    BankStatement,
    GoodsReceipt,
    Invoice,
    InvoiceKind,
    InvoiceLine,
    JournalEntry,
    JournalLine,
    OrderLine,
    Payment,
    Posting,
    PurchaseOrder,
    ReceiptLine,
    StatementEntry,
    Supplier,
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
    UpsertSupplier,
)
from tieout.model.facts import BankChangeRequested, InvoiceCancelled
from tieout.model.identity import supplier_id_of
from tieout.ports import Absent, Applied, Connector, Effect, Refused, Result, Retry, Scope, Unknown
from tieout_lab.tryton import CLERK, DE01, GB01, FaultProxy, Faults, TrytonServer

ROOT = Path(__file__).parents[2]
PYTHON = ROOT / ".venv-tryton" / "bin" / "python"

pytestmark = [
    pytest.mark.tryton,
    pytest.mark.skipif(not PYTHON.exists(), reason="no ERP here: `make test` installs it in .venv-tryton"),
]

NOW = datetime(2026, 5, 29, 12, tzinfo=UTC)
ACME = Supplier(
    supplier_id=supplier_id_of("DE129273398"),
    name="Acme Supplies GmbH",
    tax_id="DE129273398",
    address=Address(street="Industriestr. 5", postal_code="80331", town="München", country="DE"),
    bank_account=BankAccount(iban="DE75512108001245126199", holder="Acme Supplies GmbH", currency="EUR"),
)
NORTH = Supplier(
    supplier_id=supplier_id_of("GB232 1288 92"),
    name="North Sea Ropes Ltd",
    tax_id="GB232128892",
    address=Address(street="2 Quay", postal_code="AB11 5QH", town="Aberdeen", country="GB"),
    bank_account=BankAccount(iban="GB33BUKB20201555555555", holder="North Sea Ropes Ltd", currency="GBP"),
)
_NUMBERS = count(1)


# ── the ERP, the connector, and a network that fails ───────────────────────────────────────────────────────────────


@pytest.fixture(scope="module")
def erp(tmp_path_factory: pytest.TempPathFactory, pytestconfig: pytest.Config) -> Iterator[TrytonServer]:
    cache = PYTHON.parents[1] / "template"
    with TrytonServer(tmp_path_factory.mktemp("tryton"), python=PYTHON, template_cache=cache) as server:
        yield server


@pytest.fixture(scope="module")
def network(erp: TrytonServer) -> Iterator[FaultProxy]:
    with FaultProxy(erp.url) as proxy:
        yield proxy


@pytest.fixture(scope="module")
def connected(erp: TrytonServer, network: FaultProxy) -> Iterator[TrytonConnector]:
    connector = TrytonConnector(
        TrytonConfig(**erp.describe() | {"url": network.url}, password="env:NOT_USED"), erp.password, VirtualClock(NOW)
    )
    for supplier in (ACME, NORTH):
        applied(connector, upsert(supplier))
    yield connector
    connector.close()


@pytest.fixture
def connector(connected: TrytonConnector, network: FaultProxy) -> Iterator[TrytonConnector]:
    network.set(Faults())
    yield connected
    network.set(Faults())


@pytest.fixture(scope="module")
def supply(connected: TrytonConnector) -> "Supply":
    return Supply(connected)


@pytest.fixture(scope="module")
def books(erp: TrytonServer) -> Iterator[TrytonClient]:
    """A look into the ERP past the connector."""
    with erp.client() as client:
        yield client


# ── documents ──────────────────────────────────────────────────────────────────────────────────────────────────────


def number(prefix: str) -> str:
    return f"{prefix}-{next(_NUMBERS):04d}"


def eur(amount: str) -> Money:
    return Money.of(Decimal(amount), "EUR")


def effect(payload: Payload, key: str = "", attempt: int = 1) -> Effect:
    key = key or derive("key", payload.operation, str(payload))
    return Effect(
        effect_id=derive("eff", payload.operation, key),
        operation=payload.operation,
        key=key,
        entity="DE01",
        subject=key,
        correlation=key,
        payload=payload,
        attempt=attempt,
    )


def upsert(supplier: Supplier) -> Effect:
    return effect(UpsertSupplier(supplier=supplier))


def an_order(**changes: Any) -> PurchaseOrder:
    values: dict[str, Any] = {
        "order_id": number("PO"),
        "entity": "DE01",
        "supplier_id": ACME.supplier_id,
        "currency": "EUR",
        "ordered_on": date(2026, 5, 4),
        "lines": (
            OrderLine(
                line_id="10",
                item="W-100",
                quantity=Decimal(10),
                unit="EA",
                unit_price=Decimal("8.1234"),
                tax_rate=Decimal(19),
            ),
            OrderLine(line_id="20", item="no such item", quantity=Decimal("2.5"), unit="KGM", unit_price=Decimal(4)),
        ),
    }
    return PurchaseOrder(**values | changes)


def a_receipt(order: PurchaseOrder, *lines: tuple[str, str]) -> GoodsReceipt:
    return GoodsReceipt(
        receipt_id=number("GR"),
        order_id=order.order_id,
        entity=order.entity,
        supplier_id=order.supplier_id,
        received_on=date(2026, 5, 6),
        lines=tuple(ReceiptLine(order_line_id=line, quantity=Decimal(quantity)) for line, quantity in lines),
    )


def an_invoice(
    net: str = "100.00", tax: str = "19.00", *, lines: tuple[InvoiceLine, ...] = (), **changes: Any
) -> Invoice:
    lines = lines or (
        InvoiceLine(
            line_id="1",
            quantity=Decimal(1),
            unit="EA",
            unit_price=Decimal(net),
            net=eur(net),
            tax_rate=Decimal(19),
            description="Widgets",
        ),
    )
    values: dict[str, Any] = {
        "kind": InvoiceKind.INVOICE,
        "number": number("R"),
        "entity": "DE01",
        "supplier_id": ACME.supplier_id,
        "supplier_tax_id": ACME.tax_id,
        "supplier_name": ACME.name,
        "currency": "EUR",
        "issued_on": date(2026, 5, 8),
        "due_on": date(2026, 6, 7),
        "lines": lines,
        "net": eur(net),
        "tax": eur(tax),
        "gross": eur(net) + eur(tax),
    }
    return Invoice(**values | changes)


def posting_of(invoice: Invoice) -> Effect:
    invoice_id = derive("inv", invoice.number)
    return effect(PostInvoice(invoice_id=invoice_id, invoice=invoice, post_on=date(2026, 5, 9)), invoice_id)


def a_payment(posted: Effect) -> Payment:
    assert isinstance(posted.payload, PostInvoice)
    invoice = posted.payload.invoice
    assert ACME.bank_account is not None
    return Payment(
        payment_id=derive("pay", invoice.number),
        run_id="run_1",
        invoice_id=posted.payload.invoice_id,
        entity=invoice.entity,
        supplier_id=invoice.supplier_id,
        amount=invoice.gross,
        creditor=ACME.bank_account,
        remittance=invoice.number,
    )


def payment_effect(posted: Effect) -> Effect:
    assert isinstance(posted.payload, PostInvoice)
    payment = a_payment(posted)
    payload = RecordPayment(payment=payment, invoice=posted.payload.invoice, paid_on=date(2026, 5, 20))
    return effect(payload, payment.payment_id)


def return_effect(payment: Payment) -> Effect:
    payload = RecordReturn(payment=payment, returned_on=date(2026, 6, 2), reason="AC04")
    return effect(payload, payment.payment_id)


def an_entry(payment: Payment | None, amount: Money, day: date) -> StatementEntry:
    return StatementEntry(
        entry_id=number("E"),
        amount=amount,
        booked_on=day,
        end_to_end_id=payment.payment_id if payment else "",
        counterparty="Somebody",
        remittance="whatever",
    )


def a_statement(*entries: StatementEntry, iban: str = DE01.iban, day: date = date(2026, 5, 21)) -> BankStatement:
    closing = sum((entry.amount for entry in entries), eur("1000.00"))
    return BankStatement(
        statement_id=number("S"),
        iban=iban,
        currency="EUR",
        opening=eur("1000.00"),
        closing=closing,
        opened_on=day,
        closed_on=day,
        entries=entries,
    )


def booking_of(statement: BankStatement, attempt: int = 1) -> Effect:
    payload = BookStatement(entity="DE01", statement=statement)
    return effect(payload, f"{statement.iban}/{statement.statement_id}", attempt)


def an_accrual(reverses: str = "", day: date = date(2026, 5, 31)) -> JournalEntry:
    amount = eur("81.23") if not reverses else eur("-81.23")
    return JournalEntry(
        journal_id=number("accr"),
        entity="DE01",
        posted_on=day,
        text="Received, not invoiced: PO-77",
        lines=(
            JournalLine(account="expense", amount=amount),
            JournalLine(account="accrued_liabilities", amount=-amount),
        ),
        reverses=reverses,
    )


# ── helpers ────────────────────────────────────────────────────────────────────────────────────────────────────────


def apply_one(connector: TrytonConnector, wanted: Effect) -> Result:
    (result,) = connector.apply([wanted])
    return result


def applied(connector: TrytonConnector, wanted: Effect) -> Applied:
    result = apply_one(connector, wanted)
    assert isinstance(result, Applied), result
    return result


def refused(connector: TrytonConnector, wanted: Effect) -> Code:
    result = apply_one(connector, wanted)
    assert isinstance(result, Refused), result
    return result.problems[0].code


def posted_invoice(connector: TrytonConnector, **values: Any) -> Effect:
    wanted = posting_of(an_invoice(**values))
    applied(connector, wanted)
    return wanted


class Supply:
    """Posted invoices, and paid ones, in store: the ERP makes a dozen in the time of two."""

    def __init__(self, connector: TrytonConnector) -> None:
        self._connector = connector
        self._posted: list[Effect] = []
        self._paid: list[Effect] = []

    def posted(self) -> Effect:
        """An invoice of 119.00 EUR that is open."""
        if not self._posted:
            self._posted = self._apply([posting_of(an_invoice()) for _ in range(12)])
        return self._posted.pop()

    def paid(self) -> Effect:
        """An invoice of 119.00 EUR whose payment is in transit."""
        if not self._paid:
            self._paid = [self.posted() for _ in range(6)]
            self._apply([payment_effect(posted) for posted in self._paid])
        return self._paid.pop()

    def _apply(self, batch: list[Effect]) -> list[Effect]:
        results = self._connector.apply(batch)
        assert {type(result) for result in results} == {Applied}, results
        return batch


def how_many(books: TrytonClient, model: str, field: str, key: str) -> int:
    return len(books.search(model, [(field, "=", key)]))


def record_id(result: Applied) -> int:
    return int(result.reference.rpartition(",")[2])


def invoice_row(books: TrytonClient, wanted: Effect) -> dict[str, Any]:
    domain = [("description", "=", wanted.key)]
    (row,) = books.search_read("account.invoice", domain, ["state", "amount_to_pay", "reconciled"])
    return row


def balance(books: TrytonClient, code: str, company: int = 1) -> Decimal:
    domain = [("account.code", "=", code), ("move.company", "=", company), ("move_state", "=", "posted")]
    rows = books.search_read("account.move.line", domain, ["debit", "credit"])
    return sum((row["debit"] - row["credit"] for row in rows), Decimal(0))


# ── one of each ────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_supplier_is_held_once_and_changed_where_it_differs(connector: TrytonConnector, books: TrytonClient) -> None:
    first = applied(connector, upsert(ACME))
    again = applied(connector, upsert(ACME))
    assert again == first
    (party,) = books.read("party.party", [record_id(first)], ["name", "tax_identifier.code", "tax_identifier.type"])
    assert party["name"] == "Acme Supplies GmbH"
    assert (party["tax_identifier."]["type"], party["tax_identifier."]["code"]) == ("de_vat", "DE129273398")


def test_a_new_iban_is_a_new_account_and_the_old_one_is_archived(
    connector: TrytonConnector, books: TrytonClient
) -> None:
    def named(iban: str) -> Supplier:
        account = BankAccount(iban=iban, holder="Moving Bytes GmbH", currency="EUR")
        return Supplier(
            supplier_id=supplier_id_of("DE811115368"),
            name="Moving Bytes GmbH",
            tax_id="DE 811 115 368",
            bank_account=account,
        )

    party = record_id(applied(connector, upsert(named("DE02120300000000202051"))))
    moved = upsert(named("DE02500105170137075030"))
    assert connector.probe(moved) == Absent()
    applied(connector, moved)
    assert isinstance(connector.probe(moved), Applied)

    def ibans(active: bool) -> set[str]:
        domain = [("account.owners", "=", party), ("active", "=", active)]
        return {row["number_compact"] for row in books.search_read("bank.account.number", domain, ["number_compact"])}

    assert (ibans(True), ibans(False)) == ({"DE02500105170137075030"}, {"DE02120300000000202051"})
    applied(connector, upsert(named("DE02120300000000202051")))  # and back again
    assert ibans(True) == {"DE02120300000000202051"}


def test_a_party_that_the_erp_held_before_is_adopted(connector: TrytonConnector, books: TrytonClient) -> None:
    values = {"name": "Old Friend", "identifiers": [("create", [{"type": "de_vat", "code": "DE143593638"}])]}
    (party,) = books.create("party.party", [values])
    supplier = Supplier(supplier_id=supplier_id_of("DE143593638"), name="Old Friend GmbH", tax_id="DE143593638")
    assert record_id(applied(connector, upsert(supplier))) == party
    assert books.read("party.party", [party], ["name"])[0]["name"] == "Old Friend GmbH"


def test_an_order_its_deliveries_and_its_invoice(connector: TrytonConnector, books: TrytonClient) -> None:
    order = an_order()
    held = applied(connector, effect(CreateOrder(order=order)))
    (row,) = books.read("purchase.purchase", [record_id(held)], ["state", "number", "invoices", "total_amount"])
    assert (row["state"], row["invoices"]) == ("processing", [])
    assert row["total_amount"] == Decimal("106.66")  # 81.23 + 15.43 + 10.00
    assert held.links == {"number": row["number"]}

    first, second = a_receipt(order, ("10", "6"), ("20", "2.5")), a_receipt(order, ("10", "5"))
    results = connector.apply([effect(RecordReceipt(receipt=first)), effect(RecordReceipt(receipt=second))])
    assert [type(result) for result in results] == [Applied, Applied]  # 11 of 10: it happened, so it is recorded
    (row,) = books.read("purchase.purchase", [record_id(held)], ["shipment_state"])
    assert row["shipment_state"] == "received"

    line = InvoiceLine(
        line_id="1",
        quantity=Decimal(6),
        unit="EA",
        unit_price=Decimal("8.1234"),
        net=eur("48.74"),
        tax_rate=Decimal(19),
        order_id=order.order_id,
        order_line_id="10",
    )
    wanted = posting_of(an_invoice("48.74", "9.26", lines=(line,)))
    posted = applied(connector, wanted)
    assert posted.posting == Posting(
        number=posted.posting.number if posted.posting else "",
        posted_on=date(2026, 5, 9),
        period="2026-05",
        gross=eur("58.00"),
        tax=eur("9.26"),
        holds=(),
    )
    (row,) = books.read("account.invoice", [record_id(posted)], ["state", "reference", "lines.origin"])
    assert row["state"] == "posted"
    assert row["lines."][0]["origin"].startswith("purchase.line,")


def test_goods_sent_back(connector: TrytonConnector, books: TrytonClient) -> None:
    order = an_order()
    applied(connector, effect(CreateOrder(order=order)))
    applied(connector, effect(RecordReceipt(receipt=a_receipt(order, ("10", "10")))))
    back = a_receipt(order, ("10", "-3"))
    held = applied(connector, effect(RecordReceipt(receipt=back)))
    assert held.reference.startswith("stock.shipment.in.return,")
    (row,) = books.read("stock.shipment.in.return", [record_id(held)], ["state", "reference", "moves.quantity"])
    assert (row["state"], row["reference"], row["moves."][0]["quantity"]) == ("done", back.receipt_id, 3.0)
    both = a_receipt(order, ("10", "1"), ("20", "-1"))
    assert refused(connector, effect(RecordReceipt(receipt=both))) is Code.EFFECT_REFUSED


@pytest.mark.parametrize(
    ("net", "tax", "quantity", "price"),
    [
        pytest.param("100.00", "19.01", "1", "100.00", id="the supplier rounds tax up"),
        pytest.param("10.00", "1.90", "3", "3.3333", id="price of four decimals"),
        pytest.param("12.35", "2.35", "100", "0.123456", id="price of six decimals"),
        pytest.param("0.99", "0.19", "7", "0.15", id="discounted line"),
        pytest.param("10.00", "1.90", "2.5", "4", id="pieces with decimals"),
    ],
)
def test_the_amounts_are_the_suppliers(
    connector: TrytonConnector, books: TrytonClient, net: str, tax: str, quantity: str, price: str
) -> None:
    line = InvoiceLine(
        line_id="1",
        quantity=Decimal(quantity),
        unit="EA",
        unit_price=Decimal(price),
        net=eur(net),
        tax_rate=Decimal(19),
    )
    posted = applied(connector, posting_of(an_invoice(net, tax, lines=(line,))))
    (row,) = books.read("account.invoice", [record_id(posted)], ["untaxed_amount", "tax_amount", "total_amount"])
    assert (row["untaxed_amount"], row["tax_amount"]) == (Decimal(net), Decimal(tax))
    assert posted.posting is not None
    assert posted.posting.gross == eur(net) + eur(tax)


def test_two_rates_and_a_tax_without_a_line(connector: TrytonConnector) -> None:
    def line(line_id: str, net: str, rate: int) -> InvoiceLine:
        return InvoiceLine(
            line_id=line_id,
            quantity=Decimal(1),
            unit="EA",
            unit_price=Decimal(net),
            net=eur(net),
            tax_rate=Decimal(rate),
        )

    posted = applied(
        connector, posting_of(an_invoice("150.00", "19.00", lines=(line("1", "100", 19), line("2", "50", 0))))
    )
    assert posted.posting is not None
    assert posted.posting.gross == eur("169.00")
    posted = applied(connector, posting_of(an_invoice("100.00", "7.00", lines=(line("1", "100", 0),))))
    assert posted.posting is not None
    assert posted.posting.tax == eur("7.00")
    assert (
        refused(connector, posting_of(an_invoice("100.00", "7.00", lines=(line("1", "100", 7),))))
        is Code.CODING_REFUSED
    )


def test_a_document_that_does_not_add_up_leaves_nothing_behind(connector: TrytonConnector, books: TrytonClient) -> None:
    wanted = posting_of(an_invoice("100.00", "19.00", gross=eur("120.00")))
    assert refused(connector, wanted) is Code.POSTING_DIFFERS
    assert how_many(books, "account.invoice", "description", wanted.key) == 0


def test_a_credit_note(connector: TrytonConnector, books: TrytonClient) -> None:
    posted = applied(connector, posting_of(an_invoice("30.00", "5.70", kind=InvoiceKind.CREDIT_NOTE)))
    assert posted.posting is not None
    assert (posted.posting.gross, posted.posting.tax) == (eur("35.70"), eur("5.70"))
    assert posted.posting.number.startswith("EG26-")
    (row,) = books.read("account.invoice", [record_id(posted)], ["total_amount"])
    assert row["total_amount"] == Decimal("-35.70")


def test_the_second_company_posts_in_its_own_books(connector: TrytonConnector) -> None:
    def gbp(amount: str) -> Money:
        return Money.of(Decimal(amount), "GBP")

    line = InvoiceLine(
        line_id="1", quantity=Decimal(1), unit="EA", unit_price=Decimal(50), net=gbp("50"), tax_rate=Decimal(20)
    )
    invoice = Invoice(
        kind=InvoiceKind.INVOICE,
        number=number("GB"),
        entity="GB01",
        supplier_id=NORTH.supplier_id,
        supplier_tax_id=NORTH.tax_id,
        supplier_name=NORTH.name,
        currency="GBP",
        issued_on=date(2026, 5, 8),
        due_on=date(2026, 6, 7),
        lines=(line,),
        net=gbp("50"),
        tax=gbp("10"),
        gross=gbp("60"),
    )
    wanted = posting_of(invoice)
    posted = applied(connector, wanted)
    assert posted.posting is not None
    assert posted.posting.gross == gbp("60")
    total = connector.totals(Scope(name="payable", entity="GB01", currency="GBP"))
    assert (total.count, total.sum_minor, total.set_hash) == (1, 6000, add_digest(0, wanted.key, 6000))


# ── money ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_paid_booked_returned_and_paid_again(connector: TrytonConnector, supply: Supply, books: TrytonClient) -> None:
    posted = supply.posted()
    clearing, cash = balance(books, "1.1.9"), balance(books, "1.1.1")
    payment = a_payment(posted)

    recorded = applied(connector, payment_effect(posted))
    assert recorded.posting is not None
    assert (recorded.posting.posted_on, recorded.posting.gross) == (date(2026, 5, 20), eur("119.00"))
    assert invoice_row(books, posted)["state"] == "paid"
    assert balance(books, "1.1.9") - clearing == Decimal("-119.00")

    out = a_statement(an_entry(payment, eur("-119.00"), date(2026, 5, 21)))
    booked = applied(connector, booking_of(out))
    assert booked.posting is not None
    assert booked.posting.gross == eur("881.00")
    assert balance(books, "1.1.9") == clearing
    assert balance(books, "1.1.1") - cash == Decimal("-119.00")

    back = a_statement(an_entry(payment, eur("119.00"), date(2026, 6, 2)), day=date(2026, 6, 2))
    applied(connector, booking_of(back))
    returned = applied(connector, return_effect(payment))
    assert returned.posting is not None
    assert (returned.posting.posted_on, returned.posting.period) == (date(2026, 6, 2), "2026-06")
    assert invoice_row(books, posted)["amount_to_pay"] == Decimal("119.00")
    assert (balance(books, "1.1.9"), balance(books, "1.1.1")) == (clearing, cash)
    assert applied(connector, return_effect(payment)) == returned

    second = effect(
        RecordPayment(
            payment=replace(payment, payment_id="pay-again"),
            invoice=an_invoice(),
            paid_on=date(2026, 6, 3),
        )
    )
    applied(connector, second)
    assert invoice_row(books, posted)["state"] == "paid"


def test_a_statement_waits_for_payments_but_not_for_ever(connector: TrytonConnector, books: TrytonClient) -> None:
    posted = posted_invoice(connector, net="55.00", tax="10.45")
    payment = a_payment(posted)
    fee = an_entry(None, eur("-3.50"), date(2026, 5, 21))
    statement = a_statement(an_entry(payment, eur("-65.45"), date(2026, 5, 21)), fee)
    assert isinstance(apply_one(connector, booking_of(statement)), Retry)
    booked = applied(connector, booking_of(statement, attempt=5))
    domain = [("statement", "=", record_id(booked))]
    lines = books.search_read("account.statement.line", domain, ["account.code", "number"])
    assert {line["number"]: line["account."]["code"] for line in lines} == {
        payment.payment_id: "1.1.9",
        fee.entry_id: "1.1.8",
    }
    applied(connector, payment_effect(posted))  # and now the clearing account is settled
    domain = [("account.code", "=", "1.1.9"), ("reconciliation", "=", None), ("credit", "=", Decimal("65.45"))]
    assert books.search("account.move.line", domain) == []


def test_payments_that_cannot_be(connector: TrytonConnector, books: TrytonClient) -> None:
    unknown = posting_of(an_invoice())
    assert refused(connector, payment_effect(unknown)) is Code.NOT_PAYABLE
    assert refused(connector, return_effect(a_payment(unknown))) is Code.EFFECT_REFUSED


def test_an_accrual_its_reversal_and_a_closed_period(
    connector: TrytonConnector, supply: Supply, books: TrytonClient
) -> None:
    before = connector.totals(Scope(name="accrued_liabilities", entity="DE01", period="2026-05")).sum_minor
    accrual = an_accrual()
    held = applied(connector, effect(PostJournal(journal=accrual)))
    assert held.posting is not None
    assert (held.posting.period, held.posting.gross) == ("2026-05", eur("81.23"))
    in_may = connector.totals(Scope(name="accrued_liabilities", entity="DE01", period="2026-05")).sum_minor
    assert in_may - before == -8123
    reversal = applied(connector, effect(PostJournal(journal=an_accrual(accrual.journal_id, date(2026, 6, 1)))))
    (row,) = books.read("account.move", [record_id(reversal)], ["origin", "lines.description"])
    assert row["origin"] == held.reference
    assert row["lines."][0]["description"] == "Received, not invoiced: PO-77"

    connector.periods.close("DE01", "2026-02")
    assert connector.periods.states("DE01")["2026-02"] == "closed"
    late = effect(PostJournal(journal=an_accrual(day=date(2026, 2, 27))))
    assert refused(connector, late) is Code.PERIOD_NOT_OPEN
    too_late = effect(PostInvoice(invoice_id="inv_late", invoice=an_invoice(), post_on=date(2026, 2, 27)))
    assert refused(connector, too_late) is Code.PERIOD_NOT_OPEN
    assert how_many(books, "account.invoice", "description", "inv_late") == 0
    posted = supply.posted()
    assert isinstance(posted.payload, PostInvoice)
    payment = a_payment(posted)
    paid_late = RecordPayment(payment=payment, invoice=posted.payload.invoice, paid_on=date(2026, 2, 27))
    assert refused(connector, effect(paid_late)) is Code.PERIOD_NOT_OPEN
    assert how_many(books, "account.payment", "reference", payment.payment_id) == 0
    applied(connector, payment_effect(posted))
    back_late = RecordReturn(payment=payment, returned_on=date(2026, 2, 27), reason="AC04")
    assert refused(connector, effect(back_late)) is Code.PERIOD_NOT_OPEN
    assert invoice_row(books, posted)["state"] == "paid"
    connector.periods.reopen("DE01", "2026-02")
    applied(connector, late)
    with pytest.raises(PermanentError, match="2031-01"):
        connector.periods.close("DE01", "2031-01")


# ── batches and duplicates ─────────────────────────────────────────────────────────────────────────────────────────


def test_one_bad_row_never_hides_the_good_ones(connector: TrytonConnector, books: TrytonClient) -> None:
    good = [posting_of(an_invoice()) for _ in range(6)]
    wrong_sum = posting_of(an_invoice(gross=eur("1.00")))
    no_supplier = posting_of(an_invoice(supplier_id="sup_nobody", supplier_tax_id="DE000000000"))
    no_period = effect(PostInvoice(invoice_id="inv_1999", invoice=an_invoice(), post_on=date(1999, 1, 1)))
    batch = [*good[:3], wrong_sum, no_supplier, *good[3:], no_period]
    results = connector.apply(batch)
    kinds = {one.key: type(result) for one, result in zip(batch, results, strict=True)}
    assert kinds == {
        **dict.fromkeys([one.key for one in good], Applied),
        **dict.fromkeys([wrong_sum.key, no_supplier.key, no_period.key], Refused),
    }
    numbers = [result.posting.number for result in results if isinstance(result, Applied) and result.posting]
    assert len(set(numbers)) == 6
    assert connector.apply(batch[:3]) == results[:3]  # the same keys again: the same documents


def test_an_invoice_that_somebody_typed_into_the_erp_is_a_duplicate(
    connector: TrytonConnector, supply: Supply, books: TrytonClient
) -> None:
    first = supply.posted()
    assert isinstance(first.payload, PostInvoice)
    copy = effect(PostInvoice(invoice_id="inv_copy", invoice=first.payload.invoice, post_on=date(2026, 5, 9)))
    assert refused(connector, copy) is Code.DUPLICATE_INVOICE
    assert how_many(books, "account.invoice", "description", "inv_copy") == 0


# ── what people do in the ERP ──────────────────────────────────────────────────────────────────────────────────────


def test_people_change_bank_details_and_cancel_invoices(
    connector: TrytonConnector, supply: Supply, erp: TrytonServer
) -> None:
    posted = supply.posted()
    cursor = connector.pull("").cursor
    assert isinstance(posted.payload, PostInvoice)
    with erp.client(CLERK) as clerk:
        (invoice,) = clerk.search("account.invoice", [("description", "=", posted.key)])
        clerk.press("account.invoice", "cancel", [invoice], context={"company": 1})
        (party,) = clerk.search("party.party", [("name", "=", NORTH.name)])
        number = {"type": "iban", "number": "GB94BARC10201530093459"}
        clerk.create("bank.account", [{"owners": [("add", [party])], "numbers": [("create", [number])]}])
    page = connector.pull(cursor)
    said = {type(message.data): message for message in page.messages}
    assert set(said) == {BankChangeRequested, InvoiceCancelled}
    change = said[BankChangeRequested]
    assert isinstance(change.data, BankChangeRequested)
    assert (change.subject, change.data.account.iban) == (NORTH.supplier_id, "GB94BARC10201530093459")
    assert (said[InvoiceCancelled].subject, said[InvoiceCancelled].entity) == (posted.key, "DE01")
    assert connector.pull(cursor) == page
    assert {message.key for message in connector.pull(page.cursor).messages} <= {m.key for m in page.messages}
    assert refused(connector, posted) is Code.POSTING_REFUSED  # cancelled by a person: not posted again
    applied(connector, upsert(NORTH))


# ── every answer lost once ─────────────────────────────────────────────────────────────────────────────────────────


def _scenarios() -> dict[str, Any]:
    """An effect of each operation that is ready to be written, and where its document is found in the ERP."""

    def supplier(connector: TrytonConnector, supply: Supply) -> Effect:
        tax_id = f"DE{next(_NUMBERS):09d}"
        account = BankAccount(iban=_iban(), holder="Lost Ltd", currency="EUR")
        return upsert(
            Supplier(supplier_id=supplier_id_of(tax_id), name="Lost Ltd", tax_id=tax_id, bank_account=account)
        )

    def order(connector: TrytonConnector, supply: Supply) -> Effect:
        placed = an_order()
        return effect(CreateOrder(order=placed), placed.order_id)

    def receipt(connector: TrytonConnector, supply: Supply) -> Effect:
        placed = an_order()
        applied(connector, effect(CreateOrder(order=placed)))
        delivery = a_receipt(placed, ("10", "4"))
        return effect(RecordReceipt(receipt=delivery), delivery.receipt_id)

    def invoice(connector: TrytonConnector, supply: Supply) -> Effect:
        return posting_of(an_invoice("100.00", "19.01"))

    def payment(connector: TrytonConnector, supply: Supply) -> Effect:
        return payment_effect(supply.posted())

    def payment_return(connector: TrytonConnector, supply: Supply) -> Effect:
        return return_effect(a_payment(supply.paid()))

    def statement(connector: TrytonConnector, supply: Supply) -> Effect:
        return booking_of(a_statement(an_entry(a_payment(supply.paid()), eur("-119.00"), date(2026, 5, 21))))

    def journal(connector: TrytonConnector, supply: Supply) -> Effect:
        entry = an_accrual()
        return effect(PostJournal(journal=entry), entry.journal_id)

    return {
        "upsert_supplier": (supplier, "party.identifier", "code", lambda one: one.payload.supplier.supplier_id),
        "create_order": (order, "purchase.purchase", "reference", lambda one: one.key),
        "record_receipt": (receipt, "stock.shipment.in", "reference", lambda one: one.key),
        "post_invoice": (invoice, "account.invoice", "description", lambda one: one.key),
        "record_payment": (payment, "account.payment", "reference", lambda one: one.key),
        "record_return": (payment_return, "account.payment", "reference", lambda one: one.key),
        "book_statement": (statement, "account.statement", "name", lambda one: one.key.replace("/", " ")),
        "post_journal": (journal, "account.move", "description", lambda one: one.key),
    }


def _iban() -> str:
    account = f"12030000{next(_NUMBERS):010d}"
    return f"DE{98 - int(account + '131400') % 97:02d}{account}"


SCENARIOS = _scenarios()
#: How many calls a document takes, at least; so many answers are lost on its way.
LOST_AT_LEAST = {
    "upsert_supplier": 2,
    "create_order": 3,
    "record_receipt": 3,
    "post_invoice": 3,
    "record_payment": 7,
    "record_return": 3,
    "book_statement": 3,
    "post_journal": 2,
}
#: Calls that change something.
WRITES = tuple(f"*.{verb}" for verb in ("create", "write", "delete", "execute", "post", "quote", "confirm", "process"))
WRITES += tuple(f"*.{verb}" for verb in ("receive", "do", "submit", "approve", "succeed", "fail", "validate_statement"))


def settle(connector: TrytonConnector, wanted: Effect) -> Applied:
    """What the engine does: unknown is probed, absent is written again, certain failures are tried again."""
    for attempt in range(1, 25):
        result: object = apply_one(connector, replace(wanted, attempt=attempt))
        if isinstance(result, Unknown):
            try:
                result = connector.probe(wanted)
            except Exception as error:
                result = Unknown(reason=str(error))
        if isinstance(result, Applied):
            return result
        assert isinstance(result, Retry | Absent | Unknown), result
    raise AssertionError(f"{wanted.operation} did not settle")


@pytest.mark.parametrize("operation", SCENARIOS)
def test_every_answer_is_lost_once(
    operation: str, connector: TrytonConnector, supply: Supply, network: FaultProxy, books: TrytonClient
) -> None:
    """Of every call that changes something the first answer is cut, all in the life of one document."""
    scenario, model, field, key_of = SCENARIOS[operation]
    wanted = scenario(connector, supply)
    before = network.counts.get("drop_answer", 0)
    network.set(Faults(drop_answer_once_each=True, only_methods=WRITES))
    result = settle(connector, wanted)
    network.set(Faults())
    assert network.counts["drop_answer"] - before >= LOST_AT_LEAST[operation]
    assert how_many(books, model, field, key_of(wanted)) == 1
    assert connector.probe(wanted) == result


@pytest.mark.parametrize("operation", SCENARIOS)
def test_requests_that_never_arrive_and_a_storm_of_503(
    operation: str, connector: TrytonConnector, supply: Supply, network: FaultProxy, books: TrytonClient
) -> None:
    scenario, model, field, key_of = SCENARIOS[operation]
    wanted = scenario(connector, supply)
    network.set(Faults(lose_request_next=1, unavailable_next=3, only_methods=WRITES))
    first = apply_one(connector, wanted)
    assert isinstance(first, Retry)  # 503 is certain
    network.set(Faults(lose_request_next=1, only_methods=WRITES))
    second = apply_one(connector, wanted)
    assert isinstance(second, Unknown)
    assert connector.probe(wanted) == Absent()
    settle(connector, wanted)
    assert how_many(books, model, field, key_of(wanted)) == 1


def test_a_batch_whose_answer_is_lost(connector: TrytonConnector, network: FaultProxy, books: TrytonClient) -> None:
    batch = [posting_of(an_invoice()) for _ in range(5)]
    network.set(Faults(drop_answer_next=1, only_methods=("model.account.invoice.post",)))
    assert {type(result) for result in connector.apply(batch)} == {Unknown}
    findings = [connector.probe(one) for one in batch]
    assert {type(finding) for finding in findings} == {Applied}
    assert connector.apply(batch) == findings
    keys = [one.key for one in batch]
    assert len(books.search("account.invoice", [("description", "in", keys)])) == 5


def test_totals(connector: TrytonConnector, books: TrytonClient) -> None:
    payable = Scope(name="payable", entity="DE01", currency="EUR")
    before = connector.totals(payable)
    posted = posted_invoice(connector)
    after = connector.totals(payable)
    assert (after.count - before.count, after.sum_minor - before.sum_minor) == (1, 11900)
    assert after.set_hash == add_digest(before.set_hash, posted.key, 11900)
    applied(connector, payment_effect(posted))
    assert connector.totals(payable) == after  # in transit: the bank has not spoken
    in_transit = connector.totals(Scope(name="payment_clearing", entity="DE01"))
    applied(connector, booking_of(a_statement(an_entry(a_payment(posted), eur("-119.00"), date(2026, 5, 21)))))
    assert connector.totals(payable) == before
    settled = connector.totals(Scope(name="payment_clearing", entity="DE01"))
    assert settled.sum_minor - in_transit.sum_minor == 11900
    assert connector.totals(Scope(name="cash", entity="DE01")).sum_minor == int(balance(books, "1.1.1") * 100)
    in_may = connector.totals(Scope(name="posted", entity="DE01", period="2026-05"))
    assert in_may.count > connector.totals(Scope(name="posted", entity="DE01", period="2026-06")).count == 0
    assert connector.totals(Scope(name="payables_ledger", entity="GB01")).currency == GB01.currency


# ── the conformance kit ────────────────────────────────────────────────────────────────────────────────────────────

_MISBEHAVE: dict[Misbehaviour, Faults] = {
    "answer lost before the work": Faults(lose_request_next=1000, only_methods=WRITES),
    "answer lost after the work": Faults(drop_answer_every=1, only_methods=("*.post",)),
    "unavailable": Faults(unavailable_next=1000, only_methods=WRITES),
    "nonsense": Faults(nonsense_every=1, only_methods=WRITES),
}


class TestTryton(ConnectorConformance):
    """With the two kinds of posting; the others take minutes here, and lose every answer above."""

    secrets = (TrytonServer.password,)

    @pytest.fixture(autouse=True)
    def _erp(self, connector: TrytonConnector, network: FaultProxy, books: TrytonClient) -> None:
        self._connector, self._network, self._books = connector, network, books
        self._generation = number("G")

    def make(self) -> TrytonConnector:
        """The ERP stays the same; the documents are others each time, so it holds none of them."""
        self._generation = number("G")
        return self._connector

    def effects(self, operation: str, count: int) -> list[Effect]:
        match operation:
            case "post_invoice":
                return [posting_of(an_invoice(number=f"{self._generation}/{n}")) for n in range(count)]
            case "post_journal":
                return [self._journal(n) for n in range(count)]
        raise SkipTest("only postings are played here")

    def _journal(self, n: int) -> Effect:
        entry = replace(an_accrual(), journal_id=f"{self._generation}/{n}")
        return effect(PostJournal(journal=entry), entry.journal_id)

    def refused(self, operation: str) -> Effect:
        if operation == "post_journal":
            return effect(PostJournal(journal=an_accrual(day=date(1999, 1, 1))))
        return posting_of(an_invoice(gross=eur("1.00")))

    @contextmanager
    def misbehaving(self, connector: Connector, how: Misbehaviour) -> Iterator[None]:
        self._network.set(_MISBEHAVE[how])
        yield
        self._network.set(Faults())

    def held(self, connector: Connector, wanted: Effect) -> int:
        model = "account.move" if wanted.operation == "post_journal" else "account.invoice"
        return how_many(self._books, model, "description", wanted.key)
