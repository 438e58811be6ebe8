"""Which order line an invoice line bills: named reasons, the best of all together, and no silent choice."""

from collections import Counter
from decimal import Decimal
from itertools import product
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace
from tests.matching.paper import invoice

from tieout.kernel.money import EXACT, Money
from tieout.kernel.problem import Code, Problem
from tieout.matching import likeness
from tieout.matching.assignment import Assignment, UnassignedLine, assign, chosen, filled
from tieout.matching.likeness import ENOUGH, worth_of
from tieout.matching.orders import LinePosition, OrderPosition
from tieout.matching.three_way import allocate, match
from tieout.model.documents import Invoice, InvoiceKind, InvoiceLine, UnitFactor
from tieout.model.verdict import (
    Allocation,
    AmbiguousLine,
    AssignedLine,
    Component,
    LineAssignment,
    OrderLineChoice,
)
from tieout.policy.matching import MatchingRules
from tieout.policy.tolerances import Tolerances

D = Decimal
SEARCH = MatchingRules(search_orders=True)


def ordered(item: str = "", price: str = "10", quantity: str = "10", **changes: Any) -> LinePosition:
    """An order line whose goods have all come."""
    whole = LinePosition(D(quantity), "EA", D(price), received=D(quantity), item=item)
    return replace(whole, **changes)


def order(order_id: str = "PO-1", **lines: LinePosition) -> dict[str, OrderPosition]:
    """An order with lines named L1, L2 and so on."""
    return {order_id: OrderPosition(order_id, "sup_1", "EUR", lines)}


def line(line_id: str, item: str = "", price: str = "10", quantity: str = "10", **changes: Any) -> InvoiceLine:
    """A line that names order PO-1, but no line of it."""
    whole = InvoiceLine(
        line_id=line_id,
        quantity=D(quantity),
        unit="EA",
        unit_price=D(price),
        net=Money.rounded(EXACT.multiply(D(quantity), D(price)), "EUR"),
        order_id="PO-1",
        item=item,
    )
    return replace(whole, **changes)


def named(found: Assignment) -> dict[str, str]:
    """The order line of each assigned line."""
    return {one.line_id: one.choice.order_line_id for one in found.assigned}


def reasons(one: InvoiceLine, position: LinePosition, kind: InvoiceKind = InvoiceKind.INVOICE) -> dict[str, int]:
    found = likeness.likeness(invoice(one, kind=kind), one, position, "EUR")
    return {component.name: component.points for component in found}


# ── reasons ────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_everything_that_agrees_is_named_with_what_was_seen() -> None:
    one = line("1", "A-100", description="Hex bolt M8, zinc")
    position = ordered("a 100", description="Hex bolt M8")
    assert likeness.likeness(invoice(one), one, position, "EUR") == (
        Component("item number", 40, "A-100"),
        Component("description", 25, "bolt hex m8"),
        Component("price", 25, "10 EUR"),
        Component("unit", 5, "EA"),
        Component("quantity", 15, "all 10 EA that are open"),
        Component("receipt", 5, "received and not billed"),
        Component("net amount", 10, "100.00 EUR"),
    )


