"""Decisions of people: duties and separation of duties are checked before anything is recorded, and named."""

from typing import Any

import pytest
from tests.http.events import rows
from tests.web.books import ENTITIES, Books
from tests.web.fixtures import Client, key_of


def case_of(books: Books, case_class: str, status: str = "open") -> dict[str, Any]:
    return next(row for row in rows(books, "view_case") if (row["case_class"], row["status"]) == (case_class, status))


def act(client: Client, key: dict[str, str], case: dict[str, Any], action: str, **fields: str) -> Any:
    return client.post(f"/v1/cases/{case['subject']}/actions", json={"action": action, **fields}, headers=key)


def test_accepting_a_variance_lets_the_invoice_go_on(books: Books, client: Client) -> None:
    case = case_of(books, "price_variance")
    answer = act(client, key_of(books, "ida"), case, "accept_variance", reason="agreed by mail")
    assert (answer.status_code, answer.json()["recorded"]) == (202, True)
    books.rest()
    assert case_of(books, "price_variance", "settled")["subject"] == case["subject"]
    invoice = next(row for row in rows(books, "view_invoice") if row["subject"] == case["document"])
    assert invoice["status"] not in ("mismatched", "rejected")
    life = client.get(f"/v1/trace/{case['document']}", headers=key_of(books, "ida")).json()
    accepted = next(step for step in life["steps"] if step["type"] == "invoice.variance_accepted")
    assert (accepted["actor"], accepted["detail"]) == ("person:ida", "agreed by mail")


@pytest.mark.parametrize(
    ("case_class", "action", "person", "duty"),
    [
        ("price_variance", "accept_variance", "paula", "IA (approve invoices and release invoice holds)"),
        ("duplicate", "clear_duplicate", "otto", "IA"),
        ("posting_failed", "redeliver", "rolf", "RP (replay, override and resubmit)"),
        ("bank_change", "confirm_bank_change", "rolf", "VB (approve bank changes)"),
        ("missing_receipt", "recheck_invoice", "ida", "IE (enter invoices)"),
    ],
)
def test_without_the_duty_it_is_refused_by_name(
    books: Books, client: Client, case_class: str, action: str, person: str, duty: str
) -> None:
    answer = act(client, key_of(books, person), case_of(books, case_class), action, reason="x", evidence="x")
    assert (answer.status_code, answer.json()["code"]) == (403, "duty_missing")
    assert duty in answer.json()["detail"]


def test_assigning_and_remarks_are_for_everybody(books: Books, client: Client) -> None:
    case, otto = case_of(books, "duplicate"), key_of(books, "otto")
    assert act(client, otto, case, "assign", assignee="ida").status_code == 202
    assert act(client, otto, case, "comment", text="I called them").status_code == 202
    books.rest()
    assert case_of(books, "duplicate")["assignee"] == "ida"
    assert [case["case_id"] for case in client.get("/v1/cases?assignee=ida", headers=otto).json()["items"]] == [
        case["subject"]
    ]


def test_two_people_confirm_a_bank_change_and_the_same_one_counts_once(books: Books, client: Client) -> None:
    case = case_of(books, "bank_change")
    bea, bo = key_of(books, "bea"), key_of(books, "bo")
    assert act(client, bea, case, "confirm_bank_change", evidence="called +49 40").status_code == 202
    books.rest()
    again = act(client, bea, case, "confirm_bank_change", evidence="called again")
    assert (again.status_code, again.json()["code"]) == (403, "same_person")
    assert act(client, bo, case, "confirm_bank_change", evidence="called too").status_code == 202
    books.rest()
    supplier = next(row for row in rows(books, "view_supplier") if row["subject"] == case["supplier_id"])
    assert (supplier["change_id"], supplier["hold_reason"]) == ("", "")
    assert supplier["iban_masked"].endswith("7788")


def test_the_requester_of_a_bank_change_cannot_confirm_it(books: Books, client: Client) -> None:
    from tests.web.serving import CHEAP, PASSWORD

    from tieout.engine.people import People

    people = People(books.url, books.clock, hasher=CHEAP)
    people.add_person("vera", "Vera", PASSWORD, ["VB"])
    people.close()
    answer = act(
        client, key_of(books, "vera", "VB"), case_of(books, "bank_change"), "confirm_bank_change", evidence="me"
    )
    assert (answer.status_code, answer.json()["code"]) == (403, "same_person")
    assert "could approve it" in answer.json()["detail"]


def test_a_settled_case_is_closed_for_decisions(books: Books, client: Client) -> None:
    case = case_of(books, "rejected_approval", "settled")
    answer = act(client, key_of(books, "ida"), case, "cancel_invoice", reason="x")
    assert (answer.status_code, answer.json()["code"]) == (409, "wrong_state")


