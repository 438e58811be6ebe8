"""Whose hands a document has been in: what the unit of work lets count, whatever way a fact came in."""

from collections.abc import Iterator
from datetime import timedelta
from itertools import combinations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace
from tests.engine.kit import START
from tests.engine.town import DEEDS, INVOICE, Town
from tests.processes.company import IBAN, ORDER, ORDER_SUBJECT, POLICY, SUPPLIER_ID, bill

from tieout.engine.intake import Delivery
from tieout.http.facts import ACTION_OF as TOLD_AT_THE_DOOR
from tieout.kernel.money import Money
from tieout.kernel.problem import Code, Problem
from tieout.model import facts as f
from tieout.model.documents import BankStatement, StatementEntry
from tieout.model.events import Message
from tieout.model.verdict import LineAssignment
from tieout.policy.controls import Control
from tieout.policy.duties import ACTIONS, CONFLICTS, Act, Identity, conflict_between, real_actors
from tieout.processes.hands import ACTION_OF

IDENTITIES = (
    Identity(person="anna", system="ap", name="lopez"),
    Identity(person="anna", system="tieout", name="svc"),
    Identity(person="bob", system="tieout", name="svc"),
    Identity(person="anna", system="mail"),
)
KNOWN = replace(POLICY, identities=IDENTITIES)


@pytest.mark.parametrize(
    ("deeds", "reason"),
    [
        pytest.param(
            [("enter_invoice", "person:anna"), ("accept_variance", "person:anna")],
            "anna did enter invoice on this document before and cannot accept variance: "
            "Nobody approves an invoice they entered.",
            id="own invoice",
        ),
        pytest.param(
            [("enter_invoice", "person:anna"), ("clear_duplicate", "person:ANNA")],
            "anna did enter invoice on this document before and cannot clear duplicate: "
            "Nobody approves an invoice they entered.",
            id="own duplicate",
        ),
        pytest.param(
            [("enter_invoice", "system:mail"), ("accept_variance", "person:anna")],
            "anna did enter invoice on this document before and cannot accept variance: "
            "Nobody approves an invoice they entered.",
            id="a connection she uses entered it",
        ),
        pytest.param(
            [("place_order", "erp:anna"), ("record_receipt", "procurement:anna")],
            "anna did place order on this document before and cannot record receipt: "
            "Nobody confirms the receipt of what they ordered.",
            id="across systems",
        ),
        pytest.param(
            [("record_receipt", "person:anna"), ("enter_invoice", "person:anna")],
            "anna did record receipt on this document before and cannot enter invoice: "
            "Whoever confirms receipts could invoice goods that never came.",
            id="the order's receipt",
        ),
        pytest.param(
            [("propose_supplier", "person:anna"), ("enter_invoice", "person:svc")],
            "anna did propose supplier on this document before and cannot enter invoice: "
            "Whoever maintains suppliers could invoice through a fictitious one.",
            id="an account several people use",
        ),
        pytest.param(
            [("enter_invoice", "person:anna"), ("request_bank_change", "person:anna")],
            "anna did enter invoice on this document before and cannot request bank change: "
            "Whoever maintains suppliers could invoice through a fictitious one.",
            id="the other way round",
        ),
        pytest.param(
            [("accept_variance", "person:anna"), ("handle_effect", "person:anna")],
            "anna did accept variance on this document before and cannot handle effect: "
            "A replay could repeat what the same person approved.",
            id="replay after approval",
        ),
        pytest.param(
            [("requeue_message", "person:anna"), ("accept_variance", "person:anna")],
            "anna did requeue message on this document before and cannot accept variance: "
            "A replay could repeat what the same person approved.",
            id="approval after a requeue",
        ),
        pytest.param(
            [("propose_payment", "person:anna"), ("release_payment", "person:svc")],
            "anna did propose payment on this document before and cannot release payment: "
            "Nobody releases a payment they proposed.",
            id="own run",
        ),
        pytest.param(
            [("request_bank_change", "person:anna"), ("confirm_bank_change", "person:anna")],
            "anna did request bank change on this document before and cannot confirm bank change: "
            "Whoever enters a bank change could approve it.",
            id="own bank change",
        ),
    ],
)  # fmt: skip
def test_what_duties_forbid_does_not_count(deeds: list[tuple[str, str]], reason: str) -> None:
    town = Town(KNOWN)
    (first, actor), (deed, again) = deeds
    if first not in ("enter_invoice", "propose_supplier", "place_order") and deed != "enter_invoice":
        town.do("enter_invoice", "system:ap")
    town.do(first, actor)
    town.do(deed, again)
    fact = DEEDS[deed][0]
    refused = f.DutiesRefused(
        action=ACTION_OF[type(fact)], told=fact.type, said=f.encode_fact(fact).decode(), reasons=(reason,)
    )
    assert town.refused() == [refused]
    assert town.cases() == [reason]
    assert town.rebuilds()


