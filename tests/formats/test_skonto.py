"""Cash discounts in the terms of payment of XRechnung."""

from datetime import date, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tieout.formats.einvoice.skonto import cash_discounts, skonto
from tieout.kernel.money import Money
from tieout.model.documents import CashDiscount

ISSUED = date(2026, 11, 2)
GROSS = Money(119_000, "EUR")


def off(days: int, cents: int, percent: str) -> CashDiscount:
    return CashDiscount(until=ISSUED + timedelta(days), amount=Money(cents, "EUR"), percent=Decimal(percent))


@pytest.mark.parametrize(
    ("terms", "discounts"),
    [
        pytest.param("#SKONTO#TAGE=14#PROZENT=2.25#\n", (off(14, 2_678, "2.25"),), id="26.775 is rounded half up"),
        pytest.param(
            "#SKONTO#TAGE=7#PROZENT=2.00#\n#SKONTO#TAGE=14#PROZENT=1.00#\n#SKONTO#TAGE=30#PROZENT=0.00#\n",
            (off(7, 2_380, "2.00"), off(14, 1_190, "1.00")),
            id="in steps; nothing is no discount",
        ),
        pytest.param(
            "#SKONTO#TAGE=14#PROZENT=3.00#BASISBETRAG=1000.00#\n", (off(14, 3_000, "3.00"),), id="of another amount"
        ),
        pytest.param("Pay within 14 days less 2 %", (), id="prose says nothing"),
        pytest.param("#VERZUG#TAGE=14#PROZENT=2.25#\n", (), id="interest is no discount"),
        pytest.param("Thanks!\n#SKONTO#TAGE=8#PROZENT=2#\nBye", (off(8, 2_380, "2"),), id="between prose"),
        pytest.param("#SKONTO#TAGE=x#PROZENT=2.00#", (), id="no number"),
    ],
)
def test_what_the_terms_say(terms: str, discounts: tuple[CashDiscount, ...]) -> None:
    assert tuple(cash_discounts(terms, ISSUED, GROSS)) == discounts


@given(st.lists(st.tuples(st.integers(0, 999), st.decimals("0.01", "99.99", places=2)), max_size=4))
def test_reading_what_was_written_gives_it_back(parts: list[tuple[int, Decimal]]) -> None:
    written = "".join(f"#SKONTO#TAGE={days}#PROZENT={percent:.2f}#\n" for days, percent in parts)
    assert skonto(cash_discounts(written, ISSUED, GROSS), ISSUED, GROSS) == written
