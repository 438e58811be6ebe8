"""One supplier record everywhere, and no money to an account that was not confirmed."""

from datetime import date
from typing import Any

import pytest
from msgspec.structs import replace
from tests.processes.company import (
    IBAN,
    OTHER_IBAN,
    POLICY,
    PROCESSES,
    SUPPLIER,
    SUPPLIER_ID,
    bill,
    names,
    receive,
    story,
)
from tests.processes.story import Story

from tieout.kernel.problem import Code
from tieout.model.cases import CaseClass
from tieout.model.documents import BankAccount
from tieout.model.effects import UpsertSupplier, effect_id
from tieout.model.facts import (
    BankAccountChanged,
    BankChangeConfirmed,
    BankChangeRejected,
    BankChangeRequested,
    Outcome,
    PaymentsHeld,
    PaymentsReleased,
    SupplierProposed,
    SupplierRefused,
)
from tieout.policy.policy import EntityPolicy
from tieout.processes.case import case_id
from tieout.processes.supplier import held, upsert_id

ANNA, BEA, CARL, DORA = (f"person:{name}" for name in ("anna", "bea", "carl", "dora"))
ACCOUNT = BankAccount(iban=OTHER_IBAN, holder="Schrauben AG")
APPLIED = Outcome(status="applied", reference="S1")


def request(told: Story, actor: str = ANNA, change_id: str = "chg-1", account: BankAccount = ACCOUNT) -> list[Any]:
    fact = BankChangeRequested(change_id=change_id, supplier_id=SUPPLIER_ID, account=account, channel="email")
    return told.tell(fact, actor=actor)


def confirm(told: Story, actor: str, change_id: str = "chg-1") -> list[Any]:
    return told.tell(BankChangeConfirmed(change_id=change_id, supplier_id=SUPPLIER_ID), actor=actor)


def hold_of(told: Story) -> str:
    return held(told.state("supplier", SUPPLIER_ID))


def iban_of(told: Story) -> str:
    return told.state("supplier", SUPPLIER_ID).supplier.bank_account.iban


def bank_case(told: Story) -> Any:
    return told.state("case", case_id(CaseClass.BANK_CHANGE, SUPPLIER_ID))


# ── onboarding ─────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_valid_supplier_goes_to_every_erp_and_ap_platform_once() -> None:
    entities = {
        "de": EntityPolicy(name="DE", currency="EUR"),
        "us": EntityPolicy(name="US", currency="USD", erp="erp_us"),
    }
    told = Story(replace(POLICY, entities=entities), PROCESSES)
    assert names(told.tell(SupplierProposed(supplier=SUPPLIER))) == ["SupplierActivated"]
    assert [(one.connector, one.key, one.after) for one in told.asked(UpsertSupplier)] == [
        (system, f"{SUPPLIER_ID}/v1", "") for system in ("ap", "erp", "erp_us")
    ]
    assert told.tell(SupplierProposed(supplier=SUPPLIER)) == []


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"tax_id": "DE136695975"}, Code.BAD_TAX_ID),
        ({"tax_id": ""}, Code.BAD_TAX_ID),
        ({"name": " "}, Code.MISSING_FIELD),
        ({"bank_account": BankAccount(iban="DE88370400440532013000", holder="x")}, Code.BAD_IBAN),
    ],
)
def test_a_supplier_that_cannot_be_right_is_refused_with_a_case(changes: dict[str, Any], code: Code) -> None:
    told = story(supplier=False, order=False, received="0")
    refused, _ = told.tell(SupplierProposed(supplier=replace(SUPPLIER, **changes)))
    assert isinstance(refused, SupplierRefused)
    assert [problem.code for problem in refused.problems] == [code]
    assert told.cases() == {f"unknown_supplier {SUPPLIER_ID}": "open"}
    assert hold_of(told) == "the supplier is not active"
    told.tell(SupplierProposed(supplier=SUPPLIER))
    assert told.cases() == {f"unknown_supplier {SUPPLIER_ID}": "settled"}


