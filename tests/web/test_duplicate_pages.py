"""A duplicate on its case: both documents beside each other, and what was compared with which points."""

from typing import Any

from lxml import html
from tests.http.events import rows
from tests.web.books import Books
from tests.web.fixtures import Client, sign_in

from tieout.engine.queries.database import Database
from tieout.engine.queries.duplicates import SideBySide, side_by_side


def beside(books: Books, number: str, reach: tuple[str, ...] | None = None) -> SideBySide | None:
    (invoice_id,) = [row["subject"] for row in rows(books, "view_invoice") if row["number"] == number]
    database = Database(books.url)
    with database.read() as sql:
        found = side_by_side(sql, invoice_id, reach)
    database.close()
    return found


def test_both_documents_with_what_agrees(books: Books) -> None:
    found = beside(books, "MK-2026-O713")
    assert found is not None
    (pair,) = found.pairs
    assert pair.other is not None
    assert (found.mine.item.number, pair.other.item.number) == ("MK-2026-O713", "MK-2026-0713")
    assert found.mine.invoice.lines == pair.other.invoice.lines
    assert [(one.name, one.points) for one in pair.candidate.criteria][:2] == [("number", 32), ("supplier", 25)]


def test_nothing_where_nothing_was_found_or_nothing_may_be_seen(books: Books) -> None:
    assert beside(books, "J-60077") is None
    assert beside(books, "MK-2026-O713", ("JP01",)) is None


def test_the_case_shows_them_side_by_side(client: Client, books: Books) -> None:
    sign_in(client, "rolf")
    (case_id,) = [row["subject"] for row in rows(books, "view_case") if row["case_class"] == "suspected_duplicate"]
    page: Any = html.fromstring(client.get(f"/cases/{case_id}", headers={"accept": "text/html"}).text)
    (section,) = page.xpath("//section[@id='case-beside']")
    heads = [" ".join(" ".join(cell.itertext()).split()) for cell in section.xpath(".//thead//th")]
    assert heads == ["100 of 100", "This: MK-2026-O713", "Known: MK-2026-0713", "Points"]
    first = [" ".join(" ".join(cell.itertext()).split()) for cell in section.xpath(".//tbody/tr[1]/*")]
    assert first == ["Number", "MK-2026-O713 numbers that are read for each other", "MK-2026-0713", "+32"]
    assert len(section.xpath(".//div[contains(@class, 'two')]/section")) == 2