@pytest.mark.parametrize(
    ("one", "position", "expected"),
    [
        pytest.param(
            line("1", "A", quantity="4"),
            ordered("A"),
            {"item number": 40, "price": 25, "unit": 5, "quantity": 8, "receipt": 5},
            id="a part of what is open",
        ),
        pytest.param(
            line("1", "A", quantity="11"),
            ordered("A"),
            {"item number": 40, "price": 25, "unit": 5},
            id="more than is open: matching will say so",
        ),
        pytest.param(
            line("1", "A", price="10.00"),
            ordered("A", price="10", received=D(9)),
            {"item number": 40, "price": 25, "unit": 5, "quantity": 15, "net amount": 10},
            id="not all of it came",
        ),
        pytest.param(
            line("1", "A"),
            ordered("A", received=D(0), receipt_required=False),
            {"item number": 40, "price": 25, "unit": 5, "quantity": 15, "receipt": 5, "net amount": 10},
            id="no receipt is needed",
        ),
        pytest.param(
            line("1", "A"),
            ordered("A", quantity="15", billed=D(5)),
            {"item number": 40, "price": 25, "unit": 5, "quantity": 15, "receipt": 5, "net amount": 10},
            id="the rest of what was billed in part",
        ),
        pytest.param(
            line("1", "A"),
            ordered("A", billed=D(10)),
            {"item number": 40, "price": 25, "unit": 5},
            id="billed already",
        ),
        pytest.param(
            line("1", "A", price="10.001"),
            ordered("A"),
            {"item number": 40, "unit": 5, "quantity": 15, "receipt": 5},
            id="almost the same price is another price",
        ),
        pytest.param(
            line("1", "A", price="500", price_per=D(100), quantity="10", net=Money(5000, "EUR")),
            ordered("A", price="5"),
            {"item number": 40, "price": 25, "unit": 5, "quantity": 15, "receipt": 5, "net amount": 10},
            id="price units",
        ),
        pytest.param(
            line("1", "A", price="120", quantity="2", unit="BX", net=Money(24000, "EUR")),
            ordered("A", price="10", quantity="24", units=(UnitFactor(unit="BX", factor=D(12)),)),
            {"item number": 40, "price": 25, "unit": 3, "quantity": 15, "receipt": 5, "net amount": 10},
            id="a unit that the order converts",
        ),
        pytest.param(
            line("1", "A", unit="KGM"),
            ordered("A"),
            {"item number": 40, "net amount": 10},
            id="a unit that nobody can convert",
        ),
        pytest.param(
            line("1", "A", price="300", quantity="1", net=Money(30000, "EUR")),
            ordered("A", kind="service", limit_minor=40000, billed_minor=10000, received_minor=40000, price="1"),
            {"item number": 40, "unit": 5, "quantity": 15, "receipt": 5, "net amount": 10},
            id="a service is measured by its amount",
        ),
        pytest.param(
            line("1", "A", net=Money(67, "EUR"), price="2", price_per=D(6), quantity="2"),
            ordered("A", price="1", price_per=D(3), quantity="2", received=D(2)),
            {"item number": 40, "price": 25, "unit": 5, "quantity": 15, "receipt": 5, "net amount": 10},
            id="two thirds of a euro are 67 cents",
        ),
    ],
)
def test_reasons(one: InvoiceLine, position: LinePosition, expected: dict[str, int]) -> None:
    assert reasons(one, position) == expected


def test_of_a_credit_note_open_is_what_was_billed() -> None:
    whole = {"item number": 40, "price": 25, "unit": 5, "quantity": 15, "net amount": 10}
    assert reasons(line("1", "A"), ordered("A", quantity="20", billed=D(10)), InvoiceKind.CREDIT_NOTE) == whole
    nothing = {"item number": 40, "price": 25, "unit": 5}
    assert reasons(line("1", "A"), ordered("A"), InvoiceKind.CREDIT_NOTE) == nothing


def test_prices_in_another_currency_agree_with_nothing() -> None:
    one = line("1", "A")
    found = likeness.likeness(invoice(one), one, ordered("A"), "USD")
    assert [component.name for component in found] == ["item number", "unit", "quantity", "receipt"]


def test_what_has_other_words_is_no_candidate_however_equal_its_price() -> None:
    one = line("1", "X-9", description="Paper, white")
    assert reasons(one, ordered("A-1", description="Hex bolt")) == {}
    assert worth_of(likeness.likeness(invoice(one), one, ordered(description="White paint"), "EUR")) == 30 * 2 // 4 + 60


def test_without_words_the_figures_decide() -> None:
    assert reasons(line("1"), ordered("A-1")) == {
        "price": 25,
        "unit": 5,
        "quantity": 15,
        "receipt": 5,
        "net amount": 10,
    }


# ── what is certain ────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_line_that_names_its_order_line_stays_as_it_is() -> None:
    document = invoice(line("1", order_line_id="L2"))
    assert assign(document, order(L1=ordered())) == Assignment(document)