def test_a_bad_update_leaves_a_good_record_as_it_is() -> None:
    told = story()
    told.tell(SupplierProposed(supplier=replace(SUPPLIER, name="")))
    state = told.state("supplier", SUPPLIER_ID)
    assert (state.status, state.supplier, state.version) == ("active", SUPPLIER, 1)


def test_a_new_version_waits_for_the_one_before_it_only_while_that_is_on_its_way() -> None:
    told = Story(POLICY, PROCESSES)
    for email in ("", "one@x.example", "two@x.example"):
        told.tell(SupplierProposed(supplier=replace(SUPPLIER, email=email)))
        if not email:
            told.settle(UpsertSupplier, f"{SUPPLIER_ID}/v1", APPLIED, "ap")
    told.settle(UpsertSupplier, f"{SUPPLIER_ID}/v3", Outcome(status="refused"), "ap")
    told.tell(SupplierProposed(supplier=SUPPLIER))
    v = {n: effect_id("ap", "upsert_supplier", f"{SUPPLIER_ID}/v{n}") for n in (1, 2, 3)}
    assert [one.after for one in told.asked(UpsertSupplier) if one.connector == "ap"] == ["", "", v[2], ""]


def test_documents_wait_for_the_version_that_is_on_its_way() -> None:
    told = Story(POLICY, PROCESSES)
    first = effect_id("erp", "upsert_supplier", f"{SUPPLIER_ID}/v1")
    assert upsert_id(None, SUPPLIER_ID, "erp") == first
    told.tell(SupplierProposed(supplier=SUPPLIER))
    assert upsert_id(told.state("supplier", SUPPLIER_ID), SUPPLIER_ID, "erp") == first
    told.settle(UpsertSupplier, f"{SUPPLIER_ID}/v1", APPLIED, "erp")
    assert upsert_id(told.state("supplier", SUPPLIER_ID), SUPPLIER_ID, "erp") == ""


def test_the_account_is_masked_on_pages() -> None:
    row = story().rows("supplier")[SUPPLIER_ID]
    assert row["iban_masked"] == "DE •••• 3000"
    assert IBAN not in str(row)
    assert row["systems"] == "ap, erp"


# ── bank changes ───────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_request_stops_payments_and_calls_people_with_masked_accounts() -> None:
    told = story()
    facts = request(told)
    assert names(facts) == ["PaymentsHeld", "CaseOpened"]
    assert hold_of(told) == "bank change chg-1 is not confirmed"
    reason = bank_case(told).case.reason
    assert "FR •••• 2606 instead of DE •••• 3000; requested by person:anna. 0 of 2 people confirmed." in reason
    assert IBAN not in reason
    assert OTHER_IBAN not in reason


def test_two_other_people_confirm_and_payments_wait_until_every_system_holds_it() -> None:
    told = story()
    request(told)
    confirm(told, BEA)
    assert "1 of 2 people confirmed (person:bea)" in bank_case(told).case.reason
    assert iban_of(told) == IBAN
    assert names(confirm(told, CARL)) == ["BankAccountChanged", "CaseSettled"]
    assert iban_of(told) == OTHER_IBAN
    assert bank_case(told).status == "settled"
    assert hold_of(told) == "bank change chg-1 has not reached ap, erp yet"
    assert told.settle(UpsertSupplier, f"{SUPPLIER_ID}/v2", APPLIED, "ap") == []
    assert hold_of(told) == "bank change chg-1 has not reached erp yet"
    released = told.settle(UpsertSupplier, f"{SUPPLIER_ID}/v2", APPLIED, "erp")
    assert released == [
        PaymentsReleased(supplier_id=SUPPLIER_ID, reason="bank change chg-1 is held by ap, erp", change_id="chg-1")
    ]
    assert hold_of(told) == ""


