"""What makes two invoices one claim, and what only looks like it."""

from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace
from tests.processes.company import OTHER_IBAN, SUPPLIER_ID, TAX_ID, bill, eur, without_order

from tieout.kernel.money import Money
from tieout.matching.duplicates import (
    Candidate,
    Criterion,
    DuplicateRules,
    Fingerprint,
    Index,
    Likeness,
    Lookalike,
    candidates,
    compare,
    fingerprint_of,
    keys_of,
    likeness,
    looks,
    normal_number,
    related,
    taught_by,
)
from tieout.matching.duplicates.fingerprint import account_digest
from tieout.matching.duplicates.index import bucket
from tieout.model.documents import Invoice, InvoiceKind
from tieout.model.identity import supplier_id_of

RULES = DuplicateRules()
DAY = date(2026, 5, 3)
OTHER_SUPPLIER = supplier_id_of("FR40303265045")
CREDIT_NOTE = InvoiceKind.CREDIT_NOTE


def print_of(invoice: Invoice, name: str = "first", received_at: int = 1, **more: Any) -> Fingerprint:
    return fingerprint_of(name, invoice, received_at, **more)


def found(new: Invoice, *known: Invoice | Fingerprint, rules: DuplicateRules = RULES) -> list[tuple[str, str, str]]:
    """Layer, verdict and what explains it, of all that is found."""
    return [(one.layer, one.verdict, one.explained) for one in all_found(new, *known, rules=rules)]


def all_found(new: Invoice, *known: Invoice | Fingerprint, rules: DuplicateRules = RULES) -> tuple[Candidate, ...]:
    prints = [
        one if isinstance(one, Fingerprint) else print_of(one, f"known-{number}", number)
        for number, one in enumerate(known)
    ]
    return candidates(new, prints, rules)


def only(new: Invoice, *known: Invoice | Fingerprint, rules: DuplicateRules = RULES) -> Candidate:
    (one,) = all_found(new, *known, rules=rules)
    return one


# ── what an expert will ask ────────────────────────────────────────────────────────────────────────────────────────


def test_transposed_digits() -> None:
    one = only(without_order(number="R-1021"), without_order(number="R-1012"))
    assert (one.layer, one.verdict, one.score) == ("three_of_four", "suspect", 100)
    assert (
        one.reason == "two characters of the number changed places, the same supplier, the same amount, the same date"
    )
    later = without_order(number="R-1021", issued_on=DAY + timedelta(days=3), gross=eur("119.60"))
    assert found(later, without_order(number="R-1012")) == [("near", "suspect", "")]


@pytest.mark.parametrize("number", ["000R-100", "R 100", "r–100", " r-1 0 0"])
def test_leading_zeros(number: str) -> None:
    assert found(without_order(number=number), without_order(number="R-100")) == [("exact", "block", "")]


def test_cross_entity() -> None:
    one = only(without_order(entity="fr"), without_order())
    assert (one.layer, one.verdict, one.score) == ("cross_entity", "suspect", 90)
    assert one.criteria[-1] == said("entity", "billed to another entity", -20, "fr", "de")
    assert found(without_order(entity="fr", number="X-9"), without_order()) == []


def test_credit_and_reinvoice_is_not_flagged() -> None:
    first = without_order(number="R-100")
    credit = without_order(number="C-7", kind=CREDIT_NOTE, credits_number="r100", issued_on=DAY + timedelta(days=2))
    again = without_order(number="R-100A")
    assert found(again, first) == [("three_of_four", "suspect", "")]
    assert found(again, first, credit) == [("three_of_four", "none", "a credit note has taken one of them back")]
    assert found(credit, first) == []


def test_recurring_rent_is_not_flagged() -> None:
    january, february, march = (rent(month) for month in (1, 2, 3))
    same = replace(rent(3), number="RENT-3")
    assert found(march, february, january) == []
    lower = replace(RULES, suspect_score=50)
    assert found(march, february, rules=lower) == [("near", "suspect", "")]
    assert found(march, february, january, rules=lower) == [("near", "none", "equal amounts at a regular interval")]
    assert found(same, march, february, january) == [("three_of_four", "suspect", "")]


def rent(month: int) -> Invoice:
    return without_order(number=f"M-2026-{month:02}", issued_on=date(2026, month, 1))


# ── other look-alikes, and other doubles ───────────────────────────────────────────────────────────────────────────


def test_instalments_that_say_so_are_not_flagged() -> None:
    def part(number: int) -> Invoice:
        return described(without_order(number=f"R-50{number}"), f"Instalment {number} of 3")

    assert found(part(2), part(1)) == []
    assert found(described(part(2), "Machine"), described(part(1), "Machine")) == [("three_of_four", "suspect", "")]


def test_one_delivery_split_over_invoices_of_other_lines_is_not_flagged() -> None:
    assert found(bill(number="R-102", order_line_id="2"), bill(number="R-101", order_line_id="1")) == []


def test_the_next_delivery_on_call_is_not_flagged() -> None:
    later = described(bill(number="R-107", issued_on=DAY + timedelta(days=5)), "bolts")
    assert found(later, described(bill(number="R-101"), "bolts")) == []


def test_a_credit_note_is_no_double_of_an_invoice_and_prepayments_are_claims_of_their_own() -> None:
    assert found(without_order(kind=CREDIT_NOTE), without_order()) == []
    assert found(without_order(kind=CREDIT_NOTE), without_order(kind=CREDIT_NOTE)) == [("exact", "block", "")]
    for purpose in ("prepayment", "value_only", "retainage_release"):
        assert found(without_order(number="R-200", purpose=purpose), without_order()) == []


def test_what_we_billed_ourselves_and_the_suppliers_own_invoice_are_one_claim() -> None:
    own = bill(number="SB-000001", purpose="self_billed", issued_on=DAY)
    assert found(bill(number="AX-77", issued_on=DAY + timedelta(days=5)), own) == [("near", "suspect", "")]


