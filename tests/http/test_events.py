"""Events come in exactly once, and every answer says what became of them."""

import json
from concurrent.futures import ThreadPoolExecutor

import pytest
from tests.http.events import event, having, invoice, received, rows
from tests.web.books import Books
from tests.web.fixtures import Client, key_of
from tests.web.serving import CHEAP, PASSWORD

from tieout.engine.intake import Full
from tieout.engine.people import People


@pytest.fixture
def entering(new_books: Books, new_client: Client) -> dict[str, str]:
    return key_of(new_books, "paula")


def test_an_event_is_taken_once_and_its_life_begins(
    new_books: Books, new_client: Client, entering: dict[str, str]
) -> None:
    answer = new_client.post("/v1/events", json=received(), headers=entering)
    assert answer.status_code == 202
    taken = answer.json()
    assert (taken["receipt"], taken["duplicate"], taken["source"], taken["id"]) == (
        "accepted",
        False,
        "acme-ap",
        "inv/A-1",
    )
    new_books.rest()
    life = new_client.get(taken["trace"], headers=entering).json()
    assert life["invoice"]["number"] == "A-1"
    assert life["steps"][0]["actor"] == "person:paula"


def test_the_same_event_again_is_answered_the_same(new_client: Client, entering: dict[str, str]) -> None:
    first = new_client.post("/v1/events", json=received(), headers=entering).json()
    again = new_client.post("/v1/events", json=received(), headers=entering)
    assert again.status_code == 202
    assert again.json() == {**first, "duplicate": True}


def test_the_same_key_with_other_data_is_a_conflict(new_client: Client, entering: dict[str, str]) -> None:
    new_client.post("/v1/events", json=received(), headers=entering)
    other = new_client.post("/v1/events", json=received(gross=23_800), headers=entering)
    assert other.status_code == 409
    assert other.headers["content-type"] == "application/problem+json"
    assert (other.json()["code"], other.json()["retry"], other.json()["outcome"]) == ("key_reused", "never", "none")


def test_whitespace_and_unknown_fields_do_not_make_it_another_event(
    new_client: Client, entering: dict[str, str]
) -> None:
    new_client.post("/v1/events", json=received(), headers=entering)
    grown = having(received(), "from a newer writer", "data", "invoice", "mood")
    again = new_client.post(
        "/v1/events", content=json.dumps(grown, indent=3), headers={**entering, "Content-Type": "application/json"}
    )
    assert (again.status_code, again.json()["duplicate"]) == (202, True)


def test_a_duty_is_needed_and_named(new_books: Books, new_client: Client) -> None:
    answer = new_client.post("/v1/events", json=received(), headers=key_of(new_books, "otto"))
    assert answer.status_code == 403
    assert answer.json()["code"] == "duty_missing"
    assert "IE (enter invoices)" in answer.json()["detail"]


def test_a_key_can_do_less_than_its_owner(new_books: Books, new_client: Client) -> None:
    answer = new_client.post("/v1/events", json=received(), headers=key_of(new_books, "paula", "PP"))
    assert (answer.status_code, answer.json()["code"]) == (403, "duty_missing")


def test_a_fact_that_names_its_document_by_another_systems_id_waits_for_it(
    new_books: Books, new_client: Client
) -> None:
    decided = event(
        "invoice.approval_decided", {"approved": True, "approver": "ann"}, refsystem="acme-ap", refid="doc-1"
    )
    approving = key_of(new_books, "ida")
    assert new_client.post("/v1/events", json=decided, headers=approving).status_code == 202
    arrived = having(received(), "doc-1", "data", "system_id")
    new_client.post("/v1/events", json=arrived, headers=key_of(new_books, "paula"))
    new_books.rest()
    new_books.pass_time(seconds=10)
    types = [step["type"] for step in new_client.get("/v1/trace/doc-1", headers=approving).json()["steps"]]
    assert "invoice.approval_decided" in types


def test_a_fact_about_one_of_our_own_ids_finds_its_way(books: Books, client: Client) -> None:
    case = next(row for row in rows(books, "view_case") if row["case_class"] == "price_variance")
    remark = event("case.commented", {"text": "called them"}, subject=case["subject"])
    assert client.post("/v1/events", json=remark, headers=key_of(books, "otto")).status_code == 202
    books.rest()
    life = client.get(f"/v1/trace/{case['subject']}", headers=key_of(books, "otto")).json()
    assert ("Remark", "called them") in [(step["headline"], step["detail"]) for step in life["steps"]]


def test_nobody_reaches_what_lies_outside_their_entities(books: Books, client: Client) -> None:
    case = next(row for row in rows(books, "view_case") if row["entity"] == "DE01")
    remark = event("case.commented", {"text": "hello"}, subject=case["subject"])
    jun = key_of(books, "jun")
    assert client.post("/v1/events", json=remark, headers=jun).json()["code"] == "unaddressed"
    assert client.get(f"/v1/cases/{case['subject']}", headers=jun).status_code == 404
    assert client.get(f"/v1/trace/{case['document']}", headers=jun).status_code == 404
    assert {item["entity"] for item in client.get("/v1/invoices", headers=jun).json()["items"]} == {"JP01"}
    assert {item["entity"] for item in client.get("/v1/readiness", headers=jun).json()["items"]} == {"JP01"}


