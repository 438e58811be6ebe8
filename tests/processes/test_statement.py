"""The chain of an account's statements: nothing is taken twice, nothing is skipped, every entry finds its place."""

from datetime import date, timedelta
from itertools import pairwise

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace
from tests.processes.story import Story

from tieout.kernel.ids import fingerprint
from tieout.kernel.money import Money
from tieout.kernel.problem import Code, Problem
from tieout.model.documents import BankStatement, StatementEntry
from tieout.model.effects import BookStatement, effect_id
from tieout.model.facts import (
    CaseOpened,
    CaseSettled,
    EntriesNotified,
    EntryExplained,
    EntryUnmatched,
    Fact,
    GapAccepted,
    PaymentEntryBooked,
    StatementAccepted,
    StatementGapFound,
    StatementOverruled,
    StatementReceived,
    account_home,
)
from tieout.policy.policy import EntityPolicy, Policy
from tieout.processes import case, statement
from tieout.processes.process import Intent
from tieout.processes.statement.state import WAITING_MAX
from tieout.processes.statement.unmatched import UNMATCHED_MAX

IBAN = "DE89370400440532013000"
FIRST = date(2026, 5, 4)
POLICY = Policy(entities={"de": EntityPolicy(name="Acme GmbH", currency="EUR", iban=IBAN, erp="tryton")})


def eur(minor: int) -> Money:
    return Money(minor, "EUR")


def entry(entry_id: str, minor: int, end_to_end_id: str = "", **more: str) -> StatementEntry:
    return StatementEntry(entry_id=entry_id, amount=eur(minor), booked_on=FIRST, end_to_end_id=end_to_end_id, **more)


def day(
    number: int, opening: int, *entries: StatementEntry, closing: int | None = None, name: str = ""
) -> BankStatement:
    """The statement of the given day, counted from the first; its sums are right unless told otherwise."""
    booked = sum(one.amount.minor for one in entries if one.status == "BOOK")
    return BankStatement(
        statement_id=name or f"S{number}",
        iban=IBAN,
        currency="EUR",
        opening=eur(opening),
        closing=eur(opening + booked if closing is None else closing),
        opened_on=FIRST + timedelta(days=number),
        closed_on=FIRST + timedelta(days=number),
        entries=entries,
    )


def story() -> Story:
    story = Story(POLICY, (statement.PROCESS, statement.ENTRY, case.PROCESS))
    story.links["bank", "pay-a"] = ("supplier/sup_1", "pay-a")
    story.links["bank", "pay-b"] = ("supplier/sup_2", "pay-b")
    return story


def hear(told: Story, *statements: BankStatement) -> list[Fact]:
    facts: list[Fact] = []
    for one in statements:
        facts += told.tell(StatementReceived(statement=one, entity="de"), entity="de")
    return facts


def accepted(told: Story) -> list[str]:
    return [event.data.statement_id for event in told.events if isinstance(event.data, StatementAccepted)]


PAID = entry("E1", -11_900, "pay-a", bank_reference="B1")
FEE = entry("E2", -500, "NOTPROVIDED", counterparty="The bank", remittance="Monthly fee")
PENDING = entry("E3", -900, "pay-b", status="PDNG")


def test_a_booked_entry_goes_to_the_payment_that_it_names_and_the_statement_to_the_erp() -> None:
    told = story()
    first = day(0, 20_000, PAID, PENDING)
    assert hear(told, first) == [
        StatementAccepted(statement_id="S0"),
        PaymentEntryBooked(entry=PAID, statement_id="S0", told_by="system"),
    ]
    assert told.events[-1].subject == "pay-a"
    payload = BookStatement(entity="de", statement=first)
    assert told.asked(BookStatement) == [Intent(connector="tryton", payload=payload, key=f"{IBAN}/S0", entity="de")]
    assert told.rows("account") == {
        IBAN: {
            "entity": "de",
            "currency": "EUR",
            "statement_id": "S0",
            "closing_minor": 8_100,
            "closed_on": "2026-05-04",
            "gaps": 0,
            "unmatched": 0,
        }
    }


