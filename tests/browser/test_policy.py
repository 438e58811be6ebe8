"""The policy in a real browser: a draft with a slip, a trial that is watched, another person's approval."""

from pathlib import Path

from playwright.sync_api import BrowserContext, expect
from tests.browser.conftest import SignIn
from tests.web.books import POLICY_TEXT, Books

LOOSE = POLICY_TEXT.replace("percent = 2", "percent = 60")


def test_a_release_from_its_draft_to_its_approval(
    books: Books, context: BrowserContext, signed_in: SignIn, tmp_path: Path
) -> None:
    page = signed_in(context, "cora")
    page.goto("/policy")
    page.get_by_label("Text").fill(LOOSE.replace("percent = 60", "percnt = 60"))
    page.get_by_role("button", name="Draft").click()
    page.get_by_role("heading", name="The draft was not taken").wait_for()
    page.screenshot(path=tmp_path / "faults.png", full_page=True)
    page.get_by_label("Text").fill(LOOSE)
    page.get_by_label("What it changes and why").fill("steel is dear this year")
    page.get_by_role("button", name="Draft").click()
    page.get_by_text("The draft has been handed in").wait_for()
    books.rest()
    page.reload()
    page.get_by_text("Try it on the past").click()
    page.get_by_role("button", name="Play the past again").click()
    page.get_by_text("The past is being played again under the draft").wait_for()
    while not books.store.depth(0):
        page.wait_for_timeout(50)
    books.rest()
    expect(page.locator("#trial")).to_contain_text("Documents with another verdict")
    page.screenshot(path=tmp_path / "release.png", full_page=True)
    page.locator("svg.moves a").first.click()
    expect(page.locator("#changes")).to_contain_text("Price above the order → Agrees")
    expect(page.locator("#moved a[aria-current]")).to_have_count(1)
    page.locator("#trial td.main a").first.click()
    page.get_by_role("heading", name="As it was decided").wait_for()
    page.screenshot(path=tmp_path / "change.png", full_page=True)
    context.clear_cookies()
    page = signed_in(context, "paul")
    page.goto("/policy")
    page.get_by_role("link", name="Release 1").click()
    page.get_by_text("Approve", exact=True).click()
    page.get_by_label("Takes effect").fill("2026-06-15T00:00")
    page.get_by_role("button", name="Approve release 1").click()
    page.get_by_text("The approval has been asked for").wait_for()
    books.rest()
    expect(page.locator("#standing")).to_contain_text("coming")
    page.goto("/policy")
    page.screenshot(path=tmp_path / "policy.png", full_page=True)


def test_the_policy_fits_a_telephone(context: BrowserContext, signed_in: SignIn) -> None:
    page = signed_in(context, "cora")
    page.set_viewport_size({"width": 390, "height": 800})
    page.goto("/policy")
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
