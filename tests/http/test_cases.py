"""The queue of cases over the API and on its pages: filters, ages, bulk decisions, files, export."""

import csv
import io
from typing import Any

import pytest
from openpyxl import load_workbook
from sqlalchemy import create_engine
from sqlalchemy import text as update
from tests.http.events import rows
from tests.http.test_deciding import case_of
from tests.web.books import Books
from tests.web.fixtures import Client, key_of, post_form, sign_in
from tests.web.serving import CHEAP, PASSWORD

from tieout.engine.people import People
from tieout.kernel.clock import to_micros


def ask(client: Client, key: dict[str, str], query: str) -> Any:
    answer = client.get(f"/v1/cases?{query}", headers=key)
    assert answer.status_code == 200, answer.text
    return answer.json()


def bulk(client: Client, key: dict[str, str], cases: list[str], action: str, **fields: str) -> Any:
    return client.post("/v1/cases/bulk", json={"case_ids": cases, "action": action, **fields}, headers=key)


# ── the queue ──────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("query", "holds"),
    [
        ("owner_role=treasury", lambda case, now: case["owner_role"] == "treasury"),
        ("overdue=true", lambda case, now: 0 < case["due_at"] < now),
        ("bucket=3-7", lambda case, now: now - 8 * 86_400_000_000 < case["opened_at"] <= now - 3 * 86_400_000_000),
        ("bucket=over-30", lambda case, now: case["opened_at"] <= now - 31 * 86_400_000_000),
        ("text=locked", lambda case, now: "locked" in case["reason"]),
        ("severity=high&entity=DE01", lambda case, now: (case["severity"], case["entity"]) == ("high", "DE01")),
    ],
)
def test_the_queue_is_filtered(books: Books, client: Client, query: str, holds: Any) -> None:
    now = to_micros(books.clock.now())
    wanted = {row["subject"] for row in rows(books, "view_case") if row["status"] == "open" and holds(row, now)}
    found = ask(client, key_of(books, "otto"), f"limit=200&{query}")
    assert {case["case_id"] for case in found["items"]} == wanted
    assert found["total"] == len(wanted)


def test_due_first_is_an_order_of_its_own(books: Books, client: Client) -> None:
    found = ask(client, key_of(books, "otto"), "sort=due&limit=200")["items"]
    assert [case["due_at"] for case in found] == sorted(case["due_at"] for case in found)


def test_ages_are_told_by_class_with_the_money(books: Books, client: Client) -> None:
    told = client.get("/v1/cases/aging", headers=key_of(books, "otto")).json()
    open_ones = [row for row in rows(books, "view_case") if row["status"] == "open"]
    assert sum(one["count"] for one in told["items"]) == len(open_ones)
    missing = [one for one in told["items"] if one["case_class"] == "missing_receipt"]
    assert {
        (one["bucket"], one["currency"], one["count"], one["amount"]["minor"], one["overdue"]) for one in missing
    } == {
        ("3-7", "EUR", 2, 1165962, 2),
        ("3-7", "USD", 1, 279000, 1),
    }
    everything, *by_class = told["ages"]
    assert (everything["case_class"], everything["count"]) == ("", len(open_ones))
    assert everything["p50_seconds"] <= everything["p90_seconds"]
    assert sum(one["count"] for one in by_class) == len(open_ones)


def test_nobody_sees_the_cases_of_other_entities(books: Books, client: Client) -> None:
    jun = key_of(books, "jun")
    assert {case["entity"] for case in ask(client, jun, "limit=200")["items"]} <= {"JP01", ""}
    other = case_of(books, "price_variance")["subject"]
    assert client.get(f"/v1/cases/{other}", headers=jun).status_code == 404
    assert client.get(f"/v1/cases/{other}/attachments", headers=jun).status_code == 404
    (result,) = bulk(client, jun, [other], "assign", assignee="jun").json()["items"]
    assert (result["done"], result["code"]) == (False, "not_found")


# ── several at once ────────────────────────────────────────────────────────────────────────────────────────────────


def test_each_case_has_its_own_answer(books: Books, client: Client) -> None:
    price, gap = case_of(books, "price_variance")["subject"], case_of(books, "bank_change")["subject"]
    answer = bulk(client, key_of(books, "ida"), [price, gap, "case-none", price], "accept_variance", reason="agreed")
    assert answer.status_code == 200
    told = answer.json()
    assert (told["done"], told["refused"]) == (1, 2)
    assert [(one["case_id"], one["done"], one["code"]) for one in told["items"]] == [
        (price, True, ""),
        (gap, False, "wrong_state"),
        ("case-none", False, "not_found"),
    ]
    books.rest()
    assert case_of(books, "price_variance", "settled")["subject"] == price


