"""The matching workbench in a browser: what differs is marked, a receipt that comes lets it go before one's eyes."""

from decimal import Decimal

import pytest
from playwright.sync_api import BrowserContext, expect
from tests.browser.conftest import SignIn
from tests.http.events import rows
from tests.web.books import Books

from tieout.model.documents import GoodsReceipt, ReceiptLine
from tieout.model.facts import GoodsReceived

pytestmark = [pytest.mark.browser, pytest.mark.slow]


def test_what_differs_is_marked_and_said_in_sentences(context: BrowserContext, signed_in: SignIn) -> None:
    page = signed_in(context, "ida")
    page.get_by_role("navigation", name="Main").get_by_role("link", name="Matching").click()
    page.get_by_role("link", name="J-60077").click()
    line = page.get_by_role("article")
    expect(line.locator("dd.other")).to_have_text("1,298.96 EUR")
    expect(line).to_contain_text("1 of 3 checks fail")
    expect(page.locator("#bench-verdict")).to_contain_text("Passes when")
    page.get_by_text("In sentences, every check").click()
    expect(page.locator("#bench-verdict")).to_contain_text("unit price 1,298.96 EUR/EA, in the order 1,249.00 EUR/EA")
    page.get_by_role("link", name="Price above the order").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Price above the order")


def test_goods_that_come_let_it_go_before_ones_eyes(context: BrowserContext, books: Books, signed_in: SignIn) -> None:
    (supplier_id,) = [row["subject"] for row in rows(books, "view_supplier") if row["name"] == "Ionia Packaging SA"]
    receipt = GoodsReceipt(
        receipt_id="GR-PO-1007",
        order_id="PO-1007",
        entity="DE01",
        supplier_id=supplier_id,
        received_on=books.clock.now().date(),
        lines=(ReceiptLine(order_line_id="1", quantity=Decimal(200)),),
    )
    page = signed_in(context, "ida")
    page.goto("/matching")
    page.get_by_role("link", name="ION-3321").click()
    expect(page.locator("#bench-pairings")).to_contain_text("Nothing came yet.")
    expect(page.locator("#live")).to_have_attribute("data-state", "live")
    books.say("warehouse", "receipt/GR-PO-1007", GoodsReceived(receipt=receipt))
    books.rest()
    expect(page.locator("#bench-pairings")).to_contain_text("GR-PO-1007")
    expect(page.locator("#bench-chips")).not_to_contain_text("mismatched")


def test_the_order_line_of_a_line_that_fits_two_is_chosen(
    context: BrowserContext, books: Books, signed_in: SignIn
) -> None:
    page = signed_in(context, "paula")
    page.goto("/matching")
    page.get_by_role("link", name="NF-40288").click()
    page.get_by_role("radio", name="PO-1011 line 2").check()
    page.get_by_label("Reason").fill("the supplier says M5")
    page.get_by_role("button", name="Choose").click()
    page.get_by_text("Recorded. What follows").wait_for()
    books.rest()
    page.goto("/matching?status=matched")
    page.get_by_role("link", name="NF-40288").click()
    expect(page.get_by_role("article").first).to_contain_text("Filter mat M5")


def test_duties_and_the_workbench_fit_a_telephone(context: BrowserContext, signed_in: SignIn) -> None:
    page = signed_in(context, "cora")
    page.set_viewport_size({"width": 390, "height": 800})
    for path in ("/duties", "/matching", "/cases"):
        page.goto(path)
        assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"), path
    page.goto("/matching")
    page.get_by_role("link", name="MK-2026-0713").click()
    page.get_by_role("heading", name="Line by line").wait_for()
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")


def test_a_verdict_is_printed_whole_and_says_who_printed_it(context: BrowserContext, signed_in: SignIn) -> None:
    page = signed_in(context, "otto")
    page.goto("/matching")
    page.get_by_role("link", name="MK-2026-0713").click()
    sentences = page.locator(".sentences li")
    expect(sentences.first).to_be_hidden()
    page.emulate_media(media="print", color_scheme="dark")
    expect(sentences.first).to_be_visible()
    expect(sentences.first).to_contain_text("Not matched under policy")
    expect(page.locator(".pairing table.checks").first).to_be_visible()
    expect(page.get_by_role("navigation", name="Main")).to_be_hidden()
    expect(page.locator("footer")).to_contain_text("printed by Otto Olsen on 26 May 2026")
    assert page.evaluate("getComputedStyle(document.body).color") == "rgb(0, 0, 0)"


def test_the_tab_key_stops_only_where_there_is_something_to_do(context: BrowserContext, signed_in: SignIn) -> None:
    page = signed_in(context, "otto")
    page.goto("/matching")
    page.get_by_role("link", name="MK-2026-0713").click()
    page.get_by_role("heading", name="Line by line").wait_for()
    assert page.locator(".wide[tabindex='0']").count() == 0
    assert page.locator("svg a:not([tabindex='-1'])").count() == 0
    page.set_viewport_size({"width": 390, "height": 800})
    page.goto("/liabilities")
    expect(page.locator(".wide[tabindex='0']").first).to_be_visible()
