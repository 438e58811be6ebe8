"""Being away over the API and on the page: who may say it, who can stand in, and what the queue shows then."""

from typing import Any

import pytest
from tests.http.test_cases import ask
from tests.http.test_deciding import case_of
from tests.web.books import Books
from tests.web.fixtures import Client, key_of, post_form, sign_in
from tests.web.serving import CHEAP, PASSWORD

from tieout.engine.people import People
from tieout.engine.rebuild import rebuild
from tieout.processes.registry import PROCESSES


def add(books: Books, name: str, duties: str, entities: str = "") -> None:
    people = People(books.url, books.clock, hasher=CHEAP)
    people.add_person(name, name.title(), PASSWORD, duties.split(), entities.split(), accept_conflicts=True)
    people.close()


def days(books: Books) -> dict[str, str]:
    today = books.clock.now().date()
    return {"since": str(today), "until": str(today.replace(day=28)), "reason": "annual leave"}


def say(books: Books, client: Client, name: str, **fields: str) -> Any:
    """Somebody says it with a key, and it is worked off."""
    answer = client.post("/v1/absences", json=days(books) | fields, headers=key_of(books, name))
    books.rest()
    return answer


def give(books: Books, client: Client, case: str, assignee: str) -> None:
    asked = {"action": "assign", "assignee": assignee}
    assert client.post(f"/v1/cases/{case}/actions", json=asked, headers=key_of(books, "ida")).status_code == 202
    books.rest()


def test_cases_show_whoever_stands_in_and_are_the_persons_own_again_when_it_is_taken_back(
    books: Books, client: Client
) -> None:
    case, key = case_of(books, "price_variance")["subject"], key_of(books, "rolf")
    give(books, client, case, "ida")
    answer = say(books, client, "ida", by="rolf")
    assert answer.status_code == 202, answer.text
    assert answer.json()["detail"].startswith("Rolf Reimers stands in for Ida Ingwersen from ")
    (shown,) = ask(client, key, "assignee=rolf")["items"]
    assert (shown["case_id"], shown["assignee"], shown["stand_in"]) == (case, "ida", "rolf")
    assert client.get(f"/v1/cases/{case}", headers=key).json()["stand_in"] == "rolf"
    assert ask(client, key, "assignee=bea")["items"] == []
    (listed,) = client.get("/v1/absences", headers=key).json()["items"]
    assert (listed["person"], listed["by"], listed["said_by"]) == ("ida", "rolf", "person:ida")
    path = f"/v1/absences/{listed['absence_id']}/take-back"
    taken = client.post(path, json={"reason": "leave moved"}, headers=key_of(books, "ida"))
    assert taken.status_code == 202, taken.text
    books.rest()
    assert ask(client, key, "assignee=rolf")["items"] == []
    assert client.get("/v1/absences", headers=key).json()["items"] == []
    (over,) = client.get("/v1/absences?everything=true", headers=key).json()["items"]
    assert (over["taken_back_by"], over["taken_back_why"]) == ("person:ida", "leave moved")
    assert client.post(path, json={"reason": "again"}, headers=key_of(books, "ida")).status_code == 409
    assert rebuild(books.store, PROCESSES).differences == ()


def test_it_is_over_by_itself(books: Books, client: Client) -> None:
    case, key = case_of(books, "price_variance")["subject"], key_of(books, "rolf")
    give(books, client, case, "ida")
    assert say(books, client, "ida", by="rolf", until=days(books)["since"]).status_code == 202
    assert ask(client, key, "assignee=rolf")["total"] == 1
    books.pass_time(days=1)
    assert ask(client, key_of(books, "rolf"), "assignee=rolf")["total"] == 0


@pytest.mark.parametrize(("fields", "status", "detail"), [
    ({"by": "ida"}, 409, "ida cannot stand in for themselves"),
    ({"by": "nobody"}, 422, "there is no open account 'nobody'"),
    ({"by": "carl"}, 422, "nobody inherits a duty, and carl does not have IA (approve invoices and release invoice holds)"),
    ({"by": "jun"}, 422, "ida works for all entities, and jun for JP01 only"),
    ({"by": "rolf", "since": "2027-01-02", "until": "2027-01-01"}, 409, "2027-01-01 is before 2027-01-02"),
    ({"by": "rolf", "reason": " "}, 422, "give a reason"),
    ({"by": "ida", "person": "rolf"}, 403, "IM (overrule controls as a manager)"),
])  # fmt: skip
def test_what_is_refused_at_the_door(
    books: Books, client: Client, fields: dict[str, str], status: int, detail: str
) -> None:
    answer = say(books, client, "ida", **fields)
    assert (answer.status_code, detail in answer.json()["detail"]) == (status, True), answer.text
    assert client.get("/v1/absences", headers=key_of(books, "ida")).json()["items"] == []


