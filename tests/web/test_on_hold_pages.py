"""An invoice that is posted on hold, as people see it: among the liabilities, in matching, on its own page."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from litestar.testing import TestClient
from lxml import html
from tests.engine.test_on_hold import town
from tests.web.books import Books
from tests.web.fixtures import Client, sign_in
from tests.web.serving import app_of

from tieout.engine.stores.open import open_store, prepare

WITH_HTML = {"accept": "text/html"}


@pytest.fixture
def pages(tmp_path: Path) -> Iterator[Client]:
    """One invoice is posted and waits to be paid, one is posted on hold, one is on its way there."""
    url = f"sqlite:///{tmp_path / 'books.db'}"
    prepare(url)
    store = open_store(url)
    made = town(store=store)
    made.arrives("C-333", "10", "3")
    books = Books(url, tmp_path / "originals", start=made.clock.now())
    with TestClient(app_of(books), raise_server_exceptions=False) as client:
        sign_in(client, "rolf")
        yield client
    books.store.close()


def text_of(client: Client, address: str) -> str:
    answer = client.get(address, headers=WITH_HTML)
    assert answer.status_code == 200, answer.text
    return " ".join(html.fromstring(answer.text).text_content().split())


def test_every_list_says_so(pages: Client) -> None:
    matching = text_of(pages, "/matching?status=posted_on_hold")
    assert "1Posted on hold" in matching
    assert "1Do not agree, to be posted on hold" in matching
    assert "on hold: quantity received" in matching
    assert "B-22" in text_of(pages, "/invoices?status=posted_on_hold")
    owed = text_of(pages, "/liabilities")
    assert "posted on holdon hold: quantity received" in owed
    assert "posted on hold" in text_of(pages, "/trace/B-22")


def test_the_workbench_says_what_holds_it(pages: Client) -> None:
    bench = text_of(pages, "/matching/B-22")
    assert "posted on hold quantity received" in bench
    assert "does not agreegoes on, on hold for quantity received" in bench
    assert "Billed but not received" in bench
