"""What matched invoices leave on an order: amounts, charges, receipts and retainage, forth and back."""

from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.processes.company import eur

from tieout.kernel.money import Money, priced
from tieout.matching.orders import LinePosition, OrderPosition, ReceiptPosition
from tieout.model.verdict import Allocation
from tieout.processes.order.billing import billed
from tieout.processes.order.state import State

MAY = date(2026, 5, 3)


def order(**changes: object) -> State:
    line = LinePosition(Decimal(10), "EA", Decimal(10), receipts={"GR-1": ReceiptPosition(Decimal(10))}, **changes)  # type: ignore[arg-type]
    return State(position=OrderPosition("PO-1", "sup", "EUR", {"1": line}), entity="de")


def test_an_allocation_counts_on_its_line_and_its_receipt() -> None:
    allocation = Allocation("PO-1", "1", Decimal(4), eur("40.00"), "GR-1", retained=eur("4.00"))
    after = billed(order(), (allocation,), MAY, 1)
    assert after.position is not None
    line = after.position.lines["1"]
    assert (line.billed, line.billed_minor, line.retained_minor) == (4, 4000, 400)
    assert line.receipts == {"GR-1": ReceiptPosition(Decimal(10), Decimal(4))}
    assert after.billed == {"2026-05": {"1": Decimal(4)}}
    assert after.billed_minor == {}


def test_a_charge_counts_on_its_condition_and_on_no_line() -> None:
    allocation = Allocation("PO-1", "", Decimal(0), eur("12.00"), charge_id="F")
    after = billed(order(), (allocation,), MAY, 1)
    assert after.position is not None
    assert after.position.charged_minor == {"F": 1200}
    assert (after.billed, after.position.lines["1"].billed_minor) == ({}, 0)


def test_a_service_is_kept_by_its_amount_in_each_period() -> None:
    allocation = Allocation("PO-1", "1", Decimal(0), eur("120.00"))
    after = billed(order(kind="service"), (allocation,), MAY, 1)
    assert after.billed_minor == {"2026-05": {"1": 12000}}


def test_another_currency_bills_no_amount_and_another_order_nothing() -> None:
    foreign = Allocation("PO-1", "1", Decimal(1), Money(500, "USD"))
    other = Allocation("PO-2", "1", Decimal(1), eur("5.00"))
    after = billed(order(), (foreign, other), MAY, 1)
    assert after.position is not None
    assert (after.position.lines["1"].billed, after.position.lines["1"].billed_minor) == (1, 0)


amounts = st.integers(-1000, 1000)
allocations = st.lists(
    st.builds(
        lambda quantity, minor, retained, charge: Allocation(
            "PO-1",
            "" if charge else "1",
            Decimal(quantity),
            Money(minor, "EUR"),
            "GR-1",
            charge,
            Money(retained, "EUR"),
        ),
        amounts, amounts, amounts, st.sampled_from(["", "", "F"]),
    ),
    max_size=5,
).map(tuple)  # fmt: skip


@given(allocations, st.sampled_from(["goods", "service", "blanket"]))
def test_what_is_released_leaves_nothing_behind(some: tuple[Allocation, ...], kind: str) -> None:
    before = order(kind=kind)
    after = billed(billed(before, some, MAY, 1), some, MAY, -1)
    assert after.position is not None
    assert before.position is not None
    assert after.position.lines == before.position.lines
    assert set(after.position.charged_minor.values()) <= {0}
    assert {quantity for row in after.billed.values() for quantity in row.values()} <= {Decimal(0)}
    assert {minor for row in after.billed_minor.values() for minor in row.values()} <= {0}


@pytest.mark.parametrize(("quantity", "price", "per", "worth"), [
    ("333", "5.55", "100", "18.48"),
    ("1", "10", "3", "3.33"),
    ("2", "10", "3", "6.67"),
    ("-2", "10", "3", "-6.67"),
    ("1", "0.01", "2", "0.01"),
    ("-1", "0.01", "2", "-0.01"),
    ("3", "0.335", "1", "1.01"),
])  # fmt: skip
def test_a_price_for_several_is_rounded_once_and_half_up(quantity: str, price: str, per: str, worth: str) -> None:
    assert priced(Decimal(quantity), Decimal(price), Decimal(per), "EUR") == eur(worth)
