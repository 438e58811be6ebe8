"""Facts from outside find their home; every fact that a process handles is known, and every process is listed."""

import pytest
from tests.processes.company import ORDER, ORDER_SUBJECT, SUPPLIER, SUPPLIER_ID, bill, receipt

from tieout.engine.scope import dispatch_table
from tieout.model.documents import CloseTask
from tieout.model.facts import (
    AccrualRequested,
    ApprovalDecided,
    Fact,
    GoodsReceived,
    InvoiceReceived,
    OrderPlaced,
    SupplierProposed,
    TaskChanged,
)
from tieout.processes.address import address, supplier_id_of
from tieout.processes.registry import PROCESSES

HOME = f"supplier/{SUPPLIER_ID}"


@pytest.mark.parametrize(
    ("fact", "expected"),
    [
        (SupplierProposed(supplier=SUPPLIER), (HOME, SUPPLIER_ID)),
        (OrderPlaced(order=ORDER), (HOME, ORDER_SUBJECT)),
        (GoodsReceived(receipt=receipt()), (HOME, ORDER_SUBJECT)),
        (
            AccrualRequested(entity="de", period="2026-05", order_id="PO-1", supplier_id=SUPPLIER_ID),
            (HOME, ORDER_SUBJECT),
        ),
        (InvoiceReceived(invoice=bill(), channel="portal"), (HOME, "")),
        (
            TaskChanged(task=CloseTask(task_id="t", entity="de", period="2026-05", name="x", done=True)),
            ("close/de", "de/2026-05"),
        ),
        (ApprovalDecided(approved=True, approver="anna"), None),
    ],
)
def test_a_fact_finds_its_home(fact: Fact, expected: tuple[str, str] | None) -> None:
    assert address(fact) == expected


def test_a_supplier_is_one_however_its_number_is_written() -> None:
    assert supplier_id_of("DE 136.695-976") == supplier_id_of("de136695976") == SUPPLIER_ID


def test_process_names_are_unique_and_the_table_holds_them_all() -> None:
    names, table = [process.name for process in PROCESSES], dispatch_table(PROCESSES)
    assert len(names) == len(set(names))
    assert [process.name for process, _ in table[InvoiceReceived]] == ["invoice", "hands"]
    for process in PROCESSES:
        assert all(process in [one for one, _ in table[fact]] for fact in process.routes)