def test_each_statement_is_booked_after_the_one_before_it() -> None:
    told = story()
    hear(told, day(0, 0), day(1, 0, entry("E1", 5)))
    assert [intent.after for intent in told.asked(BookStatement)] == [
        "",
        effect_id("tryton", "book_statement", f"{IBAN}/S0"),
    ]


def test_the_same_statement_again_changes_nothing() -> None:
    told = story()
    hear(told, day(0, 20_000, PAID), day(1, 8_100))
    before = told.state("statement", IBAN)
    assert hear(told, day(0, 20_000, PAID), day(1, 8_100)) == []
    assert told.state("statement", IBAN) == before


def test_another_content_under_a_known_id_is_not_taken_and_somebody_looks_at_it() -> None:
    told = story()
    hear(told, day(0, 20_000, PAID))
    before = told.state("statement", IBAN)
    problem = Problem(
        Code.STATEMENT_DISAGREES,
        "S0",
        detail="another content was received under the same id before; nothing was taken from this one",
    )
    assert hear(told, day(0, 20_000, FEE))[0] == StatementGapFound(statement_id="S0", problems=(problem,))
    assert told.state("statement", IBAN) == before
    assert told.cases() == {f"statement_gap {IBAN}/S0": "open"}
    assert told.standings() == set()


def test_a_statement_that_does_not_continue_waits_for_the_missing_one() -> None:
    told = story()
    hear(told, day(0, 10_000))
    detail = "statement S0 closed with 100.00 EUR; a statement is probably missing between them"
    problem = Problem(
        Code.STATEMENT_GAP, "S2", "100.00 EUR or later than 2026-05-04", "80.00 EUR on 2026-05-06", detail=detail
    )
    found = hear(told, day(2, 8_000, PAID))
    assert found[0] == StatementGapFound(statement_id="S2", problems=(problem,))
    assert [type(fact) for fact in found] == [StatementGapFound, CaseOpened]
    assert told.standings() == {("statement_gap", "de", "2026-05", IBAN, "-20.00 EUR")}
    assert told.rows("account")[IBAN]["gaps"] == 1

    missing = hear(told, day(1, 10_000, entry("E9", -2_000, "pay-b")))
    assert [fact for fact in missing if not isinstance(fact, CaseOpened)] == [
        StatementAccepted(statement_id="S1"),
        StatementAccepted(statement_id="S2"),
        CaseSettled(resolution="the chain is whole again up to statement S2"),
        PaymentEntryBooked(entry=entry("E9", -2_000, "pay-b"), statement_id="S1", told_by="system"),
        PaymentEntryBooked(entry=PAID, statement_id="S2", told_by="system"),
    ]
    assert told.standings() == set()
    assert told.cases() == {f"statement_gap {IBAN}": "settled"}


@pytest.mark.parametrize(("closed", "period"), [(date(2026, 5, 30), "2026-05"), (date(2026, 5, 31), "2026-06")])
def test_a_gap_stands_in_the_period_of_the_first_day_that_is_not_known(closed: date, period: str) -> None:
    told = story()
    last = (closed - FIRST).days
    hear(told, day(last, 10_000), day(last + 3, 8_000))
    assert told.standings() == {("statement_gap", "de", period, IBAN, "-20.00 EUR")}


def test_of_two_gaps_one_is_not_both() -> None:
    told = story()
    hear(told, day(0, 10_000), day(2, 8_000), day(4, 6_000))
    hear(told, day(1, 10_000, entry("E1", -2_000, "pay-a")))
    assert accepted(told) == ["S0", "S1", "S2"]
    assert told.cases() == {f"statement_gap {IBAN}": "open"}
    assert told.rows("account")[IBAN]["gaps"] == 1


def test_a_statement_that_reaches_back_before_the_last_one_ended_does_not_continue_it() -> None:
    told = story()
    hear(told, day(5, 10_000))
    overlapping = replace(day(6, 10_000), opened_on=FIRST)
    assert [type(fact) for fact in hear(told, overlapping)] == [StatementGapFound, CaseOpened]
    assert accepted(told) == ["S5"]