def test_a_document_without_a_number_is_compared_by_supplier_date_and_amount() -> None:
    assert found(without_order(number=""), without_order()) == [("number_less", "suspect", "")]
    assert found(without_order(number=""), without_order(number="")) == [("number_less", "suspect", "")]
    assert found(without_order(number="", issued_on=DAY + timedelta(days=8)), without_order()) == []


def test_three_of_number_supplier_date_and_total_are_enough() -> None:
    one = only(without_order(number="ZZ-9"), without_order())
    assert (one.layer, one.verdict, one.score) == ("three_of_four", "suspect", 70)
    assert one.criteria[0] == said("number", "other numbers", 0, "ZZ-9", "R-100")
    other = without_order(supplier_id=OTHER_SUPPLIER)
    assert found(other, without_order()) == [("cross_supplier", "suspect", "")]
    assert found(replace(other, issued_on=DAY + timedelta(days=1)), without_order()) == [
        ("cross_supplier", "suspect", "")
    ]
    assert found(replace(other, issued_on=DAY + timedelta(days=8)), without_order()) == []


def test_two_suppliers_that_are_paid_to_one_account_are_one_payee() -> None:
    twin = without_order(supplier_id=OTHER_SUPPLIER, payee_account="FR14 2004 1010 0505 0001 3m02 606", number="R-1000")
    one = only(twin, without_order(payee_account=OTHER_IBAN, number="INV-R-1000"))
    assert (one.layer, one.verdict, one.score) == ("cross_supplier", "suspect", 97)
    assert one.criteria[1] == said(
        "supplier", "suppliers that are paid to one account", 20, OTHER_SUPPLIER, SUPPLIER_ID
    )
    assert found(twin, without_order(number="INV-R-1000")) == []
    nearly = replace(twin, gross=eur("119.50"))
    for days, layers in ((30, ["cross_supplier"]), (31, [])):
        before = without_order(payee_account=OTHER_IBAN, number="R-1000", issued_on=DAY - timedelta(days=days))
        assert [one[0] for one in found(nearly, before)] == layers
        assert [one[0] for one in found(twin, before)] == ["cross_supplier"]
    assert found(nearly, without_order(payee_account=OTHER_IBAN)) == [("cross_supplier", "suspect", "")]
    assert found(nearly, without_order(number="R-1000")) == []


def test_suppliers_of_one_group_are_one_payee() -> None:
    child = print_of(without_order(number="R-1000"), parent=OTHER_SUPPLIER)
    for mine in (
        print_of(without_order(supplier_id=OTHER_SUPPLIER, number="R-1000-A"), "new"),
        print_of(without_order(supplier_id="sup-3", number="R-1000-A"), "new", parent=OTHER_SUPPLIER),
    ):
        (one,) = compare(mine, [child], RULES, (), DAY)
        assert (one.layer, one.criteria[1].words, one.criteria[1].points) == (
            "cross_supplier",
            "suppliers of one group",
            15,
        )
        assert related(mine, Index([child])) == (child,)
    alone = print_of(without_order(supplier_id="sup-3", number="R-1000-A"), "new", parent="sup-9")
    assert compare(alone, [child], RULES, (), DAY) == ()
    (one,) = compare(replace(alone, number="R1000", printed="R-1000"), [child], RULES, (), DAY)
    assert (one.criteria[1].words, one.criteria[1].points) == ("other suppliers", 0)


def test_the_channel_is_told_and_gives_no_points() -> None:
    mine = print_of(without_order(number="R-1021"), "new", channel="email")
    (one,) = compare(mine, [print_of(without_order(number="R-1012"), channel="edi")], RULES, (), DAY)
    assert one.criteria[-1] == said("channel", "came by another channel", 0, "email", "edi")
    assert one.reason.endswith("came by another channel")


def test_the_number_of_a_cancelled_invoice_stays_blocked_and_nothing_else_of_it_is_compared() -> None:
    gone = print_of(without_order(), status="cancelled")
    assert found(without_order(), gone) == [("exact", "block", "")]
    assert found(without_order(number="R-100A"), gone) == []


def test_what_a_person_has_told_apart_is_not_found_again() -> None:
    known = print_of(without_order())
    mine = print_of(without_order(), "new")
    assert compare(mine, [known], RULES, (), DAY) != ()
    assert compare(replace(mine, apart=("x", "first")), [known], RULES, (), DAY) == ()
    assert compare(mine, [replace(known, apart=("new",))], RULES, (), DAY) == ()
    assert compare(mine, [mine], RULES, (), DAY) == ()


def said(name: str, words: str, points: int, mine: str, other: str) -> Criterion:
    return Criterion(name=name, words=words, points=points, mine=mine, other=other)


def described(invoice: Invoice, text: str) -> Invoice:
    return replace(invoice, lines=tuple(replace(line, description=text) for line in invoice.lines))


@pytest.mark.parametrize(
    ("days", "changes", "usual"),
    [
        ((-9, -9), {}, True),
        ((-9, -4), {}, True),
        ((-15, -8), {}, False),  # a week apart is a rhythm, not a price
        ((-9,), {}, False),
        ((-9, -9), {"number": "Q1"}, False),  # the same document twice is no habit
        ((-9, -9), {"status": "cancelled"}, False),
        ((-9, -9), {"status": "stopped"}, False),
        ((-9, -9), {"gross_minor": 11901}, False),
        ((-9, -9), {"currency": "USD"}, False),
        ((-9, -9), {"kind": "credit_note"}, False),
        ((-9, -9), {"supplier_id": OTHER_SUPPLIER}, False),
    ],
)
def test_an_amount_that_a_supplier_bills_often_says_less(
    days: tuple[int, ...], changes: dict[str, Any], usual: bool
) -> None:
    known = [
        replace(print_of(without_order(number=f"Q-{n}{n}{n}"), f"q{n}"), issued_on=DAY + timedelta(days=day), **changes)
        for n, day in enumerate(days)
    ]
    new, other = described(without_order(number="ZZ-9"), "bolts"), described(without_order(), "bolts")
    found_now = compare(print_of(new, "new"), [*known, print_of(other)], replace(RULES, suspect_score=50), (), DAY)
    (one,) = (one for one in found_now if one.invoice_id == "first")
    words, points = ("the same amount, as often from this supplier", 10) if usual else ("the same amount", 25)
    assert one.criteria[2] == said("amount", words, points, "119.00 EUR", "119.00 EUR")
    assert one.score == 45 + points


