"""What experts try on a control system, one test each, through the doors that people and machines use.

The fifth of them, that a break of the evidence is detected, is ``tests/engine/test_proof.py``
(``test_any_changed_byte_of_the_log_is_found``, ``test_a_rewritten_chain_is_found_by_its_checkpoint``).
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from typing import Any

import msgspec
import pytest
from litestar.testing import TestClient
from msgspec.structs import replace
from tests.engine.authored import Authored
from tests.http.events import event, rows
from tests.http.test_deciding import act, case_of
from tests.web.books import POLICY, Books
from tests.web.fixtures import Client, key_of
from tests.web.serving import CHEAP, PASSWORD, door_of

from tieout.engine.derived import to_event
from tieout.engine.people import People
from tieout.engine.seal import read_partition
from tieout.kernel.errors import PermanentError
from tieout.model import facts as f
from tieout.policy.controls import Control, uncompensated
from tieout.policy.duties import Act, Identity
from tieout.policy.policy import Policy
from tieout.web.app import create_site


def hire(books: Books, name: str, *duties: str) -> dict[str, str]:
    """Somebody who holds all these duties, whatever stands against it; returns the headers of a key of theirs."""
    people = People(books.url, books.clock, hasher=CHEAP)
    people.add_person(name, name.title(), PASSWORD, duties, accept_conflicts=True)
    key = people.add_key(name, duties, accept_conflicts=True)
    people.close()
    return {"Authorization": f"Bearer {key}"}


@contextmanager
def site(books: Books, policy: Policy = POLICY, authors: tuple[Act, ...] = ()) -> Iterator[Client]:
    """The doors under another policy, which these people wrote."""
    door = door_of(books)
    door.policies = books.work._policies = Authored(policy, authors)
    with TestClient(create_site(door), raise_server_exceptions=False) as client:
        yield client


def entered_by(books: Books, key: dict[str, str], client: Client) -> dict[str, Any]:
    """A case about an invoice with a price that is too high, entered over the API by the owner of this key."""
    template = case_of(books, "price_variance")
    told = next(one for one in _events(books) if one.subject == template["document"] and _is(one, f.InvoiceReceived))
    # Of another season, so that it is no look-alike of the invoice it is made of.
    own = replace(told.data.invoice, number="OWN-1", issued_on=told.data.invoice.issued_on - timedelta(days=60))
    data = f.encode_fact(replace(told.data, invoice=own, system_id=""))
    body = event("invoice.received", msgspec.json.decode(data), id="own/1")
    assert client.post("/v1/events", json=body, headers=key).status_code == 202
    books.rest()
    return next(row for row in rows(books, "view_case") if "OWN-1" in row["reason"] and row["status"] == "open")


def _events(books: Books) -> list[Any]:
    return [to_event(row) for number in sorted(books.store.log_heads()) for row in read_partition(books.store, number)]


def _is(one: Any, kind: type) -> bool:
    return isinstance(one.data, kind)


def refusals(books: Books) -> list[tuple[str, str]]:
    return [(one.actor, one.data.action) for one in _events(books) if _is(one, f.DutiesRefused)]


# ── the assertions ─────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("action", ["accept_variance", "cancel_invoice"])
def test_a_creator_cannot_release_their_own(books: Books, client: Client, action: str) -> None:
    both = hire(books, "greta", "IE", "IA")
    case = entered_by(books, both, client)
    answer = act(client, both, case, action, reason="it is fine")
    assert (answer.status_code, answer.json()["code"]) == (403, "same_person")
    assert "Nobody approves an invoice they entered." in answer.json()["detail"]
    assert act(client, key_of(books, "ida"), case, action, reason="it is fine").status_code == 202


@pytest.mark.parametrize("kind", ["invoice.variance_accepted", "invoice.approval_decided", "invoice.duplicate_cleared"])
def test_a_creator_cannot_release_their_own_by_telling_a_fact_over_the_api(
    books: Books, client: Client, kind: str
) -> None:
    both = hire(books, "greta", "IE", "IA")
    case = entered_by(books, both, client)
    data = {"approved": True, "approver": "somebody"} if "approval" in kind else {"reason": "it is fine"}
    told = client.post("/v1/events", json=event(kind, data, id="a", subject=case["document"]), headers=both)
    assert (told.status_code, told.json()["code"]) == (403, "same_person")
    batch = [event(kind, data, id="b", subject=case["document"])]
    assert client.post("/v1/events:batch", json=batch, headers=both).json()["items"][0]["code"] == "same_person"
    books.rest()
    assert (
        next(row for row in rows(books, "view_invoice") if row["subject"] == case["document"])["status"] == "mismatched"
    )


def test_a_creator_cannot_release_their_own_in_the_same_moment(books: Books, client: Client) -> None:
    """Both facts are on their way before either is handled: the door cannot know, the unit of work does."""
    both = hire(books, "greta", "VM", "VB")
    supplier = case_of(books, "bank_change")["supplier_id"]
    account = {"iban": "DE89370400440532013000", "holder": "X", "currency": "EUR"}
    asked = {"change_id": "chg-own", "supplier_id": supplier, "account": account}
    confirmed = {"change_id": "chg-own", "supplier_id": supplier}
    for number, (kind, data) in enumerate(
        [("supplier.bank_change_requested", asked), ("supplier.bank_change_confirmed", confirmed)]
    ):
        assert client.post("/v1/events", json=event(kind, data, id=f"now/{number}"), headers=both).status_code == 202
    books.rest()
    assert refusals(books) == [("person:greta", "confirm_bank_change")]
    assert "approve it" in case_of(books, "duties_conflict")["reason"]


def test_replay_by_the_approver_is_denied_and_approval_by_the_replayer_too(books: Books, client: Client) -> None:
    both = hire(books, "greta", "RP", "IA")
    variance, failed = case_of(books, "price_variance"), case_of(books, "posting_failed")
    (effect,) = [
        one for one in rows(books, "effect") if one["subject"] == failed["document"] and one["status"] == "refused"
    ]
    ruled = act(client, both, failed, "redeliver", reason="mended", effect_id=effect["id"])
    assert ruled.status_code == 202, ruled.json()
    books.rest()
    approved = event("invoice.variance_accepted", {"reason": "x"}, id="a", subject=failed["document"])
    answer = client.post("/v1/events", json=approved, headers=both)
    assert (answer.status_code, answer.json()["code"]) == (403, "same_person")
    assert "A replay could repeat what the same person approved." in answer.json()["detail"]

    assert act(client, both, variance, "accept_variance", reason="agreed").status_code == 202
    books.rest()
    post = next(one for one in rows(books, "effect") if one["subject"] == variance["document"])
    again = client.post(f"/v1/effects/{post['id']}/redeliver", json={"reason": "again"}, headers=both)
    assert (again.status_code, again.json()["code"]) == (403, "same_person")
    assert "greta did accept variance on this document before and cannot redeliver" in again.json()["detail"]


@pytest.mark.parametrize("duty", ["draft_policy", "approve_policy"])
def test_whoever_loosened_the_policy_cannot_use_it(books: Books, duty: str) -> None:
    both = hire(books, "greta", "CF", "IA")
    with site(books, authors=(Act(duty, "person:greta"),)) as client:
        case = case_of(books, "price_variance")
        answer = act(client, both, case, "accept_variance", reason="within the new limit")
        assert (answer.status_code, answer.json()["code"]) == (403, "same_person")
        assert "loosen" in answer.json()["detail"]
        assert act(client, key_of(books, "ida"), case, "accept_variance", reason="seen").status_code == 202


def test_a_service_account_carries_the_sum_of_its_users_duties(books: Books) -> None:
    """Anna enters invoices herself, and uses the account of a machine that may approve: on one invoice that is one hand."""
    anna, machine = hire(books, "anna", "IE"), hire(books, "robot", "IA")
    known = replace(POLICY, identities=(Identity(person="anna", system="tieout", name="robot"),))
    with site(books, known) as client:
        case = entered_by(books, anna, client)
        answer = act(client, machine, case, "accept_variance", reason="automatic")
        assert (answer.status_code, answer.json()["code"]) == (403, "same_person")
        assert answer.json()["detail"].startswith("anna did enter invoice on this document before")


def test_a_key_whose_duties_conflict_is_refused_unless_a_control_covers_it(books: Books) -> None:
    control = Control(
        name="night run",
        duties=("GR", "IE"),
        person="robot",
        measure="every receipt is compared with the delivery note next morning",
        reviewer="ida",
        valid_from=date(2026, 1, 1),
        valid_until=date(2026, 12, 31),
        review_days=365,
    )
    people = People(books.url, books.clock, hasher=CHEAP)
    people.add_person("robot", "Robot", PASSWORD, ["GR", "IE"], accept_conflicts=True)
    with pytest.raises(PermanentError) as error:
        people.add_key("robot", ["GR", "IE"])
    assert str(error.value) == (
        "these duties must not be in one hand "
        "(GR with IE: Whoever confirms receipts could invoice goods that never came.)"
    )
    assert people.add_key("robot", ["GR"])
    assert people.add_key("robot", ["GR", "IE"], accept_conflicts=True)
    people.close()

    def uncovered(conflicts: Any, name: str, entities: Any) -> Any:
        return uncompensated(conflicts, name, (control,), {}, books.clock.now().date(), entities)

    covered = People(books.url, books.clock, hasher=CHEAP, uncovered=uncovered)
    assert covered.add_key("robot", ["GR", "IE"])
    covered.grant("robot", ["GR", "IE"])
    with pytest.raises(PermanentError, match="PO with GR"):
        covered.grant("robot", ["GR", "IE", "PO"])
    covered.add_person("other", "Other", PASSWORD, ["GR"])
    with pytest.raises(PermanentError, match="GR with IE"):
        covered.grant("other", ["GR", "IE"])
    covered.close()