@pytest.mark.parametrize("changes", [{"order_id": "PO-9"}, {"order_id": ""}, {"kind": "freight"}])
def test_what_is_not_asked_for_is_left_alone(changes: dict[str, str]) -> None:
    document = invoice(line("1", **changes))
    assert assign(document, order(L1=ordered())) == Assignment(document)


def test_the_invoice_names_its_order_lines_afterwards() -> None:
    document = invoice(line("1", "B"), line("2", "A"), line("3", "A", order_line_id="L9"))
    found = assign(document, order(L1=ordered("A"), L2=ordered("B")))
    assert [one.order_line_id for one in found.invoice.lines] == ["L2", "L1", "L9"]
    assert found.problems == ()
    why = (
        Component("item number", 40, "B"),
        Component("price", 25, "10 EUR"),
        Component("unit", 5, "EA"),
        Component("quantity", 15, "all 10 EA that are open"),
        Component("receipt", 5, "received and not billed"),
        Component("net amount", 10, "100.00 EUR"),
    )
    assert found.assigned[0] == AssignedLine("1", OrderLineChoice("PO-1", "L2", 100, why))
    assert replace(found.invoice, lines=document.lines) == document


def test_all_lines_together_not_one_after_the_other() -> None:
    """Line 1 alone fits L1 best; but line 2 fits nothing else, and line 1 fits L2 almost as well."""
    orders = order(L1=ordered("A"), L2=ordered("A", price="11"))
    found = assign(invoice(line("1", "A"), line("2", "A", price="10", quantity="8")), orders)
    assert named(found) == {"1": "L1", "2": "L2"}
    crossed = assign(invoice(line("1", "A", price="11"), line("2", "A", price="12")), orders)
    assert named(crossed) == {"1": "L2", "2": "L1"}


def test_one_order_line_is_split_over_two_invoice_lines_that_fit_into_it() -> None:
    orders = order(L1=ordered("A", quantity="10"))
    assert named(assign(invoice(line("1", "A", quantity="6"), line("2", "A", quantity="4")), orders)) == {
        "1": "L1",
        "2": "L1",
    }
    found = assign(invoice(line("1", "A", quantity="6"), line("2", "A", quantity="5")), orders)
    assert found.assigned == ()
    assert [one.line_id for one in found.ambiguous] == ["1", "2"]


def test_a_line_that_names_its_order_line_takes_its_part_first() -> None:
    orders = order(L1=ordered("A", quantity="10"), L2=ordered("A", price="12"))
    taken = line("1", "A", quantity="6", order_line_id="L1")
    assert named(assign(invoice(taken, line("2", "A", quantity="4")), orders)) == {"2": "L1"}
    assert named(assign(invoice(taken, line("2", "A", quantity="5")), orders)) == {"2": "L2"}


def test_too_much_alone_is_still_assigned_so_that_matching_can_say_so() -> None:
    assert named(assign(invoice(line("1", "A", quantity="99")), order(L1=ordered("A")))) == {"1": "L1"}


# ── what is not certain ────────────────────────────────────────────────────────────────────────────────────────────


def test_equally_good_order_lines_are_never_picked_silently() -> None:
    orders = order(L1=ordered("A", price="11"), L2=ordered("A", price="12"))
    document = invoice(line("1", "A"))
    why = (
        Component("item number", 40, "A"),
        Component("unit", 5, "EA"),
        Component("quantity", 15, "all 10 EA that are open"),
        Component("receipt", 5, "received and not billed"),
    )
    reason = "it may bill order PO-1 line L1 (65 points), order PO-1 line L2 (65 points); nothing tells them apart"
    found = assign(document, orders)
    assert found == Assignment(
        document,
        ambiguous=(
            AmbiguousLine(
                "1", (OrderLineChoice("PO-1", "L1", 65, why), OrderLineChoice("PO-1", "L2", 65, why)), reason
            ),
        ),
    )
    assert found.problems == (
        Problem(Code.AMBIGUOUS_ORDER_LINE, "1", "one order line", "2 that are equally good", detail=reason),
    )