def test_the_same_decision_sent_twice_is_recorded_once(books: Books, client: Client) -> None:
    case, otto = case_of(books, "duplicate"), key_of(books, "otto")
    for _ in range(3):
        headers = {**otto, "Idempotency-Key": "one click"}
        assert act(client, headers, case, "comment", text="only once").status_code == 202
    books.rest()
    life = client.get(f"/v1/trace/{case['document']}", headers=otto).json()
    assert [step["detail"] for step in life["steps"] if step["type"] == "case.commented"] == ["only once"]


# ── effects ────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_refused_write_goes_again_under_the_same_key_with_who_and_why(books: Books, client: Client) -> None:
    ines = key_of(books, "ines")
    (effect,) = client.get("/v1/effects?status=refused", headers=ines).json()["items"]
    assert "locked" in effect["error"]
    path = f"/v1/effects/{effect['effect_id']}/redeliver"
    assert client.post(path, json={"reason": " "}, headers=ines).json()["code"] == "bad_value"
    assert client.post(path, json={"reason": "the period is open again"}, headers=ines).status_code == 202
    books.rest()
    again = client.post(path, json={"reason": "once more"}, headers=ines)
    assert (again.status_code, again.json()["code"]) == (409, "wrong_state")
    life = client.get(f"/v1/trace/{effect['effect_id']}", headers=ines).json()
    handled = next(step for step in life["steps"] if step["type"] == "effect.handled")
    assert (handled["actor"], handled["detail"]) == ("person:ines", "the period is open again")
    assert life["invoice"]["status"] == "posted"


def test_a_case_about_a_lost_answer_is_decided_by_what_was_found(books: Books, client: Client) -> None:
    case, ines = case_of(books, "outcome_unknown"), key_of(books, "ines")
    wrong = act(client, ines, case, "decide_outcome", found="perhaps", reason="x")
    assert wrong.json()["errors"] == [{"where": "/found", "detail": "one of absent, needless"}]
    assert act(client, ines, case, "decide_outcome", found="needless", reason="told by phone").status_code == 202
    effect = next(row for row in rows(books, "effect") if row["id"] == case["document"])
    assert (effect["status"], effect["error"]) == ("cancelled", "cancelled by person:ines: told by phone")


# ── payment runs ───────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_run_is_proposed_by_one_and_released_by_another(books: Books, client: Client) -> None:
    paula, rolf = key_of(books, "paula"), key_of(books, "rolf")
    wish = {"entity": "US01", "due_until": "2026-12-31"}
    proposed = client.post("/v1/payment-runs", json=wish, headers=paula)
    assert proposed.status_code == 202
    run = proposed.json()
    assert (run["count"], run["total"]) == (1, {"minor": 889200, "currency": "USD"})
    assert client.post("/v1/payment-runs", json=wish, headers=paula).json()["run_id"] == run["run_id"]
    books.rest()
    refused = client.post(
        f"/v1/payment-runs/{run['run_id']}/release", headers={**rolf, "content-type": "application/json"}, content=b"{}"
    )
    assert refused.status_code == 202
    books.rest()
    (found,) = [
        one for one in client.get("/v1/payment-runs", headers=rolf).json()["items"] if one["run_id"] == run["run_id"]
    ]
    assert (found["status"], found["proposed_by"], found["released_by"]) == ("delivered", "person:paula", "person:rolf")
    again = client.post(f"/v1/payment-runs/{run['run_id']}/release", json={}, headers=rolf)
    assert (again.status_code, again.json()["code"]) == (409, "wrong_state")


def test_nobody_releases_their_own_run(books: Books, client: Client) -> None:
    own = next(row for row in rows(books, "view_payment_run") if row["proposed_by"] == "person:rolf")
    answer = client.post(f"/v1/payment-runs/{own['subject']}/release", json={}, headers=key_of(books, "rolf"))
    assert (answer.status_code, answer.json()["code"]) == (403, "same_person")
    assert "somebody else must release it" in answer.json()["detail"]
    books.rest()
    assert next(row for row in rows(books, "view_payment_run") if row["subject"] == own["subject"])["status"] == "ready"


def test_proposing_and_releasing_take_their_duties(books: Books, client: Client) -> None:
    ready = next(row for row in rows(books, "view_payment_run") if row["status"] == "ready")
    released = client.post(f"/v1/payment-runs/{ready['subject']}/release", json={}, headers=key_of(books, "paula"))
    assert "PX (release payments)" in released.json()["detail"]
    wish = {"entity": "US01", "due_until": "2026-12-31"}
    proposed = client.post("/v1/payment-runs", json=wish, headers=key_of(books, "rolf"))
    assert "PP (propose payments)" in proposed.json()["detail"]


def test_every_entity_has_an_account_to_pay_from() -> None:
    assert all(iban for _, _, _, iban in ENTITIES.values())
