"""What a fraudster tries who has an account and a key: over the real doors, on books with a month in them."""

from datetime import date, timedelta
from typing import Any

import pytest
from tests.http.events import event, received, rows
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
    assert "is not told to be settled; it offers" in answer.json()["detail"]
    batch = [event("case.settled", {"resolution": "nothing"}, id="2", subject=case["subject"])]
    assert client.post("/v1/events:batch", json=batch, headers=ida).json()["items"][0]["code"] == "wrong_state"
    books.rest()
    assert case_of(books, case_class)["subject"] == case["subject"]


def test_a_case_that_people_settle_is_settled_once(books: Books, client: Client) -> None:
    case, carl = case_of(books, "unmatched_entry"), key_of(books, "carl")
    assert act(client, carl, case, "settle_bank_case", reason="a fee").status_code == 202
    books.rest()
    again = act(client, carl, case, "settle_bank_case", reason="stolen after all")
    assert (again.status_code, again.json()["code"]) == (409, "wrong_state")
    say(client, key_of(books, "ida"), "case.settled", {"resolution": "another"}, "1", subject=case["subject"])
    books.rest()
    settled = next(row for row in rows(books, "view_case") if row["subject"] == case["subject"])
    assert (settled["status"], settled["resolution"]) == ("settled", "a fee")


def test_nobody_settles_the_case_about_what_they_were_refused(books: Books, client: Client) -> None:
    greta = hire(books, "greta", "VM", "VB", "IA")
    supplier = case_of(books, "bank_change")["supplier_id"]
    account = {"iban": "DE89370400440532013000", "holder": "X", "currency": "EUR"}
    asked = {"change_id": "own", "supplier_id": supplier, "account": account}
    say(client, greta, "supplier.bank_change_requested", asked, "1")
    say(client, greta, "supplier.bank_change_confirmed", {"change_id": "own", "supplier_id": supplier}, "2")
    books.rest()
    case = case_of(books, "duties_conflict")
    for answer in (
        act(client, greta, case, "settle", reason="a mistake"),
        say(client, greta, "case.settled", {"resolution": "a mistake"}, "3", subject=case["subject"]),
    ):
        assert (answer.status_code, answer.json()["code"]) == (403, "same_person")
        assert answer.json()["detail"] == (
            "greta was refused on this document; somebody else must settle the case about it"
        )
    assert act(client, key_of(books, "ida"), case, "settle", reason="told her").status_code == 202


@pytest.mark.parametrize("name", ["nobody", "person:nobody", "x" * 5_000])
def test_a_case_is_not_given_to_nobody(books: Books, client: Client, name: str) -> None:
    """It would be out of everybody's own queue until it escalates."""
    case, otto = case_of(books, "price_variance"), key_of(books, "otto")
    assert act(client, otto, case, "assign", assignee=name).status_code == 422
    told = say(client, otto, "case.assigned", {"assignee": name}, "1", subject=case["subject"])
    assert (told.status_code, told.json()["code"]) == (422, "bad_value")


@pytest.mark.parametrize(
    "query",
    [
        "text=%25",
        "text=_",
        "text=';--",
        "status=' OR 1=1",
        "owner_role=%00",
        "bucket=9",
        "entity=%F0%9F%98%80",
        "text=" + "x" * 200,
    ],
)
def test_a_filter_is_never_more_than_a_filter(books: Books, client: Client, query: str) -> None:
    answer = client.get(f"/v1/cases?{query}", headers=key_of(books, "otto"))
    assert answer.status_code in (200, 400, 422)
    everything = client.get("/v1/cases?limit=500", headers=key_of(books, "otto")).json()["items"]
    assert all(item in everything for item in answer.json().get("items", ()))


@pytest.mark.parametrize(
    "name", ["../../etc/passwd", "a\r\nSet-Cookie: x=1", '"; filename="x.exe', "\u202egpj.exe", "<script>"]
)
def test_a_file_s_name_breaks_out_of_nothing(books: Books, client: Client, name: str) -> None:
    case, otto = case_of(books, "price_variance")["subject"], key_of(books, "otto")
    added = client.post(f"/v1/cases/{case}/attachments", params={"name": name}, content=b"<html>", headers=otto)
    assert added.status_code == 202, added.json()
    books.rest()
    (file,) = client.get(f"/v1/cases/{case}/attachments", headers=otto).json()["items"]
    assert file["name"].isprintable()
    got = client.get(f"/v1/cases/{case}/attachments/{file['hash']}", headers=otto)
    assert got.headers["content-type"] == "application/octet-stream"
    assert "set-cookie" not in got.headers
    shown = got.headers["content-disposition"].removeprefix('attachment; filename="').removesuffix('"')
    assert set('"/\\;<>\r\n').isdisjoint(shown)


def test_what_the_bank_booked_and_nobody_knows_is_explained_by_who_reconciles(books: Books, client: Client) -> None:
    """Money that left without a payment of ours is not called a fee by who releases payments, or approves invoices."""
    case = case_of(books, "unmatched_entry")
    for name in ("rolf", "ida"):
        key = key_of(books, name)
        refused = act(client, key, case, "settle_bank_case", reason="a fee")
        assert (refused.status_code, refused.json()["code"]) == (403, "duty_missing")
        told = say(client, key, "case.settled", {"resolution": "a fee"}, "1", subject=case["subject"])
        assert (told.status_code, told.json()["code"]) == (409, "wrong_state")


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


# ── another entity's documents ─────────────────────────────────────────────────────────────────────────────────────


def test_who_works_for_one_entity_says_nothing_about_another_s_documents(books: Books, client: Client) -> None:
    people = People(books.url, books.clock)
    people.add_person("jin", "Jin", "correct horse battery staple", ["IE", "IA"], ["JP01"], accept_conflicts=True)
    jin = {"Authorization": f"Bearer {people.add_key('jin', ['IE', 'IA'], accept_conflicts=True)}"}
    people.close()
    theirs = next(row for row in rows(books, "link") if row["entity"] == "DE01" and row["subject"].startswith("inv"))
    own = next(row for row in rows(books, "link") if row["entity"] == "JP01" and row["subject"].startswith("inv"))

    masked = received("MASKED-1") | {"entity": "JP01"}
    told = client.post("/v1/events", json=masked, headers=jin)
    assert (told.status_code, told.json()["code"]) == (403, "entity_not_yours")
    for row, status in [(theirs, 422), (own, 202)]:
        named = {"refsystem": row["system"], "refid": row["external_id"], "entity": "JP01"}
        told = say(client, jin, "invoice.recheck_requested", {"reason": "x"}, row["subject"], **named)
        assert told.status_code == status, told.json()
    unknown = {"refsystem": theirs["system"], "refid": "to come", "entity": "JP01"}
    assert say(client, jin, "invoice.cancelled", {"reason": "x"}, "u", **unknown).json()["code"] == "unaddressed"


def test_a_hold_by_hand_is_never_one_that_ends_with_a_bank_change(books: Books, client: Client) -> None:
    """Such a one was recorded, and held nothing."""
    supplier = case_of(books, "price_variance")["supplier_id"]
    data = {"supplier_id": supplier, "reason": "x", "change_id": "chg"}
    told = say(client, key_of(books, "rolf"), "supplier.payments_held", data, "1", subject=supplier)
    assert (told.status_code, told.json()["code"]) == (422, "bad_value")