@pytest.mark.parametrize(
    ("actor", "approver"),
    [("person:anna", "bob"), ("system:ap", "anna"), ("system:ap", "person:lopez"), ("person:lopez", "person:lopez")],
)
def test_an_approval_is_an_act_of_its_approver_and_of_whoever_tells_it(actor: str, approver: str) -> None:
    town = Town(KNOWN)
    town.do("enter_invoice", "person:anna")
    town.do("decide_approval", actor, source="ap", approver=approver)
    assert [one.action for one in town.refused()] == ["decide_approval"]
    town.do("decide_approval", "person:carl", source="ap")
    assert len(town.refused()) == 1


def test_the_same_message_again_is_the_same_refusal() -> None:
    town = Town()
    town.do("enter_invoice", "person:anna")
    town.do("accept_variance", "person:anna")
    town.do("enter_invoice", "person:anna")
    assert len(town.refused()) == 1


def test_what_one_was_refused_another_may_tell_with_the_same_file() -> None:
    town = Town()
    town.do("record_receipt", "person:anna")
    for _ in range(2):
        town.do("enter_invoice", "person:anna")
    assert [one.action for one in town.refused()] == ["enter_invoice"]
    town.do("enter_invoice", "person:carl")
    assert [event.actor for event in town.events() if isinstance(event.data, f.InvoiceReceived)] == ["person:carl"]
    assert town.rebuilds()


def test_the_approver_who_then_records_the_missing_receipt_is_refused() -> None:
    town = Town()
    for deed, actor in [
        ("propose_supplier", "person:vera"),
        ("place_order", "person:otto"),
        ("enter_invoice", "person:carl"),
    ]:
        town.do(deed, actor)
    town.do("decide_approval", "person:anna")
    town.do("record_receipt", "person:anna")
    assert [one.action for one in town.refused()] == ["record_receipt"]
    town.do("record_receipt", "person:gerd")
    assert any(isinstance(event.data, f.InvoiceMatched) for event in town.events())


def test_an_invoice_remembers_under_which_policy_it_went_to_its_posting() -> None:
    town = Town()
    for deed, actor in [
        ("propose_supplier", "person:vera"),
        ("place_order", "person:otto"),
        ("record_receipt", "person:gerd"),
        ("enter_invoice", "person:carl"),
    ]:
        town.do(deed, actor)
    assert town.state("invoice", INVOICE).passed_under == ""
    town.do("decide_approval", "person:bob")
    assert town.state("invoice", INVOICE).passed_under == POLICY.version
    town.policy = replace(POLICY, approval_days=9)
    town.do("accept_variance", "person:bob")
    assert town.state("invoice", INVOICE).passed_under == POLICY.version
    assert town.rebuilds()


SEARCHED = replace(POLICY, matching=replace(POLICY.matching, search_orders=True))
UNNAMED = bill(lines=tuple(replace(line, order_id="", order_line_id="") for line in bill().lines))


@pytest.mark.parametrize(
    ("deed", "does"), [("place_order", "did place order"), ("record_receipt", "did record receipt")]
)
def test_an_invoice_without_an_order_number_stands_on_the_order_it_would_bill(deed: str, does: str) -> None:
    """Leaving the number out is no way around: whoever ordered or received does not invoice it."""
    for who, refused in [("person:anna", 1), ("person:carl", 0)]:
        town = Town(SEARCHED)
        town.do("propose_supplier", "person:vera")
        town.do("place_order", "person:anna" if deed == "place_order" else "person:otto")
        if deed == "record_receipt":
            town.do("record_receipt", "person:anna")
        town.tell(f.InvoiceReceived(invoice=UNNAMED, channel="mail"), INVOICE, who)
        assert len(town.refused()) == refused
        assert all(does in one.reasons[0] for one in town.refused())


def test_nobody_assigns_the_lines_of_an_invoice_to_the_order_they_placed() -> None:
    chosen = f.LinesAssigned(
        assignments=(LineAssignment("1", ORDER.order_id, ORDER.lines[0].line_id),), reason="it is this one"
    )
    for who, refused in [("person:anna", 1), ("person:otto", 0)]:
        town = Town()
        town.do("propose_supplier", "person:vera")
        town.do("place_order", "person:anna")
        town.tell(f.InvoiceReceived(invoice=UNNAMED, channel="mail"), INVOICE, "person:carl")
        town.tell(chosen, INVOICE, who)
        assert len(town.refused()) == refused


