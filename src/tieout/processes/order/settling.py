"""What we bill ourselves for on an order: goods received of lines that are settled so, withdrawals of a consignment."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal

from msgspec import Struct
from msgspec.structs import replace

from tieout.kernel.clock import period_of
from tieout.kernel.money import EXACT, Money, multiply, priced, total
from tieout.matching.orders import LinePosition, OrderPosition
from tieout.matching.settlement import unmet
from tieout.model.cases import Case, CaseClass
from tieout.model.documents import Invoice, InvoiceKind, InvoiceLine, Supplier
from tieout.model.facts import SelfBillDrafted, SettlementDue
from tieout.policy.settling import KINDS, Kind, books_are_open, ended, next_run
from tieout.processes.case import is_open, open_case, settle_case
from tieout.processes.order.accrual import value_of
from tieout.processes.order.state import ZERO, LineTax, Quantities, State, accrued_until, as_of, subject_of
from tieout.processes.process import Emit, Facts, Output, Timer

_HUNDREDTH = Decimal("0.01")
_HOUR = time(6, tzinfo=UTC)


class Item(Struct, frozen=True):
    """What came of an order line with one receipt and is not billed by us yet; or why we may not bill it."""

    line_id: str
    receipt_id: str
    quantity: Decimal
    reasons: tuple[str, ...] = ()

    @property
    def key(self) -> str:
        """By line and receipt: what is billed once is not billed again."""
        return f"{self.line_id}/{self.receipt_id}"


def items(state: State, supplier: Supplier | None, through: date = date.max) -> Iterator[Item]:
    """Everything received and not settled, with the reasons that stand against it. Withdrawals only ``through`` a day,
    by whole periods: what was withdrawn by then and is not back is billed, and what was billed and neither then nor now
    was withdrawn is credited."""
    for line_id, line in state.position.lines.items() if state.position else ():
        reasons = _reasons(state, line_id, line, supplier)
        for receipt_id, came, here in _came(state, line_id, line, through):
            item = Item(line_id, receipt_id, came, reasons)
            before = state.settled.get(item.key, ZERO)
            more, less = EXACT.subtract(min(came, here), before), EXACT.subtract(max(came, here), before)
            if quantity := more if more > 0 else min(less, ZERO):
                yield replace(item, quantity=quantity)


def _came(state: State, line_id: str, line: LinePosition, through: date) -> Iterator[tuple[str, Decimal, Decimal]]:
    """Receipt, what came with it until a day, and what of all that came is here now."""
    if line.kind == "consignment":
        yield "", as_of(state.received, period_of(through)).get(line_id, ZERO), line.received
    elif line.settled_on_receipt or line_id in state.by_hand:
        if line.matched_to_receipt:
            yield from ((receipt_id, one.received, one.received) for receipt_id, one in line.receipts.items())
        else:
            yield "", line.received, line.received


def _reasons(state: State, line_id: str, line: LinePosition, supplier: Supplier | None) -> tuple[str, ...]:
    tax = state.taxes.get(line_id)
    flagged = line.settled_on_receipt or line_id in state.by_hand
    code = tax.code if tax else ""
    return tuple(unmet(supplier, line, flagged=flagged, tax_code=code, terms_days=state.terms_days))


def _terms(state: State, supplier: Supplier | None) -> int | None:
    if state.terms_days is not None:
        return state.terms_days
    return supplier.payment_terms_days if supplier else None


def settle_at_once(state: State, subject: str, facts: Facts) -> Iterator[Output]:
    """The order or its goods have changed: bill what policy has settled at once, and set a day for the rest."""
    yield from _settle(state, subject, facts, None, facts.policy.settlement_of(state.entity).at_once)


def settle_due(state: State, subject: str, facts: Facts, through: date) -> Iterator[Output]:
    """A week or a month has ended: bill what policy has settled by then, and set a day for what is left."""
    through = ended(through, facts.now.date())
    kinds = facts.policy.settlement_of(state.entity).due(through)
    yield from _settle(state, subject, facts, through, kinds)
    if barred := _barred(state, _supplier(state, facts), through, kinds):
        yield open_case(_case(state, subject, barred, through))


def settle_asked(state: State, subject: str, facts: Facts, through: date) -> Iterator[Output]:
    """A person asks for it, whatever the rhythm."""
    yield from _settle(state, subject, facts, through, KINDS)


def _settle(
    state: State, subject: str, facts: Facts, through: date | None, kinds: tuple[Kind, ...]
) -> Iterator[Output]:
    """Bill ourselves for what may be billed; for goods that went back after they were billed, credit ourselves."""
    known = state.position
    if known is None or not any(map(_may_settle, known.lines.values())):
        yield from _mended(state, subject, None, facts)
        return
    supplier = _supplier(state, facts)
    chosen = [
        item
        for item in items(state, supplier, through or date.max)
        if not item.reasons and kind_of(known.lines[item.line_id]) in kinds
    ]
    if supplier is not None:
        for credit in (False, True):
            if some := [item for item in chosen if (item.quantity < 0) is credit]:
                draft = _draft(state, known, supplier, some, facts.now.date(), credit=credit)
                yield _drafted(state, draft, some, through, facts, series(state.entity, supplier))
    if _is_left(state, supplier, chosen):
        yield _timer(state, subject, facts)
    yield from _mended(state, subject, supplier, facts)


def _mended(state: State, subject: str, supplier: Supplier | None, facts: Facts) -> Iterator[Output]:
    """What a run found to stand in the way has gone, or is not to be billed by us any more."""
    if not state.run or not is_open(facts, CaseClass.UNSETTLED_RECEIPT, subject):
        return
    if not _barred(state, supplier, date.max, KINDS):
        yield settle_case(CaseClass.UNSETTLED_RECEIPT, subject, "nothing stands in the way any more")


def _supplier(state: State, facts: Facts) -> Supplier | None:
    record = facts.state("supplier", state.position.supplier_id) if state.position else None
    return record.supplier if record and record.status == "active" else None


def _barred(state: State, supplier: Supplier | None, through: date, kinds: tuple[Kind, ...]) -> list[Item]:
    """What is owed and cannot be billed."""
    lines = state.position.lines if state.position else {}
    return [
        item
        for item in items(state, supplier, through)
        if item.reasons
        and item.quantity > 0
        and not _is_given_up(state, item)
        and kind_of(lines[item.line_id]) in kinds
    ]


def _case(state: State, subject: str, barred: list[Item], through: date) -> Case:
    known, owed, why = state.position, Quantities(), dict[str, None]()
    assert known is not None
    for item in barred:
        owed[item.line_id] = EXACT.add(owed.get(item.line_id, ZERO), item.quantity)
        why.update(dict.fromkeys(item.reasons))
    lines = ", ".join(f"{quantity} {known.lines[one].unit} of line {one}" for one, quantity in sorted(owed.items()))
    return Case(
        case_class=CaseClass.UNSETTLED_RECEIPT,
        document=subject,
        entity=state.entity,
        supplier_id=known.supplier_id,
        reason=f"Order {known.order_id}: {lines} came until {through}, and we cannot bill ourselves: {'; '.join(why)}.",
        amount=value_of(state, owed),
    )


def _may_settle(line: LinePosition) -> bool:
    """Whether the supplier need be looked up at all: most orders have no such line."""
    return line.settled_on_receipt or line.kind == "consignment"


def kind_of(line: LinePosition) -> Kind:
    """Which rhythm of its entity a line is settled in."""
    return "consignments" if line.kind == "consignment" else "receipts"


def _is_left(state: State, supplier: Supplier | None, chosen: list[Item]) -> bool:
    """Whether something will have to be looked at later: it waits for its day, or for what stands in the way."""
    done = {item.key: item.quantity for item in chosen}
    open_items = items(state, supplier, date.max)
    return any(item.quantity != done.get(item.key) and not _is_given_up(state, item) for item in open_items)


def _is_given_up(state: State, item: Item) -> bool:
    """Whether we will not bill ourselves for it: the supplier bills it itself, or a person has closed the line."""
    line = state.position.lines[item.line_id] if state.position else None
    return line is None or line.closed or item.line_id in state.by_hand


def _timer(state: State, subject: str, facts: Facts) -> Timer:
    settings = facts.policy.entities.get(state.entity)
    rules, country = facts.policy.settlement_of(state.entity), settings.country if settings else ""
    run = next_run(rules, facts.now.date(), country)
    due_at = datetime.combine(run.due_on, _HOUR)
    return Timer(SettlementDue(through=run.through), due_at, f"settlement/{subject}/{run.through}", subject)


def _drafted(state: State, draft: Invoice, chosen: list[Item], through: date | None, facts: Facts, series: str) -> Emit:
    """The draft with where it counts: in the period it is for if that is over and can still be booked in."""
    today = facts.now.date()
    over = through is not None and period_of(through) < period_of(today)
    note = _not_then(state, chosen, through, facts) if through and over else ""
    return Emit(
        SelfBillDrafted(
            order=subject_of(state),
            invoice=draft,
            through=through,
            post_on=through if over and not note else None,
            note=f"{note}, so it counts in {period_of(today)}" if note else "",
        ),
        series,
    )


def _not_then(state: State, chosen: list[Item], through: date, facts: Facts) -> str:
    """Why a period that is over cannot take it any more; empty when it can."""
    period = period_of(through)
    if period <= accrued_until(state):
        return f"{period} is accrued"
    if not books_are_open(through, facts.now.date(), facts.policy.close_window_days):
        return f"{period} is closed"
    by_then, lines = as_of(state.received, period), state.position.lines if state.position else {}
    if any(by_then.get(item.line_id, ZERO) != lines[item.line_id].received for item in chosen if item.receipt_id):
        return f"not all of it came in {period}"
    return ""


def series(entity: str, supplier: Supplier) -> str:
    """The series of numbers of what an entity writes for a supplier."""
    return f"self-billed/{entity}/{supplier.supplier_id}"


def settled(state: State, invoice: Invoice) -> State:
    """Remember what we billed ourselves for."""
    done: Quantities = dict(state.settled)
    for line in invoice.lines:
        key = f"{line.order_line_id}/{line.receipt_id}"
        quantity = line.quantity if invoice.sign > 0 else line.quantity.copy_negate()
        done[key] = EXACT.add(done.get(key, ZERO), quantity)
    return replace(state, settled=done)


def _draft(
    state: State, known: OrderPosition, supplier: Supplier, chosen: list[Item], issued_on: date, *, credit: bool
) -> Invoice:
    """The invoice at the prices, tax and terms of the order, dated today; without a number yet."""
    lines = tuple(_line(number, item, known, state.taxes[item.line_id]) for number, item in enumerate(chosen, 1))
    net = total((line.net for line in lines), known.currency)
    tax = _tax(lines, known.currency)
    return Invoice(
        kind=InvoiceKind.CREDIT_NOTE if credit else InvoiceKind.INVOICE,
        number="",
        entity=state.entity,
        supplier_id=supplier.supplier_id,
        supplier_tax_id=supplier.tax_id,
        supplier_name=supplier.name,
        currency=known.currency,
        issued_on=issued_on,
        due_on=issued_on + timedelta(days=_terms(state, supplier) or 0),
        lines=lines,
        net=net,
        tax=tax,
        gross=net + tax,
        purpose="self_billed",
    )


def _line(number: int, item: Item, known: OrderPosition, tax: LineTax) -> InvoiceLine:
    line, quantity = known.lines[item.line_id], item.quantity.copy_abs()
    return InvoiceLine(
        line_id=str(number),
        quantity=quantity,
        unit=line.unit,
        unit_price=line.unit_price,
        price_per=line.price_per,
        net=priced(quantity, line.unit_price, line.price_per, known.currency),
        description=line.description,
        item=line.item,
        tax_rate=tax.rate,
        order_id=known.order_id,
        order_line_id=item.line_id,
        receipt_id=item.receipt_id,
    )


def _tax(lines: tuple[InvoiceLine, ...], currency: str) -> Money:
    """By rate, each rounded once (EN 16931, BR-CO-17)."""
    by_rate: dict[Decimal, Money] = {}
    for line in lines:
        by_rate[line.tax_rate] = by_rate.get(line.tax_rate, Money.zero(currency)) + line.net
    taxes = (Money.rounded(multiply(multiply(net.amount, rate), _HUNDREDTH), currency) for rate, net in by_rate.items())
    return total(taxes, currency)
