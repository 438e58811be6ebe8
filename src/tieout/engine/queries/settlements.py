"""What we may bill ourselves for, and what we may not, with the reasons: the test mode of settlement on receipt."""

from collections.abc import Iterator
from datetime import date
from decimal import Decimal

import msgspec
from msgspec import Struct
from sqlalchemy import Connection, select

from tieout.engine.queries.database import Reach
from tieout.engine.schema import INBOX, STATE
from tieout.kernel.clock import from_micros
from tieout.kernel.money import Money, priced
from tieout.model.documents import Supplier
from tieout.model.facts import SettlementDue, decode_fact
from tieout.policy.policy import Policy
from tieout.policy.settling import Rhythm, Run
from tieout.processes import order as orders
from tieout.processes import supplier as suppliers
from tieout.processes.address import order_subject

_ORDER = msgspec.json.Decoder(orders.State)
_SUPPLIER = msgspec.json.Decoder(suppliers.State)
#: An order with none of these words in its state has nothing to settle.
_WORDS = (b"settled_on_receipt", b"consignment", b"by_hand")


class SettlementItem(Struct, frozen=True, kw_only=True):
    """What came of an order line and is not billed by us; settleable when there are no ``reasons`` against it.

    ``rhythm`` is when the entity bills itself for such a line, ``due_on`` the day on which that happens next by itself,
    for what came until ``due_through``; nothing where no day is set.
    """

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
    rhythm: Rhythm
    due_on: date | None = None
    due_through: date | None = None


Runs = dict[str, list[Run]]
"""The days that are set for an order (its subject), the earliest first."""


def settlement_items(
    sql: Connection, policy: Policy, reach: Reach, entity: str, through: date
) -> Iterator[SettlementItem]:
    """Everything received of one entity (all, when it is empty) that is to be settled on receipt, or withdrawn from a
    consignment until the end of the period of ``through``; and when that happens by itself."""
    runs = _runs(sql)
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
        subject = order_subject(state.entity, state.position.order_id, supplier_id)
        yield from _items(state, known[supplier_id], through, policy, runs.get(subject, []))


def _runs(sql: Connection) -> Runs:
    """The timers of all orders that wait for their day."""
    waits = (INBOX.c.status == "ready") & (INBOX.c.due_at > 0) & (INBOX.c.type == SettlementDue.type)
    found: Runs = {}
    for row in sql.execute(select(INBOX.c.subject, INBOX.c.data, INBOX.c.due_at).where(waits).order_by(INBOX.c.due_at)):
        fact = decode_fact(SettlementDue.type, bytes(row.data))
        assert isinstance(fact, SettlementDue)
        found.setdefault(row.subject, []).append(Run(fact.through, from_micros(row.due_at).date()))
    return found


def _supplier(sql: Connection, supplier_id: str) -> Supplier | None:
    key = (STATE.c.process == "supplier") & (STATE.c.subject == supplier_id)
    row = sql.execute(select(STATE.c.data).where(key)).one_or_none()
    state = _SUPPLIER.decode(row.data) if row else None
    return state.supplier if state and state.status == "active" else None


def _items(
    state: orders.State, supplier: Supplier | None, through: date, policy: Policy, runs: list[Run]
) -> Iterator[SettlementItem]:
    known = state.position
    assert known is not None
    rules = policy.settlement_of(state.entity)
    for item in orders.items(state, supplier, through):
        line = known.lines[item.line_id]
        kind = orders.kind_of(line)
        run = None if item.reasons else next((one for one in runs if kind in rules.due(one.through)), None)
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
            rhythm=rules.of(kind),
            due_on=run.due_on if run else None,
            due_through=run.through if run else None,
        )
