"""No two invoices that are one claim are both posted, whoever handles them and when."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from threading import Barrier, Thread
from typing import Any

import pytest
from msgspec.structs import replace
from tests.processes.company import OTHER_IBAN, POLICY, SUPPLIER, bill, without_order

from tieout.engine.rebuild import rebuild
from tieout.engine.seal import read_partition
from tieout.engine.stores.open import memory_store, open_store
from tieout.engine.stores.port import Store
from tieout.engine.stores.rows import InboxRow
from tieout.engine.unit_of_work import UnitOfWork
from tieout.kernel.clock import VirtualClock
from tieout.kernel.ids import fingerprint, partition_of
from tieout.model.documents import BankAccount, Invoice
from tieout.model.facts import (
    ApprovalDecided,
    BankAccountChanged,
    DuplicateCleared,
    DuplicateSuspected,
    Fact,
    InvoiceReceived,
    SupplierProposed,
    encode_fact,
    supplier_home,
)
from tieout.model.identity import supplier_id_of
from tieout.processes.registry import PROCESSES

PARTITIONS = 64
NOW = datetime(2026, 5, 4, 8, tzinfo=UTC)
OTHER_TAX_ID = "DE129273398"
TWIN = replace(SUPPLIER, supplier_id=supplier_id_of(OTHER_TAX_ID), tax_id=OTHER_TAX_ID, name="Schrauben GmbH")


class Company:
    """A store, and workers on it."""

    def __init__(self, store: Store) -> None:
        self.store, self.clock, self.count = store, VirtualClock(NOW), 0

    def worker(self, store: Store | None = None) -> UnitOfWork:
        def lane(connector: str, operation: str, entity: str) -> str:
            return connector

        return UnitOfWork(store or self.store, PROCESSES, POLICY, self.clock, partitions=PARTITIONS, lane_of=lane)

    def tell(self, fact: Fact, supplier_id: str, subject: str, actor: str = "system:ap") -> None:
        self.count += 1
        data = encode_fact(fact)
        row = InboxRow(
            0, "ap", str(self.count), fingerprint(data), partition_of(supplier_home(supplier_id), PARTITIONS), "", "",
            subject, type(fact).type, "de", data, subject, "", actor, self.count, self.count, 5,
        )  # fmt: skip
        self.store.accept([row])

    def told_and_approved(self, invoice_id: str, invoice: Invoice) -> None:
        """It arrives, and its approval right behind it: everything can be decided in one unit of work."""
        self.tell(InvoiceReceived(invoice=invoice, channel="email"), invoice.supplier_id, invoice_id)
        self.tell(ApprovalDecided(approved=True, approver="cora"), invoice.supplier_id, invoice_id)

    def run(self) -> None:
        work = self.worker()
        while work.run(100):
            pass

    def statuses(self) -> dict[str, str]:
        return {row["subject"]: row["status"] for row in self.store.read_table("view_invoice", None)}

    def posted(self) -> list[str]:
        """What the ERP was asked to post."""
        return sorted(row["key"] for row in self.store.read_table("effect", None) if row["operation"] == "post_invoice")

    def facts(self, kind: type[Fact]) -> list[str]:
        logs = (read_partition(self.store, partition) for partition in self.store.log_heads())
        return sorted(row.subject for log in logs for row in log if row.type == kind.type)


def company(store: Store) -> Company:
    """Two suppliers that are paid to one account, both active."""
    made = Company(store)
    for supplier in (SUPPLIER, TWIN):
        made.tell(SupplierProposed(supplier=supplier), supplier.supplier_id, supplier.supplier_id)
    made.run()
    return made


def of_twin(invoice: Invoice) -> Invoice:
    return replace(invoice, supplier_id=TWIN.supplier_id, supplier_tax_id=OTHER_TAX_ID, supplier_name=TWIN.name)


def test_what_arrives_in_one_batch_is_compared_with_each_other() -> None:
    made = company(memory_store())
    made.told_and_approved("inv-a", without_order(number="R-1012"))
    made.told_and_approved("inv-b", without_order(number="R-1021"))
    made.told_and_approved("inv-c", of_twin(without_order(number="R-1012")))
    made.run()
    assert made.statuses() == {"inv-a": "posting", "inv-b": "suspect", "inv-c": "suspect"}
    assert made.posted() == ["inv-a"]
    assert rebuild(made.store, PROCESSES).differences == ()


def test_an_invoice_is_posted_by_a_later_unit_of_work_than_the_one_it_came_in() -> None:
    made = company(memory_store())
    made.told_and_approved("inv-a", without_order())
    made.worker().run(100)
    assert (made.statuses(), made.posted()) == ({"inv-a": "posting"}, [])
    made.worker().run(100)
    assert made.posted() == ["inv-a"]


def test_a_cleared_one_is_compared_once_more_before_it_is_posted() -> None:
    made = company(memory_store())
    made.told_and_approved("inv-a", without_order(number="R-1012"))
    made.run()
    made.tell(InvoiceReceived(invoice=without_order(number="R-1021"), channel="edi"), SUPPLIER.supplier_id, "inv-b")
    made.run()
    made.tell(DuplicateCleared(reason="two deliveries"), SUPPLIER.supplier_id, "inv-b", "person:bea")
    made.run()
    assert made.statuses()["inv-b"] == "valid"
    made.told_and_approved("inv-c", of_twin(without_order(number="R-1021")))
    made.tell(ApprovalDecided(approved=True, approver="cora"), SUPPLIER.supplier_id, "inv-b")
    made.run()
    assert made.posted() == ["inv-a", "inv-b"]
    assert made.statuses() == {"inv-a": "posting", "inv-b": "posting", "inv-c": "suspect"}
    assert rebuild(made.store, PROCESSES).differences == ()


def test_a_fingerprint_that_somebody_changed_is_found() -> None:
    store = memory_store()
    made = company(store)
    made.told_and_approved("inv-a", bill())
    made.run()
    store.connection.execute("UPDATE fingerprint SET data = replace(data, 'R100', 'R101')")
    assert {one.table for one in rebuild(store, PROCESSES).differences} == {"fingerprint"}
    store.connection.execute("DELETE FROM likeness")
    assert {one.table for one in rebuild(store, PROCESSES).differences} == {"fingerprint", "likeness"}


class _Together:
    """A store whose next unit of work writes only when the other worker's is about to write, too."""

    def __init__(self, store: Store, barrier: Barrier) -> None:
        self._store, self._barrier = store, barrier

    @contextmanager
    def unit(self) -> Iterator[Any]:
        with self._store.unit() as unit:
            yield _Waiting(unit, self)

    def wait(self) -> None:
        barrier, self._barrier = self._barrier, Barrier(1)
        barrier.wait(20)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)


