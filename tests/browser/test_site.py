"""The site in a real browser: what people do all day, live changes, narrow screens, and no JavaScript at all."""

import re

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect
from tests.browser.conftest import SignIn
from tests.http.events import rows
from tests.http.test_deciding import case_of
from tests.web.books import Books
from tests.web.serving import PASSWORD

pytestmark = [pytest.mark.browser, pytest.mark.slow]

PAGES = (
    "/",
    "/cases",
    "/effects",
    "/quarantine",
    "/invoices",
    "/matching",
    "/liabilities",
    "/payments",
    "/close",
    "/suppliers",
    "/documents",
    "/account",
    "/find?q=CS-105",
    "/trace/2026-88120",
    "/trace/D-20260519",
)


def live(page: Page) -> None:
    """Wait until the page hears of changes."""
    expect(page.locator("#live")).to_have_attribute("data-state", "live", timeout=15_000)


def test_signing_in_and_following_an_invoice_by_any_id(context: BrowserContext, books: Books) -> None:
    page = context.new_page()
    page.goto("/trace/2026-88120")
    expect(page).to_have_url(re.compile("/sign-in"))
    page.get_by_label("Name").fill("otto")
    page.get_by_label("Password").fill("not it")
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("alert")).to_have_text("Name or password is wrong.")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Invoice 2026-88120, Bergmann Logistik GmbH")

    row = next(row for row in rows(books, "view_invoice") if row["number"] == "AW-26-0417")
    page.keyboard.press("/")
    page.keyboard.type(row["erp_number"])
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("Invoice AW-26-0417, Adler Werkzeuge AG")
    picture = page.get_by_role("img", name=re.compile("Invoice AW-26-0417"))
    expect(picture).to_be_visible()
    expect(picture.get_by_text("booked", exact=True)).to_be_visible()
    expect(page.get_by_text("found by erp id")).to_be_visible()


def test_working_a_case_and_seeing_it_settle_without_reloading(
    context: BrowserContext, books: Books, signed_in: SignIn
) -> None:
    page = signed_in(context, "ida")
    page.get_by_role("link", name="Price above the order").click()
    page.locator("#cases").get_by_role("link", name="Price above the order").click()
    live(page)
    page.get_by_label("Reason").first.fill("agreed with purchasing")
    page.get_by_role("button", name="Accept the variance").click()
    expect(page.get_by_role("status")).to_contain_text("Recorded.")
    live(page)
    books.rest()
    expect(page.locator("#case-chips")).to_contain_text("settled")
    expect(page.locator("#case-what")).to_contain_text("Settled")
    assert "said=" not in page.url


SUBMIT_PAULAS_RUN_TO = """address => {
    const runs = [...document.querySelectorAll('article')];
    const form = runs.find(run => run.textContent.includes('proposed by paula')).querySelector("form[action$='/release']");
    form.setAttribute('action', address);
    form.requestSubmit();
}"""


def test_releasing_ones_own_run_is_refused(context: BrowserContext, books: Books, signed_in: SignIn) -> None:
    page = signed_in(context, "rolf")
    page.goto("/payments")
    own = page.get_by_role("article").filter(has_text="proposed by rolf")
    expect(own).to_contain_text("You proposed this run, so somebody else must release it.")
    expect(own.get_by_role("button", name=re.compile("^Release"))).to_have_count(0)
    # The same form by hand: the server looks again. (In one go, since live changes put forms back.)
    run = next(row for row in rows(books, "view_payment_run") if row["proposed_by"] == "person:rolf")
    own_run = f"/payments/{run['subject']}/release"
    with page.expect_response(lambda answer: answer.url.endswith(own_run)) as refused:
        page.evaluate(SUBMIT_PAULAS_RUN_TO, own_run)
    assert refused.value.status == 403
    expect(page.get_by_role("heading", level=1)).to_have_text("This takes another person")
    expect(page.locator("main")).to_contain_text("You proposed this run; somebody else must release it")


def test_a_period_turns_ready_before_ones_eyes(context: BrowserContext, books: Books, signed_in: SignIn) -> None:
    page = signed_in(context, "otto")
    page.goto("/close")
    japan = page.locator("section[id='JP01-2026-05']")
    expect(japan).to_contain_text("stale")
    expect(japan).to_contain_text("not ready")
    live(page)
    books.schedule.pull("bank-jp")
    books.rest()
    expect(japan).not_to_contain_text("not ready")
    expect(page.locator("#board tr").filter(has_text="JP01")).to_contain_text("ready")


def test_what_one_is_writing_is_left_alone_by_live_changes(
    context: BrowserContext, books: Books, signed_in: SignIn
) -> None:
    page = signed_in(context, "ines")
    page.goto("/effects?status=refused")
    live(page)
    page.get_by_text("Send again").click()
    reason = page.get_by_label("Reason")
    reason.fill("half a sente")
    books.compare()
    page.wait_for_timeout(3500)
    expect(reason).to_have_value("half a sente")
    reason.press_sequentially("nce")
    page.get_by_role("button", name="Send it again").click()
    expect(page.get_by_role("status")).to_contain_text("same key")