def test_a_fact_of_another_entity_is_refused(new_books: Books, new_client: Client) -> None:
    cancelled = event("period.opened", {"entity": "DE01", "period": "2026-05"})
    people = People(new_books.url, new_books.clock, hasher=CHEAP)
    people.add_person("mika", "Mika", PASSWORD, ["PE"], ["JP01"])
    people.close()
    key = key_of(new_books, "mika", "PE")
    answer = new_client.post("/v1/events", json=cancelled, headers=key)
    assert (answer.status_code, answer.json()["code"]) == (403, "entity_not_yours")
    own = having(cancelled, "JP01", "data", "entity")
    assert new_client.post("/v1/events", json=own, headers=key).status_code == 202


# ── batches ────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_batch_is_answered_item_by_item(new_client: Client, entering: dict[str, str]) -> None:
    batch = [
        received("B-1"),
        received("B-2"),
        received("B-1"),
        received("B-1", gross=4_760),
        having(received("B-3"), "org.tieout.invoice.posted.v1", "type"),
        {"id": "nothing else"},
        42,
    ]
    answer = new_client.post("/v1/events:batch", json=batch, headers=entering)
    assert answer.status_code == 207
    found = answer.json()
    assert (found["accepted"], found["duplicates"], found["conflicts"], found["refused"]) == (3, 1, 1, 3)
    assert [item["receipt"] for item in found["items"]] == [
        "accepted",
        "accepted",
        "accepted",
        "conflict",
        "refused",
        "refused",
        "refused",
    ]
    assert [item.get("code", "") for item in found["items"]] == [
        "",
        "",
        "",
        "key_reused",
        "derived_fact",
        "bad_value",
        "bad_value",
    ]


@pytest.mark.parametrize("media_type", ["application/x-ndjson", "application/ndjson"])
def test_one_event_a_line(new_books: Books, new_client: Client, entering: dict[str, str], media_type: str) -> None:
    lines = "\n".join(json.dumps(received(f"N-{number}")) for number in range(300)) + "\n\n"
    answer = new_client.post(
        "/v1/events:batch", content=lines.encode(), headers={**entering, "Content-Type": media_type}
    )
    assert (answer.status_code, answer.json()["accepted"]) == (202, 300)
    assert len(rows(new_books, "inbox")) == 300


def test_an_empty_batch_is_no_mistake(new_client: Client, entering: dict[str, str]) -> None:
    answer = new_client.post("/v1/events:batch", json=[], headers=entering)
    assert (answer.status_code, answer.json()["items"]) == (202, [])


def test_when_the_inbox_is_full_nothing_is_taken_and_the_caller_is_told_when_to_come_again(
    new_books: Books, new_client: Client, entering: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_room(messages: object) -> None:
        raise Full(5, retry_after_seconds=7)

    monkeypatch.setattr(new_books.intake, "offer", no_room)
    for path, body in (("/v1/events", received()), ("/v1/events:batch", [received()])):
        answer = new_client.post(path, json=body, headers=entering)
        assert (answer.status_code, answer.headers["retry-after"]) == (429, "7")
        assert (answer.json()["code"], answer.json()["retry"], answer.json()["outcome"]) == (
            "inbox_full",
            "safe",
            "none",
        )
    assert rows(new_books, "inbox") == []


def test_the_decoder_is_exact_about_money(new_client: Client, entering: dict[str, str]) -> None:
    for wrong in (119.0, "119", None, {"minor": 1.5, "currency": "EUR"}, {"minor": 1, "currency": "eur"}):
        body = having(received(), wrong, "data", "invoice", "gross")
        answer = new_client.post("/v1/events", json=body, headers=entering)
        assert (answer.status_code, answer.json()["code"]) == (422, "bad_value"), wrong
        assert answer.json()["errors"][0]["where"].startswith("/data/invoice/gross"), answer.json()
    assert invoice()["gross"] == {"minor": 11_900, "currency": "EUR"}


def test_events_that_come_together_are_each_answered(
    new_books: Books, new_client: Client, entering: dict[str, str]
) -> None:
    """Concurrent calls share a transaction; a conflict among them is nobody else's."""
    new_client.post("/v1/events", json=received("T-0"), headers=entering)
    bodies = [received(f"T-{number}") for number in range(24)] + [received("T-0", gross=4_760)]
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda body: new_client.post("/v1/events", json=body, headers=entering), bodies))
    assert [answer.status_code for answer in answers] == [202] * 24 + [409]
    assert [answer.json()["duplicate"] for answer in answers[:24]] == [True] + [False] * 23
    assert len(rows(new_books, "inbox")) == 24
