"""Suppliers see their own page: what they sent, where it stands, what they are asked; and nothing of anybody else."""

from pathlib import Path
from typing import Any

import pytest
from lxml import html
from tests.web.books import Books
from tests.web.fixtures import SAME_SITE, Client, post_form, sign_in
from tests.web.serving import CHEAP, PASSWORD
from tests.web.test_pages import WITH_HTML, check, page

from tieout.engine.people import People
from tieout.engine.queries.cases import CaseFilter, list_cases
from tieout.engine.queries.database import Database
from tieout.kernel.errors import PermanentError

INVOICE = (Path(__file__).parents[1] / "formats" / "data" / "invoice.xml").read_bytes()


@pytest.fixture
def guest(books: Books) -> str:
    """Somebody at the supplier with the most invoices."""
    rows = [
        row for row in books.store.read_table("view_invoice", None) if row["status"] in ("posted", "closed", "paid")
    ]
    supplier_id: str = rows[0]["supplier_id"]
    people = People(books.url, books.clock, hasher=CHEAP)
    people.add_person("olaf", "Olaf at the supplier", PASSWORD, (), supplier_id=supplier_id)
    people.close()
    return supplier_id


def own(books: Books, supplier_id: str) -> set[str]:
    rows = books.store.read_table("view_invoice", None)
    return {row["number"] for row in rows if row["supplier_id"] == supplier_id}


def test_a_supplier_sees_its_own_invoices_in_its_own_words(books: Books, client: Client, guest: str) -> None:
    sign_in_guest(client)
    tree = page(client, "/portal")
    check(tree, "/portal")
    shown = {cell.text_content() for cell in tree.xpath("//section[@id='own-invoices']//td[1]")}
    assert shown == own(books, guest)
    statuses = {cell.text_content().split("\n")[0] for cell in tree.xpath("//section[@id='own-invoices']//td[6]")}
    assert not {"posted", "mismatched", "reserved"} & statuses


@pytest.mark.parametrize("path", ["/", "/cases", "/invoices", "/documents", "/find?q=CS", "/v1/invoices", "/account"])
def test_no_other_page_is_there_for_a_supplier(client: Client, guest: str, path: str) -> None:
    sign_in_guest(client)
    assert client.get(path, headers=WITH_HTML).status_code == 404


def test_our_own_people_are_not_suppliers(client: Client) -> None:
    sign_in(client, "paula")
    assert client.get("/portal", headers=WITH_HTML).status_code == 404


def test_somebody_elses_invoice_handed_in_waits_in_quarantine(books: Books, client: Client, guest: str) -> None:
    token = sign_in_guest(client)
    files = [("files", ("a.xml", INVOICE, "text/xml"))]
    answer = client.post("/portal/documents", data={"form_token": token}, files=files, headers=SAME_SITE | WITH_HTML)
    tree = html.fromstring(answer.text)
    check(tree, "/portal/documents")
    assert "not from the supplier whose account handed it in" in tree.text_content()
    (row,) = [row for row in books.store.read_table("document", None) if row["channel"] == f"portal.{guest}"]
    assert row["status"] == "quarantined"
    assert "could not be read" in page(client, "/portal").text_content()


def case_about(books: Books, supplier_id: str) -> Any:
    with Database(books.url).read() as sql:
        found = list_cases(sql, CaseFilter(limit=200), None, books.clock.now()).items
    return next((case for case in found if case.supplier_id and "ask_supplier" in case.actions), None)


def test_a_question_is_asked_and_answered_on_the_trail_of_its_case(books: Books, client: Client) -> None:
    case = case_about(books, "")
    people = People(books.url, books.clock, hasher=CHEAP)
    people.add_person("olaf", "Olaf", PASSWORD, (), supplier_id=case.supplier_id)
    people.close()
    token = sign_in(client, "paula")
    asked = post_form(client, f"/cases/{case.case_id}/ask_supplier", token, question="Was it 10 or 12?")
    assert asked.status_code == 303, asked.text
    books.rest()
    client.cookies.clear()
    token = sign_in_guest(client)
    assert "Was it 10 or 12?" in page(client, "/portal").text_content()
    assert post_form(client, f"/portal/answers/{case.case_id}", token, answer="").status_code == 422
    assert post_form(client, f"/portal/answers/{case.case_id}", token, answer="It was 10.").status_code == 303
    books.rest()
    assert post_form(client, f"/portal/answers/{case.case_id}", token, answer="No, 12").status_code == 404
    client.cookies.clear()
    sign_in(client, "paula")
    text = page(client, f"/cases/{case.case_id}").text_content()
    assert "The supplier was asked" in text
    assert "It was 10." in text


def sign_in_guest(client: Client) -> str:
    """Sign in as the supplier's person; returns the token that forms of the session carry."""
    data = {"name": "olaf", "password": PASSWORD}
    answer = client.post("/sign-in", data=data, headers=SAME_SITE, follow_redirects=False)
    assert (answer.status_code, answer.headers["location"]) == (303, "/portal")
    return client.get("/portal").text.partition('name="form_token" value="')[2].partition('"')[0]


def test_somebody_at_a_supplier_has_no_duties(books: Books, guest: str) -> None:
    people = People(books.url, books.clock, hasher=CHEAP)
    with pytest.raises(PermanentError, match="no duties"):
        people.add_person("eve", "Eve", PASSWORD, ("IA",), supplier_id=guest)
    with pytest.raises(PermanentError, match="no duties"):
        people.grant("olaf", ("IA",))
    people.close()