def test_nine_tabs_share_one_stream_and_hand_it_on(context: BrowserContext, books: Books, signed_in: SignIn) -> None:
    """A browser opens six connections to a host; with a stream for each tab the seventh would never load."""
    asked: list[str] = []
    context.on("request", lambda request: asked.append(request.url) if request.url.endswith("/live") else None)
    first = signed_in(context, "otto")
    live(first)
    tabs = [context.new_page() for _ in range(8)]
    for tab in tabs:
        tab.goto("/close")
    assert len(asked) == 1
    first.close()
    last = tabs[-1]
    last.bring_to_front()
    live(last)
    books.schedule.pull("bank-jp")
    books.rest()
    expect(last.locator("section[id='JP01-2026-05']")).not_to_contain_text("not ready")
    assert len(asked) == 2


def test_everything_works_without_javascript(browser: Browser, site: str, books: Books) -> None:
    context = browser.new_context(base_url=site, java_script_enabled=False)
    page = context.new_page()
    page.goto("/sign-in")
    page.get_by_label("Name").fill("ida")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    for path in PAGES:
        page.goto(path)
        expect(page.get_by_role("heading", level=1)).to_be_visible()
    page.goto(f"/cases/{case_of(books, 'duplicate')['subject']}")
    page.get_by_label("Reason").first.fill("another delivery")
    page.get_by_role("button", name="It is no duplicate").click()
    expect(page.get_by_role("status")).to_contain_text("Recorded.")
    page.goto("/cases")
    page.get_by_label("Severity").select_option("critical")
    page.get_by_role("button", name="Show").click()
    expect(page.locator("#cases")).not_to_contain_text("medium")
    context.close()


@pytest.mark.parametrize("width", [390, 768, 1280])
def test_no_page_scrolls_sideways(browser: Browser, site: str, signed_in: SignIn, width: int, books: Books) -> None:
    context = browser.new_context(base_url=site, viewport={"width": width, "height": 844})
    page = signed_in(context, "rolf")
    for path in (*PAGES, f"/cases/{case_of(books, 'price_variance')['subject']}"):
        page.goto(path)
        assert page.evaluate("document.documentElement.scrollWidth") <= width, path
    context.close()


CONTRAST = """
() => {
  const parse = (text) => { const m = text.match(/[\\d.]+/g).map(Number); return [m[0], m[1], m[2], m[3] ?? 1]; };
  const light = ([r, g, b]) => [r, g, b].map((v) => v / 255)
    .map((v) => (v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4))
    .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
  const behind = (element) => {
    for (let at = element; at; at = at.parentElement) {
      const colour = parse(getComputedStyle(at).backgroundColor);
      if (colour[3] === 1) return colour;
    }
    return [255, 255, 255, 1];
  };
  const poor = [];
  const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walk.nextNode()) {
    const element = walk.currentNode.parentElement;
    if (!walk.currentNode.textContent.trim() || element.closest("svg, script, .unseen, .skip") || !element.checkVisibility()) continue;
    const [a, b] = [light(parse(getComputedStyle(element).color)), light(behind(element))].sort((x, y) => y - x);
    const ratio = (a + 0.05) / (b + 0.05);
    if (ratio < 4.5) poor.push(`${ratio.toFixed(2)} ${element.tagName}.${element.className} ${walk.currentNode.textContent.trim().slice(0, 40)}`);
  }
  return [...new Set(poor)];
}
"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_can_be_read_in_both_colour_schemes(
    browser: Browser, site: str, signed_in: SignIn, scheme: str, books: Books
) -> None:
    context = browser.new_context(base_url=site, color_scheme=scheme)  # type: ignore[arg-type]
    page = signed_in(context, "rolf")
    for path in (*PAGES, f"/cases/{case_of(books, 'bank_change')['subject']}"):
        page.goto(path)
        assert page.evaluate(CONTRAST) == [], path
    context.close()


def test_the_keyboard_reaches_everything(context: BrowserContext, signed_in: SignIn) -> None:
    page = signed_in(context, "rolf")
    page.keyboard.press("Tab")
    expect(page.get_by_text("Skip to the content")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("main")).to_be_focused()
    page.goto("/payments")
    unreachable = page.evaluate(
        "() => [...document.querySelectorAll('a[href], button, summary, input:not([type=hidden]), select')]"
        ".filter((one) => one.tabIndex < 0).length"
    )
    assert unreachable == 0


def test_paper_shows_the_content_only(context: BrowserContext, signed_in: SignIn) -> None:
    page = signed_in(context, "rolf")
    page.goto("/liabilities")
    page.emulate_media(media="print")
    expect(page.get_by_role("navigation", name="Main")).to_be_hidden()
    expect(page.get_by_role("searchbox")).to_be_hidden()
    expect(page.get_by_role("heading", name="Liabilities")).to_be_visible()
