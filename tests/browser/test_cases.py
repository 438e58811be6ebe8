"""The queue in a real browser: filters that stay in the address, several cases at once, files, export, no scripts."""

import re
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, expect
from tests.browser.conftest import SignIn
from tests.http.events import rows
from tests.http.test_deciding import case_of
from tests.web.books import Books
from tests.web.serving import PASSWORD

pytestmark = [pytest.mark.browser, pytest.mark.slow]


def test_filters_answer_at_once_and_stay_in_the_address(
    context: BrowserContext, books: Books, signed_in: SignIn
) -> None:
    page = signed_in(context, "ida")
    page.goto("/cases")
    page.get_by_label("Owner").select_option("receiving")
    expect(page).to_have_url(re.compile("owner_role=receiving"))
    expect(page.locator("#cases tbody tr")).to_have_count(4)
    page.get_by_label("Text", exact=True).fill("farrow")
    page.get_by_role("button", name="Show").click()
    expect(page.locator("#cases tbody tr")).to_have_count(1)
    page.reload()
    expect(page.locator("#cases tbody tr")).to_have_count(1)
    expect(page.get_by_label("Owner")).to_have_value("receiving")


def test_the_picture_of_ages_leads_to_the_cases_behind_it(
    context: BrowserContext, books: Books, signed_in: SignIn
) -> None:
    page = signed_in(context, "ida")
    page.goto("/cases")
    ages = page.locator("#aging .by-age tbody tr")
    money = ("38,857.02 EUR · 8,917.00 USD", "41,404.48 EUR · 2,790.00 USD")
    shown = ["14", "", money[0], "9", "8 overdue", money[1], "0", "", "", "0", "", ""]
    expect(ages.locator("td.num")).to_have_text(shown)
    ages.nth(1).locator("svg a").first.click()  # the red part of the bar
    expect(page).to_have_url(re.compile("bucket=3-7&overdue=yes"))
    expect(page.locator("#cases tbody tr")).to_have_count(8)
    expect(page.locator("select[name=bucket]")).to_have_value("3-7")
    page.get_by_role("link", name="all ages").click()
    expect(page.locator("#cases tbody tr")).to_have_count(8)
    page.goto("/cases")
    page.get_by_text("By class").click()
    row = page.locator(".more-ages tbody tr").filter(has_text="Billed but not received")
    expect(row).to_contain_text("11,659.62 EUR")
    row.get_by_role("link", name="3", exact=True).first.click()
    expect(page).to_have_url(re.compile("bucket=3-7"))
    expect(page.locator("#cases tbody tr")).to_have_count(3)


def test_several_cases_are_decided_at_once_and_each_has_its_answer(
    context: BrowserContext, books: Books, signed_in: SignIn
) -> None:
    page = signed_in(context, "ida")
    page.goto("/cases?severity=high&sort=oldest")
    page.get_by_label("Choose all on this page").check()
    chosen = page.locator("input[name=case_id]:checked").count()
    assert chosen > 3
    page.locator("select[name=action]").select_option(label="Accept the variance")
    page.get_by_label("Reason or remark").fill("agreed with purchasing")
    page.get_by_role("button", name="Do it").click()
    expect(page.get_by_role("heading", level=1)).to_have_text(re.compile(r"7 done, \d+ refused"))
    expect(page.locator("tbody tr")).to_have_count(chosen)
    expect(page.locator("tbody tr").last).to_contain_text("The variance has been accepted")
    page.get_by_role("link", name="Back to the queue").click()
    expect(page).to_have_url(re.compile("severity=high&sort=oldest"))
    books.rest()
    assert case_of(books, "price_variance", "settled")["resolution"] == "accepted by person:ida"


def test_a_tick_survives_the_live_changes(context: BrowserContext, books: Books, signed_in: SignIn) -> None:
    page = signed_in(context, "ida")
    page.goto("/cases")
    expect(page.locator("#live")).to_have_attribute("data-state", "live", timeout=15_000)
    box = page.locator("input[name=case_id]").first
    box.check()
    page.locator("h1").click()
    with page.expect_response(lambda answer: answer.url.endswith("/cases") and answer.ok):
        books.compare()
        books.rest()
    expect(box).to_be_checked()


