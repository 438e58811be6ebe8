"""The hand-written revisions and the tables that the code sees are the same, on both engines."""

import gzip
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import msgspec
import pytest
from alembic.script import ScriptDirectory
from msgspec.structs import replace
from sqlalchemy import Engine, create_engine, inspect, text
from sqlalchemy.pool import NullPool
from tests.engine.test_duplicates import company
from tests.processes.company import OTHER_IBAN, eur, without_order

from tieout.engine.migrations import HEAD
from tieout.engine.migrations.run import config
from tieout.engine.rebuild import rebuild
from tieout.engine.schema import METADATA
from tieout.engine.seal import verify
from tieout.engine.stores.open import memory_store, open_store, prepare
from tieout.kernel.errors import ConfigError
from tieout.matching.duplicates import Fingerprint, keys_of
from tieout.processes.registry import PROCESSES

WRITTEN_AT_0002 = Path(__file__).parent / "data" / "revision-0002.sql.gz"


def shape(engine: Engine) -> dict[str, Any]:
    """Columns, keys and indexes of every table, as the database itself describes them."""
    found = inspect(engine)
    tables = {
        table: {
            "columns": [{**column, "type": repr(column["type"])} for column in found.get_columns(table)],
            "key": found.get_pk_constraint(table)["constrained_columns"],
            "indexes": sorted(found.get_indexes(table), key=lambda index: index["name"] or ""),
        }
        for table in sorted(found.get_table_names())
        if table != "alembic_version"
    }
    engine.dispose()
    return plain(tables)


def plain(value: Any) -> Any:
    """Conditions of indexes are SQL expressions, which know no equality; their text does."""
    match value:
        case dict():
            return {name: plain(inner) for name, inner in value.items()}
        case list() | tuple():
            return [plain(inner) for inner in value]
        case None | bool() | int() | str():
            return value
        case _:
            return str(value)


def drawn(engine: Engine) -> dict[str, Any]:
    METADATA.create_all(engine)
    return shape(engine)


def test_sqlite_is_migrated_to_what_the_code_sees(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/new/tieout.db"
    prepare(url)
    migrated = shape(create_engine(url))
    assert migrated == drawn(create_engine("sqlite://"))
    assert "status = 'ready' AND due_at = 0" in str(migrated["inbox"]["indexes"])


@pytest.mark.postgres
def test_postgres_is_migrated_to_what_the_code_sees(postgres_database: str, postgres_empty: str) -> None:
    migrated = shape(create_engine(open_store(postgres_database).url))
    assert migrated == drawn(create_engine(open_store(postgres_empty).url))
    assert "collation='C'" in str(migrated["state"]["columns"])


def test_a_second_run_changes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "tieout.db"
    prepare(f"sqlite:///{path}")
    before = path.read_bytes()
    prepare(f"sqlite:///{path}")
    assert path.read_bytes() == before


@pytest.mark.postgres
def test_two_processes_may_prepare_one_database_at_once(postgres_empty: str) -> None:
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(prepare, [postgres_empty] * 4))
    engine = create_engine(open_store(postgres_empty).url, poolclass=NullPool)
    with engine.connect() as sql:
        assert sql.execute(text("SELECT version_num FROM alembic_version")).scalars().all() == [HEAD]


def test_two_processes_may_prepare_one_file_at_once(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/tieout.db"
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(prepare, [url] * 4))
    prepare(url)


def test_a_migration_that_fails_leaves_nothing(tmp_path: Path) -> None:
    path = tmp_path / "tieout.db"
    with sqlite3.connect(path) as sql:
        sql.execute("CREATE TABLE view_period (in_the TEXT, way TEXT)")  # the last table that the revision creates
    with pytest.raises(Exception, match="view_period"):
        prepare(f"sqlite:///{path}")
    with sqlite3.connect(path) as sql:
        assert sql.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall() == [("view_period",)]


def test_what_an_older_version_wrote_is_understood_as_of_today(tmp_path: Path) -> None:
    """A simulated month that was written at revision 0002: events keep their bytes, all that follows is made anew."""
    path = tmp_path / "tieout.db"
    with sqlite3.connect(path) as sql:
        sql.executescript(gzip.decompress(WRITTEN_AT_0002.read_bytes()).decode())
        events = rows_of(sql, "event")
        payloads = sorted(sql.execute("SELECT id, payload FROM effect").fetchall())
        since = {tuple(row[:4]): row[-1] for row in rows_of(sql, "standing")}
    prepare(f"sqlite:///{path}")
    with sqlite3.connect(path) as sql:
        assert rows_of(sql, "event") == events
        assert rows_of(sql, "effect_payload") == payloads != []
        assert {row[0] for row in sql.execute("SELECT DISTINCT process FROM state")} >= {"hands", "open_orders"}
        assert not sql.execute("SELECT 1 FROM state WHERE process = 'number'").fetchone()
        assert {tuple(row[:4]): row[-1] for row in rows_of(sql, "standing")} == since
        assert len(rows_of(sql, "fingerprint")) == len(rows_of(sql, "view_invoice")) > 0
    store = open_store(f"sqlite:///{path}")
    assert verify(store).sound
    assert rebuild(store, PROCESSES).differences == ()
    store.close()


