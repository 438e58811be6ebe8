"""Tables of orders, receipts and invoices, in text and in workbooks: the contract, places by row, and round trips."""

import csv
import io
import re
import time
import zipfile
from datetime import date
from decimal import Decimal
from pathlib import Path

import msgspec
import openpyxl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.formats.test_containers import archive

from tieout.conformance.formats import ATTACKS
from tieout.formats.detect import read
from tieout.formats.reading import Claim, Context, CsvShape, Limits, gather
from tieout.formats.tables import (
    CONTRACTS,
    read_invoices,
    read_orders,
    read_receipts,
    write_invoices,
    write_orders,
    write_receipts,
)
from tieout.formats.tables.workbook import _shows_day
from tieout.kernel.ids import fingerprint
from tieout.kernel.money import Money
from tieout.kernel.problem import Code, Problem
from tieout.model.documents import (
    GoodsReceipt,
    Invoice,
    InvoiceKind,
    InvoiceLine,
    OrderLine,
    PurchaseOrder,
    ReceiptLine,
)
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
    category=st.sampled_from(["", "UNSPSC:43211503", "OWN:A 7"]),
)
orders = st.builds(
    PurchaseOrder,
    order_id=words,
    entity=words,
    supplier_id=words,
    currency=st.sampled_from(["EUR", "JPY"]),
    ordered_on=st.dates(),
    conversion_rate=st.decimals("0.0001", "1e5", places=4),
    conversion_per=st.sampled_from([Decimal(1), Decimal("1.0842"), Decimal(100)]),
    converted_to=st.sampled_from(["", "USD"]),
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


# ── invoices ───────────────────────────────────────────────────────────────────────────────────────────────────────

INVOICES = (DATA / "national" / "invoices.csv").read_bytes()
US = Context(entities_by_tax_id={"DE 811193231": "de"})


def eur(minor: int) -> Money:
    return Money(minor, "EUR")


def test_invoices() -> None:
    reading = read(INVOICES, context=US)
    assert reading.format == "csv-invoices"
    assert reading.proof.holds
    first, second = reading.records
    assert first == Invoice(
        kind=InvoiceKind.INVOICE,
        number="R-1",
        entity="de",
        supplier_id=MUELLER,
        supplier_tax_id="DE129273398",
        supplier_name="Müller GmbH",
        currency="EUR",
        issued_on=date(2026, 5, 4),
        due_on=date(2026, 6, 3),
        lines=(
            InvoiceLine(
                line_id="1",
                quantity=Decimal(1000),
                unit="C62",
                unit_price=Decimal("0.31"),
                net=eur(310_00),
                description="Screws, M6",
                tax_rate=Decimal(19),
                order_id="PO-77",
                order_line_id="10",
            ),
            InvoiceLine(
                line_id="2",
                quantity=Decimal(5),
                unit="C62",
                unit_price=Decimal(7),
                net=eur(35_00),
                description="Tables",
                tax_rate=Decimal(19),
                order_id="PO-77",
                order_line_id="20",
            ),
        ),
        net=eur(345_00),
        tax=eur(65_55),
        gross=eur(410_55),
        document=fingerprint(INVOICES),
    )
    assert (second.kind, second.credits_number, second.due_on) == (InvoiceKind.CREDIT_NOTE, "R-1", date(2026, 5, 5))


@pytest.mark.parametrize(
    ("what", "other", "claims"),
    [
        (b"345.00,", b"345.01,", ["sum of the lines = net", "net + tax = gross"]),
        (b",410.55,", b",410.54,", ["net + tax = gross"]),
        (b",310.00,", b",310.01,", ["sum of the lines = net"]),
    ],
)
def test_totals_must_be_sums(what: bytes, other: bytes, claims: list[str]) -> None:
    reading = read(INVOICES.replace(what, other), context=US)
    assert [claim.name for claim in reading.proof.claims if not claim.holds] == claims


def test_two_suppliers_may_use_one_number() -> None:
    body = INVOICES.replace(b"R-2,credit_note,DE811193231,DE129273398", b"R-1,,DE811193231,DE136695976")
    reading = read(body, context=US)
    assert [(invoice.number, invoice.supplier_tax_id) for invoice in reading.records] == [
        ("R-1", "DE129273398"),
        ("R-1", "DE136695976"),
    ]
    assert reading.proof.holds


@pytest.mark.parametrize(
    ("what", "other"),
    [
        (b",310.00,", b",310.001,"),
        (b",310.00,", b",NaN,"),
        (b",EUR,", b",euro,"),
        (b",credit_note,", b",refund,"),
        (b"R-1,,DE811193231", b"R-1,,"),
        (b"345.00,65.55,410.55,2", b"345.00,65.55,410.56,2"),
        (b"410.55,2,5", b"410.55,1,5"),
        (b"invoice_number", b"number"),
        (b",gross,", b",total,"),
        (b"buyer_tax_id", b"customer"),
    ],
)
def test_almost_valid_invoices(what: bytes, other: bytes) -> None:
    assert what in INVOICES
    reading = gather(read_invoices, INVOICES.replace(what, other, 1), US)
    assert not reading.proof.holds
    assert reading.diagnostics


def test_a_line_that_is_not_quantity_by_price_is_told() -> None:
    reading = read(INVOICES.replace(b"1000,C62,0.31", b"1000,C62,0.33"), context=US)
    assert reading.proof.holds
    assert next((problem.where, problem.expected, problem.actual) for problem in reading.diagnostics) == (
        "row 2, line_net",
        "330.00 EUR",
        "310.00 EUR",
    )


def test_an_invoice_below_zero_is_a_credit() -> None:
    body = INVOICES.splitlines(keepends=True)[0] + (
        b"R-9,,DE811193231,DE129273398,M,EUR,2026-05-05,2026-05-05,,-7.00,-1.33,-8.33,1,-1,C62,7,-7.00,Tables,19,,\r\n"
    )
    (invoice,) = read(body, context=US).records
    assert (invoice.kind, invoice.gross, invoice.lines[0].quantity) == (InvoiceKind.CREDIT_NOTE, eur(8_33), Decimal(1))
    assert not read(body.replace(b"R-9,,", b"R-9,credit_note,"), context=US).proof.holds


def test_spreadsheets_may_say_which_sign_separates() -> None:
    body = b"sep=|\r\n" + INVOICES.replace(b'"Screws, M6"', b"Screws").replace(b",", b"|")
    assert [invoice.number for invoice in gather(read_invoices, body, US).records] == ["R-1", "R-2"]
    reading = gather(read_invoices, body.replace(b"|310.00|", b"|x|"), US)
    assert reading.diagnostics[0].where == "row 3, line_net"


def priced(line_id: str, quantity: Decimal, minor: int) -> InvoiceLine:
    return InvoiceLine(line_id=line_id, quantity=quantity, unit="C62", unit_price=Decimal(minor), net=eur(minor))


@st.composite
def invoices(draw: st.DrawFn) -> Invoice:
    minors = draw(st.lists(st.integers(-(10**9), 10**9), min_size=1, max_size=4).filter(lambda found: sum(found) >= 0))
    lines = tuple(priced(str(number), draw(numbers), minor) for number, minor in enumerate(minors))
    tax_id, net, tax = (
        draw(st.sampled_from(["DE129273398", "DE136695976"])),
        eur(sum(minors)),
        eur(draw(st.integers(0, 99))),
    )
    return Invoice(
        kind=draw(st.sampled_from(InvoiceKind)),
        number=draw(words),
        entity="de",
        supplier_id=supplier_id_of(tax_id),
        supplier_tax_id=tax_id,
        supplier_name=draw(words),
        currency="EUR",
        issued_on=draw(st.dates()),
        due_on=draw(st.dates()),
        lines=lines,
        net=net,
        tax=tax,
        gross=net + tax,
        withheld=draw(st.sampled_from([None, eur(5)])),
    )


@settings(max_examples=60, deadline=None)
@given(st.lists(invoices(), min_size=1, max_size=3, unique_by=lambda invoice: invoice.number), shapes)
def test_invoices_come_back_as_they_were(documents: list[Invoice], shape: CsvShape) -> None:
    body = write_invoices(documents, shape)
    reading = gather(read_invoices, body, Context(csv=shape))
    assert reading.records == tuple(msgspec.structs.replace(found, document=fingerprint(body)) for found in documents)
    assert reading.proof.holds


# ── workbooks ──────────────────────────────────────────────────────────────────────────────────────────────────────


def rows_of(body: bytes) -> list[list[str]]:
    return list(csv.reader(io.StringIO(body.decode())))


def typed(text: str) -> object:
    """A cell as a person would type it into a spreadsheet."""
    if re.fullmatch(r"\d{4}-\d\d-\d\d", text):
        return date.fromisoformat(text)
    return float(text) if re.fullmatch(r"-?\d+(\.\d+)?", text) else text


def workbook(body: bytes = INVOICES, **sheets: list[list[object]]) -> bytes:
    """The table as a workbook, with other sheets before it."""
    book = openpyxl.Workbook()
    assert book.active is not None
    book.remove(book.active)
    table = {"Data": [[typed(cell) for cell in row] for row in rows_of(body)]} if body else {}
    for name, rows in {**sheets, **table}.items():
        sheet = book.create_sheet(name)
        for row in rows:
            sheet.append(row)
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def edited(body: bytes, part: str, *changes: tuple[str, str]) -> bytes:
    """The same workbook with other words in one of its parts."""
    with zipfile.ZipFile(io.BytesIO(body)) as file:
        members = {name: file.read(name) for name in file.namelist()}
    text = members[part].decode()
    for what, other in changes:
        assert what in text, what
        text = text.replace(what, other, 1)
    return archive({**members, part: text.encode()})


SHEET = "xl/worksheets/sheet1.xml"


@pytest.mark.parametrize(
    "body", [INVOICES, ORDERS, RECEIPTS.replace(b";", b",")], ids=["invoices", "orders", "receipts"]
)
def test_a_workbook_says_what_its_text_says(body: bytes) -> None:
    expected = read(body, context=US)
    reading = read(workbook(body), context=US)
    assert reading.format == "xlsx"
    assert [dict(msgspec.structs.asdict(record), document="") for record in reading.records] == [
        dict(msgspec.structs.asdict(record), document="") for record in expected.records
    ]
    assert reading.proof.holds
    assert len(reading.proof.claims) == len(expected.proof.claims)


def test_the_first_sheet_with_the_columns_below_a_title() -> None:
    rows: list[list[object]] = [["Invoices of May"], [], *([typed(cell) for cell in row] for row in rows_of(INVOICES))]
    reading = read(workbook(b"", Cover=[["Hello"]], Table=rows), context=US)
    assert [invoice.number for invoice in reading.records] == ["R-1", "R-2"]
    wrong = [[str(cell).replace("Müller GmbH", "") if cell == "Müller GmbH" else cell for cell in row] for row in rows]
    assert read(workbook(b"", Table=wrong), context=US).diagnostics[0].where == "sheet Table, row 4, supplier_name"


def test_numbers_are_what_the_spreadsheet_shows() -> None:
    """0.1 + 0.2 is stored as 0.30000000000000004 and shown as 0.3."""
    rows = [[typed(cell) for cell in row] for row in rows_of(INVOICES)]
    rows[1][15] = 0.1 + 0.21
    (first, _) = read(workbook(b"", Data=rows), context=US).records
    assert first.lines[0].unit_price == Decimal("0.31")


def test_texts_that_cells_share_and_their_runs() -> None:
    members = parts(workbook())
    sheet = members[SHEET].decode()
    shared = '<sst><si><r><t>Müller</t></r><r><rPr/><t xml:space="preserve"> GmbH</t></r><rPh><t>x</t></rPh></si></sst>'
    inline = re.compile(r't="inlineStr">\s*<is>\s*<t>M(?:ü|&#252;)ller GmbH</t>\s*</is>')
    assert inline.search(sheet)
    body = archive(
        {**members, SHEET: inline.sub('t="s"><v>0</v>', sheet).encode(), "xl/sharedStrings.xml": shared.encode()}
    )
    assert [invoice.supplier_name for invoice in read(body, context=US).records] == ["Müller GmbH"] * 2
    wrong = archive(
        {**members, SHEET: inline.sub('t="s"><v>1</v>', sheet).encode(), "xl/sharedStrings.xml": shared.encode()}
    )
    assert read(wrong, context=US).diagnostics[0].detail == "no such shared text in the workbook"


def test_a_decimal_comma_is_of_text_only() -> None:
    shape = Context(entities_by_tax_id=US.entities_by_tax_id, csv=CsvShape(";", ","))
    assert read(workbook(), context=shape).proof.holds


def test_days_of_the_other_calendar() -> None:
    body = edited(workbook(), "xl/workbook.xml", ("<workbookPr/>", '<workbookPr date1904="1"/>'))
    (first, _) = read(body, context=US).records
    assert first.issued_on == date(2030, 5, 5)


@pytest.mark.parametrize(
    ("value", "why"),
    [
        ("=SUM(1,2)", "a formula whose result was not saved"),
        (12345678901234567890, "keeps 15 digits"),
        ("#REF!", "the cell shows an error"),
    ],
)
def test_cells_that_cannot_be_read(value: object, why: str) -> None:
    rows = [[typed(cell) for cell in row] for row in rows_of(INVOICES)]
    rows[1][10] = value
    reading = read(workbook(b"", Data=rows), context=US)
    assert [record.number for record in reading.records] == ["R-2"]
    assert not reading.proof.holds
    assert reading.diagnostics[0].where == "sheet Data, row 2, cell K2"
    assert why in reading.diagnostics[0].detail


def test_what_is_worth_knowing_about_a_workbook() -> None:
    rows = [[typed(cell) for cell in row] for row in rows_of(INVOICES)]
    rows[3].append("checked by Ann")
    book = openpyxl.load_workbook(io.BytesIO(workbook(b"", Secret=[["x"]], Data=rows)))
    book["Secret"].sheet_state = "hidden"
    book["Data"].row_dimensions[3].hidden = True
    out = io.BytesIO()
    book.save(out)
    reading = read(out.getvalue(), context=US)
    assert reading.proof.holds
    assert [(problem.where, problem.detail) for problem in reading.diagnostics[:3]] == [
        ("sheet Secret", "a hidden sheet is not read"),
        ("sheet Data, row 3", "hidden rows are read like all others"),
        ("sheet Data, row 4", "cells beside the table, under no header, are not read"),
    ]


def test_macros_are_told_and_never_run() -> None:
    with zipfile.ZipFile(io.BytesIO(workbook())) as file:
        members = {name: file.read(name) for name in file.namelist()}
    reading = read(archive({**members, "xl/vbaProject.bin": b"macro"}), context=US)
    assert reading.proof.holds
    assert reading.diagnostics[0].detail == "the workbook has macros; they are not run"


def test_no_sheet_with_the_columns() -> None:
    reading = read(workbook(b"", Data=[["hello", "world"], [1, 2]]), context=US)
    assert reading.diagnostics == (
        Problem(
            Code.UNKNOWN_FORMAT,
            "row 1",
            expected="a sheet with the columns of orders, receipts or invoices",
            actual="Data",
        ),
    )


@pytest.mark.parametrize(("doctype", "reference"), ATTACKS.values(), ids=ATTACKS)
@pytest.mark.parametrize(
    "part", [SHEET, "xl/workbook.xml", "xl/sharedStrings.xml", "docProps/core.xml", "xl/_rels/workbook.xml.rels"]
)
def test_attacks_in_any_part_of_a_workbook(part: str, doctype: str, reference: str) -> None:
    members = {"xl/sharedStrings.xml": b"<sst/>", **parts(workbook())}
    text = members[part].decode()
    root = re.search(r"<[a-zA-Z]", text)
    assert root
    attacked = archive({**members, part: (doctype + text[root.start() :]).encode()})
    started = time.perf_counter()
    reading = read(attacked, context=US)
    assert time.perf_counter() - started < 1
    assert [(problem.code, problem.where) for problem in reading.diagnostics] == [
        (Code.FORBIDDEN_XML, f"{part}, byte 0")
    ]


def parts(body: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(body)) as file:
        return {name: file.read(name) for name in file.namelist()}


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (archive({**parts(workbook()), "xl/media/a.bin": b"\0" * 50_000_000}), "a bomb"),
        (archive({"[Content_Types].xml": b"<Types/>"}), "this is no workbook"),
        (archive({**parts(workbook()), "../x": b""}), "leaves its folder"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600), "a workbook of before 2007"),
        (workbook()[:-30], "cut off"),
        (edited(workbook(), SHEET, ("<row", "<row><row")), "line 1"),
    ],
    ids=["bomb", "no workbook", "path", "old", "cut", "broken XML"],
)
def test_workbook_tricks(body: bytes, why: str) -> None:
    started = time.perf_counter()
    reading = read(body, context=US)
    assert reading.records == ()
    assert not reading.proof.holds
    assert why in "; ".join(str(problem) for problem in reading.diagnostics)
    assert time.perf_counter() - started < 2


