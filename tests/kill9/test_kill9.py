"""kill -9 in the middle of everything: real processes, a real PostgreSQL, an ERP that counts. Nothing lost or doubled."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest
from tests.kill9.stub import Books, serving
from tests.kill9.worker import PARTITIONS, POLICY, intake_of

from tieout.engine.intake import invoice_id
from tieout.engine.rebuild import rebuild
from tieout.engine.seal import verify
from tieout.engine.stores.open import open_store
from tieout.engine.stores.port import Store
from tieout.kernel.money import Money
from tieout.model.documents import Invoice, InvoiceKind, InvoiceLine, Supplier
from tieout.model.events import Message
from tieout.model.facts import ApprovalDecided, ApprovalDue, InvoiceReceived, SupplierProposed, supplier_home
from tieout.processes.address import supplier_id_of
from tieout.processes.registry import PROCESSES

INVOICES = 300
SUPPLIERS = 12
TAKEOVER_SECONDS_MAX = 15.0
ROOT = Path(__file__).parents[2]

assert POLICY.entities


def supplier(number: int) -> Supplier:
    tax_id = f"US{10_000 + number}"
    return Supplier(supplier_id=supplier_id_of(tax_id), name=f"Supplier {number}", tax_id=tax_id)


def invoice(number: int) -> Invoice:
    sender, net = supplier(number % SUPPLIERS), Money(10_000 + 997 * number, "EUR")
    line = InvoiceLine(line_id="1", quantity=Decimal(1), unit="EA", unit_price=net.amount, net=net)
    return Invoice(
        kind=InvoiceKind.INVOICE,
        number=f"R-{number}",
        entity="DE01",
        supplier_id=sender.supplier_id,
        supplier_tax_id=sender.tax_id,
        supplier_name=sender.name,
        currency="EUR",
        issued_on=date(2026, 5, 4),
        due_on=date(2026, 6, 4),
        lines=(line,),
        net=net,
        tax=Money(0, "EUR"),
        gross=net,
    )


def messages() -> Iterator[Message]:
    for number in range(SUPPLIERS):
        yield Message(source="erp", key=f"supplier/{number}", data=SupplierProposed(supplier=supplier(number)))
    for number in range(INVOICES):
        document = invoice(number)
        yield Message(source="mail", key=f"invoice/{number}", data=InvoiceReceived(invoice=document, channel="mail"))
        yield Message(
            source="ap",
            key=f"approval/{number}",
            data=ApprovalDecided(approved=True, approver="person:ann"),
            home=supplier_home(document.supplier_id),
            subject=invoice_id("mail", f"invoice/{number}"),
            entity="DE01",
        )


@contextmanager
def worker(database: str, stub: str, owner: str) -> Iterator[subprocess.Popen[bytes]]:
    """A worker process of our own; ended with the test, whatever happens."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.kill9.worker", database, stub, owner], cwd=ROOT, stdout=subprocess.DEVNULL
    )
    try:
        yield process
    finally:
        if process.poll() is None:
            process.kill()
        process.wait()


def until(condition: Callable[[], object], seconds: float, what: str) -> float:
    """Poll until it holds; how long it took."""
    started = time.monotonic()
    while not condition():
        if time.monotonic() - started > seconds:
            pytest.fail(f"{what}: not within {seconds} seconds")
        time.sleep(0.02)
    return time.monotonic() - started


def now() -> int:
    return time.time_ns() // 1000


def is_quiet(store: Store) -> bool:
    """Nothing to handle, nothing to send, nothing unknown. Reminders of approvals, days away, are not waited for."""
    under_way = ("ready", "leased", "unknown", "probing", "parked")
    waiting = {row["type"] for row in store.read_table("inbox", None)} - {ApprovalDue.type}
    return not waiting and not any(row["status"] in under_way for row in store.read_table("effect", None))


@pytest.mark.postgres
@pytest.mark.slow
def test_two_workers_one_killed_in_mid_flight(postgres_database: str) -> None:
    store = open_store(postgres_database)
    books = Books(drop_every=7, work_seconds=0.004)
    with ExitStack() as running:
        stub = running.enter_context(serving(books))
        victim = running.enter_context(worker(postgres_database, stub, "victim"))
        survivors = [running.enter_context(worker(postgres_database, stub, "survivor"))]
        intake_of(store).offer(list(messages()))

        until(lambda: len(books.booked) > INVOICES // 3, 20, "work under way")
        until(lambda: "victim" in store.leases("partition/", now()).values(), 20, "the victim has partitions")
        until(lambda: books.waiting["victim"], 20, "the victim is waiting for an answer")
        os.kill(victim.pid, signal.SIGKILL)
        victim.wait()
        done_before = len(books.booked)
        survivors.append(running.enter_context(worker(postgres_database, stub, "newcomer")))

        def taken_over() -> bool:
            held = store.leases("partition/", now())
            return len(held) == PARTITIONS and "victim" not in held.values()

        takeover = until(taken_over, TAKEOVER_SECONDS_MAX, "the victim's partitions are taken over")
        until(lambda: is_quiet(store), 30, "everything is done")
        for process in survivors:
            process.send_signal(signal.SIGTERM)
        assert [process.wait(10) for process in survivors] == [0, 0]

    print(f"killed after {done_before} writes; taken over in {takeover:.1f} s; {books.dropped} answers were lost")
    assert takeover < TAKEOVER_SECONDS_MAX
    assert done_before < len(books.booked), "it was killed in the middle of the work"
    audit(store, books)


def audit(store: Store, books: Books) -> None:
    expected = {f"erp.post_invoice.{invoice_id('mail', f'invoice/{number}')}" for number in range(INVOICES)}
    posted = {reference for reference in books.booked if reference.startswith("erp.post_invoice.")}
    assert {reference: times for reference, times in books.booked.items() if times > 1} == {}, "duplicates"
    assert expected - posted == set(), "losses"
    assert posted - expected == set(), "inventions"
    assert {row["status"] for row in store.read_table("view_invoice", None)} == {"posted"}
    assert len(store.read_table("view_invoice", None)) == INVOICES
    assert {row["status"] for row in store.read_table("effect", None)} == {"applied"}
    assert verify(store).sound
    assert rebuild(store, PROCESSES).differences == ()
    assert store.leases("", now()) == {}, "those that were told to stop gave everything back"