def test_lines_that_say_the_same_count_where_the_number_is_alike_and_the_amount_is_not_usual() -> None:
    def points(number: str, *more: Fingerprint) -> list[int]:
        mine = print_of(described(without_order(number=number), "bolts"), "new")
        other = print_of(described(without_order(), "bolts"))
        (one,) = (
            one
            for one in compare(mine, [*more, other], replace(RULES, suspect_score=50), (), DAY)
            if one.invoice_id == "first"
        )
        return [seen.points for seen in one.criteria if seen.name == "content"]

    often = [print_of(without_order(number=f"Q-{n}{n}{n}"), f"q{n}") for n in (1, 2)]
    assert points("R-100A") == [8]
    assert points("R-100A", *often) == []
    assert points("ZZ-9") == []
    assert points("R-101") == []


# ── what a slip leaves ─────────────────────────────────────────────────────────────────────────────────────────────


def untaxed(invoice: Invoice) -> Invoice:
    """The same with its net total typed as the gross one."""
    return replace(invoice, gross=invoice.net)


def test_the_same_claim_once_with_tax_and_once_without() -> None:
    one = only(untaxed(without_order(number="R-1OO")), without_order())
    assert (one.layer, one.verdict, one.score) == ("near", "suspect", 92)
    assert one.criteria[2] == said(
        "amount", "the total of one is that of the other without tax", 15, "100.00 EUR", "119.00 EUR"
    )
    assert only(without_order(number="R-1OO"), untaxed(without_order())).score == 92
    left_out = replace(untaxed(without_order(number="R-1OO")), tax=eur("0.00"))
    assert only(left_out, without_order()).score == 92
    late = DAY + timedelta(days=30)
    assert only(untaxed(without_order(number="R-900", issued_on=late)), without_order()).score == 74
    assert found(untaxed(without_order()), without_order()) == [("exact", "block", "")]


def test_a_net_total_that_is_that_of_another_proves_nothing_by_itself() -> None:
    """A price list makes one net total many times; only a number that is alike, or none, makes it a claim twice."""
    assert found(untaxed(without_order(number="R-101")), without_order()) == []
    assert found(untaxed(without_order(number="ZZ-9")), without_order()) == []
    assert found(untaxed(without_order(number="")), without_order()) == [("number_less", "suspect", "")]
    assert found(untaxed(without_order(number="R-1OO")), untaxed(without_order(net=eur("119.00")))) == []
    assert found(without_order(number="R-1OO", gross=eur("110.00")), without_order()) == []
    other_currency = replace(print_of(without_order()), currency="USD")
    assert found(untaxed(without_order(number="R-1OO")), other_currency) == []


def test_a_date_with_day_and_month_in_each_others_place_is_near() -> None:
    there, misread = without_order(number="R-1012", issued_on=date(2026, 3, 8)), date(2026, 8, 3)
    one = only(without_order(number="R-1021", issued_on=misread), there)
    assert (one.layer, one.verdict, one.score, one.days) == ("near", "suspect", 94, 148)
    assert one.criteria[3] == said("date", "day and month of the date changed places", 14, "2026-08-03", "2026-03-08")
    assert found(without_order(number="R-1013", issued_on=misread), there) == []
    assert found(without_order(number="R-1021", issued_on=date(2026, 8, 4)), there) == []
    assert found(without_order(number="R-1021", issued_on=misread, gross=eur("118.90")), there) == []
    late = without_order(number="R-1012", issued_on=date(2026, 3, 13))
    assert found(without_order(number="R-1021", issued_on=date(2026, 12, 3)), late) == []
    known = Index([print_of(there)])
    mine = print_of(without_order(number="R-1021", issued_on=misread), "new")
    assert [one.invoice_id for one in related(mine, known)] == ["first"]


@pytest.mark.parametrize(("days", "seen"), [(31, 1), (60, 1), (61, 0)])
def test_a_reminder_is_looked_for_twice_as_long(days: int, seen: int) -> None:
    late = DAY + timedelta(days=days)
    assert len(found(without_order(number="R-100-M1", issued_on=late), without_order())) == seen
    assert found(without_order(number="R-100-M1", issued_on=late, gross=eur("119.50")), without_order()) == []


def test_a_number_with_something_added_is_one_number_whatever_recurs() -> None:
    rents = [without_order(number=f"R-10{n}", issued_on=DAY - timedelta(days=30 * n)) for n in range(3)]
    assert found(without_order(number="MA-R-100", issued_on=DAY + timedelta(days=30)), *rents)[0][1:] == ("suspect", "")


def test_another_number_of_the_series_with_other_lines_is_another_part() -> None:
    one, other = (
        described(without_order(number="R-1807"), "Part 2"),
        described(without_order(number="R-2291"), "Part 3"),
    )
    assert found(one, other) == []
    assert found(described(without_order(number="ZZ-9"), "Part 2"), other) == [("three_of_four", "suspect", "")]