def test_a_manager_speaks_for_those_whose_entities_they_see(books: Books, client: Client) -> None:
    add(books, "mona", "IM IA")
    add(books, "theo", "IM", "DE01")
    add(books, "jin", "IA", "JP01")
    headers = {"mona": key_of_new(books, "mona", "IM"), "theo": key_of_new(books, "theo", "IM")}
    wish = days(books) | {"person": "jun", "by": "jin"}
    refused = client.post("/v1/absences", json=wish, headers=headers["theo"])
    assert (refused.status_code, refused.json()["detail"]) == (403, "jun works for JP01, and theo for DE01")
    assert client.post("/v1/absences", json=wish, headers=headers["mona"]).status_code == 202
    books.rest()
    (one,) = client.get("/v1/absences", headers=headers["mona"]).json()["items"]
    assert (one["person"], one["said_by"]) == ("jun", "person:mona")
    path = f"/v1/absences/{one['absence_id']}/take-back"
    assert client.post(path, json={"reason": "x"}, headers=headers["theo"]).status_code == 403
    assert client.post(path, json={"reason": "x"}, headers=key_of(books, "jun")).status_code == 202


def key_of_new(books: Books, name: str, *duties: str) -> dict[str, str]:
    people = People(books.url, books.clock)
    key = people.add_key(name, duties, accept_conflicts=True)
    people.close()
    return {"Authorization": f"Bearer {key}"}


def test_whoever_stands_in_decides_in_their_own_name_and_is_told_what_they_cannot(books: Books, client: Client) -> None:
    """Standing in gives no duty, and forgets nothing that was done on the document before."""
    add(books, "max", "IA IE")
    case = case_of(books, "price_variance")
    give(books, client, case["subject"], "ida")
    headers = key_of_new(books, "max", "IA", "IE")
    looked = client.post(
        "/v1/events",
        json={
            "specversion": "1.0", "id": "m1", "source": "max", "type": "org.tieout.invoice.recheck_requested.v1",
            "subject": case["document"], "data": {"reason": "looked at it"},
        },
        headers=headers | {"content-type": "application/cloudevents+json"},
    )  # fmt: skip
    assert looked.status_code == 202, looked.text
    books.rest()
    answer = say(books, client, "ida", by="max")
    assert answer.status_code == 202
    assert f"Give {case['subject']} to somebody else" in answer.json()["detail"]
    act = {"action": "accept_variance", "reason": "for ida"}
    refused = client.post(f"/v1/cases/{case['subject']}/actions", json=act, headers=headers)
    assert (refused.status_code, refused.json()["code"]) == (403, "same_person")


def test_the_same_form_twice_is_one_absence(books: Books, client: Client) -> None:
    headers = key_of(books, "ida") | {"idempotency-key": "once"}
    for _ in range(2):
        client.post("/v1/absences", json=days(books) | {"by": "rolf"}, headers=headers)
    books.rest()
    assert len(client.get("/v1/absences", headers=headers).json()["items"]) == 1


def test_the_page_of_the_queue(books: Books, client: Client) -> None:
    case = case_of(books, "price_variance")["subject"]
    give(books, client, case, "ida")
    token = sign_in(client, "ida")
    said = post_form(client, "/absences", token, by="rolf", nonce="1", **days(books))
    assert (said.status_code, said.headers["location"]) == (303, "/cases?said=away")
    books.rest()
    page = client.get("/cases").text
    assert "for ida, who is away" in page
    assert "Say that you are away" in page
    assert "for ida, who is away" in client.get(f"/cases/{case}").text
    assert "stands in" in client.get("/cases.csv?assignee=me").text.partition("\n")[0]
    (one,) = client.get("/v1/absences", headers=key_of(books, "ida")).json()["items"]
    back = post_form(client, "/absences/back", token, absence_id=one["absence_id"], reason="leave moved")
    assert (back.status_code, back.headers["location"]) == (303, "/cases?said=back")
    books.rest()
    assert "for ida, who is away" not in client.get("/cases").text
    assert post_form(client, "/absences", token, by="rolf", since="x", until="y", reason="z").status_code == 422


def test_an_absence_is_no_event_for_everybody(books: Books, client: Client) -> None:
    data = {
        "absence_id": "a",
        "person": "rolf",
        "by": "ida",
        "since": "2026-05-01",
        "until": "2026-12-31",
        "reason": "x",
    }
    told = client.post(
        "/v1/events",
        json={"specversion": "1.0", "id": "1", "source": "hr", "type": "org.tieout.absence.stated.v1", "data": data},
        headers=key_of(books, "ida") | {"content-type": "application/cloudevents+json"},
    )
    assert (told.status_code, told.json()["code"]) == (422, "derived_fact")