def test_a_file_is_added_and_stands_in_the_conversation(
    context: BrowserContext, books: Books, signed_in: SignIn, tmp_path: Path
) -> None:
    file = tmp_path / "price list.txt"
    file.write_text("bolts 1.20")
    page = signed_in(context, "ida")
    page.goto(f"/cases/{case_of(books, 'price_variance')['subject']}")
    page.locator("input[type=file]").set_input_files(file)
    page.get_by_role("button", name="Add the file").click()
    expect(page.get_by_role("status")).to_have_text("The file has been added.")
    books.rest()
    link = page.locator("#case-history").get_by_role("link", name="price list.txt")
    link.wait_for()
    with page.expect_download() as fetched:
        link.click()
    assert fetched.value.suggested_filename == "price list.txt"
    assert Path(fetched.value.path()).read_text() == "bolts 1.20"


def test_the_filtered_queue_is_exported(context: BrowserContext, books: Books, signed_in: SignIn) -> None:
    page = signed_in(context, "ida")
    page.goto("/cases?owner_role=receiving")
    for name in ("CSV", "XLSX"):
        with page.expect_download() as fetched:
            page.get_by_role("link", name=name).click()
        assert fetched.value.suggested_filename.endswith(f".{name.lower()}")
    text = page.request.get("/cases.csv?owner_role=receiving").text()
    assert text.count("missing_receipt") == 3


def test_it_all_works_without_scripts_on_a_narrow_screen(browser: Browser, site: str, books: Books) -> None:
    context = browser.new_context(base_url=site, java_script_enabled=False, viewport={"width": 390, "height": 844})
    page = context.new_page()
    page.goto("/sign-in")
    page.get_by_label("Name").fill("ida")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.goto("/cases")
    page.get_by_label("Severity").select_option("high")
    page.get_by_role("button", name="Show").click()
    page.get_by_label(re.compile("Choose Duplicate invoice")).check()
    page.locator("select[name=action]").select_option(label="Assign")
    page.locator(".together select[name=assignee]").select_option(label="Ida Ingwersen")
    page.get_by_role("button", name="Do it").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("1 done")
    books.rest()
    assert [row["assignee"] for row in rows(books, "view_case") if row["case_class"] == "duplicate"] == ["ida"]
    context.close()


def test_nothing_sticks_out_of_a_narrow_screen(context: BrowserContext, books: Books, signed_in: SignIn) -> None:
    page = signed_in(context, "ida")
    page.set_viewport_size({"width": 390, "height": 844})
    for address in ("/cases", f"/cases/{case_of(books, 'price_variance')['subject']}"):
        page.goto(address)
        assert page.evaluate("document.documentElement.scrollWidth") <= 390, address


def test_somebody_says_that_they_are_away_and_takes_it_back(
    browser: Browser, context: BrowserContext, site: str, books: Books, signed_in: SignIn
) -> None:
    case = case_of(books, "price_variance")["subject"]
    page = signed_in(context, "ida")
    page.goto(f"/cases/{case}")
    page.locator("summary", has_text="Assign").click()
    page.locator("select[name=assignee]").select_option("ida")
    page.get_by_role("button", name="Assign").click()
    books.rest()
    page.goto("/cases")
    panel = page.locator("#absences")
    expect(panel).to_contain_text("Nobody, as far as was said.")
    panel.locator("summary").click()
    today = books.clock.now().date()
    for by in ("carl", "rolf"):  # carl may not approve invoices, and it says so
        panel.get_by_label("Who stands in").select_option(by)
        panel.get_by_label("First day").fill(str(today))
        panel.get_by_label("Last day").fill(str(today))
        panel.get_by_label("Reason").fill("annual leave")
        panel.get_by_role("button", name="Say so").click()
        if by == "carl":
            expect(page.locator("main")).to_contain_text("cannot stand in for ida: nobody inherits a duty")
            page.goto("/cases")
            panel.locator("summary").click()
    expect(page.get_by_role("status")).to_contain_text("Recorded.")
    books.rest()
    page.reload()
    expect(page.locator("#cases tbody tr", has_text="for ida, who is away")).to_have_count(1)
    expect(panel.locator("tbody tr")).to_contain_text(["ida"])
    other = browser.new_context(base_url=site)
    colleague = signed_in(other, "rolf")
    colleague.goto("/cases?assignee=me")
    expect(colleague.locator("#cases tbody tr")).to_have_count(1)
    expect(colleague.locator("#cases tbody tr")).to_contain_text("rolf")
    expect(colleague.locator("#absences").get_by_role("button", name="Take it back")).to_have_count(0)
    other.close()
    panel.locator("summary", has_text="Take back").click()
    panel.locator("textarea[name=reason]").fill("leave moved")
    panel.get_by_role("button", name="Take it back").click()
    expect(page.get_by_role("status")).to_contain_text("Taken back.")
    books.rest()
    page.reload()
    expect(panel).to_contain_text("Nobody, as far as was said.")
    expect(page.locator("#cases tbody tr", has_text="who is away")).to_have_count(0)
