"""How long it takes to compare one invoice with all that a company ever received.

A store is filled with fingerprints of so many invoices (in bulk, in the order of the keys); some thousand more are
written in units of work as the engine does it. Then new ones are compared, one at a time, as a unit of work does that,
too: look under their keys, read what is found, score it. Beside it the floor: the same keys asked of the same
tables with bare SQL statements, nothing read into objects and nothing scored.
"""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import date, timedelta
from itertools import islice
from random import Random
from time import perf_counter, process_time

from msgspec import Struct
from rich.console import Console
from rich.table import Table

from tieout.engine.fingerprints import Fingerprints, fingerprint_row
from tieout.engine.stores.port import LOOK_MAX, Store
from tieout.engine.stores.rows import FingerprintRow
from tieout.matching.duplicates import Fingerprint, Look, compare, looks
from tieout.policy.duplicates import DuplicateRules
from tieout_bench import stores
from tieout_bench.measuring import tell

_FIRST_DAY, _DAYS = date(2024, 1, 1), 1000
_WRITTEN, _UNIT = 10_000, 500
_RULES = DuplicateRules()
Bare = Callable[[tuple[Look, ...]], None]


class Checked(Struct, frozen=True, kw_only=True):
    """Times of one comparison in milliseconds, and how many earlier invoices each one had to look at. Times are those
    of the clock, ``cpu_`` ones those of this process on the processor (for SQLite all of the work, however busy the
    machine was with others)."""

    store: str
    invoices: int
    checks: int
    written_per_second: float
    p50_ms: float
    p99_ms: float
    max_ms: float
    cpu_p50_ms: float
    cpu_p99_ms: float
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
        lines.append(_measure("SQLite", stores.opened(url), invoices, checks, _fill_sqlite, _bare_sqlite))
    if postgres:
        with stores.postgres_server(server) as found:
            if found:
                with stores.postgres(found) as url:
                    lines.append(
                        _measure("PostgreSQL", stores.opened(url), invoices, checks, _fill_postgres, _bare_postgres)
                    )
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
        "written/s",
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
            f"{one.written_per_second:,.0f}",
        )
    Console().print(table)


def _measure(
    name: str,
    store: Store,
    invoices: int,
    checks: int,
    fill: Callable[[str, Iterator[FingerprintRow]], None],
    bare: Callable[[Store], AbstractContextManager[Bare]],
) -> Checked:
    tell(f"{name}: writing the fingerprints of {invoices:,} invoices")
    suppliers = max(invoices // 250, 1)
    fill(store.url, (fingerprint_row(_fingerprint(number, suppliers), 0) for number in range(invoices)))
    tell(f"{name}: writing {_WRITTEN:,} more, {_UNIT} in a unit of work")
    more = [fingerprint_row(_fingerprint(invoices + number, suppliers), 0) for number in range(_WRITTEN)]
    began = perf_counter()
    for first in range(0, _WRITTEN, _UNIT):
        with store.unit() as unit:
            unit.put_fingerprints(more[first : first + _UNIT])
    written = perf_counter() - began
    tell(f"{name}: comparing {checks:,} invoices, one by one")
    asked = [_arrival(_WRITTEN + number, invoices, suppliers) for number in range(checks)]
    times, processor, looked_at, suspected = [], [], 0, 0
    for one in asked:
        with store.unit() as unit:
            start, on_processor = perf_counter(), process_time()
            known = Fingerprints(unit, _RULES).similar(one)
            found = compare(one, known, _RULES, (), one.issued_on)
            times.append(perf_counter() - start)
            processor.append(process_time() - on_processor)
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
        written_per_second=_WRITTEN / written,
        p50_ms=_at(times, 50),
        p99_ms=_at(times, 99),
        max_ms=_at(times, 100),
        cpu_p50_ms=_at(processor, 50),
        cpu_p99_ms=_at(processor, 99),
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


# ── filling in bulk ─────────────────────────────────────────────────────────────────────────────────────────────────


def _fill_sqlite(url: str, rows: Iterator[FingerprintRow]) -> None:
    import sqlite3

    sql = sqlite3.connect(url.removeprefix("sqlite:///"), isolation_level=None)
    sql.execute("PRAGMA synchronous=OFF")
    sql.execute("PRAGMA cache_size=-1000000")
    sql.execute("BEGIN")
    sql.execute("CREATE TABLE unsorted (key INTEGER, day INTEGER, subject TEXT)")
    for batch in _batched(rows, 10_000):
        sql.executemany("INSERT INTO fingerprint VALUES (?, ?, ?)", [(r.subject, r.partition, r.data) for r in batch])
        sql.executemany(
            "INSERT INTO unsorted VALUES (?, ?, ?)", [(key, r.day, r.subject) for r in batch for key in r.keys]
        )
    sql.execute("INSERT INTO likeness SELECT key, day, subject, 0 FROM unsorted ORDER BY key, day, subject")
    sql.execute("DROP TABLE unsorted")
    sql.execute("COMMIT")
    sql.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    sql.close()


def _fill_postgres(url: str, rows: Iterator[FingerprintRow]) -> None:
    import psycopg

    with psycopg.connect(url.replace("postgresql+psycopg", "postgresql"), autocommit=True) as sql:
        sql.execute("CREATE UNLOGGED TABLE unsorted (key bigint, day int, subject text)")
        for batch in _batched(rows, 100_000):
            with sql.cursor() as cursor, cursor.copy("COPY fingerprint FROM STDIN (FORMAT BINARY)") as copy:
                copy.set_types(["text", "int4", "bytea"])
                for row in batch:
                    copy.write_row((row.subject, row.partition, row.data))
            with sql.cursor() as cursor, cursor.copy("COPY unsorted FROM STDIN (FORMAT BINARY)") as copy:
                copy.set_types(["int8", "int4", "text"])
                for row in batch:
                    for key in row.keys:
                        copy.write_row((key, row.day, row.subject))
        sql.execute("INSERT INTO likeness SELECT key, day, subject, 0 FROM unsorted ORDER BY key, day, subject")
        sql.execute("DROP TABLE unsorted")
        sql.execute("VACUUM ANALYZE fingerprint, likeness")


def _batched(rows: Iterator[FingerprintRow], size: int) -> Iterator[list[FingerprintRow]]:
    """The rows, so many at a time."""
    while batch := list(islice(rows, size)):
        yield batch


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
