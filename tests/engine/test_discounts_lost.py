"""Cash discounts that were lost because an invoice was not in the ERP in time, then and under another policy."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from msgspec.structs import replace
from tests.engine.test_duplicates import PARTITIONS, Company, company
from tests.processes.company import ORDER, ORDER_SUBJECT, POLICY, SUPPLIER, bill, eur, posting, receipt

from tieout.cli.policy import show
from tieout.engine.stores.open import memory_store
from tieout.engine.tally import Life
from tieout.engine.what_if import Side, Sum, WhatIf, what_if
from tieout.kernel.clock import to_micros
from tieout.model.documents import CashDiscount, Invoice, InvoiceKind
from tieout.model.effects import PostInvoice, effect_id
from tieout.model.facts import (
    ApprovalDecided,
    EffectSettled,
    Fact,
    GoodsReceived,
    InvoiceCancelled,
    InvoiceReceived,
    OrderPlaced,
    Outcome,
    VarianceAccepted,
)
from tieout.policy.tolerances import Limit, Tolerances

LAX = replace(POLICY, tolerances={"default": Tolerances(price=Limit(kind="unlimited"))})
THREE, TWO = CashDiscount(date(2026, 5, 6), eur("3")), CashDiscount(date(2026, 5, 10), eur("2"))
APPROVED = ApprovalDecided(approved=True, approver="cora")


class Desk(Company):
    """One supplier with an order of a hundred pieces that have come. It is 4 May."""

    def __init__(self) -> None:
        super().__init__(company(memory_store()).store)
        lines = (replace(ORDER.lines[0], quantity=Decimal(100)),)
        self.count = 100
        self.says(ORDER_SUBJECT, OrderPlaced(order=replace(ORDER, lines=lines)), "system:erp")
        self.says(ORDER_SUBJECT, GoodsReceived(receipt=receipt("100")), "system:erp")

    def says(self, subject: str, fact: Fact, actor: str = "person:bea") -> None:
        self.tell(fact, SUPPLIER.supplier_id, subject, actor)
        self.run()

    def arrives(self, name: str, price: str, quantity: str, **changes: Any) -> Invoice:
        invoice = bill(quantity, price, name, discounts=(THREE, TWO), **changes)
        self.says(name, InvoiceReceived(invoice=invoice, channel="email"), "system:ap")
        return invoice

    def posted(self, name: str, invoice: Invoice) -> None:  # type: ignore[override]
        outcome = Outcome(status="applied", reference=name, posting=posting(invoice, name))
        name_of = effect_id("erp", PostInvoice.operation, name)
        self.says(name, EffectSettled(name_of, "erp", PostInvoice.operation, name, outcome), "system:erp")

    def day(self, day: int) -> None:
        self.clock.move(datetime(2026, 5, day, 8, tzinfo=UTC) - self.clock.now())


@pytest.fixture(scope="module")
def desk() -> Desk:
    desk = Desk()
    in_time, waits, held, off = (
        desk.arrives(name, price, quantity)
        for name, price, quantity in (
            ("A-1", "10", "1"),
            ("B-22", "12", "2"),
            ("C-333", "12", "3"),
            ("D-4444", "12", "4"),
        )
    )
    assert len({one.gross for one in (in_time, waits, held, off)}) == 4
    desk.says("A-1", APPROVED)
    desk.posted("A-1", in_time)
    desk.day(8)
    desk.says("B-22", VarianceAccepted(reason="agreed"), "person:paul")
    desk.says("B-22", APPROVED)
    desk.posted("B-22", waits)
    desk.day(12)
    desk.says("D-4444", InvoiceCancelled(reason="wrong"))
    return desk


def test_what_was_lost_then_and_what_would_have_been(desk: Desk) -> None:
    """One was posted two days late for the better discount; one still waits, and both discounts are gone."""
    lost = Sum(2, {"EUR": 100 + 300})
    found = what_if(desk.store, POLICY, partitions=PARTITIONS)
    assert (found.before.discounts_lost, found.after.discounts_lost, found.discounts_open) == (lost, lost, Sum())
    found = what_if(desk.store, LAX, partitions=PARTITIONS)
    assert (found.before.discounts_lost, found.after.discounts_lost) == (lost, lost)
    assert found.discounts_open == Sum(1, {"EUR": 300})


def test_what_is_not_over_yet_is_not_lost(desk: Desk) -> None:
    until = datetime(2026, 5, 8, tzinfo=UTC)
    found = what_if(desk.store, POLICY, partitions=PARTITIONS, end=until - timedelta(days=2))
    assert found.before.discounts_lost == Sum(0, {}), "on the 6th the better one may still be taken"
    found = what_if(desk.store, POLICY, partitions=PARTITIONS, end=until + timedelta(days=1))
    assert found.before.discounts_lost == Sum(3, {"EUR": 300}), "on the 8th all but one have lost it"


def test_it_is_told_in_words(capsys: pytest.CaptureFixture[str]) -> None:
    before, after = Side(discounts_lost=Sum(2, {"EUR": 400, "USD": 100})), Side(discounts_lost=Sum(1, {"EUR": 300}))
    trial = WhatIf(policy="p", before=before, after=after)
    for found, told in (
        (
            replace(trial, discounts_open=Sum(1, {"EUR": 300})),
            "discounts lost: 4.00 EUR, 1.00 USD on 2 invoices then, 3.00 EUR on 1 invoice under the changed policy"
            " (3.00 EUR on 1 invoice of it only if those whom nobody asked then would have been too late)",
        ),
        (replace(trial, after=Side()), "on 2 invoices then, none under the changed policy\n"),
    ):
        show(found, "title")
        assert told in capsys.readouterr().out
    show(WhatIf(policy="p"), "title")
    assert "discounts" not in capsys.readouterr().out


def life(**changes: Any) -> Life:
    arrived = to_micros(datetime(2026, 5, 4, 8, tzinfo=UTC))
    made = Life("R-1", "Schrauben AG", "de", eur("100"), arrived, (THREE, TWO))
    for name, value in changes.items():
        setattr(made, name, value)
    return made


@pytest.mark.parametrize(
    ("day", "changes", "lost"),
    [
        pytest.param(4, {}, 0, id="at once"),
        pytest.param(6, {}, 0, id="on the last day of the better one"),
        pytest.param(7, {}, 100, id="the lesser one is left"),
        pytest.param(10, {}, 100, id="on the last day of all"),
        pytest.param(11, {}, 300, id="nothing is left"),
        pytest.param(11, {"discounts": ()}, 0, id="none was offered"),
        pytest.param(
            11, {"received_at": to_micros(datetime(2026, 5, 8, tzinfo=UTC))}, 200, id="it came too late for one"
        ),
        pytest.param(20, {"received_at": to_micros(datetime(2026, 5, 12, tzinfo=UTC))}, 0, id="it came too late"),
        pytest.param(11, {"status": "cancelled"}, 0, id="it will not be paid"),
        pytest.param(11, {"status": "duplicate"}, 0, id="it is paid with another"),
        pytest.param(11, {"status": "suspect"}, 300, id="it waits for a person"),
        pytest.param(11, {"denied": True}, 0, id="the approver said no"),
        pytest.param(11, {"denied": True, "posted_at": 1}, 300, id="the approver said no, and the ERP has it"),
    ],
)
def test_what_is_lost_of_one(day: int, changes: dict[str, Any], lost: int) -> None:
    assert life(**changes).discount_lost(to_micros(datetime(2026, 5, day, 23, 59, tzinfo=UTC))) == lost


def test_a_credit_note_loses_nothing() -> None:
    desk = Desk()
    desk.arrives("CN-1", "10", "1", kind=InvoiceKind.CREDIT_NOTE)
    desk.day(20)
    desk.says("CN-1", ApprovalDecided(approved=False, approver="cora"))
    desk.says("CN-1", APPROVED)
    assert what_if(desk.store, POLICY, partitions=PARTITIONS).before.discounts_lost == Sum(0, {})
