"""Invoices read off a picture: sure fields are taken, unsure ones wait for a person, and the sums must always hold."""

import json
from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tieout.conformance.formats import NOT_DAYS, NOT_NUMBERS
from tieout.formats.detect import read
from tieout.formats.einvoice.ocr import CONFIDENCE_MIN, json_schema
from tieout.formats.reading import Context, Limits, Reading
from tieout.kernel.ids import fingerprint
from tieout.kernel.money import Money
from tieout.kernel.problem import Code, Problem
from tieout.model.documents import Invoice, InvoiceKind, InvoiceLine
from tieout.model.identity import supplier_id_of

BODY = (Path(__file__).parent / "data" / "national" / "ocr.json").read_bytes()
US = Context(entities_by_tax_id={"DE811193231": "de"})
DOCS = Path(__file__).parents[2] / "docs" / "ocr-result.md"


def eur(minor: int) -> Money:
    return Money(minor, "EUR")


def changed(path: str, value: object) -> bytes:
    """The result with another value at a path such as ``lines.0.net.value``; without it for ``None``."""
    whole: Any = json.loads(BODY)
    *steps, last = path.split(".")
    place = whole
    for step in steps:
        place = place[int(step) if step.isdigit() else step]
    if value is None:
        del place[last]
    else:
        place[last] = value
    return json.dumps(whole).encode()


def taken(body: bytes) -> Reading[Invoice]:
    reading = read(body, context=US)
    assert reading.format == "ocr-result"
    return reading


def test_a_sure_result_is_an_invoice() -> None:
    reading = taken(BODY)
    assert reading.diagnostics == ()
    assert reading.proof.holds
    assert reading.records == (
        Invoice(
            kind=InvoiceKind.INVOICE,
            number="R-7",
            entity="de",
            supplier_id=supplier_id_of("DE129273398"),
            supplier_tax_id="DE129273398",
            supplier_name="Müller GmbH",
            currency="EUR",
            issued_on=date(2026, 5, 4),
            due_on=date(2026, 6, 3),
            lines=(
                InvoiceLine(
                    line_id="1",
                    quantity=Decimal(200),
                    unit="C62",
                    unit_price=Decimal("0.30"),
                    net=eur(60_00),
                    description="Screws",
                    tax_rate=Decimal(19),
                    order_id="PO-77",
                ),
                InvoiceLine(
                    line_id="2",
                    quantity=Decimal(1),
                    unit="",
                    unit_price=Decimal(40),
                    net=eur(40_00),
                    tax_rate=Decimal(19),
                ),
            ),
            net=eur(100_00),
            tax=eur(19_00),
            gross=eur(119_00),
            document=fingerprint(BODY),
        ),
    )


@pytest.mark.parametrize(
    "field", ["number", "supplier_tax_id", "currency", "issued_on", "due_on", "net", "tax", "gross", "buyer_tax_id"]
)
def test_an_unsure_field_that_decides_about_money_is_named(field: str) -> None:
    value = json.loads(BODY)[field]["value"]
    reading = taken(changed(f"{field}.confidence", "0.8999"))
    assert reading.records == ()
    assert not reading.proof.holds
    assert [(problem.where.partition(",")[0], problem.actual, problem.limit) for problem in reading.diagnostics] == [
        (field, "0.8999", f"a confidence of {CONFIDENCE_MIN}")
    ]
    assert reading.diagnostics[0].detail == f"read as {value!r}, not surely enough"


@pytest.mark.parametrize("field", ["net", "quantity", "unit_price", "tax_rate", "order_id"])
def test_an_unsure_field_of_a_line_is_named(field: str) -> None:
    reading = taken(changed(f"lines.0.{field}.confidence", "0.5"))
    assert [problem.where for problem in reading.diagnostics] == [f"lines[1].{field}"]
    assert reading.records == ()


def test_several_unsure_fields_are_named_together() -> None:
    body = changed("net.confidence", "0.1").replace(
        b'"value": "19.00", "confidence": "0.97"', b'"value": "19.00", "confidence": "0.2"'
    )
    assert [problem.where for problem in taken(body).diagnostics] == ["net", "tax"]


