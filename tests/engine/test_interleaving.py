"""Messages of different sources may come in any order: what finally stands of every invoice is the same.

Through the real unit of work, several at a time in one batch. Each source tells its own facts in order; how the sources
are mixed is chance. Every invoice bills an order line of its own: two that compete for the same goods are served in the
order they come, which is no matter of matching. Neither is which of several receipts is billed when the invoice names
none: the oldest that count by then, so how much of the order line is billed is compared, and not of which receipt.
"""

from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from typing import Any

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace
from tests.engine.kit import PARTITIONS, START
from tests.processes.company import ORDER, POLICY, SUPPLIER, SUPPLIER_ID, bill, receipt

from tieout.engine.intake import Intake
from tieout.engine.originals import Originals
from tieout.engine.rebuild import rebuild
from tieout.engine.seal import read_partition
from tieout.engine.stores.open import memory_store
from tieout.engine.stores.port import Store
from tieout.engine.unit_of_work import UnitOfWork
from tieout.kernel.clock import VirtualClock
from tieout.kernel.money import Money
from tieout.matching.orders import LinePosition
from tieout.model.documents import OrderChange, OrderLine, ReceiptLine, UnitFactor
from tieout.model.events import Message
from tieout.model.facts import (
    Fact,
    GoodsReceived,
    InvoiceMatched,
    InvoiceReceived,
    MatchFailed,
    OrderChanged,
    OrderPlaced,
    SupplierProposed,
    decode_fact,
)
from tieout.model.verdict import Allocation
from tieout.processes import invoice as invoices
from tieout.processes import order as orders
from tieout.processes.registry import PROCESSES

LINES = ("1", "2", "3")
BOX = UnitFactor(unit="BX", factor=Decimal(12))
TWELFTH = UnitFactor(unit="EA", factor=Decimal(1), per=Decimal(12))
line_kinds = st.sampled_from(
    [
        {},
        {"acceptance_required": True},
        {"kind": "consignment"},
        {"kind": "drop_shipment"},
        {"receipt_required": False},
        {"matched_to": "receipt"},
    ]
)
deliveries = st.lists(
    st.tuples(
        st.sampled_from(LINES),
        st.integers(1, 12),
        st.sampled_from(["", "EA", "BX"]),
        st.sampled_from(["receipt", "receipt", "inspection", "withdrawal", "delivery"]),
    ),
    max_size=8,
)


def order_line(
    line_id: str, kind: dict[str, Any], units: tuple[UnitFactor, ...], quantity: int, price: int
) -> OrderLine:
    line = replace(ORDER.lines[0], line_id=line_id, units=units, quantity=Decimal(quantity), unit_price=Decimal(price))
    return replace(line, **kind)


@st.composite
def companies(draw: st.DrawFn) -> dict[str, list[Fact]]:
    """What each source has to say, in its own order."""
    kinds = {line_id: draw(line_kinds) for line_id in LINES}
    first = draw(st.sampled_from([(), (BOX,)]))
    lines = tuple(order_line(line_id, kinds[line_id], first, 10, 10) for line_id in LINES)
    in_boxes = draw(st.booleans())
    later = tuple(order_line(line_id, kinds[line_id], (BOX,), 30, 11) for line_id in LINES)
    if in_boxes:
        boxes = [order_line(line_id, kinds[line_id], (TWELFTH,), 4, 132) for line_id in LINES]
        later = tuple(replace(line, unit="BX") for line in boxes)
    change = OrderChange(
        change_id="CH-1",
        order_id="PO-1",
        entity="de",
        supplier_id=SUPPLIER_ID,
        changed_on=date(2026, 5, 1),
        lines=later,
    )
    procurement: list[Fact] = [OrderPlaced(order=replace(ORDER, lines=lines))]
    procurement += [OrderChanged(change=change)] if draw(st.booleans()) else []
    warehouse: list[Fact] = []
    for number, (line_id, quantity, unit, kind) in enumerate(draw(deliveries)):
        named = unit or ("EA" if in_boxes else "")  # without a unit it could mean either
        told = ReceiptLine(order_line_id=line_id, quantity=Decimal(quantity), unit=named)
        warehouse.append(GoodsReceived(receipt=replace(receipt(receipt_id=f"GR-{number}"), lines=(told,), kind=kind)))
    platform: list[Fact] = []
    for line_id in draw(st.permutations(LINES)):
        quantity, price = draw(st.sampled_from(["5", "10", "24", "31"])), draw(st.sampled_from(["10", "11", "12"]))
        document = bill(quantity, price, f"R-{line_id}", order_line_id=line_id)
        platform.append(InvoiceReceived(invoice=document, channel="ap", system_id=f"ap-{line_id}"))
    return {
        "master": [SupplierProposed(supplier=SUPPLIER)],
        "procurement": procurement,
        "warehouse": warehouse,
        "ap": platform,
    }


