"""Tables of orders and receipts: the contract, places by row, and round trips."""

from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tieout.formats.csv_documents import read_orders, read_receipts, write_orders, write_receipts
from tieout.formats.reading import Claim, Context, CsvShape, gather
from tieout.kernel.problem import Code, Problem
from tieout.model.documents import GoodsReceipt, OrderLine, PurchaseOrder, ReceiptLine
from tieout.model.identity import supplier_id_of

DATA = Path(__file__).parent / "data"
ORDERS = (DATA / "orders.csv").read_bytes()
RECEIPTS = (DATA / "receipts.csv").read_bytes()
MUELLER = supplier_id_of("DE129273398")
TABLE = "rows of the table = lines of the documents"


def test_orders() -> None:
    reading = gather(read_orders, ORDERS, Context())
    assert reading.diagnostics == ()
    assert reading.proof.claims == (Claim(TABLE, "table", "3", "3", True),)
    assert [order.order_id for order in reading.records] == ["PO-77", "PO-78"]
    assert reading.records[1] == PurchaseOrder(
        order_id="PO-78",
        entity="de",
        supplier_id=MUELLER,
        currency="EUR",
        ordered_on=date(2026, 4, 22),
        lines=(
            OrderLine(
                line_id="20",
                item="BOOK",
                quantity=Decimal(4),
                unit="C62",
                unit_price=Decimal(7),
                description="Tables of threads",
                tax_rate=Decimal(7),
                receipt_required=False,
            ),
        ),
    )


def test_receipts_with_semicolons() -> None:
    reading = gather(read_receipts, RECEIPTS, Context())
    assert reading.diagnostics == ()
    assert reading.proof.holds
    lines = (
        ReceiptLine(order_line_id="10", quantity=Decimal(600)),
        ReceiptLine(order_line_id="20", quantity=Decimal(500)),
    )
    first = GoodsReceipt(
        receipt_id="GR-1", order_id="PO-77", entity="de", supplier_id=MUELLER, received_on=date(2026, 5, 2), lines=lines
    )
    assert reading.records[0] == first


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"\xef\xbb\xbf" + ORDERS, id="UTF-8 with a mark"),
        pytest.param(ORDERS.decode().encode("utf-16"), id="UTF-16 with a mark"),
        pytest.param(ORDERS.replace(b"\r\n", b"\n"), id="Unix lines"),
        pytest.param(ORDERS.replace(b"\r\n", b"\n\n"), id="blank lines between"),
        pytest.param(ORDERS.replace(b"order_id,entity", b"Order ID, ENTITY"), id="names as people type them"),
        pytest.param(ORDERS.replace(b"\r\n", b",\r\n").replace(b"required,", b"required,remark"), id="a column more"),
    ],
)
def test_the_same_table_in_other_clothes(body: bytes) -> None:
    reading = gather(read_orders, body, Context())
    assert reading.records == gather(read_orders, ORDERS, Context()).records
    assert reading.proof.holds


def test_a_bad_row_takes_its_document_and_no_other() -> None:
    reading = gather(read_orders, ORDERS.replace(b",0.31,", b',"0,31",'), Context())
    assert [order.order_id for order in reading.records] == ["PO-78"]
    assert not reading.proof.holds
    assert reading.diagnostics == (
        Problem(Code.BAD_VALUE, "row 3, unit_price", expected="a plain decimal number such as 12.50", actual="0,31"),
        Problem(Code.TOTALS_DISAGREE, "table", expected="1", actual="3", detail=TABLE),
    )


def test_a_declared_decimal_comma() -> None:
    body = RECEIPTS.replace(b";600", b";600,5")
    shape = CsvShape(decimal=",")
    assert gather(read_receipts, body, Context(csv=shape)).records[0].lines[0].quantity == Decimal("600.5")
    assert not gather(read_receipts, body, Context()).proof.holds
    assert not gather(read_receipts, RECEIPTS.replace(b";600", b";1.600"), Context(csv=shape)).proof.holds


def test_a_declared_encoding() -> None:
    body = ORDERS.replace(b"threads", "Fäden".encode("latin-1"))
    (_, order) = gather(read_orders, body, Context(csv=CsvShape(encoding="latin-1"))).records
    assert order.lines[0].description == "Tables of Fäden"
    assert [
        problem.where for problem in gather(read_orders, body, Context(csv=CsvShape(encoding="martian"))).diagnostics
    ] == ["encoding"]


def test_a_supplier_id_that_is_not_of_its_tax_registration() -> None:
    body = ORDERS.replace(b"supplier_tax_id", b"supplier_tax_id,supplier_id").replace(
        b"DE129273398", b"DE129273398,sup_other"
    )
    assert {(problem.code, problem.actual) for problem in gather(read_orders, body, Context()).diagnostics[:2]} == {
        (Code.BAD_VALUE, "sup_other")
    }


words = st.text(st.characters(codec="utf-8", categories=("L", "N", "P", "S")), min_size=1, max_size=10)
sentences = st.lists(words, max_size=3).map(" ".join)
numbers = st.decimals("-1e9", "1e9", places=4)
order_lines = st.builds(
    OrderLine,
    line_id=words,
    item=words,
    quantity=numbers,
    unit=words,
    unit_price=numbers,
    description=sentences,
    tax_rate=st.decimals(0, 99, places=2),
    receipt_required=st.booleans(),
)
orders = st.builds(
    PurchaseOrder,
    order_id=words,
    entity=words,
    supplier_id=words,
    currency=st.sampled_from(["EUR", "JPY"]),
    ordered_on=st.dates(),
    lines=st.lists(order_lines, min_size=1, max_size=4, unique_by=lambda line: line.line_id).map(tuple),
)
receipt_lines = st.builds(ReceiptLine, order_line_id=words, quantity=numbers)
receipts = st.builds(
    GoodsReceipt,
    receipt_id=words,
    order_id=words,
    entity=words,
    supplier_id=words,
    received_on=st.dates(),
    lines=st.lists(receipt_lines, min_size=1, max_size=4).map(tuple),
)
shapes = st.sampled_from(
    [CsvShape(), CsvShape(";", ","), CsvShape("\t"), CsvShape(",", ",", "utf-16"), CsvShape(";", ".", "utf-8-sig")]
)


@settings(max_examples=60, deadline=None)
@given(st.lists(orders, min_size=1, max_size=4, unique_by=lambda order: order.order_id), shapes)
def test_orders_come_back_as_they_were(documents: list[PurchaseOrder], shape: CsvShape) -> None:
    reading = gather(read_orders, write_orders(documents, shape), Context(csv=shape))
    assert reading.records == tuple(documents), reading.diagnostics
    assert reading.proof.holds


@settings(max_examples=60, deadline=None)
@given(st.lists(receipts, min_size=1, max_size=4, unique_by=lambda receipt: receipt.receipt_id), shapes)
def test_receipts_come_back_as_they_were(documents: list[GoodsReceipt], shape: CsvShape) -> None:
    reading = gather(read_receipts, write_receipts(documents, shape), Context(csv=shape))
    assert reading.records == tuple(documents), reading.diagnostics
    assert reading.proof.holds