# ── the whole value ────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_candidate_says_everything_that_was_compared() -> None:
    known = described(bill(number="R-100123", issued_on=date(2026, 4, 29), gross=eur("118.50")), "bolts")
    new = described(bill(number="R-100132A", issued_on=date(2026, 5, 2), entity="fr"), "bolts")
    assert only(new, known) == Candidate(
        invoice_id="known-0",
        printed="R-100123",
        score=77,
        layer="cross_entity",
        verdict="suspect",
        criteria=(
            said("number", "nearly the same number", 30, "R-100132A", "R-100123"),
            said("supplier", "the same supplier", 25, SUPPLIER_ID, SUPPLIER_ID),
            said("amount", "nearly the same amount", 8, "119.00 EUR", "118.50 EUR"),
            said("date", "3 days apart", 14, "2026-05-02", "2026-04-29"),
            said("entity", "billed to another entity", -20, "fr", "de"),
            said("order", "the same order lines and receipts", 12, "", ""),
            said("content", "lines that say the same", 8, "", ""),
        ),
        days=3,
    )


def test_lines_of_neighbouring_numbers_that_say_other_things_speak_against_it() -> None:
    new = described(without_order(number="R-101"), "bolts")
    low = replace(RULES, suspect_score=0)
    against = said("content", "lines that say other things", -15, "", "")
    seen = only(new, described(without_order(), "nuts"), rules=low)
    assert (seen.criteria[-1], seen.score) == (against, 60)
    for other in (described(without_order(), "bolts"), described(without_order(), "")):
        assert "content" not in [one.name for one in only(new, other, rules=low).criteria]


def test_what_only_one_document_says_is_not_compared() -> None:
    seen = only(bill(number="R-200X"), without_order(number="R-200"))
    assert [one.name for one in seen.criteria] == ["number", "supplier", "amount", "date"]


def test_one_number_is_as_sure_as_it_gets() -> None:
    later = without_order(gross=eur("500.00"), issued_on=DAY + timedelta(days=300))
    assert (only(later, without_order()).layer, only(later, without_order()).score) == ("exact", 100)


@pytest.mark.parametrize(
    ("days", "points", "words"),
    [
        (0, 20, "the same date"),
        (1, 14, "1 day apart"),
        (3, 14, "3 days apart"),
        (4, 10, "4 days apart"),
        (7, 10, "7 days apart"),
        (8, 4, "8 days apart"),
        (30, 4, "30 days apart"),
    ],
)
def test_the_date_gives_points_by_days(days: int, points: int, words: str) -> None:
    for day in (DAY + timedelta(days=days), DAY - timedelta(days=days)):
        one = only(without_order(number="R-100X", issued_on=day), without_order())
        assert (one.criteria[3].words, one.criteria[3].points, one.days) == (words, points, days)


@pytest.mark.parametrize(
    ("gross", "words"),
    [
        ("119.00", "the same amount"),
        ("120.20", "nearly the same amount"),
        ("117.81", "nearly the same amount"),
        ("120.21", ""),
        ("117.80", ""),
    ],
)
def test_amounts_are_near_up_to_one_per_cent_of_the_larger(gross: str, words: str) -> None:
    seen = all_found(without_order(number="R-100X", gross=eur(gross)), without_order())
    assert [one.criteria[2].words for one in seen] == ([words] if words else [])


def test_amounts_of_two_currencies_are_never_near() -> None:
    known = print_of(without_order(number="R-100X"))
    assert found(without_order(), replace(known, currency="USD")) == []


def test_documents_outside_the_window_are_only_compared_when_they_carry_one_number() -> None:
    late = DAY + timedelta(days=31)
    assert found(without_order(number="R-900", issued_on=late), without_order()) == []
    assert found(without_order(number="R-900", issued_on=late - timedelta(days=1)), without_order()) != []
    assert found(without_order(issued_on=late), without_order()) == [("exact", "block", "")]
    assert found(without_order(issued_on=late, entity="fr"), without_order()) == [("cross_entity", "suspect", "")]


def test_a_layer_that_is_off_finds_nothing() -> None:
    pairs = {
        "cross_entity": without_order(entity="fr"),
        "cross_supplier": without_order(supplier_id=OTHER_SUPPLIER),
        "number_less": without_order(number=""),
        "three_of_four": without_order(number="Q-1"),
        "near": without_order(number="R-100X", gross=eur("119.01")),
    }
    for layer, new in pairs.items():
        others = tuple(one for one in RULES.layers if one != layer)
        assert found(new, without_order()) == [(layer, "suspect", "")]
        assert found(new, without_order(), rules=replace(RULES, layers=others)) == []
        assert found(new, without_order(), rules=replace(RULES, layers=("exact", layer))) == [(layer, "suspect", "")]


def test_the_score_that_is_asked_about_is_policy() -> None:
    pair = without_order(number="ZZ-9"), without_order()
    assert found(*pair, rules=replace(RULES, suspect_score=70)) != []
    assert found(*pair, rules=replace(RULES, suspect_score=71)) == []


def test_the_best_candidate_comes_first_and_of_equals_the_one_that_came_first() -> None:
    known = (
        print_of(without_order(number="Q-1"), "weak", 1),
        print_of(without_order(number="R-1012"), "later", 9),
        print_of(without_order(number="R-1012"), "early", 2),
        print_of(without_order(number="R-1012"), "stopped", 1, status="stopped"),
        print_of(without_order(number="R-1021"), "exact", 99),
    )
    order = [
        one.invoice_id for one in candidates(without_order(number="R-1021"), known, replace(RULES, suspect_score=50))
    ]
    assert order == ["exact", "early", "later", "stopped", "weak"]


