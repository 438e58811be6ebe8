"""``tieout bench duplicates``: our search, and the checks that every ERP has, on the same years."""

from collections.abc import Callable

from msgspec import Struct
from rich.console import Console
from rich.table import Table

from tieout_bench.duplicates.score import Quality, Result, Tally, result
from tieout_bench.duplicates.search import ByKey, Ours, Search, exact_number, sap_classic
from tieout_bench.duplicates.truth import year
from tieout_bench.measuring import ROUNDS, Figure, tell

#: What the industry asks for: at most five of a hundred honest invoices are stopped or asked about.
WRONG_PER_1000_MAX = 50
OURS, UNTAUGHT, NUMBER, SAP = "tieout", "tieout, nothing cleared is learnt", "the same number", "SAP's classic check"
SEARCHES: dict[str, Callable[[], Search]] = {
    OURS: lambda: Ours(teaching=True),
    UNTAUGHT: lambda: Ours(teaching=False),
    SAP: lambda: ByKey(sap_classic),
    NUMBER: lambda: ByKey(exact_number),
}


class Report(Struct, frozen=True, kw_only=True):
    """What was measured: so many years of so many invoices each, from these seeds."""

    rounds: int
    invoices: int
    duplicates_percent: float
    seeds: tuple[int, ...]
    figures: tuple[Figure, ...]
    results: tuple[Result, ...]


def measure(invoices: int, duplicates_percent: float, seed: int) -> Report:
    """Every search over the same years; a year of a later round has the next seed."""
    seeds = tuple(range(seed, seed + ROUNDS))
    tallies = {name: Tally() for name in SEARCHES}
    for round_number, one in enumerate(seeds, start=1):
        arrivals, truth = year(invoices, one, duplicates_percent)
        for name, search in SEARCHES.items():
            tell(f"{name}, year {round_number} of {ROUNDS}")
            tallies[name].watch(search(), arrivals, truth)
    results = {name: result(name, tally) for name, tally in tallies.items()}
    return Report(
        rounds=ROUNDS,
        invoices=invoices,
        duplicates_percent=duplicates_percent,
        seeds=seeds,
        figures=tuple(_figures(results)),
        results=tuple(results.values()),
    )


def _figures(results: dict[str, Result]) -> list[Figure]:
    ours, untaught, sap, number = (results[name] for name in (OURS, UNTAUGHT, SAP, NUMBER))
    return [
        _share("recall", ours.flagged, sap.flagged, lambda quality: quality.recall),
        _share("precision", ours.flagged, sap.flagged, lambda quality: quality.precision),
        _share("F1", ours.flagged, sap.flagged, lambda quality: quality.f1),
        _share("recall of what is stopped", ours.block, sap.block, lambda quality: quality.recall),
        _share("precision of what is stopped", ours.block, sap.block, lambda quality: quality.precision),
        _share("recall of what is asked about", ours.suspect, sap.flagged, lambda quality: quality.recall),
        _share("precision of what is asked about", ours.suspect, sap.flagged, lambda quality: quality.precision),
        _wrongly("honest invoices flagged", ours.flagged, number.flagged),
        _wrongly("the same, nothing learnt", untaught.flagged, number.flagged),
    ]


def _share(name: str, ours: Quality, theirs: Quality, of: Callable[[Quality], float]) -> Figure:
    value, other = 100 * of(ours), 100 * of(theirs)
    return Figure(
        name=name, unit="%", value=value, beside=SAP, beside_value=other, ratio=value / other if other else 0.0
    )


def _wrongly(name: str, ours: Quality, theirs: Quality) -> Figure:
    """Of a thousand honest invoices; the fewer the better."""
    value, other = ours.wrong_per_1000, theirs.wrong_per_1000
    return Figure(
        name=name,
        unit="of 1,000",
        value=value,
        beside=NUMBER,
        beside_value=other,
        ratio=other / value if value else 0.0,
        target=f"≤ {WRONG_PER_1000_MAX} of 1,000",
        is_met=value <= WRONG_PER_1000_MAX,
    )


def show(report: Report) -> None:
    """The searches side by side, then what ours did with each kind of duplicate and each honest habit."""
    console = Console(highlight=False, width=120)
    title = (
        f"{report.rounds} years of {report.invoices:,} invoices, {report.duplicates_percent:g} % of them duplicates; "
        f"seeds {', '.join(map(str, report.seeds))}"
    )
    console.print(_searches(title, report))
    for one in report.results:
        if one.search == OURS:
            console.print(_kinds(one), _habits(one), sep="\n")
    for figure in report.figures:
        if figure.is_met is not None:
            met = "met" if figure.is_met else "missed"
            console.print(f"{figure.name}: {figure.value:.1f} {figure.unit}, target {figure.target}: {met}")


def _table(title: str, *names: str) -> Table:
    table = Table(title=title, title_justify="left", box=None)
    for place, name in enumerate(names):
        table.add_column(name, justify="right" if place else "left", no_wrap=True)
    return table


def _searches(title: str, report: Report) -> Table:
    names = ("search", "recall", "precision", "F1", "stopped: recall", "precision", "wrong of 1,000", "ms each")
    table = _table(title, *names)
    for one in report.results:
        shares = (one.flagged.recall, one.flagged.precision, one.flagged.f1, one.block.recall, one.block.precision)
        numbers = [f"{100 * share:.1f} %" for share in shares]
        table.add_row(one.search, *numbers, f"{one.flagged.wrong_per_1000:.1f}", f"{one.milliseconds:.3f}")
    return table


def _kinds(found: Result) -> Table:
    table = _table(f"\nduplicates, {found.search}", "kind", "all", "stopped", "asked about", "missed", "recall")
    for one in found.kinds:
        counts = (one.duplicates, one.blocked, one.suspected, one.missed)
        table.add_row(one.kind, *(f"{count:,}" for count in counts), f"{100 * one.recall:.1f} %")
    return table


def _habits(found: Result) -> Table:
    table = _table(f"\nhonest invoices, {found.search}", "habit", "all", "stopped", "asked about", "wrong of 1,000")
    for one in found.habits:
        counts = (one.invoices, one.blocked, one.suspected)
        table.add_row(one.habit, *(f"{count:,}" for count in counts), f"{one.wrong_per_1000:.1f}")
    return table