def test_a_person_may_go_on_without_the_missing_statement() -> None:
    told = story()
    hear(told, day(0, 10_000), day(2, 8_000), day(3, 8_000))
    told.tell(GapAccepted(iban=IBAN, statement_id="S2", reason="bank migration"), IBAN, account_home(IBAN), entity="de")
    assert accepted(told) == ["S0", "S2", "S3"]
    assert told.cases() == {f"statement_gap {IBAN}": "settled"}
    assert told.standings() == set()


def test_a_statement_that_contradicts_itself_is_refused_until_a_right_one_comes() -> None:
    told = story()
    hear(told, day(0, 10_000))
    wrong = day(1, 10_000, PAID, closing=9_999)
    problem = Problem(
        Code.STATEMENT_DISAGREES,
        "S1",
        "-19.00 EUR",
        "99.99 EUR",
        detail="its opening balance and its entries do not give its closing balance",
    )
    assert hear(told, wrong)[0] == StatementGapFound(statement_id="S1", problems=(problem,))
    assert hear(told, wrong) == []
    assert told.standings() == {("statement_gap", "de", "2026-05", IBAN, "0.00 EUR")}
    hear(told, day(1, 10_000, PAID))
    assert accepted(told) == ["S0", "S1"]
    assert told.standings() == set()
    assert told.cases() == {f"statement_gap {IBAN}": "settled"}


def test_a_statement_in_another_currency_is_refused() -> None:
    told = story()
    dollars = StatementEntry(entry_id="E1", amount=Money(5, "USD"), booked_on=FIRST)
    odd = BankStatement(
        statement_id="S0",
        iban=IBAN,
        currency="EUR",
        opening=eur(0),
        closing=eur(5),
        opened_on=FIRST,
        closed_on=FIRST,
        entries=(dollars,),
    )
    assert hear(told, odd)[0] == StatementGapFound(
        statement_id="S0", problems=(Problem(Code.CURRENCY_MISMATCH, "S0", "EUR", "EUR, USD"),)
    )


def test_an_unknown_statement_from_before_the_chain_is_not_taken() -> None:
    told = story()
    hear(told, day(5, 10_000))
    before = told.state("statement", IBAN)
    found = hear(told, day(3, 10_000, PAID))
    assert [type(fact) for fact in found] == [StatementGapFound, CaseOpened]
    assert told.state("statement", IBAN) == before
    assert told.cases() == {f"statement_gap {IBAN}/S3": "open"}


def test_a_late_statement_that_moved_nothing_is_inserted_and_its_entries_are_taken() -> None:
    told = story()
    swept = day(1, 10_000, PAID, entry("E2", 11_900, "pay-b"))
    hear(told, day(0, 10_000), day(2, 10_000))
    assert hear(told, swept)[0] == StatementAccepted(statement_id="S1")
    assert [event.subject for event in told.events if isinstance(event.data, PaymentEntryBooked)] == ["pay-a", "pay-b"]
    state = told.state("statement", IBAN)
    assert (state.statement_id, [one.statement_id for one in state.known]) == ("S2", ["S2", "S1", "S0"])
    assert hear(told, swept) == []
    assert told.cases() == {}


def test_no_more_wait_than_a_month_of_days() -> None:
    told = story()
    hear(told, day(0, 0), *(day(number, 10_000 + number) for number in range(2, 40)))
    assert len(told.state("statement", IBAN).waiting) == WAITING_MAX


def test_what_explains_no_payment_of_ours_is_a_case_that_stands_until_it_is_settled() -> None:
    told = story()
    found = hear(told, day(0, 10_000, FEE))
    document = f"{IBAN}/S0/E2"
    assert found[1] == EntryUnmatched(iban=IBAN, entity="de", statement_id="S0", entry=FEE)
    problem = Problem(Code.ENTRY_UNMATCHED, "E2", "a payment of ours", "-5.00 EUR", detail="The bank Monthly fee")
    assert isinstance(found[2], CaseOpened)
    assert (found[2].case.problems, found[2].case.amount) == ((problem,), eur(-500))
    assert told.standings() == {("unmatched_entry", "de", "2026-05", document, "-5.00 EUR")}
    assert told.rows("account")[IBAN]["unmatched"] == 1

    subject = case.case_id(found[2].case.case_class, document)
    settled = CaseSettled(resolution="bank fee, booked")
    assert told.tell(settled, subject, account_home(IBAN), actor="person:tom") == [
        EntryExplained(statement_id="S0", entry_id="E2")
    ]
    assert told.tell(settled, subject, account_home(IBAN), actor="person:tom") == []
    assert told.standings() == set()
    assert told.rows("account")[IBAN]["unmatched"] == 0