def test_names_and_descriptions_may_be_unsure() -> None:
    assert taken(changed("supplier_name.confidence", "0")).proof.holds


def test_exactly_the_threshold_is_enough() -> None:
    assert taken(changed("net.confidence", "0.90")).proof.holds


@pytest.mark.parametrize("confidence", ["", "NaN", "1.01", "-0.1", "0,99", "99%", "high"])
def test_a_confidence_is_a_number_between_0_and_1(confidence: str) -> None:
    reading = taken(changed("net.confidence", confidence))
    assert reading.diagnostics[0].expected == "a confidence between 0 and 1"
    assert reading.records == ()


@pytest.mark.parametrize(
    ("path", "value", "claim"),
    [
        ("gross.value", "119.01", "net + tax = gross"),
        ("lines.1.net.value", "40.01", "sum of the lines = net"),
        ("lines.0.unit_price.value", "0.31", "quantity × unit price = net of the line"),
    ],
)
def test_sums_must_hold_however_sure_the_machine_is(path: str, value: str, claim: str) -> None:
    reading = taken(changed(path, value))
    assert [found.name for found in reading.proof.claims if not found.holds] == [claim]


@pytest.mark.parametrize("path", ["net", "gross", "lines.0.net", "lines.0.quantity"])
@pytest.mark.parametrize("value", NOT_NUMBERS)
def test_almost_numbers(path: str, value: str) -> None:
    reading = taken(changed(f"{path}.value", value))
    assert reading.records == ()
    assert reading.diagnostics


@pytest.mark.parametrize("value", NOT_DAYS)
def test_almost_days(value: str) -> None:
    assert taken(changed("issued_on.value", value)).records == ()


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("number", None),
        ("lines", []),
        ("lines", None),
        ("kind", {"value": "refund", "confidence": "1"}),
        ("lines.0.quantity", None),
        ("currency.value", "euro"),
        ("number.value", " "),
        ("net.value", 100.0),
        ("net.confidence", 0.98),
        ("strange", 1),
        ("lines.0.line_id", {"value": "2", "confidence": "1"}),
    ],
)
def test_almost_valid_results(path: str, value: object) -> None:
    reading = taken(changed(path, value))
    assert reading.records == ()
    assert not reading.proof.holds
    assert reading.diagnostics


def test_a_field_says_where_it_is_on_the_page() -> None:
    reading = taken(changed("number.confidence", "0.2"))
    assert [problem.where for problem in reading.diagnostics] == ["number, page 1 at 700,120"]


def test_what_other_tools_write_is_refused_with_the_way_out() -> None:
    reading = read(b'[{"issuer": "Hotel", "amount": 1939.0, "invoice_number": "X1", "currency": "INR"}]')
    (problem,) = reading.diagnostics
    assert (problem.code, problem.expected) == (
        Code.UNKNOWN_FORMAT,
        "the schema tieout.ocr-result/1 (docs/ocr-result.md)",
    )
    assert "without a confidence for each field" in problem.detail


@pytest.mark.parametrize(
    "body",
    [
        BODY[:-3],
        BODY.replace(b"result/1", b"result/2"),
        b"[" * 100_000,
        b'{"schema": "tieout.ocr-result/1"}',
        b"\xff\xfe{",
    ],
    ids=["cut", "another version", "deep", "empty", "encoding"],
)
def test_what_is_no_result(body: bytes) -> None:
    reading = read(body, "ocr-result")
    assert reading.records == ()
    assert not reading.proof.holds
    assert reading.diagnostics


def test_the_budget() -> None:
    reading = read(BODY, context=Context(limits=Limits(elements_max=2)))
    assert reading.diagnostics == (Problem(Code.TOO_LARGE, "lines, byte 0", limit="2 elements"),)


def test_the_page_shows_the_schema_that_holds() -> None:
    """The page is written by people, the schema by the types: they must say the same."""
    page = DOCS.read_text("utf-8")
    shown = page.partition("```json schema\n")[2].partition("```")[0]
    assert json.loads(shown) == json_schema()
    example: Mapping[str, object] = json.loads(page.partition("```json\n")[2].partition("```")[0])
    assert read(json.dumps(example).encode(), context=US).proof.holds