def test_two_lines_that_want_the_same_place_are_both_told() -> None:
    found = assign(invoice(line("1", "A", price="11"), line("2", "A", price="12")), order(L1=ordered("A")))
    assert [(one.line_id, one.reason.partition("; ")[2]) for one in found.ambiguous] == [
        ("1", "another line of the invoice fits there just as well"),
        ("2", "another line of the invoice fits there just as well"),
    ]


def test_many_alternatives_are_counted() -> None:
    lines = {f"L{number}": ordered("A", price=f"{number + 20}") for number in range(7)}
    (found,) = assign(invoice(line("1", "A")), order(**lines)).ambiguous
    assert len(found.alternatives) == 7
    assert found.reason.endswith("order PO-1 line L4 (65 points) and 2 more; nothing tells them apart")


def test_the_same_item_on_the_same_terms_goes_by_rule_and_the_rule_is_told() -> None:
    orders = order(L10=ordered("A"), L9=ordered("A"))
    (found,) = assign(invoice(line("1", "A")), orders).assigned
    assert (found.choice.order_line_id, found.rule) == (
        "L9",
        "of order lines with the same item and terms the first one is taken",
    )


def test_lines_that_say_the_same_go_by_rule_too() -> None:
    """Which of them bills at 11 and which at 12 changes nothing: what is billed on each order line is the same."""
    orders = order(L1=ordered("A", price="11"), L2=ordered("A", price="12"))
    found = assign(invoice(line("2", "A"), line("1", "A")), orders)
    assert named(found) == {"1": "L1", "2": "L2"}
    assert {one.rule for one in found.assigned} == {"of invoice lines that say the same the first one is taken"}


def test_what_came_is_billed_before_what_did_not() -> None:
    orders = order(L1=ordered("A", received=D(0)), L2=ordered("A"))
    (found,) = assign(invoice(line("1", "A")), orders).assigned
    assert (found.choice.order_line_id, found.rule) == ("L2", "")


def test_too_little_in_common_is_told_with_the_nearest() -> None:
    document = invoice(line("1", price="3", quantity="2", description="Hex bolt"))
    found = assign(document, order(L1=ordered(description="Hex nut steel")))
    why = (
        Component("description", 12, "hex"),
        Component("unit", 5, "EA"),
        Component("quantity", 8, "2 of 10 EA that are open"),
        Component("receipt", 5, "received and not billed"),
    )
    reason = "the nearest is order PO-1 line L1 with 30 points of the 45 that are needed"
    assert found == Assignment(
        document, unassigned=(UnassignedLine("1", reason, OrderLineChoice("PO-1", "L1", 30, why)),)
    )
    assert found.problems == (Problem(Code.UNKNOWN_ORDER_LINE, "1", "an order line", "none", detail=reason),)


def test_nothing_in_common_is_told() -> None:
    (found,) = assign(invoice(line("1", "B")), order(L1=ordered("A"))).unassigned
    assert found == UnassignedLine("1", "no order line has anything in common with it")


def test_a_place_that_a_better_line_has_is_told_with_that_line() -> None:
    found = assign(invoice(line("1", "A"), line("2", "A", price="12")), order(L1=ordered("A")))
    assert named(found) == {"1": "L1"}
    (left,) = found.unassigned
    assert left.reason == "the nearest is order PO-1 line L1, and what is open there is billed by line 1 already"


def test_a_place_that_another_line_names_is_told() -> None:
    document = invoice(line("1", "A", order_line_id="L1"), line("2", "A"))
    (left,) = assign(document, order(L1=ordered("A"))).unassigned
    assert left.reason == "the nearest is order PO-1 line L1, and what is open there is billed already"


def test_beyond_the_bound_nothing_is_guessed() -> None:
    lines = [line(f"{number}", "A", price=f"{number + 1}") for number in range(120)]
    found = assign(invoice(*lines), order(**{f"L{number}": ordered("A") for number in range(120)}))
    assert (found.assigned, found.ambiguous, len(found.unassigned)) == ((), (), 120)
    assert found.unassigned[0].reason == "too many lines look alike: 120 of the invoice, 120 that were ordered"


