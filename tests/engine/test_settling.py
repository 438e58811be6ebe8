"""A month of withdrawals is settled by a timer that outlives its worker, once, whatever else asks for it."""

from datetime import UTC, date, datetime
from decimal import Decimal

from msgspec.structs import replace
from tests.engine.kit import PARTITIONS, START
from tests.processes.company import ORDER, POLICY, SUPPLIER, SUPPLIER_ID, receipt

from tieout.engine.intake import Intake
from tieout.engine.originals import Originals
from tieout.engine.rebuild import rebuild
from tieout.engine.seal import read_partition
from tieout.engine.stores.open import memory_store
from tieout.engine.stores.port import Store
from tieout.engine.unit_of_work import UnitOfWork
from tieout.kernel.clock import VirtualClock
from tieout.model.documents import ReceiptLine
from tieout.model.events import Message
from tieout.model.facts import (
    Fact,
    GoodsReceived,
    OrderPlaced,
    SelfBillDrafted,
    SettlementRequested,
    SupplierProposed,
    decode_fact,
)
from tieout.processes.registry import PROCESSES

CONSIGNED = replace(ORDER.lines[0], kind="consignment", tax_code="V19", tax_rate=Decimal(19), quantity=Decimal(100))


def work(store: Store, at: datetime) -> None:
    """A worker starts anew, works until nothing is left, and is gone."""
    clock = VirtualClock(at)
    unit = UnitOfWork(store, PROCESSES, POLICY, clock, partitions=PARTITIONS, lane_of=lambda *about: "lane")
    while unit.run(100):
        pass


def tell(store: Store, at: datetime, *facts: Fact) -> None:
    intake = Intake(store, Originals(None), VirtualClock(at), partitions=PARTITIONS, read_document=_none, capacity=1000)
    for fact in facts:
        intake.offer([Message(source="test", key=f"{at}/{fact}", data=fact, entity="de")])
        work(store, at)


def _none(*about: object) -> None:
    raise AssertionError("no document comes in this story")


def withdrawn(quantity: int, on: date) -> GoodsReceived:
    moved = (ReceiptLine(order_line_id="1", quantity=Decimal(quantity)),)
    return GoodsReceived(receipt=replace(receipt(receipt_id=f"W-{on}", on=on), kind="withdrawal", lines=moved))


def drafted(store: Store) -> list[SelfBillDrafted]:
    rows = (row for partition in range(PARTITIONS) for row in read_partition(store, partition))
    found = (decode_fact(row.type, row.data) for row in rows)
    return [fact for fact in found if isinstance(fact, SelfBillDrafted)]


def test_a_month_is_settled_once_however_often_workers_start_and_people_ask() -> None:
    store = memory_store()
    tell(store, START, SupplierProposed(supplier=replace(SUPPLIER, settled_on_receipt=True, payment_terms_days=14)))
    tell(store, START, OrderPlaced(order=replace(ORDER, lines=(CONSIGNED,))))
    tell(store, START, withdrawn(4, date(2026, 5, 4)), withdrawn(3, date(2026, 5, 3)))
    work(store, datetime(2026, 5, 31, 23, 59, tzinfo=UTC))
    assert drafted(store) == []
    for hour in (6, 7, 8):
        work(store, datetime(2026, 6, 1, hour, tzinfo=UTC))
    asked = SettlementRequested(entity="de", order_id="PO-1", supplier_id=SUPPLIER_ID, through=date(2026, 5, 31))
    tell(store, datetime(2026, 6, 2, tzinfo=UTC), asked)
    work(store, datetime(2026, 9, 1, tzinfo=UTC))
    (one,) = drafted(store)
    assert (one.invoice.net.minor, one.through, one.post_on, one.note) == (
        7000, date(2026, 5, 31), date(2026, 5, 31), "",
    )  # fmt: skip
    assert rebuild(store, PROCESSES).differences == ()