@pytest.mark.parametrize(
    ("number", "days", "words", "points"),
    [
        ("R1001", 0, "the same number", 40),
        ("RI001", 0, "numbers that are read for each other", 32),
        ("R1010", 0, "two characters of the number changed places", 30),
        ("R1901", 0, "nearly the same number", 30),
        ("INV-R1001", 0, "the same number with something added", 32),
        ("", 0, "a document without a number", 15),
        ("R1002", 0, "neighbouring numbers", 5),
        ("R1002", 4, "numbers that follow with the date", 0),
        ("R1025", -9, "two numbers of one series", 0),
        ("Q7", 0, "other numbers", 0),
    ],
)
def test_what_numbers_say_is_said_in_words(number: str, days: int, words: str, points: int) -> None:
    new = without_order(number=number, issued_on=DAY + timedelta(days=days))
    one = only(new, without_order(number="R1001"), rules=replace(RULES, suspect_score=0))
    assert one.criteria[0] == said("number", words, points, number, "R1001")


# ── numbers ────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("one", "other", "days", "expected"),
    [
        ("R100", "R100", 0, Likeness.SAME),
        ("", "R100", 0, Likeness.MISSING),
        ("", "", 0, Likeness.MISSING),
        ("RO15", "R015", 0, Likeness.MISREAD),
        ("2024/0015", "2024.0015", 0, Likeness.MISREAD),
        ("I5B", "158", 9, Likeness.MISREAD),
        ("RS7Z", "R572", 0, Likeness.MISREAD),
        ("O1234", "1234", 0, Likeness.MISREAD),
        ("R1012", "R1021", 0, Likeness.TRANSPOSED),
        ("AB123", "BA123", 0, Likeness.TRANSPOSED),
        ("R1012", "R1021", 3, Likeness.TRANSPOSED),
        ("R1012", "R1021", 4, Likeness.FOLLOWING),
        ("R1012", "R1021", -4, Likeness.TRANSPOSED),
        ("R1021", "R1012", -4, Likeness.FOLLOWING),
        ("R10124", "R12014", 0, Likeness.EDITED),
        ("A12", "A21", 0, Likeness.NEXT),
        ("A12", "A31", 0, Likeness.NEXT),
        ("R1001", "R1002", 0, Likeness.NEXT),
        ("R1002", "R1011", 0, Likeness.NEXT),
        ("R1001", "R1011", 0, Likeness.NEXT),
        ("R1001", "R1100", 0, Likeness.NEXT),
        ("R10010", "R10110", 0, Likeness.EDITED),
        ("R10010", "R10110", 9, Likeness.EDITED),  # a step of a hundred in one digit is a slip, whatever the dates say
        ("R10010", "R10121", 9, Likeness.FOLLOWING),
        ("R10010", "R10121", 3, Likeness.APART),
        ("R10010", "R11001", 3, Likeness.EDITED),
        ("R10010", "R11000", 3, Likeness.APART),  # 990: still what two busy days may bring
        ("R12012", "R21012", 9, Likeness.TRANSPOSED),
        ("R1001", "R1011", -9, Likeness.EDITED),
        ("R1001", "R1022", -9, Likeness.APART),
        ("F-57116/26", "F-57125/26", 28, Likeness.FOLLOWING),
        ("F-57116/26", "F-57125/26", 0, Likeness.NEXT),
        ("0016-26", "0015-26", -7, Likeness.FOLLOWING),
        ("01-10104-EU", "02-10106-EU", 30, Likeness.FOLLOWING),
        ("f-57116/26", "F-57117/26", 0, Likeness.NEXT),
        ("M-01/7", "M-02/7", 31, Likeness.FOLLOWING),
        ("R1234/123", "R1235/124", 0, Likeness.EDITED),
        ("R1001", "R1002", 3, Likeness.NEXT),
        ("R1001", "R1002", -3, Likeness.EDITED),
        ("R1001", "R1002", 4, Likeness.FOLLOWING),
        ("R99", "R100", 0, Likeness.NEXT),
        ("AB12345", "BA12349", 0, Likeness.EDITED),
        ("AB12345", "AB12543", 0, Likeness.APART),
        ("AB12345", "AB52341", 0, Likeness.EDITED),
        ("R1001", "S1001", 0, Likeness.EDITED),
        ("R10011", "R1001", 0, Likeness.EDITED),
        ("R1234567", "R1299567", 0, Likeness.EDITED),
        ("R1234567", "R1999567", 0, Likeness.APART),
        ("R12345", "X19345", 0, Likeness.EDITED),
        ("A1B2", "A9B9", 0, Likeness.NEXT),
        ("A1B2", "A9C9", 0, Likeness.OTHER),
        ("ABCD", "ABXD", 0, Likeness.EDITED),
        ("ABC", "ABX", 0, Likeness.OTHER),
        ("1001", "INV1001", 0, Likeness.EXTENDED),
        ("1001", "1001COPY", 0, Likeness.EXTENDED),
        ("1001", "XX1001XX", 0, Likeness.OTHER),
        ("101", "INV101", 0, Likeness.EXTENDED),
        ("64", "64-M1", 30, Likeness.EXTENDED),
        ("7", "M7", 0, Likeness.OTHER),
        ("00000584", "M00000584", 18, Likeness.EXTENDED),
        ("00000139", "INV-00000139", 14, Likeness.EXTENDED),
        ("SI/26-27/62009", "62009", 0, Likeness.EXTENDED),
        ("AB 00.262", "MAB 00.262", 31, Likeness.EXTENDED),
        ("1001", "21001", 0, Likeness.EDITED),
        ("1001", "9921001", 0, Likeness.APART),
        ("1001", "100155", 0, Likeness.APART),
        ("R1001", "R1001X", 0, Likeness.EXTENDED),
        ("K10442-149", "K10442-163", 2, Likeness.NEXT),  # the longer run is the customer's number
        ("K10442-133", "K10442-135", 30, Likeness.FOLLOWING),
        ("SI/26-27/62009", "SI/29-27/62009", 10, Likeness.EDITED),  # a year does not run by itself
        ("RE-2026-00064", "RE-2025-00064", 9, Likeness.EDITED),
        ("4685/2026", "4686/2026", 0, Likeness.NEXT),
        ("05/2026", "06/2026", 31, Likeness.FOLLOWING),
        ("2026/2041", "2026/2052", 0, Likeness.NEXT),
        ("R2041", "R2052", 0, Likeness.NEXT),
        ("R1001", "Q77", 0, Likeness.OTHER),
    ],
)
def test_how_two_numbers_relate(one: str, other: str, days: int, expected: Likeness) -> None:
    assert likeness(one, other, days, 2) is expected
    assert likeness(other, one, -days, 2) is expected