def test_more_unmatched_entries_than_people_can_work_go_together_as_one() -> None:
    told = story()
    entries = tuple(entry(f"E{n}", n) for n in range(1, UNMATCHED_MAX + 4))
    hear(told, day(0, 0, *entries))
    assert told.rows("account")[IBAN]["unmatched"] == UNMATCHED_MAX + 1
    assert ("unmatched_entry", "de", "2026-05", f"{IBAN}/S0/rest", "3.06 EUR") in told.standings()


def test_a_notification_is_told_to_payments_before_any_statement_came() -> None:
    told = story()
    notified = EntriesNotified(iban=IBAN, entity="de", entries=(PAID, PENDING, FEE))
    assert told.tell(notified, entity="de") == [PaymentEntryBooked(entry=PAID, statement_id="", told_by="system")]
    assert told.cases() == {}


BANK, BOB = "system:dresdner", "person:bob"


def load(told: Story, actor: str, *statements: BankStatement) -> list[Fact]:
    facts: list[Fact] = []
    for one in statements:
        facts += told.tell(StatementReceived(statement=one, entity="de"), entity="de", actor=actor)
    return facts


def ends_with(told: Story) -> tuple[list[str], Money | None, list[str], int]:
    """The chain and who told each of it, how it closes, and how many wait."""
    state = told.state("statement", IBAN)
    known = [f"{one.statement_id} {one.told_by}" for one in reversed(state.known)]
    return known, state.closing, [one.statement_id for one in state.overruled], len(state.waiting)


def test_the_banks_own_statement_counts_and_not_what_a_person_had_loaded_under_its_number() -> None:
    told = story()
    false, true = day(1, 20_000, FEE), day(1, 20_000, PAID)
    load(told, BANK, day(0, 20_000))
    load(told, BOB, false)
    detail = (
        "bob had loaded another content under this number. The bank's own counts now. See which payments and cases "
        "rest on the other, and correct what the ERP has booked of it"
    )
    problem = Problem(Code.STATEMENT_DISAGREES, "S1", "81.00 EUR", "195.00 EUR", detail=detail)
    facts = load(told, BANK, true)
    assert [fact for fact in facts if not isinstance(fact, CaseOpened)] == [
        StatementOverruled(statement=true, loaded_by=BOB),
        StatementAccepted(statement_id="S1"),
        PaymentEntryBooked(entry=PAID, statement_id="S1", told_by=BANK, instead=True),
    ]
    assert [fact.case.problems for fact in facts if isinstance(fact, CaseOpened)] == [(problem,)]
    assert ends_with(told) == ([f"S0 {BANK}", f"S1 {BANK}"], eur(8_100), [], 0)
    load(told, BANK, day(2, 8_100))
    assert ends_with(told) == ([f"S0 {BANK}", f"S1 {BANK}", f"S2 {BANK}"], eur(8_100), [], 0)
    assert told.cases() == {f"statement_gap {IBAN}/S1": "open", f"unmatched_entry {IBAN}/S1/E2": "open"}


def test_told_again_neither_the_bank_nor_the_person_changes_anything_more() -> None:
    told = story()
    load(told, BOB, day(0, 20_000, FEE))
    load(told, BANK, day(0, 20_000, PAID))
    before = told.state("statement", IBAN)
    assert load(told, BANK, day(0, 20_000, PAID)) == []
    load(told, BOB, day(0, 20_000, FEE))
    assert told.state("statement", IBAN) == before