@pytest.mark.parametrize("status", ["refused", "dead"])
def test_a_failed_bank_detail_sync_stops_release_until_it_is_mended(status: str) -> None:
    told = story()
    request(told)
    confirm(told, BEA)
    confirm(told, CARL)
    told.settle(UpsertSupplier, f"{SUPPLIER_ID}/v2", APPLIED, "ap")
    told.settle(UpsertSupplier, f"{SUPPLIER_ID}/v2", Outcome(status=status), "erp")
    assert hold_of(told) == "erp did not take the supplier's latest details"
    assert [name for name, *_ in told.standings() if name == "unsynced"] == ["unsynced"]
    told.settle(UpsertSupplier, f"{SUPPLIER_ID}/v2", replace(APPLIED, cleared=True), "erp")
    assert hold_of(told) == ""
    assert [name for name, *_ in told.standings() if name == "unsynced"] == []


@pytest.mark.parametrize(
    ("actors", "note"),
    [
        ((ANNA, BEA), "person:anna requested the change and cannot confirm it"),
        (("person:Anna", BEA), "person:Anna requested the change and cannot confirm it"),
        ((BEA, BEA), "person:bea confirmed before; the same person counts once"),
        ((BEA, "person:BEA"), "person:BEA confirmed before; the same person counts once"),
        ((BEA, "system"), "system is not a person; only people confirm bank changes"),
        ((BEA, "key:portal"), "key:portal is not a person; only people confirm bank changes"),
    ],
)
def test_who_may_not_confirm_does_not_count_and_is_told_why(actors: tuple[str, ...], note: str) -> None:
    told = story()
    request(told)
    reasons = [confirm(told, actor) and bank_case(told).case.reason for actor in actors]
    assert any(note in reason for reason in reasons)
    assert iban_of(told) == IBAN
    assert hold_of(told) == "bank change chg-1 is not confirmed"
    assert told.state("supplier", SUPPLIER_ID).change.confirmed_by == (BEA,)


def test_a_rejected_change_keeps_the_old_account_and_lets_payments_go() -> None:
    told = story()
    request(told)
    confirm(told, BEA)
    fact = BankChangeRejected(change_id="chg-1", supplier_id=SUPPLIER_ID, reason="the supplier knows nothing of it")
    assert names(told.tell(fact, actor=CARL)) == ["CaseSettled", "PaymentsReleased"]
    assert (iban_of(told), hold_of(told)) == (IBAN, "")
    assert confirm(told, DORA) == []
    assert told.tell(fact, actor=CARL) == []
    assert iban_of(told) == IBAN


def test_a_second_request_needs_its_own_confirmations() -> None:
    told = story()
    request(told)
    confirm(told, BEA)
    request(told, DORA, "chg-2")
    assert confirm(told, CARL) == []  # of the first, which counts no more
    confirm(told, CARL, "chg-2")
    assert iban_of(told) == IBAN
    confirm(told, BEA, "chg-2")
    assert iban_of(told) == OTHER_IBAN


def test_the_same_request_with_another_account_loses_its_confirmations() -> None:
    told = story()
    request(told)
    confirm(told, BEA)
    other = BankAccount(iban="GB82WEST12345698765432", holder="Schrauben AG")
    request(told, ANNA, "chg-1", other)
    confirm(told, CARL)
    assert iban_of(told) == IBAN


def test_whoever_confirms_the_account_they_have_seen_does_not_confirm_one_that_was_put_in_its_place() -> None:
    """Asked for under the same id while both were on the telephone."""
    told = story()
    request(told)
    other = BankAccount(iban="GB82WEST12345698765432", holder="Schrauben AG")
    request(told, ANNA, "chg-1", other)
    change_id = told.state("supplier", SUPPLIER_ID).change.change_id
    assert hold_of(told) == f"bank change {change_id} is not confirmed"
    for person in (BEA, CARL):
        confirm(told, person, "chg-1")
    assert (iban_of(told), told.state("supplier", SUPPLIER_ID).change.confirmed_by) == (IBAN, ())
    request(told, ANNA, "chg-1", other)
    for person in (BEA, CARL):
        confirm(told, person, change_id)
    assert iban_of(told) == "GB82WEST12345698765432"
    assert hold_of(told) == f"bank change {change_id} has not reached ap, erp yet"


