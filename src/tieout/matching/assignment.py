"""Which order line does an invoice line bill, when it does not say so? All lines of the invoice at once.

Every pair gets points for named reasons (``likeness.py``), and the lines are given to order lines such that the points
of all together are the most there can be (``optimal.py``). One invoice line bills one order line. An order line takes
one invoice line whatever its quantity (whether it is too much is for matching to say), and several only where together
they fit into what is open on it; lines of the invoice that name it themselves have taken their part already.

Nothing is picked silently. Where another way has as many points, the lines concerned are *ambiguous* and come back
with what they could bill. Only what makes no difference to money is decided by rule: among order lines with the same
item and terms the first by order and line number is taken, and of invoice lines that say the same the first by line
number; and the rule is told with the line.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from fractions import Fraction

from msgspec import Struct
from msgspec.structs import replace

from tieout.kernel.money import EXACT
from tieout.kernel.problem import Code, Problem
from tieout.matching.likeness import ENOUGH, ZERO, likeness, room, size, worth_of
from tieout.matching.optimal import NOWHERE, Found, Pair, Table, TooMany, best
from tieout.matching.orders import LinePosition, OrderPosition
from tieout.model.documents import Invoice, InvoiceLine
from tieout.model.verdict import AmbiguousLine, AssignedLine, Component, LineAssignment, OrderLineChoice
from tieout.policy.matching import MatchingRules

_DEFAULT = MatchingRules()
#: So many alternatives are told in words; all of them are in the verdict.
TOLD_MAX = 5


class UnassignedLine(Struct, frozen=True, omit_defaults=True):
    """No order line is good enough, or each that is was better for another line."""

    line_id: str
    reason: str
    nearest: OrderLineChoice | None = None


def filled(invoice: Invoice, assigned: Iterable[AssignedLine]) -> Invoice:
    """The invoice with the order lines that were found for it. Lines that name one already keep it."""
    found: dict[str, list[OrderLineChoice]] = {}
    for one in assigned:
        found.setdefault(one.line_id, []).append(one.choice)
    if not found:
        return invoice
    lines = list(invoice.lines)
    for place, line in enumerate(lines):
        if not line.order_line_id and (choices := found.get(line.line_id)):
            choice = choices.pop(0)
            lines[place] = replace(line, order_id=choice.order_id, order_line_id=choice.order_line_id)
    return replace(invoice, lines=tuple(lines))


def chosen(invoice: Invoice, choices: Iterable[LineAssignment]) -> Invoice:
    """The invoice with the order lines that a person chose, whatever its lines named before."""
    by_line = {one.line_id: one for one in choices}
    lines = tuple(
        replace(line, order_id=one.order_id, order_line_id=one.order_line_id)
        if (one := by_line.get(line.line_id))
        else line
        for line in invoice.lines
    )
    return replace(invoice, lines=lines)


class Assignment(Struct, frozen=True):
    """``invoice`` names the order lines that are certain; the rest says what became of each line that named none."""

    invoice: Invoice
    assigned: tuple[AssignedLine, ...] = ()
    ambiguous: tuple[AmbiguousLine, ...] = ()
    unassigned: tuple[UnassignedLine, ...] = ()

    @property
    def problems(self) -> tuple[Problem, ...]:
        """What a person has to decide, one for each line."""
        told = [
            Problem(
                Code.AMBIGUOUS_ORDER_LINE,
                line.line_id,
                "one order line",
                f"{len(line.alternatives)} that are equally good",
                detail=line.reason,
            )
            for line in self.ambiguous
        ]
        told += [
            Problem(Code.UNKNOWN_ORDER_LINE, line.line_id, "an order line", "none", detail=line.reason)
            for line in self.unassigned
        ]
        return tuple(told)

    def untold(self, problems: Iterable[Problem]) -> tuple[Problem, ...]:
        """Problems of pairing, but for those that say again that a line names no order line."""
        told = {line.line_id for line in self.ambiguous} | {line.line_id for line in self.unassigned}
        return tuple(one for one in problems if one.code is not Code.UNKNOWN_ORDER_LINE or one.where not in told)


class _Place(Struct, frozen=True):
    """One order line that could be billed. Places of one ``terms`` are the same for money."""

    order_id: str
    line_id: str
    position: LinePosition
    currency: str
    terms: int

    @property
    def key(self) -> tuple[str, str]:
        return self.order_id, self.line_id


def assign(invoice: Invoice, orders: Mapping[str, OrderPosition], rules: MatchingRules = _DEFAULT) -> Assignment:
    """Find the order line of each item line that names an order of ours but no line of it.

    With ``search_orders`` also of lines that name no order at all, among all ``orders`` of the supplier in the
    invoice's currency that have something open. What already names its order line, an order we do not know, or bills
    no item stays as it is, and so does a prepayment. Pure, and the same whatever the order of the lines.
    """
    if not rules.assign_lines or invoice.purpose == "prepayment" or _all_named(invoice):
        return Assignment(invoice)
    search = rules.search_orders
    open_lines = [(at, line) for at, line in enumerate(invoice.lines) if _is_open(line, orders, search)]
    if not open_lines:
        return Assignment(invoice)
    open_lines.sort(key=lambda entry: (_content(entry[1]), _natural(entry[1].line_id)))
    lines = [line for _, line in open_lines]
    places = _places(invoice, orders, lines)
    reasons = {
        (row, column): components
        for row, line in enumerate(lines)
        for column, place in enumerate(places)
        if (components := _reasons(invoice, line, place))
    }
    worths = {pair: worth_of(components) for pair, components in reasons.items()}
    judged = _Judged(invoice, lines, places, reasons, worths, _used(invoice, orders))
    return _told(invoice, [at for at, _ in open_lines], tuple(_decided(judged)))


def _all_named(invoice: Invoice) -> bool:
    """Most invoices have nothing to be found."""
    return "" not in [line.order_line_id for line in invoice.lines]


# ── what is compared ───────────────────────────────────────────────────────────────────────────────────────────────


def _is_open(line: InvoiceLine, orders: Mapping[str, OrderPosition], search: bool) -> bool:
    if line.order_line_id or line.kind != "item":
        return False
    return line.order_id in orders if line.order_id else search


def _places(invoice: Invoice, orders: Mapping[str, OrderPosition], lines: Iterable[InvoiceLine]) -> list[_Place]:
    """The order lines to look at, by order and line number."""
    named = {line.order_id for line in lines}
    terms: dict[tuple[object, ...], int] = {}
    places: list[_Place] = []
    for order_id in sorted(orders, key=_natural):
        order = orders[order_id]
        if order_id not in named and not ("" in named and _is_candidate(invoice, order)):
            continue
        for line_id in sorted(order.lines, key=_natural):
            position = order.lines[line_id]
            kind = terms.setdefault(_terms(order, position), len(terms))
            places.append(_Place(order_id, line_id, position, order.currency, kind))
    return places


def _is_candidate(invoice: Invoice, order: OrderPosition) -> bool:
    return order.supplier_id == invoice.supplier_id and order.currency == invoice.currency


def _terms(order: OrderPosition, position: LinePosition) -> tuple[object, ...]:
    """Everything about an order line that decides what may be paid, but for how much came and was billed."""
    return (
        order.currency,
        order.conversion_rate,
        order.conversion_per,
        order.converted_to,
        position.item,
        position.description,
        position.unit,
        position.unit_price,
        position.price_per,
        position.units,
        position.kind,
        position.receipt_required,
        position.acceptance_required,
        position.matched_to_receipt,
        position.valid_from,
        position.valid_until,
        position.estimated,
        position.settled_on_receipt,
        position.closed,
        position.retainage_percent,
    )


def _content(line: InvoiceLine) -> tuple[str, ...]:
    """What a line says. Lines with the same content are the same for money."""
    return (
        line.order_id,
        line.item,
        line.description,
        line.unit,
        str(line.quantity.normalize(EXACT)),
        str(line.unit_price.normalize(EXACT)),
        str(line.price_per.normalize(EXACT)),
        str(line.net),
        str(line.tax_rate.normalize(EXACT)),
        line.receipt_id,
    )


def _natural(text: str) -> tuple[tuple[int, int, str], ...]:
    """Line 9 comes before line 10."""
    return tuple(
        (0, int(part), "") if part.isascii() and part.isdigit() else (1, 0, part)
        for part in re.findall(r"[0-9]+|[^0-9]+", text)
    )


def _used(invoice: Invoice, orders: Mapping[str, OrderPosition]) -> dict[tuple[str, str], Fraction | None]:
    """What the lines that name their order line take of it; nothing: it cannot be told, so all of it."""
    used: dict[tuple[str, str], Fraction | None] = {}
    for line in invoice.lines:
        order = orders.get(line.order_id)
        position = order.lines.get(line.order_line_id) if order else None
        if position is None:
            continue
        key = line.order_id, line.order_line_id
        before, more = used.get(key, ZERO), size(line, position)
        used[key] = None if before is None or more is None else before + more
    return used


def _reasons(invoice: Invoice, line: InvoiceLine, place: _Place) -> tuple[Component, ...]:
    if line.order_id and line.order_id != place.order_id:
        return ()
    if not line.order_id and room(invoice, place.position) == ZERO:
        return ()
    return likeness(invoice, line, place.position, place.currency)


# ── deciding ───────────────────────────────────────────────────────────────────────────────────────────────────────


class _Judged(Struct, frozen=True):
    """All lines that are open (rows), all places they may have (columns), and what speaks for each pair."""

    invoice: Invoice
    lines: list[InvoiceLine]
    places: list[_Place]
    reasons: dict[Pair, tuple[Component, ...]]
    worths: dict[Pair, int]
    used: dict[tuple[str, str], Fraction | None]

    def choice(self, row: int, column: int) -> OrderLineChoice:
        place = self.places[column]
        return OrderLineChoice(place.order_id, place.line_id, self.worths[row, column], self.reasons[row, column])

    def nearest(self, row: int) -> OrderLineChoice | None:
        """The best place by itself, whoever has it."""
        columns = [column for of, column in self.worths if of == row]
        found = max(columns, key=lambda column: (self.worths[row, column], -column), default=None)
        return None if found is None else self.choice(row, found)


Outcome = AssignedLine | AmbiguousLine | UnassignedLine


def _decided(judged: _Judged) -> Iterator[tuple[int, Outcome]]:
    """What becomes of each row. Rows that compete for no common place are looked at apart."""
    good = {pair for pair, worth in judged.worths.items() if worth >= ENOUGH}
    for rows, columns in _groups(len(judged.lines), good):
        part = _Part(judged, rows, columns)
        try:
            yield from part.decided()
        except TooMany:
            for row in rows:
                reason = f"too many lines look alike: {len(rows)} of the invoice, {len(columns)} that were ordered"
                yield row, UnassignedLine(judged.lines[row].line_id, reason, judged.nearest(row))


def _groups(rows: int, pairs: Iterable[Pair]) -> Iterator[tuple[list[int], list[int]]]:
    """Rows and columns that hang together."""
    columns_of: dict[int, set[int]] = {row: set() for row in range(rows)}
    rows_of: dict[int, set[int]] = {}
    for row, column in pairs:
        columns_of[row].add(column)
        rows_of.setdefault(column, set()).add(row)
    left = set(range(rows))
    while left:
        seen: set[int] = set()
        follow = [min(left)]
        while follow:
            row = follow.pop()
            if row not in seen:
                seen.add(row)
                follow += [other for column in columns_of[row] for other in rows_of[column] - seen]
        left -= seen
        yield sorted(seen), sorted(set().union(*(columns_of[row] for row in seen)))


class _Part:
    """Rows and columns that hang together, numbered anew from nothing."""

    def __init__(self, judged: _Judged, rows: list[int], columns: list[int]) -> None:
        self._judged = judged
        self._rows = rows
        self._columns = columns
        self._places = [judged.places[column] for column in columns]
        self._kinds = [_content(judged.lines[row]) for row in rows]
        self._table = self._made()
        self._cache: dict[frozenset[Pair], Found | None] = {}

    def _made(self) -> Table:
        judged = self._judged
        worths: dict[Pair, int] = {}
        sizes: dict[Pair, Fraction | None] = {}
        for row, line in enumerate(judged.lines[row] for row in self._rows):
            for column, place in enumerate(self._places):
                worth = judged.worths.get((self._rows[row], self._columns[column]), 0)
                if worth >= ENOUGH:
                    worths[row, column] = worth
                    sizes[row, column] = size(line, place.position)
        rooms, free = [], []
        for place in self._places:
            used = judged.used.get(place.key, ZERO)
            left = room(judged.invoice, place.position)
            rooms.append(Fraction(-1) if used is None else left - used)
            free.append(place.key not in judged.used)
        return Table(len(self._rows), worths, sizes, rooms, free)

    def _best(self, forbidden: Iterable[Pair] = ()) -> Found | None:
        without = frozenset(forbidden)
        if without not in self._cache:
            self._cache[without] = best(self._table, without)
        return self._cache[without]

    def decided(self) -> Iterator[tuple[int, Outcome]]:
        """What becomes of each row."""
        found = self._best()
        assert found is not None  # to leave every row out is always possible
        for row, column in enumerate(found.columns):
            yield self._rows[row], self._outcome(row, column, found)

    def _outcome(self, row: int, column: int, found: Found) -> Outcome:
        judged, whole = self._judged, self._rows[row]
        line_id = judged.lines[whole].line_id
        if not self._is_certain(row, column, found):
            return AmbiguousLine(line_id, *self._alternatives(row, found))
        if column == NOWHERE:
            return UnassignedLine(line_id, self._why_not(row, found), judged.nearest(whole))
        return AssignedLine(line_id, judged.choice(whole, self._columns[column]), self._rule(row, column, found))

    def _is_certain(self, row: int, column: int, found: Found) -> bool:
        """Whether *every* best way has it like this: with a line of this content at a place of these terms."""
        same = [other for other, kind in enumerate(self._kinds) if kind == self._kinds[row]]
        alike = self._alike(column)
        there = [other for other in same if found.columns[other] in alike]
        return there.index(row) < self._surely(same, alike, len(there), found)

    def _surely(self, same: list[int], alike: tuple[int, ...], there: int, found: Found) -> int:
        """How many of the lines that say the same have a place of these terms in every best way.

        If there is one in which fewer have, all but so many of them can be kept away from these places.
        """
        for count in range(there, 0, -1):
            away = same[count - 1 :]
            if not self._as_good(((other, one) for other in away for one in alike), found):
                return count
        return 0

    def _alike(self, column: int) -> tuple[int, ...]:
        if column == NOWHERE:
            return (NOWHERE,)
        terms = self._places[column].terms
        return tuple(one for one, place in enumerate(self._places) if place.terms == terms)

    def _as_good(self, forbidden: Iterable[Pair], found: Found) -> bool:
        other = self._best(forbidden)
        return other is not None and other.points == found.points

    def _alternatives(self, row: int, found: Found) -> tuple[tuple[OrderLineChoice, ...], str]:
        """All places the row has in some best way, and a sentence about it."""
        columns: list[int] = []
        other: Found | None = found
        while other is not None and other.points == found.points:
            columns.append(other.columns[row])
            other = self._best((row, column) for column in columns)
        judged, whole = self._judged, self._rows[row]
        choices = tuple(judged.choice(whole, self._columns[one]) for one in sorted(columns) if one != NOWHERE)
        told = ", ".join(f"{one} ({one.points} points)" for one in choices[:TOLD_MAX])
        told += f" and {len(choices) - TOLD_MAX} more" if len(choices) > TOLD_MAX else ""
        rivals = NOWHERE in columns
        ending = "another line of the invoice fits there just as well" if rivals else "nothing tells them apart"
        return choices, f"it may bill {told}; {ending}"

    def _rule(self, row: int, column: int, found: Found) -> str:
        """What decided between equals; empty when nothing had to."""
        if not self._as_good([(row, column)], found):
            return ""
        if len(self._alike(column)) > 1:
            return "of order lines with the same item and terms the first one is taken"
        return "of invoice lines that say the same the first one is taken"

    def _why_not(self, row: int, found: Found) -> str:
        whole = self._rows[row]
        nearest = self._judged.nearest(whole)
        if nearest is None:
            return "no order line has anything in common with it"
        if nearest.points < ENOUGH:
            return f"the nearest is {nearest} with {nearest.points} points of the {ENOUGH} that are needed"
        holders = [
            self._judged.lines[self._rows[other]].line_id
            for other, column in enumerate(found.columns)
            if column != NOWHERE and str(self._judged.choice(self._rows[other], self._columns[column])) == str(nearest)
        ]
        by = f" by line {' and '.join(holders)}" if holders else ""
        return f"the nearest is {nearest}, and what is open there is billed{by} already"


# ── telling ────────────────────────────────────────────────────────────────────────────────────────────────────────


def _told(invoice: Invoice, at: list[int], outcomes: tuple[tuple[int, Outcome], ...]) -> Assignment:
    """The invoice with what is certain filled in, and all outcomes by line number. ``at`` says where rows stand."""
    lines = list(invoice.lines)
    for row, one in outcomes:
        if isinstance(one, AssignedLine):
            choice, place = one.choice, at[row]
            lines[place] = replace(lines[place], order_id=choice.order_id, order_line_id=choice.order_line_id)
    ordered = sorted((one for _, one in outcomes), key=lambda one: _natural(one.line_id))
    return Assignment(
        replace(invoice, lines=tuple(lines)),
        tuple(one for one in ordered if isinstance(one, AssignedLine)),
        tuple(one for one in ordered if isinstance(one, AmbiguousLine)),
        tuple(one for one in ordered if isinstance(one, UnassignedLine)),
    )