def test_two_accounts_of_one_person_are_one_confirmation_and_one_hold() -> None:
    """Anna also uses the account svc."""
    town = Town(KNOWN)
    for deed, actor in [
        ("propose_supplier", "person:vera"),
        ("request_bank_change", "person:vera"),
        ("confirm_bank_change", "person:anna"),
        ("confirm_bank_change", "person:svc"),
    ]:
        town.do(deed, actor)
    assert not any(isinstance(event.data, f.BankAccountChanged) for event in town.events())
    town.do("confirm_bank_change", "person:carl")
    assert any(isinstance(event.data, f.BankAccountChanged) for event in town.events())

    town.do("hold_payments", "person:anna")
    town.do("release_hold", "person:svc")
    assert [one.reasons for one in town.refused()] == [
        ("svc held payments to this supplier, as anna; somebody else must let go",)
    ]
    town.do("release_hold", "person:carl")
    assert len(town.refused()) == 1


@pytest.mark.parametrize("again_by", ["person:ines", "system:intake"])
def test_whoever_handed_a_document_in_tells_what_it_states_whenever_it_is_read(again_by: str) -> None:
    """Else a colleague's second try, or a crash, would make the invoice that Anna entered one that she may approve."""
    town = Town()
    message = Message(source="document", key="a/1", data=f.InvoiceReceived(invoice=bill(), channel="api"))
    readings = [
        Delivery("csv", (), (Problem(Code.UNKNOWN_ENTITY, "line 3"),), False),
        Delivery("csv", (message,), (), True),
    ]
    town.intake._read_document = lambda source, name, channel: readings.pop(0)
    answer = town.intake.document(b"a;b;c", name="a.csv", media_type="", channel="api", actor="person:anna")
    town.do("propose_supplier", "person:vera")
    assert town.intake.retry(answer.hash, again_by, "entity added").status == "accepted"
    town.do("place_order", "person:otto")
    assert [event.actor for event in town.events() if isinstance(event.data, f.InvoiceReceived)] == ["person:anna"]
    assert town.rebuilds()


CONTROL = Control(
    name="small site",
    duties=("GR", "IE"),
    person="anna",
    measure="the site manager compares delivery notes",
    reviewer="rita",
    valid_from=START.date(),
    valid_until=START.date().replace(year=2027),
    review_days=30,
    entities=("de",),
)


def test_a_control_in_force_lets_it_through_and_is_recorded_until_its_review_is_overdue() -> None:
    controlled = replace(POLICY, controls=(CONTROL,))
    town = Town(controlled)
    town.do("record_receipt", "person:anna")
    town.do("enter_invoice", "person:anna")
    assert town.compensated() == [f.DutiesCompensated(action="enter_invoice", controls=("small site",))]
    assert town.refused() == []

    late = Town(controlled)
    late.do("record_receipt", "person:anna")
    late.days_pass(31)
    for reviewer in ("person:anna", "system:rita"):
        review = f.ControlReviewed(control="small site", remark="all there")
        late.tell(review, "control/small site", reviewer)
    late.do("enter_invoice", "person:anna")
    assert [one.reasons[0].partition(". ")[2] for one in late.refused()] == [
        "The control 'small site' should have been reviewed by 2026-06-03; rita must review it first."
    ]

    reviewed = Town(controlled)
    reviewed.do("record_receipt", "person:anna")
    reviewed.days_pass(31)
    reviewed.tell(f.ControlReviewed(control="small site", remark="all there"), "control/small site", "person:Rita")
    reviewed.do("enter_invoice", "person:anna")
    assert (reviewed.refused(), len(reviewed.compensated())) == ([], 1)
    assert reviewed.rebuilds()


@pytest.mark.parametrize("duty", ["draft_policy", "approve_policy"])
@pytest.mark.parametrize("deed", ["accept_variance", "clear_duplicate", "release_payment", "release_hold"])
def test_who_wrote_the_policy_passes_nothing_under_it(duty: str, deed: str) -> None:
    town = Town(authors=(Act(duty, "person:anna"),))
    town.do("enter_invoice", "system:ap")
    town.do("propose_payment", "person:bob")
    town.do(deed, "person:anna")
    town.do(deed, "person:carl")
    assert [one.action for one in town.refused()] == [deed]


# ── whatever people do ─────────────────────────────────────────────────────────────────────────────────────────────

ACTORS = ["person:anna", "person:bob", "person:svc", "erp:anna", "system:mail", "system:ap", "person:lopez"]


SOMEBODY = st.sampled_from(ACTORS)
_AFTER = sorted({*DEEDS, "decide_approval"} - {"enter_invoice"})
BEFORE, AFTER = (
    st.lists(st.tuples(st.sampled_from(deeds), SOMEBODY), max_size=6)
    for deeds in (["propose_supplier", "request_bank_change", "place_order", "record_receipt"], _AFTER)
)


