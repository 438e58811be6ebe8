"""What orders and their changes do to the lines that matching sees. What was received and billed of them stays, and a
change that it cannot be counted in is not taken."""

from datetime import date

from msgspec.structs import replace

from tieout.matching.orders import LinePosition, OrderPosition
from tieout.model.documents import OrderChange, OrderLine, PurchaseOrder
from tieout.processes.order.receiving import count_waiting
from tieout.processes.order.state import LineTax, State
from tieout.processes.order.units import restated


def placed(state: State, order: PurchaseOrder) -> State:
    """The order as it stands from now on. A line that it does not name any more orders nothing more."""
    before = state.position.lines if state.position else {}
    lines, refused = _lines(state, before, order.lines)
    for line_id, line in before.items():
        if line_id not in lines and _moved(line):
            lines[line_id] = _ended(line)
    known = OrderPosition(
        order_id=order.order_id,
        supplier_id=order.supplier_id,
        currency=order.currency,
        lines=lines,
        charges=order.charges,
        charged_minor=state.position.charged_minor if state.position else {},
        conversion_rate=order.conversion_rate,
        conversion_per=order.conversion_per,
        converted_to=order.converted_to,
        prepaid_minor=state.position.prepaid_minor if state.position else 0,
    )
    terms, taxes = order.payment_terms_days, _taxes(order.lines)
    taxes |= {line_id: state.taxes[line_id] for line_id in refused if line_id in state.taxes}
    if (known, terms, taxes, refused) == (state.position, state.terms_days, state.taxes, state.refused):
        return replace(state, repeated=True)
    state = replace(
        state,
        position=known,
        entity=order.entity,
        ordered_on=order.ordered_on,
        version=state.version if refused else state.version + 1,
        terms_days=terms,
        taxes=taxes,
        refused=refused,
        misfit=state.misfit or bool(refused),
        fallen={line_id: state.fallen.get(line_id, date.min) for line_id in lines if line_id not in taxes},
    )
    return count_waiting(state)


def changed(state: State, before: OrderPosition, change: OrderChange) -> State:
    """Lines as they stand from now on; a line that falls away orders nothing more than was received of it by then."""
    if change.change_id in state.changes:
        return replace(state, repeated=True)
    named, refused = _lines(state, before.lines, change.lines)
    lines, taken = {**before.lines, **named}, tuple(line for line in change.lines if line.line_id not in refused)
    fallen = {line_id: day for line_id, day in state.fallen.items() if line_id not in _taxes(taken)}
    refused = {line_id: unit for line_id, unit in state.refused.items() if line_id not in named} | refused
    for line_id in tuple(lines) if change.cancelled else change.deleted:
        if line := lines.get(line_id):
            lines[line_id] = _ended(line)
            fallen[line_id] = change.changed_on or date.min
            refused.pop(line_id, None)
    state = replace(
        state,
        position=replace(before, lines=lines),
        changes=(*state.changes, change.change_id),
        taxes=state.taxes | _taxes(taken),
        fallen=fallen,
        refused=refused,
        misfit=state.misfit or bool(refused),
    )
    return count_waiting(state)


def closed(state: State, line_id: str, *, closed: bool) -> State:
    """A person closes a line for billing, or opens it again."""
    line = state.position.lines.get(line_id) if state.position else None
    if state.position is None or line is None or line.closed is closed:
        return replace(state, repeated=True)
    lines = state.position.lines | {line_id: replace(line, closed=closed)}
    return replace(state, position=replace(state.position, lines=lines))


def _lines(
    state: State, before: dict[str, LinePosition], told: tuple[OrderLine, ...]
) -> tuple[dict[str, LinePosition], dict[str, str]]:
    """The lines as they stand from now on, and of those that stay as they were, as nobody says what was counted of them
    is in the new unit, that unit."""
    lines, refused = dict[str, LinePosition](), dict[str, str]()
    for line in told:
        was = before.get(line.line_id)
        now = restated(line, was) if was else line
        if was and now is None and _is_counted(state, line.line_id, was):
            lines[line.line_id], refused[line.line_id] = was, line.unit
        else:
            now = now or line
            renamed = line.unit if line.unit != now.unit else ""
            lines[line.line_id] = replace(_line(now, was, state), renamed_unit=renamed)
    return lines, refused


def _line(line: OrderLine, before: LinePosition | None, state: State) -> LinePosition:
    """The line as it is ordered, with what has moved on it so far. Only a person opens a closed line again."""
    return replace(
        before or LinePosition(line.quantity, line.unit, line.unit_price),
        ordered=line.quantity,
        unit=line.unit,
        unit_price=line.unit_price,
        receipt_required=line.receipt_required,
        item=line.item,
        description=line.description,
        price_per=line.price_per,
        units=line.units,
        kind=line.kind,
        limit_minor=line.limit.minor if line.limit else None,
        valid_from=line.valid_from,
        valid_until=line.valid_until,
        acceptance_required=line.acceptance_required,
        matched_to_receipt=line.matched_to == "receipt",
        estimated=line.estimated,
        settled_on_receipt=line.settled_on_receipt and line.line_id not in state.by_hand,
        closed=line.closed or bool(before and before.closed),
        retainage_percent=line.retainage_percent,
        tax_rate=line.tax_rate if line.tax_rate or line.tax_code else None,
        deliver_on=line.deliver_on,
        category=line.category,
    )


def _ended(line: LinePosition) -> LinePosition:
    """The line when it has fallen away: ordered is what was received of it, by its amount where that counts."""
    limit = line.received_minor if line.by_amount else line.limit_minor
    return replace(line, ordered=line.received, limit_minor=limit)


def _moved(line: LinePosition) -> bool:
    return bool(line.received or line.billed or line.received_minor or line.billed_minor or line.accepted)


def _is_counted(state: State, line_id: str, line: LinePosition) -> bool:
    """Whether anything was ever counted of it, even if it was taken back since."""
    periods = (*state.received.values(), *state.billed.values())
    return _moved(line) or bool(line.receipts) or any(line_id in came for came in periods)


def _taxes(lines: tuple[OrderLine, ...]) -> dict[str, LineTax]:
    return {line.line_id: LineTax(line.tax_rate, line.tax_code) for line in lines}
