"""How long it takes to compare one invoice with all that a company ever received.

A store is filled with fingerprints of so many invoices; then new ones are compared, one at a time, as a unit of work
does it: look under their keys, read what is found, score it. Beside it the floor: the same keys asked of the same
tables with bare SQL statements, nothing read into objects and nothing scored.
"""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import date, timedelta
from random import Random
from time import perf_counter

from msgspec import Struct
from rich.console import Console
from rich.table import Table

from tieout.engine.fingerprints import Fingerprints, fingerprint_row
from tieout.engine.stores.port import LOOK_MAX, Store
from tieout.matching.duplicates import Fingerprint, Look, compare, looks
from tieout.policy.duplicates import DuplicateRules
from tieout_bench import stores
from tieout_bench.measuring import tell

_FIRST_DAY, _DAYS = date(2024, 1, 1), 1000
_BATCH = 50_000
_RULES = DuplicateRules()
Bare = Callable[[tuple[Look, ...]], None]


class Checked(Struct, frozen=True, kw_only=True):
    """Times of one comparison in milliseconds, and how many earlier invoices each one had to look at."""

    store: str
    invoices: int
    checks: int
    fill_per_second: float
    p50_ms: float
    p99_ms: float
    max_ms: float
    floor_p50_ms: float
    floor_p99_ms: float
    ratio_to_floor: float
    looked_at_mean: float
    suspected: int


class Report(Struct, frozen=True, kw_only=True):
    """What was measured, store by store."""

    lines: tuple[Checked, ...]


def measure(invoices: int, checks: int, server: str, *, postgres: bool) -> Report:
    """Fill and ask SQLite, and PostgreSQL when wanted and there is one."""
    lines = []
    with stores.sqlite() as url:
        lines.append(_measure("SQLite", stores.opened(url), invoices, checks, _bare_sqlite))
    if postgres:
        with stores.postgres_server(server) as found:
            if found:
                with stores.postgres(found) as url:
                    lines.append(_measure("PostgreSQL", stores.opened(url), invoices, checks, _bare_postgres))
    return Report(lines=tuple(lines))


def show(report: Report) -> None:
    """Print a table."""
    names = (
        "store",
        "invoices",
        "p50 ms",
        "p99 ms",
        "max ms",
        "floor p50",
        "floor p99",
        "ratio",
        "looked at",
        "filled/s",
    )
    table = Table(*names)
    for one in report.lines:
        table.add_row(
            one.store,
            f"{one.invoices:,}",
            f"{one.p50_ms:.2f}",
            f"{one.p99_ms:.2f}",
            f"{one.max_ms:.2f}",
            f"{one.floor_p50_ms:.2f}",
            f"{one.floor_p99_ms:.2f}",
            f"{one.ratio_to_floor:.1f}",
            f"{one.looked_at_mean:.1f}",
            f"{one.fill_per_second:,.0f}",
        )
    Console().print(table)


