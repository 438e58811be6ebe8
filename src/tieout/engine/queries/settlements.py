"""What we may bill ourselves for, and what we may not, with the reasons: the test mode of settlement on receipt."""

from collections.abc import Iterator
from datetime import date
from decimal import Decimal

import msgspec
from msgspec import Struct
from sqlalchemy import Connection, select

from tieout.engine.queries.database import Reach
from tieout.engine.schema import STATE
from tieout.kernel.money import Money, priced
from tieout.model.documents import Supplier
from tieout.processes import order as orders
from tieout.processes import supplier as suppliers

_ORDER = msgspec.json.Decoder(orders.State)
_SUPPLIER = msgspec.json.Decoder(suppliers.State)
#: An order with none of these words in its state has nothing to settle.
_WORDS = (b"settled_on_receipt", b"consignment", b"by_hand")


class SettlementItem(Struct, frozen=True, kw_only=True):
    """What came of an order line and is not billed by us; settleable when there are no ``reasons`` against it."""

    entity: str
    supplier_id: str
    supplier_name: str
    order_id: str
    line_id: str
    receipt_id: str
    quantity: Decimal
    unit: str
    amount: Money
    reasons: tuple[str, ...]


def settlement_items(sql: Connection, reach: Reach, entity: str, through: date) -> Iterator[SettlementItem]:
    """Everything received of one entity (all, when it is empty) that is to be settled on receipt, or withdrawn from a
    consignment until the end of the period of ``through``."""
    known: dict[str, Supplier | None] = {}
    rows = sql.execute(select(STATE.c.data).where(STATE.c.process == "order").order_by(STATE.c.subject))
    for row in rows:
        if not any(word in row.data for word in _WORDS):
            continue
        state = _ORDER.decode(row.data)
        if state.position is None or (entity and state.entity != entity):
            continue
        if reach is not None and state.entity not in reach:
            continue
        supplier_id = state.position.supplier_id
        if supplier_id not in known:
            known[supplier_id] = _supplier(sql, supplier_id)
        yield from _items(state, known[supplier_id], through)


def _supplier(sql: Connection, supplier_id: str) -> Supplier | None:
    key = (STATE.c.process == "supplier") & (STATE.c.subject == supplier_id)
    row = sql.execute(select(STATE.c.data).where(key)).one_or_none()
    state = _SUPPLIER.decode(row.data) if row else None
    return state.supplier if state and state.status == "active" else None


def _items(state: orders.State, supplier: Supplier | None, through: date) -> Iterator[SettlementItem]:
    known = state.position
    assert known is not None
    for item in orders.items(state, supplier, through):
        line = known.lines[item.line_id]
        yield SettlementItem(
            entity=state.entity,
            supplier_id=known.supplier_id,
            supplier_name=supplier.name if supplier else "",
            order_id=known.order_id,
            line_id=item.line_id,
            receipt_id=item.receipt_id,
            quantity=item.quantity,
            unit=line.unit,
            amount=priced(item.quantity, line.unit_price, line.price_per, known.currency),
            reasons=item.reasons,
        )