@pytest.mark.parametrize(
    ("one", "position", "worth", "is_assigned"),
    [
        pytest.param(line("1", "A", price="1", quantity="99"), ordered("A"), 45, True, id="just enough"),
        pytest.param(line("1", "", quantity="4"), ordered(""), 43, False, id="not enough"),
    ],
)
def test_so_many_points_are_needed(one: InvoiceLine, position: LinePosition, worth: int, is_assigned: bool) -> None:
    assert sum(reasons(one, position).values()) == worth
    assert bool(assign(invoice(one), order(L1=position)).assigned) == is_assigned


def test_a_service_is_shared_by_amount() -> None:
    service = ordered("S", kind="service", limit_minor=10000, billed_minor=1000, received_minor=10000)
    fits = [line("1", "S", price="50", quantity="1"), line("2", "S", price="40", quantity="1")]
    assert named(assign(invoice(*fits), order(L1=service))) == {"1": "L1", "2": "L1"}
    found = assign(invoice(fits[0], line("2", "S", price="40.01", quantity="1")), order(L1=service))
    assert len(found.ambiguous) == 2


def test_what_a_line_takes_in_an_unknown_unit_leaves_nothing() -> None:
    orders = order(L1=ordered("A", quantity="10"))
    taken = line("1", "A", quantity="1", unit="XYZ", order_line_id="L1")
    assert assign(invoice(taken, line("2", "A", quantity="1")), orders).assigned == ()
    known = line("1", "A", quantity="1", order_line_id="L1")
    assert named(assign(invoice(known, line("2", "A", quantity="1")), orders)) == {"2": "L1"}


def test_lines_that_name_it_themselves_take_their_parts_together() -> None:
    orders = order(L1=ordered("A", quantity="10"))
    taken = [line(one, "A", quantity="3", order_line_id="L1") for one in ("1", "2")]
    assert named(assign(invoice(*taken, line("3", "A", quantity="4")), orders)) == {"3": "L1"}
    assert assign(invoice(*taken, line("3", "A", quantity="5")), orders).assigned == ()


def test_a_credit_note_gives_back_what_was_billed() -> None:
    orders = order(L1=ordered("A", billed=D(0)), L2=ordered("A", billed=D(10)))
    found = assign(invoice(line("1", "A"), kind=InvoiceKind.CREDIT_NOTE), orders)
    assert named(found) == {"1": "L2"}


def test_order_lines_on_other_terms_are_not_alike() -> None:
    """Same item, same price, but one of them is closed: which one is billed makes a difference."""
    orders = order(L1=ordered("A"), L2=ordered("A", closed=True))
    assert [one.line_id for one in assign(invoice(line("1", "A")), orders).ambiguous] == ["1"]


def test_orders_at_other_rates_are_not_alike() -> None:
    other = {"PO-2": replace(order("PO-2", L1=ordered("A"))["PO-2"], conversion_rate=D("1.1"))}
    document = invoice(line("1", "A", order_id=""))
    assert len(assign(document, order(L1=ordered("A")) | other, SEARCH).ambiguous) == 1
    same = assign(document, order(L1=ordered("A")) | order("PO-2", L1=ordered("A")), SEARCH)
    assert [one.choice.order_id for one in same.assigned] == ["PO-1"]


# ── lines without any order ────────────────────────────────────────────────────────────────────────────────────────


def test_open_orders_are_searched_when_that_is_asked_for() -> None:
    orders = {**order("PO-1", L1=ordered("A", billed=D(10))), **order("PO-2", L1=ordered("A"), L2=ordered("B"))}
    (found,) = assign(invoice(line("1", "A", order_id="")), orders, SEARCH).invoice.lines
    assert (found.order_id, found.order_line_id) == ("PO-2", "L1")


@pytest.mark.parametrize("changes", [{"supplier_id": "sup_2"}, {"currency": "USD"}])
def test_orders_of_others_and_in_other_currencies_are_not_searched(changes: dict[str, str]) -> None:
    orders = {"PO-1": replace(order(L1=ordered("A"))["PO-1"], **changes)}
    assert assign(invoice(line("1", "A", order_id="")), orders, SEARCH).assigned == ()