def test_fingerprints_without_a_net_total_are_made_anew(tmp_path: Path) -> None:
    """At revision 0007 nothing was kept of the net total: what came then is found by it afterwards."""
    url = f"sqlite:///{tmp_path}/tieout.db"
    prepare(url)
    made = company(open_store(url))
    made.told_and_approved("inv-a", without_order(number="R-1012"))
    made.run()
    made.store.close()
    with sqlite3.connect(tmp_path / "tieout.db") as sql:
        kept = rows_of(sql, "fingerprint"), rows_of(sql, "likeness")
        ((_, _, data),) = kept[0]
        (key,) = _net_keys(data)
        sql.execute("UPDATE fingerprint SET data = ?", (msgspec.json.encode(msgspec.json.decode(data)[:-1]),))
        sql.execute("DELETE FROM likeness WHERE key = ?", (key,))
        sql.execute("UPDATE alembic_version SET version_num = '0007'")
    prepare(url)
    again = open_store(url)
    with sqlite3.connect(tmp_path / "tieout.db") as sql:
        assert (rows_of(sql, "fingerprint"), rows_of(sql, "likeness")) == kept
    assert rebuild(again, PROCESSES).differences == ()
    made.store = again
    net = without_order(number="R-1O12", gross=eur("100.00"))
    made.told_and_approved("inv-b", net)
    made.run()
    assert made.statuses()["inv-b"] == "suspect"
    again.close()


def _net_keys(data: bytes) -> set[int]:
    """The keys that a fingerprint is kept under since it holds the net total."""
    now = msgspec.json.decode(data, type=Fingerprint)
    assert now.net_minor == 10_000
    return set(keys_of(now)) - set(keys_of(replace(now, net_minor=0)))


@pytest.mark.postgres
def test_postgres_makes_anew_what_follows_from_the_log(postgres_database: str) -> None:
    made = company(open_store(postgres_database))
    for number in ("R-1", "R-2", "R-3"):
        made.told_and_approved(f"inv-{number}", without_order(number=number, payee_account=OTHER_IBAN))
    made.run()
    names = [row["id"] for row in made.store.read_table("effect", None)]
    written = made.store.effects(names)
    assert all(effect.payload for effect in written)
    engine = create_engine(made.store.url, poolclass=NullPool)
    with engine.begin() as sql:
        sql.execute(text("DELETE FROM likeness"))
        sql.execute(text("UPDATE total SET count = 7"))
        sql.execute(text("UPDATE view_case SET owner_role = ''"))
        sql.execute(text("UPDATE alembic_version SET version_num = '0004'"))
    assert {one.table for one in rebuild(made.store, PROCESSES).differences} == {"likeness", "total", "view_case"}
    with engine.begin() as sql:
        sql.execute(text("DROP TABLE view_prediction"))
        sql.execute(text("ALTER TABLE effect ADD COLUMN payload BYTEA"))
        sql.execute(
            text(
                "UPDATE effect SET payload = effect_payload.payload FROM effect_payload WHERE effect_payload.id = effect.id"
            )
        )
        sql.execute(text("DROP TABLE effect_payload"))
    prepare(postgres_database)
    assert made.store.effects(names) == written
    assert rebuild(made.store, PROCESSES).differences == ()
    made.store.close()


def rows_of(sql: sqlite3.Connection, table: str) -> list[Any]:
    return sorted(sql.execute(f"SELECT * FROM {table}").fetchall())


def test_a_database_of_a_newer_version_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "tieout.db"
    prepare(f"sqlite:///{path}")
    with sqlite3.connect(path) as sql:
        sql.execute("UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(ConfigError, match=r"'9999'.*newer"):
        prepare(f"sqlite:///{path}")


def test_the_head_that_the_code_names_is_the_newest_script() -> None:
    assert ScriptDirectory.from_config(config()).get_heads() == [HEAD]


def test_memory_has_the_same_tables() -> None:
    created = memory_store().connection.execute("SELECT sql FROM sqlite_master WHERE sql IS NOT NULL").fetchall()
    engine = create_engine("sqlite://")
    METADATA.create_all(engine)
    with engine.connect() as sql:
        assert created == [
            tuple(row) for row in sql.execute(text("SELECT sql FROM sqlite_master WHERE sql IS NOT NULL"))
        ]


@pytest.mark.parametrize("url", ["mysql://root@db/tieout", "tieout.db", "postgres:tieout"])
def test_an_unknown_url_says_what_would_do(url: str) -> None:
    with pytest.raises(ConfigError, match="sqlite:///path"):
        open_store(url)