def test_duties_are_checked_for_each(books: Books, client: Client) -> None:
    cases = [row["subject"] for row in rows(books, "view_case") if row["case_class"] == "missing_receipt"]
    told = bulk(client, key_of(books, "otto"), cases, "accept_variance", reason="x").json()
    assert {one["code"] for one in told["items"]} == {"duty_missing"}
    told = bulk(client, key_of(books, "otto"), cases, "comment", reason="I called them").json()
    assert told["done"] == len(cases) == 3


def test_who_did_something_else_with_one_document_is_refused_there_only(books: Books, client: Client) -> None:
    first, second, _ = (row["subject"] for row in rows(books, "view_case") if row["case_class"] == "missing_receipt")
    people = People(books.url, books.clock, hasher=CHEAP)
    people.add_person("pia", "Pia", PASSWORD, ["IE", "IA"], accept_conflicts=True)
    people.close()
    pia = key_of(books, "pia", "IE", "IA")
    assert bulk(client, pia, [first], "recheck_invoice", reason="the goods came").json()["done"] == 1
    books.rest()
    told = bulk(client, pia, [first, second], "accept_variance", reason="agreed").json()
    assert [(one["done"], one["code"]) for one in told["items"]] == [(False, "same_person"), (True, "")]
    assert "did recheck invoice on this document before" in told["items"][0]["detail"]


@pytest.mark.parametrize(
    ("cases", "action", "told"),
    [
        ([], "comment", "choose some cases"),
        (["x"] * 3 + [f"case-{n}" for n in range(201)], "comment", "choose some cases"),
        (["case-1"], "confirm_bank_change", "cannot be done with several cases"),
        (["case-1"], "", "'nothing' cannot be done with several cases"),
    ],
)
def test_what_cannot_be_meant_is_refused_as_a_whole(
    books: Books, client: Client, cases: list[str], action: str, told: str
) -> None:
    answer = bulk(client, key_of(books, "ida"), cases, action, reason="x")
    assert answer.status_code == 422
    assert told in answer.json()["detail"]


def test_without_a_reason_nothing_is_done(books: Books, client: Client) -> None:
    (one,) = bulk(
        client, key_of(books, "ida"), [case_of(books, "price_variance")["subject"]], "accept_variance"
    ).json()["items"]
    assert (one["done"], one["code"], one["detail"]) == (
        False,
        "bad_value",
        "something is missing: Reason: say it in words",
    )


def test_the_page_decides_several_and_says_what_became_of_each(books: Books, client: Client) -> None:
    token = sign_in(client, "ida")
    price, gap = case_of(books, "price_variance"), case_of(books, "bank_change")
    answer = client.post(
        "/cases/bulk",
        data={"form_token": token, "action": "accept_variance", "reason": "agreed", "back": "/cases?severity=high", "case_id": [price["subject"], gap["subject"]]},
        headers={"sec-fetch-site": "same-origin"},
    )  # fmt: skip
    assert answer.status_code == 201 or answer.status_code == 200
    assert "1 done, 1 refused" in answer.text
    assert 'href="/cases?severity=high"' in answer.text


def test_the_way_back_is_never_another_place(books: Books, client: Client) -> None:
    token = sign_in(client, "ida")
    case = case_of(books, "price_variance")["subject"]
    for back in ("https://evil.example", "//evil.example", "/casesevil"):
        answer = post_form(client, "/cases/bulk", token, action="comment_case", reason="x", back=back, case_id=case)
        assert "evil" not in answer.text


# ── files ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def attach(client: Client, key: dict[str, str], case: str, body: bytes, name: str = "call.txt") -> Any:
    headers = {**key, "content-type": "text/plain"}
    return client.post(f"/v1/cases/{case}/attachments", params={"name": name}, content=body, headers=headers)


def test_a_file_is_added_listed_and_fetched(books: Books, client: Client) -> None:
    case, otto = case_of(books, "price_variance")["subject"], key_of(books, "otto")
    assert attach(client, otto, case, b"<script>alert(1)</script>", 'no"te\r\n.html').status_code == 202
    books.rest()
    (file,) = client.get(f"/v1/cases/{case}/attachments", headers=otto).json()["items"]
    assert (file["name"], file["size"], file["actor"]) == ('no"te  .html', 25, "person:otto")
    answer = client.get(f"/v1/cases/{case}/attachments/{file['hash']}", headers=otto)
    assert answer.content == b"<script>alert(1)</script>"
    assert answer.headers["content-type"] == "application/octet-stream"
    assert answer.headers["content-disposition"] == 'attachment; filename="no_te  .html"'
    assert file["hash"] not in {row["hash"] for row in books.store.read_table("document", None)}


