"""Invoices on hold: they are in the ERP or on their way there, so they count as billed, and cannot be paid yet.

Whoever comes first keeps its place: a new invoice is matched with all that is billed, on hold or not, so nothing is
billed a second time while the first invoice waits. One on hold is matched again without itself and without those that
came on hold after it; so two of them never hold each other, in whichever order their goods come. What a credit note
gives back that is billed by nothing but an invoice on hold, it gives back of that one, of the earliest first.
"""

from collections.abc import Iterable
from datetime import date
from decimal import Decimal

from msgspec.structs import replace

from tieout.kernel.money import EXACT
from tieout.matching.orders import LinePosition, OrderPosition
from tieout.model.facts import MatchFailed
from tieout.model.verdict import Allocation
from tieout.processes.order.billing import billed
from tieout.processes.order.state import ZERO, Amounts, Held, Quantities, State


def held(state: State, invoice_id: str, data: MatchFailed) -> State:
    """It counts as billed, on hold. Told again it keeps its place."""
    known, post_on = state.position, data.post_on
    if known is None or post_on is None:
        return state
    allocations = tuple(one for one in data.verdict.allocations if one.order_id == known.order_id)
    before = state.held.get(invoice_id)
    if before and before.allocations == allocations:
        return replace(state, repeated=True)
    if not allocations:
        return let_go(state, invoice_id)
    mine = replace(before, allocations=allocations) if before else Held(allocations, post_on)
    if before:
        state = billed(state, before.allocations, before.post_on, -1)
    state = billed(state, allocations, mine.post_on, 1)
    return replace(state, held={**state.held, invoice_id: mine})


def let_go(state: State, invoice_id: str) -> State:
    """It is on hold no more, and what it billed so is not billed."""
    mine = state.held.get(invoice_id)
    if mine is None:
        return state
    others = {one: its for one, its in state.held.items() if one != invoice_id}
    return replace(billed(state, mine.allocations, mine.post_on, -1), held=others)


def is_given_back(state: State | None, invoice_id: str) -> bool:
    """Whether credit notes gave back all that an invoice on hold bills of the order."""
    mine = state.held.get(invoice_id) if state else None
    if mine is None:
        return False
    quantities, amounts = _billed_by(mine.allocations)
    return all(
        0 < worth <= mine.credited_minor.get(line_id, 0)
        or 0 < quantities.get(line_id, ZERO) <= mine.credited.get(line_id, ZERO)
        for line_id, worth in amounts.items()
    )


def seen_by(state: State | None, invoice_id: str, *, credits_count: bool = True) -> OrderPosition | None:
    """What matching may know of the order when it looks at this invoice; nothing before the order is placed. Credit
    notes help an invoice on hold, unless they are not to count."""
    if state is None or invoice_id not in state.held:
        return state.position if state else None
    earliest_first, mine = list(state.held), state.held[invoice_id]
    later = earliest_first[earliest_first.index(invoice_id) :]
    known = _without(state, (state.held[one] for one in later))
    if known is None or not credits_count or not (mine.credited or mine.credited_minor):
        return known
    return replace(known, lines={line_id: _credited(line, line_id, mine) for line_id, line in known.lines.items()})


def given_back(before: State, after: State) -> State:
    """Credit notes were matched: what they gave back below all that is billed for good is of invoices on hold."""
    least, now = (_below(_without(state, state.held.values())) for state in (before, after))
    drops = {place: EXACT.subtract(low, least[0].get(place, ZERO)) for place, low in now[0].items()}
    minor_drops = {line_id: low - least[1].get(line_id, 0) for line_id, low in now[1].items()}
    found: dict[str, Held] = {}
    for invoice_id, mine in after.held.items():
        found[invoice_id] = _taking(mine, drops, minor_drops)
    return replace(after, held=found)


def _without(state: State, several: Iterable[Held]) -> OrderPosition | None:
    """What matching may know of the order without these invoices."""
    allocations = tuple(one for mine in several for one in mine.allocations)
    return billed(state, allocations, date.min, -1).position


def _below(known: OrderPosition | None) -> tuple[Quantities, Amounts]:
    """How far what is billed is below nothing: quantities by line, and by line and receipt; amounts by line."""
    quantities, amounts = Quantities(), Amounts()
    for line_id, line in known.lines.items() if known else ():
        if line.billed < 0:
            quantities[line_id] = line.billed.copy_negate()
        if line.billed_minor < 0:
            amounts[line_id] = -line.billed_minor
        for receipt_id, receipt in line.receipts.items():
            if receipt.billed < 0:
                quantities[_place(line_id, receipt_id)] = receipt.billed.copy_negate()
    return quantities, amounts


def _taking(mine: Held, drops: Quantities, minor_drops: Amounts) -> Held:
    """The invoice with as much of what was given back as it bills; that is taken off the drops."""
    quantities, amounts = _billed_by(mine.allocations)
    credited, credited_minor = dict(mine.credited), dict(mine.credited_minor)
    for place, most in quantities.items():
        room = EXACT.subtract(most, credited.get(place, ZERO))
        if (part := min(room, drops.get(place, ZERO))) > 0:
            credited[place] = EXACT.add(credited.get(place, ZERO), part)
            drops[place] = EXACT.subtract(drops[place], part)
    for line_id, worth in amounts.items():
        if (minor := min(worth - credited_minor.get(line_id, 0), minor_drops.get(line_id, 0))) > 0:
            credited_minor[line_id] = credited_minor.get(line_id, 0) + minor
            minor_drops[line_id] -= minor
    return replace(mine, credited=credited, credited_minor=credited_minor)


def _billed_by(allocations: tuple[Allocation, ...]) -> tuple[Quantities, Amounts]:
    """What is billed, by the places that credit notes are counted by."""
    quantities, amounts = Quantities(), Amounts()
    for one in allocations:
        if one.charge_id or one.prepaid:
            continue
        line_id = one.order_line_id
        amounts[line_id] = amounts.get(line_id, 0) + one.net.minor
        for place in (line_id, _place(line_id, one.receipt_id)) if one.receipt_id else (line_id,):
            quantities[place] = EXACT.add(quantities.get(place, ZERO), one.quantity)
    return quantities, amounts


def _credited(line: LinePosition, line_id: str, mine: Held) -> LinePosition:
    receipts = {
        receipt_id: replace(receipt, credited=mine.credited.get(_place(line_id, receipt_id), ZERO))
        for receipt_id, receipt in line.receipts.items()
    }
    credited: Decimal = mine.credited.get(line_id, ZERO)
    return replace(line, credited=credited, credited_minor=mine.credited_minor.get(line_id, 0), receipts=receipts)


def _place(line_id: str, receipt_id: str) -> str:
    return f"{line_id}/{receipt_id}"
