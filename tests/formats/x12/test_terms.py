"""ITD: what may be taken off, until when."""

from datetime import date
from decimal import Decimal

import pytest
from tests.formats.x12.kit import file_with, only

from tieout.kernel.money import Money
from tieout.model.documents import CashDiscount, Invoice

HEAD = """
BIG*20260527*INV-9001*20260501*PO-77***DI
CUR*SE*USD
N1*SE*Acme Parts Inc*1*123456789
N1*BT*Northwind*92*1500
"""
ITEM = """
IT1*1*2*EA*100**BP*A
TDS*20000
CTT*1
"""


def off(until: date, cents: int, percent: str | None = None) -> CashDiscount:
    return CashDiscount(until=until, amount=Money(cents, "USD"), percent=Decimal(percent) if percent else None)


@pytest.mark.parametrize(
    ("terms", "discounts", "due"),
    [
        pytest.param("ITD*01*3*2**10**30", (off(date(2026, 6, 6), 400, "2"),), date(2026, 6, 26), id="2/10 net 30"),
        pytest.param("ITD*08*3*2*20260605***30", (off(date(2026, 6, 5), 400, "2"),), date(2026, 6, 26), id="a date"),
        pytest.param("ITD*08*3***10**30*350", (off(date(2026, 6, 6), 350),), date(2026, 6, 26), id="an amount"),
        pytest.param("ITD*52*3*-5**20**30", (), date(2026, 6, 26), id="below nothing is no discount"),
        pytest.param("ITD*52*3*0**20**30", (), date(2026, 6, 26), id="nothing is no discount"),
        pytest.param("ITD*05*3*2****30", (), date(2026, 6, 26), id="no day to pay by"),
        pytest.param(
            "ITD*01*3*3**5**30\nITD*01*3*2**10**45",
            (off(date(2026, 6, 1), 600, "3"), off(date(2026, 6, 6), 400, "2")),
            date(2026, 7, 11),
            id="several terms: the latest due day",
        ),
    ],
)
def test_terms(terms: str, discounts: tuple[CashDiscount, ...], due: date) -> None:
    found = only(file_with("810", HEAD + terms + ITEM))
    assert isinstance(found, Invoice)
    assert (found.discounts, found.due_on) == (discounts, due)
