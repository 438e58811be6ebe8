"""What a search found beside the truth: precision, recall and F1, over all, by kind of duplicate, by honest habit."""

from collections import Counter
from collections.abc import Sequence
from time import process_time

from msgspec import Struct

from tieout_bench.duplicates.search import Found, Search
from tieout_bench.duplicates.truth import Arrival, Truth


class Quality(Struct, frozen=True, kw_only=True):
    """``found`` duplicates of all that there are, and ``wrong`` flags on honest invoices. ``misled``: duplicates that
    were flagged for an invoice that is not their claim; they count as not found."""

    duplicates: int
    found: int
    misled: int
    honest: int
    wrong: int
    precision: float
    recall: float
    f1: float
    wrong_per_1000: float


class Kind(Struct, frozen=True, kw_only=True):
    """One kind of duplicate: how many there are, and how many were stopped, asked about, or missed."""

    kind: str
    duplicates: int
    blocked: int
    suspected: int
    missed: int
    recall: float


class Habit(Struct, frozen=True, kw_only=True):
    """One habit of honest suppliers: how many invoices, and how many of them were flagged wrongly."""

    habit: str
    invoices: int
    blocked: int
    suspected: int
    wrong_per_1000: float


class Result(Struct, frozen=True, kw_only=True):
    """One search over all years. ``milliseconds`` are of processor time, for one invoice."""

    search: str
    flagged: Quality
    block: Quality
    suspect: Quality
    kinds: tuple[Kind, ...]
    habits: tuple[Habit, ...]
    milliseconds: float


class Tally:
    """What a search said, counted: of duplicates by kind, of honest invoices by habit. ``""`` says nothing."""

    def __init__(self) -> None:
        self.kinds: Counter[tuple[str, str]] = Counter()
        self.habits: Counter[tuple[str, str]] = Counter()
        self.misled: Counter[str] = Counter()
        self.invoices = 0
        self.seconds = 0.0

    def watch(self, search: Search, arrivals: Sequence[Arrival], truth: Truth) -> None:
        """Show the search one arrival after the other, and count what it says."""
        for arrival in arrivals:
            invoice = arrival.invoice()
            started = process_time()
            found = search.check(arrival, invoice)
            self.seconds += process_time() - started
            self._count(arrival.invoice_id, found, search, truth)
        self.invoices += len(arrivals)

    def _count(self, invoice_id: str, found: Found, search: Search, truth: Truth) -> None:
        verdicts = {verdict for _, verdict in found}
        strongest = next((verdict for verdict in ("block", "suspect") if verdict in verdicts), "")
        claim, kind = truth.claims[invoice_id], truth.kinds.get(invoice_id, "")
        seen = any(truth.claims[other] == claim for other, _ in found)
        if not kind:
            self.habits[truth.habits[invoice_id], strongest] += 1
        elif seen or not found:
            self.kinds[kind, strongest] += 1
        else:
            self.misled[strongest] += 1
            self.kinds[kind, ""] += 1
        if found:
            search.settle(duplicate=seen)


def result(search: str, tally: Tally) -> Result:
    """The figures of what was counted."""
    return Result(
        search=search,
        flagged=_quality(tally, ("block", "suspect")),
        block=_quality(tally, ("block",)),
        suspect=_quality(tally, ("suspect",)),
        kinds=tuple(_kind(tally, kind) for kind in sorted({kind for kind, _ in tally.kinds})),
        habits=tuple(_habit(tally, habit) for habit in sorted({habit for habit, _ in tally.habits})),
        milliseconds=1000 * tally.seconds / tally.invoices,
    )


def _quality(tally: Tally, verdicts: tuple[str, ...]) -> Quality:
    found = sum(count for (_, verdict), count in tally.kinds.items() if verdict in verdicts)
    wrong = sum(count for (_, verdict), count in tally.habits.items() if verdict in verdicts)
    misled = sum(tally.misled[verdict] for verdict in verdicts)
    duplicates, honest, flagged = tally.kinds.total(), tally.habits.total(), found + wrong + misled
    precision = found / flagged if flagged else 1.0
    recall = found / duplicates
    return Quality(
        duplicates=duplicates,
        found=found,
        misled=misled,
        honest=honest,
        wrong=wrong,
        precision=precision,
        recall=recall,
        f1=2 * precision * recall / (precision + recall) if precision + recall else 0.0,
        wrong_per_1000=1000 * wrong / honest,
    )


def _kind(tally: Tally, kind: str) -> Kind:
    blocked, suspected, missed = (tally.kinds[kind, verdict] for verdict in ("block", "suspect", ""))
    count = blocked + suspected + missed
    recall = 1 - missed / count
    return Kind(kind=kind, duplicates=count, blocked=blocked, suspected=suspected, missed=missed, recall=recall)


def _habit(tally: Tally, habit: str) -> Habit:
    blocked, suspected, silent = (tally.habits[habit, verdict] for verdict in ("block", "suspect", ""))
    count = blocked + suspected + silent
    per_1000 = 1000 * (1 - silent / count)
    return Habit(habit=habit, invoices=count, blocked=blocked, suspected=suspected, wrong_per_1000=per_1000)
