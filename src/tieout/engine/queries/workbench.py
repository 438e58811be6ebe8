"""The matching workbench: an invoice, its orders and their receipts side by side, with what matching said of them.

Orders stand here as they are *now*; the checks of a verdict hold the numbers as they were when it was given. Where the
two differ, something has come since, and the invoice is being looked at again.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from fractions import Fraction
from typing import Any

import msgspec
from msgspec import Struct
from sqlalchemy import Connection, select

from tieout.engine.queries.cases import CaseItem, cases_of
from tieout.engine.queries.database import Reach
from tieout.engine.queries.liabilities import InvoiceItem, invoices_by_id
from tieout.engine.schema import EVENT, STATE
from tieout.kernel.clock import from_micros
from tieout.kernel.money import Money
from tieout.kernel.problem import Problem
from tieout.matching.assignment import filled
from tieout.matching.likeness import by_amount, in_order_unit
from tieout.matching.orders import LinePosition, OrderPosition
from tieout.model.documents import GoodsReceipt, Invoice, InvoiceLine, OrderCharge, ReceiptKind
from tieout.model.facts import GoodsReceived, InvoiceMatched, MatchFailed, decode_fact
from tieout.model.verdict import AssignedLine, Check, OrderLineChoice, Verdict
from tieout.processes import order as orders
from tieout.processes.address import order_subject
from tieout.processes.registry import PROCESSES

#: So many receipts of one order are shown, the latest ones.
RECEIPTS_MAX = 500
#: In these the invoice is billed on its orders; in all others it only wants to be.
_COUNTED = frozenset(
    (
        *("matched", "held", "posting", "posting_failed", "posting_unknown"),
        *("posted", "posted_on_hold", "reserved", "paid", "closed"),
    )
)
_DECODERS = {process.name: msgspec.json.Decoder(process.state) for process in PROCESSES}


class Came(Struct, frozen=True, kw_only=True):
    """What came for one order line with one receipt, in the unit that stands on it."""

    receipt_id: str
    kind: ReceiptKind
    received_on: date
    quantity: Decimal
    unit: str
    amount: Money | None = None


class Agreed(Struct, frozen=True, kw_only=True):
    """A condition of an order (freight, a charge, an allowance), and how much of it was billed so far."""

    charge: OrderCharge
    billed: Money


class Extent(Struct, frozen=True, kw_only=True):
    """How far an order line is ordered, received and billed, and what an invoice adds, all in one measure: the order
    line's unit, or minor units of one that is billed by amount. ``received`` is nothing where no receipt is needed."""

    ordered: Fraction
    received: Fraction | None
    billed: Fraction
    adding: Fraction


class Pairing(Struct, frozen=True, kw_only=True):
    """One order line beside the invoice lines that bill it. Invoice lines without an order line stand alone, and so do
    order lines that this invoice does not bill. ``checks`` and ``problems`` are those of the last verdict about these
    lines; ``agreed`` the conditions of the order that a line which bills no goods may be about."""

    order_id: str
    order_line_id: str
    lines: tuple[InvoiceLine, ...]
    position: LinePosition | None
    receipts: tuple[Came, ...]
    checks: tuple[Check, ...]
    problems: tuple[Problem, ...] = ()
    agreed: tuple[Agreed, ...] = ()

    @property
    def failed(self) -> tuple[Check, ...]:
        """The checks that did not hold."""
        return tuple(check for check in self.checks if not check.passed)

    @property
    def by_amount(self) -> bool:
        """Whether the order line is billed by amount (a service, a blanket order) and not by quantity."""
        return self.position is not None and by_amount(self.position)

    @property
    def quantity(self) -> Fraction | None:
        """What this invoice bills on the order line, all its lines together, in the order line's unit; nothing where
        nobody can say what a unit comes to."""
        position = self.position
        sizes = [in_order_unit(line, position) if position else None for line in self.lines]
        if None in sizes:
            return None
        return sum(
            (Fraction(line.quantity) * (one or 0) for line, one in zip(self.lines, sizes, strict=True)), Fraction(0)
        )

    @property
    def converted(self) -> bool:
        """Whether the invoice counts in another unit than the order."""
        return self.position is not None and any(line.unit != self.position.unit for line in self.lines)

    @property
    def extent(self) -> Extent | None:
        """How far the order line goes; nothing where it cannot be told in one measure."""
        position = self.position
        if position is None:
            return None
        if self.by_amount:
            return Extent(
                ordered=Fraction(position.limit_minor or 0),
                received=Fraction(position.received_minor) if position.receipt_required else None,
                billed=Fraction(position.billed_minor),
                adding=Fraction(sum(line.net.minor for line in self.lines)),
            )
        adding = self.quantity
        if adding is None:
            return None
        return Extent(
            ordered=Fraction(position.ordered),
            received=Fraction(position.received) if position.receipt_required else None,
            billed=Fraction(position.billed),
            adding=adding,
        )


