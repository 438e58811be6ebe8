"""What we bill ourselves for on an order: goods received of lines that are settled so, withdrawals of a consignment."""

from collections.abc import Iterator
from datetime import date, timedelta
from decimal import Decimal

from msgspec import Struct
from msgspec.structs import replace

from tieout.kernel.clock import period_of
from tieout.kernel.money import EXACT, Money, multiply, priced, total
from tieout.matching.orders import LinePosition, OrderPosition
from tieout.matching.settlement import unmet
from tieout.model.documents import Invoice, InvoiceKind, InvoiceLine, Supplier
from tieout.model.facts import SelfBillDrafted
from tieout.processes.order.state import ZERO, LineTax, Quantities, State, as_of, subject_of
from tieout.processes.process import Emit, Facts, Output

_HUNDREDTH = Decimal("0.01")


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


def items(state: State, supplier: Supplier | None, through: date | None = None) -> Iterator[Item]:
    """Everything received and not settled, with the reasons that stand against it. Withdrawals only ``through`` a day,
    by whole periods."""
    for line_id, line in state.position.lines.items() if state.position else ():
        reasons = _reasons(state, line_id, line, supplier)
        for receipt_id, came in _came(state, line_id, line, through):
            item = Item(line_id, receipt_id, came, reasons)
            before = state.settled.get(item.key, ZERO)
            quantity = EXACT.subtract(came, before)
            if quantity and (quantity > 0 or not through or line.received < before):
                yield replace(item, quantity=quantity)


def _came(state: State, line_id: str, line: LinePosition, through: date | None) -> Iterator[tuple[str, Decimal]]:
    if line.kind == "consignment":
        if through is not None:
            yield "", as_of(state.received, period_of(through)).get(line_id, ZERO)
    elif line.settled_on_receipt or line_id in state.by_hand:
        if line.matched_to_receipt:
            yield from ((receipt_id, one.received) for receipt_id, one in line.receipts.items())
        else:
            yield "", line.received


def _reasons(state: State, line_id: str, line: LinePosition, supplier: Supplier | None) -> tuple[str, ...]:
    tax = state.taxes.get(line_id)
    flagged = line.settled_on_receipt or line_id in state.by_hand
    code = tax.code if tax else ""
    return tuple(unmet(supplier, line, flagged=flagged, tax_code=code, terms_days=state.terms_days))


def _terms(state: State, supplier: Supplier | None) -> int | None:
    if state.terms_days is not None:
        return state.terms_days
    return supplier.payment_terms_days if supplier else None


def settle(state: State, facts: Facts, through: date | None = None) -> Iterator[Output]:
    """Bill ourselves for what may be billed; for goods that went back after they were billed, credit ourselves."""
    known = state.position
    if known is None or not any(_may_settle(line, through) for line in known.lines.values()):
        return
    record = facts.state("supplier", known.supplier_id)
    supplier = record.supplier if record and record.status == "active" else None
    if supplier is None or not supplier.settled_on_receipt:
        return
    open_items = [item for item in items(state, supplier, through) if not item.reasons]
    for credit in (False, True):
        chosen = [item for item in open_items if (item.quantity < 0) is credit]
        if chosen:
            invoice = _draft(state, known, supplier, chosen, facts.now.date(), credit=credit)
            yield Emit(SelfBillDrafted(order=subject_of(state), invoice=invoice), series(state.entity, supplier))


def _may_settle(line: LinePosition, through: date | None) -> bool:
    """Whether the supplier need be looked up at all: most orders have no such line."""
    return line.settled_on_receipt or (line.kind == "consignment" and through is not None)


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
