"""Pictures of a matched line: which bars there are, what they say, and where the limit stands."""

from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from lxml import html
from tests.web.books import Books
from tests.web.fixtures import Client, sign_in
from tests.web.test_workbench import WITH_HTML, bench_of

from tieout.engine.queries.workbench import Pairing
from tieout.kernel.money import Money
from tieout.matching.orders import LinePosition
from tieout.model.documents import InvoiceLine
from tieout.model.verdict import Check
from tieout.web.extents import Bars, Part, Row, bars, bullet


def line(quantity: int) -> InvoiceLine:
    net = Money(quantity * 100, "EUR")
    return InvoiceLine(
        line_id="1",
        description="Bolts",
        quantity=Decimal(quantity),
        unit="EA",
        unit_price=Decimal(1),
        net=net,
        tax_rate=Decimal(0),
        order_id="PO-1",
        order_line_id="1",
    )


def pair(quantity: int, *, received: int, billed: int, checks: tuple[Check, ...] = ()) -> Pairing:
    position = LinePosition(
        ordered=Decimal(100), unit="EA", unit_price=Decimal(1), received=Decimal(received), billed=Decimal(billed)
    )
    return Pairing(
        order_id="PO-1",
        order_line_id="1",
        lines=(line(quantity),),
        position=position,
        receipts=(),
        checks=checks,
    )


def check(rule: str, expected: int, actual: int, limit: int | None) -> Check:
    last = None if limit is None else Decimal(limit)
    passed = last is None or actual <= last
    return Check(rule, "1", "order PO-1 line 1", Decimal(expected), Decimal(actual), "EA", passed, last)


def part(kind: str, start: int, end: int) -> Part:
    return Part(kind, Fraction(start), Fraction(end))


ORDERED = Row("Ordered", Fraction(100), (part("plain", 0, 100),))
RECEIVED = Row("Received", Fraction(60), (part("info", 0, 60),))
WITHIN_10 = (check("quantity_ordered", 100, 70, 100), check("quantity_received", 60, 70, 66))


@pytest.mark.parametrize(
    ("paired", "counted", "sign", "expected"),
    [
        pytest.param(
            pair(50, received=60, billed=20, checks=WITHIN_10),
            False,
            1,
            Bars(
                (
                    ORDERED,
                    Row("Received", Fraction(60), (part("info", 0, 60),), part("band", 60, 66)),
                    Row(
                        "Billed in all",
                        Fraction(70),
                        (part("before", 0, 20), part("good", 20, 60), part("warn", 60, 66), part("bad", 66, 70)),
                        own=Fraction(50),
                    ),
                ),
                Fraction(100),
                Fraction(66),
            ),
            id="within what came, within the limit, beyond it",
        ),
        pytest.param(
            pair(50, received=60, billed=70, checks=WITHIN_10),
            True,
            1,
            Bars(
                (
                    ORDERED,
                    Row("Received", Fraction(60), (part("info", 0, 60),), part("band", 60, 66)),
                    Row(
                        "Billed in all",
                        Fraction(70),
                        (part("before", 0, 20), part("good", 20, 60), part("warn", 60, 66), part("bad", 66, 70)),
                        own=Fraction(50),
                    ),
                ),
                Fraction(100),
                Fraction(66),
            ),
            id="the order counts it already, and the picture is the same",
        ),
        pytest.param(
            pair(30, received=60, billed=50),
            False,
            -1,
            Bars(
                (
                    ORDERED,
                    RECEIVED,
                    Row(
                        "Billed in all",
                        Fraction(20),
                        (part("before", 0, 20), part("back", 20, 50)),
                        own=Fraction(-30),
                    ),
                ),
                Fraction(100),
                Fraction(60),
            ),
            id="a credit note takes back and opens nothing",
        ),
        pytest.param(
            pair(50, received=60, billed=20, checks=(check("quantity_received", 40, 70, 44),)),
            False,
            1,
            Bars(
                (
                    ORDERED,
                    RECEIVED,
                    Row(
                        "Billed in all",
                        Fraction(70),
                        (part("before", 0, 20), part("good", 20, 60), part("warn", 60, 60), part("bad", 60, 70)),
                        own=Fraction(50),
                    ),
                ),
                Fraction(100),
                Fraction(60),
            ),
            id="a limit of a verdict that looked at an earlier receipt is not drawn beside the new one",
        ),
        pytest.param(
            pair(150, received=60, billed=0, checks=(check("quantity_received", 60, 150, None),)),
            False,
            1,
            Bars(
                (
                    ORDERED,
                    Row("Received", Fraction(60), (part("info", 0, 60),), None, True),
                    Row(
                        "Billed in all",
                        Fraction(150),
                        (part("before", 0, 0), part("good", 0, 60), part("warn", 60, 150), part("bad", 150, 150)),
                        own=Fraction(150),
                    ),
                ),
                Fraction(150),
                None,
            ),
            id="without a limit nothing is beyond it",
        ),
    ],
)
def test_how_far_a_line_goes(paired: Pairing, counted: bool, sign: int, expected: Bars) -> None:
    assert bars(paired, counted=counted, sign=sign, currency="EUR") == expected


def test_a_line_without_one_measure_has_no_bars() -> None:
    alone = Pairing(order_id="", order_line_id="", lines=(line(1),), position=None, receipts=(), checks=())
    assert bars(alone, counted=False, sign=1, currency="EUR") is None


def shape(picture: str, path: str) -> Any:
    (found,) = html.fromstring(picture).xpath(path)
    return {name: found.get(name) for name in ("class", "x", "width", "cx", "x1") if found.get(name) is not None}


@pytest.mark.parametrize(
    ("checked", "band", "dot"),
    [
        pytest.param(check("price", 100, 104, 102), ("8.0", "72.8"), ("fill-bad", "101.6"), id="above the limit"),
        pytest.param(check("price", 100, 100, 100), ("8.0", "52.0"), ("fill-good", "60.0"), id="zero allows nothing"),
        pytest.param(check("price", 100, 140, None), ("8.0", "104.0"), ("fill-good", "101.6"), id="any value passes"),
        pytest.param(check("price_under", 100, 96, 98), ("39.2", "72.8"), ("fill-good", "18.4"), id="from below"),
    ],
)
def test_a_check_on_the_scale_of_what_it_allows(checked: Check, band: tuple[str, str], dot: tuple[str, str]) -> None:
    picture = bullet(checked)
    assert shape(picture, "//rect") == {"class": "fill-band", "x": band[0], "width": band[1]}
    assert shape(picture, "//circle") == {"class": dot[0], "cx": dot[1]}
    assert shape(picture, "//line[@class='expected']") == {"class": "expected", "x1": "60.0"}


def test_every_number_of_a_picture_stands_beside_it(client: Client, books: Books) -> None:
    sign_in(client, "rolf")
    bench = bench_of(books, "MK-2026-0713")
    page = html.fromstring(client.get(f"/matching/{bench.invoice_id}", headers=WITH_HTML).text)
    told = [
        [" ".join(cell.text_content().split()) for cell in row.xpath("./*[not(svg)]")]
        for row in page.xpath("//table[@class='extents']//tr")
    ]
    assert told[3:9] == [
        ["Ordered", "40 kg", ""],
        ["Received", "36 kg", ""],
        ["Billed in all", "40 kg", "this one adds 40 kg, 4 kg too much"],
        ["Ordered", "2,400.00 EUR", ""],
        ["Received", "1,800.00 EUR", ""],
        ["Billed in all", "1,900.00 EUR", "this one adds 1,900.00 EUR, 100.00 EUR too much"],
    ]
