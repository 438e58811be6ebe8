"""Documents in a real browser: hand some in, see what is wrong at its place, read again; a supplier's page."""

from pathlib import Path

from playwright.sync_api import BrowserContext
from tests.browser.conftest import SignIn
from tests.web.books import Books
from tests.web.serving import CHEAP, PASSWORD

from tieout.engine.people import People

DATA = Path(__file__).parents[1] / "formats" / "data"


def test_a_document_is_handed_in_and_looked_at(context: BrowserContext, signed_in: SignIn, tmp_path: Path) -> None:
    wrong = tmp_path / "rechnung.xml"
    wrong.write_bytes((DATA / "invoice.xml").read_bytes().replace(b"TaxExclusiveAmount", b"TaxExclusiveAmounts", 1))
    page = signed_in(context, "paula")
    page.goto("/documents")
    page.get_by_label("Invoices, orders").set_input_files([str(wrong), str(DATA / "statement.xml")])
    page.get_by_role("button", name="Hand in").click()
    page.get_by_role("heading", name="Handed in").wait_for()
    assert page.get_by_text("quarantined").count() == 2
    page.get_by_role("link", name="rechnung.xml").click()
    page.get_by_role("heading", name="rechnung.xml").wait_for()
    assert page.locator(".original li.saying").count() >= 1
    page.screenshot(path=tmp_path / "document.png", full_page=True)
    page.goto("/documents")
    page.get_by_role("link", name="statement.xml").first.click()
    page.get_by_role("heading", name="Proof").wait_for()
    assert page.get_by_text("opening balance + booked entries = closing balance").is_visible()


def test_a_document_page_fits_a_telephone(books: Books, context: BrowserContext, signed_in: SignIn) -> None:
    body = (DATA / "statement.xml").read_bytes()
    mark = books.intake.document(body, name="may.xml", media_type="text/xml", channel="bank").hash
    page = signed_in(context, "ines")
    page.set_viewport_size({"width": 390, "height": 800})
    page.goto(f"/documents/{mark}")
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")


def test_a_supplier_answers_on_its_page(books: Books, context: BrowserContext) -> None:
    rows = [row for row in books.store.read_table("view_case", None) if row["status"] == "open" and row["supplier_id"]]
    case = next(row for row in rows if "ask_supplier" in row["actions"])
    people = People(books.url, books.clock, hasher=CHEAP)
    people.add_person("olaf", "Olaf at the supplier", PASSWORD, (), supplier_id=case["supplier_id"])
    people.close()
    page = context.new_page()
    page.goto("/sign-in")
    page.get_by_label("Name").fill("olaf")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.get_by_role("heading", name="Invoices").wait_for()
    assert page.get_by_role("link", name="Cases").count() == 0
    page.get_by_label("E-invoices").set_input_files([str(DATA / "invoice.xml")])
    page.get_by_role("button", name="Hand in").click()
    page.get_by_text("could not be read", exact=True).wait_for()
