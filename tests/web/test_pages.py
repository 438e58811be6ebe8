"""Every page for everybody: readable without JavaScript, nothing inline, nothing from elsewhere, labelled, escaped."""

import asyncio
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from lxml import html
from msgspec.structs import replace
from tests.http.events import rows
from tests.http.test_deciding import case_of
from tests.web.books import Books
from tests.web.fixtures import SAME_SITE, Client, post_form, sign_in
from tests.web.serving import PEOPLE, door_of

from tieout.kernel.money import Money
from tieout.model.documents import BankAccount, InvoiceLine, Supplier
from tieout.model.events import Message, Ref
from tieout.model.facts import ApprovalDecided
from tieout.web.live import Pulse

PAGES = (
    "/",
    "/cases",
    "/cases?status=all&sort=largest&entity=DE01",
    "/cases?assignee=me",
    "/cases?status=all&spend_category=UNSPSC%3A43",
    "/effects",
    "/effects?status=all",
    "/quarantine",
    "/invoices",
    "/invoices?stage=stopped",
    "/invoices?number=CS-10551",
    "/matching",
    "/matching?status=matched&entity=DE01",
    "/liabilities",
    "/liabilities?entity=DE01&currency=EUR&bucket=overdue",
    "/payments",
    "/payments?entity=US01&due_until=2026-12-31",
    "/close",
    "/close/DE01/2026-05/unposted",
    "/suppliers",
    "/suppliers?only=held",
    "/documents",
    "/policy",
    "/policy?entity=JP01",
    "/policy/releases/nothing",
    "/duties",
    "/account",
    "/find?q=CS-105",
    "/find?q=nothing+at+all",
    "/trace/2026-88120",
    "/trace/D-20260519",
    "/trace/PO-1001",
    "/trace/DE01/2026-05",
    "/trace/DE94500105170000004711",
)
WITH_HTML = {"accept": "text/html"}


def page(client: Client, path: str) -> Any:
    answer = client.get(path, headers=WITH_HTML)
    assert answer.status_code in (200, 404), (path, answer.status_code, answer.text[:500])
    return html.fromstring(answer.text)


def check(tree: Any, path: str) -> None:
    """What must hold for every page."""
    assert len(tree.xpath("//h1")) == 1, path
    assert tree.xpath("/html/@lang") == ["en"]
    assert tree.xpath("//title/text()")[0].endswith("tieout")
    assert len(tree.xpath("//main")) == 1
    assert not tree.xpath("//style | //script[not(@src)] | //iframe | //object")
    assert not tree.xpath("//@style"), path
    handlers = [name for element in tree.iter() for name in element.attrib if name.startswith("on")]
    assert handlers == []
    outside = [url for url in tree.xpath("//@src | //@href | //@action") if not url.startswith(("/", "#"))]
    assert outside == [], path
    ids = tree.xpath("//@id")
    assert len(ids) == len(set(ids)), path
    for region in tree.xpath("//*[@data-live]"):
        assert region.get("id"), path
    for table in tree.xpath("//table[thead]"):
        assert all(head.get("scope") == "col" for head in table.xpath("./thead//th")), path
        assert all(head.text_content().strip() for head in table.xpath("./thead//th")), path
    for field in tree.xpath("//input[not(@type='hidden')] | //select | //textarea"):
        assert field.xpath("ancestor::label") or tree.xpath(f"//label[@for='{field.get('id')}']"), path
    for form in tree.xpath("//form[@method='post'][not(@action='/sign-in')]"):
        assert form.xpath(".//input[@name='form_token']/@value")[0], path
    for region in tree.xpath("//*[@class='wide']"):
        assert region.get("tabindex") == "0"
        assert region.get("aria-label"), path


@pytest.mark.parametrize("name", PEOPLE)
def test_every_page_for(books: Books, client: Client, name: str) -> None:
    sign_in(client, name)
    cases = [f"/cases/{row['subject']}" for row in rows(books, "view_case")]
    if PEOPLE[name][2]:
        cases = [path for path in cases if client.get(path).status_code == 200]
    for path in (*PAGES, *cases):
        if PEOPLE[name][2] and "DE01" in path:
            continue
        check(page(client, path), path)


def test_nobody_sees_anything_without_signing_in(client: Client) -> None:
    for path in PAGES:
        answer = client.get(path, headers=WITH_HTML, follow_redirects=False)
        assert answer.status_code == 303
        assert answer.headers["location"].startswith("/sign-in")
    check(page(client, "/sign-in"), "/sign-in")
    assert client.get("/cases", headers={"accept": "*/*"}).json()["code"] == "not_signed_in"