class Choice(Struct, frozen=True, kw_only=True):
    """An invoice line of which a person has to say what it bills: the order lines it may be, and why that is open."""

    line: InvoiceLine
    reason: str
    alternatives: tuple[tuple[OrderLineChoice, LinePosition | None], ...]


class Look(Struct, frozen=True, kw_only=True):
    """One verdict: when, under which version of the policy, and who accepted what was found, if somebody did. ``hold``:
    what it goes on on hold for, all the same; ``released``: what it was on hold for until then."""

    at: datetime
    matched: bool
    policy: str
    accepted_by: str
    verdict: Verdict
    hold: tuple[str, ...] = ()
    released: tuple[str, ...] = ()


class Workbench(Struct, frozen=True, kw_only=True):
    """Everything that matching looks at for one invoice. ``looks`` are all verdicts, the last one first; ``whole`` are
    the checks of the last one that are about the document and not about a line. ``choices``: what a person has to
    choose; ``found``: the order lines that were found for lines which name none. ``holds``: those the ERP told of,
    ``hold`` what keeps it from being paid here."""

    invoice_id: str
    item: InvoiceItem
    invoice: Invoice
    pairings: tuple[Pairing, ...]
    unbilled: tuple[Pairing, ...]
    unknown_orders: tuple[str, ...]
    whole: tuple[Check, ...]
    looks: tuple[Look, ...]
    cases: tuple[CaseItem, ...]
    choices: tuple[Choice, ...] = ()
    found: dict[str, AssignedLine] = {}
    holds: tuple[str, ...] | None = None
    hold: tuple[str, ...] = ()

    @property
    def counted(self) -> bool:
        """Whether the orders count this invoice as billed already."""
        return self.item.status in _COUNTED

    @property
    def verdict(self) -> Verdict | None:
        """What matching said last; nothing when it was never asked (there is no order)."""
        return self.looks[0].verdict if self.looks else None


def workbench(sql: Connection, invoice_id: str, reach: Reach) -> Workbench | None:
    """The workbench of an invoice; nothing when it is not there, or is another legal entity's."""
    item = invoices_by_id(sql, (invoice_id,), reach).get(invoice_id)
    if item is None:
        return None
    state = _states(sql, "invoice", (invoice_id,))[invoice_id]
    looks = _looks(sql, invoice_id)
    verdict = looks[0].verdict if looks else _NOT_YET
    invoice, checks = filled(state.invoice, verdict.assigned), verdict.checks
    subjects = _orders_of(invoice, looks)
    found = _states(sql, "order", subjects.values())
    positions = {order_id: orders.position(found.get(subject)) for order_id, subject in subjects.items()}
    known = {order_id: position for order_id, position in positions.items() if position is not None}
    receipts = _receipts(sql, subjects)
    return Workbench(
        invoice_id=invoice_id,
        item=item,
        invoice=invoice,
        pairings=_pair(invoice, known, receipts, verdict),
        unbilled=_unbilled(invoice, known, receipts),
        unknown_orders=tuple(order_id for order_id in subjects if order_id not in known),
        whole=tuple(check for check in checks if not _lines_of(check) & {line.line_id for line in invoice.lines}),
        looks=looks,
        cases=tuple(case for case in cases_of(sql, (invoice_id,), reach) if case.status == "open"),
        choices=tuple(_choices(invoice, verdict, known)),
        found={one.line_id: one for one in verdict.assigned},
        holds=state.holds,
        hold=state.hold,
    )