def test_how_many_characters_may_differ_is_policy() -> None:
    assert likeness("ABCDEF9", "ABXDEF7", 0, 2) is Likeness.EDITED
    assert likeness("ABCDEF9", "ABXDEF7", 0, 1) is Likeness.OTHER
    assert likeness("ABCD", "ABXD", 0, 0) is Likeness.OTHER
    assert likeness("ABCDEFGH", "ABCDEF", 0, 1) is Likeness.EXTENDED
    assert likeness("ABCDEFGHI", "ABXDXFGXI", 0, 3) is Likeness.EDITED
    assert likeness("ABCDEFGH", "ABXDXFGX", 0, 3) is Likeness.OTHER


@given(st.text(max_size=20))
def test_a_normal_number_is_normal(number: str) -> None:
    assert normal_number(normal_number(number)) == normal_number(number)


@given(st.text("0123456789AB-/ ", max_size=12), st.text(" -–0", max_size=3))
def test_blanks_hyphens_and_zeros_in_front_change_nothing(number: str, noise: str) -> None:
    plain = normal_number(number)
    assert normal_number(f"{noise}{number.lower()}") == plain or plain in ("", "0")


def test_a_number_of_zeros_is_a_number_and_none_is_none() -> None:
    assert [normal_number(one) for one in ("000", "0", "-0-", "", " - ")] == ["0", "0", "0", "", ""]


# ── explanations ───────────────────────────────────────────────────────────────────────────────────────────────────

TAUGHT = Lookalike(
    entity="de",
    supplier_id=SUPPLIER_ID,
    currency="EUR",
    amount_minor=11900,
    interval_days=14,
    until=date(2026, 12, 31),
)


@pytest.mark.parametrize(
    ("days", "change", "today", "explained"),
    [
        (14, {}, DAY, True),
        (11, {}, DAY, True),
        (10, {}, DAY, False),
        (17, {}, DAY, True),
        (18, {}, DAY, False),
        (28, {}, DAY, True),
        (42, {"interval_days": 14}, DAY, True),
        (56, {"interval_days": 14}, DAY, True),
        (70, {"interval_days": 14}, DAY, False),
        (0, {}, DAY, False),
        (14, {}, date(2026, 12, 31), True),
        (14, {}, date(2027, 1, 1), False),
        (14, {"entity": "fr"}, DAY, False),
        (14, {"supplier_id": "sup-9"}, DAY, False),
        (14, {"currency": "USD"}, DAY, False),
        (14, {"amount_minor": 11901}, DAY, False),
        (14, {"interval_days": 15}, DAY, True),
        (0, {"interval_days": 0}, DAY, True),
        (1, {"interval_days": 0}, DAY, False),
        (1, {"interval_days": 1}, DAY, True),
        (2, {"interval_days": 1}, DAY, True),
        (5, {"interval_days": 1}, DAY, False),
    ],
)
def test_what_a_person_has_taught_explains_what_fits(
    days: int, change: dict[str, Any], today: date, explained: bool
) -> None:
    mine = print_of(without_order(number="QQ-1", issued_on=DAY + timedelta(days=days)), "new")
    low = replace(RULES, suspect_score=0, window_days=90)
    (one,) = compare(mine, [print_of(without_order())], low, [replace(TAUGHT, **change)], today)
    expected = ("none", "a person has taught that this amount comes again") if explained else ("suspect", "")
    assert (one.verdict, one.explained) == expected


def test_no_look_alike_excuses_one_number_or_another_amount() -> None:
    mine = print_of(without_order(number="RO15", issued_on=DAY + timedelta(days=14)), "new")
    known, low = print_of(without_order(number="R015")), replace(RULES, suspect_score=0)
    (one,) = compare(mine, [known], RULES, [TAUGHT], DAY)
    assert one.verdict == "suspect"
    (one,) = compare(replace(mine, number="QQ1"), [replace(known, gross_minor=11899)], low, [TAUGHT], DAY)
    assert one.verdict == "suspect"


def test_what_is_taught_is_the_amount_and_how_far_apart() -> None:
    until = date(2027, 5, 3)
    new = without_order(number="R-100A", issued_on=DAY + timedelta(days=14))
    cleared = only(new, without_order())
    assert taught_by(cleared, print_of(new), until) == replace(TAUGHT, until=until)
    nearly = only(replace(new, gross=eur("119.01"), issued_on=DAY), without_order())
    assert taught_by(nearly, print_of(new), until) is None
    elsewhere = only(without_order(entity="fr"), without_order())
    assert taught_by(elsewhere, print_of(without_order(entity="fr")), until) is None


@pytest.mark.parametrize(
    ("dates", "explained"),
    [
        ((7, 14), True),  # weekly
        ((6, 12), True),
        ((5, 10), False),  # too often to tell
        ((14, 28), True),
        ((28, 59), True),  # February, March, and the month before
        ((14, -14), True),  # one before, one after
        ((28, 14), True),  # one in between
        ((14, 14), False),  # twice on the same day is no series
        ((14, 18), False),
        ((14, 40), False),
        ((14, 0), False),
    ],
)
def test_three_equal_amounts_at_one_interval_recur(dates: tuple[int, int], explained: bool) -> None:
    """The days before the new one on which two others were dated; what becomes of the first of them."""
    known = [
        print_of(without_order(number=f"Q{number}Z", issued_on=DAY - timedelta(days=days)), f"k{number}", number)
        for number, days in enumerate(dates)
    ]
    low = replace(RULES, suspect_score=0)
    seen = {one.invoice_id: one for one in compare(print_of(without_order(), "new"), known, low, (), DAY)}
    assert (seen["k0"].verdict == "none") is explained
    assert seen["k0"].explained == ("equal amounts at a regular interval" if explained else "")