class _Waiting:
    def __init__(self, unit: Any, store: _Together) -> None:
        self._unit, self._store = unit, store

    def append(self, events: Any) -> None:
        self._store.wait()
        self._unit.append(events)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._unit, name)


@pytest.mark.postgres
def test_of_two_that_workers_handle_at_one_moment_one_is_stopped(postgres_database: str) -> None:
    """Neither sees the other at its first look: both units of work are open until both have decided."""
    made = company(open_store(postgres_database))
    first, second = without_order(number="R-1012"), of_twin(without_order(number="R-1012"))
    made.told_and_approved("inv-a", first)
    made.told_and_approved("inv-b", second)
    barrier = Barrier(2)
    stores = [open_store(postgres_database) for _ in range(2)]
    partitions = [partition_of(supplier_home(one.supplier_id), PARTITIONS) for one in (first, second)]
    workers = [made.worker(_Together(store, barrier)) for store in stores]  # type: ignore[arg-type]
    threads = [Thread(target=work.run, args=(100, [here])) for work, here in zip(workers, partitions, strict=True)]
    _at_once(threads)
    assert made.facts(DuplicateSuspected) == [], "neither could see the other"
    assert (made.statuses(), made.posted()) == ({"inv-a": "posting", "inv-b": "posting"}, [])
    threads = [Thread(target=_until_quiet(work, here)) for work, here in zip(workers, partitions, strict=True)]
    _at_once(threads)
    assert len(made.posted()) <= 1
    assert len(made.facts(DuplicateSuspected)) >= 1
    assert rebuild(made.store, PROCESSES).differences == ()
    for store in (*stores, made.store):
        store.close()


def _until_quiet(work: UnitOfWork, partition: int) -> Callable[[], None]:
    def run() -> None:
        while work.run(100, [partition]):
            pass

    return run


def _at_once(threads: list[Thread]) -> None:
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


@pytest.mark.parametrize("batch", [1, 100])
def test_an_invoice_is_found_by_the_account_that_its_supplier_is_paid_to_now(batch: int) -> None:
    """The supplier moves to another account while its invoice waits; what it was found by before leads nowhere."""
    made = company(memory_store())
    made.told_and_approved("inv-a", without_order(number="R-1012"))
    made.told_and_approved("inv-c", of_twin(without_order(number="R-1012")))
    made.run()
    moved = replace(TWIN, bank_account=BankAccount(iban=OTHER_IBAN, holder=TWIN.name))
    made.tell(BankAccountChanged(supplier=moved, change_id="chg-1"), TWIN.supplier_id, TWIN.supplier_id)
    made.tell(DuplicateCleared(reason="told apart"), TWIN.supplier_id, "inv-c", "person:ida")
    while made.worker().run(batch):
        pass
    assert made.statuses()["inv-c"] == "posting"
    assert rebuild(made.store, PROCESSES).differences == ()
