"""The rehearsal month is what its stories say, whatever the day."""

from collections import Counter
from datetime import date

import pytest

from tieout.kernel.money import total
from tieout.matching.duplicates import DuplicateRules, Index, compare, fingerprint_of, related
from tieout.policy.identifiers import supplier_problems
from tieout_lab.month.plan import NEVER_POSTED, Story, expected_posts, plan

_DAYS = (date(2026, 5, 28), date(2026, 1, 1), date(2027, 3, 31), date(2028, 2, 29))


@pytest.mark.parametrize("today", _DAYS, ids=str)
def test_the_documents_lie_in_the_month_before(today: date) -> None:
    month = plan(today)
    last_of_it = today.replace(day=1)
    days = [one.invoice.issued_on for one in month.invoices] + [one.receipt.received_on for one in month.receipts]
    assert all(month.first_day <= day < last_of_it for day in days)
    assert (month.pay_on, month.first_day.day) == (today, 1)


def test_it_has_every_story_and_two_currencies() -> None:
    month = plan(_DAYS[0])
    stories = Counter(one.story for one in month.invoices)
    assert set(stories) == set(Story)
    assert {one.invoice.currency for one in month.invoices} == {"EUR", "GBP"}
    assert (len(month.suppliers), 190 <= len(month.invoices) <= 220) == (30, True)
    posts = sum(1 for _ in expected_posts(month))
    assert posts == len(month.invoices) - sum(stories[story] for story in NEVER_POSTED)


def test_the_same_day_gives_the_same_month() -> None:
    assert plan(_DAYS[0]) == plan(_DAYS[0])


def test_suppliers_and_sums_are_right() -> None:
    month = plan(_DAYS[0])
    assert [problem for supplier in month.suppliers for problem in supplier_problems(supplier)] == []
    for one in month.invoices:
        invoice = one.invoice
        assert total((line.net for line in invoice.lines), invoice.currency) == invoice.net
        assert invoice.net + invoice.tax == invoice.gross


@pytest.mark.parametrize("today", _DAYS, ids=str)
def test_only_what_is_meant_to_looks_like_another_invoice(today: date) -> None:
    """A duplicate is stopped, one of two equal deliveries is asked about, and nothing else waits for a person."""
    known, asked = Index(), Counter[tuple[Story, str]]()
    for number, one in enumerate(plan(today).invoices):
        mine = fingerprint_of(str(number), one.invoice, number)
        for alike in compare(mine, related(mine, known), DuplicateRules(), (), today)[:1]:
            asked[one.story, alike.verdict] += 1
        known.add(mine)
    assert asked == {(Story.DUPLICATE, "block"): 8, (Story.LOOK_ALIKE, "suspect"): 1}
