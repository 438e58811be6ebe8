"""PostgreSQL keeps the promises of a store, and a few of its own."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, suppress

import psycopg
import pytest

from tieout.conformance.store import NOW, StoreConformance, event, message
from tieout.engine.schema import METADATA
from tieout.engine.stores.open import open_store
from tieout.engine.stores.port import FencedError, Receipt, Store

pytestmark = pytest.mark.postgres


@pytest.fixture(scope="module")
def shared_database(postgres_databases: Callable[[], AbstractContextManager[str]]) -> Iterator[str]:
    with postgres_databases() as url:
        yield url


class TestPostgres(StoreConformance):
    @pytest.fixture(autouse=True)
    def _database(self, shared_database: str) -> None:
        self.url = shared_database

    def make(self) -> Store:
        with psycopg.connect(self.url, autocommit=True) as sql:
            sql.execute("; ".join(f"DELETE FROM {table}" for table in METADATA.tables))
        return open_store(self.url)


def test_connections_that_the_server_closed_are_replaced(postgres_database: str) -> None:
    store = open_store(postgres_database)
    store.accept([message("a")])
    with store.unit():
        store.depth(1)  # a second connection
    with psycopg.connect(postgres_database, autocommit=True) as sql:
        sql.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'tieout'")
    with pytest.raises(psycopg.OperationalError):
        store.accept([message("b")])
    assert store.accept([message("a"), message("b")]) == [Receipt.DUPLICATE, Receipt.ACCEPTED]
    store.close()


def test_an_error_that_somebody_swallows_is_told_at_the_end(postgres_database: str) -> None:
    store = open_store(postgres_database)
    with store.unit() as unit:
        unit.append([event(1)])
    with pytest.raises(FencedError, match="nothing of it is kept"), store.unit() as unit, suppress(FencedError):
        unit.append([event(1)])
    store.close()


def test_a_server_that_would_forget_acknowledged_messages_is_told_not_to(postgres_database: str) -> None:
    with psycopg.connect(postgres_database, autocommit=True) as sql:
        sql.execute("ALTER ROLE postgres SET synchronous_commit = off")
    try:
        store = open_store(postgres_database)
        with store.unit() as unit:
            assert unit._sql.execute("SHOW synchronous_commit").fetchone() == ("on",)
        store.close()
    finally:
        with psycopg.connect(postgres_database, autocommit=True) as sql:
            sql.execute("ALTER ROLE postgres RESET synchronous_commit")


def test_a_unit_that_is_stopped_in_a_deadlock_is_fenced(postgres_database: str) -> None:
    store = open_store(postgres_database)
    store.claim(["a", "b"], "w1", NOW + 1, NOW)
    with closing(psycopg.connect(postgres_database)) as other, pytest.raises(FencedError):
        lock_crosswise(store, other)
    store.close()


def lock_crosswise(store: Store, other: psycopg.Connection) -> None:
    with store.unit() as unit:
        unit._sql.execute("SET LOCAL deadlock_timeout = '200ms'")
        other.execute("SET LOCAL deadlock_timeout = '1min'")
        unit._sql.execute("UPDATE lease SET until = 1 WHERE name = 'a'")
        other.execute("UPDATE lease SET until = 2 WHERE name = 'b'")
        other.pgconn.send_query(b"UPDATE lease SET until = 2 WHERE name = 'a'")  # it waits, we do not
        unit._sql.execute("UPDATE lease SET until = 1 WHERE name = 'b'")


def test_closing_leaves_no_connection(postgres_database: str) -> None:
    store = open_store(postgres_database)
    with store.unit():
        store.depth(1)
    store.close()
    with psycopg.connect(postgres_database) as sql:
        count = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'tieout'"
        assert sql.execute(f"SELECT pg_sleep(0.05), ({count})").fetchone()[1] == 0
