"""A pool of read-only connections to the store's database, for everything that only looks."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import ColumnElement, Connection, Engine, create_engine, event, make_url, text, true
from sqlalchemy.pool import QueuePool

Reach = tuple[str, ...] | None
"""The legal entities somebody may see; ``None`` for all of them."""

_BUSY_SECONDS = 30

#: The sum of all partitions' last positions: one look into the primary key per partition, however long the log is.
_HEADS = text(
    """
    WITH RECURSIVE here (number) AS (
        SELECT min("partition") FROM event
        UNION ALL
        SELECT (SELECT min("partition") FROM event WHERE "partition" > number) FROM here WHERE number IS NOT NULL
    )
    SELECT coalesce(sum((SELECT max(position) FROM event WHERE "partition" = number)), 0)
    FROM here WHERE number IS NOT NULL
    """
)


class Database:
    """One pool for one database. Every :meth:`read` is a transaction of its own, so that its numbers agree."""

    def __init__(self, url: str, *, connections_max: int = 8) -> None:
        self.engine = connect(url, connections_max=connections_max, read_only=True)

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A connection that sees one moment of the database."""
        with self.engine.connect() as connection:
            yield connection

    def token(self) -> str:
        """A text that is another one after anything has been added to the log. Cheap enough to ask every second."""
        with self.engine.connect() as connection:
            return str(connection.execute(_HEADS).scalar())

    def close(self) -> None:
        self.engine.dispose()


def connect(url: str, *, connections_max: int, read_only: bool) -> Engine:
    """An engine whose transactions are snapshots; with ``read_only`` the database itself refuses to write."""
    address = make_url(url)
    if address.get_backend_name() == "sqlite":
        return _sqlite(url, connections_max, read_only)
    if address.get_driver_name() != "psycopg":
        address = address.set(drivername="postgresql+psycopg")
    options = {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True} if read_only else {}
    return create_engine(
        address,
        pool_size=connections_max,
        max_overflow=0,
        pool_pre_ping=True,
        execution_options=options,
    )


def _sqlite(url: str, connections_max: int, read_only: bool) -> Engine:
    engine = create_engine(
        url,
        poolclass=QueuePool,
        pool_size=connections_max,
        max_overflow=0,
        connect_args={"timeout": _BUSY_SECONDS, "check_same_thread": False},
    )

    @event.listens_for(engine, "connect")
    def prepare(connection: Any, _: Any) -> None:
        connection.isolation_level = None  # transactions begin below, not where the driver thinks they should
        connection.execute("PRAGMA cache_size=-32768")
        connection.execute("PRAGMA mmap_size=268435456")
        if read_only:
            connection.execute("PRAGMA query_only=ON")
        else:
            connection.execute("PRAGMA synchronous=FULL")

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN" if read_only else "BEGIN IMMEDIATE")

    return engine


def within(reach: Reach, entity: ColumnElement[str], *, shared: bool = False) -> ColumnElement[bool]:
    """The condition that keeps an answer inside a reach; ``shared`` lets rows through that belong to no entity."""
    if reach is None:
        return true()
    return entity.in_((*reach, "") if shared else reach)
