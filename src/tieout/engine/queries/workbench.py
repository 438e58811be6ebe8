"""The matching workbench: an invoice, its orders and their receipts side by side, with what matching said of them.

Orders stand here as they are *now*; the checks of a verdict hold the numbers as they were when it was given. Where the
two differ, something has come since, and the invoice is being looked at again.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import msgspec
from msgspec import Struct
from sqlalchemy import Connection, select

from tieout.engine.queries.cases import CaseItem, cases_of
from tieout.engine.queries.database import Reach
from tieout.engine.queries.liabilities import InvoiceItem, invoices_by_id
from tieout.engine.schema import EVENT, STATE
from tieout.kernel.clock import from_micros
from tieout.matching.orders import LinePosition, OrderPosition
from tieout.model.documents import GoodsReceipt, Invoice, InvoiceLine, ReceiptKind
from tieout.model.facts import GoodsReceived, InvoiceMatched, MatchFailed, decode_fact
from tieout.model.verdict import Check, Verdict
from tieout.processes import order as orders
from tieout.processes.address import order_subject
from tieout.processes.registry import PROCESSES

#: So many receipts of one order are shown, the latest ones.
RECEIPTS_MAX = 500
_DECODERS = {process.name: msgspec.json.Decoder(process.state) for process in PROCESSES}


class Came(Struct, frozen=True, kw_only=True):
    """What came for one order line with one receipt, in the unit that stands on it."""

    receipt_id: str
    kind: ReceiptKind
    received_on: date
    quantity: Decimal
    unit: str


class Pairing(Struct, frozen=True, kw_only=True):
    """One order line beside the invoice lines that bill it. Invoice lines without an order line stand alone, and so do
    order lines that this invoice does not bill. ``checks`` are those of the last verdict about these lines."""

    order_id: str
    order_line_id: str
    lines: tuple[InvoiceLine, ...]
    position: LinePosition | None
    receipts: tuple[Came, ...]
    checks: tuple[Check, ...]

    @property
    def failed(self) -> tuple[Check, ...]:
        """The checks that did not hold."""
        return tuple(check for check in self.checks if not check.passed)

    @property
    def quantity(self) -> Decimal:
        """What this invoice bills on the order line, all its lines together, as they are written."""
        return sum((line.quantity for line in self.lines), Decimal(0))


class Look(Struct, frozen=True, kw_only=True):
    """One verdict: when, under which version of the policy, and who accepted what was found, if somebody did."""

    at: datetime
    matched: bool
    policy: str
    accepted_by: str
    verdict: Verdict


class Workbench(Struct, frozen=True, kw_only=True):
    """Everything that matching looks at for one invoice. ``looks`` are all verdicts, the last one first; ``whole`` are
    the checks of the last one that are about the document and not about a line."""

    invoice_id: str
    item: InvoiceItem
    invoice: Invoice
    pairings: tuple[Pairing, ...]
    unbilled: tuple[Pairing, ...]
    unknown_orders: tuple[str, ...]
    whole: tuple[Check, ...]
    looks: tuple[Look, ...]
    cases: tuple[CaseItem, ...]

    @property
    def verdict(self) -> Verdict | None:
        """What matching said last; nothing when it was never asked (there is no order)."""
        return self.looks[0].verdict if self.looks else None


def workbench(sql: Connection, invoice_id: str, reach: Reach) -> Workbench | None:
    """The workbench of an invoice; nothing when it is not there, or is another legal entity's."""
    item = invoices_by_id(sql, (invoice_id,), reach).get(invoice_id)
    if item is None:
        return None
    invoice = _states(sql, "invoice", (invoice_id,))[invoice_id].invoice
    looks = _looks(sql, invoice_id)
    checks = looks[0].verdict.checks if looks else ()
    subjects = _orders_of(invoice, looks)
    found = _states(sql, "order", subjects.values())
    positions = {order_id: orders.position(found.get(subject)) for order_id, subject in subjects.items()}
    known = {order_id: position for order_id, position in positions.items() if position is not None}
    receipts = _receipts(sql, subjects)
    return Workbench(
        invoice_id=invoice_id,
        item=item,
        invoice=invoice,
        pairings=_pair(invoice, known, receipts, checks),
        unbilled=_unbilled(invoice, known, receipts),
        unknown_orders=tuple(order_id for order_id in subjects if order_id not in known),
        whole=tuple(check for check in checks if not _lines_of(check) & {line.line_id for line in invoice.lines}),
        looks=looks,
        cases=tuple(case for case in cases_of(sql, (invoice_id,), reach) if case.status == "open"),
    )


def _states(sql: Connection, process: str, subjects: Iterable[str]) -> dict[str, Any]:
    query = select(STATE.c.subject, STATE.c.data).where(STATE.c.process == process, STATE.c.subject.in_(list(subjects)))
    return {row.subject: _DECODERS[process].decode(row.data) for row in sql.execute(query)}