def test_a_line_stays_with_the_order_it_names() -> None:
    orders = {**order("PO-1", L1=ordered("B")), **order("PO-2", L1=ordered("A"))}
    found = assign(invoice(line("1", "A"), line("2", "A", order_id="")), orders, SEARCH)
    assert named(found) == {"2": "L1"}
    assert [one.line_id for one in found.unassigned] == ["1"]


# ── whatever comes ─────────────────────────────────────────────────────────────────────────────────────────────────

ITEMS = st.sampled_from(["A", "B"])
PRICES = st.sampled_from(["10", "11"])
QUANTITIES = st.sampled_from(["2", "5", "10"])


@st.composite
def worlds(draw: st.DrawFn) -> tuple[Invoice, dict[str, OrderPosition]]:
    lines = {
        f"L{number}": ordered(draw(ITEMS), draw(PRICES), draw(QUANTITIES)) for number in range(draw(st.integers(1, 3)))
    }
    billed = [
        line(f"{number}", draw(ITEMS), draw(PRICES), draw(QUANTITIES)) for number in range(draw(st.integers(1, 4)))
    ]
    return invoice(*billed), order(**lines)


def every_way(document: Invoice, orders: dict[str, OrderPosition]) -> list[tuple[int, tuple[str, ...]]]:
    """Every way to give lines to order lines of PO-1 with enough points, without the engine: its points, its lines."""
    positions = orders["PO-1"].lines
    found = []
    for way in product(["", *positions], repeat=len(document.lines)):
        worths = [
            worth_of(likeness.likeness(document, one, positions[place], "EUR"))
            for one, place in zip(document.lines, way, strict=True)
            if place
        ]
        asked: dict[str, list[Decimal]] = {}
        for one, place in zip(document.lines, way, strict=True):
            asked.setdefault(place, []).append(one.quantity)
        fits = all(len(sizes) == 1 or sum(sizes) <= positions[place].ordered for place, sizes in asked.items() if place)
        if fits and all(worth >= ENOUGH for worth in worths):
            found.append((sum(worths), way))
    return found


def content(one: InvoiceLine) -> tuple[str, Decimal, Decimal]:
    return one.item, one.unit_price, one.quantity


def terms(position: LinePosition) -> tuple[str, Decimal]:
    return position.item, position.unit_price


@settings(max_examples=300, deadline=None)
@given(worlds())
def test_certain_is_what_holds_in_every_best_way(world: tuple[Invoice, dict[str, OrderPosition]]) -> None:
    document, orders = world
    positions = orders["PO-1"].lines
    every = every_way(document, orders)
    most = max(points for points, _ in every)
    best = [way for points, way in every if points == most]

    def billed(way: tuple[str, ...]) -> Counter[Any]:
        pairs = zip(document.lines, way, strict=True)
        return Counter((content(one), terms(positions[place]) if place else None) for one, place in pairs)

    sure = Counter(billed(best[0]))
    for way in best[1:]:
        sure &= billed(way)
    found = assign(document, orders)
    by_id = {one.line_id: one for one in document.lines}
    told: Counter[Any] = Counter()
    for one in found.assigned:
        told[content(by_id[one.line_id]), terms(positions[one.choice.order_line_id])] += 1
    for left in found.unassigned:
        told[content(by_id[left.line_id]), None] += 1
    assert told == sure
    assert len(found.assigned) + len(found.ambiguous) + len(found.unassigned) == len(document.lines)
    for open_line in found.ambiguous:
        at = document.lines.index(by_id[open_line.line_id])
        possible = {way[at] for way in best} - {""}
        assert {one.order_line_id for one in open_line.alternatives} <= possible
        assert len({way[at] for way in best}) > 1


@settings(deadline=None)
@given(worlds())
def test_no_unit_is_billed_twice(world: tuple[Invoice, dict[str, OrderPosition]]) -> None:
    document, orders = world
    asked: dict[str, list[Decimal]] = {}
    for one in assign(document, orders).invoice.lines:
        if one.order_line_id:
            asked.setdefault(one.order_line_id, []).append(one.quantity)
    for place, sizes in asked.items():
        assert len(sizes) == 1 or sum(sizes) <= orders["PO-1"].lines[place].ordered