def test_a_file_is_fetched_only_through_a_case_it_was_added_to(books: Books, client: Client) -> None:
    otto = key_of(books, "otto")
    price, duplicate = case_of(books, "price_variance")["subject"], case_of(books, "duplicate")["subject"]
    attach(client, otto, price, b"mine")
    books.rest()
    (file,) = client.get(f"/v1/cases/{price}/attachments", headers=otto).json()["items"]
    assert client.get(f"/v1/cases/{duplicate}/attachments/{file['hash']}", headers=otto).status_code == 404
    original = books.store.read_table("document", None)[0]["hash"]
    assert client.get(f"/v1/cases/{price}/attachments/{original}", headers=otto).status_code == 404


def test_nobody_adds_a_hash_of_theirs_as_an_event(books: Books, client: Client) -> None:
    case = case_of(books, "price_variance")["subject"]
    event = {
        "specversion": "1.0", "id": "1", "source": "me", "type": "org.tieout.case.attached.v1", "subject": case,
        "data": {"document": "0" * 64, "name": "x"},
    }  # fmt: skip
    headers = {**key_of(books, "otto"), "content-type": "application/cloudevents+json"}
    answer = client.post("/v1/events", json=event, headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (422, "derived_fact")


@pytest.mark.parametrize(("body", "status"), [(b"", 422), (b"x" * 10_000_001, 413)])
def test_empty_and_very_large_files_are_refused(books: Books, client: Client, body: bytes, status: int) -> None:
    case = case_of(books, "price_variance")["subject"]
    assert attach(client, key_of(books, "otto"), case, body).status_code == status


# ── export ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def spoil(books: Books, case: str, text: str) -> None:
    """What a supplier wrote on its invoice stands in the reason of the case."""
    engine = create_engine(books.url)
    with engine.begin() as sql:
        sql.execute(update("UPDATE view_case SET reason = :text WHERE subject = :case"), {"text": text, "case": case})
    engine.dispose()


@pytest.mark.parametrize("text", ['=HYPERLINK("http://evil","x")', "+1+1", "-2+3", "@SUM(A1)", "\t=1", "  =1"])
def test_what_looks_like_a_formula_is_a_text_in_csv(books: Books, client: Client, text: str) -> None:
    case = case_of(books, "price_variance")["subject"]
    spoil(books, case, text)
    answer = client.get("/v1/cases/export/csv?case_class=price_variance", headers=key_of(books, "otto"))
    (row,) = csv.DictReader(io.StringIO(answer.content.decode("utf-8-sig")))
    assert row["reason"] == f"'{text}"
    assert (row["case"], row["amount"], row["currency"]) == (case, "12366.10", "EUR")
    assert answer.headers["content-disposition"].startswith('attachment; filename="cases-2026-05-')


def test_a_workbook_has_real_numbers_and_days_and_texts_that_are_texts(books: Books, client: Client) -> None:
    case = case_of(books, "price_variance")
    spoil(books, case["subject"], "=1+1")
    answer = client.get("/v1/cases/export/xlsx?case_class=price_variance", headers=key_of(books, "otto"))
    sheet = load_workbook(io.BytesIO(answer.content)).active
    head, row = ([cell.value for cell in line] for line in sheet.iter_rows(min_row=1, max_row=2))
    told = dict(zip(head, row, strict=True))
    assert (told["reason"], told["amount"], told["currency"], told["entity"]) == ("=1+1", 12366.1, "EUR", "DE01")
    assert sheet.cell(2, head.index("reason") + 1).data_type == "s"
    assert sheet.cell(2, head.index("amount") + 1).number_format == "0.00"
    assert str(told["deadline"]) == "2026-06-09 00:00:00"
    assert told["overdue"] == "yes"


def test_an_export_has_all_of_the_filter_and_nothing_else(books: Books, client: Client) -> None:
    sign_in(client, "jun")
    found = client.get("/cases.csv?status=all")
    lines = list(csv.DictReader(io.StringIO(found.content.decode("utf-8-sig"))))
    wanted = {row["subject"] for row in rows(books, "view_case") if row["entity"] in ("JP01", "")}
    assert {line["case"] for line in lines} == wanted
    assert client.get("/cases.xlsx?bucket=8-30").content.startswith(b"PK")
    assert client.get("/v1/cases/export/pdf", headers=key_of(books, "otto")).status_code == 404


# ── time ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_what_nobody_works_escalates_by_itself(books: Books, client: Client) -> None:
    case = case_of(books, "unknown_supplier")
    assert (case["severity"], case["level"]) == ("medium", 0)
    books.pass_time(days=4)
    books.rest()
    after = next(row for row in rows(books, "view_case") if row["subject"] == case["subject"])
    assert (after["severity"], after["level"]) == ("high", 1)
    life = client.get(f"/v1/trace/{case['document']}", headers=key_of(books, "otto")).json()
    assert [step["headline"] for step in life["steps"] if step["type"] == "case.escalated"] == [
        "Case escalated to supplier maintenance"
    ]
