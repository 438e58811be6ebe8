"""``tieout bench duplicates``: the years, their truth, and what is counted beside it."""

import json
import subprocess
import sys
from collections import Counter
from random import Random

import pytest

from tieout_bench.duplicates.company import HABITS, Paper, papers
from tieout_bench.duplicates.errors import SLIPS
from tieout_bench.duplicates.score import Habit, Kind, Tally, result
from tieout_bench.duplicates.search import ByKey, Found, exact_number, sap_classic
from tieout_bench.duplicates.truth import Arrival, Truth, year


def test_a_seed_is_a_year() -> None:
    arrivals, truth = year(3_000, 7)
    assert (arrivals, truth) == year(3_000, 7)
    assert arrivals != year(3_000, 8)[0]
    assert [one.received_at for one in arrivals] == sorted(one.received_at for one in arrivals)
    assert len(arrivals) == pytest.approx(3_000, rel=0.2)


def test_every_kind_and_every_habit_is_there_at_its_rate() -> None:
    arrivals, truth = year(10_000, 3)
    assert set(truth.kinds.values()) == set(SLIPS)
    assert {"credit note", "written again"} < set(truth.habits.values())
    assert len(set(truth.habits.values())) == len(HABITS) + 2
    assert len(truth.kinds) / len(arrivals) == pytest.approx(0.02, abs=0.004)
    assert set(truth.kinds) | set(truth.habits) == {one.invoice_id for one in arrivals}
    assert not set(truth.kinds) & set(truth.habits)


def test_a_duplicate_comes_after_the_invoice_whose_claim_it_is() -> None:
    arrivals, truth = year(5_000, 5)
    seen: Counter[int] = Counter()
    for one in arrivals:
        claim = truth.claims[one.invoice_id]
        assert (one.invoice_id in truth.kinds) == (seen[claim] > 0)
        seen[claim] += 1
    assert max(seen.values()) == 2


def test_what_the_search_sees_says_nothing_of_the_truth() -> None:
    arrivals, truth = year(5_000, 5)
    same_file = {one.invoice_id for one in arrivals if truth.kinds.get(one.invoice_id) == "same file by two channels"}
    files = Counter(one.invoice().document for one in arrivals)
    twice = {one.invoice_id for one in arrivals if files[one.invoice().document] == 2}
    assert same_file < twice
    words = {*SLIPS, *truth.habits.values()}
    shown = [repr(one.invoice()) for one in arrivals[:500]]
    assert [text for text in shown if any(f"'{word}'" in text for word in words)] == []


@pytest.mark.parametrize("kind", sorted(SLIPS))
def test_a_slip_changes_the_paper_or_is_only_a_second_copy(kind: str) -> None:
    chance, slip = Random(1), SLIPS[kind][0]
    honest = [paper for paper in papers(Random(2), 3_000) if not paper.credit]
    pairs = [(paper, again) for paper in honest if (again := slip(chance, paper)) is not None]
    assert pairs
    copies = kind in ("same file by two channels", "no number, twice")
    assert all((paper == again) == copies for paper, again in pairs[:200])
    assert all(_same_claim(paper, again) for paper, again in pairs)


def _same_claim(paper: Paper, again: Paper) -> bool:
    return (
        paper.vendor.account == again.vendor.account and abs(paper.net_minor - again.net_minor) <= paper.net_minor / 50
    )


class Says:
    """A search that says what it is told to."""

    def __init__(self, found: dict[str, Found]) -> None:
        self.found = found
        self.settled: list[bool] = []

    def check(self, arrival: Arrival, invoice: object) -> Found:
        return self.found.get(arrival.invoice_id, ())

    def settle(self, *, duplicate: bool) -> None:
        self.settled.append(duplicate)


def test_what_is_counted() -> None:
    arrivals = year(1_000, 1)[0][:6]
    a, b, c, d, e, f = (one.invoice_id for one in arrivals)
    truth = Truth(
        kinds={b: "leading zeros", d: "other entity", e: "other entity"},
        claims={a: 1, b: 1, c: 2, d: 2, e: 1, f: 3},
        habits={a: "rent", c: "rent", f: "split"},
    )
    search = Says({b: ((a, "block"),), c: ((a, "suspect"),), d: ((a, "suspect"), (c, "block")), e: ((c, "suspect"),)})
    tally = Tally()
    tally.watch(search, arrivals, truth)
    assert search.settled == [True, False, True, False]
    found = result("it", tally)
    assert found.kinds == (
        Kind(kind="leading zeros", duplicates=1, blocked=1, suspected=0, missed=0, recall=1.0),
        Kind(kind="other entity", duplicates=2, blocked=1, suspected=0, missed=1, recall=0.5),
    )
    assert found.habits == (
        Habit(habit="rent", invoices=2, blocked=0, suspected=1, wrong_per_1000=500.0),
        Habit(habit="split", invoices=1, blocked=0, suspected=0, wrong_per_1000=0.0),
    )
    whole = found.flagged
    assert (whole.duplicates, whole.found, whole.misled, whole.honest, whole.wrong) == (3, 2, 1, 3, 1)
    assert (whole.precision, whole.recall, whole.wrong_per_1000) == (2 / 4, 2 / 3, 1000 / 3)
    assert whole.f1 == pytest.approx(4 / 7)
    assert (found.block.found, found.block.wrong, found.block.precision) == (2, 0, 1.0)
    assert (found.suspect.found, found.suspect.precision, found.suspect.f1) == (0, 0.0, 0.0)


def test_the_checks_of_an_erp() -> None:
    arrival = next(one for one in year(1_000, 1)[0] if one.paper.number)
    invoice, number, sap = arrival.invoice(), ByKey(exact_number), ByKey(sap_classic)
    again = Arrival("again", arrival.paper, "keyed", "f", arrival.received_at, "")
    assert (number.check(arrival, invoice), sap.check(arrival, invoice)) == ((), ())
    assert number.check(again, invoice) == sap.check(again, invoice) == ((arrival.invoice_id, "block"),)


@pytest.mark.slow
def test_the_command_measures_every_search() -> None:
    command = [sys.executable, "-m", "tieout_bench", "duplicates", "--invoices", "2000", "--json"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    report = json.loads(done.stdout)
    assert (report["rounds"], report["seeds"]) == (3, [1, 2, 3])
    assert [one["search"] for one in report["results"]] == [
        "tieout",
        "tieout, nothing cleared is learnt",
        "SAP's classic check",
        "the same number",
    ]
    ours, _, sap, _ = report["results"]
    assert ours["flagged"]["recall"] > sap["flagged"]["recall"] > 0
    assert [figure["name"] for figure in report["figures"]][:3] == ["recall", "precision", "F1"]