def test_an_account_that_cannot_be_right_is_never_taken() -> None:
    told = story()
    request(told, account=BankAccount(iban="DE00370400440532013000", holder="x"))
    confirm(told, BEA)
    confirm(told, CARL)
    assert iban_of(told) == IBAN
    assert [problem.code for problem in bank_case(told).case.problems] == [Code.BAD_IBAN]


def test_a_proposal_cannot_smuggle_new_bank_details_in() -> None:
    told = story()
    facts = told.tell(
        SupplierProposed(supplier=replace(SUPPLIER, bank_account=ACCOUNT, email="new@x.example")), actor=ANNA
    )
    assert names(facts) == ["SupplierActivated", "BankChangeRequested", "PaymentsHeld", "CaseOpened"]
    assert (iban_of(told), told.state("supplier", SUPPLIER_ID).supplier.email) == (IBAN, "new@x.example")
    change_id = told.state("supplier", SUPPLIER_ID).change.change_id
    confirm(told, ANNA, change_id)
    confirm(told, BEA, change_id)
    assert iban_of(told) == IBAN, "who proposed it is its requester"
    assert not any(isinstance(event.data, BankAccountChanged) for event in told.events)


# ── holds by people ────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_hold_is_lifted_by_another_person() -> None:
    told = story()
    told.tell(PaymentsHeld(supplier_id=SUPPLIER_ID, reason="dispute"), actor=ANNA)
    assert hold_of(told) == "held by person:anna: dispute"
    told.tell(PaymentsReleased(supplier_id=SUPPLIER_ID, reason="let me"), actor=ANNA)
    assert "another person than the one who held must release" in hold_of(told)
    told.tell(PaymentsReleased(supplier_id=SUPPLIER_ID, reason="over"), actor="system")
    assert "not a person" in told.rows("supplier")[SUPPLIER_ID]["hold_reason"]
    told.tell(PaymentsReleased(supplier_id=SUPPLIER_ID, reason="over"), actor=BEA)
    assert hold_of(told) == ""


def test_lifting_a_hold_does_not_lift_a_bank_change_and_the_other_way_round() -> None:
    told = story()
    request(told)
    told.tell(PaymentsHeld(supplier_id=SUPPLIER_ID, reason="dispute"), actor=ANNA)
    told.tell(PaymentsReleased(supplier_id=SUPPLIER_ID, reason="over"), actor=BEA)
    assert hold_of(told) == "bank change chg-1 is not confirmed"
    told.tell(PaymentsHeld(supplier_id=SUPPLIER_ID, reason="dispute"), actor=ANNA)
    told.tell(BankChangeRejected(change_id="chg-1", supplier_id=SUPPLIER_ID, reason="no"), actor=BEA)
    assert hold_of(told) == "held by person:anna: dispute"


@pytest.mark.parametrize("actor", [ANNA, BEA, "system"])
def test_saying_that_a_bank_change_is_through_does_not_make_it_so(actor: str) -> None:
    told = story()
    request(told)
    told.tell(PaymentsReleased(supplier_id=SUPPLIER_ID, reason="trust me", change_id="chg-1"), actor=actor)
    assert hold_of(told) == "bank change chg-1 is not confirmed"
    confirm(told, CARL)
    confirm(told, DORA)
    told.tell(PaymentsReleased(supplier_id=SUPPLIER_ID, reason="trust me", change_id="chg-1"), actor=actor)
    assert hold_of(told) == "bank change chg-1 has not reached ap, erp yet"


def test_waiting_invoices_are_looked_at_once() -> None:
    told = story(supplier=False)
    first, second = receive(told, bill("4")), receive(told, bill("4", number="R-101", issued_on=date(2026, 5, 9)))
    facts = told.tell(SupplierProposed(supplier=SUPPLIER))
    assert names(facts).count("RecheckRequested") == 2
    assert {told.state("invoice", one).status for one in (first, second)} == {"matched"}
    again = told.tell(SupplierProposed(supplier=replace(SUPPLIER, email="a@b.example")))
    assert "RecheckRequested" not in names(again)