@pytest.mark.parametrize(
    "change",
    [
        {"gross_minor": 11901},
        {"supplier_id": "sup-9"},
        {"entity": "fr"},
        {"kind": "credit_note"},
        {"currency": "USD"},
        {"status": "cancelled"},
        {"number": "Q1Z"},
    ],
)
def test_what_is_not_of_the_series_makes_none(change: dict[str, Any]) -> None:
    one, two = (print_of(without_order(number=f"Q{n}Z", issued_on=DAY - timedelta(14 * n)), f"k{n}") for n in (1, 2))
    mine, low = print_of(without_order(), "new"), replace(RULES, suspect_score=0)

    def verdict(*known: Fingerprint) -> str:
        return next(x.verdict for x in compare(mine, known, low, (), DAY) if x.invoice_id == "k1")

    assert verdict(one, two) == "none"
    assert verdict(one, replace(two, **change)) == "suspect"


@pytest.mark.parametrize(
    ("credits", "explained"),
    [
        ([("119.00", "R-100", {})], True),
        ([("119.01", "R-100", {})], True),
        ([("118.99", "R-100", {})], False),
        ([("60.00", "R-100", {}), ("59.00", "R 100", {})], True),
        ([("119.00", "R-101", {})], False),
        ([("119.00", "", {})], False),
        ([("119.00", "R-100", {"status": "cancelled"})], False),
        ([("119.00", "R-100", {"entity": "fr"})], False),
        ([("119.00", "R-100", {"supplier_id": "sup-9"})], False),
        ([("119.00", "R-100", {"currency": "USD"})], False),
        ([("119.00", "R-100", {"kind": "invoice"})], False),
    ],
)
def test_only_what_was_taken_back_in_full_is_credited(
    credits: list[tuple[str, str, dict[str, Any]]], explained: bool
) -> None:
    known = [print_of(without_order())]
    for amount, number, change in credits:
        note = without_order(number=f"C-{amount}", kind=CREDIT_NOTE, credits_number=number, gross=eur(amount))
        known.append(replace(print_of(note, f"credit {amount}"), **change))
    new = print_of(without_order(number="R-100A"), "new")
    (one,) = (x for x in compare(new, known, RULES, (), DAY) if x.invoice_id == "first")
    assert one.explained == ("a credit note has taken one of them back" if explained else "")
    first_late = (x for x in compare(known[0], [new, *known[1:]], RULES, (), DAY) if x.invoice_id == "new")
    assert next(first_late).explained == one.explained


# ── the fingerprint and the index ──────────────────────────────────────────────────────────────────────────────────


def test_a_fingerprint_holds_what_is_compared() -> None:
    invoice = described(bill(number=" 00R-7", payee_account="fr14 2004", credits_number="0-9"), "Bolts, M8")
    one = fingerprint_of("inv-1", invoice, 5, channel="edi", account="abc", parent="sup-2", apart=("x",))
    assert one == Fingerprint(
        invoice_id="inv-1",
        entity="de",
        supplier_id=SUPPLIER_ID,
        kind="invoice",
        claim="",
        number="R7",
        printed=" 00R-7",
        issued_on=DAY,
        gross_minor=11900,
        currency="EUR",
        received_at=5,
        channel="edi",
        account=account_digest("FR142004"),
        parent="sup-2",
        credits="9",
        basis=one.basis,
        content=one.content,
        apart=("x",),
        net_minor=10_000,
    )
    assert [len(digest) for digest in (one.account, one.basis, one.content)] == [16, 16, 16]
    assert fingerprint_of("inv-1", replace(invoice, payee_account=""), 5, account="abc").account == "abc"
    assert one.gross == eur("119.00")
    assert (account_digest(""), account_digest(" - ")) == ("", "")


def test_what_lines_bill_and_say_counts_in_any_order_and_writing() -> None:
    line = bill().lines[0]
    other = replace(line, line_id="2", order_line_id="2", description="nuts", quantity=Decimal("2.50"))
    forth = print_of(replace(bill(), lines=(replace(line, description="Bolts, M8"), other)))
    back = print_of(
        replace(bill(), lines=(replace(other, quantity=Decimal("2.5")), replace(line, description="bolts m8")))
    )
    assert (forth.basis, forth.content) == (back.basis, back.content)
    for changed in (
        replace(other, order_line_id="3"),
        replace(other, order_id="PO-2"),
        replace(other, receipt_id="GR-1"),
        replace(other, quantity=Decimal(3)),
    ):
        assert print_of(replace(bill(), lines=(line, changed))).basis != forth.basis
    dearer = replace(other, net=eur("1.00"))
    assert print_of(replace(bill(), lines=(replace(line, description="Bolts, M8"), dearer))).content != forth.content
    assert (print_of(without_order()).basis, print_of(without_order()).content) == ("", "")


@pytest.mark.parametrize(
    ("minor", "expected"),
    [
        (0, 180),
        (5, 185),
        (10, 190),
        (99, 279),
        (100, 280),
        (109, 280),
        (110, 281),
        (9_999, 459),
        (10_000, 460),
        (-110, -281),
    ],
)
def test_an_amount_falls_into_the_bucket_of_its_first_two_digits(minor: int, expected: int) -> None:
    assert bucket(minor) == expected