def test_every_answer_carries_the_headers_that_keep_browsers_safe(client: Client) -> None:
    for path in ("/sign-in", "/v1/cases", "/openapi.json"):
        headers = client.get(path).headers
        policy = headers["content-security-policy"]
        assert policy.startswith("default-src 'self'")
        assert "unsafe" not in policy
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["cache-control"] == "no-store"


def test_assets_are_kept_for_ever_and_named_after_their_content(client: Client) -> None:
    tree = page(client, "/sign-in")
    for url in tree.xpath("//link/@href | //script/@src"):
        answer = client.get(url)
        assert answer.status_code == 200
        assert "immutable" in answer.headers["cache-control"]
    assert client.get("/static/x/secrets.toml").status_code == 404


def test_the_same_page_is_sent_once(client: Client) -> None:
    sign_in(client, "otto")
    first = client.get("/cases")
    again = client.get("/cases", headers={"if-none-match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")


def test_what_suppliers_write_stays_text(books: Books, client: Client) -> None:
    evil = "<script>alert('x')</script>\"><img src=x onerror=alert(1)>"
    number = "javascript:alert(1)/<b>"
    name = "Adler Werkzeuge AG"
    books.suppliers[name] = replace(books_supplier(books, name), name=evil)
    ten = Decimal("10.00")
    line = InvoiceLine(line_id="1", quantity=Decimal(1), unit="EA", unit_price=ten, net=Money(1000, "EUR"))
    invoice_id = books.bill(name, number, "DE01", (line,), channel="mail<i>")
    books.rest()
    sign_in(client, "ida")
    for path in ("/", "/invoices", "/cases", f"/trace/{invoice_id}", "/find?q=javascript"):
        tree = page(client, path)
        check(tree, path)
        assert not tree.xpath("//img | //b | //i[not(@class)]"), path
    assert evil in page(client, f"/trace/{invoice_id}").text_content()


def books_supplier(books: Books, name: str) -> Any:
    """The supplier as the month knew it."""
    row = next(row for row in rows(books, "view_supplier") if row["name"] == name)
    return Supplier(
        supplier_id=row["subject"],
        name=name,
        tax_id=row["tax_id"],
        bank_account=BankAccount(iban="DE02120300000000202051", holder=name),
    )


# ── doing things ───────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_case_is_worked_by_a_plain_form(books: Books, client: Client) -> None:
    token = sign_in(client, "ida")
    case = case_of(books, "price_variance")
    tree = page(client, f"/cases/{case['subject']}")
    (form,) = tree.xpath(f"//form[@action='/cases/{case['subject']}/accept_variance']")
    fields = {field.get("name"): field.get("value") or "" for field in form.xpath(".//input | .//textarea")}
    assert fields["form_token"] == token
    answer = client.post(
        form.get("action"), data={**fields, "reason": "agreed by mail"}, headers=SAME_SITE, follow_redirects=False
    )
    assert (answer.status_code, answer.headers["location"]) == (303, f"/cases/{case['subject']}?said=recorded")
    assert "Recorded." in page(client, answer.headers["location"]).text_content()
    books.rest()
    text = page(client, f"/cases/{case['subject']}").text_content()
    assert "Settled" in text
    assert "agreed by mail" in page(client, f"/trace/{case['document']}").text_content()


def test_what_one_may_not_do_is_not_offered_and_said(books: Books, client: Client) -> None:
    sign_in(client, "otto")
    text = page(client, f"/cases/{case_of(books, 'price_variance')['subject']}").xpath("//p[@class='cannot']")
    assert [" ".join(one.text_content().split()) for one in text] == [
        "Accept the variance, Cancel the invoice take the duty approve invoices and release invoice holds,"
        " which you do not have. Ida Ingwersen, Rolf Reimers have it: assign the case to one of them.",
        "Look at it again, Ask the supplier take the duty enter invoices, which you do not have."
        " Paula Petersen has it: assign the case to them.",
    ]
    assert not page(client, "/payments").xpath("//form[contains(@action, '/release')]")
    assert "which you do not have" in page(client, "/effects").text_content()


def test_nobody_is_offered_to_release_their_own_run_and_a_forged_form_is_refused(books: Books, client: Client) -> None:
    token = sign_in(client, "rolf")
    own = next(row for row in rows(books, "view_payment_run") if row["proposed_by"] == "person:rolf")
    tree = page(client, "/payments")
    assert not tree.xpath(f"//form[@action='/payments/{own['subject']}/release']")
    assert "You proposed this run" in tree.text_content()
    answer = client.post(
        f"/payments/{own['subject']}/release", data={"form_token": token}, headers={**SAME_SITE, **WITH_HTML}
    )
    assert answer.status_code == 403
    tree = html.fromstring(answer.text)
    check(tree, "refusal")
    assert "somebody else must release it" in tree.text_content()
    assert "Nothing." in tree.text_content()


def test_a_run_is_looked_at_proposed_released_and_gone(books: Books, client: Client) -> None:
    token = sign_in(client, "paula")
    tree = page(client, "/payments?entity=US01&due_until=2026-12-31")
    assert "8,892.00" in tree.xpath("//form[@action='/payments/propose']")[0].text_content()
    sent = post_form(client, "/payments/propose", token, entity="US01", due_until="2026-12-31")
    assert sent.headers["location"] == "/payments?said=proposed"
    books.rest()
    token = sign_in(client, "rolf")
    (action,) = [
        form.get("action")
        for form in page(client, "/payments").xpath("//form[contains(@action, '/release')]")
        if "8,892.00" in form.text_content()
    ]
    assert post_form(client, action, token).headers["location"] == "/payments?said=released"
    books.rest()
    run = next(row for row in rows(books, "view_payment_run") if row["subject"] in action)
    assert (run["status"], run["released_by"]) == ("delivered", "person:rolf")


def test_a_run_is_called_off_with_a_reason(books: Books, client: Client) -> None:
    token = sign_in(client, "rolf")
    own = next(row for row in rows(books, "view_payment_run") if row["proposed_by"] == "person:rolf")
    path = f"/payments/{own['subject']}/cancel"
    assert post_form(client, path, token, reason="").status_code == 422
    assert post_form(client, path, token, reason="wrong day").headers["location"] == "/payments?said=cancelled"
    books.rest()
    run = next(row for row in rows(books, "view_payment_run") if row["subject"] == own["subject"])
    assert (run["status"], run["reason"]) == ("cancelled", "wrong day")


def test_holding_and_releasing_a_supplier_takes_two_people(books: Books, client: Client) -> None:
    supplier = next(row for row in rows(books, "view_supplier") if row["name"].startswith("Bergmann"))
    path = f"/suppliers/{supplier['subject']}"
    token = sign_in(client, "rolf")
    assert post_form(client, f"{path}/hold", token, reason="goods are missing").status_code == 303
    books.rest()
    assert "goods are missing" in page(client, "/suppliers?only=held").text_content()
    refused = post_form(client, f"{path}/release", token, reason="they came")
    assert (refused.status_code, refused.json()["code"]) == (403, "same_person")


def test_a_dead_letter_is_sent_again_with_a_reason(books: Books, client: Client) -> None:
    token = sign_in(client, "ines")
    (action,) = page(client, "/effects?status=refused").xpath("//form[contains(@action, '/redeliver')]/@action")
    assert post_form(client, action, token, reason="").status_code == 422
    assert post_form(client, action, token, reason="opened again").headers["location"] == "/effects?said=redelivered"
    books.rest()
    assert not page(client, "/effects?status=refused").xpath("//form[contains(@action, '/redeliver')]")


def test_a_message_that_was_set_aside_is_handled_again(books: Books, client: Client) -> None:
    """A message that names an id nobody ever tells us of ends in quarantine."""
    fact = ApprovalDecided(approved=True, approver="ann")
    books.intake.offer([Message(source="ap", key="late", data=fact, ref=Ref("ap", "ap-never"))])
    for _ in range(40):
        books.pass_time(hours=1)
    token = sign_in(client, "ines")
    tree = page(client, "/quarantine")
    assert "ap-never" in tree.text_content()
    (action,) = tree.xpath("//form[contains(@action, '/requeue')]/@action")
    assert post_form(client, action, token, reason="the document is there now").status_code == 303
    assert "No message is set aside" in page(client, "/quarantine").text_content()
    assert post_form(client, action, token, reason="again").status_code == 404


def test_the_picture_of_a_life_has_a_lane_for_every_system(client: Client) -> None:
    sign_in(client, "otto")
    (picture,) = page(client, "/trace/2026-88120").xpath("//svg[contains(@class, 'timeline')]")
    lanes = [text.text for text in picture.xpath(".//text[@class='lane-name']")]
    assert lanes == ["People", "AP platform", "tieout", "ERP", "Bank", "Close"]
    labels = [text.text for text in picture.xpath(".//g/text")]
    for label in ("received", "matched", "approved", "posted", "unblocked", "released", "booked", "closed"):
        assert label in labels
    assert picture.get("role") == "img"
    assert "Invoice 2026-88120" in picture.get("aria-label")
    assert (
        labels.index("run proposed") < labels.index("in a run") < labels.index("released") < labels.index("file there")
    )
    places = [float(circle.get("cx")) for circle in picture.xpath(".//circle")]
    assert places == sorted(places)


def test_a_life_that_stopped_shows_where_and_what_it_blocks(client: Client) -> None:
    sign_in(client, "otto")
    tree = page(client, "/trace/D-20260519")
    labels = tree.xpath("//svg[contains(@class, 'timeline')]//g[contains(@class, 'bad')]/text/text()")
    assert labels == ["refused"]
    assert tree.xpath("//g[contains(@class, 'open')]/text/text()") == ["blocks close"]
    assert "The ERP did not take the invoice" in tree.text_content()


def test_live_pages_hear_of_a_change(books: Books) -> None:
    async def listen() -> list[str]:
        pulse = Pulse(door_of(books))
        heard: list[str] = []
        async for token in pulse.changes():
            if token and token not in heard:
                heard.append(token)
                if len(heard) == 1:
                    books.compare()
                else:
                    await pulse.stop()
        return heard

    first, second = asyncio.run(asyncio.wait_for(listen(), 20))
    assert int(second) > int(first)


# ── a document ──────────────────────────────────────────────────────────────────────────────────────────────────────

SCRIPT = b"""<?xml version="1.0"?>
<Invoice xmlns="urn:oasis:names:specification:ubl:schema:xsd:Invoice-2"><ID><![CDATA[<script>alert(1)</script>]]></ID></Invoice>"""


def test_a_document_is_shown_with_its_problems_in_place_and_nothing_in_it_comes_alive(
    books: Books, client: Client
) -> None:
    mark = books.intake.document(SCRIPT, name="<b>x</b>.xml", media_type="text/html", channel="mail").hash
    books.rest()
    sign_in(client, "ines")
    tree = page(client, f"/documents/{mark}")
    check(tree, "/documents/…")
    assert tree.xpath("//h1/text()") == ["<b>x</b>.xml"]
    assert "<script>alert(1)</script>" in "".join(tree.xpath("//div[@class='original']//code/text()"))
    assert tree.xpath("//li[@class='saying']")
    assert tree.xpath("//form[contains(@action, '/retry')]")


def test_files_of_a_form_are_each_answered(books: Books, client: Client) -> None:
    token = sign_in(client, "paula")
    files = [("files", ("a.xml", SCRIPT, "text/xml")), ("files", ("b.txt", b"nothing", "text/plain"))]
    answer = client.post("/documents", data={"form_token": token}, files=files, headers=SAME_SITE | WITH_HTML)
    assert answer.status_code in (200, 201), answer.text
    tree = html.fromstring(answer.text)
    check(tree, "/documents")
    assert [cell.text_content() for cell in tree.xpath("//td[2]")] == ["quarantined", "quarantined"]
    other = sign_in(client, "bea")
    assert client.post("/documents", data={"form_token": other}, files=files, headers=SAME_SITE).status_code == 403


def test_a_form_with_one_file_beyond_ones_duties_is_refused_as_a_whole(books: Books, client: Client) -> None:
    token = sign_in(client, "paula")
    journals = (Path(__file__).parents[1] / "formats" / "data" / "ledger" / "saft.xml").read_bytes()
    before = len(books.store.read_table("document", None))
    files = [("files", ("note.txt", b"a first file", "text/plain")), ("files", ("j.xml", journals, "text/xml"))]
    answer = client.post("/documents", data={"form_token": token}, files=files, headers=SAME_SITE)
    assert (answer.status_code, len(books.store.read_table("document", None))) == (403, before)


def test_an_empty_queue_says_why_and_how_to_go_on(books: Books, client: Client, new_client: Client) -> None:
    sign_in(client, "ida")
    empty = page(client, "/cases?text=nothing+of+this+kind")
    assert "No case fits the filter." in empty.text_content()
    assert [one.text_content() for one in empty.xpath("//main//a[@href='/cases']")] == [
        "Clear the filter",
        "All open cases",
    ]
    sign_in(new_client, "ida")
    new = page(new_client, "/cases")
    assert "A case opens by itself where somebody must decide" in new.text_content()
    assert not new.xpath("//main//a[@href='/cases']")


def test_what_is_not_there_is_looked_for_by_any_id(client: Client) -> None:
    sign_in(client, "ida")
    lost = page(client, "/cases/case-none").text_content()
    assert "Look for it by any id that it has in any system" in lost
    assert "/v1/" not in lost