@settings(deadline=None)
@given(worlds(), st.randoms(use_true_random=False))
def test_the_order_of_the_lines_changes_nothing(world: tuple[Invoice, dict[str, OrderPosition]], random: Any) -> None:
    document, orders = world
    shuffled = list(document.lines)
    random.shuffle(shuffled)
    lines = list(orders["PO-1"].lines.items())
    random.shuffle(lines)
    turned = {"PO-1": replace(orders["PO-1"], lines=dict(lines))}
    before, after = assign(document, orders), assign(replace(document, lines=tuple(shuffled)), turned)
    assert (before.assigned, before.ambiguous, before.unassigned) == (
        after.assigned,
        after.ambiguous,
        after.unassigned,
    )


# ── what a person chooses ──────────────────────────────────────────────────────────────────────────────────────────


def test_a_choice_replaces_what_the_line_named() -> None:
    document = invoice(line("1"), line("2", order_line_id="L1"))
    after = chosen(document, (LineAssignment("2", "PO-2", "L9"), LineAssignment("7", "PO-2", "L9")))
    assert after == invoice(line("1"), line("2", order_id="PO-2", order_line_id="L9"))


def test_what_was_found_is_filled_in_where_nothing_is_named() -> None:
    document = invoice(line("1"), line("1"), line("2", order_line_id="L3"))
    found = [AssignedLine(line_id, OrderLineChoice("PO-1", place, 50)) for line_id, place in (("1", "L1"), ("1", "L2"))]
    found.append(AssignedLine("2", OrderLineChoice("PO-1", "L4", 50)))
    assert [one.order_line_id for one in filled(document, found).lines] == ["L1", "L2", "L3"]
    searched = [AssignedLine("1", OrderLineChoice("PO-2", "L7", 50))]
    assert filled(invoice(line("1", order_id="")), searched) == invoice(line("1", order_id="PO-2", order_line_id="L7"))
    assert filled(document, ()) is document


# ── in the verdict ─────────────────────────────────────────────────────────────────────────────────────────────────


def test_the_verdict_bills_what_was_found_and_says_so() -> None:
    verdict = match(invoice(line("1", "A")), order(L1=ordered("A"), L2=ordered("B")), Tolerances(), "v1")
    assert (verdict.matched, verdict.allocations) == (True, (Allocation("PO-1", "L1", D(10), Money(10000, "EUR")),))
    assert [(one.line_id, str(one.choice)) for one in verdict.assigned] == [("1", "order PO-1 line L1")]
    assert allocate(invoice(line("1", "A")), order(L1=ordered("A"))) == verdict.allocations


def test_the_verdict_tells_once_what_is_not_certain() -> None:
    orders = order(L1=ordered("A", price="11"), L2=ordered("A", price="12"))
    verdict = match(invoice(line("1", "A"), line("2", "Z", order_id="PO-9")), orders, Tolerances(), "v1")
    assert [(one.code, one.where) for one in verdict.problems] == [
        (Code.AMBIGUOUS_ORDER_LINE, "1"),
        (Code.UNKNOWN_ORDER, "2"),
    ]
    assert [one.line_id for one in verdict.ambiguous] == ["1"]


def test_nothing_is_assigned_where_policy_says_so_and_of_a_prepayment() -> None:
    orders = order(L1=ordered("A"))
    document = invoice(line("1", "A"))
    by_hand = MatchingRules(assign_lines=False)
    assert assign(document, orders, by_hand) == Assignment(document)
    assert allocate(document, orders, rules=by_hand) == ()
    assert match(document, orders, Tolerances(), "v1", by_hand).problems == (
        Problem(Code.UNKNOWN_ORDER_LINE, "1", "a line of order PO-1", "none"),
    )
    prepayment = replace(document, purpose="prepayment")
    assert assign(prepayment, orders) == Assignment(prepayment)
