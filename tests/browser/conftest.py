"""A browser (Debian's Chromium) and the whole application on a port of its own."""

import shutil
import threading
import time
from collections.abc import Callable, Iterator

import pytest
import uvicorn
from tests.web.books import Books
from tests.web.fixtures import books, month_played
from tests.web.serving import PASSWORD, app_of

__all__ = ["books", "month_played"]

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, sync_playwright  # noqa: E402

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
SWITCHES = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-dev-shm-usage",
    "--disable-sync",
    "--no-first-run",
)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    if CHROMIUM is None:
        pytest.skip("no Chromium here: `apt-get install chromium` (or let CI do it) and run again")
    with sync_playwright() as started:
        browser = started.chromium.launch(executable_path=CHROMIUM, args=list(SWITCHES))
        yield browser
        browser.close()


@pytest.fixture
def site(books: Books) -> Iterator[str]:
    """The address of the application."""
    app = app_of(books)
    config = uvicorn.Config(app, port=0, log_level="error", timeout_graceful_shutdown=1)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    deadline = time.monotonic() + 20
    while not server.started and time.monotonic() < deadline:
        time.sleep(0.02)
    port = server.servers[0].sockets[0].getsockname()[1]
    yield f"http://localhost:{port}"
    app.state["end_streams"]()
    server.should_exit = True
    thread.join(10)


@pytest.fixture
def context(browser: Browser, site: str) -> Iterator[BrowserContext]:
    context = browser.new_context(base_url=site, viewport={"width": 1280, "height": 900})
    context.set_default_timeout(15_000)
    yield context
    context.close()


def counts(said: ConsoleMessage) -> bool:
    """Whether the console complains of something; a refusal (4xx) is told there too and is none of our mistakes."""
    return said.type in ("error", "warning") and not said.text.startswith("Failed to load resource")


SignIn = Callable[[BrowserContext, str], Page]


@pytest.fixture
def signed_in() -> SignIn:
    """Sign in and give the page that shows the overview; whatever the console says against us fails the test."""
    complaints: list[str] = []

    def sign_in(context: BrowserContext, name: str) -> Page:
        page = context.new_page()
        page.on("console", lambda said: complaints.append(said.text) if counts(said) else None)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.goto("/sign-in")
        page.get_by_label("Name").fill(name)
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_role("button", name="Sign in").click()
        page.get_by_role("heading", name="Overview").wait_for()
        return page

    yield sign_in  # type: ignore[misc]
    assert complaints == []
