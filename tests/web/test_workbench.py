"""The workbench: an invoice beside its order and receipts, as the database has them, and as the page shows them."""

from datetime import date
from decimal import Decimal
from fractions import Fraction

from lxml import html
from tests.web.books import Books
from tests.web.fixtures import Client, post_form, sign_in

from tieout.engine.queries.database import Database
from tieout.engine.queries.liabilities import InvoiceFilter, list_invoices
from tieout.engine.queries.workbench import Came, Extent, Pairing, Workbench, workbench
from tieout.kernel.money import Money
from tieout.matching.orders import LinePosition
from tieout.model.documents import InvoiceLine

WITH_HTML = {"accept": "text/html"}


def bench_of(books: Books, number: str) -> Workbench:
    database = Database(books.url)
    with database.read() as sql:
        (item,) = list_invoices(sql, InvoiceFilter(number=number), None).items
        found = workbench(sql, item.invoice_id, None)
    database.close()
    assert found is not None
    return found


def test_a_line_stands_beside_its_order_line_and_what_came(books: Books) -> None:
    bench = bench_of(books, "J-60077")
    (pairing,) = bench.pairings
    assert pairing == Pairing(
        order_id="PO-1006",
        order_line_id="1",
        lines=(
            InvoiceLine(
                line_id="1",
                description="Servo drive",
                quantity=Decimal(8),
                unit="EA",
                unit_price=Decimal("1298.96"),
                net=Money(10_391_68, "EUR"),
                tax_rate=Decimal(19),
                order_id="PO-1006",
                order_line_id="1",
            ),
        ),
        position=LinePosition(
            ordered=Decimal(8),
            unit="EA",
            unit_price=Decimal(1249),
            received=Decimal(8),
            item="item-1",
            description="Servo drive",
        ),
        receipts=(
            Came(
                receipt_id="GR-PO-1006",
                kind="receipt",
                received_on=date(2026, 5, 14),
                quantity=Decimal(8),
                unit="",
            ),
        ),
        checks=pairing.checks,
        problems=pairing.problems,
    )
    assert [(check.rule, check.expected, check.actual) for check in pairing.failed] == [
        ("price", Decimal(1249), Decimal("1298.96"))
    ]
    assert (bench.unbilled, bench.unknown_orders) == ((), ())
    assert [(look.matched, look.accepted_by) for look in bench.looks] == [(False, "")]
    assert [case.case_class for case in bench.cases] == ["price_variance"]


def test_an_invoice_of_another_entity_is_not_there(books: Books) -> None:
    invoice_id = bench_of(books, "J-60077").invoice_id
    database = Database(books.url)
    with database.read() as sql:
        assert workbench(sql, invoice_id, ("JP01",)) is None
        assert workbench(sql, "inv-none", None) is None
    database.close()


def test_the_page_marks_what_differs(client: Client, books: Books) -> None:
    sign_in(client, "rolf")
    bench = bench_of(books, "J-60077")
    listed = html.fromstring(client.get("/matching", headers=WITH_HTML).text)
    assert f"/matching/{bench.invoice_id}" in listed.xpath("//td[contains(@class, 'main')]/a/@href")
    page = html.fromstring(client.get(f"/matching/{bench.invoice_id}", headers=WITH_HTML).text)
    assert [cell.text_content() for cell in page.xpath("//dd[@class='other']")] == ["1,298.96 EUR"]
    assert page.xpath("//article[contains(@class, 'differs')]//summary")[0].text_content().startswith("1 of ")
    wrong = [cell.text_content().strip() for cell in page.xpath("//tr[@class='wrong']/td")]
    assert wrong[:4] == ["Price EUR/EA", "", "1,249.00", "1,298.96"]


def test_what_is_not_there_says_so(client: Client) -> None:
    sign_in(client, "rolf")
    answer = client.get("/matching/inv-none", headers=WITH_HTML)
    assert (answer.status_code, "There is no invoice" in answer.text) == (404, True)


def test_a_bill_in_boxes_counts_in_the_orders_unit(books: Books) -> None:
    bench = bench_of(books, "MK-2026-0713")
    boxes, grease, service, freight, unknown = bench.pairings
    assert (boxes.converted, boxes.quantity) == (True, 1200)
    assert boxes.extent == Extent(
        ordered=Fraction(1200), received=Fraction(1200), billed=Fraction(0), adding=Fraction(1200)
    )
    assert grease.extent == Extent(ordered=Fraction(40), received=Fraction(36), billed=Fraction(0), adding=Fraction(40))
    assert service.extent == Extent(
        ordered=Fraction(240000), received=Fraction(180000), billed=Fraction(0), adding=Fraction(190000)
    )
    (agreed,) = freight.agreed
    assert (agreed.charge.amount, agreed.billed) == (Money(180_00, "EUR"), Money(0, "EUR"))
    assert (unknown.position, unknown.agreed, [str(one.code) for one in unknown.problems]) == (
        None,
        (),
        ["unknown_order"],
    )
    assert bench.unknown_orders == ("PO-9999",)


def test_a_person_chooses_between_order_lines_that_fit_equally_well(client: Client, books: Books) -> None:
    bench = bench_of(books, "NF-40288")
    (choice,) = bench.choices
    assert [(one.order_line_id, one.points) for one, _ in choice.alternatives] == [("1", 67), ("2", 67)]
    token = sign_in(client, "paula")
    page = html.fromstring(client.get(f"/matching/{bench.invoice_id}", headers=WITH_HTML).text)
    (form,) = page.xpath("//form[contains(@action, '/assign_lines')]")
    assert form.xpath(".//input[@type='radio']/@value") == ["1 = PO-1011/1", "1 = PO-1011/2"]
    chosen = {"choice-1": "1 = PO-1011/2", "reason": "the supplier says M5"}
    assert post_form(client, form.get("action"), token, **chosen).status_code == 303
    books.rest()
    after = bench_of(books, "NF-40288")
    assert [pairing.order_line_id for pairing in after.pairings] == ["2"]
    assert (after.choices, after.item.status) == ((), "matched")


def test_what_the_erp_held_stands_beside_what_was_foreseen(client: Client, books: Books) -> None:
    bench = bench_of(books, "F-771339")
    assert bench.holds == ("QTY REC",)
    sign_in(client, "rolf")
    page = html.fromstring(client.get(f"/matching/{bench.invoice_id}", headers=WITH_HTML).text)
    facts = [cell.text_content() for cell in page.xpath("//section[@id='bench-facts']/div")]
    assert facts[4:] == ["Limits read as byOracle Fusion Payables", "ERP holds foreseenQTY REC", "and placedQTY REC"]
    listed = html.fromstring(client.get("/matching", headers=WITH_HTML).text)
    told = [[cell.text_content() for cell in row] for row in listed.xpath("//section[@id='foretold']//tbody/tr")]
    assert [(row[0][:4], [cell.strip() for cell in row[2:]]) for row in told] == [
        ("JP01", ["1", "0", "0", "0", "1", "100.0 %"]),
        ("US01", ["3", "1", "0", "1", "1", "66.7 %"]),
    ]
