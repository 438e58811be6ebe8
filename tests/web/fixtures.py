"""Fixtures that tests of the API, the pages and the browser share: books, with and without a month in them."""

import shutil
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from litestar import Litestar
from litestar.testing import TestClient
from tests.web.books import Books, month
from tests.web.serving import PASSWORD, PEOPLE, app_of

from tieout.engine.people import People

Client = TestClient[Litestar]
#: Headers that a browser sends with a form of our own pages.
SAME_SITE = {"sec-fetch-site": "same-origin"}


@pytest.fixture(scope="session")
def month_played(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, datetime]:
    """A database with a month of work in it, made once, and the moment at which the month stands."""
    folder = tmp_path_factory.mktemp("month")
    books = Books(f"sqlite:///{folder / 'books.db'}", folder / "originals")
    month(books)
    app_of(books)  # the people
    moment = books.clock.now()
    books.store.close()
    return folder / "books.db", moment


@pytest.fixture
def books(month_played: tuple[Path, datetime], tmp_path: Path) -> Iterator[Books]:
    """The company in the middle of its month; a copy of one's own."""
    file, moment = month_played
    for part in file.parent.glob("books.db*"):
        shutil.copy(part, tmp_path / part.name)
    books = Books(f"sqlite:///{tmp_path / file.name}", tmp_path / "originals", start=moment)
    yield books
    books.store.close()


@pytest.fixture
def new_books(tmp_path: Path) -> Iterator[Books]:
    """A company that begins today."""
    books = Books(f"sqlite:///{tmp_path / 'new.db'}", tmp_path / "originals")
    yield books
    books.store.close()


@pytest.fixture
def client(books: Books) -> Iterator[Client]:
    with TestClient(app_of(books), raise_server_exceptions=False) as client:
        yield client


@pytest.fixture
def new_client(new_books: Books) -> Iterator[Client]:
    with TestClient(app_of(new_books), raise_server_exceptions=False) as client:
        yield client


def key_of(books: Books, name: str, *duties: str) -> dict[str, str]:
    """Headers with a new API key of a person (with all their duties unless some are named)."""
    people = People(books.url, books.clock)
    key = people.add_key(name, duties or PEOPLE[name][1].split(), accept_conflicts=True)
    people.close()
    return {"Authorization": f"Bearer {key}"}


def sign_in(client: Client, name: str) -> str:
    """Sign in; returns the token that forms of the session carry."""
    answer = client.post(
        "/sign-in", data={"name": name, "password": PASSWORD}, headers=SAME_SITE, follow_redirects=False
    )
    assert answer.status_code == 303, answer.text
    page = client.get("/account").text
    return page.partition('name="form_token" value="')[2].partition('"')[0]


def post_form(client: Client, path: str, token: str, **fields: str) -> Any:
    """Send a form as a page would, without following the redirect."""
    return client.post(path, data={"form_token": token, **fields}, headers=SAME_SITE, follow_redirects=False)


SignedIn = Callable[[str], str]