def _measure(
    name: str, store: Store, invoices: int, checks: int, bare: Callable[[Store], AbstractContextManager[Bare]]
) -> Checked:
    tell(f"{name}: writing the fingerprints of {invoices:,} invoices")
    began = perf_counter()
    suppliers = max(invoices // 250, 1)
    for first in range(0, invoices, _BATCH):
        prints = (_fingerprint(number, suppliers) for number in range(first, min(first + _BATCH, invoices)))
        with store.unit() as unit:
            unit.put_fingerprints([fingerprint_row(one, 0) for one in prints])
    filled = perf_counter() - began
    tell(f"{name}: comparing {checks:,} invoices, one by one")
    asked = [_arrival(number, invoices, suppliers) for number in range(checks)]
    times, looked_at, suspected = [], 0, 0
    for one in asked:
        with store.unit() as unit:
            start = perf_counter()
            known = Fingerprints(unit, _RULES).similar(one)
            found = compare(one, known, _RULES, (), one.issued_on)
            times.append(perf_counter() - start)
        looked_at += len(known)
        suspected += any(candidate.verdict != "none" for candidate in found)
    floor = []
    with bare(store) as ask:
        for one in asked:
            places = looks(one, _RULES)
            start = perf_counter()
            ask(places)
            floor.append(perf_counter() - start)
    store.close()
    return Checked(
        store=name,
        invoices=invoices,
        checks=checks,
        fill_per_second=invoices / filled,
        p50_ms=_at(times, 50),
        p99_ms=_at(times, 99),
        max_ms=_at(times, 100),
        floor_p50_ms=_at(floor, 50),
        floor_p99_ms=_at(floor, 99),
        ratio_to_floor=_at(times, 50) / _at(floor, 50),
        looked_at_mean=looked_at / checks,
        suspected=suspected,
    )


def _at(times: list[float], percent: int) -> float:
    """The time (ms) that so many per cent of all stay within."""
    ordered = sorted(times)
    return ordered[min(len(ordered) * percent // 100, len(ordered) - 1)] * 1000


# ── a company's invoices: a few suppliers with very many, round amounts and rents among them ────────────────────────


def _fingerprint(number: int, suppliers: int) -> Fingerprint:
    chance = Random(number)
    supplier = int(suppliers * chance.random() ** 3)
    minor = round(10 ** chance.uniform(3, 7))
    if chance.random() < 0.2:
        minor = chance.choice((10_000, 11_900, 25_000, 50_000, 100_000))
    return _made(
        number, supplier, minor, _FIRST_DAY + timedelta(days=number % _DAYS), f"{2024 + number % 3}{number:07d}"
    )


def _made(number: int, supplier: int, minor: int, day: date, printed: str) -> Fingerprint:
    return Fingerprint(
        f"inv-{number:024d}",
        f"{supplier % 12}",
        f"sup-{supplier:024d}",
        "invoice",
        "",
        printed,
        printed,
        day,
        minor,
        "EUR",
        number,
        "edi",
        f"{supplier:016x}",
    )


def _arrival(number: int, invoices: int, suppliers: int) -> Fingerprint:
    """A new invoice; every tenth is an old one again with two digits of its number swapped."""
    if number % 10:
        return _fingerprint(invoices + number, suppliers)
    old = _fingerprint(Random(number).randrange(invoices), suppliers)
    digits = old.number
    swapped = f"{digits[:-2]}{digits[-1]}{digits[-2]}"
    return _made(invoices + number, int(old.supplier_id[4:]), old.gross_minor, old.issued_on, swapped)


# ── the floor ───────────────────────────────────────────────────────────────────────────────────────────────────────


@contextmanager
def _bare_sqlite(store: Store) -> Iterator[Bare]:
    import sqlite3

    query = (
        "SELECT fingerprint.data FROM (SELECT subject FROM likeness WHERE key = ? AND day BETWEEN ? AND ?"
        f" ORDER BY day DESC LIMIT {LOOK_MAX}) AS found JOIN fingerprint ON fingerprint.subject = found.subject"
    )
    sql = sqlite3.connect(store.url.removeprefix("sqlite:///"))
    sql.execute("PRAGMA cache_size=-65536")
    try:

        def ask(places: tuple[Look, ...]) -> None:
            for look in places:
                sql.execute(query, (look.key, look.first, look.last)).fetchall()

        yield ask
    finally:
        sql.close()


@contextmanager
def _bare_postgres(store: Store) -> Iterator[Bare]:
    import psycopg

    query = (
        "SELECT fingerprint.data FROM unnest(%b::bigint[], %b::bigint[], %b::bigint[]) AS asked (key, first, last)"
        " CROSS JOIN LATERAL (SELECT subject FROM likeness WHERE likeness.key = asked.key"
        f" AND day BETWEEN asked.first AND asked.last ORDER BY day DESC LIMIT {LOOK_MAX}) AS found"
        " JOIN fingerprint ON fingerprint.subject = found.subject"
    )
    with psycopg.connect(store.url.replace("postgresql+psycopg", "postgresql"), autocommit=True) as sql:
        sql.execute("SET enable_seqscan = off")
        sql.execute("SET enable_hashjoin = off")
        sql.execute("SET enable_mergejoin = off")

        def ask(places: tuple[Look, ...]) -> None:
            columns = [[getattr(look, name) for look in places] for name in ("key", "first", "last")]
            sql.execute(query, columns, binary=True).fetchall()

        yield ask
