"""Which store a database URL means, and bringing a database up to date."""

import sqlite3
from contextlib import closing
from functools import cache
from pathlib import Path

from tieout.engine.migrations import HEAD
from tieout.engine.stores.port import Store
from tieout.engine.stores.sqlite import SqliteStore
from tieout.kernel.errors import ConfigError

_REVISION = "SELECT version_num FROM alembic_version"


def open_store(url: str) -> Store:
    """The store at a URL: ``sqlite:///path`` (a fourth slash makes it absolute), ``sqlite://`` (memory) or
    ``postgresql://user@host/database``. Nothing is created or changed; see :func:`prepare`."""
    scheme, rest = _split(url)
    if scheme == "postgresql":
        return _postgres_store(rest)
    return SqliteStore(rest) if rest else memory_store()


def prepare(url: str) -> None:
    """Bring the database to the schema of this version of tieout. Quick when it is there already."""
    scheme, rest = _split(url)
    if scheme == "sqlite" and not rest:
        return
    revision = _postgres_revision(rest) if scheme == "postgresql" else _sqlite_revision(rest)
    if revision != HEAD:
        from tieout.engine.migrations.run import upgrade  # late: Alembic is slow to import and rarely needed

        upgrade(f"postgresql+psycopg://{rest}" if scheme == "postgresql" else f"sqlite:///{rest}", revision)


def memory_store() -> SqliteStore:
    """A new, empty, prepared store in memory: for simulation, tests and what-if. Costs about a millisecond."""
    return SqliteStore(":memory:", image=_empty_image())


@cache
def _empty_image() -> bytes:
    from sqlalchemy import create_engine
    from sqlalchemy.pool import StaticPool

    from tieout.engine.schema import METADATA

    sql = sqlite3.connect(":memory:")
    METADATA.create_all(create_engine("sqlite://", creator=lambda: sql, poolclass=StaticPool))
    return sql.serialize()


def _split(url: str) -> tuple[str, str]:
    """What kind of store, and the rest: a path (empty: memory), or the server and database."""
    scheme, separator, rest = url.partition("://")
    kind = {
        "sqlite": "sqlite",
        "postgresql": "postgresql",
        "postgresql+psycopg": "postgresql",
        "postgres": "postgresql",
    }
    if not separator or scheme not in kind:
        raise ConfigError(
            f"no store is known for a database URL that begins with {scheme.partition(':')[0]!r};"
            " use sqlite:///path/to/file or postgresql://user@host/database"
        )
    if kind[scheme] == "sqlite":
        return "sqlite", rest.removeprefix("/").removeprefix(":memory:")
    return "postgresql", rest


def _postgres_store(rest: str) -> Store:
    try:
        from tieout.engine.stores.postgres import PostgresStore
    except ImportError as error:
        raise ConfigError(f"PostgreSQL needs the extra tieout[postgres] ({error})") from error
    return PostgresStore(f"postgresql://{rest}")


def _sqlite_revision(path: str) -> str:
    if not Path(path).exists():
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        return ""
    with closing(sqlite3.connect(path)) as sql:
        if not sql.execute("SELECT 1 FROM sqlite_master WHERE name = 'alembic_version'").fetchone():
            return ""
        row = sql.execute(_REVISION).fetchone()
    return str(row[0]) if row else ""


def _postgres_revision(rest: str) -> str:
    _postgres_store(rest)  # says what to install when psycopg is missing
    import psycopg

    with psycopg.connect(f"postgresql://{rest}") as sql:
        if sql.execute("SELECT to_regclass('alembic_version') IS NULL").fetchone() == (True,):
            return ""
        row = sql.execute(_REVISION).fetchone()
    return str(row[0]) if row else ""
