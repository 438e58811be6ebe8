"""Invoices that are posted on hold, through the store: what lists, runs and the workbench see, and what-if."""

from pathlib import Path

import pytest
from msgspec.structs import replace
from tests.engine.test_discounts_lost import APPROVED, Desk, company
from tests.engine.test_duplicates import PARTITIONS
from tests.processes.company import ORDER, ORDER_SUBJECT, POLICY, receipt

from tieout.engine.queries.database import Database
from tieout.engine.queries.liabilities import InvoiceFilter, list_invoices, payable_by_due, totals_of
from tieout.engine.queries.words import say
from tieout.engine.queries.workbench import workbench
from tieout.engine.rebuild import rebuild
from tieout.engine.seal import read_partition
from tieout.engine.stores.open import memory_store, open_store, prepare
from tieout.engine.stores.port import Store
from tieout.engine.unit_of_work import UnitOfWork
from tieout.engine.what_if import Sum, what_if
from tieout.model.documents import Invoice
from tieout.model.facts import (
    Fact,
    GoodsReceived,
    InvoiceMatched,
    MatchFailed,
    OrderPlaced,
    VarianceAccepted,
    decode_fact,
)
from tieout.policy.policy import Policy
from tieout.policy.tolerances import Tolerances
from tieout.processes.registry import PROCESSES

HOLDING = replace(POLICY, tolerances={"default": Tolerances(on_variance="post_on_hold")})
BEA = "person:bea"


class Town(Desk):
    """A company under a policy of its own. Half of what was ordered has come."""

    def __init__(self, store: Store, policy: Policy) -> None:
        self.policy = policy
        self.store, self.count = store, 0
        made = company(store)
        self.clock, self.count = made.clock, 100
        self.says(ORDER_SUBJECT, OrderPlaced(order=ORDER), "system:erp")
        self.says(ORDER_SUBJECT, GoodsReceived(receipt=receipt("5")), "system:erp")

    def worker(self, store: Store | None = None) -> UnitOfWork:
        def lane(connector: str, operation: str, entity: str) -> str:
            return connector

        return UnitOfWork(store or self.store, PROCESSES, self.policy, self.clock, partitions=PARTITIONS, lane_of=lane)

    def approved(self, name: str, quantity: str, price: str = "10") -> Invoice:
        """It arrives, it is approved; the ERP posts what it is asked to."""
        invoice = self.arrives(name, price, quantity)
        self.says(name, APPROVED, "system:ap")
        if name in self.posted_keys():
            self.posted(name, invoice)
        return invoice

    def posted_keys(self) -> set[str]:
        return {row["key"] for row in self.store.read_table("effect", None) if row["operation"] == "post_invoice"}


def town(policy: Policy = HOLDING, store: Store | None = None) -> Town:
    made = Town(store or memory_store(), policy)
    made.approved("A-1", "4")
    made.approved("B-22", "6")
    return made


def test_lists_and_the_workbench_say_that_it_is_posted_on_hold(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'books.db'}"
    prepare(url)
    store = open_store(url)
    made = town(store=store)
    assert made.statuses() == {"A-1": "posted", "B-22": "posted_on_hold"}
    database = Database(url)
    with database.read() as sql:
        (held,) = list_invoices(sql, InvoiceFilter(status="posted_on_hold"), None).items
        owed = list_invoices(sql, InvoiceFilter(payable=True), None).items
        (due,) = payable_by_due(sql, made.clock.now().date(), None)
        (on_hold,) = totals_of(sql, "on_hold", None)
        bench = workbench(sql, "B-22", None)
    database.close()
    assert (held.invoice_id, held.reason) == ("B-22", "on hold: quantity received")
    assert [one.invoice_id for one in owed] == ["A-1", "B-22"], "it is owed like any other"
    assert (due.count, on_hold.count, str(on_hold.amount)) == (2, 1, "71.40 EUR")
    assert bench is not None
    assert (bench.counted, bench.hold, bench.looks[0].hold) == (True, ("quantity received",), ("quantity received",))
    assert rebuild(store, PROCESSES).differences == ()