def _looks(sql: Connection, invoice_id: str) -> tuple[Look, ...]:
    query = (
        select(EVENT.c.type, EVENT.c.data, EVENT.c.recorded_at, EVENT.c.policy)
        .where(
            EVENT.c.correlation == invoice_id,
            EVENT.c.subject == invoice_id,
            EVENT.c.type.in_((InvoiceMatched.type, MatchFailed.type)),
        )
        .order_by(EVENT.c.position.desc())
    )
    return tuple(_look(row) for row in sql.execute(query))


def _look(row: Any) -> Look:
    fact = decode_fact(row.type, row.data)
    assert isinstance(fact, InvoiceMatched | MatchFailed)
    accepted_by = fact.accepted_by if isinstance(fact, InvoiceMatched) else ""
    return Look(
        at=from_micros(row.recorded_at),
        matched=isinstance(fact, InvoiceMatched),
        policy=row.policy,
        accepted_by=accepted_by,
        verdict=fact.verdict,
    )


def _orders_of(invoice: Invoice, looks: Sequence[Look]) -> dict[str, str]:
    """The subjects of the orders that the invoice names or that matching found for it, by order id."""
    named = [line.order_id for line in invoice.lines]
    found = [allocation.order_id for look in looks[:1] for allocation in look.verdict.allocations]
    return {
        order_id: order_subject(invoice.entity, order_id, invoice.supplier_id)
        for order_id in dict.fromkeys([*named, *found])
        if order_id
    }


def _receipts(sql: Connection, subjects: Mapping[str, str]) -> dict[tuple[str, str], list[Came]]:
    """What came for each line of these orders, each receipt once however many systems told of it."""
    order_ids = {subject: order_id for order_id, subject in subjects.items()}
    query = (
        select(EVENT.c.subject, EVENT.c.data)
        .where(
            EVENT.c.correlation.in_(list(order_ids)),
            EVENT.c.subject.in_(list(order_ids)),
            EVENT.c.type == GoodsReceived.type,
        )
        .order_by(EVENT.c.position.desc())
        .limit(RECEIPTS_MAX)
    )
    found: dict[tuple[str, str], list[Came]] = {}
    seen: set[tuple[str, str]] = set()
    for row in reversed(sql.execute(query).all()):
        fact = decode_fact(GoodsReceived.type, row.data)
        assert isinstance(fact, GoodsReceived)
        if (row.subject, fact.receipt.receipt_id) in seen:
            continue
        seen.add((row.subject, fact.receipt.receipt_id))
        for line_id, came in _came(fact.receipt):
            found.setdefault((order_ids[row.subject], line_id), []).append(came)
    return found


def _came(receipt: GoodsReceipt) -> Iterable[tuple[str, Came]]:
    for line in receipt.lines:
        yield (
            line.order_line_id,
            Came(
                receipt_id=receipt.receipt_id,
                kind=receipt.kind,
                received_on=receipt.received_on,
                quantity=line.quantity,
                unit=line.unit,
            ),
        )


def _pair(
    invoice: Invoice,
    known: Mapping[str, OrderPosition],
    receipts: Mapping[tuple[str, str], list[Came]],
    checks: Sequence[Check],
) -> tuple[Pairing, ...]:
    """Invoice lines by the order line they bill, in the order of the invoice; what has no order line stands alone."""
    groups: dict[tuple[str, ...], list[InvoiceLine]] = {}
    for line in invoice.lines:
        order = known.get(line.order_id)
        paired = order is not None and line.order_line_id in order.lines
        key = (line.order_id, line.order_line_id) if paired else (line.order_id, line.order_line_id, line.line_id)
        groups.setdefault(key, []).append(line)
    return tuple(
        _pairing(order_id, line_id, lines, known, receipts, checks) for (order_id, line_id, *_), lines in groups.items()
    )


def _unbilled(
    invoice: Invoice, known: Mapping[str, OrderPosition], receipts: Mapping[tuple[str, str], list[Came]]
) -> tuple[Pairing, ...]:
    """What else was ordered with the same orders."""
    billed = {(line.order_id, line.order_line_id) for line in invoice.lines}
    return tuple(
        _pairing(order_id, line_id, [], known, receipts, ())
        for order_id, order in known.items()
        for line_id in order.lines
        if (order_id, line_id) not in billed
    )


def _pairing(
    order_id: str,
    line_id: str,
    lines: list[InvoiceLine],
    known: Mapping[str, OrderPosition],
    receipts: Mapping[tuple[str, str], list[Came]],
    checks: Sequence[Check],
) -> Pairing:
    ids = {line.line_id for line in lines}
    return Pairing(
        order_id=order_id,
        order_line_id=line_id,
        lines=tuple(lines),
        position=known[order_id].lines.get(line_id) if order_id in known else None,
        receipts=tuple(receipts.get((order_id, line_id), ())),
        checks=tuple(check for check in checks if _lines_of(check) & ids),
    )


def _lines_of(check: Check) -> set[str]:
    """The ids of the invoice lines that a check looked at."""
    return set(check.where.split("+"))