@pytest.mark.parametrize(("first", "second"), [(BOB, "person:carl"), (BANK, BOB), (BANK, "system:other")])
def test_nobody_else_overrules(first: str, second: str) -> None:
    told = story()
    load(told, first, day(0, 20_000, FEE))
    before = told.state("statement", IBAN)
    assert [type(fact) for fact in load(told, second, day(0, 20_000, PAID))] == [StatementGapFound, CaseOpened]
    assert told.state("statement", IBAN) == before


def test_a_statement_of_the_bank_that_contradicts_itself_overrules_nothing() -> None:
    told = story()
    load(told, BOB, day(0, 20_000, FEE))
    assert [type(fact) for fact in load(told, BANK, day(0, 20_000, PAID, closing=1))] == [StatementGapFound, CaseOpened]
    assert ends_with(told) == ([f"S0 {BOB}"], eur(19_500), [], 0)


def test_files_that_were_built_on_an_overruled_one_leave_with_it_and_the_banks_own_come_in_their_place() -> None:
    told = story()
    load(told, BANK, day(0, 20_000))
    load(told, BOB, day(1, 20_000, FEE), day(2, 19_500), day(3, 19_500))
    facts = load(told, BANK, day(1, 20_000, PAID))
    opened = next(fact.case for fact in facts if isinstance(fact, CaseOpened))
    assert opened.reason.endswith("; set aside with it, until the bank's own come: S2, S3")
    assert ends_with(told) == ([f"S0 {BANK}", f"S1 {BANK}"], eur(8_100), ["S3", "S2"], 0)
    load(told, BANK, day(2, 8_100), day(3, 8_100))
    assert ends_with(told) == ([f"S{number} {BANK}" for number in range(4)], eur(8_100), [], 0)


def test_the_chain_never_goes_back_behind_a_statement_of_the_bank() -> None:
    told = story()
    load(told, BOB, day(0, 20_000, FEE))
    load(told, BANK, day(1, 19_500))
    load(told, BANK, day(0, 20_000, PAID))
    assert accepted(told) == ["S0", "S1", "S0"]
    assert ends_with(told) == ([f"S0 {BANK}", f"S1 {BANK}"], eur(19_500), [], 0)


def test_a_file_with_the_banks_balances_is_replaced_where_it_stands_and_what_follows_stays() -> None:
    """The usual one: the same statement in another format."""
    told = story()
    load(told, BOB, day(0, 20_000, FEE), day(1, 19_500))
    other = replace(FEE, remittance="Fee of May")
    load(told, BANK, day(0, 20_000, other))
    assert ends_with(told) == ([f"S0 {BANK}", f"S1 {BOB}"], eur(19_500), [], 0)
    assert told.cases() == {f"statement_gap {IBAN}/S0": "open", f"unmatched_entry {IBAN}/S0/E2": "open"}
    assert told.rows("account")[IBAN]["unmatched"] == 1


def test_another_entry_under_the_same_id_is_a_case_of_its_own() -> None:
    told = story()
    load(told, BOB, day(0, 20_000, FEE))
    load(told, BANK, day(0, 20_000, entry("E2", -700)))
    assert told.standings() == {
        ("unmatched_entry", "de", "2026-05", f"{IBAN}/S0/E2", "-5.00 EUR"),
        ("unmatched_entry", "de", "2026-05", f"{IBAN}/S0/E2/bank", "-7.00 EUR"),
    }
    assert told.rows("account")[IBAN]["unmatched"] == 2


def test_a_file_that_waits_behind_a_gap_is_overruled_too() -> None:
    told = story()
    load(told, BANK, day(0, 20_000))
    load(told, BOB, day(2, 15_000, FEE))
    load(told, BANK, day(2, 15_000, PAID))
    assert ends_with(told) == ([f"S0 {BANK}"], eur(20_000), ["S2"], 1)
    load(told, BANK, day(1, 20_000, entry("E1", -5_000, "pay-b")))
    assert ends_with(told) == ([f"S0 {BANK}", f"S1 {BANK}", f"S2 {BANK}"], eur(3_100), [], 0)


MOVES = st.lists(st.integers(-5_000, 5_000).filter(bool), min_size=1, max_size=7)