def test_its_release_is_on_record() -> None:
    made = town()
    made.says(ORDER_SUBJECT, GoodsReceived(receipt=receipt("5", "GR-2")), "system:erp")
    assert made.statuses() == {"A-1": "posted", "B-22": "posted"}
    assert made.facts(InvoiceMatched) == ["A-1", "B-22"]
    assert rebuild(made.store, PROCESSES).differences == ()


def test_what_happened_is_told_in_words() -> None:
    made = town()
    made.says(ORDER_SUBJECT, GoodsReceived(receipt=receipt("5", "GR-2")), "system:erp")
    (failed,), (matched,) = (_facts(made, "B-22", kind) for kind in (MatchFailed, InvoiceMatched))
    assert say(failed).headline == "Does not match; goes on, on hold (quantity received)"
    assert say(matched).detail == "with order PO-1; on hold no more (quantity received)"


def _facts(made: Town, subject: str, kind: type[Fact]) -> list[Fact]:
    logs = (read_partition(made.store, partition) for partition in made.store.log_heads())
    rows = (row for log in logs for row in log if row.subject == subject and row.type == kind.type)
    return [decode_fact(row.type, row.data) for row in rows]


def test_what_if_they_were_posted_on_hold() -> None:
    made = town(POLICY)
    assert made.statuses() == {"A-1": "posted", "B-22": "mismatched"}
    found = what_if(made.store, HOLDING, partitions=PARTITIONS)
    told = {one.number: (one.before.result, one.after.result) for one in found.changes}
    assert told == {"B-22": ("held", "on_hold")}
    assert (found.before.results["held"], found.after.results["on_hold"]) == (Sum(1, {"EUR": 7140}),) * 2
    assert (found.before.touchless, found.after.touchless, found.undecided) == (1, 1, 0)
    assert (found.passing, found.stopping) == ({}, {})
    assert found.effects_captured > 0
    same = what_if(made.store, POLICY, partitions=PARTITIONS)
    assert (same.changes, same.after) == ((), same.before)


def test_what_if_they_had_waited() -> None:
    made = town()
    found = what_if(made.store, POLICY, partitions=PARTITIONS)
    assert {one.number: (one.before.result, one.after.result) for one in found.changes} == {"B-22": ("on_hold", "held")}
    assert (found.before.posted, found.after.posted) == (2, 1)
    assert (found.before.touchless, found.after.touchless) == (1, 1)
    same = what_if(made.store, HOLDING, partitions=PARTITIONS)
    assert (same.changes, same.after) == ((), same.before)


def test_a_discount_is_lost_as_long_as_a_hold_keeps_it_from_being_paid() -> None:
    made = town()
    made.day(20)
    made.says(ORDER_SUBJECT, GoodsReceived(receipt=receipt("1", "GR-3")), "system:erp")
    lost = what_if(made.store, HOLDING, partitions=PARTITIONS).before.discounts_lost
    assert lost == Sum(1, {"EUR": 300})
    made.says(ORDER_SUBJECT, GoodsReceived(receipt=receipt("4", "GR-2")), "system:erp")
    assert made.statuses()["B-22"] == "posted"
    assert what_if(made.store, HOLDING, partitions=PARTITIONS).before.discounts_lost == Sum(1, {"EUR": 300})


@pytest.mark.parametrize("touched", [True, False])
def test_touchless_is_what_no_human_being_released(touched: bool) -> None:
    made = town()
    if touched:
        made.says("B-22", VarianceAccepted(reason="they came"), BEA)
    else:
        made.says(ORDER_SUBJECT, GoodsReceived(receipt=receipt("5", "GR-2")), "system:erp")
    assert made.statuses()["B-22"] == "posted"
    found = what_if(made.store, HOLDING, partitions=PARTITIONS)
    assert (found.before.touchless, found.changes) == (1 if touched else 2, ())