def play(said: dict[str, list[Fact]], order: Sequence[str], batch: int) -> Store:
    """Tell it in one order of the sources, in batches, as a worker does."""
    store, clock = memory_store(), VirtualClock(START)
    intake = Intake(store, Originals(None), clock, partitions=PARTITIONS, read_document=_unread, capacity=1000)
    work = UnitOfWork(store, PROCESSES, POLICY, clock, partitions=PARTITIONS, lane_of=lambda *about: "lane")
    at = dict.fromkeys(said, 0)
    for number, source in enumerate(order):
        fact, at[source] = said[source][at[source]], at[source] + 1
        intake.offer([Message(source=source, key=str(at[source]), data=fact, entity="de")])
        if number % batch == 0:
            work.run(100)
    while work.run(100):
        pass
    return store


def stands(store: Store) -> dict[str, Any]:
    """What finally stands: of each invoice its status, what it bills and its last verdict; the order as matching sees it."""
    rows = {(row["process"], row["subject"]): row["data"] for row in store.read_table("state", None)}
    found: dict[str, Any] = {}
    for (process, _), data in rows.items():
        if process == "invoice":
            state = msgspec.json.decode(data, type=invoices.State)
            found[state.invoice.number] = (state.status, by_order_line(state.allocations))
        elif process == "order":
            position = msgspec.json.decode(data, type=orders.State).position
            assert position is not None
            found["order"] = replace(
                position, lines={one: without_billed(line) for one, line in position.lines.items()}
            )
    return found | verdicts(store)


def by_order_line(allocations: Sequence[Allocation]) -> dict[str, tuple[Decimal, Money]]:
    """What an invoice bills of each order line, of whichever receipts."""
    found: dict[str, tuple[Decimal, Money]] = {}
    for one in allocations:
        quantity, net = found.get(one.order_line_id, (Decimal(0), Money.zero(one.net.currency)))
        found[one.order_line_id] = (quantity + one.quantity, net + one.net)
    return found


def without_billed(line: LinePosition) -> LinePosition:
    """The line without how much of each of its receipts is billed."""
    return replace(line, receipts={one: replace(its, billed=Decimal(0)) for one, its in line.receipts.items()})


def verdicts(store: Store) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for number in sorted(store.log_heads()):
        for row in read_partition(store, number):
            data = decode_fact(row.type, row.data)
            if isinstance(data, InvoiceMatched | MatchFailed):
                found[f"verdict {row.subject}"] = data.verdict.problems
    return found


@settings(max_examples=25, deadline=None)
@given(companies(), st.randoms(use_true_random=False), st.integers(1, 4))
def test_the_order_of_sources_changes_no_final_verdict(said: dict[str, list[Fact]], chance: Any, batch: int) -> None:
    plain = [source for source, facts in said.items() for _ in facts]
    mixed = chance.sample(plain, len(plain))
    one, other = play(said, plain, 1), play(said, mixed, batch)
    assert stands(other) == stands(one)
    assert rebuild(other, PROCESSES).differences == ()


def _unread(*about: object) -> Any:
    raise AssertionError("there are no documents in this story")
