"""Runs the migrations with Alembic, without an ``alembic.ini``: in one transaction, one process at a time."""

import sqlite3
from typing import Any

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.util import CommandError
from sqlalchemy import Connection, create_engine, event, text
from sqlalchemy.pool import NullPool

from tieout.engine.migrations import HEAD
from tieout.engine.migrations.refill import refill
from tieout.kernel.errors import ConfigError

_LOCK = 0x7469656F7574  # "tieout"; any number nobody else locks will do


def config(connection: Connection | None = None) -> Config:
    """Alembic's configuration: the scripts are in this package."""
    made = Config()
    made.set_main_option("script_location", "tieout.engine:migrations")
    made.set_main_option("path_separator", "os")
    made.attributes["connection"] = connection
    return made


def upgrade(url: str, revision: str = "") -> None:
    """Bring the database at this SQLAlchemy URL from its revision (empty: nothing there) to the newest one.

    What follows from the log is made anew in the same transaction, unless another process has been here before us.
    """
    engine = create_engine(url, poolclass=NullPool)
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", _leave_transactions_to_us)
        event.listen(engine, "begin", _begin_immediate)
    try:
        with engine.begin() as connection:
            if engine.dialect.name == "postgresql":
                connection.execute(text("SELECT pg_advisory_xact_lock(:number)"), {"number": _LOCK})
            before = MigrationContext.configure(connection).get_current_revision()
            command.upgrade(config(connection), "head")
            if before not in (None, HEAD):
                refill(connection)
    except CommandError as error:
        raise ConfigError(
            f"the database is at schema revision {revision!r}, which this version of tieout does not know."
            " It was written by a newer one: start that, or restore the backup made before it."
        ) from error
    finally:
        engine.dispose()


def _leave_transactions_to_us(connection: sqlite3.Connection, _: Any) -> None:
    connection.isolation_level = None


def _begin_immediate(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN IMMEDIATE")
