"""The read queries give the same answers on both databases, and use the indexes that are there for them."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event
from tests.conftest import Databases
from tests.web.books import Books
from tests.web.bulk import NOW, fill

from tieout.engine.queries import cases, close, effects, find, liabilities, overview, payments, records, trace
from tieout.engine.queries.database import Database, connect
from tieout.engine.queries.whereabouts import home_in
from tieout.engine.schema import METADATA
from tieout.kernel.ids import derive, partition_of


def answers(books: Books) -> dict[str, Any]:
    """Every query, asked once."""
    today = books.clock.now().date()
    database = Database(books.url)
    with database.read() as sql:
        found: dict[str, Any] = {
            "overview": overview.overview(sql, today, None),
            "reach": overview.overview(sql, today, ("JP01",)),
            "suppliers": records.list_suppliers(sql, name="adler"),
            "documents": [(one.name, one.status, one.problems) for one in records.list_documents(sql).items],
            "set aside": records.list_set_aside(sql, None),
            "runs": payments.list_runs(sql, None),
            "accounts": payments.list_accounts(sql, None),
            "flying": payments.payments_with_status(sql, payments.IN_FLIGHT, None),
            "effects": effects.list_effects(sql, effects.EffectFilter(), None),
            "blockers": close.blocking_documents(sql, "unposted", "DE01", "2026-05", None, limit=2),
            "totals": close.totals(sql, None),
            "found": find.find(sql, "CS-105", None),
        }
        now = books.clock.now()
        for sort in ("oldest", "newest", "largest", "severity", "due"):
            found[sort] = cases.list_cases(sql, cases.CaseFilter(sort=sort, status=""), None, now)
        for name, wanted in {
            "old": cases.CaseFilter(bucket="8-30"),
            "late": cases.CaseFilter(overdue=True),
            "text": cases.CaseFilter(text="ADLER"),
            "odd text": cases.CaseFilter(text="100%_"),
            "mine": cases.CaseFilter(assignees=("ida", "jun")),
            "of a branch": cases.CaseFilter(spend_category="unspsc:44-12"),
            "of no branch": cases.CaseFilter(spend_category="44"),
            "of a role": cases.CaseFilter(owner_role="treasury", status=""),
        }.items():
            found[f"cases {name}"] = cases.list_cases(sql, wanted, None, now)
        found["every case"] = list(cases.every_case(sql, cases.CaseFilter(status=""), ("DE01",), now))
        found["aging"] = cases.aging(sql, cases.CaseFilter(), None, now)
        found["ages"] = cases.ages(sql, None, now)
        found["late by class"] = cases.overdue_by_class(sql, None, now)
        for stage in ("", "posted", "closed"):
            found[f"invoices {stage}"] = liabilities.list_invoices(
                sql, liabilities.InvoiceFilter(status=stage, limit=5), None
            )
        for text in ("2026-88120", "D-20260519", "PO-1001", "DE01/2026-05", "HP260521"):
            found[text] = trace.trace(sql, text, None, {})
        for case in found["severity"].items:
            found[case.case_id] = trace.events_of_case(sql, case, None)
            assert found[case.case_id], f"the history of {case.case_class} is lost"
    database.close()
    return found


def copy(source: str, target: str) -> None:
    """All rows of one database into another."""
    reading = connect(source, connections_max=1, read_only=True)
    writing = connect(target, connections_max=1, read_only=False)
    with reading.connect() as there, writing.begin() as here:
        for table in METADATA.sorted_tables:
            if found := [row._asdict() for row in there.execute(table.select())]:
                here.execute(table.insert(), found)
    reading.dispose()
    writing.dispose()


@pytest.mark.postgres
@pytest.mark.slow
def test_both_databases_give_the_same_answers(books: Books, tmp_path: Path, postgres_databases: Databases) -> None:
    ours = answers(books)
    with postgres_databases() as url:
        copy(books.url, url)
        there = Books(url, tmp_path / "there", start=books.clock.now())
        theirs = answers(there)
        there.store.close()
    assert ours.keys() == theirs.keys()
    for name in ours:
        assert ours[name] == theirs[name], name


def test_reading_connections_cannot_write(books: Books) -> None:
    from sqlalchemy import text
    from sqlalchemy.exc import OperationalError

    database = Database(books.url)
    with database.read() as sql, pytest.raises(OperationalError, match="readonly"):
        sql.execute(text("DELETE FROM event"))
    database.close()


def test_the_token_moves_with_the_log_and_with_nothing_else(books: Books) -> None:
    database = Database(books.url)
    before = database.token()
    books.store.put_cursor("somewhere", "1", 1)
    assert database.token() == before
    books.compare()
    assert database.token() != before
    database.close()


def test_every_partition_has_a_home() -> None:
    assert [partition_of(home_in(number, 64), 64) for number in range(64)] == list(range(64))


# ── speed: what matters is not the time on this machine but what is looked at ──────────────────────────────────────


@pytest.fixture(scope="module")
def bulk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    url = f"sqlite:///{tmp_path_factory.mktemp('bulk') / 'bulk.db'}"
    fill(url, 3_000)
    database = Database(url)
    yield database
    database.close()


@contextmanager
def plans(database: Database, sql: Any) -> Iterator[list[str]]:
    """What the database says it will do for each query."""
    found: list[str] = []

    def explain(connection: Any, cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
        if statement.lstrip().startswith(("SELECT", "WITH")):
            asked = cursor.connection.execute(f"EXPLAIN QUERY PLAN {statement}", parameters)
            found.extend(row[3] for row in asked.fetchall())

    event.listen(database.engine, "before_cursor_execute", explain)
    yield found
    event.remove(database.engine, "before_cursor_execute", explain)


INVOICE = derive("inv", "4711")


@pytest.mark.parametrize(
    "ask",
    [
        pytest.param(lambda sql: effects.count_open(sql, None), id="open effects"),
        pytest.param(lambda sql: effects.list_effects(sql, effects.EffectFilter(), None), id="dead letters"),
        pytest.param(lambda sql: cases.open_by_class(sql, None), id="open cases"),
        pytest.param(lambda sql: liabilities.payable_by_due(sql, NOW.date(), None), id="due"),
        pytest.param(lambda sql: liabilities.invoices_by_status(sql, None), id="stages"),
        pytest.param(
            lambda sql: liabilities.list_invoices(sql, liabilities.InvoiceFilter(payable=True), None), id="owed"
        ),
        pytest.param(lambda sql: liabilities.invoices_like(sql, "INV-00", None, 20), id="by number"),
        pytest.param(
            lambda sql: close.blocking_documents(sql, "unposted", "DE01", "2026-05", None), id="blocking documents"
        ),
        pytest.param(lambda sql: trace.trace(sql, INVOICE, None, {}), id="trace by our id"),
        pytest.param(lambda sql: trace.trace(sql, "ER-0000711", None, {}), id="trace by the number in the ERP"),
        pytest.param(lambda sql: find.find(sql, "nothing known", None), id="nothing"),
    ],
)
def test_no_large_table_is_read_from_end_to_end(bulk: Database, ask: Any) -> None:
    with bulk.read() as sql, plans(bulk, sql) as found:
        ask(sql)
    assert found
    large = ("event", "effect", "view_invoice", "inbox", "link", "standing")
    scans = [line for line in found if any(line == f"SCAN {table}" for table in large)]
    assert scans == []
