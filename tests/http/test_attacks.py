"""What a fraudster tries who has an account and a key: over the real doors, on books with a month in them."""

from datetime import date, timedelta
from typing import Any

import pytest
from tests.http.events import event, rows
from tests.http.test_control_assertions import hire
from tests.http.test_deciding import act, case_of
from tests.web.books import Books
from tests.web.fixtures import Client, key_of

from tieout.engine.people import People


def say(client: Client, key: dict[str, str], kind: str, data: dict[str, Any], name: str, **more: str) -> Any:
    return client.post("/v1/events", json=event(kind, data, id=name, **more), headers=key)


# ── hiding what is open ────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("case_class", ["price_variance", "duplicate", "bank_change", "missing_receipt"])
def test_a_case_that_a_decision_ends_is_not_settled_by_hand(books: Books, client: Client, case_class: str) -> None:
    """It would leave the queue, and the document would stay where it is."""
    case, ida = case_of(books, case_class), key_of(books, "ida")
    answer = say(client, ida, "case.settled", {"resolution": "nothing"}, "1", subject=case["subject"])
    assert (answer.status_code, answer.json()["code"]) == (409, "wrong_state")
    assert "not by hand; it offers" in answer.json()["detail"]
    batch = [event("case.settled", {"resolution": "nothing"}, id="2", subject=case["subject"])]
    assert client.post("/v1/events:batch", json=batch, headers=ida).json()["items"][0]["code"] == "wrong_state"
    books.rest()
    assert case_of(books, case_class)["subject"] == case["subject"]


def test_a_case_that_people_settle_is_settled_once(books: Books, client: Client) -> None:
    case, ida = case_of(books, "unmatched_entry"), key_of(books, "ida")
    assert act(client, ida, case, "settle", reason="a fee").status_code == 202
    books.rest()
    again = act(client, ida, case, "settle", reason="stolen after all")
    assert (again.status_code, again.json()["code"]) == (409, "wrong_state")
    say(client, ida, "case.settled", {"resolution": "another"}, "1", subject=case["subject"])
    books.rest()
    settled = next(row for row in rows(books, "view_case") if row["subject"] == case["subject"])
    assert (settled["status"], settled["resolution"]) == ("settled", "a fee")


# ── one's own payment ──────────────────────────────────────────────────────────────────────────────────────────────


def reconciler(books: Books, name: str) -> dict[str, str]:
    """A key of somebody who may load statements now, besides what they may do."""
    people = People(books.url, books.clock)
    known = people.person(name)
    assert known is not None
    people.grant(name, [*known.duties, "RC"], accept_conflicts=True)
    people.close()
    return key_of(books, name, "RC")


def in_flight(books: Books) -> dict[str, Any]:
    return next(row for row in rows(books, "view_payment") if row["status"] in ("released", "claimed"))


@pytest.mark.parametrize("name", ["paula", "rolf"])
def test_who_made_a_payment_does_not_tell_what_the_bank_said_of_it(books: Books, client: Client, name: str) -> None:
    """A rejection by hand would make the invoice payable once more."""
    paid, key = in_flight(books), reconciler(books, name)
    for kind, subject in [
        ("payment.status_reported", paid["subject"]),
        ("payment_run.status_reported", paid["run_id"]),
    ]:
        data = {"status": "RJCT", **({"run_id": subject} if "run" in kind else {})}
        told = say(client, key, kind, data, kind, subject=subject)
        assert (told.status_code, told.json()["code"]) == (403, "same_person"), told.json()
        assert "conceal" in told.json()["detail"]
    told = say(
        client, key_of(books, "carl"), "payment.status_reported", {"status": "ACSP"}, "t", subject=paid["subject"]
    )
    assert told.status_code == 202


def test_a_statement_by_hand_does_not_prove_the_loaders_own_payment_until_somebody_else_looked(
    books: Books, client: Client
) -> None:
    paid, rolf, carl = in_flight(books), reconciler(books, "rolf"), key_of(books, "carl")
    account = next(row for row in rows(books, "view_account") if row["entity"] == paid["entity"])
    amount, currency = paid["amount_minor"], account["currency"]
    day = str(date.fromisoformat(account["closed_on"]) + timedelta(days=1))
    statement = {
        "statement_id": "BY-HAND",
        "iban": account["subject"],
        "currency": currency,
        "opening": {"minor": account["closing_minor"], "currency": currency},
        "closing": {"minor": account["closing_minor"] - amount, "currency": currency},
        "opened_on": day,
        "closed_on": day,
        "entries": [
            {
                "entry_id": "E1",
                "amount": {"minor": -amount, "currency": currency},
                "booked_on": day,
                "end_to_end_id": paid["subject"],
            }
        ],
    }
    data = {"statement": statement, "entity": paid["entity"]}
    assert say(client, rolf, "statement.received", data, "by hand").status_code == 202
    books.rest(pulls=False)

    def status() -> str:
        return str(next(row for row in rows(books, "view_payment") if row["subject"] == paid["subject"])["status"])

    case = case_of(books, "proof_unconfirmed")
    assert (case["document"], status()) == (paid["subject"], paid["status"])
    own = act(client, rolf, case, "confirm_proof", reason="I saw it")
    assert (own.status_code, own.json()["code"]) == (403, "same_person")
    assert act(client, carl, case, "confirm_proof", reason="seen in the bank's portal").status_code == 202
    books.rest(pulls=False)
    assert (status(), case_of(books, "proof_unconfirmed", "settled")["subject"]) == ("booked", case["subject"])


# ── another account in the place of the one that was seen ──────────────────────────────────────────────────────────


def test_a_confirmation_is_of_the_account_that_was_seen(books: Books, client: Client) -> None:
    case, bea = case_of(books, "bank_change"), key_of(books, "bea")
    seen = next(row for row in rows(books, "view_supplier") if row["subject"] == case["supplier_id"])["change_id"]
    account = {"iban": "DE89370400440532013000", "holder": "X", "currency": "EUR"}
    asked = {"change_id": seen, "supplier_id": case["supplier_id"], "account": account}
    vera = hire(books, "vera", "VM")
    assert say(client, vera, "supplier.bank_change_requested", asked, "1").status_code == 202
    books.rest()
    answer = act(client, bea, case, "confirm_bank_change", evidence="called", change_id=seen)
    assert (answer.status_code, answer.json()["code"]) == (409, "wrong_state")
    assert answer.json()["detail"] == "another account was asked for since you looked; look at the case again"