#: What stands for a verdict where there is none yet.
_NOT_YET = Verdict(matched=False, problems=(), allocations=(), policy="")


def _choices(invoice: Invoice, verdict: Verdict, known: Mapping[str, OrderPosition]) -> Iterable[Choice]:
    lines = {line.line_id: line for line in invoice.lines}
    for one in verdict.ambiguous:
        alternatives = tuple(
            (choice, known[choice.order_id].lines.get(choice.order_line_id) if choice.order_id in known else None)
            for choice in one.alternatives
        )
        yield Choice(line=lines[one.line_id], reason=one.reason, alternatives=alternatives)


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
        hold=fact.on_hold if isinstance(fact, MatchFailed) else (),
        released=fact.released if isinstance(fact, InvoiceMatched) else (),
    )


def _orders_of(invoice: Invoice, looks: Sequence[Look]) -> dict[str, str]:
    """The subjects of the orders that the invoice names or that matching found for it, by order id."""
    named = [line.order_id for line in invoice.lines]
    found = [allocation.order_id for look in looks[:1] for allocation in look.verdict.allocations]
    found += [one.order_id for look in looks[:1] for line in look.verdict.ambiguous for one in line.alternatives]
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
                amount=line.amount,
            ),
        )


def _pair(
    invoice: Invoice,
    known: Mapping[str, OrderPosition],
    receipts: Mapping[tuple[str, str], list[Came]],
    verdict: Verdict,
) -> tuple[Pairing, ...]:
    """Invoice lines by the order line they bill, in the order of the invoice; what has no order line stands alone."""
    groups: dict[tuple[str, ...], list[InvoiceLine]] = {}
    for line in invoice.lines:
        order = known.get(line.order_id)
        paired = order is not None and line.order_line_id in order.lines
        key = (line.order_id, line.order_line_id) if paired else (line.order_id, line.order_line_id, line.line_id)
        groups.setdefault(key, []).append(line)
    return tuple(
        _pairing(order_id, line_id, lines, known, receipts, verdict)
        for (order_id, line_id, *_), lines in groups.items()
    )


def _unbilled(
    invoice: Invoice, known: Mapping[str, OrderPosition], receipts: Mapping[tuple[str, str], list[Came]]
) -> tuple[Pairing, ...]:
    """What else was ordered with the same orders."""
    billed = {(line.order_id, line.order_line_id) for line in invoice.lines}
    return tuple(
        _pairing(order_id, line_id, [], known, receipts, _NOT_YET)
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
    verdict: Verdict,
) -> Pairing:
    ids = {line.line_id for line in lines}
    return Pairing(
        order_id=order_id,
        order_line_id=line_id,
        lines=tuple(lines),
        position=known[order_id].lines.get(line_id) if order_id in known else None,
        receipts=tuple(receipts.get((order_id, line_id), ())),
        checks=tuple(check for check in verdict.checks if _lines_of(check) & ids),
        problems=tuple(problem for problem in verdict.problems if _lines_of(problem) & ids),
        agreed=tuple(_agreed(lines, known.get(order_id))),
    )


def _agreed(lines: Sequence[InvoiceLine], order: OrderPosition | None) -> Iterable[Agreed]:
    """The conditions of the order that these lines may be about: of the same kind, or named by a line."""
    kinds, named = {line.kind for line in lines}, {line.order_line_id for line in lines if line.kind != "item"}
    for charge in order.charges if order else ():
        if charge.kind in kinds or charge.charge_id in named:
            billed = order.charged_minor.get(charge.charge_id, 0) if order else 0
            yield Agreed(charge=charge, billed=Money(billed, charge.amount.currency))


def _lines_of(told: Check | Problem) -> set[str]:
    """The ids of the invoice lines that a check or a problem is about."""
    return set(told.where.split("+"))