def test_a_sheet_that_claims_to_be_as_wide_and_long_as_there_is_costs_nothing() -> None:
    """Libraries that fill rows and columns up to the last cell need minutes for this."""
    far = '<row r="1048576"><c r="XFD1048576"><v>1</v></c></row></sheetData>'
    body = edited(workbook(), SHEET, ("</sheetData>", far))
    started = time.perf_counter()
    assert read(body, context=US).proof.holds
    assert time.perf_counter() - started < 1


def test_the_budget_of_cells() -> None:
    reading = read(workbook(), context=Context(limits=Limits(elements_max=3)))
    assert [problem.code for problem in reading.diagnostics] == [Code.TOO_LARGE]


@pytest.mark.parametrize(
    ("code", "is_day"),
    [
        ("yyyy-mm-dd", True),
        ("[$-407]d. mmmm yyyy;@", True),
        ("0.00", False),
        ('0.00 "days"', False),
        ("[Red]0.00", False),
        ("#,##0.00\\ \\d", False),
        ("General", False),
        ("[h]:mm", True),
        ("@", False),
    ],
)
def test_which_number_formats_show_days(code: str, is_day: bool) -> None:
    assert _shows_day(code) is is_day


def test_every_cut_and_changed_byte_of_a_workbook_is_survived() -> None:
    body = workbook()
    for at in range(0, len(body), 97):
        assert not read(body[:at], "xlsx", US).proof.holds
        read(body[:at] + bytes([body[at] ^ 0xFF]) + body[at + 1 :], "xlsx", US)


def test_the_page_lists_every_column() -> None:
    page = (Path(__file__).parents[2] / "docs" / "tables.md").read_text("utf-8")
    for contract in CONTRACTS:
        section = page.partition(f"(`{contract.format}`)")[2].partition("\n## ")[0]
        listed = re.findall(r"^\| `(\w+)` \| the (line|document) \| ([^|]*) \|", section, re.MULTILINE)
        assert [(name, whose == "line", need.strip() == "yes") for name, whose, need in listed] == [
            (column.name, column.is_line, column.is_required) for column in contract.columns
        ]