@settings(max_examples=80, deadline=None)
@given(before=BEFORE, enters=SOMEBODY, after=AFTER)
def test_no_sequence_of_what_counted_leaves_two_conflicting_duties_in_one_hand(
    before: list[tuple[str, str]], enters: str, after: list[tuple[str, str]]
) -> None:
    town = Town(KNOWN)
    for deed, actor in [*before, ("enter_invoice", enters)]:
        town.do(deed, actor, source="ap" if actor == "person:lopez" else "person")
    if not any(one.action == "enter_invoice" for one in town.refused()):
        for deed, actor in after:
            town.do(deed, actor, source="ap" if actor == "person:lopez" else "person")
    for (one, by, at), (other, again, there) in combinations(_counted(town), 2):
        conflict = conflict_between(ACTIONS[one], ACTIONS[other])
        if by & again and conflict is not None:
            assert at != there, f"{one} and {other} of {at} by {by & again}"
            fed = one == "enter_invoice" and enters == "system:mail"  # counts on the invoice, not on what it stands on
            standing = not fed and "enter_invoice" in (one, other) and {at, there} in _STANDING.get(conflict.name, ())
            assert not standing, f"{one} and {other} by {by & again}"
    assert town.rebuilds()


#: Pairs that must not meet across two documents either, whichever came first: the invoice stands on both.
_STANDING = {
    "VM-IE": [{SUPPLIER_ID, INVOICE}],
    "GR-IE": [{ORDER_SUBJECT, INVOICE}],
    "PO-IE": [{ORDER_SUBJECT, INVOICE}],
}


def _counted(town: Town) -> Iterator[tuple[str, frozenset[str], str]]:
    """What people did that counted, and on which document."""
    for event in town.events():
        if type(event.data) in ACTION_OF and event.source not in ("", "tieout"):
            named = {event.actor, event.data.approver} if isinstance(event.data, f.ApprovalDecided) else {event.actor}
            people = frozenset().union(*(real_actors(name, KNOWN.identities, event.source) for name in named))
            yield ACTION_OF[type(event.data)], people, event.subject


def test_every_fact_about_a_document_that_takes_a_conflicting_duty_is_looked_at() -> None:
    conflicting = {duty for one in CONFLICTS for duty in one.duties}
    #: What is about no document that two people share, or only informs.
    apart = {
        f.OrderResponded, f.GoodsDespatched, f.RunCancelRequested, f.EntriesNotified, f.RemittanceAdvised,
        f.InterchangeAcknowledged, f.DocumentAnswered, f.SendRequested, f.JournalRecorded, f.PeriodOpened,
        f.TaskChanged, f.AccrualRequested, f.CaseAsked, f.HoldsReported,
    }  # fmt: skip
    told = {kind for kind, action in TOLD_AT_THE_DOOR.items() if ACTIONS[action] in conflicting}
    assert told - set(ACTION_OF) == apart
    assert {kind: ACTION_OF[kind] for kind in told & set(ACTION_OF)} == {
        kind: TOLD_AT_THE_DOOR[kind] for kind in told & set(ACTION_OF)
    }


def _statement(fee: int, number: int, opening: int) -> f.StatementReceived:
    entry = StatementEntry(entry_id="E1", amount=Money(fee, "EUR"), booked_on=START.date())
    one = BankStatement(
        statement_id=f"S{number}",
        iban=IBAN,
        currency="EUR",
        opening=Money(opening, "EUR"),
        closing=Money(opening + fee, "EUR"),
        opened_on=START.date() + timedelta(days=number),
        closed_on=START.date() + timedelta(days=number),
        entries=(entry,),
    )
    return f.StatementReceived(statement=one, entity="de")


def test_the_log_in_which_the_bank_overruled_peoples_files_gives_the_same_books_again() -> None:
    town = Town()
    told = [
        ("system:bank", -1, 0, 100),
        ("person:bob", -2, 1, 99),
        ("person:bob", -3, 2, 97),
        ("person:bob", -3, 4, 90),
    ]
    told += [
        ("system:bank", -5, 1, 99),
        ("system:bank", -6, 2, 94),
        ("system:bank", -7, 3, 88),
        ("system:bank", -8, 4, 81),
    ]
    for actor, fee, number, opening in told:
        town.tell(_statement(fee, number, opening), IBAN, actor, "document")
    state = town.state("statement", IBAN)
    assert [(one.statement_id, one.told_by) for one in state.known] == [
        (f"S{number}", "system:bank") for number in (4, 3, 2, 1, 0)
    ]
    assert (state.closing, state.waiting, state.overruled) == (Money(73, "EUR"), (), ())
    assert town.rebuilds()