@settings(max_examples=60, deadline=None)
@given(MOVES, st.data())
def test_whatever_order_they_come_in_the_chain_is_taken_once_and_in_order(
    moves: list[int], data: st.DataObject
) -> None:
    """The first is known; the others come in any order, some of them again."""
    balances = [10_000]
    for move in moves:
        balances.append(balances[-1] + move)
    days = [day(0, 10_000)]
    days += [day(n, balances[n - 1], entry(f"E{n}", move)) for n, move in enumerate(moves, 1)]
    order = data.draw(st.permutations(days[1:]))
    again = data.draw(st.lists(st.sampled_from(days)))
    told = story()
    hear(told, days[0], *order, *again)
    taken = [days[int(name[1:])] for name in accepted(told)]
    assert len(set(accepted(told))) == len(taken)
    assert all(after.opening == before.closing for before, after in pairwise(taken))
    state = told.state("statement", IBAN)
    if len(set(balances)) == len(balances):  # otherwise two days may look alike, and a gap cannot be seen
        assert [one.statement_id for one in taken] == [one.statement_id for one in days]
        assert state.closing == days[-1].closing
        assert told.standings() == {
            ("unmatched_entry", "de", "2026-05", f"{IBAN}/S{n}/E{n}", str(eur(move))) for n, move in enumerate(moves, 1)
        }


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(0, 5_000), min_size=1, max_size=7), st.data())
def test_an_account_that_is_swept_every_day_takes_every_statement_in_any_order(
    moves: list[int], data: st.DataObject
) -> None:
    days = [day(0, 0)]
    days += [day(n, 0, *_sweep(n, move)) for n, move in enumerate(moves, 1)]
    told = story()
    hear(told, days[0], *data.draw(st.permutations(days[1:])), *data.draw(st.lists(st.sampled_from(days))))
    assert sorted(accepted(told)) == [one.statement_id for one in days]
    assert [one.statement_id for one in reversed(told.state("statement", IBAN).known)] == sorted(accepted(told))
    assert told.cases() == {
        f"unmatched_entry {IBAN}/S{n}/E{n}{way}": "open" for n, move in enumerate(moves, 1) if move for way in "ab"
    }


def _sweep(number: int, move: int) -> list[StatementEntry]:
    return [entry(f"E{number}a", move), entry(f"E{number}b", -move)] if move else []


@pytest.mark.parametrize("wrong", [-1, 1, 100])
def test_no_statement_is_taken_whose_sum_is_off(wrong: int) -> None:
    told = story()
    hear(told, day(0, 10_000, PAID, closing=-1_900 + wrong))
    assert accepted(told) == []
    assert told.asked(BookStatement) == []


@settings(max_examples=100, deadline=None)
@given(MOVES, st.data())
def test_whatever_people_load_under_its_numbers_the_bank_has_the_last_word(
    moves: list[int], data: st.DataObject
) -> None:
    """Before each statement of the bank a person loads anything for the days to come. A file that runs ahead may keep
    the bank's waiting, until the bank comes to that day."""
    told = story()
    load(told, BANK, day(0, 10_000))
    own, balance = [], 10_000
    for number, move in enumerate(moves, 1):
        for ahead in range(number, min(number + data.draw(st.integers(0, 3)), len(moves) + 1)):
            opening = data.draw(st.sampled_from([balance, 10_000, 1]))
            load(told, BOB, day(ahead, opening, entry(f"F{ahead}", data.draw(st.sampled_from([move, 7, -7])), "pay-a")))
        own.append(day(number, balance, entry(f"E{number}", move, "pay-b")))
        load(told, BANK, own[-1])
        balance += move
    state = told.state("statement", IBAN)
    marks = {one.statement_id: (one.mark, one.told_by) for one in state.known}
    held = {one.statement_id: (fingerprint(msgspec.json.encode(one))[:16], BANK) for one in own}
    assert {name: marks.get(name) for name in held} == held
    told_by_bank = [
        event.data.entry.entry_id
        for event in told.events
        if isinstance(event.data, PaymentEntryBooked) and event.data.told_by == BANK
    ]
    assert sorted(told_by_bank) == sorted(f"E{number}" for number in range(1, len(moves) + 1))
