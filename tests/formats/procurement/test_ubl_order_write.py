"""An order we write is the order again when it is read, valid against the schema, or not written at all."""

from datetime import date
from decimal import Decimal
from os import environ
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree
from msgspec.structs import replace

from tieout.formats.detect import read
from tieout.formats.procurement.ubl.write import Party, write_order
from tieout.formats.reading import Context
from tieout.kernel.problem import Code
from tieout.model.documents import OrderLine, PurchaseOrder
from tieout.model.identity import supplier_id_of

BUYER = Party(name="Nordwind Werke GmbH", tax_id="DE111111125", country="DE", endpoint="9930:DE111111125")
SELLER = Party(name="Tulp Onderdelen B.V.", tax_id="NL001234567B01", country="NL", endpoint="0106:12345678")
CONTEXT = Context(entities_by_tax_id={"DE111111125": "nordwind"})
XSD = (
    Path(__file__).parents[3]
    / environ.get("TIEOUT_SAMPLES", "../shared/samples")
    / "schemas/ubl-2.1/base_ubl/data/xsd-2.1/maindoc/UBL-Order-2.1.xsd"
)

words = st.text(st.characters(codec="utf-8", exclude_categories=("C", "Z")), min_size=1, max_size=12)
numbers = st.decimals(-(10**6), 10**6, places=4)
lines = st.builds(
    OrderLine,
    line_id=words,
    item=st.just("") | words,
    quantity=numbers,
    unit=st.sampled_from(("", "C62", "KGM")),
    unit_price=numbers,
    description=st.just("") | words,
    tax_rate=st.sampled_from((Decimal(0), Decimal("5.5"), Decimal(19))),
    receipt_required=st.booleans(),
    category=st.sampled_from(("", "UNSPSC:43211503", "CPV:30213100", "BUYER:A 7", "HOUSELIST:7")),
)
orders = st.builds(
    PurchaseOrder,
    order_id=words,
    entity=st.just("nordwind"),
    supplier_id=st.just(supplier_id_of(SELLER.tax_id)),
    currency=st.sampled_from(("EUR", "JPY", "KWD")),
    ordered_on=st.dates(),
    conversion_rate=st.decimals("0.0001", 1000, places=4),
    converted_to=st.just("USD"),
    lines=st.lists(lines, min_size=1, max_size=4, unique_by=lambda line: line.line_id).map(tuple),
)
ORDER = PurchaseOrder(
    order_id="PO-1",
    entity="nordwind",
    supplier_id=supplier_id_of(SELLER.tax_id),
    currency="EUR",
    ordered_on=date(2026, 3, 2),
    lines=(
        OrderLine(
            line_id="10",
            item="B-8",
            quantity=Decimal(3),
            unit="C62",
            unit_price=Decimal("1.255"),
            description="Bolt",
            category="ECLASS:23110101",
        ),
        OrderLine(line_id="20", item="", quantity=Decimal(1), unit="", unit_price=Decimal(5), receipt_required=False),
    ),
)


@given(orders)
def test_what_we_write_we_read_back_equal(order: PurchaseOrder) -> None:
    written = write_order(order, BUYER, SELLER)
    reading = read(written.body, context=CONTEXT)
    assert (written.problems, reading.records) == ((), (order,))
    assert reading.proof.holds
    assert reading.diagnostics == ()


def test_the_same_order_gives_the_same_bytes() -> None:
    assert write_order(ORDER, BUYER, SELLER) == write_order(ORDER, BUYER, SELLER)


@pytest.mark.skipif(not XSD.exists(), reason="no schemas here (TIEOUT_SAMPLES)")
def test_what_we_write_is_valid_ubl() -> None:
    schema = etree.XMLSchema(etree.parse(XSD))
    schema.assertValid(etree.fromstring(write_order(ORDER, BUYER, SELLER).body))


LINE = ORDER.lines[0]


@pytest.mark.parametrize(
    ("order", "code"),
    [
        pytest.param(replace(ORDER, order_id=""), Code.MISSING_FIELD, id="no number"),
        pytest.param(replace(ORDER, order_id="PO\x01"), Code.BAD_VALUE, id="a sign that XML cannot carry"),
        pytest.param(replace(ORDER, order_id="PO  1"), Code.BAD_VALUE, id="blanks that would be folded"),
        pytest.param(replace(ORDER, lines=()), Code.BAD_VALUE, id="no lines"),
        pytest.param(replace(ORDER, lines=(replace(LINE, category="43211503"),)), Code.BAD_VALUE, id="a bare category"),
        pytest.param(replace(ORDER, lines=(replace(LINE, category="SRV:1"),)), Code.BAD_VALUE, id="no category at all"),
        pytest.param(replace(ORDER, conversion_rate=Decimal(2)), Code.MISSING_FIELD, id="a rate into nothing"),
        pytest.param(
            replace(ORDER, conversion_rate=Decimal(2), conversion_per=Decimal(3), converted_to="USD"),
            Code.BAD_VALUE,
            id="a rate for one of neither",
        ),
        pytest.param(replace(ORDER, lines=(LINE, LINE)), Code.BAD_VALUE, id="a line twice"),
        pytest.param(replace(ORDER, currency="Euro"), Code.BAD_VALUE, id="no currency"),
        pytest.param(replace(ORDER, supplier_id="sup-x"), Code.WRONG_SUPPLIER, id="another supplier"),
        pytest.param(
            replace(ORDER, lines=(replace(LINE, quantity=Decimal("1E+28")),)), Code.BAD_VALUE, id="beyond all numbers"
        ),
        pytest.param(replace(ORDER, lines=(replace(LINE, item="a" * 1001),)), Code.TOO_LARGE, id="too long a name"),
    ],
)
def test_an_order_that_would_not_be_read_back_is_not_written(order: PurchaseOrder, code: Code) -> None:
    written = write_order(order, BUYER, SELLER)
    assert written.body == b""
    assert code in {problem.code for problem in written.problems}