@given(st.integers(0, 10**12), st.integers(0, 10**12))
def test_buckets_are_in_the_order_of_amounts(one: int, other: int) -> None:
    low, high = sorted((one, other))
    assert bucket(low) <= bucket(high)


def test_an_invoice_is_looked_for_under_few_keys() -> None:
    mine = print_of(without_order(payee_account=OTHER_IBAN), "new")
    assert len(keys_of(mine)) == 5
    assert len(set(keys_of(mine)) & {look.key for look in looks(mine, RULES)}) == 4  # the fifth is for what has no tax
    assert len(looks(mine, RULES)) <= 9
    assert all(0 <= key < 1 << 63 for key in keys_of(mine))
    assert len(keys_of(print_of(without_order(number="")))) == 2
    days = {(look.first, look.last) for look in looks(mine, RULES)}
    day = DAY.toordinal()
    assert days == {(day - 65, day + 65), (0, date.max.toordinal())}
    far = looks(print_of(without_order(issued_on=date(2026, 8, 3), payee_account=OTHER_IBAN), "new"), RULES)
    assert [look.first for look in far if look.first == look.last] == [date(2026, 3, 8).toordinal()] * 2


def test_keys_and_digests_stay_what_they_are() -> None:
    """They are kept in stores: an invoice of ten years ago is found by what was written of it then."""
    one = replace(print_of(without_order(), account="a1b2", parent="sup-9"), supplier_id="sup-1")
    assert keys_of(one) == (
        185736925807780456,
        326685695392043917,
        686195885980499969,
        4712626722814232472,
        7909733698977337073,
        8788217517521663414,
    )
    assert account_digest("DE89 3704 0044 0532 0130 00") == "faf7e1c0107370ff"


@pytest.mark.parametrize(
    ("minor", "buckets"),
    [(10_500, 1), (11_900, 2), (9_999, 3), (10_000, 3), (10_889, 1), (10_890, 2), (11_112, 2), (11_113, 1)],
)
def test_no_more_buckets_are_looked_into_than_one_per_cent_reaches(minor: int, buckets: int) -> None:
    mine = print_of(without_order(gross=Money(minor, "EUR"), payee_account=OTHER_IBAN), "new")
    day = DAY.toordinal()
    dated = [look for look in looks(mine, RULES) if (look.first, look.last) == (day - 65, day + 65)]
    always = [look for look in looks(mine, RULES) if look not in dated]
    assert (len(dated), len(always)) == (2 * buckets + 1, 2)
    assert len({look.key for look in dated}) == 2 * buckets + 1
    assert all((look.first, look.last) == (0, date.max.toordinal()) for look in always)


def test_the_index_keeps_the_latest_of_each_invoice() -> None:
    index = Index([print_of(without_order(), "a"), print_of(without_order(number="R-101"), "b", 2)])
    index.add(replace(print_of(without_order(), "a"), status="stopped"))
    mine = print_of(without_order(), "new")
    assert [(one.invoice_id, one.status) for one in related(mine, index)] == [("a", "stopped"), ("b", "open")]
    index.add(print_of(without_order(gross=eur("9.00"), number="X"), "b"))
    assert [one.invoice_id for one in related(mine, index)] == ["a"]
    assert [one.invoice_id for one in related(print_of(without_order(), "a"), index)] == []
    assert index.get("b") == print_of(without_order(gross=eur("9.00"), number="X"), "b")
    assert index.get("c") is None


# ── whatever comes ─────────────────────────────────────────────────────────────────────────────────────────────────

invoices = st.builds(
    lambda number, minor, days, supplier, entity, account, kind: without_order(
        number=number,
        gross=eur("0.01") if not minor else replace(eur("1.00"), minor=minor),
        issued_on=DAY + timedelta(days=days),
        supplier_id=supplier,
        entity=entity,
        payee_account=account,
        kind=kind,
    ),
    st.sampled_from(["R-1012", "R-1021", "R-1013", "r1012", "INV-R1012", "", "77", "R-101Z"]),
    st.sampled_from([99, 100, 9_999, 10_000, 10_100, 10_050, 99_999, 100_000, 101_010, 0]),
    st.integers(-45, 45),
    st.sampled_from([SUPPLIER_ID, OTHER_SUPPLIER]),
    st.sampled_from(["de", "fr"]),
    st.sampled_from(["", OTHER_IBAN]),
    st.sampled_from(list(InvoiceKind)),
)


@given(invoices, invoices)
def test_the_order_of_arrival_does_not_change_whether_a_pair_is_found(one: Invoice, other: Invoice) -> None:
    def verdict(new: Invoice, known: Invoice) -> list[tuple[str, str, int]]:
        return [(x.layer, x.verdict, x.score) for x in candidates(new, [print_of(known)], RULES)]

    assert verdict(one, other) == verdict(other, one)


@given(invoices, st.lists(invoices, max_size=6))
def test_whatever_is_found_among_all_is_found_through_the_index(new: Invoice, others: list[Invoice]) -> None:
    known = [print_of(one, f"k{number}", number) for number, one in enumerate(others)]
    mine = print_of(new, "new")
    everything = compare(mine, known, RULES, (), DAY)
    through = compare(mine, related(mine, Index(known)), RULES, (), DAY)
    assert [one for one in through if one.verdict != "none"] == [one for one in everything if one.verdict != "none"]


@given(invoices, st.integers(0, 10).map(Decimal))
def test_a_wider_limit_finds_more(new: Invoice, percent: Decimal) -> None:
    known = print_of(without_order())
    narrow = compare(print_of(new, "new"), [known], replace(RULES, amount_percent=Decimal(0)), (), DAY)
    wide = compare(print_of(new, "new"), [known], replace(RULES, amount_percent=percent), (), DAY)
    assert len(narrow) <= len(wide)


def test_the_supplier_is_who_is_registered() -> None:
    assert supplier_id_of(TAX_ID) == SUPPLIER_ID
